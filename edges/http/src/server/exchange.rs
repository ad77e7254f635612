//! `/exchange`: files between institutions.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use tongtu_api::{self as api, SENDER_HEADER};
use tongtu_exchange_file::FileName;
use tongtu_services::{FileInfo, FileReceipt};
use tongtu_types::InstitutionCode;

use super::Service;
use super::failure::Failure;
use super::request::{Asked, Body, Now, RequestError, Segment, array, parse};
use super::tls::Calling;

pub(super) async fn file_receive(
    State(service): State<Service>,
    Now(now): Now,
    Segment(name): Segment<FileName>,
    calling: Calling,
    request: Request,
) -> Result<Json<api::FileReceipt>, Failure> {
    let sender = sender(request.headers())?;
    calling.in_the_name_of(sender)?;
    // Before the body is read: so many files are in memory at a time and no more.
    let permit = service.file_permits.acquire().await;
    let _permit = permit.expect("nobody closes the semaphore");
    let bytes = Bytes::from_request(request, &service)
        .await
        .map_err(RequestError::from)?;
    let node = &service.node;
    let receipt = match node.file_receive(sender, &name, &bytes, now).await? {
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
    Segment(name): Segment<FileName>,
    calling: Calling,
    Asked(query): Asked<api::ReceiverQuery>,
) -> Result<impl IntoResponse, Failure> {
    let receiver = receiver(&query)?;
    calling.may_read_for(receiver, &service.node)?;
    let bytes = service.node.file_read(receiver, &name).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes))
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
