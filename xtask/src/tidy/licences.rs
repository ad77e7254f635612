//! What the tree of dependencies may hold, by deny.toml.
//!
//! Here: licences, bans and sources, so that a plain Rust installation is enough to check them. Not
//! here: advisories, which need a database from elsewhere; cargo-deny reads the same file and knows
//! them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::Value as Json;
use toml::{Table, Value as Toml};

use super::Finding;
use super::expression;
use crate::repo::{Repo, must};

const RULES: &str = "deny.toml";
/// The product's, and that of the targets for a fuzzer, which has a lock of its own.
const WORKSPACES: [&str; 2] = ["Cargo.toml", "fuzz/Cargo.toml"];
/// How cargo writes that a package comes from its registry, and not from a repository.
const REGISTRY: &str = "registry+";

/// What deny.toml says, as far as it is read here.
#[derive(Debug)]
struct Rules {
    targets: Vec<String>,
    allowed: BTreeSet<String>,
    /// Packages that may have further licences, each with those licences.
    exceptions: Vec<(String, Vec<String>)>,
    /// Banned package names, each with the reason given.
    banned: Vec<(String, String)>,
}

/// Checks every package that the product or its tests are built from.
pub(super) fn check(repo: &Repo) -> Result<Vec<Finding>> {
    let text = fs::read_to_string(repo.path(RULES)).context("cannot read deny.toml")?;
    let rules = Rules::parse(&text)?;
    let mut findings = Vec::new();
    for manifest in WORKSPACES {
        findings.extend(judge(&metadata(repo, &rules, manifest)?, &rules));
    }
    Ok(findings)
}

/// Runs cargo-deny over the same rules where it is installed.
pub(super) fn run_cargo_deny(repo: &Repo) -> Result<()> {
    if !repo.has_cargo_subcommand("deny") {
        return Ok(());
    }
    must(
        repo.cargo()
            .args(["deny", "--locked", "check", "bans", "licenses", "sources"]),
    )
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().context("deny.toml is not good TOML")?;
        let list = |section: &str, key: &str| -> Result<&Vec<Toml>> {
            table
                .get(section)
                .and_then(|section| section.get(key))
                .and_then(Toml::as_array)
                .with_context(|| format!("deny.toml has no list [{section}] {key}"))
        };
        let names = |values: &[Toml]| -> Vec<String> {
            values
                .iter()
                .filter_map(Toml::as_str)
                .map(str::to_owned)
                .collect()
        };
        let exceptions = match list("licenses", "exceptions") {
            Ok(entries) => entries.iter().map(exception).collect::<Result<_>>()?,
            Err(_) => Vec::new(),
        };
        let banned = list("bans", "deny")?
            .iter()
            .map(banned)
            .collect::<Result<_>>()?;
        Ok(Self {
            targets: names(list("graph", "targets")?),
            allowed: names(list("licenses", "allow")?).into_iter().collect(),
            exceptions,
            banned,
        })
    }

    /// The licences that one package may have.
    fn allowed_for(&self, package: &str) -> BTreeSet<String> {
        let further = self.exceptions.iter().filter(|(name, _)| name == package);
        let further = further.flat_map(|(_, licences)| licences.iter().cloned());
        self.allowed.iter().cloned().chain(further).collect()
    }
}

/// An entry is a table with a package and the licences that it alone may have.
fn exception(entry: &Toml) -> Result<(String, Vec<String>)> {
    let package = entry
        .get("crate")
        .or_else(|| entry.get("name"))
        .and_then(Toml::as_str)
        .context("an entry of [licenses] exceptions has no crate")?;
    let licences = entry
        .get("allow")
        .and_then(Toml::as_array)
        .with_context(|| format!("the exception for {package} allows nothing"))?;
    let licences = licences.iter().filter_map(Toml::as_str).map(str::to_owned);
    Ok((package.to_owned(), licences.collect()))
}

/// An entry is a name, or a table with the name and a reason.
fn banned(entry: &Toml) -> Result<(String, String)> {
    let text = |key: &str| entry.get(key).and_then(Toml::as_str);
    let name = entry
        .as_str()
        .or_else(|| text("crate"))
        .or_else(|| text("name"))
        .context("an entry of [bans] deny has no crate")?;
    Ok((
        name.to_owned(),
        text("reason").unwrap_or("no reason given").to_owned(),
    ))
}

fn metadata(repo: &Repo, rules: &Rules, manifest: &str) -> Result<Json> {
    let mut command = repo.cargo();
    command.args(["metadata", "--format-version=1", "--locked"]);
    command.args(["--manifest-path", manifest]);
    for target in &rules.targets {
        command.args(["--filter-platform", target]);
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed; is the Cargo.lock beside {manifest} up to date?");
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata wrote something unexpected")
}

fn judge(tree: &Json, rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    let packages = tree["packages"].as_array().map_or(&[][..], Vec::as_slice);
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let shown = format!("{name} {}", package["version"].as_str().unwrap_or_default());
        let users = || {
            let users = users_of(tree, package["id"].as_str().unwrap_or_default());
            format!("{shown} is here because of {}", users.join(", "))
        };
        let mut found = |what: String| findings.push(Finding::new(RULES, 0, what, users()));

        match package["license"].as_str() {
            None => found(format!("{shown} names no licence")),
            Some(licence) => match expression::is_met(licence, &rules.allowed_for(name)) {
                Ok(true) => {}
                Ok(false) => {
                    found(format!(
                        "{shown} is under {licence}, which [licenses] does not allow"
                    ));
                }
                Err(why) => found(format!(
                    "{shown}: cannot read the licence `{licence}`: {why}"
                )),
            },
        }
        if let Some((_, reason)) = rules.banned.iter().find(|(banned, _)| banned == name) {
            found(format!("{shown} is banned: {reason}"));
        }
        // Our own packages have no source.
        if package["source"]
            .as_str()
            .is_some_and(|source| !source.starts_with(REGISTRY))
        {
            found(format!("{shown} does not come from the registry"));
        }
    }
    findings
}

/// The packages that ask for one directly.
fn users_of(tree: &Json, id: &str) -> Vec<String> {
    let nodes = tree["resolve"]["nodes"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let asks = |node: &&Json| {
        node["dependencies"]
            .as_array()
            .is_some_and(|list| list.iter().any(|entry| entry == id))
    };
    let ids: BTreeSet<&str> = nodes
        .iter()
        .filter(asks)
        .filter_map(|node| node["id"].as_str())
        .collect();
    let packages = tree["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let names = packages
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| ids.contains(id)))
        .filter_map(|package| package["name"].as_str().map(str::to_owned));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        vec![String::from("the workspace")]
    } else {
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"
[graph]
targets = ["x86_64-unknown-linux-gnu"]
[licenses]
allow = ["MIT", "Apache-2.0"]
exceptions = [{ crate = "pictures", allow = ["IJG"] }]
[bans]
deny = [{ crate = "openssl-sys", reason = "no system OpenSSL" }, "native-tls"]
"#;

    fn rules() -> Rules {
        Rules::parse(DENY).expect("good rules")
    }

    fn tree(name: &str, licence: Json, source: &str) -> Json {
        serde_json::json!({
            "packages": [
                {"id": "us", "name": "tongtu", "version": "1.0.0", "license": "Apache-2.0",
                 "source": null},
                {"id": "it", "name": name, "version": "2.0.0", "license": licence,
                 "source": source},
            ],
            "resolve": {"nodes": [
                {"id": "us", "dependencies": ["it"]},
                {"id": "it", "dependencies": []},
            ]},
        })
    }

    fn check(tree: &Json, expected: &[&str]) {
        let findings = judge(tree, &rules());
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, words) in findings.iter().zip(expected) {
            assert!(finding.what.contains(words), "{finding}");
            assert!(finding.remedy.contains("because of tongtu"), "{finding}");
        }
    }

    #[test]
    fn good_dependencies_pass() {
        check(&tree("ring", "MIT OR GPL-3.0-only".into(), REGISTRY), &[]);
    }

    #[test]
    fn finds_licences_bans_and_sources() {
        check(
            &tree("copyleft", "GPL-3.0-only".into(), REGISTRY),
            &["GPL-3.0-only"],
        );
        check(&tree("silent", Json::Null, REGISTRY), &["names no licence"]);
        check(
            &tree("garbled", "MIT OR OR".into(), REGISTRY),
            &["cannot read"],
        );
        check(
            &tree("openssl-sys", "MIT".into(), REGISTRY),
            &["banned: no system OpenSSL"],
        );
        check(&tree("native-tls", "MIT".into(), REGISTRY), &["banned"]);
        check(
            &tree("fork", "MIT".into(), "git+https://example.org/fork"),
            &["the registry"],
        );
    }

    #[test]
    fn an_exception_is_for_one_package() {
        check(&tree("pictures", "MIT AND IJG".into(), REGISTRY), &[]);
        check(
            &tree("photos", "MIT AND IJG".into(), REGISTRY),
            &["photos 2.0.0 is under"],
        );
    }

    #[test]
    fn rules_without_their_lists_are_refused() {
        Rules::parse("[licenses]\nallow = []\n").expect_err("no bans, no targets");
        Rules::parse("[licenses\n").expect_err("not TOML");
    }
}
