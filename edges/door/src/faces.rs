//! A face terminal behind its camera: the gallery fetched, kept sealed, confirmed.
//!
//! ```text
//! camera ── Capture ─► FaceDoor::look ─► FaceTerminal ─► record store
//! acquirer ── update ─► refresh_gallery ─► kept sealed ─► confirmed
//! ```
//!
//! There is no socket here: templates of whoever stands before the camera do not leave the
//! process that saw them. Rides never wait for the network.
//!
//! A gallery is kept before it is confirmed, so that what an acquirer is told to be forgotten is
//! forgotten on the disk too.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tongtu_crypto::{Entropy, PublicKey};
use tongtu_http::client::Client;
use tongtu_terminal::face::{
    Capture, FaceRide, FaceSetup, FaceTerminal, Gallery, GalleryError, GalleryUpdate, Look,
    SealKey, Sight,
};
use tongtu_terminal::{Backoff, RecordStore, Upload, UploadStep};
use tongtu_types::{TerminalNumber, Timestamp};

use crate::server::{BATCH, DoorError};
use crate::wire::UploadAnswer;

/// Keeps a terminal's gallery, which is sealed already.
pub trait GalleryKeeper: Send {
    /// The gallery kept last, if any.
    ///
    /// # Errors
    /// The device's.
    fn load(&mut self) -> std::io::Result<Option<Vec<u8>>>;

    /// Keeps a gallery in place of the one before, whole or not at all; nothing of the one before
    /// may be readable afterwards, as far as the device can.
    ///
    /// # Errors
    /// The device's.
    fn keep(&mut self, gallery: &[u8]) -> std::io::Result<()>;
}

/// The keys around a gallery.
#[derive(Debug)]
pub struct GalleryKeys {
    /// The acquirer's list key.
    pub list_key: PublicKey,
    /// What the acquirer seals for this terminal under.
    pub transport: SealKey,
    /// The terminal's own, for what it keeps.
    pub own: SealKey,
}

/// Updates that one look for news takes at most; a gallery of 100 000 riders takes 51.
const UPDATES_MAX: usize = 200;

/// A face terminal, its record store and its acquirer.
pub struct FaceDoor {
    inside: Mutex<Inside>,
    /// Held by whoever talks to the acquirer.
    uplink: tokio::sync::Mutex<()>,
    acquirer: Client,
    number: TerminalNumber,
    keys: GalleryKeys,
}

struct Inside {
    terminal: FaceTerminal,
    store: Box<dyn RecordStore + Send>,
    upload: Upload,
    keeper: Box<dyn GalleryKeeper>,
    entropy: Box<dyn Entropy + Send>,
}

impl std::fmt::Debug for FaceDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaceDoor")
            .field("terminal", &self.number)
            .finish_non_exhaustive()
    }
}

impl FaceDoor {
    /// Rebuilds the terminal from its store and from the gallery that it kept. One that does not
    /// open, or is of another engine, is left aside: nobody is recognised until the acquirer
    /// gives another.
    ///
    /// # Errors
    /// [`DoorError::Lists`] when the gallery cannot be read or kept.
    pub fn open(
        setup: FaceSetup,
        keys: GalleryKeys,
        store: Box<dyn RecordStore + Send>,
        mut keeper: Box<dyn GalleryKeeper>,
        entropy: Box<dyn Entropy + Send>,
        acquirer: Client,
    ) -> Result<Self, DoorError> {
        let number = setup.profile.terminal;
        let mut terminal = FaceTerminal::recover(setup, &*store);
        if let Some(bytes) = keeper.load().map_err(DoorError::Lists)?
            && let Ok(gallery) = Gallery::from_rest(&bytes, &keys.own)
        {
            // Of another acquirer or engine it is no use.
            let _ = terminal.take(gallery);
        }
        let inside = Mutex::new(Inside {
            terminal,
            store,
            upload: Upload::new(number, BATCH, Backoff::default()),
            keeper,
            entropy,
        });
        Ok(Self {
            inside,
            uplink: tokio::sync::Mutex::new(()),
            acquirer,
            number,
            keys,
        })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // A panic under the lock left whole records and a whole gallery only.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges what the camera saw; a ride is stored when this returns.
    pub fn look(&self, capture: Capture<'_>, sight: &Sight<'_>) -> Look {
        let inside = &mut *self.inside();
        inside.terminal.look(capture, sight, &mut *inside.store)
    }

    /// Takes the second factor of the rider who was asked for it.
    pub fn digits(&self, digits: &[u8], sight: &Sight<'_>) -> Look {
        let inside = &mut *self.inside();
        inside.terminal.digits(digits, sight, &mut *inside.store)
    }

    /// Notes that the rider was told.
    ///
    /// # Errors
    /// [`DoorError::Store`]; the ride stays accepted.
    pub fn told(&self, ride: &FaceRide) -> Result<(), DoorError> {
        let inside = &mut *self.inside();
        Ok(inside.terminal.told(ride.seq, &mut *inside.store)?)
    }

    /// How many riders can be recognised.
    #[must_use]
    pub fn riders(&self) -> usize {
        let inside = self.inside();
        inside.terminal.gallery().map_or(0, |g| g.riders().len())
    }

    /// Forgets what time has ended, in memory and at rest; call it every few minutes, network or
    /// none. Says how many riders are gone.
    ///
    /// # Errors
    /// [`DoorError::Lists`] when that cannot be kept; in memory they are gone.
    pub fn expire(&self, now: Timestamp) -> Result<usize, DoorError> {
        let mut inside = self.inside();
        let gone = inside.terminal.expire(now);
        if gone > 0 {
            inside.keep(&self.keys.own)?;
        }
        Ok(gone)
    }

    /// Fetches what leads the gallery to the acquirer's newest, keeps it, and confirms it; the
    /// version held then.
    ///
    /// # Errors
    /// [`DoorError`] when the acquirer does not answer, its update does not hold, or the gallery
    /// cannot be kept.
    pub async fn refresh_gallery(&self, now: Timestamp) -> Result<u64, DoorError> {
        let _one_at_a_time = self.uplink.lock().await;
        self.expire(now)?;
        let acquirer = self.acquirer.at(now);
        let mut after = self.inside().terminal.gallery_after();
        for _ in 0..UPDATES_MAX {
            let bytes = acquirer.gallery_update(self.number, after).await?;
            let keys = &self.keys;
            let update = GalleryUpdate::open(&bytes, &keys.transport, &keys.list_key)?;
            let version = update.head.version;
            let mut inside = self.inside();
            let taken = inside.terminal.update(update);
            // Also when it was not taken: whoever it forgets is forgotten.
            inside.keep(&self.keys.own)?;
            match taken {
                Ok(()) => {}
                Err(GalleryError::Gap { .. }) if after != 0 => {
                    after = 0;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            let led_on = version != after;
            after = version;
            if !led_on {
                break;
            }
        }
        let report = self.inside().terminal.gallery_report(now)?;
        acquirer.gallery_confirm(self.number, &report).await?;
        Ok(after)
    }

    /// Uploads until nothing waits or the acquirer does not answer.
    ///
    /// # Errors
    /// [`DoorError`]; what is not acknowledged goes out again next time.
    pub async fn upload(&self, now: Timestamp) -> Result<UploadAnswer, DoorError> {
        let _one_at_a_time = self.uplink.lock().await;
        let mut acknowledged = 0;
        loop {
            let (batch, seal) = {
                let inside = &mut *self.inside();
                match inside.upload.poll(now, &*inside.store) {
                    UploadStep::Send { records } => {
                        let seal = inside.terminal.seal(&records);
                        (records, seal)
                    }
                    UploadStep::Sent => {
                        // An earlier attempt of this process was broken off half-way.
                        inside.upload.failed(now);
                        break;
                    }
                    UploadStep::Idle | UploadStep::Waiting { .. } => break,
                }
            };
            let seqs: Vec<_> = batch.iter().map(|sent| sent.seq).collect();
            let acquirer = self.acquirer.at(now);
            let upload = acquirer.records_upload_chained(self.number, &batch, &seal);
            let answer = upload.await;
            let inside = &mut *self.inside();
            match answer {
                Ok(outcomes) => {
                    let answered = &seqs[..outcomes.len().min(seqs.len())];
                    let answered = inside.upload.answered(answered);
                    let store = &mut *inside.store;
                    inside.terminal.acknowledge(&answered, store)?;
                    acknowledged += u64::try_from(answered.len()).unwrap_or(u64::MAX);
                }
                Err(error) => {
                    inside.upload.failed(now);
                    return Err(error.into());
                }
            }
        }
        Ok(UploadAnswer {
            acknowledged,
            waiting: self.inside().store.capacity().waiting,
        })
    }
}

impl Inside {
    fn keep(&mut self, own: &SealKey) -> Result<(), DoorError> {
        let Some(gallery) = self.terminal.gallery() else {
            return Ok(());
        };
        let bytes = gallery.at_rest(own, &mut *self.entropy)?;
        self.keeper.keep(&bytes).map_err(DoorError::Lists)
    }
}
