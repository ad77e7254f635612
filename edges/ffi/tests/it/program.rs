//! Programs in C, built with the system's compiler against the library beside this test.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use tongtu_foreign::{Leashed, leash, run_within, tool};

use crate::fixture::Rider;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);
const SANITIZED: &str = "-fsanitize=address,undefined";

/// A folder of this test alone, gone with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn make(name: &str) -> Self {
        let name = format!("tongtu-ffi-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it with these bytes.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include")
}

/// Where cargo put the libraries: beside this very program.
fn libraries() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().unwrap().to_path_buf()
}

/// Builds an example, or says that there is no compiler.
pub(crate) fn build(folder: &Folder, example: &str, sanitize: bool) -> Option<PathBuf> {
    let program = folder.0.join(example);
    let libraries = libraries();
    let mut rpath = OsString::from("-Wl,-rpath,");
    rpath.push(&libraries);
    let mut cc = leash(tool("cc")?);
    let strict = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    cc.args(strict).arg("-O1").arg("-I").arg(include());
    if sanitize {
        cc.args([SANITIZED, "-fno-sanitize-recover=all", "-g"]);
    }
    let source = format!("{}/examples/{example}.c", env!("CARGO_MANIFEST_DIR"));
    cc.arg(source).arg("-L").arg(&libraries).arg(rpath);
    cc.args(["-ltongtu_ffi", "-ldl", "-o"]).arg(&program);
    let ran = run_within(LIMIT, &mut cc, b"");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    Some(program)
}

/// What the compiler offers to find mistakes in memory by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sanitizer {
    Absent,
    /// Without looking for leaks, which needs more of the system than some give.
    NoLeaks,
    Whole,
}

impl Sanitizer {
    /// Builds a program of one line, and runs it.
    pub(crate) fn offered(folder: &Folder) -> Option<Self> {
        let source = folder.file("probe.c", b"int main(void) { return 0; }\n");
        let program = folder.0.join("probe");
        let mut cc = leash(tool("cc")?);
        cc.arg(SANITIZED).arg(source).arg("-o").arg(&program);
        if run_within(LIMIT, &mut cc, b"").code != 0 {
            return Some(Self::Absent);
        }
        let ends_well = |sanitizer: Self| {
            let mut command = leash(&program);
            sanitizer.set(&mut command);
            run_within(LIMIT, &mut command, b"").code == 0
        };
        let found = [Self::Whole, Self::NoLeaks]
            .into_iter()
            .find(|s| ends_well(*s));
        Some(found.unwrap_or(Self::Absent))
    }

    pub(crate) fn set(self, command: &mut Command) {
        let leaks = if self == Self::Whole { 1 } else { 0 };
        command.env("ASAN_OPTIONS", format!("detect_leaks={leaks}"));
    }
}

/// A program that runs, with somebody at the other end of its pipe who plays the card.
pub(crate) struct Device {
    running: Leashed,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Device {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Leashed::start(command);
        let to = running.stdin();
        let from = BufReader::new(running.stdout().unwrap());
        Self { running, to, from }
    }

    /// The next line that is no command to the card; those are answered. None at the end.
    pub(crate) fn line(&mut self, rider: Option<&mut Rider>) -> Option<String> {
        let mut rider = rider;
        loop {
            let mut line = String::new();
            if self.from.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            let Some(command) = line.trim_end().strip_prefix("> ") else {
                return Some(line.trim_end().to_owned());
            };
            let rider = rider.as_deref_mut().expect("a card is in the field");
            let answer = rider.transmit(&unhex(command)).unwrap_or_default();
            let hex: String = answer.iter().map(|b| format!("{b:02X}")).collect();
            self.say(&hex);
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.to.as_mut().unwrap(), "{line}").unwrap();
    }

    /// No more events: the program ends, and well.
    pub(crate) fn end(mut self) {
        self.to = None;
        assert_eq!(self.line(None), None);
        let status = self.running.wait();
        assert!(status.success(), "{status}");
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
