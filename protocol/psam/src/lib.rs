//! The PSAM (消费安全存取模块): the module that holds a terminal's keys and vouches for it to a card.
//!
//! What is here: what a terminal asks ([`PsamRequest`]) of whatever has the keys ([`Psam`]) and
//! what comes back; the commands in which a module is asked ([`command`]), its files and data
//! fields as tables ([`layout`]), and dialogues for people ([`explain`]).
//! What is not here: any state and any key; what a module does is `tongtu-sam`, how long a
//! terminal waits is its own.
//! Start with [`Psam`] and [`PsamRequest`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod algorithm;
mod ask;
pub mod command;
pub mod explain;
mod fault;
mod identity;
pub mod layout;

pub use algorithm::algorithm_of;
pub use ask::{
    CardFactor, CreditRequest, LockRequest, Psam, PsamAnswer, PsamRequest, PurchaseRequest,
    UpdateRequest,
};
pub use fault::PsamFault;
pub use identity::{PsamIdentity, PsamSerial};
