//! `cargo xtask bench`: how fast, on which machine.

use std::process::ExitCode;

use anyhow::Result;

use crate::repo::{Repo, clean, find_program, must, pass_through};

pub(crate) const SUMMARY: &str =
    "measure codes verified, records parsed and rides cleared per second, machine named";

pub(crate) const HELP: &str = "
usage: cargo xtask bench [arguments of `tongtu bench`]
       cargo xtask bench crypto [words of rows]

Builds the release program and runs `tongtu bench`. Close what else uses the processor: figures from
a shared machine are worth little.

  cargo xtask bench -- --help       what `tongtu bench` itself can do

`crypto` measures our kernels beside RustCrypto's and, where it is installed, OpenSSL's, on one core in
one run, each as nanoseconds for one operation; with words, only rows whose names have one of them.
Ratios are what counts: the machine's name and pace are in all of them. Other libraries are built from
their own sources by whoever wants them beside ours, and measured in the same hour on the same core.

  cargo xtask bench crypto SM2      the rows of SM2
";

pub(crate) fn run(repo: &Repo, mut args: Vec<String>) -> Result<ExitCode> {
    if args.first().is_some_and(|word| word == "crypto") {
        args.remove(0);
        return crypto(repo, &args);
    }
    pass_through(repo, "bench", args)
}

/// What OpenSSL measures; the lengths are those of a ride code and of a record's MAC.
const OPENSSL: [&[&str]; 3] = [
    &["sm2"],
    &["-bytes", "364", "-evp", "sm3"],
    &["-bytes", "48", "-evp", "sm4-cbc"],
];

/// Our kernels and RustCrypto's in one program, then OpenSSL's own measurement.
fn crypto(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    println!("processor: {}", processor().as_deref().unwrap_or("unknown"));
    let mut ours = repo.cargo();
    ours.args(["run", "--quiet", "--release", "--locked"]);
    ours.args(["--package", "tongtu-crypto", "--example", "speed", "--"]);
    must(ours.args(args))?;
    match find_program(&["openssl"], &[]) {
        Some(openssl) => {
            println!();
            for algorithms in OPENSSL {
                must(
                    clean(&openssl)
                        .args(["speed", "-seconds", "2"])
                        .args(algorithms),
                )?;
            }
        }
        None => println!("openssl is not installed: nothing to set beside"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The processor's name, where the system says it in a file.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.to_owned())
}
