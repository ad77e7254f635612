//! `tongtu terminal`: a scan terminal in a process of its own.

use std::path::PathBuf;

use tokio::net::TcpListener;
use tongtu_blacklist::Blacklist;
use tongtu_config::TerminalFile;
use tongtu_crypto::PublicKey;
use tongtu_door::{CardBlacklistKeeper, Door, ListsKeeper};
use tongtu_http::client::Client;
use tongtu_journal::{FileBlacklist, FileJournal, Limits, ListsFile};
use tongtu_types::InstitutionCode;

use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::Report;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "terminal",
        "运行一台扫码终端：本机扫码入口、断电安全的记录存储、上传",
    ),
    ("terminal/config", "终端的 terminal.toml"),
    (
        "terminal#examples",
        "示例：
  tongtu terminal terminal-100000000001/terminal.toml",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu terminal terminal-100000000001/terminal.toml")]
pub(crate) struct Args {
    /// The terminal's terminal.toml
    #[arg(value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    runtime::log_to_stderr();
    runtime::run(serve(args, report))
}

async fn serve(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let ready = TerminalFile::load(&args.config).map_err(|error| {
        Failure::usage(both("the terminal's settings do not hold", "终端配置有误")).because(error)
    })?;
    let journal = FileJournal::open(&ready.journal, Limits::default()).map_err(|error| {
        Failure::fault(both("the record store cannot be used", "记录存储不可用")).because(error)
    })?;
    let number = ready.setup.profile.terminal;
    let acquirer = Client::new(&ready.acquirer_url);
    let lists = Lists(ListsFile::new(&ready.journal.with_extension("lists")));
    let cards =
        FileBlacklist::open_at(&ready.journal.with_extension("cards")).map_err(|error| {
            Failure::fault(both(
                "the card blacklist cannot be used",
                "卡黑名单存储不可用",
            ))
            .because(error)
        })?;
    let door = Door::open(
        ready.setup,
        Box::new(journal),
        acquirer,
        Some(Box::new(lists)),
    )
    .and_then(|door| door.with_card_blacklist(Box::new(Cards(cards))))
    .map_err(|error| {
        Failure::fault(both("the terminal does not start", "终端无法启动")).because(error)
    })?;
    let listener = TcpListener::bind(&ready.listen).await;
    let bound = listener.and_then(|l| l.local_addr().map(|a| (l, a)));
    let (listener, address) = bound.map_err(|error| {
        Failure::fault(both("cannot listen", "无法监听"))
            .because(format!("{}: {error}", ready.listen))
    })?;
    if !address.ip().is_loopback() {
        return Err(Failure::usage(both(
            "a terminal's door opens on loopback only",
            "终端的扫码入口只允许本机地址",
        ))
        .because(address));
    }
    if report.json() {
        report.compact(&serde_json::json!({
            "terminal": number.as_str(), "url": format!("http://{address}")
        }))?;
    } else {
        report.line(&format!("{number}  http://{address}"))?;
    }
    report.flush()?;
    let clock = runtime::clock(ready.clock);
    tongtu_door::serve(listener, door, clock, runtime::until_told_to_stop())
        .await
        .map_err(|error| Failure::fault(both("the terminal stopped", "终端停止")).because(error))?;
    Ok(Exit::Done)
}

/// The lists beside the journal.
struct Lists(ListsFile);

impl ListsKeeper for Lists {
    fn load(&self) -> std::io::Result<Option<Vec<u8>>> {
        self.0.load()
    }

    fn keep(&self, bundle: &[u8]) -> std::io::Result<()> {
        self.0.keep(bundle)
    }
}

/// The card blacklist beside the journal.
struct Cards(FileBlacklist);

impl CardBlacklistKeeper for Cards {
    fn restore(
        &mut self,
        list_key: &PublicKey,
        acquirer: InstitutionCode,
    ) -> std::io::Result<Blacklist> {
        Ok(self.0.restore(list_key, acquirer)?.list)
    }

    fn keep_full(&mut self, file: &[u8]) -> std::io::Result<()> {
        let len = u64::try_from(file.len()).map_err(std::io::Error::other)?;
        let mut writer = self.0.begin_full(len)?;
        writer.push(file)?;
        writer.commit()
    }

    fn keep_delta(&mut self, file: &[u8]) -> std::io::Result<()> {
        self.0.keep_delta(file)
    }
}
