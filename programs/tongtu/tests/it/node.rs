//! A node in a process of its own.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::run::{Ran, tongtu_in};

/// A node that goes by the settings in its folder, until it is dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
}

impl Node {
    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::started(folder, Stdio::null(), &[])
    }

    /// The same, and what it logs.
    pub(crate) fn start_logging(folder: &Path) -> (Self, Lines<BufReader<ChildStderr>>) {
        let mut node = Self::started(folder, Stdio::piped(), &[("RUST_LOG", "tongtu=info")]);
        let logged = BufReader::new(node.child.stderr.take().unwrap()).lines();
        (node, logged)
    }

    fn started(folder: &Path, stderr: Stdio, env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tongtu"))
            .args(["--json", "serve", "node.toml"])
            .envs(env.iter().copied())
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        lines.read_line(&mut said).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        Self {
            child,
            url: said["url"].as_str().unwrap().to_owned(),
            folder: folder.to_path_buf(),
        }
    }

    /// Runs with this node's address, in its folder.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let args = [words, &["--to", &self.url, "--lang", "en"]].concat();
        tongtu_in(&self.folder, &args, b"", &[])
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
