//! `/acquirer`: terminals, their records and lists.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tongtu_api as api;
use tongtu_blacklist::{ListedNumber, Span};
use tongtu_psam::PsamSerial;
use tongtu_services::{
    CoverageView, Lag, ListKind, TerminalRegistration, UploadKind, UploadOutcome,
};
use tongtu_types::{CardNumber, TerminalNumber, Timestamp};

use super::Service;
use super::chain::{chained, place_body};
use super::failure::Failure;
use super::issuer::public_key;
use super::ranged;
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
    let node = &service.node;
    let outcomes = match &body.chain {
        None => node.records_upload(terminal, &records, now).await?,
        Some(chain) => {
            let (records, seal) = chained(records, chain)?;
            let upload = node.records_upload_chained(terminal, &records, &seal, now);
            upload.await?
        }
    };
    Ok(Json(api::RecordsUploaded {
        outcomes: outcomes.into_iter().map(outcome_body).collect(),
    }))
}

pub(super) async fn lists_current(
    State(service): State<Service>,
    Now(now): Now,
    Asked(query): Asked<api::ListsQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let offered = service.node.lists_offer(query.after, now).await?;
    Ok(ranged::answer(offered, &headers))
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
    Now(now): Now,
    Asked(query): Asked<api::CardBlacklistQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    // A full file is tens of megabytes: so many are in memory at a time and no more.
    let permit = service.file_permits.acquire().await;
    let _permit = permit.expect("nobody closes the semaphore");
    let node = &service.node;
    let offered = node
        .card_blacklist_offer(query.after, query.to, now)
        .await?;
    Ok(ranged::answer(offered, &headers))
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

pub(super) async fn revocations_take(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::RevocationsPut>,
) -> Result<Json<api::RevocationsView>, Failure> {
    let version = service.node.revocations_take(&body.list.0, now).await?;
    Ok(Json(api::RevocationsView { version }))
}

pub(super) async fn psam_admit(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::PsamAdmit>,
) -> Result<StatusCode, Failure> {
    let psam = PsamSerial(array("psam", &body.psam)?);
    let terminal = parse("terminal", &body.terminal)?;
    service.node.psam_admit(psam, terminal, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn psam_withdraw(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::PsamWithdraw>,
) -> Result<StatusCode, Failure> {
    let psam = PsamSerial(array("psam", &body.psam)?);
    service.node.psam_withdraw(psam, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn coverage_view(
    State(service): State<Service>,
    Now(now): Now,
    Asked(query): Asked<api::CoverageQuery>,
) -> Result<Json<api::CoverageView>, Failure> {
    let in_force = service.node.lists_in_force().await?;
    let terminals = service.node.coverage_view(now).await?;
    let asked = |view: &CoverageView| !query.lagging || !view.lags.is_empty();
    let terminals = terminals.into_iter().filter(asked).map(coverage_body);
    Ok(Json(api::CoverageView {
        in_force: api::ListsInForce {
            version: in_force.version,
            cities: in_force.cities,
            cities_due_s: in_force.cities_due.map(Timestamp::get),
            card_blacklist: in_force.card_blacklist,
        },
        terminals: terminals.collect(),
    }))
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
        lags: view.lags.iter().map(lag_body).collect(),
    }
}

fn lag_body(lag: &Lag) -> api::TerminalLag {
    api::TerminalLag {
        list: match lag.list {
            ListKind::Bundle => api::ListKind::Bundle,
            ListKind::Cities => api::ListKind::Cities,
            ListKind::CardBlacklist => api::ListKind::CardBlacklist,
        },
        since_s: lag.since.get(),
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
        chain: outcome.chain.map(place_body),
    }
}
