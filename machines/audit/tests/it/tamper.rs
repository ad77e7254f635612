//! One row for each thing that can be done to a chain, and what it is named as.

use tongtu_audit::{Anchor, AnchorFault, AuditLine, Fault, LineFault};
use tongtu_types::BusinessDay;

use crate::chain::*;

fn day(text: &str) -> BusinessDay {
    text.parse().unwrap()
}

/// Three days of 4, 3 and 2 lines; two anchors.
fn chain() -> Chain {
    Chain::of(&[4, 3, 2])
}

fn line_fault(chain: &Chain) -> LineFault {
    match chain.verify() {
        Err(Fault::Line(fault)) => fault,
        other => panic!("expected a fault of a line, found {other:?}"),
    }
}

fn anchor_fault(chain: &Chain) -> AnchorFault {
    match chain.verify() {
        Err(Fault::Anchor(fault)) => fault,
        other => panic!("expected a fault of an anchor, found {other:?}"),
    }
}

#[test]
fn a_whole_chain_says_what_is_anchored_and_what_could_be_cut() {
    let verified = chain().verify().unwrap();
    assert_eq!((verified.lines, verified.anchors), (9, 2));
    assert_eq!(verified.anchored, Some(day("2026-01-02")));
    assert_eq!(verified.unanchored, 2);
    assert_eq!(Chain::default().verify().unwrap().lines, 0);
}

#[test]
fn a_changed_line_is_named() {
    let mut chain = chain();
    chain.lines[4 * AuditLine::LEN + 30] ^= 1;
    assert_eq!(line_fault(&chain), LineFault::Changed { number: 5 });
}

#[test]
fn missing_lines_are_named_first_to_last() {
    let mut chain = chain();
    chain.cut_line(3);
    let fault = LineFault::Missing { first: 3, last: 3 };
    assert_eq!(line_fault(&chain), fault);
    chain.cut_line(3);
    let fault = LineFault::Missing { first: 3, last: 4 };
    assert_eq!(line_fault(&chain), fault);
    let mut chain = crate::tamper::chain();
    chain.cut_line(1);
    let fault = LineFault::Missing { first: 1, last: 1 };
    assert_eq!(line_fault(&chain), fault);
}

#[test]
fn a_repeated_line_is_named_with_its_place() {
    let mut chain = chain();
    let line = chain.line(2);
    chain.put_line(3, &line);
    let fault = LineFault::Repeated {
        number: 2,
        after: 2,
    };
    assert_eq!(line_fault(&chain), fault);
    let mut chain = crate::tamper::chain();
    chain.put_line(8, &line);
    let fault = LineFault::Repeated {
        number: 2,
        after: 7,
    };
    assert_eq!(line_fault(&chain), fault);
}

#[test]
fn swapped_lines_are_named() {
    let mut chain = chain();
    let (second, sixth) = (chain.line(2), chain.line(6));
    chain.cut_line(6);
    chain.cut_line(2);
    chain.put_line(2, &sixth);
    chain.put_line(6, &second);
    let fault = LineFault::Swapped {
        number: 2,
        found: 6,
    };
    assert_eq!(line_fault(&chain), fault);
}

/// A line of another chain that is whole in itself.
fn other_line(number: usize) -> Vec<u8> {
    let other = Chain::written(&[4, 3, 2], |n| {
        let mut entry = entry(n);
        entry.key = Some(99);
        entry
    });
    other.line(number)
}

#[test]
fn a_line_of_another_chain_does_not_follow() {
    let mut chain = chain();
    chain.cut_line(4);
    chain.put_line(4, &other_line(4));
    assert_eq!(line_fault(&chain), LineFault::Foreign { number: 4 });
}

#[test]
fn a_line_that_was_put_in_well_is_found_by_the_one_it_displaces() {
    let chain = chain();
    let before = AuditLine::decode(&chain.line(4)).unwrap();
    let mut said = entry(5);
    said.key = Some(99);
    let forged = AuditLine::chained(5, before.at, &said, before.value).unwrap();
    let mut chain = chain;
    chain.put_line(5, &forged.encode().unwrap());
    assert_eq!(line_fault(&chain), LineFault::Inserted { number: 5 });
}

#[test]
fn a_file_that_ends_inside_a_line_is_torn() {
    let mut chain = chain();
    chain.lines.truncate(8 * AuditLine::LEN + 100);
    let fault = LineFault::Torn {
        number: 9,
        found: 100,
    };
    assert_eq!(line_fault(&chain), fault);
}

#[test]
fn lines_cut_off_an_anchored_day_are_named_by_the_day() {
    let mut chain = chain();
    chain.lines.truncate(7 * AuditLine::LEN);
    let verified = chain.verify().unwrap();
    assert_eq!(
        verified.unanchored, 0,
        "behind the last anchor nobody sees it"
    );
    chain.lines.truncate(6 * AuditLine::LEN);
    let fault = AnchorFault::Truncated {
        day: day("2026-01-02"),
        count: 7,
        found: 6,
    };
    assert_eq!(anchor_fault(&chain), fault);
    chain.lines.clear();
    let fault = AnchorFault::Truncated {
        day: day("2026-01-01"),
        count: 4,
        found: 0,
    };
    assert_eq!(anchor_fault(&chain), fault);
}

#[test]
fn a_chain_that_was_written_anew_is_found_by_the_first_day_that_differs() {
    let forged = Chain::written(&[4, 3, 2], |number| {
        let mut entry = entry(number);
        if number == 6 {
            entry.key = Some(99);
        }
        entry
    });
    let chain = Chain {
        lines: forged.lines,
        anchors: chain().anchors,
    };
    let fault = AnchorFault::Mismatch {
        day: day("2026-01-02"),
        count: 7,
    };
    assert_eq!(anchor_fault(&chain), fault);
}

#[test]
fn a_line_slipped_behind_an_anchor_under_an_anchored_day_is_named() {
    let mut chain = Chain::of(&[4, 3, 0]);
    let last = AuditLine::decode(&chain.line(7)).unwrap();
    let late = AuditLine::chained(8, last.at, &entry(8), last.value).unwrap();
    chain.lines.extend(late.encode().unwrap());
    let fault = AnchorFault::Day {
        number: 8,
        found: day("2026-01-02"),
        day: day("2026-01-02"),
    };
    assert_eq!(anchor_fault(&chain), fault);
}

#[test]
fn a_line_that_goes_back_in_time_is_named() {
    let mut chain = chain();
    let last = AuditLine::decode(&chain.line(9)).unwrap();
    let at = last.at.plus_s(-1);
    let back = AuditLine::chained(10, at, &entry(10), last.value).unwrap();
    chain.lines.extend(back.encode().unwrap());
    let fault = LineFault::BackInTime { number: 10, at };
    assert_eq!(line_fault(&chain), fault);
}

#[test]
fn anchors_are_in_their_order_and_all_there() {
    let whole = Chain::of(&[1, 1, 1, 1]);
    let mut chain = whole.clone();
    let second = chain.cut_anchor(2);
    let order = |number, found| AnchorFault::Order { number, found };
    assert_eq!(anchor_fault(&chain), order(2, 3));
    chain.put_anchor(3, &second);
    assert_eq!(anchor_fault(&chain), order(2, 3));
    let mut chain = whole.clone();
    chain.put_anchor(3, &second);
    assert_eq!(anchor_fault(&chain), order(3, 2));
    let mut chain = whole.clone();
    chain.cut_anchor(3);
    let verified = chain.verify().unwrap();
    assert_eq!(
        verified.anchored,
        Some(day("2026-01-02")),
        "the caller compares"
    );
    assert_eq!(verified.unanchored, 2);
    let mut chain = whole;
    chain.anchors.truncate(Anchor::LEN + 9);
    let torn = AnchorFault::Torn {
        number: 2,
        found: 9,
    };
    assert_eq!(anchor_fault(&chain), torn);
}

#[test]
fn an_anchor_of_another_chain_does_not_follow() {
    let mut chain = Chain::of(&[1, 1, 1]);
    let mut other = Chain::of(&[2, 2, 2]);
    let foreign = other.cut_anchor(2);
    chain.cut_anchor(2);
    chain.put_anchor(2, &foreign);
    let fault = AnchorFault::Foreign {
        number: 2,
        day: day("2026-01-02"),
    };
    assert_eq!(anchor_fault(&chain), fault);
}

#[test]
fn another_key_signs_no_anchor() {
    let chain = chain();
    let other = tongtu_crypto::SecretKey::from_bytes(&[0x22; 32]).unwrap();
    let verified = tongtu_audit::verify(
        &chain.lines,
        &chain.anchors,
        &[(KEY, other.public().clone())].into(),
    );
    let changed = AnchorFault::Changed { number: 1 };
    assert_eq!(verified, Err(Fault::Anchor(changed)));
}

/// Signed by the right key over too many lines: by a program that is wrong.
#[test]
fn an_anchor_over_a_line_of_the_next_day_is_named() {
    let mut chain = Chain::of(&[2, 1]);
    let mut anchor = Anchor::decode(&chain.cut_anchor(1)).unwrap();
    anchor.count = 3;
    anchor.head = AuditLine::decode(&chain.line(3)).unwrap().value;
    anchor.signature = key().sign(&anchor.encode().unwrap()[..93]).0;
    chain.anchors = anchor.encode().unwrap();
    let fault = AnchorFault::Day {
        number: 3,
        found: day("2026-01-02"),
        day: day("2026-01-01"),
    };
    assert_eq!(anchor_fault(&chain), fault);
}
