//! The frame's rules: version, header, count, line ends, lengths, splitting.

use tongtu_exchange_file::{
    BpFile, ClFile, CqFile, Fault, FbFile, FileError, FileKind, FileName, RECORDS_MAX, Records,
    ResultCode, SEQUENCE_MAX, Version,
};

use crate::sample;

/// Decodes a CQ file that must be refused; strict and lenient reading must agree on the frame.
fn refused(bytes: &[u8]) -> FileError {
    CqFile::decode(&sample::name(FileKind::CQ), bytes).unwrap_err()
}

fn replaced(bytes: &[u8], at: usize, by: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + by.len()].copy_from_slice(by);
    bytes
}

#[test]
fn emits_version_header_and_cr_lf() {
    let bytes = sample::cq_file(2).encode().unwrap();
    assert!(bytes.starts_with(b"01\r\n0000022026010211341000   0417FFFFFFFFFFFFFFFFFFFF\r\n"));
    assert!(bytes.ends_with(b"\r\n") && !bytes.ends_with(b"\r\n\r\n"));
    assert_eq!(bytes.iter().filter(|b| **b == b'\n').count(), 4);
}

#[test]
fn a_file_without_records_is_a_file() {
    let file = sample::cq_file(0);
    let bytes = file.encode().unwrap();
    assert_eq!(CqFile::decode(&file.name, &bytes).unwrap(), file);
}

#[test]
fn both_versions_are_read_and_no_other() {
    let bytes = sample::cq_file(1).encode().unwrap();
    let second = CqFile::decode(&sample::name(FileKind::CQ), &replaced(&bytes, 0, b"02")).unwrap();
    assert_eq!(second.version, Version::V02);
    assert!(second.encode().unwrap().starts_with(b"02\r\n"));
    let error = refused(&replaced(&bytes, 0, b"03"));
    assert_eq!((error.at.fault.clone(), error.at.line), (Fault::Version, 1));
    assert_eq!(error.result_code(), ResultCode::FILE_VERSION);
    assert_eq!(
        error.to_string(),
        "CQ260102000000113410000000000007A, line 1, byte 1, frame.version: \
         format version unknown, expected 01 or 02"
    );
}

#[test]
fn a_header_without_a_date_is_told_by_its_length() {
    let dated = sample::cq_file(1).encode().unwrap();
    let mut undated = dated[..10].to_vec();
    undated.extend_from_slice(&dated[18..]);
    let read = CqFile::decode(&sample::name(FileKind::CQ), &undated).unwrap();
    assert_eq!(read.header.day, None);
    assert_eq!(read.records, sample::cq_file(1).records);
    assert_eq!(
        read.encode().unwrap(),
        undated,
        "it is written as it was read"
    );

    let mut short = dated[..10].to_vec();
    short.extend_from_slice(&dated[11..]);
    let error = refused(&short);
    assert_eq!(error.at.fault, Fault::HeaderLen { found: 48 });
    assert_eq!(error.result_code(), ResultCode::FILE_HEADER);
}

#[test]
fn a_record_length_with_and_without_cr_lf_is_read_and_no_other() {
    let bytes = sample::cq_file(1).encode().unwrap();
    let body = replaced(&bytes, 4 + 25, b"0415");
    let read = CqFile::decode(&sample::name(FileKind::CQ), &body).unwrap();
    assert_eq!(read.header.record_len, 415);
    assert_eq!(read.encode().unwrap(), body);
    for other in [b"0414", b"0416", b"0418", b"0000", b"9999"] {
        let error = refused(&replaced(&bytes, 4 + 25, other));
        assert!(matches!(error.at.fault, Fault::RecordLen { .. }), "{error}");
        assert_eq!((error.at.line, error.at.position), (2, 26));
        assert_eq!(error.result_code(), ResultCode::FILE_LENGTH);
    }
}

#[test]
fn a_cl_tail_begins_at_the_headers_length() {
    let file = sample::cl_file();
    let long = file.encode().unwrap();
    // The other known form: 18 reserved bytes instead of 28.
    let mut short = file.clone();
    short.header.record_len = 327;
    let short = short.encode().unwrap();
    assert_eq!(short.len() + 2 * 10, long.len());
    let read = ClFile::decode(&file.name, &short).unwrap();
    assert_eq!(read.records, file.records);
    assert_eq!(read.encode().unwrap(), short);
    // What stands in the ten bytes cannot be dropped silently.
    let mut full = read;
    full.records[1].fixed.reserved_rest[9] = b'X';
    let error = full.encode().unwrap_err();
    assert_eq!((error.at.line, error.at.field), (4, "reserved_rest"));
}

#[test]
fn the_count_must_match() {
    let bytes = sample::cq_file(3).encode().unwrap();
    for count in [b"000002", b"000004", b"000000"] {
        let error = refused(&replaced(&bytes, 4, count));
        assert!(
            matches!(error.at.fault, Fault::Count { found: 3, .. }),
            "{error}"
        );
        assert_eq!(error.result_code(), ResultCode::FILE_COUNT);
    }
    let line_len = (bytes.len() - 55) / 3;
    let error = refused(&bytes[..bytes.len() - line_len]);
    assert_eq!(
        error.at.fault,
        Fault::Count {
            header: 3,
            found: 2
        }
    );
}

#[test]
fn lone_line_feeds_and_carriage_returns_are_named() {
    let bytes = sample::cq_file(2).encode().unwrap();
    let unix: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\r').collect();
    let error = refused(&unix);
    assert_eq!((error.at.line, error.at.position), (1, 3));
    assert_eq!(error.at.fault, Fault::LoneLf);
    assert_eq!(
        error.at.fault.to_string(),
        "LF without CR before it, expected CR LF"
    );

    let mac: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\n').collect();
    assert_eq!(refused(&mac).at.fault, Fault::LoneCr);

    let second = 55 + 15;
    for (byte, fault) in [(b'\n', Fault::LoneLf), (b'\r', Fault::LoneCr)] {
        let error = refused(&replaced(&bytes, second, &[byte]));
        assert_eq!((error.at.line, error.at.position), (3, 16), "{error}");
        assert_eq!(error.at.fault, fault);
        assert_eq!(error.result_code(), ResultCode::FORMAT);
    }
}

#[test]
fn every_truncation_is_refused() {
    for (name, bytes) in sample::every_file() {
        for len in 0..bytes.len() {
            let cut = &bytes[..len];
            let error = match name.kind() {
                FileKind::CQ => CqFile::decode_lenient(&name, cut).err(),
                FileKind::FB => FbFile::decode_lenient(&name, cut).err(),
                FileKind::CL => ClFile::decode_lenient(&name, cut).err(),
                FileKind::BP => BpFile::decode_lenient(&name, cut).err(),
                _ => tongtu_exchange_file::LdFile::decode_lenient(&name, cut).err(),
            };
            assert!(error.is_some(), "{name} cut to {len} bytes");
        }
    }
}

#[test]
fn what_follows_the_last_line_is_refused() {
    let bytes = sample::cq_file(1).encode().unwrap();
    for extra in [&b"\r\n"[..], b" ", b"\n", b"0018000001\r\n"] {
        let error = refused(&[&bytes[..], extra].concat());
        assert!(
            matches!(
                error.at.fault,
                Fault::Count { .. } | Fault::Unended | Fault::LoneLf
            ),
            "{error}"
        );
    }
}

#[test]
fn a_file_of_another_kind_is_refused_by_its_name() {
    let bytes = sample::cq_file(1).encode().unwrap();
    let name = sample::name(FileKind::CD);
    let error = CqFile::decode(&name, &bytes).unwrap_err();
    assert_eq!(
        error.at.fault,
        Fault::Kind {
            found: FileKind::CD,
            expected: FileKind::CQ
        }
    );
    assert_eq!(error.result_code(), ResultCode::FILE_NAME);
    let mut file = sample::cq_file(1);
    file.name = name;
    assert!(matches!(
        file.encode().unwrap_err().at.fault,
        Fault::Kind { .. }
    ));
}

#[test]
fn errors_name_file_line_byte_and_field() {
    let bytes = sample::fb_file().encode().unwrap();
    // Position 137 of line 4 is the second record's amount.
    let at = 55 + 363 + 136;
    let error =
        FbFile::decode(&sample::name(FileKind::FB), &replaced(&bytes, at, b"X")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "FB260102000000113410000000000007A, line 4, byte 137, FbRecord.amount: \
         byte 0x58 at position 0, expected a digit"
    );
    let mut file = sample::fb_file();
    file.records[1].amount = tongtu_types::Fen::new(-1);
    let error = file.encode().unwrap_err();
    assert_eq!(
        (error.at.line, error.at.position, error.at.field),
        (4, 137, "amount")
    );
}

#[test]
fn a_bad_line_does_not_hide_the_others() {
    let mut bytes = sample::cq_file(5).encode().unwrap();
    let line_len = (bytes.len() - 55) / 5;
    let start = |index: usize| 55 + index * line_len;
    bytes[start(1) + 26] = b'x'; // amount
    bytes[start(3) + 3] = b'B'; // block map B000, that of a card ride
    bytes[start(4) + line_len - 2] = b' '; // CR before the last LF
    let file = CqFile::decode_lenient(&sample::name(FileKind::CQ), &bytes).unwrap();
    let good: Vec<usize> = file.records.iter().map(|(line, _)| *line).collect();
    assert_eq!(good, [3, 5]);
    assert_eq!(file.records[1].1, sample::cq_record());
    let bad: Vec<_> = file
        .rejected
        .iter()
        .map(|e| (e.line, e.position, e.field))
        .collect();
    assert_eq!(
        bad,
        [
            (4, 27, "amount"),
            (6, 4, "block_map"),
            (7, line_len, "line")
        ]
    );
    assert_eq!(
        file.rejected[1].fault,
        Fault::BlockMap {
            found: 0xB000,
            expected: 0x9000
        }
    );
    assert_eq!(file.rejected[2].fault, Fault::LoneLf);
    for error in &file.rejected {
        assert_eq!(error.result_code(), ResultCode::FORMAT);
    }
    // Strict reading stops at the first of them.
    let strict = refused(&bytes);
    assert_eq!(*strict.at, file.rejected[0]);
}

#[test]
fn records_can_be_read_one_by_one() {
    let bytes = sample::cq_file(3).encode().unwrap();
    let records =
        Records::<tongtu_exchange_file::CqRecord>::open(&sample::name(FileKind::CQ), &bytes)
            .unwrap();
    assert_eq!(records.header().day, Some(sample::day()));
    let lines: Vec<usize> = records.map(|line| line.unwrap().0).collect();
    assert_eq!(lines, [3, 4, 5]);
}

#[test]
fn a_file_never_holds_more_than_its_header_can_count() {
    let record = sample::bp_file().records.remove(0);
    let mut file = sample::bp_file();
    file.records = vec![record; RECORDS_MAX + 1];
    let error = file.encode().unwrap_err();
    assert_eq!(error.at.fault, Fault::CountLimit { found: 1_000_000 });
    let parts = file.split(usize::MAX).unwrap();
    assert_eq!(
        parts.iter().map(|f| f.records.len()).collect::<Vec<_>>(),
        [RECORDS_MAX, 1]
    );
}

#[test]
fn splitting_counts_the_sequence_on() {
    let file = sample::cq_file(5);
    let parts = file.clone().split(2).unwrap();
    let shapes: Vec<_> = parts
        .iter()
        .map(|f| (f.name.sequence(), f.records.len()))
        .collect();
    assert_eq!(shapes, [(7, 2), (8, 2), (9, 1)]);
    let joined: Vec<_> = parts.into_iter().flat_map(|f| f.records).collect();
    assert_eq!(joined, file.records);

    assert_eq!(
        file.clone().split(5).unwrap(),
        std::slice::from_ref(&file),
        "small enough stays as it is"
    );
    assert_eq!(
        sample::cq_file(0).split(5).unwrap().len(),
        1,
        "an empty file is one file"
    );

    let mut last = file;
    last.name = last.name.with_sequence(SEQUENCE_MAX).unwrap();
    assert_eq!(last.split(2).unwrap_err().field, "sequence");
}

#[test]
fn an_unknown_kind_survives_in_a_name() {
    let text = "XY260102000000113410000000000007Z";
    assert_eq!(FileName::parse(text).unwrap().to_string(), text);
}
