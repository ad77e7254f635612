//! What is printed: text and tables for people, one JSON document for programs.
//!
//! Results go to stdout, notes and failures to stderr. Colours only where a person looks.

use std::env;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;

use comfy_table::{Table, TableStyle, presets};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::lang::{Both, Lang, both};

/// Where a command prints.
pub(crate) struct Report {
    lang: Lang,
    json: bool,
    colour: bool,
    out: BufWriter<io::Stdout>,
    /// The reader went away; the rest of the work is still done, for its exit code.
    closed: bool,
}

/// How a line for people is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Refused.
    Bad,
}

#[derive(Serialize)]
struct ErrorForm<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    kind: &'static str,
    message: &'a str,
    hints: Vec<&'a str>,
}

impl Report {
    /// Prints to stdout, in this language, as JSON if asked.
    pub(crate) fn stdout(lang: Lang, json: bool) -> Self {
        let plain = json || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            lang,
            json,
            colour: !plain && io::stdout().is_terminal(),
            out: BufWriter::new(io::stdout()),
            closed: false,
        }
    }

    /// The language to speak.
    pub(crate) const fn lang(&self) -> Lang {
        self.lang
    }

    /// Whether one JSON document is wanted.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.raw(line)?;
        self.raw("\n")
    }

    /// Prints a line in the reader's language.
    pub(crate) fn say(&mut self, line: &Both) -> Result<(), Failure> {
        self.line(line.of(self.lang))
    }

    /// Prints a line that is green or red on a screen.
    pub(crate) fn toned(&mut self, tone: Tone, line: &str) -> Result<(), Failure> {
        if !self.colour {
            return self.line(line);
        }
        let code = match tone {
            Tone::Good => 32,
            Tone::Bad => 31,
        };
        self.line(&format!("\u{1b}[1;{code}m{line}\u{1b}[0m"))
    }

    /// Prints text as it is.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        let result = self.out.write_all(text.as_bytes());
        self.written(result)
    }

    /// Prints rows in columns, without a header; none is nothing.
    pub(crate) fn rows<R, C>(&mut self, rows: R) -> Result<(), Failure>
    where
        R: IntoIterator<Item = C>,
        C: IntoIterator<Item = String>,
    {
        self.table(&[], rows)
    }

    /// Prints a table; an empty one is nothing.
    pub(crate) fn table<R, C>(&mut self, header: &[&str], rows: R) -> Result<(), Failure>
    where
        R: IntoIterator<Item = C>,
        C: IntoIterator<Item = String>,
    {
        // One rule under the header, no frame: it can be read aloud, searched and cut.
        const STYLE: TableStyle = presets::NOTHING;
        let mut table = Table::new();
        table.load_style(STYLE);
        if !header.is_empty() {
            table.set_header(header.to_vec());
        }
        for row in rows {
            table.add_row(row.into_iter().collect::<Vec<_>>());
        }
        if table.is_empty() {
            return Ok(());
        }
        let text: String = table.trim_fmt();
        for line in text.lines() {
            // The first column has a margin that nothing needs.
            self.line(line.strip_prefix(' ').unwrap_or(line))?;
        }
        Ok(())
    }

    /// Prints the one JSON document.
    pub(crate) fn value(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Failure::fault(both(
                "the answer cannot be written as JSON",
                "结果无法写成 JSON",
            ))
            .because(error)
        })?;
        self.line(&text)
    }

    /// Prints a JSON document on one line, for commands that go on running.
    pub(crate) fn compact(&mut self, value: &serde_json::Value) -> Result<(), Failure> {
        self.line(&value.to_string())
    }

    /// Hands what was printed so far to the reader.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.out.flush();
        self.written(flushed)
    }

    /// Says something beside the result, on stderr. Programs that read JSON are not told.
    pub(crate) fn note(&self, note: &Both) {
        if !self.json {
            complain(note.of(self.lang));
        }
    }

    /// Flushes, prints the failure if there is one, and gives the exit code.
    pub(crate) fn end(mut self, exit: Result<Exit, Failure>) -> ExitCode {
        let flushed = self.out.flush();
        let flushed = self.written(flushed);
        match exit.and_then(|exit| flushed.map(|()| exit)) {
            Ok(exit) => exit.into(),
            Err(failure) => {
                self.explain(&failure);
                failure.kind().into()
            }
        }
    }

    fn explain(&self, failure: &Failure) {
        let message = failure.message(self.lang);
        if self.json {
            let form = ErrorForm {
                error: ErrorBody {
                    kind: failure.kind().name(),
                    message: &message,
                    hints: failure.hints(self.lang).collect(),
                },
            };
            // A form of strings alone can always be written.
            complain(&serde_json::to_string(&form).unwrap_or_default());
            return;
        }
        let (error, hint) = match self.lang {
            Lang::En => ("error: ", "  hint: "),
            Lang::Zh => ("错误：", "  提示："),
        };
        complain(&format!("{error}{message}"));
        for text in failure.hints(self.lang) {
            complain(&format!("{hint}{text}"));
        }
    }

    fn written(&mut self, result: io::Result<()>) -> Result<(), Failure> {
        match result {
            Ok(()) => Ok(()),
            // `tongtu … | head` is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => {
                self.closed = true;
                Err(
                    Failure::fault(both("cannot write to stdout", "无法写入标准输出"))
                        .because(error),
                )
            }
        }
    }
}

/// Writes a line to stderr; when even that is gone, there is nobody left to tell.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
