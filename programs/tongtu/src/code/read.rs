//! `tongtu code read`: from a picture to bytes.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_ride_code::tolerant::{Transform, unwrap};

use super::CodeForm;
use crate::exit::{Exit, Failure};
use crate::input::{self, Symbol};
use crate::lang::{Lang, Row};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("code read", "从 PNG 或 JPEG 图片中读出码"),
    ("code read/image", "图片文件，或 `-` 表示标准输入"),
    ("code read/hex", "只输出每个码的十六进制，一行一个"),
    (
        "code read#examples",
        "示例：
  tongtu code read ride.png              二维码版本、纠错等级、字节与逐字段说明
  tongtu code read photo.jpg --hex       只要字节
  tongtu code read ride.png --json

读取的是符号中的字节，不是文本。若别的软件把字节写成了十六进制、Base64 或 UTF-8 文本，
会还原并说明做了哪种还原（仅供实验室；在用终端不做猜测）。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu code read ride.png              version and level of the symbol, bytes, every field
  tongtu code read photo.jpg --hex       the bytes alone
  tongtu code read ride.png --json

The bytes of the symbol are read, never its text. Where another program had written them as hex,
Base64 or UTF-8 text, that is undone and said (for the laboratory: a terminal in service does not
guess).")]
pub(crate) struct Args {
    /// The image file, or `-` for stdin
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// Print only the hex of each code, one a line
    #[arg(long)]
    hex: bool,
}

#[derive(Serialize)]
struct Answer {
    symbols: Vec<SymbolForm>,
}

#[derive(Serialize)]
struct SymbolForm {
    symbol: Symbol,
    transform: &'static str,
    #[serde(flatten)]
    code: CodeForm,
    #[serde(skip)]
    undone: Transform,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let found = input::image(&args.image)?;
    let symbols: Vec<_> = found
        .iter()
        .map(|found| {
            let (bytes, undone) = unwrap(&found.bytes);
            SymbolForm {
                symbol: Symbol::of(found),
                transform: input::transform_name(undone),
                code: CodeForm::of(&bytes),
                undone,
            }
        })
        .collect();
    if report.json() {
        report.value(&Answer { symbols })?;
        return Ok(Exit::Done);
    }
    for (index, form) in symbols.iter().enumerate() {
        if args.hex {
            report.line(&form.code.hex)?;
            continue;
        }
        if index > 0 {
            report.line("")?;
        }
        let Symbol { version, level } = &form.symbol;
        let transform = report.lang().pick(form.undone.name());
        report.line(&match report.lang() {
            Lang::En => format!("QR version {version}, level {level}, {transform}"),
            Lang::Zh => format!("QR 版本 {version}，纠错等级 {level}，{transform}"),
        })?;
        report.line(&form.code.hex)?;
        form.code.print(report)?;
    }
    Ok(Exit::Done)
}
