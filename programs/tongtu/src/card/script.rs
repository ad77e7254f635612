//! What people type to a card: hex or a short word, and what they expect back.
//!
//! ```text
//! select ep                 # comments end the line
//! balance => ????????9000   one ? for any digit
//! 00B095001E => *9000|6A82  * for any bytes, | between possible answers
//! ```

use tongtu_apdu::select::{E_CASH, E_PURSE, PPSE, Select};
use tongtu_apdu::{CardCommand as _, Command, MAX_DATA};
use tongtu_codec::{hex_decode, hex_encode};

use crate::lang::{Both, both};

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Reset the card.
    Reset,
    /// List the words.
    Help,
    /// End.
    Quit,
}

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// What to do.
    pub(crate) action: Action,
    /// What the answer should be.
    pub(crate) expected: Option<Pattern>,
}

/// The words, for the help of the prompt and of the command.
pub(crate) const WORDS: &[(&str, &str, &str)] = &[
    (
        "select ep|ec|ppse|isd|AID",
        "select an application",
        "选择应用",
    ),
    ("balance", "the e-purse's balance", "电子钱包余额"),
    (
        "read SFI [RECORD]",
        "a file, or one of its records (SFI in hex)",
        "读文件或记录（SFI 为十六进制）",
    ),
    ("challenge [4|8]", "a random number", "取随机数"),
    (
        "data TAG",
        "GET DATA of a tag in hex",
        "取数据对象（标签为十六进制）",
    ),
    ("HEX", "any command APDU", "任意命令 APDU"),
    ("reset", "reset the card", "复位卡片"),
    ("help, quit", "", ""),
];

/// Reads a line; `None` when there is nothing on it.
pub(crate) fn step(line: &str) -> Result<Option<Step>, Both> {
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.is_empty() {
        return Ok(None);
    }
    let (said, expected) = match line.split_once("=>") {
        Some((said, expected)) => (said.trim(), Some(Pattern::parse(expected)?)),
        None => (line, None),
    };
    let action = action(said)?;
    if expected.is_some() && !matches!(action, Action::Send(_)) {
        return Err(both(
            format!("`{said}` has no answer to expect"),
            format!("`{said}` 没有可期望的应答"),
        ));
    }
    Ok(Some(Step { action, expected }))
}

fn action(said: &str) -> Result<Action, Both> {
    let mut words = said.split_whitespace();
    let word = words.next().unwrap_or_default().to_lowercase();
    let arguments: Vec<&str> = words.collect();
    let command = match (word.as_str(), arguments.as_slice()) {
        ("quit" | "exit" | "q", []) => return Ok(Action::Quit),
        ("help" | "?", []) => return Ok(Action::Help),
        ("reset", []) => return Ok(Action::Reset),
        ("select", [name]) => Select::by_name(application(name)?).to_command(),
        ("balance", []) => Command::new(0x80, 0x5C, 0x03, 0x02).with_le(4),
        ("challenge", []) => Command::new(0, 0x84, 0, 0).with_le(4),
        ("challenge", ["4"]) => Command::new(0, 0x84, 0, 0).with_le(4),
        ("challenge", ["8"]) => Command::new(0, 0x84, 0, 0).with_le(8),
        ("read", [sfi]) => Command::new(0, 0xB0, 0x80 | short_file(sfi)?, 0).with_le(0),
        ("read", [sfi, record]) => {
            let record = record
                .parse()
                .map_err(|_| not_a("record number", "记录号", record))?;
            Command::new(0, 0xB2, record, short_file(sfi)? << 3 | 4).with_le(0)
        }
        ("data", [tag]) => match *hex_decode(tag).unwrap_or_default() {
            [low] => Command::new(0x80, 0xCA, 0, low).with_le(0),
            [high, low] => Command::new(0x80, 0xCA, high, low).with_le(0),
            _ => return Err(not_a("tag of one or two bytes", "一或两字节的标签", tag)),
        },
        _ => return hex(said).map(Action::Send),
    };
    Ok(Action::Send(
        command.encode().expect("none of them has much data"),
    ))
}

fn application(name: &str) -> Result<Vec<u8>, Both> {
    Ok(match name.to_lowercase().as_str() {
        "ep" | "purse" => E_PURSE.as_bytes().to_vec(),
        "ec" | "cash" => E_CASH.as_bytes().to_vec(),
        "ppse" => PPSE.as_bytes().to_vec(),
        "isd" => Vec::new(),
        _ => match hex_decode(name) {
            Ok(aid) if (1..=16).contains(&aid.len()) => aid,
            _ => {
                return Err(not_a(
                    "application: ep, ec, ppse, isd or an AID in hex",
                    "应用：ep、ec、ppse、isd 或十六进制 AID",
                    name,
                ));
            }
        },
    })
}

fn short_file(text: &str) -> Result<u8, Both> {
    u8::from_str_radix(text.trim_start_matches("0x"), 16)
        .ok()
        .filter(|sfi| (1..=0x1E).contains(sfi))
        .ok_or_else(|| {
            not_a(
                "short file identifier 01 to 1E in hex",
                "十六进制短文件标识 01 至 1E",
                text,
            )
        })
}

fn hex(text: &str) -> Result<Vec<u8>, Both> {
    let most = MAX_DATA + 6;
    match hex_decode(text) {
        Ok(bytes) if (1..=most).contains(&bytes.len()) => Ok(bytes),
        Ok(bytes) => Err(both(
            format!("{} bytes, a command has 1 to {most}", bytes.len()),
            format!("{} 字节，命令应为 1 至 {most} 字节", bytes.len()),
        )),
        Err(_) => Err(both(
            format!("`{text}` is neither hex nor a word that is known; `help` lists them"),
            format!("`{text}` 不是十六进制，也不是已知的词；`help` 列出可用的词"),
        )),
    }
}

fn not_a(en: &str, zh: &str, found: &str) -> Both {
    both(
        format!("`{found}` is no {en}"),
        format!("`{found}` 不是{zh}"),
    )
}

/// What an answer may be, status word included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Upper-case digits with `?` and `*`, one for each possible answer.
    choices: Vec<String>,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, Both> {
        let choices = text.split('|').map(|choice| {
            let choice: String = choice.split_whitespace().collect();
            let choice = choice.to_uppercase().replace('X', "?");
            let digits = choice
                .chars()
                .all(|c| c.is_ascii_hexdigit() || c == '?' || c == '*');
            if digits && !choice.is_empty() {
                Ok(choice)
            } else {
                Err(both(
                    format!(
                        "`{}` is no expected answer: hex digits, `?`, `*`, `|`",
                        text.trim()
                    ),
                    format!(
                        "`{}` 不是期望的应答：十六进制数字、`?`、`*`、`|`",
                        text.trim()
                    ),
                ))
            }
        });
        Ok(Self {
            choices: choices.collect::<Result<_, _>>()?,
        })
    }

    /// Whether an answer is one of them.
    pub(crate) fn fits(&self, answer: &[u8]) -> bool {
        let answer = hex_encode(answer).to_uppercase();
        self.choices
            .iter()
            .any(|choice| fits(choice.as_bytes(), answer.as_bytes()))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.choices.join("|"))
    }
}

/// Whether digits fit a pattern; `*` stands for whole bytes.
fn fits(pattern: &[u8], digits: &[u8]) -> bool {
    match (pattern, digits) {
        ([], []) => true,
        ([b'*', pattern @ ..], digits) => {
            let skips = (0..=digits.len()).step_by(2);
            let mut rests = skips.filter_map(|skip| digits.get(skip..));
            rests.any(|rest| fits(pattern, rest))
        }
        ([b'?', pattern @ ..], [_, digits @ ..]) => fits(pattern, digits),
        ([wanted, pattern @ ..], [found, digits @ ..]) => wanted == found && fits(pattern, digits),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> String {
        match step(line) {
            Ok(Some(Step {
                action: Action::Send(bytes),
                ..
            })) => hex_encode(&bytes),
            Ok(step) => format!("{step:?}"),
            Err(problem) => problem.of(crate::lang::Lang::En).to_owned(),
        }
    }

    #[test]
    fn words_become_commands() {
        for (line, expected) in [
            ("select ep", "00a4040008a00000063201010500"),
            ("SELECT isd  # the issuer's", "00a4040000"),
            ("select A0000003330101", "00a4040007a000000333010100"),
            ("balance", "805c030204"),
            ("read 15", "00b0950000"),
            ("read 0x18 10", "00b20ac400"),
            ("data 9F79", "80ca9f7900"),
            ("80 5c 00 02 04", "805c000204"),
            ("", "None"),
            (
                "read 1F",
                "`1F` is no short file identifier 01 to 1E in hex",
            ),
            (
                "blance",
                "`blance` is neither hex nor a word that is known; `help` lists them",
            ),
            ("reset => 9000", "`reset` has no answer to expect"),
            (
                "balance => yes",
                "`yes` is no expected answer: hex digits, `?`, `*`, `|`",
            ),
        ] {
            assert_eq!(sent(line), expected, "{line}");
        }
    }

    #[test]
    fn patterns_fit_whole_answers() {
        for (pattern, answer, expected) in [
            ("9000", "9000", true),
            ("9000", "00009000", false),
            ("*9000", "00009000", true),
            ("*9000", "9000", true),
            ("0000????9000", "00001a2b9000", true),
            ("XX 90 00", "1a9000", true),
            ("*9000|6a8?", "6a82", true),
            ("*9000", "0090009001", false),
            ("6F*9000", "6f319000", true),
        ] {
            let answer = hex_decode(answer).unwrap();
            assert_eq!(
                Pattern::parse(pattern).unwrap().fits(&answer),
                expected,
                "{pattern}"
            );
        }
    }
}
