//! What became of rides: judgements, codes claimed, settlements.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::{Bulk, PORTION, fetch_portions, with_account};
use crate::masked::masked;
use crate::{StoreError, Tx};

/// A row of table `judgement`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JudgementRow {
    /// The record's id.
    pub record: String,
    /// The settlement day on which it was judged here.
    pub day: i64,
    /// 0 refused, 1 to be settled by `hub`, 2 kept as evidence.
    pub verdict: i64,
    /// The hub that clears it.
    pub hub: String,
    /// The result code.
    pub result: i64,
    /// The acquirer to whom the serial belongs.
    pub acquirer: String,
    /// The acquirer's serial (受理方流水号).
    pub serial: i64,
}

/// A judged ride with what a run needs of it.
#[derive(Clone, PartialEq, Eq)]
pub struct JudgedRow {
    /// The judgement.
    pub judgement: JudgementRow,
    /// The batch that brought it.
    pub batch: String,
    /// Its 0-based place there.
    pub number: i64,
    /// Whose code it carries.
    pub issuer: String,
    /// The rider's account.
    pub account: String,
    /// What a ride pays with once: a code's generation time, Unix seconds; below zero, the number
    /// of a card's or face's ride, which `tongtu-services` gives.
    pub generated_at: i64,
    /// Whole fen.
    pub amount: i64,
    /// 0 single, 1 entry, 2 exit.
    pub direction: i64,
    /// The merchant category, 4 digits.
    pub category: String,
    /// The line; empty where none is known.
    pub line: String,
}

masked!(JudgedRow {
    judgement,
    batch,
    number,
    issuer,
    generated_at,
    amount,
    direction,
    category,
    line
});

/// A row of table `claimed_code`.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimRow {
    /// The rider's account.
    pub account: String,
    /// What a ride pays with once: a code's generation time, Unix seconds; below zero, the number
    /// of a card's or face's ride, which `tongtu-services` gives.
    pub generated_at: i64,
    /// The record that has the code.
    pub record: String,
}

masked!(ClaimRow {
    generated_at,
    record
});

/// A row of table `settlement`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettlementRow {
    /// The record's id.
    pub record: String,
    /// The settlement day.
    pub day: i64,
    /// Whether it was settled.
    pub settled: bool,
    /// The result code.
    pub result: i64,
    /// The clearing serial (清分流水号); 0 when not settled.
    pub serial: i64,
}

/// A ride found by its acquirer's serial.
#[derive(Clone, PartialEq, Eq)]
pub struct SerialRow {
    /// The day on which it was judged, and the serial given.
    pub day: i64,
    /// The serial.
    pub serial: i64,
    /// The record's id.
    pub record: String,
    /// The line; empty where none is known.
    pub line: String,
    /// Whole fen.
    pub amount: i64,
    /// The rider's account.
    pub account: String,
}

masked!(SerialRow {
    day,
    serial,
    record,
    line,
    amount
});

/// A ride with all that is known of its end, for auditors.
#[derive(Clone, PartialEq, Eq)]
pub struct RideEndRow {
    /// The record's id.
    pub record: String,
    /// The rider's account.
    pub account: String,
    /// What a ride pays with once: a code's generation time, Unix seconds; below zero, the number
    /// of a card's or face's ride, which `tongtu-services` gives.
    pub generated_at: i64,
    /// Whole fen.
    pub amount: i64,
    /// 0 single, 1 entry, 2 exit.
    pub direction: i64,
    /// The day its batch was sealed into.
    pub sealed: Option<i64>,
    /// Verdict, hub and result of the judgement, if there is one.
    pub judged: Option<(i64, String, i64)>,
    /// Day, whether settled, and result, if it has ended.
    pub ended: Option<(i64, bool, i64)>,
    /// Whether an account of this node was charged for it.
    pub charged: bool,
}

masked!(RideEndRow {
    record,
    generated_at,
    amount,
    direction,
    sealed,
    judged,
    ended,
    charged
});

const JUDGEMENT_INSERT: Bulk = Bulk {
    head: "INSERT INTO judgement (record, day, verdict, hub, result, acquirer, serial) VALUES",
    columns: 7,
    tail: "",
};

const CLAIM_INSERT: Bulk = Bulk {
    head: "INSERT INTO claimed_code (account, generated_at, record) VALUES",
    columns: 3,
    tail: "",
};

const SETTLEMENT_INSERT: Bulk = Bulk {
    head: "INSERT INTO settlement (record, day, settled, result, serial) VALUES",
    columns: 5,
    tail: "",
};

const REFUSAL_INSERT: Bulk = Bulk {
    head: "INSERT INTO settlement (record, day, settled, result, serial) VALUES",
    columns: 5,
    tail: "ON CONFLICT (record) DO NOTHING",
};

const BY_SERIAL: Bulk = Bulk {
    head: "SELECT j.day, j.serial, j.record, r.line, r.amount, r.account FROM judgement j \
           JOIN ride r ON r.record = j.record JOIN (VALUES",
    columns: 3,
    tail: ") AS asked ON j.acquirer = asked.column1 AND j.day = asked.column2 \
           AND j.serial = asked.column3 WHERE j.verdict = 1 ORDER BY j.serial, j.record",
};

const RIDE_ENDS: &str = "SELECT r.record, r.account, r.generated_at, r.amount, r.direction, \
    b.day AS sealed, j.verdict, j.hub, j.result AS judged_result, s.day AS ended, s.settled, \
    s.result AS ended_result, c.day AS charged \
    FROM ride r JOIN batch b ON b.id = r.batch \
    LEFT JOIN judgement j ON j.record = r.record \
    LEFT JOIN settlement s ON s.record = r.record \
    LEFT JOIN charged_ride c ON c.record = r.record ORDER BY r.record";

impl Tx {
    /// Stores judgements; a record judged before refuses them all.
    ///
    /// # Errors
    /// [`StoreError`], one that [`StoreError::is_taken`] for a record judged before.
    pub async fn judgements_insert(&mut self, rows: &[JudgementRow]) -> Result<(), StoreError> {
        JUDGEMENT_INSERT
            .execute(self, rows, |query, row| {
                query
                    .bind(&row.record)
                    .bind(row.day)
                    .bind(row.verdict)
                    .bind(&row.hub)
                    .bind(row.result)
                    .bind(&row.acquirer)
                    .bind(row.serial)
            })
            .await?;
        Ok(())
    }

    /// The judgements of a day with their rides, in the order of the records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn judged_of_day(&mut self, day: i64) -> Result<Vec<JudgedRow>, StoreError> {
        let query = sqlx::query(
            "SELECT j.record, j.day, j.verdict, j.hub, j.result, j.acquirer, j.serial, r.batch, \
             r.number, r.issuer, r.account, r.generated_at, r.amount, r.direction, r.category, \
             r.line FROM judgement j JOIN ride r ON r.record = j.record WHERE j.day = $1 \
             ORDER BY j.record",
        );
        fetch_portions(self, query.bind(day), with_account(judged)).await
    }

    /// Which codes of a day's rides are claimed already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claims_on_day(&mut self, day: i64) -> Result<Vec<ClaimRow>, StoreError> {
        let query = sqlx::query(
            "SELECT DISTINCT c.account, c.generated_at, c.record FROM batch b \
             JOIN ride r ON r.batch = b.id JOIN claimed_code c \
             ON c.account = r.account AND c.generated_at = r.generated_at WHERE b.day = $1",
        );
        let claim = |(row, account): (&AnyRow, _)| {
            Ok(ClaimRow {
                account,
                generated_at: row.try_get("generated_at")?,
                record: row.try_get("record")?,
            })
        };
        fetch_portions(self, query.bind(day), with_account(claim)).await
    }

    /// Claims codes; one that is claimed refuses them all.
    ///
    /// # Errors
    /// [`StoreError`], one that [`StoreError::is_taken`] for a code or record claimed before.
    pub async fn claims_insert(&mut self, rows: &[ClaimRow]) -> Result<(), StoreError> {
        for rows in rows.chunks(PORTION) {
            let accounts = self
                .sealing
                .numbers_each(rows.iter().map(|row| &row.account));
            let rows: Vec<_> = rows.iter().zip(accounts).collect();
            CLAIM_INSERT
                .execute(self, &rows, |query, (row, account)| {
                    query.bind(account).bind(row.generated_at).bind(&row.record)
                })
                .await?;
        }
        Ok(())
    }

    /// Stores how rides ended. A settled record that ended before refuses them all; that a
    /// record was not settled counts only where nothing else is known of it, because a
    /// repeated line is refused beside the line that was settled.
    ///
    /// # Errors
    /// [`StoreError`], one that [`StoreError::is_taken`] for a settled record that ended before.
    pub async fn settlements_insert(&mut self, rows: &[SettlementRow]) -> Result<(), StoreError> {
        let (settled, refused): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.settled);
        for (bulk, rows) in [(SETTLEMENT_INSERT, settled), (REFUSAL_INSERT, refused)] {
            bulk.execute(self, &rows, |query, row| {
                query
                    .bind(&row.record)
                    .bind(row.day)
                    .bind(i64::from(row.settled))
                    .bind(row.result)
                    .bind(row.serial)
            })
            .await?;
        }
        Ok(())
    }

    /// The rides that were passed on under these (acquirer, day, serial): an acquirer's serials
    /// begin anew after some years.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rides_by_serial(
        &mut self,
        serials: &[(String, i64, i64)],
    ) -> Result<Vec<SerialRow>, StoreError> {
        let found = |(row, account): (&AnyRow, _)| {
            Ok(SerialRow {
                day: row.try_get("day")?,
                serial: row.try_get("serial")?,
                record: row.try_get("record")?,
                line: row.try_get("line")?,
                amount: row.try_get("amount")?,
                account,
            })
        };
        BY_SERIAL
            .fetch(
                self,
                serials,
                |query, (acquirer, day, serial)| query.bind(acquirer).bind(*day).bind(*serial),
                with_account(found),
            )
            .await
    }

    /// Every ride that arrived here with its end, in the order of the records.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ride_ends(&mut self) -> Result<Vec<RideEndRow>, StoreError> {
        fetch_portions(self, sqlx::query(RIDE_ENDS), with_account(ride_end)).await
    }
}

fn judged((row, account): (&AnyRow, String)) -> Result<JudgedRow, StoreError> {
    let judgement = JudgementRow {
        record: row.try_get("record")?,
        day: row.try_get("day")?,
        verdict: row.try_get("verdict")?,
        hub: row.try_get("hub")?,
        result: row.try_get("result")?,
        acquirer: row.try_get("acquirer")?,
        serial: row.try_get("serial")?,
    };
    Ok(JudgedRow {
        judgement,
        batch: row.try_get("batch")?,
        number: row.try_get("number")?,
        issuer: row.try_get("issuer")?,
        account,
        generated_at: row.try_get("generated_at")?,
        amount: row.try_get("amount")?,
        direction: row.try_get("direction")?,
        category: row.try_get("category")?,
        line: row.try_get("line")?,
    })
}

fn ride_end((row, account): (&AnyRow, String)) -> Result<RideEndRow, StoreError> {
    let judged = match row.try_get::<Option<i64>, _>("verdict")? {
        None => None,
        Some(verdict) => Some((verdict, row.try_get("hub")?, row.try_get("judged_result")?)),
    };
    let ended = match row.try_get::<Option<i64>, _>("ended")? {
        None => None,
        Some(day) => {
            let settled: i64 = row.try_get("settled")?;
            Some((day, settled != 0, row.try_get("ended_result")?))
        }
    };
    Ok(RideEndRow {
        record: row.try_get("record")?,
        account,
        generated_at: row.try_get("generated_at")?,
        amount: row.try_get("amount")?,
        direction: row.try_get("direction")?,
        sealed: row.try_get("sealed")?,
        judged,
        ended,
        charged: row.try_get::<Option<i64>, _>("charged")?.is_some(),
    })
}
