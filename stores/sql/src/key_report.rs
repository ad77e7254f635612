//! Notes of keys on their way to the key centre, with the institution that each is of.

use sqlx::Row as _;

use crate::key_note::KeyNoteRow;
use crate::{StoreError, Tx};

/// A row of table `key_report`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyReportRow {
    /// Whose node noted it.
    pub institution: String,
    /// What it noted.
    pub note: KeyNoteRow,
    /// When it came here, Unix seconds.
    pub taken_at: i64,
}

impl Tx {
    /// Takes in a note on its way, unless it was taken before; says whether it is new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_report_insert(&mut self, row: &KeyReportRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO key_report (institution, key, city, purpose, usage, ground, day, \
             noted_at, taken_at, sent_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL) \
             ON CONFLICT (institution, key, city, purpose, usage, ground, day) DO NOTHING",
        )
        .bind(&row.institution)
        .bind(row.note.key)
        .bind(&row.note.city)
        .bind(row.note.purpose)
        .bind(row.note.usage)
        .bind(row.note.ground)
        .bind(row.note.day)
        .bind(row.note.noted_at)
        .bind(row.taken_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Every note that was taken in, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_reports(&mut self) -> Result<Vec<KeyReportRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT institution, key, city, purpose, usage, ground, day, noted_at, taken_at \
             FROM key_report \
             ORDER BY taken_at, institution, noted_at, key, city, purpose, usage, ground",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(report).collect()
    }

    /// The first notes that the node above does not have yet, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_reports_waiting(
        &mut self,
        limit: i64,
    ) -> Result<Vec<KeyReportRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT institution, key, city, purpose, usage, ground, day, noted_at, taken_at \
             FROM key_report WHERE sent_at IS NULL \
             ORDER BY taken_at, institution, noted_at, key, city, purpose, usage, ground LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(report).collect()
    }

    /// The node above has this note.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key_report_sent(
        &mut self,
        row: &KeyReportRow,
        sent_at: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE key_report SET sent_at = $8 WHERE institution = $1 AND key = $2 AND city = $3 \
             AND purpose = $4 AND usage = $5 AND ground = $6 AND day = $7",
        )
        .bind(&row.institution)
        .bind(row.note.key)
        .bind(&row.note.city)
        .bind(row.note.purpose)
        .bind(row.note.usage)
        .bind(row.note.ground)
        .bind(row.note.day)
        .bind(sent_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }
}

fn report(row: &sqlx::any::AnyRow) -> Result<KeyReportRow, StoreError> {
    Ok(KeyReportRow {
        institution: row.try_get(0)?,
        note: KeyNoteRow {
            key: row.try_get(1)?,
            city: row.try_get(2)?,
            purpose: row.try_get(3)?,
            usage: row.try_get(4)?,
            ground: row.try_get(5)?,
            day: row.try_get(6)?,
            noted_at: row.try_get(7)?,
        },
        taken_at: row.try_get(8)?,
    })
}
