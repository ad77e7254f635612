//! Rides by face: the machine, its gallery, and the keys that it is sealed under.

use std::sync::Arc;

use tongtu_crypto::sm3;
use tongtu_tap_record::Stage;
use tongtu_terminal::face::{
    Capture, Engine, FacePolicy, FaceRide, FaceSetup, FaceTerminal, Gallery, GalleryUpdate, Handle,
    Look, SealKey, Sight,
};
use tongtu_terminal::{OpenEntry, Terms};
use tongtu_types::{RecordId, Timestamp};
use zeroize::Zeroizing;

use super::inside::Passage;
use super::{Last, Terminal, out_of_order};
use crate::code::{TT_ERR_LISTS, TT_ERR_NONE};
use crate::fault::Fault;

/// The face half of a terminal.
pub(super) struct Faces {
    pub(super) terminal: FaceTerminal,
    seal: SealKey,
    own: SealKey,
    seed: Zeroizing<[u8; 32]>,
    drawn: u64,
}

/// What it is put up with.
pub(crate) struct FaceParts {
    pub(crate) policy: FacePolicy,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) seal: SealKey,
    pub(crate) own: SealKey,
    pub(crate) seed: Zeroizing<[u8; 32]>,
}

impl Terminal {
    /// The policy that a clock of this terminal goes with.
    pub(crate) fn face_policy(&self) -> FacePolicy {
        FacePolicy::plain(self.policy.min_trusted_clock)
    }

    /// Takes faces from now on; the gallery comes after.
    pub(crate) fn open_faces(&mut self, parts: FaceParts) -> Result<(), Fault> {
        self.idle()?;
        self.not_at_counter()?;
        let setup = FaceSetup {
            profile: self.own.clone(),
            policy: parts.policy,
            engine: parts.engine,
            sam: Box::new(Arc::clone(&self.sam)),
        };
        let faces = Faces {
            terminal: FaceTerminal::recover(setup, &self.store),
            seal: parts.seal,
            own: parts.own,
            seed: parts.seed,
            drawn: 0,
        };
        self.faces = Some(Box::new(faces));
        Ok(())
    }

    fn faces(&mut self) -> Result<&mut Faces, Fault> {
        let faces = self.faces.as_deref_mut();
        faces.ok_or_else(|| out_of_order("faces were not opened"))
    }

    /// The gallery held, if any.
    pub(crate) fn gallery(&self) -> Option<&Gallery> {
        self.faces
            .as_ref()
            .and_then(|faces| faces.terminal.gallery())
    }

    /// The version that the next update may go on from; 0 when only a whole gallery helps.
    pub(crate) fn gallery_after(&self) -> u64 {
        let faces = self.faces.as_ref();
        faces.map_or(0, |faces| faces.terminal.gallery_after())
    }

    /// Takes the acquirer's signed update.
    pub(crate) fn update_gallery(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let list_key = self.list_key.clone();
        let faces = self.faces()?;
        let opened = GalleryUpdate::open(bytes, &faces.seal, &list_key);
        let taken = opened.and_then(|update| faces.terminal.update(update));
        taken.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))
    }

    /// The signed report of the gallery held.
    pub(crate) fn gallery_report(&mut self, now: Timestamp) -> Result<Vec<u8>, Fault> {
        let report = self.faces()?.terminal.gallery_report(now);
        report.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))
    }

    /// Takes what this terminal itself kept.
    pub(crate) fn restore_gallery(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let faces = self.faces()?;
        let opened = Gallery::from_rest(bytes, &faces.own);
        let taken = opened.and_then(|gallery| faces.terminal.take(gallery));
        taken.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))
    }

    /// The gallery as the terminal keeps it.
    pub(crate) fn gallery_at_rest(&mut self) -> Result<Vec<u8>, Fault> {
        let faces = self.faces()?;
        let gallery = faces.terminal.gallery();
        let gallery = gallery.ok_or_else(|| Fault::new(TT_ERR_NONE, "no gallery is held"))?;
        let (seed, drawn) = (&faces.seed, &mut faces.drawn);
        let mut entropy = |out: &mut [u8]| {
            for piece in out.chunks_mut(32) {
                *drawn += 1;
                let bytes = sm3::digest_parts(&[&seed[..], &drawn.to_be_bytes()]);
                piece.copy_from_slice(&bytes[..piece.len()]);
            }
        };
        let bytes = gallery.at_rest(&faces.own, &mut entropy);
        bytes.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))
    }

    /// Forgets riders who withdrew their consent; how many there were.
    pub(crate) fn withdraw(&mut self, handles: &[[u8; 16]]) -> Result<usize, Fault> {
        let handles: Vec<Handle> = handles.iter().map(|bytes| Handle(*bytes)).collect();
        Ok(self.faces()?.terminal.withdraw(&handles))
    }

    /// Forgets what time has ended; how many riders that were.
    pub(crate) fn expire_gallery(&mut self, now: Timestamp) -> Result<usize, Fault> {
        Ok(self.faces()?.terminal.expire(now))
    }

    /// Judges what the camera saw.
    pub(crate) fn look(
        &mut self,
        capture: Capture<'_>,
        now: Option<Timestamp>,
    ) -> Result<(), Fault> {
        self.see(now, |faces, sight, store| faces.look(capture, sight, store))
    }

    /// Takes the second factor.
    pub(crate) fn digits(&mut self, digits: &[u8], now: Option<Timestamp>) -> Result<(), Fault> {
        self.see(now, |faces, sight, store| {
            faces.digits(digits, sight, store)
        })
    }

    fn see(
        &mut self,
        now: Option<Timestamp>,
        run: impl FnOnce(&mut FaceTerminal, &Sight<'_>, &mut super::Store) -> Look,
    ) -> Result<(), Fault> {
        self.idle()?;
        let now = self.believed(now);
        let terms = self
            .scans
            .lists()
            .zip(now)
            .map(|(held, now)| held.terms(now));
        let Some(faces) = self.faces.as_deref_mut() else {
            return Err(out_of_order("faces were not opened"));
        };
        let sight = Sight {
            now,
            fares: terms.as_ref().and_then(Terms::fare_book),
            inside: self.inside.entries(),
        };
        let look = run(&mut faces.terminal, &sight, &mut self.store);
        if let Look::Ride(ride) = &look {
            self.passed(ride);
        }
        self.last = Last::Look(Box::new(look));
        Ok(())
    }

    /// A rider passed by face: what the other parts and the group should know.
    fn passed(&mut self, ride: &FaceRide) {
        let record = &ride.record;
        let Some(at) = record.recorded_at.instant() else {
            return;
        };
        if !ride.resumed {
            self.scans.recorded(at);
        }
        match (record.stage, self.own.post.station()) {
            (Stage::Entry, Some(station)) => {
                let (acquirer, terminal) = (self.own.acquirer, self.own.terminal);
                let record = RecordId::compose_tap(acquirer, terminal, at, ride.seq);
                let entry = OpenEntry {
                    station,
                    at,
                    record,
                };
                self.tell(Passage::In(ride.account, entry).encode());
            }
            (Stage::Exit, _) => self.went_out(ride.account),
            _ => {}
        }
    }

    /// How the last look ended.
    pub(crate) fn look_end(&self) -> Result<&Look, Fault> {
        match &self.last {
            Last::Look(look) => Ok(look),
            Last::None | Last::Tap(_) | Last::Scan(_) => {
                Err(Fault::new(TT_ERR_NONE, "no look ended last"))
            }
        }
    }
}
