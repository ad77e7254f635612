//! A leased module, as a terminal asks it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};
use tongtu_codec::hex_encode;
use tongtu_psam::{Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest, PsamSerial};

use crate::admission::{Credential, LeaseKey, PROOF_HEADER};
use crate::wire::{
    Asked, ChallengeView, LeaseAsked, LeaseView, OutcomeForm, RequestForm, identity_of,
};

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
    credential: Credential,
    lease: Lent,
    identity: PsamIdentity,
    number: u64,
    /// The last terminal sequence that each module gave us.
    last: BTreeMap<PsamSerial, u32>,
    /// Modules whose sequence did not rise: not asked any more, not even when they have caught up.
    set_back: BTreeMap<PsamSerial, PsamFault>,
}

impl PoolPsam {
    /// Leases a module of the pool at this base URL for the client with this credential, if
    /// possible the one with this serial number.
    ///
    /// # Errors
    /// [`PsamFault::Busy`], [`PsamFault::Timeout`], [`PsamFault::Absent`], [`PsamFault::Pool`].
    pub fn lease(
        base_url: &str,
        credential: &Credential,
        prefer: Option<PsamSerial>,
        timing: Timing,
    ) -> Result<Self, PsamFault> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|_| PsamFault::Pool {
            what: "no runtime to ask it with",
        })?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tongtu_link::no_tls())
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
        let (lease, identity) = line.lease(&base_url, credential, prefer)?;
        Ok(Self {
            credential: credential.clone(),
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
        let prefer = Some(before.serial);
        let line = self.line();
        let (lease, identity) = line.lease(&self.base_url, &self.credential, prefer)?;
        (self.lease, self.identity, self.number) = (lease, identity, 0);
        Ok(if identity == before {
            Renewed::Same
        } else {
            Renewed::Other
        })
    }

    /// Gives the module back, for the next client; without it, the lease ends by itself.
    pub fn release(self) {
        let path = format!("/leases/{}", self.lease.name);
        let count = self.lease.count + 1;
        let proof = self.lease.key.proof(count, "DELETE", &path, b"");
        let request = self.http.delete(format!("{}{path}", self.base_url));
        let request = request
            .header(PROOF_HEADER, proof)
            .timeout(self.timing.attempt);
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
        let path = format!("/leases/{}/requests", self.lease.name);
        let body = written(&asked);
        let line = Line {
            runtime: &self.runtime,
            http: &self.http,
            timing: self.timing,
        };
        let lease = &mut self.lease;
        let (base_url, key) = (&self.base_url, lease.key.clone());
        // A new count each time: to whoever repeats what he heard, the pool says nothing.
        let outcome: OutcomeForm = line.post(base_url, &path, &body, &mut |path, body| {
            lease.count += 1;
            let proof = key.proof(lease.count, "POST", path, body);
            (proof, Some((key.clone(), lease.count)))
        })?;
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

/// A lease as its client knows it.
struct Lent {
    name: String,
    key: LeaseKey,
    /// How many requests were sent.
    count: u64,
}

/// The proof that goes with a request, and what proves the answer to it, if anything does.
type Proof = (String, Option<(LeaseKey, u64)>);

impl Line<'_> {
    fn lease(
        &self,
        base_url: &str,
        credential: &Credential,
        prefer: Option<PsamSerial>,
    ) -> Result<(Lent, PsamIdentity), PsamFault> {
        let nothing = &mut |_: &str, _: &[u8]| (String::new(), None);
        let view: ChallengeView = self.post(base_url, "/challenges", b"", nothing)?;
        let challenge = view.challenge;
        let key = credential.lease_key(&challenge);
        let asked = LeaseAsked {
            prefer: prefer.map(|serial| hex_encode(&serial.0)),
        };
        let body = written(&asked);
        // A challenge is good once: an answer that is lost is a lease that ends by itself.
        let view: LeaseView = self.post(base_url, "/leases", &body, &mut |path, body| {
            let proof = credential.proof(&challenge, "POST", path, body);
            (proof, Some((key.clone(), 0)))
        })?;
        let identity = identity_of(&view.module).ok_or(PsamFault::Pool {
            what: "an identity that cannot be read",
        })?;
        let lent = Lent {
            name: view.lease,
            key,
            count: 0,
        };
        Ok((lent, identity))
    }

    /// Posts, and posts again what got no answer, as long as the request may take.
    fn post<T: DeserializeOwned>(
        &self,
        base_url: &str,
        path: &str,
        body: &[u8],
        prove: &mut dyn FnMut(&str, &[u8]) -> Proof,
    ) -> Result<T, PsamFault> {
        let started = Instant::now();
        let mut fault = PsamFault::Absent;
        for _ in 0..ATTEMPTS_MAX {
            let left = self.timing.request.saturating_sub(started.elapsed());
            let attempt = self.timing.attempt.min(left);
            let (proof, answer) = prove(path, body);
            let request = self.http.post(format!("{base_url}{path}"));
            let request = request
                .header(CONTENT_TYPE, "application/json")
                .header(PROOF_HEADER, proof)
                .body(body.to_vec())
                .timeout(attempt);
            // Its timer belongs to the runtime, so it is sent from inside.
            fault = match self.runtime.block_on(async {
                let response = request.send().await?;
                let status = response.status();
                let proof = response.headers().get(PROOF_HEADER);
                let proof = proof
                    .and_then(|proof| proof.to_str().ok())
                    .map(String::from);
                Ok::<_, reqwest::Error>((status, proof, response.bytes().await?))
            }) {
                Ok((status, proof, bytes)) if status.is_success() => {
                    let proof = proof.unwrap_or_default();
                    let holds =
                        |(key, count): &(LeaseKey, u64)| key.answer_holds(*count, &bytes, &proof);
                    if !answer.as_ref().is_none_or(holds) {
                        return Err(PsamFault::Pool {
                            what: "an answer that is not proved to be its own",
                        });
                    }
                    return serde_json::from_slice(&bytes).map_err(|_| PsamFault::Pool {
                        what: "an answer that cannot be read",
                    });
                }
                Ok((status, ..)) => return Err(refused(status)),
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

fn written(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("plain values have a JSON form")
}

fn refused(status: StatusCode) -> PsamFault {
    match status {
        StatusCode::GONE => PsamFault::LeaseLost,
        StatusCode::SERVICE_UNAVAILABLE => PsamFault::Busy,
        StatusCode::UNAUTHORIZED => PsamFault::Pool {
            what: "it does not admit this client, or not with this proof",
        },
        StatusCode::CONFLICT => PsamFault::Pool {
            what: "it says that the request number was used",
        },
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => PsamFault::Pool {
            what: "it cannot read the request",
        },
        _ => PsamFault::Pool { what: "it failed" },
    }
}
