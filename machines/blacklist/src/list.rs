//! The list itself.

use alloc::sync::Arc;

use tongtu_types::{CardNumber, Timestamp};

use crate::algebra::{difference, union};
use crate::base::{Base, Builder};
use crate::number::{ListedNumber, Span, Tally};
use crate::overlay::Overlay;
use crate::{BlacklistError, MARKS_LIMIT, MARKS_MAX, OVERLAY_MAX, State};

/// A blacklist (黑名单) of one version.
///
/// It never changes; a delta gives another list, which shares nearly all memory with this one.
/// So a tap that cloned it sees one version to its end, whatever is taken meanwhile. The default
/// is the empty list of version 0, which any full file supersedes and deltas may begin from.
#[derive(Debug, Clone)]
pub struct Blacklist {
    state: State,
    issued_at: Timestamp,
    base: Arc<Base>,
    overlay: Arc<Overlay>,
}

impl Default for Blacklist {
    fn default() -> Self {
        Self {
            state: State::default(),
            issued_at: Timestamp::new(0),
            base: Arc::default(),
            overlay: Arc::default(),
        }
    }
}

impl Blacklist {
    /// A list of these spans, which must rise.
    ///
    /// # Errors
    /// [`BlacklistError::Overlap`] when they do not, [`BlacklistError::TooMany`] when they are
    /// too many.
    pub fn from_spans(
        version: u64,
        issued_at: Timestamp,
        spans: impl IntoIterator<Item = Span>,
    ) -> Result<Self, BlacklistError> {
        let mut filling = Filling::default();
        for span in spans {
            filling
                .push(span)?
                .ok_or(BlacklistError::Overlap { number: span.low() })?;
        }
        Ok(filling.finish(version, issued_at))
    }

    /// Whether a card of this number is listed. Exact, and allocates nothing.
    #[must_use]
    pub fn contains(&self, number: ListedNumber) -> bool {
        self.overlay
            .says(number)
            .unwrap_or_else(|| self.base.contains(number))
    }

    /// Whether a card is listed.
    #[must_use]
    pub fn has_card(&self, card: &CardNumber) -> bool {
        self.contains(ListedNumber::of(card))
    }

    /// Version and tally.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The version; 0 is the empty list that nobody issued.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.state.version
    }

    /// When the acquirer made this version.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// How many numbers are listed.
    #[must_use]
    pub const fn numbers(&self) -> u128 {
        self.state.tally.numbers
    }

    /// How many changes wait for compaction.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.overlay.len()
    }

    /// Bytes that it takes, whoever shares them.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.base.memory() + self.overlay.memory()
    }

    /// The listed numbers from `low` on, as rising spans. Spans that touch are given as one, so
    /// that two lists of the same numbers give the same spans.
    pub fn spans_from(&self, low: ListedNumber) -> impl Iterator<Item = Span> + '_ {
        let mut spans = self.all_from(low).peekable();
        core::iter::from_fn(move || {
            let mut span = spans.next()?;
            while let Some(next) =
                spans.next_if(|next| span.high().next().is_some_and(|n| n == next.low()))
            {
                span = Span::new(span.low(), next.high()).expect("spans rise");
            }
            Some(span)
        })
    }

    fn all_from(&self, low: ListedNumber) -> impl Iterator<Item = Span> + '_ {
        let kept = difference(self.base.spans_from(low), self.overlay.removed_from(low));
        union(kept, self.overlay.added_from(low))
    }

    /// What is listed of a span. It looks no further than the span's end, so that the checks of a
    /// delta take a time that its length and the list's bound, however much is taken off behind.
    fn listed_in(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let base = self.base.spans_from(span.low());
        let base = base.take_while(move |s| s.low() <= span.high());
        let kept = difference(base, self.overlay.removed_from(span.low()));
        let all = union(kept, self.overlay.added_from(span.low()));
        all.map_while(move |s| s.within(span.low(), span.high()))
    }

    /// The list with at most `chunks` chunks of waiting changes worked in: the same list, told
    /// in another way. Meant for the time between taps, as often as [`Blacklist::waiting`] is
    /// not 0.
    #[must_use]
    pub fn compacted(&self, chunks: usize) -> Self {
        let (base, overlay) = self.base.compacted(&self.overlay, chunks);
        Self {
            base: Arc::new(base),
            overlay: Arc::new(overlay),
            ..*self
        }
    }

    /// The list with a delta on top.
    ///
    /// Exact: what it lists must not be listed, what it takes off must be, and the outcome must
    /// have the tally that the issuer states.
    pub(crate) fn changed(
        &self,
        state: State,
        issued_at: Timestamp,
        listed: &[Span],
        removed: &[Span],
    ) -> Result<Self, BlacklistError> {
        for span in listed {
            if self.listed_in(*span).next().is_some() {
                let number = span.low();
                return Err(BlacklistError::AlreadyListed { number });
            }
        }
        for span in removed {
            if !self.covers(*span) {
                let number = span.low();
                return Err(BlacklistError::NotListed { number });
            }
        }
        let with = listed.iter().fold(self.state.tally, |t, s| t.plus(*s));
        if removed.iter().fold(with, |t, s| t.minus(*s)) != state.tally {
            return Err(BlacklistError::Tally);
        }
        let overlay = self.overlay.with(listed, removed);
        limit(
            "changes that wait for compaction",
            overlay.len(),
            OVERLAY_MAX,
        )?;
        let marks = self.base.marks() + overlay.marks();
        limit("marks after the delta", marks, MARKS_LIMIT)?;
        Ok(Self {
            state,
            issued_at,
            base: Arc::clone(&self.base),
            overlay: Arc::new(overlay),
        })
    }

    /// Whether all of a span is listed.
    fn covers(&self, span: Span) -> bool {
        let mut due = span.low();
        for next in self.listed_in(span) {
            if next.low() > due {
                return false;
            }
            if next.high() == span.high() {
                return true;
            }
            due = next.high().next().expect("below the span's end");
        }
        false
    }
}

fn limit(what: &'static str, found: usize, max: usize) -> Result<(), BlacklistError> {
    if found > max {
        return Err(BlacklistError::TooMany { what, found, max });
    }
    Ok(())
}

/// A list that is being filled, from the lowest number up.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    builder: Builder,
    last: Option<ListedNumber>,
    tally: Tally,
}

impl Filling {
    /// Adds a span; says `None` and adds nothing when it is not above all others.
    pub(crate) fn push(&mut self, span: Span) -> Result<Option<()>, BlacklistError> {
        if self.last.is_some_and(|last| span.low() <= last) {
            return Ok(None);
        }
        limit(
            "marks in a full list",
            self.builder.marks() + span.marks(),
            MARKS_MAX,
        )?;
        self.builder.push(span);
        self.last = Some(span.high());
        self.tally = self.tally.plus(span);
        Ok(Some(()))
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn finish(self, version: u64, issued_at: Timestamp) -> Blacklist {
        let tally = self.tally;
        Blacklist {
            state: State { version, tally },
            issued_at,
            base: Arc::new(self.builder.finish()),
            overlay: Arc::default(),
        }
    }
}
