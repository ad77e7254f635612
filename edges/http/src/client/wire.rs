//! One request and its answer on the wire.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tongtu_api::{ApiError, TIME_HEADER};
use tongtu_link::{Link, no_tls};
use tongtu_types::{InstitutionCode, Timestamp};

use super::error::{ClientError, Malformed};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take, answer included.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long a request may take that moves a file or works through a day.
pub(super) const LONG_TIMEOUT: Duration = Duration::from_secs(960);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Whom a client reaches over TLS.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub(super) link: Arc<Link>,
    pub(super) expected: InstitutionCode,
}

/// A client of reqwest's for plain HTTP, for what is no node of ours.
///
/// Made elsewhere, it looks for a TLS of the process, which there is none of, and panics.
///
/// # Panics
/// Never in a process that may open sockets.
#[must_use]
pub fn bare() -> reqwest::Client {
    let client = reqwest::Client::builder().tls_backend_preconfigured(no_tls());
    client.build().expect("TLS was set up before")
}

/// A pool of connections.
pub(super) fn connections(reach: Option<&Reach>) -> reqwest::Client {
    let tls = match reach {
        Some(reach) => reach.link.client_config(reach.expected),
        None => no_tls(),
    };
    // Nodes name each other by address: an environment's proxy or a redirect would only lead
    // exchange files elsewhere.
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(reach.is_some())
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .build()
        .expect("TLS was set up before, and there is nothing else that could not be")
}

/// A request being made.
pub(super) struct Request {
    name: String,
    builder: RequestBuilder,
    heard: Heard,
    reach: Option<Reach>,
}

/// Where the time of an answer is noted.
type Heard = Arc<Mutex<Option<Timestamp>>>;

impl Request {
    pub(super) fn new(
        http: &reqwest::Client,
        method: Method,
        pattern: &'static str,
        url: &str,
        heard: Heard,
        reach: Option<Reach>,
    ) -> Self {
        Self {
            heard,
            reach,
            name: format!("{method} {pattern}"),
            builder: http.request(method, url),
        }
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(super) fn query(mut self, query: &impl Serialize) -> Self {
        self.builder = self.builder.query(query);
        self
    }

    pub(super) fn body(mut self, body: &impl Serialize) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    pub(super) fn raw_body(mut self, bytes: &[u8]) -> Self {
        self.builder = self
            .builder
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(bytes.to_vec());
        self
    }

    pub(super) fn timeout(mut self, timeout: Duration) -> Self {
        self.builder = self.builder.timeout(timeout);
        self
    }

    pub(super) fn malformed(&self) -> Malformed {
        Malformed {
            request: self.name.clone(),
        }
    }

    /// Sends; an answer that is a refusal becomes an error.
    pub(super) async fn send(self) -> Result<Answer, ClientError> {
        let malformed = self.malformed();
        // An open connection outlives the admission of who is at its other end.
        if let Some(reach) = &self.reach
            && let Err(refusal) = reach.link.admitted(reach.expected)
        {
            return Err(ClientError::Unreachable {
                request: self.name,
                source: Box::new(refusal),
            });
        }
        let response = match self.builder.send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => {
                return Err(ClientError::Malformed {
                    request: self.name,
                    what: match self.reach {
                        None => {
                            "no request can be made, expected a base address like \
                                 http://127.0.0.1:7100"
                        }
                        Some(_) => {
                            "no request can be made, expected a base address like \
                                    https://127.0.0.1:7100"
                        }
                    }
                    .into(),
                    source: Some(Box::new(error.without_url())),
                });
            }
            Err(error) => return Err(unreachable(self.name, error)),
        };
        let answer = Answer {
            response,
            malformed,
        };
        let time = answer
            .header(TIME_HEADER)
            .and_then(|time| time.parse().ok());
        if let Some(time) = time {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            *heard = Some(Timestamp::new(time));
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(answer.refusal().await)
    }

    /// Sends and reads a JSON answer.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        self.send().await?.json().await
    }

    /// Sends and expects an answer without a body.
    pub(super) async fn empty(self) -> Result<(), ClientError> {
        self.send().await.map(drop)
    }
}

/// The answer to a request that was served.
#[derive(Debug)]
pub(super) struct Answer {
    response: Response,
    malformed: Malformed,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Method and path pattern of the request.
    pub(super) fn request(&self) -> &str {
        &self.malformed.request
    }

    /// A header that is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Reads some more of the body; none at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        match self.response.chunk().await {
            Ok(chunk) => Ok(chunk.map(|chunk| chunk.to_vec())),
            Err(error) => Err(unreachable(self.malformed.request.clone(), error)),
        }
    }

    /// Reads the body to its end.
    pub(super) async fn bytes(mut self) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        loop {
            let chunk = match self.response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(bytes),
                Err(error) => return Err(unreachable(self.malformed.request, error)),
            };
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                let what = format!("an answer of more than {ANSWER_BYTES_MAX} bytes");
                return Err(self.malformed.what(what));
            }
            bytes.extend_from_slice(&chunk);
        }
    }

    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let malformed = Malformed {
            request: self.malformed.request.clone(),
        };
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| malformed.because("JSON", error))
    }

    async fn refusal(self) -> ClientError {
        let status = self.status().as_u16();
        let retryable = self.response.headers().contains_key(RETRY_AFTER);
        let malformed = Malformed {
            request: self.malformed.request.clone(),
        };
        let bytes = match self.bytes().await {
            Ok(bytes) => bytes,
            Err(error) => return error,
        };
        match serde_json::from_slice(&bytes) {
            Ok(ApiError { code, message }) => ClientError::Refused {
                request: malformed.request,
                status,
                code,
                message,
                retryable,
            },
            Err(_) => malformed.what(format!(
                "status {status} without {{code, message}}: is this a node?"
            )),
        }
    }
}

fn unreachable(request: String, error: reqwest::Error) -> ClientError {
    ClientError::Unreachable {
        request,
        // Its text would name the address, and the address an account.
        source: Box::new(error.without_url()),
    }
}
