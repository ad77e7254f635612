//! The instance's objects: what they are called, and the ones with a form of their own.
//!
//! Records and groups lie under their DGI, elements under their tag; the rest has the numbers
//! below `0100`, extension records those of [`super::composite`].

use tongtu_apdu::tlv::Tag;
use tongtu_crypto::{Algorithm, BlockKey, RsaSecretKey, SecretKey};
use tongtu_ecash::oda::SigningKey;
use tongtu_ecash::perso::dgi;
use tongtu_ecash::{Amount, tag};
use zeroize::Zeroizing;

use super::ring::Ring;
use crate::context::Context;

const COUNTERS: u16 = 0x0001;
const BALANCE: u16 = 0x0002;
const OFFSET_USED: u16 = 0x0003;
const PROOF: u16 = 0x0004;
/// The PIN block in clear, `2L`, digits, `F`s.
pub(super) const PIN: u16 = 0x0006;
/// Tries left, and their limit.
pub(super) const PIN_TRIES: u16 = 0x0007;
/// The RSA public exponent.
pub(super) const EXPONENT: u16 = 0x0008;

/// The last file whose records belong to the application itself.
pub(super) const LAST_RECORD_FILE: u8 = 10;
/// The transaction log.
pub(super) const LOG: Ring = Ring {
    head: 0x00B0,
    base: 0x0B00,
    capacity: 10,
};
/// The load log.
pub(super) const LOAD_LOG: Ring = Ring {
    head: 0x00C0,
    base: 0x0C00,
    capacity: 10,
};

/// The log that is read under an SFI.
pub(super) const fn log_of(sfi: u8) -> Option<Ring> {
    match sfi {
        0x0B => Some(LOG),
        0x0C => Some(LOAD_LOG),
        _ => None,
    }
}

/// Elements that GET DATA gives out as they lie in the journal.
pub(super) const READABLE: &[Tag] = &[
    tag::BALANCE_CAP,
    tag::SINGLE_LIMIT,
    tag::RESET_THRESHOLD,
    tag::CVM_LIMIT,
    tag::APP_CURRENCY,
    tag::CURRENCY_EXPONENT,
    tag::ADDITIONAL_PROCESSING,
    tag::DEFAULT_ACTION,
    tag::LOG_FORMAT,
    tag::LOAD_LOG_FORMAT,
    tag::OFFSET_LIMIT,
    tag::PRODUCT,
    tag::AUTHORISATION_CODE,
];

/// The object of an element.
pub(super) fn element(tag: Tag) -> u16 {
    u16::try_from(tag.value()).expect("elements of the e-cash have tags of two bytes")
}

/// Whether any record of a file of the application is there.
pub(super) fn has_file(ctx: &Context<'_>, sfi: u8) -> bool {
    let ids = ctx.ids_of(ctx.owner);
    (1..=LAST_RECORD_FILE).contains(&sfi) && ids.iter().any(|id| id.number >> 8 == u16::from(sfi))
}

/// What the card remembers between sessions, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// The application is blocked.
    Blocked = 0x01,
    /// An ARQC was not followed by a second cryptogram.
    OnlineUnfinished = 0x02,
    /// The issuer's answer was wrong.
    AuthenticationFailed = 0x04,
    /// The issuer's answer was left out.
    AuthenticationMissing = 0x08,
    /// A script command was wrong.
    ScriptFailed = 0x10,
}

/// Counters and flags: `ATC | last online ATC | flags | scripts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counters {
    pub(super) atc: u16,
    pub(super) last_online: u16,
    flags: u8,
    pub(super) scripts: u8,
}

impl Counters {
    pub(super) fn read(ctx: &Context<'_>) -> Self {
        match ctx.get(COUNTERS) {
            Some([a, b, c, d, flags, scripts]) => Self {
                atc: u16::from_be_bytes([*a, *b]),
                last_online: u16::from_be_bytes([*c, *d]),
                flags: *flags,
                scripts: *scripts,
            },
            _ => Self::default(),
        }
    }

    pub(super) fn stage(&self, ctx: &mut Context<'_>) {
        let [a, b] = self.atc.to_be_bytes();
        let [c, d] = self.last_online.to_be_bytes();
        ctx.put(COUNTERS, [a, b, c, d, self.flags, self.scripts]);
    }

    pub(super) const fn has(&self, flag: Flag) -> bool {
        self.flags & flag.mask() != 0
    }

    pub(super) const fn set(&mut self, flag: Flag, on: bool) {
        if on {
            self.flags |= flag.mask();
        } else {
            self.flags &= !flag.mask();
        }
    }
}

impl Flag {
    const fn mask(self) -> u8 {
        match self {
            Self::Blocked => 0x01,
            Self::OnlineUnfinished => 0x02,
            Self::AuthenticationFailed => 0x04,
            Self::AuthenticationMissing => 0x08,
            Self::ScriptFailed => 0x10,
        }
    }
}

/// The last completed payment: its counter and cryptogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) atc: u16,
    pub(super) cryptogram: [u8; 8],
}

impl Proof {
    pub(super) fn read(ctx: &Context<'_>) -> Option<Self> {
        let (atc, cryptogram) = ctx.get(PROOF)?.split_first_chunk::<2>()?;
        Some(Self {
            atc: u16::from_be_bytes(*atc),
            cryptogram: cryptogram.try_into().ok()?,
        })
    }

    pub(super) fn stage(self, ctx: &mut Context<'_>) {
        let mut value = self.atc.to_be_bytes().to_vec();
        value.extend(self.cryptogram);
        ctx.put(PROOF, value);
    }
}

fn money(ctx: &Context<'_>, object: u16) -> Amount {
    let bytes = ctx.get(object).unwrap_or_default();
    Amount::decode(bytes).unwrap_or(Amount::ZERO)
}

/// The balance (9F79): what may be spent; what is set aside is not in it.
pub(super) fn balance(ctx: &Context<'_>) -> Amount {
    money(ctx, BALANCE)
}

pub(super) fn set_balance(ctx: &mut Context<'_>, balance: Amount) {
    ctx.put(BALANCE, balance.encode());
}

/// What segmented fares took above the balance (DF63).
pub(super) fn offset_used(ctx: &Context<'_>) -> Amount {
    money(ctx, OFFSET_USED)
}

pub(super) fn set_offset_used(ctx: &mut Context<'_>, used: Amount) {
    ctx.put(OFFSET_USED, used.encode());
}

/// A limit; absent means nothing is allowed.
pub(super) fn limit(ctx: &Context<'_>, tag: Tag) -> Amount {
    money(ctx, element(tag))
}

/// One of the card's symmetric keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRole {
    Cryptogram,
    Mac,
    Encipher,
}

/// Which algorithm set the instance was personalised with.
///
/// UNSPECIFIED: cards that hold both sets choose by DF69; how their records are shared out is
/// not known, so an instance has one set.
pub(super) fn algorithm(ctx: &Context<'_>) -> Algorithm {
    if ctx.get(dgi::KEYS_SM4).is_some() {
        Algorithm::Sm4
    } else {
        Algorithm::Tdes
    }
}

/// The bytes of a symmetric key.
pub(super) fn key_bytes(
    ctx: &Context<'_>,
    algorithm: Algorithm,
    role: KeyRole,
) -> Option<Zeroizing<[u8; 16]>> {
    let group = match algorithm {
        Algorithm::Tdes => dgi::KEYS_TDES,
        Algorithm::Sm4 => dgi::KEYS_SM4,
    };
    let (keys, _) = ctx.get(group)?.as_chunks::<16>();
    let at = match role {
        KeyRole::Cryptogram => 0,
        KeyRole::Mac => 1,
        KeyRole::Encipher => 2,
    };
    keys.get(at).copied().map(Zeroizing::new)
}

/// A symmetric key.
pub(super) fn key(ctx: &Context<'_>, algorithm: Algorithm, role: KeyRole) -> Option<BlockKey> {
    Some(BlockKey::new(algorithm, *key_bytes(ctx, algorithm, role)?))
}

/// The card's signing key of an algorithm set.
pub(super) fn signing_key(ctx: &Context<'_>, algorithm: Algorithm) -> Option<SigningKey> {
    match algorithm {
        Algorithm::Tdes => {
            let (p, q) = (ctx.get(dgi::RSA_P)?, ctx.get(dgi::RSA_Q)?);
            let key = RsaSecretKey::from_primes(p, q, ctx.get(EXPONENT)?).ok()?;
            Some(SigningKey::Rsa(key))
        }
        Algorithm::Sm4 => {
            let bytes = Zeroizing::new(<[u8; 32]>::try_from(ctx.get(dgi::SM2_KEY)?).ok()?);
            Some(SigningKey::Sm2(SecretKey::from_bytes(&bytes).ok()?))
        }
    }
}
