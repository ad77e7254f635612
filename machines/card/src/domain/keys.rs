//! PUT KEY and DELETE [key]: a domain's own keys (GP 2.3.1 §11.8, §11.2.2.3.2).

use alloc::vec::Vec;

use tongtu_apdu::{Response, StatusWord};
use tongtu_globalplatform::command::{ManagementAnswer, PutKey, PutKeyAnswer};
use tongtu_globalplatform::key::{KeyError, KeyMaterial};
use tongtu_globalplatform::life_cycle::State;
use tongtu_globalplatform::scp::Dek;

use super::done;
use super::store::{self, version};
use crate::context::{Context, Halt};
use crate::registry::ISSUER;

/// PUT KEY: all keys of the command or none.
pub(super) fn put_key(
    ctx: &mut Context<'_>,
    request: &PutKey,
    dek: &Dek,
) -> Result<Response, Halt> {
    let owner = ctx.owner;
    if !(1..=0x7F).contains(&request.version) {
        return Err(StatusWord::WRONG_DATA.into());
    }
    let mut keys = Vec::new();
    for (id, block) in (request.first_id..).zip(&request.keys) {
        let key = KeyMaterial::from_block(block, dek).map_err(|error| match error {
            KeyError::CheckValue => StatusWord::SECURITY_STATUS,
            _ => StatusWord::WRONG_DATA,
        })?;
        keys.push((id, key));
    }
    stage(ctx, owner, request.replace, request.version, &keys)?;
    let kcvs = request.keys.iter().flat_map(|key| key.kcv.clone());
    let answer = PutKeyAnswer {
        version: request.version,
        kcvs: kcvs.collect(),
    };
    ctx.put_registry();
    ctx.commit()?;
    Ok(Response::ok(answer.encode()))
}

/// Most keys of one domain: what key information can list in one object.
const KEYS_MAX: usize = 255;

/// Stages keys of one version, added (`replace` 0) or in the place of others.
pub(super) fn stage(
    ctx: &mut Context<'_>,
    owner: u16,
    replace: u8,
    version: u8,
    keys: &[(u8, KeyMaterial)],
) -> Result<(), Halt> {
    let names = store::key_names(ctx, owner);
    let was_reachable = !store::channel_versions(ctx, owner).is_empty();
    let is_there = |version, id| names.contains(&(version, id));
    for (id, _) in keys {
        if replace != 0 && !is_there(replace, *id) {
            return Err(StatusWord::REFERENCE_NOT_FOUND.into());
        }
        if replace != version && is_there(version, *id) {
            return Err(StatusWord::CONDITIONS.into());
        }
    }
    if names.len() + keys.len() > KEYS_MAX {
        return Err(StatusWord::NO_ROOM.into());
    }
    for (id, key) in keys {
        if replace != 0 && replace != version {
            store::remove_key(ctx, owner, replace, *id);
        }
        store::put_key(ctx, owner, version, *id, key);
    }
    if replace != 0 {
        store::reset_version(ctx, owner, replace);
    }
    store::reset_version(ctx, owner, version);
    let ids: Vec<u8> = keys.iter().map(|(id, _)| *id).collect();
    let opens = |ctx: &Context<'_>, version| store::opens_channel(ctx, owner, version);
    if (1..=3).all(|id| ids.contains(&id)) && opens(ctx, version) {
        became_reachable(ctx, owner, replace, version, &names);
    }
    let still_opens = names.iter().any(|(v, _)| opens(ctx, *v)) || opens(ctx, version);
    if owner == ISSUER && was_reachable && !still_opens {
        return Err(StatusWord::CONDITIONS.into());
    }
    Ok(())
}

/// A whole set for channels came: the keys that the card left the factory with go, a host that
/// names no version gets the new ones, and a supplementary domain is personalised.
fn became_reachable(
    ctx: &mut Context<'_>,
    owner: u16,
    replace: u8,
    version: u8,
    names: &[(u8, u8)],
) {
    let default = store::config_of(ctx, owner).default_version;
    let mut initial = names.iter().filter(|(v, _)| *v == version::INITIAL);
    let had_initial = initial.next().is_some();
    for (v, id) in names.iter().filter(|(v, _)| *v == version::INITIAL) {
        store::remove_key(ctx, owner, *v, *id);
    }
    if had_initial {
        store::reset_version(ctx, owner, version::INITIAL);
    }
    let is_first = !names.iter().any(|(_, id)| *id == 1);
    if is_first || default == version::INITIAL || default == replace && replace != 0 {
        store::set_default_version(ctx, owner, version);
    }
    if owner != ISSUER
        && let Some(entry) = ctx.registry.entry_mut(owner)
        && entry.life() == State::SELECTABLE
    {
        entry.state = State::PERSONALIZED.0;
    }
}

/// DELETE [key]: by version, identifier, or both.
///
/// UNSPECIFIED: the last keys by which the issuer domain can be reached stay; PUT KEY does not
/// replace them by something that opens no channel either.
pub(super) fn delete(
    ctx: &mut Context<'_>,
    id: Option<u8>,
    version: Option<u8>,
) -> Result<Response, Halt> {
    let owner = ctx.owner;
    let names = store::key_names(ctx, owner);
    let (going, staying): (Vec<_>, Vec<_>) = names.into_iter().partition(|(v, i)| {
        version.is_none_or(|version| version == *v) && id.is_none_or(|id| id == *i)
    });
    if going.is_empty() {
        return Err(StatusWord::REFERENCE_NOT_FOUND.into());
    }
    if owner == ISSUER {
        let stays = |version: &u8| (1..=3).all(|id| staying.contains(&(*version, id)));
        if !store::channel_versions(ctx, owner).iter().any(stays) {
            return Err(StatusWord::CONDITIONS.into());
        }
    }
    for (v, i) in &going {
        store::remove_key(ctx, owner, *v, *i);
        if !staying.iter().any(|(other, _)| other == v) {
            store::reset_version(ctx, owner, *v);
        }
    }
    done(ctx, &ManagementAnswer::default())
}
