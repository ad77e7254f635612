//! Description: what tools show of a file, good or bad.

use tongtu_exchange_file::{Fault, FileKind, SPECS, describe};

use crate::sample;

#[test]
fn covers_every_byte_of_every_kind() {
    for (name, bytes) in sample::every_file() {
        let lines = describe(&name, &bytes);
        let mut end = 0;
        for line in &lines {
            assert_eq!(line.problem, None, "{name}");
            assert_eq!(line.offset, end, "{name}");
            for field in &line.fields {
                assert_eq!(
                    field.offset, end,
                    "{name} line {} {}",
                    line.line, field.name
                );
                assert_eq!(
                    bytes[field.offset..field.offset + field.bytes.len()],
                    field.bytes
                );
                assert!(field.value.is_ok(), "{name} {}", field.name);
                end += field.bytes.len();
            }
            end += 2;
        }
        assert_eq!(end, bytes.len(), "{name}");
    }
}

#[test]
fn shows_bad_fields_beside_good_ones() {
    let mut bytes = sample::fb_file().encode().unwrap();
    bytes[55 + 136] = b'X';
    bytes[4 + 5] = b'9';
    let lines = describe(&sample::name(FileKind::FB), &bytes);
    assert_eq!(lines.len(), 4);
    let header = lines[1].problem.as_ref().unwrap();
    assert_eq!(
        header.fault,
        Fault::Count {
            header: 9,
            found: 2
        }
    );
    let problem = lines[2].problem.as_ref().unwrap();
    assert_eq!((problem.position, problem.field), (137, "amount"));
    let bad: Vec<_> = lines[2]
        .fields
        .iter()
        .filter(|f| f.value.is_err())
        .map(|f| f.name)
        .collect();
    assert_eq!(bad, ["amount"]);
    assert_eq!(lines[3].problem, None);
}

#[test]
fn shows_tails_item_by_item() {
    let name = sample::name(FileKind::CQ);
    let mut file = sample::cq_file(1);
    let mut tail = file.records[0].tail().clone();
    tail.push(
        tongtu_exchange_file::TailTag::new(2037).unwrap(),
        "no name here",
    )
    .unwrap();
    let record = file.records.remove(0);
    let made = tongtu_exchange_file::CqRecord::new(record.main, record.transit, tail).unwrap();
    file.records.push(made);
    let mut bytes = file.encode().unwrap();
    let shown = describe(&name, &bytes);
    let field = |name: &str| {
        let found = shown[2].fields.iter().find(|f| f.name == name).unwrap();
        found.value.clone().unwrap()
    };
    assert_eq!(field("scanned_at"), "2003: 2026-01-01 16:00:05 China time");
    assert_eq!(field("generated_at"), "2102: 2026-01-01T08:00:00Z");
    assert_eq!(field("item"), "2037: no name here");
    assert_eq!(field("ride_record"), "2001: 4 bytes 00014C81");

    // A length that leads beyond the line ends the items, not the description.
    bytes[55 + 415 + 4] = b'9';
    let shown = describe(&name, &bytes);
    let last = shown[2].fields.last().unwrap();
    assert_eq!((last.name, last.value.is_err()), ("ride_record", true));
}

#[test]
fn shows_lines_of_a_kind_without_a_table() {
    let name = sample::name(FileKind::CR);
    let lines = describe(&name, b"02\r\nheader?\r\nrecord\n");
    assert_eq!(lines.len(), 3);
    assert!(matches!(
        lines[1].problem.as_ref().unwrap().fault,
        Fault::HeaderLen { found: 7 }
    ));
    assert_eq!(lines[2].fields[0].value, Ok("record".into()));
    assert_eq!(lines[2].problem.as_ref().unwrap().fault, Fault::LoneLf);
}

#[test]
fn every_table_is_listed_once_with_both_titles() {
    let mut names: Vec<_> = SPECS.iter().map(|spec| spec.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), count), (11, 11));
    for spec in SPECS {
        for field in spec.fields {
            assert!(
                !field.en.is_empty() && !field.zh.is_ascii(),
                "{}.{}",
                spec.name,
                field.name
            );
        }
    }
}
