//! A fresh store of either engine for each test.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _};
use tongtu_sql::{Sealing, Store};

/// Where the superuser's PostgreSQL is, for tests to make schemas in.
const POSTGRES_VARIABLE: &str = "TONGTU_TEST_POSTGRES";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Makes the two tests of one behaviour.
macro_rules! on_both_engines {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() { super::$name(&$crate::engine::Home::sqlite()).await; })+
        }

        mod postgres {
            $(#[tokio::test] async fn $name() {
                if let Some(home) = $crate::engine::Home::postgres().await {
                    super::$name(&home).await;
                }
            })+
        }
    };
}
pub(crate) use on_both_engines;

/// A place for one store, empty at first; it can be opened again and again.
pub(crate) struct Home {
    pub(crate) url: String,
    folder: Option<PathBuf>,
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tongtu-sql-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            url: format!("sqlite:{}", folder.join("node.db").display()),
            folder: Some(folder),
        }
    }

    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var(POSTGRES_VARIABLE) else {
            // Written past the capture of passing tests, so that it is seen.
            let line = format!("NOT RUN: no PostgreSQL ({POSTGRES_VARIABLE})\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            let strict = std::env::var_os("TONGTU_STRICT").is_some_and(|value| value == "1");
            assert!(!strict, "TONGTU_STRICT=1 demands {POSTGRES_VARIABLE}");
            return None;
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let schema = format!("tongtu_sql_{}_{number}", std::process::id());
        let mut connection = sqlx::PgConnection::connect(&server).await.unwrap();
        for statement in [
            format!("DROP SCHEMA IF EXISTS {schema} CASCADE"),
            format!("CREATE SCHEMA {schema}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await
                .unwrap();
        }
        connection.close().await.unwrap();
        let mark = if server.contains('?') { '&' } else { '?' };
        Some(Self {
            url: format!("{server}{mark}options[search_path]={schema}"),
            folder: None,
        })
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, &sealing()).await.unwrap()
    }
}

/// The key of the tests' stores.
pub(crate) fn sealing() -> Sealing {
    Sealing::new(&[7; 32])
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // A leftover in the folder for temporary files is no reason to fail a test.
            drop(std::fs::remove_dir_all(folder));
        }
    }
}
