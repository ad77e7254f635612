//! Why the store did not do something.

use tongtu_ledger::row::RowError;
use tongtu_ledger::{AccountNameError, Refusal};

/// Why the store did not do something. Nothing of the transaction happened then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address is neither `sqlite:PATH` nor `postgres://…`.
    #[error("store address begins with {found:?}, expected sqlite:PATH or postgres://…")]
    Address {
        /// How it begins.
        found: String,
    },
    /// The tables are of a later program.
    #[error("tables of version {found}, this program knows {known}: use a newer one")]
    Newer {
        /// The version there.
        found: i64,
        /// The last version known here.
        known: i64,
    },
    /// The store was sealed with another key.
    #[error(
        "the store's key is not the one that this store was sealed with: give it the right one"
    )]
    WrongKey,
    /// The store has rows of a program that sealed nothing.
    #[error(
        "table {table} has rows that were never sealed: begin a new store; this one cannot be \
         carried on, because card numbers lie in it in the clear"
    )]
    InTheClear {
        /// The first table with rows.
        table: &'static str,
    },
    /// A sealed value does not open: it was altered, moved, or put there in the clear.
    #[error("a stored {what} does not open: it was altered, moved, or never sealed")]
    NotSealed {
        /// What it should be.
        what: &'static str,
    },
    /// The database failed or refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The book does not take an entry.
    #[error("the ledger refuses an entry")]
    Refused(#[from] Refusal),
    /// The ledger's rows are not what a book wrote.
    #[error("the ledger's rows do not hold")]
    Ledger(#[from] RowError),
    /// A stored account key is not one.
    #[error("a stored account key does not hold")]
    AccountKey(#[from] AccountNameError),
}

impl StoreError {
    /// Whether the same transaction may succeed when it is tried again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let Self::Database(error) = self else {
            return false;
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => {
                // SQLite: busy and locked. PostgreSQL: serialisation, deadlock, shutdown.
                let code = error.code().unwrap_or_default();
                matches!(
                    code.as_ref(),
                    "5" | "6" | "261" | "517" | "40001" | "40P01" | "57P01" | "57P03" | "53300"
                )
            }
            _ => false,
        }
    }

    /// Whether a uniqueness constraint refused: someone else was there first.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.is_unique_violation(),
            _ => false,
        }
    }
}
