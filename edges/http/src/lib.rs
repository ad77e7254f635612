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
//! Start with [`server`] (routes), then [`client`] (its mirror) and [`pump`].
//!
//! Not here: decisions (services), TLS and authentication (a later step: [`server::bind`] refuses
//! other than loopback addresses unless told otherwise), and configuration.

mod clock;

pub mod client;
pub mod pump;
pub mod server;

pub use clock::Clock;
