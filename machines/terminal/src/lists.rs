//! The signed list bundle (参数名单包) that an acquirer hands to its terminals.
//!
//! What is here: the one file from which a terminal learns whom it trusts, whom it refuses and
//! what a ride costs: [`ListBundle`], its bytes and its signature. What is not here: how it
//! travels, and the terminal that swaps it in ([`crate::ScanTerminal::apply_lists`]).
//!
//! ```text
//! head 25     magic 4 "TTLB" | format 1 | acquirer cn8 4 | version 8 | issued_at 8
//! section     kind 2 | length 4 | content            six of them, kinds 1 to 6 in order
//! end 96      SM3 of all bytes before 32 | SM2 signature r || s over all bytes before it 64
//! ```
//!
//! All integers are big-endian, and one content has one encoding: entries rise strictly, so
//! that the bytes are the same whoever writes them. The signature is the acquirer's list key's;
//! it is checked before anything inside is looked at, so nobody edits a list on the terminal.
//!
//! UNSPECIFIED: no public text gives this file; the terminal file of roots carries a SHA-1 and
//! no signature. We put all lists into one file because lists of different ages contradict each
//! other, and sign it because article 12 of the service rules draft forbids local editing.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tongtu_codec::{Cn, Cn10, DecodeError, EncodeError, Encoding as _, Reader};
use tongtu_crypto::{PublicKey, SecretKey, Signature, sm3};
use tongtu_fare::parse::BOOK_MAX_BYTES;
use tongtu_fare::{ParseError, TariffError};
use tongtu_ride_code::certificate::CertificateError;
use tongtu_ride_code::{BlackLists, Root, RootTable};
use tongtu_types::{CardNumber, InstitutionCode, Timestamp};

use crate::StoreError;

/// What every bundle begins with.
pub const BUNDLE_MAGIC: [u8; 4] = *b"TTLB";
/// The one format there is.
pub const BUNDLE_FORMAT: u8 = 1;
/// Most roots; the index in a code is one byte.
pub const ROOTS_MAX: usize = 256;
/// Most accepted issuers.
pub const ISSUERS_MAX: usize = 10_000;
/// Most blacklisted accounts.
pub const ACCOUNTS_MAX: usize = 1_000_000;
/// Most blacklisted user certificates.
pub const USER_CERTIFICATES_MAX: usize = 100_000;
/// Most revoked issuer certificates.
pub const ISSUER_CERTIFICATES_MAX: usize = 10_000;
/// Longest text of a fare book, bytes.
pub const FARE_BOOK_LEN_MAX: usize = BOOK_MAX_BYTES;

const HEAD_LEN: usize = 4 + 1 + 4 + 8 + 8;
const SECTION_HEAD_LEN: usize = 2 + 4;
const DIGEST_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;
const END_LEN: usize = DIGEST_LEN + SIGNATURE_LEN;

/// Longest bundle, bytes: every list full. Anything longer is refused unread.
pub const BUNDLE_LEN_MAX: usize = {
    let mut total = HEAD_LEN + END_LEN;
    let mut index = 0;
    while index < Section::ALL.len() {
        let section = Section::ALL[index];
        total += SECTION_HEAD_LEN + section.entry_len() * section.entries_max();
        index += 1;
    }
    total
};

/// The six sections of a bundle; the number is their kind on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Section {
    /// Root certificates (中心根证书), 144 bytes each, by CA index.
    Roots = 1,
    /// Accepted issuers (互联互通城市名单), cn8 each.
    Issuers = 2,
    /// Blacklisted accounts (账户黑名单), cn20 each as in a ride code.
    Accounts = 3,
    /// Blacklisted user certificates, SM3 of bytes 3..263+N of their codes, 32 each.
    UserCertificates = 4,
    /// Revoked issuer certificates, issuer cn8 and serial, 7 each.
    IssuerCertificates = 5,
    /// The fare book (票价参数), text of a `.fare` file.
    FareBook = 6,
}

impl Section {
    /// All sections, in the order of the bundle.
    pub const ALL: [Self; 6] = [
        Self::Roots,
        Self::Issuers,
        Self::Accounts,
        Self::UserCertificates,
        Self::IssuerCertificates,
        Self::FareBook,
    ];

    /// The section's name in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Roots => "roots",
            Self::Issuers => "issuers",
            Self::Accounts => "accounts",
            Self::UserCertificates => "user_certificates",
            Self::IssuerCertificates => "issuer_certificates",
            Self::FareBook => "fare_book",
        }
    }

    const fn kind(self) -> u16 {
        self as u16
    }

    /// Bytes of one entry.
    const fn entry_len(self) -> usize {
        match self {
            Self::Roots => 144,
            Self::Issuers => 4,
            Self::Accounts => 10,
            Self::UserCertificates => 32,
            Self::IssuerCertificates => 7,
            Self::FareBook => 1,
        }
    }

    const fn entries_max(self) -> usize {
        match self {
            Self::Roots => ROOTS_MAX,
            Self::Issuers => ISSUERS_MAX,
            Self::Accounts => ACCOUNTS_MAX,
            Self::UserCertificates => USER_CERTIFICATES_MAX,
            Self::IssuerCertificates => ISSUER_CERTIFICATES_MAX,
            Self::FareBook => FARE_BOOK_LEN_MAX,
        }
    }
}

/// Everything a terminal is told, of one version.
///
/// Taken from [`ListBundle::open`] it is genuine and every root in it is verified.
#[derive(Debug, Clone)]
pub struct ListBundle {
    /// The acquirer (受理机构) whose terminals it is for.
    pub acquirer: InstitutionCode,
    /// Rises with every bundle; a terminal takes only a version above its own.
    pub version: u64,
    /// When the acquirer made it; its age is counted from here.
    pub issued_at: Timestamp,
    /// The roots that ride codes may rest on.
    pub roots: RootTable,
    /// The issuers whose codes are accepted.
    pub issuers: BTreeSet<InstitutionCode>,
    /// Who is refused although the code is genuine.
    pub blacklists: BlackLists,
    /// Text of a `.fare` file; the terminal parses it when it takes the bundle.
    pub fare_book: String,
}

/// Why a bundle is not made, not opened, or not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// Longer than any bundle.
    #[error("list bundle of {found} bytes, expected at most {max}")]
    TooLong {
        /// Bytes there.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Does not begin like a bundle.
    #[error("not a list bundle: expected \"TTLB\" in front")]
    Magic,
    /// The signature is not the list key's over these bytes.
    #[error("signature of the list bundle does not verify under the acquirer's list key")]
    Signature,
    /// A bundle of another format.
    #[error("list bundle of format {found}, expected {BUNDLE_FORMAT}")]
    Format {
        /// The format stated.
        found: u8,
    },
    /// The digest inside is another's.
    #[error("digest of the list bundle is not the SM3 of the bytes before it")]
    Digest,
    /// A field is cut off or malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A field cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Another section was due.
    #[error("section at byte {at} is of kind {found}, expected {expected}")]
    Section {
        /// Offset of the section.
        at: usize,
        /// The kind stated.
        found: u64,
        /// The kind due there.
        expected: u64,
    },
    /// A list is longer than a terminal has room for.
    #[error("{list} has {found} entries, expected at most {max}")]
    TooMany {
        /// Which list.
        list: &'static str,
        /// Entries there.
        found: usize,
        /// Entries allowed.
        max: usize,
    },
    /// A list does not consist of whole entries.
    #[error("{list} has {found} bytes, expected a multiple of {entry_len}")]
    Partial {
        /// Which list.
        list: &'static str,
        /// Bytes there.
        found: usize,
        /// Bytes of an entry.
        entry_len: usize,
    },
    /// An entry repeats, is out of order, or is not written the one way it can be.
    #[error("{list} entry {index} is malformed or not above the entry before it")]
    Entry {
        /// Which list.
        list: &'static str,
        /// 0-based position of the entry.
        index: usize,
    },
    /// A root does not verify.
    #[error("root certificate {index} of the bundle")]
    Root {
        /// 0-based position of the root.
        index: usize,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// The fare book is not text.
    #[error("fare book is not UTF-8 from byte {at} on")]
    FareText {
        /// Bytes of the book that are text.
        at: usize,
    },
    /// The fare book does not parse.
    #[error(transparent)]
    FareBook(#[from] ParseError),
    /// The fare book does not follow the one held.
    #[error(transparent)]
    Tariff(#[from] TariffError),
    /// The store could not remember the version, so the bundle is not taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bundle is for another acquirer's terminals.
    #[error("list bundle of acquirer {found}, expected {expected}")]
    OtherAcquirer {
        /// The bundle's.
        found: InstitutionCode,
        /// The terminal's.
        expected: InstitutionCode,
    },
    /// The bundle is not newer than what the terminal holds or once held.
    #[error("list bundle version {offered}, expected more than {held}")]
    NotNewer {
        /// Highest version taken so far.
        held: u64,
        /// The bundle's.
        offered: u64,
    },
}

impl ListBundle {
    /// Writes the bundle and signs it with the acquirer's list key.
    ///
    /// # Errors
    /// [`ListError::TooMany`] when a list exceeds its limit.
    pub fn sign(&self, list_key: &SecretKey) -> Result<Vec<u8>, ListError> {
        let mut out = BUNDLE_MAGIC.to_vec();
        out.push(BUNDLE_FORMAT);
        out.extend(institution(self.acquirer)?);
        out.extend(self.version.to_be_bytes());
        out.extend(self.issued_at.get().to_be_bytes());
        for section in Section::ALL {
            let content = self.content(section)?;
            let found = content.len() / section.entry_len();
            if found > section.entries_max() {
                return Err(ListError::TooMany {
                    list: section.name(),
                    found,
                    max: section.entries_max(),
                });
            }
            out.extend(section.kind().to_be_bytes());
            let len = u32::try_from(content.len()).expect("the limits are far below 4 GiB");
            out.extend(len.to_be_bytes());
            out.extend(content);
        }
        out.extend(sm3::digest(&out));
        out.extend(list_key.sign(&out).0);
        Ok(out)
    }

    /// Checks the signature, then reads the bundle; every root verifies itself.
    ///
    /// The fare book stays text: parsing it is the taker's business.
    ///
    /// # Errors
    /// [`ListError`]; until the signature holds, nothing but the magic was looked at.
    pub fn open(bytes: &[u8], list_key: &PublicKey) -> Result<Self, ListError> {
        if bytes.len() > BUNDLE_LEN_MAX {
            return Err(ListError::TooLong {
                found: bytes.len(),
                max: BUNDLE_LEN_MAX,
            });
        }
        if !bytes.starts_with(&BUNDLE_MAGIC) {
            return Err(ListError::Magic);
        }
        let (signed, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .ok_or(ListError::Signature)?;
        list_key
            .verify(signed, &Signature(*signature))
            .map_err(|_| ListError::Signature)?;
        let (body, digest) = signed
            .split_last_chunk::<DIGEST_LEN>()
            .ok_or(ListError::Digest)?;
        if sm3::digest(body) != *digest {
            return Err(ListError::Digest);
        }
        Self::read(body)
    }

    /// The bundle as the terminal's operator sees it: how many entries each list has.
    #[must_use]
    pub fn counts(&self) -> [(Section, usize); 6] {
        let count = |section| match section {
            Section::Roots => self.roots.iter().count(),
            Section::Issuers => self.issuers.len(),
            Section::Accounts => self.blacklists.accounts.len(),
            Section::UserCertificates => self.blacklists.user_certificates.len(),
            Section::IssuerCertificates => self.blacklists.issuer_certificates.len(),
            Section::FareBook => self.fare_book.len(),
        };
        Section::ALL.map(|section| (section, count(section)))
    }

    fn content(&self, section: Section) -> Result<Vec<u8>, ListError> {
        let mut entries: BTreeSet<Vec<u8>> = BTreeSet::new();
        match section {
            // By index already: it is the first byte that differs between two roots of ours.
            Section::Roots => {
                let mut out = Vec::new();
                for root in self.roots.iter() {
                    out.extend(root.certificate().encode()?);
                }
                return Ok(out);
            }
            Section::FareBook => return Ok(self.fare_book.as_bytes().to_vec()),
            Section::Issuers => {
                for issuer in &self.issuers {
                    entries.insert(institution(*issuer)?.to_vec());
                }
            }
            Section::Accounts => {
                for account in &self.blacklists.accounts {
                    entries.insert(account_digits(account)?.to_vec());
                }
            }
            Section::UserCertificates => {
                entries.extend(self.blacklists.user_certificates.iter().map(|d| d.to_vec()));
            }
            Section::IssuerCertificates => {
                for (issuer, serial) in &self.blacklists.issuer_certificates {
                    entries.insert([&institution(*issuer)?[..], serial].concat());
                }
            }
        }
        Ok(entries.into_iter().flatten().collect())
    }

    fn read(body: &[u8]) -> Result<Self, ListError> {
        let mut reader = Reader::new("ListBundle", body);
        reader.take("magic", BUNDLE_MAGIC.len())?;
        let format = reader.take("format", 1)?[0];
        if format != BUNDLE_FORMAT {
            return Err(ListError::Format { found: format });
        }
        let acquirer = reader.take("acquirer", 4)?;
        let acquirer = Cn::decode(acquirer).map_err(|kind| reader.error("acquirer", kind))?;
        let version = reader.take_be("version", 8)?;
        let issued_at = Timestamp::new(reader.take_be("issued_at", 8)?.cast_signed());
        let mut bundle = Self {
            acquirer,
            version,
            issued_at,
            roots: RootTable::default(),
            issuers: BTreeSet::new(),
            blacklists: BlackLists::default(),
            fare_book: String::new(),
        };
        for section in Section::ALL {
            let at = reader.offset();
            let found = reader.take_be("section kind", 2)?;
            let expected = u64::from(section.kind());
            if found != expected {
                return Err(ListError::Section {
                    at,
                    found,
                    expected,
                });
            }
            let len = usize::try_from(reader.take_be("section length", 4)?)
                .expect("four bytes fit a usize");
            bundle.take_section(section, reader.take(section.name(), len)?)?;
        }
        reader.finish()?;
        Ok(bundle)
    }

    fn take_section(&mut self, section: Section, content: &[u8]) -> Result<(), ListError> {
        let entries = entries(section, content)?;
        let fault = |index| ListError::Entry {
            list: section.name(),
            index,
        };
        match section {
            Section::Roots => {
                let mut roots = Vec::new();
                for (index, bytes) in entries.enumerate() {
                    let root =
                        Root::verify(bytes).map_err(|source| ListError::Root { index, source })?;
                    roots.push(root);
                }
                let rises =
                    |pair: &[Root]| pair[0].certificate().ca_index < pair[1].certificate().ca_index;
                if let Some(at) = roots.windows(2).position(|pair| !rises(pair)) {
                    return Err(fault(at + 1));
                }
                self.roots = RootTable::new(roots);
            }
            Section::Issuers => {
                for (index, bytes) in entries.enumerate() {
                    self.issuers
                        .insert(Cn::decode(bytes).map_err(|_| fault(index))?);
                }
            }
            Section::Accounts => {
                for (index, bytes) in entries.enumerate() {
                    let account = Cn10::decode(bytes).map_err(|_| fault(index))?;
                    // A trailing F names the same account a second time.
                    if account_digits(&account)? != bytes {
                        return Err(fault(index));
                    }
                    self.blacklists.accounts.insert(account);
                }
            }
            Section::UserCertificates => {
                let digest = |b: &[u8]| sm3::Digest::try_from(b).expect("entries have 32 bytes");
                self.blacklists
                    .user_certificates
                    .extend(entries.map(digest));
            }
            Section::IssuerCertificates => {
                for (index, bytes) in entries.enumerate() {
                    let (issuer, serial) = bytes.split_at(4);
                    let issuer = Cn::decode(issuer).map_err(|_| fault(index))?;
                    let serial = serial.try_into().expect("seven less four");
                    self.blacklists.issuer_certificates.insert((issuer, serial));
                }
            }
            Section::FareBook => {
                self.fare_book = core::str::from_utf8(content)
                    .map_err(|error| ListError::FareText {
                        at: error.valid_up_to(),
                    })?
                    .to_string();
            }
        }
        Ok(())
    }
}

/// Splits a section into entries and checks count and order.
fn entries(
    section: Section,
    content: &[u8],
) -> Result<core::slice::ChunksExact<'_, u8>, ListError> {
    let entry_len = section.entry_len();
    let list = section.name();
    let found = content.len() / entry_len;
    if found > section.entries_max() {
        let max = section.entries_max();
        return Err(ListError::TooMany { list, found, max });
    }
    let chunks = content.chunks_exact(entry_len);
    if !chunks.remainder().is_empty() {
        return Err(ListError::Partial {
            list,
            found: content.len(),
            entry_len,
        });
    }
    // Roots are ordered by their index, and text has no order.
    if !matches!(section, Section::Roots | Section::FareBook) {
        let mut pairs = chunks.clone().zip(chunks.clone().skip(1));
        if let Some(at) = pairs.position(|(before, entry)| before >= entry) {
            return Err(ListError::Entry {
                list,
                index: at + 1,
            });
        }
    }
    Ok(chunks)
}

fn institution(code: InstitutionCode) -> Result<[u8; 4], ListError> {
    let mut out = [0; 4];
    Cn::encode(&code, &mut out).map_err(|kind| EncodeError {
        record: "ListBundle",
        field: "institution",
        kind,
    })?;
    Ok(out)
}

fn account_digits(account: &CardNumber) -> Result<[u8; 10], ListError> {
    let mut out = [0; 10];
    Cn10::encode(account, &mut out).map_err(|kind| EncodeError {
        record: "ListBundle",
        field: "account",
        kind,
    })?;
    Ok(out)
}
