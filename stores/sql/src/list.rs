//! The lists that terminals are handed: the blacklist, and the version of all of them.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::Bulk;
use crate::{StoreError, Tx};

/// The one row of table `list_version`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListVersionRow {
    /// Rises with every change.
    pub version: i64,
    /// Digest of what the configuration adds, 32 bytes.
    pub digest: Vec<u8>,
    /// When it changed last, Unix seconds.
    pub changed_at: i64,
}

const BLACKLIST_INSERT: Bulk = Bulk {
    head: "INSERT INTO blacklisted (account, listed_at) VALUES",
    columns: 2,
    tail: "ON CONFLICT (account) DO NOTHING",
};

impl Tx {
    /// Lists accounts; gives how many were not listed before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blacklist_insert(
        &mut self,
        accounts: &[String],
        listed_at: i64,
    ) -> Result<u64, StoreError> {
        let accounts = self.sealing.numbers_each(accounts.iter());
        BLACKLIST_INSERT
            .execute(self, &accounts, |query, account| {
                query.bind(account).bind(listed_at)
            })
            .await
    }

    /// All listed accounts with the time of listing, in the order of their numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blacklist(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query("SELECT account, listed_at FROM blacklisted")
            .fetch_all(&mut *self.inner)
            .await?;
        let accounts = self.sealing.open_numbers(&rows, "account")?;
        let listed = |(row, account): (&AnyRow, _)| Ok((account, row.try_get(1)?));
        let mut all: Vec<_> = rows
            .iter()
            .zip(accounts)
            .map(listed)
            .collect::<Result<_, StoreError>>()?;
        all.sort_unstable();
        Ok(all)
    }

    /// The lists' version; none before [`Tx::list_version_set`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_version(&mut self) -> Result<Option<ListVersionRow>, StoreError> {
        let row = sqlx::query("SELECT version, digest, changed_at FROM list_version")
            .fetch_optional(&mut *self.inner)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(ListVersionRow {
            version: row.try_get("version")?,
            digest: row.try_get("digest")?,
            changed_at: row.try_get("changed_at")?,
        }))
    }

    /// Sets the lists' version; it never goes back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_version_set(&mut self, row: &ListVersionRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO list_version (one, version, digest, changed_at) VALUES (1, $1, $2, $3) \
             ON CONFLICT (one) DO UPDATE SET version = excluded.version, \
             digest = excluded.digest, changed_at = excluded.changed_at \
             WHERE excluded.version > list_version.version",
        )
        .bind(row.version)
        .bind(&row.digest)
        .bind(row.changed_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}
