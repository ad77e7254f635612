//! The book from outside: tables of postings, and a naive model beside it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps names its own fault"
)]

mod props;
mod table;
