//! The power fails after a ride's record is durable and before its rider is told: who lets her on,
//! once, and what is noted when nobody does.

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_psam::PsamFault;
use tongtu_purse::field::{Amount, Serial};
use tongtu_tap_record::{RecordKind, Recovery, TapRecord, Version};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    GroupNotice, Refusal, Rules, Settlement, TapEnd, TapOutcome, Task, Unverified, Way, drive,
};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, T0, audit, bus, gate, profile};
use super::recovery::tear_unpaid;

fn rider() -> Rider {
    Rider::with(&profile(0x17, Algorithm::Tdes), 5_000)
}

fn setting() -> (Rider, Post, Post) {
    (rider(), Post::new(1, bus()), Post::new(2, bus()))
}

/// A whole tap; the power fails before anybody beeps, and comes back.
pub(crate) fn dark(post: &mut Post, rider: &mut Rider, now: Timestamp) -> TapEnd {
    rider.present();
    let circumstances = post.circumstances(now, Task::Ride);
    let (terminal, psam) = (&mut post.terminal, &mut post.psam);
    let end = drive(terminal, circumstances, rider, psam, &mut post.store);
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    post.restart();
    end
}

fn untold(post: &Post) -> Vec<TapRecord> {
    let mut records = post.records();
    records.retain(|record| record.recovery == Recovery::Untold);
    records
}

fn is_charged(end: &TapEnd) -> bool {
    matches!(end.outcome, TapOutcome::Accepted(_))
}

#[test]
fn the_reader_beside_lets_her_on_without_a_charge_or_a_record_of_the_ride() {
    let (mut rider, mut first, mut second) = setting();
    let paid = dark(&mut first, &mut rider, T0);
    let torn = first.terminal.torn();
    assert!(
        matches!(&torn[..], [GroupNotice::Untold { number: None, .. }]),
        "{torn:?}"
    );
    second.note(&torn, T0.plus_s(5));
    let end = second.tap(&mut rider, T0.plus_s(8));
    let TapOutcome::Recovered(ride) = &end.outcome else {
        panic!("{end:?}")
    };
    assert_eq!(
        (ride.seq, &ride.record),
        (0, &paid.outcome.ride().unwrap().record)
    );
    assert_eq!(rider.balance(), 4_800);
    let records = second.records();
    let [vouched] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(
        (vouched.recovery, vouched.amount),
        (Recovery::Vouch, Amount::ZERO)
    );
    let how = Settlement::LetOn;
    assert!(
        end.notices
            .iter()
            .any(|notice| matches!(notice, GroupNotice::Settled { how: h, .. } if *h == how))
    );
    // The first hears of it: nobody is let on there, and nothing is noted.
    first.note(&end.notices, T0.plus_s(8));
    assert!(first.terminal.torn().is_empty());
    let again = first.tap(&mut rider, T0.plus_s(15));
    assert!(is_charged(&again), "another ride: {again:?}");
    assert_eq!(rider.balance(), 4_600);
    first.close(T0.plus_s(500)).unwrap();
    assert!(untold(&first).is_empty());
    let mut posts = [&mut first, &mut second];
    audit("beside", &mut rider, 5_000, &mut posts, T0);
}

#[test]
fn a_ride_lets_on_once_in_the_group_whatever_comes_late() {
    let (mut rider, mut first, mut second) = setting();
    let mut third = Post::new(3, bus());
    dark(&mut first, &mut rider, T0);
    let torn = first.terminal.torn();
    second.note(&torn, T0.plus_s(5));
    let end = second.tap(&mut rider, T0.plus_s(8));
    first.note(&end.notices, T0.plus_s(8));
    third.note(&end.notices, T0.plus_s(8));
    // The notice comes again, and to a terminal that it had not reached.
    second.note(&torn, T0.plus_s(9));
    third.note(&torn, T0.plus_s(9));
    let mut friend = third.clone();
    let end = friend.tap(&mut rider.clone(), T0.plus_s(20));
    assert!(is_charged(&end), "{end:?}");
    let end = second.tap(&mut rider.clone(), T0.plus_s(20));
    assert!(is_charged(&end), "{end:?}");
    // Nor after another restart of the first.
    first.restart();
    assert!(first.terminal.torn().is_empty());
    let end = first.tap(&mut rider.clone(), T0.plus_s(20));
    assert!(is_charged(&end), "{end:?}");
    first.close(T0.plus_s(500)).unwrap();
    assert!(untold(&first).is_empty());
}

#[test]
fn a_rider_who_comes_back_to_the_first_is_let_on_there_and_nowhere_else() {
    let (mut rider, mut first, mut second) = setting();
    dark(&mut first, &mut rider, T0);
    let torn = first.terminal.torn();
    second.note(&torn, T0.plus_s(5));
    let end = first.tap(&mut rider, T0.plus_s(8));
    assert!(matches!(end.outcome, TapOutcome::Reopened(_)), "{end:?}");
    second.note(&end.notices, T0.plus_s(8));
    // The card still has the proof; a notice that comes once more lets nobody on.
    second.note(&torn, T0.plus_s(9));
    let end = second.tap(&mut rider, T0.plus_s(20));
    assert!(is_charged(&end), "{end:?}");
    first.close(T0.plus_s(500)).unwrap();
    assert!(untold(&first).is_empty());
    first.restart();
    assert!(first.terminal.torn().is_empty());
}

#[test]
fn a_gate_beside_lets_in_who_paid_nothing_yet_and_the_first_opens_no_second_time() {
    let entry = || gate("0101", Way::Entry);
    let (mut rider, mut first, mut second) =
        (rider(), Post::new(1, entry()), Post::new(2, entry()));
    dark(&mut first, &mut rider, T0);
    let mut unheard = second.clone();
    let end = unheard.tap(&mut rider.clone(), T0.plus_s(8));
    assert_eq!(end.outcome, TapOutcome::Refused(Refusal::AlreadyInside));
    second.note(&first.terminal.torn(), T0.plus_s(5));
    let end = second.tap(&mut rider, T0.plus_s(8));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    first.note(&end.notices, T0.plus_s(8));
    let end = first.tap(&mut rider, T0.plus_s(16));
    assert_eq!(end.outcome, TapOutcome::Refused(Refusal::AlreadyInside));
    // An entry moved no money, so that nothing is noted of it either way.
    first.close(T0.plus_s(500)).unwrap();
    assert!(untold(&first).is_empty());
}

#[test]
fn what_nobody_came_back_for_is_noted_once_and_then_lets_nobody_on() {
    let (mut rider, mut first, mut second) = setting();
    let paid = dark(&mut first, &mut rider, T0);
    let paid = paid.outcome.ride().unwrap();
    assert_eq!(first.close(T0.plus_s(120)).unwrap(), []);
    assert_eq!(first.terminal.needed_from(), Some(1));
    assert_eq!(first.close(T0.plus_s(121)).unwrap(), [2]);
    let noted = untold(&first);
    let [record] = &noted[..] else {
        panic!("{noted:?}")
    };
    assert_eq!((record.version, record.check()), (Version::Two, Ok(())));
    assert_eq!(record.ride_key(), paid.record.ride_key());
    assert_eq!(record.recorded_at.instant(), Some(T0.plus_s(121)));
    for _ in 0..2 {
        assert_eq!(first.close(T0.plus_s(900)).unwrap(), []);
        assert!(first.terminal.torn().is_empty());
        first.restart();
    }
    // A notice that was under way for so long lets nobody on.
    let notice = GroupNotice::Untold {
        record: paid.record.clone().into(),
        number: None,
    };
    second.note(&[notice], T0.plus_s(122));
    let end = second.tap(&mut rider, T0.plus_s(123));
    assert!(is_charged(&end), "{end:?}");
    let end = first.tap(&mut rider, T0.plus_s(130));
    assert!(is_charged(&end), "{end:?}");
    let mut posts = [&mut first, &mut second];
    audit("noted", &mut rider, 5_000, &mut posts, T0);
}

#[test]
fn a_ride_that_was_told_is_announced_and_noted_by_nobody() {
    let (mut rider, mut first, _) = setting();
    first.tap(&mut rider, T0);
    first.restart();
    assert!(first.terminal.torn().is_empty());
    assert_eq!(first.close(T0.plus_s(500)).unwrap(), []);
}

/// The note is written at the next chance, even if the terminal was without power for days and the
/// ride is no longer among the newest.
#[test]
fn a_terminal_that_was_off_for_long_notes_it_when_it_begins() {
    let (mut rider, mut first, _) = setting();
    dark(&mut first, &mut rider, T0);
    let mut others: Vec<Rider> = (0x20..0x50)
        .map(|last| Rider::with(&profile(last, Algorithm::Tdes), 5_000))
        .collect();
    for (other, n) in others.iter_mut().zip(1..) {
        first.tap(other, T0.plus_s(n * 4));
    }
    first.restart();
    assert_eq!(first.close(T0.plus_s(86_400)).unwrap().len(), 1);
    assert_eq!(untold(&first)[0].serial, rider.profile.public.serial);
}

#[test]
fn whoever_never_marks_what_was_told_notes_only_the_last_two_minutes() {
    let mut post = Post::new(1, bus());
    for (last, n) in (0x20..0x26).zip(0..) {
        let mut other = Rider::with(&profile(last, Algorithm::Tdes), 5_000);
        dark(&mut post, &mut other, T0.plus_s(n * 50));
    }
    assert_eq!(post.close(T0.plus_s(86_400)).unwrap().len(), 3);
}

#[test]
fn what_the_acquirer_has_already_is_not_noted() {
    let (mut rider, mut first, _) = setting();
    dark(&mut first, &mut rider, T0);
    first.store.acknowledge(&[1]).unwrap();
    first.restart();
    assert_eq!(first.close(T0.plus_s(500)).unwrap(), []);
}

#[test]
fn a_full_store_notes_it_when_there_is_room() {
    let (mut rider, mut first, _) = setting();
    dark(&mut first, &mut rider, T0);
    first.store.max = 1;
    assert!(first.close(T0.plus_s(500)).is_err());
    first.store.max = 10;
    assert_eq!(first.close(T0.plus_s(600)).unwrap(), [2]);
}

#[test]
fn a_notice_that_the_card_does_not_prove_lets_nobody_on() {
    let (mut rider, mut first, second) = setting();
    let paid = dark(&mut first, &mut rider, T0);
    let record = &paid.outcome.ride().unwrap().record;
    let forged = |change: &dyn Fn(&mut TapRecord)| {
        let mut record = record.clone();
        change(&mut record);
        let record = record.into();
        [GroupNotice::Untold {
            record,
            number: None,
        }]
    };
    let changes: [&dyn Fn(&mut TapRecord); 7] = [
        &|r| r.amount = Amount::new(1),
        &|r| r.mac2_code[0] ^= 1,
        &|r| r.tac[3] ^= 1,
        &|r| r.terminal.0[5] ^= 1,
        &|r| r.sequence += 1,
        &|r| r.recovery = Recovery::Grey,
        &|r| r.kind = RecordKind::Lock,
    ];
    for (n, change) in changes.iter().enumerate() {
        let mut second = second.clone();
        second.note(&forged(change), T0.plus_s(3));
        let end = second.tap(&mut rider.clone(), T0.plus_s(8));
        assert!(is_charged(&end), "{n}: {end:?}");
    }
    // A card that never paid.
    let mut other = Rider::with(&profile(0x18, Algorithm::Tdes), 5_000);
    let serial = other.profile.public.serial;
    let mut second = second;
    second.note(&forged(&|r| r.serial = serial), T0.plus_s(3));
    let end = second.tap(&mut other, T0.plus_s(8));
    assert!(is_charged(&end), "{end:?}");
}

#[test]
fn a_terminal_that_believes_its_own_module_alone_sends_her_to_the_staff() {
    let rules = Rules {
        unverified: Unverified::Refuse,
        ..Rules::default()
    };
    let (mut rider, mut first, _) = setting();
    let mut second = Post::with_rules(2, bus(), rules);
    dark(&mut first, &mut rider, T0);
    second.note(&first.terminal.torn(), T0.plus_s(3));
    let end = second.tap(&mut rider, T0.plus_s(8));
    assert_eq!(end.outcome, TapOutcome::Refused(Refusal::Unverified));
    assert_eq!(rider.balance(), 4_800);
}

#[test]
fn torn_at_any_byte_beside_she_is_let_on_with_the_next_tap() {
    let (mut rider, mut first, mut second) = setting();
    dark(&mut first, &mut rider, T0);
    second.note(&first.terminal.torn(), T0.plus_s(3));
    let bytes = {
        let (mut rider, mut second) = (rider.clone(), second.clone());
        second.tap(&mut rider, T0.plus_s(8));
        rider.log.iter().map(|(c, a)| c.len() + a.len()).sum()
    };
    for at in 0..bytes {
        let (mut rider, mut second, mut first) = (rider.clone(), second.clone(), first.clone());
        rider.present();
        rider.line = Line::breaking_after(at);
        let end = second.tap_on(&mut rider, T0.plus_s(8), Task::Ride);
        assert!(end.outcome.ride().is_none(), "{at}: {end:?}");
        first.note(&end.notices, T0.plus_s(8));
        let end = second.tap(&mut rider, T0.plus_s(12));
        assert!(
            matches!(end.outcome, TapOutcome::Recovered(_)),
            "{at}: {end:?}"
        );
        first.note(&end.notices, T0.plus_s(12));
        assert_eq!(rider.balance(), 4_800, "{at}");
        first.close(T0.plus_s(500)).unwrap();
        assert!(untold(&first).is_empty(), "{at}");
        let mut posts = [&mut first, &mut second];
        audit("torn beside", &mut rider, 5_000, &mut posts, T0);
    }
}

/// No power need fail: the module did, between the card's answer and MAC2.
#[test]
fn a_rider_whose_terminal_lost_its_module_is_let_on_beside_or_noted() {
    let (mut rider, mut first, mut second) = setting();
    first.psam.fails_credit = Some(PsamFault::Absent);
    let end = first.tap(&mut rider, T0);
    assert!(
        matches!(end.outcome, TapOutcome::OutOfService(_)),
        "{end:?}"
    );
    assert!(matches!(&end.notices[..], [GroupNotice::Untold { .. }]));
    let (mut unheard, mut alone) = (rider.clone(), first.clone());
    second.note(&end.notices, T0.plus_s(3));
    let end = second.tap(&mut rider, T0.plus_s(8));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    assert_eq!(rider.balance(), 4_800);
    first.note(&end.notices, T0.plus_s(8));
    assert_eq!(first.close(T0.plus_s(500)).unwrap(), []);
    // Nothing was heard: charged, and the first notes that nobody was told.
    let end = Post::new(2, bus()).tap(&mut unheard, T0.plus_s(8));
    assert!(is_charged(&end), "{end:?}");
    assert_eq!(alone.close(T0.plus_s(500)).unwrap(), [2]);
    assert_eq!(untold(&alone).len(), 1);
}

/// What another terminal was asked later covers the older notice, whichever comes first.
#[test]
fn a_later_tear_is_not_covered_by_an_older_ride() {
    for is_late in [false, true] {
        let (mut rider, mut first, mut second) = setting();
        let mut third = Post::new(3, bus());
        dark(&mut first, &mut rider, T0);
        let untold = first.terminal.torn();
        let torn = tear_unpaid(&mut third, &mut rider, T0.plus_s(4));
        let notices = [&untold[..], &torn.notices];
        let order = if is_late { [1, 0] } else { [0, 1] };
        for at in order {
            second.note(notices[at], T0.plus_s(6));
        }
        let end = second.tap(&mut rider, T0.plus_s(8));
        assert!(is_charged(&end), "{end:?}");
        let not = Settlement::NotCommitted;
        assert!(
            end.notices
                .iter()
                .any(|n| matches!(n, GroupNotice::Settled { how, .. } if *how == not)),
            "the third's intent is settled: {end:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_untold_ride_travels_with_its_number_and_a_cut_or_changed_one_shows(
        number: Option<[u8; 10]>, sequence: u16, at in 0..319usize, bit in 0..8u8,
    ) {
        let (mut rider, mut first, _) = setting();
        dark(&mut first, &mut rider, T0);
        let torn = first.terminal.torn();
        let [GroupNotice::Untold { record, .. }] = &torn[..] else {
            unreachable!("an untold ride is announced");
        };
        let mut record = record.clone();
        record.sequence = sequence;
        let notice = GroupNotice::Untold { record, number: number.map(Serial) };
        let mut bytes = notice.encode();
        prop_assert_eq!(GroupNotice::decode(&bytes).unwrap(), notice.clone());
        let at = at.min(bytes.len() - 1);
        prop_assert!(GroupNotice::decode(&bytes[..at]).is_err());
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        prop_assert_ne!(GroupNotice::decode(&flipped).ok(), Some(notice));
        bytes.push(0);
        prop_assert!(GroupNotice::decode(&bytes).is_err());
    }
}
