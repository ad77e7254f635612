//! The nodes' store: one SQL text for SQLite and PostgreSQL.
