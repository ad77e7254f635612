//! `cargo xtask ci`: what CI runs; nothing that `cargo xtask test` would not.

use std::process::ExitCode;

use anyhow::Result;

use crate::repo::Repo;

pub(crate) const SUMMARY: &str = "test, where a step that could not run counts as failed";

pub(crate) const HELP: &str = "
usage: cargo xtask ci [arguments of `cargo xtask test`]

The same as `cargo xtask test --strict`.
";

pub(crate) fn run(repo: &Repo, mut args: Vec<String>) -> Result<ExitCode> {
    args.push(String::from("--strict"));
    crate::test::run(repo, args)
}
