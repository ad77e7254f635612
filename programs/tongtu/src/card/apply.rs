//! `tongtu card apply`: an issuer applies for a certificate of its e-cash key in a TEST store.

use std::path::PathBuf;

use tongtu_crypto::Algorithm;
use tongtu_ecash::oda::NumberHead;
use tongtu_keyring::code::KeyAlgorithm;
use tongtu_purse::field::Institution;
use tongtu_services::personalising::{CardIssuer, cash_application, cash_issuer_label};
use tongtu_types::{InstitutionCode, MonthYear};

use super::perso::bytes;
use crate::custody::{StoreArgs, refused};
use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::{Report, Tone};
use crate::room::{self, words};

pub(crate) const HELP: &[Row] = &[
    (
        "card apply",
        "为测试密钥库中的电子现金发卡行密钥申请公钥证书",
    ),
    ("card apply/store", "测试密钥库"),
    ("card apply/passphrase_file", "第一行为密钥库口令的文件"),
    ("card apply/issuer", "发卡机构标识，8 字节十六进制"),
    ("card apply/algorithm", "rsa 或 sm2"),
    ("card apply/version", "密钥版本"),
    ("card apply/head", "卡号前缀，3 至 8 位数字"),
    ("card apply/expires", "失效年月 MMYY"),
    ("card apply/application", "写入的申请文件"),
    (
        "card apply#examples",
        "示例：
  tongtu card apply --algorithm sm2 --head 629930 --expires 1230 --application issuer.application
  tongtu cert cash approve --application issuer.application --as N-01.key --as N-02.key

密钥由 `tongtu card masters` 生成；证书由 `tongtu cert cash issue` 签发。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card apply --algorithm sm2 --head 629930 --expires 1230 --application issuer.application
  tongtu cert cash approve --application issuer.application --as N-01.key --as N-02.key

`tongtu card masters` makes the key; `tongtu cert cash issue` gives the certificate.")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Issuer identifier, 8 bytes in hex
    #[arg(long, value_name = "HEX", default_value = "01011000FFFFFFFF")]
    issuer: String,
    /// rsa or sm2
    #[arg(long, value_name = "NAME", value_parser = words::algorithm, default_value = "rsa")]
    algorithm: KeyAlgorithm,
    /// Version of the issuer's key
    #[arg(long, value_name = "N", default_value_t = 1)]
    version: u8,
    /// What its card numbers begin with, 3 to 8 digits
    #[arg(long, value_name = "DIGITS")]
    head: NumberHead,
    /// Month of expiry, MMYY
    #[arg(long, value_name = "MMYY")]
    expires: MonthYear,
    /// The application that is written
    #[arg(long, value_name = "FILE")]
    application: PathBuf,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let no_city = || Failure::usage(both("the issuer names no city", "发卡机构标识无城市代码"));
    let id = Institution(bytes("issuer", &args.issuer)?);
    let issuer = CardIssuer::of(id).map_err(|error| no_city().because(error))?;
    let digits = args.issuer.get(..8).unwrap_or_default();
    let institution = InstitutionCode::parse(digits).map_err(|error| no_city().because(error))?;
    let algorithm = match args.algorithm {
        KeyAlgorithm::Rsa => Algorithm::Tdes,
        KeyAlgorithm::Sm2 => Algorithm::Sm4,
        other => {
            return Err(Failure::usage(both(
                format!("an issuer's key is of rsa or sm2, not of {other}"),
                format!("发卡行密钥为 rsa 或 sm2，不是 {other}"),
            )));
        }
    };
    let mut custody = args.store.open()?;
    let label = cash_issuer_label(issuer.city(), algorithm, args.version);
    let wanted = (args.head, args.expires);
    let made = cash_application(&mut custody, label, (true, institution), wanted);
    let made = made.map_err(|error| {
        refused(&error).hint(both(
            "`tongtu card masters` makes the issuer's key in a TEST store",
            "`tongtu card masters` 可在测试密钥库中生成发卡行密钥",
        ))
    })?;
    room::write_new(&args.application, made.text().as_bytes())?;
    let name = args.application.display();
    if report.json() {
        report.value(&serde_json::json!({ "test": true, "file": args.application }))?;
    } else {
        let line = both(
            format!("TEST application in {name}"),
            format!("测试申请已写入 {name}"),
        );
        report.toned(Tone::Good, line.of(report.lang()))?;
    }
    Ok(Exit::Done)
}
