//! Cards and drivers that answer anything: a typed outcome, never a panic, never a free ride.

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_psam::{PsamAnswer, PsamFault};
use tongtu_tap_record::{Mac2State, Recovery};
use tongtu_terminal::StoreError;
use tongtu_terminal::tap::{Answer, Ask, CardLink, Lost, Tap, TapOutcome, TapPost, Task, Way};

use super::fixture::{Liar, Post, Rider, T0, bus, gate, profile, segmented};

/// Whether every ride that was let on has a record whose MAC2 was verified, or a card that
/// vouched for itself afterwards.
fn nobody_rode_for_free(post: &Post, outcome: &TapOutcome) -> bool {
    let records = post.records();
    let vouched = records
        .iter()
        .any(|r| r.recovery == Recovery::Vouch && r.mac2 == Mac2State::Verified);
    match outcome.ride() {
        None => true,
        Some(ride) => {
            let stored = records.contains(&ride.record);
            stored && (ride.record.mac2 == Mac2State::Verified || vouched)
        }
    }
}

#[derive(Debug, Clone)]
enum Lie {
    Bytes(Vec<u8>),
    Flip(usize, u8),
    Cut(usize),
    Repeat,
}

fn any_lie() -> impl Strategy<Value = Lie> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..280).prop_map(Lie::Bytes),
        (any::<usize>(), any::<u8>()).prop_map(|(at, mask)| Lie::Flip(at, mask)),
        any::<usize>().prop_map(Lie::Cut),
        Just(Lie::Repeat),
    ]
}

fn told(lie: &Lie, mut answer: Vec<u8>, before: &[u8]) -> Vec<u8> {
    match lie {
        Lie::Bytes(bytes) => bytes.clone(),
        Lie::Flip(at, mask) => {
            let at = at % answer.len();
            answer[at] ^= mask;
            answer
        }
        Lie::Cut(at) => {
            answer.truncate(at % answer.len());
            answer
        }
        Lie::Repeat => before.to_vec(),
    }
}

fn any_post() -> impl Strategy<Value = TapPost> {
    prop_oneof![
        Just(bus()),
        Just(gate("0101", Way::Entry)),
        Just(gate("0105", Way::Exit)),
        Just(segmented(1, 7)),
    ]
}

/// A card that answers from a list and nothing else.
struct Script(std::vec::IntoIter<Vec<u8>>);

impl CardLink for Script {
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, Lost> {
        self.0.next().ok_or(Lost)
    }
}

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Begin),
        Just(Answer::Card(Err(Lost))),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|b| Answer::Card(Ok(b))),
        Just(Answer::Psam(Ok(PsamAnswer::Credited))),
        Just(Answer::Psam(Err(PsamFault::Absent))),
        Just(Answer::Psam(Ok(PsamAnswer::Mac([0; 4])))),
        Just(Answer::Kept(Ok(()))),
        Just(Answer::Kept(Err(StoreError::Broken))),
        Just(Answer::Appended(Ok(1))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn an_honest_card_with_a_lying_answer_gets_no_ride_without_mac2(
        post in any_post(),
        lies in proptest::collection::vec((0..9usize, any_lie()), 1..3),
    ) {
        let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 5_000);
        let mut post = Post::new(1, post);
        for attempt in 0..2 {
            rider.present();
            let (mut count, mut before, lies) = (0, vec![0x90, 0x00], lies.clone());
            let mut liar = Liar {
                rider: &mut rider,
                lie: Box::new(move |_, answer| {
                    let lie = lies.iter().find(|(at, _)| *at == count && attempt == 0);
                    count += 1;
                    let answer = match lie {
                        Some((_, lie)) => told(lie, answer, &before),
                        None => answer,
                    };
                    before.clone_from(&answer);
                    answer
                }),
            };
            let end = post.tap_on(&mut liar, T0.plus_s(30 * attempt), Task::Ride);
            prop_assert!(nobody_rode_for_free(&post, &end.outcome), "{:?}", end);
        }
    }

    #[test]
    fn a_card_that_answers_anything_gets_no_ride(
        post in any_post(),
        answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..12),
    ) {
        let mut post = Post::new(1, post);
        let end = post.tap_on(&mut Script(answers.into_iter()), T0, Task::Ride);
        prop_assert!(end.outcome.ride().is_none());
    }

    #[test]
    fn a_driver_that_answers_anything_makes_no_panic_and_no_ride(
        post in any_post(),
        answers in proptest::collection::vec(any_answer(), 0..20),
    ) {
        let mut post = Post::new(1, post);
        let mut tap = Tap::begin(post.circumstances(T0, Task::Ride));
        for answer in std::iter::once(Answer::Begin).chain(answers) {
            let (next, ask) = tap.handle(&mut post.terminal, answer);
            tap = next;
            if let Ask::Done(end) = ask {
                prop_assert!(end.outcome.ride().is_none());
            }
        }
    }
}

#[test]
fn a_driver_that_answers_after_the_end_is_told_so() {
    let mut post = Post::new(1, bus());
    let tap = Tap::begin(post.circumstances(T0, Task::Ride));
    let (tap, _) = tap.handle(&mut post.terminal, Answer::Begin);
    let (tap, end) = tap.handle(&mut post.terminal, Answer::Card(Err(Lost)));
    assert!(matches!(end, Ask::Done(_)));
    let (_, end) = tap.handle(&mut post.terminal, Answer::Card(Err(Lost)));
    let Ask::Done(end) = end else {
        panic!("{end:?}")
    };
    assert!(matches!(end.outcome, TapOutcome::OutOfService(_)));
}
