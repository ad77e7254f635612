//! `/issuer`: accounts and their certificates.

use axum::Json;
use axum::extract::State;
use tongtu_api as api;
use tongtu_crypto::PublicKey;
use tongtu_services::{AccountView, CardView};
use tongtu_types::{CardNumber, Fen};

use super::Service;
use super::failure::Failure;
use super::request::{Body, Now, RequestError, Segment, array, parse};

pub(super) async fn account_open(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::AccountOpen>,
) -> Result<Json<api::AccountView>, Failure> {
    let account = parse("account", &body.account)?;
    let user_key = public_key("user_key", &body.user_key)?;
    let node = &service.node;
    let opened = match body.account_type {
        None => node.account_open(account, &user_key, now).await?,
        Some(kind) => node.account_open_as(account, &user_key, kind, now).await?,
    };
    Ok(Json(account_body(&opened)))
}

pub(super) async fn account_view(
    State(service): State<Service>,
    Segment(account): Segment<CardNumber>,
) -> Result<Json<api::AccountView>, Failure> {
    let view = service.node.account_view(account).await?;
    Ok(Json(account_body(&view)))
}

pub(super) async fn account_recharge(
    State(service): State<Service>,
    Now(now): Now,
    Segment(account): Segment<CardNumber>,
    Body(body): Body<api::AccountRecharge>,
) -> Result<Json<api::AccountView>, Failure> {
    let amount = Fen::new(body.amount_fen);
    let recharged = service
        .node
        .account_recharge(account, &body.recharge_id, amount, now)
        .await?;
    Ok(Json(account_body(&recharged)))
}

pub(super) async fn account_suspend(
    State(service): State<Service>,
    Now(now): Now,
    Segment(account): Segment<CardNumber>,
    Body(body): Body<api::AccountSuspend>,
) -> Result<Json<api::AccountView>, Failure> {
    let suspended = body.suspended;
    let view = service
        .node
        .account_suspend(account, suspended, now)
        .await?;
    Ok(Json(account_body(&view)))
}

pub(super) async fn user_certificate_issue(
    State(service): State<Service>,
    Now(now): Now,
    Segment(account): Segment<CardNumber>,
) -> Result<Json<api::CertificateView>, Failure> {
    let certificate = service.node.user_certificate_issue(account, now).await?;
    Ok(Json(api::CertificateView {
        certificate: certificate.as_bytes().into(),
        expires_s: certificate.expires().get(),
    }))
}

pub(super) async fn card_issue(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::CardIssue>,
) -> Result<Json<api::CardView>, Failure> {
    let card = parse("card", &body.card)?;
    let view = service.node.card_issue(card, now).await?;
    Ok(Json(card_body(&view)))
}

pub(super) async fn card_view(
    State(service): State<Service>,
    Segment(card): Segment<CardNumber>,
) -> Result<Json<api::CardView>, Failure> {
    let view = service.node.card_view(card).await?;
    Ok(Json(card_body(&view)))
}

pub(super) async fn card_load(
    State(service): State<Service>,
    Now(now): Now,
    Segment(card): Segment<CardNumber>,
    Body(body): Body<api::CardLoad>,
) -> Result<Json<api::CardView>, Failure> {
    let amount = Fen::new(body.amount_fen);
    let loaded = service
        .node
        .card_load(card, &body.load_id, amount, now)
        .await?;
    Ok(Json(card_body(&loaded)))
}

pub(super) async fn cash_issue(
    State(service): State<Service>,
    Now(now): Now,
    Body(body): Body<api::CardIssue>,
) -> Result<Json<api::CardView>, Failure> {
    let card = parse("card", &body.card)?;
    let view = service.node.cash_issue(card, now).await?;
    Ok(Json(card_body(&view)))
}

pub(super) async fn cash_view(
    State(service): State<Service>,
    Segment(card): Segment<CardNumber>,
) -> Result<Json<api::CardView>, Failure> {
    let view = service.node.cash_view(card).await?;
    Ok(Json(card_body(&view)))
}

pub(super) async fn cash_load(
    State(service): State<Service>,
    Now(now): Now,
    Segment(card): Segment<CardNumber>,
    Body(body): Body<api::CardLoad>,
) -> Result<Json<api::CardView>, Failure> {
    let amount = Fen::new(body.amount_fen);
    let loaded = service
        .node
        .cash_load(card, &body.load_id, amount, now)
        .await?;
    Ok(Json(card_body(&loaded)))
}

fn card_body(view: &CardView) -> api::CardView {
    api::CardView {
        card: view.card.reveal().into(),
        mirror_fen: view.mirror.get(),
        refund_due_fen: view.refund_due.get(),
        short_fen: view.short.get(),
        rides: view.rides,
    }
}

/// Reads a compressed SM2 point.
pub(super) fn public_key(place: &'static str, bytes: &api::Hex) -> Result<PublicKey, RequestError> {
    PublicKey::from_compressed(&array(place, bytes)?)
        .map_err(|error| RequestError::Body(format!("{place}: {error}")))
}

fn account_body(view: &AccountView) -> api::AccountView {
    api::AccountView {
        account: view.account.reveal().into(),
        balance_fen: view.balance.get(),
        suspended: view.suspended,
        certificate_expires_s: view.certificate_expires.map(|at| at.get()),
        rides: view.rides,
    }
}
