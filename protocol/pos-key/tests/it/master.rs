//! Master keys: by components, and by a key-injection file.

use proptest::prelude::*;
use tongtu_codec::hex_encode;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_pos_key::layout::Injection;
use tongtu_pos_key::{Component, KeyError, KeyPart, combine};

const PARTS: [[u8; 16]; 3] = [[0x11; 16], [0x2E; 16], [0x47; 16]];
const WHOLE: [u8; 16] = [0x78; 16];

fn components(algorithm: Algorithm) -> Vec<Component> {
    PARTS
        .map(|part| Component::new(part, BlockKey::new(algorithm, part).long_kcv()))
        .into()
}

#[test]
fn components_give_the_key_whose_check_value_was_announced() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let expected = BlockKey::new(algorithm, WHOLE).long_kcv();
        let key = combine(algorithm, &components(algorithm), expected).unwrap();
        assert_eq!(key.long_kcv(), expected);
    }
}

#[test]
fn a_wrong_component_is_named_and_a_wrong_whole_too() {
    let expected = BlockKey::new(Algorithm::Sm4, WHOLE).long_kcv();
    let mut parts = components(Algorithm::Sm4);
    parts[1] = Component::new(
        [0x2F; 16],
        BlockKey::new(Algorithm::Sm4, PARTS[1]).long_kcv(),
    );
    assert_eq!(
        combine(Algorithm::Sm4, &parts, expected).err(),
        Some(KeyError::Component { number: 2 })
    );
    assert_eq!(
        combine(Algorithm::Sm4, &components(Algorithm::Sm4), [0; 4]).err(),
        Some(KeyError::CheckValue {
            part: KeyPart::Master
        })
    );
}

#[test]
fn one_custodian_alone_makes_no_key_nor_do_two_of_the_same() {
    let part = || Component::new(PARTS[0], BlockKey::new(Algorithm::Sm4, PARTS[0]).long_kcv());
    for (parts, found) in [(vec![], 0), (vec![part()], 1), (vec![part(), part()], 2)] {
        let refused = combine(Algorithm::Sm4, &parts, [0; 4]);
        assert_eq!(refused.err(), Some(KeyError::Components { found }));
    }
}

fn record(terminal: &str) -> (Injection, BlockKey) {
    let transport = BlockKey::new(Algorithm::Sm4, [0x77; 16]);
    let mut key = WHOLE;
    transport.encrypt_blocks(&mut key).unwrap();
    let kcv = BlockKey::new(Algorithm::Sm4, WHOLE).long_kcv();
    let record = Injection::new(true, terminal, Algorithm::Sm4, transport.kcv(), kcv, key);
    (record.unwrap(), transport)
}

#[test]
fn a_record_has_the_bytes_of_its_table_and_opens_under_its_transport_key() {
    let (record, transport) = record("20010001");
    let bytes = record.encode().unwrap();
    assert_eq!(hex_encode(&bytes[..16]), "5454504b010132303031303030310401");
    assert_eq!(bytes.len(), 47);
    let read = Injection::read_all(&bytes).unwrap();
    assert_eq!(read, [record]);
    let key = read[0].open(&transport).unwrap();
    assert_eq!(key.long_kcv(), read[0].kcv);
    let other = BlockKey::new(Algorithm::Sm4, [0x76; 16]);
    assert_eq!(read[0].open(&other).err(), Some(KeyError::Transport));
}

#[test]
fn every_truncation_and_every_flipped_bit_of_a_file_is_named() {
    let whole = [
        record("20010001").0.encode().unwrap(),
        record("20010002").0.encode().unwrap(),
    ]
    .concat();
    assert_eq!(Injection::read_all(&whole).unwrap().len(), 2);
    for len in (0..whole.len()).filter(|len| *len != 47) {
        let error = KeyError::File {
            found: len,
            expected: 47,
        };
        assert_eq!(Injection::read_all(&whole[..len]), Err(error));
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut other = whole.clone();
            other[at] ^= 1 << bit;
            match Injection::read_all(&other).unwrap_err() {
                KeyError::Damaged { number } => assert_eq!(number, at / 47 + 1),
                // A character that no terminal's name has.
                KeyError::Record { number, source } => {
                    assert!((6..14).contains(&(at % 47)));
                    assert_eq!((number, source.field), (at / 47 + 1, "terminal"));
                }
                error => panic!("{at}.{bit}: {error}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_record_comes_back(
        is_test in any::<bool>(),
        terminal in "[0-9A-Z]{8}",
        tdes in any::<bool>(),
        transport in any::<[u8; 3]>(),
        kcv in any::<[u8; 4]>(),
        key in any::<[u8; 16]>(),
    ) {
        let algorithm = if tdes { Algorithm::Tdes } else { Algorithm::Sm4 };
        let record = Injection::new(is_test, &terminal, algorithm, transport, kcv, key).unwrap();
        let bytes = record.encode().unwrap();
        prop_assert_eq!(Injection::read_all(&bytes), Ok(vec![record]));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Injection::read_all(&bytes).is_err());
    }
}
