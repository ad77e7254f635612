//! `cargo xtask hooks`: the pre-commit hook.

use std::fs;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::no_arguments;
use crate::repo::{Repo, clean};

pub(crate) const SUMMARY: &str = "install a git pre-commit hook that runs fmt --check and tidy";

pub(crate) const HELP: &str = "
usage: cargo xtask hooks

Writes the pre-commit hook of this checkout. It checks the form only (cargo fmt --check, cargo xtask
tidy), so it ends within seconds. A hook that somebody else wrote is left alone.
";

/// By this line we know a hook of ours again.
const MARK: &str = "# installed by `cargo xtask hooks`";

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    no_arguments(&args)?;
    let file = hook_file(repo)?;
    if let Ok(present) = fs::read_to_string(&file)
        && !present.contains(MARK)
    {
        bail!(
            "{} was written by somebody else; move it away first",
            file.display()
        );
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::write(&file, hook_text()).with_context(|| format!("cannot write {}", file.display()))?;
    make_executable(&file)?;
    println!("{} installed", file.display());
    Ok(ExitCode::SUCCESS)
}

fn hook_text() -> String {
    format!("#!/bin/sh\n{MARK}\nset -e\ncargo fmt --all -- --check\ncargo xtask tidy\n")
}

/// Git knows where its hooks live, also in a linked work tree or with core.hooksPath set.
fn hook_file(repo: &Repo) -> Result<PathBuf> {
    let output = clean("git")
        .current_dir(repo.root())
        .args(["rev-parse", "--git-path", "hooks/pre-commit"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!("this folder is not a git checkout");
    }
    let path = String::from_utf8(output.stdout).context("git named a path that is not UTF-8")?;
    Ok(repo.root().join(path.trim_end()))
}

#[cfg(unix)]
fn make_executable(file: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", file.display()))
}

#[cfg(not(unix))]
fn make_executable(_file: &std::path::Path) -> Result<()> {
    Ok(())
}
