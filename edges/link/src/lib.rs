//! Links between institutions: who is at the other end, by the institution register.
//!
//! ```text
//! files: link.pem, register ──▶ LinkFiles ──look──▶ Link ◀── every handshake asks it
//!                                                    │
//!                             server_config, client_config (rustls, TLS 1.3, ring)
//! ```
//!
//! A node shows a certificate that it made itself, and the nation's signed register says whose
//! certificate that is and for how long ([`tongtu_register::Register::judge`]). No authority for
//! certificates stands between: `docs/tls.md` argues why.
//!
//! Both ends ask the same [`Link`] at every handshake: which certificate to show, and whether the
//! other's may link. So a new register or certificate is in force for the next connection, without
//! a restart, and open connections go on. Sessions are never resumed, because a resumed session
//! asks for no certificate.
//!
//! Start with [`Link`], then [`LinkFiles`].
//! Not here: sockets and HTTP (`tongtu-http`), what an institution may ask (its callers' rights),
//! and the clock: it is an argument.

mod config;
mod error;
mod files;
mod identity;
mod link;
mod verify;

pub use config::{Peers, no_tls};
pub use error::{CertificateFault, LinkError};
pub use files::{LinkFiles, LinkWatch, Seen};
pub use identity::{Identity, LinkName, issue};
pub use link::{Link, LinkClock, Peer};
