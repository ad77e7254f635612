//! What arrived: batches, ride records, repeated lines.

use std::collections::BTreeSet;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::{Bulk, fetch_portions};
use crate::masked::masked;
use crate::sealing::Column;
use crate::{Sealing, StoreError, Tx};

/// A row of table `batch`: one upload or one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchRow {
    /// Its id.
    pub id: String,
    /// The terminal or body that sent it.
    pub sender: String,
    /// Unix seconds.
    pub received_at: i64,
    /// How many records it brought, repeated lines too.
    pub records: i64,
    /// The first settlement day it may be sealed into, days since 1970-01-01.
    pub due: i64,
    /// The settlement day it was sealed into, days since 1970-01-01.
    pub day: Option<i64>,
}

/// A row of table `ride`.
#[derive(Clone, PartialEq, Eq)]
pub struct RideRow {
    /// The record's id.
    pub record: String,
    /// The batch that brought it.
    pub batch: String,
    /// Its 0-based place there.
    pub number: i64,
    /// Who accepted it, as it says.
    pub acquirer: String,
    /// Whose code it carries.
    pub issuer: String,
    /// The rider's account.
    pub account: String,
    /// What a ride pays with once: a code's generation time, Unix seconds; below zero, the number
    /// of a card's or face's ride, which `tongtu-services` gives.
    pub generated_at: i64,
    /// When it was scanned, Unix seconds.
    pub scanned_at: i64,
    /// Whole fen.
    pub amount: i64,
    /// 0 single, 1 entry, 2 exit.
    pub direction: i64,
    /// The merchant category, 4 digits.
    pub category: String,
    /// The line; empty where none is known.
    pub line: String,
    /// The record as the terminal wrote it, if an upload brought it.
    pub body: Option<Vec<u8>>,
}

masked!(RideRow {
    record,
    batch,
    number,
    acquirer,
    issuer,
    generated_at,
    scanned_at,
    amount,
    direction,
    category,
    line
});

/// A row of table `repeated_line`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RepeatedRow {
    /// The batch.
    pub batch: String,
    /// The 0-based place there.
    pub number: i64,
    /// The record id that was taken.
    pub record: String,
}

const RIDE_INSERT: Bulk = Bulk {
    head: "INSERT INTO ride (record, batch, number, acquirer, issuer, account, generated_at, \
           scanned_at, amount, direction, category, line, body) VALUES",
    columns: 13,
    tail: "ON CONFLICT (record) DO NOTHING RETURNING record",
};

const REPEATED_INSERT: Bulk = Bulk {
    head: "INSERT INTO repeated_line (batch, number, record) VALUES",
    columns: 3,
    tail: "ON CONFLICT (batch, number) DO NOTHING",
};

const BODIES_OF: Bulk = Bulk {
    head: "SELECT record, body FROM ride WHERE record IN (SELECT column1 FROM (VALUES",
    columns: 1,
    tail: ") AS asked)",
};

impl Tx {
    /// Stores a batch; false when its id is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn batch_insert(&mut self, row: &BatchRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO batch (id, sender, received_at, records, due, day) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
        )
        .bind(&row.id)
        .bind(&row.sender)
        .bind(row.received_at)
        .bind(row.records)
        .bind(row.due)
        .bind(row.day)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Stamps every batch that is due on this day or was before, and has no day yet. One
    /// statement: an upload that is not committed when it runs is not seen, and falls into the
    /// next day.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn batches_seal(&mut self, day: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("UPDATE batch SET day = $1 WHERE day IS NULL AND due <= $1")
            .bind(day)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected())
    }

    /// The batches of a day, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn batches_of_day(&mut self, day: i64) -> Result<Vec<BatchRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, sender, received_at, records, due, day FROM batch WHERE day = $1 \
             ORDER BY id",
        )
        .bind(day)
        .fetch_all(&mut *self.inner)
        .await?;
        let batch = |row: &AnyRow| {
            Ok(BatchRow {
                id: row.try_get("id")?,
                sender: row.try_get("sender")?,
                received_at: row.try_get("received_at")?,
                records: row.try_get("records")?,
                due: row.try_get("due")?,
                day: row.try_get("day")?,
            })
        };
        rows.iter().map(batch).collect()
    }

    /// Stores rides whose record ids are free; gives the ids stored. The others are as they
    /// were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rides_insert(&mut self, rows: &[RideRow]) -> Result<BTreeSet<String>, StoreError> {
        let accounts = self
            .sealing
            .numbers_each(rows.iter().map(|row| &row.account));
        let bodies = bodies(rows, &self.sealing);
        let rows: Vec<_> = rows.iter().zip(accounts).zip(bodies).collect();
        let stored = RIDE_INSERT
            .fetch(
                self,
                &rows,
                |query, ((row, account), body)| {
                    query
                        .bind(&row.record)
                        .bind(&row.batch)
                        .bind(row.number)
                        .bind(&row.acquirer)
                        .bind(&row.issuer)
                        .bind(account)
                        .bind(row.generated_at)
                        .bind(row.scanned_at)
                        .bind(row.amount)
                        .bind(row.direction)
                        .bind(&row.category)
                        .bind(&row.line)
                        .bind(body.as_deref())
                },
                records,
            )
            .await?;
        Ok(stored.into_iter().collect())
    }

    /// The bodies stored under these record ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ride_bodies(
        &mut self,
        records: &[String],
    ) -> Result<Vec<(String, Option<Vec<u8>>)>, StoreError> {
        let read = |rows: &[AnyRow], seal: &Sealing| with_records(rows, open_bodies(rows, seal)?);
        BODIES_OF
            .fetch(self, records, |query, record| query.bind(record), read)
            .await
    }

    /// Notes lines whose record id is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn repeated_insert(&mut self, rows: &[RepeatedRow]) -> Result<(), StoreError> {
        REPEATED_INSERT
            .execute(self, rows, |query, row| {
                query.bind(&row.batch).bind(row.number).bind(&row.record)
            })
            .await?;
        Ok(())
    }

    /// The repeated lines of a day, by batch and place.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn repeated_of_day(&mut self, day: i64) -> Result<Vec<RepeatedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT r.batch, r.number, r.record FROM batch b \
             JOIN repeated_line r ON r.batch = b.id WHERE b.day = $1 ORDER BY r.batch, r.number",
        )
        .bind(day)
        .fetch_all(&mut *self.inner)
        .await?;
        let repeated = |row: &AnyRow| {
            Ok(RepeatedRow {
                batch: row.try_get("batch")?,
                number: row.try_get("number")?,
                record: row.try_get("record")?,
            })
        };
        rows.iter().map(repeated).collect()
    }

    /// Takes back what is claimed for a ride that is in no day yet, all of it; false where it is in
    /// one, or nothing was claimed. Nothing else of a ride ever changes, and its body says what it
    /// was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ride_unclaim(&mut self, record: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE ride SET amount = 0 WHERE record = $1 AND amount > 0 \
             AND batch IN (SELECT id FROM batch WHERE day IS NULL)",
        )
        .bind(record)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The rides sealed into a day, bodies too, by batch and place.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rides_of_day(&mut self, day: i64) -> Result<Vec<RideRow>, StoreError> {
        let query = sqlx::query(
            "SELECT r.record, r.batch, r.number, r.acquirer, r.issuer, r.account, \
             r.generated_at, r.scanned_at, r.amount, r.direction, r.category, r.line, r.body \
             FROM batch b JOIN ride r ON r.batch = b.id WHERE b.day = $1 \
             ORDER BY r.batch, r.number",
        );
        fetch_portions(self, query.bind(day), rides).await
    }
}

/// The record ids of rows.
pub(crate) fn records(rows: &[AnyRow], _: &Sealing) -> Result<Vec<String>, StoreError> {
    let records = rows.iter().map(|row| row.try_get("record"));
    Ok(records.collect::<Result<_, _>>()?)
}

/// What was opened of rows, each with its record id.
pub(crate) fn with_records<T>(
    rows: &[AnyRow],
    opened: Vec<T>,
) -> Result<Vec<(String, T)>, StoreError> {
    let of = |(row, opened): (&AnyRow, T)| Ok((row.try_get("record")?, opened));
    rows.iter().zip(opened).map(of).collect()
}

/// The bodies of rows sealed, of those that have one.
fn bodies(rows: &[RideRow], seal: &Sealing) -> Vec<Option<Vec<u8>>> {
    let mut values = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(body) = &row.body {
            values.push(([&row.record[..]], &body[..]));
        }
    }
    let mut sealed = seal.bytes_each(Column::Body, &values).into_iter();
    rows.iter()
        .map(|row| row.body.as_ref().and_then(|_| sealed.next()))
        .collect()
}

fn open_bodies(rows: &[AnyRow], seal: &Sealing) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let found = rows
        .iter()
        .map(|row| Ok((row.try_get("record")?, row.try_get("body")?)))
        .collect::<Result<Vec<(&str, Option<&[u8]>)>, StoreError>>()?;
    let with_body = |(record, body): &(_, Option<_>)| Some(([*record], (*body)?));
    let sealed: Vec<_> = found.iter().filter_map(with_body).collect();
    let mut opened = seal.open_bytes_each(Column::Body, &sealed)?.into_iter();
    let body = |(_, body): &(_, Option<_>)| body.and_then(|_| opened.next());
    Ok(found.iter().map(body).collect())
}

pub(crate) fn rides(rows: &[AnyRow], seal: &Sealing) -> Result<Vec<RideRow>, StoreError> {
    let opened = seal
        .open_numbers(rows, "account")?
        .into_iter()
        .zip(open_bodies(rows, seal)?);
    rows.iter()
        .zip(opened)
        .map(|(row, (account, body))| {
            Ok(RideRow {
                record: row.try_get("record")?,
                batch: row.try_get("batch")?,
                number: row.try_get("number")?,
                acquirer: row.try_get("acquirer")?,
                issuer: row.try_get("issuer")?,
                account,
                generated_at: row.try_get("generated_at")?,
                scanned_at: row.try_get("scanned_at")?,
                amount: row.try_get("amount")?,
                direction: row.try_get("direction")?,
                category: row.try_get("category")?,
                line: row.try_get("line")?,
                body,
            })
        })
        .collect()
}
