//! A secure channel to a card whose keys stay here: opened, used and given back.
//!
//! What is here: the channel as whoever personalises holds it ([`CardSession`]), and what a custody
//! puts into it ([`SealedKeys`], key blocks of PUT KEY, [`CardPair`]). What is not here: the commands
//! of a personalisation, and how a channel is made (`tongtu-globalplatform`).
//!
//! A domain's three keys come of its master and ten bytes that its card says of itself (KEYDATA):
//! six of them, `F0`, the key's number, the same six, `0F`, the number, enciphered under the master
//! (EMV CPS). UNSPECIFIED: the same for masters of AES and SM4, whose block these sixteen bytes are;
//! no text that we could read says how those are diversified.

use std::fmt;

use tongtu_apdu::{Command, Response};
use tongtu_crypto::{RsaSecretKey, SecretKey, TdesKey, WideCipher, WideKey, padding};
use tongtu_globalplatform::command::InitializeAnswer;
use tongtu_globalplatform::key::{KeyBlock, KeyMaterial};
use tongtu_globalplatform::scp::{ChannelError, HostChannel, Protocol, SecurityLevel, StaticKeys};
use tongtu_keyring::code::KeyAlgorithm;
use zeroize::Zeroizing;

use crate::custody::{PublicPart, Source};
use crate::error::CustodyError;
use crate::material::Material;
use crate::name::{KeyName, Label};
use crate::rule::Operation;

/// The keys of a card's domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainKeys<'a> {
    /// The key in custody.
    pub label: Label,
    /// What the card says of itself; without it the key itself is all three, as blank cards of a
    /// lot have it.
    pub card: Option<&'a [u8; 10]>,
}

/// What a channel is opened with, the keys aside.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// What the card announced, for the options of SCP02.
    pub protocol: Protocol,
    /// What INITIALIZE UPDATE asked with.
    pub host_challenge: [u8; 8],
    /// What the card answered to it.
    pub answer: &'a InitializeAnswer,
    /// How much is to be protected.
    pub level: SecurityLevel,
}

/// Keys enciphered for a card, under the data key of its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKeys {
    /// The keys one after the other, enciphered as one value.
    pub bytes: Vec<u8>,
    /// The check value of each.
    pub checks: Vec<[u8; 3]>,
}

/// How a value ends before it is enciphered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// As it is.
    Bare,
    /// With `80 00…`.
    Padded,
}

/// A part of a card's own key that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairPart {
    /// RSA, the first prime.
    RsaP,
    /// RSA, the second prime.
    RsaQ,
    /// SM2, the scalar.
    Sm2,
}

/// A new key of a card that signs: its secret parts are nowhere but in here, enciphered for the
/// card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPair {
    /// What may be certified.
    pub public: PublicPart,
    /// The secret parts, each padded and enciphered.
    pub parts: Vec<(PairPart, Vec<u8>)>,
}

/// Bits of the RSA keys that cards get: the longest that a tap's answer has room for.
const CARD_RSA_BITS: usize = 1024;

/// A channel to a card. It shows no byte of its keys, which are overwritten when it is dropped.
pub struct CardSession {
    label: Label,
    channel: HostChannel,
}

impl CardSession {
    /// The key in custody that opened it.
    #[must_use]
    pub const fn label(&self) -> Label {
        self.label
    }

    /// A command as the channel protects it.
    ///
    /// # Errors
    /// [`ChannelError`] when it becomes too long.
    pub fn protect(&mut self, command: &Command) -> Result<Command, ChannelError> {
        self.channel.protect(command)
    }

    /// An answer without its protection.
    ///
    /// # Errors
    /// [`ChannelError`] when it does not hold.
    pub fn unprotect(&mut self, response: &Response) -> Result<Response, ChannelError> {
        self.channel.unprotect(response)
    }

    /// Enciphers what whoever personalises knows himself, such as a PIN; padded.
    #[must_use]
    pub fn encipher(&self, clear: &[u8]) -> Vec<u8> {
        let mut value = Zeroizing::new(clear.to_vec());
        padding::pad(&mut value, self.channel.dek().block_len());
        self.channel.encipher(&value)
    }
}

impl fmt::Debug for CardSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardSession({})", self.label)
    }
}

/// Opens a channel with the keys of a domain.
pub(crate) fn open(
    name: &KeyName,
    master: &Material,
    card: Option<&[u8; 10]>,
    opening: &Opening<'_>,
) -> Result<(CardSession, Command), CustodyError> {
    let label = name.label;
    let keys = [1, 2, 3].map(|number| key(name, master, card, number));
    let [enc, mac, dek] = keys;
    let keys = match (enc?, mac?, dek?) {
        (KeyMaterial::Tdes(enc), KeyMaterial::Tdes(mac), KeyMaterial::Tdes(dek)) => {
            StaticKeys::Scp02 { enc, mac, dek }
        }
        (KeyMaterial::Wide(enc), KeyMaterial::Wide(mac), KeyMaterial::Wide(dek)) => {
            StaticKeys::Scp03 { enc, mac, dek }
        }
        _ => return Err(no_channel(name)),
    };
    let begun = HostChannel::begin(
        &keys,
        opening.protocol,
        &opening.host_challenge,
        opening.answer,
        opening.level,
    );
    let (channel, command) = begun.map_err(|cause| CustodyError::Channel { label, cause })?;
    Ok((CardSession { label, channel }, command))
}

/// The three keys of a domain as PUT KEY carries them.
pub(crate) fn put(
    name: &KeyName,
    master: &Material,
    card: Option<&[u8; 10]>,
    session: &CardSession,
) -> Result<[KeyBlock; 3], CustodyError> {
    let block = |number| {
        let key = key(name, master, card, number)?;
        Ok::<_, CustodyError>(key.to_block(session.channel.dek()))
    };
    Ok([block(1)?, block(2)?, block(3)?])
}

/// Enciphers keys as one value.
pub(crate) fn seal(
    keys: &[Material],
    fill: Fill,
    session: &CardSession,
) -> Result<SealedKeys, CustodyError> {
    let mut value = Zeroizing::new(Vec::new());
    let mut checks = Vec::with_capacity(keys.len());
    for key in keys {
        let tongtu_keyring::Check::Kcv(check) = key.check()? else {
            // Key pairs travel in containers.
            return Err(CustodyError::Stays { label: key.label() });
        };
        value.extend_from_slice(key.danger_bytes());
        checks.push(check);
    }
    let bytes = match fill {
        Fill::Padded => session.encipher(&value),
        Fill::Bare => session.channel.encipher(&value),
    };
    Ok(SealedKeys { bytes, checks })
}

/// Makes a card's own key that signs.
pub(crate) fn pair(
    algorithm: KeyAlgorithm,
    session: &CardSession,
    entropy: &mut Source,
) -> Result<CardPair, CustodyError> {
    let label = session.label;
    let refused = || CustodyError::NotAKey { label, algorithm };
    match algorithm {
        KeyAlgorithm::Rsa => {
            let key = RsaSecretKey::generate(CARD_RSA_BITS, &mut **entropy);
            let key = key.map_err(|_| refused())?;
            let [p, q] = key.danger_primes();
            Ok(CardPair {
                public: PublicPart::Rsa(key.public().clone()),
                parts: vec![
                    (PairPart::RsaQ, session.encipher(&q)),
                    (PairPart::RsaP, session.encipher(&p)),
                ],
            })
        }
        KeyAlgorithm::Sm2 => {
            let key = SecretKey::generate(&mut **entropy);
            let secret = session.encipher(&key.danger_to_bytes()[..]);
            Ok(CardPair {
                public: PublicPart::Sm2(key.public().clone()),
                parts: vec![(PairPart::Sm2, secret)],
            })
        }
        _ => Err(refused()),
    }
}

/// A domain's key by its number.
fn key(
    name: &KeyName,
    master: &Material,
    card: Option<&[u8; 10]>,
    number: u8,
) -> Result<KeyMaterial, CustodyError> {
    let mut bytes = Zeroizing::new(master.danger_bytes().to_vec());
    if let Some([_, _, _, _, six @ ..]) = card {
        let mut block = Zeroizing::new(vec![0; 16]);
        for (half, mark) in block.chunks_exact_mut(8).zip([0xF0, 0x0F]) {
            half[..6].copy_from_slice(six);
            half[6..].copy_from_slice(&[mark, number]);
        }
        master.encipher(&mut block)?;
        bytes = block;
    }
    let wide = |cipher| WideKey::new(cipher, &bytes).map(KeyMaterial::Wide).ok();
    let made = match name.slot.algorithm {
        KeyAlgorithm::Tdes => <[u8; 16]>::try_from(bytes.as_slice())
            .ok()
            .map(|bytes| KeyMaterial::Tdes(TdesKey::new(bytes))),
        KeyAlgorithm::Aes => WideCipher::aes(bytes.len()).and_then(wide),
        KeyAlgorithm::Sm4 => wide(WideCipher::Sm4),
        KeyAlgorithm::Rsa | KeyAlgorithm::Sm2 => None,
    };
    made.ok_or_else(|| no_channel(name))
}

const fn no_channel(name: &KeyName) -> CustodyError {
    CustodyError::Algorithm {
        label: name.label,
        algorithm: name.slot.algorithm,
        operation: Operation::Channel,
    }
}
