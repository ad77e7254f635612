//! The record table: codec, description and document come from one text.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use tongtu_codec::{
    Ascii, Be, Cn, Cn10, Digits, FieldError, HexDigits, Padded, Raw, markdown, record,
};
use tongtu_types::{BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, MonthYear};

record! {
    /// One field of every kind.
    pub struct Sample: 90 {
        [0..3] limit: u32 as Be, Std, "limit", "限额";
        [3..7] issuer: InstitutionCode as Cn, Std, "issuer", "发行机构";
        [7..9] expiry: MonthYear as Cn, Std, "expiry", "失效日期";
        [9..19] account: CardNumber as Cn10, Std, "account", "账户";
        [19..23] amount: Fen as Cn, Impl, "amount", "金额";
        [23..31] day: BusinessDay as Digits, Impl, "day", "日期";
        [31..43] count: u64 as Digits, Impl, "count", "笔数";
        [43..51] tac: u64 as HexDigits, Impl, "tac", "交易验证码";
        [51..62] body: InstitutionCode as Padded, Impl, "body", "机构";
        [62..76] fee: FenE7 as Padded, Impl, "fee", "手续费";
        [76..86] text: String as Ascii, Inferred, "text", "文本";
        [86..90] rest: [u8; 4] as Raw, Ours, "rest", "保留";
    }
}

fn sample() -> Sample {
    Sample {
        limit: 2000,
        issuer: InstitutionCode::parse("01341000").unwrap(),
        expiry: "1230".parse().unwrap(),
        account: CardNumber::parse("3104100000000000017").unwrap(),
        amount: Fen::new(100),
        day: "2026-01-01".parse().unwrap(),
        count: 7,
        tac: 0xB3A0_D49C,
        body: InstitutionCode::parse("11345810").unwrap(),
        fee: FenE7::new(2_800_000),
        text: "SUCCESS".into(),
        rest: [0xFF; 4],
    }
}

#[test]
fn encodes_what_the_table_says() {
    let bytes = sample().encode().unwrap();
    assert_eq!(bytes[..23], *b"\x00\x07\xD0\x01\x34\x10\x00\x12\x30\x03\x10\x41\x00\x00\x00\x00\x00\x00\x17\x00\x00\x01\x00");
    assert_eq!(
        bytes[23..86],
        *b"20260101000000000007B3A0D49C11345810   0.2800000     SUCCESS   "
    );
    assert_eq!(Sample::decode(&bytes).unwrap(), sample());
}

#[test]
fn names_the_field_that_is_wrong() {
    let mut bytes = sample().encode().unwrap();
    bytes[4] = 0xA0;
    let error = Sample::decode(&bytes).unwrap_err();
    assert_eq!((error.field, error.offset), ("issuer", 3));
    assert_eq!(error.kind, FieldError::NotBcd { at: 1, byte: 0xA0 });
    assert_eq!(
        error.to_string(),
        "Sample.issuer at byte 3: byte 0xa0 at position 1 is not packed decimal digits"
    );
}

#[test]
fn refuses_values_that_do_not_fit() {
    let mut wide = sample();
    wide.limit = 1 << 24;
    assert_eq!(wide.encode().unwrap_err().field, "limit");
    let mut negative = sample();
    negative.amount = Fen::new(-1);
    assert_eq!(negative.encode().unwrap_err().field, "amount");
    let mut long = sample();
    long.text = "ELEVEN CHARS".into();
    assert_eq!(long.encode().unwrap_err().field, "text");
}

#[test]
fn accepts_a_trailing_f_in_an_account_and_no_other_letter() {
    let mut bytes = sample().encode().unwrap();
    bytes[9..19].copy_from_slice(&[0x31, 0x04, 0x10, 0, 0, 0, 0, 0, 0x01, 0x7F]);
    assert_eq!(
        Sample::decode(&bytes).unwrap().account.reveal(),
        "3104100000000000017"
    );
    bytes[18] = 0xFF;
    assert_eq!(Sample::decode(&bytes).unwrap_err().field, "account");
}

#[test]
fn describes_bad_fields_beside_good_ones() {
    let mut bytes = sample().encode().unwrap();
    bytes[7] = 0x13;
    let views = Sample::describe(&bytes, 100);
    assert_eq!(views.len(), 12);
    assert_eq!(
        (views[1].offset, views[1].value.clone()),
        (103, Ok("01341000".into()))
    );
    assert!(views[2].value.is_err());
    assert_eq!(
        Sample::describe(&bytes[..8], 0).len(),
        2,
        "fields cut off are not shown"
    );
}

#[test]
fn renders_its_table() {
    let text = markdown(&Sample::SPEC);
    assert!(
        text.contains("| 3..7 | 4 | cn | `issuer` | issuer | 发行机构 | std |"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = Sample::decode(&bytes);
        let _ = Sample::describe(&bytes, 0);
    }

    #[test]
    fn what_decodes_encodes_to_the_same_meaning(flips in proptest::collection::vec((0usize..90, any::<u8>()), 0..4)) {
        let mut bytes = sample().encode().unwrap();
        for (at, value) in flips {
            bytes[at] = value;
        }
        if let Ok(record) = Sample::decode(&bytes) {
            let again = record.encode().unwrap();
            prop_assert_eq!(Sample::decode(&again).unwrap(), record);
        }
    }
}
