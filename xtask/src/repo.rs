//! Where we are, and how cargo and `tongtu` are called from here.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

/// This checkout.
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// Finds the checkout that the running xtask was built from.
    pub(crate) fn find() -> Result<Self> {
        // At run time first: with a target folder shared between checkouts the compiled-in path
        // may be a neighbour's.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&manifest)
            .parent()
            .context("xtask's manifest has no folder above it")?
            .to_owned();
        Ok(Self { root })
    }

    /// The root of the checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// `cargo`, run at the root as if typed there.
    pub(crate) fn cargo(&self) -> Command {
        let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = clean(program);
        command.current_dir(&self.root);
        command
    }

    /// Whether a cargo subcommand (`fmt`, `clippy`, `nextest`, `deny`) is installed.
    pub(crate) fn has_cargo_subcommand(&self, name: &str) -> bool {
        self.cargo()
            .args([name, "--version"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// The target folder, wherever settings put it.
    pub(crate) fn target_folder(&self) -> Result<PathBuf> {
        let output = self
            .cargo()
            .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo metadata")?;
        let tree: serde_json::Value =
            serde_json::from_slice(&output.stdout).context("cargo metadata failed")?;
        let folder = tree["target_directory"].as_str();
        Ok(PathBuf::from(
            folder.context("cargo names no target folder")?,
        ))
    }

    /// Builds `tongtu` in release and names the program cargo made. Where the system has libpcsclite,
    /// it can reach card readers.
    ///
    /// Cargo itself is asked where the program is, so any target folder setting is honoured.
    pub(crate) fn build_tongtu(&self) -> Result<PathBuf> {
        let mut command = self.cargo();
        command.args([
            "build",
            "--release",
            "--locked",
            "--package",
            "tongtu",
            "--bin",
            "tongtu",
        ]);
        if has_pcsclite() {
            eprintln!("libpcsclite is here: tongtu is built with card readers (--features pcsc)");
            command.args(["--features", "pcsc"]);
        } else {
            eprintln!("no libpcsclite here: tongtu is built without card readers");
        }
        eprintln!("$ {}", describe(&command));
        let output = command
            .arg("--message-format=json-render-diagnostics")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("the release build of tongtu failed ({})", output.status);
        }
        executable_in(&String::from_utf8_lossy(&output.stdout))
            .context("cargo built tongtu but did not say where the program is")
    }
}

/// Whether the library that PC/SC programs are linked with can be linked with here.
pub(crate) fn has_pcsclite() -> bool {
    clean("pkg-config")
        .args(["--exists", "libpcsclite"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A command without the variables that `cargo run` set for xtask itself.
///
/// Build scripts that watch them (ring's does) would otherwise run again, and everything above them
/// would compile again, each time `cargo xtask` and a plain `cargo build` take turns.
pub(crate) fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(set_by_cargo_run) {
            command.env_remove(&name);
        }
    }
    command
}

fn set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

fn executable_in(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "tongtu")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Builds `tongtu` and runs `tongtu <subcommand> <args>` where the person is, passing its exit code on.
pub(crate) fn pass_through(repo: &Repo, subcommand: &str, args: Vec<String>) -> Result<ExitCode> {
    let program = repo.build_tongtu()?;
    let mut command = clean(program);
    command.arg(subcommand).args(without_separator(args));
    let status = announce(&mut command)?;
    Ok(code_of(status))
}

/// `cargo xtask demo -- --help` means `tongtu demo --help`.
fn without_separator(mut args: Vec<String>) -> Vec<String> {
    if let Some(at) = args.iter().position(|arg| arg == "--") {
        args.remove(at);
    }
    args
}

/// Says what is run, runs it, waits.
pub(crate) fn announce(command: &mut Command) -> Result<ExitStatus> {
    eprintln!("$ {}", describe(command));
    command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}

/// Like [`announce`], and anything but success is an error.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    let status = announce(command)?;
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}", describe(command));
}

/// What a command looks like when typed; the program by its last name only.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

fn code_of(status: ExitStatus) -> ExitCode {
    // A program ended by a signal has no code of its own.
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(crate::FAULT);
    ExitCode::from(code)
}

/// The first of `names` that is a program on PATH or in one of `folders`.
pub(crate) fn find_program(names: &[&str], folders: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let candidates: Vec<PathBuf> = env::split_paths(&path)
        .chain(folders.iter().cloned())
        .collect();
    names
        .iter()
        .flat_map(|name| candidates.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_program_among_cargo_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"tongtu_types"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"tongtu"},"executable":"/somewhere/release/tongtu"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            executable_in(messages),
            Some(PathBuf::from("/somewhere/release/tongtu"))
        );
        assert_eq!(
            executable_in(r#"{"reason":"build-finished","success":true}"#),
            None
        );
    }

    #[test]
    fn drops_only_the_first_separator() {
        let args = ["--seed", "7", "--", "--help"].map(str::to_owned).to_vec();
        assert_eq!(without_separator(args), ["--seed", "7", "--help"]);
    }

    #[test]
    fn describes_a_command_as_typed() {
        let mut command = Command::new("some/folder/cargo");
        command.args(["fmt", "--all"]);
        assert_eq!(describe(&command), "cargo fmt --all");
    }

    #[test]
    fn forgets_what_cargo_run_said_and_keeps_what_the_person_said() {
        assert!(set_by_cargo_run("CARGO_PKG_NAME"));
        assert!(set_by_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(!set_by_cargo_run("CARGO_TARGET_DIR"));
        assert!(!set_by_cargo_run("CARGO_HOME"));
    }
}
