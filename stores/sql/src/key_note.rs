//! Notes of keys: the first use of a day, and refused uses.

use sqlx::Row as _;

use crate::{StoreError, Tx};

/// A row of table `key_note`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyNoteRow {
    /// The key's number in the book; 0 when the book has none.
    pub key: i64,
    /// For which city.
    pub city: String,
    /// For what, as the book writes it.
    pub purpose: i64,
    /// To make or to accept, as the book writes it.
    pub usage: i64,
    /// Why it was refused, as the book writes it; 0 is a use.
    pub ground: i64,
    /// On which day.
    pub day: i64,
    /// When first, Unix seconds.
    pub noted_at: i64,
}

impl Tx {
    /// Notes a use or a refusal, unless the same was noted this day.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_note_insert(&mut self, row: &KeyNoteRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO key_note (key, city, purpose, usage, ground, day, noted_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (key, city, purpose, usage, ground, day) DO NOTHING",
        )
        .bind(row.key)
        .bind(&row.city)
        .bind(row.purpose)
        .bind(row.usage)
        .bind(row.ground)
        .bind(row.day)
        .bind(row.noted_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Every note, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_notes(&mut self) -> Result<Vec<KeyNoteRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT key, city, purpose, usage, ground, day, noted_at FROM key_note \
             ORDER BY noted_at, key, city, purpose, usage, ground",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(KeyNoteRow {
                    key: row.try_get(0)?,
                    city: row.try_get(1)?,
                    purpose: row.try_get(2)?,
                    usage: row.try_get(3)?,
                    ground: row.try_get(4)?,
                    day: row.try_get(5)?,
                    noted_at: row.try_get(6)?,
                })
            })
            .collect()
    }
}
