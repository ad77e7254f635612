//! Verifying much: verifiers that go from one run to the next, and what verifying costs.
//!
//! What was learned of issuers while one upload or one day was verified, their certificates and the
//! tables of their keys, is good for the next. It is public, and no verdict depends on it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tongtu_ride_code::Verifier;

use crate::Node;

/// Verifiers that are kept while nobody uses them; each may hold tables of 16 MiB.
const KEPT: usize = 8;

/// What a node verifies codes by, one for each thread that does.
#[derive(Default)]
pub(crate) struct Verifying {
    idle: Mutex<Vec<Verifier>>,
    meter: OnceLock<Arc<Meter>>,
}

impl fmt::Debug for Verifying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifying").finish_non_exhaustive()
    }
}

/// A verifier that is lent to one thread and comes back when it is done.
pub(crate) struct Lent<'a> {
    verifier: Option<Verifier>,
    home: &'a Verifying,
}

impl Deref for Lent<'_> {
    type Target = Verifier;

    fn deref(&self) -> &Verifier {
        self.verifier.as_ref().expect("there until it comes back")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Verifier {
        self.verifier.as_mut().expect("there until it comes back")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // What a panic left half done is not lent again.
        if std::thread::panicking() {
            return;
        }
        let mut idle = self
            .home
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.extend(self.verifier.take());
        }
    }
}

impl Node {
    /// A verifier of codes by this node's settings, which never change while it is open.
    pub(crate) fn verifier(&self) -> Lent<'_> {
        let home = self.verifying();
        let idle = home
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let made = || {
            let config = self.config();
            let issuers = config.accepted_issuers.iter().copied();
            Verifier::new(config.policy, config.roots.clone(), issuers)
        };
        Lent {
            verifier: Some(idle.unwrap_or_else(made)),
            home,
        }
    }

    /// Has what this node verifies counted and timed from now on; only the first meter counts.
    pub fn measure_by(&self, meter: Arc<Meter>) {
        let _ = self.verifying().meter.set(meter);
    }

    /// Does so much verifying, and has it counted where somebody measures.
    pub(crate) fn measured<R>(&self, what: Measured, count: usize, work: impl FnOnce() -> R) -> R {
        match self.verifying().meter.get() {
            None => work(),
            Some(meter) => meter.time(what, count, work),
        }
    }
}

/// What is verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Measured {
    /// Ride codes, three signatures each.
    Codes,
    /// TACs of purses.
    Tacs,
    /// Cryptograms of e-cash.
    Cryptograms,
    /// Terminals' signatures.
    Signatures,
}

/// Counts what nodes verify, and times it by the clock of whoever measures.
#[derive(Debug)]
pub struct Meter {
    /// Nanoseconds that the calling thread has worked, or that went by.
    clock: fn() -> u64,
    codes: Tally,
    tacs: Tally,
    cryptograms: Tally,
    signatures: Tally,
}

#[derive(Default, Debug)]
struct Tally {
    count: AtomicU64,
    nanos: AtomicU64,
}

/// How many were verified, and how long it took, all threads together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Verified {
    /// How many.
    pub count: u64,
    /// Nanoseconds by the meter's clock.
    pub nanos: u64,
}

impl Tally {
    fn so_far(&self) -> Verified {
        Verified {
            count: self.count.load(Ordering::Relaxed),
            nanos: self.nanos.load(Ordering::Relaxed),
        }
    }
}

impl Meter {
    /// Nothing yet, by this clock.
    #[must_use]
    pub fn new(clock: fn() -> u64) -> Self {
        Self {
            clock,
            codes: Tally::default(),
            tacs: Tally::default(),
            cryptograms: Tally::default(),
            signatures: Tally::default(),
        }
    }

    /// Ride codes: three signatures each, of which those of certificates are verified once.
    #[must_use]
    pub fn codes(&self) -> Verified {
        self.codes.so_far()
    }

    /// TACs of purses.
    #[must_use]
    pub fn tacs(&self) -> Verified {
        self.tacs.so_far()
    }

    /// Cryptograms of e-cash.
    #[must_use]
    pub fn cryptograms(&self) -> Verified {
        self.cryptograms.so_far()
    }

    /// Signatures of terminals over their records.
    #[must_use]
    pub fn signatures(&self) -> Verified {
        self.signatures.so_far()
    }

    fn time<R>(&self, what: Measured, count: usize, work: impl FnOnce() -> R) -> R {
        let tally = match what {
            Measured::Codes => &self.codes,
            Measured::Tacs => &self.tacs,
            Measured::Cryptograms => &self.cryptograms,
            Measured::Signatures => &self.signatures,
        };
        let begun = (self.clock)();
        let done = work();
        let spent = (self.clock)().saturating_sub(begun);
        tally.nanos.fetch_add(spent, Ordering::Relaxed);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        tally.count.fetch_add(count, Ordering::Relaxed);
        done
    }
}
