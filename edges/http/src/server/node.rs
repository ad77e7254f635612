//! `/health` and `/pump`.

use axum::extract::State;
use axum::{Extension, Json};
use tongtu_api as api;

use super::Service;
use super::failure::Failure;
use super::papers::paper_body;
use super::request::{Now, RequestTime};
use crate::pump;

pub(super) async fn health(
    State(service): State<Service>,
    Extension(RequestTime(now)): Extension<RequestTime>,
) -> Json<api::HealthView> {
    let config = service.node.config();
    let papers = service.node.papers_kept().into_iter();
    let papers = papers.map(|(paper, edition)| paper_body(paper, &edition, now));
    Json(api::HealthView {
        institution: config.code.to_string(),
        name_zh: config.name_zh.clone(),
        name_en: config.name_en.clone(),
        papers: papers.collect(),
    })
}

pub(super) async fn pump(
    State(service): State<Service>,
    Now(now): Now,
) -> Result<Json<api::PumpReport>, Failure> {
    let report = match &service.parent {
        Some(parent) => pump::pump(&service.node, parent, now).await,
        None => pump::without_parent(&service.node).await,
    };
    // What a minute does in a node whose clock is the machine's: of another time it hears by requests
    // alone.
    if let Err(error) = service.node.key_uses_keep(now).await {
        tracing::error!(code = %service.node.config().code, %error, "the chain of key uses was not kept");
    }
    Ok(Json(report))
}
