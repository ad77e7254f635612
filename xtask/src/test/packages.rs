//! Foreign software that no distribution has: packages of Python and Node, pinned in kit/foreign.
//!
//! They go into the target folder, into a folder named after the pins, and are installed once: an
//! installation that was cut off lacks its last file and is made again.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::repo::{Repo, clean, find_program, must};

/// Tell tests where the packages are; read in kit/foreign.
const PYTHON_VARIABLE: &str = "TONGTU_TEST_PYTHON";
const NODE_VARIABLE: &str = "TONGTU_TEST_NODE_MODULES";

const REQUIREMENTS: &str = "kit/foreign/requirements.txt";
const NODE_FILES: &[&str] = &["package.json", "package-lock.json"];

/// Written last into a folder of packages.
const DONE: &str = "installed";

/// Where the packages are, as far as they are here.
#[derive(Debug, Default)]
pub(super) struct Packages {
    python: Option<PathBuf>,
    node_modules: Option<PathBuf>,
}

impl Packages {
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.python.is_none() {
            names.push("packages for Python");
        }
        if self.node_modules.is_none() {
            names.push("packages for Node");
        }
        names
    }

    /// Tells tests. What is not known is not changed: a person may have set it.
    pub(super) fn tell(&self, command: &mut Command) {
        if let Some(python) = &self.python {
            command.env(PYTHON_VARIABLE, python);
        }
        if let Some(modules) = &self.node_modules {
            command.env(NODE_VARIABLE, modules);
        }
    }
}

/// Finds the packages, or installs them where that is allowed and possible.
pub(super) fn provide(repo: &Repo, may_install: bool) -> Result<Packages> {
    let base = repo.target_folder()?.join("foreign");
    let mut packages = Packages::default();
    if let Some(folder) = kept(
        "Python",
        &base,
        &[repo.path(REQUIREMENTS)],
        may_install,
        |to| install_python(repo, to),
    )? {
        packages.python = Some(folder.join("bin/python"));
    }
    let node_files: Vec<PathBuf> = NODE_FILES
        .iter()
        .map(|name| repo.path("kit/foreign").join(name))
        .collect();
    if let Some(folder) = kept("Node", &base, &node_files, may_install, |to| {
        install_node(&node_files, to)
    })? {
        packages.node_modules = Some(folder.join("node_modules"));
    }
    Ok(packages)
}

/// The folder with the packages that `pins` name, filled if need be; `None` if that cannot be.
fn kept(
    name: &str,
    base: &Path,
    pins: &[PathBuf],
    may_install: bool,
    install: impl FnOnce(&Path) -> Result<()>,
) -> Result<Option<PathBuf>> {
    let mut hash = DefaultHasher::new();
    for pin in pins {
        let text = fs::read(pin).with_context(|| format!("cannot read {}", pin.display()))?;
        text.hash(&mut hash);
    }
    let folder = base.join(format!("{}-{:016x}", name.to_lowercase(), hash.finish()));
    if folder.join(DONE).exists() {
        println!("{name:<12} packages in {}", folder.display());
        return Ok(Some(folder));
    }
    if !may_install {
        println!("{name:<12} packages missing");
        return Ok(None);
    }
    println!("installing packages for {name}");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("an unfinished folder cannot be removed")?;
    }
    fs::create_dir_all(&folder).context("the folder for packages cannot be made")?;
    match install(&folder) {
        Ok(()) => {
            fs::write(folder.join(DONE), "").context("the folder cannot be marked")?;
            Ok(Some(folder))
        }
        Err(error) => {
            // Not an error of this repository: the tests that need them say what they miss.
            println!("packages for {name} could not be installed: {error:#}");
            Ok(None)
        }
    }
}

fn install_python(repo: &Repo, folder: &Path) -> Result<()> {
    let python = find_program(&["python3"], &[]).context("python3 is not installed")?;
    must(clean(python).args(["-m", "venv"]).arg(folder))?;
    let ours = folder.join("bin/python");
    must(
        clean(&ours)
            .args(["-m", "pip", "install", "--quiet", "--no-input"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(repo.path(REQUIREMENTS)),
    )?;
    must(clean(&ours).args([
        "-c",
        "import smartcard.System, ykman.pcsc, yubikit.securitydomain",
    ]))
}

fn install_node(files: &[PathBuf], folder: &Path) -> Result<()> {
    for file in files {
        let name = file.file_name().context("a pin is a file")?;
        fs::copy(file, folder.join(name)).context("the pins cannot be copied")?;
    }
    let npm = |words: &[&str]| {
        let mut command = clean("npm");
        command.args(words).current_dir(folder).stdin(Stdio::null());
        // Where the headers came with node, nothing needs to be fetched to build with them.
        if Path::new("/usr/include/node/node_api.h").exists() {
            command.env("npm_config_nodedir", "/usr");
        }
        must(&mut command)
    };
    npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    let loads = || {
        let mut command = clean("node");
        command
            .args([
                "-e",
                "require('smartcard'); require('node-gp'); require('jszip')",
            ])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !loads() {
        // Its build is an install script, and those may be switched off.
        npm(&["rebuild", "smartcard", "--ignore-scripts=false"])?;
        if !loads() {
            bail!("node cannot load the packages");
        }
    }
    Ok(())
}
