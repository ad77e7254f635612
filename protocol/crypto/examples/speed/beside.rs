//! A program that measures another library, asked between our own runs.
//!
//! It is started once. For each line on its standard input, the name of a row, it measures that for a
//! fifth of a second or so and answers with a line: nanoseconds for one operation, or `-` where the
//! library has no such thing. It ends when its input does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Such a program, running.
pub(super) struct Beside {
    name: String,
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Beside {
    /// Starts what `NAME=PROGRAM` says.
    pub(super) fn start(text: &str) -> Result<Self, String> {
        let (name, program) = text
            .split_once('=')
            .ok_or(format!("--beside takes NAME=PROGRAM, not {text}"))?;
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program} does not start: {error}"))?;
        let answers = child.stdout.take().expect("it was asked for");
        Ok(Self {
            name: name.to_owned(),
            asks: child.stdin.take(),
            answers: BufReader::new(answers),
            child,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Nanoseconds for one operation of a row, where the library has it.
    pub(super) fn ask(&mut self, row: &str) -> Result<Option<u128>, String> {
        let asks = self.asks.as_mut().expect("open until it is dropped");
        let mut line = String::new();
        writeln!(asks, "{row}")
            .and_then(|()| asks.flush())
            .and_then(|()| self.answers.read_line(&mut line))
            .map_err(|error| format!("{} does not answer: {error}", self.name))?;
        match line.trim_end() {
            "-" => Ok(None),
            figure => figure.parse().map(Some).map_err(|_| {
                format!(
                    "{} answered {figure:?} where nanoseconds or - belong",
                    self.name
                )
            }),
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.asks = None;
        // It ends by itself now; how, is its own affair.
        _ = self.child.wait();
    }
}
