//! A small country in one process: riders, terminals, nodes, faults, and the auditor.
//!
//! ```text
//! Seed ─► Country ─► plan ─► Days ── scans, taps ──► terminals ── uploads ──► nodes (HTTP)
//!                      │                                                          │
//!                      └─────────────────► audit ◄──── what cards and nodes show ─┘
//! ```
//!
//! Everything is drawn from one seed and happens in one order, so the same seed gives the
//! same files byte for byte. Nodes and terminals meet through HTTP only; the auditor shares no
//! code with what it audits.
//!
//! What is not here: command lines and progress bars (`tongtu demo`, `tongtu crash`).
//! Start with [`Country::found`], [`plan::plan`] and [`drive::Drive`].

pub mod audit;
pub mod books;
pub mod callers;
pub mod cards;
pub mod class;
pub mod codes;
pub mod country;
pub mod drive;
pub mod faces;
pub mod hardware;
pub mod hosting;
pub mod keys;
pub mod links;
pub mod log;
pub mod perso;
pub mod plan;
pub mod report;
pub mod seed;
pub mod terminals;
mod terms;

pub use country::Country;
pub use seed::Seed;

use std::path::{Path, PathBuf};

use tongtu_types::Timestamp;

/// Why the world stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// A loopback port cannot be had.
    #[error("no loopback port: {0}")]
    Port(std::io::Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key room does not give the country its keys.
    #[error("the country's keys: {0}")]
    Keys(#[from] tongtu_keycentre::CentreError),
    /// The nation does not sign the institution register.
    #[error("the institution register: {0}")]
    Register(tongtu_register::RegisterError),
    /// A card or a module does not get its keys.
    #[error("keys of a card or a module: {0}")]
    Personalising(Box<tongtu_services::personalising::PersonalisingError>),
    /// A node does not start.
    #[error("node {node}: {message}")]
    Node {
        /// Its name.
        node: &'static str,
        /// Why.
        message: String,
    },
    /// A node did not answer as it should.
    #[error("{what} at {at}: {source}")]
    Http {
        /// What was asked.
        what: String,
        /// Simulated time.
        at: Timestamp,
        /// What the client says.
        source: Box<tongtu_http::client::ClientError>,
    },
    /// A terminal did not do what it was asked.
    #[error("{what} at {at}: {message}")]
    Terminal {
        /// What was asked.
        what: String,
        /// Simulated time.
        at: Timestamp,
        /// Why.
        message: String,
    },
    /// Something came out otherwise than it must.
    #[error("{what}: found {found}, expected {expected}")]
    Unexpected {
        /// What was looked at.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// Link certificates cannot be made.
    #[error(transparent)]
    Links(tongtu_link::LinkError),
    /// A phone was asked for a code before it had a certificate.
    #[error("the phone has no user certificate yet")]
    NoCertificate,
    /// A code cannot be made.
    #[error(transparent)]
    Produce(#[from] tongtu_ride_code::produce::ProduceError),
    /// Settings cannot be written.
    #[error(transparent)]
    Config(#[from] tongtu_config::ConfigError),
}

impl WorldError {
    pub(crate) fn terminal(what: &str, at: Timestamp, error: impl std::fmt::Display) -> Self {
        Self::Terminal {
            what: what.to_owned(),
            at,
            message: error.to_string(),
        }
    }

    pub(crate) const fn port(source: std::io::Error) -> Self {
        Self::Port(source)
    }

    pub(crate) const fn links(error: tongtu_link::LinkError) -> Self {
        Self::Links(error)
    }

    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File {
            path: path.to_path_buf(),
            source,
        }
    }

    pub(crate) fn node(index: usize, error: impl std::fmt::Display) -> Self {
        Self::Node {
            node: country::NODES[index].en,
            message: error.to_string(),
        }
    }

    pub(crate) fn http(
        what: impl Into<String>,
        at: Timestamp,
    ) -> impl FnOnce(tongtu_http::client::ClientError) -> Self {
        let what = what.into();
        move |source| Self::Http {
            what,
            at,
            source: Box::new(source),
        }
    }
}
