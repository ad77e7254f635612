//! The way in: whoever asks proves who he is, and may ask for this, before any handler runs.
//!
//! What can be refused from the head of a request is refused from it: a stranger's body is never
//! read. A caller that is not known, one that is disabled and one whose signature does not hold are
//! answered alike, after the same work; what it was is in the node's log.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tongtu_api::{ENVELOPE_HEADER, LIFE_HEADER, NOW_HEADER, SENDER_HEADER, path};
use tongtu_callers::{
    Caller, CallerName, Gate, GateRefusal, LockRules, NotAllowed, Rates, Rule, Subject, rule,
};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::sm3::Digested;
use tongtu_crypto::{PublicKey, SecretKey};
use tongtu_envelope::{Envelope, Kind, Life, WindowRefusal, request_digest};
use tongtu_services::{Node, ProvedRequest};
use tongtu_types::Timestamp;

use super::Limits;
use super::failure::Failure;
use super::request::{RequestError, RequestTime};
use super::tls::Calling;
use crate::credential::Credential;

/// What a node's way in needs.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// Random, another one at each start: nothing that was signed for an earlier life is taken.
    pub life: Life,
    /// How often callers may ask.
    pub rates: Rates,
    /// When a source is not heard in a caller's name any more.
    pub locks: LockRules,
    /// The node's own link key, which signs the files that others read here.
    pub link: Option<Credential>,
}

impl Entrance {
    /// The usual way in, in this life.
    #[must_use]
    pub fn new(life: Life) -> Self {
        Self {
            life,
            rates: Rates::default(),
            locks: LockRules::default(),
            link: None,
        }
    }

    /// The same with the node's link key.
    #[must_use]
    pub fn with_link(self, link: Credential) -> Self {
        Self {
            link: Some(link),
            ..self
        }
    }
}

/// Why a request does not come in. The texts are for whoever asks, who may be a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum EntryError {
    /// No envelope, none that can be read, or none of a known caller that holds.
    #[error("no envelope that holds, expected one of a caller of this node for this very request")]
    Refused,
    /// Made for another life of this node.
    #[error("made for another life of this node, expected its present one, which the answer names")]
    Life,
    /// Made too long ago, or too far ahead.
    #[error("made too far from now, expected within 300 seconds")]
    Stale,
    /// Taken before.
    #[error("was taken before")]
    Replayed,
    /// Nothing more can be remembered.
    #[error("too many requests for the moment")]
    Full,
    /// Too many failed proofs from there in this name.
    #[error("too many proofs from there in this name that did not hold")]
    Locked { wait_ms: u64 },
    /// Above the caller's rate.
    #[error("more requests than this caller may make")]
    Rate { wait_ms: u64 },
    /// Not for this caller.
    #[error(transparent)]
    NotAllowed(NotAllowed),
}

impl From<GateRefusal> for EntryError {
    fn from(refusal: GateRefusal) -> Self {
        match refusal {
            GateRefusal::Window(WindowRefusal::Life) => Self::Life,
            GateRefusal::Window(WindowRefusal::Stale { .. }) => Self::Stale,
            GateRefusal::Window(WindowRefusal::Replayed) => Self::Replayed,
            GateRefusal::Window(WindowRefusal::Full) => Self::Full,
            GateRefusal::Locked { wait_ms } => Self::Locked { wait_ms },
            GateRefusal::Rate { wait_ms } => Self::Rate { wait_ms },
            _ => Self::Refused,
        }
    }
}

impl From<EntryError> for Failure {
    fn from(error: EntryError) -> Self {
        let wait_s = |wait_ms: u64| Some(u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX));
        let (status, code, retry_after_s) = match error {
            EntryError::Refused => (StatusCode::UNAUTHORIZED, "envelope.refused", None),
            EntryError::Life => (StatusCode::UNAUTHORIZED, "envelope.life", None),
            EntryError::Stale => (StatusCode::UNAUTHORIZED, "envelope.stale", None),
            EntryError::Replayed => (StatusCode::CONFLICT, "envelope.replayed", None),
            EntryError::Full => (StatusCode::SERVICE_UNAVAILABLE, "envelope.full", Some(1)),
            EntryError::Locked { wait_ms } => (
                StatusCode::TOO_MANY_REQUESTS,
                "caller.locked",
                wait_s(wait_ms),
            ),
            EntryError::Rate { wait_ms } => (
                StatusCode::TOO_MANY_REQUESTS,
                "caller.rate",
                wait_s(wait_ms),
            ),
            EntryError::NotAllowed(_) => (StatusCode::FORBIDDEN, "caller.not_allowed", None),
        };
        Self {
            status,
            code,
            message: error.to_string(),
            retry_after_s,
        }
    }
}

/// Puts the way in before all routes.
pub(super) fn guarded(
    routes: Router,
    node: Node,
    entrance: &Entrance,
    limits: Limits,
    file_permits: Arc<Semaphore>,
) -> Router {
    let own = node.config().code;
    let gate = Gate::new(own, entrance.life, entrance.rates, entrance.locks);
    let life = hex_encode(&entrance.life);
    let keeper = Arc::new(Keeper {
        node,
        gate: Mutex::new(gate),
        life: HeaderValue::from_str(&life).expect("hex digits are a header value"),
        nobody: nobody(),
        opened: Instant::now(),
        limits,
        file_permits,
    });
    routes.layer(from_fn(move |request, next| {
        let keeper = Arc::clone(&keeper);
        async move { keeper.enter(request, next).await }
    }))
}

struct Keeper {
    node: Node,
    gate: Mutex<Gate>,
    life: HeaderValue,
    /// Against which a stranger's signature is checked, so that it takes as long as a caller's.
    nobody: PublicKey,
    opened: Instant,
    limits: Limits,
    file_permits: Arc<Semaphore>,
}

fn nobody() -> PublicKey {
    let key = SecretKey::from_bytes(&[1; 32]).expect("a small number is a key");
    key.public().clone()
}

impl Keeper {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        // Every change of the gate is whole before the lock is given back.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn enter(&self, request: Request, next: Next) -> Response {
        let mut response = match self.admitted(request).await {
            Ok((request, permit)) => {
                let response = next.run(request).await;
                drop(permit);
                response
            }
            Err(failure) => failure.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(LIFE_HEADER, self.life.clone());
        response
    }

    /// The request with its body, if it may come in.
    async fn admitted(
        &self,
        request: Request,
    ) -> Result<(Request, Option<OwnedSemaphorePermit>), Failure> {
        let Some(pattern) = request.extensions().get::<MatchedPath>().cloned() else {
            // What no route answers is answered so.
            return Ok((request, None));
        };
        let pattern = pattern.as_str();
        let method = request.method().clone();
        let Some(rule) = rule(method.as_str(), pattern) else {
            return Err(RequestError::Method(method).into());
        };
        if rule.is_open() {
            return Ok((request, None));
        }
        let (mut parts, body) = request.into_parts();
        let now = parts
            .extensions
            .get::<RequestTime>()
            .and_then(|time| time.0);
        let now = now.ok_or(RequestError::Header {
            name: NOW_HEADER,
            fault: "missing, expected Unix seconds: this node's time is simulated".into(),
        })?;
        let (envelope, caller, key) = self.proved(&parts, now).await?;
        Calling::of(&parts).may_speak_for(caller.name.institution)?;
        let subject = subject_of_head(rule, &mut parts).await;
        let is_in_body = matches!(rule.subject, Subject::Body(_));
        if !is_in_body {
            self.allowed(rule, &caller, subject.as_deref())?;
        }
        // Before the body is read: so many files are in memory at a time and no more.
        let permit = if pattern == path::FILE && method == Method::PUT {
            let permit = Arc::clone(&self.file_permits).acquire_owned().await;
            Some(permit.expect("nobody closes the semaphore"))
        } else {
            None
        };
        let bytes = read(body, self.limit(&method, pattern)).await?;
        let target = target_of(&parts);
        let content = Digested::of(bytes.clone());
        let digest = request_digest(method.as_str(), target, content.digest());
        if envelope.covers(&digest).is_err() {
            tracing::warn!(caller = %caller.name, "an envelope around another request");
            return Err(EntryError::Refused.into());
        }
        if let Subject::Body(member) = rule.subject {
            let subject = subject_of_body(&bytes, member);
            self.allowed(rule, &caller, subject.as_deref())?;
        }
        self.gate()
            .admit(&envelope, now)
            .map_err(EntryError::from)?;
        parts.extensions.insert(Admitted {
            key,
            content,
            envelope,
        });
        Ok((Request::from_parts(parts, Body::from(bytes)), permit))
    }

    /// The envelope of a request and its caller, if the signature holds.
    async fn proved(
        &self,
        parts: &Parts,
        now: Timestamp,
    ) -> Result<(Envelope, Caller, PublicKey), Failure> {
        let source = source_of(parts);
        let envelope = envelope_of(&parts.headers).ok_or(EntryError::Refused)?;
        self.gate()
            .arrive(source, &envelope, now, self.now_ms())
            .map_err(EntryError::from)?;
        let name = CallerName {
            institution: envelope.sender,
            number: envelope.caller,
        };
        let caller = self.node.caller(name).await?;
        let key = caller.as_ref().map(|caller| caller.key(envelope.key, now));
        let public = match &key {
            Some(Ok(key)) => key.public.clone(),
            _ => self.nobody.clone(),
        };
        let held = envelope.verify(&public);
        let cause = match (&key, held) {
            (Some(Ok(_)), Ok(())) => None,
            (Some(Ok(_)), Err(error)) => Some(error.to_string()),
            (Some(Err(refusal)), _) => Some(refusal.to_string()),
            (None, _) => Some("nobody here has that name".into()),
        };
        let (None, Some(caller)) = (&cause, caller) else {
            let cause = cause.unwrap_or_default();
            tracing::warn!(%source, claimed = %name, cause, "a proof that does not hold");
            self.gate().failed(source, &envelope, self.now_ms());
            return Err(EntryError::Refused.into());
        };
        self.gate()
            .proved(source, &caller, self.now_ms())
            .map_err(EntryError::from)?;
        Ok((envelope, caller, public))
    }

    fn allowed(&self, rule: &Rule, caller: &Caller, subject: Option<&str>) -> Result<(), Failure> {
        let own = self.node.config().code;
        rule.allows(caller, own, subject).map_err(|refusal| {
            let (method, route) = (rule.method, rule.pattern);
            tracing::warn!(caller = %caller.name, method, route, %refusal, "not allowed");
            EntryError::NotAllowed(refusal).into()
        })
    }

    fn limit(&self, method: &Method, pattern: &str) -> usize {
        match pattern {
            path::TERMINAL_RECORDS => self.limits.records_bytes,
            path::CARD_BLACKLIST => self.limits.records_bytes,
            path::FILE if *method == Method::PUT => self.limits.file_bytes,
            _ => self.limits.body_bytes,
        }
    }

    /// Milliseconds since the gate opened: a clock that nobody sets.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whoever a request was admitted for, and what he signed.
#[derive(Clone)]
struct Admitted {
    key: PublicKey,
    content: Digested<Bytes>,
    envelope: Envelope,
}

impl Admitted {
    /// Only an open route has none, and no open route asks.
    fn of(parts: &Parts) -> Result<&Self, Failure> {
        let admitted = parts.extensions.get::<Self>();
        Ok(admitted.ok_or(EntryError::Refused)?)
    }
}

/// The body of the request that is served, which was digested at the way in.
pub(super) struct Came(pub(super) Digested<Bytes>);

impl<S: Send + Sync> FromRequestParts<S> for Came {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(Admitted::of(parts)?.content.clone()))
    }
}

/// The request that is served, as evidence of who asked for it.
pub(super) struct Proved(pub(super) ProvedRequest);

impl<S: Send + Sync> FromRequestParts<S> for Proved {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let admitted = Admitted::of(parts)?;
        Ok(Self(ProvedRequest {
            key: admitted.key.clone(),
            method: parts.method.to_string(),
            target: target_of(parts).to_owned(),
            content: admitted.content.bytes().to_vec(),
            envelope: admitted.envelope.clone(),
        }))
    }
}

/// What was asked for, as it came over the line.
fn target_of(parts: &Parts) -> &str {
    let target = parts.uri.path_and_query();
    target.map_or("/", |target| target.as_str())
}

fn source_of(parts: &Parts) -> IpAddr {
    let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    connected.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
}

fn envelope_of(headers: &HeaderMap) -> Option<Envelope> {
    let text = headers.get(ENVELOPE_HEADER)?.to_str().ok()?;
    let bytes = hex_decode(text).ok()?;
    Envelope::read(&bytes, Kind::Request).ok()
}

/// What a request is about, where its head says so.
async fn subject_of_head(rule: &Rule, parts: &mut Parts) -> Option<String> {
    match rule.subject {
        Subject::None | Subject::Body(_) => None,
        Subject::Segment => {
            let segments = RawPathParams::from_request_parts(parts, &()).await.ok()?;
            let mut values = segments.iter().map(|(_, value)| value.to_owned());
            values.next()
        }
        Subject::Query(member) => {
            let query = parts.uri.query()?;
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut found = pairs.by_ref().filter(|(name, _)| *name == member);
            let (_, value) = found.next()?;
            // The same member twice: the reader of the query refuses it, and so does this.
            found.next().is_none().then(|| value.to_owned())
        }
        Subject::Sender => {
            let value = parts.headers.get(SENDER_HEADER)?;
            value.to_str().ok().map(str::to_owned)
        }
    }
}

fn subject_of_body(bytes: &[u8], member: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(bytes).ok()?;
    body.get(member)?.as_str().map(str::to_owned)
}

/// Reads a body to its end, or to the limit.
async fn read(body: Body, limit: usize) -> Result<Bytes, RequestError> {
    use std::error::Error as _;
    to_bytes(body, limit).await.map_err(|error| {
        let is_limit = error
            .source()
            .is_some_and(|source| source.to_string().contains("length limit"));
        if is_limit {
            RequestError::TooLarge
        } else {
            RequestError::Body("did not come to its end".into())
        }
    })
}
