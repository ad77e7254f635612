//! `tongtu psam pool`: PSAMs of files and readers, lent over HTTP to clients that are admitted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tongtu_http::server::{self, BindError, Exposure};
use tongtu_psam::Psam;
use tongtu_psam::command::MacKeys;
use tongtu_reader::connect;
use tongtu_sam::{ApduPsam, PsamProfile};
use tongtu_sam_pool::{Admission, Clients, Pool, ReaderSlot, serve};
use zeroize::Zeroizing;

use super::{admit, file};
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "psam pool",
        "把若干 PSAM（文件或读卡器）作为池，通过 HTTP 借给登记过的终端",
    ),
    (
        "psam pool/state",
        "虚拟 PSAM 的文件，可多次给出；不存在时用测试密钥新制一张",
    ),
    (
        "psam pool/reader",
        "PC/SC 读卡器的名称或其一部分，可多次给出",
    ),
    (
        "psam pool/clients",
        "登记终端的文件，由 `tongtu psam admit` 写入",
    ),
    ("psam pool/listen", "监听地址与端口"),
    ("psam pool/lease_s", "租约在最后一次请求之后的秒数"),
    (
        "psam pool/danger_open",
        "允许监听非本机地址；终端有认证，但内容不加密",
    ),
    (
        "psam pool#examples",
        "示例：
  tongtu psam admit gate-1
  tongtu psam pool --state a.psam --state b.psam
  tongtu terminal tap --state rider.card --psam http://127.0.0.1:7400 \\
         --psam-client gate-1.psam-client

启动时打不开的 PSAM 会报告并跳过；运行中失效的会停用片刻，其余继续。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam admit gate-1
  tongtu psam pool --state a.psam --state b.psam
  tongtu terminal tap --state rider.card --psam http://127.0.0.1:7400 \\
         --psam-client gate-1.psam-client

A PSAM that cannot be opened at the start is reported and passed over; one that fails later is left
alone for a while, and the others go on.")]
pub(crate) struct Args {
    /// A virtual PSAM's file, may be given several times; when it is not there, one with test keys is
    /// made
    #[arg(long, value_name = "FILE")]
    state: Vec<PathBuf>,
    /// A PC/SC reader by name or part of it, may be given several times
    #[arg(long, value_name = "NAME")]
    reader: Vec<String>,
    /// The file with the clients that are admitted, as `tongtu psam admit` writes it
    #[arg(long, value_name = "FILE", default_value = admit::CLIENTS)]
    clients: PathBuf,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// Seconds that a lease lives after its last request
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    lease_s: u64,
    /// Allow other than loopback addresses; clients are authenticated, what is said is not hidden
    #[arg(long)]
    danger_open: bool,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    runtime::log_to_stderr();
    let clients = clients(&args.clients)?;
    let modules = modules(args, report)?;
    let [mut secret, mut epoch] = [Zeroizing::new([0; 32]), Zeroizing::new([0; 32])];
    for bytes in [&mut secret, &mut epoch] {
        getrandom::fill(&mut **bytes).map_err(|error| {
            Failure::fault(both("no randomness", "系统没有随机数")).because(error)
        })?;
    }
    let epoch = u64::from_be_bytes(*epoch.first_chunk().expect("32 bytes"));
    let pool = Arc::new(Pool::new(modules, args.lease_s * 1000, epoch));
    let admission = Admission::new(clients, *secret);
    let exposure = if args.danger_open {
        Exposure::DangerOpen
    } else {
        Exposure::Loopback
    };
    runtime::run(async {
        let listener = server::bind(args.listen, exposure).await;
        let listener = listener.map_err(|error| not_bound(&error))?;
        let fault = |error: std::io::Error| {
            Failure::fault(both("the pool stopped", "PSAM 池停止")).because(error)
        };
        let url = format!("http://{}", listener.local_addr().map_err(fault)?);
        if report.json() {
            report.compact(&serde_json::json!({ "event": "pool", "url": url }))?;
        } else {
            report.line(&url)?;
        }
        report.flush()?;
        let stop = runtime::until_told_to_stop();
        serve(listener, pool, admission, stop).await.map_err(fault)
    })?;
    Ok(Exit::Done)
}

fn clients(path: &Path) -> Result<Clients, Failure> {
    let none = |cause: String| {
        Failure::usage(both(
            "the clients of the pool cannot be read",
            "无法读取登记终端的文件",
        ))
        .because(format!("{}: {cause}", path.display()))
        .hint(both(
            "`tongtu psam admit NAME` admits a client",
            "`tongtu psam admit NAME` 可登记终端",
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|error| none(error.to_string()))?;
    let text = Zeroizing::new(text);
    let clients = Clients::parse(&text).map_err(|error| none(error.to_string()))?;
    if clients.is_empty() {
        return Err(none(String::from("there is nobody in it")));
    }
    Ok(clients)
}

/// All modules that can be opened, each said; at least one.
fn modules(args: &Args, report: &mut Report) -> Result<Vec<Box<dyn Psam + Send>>, Failure> {
    let mut modules: Vec<Box<dyn Psam + Send>> = Vec::new();
    let mut failed = None;
    let mut take = |place: String, opened: Result<Box<dyn Psam + Send>, Failure>| match opened {
        Ok(psam) => {
            say(&place, &*psam, report)?;
            modules.push(psam);
            Ok::<_, Failure>(())
        }
        Err(failure) => {
            report.note(&both(
                format!("{place} is left out"),
                format!("{place} 未加入"),
            ));
            failed = Some(failure);
            Ok(())
        }
    };
    for path in &args.state {
        take(path.display().to_string(), soft(path))?;
    }
    for name in &args.reader {
        take(name.clone(), in_reader(name))?;
    }
    match (modules.is_empty(), failed) {
        (false, _) => Ok(modules),
        (true, Some(failure)) => Err(failure),
        (true, None) => Err(Failure::usage(both(
            "a pool needs a PSAM: --state FILE or --reader NAME",
            "PSAM 池至少需要一张 PSAM：--state FILE 或 --reader NAME",
        ))),
    }
}

fn soft(path: &Path) -> Result<Box<dyn Psam + Send>, Failure> {
    if !path.exists() {
        let number = super::serve::random_number()?;
        file::make(path, &PsamProfile::test_flat().numbered(number))?;
    }
    Ok(Box::new(file::power_up(path)?))
}

fn in_reader(name: &str) -> Result<Box<dyn Psam + Send>, Failure> {
    let card = connect(Some(name)).map_err(|error| crate::card::no_card(&error))?;
    let psam = ApduPsam::open(ReaderSlot(card), MacKeys::USUAL).map_err(|fault| {
        Failure::usage(both(
            "what is there does not answer as a PSAM",
            "读到的不是 PSAM",
        ))
        .because(fault)
    })?;
    Ok(Box::new(psam))
}

fn say(place: &str, psam: &dyn Psam, report: &mut Report) -> Result<(), Failure> {
    let identity = psam.identity();
    let (serial, terminal) = (identity.serial, identity.terminal);
    if report.json() {
        return report.compact(&serde_json::json!({
            "event": "psam", "place": place,
            "serial": serial.to_string(), "terminal": terminal.to_string(),
        }));
    }
    report.line(&match report.lang() {
        Lang::En => format!("{place}: PSAM {serial}, terminal {terminal}"),
        Lang::Zh => format!("{place}：PSAM {serial}，终端机编号 {terminal}"),
    })
}

fn not_bound(error: &BindError) -> Failure {
    let what = both("cannot listen", "无法监听");
    match error {
        BindError::Io { address, source } => {
            Failure::fault(what).because(format!("{address}: {source}"))
        }
        error => Failure::usage(what).because(error),
    }
}
