//! `tongtu bench`: how fast codes are verified, records parsed, cards pay, rides are charged and
//! cleared, and what a tap of a card costs its terminal; on one core.
//!
//! Every figure is the median of several runs in this very process, with the machine named.
//! Nothing is compared with other runs: figures from two machines, or from a busy and an idle
//! one, are two different things.

mod calls;
mod cards;
mod clearing;
mod codes;
mod fares;
mod keys;
mod night;
mod taps;
mod whole;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::Report;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    (
        "bench",
        "测速：核验乘车码、解析乘车记录、卡片消费、刷卡、计费、端到端清分（单核）",
    ),
    ("bench/runs", "每项重复次数，取中位数"),
    ("bench/rides", "端到端清分的乘车笔数"),
    (
        "bench#examples",
        "示例：
  tongtu bench
  tongtu bench --runs 3 --rides 2000 --json
  tongtu bench clearing --rides 20000",
    ),
];

pub(crate) const NIGHT: &[Row] = night::HELP;

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  tongtu bench
  tongtu bench --runs 3 --rides 2000 --json
  tongtu bench clearing --rides 20000"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// Runs of each measurement; the median is shown
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Rides in the end-to-end clearing
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    rides: u32,
}

/// What is measured alone.
#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Clear a day of rides by code and card end to end, and show what share verifying takes
    Clearing(night::Args),
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Figure {
    what: &'static str,
    #[serde(skip)]
    zh: &'static str,
    per_second: u64,
    slowest: u64,
    fastest: u64,
    runs: usize,
}

#[derive(Debug, Serialize)]
struct Answer {
    machine: String,
    cores: usize,
    figures: Vec<Figure>,
    taps: Vec<taps::Figure>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    if let Some(Part::Clearing(args)) = &args.part {
        return night::run(args, report);
    }
    let mut figures = codes::measure(args.runs);
    figures.extend(whole::measure(args.runs));
    figures.extend(cards::measure(args.runs));
    figures.extend(fares::measure(args.runs));
    figures.extend(keys::measure(args.runs));
    figures.extend(calls::measure(args.runs));
    let rides = usize::try_from(args.rides).expect("at most a million");
    // A whole day is cleared in each run; three are enough for a median.
    figures.extend(runtime::run(clearing::measure(args.runs.min(3), rides))?);
    let answer = Answer {
        machine: machine(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        figures,
        taps: taps::measure(args.runs, taps::LISTED),
    };
    if report.json() {
        report.value(&answer)?;
        return Ok(Exit::Done);
    }
    report.line(&format!("{} · {} cores", answer.machine, answer.cores))?;
    let lang = report.lang();
    let header = [
        both("measured", "项目"),
        both("per second, median", "每秒（中位数）"),
        both("slowest", "最慢"),
        both("fastest", "最快"),
        both("runs", "次数"),
    ];
    let header: Vec<&str> = header.iter().map(|b| b.of(lang)).collect();
    let rows = answer.figures.iter().map(|f| {
        vec![
            lang.pick((f.what, f.zh)).to_owned(),
            f.per_second.to_string(),
            f.slowest.to_string(),
            f.fastest.to_string(),
            f.runs.to_string(),
        ]
    });
    report.table(&header, rows)?;
    taps::table(&answer.taps, report)?;
    Ok(Exit::Done)
}

/// Times `work`, which does `count` things, so many times.
fn figure(
    what: &'static str,
    zh: &'static str,
    runs: u32,
    count: usize,
    mut work: impl FnMut(),
) -> Figure {
    let rates = (0..runs)
        .map(|_| {
            let begun = Instant::now();
            work();
            per_second(count, begun.elapsed())
        })
        .collect();
    of_rates(what, zh, rates)
}

fn of_rates(what: &'static str, zh: &'static str, mut rates: Vec<u64>) -> Figure {
    rates.sort_unstable();
    let median = rates.get(rates.len() / 2).copied().unwrap_or(0);
    Figure {
        what,
        zh,
        per_second: median,
        slowest: rates.first().copied().unwrap_or(0),
        fastest: rates.last().copied().unwrap_or(0),
        runs: rates.len(),
    }
}

fn per_second(count: usize, elapsed: Duration) -> u64 {
    let count = u128::try_from(count).unwrap_or(0);
    let nanos = elapsed.as_nanos().max(1);
    u64::try_from(count * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// How long the calling thread has been on a processor.
fn thread_time() -> Duration {
    processor_time(ClockId::ThreadCPUTime)
}

fn processor_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::try_from(time).expect("a processor's time is not below zero")
}

/// The processor's name as the system gives it.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    name.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |name| name.trim_start_matches([':', '\t', ' ']).to_owned(),
    )
}
