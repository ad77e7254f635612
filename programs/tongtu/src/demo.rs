//! `tongtu demo`: a small country lives some days before the reader's eyes.
//!
//! Four nodes with their own databases and ports, terminals, riders, faults, settlement, and
//! an auditor; everything from one seed. The result is a folder, written aside and put in place
//! only when it is whole.

mod files;
mod screen;

use std::path::{Path, PathBuf};

use tongtu_types::BusinessDay;
use tongtu_world::audit::{Seen, Strictness, audit};
use tongtu_world::cards::CardSide;
use tongtu_world::cards::plan::plan_homecoming;
use tongtu_world::country::{NODES, Scale};
use tongtu_world::drive::{Drive, Peace};
use tongtu_world::faces::FaceSide;
use tongtu_world::plan::plan;
use tongtu_world::report::Story;
use tongtu_world::terminals::Terminals;
use tongtu_world::{Country, Seed, WorldError, hosting};

use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::{Report, Tone};
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "demo",
        "演示：两座城市的乘客、终端与清分，从一次扫码到资金到账",
    ),
    ("demo/out", "结果文件夹：报告、二维码图片、交换文件"),
    ("demo/seed", "随机种子；相同的种子得到逐字节相同的文件"),
    ("demo/riders", "乘客人数，两城合计"),
    ("demo/days", "运营天数"),
    ("demo/nodes", "保留各节点的数据库于此文件夹；默认用完即删"),
    (
        "demo#examples",
        "示例：
  tongtu demo
  tongtu demo --riders 1000 --days 3 --out three-days
  tongtu demo --seed 7 --json",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu demo
  tongtu demo --riders 1000 --days 3 --out three-days
  tongtu demo --seed 7 --json")]
pub(crate) struct Args {
    /// Folder for the results: report, QR images, exchange files
    #[arg(long, value_name = "DIR", default_value = "tongtu-demo")]
    out: PathBuf,
    /// Seed of all chance; the same seed gives the same files byte for byte
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Riders, both cities together
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    riders: u32,
    /// Days of operation
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=31))]
    days: u32,
    /// Keep the nodes' databases in this folder; otherwise they are gone afterwards
    #[arg(long, value_name = "DIR")]
    nodes: Option<PathBuf>,
}

/// The first operating day, a Monday so late in its month that sums of the month have grown.
fn first_day() -> BusinessDay {
    BusinessDay::from_ymd(2026, 3, 23).expect("a day of the calendar")
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    if std::env::var_os("RUST_LOG").is_some() {
        // Asked for only: lines between the bars would serve nobody.
        runtime::log_to_stderr();
    }
    let nodes = files::NodesFolder::choose(args.nodes.as_deref())?;
    let place = files::Place::prepare(&args.out)?;
    let seed = Seed(args.seed);
    let riders = usize::try_from(args.riders).expect("at most 20 000");
    let country = Country::found(seed, Scale::demo(riders), first_day()).map_err(|e| {
        Failure::fault(both("the country is not founded", "未能建立测试国家")).because(e)
    })?;
    let clean = runtime::run(live(args, &country, &place, nodes.path(), report))?;
    place.finish(&args.out)?;
    if !report.json() {
        screen::where_it_is(&args.out, report)?;
    }
    Ok(if clean { Exit::Done } else { Exit::Refused })
}

async fn live(
    args: &Args,
    country: &Country,
    place: &files::Place,
    nodes: &Path,
    report: &mut Report,
) -> Result<bool, Failure> {
    let days = plan(country, first_day(), args.days);
    let bars = screen::Bars::new(report, country, &days);
    let hosted = hosting::host(country, nodes).await.map_err(fault)?;
    let terminals = Terminals::local(country, &hosted.clients).map_err(fault)?;
    let cards = CardSide::new(country, &hosted.clients).map_err(fault)?;
    let faces = FaceSide::new(country, &hosted.clients).map_err(fault)?;
    let mut drive = Drive::new(country, &hosted.clients, terminals, Peace)
        .with_cards(cards)
        .with_faces(faces);

    drive
        .prepare(first_day(), &mut bars.ticker(screen::Part::Prepare))
        .await
        .map_err(fault)?;
    let mut settled = Vec::new();
    for (n, day) in days.iter().enumerate() {
        let late: &[usize] = match n.checked_sub(1).and_then(|before| days.get(before)) {
            Some(yesterday) => &yesterday.late_posts,
            None => &[],
        };
        drive
            .live(day, late, &mut bars.ticker(screen::Part::Scans))
            .await
            .map_err(fault)?;
        drive
            .settle(day.day, &mut bars.ticker(screen::Part::Settle))
            .await
            .map_err(fault)?;
        settled.push(day.day);
    }
    if let Some(last) = days.last() {
        // What lay in a terminal over the last cut-off is settled one day later.
        let extra = last.day.next();
        let taps = days.iter().map(|day| &day.taps[..]);
        let homecoming = plan_homecoming(country, taps, extra);
        drive
            .catch_up(last, &homecoming, &mut bars.ticker(screen::Part::Scans))
            .await
            .map_err(fault)?;
        drive
            .settle(extra, &mut bars.ticker(screen::Part::Settle))
            .await
            .map_err(fault)?;
        settled.push(extra);
    }
    let last_day = settled.last().copied().unwrap_or_else(first_day);
    let after = last_day.next().start_in_china().plus_s(8 * 3600);
    let observed = drive.observe(&settled, after).await.map_err(fault)?;
    let verdict = audit(
        country,
        &Seen {
            scans: &drive.logs,
            taps: drive.taps(),
            looks: drive.looks(),
        },
        &observed,
        Strictness::AsPlanned,
    );

    let mut exchange = Vec::new();
    for (index, client) in hosted.clients.iter().enumerate() {
        let folder = NODES[index].id;
        exchange.extend(place.exchange_files(folder, &client.at(after)).await?);
    }
    place.key_centre(country)?;
    place.key_uses(&observed)?;
    let symbols = place.symbols(country, |rider| drive.shown(rider).to_vec())?;
    let story = Story {
        country,
        days: &days,
        logs: &drive.logs,
        taps: drive.taps(),
        looks: drive.looks(),
        observed: &observed,
        audit: &verdict,
        files: &exchange,
        symbols: &symbols,
    };
    place.reports(&story)?;
    bars.finish();
    if report.json() {
        report.value(&story.json())?;
    } else {
        screen::tell(&story, report)?;
        let (tone, line) = if verdict.is_clean() {
            (
                Tone::Good,
                both(
                    "Every accepted ride was settled exactly once or refused by name; all money sums to zero.",
                    "每笔受理的乘车恰好结算一次或按名目拒付；全部资金之和为零。",
                ),
            )
        } else {
            (
                Tone::Bad,
                both("The auditor found differences.", "审计发现差异。"),
            )
        };
        report.toned(tone, line.of(report.lang()))?;
    }
    let clean = verdict.is_clean();
    hosted.stop().await;
    Ok(clean)
}

fn fault(error: WorldError) -> Failure {
    // The chain says who said what; the first sentence says what the demo was doing.
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    Failure::fault(both("the demo's country stopped", "演示中断")).because(words)
}
