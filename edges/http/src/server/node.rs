//! `/health` and `/pump`.

use axum::Json;
use axum::extract::State;
use tongtu_api as api;

use super::Service;
use super::failure::Failure;
use super::request::Now;
use crate::pump;

pub(super) async fn health(State(service): State<Service>) -> Json<api::HealthView> {
    let config = service.node.config();
    Json(api::HealthView {
        institution: config.code.to_string(),
        name_zh: config.name_zh.clone(),
        name_en: config.name_en.clone(),
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
    Ok(Json(report))
}
