//! The book: decides whether an entry may be posted, and posts it.

use alloc::collections::{BTreeMap, BTreeSet};

use tongtu_types::InstitutionCode;

use crate::{AccountName, Entry, EntryId, Memo, Refusal, SumE7};

/// What happened to a book; what a store keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An entry was posted.
    Posted(Entry),
}

/// A double-entry book, whole in memory.
///
/// It may hold the accounts of several institutions (a city's issuer and acquirer in one
/// node); since every entry stays in one institution's book, each of them sums to zero alone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Book {
    entries: BTreeMap<EntryId, Entry>,
    reversed: BTreeSet<EntryId>,
    balances: BTreeMap<AccountName, SumE7>,
}

/// What the book knows about the entry that another one corrects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Original<'a> {
    /// The entry itself.
    pub entry: &'a Entry,
    /// Whether a reversal of it is in the book.
    pub reversed: bool,
}

/// Decides on one entry, given what is stored under the two ids that it names.
///
/// A store that keeps entries elsewhere calls this inside the transaction that inserts: the
/// rules are then the same as [`Book`]'s. `same_id` is the entry stored under `entry.id()`,
/// `original` the one stored under `entry.corrects()`.
///
/// # Errors
/// The first [`Refusal`] that applies, in the order of its variants.
pub fn decide(
    entry: &Entry,
    same_id: Option<&Entry>,
    original: Option<Original<'_>>,
) -> Result<(), Refusal> {
    let id = || entry.id().clone();
    match same_id {
        Some(stored) if stored == entry => return Err(Refusal::AlreadyPosted { id: id() }),
        Some(_) => return Err(Refusal::IdReused { id: id() }),
        None => {}
    }
    let Some(original_id) = entry.corrects() else {
        return Ok(());
    };
    let Some(known) = original else {
        return Err(Refusal::OriginalUnknown {
            id: id(),
            original: original_id.clone(),
        });
    };
    if entry.memo() != Memo::Reversal {
        return Ok(());
    }
    if known.reversed {
        return Err(Refusal::OriginalReversed {
            id: id(),
            original: original_id.clone(),
        });
    }
    if entry.postings() != known.entry.opposite() {
        return Err(Refusal::ReversalDiffers {
            id: id(),
            original: original_id.clone(),
        });
    }
    Ok(())
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides whether the entry may be posted; changes nothing.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies, in the order of its variants.
    pub fn decide(&self, entry: Entry) -> Result<Event, Refusal> {
        let original = entry.corrects().and_then(|id| {
            Some(Original {
                entry: self.entries.get(id)?,
                reversed: self.reversed.contains(id),
            })
        });
        decide(&entry, self.entries.get(entry.id()), original)?;
        Ok(Event::Posted(entry))
    }

    /// Makes an event part of the book.
    ///
    /// # Panics
    /// When the event was not decided on this book's present state, or the trial balance
    /// would not be zero. Both are faults of the program, in release builds too: a book that
    /// is wrong must stop, not go on.
    pub fn apply(&mut self, event: &Event) {
        let Event::Posted(entry) = event;
        let mut moved = SumE7::ZERO;
        for posting in entry.postings() {
            let balance = self.balances.entry(posting.account).or_default();
            let after = balance
                .checked_add(posting.amount)
                .expect("fewer than 2^64 amounts of 64 bits fit 128 bits");
            let change = after
                .checked_sub(*balance)
                .expect("the change is a 64-bit amount");
            moved = moved
                .checked_add(change)
                .expect("fewer than 2^64 amounts of 64 bits fit 128 bits");
            *balance = after;
        }
        // The sum of all balances was zero before. It is zero now exactly when the balances
        // just changed moved by zero in all, so this needs no walk over every account.
        assert!(
            moved.is_zero(),
            "entry {} moved the trial balance by {moved}",
            entry.id()
        );
        if let (Memo::Reversal, Some(original)) = (entry.memo(), entry.corrects()) {
            let first = self.reversed.insert(original.clone());
            assert!(first, "entry {original} is reversed twice");
        }
        let before = self.entries.insert(entry.id().clone(), entry.clone());
        assert!(before.is_none(), "entry {} is posted twice", entry.id());
    }

    /// Decides and, if nothing speaks against it, applies.
    ///
    /// # Errors
    /// As [`Book::decide`].
    pub fn post(&mut self, entry: Entry) -> Result<Event, Refusal> {
        let event = self.decide(entry)?;
        self.apply(&event);
        Ok(event)
    }

    /// An account's balance; zero when nothing was ever posted to it.
    #[must_use]
    pub fn balance(&self, account: &AccountName) -> SumE7 {
        self.balances.get(account).copied().unwrap_or_default()
    }

    /// Every account ever posted to, in order, with its balance.
    pub fn balances(&self) -> impl Iterator<Item = (&AccountName, SumE7)> {
        self.balances.iter().map(|(name, sum)| (name, *sum))
    }

    /// The sum of all balances, added up anew; zero, or the book is wrong.
    #[must_use]
    pub fn trial_balance(&self) -> SumE7 {
        self.total(|_| true)
    }

    /// The sum of one institution's balances, added up anew; zero, or the book is wrong.
    #[must_use]
    pub fn trial_balance_of(&self, book: InstitutionCode) -> SumE7 {
        self.total(|account| account.book == book)
    }

    /// The entry of that name.
    #[must_use]
    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All entries, in the order of their names.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    fn total(&self, of: impl Fn(&AccountName) -> bool) -> SumE7 {
        self.balances
            .iter()
            .filter(|(account, _)| of(account))
            .fold(SumE7::ZERO, |sum, (_, balance)| {
                sum.checked_add(*balance)
                    .expect("balances add up to zero long before they leave 128 bits")
            })
    }
}
