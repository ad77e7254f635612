//! RSA certificates and signatures with message recovery (EMV book 2 §§5 and 6).
//!
//! Form of what a signature recovers: `6A | format | … BB … | SHA-1 | BC`, as long as the
//! modulus. Formats: 02 issuer certificate, 03 static data, 04 card certificate, 05 dynamic
//! data. A key that does not fit into its certificate goes on in the remainder.

use alloc::vec::Vec;

use tongtu_codec::Reader;
use tongtu_crypto::{Entropy, RsaPublicKey, RsaSecretKey, sha1};

use super::{CardCertificate, IssuerCertificate, Layer, OdaError, VerifyingKey};

/// Bytes of an issuer certificate that are no key.
const ISSUER_FIXED: usize = 36;
/// Bytes of a card certificate that are no key.
const CARD_FIXED: usize = 42;
/// Header, trailer and hash around the content.
const AROUND: usize = 22;

/// A certificate as it stands on a card: three data elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaCertificate {
    /// The certificate itself (90 or 9F46).
    pub certificate: Vec<u8>,
    /// The rest of the modulus (92 or 9F48); empty when it fits.
    pub remainder: Vec<u8>,
    /// The public exponent (9F32 or 9F47).
    pub exponent: Vec<u8>,
}

/// Makes an issuer's certificate with the authority's key.
///
/// # Errors
/// [`OdaError::Key`] when the issuer's modulus has more than 255 bytes or is longer than the
/// authority's.
pub fn certify_issuer(
    authority: &RsaSecretKey,
    issuer: [u8; 4],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &RsaPublicKey,
    entropy: &mut dyn Entropy,
) -> Result<RsaCertificate, OdaError> {
    let mut head = Vec::from([0x02]);
    head.extend(issuer);
    certify(
        authority,
        Layer::Issuer,
        head,
        expiry,
        serial,
        key,
        &[],
        entropy,
    )
}

/// Makes a card's certificate with the issuer's key; it covers the card's static data.
///
/// # Errors
/// As [`certify_issuer`].
pub fn certify_card(
    issuer: &RsaSecretKey,
    number: [u8; 10],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &RsaPublicKey,
    static_data: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<RsaCertificate, OdaError> {
    let mut head = Vec::from([0x04]);
    head.extend(number);
    certify(
        issuer,
        Layer::Card,
        head,
        expiry,
        serial,
        key,
        static_data,
        entropy,
    )
}

/// Whoever signs a message as long as the modulus; nothing when it is not done.
pub type SignElsewhere<'a> = dyn FnMut(&[u8]) -> Option<Vec<u8>> + 'a;

/// The same, signed wherever the issuer's key is kept; `len` are the bytes of its modulus.
///
/// # Errors
/// As [`certify_issuer`], and [`OdaError::Unsigned`].
pub fn certify_card_by(
    (len, sign): (usize, &mut SignElsewhere<'_>),
    number: [u8; 10],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &RsaPublicKey,
    static_data: &[u8],
) -> Result<RsaCertificate, OdaError> {
    let mut head = Vec::from([0x04]);
    head.extend(number);
    let layer = Layer::Card;
    let to_sign = to_certify(len, layer, head, expiry, serial, key)?;
    to_sign.signed(static_data, |message| {
        sign(message).ok_or(OdaError::Unsigned { layer })
    })
}

/// An issuer's certificate, signed wherever the authority's key is kept; `len` are the bytes of its
/// modulus.
///
/// # Errors
/// As [`certify_issuer`], and [`OdaError::Unsigned`].
pub fn certify_issuer_by(
    (len, sign): (usize, &mut SignElsewhere<'_>),
    issuer: [u8; 4],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &RsaPublicKey,
) -> Result<RsaCertificate, OdaError> {
    let mut head = Vec::from([0x02]);
    head.extend(issuer);
    let layer = Layer::Issuer;
    let to_sign = to_certify(len, layer, head, expiry, serial, key)?;
    to_sign.signed(&[], |message| {
        sign(message).ok_or(OdaError::Unsigned { layer })
    })
}

/// A certificate that lacks its signature.
struct ToCertify {
    len: usize,
    content: Vec<u8>,
    remainder: Vec<u8>,
    exponent: Vec<u8>,
}

impl ToCertify {
    fn signed(
        self,
        static_data: &[u8],
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, OdaError>,
    ) -> Result<RsaCertificate, OdaError> {
        let covered = [&self.remainder, &self.exponent, static_data].concat();
        let message = message(self.len, self.content, &covered);
        Ok(RsaCertificate {
            certificate: sign(&message)?,
            remainder: self.remainder,
            exponent: self.exponent,
        })
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the fields of one form, in its order"
)]
fn certify(
    signer: &RsaSecretKey,
    layer: Layer,
    head: Vec<u8>,
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &RsaPublicKey,
    static_data: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<RsaCertificate, OdaError> {
    let to_sign = to_certify(signer.public().len(), layer, head, expiry, serial, key)?;
    to_sign.signed(static_data, |message| Ok(raw(signer, message, entropy)))
}

fn to_certify(
    len: usize,
    layer: Layer,
    head: Vec<u8>,
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &RsaPublicKey,
) -> Result<ToCertify, OdaError> {
    let bad = OdaError::Key { layer };
    let (modulus, exponent) = (key.modulus(), key.exponent());
    let room = len.checked_sub(fixed(layer)).ok_or(bad)?;
    if modulus.len() > len {
        return Err(bad);
    }
    let mut content = head;
    content.extend(expiry);
    content.extend(serial);
    content.extend([0x01, 0x01]);
    content.push(u8::try_from(modulus.len()).map_err(|_| bad)?);
    content.push(u8::try_from(exponent.len()).map_err(|_| bad)?);
    let (inside, remainder) = modulus.split_at(modulus.len().min(room));
    content.extend(inside);
    Ok(ToCertify {
        len,
        content,
        remainder: remainder.to_vec(),
        exponent,
    })
}

/// Recovers and checks an issuer's certificate.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn open_issuer(
    authority: &RsaPublicKey,
    certificate: &[u8],
    remainder: &[u8],
    exponent: &[u8],
) -> Result<IssuerCertificate, OdaError> {
    let layer = Layer::Issuer;
    let covered = [remainder, exponent].concat();
    let content = open(authority, layer, &[0x02], certificate, &covered)?;
    let mut reader = Reader::new("issuer certificate", &content[1..]);
    let issuer = take(&mut reader, layer)?;
    let (expiry, serial) = (take(&mut reader, layer)?, take(&mut reader, layer)?);
    let key = certified(&mut reader, layer, authority, remainder, exponent)?;
    Ok(IssuerCertificate {
        issuer,
        expiry,
        serial,
        key: VerifyingKey::Rsa(key),
    })
}

/// Recovers and checks a card's certificate.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn open_card(
    issuer: &RsaPublicKey,
    certificate: &[u8],
    remainder: &[u8],
    exponent: &[u8],
    static_data: &[u8],
) -> Result<CardCertificate, OdaError> {
    let layer = Layer::Card;
    let covered = [remainder, exponent, static_data].concat();
    let content = open(issuer, layer, &[0x04], certificate, &covered)?;
    let mut reader = Reader::new("card certificate", &content[1..]);
    let number = take(&mut reader, layer)?;
    let (expiry, serial) = (take(&mut reader, layer)?, take(&mut reader, layer)?);
    let key = certified(&mut reader, layer, issuer, remainder, exponent)?;
    Ok(CardCertificate {
        number,
        expiry,
        serial,
        key: VerifyingKey::Rsa(key),
    })
}

/// Reads algorithm bytes, lengths and key from the rest of a certificate.
fn certified(
    reader: &mut Reader<'_>,
    layer: Layer,
    signer: &RsaPublicKey,
    remainder: &[u8],
    exponent: &[u8],
) -> Result<RsaPublicKey, OdaError> {
    let form = |what| OdaError::Form { layer, what };
    let [hash, algorithm, len, exponent_len] = take(reader, layer)?;
    if (hash, algorithm) != (1, 1) {
        return Err(form("algorithm"));
    }
    let len = usize::from(len);
    let room = signer.len() - fixed(layer);
    let inside = reader
        .rest()
        .get(..len.min(room))
        .ok_or(form("key length"))?;
    if usize::from(exponent_len) != exponent.len() || inside.len() + remainder.len() != len {
        return Err(form("key length"));
    }
    let modulus = [inside, remainder].concat();
    RsaPublicKey::new(&modulus, exponent).map_err(|_| OdaError::Key { layer })
}

const fn fixed(layer: Layer) -> usize {
    match layer {
        Layer::Issuer => ISSUER_FIXED,
        _ => CARD_FIXED,
    }
}

/// Signs dynamic data (9F4B) with the card's key.
///
/// UNSPECIFIED: format 05 as EMV book 2; readers of public implementations take 95 for fDDA
/// too, so both are verified.
///
/// # Panics
/// When the dynamic data do not fit under the key; the counter always does.
#[must_use]
pub fn sign_dynamic(
    card: &RsaSecretKey,
    dynamic: &[u8],
    terminal: &[u8],
    entropy: &mut dyn Entropy,
) -> Vec<u8> {
    let len = u8::try_from(dynamic.len()).expect("dynamic data are short");
    let mut content = Vec::from([0x05, 0x01, len]);
    content.extend(dynamic);
    seal(card, content, terminal, entropy)
}

/// Verifies dynamic data and returns the card's part of it.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn verify_dynamic(
    card: &RsaPublicKey,
    signed: &[u8],
    terminal: &[u8],
) -> Result<Vec<u8>, OdaError> {
    let layer = Layer::Dynamic;
    let content = open(card, layer, &[0x05, 0x95], signed, terminal)?;
    match content.as_slice() {
        [_, 0x01, len, rest @ ..] => {
            rest.get(..usize::from(*len))
                .map(<[u8]>::to_vec)
                .ok_or(OdaError::Form {
                    layer,
                    what: "length of dynamic data",
                })
        }
        _ => Err(OdaError::Form {
            layer,
            what: "hash algorithm",
        }),
    }
}

/// Signs static data (93) with the issuer's key.
#[must_use]
pub fn sign_static(
    issuer: &RsaSecretKey,
    code: [u8; 2],
    static_data: &[u8],
    entropy: &mut dyn Entropy,
) -> Vec<u8> {
    let mut content = Vec::from([0x03, 0x01]);
    content.extend(code);
    seal(issuer, content, static_data, entropy)
}

/// Verifies signed static data and returns the data authentication code (9F45).
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn verify_static(
    issuer: &RsaPublicKey,
    signed: &[u8],
    static_data: &[u8],
) -> Result<[u8; 2], OdaError> {
    let layer = Layer::Static;
    let content = open(issuer, layer, &[0x03], signed, static_data)?;
    match content.as_slice() {
        [_, 0x01, a, b, ..] => Ok([*a, *b]),
        _ => Err(OdaError::Form {
            layer,
            what: "hash algorithm",
        }),
    }
}

/// Pads the content to the key's length, adds the hash, and signs.
fn seal(
    key: &RsaSecretKey,
    content: Vec<u8>,
    covered: &[u8],
    entropy: &mut dyn Entropy,
) -> Vec<u8> {
    raw(key, &message(key.public().len(), content, covered), entropy)
}

/// What is signed: as long as the modulus.
fn message(len: usize, mut content: Vec<u8>, covered: &[u8]) -> Vec<u8> {
    content.resize(len - AROUND, 0xBB);
    let hash = sha1::digest(&[&content, covered].concat());
    let mut message = Vec::with_capacity(len);
    message.push(0x6A);
    message.extend(content);
    message.extend(hash);
    message.push(0xBC);
    message
}

fn raw(key: &RsaSecretKey, message: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
    key.raw(message, entropy)
        .expect("the message is as long as the modulus and begins below it")
}

/// Recovers a message, checks header, trailer, format and hash, and returns the content.
fn open(
    key: &RsaPublicKey,
    layer: Layer,
    formats: &[u8],
    signed: &[u8],
    covered: &[u8],
) -> Result<Vec<u8>, OdaError> {
    if signed.len() != key.len() {
        return Err(OdaError::Length {
            layer,
            found: signed.len(),
            expected: key.len(),
        });
    }
    let form = |what| OdaError::Form { layer, what };
    let message = key.raw(signed).map_err(|_| OdaError::Signature { layer })?;
    let [0x6A, body @ .., 0xBC] = message.as_slice() else {
        return Err(form("header or trailer"));
    };
    let (content, hash) = body.split_last_chunk::<20>().ok_or(form("hash"))?;
    match content.first() {
        Some(format) if formats.contains(format) => {}
        _ => return Err(form("format")),
    }
    if sha1::digest(&[content, covered].concat()) != *hash {
        return Err(OdaError::Signature { layer });
    }
    Ok(content.to_vec())
}

fn take<const N: usize>(reader: &mut Reader<'_>, layer: Layer) -> Result<[u8; N], OdaError> {
    let bytes = reader.take("certificate", N).map_err(|_| OdaError::Form {
        layer,
        what: "length",
    })?;
    Ok(bytes.try_into().expect("the reader took that many"))
}
