//! What a face terminal does with its gallery: takes updates, forgets, reports.

use alloc::vec::Vec;

use tongtu_crypto::Signature;
use tongtu_types::Timestamp;

use super::{FaceTerminal, Gallery, GalleryError, GalleryReport, GalleryUpdate, Handle};
use crate::chain::sealed;
use crate::{ChainedRecord, RecordStore, StoreError};

impl FaceTerminal {
    /// Takes an update of the gallery: all of it, or nothing but that whoever it forgets is
    /// forgotten. Keep the gallery at rest anew after it, whatever it says.
    ///
    /// # Errors
    /// [`GalleryError`]; the version held stays.
    pub fn update(&mut self, update: GalleryUpdate) -> Result<(), GalleryError> {
        let profile = &self.setup.profile;
        if update.head.terminal != profile.terminal {
            return Err(GalleryError::OtherTerminal {
                expected: profile.terminal,
            });
        }
        self.waiting = None;
        let none = || Gallery::none(profile.acquirer, self.setup.engine.id());
        self.gallery.get_or_insert_with(none).apply(update)
    }

    /// The version that the next update may go on from; 0 when only a whole gallery helps.
    #[must_use]
    pub fn gallery_after(&self) -> u64 {
        self.gallery.as_ref().map_or(0, Gallery::after)
    }

    /// Forgets what time has ended: riders whose consent has, and everybody when there was no
    /// word from the acquirer for too long. Says how many are gone; keep the gallery at rest anew
    /// when there were any.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        let gone = self.gallery.as_mut().map(|held| held.expire(now));
        let gone = gone.unwrap_or_default();
        if gone > 0 {
            self.waiting = None;
        }
        gone
    }

    /// The signed report of the gallery; send it once the gallery is kept at rest.
    ///
    /// # Errors
    /// [`GalleryError::Encode`], which no profile gives that can be made.
    pub fn gallery_report(&self, now: Timestamp) -> Result<Vec<u8>, GalleryError> {
        let riders = self.gallery.as_ref().map_or(0, |held| held.riders().len());
        let report = GalleryReport {
            acquirer: self.setup.profile.acquirer,
            terminal: self.setup.profile.terminal,
            at: now,
            version: self.gallery.as_ref().map_or(0, |held| held.version),
            engine: self.setup.engine.id(),
            riders: u32::try_from(riders).unwrap_or(u32::MAX),
        };
        report.sign(&*self.setup.sam)
    }

    /// The signature that goes with an upload: it says that the chain is this terminal's.
    #[must_use]
    pub fn seal(&self, records: &[ChainedRecord]) -> Signature {
        let sam = &self.setup.sam;
        sam.sign(&sealed(self.setup.profile.terminal, records))
    }

    /// Takes a gallery that was kept at rest, or put together elsewhere, all of it or nothing.
    ///
    /// # Errors
    /// [`GalleryError`]; the gallery held stays.
    pub fn take(&mut self, gallery: Gallery) -> Result<(), GalleryError> {
        let (acquirer, engine) = (self.setup.profile.acquirer, self.setup.engine.id());
        if gallery.acquirer != acquirer {
            return Err(GalleryError::OtherAcquirer {
                found: gallery.acquirer,
                expected: acquirer,
            });
        }
        if gallery.engine != engine {
            return Err(GalleryError::OtherEngine {
                found: gallery.engine,
                expected: engine,
            });
        }
        let held = self.gallery.as_ref().map_or(0, |held| held.version);
        if gallery.version <= held {
            return Err(GalleryError::NotNewer {
                found: gallery.version,
                held,
            });
        }
        self.waiting = None;
        self.gallery = Some(gallery);
        Ok(())
    }

    /// The gallery held; what the terminal keeps at rest is made from it.
    #[must_use]
    pub const fn gallery(&self) -> Option<&Gallery> {
        self.gallery.as_ref()
    }

    /// Forgets riders who withdrew their consent, at once; says how many were there.
    pub fn withdraw(&mut self, handles: &[Handle]) -> usize {
        self.waiting = None;
        let gone = self.gallery.as_mut().map(|held| held.withdraw(handles));
        gone.unwrap_or_default()
    }

    /// Notes what the acquirer acknowledged, and lets the store discard what no restart needs.
    /// Not for a store that also holds scans or taps: there, ask everybody who uses it what is
    /// needed, and release below the lowest.
    ///
    /// # Errors
    /// [`StoreError`]; what was acknowledged goes out again then.
    pub fn acknowledge(
        &mut self,
        seqs: &[u64],
        store: &mut dyn RecordStore,
    ) -> Result<(), StoreError> {
        if !seqs.is_empty() {
            store.acknowledge(seqs)?;
        }
        let needed = self.needed_from();
        needed.map_or(Ok(()), |needed| store.release(needed))
    }
}
