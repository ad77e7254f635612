//! `/papers`: what the node goes by, for nodes below it; `/key-notes`: what they noted of keys;
//! `/key-uses`: what its own keys were used for.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tongtu_api as api;
use tongtu_crypto::PublicKey;
use tongtu_services::{Edition, KeyReport, ListFile, Offered, Paper};
use tongtu_types::Timestamp;

use super::Service;
use super::failure::Failure;
use super::ranged;
use super::request::{Asked, Body, Now, RequestError, Segment, parse};
use super::tls::Calling;

pub(super) async fn papers_view(
    State(service): State<Service>,
    Now(now): Now,
) -> Result<Json<api::PapersView>, Failure> {
    let papers = service.node.papers().await?;
    let papers = papers.iter();
    let papers = papers.map(|(paper, edition)| paper_body(*paper, edition, Some(now)));
    Ok(Json(api::PapersView {
        papers: papers.collect(),
    }))
}

pub(super) async fn paper_read(
    State(service): State<Service>,
    Segment(paper): Segment<Paper>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let edition = service.node.paper(paper).await?;
    let offered = Offered {
        newest: edition.version,
        file: Some(ListFile {
            version: edition.version,
            bytes: edition.bytes,
        }),
    };
    Ok(ranged::answer(offered, &headers))
}

pub(super) async fn key_notes_take(
    State(service): State<Service>,
    Now(now): Now,
    calling: Calling,
    Body(body): Body<api::KeyNotesPut>,
) -> Result<Json<api::KeyNotesTaken>, Failure> {
    let sender = parse("institution", &body.institution)?;
    calling.in_the_name_of(sender)?;
    let reports: Vec<KeyReport> = body.notes.iter().map(report).collect::<Result<_, _>>()?;
    let taken = service.node.key_reports_take(sender, &reports, now).await?;
    Ok(Json(api::KeyNotesTaken {
        new: taken.new,
        already: taken.already,
    }))
}

pub(super) async fn key_notes_view(
    State(service): State<Service>,
) -> Result<Json<api::KeyNotesView>, Failure> {
    let reports = service.node.key_reports().await?;
    Ok(Json(api::KeyNotesView {
        notes: reports.iter().map(crate::courier::note_body).collect(),
        digest: tongtu_services::keyroom::notes_digest(&reports)
            .as_slice()
            .into(),
    }))
}

pub(super) async fn key_uses_view(
    State(service): State<Service>,
    Asked(query): Asked<api::KeyUsesQuery>,
) -> Result<Json<api::KeyUsesView>, Failure> {
    let uses = service.node.key_uses(query.after).await?;
    let lines = uses.lines.iter().map(|(line, said)| api::KeyUseLine {
        line: line.as_slice().into(),
        said: said.as_slice().into(),
    });
    let key = |(number, key): &(u32, PublicKey)| api::KeyUseAnchorKey {
        number: *number,
        public_key: key.to_compressed().as_slice().into(),
    };
    let anchors = uses.anchors.iter();
    Ok(Json(api::KeyUsesView {
        lines: lines.collect(),
        anchors: anchors.map(|anchor| anchor.as_slice().into()).collect(),
        anchor_keys: uses.anchor_keys.iter().map(key).collect(),
    }))
}

pub(super) fn paper_body(
    paper: Paper,
    edition: &Edition,
    now: Option<Timestamp>,
) -> api::PaperView {
    let made_at_s = edition.made_at.get();
    api::PaperView {
        paper: paper.to_string(),
        version: edition.version,
        made_at_s,
        age_s: now.map(|now| now.get().saturating_sub(made_at_s)),
        digest: edition.digest().as_slice().into(),
        length: edition.bytes.len().try_into().unwrap_or(u64::MAX),
    }
}

fn report(note: &api::KeyNote) -> Result<KeyReport, RequestError> {
    let numbers = (note.key, note.purpose, note.usage, note.ground);
    let city = parse("notes.city", &note.city)?;
    let institution = parse("notes.institution", &note.institution)?;
    let report = KeyReport::of_numbers(institution, city, numbers, Timestamp::new(note.at_s));
    report.ok_or_else(|| {
        RequestError::Body("notes: purpose, usage or ground that the book does not have".into())
    })
}
