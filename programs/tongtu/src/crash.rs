//! `tongtu crash`: nodes and terminals are killed at random points of a day, and commands of a key
//! room amid their steps; nothing may be lost, nothing counted twice.
//!
//! Every node and every terminal is a process of its own with its own files. While the day is
//! driven over HTTP, a seeded hand sends SIGKILL to any of them, before and during requests;
//! whoever drives notices, starts the process again on the same files and asks again. At the
//! end the demo's auditor compares what riders were told with what the nodes hold.

mod office;
mod village;

use tongtu_types::BusinessDay;
use tongtu_world::audit::{Seen, Strictness, audit};
use tongtu_world::country::Scale;
use tongtu_world::drive::Drive;
use tongtu_world::plan::plan;
use tongtu_world::terminals::Terminals;
use tongtu_world::{Country, Seed, WorldError};

use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::{Report, Tone};
use crate::runtime;

use village::Village;

pub(crate) const HELP: &[Row] = &[
    (
        "crash",
        "崩溃试验：随机 kill -9 节点与终端进程及密钥室命令，核对不丢、不重",
    ),
    ("crash/rounds", "轮数，每轮一个完整的运营日"),
    ("crash/seed", "随机种子"),
    ("crash/riders", "每轮的乘客人数"),
    ("crash/kills", "每轮大约杀死的进程数"),
    ("crash/room_kills", "杀死的密钥室命令数；0 为不试"),
    (
        "crash#examples",
        "示例：
  tongtu crash --rounds 50
  tongtu crash --rounds 5 --seed 7 --json",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu crash --rounds 50
  tongtu crash --rounds 5 --seed 7 --json")]
pub(crate) struct Args {
    /// Rounds, each a whole operating day
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rounds: u32,
    /// Seed of all chance but the timing of the kills
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Riders in each round
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(2..=500))]
    riders: u32,
    /// About how many processes to kill in each round
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=500))]
    kills: u32,
    /// How many commands of a key room to kill; 0 for none
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    room_kills: u32,
}

/// Everything that was tried.
#[derive(Debug, serde::Serialize)]
struct Tried {
    rounds: Vec<Round>,
    room: office::Trial,
}

/// What one round came to.
#[derive(Debug, serde::Serialize)]
struct Round {
    round: u32,
    node_kills: u32,
    terminal_kills: u32,
    rides: usize,
    settled: usize,
    differences: Vec<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let bar = indicatif::ProgressBar::new(u64::from(args.rounds));
    if report.json() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let mut rounds = Vec::new();
    for round in 1..=args.rounds {
        rounds.push(runtime::run(one_round(args, round))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let room = match args.room_kills {
        0 => office::Trial::default(),
        kills => office::trial(Seed(args.seed), kills)?,
    };
    let clean = rounds.iter().all(|r| r.differences.is_empty()) && room.differences.is_empty();
    if report.json() {
        report.value(&Tried { rounds, room })?;
    } else {
        tell(&rounds, &room, clean, report)?;
    }
    Ok(if clean { Exit::Done } else { Exit::Refused })
}

async fn one_round(args: &Args, round: u32) -> Result<Round, Failure> {
    let day = BusinessDay::from_ymd(2026, 3, 2).expect("a day of the calendar");
    let seed = Seed(
        args.seed
            .wrapping_mul(1_000_003)
            .wrapping_add(u64::from(round)),
    );
    let riders = usize::try_from(args.riders).expect("at most 500");
    let country = Country::found(seed, Scale::village(riders), day).map_err(|e| {
        Failure::fault(both("the country is not founded", "未能建立测试国家")).because(e)
    })?;
    let days = plan(&country, day, 1);
    let village = Village::start(&country, seed, args.kills, days[0].scans.len()).await?;
    let clients = village.node_clients(&country);
    let terminals = Terminals::Remote(village.door_clients());
    let mut drive = Drive::new(&country, &clients, terminals, village);
    let fault = |error: WorldError| {
        Failure::fault(both("the round stopped", "本轮中断"))
            .because(format!("round {round}: {}", chain(&error)))
    };
    drive.prepare(day, &mut || {}).await.map_err(fault)?;
    drive.live(&days[0], &[], &mut || {}).await.map_err(fault)?;
    drive.settle(day, &mut || {}).await.map_err(fault)?;
    drive
        .catch_up(&days[0], &[], &mut || {})
        .await
        .map_err(fault)?;
    drive.settle(day.next(), &mut || {}).await.map_err(fault)?;
    drive.caretaker().pacify().await;
    let after = day.next().next().start_in_china().plus_s(8 * 3600);
    let observed = drive
        .observe(&[day, day.next()], after)
        .await
        .map_err(fault)?;
    let verdict = audit(
        &country,
        &Seen {
            scans: &drive.logs,
            ..Seen::default()
        },
        &observed,
        Strictness::AfterCrashes,
    );
    let differences = verdict
        .findings
        .iter()
        .flat_map(|f| f.differences.iter().map(|d| format!("{}: {d}", f.en)))
        .collect();
    let (node_kills, terminal_kills) = drive.caretaker().kills();
    let rides = verdict.settled + verdict.reused + verdict.evidence;
    Ok(Round {
        round,
        node_kills,
        terminal_kills,
        rides,
        settled: verdict.settled,
        differences,
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

fn tell(
    rounds: &[Round],
    room: &office::Trial,
    clean: bool,
    report: &mut Report,
) -> Result<(), Failure> {
    let [room_kills, room_steps, room_mended, room_done] = room.figures();
    let sum = |of: &dyn Fn(&Round) -> u64| rounds.iter().map(of).sum::<u64>();
    let rows = [
        (
            both("rounds", "轮数"),
            u64::try_from(rounds.len()).unwrap_or(u64::MAX),
        ),
        (
            both("node processes killed", "杀死的节点进程"),
            sum(&|r| u64::from(r.node_kills)),
        ),
        (
            both("terminal processes killed", "杀死的终端进程"),
            sum(&|r| u64::from(r.terminal_kills)),
        ),
        (
            both("records told to riders", "告知乘客的记录"),
            sum(&|r| u64::try_from(r.rides).unwrap_or(0)),
        ),
        (
            both("rides settled", "结算的乘车"),
            sum(&|r| u64::try_from(r.settled).unwrap_or(0)),
        ),
        (
            both("differences", "差异"),
            sum(&|r| u64::try_from(r.differences.len()).unwrap_or(0))
                + u64::try_from(room.differences.len()).unwrap_or(u64::MAX),
        ),
        (
            both("commands of a key room killed", "杀死的密钥室命令"),
            room_kills,
        ),
        (both("its steps", "密钥室步骤"), room_steps),
        (both("mended", "其中收尾"), room_mended),
        (
            both("killed and done all the same", "其中被杀而已办成"),
            room_done,
        ),
    ];
    let lang = report.lang();
    report.table(
        &["", ""],
        rows.iter()
            .map(|(name, value)| vec![name.of(lang).to_owned(), value.to_string()]),
    )?;
    for round in rounds.iter().filter(|r| !r.differences.is_empty()) {
        for difference in &round.differences {
            report.line(&format!("{}: {difference}", round.round))?;
        }
    }
    for difference in &room.differences {
        report.line(difference)?;
    }
    let (tone, line) = if clean {
        (
            Tone::Good,
            both(
                "Nothing acknowledged was lost, nothing was counted twice.",
                "已确认的无一丢失，无一重复。",
            ),
        )
    } else {
        (Tone::Bad, both("Differences were found.", "发现差异。"))
    };
    report.toned(tone, line.of(lang))
}
