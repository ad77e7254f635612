//! `tongtu card book`: the personaliser's book of cards: what was made, what was not finished.

use std::path::PathBuf;

use serde::Serialize;

use super::perso::{Book, bytes};
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("card book", "个人化登记簿：已制成、未完成与作废的卡"),
    ("card book/book", "登记簿文件"),
    (
        "card book/spoil",
        "将未完成的卡作废（卡片自身编号，10 字节十六进制）；其卡号可用于另一张卡",
    ),
    (
        "card book#examples",
        "示例：
  tongtu card book
  tongtu card book --book test.keys.cards --spoil 00112233445566778899

卡号在发出第一条写卡命令之前登记，最后登记完成；已制成的卡号不会再次使用。
作废之前请先销毁该卡：它可能已有卡号。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card book
  tongtu card book --book test.keys.cards --spoil 00112233445566778899

A number is in the book before the first command that could put it onto a card, and is made after the
last. What was made is never begun again. Destroy a card before you give it up: it may have its number.")]
pub(crate) struct Args {
    /// The book's file
    #[arg(long, value_name = "FILE", default_value = "test.keys.cards")]
    book: PathBuf,
    /// Give up a card that was not finished (its own number, 10 bytes in hex); its card number may go
    /// onto another one
    #[arg(long, value_name = "HEX")]
    spoil: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    made: usize,
    open: usize,
    spoiled: usize,
    /// What was begun and not ended.
    unfinished: Vec<Unfinished>,
}

#[derive(Serialize)]
struct Unfinished {
    chip: String,
    application: &'static str,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    if !args.book.exists() {
        return Err(Failure::usage(crate::lang::both(
            format!("there is no book {}", args.book.display()),
            format!("没有登记簿 {}", args.book.display()),
        )));
    }
    let mut book = Book::open(&args.book)?;
    if let Some(text) = &args.spoil {
        book.spoil(bytes("spoil", text)?)?;
    }
    let lang = report.lang();
    let count = book.count();
    let unfinished = book.open_cards().into_iter();
    let answer = Answer {
        made: count.made,
        open: count.open,
        spoiled: count.spoiled,
        unfinished: unfinished
            .map(|(chip, application)| Unfinished {
                chip,
                application: match lang {
                    Lang::En => application.en(),
                    Lang::Zh => application.zh(),
                },
            })
            .collect(),
    };
    if report.json() {
        report.value(&answer)?;
        return Ok(Exit::Done);
    }
    let Answer {
        made,
        open,
        spoiled,
        unfinished,
    } = answer;
    for line in unfinished {
        let Unfinished { chip, application } = line;
        report.line(&match lang {
            Lang::En => format!("card {chip}: {application} begun, not made"),
            Lang::Zh => format!("卡 {chip}：{application}已开始，未完成"),
        })?;
    }
    report.line(&match lang {
        Lang::En => format!("{made} made, {open} not finished, {spoiled} spoiled"),
        Lang::Zh => format!("已制成 {made}，未完成 {open}，作废 {spoiled}"),
    })?;
    Ok(Exit::Done)
}
