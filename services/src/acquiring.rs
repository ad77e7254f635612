//! Acquiring: terminals, the records they upload, the lists they are handed.

use tongtu_crypto::PublicKey;
use tongtu_types::{CardNumber, RecordId, TerminalNumber, Timestamp};

use crate::{Node, ServiceError};

/// A terminal that may upload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TerminalRegistration {
    /// Its number (终端机编号).
    pub terminal: TerminalNumber,
    /// The serial of its certificate, 4 bytes.
    pub serial: [u8; 4],
    /// The key that signs its records.
    pub public_key: PublicKey,
}

/// What became of one uploaded record. Every kind acknowledges it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UploadOutcome {
    /// The record's id, where it could be read.
    pub record: Option<RecordId>,
    /// What became of it.
    pub kind: UploadKind,
}

/// What became of one uploaded record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UploadKind {
    /// It is stored and will be cleared.
    Stored,
    /// The very same record was there already.
    Duplicate,
    /// Another record has its id; this one is kept as evidence.
    Conflict {
        /// What clashes.
        reason: String,
    },
    /// It does not hold; kept as evidence.
    Refused {
        /// What does not hold.
        reason: String,
    },
}

impl Node {
    /// Registers a terminal; repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the number is there with another key.
    pub async fn terminal_register(
        &self,
        registration: TerminalRegistration,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let _ = (registration, now);
        Err(ServiceError::Unfinished)
    }

    /// Takes a terminal's records, in one transaction that is durable before this returns.
    ///
    /// # Errors
    /// [`ServiceError`]; then nothing is acknowledged and the terminal sends again.
    pub async fn records_upload(
        &self,
        terminal: TerminalNumber,
        records: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Vec<UploadOutcome>, ServiceError> {
        let _ = (terminal, records, now);
        Err(ServiceError::Unfinished)
    }

    /// The signed list bundle for terminals, if there is one above `after_version`.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn lists_current(
        &self,
        after_version: u64,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, ServiceError> {
        let _ = (after_version, now);
        Err(ServiceError::Unfinished)
    }

    /// Puts accounts on the blacklist (黑名单); gives the lists' version that has them.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn blacklist_add(
        &self,
        accounts: &[CardNumber],
        now: Timestamp,
    ) -> Result<u64, ServiceError> {
        let _ = (accounts, now);
        Err(ServiceError::Unfinished)
    }
}
