//! The ride record: round trip, digest, signature, and what an older reader finds in front.

use proptest::prelude::*;
use tongtu_ride_code::Verdict;
use tongtu_ride_code::record::{
    CATEGORY_METRO, Direction, RecordError, RideRecord, check_digest, check_signature, items, tag,
};
use tongtu_types::{Fen, InstitutionCode, LineCode, RecordId, StationCode, TerminalNumber};

use crate::fixture::{Fixture, T0, key, published};

fn sample() -> RideRecord {
    let acquirer = InstitutionCode::parse("11345810").unwrap();
    let terminal = TerminalNumber::parse("581000000007").unwrap();
    RideRecord {
        code: published("code_a"),
        model: *b"TT-GATE1",
        terminal_id: *b"GZ000007",
        software: *b"0.1_260101",
        id: RecordId::compose(acquirer, terminal, T0, 42),
        category: CATEGORY_METRO,
        amount: Fen::new(400),
        vehicle: None,
        line: LineCode::parse("GZ1").unwrap(),
        scanned_at: T0,
        direction: Direction::Exit,
        station: Some(StationCode::parse("GZ0101").unwrap()),
        fare_version: 3,
        result: Verdict::Accepted,
        terminal_serial: [0, 0, 0, 7],
    }
}

#[test]
fn round_trips_with_digest_and_signature() {
    let terminal_key = key("terminal");
    let bytes = sample().encode(&terminal_key).unwrap();
    assert_eq!(RideRecord::decode(&bytes).unwrap(), sample());
    check_signature(&bytes, terminal_key.public()).unwrap();
    assert_eq!(
        check_signature(&bytes, key("other").public()),
        Err(RecordError::Signature)
    );
}

#[test]
fn the_published_items_come_first_and_in_order() {
    let bytes = sample().encode(&key("terminal")).unwrap();
    assert_eq!(bytes[..9], [0, 0, 0, 1, 0, 0, 1, 0x01, 0x4C]);
    let tags: Vec<u16> = items(&bytes).unwrap().iter().map(|i| i.tag).collect();
    assert!(tags.is_sorted());
    assert_eq!(tags[..4], [1, 2, 3, 4]);
    let amount = items(&bytes)
        .unwrap()
        .into_iter()
        .find(|i| i.tag == tag::AMOUNT)
        .unwrap();
    assert_eq!(amount.content, [0, 0, 0x04, 0x00]);
}

#[test]
fn every_flipped_bit_is_seen() {
    let terminal_key = key("terminal");
    let good = sample().encode(&terminal_key).unwrap();
    // One bit of each byte is enough: digest and signature do not know bits apart.
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let holds = RideRecord::decode(&bytes).is_ok()
            && check_signature(&bytes, terminal_key.public()).is_ok();
        assert!(!holds, "byte {at}");
    }
}

#[test]
fn many_records_are_read_as_each_alone() {
    let good = sample().encode(&key("terminal")).unwrap();
    let mut records: Vec<Vec<u8>> = (0..=good.len()).map(|len| good[..len].to_vec()).collect();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        records.push(bytes);
    }
    records.push(vec![0; 2000]);
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let each = RideRecord::decode_each(&records);
    assert_eq!(each.len(), records.len());
    for (record, read) in records.iter().zip(each) {
        assert_eq!(read, RideRecord::decode(record));
    }
}

#[test]
fn names_what_is_missing_or_twice() {
    let bytes = sample().encode(&key("terminal")).unwrap();
    let end = items(&bytes).unwrap().last().unwrap().offset;
    assert_eq!(
        check_signature(&bytes[..end], key("terminal").public()),
        Err(RecordError::Missing {
            tag: tag::TERMINAL_SIGNATURE
        })
    );
    let mut twice = bytes.clone();
    twice.extend([0x00, 0x15, 0, 4, 0, 0, 0, 9]);
    assert_eq!(
        RideRecord::decode(&twice),
        Err(RecordError::Twice {
            tag: tag::FARE_VERSION
        })
    );
    let mut extra = bytes;
    extra.extend([0x7F, 0x01, 0, 1, 0xAA]);
    assert_eq!(
        RideRecord::decode(&extra).unwrap(),
        sample(),
        "unknown items are passed over"
    );
    assert!(
        check_signature(&extra, key("terminal").public()).is_err(),
        "but not signed for"
    );
}

#[test]
fn an_amount_that_does_not_fit_is_refused() {
    let mut record = sample();
    for fen in [-1, 100_000_000] {
        record.amount = Fen::new(fen);
        let result = record.encode(&key("terminal"));
        assert_eq!(result, Err(RecordError::Amount(Fen::new(fen))));
    }
}

#[test]
fn a_long_item_that_does_not_hold_is_not_repeated_in_the_error() {
    let mut bytes = sample().encode(&key("terminal")).unwrap();
    let all = items(&bytes).unwrap();
    let place = |tag: u16| all.iter().find(|item| item.tag == tag).unwrap().offset;
    let (id, digest) = (place(tag::RECORD_ID) + 4, place(tag::DIGEST));
    bytes[id..id + 20].copy_from_slice(b"3104100000000000017x");
    let anew = tongtu_crypto::sm3::digest(&bytes[..digest]);
    bytes[digest + 4..digest + 36].copy_from_slice(&anew);
    let refused = RideRecord::decode(&bytes).unwrap_err().to_string();
    assert!(
        refused.contains("is 43 bytes, expected 43 digits"),
        "{refused}"
    );
    assert!(!refused.contains("33313034"), "{refused}");
}

#[test]
fn a_foreign_record_of_the_published_shape_is_digest_checked() {
    let bytes = sample().encode(&key("terminal")).unwrap();
    let all = items(&bytes).unwrap();
    let after_digest = all.iter().find(|i| i.tag == tag::DIRECTION).unwrap().offset;
    let plain = &bytes[..after_digest];
    check_digest(plain, &items(plain).unwrap()).unwrap();
    assert_eq!(
        RideRecord::decode(plain),
        Err(RecordError::Missing {
            tag: tag::DIRECTION
        }),
        "ours needs its own items"
    );
}

proptest! {
    #[test]
    fn any_content_round_trips(
        fen in 0i64..100_000_000,
        seconds in 0i64..4_000_000_000,
        fare_version: u32,
        sequence: u64,
        entry: bool,
    ) {
        let fixture = Fixture::new();
        let mut record = sample();
        record.amount = Fen::new(fen);
        record.scanned_at = tongtu_types::Timestamp::new(seconds);
        record.id = RecordId::compose(record.id.acquirer(), record.id.terminal(), T0, sequence);
        record.fare_version = fare_version;
        record.direction = if entry { Direction::Entry } else { Direction::Single };
        let bytes = record.encode(&fixture.user_key).unwrap();
        prop_assert_eq!(RideRecord::decode(&bytes).unwrap(), record);
    }
}
