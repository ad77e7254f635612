//! The card blacklist with its history, and what terminals reported of their lists.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::bulk::Bulk;
use crate::masked::masked;
use crate::sealing::Column;
use crate::{Sealing, StoreError, Tx};

/// A row of table `card_list_version`.
#[derive(Clone, PartialEq, Eq)]
pub struct CardListVersionRow {
    /// Rises with every change.
    pub version: i64,
    /// How many numbers are listed.
    pub numbers: String,
    /// Their sum.
    pub sum: String,
    /// When it was made, Unix seconds.
    pub changed_at: i64,
}

masked!(CardListVersionRow {
    version,
    numbers,
    changed_at
});

/// A listing: from one number to another, 20 digits each.
pub type CardSpan = (String, String);

/// A row of table `coverage`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoverageRow {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// When it made the report, Unix seconds.
    pub reported_at: i64,
    /// Version of its list bundle.
    pub version: i64,
    /// Version of its city list.
    pub cities: i64,
    /// Since when it has that, by the earliest report that said so.
    pub cities_since: i64,
    /// Version of its card blacklist.
    pub card_blacklist: i64,
    /// The signed report.
    pub report: Vec<u8>,
}

const CARD_INSERT: Bulk = Bulk {
    head: "INSERT INTO card_listed (low, high, began, wide) VALUES",
    columns: 4,
    tail: "",
};

impl Tx {
    /// Adds a version of the card blacklist; false when it is there already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_list_version_insert(
        &mut self,
        row: &CardListVersionRow,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO card_list_version (version, numbers, sum, changed_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (version) DO NOTHING",
        )
        .bind(row.version)
        .bind(&row.numbers)
        .bind(
            self.sealing
                .text(Column::ListSum, &[&row.version.to_string()], &row.sum),
        )
        .bind(row.changed_at)
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The newest version of the card blacklist, or one of a certain number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_list_version(
        &mut self,
        version: Option<i64>,
    ) -> Result<Option<CardListVersionRow>, StoreError> {
        let row = match version {
            None => sqlx::query(
                "SELECT version, numbers, sum, changed_at FROM card_list_version \
                 ORDER BY version DESC LIMIT 1",
            ),
            Some(version) => sqlx::query(
                "SELECT version, numbers, sum, changed_at FROM card_list_version \
                 WHERE version = $1",
            )
            .bind(version),
        };
        let row = row.fetch_optional(&mut *self.inner).await?;
        row.as_ref()
            .map(|row| card_list_version(row, &self.sealing))
            .transpose()
    }

    /// The first version of the card blacklist after this one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_list_version_after(
        &mut self,
        version: i64,
    ) -> Result<Option<CardListVersionRow>, StoreError> {
        let row = sqlx::query(
            "SELECT version, numbers, sum, changed_at FROM card_list_version \
             WHERE version > $1 ORDER BY version LIMIT 1",
        )
        .bind(version)
        .fetch_optional(&mut *self.inner)
        .await?;
        row.as_ref()
            .map(|row| card_list_version(row, &self.sealing))
            .transpose()
    }

    /// A listing of now that has a number in common with this span.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_listed_within(
        &mut self,
        span: &CardSpan,
    ) -> Result<Option<CardSpan>, StoreError> {
        // Sealed numbers have no order: a number meets itself or a listing of many, of which there
        // are few. Only where many are asked for must all be looked at.
        let rows = if is_wide(span) {
            sqlx::query("SELECT low, high FROM card_listed WHERE ended = 0")
                .fetch_all(&mut *self.inner)
                .await?
        } else {
            sqlx::query(
                "SELECT low, high FROM card_listed WHERE ended = 0 AND low = $1 \
                 UNION SELECT low, high FROM card_listed WHERE ended = 0 AND wide = 1",
            )
            .bind(self.sealing.listed(&span.0))
            .fetch_all(&mut *self.inner)
            .await?
        };
        let there = card_spans(&rows, &self.sealing)?;
        let meets = |(low, high): &CardSpan| *low <= span.1 && *high >= span.0;
        Ok(there.into_iter().rfind(meets))
    }

    /// Lists cards from this version on. Nothing of it may be listed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_list_insert(
        &mut self,
        spans: &[CardSpan],
        began: i64,
    ) -> Result<(), StoreError> {
        let ends = spans.iter().flat_map(|(low, high)| [low, high]);
        let ends: Vec<_> = ends.map(|number| ([], &number[..])).collect();
        let sealed = self.sealing.texts_each(Column::Listed, &ends);
        let spans: Vec<_> = spans.iter().zip(sealed.as_chunks::<2>().0).collect();
        CARD_INSERT
            .execute(self, &spans, |query, (span, [low, high])| {
                query
                    .bind(low)
                    .bind(high)
                    .bind(began)
                    .bind(i64::from(is_wide(span)))
            })
            .await?;
        Ok(())
    }

    /// Ends a listing of now with this version; false when there is none from that number to
    /// that other.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_list_end(&mut self, span: &CardSpan, ended: i64) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE card_listed SET ended = $1 WHERE low = $2 AND high = $3 AND ended = 0",
        )
        .bind(ended)
        .bind(self.sealing.listed(&span.0))
        .bind(self.sealing.listed(&span.1))
        .execute(&mut *self.inner)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// All listings of a version, rising.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_listed(&mut self, version: i64) -> Result<Vec<CardSpan>, StoreError> {
        let rows = sqlx::query(
            "SELECT low, high FROM card_listed \
             WHERE began <= $1 AND (ended = 0 OR ended > $1)",
        )
        .bind(version)
        .fetch_all(&mut *self.inner)
        .await?;
        card_spans(&rows, &self.sealing)
    }

    /// What the later of two versions lists and the earlier does not; and the other way round.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn card_listed_between(
        &mut self,
        from: i64,
        to: i64,
    ) -> Result<[Vec<CardSpan>; 2], StoreError> {
        let mut out = [Vec::new(), Vec::new()];
        for (slot, text) in out.iter_mut().zip([
            "SELECT low, high FROM card_listed \
             WHERE began > $1 AND began <= $2 AND (ended = 0 OR ended > $2)",
            "SELECT low, high FROM card_listed \
             WHERE began <= $1 AND ended > $1 AND ended <= $2",
        ]) {
            let rows = sqlx::query(text)
                .bind(from)
                .bind(to)
                .fetch_all(&mut *self.inner)
                .await?;
            *slot = card_spans(&rows, &self.sealing)?;
        }
        Ok(out)
    }

    /// Keeps a terminal's report, unless a later one is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn coverage_keep(&mut self, row: &CoverageRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO coverage (terminal, reported_at, version, cities, cities_since, \
             card_blacklist, report) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (terminal) DO UPDATE SET reported_at = excluded.reported_at, \
             version = excluded.version, cities_since = CASE \
             WHEN coverage.cities = excluded.cities \
             AND coverage.cities_since < excluded.cities_since \
             THEN coverage.cities_since ELSE excluded.cities_since END, \
             cities = excluded.cities, card_blacklist = excluded.card_blacklist, \
             report = excluded.report WHERE excluded.reported_at > coverage.reported_at",
        )
        .bind(&row.terminal)
        .bind(row.reported_at)
        .bind(row.version)
        .bind(row.cities)
        .bind(row.cities_since)
        .bind(row.card_blacklist)
        .bind(&row.report)
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// All registered terminals in the order of their numbers, with what they reported last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn coverage(&mut self) -> Result<Vec<(String, Option<CoverageRow>)>, StoreError> {
        let numbers = sqlx::query("SELECT number FROM terminal ORDER BY number")
            .fetch_all(&mut *self.inner)
            .await?;
        let rows = sqlx::query(
            "SELECT terminal, reported_at, version, cities, cities_since, card_blacklist, report \
             FROM coverage ORDER BY terminal",
        )
        .fetch_all(&mut *self.inner)
        .await?;
        let reports = rows.iter().map(coverage).collect::<Result<Vec<_>, _>>()?;
        let mut reports = reports.into_iter().peekable();
        let mut out = Vec::new();
        for row in &numbers {
            let number: String = row.try_get(0)?;
            let report = reports.next_if(|report| report.terminal == number);
            out.push((number, report));
        }
        Ok(out)
    }
}

fn card_list_version(row: &AnyRow, seal: &Sealing) -> Result<CardListVersionRow, StoreError> {
    let version: i64 = row.try_get("version")?;
    let sum = row.try_get("sum")?;
    Ok(CardListVersionRow {
        version,
        numbers: row.try_get("numbers")?,
        sum: seal.open_text(Column::ListSum, &[&version.to_string()], sum)?,
        changed_at: row.try_get("changed_at")?,
    })
}

/// Whether a listing is of more than one number.
fn is_wide((low, high): &CardSpan) -> bool {
    low != high
}

impl Sealing {
    fn listed(&self, number: &str) -> String {
        self.text(Column::Listed, &[], number)
    }
}

/// Listings as they are, rising.
fn card_spans(rows: &[AnyRow], seal: &Sealing) -> Result<Vec<CardSpan>, StoreError> {
    let opened = |place| seal.open_texts_of(Column::Listed, rows, place);
    let mut spans: Vec<_> = opened("low")?.into_iter().zip(opened("high")?).collect();
    spans.sort_unstable();
    Ok(spans)
}

fn coverage(row: &AnyRow) -> Result<CoverageRow, StoreError> {
    Ok(CoverageRow {
        terminal: row.try_get("terminal")?,
        reported_at: row.try_get("reported_at")?,
        version: row.try_get("version")?,
        cities: row.try_get("cities")?,
        cities_since: row.try_get("cities_since")?,
        card_blacklist: row.try_get("card_blacklist")?,
        report: row.try_get("report")?,
    })
}
