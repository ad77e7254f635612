//! `tongtu code show`: a code field by field; other codes by name.

use serde::Serialize;

use super::CodeForm;
use crate::exit::{Exit, Failure};
use crate::input::{self, Form, Symbol};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("code show", "逐字段说明一个码；若不是乘车码，说出它是什么"),
    (
        "code show/code",
        "码：十六进制、Base64、图片、原始字节文件，或 `-` 表示标准输入",
    ),
    (
        "code show#examples",
        "示例：
  tongtu code show ride.png              图片中的码
  tongtu code show 810149240101…         十六进制文本
  tongtu code issue --test | tongtu code show -
  tongtu code show 134567890123456789    其他码按首字节辨认

残缺的码也会说明到能读的地方；真伪请用 `tongtu code verify`。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu code show ride.png              the code in an image
  tongtu code show 810149240101…         hex text
  tongtu code issue --test | tongtu code show -
  tongtu code show 134567890123456789    other codes are named by their lead bytes

A broken code is explained as far as it goes; whether it is genuine, `tongtu code verify` says.")]
pub(crate) struct Args {
    /// The code: hex, Base64, an image, a file of raw bytes, or `-` for stdin
    #[arg(value_name = "CODE")]
    code: String,
}

#[derive(Serialize)]
struct Answer {
    form: Form,
    transform: &'static str,
    symbol: Option<Symbol>,
    #[serde(flatten)]
    code: CodeForm,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let input = input::code(&args.code)?;
    let code = CodeForm::of(&input.bytes);
    if report.json() {
        report.value(&Answer {
            form: input.form,
            transform: input::transform_name(input.transform),
            symbol: input.symbol,
            code,
        })?;
    } else {
        code.print(report)?;
    }
    Ok(Exit::Done)
}
