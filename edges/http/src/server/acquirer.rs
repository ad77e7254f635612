//! `/acquirer`: terminals, their records and lists.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tongtu_api as api;
use tongtu_services::{TerminalRegistration, UploadKind, UploadOutcome};
use tongtu_types::{CardNumber, TerminalNumber};

use super::Service;
use super::failure::Failure;
use super::issuer::public_key;
use super::request::{Asked, Body, Now, RequestError, Segment, array, parse};

pub(super) async fn terminal_register(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::TerminalRegister>,
) -> Result<StatusCode, Failure> {
    let registration = TerminalRegistration {
        terminal: parse("terminal", &body.terminal)?,
        serial: array("serial", &body.serial)?,
        public_key: public_key("public_key", &body.public_key)?,
    };
    service.node.terminal_register(registration, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn records_upload(
    State(service): State<Service>,
    Now(now): Now,
    Segment(terminal): Segment<TerminalNumber>,
    Body(body): Body<api::RecordsUpload>,
) -> Result<Json<api::RecordsUploaded>, Failure> {
    let records: Vec<Vec<u8>> = body.records.into_iter().map(|record| record.0).collect();
    let outcomes = service.node.records_upload(terminal, &records, now).await?;
    Ok(Json(api::RecordsUploaded {
        outcomes: outcomes.into_iter().map(outcome_body).collect(),
    }))
}

pub(super) async fn lists_current(
    State(service): State<Service>,
    Now(now): Now,
    Asked(query): Asked<api::ListsQuery>,
) -> Result<Response, Failure> {
    let bundle = service.node.lists_current(query.after, now).await?;
    Ok(match bundle {
        Some(bundle) => {
            let bundle = api::Hex(bundle);
            Json(api::ListsView { bundle }).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

pub(super) async fn blacklist_add(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::BlacklistAdd>,
) -> Result<Json<api::BlacklistView>, Failure> {
    let accounts: Vec<CardNumber> = body
        .accounts
        .iter()
        .map(|account| parse("accounts", account))
        .collect::<Result<_, RequestError>>()?;
    let version = service.node.blacklist_add(&accounts, now).await?;
    Ok(Json(api::BlacklistView { version }))
}

fn outcome_body(outcome: UploadOutcome) -> api::UploadOutcome {
    api::UploadOutcome {
        record: outcome.record.map(|id| id.to_string()),
        kind: match outcome.kind {
            UploadKind::Stored => api::UploadKind::Stored,
            UploadKind::Duplicate => api::UploadKind::Duplicate,
            UploadKind::Conflict { reason } => api::UploadKind::Conflict { reason },
            UploadKind::Refused { reason } => api::UploadKind::Refused { reason },
        },
    }
}
