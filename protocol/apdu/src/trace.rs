//! Logs of card dialogues, as the tools of the field write them: text in, exchanges out.
//!
//! What is here: [`parse`], which finds the commands and answers in a log whatever wrote it:
//! opensc-tool and the log of OpenSC, scriptor, pcscd, pcsc-spy, Proxmark (its list of frames and
//! its `apdu` command), GlobalPlatformPro, and plain lines of hex with or without marks such as
//! `>>`/`<<` and `C:`/`R:`. What a line says beside bytes (times, names, descriptions) is passed
//! over; what cannot be read is passed over too, except that frames that are damaged ([`Trace::damaged`])
//! and marked lines whose hex is broken ([`Trace::broken`]) are named.
//! What is not here: what a command means ([`crate::Explanation`] and the applications).
//! Start with [`parse`].

mod dump;
mod frame;
mod line;

use alloc::vec::Vec;

use dump::Dump;
use frame::Frames;
use line::Spoken;

/// Bytes of one direction and where the log has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The line on which they begin, 1-based.
    pub line: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A command and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The command as logged; not necessarily a well-formed APDU.
    pub command: Logged,
    /// The answer with its status word; `None` when the log has none.
    pub answer: Option<Logged>,
}

/// What happened, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// The card was connected or reset: nothing is selected any more.
    Reset {
        /// The line that says so, 1-based.
        line: usize,
    },
    /// A command and its answer.
    Exchange(Exchange),
    /// An answer without its command.
    Orphan(Logged),
}

/// What was found in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// What happened.
    pub entries: Vec<Entry>,
    /// Lines of contactless frames whose check bytes do not hold; they were left out.
    pub damaged: Vec<usize>,
    /// Lines marked as a command or an answer whose hex is broken; they were left out.
    pub broken: Vec<usize>,
}

impl Trace {
    /// The commands and their answers, without what stood between.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Exchange(exchange) => Some(exchange),
            Entry::Reset { .. } | Entry::Orphan(_) => None,
        })
    }

    /// The exchange that waits for its answer, if one does.
    fn waiting(&mut self) -> Option<&mut Exchange> {
        match self.entries.last_mut() {
            Some(Entry::Exchange(exchange)) if exchange.answer.is_none() => Some(exchange),
            _ => None,
        }
    }

    /// More of the last answer.
    fn extend_answer(&mut self, bytes: &[u8]) {
        if let Some(
            Entry::Orphan(answer)
            | Entry::Exchange(Exchange {
                answer: Some(answer),
                ..
            }),
        ) = self.entries.last_mut()
        {
            answer.bytes.extend(bytes);
        }
    }

    fn push(&mut self, direction: Direction, logged: Logged) {
        // A tool that says the status word once more in words.
        if direction == Direction::Answer && self.repeats_the_status(&logged) {
            return;
        }
        match (direction, self.waiting()) {
            // A tool that repeats what was typed on the line before.
            (Direction::Command, Some(Exchange { command, .. }))
                if command.bytes == logged.bytes && command.line + 1 == logged.line => {}
            (Direction::Command, _) => self.entries.push(Entry::Exchange(Exchange {
                command: logged,
                answer: None,
            })),
            (Direction::Answer, Some(exchange)) => exchange.answer = Some(logged),
            (Direction::Answer, None) => self.entries.push(Entry::Orphan(logged)),
        }
    }

    fn repeats_the_status(&self, logged: &Logged) -> bool {
        matches!(self.entries.last(), Some(Entry::Exchange(Exchange { answer: Some(answer), .. }))
            if logged.bytes.len() == 2
                && answer.bytes.ends_with(&logged.bytes)
                && answer.line + 1 == logged.line)
    }

    /// Several lines may speak of one reset.
    fn reset(&mut self, line: usize) {
        if !matches!(self.entries.last(), Some(Entry::Reset { .. })) {
            self.entries.push(Entry::Reset { line });
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Command,
    Answer,
}

/// Finds the dialogue in the text of a log.
#[must_use]
pub fn parse(text: &str) -> Trace {
    let mut trace = Trace::default();
    let mut frames = Frames::default();
    let mut dump: Option<Dump> = None;
    // pcsc-spy names the function first; only one of them carries APDUs.
    let mut is_transmit = true;
    let mut goes_on = false;
    for (index, text) in text.lines().enumerate() {
        let number = index + 1;
        let text = &*line::without_colours(text);
        if let Some(open) = &mut dump {
            if open.take(text) {
                if open.is_whole() {
                    close(&mut dump, &mut trace);
                }
                continue;
            }
            close(&mut dump, &mut trace);
        }
        if frames.take(number, text, &mut trace) {
            continue;
        }
        if let Some(name) = line::function(text) {
            is_transmit = name == "SCardTransmit";
            if matches!(name, "SCardConnect" | "SCardReconnect") {
                trace.reset(number);
            }
            continue;
        }
        if let Some(begun) = Dump::begin(number, text) {
            if is_transmit {
                dump = Some(begun);
            }
            continue;
        }
        if goes_on && let Some((bytes, more)) = line::continued(text) {
            trace.extend_answer(&bytes);
            goes_on = more;
            continue;
        }
        let read = line::read(text, trace.waiting().is_some());
        goes_on = read.goes_on;
        if read.broken {
            trace.broken.push(number);
        }
        for spoken in read.spoken {
            match spoken {
                Spoken::Reset => trace.reset(number),
                Spoken::Bytes(direction, bytes) => {
                    trace.push(
                        direction,
                        Logged {
                            line: number,
                            bytes,
                        },
                    );
                }
            }
        }
    }
    close(&mut dump, &mut trace);
    frames.end(&mut trace);
    trace
}

fn close(dump: &mut Option<Dump>, trace: &mut Trace) {
    if let Some((direction, logged)) = dump.take().and_then(Dump::close) {
        trace.push(direction, logged);
    }
}

#[cfg(test)]
mod tests;
