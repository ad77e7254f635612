//! Bytes on the lines below their heading: dumps of OpenSC and pcsc-spy.

use alloc::vec::Vec;

use super::{Direction, Logged};

/// Bytes in one line of a dump.
const ROW: usize = 16;

/// A dump that is being read.
#[derive(Debug)]
pub(super) struct Dump {
    direction: Direction,
    logged: Logged,
    /// How many bytes the heading announces.
    announced: Option<usize>,
    /// The status word, where the heading says it.
    status: Vec<u8>,
}

impl Dump {
    /// Reads a heading.
    pub(super) fn begin(line: usize, text: &str) -> Option<Self> {
        let text = text.trim();
        let dump = |direction, announced, status| Self {
            direction,
            logged: Logged {
                line,
                bytes: Vec::new(),
            },
            announced,
            status,
        };
        // opensc-tool: `Received (SW1=0x90, SW2=0x00):`
        if let Some((_, rest)) = text.split_once("Received (SW1=") {
            let (sw1, rest) = rest.split_once(", SW2=")?;
            let (sw2, _) = rest.split_once(')')?;
            let status = [hex_byte(sw1)?, hex_byte(sw2)?].to_vec();
            return Some(dump(Direction::Answer, None, status));
        }
        // The log of OpenSC: `Outgoing APDU (13 bytes):`, before 0.17 `Outgoing APDU data [   13 bytes] ===`.
        for (word, direction) in [
            ("Outgoing APDU", Direction::Command),
            ("Incoming APDU", Direction::Answer),
        ] {
            if let Some((_, rest)) = text.split_once(word) {
                let rest = rest.strip_prefix(" data").unwrap_or(rest).trim_start();
                let (count, _) = rest.strip_prefix(['(', '['])?.split_once("bytes")?;
                let announced = count.trim().parse().ok()?;
                return Some(dump(direction, Some(announced), Vec::new()));
            }
        }
        // pcsc-spy: ` i bSendBuffer`, ` o bRecvBuffer`.
        match text {
            "i bSendBuffer" => Some(dump(Direction::Command, None, Vec::new())),
            "o bRecvBuffer" => Some(dump(Direction::Answer, None, Vec::new())),
            _ => None,
        }
    }

    /// Takes a line if it is one of this dump.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let Some(mut bytes) = row(text) else {
            return false;
        };
        if let Some(announced) = self.announced {
            bytes.truncate(announced.saturating_sub(self.logged.bytes.len()));
        }
        self.logged.bytes.append(&mut bytes);
        true
    }

    /// Whether everything announced is there.
    pub(super) fn is_whole(&self) -> bool {
        self.announced == Some(self.logged.bytes.len())
    }

    /// The bytes, unless there are none.
    pub(super) fn close(mut self) -> Option<(Direction, Logged)> {
        self.logged.bytes.append(&mut self.status);
        (!self.logged.bytes.is_empty()).then_some((self.direction, self.logged))
    }
}

fn hex_byte(text: &str) -> Option<u8> {
    u8::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

/// One line of a dump: an address or none, up to 16 bytes, and perhaps the same as characters.
///
/// The characters may look like hex too (`41 42 AB`), so the split is where they say the same.
fn row(text: &str) -> Option<Vec<u8>> {
    let text = ["i", "o"]
        .iter()
        .find_map(|mark| text.trim_start().strip_prefix(mark)?.strip_prefix("  "))
        .unwrap_or(text);
    let text = address_skipped(text);
    let mut bytes = Vec::new();
    let mut rest = text;
    while bytes.len() < ROW {
        let Some(byte) = rest.get(..2).and_then(pair) else {
            break;
        };
        bytes.push(byte);
        rest = rest.get(2..).unwrap_or_default();
        match rest.strip_prefix(' ') {
            Some(after) => rest = after,
            None if rest.is_empty() => break,
            None => {
                // The pair is the beginning of the characters.
                bytes.pop();
                break;
            }
        }
    }
    for count in (1..=bytes.len()).rev() {
        let characters = text.get(count * 3..).unwrap_or_default().trim();
        let head = bytes.get(..count).unwrap_or_default();
        if !characters.is_empty() && shown(head, characters) {
            bytes.truncate(count);
            return Some(bytes);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

fn pair(text: &str) -> Option<u8> {
    text.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| u8::from_str_radix(text, 16).ok())
        .flatten()
}

/// `0000 ` or `00000010: ` before the bytes.
fn address_skipped(text: &str) -> &str {
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let after = text.get(digits..).unwrap_or_default();
    match digits {
        4 | 8 => after
            .strip_prefix(": ")
            .or(after.strip_prefix(' '))
            .unwrap_or(text),
        _ => text,
    }
}

/// Whether these characters are how a dump shows these bytes, spaces at either end apart.
fn shown(bytes: &[u8], characters: &str) -> bool {
    let as_shown = |byte: &u8| {
        if (0x20..0x7F).contains(byte) {
            *byte
        } else {
            b'.'
        }
    };
    let shown: Vec<u8> = bytes.iter().map(as_shown).collect();
    shown.trim_ascii() == characters.as_bytes()
}
