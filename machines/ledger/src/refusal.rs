//! Why an entry is not made or not posted.

use tongtu_types::InstitutionCode;

use crate::{AccountName, EntryId, SumE7};

/// Why an entry is not made or not posted.
///
/// The variants are in order of precedence: of several that apply, the first is reported.
/// Those up to [`Refusal::ReversalWithoutOriginal`] keep an [`crate::Entry`] from being made;
/// the others are the book's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Fewer than two postings.
    #[error("entry {id} has {found} postings, expected at least 2")]
    TooFewPostings {
        /// The entry.
        id: EntryId,
        /// How many it has.
        found: usize,
    },
    /// A posting that moves nothing.
    #[error("entry {id} posts zero to {account}, expected an amount")]
    ZeroPosting {
        /// The entry.
        id: EntryId,
        /// The account of that posting.
        account: AccountName,
    },
    /// An amount whose opposite does not fit 64 bits, so that it could never be reversed.
    #[error("entry {id} posts an amount to {account} that cannot be reversed")]
    AmountOutOfRange {
        /// The entry.
        id: EntryId,
        /// The account of that posting.
        account: AccountName,
    },
    /// Accounts of two institutions' books: each book must sum to zero alone.
    #[error("entry {id} posts to the books of {first} and {other}, expected one book")]
    MixedBooks {
        /// The entry.
        id: EntryId,
        /// The book of the first posting.
        first: InstitutionCode,
        /// Another book.
        other: InstitutionCode,
    },
    /// The postings do not sum to zero.
    #[error("entry {id} is out of balance by {by} fen")]
    Unbalanced {
        /// The entry.
        id: EntryId,
        /// The sum of its postings.
        by: SumE7,
    },
    /// A reversal that names no original.
    #[error("entry {id} is a reversal, but names no original")]
    ReversalWithoutOriginal {
        /// The entry.
        id: EntryId,
    },
    /// The very same entry is in the book: nothing to do, and nothing wrong.
    #[error("entry {id} is already posted")]
    AlreadyPosted {
        /// The entry.
        id: EntryId,
    },
    /// The id is in the book with other content.
    #[error("entry id {id} is already used with other content")]
    IdReused {
        /// The id.
        id: EntryId,
    },
    /// The entry to be corrected is not in the book.
    #[error("entry {id} corrects {original}, which is not in the book")]
    OriginalUnknown {
        /// The correction.
        id: EntryId,
        /// The entry it names.
        original: EntryId,
    },
    /// The entry to be reversed was reversed before.
    #[error("entry {id} reverses {original}, which is already reversed")]
    OriginalReversed {
        /// The second reversal.
        id: EntryId,
        /// The entry it names.
        original: EntryId,
    },
    /// A reversal whose postings are not the opposite of the original's.
    #[error("entry {id} is not the exact reversal of {original}")]
    ReversalDiffers {
        /// The reversal.
        id: EntryId,
        /// The entry it names.
        original: EntryId,
    },
}

impl Refusal {
    /// The stable code of the variant, for wires and documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooFewPostings { .. } => "ledger.too_few_postings",
            Self::ZeroPosting { .. } => "ledger.zero_posting",
            Self::AmountOutOfRange { .. } => "ledger.amount_out_of_range",
            Self::MixedBooks { .. } => "ledger.mixed_books",
            Self::Unbalanced { .. } => "ledger.unbalanced",
            Self::ReversalWithoutOriginal { .. } => "ledger.reversal_without_original",
            Self::AlreadyPosted { .. } => "ledger.already_posted",
            Self::IdReused { .. } => "ledger.id_reused",
            Self::OriginalUnknown { .. } => "ledger.original_unknown",
            Self::OriginalReversed { .. } => "ledger.original_reversed",
            Self::ReversalDiffers { .. } => "ledger.reversal_differs",
        }
    }

    /// Whether the submitter may go on as if the entry had just been posted.
    #[must_use]
    pub const fn is_already_posted(&self) -> bool {
        matches!(self, Self::AlreadyPosted { .. })
    }
}
