//! `/audit`: balances, rides, refusals and alarms.

use axum::Json;
use axum::extract::State;
use tongtu_api as api;
use tongtu_ride_code::record::Direction;
use tongtu_services::{RideRole, RideState, RideView};

use super::Service;
use super::days::amount;
use super::failure::Failure;
use super::request::Asked;

pub(super) async fn ledger_view(
    State(service): State<Service>,
) -> Result<Json<api::LedgerView>, Failure> {
    let view = service.node.ledger_view().await?;
    let balance_body = |(account, sum): &(tongtu_ledger::AccountName, _)| api::BalanceView {
        account: account.key(),
        balance_e7: amount(*sum),
    };
    Ok(Json(api::LedgerView {
        balances: view.balances.iter().map(balance_body).collect(),
        sum_e7: amount(view.sum),
    }))
}

pub(super) async fn files_made(
    State(service): State<Service>,
) -> Result<Json<api::MadeFilesView>, Failure> {
    let files = service.node.files_made().await?;
    let file_body = |file: &tongtu_services::MadeFile| api::MadeFile {
        receiver: file.receiver.to_string(),
        name: file.info.name.to_string(),
        digest: api::Hex(file.info.digest.to_vec()),
        length: file.info.length,
    };
    Ok(Json(api::MadeFilesView {
        files: files.iter().map(file_body).collect(),
    }))
}

pub(super) async fn rides_view(
    State(service): State<Service>,
    Asked(query): Asked<api::RidesQuery>,
) -> Result<Json<api::RidesView>, Failure> {
    let role = match query.role {
        api::RideRole::Issuer => RideRole::Issuer,
        api::RideRole::Acquirer => RideRole::Acquirer,
        api::RideRole::Hub => RideRole::Hub,
    };
    let rides = service.node.rides_view(role).await?;
    Ok(Json(api::RidesView {
        rides: rides.iter().map(ride_body).collect(),
    }))
}

pub(super) async fn rejected_view(
    State(service): State<Service>,
) -> Result<Json<api::RejectedView>, Failure> {
    let uploads = service.node.rejected_uploads().await?;
    let alarms = service.node.alarms().await?;
    let upload_body = |upload: tongtu_services::RejectedUpload| api::RejectedUpload {
        terminal: upload.terminal.to_string(),
        arrived_at_s: upload.arrived_at.get(),
        reason: upload.reason,
        record: api::Hex(upload.record),
    };
    let alarm_body = |alarm: tongtu_services::Alarm| api::AlarmView {
        raised_at_s: alarm.raised_at.get(),
        code: alarm.code,
        message: alarm.message,
    };
    Ok(Json(api::RejectedView {
        uploads: uploads.into_iter().map(upload_body).collect(),
        alarms: alarms.into_iter().map(alarm_body).collect(),
    }))
}

fn ride_body(ride: &RideView) -> api::RideView {
    api::RideView {
        record: ride.record.to_string(),
        account: ride.account.reveal().into(),
        generated_at_s: ride.generated_at.get(),
        amount_fen: ride.amount.get(),
        direction: match ride.direction {
            Direction::Single => api::RideDirection::Single,
            Direction::Entry => api::RideDirection::Entry,
            Direction::Exit => api::RideDirection::Exit,
        },
        state: match ride.state {
            RideState::Stored => api::RideState::Stored,
            RideState::Evidence => api::RideState::Evidence,
            RideState::Forwarded => api::RideState::Forwarded,
            RideState::Settled => api::RideState::Settled,
            RideState::Refused => api::RideState::Refused,
        },
        result: ride.result,
        day: ride.day.map(|day| day.to_string()),
        debited: ride.debited,
    }
}
