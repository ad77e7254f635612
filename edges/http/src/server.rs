//! The server: routes, limits, and what surrounds every request.
//!
//! Handlers are in one module per area, named like the first segment of their paths. Around each
//! stands [`entry`], where callers prove themselves, and around that [`guard`]: it keeps a panic or
//! a hung request from hurting the node, finishes a request whose client went away, and writes one
//! log line without any value of the request in it. Over TLS, [`tls`] knows besides whose link it
//! is.

mod acquirer;
mod audit;
mod callers;
mod chain;
mod days;
mod entry;
mod exchange;
mod faces;
mod failure;
mod guard;
mod issuer;
mod node;
mod papers;
mod ranged;
mod request;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tongtu_api::path;
use tongtu_services::Node;

use crate::Clock;
use crate::client::Client;
use crate::credential::Credential;

pub use entry::Entrance;
pub use request::RequestError;
pub use tls::{FarEnd, serve_linked};

/// How long requests in progress may take to finish after the server was told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// What a request may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest body of an upload of records, in bytes.
    pub records_bytes: usize,
    /// Longest exchange file, in bytes; it is held in memory.
    pub file_bytes: usize,
    /// How many exchange files are received at a time; more wait.
    pub files_at_a_time: usize,
    /// Longest body of any other request, in bytes.
    pub body_bytes: usize,
    /// How long a request may take.
    pub request_time: Duration,
    /// How long a request may take that moves a file or works through a day.
    pub long_request_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records_bytes: 8 << 20,
            file_bytes: 256 << 20,
            files_at_a_time: 4,
            body_bytes: 1 << 20,
            request_time: Duration::from_secs(30),
            long_request_time: Duration::from_secs(900),
        }
    }
}

/// What every handler has.
#[derive(Clone)]
struct Service {
    node: Node,
    parent: Option<Client>,
    link: Option<Credential>,
    file_permits: Arc<Semaphore>,
}

/// All routes of a node, with the usual limits.
///
/// `parent` is the client of the node's parent for `POST /pump`; the nation has none.
pub fn router(node: Node, clock: Clock, parent: Option<Client>, entrance: &Entrance) -> Router {
    router_with(node, clock, parent, entrance, Limits::default())
}

/// All routes of a node.
pub fn router_with(
    node: Node,
    clock: Clock,
    parent: Option<Client>,
    entrance: &Entrance,
    limits: Limits,
) -> Router {
    // One count for files that come and files that go.
    let file_permits = Arc::new(Semaphore::new(limits.files_at_a_time));
    let service = Service {
        node: node.clone(),
        parent,
        link: entrance.link.clone(),
        file_permits: Arc::clone(&file_permits),
    };
    let upload = post(acquirer::records_upload).layer(DefaultBodyLimit::max(limits.records_bytes));
    let file = get(exchange::file_read)
        .put(exchange::file_receive)
        .layer(DefaultBodyLimit::max(limits.file_bytes));
    let card_blacklist = get(acquirer::card_blacklist_current)
        .post(acquirer::card_blacklist_change)
        .layer(DefaultBodyLimit::max(limits.records_bytes));
    let routes = Router::new()
        .route(path::HEALTH, get(node::health))
        .route(path::ACCOUNTS, post(issuer::account_open))
        .route(path::ACCOUNT, get(issuer::account_view))
        .route(path::ACCOUNT_RECHARGES, post(issuer::account_recharge))
        .route(path::ACCOUNT_SUSPENSION, post(issuer::account_suspend))
        .route(
            path::ACCOUNT_CERTIFICATES,
            post(issuer::user_certificate_issue),
        )
        .route(path::CARDS, post(issuer::card_issue))
        .route(path::CARD, get(issuer::card_view))
        .route(path::CARD_LOADS, post(issuer::card_load))
        .route(path::CASHES, post(issuer::cash_issue))
        .route(path::CASH, get(issuer::cash_view))
        .route(path::CASH_LOADS, post(issuer::cash_load))
        .route(path::TERMINALS, post(acquirer::terminal_register))
        .route(path::TERMINAL_RECORDS, upload)
        .route(path::TERMINAL_CHAIN, post(chain::chain_begin_anew))
        .route(path::CHAINS, get(chain::chains_view))
        .route(path::LISTS, get(acquirer::lists_current))
        .route(path::BLACKLIST, post(acquirer::blacklist_add))
        .route(path::CARD_BLACKLIST, card_blacklist)
        .route(path::TERMINAL_COVERAGE, post(acquirer::coverage_report))
        .route(path::COVERAGE, get(acquirer::coverage_view))
        .route(path::REVOCATIONS, post(acquirer::revocations_take))
        .route(path::PSAMS, post(acquirer::psam_admit))
        .route(path::PSAM_WITHDRAWAL, post(acquirer::psam_withdraw))
        .route(path::FACE_TERMS, get(faces::terms_view))
        .route(
            path::ACCOUNT_FACE,
            get(faces::face_view).post(faces::face_enrol),
        )
        .route(path::ACCOUNT_FACE_WITHDRAWAL, post(faces::face_withdraw))
        .route(path::TERMINAL_FACE, post(faces::terminal_put))
        .route(path::TERMINAL_GALLERY, get(faces::gallery_update))
        .route(
            path::TERMINAL_GALLERY_CONFIRMATION,
            post(faces::gallery_confirm),
        )
        .route(path::FACE_TERMINALS, get(faces::terminals_view))
        .route(path::FILES, get(exchange::files_waiting))
        .route(path::FILE, file)
        .route(path::FILE_CONFIRMATION, post(exchange::file_confirm))
        .route(path::PAPERS, get(papers::papers_view))
        .route(path::PAPER, get(papers::paper_read))
        .route(
            path::KEY_NOTES,
            get(papers::key_notes_view).post(papers::key_notes_take),
        )
        .route(path::KEY_USES, get(papers::key_uses_view))
        .route(path::DAY, get(days::day_view))
        .route(path::DAY_CLOSE, post(days::day_close))
        .route(path::DAY_SETTLE, post(days::day_settle))
        .route(path::AUDIT_LEDGER, get(audit::ledger_view))
        .route(path::AUDIT_RIDES, get(audit::rides_view))
        .route(path::AUDIT_REJECTED, get(audit::rejected_view))
        .route(path::AUDIT_FILES, get(audit::files_made))
        .route(path::AUDIT_ENVELOPES, get(callers::envelopes_view))
        .route(path::AUDIT_CALLERS, get(callers::acts_view))
        .route(path::PUMP, post(node::pump))
        .route(
            path::CALLERS,
            get(callers::callers_view).post(callers::caller_admit),
        )
        .route(path::CALLER_KEYS, post(callers::caller_rotate))
        .route(path::CALLER_STATE, post(callers::caller_state))
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .fallback(request::no_such_route)
        .method_not_allowed_fallback(request::method_not_allowed)
        .with_state(service);
    let routes = entry::guarded(routes, node, entrance, limits, file_permits);
    guard::surround(routes, clock, limits)
}

/// Serves until `shutdown` is done, then lets requests in progress finish for a short while.
///
/// # Errors
/// What the listener reports.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (signal, grace) = stopping(shutdown);
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    // Whoever fails to prove himself is known by where he comes from.
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(signal);
    ended(serving, grace).await
}

/// The signal to stop, and the end of the patience that begins with it.
fn stopping(
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> (
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = ()>,
) {
    let (stopping, stopped) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        // Nobody listens any more only if serving already failed.
        let _ = stopping.send(());
    };
    let grace = async move {
        if stopped.await.is_err() {
            // Serving ended by itself; the other branch tells how.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(SHUTDOWN_GRACE).await;
    };
    (signal, grace)
}

/// Serves to the end, or to the end of patience.
async fn ended(
    serving: impl IntoFuture<Output = io::Result<()>>,
    grace: impl Future<Output = ()>,
) -> io::Result<()> {
    tokio::select! {
        served = serving.into_future() => served,
        () = grace => {
            tracing::warn!("requests were still in progress and are cut off");
            Ok(())
        }
    }
}

/// From where a server may be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposure {
    /// From this machine only: connections are plain HTTP.
    Loopback,
    /// From anywhere: connections are TLS ([`serve_linked`]).
    Linked,
    /// From anywhere, although connections are plain HTTP and hide nothing from who listens.
    DangerOpen,
}

/// Why no address was bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is not a loopback address, and plain HTTP hides nothing from who listens.
    #[error("{0}: reachable from other machines, expected a loopback address such as 127.0.0.1")]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("{address}: cannot be bound")]
    Io {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Binds an address to serve on; port 0 takes any free one.
///
/// # Errors
/// [`BindError`]; among others for an address reachable from other machines, unless `exposure`
/// says what protects it or that this is meant.
pub async fn bind(address: SocketAddr, exposure: Exposure) -> Result<TcpListener, BindError> {
    if exposure == Exposure::Loopback && !address.ip().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| BindError::Io { address, source })
}
