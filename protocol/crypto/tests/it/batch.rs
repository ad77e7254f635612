//! Batches against one signature at a time and against RustCrypto.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tongtu_crypto::batch::{KeyShelf, Signed, read_keys, verify_batch};
use tongtu_crypto::{PublicKey, SecretKey, Signature, SignatureError, sm3};

use crate::curve::{any_key, any_number, fitting_digest, theirs};

type Question = (PublicKey, sm3::Digest, Signature);

/// A signature at the edges of everything, which may hold or not.
fn any_question() -> impl Strategy<Value = Question> {
    (
        any_key(),
        any_number(),
        any_number(),
        any_number(),
        0usize..1024,
    )
        .prop_map(|(key, r, s, e, bit)| {
            let key = key.public().clone();
            let mut signature = Signature([0; 64]);
            signature.0[..32].copy_from_slice(&r);
            signature.0[32..].copy_from_slice(&s);
            let e = fitting_digest(&key, &signature)
                .filter(|_| bit % 4 != 0)
                .unwrap_or(e);
            if bit < 512 && bit % 4 == 1 {
                signature.0[bit / 8] ^= 1 << (bit % 8);
            }
            (key, e, signature)
        })
}

fn signed(questions: &[Question]) -> Vec<Signed<'_>> {
    questions
        .iter()
        .map(|(key, e, signature)| Signed::over_digest(key, *e, *signature))
        .collect()
}

#[test]
fn a_batch_has_the_verdicts_of_one_after_the_other() {
    let mut runner = TestRunner::new(Config::with_cases(24));
    runner
        .run(
            &proptest::collection::vec(any_question(), 0..90),
            |questions| {
                let verdicts = verify_batch(&signed(&questions));
                let shelved = KeyShelf::new(2).verify(&signed(&questions));
                prop_assert_eq!(verdicts.len(), questions.len());
                prop_assert_eq!(&verdicts, &shelved);
                for ((key, e, signature), verdict) in questions.iter().zip(verdicts) {
                    prop_assert_eq!(verdict, key.verify_digest(e, signature));
                    prop_assert_eq!(verdict.is_ok(), theirs(&key.to_xy(), e, signature));
                }
                Ok(())
            },
        )
        .unwrap();
}

/// Signatures of a few keys that hold, more than enough for tables.
fn many_of_few(keys: &[SecretKey], len: u32) -> Vec<Question> {
    (0..len)
        .map(|number| {
            let key = &keys[number as usize % keys.len()];
            let message = number.to_be_bytes();
            let signature = key.sign(&message);
            let e = sm3::digest_parts(&[key.public().z(), &message]);
            (key.public().clone(), e, signature)
        })
        .collect()
}

fn three_keys() -> [SecretKey; 3] {
    [1, 2, 0x55].map(|byte| SecretKey::from_bytes(&[byte; 32]).unwrap())
}

#[test]
fn a_batch_names_exactly_the_bad_one() {
    let questions = many_of_few(&three_keys(), 100);
    for bad in 0..questions.len() {
        let mut questions = questions.clone();
        questions[bad].2.0[63 - bad % 64] ^= 1 << (bad % 8);
        let verdicts = verify_batch(&signed(&questions));
        for (place, verdict) in verdicts.into_iter().enumerate() {
            assert_eq!(verdict.is_err(), place == bad, "{place} when {bad} is bad");
        }
    }
}

#[test]
fn verdicts_by_a_keys_table_are_those_without() {
    let mut shelf = KeyShelf::new(3);
    let mut questions = many_of_few(&three_keys(), 1600);
    for (place, question) in questions.iter_mut().enumerate() {
        match place % 5 {
            0 => question.2.0[place % 64] ^= 1 << (place % 8),
            1 => question.1[place % 32] ^= 1 << (place % 7),
            _ => (),
        }
    }
    let first = shelf.verify(&signed(&questions));
    assert_eq!(shelf.tables(), 3);
    assert_eq!(first, verify_batch(&signed(&questions)));
    assert_eq!(first, shelf.verify(&signed(&questions)));
    let bad = first
        .iter()
        .filter(|verdict| **verdict == Err(SignatureError))
        .count();
    assert_eq!(bad, questions.len() * 2 / 5);
}

#[test]
fn tables_give_the_verdicts_at_the_edges_too() {
    // The key of 1 is the generator, so that both tables hold the same points, and s and t decide
    // whether sums meet equal or opposite ones.
    let mut one = [0; 32];
    one[31] = 1;
    let key = SecretKey::from_bytes(&one).unwrap().public().clone();
    let mut shelf = KeyShelf::new(1);
    let mut questions: Vec<Question> = Vec::new();
    for r in 0u16..36 {
        for s in 0u16..36 {
            let mut signature = Signature([0; 64]);
            signature.0[30..32].copy_from_slice(&r.to_be_bytes());
            signature.0[62..].copy_from_slice(&s.to_be_bytes());
            let e = fitting_digest(&key, &signature).unwrap_or([1; 32]);
            questions.push((key.clone(), e, signature));
        }
    }
    let verdicts = shelf.verify(&signed(&questions));
    assert_eq!(shelf.tables(), 1);
    for ((key, e, signature), verdict) in questions.iter().zip(&verdicts) {
        assert_eq!(*verdict, key.verify_digest(e, signature), "{signature:?}");
    }
    assert_eq!(
        verdicts.iter().filter(|verdict| verdict.is_ok()).count(),
        35 * 35
    );
}

#[test]
fn a_full_shelf_gives_up_the_key_not_used_for_the_longest_time() {
    let keys = three_keys();
    let mut shelf = KeyShelf::new(1);
    for key in &keys {
        let questions = many_of_few(core::slice::from_ref(key), 600);
        assert!(shelf.verify(&signed(&questions)).iter().all(Result::is_ok));
        assert_eq!(shelf.tables(), 1);
    }
}

#[test]
fn keys_read_together_are_those_read_one_by_one() {
    let mut runner = TestRunner::new(Config::with_cases(60));
    let key = (any_number(), prop_oneof![8 => 2u8..4, 1 => any::<u8>()]).prop_map(|(x, prefix)| {
        let mut bytes = [prefix; 33];
        bytes[1..].copy_from_slice(&x);
        bytes
    });
    runner
        .run(&proptest::collection::vec(key, 0..60), |keys| {
            let together = read_keys(&keys);
            let single: Vec<_> = keys.iter().map(PublicKey::from_compressed).collect();
            prop_assert_eq!(&together, &single);
            for key in together.iter().flatten() {
                prop_assert_eq!(
                    PublicKey::from_xy(&key.to_xy()).map(|same| *same.z()),
                    Ok(*key.z())
                );
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn messages_signed_together_are_those_signed_one_by_one() {
    let mut runner = TestRunner::new(Config::with_cases(60));
    let messages = proptest::collection::vec(any::<[u8; 8]>(), 0..50);
    runner
        .run(&(any_key(), messages), |(key, messages)| {
            let messages: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
            let single: Vec<Signature> = messages.iter().map(|message| key.sign(message)).collect();
            prop_assert_eq!(key.sign_batch(&messages), single);
            Ok(())
        })
        .unwrap();
}
