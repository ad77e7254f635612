//! `tongtu psam show`: who a PSAM is, read as a terminal reads it.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_psam::command::MacKeys;
use tongtu_psam::{Psam as _, PsamFault, PsamIdentity};
use tongtu_purse::field::{DateTime, Institution};
use tongtu_reader::{CardChannel, Direct, connect};
use tongtu_sam::ApduPsam;
use tongtu_sam_pool::ReaderSlot;
use tongtu_types::Timestamp;

use super::file;
use crate::card::no_card;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("psam show", "查看 PSAM：序列号、终端机编号、机构、有效期"),
    ("psam show/state", "虚拟 PSAM 的文件，不经读卡器直接使用"),
    (
        "psam show/reader",
        "PC/SC 读卡器的名称或其一部分；默认为第一个有卡的读卡器",
    ),
    (
        "psam show/now",
        "判断有效期所用的时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "psam show#examples",
        "示例：
  tongtu psam show                               读卡器里的 PSAM
  tongtu psam show --state test.psam --json

只选择目录、读三个文件，不做交易。不在有效期内的 PSAM 以退出码 1 结束。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam show                               the PSAM in the reader
  tongtu psam show --state test.psam --json

Selects and reads three files and trades nothing. A PSAM outside its dates ends with exit code 1.")]
pub(crate) struct Args {
    /// A virtual PSAM's file, used directly without a reader
    #[arg(long, value_name = "FILE", conflicts_with = "reader")]
    state: Option<PathBuf>,
    /// The PC/SC reader by name or part of it; by default the first one with a card
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,
    /// The moment that decides validity: Unix seconds or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment)]
    now: Option<Timestamp>,
}

#[derive(Serialize)]
struct PsamForm {
    serial: String,
    terminal: String,
    key_index: u8,
    issuer: String,
    receiver: String,
    starts: String,
    expires: String,
    in_service: bool,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let channel: Box<dyn CardChannel> = match &args.state {
        Some(path) => {
            let module = Direct::power_up(file::open(path)?).map_err(|error| no_card(&error))?;
            Box::new(module)
        }
        None => Box::new(connect(args.reader.as_deref()).map_err(|error| no_card(&error))?),
    };
    let psam = ApduPsam::open(ReaderSlot(channel), MacKeys::USUAL).map_err(|fault| none(&fault))?;
    let identity = psam.identity();
    let today = DateTime::of(clock::now_or(args.now)).date();
    let in_service = identity.trades_on(today).is_ok();
    if report.json() {
        report.value(&form(identity, in_service))?;
    } else {
        table(identity, in_service, report)?;
    }
    Ok(if in_service {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn form(identity: &PsamIdentity, in_service: bool) -> PsamForm {
    PsamForm {
        serial: identity.serial.to_string(),
        terminal: identity.terminal.to_string(),
        key_index: identity.key_index,
        issuer: identity.issuer.to_string(),
        receiver: identity.receiver.to_string(),
        starts: identity.starts.to_string(),
        expires: identity.expires.to_string(),
        in_service,
    }
}

fn table(identity: &PsamIdentity, in_service: bool, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let institution = |institution: Institution| match institution.city().name() {
        Some(name) => {
            let name = match lang {
                Lang::En => name.en,
                Lang::Zh => name.zh,
            };
            format!("{institution} {name}")
        }
        None => institution.to_string(),
    };
    let dates = format!("{} – {}", identity.starts, identity.expires);
    let service = if in_service {
        both("in service", "有效")
    } else {
        both("outside its dates", "不在有效期内")
    };
    let rows = [
        (
            both("serial number", "PSAM 序列号"),
            identity.serial.to_string(),
        ),
        (
            both("terminal number", "终端机编号"),
            identity.terminal.to_string(),
        ),
        (
            both("key index", "密钥索引"),
            format!("{:02X}", identity.key_index),
        ),
        (both("issuer", "发行机构"), institution(identity.issuer)),
        (both("receiver", "接收机构"), institution(identity.receiver)),
        (both("dates", "有效期"), dates),
        (both("today", "今天"), service.of(lang).to_owned()),
    ];
    report.rows(rows.map(|(title, value)| [title.of(lang).to_owned(), value]))
}

fn none(fault: &PsamFault) -> Failure {
    Failure::usage(both(
        "what is there does not answer as a PSAM",
        "读到的不是 PSAM",
    ))
    .because(fault.to_string())
}
