//! The signed list bundle (参数名单包) that an acquirer hands to its terminals.
//!
//! What is here: the one file from which a terminal learns whom it trusts, whom it refuses and
//! what a ride costs: [`ListBundle`], its bytes and its signature; and the lists in it that are
//! about cards ([`CardLists`]). What is not here: how it travels, the terminal that swaps it in
//! ([`crate::ListBook`]), and the blacklist of cards, which is too large for it and has files of
//! its own (`tongtu-blacklist`).
//!
//! ```text
//! head 25     magic 4 "TTLB" | format 1 | acquirer cn8 4 | version 8 | issued_at 8
//! section     kind 2 | length 4 | content            format 1: kinds 1 to 6 in order
//!                                                    format 2: kinds 1 to 5 and 7 to 11
//! end 96      SM3 of all bytes before 32 | SM2 signature r || s over all bytes before it 64
//! ```
//!
//! All integers are big-endian, and one content has one encoding: entries rise strictly, so
//! that the bytes are the same whoever writes them. The signature is the acquirer's list key's;
//! it is checked before anything inside is looked at, so nobody edits a list on the terminal.
//!
//! Format 1 knows nothing of cards. It opens as a bundle with one fare book and no lists for
//! cards, which lets local cards in; format 2 is what is written.
//!
//! UNSPECIFIED: no public text gives this file; the terminal file of roots carries a SHA-1 and
//! no signature. We put all lists into one file because lists of different ages contradict each
//! other, and sign it because article 12 of the service rules draft forbids local editing.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tongtu_codec::{Cn, Cn10, EncodeError, Encoding as _, Reader};
use tongtu_crypto::{PublicKey, SecretKey, Signature, sm3};
use tongtu_ride_code::{BlackLists, Root, RootTable};
use tongtu_types::{CardNumber, InstitutionCode, Timestamp};

pub use cities::{
    AcceptedIssuer, CITIES_DUE_S, CardKinds, CardOrigin, CityList, InteropRule, IssuerPattern,
    MASKS_MAX, NotAccepted, Origin,
};
pub use error::ListError;
pub use groups::{GroupId, Groups, Place};
pub use parameters::{Parameters, ParametersRecord, Permissions, Service, Unverified};
pub use section::{
    ACCOUNTS_MAX, CITIES_MAX, FARE_BOOK_LEN_MAX, FARE_BOOKS_MAX, GROUPED_MAX,
    ISSUER_CERTIFICATES_MAX, ISSUERS_MAX, PARAMETERS_MAX, ROOTS_MAX, Section,
    USER_CERTIFICATES_MAX,
};

mod cities;
mod error;
mod groups;
pub(crate) mod parameters;
mod section;

/// What every bundle begins with.
pub const BUNDLE_MAGIC: [u8; 4] = *b"TTLB";
/// The format that is written; 1 is still opened.
pub const BUNDLE_FORMAT: u8 = 2;

const HEAD_LEN: usize = 4 + 1 + 4 + 8 + 8;
const SECTION_HEAD_LEN: usize = 2 + 4;
const DIGEST_LEN: usize = 32;
const SIGNATURE_LEN: usize = 64;
const END_LEN: usize = DIGEST_LEN + SIGNATURE_LEN;

/// Longest bundle, bytes: every list full. Anything longer is refused unread.
pub const BUNDLE_LEN_MAX: usize = {
    let sections = Section::of_format(BUNDLE_FORMAT);
    let mut total = HEAD_LEN + END_LEN;
    let mut index = 0;
    while index < sections.len() {
        let section = sections[index];
        total += SECTION_HEAD_LEN + section.front_len();
        total += section.entry_len() * section.entries_max();
        index += 1;
    }
    total
};

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
    /// Whose code is refused although it is genuine.
    pub blacklists: BlackLists,
    /// Texts of `.fare` files by rising version: the one that counts and those that will. The
    /// terminal parses them when it takes the bundle.
    pub fare_books: Vec<String>,
    /// What is about cards.
    pub cards: CardLists,
}

/// The lists that are about cards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardLists {
    /// Whose cards are accepted (城市白名单).
    pub cities: CityList,
    /// Limits and settings, by rising first day.
    pub parameters: Vec<Parameters>,
    /// Which terminals stand together.
    pub groups: Groups,
    /// The least version of the card blacklist (黑名单) that a terminal should have by now.
    pub blacklist_version: u64,
}

impl ListBundle {
    /// Writes the bundle and signs it with the acquirer's list key.
    ///
    /// # Errors
    /// [`ListError::TooMany`] when a list exceeds its limit.
    pub fn sign(&self, list_key: &SecretKey) -> Result<Vec<u8>, ListError> {
        self.sign_with(|bytes| Ok(list_key.sign(bytes)))
    }

    /// The same, signed by whoever has the list key: a device, for example.
    ///
    /// # Errors
    /// [`ListError::TooMany`] when a list exceeds its limit, or what the signer says.
    pub fn sign_with<E: From<ListError>>(
        &self,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Vec<u8>, E> {
        let mut out = self.unsigned()?;
        let signature = sign(&out)?;
        out.extend(signature.0);
        Ok(out)
    }

    /// The bundle's bytes in front of its signature.
    ///
    /// # Errors
    /// [`ListError::TooMany`] when a list exceeds its limit.
    pub fn unsigned(&self) -> Result<Vec<u8>, ListError> {
        let mut out = BUNDLE_MAGIC.to_vec();
        out.push(BUNDLE_FORMAT);
        out.extend(institution(self.acquirer)?);
        out.extend(self.version.to_be_bytes());
        out.extend(self.issued_at.get().to_be_bytes());
        for &section in Section::of_format(BUNDLE_FORMAT) {
            let content = self.content(section)?;
            let found = (content.len() - section.front_len()) / section.entry_len();
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
        Ok(out)
    }

    /// Checks the signature, then reads the bundle; every root verifies itself.
    ///
    /// The fare books stay text: parsing them is the taker's business.
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

    /// The bundle as the terminal's operator sees it: how many entries each list has. Fare books
    /// count as such, and the blacklist of cards as its version.
    #[must_use]
    pub fn counts(&self) -> Vec<(Section, u64)> {
        let count = |section| match section {
            Section::Roots => self.roots.iter().count(),
            Section::Issuers => self.issuers.len(),
            Section::Accounts => self.blacklists.accounts.len(),
            Section::UserCertificates => self.blacklists.user_certificates.len(),
            Section::IssuerCertificates => self.blacklists.issuer_certificates.len(),
            Section::FareBook | Section::FareBooks => self.fare_books.len(),
            Section::Cities => self.cards.cities.len(),
            Section::Parameters => self.cards.parameters.len(),
            Section::Groups => self.cards.groups.len(),
            Section::CardBlacklist => 0,
        };
        let number = |section| match section {
            Section::CardBlacklist => self.cards.blacklist_version,
            _ => u64::try_from(count(section)).expect("a length in memory"),
        };
        let sections = Section::of_format(BUNDLE_FORMAT).iter();
        sections.map(|s| (*s, number(*s))).collect()
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
            Section::FareBook | Section::FareBooks => return self.fare_content(),
            Section::Cities => return self.cards.cities.write(),
            Section::Parameters => return parameters::write(&self.cards.parameters),
            Section::Groups => return Ok(self.cards.groups.write()),
            Section::CardBlacklist => {
                return Ok(self.cards.blacklist_version.to_be_bytes().to_vec());
            }
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

    fn fare_content(&self) -> Result<Vec<u8>, ListError> {
        if self.fare_books.len() > FARE_BOOKS_MAX {
            return Err(too_many_books(self.fare_books.len()));
        }
        let mut out = Vec::new();
        for book in &self.fare_books {
            if book.len() > FARE_BOOK_LEN_MAX {
                return Err(ListError::TooMany {
                    list: Section::FareBook.name(),
                    found: book.len(),
                    max: FARE_BOOK_LEN_MAX,
                });
            }
            let len = u32::try_from(book.len()).expect("below the limit");
            out.extend(len.to_be_bytes());
            out.extend(book.as_bytes());
        }
        Ok(out)
    }

    fn read(body: &[u8]) -> Result<Self, ListError> {
        let mut reader = Reader::new("ListBundle", body);
        reader.take("magic", BUNDLE_MAGIC.len())?;
        let format = reader.take("format", 1)?[0];
        let sections = Section::of_format(format);
        if sections.is_empty() {
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
            fare_books: Vec::new(),
            cards: CardLists::default(),
        };
        for &section in sections {
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
        let (front, entries) = entries(section, content)?;
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
            Section::FareBook => self.fare_books = Vec::from([fare_text(content)?]),
            Section::FareBooks => self.fare_books = fare_texts(content)?,
            Section::Cities => {
                let front = front.try_into().expect("cut by this section's length");
                self.cards.cities = CityList::read(front, entries)?;
            }
            Section::Parameters => self.cards.parameters = parameters::read(entries)?,
            Section::Groups => self.cards.groups = Groups::read(entries)?,
            Section::CardBlacklist => {
                let version = content.try_into().map_err(|_| fault(0))?;
                self.cards.blacklist_version = u64::from_be_bytes(version);
            }
        }
        Ok(())
    }
}

/// Splits a section into its front and its entries, and checks their count and order.
fn entries(
    section: Section,
    content: &[u8],
) -> Result<(&[u8], core::slice::ChunksExact<'_, u8>), ListError> {
    let entry_len = section.entry_len();
    let list = section.name();
    let partial = ListError::Partial {
        list,
        found: content.len(),
        entry_len,
    };
    let Some((front, content)) = content.split_at_checked(section.front_len()) else {
        return Err(partial);
    };
    let found = content.len() / entry_len;
    if found > section.entries_max() {
        let max = section.entries_max();
        return Err(ListError::TooMany { list, found, max });
    }
    let chunks = content.chunks_exact(entry_len);
    if !chunks.remainder().is_empty() {
        return Err(partial);
    }
    if section.rises() {
        let mut pairs = chunks.clone().zip(chunks.clone().skip(1));
        if let Some(at) = pairs.position(|(before, entry)| before >= entry) {
            return Err(ListError::Entry {
                list,
                index: at + 1,
            });
        }
    }
    Ok((front, chunks))
}

fn fare_text(content: &[u8]) -> Result<String, ListError> {
    let text = core::str::from_utf8(content).map_err(|error| ListError::FareText {
        at: error.valid_up_to(),
    })?;
    Ok(text.to_string())
}

fn fare_texts(content: &[u8]) -> Result<Vec<String>, ListError> {
    let mut reader = Reader::new("fare books", content);
    let mut books = Vec::new();
    while !reader.is_at_end() {
        let len = reader.take_be("length", 4)?;
        let len = usize::try_from(len).expect("four bytes fit a usize");
        books.push(fare_text(reader.take("text", len)?)?);
        if books.len() > FARE_BOOKS_MAX {
            return Err(too_many_books(books.len()));
        }
    }
    Ok(books)
}

const fn too_many_books(found: usize) -> ListError {
    ListError::TooMany {
        list: Section::FareBooks.name(),
        found,
        max: FARE_BOOKS_MAX,
    }
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
