//! `tongtu pos key new` and `show`.

use std::path::PathBuf;

use clap::Subcommand;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::Algorithm;
use tongtu_hsm::Mark;
use tongtu_pos_key::layout::Injection;
use tongtu_pos_key::{Block, KeyPart, MacForm, WorkKeys, Wrapped};
use tongtu_services::personalising::TerminalRoom;
use tongtu_types::CityCode;

use crate::custody::{StoreArgs, label, refused};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    (
        "pos key new",
        "在测试密钥库中生成终端主密钥与一组工作密钥，写出密钥灌装文件与签到应答域 62",
    ),
    ("pos key new/store", "测试密钥库；不存在时新建"),
    ("pos key new/passphrase_file", "第一行为密钥库口令的文件"),
    (
        "pos key new/terminal",
        "终端标识码（域 41），8 个大写字母、数字或连字符",
    ),
    ("pos key new/algorithm", "密钥的算法"),
    ("pos key new/city", "城市代码，4 位"),
    ("pos key new/out", "密钥灌装文件，不得已存在"),
    ("pos key new/no_track", "不含磁道密钥"),
    (
        "pos key new#examples",
        "示例：
  tongtu pos key new --terminal 20010001 --out 20010001.injection
  tongtu pos key show --file 20010001.injection

终端主密钥已存在时不变；工作密钥每次重新生成。灌装文件以公开的测试密钥加密，仅供测试。",
    ),
    ("pos key show", "查看密钥灌装文件或签到应答域 62"),
    ("pos key show/file", "密钥灌装文件"),
    ("pos key show/field62", "域 62，十六进制：24、40 或 60 字节"),
    (
        "pos key show#examples",
        "示例：
  tongtu pos key show --file 20010001.injection
  tongtu pos key show --field62 6701EAD6A9AD51E5…

密钥均为密文，只显示校验值；不解密，因此不核对校验值。",
    ),
];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a terminal's master key in a TEST key store, and work keys under it
    New(NewArgs),
    /// Explain a key-injection file, or field 62 of a sign-in answer
    Show(ShowArgs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Cipher {
    Sm4,
    #[value(name = "3des")]
    Tdes,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu pos key new --terminal 20010001 --out 20010001.injection
  tongtu pos key show --file 20010001.injection

A master key that is there stays; work keys are made anew each time. The file is enciphered under
the published test key: for trying things out.")]
pub(crate) struct NewArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The terminal, field 41: 8 capital letters, digits or hyphens
    #[arg(long, value_name = "NAME")]
    terminal: String,
    /// Algorithm of the keys
    #[arg(long, value_name = "NAME", value_enum, default_value = "sm4")]
    algorithm: Cipher,
    /// City code, 4 digits
    #[arg(long, value_name = "CODE", default_value = "1000")]
    city: String,
    /// The key-injection file, which must not be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Without a key for tracks
    #[arg(long)]
    no_track: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu pos key show --file 20010001.injection
  tongtu pos key show --field62 6701EAD6A9AD51E5…

All keys are enciphered and only check values are shown; nothing is deciphered, so no check value
is verified.")]
pub(crate) struct ShowArgs {
    /// A key-injection file
    #[arg(long, value_name = "FILE", required_unless_present = "field62")]
    file: Option<PathBuf>,
    /// Field 62 in hex: 24, 40 or 60 bytes
    #[arg(long, value_name = "HEX", conflicts_with = "file")]
    field62: Option<String>,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new(&args, report),
        Command::Show(args) => show(&args, report),
    }
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let city = CityCode::parse(&args.city).map_err(|error| {
        Failure::usage(both("the city is no city code", "城市代码无效")).because(error)
    })?;
    if args.terminal.len() != 8 {
        return Err(
            Failure::usage(both("a terminal has 8 characters", "终端标识码为 8 个字符"))
                .because(&args.terminal),
        );
    }
    let (algorithm, transport) = match args.algorithm {
        Cipher::Sm4 => (Algorithm::Sm4, "POS-INJECT-SM4"),
        Cipher::Tdes => (Algorithm::Tdes, "POS-INJECT-3DES"),
    };
    let mut custody = args.store.open_or_make()?;
    let mut terminals = TerminalRoom::new(&mut custody, city, Mark::Test);
    let made = terminals.make(&args.terminal, algorithm);
    made.map_err(|error| refused(&error))?;
    let injection = terminals.injection(&args.terminal, label(transport)?);
    let injection = injection.map_err(|error| refused(&error))?;
    let bytes = injection.encode().map_err(|error| refused(&error))?;
    let field = terminals.sign_in(&args.terminal, !args.no_track);
    let field = field.map_err(|error| refused(&error))?;
    crate::psam::batch::write_new(&args.out, &bytes)?;
    let field = hex_encode(&field).to_ascii_uppercase();
    if report.json() {
        report.value(&serde_json::json!({
            "test": true, "terminal": args.terminal, "check": hex(&injection.kcv),
            "field62": field,
        }))?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let rows = [
        (both("terminal", "终端标识码"), args.terminal.clone()),
        (both("TMK KCV", "终端主密钥校验值"), hex(&injection.kcv)),
        (both("field 62", "域 62"), field),
    ];
    report.rows(rows.map(|(title, value)| [title.of(lang).to_owned(), value]))?;
    Ok(Exit::Done)
}

fn show(args: &ShowArgs, report: &mut Report) -> Result<Exit, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(both("these are no keys of a terminal", "不是终端密钥")).because(error)
    };
    if let Some(path) = &args.file {
        let bytes = input::read_file(path)?;
        let records = Injection::read_all(&bytes).map_err(|error| wrong(&error))?;
        return injections(&records, report);
    }
    let text = args.field62.as_deref().unwrap_or_default();
    let bytes = hex_decode(text).map_err(|error| wrong(&error))?;
    let keys = WorkKeys::decode(&bytes).map_err(|error| wrong(&error))?;
    work_keys(&keys, report)
}

fn injections(records: &[Injection], report: &mut Report) -> Result<Exit, Failure> {
    let cipher = |record: &Injection| match record.algorithm() {
        Algorithm::Tdes => "3DES",
        Algorithm::Sm4 => "SM4",
    };
    if report.json() {
        let forms: Vec<_> = records
            .iter()
            .map(|record| {
                serde_json::json!({
                    "terminal": record.terminal, "test": record.mark == 1,
                    "algorithm": cipher(record), "check": hex(&record.kcv),
                    "transport_check": hex(&record.transport),
                })
            })
            .collect();
        report.value(&forms)?;
        return Ok(Exit::Done);
    }
    let head = match report.lang() {
        Lang::En => ["terminal", "algorithm", "TMK KCV", "transport KCV"],
        Lang::Zh => ["终端标识码", "算法", "终端主密钥校验值", "传输密钥校验值"],
    };
    report.table(
        &head,
        records.iter().map(|record| {
            [
                record.terminal.clone(),
                cipher(record).to_owned(),
                hex(&record.kcv),
                hex(&record.transport),
            ]
        }),
    )?;
    Ok(Exit::Done)
}

fn work_keys(keys: &WorkKeys, report: &mut Report) -> Result<Exit, Failure> {
    let parts = [
        (KeyPart::Pin, Some(keys.pin)),
        (KeyPart::Mac, Some(keys.mac)),
        (KeyPart::Track, keys.track),
    ];
    let rows: Vec<(KeyPart, Wrapped)> = parts
        .into_iter()
        .filter_map(|(part, wrapped)| Some((part, wrapped?)))
        .collect();
    let bytes = |wrapped: &Wrapped| match wrapped.block {
        Block::Single(_) => 8,
        Block::Double(_) => 16,
    };
    if report.json() {
        let forms: Vec<_> = rows
            .iter()
            .map(|(part, wrapped)| {
                serde_json::json!({
                    "key": part.to_string(), "bytes": bytes(wrapped), "check": hex(&wrapped.kcv),
                })
            })
            .collect();
        let early = keys.mac_form == MacForm::Early;
        report.value(&serde_json::json!({ "keys": forms, "early_check": early }))?;
        return Ok(Exit::Done);
    }
    let head = match report.lang() {
        Lang::En => ["key", "bytes", "KCV"],
        Lang::Zh => ["密钥", "字节", "校验值"],
    };
    report.table(
        &head,
        rows.iter().map(|(part, wrapped)| {
            [
                part.to_string(),
                bytes(wrapped).to_string(),
                hex(&wrapped.kcv),
            ]
        }),
    )?;
    Ok(Exit::Done)
}

fn hex(bytes: &[u8]) -> String {
    hex_encode(bytes).to_ascii_uppercase()
}
