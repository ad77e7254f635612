//! `cargo xtask fuzz`: long runs of the tests that generate hostile input.

use std::process::ExitCode;

use anyhow::Result;

use crate::Usage;
use crate::repo::{Repo, announce};

pub(crate) const SUMMARY: &str = "tap a million hostile cards, and count what became of them";

pub(crate) const HELP: &str = "
usage: cargo xtask fuzz taps [--count 1000000] [--seed 1]

Runs the generator of hostile dialogues between card and terminal in release: answers of chance,
honest answers mutated, and answers built as a card builds them with wrong parts. No panic, and no
ride without a MAC2 that the module verified; a dialogue that breaks it is named by seed and number
and is the same in every run.
";

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    let (mut count, mut seed) = (1_000_000_u64, 1_u64);
    let mut args = args.into_iter();
    if args.next().as_deref() != Some("taps") {
        return Err(Usage(String::from("expected what to fuzz: taps")).into());
    }
    while let Some(name) = args.next() {
        let value = args.next().and_then(|value| value.parse().ok());
        let value = value.ok_or_else(|| Usage(format!("{name}: expected a number")))?;
        match name.as_str() {
            "--count" => count = value,
            "--seed" => seed = value,
            _ => return Err(Usage(format!("no argument {name}")).into()),
        }
    }
    let mut command = repo.cargo();
    command
        .args([
            "test",
            "--release",
            "--locked",
            "--package",
            "tongtu-terminal",
        ])
        .args(["--test", "it", "--", "--nocapture", "--exact"])
        .arg("tap::fuzz::no_dialogue_makes_a_panic_or_a_ride_without_a_verified_mac2")
        .env("TONGTU_TAPS", count.to_string())
        .env("TONGTU_SEED", seed.to_string());
    let status = announce(&mut command)?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
