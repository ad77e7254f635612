//! A test card, ready made: test keys, a test authority and the profile of the conformance
//! cases (RSA with authority 01, SM2 with authority 57).
//!
//! Everything here is a test value and says so; nothing of it is a key or a card of any real
//! scheme. Terminals and tools use [`authorities`]; cards are made from [`profile`] and
//! [`issuer`], or at once by [`groups`].

use alloc::vec::Vec;

use tongtu_crypto::{Algorithm, BlockKey, Entropy, RsaSecretKey, SecretKey};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::cryptogram::card_key;
use crate::oda::paper::{RID, RevocationPaper};
use crate::oda::{self, Authority, SigningKey, VerifyingKey};
use crate::perso::{self, CardKeys, ExtensionFile, FileEntry, FileKind, Group, Issuer, Profile};
use crate::{Amount, CompositeSupport, Dol, TransportData, Values, tag};

/// Index of the RSA test authority.
pub const RSA_INDEX: u8 = 0x01;
/// Index of the SM2 test authority.
pub const SM2_INDEX: u8 = 0x57;
/// The test card's number.
pub const NUMBER: &str = "6217000000000000012";
/// The test card's PIN.
pub const PIN: &[u8] = b"123456";

const AUTHORITY_P: &str = "\
    E1C5F732CEABBB1649E45CE3359E4814D77F322E9A27B28E8101A9327C9B0F8D19EAE155AD5302E6 \
    0A49CAB2066F142CC77431EDB5C40BAA5988CCC2AA43650F11493757C3DAFCD462E039C0DFA261B5 \
    4B825A607B4C202F";
const AUTHORITY_Q: &str = "\
    D42085BEBD65FB0D04E857BEE6860A8377D15FF0F27F9DF6806E5D365E681C695AE86CB2394A0F84 \
    E4B5C5ECEF9F098BEE512C2A5926747F43B9C9271617F50D20B8533F8A3A9C897DB4BD971CBBE8F6 \
    7926B4B67797BD5D";
const ISSUER_P: &str = "\
    F1BCEFFFE69FF4525DC5676E438E94AC295DAC8F5910C29049E072798038A095B5105DB110845AF8 \
    10F0D6EED0F5917916EE6A9AC93C736E882329E93A66059170F02E334C57282F2B653486571D30E9";
const ISSUER_Q: &str = "\
    D05FBCB8770B8F2187E99E2E776092BC210C2458B41318FC2E964BFF2CC3072D648013E849347FA7 \
    5572AEFAC2C8F56018EF8E806288AD42C19201CC17D3EA6882D93ABCE26674221888AACD324C8B09";
const CARD_P: &str = "\
    E007939E11B35974793D64F45979F4BB746522EFC0D37319DE75768C364368133F9A334873C589EA \
    F10D055BC43399027F7F4BEC72264FC6CB447A9BB8E514EF";
const CARD_Q: &str = "\
    CB18CE4D4ADD35607AA52256B010ACB2269B9BB660F717EADC1DA2797A3422654343B1A96AA4AF3A \
    8246CCAB59771E3FAAD342860AFACADF48997052D2E1A521";

const RSA_EXPONENT: [u8; 1] = [3];

/// What the certificates of test issuers say: the first digits of a number, a month, a serial number.
const HEAD: [u8; 4] = [0x62, 0x17, 0x00, 0xFF];
const EXPIRY: [u8; 2] = [0x12, 0x40];
const SERIAL: [u8; 3] = [0, 0, 1];

/// An SM2 test key from one byte repeated.
fn sm2_key(byte: u8) -> SecretKey {
    SecretKey::from_bytes(&[byte; 32]).expect("a repeated small byte is in range")
}

fn rsa_key(p: &str, q: &str) -> RsaSecretKey {
    let bytes = |text| tongtu_codec::hex_decode(text).expect("written here as hex");
    RsaSecretKey::from_primes(&bytes(p), &bytes(q), &RSA_EXPONENT)
        .expect("primes made for this file")
}

fn authority_key(algorithm: Algorithm) -> SigningKey {
    match algorithm {
        Algorithm::Tdes => SigningKey::Rsa(rsa_key(AUTHORITY_P, AUTHORITY_Q)),
        Algorithm::Sm4 => SigningKey::Sm2(sm2_key(0x11)),
    }
}

const fn index(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Tdes => RSA_INDEX,
        Algorithm::Sm4 => SM2_INDEX,
    }
}

/// The test authorities, as a terminal knows them.
#[must_use]
pub fn authorities() -> Vec<Authority> {
    [Algorithm::Tdes, Algorithm::Sm4]
        .map(|algorithm| Authority {
            index: index(algorithm),
            key: authority_key(algorithm).public(),
        })
        .into()
}

/// A list of the test authority of an algorithm set that takes these certificates back.
#[must_use]
pub fn revocations(
    algorithm: Algorithm,
    (version, made_at): (u64, Timestamp),
    serials: &[[u8; 3]],
    entropy: &mut dyn Entropy,
) -> RevocationPaper {
    let month = "1240".parse().expect("as in EXPIRY");
    let revoked = serials.iter().map(|serial| (*serial, month)).collect();
    let whose = (true, RID, index(algorithm));
    let made = RevocationPaper::made_by(whose, (version, made_at), revoked, |body| {
        Ok::<_, core::convert::Infallible>(match authority_key(algorithm) {
            SigningKey::Rsa(key) => key.sign_pss_sha256(body, entropy),
            SigningKey::Sm2(key) => key.sign(body).0.to_vec(),
        })
    });
    match made {
        Ok(paper) => paper,
        Err(never) => match never {},
    }
}

/// The test issuer of an algorithm set, certified by the test authority.
#[must_use]
pub fn issuer(algorithm: Algorithm, entropy: &mut dyn Entropy) -> Issuer {
    let key = match algorithm {
        Algorithm::Tdes => SigningKey::Rsa(rsa_key(ISSUER_P, ISSUER_Q)),
        Algorithm::Sm4 => SigningKey::Sm2(sm2_key(0x22)),
    };
    let certificate = certificate_of(algorithm, &key.public(), entropy)
        .expect("of the same set, and shorter than the authority's");
    Issuer { certificate, key }
}

/// The certificate that the test authority of an algorithm set gives to any issuer's key; none when
/// the key is of the other set, or longer than the authority's.
#[must_use]
pub fn certificate_of(
    algorithm: Algorithm,
    key: &VerifyingKey,
    entropy: &mut dyn Entropy,
) -> Option<Values> {
    let mut certificate = Values::from([(tag::CA_INDEX, Vec::from([index(algorithm)]))]);
    match (authority_key(algorithm), key) {
        (SigningKey::Rsa(by), VerifyingKey::Rsa(key)) => {
            let made = oda::rsa::certify_issuer(&by, HEAD, EXPIRY, SERIAL, key, entropy).ok()?;
            certificate.insert(tag::ISSUER_CERTIFICATE, made.certificate);
            certificate.insert(tag::ISSUER_REMAINDER, made.remainder);
            certificate.insert(tag::ISSUER_EXPONENT, made.exponent);
        }
        (SigningKey::Sm2(by), VerifyingKey::Sm2(key)) => {
            let made = oda::sm2::certify_issuer(&by, HEAD, EXPIRY, SERIAL, key);
            certificate.insert(tag::ISSUER_CERTIFICATE, made);
        }
        _ => return None,
    }
    Some(certificate)
}

/// The issuer's master keys, from which the card's are derived.
#[must_use]
pub fn master_keys(algorithm: Algorithm) -> [BlockKey; 3] {
    [0x40, 0x50, 0x60].map(|first| {
        let bytes = core::array::from_fn(|i| first + u8::try_from(i).expect("below sixteen"));
        BlockKey::new(algorithm, bytes)
    })
}

/// The master key of cryptograms: what an issuer's node verifies payments by.
#[must_use]
pub fn cryptogram_master(algorithm: Algorithm) -> BlockKey {
    let [cryptogram, _, _] = master_keys(algorithm);
    cryptogram
}

/// The test card's keys for cryptograms, MACs and enciphering, as the issuer derives them.
#[must_use]
pub fn card_keys(algorithm: Algorithm) -> CardKeys {
    card_keys_of(algorithm, &CardNumber::parse(NUMBER).expect("digits"))
}

/// The keys of another card of the test issuer, sequence number 0.
#[must_use]
pub fn card_keys_of(algorithm: Algorithm, number: &CardNumber) -> CardKeys {
    let [cryptogram, mac, encipher] = master_keys(algorithm).map(|master| {
        let factor = crate::cryptogram::card_factor(number, 0);
        debug_assert_eq!(
            card_key(&master, number, 0).kcv(),
            BlockKey::new(algorithm, derived(&master, factor)).kcv()
        );
        derived(&master, factor)
    });
    CardKeys {
        cryptogram,
        mac,
        encipher,
    }
}

/// [`tongtu_crypto::diversify::one_level`] as bytes, for the groups that carry keys.
fn derived(master: &BlockKey, factor: [u8; 8]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&factor);
    out[8..].copy_from_slice(&factor.map(|byte| !byte));
    master
        .encrypt_blocks(&mut out)
        .expect("sixteen bytes are whole blocks of either kind");
    out
}

/// The opening key of an extension file of the test card.
#[must_use]
pub const fn file_key(sfi: u8) -> [u8; 16] {
    [sfi; 16]
}

fn money(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).expect("a small amount")
}

/// The profile of the conformance cases: balance 100.00, cap 1000.00, limit 20.00, with
/// segmented fares, pre-authorisation and an offset of 20.00.
#[must_use]
pub fn profile(algorithm: Algorithm) -> Profile {
    Profile {
        algorithm,
        number: CardNumber::parse(NUMBER).expect("digits"),
        sequence: 0,
        effective: [0x20, 0x01, 0x01],
        expiry: [0x40, 0x12, 0x31],
        name: tongtu_apdu::select::E_CASH.as_bytes().to_vec(),
        label: b"MOT_T_CASH".to_vec(),
        priority: 1,
        pdol: Dol::new([
            (tag::TTQ, 4),
            (tag::AMOUNT, 6),
            (tag::UNPREDICTABLE, 4),
            (tag::CURRENCY, 2),
            (tag::COMPOSITE, 1),
        ]),
        currency: [0x01, 0x56],
        balance: money(10_000),
        cap: money(100_000),
        single_limit: money(2_000),
        reset_threshold: money(1_000),
        cvm_limit: money(100_000),
        composite: Some(CompositeSupport([0x82])),
        offset_limit: money(2_000),
        transport: Some(TransportData {
            issuer: [0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF],
            flag: 1,
            number: CardNumber::parse("3104990000000000012").expect("digits"),
            version: 1,
            kind: 1,
            country: [0x00, 0x00, 0x01, 0x56],
            province: [0x10, 0x00],
            city: [0x10, 0x00],
            interop: [0x00, 0x01],
            reserved: [0],
        }),
        pin: Some(PIN.to_vec()),
        pin_tries: 3,
        key_index: 1,
        keys: card_keys(algorithm),
        signing_key: match algorithm {
            Algorithm::Tdes => SigningKey::Rsa(rsa_key(CARD_P, CARD_Q)),
            Algorithm::Sm4 => SigningKey::Sm2(sm2_key(0x33)),
        },
        files: extension_files(),
    }
}

/// The extension files of a personalisation sample; two of them with a first record.
fn extension_files() -> Vec<ExtensionFile> {
    let rail: Vec<u8> = [&[0x27, 0x01, 0x7D][..], &[0; 125]].concat();
    let bus: Vec<u8> = [&[0x27, 0x02, 0x7D][..], &[0; 125]].concat();
    let local: Vec<u8> = [&[0x01, 0x2E, 0x2D][..], &[0; 45]].concat();
    let variable = |size| FileKind::Variable { size };
    [
        (0x15, variable(0x0280), Vec::new()),
        (0x16, variable(0x0180), Vec::new()),
        (0x17, variable(0x0400), Vec::new()),
        (0x18, variable(0x0200), Vec::new()),
        (0x19, variable(0x0400), Vec::from([local])),
        (0x1A, variable(0x0400), Vec::from([rail, bus])),
        (0x1B, variable(0x0180), Vec::new()),
        (0x1C, variable(0x0180), Vec::new()),
        (
            0x1E,
            FileKind::Cyclic {
                records: 30,
                len: 48,
            },
            Vec::new(),
        ),
    ]
    .map(|(sfi, kind, records)| ExtensionFile {
        entry: FileEntry::new(sfi, kind),
        key: file_key(sfi),
        records,
    })
    .into()
}

/// The test card's data groups, certified by the test issuer.
///
/// # Panics
/// Never: the test profile fits.
#[must_use]
pub fn groups(algorithm: Algorithm, entropy: &mut dyn Entropy) -> Vec<Group> {
    let issuer = issuer(algorithm, entropy);
    perso::groups(&profile(algorithm), &issuer, entropy).expect("the test profile fits")
}
