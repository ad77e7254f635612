//! Whoever may call, and the envelopes of files.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::{StoreError, Tx};

/// A row of table `caller`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerRow {
    /// The institution, 8 digits.
    pub institution: String,
    /// The number there.
    pub number: String,
    /// The role's word.
    pub role: String,
    /// First digits of its accounts, with spaces between.
    pub accounts: String,
    /// Unix seconds.
    pub valid_from: i64,
    /// Unix seconds.
    pub valid_until: Option<i64>,
    /// Unix seconds.
    pub disabled_at: Option<i64>,
}

/// A row of table `caller_key`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallerKeyRow {
    /// The institution, 8 digits.
    pub institution: String,
    /// The caller's number there.
    pub number: String,
    /// The key's number, from 1.
    pub key_number: i64,
    /// The public key, 33 bytes.
    pub public_key: Vec<u8>,
    /// Unix seconds.
    pub valid_from: i64,
    /// Unix seconds.
    pub valid_until: Option<i64>,
}

/// A row of table `file_envelope`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileEnvelopeRow {
    /// Who signed it.
    pub sender: String,
    /// For whom.
    pub receiver: String,
    /// The file's name.
    pub name: String,
    /// SM3 of the file's content, 32 bytes.
    pub digest: Vec<u8>,
    /// The envelope's bytes.
    pub envelope: Vec<u8>,
    /// The public key under which it verified, 33 bytes.
    pub public_key: Vec<u8>,
    /// Unix seconds.
    pub kept_at: i64,
}

impl Tx {
    /// Enters a caller; false when the name is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_insert(&mut self, row: &CallerRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO caller \
             (institution, number, role, accounts, valid_from, valid_until, disabled_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (institution, number) DO NOTHING",
        )
        .bind(&row.institution)
        .bind(&row.number)
        .bind(&row.role)
        .bind(&row.accounts)
        .bind(row.valid_from)
        .bind(row.valid_until)
        .bind(row.disabled_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The caller of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller(
        &mut self,
        institution: &str,
        number: &str,
    ) -> Result<Option<CallerRow>, StoreError> {
        let row = sqlx::query(
            "SELECT institution, number, role, accounts, valid_from, valid_until, disabled_at \
             FROM caller WHERE institution = $1 AND number = $2",
        )
        .bind(institution)
        .bind(number)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref().map(caller).transpose()
    }

    /// All callers, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn callers(&mut self) -> Result<Vec<CallerRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT institution, number, role, accounts, valid_from, valid_until, disabled_at \
             FROM caller ORDER BY institution, number",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(caller).collect()
    }

    /// Disables a caller since a moment, or allows it again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_disable(
        &mut self,
        institution: &str,
        number: &str,
        since: Option<i64>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE caller SET disabled_at = $3 WHERE institution = $1 AND number = $2")
            .bind(institution)
            .bind(number)
            .bind(since)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Enters a caller's key, or ends an entered one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_key_put(&mut self, row: &CallerKeyRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO caller_key \
             (institution, number, key_number, public_key, valid_from, valid_until) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (institution, number, key_number) \
             DO UPDATE SET valid_until = EXCLUDED.valid_until",
        )
        .bind(&row.institution)
        .bind(&row.number)
        .bind(row.key_number)
        .bind(&row.public_key)
        .bind(row.valid_from)
        .bind(row.valid_until)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// A caller's keys, by number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn caller_keys(
        &mut self,
        institution: &str,
        number: &str,
    ) -> Result<Vec<CallerKeyRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT institution, number, key_number, public_key, valid_from, valid_until \
             FROM caller_key WHERE institution = $1 AND number = $2 ORDER BY key_number",
        )
        .bind(institution)
        .bind(number)
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(CallerKeyRow {
                    institution: row.try_get("institution")?,
                    number: row.try_get("number")?,
                    key_number: row.try_get("key_number")?,
                    public_key: row.try_get("public_key")?,
                    valid_from: row.try_get("valid_from")?,
                    valid_until: row.try_get("valid_until")?,
                })
            })
            .collect()
    }

    /// Keeps the envelope of a file; the first one by the same key for the same content stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn file_envelope_insert(&mut self, row: &FileEnvelopeRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO file_envelope \
             (sender, receiver, name, digest, envelope, public_key, kept_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (sender, receiver, name, digest, public_key) DO NOTHING",
        )
        .bind(&row.sender)
        .bind(&row.receiver)
        .bind(&row.name)
        .bind(&row.digest)
        .bind(&row.envelope)
        .bind(&row.public_key)
        .bind(row.kept_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// The envelope of a file's content by a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn file_envelope(
        &mut self,
        sender: &str,
        receiver: &str,
        name: &str,
        digest: &[u8],
        public_key: &[u8],
    ) -> Result<Option<FileEnvelopeRow>, StoreError> {
        let row = sqlx::query(
            "SELECT sender, receiver, name, digest, envelope, public_key, kept_at \
             FROM file_envelope \
             WHERE sender = $1 AND receiver = $2 AND name = $3 AND digest = $4 \
             AND public_key = $5",
        )
        .bind(sender)
        .bind(receiver)
        .bind(name)
        .bind(digest)
        .bind(public_key)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref().map(file_envelope).transpose()
    }

    /// Every envelope that is kept, by sender, receiver and name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn file_envelopes(&mut self) -> Result<Vec<FileEnvelopeRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT sender, receiver, name, digest, envelope, public_key, kept_at \
             FROM file_envelope ORDER BY sender, receiver, name, digest, public_key",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(file_envelope).collect()
    }
}

fn caller(row: &AnyRow) -> Result<CallerRow, StoreError> {
    Ok(CallerRow {
        institution: row.try_get("institution")?,
        number: row.try_get("number")?,
        role: row.try_get("role")?,
        accounts: row.try_get("accounts")?,
        valid_from: row.try_get("valid_from")?,
        valid_until: row.try_get("valid_until")?,
        disabled_at: row.try_get("disabled_at")?,
    })
}

fn file_envelope(row: &AnyRow) -> Result<FileEnvelopeRow, StoreError> {
    Ok(FileEnvelopeRow {
        sender: row.try_get("sender")?,
        receiver: row.try_get("receiver")?,
        name: row.try_get("name")?,
        digest: row.try_get("digest")?,
        envelope: row.try_get("envelope")?,
        public_key: row.try_get("public_key")?,
        kept_at: row.try_get("kept_at")?,
    })
}
