//! The exchange files this node has made: evidence kept for years, shown to auditors.

use tongtu_exchange_file::FileName;
use tongtu_types::InstitutionCode;

use crate::{FileInfo, Node, ServiceError, stored};

/// An exchange file that this node has made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MadeFile {
    /// Who was or is to have it; its bytes are read in this name.
    pub receiver: InstitutionCode,
    /// Name, digest and length.
    pub info: FileInfo,
}

impl Node {
    /// Every exchange file this node has made, by day, receiver and place.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn files_made(&self) -> Result<Vec<MadeFile>, ServiceError> {
        let mut tx = self.store().read().await?;
        let rows = tx.outgoing_all().await?;
        let made = |(receiver, row): &(String, tongtu_sql::WaitingRow)| {
            let name = FileName::parse(&row.name)
                .map_err(|_| ServiceError::Stored { what: "file name" })?;
            Ok(MadeFile {
                receiver: stored::institution(receiver)?,
                info: FileInfo {
                    name,
                    digest: stored::digest(&row.digest)?,
                    length: stored::count(row.length)?,
                },
            })
        };
        rows.iter().map(made).collect()
    }
}
