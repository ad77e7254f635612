//! The foreign programs that tests run, and how a machine gets them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::repo::{clean, find_program, must};

/// Something we did not write, and what it proves.
struct Tool {
    name: &'static str,
    /// How its presence shows.
    sign: Sign,
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
    why: &'static str,
}

/// How the presence of a tool shows.
enum Sign {
    /// A program by one of these names.
    Program(&'static [&'static str]),
    /// One of these files.
    File(&'static [&'static str]),
    /// A command that ends well.
    Command(&'static [&'static str]),
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "zbarimg",
        sign: Sign::Program(&["zbarimg"]),
        packages: &["zbar-tools"],
        why: "reads the symbols we draw",
    },
    Tool {
        name: "ZXingReader",
        sign: Sign::Program(&["ZXingReader"]),
        packages: &["zxing-cpp-tools"],
        why: "reads the symbols we draw",
    },
    Tool {
        name: "zint",
        sign: Sign::Program(&["zint"]),
        packages: &["zint"],
        why: "draws symbols that we read",
    },
    Tool {
        name: "openssl",
        sign: Sign::Program(&["openssl"]),
        packages: &["openssl"],
        why: "computes SM2, SM3 and SM4 beside us",
    },
    Tool {
        name: "valgrind",
        sign: Sign::Program(&["valgrind"]),
        packages: &["valgrind"],
        why: "follows secrets through our machine code",
    },
    Tool {
        name: "initdb",
        sign: Sign::Program(&["initdb"]),
        packages: &["postgresql"],
        why: "runs the store's suite beside SQLite",
    },
    Tool {
        name: "gcore",
        sign: Sign::Program(&["gcore"]),
        packages: &["gdb"],
        why: "writes core files to look for secrets in",
    },
    Tool {
        name: "cc",
        sign: Sign::Program(&["cc"]),
        packages: &["gcc", "libc6-dev"],
        why: "builds the devices in C",
    },
    Tool {
        name: "c++",
        sign: Sign::Program(&["c++"]),
        packages: &["g++", "libc6-dev"],
        why: "reads the header as C++",
    },
    Tool {
        name: "pcscd",
        sign: Sign::Program(&["pcscd"]),
        packages: &["pcscd"],
        why: "shows our card to PC/SC programs",
    },
    Tool {
        name: "vpcd",
        sign: Sign::File(&["/usr/lib/pcsc/drivers/serial/libifdvpcd.so"]),
        packages: &["vsmartcard-vpcd"],
        why: "is the reader that our card lies in",
    },
    Tool {
        name: "opensc-tool",
        sign: Sign::Program(&["opensc-tool"]),
        packages: &["opensc"],
        why: "talks to our card",
    },
    Tool {
        name: "pkcs11-tool",
        sign: Sign::Program(&["pkcs11-tool"]),
        packages: &["opensc"],
        why: "sees our keys on a token",
    },
    Tool {
        name: "softhsm2",
        sign: Sign::Program(&["softhsm2-util"]),
        packages: &["softhsm2"],
        why: "is the token that keeps our keys",
    },
    Tool {
        name: "scriptor",
        sign: Sign::Program(&["scriptor"]),
        packages: &["pcsc-tools", "libpcsc-perl"],
        why: "talks to our card",
    },
    Tool {
        name: "pcsc_scan",
        sign: Sign::Program(&["pcsc_scan"]),
        packages: &["pcsc-tools"],
        why: "sees our card",
    },
    Tool {
        name: "libpcsclite",
        sign: Sign::Command(&["pkg-config", "--exists", "libpcsclite"]),
        packages: &["libpcsclite-dev", "pkg-config"],
        why: "is what we and others reach PC/SC through",
    },
    Tool {
        name: "python3-venv",
        sign: Sign::Command(&["python3", "-c", "import ensurepip, venv"]),
        packages: &["python3-venv"],
        why: "runs a foreign SCP03 host",
    },
    Tool {
        name: "node",
        sign: Sign::Program(&["node"]),
        packages: &["nodejs"],
        why: "runs a foreign SCP02 host",
    },
    Tool {
        name: "npm",
        sign: Sign::Program(&["npm"]),
        packages: &["npm"],
        why: "installs it",
    },
];

/// Where daemons and the server's programs are that are not on everybody's PATH.
const DAEMONS: &str = "/usr/sbin";
/// The folder that pcscd wants, and that only root can make.
const CARD_SERVICE: &str = "/run/pcscd";

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
            Some(found) => println!("{:<12} {found:<46} {}", tool.name, tool.why),
            None => {
                let packages = tool.packages.join(" ");
                println!(
                    "{:<12} missing (Debian: {packages}) {}",
                    tool.name, tool.why
                );
                names.push(tool.name);
            }
        }
    }
    if may_install && !Path::new(CARD_SERVICE).is_dir() {
        make_card_service_folder();
    }
    Ok(names)
}

/// Without its folder pcscd ends at once when it does not run as root.
fn make_card_service_folder() {
    if let Some(prefix) = way_to_root() {
        let mut line = prefix.to_vec();
        line.extend(["mkdir", "-p", CARD_SERVICE]);
        // Where this fails, the tests that need it say so.
        let _ = must(clean(line[0]).args(&line[1..]).stdin(Stdio::null()));
    }
}

/// The folder with `initdb` and `postgres`, if a server is installed.
pub(super) fn postgres_folder() -> Option<PathBuf> {
    let initdb = find_program(&["initdb"], &postgres_folders())?;
    // Debian keeps the two side by side; on PATH there may only be a link to one of them.
    let real = fs::canonicalize(initdb).ok()?;
    let folder = real.parent()?;
    folder.join("postgres").is_file().then(|| folder.to_owned())
}

/// What shows that a tool is here.
fn find(tool: &Tool) -> Option<String> {
    match tool.sign {
        Sign::Program(names) => {
            let mut folders = postgres_folders();
            folders.push(PathBuf::from(DAEMONS));
            find_program(names, &folders).map(|file| file.display().to_string())
        }
        Sign::File(files) => files
            .iter()
            .find(|file| Path::new(file).exists())
            .map(|file| (*file).to_owned()),
        Sign::Command(line) => runs_well(line).then(|| line.join(" ")),
    }
}

fn runs_well(line: &[&str]) -> bool {
    clean(line[0])
        .args(&line[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
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
    let packages: BTreeSet<&str> = missing
        .iter()
        .flat_map(|tool| tool.packages.iter().copied())
        .collect();
    let packages: Vec<&str> = packages.into_iter().collect();
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
    way_to_root()
}

/// What makes a command root's: nothing for root, sudo where it asks no password.
fn way_to_root() -> Option<&'static [&'static str]> {
    if super::postgres::running_as_root() {
        return Some(&[]);
    }
    runs_well(&["sudo", "-n", "true"]).then_some(&["sudo", "-n"])
}
