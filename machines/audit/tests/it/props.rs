//! Whatever is done to an anchored chain is found, and named where it was done.

use proptest::prelude::*;
use proptest::sample::Index;
use tongtu_audit::{Anchor, AnchorFault, AuditLine, Fault, LineFault};
use tongtu_types::Timestamp;

use crate::chain::*;

/// Days with lines, the last of them anchored too: an empty day follows.
fn chain() -> impl Strategy<Value = Chain> {
    prop::collection::vec(1..5_u64, 1..5).prop_map(|mut days| {
        days.push(0);
        Chain::of(&days)
    })
}

fn count(chain: &Chain) -> usize {
    chain.lines.len() / AuditLine::LEN
}

/// The number of the line that a fault names first.
fn named(fault: &Fault) -> Option<u64> {
    match fault {
        Fault::Line(fault) => Some(match *fault {
            LineFault::Torn { number, .. }
            | LineFault::Changed { number }
            | LineFault::Swapped { number, .. }
            | LineFault::Repeated { number, .. }
            | LineFault::Inserted { number }
            | LineFault::Foreign { number }
            | LineFault::BackInTime { number, .. }
            | LineFault::Malformed { number, .. } => number,
            LineFault::Missing { first, .. } => first,
            ref other => panic!("{other:?} is new here"),
        }),
        _ => None,
    }
}

proptest! {
    #[test]
    fn a_chain_holds_as_it_was_written(chain in chain()) {
        let verified = chain.verify().unwrap();
        prop_assert_eq!(verified.unanchored, 0);
        prop_assert_eq!(usize::try_from(verified.lines).unwrap(), count(&chain));
    }

    #[test]
    fn any_changed_byte_of_a_line_is_found_in_that_line(
        chain in chain(), at in any::<Index>(), flip in 1..=255_u8,
    ) {
        let mut changed = chain;
        let at = at.index(changed.lines.len());
        changed.lines[at] ^= flip;
        let number = u64::try_from(at / AuditLine::LEN + 1).unwrap();
        let fault = changed.verify().unwrap_err();
        prop_assert_eq!(fault, Fault::Line(LineFault::Changed { number }));
    }

    #[test]
    fn any_changed_byte_of_an_anchor_is_found_in_that_anchor(
        chain in chain(), at in any::<Index>(), flip in 1..=255_u8,
    ) {
        let mut changed = chain;
        let at = at.index(changed.anchors.len());
        changed.anchors[at] ^= flip;
        let number = u32::try_from(at / Anchor::LEN + 1).unwrap();
        let found = match changed.verify().unwrap_err() {
            Fault::Anchor(AnchorFault::Changed { number } | AnchorFault::Key { number, .. }) => number,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(found, number);
    }

    #[test]
    fn lines_taken_out_are_named(chain in chain(), at in any::<Index>(), len in 1..4_usize) {
        let lines = count(&chain);
        let first = at.index(lines) + 1;
        let last = (first + len - 1).min(lines);
        let mut cut = chain;
        for _ in first..=last {
            cut.cut_line(first);
        }
        let fault = cut.verify().unwrap_err();
        let (from, to) = (u64::try_from(first).unwrap(), u64::try_from(last).unwrap());
        if last == lines {
            // Nothing comes after them that could miss them; the anchor does.
            let truncated = matches!(
                fault,
                Fault::Anchor(AnchorFault::Truncated { found, count, .. })
                    if found == from - 1 && count >= from
            );
            prop_assert!(truncated, "{fault:?}");
        } else {
            let missing = LineFault::Missing { first: from, last: to };
            prop_assert_eq!(fault, Fault::Line(missing));
        }
    }

    #[test]
    fn a_repeated_line_is_named(chain in chain(), which in any::<Index>(), at in any::<Index>()) {
        let lines = count(&chain);
        let which = which.index(lines) + 1;
        // Somewhere after itself; before itself it is a swap.
        let before = which + 1 + at.index(lines - which + 1);
        let mut twice = chain;
        let line = twice.line(which);
        twice.put_line(before, &line);
        let fault = twice.verify().unwrap_err();
        let repeated = LineFault::Repeated {
            number: u64::try_from(which).unwrap(),
            after: u64::try_from(before - 1).unwrap(),
        };
        prop_assert_eq!(fault, Fault::Line(repeated));
    }

    #[test]
    fn two_swapped_lines_are_named(chain in chain(), a in any::<Index>(), b in any::<Index>()) {
        let lines = count(&chain);
        let (a, b) = (a.index(lines) + 1, b.index(lines) + 1);
        prop_assume!(a != b);
        let (first, second) = (a.min(b), a.max(b));
        let mut swapped = chain;
        let (low, high) = (swapped.line(first), swapped.line(second));
        swapped.cut_line(second);
        swapped.cut_line(first);
        swapped.put_line(first, &high);
        swapped.put_line(second, &low);
        let fault = swapped.verify().unwrap_err();
        let expected = LineFault::Swapped {
            number: u64::try_from(first).unwrap(),
            found: u64::try_from(second).unwrap(),
        };
        prop_assert_eq!(fault, Fault::Line(expected));
    }

    /// Whoever knows the form puts in a line that is whole and linked; it shows all the same.
    #[test]
    fn a_line_put_in_is_named(chain in chain(), at in any::<Index>()) {
        let lines = count(&chain);
        let before = at.index(lines) + 1;
        let number = u64::try_from(before).unwrap();
        let displaced = AuditLine::decode(&chain.line(before)).unwrap();
        let mut said = entry(number);
        said.key = Some(99);
        let forged = AuditLine::chained(number, displaced.at, &said, displaced.before).unwrap();
        let mut longer = chain;
        longer.put_line(before, &forged.encode().unwrap());
        let fault = longer.verify().unwrap_err();
        prop_assert_eq!(fault, Fault::Line(LineFault::Inserted { number }));
    }

    /// Whoever writes everything anew from one line on has a chain that holds, and no anchor.
    #[test]
    fn a_chain_written_anew_is_found_by_its_day(
        days in prop::collection::vec(1..5_u64, 1..5), at in any::<Index>(),
    ) {
        let mut days = days;
        days.push(0);
        let honest = Chain::of(&days);
        let changed = u64::try_from(at.index(count(&honest)) + 1).unwrap();
        let anew = Chain::written(&days, |number| {
            let mut entry = entry(number);
            if number == changed {
                entry.permit = Some(999);
            }
            entry
        });
        let chain = Chain { lines: anew.lines, anchors: honest.anchors };
        let mut last = 0;
        let of_change = days.iter().position(|lines| {
            last += lines;
            changed <= last
        });
        let of_change = i64::try_from(of_change.unwrap()).unwrap();
        let expected = AnchorFault::Mismatch {
            day: START.plus_s(of_change * DAY).china().day,
            count: last,
        };
        prop_assert_eq!(chain.verify().unwrap_err(), Fault::Anchor(expected));
    }

    #[test]
    fn a_truncated_tail_is_found(chain in chain(), keep in any::<Index>()) {
        let mut cut = chain;
        let keep = keep.index(cut.lines.len());
        cut.lines.truncate(keep);
        let fault = cut.verify().unwrap_err();
        let whole = u64::try_from(keep / AuditLine::LEN).unwrap();
        if keep.is_multiple_of(AuditLine::LEN) {
            let truncated = matches!(
                fault,
                Fault::Anchor(AnchorFault::Truncated { found, .. }) if found == whole
            );
            prop_assert!(truncated, "{fault:?}");
        } else {
            prop_assert_eq!(named(&fault), Some(whole + 1));
        }
    }

    /// Whatever is cut, repeated, moved and changed at once, the chain does not hold, and no line
    /// is named before the first one that differs.
    #[test]
    fn nothing_but_the_chain_itself_holds(
        chain in chain(),
        edits in prop::collection::vec((0..4_u8, any::<Index>(), any::<Index>()), 1..5),
    ) {
        let mut edited = chain.clone();
        for (kind, a, b) in edits {
            let lines = count(&edited);
            if lines == 0 {
                break;
            }
            let (a, b) = (a.index(lines) + 1, b.index(lines) + 1);
            match kind {
                0 => edited.cut_line(a),
                1 => {
                    let line = edited.line(a);
                    edited.put_line(b, &line);
                }
                2 => {
                    let line = edited.line(a);
                    edited.cut_line(a);
                    edited.put_line(b.min(lines - 1).max(1), &line);
                }
                _ => {
                    let at = (a - 1) * AuditLine::LEN + b % AuditLine::LEN;
                    edited.lines[at] ^= 0x40;
                }
            }
        }
        match edited.verify() {
            Ok(_) => prop_assert_eq!(edited.lines, chain.lines),
            Err(fault) => {
                let same = edited.lines.iter().zip(&chain.lines).take_while(|(a, b)| a == b);
                let first = u64::try_from(same.count() / AuditLine::LEN + 1).unwrap();
                if let Fault::Line(LineFault::Repeated { after, .. }) = fault {
                    prop_assert_eq!(after + 1, first);
                } else if let Fault::Line(LineFault::Inserted { .. }) = fault {
                    prop_assert!(false, "nothing new was put in");
                } else if let Some(number) = named(&fault) {
                    prop_assert_eq!(number, first);
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(
        lines in prop::collection::vec(any::<u8>(), 0..600),
        anchors in prop::collection::vec(any::<u8>(), 0..400),
        at in 0..i64::MAX,
    ) {
        let chain = Chain { lines, anchors };
        let _ = chain.verify();
        let far = AuditLine::chained(1, Timestamp::new(at), &entry(1), [0; 32]).unwrap();
        let chain = Chain { lines: far.encode().unwrap(), anchors: Vec::new() };
        prop_assert!(chain.verify().is_ok());
    }
}
