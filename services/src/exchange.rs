//! Exchange: files in from parent and children, files out to them.

use tongtu_exchange_file::FileName;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::{Node, ServiceError};

/// What became of a file that was sent here. Both are acknowledgements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileReceipt {
    /// It is stored now.
    Stored,
    /// The very same file was here already.
    Already,
}

/// A file that waits for its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileInfo {
    /// Its name.
    pub name: FileName,
    /// SM3 of its bytes.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
}

impl Node {
    /// Takes a file; the key is (sender, name).
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the name is there with other content; that also
    /// leaves an alarm.
    pub async fn file_receive(
        &self,
        sender: InstitutionCode,
        name: &FileName,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<FileReceipt, ServiceError> {
        let _ = (sender, name, bytes, now);
        Err(ServiceError::Unfinished)
    }

    /// The files that wait for a receiver, in the order in which it should take them.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn files_waiting(
        &self,
        receiver: InstitutionCode,
    ) -> Result<Vec<FileInfo>, ServiceError> {
        let _ = receiver;
        Err(ServiceError::Unfinished)
    }

    /// The bytes of a file made for a receiver, confirmed or not.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such file.
    pub async fn file_read(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
    ) -> Result<Vec<u8>, ServiceError> {
        let _ = (receiver, name);
        Err(ServiceError::Unfinished)
    }

    /// Takes the receiver's word that it has a file with this SM3; it waits no longer.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the digest is another.
    pub async fn file_confirm(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let _ = (receiver, name, digest, now);
        Err(ServiceError::Unfinished)
    }

    /// The files that wait to be sent to the parent: its code, name and bytes.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn outbox_waiting(
        &self,
    ) -> Result<Vec<(InstitutionCode, FileName, Vec<u8>)>, ServiceError> {
        Err(ServiceError::Unfinished)
    }

    /// Notes that the parent acknowledged a file of the outbox.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such file.
    pub async fn outbox_confirm(
        &self,
        name: &FileName,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let _ = (name, now);
        Err(ServiceError::Unfinished)
    }
}
