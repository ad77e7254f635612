//! Tails: items known and unknown, missing, repeated, too long.

use tongtu_exchange_file::{
    CL_TAIL_MAX, CQ_TAIL_MAX, ClRecord, CqFile, CqRecord, CqTail, FileKind, ResultCode, TAIL_ITEMS,
    Tail, TailError, TailFault, TailTag,
};

use crate::sample;

#[test]
fn unknown_items_survive_in_their_place() {
    let mut tail = Tail::parse(b"20370005LINE ").unwrap();
    for item in sample::cq_tail().to_tail().unwrap().items().iter().rev() {
        tail.push(item.tag(), item.value()).unwrap();
    }
    tail.push(TailTag::new(9999).unwrap(), "").unwrap();
    let known = sample::cq_record();
    let record = CqRecord::new(known.main, known.transit, tail.clone()).unwrap();
    assert_eq!(record.ride(), &sample::cq_tail(), "order does not matter");
    let mut file = sample::cq_file(0);
    file.records.push(record);
    let read = CqFile::decode(&file.name, &file.encode().unwrap()).unwrap();
    assert_eq!(read.records[0].tail(), &tail);
    assert_eq!(
        read.records[0].tail().get(TailTag::new(2037).unwrap()),
        Some("LINE ")
    );
}

#[test]
fn says_which_item_is_wrong() {
    let check = |bytes: &[u8], at: usize, tag: Option<u16>, fault: &str| {
        let error = Tail::parse(bytes).unwrap_err();
        assert_eq!(
            (error.at, error.tag.map(TailTag::get)),
            (at, tag),
            "{error}"
        );
        assert_eq!(error.fault.to_string(), fault);
    };
    check(b"2003", 0, Some(2003), "needs 8 bytes, 4 are there");
    check(b"20", 0, None, "needs 8 bytes, 2 are there");
    check(
        b"200200010200300",
        9,
        Some(2003),
        "needs 8 bytes, 6 are there",
    );
    check(b"20020002x", 0, Some(2002), "needs 2 bytes, 1 are there");
    check(
        b"2O020001x",
        0,
        None,
        "byte 0x4f at position 1, expected a digit",
    );
    check(
        b"20020001\x7F",
        0,
        Some(2002),
        "byte 0x7f at position 0, expected printable ASCII",
    );
    assert_eq!(Tail::parse(b"").unwrap(), Tail::new());
}

fn with(tag: TailTag, value: Option<&str>) -> Result<CqTail, TailError> {
    let mut tail = Tail::new();
    for item in sample::cq_tail().to_tail().unwrap().items() {
        match value {
            Some(value) if item.tag() == tag => tail.push(tag, value).unwrap(),
            None if item.tag() == tag => {}
            _ => tail.push(item.tag(), item.value()).unwrap(),
        }
    }
    CqTail::read(&tail)
}

#[test]
fn every_item_but_the_line_must_be_there_once() {
    for item in sample::cq_tail().to_tail().unwrap().items() {
        let tag = item.tag();
        if tag == TailTag::LINE {
            assert_eq!(with(tag, None).unwrap().line, None);
        } else {
            assert_eq!(with(tag, None).unwrap_err().fault, TailFault::Missing(tag));
        }
        let mut twice = sample::cq_tail().to_tail().unwrap();
        twice.push(tag, item.value()).unwrap();
        assert_eq!(
            CqTail::read(&twice).unwrap_err().fault,
            TailFault::Repeated(tag)
        );
    }
}

#[test]
fn values_have_one_form_each() {
    for (tag, values) in [
        (TailTag::RIDE_RECORD, &["0", "ab", "AG", "A B "][..]),
        (TailTag::CONSUMPTION, &["", "00", "x"]),
        (
            TailTag::SCANNED_AT,
            &["2026010116000", "20260230160005", "20260101246000", ""],
        ),
        (TailTag::LINE, &["", "1234567", "A B"]),
        (TailTag::TERMINAL, &["12345678901", "12345678901x"]),
        (TailTag::RECORD_ID, &["1", ""]),
        (
            TailTag::GENERATED_AT,
            &["", "01", "4294967296", "99999999999999999999", "-1"],
        ),
        (TailTag::ACCOUNT, &["", "310x", "310 "]),
    ] {
        for value in values {
            let error = with(tag, Some(value)).unwrap_err();
            assert!(
                matches!(error.fault, TailFault::Item(_)),
                "{tag} {value:?}: {error}"
            );
            assert_eq!(error.tag, Some(tag));
        }
    }
}

#[test]
fn lengths_are_limited() {
    let mut ride = sample::ride();
    // All other items of this ride take 160 bytes, the record's own head 8.
    ride.ride.ride_record = vec![0x81; (CQ_TAIL_MAX - 160 - 8) / 2];
    let fits = CqRecord::from_ride(ride.clone()).unwrap();
    assert_eq!(fits.tail().encoded_len(), CQ_TAIL_MAX);
    let mut file = sample::cq_file(0);
    file.records.push(fits);
    let bytes = file.encode().unwrap();
    assert_eq!(CqFile::decode(&file.name, &bytes).unwrap(), file);

    ride.ride.ride_record.push(0);
    let error = CqRecord::from_ride(ride).unwrap_err();
    assert_eq!(
        error.fault,
        TailFault::TooLong {
            found: CQ_TAIL_MAX + 2,
            max: CQ_TAIL_MAX
        }
    );
}

#[test]
fn the_longest_code_fits_a_cl_tail() {
    let clearing = sample::clearing(ResultCode::OK);
    let record = ClRecord::notice(&sample::cq_record(), &[0x81; 364], &clearing).unwrap();
    assert!(record.tail.encoded_len() <= CL_TAIL_MAX);
    assert_eq!(record.ride().unwrap().ride_code, [0x81; 364]);
    assert!(ClRecord::notice(&sample::cq_record(), &[0x81; 500], &clearing).is_err());
}

#[test]
fn another_tail_of_cl_is_kept_and_is_no_code_ride() {
    let mut record = sample::cl_file().records.remove(0);
    record.tail = Tail::parse(b"10010008B3A0D49C").unwrap();
    assert_eq!(
        record.ride().unwrap_err().fault,
        TailFault::Missing(TailTag::SCANNED_AT)
    );
}

#[test]
fn bad_items_are_found_in_the_file() {
    let bytes = sample::cq_file(1).encode().unwrap();
    // Position 415 + 26 is item 2003, the scan time; its month becomes 13.
    let at = 55 + 415 + 25 + 8 + 4;
    let mut bad = bytes;
    bad[at..at + 2].copy_from_slice(b"13");
    let error = CqFile::decode(&sample::name(FileKind::CQ), &bad).unwrap_err();
    assert_eq!(
        (error.at.line, error.at.position, error.at.field),
        (3, 441, "scanned_at")
    );
}

#[test]
fn tags_ascend_and_have_unique_names() {
    for pair in TAIL_ITEMS.windows(2) {
        assert!(pair[0].tag < pair[1].tag);
        assert_ne!(pair[0].name, pair[1].name);
    }
    assert_eq!(TailTag::new(10_000), None);
}
