//! `cargo xtask bench`: how fast, on which machine.

use std::process::ExitCode;

use anyhow::Result;

use crate::repo::{Repo, must, pass_through};

pub(crate) const SUMMARY: &str =
    "measure codes verified, records parsed and rides cleared per second, machine named";

pub(crate) const HELP: &str = "
usage: cargo xtask bench [arguments of `tongtu bench`]
       cargo xtask bench crypto [words of rows] [--beside NAME=PROGRAM]... [--chart FILE.svg] [--json] [--level NAME]

Builds the release program and runs `tongtu bench`. Close what else uses the processor: figures from
a shared machine are worth little.

  cargo xtask bench -- --help       what `tongtu bench` itself can do

`crypto` measures our kernels beside RustCrypto's and, where it is installed, OpenSSL's, on one core in
one run, each as nanoseconds for one operation; with words, only rows whose names have one of them.
Ratios are what counts: the machine's name and pace are in all of them. A library that you built from
its own sources takes its turns too: docs/kernels.md says what PROGRAM answers.

  cargo xtask bench crypto SM2                          the rows of SM2
  cargo xtask bench crypto --beside GmSSL=./gmssl-rows  another library besides
  cargo xtask bench crypto --level 'no AVX-512'         as where the processor has none
";

pub(crate) fn run(repo: &Repo, mut args: Vec<String>) -> Result<ExitCode> {
    if args.first().is_some_and(|word| word == "crypto") {
        args.remove(0);
        return crypto(repo, &args);
    }
    pass_through(repo, "bench", args)
}

/// Our kernels and others' in one program.
fn crypto(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    let mut bench = repo.cargo();
    bench.args(["run", "--quiet", "--release", "--locked"]);
    bench.args(["--package", "tongtu-crypto", "--example", "speed"]);
    if args.iter().any(|arg| arg == "--level") {
        bench.args(["--features", "trial"]);
    }
    must(bench.arg("--").args(args))?;
    Ok(ExitCode::SUCCESS)
}
