//! What deltas changed and compaction has not put into the base yet.

use alloc::vec::Vec;

use crate::algebra::{difference, find, from, union};
use crate::number::{ListedNumber, Span};

/// Spans that are listed beside the base, and spans of the base that are not.
///
/// `added` has nothing of the base, `removed` nothing but of the base.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    added: Vec<Span>,
    removed: Vec<Span>,
}

impl Overlay {
    /// What the overlay says of a number, if anything.
    pub(crate) fn says(&self, number: ListedNumber) -> Option<bool> {
        if find(&self.added, number).is_some() {
            return Some(true);
        }
        find(&self.removed, number).map(|_| false)
    }

    pub(crate) fn len(&self) -> usize {
        self.added.len() + self.removed.len()
    }

    /// How many marks the changes can add to a base: a removal may cut a range in two.
    pub(crate) fn marks(&self) -> usize {
        let added: usize = self.added.iter().map(|span| span.marks()).sum();
        added + 2 * self.removed.len()
    }

    pub(crate) fn memory(&self) -> usize {
        (self.added.capacity() + self.removed.capacity()) * size_of::<Span>()
    }

    pub(crate) fn added_from(&self, low: ListedNumber) -> impl Iterator<Item = Span> + Clone + '_ {
        from(&self.added, low)
    }

    pub(crate) fn removed_from(
        &self,
        low: ListedNumber,
    ) -> impl Iterator<Item = Span> + Clone + '_ {
        from(&self.removed, low)
    }

    /// With a delta on top: `listed` was not in the list before, `removed` was.
    pub(crate) fn with(&self, listed: &[Span], removed: &[Span]) -> Self {
        // Listed again after a removal is as it was in the base.
        let added = union(
            difference(self.added.iter().copied(), removed.iter().copied()),
            difference(listed.iter().copied(), self.removed.iter().copied()),
        );
        let gone = union(
            difference(self.removed.iter().copied(), listed.iter().copied()),
            difference(removed.iter().copied(), self.added.iter().copied()),
        );
        Self {
            added: collect(added),
            removed: collect(gone),
        }
    }

    pub(crate) fn parts(&self) -> Rest<'_> {
        Rest {
            added: Cut::new(&self.added),
            removed: Cut::new(&self.removed),
        }
    }
}

fn collect(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut out: Vec<Span> = spans.collect();
    out.shrink_to_fit();
    out
}

/// An overlay of which the front is taken off.
pub(crate) struct Rest<'a> {
    added: Cut<'a>,
    removed: Cut<'a>,
}

impl Rest<'_> {
    /// The first number with a change.
    pub(crate) fn low(&self) -> Option<ListedNumber> {
        let lows = [self.added.low(), self.removed.low()];
        lows.into_iter().flatten().min()
    }

    /// Takes off what is not above `end`.
    pub(crate) fn take_to(&mut self, end: ListedNumber) -> (Vec<Span>, Vec<Span>) {
        (self.added.take_to(end), self.removed.take_to(end))
    }

    pub(crate) fn finish(mut self) -> Overlay {
        Overlay {
            added: self.added.take_to(ListedNumber::MAX),
            removed: self.removed.take_to(ListedNumber::MAX),
        }
    }
}

struct Cut<'a> {
    spans: &'a [Span],
    /// Where the first of them begins by now.
    begin: ListedNumber,
}

impl<'a> Cut<'a> {
    const fn new(spans: &'a [Span]) -> Self {
        let begin = ListedNumber::MIN;
        Self { spans, begin }
    }

    fn low(&self) -> Option<ListedNumber> {
        self.spans.first().map(|span| span.low().max(self.begin))
    }

    fn take_to(&mut self, end: ListedNumber) -> Vec<Span> {
        let begin = self.begin;
        let upto = self.spans.partition_point(|span| span.low() <= end);
        let out = self.spans[..upto]
            .iter()
            .filter_map(|span| span.within(begin, end))
            .collect();
        // The last of them may reach beyond.
        let whole = self.spans.partition_point(|span| span.high() <= end);
        self.spans = &self.spans[whole..];
        self.begin = end.next().unwrap_or(ListedNumber::MAX);
        out
    }
}
