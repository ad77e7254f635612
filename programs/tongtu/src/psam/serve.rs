//! `tongtu psam serve`: a virtual PSAM in the virtual reader.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use tongtu_reader::vpcd;
use tongtu_sam::PsamProfile;

use super::file;
use crate::card::serve::put_into_reader;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    (
        "psam serve",
        "把一张虚拟测试 PSAM 放进 pcscd 的虚拟读卡器，供任何 PC/SC 程序使用",
    ),
    (
        "psam serve/state",
        "PSAM 的文件；不存在时用测试密钥新制一张",
    ),
    (
        "psam serve/keys",
        "新制时的密钥：flat 与 `tongtu card serve` 的卡相同，不分散；derived 作为主密钥按发卡机构、卡号两级分散",
    ),
    (
        "psam serve/number",
        "新制时的编号，写入 PSAM 序列号与终端机编号；默认随机",
    ),
    ("psam serve/host", "虚拟读卡器驱动 (vpcd) 的地址"),
    ("psam serve/port", "虚拟读卡器驱动 (vpcd) 的端口"),
    (
        "psam serve#examples",
        "示例：
  tongtu psam serve
  tongtu psam serve --state gate.psam --keys derived --port 35964
  tongtu psam show                               在另一个窗口里

终端交易序号先写入文件再应答：随时 kill -9，也不会给出用过的序号。不要复制文件同时使用：
两张相同的 PSAM 会给出相同的序号。",
    ),
];

/// Which keys a new module has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Keys {
    /// Those of the test card itself, not diversified
    Flat,
    /// The same as master keys, by issuer and card
    Derived,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam serve
  tongtu psam serve --state gate.psam --keys derived --port 35964
  tongtu psam show                               in another window

A terminal sequence is in the file before it is answered: kill -9 at any moment, and none is given
twice. Do not use copies of a file at the same time: two PSAMs that are the same give the same
sequences.")]
pub(crate) struct Args {
    /// The PSAM's file; when it is not there, one with test keys is made
    #[arg(long, value_name = "FILE", default_value = "test.psam")]
    state: PathBuf,
    /// Keys of a new one: `flat` as the cards of `tongtu card serve` have them, `derived` as master
    /// keys by issuer and card
    #[arg(long, value_name = "KEYS", value_enum, default_value = "flat")]
    keys: Keys,
    /// Number of a new one, part of its serial and terminal number; by default at random
    #[arg(long, value_name = "N")]
    number: Option<u16>,
    /// Address of the virtual reader driver (vpcd)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port of the virtual reader driver (vpcd)
    #[arg(long, value_name = "PORT", default_value_t = vpcd::PORT)]
    port: u16,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    if !args.state.exists() {
        let profile = match args.keys {
            Keys::Flat => PsamProfile::test_flat(),
            Keys::Derived => PsamProfile::test(),
        };
        file::make(&args.state, &profile.numbered(number(args)?))?;
        report.note(&both(
            format!("made a TEST PSAM in {}", args.state.display()),
            format!("已新制测试 PSAM {}", args.state.display()),
        ));
    }
    let mut module = file::open(&args.state)?;
    let state = args.state.display();
    let (serial, terminal) = (module.identity().serial, module.identity().terminal);
    if report.json() {
        report.compact(&serde_json::json!({
            "event": "psam", "state": args.state,
            "serial": serial.to_string(), "terminal": terminal.to_string(),
        }))?;
    } else {
        report.line(&match report.lang() {
            Lang::En => format!("{state}: TEST PSAM {serial}, terminal {terminal}"),
            Lang::Zh => format!("{state}：测试 PSAM {serial}，终端机编号 {terminal}"),
        })?;
    }
    report.flush()?;
    put_into_reader(&mut module, SocketAddr::new(args.host, args.port), report)
}

/// Two modules must not have one serial number, so one that nobody numbered gets a random one.
fn number(args: &Args) -> Result<u16, Failure> {
    args.number.map_or_else(random_number, Ok)
}

/// A number at random.
pub(crate) fn random_number() -> Result<u16, Failure> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::fault(both("no randomness", "系统没有随机数")).because(error))?;
    Ok(u16::from_be_bytes(bytes))
}
