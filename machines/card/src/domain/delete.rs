//! DELETE: applications, domains, load files and keys (GP 2.3.1 §11.2).

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::{Response, StatusWord};
use tongtu_globalplatform::command::{Delete, DeleteTarget, TokenControl};
use tongtu_globalplatform::privilege::Privilege;
use tongtu_globalplatform::receipt::Operation;

use super::{authority, done, install, keys, store};
use crate::context::{Context, Halt};
use crate::registry::ISSUER;

/// DELETE in both its forms; `covered` is what its token is over.
pub(super) fn delete(
    ctx: &mut Context<'_>,
    request: &Delete,
    covered: &[u8],
) -> Result<Response, Halt> {
    let aid = match &request.target {
        DeleteTarget::Keys { id, version } => {
            if !request.token.is_empty() || request.control.is_some() {
                return Err(StatusWord::WRONG_DATA.into());
            }
            return keys::delete(ctx, *id, *version);
        }
        // One object in one command, as GP 2.3.1 table 11-21 has it.
        DeleteTarget::Objects(aids) => match aids[..] {
            [aid] => aid,
            _ => return Err(StatusWord::WRONG_DATA.into()),
        },
    };
    let control = request.control.as_deref().map(TokenControl::parse);
    let delegates = authority::has(ctx, Privilege::DelegatedManagement);
    let permit =
        if authority::has(ctx, Privilege::GlobalDelete) && !delegates && request.token.is_empty() {
            // Global delete needs no other privilege (GP 2.3.1 §9.5).
            authority::Permit::OWN
        } else {
            authority::permit(ctx, &request.token, control.as_ref(), covered)?
        };
    if ctx.registry.find(&aid).is_some() {
        application(ctx, &aid)?;
    } else {
        file(ctx, &aid, request.related)?;
    }
    let answer = authority::confirm(ctx, permit, &Operation::Delete { subject: aid })?;
    done(ctx, &answer)
}

/// Whether the acting domain reaches an object of the domain `of`.
fn reach(ctx: &Context<'_>, of: u16) -> Result<(), Halt> {
    if authority::is_below(ctx.registry, ctx.owner, of)
        || authority::has(ctx, Privilege::GlobalDelete)
    {
        Ok(())
    } else {
        Err(StatusWord::SECURITY_STATUS.into())
    }
}

/// Whether the domain `of` lets what is in it go, and a domain itself. It is asked about what
/// others delete only.
fn accept(ctx: &Context<'_>, number: u16, of: u16) -> Result<(), Halt> {
    let refuses = |number| {
        let entry = ctx.registry.entry(number);
        entry.is_some_and(crate::registry::Entry::is_domain)
            && number != ctx.owner
            && !store::config_of(ctx, number).accepts_deletion
    };
    if refuses(of) || refuses(number) {
        return Err(StatusWord::CONDITIONS.into());
    }
    Ok(())
}

fn application(ctx: &mut Context<'_>, aid: &Aid) -> Result<(), Halt> {
    let entry = ctx
        .registry
        .find(aid)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?
        .clone();
    reach(ctx, entry.number)?;
    if entry.number == ISSUER || is_used(ctx, entry.number, &[entry.number]) {
        return Err(StatusWord::CONDITIONS.into());
    }
    accept(ctx, entry.number, entry.domain)?;
    remove(ctx, &[entry.number]);
    Ok(())
}

fn file(ctx: &mut Context<'_>, aid: &Aid, related: bool) -> Result<(), Halt> {
    let file = ctx
        .registry
        .file(aid)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    let (number, domain) = (file.number, file.domain);
    reach(ctx, domain)?;
    let entries = ctx.registry.entries.iter();
    let instances: Vec<u16> = entries
        .filter(|entry| entry.file.as_ref() == Some(aid))
        .map(|entry| entry.number)
        .collect();
    if !related && !instances.is_empty() {
        return Err(StatusWord::CONDITIONS.into());
    }
    let mut going = instances.clone();
    going.push(number);
    if instances
        .iter()
        .any(|instance| *instance == ISSUER || is_used(ctx, *instance, &going))
    {
        return Err(StatusWord::CONDITIONS.into());
    }
    accept(ctx, number, domain)?;
    for instance in &instances {
        reach(ctx, *instance)?;
        let of = ctx.registry.entry(*instance).map(|entry| entry.domain);
        accept(ctx, *instance, of.unwrap_or(domain))?;
    }
    remove(ctx, &instances);
    store::remove_all(ctx, number);
    ctx.registry.files.retain(|file| file.number != number);
    Ok(())
}

/// Whether anything but what goes with it is associated with a domain.
fn is_used(ctx: &Context<'_>, domain: u16, going: &[u16]) -> bool {
    let entries = ctx.registry.entries.iter();
    let files = ctx.registry.files.iter();
    entries
        .map(|entry| (entry.number, entry.domain))
        .chain(files.map(|file| (file.number, file.domain)))
        .any(|(number, of)| of == domain && !going.contains(&number))
}

/// Stages the removal of applications with all that they keep.
fn remove(ctx: &mut Context<'_>, numbers: &[u16]) {
    for number in numbers {
        if let Some(entry) = ctx.registry.entry(*number) {
            let rights = entry.rights();
            install::give_back(ctx, rights);
        }
        store::remove_all(ctx, *number);
        ctx.registry.entries.retain(|entry| entry.number != *number);
    }
}
