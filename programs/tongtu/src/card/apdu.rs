//! `tongtu card apdu`: a prompt and scripts, everything explained.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_reader::CardChannel;

use super::dialogue::{Dialogue, ToldForm};
use super::place::{Place, no_card};
use super::script::{self, Action, Step};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Both, Lang, Row, both};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    (
        "card apdu",
        "与卡片对话：提示符、脚本、期望的应答，逐条说明",
    ),
    (
        "card apdu/commands",
        "命令：十六进制，或 `select ep`、`balance`、`read 15` 等；不给时从标准输入读取",
    ),
    ("card apdu/file", "脚本文件，一行一条命令"),
    ("card apdu/plain", "只显示字节，不作说明"),
    ("card apdu/raw", "原样发送：不处理 61XX 与 6CXX"),
    ("card apdu/state", "虚拟卡的文件，不经读卡器直接使用"),
    (
        "card apdu/reader",
        "PC/SC 读卡器的名称或其一部分；默认为第一个有卡的读卡器",
    ),
    (
        "card apdu#examples",
        "示例：
  tongtu card apdu --state test.card                        提示符
  tongtu card apdu --state test.card 'select ep' balance
  tongtu card apdu --file check.apdu --reader ACS
  echo '00A4040000 => *9000' | tongtu card apdu --state test.card

脚本一行一条；`# ` 之后是注释，`=> 9000` 是期望的应答，其中 `?` 表示任意一位，`*` 表示任意字节，
`|` 分隔几种可能。应答不符时退出码为 1。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card apdu --state test.card                        a prompt
  tongtu card apdu --state test.card 'select ep' balance
  tongtu card apdu --file check.apdu --reader ACS
  echo '00A4040000 => *9000' | tongtu card apdu --state test.card

A script has one command a line; `#` begins a comment, `=> 9000` says what is expected, with `?` for
any digit, `*` for any bytes and `|` between possible answers. When an answer differs the exit code
is 1.")]
pub(crate) struct Args {
    /// Commands: hex, or words such as `select ep`, `balance`, `read 15`; without any, stdin is read
    #[arg(value_name = "COMMAND", conflicts_with = "file")]
    commands: Vec<String>,
    /// A script, one command a line
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show bytes only, explain nothing
    #[arg(long)]
    plain: bool,
    /// Send as typed: leave 61XX and 6CXX alone
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Answer {
    atr: String,
    exchanges: Vec<ExchangeForm>,
    /// How many answers were not as expected.
    differing: usize,
}

#[derive(Serialize)]
struct ExchangeForm {
    command: String,
    /// Not `answer`: that is the name of what the answer says.
    answer_bytes: String,
    expected: Option<String>,
    /// Whether the answer is as expected; `null` when nothing was.
    fits: Option<bool>,
    #[serde(flatten)]
    told: ToldForm,
}

/// A conversation with one card.
struct Talk<'a> {
    card: Box<dyn CardChannel>,
    dialogue: Dialogue,
    args: &'a Args,
    done: Vec<ExchangeForm>,
    differing: usize,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    // A script is read whole before the first command is sent.
    let steps = steps(args)?;
    let card = args.place.open()?;
    let mut talk = Talk {
        card,
        dialogue: Dialogue::new(),
        args,
        done: Vec::new(),
        differing: 0,
    };
    match steps {
        Some(steps) => {
            for step in steps {
                if !talk.take(step, report)? {
                    break;
                }
            }
        }
        None => talk.prompt(report)?,
    }
    if report.json() {
        report.value(&Answer {
            atr: hex_encode(&talk.card.atr()),
            exchanges: talk.done,
            differing: talk.differing,
        })?;
    } else if talk.differing > 0 {
        let count = talk.differing;
        report.toned(
            Tone::Bad,
            &match report.lang() {
                Lang::En => format!("answers not as expected: {count}"),
                Lang::Zh => format!("{count} 个应答与期望不符"),
            },
        )?;
    }
    Ok(if talk.differing == 0 {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// The script, or `None` for a person at the prompt.
fn steps(args: &Args) -> Result<Option<Vec<Step>>, Failure> {
    if !args.commands.is_empty() {
        let lines = args.commands.iter().map(String::as_str);
        return parsed(lines).map(Some);
    }
    let text = match &args.file {
        Some(file) => input::read_text(file)?,
        None if io::stdin().is_terminal() => return Ok(None),
        None => input::read_text(&PathBuf::from("-"))?,
    };
    parsed(text.lines()).map(Some)
}

fn parsed<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<Step>, Failure> {
    let mut steps = Vec::new();
    for (index, line) in lines.enumerate() {
        let step = script::step(line).map_err(|problem| wrong_line(index + 1, &problem))?;
        steps.extend(step);
    }
    Ok(steps)
}

fn wrong_line(number: usize, problem: &Both) -> Failure {
    Failure::usage(both(
        format!("command {number}: {}", problem.of(Lang::En)),
        format!("第 {number} 条：{}", problem.of(Lang::Zh)),
    ))
}

impl Talk<'_> {
    /// Asks a person until the end.
    fn prompt(&mut self, report: &mut Report) -> Result<(), Failure> {
        report.note(&both(
            "Type hex or a word; `help` lists the words, Ctrl-D ends.",
            "输入十六进制或词；`help` 列出可用的词，Ctrl-D 结束。",
        ));
        loop {
            if !report.json() {
                report.raw("card> ")?;
                report.flush()?;
            }
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            let count = read.map_err(|error| {
                Failure::usage(both("cannot read what is typed", "无法读取输入")).because(error)
            })?;
            if count == 0 {
                return Ok(());
            }
            match script::step(&line) {
                Ok(None) => {}
                Ok(Some(step)) => {
                    if !self.take(step, report)? {
                        return Ok(());
                    }
                }
                Err(problem) => report.note(&problem),
            }
        }
    }

    /// Takes one step; false ends the conversation.
    fn take(&mut self, step: Step, report: &mut Report) -> Result<bool, Failure> {
        match step.action {
            Action::Quit => return Ok(false),
            Action::Help => help(report)?,
            Action::Reset => {
                self.card.reset().map_err(|error| no_card(&error))?;
                self.dialogue.reset();
                if !report.json() {
                    report.say(&both("card reset", "卡片复位"))?;
                }
            }
            Action::Send(apdu) => {
                let answer = if self.args.raw {
                    self.card.exchange(&apdu)
                } else {
                    self.card.transmit(&apdu)
                };
                let answer = answer.map_err(|error| no_card(&error))?;
                let told = self.dialogue.tell(&apdu, Some(&answer));
                let fits = step.expected.as_ref().map(|pattern| pattern.fits(&answer));
                if fits == Some(false) {
                    self.differing += 1;
                }
                let expected = step.expected.map(|pattern| pattern.to_string());
                if report.json() {
                    self.done.push(ExchangeForm {
                        command: hex_encode(&apdu),
                        answer_bytes: hex_encode(&answer),
                        expected,
                        fits,
                        told: ToldForm::of(&told),
                    });
                    return Ok(true);
                }
                report.line(&format!("> {}", hex_encode(&apdu).to_uppercase()))?;
                report.line(&format!("< {}", hex_encode(&answer).to_uppercase()))?;
                if !self.args.plain {
                    report.line(&format!("  {}", told.heading(report.lang())))?;
                    told.print(report)?;
                }
                if let (Some(false), Some(expected)) = (fits, expected) {
                    let line = match report.lang() {
                        Lang::En => format!("  NOT as expected: {expected}"),
                        Lang::Zh => format!("  与期望不符：{expected}"),
                    };
                    report.toned(Tone::Bad, &line)?;
                }
            }
        }
        Ok(true)
    }
}

fn help(report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let rows = script::WORDS
        .iter()
        .map(|(word, en, zh)| [(*word).to_owned(), lang.pick((en, zh)).to_owned()]);
    report.rows(rows)
}
