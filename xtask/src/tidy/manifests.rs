//! The manifests: who the members are, how they are named, and what they say they depend on.

use std::fs;

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use super::Finding;
use super::floors::Kind;
use crate::repo::Repo;

/// One crate of the workspace, as its manifest describes it.
#[derive(Debug)]
pub(super) struct Member {
    /// From the root, with `/`: `protocol/types`.
    pub(super) folder: String,
    pub(super) package: String,
    /// The manifest's path from the root.
    pub(super) manifest: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// One line of a dependency table.
#[derive(Debug)]
pub(super) struct Dependency {
    /// The name on the left.
    pub(super) key: String,
    /// The package it means.
    pub(super) package: String,
    pub(super) kind: Kind,
    /// Whether it says `workspace = true`.
    pub(super) through_workspace: bool,
    /// Counted from 1.
    pub(super) line: usize,
}

/// Reads the root manifest and the manifest of every member.
pub(super) fn read_members(repo: &Repo) -> Result<Vec<Member>> {
    let root = parse(&read(repo, "Cargo.toml")?, "Cargo.toml")?;
    let mut members = Vec::new();
    for folder in member_folders(repo, &root)? {
        let manifest = format!("{folder}/Cargo.toml");
        let text = read(repo, &manifest)?;
        members.push(member(&folder, &manifest, &text, &root)?);
    }
    Ok(members)
}

fn read(repo: &Repo, file: &str) -> Result<String> {
    fs::read_to_string(repo.path(file)).with_context(|| format!("cannot read {file}"))
}

fn parse(text: &str, file: &str) -> Result<Table> {
    text.parse()
        .with_context(|| format!("{file} is not good TOML"))
}

/// The folders of `workspace.members`; a pattern is a folder with `/*` behind it, no more.
fn member_folders(repo: &Repo, root: &Table) -> Result<Vec<String>> {
    let patterns = root
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(Value::as_array)
        .context("Cargo.toml has no workspace.members")?;
    let mut folders = Vec::new();
    for pattern in patterns.iter().filter_map(Value::as_str) {
        let Some(parent) = pattern.strip_suffix("/*") else {
            folders.push(pattern.to_owned());
            continue;
        };
        let entries = fs::read_dir(repo.path(parent))
            .with_context(|| format!("cannot read the folder {parent}"))?;
        for entry in entries {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                folders.push(format!("{parent}/{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    folders.sort();
    Ok(folders)
}

fn member(folder: &str, manifest: &str, text: &str, root: &Table) -> Result<Member> {
    let table = parse(text, manifest)?;
    let package = table
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(Value::as_str)
        .with_context(|| format!("{manifest} has no package.name"))?;
    let mut dependencies = Vec::new();
    for (section, kind, entries) in dependency_tables(&table) {
        for (key, value) in entries {
            dependencies.push(Dependency {
                key: key.clone(),
                package: package_of(key, value, root),
                kind,
                through_workspace: flag(value, "workspace"),
                line: line_of(text, &section, key),
            });
        }
    }
    Ok(Member {
        folder: folder.to_owned(),
        package: package.to_owned(),
        manifest: manifest.to_owned(),
        dependencies,
    })
}

/// Every table of dependencies with its heading, those under `[target.…]` too.
fn dependency_tables(table: &Table) -> Vec<(String, Kind, &Table)> {
    const SECTIONS: [(&str, Kind); 3] = [
        ("dependencies", Kind::Product),
        ("build-dependencies", Kind::Product),
        ("dev-dependencies", Kind::Test),
    ];
    let mut found = Vec::new();
    let targets = table
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    let under_target = targets.filter_map(|(_, value)| value.as_table());
    for scope in std::iter::once(table).chain(under_target) {
        for (section, kind) in SECTIONS {
            if let Some(entries) = scope.get(section).and_then(Value::as_table) {
                found.push((section.to_owned(), kind, entries));
            }
        }
    }
    found
}

/// The package that a dependency means: its `package`, or that of the line in the root manifest it
/// refers to, or its own name.
fn package_of(key: &str, value: &Value, root: &Table) -> String {
    let in_root = || {
        root.get("workspace")?
            .get("dependencies")?
            .get(key)?
            .get("package")?
            .as_str()
    };
    let own = value.get("package").and_then(Value::as_str);
    own.or_else(in_root).unwrap_or(key).to_owned()
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// The line on which `key` is set in a section, or 0. The TOML reader keeps no places, so the text
/// is read again; a line is found by its first word.
fn line_of(text: &str, section: &str, key: &str) -> usize {
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(heading) = line.strip_prefix('[') {
            let heading = heading.trim_end_matches(']').trim();
            inside = heading == section || heading.ends_with(&format!(".{section}"));
            // `[dependencies.name]` is heading and key at once.
            if heading.ends_with(&format!("{section}.{key}")) {
                return index + 1;
            }
            continue;
        }
        let first = line
            .split(['=', '.', ' '])
            .next()
            .unwrap_or_default()
            .trim_matches('"');
        if inside && first == key {
            return index + 1;
        }
    }
    0
}

/// Checks that folders and packages are named alike, and that members are used through the root.
pub(super) fn check(repo: &Repo, members: &[Member]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let root = parse(&read(repo, "Cargo.toml")?, "Cargo.toml")?;
    for member in members {
        findings.extend(check_name(member));
        findings.extend(check_edges(member, members));
        let table = parse(&read(repo, &member.manifest)?, &member.manifest)?;
        findings.extend(check_lints(member, &table, &root));
        if must_be_no_std(&member.folder) {
            let file = format!("{}/src/lib.rs", member.folder);
            let text = read(repo, &file)?;
            findings.extend(check_no_std(&file, &text));
        }
    }
    Ok(findings)
}

/// The crates that may allow unsafe code, and so cannot take the workspace's lints as they are.
const UNSAFE: &[&str] = &["edges/ffi", "protocol/crypto"];

/// Checks that a crate has the workspace's lints; those with unsafe code, all but that.
fn check_lints(member: &Member, table: &Table, root: &Table) -> Option<Finding> {
    let own = table.get("lints");
    if own.is_some_and(|own| flag(own, "workspace")) {
        return None;
    }
    let said = |remedy| {
        let what = "lints other than the workspace's";
        Some(Finding::new(&member.manifest, 0, what, remedy))
    };
    if !UNSAFE.contains(&member.folder.as_str()) {
        return said("write `workspace = true` under [lints]");
    }
    let workspace = root.get("workspace").and_then(|table| table.get("lints"))?;
    for tool in ["rust", "clippy"] {
        let wanted = workspace.get(tool).and_then(Value::as_table)?;
        for (lint, level) in wanted {
            let level = match lint.as_str() {
                "unsafe_code" => Some("deny"),
                _ => level.as_str(),
            };
            let found = own
                .and_then(|own| own.get(tool))
                .and_then(|table| table.get(lint));
            if found.and_then(Value::as_str) != level {
                return said("copy the workspace's, but `unsafe_code` is \"deny\"");
            }
        }
    }
    None
}

fn check_name(member: &Member) -> Option<Finding> {
    let folder = member.folder.rsplit('/').next().unwrap_or_default();
    let plain = folder == "xtask" || member.folder.starts_with("programs/");
    let expected = if plain {
        folder.to_owned()
    } else {
        format!("tongtu-{folder}")
    };
    (member.package != expected).then(|| {
        Finding::new(
            &member.manifest,
            0,
            format!(
                "the package is called `{}`, its folder `{folder}`",
                member.package
            ),
            format!("call the package `{expected}`, or rename the folder"),
        )
    })
}

fn check_edges(member: &Member, members: &[Member]) -> Vec<Finding> {
    member
        .dependencies
        .iter()
        .filter(|dependency| !dependency.through_workspace)
        .filter(|dependency| {
            members
                .iter()
                .any(|other| other.package == dependency.package)
        })
        .map(|dependency| {
            Finding::new(
                &member.manifest,
                dependency.line,
                format!("`{}` is named past the root manifest", dependency.key),
                format!(
                    "write `{0}.workspace = true`, with `{0}` in [workspace.dependencies]",
                    dependency.key
                ),
            )
        })
        .collect()
}

/// Sans-io is checked by the compiler: what has no std has no sockets, files or clocks.
fn must_be_no_std(folder: &str) -> bool {
    folder.starts_with("protocol/") || folder.starts_with("machines/")
}

fn check_no_std(file: &str, text: &str) -> Option<Finding> {
    const FORMS: [&str; 2] = ["#![no_std]", "#![cfg_attr(not(test), no_std)]"];
    let said = text.lines().any(|line| FORMS.contains(&line.trim_end()));
    (!said).then(|| {
        Finding::new(
            file,
            1,
            "a crate of this floor is no_std",
            "put `#![no_std]` under the module documentation, and `extern crate alloc;` below it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"
[workspace.dependencies]
tongtu-types = { path = "protocol/types" }
kinds = { path = "protocol/types", package = "tongtu-types" }
"#;

    fn read_one(folder: &str, text: &str) -> Member {
        let root = parse(ROOT, "Cargo.toml").expect("a good root");
        member(folder, &format!("{folder}/Cargo.toml"), text, &root).expect("a good manifest")
    }

    #[test]
    fn lints_are_the_workspaces_and_two_crates_may_have_unsafe_code() {
        let root = parse(
            "[workspace.lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"warn\"\n\
             [workspace.lints.clippy]\nuse_self = \"warn\"\n",
            "Cargo.toml",
        )
        .expect("a good root");
        let head = "[package]\nname = \"x\"\n";
        let own = "[lints.rust]\nunsafe_code = \"deny\"\nmissing_docs = \"warn\"\n\
                   [lints.clippy]\nuse_self = \"warn\"\n";
        let looser = own.replace("use_self = \"warn\"", "use_self = \"allow\"");
        for (folder, lints, good) in [
            ("protocol/codec", "[lints]\nworkspace = true\n", true),
            ("protocol/codec", "", false),
            ("protocol/codec", own, false),
            ("edges/ffi", own, true),
            ("protocol/crypto", own, true),
            ("edges/ffi", looser.as_str(), false),
            ("edges/ffi", "", false),
        ] {
            let text = format!("{head}{lints}");
            let table = parse(&text, "Cargo.toml").expect("good TOML");
            let found = check_lints(&read_one(folder, &text), &table, &root);
            assert_eq!(found.is_none(), good, "{folder}: {lints}");
        }
    }

    #[test]
    fn reads_every_kind_of_dependency_with_its_line() {
        let text = r#"[package]
name = "tongtu-codec"

[dependencies]
tongtu-types.workspace = true
kinds = { workspace = true }

[dev-dependencies]
tongtu-types = { path = "../types" }

[target.'cfg(unix)'.dependencies]
rights = { version = "1", package = "tongtu-types" }
"#;
        let member = read_one("protocol/codec", text);
        let seen: Vec<_> = member
            .dependencies
            .iter()
            .map(|d| {
                (
                    d.key.as_str(),
                    d.package.as_str(),
                    d.kind,
                    d.through_workspace,
                    d.line,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("kinds", "tongtu-types", Kind::Product, true, 6),
                ("tongtu-types", "tongtu-types", Kind::Product, true, 5),
                ("tongtu-types", "tongtu-types", Kind::Test, false, 9),
                ("rights", "tongtu-types", Kind::Product, false, 12),
            ]
        );
    }

    #[test]
    fn refuses_a_member_named_past_the_root() {
        let user = read_one(
            "protocol/codec",
            "[package]\nname = \"tongtu-codec\"\n[dependencies]\ntongtu-types = { path = \"../types\" }\n",
        );
        let used = read_one("protocol/types", "[package]\nname = \"tongtu-types\"\n");
        let members = [user, used];
        let findings = check_edges(&members[0], &members);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 4);
        assert!(check_edges(&members[1], &members).is_empty());
    }

    #[test]
    fn folder_and_package_have_one_name() {
        let name = |folder: &str, package: &str| {
            check_name(&read_one(
                folder,
                &format!("[package]\nname = \"{package}\"\n"),
            ))
        };
        assert_eq!(name("protocol/types", "tongtu-types"), None);
        assert_eq!(name("services", "tongtu-services"), None);
        assert_eq!(name("programs/tongtu", "tongtu"), None);
        assert_eq!(name("xtask", "xtask"), None);
        assert!(name("protocol/types", "types").is_some());
        assert!(name("stores/journal", "tongtu-file").is_some());
    }

    #[test]
    fn a_crate_of_the_lower_floors_has_no_std() {
        assert_eq!(check_no_std("lib.rs", "//! Types.\n#![no_std]\n"), None);
        assert_eq!(
            check_no_std("lib.rs", "#![cfg_attr(not(test), no_std)]\n"),
            None
        );
        assert!(check_no_std("lib.rs", "//! Types.\n// #![no_std]\n").is_some());
        assert!(must_be_no_std("machines/fare") && !must_be_no_std("stores/sql"));
    }
}
