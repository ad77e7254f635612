//! One line that carries bytes: marks of direction, or nothing but hex.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::Direction;
use crate::Command;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spoken {
    /// Bytes of one direction.
    Bytes(Direction, Vec<u8>),
    /// The card was connected or reset.
    Reset,
}

/// Words that stand before bytes, in capitals; each is followed by `:`, an arrow or a bracket.
const WORDS: &[(&str, Direction)] = &[
    ("C-APDU", Direction::Command),
    ("CAPDU", Direction::Command),
    ("COMMAND", Direction::Command),
    ("APDU", Direction::Command),
    ("SENDING", Direction::Command),
    ("SEND", Direction::Command),
    ("SENT", Direction::Command),
    ("REQUEST", Direction::Command),
    ("REQ", Direction::Command),
    ("CMD", Direction::Command),
    ("TX", Direction::Command),
    ("C", Direction::Command),
    ("R-APDU", Direction::Answer),
    ("RAPDU", Direction::Answer),
    ("RESPONSE", Direction::Answer),
    ("RESP", Direction::Answer),
    ("RSP", Direction::Answer),
    ("RECEIVED", Direction::Answer),
    ("RECV", Direction::Answer),
    ("SW", Direction::Answer),
    ("RX", Direction::Answer),
    ("R", Direction::Answer),
    ("发送", Direction::Command),
    ("指令", Direction::Command),
    ("命令", Direction::Command),
    ("接收", Direction::Answer),
    ("响应", Direction::Answer),
    ("返回", Direction::Answer),
];

/// The line as a tool writes it where there are no colours (ECMA-48 CSI sequences).
pub(super) fn without_colours(text: &str) -> Cow<'_, str> {
    const ESCAPE: &str = "\u{1b}[";
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(ESCAPE);
    let mut plain = String::from(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c));
        let after = end.and_then(|end| part.get(end + 1..));
        plain.push_str(after.unwrap_or_default());
    }
    Cow::Owned(plain)
}

/// The name of a PC/SC function that stands alone on its line, as pcsc-spy writes it.
pub(super) fn function(text: &str) -> Option<&str> {
    let name = text.trim();
    let is_name = name.starts_with("SCar") && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_name.then_some(name)
}

/// A line as read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) spoken: Vec<Spoken>,
    /// Whether the last answer may go on in the next line.
    pub(super) goes_on: bool,
    /// Whether bytes are announced that are none, or stop being any.
    pub(super) broken: bool,
}

/// What a line says; `waiting` when a command waits for its answer.
pub(super) fn read(text: &str, waiting: bool) -> Read {
    let text = text.trim();
    let mut read = Read::default();
    if let Some(plain) = plain(text, waiting) {
        read.spoken.push(plain);
        return read;
    }
    let mut rest = text;
    while let Some((direction, bytes, after)) = marked(rest) {
        read.goes_on =
            direction == Direction::Answer && bytes.len() == 16 && after.trim().is_empty();
        let hex_text = rest.strip_suffix(after).unwrap_or_default();
        if breaks_off(hex_text, after) {
            read.broken = true;
            read.goes_on = false;
        } else {
            read.spoken.push(Spoken::Bytes(direction, bytes));
        }
        rest = after;
    }
    if read.spoken.is_empty() && !read.broken {
        if speaks_of_a_reset(text) {
            read.spoken.push(Spoken::Reset);
        } else {
            read.broken = announces_broken_hex(text);
        }
    }
    read
}

/// Whether what follows bytes was meant to be more of them.
fn breaks_off(before: &str, after: &str) -> bool {
    let mut words = after
        .split([' ', '\t', ','])
        .filter(|word| !word.is_empty());
    let (Some(word), next) = (words.next(), words.next()) else {
        return false;
    };
    let is_pair = |word: &str| word.len() == 2 && tongtu_codec::hex_decode(word).is_ok();
    let in_pairs = before
        .split([' ', '\t', ','])
        .rfind(|word| !word.is_empty())
        .is_some_and(is_pair);
    if !in_pairs {
        return word.len() >= 8 && is_broken_hex(word, false);
    }
    let followed = next.is_some_and(is_pair);
    let digits = word.bytes().filter(u8::is_ascii_hexdigit).count();
    let decimals = word.bytes().filter(u8::is_ascii_digit).count();
    let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match word.len() {
        // `4` or `0Z` among bytes; a word of prose such as `of` is no digit beside another.
        1 => digits == 1 && (followed || (decimals == 1 && next.is_none())),
        2 => is_word && digits == 1 && (decimals == 1 || followed),
        _ => false,
    }
}

/// Whether a mark of direction stands before what was meant to be bytes and is none.
fn announces_broken_hex(text: &str) -> bool {
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        if let Some((_, after)) = mark(rest, previous) {
            let meant = decoration_skipped(after);
            let (bytes, after) = hex(meant, true);
            let broken = if bytes.is_empty() {
                let word = after.split([' ', '\t', ',']).next().unwrap_or_default();
                is_broken_hex(word, word.len() == after.len())
            } else {
                let hex_text = meant.strip_suffix(after).unwrap_or_default();
                breaks_off(hex_text, after)
            };
            if broken {
                return true;
            }
        }
        previous = c;
    }
    false
}

/// Whether a word was meant as hex: digits but for a few, or an odd number of them.
fn is_broken_hex(word: &str, alone: bool) -> bool {
    let digits = word.trim_end_matches([']', '"', '\'', ';', '.']);
    let digits = digits
        .strip_prefix("0x")
        .or(digits.strip_prefix("0X"))
        .unwrap_or(digits);
    let len = digits.chars().count();
    let hex = digits.bytes().filter(u8::is_ascii_hexdigit).count();
    let decimals = digits.bytes().filter(u8::is_ascii_digit).count();
    if hex == len {
        // A number in prose is no half of a byte: `sent 125 bytes`.
        let long = len >= 9 || (len >= 5 && decimals < len);
        return len % 2 == 1 && decimals > 0 && (long || (alone && len >= 3));
    }
    let is_word = digits.chars().all(|c| c.is_alphanumeric() || c == '?');
    is_word && decimals >= 2 && len >= 4 && hex * 4 >= len * 3
}

/// The rest of an answer that scriptor broke after 16 bytes, and whether more may follow.
pub(super) fn continued(text: &str) -> Option<(Vec<u8>, bool)> {
    let (bytes, rest) = hex(text.trim(), false);
    let more = rest.is_empty() && bytes.len() == 16;
    let ends = rest.is_empty() || rest.starts_with(':');
    (ends && !bytes.is_empty()).then_some((bytes, more))
}

/// A line of hex alone, perhaps with a comment behind it.
fn plain(text: &str, waiting: bool) -> Option<Spoken> {
    let (bytes, rest) = hex(text, false);
    let rest = rest.trim_start();
    let ends = rest.is_empty() || rest.starts_with(['#', ';']) || rest.starts_with("//");
    if !ends || bytes.len() < 2 {
        return None;
    }
    if waiting && ends_in_a_status_word(&bytes) {
        return Some(Spoken::Bytes(Direction::Answer, bytes));
    }
    // An answer to reset begins with 3B or 3F; no command class does.
    if matches!(bytes.first(), Some(0x3B | 0x3F)) {
        return Some(Spoken::Reset);
    }
    let direction = if Command::parse(&bytes).is_ok() {
        Direction::Command
    } else if waiting || ends_in_a_status_word(&bytes) {
        Direction::Answer
    } else if bytes.len() >= 4 {
        Direction::Command
    } else {
        return None;
    };
    Some(Spoken::Bytes(direction, bytes))
}

fn ends_in_a_status_word(bytes: &[u8]) -> bool {
    matches!(bytes, [.., 0x61..=0x6F | 0x90..=0x9F, _])
}

/// The first mark of direction that bytes follow, those bytes, and what comes after them.
fn marked(text: &str) -> Option<(Direction, Vec<u8>, &str)> {
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let rest = text.get(at..)?;
        if let Some((direction, after)) = mark(rest, previous) {
            let (bytes, after) = hex(decoration_skipped(after), true);
            let enough = match direction {
                Direction::Command => bytes.len() >= 4,
                Direction::Answer => bytes.len() >= 2,
            };
            if enough {
                return Some((direction, bytes, after));
            }
        }
        previous = c;
    }
    None
}

/// A mark at the front of `text`, and what follows it.
fn mark(text: &str, previous: char) -> Option<(Direction, &str)> {
    const ARROW: &[char] = &['<', '>', '=', '-'];
    if !ARROW.contains(&previous) {
        let after = text.trim_start_matches(ARROW);
        let arrow = text.strip_suffix(after).unwrap_or_default();
        match (arrow.contains('>'), arrow.contains('<')) {
            (true, false) => return Some((Direction::Command, after)),
            (false, true) => return Some((Direction::Answer, after)),
            _ => {}
        }
        if let Some(after) = text.strip_prefix('→') {
            return Some((Direction::Command, after));
        }
        if let Some(after) = text.strip_prefix('←') {
            return Some((Direction::Answer, after));
        }
    }
    if previous.is_ascii_alphanumeric() || previous == '-' {
        return None;
    }
    WORDS.iter().find_map(|(word, direction)| {
        let head = text.get(..word.len())?;
        let after = text.get(word.len()..)?;
        let follows = after.starts_with([':', '：', '=', ' ', '[', '(']);
        (head.eq_ignore_ascii_case(word) && follows).then_some((*direction, after))
    })
}

/// Passes over what tools put between the mark and the bytes: `:`, `(4+0000)`, `[select]`, `T=1`.
fn decoration_skipped(text: &str) -> &str {
    let mut text = text;
    loop {
        text = text.trim_start_matches([' ', '\t', ':', '：', '=', '"', '\'']);
        let next = match text.chars().next() {
            Some('(') => text.split_once(')'),
            // A list in brackets is the bytes themselves.
            Some('[')
                if text
                    .get(1..)
                    .is_some_and(|list| hex(list, true).0.len() >= 2) =>
            {
                return text.get(1..).unwrap_or_default();
            }
            Some('[') => text.split_once(']'),
            _ => None,
        };
        let protocol = text.strip_prefix("T=0").or(text.strip_prefix("T=1"));
        let Some(after) = next.map(|(_, after)| after).or(protocol) else {
            return text;
        };
        text = after;
    }
}

/// Reads words of hex from the front until one is none; returns the bytes and what follows.
///
/// Words are separated by spaces or commas, each may begin with `0x`; with `colons`, also `:`
/// separates two digits of one byte from the next.
pub(super) fn hex(text: &str, colons: bool) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let here = rest.trim_start_matches([' ', '\t', ',']);
        let end = here
            .find(|c: char| c.is_whitespace() || c == ',')
            .unwrap_or(here.len());
        let (word, after) = here.split_at(end);
        // What follows a list in brackets or quotes is no part of its last word.
        let word_bytes = word.trim_end_matches([']', '"', '\'', ';', '.']);
        let Some(mut more) = word_of_hex(word_bytes, colons) else {
            return (bytes, here);
        };
        bytes.append(&mut more);
        rest = after;
        if word_bytes.len() != word.len() {
            return (bytes, rest);
        }
    }
}

fn word_of_hex(word: &str, colons: bool) -> Option<Vec<u8>> {
    let digits = word
        .strip_prefix("0x")
        .or_else(|| word.strip_prefix("0X"))
        .unwrap_or(word);
    if digits.is_empty() {
        return None;
    }
    if colons && digits.contains(':') {
        let pairs = digits.split(':').filter(|pair| !pair.is_empty());
        let bytes: Option<Vec<Vec<u8>>> = pairs
            .map(|pair| {
                (pair.len() == 2)
                    .then(|| word_of_hex(pair, false))
                    .flatten()
            })
            .collect();
        return bytes.map(|bytes| bytes.concat());
    }
    tongtu_codec::hex_decode(digits).ok()
}

fn speaks_of_a_reset(text: &str) -> bool {
    let text = text.trim_start_matches(['>', '<', ' ']);
    let says_reset = text.eq_ignore_ascii_case("reset");
    says_reset
        || ["ATR:", "ATR =", "ATR="]
            .iter()
            .any(|mark| text.contains(mark))
}
