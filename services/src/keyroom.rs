//! The key room (密钥室): where officers take the steps of keys and certificates.
//!
//! ```text
//! officers ── Approval: an act, signed ──▶ KeyRoom::carry_out
//!             who signed (register) ─▶ may they (books) ─▶ act (custody) ─▶ one step of the store
//!                                                                          events, lines, anchors
//! ```
//!
//! What is here: acts and approvals ([`Act`], [`Approval`]), the room that carries them out
//! ([`KeyRoom`]), the e-cash authority's book ([`CashBook`]), a custody in which nothing happens unseen
//! ([`Audited`]). What is not here: who may do what with keys and ride-code certificates
//! (`tongtu-keyring`), files (`tongtu-keyroom`), keys (`tongtu-hsm`), prompts and passphrases (the
//! program).
//!
//! Invariants: an event that officers take is in a book only with their signatures over the act,
//! which are checked again whenever the room is opened; an approval is good once; a key is made or
//! used only after an intent is safe and leaves a line; a room that was cut off is as before or as
//! after a step.
//!
//! Start with [`KeyRoom::carry_out`]. docs/keys.md explains it in prose. UNSPECIFIED: approvals and
//! room are ours.

mod act;
mod approval;
mod audited;
mod books;
mod carry;
mod cash;
mod certifying;
mod covers;
mod error;
mod extract;
mod filing;
mod holding;
mod making;
mod room;
mod signing;
mod vault;
mod words;

pub use act::{Act, ActError, Book, Source};
pub use approval::{APPROVAL_MAX_S, Approval, ApprovalError};
pub use audited::{Audited, Entries, OnBehalf};
pub use books::parse_anchor_key;
pub use carry::{Done, Hands};
pub use cash::{CashBook, CashEntry, CashRefusal};
pub use error::{ApprovalRefusal, RoomError, StepFault};
pub use filing::{Filed, notes_digest};
pub use holding::{
    Custodian, Holding, HoldingAct, HoldingApproval, HoldingError, HoldingFault, HoldingRefusal,
    Orders,
};
pub use room::{CUSTODY_FILE, KeyRoom, key_label, root_label};
