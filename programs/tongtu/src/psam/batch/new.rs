//! `tongtu psam batch new`.

use std::path::PathBuf;

use tongtu_codec::hex_encode;
use tongtu_hsm::CustodySigner;
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{Date, Institution, Terminal};
use tongtu_sam::MAC2_FAILURES_MAX;
use tongtu_services::personalising::{BatchOrder, Scope, make_batch};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use super::write_new;
use crate::clock;
use crate::custody::{SIGNER, StoreArgs, label, refused, signer_key};
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    (
        "psam batch new",
        "制作一批 PSAM：密钥在测试密钥库内以传输密钥加密，整批签名",
    ),
    ("psam batch new/out", "批次文件，不得已存在"),
    ("psam batch new/store", "测试密钥库"),
    ("psam batch new/passphrase_file", "第一行为密钥库口令的文件"),
    ("psam batch new/number", "批次号"),
    ("psam batch new/count", "PSAM 数量"),
    ("psam batch new/city", "城市代码，4 位"),
    ("psam batch new/sender", "发送机构代码，8 位"),
    (
        "psam batch new/first",
        "第一张 PSAM 的编号，写入序列号与终端机编号的末四字节",
    ),
    ("psam batch new/transport", "传输密钥的标签"),
    ("psam batch new/version", "主密钥版本"),
    ("psam batch new/starts", "启用日期 YYYYMMDD"),
    ("psam batch new/expires", "有效日期 YYYYMMDD"),
    (
        "psam batch new/now",
        "制作时刻：Unix 秒或带时区的时间；默认为系统时钟",
    ),
    (
        "psam batch new#examples",
        "示例：
  tongtu card masters
  tongtu psam batch new --out lot-1.batch --number 1 --count 20 --first 1
  tongtu psam batch run lot-1.batch --sender-key HEX --into modules --answer lot-1.answer",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card masters
  tongtu psam batch new --out lot-1.batch --number 1 --count 20 --first 1
  tongtu psam batch run lot-1.batch --sender-key HEX --into modules --answer lot-1.answer")]
pub(crate) struct Args {
    /// The batch's file, which must not be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    /// Number of the batch
    #[arg(long, value_name = "N")]
    number: u32,
    /// How many PSAMs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    count: u16,
    /// City code, 4 digits
    #[arg(long, value_name = "CODE", default_value = "1000", value_parser = city)]
    city: CityCode,
    /// Institution that sends it, 8 digits
    #[arg(long, value_name = "CODE", default_value = "01011000", value_parser = institution)]
    sender: InstitutionCode,
    /// Number of the first PSAM, the last four bytes of its serial and terminal number
    #[arg(long, value_name = "N", default_value_t = 1)]
    first: u32,
    /// Label of the transport key that the blank modules have
    #[arg(long, value_name = "LABEL", default_value = "SAM-LOT-SM4")]
    transport: String,
    /// Version of the masters
    #[arg(long, value_name = "N", default_value_t = 1)]
    version: u8,
    /// First day, YYYYMMDD
    #[arg(long, value_name = "DATE", default_value = "20200101", value_parser = date)]
    starts: Date,
    /// Last day, YYYYMMDD
    #[arg(long, value_name = "DATE", default_value = "20401231", value_parser = date)]
    expires: Date,
    /// When it is made: Unix seconds or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment)]
    now: Option<Timestamp>,
}

fn city(text: &str) -> Result<CityCode, String> {
    CityCode::parse(text).map_err(|error| error.to_string())
}

fn institution(text: &str) -> Result<InstitutionCode, String> {
    InstitutionCode::parse(text).map_err(|error| error.to_string())
}

fn date(text: &str) -> Result<Date, String> {
    let bytes = tongtu_codec::hex_decode(text).ok();
    let date = bytes.and_then(|bytes| bytes.try_into().ok()).map(Date);
    date.filter(|date| date.day().is_some())
        .ok_or_else(|| "expected YYYYMMDD".into())
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let identities = identities(args)?;
    let transport = label(&args.transport)?;
    let mut custody = args.store.open()?;
    let order = BatchOrder {
        number: args.number,
        city: args.city,
        sender: args.sender,
        made_at: clock::now_or(args.now),
        scope: Scope::Nation,
        version: args.version,
        transport,
        mac2_failures_max: MAC2_FAILURES_MAX,
    };
    let batch = make_batch(&custody, &order, &identities).map_err(|error| refused(&error))?;
    let public = hex_encode(&signer_key(&custody)?.to_compressed());
    let mut signer =
        CustodySigner::new(&mut custody, label(SIGNER)?).map_err(|error| refused(&error))?;
    let (bytes, digest) = batch.write(&mut signer).map_err(|error| refused(&error))?;
    write_new(&args.out, &bytes)?;
    let keys = batch.modules.first().map_or(0, |module| module.keys.len());
    if report.json() {
        report.value(&serde_json::json!({
            "test": true, "batch": args.number, "modules": args.count, "keys": keys,
            "digest": hex_encode(&digest), "sender_key": public,
        }))?;
        return Ok(Exit::Done);
    }
    let count = args.count;
    let line = match report.lang() {
        Lang::En => format!(
            "TEST batch {}: {count} PSAMs with {keys} keys each",
            args.number
        ),
        Lang::Zh => format!(
            "测试批次 {}：{count} 张 PSAM，每张 {keys} 个密钥",
            args.number
        ),
    };
    report.toned(Tone::Good, &line)?;
    let lang = report.lang();
    report.rows([[
        both("sender's key", "发送方公钥").of(lang).to_owned(),
        public,
    ]])?;
    Ok(Exit::Done)
}

/// Serial and terminal numbers of our test modules, one after the other.
fn identities(args: &Args) -> Result<Vec<PsamIdentity>, Failure> {
    let issuer = Institution::of(args.sender);
    let last = args.first.checked_add(u32::from(args.count) - 1);
    let last = last
        .ok_or_else(|| Failure::usage(both("the numbers do not reach so far", "编号超出范围")))?;
    let [a, b] = issuer.city().0;
    Ok((args.first..=last)
        .map(|number| {
            let [e, f, g, h] = number.to_be_bytes();
            PsamIdentity {
                serial: PsamSerial([0x54, 0x54, 0x50, 0x53, a, b, e, f, g, h]),
                terminal: Terminal([a, b, e, f, g, h]),
                key_index: 1,
                issuer,
                receiver: issuer,
                starts: args.starts,
                expires: args.expires,
            }
        })
        .collect())
}
