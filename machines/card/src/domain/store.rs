//! What a domain keeps in memory: keys, counters, tries, parameters, data objects.
//!
//! A key's object has its version as the high byte of its number and its identifier as the
//! low one; beside it are the version's counters. Data objects have numbers below 0100.

use alloc::vec::Vec;

use tongtu_apdu::StatusWord;
use tongtu_apdu::tlv;
use tongtu_crypto::WideCipher;
use tongtu_globalplatform::key::{KeyMaterial, kind};
use tongtu_globalplatform::scp::{Protocol, StaticKeys};
use zeroize::Zeroizing;

use crate::context::{Context, Halt};
use crate::factory::{self, Channel};
use crate::journal::ObjectId;
use crate::registry::ISSUER;

/// The parameters of a domain.
const CONFIG: u16 = 0x0001;
/// How a host finds the keys, ten bytes.
const DIVERSIFICATION: u16 = 0x0002;
/// Confirmation counter of a domain that makes receipts.
pub(super) const CONFIRMATIONS: u16 = 0x00C2;

/// Beside the keys of a version, in the place of an identifier: the sequence counter.
const COUNTER: u8 = 0x80;
/// Failed authentications in a row.
const FAILURES: u8 = 0x81;
/// The highest token number that was taken under a token key.
const TOKEN_NUMBER: u8 = 0x82;

/// Key versions with a meaning of their own.
pub(super) mod version {
    /// Token verification, identifier 1.
    pub(in super::super) const TOKEN: u8 = 0x70;
    /// Receipt generation, identifier 1.
    pub(in super::super) const RECEIPT: u8 = 0x71;
    /// DAP verification, identifier 1.
    pub(in super::super) const DAP: u8 = 0x73;
    /// Ciphered load file data blocks, identifier 1.
    pub(in super::super) const LOAD: u8 = 0x75;
    /// The keys that a card leaves the factory with.
    pub(in super::super) const INITIAL: u8 = 0xFF;
}

/// A domain's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// Key version that version 0 means.
    pub(super) default_version: u8,
    /// `i` of SCP02.
    pub(super) scp02_i: u8,
    /// `i` of SCP03.
    pub(super) scp03_i: u8,
    /// Failures that block a key version.
    pub(super) try_limit: u8,
    /// Whether tokens without a number are taken.
    pub(super) batch_tokens: bool,
    /// Whether channels are opened over contacts only.
    pub(super) contact_only: bool,
    /// Whether applications may come to this domain.
    pub(super) accepts_arrivals: bool,
    /// Whether applications may leave it.
    pub(super) accepts_departures: bool,
    /// Whether it, and what is in it, may be deleted from above.
    pub(super) accepts_deletion: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_version: 0,
            scp02_i: 0x15,
            scp03_i: 0x70,
            try_limit: 15,
            batch_tokens: true,
            contact_only: false,
            accepts_arrivals: true,
            accepts_departures: true,
            accepts_deletion: true,
        }
    }
}

impl Config {
    fn encode(&self) -> [u8; 9] {
        [
            self.default_version,
            self.scp02_i,
            self.scp03_i,
            self.try_limit,
            u8::from(self.batch_tokens),
            u8::from(self.contact_only),
            u8::from(self.accepts_arrivals),
            u8::from(self.accepts_departures),
            u8::from(self.accepts_deletion),
        ]
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let [default_version, scp02_i, scp03_i, try_limit, flags @ ..] = bytes else {
            return None;
        };
        let [batch, contact, arrivals, departures, deletion] = *flags else {
            return None;
        };
        Some(Self {
            default_version: *default_version,
            scp02_i: *scp02_i,
            scp03_i: *scp03_i,
            try_limit: *try_limit,
            batch_tokens: batch != 0,
            contact_only: contact != 0,
            accepts_arrivals: arrivals != 0,
            accepts_departures: departures != 0,
            accepts_deletion: deletion != 0,
        })
    }
}

/// The parameters of a domain.
pub(super) fn config_of(ctx: &Context<'_>, owner: u16) -> Config {
    ctx.get_of(ObjectId::new(owner, CONFIG))
        .and_then(Config::decode)
        .unwrap_or_default()
}

/// The parameters of the acting domain.
pub(super) fn config(ctx: &Context<'_>) -> Config {
    config_of(ctx, ctx.owner)
}

fn put_config(ctx: &mut Context<'_>, owner: u16, config: &Config) {
    ctx.put_of(ObjectId::new(owner, CONFIG), config.encode());
}

/// Stages a new domain: its parameters are the issuer domain's, changed by what the install
/// parameters say (seen in public implementations: `81` protocol and `i`, `82`, `83` and `87`
/// what the domain accepts, `84` and `86` without effect here).
pub(super) fn install(ctx: &mut Context<'_>, parameters: &[u8]) -> Result<(), Halt> {
    let mut config = config_of(ctx, ISSUER);
    config.default_version = 0;
    for object in tlv::objects(parameters) {
        let object = object.map_err(|_| StatusWord::WRONG_DATA)?;
        let first = object.value.first();
        match object.tag.value() {
            0x81 => {
                let [scp, i] = *object.value else {
                    return Err(StatusWord::WRONG_DATA.into());
                };
                match Protocol::from_bytes([scp, i]) {
                    Some(Protocol::Scp02(i)) => config.scp02_i = i,
                    Some(Protocol::Scp03(i)) => config.scp03_i = i,
                    None => return Err(StatusWord::WRONG_DATA.into()),
                }
            }
            0x82 => config.accepts_arrivals = first != Some(&0),
            0x83 => config.accepts_deletion = first != Some(&0),
            0x87 => config.accepts_departures = first != Some(&0),
            _ => {}
        }
    }
    let owner = ctx.owner;
    put_config(ctx, owner, &config);
    Ok(())
}

/// Stages what the factory gives the issuer domain.
pub(crate) fn provision(ctx: &mut Context<'_>, issuer: &factory::Issuer) -> Result<(), Halt> {
    let wrong = Halt::Status(StatusWord::WRONG_DATA);
    let announced = [[2, issuer.scp02_i], [3, issuer.scp03_i]];
    if announced.iter().any(|p| Protocol::from_bytes(*p).is_none()) {
        return Err(wrong);
    }
    let config = Config {
        default_version: issuer.key_sets.first().map_or(0, |set| set.version),
        scp02_i: issuer.scp02_i,
        scp03_i: issuer.scp03_i,
        try_limit: issuer.try_limit,
        batch_tokens: issuer.batch_tokens,
        contact_only: issuer.contact_only,
        ..Config::default()
    };
    let owner = ctx.owner;
    put_config(ctx, owner, &config);
    for set in &issuer.key_sets {
        let kind = match set.channel {
            Channel::Scp02 => kind::TDES,
            Channel::Scp03 => kind::AES,
            Channel::Sm4 => kind::SM4,
        };
        for (id, key) in (1..).zip(&set.keys) {
            let key = KeyMaterial::from_components(&[(kind, key.to_vec())]).map_err(|_| wrong)?;
            put_key(ctx, owner, set.version, id, &key);
        }
    }
    ctx.put(DIVERSIFICATION, issuer.diversification);
    for (tag, value) in [
        (0x0042, &issuer.provider_id),
        (0x0045, &issuer.image_number),
        (0x9F7F, &issuer.production),
    ] {
        if let Some(number) = super::data::object_of(tag)
            && !value.is_empty()
        {
            ctx.put(number, value.clone());
        }
    }
    Ok(())
}

/// What INITIALIZE UPDATE answers first.
pub(super) fn diversification(ctx: &Context<'_>, owner: u16) -> [u8; 10] {
    let own = ctx.get_of(ObjectId::new(owner, DIVERSIFICATION));
    let issuer = ctx.get_of(ObjectId::new(ISSUER, DIVERSIFICATION));
    own.or(issuer)
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or([0; 10])
}

fn number(version: u8, id: u8) -> u16 {
    u16::from_be_bytes([version, id])
}

/// Version and identifier of every key of a domain, by version.
pub(super) fn key_names(ctx: &Context<'_>, owner: u16) -> Vec<(u8, u8)> {
    ctx.ids_of(owner)
        .into_iter()
        .map(|id| id.number.to_be_bytes())
        .filter(|[version, id]| {
            matches!(*version, 1..=0x7F | version::INITIAL) && matches!(*id, 1..=0x7F)
        })
        .map(|[version, id]| (version, id))
        .collect()
}

/// A key in a form that can be used.
pub(super) fn key(ctx: &Context<'_>, owner: u16, version: u8, id: u8) -> Option<KeyMaterial> {
    let bytes = ctx.get_of(ObjectId::new(owner, number(version, id)))?;
    let mut components = Zeroizing::new(Vec::new());
    let mut rest = bytes;
    while let [kind, high, low, more @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, more) = more.split_at_checked(len)?;
        components.push((*kind, value.to_vec()));
        rest = more;
    }
    KeyMaterial::from_components(&components).ok()
}

/// Stages a key.
pub(super) fn put_key(ctx: &mut Context<'_>, owner: u16, version: u8, id: u8, key: &KeyMaterial) {
    let mut bytes = Zeroizing::new(Vec::new());
    for (kind, value) in key.components().iter() {
        bytes.push(*kind);
        let len = u16::try_from(value.len()).expect("a key component is short");
        bytes.extend(len.to_be_bytes());
        bytes.extend(value);
    }
    ctx.put_of(ObjectId::new(owner, number(version, id)), bytes.to_vec());
}

/// Stages the removal of a key.
pub(super) fn remove_key(ctx: &mut Context<'_>, owner: u16, version: u8, id: u8) {
    ctx.remove_of(ObjectId::new(owner, number(version, id)));
}

/// Stages the removal of what stands beside the keys of a version.
pub(super) fn reset_version(ctx: &mut Context<'_>, owner: u16, version: u8) {
    for beside in [COUNTER, FAILURES] {
        ctx.remove_of(ObjectId::new(owner, number(version, beside)));
    }
}

/// Stages which key version a host gets that names none.
pub(super) fn set_default_version(ctx: &mut Context<'_>, owner: u16, version: u8) {
    let mut config = config_of(ctx, owner);
    config.default_version = version;
    put_config(ctx, owner, &config);
}

/// The three keys of a channel, and whose they are.
pub(super) struct ChannelKeys {
    /// The domain that holds them.
    pub(super) owner: u16,
    /// Their version.
    pub(super) version: u8,
    /// What they are for.
    pub(super) protocol: Protocol,
    /// The keys.
    pub(super) keys: StaticKeys,
}

/// The keys that a channel to the acting domain uses; version 0 means the default. A domain
/// without keys of its own uses those of the domain that it is associated with (GP 2.3.1
/// §10.1).
pub(super) fn channel_keys(ctx: &Context<'_>, version: u8) -> Option<ChannelKeys> {
    let mut owner = ctx.owner;
    loop {
        let versions = channel_versions(ctx, owner);
        if versions.is_empty() {
            let above = ctx.registry.entry(owner)?.domain;
            if above == owner {
                return None;
            }
            owner = above;
            continue;
        }
        let version = match version {
            0 => {
                let default = config_of(ctx, owner).default_version;
                versions
                    .iter()
                    .find(|version| **version == default)
                    .or(versions.first())
                    .copied()?
            }
            named => named,
        };
        return keys_of(ctx, owner, version);
    }
}

/// Versions of a domain that have keys 1 to 3 of one kind.
pub(super) fn channel_versions(ctx: &Context<'_>, owner: u16) -> Vec<u8> {
    let names = key_names(ctx, owner).into_iter();
    names
        .filter(|(_, id)| *id == 1)
        .map(|(version, _)| version)
        .filter(|version| opens_channel(ctx, owner, *version))
        .collect()
}

/// Whether a version's keys, as staged, are for channels.
pub(super) fn opens_channel(ctx: &Context<'_>, owner: u16, version: u8) -> bool {
    !matches!(version, version::TOKEN..=version::LOAD) && keys_of(ctx, owner, version).is_some()
}

fn keys_of(ctx: &Context<'_>, owner: u16, version: u8) -> Option<ChannelKeys> {
    let key = |id| key(ctx, owner, version, id);
    let config = config_of(ctx, owner);
    let (protocol, keys) = match (key(1)?, key(2)?, key(3)?) {
        (KeyMaterial::Tdes(enc), KeyMaterial::Tdes(mac), KeyMaterial::Tdes(dek)) => (
            Protocol::Scp02(config.scp02_i),
            StaticKeys::Scp02 { enc, mac, dek },
        ),
        (KeyMaterial::Wide(enc), KeyMaterial::Wide(mac), KeyMaterial::Wide(dek)) => {
            let sm4 = |key: &tongtu_crypto::WideKey| key.cipher() == WideCipher::Sm4;
            let protocol = match (sm4(&enc), sm4(&mac), sm4(&dek)) {
                (true, true, true) => Protocol::SM4,
                (false, false, false) => Protocol::Scp03(config.scp03_i),
                _ => return None,
            };
            (protocol, StaticKeys::Scp03 { enc, mac, dek })
        }
        _ => return None,
    };
    Some(ChannelKeys {
        owner,
        version,
        protocol,
        keys,
    })
}

/// The sequence counter of a version.
pub(super) fn counter(ctx: &Context<'_>, owner: u16, version: u8) -> u32 {
    ctx.get_of(ObjectId::new(owner, number(version, COUNTER)))
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}

/// The counter that a channel is offered with. SCP03 counts every INITIALIZE UPDATE with a
/// computed challenge, here and now; SCP02 counts when the host proved itself.
pub(super) fn next_counter(ctx: &mut Context<'_>, keys: &ChannelKeys) -> Result<u32, Halt> {
    let counter = counter(ctx, keys.owner, keys.version);
    match keys.protocol {
        Protocol::Scp02(_) if counter <= 0x7FFF => Ok(counter),
        Protocol::Scp03(_) if !keys.protocol.is_pseudo_random() => Ok(0),
        Protocol::Scp03(_) if counter < 0xFF_FFFF => {
            let id = ObjectId::new(keys.owner, number(keys.version, COUNTER));
            ctx.put_of(id, (counter + 1).to_be_bytes());
            Ok(counter + 1)
        }
        _ => Err(StatusWord::CONDITIONS.into()),
    }
}

/// Whether the counter of a version counts authentications (SCP02); `None` without its keys.
pub(super) fn counts_when_authenticated(
    ctx: &Context<'_>,
    owner: u16,
    version: u8,
) -> Option<bool> {
    let keys = keys_of(ctx, owner, version)?;
    Some(matches!(keys.protocol, Protocol::Scp02(_)))
}

/// Stages what a host that proved itself changes: the counter, and its tries come back.
pub(super) fn authenticated(ctx: &mut Context<'_>, owner: u16, version: u8, counts: bool) {
    if counts {
        let counter = counter(ctx, owner, version) + 1;
        let id = ObjectId::new(owner, number(version, COUNTER));
        ctx.put_of(id, counter.to_be_bytes());
    }
    let id = ObjectId::new(owner, number(version, FAILURES));
    if ctx.get_of(id).is_some() {
        ctx.remove_of(id);
    }
}

fn failures(ctx: &Context<'_>, owner: u16, version: u8) -> u8 {
    ctx.get_of(ObjectId::new(owner, number(version, FAILURES)))
        .and_then(<[u8]>::first)
        .copied()
        .unwrap_or(0)
}

/// Stages one failed authentication.
pub(super) fn failed(ctx: &mut Context<'_>, owner: u16, version: u8) {
    let count = failures(ctx, owner, version).saturating_add(1);
    ctx.put_of(ObjectId::new(owner, number(version, FAILURES)), [count]);
}

/// Whether failed authentications blocked a version. Other versions and domains go on.
///
/// UNSPECIFIED: the limit, and that it is for each key version; replacing the keys ends it.
pub(super) fn is_blocked(ctx: &Context<'_>, owner: u16, version: u8) -> bool {
    failures(ctx, owner, version) >= config_of(ctx, owner).try_limit
}

/// The highest token number taken under the token key of a domain.
pub(super) fn token_number<'a>(ctx: &'a Context<'_>, owner: u16) -> Option<&'a [u8]> {
    ctx.get_of(ObjectId::new(owner, number(version::TOKEN, TOKEN_NUMBER)))
}

/// Stages the highest token number.
pub(super) fn put_token_number(ctx: &mut Context<'_>, owner: u16, value: &[u8]) {
    let id = ObjectId::new(owner, number(version::TOKEN, TOKEN_NUMBER));
    ctx.put_of(id, value);
}

/// Stages the removal of everything that an application or load file keeps.
pub(super) fn remove_all(ctx: &mut Context<'_>, owner: u16) {
    for id in ctx.ids_of(owner) {
        ctx.remove_of(id);
    }
}
