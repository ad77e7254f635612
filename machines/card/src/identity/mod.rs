//! The identity application (身份认证应用) on the card.
//!
//! Here: its key pair, certificate and PIN, and what each command does to them. Not here: the
//! commands' bytes (`tongtu-identity`), certificates' content, and the medium id, which
//! belongs to the issuer domain and is only read.

use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, Command, Response, StatusWord, tlv};
use tongtu_crypto::{PublicKey, SecretKey, equal};
use tongtu_identity::{
    DataObject, GenerateKeyPair, GetData, IDENTITY, InternalAuthenticate, Pin, VERSION, Verify,
    group, proof, public_key_point,
};
use zeroize::Zeroizing;

use crate::context::{Context, DataGroup, Halt};

/// The private key, 32 bytes.
const PRIVATE: u16 = 1;
/// The public key, X and Y.
const PUBLIC: u16 = 2;
/// The certificate, opaque.
const CERTIFICATE: u16 = 3;
/// The PIN.
const PIN: u16 = 4;
/// How many wrong PINs in a row block it.
const PIN_LIMIT: u16 = 5;
/// How many tries are left.
const PIN_LEFT: u16 = 6;

/// UNSPECIFIED: three tries where personalisation says nothing, as PINs of this field have.
const PIN_LIMIT_DEFAULT: u8 = 3;

/// The volatile state of a selected instance.
#[derive(Default)]
pub(crate) struct Session {
    /// The PIN that was verified; the issuer may have set another one since.
    verified: Option<Zeroizing<Vec<u8>>>,
}

/// Stages the first objects of a new instance: none. Parameters mean nothing here.
pub(crate) fn install(_ctx: &mut Context<'_>, parameters: &[u8]) -> Result<(), Halt> {
    if !parameters.is_empty() {
        return Err(StatusWord::WRONG_DATA.into());
    }
    Ok(())
}

/// Stages what personalisation data say. A certificate needs the key that it is about.
pub(crate) fn personalise(ctx: &mut Context<'_>, groups: &[DataGroup]) -> Result<(), Halt> {
    for DataGroup { id, value } in groups {
        match *id {
            group::CERTIFICATE => {
                if value.is_empty() {
                    return Err(StatusWord::WRONG_DATA.into());
                }
                if ctx.get(PRIVATE).is_none() {
                    return Err(StatusWord::CONDITIONS.into());
                }
                ctx.put(CERTIFICATE, value.as_slice());
            }
            group::PIN if value.is_empty() => {
                ctx.remove(PIN);
                ctx.remove(PIN_LEFT);
            }
            group::PIN => {
                let pin = Pin::from_packed(value).ok_or(StatusWord::WRONG_DATA)?;
                ctx.put(PIN, pin.danger_bytes());
                give_tries_back(ctx);
            }
            group::KEY_PAIR => {
                if !value.is_empty() {
                    return Err(StatusWord::WRONG_DATA.into());
                }
                ctx.remove(PRIVATE);
                ctx.remove(PUBLIC);
                ctx.remove(CERTIFICATE);
            }
            group::PIN_LIMIT => {
                let [limit @ 1..=15] = value[..] else {
                    return Err(StatusWord::WRONG_DATA.into());
                };
                ctx.put(PIN_LIMIT, [limit]);
                give_tries_back(ctx);
            }
            _ => return Err(StatusWord::REFERENCE_NOT_FOUND.into()),
        }
    }
    Ok(())
}

/// Begins a session.
pub(crate) fn select(ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
    let entry = ctx.registry.entry(ctx.owner);
    let aid = entry.map_or(IDENTITY, |entry| entry.aid);
    let mut inside = Vec::new();
    tlv::write(tlv::Tag::new(0x9F08), &VERSION.to_be_bytes(), &mut inside);
    let fci = tongtu_apdu::select::fci(&aid, &inside);
    Ok((Session::default(), Response::ok(fci)))
}

impl Session {
    /// Handles one command.
    pub(crate) fn process(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        match command.ins {
            GenerateKeyPair::INS => generate(ctx, command),
            GetData::INS => get_data(ctx, command),
            Verify::INS => self.verify(ctx, command),
            InternalAuthenticate::INS => self.authenticate(ctx, command),
            _ if matches!(command.cla, 0x00 | 0x80) => Err(StatusWord::INS_NOT_SUPPORTED.into()),
            _ => Err(StatusWord::CLA_NOT_SUPPORTED.into()),
        }
    }

    /// Compares a PIN. The try is taken before the comparison and given back after a right one:
    /// pulling the card out never saves a try, at worst it costs one.
    fn verify(&mut self, ctx: &mut Context<'_>, command: &Command) -> Result<Response, Halt> {
        let Verify { pin } = Verify::from_command(command)?;
        let reference = ctx.get(PIN).ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        let reference = Zeroizing::new(reference.to_vec());
        let left = tries_left(ctx);
        let Some(pin) = pin else {
            return Ok(Response::status(match left {
                0 => StatusWord::AUTH_BLOCKED,
                _ if self.has_verified(&reference) => StatusWord::OK,
                left => StatusWord::tries_left(left),
            }));
        };
        self.verified = None;
        let left = left.checked_sub(1).ok_or(StatusWord::AUTH_BLOCKED)?;
        ctx.put(PIN_LEFT, [left]);
        ctx.commit()?;
        if !equal(pin.danger_bytes(), &reference) {
            return Err(StatusWord::tries_left(left).into());
        }
        give_tries_back(ctx);
        ctx.commit()?;
        self.verified = Some(reference);
        Ok(Response::ok([]))
    }

    /// Whether this PIN was verified on this channel.
    fn has_verified(&self, pin: &[u8]) -> bool {
        self.verified.as_ref().is_some_and(|seen| equal(seen, pin))
    }

    fn authenticate(&self, ctx: &Context<'_>, command: &Command) -> Result<Response, Halt> {
        let InternalAuthenticate { challenge } = InternalAuthenticate::from_command(command)?;
        let key = secret_key(ctx).ok_or(StatusWord::CONDITIONS)?;
        if let Some(pin) = ctx.get(PIN) {
            if tries_left(ctx) == 0 {
                return Err(StatusWord::AUTH_BLOCKED.into());
            }
            if !self.has_verified(pin) {
                return Err(StatusWord::SECURITY_STATUS.into());
            }
        }
        let medium = ctx.medium_id().ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        let signature = key.sign(&proof::message(&challenge, &medium));
        Ok(Response::ok(signature.0))
    }
}

fn generate(ctx: &mut Context<'_>, command: &Command) -> Result<Response, Halt> {
    let GenerateKeyPair = GenerateKeyPair::from_command(command)?;
    if ctx.get(PRIVATE).is_some() {
        return Err(StatusWord::CONDITIONS.into());
    }
    let key = SecretKey::generate(ctx.entropy);
    ctx.put(PRIVATE, key.danger_to_bytes().as_slice());
    ctx.put(PUBLIC, key.public().to_xy());
    ctx.commit()?;
    Ok(Response::ok(public_key_point(key.public())))
}

fn get_data(ctx: &Context<'_>, command: &Command) -> Result<Response, Halt> {
    let GetData { object } = GetData::from_command(command)?;
    let found = match object {
        DataObject::Certificate => ctx
            .get(CERTIFICATE)
            .map(|certificate| tlv::object(object.tag(), certificate)),
        DataObject::PublicKey => public_key(ctx).map(|key| GetData::public_key_object(&key)),
    };
    Ok(Response::ok(found.ok_or(StatusWord::REFERENCE_NOT_FOUND)?))
}

fn secret_key(ctx: &Context<'_>) -> Option<SecretKey> {
    SecretKey::from_bytes(ctx.get(PRIVATE)?.try_into().ok()?).ok()
}

fn public_key(ctx: &Context<'_>) -> Option<PublicKey> {
    PublicKey::from_xy(ctx.get(PUBLIC)?.try_into().ok()?).ok()
}

fn one_byte(ctx: &Context<'_>, number: u16) -> Option<u8> {
    ctx.get(number)?.first().copied()
}

fn tries_left(ctx: &Context<'_>) -> u8 {
    one_byte(ctx, PIN_LEFT).unwrap_or(0)
}

fn give_tries_back(ctx: &mut Context<'_>) {
    let limit = one_byte(ctx, PIN_LIMIT).unwrap_or(PIN_LIMIT_DEFAULT);
    ctx.put(PIN_LEFT, [limit]);
}

#[cfg(test)]
mod tests;
