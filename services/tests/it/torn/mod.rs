//! Torn cards and terminals without power, all the way to the issuer's books.
//!
//! Every schedule is one card: one tap that is torn (the line at a byte, the card's memory at a
//! write, the terminal's journal at a unit of power) and one way of coming back. [`flow`] has what
//! riders do: single and rail rides, segmented buses with what a ride without alighting owes,
//! missed exits, counters, the second ticket, locks. Terminals are real ones with soft modules;
//! their records are uploaded, the day is closed and settled, for cards of this city and of
//! another one behind two hubs. On the next day every card rides once more, so that its number
//! tells what became of grey records.
//!
//! [`audit`] reads the card's own log and balance, what riders were told, and the books.
//!
//! `TONGTU_TORN=1` tries every byte, write and unit with every way back; 20 every twentieth. Days
//! share nothing and are played on every core.

mod audit;
mod card;
mod cash;
mod flow;
mod post;

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

use tongtu_crypto::Algorithm;
use tongtu_journal::Survival;
use tongtu_purse::field::Institution;
use tongtu_terminal::tap::{GroupNotice, TapEnd, Task};
use tongtu_testkit::tear::{Cut, Half, Line, cuts};
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, Timestamp};

use crate::country::{BEIJING_CODE, Country, GUANGZHOU_CODE, day, morning};
use audit::{Reached, audit};
use card::{LOADED, Rider};
use flow::{FLOWS, Flow};
use post::Post;

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

impl Back {
    /// At the very terminal, where a gate opens once more for who was told.
    const fn is_here(self) -> bool {
        matches!(self, Self::Same | Self::Restarted)
    }
}

static BACKS: [Back; 5] = [
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

impl City {
    async fn found() -> Self {
        let country = Country::found().await;
        let mut posts = Vec::new();
        for (number, place) in (1..).zip(flow::places()) {
            posts.push(Post::new(&country, number, place).await);
        }
        Self { country, posts }
    }

    /// A card of this city, or every other time of another one.
    async fn rider(&self, number: usize, schedule: Schedule) -> Rider {
        let home = home(number);
        let card = CardNumber::parse(&format!("310{}{number:012}", &home[4..])).unwrap();
        let node = self.country.node(home);
        node.card_issue(card, loaded_at()).await.unwrap();
        let load = format!("load-{number}");
        let loaded = Fen::new(LOADED.into());
        node.card_load(card, &load, loaded, loaded_at())
            .await
            .unwrap();
        Rider::new(card, schedule.algorithm, home, schedule.flow)
    }
}

/// The city of a rider.
const fn home(number: usize) -> &'static str {
    if number.is_multiple_of(2) {
        BEIJING_CODE
    } else {
        GUANGZHOU_CODE
    }
}

/// A card, and the sequence numbers of rides on which its rider was let on.
struct Seen {
    schedule: Schedule,
    rider: Rider,
    /// When the card is torn.
    at: Timestamp,
    home: &'static str,
    let_on: Vec<u16>,
    /// The terminal lost its power after it let the rider on, while it noted that it had.
    is_in_telling: bool,
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

/// Plays one schedule, beginning at `at`.
fn play(posts: &mut [Post], seen: &mut Seen, at: Timestamp) -> Cost {
    let Schedule {
        flow, tear, back, ..
    } = seen.schedule;
    let before = flow::before(posts, flow, &mut seen.rider, at);
    seen.heard(before.as_ref());
    let (here, task) = (flow.here(), flow.task());
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
    let end = posts[here].tap(&mut seen.rider, task, at);
    let cost = Cost {
        bytes: seen.rider.carried,
        writes: seen.rider.chip.writes(),
        units: posts[here].medium.spent() - spent,
    };
    seen.heard(end.as_ref());
    let is_dark = posts[here].medium.is_off();
    seen.is_in_telling = is_dark && end.as_ref().is_some_and(|end| end.outcome.ride().is_some());
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
    let end = posts[there].tap(&mut seen.rider, task, now);
    seen.heard(end.as_ref());
    if back == Back::OtherTold
        && let Some(end) = end
    {
        posts[here].note(&end.notices, now);
    }
    cost
}

/// What a terminal says to its group after a tap: at once, or when it begins again.
fn told_group(post: &Post, end: Option<&TapEnd>, is_dark: bool) -> Vec<GroupNotice> {
    match end {
        Some(end) if !is_dark => end.notices.clone(),
        _ => post.torn(),
    }
}

/// Plays schedules, a day's worth, and audits what they come to.
async fn prove(schedules: &[Schedule]) -> Reached {
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
            rider: city.rider(number + 1, *schedule).await,
            at,
            home: home(number + 1),
            let_on: Vec::new(),
            is_in_telling: false,
        };
        play(&mut city.posts, &mut seen, at);
        all.push(seen);
    }
    finish(&mut city, day(), morning().plus_s(50_000)).await;
    let tomorrow = BusinessDay::from_days(day().days() + 1);
    for (number, seen) in (0..).zip(&mut all) {
        seen.rider.present();
        let at = morning().plus_s(86_400 + 20 * number);
        let post = &mut city.posts[seen.schedule.flow.next_day()];
        if seen.schedule.flow == Flow::Lock {
            post.blacklist(seen.rider.number);
        }
        let end = post.tap(&mut seen.rider, Task::Ride, at).unwrap();
        let rides = seen.schedule.flow != Flow::Lock;
        assert_eq!(
            end.outcome.ride().is_some(),
            rides,
            "{:?}: {end:?}",
            seen.schedule
        );
        seen.heard(Some(&end));
    }
    finish(&mut city, tomorrow, morning().plus_s(86_400 + 50_000)).await;
    audit(&city, &mut all).await
}

/// Plays schedules a day's worth at a time, on every core: each day has a country of its own.
#[expect(
    clippy::print_stdout,
    reason = "all of it takes long and shows how far it is"
)]
fn every_day<S: Sync, R: Send>(schedules: &[S], prove: impl AsyncFn(&[S]) -> R + Sync) -> Vec<R> {
    let days: Vec<&[S]> = schedules.chunks(IN_A_DAY).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let runtime = runtime.expect("a runtime");
        let mut out = Vec::new();
        while let Some(day) = days.get(next.fetch_add(1, Ordering::Relaxed)) {
            out.push(runtime.block_on(prove(day)));
            println!("a day of {} schedules holds", day.len());
        }
        out
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers = (0..cores.min(days.len())).map(|_| scope.spawn(worker));
        let workers: Vec<_> = workers.collect();
        let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        // A day that failed fails the test with what it said.
        let days = joined.map(|days| days.unwrap_or_else(|why| resume_unwind(why)));
        days.flatten().collect()
    })
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

/// One whole tap of a flow, with nothing torn.
async fn whole(city: &mut City, number: usize, flow: Flow, algorithm: Algorithm) -> (Seen, Cost) {
    let schedule = Schedule {
        flow,
        algorithm,
        tear: Tear::None,
        back: Back::Never,
    };
    let at = morning().plus_s(60 + APART_S * i64::try_from(number).unwrap());
    let mut seen = Seen {
        schedule,
        rider: city.rider(number, schedule).await,
        at,
        home: home(number),
        let_on: Vec::new(),
        is_in_telling: false,
    };
    let cost = play(&mut city.posts, &mut seen, at);
    (seen, cost)
}

/// What a device keeps of what was not synced when its power failed after so many units.
const fn survival(units: u64) -> Survival {
    match units % 3 {
        0 => Survival::Nothing,
        1 => Survival::Everything,
        _ => Survival::Prefix(13),
    }
}

/// Tears of the line, then of the card and of the terminal's power, each thinned out.
fn tears(
    lines: impl Iterator<Item = usize>,
    writes: &[usize],
    units: u64,
    stride: usize,
) -> impl Iterator<Item = Tear> {
    let cards = cuts(writes).into_iter().step_by(stride);
    let powers = (0..units).step_by(stride);
    let tears = lines.map(Tear::Line).chain(cards.map(Tear::Card));
    tears.chain(powers.map(Tear::Power))
}

/// The terminal's power gone after the record is durable and before, while and after the rider is
/// told, with every way back that could pay twice. The mark is the last frame of a tap, 25 units.
fn tellings(units: u64) -> impl Iterator<Item = (Tear, Back)> {
    let powers = [27, 26, 25, 13, 1].map(|before| Tear::Power(units - before));
    let backs = [Back::Same, Back::OtherTold, Back::OtherUntold, Back::Never];
    let all = powers.into_iter();
    all.flat_map(move |tear| backs.map(|back| (tear, back)))
}

/// The ways back of the tear of that number.
const fn backs(at: usize, every: bool) -> &'static [Back] {
    if every {
        &BACKS
    } else {
        BACKS.split_at(at % BACKS.len()).1.split_at(1).0
    }
}

/// Every tear of every flow, thinned out by a stride, with one way back or all of them.
async fn schedules(stride: usize, every_back: bool) -> Vec<Schedule> {
    let mut city = City::found().await;
    let mut out = Vec::new();
    let mut number = 0;
    for flow in FLOWS {
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            number += 1;
            let (seen, cost) = whole(&mut city, number, flow, algorithm).await;
            let Cost {
                bytes,
                writes,
                units,
            } = cost;
            let rides = flow != Flow::Lock;
            assert_eq!(!seen.let_on.is_empty(), rides, "{:?}", seen.schedule);
            // DEBIT is 21 bytes and its answer 10, the last of the tap.
            let near = bytes - 33..bytes;
            let lines =
                (0..bytes).filter(|at| near.contains(at) && at % 3 == 0 || at % stride == 0);
            let tears = tears(lines, &writes, units, stride);
            for (at, tear) in tears.enumerate() {
                out.extend(backs(at, every_back).iter().map(|back| Schedule {
                    flow,
                    algorithm,
                    tear,
                    back: *back,
                }));
            }
            if rides && !every_back {
                out.extend(tellings(units).map(|(tear, back)| Schedule {
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
async fn riders_terminals_and_books_agree_whatever_is_torn() {
    let asked = std::env::var("TONGTU_TORN").ok();
    let schedules = match asked {
        Some(stride) => schedules(stride.parse().expect("a number"), true).await,
        None => schedules(STRIDE, false).await,
    };
    println!("{} schedules", schedules.len());
    let mut reached = Reached::default();
    for day in every_day(&schedules, prove) {
        reached.add(&day);
    }
    println!("{reached:?}");
    // A set in which nothing went wrong proves nothing.
    assert!(reached.all().iter().all(|n| *n > 0), "{reached:?}");
}

/// A lock alone, with the terminal's power gone at every few units of its journal.
#[tokio::test]
async fn no_power_cut_leaves_a_locked_card_without_a_record() {
    let mut city = City::found().await;
    let (_, cost) = whole(&mut city, 1, Flow::Lock, Algorithm::Tdes).await;
    let both = [Algorithm::Tdes, Algorithm::Sm4].into_iter().cycle();
    let cuts = (0..cost.units).step_by(7).zip(both);
    let schedules = cuts.map(|(at, algorithm)| Schedule {
        flow: Flow::Lock,
        algorithm,
        tear: Tear::Power(at),
        back: BACKS[usize::try_from(at).unwrap() % BACKS.len()],
    });
    let reached = prove(&schedules.collect::<Vec<_>>()).await;
    println!("{reached:?}");
    assert!(reached.has_unanswered());
}

/// What the committed test leaves out between two tears.
const STRIDE: usize = 131;
