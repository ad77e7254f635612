//! Settlement days and their net positions.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::Bulk;
use crate::{StoreError, Tx};

/// A row of table `settlement_day`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayRow {
    /// Days since 1970-01-01.
    pub day: i64,
    /// How many records were sealed into it.
    pub records: i64,
    /// Digest of the sealed set, 32 bytes.
    pub frozen: Vec<u8>,
    /// Whether its rides are judged.
    pub judged: bool,
    /// What was published, if it was.
    pub published: Option<PublishedDay>,
}

/// What a published day came to. Sums are in 10^-7 fen as decimal text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublishedDay {
    /// Version of the fee rules.
    pub rules: i64,
    /// Digest of the result, 32 bytes.
    pub result: Vec<u8>,
    /// The hub's share of the fees.
    pub hub_fee: String,
    /// What rounding left.
    pub rounding: String,
    /// The sum of everything.
    pub control_sum: String,
}

/// A row of table `net_position`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PositionRow {
    /// The member.
    pub member: String,
    /// In 10^-7 fen as decimal text.
    pub income: String,
    /// In 10^-7 fen as decimal text.
    pub outgo: String,
    /// Whole fen.
    pub net: i64,
}

/// How many records of a day met which end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DayTally {
    /// Kept as evidence.
    pub evidence: i64,
    /// To be settled by this hub.
    pub own: i64,
    /// To be settled by another hub.
    pub forwarded: i64,
    /// Refused, by result code.
    pub refused: BTreeMap<i64, i64>,
    /// Lines whose record id was taken.
    pub repeated: i64,
}

const POSITION_INSERT: Bulk = Bulk {
    head: "INSERT INTO net_position (day, member, income, outgo, net) VALUES",
    columns: 5,
    tail: "",
};

impl Tx {
    /// Begins a day, sealed and not yet judged; false when it was begun before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day_insert(&mut self, day: i64) -> Result<bool, StoreError> {
        let nothing: &[u8] = &[];
        let done = sqlx::query(
            "INSERT INTO settlement_day (day, records, frozen, judged) VALUES ($1, 0, $2, 0) \
             ON CONFLICT (day) DO NOTHING",
        )
        .bind(day)
        .bind(nothing)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes what was sealed into a day.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day_freeze(
        &mut self,
        day: i64,
        records: i64,
        frozen: &[u8],
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE settlement_day SET records = $1, frozen = $2 WHERE day = $3")
            .bind(records)
            .bind(frozen)
            .bind(day)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Notes that a day's rides are judged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day_judged(&mut self, day: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE settlement_day SET judged = 1 WHERE day = $1")
            .bind(day)
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Publishes a day; false when it was published before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day_publish(
        &mut self,
        day: i64,
        published: &PublishedDay,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE settlement_day SET rules = $1, result = $2, hub_fee = $3, rounding = $4, \
             control_sum = $5 WHERE day = $6 AND result IS NULL",
        )
        .bind(published.rules)
        .bind(&published.result)
        .bind(&published.hub_fee)
        .bind(&published.rounding)
        .bind(&published.control_sum)
        .bind(day)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// A day, if it was begun.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day(&mut self, day: i64) -> Result<Option<DayRow>, StoreError> {
        let row = sqlx::query(
            "SELECT day, records, frozen, judged, rules, result, hub_fee, rounding, control_sum \
             FROM settlement_day WHERE day = $1",
        )
        .bind(day)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref().map(day_row).transpose()
    }

    /// The last day begun.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day_last(&mut self) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query("SELECT MAX(day) FROM settlement_day")
            .fetch_one(&mut *self.inner)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Counts a day's records by their ends; `hub` is this node.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day_tally(&mut self, day: i64, hub: &str) -> Result<DayTally, StoreError> {
        let rows = sqlx::query(
            "SELECT verdict, hub, result, COUNT(*) AS records FROM judgement WHERE day = $1 \
             GROUP BY verdict, hub, result",
        )
        .bind(day)
        .fetch_all(&mut *self.inner)
        .await?;
        let mut tally = DayTally::default();
        for row in &rows {
            let (verdict, count): (i64, i64) = (row.try_get("verdict")?, row.try_get("records")?);
            let by: &str = row.try_get("hub")?;
            match verdict {
                0 => *tally.refused.entry(row.try_get("result")?).or_default() += count,
                1 if by == hub => tally.own += count,
                1 => tally.forwarded += count,
                _ => tally.evidence += count,
            }
        }
        let row = sqlx::query(
            "SELECT COUNT(*) FROM batch b JOIN repeated_line r ON r.batch = b.id WHERE b.day = $1",
        )
        .bind(day)
        .fetch_one(&mut *self.inner)
        .await?;
        tally.repeated = row.try_get(0)?;
        Ok(tally)
    }

    /// Stores a day's net positions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn positions_insert(
        &mut self,
        day: i64,
        rows: &[PositionRow],
    ) -> Result<(), StoreError> {
        POSITION_INSERT
            .execute(self, rows, |query, row| {
                query
                    .bind(day)
                    .bind(&row.member)
                    .bind(&row.income)
                    .bind(&row.outgo)
                    .bind(row.net)
            })
            .await?;
        Ok(())
    }

    /// A day's net positions, in the order of the members.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn positions(&mut self, day: i64) -> Result<Vec<PositionRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT member, income, outgo, net FROM net_position WHERE day = $1 ORDER BY member",
        )
        .bind(day)
        .fetch_all(&mut *self.inner)
        .await?;
        let position = |row: &AnyRow| {
            Ok(PositionRow {
                member: row.try_get("member")?,
                income: row.try_get("income")?,
                outgo: row.try_get("outgo")?,
                net: row.try_get("net")?,
            })
        };
        rows.iter().map(position).collect()
    }
}

fn day_row(row: &AnyRow) -> Result<DayRow, StoreError> {
    let judged: i64 = row.try_get("judged")?;
    let published = match row.try_get::<Option<Vec<u8>>, _>("result")? {
        None => None,
        Some(result) => Some(PublishedDay {
            rules: row.try_get("rules")?,
            result,
            hub_fee: row.try_get("hub_fee")?,
            rounding: row.try_get("rounding")?,
            control_sum: row.try_get("control_sum")?,
        }),
    };
    Ok(DayRow {
        day: row.try_get("day")?,
        records: row.try_get("records")?,
        frozen: row.try_get("frozen")?,
        judged: judged != 0,
        published,
    })
}
