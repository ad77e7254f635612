//! The e-purse (电子钱包): bytes in, values out, for the card and for whoever speaks to it.
//!
//! What is here: files and records as tables ([`layout`]), FCI and directory ([`fci`]), one
//! type per command ([`command`]), session keys and codes ([`proof`]), secure messaging
//! ([`secure`]), profiles of cards as data ([`profile`]) and their personalisation
//! ([`perso`]), and dialogues for people ([`explain`]).
//! What is not here: any state; what a card does is `tongtu-card`, what a terminal decides is
//! its own. JT/T 978.2 could not be read: layouts are as publicly implemented.
//! Start with [`command::Request`] and [`layout`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod city;
pub mod command;
pub mod explain;
pub mod fci;
pub mod field;
pub mod keys;
pub mod layout;
pub mod perso;
pub mod profile;
pub mod proof;
pub mod secure;
