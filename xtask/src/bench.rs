//! `cargo xtask bench`: how fast, on which machine.

use std::process::ExitCode;

use anyhow::Result;

use crate::repo::{Repo, pass_through};

pub(crate) const SUMMARY: &str =
    "measure codes verified, records parsed and rides cleared per second, machine named";

pub(crate) const HELP: &str = "
usage: cargo xtask bench [arguments of `tongtu bench`]

Builds the release program and runs `tongtu bench`. Close what else uses the processor: figures from
a shared machine are worth little.

  cargo xtask bench -- --help       what `tongtu bench` itself can do
";

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    pass_through(repo, "bench", args)
}
