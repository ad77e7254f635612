//! SM2 certificates and signatures (JR/T 0025.17): plain content, then `r || s`.
//!
//! Form: issuer certificate (142 bytes) `12 | issuer 4 | MMYY 2 | serial 3 | 04 00 11 | 40 |
//! X || Y | r || s`; card certificate (148 bytes) `14 | number 10 | MMYY 2 | serial 3 | 04 00
//! 11 | 40 | X || Y | r || s`; static data `13 | code 2 | r || s`; dynamic data `15 | length |
//! card's data | r || s`. The algorithm byte 04 is SM2 with SM3, 00 no encryption, 11 the
//! recommended curve.
//! Source: a personalisation sample and public implementations.

use alloc::vec::Vec;

use tongtu_codec::Reader;
use tongtu_crypto::{PublicKey, SecretKey, Signature};

use super::{CardCertificate, IssuerCertificate, Layer, OdaError, VerifyingKey};

/// Signature algorithm, encryption algorithm, curve, key length.
const PARAMETERS: [u8; 4] = [0x04, 0x00, 0x11, 0x40];
/// Bytes of a signature.
const SIGNATURE: usize = 64;
/// Bytes of an issuer certificate.
pub const ISSUER_LEN: usize = 142;
/// Bytes of a card certificate.
pub const CARD_LEN: usize = 148;

/// Makes an issuer's certificate (90) with the authority's key.
#[must_use]
pub fn certify_issuer(
    authority: &SecretKey,
    issuer: [u8; 4],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &PublicKey,
) -> Vec<u8> {
    let mut out = Vec::from([0x12]);
    out.extend(issuer);
    certify(authority, out, expiry, serial, key, &[])
}

/// Makes a card's certificate (9F46) with the issuer's key; it covers the static data.
#[must_use]
pub fn certify_card(
    issuer: &SecretKey,
    number: [u8; 10],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &PublicKey,
    static_data: &[u8],
) -> Vec<u8> {
    let mut out = Vec::from([0x14]);
    out.extend(number);
    certify(issuer, out, expiry, serial, key, static_data)
}

/// An issuer's certificate, signed wherever the authority's key is kept.
///
/// # Errors
/// [`OdaError::Unsigned`].
pub fn certify_issuer_by(
    sign: &mut dyn FnMut(&[u8]) -> Option<Signature>,
    issuer: [u8; 4],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &PublicKey,
) -> Result<Vec<u8>, OdaError> {
    let layer = Layer::Issuer;
    let mut out = Vec::from([0x12]);
    out.extend(issuer);
    append_content(&mut out, expiry, serial, key);
    let signature = sign(&out).ok_or(OdaError::Unsigned { layer })?;
    out.extend(signature.0);
    Ok(out)
}

/// A card's, signed wherever the issuer's key is kept.
///
/// # Errors
/// [`OdaError::Unsigned`].
pub fn certify_card_by(
    sign: &mut dyn FnMut(&[u8]) -> Option<Signature>,
    number: [u8; 10],
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &PublicKey,
    static_data: &[u8],
) -> Result<Vec<u8>, OdaError> {
    let mut out = Vec::from([0x14]);
    out.extend(number);
    append_content(&mut out, expiry, serial, key);
    let signature = sign(&[out.as_slice(), static_data].concat());
    out.extend(
        signature
            .ok_or(OdaError::Unsigned { layer: Layer::Card })?
            .0,
    );
    Ok(out)
}

fn certify(
    signer: &SecretKey,
    mut out: Vec<u8>,
    expiry: [u8; 2],
    serial: [u8; 3],
    key: &PublicKey,
    static_data: &[u8],
) -> Vec<u8> {
    append_content(&mut out, expiry, serial, key);
    append_signature(signer, &mut out, static_data);
    out
}

fn append_content(out: &mut Vec<u8>, expiry: [u8; 2], serial: [u8; 3], key: &PublicKey) {
    out.extend(expiry);
    out.extend(serial);
    out.extend(PARAMETERS);
    out.extend(key.to_xy());
}

/// Checks an issuer's certificate.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn open_issuer(authority: &PublicKey, bytes: &[u8]) -> Result<IssuerCertificate, OdaError> {
    let layer = Layer::Issuer;
    let content = open(authority, layer, 0x12, ISSUER_LEN, bytes, &[])?;
    let mut reader = Reader::new("issuer certificate", content);
    let issuer = take(&mut reader, layer)?;
    let (expiry, serial) = (take(&mut reader, layer)?, take(&mut reader, layer)?);
    Ok(IssuerCertificate {
        issuer,
        expiry,
        serial,
        key: certified(&mut reader, layer)?,
    })
}

/// Checks a card's certificate.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn open_card(
    issuer: &PublicKey,
    bytes: &[u8],
    static_data: &[u8],
) -> Result<CardCertificate, OdaError> {
    let layer = Layer::Card;
    let content = open(issuer, layer, 0x14, CARD_LEN, bytes, static_data)?;
    let mut reader = Reader::new("card certificate", content);
    let number = take(&mut reader, layer)?;
    let (expiry, serial) = (take(&mut reader, layer)?, take(&mut reader, layer)?);
    Ok(CardCertificate {
        number,
        expiry,
        serial,
        key: certified(&mut reader, layer)?,
    })
}

fn certified(reader: &mut Reader<'_>, layer: Layer) -> Result<VerifyingKey, OdaError> {
    if take(reader, layer)? != PARAMETERS {
        return Err(OdaError::Form {
            layer,
            what: "algorithm",
        });
    }
    PublicKey::from_xy(&take(reader, layer)?)
        .map(VerifyingKey::Sm2)
        .map_err(|_| OdaError::Key { layer })
}

/// Signs dynamic data (9F4B) with the card's key.
///
/// # Panics
/// When the dynamic data have more than 255 bytes; the counter has three.
#[must_use]
pub fn sign_dynamic(card: &SecretKey, dynamic: &[u8], terminal: &[u8]) -> Vec<u8> {
    let len = u8::try_from(dynamic.len()).expect("dynamic data are short");
    let mut out = Vec::from([0x15, len]);
    out.extend(dynamic);
    append_signature(card, &mut out, terminal);
    out
}

/// Verifies dynamic data and returns the card's part of it.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn verify_dynamic(
    card: &PublicKey,
    signed: &[u8],
    terminal: &[u8],
) -> Result<Vec<u8>, OdaError> {
    let layer = Layer::Dynamic;
    let len = signed.get(1).map_or(0, |len| usize::from(*len));
    let content = open(card, layer, 0x15, 2 + len + SIGNATURE, signed, terminal)?;
    Ok(content[1..].to_vec())
}

/// Signs static data (93) with the issuer's key.
#[must_use]
pub fn sign_static(issuer: &SecretKey, code: [u8; 2], static_data: &[u8]) -> Vec<u8> {
    let mut out = Vec::from([0x13]);
    out.extend(code);
    append_signature(issuer, &mut out, static_data);
    out
}

/// Verifies signed static data and returns the code in it.
///
/// # Errors
/// [`OdaError`] naming what does not hold.
pub fn verify_static(
    issuer: &PublicKey,
    signed: &[u8],
    static_data: &[u8],
) -> Result<[u8; 2], OdaError> {
    let layer = Layer::Static;
    let content = open(issuer, layer, 0x13, 3 + SIGNATURE, signed, static_data)?;
    let code = content.try_into();
    Ok(code.expect("the length was checked: format, code, signature"))
}

fn append_signature(key: &SecretKey, out: &mut Vec<u8>, covered: &[u8]) {
    let signature = key.sign(&[out.as_slice(), covered].concat());
    out.extend(signature.0);
}

/// Checks length, format and signature; returns the content behind the format byte.
fn open<'a>(
    key: &PublicKey,
    layer: Layer,
    format: u8,
    expected: usize,
    bytes: &'a [u8],
    covered: &[u8],
) -> Result<&'a [u8], OdaError> {
    let found = bytes.len();
    let length = OdaError::Length {
        layer,
        found,
        expected,
    };
    if found != expected {
        return Err(length);
    }
    let (content, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(length)?;
    let (first, rest) = content.split_first().ok_or(length)?;
    if *first != format {
        return Err(OdaError::Form {
            layer,
            what: "format",
        });
    }
    key.verify(&[content, covered].concat(), &Signature(*signature))
        .map_err(|_| OdaError::Signature { layer })?;
    Ok(rest)
}

fn take<const N: usize>(reader: &mut Reader<'_>, layer: Layer) -> Result<[u8; N], OdaError> {
    let bytes = reader.take("certificate", N).map_err(|_| OdaError::Form {
        layer,
        what: "length",
    })?;
    Ok(bytes.try_into().expect("the reader took that many"))
}
