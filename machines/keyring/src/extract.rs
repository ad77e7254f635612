//! Both books as the key centre hands them to a node: signed, so that a file in a folder is not
//! believed because it is there.
//!
//! ```text
//! TTKX | version | made at 8 | key events: length 4, bytes | certificate events: length 4, bytes
//! | SM2 signature 64 over all before it
//! ```
//! UNSPECIFIED: no text that we could read says how a holder learns what the book says; ours.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_codec::{DecodeError, Reader};
use tongtu_crypto::{PublicKey, Signature, Signer, SignerFault};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::record::EventError;
use crate::refusal::ReplayError;
use crate::{Event, KeyBook, KeyNumber, What, ca};

const MAGIC: [u8; 4] = *b"TTKX";
const VERSION: u8 = 1;
const SIGNATURE_LEN: usize = 64;

/// Why bytes are no extract of a key centre, or none could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// Something else, or another version.
    #[error("not an extract of a key book, or of another version than 01")]
    Form,
    /// Not signed by the key centre that is trusted here.
    #[error("the signature of the extract does not verify under the key centre's key")]
    Signature,
    /// A field does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// An event does not hold.
    #[error("an event of the extract does not hold")]
    Event(#[from] EventError),
    /// An event that cannot follow on those before it.
    #[error("the key book of the extract does not hold")]
    Book(#[from] ReplayError),
    /// An event of the authority that cannot follow on those before it.
    #[error("the authority's book of the extract does not hold")]
    Authority(#[from] ca::ReplayError),
    /// The key centre's key did not sign.
    #[error("the extract is not signed")]
    Signer(#[from] SignerFault),
    /// An older extract than the one held.
    #[error("extract up to event {offered}, expected {held} or later")]
    Older {
        /// Its last event.
        offered: u64,
        /// The last event held.
        held: u64,
    },
}

/// Both books up to a moment, and how each key stood at every moment before.
#[derive(Debug, Clone)]
pub struct Extract {
    made_at: Timestamp,
    events: Vec<Event>,
    /// When and after how many events it changed what a key may be used for: a book notes each
    /// day's uses, and nobody wants to walk over those for each of millions of rides.
    turns: Vec<(Timestamp, usize)>,
    book: KeyBook,
    authority: ca::Authority,
    /// When each revoked certificate was, by issuer and serial number.
    revoked: BTreeMap<(InstitutionCode, [u8; 3]), Timestamp>,
}

impl Extract {
    /// Writes both books and signs them.
    ///
    /// # Errors
    /// [`ExtractError::Signer`] when the device does not sign, [`ExtractError::Event`] when an
    /// event cannot be written.
    ///
    /// # Panics
    /// Never: both books together are far below four gigabytes.
    pub fn sign(
        events: &[Event],
        certificates: &[ca::Event],
        made_at: Timestamp,
        signer: &mut dyn Signer,
    ) -> Result<Vec<u8>, ExtractError> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend(made_at.get().to_be_bytes());
        let mut keys = Vec::new();
        for event in events {
            keys.extend(event.encode()?);
        }
        let mut others = Vec::new();
        for event in certificates {
            others.extend(event.encode()?);
        }
        for part in [keys, others] {
            let len = u32::try_from(part.len()).expect("books are far below four gigabytes");
            out.extend(len.to_be_bytes());
            out.extend(part);
        }
        let signature = signer.sign_checked(&out)?;
        out.extend(signature.0);
        Ok(out)
    }

    /// Opens an extract: the signature first, then every event of both books.
    ///
    /// # Errors
    /// [`ExtractError`] naming what does not hold.
    pub fn open(bytes: &[u8], centre: &PublicKey) -> Result<Self, ExtractError> {
        let (body, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .ok_or(ExtractError::Form)?;
        if !body.starts_with(&MAGIC) || body.get(MAGIC.len()) != Some(&VERSION) {
            return Err(ExtractError::Form);
        }
        centre
            .verify(body, &Signature(*signature))
            .map_err(|_| ExtractError::Signature)?;
        let mut reader = Reader::new("Extract", body);
        reader.take("magic and version", MAGIC.len() + 1)?;
        let made_at = reader.take("made at", 8)?.try_into().expect("8 bytes");
        let mut part = |name| -> Result<&[u8], DecodeError> {
            let len = reader.take(name, 4)?.try_into().expect("4 bytes");
            let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
            reader.take(name, len)
        };
        let (keys, others) = (part("key events")?, part("certificate events")?);
        reader.finish()?;
        Self::of(
            Event::decode_all(keys)?,
            &ca::Event::decode_all(others)?,
            Timestamp::new(i64::from_be_bytes(made_at)),
        )
    }

    /// The books that events make, each of them checked again.
    ///
    /// # Errors
    /// [`ExtractError`] naming the first event that cannot follow on those before it.
    pub fn of(
        events: Vec<Event>,
        certificates: &[ca::Event],
        made_at: Timestamp,
    ) -> Result<Self, ExtractError> {
        let book = KeyBook::replay(&events)?;
        let authority = ca::Authority::replay(certificates, book.cities())?;
        let mut revoked = BTreeMap::new();
        for event in certificates {
            let entry = authority.certificate(event.certificate);
            if let (ca::What::Revoked(_), Some(entry)) = (&event.what, entry) {
                let draft = entry.draft();
                revoked.insert((draft.issuer, draft.serial), event.at);
            }
        }
        let numbered = events.iter().zip(1..);
        let turns = numbered
            .filter(|(event, _)| decides(event))
            .map(|(event, count)| (event.at, count))
            .collect();
        Ok(Self {
            made_at,
            events,
            turns,
            book,
            authority,
            revoked,
        })
    }

    /// When it was made.
    #[must_use]
    pub const fn made_at(&self) -> Timestamp {
        self.made_at
    }

    /// The key book.
    #[must_use]
    pub const fn book(&self) -> &KeyBook {
        &self.book
    }

    /// The authority's book.
    #[must_use]
    pub const fn authority(&self) -> &ca::Authority {
        &self.authority
    }

    /// Whether this one may follow another: no book in it ends before the other's does.
    ///
    /// # Errors
    /// [`ExtractError::Older`].
    pub fn follows(&self, before: &Self) -> Result<(), ExtractError> {
        let pairs = [
            (self.book.last_number(), before.book.last_number()),
            (self.authority.last_number(), before.authority.last_number()),
        ];
        match pairs.into_iter().find(|(offered, held)| offered < held) {
            None => Ok(()),
            Some((offered, held)) => Err(ExtractError::Older { offered, held }),
        }
    }

    /// How many events of the key book matter to whether a key might be used at `at`. Moments with
    /// the same number have the same answers, as far as what was recorded decides.
    #[must_use]
    pub fn events_until(&self, at: Timestamp) -> usize {
        let past = self.turns.partition_point(|(turn, _)| *turn <= at);
        let last = past.checked_sub(1).and_then(|last| self.turns.get(last));
        last.map_or(0, |(_, count)| *count)
    }

    /// The key book as it stood after so many events: what was recorded later of a key does not
    /// undo what was done with it before.
    #[must_use]
    pub fn book_after(&self, events: usize) -> KeyBook {
        let mut book = KeyBook::new();
        for event in self.events.iter().take(events) {
            book.apply(event);
        }
        book
    }

    /// When a certificate of an issuer was revoked, by its serial number.
    #[must_use]
    pub fn revoked_at(&self, issuer: InstitutionCode, serial: [u8; 3]) -> Option<Timestamp> {
        self.revoked.get(&(issuer, serial)).copied()
    }

    /// When a key was revoked.
    #[must_use]
    pub fn key_revoked_at(&self, key: KeyNumber) -> Option<Timestamp> {
        let is_it =
            |event: &&Event| event.key == Some(key) && matches!(event.what, What::Revoked(_));
        self.events.iter().find(is_it).map(|event| event.at)
    }
}

/// Whether an event changes what a key may be used for.
const fn decides(event: &Event) -> bool {
    !matches!(
        event.what,
        What::Used
            | What::Noticed { .. }
            | What::FlaggedUnused
            | What::Misused { .. }
            | What::Reviewed
            | What::CityRegistered { .. }
            | What::Requested(_)
            | What::Approved
            | What::Generated(_)
    )
}
