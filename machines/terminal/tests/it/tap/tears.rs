//! A tear at every byte of command and answer, and a power cut at every question, for every
//! flow; then every way of coming back. What must hold ([`super::fixture::audit`]): every debit
//! of the card is one ride in somebody's records, and the other way round.

use tongtu_crypto::Algorithm;
use tongtu_psam::Psam as _;
use tongtu_purse::field::Amount;
use tongtu_purse::profile::{KeyIndex, Wallet};
use tongtu_tap_record::{RecordKind, Recovery, Stage};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    Answer, Ask, CardLink as _, Counter, MakeUp, OpenRide, Tap, TapEnd, TapOutcome, TapPost, Task,
    Ticket, Way,
};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, T0, audit, bus, gate, long_line, profile, segmented};

/// One flow: a card on which it is possible, and the terminal where it happens.
struct Flow {
    name: &'static str,
    rider: Rider,
    post: Post,
    task: Task,
    /// Money loaded at the beginning.
    loaded: i64,
    /// Terminals that recorded rides of this card before.
    earlier: Vec<Post>,
}

fn at(minutes: i64) -> Timestamp {
    T0.plus_s(minutes * 60)
}

/// When the torn tap happens.
fn then() -> Timestamp {
    at(30)
}

fn fresh() -> Rider {
    Rider::with(&profile(0x17, Algorithm::Tdes), 5_000)
}

fn flow(name: &'static str, rider: Rider, post: Post, earlier: Vec<Post>) -> Flow {
    Flow {
        name,
        rider,
        post,
        task: Task::Ride,
        loaded: 5_000,
        earlier,
    }
}

fn long_bus(number: u8, stop: u8, vehicle: u8) -> Post {
    let mut post = Post::new(number, segmented(stop, vehicle));
    post.tariff = long_line();
    post.profile.rules.open_ride = OpenRide::Settle;
    post.started()
}

fn single() -> Flow {
    flow("single", fresh(), Post::new(1, bus()), Vec::new())
}

fn single_with_trip() -> Flow {
    let TapPost::Single(mut post) = bus() else {
        unreachable!()
    };
    post.leaves_trip = true;
    flow(
        "single with trip",
        fresh(),
        Post::new(1, TapPost::Single(post)),
        Vec::new(),
    )
}

fn entry() -> Flow {
    flow(
        "entry",
        fresh(),
        Post::new(1, gate("0101", Way::Entry)),
        Vec::new(),
    )
}

fn exit() -> Flow {
    let mut rider = fresh();
    let mut before = Post::new(7, gate("0101", Way::Entry));
    before.tap(&mut rider, at(0));
    flow(
        "exit",
        rider,
        Post::new(1, gate("0116", Way::Exit)),
        vec![before],
    )
}

fn boarding() -> Flow {
    flow("boarding", fresh(), long_bus(1, 1, 7), Vec::new())
}

fn alighting() -> Flow {
    let mut rider = fresh();
    let mut post = long_bus(1, 1, 7);
    post.tap(&mut rider, at(0));
    post.terminal.stand_at(segmented(3, 7));
    post.profile.post = segmented(3, 7);
    flow("alighting", rider, post, Vec::new())
}

fn arrears() -> Flow {
    let mut rider = fresh();
    let mut before = long_bus(7, 1, 9);
    before.tap(&mut rider, at(0));
    flow("arrears", rider, long_bus(1, 1, 7), vec![before])
}

fn make_up() -> Flow {
    let mut rider = fresh();
    let mut before = Post::new(7, gate("0101", Way::Entry));
    before.tap(&mut rider, at(0));
    let counter = TapPost::Counter(Counter {
        network: "METRO".parse().unwrap(),
        station: "0109".parse().unwrap(),
        card_line: 1,
    });
    let claim = MakeUp::CloseRail {
        amount: Some(Amount::new(400)),
    };
    Flow {
        task: Task::MakeUp(claim),
        ..flow("make-up", rider, Post::new(1, counter), vec![before])
    }
}

fn flows() -> Vec<Flow> {
    vec![
        single(),
        single_with_trip(),
        entry(),
        exit(),
        boarding(),
        alighting(),
        arrears(),
        make_up(),
    ]
}

impl Flow {
    /// Bytes that go over the line in the whole tap.
    fn bytes(&self) -> usize {
        let (mut rider, mut post) = (self.rider.clone(), self.post.clone());
        rider.present();
        let end = post.tap_on(&mut rider, then(), self.task);
        assert!(
            matches!(end.outcome, TapOutcome::Accepted(_)),
            "{}: {end:?}",
            self.name
        );
        rider.log.iter().map(|(c, a)| c.len() + a.len()).sum()
    }

    /// The tap on a line that breaks after so many bytes.
    fn torn_after(&self, bytes: usize) -> (Rider, Post, TapEnd) {
        let (mut rider, mut post) = (self.rider.clone(), self.post.clone());
        rider.present();
        rider.line = Line::breaking_after(bytes);
        let end = post.tap_on(&mut rider, then(), self.task);
        (rider, post, end)
    }

    /// A terminal of the same kind with another module.
    fn other(&self) -> Post {
        let mut other = self.post.clone();
        other.psam.identity = super::fixture::TestPsam::new(2).identity;
        other.store = crate::fixture::MemoryStore::default();
        other.started()
    }

    fn come_back(&self, rider: &mut Rider, post: &mut Post, seconds: i64) -> TapEnd {
        rider.present();
        post.tap_on(rider, then().plus_s(seconds), self.task)
    }

    fn audit(&self, what: &str, rider: &mut Rider, posts: &mut [&mut Post]) {
        let what = format!("{}: {what}", self.name);
        let mut earlier = self.earlier.clone();
        let mut all: Vec<_> = posts.iter_mut().map(|post| &mut **post).collect();
        all.extend(&mut earlier);
        audit(&what, rider, self.loaded, &mut all, at(60));
    }

    /// How many rides the card has paid since this flow began; vouching is none.
    fn rides(&self, rider: &mut Rider, posts: &[&Post]) -> usize {
        let before = self.rider.clone().debits().len();
        let vouching: Vec<u16> = posts
            .iter()
            .flat_map(|post| post.records())
            .filter(|record| record.stage == Stage::None)
            .map(|record| record.sequence + 1)
            .collect();
        let debits = rider.debits();
        let new = debits.iter().skip(before);
        new.filter(|d| !vouching.contains(&d.sequence)).count()
    }
}

/// Whether a torn tap left the card as it was before, in doubt, or done.
const fn is_done(end: &TapEnd) -> bool {
    matches!(end.outcome, TapOutcome::Accepted(_))
}

#[test]
fn torn_at_every_byte_and_back_at_the_same_terminal_pays_once() {
    for flow in flows() {
        let whole = flow.bytes();
        let mut in_doubt = 0;
        for bytes in 0..whole {
            let what = format!("torn after {bytes} of {whole} bytes");
            let (mut rider, mut post, end) = flow.torn_after(bytes);
            assert!(!is_done(&end), "{}: {what}", flow.name);
            in_doubt += usize::from(post.terminal.open_intents() > 0);
            let end = flow.come_back(&mut rider, &mut post, 5);
            assert!(
                matches!(
                    end.outcome,
                    TapOutcome::Accepted(_) | TapOutcome::Recovered(_)
                ),
                "{}: {what}: {end:?}",
                flow.name
            );
            flow.audit(&what, &mut rider, &mut [&mut post]);
            assert_eq!(flow.rides(&mut rider, &[&post]), 1, "{}: {what}", flow.name);
        }
        // DEBIT is 21 bytes, its answer 10.
        assert_eq!(in_doubt, 31, "{}", flow.name);
    }
}

/// Where the line may break around DEBIT, and a few places before it.
fn points(whole: usize) -> Vec<usize> {
    vec![
        13,
        whole / 2,
        whole - 32,
        whole - 31,
        whole - 12,
        whole - 10,
        whole - 9,
        whole - 1,
    ]
}

#[test]
fn torn_and_back_after_another_rider_or_a_restart_pays_once() {
    for flow in flows() {
        for bytes in points(flow.bytes()) {
            for restart in [false, true] {
                let what = format!("torn after {bytes}, restart {restart}");
                let (mut rider, mut post, _) = flow.torn_after(bytes);
                if restart {
                    post.restart();
                } else {
                    let mut other = Rider::with(&profile(0x18, Algorithm::Tdes), 5_000);
                    other.present();
                    let _ = post.tap_on(&mut other, then().plus_s(2), Task::Ride);
                }
                let end = flow.come_back(&mut rider, &mut post, 10);
                assert!(
                    end.outcome.ride().is_some(),
                    "{}: {what}: {end:?}",
                    flow.name
                );
                flow.audit(&what, &mut rider, &mut [&mut post]);
                assert_eq!(flow.rides(&mut rider, &[&post]), 1, "{}: {what}", flow.name);
            }
        }
    }
}

#[test]
fn torn_and_back_at_another_terminal_pays_once_with_a_board_and_refundably_without() {
    for flow in flows() {
        for bytes in points(flow.bytes()) {
            for board in [false, true] {
                let what = format!("torn after {bytes}, board {board}");
                let (mut rider, mut post, end) = flow.torn_after(bytes);
                let mut other = flow.other();
                if board {
                    other.note(&end.notices, then());
                }
                let end = flow.come_back(&mut rider, &mut other, 10);
                if board {
                    assert!(
                        end.outcome.ride().is_some(),
                        "{}: {what}: {end:?}",
                        flow.name
                    );
                    post.note(&end.notices, then());
                    assert_eq!(post.terminal.open_intents(), 0, "{}: {what}", flow.name);
                    assert!(post.records().is_empty() || flow.name == "alighting");
                }
                flow.audit(&what, &mut rider, &mut [&mut post, &mut other]);
                let rides = flow.rides(&mut rider, &[&post, &other]);
                if board {
                    assert_eq!(rides, 1, "{}: {what}", flow.name);
                } else if rides == 2 {
                    // Both within the window, and one of them grey: the back office refunds it.
                    let grey = post.records().iter().any(|r| r.recovery == Recovery::Grey);
                    assert!(grey, "{}: {what}", flow.name);
                } else {
                    assert!(rides <= 1, "{}: {what}", flow.name);
                }
            }
        }
    }
}

#[test]
fn torn_and_never_back_is_a_grey_record_that_the_next_number_resolves() {
    for flow in flows() {
        for bytes in points(flow.bytes()) {
            let (mut rider, mut post, _) = flow.torn_after(bytes);
            post.restart();
            flow.audit(
                &format!("never back after {bytes}"),
                &mut rider,
                &mut [&mut post],
            );
        }
    }
}

#[test]
fn torn_twice_at_any_byte_of_the_recovery_pays_once() {
    for flow in [single(), entry()] {
        let whole = flow.bytes();
        for (first, restart) in [(whole - 12, false), (whole - 4, false), (whole - 4, true)] {
            let (rider, post, _) = flow.torn_after(first);
            let ready = |rider: &Rider, post: &Post| {
                let (rider, mut post) = (rider.clone(), post.clone());
                if restart {
                    post.restart();
                }
                (rider, post)
            };
            let (mut whole_rider, mut whole_post) = ready(&rider, &post);
            flow.come_back(&mut whole_rider, &mut whole_post, 5);
            let log = &whole_rider.log;
            let recovery: usize = log.iter().map(|(c, a)| c.len() + a.len()).sum();
            for second in 0..recovery {
                let what = format!("torn after {first}, restart {restart}, then after {second}");
                let (mut rider, mut post) = ready(&rider, &post);
                rider.present();
                rider.line = Line::breaking_after(second);
                let end = post.tap_on(&mut rider, then().plus_s(5), Task::Ride);
                assert!(
                    matches!(end.outcome, TapOutcome::Torn { .. }),
                    "{what}: {end:?}"
                );
                let end = flow.come_back(&mut rider, &mut post, 10);
                assert!(
                    end.outcome.ride().is_some(),
                    "{}: {what}: {end:?}",
                    flow.name
                );
                flow.audit(&what, &mut rider, &mut [&mut post]);
                assert_eq!(flow.rides(&mut rider, &[&post]), 1, "{}: {what}", flow.name);
            }
        }
    }
}

/// Runs a tap until its question number `stop`, which is carried out or not, and then the
/// terminal loses its power. Whether the tap had that many questions.
pub(super) fn cut(
    rider: &mut Rider,
    post: &mut Post,
    now: Timestamp,
    task: Task,
    stop: usize,
    done: bool,
) -> bool {
    rider.present();
    let mut tap = Tap::begin(post.circumstances(now, task));
    let mut answer = Answer::Begin;
    for asked in 0.. {
        let (next, ask) = tap.handle(&mut post.terminal, answer);
        tap = next;
        if matches!(ask, Ask::Done(_)) {
            return false;
        }
        if asked == stop && !done {
            break;
        }
        answer = match ask {
            Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
            Ask::Psam(request) => Answer::Psam(post.psam.ask(&request)),
            Ask::KeepIntent { id, intent } => Answer::Kept(post.store.keep_intent(id, &intent)),
            Ask::DropIntent { id } => Answer::Kept(post.store.drop_intent(id)),
            Ask::Append { record, closes } => Answer::Appended(match closes {
                Some(intent) => post.store.append_closing(&record, intent),
                None => post.store.append(&record),
            }),
            Ask::Done(_) => unreachable!("seen above"),
        };
        if asked == stop {
            break;
        }
    }
    post.restart();
    true
}

#[test]
fn a_power_cut_at_every_question_and_back_pays_once() {
    for flow in flows() {
        for stop in 0.. {
            let mut there = true;
            for done in [false, true] {
                let what = format!("cut at question {stop}, done {done}");
                let (mut rider, mut post) = (flow.rider.clone(), flow.post.clone());
                there = cut(&mut rider, &mut post, then(), flow.task, stop, done);
                let end = flow.come_back(&mut rider, &mut post, 10);
                if there {
                    assert!(
                        end.outcome.ride().is_some(),
                        "{}: {what}: {end:?}",
                        flow.name
                    );
                    assert_eq!(flow.rides(&mut rider, &[&post]), 1, "{}: {what}", flow.name);
                }
                flow.audit(&what, &mut rider, &mut [&mut post]);
            }
            if !there {
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_at_every_question_of_a_recovery_and_back_pays_once() {
    let flow = single();
    let torn = flow.torn_after(flow.bytes() - 4);
    for stop in 0.. {
        let mut there = true;
        for done in [false, true] {
            let (mut rider, mut post) = (torn.0.clone(), torn.1.clone());
            post.restart();
            there = cut(
                &mut rider,
                &mut post,
                then().plus_s(5),
                flow.task,
                stop,
                done,
            );
            let end = flow.come_back(&mut rider, &mut post, 10);
            let what = format!("cut at question {stop}, done {done}");
            if there {
                assert!(end.outcome.ride().is_some(), "{what}: {end:?}");
                assert_eq!(flow.rides(&mut rider, &[&post]), 1, "{what}");
            }
            flow.audit(&what, &mut rider, &mut [&mut post]);
        }
        if !there {
            assert!(stop > 8, "a recovery with vouching asks more than {stop}");
            break;
        }
    }
}

#[test]
fn the_second_ticket_torn_at_every_byte_loses_one_ride_of_its_count() {
    let mut made = profile(0x17, Algorithm::Tdes);
    made.ticket = Some((3, 60));
    made.indexes[1] = KeyIndex {
        wallet: Wallet::Ticket,
        ..KeyIndex::purse(2, Algorithm::Tdes, 1)
    };
    let post = Post::new(1, bus()).changed(|profile, _| {
        profile.rules.ticket = Some(Ticket {
            key_index: 2,
            units: Amount::new(1),
        });
    });
    let flow = flow("ticket", Rider::with(&made, 5_000), post, Vec::new());
    for bytes in 0..flow.bytes() {
        let (mut rider, mut post, _) = flow.torn_after(bytes);
        let end = flow.come_back(&mut rider, &mut post, 5);
        let ride = end
            .outcome
            .ride()
            .unwrap_or_else(|| panic!("{bytes}: {end:?}"));
        assert_eq!(
            (ride.record.kind, ride.record.after.fen().get()),
            (RecordKind::Ticket, 2)
        );
        assert_eq!(rider.balance(), 5_000);
        let keys: Vec<_> = post.records().iter().map(|r| r.sequence).collect();
        assert_eq!(keys, [0], "{bytes}");
    }
}
