//! Answers that are not successes.

use std::error::Error;
use std::iter;

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tongtu_api::ApiError;
use tongtu_envelope::EnvelopeError;
use tongtu_services::{ServiceError, StatusKind};

use super::request::RequestError;
use crate::pump::EnvelopedError;

/// After how many seconds a retryable failure may be retried, where nothing else is known.
pub(crate) const RETRY_AFTER_S: u32 = 1;

/// An answer that is not a success: status, stable code, public message, and whether the same
/// request may succeed later (told by a `Retry-After` header, whatever the status).
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) retry_after_s: Option<u32>,
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
            retry_after_s,
        } = self;
        let body = ApiError {
            code: code.into(),
            message,
        };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(FailureCode(code));
        if let Some(seconds) = retry_after_s {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
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
            retry_after_s: matches!(error, RequestError::Timeout).then_some(RETRY_AFTER_S),
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
            retry_after_s: error.retryable().then_some(RETRY_AFTER_S),
        }
    }
}

impl From<EnvelopeError> for Failure {
    fn from(error: EnvelopeError) -> Self {
        // Whatever it was, our own key gave no signature.
        tracing::error!("{error}");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "envelope.not_made",
            message: "this node's envelope could not be made".into(),
            retry_after_s: Some(RETRY_AFTER_S),
        }
    }
}

impl From<EnvelopedError> for Failure {
    fn from(error: EnvelopedError) -> Self {
        match error {
            EnvelopedError::Envelope(error) => error.into(),
            EnvelopedError::Node(error) => error.into(),
        }
    }
}

/// What is behind an error, outermost first; for the log, never for an answer.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |cause| (*cause).source())
}
