//! Terminals, and what they sent that did not hold.

use sqlx::Row as _;
use sqlx::any::AnyRow;
use tongtu_codec::hex_encode;

use crate::bulk::Bulk;
use crate::masked::masked;
use crate::sealing::Column;
use crate::{Sealing, StoreError, Tx};

/// A row of table `terminal`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TerminalRow {
    /// The terminal number, 12 digits.
    pub number: String,
    /// Serial of its certificate, 4 bytes.
    pub serial: Vec<u8>,
    /// Its public key, 33 bytes.
    pub public_key: Vec<u8>,
    /// Unix seconds.
    pub registered_at: i64,
}

/// A row of table `rejected_upload`.
#[derive(Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// A digest over terminal and body, 32 bytes: the same sent again is kept once.
    pub digest: Vec<u8>,
    /// The uploading terminal.
    pub terminal: String,
    /// Unix seconds.
    pub arrived_at: i64,
    /// What did not hold.
    pub reason: String,
    /// The record as it came.
    pub body: Vec<u8>,
}

masked!(RejectedRow {
    digest,
    terminal,
    arrived_at
});

const REJECTED_INSERT: Bulk = Bulk {
    head: "INSERT INTO rejected_upload (digest, terminal, arrived_at, reason, body) VALUES",
    columns: 5,
    tail: "ON CONFLICT (digest) DO NOTHING",
};

impl Tx {
    /// Registers a terminal; false when the number is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn terminal_insert(&mut self, row: &TerminalRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO terminal (number, serial, public_key, registered_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (number) DO NOTHING",
        )
        .bind(&row.number)
        .bind(&row.serial)
        .bind(&row.public_key)
        .bind(row.registered_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The terminal of that number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn terminal(&mut self, number: &str) -> Result<Option<TerminalRow>, StoreError> {
        let row = sqlx::query(
            "SELECT number, serial, public_key, registered_at FROM terminal WHERE number = $1",
        )
        .bind(number)
        .fetch_optional(&mut *self.inner)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(TerminalRow {
            number: row.try_get("number")?,
            serial: row.try_get("serial")?,
            public_key: row.try_get("public_key")?,
            registered_at: row.try_get("registered_at")?,
        }))
    }

    /// Keeps refused records as evidence, each once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rejected_insert(&mut self, rows: &[RejectedRow]) -> Result<(), StoreError> {
        let places: Vec<String> = rows.iter().map(|row| hex_encode(&row.digest)).collect();
        let placed = || places.iter().map(|place| [&place[..]]).zip(rows);
        let reasons: Vec<_> = placed()
            .map(|(place, row)| (place, &row.reason[..]))
            .collect();
        let reasons = self.sealing.texts_each(Column::RefusedReason, &reasons);
        let bodies: Vec<_> = placed()
            .map(|(place, row)| (place, &row.body[..]))
            .collect();
        let bodies = self.sealing.bytes_each(Column::RefusedBody, &bodies);
        let rows: Vec<_> = rows.iter().zip(reasons).zip(bodies).collect();
        REJECTED_INSERT
            .execute(self, &rows, |query, ((row, reason), body)| {
                query
                    .bind(&row.digest)
                    .bind(&row.terminal)
                    .bind(row.arrived_at)
                    .bind(reason)
                    .bind(body)
            })
            .await?;
        Ok(())
    }

    /// All refused records, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rejected_uploads(&mut self) -> Result<Vec<RejectedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT digest, terminal, arrived_at, reason, body FROM rejected_upload \
             ORDER BY arrived_at, digest",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        rejected(&rows, &self.sealing)
    }
}

fn rejected(rows: &[AnyRow], seal: &Sealing) -> Result<Vec<RejectedRow>, StoreError> {
    let digests = rows
        .iter()
        .map(|row| Ok(row.try_get("digest")?))
        .collect::<Result<Vec<Vec<u8>>, StoreError>>()?;
    let places: Vec<String> = digests.iter().map(|digest| hex_encode(digest)).collect();
    let placed = || places.iter().map(|place| [&place[..]]).zip(rows);
    let reasons = placed()
        .map(|(place, row)| Ok((place, row.try_get("reason")?)))
        .collect::<Result<Vec<(_, &str)>, StoreError>>()?;
    let reasons = seal.open_texts_each(Column::RefusedReason, &reasons)?;
    let bodies = placed()
        .map(|(place, row)| Ok((place, row.try_get("body")?)))
        .collect::<Result<Vec<(_, &[u8])>, StoreError>>()?;
    let bodies = seal.open_bytes_each(Column::RefusedBody, &bodies)?;
    rows.iter()
        .zip(digests)
        .zip(reasons.into_iter().zip(bodies))
        .map(|((row, digest), (reason, body))| {
            Ok(RejectedRow {
                digest,
                terminal: row.try_get("terminal")?,
                arrived_at: row.try_get("arrived_at")?,
                reason,
                body,
            })
        })
        .collect()
}
