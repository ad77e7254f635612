//! Connections between institutions: TLS by the institution register, and who is calling.
//!
//! Handshakes run in tasks of their own, so that callers who stall hold up nobody as long as they
//! are few; they are dropped after ten seconds. Whether a
//! certificate may link is asked twice: at the handshake, and at every request, because the
//! register changes while connections are open. Who was suspended is refused at once; a connection
//! whose certificate merely ended is served once more and then closed, so that a rotation costs no
//! request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header::CONNECTION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tongtu_link::{Link, Peer, Peers};
use tongtu_register::LinkRefusal;
use tongtu_services::Node;
use tongtu_types::InstitutionCode;

use super::failure::Failure;
use super::{ended, stopping};

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How many handshakes run at a time; more wait.
const HANDSHAKES_AT_A_TIME: usize = 256;
/// How long nobody is accepted after the system refused a connection, for want of files say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Who is at the other end of a TLS connection: in the extensions of every request that came over
/// one, as [`ConnectInfo`].
#[derive(Debug, Clone, Copy)]
pub struct FarEnd {
    /// The address it calls from.
    pub address: SocketAddr,
    /// The institution it showed a certificate of; none where it showed no certificate.
    pub peer: Option<Peer>,
}

type Accepted = (TlsStream<TcpStream>, FarEnd);

/// Accepts TLS connections.
#[derive(Debug)]
struct TlsListener {
    local: SocketAddr,
    ready: mpsc::Receiver<Accepted>,
    accepting: JoinHandle<()>,
}

impl TlsListener {
    fn new(tcp: TcpListener, link: &Arc<Link>, peers: Peers) -> io::Result<Self> {
        let local = tcp.local_addr()?;
        let acceptor = TlsAcceptor::from(link.server_config(peers));
        let (done, ready) = mpsc::channel(HANDSHAKES_AT_A_TIME);
        let accepting = tokio::spawn(accept_all(tcp, acceptor, Arc::clone(link), done));
        Ok(Self {
            local,
            ready,
            accepting,
        })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    link: Arc<Link>,
    done: mpsc::Sender<Accepted>,
) {
    let room = Arc::new(Semaphore::new(HANDSHAKES_AT_A_TIME));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await;
        let permit = permit.expect("nobody closes the semaphore");
        let (stream, address) = match tcp.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (acceptor, link, done) = (acceptor.clone(), Arc::clone(&link), done.clone());
        tokio::spawn(async move {
            let accepted = handshake(stream, address, &acceptor, &link).await;
            drop(permit);
            if let Some(accepted) = accepted {
                // Nobody listens any more only when the server stops.
                let _ = done.send(accepted).await;
            }
        });
    }
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: &TlsAcceptor,
    link: &Link,
) -> Option<Accepted> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let stream = match tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "no link was made");
            return None;
        }
        Err(_) => {
            tracing::info!(%address, "no link was made in time");
            return None;
        }
    };
    let shown = stream.get_ref().1.peer_certificates();
    let peer = match shown.and_then(<[_]>::first).map(|shown| link.peer(shown)) {
        None => None,
        Some(Ok(peer)) => Some(peer),
        Some(Err(refusal)) => {
            tracing::warn!(%address, %refusal, "a link was refused");
            return None;
        }
    };
    Some((stream, FarEnd { address, peer }))
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = FarEnd;

    async fn accept(&mut self) -> Accepted {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // The task that accepts has ended: it panicked, and said so.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<FarEnd> {
        Ok(FarEnd {
            address: self.local,
            peer: None,
        })
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for FarEnd {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        *stream.remote_addr()
    }
}

/// Serves over TLS until `shutdown` is done, then lets requests in progress finish for a short
/// while. Whose certificate may link is asked of `link`, which may change meanwhile.
///
/// # Errors
/// What the listener reports.
pub async fn serve_linked(
    listener: TcpListener,
    link: Arc<Link>,
    peers: Peers,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (signal, grace) = stopping(shutdown);
    let listener = TlsListener::new(listener, &link, peers)?;
    let router = router.layer(from_fn_with_state(link, ask_again));
    let service = router.into_make_service_with_connect_info::<FarEnd>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(signal);
    ended(serving, grace).await
}

/// Asks at every request whether the connection's certificate may still link.
async fn ask_again(State(link): State<Arc<Link>>, mut request: Request, next: Next) -> Response {
    let far_end = request.extensions().get::<ConnectInfo<FarEnd>>();
    let far_end = far_end.map(|far_end| far_end.0);
    if let Some(far_end) = far_end {
        // As it stands there over plain HTTP.
        request
            .extensions_mut()
            .insert(ConnectInfo(far_end.address));
    }
    let peer = far_end.and_then(|far_end| far_end.peer);
    let judged = peer.map_or(Ok(()), |peer| link.judge(peer.fingerprint).map(drop));
    let mut response = match judged {
        Ok(()) => return next.run(request).await,
        Err(LinkRefusal::Ended { .. } | LinkRefusal::NotYet { .. }) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(%refusal, "a request over an open link was refused");
            let failure = Failure {
                status: StatusCode::FORBIDDEN,
                code: "link.refused",
                message: refusal.to_string(),
                retry_after_s: None,
            };
            failure.into_response()
        }
    };
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Who is calling, for handlers that act in an institution's name.
#[derive(Clone, Copy)]
pub(super) struct Calling(Option<FarEnd>);

impl<S: Send + Sync> FromRequestParts<S> for Calling {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

impl Calling {
    /// Who is calling by what stands in the head of a request.
    pub(super) fn of(parts: &Parts) -> Self {
        let far_end = parts.extensions.get::<ConnectInfo<FarEnd>>();
        Self(far_end.map(|far_end| far_end.0))
    }

    /// Checks that a caller of `institution` may ask over this connection: over the link of
    /// another institution it may not. Who shows no certificate is known by the envelope alone.
    pub(super) fn may_speak_for(self, institution: InstitutionCode) -> Result<(), Failure> {
        match self.0.and_then(|far_end| far_end.peer) {
            None => Ok(()),
            Some(_) => self.in_the_name_of(institution),
        }
    }

    /// Checks that files for `receiver` may be read: by the receiver, and by the node's own
    /// institution, which has them anyway.
    pub(super) fn may_read_for(
        self,
        receiver: InstitutionCode,
        node: &Node,
    ) -> Result<(), Failure> {
        let peer = self.0.and_then(|far_end| far_end.peer);
        if peer.is_some_and(|peer| peer.is(node.config().code)) {
            return Ok(());
        }
        self.in_the_name_of(receiver)
    }

    /// Checks that the request may be made in the name of `claimed`: over TLS, only by the
    /// institution itself. Plain HTTP knows nobody; it is for tests on one machine.
    pub(super) fn in_the_name_of(self, claimed: InstitutionCode) -> Result<(), Failure> {
        let refuse = |status, code, message| {
            Err(Failure {
                status,
                code,
                message,
                retry_after_s: None,
            })
        };
        match self.0.map(|far_end| far_end.peer) {
            None => Ok(()),
            Some(Some(peer)) if peer.is(claimed) => Ok(()),
            Some(Some(peer)) => refuse(
                StatusCode::FORBIDDEN,
                "link.other_institution",
                format!("{} calls in the name of {claimed}", peer.institution),
            ),
            Some(None) => refuse(
                StatusCode::UNAUTHORIZED,
                "link.no_certificate",
                format!("no link certificate was shown, expected one of {claimed}"),
            ),
        }
    }
}
