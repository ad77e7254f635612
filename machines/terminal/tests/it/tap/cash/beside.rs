//! Two terminals of one vehicle or station: an e-cash torn at one comes back to the other.

use tongtu_ecash::tag;
use tongtu_psam::Psam as _;
use tongtu_tap_record::Recovery;
use tongtu_terminal::tap::{GroupNotice, Refusal, TapEnd, TapOutcome};
use tongtu_testkit::tear::Line;

use super::fixture::{CashPost, is_earned, other_rider, seen};
use super::refusals::edited;
use super::tears::{Flow, cut, few, flows, then};
use crate::tap::card::{Liar, Rider};

/// Two terminals of one group, the first with a torn card that the second was told of.
struct Group {
    flow: Flow,
    rider: Rider,
    first: CashPost,
    second: CashPost,
}

impl Group {
    fn torn(flow: Flow, at: usize) -> Self {
        let (rider, first, end) = flow.torn_after(at);
        let mut second = CashPost::new(2, flow.place);
        second.post.note(&end.notices, then().plus_s(1));
        Self {
            flow,
            rider,
            first,
            second,
        }
    }

    /// Torn when it had paid.
    fn paid(flow: Flow) -> Self {
        let (whole, _) = flow.bytes();
        Self::torn(flow, whole - 1)
    }

    fn back_at_the_second(&mut self, seconds: i64) -> TapEnd {
        let at = then().plus_s(seconds);
        let end = self.second.tap(&mut self.rider, at);
        self.first.post.note(&end.notices, at);
        end
    }

    /// Let on at the second, charged once, and nothing is left open at the first.
    fn pays_once(&mut self, what: &str) -> TapOutcome {
        let end = self.back_at_the_second(5);
        let name = self.flow.name;
        assert!(end.outcome.ride().is_some(), "{name}: {what}: {end:?}");
        let earned = is_earned(&self.second, self.flow.algorithm, &end.outcome);
        assert!(earned, "{name}: {what}: {end:?}");
        assert_eq!(self.first.post.terminal.open_intents(), 0, "{name}: {what}");
        let mut posts = [&mut self.first, &mut self.second];
        self.flow.audit(what, &mut self.rider, &mut posts);
        assert_eq!(self.flow.rides(&mut self.rider), 1, "{name}: {what}");
        end.outcome
    }
}

#[test]
fn torn_and_back_at_another_terminal_of_the_group_pays_once() {
    for number in 0..flows().len() {
        let bytes = flows()[number].bytes();
        let mut recovered = 0;
        for at in few(bytes) {
            let mut group = Group::torn(flows().remove(number), at);
            let outcome = group.pays_once(&format!("torn after {at}, then beside"));
            if let TapOutcome::Recovered(ride) = outcome {
                recovered += 1;
                assert_eq!(ride.record.recovery, Recovery::Elsewhere);
                let first = group.first.post.psam.identity();
                assert_eq!(ride.record.terminal, first.terminal);
                assert!(group.first.post.records().is_empty());
            }
        }
        assert_eq!(recovered, 2, "{}", flows()[number].name);
    }
}

#[test]
fn a_restarted_terminal_tells_the_group_again_what_was_torn() {
    for restarts in [(true, false), (false, true), (true, true)] {
        for flow in flows() {
            let (whole, _) = flow.bytes();
            let (rider, mut first, end) = flow.torn_after(whole - 1);
            let mut second = CashPost::new(2, flow.place);
            second.post.note(&end.notices, then().plus_s(1));
            if restarts.0 {
                first.restart();
            }
            if restarts.1 {
                // What is on its board was in memory only.
                second.restart();
            }
            let torn = first.post.terminal.torn();
            assert_eq!(torn.len(), 1);
            second.post.note(&torn, then().plus_s(2));
            let mut group = Group {
                flow,
                rider,
                first,
                second,
            };
            let outcome = group.pays_once(&format!("restarts {restarts:?}"));
            assert!(matches!(outcome, TapOutcome::Recovered(_)), "{outcome:?}");
        }
    }
}

#[test]
fn torn_at_any_byte_of_the_recovery_beside_and_back_at_either_pays_once() {
    for flow in flows().into_iter().skip(1).take(2) {
        let mut whole = Group::paid(flow);
        let Group {
            rider,
            first,
            second,
            flow,
        } = &mut whole;
        let (rider, second) = (rider.clone(), second.clone());
        let mut tried = rider.clone();
        second.clone().tap(&mut tried, then().plus_s(5));
        let recovery: usize = tried.log.iter().map(|(c, a)| c.len() + a.len()).sum();
        for at in (0..recovery).step_by(11) {
            for is_first in [true, false] {
                let (mut rider, mut second) = (rider.clone(), second.clone());
                let mut first = first.clone();
                rider.present();
                rider.line = Line::breaking_after(at);
                let end = second.tap_on(&mut rider, then().plus_s(5));
                let what = format!("torn beside after {at}, then at the first {is_first}");
                let torn = matches!(end.outcome, TapOutcome::Torn { .. });
                assert!(torn, "{what}: {end:?}");
                first.post.note(&end.notices, then().plus_s(6));
                let there = if is_first { &mut first } else { &mut second };
                let end = there.tap(&mut rider, then().plus_s(10));
                assert!(
                    matches!(end.outcome, TapOutcome::Recovered(_)),
                    "{what}: {end:?}"
                );
                assert!(is_earned(there, flow.algorithm, &end.outcome), "{what}");
                let other = if is_first { &mut second } else { &mut first };
                other.post.note(&end.notices, then().plus_s(11));
                flow.audit(&what, &mut rider, &mut [&mut first, &mut second]);
                assert_eq!(flow.rides(&mut rider), 1, "{what}");
            }
        }
    }
}

#[test]
fn a_power_cut_at_every_question_of_the_recovery_beside_and_back_pays_once() {
    for flow in [1, 2].map(|number| flows().remove(number)) {
        let group = Group::paid(flow);
        for done in [false, true] {
            for stop in 0.. {
                let (mut rider, mut second) = (group.rider.clone(), group.second.clone());
                let mut first = group.first.clone();
                if !cut(&mut rider, &mut second, stop, done) {
                    break;
                }
                // The first was told nothing; both tell the group what is open with them.
                second
                    .post
                    .note(&first.post.terminal.torn(), then().plus_s(8));
                let end = second.tap(&mut rider, then().plus_s(10));
                let what = format!("cut beside at question {stop}, done {done}");
                assert!(end.outcome.ride().is_some(), "{what}: {end:?}");
                first.post.note(&end.notices, then().plus_s(11));
                let flow = &group.flow;
                flow.audit(&what, &mut rider, &mut [&mut first, &mut second]);
                assert_eq!(flow.rides(&mut rider), 1, "{what}");
            }
        }
    }
}

#[test]
fn a_notice_that_is_lost_leaves_a_grey_record_of_the_same_ride() {
    for flow in flows() {
        let Group {
            flow,
            mut rider,
            mut first,
            mut second,
        } = Group::paid(flow);
        let end = second.tap(&mut rider, then().plus_s(5));
        assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
        first.post.close(then().plus_s(200)).unwrap();
        let of = |post: &CashPost| post.post.records()[0].ride_key();
        assert_eq!(of(&first), of(&second));
        assert_eq!(first.post.records()[0].recovery, Recovery::Grey);
        flow.audit("both", &mut rider, &mut [&mut first, &mut second]);
    }
}

#[test]
fn the_board_is_not_believed_and_another_card_gains_nothing_by_it() {
    for flow in flows().into_iter().take(2) {
        let mut group = Group::paid(flow);
        let mut other = other_rider(group.flow.algorithm);
        let end = group.second.tap(&mut other, then().plus_s(3));
        assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        assert_eq!(seen(&mut other).1.len(), 1);
        assert!(end.notices.is_empty(), "{end:?}");
        // Somebody on the wire says that this card paid something else.
        let flow = flows().remove(0);
        let (whole, _) = flow.bytes();
        let (mut rider, _, torn) = flow.torn_after(whole - 1);
        let mut second = CashPost::new(2, flow.place);
        let mut forged = torn.notices;
        let [GroupNotice::Torn { record, .. }] = &mut forged[..] else {
            panic!("{forged:?}");
        };
        let mut proof = record.cash().unwrap();
        proof.cryptogram[0] ^= 1;
        record.own = proof.own();
        second.post.note(&forged, then().plus_s(1));
        let end = second.tap(&mut rider, then().plus_s(5));
        assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        assert_eq!(
            flow.rides(&mut rider),
            2,
            "it paid, and its notice was lost"
        );
    }
}

#[test]
fn a_card_that_does_not_sign_beside_is_charged_by_neither_and_sees_the_staff() {
    for flow in flows() {
        let mut group = Group::paid(flow);
        group.rider.present();
        let mut liar = Liar {
            rider: &mut group.rider,
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
        let end = group.second.tap_on(&mut liar, then().plus_s(5));
        drop(liar);
        let staff = TapOutcome::Refused(Refusal::Unverified);
        assert_eq!(end.outcome, staff);
        group.first.post.note(&end.notices, then().plus_s(6));
        assert_eq!(group.second.post.records()[0].recovery, Recovery::Elsewhere);
        for post in [&mut group.first, &mut group.second] {
            let end = post.tap(&mut group.rider, then().plus_s(20));
            // At a gate the card itself says that it went through.
            let is_refused = matches!(
                end.outcome,
                TapOutcome::Refused(
                    Refusal::Unverified | Refusal::AlreadyInside | Refusal::NotInside
                )
            );
            assert!(is_refused, "{}: {end:?}", group.flow.name);
        }
        assert_eq!(group.flow.rides(&mut group.rider), 1);
        let mut posts = [&mut group.first, &mut group.second];
        group
            .flow
            .audit("unsigned beside", &mut group.rider, &mut posts);
    }
}
