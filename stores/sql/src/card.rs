//! Cards of an issuer, and an acquirer's grey records.

use std::collections::BTreeSet;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::Bulk;
use crate::masked::masked;
use crate::ride::{records, with_records};
use crate::sealing::Column;
use crate::{RideRow, Sealing, StoreError, Tx};

/// A row of table `grey_ride`: a grey record, or what a terminal noted of a ride afterwards.
#[derive(Clone, PartialEq, Eq)]
pub struct GreyRow {
    /// The record's id.
    pub record: String,
    /// The card's number.
    pub account: String,
    /// The card's sequence number.
    pub sequence: i64,
    /// Unix seconds.
    pub arrived_at: i64,
    /// The record as the terminal wrote it.
    pub body: Vec<u8>,
    /// The day on which its fate was known, and the fate, if it is: 0 no money moved, 1 claimed,
    /// 2 moved and not claimed, 3 recorded elsewhere as well. Of what was noted of a whole ride:
    /// 1 the ride stands, 2 it or the one paid in its place is not claimed.
    pub ended: Option<(i64, i64)>,
}

masked!(GreyRow {
    record,
    sequence,
    arrived_at,
    ended
});

/// Which table a card is in: one number may be in both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CardTable {
    /// Table `card`: e-purses.
    Purse,
    /// Table `e_cash`: e-cashes.
    Cash,
}

impl CardTable {
    const fn insert(self) -> &'static str {
        match self {
            Self::Purse => {
                "INSERT INTO card (number, issued_at) VALUES ($1, $2) \
                 ON CONFLICT (number) DO NOTHING"
            }
            Self::Cash => {
                "INSERT INTO e_cash (number, issued_at) VALUES ($1, $2) \
                 ON CONFLICT (number) DO NOTHING"
            }
        }
    }

    const fn known(self) -> Bulk {
        Bulk {
            head: match self {
                Self::Purse => {
                    "SELECT number FROM card WHERE number IN (SELECT column1 FROM (VALUES"
                }
                Self::Cash => {
                    "SELECT number FROM e_cash WHERE number IN (SELECT column1 FROM (VALUES"
                }
            },
            columns: 1,
            tail: ") AS asked)",
        }
    }
}

const GREY_INSERT: Bulk = Bulk {
    head: "INSERT INTO grey_ride (record, account, sequence, arrived_at, body) VALUES",
    columns: 5,
    tail: "ON CONFLICT (record) DO NOTHING RETURNING record",
};

const GREY_BODIES: Bulk = Bulk {
    head: "SELECT record, body FROM grey_ride WHERE record IN (SELECT column1 FROM (VALUES",
    columns: 1,
    tail: ") AS asked)",
};

impl Tx {
    /// Notes a card; false when the number is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_insert(
        &mut self,
        table: CardTable,
        number: &str,
        issued_at: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(table.insert())
            .bind(self.sealing.number(number))
            .bind(issued_at)
            .execute(&mut *self.inner)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Which of these cards are here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cards_known(
        &mut self,
        table: CardTable,
        numbers: &[String],
    ) -> Result<BTreeSet<String>, StoreError> {
        let numbers = self.sealing.numbers_each(numbers.iter());
        let read = |rows: &[AnyRow], seal: &Sealing| seal.open_numbers(rows, "number");
        let known = table
            .known()
            .fetch(self, &numbers, |query, number| query.bind(number), read)
            .await?;
        Ok(known.into_iter().collect())
    }

    /// Stores grey records whose ids are free; gives the ids stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn greys_insert(&mut self, rows: &[GreyRow]) -> Result<BTreeSet<String>, StoreError> {
        let seal = &self.sealing;
        let accounts = seal.numbers_each(rows.iter().map(|row| &row.account));
        let bodies: Vec<_> = rows
            .iter()
            .map(|row| ([&row.record[..]], &row.body[..]))
            .collect();
        let bodies = seal.bytes_each(Column::Body, &bodies);
        let rows: Vec<_> = rows.iter().zip(accounts).zip(bodies).collect();
        let stored = GREY_INSERT
            .fetch(
                self,
                &rows,
                |query, ((row, account), body)| {
                    query
                        .bind(&row.record)
                        .bind(account)
                        .bind(row.sequence)
                        .bind(row.arrived_at)
                        .bind(body)
                },
                records,
            )
            .await?;
        Ok(stored.into_iter().collect())
    }

    /// The bodies of grey records stored under these ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grey_bodies(
        &mut self,
        records: &[String],
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let read = |rows: &[AnyRow], seal: &Sealing| with_records(rows, open_bodies(rows, seal)?);
        GREY_BODIES
            .fetch(self, records, |query, record| query.bind(record), read)
            .await
    }

    /// Every grey record, by id; `waiting` those only whose fate is not known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn greys(&mut self, waiting: bool) -> Result<Vec<GreyRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT record, account, sequence, arrived_at, body, day, fate FROM grey_ride \
             WHERE day IS NULL OR $1 = 0 ORDER BY record",
        )
        .bind(i64::from(waiting))
        .fetch_all(&mut *self.inner)
        .await?;
        let accounts = self.sealing.open_numbers(&rows, "account")?;
        let opened = accounts.into_iter().zip(open_bodies(&rows, &self.sealing)?);
        rows.iter().zip(opened).map(grey).collect()
    }

    /// Notes the fate of a grey record, once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grey_end(
        &mut self,
        record: &str,
        day: i64,
        fate: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE grey_ride SET day = $2, fate = $3 WHERE record = $1 AND day IS NULL",
        )
        .bind(record)
        .bind(day)
        .bind(fate)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The rides of an account by card or face that arrived here as uploads, by scan time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rides_of_account(&mut self, account: &str) -> Result<Vec<RideRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT record, batch, number, acquirer, issuer, account, generated_at, scanned_at, \
             amount, direction, category, line, body FROM ride \
             WHERE account = $1 AND body IS NOT NULL AND generated_at < 0 \
             ORDER BY scanned_at, record",
        )
        .bind(self.sealing.number(account))
        .fetch_all(&mut *self.inner)
        .await?;
        crate::ride::rides(&rows, &self.sealing)
    }
}

fn open_bodies(rows: &[AnyRow], seal: &Sealing) -> Result<Vec<Vec<u8>>, StoreError> {
    let sealed = rows
        .iter()
        .map(|row| Ok(([row.try_get("record")?], row.try_get("body")?)))
        .collect::<Result<Vec<([&str; 1], &[u8])>, StoreError>>()?;
    seal.open_bytes_each(Column::Body, &sealed)
}

fn grey((row, (account, body)): (&AnyRow, (String, Vec<u8>))) -> Result<GreyRow, StoreError> {
    let day: Option<i64> = row.try_get("day")?;
    let fate: Option<i64> = row.try_get("fate")?;
    Ok(GreyRow {
        record: row.try_get("record")?,
        account,
        sequence: row.try_get("sequence")?,
        arrived_at: row.try_get("arrived_at")?,
        body,
        ended: day.zip(fate),
    })
}
