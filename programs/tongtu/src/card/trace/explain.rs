//! `tongtu card trace explain`: a log of APDUs in words.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_apdu::trace::{self, Entry, Logged, Trace};
use tongtu_codec::hex_encode;

use crate::card::dialogue::{Dialogue, ToldForm};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Both, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    (
        "card trace explain",
        "逐条说明 APDU 日志：命令、字段、应答与状态字",
    ),
    ("card trace explain/file", "日志文件，或 `-` 表示标准输入"),
    ("card trace explain/short", "每条命令只占一行"),
    (
        "card trace explain#examples",
        "示例：
  tongtu card trace explain sniff.log           逐字段说明
  tongtu card trace explain sniff.log --short   每条一行
  opensc-tool -s 00A4040008A000000632010105 | tongtu card trace explain -

认得 opensc-tool 与 OpenSC 日志、scriptor、pcscd --apdu、pcsc-spy、Proxmark（帧列表与 apdu 命令）、
GlobalPlatformPro，以及带或不带 >>/<<、C:/R: 标记的十六进制行。按所选应用说明命令；
无法归入的命令按 ISO/IEC 7816 说明。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card trace explain sniff.log           field by field
  tongtu card trace explain sniff.log --short   one line for each command
  opensc-tool -s 00A4040008A000000632010105 | tongtu card trace explain -

Reads what opensc-tool, the log of OpenSC, scriptor, pcscd --apdu, pcsc-spy, Proxmark (its list of
frames and its apdu command) and GlobalPlatformPro write, and lines of hex with or without marks such
as >>/<< and C:/R:. Commands are explained by the application that is selected, unknown ones as
ISO/IEC 7816 has them.")]
pub(crate) struct Args {
    /// The log, or `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// One line for each command
    #[arg(long)]
    short: bool,
}

#[derive(Serialize)]
struct Answer {
    entries: Vec<EntryForm>,
    /// Lines of contactless frames whose check bytes do not hold.
    damaged_lines: Vec<usize>,
    /// Lines marked as a command or an answer whose hex is broken.
    broken_lines: Vec<usize>,
}

#[derive(Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum EntryForm {
    Reset {
        line: usize,
    },
    Exchange {
        line: usize,
        command: String,
        answer_line: Option<usize>,
        answer_bytes: Option<String>,
        #[serde(flatten)]
        told: Box<ToldForm>,
    },
    AnswerAlone {
        line: usize,
        answer: String,
    },
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let text = input::read_lossy(&args.file)?;
    let trace = trace::parse(&text);
    if trace.entries.is_empty() {
        let failure = Failure::usage(both(
            "no command and no answer is in the log",
            "日志中没有找到任何命令或应答",
        ));
        let failure = left_out(&trace).fold(failure, Failure::hint);
        return Err(failure.hint(both(
            "`tongtu card trace explain --help` lists the kinds of logs that are read",
            "`tongtu card trace explain --help` 列出能识别的日志",
        )));
    }
    if report.json() {
        report.value(&form(trace))?;
    } else {
        print(&trace, args.short, report)?;
    }
    Ok(Exit::Done)
}

fn form(trace: Trace) -> Answer {
    let mut dialogue = Dialogue::new();
    let entries = trace.entries.into_iter().map(|entry| match entry {
        Entry::Reset { line } => {
            dialogue.reset();
            EntryForm::Reset { line }
        }
        Entry::Orphan(answer) => EntryForm::AnswerAlone {
            line: answer.line,
            answer: hex_encode(&answer.bytes),
        },
        Entry::Exchange(exchange) => {
            let answer = exchange.answer.as_ref();
            let bytes = answer.map(|answer| answer.bytes.as_slice());
            let told = dialogue.tell(&exchange.command.bytes, bytes);
            EntryForm::Exchange {
                line: exchange.command.line,
                command: hex_encode(&exchange.command.bytes),
                answer_line: answer.map(|answer| answer.line),
                answer_bytes: bytes.map(hex_encode),
                told: Box::new(ToldForm::of(&told)),
            }
        }
    });
    Answer {
        entries: entries.collect(),
        damaged_lines: trace.damaged,
        broken_lines: trace.broken,
    }
}

fn print(trace: &Trace, short: bool, report: &mut Report) -> Result<(), Failure> {
    let mut dialogue = Dialogue::new();
    let lang = report.lang();
    for entry in &trace.entries {
        match entry {
            Entry::Reset { line } => {
                dialogue.reset();
                report.line(&format!(
                    "{line:>5}  {}",
                    lang.pick(("card reset", "卡片复位"))
                ))?;
            }
            Entry::Orphan(Logged { line, bytes }) => {
                let title = lang.pick(("an answer without its command", "只有应答，没有命令"));
                let hex = hex_encode(bytes).to_uppercase();
                report.line(&format!("{line:>5}  {title}: {hex}"))?;
            }
            Entry::Exchange(exchange) => {
                let answer = exchange
                    .answer
                    .as_ref()
                    .map(|answer| answer.bytes.as_slice());
                let told = dialogue.tell(&exchange.command.bytes, answer);
                let line = exchange.command.line;
                report.line(&format!("{line:>5}  {}", told.heading(lang)))?;
                if !short {
                    told.print(report)?;
                    report.line("")?;
                }
            }
        }
    }
    for line in left_out(trace) {
        report.say(&line)?;
    }
    Ok(())
}

/// What was not read although it was meant to be.
fn left_out(trace: &Trace) -> impl Iterator<Item = Both> {
    let list = |lines: &[usize]| {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        lines.join(", ")
    };
    let (damaged, broken) = (list(&trace.damaged), list(&trace.broken));
    let damaged = (!damaged.is_empty()).then(|| {
        both(
            format!("left out, check bytes do not hold: lines {damaged}"),
            format!("校验不符，已略去：第 {damaged} 行"),
        )
    });
    let broken = (!broken.is_empty()).then(|| {
        both(
            format!("left out, the hex is broken: lines {broken}"),
            format!("十六进制有误，已略去：第 {broken} 行"),
        )
    });
    damaged.into_iter().chain(broken)
}
