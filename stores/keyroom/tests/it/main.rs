//! A room's files under power cuts, damage and two processes.
#![allow(clippy::unwrap_used)]

mod cut;
mod damage;
mod fixture;
mod folder;
mod props;
