//! `/exchange`: files between institutions.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use tongtu_api::{self as api, FILE_ENVELOPE_HEADER, SENDER_HEADER};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_envelope::{Envelope, EnvelopeError, Kind};
use tongtu_exchange_file::FileName;
use tongtu_services::{FileInfo, FileReceipt};
use tongtu_types::InstitutionCode;

use super::Service;
use super::entry::Came;
use super::failure::Failure;
use super::request::{Asked, Body, Now, RequestError, Segment, array, parse};
use super::tls::Calling;

pub(super) async fn file_receive(
    State(service): State<Service>,
    Now(now): Now,
    Segment(name): Segment<FileName>,
    calling: Calling,
    headers: HeaderMap,
    Came(file): Came,
) -> Result<Json<api::FileReceipt>, Failure> {
    let sender = sender(&headers)?;
    calling.in_the_name_of(sender)?;
    let envelope = envelope(&headers)?;
    let node = &service.node;
    node.file_envelope_receive(sender, &name, file.digest(), &envelope, now)
        .await?;
    let receipt = match node.file_receive(sender, &name, &file, now).await? {
        FileReceipt::Stored => api::ReceiptKind::Stored,
        FileReceipt::Already => api::ReceiptKind::Already,
    };
    Ok(Json(api::FileReceipt { receipt }))
}

pub(super) async fn files_waiting(
    State(service): State<Service>,
    calling: Calling,
    Asked(query): Asked<api::ReceiverQuery>,
) -> Result<Json<api::FilesView>, Failure> {
    let receiver = receiver(&query)?;
    calling.may_read_for(receiver, &service.node)?;
    let files = service.node.files_waiting(receiver).await?;
    Ok(Json(api::FilesView {
        files: files.iter().map(file_body).collect(),
    }))
}

pub(super) async fn file_read(
    State(service): State<Service>,
    Now(now): Now,
    Segment(name): Segment<FileName>,
    calling: Calling,
    Asked(query): Asked<api::ReceiverQuery>,
) -> Result<impl IntoResponse, Failure> {
    let receiver = receiver(&query)?;
    calling.may_read_for(receiver, &service.node)?;
    let file = service.node.file_read(receiver, &name).await?;
    let mut headers = HeaderMap::new();
    let binary = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, binary);
    if let Some(link) = &service.link {
        let content = file.digest();
        let envelope = crate::pump::enveloped(&service.node, link, receiver, &name, content, now);
        let envelope = envelope.await?.encode().map_err(EnvelopeError::from)?;
        let text = HeaderValue::from_str(&hex_encode(&envelope));
        let text = text.expect("hex digits are a header value");
        headers.insert(FILE_ENVELOPE_HEADER, text);
    }
    Ok((headers, file.into_bytes()))
}

/// The envelope around the file that is delivered.
fn envelope(headers: &HeaderMap) -> Result<Envelope, RequestError> {
    let fault = |fault: String| RequestError::Header {
        name: FILE_ENVELOPE_HEADER,
        fault,
    };
    let missing = || fault("missing or no hex, expected the envelope of the file".into());
    let value = headers.get(FILE_ENVELOPE_HEADER).ok_or_else(missing)?;
    let text = value.to_str().map_err(|_| missing())?;
    let bytes = hex_decode(text).map_err(|_| missing())?;
    Envelope::read(&bytes, Kind::File).map_err(|error| fault(error.to_string()))
}

pub(super) async fn file_confirm(
    State(service): State<Service>,
    Now(now): Now,
    Segment(name): Segment<FileName>,
    calling: Calling,
    Body(body): Body<api::FileConfirm>,
) -> Result<StatusCode, Failure> {
    let receiver = parse("receiver", &body.receiver)?;
    calling.in_the_name_of(receiver)?;
    let digest = array("digest", &body.digest)?;
    let node = &service.node;
    node.file_confirm(receiver, &name, digest, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn sender(headers: &HeaderMap) -> Result<InstitutionCode, RequestError> {
    let fault = |fault: String| RequestError::Header {
        name: SENDER_HEADER,
        fault,
    };
    let value = headers
        .get(SENDER_HEADER)
        .ok_or_else(|| fault("missing, expected an institution code of 8 digits".into()))?;
    let text = value
        .to_str()
        .map_err(|_| fault("not ASCII, expected an institution code of 8 digits".into()))?;
    text.parse()
        .map_err(|error: tongtu_types::ValueError| fault(error.to_string()))
}

fn receiver(query: &api::ReceiverQuery) -> Result<InstitutionCode, RequestError> {
    query
        .receiver
        .parse()
        .map_err(|error| RequestError::Query(format!("receiver: {error}")))
}

fn file_body(info: &FileInfo) -> api::FileInfo {
    api::FileInfo {
        name: info.name.to_string(),
        digest: info.digest.as_slice().into(),
        length: info.length,
    }
}
