//! Answers that are not successes.

use std::error::Error;
use std::iter;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tongtu_api::ApiError;
use tongtu_services::{ServiceError, StatusKind};

use super::request::RequestError;

/// An answer that is not a success: status, stable code, public message.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
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
        } = self;
        let body = ApiError {
            code: code.into(),
            message,
        };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(FailureCode(code));
        response
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self {
            status: error.status(),
            code: error.code(),
            message: error.to_string(),
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
        }
    }
}

/// What is behind an error, outermost first; for the log, never for an answer.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |cause| (*cause).source())
}
