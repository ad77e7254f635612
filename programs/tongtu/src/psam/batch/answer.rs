//! `tongtu psam batch answer`: every PSAM accounted for.

use std::path::PathBuf;

use tongtu_codec::hex_encode;
use tongtu_config::parse_public;
use tongtu_crypto::PublicKey;
use tongtu_perso::{Account, Answer, State};

use super::{not_taken, read_batch, test_personaliser};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    ("psam batch answer", "按应答文件清点各批次的 PSAM：不重不漏"),
    ("psam batch answer/batch", "批次文件；可重复"),
    ("psam batch answer/answer", "应答文件，按收到的次序；可重复"),
    (
        "psam batch answer/sender_key",
        "可信的发送方公钥，33 字节压缩点，十六进制",
    ),
    (
        "psam batch answer/personaliser_key",
        "可信的个人化机构公钥；默认为虚拟个人化机构的公开测试密钥",
    ),
    (
        "psam batch answer#examples",
        "示例：
  tongtu psam batch answer --batch lot-1.batch --sender-key 02… --answer lot-1.answer

有缺少的 PSAM 时以退出码 1 结束；与清点矛盾的文件（重复制作、卡片重复使用、批次之外）一律不接受。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam batch answer --batch lot-1.batch --sender-key 02… --answer lot-1.answer

Ends with exit code 1 while a PSAM is missing. A file that contradicts the account is not taken: a
module made twice, a card used twice, a module that was not ordered.")]
pub(crate) struct Args {
    /// A batch; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    batch: Vec<PathBuf>,
    /// An answer, in the order of their arrival; may be given several times
    #[arg(long, value_name = "FILE")]
    answer: Vec<PathBuf>,
    /// The sender's key that is trusted: a compressed point of 33 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    sender_key: PublicKey,
    /// The personaliser's key that is trusted; by default that of the virtual centre
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    personaliser_key: Option<PublicKey>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let personaliser = args.personaliser_key.clone();
    let personaliser = personaliser.unwrap_or_else(|| test_personaliser().public().clone());
    let mut account = Account::default();
    for path in &args.batch {
        let (batch, digest) = read_batch(path, &args.sender_key)?;
        let taken = account.order(&batch, digest);
        taken.map_err(|error| not_taken(path, &error))?;
    }
    for path in &args.answer {
        let bytes = input::read_file(path)?;
        let answer = Answer::read(&bytes, &personaliser);
        let answer = answer.map_err(|error| not_taken(path, &error))?;
        let taken = account.answer(&answer);
        taken.map_err(|error| not_taken(path, &error))?;
    }
    tell(&account, report)?;
    Ok(match account.count().missing {
        0 => Exit::Done,
        _ => Exit::Refused,
    })
}

fn tell(account: &Account, report: &mut Report) -> Result<(), Failure> {
    let count = account.count();
    let lang = report.lang();
    let said = |state: State| match (state, lang) {
        (State::Ordered, Lang::En) => ("missing".to_owned(), String::new()),
        (State::Ordered, Lang::Zh) => ("缺少".to_owned(), String::new()),
        (State::Spoiled { cards }, Lang::En) => {
            (format!("missing, {cards} cards spoiled"), String::new())
        }
        (State::Spoiled { cards }, Lang::Zh) => (format!("缺少，废卡 {cards} 张"), String::new()),
        (State::Made { chip }, Lang::En) => ("made".to_owned(), hex_encode(&chip)),
        (State::Made { chip }, Lang::Zh) => ("已制作".to_owned(), hex_encode(&chip)),
    };
    if report.json() {
        let modules: Vec<_> = account
            .modules()
            .map(|(serial, batch, state)| {
                let (cards, chip) = match state {
                    State::Ordered => (0, None),
                    State::Spoiled { cards } => (cards, None),
                    State::Made { chip } => (0, Some(hex_encode(&chip))),
                };
                serde_json::json!({
                    "serial": serial.to_string(), "batch": batch, "made": chip.is_some(),
                    "chip": chip, "spoiled_cards": cards,
                })
            })
            .collect();
        return report.value(&serde_json::json!({
            "ordered": count.ordered, "made": count.made, "missing": count.missing,
            "spoiled_cards": count.spoiled_cards, "modules": modules,
        }));
    }
    report.rows(account.modules().map(|(serial, batch, state)| {
        let (state, chip) = said(state);
        [serial.to_string(), batch.to_string(), state, chip]
    }))?;
    let (ordered, made, missing) = (count.ordered, count.made, count.missing);
    let line = match lang {
        Lang::En => format!("{ordered} ordered, {made} made, {missing} missing"),
        Lang::Zh => format!("订制 {ordered}，已制作 {made}，缺少 {missing}"),
    };
    let tone = if missing == 0 { Tone::Good } else { Tone::Bad };
    report.toned(tone, &line)
}
