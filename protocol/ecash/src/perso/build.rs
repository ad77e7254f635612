//! From a profile to the content of its groups.
//!
//! Here: which element stands in which record, the card's certificate, keys and files as
//! groups. Not here: what the groups are ([`super`]).

use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_codec::Encoding;
use tongtu_crypto::{Algorithm, BlockKey, Entropy};
use tongtu_types::CardNumber;
use zeroize::Zeroizing;

use super::{CardKeys, Group, Issuer, PersoError, Profile, dgi};
use crate::fci::NumberF;
use crate::oda::{self, Certifier, SigningKey, VerifyingKey};
use crate::{
    Afl, AflEntry, Aip, Amount, Ctq, Dol, Fci, IssuerDiscretionary, LogEntry, Values, log, tag,
};

/// The card number as element 5A carries it, padded to ten bytes with `F`.
///
/// # Errors
/// [`PersoError::Number`] when it has more than 19 digits.
pub fn number_bytes(number: &CardNumber) -> Result<[u8; 10], PersoError> {
    let found = number.reveal().len();
    let mut out = [0; 10];
    if found > 19 {
        return Err(PersoError::Number { found });
    }
    <NumberF as Encoding<CardNumber>>::encode(number, &mut out)
        .map_err(|_| PersoError::Number { found })?;
    Ok(out)
}

/// Track 2 equivalent data: number, `D`, expiry YYMM, service code 220, discretionary digits.
fn track2(profile: &Profile) -> Vec<u8> {
    let [year, month, _] = profile.expiry;
    let mut text = alloc::format!("{}D{year:02X}{month:02X}220", profile.number.reveal());
    text.push_str("0000079900");
    if text.len() % 2 == 1 {
        text.push('F');
    }
    tongtu_codec::hex_decode(&text).expect("digits, D and F are hex")
}

/// Records of a card, by group, each the content of template 70.
type Contents = Vec<(u16, Vec<(Tag, Vec<u8>)>)>;

/// Turns a profile into data groups; randomness blinds the RSA signatures.
///
/// # Errors
/// [`PersoError`] naming the part that does not fit.
pub fn groups(
    profile: &Profile,
    issuer: &Issuer,
    entropy: &mut dyn Entropy,
) -> Result<Vec<Group>, PersoError> {
    let mut out = open(profile, &issuer.certificate, |number, static_data| {
        certify(profile, issuer, number, static_data, entropy)
    })?;
    secrets(profile, &mut out)?;
    fitting(out)
}

/// The same, certified by whoever keeps the issuer's key. The elements 8F, 90 and for RSA 92, 9F32
/// are the issuer's certificate.
///
/// # Errors
/// [`PersoError`] naming the part that does not fit.
pub fn groups_by(
    profile: &Profile,
    certificate: &Values,
    issuer: &mut dyn Certifier,
) -> Result<Vec<Group>, PersoError> {
    let key = profile.signing_key.public();
    let mut out = open(profile, certificate, |number, static_data| {
        certify_by(profile, issuer, &key, number, static_data)
    })?;
    secrets(profile, &mut out)?;
    fitting(out)
}

/// The groups of a profile without keys: those of the profile and of its files are left out, the
/// card's own key is told by its public half, and whoever keeps the issuer's key certifies it.
///
/// # Errors
/// [`PersoError`] naming the part that does not fit.
pub fn groups_without_keys(
    profile: &Profile,
    certificate: &Values,
    key: &VerifyingKey,
    issuer: &mut dyn Certifier,
) -> Result<Vec<Group>, PersoError> {
    let mut out = open(profile, certificate, |number, static_data| {
        certify_by(profile, issuer, key, number, static_data)
    })?;
    pin(profile, &mut out)?;
    files(profile, |_, _| {}, &mut out)?;
    fitting(out)
}

fn secrets(profile: &Profile, out: &mut Vec<Group>) -> Result<(), PersoError> {
    keys(profile, out);
    pin(profile, out)?;
    signing_key(profile, out);
    files(profile, file_keys, out)
}

/// Every group that holds no secret, the card's certificate among them.
fn open(
    profile: &Profile,
    certificate: &Values,
    certify: impl FnOnce([u8; 10], &[u8]) -> Result<Vec<(Tag, Vec<u8>)>, PersoError>,
) -> Result<Vec<Group>, PersoError> {
    let aip = Aip([0x7C, 0x00]);
    let number = number_bytes(&profile.number)?;
    let signed = record_of(&[
        (tag::PAN, trimmed(&number)),
        (tag::EFFECTIVE, profile.effective.to_vec()),
        (tag::EXPIRY, profile.expiry.to_vec()),
        (tag::PAN_SEQUENCE, Vec::from([profile.sequence])),
        (tag::ISSUER_COUNTRY, profile.currency.to_vec()),
        (tag::USAGE, Vec::from([0xFF, 0x00])),
        (tag::IAC_DEFAULT, Vec::from([0xD8, 0x60, 0x04, 0xA8, 0x00])),
        (tag::IAC_DENIAL, Vec::from([0x00, 0x10, 0x98, 0x00, 0x00])),
        (tag::IAC_ONLINE, Vec::from([0xD8, 0x68, 0x04, 0xF8, 0x00])),
        (tag::SDA_TAGS, Vec::from([0x82])),
    ]);
    let static_data = oda::static_data([(7, signed.as_slice())], Some(aip.0));
    let card = certify(number, &static_data)?;
    let afl = tap_afl(profile.algorithm);
    let mut out = Vec::new();
    for (id, content) in contents(profile, certificate, card) {
        out.push(group(id, record_of(&content)));
    }
    out.push(group(0x0701, signed));
    out.push(group(dgi::FCI, fci(profile).encode_proprietary()));
    let long = afl_of(&[(2, 1, 2, 0), (3, 1, 1, 0), (7, 1, 5, 1)]);
    out.push(group(
        dgi::LONG,
        objects(&[(tag::AIP, aip.0.to_vec()), (tag::AFL, long.encode())]),
    ));
    out.push(group(
        dgi::TAP,
        objects(&[
            (tag::AIP, aip.0.to_vec()),
            (tag::AFL, afl.encode()),
            (tag::TRACK2, track2(profile)),
            (tag::PAN_SEQUENCE, Vec::from([profile.sequence])),
            (tag::CTQ, Ctq([0, 0]).0.to_vec()),
            (tag::IAD, default_iad(profile)),
        ]),
    ));
    out.push(group(dgi::ELEMENTS, objects(&elements(profile))));
    Ok(out)
}

/// The same groups, if every record fits into an answer.
fn fitting(out: Vec<Group>) -> Result<Vec<Group>, PersoError> {
    for group in &out {
        if (0x0101..=0x1E01).contains(&group.id) && group.value.len() > 253 {
            return Err(PersoError::Record {
                id: group.id,
                found: group.value.len(),
            });
        }
    }
    Ok(out)
}

/// The files that a tap reads, as cards of the two algorithm sets do.
fn tap_afl(algorithm: Algorithm) -> Afl {
    match algorithm {
        Algorithm::Tdes => afl_of(&[(2, 1, 2, 0), (7, 1, 5, 1), (5, 1, 1, 0)]),
        Algorithm::Sm4 => afl_of(&[(2, 1, 4, 0), (5, 1, 1, 0), (7, 1, 5, 1), (9, 1, 2, 0)]),
    }
}

fn afl_of(ranges: &[(u8, u8, u8, u8)]) -> Afl {
    Afl::new(ranges.iter().map(|&(sfi, first, last, signed)| AflEntry {
        sfi,
        first,
        last,
        signed,
    }))
    .expect("the ranges are written here")
}

/// The card's certificate: elements 9F46 and for RSA 9F47, 9F48.
fn certify(
    profile: &Profile,
    issuer: &Issuer,
    number: [u8; 10],
    static_data: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Vec<(Tag, Vec<u8>)>, PersoError> {
    let [year, month, _] = profile.expiry;
    let (expiry, serial) = ([month, year], [0, 0, 1]);
    match (&issuer.key, profile.signing_key.public()) {
        (SigningKey::Rsa(by), VerifyingKey::Rsa(key)) => {
            let made =
                oda::rsa::certify_card(by, number, expiry, serial, &key, static_data, entropy)?;
            Ok(rsa_elements(made))
        }
        (SigningKey::Sm2(by), VerifyingKey::Sm2(key)) => {
            let made = oda::sm2::certify_card(by, number, expiry, serial, &key, static_data);
            Ok(Vec::from([(tag::ICC_CERTIFICATE, made)]))
        }
        _ => Err(PersoError::Algorithm),
    }
}

fn rsa_elements(made: oda::rsa::RsaCertificate) -> Vec<(Tag, Vec<u8>)> {
    let mut out = Vec::from([
        (tag::ICC_CERTIFICATE, made.certificate),
        (tag::ICC_EXPONENT, made.exponent),
    ]);
    if !made.remainder.is_empty() {
        out.push((tag::ICC_REMAINDER, made.remainder));
    }
    out
}

/// The same by whoever keeps the issuer's key.
fn certify_by(
    profile: &Profile,
    issuer: &mut dyn Certifier,
    key: &VerifyingKey,
    number: [u8; 10],
    static_data: &[u8],
) -> Result<Vec<(Tag, Vec<u8>)>, PersoError> {
    let [year, month, _] = profile.expiry;
    let (expiry, serial) = ([month, year], [0, 0, 1]);
    match (issuer.public(), key, profile.algorithm) {
        (VerifyingKey::Rsa(by), VerifyingKey::Rsa(key), Algorithm::Tdes) => {
            let mut sign = |message: &[u8]| issuer.rsa(message);
            let by = (by.len(), &mut sign as &mut oda::rsa::SignElsewhere<'_>);
            let made = oda::rsa::certify_card_by(by, number, expiry, serial, key, static_data)?;
            Ok(rsa_elements(made))
        }
        (VerifyingKey::Sm2(_), VerifyingKey::Sm2(key), Algorithm::Sm4) => {
            let mut sign = |message: &[u8]| issuer.sm2(message);
            let made =
                oda::sm2::certify_card_by(&mut sign, number, expiry, serial, key, static_data)?;
            Ok(Vec::from([(tag::ICC_CERTIFICATE, made)]))
        }
        _ => Err(PersoError::Algorithm),
    }
}

/// Every record but the signed one.
fn contents(profile: &Profile, certificate: &Values, card: Vec<(Tag, Vec<u8>)>) -> Contents {
    let holder = Vec::from([
        (tag::HOLDER, b"TONGTU/TEST".to_vec()),
        (tag::SERVICE_CODE, Vec::from([0x02, 0x20])),
        (tag::VERSION, Vec::from([0x00, 0x30])),
    ]);
    let code = || (tag::AUTHORISATION_CODE, b"ECC001".to_vec());
    let tap = || {
        (
            tag::CARD_AUTHENTICATION,
            Vec::from([1, 0, 0, 0, 0, 0, 0, 0]),
        )
    };
    let usage = Vec::from([(
        tag::CVM_LIST,
        Vec::from([0, 0, 0, 0, 0, 0, 0, 0, 0x1F, 0x03]),
    )]);
    let lists = Vec::from([
        (tag::CDOL1, cdol1().encode()),
        (tag::CDOL2, cdol2().encode()),
    ]);
    let dynamic = (tag::DDOL, Dol::new([(tag::UNPREDICTABLE, 4)]).encode());
    let mut authority: Vec<_> = certificate.clone().into_iter().collect();
    let certificate = authority
        .iter()
        .position(|(tag, _)| *tag == tag::ISSUER_CERTIFICATE)
        .map(|at| authority.remove(at));
    let certificate: Vec<_> = certificate.into_iter().collect();
    let mut card = card.into_iter();
    let own: Vec<_> = card.next().into_iter().collect();
    let mut rest: Vec<_> = card.collect();
    let track = Vec::from([(tag::TRACK2, track2(profile))]);
    match profile.algorithm {
        Algorithm::Tdes => {
            rest.push(dynamic);
            Vec::from([
                (0x0201, track),
                (0x0202, holder),
                (0x0301, lists),
                (0x0501, Vec::from([code(), tap()])),
                (0x0702, authority),
                (0x0703, certificate),
                (0x0704, own),
                (0x0705, rest),
            ])
        }
        Algorithm::Sm4 => Vec::from([
            (0x0201, track),
            (0x0202, holder),
            (0x0203, certificate.clone()),
            (0x0204, own.clone()),
            (0x0301, lists),
            (0x0501, usage),
            (0x0702, authority),
            (0x0703, certificate),
            (0x0704, own),
            (0x0705, Vec::from([dynamic])),
            (0x0901, Vec::from([code()])),
            (0x0902, Vec::from([tap()])),
        ]),
    }
}

/// What the first GENERATE AC tells the card (8C), as seen in a personalisation sample.
#[must_use]
pub fn cdol1() -> Dol {
    Dol::new([
        (tag::AMOUNT, 6),
        (tag::AMOUNT_OTHER, 6),
        (tag::TERMINAL_COUNTRY, 2),
        (tag::TVR, 5),
        (tag::CURRENCY, 2),
        (tag::DATE, 3),
        (tag::TRANSACTION_TYPE, 1),
        (tag::UNPREDICTABLE, 4),
        (tag::TIME, 3),
        (tag::MERCHANT, 20),
    ])
}

/// What the second GENERATE AC tells the card (8D): the same after the response code.
#[must_use]
pub fn cdol2() -> Dol {
    let first = cdol1();
    let rest = first.entries().iter().map(|entry| (entry.tag, entry.len));
    Dol::new([(tag::ARC, 2)].into_iter().chain(rest))
}

fn default_iad(profile: &Profile) -> Vec<u8> {
    crate::Iad {
        key_index: profile.key_index,
        cvn: crate::cryptogram::CVN,
        cvr: crate::Cvr([0; 3]),
        algorithm: crate::Iad::algorithm_byte(profile.algorithm),
        issuer: crate::IssuerData::Other(Vec::from([0x01])),
    }
    .encode()
}

fn fci(profile: &Profile) -> Fci {
    Fci {
        name: profile.name.clone(),
        label: Some(profile.label.clone()),
        priority: Some(profile.priority),
        pdol: Some(profile.pdol.clone()),
        discretionary: Some(IssuerDiscretionary {
            composite: profile.composite,
            log: Some(LogEntry {
                sfi: 0x0B,
                records: 10,
            }),
            load_log: Some(LogEntry {
                sfi: 0x0C,
                records: 10,
            }),
            transport: profile.transport.clone(),
            other: Vec::new(),
        }),
        ..Fci::default()
    }
}

fn elements(profile: &Profile) -> Vec<(Tag, Vec<u8>)> {
    let money = |tag, amount: Amount| (tag, amount.encode().to_vec());
    let mut out = Vec::from([
        money(tag::BALANCE, profile.balance),
        money(tag::BALANCE_CAP, profile.cap),
        money(tag::SINGLE_LIMIT, profile.single_limit),
        money(tag::RESET_THRESHOLD, profile.reset_threshold),
        money(tag::CVM_LIMIT, profile.cvm_limit),
        (tag::APP_CURRENCY, profile.currency.to_vec()),
        (tag::ADDITIONAL_PROCESSING, Vec::from([0x81, 0x50, 0, 0])),
        (tag::DEFAULT_ACTION, Vec::from([0xC0, 0x00])),
        (tag::LOG_FORMAT, log::usual_format().encode()),
        (tag::LOAD_LOG_FORMAT, log::usual_load_format().encode()),
    ]);
    if profile.composite.is_some() {
        out.push(money(tag::OFFSET_LIMIT, profile.offset_limit));
        out.push(money(tag::OFFSET_USED, Amount::ZERO));
    }
    out
}

fn keys(profile: &Profile, out: &mut Vec<Group>) {
    let CardKeys {
        cryptogram,
        mac,
        encipher,
    } = &profile.keys;
    let (id, checks) = match profile.algorithm {
        Algorithm::Tdes => (dgi::KEYS_TDES, dgi::CHECKS_TDES),
        Algorithm::Sm4 => (dgi::KEYS_SM4, dgi::CHECKS_SM4),
    };
    let all = [cryptogram, mac, encipher];
    out.push(group(id, all.map(|key| key.to_vec()).concat()));
    let kcv = |key: &[u8; 16]| BlockKey::new(profile.algorithm, *key).kcv();
    out.push(group(checks, all.map(kcv).concat()));
}

fn pin(profile: &Profile, out: &mut Vec<Group>) -> Result<(), PersoError> {
    if let Some(pin) = &profile.pin {
        let block = crate::cryptogram::plain_pin_block(pin).ok_or(PersoError::Pin)?;
        out.push(group(dgi::PIN, block.to_vec()));
        let tries = Vec::from([profile.pin_tries; 2]);
        out.push(group(dgi::PIN_TRIES, tries));
    }
    Ok(())
}

fn signing_key(profile: &Profile, out: &mut Vec<Group>) {
    match &profile.signing_key {
        SigningKey::Rsa(key) => {
            let [p, q] = key.danger_primes();
            out.push(group(dgi::RSA_Q, q.to_vec()));
            out.push(group(dgi::RSA_P, p.to_vec()));
        }
        SigningKey::Sm2(key) => out.push(group(dgi::SM2_KEY, key.danger_to_bytes().to_vec())),
    }
}

fn file_keys(profile: &Profile, out: &mut Vec<Group>) {
    let mut keys = Zeroizing::new(Vec::new());
    let mut checks = Vec::new();
    for file in &profile.files {
        keys.extend(file.key);
        checks.extend(BlockKey::new(profile.algorithm, file.key).kcv());
    }
    out.push(group(dgi::FILE_KEYS, keys.to_vec()));
    out.push(group(dgi::FILE_CHECKS, checks));
}

fn files(
    profile: &Profile,
    keys: impl FnOnce(&Profile, &mut Vec<Group>),
    out: &mut Vec<Group>,
) -> Result<(), PersoError> {
    if profile.files.is_empty() {
        return Ok(());
    }
    let mut table = Vec::new();
    for file in &profile.files {
        table.extend(file.entry.encode()?);
    }
    out.push(group(dgi::FILES, table));
    keys(profile, out);
    for file in profile.files.iter().filter(|file| !file.records.is_empty()) {
        let id = u16::from(file.entry.sfi);
        let mut value = Vec::new();
        for record in &file.records {
            let len = u8::try_from(record.len()).map_err(|_| PersoError::Record {
                id,
                found: record.len(),
            })?;
            value.push(len);
            value.extend(record);
        }
        out.push(group(id, value));
    }
    Ok(())
}

fn group(id: u16, value: Vec<u8>) -> Group {
    Group {
        id,
        value: Zeroizing::new(value),
    }
}

fn objects(list: &[(Tag, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, value) in list {
        tlv::write(*tag, value, &mut out);
    }
    out
}

fn record_of(content: &[(Tag, Vec<u8>)]) -> Vec<u8> {
    tlv::object(tag::RECORD, &objects(content))
}

/// Without a last byte that is only filler.
fn trimmed(number: &[u8; 10]) -> Vec<u8> {
    let end = number.iter().rposition(|byte| *byte != 0xFF);
    number[..end.map_or(0, |end| end + 1)].to_vec()
}
