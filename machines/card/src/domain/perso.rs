//! STORE DATA: gathered block by block, deciphered, and passed on whole.
//!
//! After INSTALL [for personalization] the blocks are an application's, otherwise the
//! domain's own. Nothing is written before the last block, so that a power cut leaves the
//! application as it was.
//!
//! UNSPECIFIED: values that travel enciphered are padded `80 00…` under the data key (those of
//! keys for the domain itself are not, their lengths are said); data whose secrecy is the
//! application's matter (P1 20) are refused, because no application of ours has such.

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::{Response, StatusWord, tlv};
use tongtu_crypto::padding;
use tongtu_globalplatform::command::{StoreData, StoreFormat};
use tongtu_globalplatform::scp::Dek;
use tongtu_purse::perso::single;
use zeroize::Zeroizing;

use super::data::DGI_KEYS;
use crate::context::{Context, DataGroup, Halt};
use crate::registry::ISSUER;

/// The longest personalisation, in bytes.
const LIMIT: usize = 64 * 1024;

/// A personalisation that goes on.
pub(super) struct Personalising {
    target: u16,
    next: u8,
    blocks: Vec<(bool, StoreFormat, Vec<u8>)>,
}

impl Personalising {
    const fn of(target: u16) -> Self {
        Self {
            target,
            next: 0,
            blocks: Vec::new(),
        }
    }

    /// The application that it is for.
    pub(super) const fn target(&self) -> u16 {
        self.target
    }
}

/// INSTALL [for personalization]: an application of the acting domain.
pub(super) fn begin(ctx: &Context<'_>, subject: &Aid) -> Result<Personalising, Halt> {
    let entry = ctx
        .registry
        .find(subject)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    let own = entry.domain == ctx.owner && entry.number != ISSUER && entry.number != ctx.owner;
    if !own || entry.life().is_locked() {
        return Err(StatusWord::CONDITIONS.into());
    }
    Ok(Personalising::of(entry.number))
}

/// STORE DATA: the next block.
pub(super) fn store_data(
    ctx: &mut Context<'_>,
    slot: &mut Option<Personalising>,
    request: StoreData,
    dek: &Dek,
) -> Result<Response, Halt> {
    let owner = ctx.owner;
    let mut going = slot.take().unwrap_or(Personalising::of(owner));
    if request.number != going.next {
        return Err(StatusWord::WRONG_DATA.into());
    }
    if request.application_dependent {
        return Err(StatusWord::FUNCTION_NOT_SUPPORTED.into());
    }
    let held: usize = going.blocks.iter().map(|(.., data)| data.len()).sum();
    if held + request.data.len() > LIMIT {
        return Err(StatusWord::NO_ROOM.into());
    }
    going.next = going.next.wrapping_add(1);
    match going.blocks.last_mut() {
        // A group may go on in the next block.
        Some((enciphered, format, data))
            if *enciphered == request.enciphered && *format == request.format =>
        {
            data.extend(&request.data);
        }
        _ => going
            .blocks
            .push((request.enciphered, request.format, request.data)),
    }
    if !request.last {
        *slot = Some(going);
        return Ok(Response::ok([]));
    }
    let mut groups = Vec::new();
    for (enciphered, format, data) in &going.blocks {
        read_groups(data, *format, enciphered.then_some(dek), &mut groups)?;
    }
    let kind = ctx
        .registry
        .entry(going.target)
        .ok_or(StatusWord::REFERENCE_NOT_FOUND)?
        .kind;
    ctx.acting_as(going.target, |ctx| kind.personalise(ctx, &groups))?;
    ctx.put_registry();
    ctx.commit()?;
    Ok(Response::ok([]))
}

/// Cuts data into groups; with a key, each value is deciphered.
fn read_groups(
    data: &[u8],
    format: StoreFormat,
    dek: Option<&Dek>,
    groups: &mut Vec<DataGroup>,
) -> Result<(), Halt> {
    let wrong = StatusWord::WRONG_DATA;
    let mut push = |id: u16, value: &[u8]| {
        let value = match dek {
            None => Zeroizing::new(value.to_vec()),
            Some(dek) => decipher(id, value, dek).ok_or(wrong)?,
        };
        groups.push(DataGroup { id, value });
        Ok::<(), Halt>(())
    };
    if format == StoreFormat::Dgi {
        let mut rest = data;
        while !rest.is_empty() {
            let (id, after) = rest.split_first_chunk::<2>().ok_or(wrong)?;
            let (len, after) = match after {
                [0xFF, high, low, after @ ..] => (u16::from_be_bytes([*high, *low]), after),
                [len, after @ ..] => (u16::from(*len), after),
                [] => return Err(wrong.into()),
            };
            let (value, after) = after.split_at_checked(usize::from(len)).ok_or(wrong)?;
            push(u16::from_be_bytes(*id), value)?;
            rest = after;
        }
        return Ok(());
    }
    for object in tlv::objects(data) {
        let object = object.map_err(|_| wrong)?;
        let id = u16::try_from(object.tag.value()).map_err(|_| wrong)?;
        push(id, object.value)?;
    }
    Ok(())
}

fn decipher(id: u16, value: &[u8], dek: &Dek) -> Option<Zeroizing<Vec<u8>>> {
    let clear = dek.decrypt(value)?;
    if id == DGI_KEYS || single::is_bare(id) {
        return Some(clear);
    }
    padding::unpad(&clear).map(|value| Zeroizing::new(value.to_vec()))
}
