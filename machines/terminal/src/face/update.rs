//! What leads a terminal's gallery on: riders who are new, riders to be forgotten.
//!
//! ```text
//! head 55    magic 4 "TTFU" | format 1 | acquirer cn8 4 | terminal cn12 6 | base 8 | version 8
//!            | issued_at 8 | valid_until 8 | engine 8
//! counts 8   forgotten 4 | riders 4
//! forgotten  handle 16
//! rider      as in a gallery, sealed under this terminal's key
//! end        signature 64 of the acquirer's list key
//! ```
//!
//! Base 0 is a whole gallery. Otherwise the update holds whatever changed since that version, so
//! that it may be taken by whoever holds that version or a later one: each rider stands in it as
//! of the new version, once. An update to the version held says that nothing is newer, and makes
//! the gallery good for longer. It is for one terminal alone: another could not open it.

use alloc::vec::Vec;

use tongtu_codec::{Cn, Reader};
use tongtu_crypto::{Entropy, PublicKey, SecretKey, Signature};
use tongtu_types::{InstitutionCode, TerminalNumber, Timestamp};

use super::enrolled::in_order;
use super::gallery::check_count;
use super::wire::{array, bcd, count, field, instant, push, terminal};
use super::{EngineId, Enrolled, GALLERY_AGE_MAX_S, GalleryError, Handle, SealKey};

const MAGIC: [u8; 4] = *b"TTFU";
const FORMAT: u8 = 1;
const SIGNATURE_LEN: usize = 64;

/// What an update says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateHead {
    /// Whose terminals it is for.
    pub acquirer: InstitutionCode,
    /// The one terminal that may have it.
    pub terminal: TerminalNumber,
    /// The version it goes on from; 0 for a whole gallery.
    pub base: u64,
    /// The version it leads to.
    pub version: u64,
    /// When it was made.
    pub issued_at: Timestamp,
    /// The gallery is good until then.
    pub valid_until: Timestamp,
    /// The engine that made the templates.
    pub engine: EngineId,
}

/// An update of a terminal's gallery; taken from [`GalleryUpdate::open`] it is genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GalleryUpdate {
    /// What it says of itself.
    pub head: UpdateHead,
    forgotten: Vec<Handle>,
    riders: Vec<Enrolled>,
}

impl GalleryUpdate {
    /// Puts an update together; both lists are brought in order.
    ///
    /// # Errors
    /// [`GalleryError`] when it is good for too long, leads nowhere, is too large, or names a
    /// rider twice.
    pub fn new(
        head: UpdateHead,
        mut forgotten: Vec<Handle>,
        riders: Vec<Enrolled>,
    ) -> Result<Self, GalleryError> {
        forgotten.sort_unstable();
        forgotten.dedup();
        let update = Self {
            head,
            forgotten,
            riders: in_order(riders)?,
        };
        update.check()?;
        Ok(update)
    }

    /// Who is to be forgotten, by rising handle.
    #[must_use]
    pub fn forgotten(&self) -> &[Handle] {
        &self.forgotten
    }

    /// Who is new or changed, by rising handle.
    #[must_use]
    pub fn riders(&self) -> &[Enrolled] {
        &self.riders
    }

    pub(super) fn into_parts(self) -> (Vec<Handle>, Vec<Enrolled>) {
        (self.forgotten, self.riders)
    }

    fn check(&self) -> Result<(), GalleryError> {
        let head = &self.head;
        let found_s = head.valid_until.since_s(head.issued_at);
        if !(0..=GALLERY_AGE_MAX_S).contains(&found_s) {
            return Err(GalleryError::Age { found_s });
        }
        let is_empty = self.forgotten.is_empty() && self.riders.is_empty();
        if head.base > head.version || (head.base == head.version && !is_empty) {
            return Err(GalleryError::Versions {
                base: head.base,
                version: head.version,
            });
        }
        check_count(self.riders.len())?;
        let both = self.riders.iter().position(|rider| {
            let place = self.forgotten.binary_search(&rider.handle);
            place.is_ok()
        });
        match both {
            Some(index) => Err(GalleryError::Order { index }),
            None => Ok(()),
        }
    }

    /// The update as it travels: templates sealed under the terminal's key, the whole signed.
    ///
    /// # Errors
    /// [`GalleryError`] when a field does not fit.
    pub fn signed(
        &self,
        seal: &SealKey,
        list_key: &SecretKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, GalleryError> {
        self.signed_with(seal, entropy, |bytes| Ok(list_key.sign(bytes)))
    }

    /// The same, signed by whoever has the list key: a device, for example.
    ///
    /// # Errors
    /// [`GalleryError`] when a field does not fit, or what the signer says.
    pub fn signed_with<E: From<GalleryError>>(
        &self,
        seal: &SealKey,
        entropy: &mut dyn Entropy,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<Vec<u8>, E> {
        let mut out = self.unsigned(seal, entropy)?;
        let signature = sign(&out)?;
        out.extend_from_slice(&signature.0);
        Ok(out)
    }

    fn unsigned(&self, seal: &SealKey, entropy: &mut dyn Entropy) -> Result<Vec<u8>, GalleryError> {
        let head = &self.head;
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.push(FORMAT);
        push::<Cn, _>("acquirer", &head.acquirer, 4, &mut out)?;
        out.extend_from_slice(&bcd(head.terminal));
        out.extend_from_slice(&head.base.to_be_bytes());
        out.extend_from_slice(&head.version.to_be_bytes());
        out.extend_from_slice(&head.issued_at.get().to_be_bytes());
        out.extend_from_slice(&head.valid_until.get().to_be_bytes());
        out.extend_from_slice(&head.engine.0);
        for len in [self.forgotten.len(), self.riders.len()] {
            let len = u32::try_from(len).expect("far fewer than four billion");
            out.extend_from_slice(&len.to_be_bytes());
        }
        for handle in &self.forgotten {
            out.extend_from_slice(&handle.0);
        }
        for rider in &self.riders {
            rider.write(head.engine, seal, entropy, &mut out)?;
        }
        Ok(out)
    }

    /// Opens an update: the signature first, then everything inside.
    ///
    /// # Errors
    /// [`GalleryError`].
    pub fn open(bytes: &[u8], seal: &SealKey, list_key: &PublicKey) -> Result<Self, GalleryError> {
        let (body, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .ok_or(GalleryError::Magic)?;
        if !body.starts_with(&MAGIC) {
            return Err(GalleryError::Magic);
        }
        list_key
            .verify(body, &Signature(*signature))
            .map_err(|_| GalleryError::Signature)?;
        let mut reader = Reader::new("GalleryUpdate", body);
        reader.take("magic", 4)?;
        if reader.take("format", 1)? != [FORMAT] {
            return Err(GalleryError::Magic);
        }
        let head = UpdateHead {
            acquirer: field::<Cn, _>(&mut reader, "acquirer", 4)?,
            terminal: terminal(array(reader.take("terminal", 6)?)).ok_or(GalleryError::Magic)?,
            base: reader.take_be("base", 8)?,
            version: reader.take_be("version", 8)?,
            issued_at: instant(&mut reader, "issued_at")?,
            valid_until: instant(&mut reader, "valid_until")?,
            engine: EngineId(array(reader.take("engine", 8)?)),
        };
        let gone = count(&mut reader, "forgotten")?;
        let riders = count(&mut reader, "riders")?;
        check_count(riders)?;
        let mut forgotten: Vec<Handle> = Vec::new();
        for index in 0..gone {
            let handle = Handle(array(reader.take("handle", 16)?));
            if forgotten.last().is_some_and(|last| *last >= handle) {
                return Err(GalleryError::Order { index });
            }
            forgotten.push(handle);
        }
        let riders = Enrolled::read_all(&mut reader, riders, head.engine, seal)?;
        if !reader.is_at_end() {
            return Err(GalleryError::Behind {
                found: body.len() - reader.offset(),
            });
        }
        let update = Self {
            head,
            forgotten,
            riders,
        };
        update.check()?;
        Ok(update)
    }
}
