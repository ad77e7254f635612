//! The chains over terminals' records, as their acquirer follows them.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::Bulk;
use crate::{StoreError, Tx};

/// A row of table `terminal_chain`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainRow {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// The newest record up to which nothing is missing; 0 is none.
    pub tip: i64,
    /// The chain's value there, 32 bytes.
    pub value: Vec<u8>,
    /// Which of the terminal's chains it is, from 0.
    pub era: i64,
}

/// A row of table `chain_ended`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainEndedRow {
    /// How far it was followed.
    pub chain: ChainRow,
    /// When another began, Unix seconds.
    pub ended_at: i64,
    /// Why.
    pub reason: String,
}

/// A row of table `chain_link`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainLinkRow {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// The record's number in its terminal.
    pub number: i64,
    /// The chain's value that came with it, 32 bytes.
    pub value: Vec<u8>,
    /// The record's SM3, 32 bytes.
    pub record: Vec<u8>,
    /// The chain's value before it, 32 bytes.
    pub prior: Vec<u8>,
    /// Unix seconds.
    pub arrived_at: i64,
    /// 0 it follows, 1 it waits for one before it, 2 it does not hold.
    pub state: i64,
    /// Why it does not hold.
    pub fault: Option<String>,
    /// Which of the terminal's chains it is in.
    pub era: i64,
}

const COLUMNS: &str = "terminal, number, value, record, prior, arrived_at, state, fault, era";

const LINK_INSERT: Bulk = Bulk {
    head: "INSERT INTO chain_link \
           (terminal, number, value, record, prior, arrived_at, state, fault, era) VALUES",
    columns: 9,
    tail: "ON CONFLICT (terminal, number, value, record) DO NOTHING",
};

impl Tx {
    /// How far a terminal's chain is followed; none before its first record. Whoever else asks
    /// for the same terminal waits until this transaction ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_take(&mut self, terminal: &str) -> Result<Option<ChainRow>, StoreError> {
        // A write, so that it locks on both engines.
        let row = sqlx::query(
            "UPDATE terminal_chain SET tip = tip WHERE terminal = $1 \
             RETURNING terminal, tip, value, era",
        )
        .bind(terminal)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref().map(chain).transpose()
    }

    /// Begins to follow a terminal's chain; false when somebody did already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_begin(&mut self, row: &ChainRow) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO terminal_chain (terminal, tip, value) VALUES ($1, $2, $3) \
             ON CONFLICT (terminal) DO NOTHING",
        )
        .bind(&row.terminal)
        .bind(row.tip)
        .bind(&row.value)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes how far a terminal's chain is followed now; what waited for a record up to there
    /// waits no longer. A tip never goes back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_advance(&mut self, row: &ChainRow) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE terminal_chain SET tip = $2, value = $3 WHERE terminal = $1 AND tip < $2",
        )
        .bind(&row.terminal)
        .bind(row.tip)
        .bind(&row.value)
        .execute(&mut *self.inner)
        .await?;
        sqlx::query(
            "UPDATE chain_link SET state = 0 \
             WHERE terminal = $1 AND state = 1 AND number <= $2 AND era = $3",
        )
        .bind(&row.terminal)
        .bind(row.tip)
        .bind(row.era)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Keeps places in chains, each once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_links_insert(&mut self, rows: &[ChainLinkRow]) -> Result<(), StoreError> {
        LINK_INSERT
            .execute(self, rows, |query, row| {
                query
                    .bind(&row.terminal)
                    .bind(row.number)
                    .bind(&row.value)
                    .bind(&row.record)
                    .bind(&row.prior)
                    .bind(row.arrived_at)
                    .bind(row.state)
                    .bind(row.fault.as_deref())
                    .bind(row.era)
            })
            .await?;
        Ok(())
    }

    /// The links of a terminal's chain from a number to another that follow, and the first
    /// thousand that wait.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_links(
        &mut self,
        chain: &ChainRow,
        from: i64,
        to: i64,
    ) -> Result<[Vec<ChainLinkRow>; 2], StoreError> {
        let follow = format!(
            "SELECT {COLUMNS} FROM chain_link WHERE terminal = $1 AND state = 0 \
             AND number >= $2 AND number <= $3 AND era = $4 ORDER BY number"
        );
        let follow = sqlx::query(sqlx::AssertSqlSafe(follow))
            .bind(&chain.terminal)
            .bind(from)
            .bind(to)
            .bind(chain.era)
            .fetch_all(&mut *self.inner)
            .await?;
        let wait = format!(
            "SELECT {COLUMNS} FROM chain_link WHERE terminal = $1 AND state <> 0 AND state = 1 \
             AND era = $2 ORDER BY number LIMIT 1000"
        );
        let wait = sqlx::query(sqlx::AssertSqlSafe(wait))
            .bind(&chain.terminal)
            .bind(chain.era)
            .fetch_all(&mut *self.inner)
            .await?;
        let links = |rows: &[AnyRow]| rows.iter().map(link).collect::<Result<Vec<_>, _>>();
        Ok([links(&follow)?, links(&wait)?])
    }

    /// All chains by terminal.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chains(&mut self) -> Result<Vec<ChainRow>, StoreError> {
        let rows =
            sqlx::query("SELECT terminal, tip, value, era FROM terminal_chain ORDER BY terminal")
                .fetch_all(&mut *self.inner)
                .await?;
        rows.iter().map(chain).collect()
    }

    /// Whether no place in this chain of a terminal is kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_is_empty(&mut self, row: &ChainRow) -> Result<bool, StoreError> {
        let found =
            sqlx::query("SELECT 1 FROM chain_link WHERE terminal = $1 AND era = $2 LIMIT 1")
                .bind(&row.terminal)
                .bind(row.era)
                .fetch_optional(&mut *self.inner)
                .await?;
        Ok(found.is_none())
    }

    /// Follows a terminal's chain no further, and another from its beginning, at this value.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_anew(
        &mut self,
        ended: &ChainEndedRow,
        start: &[u8],
    ) -> Result<(), StoreError> {
        let row = &ended.chain;
        sqlx::query(
            "INSERT INTO chain_ended (terminal, era, tip, value, ended_at, reason) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&row.terminal)
        .bind(row.era)
        .bind(row.tip)
        .bind(&row.value)
        .bind(ended.ended_at)
        .bind(&ended.reason)
        .execute(&mut *self.inner)
        .await?;
        sqlx::query(
            "UPDATE terminal_chain SET tip = 0, value = $2, era = era + 1 WHERE terminal = $1",
        )
        .bind(&row.terminal)
        .bind(start)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// All chains that are followed no further, by terminal, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chains_ended(&mut self) -> Result<Vec<ChainEndedRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT terminal, era, tip, value, ended_at, reason FROM chain_ended \
             ORDER BY terminal, era",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        let ended = |row: &AnyRow| {
            Ok(ChainEndedRow {
                chain: chain(row)?,
                ended_at: row.try_get("ended_at")?,
                reason: row.try_get("reason")?,
            })
        };
        rows.iter().map(ended).collect()
    }

    /// All links that wait or do not hold in the chains followed now, by terminal and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn chain_links_open(&mut self) -> Result<Vec<ChainLinkRow>, StoreError> {
        let text = format!(
            "SELECT {COLUMNS} FROM chain_link WHERE state <> 0 AND NOT EXISTS \
             (SELECT 1 FROM chain_ended e \
             WHERE e.terminal = chain_link.terminal AND e.era = chain_link.era) \
             ORDER BY terminal, number, arrived_at, value, record"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .fetch_all(&mut *self.inner)
            .await?;
        rows.iter().map(link).collect()
    }
}

fn chain(row: &AnyRow) -> Result<ChainRow, StoreError> {
    Ok(ChainRow {
        terminal: row.try_get("terminal")?,
        tip: row.try_get("tip")?,
        value: row.try_get("value")?,
        era: row.try_get("era")?,
    })
}

fn link(row: &AnyRow) -> Result<ChainLinkRow, StoreError> {
    Ok(ChainLinkRow {
        terminal: row.try_get("terminal")?,
        number: row.try_get("number")?,
        value: row.try_get("value")?,
        record: row.try_get("record")?,
        prior: row.try_get("prior")?,
        arrived_at: row.try_get("arrived_at")?,
        state: row.try_get("state")?,
        fault: row.try_get("fault")?,
        era: row.try_get("era")?,
    })
}
