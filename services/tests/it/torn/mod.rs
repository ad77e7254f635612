//! Torn cards and terminals without power, all the way to the issuer's books.
//!
//! Every schedule is one card: one tap that is torn (the line at a byte, the card's memory at a
//! write, the terminal's journal at a unit of power) and one way of coming back. Terminals are
//! real ones with soft modules; their records are uploaded, the day is closed and settled. On the
//! next day every card rides once more, so that its number tells what became of grey records.
//!
//! The auditor reads the card's own log and balance, what riders were told, and the books. It
//! knows no record and no rule of clearing but one: who paid twice for one ride within two minutes
//! and was let on once is owed the other.
//!
//! `TONGTU_TORN=1` tries every byte, write and unit with every way back; 20 every twentieth.

mod card;
mod post;

use tongtu_crypto::Algorithm;
use tongtu_journal::Survival;
use tongtu_purse::field::Institution;
use tongtu_services::RideState;
use tongtu_tap_record::{Recovery, TapRecord};
use tongtu_terminal::tap::{TapEnd, Way};
use tongtu_testkit::tear::{Cut, Half, Line, cuts};
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, Timestamp};

use crate::country::{BEIJING_CODE, Country, day, morning};
use card::{LOADED, Rider};
use post::{Post, bus, gate};

/// Seconds between two schedules; a day has room for [`IN_A_DAY`].
const APART_S: i64 = 50;
const IN_A_DAY: usize = 900;

fn institution(city: &str) -> Institution {
    Institution::of(InstitutionCode::parse(city).unwrap())
}

fn loaded_at() -> Timestamp {
    morning().plus_s(-3600)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Single,
    Entry,
    Exit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tear {
    None,
    /// The line breaks after so many bytes.
    Line(usize),
    /// The card loses power at this write.
    Card(Cut),
    /// The terminal loses power after so many units of its journal.
    Power(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    Same,
    Restarted,
    OtherTold,
    OtherUntold,
    Never,
}

const BACKS: [Back; 5] = [
    Back::Same,
    Back::Restarted,
    Back::OtherTold,
    Back::OtherUntold,
    Back::Never,
];

#[derive(Debug, Clone, Copy)]
struct Schedule {
    flow: Flow,
    algorithm: Algorithm,
    tear: Tear,
    back: Back,
}

/// The terminals of a small city, two for each post.
struct City {
    country: Country,
    posts: Vec<Post>,
}

const GATE_IN: usize = 2;
const LAST: usize = 6;

impl City {
    async fn found() -> Self {
        let country = Country::found().await;
        let mut posts = Vec::new();
        let places = [
            bus(),
            bus(),
            gate("0101", Way::Entry),
            gate("0101", Way::Entry),
            gate("0123", Way::Exit),
            gate("0123", Way::Exit),
            bus(),
        ];
        for (number, place) in (1..).zip(places) {
            posts.push(Post::new(&country, number, place).await);
        }
        Self { country, posts }
    }

    async fn rider(&self, number: usize, algorithm: Algorithm) -> Rider {
        let card = CardNumber::parse(&format!("3101000{number:012}")).unwrap();
        let node = self.country.node(BEIJING_CODE);
        node.card_issue(card, loaded_at()).await.unwrap();
        let load = format!("load-{number}");
        let loaded = Fen::new(LOADED.into());
        node.card_load(card, &load, loaded, loaded_at())
            .await
            .unwrap();
        Rider::new(card, algorithm, BEIJING_CODE)
    }
}

/// A card, and the sequence numbers of rides on which its rider was let on.
struct Seen {
    schedule: Schedule,
    rider: Rider,
    let_on: Vec<u16>,
}

impl Seen {
    fn heard(&mut self, end: Option<&TapEnd>) {
        let ride = end.and_then(|end| end.outcome.ride());
        self.let_on.extend(ride.map(|ride| ride.record.sequence));
    }
}

/// What one whole tap of a flow costs: bytes on the line, writes of the card, units of power.
struct Cost {
    bytes: usize,
    writes: Vec<usize>,
    units: u64,
}

fn first(flow: Flow) -> usize {
    match flow {
        Flow::Single => 0,
        Flow::Entry => GATE_IN,
        Flow::Exit => 4,
    }
}

/// Plays one schedule, beginning at `at`.
fn play(posts: &mut [Post], seen: &mut Seen, at: Timestamp) -> Cost {
    let Schedule {
        flow, tear, back, ..
    } = seen.schedule;
    if flow == Flow::Exit {
        seen.rider.present();
        let end = posts[GATE_IN].tap(&mut seen.rider, at.plus_s(-20));
        assert!(end.as_ref().unwrap().outcome.ride().is_some(), "{end:?}");
        seen.heard(end.as_ref());
    }
    let here = first(flow);
    seen.rider.present();
    let spent = posts[here].medium.spent();
    // Writes are counted from here.
    seen.rider.chip.arm(Cut {
        write: usize::MAX,
        kept: 0,
        half: Half::Old,
        from_end: false,
    });
    match tear {
        Tear::None => {}
        Tear::Line(bytes) => seen.rider.line = Line::breaking_after(bytes),
        Tear::Card(cut) => seen.rider.chip.arm(cut),
        Tear::Power(units) => posts[here].medium.set_power(units),
    }
    let end = posts[here].tap(&mut seen.rider, at);
    let cost = Cost {
        bytes: seen.rider.carried,
        writes: seen.rider.chip.writes(),
        units: posts[here].medium.spent() - spent,
    };
    seen.heard(end.as_ref());
    if posts[here].medium.is_off() {
        let survival = match cost.units % 3 {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            _ => Survival::Prefix(13),
        };
        posts[here].restart(&survival);
    } else if back == Back::Restarted {
        posts[here].restart(&Survival::Nothing);
    }
    let there = match back {
        Back::Same | Back::Restarted => here,
        Back::OtherTold | Back::OtherUntold => here + 1,
        Back::Never => return cost,
    };
    if tear == Tear::None {
        return cost;
    }
    let now = at.plus_s(10);
    let notices = end.map(|end| end.notices).unwrap_or_default();
    if back == Back::OtherTold {
        posts[there].note(&notices, now);
    }
    seen.rider.present();
    let end = posts[there].tap(&mut seen.rider, now);
    seen.heard(end.as_ref());
    if back == Back::OtherTold
        && let Some(end) = end
    {
        posts[here].note(&end.notices, now);
    }
    cost
}

/// Plays schedules, a day's worth, and audits what they come to.
async fn prove(schedules: &[Schedule]) -> [usize; 4] {
    let mut city = City::found().await;
    let mut all = Vec::new();
    for (number, schedule) in schedules.iter().enumerate() {
        let at = morning().plus_s(60 + APART_S * i64::try_from(number).unwrap());
        for post in &mut city.posts {
            post.close(at);
        }
        let mut seen = Seen {
            schedule: *schedule,
            rider: city.rider(number + 1, schedule.algorithm).await,
            let_on: Vec::new(),
        };
        play(&mut city.posts, &mut seen, at);
        all.push(seen);
    }
    finish(&mut city, day(), morning().plus_s(50_000)).await;
    let tomorrow = BusinessDay::from_days(day().days() + 1);
    for (number, seen) in (0..).zip(&mut all) {
        seen.rider.present();
        let at = morning().plus_s(86_400 + 20 * number);
        let end = city.posts[LAST].tap(&mut seen.rider, at);
        let end = end.unwrap();
        assert!(end.outcome.ride().is_some(), "{:?}: {end:?}", seen.schedule);
        seen.heard(Some(&end));
    }
    finish(&mut city, tomorrow, morning().plus_s(86_400 + 50_000)).await;
    audit(&city, &mut all).await
}

async fn finish(city: &mut City, day: BusinessDay, evening: Timestamp) {
    for post in &mut city.posts {
        post.close(evening);
        post.upload(&city.country, evening).await;
    }
    city.country.close(day).await;
    city.country.settle(day).await;
    city.country.audit().await;
}

/// Seconds since the beginning of the year 2026, near enough to compare.
fn seconds(at: tongtu_purse::field::DateTime) -> i64 {
    let of = |bcd: u8| i64::from(bcd >> 4) * 10 + i64::from(bcd & 15);
    let [_, _, month, date, h, m, s] = at.0.map(of);
    (((month * 31 + date) * 24 + h) * 60 + m) * 60 + s
}

/// How many grey records, recoveries here and elsewhere, and refunds there were.
async fn audit(city: &City, all: &mut [Seen]) -> [usize; 4] {
    let node = city.country.node(BEIJING_CODE);
    let (mut paid, mut refunds) = (Fen::ZERO, 0);
    let records: Vec<TapRecord> = city.posts.iter().flat_map(Post::records).collect();
    for seen in all {
        let what = format!("{:?}", seen.schedule);
        let debits = seen.rider.debits();
        // Rider: the card's log and its balance agree, and nobody rode without paying.
        let sum: i64 = debits.iter().map(|d| d.amount.fen().get()).sum();
        let balance = seen.rider.balance();
        assert_eq!(balance.get() + sum, i64::from(LOADED), "{what}");
        for sequence in &seen.let_on {
            let is_paid = debits.iter().any(|d| d.sequence == sequence + 1);
            assert!(is_paid, "{what}: let on with {sequence}, {debits:?}");
        }
        // Terminals: every debit is in somebody's journal.
        let card = tongtu_purse::field::Serial::of(&seen.rider.number);
        for debit in &debits {
            let of_it = |r: &&TapRecord| r.serial == card && r.sequence + 1 == debit.sequence;
            assert!(records.iter().any(|r| of_it(&r)), "{what}: {debit:?}");
        }
        // Books: the mirror is the balance, and who paid twice for one ride is owed one.
        let owed: i64 = debits
            .iter()
            .filter(|d| !seen.let_on.contains(&(d.sequence - 1)))
            .filter(|d| {
                debits.iter().any(|other| {
                    let apart = seconds(other.at) - seconds(d.at);
                    other.terminal != d.terminal
                        && other.amount.fen() > Fen::ZERO
                        && seen.let_on.contains(&(other.sequence - 1))
                        && (1..=120).contains(&apart)
                })
            })
            .map(|d| d.amount.fen().get())
            .sum();
        let view = node.card_view(seen.rider.number).await.unwrap();
        assert_eq!(view.mirror, balance, "{what}: {debits:?}");
        assert_eq!(view.refund_due.get(), owed, "{what}: {debits:?}");
        assert_eq!(view.short, Fen::ZERO, "{what}");
        paid = Fen::new(paid.get() + sum - owed);
        refunds += usize::from(owed > 0);
    }
    let of = |recovery| records.iter().filter(|r| r.recovery == recovery).count();
    let reached = [
        of(Recovery::Grey),
        of(Recovery::Here),
        of(Recovery::Elsewhere),
        refunds,
    ];
    // Claims: what was settled is what cards paid less what riders are owed.
    let rides = city.country.acquired(BEIJING_CODE).await;
    // What moved no money, such as an entry, is kept and not cleared.
    let unsettled = rides
        .iter()
        .find(|ride| ride.state != RideState::Settled && ride.amount > Fen::ZERO);
    assert!(unsettled.is_none(), "{unsettled:?}");
    let claimed: i64 = rides.iter().map(|ride| ride.amount.get()).sum();
    assert_eq!(claimed, paid.get(), "claims");
    let alarms = node.alarms().await.unwrap();
    assert!(alarms.is_empty(), "{alarms:?}");
    reached
}

/// Every tear of every flow, thinned out by a stride, with one way back or all of them.
async fn schedules(stride: usize, every_back: bool) -> Vec<Schedule> {
    let mut city = City::found().await;
    let mut out = Vec::new();
    let mut number = 0;
    for flow in [Flow::Single, Flow::Entry, Flow::Exit] {
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            number += 1;
            let mut seen = Seen {
                schedule: Schedule {
                    flow,
                    algorithm,
                    tear: Tear::None,
                    back: Back::Never,
                },
                rider: city.rider(number, algorithm).await,
                let_on: Vec::new(),
            };
            let at = morning().plus_s(60 + APART_S * i64::try_from(number).unwrap());
            let Cost {
                bytes,
                writes,
                units,
            } = play(&mut city.posts, &mut seen, at);
            assert!(!seen.let_on.is_empty(), "{:?}", seen.schedule);
            // DEBIT is 21 bytes and its answer 10, the last of the tap.
            let near = bytes - 33..bytes;
            let lines =
                (0..bytes).filter(|at| near.contains(at) && at % 3 == 0 || at % stride == 0);
            let cards = cuts(&writes).into_iter().step_by(stride).map(Tear::Card);
            let powers = (0..units).filter(|at| at % u64::try_from(stride).unwrap() == 0);
            let tears = lines.map(Tear::Line).chain(cards);
            let tears = tears.chain(powers.map(Tear::Power));
            for (at, tear) in tears.enumerate() {
                let some = [BACKS[at % BACKS.len()]];
                let backs = if every_back { &BACKS[..] } else { &some };
                out.extend(backs.iter().map(|back| Schedule {
                    flow,
                    algorithm,
                    tear,
                    back: *back,
                }));
            }
        }
    }
    out
}

#[tokio::test]
async fn riders_terminals_and_books_agree_whatever_is_torn() {
    let asked = std::env::var("TONGTU_TORN").ok();
    let schedules = match asked {
        Some(stride) => schedules(stride.parse().expect("a number"), true).await,
        None => schedules(STRIDE, false).await,
    };
    println!("{} schedules", schedules.len());
    let mut reached = [0; 4];
    for part in schedules.chunks(IN_A_DAY) {
        let more = prove(part).await;
        reached = std::array::from_fn(|at| reached[at] + more[at]);
    }
    println!("grey, recovered here and elsewhere, refunds: {reached:?}");
    // A set in which nothing went wrong proves nothing.
    assert!(reached.iter().all(|n| *n > 0), "{reached:?}");
}

/// What the committed test leaves out between two tears.
const STRIDE: usize = 61;
