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
