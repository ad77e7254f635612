//! Opening a store, and its transactions.

use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, Transaction};

/// Which engine is behind a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address is neither `sqlite:PATH` nor `postgres://…`.
    #[error("store address begins with {found:?}, expected sqlite:PATH or postgres://…")]
    Address {
        /// How it begins.
        found: String,
    },
    /// The database failed or refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// A node's store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) engine: Engine,
    writer: AnyPool,
    reader: AnyPool,
}

impl Store {
    /// Opens `sqlite:PATH` (made when missing) or `postgres://…`.
    ///
    /// # Errors
    /// [`StoreError`] when the address is not one or the database does not answer.
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
        let mut address = url.to_owned();
        if engine == Engine::Sqlite && !address.contains('?') {
            address.push_str("?mode=rwc");
        }
        let options: AnyConnectOptions = address.parse()?;
        let writers = match engine {
            // SQLite has one writer at a time; with one connection nobody is ever refused.
            Engine::Sqlite => 1,
            Engine::Postgres => 8,
        };
        let writer = pool(engine, writers, &options).await?;
        let reader = pool(engine, 4, &options).await?;
        Ok(Self {
            engine,
            writer,
            reader,
        })
    }
}

async fn pool(
    engine: Engine,
    connections_max: u32,
    options: &AnyConnectOptions,
) -> Result<AnyPool, sqlx::Error> {
    let pool = AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(30))
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

/// A commit must survive a power cut: WAL alone syncs only at checkpoints, FULL at each commit.
const SQLITE_PRAGMAS: &[&str] = &[
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
];

/// One transaction: reads see one state, writes all happen or none.
#[derive(Debug)]
pub struct Tx {
    pub(crate) inner: Transaction<'static, Any>,
}
