//! The floor plan: who may depend on whom.
//!
//! Here: the plan as data, the one function that reads it, and the check of all edges. The same plan
//! in words is in ARCHITECTURE.md. To allow an edge, add a line to [`NEIGHBOURS`] and argue for it
//! in the commit.

use super::Finding;
use super::manifests::Member;

/// The floors, ground first. A crate may depend on the floors before its own.
const FLOORS: &[&str] = &[
    "protocol", "machines", "stores", "services", "edges", "programs",
];

/// The only edges inside a floor.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("protocol/codec", "protocol/types"),
    ("protocol/ride-code", "protocol/types"),
    ("protocol/ride-code", "protocol/codec"),
    ("protocol/ride-code", "protocol/crypto"),
    ("protocol/exchange-file", "protocol/types"),
    ("protocol/exchange-file", "protocol/codec"),
    ("protocol/exchange-file", "protocol/crypto"),
    ("protocol/apdu", "protocol/codec"),
    ("protocol/purse", "protocol/types"),
    ("protocol/purse", "protocol/codec"),
    ("protocol/purse", "protocol/crypto"),
    ("protocol/purse", "protocol/apdu"),
    ("protocol/ecash", "protocol/types"),
    ("protocol/ecash", "protocol/codec"),
    ("protocol/ecash", "protocol/crypto"),
    ("protocol/ecash", "protocol/apdu"),
    ("protocol/globalplatform", "protocol/types"),
    ("protocol/globalplatform", "protocol/codec"),
    ("protocol/globalplatform", "protocol/crypto"),
    ("protocol/globalplatform", "protocol/apdu"),
    ("protocol/psam", "protocol/codec"),
    ("protocol/psam", "protocol/crypto"),
    ("protocol/psam", "protocol/apdu"),
    ("protocol/psam", "protocol/purse"),
    ("protocol/pos-key", "protocol/codec"),
    ("protocol/pos-key", "protocol/crypto"),
    ("protocol/tap-record", "protocol/types"),
    ("protocol/tap-record", "protocol/codec"),
    ("protocol/tap-record", "protocol/crypto"),
    ("protocol/tap-record", "protocol/apdu"),
    ("protocol/tap-record", "protocol/purse"),
    ("protocol/tap-record", "protocol/psam"),
    ("protocol/tap-record", "protocol/ecash"),
    ("protocol/nfc-code", "protocol/types"),
    ("protocol/nfc-code", "protocol/codec"),
    ("protocol/nfc-code", "protocol/crypto"),
    ("protocol/nfc-code", "protocol/apdu"),
    ("protocol/identity", "protocol/types"),
    ("protocol/identity", "protocol/codec"),
    ("protocol/identity", "protocol/crypto"),
    ("protocol/identity", "protocol/apdu"),
    ("protocol/envelope", "protocol/types"),
    ("protocol/envelope", "protocol/codec"),
    ("protocol/envelope", "protocol/crypto"),
    ("machines/clearing", "machines/ledger"),
    ("machines/terminal", "machines/fare"),
    ("machines/sam", "machines/card"),
    ("machines/terminal", "machines/blacklist"),
    ("stores/keyroom", "stores/hsm"),
    ("stores/keyroom", "stores/power"),
    ("stores/journal", "stores/power"),
    ("edges/config", "edges/link"),
    ("edges/http", "edges/api"),
    ("edges/http", "edges/link"),
    ("edges/door", "edges/api"),
    ("edges/door", "edges/http"),
    ("edges/sam-pool", "edges/reader"),
    ("edges/sam-pool", "edges/link"),
];

/// Crates that depend on no other crate of ours, so that they can be taken out and used alone.
const ALONE: &[&str] = &[
    "protocol/types",
    "protocol/crypto",
    "edges/symbol",
    "edges/api",
    "edges/reader",
    "xtask",
];

/// Beside the house: may use every floor but the programs, and is used by tests.
const KIT: &str = "kit";

/// The only uses of the kit outside tests: the demo *is* that world.
const KIT_IN_THE_PRODUCT: &[(&str, &str)] = &[("programs/tongtu", "kit/world")];

/// How one crate depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In `[dependencies]` or `[build-dependencies]`.
    Product,
    /// In `[dev-dependencies]`.
    Test,
}

/// Checks every edge between two members.
pub(super) fn check(members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in members {
        if place_of(&member.folder).is_none() {
            findings.push(Finding::new(
                &member.manifest,
                0,
                format!("the folder of `{}` is on no floor", member.package),
                format!("move it to one of {}, {KIT}, xtask", FLOORS.join(", ")),
            ));
            continue;
        }
        for dependency in &member.dependencies {
            let Some(to) = members
                .iter()
                .find(|other| other.package == dependency.package)
            else {
                continue;
            };
            if place_of(&to.folder).is_none() {
                continue;
            }
            if let Err(why) = allows(&member.folder, &to.folder, dependency.kind) {
                findings.push(Finding::new(
                    &member.manifest,
                    dependency.line,
                    format!(
                        "the floor plan has no edge {} -> {}: {why}",
                        member.folder, to.folder
                    ),
                    "turn the dependency round, pass bytes or events instead, or argue for a new \
                     line in xtask/src/tidy/floors.rs",
                ));
            }
        }
    }
    findings
}

/// Where a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Floor(usize),
    Kit,
    Xtask,
}

fn place_of(folder: &str) -> Option<Place> {
    let first = folder.split('/').next().unwrap_or_default();
    match first {
        "xtask" => Some(Place::Xtask),
        KIT => Some(Place::Kit),
        _ => FLOORS
            .iter()
            .position(|floor| *floor == first)
            .map(Place::Floor),
    }
}

/// Whether the plan has an edge between two folders; the error says why not.
fn allows(from: &str, to: &str, kind: Kind) -> Result<(), String> {
    let (Some(from_place), Some(to_place)) = (place_of(from), place_of(to)) else {
        return Err(String::from("one of the two is on no floor"));
    };
    match (from_place, to_place) {
        _ if from == to => Err(String::from("a crate does not depend on itself")),
        (_, Place::Xtask) => Err(String::from("nothing depends on xtask")),
        (Place::Xtask, _) => Err(String::from("xtask depends on no crate of the product")),

        (Place::Kit, Place::Kit) => Ok(()),
        (Place::Kit, Place::Floor(_)) if to.starts_with("programs/") => {
            Err(String::from("the kit may use everything but the programs"))
        }
        (Place::Kit, Place::Floor(_)) => Ok(()),

        (Place::Floor(_), Place::Kit) => {
            if kind == Kind::Test || KIT_IN_THE_PRODUCT.contains(&(from, to)) {
                return Ok(());
            }
            Err(String::from(
                "the kit is for tests and stands beside the product, not under it",
            ))
        }

        (Place::Floor(own), Place::Floor(other)) => match (kind, other.cmp(&own)) {
            (_, std::cmp::Ordering::Greater) => {
                Err(format!("{} comes after {}", FLOORS[other], FLOORS[own]))
            }
            (Kind::Test, _) => Ok(()),
            (Kind::Product, _) if ALONE.contains(&from) => {
                Err(format!("{from} depends on no crate of ours"))
            }
            (Kind::Product, std::cmp::Ordering::Less) => Ok(()),
            (Kind::Product, std::cmp::Ordering::Equal) => {
                if NEIGHBOURS.contains(&(from, to)) {
                    return Ok(());
                }
                Err(format!(
                    "they are not declared neighbours on {}",
                    FLOORS[own]
                ))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifests::Dependency;
    use super::*;

    /// One edge a line: from, to, product or test, and a word of the verdict (`ok` if allowed).
    const EDGES: &str = "
        protocol/codec          protocol/types      product  ok
        protocol/ride-code      protocol/crypto     product  ok
        protocol/exchange-file  protocol/codec      product  ok
        machines/clearing       protocol/types      product  ok
        machines/clearing       machines/ledger     product  ok
        machines/terminal       machines/fare       product  ok
        machines/keyring        protocol/ride-code  product  ok
        stores/sql              machines/ledger     product  ok
        stores/journal          protocol/codec      product  ok
        stores/keyroom          stores/hsm          product  ok
        services                stores/sql          product  ok
        edges/http              edges/api           product  ok
        edges/http              services            product  ok
        programs/tongtu         edges/symbol        product  ok
        programs/tongtu         kit/world           product  ok
        kit/world               edges/http          product  ok
        kit/fixtures            protocol/types      product  ok
        kit/world               kit/fixtures        product  ok
        protocol/types          kit/fixtures        test     ok
        protocol/types          protocol/codec      test     ok
        machines/fare           machines/ledger     test     ok
        edges/symbol            protocol/ride-code  test     ok
        programs/tongtu         kit/fixtures        test     ok

        protocol/types          stores/sql          product  stores comes after protocol
        protocol/ride-code      machines/terminal   product  machines comes after protocol
        protocol/codec          protocol/crypto     product  not declared neighbours
        protocol/crypto         protocol/types      product  depends on no crate of ours
        protocol/types          protocol/codec      product  depends on no crate of ours
        protocol/codec          protocol/ride-code  product  not declared neighbours
        machines/ledger         machines/clearing   product  not declared neighbours
        machines/ledger         machines/fare       product  not declared neighbours
        machines/audit          machines/keyring    product  not declared neighbours
        machines/terminal       stores/journal      product  stores comes after machines
        stores/sql              stores/journal      product  not declared neighbours
        stores/sql              services            product  services comes after stores
        services                edges/api           product  edges comes after services
        edges/symbol            protocol/types      product  depends on no crate of ours
        edges/api               protocol/types      product  depends on no crate of ours
        edges/api               edges/http          product  depends on no crate of ours
        edges/http              edges/symbol        product  not declared neighbours
        edges/http              programs/tongtu     product  programs comes after edges
        services                kit/fixtures        product  the kit is for tests
        edges/http              kit/world           product  the kit is for tests
        programs/tongtu         kit/fixtures        product  the kit is for tests
        kit/world               programs/tongtu     product  everything but the programs
        kit/world               programs/tongtu     test     everything but the programs
        machines/fare           stores/sql          test     stores comes after machines
        xtask                   protocol/types      product  xtask depends on no crate
        xtask                   kit/fixtures        test     xtask depends on no crate
        services                xtask               product  nothing depends on xtask
    ";

    #[test]
    fn every_edge_has_the_verdict_of_the_plan() {
        for row in EDGES.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let words: Vec<&str> = row.split_whitespace().collect();
            let kind = match words[2] {
                "product" => Kind::Product,
                "test" => Kind::Test,
                other => panic!("{row}: what is {other}?"),
            };
            let expected = words[3..].join(" ");
            match allows(words[0], words[1], kind) {
                Ok(()) => assert_eq!(expected, "ok", "{row}: allowed"),
                Err(why) => assert!(why.contains(&expected), "{row}: refused: {why}"),
            }
        }
    }

    #[test]
    fn every_declared_edge_is_on_one_floor_and_has_no_way_back() {
        for (from, to) in NEIGHBOURS {
            assert_eq!(
                place_of(from),
                place_of(to),
                "{from} -> {to} leaves its floor"
            );
            assert!(
                !NEIGHBOURS.contains(&(to, from)),
                "{from} and {to} depend on each other"
            );
            assert!(!ALONE.contains(from), "{from} is said to stand alone");
        }
    }

    fn member(folder: &str, package: &str, dependencies: Vec<Dependency>) -> Member {
        Member {
            folder: folder.to_owned(),
            package: package.to_owned(),
            manifest: format!("{folder}/Cargo.toml"),
            dependencies,
        }
    }

    #[test]
    fn names_the_edge_and_its_line() {
        let edge = Dependency {
            key: String::from("tongtu-sql"),
            package: String::from("tongtu-sql"),
            kind: Kind::Product,
            through_workspace: true,
            line: 12,
        };
        let members = [
            member("protocol/types", "tongtu-types", vec![edge]),
            member("stores/sql", "tongtu-sql", Vec::new()),
        ];
        let findings = check(&members);
        assert_eq!(findings.len(), 1);
        let text = findings[0].to_string();
        assert!(text.starts_with("protocol/types/Cargo.toml:12: "), "{text}");
        assert!(text.contains("protocol/types -> stores/sql"), "{text}");
    }

    #[test]
    fn a_crate_outside_the_house_is_found() {
        let findings = check(&[member("cellar/pipes", "tongtu-pipes", Vec::new())]);
        assert!(
            findings[0].what.contains("on no floor"),
            "{:?}",
            findings[0]
        );
    }
}
