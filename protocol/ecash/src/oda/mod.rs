//! Offline data authentication (脱机数据认证): certificates and the card's own signature.
//!
//! What is here: certificates of issuers and cards by RSA ([`rsa`]) and SM2 ([`sm2`]), made
//! and verified; the signature of one tap (fDDA) by either; [`verify`], everything that a
//! terminal checks before it believes a tap; the papers between issuers, authorities and terminals
//! ([`paper`]).
//! What is not here: real authorities (their keys come in), what a terminal does then.

mod head;
pub mod paper;
pub mod rsa;
pub mod sm2;
mod trust;

pub use head::NumberHead;
pub use trust::Trust;

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_codec::{Cn, Encoding};
use tongtu_crypto::{Entropy, PublicKey, RsaPublicKey, RsaSecretKey, SecretKey, Signature};
use tongtu_types::{MonthYear, Timestamp};

use crate::{GpoAnswer, Ttq, Values, tag};

/// Which certificate or signature is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// The issuer's certificate, by the authority (90).
    Issuer,
    /// The card's certificate, by the issuer (9F46).
    Card,
    /// The card's signature over one tap (9F4B).
    Dynamic,
    /// The issuer's signature over static data (93).
    Static,
}

impl core::fmt::Display for Layer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Issuer => "issuer certificate",
            Self::Card => "card certificate",
            Self::Dynamic => "signed dynamic data",
            Self::Static => "signed static data",
        })
    }
}

/// Why a card is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OdaError {
    /// An element that the check needs is not there.
    #[error("data element {tag} is missing")]
    Missing {
        /// The element.
        tag: Tag,
    },
    /// No authority with this index is known.
    #[error("no authority key with index {index:02X} is known")]
    UnknownAuthority {
        /// Index of 8F.
        index: u8,
    },
    /// A certificate or signature has a length that its key does not make.
    #[error("{layer} has {found} bytes, expected {expected}")]
    Length {
        /// Which.
        layer: Layer,
        /// Bytes there.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// The recovered or plain content does not have its form.
    #[error("{layer}: {what} is not as it must be")]
    Form {
        /// Which.
        layer: Layer,
        /// Which part.
        what: &'static str,
    },
    /// The hash or signature does not hold.
    #[error("{layer} does not verify")]
    Signature {
        /// Which.
        layer: Layer,
    },
    /// A record is not the objects of template 70.
    #[error("a record of file {sfi} is not the objects of template 70")]
    Record {
        /// Its file.
        sfi: u8,
    },
    /// The key in a certificate is none.
    #[error("{layer} certifies bytes that are no key")]
    Key {
        /// Which.
        layer: Layer,
    },
    /// The certificate is of another issuer or card.
    #[error("{layer} names another issuer or card")]
    Subject {
        /// Which.
        layer: Layer,
    },
    /// The certificate's month is over.
    #[error("{layer} has expired")]
    Expired {
        /// Which.
        layer: Layer,
    },
    /// The authority took the issuer's certificate back.
    #[error(
        "the issuer's certificate {} of authority {index:02X} is revoked",
        tongtu_codec::hex_encode(serial)
    )]
    Revoked {
        /// Index of the authority.
        index: u8,
        /// Serial number of the certificate.
        serial: [u8; 3],
    },
    /// Whoever keeps the certifying key did not sign with it.
    #[error("{layer} was not signed by whoever keeps the key")]
    Unsigned {
        /// Which.
        layer: Layer,
    },
}

impl OdaError {
    /// What it says in the terminal verification results (TVR, 95): DDA failed, and where an element
    /// is not there, that ICC data are missing (`EMV Book 3` annex C5). It is what a terminal reports; the
    /// zeros that the card was told before are in its cryptogram.
    #[must_use]
    pub const fn results(&self) -> [u8; 5] {
        const DDA_FAILED: u8 = 0x08;
        const DATA_MISSING: u8 = 0x20;
        match self {
            Self::Missing { .. } => [DDA_FAILED | DATA_MISSING, 0, 0, 0, 0],
            _ => [DDA_FAILED, 0, 0, 0, 0],
        }
    }
}

/// A key that certifies cards or issuers, wherever it is kept. What it does not sign, for whatever
/// reason, is [`OdaError::Unsigned`].
pub trait Certifier {
    /// The verifying key.
    fn public(&self) -> VerifyingKey;

    /// RSA over a message that is as long as the modulus.
    fn rsa(&mut self, message: &[u8]) -> Option<Vec<u8>>;

    /// SM2 over a message, with the default identifier.
    fn sm2(&mut self, message: &[u8]) -> Option<Signature>;
}

/// A key that makes signatures on a card, or certificates at an issuer or authority.
pub enum SigningKey {
    /// RSA.
    Rsa(RsaSecretKey),
    /// SM2.
    Sm2(SecretKey),
}

impl core::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Rsa(key) => key.fmt(f),
            Self::Sm2(key) => key.fmt(f),
        }
    }
}

impl SigningKey {
    /// The verifying key.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        match self {
            Self::Rsa(key) => VerifyingKey::Rsa(key.public().clone()),
            Self::Sm2(key) => VerifyingKey::Sm2(key.public().clone()),
        }
    }

    /// Signed dynamic application data (9F4B) over the card's dynamic data (the counter) and
    /// what the terminal said.
    ///
    /// # Panics
    /// Never: every RSA key that is taken has room for the counter.
    #[must_use]
    pub fn sign_dynamic(&self, atc: u16, terminal: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        let [high, low] = atc.to_be_bytes();
        let dynamic = [2, high, low];
        match self {
            Self::Rsa(key) => rsa::sign_dynamic(key, &dynamic, terminal, entropy),
            Self::Sm2(key) => sm2::sign_dynamic(key, &dynamic, terminal),
        }
    }

    /// Signed static application data (93).
    #[must_use]
    pub fn sign_static(
        &self,
        code: [u8; 2],
        static_data: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Vec<u8> {
        match self {
            Self::Rsa(key) => rsa::sign_static(key, code, static_data, entropy),
            Self::Sm2(key) => sm2::sign_static(key, code, static_data),
        }
    }
}

/// A key that verifies certificates or signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyingKey {
    /// RSA.
    Rsa(RsaPublicKey),
    /// SM2.
    Sm2(PublicKey),
}

/// A certification authority (认证中心) as a terminal knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its index (8F).
    pub index: u8,
    /// Its key.
    pub key: VerifyingKey,
}

/// What a certificate of an issuer says besides the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerCertificate {
    /// The leftmost digits of card numbers, `F` behind them.
    pub issuer: [u8; 4],
    /// Month of expiry, MMYY.
    pub expiry: [u8; 2],
    /// Serial number.
    pub serial: [u8; 3],
    /// The key.
    pub key: VerifyingKey,
}

/// What a certificate of a card says besides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct CardCertificate {
    /// The card number, `F` behind it.
    pub number: [u8; 10],
    /// Month of expiry, MMYY.
    pub expiry: [u8; 2],
    /// Serial number.
    pub serial: [u8; 3],
    /// The key.
    pub key: VerifyingKey,
}

impl core::fmt::Debug for CardCertificate {
    /// Without the card number.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CardCertificate")
            .field("expiry", &self.expiry)
            .field("serial", &self.serial)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Static data to be authenticated: the records that the AFL marks as signed, then the AIP
/// when 9F4A asks for it.
///
/// A record of SFI 1 to 10 counts without the template 70 around it (EMV book 3 §10.3).
#[must_use]
pub fn static_data<'a>(
    records: impl IntoIterator<Item = (u8, &'a [u8])>,
    aip: Option<[u8; 2]>,
) -> Vec<u8> {
    let mut out = Vec::new();
    for (sfi, record) in records {
        let inner = tlv::find(record, tag::RECORD);
        match inner {
            Ok(inner) if sfi <= 10 => out.extend(inner),
            _ => out.extend(record),
        }
    }
    out.extend(aip.into_iter().flatten());
    out
}

/// What the terminal contributes to the card's signature over a tap.
///
/// Version 01 covers 9F37, 9F02, 5F2A and the card's 9F69; version 00 the unpredictable number
/// alone. The card uses 01 when the TTQ says that the terminal verifies it and the card has a
/// 9F69 that begins with `01`.
#[must_use]
pub fn tap_data(terminal: &Values, card_authentication: Option<&[u8]>) -> Vec<u8> {
    let v01 = terminal
        .get(&tag::TTQ)
        .and_then(|ttq| Ttq::read(ttq))
        .is_some_and(Ttq::fdda_v01);
    let take = |tag, len| {
        let list = crate::Dol::new([(tag, len)]);
        list.fill(terminal)
    };
    let mut out = take(tag::UNPREDICTABLE, 4);
    if let Some(card @ [1, ..]) = card_authentication.filter(|_| v01) {
        out.extend(take(tag::AMOUNT, 6));
        out.extend(take(tag::CURRENCY, 2));
        out.extend(card);
    }
    out
}

/// What a terminal collects while it reads the records of a tap.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// Elements of the answer to GET PROCESSING OPTIONS and of all records so far.
    pub card: Values,
    signed: Vec<u8>,
    aip: [u8; 2],
}

impl core::fmt::Debug for Reading {
    /// The tags only: values hold the card number.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.card.keys()).finish()
    }
}

impl Reading {
    /// Begins with the answer to GET PROCESSING OPTIONS.
    #[must_use]
    pub fn begin(answer: &GpoAnswer) -> Self {
        let mut card = Values::new();
        let tap = answer.tap.as_ref();
        if let Some(signed) = tap.and_then(|tap| tap.signed_dynamic.clone()) {
            card.insert(tag::SIGNED_DYNAMIC, signed);
        }
        if let Some(track2) = tap.and_then(|tap| tap.track2.clone()) {
            card.insert(tag::TRACK2, track2);
        }
        Self {
            card,
            signed: Vec::new(),
            aip: answer.aip.0,
        }
    }

    /// Takes a record; `is_signed` as [`crate::Afl::records`] says.
    ///
    /// # Errors
    /// [`OdaError::Record`] when the record is not the objects of template 70.
    pub fn add(&mut self, sfi: u8, record: &[u8], is_signed: bool) -> Result<(), OdaError> {
        let bad = OdaError::Record { sfi };
        let inner = tlv::find(record, tag::RECORD).map_err(|_| bad)?;
        for object in tlv::objects(inner) {
            let object = object.map_err(|_| bad)?;
            self.card.insert(object.tag, object.value.to_vec());
        }
        if is_signed {
            self.signed.extend(static_data([(sfi, record)], None));
        }
        Ok(())
    }

    /// The data that certificates and static signatures cover, as far as it was read.
    #[must_use]
    pub fn static_data(&self) -> Vec<u8> {
        let mut out = self.signed.clone();
        if self.card.contains_key(&tag::SDA_TAGS) {
            out.extend(self.aip);
        }
        out
    }
}

/// What a terminal has read of a card.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// Elements of all records and of the answer to GET PROCESSING OPTIONS.
    pub card: &'a Values,
    /// The data that certificates and static signatures cover, see [`static_data`].
    pub static_data: &'a [u8],
    /// What the terminal told the card.
    pub terminal: &'a Values,
}

/// Everything a terminal checks of a tap: authority, issuer certificate, card certificate,
/// signature; in this order, the first that fails decides.
///
/// # Errors
/// [`OdaError`] naming the layer.
pub fn verify(
    trust: &Trust,
    evidence: Evidence<'_>,
    now: Timestamp,
) -> Result<CardCertificate, OdaError> {
    let card = verify_card(trust, evidence, now)?;
    let signed = element(evidence.card, tag::SIGNED_DYNAMIC)?;
    let card_authentication = evidence.card.get(&tag::CARD_AUTHENTICATION);
    let terminal = tap_data(evidence.terminal, card_authentication.map(Vec::as_slice));
    match &card.key {
        VerifyingKey::Rsa(key) => rsa::verify_dynamic(key, signed, &terminal)?,
        VerifyingKey::Sm2(key) => sm2::verify_dynamic(key, signed, &terminal)?,
    };
    Ok(card)
}

/// The certificates alone: whose card it is, and its key.
///
/// # Errors
/// [`OdaError`] naming the layer.
pub fn verify_card(
    trust: &Trust,
    evidence: Evidence<'_>,
    now: Timestamp,
) -> Result<CardCertificate, OdaError> {
    let issuer = verify_issuer(trust, evidence.card, now)?;
    let certificate = element(evidence.card, tag::ICC_CERTIFICATE)?;
    let card = match &issuer.key {
        VerifyingKey::Rsa(key) => {
            let exponent = element(evidence.card, tag::ICC_EXPONENT)?;
            let remainder = evidence.card.get(&tag::ICC_REMAINDER);
            rsa::open_card(
                key,
                certificate,
                remainder.map_or(&[], Vec::as_slice),
                exponent,
                evidence.static_data,
            )?
        }
        VerifyingKey::Sm2(key) => sm2::open_card(key, certificate, evidence.static_data)?,
    };
    let number = element(evidence.card, tag::PAN)?;
    if digits(&card.number) != digits(number) {
        return Err(OdaError::Subject { layer: Layer::Card });
    }
    not_expired(Layer::Card, card.expiry, now)?;
    Ok(card)
}

/// The issuer's certificate alone.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn verify_issuer(
    trust: &Trust,
    card: &Values,
    now: Timestamp,
) -> Result<IssuerCertificate, OdaError> {
    let index = match element(card, tag::CA_INDEX)? {
        [index] => *index,
        _ => return Err(OdaError::Missing { tag: tag::CA_INDEX }),
    };
    let authority = trust.authority(index)?;
    let certificate = element(card, tag::ISSUER_CERTIFICATE)?;
    let issuer = match &authority.key {
        VerifyingKey::Rsa(key) => {
            let exponent = element(card, tag::ISSUER_EXPONENT)?;
            let remainder = card.get(&tag::ISSUER_REMAINDER);
            let remainder = remainder.map_or(&[][..], Vec::as_slice);
            rsa::open_issuer(key, certificate, remainder, exponent)?
        }
        VerifyingKey::Sm2(key) => sm2::open_issuer(key, certificate)?,
    };
    let number = digits(element(card, tag::PAN)?);
    if !number.starts_with(&digits(&issuer.issuer)) {
        return Err(OdaError::Subject {
            layer: Layer::Issuer,
        });
    }
    not_expired(Layer::Issuer, issuer.expiry, now)?;
    trust.check(index, issuer.serial)?;
    Ok(issuer)
}

fn element(values: &Values, tag: Tag) -> Result<&[u8], OdaError> {
    let value = values.get(&tag).ok_or(OdaError::Missing { tag })?;
    Ok(value)
}

fn digits(bytes: &[u8]) -> String {
    let text = tongtu_codec::hex_encode(bytes);
    text.trim_end_matches('f').into()
}

fn not_expired(layer: Layer, expiry: [u8; 2], now: Timestamp) -> Result<(), OdaError> {
    let month = <Cn as Encoding<MonthYear>>::decode(&expiry).map_err(|_| OdaError::Form {
        layer,
        what: "month of expiry",
    })?;
    if month.is_past(now) {
        Err(OdaError::Expired { layer })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
