//! Personalisation: data groups become objects, checked one by one.

use tongtu_apdu::{StatusWord, tlv};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::perso::{FileEntry, dgi};
use tongtu_ecash::{Afl, Fci, cryptogram, element as dictionary, tag};

use super::composite::{self, File};
use super::state::{self, Counters};
use crate::context::{Context, DataGroup, Halt};

/// Stages what the groups say; refused once a payment was made.
pub(super) fn personalise(ctx: &mut Context<'_>, groups: &[DataGroup]) -> Result<(), Halt> {
    if Counters::read(ctx).atc != 0 {
        return Err(StatusWord::CONDITIONS.into());
    }
    for group in groups {
        let value = group.value.as_slice();
        match group.id {
            dgi::FCI => fci(ctx, value)?,
            dgi::LONG => template(ctx, dgi::LONG, value)?,
            dgi::TAP => template(ctx, dgi::TAP, value)?,
            dgi::ELEMENTS | 0x0E01 => elements(ctx, value)?,
            dgi::KEYS_TDES => keys(ctx, dgi::KEYS_TDES, dgi::KEYS_SM4, value)?,
            dgi::KEYS_SM4 => keys(ctx, dgi::KEYS_SM4, dgi::KEYS_TDES, value)?,
            dgi::CHECKS_TDES => checks(ctx, dgi::KEYS_TDES, Algorithm::Tdes, value)?,
            dgi::CHECKS_SM4 => checks(ctx, dgi::KEYS_SM4, Algorithm::Sm4, value)?,
            dgi::PIN => pin(ctx, value)?,
            dgi::PIN_TRIES => sized(ctx, state::PIN_TRIES, value, 2)?,
            dgi::RSA_P | dgi::RSA_Q => ctx.put(group.id, value),
            // What the primes already say.
            0x8201..=0x8203 => {}
            dgi::SM2_KEY => sized(ctx, dgi::SM2_KEY, value, 32)?,
            dgi::FILES => files(ctx, value)?,
            dgi::FILE_KEYS => file_keys(ctx, value)?,
            dgi::FILE_CHECKS => {
                let algorithm = state::algorithm(ctx);
                checks(ctx, dgi::FILE_KEYS, algorithm, value)?;
            }
            id @ 0x0101..=0x0AFF if id & 0xFF != 0 => record(ctx, id, value)?,
            id @ 0x000D..=0x001E => first_records(ctx, id, value)?,
            _ => return Err(StatusWord::REFERENCE_NOT_FOUND.into()),
        }
    }
    Ok(())
}

fn wrong() -> Halt {
    StatusWord::WRONG_DATA.into()
}

fn sized(ctx: &mut Context<'_>, object: u16, value: &[u8], len: usize) -> Result<(), Halt> {
    if value.len() != len {
        return Err(wrong());
    }
    ctx.put(object, value);
    Ok(())
}

/// The keys of one set; an instance has no second one.
fn keys(ctx: &mut Context<'_>, own: u16, other: u16, value: &[u8]) -> Result<(), Halt> {
    if ctx.get(other).is_some() {
        return Err(wrong());
    }
    sized(ctx, own, value, 48)
}

fn fci(ctx: &mut Context<'_>, value: &[u8]) -> Result<(), Halt> {
    let read = Fci::parse_proprietary(&[], value).map_err(|_| wrong())?;
    if !read.is_ecash() {
        return Err(wrong());
    }
    ctx.put(dgi::FCI, value);
    Ok(())
}

/// Answer templates: AIP and AFL must be there and hold.
fn template(ctx: &mut Context<'_>, object: u16, value: &[u8]) -> Result<(), Halt> {
    if tlv::objects(value).any(|object| object.is_err()) {
        return Err(wrong());
    }
    let afl = tlv::find(value, tag::AFL).map_err(|_| wrong())?;
    let aip = tlv::find(value, tag::AIP).map_err(|_| wrong())?;
    let afl = Afl::parse(afl).map_err(|_| wrong())?;
    if aip.len() != 2 || afl.last_record().is_none() {
        return Err(wrong());
    }
    ctx.put(object, value);
    Ok(())
}

fn elements(ctx: &mut Context<'_>, value: &[u8]) -> Result<(), Halt> {
    for object in tlv::objects(value) {
        let object = object.map_err(|_| wrong())?;
        let known = dictionary::element(object.tag).ok_or_else(wrong)?;
        if !known.fits(object.value) {
            return Err(wrong());
        }
        match object.tag {
            tag::BALANCE => {
                let balance = super::amount(object.value)?;
                state::set_balance(ctx, balance);
            }
            tag::OFFSET_USED => {
                let used = super::amount(object.value)?;
                state::set_offset_used(ctx, used);
            }
            tag if state::READABLE.contains(&tag) => {
                if known.form == dictionary::Form::Money {
                    super::amount(object.value)?;
                }
                ctx.put(state::element(tag), object.value);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

/// Check values (KCV), three bytes for each key of a group that came before.
fn checks(
    ctx: &mut Context<'_>,
    keys: u16,
    algorithm: Algorithm,
    value: &[u8],
) -> Result<(), Halt> {
    let (keys, _) = ctx.get(keys).ok_or_else(wrong)?.as_chunks::<16>();
    let kcv = |key: &[u8; 16]| BlockKey::new(algorithm, *key).kcv();
    let expected = keys.iter().flat_map(kcv);
    if value.iter().copied().eq(expected) {
        Ok(())
    } else {
        Err(wrong())
    }
}

fn pin(ctx: &mut Context<'_>, value: &[u8]) -> Result<(), Halt> {
    let block = value.try_into().map_err(|_| wrong())?;
    cryptogram::read_pin_block(&block, 2).ok_or_else(wrong)?;
    ctx.put(state::PIN, value);
    if ctx.get(state::PIN_TRIES).is_none() {
        ctx.put(state::PIN_TRIES, [3, 3]);
    }
    Ok(())
}

fn record(ctx: &mut Context<'_>, id: u16, value: &[u8]) -> Result<(), Halt> {
    let Ok((object, [])) = tlv::read(value) else {
        return Err(wrong());
    };
    if object.tag != tag::RECORD || value.len() > 254 {
        return Err(wrong());
    }
    if let Ok(exponent) = tlv::find(object.value, tag::ICC_EXPONENT) {
        ctx.put(state::EXPONENT, exponent);
    }
    ctx.put(id, value);
    Ok(())
}

fn files(ctx: &mut Context<'_>, value: &[u8]) -> Result<(), Halt> {
    let entries = FileEntry::parse_all(value).map_err(|_| wrong())?;
    if entries.iter().any(|entry| !composite::is_possible(entry)) {
        return Err(wrong());
    }
    // Records belong to a table; a new one begins with empty files, so that a personalisation whose
    // last answer was lost can be done again.
    for id in ctx.ids_of(ctx.owner) {
        if composite::is_content(id.number) {
            ctx.remove(id.number);
        }
    }
    ctx.put(dgi::FILES, value);
    Ok(())
}

fn file_keys(ctx: &mut Context<'_>, value: &[u8]) -> Result<(), Halt> {
    let count = ctx.get(dgi::FILES).ok_or_else(wrong)?.len() / FileEntry::LEN;
    sized(ctx, dgi::FILE_KEYS, value, 16 * count)
}

/// First records of an extension file: a length byte before each.
fn first_records(ctx: &mut Context<'_>, id: u16, mut value: &[u8]) -> Result<(), Halt> {
    let sfi = u8::try_from(id).map_err(|_| wrong())?;
    let file: File = composite::file(ctx, sfi).ok_or_else(wrong)?;
    let key = file.opening_key(ctx).ok_or_else(wrong)?;
    while let [len, rest @ ..] = value {
        let (record, rest) = rest.split_at_checked(usize::from(*len)).ok_or_else(wrong)?;
        file.append(ctx, record, &key)?;
        value = rest;
    }
    Ok(())
}
