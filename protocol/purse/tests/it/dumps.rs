//! What real cards answered: parsed, printed, and written back byte for byte.
//!
//! Every card number has its serial altered; issuers, dates and shapes are as they were seen.

use tongtu_apdu::{Command, Response};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_purse::explain::explain;
use tongtu_purse::fci::{Application, Directory, Fci, FciForm};
use tongtu_purse::field::{Industry, Kind, RailState, TripKind};
use tongtu_purse::layout::{Composite, PublicInfo, RailRecord, Transaction, TransitInfo, Trip};
use tongtu_purse::profile::STYLES;

fn bytes(hex: &str) -> Vec<u8> {
    hex_decode(hex).expect("a test writes hex")
}

/// FCIs: one of most cities, one with label and display name, one with two version bytes and
/// padding. Serials altered.
const FCIS: &[(&str, &str)] = &[
    (
        "6F31 8408A000000632010105 A525 9F080102 9F0C1E 01011000FFFFFFFF 0201 \
         03105170070100000017 20190718 20401231 0000",
        "plain",
    ),
    (
        "6F50 8408A000000632010105 A544 50084D4F545F545F4550 870102 9F080102 9F120F \
         4341524420494D41474520 30303031 9F0C1E 02403640FFFFFFFF 0201 \
         03104991580000000017 20210726 20250930 8500",
        "labelled",
    ),
    (
        "6F36 8408A000000632010105 A526 9F08020030 9F0C1E 02215840FFFFFFFF 0201 \
         03104870400000000017 20241107 20541107 0000 00000000",
        "version-3",
    ),
];

#[test]
fn every_fci_parses_and_is_written_back() {
    for (hex, _) in FCIS {
        let dump = bytes(hex);
        let fci = Fci::parse(&dump).expect("a real card's");
        assert_eq!(hex_encode(&fci.encode()), hex_encode(&dump));
        assert_eq!(fci.application(), Application::Purse);
        let public = fci.public_info().expect("30 bytes");
        let number = public.serial.card_number().expect("digits");
        assert!(number.reveal().ends_with("0000017"));
        assert_eq!(number.reveal().len(), 19);
        assert_eq!(public.application_version, 1);
    }
}

/// The styles of the profile table write the very bytes that such cards were seen with.
#[test]
fn the_writer_makes_the_same_fci_in_the_cards_style() {
    for (hex, style) in FCIS {
        let dump = bytes(hex);
        let fci = Fci::parse(&dump).expect("a real card's");
        let style = STYLES.iter().find(|s| s.name == *style).expect("listed");
        let form = FciForm {
            label: style
                .label
                .map(|(label, priority)| (label.to_vec(), priority)),
            version: style.version.to_vec(),
            display_name: style.display_name.map(<[u8]>::to_vec),
            padding: style.padding,
        };
        let public = fci.public_info().expect("30 bytes").encode().expect("wide");
        assert_eq!(
            hex_encode(&form.fci(fci.aid(), &public).encode()),
            hex_encode(&dump)
        );
        assert_eq!(FciForm::decode(&form.encode()), Some(form));
    }
}

#[test]
fn the_reader_takes_any_order_any_depth_and_decides_by_content() {
    let public = "01011000FFFFFFFF0201031051700701000000172019071820401231 0000".replace(' ', "");
    // 9F0C in front, inside BF0C, padding before and after, a long AID.
    let inside = format!("9F0C1E{public}9F080102");
    let deep = format!("BF0C25{inside}");
    let a5 = format!("A528{deep}");
    let card = bytes(&format!(
        "6F3E 8410A000000632010105 10009156000014A1 {a5} 0000"
    ));
    let fci = Fci::parse(&card).expect("tolerable");
    assert_eq!(fci.application(), Application::Purse);
    assert_eq!(fci.encode(), card);
    assert!(fci.public_info().is_some());
    assert_eq!(fci.aid().as_bytes().len(), 16);
    // An e-purse installed under an e-cash AID, and an e-cash.
    let under_cash = bytes(&format!("6F2D 8408A000000632010106 A521 9F0C1E{public}"));
    let fci = Fci::parse(&under_cash).expect("tolerable");
    assert_eq!(fci.application(), Application::Purse);
    let cash = bytes("6F15 8408A000000632010106 A509 9F3806 DF6001 9F6604");
    let fci = Fci::parse(&cash).expect("tolerable");
    assert_eq!(fci.application(), Application::Cash);
}

#[test]
fn the_directory_of_a_card_with_both_applications() {
    let dump = bytes(
        "6F49 840E 325041592E5359532E4444463031 A537 BF0C34
         6119 4F08 A000000632010106 500A 4D4F545F545F43415348 870101
         6117 4F08 A000000632010105 5008 4D4F545F545F4550     870102",
    );
    let directory = Directory::parse(&dump).expect("a real card's");
    assert_eq!(directory.encode(), dump);
    assert_eq!(directory.entries.len(), 2);
    assert_eq!(directory.entries[1].label, b"MOT_T_EP");
}

/// File 0x15 of four cards, serials altered; the last bytes are the city's own.
#[test]
fn public_data_of_real_cards() {
    for (hex, city) in [
        (
            "01011000FFFFFFFF 0201 03105170010100000017 20190806 20401231 0000",
            "北京",
        ),
        (
            "02002900FFFFFFFF 0201 03104770040000000017 20200115 20401231 0114",
            "上海",
        ),
        (
            "02215840FFFFFFFF 0201 03104870400000000017 20241107 20541107 0000",
            "深圳",
        ),
    ] {
        let dump = bytes(hex);
        let info = PublicInfo::decode(&dump).expect("30 bytes");
        assert_eq!(info.encode().expect("wide"), dump);
        assert_eq!(info.issuer.city().name().map(|name| name.zh), Some(city));
        assert!(info.expires.day().is_some());
    }
}

#[test]
fn management_data_of_a_real_card() {
    let dump = bytes(&format!("00000156 5800 5840 0001 01 {}", "00".repeat(49)));
    let info = TransitInfo::decode(&dump).expect("60 bytes");
    assert_eq!(info.encode().expect("wide"), dump);
    assert_eq!(info.city.name().map(|name| name.en), Some("Shenzhen"));
    assert_eq!(info.interop, 1);
}

#[test]
fn transactions_of_real_cards() {
    for (hex, sequence, fen, kind) in [
        (
            "042D 000000 000001F4 09 300089000340 20241229141740",
            1069,
            500,
            Kind::COMPOSITE,
        ),
        (
            "0002 000000 00000000 02 200099990040 20200115151321",
            2,
            0,
            Kind::LOAD,
        ),
        (
            "0001 000000 00000000 02 200092990040 20200115151321",
            1,
            0,
            Kind::LOAD,
        ),
    ] {
        let dump = bytes(hex);
        let record = Transaction::decode(&dump).expect("23 bytes");
        assert_eq!(record.encode().expect("wide"), dump);
        assert_eq!(record.sequence, sequence);
        assert_eq!(record.amount.get(), fen);
        assert_eq!(record.kind, kind);
    }
}

/// A metro exit, and the two records that a metro entry wrote.
#[test]
fn rides_of_a_real_card() {
    let exit = bytes(
        "04 0000300089000340 01 0800 1900 3000 00 000001F4 00000E01 20241229141740 1000
         01011000FFFFFFFF 000000000000",
    );
    let trip = Trip::decode(&exit).expect("48 bytes");
    assert_eq!(trip.encode().expect("wide"), exit);
    assert_eq!((trip.kind, trip.industry), (TripKind::EXIT, Industry::RAIL));
    assert_eq!(trip.amount.get(), 500);
    assert_eq!(trip.at.to_string(), "2024-12-29 14:17:40");
    assert_eq!(trip.place().name().map(|name| name.zh), Some("北京"));

    let entry = bytes(&format!(
        "27017D01 01 00 0000000000065292 01 1000 0000 01011000FFFFFFFF 0000000000000000
         1000751309000819 0000000000000000 100075131F081909 0000000000000000 20190831175904
         00000000000000 00000384 08 00 00000000 00000BB8 00000000 01 {}",
        "00".repeat(28)
    ));
    let Composite::Rail(rail) = Composite::read(&entry) else {
        panic!("id 2701 is rail");
    };
    assert_eq!(Composite::Rail(rail.clone()).bytes(), entry);
    assert_eq!(rail.state, RailState::ENTERED);
    assert_eq!(hex_encode(&rail.entry_station), "1000751309000819");
    assert_eq!(rail.marked.get(), 900);
    assert_eq!(rail.entry_line, 8);
    assert_eq!(rail.entry_balance.fen().get(), 3000);

    let trip = bytes(
        "03 0000300089000195 01 0800 1300 3000 00 00000000 00000BB8 20190831175904 1000
         01011000FFFFFFFF 000000000000",
    );
    let read = Trip::decode(&trip).expect("48 bytes");
    assert_eq!(read.encode().expect("wide"), trip);
    assert_eq!(read.kind, TripKind::ENTRY);
    assert_eq!(hex_encode(&read.terminal.number().0), "300089000195");
}

#[test]
fn a_trip_whose_city_is_a_local_code_is_placed_by_its_institution() {
    let mut trip = Trip::decode(&[0; 48]).expect("48 bytes");
    trip.city.0 = [0x00, 0x07];
    trip.institution.0 = [0x11, 0x13, 0x29, 0x00, 0xFF, 0xFF, 0xFF, 0xFF];
    assert_eq!(trip.place().name().map(|name| name.zh), Some("上海"));
}

#[test]
fn only_shanghai_has_a_crc() {
    let mut record = [7; 128];
    assert!(!RailRecord::shanghai_crc_holds(&record));
    RailRecord::put_shanghai_crc(&mut record);
    assert!(RailRecord::shanghai_crc_holds(&record));
    record[50] ^= 1;
    assert!(!RailRecord::shanghai_crc_holds(&record));
}

/// A TAC record of a card whose keys nobody has: its fields parse.
#[test]
fn the_parts_of_a_transaction_of_unknown_keys() {
    let command = Command::parse(&bytes("805401000F 00000005 20170214154000 A5717B4F 08"))
        .expect("a command");
    let answer = Response::parse(&bytes("A5717B4F 9909F538 9000")).expect("an answer");
    let told = explain(&command, Some(&answer)).expect("the purse's");
    let shown: Vec<_> = told
        .answer
        .iter()
        .map(|line| hex_encode(&line.bytes))
        .collect();
    assert_eq!(shown, ["a5717b4f", "9909f538"]);
}

/// What `read` prints of the dumps: one line a field, in both languages.
#[test]
fn dumps_print() {
    let lines = |command: &str, answer: &str| {
        let command = Command::parse(&bytes(command)).expect("a command");
        let answer = Response::parse(&bytes(answer)).expect("an answer");
        let told = explain(&command, Some(&answer)).expect("the purse's");
        told.answer
            .iter()
            .map(|line| format!("{}|{}|{}", line.zh, line.en, line.value))
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("805C000204", "00000AC3 9000"), ["余额|balance|27.55"]);
    let shown = lines(
        "00B201F430",
        "04 0000300089000340 01 0800 1900 3000 00 000001F4 00000E01 20241229141740 1000 01011000FFFFFFFF 000000000000 9000",
    );
    assert!(
        shown.contains(&"交易类型|trip type|04 出站 exit".into()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"受理方城市代码|acceptor city|1000 北京 Beijing".into()),
        "{shown:?}"
    );
    let shown = lines("00A4040008A000000632010105", &format!("{} 9000", FCIS[1].0));
    assert!(
        shown.contains(&"应用标签|50 label|MOT_T_EP".into()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"应用有效日期|application expiry date|2025-09-30".into()),
        "{shown:?}"
    );
    assert!(
        shown.contains(&"应用序列号|application serial number|3104991580000000017".into()),
        "{shown:?}"
    );
}
