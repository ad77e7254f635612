//! Cards that answer anything: never a panic, never a ride without a signature that verifies.
//!
//! The cryptogram itself is the issuer's to verify: no terminal has its key, and the signature of a
//! tap does not cover it. Whoever sits between card and terminal can spoil it; then the issuer says
//! so. Where the answer that carries it was left alone, it must hold too.

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_ecash::{Afl, GpoAnswer, oda, test_card};

use super::fixture::{CashPost, is_earned, is_signed, rider};
use super::flows::list;
use crate::tap::card::Liar;
use crate::tap::fixture::{T0, bus, gate};
use tongtu_terminal::tap::{TapOutcome, Way};

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
        (any::<usize>(), 1..=255u8).prop_map(|(at, mask)| Lie::Flip(at, mask)),
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_card_says_nobody_rides_without_a_signature_that_verifies(
        is_sm2: bool,
        is_gate: bool,
        lied in 0usize..3,
        lies in proptest::collection::btree_map(0usize..22, any_lie(), 1..3),
        tears in proptest::collection::vec(proptest::option::of(0usize..22), 3),
    ) {
        let algorithm = if is_sm2 { Algorithm::Sm4 } else { Algorithm::Tdes };
        let place = if is_gate { gate("0101", Way::Entry) } else { bus() };
        let (mut rider, mut post) = (rider(algorithm), CashPost::new(1, place));
        let mut is_spoilt = false;
        for (tap, tear) in tears.iter().enumerate() {
            rider.present();
            let (mut count, mut before) = (0, vec![0x90, 0x00]);
            let mut lie = |command: &[u8], answer: Vec<u8>| {
                let said = match lies.get(&count) {
                    // One tap is lied to; the others find the card as it is.
                    Some(lie) if tap == lied => told(lie, answer.clone(), &before),
                    _ => answer.clone(),
                };
                is_spoilt |= command[1] == 0xA8 && said != answer;
                before = answer;
                count += 1;
                said
            };
            let mut heard = Vec::new();
            let mut gone = Gone {
                heard: &mut heard,
                left: tear.unwrap_or(usize::MAX),
                liar: Liar { rider: &mut rider, lie: Box::new(&mut lie) },
            };
            let end = post.tap_on(&mut gone, T0.plus_s(30 * i64::try_from(tap).unwrap()));
            drop(gone);
            prop_assert!(is_signed(&post, &end.outcome), "{:?}", end);
            let is_new = matches!(
                end.outcome,
                TapOutcome::Accepted(_) | TapOutcome::Recovered(_)
            );
            prop_assert!(!is_new || is_genuine(&heard), "{:?}", end);
            prop_assert!(is_spoilt || is_earned(&post, algorithm, &end.outcome), "{:?}", end);
            prop_assert!(!matches!(end.outcome, TapOutcome::OutOfService(_)), "{:?}", end);
        }
    }
}

/// Whether what a terminal heard in a tap is signed by a card of the test authorities: the
/// library's verdict on the bytes, not the machine's on itself.
pub(crate) fn is_genuine(heard: &[(Vec<u8>, Vec<u8>)]) -> bool {
    let data = |answer: &[u8]| answer[..answer.len().saturating_sub(2)].to_vec();
    let Some(at) = heard.iter().rposition(|(command, _)| command[1] == 0xA8) else {
        return false;
    };
    let (command, answer) = &heard[at];
    let terminal = list().split(&command[7..command.len() - 1]).unwrap();
    let Ok(answer) = GpoAnswer::parse(&data(answer)) else {
        return false;
    };
    let mut reading = oda::Reading::begin(&answer);
    for (sfi, number, is_signed) in answer.afl.iter().flat_map(Afl::records) {
        let read = [0x00, 0xB2, number, sfi << 3 | 4];
        let record = heard[at..]
            .iter()
            .rfind(|(command, _)| command[..4] == read);
        if let Some((_, record)) = record
            && reading.add(sfi, &data(record), is_signed).is_err()
        {
            return false;
        }
    }
    let evidence = oda::Evidence {
        card: &reading.card,
        static_data: &reading.static_data(),
        terminal: &terminal,
    };
    oda::verify(&test_card::authorities().into(), evidence, T0).is_ok()
}

/// A card that leaves after so many commands.
struct Gone<'a> {
    left: usize,
    /// Commands and what the terminal heard.
    heard: &'a mut Vec<(Vec<u8>, Vec<u8>)>,
    liar: Liar<'a>,
}

impl tongtu_terminal::tap::CardLink for Gone<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, tongtu_terminal::tap::Lost> {
        self.left = self.left.checked_sub(1).ok_or(tongtu_terminal::tap::Lost)?;
        let answer = self.liar.transmit(apdu)?;
        self.heard.push((apdu.to_vec(), answer.clone()));
        Ok(answer)
    }
}
