//! The proof of an e-cash: there and back, and the cryptogram of a published trace's terminal data.

use proptest::prelude::*;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::cryptogram::CryptogramInput;
use tongtu_ecash::{Cvr, Values, tag};
use tongtu_purse::field::{Amount, DateTime, Kind};
use tongtu_tap_record::{CashCheck, CashFault, CashProof, Mac2State, RecordKind, TapRecord, Told};

use crate::{array, entry};

/// The payment of a published trace, its cryptogram by a key of our own.
fn paid(algorithm: Algorithm) -> (TapRecord, CashProof, BlockKey) {
    let key = BlockKey::new(algorithm, *b"0123456789ABCDEF");
    let issuer: [u8; 19] = array("07010103A00000010A010000038787868FD1FC");
    let mut issuer_data = [0; 32];
    issuer_data[..19].copy_from_slice(&issuer);
    let name: [u8; 8] = array("A000000632010106");
    let mut padded = [0; 16];
    padded[..8].copy_from_slice(&name);
    let terminal = Values::from([
        (tag::AMOUNT, vec![0, 0, 0, 0, 0, 1]),
        (tag::AMOUNT_OTHER, vec![0; 6]),
        (tag::TERMINAL_COUNTRY, vec![0x01, 0x56]),
        (tag::TVR, vec![0; 5]),
        (tag::CURRENCY, vec![0x01, 0x56]),
        (tag::DATE, vec![0x17, 0x06, 0x01]),
        (tag::TRANSACTION_TYPE, vec![0]),
        (tag::UNPREDICTABLE, vec![0x2B, 0x29, 0xEB, 0xE4]),
    ]);
    let input = CryptogramInput {
        terminal: &terminal,
        aip: [0x7C, 0x00],
        atc: 0x0ADC,
        cvr: Cvr([0xA0, 0, 0]),
    };
    let proof = CashProof {
        cryptogram: input.cryptogram(&key),
        issuer_len: 19,
        issuer_data,
        unpredictable: [0x2B, 0x29, 0xEB, 0xE4],
        tvr: [0; 5],
        cid: 0x80,
        aip: [0x7C, 0x00],
        pan_sequence: 0,
        currency: [0x01, 0x56],
        country: [0x01, 0x56],
        told: Told::of(&terminal),
        name_len: 8,
        name: padded,
        expiry: [0x20, 0x11],
        authority: 1,
        check: CashCheck::Rsa,
    };
    let record = TapRecord {
        kind: RecordKind::Cash,
        mac2: Mac2State::None,
        at: DateTime(array("20170601100000")),
        sequence: 0x0ADC,
        transaction: Kind(0),
        amount: Amount::new(1),
        base: Amount::new(1),
        own: proof.own(),
        ..entry()
    };
    (record, proof, key)
}

#[test]
fn a_record_says_all_that_the_issuer_verifies_the_cryptogram_by() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let (record, proof, key) = paid(algorithm);
        assert_eq!(record.check(), Ok(()));
        assert_eq!(record.cash(), Ok(proof.clone()));
        assert_eq!(proof.application(), Ok(&array::<8>("A000000632010106")[..]));
        assert_eq!(record.cryptogram_holds(&key), Ok(true));
        let other = BlockKey::new(algorithm, *b"0123456789ABCDE0");
        assert_eq!(record.cryptogram_holds(&other), Ok(false));
        let changed = [
            TapRecord {
                amount: Amount::new(2),
                ..record.clone()
            },
            TapRecord {
                sequence: 0x0ADD,
                ..record.clone()
            },
            TapRecord {
                transaction: Kind(1),
                ..record.clone()
            },
            TapRecord {
                at: DateTime(array("20170602100000")),
                ..record.clone()
            },
        ];
        for changed in changed {
            assert_eq!(changed.cryptogram_holds(&key), Ok(false), "{changed:?}");
        }
        // Of the 80 bytes: cryptogram, CVR, number, TVR, AIP, currency, country, what was told.
        let covered = [0..8, 13..16, 41..50, 51..53, 54..59];
        for at in covered.into_iter().flatten() {
            let mut own = record.own;
            own[at] ^= 0x80;
            let changed = TapRecord {
                own,
                ..record.clone()
            };
            assert_ne!(changed.cryptogram_holds(&key), Ok(true), "byte {at}");
        }
    }
}

#[test]
fn what_the_card_was_not_told_it_took_as_zeros() {
    let (mut record, mut proof, key) = paid(Algorithm::Sm4);
    let short = Values::from([
        (tag::AMOUNT, vec![0, 0, 0, 0, 0, 1]),
        (tag::UNPREDICTABLE, vec![0x2B, 0x29, 0xEB, 0xE4]),
    ]);
    let input = CryptogramInput {
        terminal: &short,
        aip: [0x7C, 0x00],
        atc: 0x0ADC,
        cvr: Cvr([0xA0, 0, 0]),
    };
    proof.cryptogram = input.cryptogram(&key);
    proof.told = Told::of(&short);
    record.own = proof.own();
    assert_eq!(proof.told, Told(0x81));
    assert_eq!(record.cryptogram_holds(&key), Ok(true));
}

#[test]
fn a_record_of_another_medium_and_lengths_beyond_their_fields_are_refused() {
    let kind = RecordKind::Composite;
    assert_eq!(entry().cash(), Err(CashFault::Kind { kind }));
    let (record, proof, _) = paid(Algorithm::Tdes);
    for (issuer_len, name_len) in [(33, 8), (19, 17), (255, 255)] {
        let wrong = CashProof {
            issuer_len,
            name_len,
            ..proof.clone()
        };
        let wrong = TapRecord {
            own: wrong.own(),
            ..record.clone()
        };
        assert!(matches!(wrong.cash(), Err(CashFault::Length { .. })));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_proof_that_reads_back_or_an_error(own: [u8; 40], rest: [u8; 39], check in 0u8..8) {
        let own = [&own[..], &rest, &[check]].concat();
        match CashProof::decode(&own) {
            Ok(proof) => {
                prop_assert!(check < 4);
                prop_assert_eq!(&proof.own()[..], &own[..]);
                let record = TapRecord { own: proof.own(), ..paid(Algorithm::Sm4).0 };
                let _ = record.cryptogram_holds(&paid(Algorithm::Sm4).2);
            }
            Err(_) => prop_assert!(check >= 4),
        }
        for cut in 0..own.len() {
            prop_assert!(CashProof::decode(&own[..cut]).is_err());
        }
    }
}
