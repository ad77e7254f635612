//! The door's server: one terminal, one store, one scan at a time.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_fare::Lang;
use tongtu_http::Clock;
use tongtu_http::client::{Client, ClientError};
use tongtu_terminal::{
    Backoff, OpenEntry, RecordStore, RecoverError, Scan, ScanOutcome, ScanTerminal, Setup,
    StoreError, Upload, UploadStep,
};
use tongtu_types::{RecordId, StationCode, Timestamp};

use crate::wire::{EntryBody, ScanAnswer, ScanBody, ToldBody, UploadAnswer};

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
    Lists(#[from] tongtu_terminal::ListError),
}

/// A terminal, its record store and its acquirer.
pub struct Door {
    terminal: ScanTerminal,
    store: Box<dyn RecordStore + Send>,
    upload: Upload,
    acquirer: Client,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door")
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// Records in one upload.
const BATCH: usize = 200;

impl Door {
    /// Rebuilds the terminal from its store.
    ///
    /// # Errors
    /// [`DoorError::Recover`] when the store is another terminal's, or not readable.
    pub fn open(
        setup: Setup,
        store: Box<dyn RecordStore + Send>,
        acquirer: Client,
    ) -> Result<Self, DoorError> {
        let number = setup.profile.terminal;
        let terminal = ScanTerminal::recover(setup, &*store)?;
        let upload = Upload::new(number, BATCH, Backoff::default());
        Ok(Self {
            terminal,
            store,
            upload,
            acquirer,
        })
    }

    /// Hands in what the scan head read; the record is stored when this returns.
    pub fn scan(
        &mut self,
        bytes: &[u8],
        now: Timestamp,
        open_entry: Option<OpenEntry>,
    ) -> ScanOutcome {
        self.terminal.scan(
            Scan {
                bytes,
                now: Some(now),
                open_entry,
            },
            &mut *self.store,
        )
    }

    /// Notes that the rider was told.
    ///
    /// # Errors
    /// [`DoorError::Store`]; the ride stays accepted.
    pub fn told(&mut self, outcome: &ScanOutcome) -> Result<(), DoorError> {
        match outcome.ride() {
            Some(ride) => self.told_of(ride.seq),
            None => Ok(()),
        }
    }

    /// Notes that the rider was told of the ride with this number.
    ///
    /// # Errors
    /// [`DoorError::Store`]; the ride stays accepted.
    pub fn told_of(&mut self, seq: u64) -> Result<(), DoorError> {
        Ok(self.terminal.told(seq, &mut *self.store)?)
    }

    /// The records that the acquirer has not acknowledged yet.
    #[must_use]
    pub fn waiting(&self) -> Vec<Vec<u8>> {
        let all = self.terminal.pending(usize::MAX, &*self.store);
        all.into_iter().map(|(_, record)| record).collect()
    }

    /// Whether no lists were taken since the start; nothing is accepted without them.
    #[must_use]
    pub fn has_no_lists(&self, now: Timestamp) -> bool {
        self.terminal.lists_status(now).version.is_none()
    }

    /// Fetches the acquirer's lists if there are newer ones, or any after a restart.
    ///
    /// # Errors
    /// [`DoorError`] when the acquirer does not answer or its lists do not hold.
    pub async fn refresh_lists(&mut self, now: Timestamp) -> Result<u64, DoorError> {
        let held = self.terminal.lists_status(now).version;
        let bundle = self
            .acquirer
            .at(now)
            .lists_current(held.unwrap_or(0))
            .await?;
        match bundle {
            Some(bundle) => self.terminal.apply_lists(&bundle, now, &mut *self.store)?,
            None => self.terminal.confirm_lists(now),
        }
        Ok(self.terminal.lists_status(now).version.unwrap_or(0))
    }

    /// Uploads until nothing waits or the acquirer does not answer.
    ///
    /// # Errors
    /// [`DoorError`]; what is not acknowledged goes out again next time.
    pub async fn upload(&mut self, now: Timestamp) -> Result<UploadAnswer, DoorError> {
        let number = self.terminal.profile().terminal;
        let mut acknowledged = 0;
        loop {
            let records = match self.upload.poll(now, &*self.store) {
                UploadStep::Send { records } => records,
                UploadStep::Sent => {
                    // An earlier attempt of this process was broken off half-way.
                    self.upload.failed(now);
                    break;
                }
                UploadStep::Idle | UploadStep::Waiting { .. } => break,
            };
            let raw: Vec<Vec<u8>> = records.into_iter().map(|(_, bytes)| bytes).collect();
            match self.acquirer.at(now).records_upload(number, &raw).await {
                Ok(outcomes) => {
                    self.upload
                        .answered(outcomes.len(), &mut self.terminal, &mut *self.store)?;
                    acknowledged += u64::try_from(outcomes.len()).unwrap_or(u64::MAX);
                }
                Err(error) => {
                    self.upload.failed(now);
                    return Err(error.into());
                }
            }
        }
        Ok(UploadAnswer {
            acknowledged,
            waiting: self.store.capacity().waiting,
        })
    }
}

type Shared = Arc<(Mutex<Door>, Clock)>;

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
    let shared: Shared = Arc::new((Mutex::new(door), clock));
    let router = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/scan", post(scan))
        .route("/told", post(told))
        .route("/lists", post(lists))
        .route("/upload", post(upload))
        .with_state(shared);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}

struct Answer(DoorError);

impl axum::response::IntoResponse for Answer {
    fn into_response(self) -> axum::response::Response {
        let status = match self.0 {
            DoorError::Invalid { .. } => StatusCode::BAD_REQUEST,
            DoorError::Acquirer(_) => StatusCode::BAD_GATEWAY,
            DoorError::Recover(_) | DoorError::Store(_) | DoorError::Lists(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, self.0.to_string()).into_response()
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
    let now = time_of(shared.1, &headers)?;
    let bytes = hex_decode(&body.code).map_err(invalid("code"))?;
    let open_entry = body.open_entry.map(entry).transpose()?;
    let mut door = shared.0.lock().await;
    if door.has_no_lists(now) {
        // After a restart lists come from the acquirer; without them the scan says R20.
        let _ = door.refresh_lists(now).await;
    }
    let outcome = door.scan(&bytes, now, open_entry);
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
    shared.0.lock().await.told_of(body.seq)?;
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
    let now = time_of(shared.1, &headers)?;
    Ok(Json(shared.0.lock().await.refresh_lists(now).await?))
}

async fn upload(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Json<UploadAnswer>, Answer> {
    let now = time_of(shared.1, &headers)?;
    Ok(Json(shared.0.lock().await.upload(now).await?))
}
