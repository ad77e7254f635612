//! `/callers`: whoever may call; `/audit/callers` and `/audit/envelopes`.

use axum::Json;
use axum::extract::State;
use tongtu_api as api;
use tongtu_callers::{AccountPrefix, Caller, CallerKey, CallerName};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_services::{Acted, FileEvidence, ProvedRequest};
use tongtu_types::Timestamp;

use super::Service;
use super::entry::Proved;
use super::failure::Failure;
use super::request::{Asked, Body, Now, RequestError, Segment, array, parse};

pub(super) async fn callers_view(
    State(service): State<Service>,
    Now(now): Now,
) -> Result<Json<api::CallersView>, Failure> {
    let callers = service.node.callers().await?;
    let callers = callers.iter().map(caller_body).collect();
    let awaiting = service.node.callers_awaiting(now).await?;
    let awaiting = awaiting.into_iter().map(|one| api::CallerAwaitingView {
        act: one.act,
        asked_by: one.by.to_string(),
        asked_at_s: one.at.get(),
    });
    let awaiting = awaiting.collect();
    Ok(Json(api::CallersView { callers, awaiting }))
}

pub(super) async fn caller_admit(
    State(service): State<Service>,
    Now(now): Now,
    Proved(request): Proved,
    Body(body): Body<api::CallerAdmit>,
) -> Result<Json<api::CallerActed>, Failure> {
    let prefixes = body.accounts.iter();
    let prefixes = prefixes.map(|text| {
        AccountPrefix::parse(text).map_err(|error| RequestError::Body(format!("accounts: {error}")))
    });
    let from = body.from_s.map_or(now, Timestamp::new);
    let caller = Caller {
        name: parse("caller", &body.caller)?,
        role: parse("role", &body.role)?,
        accounts: prefixes.collect::<Result<_, _>>()?,
        from,
        until: body.until_s.map(Timestamp::new),
        is_disabled: false,
        keys: vec![CallerKey {
            number: 1,
            public: key(&body.public_key)?,
            from,
            until: None,
        }],
    };
    let acted = service.node.caller_admit(&caller, &request, now);
    Ok(acted_body(acted.await?, |()| None))
}

pub(super) async fn caller_rotate(
    State(service): State<Service>,
    Now(now): Now,
    Segment(name): Segment<CallerName>,
    Proved(request): Proved,
    Body(body): Body<api::CallerRotate>,
) -> Result<Json<api::CallerActed>, Failure> {
    let key = key(&body.public_key)?;
    let proof = Signature(array("proof", &body.proof)?);
    let node = &service.node;
    let acted = node.caller_rotate(name, &key, &proof, body.overlap_s, &request, now);
    Ok(acted_body(acted.await?, Some))
}

pub(super) async fn caller_state(
    State(service): State<Service>,
    Now(now): Now,
    Segment(name): Segment<CallerName>,
    Proved(request): Proved,
    Body(body): Body<api::CallerState>,
) -> Result<Json<api::CallerActed>, Failure> {
    let node = &service.node;
    let acted = node.caller_disable(name, body.disabled, &request, now);
    Ok(acted_body(acted.await?, |()| None))
}

fn acted_body<T>(acted: Acted<T>, key: impl Fn(T) -> Option<u32>) -> Json<api::CallerActed> {
    Json(match acted {
        Acted::Done(done) => api::CallerActed {
            awaits: false,
            key: key(done),
        },
        Acted::Awaits => api::CallerActed {
            awaits: true,
            key: None,
        },
    })
}

pub(super) async fn acts_view(
    State(service): State<Service>,
    Asked(query): Asked<api::CallerActsQuery>,
) -> Result<Json<api::CallerActsView>, Failure> {
    let acts = service
        .node
        .caller_acts(query.after, api::CALLER_ACTS_MAX)
        .await?;
    let request = |request: &ProvedRequest| api::CallerActRequest {
        target: format!("{} {}", request.method, request.target),
        content: request.content.as_slice().into(),
        envelope: request
            .envelope
            .encode()
            .unwrap_or_default()
            .as_slice()
            .into(),
        public_key: request.key.to_compressed().as_slice().into(),
    };
    let acts = acts.iter().map(|act| api::CallerActView {
        line: act.line.as_slice().into(),
        request: act.request.as_ref().map(request),
    });
    Ok(Json(api::CallerActsView {
        acts: acts.collect(),
    }))
}

pub(super) async fn envelopes_view(
    State(service): State<Service>,
) -> Result<Json<api::FileEnvelopesView>, Failure> {
    let kept = service.node.file_envelopes().await?;
    let body = |evidence: &FileEvidence| api::FileEnvelopeView {
        name: evidence.name.to_string(),
        content: evidence.content.as_slice().into(),
        envelope: evidence
            .envelope
            .encode()
            .unwrap_or_default()
            .as_slice()
            .into(),
        public_key: evidence.key.to_compressed().as_slice().into(),
        kept_at_s: evidence.kept_at.get(),
    };
    let envelopes = kept.iter().map(body).collect();
    Ok(Json(api::FileEnvelopesView { envelopes }))
}

fn key(bytes: &api::Hex) -> Result<PublicKey, RequestError> {
    let bytes = array("public_key", bytes)?;
    PublicKey::from_compressed(&bytes)
        .map_err(|error| RequestError::Body(format!("public_key: {error}")))
}

fn caller_body(caller: &Caller) -> api::CallerView {
    let key = |key: &CallerKey| api::CallerKeyView {
        key: key.number,
        public_key: key.public.to_compressed().as_slice().into(),
        from_s: key.from.get(),
        until_s: key.until.map(Timestamp::get),
    };
    let accounts = caller.accounts.iter();
    api::CallerView {
        caller: caller.name.to_string(),
        role: caller.role.to_string(),
        accounts: accounts.map(|prefix| prefix.as_str().to_owned()).collect(),
        from_s: caller.from.get(),
        until_s: caller.until.map(Timestamp::get),
        disabled: caller.is_disabled,
        keys: caller.keys.iter().map(key).collect(),
    }
}
