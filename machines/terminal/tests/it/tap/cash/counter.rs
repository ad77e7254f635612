//! Make-up (补登、补票) of an e-cash at a counter: missed exits and entries, buses left untapped.

use tongtu_crypto::Algorithm;
use tongtu_purse::field::Amount;
use tongtu_tap_record::{RecordKind, Stage};
use tongtu_terminal::tap::{Counter, MakeUp, Refusal, Say, TapEnd, TapOutcome, TapPost, Task, Way};
use tongtu_testkit::tear::Line;

use super::fixture::{BOTH, CashPost, audit, is_earned, rider, seen};
use crate::tap::card::Rider;
use crate::tap::fixture::{Post, T0, bus, gate, long_line, segmented};

fn counter() -> CashPost {
    CashPost::new(
        3,
        TapPost::Counter(Counter {
            network: "METRO".parse().unwrap(),
            station: "0109".parse().unwrap(),
            card_line: 1,
        }),
    )
}

fn makes_up(pos: &mut CashPost, rider: &mut Rider, minutes: i64, what: MakeUp) -> TapEnd {
    rider.present();
    let at = T0.plus_s(minutes * 60);
    pos.post.tap_on(rider, at, Task::MakeUp(what))
}

const CLOSED: MakeUp = MakeUp::CloseRail {
    amount: Some(Amount::new(400)),
};

#[test]
fn a_missed_exit_is_paid_at_the_counter_once_and_the_card_enters_again() {
    for algorithm in BOTH {
        let mut rider = rider(algorithm);
        let mut entry = CashPost::new(1, gate("0101", Way::Entry));
        entry.tap(&mut rider, T0);
        let mut pos = counter();
        let end = makes_up(&mut pos, &mut rider, 30, CLOSED);
        assert_eq!(end.prompt.say, Say::MadeUp, "{end:?}");
        assert!(is_earned(&pos, algorithm, &end.outcome));
        let record = &end.outcome.ride().unwrap().record;
        assert_eq!(
            (record.kind, record.stage, record.amount),
            (RecordKind::Cash, Stage::Closing, Amount::new(400))
        );
        assert_eq!(record.penalty, Amount::new(400));
        let again = makes_up(&mut pos, &mut rider, 40, CLOSED);
        let nothing = TapOutcome::Refused(Refusal::NothingToMakeUp);
        assert_eq!(again.outcome, nothing);
        assert_eq!(seen(&mut rider).0, 10_000 - 400);
        let mut next = CashPost::new(2, gate("0116", Way::Entry));
        let end = next.tap(&mut rider, T0.plus_s(3_600));
        assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        let mut posts = [&mut entry, &mut pos, &mut next];
        audit("closed", algorithm, &mut rider, &mut posts, T0);
    }
}

#[test]
fn a_missed_entry_is_written_at_the_counter_and_the_exit_pays_from_there() {
    let mut rider = rider(Algorithm::Sm4);
    let mut pos = counter();
    let written = MakeUp::WriteEntry {
        station: "0101".parse().unwrap(),
        penalty: Amount::ZERO,
    };
    let end = makes_up(&mut pos, &mut rider, 0, written);
    assert_eq!(end.prompt.say, Say::MadeUp, "{end:?}");
    let twice = makes_up(&mut pos, &mut rider, 5, written);
    assert_eq!(twice.outcome, TapOutcome::Refused(Refusal::AlreadyInside));
    let renewed = MakeUp::RenewEntry {
        penalty: Amount::new(100),
    };
    let end = makes_up(&mut pos, &mut rider, 10, renewed);
    assert_eq!(end.outcome.ride().unwrap().record.stage, Stage::Renewal);
    let mut exit = CashPost::new(2, gate("0116", Way::Exit));
    let end = exit.tap(&mut rider, T0.plus_s(1_800));
    let fare = end.outcome.ride().unwrap().record.amount;
    assert!(fare > Amount::ZERO, "{end:?}");
    let mut posts = [&mut pos, &mut exit];
    audit("written", Algorithm::Sm4, &mut rider, &mut posts, T0);
}

#[test]
fn a_bus_left_without_alighting_is_closed_at_the_counter() {
    let mut rider = rider(Algorithm::Tdes);
    let mut post = Post::new(1, segmented(1, 7));
    post.tariff = long_line();
    let mut bus = CashPost::of(post.started());
    let end = bus.tap(&mut rider, T0);
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    let mut pos = counter();
    let closed = MakeUp::CloseBus {
        amount: Some(Amount::new(300)),
    };
    let end = makes_up(&mut pos, &mut rider, 60, closed);
    assert_eq!(end.prompt.say, Say::MadeUp, "{end:?}");
    let again = makes_up(&mut pos, &mut rider, 65, closed);
    let nothing = TapOutcome::Refused(Refusal::NothingToMakeUp);
    assert_eq!(again.outcome, nothing);
    let mut posts = [&mut bus, &mut pos];
    audit("bus", Algorithm::Tdes, &mut rider, &mut posts, T0);
}

#[test]
fn a_make_up_torn_at_any_byte_of_the_last_answers_is_paid_once() {
    let mut rider = rider(Algorithm::Tdes);
    let mut entry = CashPost::new(1, gate("0101", Way::Entry));
    entry.tap(&mut rider, T0);
    let pos = counter();
    let (mut whole, mut aside) = (rider.clone(), pos.clone());
    makes_up(&mut aside, &mut whole, 30, CLOSED);
    let bytes: usize = whole.log.iter().map(|(c, a)| c.len() + a.len()).sum();
    for at in (bytes - 60)..bytes {
        let (mut rider, mut pos, mut entry) = (rider.clone(), pos.clone(), entry.clone());
        rider.present();
        rider.line = Line::breaking_after(at);
        let moment = T0.plus_s(1_800);
        let end = pos.post.tap_on(&mut rider, moment, Task::MakeUp(CLOSED));
        assert!(end.outcome.ride().is_none(), "{at}: {end:?}");
        let end = makes_up(&mut pos, &mut rider, 31, CLOSED);
        assert!(end.outcome.ride().is_some(), "{at}: {end:?}");
        assert_eq!(seen(&mut rider).0, 10_000 - 400, "{at}");
        let what = format!("torn after {at}");
        let mut posts = [&mut entry, &mut pos];
        audit(&what, Algorithm::Tdes, &mut rider, &mut posts, moment);
    }
}

#[test]
fn a_counter_takes_no_rides_and_a_bus_makes_nothing_up() {
    let mut rider = rider(Algorithm::Tdes);
    rider.present();
    let end = counter().post.tap_on(&mut rider, T0, Task::Ride);
    assert!(matches!(end.outcome, TapOutcome::Refused(_)), "{end:?}");
    let end = makes_up(&mut CashPost::new(1, bus()), &mut rider, 1, CLOSED);
    assert!(matches!(end.outcome, TapOutcome::Refused(_)), "{end:?}");
    assert_eq!(seen(&mut rider), (10_000, Vec::new()));
}
