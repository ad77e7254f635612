//! Keys opened and closed in a chain: what holds, and what is named when something was changed.

use proptest::prelude::*;
use proptest::sample::Index;
use tongtu_audit::{
    AuditLine, AuditLog, KeyUse, UseEnd, UseFault, UseKind, UseReader, UseTally, UsedKey,
    UsesFound, Word, is_about_use, verify,
};
use tongtu_codec::hex_encode;
use tongtu_crypto::sm3;
use tongtu_types::{CityCode, InstitutionCode};

use crate::chain::*;

fn key(number: u32) -> UsedKey {
    UsedKey {
        key: Some(number),
        city: CityCode::parse("3010").unwrap(),
        purpose: 0x21,
        usage: 1,
        version: 2,
        label: Word::parse("RIDE-CODE-3010-2").unwrap(),
        permit: Some(40),
    }
}

fn who() -> (InstitutionCode, Word<12>) {
    let institution = InstitutionCode::parse("01343010").unwrap();
    (institution, Word::parse("node").unwrap())
}

fn tally(uses: u64) -> UseEnd {
    let mut tally = UseTally::new();
    for number in 0..uses {
        tally.used(&UseTally::digest("sign", &[], &number.to_be_bytes()));
    }
    let (count, sum) = tally.total();
    UseEnd::Counted(count, sum)
}

/// A chain of uses: lines, and what is said of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Uses {
    lines: Vec<u8>,
    details: Vec<u8>,
}

impl Uses {
    /// Opens keys 1, 2, … and closes each with so many uses, or without knowing how many; other
    /// lines stand between.
    fn of(uses: &[Option<u64>]) -> Self {
        let mut made = Self::default();
        let mut log = AuditLog::new();
        let mut at = START;
        for (number, uses) in (1..).zip(uses) {
            let key = key(number);
            at = at.plus_s(60);
            let opened = log.open_key(&key, who(), at).unwrap();
            let line = opened.0.number;
            made.push(opened);
            let other = log.append(&entry(log.tip().0 + 1), at).unwrap();
            made.lines.extend(other.encode().unwrap());
            let end = uses.map_or(UseEnd::Lost, tally);
            made.push(log.close_key((line, &key), end, who(), at).unwrap());
        }
        made
    }

    fn push(&mut self, (line, detail): (AuditLine, KeyUse)) {
        self.lines.extend(line.encode().unwrap());
        self.details.extend(detail.encode().unwrap());
    }

    fn read(&self) -> Result<UsesFound, UseFault> {
        let mut reader = UseReader::new();
        let mut rest = &self.details[..];
        for line in self.lines.chunks_exact(AuditLine::LEN) {
            let line = AuditLine::decode(line).unwrap();
            if is_about_use(&line) {
                let detail;
                (detail, rest) = rest.split_at(rest.len().min(KeyUse::LEN));
                reader.take(&line, detail)?;
            }
        }
        reader.finish(rest)
    }

    /// The line that detail `index` is beside: every third line is another.
    fn line_of(index: usize) -> u64 {
        u64::try_from(index + index.div_ceil(2) + 1).unwrap()
    }
}

/// Derived by hand from the table in docs/formats.md.
#[test]
fn what_is_said_of_a_use_has_these_bytes() {
    let mut log = AuditLog::new();
    let (line, detail) = log.open_key(&key(7), who(), START).unwrap();
    let expected = format!(
        "{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}",
        "54544b55",
        "01",
        "01",
        "0000000000000001",
        "0000000000000001",
        "00000007",
        "3010",
        "21",
        "01",
        "02",
        hex_encode(b"RIDE-CODE-3010-2        "),
        "0000000000000028",
        "0000000000000000",
        "00".repeat(32),
        "00".repeat(9),
    );
    assert_eq!(hex_encode(&detail.encode().unwrap()), expected);
    assert_eq!(line.about, sm3::digest(&detail.encode().unwrap()));
    assert_eq!(
        (line.deed.as_str(), line.key, line.permit),
        ("use.open", 7, 40)
    );
    assert_eq!(detail.used_key(), key(7));
}

#[test]
fn a_sum_is_the_digest_of_all_digests_in_order() {
    let one = UseTally::digest("mac", &[[0x11; 8]], b"purchase");
    assert_eq!(
        one,
        sm3::digest(b"mac\n\x11\x11\x11\x11\x11\x11\x11\x11purchase")
    );
    let two = UseTally::digest("sign", &[], b"certificate");
    let mut tally = UseTally::new();
    tally.used(&one);
    tally.used(&two);
    assert_eq!(tally.total(), (2, sm3::digest(&[one, two].concat())));
}

#[test]
fn what_was_counted_adds_up_and_what_is_open_is_named() {
    let mut uses = Uses::of(&[Some(3), None, Some(0)]);
    let found = uses.read().unwrap();
    let expected = UsesFound {
        opened: 3,
        counted: 2,
        uses: 3,
        lost: 1,
        open: Vec::new(),
    };
    assert_eq!(found, expected);
    // Without the last closing line.
    uses.lines.truncate(8 * AuditLine::LEN);
    uses.details.truncate(5 * KeyUse::LEN);
    assert_eq!(uses.read().unwrap().open, [(7, key(3))]);
}

#[test]
fn a_key_is_closed_once_and_by_the_line_that_opened_it() {
    for (opened, number) in [(1, 1), (2, 1), (4, 1), (1, 2)] {
        let mut uses = Uses::default();
        let mut log = AuditLog::new();
        uses.push(log.open_key(&key(1), who(), START).unwrap());
        let end = tally(1);
        if (opened, number) == (1, 1) {
            uses.push(log.close_key((1, &key(1)), end, who(), START).unwrap());
        }
        uses.push(
            log.close_key((opened, &key(number)), end, who(), START)
                .unwrap(),
        );
        let line = log.tip().0;
        assert_eq!(uses.read(), Err(UseFault::NotOpen { line, opened }));
    }
}

#[test]
fn a_count_nobody_knows_is_a_line_that_failed() {
    let uses = Uses::of(&[None]);
    let line = AuditLine::decode(&uses.lines[2 * AuditLine::LEN..]).unwrap();
    assert_eq!(line.reason.unwrap().as_str(), "use.count_unknown");
    let detail = KeyUse::decode(&uses.details[KeyUse::LEN..]).unwrap();
    assert_eq!((detail.kind, detail.count), (UseKind::Lost, 0));
}

#[test]
fn a_chain_goes_on_from_its_last_anchor_and_the_ends_of_days() {
    let chain = Chain::of(&[2, 3, 0, 4, 1]);
    let lines: Vec<Vec<u8>> = chain
        .lines
        .chunks_exact(AuditLine::LEN)
        .map(<[u8]>::to_vec)
        .collect();
    let whole = AuditLog::resume(&chain.lines, &chain.anchors, &keys()).unwrap();
    let last = chain.anchors.chunks_exact(tongtu_audit::Anchor::LEN).last();
    let short = AuditLog::resume_at(last, &lines[9..], &keys()).unwrap();
    assert_eq!(short.tip(), whole.tip());
    assert_eq!(short, whole);
    // Without any anchor the ends of all days are enough.
    let ends = [1, 4, 8, 9].map(|at| lines[at].clone());
    let mut log = AuditLog::resume_at(None, &ends, &keys()).unwrap();
    let mut all = AuditLog::resume(&chain.lines, &[], &keys()).unwrap();
    assert_eq!(log, all);
    let now = START.plus_s(9 * DAY);
    let next = |log: &mut AuditLog| log.append(&entry(1), now).unwrap();
    assert_eq!(next(&mut log), next(&mut all));
    // Nothing is written under a day that is anchored.
    assert!(short.earliest() >= START.plus_s(4 * DAY));
}

#[test]
fn an_end_that_was_changed_is_named() {
    let chain = Chain::of(&[2, 1]);
    let mut line = chain.lines[2 * AuditLine::LEN..].to_vec();
    line[60] ^= 1;
    let fault = AuditLog::resume_at(None, &[line], &keys()).unwrap_err();
    assert!(fault.to_string().contains("line 3 was changed"), "{fault}");
}

proptest! {
    #[test]
    fn what_is_said_comes_back(uses in prop::collection::vec(prop::option::of(0..5_u64), 1..6)) {
        let uses = Uses::of(&uses);
        for detail in uses.details.chunks_exact(KeyUse::LEN) {
            prop_assert_eq!(&KeyUse::decode(detail).unwrap().encode().unwrap()[..], detail);
        }
        prop_assert!(verify(&uses.lines, &[], &keys()).is_ok());
        prop_assert!(uses.read().is_ok());
    }

    #[test]
    fn any_changed_byte_is_found_at_its_line(
        uses in prop::collection::vec(prop::option::of(0..5_u64), 1..6),
        at in any::<Index>(), flip in 1..=255_u8,
    ) {
        let mut uses = Uses::of(&uses);
        let at = at.index(uses.details.len());
        uses.details[at] ^= flip;
        let line = Uses::line_of(at / KeyUse::LEN);
        prop_assert_eq!(uses.read(), Err(UseFault::Changed { line }));
    }

    #[test]
    fn what_is_cut_or_missing_is_named(
        uses in prop::collection::vec(prop::option::of(0..5_u64), 1..6), len in any::<Index>(),
    ) {
        let mut uses = Uses::of(&uses);
        let len = len.index(uses.details.len());
        uses.details.truncate(len);
        let line = Uses::line_of(len / KeyUse::LEN);
        let expected = match len % KeyUse::LEN {
            0 => UseFault::Missing { line },
            found => UseFault::Torn { line, found },
        };
        prop_assert_eq!(uses.read(), Err(expected));
    }

    #[test]
    fn more_than_lines_is_named(more in 1..300_usize) {
        let mut uses = Uses::of(&[Some(1)]);
        uses.details.extend(vec![0; more]);
        prop_assert_eq!(uses.read(), Err(UseFault::Extra { line: 3 }));
    }

    #[test]
    fn no_bytes_panic(line in prop::collection::vec(any::<u8>(), AuditLine::LEN), detail: Vec<u8>) {
        let _ = KeyUse::decode(&detail);
        if let Ok(line) = AuditLine::decode(&line) {
            let _ = UseReader::new().take(&line, &detail);
        }
        let _ = AuditLog::resume_at(Some(&detail), std::slice::from_ref(&line), &keys());
        let _ = AuditLog::resume_at(None, &[detail, line], &keys());
    }
}
