//! What surrounds every request.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use tongtu_api::{TIME_HEADER, path};

use super::Limits;
use super::failure::{Failure, FailureCode};
use super::request::{RequestError, RequestTime};
use crate::Clock;

/// Puts the guard around all routes.
pub(super) fn surround(routes: Router, clock: Clock, limits: Limits) -> Router {
    routes.layer(from_fn(move |request, next| {
        guard(clock, limits, request, next)
    }))
}

/// Serves one request, whatever happens, and logs one line about it.
async fn guard(clock: Clock, limits: Limits, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // The pattern, not the path: paths hold account numbers.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);

    let response = match clock.time_of(request.headers()) {
        Ok(time) => {
            request.extensions_mut().insert(RequestTime(time));
            let limit = time_limit(&method, route, &limits);
            let mut response = served(limit, request, next).await;
            if let Some(time) = clock.time_after(time) {
                let headers = response.headers_mut();
                headers.insert(TIME_HEADER, HeaderValue::from(time.get()));
            }
            response
        }
        Err(error) => Failure::from(error).into_response(),
    };

    let status = response.status().as_u16();
    let code = response.extensions().get::<FailureCode>();
    let code = code.map_or("", |failure| failure.0);
    let elapsed_ms = begun.elapsed().as_millis();
    tracing::info!(%method, route, status, code, elapsed_ms, "request");
    response
}

/// Runs the handler in a task of its own: a panic ends that task only, and a client that goes
/// away does not stop a request halfway.
async fn served(limit: Duration, request: Request, next: Next) -> Response {
    let task = tokio::spawn(tokio::time::timeout(limit, next.run(request)));
    let error = match task.await {
        Ok(Ok(response)) => return response,
        Ok(Err(_)) => RequestError::Timeout,
        Err(_) => RequestError::Panic,
    };
    Failure::from(error).into_response()
}

fn time_limit(method: &Method, route: &str, limits: &Limits) -> Duration {
    match route {
        path::DAY_CLOSE | path::DAY_SETTLE | path::PUMP => limits.long_request_time,
        path::FILE if *method == Method::PUT => limits.long_request_time,
        _ => limits.request_time,
    }
}

#[cfg(test)]
mod tests;
