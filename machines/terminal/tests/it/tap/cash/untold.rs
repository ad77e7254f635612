//! The same of an e-cash: its rider was not told before the power failed.

use tongtu_crypto::Algorithm;
use tongtu_tap_record::{Recovery, TapRecord};
use tongtu_terminal::tap::{GroupNotice, TapEnd, TapOutcome, Task, drive};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::fixture::{CashPost, audit, rider, seen};
use crate::tap::card::Rider;
use crate::tap::fixture::{T0, bus};

const BOTH: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

/// A whole tap; the power fails before anybody beeps, and comes back.
fn dark(post: &mut CashPost, rider: &mut Rider, now: Timestamp) -> TapEnd {
    rider.present();
    let circumstances = post.post.circumstances(now, Task::Ride);
    let (terminal, psam) = (&mut post.post.terminal, &mut post.post.psam);
    let end = drive(terminal, circumstances, rider, psam, &mut post.post.store);
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    post.restart();
    end
}

fn setting(algorithm: Algorithm) -> (Rider, CashPost, CashPost) {
    let posts = (CashPost::new(1, bus()), CashPost::new(2, bus()));
    let (mut rider, mut first) = (rider(algorithm), posts.0);
    dark(&mut first, &mut rider, T0);
    (rider, first, posts.1)
}

fn untold(post: &CashPost) -> Vec<TapRecord> {
    let mut records = post.post.records();
    records.retain(|record| record.recovery == Recovery::Untold);
    records
}

fn is_charged(end: &TapEnd) -> bool {
    matches!(end.outcome, TapOutcome::Accepted(_))
}

#[test]
fn the_reader_beside_lets_her_on_without_a_charge_or_any_record_and_once() {
    for algorithm in BOTH {
        let (mut rider, mut first, mut second) = setting(algorithm);
        let mut third = CashPost::new(3, bus());
        let torn = first.post.terminal.torn();
        assert!(matches!(&torn[..], [GroupNotice::Untold { .. }]));
        second.post.note(&torn, T0.plus_s(5));
        let end = second.tap(&mut rider, T0.plus_s(8));
        let TapOutcome::Recovered(ride) = &end.outcome else {
            panic!("{end:?}")
        };
        assert_eq!(ride.seq, 0);
        assert!(second.post.records().is_empty());
        assert_eq!(seen(&mut rider).1.len(), 1, "one payment");
        first.post.note(&end.notices, T0.plus_s(8));
        third.post.note(&end.notices, T0.plus_s(8));
        // Late, to the one that let her on, to one that had not heard, and after another restart of
        // the first.
        second.post.note(&torn, T0.plus_s(9));
        third.post.note(&torn, T0.plus_s(9));
        first.restart();
        assert!(first.post.terminal.torn().is_empty());
        for post in [&mut first, &mut second, &mut third] {
            let end = post.tap(&mut rider.clone(), T0.plus_s(20));
            assert!(is_charged(&end), "{end:?}");
        }
    }
}

#[test]
fn let_on_at_the_first_she_is_let_on_nowhere_else() {
    for algorithm in BOTH {
        let (mut rider, mut first, mut second) = setting(algorithm);
        second.post.note(&first.post.terminal.torn(), T0.plus_s(5));
        let end = first.tap(&mut rider, T0.plus_s(8));
        assert!(matches!(end.outcome, TapOutcome::Reopened(_)), "{end:?}");
        second.post.note(&end.notices, T0.plus_s(8));
        let end = second.tap(&mut rider, T0.plus_s(20));
        assert!(is_charged(&end), "{end:?}");
        first.post.close(T0.plus_s(500)).unwrap();
        assert!(untold(&first).is_empty());
    }
}

#[test]
fn what_nobody_came_back_for_is_noted_once() {
    for algorithm in BOTH {
        let (mut rider, mut first, mut second) = setting(algorithm);
        // Nothing was heard beside.
        let end = second.tap(&mut rider, T0.plus_s(8));
        assert!(is_charged(&end), "{end:?}");
        assert_eq!(first.post.close(T0.plus_s(121)).unwrap(), [2]);
        assert_eq!(first.post.close(T0.plus_s(900)).unwrap(), []);
        first.restart();
        assert_eq!(first.post.close(T0.plus_s(900)).unwrap(), []);
        let noted = untold(&first);
        assert_eq!(noted.len(), 1);
        assert_eq!(noted[0].check(), Ok(()));
        let mut posts = [&mut first, &mut second];
        audit("noted", algorithm, &mut rider, &mut posts, T0);
    }
}

#[test]
fn torn_at_any_byte_beside_she_is_let_on_with_the_next_tap() {
    let (mut rider, first, mut second) = setting(Algorithm::Tdes);
    second.post.note(&first.post.terminal.torn(), T0.plus_s(3));
    let bytes: usize = {
        let (mut rider, mut second) = (rider.clone(), second.clone());
        second.tap(&mut rider, T0.plus_s(8));
        rider.log.iter().map(|(c, a)| c.len() + a.len()).sum()
    };
    for at in (0..bytes).step_by(5) {
        let (mut rider, mut second) = (rider.clone(), second.clone());
        rider.present();
        rider.line = Line::breaking_after(at);
        let end = second.tap_on(&mut rider, T0.plus_s(8));
        assert!(end.outcome.ride().is_none(), "{at}: {end:?}");
        let end = second.tap(&mut rider, T0.plus_s(12));
        assert!(
            matches!(end.outcome, TapOutcome::Recovered(_)),
            "{at}: {end:?}"
        );
        assert_eq!(seen(&mut rider).1.len(), 1, "{at}");
    }
    rider.present();
}

#[test]
fn a_notice_that_the_card_does_not_prove_lets_nobody_on() {
    let (rider, first, second) = setting(Algorithm::Tdes);
    let torn = first.post.terminal.torn();
    let [GroupNotice::Untold { record, .. }] = &torn[..] else {
        panic!("{torn:?}")
    };
    let changes: [&dyn Fn(&mut TapRecord); 3] = [
        &|r| r.own[0] ^= 1,
        &|r| r.sequence += 1,
        // Its signature was never seen whole.
        &|r| r.own[79] = 0,
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut record = record.clone();
        change(&mut record);
        let mut second = second.clone();
        let number = None;
        second
            .post
            .note(&[GroupNotice::Untold { record, number }], T0.plus_s(3));
        let end = second.tap(&mut rider.clone(), T0.plus_s(8));
        assert!(is_charged(&end), "{n}: {end:?}");
    }
}
