//! Unions and differences of rising spans.
//!
//! Every sequence of spans here rises and has no number twice. Neighbours may touch: `5..=5` and
//! `6..=8` is as good as `5..=8`, and nobody depends on which it is.

use alloc::vec::Vec;
use core::iter::Peekable;

use crate::number::{ListedNumber, Span};
use crate::{BlacklistError, Change};

/// What is in `left` and not in `right`.
pub(crate) struct Difference<L: Iterator<Item = Span>, R: Iterator<Item = Span>> {
    left: L,
    right: Peekable<R>,
    rest: Option<Span>,
}

pub(crate) fn difference<L, R>(left: L, right: R) -> Difference<L, R>
where
    L: Iterator<Item = Span>,
    R: Iterator<Item = Span>,
{
    Difference {
        left,
        right: right.peekable(),
        rest: None,
    }
}

impl<L: Iterator<Item = Span>, R: Iterator<Item = Span>> Iterator for Difference<L, R> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        loop {
            let span = match self.rest.take() {
                Some(rest) => rest,
                None => self.left.next()?,
            };
            while self.right.next_if(|r| r.high() < span.low()).is_some() {}
            let hole = match self.right.peek() {
                Some(hole) if hole.low() <= span.high() => *hole,
                _ => return Some(span),
            };
            self.rest = hole
                .high()
                .next()
                .and_then(|after| Span::new(after, span.high()));
            let before = hole.low().previous();
            if let Some(kept) = before.and_then(|before| Span::new(span.low(), before)) {
                return Some(kept);
            }
        }
    }
}

/// Everything in `left` and in `right`, which have nothing in common.
pub(crate) struct Union<L: Iterator<Item = Span>, R: Iterator<Item = Span>> {
    left: Peekable<L>,
    right: Peekable<R>,
}

pub(crate) fn union<L, R>(left: L, right: R) -> Union<L, R>
where
    L: Iterator<Item = Span>,
    R: Iterator<Item = Span>,
{
    Union {
        left: left.peekable(),
        right: right.peekable(),
    }
}

impl<L: Iterator<Item = Span>, R: Iterator<Item = Span>> Iterator for Union<L, R> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        match (self.left.peek(), self.right.peek()) {
            (Some(left), Some(right)) if right < left => self.right.next(),
            (Some(_), _) => self.left.next(),
            (None, _) => self.right.next(),
        }
    }
}

/// The spans of a rising slice that have a number at or above `low`, cut there.
pub(crate) fn from(spans: &[Span], low: ListedNumber) -> impl Iterator<Item = Span> + Clone + '_ {
    let at = spans.partition_point(|span| span.high() < low);
    let cut = move |span: &Span| span.within(low, ListedNumber::MAX);
    spans[at..].iter().filter_map(cut)
}

/// The span of a rising slice that has the number.
pub(crate) fn find(spans: &[Span], number: ListedNumber) -> Option<Span> {
    let at = spans.partition_point(|span| span.high() < number);
    spans.get(at).copied().filter(|span| span.low() <= number)
}

/// What leads from one list to another: for the maker of a delta.
///
/// Spans that are in both are no change. Order does not matter.
///
/// # Errors
/// [`BlacklistError::Overlap`] when a number is in one of the two more than once.
pub fn changes(
    mut removed: Vec<Span>,
    mut listed: Vec<Span>,
) -> Result<Vec<Change>, BlacklistError> {
    for spans in [&mut removed, &mut listed] {
        spans.sort_unstable();
        if let Some(pair) = spans.windows(2).find(|p| p[0].high() >= p[1].low()) {
            return Err(BlacklistError::Overlap {
                number: pair[1].low(),
            });
        }
    }
    let gone = difference(removed.iter().copied(), listed.iter().copied());
    let new = difference(listed.iter().copied(), removed.iter().copied());
    let mut out: Vec<Change> = gone
        .map(Change::Removed)
        .chain(new.map(Change::Listed))
        .collect();
    out.sort_unstable_by_key(|change| change.span());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        prop::collection::vec((1u128..6, 0u128..6), 0..12).prop_map(|steps| {
            let mut at = 0;
            let mut out = Vec::new();
            for (gap, len) in steps {
                let low = ListedNumber::new(at + gap - 1);
                let high = ListedNumber::new(at + gap - 1 + len);
                out.push(Span::new(low, high).unwrap());
                at += gap + len;
            }
            out
        })
    }

    fn set(spans: impl IntoIterator<Item = Span>) -> BTreeSet<u128> {
        let mut out = BTreeSet::new();
        for span in spans {
            for value in span.low().get()..=span.high().get() {
                assert!(out.insert(value), "a number twice");
            }
        }
        out
    }

    proptest! {
        #[test]
        fn a_difference_is_one_of_sets(left in spans(), right in spans()) {
            let ours: Vec<Span> = difference(left.iter().copied(), right.iter().copied()).collect();
            prop_assert!(ours.is_sorted());
            let (left, right) = (set(left), set(right));
            prop_assert_eq!(set(ours), left.difference(&right).copied().collect::<BTreeSet<_>>());
        }

        #[test]
        fn a_union_is_one_of_sets(left in spans(), right in spans()) {
            let new: Vec<Span> = difference(right.iter().copied(), left.iter().copied()).collect();
            let ours: Vec<Span> = union(left.iter().copied(), new.into_iter()).collect();
            prop_assert!(ours.is_sorted());
            let (left, right) = (set(left), set(right));
            prop_assert_eq!(set(ours), left.union(&right).copied().collect::<BTreeSet<_>>());
        }

        #[test]
        fn finding_is_membership(spans in spans(), value in 0u128..120) {
            let number = ListedNumber::new(value);
            prop_assert_eq!(find(&spans, number).is_some(), set(spans.clone()).contains(&value));
            let above: BTreeSet<u128> = set(spans.clone()).range(value..).copied().collect();
            prop_assert_eq!(set(from(&spans, number)), above);
        }

        #[test]
        fn changes_lead_from_one_list_to_the_other(old in spans(), new in spans()) {
            let mut now = set(old.clone());
            for change in changes(old, new.clone()).unwrap() {
                let (span, listed) = (change.span(), matches!(change, Change::Listed(_)));
                for value in span.low().get()..=span.high().get() {
                    let changed = if listed { now.insert(value) } else { now.remove(&value) };
                    prop_assert!(changed);
                }
            }
            prop_assert_eq!(now, set(new));
        }
    }
}
