//! `/days`: settlement days.

use axum::Json;
use axum::extract::State;
use tongtu_api as api;
use tongtu_ledger::SumE7;
use tongtu_services::{DayPhase, DayView, PositionView};
use tongtu_types::BusinessDay;

use super::Service;
use super::failure::Failure;
use super::request::{Now, Segment};

pub(super) async fn day_view(
    State(service): State<Service>,
    Segment(day): Segment<BusinessDay>,
) -> Result<Json<api::DayView>, Failure> {
    Ok(Json(day_body(&service.node.day_view(day).await?)))
}

pub(super) async fn day_close(
    State(service): State<Service>,
    Now(now): Now,
    Segment(day): Segment<BusinessDay>,
) -> Result<Json<api::DayView>, Failure> {
    Ok(Json(day_body(&service.node.day_close(day, now).await?)))
}

pub(super) async fn day_settle(
    State(service): State<Service>,
    Now(now): Now,
    Segment(day): Segment<BusinessDay>,
) -> Result<Json<api::DayView>, Failure> {
    Ok(Json(day_body(&service.node.day_settle(day, now).await?)))
}

/// An exact sum as it is written on the wire.
pub(super) fn amount(sum: SumE7) -> api::AmountE7 {
    api::AmountE7(sum.get())
}

fn day_body(view: &DayView) -> api::DayView {
    api::DayView {
        day: view.day.to_string(),
        phase: match view.phase {
            DayPhase::Open => api::DayPhase::Open,
            DayPhase::Sealed => api::DayPhase::Sealed,
            DayPhase::Cleared => api::DayPhase::Cleared,
            DayPhase::Published => api::DayPhase::Published,
        },
        records: view.records,
        evidence: view.evidence,
        forwarded: view.forwarded,
        settled: view.settled,
        refused: view.refused.clone(),
        positions: view.positions.iter().map(position_body).collect(),
        hub_fee_e7: amount(view.hub_fee_e7),
        rounding_e7: amount(view.rounding_e7),
        control_sum_e7: amount(view.control_sum_e7),
    }
}

fn position_body(position: &PositionView) -> api::PositionView {
    api::PositionView {
        member: position.member.to_string(),
        income_e7: amount(position.income_e7),
        outgo_e7: amount(position.outgo_e7),
        net_fen: position.net.get(),
    }
}
