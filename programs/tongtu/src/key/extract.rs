//! `tongtu key extract`: both books of a key room as nodes take them.
//!
//! The room signs with the nation's key for files, and what it signed is opened again before it is
//! written: whoever gets the file learns the key that it verifies under from here.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_crypto::{PublicKey, sm3};
use tongtu_hsm::PublicPart;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Extract, Slot};
use tongtu_services::keyroom::{Book, key_label};
use tongtu_types::{InstitutionCode, Timestamp};

use super::file;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};
use crate::room::{self, custody};

pub(crate) const HELP: &[Row] = &[
    (
        "key extract",
        "写出供各节点使用的密钥簿摘录，由国家在用的文件签名密钥签名",
    ),
    ("key extract/out", "写入的摘录文件"),
    ("key extract/room", "密钥室目录"),
    ("key extract/custody_passphrase", custody::PASSPHRASE_ZH),
    ("key extract/module", custody::MODULE_ZH),
    ("key extract/now", "时刻；默认当前时间"),
    (
        "key extract#examples",
        "示例：
  tongtu key extract --room keyroom --out keys.book

摘录满 15 日后节点即不再据以使用密钥：每周一份即可，无变化时亦须。",
    ),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The extract that is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    #[command(flatten)]
    custody: custody::CustodyArgs,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

/// What was signed, in JSON.
#[derive(Serialize)]
struct Written {
    file: PathBuf,
    /// When it was made, Unix seconds: its version among papers.
    made_at: i64,
    key_events: u64,
    authority_events: u64,
    /// The nation's key for files that signed it.
    key: u32,
    /// The public half of that key, as `keys.centre` of a node takes it.
    centre: String,
    /// SM3 of the file; the audit chain has it too.
    digest: String,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let mut room = room::open(&args.room)?;
    let now = room::moment(&room, args.now)?;
    // Before anything is signed: an extract that nobody gets would still be in the audit chain.
    file::all_free(&[&args.out])?;
    let mut custody = custody::open(&room, &args.room, &args.custody)?;
    let failed = |error| room::failure(&args.room, error);
    let bytes = room.extract(&mut *custody, now).map_err(failed)?;
    let slot = Slot {
        city: InstitutionCode::national().city(),
        purpose: Purpose::FileSignature,
        algorithm: KeyAlgorithm::Sm2,
    };
    let key = room.keys().current(slot, now);
    let key = key.expect("the extract was signed by the key of this slot at this moment");
    let centre: PublicKey = match custody.public(key_label(key)) {
        Ok(PublicPart::Sm2(public)) => public,
        Ok(PublicPart::Rsa(_)) => unreachable!("the slot is of SM2"),
        Err(error) => {
            return Err(Failure::refused(both("the custody refuses", "密钥库拒绝")).because(error));
        }
    };
    Extract::open(&bytes, &centre).map_err(|error| {
        Failure::fault(both(
            "the extract does not hold and is not written",
            "摘录不成立，未写出",
        ))
        .because(error)
    })?;
    file::write_public(&args.out, &bytes)?;
    let written = Written {
        file: args.out.clone(),
        made_at: now.get(),
        key_events: room.number(Book::Keys),
        authority_events: room.number(Book::Authority),
        key: key.get(),
        centre: hex_encode(&centre.to_compressed()),
        digest: hex_encode(&sm3::digest(&bytes)),
    };
    tell(&written, report)?;
    Ok(Exit::Done)
}

fn tell(written: &Written, report: &mut Report) -> Result<(), Failure> {
    if report.json() {
        return report.value(written);
    }
    let lang = report.lang();
    let name = written.file.display();
    report.toned(
        Tone::Good,
        &match lang {
            Lang::En => format!("extract written to {name}"),
            Lang::Zh => format!("摘录已写入 {name}"),
        },
    )?;
    let row = |en: &str, zh: &str, value: String| vec![lang.pick((en, zh)).to_owned(), value];
    report.rows([
        row("key events", "密钥簿事件", written.key_events.to_string()),
        row(
            "certificate events",
            "证书簿事件",
            written.authority_events.to_string(),
        ),
        row("signed by key", "签名密钥", written.key.to_string()),
        row("centre", "密钥中心公钥", written.centre.clone()),
        row("SM3", "SM3", written.digest.clone()),
    ])
}
