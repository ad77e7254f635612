//! `/acquirer`: terminals, their records and lists.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use tongtu_api as api;
use tongtu_blacklist::{ListedNumber, Span};
use tongtu_services::{CoverageView, TerminalRegistration, UploadKind, UploadOutcome};
use tongtu_types::{CardNumber, TerminalNumber, Timestamp};

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

pub(super) async fn card_blacklist_current(
    State(service): State<Service>,
    Asked(query): Asked<api::ListsQuery>,
) -> Result<Response, Failure> {
    // A full file is tens of megabytes: so many are in memory at a time and no more.
    let permit = service.file_permits.acquire().await;
    let _permit = permit.expect("nobody closes the semaphore");
    let file = service.node.card_blacklist_current(query.after).await?;
    Ok(match file {
        Some(file) => ([(CONTENT_TYPE, "application/octet-stream")], file).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

pub(super) async fn card_blacklist_change(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::CardBlacklistChange>,
) -> Result<Json<api::BlacklistView>, Failure> {
    let listed = spans("listed", &body.listed)?;
    let removed = spans("removed", &body.removed)?;
    let node = &service.node;
    let version = node.card_blacklist_change(&listed, &removed, now).await?;
    Ok(Json(api::BlacklistView { version }))
}

fn spans(place: &'static str, spans: &[api::CardSpan]) -> Result<Vec<Span>, RequestError> {
    let span = |span: &api::CardSpan| {
        let low: CardNumber = parse(place, &span.low)?;
        let high = span
            .high
            .as_ref()
            .map(|high| parse(place, high))
            .transpose()?;
        let (low, high) = (ListedNumber::of(&low), high.unwrap_or(low));
        Span::new(low, ListedNumber::of(&high))
            .ok_or_else(|| RequestError::Body(format!("{place}: last card below the first")))
    };
    spans.iter().map(span).collect()
}

pub(super) async fn coverage_report(
    State(service): State<Service>,
    Segment(terminal): Segment<TerminalNumber>,
    Body(body): Body<api::CoverageReport>,
) -> Result<StatusCode, Failure> {
    let node = &service.node;
    node.coverage_report(terminal, &body.report.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn coverage_view(
    State(service): State<Service>,
    Now(now): Now,
) -> Result<Json<api::CoverageView>, Failure> {
    let terminals = service.node.coverage_view(now).await?;
    let terminals = terminals.into_iter().map(coverage_body).collect();
    Ok(Json(api::CoverageView { terminals }))
}

fn coverage_body(view: CoverageView) -> api::TerminalCoverage {
    api::TerminalCoverage {
        terminal: view.terminal.to_string(),
        reported_at_s: view.reported_at.map(Timestamp::get),
        version: view.version,
        cities: view.cities,
        cities_since_s: view.cities_since.map(Timestamp::get),
        card_blacklist: view.card_blacklist,
        overdue: view.overdue,
    }
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
