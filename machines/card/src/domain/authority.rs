//! Who may do what to whom: the hierarchy, management modes, tokens and receipts.
//!
//! A domain with authorised management (授权管理) acts on its own word, one with delegated
//! management (委托管理) on a token of the domain above it that verifies tokens; what it did is
//! confirmed by a receipt. Every other domain manages its own keys and data only (一般管理).

use alloc::vec::Vec;

use tongtu_apdu::StatusWord;
use tongtu_globalplatform::command::{Confirmation, ManagementAnswer, TokenControl};
use tongtu_globalplatform::privilege::Privilege;
use tongtu_globalplatform::receipt::{self, ConfirmationData, Operation};
use tongtu_globalplatform::signature;

use super::data;
use super::store::{self, version};
use crate::context::{Context, Halt};
use crate::journal::ObjectId;
use crate::registry::{Entry, Registry};

/// On whose word an operation is done.
pub(super) struct Permit {
    /// The domain that confirms what was delegated, if one above does. It is known before the
    /// operation, which may move or delete the acting domain.
    maker: Option<u16>,
    /// Number of the token.
    token_id: Option<Vec<u8>>,
}

impl Permit {
    /// On the acting domain's own word.
    pub(super) const OWN: Self = Self {
        maker: None,
        token_id: None,
    };
}

/// The acting domain.
pub(super) fn acting<'a>(ctx: &'a Context<'_>) -> Result<&'a Entry, Halt> {
    let entry = ctx.registry.entry(ctx.owner);
    Ok(entry.ok_or(StatusWord::CONDITIONS)?)
}

/// Whether the acting domain has a privilege.
pub(super) fn has(ctx: &Context<'_>, privilege: Privilege) -> bool {
    acting(ctx).is_ok_and(|entry| entry.rights().has(privilege))
}

/// The domains above one, the nearest first, itself not among them.
fn above(registry: &Registry, number: u16) -> Vec<u16> {
    let mut out = Vec::new();
    let mut at = number;
    while let Some(entry) = registry.entry(at) {
        if entry.domain == at || out.contains(&entry.domain) {
            break;
        }
        at = entry.domain;
        out.push(at);
    }
    out
}

/// Whether an object of the domain `of` lies in the part of the hierarchy below `domain`,
/// itself included.
pub(super) fn is_below(registry: &Registry, domain: u16, of: u16) -> bool {
    of == domain || above(registry, of).contains(&domain)
}

/// The nearest domain above with a privilege.
fn nearest(ctx: &Context<'_>, privilege: Privilege) -> Option<u16> {
    above(ctx.registry, ctx.owner).into_iter().find(|number| {
        let entry = ctx.registry.entry(*number);
        entry.is_some_and(|entry| entry.rights().has(privilege))
    })
}

/// Says whether the acting domain may manage content, and checks its token.
///
/// UNSPECIFIED: without either privilege, and for a wrong or a missing token, `6982`; for a
/// token where none is due, for a missing token key and for a number used before, `6985`.
pub(super) fn permit(
    ctx: &mut Context<'_>,
    token: &[u8],
    control: Option<&TokenControl>,
    input: &[u8],
) -> Result<Permit, Halt> {
    let rights = acting(ctx)?.rights();
    if rights.has(Privilege::AuthorizedManagement) {
        if !token.is_empty() {
            return Err(StatusWord::CONDITIONS.into());
        }
        return Ok(Permit::OWN);
    }
    if !rights.has(Privilege::DelegatedManagement) || token.is_empty() {
        return Err(StatusWord::SECURITY_STATUS.into());
    }
    let verifier = nearest(ctx, Privilege::TokenVerification).ok_or(StatusWord::CONDITIONS)?;
    let key = store::key(ctx, verifier, version::TOKEN, 1).ok_or(StatusWord::CONDITIONS)?;
    signature::verify(&key, input, token).map_err(|_| StatusWord::SECURITY_STATUS)?;
    let token_id = control.and_then(|control| control.number.clone());
    if let Some(control) = control {
        for (tag, wanted) in [(0x0042, &control.sd_id), (0x0045, &control.image_number)] {
            if let Some(wanted) = wanted
                && data::value_of(ctx, verifier, tag) != Some(wanted)
            {
                return Err(StatusWord::SECURITY_STATUS.into());
            }
        }
    }
    match &token_id {
        Some(number) => {
            let used = store::token_number(ctx, verifier);
            if used.is_some_and(|used| !is_greater(number, used)) {
                return Err(StatusWord::CONDITIONS.into());
            }
            store::put_token_number(ctx, verifier, number);
        }
        None if store::config_of(ctx, verifier).batch_tokens => {}
        None => return Err(StatusWord::CONDITIONS.into()),
    }
    Ok(Permit {
        maker: nearest(ctx, Privilege::ReceiptGeneration),
        token_id,
    })
}

/// Compares big-endian numbers of any length.
fn is_greater(one: &[u8], other: &[u8]) -> bool {
    let digits = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        bytes[zeros..].to_vec()
    };
    let (one, other) = (digits(one), digits(other));
    (one.len(), one) > (other.len(), other)
}

/// The answer of an operation: a confirmation with a receipt where it was delegated and the
/// domain above that makes receipts has a key for them.
pub(super) fn confirm(
    ctx: &mut Context<'_>,
    permit: Permit,
    operation: &Operation,
) -> Result<ManagementAnswer, Halt> {
    let none = Ok(ManagementAnswer::default());
    let Some(maker) = permit.maker else {
        return none;
    };
    let Some(key) = store::key(ctx, maker, version::RECEIPT, 1) else {
        return none;
    };
    let id = ObjectId::new(maker, store::CONFIRMATIONS);
    let counter = confirmations(ctx, maker)
        .checked_add(1)
        .ok_or(StatusWord::CONDITIONS)?;
    ctx.put_of(id, counter.to_be_bytes());
    let value = |tag| data::value_of(ctx, maker, tag).unwrap_or_default();
    let data = ConfirmationData {
        counter,
        sd_unique: receipt::sd_unique(value(0x0042), value(0x0045)),
        token_id: permit.token_id,
        token_digest: None,
    };
    let input = receipt::input(&data, operation);
    let Some(receipt) = signature::sign(&key, &input, ctx.entropy) else {
        // The receipt key only verifies.
        return Err(StatusWord::CONDITIONS.into());
    };
    Ok(ManagementAnswer {
        confirmation: Some(Confirmation { receipt, data }),
    })
}

/// The confirmation counter of a domain.
pub(super) fn confirmations(ctx: &Context<'_>, owner: u16) -> u16 {
    ctx.get_of(ObjectId::new(owner, store::CONFIRMATIONS))
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u16::from_be_bytes)
}
