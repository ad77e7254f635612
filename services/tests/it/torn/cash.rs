//! Torn e-cashes, all the way to the issuer's books: single rides, rail entries and exits.
//!
//! Schedules are those of purses: one tap that is torn (the line at a byte, the card's memory at a
//! write, the terminal's journal at a unit of power) and one way of coming back. Every other card
//! is of a city behind another hub. On the next day every card rides once more, so that its counter
//! tells what became of grey records.
//!
//! The auditor reads the card's own log and balance, what riders were told, and the books; of the
//! rules it knows one, that who paid at two terminals for one ride is owed the other.
//!
//! `TONGTU_TORN=1` tries every byte, write and unit with every way back; 20 every twentieth.

mod card;
mod served;

use std::collections::BTreeMap;

use tongtu_crypto::Algorithm;
use tongtu_journal::Survival;
use tongtu_services::RideState;
use tongtu_tap_record::{Recovery, TapRecord};
use tongtu_terminal::tap::{Rules, TapEnd, Task, Way};
use tongtu_testkit::tear::{Cut, Half, Line};
use tongtu_types::{BusinessDay, Fen, Timestamp};

use super::post::{Post, bus, gate};
use super::{Back, Tear, backs, every_day, home, loaded_at, survival, tears, tellings, told_group};
use crate::country::{BEIJING_CODE, Country, GUANGZHOU_CODE, day, morning};
use card::{LOADED, Rider};
pub(super) use served::served;

/// Seconds between two schedules.
const APART_S: i64 = 50;
/// What the committed test leaves out between two tears.
const STRIDE: usize = 331;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Single,
    Entry,
    Exit,
}

/// The first of the two terminals of a flow.
const fn first(flow: Flow) -> usize {
    match flow {
        Flow::Single => 0,
        Flow::Entry => GATE_IN,
        Flow::Exit => 4,
    }
}

const GATE_IN: usize = 2;
const LAST: usize = 6;

#[derive(Debug, Clone, Copy)]
struct Schedule {
    flow: Flow,
    algorithm: Algorithm,
    tear: Tear,
    back: Back,
}

struct City {
    country: Country,
    posts: Vec<Post>,
}

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
            let post = Post::new(&country, number, (place, Rules::default())).await;
            posts.push(post.taking_cash());
        }
        Self { country, posts }
    }

    async fn rider(&self, number: usize, algorithm: Algorithm) -> Rider {
        let home = home(number);
        let rider = Rider::new(number, algorithm, home);
        let node = self.country.node(home);
        node.cash_issue(rider.number, loaded_at()).await.unwrap();
        let load = format!("first-{number}");
        let loaded = Fen::new(LOADED);
        node.cash_load(rider.number, &load, loaded, loaded_at())
            .await
            .unwrap();
        rider
    }
}

/// A card, and the counters of rides on which its rider was let on, with the terminal.
struct Seen {
    schedule: Schedule,
    rider: Rider,
    home: &'static str,
    let_on: BTreeMap<u16, usize>,
    /// How often somebody was let on.
    times: usize,
    /// The ride on which its terminal let the rider on, and lost its power while it noted that.
    in_telling: Option<u16>,
}

impl Seen {
    fn heard(&mut self, post: usize, end: Option<&TapEnd>) {
        let ride = end.and_then(|end| end.outcome.ride());
        self.let_on
            .extend(ride.map(|ride| (ride.record.sequence, post)));
        self.times += usize::from(ride.is_some());
    }
}

/// What one whole tap costs: bytes on the line, those of the last exchange, writes of the card,
/// units of power.
struct Cost {
    bytes: usize,
    last: usize,
    writes: Vec<usize>,
    units: u64,
}

/// Plays one schedule, beginning at `at`.
fn play(posts: &mut [Post], seen: &mut Seen, at: Timestamp) -> Cost {
    let Schedule {
        flow, tear, back, ..
    } = seen.schedule;
    if flow == Flow::Exit {
        seen.rider.present();
        let end = posts[GATE_IN].tap(&mut seen.rider, Task::Ride, at.plus_s(-20));
        assert!(end.as_ref().unwrap().outcome.ride().is_some(), "{end:?}");
        seen.heard(GATE_IN, end.as_ref());
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
    let end = posts[here].tap(&mut seen.rider, Task::Ride, at);
    let cost = Cost {
        bytes: seen.rider.carried,
        last: seen.rider.last,
        writes: seen.rider.chip.writes(),
        units: posts[here].medium.spent() - spent,
    };
    seen.heard(here, end.as_ref());
    if tear == Tear::None {
        let ride = end.as_ref().and_then(|end| end.outcome.ride());
        assert!(ride.is_some(), "{:?}: {end:?}", seen.schedule);
    }
    let is_dark = posts[here].medium.is_off();
    let ride = end.as_ref().and_then(|end| end.outcome.ride());
    let sequence = ride.map(|ride| ride.record.sequence);
    seen.in_telling = sequence.filter(|_| is_dark);
    if is_dark {
        posts[here].restart(&survival(cost.units));
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
    if back == Back::OtherTold {
        let notices = told_group(&posts[here], end.as_ref(), is_dark);
        posts[there].note(&notices, now);
    }
    seen.rider.present();
    let end = posts[there].tap(&mut seen.rider, Task::Ride, now);
    seen.heard(there, end.as_ref());
    if back == Back::OtherTold
        && let Some(end) = end
    {
        posts[here].note(&end.notices, now);
    }
    cost
}

/// Plays schedules, a day's worth, and audits what they come to.
async fn prove(schedules: &[Schedule]) -> [usize; 6] {
    let mut city = City::found().await;
    let mut all = Vec::new();
    for (number, schedule) in schedules.iter().enumerate() {
        let at = morning().plus_s(60 + APART_S * i64::try_from(number).unwrap());
        for post in &mut city.posts {
            // The rider may have tapped before; no clock goes back.
            post.close(at.plus_s(-20));
        }
        let mut seen = Seen {
            schedule: *schedule,
            rider: city.rider(number + 1, schedule.algorithm).await,
            home: home(number + 1),
            let_on: BTreeMap::new(),
            times: 0,
            in_telling: None,
        };
        play(&mut city.posts, &mut seen, at);
        all.push(seen);
    }
    finish(&mut city, day(), morning().plus_s(50_000)).await;
    let tomorrow = BusinessDay::from_days(day().days() + 1);
    for (number, seen) in (0..).zip(&mut all) {
        seen.rider.present();
        let at = morning().plus_s(86_400 + 20 * number);
        let end = city.posts[LAST].tap(&mut seen.rider, Task::Ride, at);
        let end = end.unwrap();
        assert!(end.outcome.ride().is_some(), "{:?}: {end:?}", seen.schedule);
        seen.heard(LAST, Some(&end));
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

/// How many grey records, recoveries here and elsewhere, refunds, notes that nobody was told, and
/// refunds by them there were.
async fn audit(city: &City, all: &mut [Seen]) -> [usize; 6] {
    let (mut paid, mut refunds, mut by_note) = (0, 0, 0);
    let records: Vec<TapRecord> = city.posts.iter().flat_map(Post::records).collect();
    for seen in all {
        let what = format!("{:?}", seen.schedule);
        let (balance, debits) = seen.rider.money();
        // Rider: the card's log and its balance agree, and nobody rode without paying.
        let sum: i64 = debits.values().sum();
        assert_eq!(balance + sum, LOADED, "{what}");
        for atc in seen.let_on.keys() {
            assert!(
                debits.contains_key(atc),
                "{what}: let on with {atc}, {debits:?}"
            );
        }
        // Terminals: every debit is in somebody's journal.
        let card = tongtu_purse::field::Serial::of(&seen.rider.number);
        for atc in debits.keys() {
            let of_it = |r: &&TapRecord| r.serial == card && r.sequence == *atc;
            assert!(records.iter().any(|r| of_it(&r)), "{what}: {atc}");
        }
        // Books: the mirror is the balance, and who paid at two terminals for one ride is owed one.
        let here = first(seen.schedule.flow);
        let again = seen.let_on.values().any(|post| *post == here + 1);
        // Who was let on when the power failed may have been told, or not: nobody knows.
        let began = |atc: &u16| {
            let post = seen.let_on.get(atc);
            post.is_some_and(|post| *post != here || seen.in_telling != Some(*atc))
        };
        // One payment, one rider; two where the first was let on and nobody knows it, or where
        // a gate opens once more.
        let is_gate = seen.schedule.flow != Flow::Single && seen.schedule.back.is_here();
        let twice = usize::from(seen.in_telling.is_some() || is_gate);
        assert!(
            (seen.let_on.len()..=seen.let_on.len() + twice).contains(&seen.times),
            "{what}: let on {} times with {:?}",
            seen.times,
            seen.let_on
        );
        let owed: i64 = debits
            .iter()
            .filter(|(atc, _)| again && !began(atc))
            .map(|(_, fen)| fen)
            .sum();
        // Only where nobody told the other terminal.
        assert!(
            owed == 0 || seen.schedule.back == Back::OtherUntold,
            "{what}"
        );
        let node = city.country.node(seen.home);
        let view = node.cash_view(seen.rider.number).await.unwrap();
        assert_eq!(view.mirror.get(), balance, "{what}: {debits:?}");
        assert_eq!(
            view.refund_due.get(),
            owed,
            "{what}: {debits:?} {:?}",
            seen.let_on
        );
        assert_eq!(view.short, Fen::ZERO, "{what}");
        paid += sum - owed;
        refunds += usize::from(owed > 0);
        let of_card = |r: &&TapRecord| r.serial == card && r.recovery == Recovery::Untold;
        by_note += usize::from(owed > 0 && records.iter().any(|r| of_card(&r)));
    }
    // Claims: what was settled is what cards paid less what riders are owed.
    let rides = city.country.acquired(BEIJING_CODE).await;
    // What moved no money, such as an entry, is kept and not cleared.
    let unsettled = rides
        .iter()
        .find(|ride| ride.state != RideState::Settled && ride.amount > Fen::ZERO);
    assert!(unsettled.is_none(), "{unsettled:?}");
    let claimed: i64 = rides.iter().map(|ride| ride.amount.get()).sum();
    assert_eq!(claimed, paid, "claims");
    for home in [BEIJING_CODE, GUANGZHOU_CODE] {
        let alarms = city.country.node(home).alarms().await.unwrap();
        assert!(alarms.is_empty(), "{home}: {alarms:?}");
    }
    let of = |recovery| records.iter().filter(|r| r.recovery == recovery).count();
    [
        of(Recovery::Grey),
        of(Recovery::Here),
        of(Recovery::Elsewhere),
        refunds,
        of(Recovery::Untold),
        by_note,
    ]
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
                home: home(number),
                let_on: BTreeMap::new(),
                times: 0,
                in_telling: None,
            };
            let at = morning().plus_s(60 + APART_S * i64::try_from(number).unwrap());
            let cost = play(&mut city.posts, &mut seen, at);
            // The last exchange pays; around it every few bytes count.
            let near = cost.bytes - cost.last..cost.bytes;
            let fine = (cost.last / 8).max(1).min(stride);
            let lines = (0..cost.bytes)
                .filter(|at| near.contains(at) && at % fine == 0 || at % stride == 0);
            let tears = tears(lines, &cost.writes, cost.units, stride);
            for (at, tear) in tears.enumerate() {
                out.extend(backs(at, every_back).iter().map(|back| Schedule {
                    flow,
                    algorithm,
                    tear,
                    back: *back,
                }));
            }
            if !every_back {
                out.extend(tellings(cost.units).map(|(tear, back)| Schedule {
                    flow,
                    algorithm,
                    tear,
                    back,
                }));
            }
        }
    }
    out
}

#[tokio::test]
async fn riders_terminals_and_books_agree_whatever_is_torn_of_an_e_cash() {
    let asked = std::env::var("TONGTU_TORN").ok();
    let schedules = match asked {
        Some(stride) => schedules(stride.parse().expect("a number"), true).await,
        None => schedules(STRIDE, false).await,
    };
    println!("{} schedules", schedules.len());
    let mut reached = [0; 6];
    for more in every_day(&schedules, prove) {
        reached = std::array::from_fn(|at| reached[at] + more[at]);
    }
    println!("grey, recovered here and elsewhere, refunds, untold, refunds of them: {reached:?}");
    // A set in which nothing went wrong proves nothing.
    assert!(reached.iter().all(|n| *n > 0), "{reached:?}");
}
