//! INSTALL [for install], [for make selectable], [for extradition], [for registry update].

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{Response, StatusWord};
use tongtu_globalplatform::command::{ForInstall, Install, InstallParameters};
use tongtu_globalplatform::life_cycle::State;
use tongtu_globalplatform::privilege::{Privilege, Privileges};
use tongtu_globalplatform::receipt::Operation;

use super::authority::{self, Permit};
use super::{done, load, store};
use crate::context::{Context, Halt};
use crate::registry::AppletKind;
use crate::registry::{Entry, ISSUER};

/// Privileges that one application at most holds; the issuer domain has what nobody has.
const SINGLE: [Privilege; 2] = [Privilege::CardReset, Privilege::FinalApplication];

/// Every form but load and personalisation; `covered` is what its token is over.
pub(super) fn install(
    ctx: &mut Context<'_>,
    request: &Install,
    covered: &[u8],
    loaded: Option<load::Loading>,
) -> Result<Response, Halt> {
    if let Install::Install(install) = request
        && install.combined
    {
        return combined(ctx, install, covered, loaded);
    }
    let parameters =
        InstallParameters::parse(request.parameters()).ok_or(StatusWord::WRONG_DATA)?;
    let control = parameters.control.as_ref();
    let permit = authority::permit(ctx, request.token(), control, covered)?;
    let operation = match request {
        Install::Install(install) => {
            place(ctx, install, &parameters)?;
            Operation::Install {
                load_file: install.load_file,
                instance: install.application(),
            }
        }
        Install::MakeSelectable { instance, .. } => make_selectable(ctx, instance)?,
        Install::Extradition {
            domain, subject, ..
        } => extradite(ctx, domain, subject)?,
        Install::RegistryUpdate {
            domain,
            subject,
            privileges,
            parameters,
            ..
        } => update(
            ctx,
            domain.as_ref(),
            subject.as_ref(),
            privileges,
            parameters,
        )?,
        Install::Load(_) | Install::Personalization { .. } => {
            return Err(StatusWord::WRONG_P1P2.into());
        }
    };
    let answer = authority::confirm(ctx, permit, &operation)?;
    done(ctx, &answer)
}

/// The end of a combined load, install and make selectable: both happen as one commit.
fn combined(
    ctx: &mut Context<'_>,
    install: &ForInstall,
    covered: &[u8],
    loaded: Option<load::Loading>,
) -> Result<Response, Halt> {
    let loaded = loaded
        .filter(load::Loading::awaits_install)
        .ok_or(StatusWord::CONDITIONS)?;
    let parameters = InstallParameters::parse(&install.parameters).ok_or(StatusWord::WRONG_DATA)?;
    if install.load_file != loaded.load_file() {
        // The receipt would say that this file was loaded.
        return Err(StatusWord::WRONG_DATA.into());
    }
    let input = [loaded.covered(), covered].concat();
    let control = parameters.control.as_ref();
    let permit: Permit = authority::permit(ctx, &install.token, control, &input)?;
    let domain = load::place(ctx, &loaded)?;
    place(ctx, install, &parameters)?;
    let operation = Operation::Combined {
        load_file: install.load_file,
        instance: install.application(),
        domain,
    };
    let answer = authority::confirm(ctx, permit, &operation)?;
    done(ctx, &answer)
}

/// Puts a new application or domain on the card.
fn place(
    ctx: &mut Context<'_>,
    install: &ForInstall,
    parameters: &InstallParameters<'_>,
) -> Result<(), Halt> {
    let file = ctx
        .registry
        .file(&install.load_file)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    let module = file.modules.iter().find(|(aid, _)| *aid == install.module);
    let (_, kind) = *module.ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    let (file_aid, file_domain) = (file.aid, file.domain);
    let rights = Privileges::parse(&install.privileges).map_err(|_| StatusWord::WRONG_DATA)?;
    let is_domain = kind == AppletKind::Domain;
    if rights.check().is_err() || rights.has(Privilege::SecurityDomain) != is_domain {
        return Err(StatusWord::WRONG_DATA.into());
    }
    let own = parameters.application.ok_or(StatusWord::WRONG_DATA)?;
    let aid = install.application();
    if is_taken(ctx, &aid) {
        return Err(StatusWord::ALREADY_EXISTS.into());
    }
    let quota = &parameters.quota;
    let asked = u64::from(quota.non_volatile);
    if asked > u64::try_from(ctx.free()).unwrap_or(u64::MAX) {
        return Err(StatusWord::NO_ROOM.into());
    }
    grant(ctx, Privileges::NONE, rights)?;
    let number = ctx.registry.free_number().ok_or(StatusWord::NO_ROOM)?;
    let (label, priority) = directory(&install.parameters);
    let state = if install.selectable {
        State::SELECTABLE
    } else {
        State::INSTALLED
    };
    ctx.registry.entries.push(Entry {
        number,
        kind,
        aid,
        state: state.0,
        privileges: rights.bytes(),
        domain: if is_domain { ctx.owner } else { file_domain },
        label,
        priority,
        file: Some(file_aid),
    });
    ctx.acting_as(number, |ctx| kind.install(ctx, own))
}

/// Whether an application or a load file has the AID.
pub(super) fn is_taken(ctx: &Context<'_>, aid: &Aid) -> bool {
    ctx.registry.find(aid).is_some() || ctx.registry.file(aid).is_some()
}

/// Label and priority for the directory: `50` and `87`, wherever the parameters have them
/// (seen in public implementations inside `EF{A1{A6}}`).
fn directory(parameters: &[u8]) -> (Vec<u8>, u8) {
    let system = tlv::find(parameters, Tag::new(0xEF)).unwrap_or_default();
    let label = tlv::find_deep(system, Tag::new(0x50)).unwrap_or_default();
    let priority = tlv::find_deep(system, Tag::new(0x87)).unwrap_or_default();
    let label = label.get(..16).unwrap_or(label).to_vec();
    (label, priority.first().copied().unwrap_or(0))
}

/// Moves privileges that only one may hold from the issuer domain to a new holder.
///
/// UNSPECIFIED: when another application holds one already, the request is refused.
fn grant(ctx: &mut Context<'_>, before: Privileges, after: Privileges) -> Result<(), Halt> {
    for privilege in SINGLE {
        if after.has(privilege) == before.has(privilege) {
            continue;
        }
        let issuer = ctx
            .registry
            .entry_mut(ISSUER)
            .ok_or(StatusWord::CONDITIONS)?;
        let rights = issuer.rights();
        if after.has(privilege) {
            if !rights.has(privilege) {
                return Err(StatusWord::CONDITIONS.into());
            }
            issuer.privileges = rights.without(privilege).bytes();
        } else {
            issuer.privileges = rights.with(privilege).bytes();
        }
    }
    Ok(())
}

/// Gives privileges that only one may hold back to the issuer domain.
pub(super) fn give_back(ctx: &mut Context<'_>, rights: Privileges) {
    grant(ctx, rights, Privileges::NONE).expect("the issuer domain takes everything back");
}

fn make_selectable(ctx: &mut Context<'_>, instance: &Aid) -> Result<Operation, Halt> {
    let owner = ctx.owner;
    let entry = ctx
        .registry
        .find(instance)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?
        .clone();
    reach(ctx, owner, entry.number)?;
    if entry.life() != State::INSTALLED {
        return Err(StatusWord::CONDITIONS.into());
    }
    change(ctx, entry.number, |entry| entry.state = State::SELECTABLE.0);
    Ok(Operation::Install {
        load_file: entry.file.unwrap_or(entry.aid),
        instance: entry.aid,
    })
}

fn change(ctx: &mut Context<'_>, number: u16, change: impl FnOnce(&mut Entry)) {
    if let Some(entry) = ctx.registry.entry_mut(number) {
        change(entry);
    }
}

/// An object outside the acting domain's part of the hierarchy is out of its reach.
fn reach(ctx: &Context<'_>, acting: u16, of: u16) -> Result<(), Halt> {
    if authority::is_below(ctx.registry, acting, of) || acting == ISSUER {
        Ok(())
    } else {
        Err(StatusWord::SECURITY_STATUS.into())
    }
}

/// Whether `to` may take something in.
fn arrival(ctx: &Context<'_>, to: &Aid) -> Result<u16, Halt> {
    let target = ctx
        .registry
        .find(to)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    let open = target.is_domain()
        && (target.number == ISSUER || !target.life().is_locked())
        && store::config_of(ctx, target.number).accepts_arrivals;
    if open {
        Ok(target.number)
    } else {
        Err(StatusWord::CONDITIONS.into())
    }
}

fn name_of(ctx: &Context<'_>, number: u16) -> Result<Aid, Halt> {
    let entry = ctx.registry.entry(number);
    Ok(entry.map(|entry| entry.aid).ok_or(StatusWord::CONDITIONS)?)
}

fn extradite(ctx: &mut Context<'_>, to: &Aid, subject: &Aid) -> Result<Operation, Halt> {
    let target = arrival(ctx, to)?;
    let owner = ctx.owner;
    let from = if let Some(file) = ctx.registry.file(subject) {
        let from = file.domain;
        reach(ctx, owner, from)?;
        departs(ctx, from)?;
        for file in &mut ctx.registry.files {
            if file.aid == *subject {
                file.domain = target;
            }
        }
        from
    } else {
        let entry = ctx
            .registry
            .find(subject)
            .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        let (number, from) = (entry.number, entry.domain);
        if number == ISSUER {
            return Err(StatusWord::CONDITIONS.into());
        }
        reach(ctx, owner, number)?;
        departs(ctx, from)?;
        // A domain may be its own, but not be put below something that is below it.
        if target != number && authority::is_below(ctx.registry, number, target) {
            return Err(StatusWord::CONDITIONS.into());
        }
        change(ctx, number, |entry| entry.domain = target);
        from
    };
    Ok(Operation::Extradition {
        from: name_of(ctx, from)?,
        subject: *subject,
        to: *to,
    })
}

fn departs(ctx: &Context<'_>, from: u16) -> Result<(), Halt> {
    if store::config_of(ctx, from).accepts_departures {
        Ok(())
    } else {
        Err(StatusWord::CONDITIONS.into())
    }
}

/// INSTALL [for registry update] (GP 2.3.1 §9.4.2): privileges, association, directory.
fn update(
    ctx: &mut Context<'_>,
    domain: Option<&Aid>,
    subject: Option<&Aid>,
    privileges: &[u8],
    parameters: &[u8],
) -> Result<Operation, Halt> {
    let owner = ctx.owner;
    let entry = match subject {
        None => authority::acting(ctx)?,
        Some(aid) => ctx
            .registry
            .find(aid)
            .ok_or(StatusWord::REFERENCE_NOT_FOUND)?,
    };
    let entry = entry.clone();
    let number = entry.number;
    reach(ctx, owner, number)?;
    let from = name_of(ctx, entry.domain)?;
    if let Some(to) = domain {
        extradite(ctx, to, &entry.aid)?;
    }
    if !privileges.is_empty() {
        let rights = Privileges::parse(privileges).map_err(|_| StatusWord::WRONG_DATA)?;
        let is_domain = entry.is_domain();
        if rights.check().is_err() || rights.has(Privilege::SecurityDomain) != is_domain {
            return Err(StatusWord::WRONG_DATA.into());
        }
        if number == ISSUER {
            // What the issuer domain has it keeps, or nobody could manage the card.
            return Err(StatusWord::CONDITIONS.into());
        }
        grant(ctx, entry.rights(), rights)?;
        change(ctx, number, |entry| entry.privileges = rights.bytes());
    }
    let (label, priority) = directory(parameters);
    if !label.is_empty() {
        change(ctx, number, |entry| entry.label = label);
    }
    if priority != 0 {
        change(ctx, number, |entry| entry.priority = priority);
    }
    Ok(Operation::RegistryUpdate {
        from: Some(from),
        subject: subject.copied(),
        to: domain.copied(),
        privileges: privileges.to_vec(),
        parameters: parameters.to_vec(),
    })
}
