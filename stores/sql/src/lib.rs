//! The nodes' store: one SQL text for SQLite and PostgreSQL.

mod store;

pub use store::{Store, StoreError};
