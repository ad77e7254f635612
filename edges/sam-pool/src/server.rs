//! The pool's server.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tongtu_psam::PsamSerial;

use crate::admission::{Admission, AdmissionError, LeaseKey, PROOF_HEADER};
use crate::pool::{ModuleState, Pool, PoolError};
use crate::wire::{
    Asked, ChallengeView, LeaseAsked, LeaseView, ModuleView, OutcomeForm, Problem, array,
    identity_hex, lease_name, lease_of,
};

/// Longest body of a request, in bytes.
const BODY_MAX: usize = 4_096;

#[derive(Clone)]
struct Service {
    pool: Arc<Pool>,
    admission: Arc<Admission>,
    started: Instant,
}

impl Service {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// All routes of a pool, for the clients that are admitted. Its clock starts now.
pub fn router(pool: Arc<Pool>, admission: Admission) -> Router {
    let service = Service {
        pool,
        admission: Arc::new(admission),
        started: Instant::now(),
    };
    Router::new()
        .route("/challenges", post(challenge))
        .route("/modules", get(modules))
        .route("/leases", post(lease))
        .route("/leases/{lease}", delete(release))
        .route("/leases/{lease}/requests", post(ask))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(service)
}

/// Serves a pool until `shutdown` is done.
///
/// # Errors
/// What the listener reports.
pub async fn serve(
    listener: TcpListener,
    pool: Arc<Pool>,
    admission: Admission,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(pool, admission))
        .with_graceful_shutdown(shutdown)
        .await
}

fn proof(headers: &HeaderMap) -> Option<&str> {
    headers.get(PROOF_HEADER)?.to_str().ok()
}

async fn challenge(State(service): State<Service>) -> Json<ChallengeView> {
    Json(ChallengeView {
        challenge: service.admission.challenge(service.now_ms()),
    })
}

async fn modules(
    State(service): State<Service>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Vec<ModuleView>>, Refused> {
    let now_ms = service.now_ms();
    let admission = &service.admission;
    admission.admit(proof(&headers), "GET", uri.path(), b"", now_ms)?;
    let modules = service.pool.modules(now_ms).into_iter();
    let views = modules.map(|module| ModuleView {
        serial: module.identity.serial.to_string(),
        terminal: module.identity.terminal.to_string(),
        state: String::from(match module.state {
            ModuleState::Free => "free",
            ModuleState::Leased => "leased",
            ModuleState::Resting => "resting",
        }),
    });
    Ok(Json(views.collect()))
}

async fn lease(
    State(service): State<Service>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let now_ms = service.now_ms();
    let admission = &service.admission;
    let admitted = admission.admit(proof(&headers), "POST", uri.path(), &body, now_ms)?;
    let asked: LeaseAsked = read(&body)?;
    let prefer = asked.prefer.and_then(|hex| array(&hex)).map(PsamSerial);
    let (lease, identity) = service.pool.lease(prefer, now_ms)?;
    let key = admitted.key();
    admission.leased(lease, admitted, &service.pool, now_ms);
    let view = LeaseView {
        lease: lease_name(lease),
        module: identity_hex(&identity),
        expires_ms: service.pool.lease_ms(),
    };
    Ok(proved(&key, 0, &view))
}

async fn release(
    State(service): State<Service>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Refused> {
    let lease = lease_of(&name);
    let admission = &service.admission;
    admission.check(lease, proof(&headers), "DELETE", uri.path(), b"")?;
    let lease = lease.ok_or(PoolError::LeaseLost)?;
    service.pool.release(lease, service.now_ms())?;
    Ok(StatusCode::NO_CONTENT)
}

async fn ask(
    State(service): State<Service>,
    Path(name): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let lease = lease_of(&name);
    let admission = &service.admission;
    let checked = admission.check(lease, proof(&headers), method.as_str(), uri.path(), &body);
    let (key, count) = checked?;
    let lease = lease.ok_or(PoolError::LeaseLost)?;
    let asked: Asked = read(&body)?;
    let request = asked.request.read().ok_or(Refused::Malformed)?;
    let now_ms = service.now_ms();
    let pool = Arc::clone(&service.pool);
    // A module takes its time, and a client that leaves does not stop it half-way.
    let asked =
        tokio::task::spawn_blocking(move || pool.ask(lease, asked.number, &request, now_ms));
    let outcome = asked.await.map_err(|_| {
        // A module that panics is left alone like one that is out of service.
        service.pool.rest(lease, now_ms);
        Refused::Broken
    })??;
    Ok(proved(&key, count, &OutcomeForm::of(&outcome)))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|_| Refused::Malformed)
}

/// An answer with its proof.
fn proved(key: &LeaseKey, count: u64, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("plain values have a JSON form");
    let proof = key.answer_proof(count, &body);
    let headers = [
        (CONTENT_TYPE.as_str(), "application/json"),
        (PROOF_HEADER, &proof),
    ];
    (headers, body).into_response()
}

/// Why a request got no answer of a module.
enum Refused {
    Admission(AdmissionError),
    Pool(PoolError),
    Malformed,
    Broken,
}

impl From<AdmissionError> for Refused {
    fn from(error: AdmissionError) -> Self {
        Self::Admission(error)
    }
}

impl From<PoolError> for Refused {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Admission(error) => {
                let (status, code) = match error {
                    AdmissionError::LeaseLost => (StatusCode::GONE, "lease.lost"),
                    AdmissionError::Missing => (StatusCode::UNAUTHORIZED, "proof.missing"),
                    AdmissionError::Challenge => (StatusCode::UNAUTHORIZED, "proof.challenge"),
                    AdmissionError::Refused => (StatusCode::UNAUTHORIZED, "proof.refused"),
                    AdmissionError::Replayed => (StatusCode::UNAUTHORIZED, "proof.replayed"),
                };
                (status, code, error.to_string())
            }
            Self::Pool(error) => {
                let (status, code) = match error {
                    PoolError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "pool.busy"),
                    PoolError::LeaseLost => (StatusCode::GONE, "lease.lost"),
                    PoolError::RequestNumber => (StatusCode::CONFLICT, "request.number"),
                };
                (status, code, error.to_string())
            }
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "request.malformed",
                String::from("the body is not what is asked here"),
            ),
            Self::Broken => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "pool.broken",
                String::from("the module failed in a way that nobody foresaw"),
            ),
        };
        let code = String::from(code);
        (status, Json(Problem { code, message })).into_response()
    }
}
