//! The pool's server.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tongtu_psam::PsamSerial;

use crate::pool::{ModuleState, Pool, PoolError};
use crate::wire::{
    Asked, LeaseAsked, LeaseView, ModuleView, OutcomeForm, Problem, array, identity_hex,
    lease_name, lease_of,
};

/// Longest body of a request, in bytes.
const BODY_MAX: usize = 4_096;

#[derive(Clone)]
struct Service {
    pool: Arc<Pool>,
    started: Instant,
}

impl Service {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// All routes of a pool. Its clock starts now.
pub fn router(pool: Arc<Pool>) -> Router {
    let service = Service {
        pool,
        started: Instant::now(),
    };
    Router::new()
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
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(pool))
        .with_graceful_shutdown(shutdown)
        .await
}

async fn modules(State(service): State<Service>) -> Json<Vec<ModuleView>> {
    let modules = service.pool.modules(service.now_ms()).into_iter();
    let views = modules.map(|module| ModuleView {
        serial: module.identity.serial.to_string(),
        terminal: module.identity.terminal.to_string(),
        state: String::from(match module.state {
            ModuleState::Free => "free",
            ModuleState::Leased => "leased",
            ModuleState::Resting => "resting",
        }),
    });
    Json(views.collect())
}

async fn lease(State(service): State<Service>, Json(asked): Json<LeaseAsked>) -> Response {
    let prefer = asked.prefer.and_then(|hex| array(&hex)).map(PsamSerial);
    match service.pool.lease(prefer, service.now_ms()) {
        Ok((lease, identity)) => Json(LeaseView {
            lease: lease_name(lease),
            module: identity_hex(&identity),
            expires_ms: service.pool.lease_ms(),
        })
        .into_response(),
        Err(error) => problem(error),
    }
}

async fn release(State(service): State<Service>, Path(name): Path<String>) -> Response {
    let released = lease_of(&name)
        .ok_or(PoolError::LeaseLost)
        .and_then(|lease| service.pool.release(lease, service.now_ms()));
    match released {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => problem(error),
    }
}

async fn ask(
    State(service): State<Service>,
    Path(name): Path<String>,
    Json(asked): Json<Asked>,
) -> Response {
    let Some(lease) = lease_of(&name) else {
        return problem(PoolError::LeaseLost);
    };
    let Some(request) = asked.request.read() else {
        let body = Problem {
            code: String::from("request.malformed"),
            message: String::from("a field is not the hex that it should be"),
        };
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    };
    let now_ms = service.now_ms();
    // A module takes its time, and a client that leaves does not stop it half-way.
    let asked = tokio::task::spawn_blocking(move || {
        service.pool.ask(lease, asked.number, &request, now_ms)
    });
    match asked.await {
        Ok(Ok(outcome)) => Json(OutcomeForm::of(&outcome)).into_response(),
        Ok(Err(error)) => problem(error),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn problem(error: PoolError) -> Response {
    let (status, code, message) = match error {
        PoolError::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "pool.busy",
            "every module is in use or out of service",
        ),
        PoolError::LeaseLost => (
            StatusCode::GONE,
            "lease.lost",
            "there is no such lease, or not any more",
        ),
        PoolError::RequestNumber => (
            StatusCode::CONFLICT,
            "request.number",
            "the number was used for another request, or a later one was used already",
        ),
    };
    let body = Problem {
        code: String::from(code),
        message: String::from(message),
    };
    (status, Json(body)).into_response()
}
