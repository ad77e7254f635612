//! A lock whose card or terminal goes away: whatever happens, a locked card has its record.

use tongtu_crypto::Algorithm;
use tongtu_tap_record::{RecordKind, TapRecord};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{CardLink, Lost, Refusal, TapOutcome, Task};
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, T0, bus, profile};
use super::recovery::tear_paid;
use super::tears::cut;

fn later() -> Timestamp {
    T0.plus_s(121)
}

fn rider(algorithm: Algorithm) -> Rider {
    Rider::with(&profile(0x17, algorithm), 5_000)
}

/// A terminal that has this card on its blacklist.
fn post(rider: &Rider) -> Post {
    let serial = rider.profile.public.serial.0;
    Post::new(1, bus()).changed(|_, lists| {
        lists.blacklist.insert(serial);
    })
}

fn is_locked(rider: &mut Rider) -> bool {
    rider.present();
    let aid = rider.profile.aid;
    let select = tongtu_apdu::select::Select::by_name(aid.as_bytes());
    rider.call(&select).is_err()
}

#[test]
fn a_power_cut_at_every_question_of_a_lock_leaves_a_record_of_every_locked_card() {
    let (mut unanswered, mut unlocked) = (0, 0);
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        for stop in 0.. {
            let mut there = true;
            for done in [false, true] {
                let what = format!("{algorithm:?}: cut at question {stop}, done {done}");
                let mut rider = rider(algorithm);
                let mut post = post(&rider);
                there = cut(&mut rider, &mut post, T0, Task::Ride, stop, done);
                post.close(later()).unwrap();
                let records = post.records();
                let kinds: Vec<_> = records.iter().map(|r| (r.kind, r.check())).collect();
                if is_locked(&mut rider) {
                    assert_eq!(kinds, [(RecordKind::Lock, Ok(()))], "{what}");
                    unanswered += usize::from(records[0].is_lock_unanswered());
                } else {
                    // What was only intended is told all the same: nobody knows.
                    let all = records.iter().all(TapRecord::is_lock_unanswered);
                    assert!(all && records.len() <= 1, "{what}: {records:?}");
                    unlocked += 1;
                }
                assert_eq!(post.terminal.open_intents(), 0, "{what}");
            }
            if !there {
                break;
            }
        }
    }
    assert!(unanswered > 0 && unlocked > 0);
}

#[test]
fn a_card_that_comes_back_after_the_power_cut_is_locked_by_one_record() {
    let mut rider = rider(Algorithm::Sm4);
    let mut post = post(&rider);
    // SELECT, INITIALIZE, GET CHALLENGE, MAC, intent.
    assert!(cut(&mut rider, &mut post, T0, Task::Ride, 4, true));
    assert_eq!(post.terminal.open_intents(), 1);
    assert_eq!(post.terminal.torn(), [], "no rider waits for it");
    let end = post.tap(&mut rider, T0.plus_s(9));
    let locked = Refusal::Blacklisted { locked: true };
    assert_eq!(end.outcome, TapOutcome::Refused(locked));
    post.close(later()).unwrap();
    let records = post.records();
    assert_eq!(records.len(), 1);
    assert!(records[0].status.is_ok());
}

#[test]
fn a_card_whose_answer_to_the_lock_is_lost_is_recorded_as_not_known() {
    struct Leaves<'a>(&'a mut Rider);
    impl CardLink for Leaves<'_> {
        fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
            let answer = self.0.transmit(apdu)?;
            if apdu[1] == 0x1E {
                Err(Lost)
            } else {
                Ok(answer)
            }
        }
    }
    let mut rider = rider(Algorithm::Tdes);
    let mut post = post(&rider);
    rider.present();
    let end = post.tap_on(&mut Leaves(&mut rider), T0, Task::Ride);
    let refused = Refusal::Blacklisted { locked: false };
    assert_eq!(end.outcome, TapOutcome::Refused(refused));
    assert!(post.records()[0].is_lock_unanswered());
    assert!(is_locked(&mut rider));
    assert_eq!(post.terminal.open_intents(), 0);
}

#[test]
fn a_lock_makes_room_for_its_intent_and_is_not_taken_for_a_ride() {
    let mut torn = Rider::with(&profile(0x18, Algorithm::Tdes), 5_000);
    let mut rider = rider(Algorithm::Tdes);
    let mut post = post(&rider).changed(|profile, _| profile.rules.intents_max = 1);
    tear_paid(&mut post, &mut torn, T0);
    assert_eq!(post.store.intents().count(), 1);
    let end = post.tap(&mut rider, T0.plus_s(9));
    let locked = Refusal::Blacklisted { locked: true };
    assert_eq!(end.outcome, TapOutcome::Refused(locked));
    let kinds: Vec<_> = post.records().iter().map(|r| r.kind).collect();
    assert_eq!(kinds, [RecordKind::Purse, RecordKind::Lock]);
    assert_eq!(post.store.intents().count(), 0);
}
