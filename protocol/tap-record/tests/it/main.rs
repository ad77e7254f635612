//! The record of a card's ride: any content there and back, hostile bytes, published codes.

mod cash;
mod signed;

use proptest::collection::vec;
use proptest::prelude::*;
use tongtu_apdu::StatusWord;
use tongtu_codec::hex_decode;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_psam::PsamSerial;
use tongtu_purse::field::{
    Amount, Balance, CardKind, City, DateTime, Direction, Industry, Institution, Kind, Limit,
    Serial, Terminal, Terminal8,
};
use tongtu_purse::proof::card_key;
use tongtu_tap_record::{
    Mac2State, Magic, RecordFault, RecordKind, Recovery, RideKey, Stage, TapRecord, Version,
};
use tongtu_types::LineCode;

fn array<const N: usize>(hex: &str) -> [u8; N] {
    let bytes = hex_decode(hex).expect("a test writes hex");
    bytes.try_into().expect("of the right length")
}

/// A metro entry of a card that nobody has, with the codes of the derived chain.
fn entry() -> TapRecord {
    TapRecord {
        magic: Magic,
        version: Version::One,
        kind: RecordKind::Composite,
        stage: Stage::Entry,
        mac2: Mac2State::Verified,
        recovery: Recovery::Plain,
        status: StatusWord::OK,
        acceptor: Institution(array("0101 1000 FFFFFFFF".replace(' ', "").as_str())),
        city: City([0x58, 0x10]),
        psam: PsamSerial([1; 10]),
        terminal: Terminal(array("581000000001")),
        terminal_sequence: 0x101,
        at: DateTime(array("20250601080000")),
        recorder: Terminal(array("581000000001")),
        recorded_at: DateTime(array("20250601080000")),
        serial: Serial(array("03104899999900000017")),
        issuer: Institution(array("02905810FFFFFFFF")),
        card_city: City([0x58, 0x10]),
        interop: 1,
        card_kind: CardKind::ORDINARY,
        sequence: 7,
        transaction: Kind::COMPOSITE,
        key_index: 1,
        key_version: 1,
        algorithm: 0,
        random: array("A1B2C3D4"),
        amount: Amount::ZERO,
        before: Balance::from_bytes([0, 0, 0x13, 0x88]),
        after: Balance::from_bytes([0, 0, 0x13, 0x88]),
        overdraft: Limit::ZERO,
        tac: array("35B3762C"),
        mac2_code: array("5A59B7B7"),
        base: Amount::ZERO,
        discount: Amount::ZERO,
        transfer: Amount::ZERO,
        penalty: Amount::ZERO,
        arrears: Amount::ZERO,
        marked: Amount::new(900),
        industry: Industry::RAIL,
        operator: [0; 2],
        line: LineCode::parse("METRO").expect("five letters"),
        station: *b"\0\0\0\0\0\0\x01\x01",
        direction: Direction(0),
        vehicle: [0; 8],
        origin_institution: Institution([0; 8]),
        origin_city: City([0; 2]),
        origin_line: [0; 2],
        origin_station: [0; 8],
        origin_terminal: Terminal8([0; 8]),
        origin_at: DateTime([0; 7]),
        software: *b"0.1_260101",
        fares: 1,
        parameters: 2,
        white_list: 3,
        blacklist: 4,
        own: [0; 80],
    }
}

#[test]
fn the_bytes_of_a_known_entry_stand_where_the_table_says() {
    let bytes = entry().encode().expect("as wide as its values");
    assert_eq!(bytes.len(), TapRecord::LEN);
    let shown = tongtu_codec::hex_encode(&bytes).to_ascii_uppercase();
    assert!(shown.starts_with(concat!(
        "54544352",
        "01",
        "02",
        "02",
        "01",
        "00",
        "9000",
        "01011000FFFFFFFF",
        "5810",
        "01010101010101010101",
        "581000000001",
        "00000101",
        "20250601080000",
        "581000000001",
        "20250601080000",
        "03104899999900000017",
        "02905810FFFFFFFF",
        "5810",
        "0001",
        "01",
        "0007",
        "09",
        "01",
        "01",
        "00",
        "A1B2C3D4",
        "00000000",
        "00001388",
        "00001388",
        "000000",
        "35B3762C",
        "5A59B7B7",
    )));
}

#[test]
fn tac_and_mac2_of_the_derived_chain_hold_and_those_of_another_key_do_not() {
    let record = entry();
    let master = |hex: &str| BlockKey::new(Algorithm::Tdes, array(hex));
    let of_card = |key: &BlockKey| card_key(key, record.issuer, record.serial);
    let purchase = of_card(&master("32D464AC81F1640A687D023BF99E35DF"));
    let tac = of_card(&master("0F1E2D3C4B5A69788796A5B4C3D2E1F0"));
    assert!(record.tac_holds(&tac) && record.mac2_holds(&purchase));
    assert!(!record.tac_holds(&purchase) && !record.mac2_holds(&tac));
}

#[test]
fn a_ride_is_named_by_card_and_sequence_whoever_recorded_it() {
    let mut elsewhere = entry();
    elsewhere.recovery = Recovery::Elsewhere;
    elsewhere.recorder = Terminal([9; 6]);
    let key = RideKey {
        serial: entry().serial,
        sequence: 7,
        is_cash: false,
    };
    assert_eq!(entry().ride_key(), Some(key));
    assert_eq!(elsewhere.ride_key(), Some(key));
    elsewhere.kind = RecordKind::Cash;
    assert_ne!(elsewhere.ride_key(), Some(key), "an e-cash counts apart");
    elsewhere.kind = RecordKind::Lock;
    assert_eq!((elsewhere.ride_key(), elsewhere.module_key()), (None, None));
}

#[test]
fn a_record_that_contradicts_itself_is_named() {
    assert_eq!(entry().check(), Ok(()));
    let with = |change: &dyn Fn(&mut TapRecord)| {
        let mut record = entry();
        change(&mut record);
        record.check()
    };
    let fare = with(&|r| {
        (r.base, r.discount, r.arrears) = (Amount::new(500), Amount::new(100), Amount::new(50));
        r.amount = Amount::new(400);
    });
    let (amount, parts) = (Amount::new(400).fen(), 450);
    assert_eq!(fare, Err(RecordFault::Parts { amount, parts }));
    let paid = with(&|r| {
        (r.base, r.amount) = (Amount::new(1), Amount::new(1));
        r.recovery = Recovery::Vouch;
    });
    assert!(matches!(paid, Err(RecordFault::Money { .. })));
    for (recovery, mac2, good) in [
        (Recovery::Plain, Mac2State::None, false),
        (Recovery::Plain, Mac2State::Unverified, true),
        (Recovery::Plain, Mac2State::Failed, true),
        (Recovery::Here, Mac2State::Unverified, true),
        (Recovery::Elsewhere, Mac2State::None, false),
        (Recovery::Grey, Mac2State::Verified, false),
        (Recovery::Grey, Mac2State::None, true),
    ] {
        let checked = with(&|r| (r.recovery, r.mac2) = (recovery, mac2));
        assert_eq!(checked.is_ok(), good, "{recovery:?} {mac2:?}");
    }
}

#[test]
fn a_card_number_does_not_print() {
    assert!(!format!("{:?}", entry()).contains("3104899999900000017"));
}

#[test]
fn what_is_noted_of_a_ride_that_nobody_was_told_of_is_the_record_in_version_2() {
    let record = entry();
    let at = DateTime([0x20, 0x25, 0x06, 0x01, 0x08, 0x30, 0x00]);
    let noted = record.untold(Terminal([9; 6]), at);
    let (was, is) = (record.encode().unwrap(), noted.encode().unwrap());
    let differ: Vec<usize> = (0..was.len()).filter(|i| was[*i] != is[*i]).collect();
    // Version, recovery state, who made it and when.
    assert!(
        differ
            .iter()
            .all(|i| [4, 8].contains(i) || (48..61).contains(i))
    );
    assert_eq!((was[4], was[8], is[4], is[8]), (1, 0, 2, 5));
    assert_eq!(TapRecord::decode(&is), Ok(noted.clone()));
    assert_eq!(noted.ride_key(), record.ride_key());
    assert_eq!(noted.check(), Ok(()));
    assert!(!noted.is_whole() && !noted.is_paid_ride());
}

#[test]
fn only_what_was_never_told_is_of_version_2() {
    for recovery in Recovery::ALL {
        for version in Version::ALL {
            let mut record = entry();
            (record.version, record.recovery) = (*version, *recovery);
            if *recovery == Recovery::Grey {
                record.mac2 = Mac2State::None;
            }
            let is_two = *version == Version::Two;
            let fits = is_two == (*recovery == Recovery::Untold);
            assert_eq!(record.check().is_ok(), fits, "{version:?} {recovery:?}");
        }
    }
    let mut lock = entry().untold(Terminal([9; 6]), entry().at);
    (lock.kind, lock.mac2) = (RecordKind::Lock, Mac2State::None);
    assert!(matches!(lock.check(), Err(RecordFault::Version { .. })));
}

#[test]
fn a_rider_is_owed_nothing_for_what_moved_no_money_or_is_not_believed() {
    let mut paid = entry();
    (paid.base, paid.amount) = (Amount::new(200), Amount::new(200));
    assert!(paid.is_paid_ride());
    let with = |change: &dyn Fn(&mut TapRecord)| {
        let mut record = paid.clone();
        change(&mut record);
        record.is_paid_ride()
    };
    assert!(with(&|r| r.recovery = Recovery::Elsewhere));
    assert!(!with(&|r| r.amount = Amount::ZERO));
    assert!(!with(&|r| r.mac2 = Mac2State::Failed));
    assert!(!with(&|r| r.stage = Stage::None));
    for recovery in [Recovery::Grey, Recovery::Vouch, Recovery::Untold] {
        assert!(!with(&|r| r.recovery = recovery), "{recovery:?}");
    }
    for kind in [RecordKind::Ticket, RecordKind::Lock, RecordKind::Face] {
        assert!(!with(&|r| r.kind = kind), "{kind:?}");
    }
    // An e-cash without a signature.
    assert!(!with(&|r| r.kind = RecordKind::Cash));
}

/// A record with any content that the table has room for.
fn any_record() -> impl Strategy<Value = TapRecord> {
    let codes = (
        proptest::sample::select(Version::ALL),
        proptest::sample::select(RecordKind::ALL),
        proptest::sample::select(Stage::ALL),
        proptest::sample::select(Mac2State::ALL),
        proptest::sample::select(Recovery::ALL),
        "[!-~]{1,6}",
    );
    (codes, vec(any::<u8>(), TapRecord::LEN)).prop_map(
        |((version, kind, stage, mac2, recovery, line), mut bytes)| {
            bytes[..4].copy_from_slice(&Magic::BYTES);
            bytes[4] = version.byte();
            bytes[5] = kind.byte();
            bytes[6] = stage.byte();
            bytes[7] = mac2.byte();
            bytes[8] = recovery.byte();
            let spec = TapRecord::SPEC.fields.iter().find(|f| f.name == "line");
            let at = spec.expect("the table has a line").offset;
            bytes[at..at + 6].fill(b' ');
            bytes[at..at + line.len()].copy_from_slice(line.as_bytes());
            TapRecord::decode(&bytes).expect("every other field takes any bytes")
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(record in any_record()) {
        let bytes = record.encode().expect("as wide as its values");
        prop_assert!(TapRecord::is_one(&bytes));
        prop_assert_eq!(TapRecord::decode(&bytes).expect("our own"), record.clone());
        let _ = (record.check(), record.parts_fen());
    }

    #[test]
    fn a_record_cut_or_lengthened_is_refused(record in any_record(), at in 0..TapRecord::LEN) {
        let mut bytes = record.encode().expect("as wide as its values");
        prop_assert!(TapRecord::decode(&bytes[..at]).is_err());
        bytes.push(0);
        prop_assert!(TapRecord::decode(&bytes).is_err());
    }

    #[test]
    fn a_flipped_bit_is_refused_or_shows(
        record in any_record(), at in 0..TapRecord::LEN, bit in 0..8u8,
    ) {
        let mut bytes = record.encode().expect("as wide as its values");
        bytes[at] ^= 1 << bit;
        if let Ok(other) = TapRecord::decode(&bytes) {
            prop_assert_ne!(other, record);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = (TapRecord::decode(&bytes), TapRecord::describe(&bytes, 0));
    }
}
