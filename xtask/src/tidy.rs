//! `cargo xtask tidy`: the house rules that a program can check, each finding with its place and
//! what to do about it.
//!
//! Here: which files are looked at, and the report. The rules: [`floors`] (who may depend on whom),
//! [`manifests`] (names and folders), [`sources`] (text of single files), [`secrets`] (what prints), [`licences`] (what the
//! tree of dependencies may hold).

mod expression;
mod floors;
mod licences;
mod manifests;
mod secrets;
mod sources;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::no_arguments;
use crate::repo::{Repo, clean};

pub(crate) const SUMMARY: &str = "check the house rules: floors, forms, licences";

pub(crate) const HELP: &str = "
usage: cargo xtask tidy

Reads the manifests, the files git knows or would add, and the tree of dependencies, and names each
finding as file:line with what to do. It checks that

  - a crate depends only on floors before its own and on declared neighbours
    (the table is xtask/src/tidy/floors.rs)
  - crates of protocol/ and machines/ are no_std
  - folders and packages have the same name, and edges go through the root manifest
  - every crate has the workspace's lints; edges/ffi and protocol/crypto all of them but that they may
    allow unsafe code
  - no unfinished or skipped code is left, and no source file is over-long
  - a type with a secret in it does not derive Debug, by the types and names of its fields
  - text files end with a newline, have no CR LF and no tabs in Rust, and name no folder of
    somebody's machine
  - a standard cited in Rust is registered in docs/sources.md, with its edition
  - a link between pages leads somewhere
  - every dependency, those of fuzz too, has a licence on the list of deny.toml, comes from the registry,
    and is not banned (cargo-deny, where it is installed, checks the same list once more)

Exit code 0 if nothing was found, 1 if something was.
";

/// A rule broken somewhere.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// Counted from 1; 0 where the whole file is meant.
    line: usize,
    what: String,
    /// What to do about it.
    remedy: String,
}

impl Finding {
    fn new(
        file: impl Into<String>,
        line: usize,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            line,
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}\n    {}", self.file, self.what, self.remedy),
            line => write!(
                f,
                "{}:{line}: {}\n    {}",
                self.file, self.what, self.remedy
            ),
        }
    }
}

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    no_arguments(&args)?;
    match check(repo) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is::<Untidy>() => {
            println!("{error}");
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error),
    }
}

/// Checks everything; the error of an untidy tree is [`Untidy`].
pub(crate) fn check(repo: &Repo) -> Result<()> {
    let files = files_of(repo)?;
    let members = manifests::read_members(repo)?;

    let mut findings = BTreeSet::new();
    findings.extend(floors::check(&members));
    findings.extend(manifests::check(repo, &members)?);
    findings.extend(sources::check(repo, &files)?);
    // Asks cargo, which refuses a workspace with a circle; then the floors say more than its error.
    let tree = licences::check(repo);
    let error = match tree {
        Ok(more) => {
            findings.extend(more);
            None
        }
        Err(error) => Some(error),
    };

    for finding in &findings {
        println!("{finding}");
    }
    if let Some(error) = error {
        return Err(error);
    }
    if !findings.is_empty() {
        return Err(Untidy(findings.len()).into());
    }
    licences::run_cargo_deny(repo)?;
    println!(
        "tidy: {} crates and {} files, nothing found",
        members.len(),
        files.len()
    );
    Ok(())
}

/// How many findings there were.
#[derive(Debug)]
struct Untidy(usize);

impl fmt::Display for Untidy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tidy: {} finding{}",
            self.0,
            if self.0 == 1 { "" } else { "s" }
        )
    }
}

impl std::error::Error for Untidy {}

/// Every file that git tracks or would add, by its path from the root.
fn files_of(repo: &Repo) -> Result<Vec<String>> {
    let output = clean("git")
        .current_dir(repo.root())
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!("git cannot list the files; tidy works in a git checkout only");
    }
    let list = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    // A tracked file may have been deleted without telling git yet.
    let present = |file: &&str| !file.is_empty() && Path::new(repo.root()).join(file).is_file();
    Ok(list
        .split('\0')
        .filter(present)
        .map(str::to_owned)
        .collect())
}
