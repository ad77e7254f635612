//! `cargo xtask demo`: the newcomer's first command.

use std::process::ExitCode;

use anyhow::Result;

use crate::repo::{Repo, pass_through};

pub(crate) const SUMMARY: &str =
    "build tongtu and show a rider of one city ride in another, and the money arrive";

pub(crate) const HELP: &str = "
usage: cargo xtask demo [arguments of `tongtu demo`]

Builds the release program (the first time takes minutes, later seconds) and runs
`tongtu demo` with the arguments given, for example:

  cargo xtask demo
  cargo xtask demo --seed 7 --riders 200 --days 2 --out my-demo
  cargo xtask demo -- --help        what `tongtu demo` itself can do

CARGO_TARGET_DIR is honoured. The exit code is that of `tongtu demo`.
";

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    pass_through(repo, "demo", args)
}
