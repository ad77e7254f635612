//! What crosses the card's modules.
#![allow(clippy::unwrap_used)]

mod desk;
mod ecash;
mod firewall;
mod identity;
mod live;
mod manager;
mod model_ecash;
mod model_management;
mod model_purse;
mod model_registry;
mod model_shelf;
mod model_sweep;
mod ppse;
mod purse;
mod purse_files;
mod purse_money;
mod purse_perso;
mod ride_code;
mod sweep_midway;
mod sweep_states;
mod tear;
mod tear_ecash;
mod tear_guess;
mod tear_journal;
mod tear_perso;
mod tear_purse;
