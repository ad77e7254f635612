//! Both files as bytes.

use proptest::prelude::*;
use tongtu_crypto::{Algorithm, SecretKey, sm3};
use tongtu_perso::{Answer, Batch, FileError, Mark, Outcome, Place};
use tongtu_psam::layout::{Finish, KeySlot, SlotRole};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::fixture::{answer, batch, line, personaliser, sender};

fn written(batch: &Batch) -> (Vec<u8>, sm3::Digest) {
    batch.write(&mut sender()).unwrap()
}

fn read(bytes: &[u8]) -> Result<Batch, FileError> {
    Batch::read(bytes, sender().public()).map(|(batch, _)| batch)
}

fn answered() -> (Answer, Vec<u8>) {
    let batch = batch(7, 1..=3);
    let (_, of) = written(&batch);
    let lines = vec![
        line(1, 1, 0xA1, Outcome::Made),
        line(2, 2, 0xA2, Outcome::Spoiled),
        line(2, 2, 0xA3, Outcome::Made),
    ];
    let answer = answer(&batch, of, lines);
    let bytes = answer.write(&mut personaliser()).unwrap();
    (answer, bytes)
}

#[test]
fn a_batch_and_its_answer_are_read_as_they_were_written() {
    let batch = batch(7, 1..=3);
    let (bytes, digest) = written(&batch);
    assert_eq!(bytes.len(), Batch::len_of(3, 2));
    let read = Batch::read(&bytes, sender().public()).unwrap();
    assert_eq!(read, (batch, digest));
    let (answer, bytes) = answered();
    let read = Answer::read(&bytes, personaliser().public()).unwrap();
    assert_eq!(read, answer);
}

/// The head of a batch, byte by byte: whoever writes a reader elsewhere has these.
#[test]
fn the_head_of_a_batch_has_the_bytes_of_the_table() {
    let (bytes, _) = written(&batch(7, 1..=3));
    let head = tongtu_codec::hex_encode(&bytes[..31]);
    let expected = "54545042 01 01 00000007 1000 01011000 000000006afd86c0 0003 02 04";
    let expected = expected.replace(' ', "");
    assert_eq!(head[..56], expected);
    assert_eq!(bytes[31..64], sender().public().to_compressed());
}

#[test]
fn every_truncation_is_named() {
    let (batch, _) = written(&batch(7, 1..=3));
    let (_, answer) = answered();
    for (whole, is_batch) in [(&batch, true), (&answer, false)] {
        for len in 0..whole.len() {
            let cut = &whole[..len];
            let error = if is_batch {
                read(cut).unwrap_err()
            } else {
                Answer::read(cut, personaliser().public()).unwrap_err()
            };
            assert!(
                matches!(error, FileError::Field(_) | FileError::Length { .. }),
                "{len}: {error}"
            );
        }
        let mut more = whole.clone();
        more.push(0);
        let longer = FileError::Length {
            found: more.len(),
            expected: whole.len(),
        };
        let found = if is_batch {
            read(&more).unwrap_err()
        } else {
            Answer::read(&more, personaliser().public()).unwrap_err()
        };
        assert_eq!(found, longer);
    }
}

#[test]
fn every_flipped_bit_of_a_batch_is_named_where_it_is() {
    let batch = batch(7, 1..=3);
    let (bytes, _) = written(&batch);
    let record = (bytes.len() - 64 - 96) / 3;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[at] ^= 1 << bit;
            let error = read(&other).unwrap_err();
            let is_named = match (at, &error) {
                (0..4, FileError::Magic { .. }) | (4, FileError::Version { .. }) => true,
                // Counts say how long the file is.
                (24..27, FileError::Length { .. }) => true,
                (5..64, FileError::Field(_)) => true,
                (5..64, FileError::Damaged { place }) => *place == Place::Head,
                (_, FileError::Damaged { place }) if at >= 64 && at < 64 + 3 * record => {
                    *place == Place::Record((at - 64) / record + 1)
                }
                (_, FileError::Damaged { place }) => *place == Place::Seal,
                (_, FileError::Signature) => at >= bytes.len() - 64,
                _ => false,
            };
            assert!(is_named, "byte {at} bit {bit}: {error}");
        }
    }
}

#[test]
fn every_flipped_byte_of_an_answer_is_refused() {
    let (_, bytes) = answered();
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x20;
        assert!(
            Answer::read(&other, personaliser().public()).is_err(),
            "{at}"
        );
    }
}

#[test]
fn a_file_of_somebody_else_is_refused_even_when_it_is_in_order() {
    let mut other = SecretKey::from_bytes(&[8; 32]).unwrap();
    let (bytes, _) = batch(7, 1..=3).write(&mut other).unwrap();
    assert!(matches!(read(&bytes), Err(FileError::Signer { .. })));
}

/// The checks are no secret: who changes a file and makes them anew still lacks the signature.
#[test]
fn a_batch_that_was_sealed_anew_without_the_key_is_refused() {
    let (bytes, _) = written(&batch(7, [1, 2, 3]));
    let (mut other, _) = written(&batch(7, [1, 2, 4]));
    // The seal of the first on the records of the second.
    let end = other.len() - 64;
    let signature = bytes[bytes.len() - 64..].to_vec();
    other[end..].copy_from_slice(&signature);
    assert_eq!(read(&other), Err(FileError::Signature));
}

#[test]
fn batches_that_nobody_could_make_are_not_written() {
    let refused = |batch: &Batch| batch.write(&mut sender()).unwrap_err();
    assert!(matches!(
        refused(&batch(7, [])),
        FileError::Count {
            what: "modules",
            ..
        }
    ));
    let twice = batch(7, [1, 2, 1]);
    let serial = twice.modules[0].identity.serial;
    assert_eq!(refused(&twice), FileError::SerialTwice { serial });
    let mut twice = batch(7, [1, 2]);
    let terminal = twice.modules[0].identity.terminal;
    twice.modules[1].identity.terminal = terminal;
    assert_eq!(refused(&twice), FileError::TerminalTwice { terminal });
    let mut uneven = batch(7, [1, 2]);
    uneven.modules[1].keys.pop();
    assert!(matches!(
        refused(&uneven),
        FileError::Count { what: "keys", .. }
    ));
    let mut none = batch(7, [1]);
    none.modules[0].keys.clear();
    assert!(matches!(
        refused(&none),
        FileError::Count { what: "keys", .. }
    ));
}

fn keys() -> impl Strategy<Value = KeySlot> {
    let role = prop::sample::select(SlotRole::ALL);
    let numbers = (
        any::<u8>(),
        any::<u8>(),
        any::<u8>(),
        any::<u8>(),
        any::<u8>(),
    );
    (role, numbers, any::<[u8; 16]>(), any::<[u8; 3]>()).prop_map(
        |(role, (purpose, index, version, levels, algorithm), key, kcv)| KeySlot {
            role,
            purpose,
            index,
            version,
            levels,
            algorithm,
            key,
            kcv,
        },
    )
}

prop_compose! {
    fn any_batch()(
        count in 1_u8..6,
        slots in prop::collection::vec(keys(), 1..4),
        number in any::<u32>(),
        city in "[0-9]{4}",
        sender in "[0-9]{8}",
        made_at in 0..4_000_000_000_i64,
        mark in prop::sample::select(Mark::ALL),
        algorithm in prop::sample::select(&[Algorithm::Tdes, Algorithm::Sm4]),
        first_sequence in any::<u32>(),
        mac2_failures_max in any::<u8>(),
    ) -> Batch {
        let mut made = batch(number, 1..=count);
        made.mark = mark;
        made.city = CityCode::parse(&city).unwrap();
        made.sender = InstitutionCode::parse(&sender).unwrap();
        made.made_at = Timestamp::new(made_at);
        made.transport.algorithm = algorithm;
        for module in &mut made.modules {
            module.keys.clone_from(&slots);
            module.finish = Finish { first_sequence, mac2_failures_max };
        }
        made
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_batch_comes_back(batch in any_batch()) {
        let (bytes, digest) = written(&batch);
        prop_assert_eq!(Batch::read(&bytes, sender().public()), Ok((batch, digest)));
    }

    #[test]
    fn no_bytes_panic(
        start in prop::sample::select(vec![&b""[..], b"TTPB\x01\x01", b"TTPR\x01\x01"]),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, &bytes].concat();
        prop_assert!(read(&bytes).is_err());
        prop_assert!(Answer::read(&bytes, sender().public()).is_err());
    }
}

#[test]
fn an_answer_without_order_is_not_written() {
    let batch = batch(7, 1..=2);
    let (_, of) = written(&batch);
    for lines in [
        vec![],
        vec![line(0, 1, 1, Outcome::Made)],
        vec![line(2, 2, 1, Outcome::Made), line(1, 1, 2, Outcome::Made)],
        vec![line(1, 1, 1, Outcome::Made), line(1, 1, 2, Outcome::Made)],
    ] {
        let refused = answer(&batch, of, lines.clone()).write(&mut personaliser());
        assert!(refused.is_err(), "{lines:?}");
    }
}
