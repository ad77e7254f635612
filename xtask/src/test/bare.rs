//! What this machine does not compile by itself, checked for other targets.
//!
//! The floors without std, for a microcontroller's: `#![no_std]` in a crate says nothing of what it
//! depends on; a target that has no std does. And our kernels for aarch64, for its servers'.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::repo::{Repo, clean, find_program, must};

/// Cortex-M4 and M7 with a floating-point unit, as validators have them.
pub(super) const VALIDATOR: &str = "thumbv7em-none-eabihf";
/// Servers and telephones.
pub(super) const AARCH64: &str = "aarch64-unknown-linux-gnu";
/// The floors whose every crate must build there.
const FLOORS: [&str; 2] = ["protocol", "machines"];

/// Makes sure that a target is there, or says why it is not.
pub(super) fn provide(repo: &Repo, target: &str, install: bool) -> Result<Option<String>> {
    if is_installed(repo, target)? {
        return Ok(None);
    }
    if install && find_program(&["rustup"], &[]).is_some() {
        let mut add = clean("rustup");
        add.current_dir(repo.root()).args(["target", "add", target]);
        // Without a network this fails; then the step says so and is not run.
        if must(&mut add).is_ok() && is_installed(repo, target)? {
            return Ok(None);
        }
    }
    Ok(Some(format!(
        "the target {target} is not installed (rustup target add {target})"
    )))
}

fn is_installed(repo: &Repo, target: &str) -> Result<bool> {
    let output = clean("rustc")
        .current_dir(repo.root())
        .args(["--print", "target-libdir", "--target", target])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    let folder = Path::new(folder.trim());
    Ok(output.status.success()
        && fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
}

/// The check of every crate of those floors.
pub(super) fn check_floors(repo: &Repo) -> Result<Command> {
    let mut command = repo.cargo();
    // Features that are on by default are for machines that have more.
    command.args(["check", "--locked", "--no-default-features"]);
    command.args(["--target", VALIDATOR]);
    for floor in FLOORS {
        let folders = fs::read_dir(repo.path(floor));
        for folder in folders.with_context(|| format!("cannot read the folder {floor}"))? {
            let folder = folder?;
            if folder.path().join("Cargo.toml").is_file() {
                let name = folder.file_name();
                command.args(["--package", &format!("tongtu-{}", name.to_string_lossy())]);
            }
        }
    }
    Ok(command)
}

/// The check of the crate that has kernels for aarch64. Checking links nothing, so it needs no tools for
/// that processor.
pub(super) fn check_kernels(repo: &Repo) -> Command {
    let mut command = repo.cargo();
    command.args(["check", "--locked", "--package", "tongtu-crypto"]);
    command.args(["--target", AARCH64]);
    command
}
