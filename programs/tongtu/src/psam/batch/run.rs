//! `tongtu psam batch run`: a personalisation centre for virtual PSAMs.

use std::path::PathBuf;

use tongtu_codec::hex_encode;
use tongtu_config::parse_public;
use tongtu_crypto::PublicKey;
use tongtu_perso::{Answer, Batch, Line, Module, Outcome, commands};
use tongtu_types::{InstitutionCode, Timestamp};

use super::{not_taken, read_batch, test_personaliser, write_new};
use crate::clock;
use crate::custody::TEST_TRANSPORT;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::psam::file;
use crate::report::{Report, Tone};
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "psam batch run",
        "按批次制作虚拟 PSAM（充当个人化机构），并写出签名的应答文件",
    ),
    ("psam batch run/file", "批次文件"),
    (
        "psam batch run/sender_key",
        "可信的发送方公钥，33 字节压缩点，十六进制",
    ),
    ("psam batch run/into", "存放虚拟 PSAM 文件的目录"),
    ("psam batch run/answer", "应答文件，不得已存在"),
    ("psam batch run/only", "只制作第 N 张；可重复"),
    ("psam batch run/spoil", "把第 N 张报为废卡，不制作；可重复"),
    (
        "psam batch run/now",
        "应答时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "psam batch run#examples",
        "示例：
  tongtu psam batch run lot-1.batch --sender-key 02… --into modules --answer lot-1.answer
  tongtu psam show --state modules/54545053100000000001.psam

空白模块的传输密钥是公开的测试密钥，应答以公开的测试密钥签名，仅供测试。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam batch run lot-1.batch --sender-key 02… --into modules --answer lot-1.answer
  tongtu psam show --state modules/54545053100000000001.psam

The blank modules have the published test key as their transport key, and a published test key
signs the answer: for trying things out.")]
pub(crate) struct Args {
    /// The batch
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The sender's key that is trusted: a compressed point of 33 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    sender_key: PublicKey,
    /// Folder for the files of the virtual PSAMs
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// The answer's file, which must not be there
    #[arg(long, value_name = "FILE")]
    answer: PathBuf,
    /// Make module N only; may be given several times
    #[arg(long, value_name = "N")]
    only: Vec<u16>,
    /// Report a spoiled card for module N, and do not make it; may be given several times
    #[arg(long, value_name = "N")]
    spoil: Vec<u16>,
    /// When it is answered: Unix seconds or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment)]
    now: Option<Timestamp>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let (batch, of) = read_batch(&args.file, &args.sender_key)?;
    if batch.mark != tongtu_perso::Mark::Test {
        return Err(Failure::refused(both(
            "virtual PSAMs take TEST batches only",
            "虚拟 PSAM 只接受测试批次",
        )));
    }
    std::fs::create_dir_all(&args.into).map_err(|error| {
        Failure::usage(both("the folder cannot be made", "无法建立目录"))
            .because(format!("{}: {error}", args.into.display()))
    })?;
    let mut lines = Vec::new();
    let mut made = 0_usize;
    for (number, module) in (1..).zip(&batch.modules) {
        if !args.only.is_empty() && !args.only.contains(&number) {
            continue;
        }
        let is_spoiled = args.spoil.contains(&number);
        if !is_spoiled {
            make(args, &batch, module)?;
            made += 1;
        }
        let chip = runtime::random()?;
        lines.push(Line {
            number,
            serial: module.identity.serial,
            chip,
            outcome: if is_spoiled {
                Outcome::Spoiled
            } else {
                Outcome::Made
            },
        });
    }
    let answer = Answer {
        mark: batch.mark,
        batch: batch.number,
        city: batch.city,
        sender: InstitutionCode::parse("99999999").expect("eight digits"),
        made_at: clock::now_or(args.now),
        of,
        lines,
    };
    let mut key = test_personaliser();
    let bytes = answer
        .write(&mut key)
        .map_err(|error| not_taken(&args.answer, &error))?;
    write_new(&args.answer, &bytes)?;
    if report.json() {
        report.value(&serde_json::json!({
            "test": true, "batch": batch.number, "made": made,
            "spoiled": answer.lines.len() - made,
            "personaliser_key": hex_encode(&key.public().to_compressed()),
        }))?;
        return Ok(Exit::Done);
    }
    let spoiled = answer.lines.len() - made;
    let line = match report.lang() {
        Lang::En => format!("{made} TEST PSAMs made, {spoiled} cards spoiled"),
        Lang::Zh => format!("已制作 {made} 张测试 PSAM，废卡 {spoiled} 张"),
    };
    report.toned(Tone::Good, &line)?;
    Ok(Exit::Done)
}

/// One module in a file of its own, named by its serial number.
fn make(args: &Args, batch: &Batch, module: &Module) -> Result<(), Failure> {
    let path = args.into.join(format!("{}.psam", module.identity.serial));
    let commands = commands(module).map_err(|error| not_taken(&args.file, &error))?;
    let apdus: Vec<_> = commands
        .iter()
        .map(|command| command.encode().expect("none of them has much data"))
        .collect();
    file::make_by_commands(&path, batch.transport.algorithm, TEST_TRANSPORT, &apdus)
}
