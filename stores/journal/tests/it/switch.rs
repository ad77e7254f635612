//! Lists change over while the power fails: whatever is left on the devices, the terminal comes
//! back with one whole bundle and one whole blacklist, and cards and codes are judged by them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tongtu_blacklist::{Blacklist, Issue, ListedNumber, Span, file};
use tongtu_journal::{BlacklistStore, Journal, SimMedium, Survival, Twin};
use tongtu_purse::field::{Institution, Serial};
use tongtu_terminal::lists::{AcceptedIssuer, CardKinds, InteropRule, IssuerPattern};
use tongtu_terminal::tap::Snapshot;
use tongtu_terminal::{CardLists, Held, ListBook, ListBundle, RecordStore as _};
use tongtu_types::{CardNumber, InstitutionCode};

use crate::fixture::{City, T0, key, open, survivals};

const LAST: u64 = 4;

/// Two files of the bundle, two of the blacklist, its deltas, the journal.
type Devices = [SimMedium; 6];

fn acquirer() -> InstitutionCode {
    InstitutionCode::parse("11345810").unwrap()
}

fn issuer(version: u64) -> Institution {
    let [a, b] = u16::try_from(version).unwrap().to_be_bytes();
    Institution([a, b, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF])
}

fn card(n: u64) -> CardNumber {
    CardNumber::parse(&format!("310458109999{n:07}")).unwrap()
}

/// Bundle `version` accepts cards of issuer `version` alone, and its bus costs so many yuan; so
/// does a code's ride.
fn bundle(city: &City, version: u64) -> Vec<u8> {
    let mut cards = CardLists::default();
    cards.cities.version = u32::try_from(version).unwrap();
    let rule = AcceptedIssuer {
        kinds: CardKinds::ALL,
        interop: InteropRule::Any,
    };
    cards
        .cities
        .accept(IssuerPattern::of(issuer(version)), rule);
    let book = format!(
        "fare-book 1\ncity 5810 | 广州 | Guangzhou\nversion {version}\n\
         effective 2018-01-01\ncurrency CNY\nflat B00001 | 1路 | Bus 1 | {version}.00\n"
    );
    let first = ListBundle::open(city.bundle(), key("list").public()).unwrap();
    let bundle = ListBundle {
        version,
        cards,
        fare_books: vec![book],
        ..first
    };
    bundle.sign(&key("list")).unwrap()
}

/// Blacklist `version` has the cards `version` to `version + 9`.
fn blacklist(version: u64) -> Vec<u8> {
    let issue = Issue {
        acquirer: acquirer(),
        version,
        issued_at: T0,
    };
    let span = |n| Span::single(ListedNumber::of(&card(n)));
    let spans = (version..version + 10).map(span);
    file::full(issue, spans, &key("list")).unwrap()
}

/// Everything that is signed, once.
struct Files {
    bundles: Vec<Vec<u8>>,
    blacklists: Vec<Vec<u8>>,
}

impl Files {
    fn new(city: &City) -> Self {
        Self {
            bundles: (1..=LAST).map(|version| bundle(city, version)).collect(),
            blacklists: (1..=LAST).map(blacklist).collect(),
        }
    }
}

fn devices() -> Devices {
    [(); 6].map(|()| SimMedium::new())
}

/// Takes all lists, one after the other, until the power fails: kept first, then taken, as a
/// terminal does. Which versions it had when it went dark.
fn life(devices: &Devices, files: &Files) -> (u64, u64) {
    lived(devices, files).unwrap_or_else(|so_far| so_far)
}

fn lived(devices: &Devices, files: &Files) -> Result<(u64, u64), (u64, u64)> {
    let [a, b, c, d, deltas, journal] = devices.clone();
    let mut done = (0, 0);
    let mut journal = open(&journal).map_err(|_| done)?;
    let mut bundles = Twin::open([a, b]).map_err(|_| done)?;
    let mut blacklists = Twin::open([c, d])
        .and_then(|twin| BlacklistStore::open(twin, deltas))
        .map_err(|_| done)?;
    let mut book = ListBook::new(acquirer(), key("list").public().clone());
    for (version, (bundle, blacklist)) in (1..).zip(files.bundles.iter().zip(&files.blacklists)) {
        bundles.keep(bundle).map_err(|_| done)?;
        book.apply_bundle(bundle, T0, &mut journal)
            .map_err(|_| done)?;
        done.0 = version;
        let length = u64::try_from(blacklist.len()).unwrap();
        let kept = blacklists.begin_full(length).and_then(|mut writer| {
            for piece in blacklist.chunks(50) {
                writer.push(piece)?;
            }
            writer.commit()
        });
        kept.map_err(|_| done)?;
        done.1 = version;
    }
    Ok(done)
}

/// The terminal starts again with what is on the devices.
struct Back {
    held: Option<Arc<Held>>,
    blacklist: Blacklist,
    journal: Journal<SimMedium>,
    bundle: Option<Vec<u8>>,
}

fn back(devices: &Devices) -> Back {
    let [a, b, c, d, deltas, journal] = devices.clone();
    let mut journal = open(&journal).unwrap();
    let list_key = key("list").public().clone();
    let mut book = ListBook::new(acquirer(), list_key.clone());
    let bundle = Twin::open([a, b]).unwrap().load().unwrap();
    if let Some(bundle) = &bundle {
        // Never refused as older than what was taken before.
        book.apply_bundle(bundle, T0, &mut journal).unwrap();
    }
    let store = BlacklistStore::open(Twin::open([c, d]).unwrap(), deltas).unwrap();
    let restored = store.restore(&list_key, acquirer()).unwrap();
    assert_eq!(restored.refused, None);
    if restored.list.version() > 0 {
        book.apply_card_blacklist(restored.list, T0).unwrap();
    }
    Back {
        held: book.held().cloned(),
        blacklist: book.card_blacklist().clone(),
        journal,
        bundle,
    }
}

impl Back {
    /// Both lists whole, each of one version; which.
    fn versions(&self, what: &str) -> (u64, u64) {
        let listed = self.blacklist.version();
        let numbers = if listed == 0 { 0 } else { 10 };
        assert_eq!(self.blacklist.numbers(), numbers, "{what}");
        let Some(held) = &self.held else {
            return (0, listed);
        };
        let version = held.version();
        let snapshot = Snapshot::of(held);
        let short = u32::try_from(version).unwrap();
        let versions = snapshot.lists.versions();
        assert_eq!((versions.parameters, versions.white_list), (short, short));
        assert_eq!(u64::from(versions.blacklist), listed, "{what}");
        for of in [version - 1, version, version + 1] {
            let stands = snapshot.lists.standing(issuer(of)).is_some();
            assert_eq!(stands, of == version, "{what}: issuer {of}");
        }
        for (n, is_listed) in [
            (listed.wrapping_sub(1), false),
            (listed, listed > 0),
            (listed + 9, listed > 0),
            (listed + 10, false),
        ] {
            if n < 100 {
                let serial = Serial::of(&card(n));
                let found = snapshot.lists.is_blacklisted(serial);
                assert_eq!(found, is_listed, "{what}: card {n}");
            }
        }
        let terms = held.terms(T0);
        let book = terms.fare_book().unwrap();
        assert_eq!(book.version(), short, "{what}");
        assert_eq!(
            self.journal.lists_mark().unwrap().version,
            version,
            "{what}"
        );
        (version, listed)
    }
}

#[test]
fn lists_are_whole_after_tears_all_over_their_change() {
    let city = City::new();
    let files = Files::new(&city);
    let whole = devices();
    assert_eq!(life(&whole, &files), (LAST, LAST));
    let mut had = BTreeSet::new();
    for torn in 0..whole.len() {
        let cost = whole[torn].spent();
        // Every place of a few bytes, each with another survival: signatures take their time, and
        // what is kept twice is torn at every byte in `twin`.
        let places = (0..cost).step_by(11);
        for (units, survival) in places.zip(survivals().iter().cycle()) {
            let after = devices();
            after[torn].set_power(units);
            let promised = life(&after, &files);
            let left = after.map(|device| device.reboot(survival));
            let what = format!("{units} of {cost} on {torn}, {survival:?}");
            let (bundle, listed) = back(&left).versions(&what);
            let (held, had_listed) = promised;
            assert!(bundle == held || bundle == held + 1, "{what}: {bundle}");
            assert!(listed == had_listed || listed == had_listed + 1, "{what}");
            had.insert(promised);
        }
    }
    // The power failed between any two of them.
    let both = |n| [(n, n), (n + 1, n)];
    let between: BTreeSet<_> = (0..LAST).flat_map(both).collect();
    assert!(had.is_superset(&between), "{had:?}");
}

#[test]
fn a_code_is_charged_by_the_lists_that_are_left_after_a_tear() {
    let city = City::new();
    let files = Files::new(&city);
    let whole = devices();
    life(&whole, &files);
    let code = city.rider(1).code_at(T0);
    let mut charged = BTreeSet::new();
    for torn in [0, 1, 5] {
        let cost = whole[torn].spent();
        for units in (0..cost).step_by(101) {
            let after = devices();
            after[torn].set_power(units);
            let (had, _) = life(&after, &files);
            let left = after.map(|device| device.reboot(&Survival::Prefix(13)));
            let back = back(&left);
            let Some(bundle) = back.bundle else {
                assert_eq!(had, 0);
                continue;
            };
            let mut journal = back.journal;
            let mut terminal = city.start_with(&mut journal, &bundle);
            let outcome = crate::fixture::scan(&mut terminal, &mut journal, &code, T0.plus_s(3));
            let ride = outcome.ride().unwrap();
            let version = u64::from(ride.record.fare_version);
            assert!(version == had || version == had + 1, "{units} on {torn}");
            assert_eq!(
                ride.record.amount.get(),
                i64::try_from(version).unwrap() * 100
            );
            charged.insert(version);
        }
    }
    assert_eq!(charged.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
}
