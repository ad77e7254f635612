//! One request and its answer on the wire.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tongtu_api::{ApiError, ENVELOPE_HEADER, LIFE_HEADER, TIME_HEADER};
use tongtu_codec::hex_decode;
use tongtu_crypto::sm3::{self, Digested};
use tongtu_envelope::{Life, REACH_S, content_digest};
use tongtu_link::{Link, no_tls};
use tongtu_types::{InstitutionCode, Timestamp};

use super::error::{ClientError, Malformed};
use crate::clock::system_now;
use crate::credential::{Asked, Credential};

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
    /// SM3 of the body, where whoever gave it had it.
    content: Option<sm3::Digest>,
    line: Line,
}

/// What a client's requests have in common.
pub(super) struct Line {
    pub(super) http: reqwest::Client,
    /// Whom it reaches over TLS; none over plain HTTP.
    pub(super) reach: Option<Reach>,
    /// Where the node says whether it is there.
    pub(super) health: String,
    /// Where the time of an answer is noted.
    pub(super) heard: Arc<Mutex<Option<Timestamp>>>,
    pub(super) who: Option<(Credential, InstitutionCode)>,
    /// Where the node's life is noted.
    pub(super) life: Arc<Mutex<Option<Life>>>,
    /// What time it is, where somebody said so.
    pub(super) now: Option<Timestamp>,
}

impl Line {
    /// The node's present life, asked for where it was not heard yet.
    async fn present_life(&self, name: &str) -> Result<Life, ClientError> {
        if let Some(life) = *lock(&self.life) {
            return Ok(life);
        }
        let request = self.http.get(&self.health).build();
        let request = request.map_err(|error| self.not_made(name, error))?;
        let answer = self.execute(name, request).await?;
        let malformed = Malformed {
            request: name.to_owned(),
        };
        // To its end, so that the connection serves the request that follows.
        answer.bytes().await?;
        let heard = *lock(&self.life);
        heard.ok_or_else(|| malformed.what("no life in the answer: is this a node?".into()))
    }

    /// Sends a request and notes what the answer says of the node.
    async fn execute(&self, name: &str, request: reqwest::Request) -> Result<Answer, ClientError> {
        // An open connection outlives the admission of who is at its other end.
        if let Some(reach) = &self.reach
            && let Err(refusal) = reach.link.admitted(reach.expected)
        {
            return Err(ClientError::Unreachable {
                request: name.to_owned(),
                source: Box::new(refusal),
            });
        }
        let response = match self.http.execute(request).await {
            Ok(response) => response,
            Err(error) => {
                // Whoever comes up there again has another life.
                *lock(&self.life) = None;
                if error.is_builder() {
                    return Err(self.not_made(name, error));
                }
                return Err(unreachable(name.to_owned(), error));
            }
        };
        let answer = Answer {
            response,
            malformed: Malformed {
                request: name.to_owned(),
            },
        };
        if let Some(time) = answer
            .header(TIME_HEADER)
            .and_then(|time| time.parse().ok())
        {
            *lock(&self.heard) = Some(Timestamp::new(time));
        }
        let life = answer
            .header(LIFE_HEADER)
            .and_then(|text| hex_decode(text).ok());
        if let Some(life) = life.and_then(|bytes| bytes.try_into().ok()) {
            *lock(&self.life) = Some(life);
        }
        Ok(answer)
    }

    fn not_made(&self, name: &str, error: reqwest::Error) -> ClientError {
        let scheme = if self.reach.is_some() {
            "https"
        } else {
            "http"
        };
        ClientError::Malformed {
            request: name.to_owned(),
            what: format!(
                "no request can be made, expected a base address like {scheme}://127.0.0.1:7100"
            ),
            source: Some(Box::new(error.without_url())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn copy(request: &reqwest::Request) -> reqwest::Request {
    request
        .try_clone()
        .expect("bodies here are bytes in memory")
}

/// Puts the envelope on a request that is whole otherwise.
fn sign(
    mut request: reqwest::Request,
    content: &sm3::Digest,
    name: &str,
    (credential, node): (&Credential, InstitutionCode),
    (life, made_at): (Life, Timestamp),
) -> Result<reqwest::Request, ClientError> {
    let url = request.url();
    let target = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let asked = Asked {
        method: request.method().as_str(),
        target: &target,
        content,
    };
    let envelope = credential.request(node, life, asked, made_at);
    let envelope = envelope.map_err(|error| ClientError::Malformed {
        request: name.to_owned(),
        what: "the request could not be signed".into(),
        source: Some(Box::new(error)),
    })?;
    let envelope = HeaderValue::from_str(&envelope).expect("hex digits are a header value");
    request.headers_mut().insert(ENVELOPE_HEADER, envelope);
    Ok(request)
}

impl Request {
    pub(super) fn new(line: Line, method: Method, pattern: &'static str, url: &str) -> Self {
        Self {
            name: format!("{method} {pattern}"),
            builder: line.http.request(method, url),
            content: None,
            line,
        }
    }

    pub(super) fn text_body(mut self, body: &str) -> Self {
        self.builder = self
            .builder
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        self
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

    /// The body of a request that has no other.
    pub(super) fn raw_body(mut self, file: &Digested<impl AsRef<[u8]>>) -> Self {
        self.content = Some(*file.digest());
        self.builder = self
            .builder
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(file.bytes().to_vec());
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
        let answer = self.answer().await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(answer.refusal().await)
    }

    /// Sends in the client's name; any answer.
    ///
    /// What the node did not look at because it was made for another life of it, or at a wrong
    /// time, is signed once more with what it says it is.
    pub(super) async fn answer(self) -> Result<Answer, ClientError> {
        let Self {
            name,
            builder,
            content,
            line,
        } = self;
        let request = builder.build();
        let request = request.map_err(|error| line.not_made(&name, error))?;
        let Some((credential, node)) = &line.who else {
            return line.execute(&name, request).await;
        };
        let body = request.body().and_then(|body| body.as_bytes());
        let content = content.unwrap_or_else(|| content_digest(body.unwrap_or_default()));
        let made_at = line.now.unwrap_or_else(system_now);
        let life = line.present_life(&name).await?;
        let first = copy(&request);
        let first = sign(first, &content, &name, (credential, *node), (life, made_at))?;
        let answer = line.execute(&name, first).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let heard = *lock(&line.heard);
        let heard = heard.filter(|heard| heard.since_s(made_at).abs() > REACH_S);
        let lives = *lock(&line.life);
        if lives == Some(life) && heard.is_none() {
            return Ok(answer);
        }
        let again = (lives.unwrap_or(life), heard.unwrap_or(made_at));
        let second = sign(request, &content, &name, (credential, *node), again)?;
        line.execute(&name, second).await
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
