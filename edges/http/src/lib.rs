//! The nodes' HTTP edge: server, client, and the pump between a node and its parent.
//!
//! ```text
//! Client --HTTP--> server::router --calls--> Node (services)
//! pump: Node --outbox--> Client(parent)      Node <--waiting files-- Client(parent)
//! ```
//!
//! Handlers are thin: they read domain types out of a request, call one service, and write the
//! answer's body (`tongtu-api`). Whatever goes wrong is answered with `{code, message}`.
//!
//! Nobody is served unproved: [`Credential`] signs what goes out, `server::entry` checks what comes
//! in. Lines are TLS, or plain HTTP on one machine.
//!
//! Start with [`server`] (routes), then [`client`] (its mirror) and [`pump`].
//!
//! Not here: decisions (services), who may do what (`tongtu-callers`), whom TLS lets in
//! (`tongtu-link`), and configuration.

mod clock;
mod credential;

pub mod client;
pub mod courier;
pub mod pump;
pub mod server;

pub use clock::Clock;
pub use credential::{Asked, Credential};
