//! Bringing the tables up to date: numbered steps, each in a transaction, each made once.

use sqlx::{Any, AnyPool, AssertSqlSafe, Row as _, Transaction};

use crate::StoreError;
use crate::store::Engine;

/// The steps in order; a released one is never changed, only followed by another.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_ledger.sql"),
    include_str!("../migrations/0002_issuing.sql"),
    include_str!("../migrations/0003_acquiring.sql"),
    include_str!("../migrations/0004_exchange.sql"),
    include_str!("../migrations/0005_clearing.sql"),
    include_str!("../migrations/0006_due.sql"),
    include_str!("../migrations/0007_card.sql"),
    include_str!("../migrations/0008_card_lists.sql"),
    include_str!("../migrations/0009_cash.sql"),
    include_str!("../migrations/0010_face.sql"),
    include_str!("../migrations/0011_chain.sql"),
    include_str!("../migrations/0012_account_type.sql"),
    include_str!("../migrations/0013_chain_anew.sql"),
    include_str!("../migrations/0014_revocation.sql"),
    include_str!("../migrations/0015_key_notes.sql"),
    include_str!("../migrations/0016_sealing.sql"),
    include_str!("../migrations/0017_callers.sql"),
    include_str!("../migrations/0018_caller_acts.sql"),
    include_str!("../migrations/0019_key_reports.sql"),
    include_str!("../migrations/0020_key_uses.sql"),
    include_str!("../migrations/0021_pages.sql"),
    include_str!("../migrations/0022_outgoing_state.sql"),
];

const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)";

/// Makes every step that was not made yet.
pub(crate) async fn run(engine: Engine, pool: &AnyPool) -> Result<(), StoreError> {
    sqlx::raw_sql(VERSION_TABLE).execute(pool).await?;
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_version")
        .fetch_one(pool)
        .await?;
    let found: i64 = row.try_get(0)?;
    let known = i64::try_from(STEPS.len()).expect("a few steps");
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (step, version) in STEPS.iter().zip(1..) {
        if version > found {
            let mut tx = pool.begin().await?;
            apply(engine, &mut tx, step, version).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn apply(
    engine: Engine,
    tx: &mut Transaction<'static, Any>,
    step: &str,
    version: i64,
) -> Result<(), StoreError> {
    // First, so that of two programs that start together one is refused.
    sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
        .bind(version)
        .execute(&mut **tx)
        .await?;
    for statement in statements(engine, step) {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// The statements of a step. The one word that the engines spell differently is their type of
/// bytes.
fn statements(engine: Engine, step: &str) -> Vec<String> {
    let bytes = match engine {
        Engine::Sqlite => " BLOB",
        Engine::Postgres => " BYTEA",
    };
    let code: String = step
        .lines()
        .filter(|line| !line.starts_with("--"))
        .flat_map(|line| [line, "\n"])
        .collect();
    code.split(';')
        .map(|statement| statement.trim().replace(" BLOB", bytes))
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use sqlx::any::AnyPoolOptions;

    use super::*;

    /// A store in memory, of the first so many steps.
    async fn made_by(steps: &[&str]) -> AnyPool {
        sqlx::any::install_default_drivers();
        // One connection, because another would be another store.
        let pool = AnyPoolOptions::new().max_connections(1);
        let pool = pool.connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(VERSION_TABLE).execute(&pool).await.unwrap();
        for (step, version) in steps.iter().zip(1..) {
            let mut tx = pool.begin().await.unwrap();
            apply(Engine::Sqlite, &mut tx, step, version).await.unwrap();
            tx.commit().await.unwrap();
        }
        pool
    }

    async fn texts(pool: &AnyPool, query: &'static str) -> Vec<String> {
        let rows = sqlx::query(query).fetch_all(pool).await.unwrap();
        rows.iter().map(|row| row.try_get(0).unwrap()).collect()
    }

    #[tokio::test]
    async fn an_earlier_store_keeps_its_rides_and_claims() {
        let pool = made_by(&STEPS[..20]).await;
        sqlx::raw_sql(
            "INSERT INTO ride (record, batch, number, acquirer, issuer, account, generated_at, \
             scanned_at, amount, direction, category, line, body) VALUES \
             ('code', 'u', 0, '', '', 'a', 1000, 1, 200, 0, '', '', x'01'), \
             ('card', 'u', 1, '', '', 'a', -2, 1, 200, 0, '', '', x'01'), \
             ('line', 'f', 0, '', '', 'a', -3, 1, 200, 0, '', '', NULL); \
             INSERT INTO claimed_code (account, generated_at, record) VALUES \
             ('b', -2, 'card'), ('a', 1000, 'code')",
        )
        .execute(&pool)
        .await
        .unwrap();
        run(Engine::Sqlite, &pool).await.unwrap();
        let of_account = "SELECT record FROM ride INDEXED BY ride_card \
                          WHERE account = 'a' AND body IS NOT NULL AND generated_at < 0";
        assert_eq!(texts(&pool, of_account).await, ["card"]);
        let all = "SELECT record FROM ride ORDER BY batch DESC, number";
        assert_eq!(texts(&pool, all).await, ["code", "card", "line"]);
        let claimed = "SELECT account || generated_at || record FROM claimed_code ORDER BY record";
        assert_eq!(texts(&pool, claimed).await, ["b-2card", "a1000code"]);
        for again in ["('b', -2, 'other')", "('b', 7, 'card')"] {
            let text = format!("INSERT INTO claimed_code VALUES {again}");
            let refused = sqlx::raw_sql(AssertSqlSafe(text)).execute(&pool).await;
            assert!(StoreError::from(refused.unwrap_err()).is_taken(), "{again}");
        }
    }

    #[tokio::test]
    async fn an_earlier_store_keeps_what_waits() {
        let pool = made_by(&STEPS[..21]).await;
        sqlx::raw_sql(
            "INSERT INTO outgoing_file (receiver, name, day, place, digest, content, confirmed_at) \
             VALUES ('a', 'second', 1, 2, x'', x'01', NULL), ('a', 'first', 1, 1, x'', x'01', NULL), \
             ('a', 'taken', 1, 0, x'', x'01', 7)",
        )
        .execute(&pool)
        .await
        .unwrap();
        run(Engine::Sqlite, &pool).await.unwrap();
        let waiting = "SELECT name FROM outgoing_state INDEXED BY outgoing_state_waiting \
                       WHERE receiver = 'a' AND confirmed_at IS NULL ORDER BY day, place";
        assert_eq!(texts(&pool, waiting).await, ["first", "second"]);
        let all = "SELECT name FROM outgoing_state ORDER BY place";
        assert_eq!(texts(&pool, all).await, ["first", "second"]);
    }
}
