//! Revocation lists of roots, and the register of PSAMs.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::{StoreError, Tx};

/// A row of table `revocation_list`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevocationRow {
    /// The root's index.
    pub ca_index: i64,
    /// The list's version.
    pub version: i64,
    /// When it came, Unix seconds.
    pub taken_at: i64,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// A row of table `psam_admission`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PsamRow {
    /// The PSAM's serial number, 20 hex digits.
    pub psam: String,
    /// The terminal, 12 digits.
    pub terminal: String,
    /// First moment, Unix seconds.
    pub began: i64,
    /// First moment after it; 0 while it lasts.
    pub ended: i64,
}

impl Tx {
    /// The newest revocation list of every root, by index.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revocation_lists(&mut self) -> Result<Vec<RevocationRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT ca_index, version, taken_at, body FROM revocation_list ORDER BY ca_index",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        let row = |row: &AnyRow| {
            Ok(RevocationRow {
                ca_index: row.try_get("ca_index")?,
                version: row.try_get("version")?,
                taken_at: row.try_get("taken_at")?,
                body: row.try_get("body")?,
            })
        };
        rows.iter().map(row).collect()
    }

    /// Keeps a root's revocation list; false when one is there that is as new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revocation_list_set(&mut self, row: &RevocationRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO revocation_list (ca_index, version, taken_at, body) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (ca_index) DO UPDATE SET \
             version = excluded.version, taken_at = excluded.taken_at, body = excluded.body \
             WHERE excluded.version > revocation_list.version",
        )
        .bind(row.ca_index)
        .bind(row.version)
        .bind(row.taken_at)
        .bind(&row.body)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Admits a PSAM to a terminal; false while it is admitted to one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn psam_admit(&mut self, row: &PsamRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO psam_admission (psam, terminal, began, ended) VALUES ($1, $2, $3, 0) \
             ON CONFLICT DO NOTHING",
        )
        .bind(&row.psam)
        .bind(&row.terminal)
        .bind(row.began)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends the admission of a PSAM; false when it has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn psam_withdraw(&mut self, psam: &str, ended: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE psam_admission SET ended = $2 WHERE psam = $1 AND ended = 0 AND began <= $2",
        )
        .bind(psam)
        .bind(ended)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Every admission of a PSAM, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn psam_admissions(&mut self, psam: &str) -> Result<Vec<PsamRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT psam, terminal, began, ended FROM psam_admission WHERE psam = $1 \
             ORDER BY began",
        )
        .bind(psam)
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(psam_row).collect()
    }

    /// Whether any PSAM was ever admitted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn psam_register_begun(&mut self) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT psam FROM psam_admission LIMIT 1")
            .fetch_optional(&mut *self.inner)
            .await?;
        Ok(row.is_some())
    }
}

fn psam_row(row: &AnyRow) -> Result<PsamRow, StoreError> {
    Ok(PsamRow {
        psam: row.try_get("psam")?,
        terminal: row.try_get("terminal")?,
        began: row.try_get("began")?,
        ended: row.try_get("ended")?,
    })
}
