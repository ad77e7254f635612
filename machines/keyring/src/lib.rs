//! The life-cycle of keys, one city one key (一城一密), and the authority for ride-code certificates.
//!
//! ```text
//! requested ─▶ approved ─▶ generated ─▶ distributed ─▶ active ─▶ renewal due ─▶ overlap ─▶ retired
//!     └─▶ rejected ◀─┘                                   │ ▲
//!                                  suspended ◀───────────┘ └─ resumed
//!              any of them ─▶ revoked           unused twelve months ─▶ withdrawn
//! ```
//!
//! What is here: the book of what happened to each key ([`KeyBook`], [`Event`]), who may take
//! which step and where it takes two persons ([`duty`]), permits, without which a service does not
//! use a key ([`Permit`]), what is due ([`Due`]), the authority that certifies issuers of ride
//! codes ([`ca`]), and the register of those who take steps ([`register`]).
//! What is not here: keys. A key is in its device, and the book knows its check value; whoever
//! signs is behind a trait. No storage, no clock, and no answer to the question who a person is.
//!
//! Invariants: a step that may not follow is refused and changes nothing; replaying the events
//! gives the same book; in a slot of city, purpose and algorithm at most one version makes
//! anything at a moment; an overlap leaves no moment without one.
//!
//! Start with [`KeyBook::decide`], then [`KeyBook::permit`]. docs/keys.md explains it in prose.
//! Source: service rules draft §8 to §11 and §32.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod admission;
mod book;
pub mod ca;
pub mod code;
mod due;
pub mod duty;
mod event;
mod extract;
mod life;
mod name;
mod permit;
pub mod policy;
pub mod record;
mod refusal;
pub mod register;

pub use book::{Application, ApplicationLine, Cities, Deed, KeyBook};
pub use due::{Due, Task};
pub use event::{Custody, Event, Overlap, Request, Use, What};
pub use extract::{Extract, ExtractError};
pub use life::{KeyLife, Superseded};
pub use name::{Check, DeviceName, KeyNumber, Officer, OfficerNumber, Slot};
pub use permit::{Permit, RefusedUse};
pub use record::{EventError, Signers};
pub use refusal::{Refusal, ReplayError};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[
    record::EventHead::SPEC,
    record::CityBody::SPEC,
    record::RequestBody::SPEC,
    record::CustodyBody::SPEC,
    record::ActivationBody::SPEC,
    record::NoticeBody::SPEC,
    record::CauseBody::SPEC,
    record::MisuseBody::SPEC,
    ca::DraftBody::SPEC,
    ca::SupersedesBody::SPEC,
    ca::RootEndBody::SPEC,
    ca::RootIndexBody::SPEC,
    ca::RootNoticeBody::SPEC,
    register::CredentialBody::SPEC,
    register::RotationBody::SPEC,
];

/// Every closed list of words in those tables, for the documents: its name in English and Chinese,
/// and its rows.
pub const WORDS: &[(&str, &str, &[tongtu_codec::CodeRow])] = &[
    ("Steps of a key", "密钥步骤", code::Step::ROWS),
    (
        "Steps of roots and certificates",
        "证书步骤",
        ca::Step::ROWS,
    ),
    (
        "Steps of the register",
        "人员登记步骤",
        register::Step::ROWS,
    ),
    ("Purposes", "用途", code::Purpose::ROWS),
    ("Algorithms", "算法", code::KeyAlgorithm::ROWS),
    ("Devices", "载体类型", code::CustodyKind::ROWS),
    ("Roles", "角色", code::Role::ROWS),
    ("Usages", "使用方式", code::Usage::ROWS),
    ("Causes", "原因", code::Cause::ROWS),
    ("Grounds", "拒绝原因", code::Ground::ROWS),
];
