//! `cargo xtask docs`: the pages that are made from the code's own tables.

use std::fs;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::repo::{Repo, clean, describe};
use crate::{Usage, header};

pub(crate) const SUMMARY: &str = "write the pages that are made from the record tables";

pub(crate) const HELP: &str = "
usage: cargo xtask docs [--check]

Builds tongtu and writes docs/formats.md and docs/callers.md from the tables that the code goes by too,
so that pages and code cannot disagree. The C header of the terminal is made too, from edges/ffi/src.

  --check   write nothing; fail and name the first line that differs
";

/// Each made page, and what `tongtu` is asked for it.
const PAGES: &[(&str, &[&str])] = &[
    ("docs/formats.md", &["docs", "formats"]),
    ("docs/callers.md", &["docs", "callers"]),
];

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    let check = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => return Err(Usage(format!("unexpected arguments `{}`", args.join(" "))).into()),
    };
    // First what needs no build.
    settle(repo, check, header::HEADER, &header::fresh(repo)?)?;
    let program = repo.build_tongtu()?;
    for (page, request) in PAGES {
        settle(repo, check, page, &ask(&program, request)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a page, or makes sure that it is there as it should be.
fn settle(repo: &Repo, check: bool, page: &str, fresh: &str) -> Result<()> {
    if check {
        compare(repo, page, fresh)?;
        println!("{page} is up to date");
    } else {
        fs::write(repo.path(page), fresh).with_context(|| format!("cannot write {page}"))?;
        println!("{page} written, {} lines", fresh.lines().count());
    }
    Ok(())
}

fn ask(program: &std::path::Path, request: &[&str]) -> Result<String> {
    let mut command = clean(program);
    command
        .args(request)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command
        .output()
        .with_context(|| format!("cannot start `{}`", describe(&command)))?;
    if !output.status.success() {
        bail!("`{}` ended with {}", describe(&command), output.status);
    }
    let page = String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not UTF-8", describe(&command)))?;
    if page.trim().is_empty() {
        bail!("`{}` wrote an empty page", describe(&command));
    }
    Ok(page)
}

fn compare(repo: &Repo, page: &str, fresh: &str) -> Result<()> {
    let committed = fs::read_to_string(repo.path(page)).unwrap_or_default();
    if let Some(line_number) = first_difference(&committed, fresh) {
        bail!(
            "{page}:{line_number}: not what the tables say; run `cargo xtask docs` and commit it"
        );
    }
    Ok(())
}

/// The first line, counted from 1, in which two texts differ.
fn first_difference(left: &str, right: &str) -> Option<usize> {
    if left == right {
        return None;
    }
    let same = left
        .lines()
        .zip(right.lines())
        .take_while(|(a, b)| a == b)
        .count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn names_the_first_line_that_differs() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }
}
