//! `tongtu key root`: a test root, and any root explained.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_ride_code::Root;
use tongtu_ride_code::layout::RootCertificate;
use tongtu_types::MonthYear;

use super::file::{self, Role};
use super::{Made, fresh, place, public_hex, secret_hex};
use crate::code::{FieldForm, field_form, print_fields};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    ("key root new", "生成自签名的测试根证书（144 字节）与私钥"),
    ("key root new/index", "中心CA公钥索引，两位十六进制"),
    ("key root new/expiry", "失效年月 MMYY"),
    ("key root new/dir", "写入的目录"),
    ("key root new/reveal", "同时显示私钥明文"),
    (
        "key root new#examples",
        "示例：
  tongtu key root new --index 02 --expiry 1240 --dir keys
      写入 keys/01010000.JG02 与 keys/root-02.key",
    ),
    ("key root show", "逐字段说明根证书，并校验其自签名"),
    ("key root show/file", "根证书文件（144 字节或其十六进制）"),
    (
        "key root show#examples",
        "示例：
  tongtu key root show 01010000.JG02

自签名不成立时退出码为 1。自签名成立不等于可信：根证书须经官方渠道取得。",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a self-signed test root: certificate of 144 bytes, and key
    #[command(after_help = "Examples:
  tongtu key root new --index 02 --expiry 1240 --dir keys
      writes keys/01010000.JG02 and keys/root-02.key")]
    New(NewArgs),
    /// Explain a root certificate field by field and check its own signature
    #[command(after_help = "Examples:
  tongtu key root show 01010000.JG02

Exit code 1 when its own signature does not hold. One that holds is not yet to be trusted: a root
must come through the official channel.")]
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// CA key index, two hex digits
    #[arg(long, value_name = "HEX", value_parser = index)]
    index: u8,
    /// Month of expiry, MMYY
    #[arg(long, value_name = "MMYY")]
    expiry: MonthYear,
    /// The folder to write into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Show the secret key too
    #[arg(long)]
    reveal: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The root certificate (144 bytes, or their hex)
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

fn index(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u8::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() <= 2 && !digits.starts_with('+'))
        .ok_or_else(|| String::from("expected two hex digits, 00 to FF"))
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new(&args, report),
        Command::Show(args) => show(&args, report),
    }
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let key = fresh()?;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::fault(both("the root cannot be made", "无法生成根证书")).because(error)
    };
    let root = Root::self_sign(args.index, args.expiry, &key).map_err(|error| failed(&error))?;
    let bytes = root
        .certificate()
        .encode()
        .map_err(|error| failed(&error))?;
    let certificate_file = place(&args.dir, &root.file_name())?;
    let key_file = place(&args.dir, &format!("root-{:02X}.key", args.index))?;
    file::all_free(&[&certificate_file, &key_file])?;
    file::write(&key_file, Role::Root, &key)?;
    file::write_public(&certificate_file, &bytes)?;
    let made = Made {
        test: true,
        kind: "root",
        public_key: public_hex(&key),
        certificate_hex: Some(hex_encode(&bytes)),
        certificate_file: Some(&certificate_file),
        key_file: Some(&key_file),
        secret: secret_hex(&key, args.reveal),
    };
    made.print(report)?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Shown {
    /// Whether its own signature holds.
    verifies: bool,
    /// Why not, or `null`.
    problem: Option<String>,
    fields: Vec<FieldForm>,
}

fn show(args: &ShowArgs, report: &mut Report) -> Result<Exit, Failure> {
    let bytes = input::certificate(&args.file, RootCertificate::LEN)?;
    let problem = Root::verify(&bytes).err().map(|error| error.to_string());
    let fields = RootCertificate::describe(&bytes, 0);
    let shown = Shown {
        verifies: problem.is_none(),
        problem,
        fields: fields.into_iter().map(field_form).collect(),
    };
    if report.json() {
        report.value(&shown)?;
    } else {
        print_fields(report, &shown.fields)?;
        report.line("")?;
        let lang = report.lang();
        match &shown.problem {
            None => report.toned(
                Tone::Good,
                lang.pick(("its own signature holds", "自签名成立")),
            )?,
            Some(problem) => {
                let line = match lang {
                    Lang::En => format!("does not verify: {problem}"),
                    Lang::Zh => format!("未通过校验：{problem}"),
                };
                report.toned(Tone::Bad, &line)?;
            }
        }
    }
    Ok(if shown.verifies {
        Exit::Done
    } else {
        Exit::Refused
    })
}
