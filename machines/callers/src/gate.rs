//! The door-keeper's memory: which requests were taken, who is locked, who asks too often.

use alloc::collections::BTreeMap;
use core::net::IpAddr;

use tongtu_envelope::{Envelope, Life, Window, WindowRefusal};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::lock::{LockRules, Locks};
use crate::rate::{Bucket, Rates};
use crate::{Caller, CallerName};

/// Why a request does not come through the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateRefusal {
    /// For another institution's node.
    #[error("the request is for another node")]
    Receiver,
    /// The replay window refuses it.
    #[error(transparent)]
    Window(#[from] WindowRefusal),
    /// Too many proofs failed from there in this name.
    #[error("too many proofs that failed; to be tried again in {wait_ms} ms")]
    Locked {
        /// How long to wait.
        wait_ms: u64,
    },
    /// The caller asks more often than it may.
    #[error("more requests than this caller's rate; the next in {wait_ms} ms")]
    Rate {
        /// How long to wait.
        wait_ms: u64,
    },
}

/// A node's gate.
#[derive(Debug)]
pub struct Gate {
    own: InstitutionCode,
    window: Window,
    locks: Locks,
    rates: Rates,
    buckets: BTreeMap<CallerName, Bucket>,
}

impl Gate {
    /// The gate of institution `own`'s node in a life of it.
    #[must_use]
    pub fn new(own: InstitutionCode, life: Life, rates: Rates, locks: LockRules) -> Self {
        Self {
            own,
            window: Window::new(life, tongtu_envelope::Limits::default()),
            locks: Locks::new(locks),
            rates,
            buckets: BTreeMap::new(),
        }
    }

    /// The present life, which callers must name.
    #[must_use]
    pub const fn life(&self) -> Life {
        self.window.life()
    }

    /// Looks at the head of a request whose signature nobody has checked, whoever it says it is.
    ///
    /// # Errors
    /// [`GateRefusal`].
    pub fn arrive(
        &mut self,
        source: IpAddr,
        envelope: &Envelope,
        now: Timestamp,
        now_ms: u64,
    ) -> Result<(), GateRefusal> {
        if envelope.receiver != self.own {
            return Err(GateRefusal::Receiver);
        }
        self.window.check(envelope, now)?;
        self.locks
            .look(source, name_of(envelope), now_ms)
            .map_err(|wait_ms| GateRefusal::Locked { wait_ms })
    }

    /// The signature does not hold, or nobody could check it.
    pub fn failed(&mut self, source: IpAddr, envelope: &Envelope, now_ms: u64) {
        self.locks.failed(source, name_of(envelope), now_ms);
    }

    /// The signature holds: what others did in this name is not held against the caller, and its
    /// rate counts. Only proved requests count, so that nobody uses up another's rate.
    ///
    /// # Errors
    /// [`GateRefusal::Rate`].
    pub fn proved(
        &mut self,
        source: IpAddr,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<(), GateRefusal> {
        self.locks.proved(source, caller.name);
        let rate = self.rates.of(caller.role);
        let bucket = self.buckets.entry(caller.name);
        let bucket = bucket.or_insert_with(|| Bucket::full(rate, now_ms));
        bucket
            .take(rate, now_ms)
            .map_err(|wait_ms| GateRefusal::Rate { wait_ms })
    }

    /// Takes a request of which everything holds, once.
    ///
    /// # Errors
    /// [`GateRefusal::Window`].
    pub fn admit(&mut self, envelope: &Envelope, now: Timestamp) -> Result<(), GateRefusal> {
        Ok(self.window.admit(envelope, now)?)
    }
}

const fn name_of(envelope: &Envelope) -> CallerName {
    CallerName {
        institution: envelope.sender,
        number: envelope.caller,
    }
}
