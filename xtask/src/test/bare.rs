//! The floors without std, checked where there is none: a microcontroller's target.
//!
//! `#![no_std]` in a crate says nothing of what it depends on; a target that has no std does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::repo::{Repo, clean, find_program, must};

/// Cortex-M4 and M7 with a floating-point unit, as validators have them.
const TARGET: &str = "thumbv7em-none-eabihf";
/// The floors whose every crate must build there.
const FLOORS: [&str; 2] = ["protocol", "machines"];

/// Makes sure that the target is there, or says why it is not.
pub(super) fn provide(repo: &Repo, install: bool) -> Result<Option<String>> {
    if is_installed(repo)? {
        return Ok(None);
    }
    if install && find_program(&["rustup"], &[]).is_some() {
        let mut add = clean("rustup");
        add.current_dir(repo.root()).args(["target", "add", TARGET]);
        // Without a network this fails; then the step says so and is not run.
        if must(&mut add).is_ok() && is_installed(repo)? {
            return Ok(None);
        }
    }
    Ok(Some(format!(
        "the target {TARGET} is not installed (rustup target add {TARGET})"
    )))
}

fn is_installed(repo: &Repo) -> Result<bool> {
    let output = clean("rustc")
        .current_dir(repo.root())
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    let folder = Path::new(folder.trim());
    Ok(output.status.success()
        && fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()))
}

/// The check of every crate of those floors.
pub(super) fn check(repo: &Repo) -> Result<Command> {
    let mut command = repo.cargo();
    // Features that are on by default are for machines that have more.
    command.args(["check", "--locked", "--no-default-features"]);
    command.args(["--target", TARGET]);
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
