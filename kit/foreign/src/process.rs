//! Child processes that cannot outlive their test.

use std::ffi::OsStr;
use std::io::{Read, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::tool::find;

/// A command whose process is killed by the system when the thread that started it ends, however it
/// ends. Where `setpriv` is missing, only [`Leashed`] cares for that.
#[must_use]
pub fn leash(program: impl AsRef<OsStr>) -> Command {
    let Some(setpriv) = find("setpriv") else {
        return Command::new(program);
    };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A process that is killed when this value goes.
#[derive(Debug)]
pub struct Leashed {
    child: Child,
}

impl Leashed {
    /// Starts a command made by [`leash`].
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child }
    }

    /// By what the system knows it: with [`leash`], the program's own number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the process writes, if it was started with a pipe; only once.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// What the process reads, if it was started with a pipe; only once.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Whether it ended by itself, and how.
    ///
    /// # Panics
    /// If the system does not know.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child can be asked")
    }

    /// Waits until it ends by itself; how it did.
    ///
    /// # Panics
    /// If the system does not know.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("our own child can be awaited")
    }

    /// Ends it without any warning, as a power cut would.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child can be awaited");
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended; 124 if its time was up.
    pub code: i32,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl Ran {
    /// What it wrote to stdout, if it ended well.
    ///
    /// # Panics
    /// If it did not end well; says everything that the program said.
    #[must_use]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self.out
    }
}

/// Runs a command made by [`leash`] to its end, but no longer than `limit`.
///
/// # Panics
/// If it cannot be started, or says something that is no text.
#[must_use]
pub fn run_within(limit: Duration, command: &mut Command, stdin: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that does not read its stdin may be gone already.
    let _ = child
        .stdin
        .take()
        .expect("asked for above")
        .write_all(stdin);
    let out = read_all(child.stdout.take().expect("asked for above"));
    let err = read_all(child.stderr.take().expect("asked for above"));
    let end = Instant::now() + limit;
    // Both pipes close when the program ends; a time that is up shows as a pipe still open.
    let mut texts = [out, err].map(|pipe| {
        let left = end.saturating_duration_since(Instant::now());
        match pipe.recv_timeout(left) {
            Ok(bytes) => Some(bytes),
            Err(_) => {
                let _ = child.kill();
                None
            }
        }
    });
    let status = child.wait().expect("our own child can be awaited");
    let in_time = texts.iter().all(Option::is_some);
    let mut text = |at: usize| {
        let bytes = texts[at].take().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut ran = Ran {
        code: status.code().unwrap_or(-1),
        out: text(0),
        err: text(1),
    };
    if !in_time {
        ran.code = 124;
        ran.err += &format!("\nnot done within {limit:?}: {command:?}");
    }
    ran
}

/// Reads a pipe to its end in a thread of its own.
fn read_all(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        // Nobody listens any more when the time was up.
        let _ = sender.send(bytes);
    });
    receiver
}
