//! The double-entry book: what sums to zero, always.
//!
//! What is here: account names with a stable storage key, entries that exist only balanced,
//! and the book as a decide/apply machine. Amounts are exact to 10^-7 fen.
//! What is not here: who posts what and why (`tongtu-clearing`, the services), storage
//! (the SQL store; what it must enforce is written in [`row`]), and bank transfers.
//!
//! Sign: a positive amount is a credit (贷): the book's owner owes the account more. A
//! negative amount is a debit (借). So a rider's account with money in it is positive, and
//! at a hub a member who is to receive money is positive.
//!
//! Start with [`Entry::balanced`], then [`Book`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod account;
mod book;
mod entry;
mod refusal;
pub mod row;
mod sum;

pub use account::{AccountKind, AccountName, AccountNameError};
pub use book::{Book, Event};
pub use entry::{Draft, Entry, EntryId, EntryIdError, Memo, MemoError, Posting};
pub use refusal::Refusal;
pub use sum::SumE7;
