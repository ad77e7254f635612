//! What a tap of a card costs its terminal: commands to card and module, the processor's time of
//! the machine itself, and how long the whole tap takes by [`Pace`].
//!
//! Every flow is tapped once with a card, a soft module and a journal; then the machine repeats it
//! with what card and module answered, on a journal in memory, with a city's fare book and a
//! blacklist of five million numbers. The e-cash's signatures are verified by the machine itself.

mod post;
mod script;

use serde::Serialize;
use tongtu_purse::field::{Amount, Industry};
use tongtu_terminal::tap::{
    Counter as CounterPost, Exchanges, Gate, Lock, MakeUp, Pace, Refusal, Segmented, Single,
    TapOutcome, TapPost, Task, Way,
};
use tongtu_types::Timestamp;

use super::cards::Counter;
use crate::card::factory;
use crate::exit::Failure;
use crate::lang::both;
use crate::report::Report;
use post::{City, Post};
use script::{Field, Script};

/// Numbers on the blacklist.
pub(super) const LISTED: u128 = 5_000_000;
/// Taps of one run.
const TAPS: usize = 100;
/// 2026-03-02 09:00 China time.
const NINE: Timestamp = Timestamp::new(1_772_413_200);
/// One flow.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    what: &'static str,
    #[serde(skip)]
    zh: &'static str,
    /// Commands to the card and to the module.
    card: u16,
    psam: u16,
    /// The machine's own time for a tap: the median of all, the slowest and the fastest run.
    cpu_ns: u64,
    slowest_ns: u64,
    fastest_ns: u64,
    taps: usize,
    /// The whole tap with a slow card and module on a line of this speed, by the model.
    whole_ms: u64,
    line_kbit: u16,
}

/// The rows as a table, after the figures of the other parts.
pub(super) fn table(figures: &[Figure], report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let header = [
        both("a tap of a card", "刷一次卡"),
        both("to the card", "卡片命令"),
        both("to the PSAM", "PSAM 命令"),
        both("CPU µs, median", "终端计算 µs（中位数）"),
        both("slowest run", "最慢"),
        both("fastest run", "最快"),
        both("whole tap ms, by model", "整笔 ms（模型）"),
        both("line kbit/s", "接口 kbit/s"),
    ];
    let header: Vec<&str> = header.iter().map(|b| b.of(lang)).collect();
    let us = |ns: u64| format!("{}.{}", ns / 1000, ns % 1000 / 100);
    let rows = figures.iter().map(|f| {
        vec![
            lang.pick((f.what, f.zh)).to_owned(),
            f.card.to_string(),
            f.psam.to_string(),
            us(f.cpu_ns),
            us(f.slowest_ns),
            us(f.fastest_ns),
            f.whole_ms.to_string(),
            f.line_kbit.to_string(),
        ]
    });
    report.table(&header, rows)
}

/// Measures one flow after another.
struct Bench {
    runs: u32,
    city: City,
    figures: Vec<Figure>,
}

/// What a flow is called.
type Name = (&'static str, &'static str);

impl Bench {
    fn flow(&mut self, name: Name, post: &mut Post, card: &mut Counter, now: Timestamp) {
        self.task(name, post, card, now, Task::Ride);
    }

    fn task(
        &mut self,
        (what, zh): Name,
        post: &mut Post,
        card: &mut Counter,
        now: Timestamp,
        task: Task,
    ) {
        let mut field = Field::of(card);
        let (script, end) = Script::play(post, &mut field, now, task);
        let is_locked = matches!(
            end.outcome,
            TapOutcome::Refused(Refusal::Blacklisted { locked: true })
        );
        assert!(
            end.outcome.ride().is_some() || is_locked,
            "{what}: {:?}",
            end.outcome
        );
        let Exchanges { card, psam } = end.exchanges;
        let (pace, line_kbit) = match psam {
            0 => (Pace::SLOW_ON_424, 424),
            _ => (Pace::SLOW, 106),
        };
        let log = field.log.iter();
        let whole_us = pace.tap_us(log.map(|(c, a)| (&c[..], &a[..])), psam);
        let mut all = Vec::new();
        let mut of_runs = Vec::new();
        for _ in 0..self.runs {
            let mut run: Vec<u64> = (0..TAPS).map(|_| script.nanos()).collect();
            of_runs.push(median(&mut run));
            all.extend(run);
        }
        self.figures.push(Figure {
            what,
            zh,
            card,
            psam,
            cpu_ns: median(&mut all),
            slowest_ns: of_runs.iter().copied().max().unwrap_or(0),
            fastest_ns: of_runs.iter().copied().min().unwrap_or(0),
            taps: all.len(),
            whole_ms: whole_us / 1000,
            line_kbit,
        });
    }

    fn purse(&mut self, name: [Name; 4], profile: factory::Profile) {
        let card = || Counter::new(profile);
        let [single, entry, exit, trip] = name;
        let mut rider = card();
        self.flow(
            single,
            &mut Post::new(&self.city, 1, bus(false)),
            &mut rider,
            NINE,
        );
        self.flow(
            trip,
            &mut Post::new(&self.city, 2, bus(true)),
            &mut card(),
            NINE,
        );
        let mut rider = card();
        let mut gate_in = Post::new(&self.city, 3, gate("0101", Way::Entry));
        self.flow(entry, &mut gate_in, &mut rider, NINE);
        let mut gate_out = Post::new(&self.city, 4, gate("0123", Way::Exit));
        self.flow(exit, &mut gate_out, &mut rider, NINE.plus_s(2400));
    }

    fn segmented(&mut self) {
        let mut rider = Counter::new(factory::Profile::Default);
        let mut bus = Post::new(&self.city, 5, long(1, 7));
        let name = ("segmented bus, boarding", "分段计费上车");
        self.flow(name, &mut bus, &mut rider, NINE);
        let name = ("segmented bus, alighting", "分段计费下车");
        bus.terminal.stand_at(long(3, 7));
        self.flow(name, &mut bus, &mut rider, NINE.plus_s(1200));
        bus.terminal.stand_at(long(1, 7));
        bus.tap(&mut Field::of(&mut rider), NINE.plus_s(2400), Task::Ride);
        let mut other = Post::new(&self.city, 6, long(1, 8));
        let name = ("segmented bus, boarding with arrears", "分段计费上车并补扣");
        self.flow(name, &mut other, &mut rider, NINE.plus_s(3600));
    }

    fn counter(&mut self) {
        let mut rider = Counter::new(factory::Profile::Default);
        let mut gate_in = Post::new(&self.city, 7, gate("0101", Way::Entry));
        gate_in.tap(&mut Field::of(&mut rider), NINE, Task::Ride);
        let counter = TapPost::Counter(CounterPost {
            network: "METRO".parse().expect("a line code"),
            station: "0109".parse().expect("a station code"),
            card_line: 1,
        });
        let mut counter = Post::new(&self.city, 8, counter);
        let claim = Task::MakeUp(MakeUp::CloseRail {
            amount: Some(Amount::new(400)),
        });
        let name = ("make-up at a counter", "补票");
        self.task(name, &mut counter, &mut rider, NINE.plus_s(1200), claim);
    }

    fn locked(&mut self) {
        let purse = factory::Profile::Default.purse();
        let mut post = Post::with(&self.city, 9, bus(false), |profile, lists| {
            profile.rules.lock = Some(Lock {
                permanently: true,
                algorithm: 0,
            });
            lists.also = Some(purse.public.serial);
        });
        let mut rider = Counter::new(factory::Profile::Default);
        let name = ("blacklisted card, locked", "黑名单锁卡");
        self.flow(name, &mut post, &mut rider, NINE);
    }

    /// Torn after the card paid, and back.
    fn recovered(&mut self) {
        for (name, restarts) in [
            (("recovery by proof", "撕卡恢复"), false),
            (
                ("recovery after a restart, vouching", "重启后撕卡恢复并验卡"),
                true,
            ),
        ] {
            let mut rider = Counter::new(factory::Profile::Default);
            let mut post = Post::new(&self.city, 10, bus(false));
            let mut field = Field::of(&mut rider);
            field.loses_debit = true;
            let end = post.tap(&mut field, NINE, Task::Ride);
            assert!(matches!(end.outcome, TapOutcome::Torn { .. }), "{end:?}");
            if restarts {
                post.restart();
            }
            self.flow(name, &mut post, &mut rider, NINE.plus_s(5));
        }
    }

    fn cash(&mut self, name: [Name; 3], profile: factory::Profile) {
        let [single, entry, exit] = name;
        let mut bus = Post::new(&self.city, 11, bus(false)).serving_cash();
        self.flow(single, &mut bus, &mut Counter::new(profile), NINE);
        let mut rider = Counter::new(profile);
        let mut gate_in = Post::new(&self.city, 12, gate("0101", Way::Entry)).serving_cash();
        self.flow(entry, &mut gate_in, &mut rider, NINE);
        let mut gate_out = Post::new(&self.city, 13, gate("0123", Way::Exit)).serving_cash();
        self.flow(exit, &mut gate_out, &mut rider, NINE.plus_s(2400));
    }
}

fn median(times: &mut [u64]) -> u64 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0)
}

fn bus(leaves_trip: bool) -> TapPost {
    TapPost::Single(Single {
        industry: Industry::BUS,
        line: "B00001".parse().expect("a line code"),
        card_line: [0, 1],
        stop: [0; 8],
        vehicle: *b"TEST-001",
        leaves_trip,
    })
}

fn gate(station: &str, way: Way) -> TapPost {
    TapPost::Gate(Gate {
        network: "METRO".parse().expect("a line code"),
        station: station.parse().expect("a station code"),
        card_line: 1,
        way,
    })
}

fn long(stop: u8, vehicle: u8) -> TapPost {
    TapPost::Segmented(Segmented {
        line: "LONG".parse().expect("a line code"),
        card_line: [0, 9],
        stop: format!("{stop:02}").parse().expect("two digits"),
        card_stop: stop,
        direction: tongtu_purse::field::Direction::UP,
        vehicle: [vehicle; 8],
    })
}

/// What taps cost, with so many numbers on the blacklist.
pub(super) fn measure(runs: u32, listed: u128) -> Vec<Figure> {
    let mut bench = Bench {
        runs,
        city: City::new(listed),
        figures: Vec::new(),
    };
    bench.purse(
        [
            ("single ride (3DES)", "一票制消费 (3DES)"),
            ("rail entry (3DES)", "进站 (3DES)"),
            ("rail exit (3DES)", "出站 (3DES)"),
            (
                "single ride that leaves a trip (3DES)",
                "一票制复合消费 (3DES)",
            ),
        ],
        factory::Profile::Default,
    );
    bench.purse(
        [
            ("single ride (SM4)", "一票制消费 (SM4)"),
            ("rail entry (SM4)", "进站 (SM4)"),
            ("rail exit (SM4)", "出站 (SM4)"),
            (
                "single ride that leaves a trip (SM4)",
                "一票制复合消费 (SM4)",
            ),
        ],
        factory::Profile::Sm4,
    );
    bench.segmented();
    bench.counter();
    bench.locked();
    bench.recovered();
    bench.cash(
        [
            ("e-cash, single ride (RSA)", "电子现金一票制 (RSA)"),
            ("e-cash, rail entry (RSA)", "电子现金进站 (RSA)"),
            ("e-cash, rail exit (RSA)", "电子现金出站 (RSA)"),
        ],
        factory::Profile::Default,
    );
    bench.cash(
        [
            ("e-cash, single ride (SM2)", "电子现金一票制 (SM2)"),
            ("e-cash, rail entry (SM2)", "电子现金进站 (SM2)"),
            ("e-cash, rail exit (SM2)", "电子现金出站 (SM2)"),
        ],
        factory::Profile::Sm4,
    );
    bench.figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flow_costs_the_commands_that_are_documented_and_less_than_300_ms() {
        let figures = measure(1, 1_000);
        let of = |what: &str| {
            let figure = figures.iter().find(|f| f.what.starts_with(what));
            figure.map(|f| (f.card, f.psam))
        };
        for (what, commands) in [
            ("single ride (3DES)", (4, 2)),
            ("single ride that leaves a trip", (5, 2)),
            ("rail entry", (7, 2)),
            ("rail exit", (7, 2)),
            ("segmented bus, boarding", (7, 2)),
            ("segmented bus, alighting", (7, 2)),
            ("segmented bus, boarding with arrears", (7, 2)),
            ("make-up", (8, 2)),
            ("blacklisted", (4, 1)),
            ("recovery by proof", (3, 1)),
            ("recovery after", (5, 3)),
        ] {
            assert_eq!(of(what), Some(commands), "{what}");
        }
        for figure in &figures {
            assert!(figure.whole_ms < 300, "{figure:?}");
            assert!(figure.cpu_ns > 0, "{figure:?}");
            assert_eq!(
                figure.psam == 0,
                figure.what.starts_with("e-cash"),
                "{figure:?}"
            );
        }
    }
}
