//! PSAMs in slots and somewhere else: modules behind readers, and a pool of them over HTTP.
//!
//! ```text
//! ApduPsam ── ReaderSlot ── CardChannel (PC/SC)                      a module in this machine
//! PoolPsam ── HTTP ── serve ── Pool ── n × Psam                      n modules in another one
//! ```
//!
//! A terminal needs the terminal number of its module before it asks anything, and a module
//! verifies MAC2 of its latest purchase only. So a pool lends one module to one client at a time
//! (a *lease*), and all that a client asks goes to it. A lease ends when it is given back, or when
//! nothing was asked for a while. A request has a number; asked again with the same number, it is
//! answered again and not carried out twice.
//!
//! Who may ask has a secret and proves that without saying it; a proof is good once ([`Admission`]).
//!
//! What is here: [`ReaderSlot`], [`Pool`] and [`serve`], [`PoolPsam`], and [`VirtualModule`], a soft
//! module for the virtual reader.
//! What is not here: what a module does (`tongtu-sam`); TLS. Nobody who only listens or repeats gets
//! anything from a module, but he hears what is said.
//! Start with [`Pool`].

mod admission;
mod client;
mod pool;
mod server;
mod slot;
mod virtual_module;
mod wire;

pub use admission::{Admission, AdmissionError, Clients, Credential, CredentialError};
pub use client::{PoolPsam, Renewed, Timing};
pub use pool::{Lease, Module, ModuleState, Pool, PoolError};
pub use server::{router, serve};
pub use slot::ReaderSlot;
pub use virtual_module::{Randomness, VirtualModule, VirtualModuleError};
