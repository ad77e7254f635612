//! Is a foreign program here? If not, the test says so and ends, or fails where strictness is asked.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Set by `cargo xtask test --strict`: what is missing is a failure.
const STRICT: &str = "TONGTU_STRICT";
/// A Python with the packages of `requirements.txt`, made by `cargo xtask test`.
const PYTHON: &str = "TONGTU_TEST_PYTHON";
/// A `node_modules` folder with the packages of `package.json`, made by `cargo xtask test`.
const NODE_MODULES: &str = "TONGTU_TEST_NODE_MODULES";

/// Where Debian keeps daemons, which is not on everybody's PATH.
const DAEMONS: &str = "/usr/sbin";

/// The path of a program on PATH, or `None` after saying that it is missing.
///
/// # Panics
/// Where it is missing and `TONGTU_STRICT` is set.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    find(name).or_else(|| missing(&format!("{name} is not installed")))
}

/// The Python interpreter that has the packages which tests import, or `None` after saying so.
///
/// # Panics
/// Where it is missing and `TONGTU_STRICT` is set.
#[must_use]
pub fn python() -> Option<PathBuf> {
    match env::var_os(PYTHON).map(PathBuf::from) {
        Some(program) if program.is_file() => Some(program),
        Some(program) => missing(&format!("{PYTHON} is no program: {}", program.display())),
        None => missing(&format!("{PYTHON} is not set (cargo xtask test sets it)")),
    }
}

/// Node and the folder of packages that tests load.
#[derive(Debug, Clone)]
pub struct Node {
    /// The program.
    pub program: PathBuf,
    /// The folder with the packages, for `NODE_PATH`.
    pub modules: PathBuf,
}

/// Node with its packages, or `None` after saying what is missing.
///
/// # Panics
/// Where it is missing and `TONGTU_STRICT` is set.
#[must_use]
pub fn node() -> Option<Node> {
    let program = tool("node")?;
    match env::var_os(NODE_MODULES).map(PathBuf::from) {
        Some(modules) if modules.is_dir() => Some(Node { program, modules }),
        Some(modules) => missing(&format!(
            "{NODE_MODULES} is no folder: {}",
            modules.display()
        )),
        None => missing(&format!(
            "{NODE_MODULES} is not set (cargo xtask test sets it)"
        )),
    }
}

/// Says that a test did not run, or fails it.
pub(crate) fn missing<T>(what: &str) -> Option<T> {
    assert!(
        env::var_os(STRICT).is_none(),
        "{what}, and {STRICT} demands it"
    );
    // Not `eprintln`: the harness would keep it to itself when the test passes.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {what}");
    None
}

pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from(DAEMONS)])
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
