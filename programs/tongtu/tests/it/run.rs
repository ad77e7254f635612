//! Runs the program and keeps what it said.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("stdout is one JSON document")
    }
}

/// Runs `tongtu` in English.
pub(crate) fn tongtu(args: &[&str]) -> Ran {
    tongtu_in(Path::new("."), args, b"", &[])
}

/// Runs `tongtu` in a folder, with stdin and further variables; no locale is inherited.
pub(crate) fn tongtu_in(folder: &Path, args: &[&str], stdin: &[u8], env: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tongtu"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
        command.env_remove(name);
    }
    let mut child = command
        .args(args)
        .envs(env.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A run that does not read its stdin may be gone already.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().expect("ended by itself"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `tongtu` and compares everything it said, written as a transcript: `$ tongtu …`, stdout,
/// stderr, and the exit code if it is not 0. Long hex may be shortened to `‹…›` on both sides.
pub(crate) fn transcript(folder: &Path, args: &[&str], expected: &str) {
    let ran = tongtu_in(folder, args, b"", &[]);
    let shown: Vec<_> = args.iter().map(|arg| shorten(arg)).collect();
    let mut found = format!("$ tongtu {}\n{}{}", shown.join(" "), ran.out, ran.err);
    if ran.code != 0 {
        found += &format!("exit {}\n", ran.code);
    }
    assert_eq!(shorten(&found), expected.trim_start_matches('\n'));
}

/// Replaces each word of more than 140 hex digits by `‹n bytes›`.
fn shorten(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let hex = rest.find(|c: char| !c.is_ascii_hexdigit());
        let (word, tail) = rest.split_at(hex.unwrap_or(rest.len()));
        if word.len() > 140 {
            out += &format!("‹{} bytes›", word.len() / 2);
        } else {
            out += word;
        }
        let next = tail.chars().next().map_or(0, char::len_utf8);
        out += &tail[..next];
        rest = &tail[next..];
    }
    out
}

/// A fresh empty folder for a test, below the target folder.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A value of the published chain, as hex.
pub(crate) fn published(name: &str) -> String {
    let text = include_str!("../../../../protocol/ride-code/vectors/chain.toml");
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(" = ")?;
        (key == name).then(|| value.trim_matches('"').to_owned())
    });
    value.unwrap()
}
