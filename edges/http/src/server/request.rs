//! Reading requests: what is asked, by whom, when; and every way in which that can fail.

use std::fmt::Display;
use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use serde::de::DeserializeOwned;
use tongtu_api::NOW_HEADER;
use tongtu_types::Timestamp;

use super::failure::Failure;

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No route has this path.
    #[error("path: there is nothing here, expected a path of this node's interface")]
    NoSuchRoute,
    /// The path is right, the method is not.
    #[error("method: this path does not answer {0}")]
    Method(Method),
    /// A segment of the path is not what stands there.
    #[error("path: {0}")]
    Path(String),
    /// The query is not what stands there.
    #[error("query: {0}")]
    Query(String),
    /// A header is missing or does not hold.
    #[error("header {name}: {fault}")]
    Header {
        /// The header's name.
        name: &'static str,
        /// What is wrong, and what was expected.
        fault: String,
    },
    /// A JSON body came under another content type.
    #[error("header content-type: not JSON, expected application/json")]
    MediaType,
    /// The body does not hold.
    #[error("body: {0}")]
    Body(String),
    /// The body is longer than this route takes.
    #[error("body: too long for this path")]
    TooLarge,
    /// The request took too long.
    #[error("not done in time; the same request may be sent again")]
    Timeout,
    /// A fault of ours.
    #[error("a fault of this node; it is in its log")]
    Panic,
}

impl RequestError {
    /// Stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchRoute => "http.no_such_route",
            Self::Method(_) => "http.method_not_allowed",
            Self::Path(_) => "http.bad_path",
            Self::Query(_) => "http.bad_query",
            Self::Header { .. } => "http.bad_header",
            Self::MediaType => "http.media_type",
            Self::Body(_) => "http.bad_body",
            Self::TooLarge => "http.body_too_large",
            Self::Timeout => "http.timeout",
            Self::Panic => "http.panic",
        }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchRoute => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Path(_) | Self::Query(_) | Self::Header { .. } | Self::Body(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panic => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<JsonRejection> for RequestError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self::MediaType,
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            other => Self::Body(masked(&other.body_text())),
        }
    }
}

impl From<BytesRejection> for RequestError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else {
            Self::Body(masked(&rejection.body_text()))
        }
    }
}

impl From<QueryRejection> for RequestError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Query(masked(&rejection.body_text()))
    }
}

/// What a parser says about a text, without what the text says: names of ours stay, whatever is
/// long enough to be a number of a card does not. Texts of errors go into logs.
fn masked(said: &str) -> String {
    const DIGITS_MAX: usize = 7;
    const LETTERS_MAX: usize = 32;
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=');
    let mut out = String::with_capacity(said.len());
    let mut rest = said;
    while let Some(first) = rest.chars().next() {
        let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(len.max(first.len_utf8()));
        let digits = word.chars().filter(|c| c.is_numeric()).count();
        if digits > DIGITS_MAX || word.chars().count() > LETTERS_MAX {
            out.push_str("****");
        } else {
            out.push_str(word);
        }
        rest = tail;
    }
    out
}

/// Reads text that a body or query carries as a domain value.
pub(super) fn parse<T>(place: &'static str, text: &str) -> Result<T, RequestError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse()
        .map_err(|error| RequestError::Body(format!("{place}: {error}")))
}

/// Takes bytes that a body carries as a fixed number of bytes.
pub(super) fn array<const N: usize>(
    place: &'static str,
    bytes: &tongtu_api::Hex,
) -> Result<[u8; N], RequestError> {
    bytes.0.as_slice().try_into().map_err(|_| {
        let found = bytes.0.len();
        RequestError::Body(format!("{place}: {found} bytes, expected {N}"))
    })
}

/// The one variable segment of the path, as a domain value.
pub(super) struct Segment<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Segment<T>
where
    T: FromStr + Send,
    T::Err: Display,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| RequestError::Path(rejection.body_text()))?;
        let value = text
            .parse()
            .map_err(|error: T::Err| RequestError::Path(error.to_string()))?;
        Ok(Self(value))
    }
}

/// The query.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let query = Query::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(RequestError::from)?;
        Ok(Self(query))
    }
}

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Json(body) = Json::from_request(request, state)
            .await
            .map_err(RequestError::from)?;
        Ok(Self(body))
    }
}

/// What time it is, by the server's clock.
pub(super) struct Now(pub(super) Timestamp);

/// What [`super::guard`] found out about the time of a request.
#[derive(Clone, Copy)]
pub(super) struct RequestTime(pub(super) Option<Timestamp>);

impl<S: Send + Sync> FromRequestParts<S> for Now {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let time = parts
            .extensions
            .get::<RequestTime>()
            .and_then(|time| time.0);
        let now = time.ok_or(RequestError::Header {
            name: NOW_HEADER,
            fault: "missing, expected Unix seconds: this node's time is simulated".into(),
        })?;
        Ok(Self(now))
    }
}

/// Answers what no route answers.
pub(super) async fn no_such_route(_: Uri) -> Failure {
    RequestError::NoSuchRoute.into()
}

/// Answers a known path under another method.
pub(super) async fn method_not_allowed(method: Method) -> Failure {
    RequestError::Method(method).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_quotes_of_a_text_is_masked() {
        for (said, shown) in [
            (
                "account: invalid type: integer `3104100000000000017`, expected a string at \
                 line 1 column 31",
                "account: invalid type: integer `****`, expected a string at line 1 column 31",
            ),
            (
                "unknown field `3104100000000000017`, expected `account` or `user_key`",
                "unknown field `****`, expected `account` or `user_key`",
            ),
            (
                "invalid value: string \"31041000 00000000017x\", expected hex",
                "invalid value: string \"**** ****\", expected hex",
            ),
            (
                "string \"qrvM3e7/ABEiM0RVZneImaq7zN3u/w==qrvM\"",
                "string \"****\"",
            ),
            ("城市 1234567", "城市 1234567"),
            ("", ""),
        ] {
            assert_eq!(masked(said), shown);
        }
    }
}
