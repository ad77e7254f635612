//! Signed envelopes: who asks whom for what, or whose file it is, under one SM2 signature.
//!
//! ```text
//! head | kind, sender, caller, receiver, key, made at, life, message id, digest | 94 bytes
//! signature over the head, r || s                                              | 64 bytes
//! digest of a request  SM3("TTENVRQ1" | method | target | SM3(body))
//! digest of a file     SM3("TTENVFL1" | name | SM3(content)); texts with their length in front
//! ```
//!
//! What is here: the bytes of an [`Envelope`], making and checking one, and the [`Window`] by which a
//! receiver takes each request once. A request's digest covers its body, and the head alone says
//! whether the signature holds: nobody has to read a stranger's body to refuse it.
//! What is not here: who is known and what he may do (`tongtu-callers`), the header that carries an
//! envelope (`tongtu-http`), clock and randomness.
//!
//! Start with [`Draft::seal`], then [`Envelope::verify`] and [`Window::admit`].
//!
//! UNSPECIFIED: no text that we could read gives a form for signed requests between platforms;
//! table, digests, window and life are ours.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod name;
mod subject;
mod table;
mod window;

pub use name::{CallerNumber, Seal};
pub use subject::{content_digest, file_digest, request_digest};
pub use table::{Draft, Envelope, EnvelopeError, Kind, Life, MessageId};
pub use window::{Limits, REACH_S, Window, WindowRefusal};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[Envelope::SPEC];
