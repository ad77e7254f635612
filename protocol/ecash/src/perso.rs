//! Personalisation (个人化): a profile of an e-cash becomes data groups (DGI) for the card.
//!
//! Groups, as this crate writes them and the card reads them:
//!
//! | DGI | content | certainty |
//! |---|---|---|
//! | `SFI << 8 \| record` | a record, template 70 | std (EMV CPS) |
//! | `9103` | content of A5 of the FCI | impl |
//! | `9104` | long dialogue: 82 and 94 | std (EMV CPS) |
//! | `9203` | tap: 82, 94, 57, 5F34, 9F6C, 9F10 without balance | ours |
//! | `0D01` | elements for GET DATA, as objects | impl |
//! | `8000`, `9000` | AC, MAC, ENC keys (3DES), their check values | std (EMV CPS) |
//! | `8001`, `9001` | the same (SM4) | ours |
//! | `8010`, `9010` | PIN block, tries | std (EMV CPS) |
//! | `8204`, `8205` | RSA primes q and p | std (EMV CPS) |
//! | `8040` | SM2 private key | ours |
//! | `A001` | extension files, seven bytes each | impl |
//! | `8020`, `9020` | their opening keys, their check values | impl |
//! | `00SS` | first records of extension file SS, each with a length byte | inferred |
//!
//! Not here: how groups travel (STORE DATA belongs to the card manager).
//! Start with [`Profile`] and [`groups`].

use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_codec::{Be, EncodeError, Encoding, record};
use tongtu_crypto::{Algorithm, BlockKey, Entropy};
use tongtu_types::CardNumber;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::fci::NumberF;
use crate::oda::{self, OdaError, SigningKey, VerifyingKey};
use crate::{
    Afl, AflEntry, Aip, Amount, CompositeSupport, Ctq, Dol, EcashError, Fci, IssuerDiscretionary,
    LogEntry, TransportData, Values, log, tag,
};

/// One data group: its identifier and value in clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Group {
    /// The DGI.
    pub id: u16,
    /// The value; groups `8xxx` hold keys.
    pub value: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Group {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Group({:04X}, {} bytes)", self.id, self.value.len())
    }
}

/// The identifiers of the table above.
pub mod dgi {
    /// Content of A5.
    pub const FCI: u16 = 0x9103;
    /// Long dialogue.
    pub const LONG: u16 = 0x9104;
    /// Tap.
    pub const TAP: u16 = 0x9203;
    /// Elements for GET DATA.
    pub const ELEMENTS: u16 = 0x0D01;
    /// 3DES keys AC, MAC, ENC.
    pub const KEYS_TDES: u16 = 0x8000;
    /// SM4 keys AC, MAC, ENC.
    pub const KEYS_SM4: u16 = 0x8001;
    /// Check values of [`KEYS_TDES`].
    pub const CHECKS_TDES: u16 = 0x9000;
    /// Check values of [`KEYS_SM4`].
    pub const CHECKS_SM4: u16 = 0x9001;
    /// PIN block.
    pub const PIN: u16 = 0x8010;
    /// PIN tries: left, limit.
    pub const PIN_TRIES: u16 = 0x9010;
    /// RSA prime q.
    pub const RSA_Q: u16 = 0x8204;
    /// RSA prime p.
    pub const RSA_P: u16 = 0x8205;
    /// SM2 private key.
    pub const SM2_KEY: u16 = 0x8040;
    /// Extension files.
    pub const FILES: u16 = 0xA001;
    /// Opening keys of the extension files.
    pub const FILE_KEYS: u16 = 0x8020;
    /// Check values of [`FILE_KEYS`].
    pub const FILE_CHECKS: u16 = 0x9020;
}

record! {
    /// One extension file (扩展应用文件) of group A001.
    pub struct FileEntry: 7 {
        [0..1] sfi: u8 as Be, Impl, "short file identifier", "短文件标识符";
        [1..2] kind: u8 as Be, Impl, "01 variable records, 02 cyclic", "文件类型";
        [2..3] read: u8 as Be, Impl, "right to read, 00 READ CAPP DATA", "读权限";
        [3..4] write: u8 as Be, Impl, "right to write, 00 UPDATE CAPP DATA CACHE", "写权限";
        [4..5] record_max: u8 as Be, Impl, "longest record", "单条记录最大长度";
        [5..7] size: u16 as Be, Impl, "size of the file (00 00 no limit), or records and their length", "文件大小";
    }
}

/// How an extension file keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Records with an id and a length in front; `size` bytes in all, 0 without limit.
    Variable {
        /// Bytes of all records together.
        size: u16,
    },
    /// Records of one length, the newest first.
    Cyclic {
        /// Records kept.
        records: u8,
        /// Length of each.
        len: u8,
    },
}

impl FileEntry {
    /// An entry of a kind.
    #[must_use]
    pub const fn new(sfi: u8, kind: FileKind) -> Self {
        let (kind, record_max, size) = match kind {
            FileKind::Variable { size } => (1, 0xFF, size),
            FileKind::Cyclic { records, len } => (2, len, u16::from_be_bytes([records, len])),
        };
        Self {
            sfi,
            kind,
            read: 0,
            write: 0,
            record_max,
            size,
        }
    }

    /// How the file keeps its records; `None` for a kind that is not known.
    #[must_use]
    pub const fn file_kind(&self) -> Option<FileKind> {
        match self.kind {
            1 => Some(FileKind::Variable { size: self.size }),
            2 => {
                let [records, len] = self.size.to_be_bytes();
                Some(FileKind::Cyclic { records, len })
            }
            _ => None,
        }
    }

    /// Reads the entries of group A001.
    ///
    /// # Errors
    /// [`EcashError`] when the bytes are not whole entries or an entry does not hold.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, EcashError> {
        let (entries, rest) = bytes.as_chunks::<7>();
        if !rest.is_empty() {
            return Err(EcashError::Length {
                what: "group A001",
                found: bytes.len(),
                expected: "a multiple of 7",
            });
        }
        let mut out: Vec<Self> = Vec::with_capacity(entries.len());
        for entry in entries {
            let entry = Self::decode(entry)?;
            let taken = out.iter().any(|other| other.sfi == entry.sfi);
            if !(0x0D..=30).contains(&entry.sfi) || taken {
                return Err(EcashError::Value {
                    what: "SFI of an extension file",
                    found: entry.sfi,
                    expected: "13 to 30, each once",
                });
            }
            if entry.file_kind().is_none() {
                return Err(EcashError::Value {
                    what: "kind of an extension file",
                    found: entry.kind,
                    expected: "01 or 02",
                });
            }
            out.push(entry);
        }
        Ok(out)
    }
}

/// An extension file with its opening key and its first records.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtensionFile {
    /// Its line in A001.
    pub entry: FileEntry,
    /// Its opening key (扩展应用开通密钥); first records are updated by it too.
    pub key: [u8; 16],
    /// First records.
    pub records: Vec<Vec<u8>>,
}

impl core::fmt::Debug for ExtensionFile {
    /// Without the key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ExtensionFile")
            .field("entry", &self.entry)
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// The card's symmetric keys. Zeroized on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CardKeys {
    /// For application cryptograms and the issuer's answer.
    pub cryptogram: [u8; 16],
    /// For script MACs.
    pub mac: [u8; 16],
    /// For enciphered script data.
    pub encipher: [u8; 16],
}

impl core::fmt::Debug for CardKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CardKeys(…)")
    }
}

/// What one e-cash is to be.
#[derive(Debug)]
pub struct Profile {
    /// The algorithm set: 3DES with RSA, or SM4 with SM2.
    pub algorithm: Algorithm,
    /// The card number.
    pub number: CardNumber,
    /// Its sequence number.
    pub sequence: u8,
    /// First day, YYMMDD.
    pub effective: [u8; 3],
    /// Last day, YYMMDD.
    pub expiry: [u8; 3],
    /// Instance AID, as the FCI names it.
    pub name: Vec<u8>,
    /// Label in the FCI.
    pub label: Vec<u8>,
    /// Priority in the FCI.
    pub priority: u8,
    /// What a tap is to tell the card.
    pub pdol: Dol,
    /// Currency of the balance.
    pub currency: [u8; 2],
    /// First balance.
    pub balance: Amount,
    /// Balance cap (9F77).
    pub cap: Amount,
    /// Limit of one payment (9F78).
    pub single_limit: Amount,
    /// Reset threshold (9F6D).
    pub reset_threshold: Amount,
    /// CVM limit (9F6B).
    pub cvm_limit: Amount,
    /// Segmented fares (DF61); none when the card has none.
    pub composite: Option<CompositeSupport>,
    /// How much a segmented fare may be above the balance (DF62).
    pub offset_limit: Amount,
    /// Transport data (DF11).
    pub transport: Option<TransportData>,
    /// PIN digits, when the card has a PIN.
    pub pin: Option<Vec<u8>>,
    /// PIN tries.
    pub pin_tries: u8,
    /// Derivation key index in the issuer application data.
    pub key_index: u8,
    /// The card's symmetric keys.
    pub keys: CardKeys,
    /// The card's signing key.
    pub signing_key: SigningKey,
    /// Extension files.
    pub files: Vec<ExtensionFile>,
}

/// The institution that personalises: its authority's index, its certificate and its key.
#[derive(Debug)]
pub struct Issuer {
    /// Elements 8F, 90 and for RSA 92, 9F32.
    pub certificate: Values,
    /// The issuer's key.
    pub key: SigningKey,
}

/// Why a profile cannot be personalised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersoError {
    /// A number does not fit its field.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A key cannot be certified.
    #[error(transparent)]
    Certificate(#[from] OdaError),
    /// Issuer and card have keys of different algorithms.
    #[error("issuer and card have keys of different algorithms")]
    Algorithm,
    /// The card number has more than 19 digits.
    #[error("a card number of {found} digits, expected at most 19")]
    Number {
        /// Digits there.
        found: usize,
    },
    /// A PIN that is not 4 to 12 digits.
    #[error("a PIN has 4 to 12 digits")]
    Pin,
    /// A record longer than the card's answers.
    #[error("record {id:04X} has {found} bytes, expected at most 253")]
    Record {
        /// Its group.
        id: u16,
        /// Bytes there.
        found: usize,
    },
}

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
    let card = certify(profile, issuer, number, &static_data, entropy)?;
    let afl = tap_afl(profile.algorithm);
    let mut out = Vec::new();
    for (id, content) in contents(profile, issuer, card) {
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
    keys(profile, &mut out)?;
    files(profile, &mut out)?;
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
            let mut out = Vec::from([
                (tag::ICC_CERTIFICATE, made.certificate),
                (tag::ICC_EXPONENT, made.exponent),
            ]);
            if !made.remainder.is_empty() {
                out.push((tag::ICC_REMAINDER, made.remainder));
            }
            Ok(out)
        }
        (SigningKey::Sm2(by), VerifyingKey::Sm2(key)) => {
            let made = oda::sm2::certify_card(by, number, expiry, serial, &key, static_data);
            Ok(Vec::from([(tag::ICC_CERTIFICATE, made)]))
        }
        _ => Err(PersoError::Algorithm),
    }
}

/// Every record but the signed one.
fn contents(profile: &Profile, issuer: &Issuer, card: Vec<(Tag, Vec<u8>)>) -> Contents {
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
    let mut authority: Vec<_> = issuer.certificate.clone().into_iter().collect();
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

fn keys(profile: &Profile, out: &mut Vec<Group>) -> Result<(), PersoError> {
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
    if let Some(pin) = &profile.pin {
        let block = crate::cryptogram::plain_pin_block(pin).ok_or(PersoError::Pin)?;
        out.push(group(dgi::PIN, block.to_vec()));
        let tries = Vec::from([profile.pin_tries; 2]);
        out.push(group(dgi::PIN_TRIES, tries));
    }
    match &profile.signing_key {
        SigningKey::Rsa(key) => {
            let [p, q] = key.danger_primes();
            out.push(group(dgi::RSA_Q, q.to_vec()));
            out.push(group(dgi::RSA_P, p.to_vec()));
        }
        SigningKey::Sm2(key) => out.push(group(dgi::SM2_KEY, key.danger_to_bytes().to_vec())),
    }
    Ok(())
}

fn files(profile: &Profile, out: &mut Vec<Group>) -> Result<(), PersoError> {
    if profile.files.is_empty() {
        return Ok(());
    }
    let mut table = Vec::new();
    let mut keys = Zeroizing::new(Vec::new());
    let mut checks = Vec::new();
    for file in &profile.files {
        table.extend(file.entry.encode()?);
        keys.extend(file.key);
        checks.extend(BlockKey::new(profile.algorithm, file.key).kcv());
    }
    out.push(group(dgi::FILES, table));
    out.push(group(dgi::FILE_KEYS, keys.to_vec()));
    out.push(group(dgi::FILE_CHECKS, checks));
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
