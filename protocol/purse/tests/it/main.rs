//! What crosses the crate's modules.

mod commands;
mod dumps;
mod hostile;
mod perso;
mod targets;
