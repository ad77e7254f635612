//! A tear at every byte of command and answer, and a power cut at every question; then every
//! way of coming back. What must hold is [`super::fixture::audit`]'s.

use tongtu_crypto::Algorithm;
use tongtu_ecash::tag;
use tongtu_psam::Psam as _;
use tongtu_tap_record::{CashCheck, Recovery};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    Answer, Ask, CardLink as _, Refusal, Rules, Tap, TapEnd, TapOutcome, TapPost, Task, Unverified,
    Way,
};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::fixture::{CashPost, audit, is_earned, other_rider, rider, seen};
use super::refusals::edited;
use crate::tap::card::{Liar, Rider};
use crate::tap::fixture::{T0, bus, gate};

pub(super) struct Flow {
    pub(super) name: &'static str,
    pub(super) algorithm: Algorithm,
    rider: Rider,
    post: CashPost,
    pub(super) place: TapPost,
    earlier: Vec<CashPost>,
    /// Payments before.
    paid: usize,
}

pub(super) fn then() -> Timestamp {
    T0.plus_s(1_800)
}

pub(super) fn flows() -> Vec<Flow> {
    let flow = |name, algorithm, place, earlier: Vec<CashPost>, rider: Rider| Flow {
        name,
        algorithm,
        post: CashPost::new(1, place),
        place,
        paid: earlier.len(),
        earlier,
        rider,
    };
    let single = |name, algorithm| flow(name, algorithm, bus(), Vec::new(), rider(algorithm));
    let entry = gate("0101", Way::Entry);
    let mut inside = rider(Algorithm::Tdes);
    let mut before = CashPost::new(7, entry);
    before.tap(&mut inside, T0);
    vec![
        single("single by RSA", Algorithm::Tdes),
        single("single by SM2", Algorithm::Sm4),
        flow(
            "entry",
            Algorithm::Sm4,
            entry,
            Vec::new(),
            rider(Algorithm::Sm4),
        ),
        flow(
            "exit",
            Algorithm::Tdes,
            gate("0116", Way::Exit),
            vec![before],
            inside,
        ),
    ]
}

impl Flow {
    /// Bytes that go over the line in the whole tap, and in its last exchange.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let (mut rider, mut post) = (self.rider.clone(), self.post.clone());
        let end = post.tap(&mut rider, then());
        assert!(
            matches!(end.outcome, TapOutcome::Accepted(_)),
            "{}: {end:?}",
            self.name
        );
        let bytes: Vec<_> = rider.log.iter().map(|(c, a)| c.len() + a.len()).collect();
        (bytes.iter().sum(), *bytes.last().unwrap())
    }

    pub(super) fn torn_after(&self, bytes: usize) -> (Rider, CashPost, TapEnd) {
        let (mut rider, mut post) = (self.rider.clone(), self.post.clone());
        rider.present();
        rider.line = Line::breaking_after(bytes);
        let end = post.tap_on(&mut rider, then());
        (rider, post, end)
    }

    pub(super) fn audit(&self, what: &str, rider: &mut Rider, posts: &mut [&mut CashPost]) {
        let mut earlier = self.earlier.clone();
        let mut all: Vec<_> = posts.iter_mut().map(|post| &mut **post).collect();
        all.extend(&mut earlier);
        let what = format!("{}: {what}", self.name);
        audit(&what, self.algorithm, rider, &mut all, then());
    }

    /// Payments of the card since the flow began.
    pub(super) fn rides(&self, rider: &mut Rider) -> usize {
        seen(rider).1.len() - self.paid
    }

    /// Back at the same terminal: let on, and charged once.
    fn comes_back(&self, what: &str, rider: &mut Rider, post: &mut CashPost, seconds: i64) {
        let end = post.tap(rider, then().plus_s(seconds));
        let name = self.name;
        assert!(end.outcome.ride().is_some(), "{name}: {what}: {end:?}");
        assert!(
            is_earned(post, self.algorithm, &end.outcome),
            "{name}: {what}: {end:?}"
        );
        self.audit(what, rider, &mut [post]);
        assert_eq!(self.rides(rider), 1, "{name}: {what}");
    }
}

/// Every byte of the last exchange and of the one before it, and some of the others.
fn points((whole, last): (usize, usize)) -> impl Iterator<Item = usize> {
    let fine = whole - last - 40;
    (0..fine).step_by(17).chain(fine..whole)
}

#[test]
fn torn_at_any_byte_and_back_at_the_same_terminal_pays_once() {
    for flow in flows() {
        let bytes = flow.bytes();
        let mut in_doubt = 0;
        for at in points(bytes) {
            let (mut rider, mut post, end) = flow.torn_after(at);
            assert!(end.outcome.ride().is_none(), "{}: {at}", flow.name);
            in_doubt += usize::from(post.post.terminal.open_intents() > 0);
            flow.comes_back(&format!("torn after {at}"), &mut rider, &mut post, 5);
        }
        assert_eq!(in_doubt, bytes.1, "{}: the last exchange only", flow.name);
    }
}

/// Before the last exchange, in its command, in its answer.
pub(super) fn few((whole, last): (usize, usize)) -> [usize; 5] {
    [
        whole / 2,
        whole - last,
        whole - last + 4,
        whole - last + 5,
        whole - 1,
    ]
}

#[test]
fn torn_and_back_after_a_restart_or_another_rider_pays_once() {
    for flow in flows() {
        for at in few(flow.bytes()) {
            for restart in [false, true] {
                let (mut rider, mut post, _) = flow.torn_after(at);
                if restart {
                    post.restart();
                } else {
                    let mut other = other_rider(flow.algorithm);
                    other.present();
                    let mut aside = post.clone();
                    let end = aside.tap_on(&mut other, then().plus_s(2));
                    assert!(!matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
                    assert_eq!(
                        aside.post.terminal.open_intents(),
                        post.post.terminal.open_intents(),
                        "{}: another card settles nothing",
                        flow.name
                    );
                }
                let what = format!("torn after {at}, restart {restart}");
                flow.comes_back(&what, &mut rider, &mut post, 10);
            }
        }
    }
}

#[test]
fn torn_and_never_back_is_a_grey_record_that_the_cards_log_resolves() {
    for flow in flows() {
        for at in few(flow.bytes()) {
            let (mut rider, mut post, _) = flow.torn_after(at);
            post.restart();
            flow.audit(
                &format!("never back after {at}"),
                &mut rider,
                &mut [&mut post],
            );
        }
    }
}

#[test]
fn torn_and_back_at_another_terminal_is_one_ride_and_at_most_one_refundable() {
    for flow in flows() {
        for at in few(flow.bytes()) {
            let what = format!("torn after {at}, then elsewhere");
            let (mut rider, mut post, _) = flow.torn_after(at);
            let mut other = CashPost::new(2, flow.place);
            let end = other.tap(&mut rider, then().plus_s(5));
            assert!(
                is_earned(&other, flow.algorithm, &end.outcome),
                "{what}: {end:?}"
            );
            let rides = flow.rides(&mut rider);
            flow.audit(&what, &mut rider, &mut [&mut post, &mut other]);
            if rides == 2 {
                let records = post.post.records();
                let is_grey = records.iter().any(|r| r.recovery == Recovery::Grey);
                assert!(is_grey, "{}: {what}", flow.name);
            }
        }
    }
}

#[test]
fn torn_twice_at_any_byte_of_the_recovery_pays_once() {
    for flow in flows().into_iter().skip(1).take(2) {
        let (whole, _) = flow.bytes();
        let (rider, post, _) = flow.torn_after(whole - 1);
        let (mut whole_rider, mut whole_post) = (rider.clone(), post.clone());
        flow.comes_back("once", &mut whole_rider, &mut whole_post, 5);
        let end = post.clone().tap(&mut rider.clone(), then().plus_s(5));
        assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
        let mut again = rider.clone();
        post.clone().tap(&mut again, then().plus_s(5));
        let recovery: usize = again.log.iter().map(|(c, a)| c.len() + a.len()).sum();
        for second in (0..recovery).step_by(7) {
            let (mut rider, mut post) = (rider.clone(), post.clone());
            rider.present();
            rider.line = Line::breaking_after(second);
            let end = post.tap_on(&mut rider, then().plus_s(5));
            let what = format!("torn in the recovery after {second}");
            assert!(
                matches!(end.outcome, TapOutcome::Torn { .. }),
                "{what}: {end:?}"
            );
            flow.comes_back(&what, &mut rider, &mut post, 10);
        }
    }
}

/// Runs a tap until its question number `stop`, which is carried out or not, and then the
/// terminal loses its power. Whether the tap had that many questions.
pub(super) fn cut(rider: &mut Rider, post: &mut CashPost, stop: usize, done: bool) -> bool {
    rider.present();
    let mut tap = Tap::begin(post.post.circumstances(then(), Task::Ride));
    let mut answer = Answer::Begin;
    for asked in 0.. {
        let (next, ask) = tap.handle(&mut post.post.terminal, answer);
        tap = next;
        if matches!(ask, Ask::Done(_)) {
            return false;
        }
        if asked == stop && !done {
            break;
        }
        let store = &mut post.post.store;
        answer = match ask {
            Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
            Ask::Psam(request) => Answer::Psam(post.post.psam.ask(&request)),
            Ask::KeepIntent { id, intent } => Answer::Kept(store.keep_intent(id, &intent)),
            Ask::DropIntent { id } => Answer::Kept(store.drop_intent(id)),
            Ask::Append { record, closes } => Answer::Appended(match closes {
                Some(intent) => store.append_closing(&record, intent),
                None => store.append(&record),
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
        for done in [false, true] {
            for stop in 0.. {
                let (mut rider, mut post) = (flow.rider.clone(), flow.post.clone());
                if !cut(&mut rider, &mut post, stop, done) {
                    break;
                }
                let what = format!("cut at question {stop}, done {done}");
                flow.comes_back(&what, &mut rider, &mut post, 10);
            }
        }
    }
}

#[test]
fn too_late_back_the_torn_ride_is_settled_and_a_new_one_is_paid() {
    for flow in flows().into_iter().take(2) {
        let (whole, _) = flow.bytes();
        let (mut rider, mut post, _) = flow.torn_after(whole - 1);
        let end = post.tap(&mut rider, then().plus_s(300));
        assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        assert_eq!(flow.rides(&mut rider), 2);
        let records = post.post.records();
        assert_eq!(records[0].recovery, Recovery::Here);
        assert_eq!(records[0].cash().unwrap().check, CashCheck::None);
        flow.audit("late", &mut rider, &mut [&mut post]);
    }
}

#[test]
fn where_nobody_vouches_the_ride_is_recorded_and_the_rider_sees_the_staff() {
    let rules = Rules {
        unverified: Unverified::Refuse,
        ..Rules::default()
    };
    let mut flow = flows().remove(0);
    flow.post = CashPost::with_rules(1, flow.place, rules);
    let (whole, _) = flow.bytes();
    let (mut rider, mut post, _) = flow.torn_after(whole - 1);
    let end = post.tap(&mut rider, then().plus_s(5));
    assert_eq!(end.outcome, TapOutcome::Refused(Refusal::Unverified));
    assert_eq!(flow.rides(&mut rider), 1);
    // Nor is it charged again while the staff sees to it.
    let end = post.tap(&mut rider, then().plus_s(20));
    assert_eq!(end.outcome, TapOutcome::Refused(Refusal::Unverified));
    flow.audit("refused", &mut rider, &mut [&mut post]);
}

#[test]
fn a_recovery_costs_a_proof_and_a_signature_and_no_money() {
    // SELECT twice, GET TRANS PROVE, GPO, every READ RECORD but the last.
    for (flow, commands) in flows().into_iter().zip([11, 15]) {
        let (whole, _) = flow.bytes();
        let (mut rider, mut post, end) = flow.torn_after(whole - 1);
        assert_eq!(
            end.outcome,
            TapOutcome::Torn {
                in_doubt: true,
                tries: 1
            }
        );
        let end = post.tap(&mut rider, then().plus_s(5));
        let TapOutcome::Recovered(ride) = &end.outcome else {
            panic!("{end:?}");
        };
        assert_eq!(ride.record.recovery, Recovery::Here);
        assert_eq!(end.exchanges.card, commands, "{}", flow.name);
    }
}

#[test]
fn a_card_that_cannot_be_asked_for_its_proof_leaves_a_grey_record() {
    for restart in [false, true] {
        let flow = flows().remove(1);
        let (whole, _) = flow.bytes();
        let (mut rider, mut post, _) = flow.torn_after(whole - 1);
        if restart {
            post.restart();
        }
        rider.present();
        let mut liar = Liar {
            rider: &mut rider,
            lie: Box::new(|command, answer| match command[1] {
                0x5A => vec![0x6D, 0x00],
                _ => answer,
            }),
        };
        let end = post.tap_on(&mut liar, then().plus_s(5));
        drop(liar);
        if restart {
            assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
            assert_eq!(post.post.records()[0].recovery, Recovery::Grey);
        } else {
            // It is known to be the card that was torn: it is not charged while it may have paid.
            assert!(matches!(end.outcome, TapOutcome::Refused(_)), "{end:?}");
            assert_eq!(flow.rides(&mut rider), 1);
        }
        flow.audit("no proof", &mut rider, &mut [&mut post]);
    }
}

#[test]
fn a_garbled_answer_while_it_vouches_is_asked_for_again() {
    let flow = flows().remove(0);
    let (whole, _) = flow.bytes();
    let (rider, post, _) = flow.torn_after(whole - 1);
    for garbled in [0xA8, 0xB2] {
        let (mut rider, mut post) = (rider.clone(), post.clone());
        rider.present();
        let mut liar = Liar {
            rider: &mut rider,
            lie: Box::new(move |command, answer| match command[1] == garbled {
                true => vec![0x77, 0x05, 0x90, 0x00],
                false => answer,
            }),
        };
        let end = post.tap_on(&mut liar, then().plus_s(5));
        drop(liar);
        let torn = TapOutcome::Torn {
            in_doubt: true,
            tries: 2,
        };
        assert_eq!(end.outcome, torn);
        flow.comes_back("garbled", &mut rider, &mut post, 10);
    }
}

#[test]
fn an_odd_answer_to_the_last_record_is_asked_for_again() {
    for odd in [vec![0x6F, 0x00], vec![0x70, 0x03, 0x57, 0x90, 0x00]] {
        for (times, goes_on) in [(1, true), (2, false)] {
            let flow = flows().remove(1);
            let (mut rider, mut post) = (flow.rider.clone(), flow.post.clone());
            rider.present();
            let mut left = times;
            let odd = odd.clone();
            let mut liar = Liar {
                rider: &mut rider,
                lie: Box::new(move |command, answer| {
                    let is_last = command[..4] == [0x00, 0xB2, 2, 9 << 3 | 4];
                    if is_last && left > 0 {
                        left -= 1;
                        return odd.clone();
                    }
                    answer
                }),
            };
            let end = post.tap_on(&mut liar, then());
            drop(liar);
            assert_eq!(end.outcome.ride().is_some(), goes_on, "{end:?}");
            assert_eq!(flow.rides(&mut rider), 1);
            flow.audit("odd", &mut rider, &mut [&mut post]);
        }
    }
}

#[test]
fn a_power_cut_at_every_question_of_the_recovery_and_back_pays_once() {
    for flow in flows() {
        let (whole, _) = flow.bytes();
        for done in [false, true] {
            for stop in 0.. {
                let (mut rider, mut post, _) = flow.torn_after(whole - 1);
                if !cut(&mut rider, &mut post, stop, done) {
                    break;
                }
                let what = format!("cut at question {stop} of the recovery, done {done}");
                flow.comes_back(&what, &mut rider, &mut post, 10);
            }
        }
    }
}

#[test]
fn a_card_that_does_not_sign_its_recovery_is_recorded_and_not_let_on() {
    for flow in flows() {
        let (whole, _) = flow.bytes();
        let (mut rider, mut post, _) = flow.torn_after(whole - 1);
        rider.present();
        let mut liar = Liar {
            rider: &mut rider,
            lie: Box::new(|command, answer| {
                if command[1] != 0xA8 {
                    return answer;
                }
                edited(&answer, |objects| {
                    let signed = objects.iter_mut();
                    for (_, value) in signed.filter(|(tag, _)| *tag == tag::SIGNED_DYNAMIC) {
                        value[40] ^= 1;
                    }
                })
            }),
        };
        let end = post.tap_on(&mut liar, then().plus_s(5));
        drop(liar);
        assert_eq!(end.outcome, TapOutcome::Refused(Refusal::Unverified));
        let records = post.post.records();
        assert_eq!(records[0].recovery, Recovery::Here);
        assert_eq!(records[0].cash().unwrap().check, CashCheck::None);
        assert_eq!(flow.rides(&mut rider), 1, "{}", flow.name);
        flow.audit("unsigned", &mut rider, &mut [&mut post]);
    }
}
