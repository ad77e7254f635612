//! The ride code against published vectors, its own table of checks, and hostile bytes.
#![allow(missing_docs, clippy::unwrap_used)]

mod checks;
mod defects;
mod fixture;
mod hostile;
mod phone;
mod record;
mod revocation;
mod root_file;
mod targets;
mod together;
mod vectors;
