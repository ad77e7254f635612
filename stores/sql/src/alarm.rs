//! Alarms: what somebody should look at.

use sqlx::Row as _;

use crate::{StoreError, Tx};

/// A row of table `alarm`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlarmRow {
    /// Stable word.
    pub code: String,
    /// What it is about; one alarm per code and subject.
    pub subject: String,
    /// For people.
    pub message: String,
    /// Unix seconds.
    pub raised_at: i64,
}

impl Tx {
    /// Raises an alarm, unless the same was raised before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alarm_insert(&mut self, row: &AlarmRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO alarm (code, subject, message, raised_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (code, subject) DO NOTHING",
        )
        .bind(&row.code)
        .bind(&row.subject)
        .bind(&row.message)
        .bind(row.raised_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// All alarms, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alarms(&mut self) -> Result<Vec<AlarmRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT code, subject, message, raised_at FROM alarm ORDER BY raised_at, code, subject",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(AlarmRow {
                    code: row.try_get("code")?,
                    subject: row.try_get("subject")?,
                    message: row.try_get("message")?,
                    raised_at: row.try_get("raised_at")?,
                })
            })
            .collect()
    }
}
