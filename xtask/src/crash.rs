//! `cargo xtask crash`: power cuts at random moments, and the audit afterwards.

use std::process::ExitCode;

use anyhow::Result;

use crate::repo::{Repo, pass_through};

pub(crate) const SUMMARY: &str =
    "kill nodes and terminals at random moments of the demo's day and audit what is left";

pub(crate) const HELP: &str = "
usage: cargo xtask crash [--rounds 50] [--seed N] [arguments of `tongtu crash`]

Builds the release program and runs `tongtu crash`: each round plays the demo's day with real
processes, ends some of them with kill -9 at random moments, starts them again on the same files,
and checks that nothing acknowledged is lost and nothing is counted twice. The seed repeats the
day; the moments of the kills are as random as the machine is busy. Then commands of a key room are
killed amid their steps: what was acknowledged must be there, and the custody must have exactly the keys
of the book.

  cargo xtask crash -- --help       what `tongtu crash` itself can do
";

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    pass_through(repo, "crash", args)
}
