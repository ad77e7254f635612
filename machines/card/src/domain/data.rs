//! A domain's data objects: GET DATA, and what personalisation writes into the domain itself.

use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{Response, StatusWord};
use tongtu_globalplatform::command::GetData;
use tongtu_globalplatform::key::{KeyInfo, KeyMaterial, write_key_information};
use tongtu_globalplatform::privilege::Privilege;
use tongtu_globalplatform::scp::Protocol;
use tongtu_types::MediumId;
use zeroize::Zeroizing;

use super::{authority, install, keys, recognition, store};
use crate::context::{Context, DataGroup, Halt};
use crate::journal::ObjectId;
use crate::registry::{ISSUER, MEDIUM_ID};

/// BER-TLV objects inside a data grouping.
const DGI_OBJECTS: u16 = 0x0070;
/// Control reference templates of the keys that follow.
const DGI_KEY_CONTROL: u16 = 0x00B9;
/// Values of symmetric keys.
pub(super) const DGI_KEYS: u16 = 0x8113;
/// Public exponent of RSA.
const DGI_EXPONENT: u16 = 0x0010;
/// Modulus of RSA.
const DGI_MODULUS: u16 = 0x0011;

/// Where the object of a tag lies; `None` for tags that a domain does not keep.
pub(super) const fn object_of(tag: u16) -> Option<u16> {
    Some(match tag {
        0x0042 | 0x0045 | 0x0067 => tag,
        0x5F50 => 0x0050,
        0x9F7F => 0x007F,
        MEDIUM_ID => MEDIUM_ID,
        _ => return None,
    })
}

/// The value of a kept object.
pub(super) fn value_of<'a>(ctx: &'a Context<'_>, owner: u16, tag: u16) -> Option<&'a [u8]> {
    ctx.get_of(ObjectId::new(owner, object_of(tag)?))
}

/// GET DATA (GP 2.3.1 §11.3): the whole object, or with class 00 its value.
pub(super) fn get_data(ctx: &Context<'_>, request: &GetData, level: u8) -> Result<Response, Halt> {
    let value = value(ctx, request, level)?;
    let tag = match request.tag {
        short @ ..=0xFF => Tag::new(u32::from(short)),
        0x2F00 => {
            // No BER tag; the list of applications travels with the two bytes that asked.
            let mut out = Vec::new();
            if request.whole {
                out.extend([0x2F, 0x00]);
                tlv::write_length(value.len(), &mut out);
            }
            out.extend(value);
            return Ok(Response::ok(out));
        }
        long => Tag::new(u32::from(long)),
    };
    Ok(Response::ok(if request.whole {
        tlv::object(tag, &value)
    } else {
        value
    }))
}

fn value(ctx: &Context<'_>, request: &GetData, level: u8) -> Result<Vec<u8>, Halt> {
    let owner = ctx.owner;
    let missing = StatusWord::REFERENCE_NOT_FOUND;
    Ok(match request.tag {
        0x0066 => tlv::object(Tag::new(0x73), &recognition(ctx).template()),
        0x0067 => match value_of(ctx, owner, 0x0067) {
            Some(stored) => stored.to_vec(),
            None => capability(ctx),
        },
        0x00E0 => {
            let names = store::key_names(ctx, owner);
            let infos: Vec<KeyInfo> = names
                .into_iter()
                .filter_map(|(version, id)| {
                    Some(store::key(ctx, owner, version, id)?.info(id, version))
                })
                .collect();
            if infos.is_empty() {
                return Err(missing.into());
            }
            write_key_information(&infos)
        }
        0x00C1 => {
            let keys = store::channel_keys(ctx, 0).ok_or(missing)?;
            let counter = store::counter(ctx, keys.owner, keys.version).to_be_bytes();
            match keys.protocol {
                Protocol::Scp02(_) => counter[2..].to_vec(),
                Protocol::Scp03(_) => counter[1..].to_vec(),
            }
        }
        0x00C2 if authority::has(ctx, Privilege::ReceiptGeneration) => {
            authority::confirmations(ctx, owner).to_be_bytes().to_vec()
        }
        0x00D3 => alloc::vec![level],
        0x2F00 => {
            if request.list.first() != Some(&0x5C) {
                return Err(StatusWord::WRONG_DATA.into());
            }
            applications(ctx)
        }
        0xFF21 => resources(ctx),
        tag => value_of(ctx, owner, tag).ok_or(missing)?.to_vec(),
    })
}

/// Card capability (GP 2.3.1 §H.4): the protocols and the hashes of load files.
fn capability(ctx: &Context<'_>) -> Vec<u8> {
    let config = store::config(ctx);
    let mut out = Vec::new();
    let mut kinds = Vec::new();
    for version in store::channel_versions(ctx, ctx.owner) {
        let Some(keys) = store::channel_keys(ctx, version) else {
            continue;
        };
        let [scp, _] = keys.protocol.bytes();
        if keys.protocol != Protocol::SM4 && !kinds.contains(&scp) {
            kinds.push(scp);
        }
    }
    for scp in kinds {
        let i = if scp == 2 {
            config.scp02_i
        } else {
            config.scp03_i
        };
        let mut one = tlv::object(Tag::new(0x80), &[scp]);
        tlv::write(Tag::new(0x81), &[i], &mut one);
        if scp == 3 {
            // AES of 128, 192 and 256 bits.
            tlv::write(Tag::new(0x82), &[0x07], &mut one);
        }
        tlv::write(Tag::new(0xA0), &one, &mut out);
    }
    // SHA-1, SHA-256, SHA-384, SHA-512.
    tlv::write(Tag::new(0x83), &[1, 2, 3, 4], &mut out);
    out
}

/// The applications that a person could choose from.
fn applications(ctx: &Context<'_>) -> Vec<u8> {
    let sees_all = authority::has(ctx, Privilege::GlobalRegistry);
    let mut out = Vec::new();
    for entry in &ctx.registry.entries {
        let is_shown = entry.number != ISSUER
            && !entry.is_domain()
            && entry.life().is_selectable()
            && (sees_all || authority::is_below(ctx.registry, ctx.owner, entry.number));
        if is_shown {
            let mut one = tlv::object(Tag::new(0x4F), entry.aid.as_bytes());
            if !entry.label.is_empty() {
                tlv::write(Tag::new(0x50), &entry.label, &mut one);
            }
            tlv::write(Tag::new(0x61), &one, &mut out);
        }
    }
    out
}

/// Number of applications, free non-volatile and volatile memory.
fn resources(ctx: &Context<'_>) -> Vec<u8> {
    let count = u16::try_from(ctx.registry.entries.len().saturating_sub(1)).unwrap_or(u16::MAX);
    let free = u32::try_from(ctx.free()).unwrap_or(u32::MAX);
    let mut out = tlv::object(Tag::new(0x81), &count.to_be_bytes());
    tlv::write(Tag::new(0x82), &free.to_be_bytes(), &mut out);
    // UNSPECIFIED: volatile memory is not limited here; what a chain may take is said.
    let volatile = u32::try_from(super::CHAIN_LIMIT).unwrap_or(u32::MAX);
    tlv::write(Tag::new(0x83), &volatile.to_be_bytes(), &mut out);
    out
}

/// Personalisation of the domain itself: objects and keys (GP 2.3.1 §11.11.3).
pub(super) fn personalise(ctx: &mut Context<'_>, groups: &[DataGroup]) -> Result<(), Halt> {
    let mut wanted: Vec<KeyControl> = Vec::new();
    let mut exponent: Option<&[u8]> = None;
    for group in groups {
        match group.id {
            DGI_OBJECTS => {
                for object in tlv::objects(&group.value) {
                    let object = object.map_err(|_| StatusWord::WRONG_DATA)?;
                    let tag = u16::try_from(object.tag.value())
                        .map_err(|_| StatusWord::REFERENCE_NOT_FOUND)?;
                    put_object(ctx, tag, object.value)?;
                }
            }
            DGI_KEY_CONTROL => wanted = key_controls(&group.value)?,
            DGI_KEYS => put_keys(ctx, &core::mem::take(&mut wanted), &group.value)?,
            DGI_EXPONENT => exponent = Some(&group.value),
            DGI_MODULUS => {
                let [control] = &core::mem::take(&mut wanted)[..] else {
                    return Err(StatusWord::WRONG_DATA.into());
                };
                let exponent = exponent.take().ok_or(StatusWord::WRONG_DATA)?;
                let components = [(0xA1, group.value.to_vec()), (0xA0, exponent.to_vec())];
                let key = KeyMaterial::from_components(&components)
                    .map_err(|_| StatusWord::WRONG_DATA)?;
                stage(ctx, control.version, &[(control.id, key)])?;
            }
            tag => put_object(ctx, tag, &group.value)?,
        }
    }
    Ok(())
}

/// The longest data object that a domain keeps; answers and receipts carry several.
const OBJECT_MAX: usize = 255;

/// Stages one data object of the domain.
fn put_object(ctx: &mut Context<'_>, tag: u16, value: &[u8]) -> Result<(), Halt> {
    // What the card computes cannot be written.
    if matches!(tag, 0x00D3 | 0x2F00 | 0xFF21 | 0x00C1 | 0x00C2 | 0x00E0) || value.is_empty() {
        return Err(StatusWord::WRONG_DATA.into());
    }
    if tag == 0x004F {
        return rename(ctx, value);
    }
    if tag == 0x0066 {
        // UNSPECIFIED: recognition data follow the keys, so that they are never wrong.
        return Err(StatusWord::CONDITIONS.into());
    }
    let number = object_of(tag).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
    if value.len() > OBJECT_MAX {
        return Err(StatusWord::WRONG_DATA.into());
    }
    let is_once = matches!(tag, MEDIUM_ID | 0x9F7F);
    if is_once {
        if ctx.owner != ISSUER {
            return Err(StatusWord::REFERENCE_NOT_FOUND.into());
        }
        if ctx.get(number).is_some() {
            return Err(StatusWord::CONDITIONS.into());
        }
    }
    if tag == MEDIUM_ID && MediumId::from_packed(value).is_err() {
        return Err(StatusWord::WRONG_DATA.into());
    }
    ctx.put(number, value);
    Ok(())
}

/// A new AID for the issuer domain.
fn rename(ctx: &mut Context<'_>, value: &[u8]) -> Result<(), Halt> {
    let aid = Aid::parse(value).map_err(|_| StatusWord::WRONG_DATA)?;
    if ctx.owner != ISSUER {
        return Err(StatusWord::CONDITIONS.into());
    }
    if install::is_taken(ctx, &aid) {
        return Err(StatusWord::ALREADY_EXISTS.into());
    }
    if let Some(entry) = ctx.registry.entry_mut(ISSUER) {
        entry.aid = aid;
    }
    ctx.put_registry();
    Ok(())
}

/// What a control reference template says of one key.
struct KeyControl {
    kind: u8,
    len: usize,
    id: u8,
    version: u8,
    kcv: Option<Vec<u8>>,
}

fn key_controls(value: &[u8]) -> Result<Vec<KeyControl>, Halt> {
    let wrong = StatusWord::WRONG_DATA;
    let mut out = Vec::new();
    for object in tlv::objects(value) {
        let object = object.map_err(|_| wrong)?;
        if object.tag != Tag::new(0xB9) {
            return Err(wrong.into());
        }
        let find = |tag| tlv::find(object.value, Tag::new(tag)).ok();
        let byte = |tag| match find(tag) {
            Some([byte]) => Ok(*byte),
            _ => Err(wrong),
        };
        out.push(KeyControl {
            kind: byte(0x80)?,
            len: match find(0x81) {
                Some([len]) => usize::from(*len),
                Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
                _ => return Err(wrong.into()),
            },
            id: byte(0x82)?,
            version: byte(0x83)?,
            kcv: find(0x84).map(<[u8]>::to_vec),
        });
    }
    Ok(out)
}

/// Stages the keys whose values stand one after the other, as their controls say.
fn put_keys(ctx: &mut Context<'_>, controls: &[KeyControl], values: &[u8]) -> Result<(), Halt> {
    let wrong = StatusWord::WRONG_DATA;
    let mut rest = values;
    let mut keys: Vec<(u8, u8, KeyMaterial)> = Vec::new();
    for control in controls {
        let (value, more) = rest.split_at_checked(control.len).ok_or(wrong)?;
        rest = more;
        let components = Zeroizing::new([(control.kind, value.to_vec())]);
        let key = KeyMaterial::from_components(&components[..]).map_err(|_| wrong)?;
        let own = key.kcv().map(|kcv| kcv.to_vec());
        if control.kcv.is_some() && control.kcv != own {
            return Err(StatusWord::SECURITY_STATUS.into());
        }
        keys.push((control.version, control.id, key));
    }
    // Zeros may complete the last block under the data key.
    if controls.is_empty() || rest.len() >= 16 || rest.iter().any(|byte| *byte != 0) {
        return Err(wrong.into());
    }
    let mut versions: Vec<u8> = keys.iter().map(|(version, ..)| *version).collect();
    versions.dedup();
    for version in versions {
        let (of, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(|(v, ..)| *v == version);
        keys = others;
        let of: Vec<(u8, KeyMaterial)> = of.into_iter().map(|(_, id, key)| (id, key)).collect();
        stage(ctx, version, &of)?;
    }
    Ok(())
}

/// Personalisation may write keys over those that are there.
fn stage(ctx: &mut Context<'_>, version: u8, keys: &[(u8, KeyMaterial)]) -> Result<(), Halt> {
    if !(1..=0x7F).contains(&version) || keys.iter().any(|(id, _)| !(1..=0x7F).contains(id)) {
        return Err(StatusWord::WRONG_DATA.into());
    }
    let owner = ctx.owner;
    let names = store::key_names(ctx, owner);
    let all_there = keys.iter().all(|(id, _)| names.contains(&(version, *id)));
    let replace = if all_there && !keys.is_empty() {
        version
    } else {
        0
    };
    keys::stage(ctx, owner, replace, version, keys)
}
