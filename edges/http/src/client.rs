//! The client: one method per endpoint, in one module per area.
//!
//! Takes domain values, so that no request is malformed, and checks every answer. It never
//! repeats a request by itself; every request is one that may be repeated
//! ([`ClientError::retryable`]).

mod acquirer;
mod callers;
mod days;
mod error;
mod exchange;
mod faces;
mod issuer;
mod papers;
mod transfer;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;
use tongtu_api::{self as api, path};
use tongtu_envelope::Life;
use tongtu_link::Link;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::credential::Credential;

pub use error::ClientError;
pub use exchange::WaitingFile;
pub use papers::PaperThere;
pub use transfer::{Begun, Offer, Transfer};
pub use wire::bare;
use wire::{Line, Reach, Request};

/// A client of one node; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    /// Whom it reaches over TLS; none over plain HTTP.
    reach: Option<Reach>,
    now: Option<Timestamp>,
    /// What time the node's last answer to this client said it was.
    heard: Arc<Mutex<Option<Timestamp>>>,
    /// In whose name it asks, and which institution's node.
    who: Option<(Credential, InstitutionCode)>,
    /// The node's present life, as far as it was heard.
    life: Arc<Mutex<Option<Life>>>,
}

impl Client {
    /// A client of the node at `base_url` over plain HTTP, e.g. `http://127.0.0.1:7100`; connects
    /// on first use. In nobody's name: a node answers it whether it is there, and nothing else.
    ///
    /// # Panics
    /// Never in a process that may open sockets.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self::reaching(base_url, None)
    }

    /// A client over TLS of a node of `expected`, and of nobody else, e.g. at
    /// `https://127.0.0.1:7100`; connects on first use.
    ///
    /// It shows the certificate that `link` has in force, at every new connection.
    ///
    /// # Panics
    /// Never in a process that may open sockets.
    #[must_use]
    pub fn linked(base_url: &str, link: &Arc<Link>, expected: InstitutionCode) -> Self {
        let link = Arc::clone(link);
        Self::reaching(base_url, Some(Reach { link, expected }))
    }

    fn reaching(base_url: &str, reach: Option<Reach>) -> Self {
        Self {
            http: wire::connections(reach.as_ref()),
            base_url: String::from(base_url.trim_end_matches('/')),
            reach,
            now: None,
            heard: Arc::default(),
            who: None,
            life: Arc::default(),
        }
    }

    /// The same client, asking the node of institution `node` in the name of this caller.
    #[must_use]
    pub fn acting_as(&self, credential: Credential, node: InstitutionCode) -> Self {
        Self {
            who: Some((credential, node)),
            ..self.clone()
        }
    }

    /// In whose name it asks.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        self.who.as_ref().map(|(credential, _)| credential)
    }

    /// The same client, telling servers with a simulated clock that it is `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self {
            now: Some(now),
            heard: Arc::default(),
            ..self.clone()
        }
    }

    /// What time the node's last answer said it was, to this client and its clones since
    /// [`Client::at`].
    #[must_use]
    pub fn node_time(&self) -> Option<Timestamp> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the node is, as given to [`Client::new`], without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Asks whether the node is there, and which it is.
    ///
    /// # Errors
    /// [`ClientError`], as every method here.
    pub async fn health(&self) -> Result<api::HealthView, ClientError> {
        self.get(path::HEALTH, path::HEALTH.into()).json().await
    }

    fn get(&self, pattern: &'static str, at: String) -> Request {
        self.request(Method::GET, pattern, at)
    }

    fn post(&self, pattern: &'static str, at: String) -> Request {
        self.request(Method::POST, pattern, at)
    }

    fn request(&self, method: Method, pattern: &'static str, at: String) -> Request {
        let url = format!("{}{at}", self.base_url);
        let line = Line {
            http: self.http.clone(),
            reach: self.reach.clone(),
            health: format!("{}{}", self.base_url, path::HEALTH),
            heard: Arc::clone(&self.heard),
            who: self.who.clone(),
            life: Arc::clone(&self.life),
            now: self.now,
        };
        let request = Request::new(line, method, pattern, &url);
        match self.now {
            Some(now) => request.header(api::NOW_HEADER, &now.get().to_string()),
            None => request,
        }
    }
}

fn hex(bytes: &[u8]) -> api::Hex {
    api::Hex::from(bytes)
}
