//! A dialogue with the identity application, as a person reads it.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::Display;

use tongtu_apdu::{CardCommand, Command, Explanation, Line, Response};
use tongtu_codec::DecodeError;

use crate::{GenerateKeyPair, GetData, InternalAuthenticate, Verify};

/// Explains a command of this application, and its answer if there was one and it was `9000`;
/// `None` when the instruction is not one of its own. A PIN is not shown.
#[must_use]
pub fn explain(command: &Command, answer: Option<&Response>) -> Option<Explanation> {
    let answer = answer.filter(|answer| answer.sw.is_ok());
    let answer = answer.map(|answer| answer.data.as_slice());
    Some(match command.ins {
        GenerateKeyPair::INS => told::<GenerateKeyPair>(command, answer, ("public key", "公钥")),
        GetData::INS => told::<GetData>(command, answer, ("object", "数据对象")),
        InternalAuthenticate::INS => {
            told::<InternalAuthenticate>(command, answer, ("signature r, s", "签名 r、s"))
        }
        Verify::INS => told::<Verify>(command, None, ("", "")),
        _ => return None,
    })
}

fn told<C: CardCommand>(
    command: &Command,
    answer: Option<&[u8]>,
    (en, zh): (&str, &str),
) -> Explanation {
    let mut out = Explanation::titled(C::NAME, C::NAME_ZH);
    out.request = match C::from_command(command) {
        Ok(_) => request_lines(command),
        Err(malformed) => wrong(&command.data, &malformed),
    };
    if let Some(data) = answer {
        out.answer = match C::answer(data) {
            Ok(_) => alloc::vec![Line::new(en, zh, data, "")],
            Err(error) => wrong(data, &error as &DecodeError),
        };
    }
    out
}

fn request_lines(command: &Command) -> Vec<Line> {
    match command.ins {
        InternalAuthenticate::INS => {
            alloc::vec![Line::new("challenge", "挑战", &command.data, "")]
        }
        GetData::INS => {
            alloc::vec![Line::new("tag", "标签", &[command.p1, command.p2], "")]
        }
        Verify::INS if !command.data.is_empty() => {
            alloc::vec![Line::new("PIN", "PIN", &[], "****")]
        }
        _ => Vec::new(),
    }
}

fn wrong(bytes: &[u8], why: &dyn Display) -> Vec<Line> {
    alloc::vec![Line::new("malformed", "格式错误", bytes, why.to_string())]
}
