//! A leased module, as a terminal asks it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use tongtu_codec::hex_encode;
use tongtu_psam::{Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest, PsamSerial};

use crate::wire::{Asked, LeaseAsked, LeaseView, OutcomeForm, RequestForm, identity_of};

/// How long a client waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For one attempt.
    pub attempt: Duration,
    /// For all attempts of one request together.
    pub request: Duration,
}

impl Default for Timing {
    /// For a gate: two attempts within the time that a rider waits.
    fn default() -> Self {
        Self {
            attempt: Duration::from_millis(400),
            request: Duration::from_millis(900),
        }
    }
}

/// Whose module a new lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The same as before.
    Same,
    /// Another one: its terminal number is another, and so is what it awaits.
    Other,
}

/// A module of a pool, lent to this client.
///
/// Blocks, with a runtime of its own: not to be called from asynchronous code. A request that got
/// no answer is sent again with its number, and the pool carries it out once. The identity stays
/// as it is until [`PoolPsam::renew`]: between INITIALIZE of a card and MAC1 no other module may
/// take the place of this one.
pub struct PoolPsam {
    runtime: Runtime,
    http: reqwest::Client,
    base_url: String,
    timing: Timing,
    lease: String,
    identity: PsamIdentity,
    number: u64,
    /// The last terminal sequence that each module gave us.
    last: BTreeMap<PsamSerial, u32>,
    /// Modules whose sequence did not rise: not asked any more, not even when they have caught up.
    set_back: BTreeMap<PsamSerial, PsamFault>,
}

impl PoolPsam {
    /// Leases a module of the pool at this base URL, if possible the one with this serial number.
    ///
    /// # Errors
    /// [`PsamFault::Busy`], [`PsamFault::Timeout`], [`PsamFault::Absent`], [`PsamFault::Pool`].
    pub fn lease(
        base_url: &str,
        prefer: Option<PsamSerial>,
        timing: Timing,
    ) -> Result<Self, PsamFault> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|_| PsamFault::Pool {
            what: "no runtime to ask it with",
        })?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let http = http.map_err(|_| PsamFault::Pool {
            what: "no client to ask it with",
        })?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        let line = Line {
            runtime: &runtime,
            http: &http,
            timing,
        };
        let (lease, identity) = line.lease(&base_url, prefer)?;
        Ok(Self {
            runtime,
            http,
            base_url,
            timing,
            lease,
            identity,
            number: 0,
            last: BTreeMap::new(),
            set_back: BTreeMap::new(),
        })
    }

    fn line(&self) -> Line<'_> {
        Line {
            runtime: &self.runtime,
            http: &self.http,
            timing: self.timing,
        }
    }

    /// Takes a new lease after the old one was lost, of the same module if it is free. Call it
    /// between taps only.
    ///
    /// # Errors
    /// As [`PoolPsam::lease`].
    pub fn renew(&mut self) -> Result<Renewed, PsamFault> {
        let before = self.identity;
        let (lease, identity) = self.line().lease(&self.base_url, Some(before.serial))?;
        (self.lease, self.identity, self.number) = (lease, identity, 0);
        Ok(if identity == before {
            Renewed::Same
        } else {
            Renewed::Other
        })
    }

    /// Gives the module back, for the next client; without it, the lease ends by itself.
    pub fn release(self) {
        let url = format!("{}/leases/{}", self.base_url, self.lease);
        let request = self.http.delete(url).timeout(self.timing.attempt);
        // If it does not get there, the lease ends by itself.
        let _ = self.runtime.block_on(async { request.send().await });
    }
}

impl Psam for PoolPsam {
    fn identity(&self) -> &PsamIdentity {
        &self.identity
    }

    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        if let Some(fault) = self.set_back.get(&self.identity.serial) {
            return Err(fault.clone());
        }
        if let PsamRequest::Purchase(purchase) = request {
            purchase.check(&self.identity)?;
        }
        self.number = self.number.saturating_add(1);
        let asked = Asked {
            number: self.number,
            request: RequestForm::of(request),
        };
        let url = format!("{}/leases/{}/requests", self.base_url, self.lease);
        let outcome: OutcomeForm = self.line().post(&url, &asked)?;
        let answer = outcome.read()?;
        if let PsamAnswer::Permit {
            terminal_sequence: found,
            ..
        } = answer
        {
            let serial = self.identity.serial;
            let last = self.last.insert(serial, found);
            if let Some(last) = last.filter(|last| *last >= found) {
                let fault = PsamFault::Sequence { found, last };
                self.set_back.insert(serial, fault.clone());
                return Err(fault);
            }
        }
        Ok(answer)
    }
}

impl fmt::Debug for PoolPsam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolPsam")
            .field("base_url", &self.base_url)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// How often one request is sent at most; a line that breaks at once would break for ever.
const ATTEMPTS_MAX: usize = 3;

struct Line<'a> {
    runtime: &'a Runtime,
    http: &'a reqwest::Client,
    timing: Timing,
}

impl Line<'_> {
    fn lease(
        &self,
        base_url: &str,
        prefer: Option<PsamSerial>,
    ) -> Result<(String, PsamIdentity), PsamFault> {
        let asked = LeaseAsked {
            prefer: prefer.map(|serial| hex_encode(&serial.0)),
        };
        let view: LeaseView = self.post(&format!("{base_url}/leases"), &asked)?;
        let identity = identity_of(&view.module).ok_or(PsamFault::Pool {
            what: "an identity that cannot be read",
        })?;
        Ok((view.lease, identity))
    }

    /// Posts, and posts again what got no answer, as long as the request may take.
    fn post<T: DeserializeOwned>(&self, url: &str, body: &impl Serialize) -> Result<T, PsamFault> {
        let started = Instant::now();
        let mut fault = PsamFault::Absent;
        for _ in 0..ATTEMPTS_MAX {
            let left = self.timing.request.saturating_sub(started.elapsed());
            let attempt = self.timing.attempt.min(left);
            let request = self.http.post(url).json(body).timeout(attempt);
            // Its timer belongs to the runtime, so it is sent from inside.
            fault = match self.runtime.block_on(async {
                let response = request.send().await?;
                let status = response.status();
                Ok::<_, reqwest::Error>((status, response.bytes().await?))
            }) {
                Ok((status, bytes)) if status.is_success() => {
                    return serde_json::from_slice(&bytes).map_err(|_| PsamFault::Pool {
                        what: "an answer that cannot be read",
                    });
                }
                Ok((status, _)) => return Err(refused(status)),
                Err(error) if error.is_timeout() => PsamFault::Timeout {
                    waited_ms: u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX),
                },
                // Nobody listens: to ask at once again would only keep the rider waiting.
                Err(error) if error.is_connect() => return Err(PsamFault::Absent),
                Err(_) => PsamFault::Absent,
            };
            if started.elapsed() >= self.timing.request {
                break;
            }
        }
        Err(fault)
    }
}

fn refused(status: StatusCode) -> PsamFault {
    match status {
        StatusCode::GONE => PsamFault::LeaseLost,
        StatusCode::SERVICE_UNAVAILABLE => PsamFault::Busy,
        StatusCode::CONFLICT => PsamFault::Pool {
            what: "it says that the request number was used",
        },
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => PsamFault::Pool {
            what: "it cannot read the request",
        },
        _ => PsamFault::Pool { what: "it failed" },
    }
}
