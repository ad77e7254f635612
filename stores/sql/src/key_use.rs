//! The chain of what a node's keys were used for: lines and anchors, as they are.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::{StoreError, Tx};

/// A row of table `key_use`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyUseRow {
    /// The line's number.
    pub number: i64,
    /// Its day.
    pub day: i64,
    /// The line.
    pub line: Vec<u8>,
    /// What is said in full beside it.
    pub detail: Vec<u8>,
}

/// A row of table `key_use_anchor`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyUseAnchorRow {
    /// The anchor's number.
    pub number: i64,
    /// Its day.
    pub day: i64,
    /// The anchor.
    pub anchor: Vec<u8>,
}

impl Tx {
    /// Adds a line. Two lines with one number are refused by the store: a chain has one writer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_use_insert(&mut self, row: &KeyUseRow) -> Result<(), StoreError> {
        let text = "INSERT INTO key_use (number, day, line, detail) VALUES ($1, $2, $3, $4)";
        sqlx::query(text)
            .bind(row.number)
            .bind(row.day)
            .bind(&row.line)
            .bind(&row.detail)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Notes that a line opened a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_open_insert(&mut self, number: i64) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO key_open (number) VALUES ($1)")
            .bind(number)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Notes that the key which a line opened is closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_open_delete(&mut self, number: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM key_open WHERE number = $1")
            .bind(number)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// The lines that opened a key which is not closed, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keys_open(&mut self) -> Result<Vec<KeyUseRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT u.number, u.day, u.line, u.detail FROM key_use u \
             JOIN key_open o ON o.number = u.number ORDER BY u.number",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(key_use).collect()
    }

    /// The last line of each day after this one, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_use_day_ends(&mut self, after: i64) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = sqlx::query(
            "SELECT line FROM key_use WHERE number IN \
             (SELECT MAX(number) FROM key_use WHERE day > $1 GROUP BY day) ORDER BY number",
        )
        .bind(after)
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// So many lines after one, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_uses(&mut self, after: i64, most: i64) -> Result<Vec<KeyUseRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT number, day, line, detail FROM key_use WHERE number > $1 \
             ORDER BY number LIMIT $2",
        )
        .bind(after)
        .bind(most)
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(key_use).collect()
    }

    /// Adds an anchor and the public key that it names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_use_anchor_insert(
        &mut self,
        row: &KeyUseAnchorRow,
        (key, public): (i64, &[u8]),
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO key_use_anchor (number, day, anchor) VALUES ($1, $2, $3)")
            .bind(row.number)
            .bind(row.day)
            .bind(&row.anchor)
            .execute(&mut *self.inner)
            .await?;
        sqlx::query(
            "INSERT INTO key_use_anchor_key (number, public_key) VALUES ($1, $2) \
             ON CONFLICT (number) DO NOTHING",
        )
        .bind(key)
        .bind(public)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Every anchor, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_use_anchors(&mut self) -> Result<Vec<KeyUseAnchorRow>, StoreError> {
        let text = "SELECT number, day, anchor FROM key_use_anchor ORDER BY number";
        let rows = sqlx::query(text).fetch_all(&mut *self.inner).await?;
        rows.iter().map(anchor).collect()
    }

    /// The last anchor.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_use_anchor_last(&mut self) -> Result<Option<KeyUseAnchorRow>, StoreError> {
        let text = "SELECT number, day, anchor FROM key_use_anchor ORDER BY number DESC LIMIT 1";
        let row = sqlx::query(text).fetch_optional(&mut *self.inner).await?;
        row.as_ref().map(anchor).transpose()
    }

    /// The public keys of anchors, by their numbers in the key book.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_use_anchor_keys(&mut self) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let text = "SELECT number, public_key FROM key_use_anchor_key ORDER BY number";
        let rows = sqlx::query(text).fetch_all(&mut *self.inner).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }
}

fn key_use(row: &AnyRow) -> Result<KeyUseRow, StoreError> {
    Ok(KeyUseRow {
        number: row.try_get(0)?,
        day: row.try_get(1)?,
        line: row.try_get(2)?,
        detail: row.try_get(3)?,
    })
}

fn anchor(row: &AnyRow) -> Result<KeyUseAnchorRow, StoreError> {
    Ok(KeyUseAnchorRow {
        number: row.try_get(0)?,
        day: row.try_get(1)?,
        anchor: row.try_get(2)?,
    })
}
