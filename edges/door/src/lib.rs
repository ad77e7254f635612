//! The scan terminal's loopback door: where a scan head hands in what it read.
//!
//! A terminal in a process of its own: the sans-io machine, its record file, and an HTTP door
//! on loopback for the scan head and for whoever triggers uploads. The terminal itself calls
//! its acquirer's node for lists, the card blacklist and uploads.
//!
//! Not here: decisions (`tongtu-terminal`), the record file (`tongtu-journal`).
//! Start with [`Door`] and [`serve`]; [`DoorClient`] is the other side. A terminal that recognises
//! faces is a [`FaceDoor`], which has no socket.

mod cards;
mod client;
mod clock;
mod download;
mod faces;
mod lists;
mod server;
mod wire;

pub use cards::CardBlacklistKeeper;
pub use client::{DoorClient, DoorClientError};
pub use download::{MemoryPart, PartKeeper};
pub use faces::{FaceDoor, GalleryKeeper, GalleryKeys};
pub use server::{Door, DoorError, ListsKeeper, serve};
pub use wire::{ClockAnswer, EntryBody, ScanAnswer, ScanBody, ToldBody, UploadAnswer};
