//! `tongtu key component`: custodians' components of a key (密钥分量).
//!
//! A component is shown once, to the custodian who keeps it on a letter; it is in no log and no
//! answer but this one. The key is the XOR of all.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_hsm::Component;
use tongtu_keyring::code::KeyAlgorithm;
use tongtu_keyring::{Check, KeyNumber};
use tongtu_services::keyroom::{Act, Source};
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::room::{self, Brought, Signing, passphrase, words};

pub(crate) const HELP: &[Row] = &[
    ("key component", "密钥分量：生成，或由分量导入密钥"),
    (
        "key component new",
        "生成分量；每个分量只显示一次，由各保管员分别保存",
    ),
    ("key component new/algorithm", "算法：sm4 或 3des"),
    ("key component new/count", "分量个数，2 至 9"),
    (
        "key component new/dir",
        "将各分量写入此目录的文件（仅本人可读），而不显示",
    ),
    (
        "key component new#examples",
        "示例：
  tongtu key component new --algorithm sm4 --count 2

显示各分量及其校验值（KCV），以及整把密钥的校验值。",
    ),
    (
        "key component import",
        "由分量导入密钥（国家两名保管员），须与整把密钥的校验值一致",
    ),
    ("key component import/key", "密钥编号"),
    ("key component import/check", "整把密钥的校验值"),
    (
        "key component import/component",
        "分量文件：一行，十六进制分量与其校验值；未给出则逐个提示输入",
    ),
    (
        "key component import#examples",
        "示例：
  tongtu key component import 3 --check 01A2B3 --component a.component --component b.component \\
      --as N-03.key --as N-04.key",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make components; each is shown once, for the custodian who keeps it
    #[command(after_help = "Examples:
  tongtu key component new --algorithm sm4 --count 2

Shows each component with its check value (KCV), and the check value of the whole key.")]
    New(NewArgs),
    /// Bring a key in from its components: two of the nation's custodians; the check value must hold
    #[command(after_help = "Examples:
  tongtu key component import 3 --check 01A2B3 --component a.component --component b.component \\
      --as N-03.key --as N-04.key")]
    Import(ImportArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The algorithm: sm4 or 3des
    #[arg(long, value_name = "NAME", value_parser = words::algorithm, default_value = "sm4")]
    algorithm: KeyAlgorithm,
    /// How many, 2 to 9
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=9))]
    count: u8,
    /// Write each to a file in this folder, for its owner alone, instead of showing it
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The check value of the whole key
    #[arg(long, value_name = "HEX", value_parser = words::check)]
    check: Check,
    /// A component's file: one line, the component in hex and its check value; otherwise asked for
    #[arg(long, value_name = "FILE")]
    component: Vec<PathBuf>,
    #[command(flatten)]
    signing: Signing,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new(&args, report),
        Command::Import(args) => import(&args, report),
    }
}

#[derive(Serialize)]
struct Shown {
    number: u8,
    /// Not there where it was written to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    file: Option<PathBuf>,
    check: String,
}

#[derive(Serialize)]
struct AllShown {
    components: Vec<Shown>,
    /// Of the whole key.
    check: String,
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let algorithm = match args.algorithm {
        KeyAlgorithm::Sm4 => Algorithm::Sm4,
        KeyAlgorithm::Tdes => Algorithm::Tdes,
        other => {
            return Err(Failure::usage(both(
                format!("a key of {other} does not come in components here, expected sm4 or 3des"),
                format!("{other} 密钥在此不以分量导入，应为 sm4 或 3des"),
            )));
        }
    };
    let kcv = |bytes: &[u8; 16]| hex_encode(&BlockKey::new(algorithm, *bytes).kcv());
    let mut whole = Zeroizing::new([0; 16]);
    let mut shown = Vec::new();
    for number in 1..=args.count {
        let mut share = Zeroizing::new([0; 16]);
        room::entropy()(&mut share[..]);
        for (byte, part) in whole.iter_mut().zip(share.iter()) {
            *byte ^= part;
        }
        let check = kcv(&share);
        let text = Zeroizing::new(hex_encode(&share[..]));
        let mut file = None;
        if let Some(dir) = &args.dir {
            let path = super::place(dir, &format!("{number}.component"))?;
            let line = Zeroizing::new(format!("{} {check}\n", *text));
            room::write_new(&path, line.as_bytes())?;
            file = Some(path);
        }
        shown.push(Shown {
            number,
            component: file.is_none().then(|| text.to_string()),
            file,
            check,
        });
    }
    let all = AllShown {
        components: shown,
        check: kcv(&whole),
    };
    if report.json() {
        report.value(&all)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    for shown in &all.components {
        let (number, check) = (shown.number, &shown.check);
        let what = match (&shown.component, &shown.file) {
            (Some(component), _) => component.clone(),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => String::new(),
        };
        report.line(&match lang {
            Lang::En => format!("component {number}  {what}  KCV {check}"),
            Lang::Zh => format!("分量 {number}  {what}  校验值 {check}"),
        })?;
    }
    let check = &all.check;
    report.line(&match lang {
        Lang::En => format!("whole key    KCV {check}"),
        Lang::Zh => format!("整把密钥  校验值 {check}"),
    })?;
    Ok(Exit::Done)
}

fn import(args: &ImportArgs, report: &mut Report) -> Result<Exit, Failure> {
    let act = Act::Generate {
        key: args.key,
        source: Source::Components(args.check),
    };
    let mut brought = Brought::default();
    if args.signing.out.is_none() {
        brought.components = super::step::components(&args.component)?;
    }
    room::act(act, &args.signing, brought, report)
}

/// Reads a component from the first line of a file.
pub(crate) fn read(path: &Path) -> Result<Component, Failure> {
    let line = passphrase::read(Some(path), &both("component", "分量"))?;
    parse(&line).ok_or_else(|| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no component: expected hex and a check value of 6 hex digits"),
            format!("`{name}` 不是分量：应为十六进制分量与 6 位十六进制校验值"),
        ))
    })
}

/// Asks for components, one after the other, until an empty line.
pub(crate) fn typed() -> Result<Vec<Component>, Failure> {
    let mut components = Vec::new();
    loop {
        let number = components.len() + 1;
        let asked = both(
            format!("component {number} and its KCV (empty to end)"),
            format!("第 {number} 个分量与校验值（空行结束）"),
        );
        let line = passphrase::read(None, &asked)?;
        if line.trim().is_empty() {
            return Ok(components);
        }
        components.push(parse(&line).ok_or_else(|| {
            Failure::usage(both(
                format!(
                    "component {number} is none: expected hex and a check value of 6 hex digits"
                ),
                format!("第 {number} 个分量有误：应为十六进制分量与 6 位十六进制校验值"),
            ))
        })?);
    }
}

fn parse(line: &str) -> Option<Component> {
    let (component, check) = line.trim().split_once(' ')?;
    let check = hex_decode(check.trim()).ok()?.try_into().ok()?;
    Some(Component::new(hex_decode(component).ok()?, check))
}
