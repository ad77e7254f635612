//! `tongtu terminal`: a scan terminal in a process of its own, and a terminal for cards ([`tap`]).

pub(crate) mod tap;
mod tapped;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;

use tokio::net::TcpListener;
use tongtu_blacklist::Blacklist;
use tongtu_callers::CallerName;
use tongtu_config::TerminalFile;
use tongtu_crypto::PublicKey;
use tongtu_door::{CardBlacklistKeeper, Door, ListsKeeper, PartKeeper};
use tongtu_http::client::Client;
use tongtu_http::{Clock, Credential};
use tongtu_journal::{FileBlacklist, FileJournal, FilePart, Limits, ListsFile};
use tongtu_terminal::ClockSource;
use tongtu_types::InstitutionCode;

use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::link;
use crate::report::Report;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "terminal",
        "运行一台扫码终端：本机扫码入口、断电安全的记录存储、上传；或刷一次卡",
    ),
    ("terminal/config", "终端的 terminal.toml"),
    (
        "terminal#examples",
        "示例：
  tongtu terminal terminal-100000000001/terminal.toml
  tongtu terminal tap --state rider.card         刷一次卡",
    ),
];

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  tongtu terminal terminal-100000000001/terminal.toml
  tongtu terminal tap --state rider.card         one tap of a card"
)]
pub(crate) struct Args {
    /// The terminal's terminal.toml
    #[arg(value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tap a card at a test terminal: pay, record, say what it cost and why
    Tap(Box<tap::Args>),
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    match (&args.command, &args.config) {
        (Some(Command::Tap(args)), _) => tap::run(args, report),
        (None, Some(config)) => {
            runtime::log_to_stderr();
            runtime::run(serve(config, report))
        }
        (None, None) => Err(Failure::usage(both(
            "a terminal.toml is missing",
            "缺少 terminal.toml",
        ))),
    }
}

async fn serve(config: &Path, report: &mut Report) -> Result<Exit, Failure> {
    let ready = TerminalFile::load(config).map_err(|error| {
        Failure::usage(both("the terminal's settings do not hold", "终端配置有误")).because(error)
    })?;
    let journal = FileJournal::open(&ready.journal, Limits::default()).map_err(|error| {
        Failure::fault(both("the record store cannot be used", "记录存储不可用")).because(error)
    })?;
    let machine = if ready.time_servers {
        ClockSource::Ntp
    } else {
        ClockSource::Rtc
    };
    let number = ready.setup.profile.terminal;
    let own = ready.setup.profile.acquirer.home();
    let acquirer = match ready.link {
        Some(link) => {
            let (known, watch) = link::open(link.files, None)?;
            tokio::spawn(link::keep_watch(watch));
            Client::linked(&ready.acquirer_url, &known, own)
        }
        None => Client::new(&ready.acquirer_url),
    };
    let name = CallerName {
        institution: own,
        number: number
            .as_str()
            .parse()
            .expect("12 digits are a caller number"),
    };
    let credential = Credential::new(name, 1, ready.caller, runtime::random()?);
    let acquirer = acquirer.acting_as(credential, own);
    let lists = Lists(ListsFile::new(&ready.journal.with_extension("lists")));
    let cards =
        FileBlacklist::open_at(&ready.journal.with_extension("cards")).map_err(|error| {
            Failure::fault(both(
                "the card blacklist cannot be used",
                "卡黑名单存储不可用",
            ))
            .because(error)
        })?;
    let part = |extension| {
        let part = FilePart::open_at(&ready.journal.with_extension(extension));
        part.map(Part).map_err(|error| {
            Failure::fault(both(
                "lists on their way cannot be kept",
                "下载中的名单无法暂存",
            ))
            .because(error)
        })
    };
    let parts = (part("lists-part")?, part("cards-part")?);
    let door = Door::open(
        ready.setup,
        Box::new(journal),
        acquirer,
        Some(Box::new(lists)),
    )
    .map(|door| door.with_parts(Box::new(parts.0), Box::new(parts.1)))
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
    let door = match clock {
        Clock::System => {
            let started = Instant::now();
            let ticks = move || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            door.with_counter(ticks, machine)
        }
        // Whoever calls has the only clock.
        Clock::Simulated => door,
    };
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

/// The beginning of a file on its way, beside the journal.
struct Part(FilePart);

impl PartKeeper for Part {
    fn begun(&self) -> Option<(Vec<u8>, u64)> {
        let label = self.0.label()?;
        Some((label.to_vec(), self.0.len()))
    }

    fn begin(&mut self, label: &[u8]) -> std::io::Result<()> {
        self.0.begin(label)
    }

    fn push(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.push(bytes)
    }

    fn load(&self) -> std::io::Result<Vec<u8>> {
        self.0.load()
    }

    fn clear(&mut self) -> std::io::Result<()> {
        self.0.clear()
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
