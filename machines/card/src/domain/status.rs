//! GET STATUS and SET STATUS (GP 2.3.1 §11.4, §11.10).

use alloc::vec::Vec;

use tongtu_apdu::{Response, StatusWord};
use tongtu_globalplatform::command::{Entry as Line, GetStatus, Scope, SetStatus, StatusTarget};
use tongtu_globalplatform::life_cycle::{CardState, State};
use tongtu_globalplatform::privilege::Privilege;

use super::{authority, store};
use crate::context::{Context, Halt};
use crate::registry::{Entry, ISSUER, LoadFile, Registry};

/// Bytes of one part of a list: what fits an answer beside the channel's MAC and padding.
const PART_LEN: usize = 224;

/// What is left of a list that was too long for one answer.
#[derive(Default)]
pub(super) struct Listing {
    asked: Option<GetStatus>,
    rest: Vec<Vec<u8>>,
}

/// GET STATUS: the part of the hierarchy below the acting domain, or all with the global
/// registry's privilege.
pub(super) fn get_status(
    ctx: &mut Context<'_>,
    listing: &mut Listing,
    request: &GetStatus,
) -> Result<Response, Halt> {
    let first = GetStatus {
        next: false,
        ..request.clone()
    };
    if request.next {
        if listing.rest.is_empty() || listing.asked.as_ref() != Some(&first) {
            *listing = Listing::default();
            return Err(StatusWord::CONDITIONS.into());
        }
    } else {
        *listing = Listing {
            rest: lines(ctx, request),
            asked: Some(first),
        };
        if listing.rest.is_empty() {
            return Err(StatusWord::REFERENCE_NOT_FOUND.into());
        }
    }
    let mut data = Vec::new();
    let mut taken = 0;
    for line in &listing.rest {
        if taken != 0 && data.len() + line.len() > PART_LEN {
            break;
        }
        data.extend(line);
        taken += 1;
    }
    listing.rest.drain(..taken);
    let sw = if listing.rest.is_empty() {
        StatusWord::OK
    } else {
        StatusWord::MORE_DATA
    };
    Ok(Response { data, sw })
}

fn lines(ctx: &Context<'_>, request: &GetStatus) -> Vec<Vec<u8>> {
    let sees_all = authority::has(ctx, Privilege::GlobalRegistry);
    let sees = |of| sees_all || authority::is_below(ctx.registry, ctx.owner, of);
    let line = |line: Line| line.encode(request.form, &request.tags);
    if request.scope.is_files() {
        let files = ctx.registry.files.iter();
        return files
            .filter(|file| file.aid.starts_with(&request.part) && sees(file.domain))
            .map(|file| line(of_file(ctx.registry, file, request.scope)))
            .collect();
    }
    let is_meant = |entry: &&Entry| {
        (request.scope == Scope::IssuerDomain) == (entry.number == ISSUER)
            && entry.aid.starts_with(&request.part)
            && sees(entry.number)
    };
    let entries = ctx.registry.entries.iter().filter(is_meant);
    entries
        .map(|entry| line(of_entry(ctx.registry, entry)))
        .collect()
}

fn of_entry(registry: &Registry, entry: &Entry) -> Line {
    Line {
        aid: entry.aid,
        state: entry.life(),
        privileges: Some(entry.privileges),
        selection: Vec::new(),
        load_file: entry.file,
        domain: registry.entry(entry.domain).map(|domain| domain.aid),
        version: Vec::new(),
        modules: Vec::new(),
    }
}

fn of_file(registry: &Registry, file: &LoadFile, scope: Scope) -> Line {
    let modules = file.modules.iter().map(|(aid, _)| *aid);
    Line {
        aid: file.aid,
        state: State::LOADED,
        privileges: None,
        selection: Vec::new(),
        load_file: None,
        domain: registry.entry(file.domain).map(|domain| domain.aid),
        version: Vec::new(),
        modules: match scope {
            Scope::LoadFilesAndModules => modules.collect(),
            _ => Vec::new(),
        },
    }
}

/// SET STATUS.
pub(super) fn set_status(ctx: &mut Context<'_>, request: &SetStatus) -> Result<Response, Halt> {
    match (request.target, request.aid) {
        (StatusTarget::Card, _) => card(ctx, request.state)?,
        (StatusTarget::Application, Some(aid)) => {
            let entry = ctx
                .registry
                .find(&aid)
                .ok_or(StatusWord::REFERENCE_NOT_FOUND)?
                .clone();
            if entry.number == ctx.owner && entry.number != ISSUER {
                own(ctx, &entry, State(request.state))?;
            } else {
                lock(ctx, &entry, request.state & 0x80 != 0)?;
            }
        }
        (StatusTarget::DomainAndApplications, Some(aid)) => {
            let entry = ctx
                .registry
                .find(&aid)
                .ok_or(StatusWord::REFERENCE_NOT_FOUND)?
                .clone();
            tree(ctx, &entry, request.state & 0x80 != 0)?;
        }
        _ => return Err(StatusWord::WRONG_LENGTH.into()),
    }
    ctx.put_registry();
    ctx.commit()?;
    Ok(Response::ok([]))
}

/// The card's own life cycle.
fn card(ctx: &mut Context<'_>, state: u8) -> Result<(), Halt> {
    let next = CardState::from_byte(state).ok_or(StatusWord::WRONG_DATA)?;
    let now = ctx.registry.card_state();
    if !now.may_become(next) {
        return Err(StatusWord::CONDITIONS.into());
    }
    let needed = match (now, next) {
        (_, CardState::Terminated) => Some(Privilege::CardTerminate),
        (_, CardState::Locked) | (CardState::Locked, _) => Some(Privilege::CardLock),
        _ => None,
    };
    // The steps to SECURED are the issuer domain's.
    let may = match needed {
        Some(privilege) => authority::has(ctx, privilege),
        None => ctx.owner == ISSUER,
    };
    if !may {
        return Err(StatusWord::SECURITY_STATUS.into());
    }
    if let Some(issuer) = ctx.registry.entry_mut(ISSUER) {
        issuer.state = next.byte();
    }
    Ok(())
}

/// A supplementary domain sets its own state: personalised once it has keys, or locked.
fn own(ctx: &mut Context<'_>, entry: &Entry, next: State) -> Result<(), Halt> {
    let now = entry.life();
    let state = if next == State::PERSONALIZED && now == State::SELECTABLE {
        if store::channel_versions(ctx, entry.number).is_empty() {
            return Err(StatusWord::CONDITIONS.into());
        }
        next
    } else if next.0 & 0x80 != 0 && !now.is_locked() {
        now.locked()
    } else {
        return Err(StatusWord::CONDITIONS.into());
    };
    put(ctx, entry.number, state);
    Ok(())
}

fn put(ctx: &mut Context<'_>, number: u16, state: State) {
    if let Some(entry) = ctx.registry.entry_mut(number) {
        entry.state = state.0;
    }
}

fn reach(ctx: &Context<'_>, of: u16) -> Result<(), Halt> {
    if authority::is_below(ctx.registry, ctx.owner, of)
        || authority::has(ctx, Privilege::GlobalLock)
    {
        Ok(())
    } else {
        Err(StatusWord::SECURITY_STATUS.into())
    }
}

/// Locks one application or domain, or brings it back to where it was.
fn lock(ctx: &mut Context<'_>, entry: &Entry, wanted: bool) -> Result<(), Halt> {
    if entry.number == ISSUER || entry.life().is_locked() == wanted {
        return Err(StatusWord::CONDITIONS.into());
    }
    reach(ctx, entry.number)?;
    put(ctx, entry.number, turned(entry, wanted));
    Ok(())
}

fn turned(entry: &Entry, wanted: bool) -> State {
    if wanted {
        entry.life().locked()
    } else {
        entry.life().unlocked()
    }
}

/// Locks a domain and everything below it, or brings all of it back; members that are in that
/// state already do not hinder it.
fn tree(ctx: &mut Context<'_>, domain: &Entry, wanted: bool) -> Result<(), Halt> {
    if domain.number == ISSUER || !domain.is_domain() {
        return Err(StatusWord::CONDITIONS.into());
    }
    reach(ctx, domain.number)?;
    let entries = ctx.registry.entries.iter();
    let members: Vec<(u16, State)> = entries
        .filter(|entry| {
            entry.number != ISSUER && authority::is_below(ctx.registry, domain.number, entry.number)
        })
        .map(|entry| (entry.number, turned(entry, wanted)))
        .collect();
    for (number, state) in members {
        put(ctx, number, state);
    }
    Ok(())
}
