//! The other side of the door.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tongtu_api::NOW_HEADER;
use tongtu_http::client::bare;
use tongtu_types::Timestamp;

use crate::wire::{ClockAnswer, ScanAnswer, ScanBody, ToldBody, UploadAnswer};

/// Why the door did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorClientError {
    /// Nobody answered, or not to the end: the scan may or may not have been taken.
    #[error("no whole answer from the terminal")]
    Unreachable(#[source] reqwest::Error),
    /// The terminal said no, and why.
    #[error("terminal answered {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
}

/// Hands codes to a terminal in another process.
#[derive(Debug, Clone)]
pub struct DoorClient {
    http: reqwest::Client,
    base_url: String,
}

impl DoorClient {
    /// Talks to the terminal at this base URL.
    ///
    /// # Panics
    /// Never in a process that may open sockets.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        Self {
            http: bare(),
            base_url: base_url.trim_end_matches('/').to_owned(),
        }
    }

    /// Whether the terminal is up.
    pub async fn is_up(&self) -> bool {
        let answer = self
            .http
            .get(format!("{}/health", self.base_url))
            .send()
            .await;
        answer.is_ok_and(|a| a.status().is_success())
    }

    /// Hands in a code.
    ///
    /// # Errors
    /// [`DoorClientError`]; after `Unreachable` the same code may be handed in again.
    pub async fn scan(
        &self,
        body: &ScanBody,
        now: Timestamp,
    ) -> Result<ScanAnswer, DoorClientError> {
        self.post("scan", body, now).await
    }

    /// Says that the rider was told of the ride with this number.
    ///
    /// # Errors
    /// [`DoorClientError`]; the ride stands all the same.
    pub async fn told(&self, seq: u64, now: Timestamp) -> Result<(), DoorClientError> {
        self.post("told", &ToldBody { seq }, now).await
    }

    /// Makes the terminal fetch its lists.
    ///
    /// # Errors
    /// [`DoorClientError`].
    pub async fn refresh_lists(&self, now: Timestamp) -> Result<u64, DoorClientError> {
        self.post("lists", &(), now).await
    }

    /// Makes the terminal upload what waits.
    ///
    /// # Errors
    /// [`DoorClientError`].
    pub async fn upload(&self, now: Timestamp) -> Result<UploadAnswer, DoorClientError> {
        self.post("upload", &(), now).await
    }

    /// What the terminal believes of its clock.
    ///
    /// # Errors
    /// [`DoorClientError`]; refused when it believes no clock.
    pub async fn clock(&self, now: Timestamp) -> Result<ClockAnswer, DoorClientError> {
        let request = self.http.get(format!("{}/clock", self.base_url));
        Self::answer(request.header(NOW_HEADER, now.get())).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        what: &str,
        body: &impl Serialize,
        now: Timestamp,
    ) -> Result<T, DoorClientError> {
        let request = self
            .http
            .post(format!("{}/{what}", self.base_url))
            .header(NOW_HEADER, now.get())
            .json(body);
        Self::answer(request).await
    }

    async fn answer<T: DeserializeOwned>(
        request: reqwest::RequestBuilder,
    ) -> Result<T, DoorClientError> {
        let answer = request.send().await.map_err(DoorClientError::Unreachable)?;
        let status = answer.status();
        if !status.is_success() {
            let message = answer.text().await.map_err(DoorClientError::Unreachable)?;
            return Err(DoorClientError::Refused {
                status: status.as_u16(),
                message,
            });
        }
        answer.json().await.map_err(DoorClientError::Unreachable)
    }
}
