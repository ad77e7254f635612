//! How a terminal stands: lists, store, clock.

use tongtu_terminal::{
    AlarmThresholds, ClockFault, ClockGuard, ClockRules, Heard, ListsStatus, Outlook, Reading,
    RecordStore, Trusted,
};
use tongtu_types::Timestamp;

use super::Terminal;

impl Terminal {
    /// Whether there is a module, so that cards can be served.
    pub(crate) const fn serves_cards(&self) -> bool {
        self.cards.is_some()
    }

    /// Whether a genuine code would ride now.
    pub(crate) fn serves_codes(&self, now: Timestamp) -> bool {
        !self.is_counter() && self.scans.out_of_service(Some(now), &self.store).is_none()
    }

    pub(crate) fn lists_status(&self, now: Timestamp) -> ListsStatus {
        self.scans.lists_status(now)
    }

    pub(crate) const fn store(&self) -> &dyn RecordStore {
        &self.store
    }

    pub(crate) fn outlook(&self) -> Outlook {
        let thresholds = AlarmThresholds::default();
        self.scans.outlook(&thresholds, &self.store)
    }

    pub(crate) const fn clock(&self) -> &ClockGuard {
        self.scans.clock()
    }

    /// Other limits for the clock; and when it was last confirmed, if that was kept over a restart:
    /// then it begins anew.
    pub(crate) fn set_clock(&mut self, rules: ClockRules, synced_at: Option<Timestamp>) {
        let clock = self.scans.clock_mut();
        match synced_at {
            Some(at) => *clock = ClockGuard::new(rules, clock.newest(), Some(at)),
            None => clock.set_rules(rules),
        }
    }

    /// Hears what a source says.
    pub(crate) fn read_clock(&mut self, reading: Reading) -> Heard {
        self.scans.clock_mut().read(reading)
    }

    /// The time at a tick.
    pub(crate) fn clock_now(&self, tick_ms: u64) -> Result<Trusted, ClockFault> {
        self.scans.clock().now(tick_ms)
    }
}
