//! `tongtu card serve`: a virtual card in the virtual reader.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use tongtu_reader::vpcd::{self, Notice, Patience, Served, Stop, VirtualCard, VpcdError};

use super::factory::Profile;
use super::virtual_card::FileCard;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "card serve",
        "把一张虚拟测试卡放进 pcscd 的虚拟读卡器，供任何 PC/SC 程序使用",
    ),
    ("card serve/state", "卡的文件；不存在时用测试密钥新制一张"),
    ("card serve/profile", "新制卡时的卡型，默认 default"),
    ("card serve/host", "虚拟读卡器驱动 (vpcd) 的地址"),
    ("card serve/port", "虚拟读卡器驱动 (vpcd) 的端口"),
    (
        "card serve#examples",
        "示例：
  tongtu card serve
  tongtu card serve --state wang.card --profile sm4
  opensc-tool -s 00A4040008A000000632010105      在另一个窗口里

需要 pcscd 与虚拟读卡器驱动 (Debian：vsmartcard-vpcd)。卡的每次变化先写入文件再应答，
随时 kill -9 也不会丢、不会半途；用 Ctrl-C 或 SIGTERM 正常结束。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu card serve
  tongtu card serve --state wang.card --profile sm4
  opensc-tool -s 00A4040008A000000632010105      in another window

Needs pcscd and its virtual reader driver (Debian: vsmartcard-vpcd). Every change of the card is in
the file before it is answered, so kill -9 at any moment loses nothing and leaves nothing half done;
Ctrl-C or SIGTERM ends it cleanly.")]
pub(crate) struct Args {
    /// The card's file; when it is not there, a card with test keys is made
    #[arg(long, value_name = "FILE", default_value = "test.card")]
    state: PathBuf,
    /// What kind of card to make; `default` if not given
    #[arg(long, value_name = "NAME", value_enum)]
    profile: Option<Profile>,
    /// Address of the virtual reader driver (vpcd)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port of the virtual reader driver (vpcd)
    #[arg(long, value_name = "PORT", default_value_t = vpcd::PORT)]
    port: u16,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let mut card = if args.state.exists() {
        as_asked(FileCard::open(&args.state)?, args)?
    } else {
        let card = FileCard::make(&args.state, args.profile.unwrap_or(Profile::Default))?;
        report.note(&both(
            format!("made a TEST card in {}", args.state.display()),
            format!("已新制测试卡 {}", args.state.display()),
        ));
        card
    };
    let (profile, size) = (card.profile().unwrap_or_default().to_owned(), card.size());
    let state = args.state.display();
    if report.json() {
        let form = serde_json::json!({
            "event": "card", "state": args.state, "profile": profile, "size": size,
        });
        report.compact(&form)?;
    } else {
        report.line(&match report.lang() {
            Lang::En => format!("{state}: TEST card, profile {profile}"),
            Lang::Zh => format!("{state}：测试卡，卡型 {profile}"),
        })?;
    }
    report.flush()?;
    put_into_reader(&mut card, SocketAddr::new(args.host, args.port), report)
}

/// Leaves a card in the virtual reader at this address until told to stop.
pub(crate) fn put_into_reader(
    card: &mut impl VirtualCard,
    address: SocketAddr,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let stop = Stop::new();
    stop_when_told(&stop)?;
    let mut unsaid = None;
    let served = vpcd::serve(address, card, Patience::ENDLESS, &stop, &mut |notice| {
        let said = say(&notice, report).and_then(|()| report.flush());
        unsaid = unsaid.take().or(said.err());
    });
    let served = served.map_err(|error| not_served(&error))?;
    match unsaid {
        Some(failure) => Err(failure),
        None => {
            ended(served, report)?;
            Ok(Exit::Done)
        }
    }
}

/// A card that is there already keeps the profile that it was made with.
fn as_asked(card: FileCard, args: &Args) -> Result<FileCard, Failure> {
    let made = card.profile().unwrap_or_default();
    match args.profile {
        Some(asked) if asked.name() != made => {
            let state = args.state.display();
            let asked = asked.name();
            Err(Failure::usage(both(
                format!("{state} was made with profile {made}, not {asked}"),
                format!("{state} 的卡型是 {made}，不是 {asked}"),
            ))
            .hint(both(
                "give another --state, and a card is made there",
                "请用 --state 另指一个文件，新卡会制在那里",
            )))
        }
        _ => Ok(card),
    }
}

/// Throws the switch when the process is asked to end.
fn stop_when_told(stop: &Stop) -> Result<(), Failure> {
    let stop = stop.clone();
    let waiting = std::thread::Builder::new()
        .name(String::from("signals"))
        .spawn(move || {
            // Without a runtime there is no clean end; the card's file does not need one.
            let _ = runtime::run(async {
                runtime::until_told_to_stop().await;
                Ok(())
            });
            stop.stop();
        });
    waiting.map(drop).map_err(|error| {
        Failure::fault(both("no threads to run on", "无法启动运行环境")).because(error)
    })
}

fn say(notice: &Notice, report: &mut Report) -> Result<(), Failure> {
    let (event, address, line) = match notice {
        Notice::Waiting { address } => (
            "waiting",
            Some(address),
            both(
                format!("waiting for the virtual reader at {address}: is pcscd running?"),
                format!("等待 {address} 的虚拟读卡器：pcscd 是否已启动？"),
            ),
        ),
        Notice::Connected { address } => (
            "connected",
            Some(address),
            both(
                format!("in the virtual reader at {address}; Ctrl-C takes it out"),
                format!("已放入 {address} 的虚拟读卡器；Ctrl-C 取出"),
            ),
        ),
        Notice::Lost { reason } => (
            "lost",
            None,
            both(
                format!("the virtual reader left {reason}"),
                format!("虚拟读卡器已离开 {reason}"),
            ),
        ),
        _ => return Ok(()),
    };
    if report.json() {
        let address = address.map(ToString::to_string);
        report.compact(&serde_json::json!({ "event": event, "address": address }))
    } else {
        report.line(line.of(report.lang()).trim_end())
    }
}

fn ended(served: Served, report: &mut Report) -> Result<(), Failure> {
    let Served {
        connections,
        commands,
    } = served;
    if report.json() {
        return report.compact(&serde_json::json!({
            "event": "ended", "connections": connections, "commands": commands,
        }));
    }
    report.line(&match report.lang() {
        Lang::En => format!("{commands} commands answered"),
        Lang::Zh => format!("共应答 {commands} 条命令"),
    })
}

fn not_served(error: &VpcdError) -> Failure {
    let mut cause = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        cause += &format!(": {error}");
        source = error.source();
    }
    Failure::fault(both("the card cannot be served", "虚拟卡无法继续服务"))
        .because(cause)
        .hint(both(
            "the port must be that of vpcd, see /etc/reader.conf.d/vpcd",
            "端口应为 vpcd 的端口，见 /etc/reader.conf.d/vpcd",
        ))
}
