//! Opening a store, and its transactions.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Row as _, Transaction};

use crate::{Sealing, StoreError, migration};

/// Which engine is behind a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A node's store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    writer: AnyPool,
    reader: AnyPool,
    sealing: Sealing,
}

/// One transaction: it reads one state, and what it writes happens whole or not at all.
///
/// Dropped without [`Tx::commit`], it never was.
#[derive(Debug)]
pub struct Tx {
    pub(crate) inner: Transaction<'static, Any>,
    pub(crate) engine: Engine,
    pub(crate) sealing: Sealing,
}

/// Connections that read; a node has few readers at a time.
const READERS_MAX: u32 = 4;
/// Connections that write, on an engine with more than one writer.
const WRITERS_MAX: u32 = 8;
/// How long a caller waits for a connection before it is told to come again.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(30);

/// Every table with a sealed column: where none has rows, a store was never used.
const SEALED_TABLES: &[&str] = &[
    "account",
    "recharge",
    "charged_ride",
    "rejected_upload",
    "blacklisted",
    "received_file",
    "outgoing_file",
    "alarm",
    "ride",
    "claimed_code",
    "card",
    "e_cash",
    "grey_ride",
    "card_listed",
    "card_list_version",
    "face_enrolment",
    "entry",
    "posting",
];

/// A commit must survive a power cut: WAL alone syncs at checkpoints, FULL at each commit.
const SQLITE_PRAGMAS: &[&str] = &[
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    // Deleted templates of faces must not stay readable in free pages.
    "PRAGMA secure_delete = ON",
    // 64 MiB a connection, once it needs them: with the two that are usual a day's transaction writes
    // its pages out again and again, and reads them back.
    "PRAGMA cache_size = -65536",
    // 32 MiB of log before it is copied into the file. What is committed is in the log, and synced.
    "PRAGMA wal_autocheckpoint = 8192",
    // What a statement of many rows would undo by: in memory, not in a file of its own.
    "PRAGMA temp_store = MEMORY",
];

impl Store {
    /// Opens `sqlite:PATH` (made when missing) or `postgres://…`, and brings its tables up to
    /// date. A new store is sealed with this key from now on.
    ///
    /// # Errors
    /// [`StoreError`] when the address is not one, the database does not answer, its tables are
    /// of a later program, it was sealed with another key, or never.
    pub async fn open(url: &str, sealing: &Sealing) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let engine = match url.split_once(':') {
            Some(("sqlite", _)) => Engine::Sqlite,
            Some(("postgres" | "postgresql", _)) => Engine::Postgres,
            _ => {
                let found = url.chars().take(12).collect();
                return Err(StoreError::Address { found });
            }
        };
        let options: AnyConnectOptions = match engine {
            Engine::Sqlite if !url.contains('?') => format!("{url}?mode=rwc").parse()?,
            Engine::Sqlite | Engine::Postgres => url.parse()?,
        };
        let writers = match engine {
            // SQLite has one writer at a time; waiting here is fair, waiting there is not.
            Engine::Sqlite => 1,
            Engine::Postgres => WRITERS_MAX,
        };
        let writer = pool(engine, writers, &options).await?;
        migration::run(engine, &writer).await?;
        check_key(&writer, sealing).await?;
        let reader = pool(engine, READERS_MAX, &options).await?;
        Ok(Self {
            engine,
            writer,
            reader,
            sealing: sealing.clone(),
        })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn write(&self) -> Result<Tx, StoreError> {
        let inner = match self.engine {
            // Taking the write lock at once, so that no later statement finds it taken.
            Engine::Sqlite => self.writer.begin_with("BEGIN IMMEDIATE").await?,
            Engine::Postgres => self.writer.begin().await?,
        };
        Ok(self.tx(inner))
    }

    /// Begins a transaction that only reads: one state, however long it takes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn read(&self) -> Result<Tx, StoreError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        let inner = match self.engine {
            Engine::Sqlite => self.reader.begin().await?,
            Engine::Postgres => self.reader.begin_with(SNAPSHOT).await?,
        };
        Ok(self.tx(inner))
    }

    fn tx(&self, inner: Transaction<'static, Any>) -> Tx {
        Tx {
            inner,
            engine: self.engine,
            sealing: self.sealing.clone(),
        }
    }

    /// Makes what was overwritten or deleted in a committed transaction unreadable in the files
    /// too, as far as the engine can: SQLite's log is emptied (as soon as no reader holds it
    /// back), PostgreSQL frees the dead rows of templates for reuse.
    ///
    /// # Errors
    /// [`StoreError::Database`]; deleted it is all the same.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        let statement = match self.engine {
            Engine::Sqlite => "PRAGMA wal_checkpoint(TRUNCATE)",
            Engine::Postgres => "VACUUM face_template",
        };
        sqlx::raw_sql(statement).execute(&self.writer).await?;
        Ok(())
    }

    /// Closes all connections, once nobody uses them.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

impl Tx {
    /// Makes everything written durable.
    ///
    /// # Errors
    /// [`StoreError::Database`]; whether it happened is then unknown, and repeating is safe.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }
}

/// Whether the store was sealed with this key; a store without rows is, from now on.
async fn check_key(pool: &AnyPool, sealing: &Sealing) -> Result<(), StoreError> {
    let kept = "SELECT key_check FROM sealing";
    if sqlx::query(kept).fetch_optional(pool).await?.is_none() {
        for table in SEALED_TABLES {
            let text = format!("SELECT 1 FROM {table} LIMIT 1");
            let row = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_optional(pool);
            if row.await?.is_some() {
                return Err(StoreError::InTheClear { table });
            }
        }
        // Of two that open a new store at once the first one's key counts.
        sqlx::query(
            "INSERT INTO sealing (one, key_check) VALUES (1, $1) ON CONFLICT (one) DO NOTHING",
        )
        .bind(sealing.check().to_vec())
        .execute(pool)
        .await?;
    }
    let kept: Vec<u8> = sqlx::query(kept).fetch_one(pool).await?.try_get(0)?;
    if tongtu_crypto::equal(&kept, &sealing.check()) {
        Ok(())
    } else {
        Err(StoreError::WrongKey)
    }
}

async fn pool(
    engine: Engine,
    connections_max: u32,
    options: &AnyConnectOptions,
) -> Result<AnyPool, sqlx::Error> {
    let pool = AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_LIMIT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if engine == Engine::Sqlite {
                    for pragma in SQLITE_PRAGMAS {
                        sqlx::raw_sql(*pragma).execute(&mut *connection).await?;
                    }
                }
                Ok(())
            })
        });
    pool.connect_with(options.clone()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An acknowledged upload survives a power cut only with both of these.
    #[tokio::test]
    async fn sqlite_syncs_every_commit() {
        let folder = std::env::temp_dir().join(format!("tongtu-sql-sync-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite:{}", folder.join("node.db").display());
        let store = Store::open(&url, &Sealing::new(&[7; 32])).await.unwrap();
        for pool in [&store.writer, &store.reader] {
            let row = sqlx::query("PRAGMA synchronous").fetch_one(pool).await;
            assert_eq!(row.unwrap().try_get::<i64, _>(0).unwrap(), 2, "FULL");
            let row = sqlx::query("PRAGMA journal_mode").fetch_one(pool).await;
            assert_eq!(row.unwrap().try_get::<String, _>(0).unwrap(), "wal");
        }
        store.close().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
