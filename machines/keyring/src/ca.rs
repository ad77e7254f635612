//! The authority for ride-code certificates (二维码证书管理系统): roots, issuers' applications,
//! certificates, revocations.
//!
//! ```text
//! drafted ─▶ submitted ─▶ approved by the province ─▶ issued ─▶ active ─▶ superseded ─▶ expired
//!                └─▶ refused ◀─┘                        └──────────┴──────────┴─▶ revoked
//! ```
//!
//! What is here: the book of roots and certificates ([`Authority`], [`Event`]), who may take which
//! step ([`DUTIES`]), and what terminals take: the root file, root and issuer certificates under
//! their names, the list of revoked certificates.
//! What is not here: keys. Whoever signs is a [`tongtu_crypto::Signer`], and what comes back is
//! verified before it is believed. No storage, no clock.
//!
//! Several roots are live at once, each under its index. A superseded certificate stays good until
//! its month ends, for the codes made under it carry it; its issuer signs nothing more with it.
//! Start with [`Authority::decide`] and [`Authority::issue`].
//! Source: QR annex field table for the certificates; service rules draft §9 for the way of an
//! application. UNSPECIFIED: application, states and book are ours.

mod admission;
mod authority;
mod code;
mod due;
mod event;
mod output;
mod refusal;

pub use authority::{Authority, Certificate, Deed, RootEntry};
pub use code::{CertificateStage, CertificateStages, DUTIES, Duty, Step, duties_markdown};
pub use due::{Due, Task};
pub use event::{
    DraftBody, Event, RootEndBody, RootIndexBody, RootNoticeBody, SupersedesBody, What,
};
pub use refusal::{Refusal, ReplayError};
