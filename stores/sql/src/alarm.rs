//! Alarms: what somebody should look at.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::masked::masked;
use crate::sealing::Column;
use crate::{StoreError, Tx};

/// A row of table `alarm`.
#[derive(Clone, PartialEq, Eq)]
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

masked!(AlarmRow { code, raised_at });

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
        .bind(self.sealing.text(Column::Subject, &[], &row.subject))
        .bind(
            self.sealing
                .text(Column::Message, &[&row.code, &row.subject], &row.message),
        )
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
        let rows = sqlx::query("SELECT code, subject, message, raised_at FROM alarm")
            .fetch_all(&mut *self.inner)
            .await?;
        let seal = &self.sealing;
        let alarm = |row: &AnyRow| {
            let code: String = row.try_get("code")?;
            let subject = seal.open_text(Column::Subject, &[], row.try_get("subject")?)?;
            let message = row.try_get("message")?;
            let message = seal.open_text(Column::Message, &[&code, &subject], message)?;
            Ok(AlarmRow {
                code,
                subject,
                message,
                raised_at: row.try_get("raised_at")?,
            })
        };
        let mut alarms: Vec<_> = rows.iter().map(alarm).collect::<Result<_, StoreError>>()?;
        let place = |row: &AlarmRow| (row.raised_at, row.code.clone(), row.subject.clone());
        alarms.sort_by_cached_key(place);
        Ok(alarms)
    }
}
