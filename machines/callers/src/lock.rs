//! Locks: after a few proofs that failed, one source is not heard in one caller's name for a while.
//!
//! A lock is on the pair of source and caller, so that garbage in an honest machine's name shuts out
//! whoever sent it and not the machine. Where both are behind one address, the machine still gets
//! through: in a lock one proof a second is looked at, and one that holds takes the lock off.
//! Strangers' pairs are forgotten first when there are too many: memory is bounded, and a lock that
//! was crowded out costs whoever did it one signature check for each pair it invented.

use alloc::collections::BTreeMap;
use core::net::IpAddr;

use crate::CallerName;

/// When a lock falls, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRules {
    /// Failed proofs before the first lock.
    pub failures: u32,
    /// Failures this long ago count no more, milliseconds.
    pub memory_ms: u64,
    /// The first lock, milliseconds; each following one is twice as long.
    pub first_ms: u64,
    /// The longest lock, milliseconds.
    pub longest_ms: u64,
    /// In a lock, one proof in so many milliseconds is looked at all the same.
    pub look_ms: u64,
    /// Pairs remembered at most.
    pub pairs_max: usize,
}

impl Default for LockRules {
    fn default() -> Self {
        Self {
            failures: 5,
            memory_ms: 600_000,
            first_ms: 1_000,
            longest_ms: 900_000,
            look_ms: 1_000,
            pairs_max: 4096,
        }
    }
}

type Pair = (IpAddr, CallerName);

#[derive(Debug, Clone, Copy)]
struct Lock {
    failures: u32,
    last_ms: u64,
    until_ms: u64,
    looked_ms: u64,
}

/// Which pairs failed, and which are locked.
#[derive(Debug)]
pub struct Locks {
    rules: LockRules,
    pairs: BTreeMap<Pair, Lock>,
}

impl Locks {
    /// Nothing has failed.
    #[must_use]
    pub const fn new(rules: LockRules) -> Self {
        Self {
            rules,
            pairs: BTreeMap::new(),
        }
    }

    /// Whether a proof is looked at. The name may be nobody's: locks tell nothing of who is known.
    ///
    /// # Errors
    /// How long to wait, milliseconds.
    pub fn look(&mut self, source: IpAddr, name: CallerName, now_ms: u64) -> Result<(), u64> {
        let Some(lock) = self.pairs.get_mut(&(network(source), name)) else {
            return Ok(());
        };
        let left_ms = lock.until_ms.saturating_sub(now_ms);
        if left_ms == 0 {
            return Ok(());
        }
        let since_ms = now_ms.saturating_sub(lock.looked_ms);
        let look_ms = self.rules.look_ms;
        if since_ms < look_ms {
            return Err(left_ms.min(look_ms - since_ms));
        }
        lock.looked_ms = now_ms;
        Ok(())
    }

    /// A proof failed.
    pub fn failed(&mut self, source: IpAddr, name: CallerName, now_ms: u64) {
        let rules = self.rules;
        let pair = (network(source), name);
        if !self.pairs.contains_key(&pair) {
            self.make_room(now_ms);
        }
        let lock = self.pairs.entry(pair).or_insert(Lock {
            failures: 0,
            last_ms: now_ms,
            until_ms: 0,
            looked_ms: now_ms,
        });
        let rested_ms = now_ms.saturating_sub(lock.last_ms.max(lock.until_ms));
        if rested_ms > rules.memory_ms {
            lock.failures = 0;
        }
        lock.failures = lock.failures.saturating_add(1);
        lock.last_ms = now_ms;
        if let Some(beyond) = lock.failures.checked_sub(rules.failures) {
            let doubled = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
            let lasts_ms = rules.first_ms.saturating_mul(doubled).min(rules.longest_ms);
            lock.until_ms = now_ms.saturating_add(lasts_ms);
            lock.looked_ms = now_ms;
        }
    }

    /// A proof held: nothing is held against this pair any more.
    pub fn proved(&mut self, source: IpAddr, name: CallerName) {
        self.pairs.remove(&(network(source), name));
    }

    /// How many pairs are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.pairs.len() < self.rules.pairs_max {
            return;
        }
        let memory_ms = self.rules.memory_ms;
        let is_past =
            |lock: &Lock| now_ms.saturating_sub(lock.last_ms.max(lock.until_ms)) > memory_ms;
        self.pairs.retain(|_, lock| !is_past(lock));
        while self.pairs.len() >= self.rules.pairs_max {
            // Whoever has failed least, and longest ago.
            let least = self
                .pairs
                .iter()
                .min_by_key(|(_, lock)| (lock.failures, lock.last_ms));
            let Some(pair) = least.map(|(pair, _)| *pair) else {
                return;
            };
            self.pairs.remove(&pair);
        }
    }
}

/// Whoever has one address of the newer kind has all of its network.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address => address,
    }
}
