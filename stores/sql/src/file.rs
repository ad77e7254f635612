//! Exchange files, in and out: each there once under its name.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use tongtu_crypto::sm3::Digested;

use crate::masked::masked;
use crate::sealing::TAG_LEN;
use crate::{Sealing, StoreError, Tx};

/// A row of table `received_file`.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedRow {
    /// Who sent it.
    pub sender: String,
    /// Its name.
    pub name: String,
    /// Its kind, two letters.
    pub kind: String,
    /// Its settlement day, days since 1970-01-01.
    pub day: i64,
    /// Its bytes, and their SM3.
    pub content: Digested<Vec<u8>>,
    /// What reading it gave: a result code about the file.
    pub result: i64,
    /// Unix seconds.
    pub received_at: i64,
}

masked!(ReceivedRow {
    sender,
    name,
    kind,
    day,
    content,
    result,
    received_at
});

/// A row of table `outgoing_file` as it is made.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingRow {
    /// Who is to have it.
    pub receiver: String,
    /// Its name.
    pub name: String,
    /// The settlement day, days since 1970-01-01.
    pub day: i64,
    /// Its place among the files of the day.
    pub place: i64,
    /// Its bytes, and their SM3.
    pub content: Digested<Vec<u8>>,
}

masked!(OutgoingRow {
    receiver,
    name,
    day,
    place,
    content
});

/// A file that waits for its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingRow {
    /// Its name.
    pub name: String,
    /// SM3 of its content, 32 bytes.
    pub digest: Vec<u8>,
    /// Its length in bytes.
    pub length: i64,
}

impl Tx {
    /// Stores a received file; false when the sender's name is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn received_insert(&mut self, row: &ReceivedRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO received_file \
             (sender, name, kind, day, digest, content, result, received_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (sender, name) DO NOTHING",
        )
        .bind(&row.sender)
        .bind(&row.name)
        .bind(&row.kind)
        .bind(row.day)
        .bind(&row.content.digest()[..])
        .bind(self.sealing.file(&[&row.sender, &row.name], &row.content))
        .bind(row.result)
        .bind(row.received_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The digest of a received file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn received_digest(
        &mut self,
        sender: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT digest FROM received_file WHERE sender = $1 AND name = $2")
            .bind(sender)
            .bind(name)
            .fetch_optional(&mut *self.inner)
            .await?;
        Ok(row.as_ref().map(|row| row.try_get(0)).transpose()?)
    }

    /// A sender's files of one kind and settlement day, in the order of their names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn received_of_day(
        &mut self,
        sender: &str,
        day: i64,
        kind: &str,
    ) -> Result<Vec<ReceivedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT sender, name, kind, day, content, result, received_at \
             FROM received_file WHERE sender = $1 AND day = $2 AND kind = $3 ORDER BY name",
        )
        .bind(sender)
        .bind(day)
        .bind(kind)
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter()
            .map(|row| received(row, &self.sealing))
            .collect()
    }

    /// A received file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn received(
        &mut self,
        sender: &str,
        name: &str,
    ) -> Result<Option<ReceivedRow>, StoreError> {
        let row = sqlx::query(
            "SELECT sender, name, kind, day, content, result, received_at \
             FROM received_file WHERE sender = $1 AND name = $2",
        )
        .bind(sender)
        .bind(name)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref()
            .map(|row| received(row, &self.sealing))
            .transpose()
    }

    /// Stores a file for a receiver; false when the name is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outgoing_insert(&mut self, row: &OutgoingRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO outgoing_file (receiver, name, day, place, digest, content) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (receiver, name) DO NOTHING",
        )
        .bind(&row.receiver)
        .bind(&row.name)
        .bind(row.day)
        .bind(row.place)
        .bind(&row.content.digest()[..])
        .bind(self.sealing.file(&[&row.receiver, &row.name], &row.content))
        .execute(&mut *self.inner)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO outgoing_state (receiver, name, day, place) VALUES ($1, $2, $3, $4)",
        )
        .bind(&row.receiver)
        .bind(&row.name)
        .bind(row.day)
        .bind(row.place)
        .execute(&mut *self.inner)
        .await?;
        Ok(true)
    }

    /// The digest of a file made for a receiver.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outgoing_digest(
        &mut self,
        receiver: &str,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT digest FROM outgoing_file WHERE receiver = $1 AND name = $2")
            .bind(receiver)
            .bind(name)
            .fetch_optional(&mut *self.inner)
            .await?;
        Ok(row.as_ref().map(|row| row.try_get(0)).transpose()?)
    }

    /// The content of a file made for a receiver.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outgoing_content(
        &mut self,
        receiver: &str,
        name: &str,
    ) -> Result<Option<Digested<Vec<u8>>>, StoreError> {
        let row =
            sqlx::query("SELECT content FROM outgoing_file WHERE receiver = $1 AND name = $2")
                .bind(receiver)
                .bind(name)
                .fetch_optional(&mut *self.inner)
                .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let content = self.sealing.open_file(&[receiver, name], row.try_get(0)?)?;
        Ok(Some(content))
    }

    /// The files that wait for a receiver, by day and place.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outgoing_waiting(
        &mut self,
        receiver: &str,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        // The length of bytes is counted in bytes by both engines, but in 32 bits by one.
        let rows = sqlx::query(
            "SELECT f.name, f.digest, CAST(LENGTH(f.content) AS BIGINT) AS length \
             FROM outgoing_state s JOIN outgoing_file f \
             ON f.receiver = s.receiver AND f.name = s.name \
             WHERE s.receiver = $1 AND s.confirmed_at IS NULL ORDER BY s.day, s.place",
        )
        .bind(receiver)
        .fetch_all(&mut *self.inner)
        .await?;
        let waiting = |row: &AnyRow| {
            Ok(WaitingRow {
                name: row.try_get("name")?,
                digest: row.try_get("digest")?,
                length: plain_length(row)?,
            })
        };
        rows.iter().map(waiting).collect()
    }

    /// Every file made for anybody, by day, receiver and place.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outgoing_all(&mut self) -> Result<Vec<(String, WaitingRow)>, StoreError> {
        let rows = sqlx::query(
            "SELECT receiver, name, digest, CAST(LENGTH(content) AS BIGINT) AS length \
             FROM outgoing_file ORDER BY day, receiver, place, name",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        let made = |row: &AnyRow| {
            let file = WaitingRow {
                name: row.try_get("name")?,
                digest: row.try_get("digest")?,
                length: plain_length(row)?,
            };
            Ok((row.try_get("receiver")?, file))
        };
        rows.iter().map(made).collect()
    }

    /// Notes that the receiver has a file; the first time counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn outgoing_confirm(
        &mut self,
        receiver: &str,
        name: &str,
        confirmed_at: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE outgoing_state SET confirmed_at = $1 \
             WHERE receiver = $2 AND name = $3 AND confirmed_at IS NULL",
        )
        .bind(confirmed_at)
        .bind(receiver)
        .bind(name)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

/// The length of a content as it is told; a sealed one is longer.
fn plain_length(row: &AnyRow) -> Result<i64, StoreError> {
    let length: i64 = row.try_get("length")?;
    Ok(length - i64::try_from(TAG_LEN).expect("a few bytes"))
}

fn received(row: &AnyRow, seal: &Sealing) -> Result<ReceivedRow, StoreError> {
    let (sender, name): (String, String) = (row.try_get("sender")?, row.try_get("name")?);
    let content = seal.open_file(&[&sender, &name], row.try_get("content")?)?;
    Ok(ReceivedRow {
        sender,
        name,
        kind: row.try_get("kind")?,
        day: row.try_get("day")?,
        content,
        result: row.try_get("result")?,
        received_at: row.try_get("received_at")?,
    })
}
