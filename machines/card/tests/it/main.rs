//! What crosses the card's modules.
#![allow(clippy::unwrap_used)]

mod desk;
mod identity;
mod ppse;
mod ride_code;
mod purse;
mod purse_files;
mod purse_money;
mod live;
mod model_purse;
mod tear;
mod tear_journal;
