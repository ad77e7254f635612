//! Statements over many rows: one round trip for hundreds, not one for each.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use crate::store::Engine;
use crate::{Sealing, StoreError, Tx};

/// Rows per statement: 13 columns of them stay far below the engines' limits on parameters
/// (32 766 and 65 535), and more would not be faster.
const ROWS_MAX: usize = 250;

/// Rows that are sealed, or opened and read, at a time: enough to go side by side, and a day's rows are
/// never in memory twice.
pub(crate) const PORTION: usize = 2 * ROWS_MAX;

pub(crate) type AnyQuery<'q> = Query<'q, Any, AnyArguments>;

/// `($1,$2),($3,$4)` for so many rows of so many columns; `(?,?),(?,?)` for SQLite, which keeps the
/// numbered places of a statement in one list and goes through it for each value that is bound: with
/// thousands of them that took most of the time of a statement.
fn places(engine: Engine, rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * (columns * 5 + 3));
    let mut number = 0;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            number += 1;
            if column > 0 {
                text.push(',');
            }
            match engine {
                Engine::Sqlite => text.push('?'),
                Engine::Postgres => {
                    text.push('$');
                    text.push_str(&number.to_string());
                }
            }
        }
        text.push(')');
    }
    text
}

/// A statement with `VALUES` of as many rows as are given: `head VALUES (..),(..) tail`. Nothing else
/// is bound in it, so that values are bound in the order of their places.
pub(crate) struct Bulk {
    pub(crate) head: &'static str,
    pub(crate) columns: usize,
    pub(crate) tail: &'static str,
}

impl Bulk {
    fn text(&self, engine: Engine, rows: usize) -> String {
        let Self {
            head,
            columns,
            tail,
        } = self;
        format!("{head} {} {tail}", places(engine, rows, *columns))
    }

    /// Runs it over all rows; gives how many rows it touched.
    pub(crate) async fn execute<'q, R>(
        &self,
        tx: &mut Tx,
        rows: &'q [R],
        bind: impl Fn(AnyQuery<'q>, &'q R) -> AnyQuery<'q>,
    ) -> Result<u64, StoreError> {
        let mut touched = 0;
        for chunk in rows.chunks(ROWS_MAX) {
            let query = self.query(tx.engine, chunk, &bind);
            touched += query.execute(&mut *tx.inner).await?.rows_affected();
        }
        Ok(touched)
    }

    /// Runs it over all rows; gives what is read of the rows that it returns.
    pub(crate) async fn fetch<'q, R, T>(
        &self,
        tx: &mut Tx,
        rows: &'q [R],
        bind: impl Fn(AnyQuery<'q>, &'q R) -> AnyQuery<'q>,
        read: impl Fn(&[AnyRow], &Sealing) -> Result<Vec<T>, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        for chunk in rows.chunks(ROWS_MAX) {
            let query = self.query(tx.engine, chunk, &bind);
            let rows = query.fetch_all(&mut *tx.inner).await?;
            found.append(&mut read(&rows, &tx.sealing)?);
        }
        Ok(found)
    }

    fn query<'q, R>(
        &self,
        engine: Engine,
        chunk: &'q [R],
        bind: &impl Fn(AnyQuery<'q>, &'q R) -> AnyQuery<'q>,
    ) -> AnyQuery<'q> {
        let text = self.text(engine, chunk.len());
        // Full statements recur and are worth keeping prepared; the last, short one is not.
        let keep = chunk.len() == ROWS_MAX || chunk.len() == 1;
        let query = sqlx::query(AssertSqlSafe(text)).persistent(keep);
        chunk.iter().fold(query, bind)
    }
}

/// Runs a statement whose rows may be a day's; gives what is read of them. They are read by portions as
/// they come: a row as the engines give it takes several times the memory of what it says.
pub(crate) async fn fetch_portions<T: Send>(
    tx: &mut Tx,
    query: AnyQuery<'_>,
    read: impl Fn(&[AnyRow], &Sealing) -> Result<Vec<T>, StoreError> + Sync,
) -> Result<Vec<T>, StoreError> {
    let sealing = tx.sealing.clone();
    let mut waiting = Vec::with_capacity(PORTION);
    let mut found = Ok(Vec::new());
    let mut read_waiting = |waiting: &mut Vec<AnyRow>| {
        // After a portion that cannot be read, the others are let go.
        if let Ok(all) = &mut found {
            match read(waiting, &sealing) {
                Ok(mut some) => all.append(&mut some),
                Err(error) => found = Err(error),
            }
        }
        waiting.clear();
    };
    let take = |row| {
        waiting.push(row);
        if waiting.len() == PORTION {
            read_waiting(&mut waiting);
        }
    };
    query.map(take).fetch_all(&mut *tx.inner).await?;
    read_waiting(&mut waiting);
    found
}

/// Reads rows that have a sealed account, each with what that is.
pub(crate) fn with_account<T>(
    read: impl Fn((&AnyRow, String)) -> Result<T, StoreError>,
) -> impl Fn(&[AnyRow], &Sealing) -> Result<Vec<T>, StoreError> {
    move |rows, seal| {
        let accounts = seal.open_numbers(rows, "account")?;
        rows.iter().zip(accounts).map(&read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_place() {
        let of =
            |rows, columns| [Engine::Postgres, Engine::Sqlite].map(|e| places(e, rows, columns));
        assert_eq!(of(2, 3), ["($1,$2,$3),($4,$5,$6)", "(?,?,?),(?,?,?)"]);
        assert_eq!(of(1, 1), ["($1)", "(?)"]);
    }
}
