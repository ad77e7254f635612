//! Opening a store, and its transactions.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Transaction};

use crate::{StoreError, migration};

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
}

/// One transaction: it reads one state, and what it writes happens whole or not at all.
///
/// Dropped without [`Tx::commit`], it never was.
#[derive(Debug)]
pub struct Tx {
    pub(crate) inner: Transaction<'static, Any>,
}

/// Connections that read; a node has few readers at a time.
const READERS_MAX: u32 = 4;
/// Connections that write, on an engine with more than one writer.
const WRITERS_MAX: u32 = 8;
/// How long a caller waits for a connection before it is told to come again.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(30);

/// A commit must survive a power cut: WAL alone syncs at checkpoints, FULL at each commit.
const SQLITE_PRAGMAS: &[&str] = &[
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    // Deleted templates of faces must not stay readable in free pages.
    "PRAGMA secure_delete = ON",
];

impl Store {
    /// Opens `sqlite:PATH` (made when missing) or `postgres://…`, and brings its tables up to
    /// date.
    ///
    /// # Errors
    /// [`StoreError`] when the address is not one, the database does not answer, or its tables
    /// are of a later program.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
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
        let reader = pool(engine, READERS_MAX, &options).await?;
        Ok(Self {
            engine,
            writer,
            reader,
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
        Ok(Tx { inner })
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
        Ok(Tx { inner })
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
    use sqlx::Row as _;

    use super::*;

    /// An acknowledged upload survives a power cut only with both of these.
    #[tokio::test]
    async fn sqlite_syncs_every_commit() {
        let folder = std::env::temp_dir().join(format!("tongtu-sql-sync-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let url = format!("sqlite:{}", folder.join("node.db").display());
        let store = Store::open(&url).await.unwrap();
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
