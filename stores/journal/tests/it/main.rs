//! The journal: plain use, device faults, tears at every byte, damage, files, and a model.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod chain;
mod damage;
mod fault;
mod file;
mod fixture;
mod model;
mod plain;
mod room;
mod street;
mod switch;
mod tear;
mod twin;
