//! Signed files for terminals: a line may break at any byte, and the rest is asked for later.
//!
//! One range is answered, `bytes=FROM-`, since a terminal asks for the end of a file and for
//! nothing else; any other range is answered with the whole file, which HTTP allows.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tongtu_api::VERSION_HEADER;
use tongtu_codec::hex_encode;
use tongtu_crypto::sm3;
use tongtu_services::Offered;

/// Answers with the file offered, or with the part of it that is asked for.
pub(super) fn answer(offered: Offered, headers: &HeaderMap) -> Response {
    let Some(file) = offered.file else {
        let version = offered.newest.to_string();
        return (StatusCode::NO_CONTENT, [(VERSION_HEADER, version)]).into_response();
    };
    let tag = format!("\"{}\"", hex_encode(&sm3::digest(&file.bytes)));
    let len = file.bytes.len();
    let bytes = Bytes::from_owner(Shared(file.bytes));
    let (status, from) = match from_byte(headers, &tag) {
        None => (StatusCode::OK, 0),
        Some(from) if from < len => (StatusCode::PARTIAL_CONTENT, from),
        Some(_) => (StatusCode::RANGE_NOT_SATISFIABLE, len),
    };
    let mut response = Response::builder()
        .status(status)
        .header(VERSION_HEADER, file.version)
        .header(ETAG, tag)
        .header(ACCEPT_RANGES, "bytes")
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_LENGTH, len - from);
    response = match status {
        StatusCode::PARTIAL_CONTENT => {
            response.header(CONTENT_RANGE, format!("bytes {from}-{}/{len}", len - 1))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            response.header(CONTENT_RANGE, format!("bytes */{len}"))
        }
        _ => response,
    };
    response
        .body(Body::from(bytes.slice(from..)))
        .expect("numbers, hex digits and constants are header values")
}

/// From which byte on the file is asked for; none when all of it is, or when the beginning that
/// the client has is another file's.
fn from_byte(headers: &HeaderMap, tag: &str) -> Option<usize> {
    let range = headers.get(RANGE)?.to_str().ok()?;
    let is_other = headers.get(IF_RANGE).is_some_and(|held| held != tag);
    let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
    from.parse().ok().filter(|_| !is_other)
}

/// A file that several answers share while they are sent.
struct Shared(Arc<[u8]>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
