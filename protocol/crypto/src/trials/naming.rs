//! A batch with one bad signature names that one and no other: batches of every length up to forty,
//! every place in them, every way to spoil, at every level of kernels.
//!
//! Without `TONGTU_TRIALS` the ways take turns from place to place, but at lengths about the lanes'
//! where every way is tried at every place.

use std::collections::BTreeSet;

use crate::batch::{KeyShelf, Signed, Verdict, verify_batch};
use crate::curve::limbs;
use crate::curve::order::N;
use crate::{PublicKey, SecretKey, Signature, sm3, trial};

/// A signature to be verified, owned.
#[derive(Clone)]
struct Question {
    key: PublicKey,
    e: sm3::Digest,
    signature: Signature,
}

/// A way to spoil a signature that holds, and what it is called.
type Spoil = (&'static str, fn(&mut Question));

const SPOILS: &[Spoil] = &[
    ("lowest bit of r", |q| q.signature.0[31] ^= 1),
    ("highest bit of r", |q| q.signature.0[0] ^= 0x80),
    ("lowest bit of s", |q| q.signature.0[63] ^= 1),
    ("highest bit of s", |q| q.signature.0[32] ^= 0x80),
    ("lowest bit of e", |q| q.e[31] ^= 1),
    ("highest bit of e", |q| q.e[0] ^= 0x80),
    ("r = 0", |q| half(q, 0, &[0; 4])),
    ("s = 0", |q| half(q, 1, &[0; 4])),
    ("r = n", |q| half(q, 0, &N)),
    ("s = n", |q| half(q, 1, &N)),
    ("s = n - s", |q| {
        let (s, _) = limbs::sub(&N, &of_half(q, 1));
        half(q, 1, &s);
    }),
    ("r + s = n", |q| {
        let (s, _) = limbs::sub(&N, &of_half(q, 0));
        half(q, 1, &s);
    }),
    ("r and s in each other's place", |q| {
        let (r, s) = (of_half(q, 0), of_half(q, 1));
        half(q, 0, &s);
        half(q, 1, &r);
    }),
    ("all zeros", |q| q.signature.0 = [0; 64]),
    ("all ones", |q| q.signature.0 = [0xFF; 64]),
    ("the opposite key", |q| {
        let mut bytes = q.key.to_compressed();
        bytes[0] ^= 1;
        q.key = PublicKey::from_compressed(&bytes).expect("the opposite is a point too");
    }),
    ("another's key", |q| {
        let other = SecretKey::from_bytes(&[0x99; 32]).expect("in range");
        q.key = other.public().clone();
    }),
];

fn of_half(question: &Question, which: usize) -> limbs::Limbs {
    let (halves, _) = question.signature.0.as_chunks::<32>();
    limbs::from_bytes(&halves[which])
}

fn half(question: &mut Question, which: usize, number: &limbs::Limbs) {
    question.signature.0[32 * which..][..32].copy_from_slice(&limbs::to_bytes(number));
}

const LONGEST: usize = 40;

fn keys() -> Vec<SecretKey> {
    [1u8, 2, 3, 0x55, 0x71]
        .map(|byte| SecretKey::from_bytes(&[byte; 32]).expect("in range"))
        .into()
}

/// Signatures that hold, of several keys in turns.
fn good(keys: &[SecretKey], len: usize) -> Vec<Question> {
    let one = |number: usize| {
        let key = &keys[number % keys.len()];
        let message = number.to_be_bytes();
        Question {
            key: key.public().clone(),
            e: sm3::digest_parts(&[key.public().z(), &message]),
            signature: key.sign(&message),
        }
    };
    (0..len).map(one).collect()
}

fn signed(questions: &[Question]) -> Vec<Signed<'_>> {
    questions
        .iter()
        .map(|q| Signed::over_digest(&q.key, q.e, q.signature))
        .collect()
}

/// Which are bad.
fn named(verdicts: &[Verdict]) -> BTreeSet<usize> {
    let bad = verdicts.iter().enumerate().filter(|(_, v)| v.is_err());
    bad.map(|(place, _)| place).collect()
}

/// Lengths at which a batch is cut or goes another way.
const EDGES: [usize; 8] = [1, 2, 3, 5, 6, 7, 16, 17];

/// Spoils each place of each length.
fn every_place(level: &str, mut verify: impl FnMut(&[Signed<'_>], &str)) {
    let all = super::asked().is_some();
    let good = good(&keys(), LONGEST);
    for len in 1..=LONGEST {
        let thorough = all || level == "all kernels" && EDGES.contains(&len);
        for bad in 0..len {
            for (number, (name, spoil)) in SPOILS.iter().enumerate() {
                if !thorough && number != (7 * len + bad) % SPOILS.len() {
                    continue;
                }
                let mut questions = good[..len].to_vec();
                spoil(&mut questions[bad]);
                verify(&signed(&questions), &format!("{bad} of {len}: {name}"));
            }
        }
    }
}

/// The place that a case's name begins with.
fn expected(name: &str) -> BTreeSet<usize> {
    let (place, _) = name.split_once(' ').expect("a place and more");
    BTreeSet::from([place.parse().expect("a number")])
}

#[test]
fn a_batch_names_the_one_that_was_spoilt() {
    trial::at_each_level(|level| {
        every_place(level, |batch, name| {
            let bad = named(&verify_batch(batch));
            assert_eq!(bad, expected(name), "{level}, {name}");
        });
    });
}

#[test]
fn a_shelf_with_tables_for_some_names_the_one_that_was_spoilt() {
    trial::at_each_level(|level| {
        // Tables for two of five keys, so that a batch is split and put together again.
        let mut shelf = KeyShelf::new(2);
        let warm = good(&keys()[..2], 1100);
        assert_eq!(named(&shelf.verify(&signed(&warm))), BTreeSet::new());
        assert_eq!(shelf.tables(), 2);
        every_place(level, |batch, name| {
            let bad = named(&shelf.verify(batch));
            assert_eq!(bad, expected(name), "{level}, {name}");
        });
    });
}

#[test]
fn two_that_were_spoilt_are_both_named() {
    let good = good(&keys(), LONGEST);
    trial::at_each_level(|level| {
        for first in 0..LONGEST {
            for second in first + 1..LONGEST {
                let step = if level == "all kernels" { 4 } else { 16 };
                if super::asked().is_none() && (first + second) % step != 0 {
                    continue;
                }
                let mut questions = good.clone();
                for place in [first, second] {
                    let (_, spoil) = SPOILS[(first * 5 + second + place) % SPOILS.len()];
                    spoil(&mut questions[place]);
                }
                let bad = named(&verify_batch(&signed(&questions)));
                assert_eq!(bad, BTreeSet::from([first, second]), "{level}");
            }
        }
    });
}

#[test]
fn every_spoil_spoils() {
    for (name, spoil) in SPOILS {
        for mut question in good(&keys(), 10) {
            let verify = |q: &Question| q.key.verify_digest(&q.e, &q.signature);
            assert_eq!(verify(&question), Ok(()));
            spoil(&mut question);
            assert!(verify(&question).is_err(), "{name}");
        }
    }
}
