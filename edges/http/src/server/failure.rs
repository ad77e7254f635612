//! Answers that are not successes.

use std::error::Error;
use std::iter;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tongtu_api::ApiError;
use tongtu_services::{ServiceError, StatusKind};

use super::request::RequestError;

/// What a retryable failure says in its `Retry-After` header, in seconds.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// An answer that is not a success: status, stable code, public message, and whether the same
/// request may succeed later (told by a `Retry-After` header, whatever the status).
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) retryable: bool,
}

/// What [`super::guard`] logs of a failure; the message may hold values of the request.
#[derive(Clone, Copy)]
pub(crate) struct FailureCode(pub(crate) &'static str);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self {
            status,
            code,
            message,
            retryable,
        } = self;
        let body = ApiError {
            code: code.into(),
            message,
        };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(FailureCode(code));
        if retryable {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
        }
        response
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self {
            status: error.status(),
            code: error.code(),
            message: error.to_string(),
            retryable: matches!(error, RequestError::Timeout),
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let status = match error.status_kind() {
            StatusKind::NotFound => StatusCode::NOT_FOUND,
            StatusKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            StatusKind::Conflict => StatusCode::CONFLICT,
            StatusKind::Invalid => StatusCode::BAD_REQUEST,
            StatusKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            StatusKind::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            let causes: Vec<String> = causes(&error).map(ToString::to_string).collect();
            tracing::error!(code = error.code(), ?causes, "{error}");
        }
        Self {
            status,
            code: error.code(),
            message: error.to_string(),
            retryable: error.retryable(),
        }
    }
}

/// What is behind an error, outermost first; for the log, never for an answer.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |cause| (*cause).source())
}
