//! A software PKCS#11 token (SoftHSM) of one test alone.
//!
//! The module reads where its tokens are from `SOFTHSM2_CONF` when it is loaded, and a test cannot
//! change its own environment. So a test that loads the module runs itself once more as a child
//! that has the variable: [`SoftToken::within`].

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::openssl::Scratch;
use crate::process::{Ran, leash, run_within};
use crate::tool::{missing, tool};

/// Where SoftHSM looks for its settings.
const CONF: &str = "SOFTHSM2_CONF";
/// Tells the child its folder, and that it is one.
const FOLDER: &str = "TONGTU_TEST_TOKEN";
/// How long one program, or the child, may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A token in a folder of its own; the child's view of it.
#[derive(Debug)]
pub struct SoftToken {
    folder: PathBuf,
    module: PathBuf,
}

impl SoftToken {
    /// The token's label.
    pub const LABEL: &str = "tongtu-test";
    /// The PIN of its user.
    pub const PIN: &str = "123456";

    /// Runs `body` in a child process with a fresh token; `test` is the running test's full name.
    /// Says so and does nothing where SoftHSM is missing.
    ///
    /// # Panics
    /// When the body does, when no token can be made, and where SoftHSM is missing and
    /// `TONGTU_STRICT` is set.
    pub fn within(test: &str, body: impl FnOnce(&Self)) {
        if let Some(folder) = env::var_os(FOLDER) {
            let module = module().expect("the parent found it");
            body(&Self {
                folder: folder.into(),
                module,
            });
            return;
        }
        let Some(util) = tool("softhsm2-util") else {
            return;
        };
        if module().is_none() {
            let _: Option<()> = missing("libsofthsm2.so is not installed (softhsm2)");
            return;
        }
        // The name of the harness does not have the crate's in front.
        let test = test.split_once("::").map_or(test, |(_, test)| test);
        let scratch = Scratch::new(&format!("token-{}", test.replace("::", "-")));
        let tokens = scratch.path().join("tokens");
        fs::create_dir_all(&tokens).expect("our own folder can be filled");
        let conf = scratch.write(
            "softhsm2.conf",
            format!(
                "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
                tokens.display()
            )
            .as_bytes(),
        );
        let init = ["--init-token", "--free", "--label", Self::LABEL];
        let pins = ["--pin", Self::PIN, "--so-pin", "12345678"];
        let mut command = leash(util);
        command.args(init).args(pins).env(CONF, &conf);
        let _ = run_within(LIMIT, &mut command, b"").good();
        let ourselves = env::current_exe().expect("a test is a file");
        let mut child = leash(ourselves);
        child.args([test, "--exact", "--nocapture"]);
        child.env(CONF, &conf).env(FOLDER, scratch.path());
        let said = run_within(LIMIT, &mut child, b"").good();
        assert!(said.contains("1 passed"), "`{test}` did not run: {said}");
    }

    /// The module to load.
    #[must_use]
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// A folder that goes with the token.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a program that sees this token.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = S>,
    ) -> Ran {
        let mut command: Command = leash(program);
        command.args(args).env("LC_ALL", "C.UTF-8");
        run_within(LIMIT, &mut command, b"")
    }
}

/// Debian keeps it behind a fixed name, newer ones behind the processor's.
fn module() -> Option<PathBuf> {
    let direct = PathBuf::from("/usr/lib/softhsm/libsofthsm2.so");
    if direct.exists() {
        return Some(direct);
    }
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    folders
        .map(|entry| entry.path().join("softhsm/libsofthsm2.so"))
        .find(|file| file.exists())
}
