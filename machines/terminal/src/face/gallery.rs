//! The gallery (人脸名单): who may be recognised here, as the terminal holds it.
//!
//! ```text
//! head 50    magic 4 "TTFG" | format 2 | acquirer cn8 4 | version 8 | issued_at 8
//!            | valid_until 8 | engine 8 | lapsed 1 | riders 4 | forgotten 4
//! rider      handle 16 | account cn20 10 | issuer cn8 4 | terms 4 | consent_until 8
//!            | sealed length 2 | sealed
//! forgotten  handle 16 | version 8
//! end        CMAC 16 of the terminal's own key
//! ```
//!
//! All integers are big-endian, handles rise strictly. A rider's sealed part is the four digits
//! of the second factor and the templates, bound to handle, account and engine, so that parts of
//! two riders cannot be exchanged. What travels is a [`GalleryUpdate`]; the terminal keeps its
//! gallery under its own key ([`Gallery::at_rest`]), so that a rider who withdraws consent is
//! gone at once and does not wait for the next list.
//!
//! Three rules hold whatever arrives, in whatever order: the version never goes back; who is to
//! be forgotten is forgotten at once, also when the update says more that cannot be taken, or
//! when the rider was never here; and who was forgotten comes back only by an update that is
//! newer than that.
//!
//! UNSPECIFIED: JT/T 1059.8 names face terminals and no format; this one is ours.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_codec::{Cn, Reader};
use tongtu_crypto::{Entropy, equal};
use tongtu_types::{InstitutionCode, Timestamp};

use super::enrolled::in_order;
use super::wire::{array, count, field, instant, push};
use super::{EngineId, Enrolled, GalleryError, GalleryUpdate, Handle, SealKey};
use crate::LISTS_OVERDUE_S;

/// Most riders of one gallery: the registered riders of a line or a station.
pub const RIDERS_MAX: usize = 100_000;
/// Longest time that a gallery is good for without word from the acquirer: 15 days, after which
/// other lists are overdue (service rules draft, article 12) and this one is empty.
pub const GALLERY_AGE_MAX_S: i64 = LISTS_OVERDUE_S;
const MAGIC: [u8; 4] = *b"TTFG";
const FORMAT: u8 = 2;
const MAC_LEN: usize = 16;

/// The riders who may be recognised, by rising handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gallery {
    /// Whose terminals it is for.
    pub acquirer: InstitutionCode,
    /// Rises with every list.
    pub version: u64,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Nobody is recognised from it any more then.
    pub valid_until: Timestamp,
    /// The engine that made the templates.
    pub engine: EngineId,
    riders: Vec<Enrolled>,
    /// Who is not to come back by anything as old as that version.
    forgotten: BTreeMap<Handle, u64>,
    /// Its riders are gone because its time was over, so that nothing goes on from it.
    lapsed: bool,
}

impl Gallery {
    /// Puts a gallery together; riders are brought in order.
    ///
    /// # Errors
    /// [`GalleryError`] when there are too many or two of one handle.
    pub fn new(
        acquirer: InstitutionCode,
        version: u64,
        issued_at: Timestamp,
        valid_until: Timestamp,
        engine: EngineId,
        riders: Vec<Enrolled>,
    ) -> Result<Self, GalleryError> {
        check_count(riders.len())?;
        Ok(Self {
            acquirer,
            version,
            issued_at,
            valid_until,
            engine,
            riders: in_order(riders)?,
            forgotten: BTreeMap::new(),
            lapsed: false,
        })
    }

    /// The gallery of a terminal that was never given one.
    pub(super) const fn none(acquirer: InstitutionCode, engine: EngineId) -> Self {
        Self {
            acquirer,
            version: 0,
            issued_at: Timestamp::new(0),
            valid_until: Timestamp::new(0),
            engine,
            riders: Vec::new(),
            forgotten: BTreeMap::new(),
            lapsed: true,
        }
    }

    /// The riders.
    #[must_use]
    pub fn riders(&self) -> &[Enrolled] {
        &self.riders
    }

    /// The rider of a handle.
    #[must_use]
    pub fn rider(&self, handle: Handle) -> Option<&Enrolled> {
        let place = self.riders.binary_search_by_key(&handle, |r| r.handle);
        place.ok().map(|index| &self.riders[index])
    }

    /// The version that an update may go on from; 0 when only a whole one helps.
    #[must_use]
    pub const fn after(&self) -> u64 {
        if self.lapsed { 0 } else { self.version }
    }

    /// Whether its time was over and its riders are gone.
    #[must_use]
    pub const fn is_lapsed(&self) -> bool {
        self.lapsed
    }

    /// Takes an update: all of it, or nothing but that whoever it forgets is forgotten.
    ///
    /// # Errors
    /// [`GalleryError`]; the version stays. Only after [`GalleryError::Gap`] and
    /// [`GalleryError::TooMany`] riders were forgotten.
    pub fn apply(&mut self, update: GalleryUpdate) -> Result<(), GalleryError> {
        let head = update.head;
        if head.acquirer != self.acquirer {
            return Err(GalleryError::OtherAcquirer {
                found: head.acquirer,
                expected: self.acquirer,
            });
        }
        if head.engine != self.engine {
            return Err(GalleryError::OtherEngine {
                found: head.engine,
                expected: self.engine,
            });
        }
        // The same version again says that nothing is newer, if it is not an old message.
        let renews = head.version == self.version && head.issued_at >= self.issued_at;
        if head.version < self.version || (head.version == self.version && !renews) {
            return Err(GalleryError::NotNewer {
                found: head.version,
                held: self.version,
            });
        }
        let (forgotten, riders) = update.into_parts();
        self.riders
            .retain(|rider| forgotten.binary_search(&rider.handle).is_err());
        for handle in forgotten {
            let since = self.forgotten.entry(handle).or_default();
            *since = head.version.max(*since);
        }
        let goes_on = !self.lapsed && head.base <= self.version;
        if head.base != 0 && !goes_on {
            return Err(GalleryError::Gap {
                base: head.base,
                held: self.after(),
            });
        }
        let riders = riders.into_iter();
        let new: Vec<Enrolled> = riders
            .filter(|rider| {
                let since = self.forgotten.get(&rider.handle);
                since.is_none_or(|since| *since < head.version)
            })
            .collect();
        let changed = |held: &Enrolled| {
            let place = new.binary_search_by_key(&held.handle, |rider| rider.handle);
            head.base == 0 || place.is_ok()
        };
        let kept = self.riders.iter().filter(|rider| !changed(rider)).count();
        check_count(kept + new.len())?;
        self.riders.retain(|rider| !changed(rider));
        self.riders.extend(new);
        self.riders.sort_by_key(|rider| rider.handle);
        // Nothing older than this version is taken any more, so that these are safe. The same one
        // may come again.
        self.forgotten.retain(|_, since| *since >= head.version);
        self.lapsed = false;
        self.version = head.version;
        self.issued_at = head.issued_at;
        self.valid_until = head.valid_until;
        Ok(())
    }

    /// Takes riders out who withdrew their consent; says how many were there. The version held does
    /// not bring them back, should it come again.
    pub fn withdraw(&mut self, handles: &[Handle]) -> usize {
        let before = self.riders.len();
        for rider in self
            .riders
            .iter()
            .filter(|rider| handles.contains(&rider.handle))
        {
            let since = self.forgotten.entry(rider.handle).or_default();
            *since = self.version.max(*since);
        }
        self.riders.retain(|rider| !handles.contains(&rider.handle));
        before - self.riders.len()
    }

    /// Takes riders out whose consent has ended.
    pub fn forget_ended(&mut self, now: Timestamp) -> usize {
        let before = self.riders.len();
        self.riders.retain(|rider| rider.consent.until > now);
        before - self.riders.len()
    }

    /// Takes out what time has ended: riders whose consent has, and all of them when the
    /// gallery's own time is over. Says how many are gone.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        if now < self.valid_until {
            return self.forget_ended(now);
        }
        self.lapsed = true;
        let gone = self.riders.len();
        self.riders = Vec::new();
        gone
    }

    /// The gallery as a terminal keeps it, under a key that nobody else has.
    ///
    /// # Errors
    /// [`GalleryError`] when a field does not fit.
    pub fn at_rest(
        &self,
        own: &SealKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, GalleryError> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.push(FORMAT);
        push::<Cn, _>("acquirer", &self.acquirer, 4, &mut out)?;
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.issued_at.get().to_be_bytes());
        out.extend_from_slice(&self.valid_until.get().to_be_bytes());
        out.extend_from_slice(&self.engine.0);
        out.push(u8::from(self.lapsed));
        for len in [self.riders.len(), self.forgotten.len()] {
            let len = u32::try_from(len).expect("far fewer than four billion");
            out.extend_from_slice(&len.to_be_bytes());
        }
        for rider in &self.riders {
            rider.write(self.engine, own, entropy, &mut out)?;
        }
        for (handle, version) in &self.forgotten {
            out.extend_from_slice(&handle.0);
            out.extend_from_slice(&version.to_be_bytes());
        }
        let mac = own.mac(&out);
        out.extend_from_slice(&mac);
        Ok(out)
    }

    /// Opens what [`Gallery::at_rest`] wrote.
    ///
    /// # Errors
    /// [`GalleryError`].
    pub fn from_rest(bytes: &[u8], own: &SealKey) -> Result<Self, GalleryError> {
        let (body, mac) = bytes
            .split_last_chunk::<MAC_LEN>()
            .ok_or(GalleryError::Magic)?;
        if !equal(&own.mac(body), mac) {
            return Err(GalleryError::Mac);
        }
        let mut reader = Reader::new("Gallery", body);
        if reader.take("magic", 4)? != MAGIC || reader.take("format", 1)? != [FORMAT] {
            return Err(GalleryError::Magic);
        }
        let acquirer = field::<Cn, _>(&mut reader, "acquirer", 4)?;
        let version = reader.take_be("version", 8)?;
        let issued_at = instant(&mut reader, "issued_at")?;
        let valid_until = instant(&mut reader, "valid_until")?;
        let engine = EngineId(array(reader.take("engine", 8)?));
        let lapsed = reader.take("lapsed", 1)? != [0];
        let riders = count(&mut reader, "riders")?;
        check_count(riders)?;
        let gone = count(&mut reader, "forgotten")?;
        let riders = Enrolled::read_all(&mut reader, riders, engine, own)?;
        let mut forgotten = BTreeMap::new();
        for _ in 0..gone {
            let handle = Handle(array(reader.take("handle", 16)?));
            forgotten.insert(handle, reader.take_be("version", 8)?);
        }
        if !reader.is_at_end() {
            return Err(GalleryError::Behind {
                found: body.len() - reader.offset(),
            });
        }
        Ok(Self {
            acquirer,
            version,
            issued_at,
            valid_until,
            engine,
            riders,
            forgotten,
            lapsed,
        })
    }
}

pub(super) const fn check_count(found: usize) -> Result<(), GalleryError> {
    if found > RIDERS_MAX {
        return Err(GalleryError::TooMany { found });
    }
    Ok(())
}
