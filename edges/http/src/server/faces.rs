//! Rides by face: `/issuer/accounts/{account}/face`, and the galleries of terminals.
//!
//! Templates go straight from the body into memory that is zeroized; nothing here prints them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use tongtu_api as api;
use tongtu_crypto::Signature;
use tongtu_services::faces::{
    ConsentChannel, FaceCapture, FaceConsent, FaceDigits, FaceEnrolment, FacePlace, FacePlaceState,
    FaceState, FaceTerminalView, FaceView,
};
use tongtu_services::{FaceError, ServiceError};
use tongtu_terminal::face::{EngineId, FaceScope, Liveness, Spoof};
use tongtu_types::{CardNumber, LineCode, TerminalNumber, Timestamp};
use zeroize::Zeroizing;

use super::Service;
use super::failure::Failure;
use super::request::{Asked, Body, Now, RequestError, Segment, array, parse};

pub(super) async fn terms_view(
    State(service): State<Service>,
) -> Result<Json<api::FaceTermsView>, Failure> {
    let faces = service.node.config().faces.as_ref();
    let faces = faces.ok_or(ServiceError::Face(FaceError::NotServed))?;
    Ok(Json(api::FaceTermsView {
        version: faces.terms.version,
        digest: api::Hex(faces.terms.digest().to_vec()),
        zh: faces.terms.zh.clone(),
        en: faces.terms.en.clone(),
    }))
}

pub(super) async fn face_enrol(
    State(service): State<Service>,
    Now(now): Now,
    Segment(account): Segment<CardNumber>,
    Body(body): Body<api::FaceEnrol>,
) -> Result<Json<api::FaceView>, Failure> {
    let enrolment = enrolment(body)?;
    let view = service.node.face_enrol(account, enrolment, now).await?;
    Ok(Json(face_body(&view)))
}

pub(super) async fn face_view(
    State(service): State<Service>,
    Now(now): Now,
    Segment(account): Segment<CardNumber>,
) -> Result<Json<api::FaceView>, Failure> {
    let view = service.node.face_view(account, now).await?;
    Ok(Json(face_body(&view)))
}

pub(super) async fn face_withdraw(
    State(service): State<Service>,
    Now(now): Now,
    Segment(account): Segment<CardNumber>,
) -> Result<Json<api::FaceView>, Failure> {
    let view = service.node.face_withdraw(account, now).await?;
    Ok(Json(face_body(&view)))
}

pub(super) async fn terminal_put(
    State(service): State<Service>,
    Segment(terminal): Segment<TerminalNumber>,
    Body(body): Body<api::FaceTerminalPut>,
) -> Result<StatusCode, Failure> {
    let line: LineCode = parse("line", &body.line)?;
    let engine = engine("engine", &body.engine)?;
    let node = &service.node;
    node.face_terminal_put(terminal, body.operator, line, engine)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn gallery_update(
    State(service): State<Service>,
    Now(now): Now,
    Segment(terminal): Segment<TerminalNumber>,
    Asked(query): Asked<api::ListsQuery>,
) -> Result<Response, Failure> {
    // An update may hold thousands of templates: so many are in memory at a time and no more.
    let permit = service.file_permits.acquire().await;
    let _permit = permit.expect("nobody closes the semaphore");
    let node = &service.node;
    let update = node.face_gallery_update(terminal, query.after, now).await?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], update).into_response())
}

pub(super) async fn gallery_confirm(
    State(service): State<Service>,
    Segment(terminal): Segment<TerminalNumber>,
    Body(body): Body<api::GalleryConfirm>,
) -> Result<StatusCode, Failure> {
    let node = &service.node;
    node.face_gallery_confirm(terminal, &body.report.0).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn terminals_view(
    State(service): State<Service>,
) -> Result<Json<api::FaceTerminalsView>, Failure> {
    let terminals = service.node.face_terminals_view().await?;
    let terminals = terminals.into_iter().map(terminal_body).collect();
    Ok(Json(api::FaceTerminalsView { terminals }))
}

fn enrolment(body: api::FaceEnrol) -> Result<FaceEnrolment, RequestError> {
    // First of all out of plain memory.
    let digits = Zeroizing::new(body.digits.0.into_bytes());
    let captures: Vec<(api::FaceCapture, Zeroizing<Vec<u8>>)> = body
        .captures
        .into_iter()
        .map(|mut capture| {
            let template = Zeroizing::new(std::mem::take(&mut capture.template.0));
            (capture, template)
        })
        .collect();
    let captures = captures.into_iter().map(|(capture, template)| {
        Ok(FaceCapture {
            engine: engine("captures: engine", &capture.engine)?,
            template,
            liveness: liveness(capture.liveness),
            quality: capture.quality,
        })
    });
    let captures = captures.collect::<Result<_, RequestError>>()?;
    let scopes = body.consent.scopes.iter().map(scope);
    let scopes: BTreeSet<FaceScope> = scopes.collect::<Result<_, _>>()?;
    let channel = match body.consent.proof {
        api::FaceConsentProof::Signed { signature } => {
            ConsentChannel::Signed(Signature(array("signature", &signature)?))
        }
        api::FaceConsentProof::Recorded { evidence } => ConsentChannel::Recorded(evidence),
    };
    Ok(FaceEnrolment {
        request: body.request_id,
        consent: FaceConsent {
            terms: body.consent.terms,
            at: Timestamp::new(body.consent.at_s),
            until: Timestamp::new(body.consent.until_s),
            scopes,
            channel,
        },
        digits: FaceDigits(digits),
        captures,
    })
}

fn scope(scope: &api::FaceScope) -> Result<FaceScope, RequestError> {
    let line = scope.line.as_ref().map(|line| parse("line", line));
    Ok(FaceScope {
        acquirer: parse("acquirer", &scope.acquirer)?,
        operator: scope.operator,
        line: line.transpose()?,
    })
}

fn engine(place: &'static str, text: &str) -> Result<EngineId, RequestError> {
    let bytes: Option<[u8; 8]> = text.as_bytes().try_into().ok();
    let bytes = bytes.filter(|bytes| bytes.iter().all(u8::is_ascii_graphic));
    bytes.map(EngineId).ok_or_else(|| {
        RequestError::Body(format!(
            "{place}: {} bytes, expected 8 printable characters",
            text.len()
        ))
    })
}

const fn liveness(liveness: api::FaceLiveness) -> Liveness {
    match liveness {
        api::FaceLiveness::Live => Liveness::Live,
        api::FaceLiveness::Photo => Liveness::Spoof(Spoof::Photo),
        api::FaceLiveness::Screen => Liveness::Spoof(Spoof::Screen),
        api::FaceLiveness::Mask => Liveness::Spoof(Spoof::Mask),
        api::FaceLiveness::Other => Liveness::Spoof(Spoof::Other),
        api::FaceLiveness::Undecided => Liveness::Undecided,
    }
}

fn face_body(view: &FaceView) -> api::FaceView {
    let scope = |scope: &FaceScope| api::FaceScope {
        acquirer: scope.acquirer.to_string(),
        operator: scope.operator,
        line: scope.line.map(|line| line.to_string()),
    };
    let template = |(engine, quality): &(EngineId, u8)| api::FaceTemplate {
        engine: engine.to_string(),
        quality: *quality,
    };
    api::FaceView {
        account: view.account.reveal().into(),
        handle: api::Hex(view.handle.0.to_vec()),
        state: match view.state {
            FaceState::Enrolled => api::FaceState::Enrolled,
            FaceState::Withdrawn => api::FaceState::Withdrawn,
            FaceState::Expired => api::FaceState::Expired,
        },
        terms: view.terms,
        signed: view.signed,
        consented_at_s: view.consented_at.get(),
        enrolled_at_s: view.enrolled_at.get(),
        until_s: view.until.get(),
        ended_at_s: view.ended_at.map(Timestamp::get),
        scopes: view.scopes.iter().map(scope).collect(),
        templates: view.templates.iter().map(template).collect(),
        places: view.places.iter().map(place_body).collect(),
    }
}

fn place_body(place: &FacePlace) -> api::FacePlace {
    api::FacePlace {
        terminal: place.terminal.to_string(),
        state: match place.state {
            FacePlaceState::Given => api::FacePlaceState::Given,
            FacePlaceState::Held => api::FacePlaceState::Held,
            FacePlaceState::Forgetting => api::FacePlaceState::Forgetting,
            FacePlaceState::Forgotten => api::FacePlaceState::Forgotten,
            FacePlaceState::Lapsed => api::FacePlaceState::Lapsed,
        },
        ordered_at_s: place.ordered_at.map(Timestamp::get),
        gone_by_s: place.gone_by.get(),
    }
}

fn terminal_body(view: FaceTerminalView) -> api::FaceTerminalView {
    api::FaceTerminalView {
        terminal: view.terminal.to_string(),
        operator: view.operator,
        line: view.line.to_string(),
        engine: view.engine.to_string(),
        held: view.held,
        riders: view.riders,
        confirmed_at_s: view.confirmed_at.map(Timestamp::get),
        good_until_s: view.good_until.map(Timestamp::get),
        forgetting: view.forgetting,
    }
}
