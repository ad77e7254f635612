//! A dialogue with the application, as a person reads it.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::Display;

use tongtu_apdu::{CardCommand, Command, Explanation, Line, Response};

use crate::{
    GetChallenge, GetCode, Operation, Profile, PutResult, ReadResult, RideResult, UpdateCode,
};

/// Explains a command under a profile, and its answer if there was one and it was `9000`;
/// `None` when the profile does not have it. The code itself is left to whoever reads codes.
#[must_use]
pub fn explain(
    profile: &Profile,
    command: &Command,
    answer: Option<&Response>,
) -> Option<Explanation> {
    let answer = answer.filter(|answer| answer.sw.is_ok());
    let answer = answer.map(|answer| answer.data.as_slice());
    let (operation, command) = profile.undress(command).ok()?;
    Some(match operation {
        Operation::GetCode => told::<GetCode>(
            &command,
            answer,
            |_| Vec::new(),
            |code| alloc::vec![Line::new("ride code", "乘车二维码", code, "")],
        ),
        Operation::GetChallenge => told::<GetChallenge>(
            &command,
            answer,
            |_| Vec::new(),
            |data| alloc::vec![Line::new("challenge", "随机数", data, "")],
        ),
        Operation::UpdateCode => told::<UpdateCode>(
            &command,
            answer,
            |block| {
                let number = format!(
                    "{}{}",
                    block.number,
                    if block.is_last { ", last" } else { "" }
                );
                alloc::vec![Line::new("block", "块", &block.part, number)]
            },
            |_| Vec::new(),
        ),
        Operation::PutResult => told::<PutResult>(
            &command,
            answer,
            |put| {
                let mut lines = result_lines(&put.result);
                lines.push(Line::new("MAC", "MAC", &put.mac, ""));
                lines
            },
            |_| Vec::new(),
        ),
        Operation::ReadResult => told::<ReadResult>(
            &command,
            answer,
            |read| {
                let number = read.number.to_string();
                alloc::vec![Line::new("number", "序号", &[read.number], number)]
            },
            result_lines,
        ),
    })
}

fn told<C: CardCommand>(
    command: &Command,
    answer: Option<&[u8]>,
    request: impl Fn(&C) -> Vec<Line>,
    reply: impl Fn(&[u8]) -> Vec<Line>,
) -> Explanation {
    let mut out = Explanation::titled(C::NAME, C::NAME_ZH);
    out.request = match C::from_command(command) {
        Ok(read) => request(&read),
        Err(malformed) => wrong(&command.data, &malformed),
    };
    if let Some(data) = answer {
        out.answer = match C::answer(data) {
            Ok(_) => reply(data),
            Err(error) => wrong(data, &error),
        };
    }
    out
}

fn result_lines(result: &[u8]) -> Vec<Line> {
    let views = RideResult::describe(result, 0);
    views.into_iter().map(Line::from).collect()
}

fn wrong(bytes: &[u8], why: &dyn Display) -> Vec<Line> {
    alloc::vec![Line::new("malformed", "格式错误", bytes, why.to_string())]
}
