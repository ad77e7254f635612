//! `/acquirer`: the chains over terminals' records.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tongtu_api as api;
use tongtu_crypto::Signature;
use tongtu_services::{ChainPlace, ChainView};
use tongtu_terminal::ChainedRecord;
use tongtu_types::TerminalNumber;

use super::Service;
use super::failure::Failure;
use super::request::{Body, Now, RequestError, Segment, array};

/// Records with the places that came beside them, and the terminal's signature over those.
pub(super) fn chained(
    records: Vec<Vec<u8>>,
    chain: &api::UploadChain,
) -> Result<(Vec<ChainedRecord>, Signature), RequestError> {
    let (found, expected) = (chain.links.len(), records.len());
    if found != expected {
        let fault = format!("chain.links: {found} places, expected {expected}");
        return Err(RequestError::Body(fault));
    }
    let places = records.into_iter().zip(&chain.links);
    let record = |(record, link): (Vec<u8>, &api::ChainLink)| {
        Ok(ChainedRecord {
            seq: link.number,
            record,
            before: array("chain.links.before", &link.before)?,
            chain: array("chain.links.value", &link.value)?,
        })
    };
    let records = places.map(record).collect::<Result<_, RequestError>>()?;
    Ok((records, Signature(array("chain.seal", &chain.seal)?)))
}

pub(super) async fn chain_begin_anew(
    State(service): State<Service>,
    Now(now): Now,
    Segment(terminal): Segment<TerminalNumber>,
    Body(body): Body<api::ChainBeginAnew>,
) -> Result<StatusCode, Failure> {
    let node = &service.node;
    node.chain_begin_anew(terminal, &body.reason, now).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn chains_view(
    State(service): State<Service>,
) -> Result<Json<api::ChainsView>, Failure> {
    let chains = service.node.chains_view().await?;
    let chains = chains.iter().map(chain_body).collect();
    Ok(Json(api::ChainsView { chains }))
}

pub(super) fn place_body(place: ChainPlace) -> api::ChainPlace {
    match place {
        ChainPlace::Next => api::ChainPlace::Next,
        ChainPlace::Again => api::ChainPlace::Again,
        ChainPlace::Old => api::ChainPlace::Old,
        ChainPlace::Ahead => api::ChainPlace::Ahead,
        ChainPlace::Fault(fault) => api::ChainPlace::Fault {
            reason: fault.to_string(),
        },
    }
}

fn chain_body(view: &ChainView) -> api::ChainView {
    let faults = view.faults.iter().map(|fault| api::ChainFaultView {
        number: fault.number,
        record: fault.record.as_slice().into(),
        arrived_at_s: fault.arrived_at.get(),
        reason: fault.reason.clone(),
    });
    let ended = view.ended.iter().map(|ended| api::ChainEnded {
        tip: ended.tip,
        value: ended.value.as_slice().into(),
        at_s: ended.at.get(),
        reason: ended.reason.clone(),
    });
    api::ChainView {
        terminal: view.terminal.to_string(),
        tip: view.tip,
        value: view.value.as_slice().into(),
        missing: view
            .missing
            .map(|(first, last)| api::ChainGap { first, last }),
        waiting: view.waiting,
        faults: faults.collect(),
        ended: ended.collect(),
    }
}
