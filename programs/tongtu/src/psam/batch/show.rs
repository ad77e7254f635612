//! `tongtu psam batch show` and `verify`.

use std::path::PathBuf;

use tongtu_codec::hex_encode;
use tongtu_config::parse_public;
use tongtu_crypto::{Algorithm, PublicKey};
use tongtu_perso::layout::BatchHead;
use tongtu_perso::{Batch, script};

use super::{not_taken, read_batch};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    (
        "psam batch show",
        "说明批次文件，或输出其中一张 PSAM 的个人化指令",
    ),
    ("psam batch show/file", "批次文件"),
    (
        "psam batch show/script",
        "输出第 N 张的指令脚本，供个人化设备使用",
    ),
    (
        "psam batch show#examples",
        "示例：
  tongtu psam batch show lot-1.batch
  tongtu psam batch show lot-1.batch --script 1 > psam-1.apdu

只核对文件完整、由文件中所载的公钥签名；该公钥是否可信由 verify 判断。",
    ),
    ("psam batch verify", "以发送方公钥核验批次文件"),
    ("psam batch verify/file", "批次文件"),
    (
        "psam batch verify/sender_key",
        "可信的发送方公钥，33 字节压缩点，十六进制",
    ),
    (
        "psam batch verify#examples",
        "示例：
  tongtu psam batch verify lot-1.batch --sender-key 02…",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam batch show lot-1.batch
  tongtu psam batch show lot-1.batch --script 1 > psam-1.apdu

Says that the file is whole and signed by the key that it names; whether that is the sender's is
what `verify` says.")]
pub(crate) struct Args {
    /// The batch
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print the commands that make module N, for a personalisation machine
    #[arg(long, value_name = "N")]
    script: Option<u16>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam batch verify lot-1.batch --sender-key 02…")]
pub(crate) struct VerifyArgs {
    /// The batch
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The sender's key that is trusted: a compressed point of 33 bytes in hex
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    sender_key: PublicKey,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let bytes = input::read_file(&args.file)?;
    let not_taken = |error: &dyn std::fmt::Display| not_taken(&args.file, error);
    let head = bytes.get(..BatchHead::LEN).unwrap_or(&bytes);
    let head = BatchHead::decode(head).map_err(|error| not_taken(&error))?;
    let signer = PublicKey::from_compressed(&head.signer).map_err(|error| not_taken(&error))?;
    let (batch, digest) = Batch::read(&bytes, &signer).map_err(|error| not_taken(&error))?;
    let Some(number) = args.script else {
        tell(&batch, &digest, &signer, report)?;
        return Ok(Exit::Done);
    };
    let module = usize::from(number)
        .checked_sub(1)
        .and_then(|at| batch.modules.get(at));
    let module = module.ok_or_else(|| {
        let count = batch.modules.len();
        Failure::usage(both(
            format!("the batch has modules 1 to {count}"),
            format!("该批次有第 1 至 {count} 张"),
        ))
    })?;
    let text = script(module).map_err(|error| not_taken(&error))?;
    report.raw(&text)?;
    Ok(Exit::Done)
}

pub(crate) fn verify(args: &VerifyArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (batch, digest) = read_batch(&args.file, &args.sender_key)?;
    if report.json() {
        tell(&batch, &digest, &args.sender_key, report)?;
        return Ok(Exit::Done);
    }
    let count = batch.modules.len();
    let line = match report.lang() {
        Lang::En => format!("batch {} is whole: {count} PSAMs", batch.number),
        Lang::Zh => format!("批次 {} 完整：{count} 张 PSAM", batch.number),
    };
    report.toned(Tone::Good, &line)?;
    Ok(Exit::Done)
}

fn tell(
    batch: &Batch,
    digest: &[u8],
    signer: &PublicKey,
    report: &mut Report,
) -> Result<(), Failure> {
    let key = hex_encode(&signer.to_compressed());
    let algorithm = |identifier| match identifier {
        0x04 => "SM4",
        _ => "3DES",
    };
    let kcv = |kcv: &[u8]| hex_encode(kcv).to_ascii_uppercase();
    let transport = match batch.transport.algorithm {
        Algorithm::Tdes => "3DES",
        Algorithm::Sm4 => "SM4",
    };
    let transport = format!("{transport} KCV {}", kcv(&batch.transport.kcv));
    if report.json() {
        let modules: Vec<_> = batch
            .modules
            .iter()
            .map(|module| {
                let keys: Vec<_> = module
                    .keys
                    .iter()
                    .map(|slot| {
                        serde_json::json!({
                            "role": slot.role.en(), "index": slot.index, "version": slot.version,
                            "levels": slot.levels, "algorithm": algorithm(slot.algorithm),
                            "check": kcv(&slot.kcv),
                        })
                    })
                    .collect();
                serde_json::json!({
                    "serial": module.identity.serial.to_string(),
                    "terminal": module.identity.terminal.to_string(), "keys": keys,
                })
            })
            .collect();
        return report.value(&serde_json::json!({
            "mark": batch.mark.en(), "batch": batch.number, "city": batch.city.as_str(),
            "sender": batch.sender.as_str(), "made_at": batch.made_at.get(),
            "transport": transport, "digest": hex_encode(digest), "sender_key": key,
            "modules": modules,
        }));
    }
    let lang = report.lang();
    let mark = match lang {
        Lang::En => batch.mark.en(),
        Lang::Zh => batch.mark.zh(),
    };
    let rows = [
        (both("batch", "批次号"), batch.number.to_string()),
        (both("mark", "标记"), mark.to_owned()),
        (both("city", "城市"), batch.city.to_string()),
        (both("sender", "发送机构"), batch.sender.to_string()),
        (
            both("modules", "PSAM 数量"),
            batch.modules.len().to_string(),
        ),
        (both("transport key", "传输密钥"), transport),
        (both("sender's key", "发送方公钥"), key),
    ];
    report.rows(rows.map(|(title, value)| [title.of(lang).to_owned(), value]))?;
    let Some(first) = batch.modules.first() else {
        return Ok(());
    };
    let head = match lang {
        Lang::En => ["key for", "index", "version", "levels", "algorithm", "KCV"],
        Lang::Zh => ["用途", "索引", "版本", "分散级数", "算法", "校验值"],
    };
    report.table(
        &head,
        first.keys.iter().map(|slot| {
            [
                match lang {
                    Lang::En => slot.role.en(),
                    Lang::Zh => slot.role.zh(),
                }
                .to_owned(),
                format!("{:02X}", slot.index),
                slot.version.to_string(),
                slot.levels.to_string(),
                algorithm(slot.algorithm).to_owned(),
                kcv(&slot.kcv),
            ]
        }),
    )
}
