//! The foreign programs that tests run, and how a machine gets them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::repo::{clean, find_program, must};

/// A program we did not write, and what it proves.
struct Tool {
    /// The names it goes by, first the usual one.
    programs: &'static [&'static str],
    /// The Debian package that has it.
    package: &'static str,
    why: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        programs: &["zbarimg"],
        package: "zbar-tools",
        why: "reads the symbols we draw",
    },
    Tool {
        programs: &["ZXingReader"],
        package: "zxing-cpp-tools",
        why: "reads the symbols we draw",
    },
    Tool {
        programs: &["zint"],
        package: "zint",
        why: "draws symbols that we read",
    },
    Tool {
        programs: &["openssl"],
        package: "openssl",
        why: "computes SM2, SM3 and SM4 beside us",
    },
    Tool {
        programs: &["initdb"],
        package: "postgresql",
        why: "runs the store's suite beside SQLite",
    },
];

/// Looks for every tool, installs what is missing where that is possible, and returns the names of
/// what is missing still.
pub(super) fn provide(may_install: bool) -> Result<Vec<&'static str>> {
    let missing: Vec<&Tool> = TOOLS.iter().filter(|tool| find(tool).is_none()).collect();
    if !missing.is_empty() && may_install {
        install(&missing)?;
    }
    let mut names = Vec::new();
    for tool in TOOLS {
        match find(tool) {
            Some(file) => println!("{:<12} {:<40} {}", tool.programs[0], shown(&file), tool.why),
            None => {
                println!(
                    "{:<12} missing (Debian package {}) {}",
                    tool.programs[0], tool.package, tool.why
                );
                names.push(tool.programs[0]);
            }
        }
    }
    Ok(names)
}

/// The folder with `initdb` and `postgres`, if a server is installed.
pub(super) fn postgres_folder() -> Option<PathBuf> {
    let initdb = find_program(&["initdb"], &postgres_folders())?;
    // Debian keeps the two side by side; on PATH there may only be a link to one of them.
    let real = fs::canonicalize(initdb).ok()?;
    let folder = real.parent()?;
    folder.join("postgres").is_file().then(|| folder.to_owned())
}

fn find(tool: &Tool) -> Option<PathBuf> {
    find_program(tool.programs, &postgres_folders())
}

/// Where Debian puts the server's programs, which are not on PATH; the newest version first.
fn postgres_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, folder)| folder).collect()
}

fn install(missing: &[&Tool]) -> Result<()> {
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    let Some(prefix) = way_to_apt() else {
        println!(
            "cannot install {} here; install them by hand",
            packages.join(", ")
        );
        return Ok(());
    };
    println!("installing {}", packages.join(", "));
    let apt = |words: &[&str]| {
        let mut line = prefix.to_vec();
        // `env` so that the setting survives sudo, which clears the environment.
        line.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        line.extend(words);
        let mut command = clean(line[0]);
        command.args(&line[1..]).stdin(Stdio::null());
        must(&mut command)
    };
    apt(&["update", "--quiet"])?;
    let mut words = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    words.extend(packages);
    apt(&words).context("the packages could not be installed")
}

/// What stands before `apt-get` here: nothing for root, sudo where it asks no password, and `None`
/// where apt-get is missing or we have no right to use it.
fn way_to_apt() -> Option<&'static [&'static str]> {
    let debian_like = Path::new("/etc/debian_version").exists();
    if !debian_like || find_program(&["apt-get"], &[]).is_none() {
        return None;
    }
    if super::postgres::running_as_root() {
        return Some(&[]);
    }
    let sudo_asks_nothing = clean("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    sudo_asks_nothing.then_some(&["sudo", "-n"])
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
