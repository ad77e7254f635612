//! Whether secrets show in branches, addresses or times: two programs of `protocol/crypto`, one of them
//! under valgrind. Each finds leaks that are planted in it, or fails.

use anyhow::Result;

use super::Outcome;
use crate::repo::{Repo, clean, find_program, must};

const EXAMPLES: &[&str] = &[
    "--package",
    "tongtu-crypto",
    "--features",
    "trial",
    "--example",
    "taint",
    "--example",
    "timing",
    "--locked",
];

/// Lints what no other step builds, measures times, and has valgrind follow the secrets.
pub(super) fn run(repo: &Repo) -> Result<Outcome> {
    if repo.has_cargo_subcommand("clippy") {
        let mut command = repo.cargo();
        command.arg("clippy").args(EXAMPLES);
        must(command.args(["--", "-D", "warnings"]))?;
    }
    must(repo.cargo().args(["build", "--release"]).args(EXAMPLES))?;
    let programs = repo.target_folder()?.join("release/examples");
    must(&mut clean(programs.join("timing")))?;
    if !cfg!(target_arch = "x86_64") {
        return Ok(Outcome::NotRun(String::from(
            "secrets are followed through x86-64 code only",
        )));
    }
    let Some(valgrind) = find_program(&["valgrind"], &[]) else {
        return Ok(Outcome::NotRun(String::from("valgrind is not installed")));
    };
    let mut command = clean(valgrind);
    command.args(["--quiet", "--error-limit=no"]);
    must(command.arg(programs.join("taint")))?;
    Ok(Outcome::Passed)
}
