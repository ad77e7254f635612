//! Who has which module: leases and their ends, and no request carried out twice.
//!
//! Time is an argument here, in milliseconds of a clock that never goes back; the server has one.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tongtu_psam::{Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest, PsamSerial};

/// How long a module that is out of service is left alone before somebody gets it again.
const REST_MS: u64 = 5_000;

/// The name of a lease, never used again by any pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
}

/// Why a pool did not pass a request on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Every module is in use or out of service.
    #[error("every module is in use or out of service")]
    Busy,
    /// There is no such lease, or not any more.
    #[error("there is no such lease, or not any more")]
    LeaseLost,
    /// The request number was used for another request, or a later one was used already.
    #[error("the number was used for another request, or a later one was used already")]
    RequestNumber,
}

/// What state a module of the pool is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleState {
    /// Nobody has it.
    Free,
    /// A client has it.
    Leased,
    /// It said that it serves nobody; left alone for a while.
    Resting,
}

/// A module of the pool, for whoever looks after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// Who it is.
    pub identity: PsamIdentity,
    /// What it does now.
    pub state: ModuleState,
}

/// Modules that are lent to clients, one to one.
pub struct Pool {
    epoch: u64,
    lease_ms: u64,
    book: Mutex<Book>,
    slots: Vec<Mutex<Slot>>,
}

/// Who has what; never held while a module works.
struct Book {
    next: u64,
    entries: Vec<Entry>,
}

struct Entry {
    identity: PsamIdentity,
    lease: Option<Lease>,
    until_ms: u64,
    rests_until_ms: u64,
}

struct Slot {
    psam: Box<dyn Psam + Send>,
    /// What was answered last, and to whom.
    last: Option<Last>,
}

struct Last {
    lease: Lease,
    number: u64,
    request: PsamRequest,
    outcome: Result<PsamAnswer, PsamFault>,
}

impl Pool {
    /// A pool of these modules. A lease ends `lease_ms` after its last request. `epoch` is a random
    /// number, another one at every start: no lease of an earlier life is taken for one of this.
    #[must_use]
    pub fn new(modules: Vec<Box<dyn Psam + Send>>, lease_ms: u64, epoch: u64) -> Self {
        let entries = modules.iter().map(|psam| Entry {
            identity: *psam.identity(),
            lease: None,
            until_ms: 0,
            rests_until_ms: 0,
        });
        let entries = entries.collect();
        let slots = modules
            .into_iter()
            .map(|psam| Mutex::new(Slot { psam, last: None }));
        Self {
            epoch,
            lease_ms,
            book: Mutex::new(Book { next: 1, entries }),
            slots: slots.collect(),
        }
    }

    /// How long a lease lives after its last request.
    #[must_use]
    pub const fn lease_ms(&self) -> u64 {
        self.lease_ms
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Every change of the book is whole before the lock is given back.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The modules and what they do now.
    pub fn modules(&self, now_ms: u64) -> Vec<Module> {
        let book = self.book();
        let modules = book.entries.iter().map(|entry| Module {
            identity: entry.identity,
            state: entry.state(now_ms),
        });
        modules.collect()
    }

    /// Lends a free module, if possible the one with this serial number.
    ///
    /// # Errors
    /// [`PoolError::Busy`].
    pub fn lease(
        &self,
        prefer: Option<PsamSerial>,
        now_ms: u64,
    ) -> Result<(Lease, PsamIdentity), PoolError> {
        let book = &mut *self.book();
        let is_preferred = |entry: &Entry| Some(entry.identity.serial) == prefer;
        let free = |entry: &&mut Entry| entry.state(now_ms) == ModuleState::Free;
        let mut all: Vec<_> = book.entries.iter_mut().filter(free).collect();
        // The one longest unused, so that a recovery still finds its module awaiting MAC2.
        all.sort_by_key(|entry| (!is_preferred(entry), entry.until_ms));
        let entry = all.into_iter().next().ok_or(PoolError::Busy)?;
        let lease = Lease {
            epoch: self.epoch,
            number: book.next,
        };
        book.next = book.next.saturating_add(1);
        entry.lease = Some(lease);
        entry.until_ms = now_ms.saturating_add(self.lease_ms);
        Ok((lease, entry.identity))
    }

    /// Gives a module back.
    ///
    /// # Errors
    /// [`PoolError::LeaseLost`] when it was not lent any more.
    pub fn release(&self, lease: Lease, now_ms: u64) -> Result<(), PoolError> {
        let book = &mut *self.book();
        let at = book.find(lease, now_ms).ok_or(PoolError::LeaseLost)?;
        book.entries[at].lease = None;
        book.entries[at].until_ms = now_ms;
        Ok(())
    }

    /// Asks the leased module. `number` rises from request to request of a lease; the last one is
    /// answered again without being carried out again.
    ///
    /// # Errors
    /// [`PoolError`] when the module was not asked; what it said itself is inside.
    pub fn ask(
        &self,
        lease: Lease,
        number: u64,
        request: &PsamRequest,
        now_ms: u64,
    ) -> Result<Result<PsamAnswer, PsamFault>, PoolError> {
        let at = self.renew(lease, now_ms)?;
        // A second copy of a request waits here for the first, and then finds its answer.
        let mut slot = self.slots[at].lock().unwrap_or_else(|poisoned| {
            // A module that panicked has no answer that anybody may repeat.
            let mut slot = poisoned.into_inner();
            slot.last = None;
            slot
        });
        let slot = &mut *slot;
        if self.renew(lease, now_ms)? != at {
            return Err(PoolError::LeaseLost);
        }
        if let Some(last) = slot.last.as_ref().filter(|last| last.lease == lease) {
            if last.number == number && last.request == *request {
                return Ok(last.outcome.clone());
            }
            if last.number >= number {
                return Err(PoolError::RequestNumber);
            }
        }
        let outcome = slot.psam.ask(request);
        if let Err(fault) = &outcome
            && fault.is_out_of_service()
        {
            self.book().entries[at].rests_until_ms = now_ms.saturating_add(REST_MS);
        }
        slot.last = Some(Last {
            lease,
            number,
            request: request.clone(),
            outcome: outcome.clone(),
        });
        Ok(outcome)
    }

    /// Whether a lease has not ended.
    pub(crate) fn is_live(&self, lease: Lease, now_ms: u64) -> bool {
        self.book().find(lease, now_ms).is_some()
    }

    /// Leaves the module of a lease alone for a while.
    pub(crate) fn rest(&self, lease: Lease, now_ms: u64) {
        let book = &mut *self.book();
        if let Some(at) = book.find(lease, now_ms) {
            book.entries[at].rests_until_ms = now_ms.saturating_add(REST_MS);
        }
    }

    /// Lets a lease live on; which module it is for.
    fn renew(&self, lease: Lease, now_ms: u64) -> Result<usize, PoolError> {
        let book = &mut *self.book();
        let at = book.find(lease, now_ms).ok_or(PoolError::LeaseLost)?;
        let entry = &mut book.entries[at];
        entry.until_ms = entry.until_ms.max(now_ms.saturating_add(self.lease_ms));
        Ok(at)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("modules", &self.slots.len())
            .field("lease_ms", &self.lease_ms)
            .finish_non_exhaustive()
    }
}

impl Book {
    fn find(&self, lease: Lease, now_ms: u64) -> Option<usize> {
        let is_it = |entry: &Entry| entry.lease == Some(lease) && entry.until_ms > now_ms;
        self.entries.iter().position(is_it)
    }
}

impl Entry {
    const fn state(&self, now_ms: u64) -> ModuleState {
        if self.lease.is_some() && self.until_ms > now_ms {
            ModuleState::Leased
        } else if self.rests_until_ms > now_ms {
            ModuleState::Resting
        } else {
            ModuleState::Free
        }
    }
}
