//! One example of each kind, written out by hand.
//!
//! Each row is the 1-based position that the reference gives and the field's characters, so
//! that a slip of the tables by one byte cannot hide.

use tongtu_exchange_file::{
    BpFile, CdFile, ClFile, ClRecord, CqFile, Detail as _, FbFile, FbRecord, FileKind, GbText,
    LdFile, PaySide, ResultCode, TimeOfDay, TradeCode, TradeType, Version,
};
use tongtu_types::{Fen, FenE7};

use crate::sample;

type Rows = &'static [(usize, &'static [u8])];

/// Puts a line together and checks that every row begins where it says.
fn line(rows: Rows, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (position, text) in rows {
        assert_eq!(
            out.len() + 1,
            *position,
            "before {:?}",
            String::from_utf8_lossy(text)
        );
        out.extend_from_slice(text);
    }
    assert_eq!(out.len(), len);
    out
}

/// A file of version 01 with one record line.
fn file(header: &[u8], record: &[u8]) -> Vec<u8> {
    [b"01\r\n", header, b"\r\n", record, b"\r\n"].concat()
}

const SPACES: [u8; 80] = [b' '; 80];
const F: [u8; 80] = [b'F'; 80];

const FB: Rows = &[
    (1, b"000000000042"),
    (13, b"000000000077"),
    (25, b"20260102"),
    (33, b"123456789012"),
    (45, b"8451"),
    (49, b"30005800   "),
    (60, b"01345810   "),
    (71, b"11341000   "),
    (82, b"11341000   "),
    (93, b"4131"),
    (97, b"03"),
    (99, b"3104581000000000017 "),
    (119, b"000000"),
    (125, b"000000000000"),
    (137, b"000000000180"),
    (149, b"20260101"),
    (157, b"160005"),
    (163, b"020002"),
    // 交易重复
    (
        169,
        b"\xBD\xBB\xD2\xD7\xD6\xD8\xB8\xB4                                ",
    ),
    (209, b"0"),
    (210, b"0.6300001                   "),
    (238, b"0.1890003                   "),
    (266, b"0.3150005                   "),
    (294, SPACES.split_at(28).0),
    (322, SPACES.split_at(40).0),
];

#[test]
fn fb_is_as_written_by_hand() {
    let record = line(FB, 361);
    let bytes = file(
        b"0000012026010211341000   0363FFFFFFFFFFFFFFFFFFFF",
        &record,
    );
    let name = sample::name(FileKind::FB);
    let read = FbFile::decode(&name, &bytes).unwrap();
    assert_eq!(read.records[0], sample::fb_file().records[1]);
    assert_eq!(read.records[0].amount, Fen::new(180));
    assert_eq!(read.records[0].fee, FenE7::new(6_300_001));
    assert_eq!(read.records[0].ridden_at(), sample::SCANNED_AT);
    assert_eq!(read.records[0].text.to_string(), "交易重复");
    assert_eq!(read.encode().unwrap(), bytes);
}

const CL: Rows = &[
    (1, b"000000000042"),
    (13, b"000000000077"),
    (25, b"20260102"),
    (33, b"123456789012"),
    (45, b"8451"),
    (49, b"11341000   "),
    (60, b"11341000   "),
    (71, b"01345810   "),
    (82, b"30005800   "),
    (93, b"11341000   "),
    (104, b"4131"),
    (108, b"03"),
    (110, b"3104581000000000017 "),
    (130, b"000000"),
    (136, b"000000000000"),
    (148, b"000000000180"),
    (160, b"20260101"),
    (168, b"160005"),
    (174, b"2"),
    (175, b"02"),
    (177, b"000000"),
    // 正确交易
    (
        183,
        b"\xD5\xFD\xC8\xB7\xBD\xBB\xD2\xD7                                ",
    ),
    (223, b"0"),
    (224, b"0.6300001                   "),
    (252, b"0.1890003                   "),
    (280, b"0.3150005                   "),
    (308, SPACES.split_at(28).0),
    (336, b"2003001420260101160005"),
    (358, b"20090012100000000001"),
    (378, b"210100431134100000011000000000012026010116000500007"),
    (429, b"210200101767254400"),
    (447, b"2104000481AB"),
];

#[test]
fn cl_is_as_written_by_hand() {
    let record = line(CL, 458);
    let bytes = file(
        b"0000012026010201345810   0337FFFFFFFFFFFFFFFFFFFF",
        &record,
    );
    let read = ClFile::decode(&sample::name(FileKind::CL), &bytes).unwrap();
    assert_eq!(read.records[0], sample::cl_file().records[0]);
    let ride = read.records[0].ride().unwrap();
    assert_eq!(ride.ride_code, [0x81, 0xAB]);
    assert_eq!(ride.scanned_at, sample::SCANNED_AT);
    assert_eq!(read.encode().unwrap(), bytes);
}

const LD: Rows = &[
    (1, b"00000007"),
    (9, b"0001"),
    (13, b"CQ260102000000113410000000000007A                 "),
    (63, b"000000"),
    (69, b"SUCCESS                                 "),
    (109, F.split_at(40).0),
];

#[test]
fn ld_is_as_written_by_hand() {
    let record = line(LD, 148);
    let bytes = file(
        b"0000012026010211341000   0150FFFFFFFFFFFFFFFFFFFF",
        &record,
    );
    let read = LdFile::decode(&sample::name(FileKind::LD), &bytes).unwrap();
    assert_eq!(read.records[0], sample::ld_file().records[0]);
    assert_eq!(read.records[0].result, ResultCode::OK);
    assert_eq!(read.encode().unwrap(), bytes);
}

const BP: Rows = &[
    (1, b"000000000000018000"),
    (19, b"000000000000020000"),
    (37, b"000000000000000003"),
    (55, b"000000000000000000"),
    (73, b"000000000000002000"),
    (91, b"0000"),
    (95, b"1"),
    (96, F.split_at(5).0),
    (101, &F),
];

#[test]
fn bp_is_as_written_by_hand() {
    let record = line(BP, 180);
    // The length without CR LF is how BP files are seen.
    let bytes = file(
        b"0000012026010201341000   0180FFFFFFFFFFFFFFFFFFFF",
        &record,
    );
    let read = BpFile::decode(&sample::name(FileKind::BP), &bytes).unwrap();
    assert_eq!(read.records, sample::bp_file().records);
    assert_eq!(read.records[0].side, PaySide::PAY);
    assert_eq!(read.records[0].net().unwrap(), Fen::new(-2000));
    assert_eq!(read.header.record_len, 180);
    assert_eq!(read.encode().unwrap(), bytes);
}

const CQ: Rows = &[
    (1, b"300"),
    (4, b"9000"),
    (8, b"3104581000000000017"),
    (27, b"000000000180"),
    (39, b"156"),
    (42, b"0101161005"),
    (52, b"000055"),
    (58, b"000000"),
    (64, b"0101"),
    (68, b"123456789012"),
    (80, b"11341000   "),
    (91, b"11341000   "),
    (102, b"4131"),
    (106, b"00000001"),
    (114, b"               "),
    // 北京公交
    (
        129,
        b"\xB1\xB1\xBE\xA9\xB9\xAB\xBD\xBB                                ",
    ),
    (169, b"00000000000000000000000"),
    (192, b"0000"),
    (196, b"0"),
    (197, b"000000000"),
    (206, b"30005800   "),
    (217, b"01345810   "),
    (228, b"0"),
    (229, b"03"),
    (231, b" "),
    (232, b"        "),
    (240, b"00"),
    (242, b"000000000000"),
    (254, b"0"),
    (255, b"00"),
    (257, b"00"),
    (259, b"0"),
    (260, b"0"),
    (261, b"         "),
    // Block 3 begins after 260 + 9 bytes; its positions in the reference count from 1 again.
    (269 + 1, SPACES.split_at(40).0),
    (269 + 41, b"  "),
    (269 + 43, b"                              "),
    (269 + 73, b"    "),
    (269 + 77, b"11341000   "),
    (269 + 88, b"000000000077"),
    (269 + 100, b"20260102"),
    (269 + 108, b"000000000000"),
    (269 + 120, b"0012"),
    (269 + 124, b"00000000"),
    (269 + 132, b"000000C8"),
    (269 + 140, b"00"),
    (269 + 142, b"02"),
    (269 + 144, b"   "),
    (415 + 1, b"2001000800014C81"),
    (415 + 17, b"200200010"),
    (415 + 26, b"2003001420260101160005"),
    (415 + 48, b"20050005B0302"),
    (415 + 61, b"20090012100000000001"),
    (
        415 + 81,
        b"210100431134100000011000000000012026010116000500007",
    ),
    (415 + 132, b"210200101767254400"),
    (415 + 150, b"210300193104581000000000017"),
];

#[test]
fn cq_is_as_written_by_hand() {
    let record = line(CQ, 415 + 176);
    let bytes = file(
        b"0000012026010211341000   0417FFFFFFFFFFFFFFFFFFFF",
        &record,
    );
    let read = CqFile::decode(&sample::name(FileKind::CQ), &bytes).unwrap();
    assert_eq!(read, sample::cq_file(1));
    assert_eq!(read.version, Version::V01);
    let record = &read.records[0];
    assert_eq!(record.main.trade_code, TradeCode::SINGLE);
    assert_eq!(record.trade_type(), TradeType::OFFLINE);
    assert_eq!(record.transit.receivable, Fen::new(200));
    assert_eq!(record.ride(), &sample::cq_tail());
    assert_eq!(
        record.ridden(),
        (
            "20260101".parse().unwrap(),
            TimeOfDay::new(16, 0, 5).unwrap()
        )
    );
    assert!(
        record.transit.holder_name.is_empty(),
        "personal data is never sent"
    );
    assert_eq!(read.encode().unwrap(), bytes);
}

/// Block 0 of a CD record differs from the CQ record's in these.
const CD_MAIN: Rows = &[(1, b"362"), (4, b"B000")];

const CD_PURSE: Rows = &[
    (1, b"3104581000000000017 "),
    (21, b"000000B4"),
    (29, b"09"),
    (31, b"001000000001"),
    (43, b"00000101"),
    (51, b"20260101"),
    (59, b"160005"),
    (65, b"35B3762C"),
    (73, b"01"),
    (75, b"01"),
    (77, b"0007"),
    (81, b"000012D4"),
    (89, b"02905810FFFFFFFF"),
    (105, b"A1B2C3D4"),
];

#[test]
fn cd_is_as_written_by_hand() {
    let blocks = line(CQ, 415 + 176);
    let mut record = [
        &line(CD_MAIN, 7),
        &blocks[7..269],
        &line(CD_PURSE, 112),
        &blocks[269..415],
    ]
    .concat();
    // Balance before and algorithm of block 3.
    record[381 + 123..381 + 131].copy_from_slice(b"00001388");
    record[381 + 141..381 + 143].copy_from_slice(b"01");
    record.extend(b"2001000454502002000112009001210000000000121010043");
    record.extend(b"1134100000011000000000012026010116000500007");
    let bytes = file(
        b"0000012026010211341000   0529FFFFFFFFFFFFFFFFFFFF",
        &record,
    );
    let read = CdFile::decode(&sample::name(FileKind::CD), &bytes).unwrap();
    assert_eq!(read, sample::cd_file(1));
    assert_eq!(read.encode().unwrap(), bytes);
    let record = &read.records[0];
    assert_eq!(record.trade_type(), TradeType::OFFLINE);
    assert_eq!(record.ridden_at(), sample::SCANNED_AT);
}

/// Block 0 of an e-cash's record: blocks 0, 3 and the e-cash's.
const CASH_MAIN: Rows = &[(1, b"300"), (4, b"9800"), (8, b"6217000000000000012")];

const CASH: Rows = &[
    (1, b"AD03EE811AFAD484"),
    (17, b"072"),
    (20, b"001"),
    (23, b"6"),
    (24, b"0"),
    (25, b"000000"),
    (31, b"0000000000"),
    (41, b"2B29EBE4"),
    (49, b"        "),
    (57, b"070101039000000"),
    (72, b"10A010000004820                                  "),
    (121, b"0ADC"),
    (125, b"7C00"),
    (129, b"260101"),
    (135, b"156"),
    (138, b"Y1"),
    (140, b"00"),
    (142, b"000000000180"),
    (154, b"156"),
    (157, b"0"),
    (158, b"4012"),
    (162, b"40"),
    (164, b"000000000000"),
    (176, b"000000"),
    (182, b"26"),
    (184, b"A000000632010106                "),
    (216, b"0017"),
    (220, b"      "),
    (226, b"                "),
    (242, b"0000"),
];

const CASH_TAIL: &[u8] = b"200100045450200200010200300142026010116000520090012100000000001\
    21010043113410000001100000000001202601011600050000721030019621700000000000001221190008\
    000012D42122000289";

#[test]
fn cd_of_an_e_cash_is_as_written_by_hand() {
    let blocks = line(CQ, 415 + 176);
    let mut record = [
        &line(CASH_MAIN, 26),
        &blocks[26..269],
        &line(CASH, 245),
        &blocks[269..415],
    ]
    .concat();
    let transit = 269 + 245;
    record[transit + 123..transit + 131].copy_from_slice(b"00001388");
    record[transit + 141..transit + 143].copy_from_slice(b"01");
    record.extend(CASH_TAIL);
    let bytes = file(
        b"0000012026010211341000   0662FFFFFFFFFFFFFFFFFFFF",
        &record,
    );
    let read = CdFile::decode(&sample::name(FileKind::CD), &bytes).unwrap();
    assert_eq!(read, sample::cash_file(1));
    assert_eq!(read.encode().unwrap(), bytes);
    let record = &read.records[0];
    assert_eq!(record.trade_type(), TradeType::OFFLINE);
    assert_eq!(record.ridden_at(), sample::SCANNED_AT);
    assert_eq!(record.card().reveal(), "6217000000000000012");
}

#[test]
fn a_file_has_rides_by_purse_or_by_e_cash() {
    let mut file = sample::cd_file(1);
    file.records.push(sample::cash_record());
    assert!(file.encode().is_err());
    // A line whose blocks are others than its length says.
    let mut bytes = sample::cash_file(1).encode().unwrap();
    let map = bytes.windows(4).position(|four| four == b"9800").unwrap();
    bytes[map..map + 4].copy_from_slice(b"B000");
    let error = CdFile::decode(&sample::name(FileKind::CD), &bytes).unwrap_err();
    assert_eq!((error.at.position, error.at.field), (4, "block_map"));
}

#[test]
fn an_issuer_is_told_of_its_e_cash_all_that_the_cryptogram_covers() {
    let file = sample::cash_cl_file();
    let bytes = file.encode().unwrap();
    assert_eq!(ClFile::decode(&file.name, &bytes).unwrap(), file);
    let cl = &file.records[0];
    assert_eq!(cl.fixed.counter, 0x0ADC);
    assert_eq!(
        cl.fixed.balance_kind,
        tongtu_exchange_file::BalanceKind::ECASH
    );
    let tail = cl.cash_ride().unwrap();
    assert_eq!((tail.cash, tail.told), (sample::cash(), 0x89));
    assert!(cl.card_ride().is_err(), "it is no purse's");
    let mut short = cl.tail.items().to_vec();
    short.retain(|item| item.tag() != tongtu_exchange_file::TailTag::CASH);
    let mut tail = tongtu_exchange_file::Tail::new();
    for item in short {
        tail.push(item.tag(), item.value()).unwrap();
    }
    assert!(tongtu_exchange_file::ClCashTail::read(&tail).is_err());
}

#[test]
fn a_card_ride_is_answered_with_its_counter_and_balance() {
    let (ride, clearing) = (sample::cd_record(), sample::clearing(ResultCode::OK));
    let fb = FbRecord::answer(&ride, &clearing);
    assert_eq!((fb.counter, fb.balance_before), (7, Fen::new(5000)));
    let cl = ClRecord::notice_of_card(&ride, &clearing).unwrap();
    assert_eq!(cl.fixed.counter, 7);
    assert_eq!(
        cl.fixed.balance_kind,
        tongtu_exchange_file::BalanceKind::PURSE
    );
    let tail = cl.card_ride().unwrap();
    assert_eq!((tail.tac, tail.terminal_serial), (0x35B3_762C, 0x101));
    assert_eq!(tail.balance_after, Fen::new(4820));
    assert!(cl.ride().is_err(), "it is no code ride");
    let mut file = sample::cl_file();
    file.records = vec![cl];
    let bytes = file.encode().unwrap();
    assert_eq!(ClFile::decode(&file.name, &bytes).unwrap(), file);
}

#[test]
fn an_account_of_twenty_digits_stays_whole_in_the_tail() {
    let mut ride = sample::ride();
    ride.ride.account = tongtu_types::CardNumber::parse("91045810000000000178").unwrap();
    let record = tongtu_exchange_file::CqRecord::from_ride(ride.clone()).unwrap();
    assert_eq!(record.main.account, None);
    assert_eq!(record.ride().account, ride.ride.account);
    let fb = FbRecord::answer(&record, &sample::clearing(ResultCode::OK));
    assert_eq!(fb.card, ride.ride.account);
    let mut file = sample::cq_file(0);
    file.records.push(record);
    let bytes = file.encode().unwrap();
    assert_eq!(CqFile::decode(&file.name, &bytes).unwrap(), file);
}

#[test]
fn texts_are_cut_between_characters() {
    let mut ride = sample::ride();
    // 21 characters of two bytes each; 20 fit.
    ride.acceptor_name = "城".repeat(21);
    let record = tongtu_exchange_file::CqRecord::from_ride(ride).unwrap();
    assert_eq!(record.main.acceptor_name.to_string(), "城".repeat(20));
    assert_eq!(
        GbText::<40>::fit(&("a".to_string() + &"城".repeat(20)))
            .to_string()
            .chars()
            .count(),
        20
    );
}
