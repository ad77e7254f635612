//! `tongtu card masters`: the masters of an issuer's cards in a TEST store.

use serde::Serialize;
use tongtu_crypto::Algorithm;
use tongtu_hsm::Mark;
use tongtu_purse::field::Institution;
use tongtu_services::personalising::{
    CardIssuer, CardManager, PersonalisingError, derive_masters, found_test_nation,
    make_cash_issuer,
};

use super::perso::bytes;
use crate::custody::{StoreArgs, ready_for_cards, refused};
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    (
        "card masters",
        "在测试密钥库中由全国主密钥分散发卡机构的卡片主密钥，并列出",
    ),
    ("card masters/store", "测试密钥库；不存在时新建"),
    ("card masters/passphrase_file", "第一行为密钥库口令的文件"),
    ("card masters/issuer", "发卡机构标识，8 字节十六进制"),
    ("card masters/version", "主密钥版本"),
    (
        "card masters#examples",
        "示例：
  echo 'a passphrase for tests' > test.passphrase
  tongtu card masters --issuer 01011000FFFFFFFF
  tongtu card perso --state wang.card --store test.keys

没有全国主密钥的密钥库以公开的测试密钥为全国主密钥，仅供测试。重复执行结果相同。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  echo 'a passphrase for tests' > test.passphrase
  tongtu card masters --issuer 01011000FFFFFFFF
  tongtu card perso --state wang.card --store test.keys

A store without masters of the nation gets the published test keys as such: for trying things out.
Run again, the answer is the same.")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Issuer identifier, 8 bytes in hex
    #[arg(long, value_name = "HEX", default_value = "01011000FFFFFFFF")]
    issuer: String,
    /// Version of the masters
    #[arg(long, value_name = "N", default_value_t = 1)]
    version: u8,
}

#[derive(Serialize)]
struct MasterForm {
    label: String,
    purpose: &'static str,
    algorithm: &'static str,
    index: u8,
    version: u8,
    check: String,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let id = Institution(bytes("issuer", &args.issuer)?);
    let issuer = CardIssuer::of(id).map_err(|error| {
        Failure::usage(both("the issuer names no city", "发卡机构标识无城市代码")).because(error)
    })?;
    let mut custody = args.store.open_or_make()?;
    let mut masters = derive_masters(&mut custody, &issuer, args.version);
    // A store that was made for something else has no nation yet; only the first version is published.
    if matches!(masters, Err(PersonalisingError::NoMasters { .. })) && args.version == 1 {
        found_test_nation(&mut custody).map_err(|error| refused(&error))?;
        let path = args.store.store.display();
        report.note(&both(
            format!("{path}: the published test keys are the nation's masters"),
            format!("{path}：以公开的测试密钥为全国主密钥"),
        ));
        masters = derive_masters(&mut custody, &issuer, args.version);
    }
    let mut masters = masters.map_err(|error| refused(&error))?;
    ready_for_cards(&mut custody)?;
    let (city, version) = (issuer.city(), args.version);
    let manager = CardManager { city, version };
    let made = manager.make_masters(&mut custody, Mark::Test);
    masters.extend(made.map_err(|error| refused(&error))?);
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let made = make_cash_issuer(&mut custody, city, algorithm, version, Mark::Test);
        masters.push(made.map_err(|error| refused(&error))?);
    }
    let forms = masters.iter().map(|info| MasterForm {
        label: info.name.label.to_string(),
        purpose: match report.lang() {
            Lang::En => info.name.slot.purpose.en(),
            Lang::Zh => info.name.slot.purpose.zh(),
        },
        algorithm: info.name.slot.algorithm.en(),
        index: info.name.index,
        version: info.name.version,
        check: info.check.to_string(),
    });
    let forms: Vec<_> = forms.collect();
    if report.json() {
        report.value(&forms)?;
    } else {
        report.rows(
            forms
                .into_iter()
                .map(|form| [form.label, form.check, form.purpose.into()]),
        )?;
    }
    Ok(Exit::Done)
}
