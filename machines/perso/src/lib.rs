//! PSAMs on their way: an issuer's batch to a personalisation centre, its answer, and the account
//! of every module in between.
//!
//! ```text
//!  issuer ──Batch (signed, keys enciphered)──▶ personaliser ──commands──▶ blank modules
//!    ▲                                              │
//!    └── Account ◀──Answer (signed, a line each)────┘
//! ```
//!
//! And the personaliser's book of cards ([`CardBook`]): no number goes onto two of them.
//!
//! What is here: both files as tables ([`layout`]), written, read and verified whole ([`Batch`],
//! [`Answer`]); the commands that make a module ([`commands`]); and who is still missing
//! ([`Account`]). A key is here as bytes that were enciphered elsewhere, with its check value.
//! What is not here: keys, and whoever enciphers them; cards; time; files.
//!
//! Start with [`Batch`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod account;
mod answer;
mod batch;
mod card_book;
mod frame;
pub mod layout;
mod script;

pub use account::{Account, AccountError, Count, State};
pub use answer::{Answer, Line};
pub use batch::{Batch, Module, Transport};
pub use card_book::{BookError, BookFault, CardBook, CardCount, CardName, Chip, Start, encoded};
pub use frame::{FileError, Place};
pub use layout::{Application, CardLine, Mark, Outcome, Step};
pub use script::{commands, script};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[
    layout::BatchHead::SPEC,
    layout::ModuleRecord::SPEC,
    layout::AnswerHead::SPEC,
    layout::AnswerLine::SPEC,
    layout::Seal::SPEC,
    layout::CardBookHead::SPEC,
    CardLine::SPEC,
];

/// Every closed word of this crate, for the documents.
pub const WORDS: &[(&str, &str, &[tongtu_codec::CodeRow])] = &[
    ("Mark of a batch", "批次标记", Mark::ROWS),
    ("Outcome of a module", "个人化结果", Outcome::ROWS),
    (
        "Application of a card number",
        "卡号所属应用",
        Application::ROWS,
    ),
    ("Step of a card", "卡片步骤", Step::ROWS),
];
