//! `tongtu bench clearing`: a day of rides by code, purse and e-cash through the whole country,
//! measured from inside: every signature, code, TAC and cryptogram is verified, and what share of the
//! processors' time that takes.
//!
//! Verifying is timed around the calls that do it, on the thread that does; its sum is set against the
//! time of the whole process, terminals' side of the line included.

mod rides;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::time::ClockId;
use serde::Serialize;
use tongtu_callers::CallerName;
use tongtu_http::Credential;
use tongtu_services::{Meter, Verified};
use tongtu_types::TerminalNumber;
use tongtu_world::country::{CITIES, NODES};
use tongtu_world::drive::{Drive, Peace};
use tongtu_world::hosting;
use tongtu_world::terminals::Terminals;

use self::rides::Rides;
use super::codes::BENCH_TERMINAL;
use super::{machine, per_second, processor_time, thread_time};
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::runtime;

pub(super) const HELP: &[Row] = &[
    (
        "bench clearing",
        "端到端清分：码、电子钱包与电子现金混合，全部验签、验 TAC 与应用密文，并给出验证所占时间",
    ),
    (
        "bench clearing/rides",
        "乘车笔数，码、电子钱包、电子现金各三分之一",
    ),
    (
        "bench clearing#examples",
        "示例：
  tongtu bench clearing --rides 20000
  tongtu bench clearing --rides 1000000 --json

verifying 是签名、乘车码、TAC 与应用密文的验证时间在本进程全部处理器时间中的份额；上传阶段也含终端一侧。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu bench clearing --rides 20000
  tongtu bench clearing --rides 1000000 --json

Verifying is the time of signatures, ride codes, TACs and cryptograms out of all processor time of this process;
uploading has the terminals' side in it.")]
pub(super) struct Args {
    /// Rides: a third by code, a third by purse, a third by e-cash
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=5_000_000))]
    rides: u32,
}

/// Records in one upload.
const BATCH: usize = 500;

#[derive(Serialize)]
struct Answer {
    machine: String,
    cores: usize,
    rides: usize,
    by_code: usize,
    by_purse: usize,
    by_cash: usize,
    stages: Vec<Stage>,
}

/// One stage of the day, or all of it.
#[derive(Serialize)]
struct Stage {
    what: &'static str,
    #[serde(skip)]
    zh: &'static str,
    wall_ms: u64,
    cpu_ms: u64,
    rides_per_second: u64,
    rides_per_core_second: u64,
    terminal_signatures: Part,
    codes: Part,
    tacs: Part,
    cryptograms: Part,
    /// Thousandths of the processors' time that verifying took.
    verifying_permille: u64,
}

/// What was verified in a stage.
#[derive(Clone, Copy, Serialize)]
struct Part {
    count: u64,
    cpu_us: u64,
}

pub(super) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let rides = usize::try_from(args.rides).expect("some million");
    let bar = ProgressBar::new(0);
    bar.set_style(style(report.lang()));
    if report.json() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let folder = std::env::temp_dir().join(format!("tongtu-night-{}", std::process::id()));
    let measured = runtime::run(async {
        let measured = day(rides, &folder, &bar, report.lang()).await;
        // Left-overs in the temporary folder are the system's to sweep.
        let _ = std::fs::remove_dir_all(&folder);
        measured
    });
    bar.finish_and_clear();
    let stages = measured?;
    let answer = Answer {
        machine: machine(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        rides,
        by_code: rides.div_ceil(3),
        by_purse: (rides + 1) / 3,
        by_cash: rides / 3,
        stages,
    };
    if report.json() {
        report.value(&answer)?;
    } else {
        print(&answer, report)?;
    }
    Ok(Exit::Done)
}

fn style(lang: Lang) -> ProgressStyle {
    let text = lang.pick((
        "{msg:<24} {bar:40} {pos}/{len}",
        "{msg:<12} {bar:40} {pos}/{len}",
    ));
    ProgressStyle::with_template(text).expect("a template of ours")
}

fn print(answer: &Answer, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let Answer {
        machine,
        cores,
        rides,
        by_code,
        by_purse,
        by_cash,
        ..
    } = answer;
    report.line(&match lang {
        Lang::En => format!(
            "{machine} · {cores} cores · {rides} rides, {by_code} by code, {by_purse} by purse, \
             {by_cash} by e-cash"
        ),
        Lang::Zh => format!(
            "{machine} · {cores} 核 · {rides} 笔乘车，码 {by_code}，电子钱包 {by_purse}，\
             电子现金 {by_cash}"
        ),
    })?;
    let header = [
        both("stage", "阶段"),
        both("rides a second", "每秒笔数"),
        both("rides a second of a core", "每核每秒笔数"),
        both("terminal signatures", "终端签名"),
        both("codes", "乘车码"),
        both("TACs", "TAC"),
        both("cryptograms", "应用密文"),
        both("verifying", "验证占比"),
    ];
    let header: Vec<&str> = header.iter().map(|b| b.of(lang)).collect();
    let part = |part: Part| match part.count {
        0 => "0".to_owned(),
        count => {
            let tenths = part.cpu_us * 10 / count;
            format!("{count} × {}.{} µs", tenths / 10, tenths % 10)
        }
    };
    let rows = answer.stages.iter().map(|stage| {
        let permille = stage.verifying_permille;
        vec![
            lang.pick((stage.what, stage.zh)).to_owned(),
            stage.rides_per_second.to_string(),
            stage.rides_per_core_second.to_string(),
            part(stage.terminal_signatures),
            part(stage.codes),
            part(stage.tacs),
            part(stage.cryptograms),
            format!("{}.{} %", permille / 10, permille % 10),
        ]
    });
    report.table(&header, rows)
}

/// Where a stage began or ended.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    cpu: Duration,
    signatures: Verified,
    codes: Verified,
    tacs: Verified,
    cryptograms: Verified,
}

impl Moment {
    fn now(meter: &Meter) -> Self {
        Self {
            at: Instant::now(),
            cpu: process_cpu(),
            signatures: meter.signatures(),
            codes: meter.codes(),
            tacs: meter.tacs(),
            cryptograms: meter.cryptograms(),
        }
    }
}

/// What a stage took, as it adds up.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    cpu: Duration,
    signatures: Verified,
    codes: Verified,
    tacs: Verified,
    cryptograms: Verified,
}

impl Spent {
    fn since(&mut self, begun: &Moment, meter: &Meter) {
        let now = Moment::now(meter);
        let add = |sum: &mut Verified, before: Verified, after: Verified| {
            sum.count += after.count - before.count;
            sum.nanos += after.nanos - before.nanos;
        };
        self.wall += now.at - begun.at;
        self.cpu += now.cpu.saturating_sub(begun.cpu);
        add(&mut self.signatures, begun.signatures, now.signatures);
        add(&mut self.codes, begun.codes, now.codes);
        add(&mut self.tacs, begun.tacs, now.tacs);
        add(&mut self.cryptograms, begun.cryptograms, now.cryptograms);
    }

    fn stage(self, what: &'static str, zh: &'static str, rides: usize) -> Stage {
        let part = |verified: Verified| Part {
            count: verified.count,
            cpu_us: verified.nanos / 1000,
        };
        let proofs = self.tacs.nanos + self.cryptograms.nanos;
        let verifying = self.signatures.nanos + self.codes.nanos + proofs;
        let cpu = u64::try_from(self.cpu.as_nanos())
            .unwrap_or(u64::MAX)
            .max(1);
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Stage {
            what,
            zh,
            wall_ms: ms(self.wall),
            cpu_ms: ms(self.cpu),
            rides_per_second: per_second(rides, self.wall),
            rides_per_core_second: per_second(rides, self.cpu),
            terminal_signatures: part(self.signatures),
            codes: part(self.codes),
            tacs: part(self.tacs),
            cryptograms: part(self.cryptograms),
            verifying_permille: verifying.saturating_mul(1000) / cpu,
        }
    }
}

impl std::ops::Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let sum = |a: Verified, b: Verified| Verified {
            count: a.count + b.count,
            nanos: a.nanos + b.nanos,
        };
        Self {
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
            signatures: sum(self.signatures, other.signatures),
            codes: sum(self.codes, other.codes),
            tacs: sum(self.tacs, other.tacs),
            cryptograms: sum(self.cryptograms, other.cryptograms),
        }
    }
}

async fn day(
    count: usize,
    folder: &Path,
    bar: &ProgressBar,
    lang: Lang,
) -> Result<Vec<Stage>, Failure> {
    let fault = |error: &dyn std::fmt::Display| {
        Failure::fault(both("the bench's country stopped", "测速中断")).because(error)
    };
    let show = |en: &'static str, zh: &'static str, len: usize| {
        bar.reset();
        bar.set_length(u64::try_from(len).unwrap_or(u64::MAX));
        bar.set_message(lang.pick((en, zh)));
    };
    std::fs::create_dir_all(folder).map_err(|e| fault(&e))?;
    let rides = Rides::of(count);
    let country = &rides.country;
    let meter = Arc::new(Meter::new(thread_nanos));
    let hosted = hosting::host_measured(country, folder, &meter)
        .await
        .map_err(|e| fault(&e))?;
    show("accounts and cards", "开户与发卡", rides.holders());
    rides
        .prepare(&hosted.clients, &mut || bar.inc(1))
        .await
        .map_err(|e| fault(&e))?;
    let terminal = TerminalNumber::parse(BENCH_TERMINAL).expect("twelve digits");
    let city = CITIES[0];
    hosted.clients[city]
        .at(rides.before())
        .terminal_register(terminal, [0, 0, 0, 1], rides.terminal_key.public())
        .await
        .map_err(|e| fault(&e))?;
    let own = NODES[city].institution();
    let name = CallerName {
        institution: own,
        number: terminal.as_str().parse().expect("twelve digits"),
    };
    let key = Box::new(country.seed.key("terminal of the bench"));
    let uplink = Credential::new(name, 1, key, [1; 16]);
    let uplink = hosted.clients[city].acting_as(uplink, own);

    show("rides uploaded", "上传", count);
    let (mut upload, mut settle) = (Spent::default(), Spent::default());
    let certified = rides.certified();
    for first in (0..count).step_by(BATCH) {
        let last = (first + BATCH).min(count);
        let records: Vec<Vec<u8>> = (first..last)
            .map(|ride| rides.record(ride, &certified))
            .collect();
        let client = uplink.at(rides.after());
        let begun = Moment::now(&meter);
        let answers = client.records_upload(terminal, &records).await;
        answers.map_err(|e| fault(&e))?;
        upload.since(&begun, &meter);
        bar.inc(u64::try_from(last - first).unwrap_or(0));
    }
    show("steps of the night", "日切与清算步骤", 15);
    let terminals = Terminals::local(country, &hosted.clients).map_err(|e| fault(&e))?;
    let mut drive = Drive::new(country, &hosted.clients, terminals, Peace);
    let begun = Moment::now(&meter);
    let settled = drive.settle(rides.day(), &mut || bar.inc(1)).await;
    settle.since(&begun, &meter);
    settled.map_err(|e| fault(&e))?;
    let view = hosted.clients[city]
        .at(rides.after())
        .day_view(rides.day())
        .await
        .map_err(|e| fault(&e))?;
    hosted.stop().await;
    let expected = u64::try_from(count).unwrap_or(u64::MAX);
    if view.settled + view.forwarded != expected || !view.refused.is_empty() {
        return Err(fault(&format!(
            "settled and forwarded {view:?}, expected {expected}"
        )));
    }
    Ok(vec![
        upload.stage(
            "uploaded over HTTP, verified and stored",
            "经 HTTP 上传、核验并入库",
            count,
        ),
        settle.stage(
            "closed and settled by all four nodes",
            "四个节点日切与清算",
            count,
        ),
        (upload + settle).stage("end to end", "端到端", count),
    ])
}

/// Nanoseconds that the calling thread has been on a processor.
fn thread_nanos() -> u64 {
    u64::try_from(thread_time().as_nanos()).unwrap_or(u64::MAX)
}

/// The processors' time of this process so far.
fn process_cpu() -> Duration {
    processor_time(ClockId::ProcessCPUTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_processors_time_and_stages_add_up() {
        let verified = |count, nanos| Verified { count, nanos };
        let one = Spent {
            wall: Duration::from_millis(500),
            cpu: Duration::from_millis(1000),
            signatures: verified(100, 100_000_000),
            codes: verified(50, 250_000_000),
            tacs: verified(30, 30_000_000),
            cryptograms: verified(20, 20_000_000),
        };
        let stage = one.stage("", "", 100);
        assert_eq!(
            (stage.rides_per_second, stage.rides_per_core_second),
            (200, 100)
        );
        assert_eq!(stage.verifying_permille, 400);
        assert_eq!((stage.codes.count, stage.codes.cpu_us), (50, 250_000));
        let both = (one + one).stage("", "", 100);
        assert_eq!((both.verifying_permille, both.codes.count), (400, 100));
        assert_eq!(both.cpu_ms, 2000);
    }
}
