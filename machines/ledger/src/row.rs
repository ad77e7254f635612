//! Entries as rows: what a store keeps, and what it must enforce.
//!
//! Two tables carry a book. `entry`: id (primary key), day, memo, corrects (nullable, refers
//! to `entry`). `posting`: entry id and number (primary key together), account key, amount.
//! The store keeps these invariants, in the database where it can:
//!
//! 1. `entry.id` is unique; an insert that finds it taken reads the stored entry and asks
//!    [`decide`], which tells the repetition from the clash.
//! 2. Rows are inserted only, never updated or deleted.
//! 3. An entry and all its postings are inserted in one transaction.
//! 4. `posting.amount` is not zero and not the least 64-bit number (a check constraint).
//! 5. Postings of one entry are at least two, are all of one book (the first eight characters
//!    of the account key), and sum to zero. Only an [`Entry`] is ever written, so this holds
//!    by construction; [`entry_of`] proves it again on each read, and
//!    `select sum(amount) from posting` must be zero in the whole table at any time. That
//!    sum may leave 64 bits in a large book: sum by account and add up as [`crate::SumE7`].
//! 6. At most one entry with memo `reversal` per `corrects` (a partial unique index).
//!
//! [`decide`]: crate::row::decide

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use tongtu_types::{BusinessDay, FenE7};

pub use crate::book::{Original, decide};

use crate::{AccountName, AccountNameError, Draft, Entry, EntryId, EntryIdError};
use crate::{Memo, MemoError, Posting, Refusal};

/// A row of table `entry`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryRow {
    /// The idempotency key, at most 96 characters.
    pub id: String,
    /// Days since 1970-01-01.
    pub day: i64,
    /// The memo's stable word.
    pub memo: String,
    /// The id of the entry corrected.
    pub corrects: Option<String>,
}

/// A row of table `posting`. `Debug` shows no card number.
#[derive(Clone, PartialEq, Eq)]
pub struct PostingRow {
    /// 1-based place in the sorted entry.
    pub number: i64,
    /// The account's storage key, at most 41 characters.
    pub account: String,
    /// In 10^-7 fen; positive is a credit.
    pub amount_e7: i64,
}

impl fmt::Debug for PostingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = AccountName::split_number(&self.account);
        let account = account.map_or(self.account.as_str(), |(head, _)| head);
        f.debug_struct("PostingRow")
            .field("number", &self.number)
            .field("account", &account)
            .field("amount_e7", &self.amount_e7)
            .finish()
    }
}

/// Why rows are not an entry: the store holds what no book ever wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// The id is not one.
    #[error(transparent)]
    Id(#[from] EntryIdError),
    /// The memo is not one.
    #[error(transparent)]
    Memo(#[from] MemoError),
    /// An account key is not one.
    #[error(transparent)]
    Account(#[from] AccountNameError),
    /// The rows together are no balanced entry.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The rows of an entry.
#[must_use]
pub fn rows_of(entry: &Entry) -> (EntryRow, Vec<PostingRow>) {
    let head = EntryRow {
        id: entry.id().as_str().into(),
        day: entry.day().days(),
        memo: entry.memo().as_str().into(),
        corrects: entry.corrects().map(|id| id.as_str().into()),
    };
    let postings = entry
        .postings()
        .iter()
        .zip(1..)
        .map(|(posting, number)| PostingRow {
            number,
            account: posting.account.key(),
            amount_e7: posting.amount.get(),
        })
        .collect();
    (head, postings)
}

/// The entry of rows, through the same gate as a new one; the order of postings is free.
///
/// # Errors
/// [`RowError`] when the rows are not what a book wrote.
pub fn entry_of(head: &EntryRow, postings: &[PostingRow]) -> Result<Entry, RowError> {
    let corrects = head.corrects.as_deref().map(EntryId::parse).transpose()?;
    let postings = postings
        .iter()
        .map(|row| {
            Ok(Posting {
                account: AccountName::parse(&row.account)?,
                amount: FenE7::new(row.amount_e7),
            })
        })
        .collect::<Result<Vec<_>, AccountNameError>>()?;
    let draft = Draft {
        id: EntryId::parse(&head.id)?,
        day: BusinessDay::from_days(head.day),
        memo: Memo::parse(&head.memo)?,
        corrects,
        postings,
    };
    Ok(Entry::balanced(draft)?)
}
