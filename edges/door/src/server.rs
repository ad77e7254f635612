//! The door's server: one terminal, one store, one scan at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tongtu_api::ApiError;
use tongtu_blacklist::BlacklistError;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_fare::Lang;
use tongtu_http::Clock;
use tongtu_http::client::{Client, ClientError};
use tongtu_terminal::{
    Backoff, ChainedRecord, ClockFault, Held, ListBundle, ListError, OpenEntry, RecordStore,
    RecoverError, Scan, ScanOutcome, ScanTerminal, Setup, StoreError, Upload, UploadStep,
};
use tongtu_types::{RecordId, StationCode, TerminalNumber, Timestamp};

use crate::cards::CardBlacklistKeeper;
use crate::clock::Counter;
use crate::download::Download;
use crate::wire::{ClockAnswer, EntryBody, ScanAnswer, ScanBody, ToldBody, UploadAnswer};

/// Why the terminal behind the door does not do what it is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// The request is not what this door takes.
    #[error("{what}: {message}")]
    Invalid {
        /// Which part.
        what: &'static str,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// The store holds something that this terminal cannot have made.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The acquirer's node did not answer as it should.
    #[error(transparent)]
    Acquirer(#[from] ClientError),
    /// The lists offered are not taken.
    #[error(transparent)]
    Refused(#[from] ListError),
    /// The file of the card blacklist offered is not taken.
    #[error(transparent)]
    CardBlacklist(#[from] BlacklistError),
    /// The update of the gallery offered is not taken.
    #[error(transparent)]
    Gallery(#[from] tongtu_terminal::face::GalleryError),
    /// A file of the acquirer's came in another length than was announced.
    #[error("file of {found} bytes, expected {expected}")]
    Length {
        /// Bytes that came.
        found: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// The acquirer has an older list than this terminal took: the terminal's counts on.
    #[error("the acquirer's newest {list} is version {newest}, expected at least {held}")]
    SetBack {
        /// Which list.
        list: &'static str,
        /// The acquirer's newest version.
        newest: u64,
        /// The version held.
        held: u64,
    },
    /// No clock can be believed.
    #[error(transparent)]
    Clock(#[from] ClockFault),
    /// The lists kept for the next start cannot be read or written.
    #[error("lists at rest: {0}")]
    Lists(std::io::Error),
}

/// Keeps the signed lists that a terminal took last, for a start without its acquirer.
pub trait ListsKeeper: Send + Sync {
    /// The bundle kept last, if any.
    ///
    /// # Errors
    /// The device's.
    fn load(&self) -> std::io::Result<Option<Vec<u8>>>;

    /// Keeps a bundle in place of the one before, whole or not at all.
    ///
    /// # Errors
    /// The device's.
    fn keep(&self, bundle: &[u8]) -> std::io::Result<()>;
}

/// A terminal, its record store and its acquirer.
///
/// Scans never wait for the network: the terminal is locked only while it judges or notes,
/// never while a request to the acquirer is under way.
pub struct Door {
    inside: Mutex<Inside>,
    /// Held by whoever talks to the acquirer, so that one batch is out at a time.
    pub(crate) uplink: tokio::sync::Mutex<()>,
    pub(crate) acquirer: Client,
    pub(crate) counter: Option<Counter>,
    pub(crate) lists: Option<Box<dyn ListsKeeper>>,
    /// The list bundle on its way, held by whoever fetches it.
    pub(crate) lists_download: tokio::sync::Mutex<Download>,
    pub(crate) list_key: PublicKey,
    /// What keeps the card blacklist, held by whoever fetches it.
    pub(crate) cards: tokio::sync::Mutex<Option<Box<dyn CardBlacklistKeeper>>>,
    /// Its file on its way.
    pub(crate) cards_download: tokio::sync::Mutex<Download>,
}

pub(crate) struct Inside {
    pub(crate) terminal: ScanTerminal,
    pub(crate) store: Box<dyn RecordStore + Send>,
    upload: Upload,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door")
            .field("terminal", &self.inside().terminal)
            .finish_non_exhaustive()
    }
}

/// Records in one upload.
pub(crate) const BATCH: usize = 200;

impl Door {
    /// Rebuilds the terminal from its store, and from the lists it took last if they were kept.
    ///
    /// Lists that no longer hold are left aside: the terminal is out of service (R20) until
    /// the acquirer gives others.
    ///
    /// # Errors
    /// [`DoorError::Recover`] when the store is another terminal's, or not readable.
    pub fn open(
        setup: Setup,
        mut store: Box<dyn RecordStore + Send>,
        acquirer: Client,
        lists: Option<Box<dyn ListsKeeper>>,
    ) -> Result<Self, DoorError> {
        let number = setup.profile.terminal;
        let list_key = setup.list_key.clone();
        let mut terminal = ScanTerminal::recover(setup, &*store)?;
        if let Some(keeper) = &lists
            && let Some(bundle) = keeper.load().map_err(DoorError::Lists)?
            && let Ok(opened) = ListBundle::open(&bundle, &list_key)
        {
            // A bundle older than the store's mark is refused, and so it should be.
            let _ = terminal.apply_lists(&bundle, opened.issued_at, &mut *store);
        }
        let upload = Upload::new(number, BATCH, Backoff::default());
        let inside = Mutex::new(Inside {
            terminal,
            store,
            upload,
        });
        Ok(Self {
            inside,
            uplink: tokio::sync::Mutex::new(()),
            acquirer,
            counter: None,
            lists,
            lists_download: tokio::sync::Mutex::default(),
            list_key,
            cards: tokio::sync::Mutex::new(None),
            cards_download: tokio::sync::Mutex::default(),
        })
    }

    /// The lists held: what a tap takes at its beginning. None before the first bundle.
    #[must_use]
    pub fn held(&self) -> Option<Arc<Held>> {
        self.inside().terminal.lists().cloned()
    }

    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        // A panic under the lock left whole records only: the store sees to that.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands in what the scan head read; the record is stored when this returns.
    pub fn scan(&self, bytes: &[u8], now: Timestamp, open_entry: Option<OpenEntry>) -> ScanOutcome {
        self.scan_at(bytes, Some(now), open_entry)
    }

    /// The same at a time that may not be known: then the terminal is out of service.
    fn scan_at(
        &self,
        bytes: &[u8],
        now: Option<Timestamp>,
        open_entry: Option<OpenEntry>,
    ) -> ScanOutcome {
        let inside = &mut *self.inside();
        let scan = Scan {
            bytes,
            now,
            open_entry,
        };
        inside.terminal.scan(scan, &mut *inside.store)
    }

    /// Notes that the rider was told.
    ///
    /// # Errors
    /// [`DoorError::Store`]; the ride stays accepted.
    pub fn told(&self, outcome: &ScanOutcome) -> Result<(), DoorError> {
        match outcome.ride() {
            Some(ride) => self.told_of(ride.seq),
            None => Ok(()),
        }
    }

    /// Notes that the rider was told of the ride with this number.
    ///
    /// # Errors
    /// [`DoorError::Store`]; the ride stays accepted.
    pub fn told_of(&self, seq: u64) -> Result<(), DoorError> {
        let inside = &mut *self.inside();
        Ok(inside.terminal.told(seq, &mut *inside.store)?)
    }

    /// The records that the acquirer has not acknowledged yet.
    #[must_use]
    pub fn waiting(&self) -> Vec<Vec<u8>> {
        let inside = self.inside();
        let all = inside.terminal.pending(usize::MAX, &*inside.store);
        all.into_iter().map(|(_, record)| record).collect()
    }

    /// Whether there are no lists; nothing is accepted without them.
    #[must_use]
    pub fn has_no_lists(&self, now: Timestamp) -> bool {
        self.inside().terminal.lists_status(now).version.is_none()
    }

    /// Uploads until nothing waits or the acquirer does not answer.
    ///
    /// # Errors
    /// [`DoorError`]; what is not acknowledged goes out again next time.
    pub async fn upload(&self, now: Timestamp) -> Result<UploadAnswer, DoorError> {
        let _one_at_a_time = self.uplink.lock().await;
        let mut acknowledged = 0;
        while let Some((number, batch, seal)) = self.next_batch(now) {
            let seqs: Vec<_> = batch.iter().map(|sent| sent.seq).collect();
            let asking = self.asking(now);
            let acquirer = &asking.acquirer;
            let answer = acquirer.records_upload_chained(number, &batch, &seal).await;
            self.hear(&asking);
            let inside = &mut *self.inside();
            let Inside {
                terminal,
                store,
                upload,
            } = inside;
            match answer {
                Ok(outcomes) => {
                    // Outcomes come in the order of the records.
                    let answered = &seqs[..outcomes.len().min(seqs.len())];
                    let answered = upload.answered(answered);
                    terminal.acknowledge(&answered, &mut **store)?;
                    acknowledged += u64::try_from(answered.len()).unwrap_or(u64::MAX);
                }
                Err(error) => {
                    upload.failed(now);
                    return Err(error.into());
                }
            }
        }
        Ok(UploadAnswer {
            acknowledged,
            waiting: self.inside().store.capacity().waiting,
        })
    }

    /// Records to send, with the terminal's signature over their places in its chain.
    fn next_batch(
        &self,
        now: Timestamp,
    ) -> Option<(TerminalNumber, Vec<ChainedRecord>, Signature)> {
        let inside = &mut *self.inside();
        let number = inside.terminal.profile().terminal;
        match inside.upload.poll(now, &*inside.store) {
            UploadStep::Send { records } => {
                let seal = inside.terminal.seal(&records);
                Some((number, records, seal))
            }
            UploadStep::Sent => {
                // An earlier attempt of this process was broken off half-way.
                inside.upload.failed(now);
                None
            }
            UploadStep::Idle | UploadStep::Waiting { .. } => None,
        }
    }
}

type Shared = Arc<(Door, Clock)>;

/// Serves the door until `shutdown` resolves.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let shared: Shared = Arc::new((door, clock));
    let routine = match clock {
        Clock::System => Some(tokio::spawn(routine(Arc::clone(&shared)))),
        // Whoever has the time says when.
        Clock::Simulated => None,
    };
    let router = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/scan", post(scan))
        .route("/told", post(told))
        .route("/lists", post(lists))
        .route("/upload", post(upload))
        .route("/clock", get(clock_view))
        .with_state(shared);
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await;
    if let Some(routine) = routine {
        routine.abort();
    }
    served
}

/// Between two uploads.
const UPLOAD_EVERY: Duration = Duration::from_secs(30);
/// Uploads between two looks for newer lists: ten minutes.
const LISTS_EVERY: u32 = 20;
/// How long a scan waits for lists when there are none at all.
const LISTS_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a terminal does by itself: fetch lists, upload. A failure is tried again next time.
async fn routine(shared: Shared) {
    let mut interval = tokio::time::interval(UPLOAD_EVERY);
    let mut round: u32 = 0;
    loop {
        interval.tick().await;
        let Ok(wall) = shared.1.now(&HeaderMap::new()) else {
            continue;
        };
        let now = shared.0.time_or(wall);
        if round.is_multiple_of(LISTS_EVERY) || shared.0.has_no_lists(now) {
            let _ = shared.0.refresh_lists(now).await;
            let _ = shared.0.refresh_card_blacklist(now).await;
        }
        let _ = shared.0.upload(now).await;
        round = round.wrapping_add(1);
    }
}

struct Answer(DoorError);

impl axum::response::IntoResponse for Answer {
    fn into_response(self) -> axum::response::Response {
        let (status, code) = match &self.0 {
            DoorError::Invalid { .. } => (StatusCode::BAD_REQUEST, "door.invalid"),
            DoorError::Store(StoreError::Unknown { .. }) => {
                (StatusCode::NOT_FOUND, "door.unknown_record")
            }
            DoorError::Acquirer(_) => (StatusCode::BAD_GATEWAY, "door.acquirer"),
            DoorError::Length { .. } => (StatusCode::BAD_GATEWAY, "door.lists_cut"),
            DoorError::SetBack { .. } => (StatusCode::BAD_GATEWAY, "door.lists_set_back"),
            DoorError::Refused(_) | DoorError::CardBlacklist(_) | DoorError::Gallery(_) => {
                (StatusCode::BAD_GATEWAY, "door.lists_refused")
            }
            DoorError::Clock(_) => (StatusCode::SERVICE_UNAVAILABLE, "door.clock"),
            DoorError::Lists(_) => (StatusCode::INTERNAL_SERVER_ERROR, "door.lists"),
            DoorError::Recover(_) => (StatusCode::INTERNAL_SERVER_ERROR, "door.recover"),
            DoorError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "door.store"),
        };
        let body = ApiError {
            code: code.to_owned(),
            message: self.0.to_string(),
        };
        (status, Json(body)).into_response()
    }
}

impl From<DoorError> for Answer {
    fn from(error: DoorError) -> Self {
        Self(error)
    }
}

fn invalid<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> DoorError {
    move |error| DoorError::Invalid {
        what,
        message: error.to_string(),
    }
}

fn time_of(clock: Clock, headers: &HeaderMap) -> Result<Timestamp, DoorError> {
    clock.now(headers).map_err(|message| DoorError::Invalid {
        what: "tongtu-now",
        message,
    })
}

async fn scan(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Json(body): Json<ScanBody>,
) -> Result<Json<ScanAnswer>, Answer> {
    let wall = time_of(shared.1, &headers)?;
    let bytes = hex_decode(&body.code).map_err(invalid("code"))?;
    let open_entry = body.open_entry.map(entry).transpose()?;
    let door = &shared.0;
    let now = door.time_or(wall);
    if door.has_no_lists(now) {
        // Nothing can be accepted yet; a moment's wait may mend it, a hung acquirer may not.
        let _ = tokio::time::timeout(LISTS_WAIT_MAX, door.refresh_lists(now)).await;
    }
    // A door that has no counter leaves the judgement to the scan, whose clock this is.
    let now = match &door.counter {
        Some(_) => door.time(wall).ok().map(|trusted| trusted.now),
        None => Some(wall),
    };
    let outcome = door.scan_at(&bytes, now, open_entry);
    let display = |lang| {
        outcome
            .prompt()
            .map_or_else(String::new, |p| p.display(lang))
    };
    Ok(Json(ScanAnswer {
        verdict: outcome.verdict().code().to_owned(),
        seq: outcome.ride().map(|ride| ride.seq),
        record: outcome.ride().map(|ride| hex_encode(&ride.raw)),
        resumed: matches!(outcome, ScanOutcome::Resumed(_)),
        display: [display(Lang::Zh), display(Lang::En)],
    }))
}

/// The scan head beeped: only it knows that the rider was told.
async fn told(
    State(shared): State<Shared>,
    Json(body): Json<ToldBody>,
) -> Result<Json<()>, Answer> {
    shared.0.told_of(body.seq)?;
    Ok(Json(()))
}

fn entry(body: EntryBody) -> Result<OpenEntry, DoorError> {
    Ok(OpenEntry {
        station: StationCode::parse(&body.station).map_err(invalid("open_entry.station"))?,
        at: Timestamp::new(body.at_s),
        record: RecordId::parse(&body.record).map_err(invalid("open_entry.record"))?,
    })
}

async fn lists(State(shared): State<Shared>, headers: HeaderMap) -> Result<Json<u64>, Answer> {
    let now = shared.0.time_or(time_of(shared.1, &headers)?);
    let version = shared.0.refresh_lists(now).await?;
    shared.0.refresh_card_blacklist(now).await?;
    Ok(Json(version))
}

async fn upload(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<UploadAnswer>, Answer> {
    let now = shared.0.time_or(time_of(shared.1, &headers)?);
    Ok(Json(shared.0.upload(now).await?))
}

async fn clock_view(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<ClockAnswer>, Answer> {
    let wall = time_of(shared.1, &headers)?;
    let trusted = shared.0.time(wall).map_err(DoorError::Clock)?;
    Ok(Json(ClockAnswer {
        now_s: trusted.now.get(),
        unsynced_s: trusted.unsynced_s,
        is_unsynced: trusted.is_unsynced,
        is_disputed: trusted.is_disputed,
    }))
}
