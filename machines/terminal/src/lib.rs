//! The scan terminal: lists, checks, record store and upload, sans-io.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod lists;

pub use lists::{ListBundle, ListError};
