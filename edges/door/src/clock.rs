//! The terminal's clock at its door: who says what time it is, and when he is believed.
//!
//! ```text
//! machine's clock ──┐
//! acquirer's answers┴─► ClockGuard (the terminal's rules) ◄── counter that only rises
//!                              └──► the time of scans, lists and uploads
//! ```
//!
//! A door without a counter takes the time of each call as it is: the demo's way, where whoever
//! calls has the only clock there is.

use tongtu_http::client::Client;
use tongtu_terminal::{ClockFault, ClockSource, Heard, Reading, Trusted};
use tongtu_types::Timestamp;

use crate::server::Door;

/// Milliseconds that only rise while the machine is on.
type Ticks = Box<dyn Fn() -> u64 + Send + Sync>;

/// What a door counts time by.
pub(crate) struct Counter {
    ticks: Ticks,
    /// What the machine's own clock is.
    machine: ClockSource,
}

/// A request to the acquirer, until its answer says what time it is.
pub(crate) struct Asking {
    pub(crate) acquirer: Client,
    tick_ms: Option<u64>,
}

impl Door {
    /// Counts time by a counter of milliseconds that only rises, and believes clocks by the
    /// terminal's rules. `machine` says what the machine's own clock is:
    /// [`ClockSource::Rtc`] if nobody keeps it, [`ClockSource::Ntp`] if time servers do.
    #[must_use]
    pub fn with_counter(
        mut self,
        ticks: impl Fn() -> u64 + Send + Sync + 'static,
        machine: ClockSource,
    ) -> Self {
        self.counter = Some(Counter {
            ticks: Box::new(ticks),
            machine,
        });
        self
    }

    /// What time it is, when the machine's clock says `wall`.
    ///
    /// # Errors
    /// [`ClockFault`] when no clock can be believed.
    pub fn time(&self, wall: Timestamp) -> Result<Trusted, ClockFault> {
        let Some(counter) = &self.counter else {
            return self.inside().terminal.clock().judge(Some(wall));
        };
        let tick_ms = (counter.ticks)();
        let inside = &mut *self.inside();
        let clock = inside.terminal.clock_mut();
        match clock.now(tick_ms) {
            // A machine whose clock is kept says the time again and again, another one once.
            Ok(trusted) if counter.machine == ClockSource::Rtc => Ok(trusted),
            _ => {
                clock.read(Reading {
                    source: counter.machine,
                    wall,
                    tick_ms,
                });
                clock.now(tick_ms)
            }
        }
    }

    /// The time by which to do what must be done whatever the clocks say: uploads and lists.
    pub(crate) fn time_or(&self, wall: Timestamp) -> Timestamp {
        self.time(wall).map_or(wall, |trusted| trusted.now)
    }

    /// Begins to ask the acquirer something.
    pub(crate) fn asking(&self, now: Timestamp) -> Asking {
        Asking {
            acquirer: self.acquirer.at(now),
            tick_ms: self.counter.as_ref().map(|counter| (counter.ticks)()),
        }
    }

    /// Hears what time the acquirer's answer says it is; nothing, where the answer took so long
    /// that it says nothing exact, or says no time.
    pub(crate) fn hear(&self, asking: &Asking) -> Option<Heard> {
        let (counter, before) = (self.counter.as_ref()?, asking.tick_ms?);
        let wall = asking.acquirer.node_time()?;
        let took_ms = (counter.ticks)().checked_sub(before)?;
        let inside = &mut *self.inside();
        let clock = inside.terminal.clock_mut();
        let most_ms = u64::try_from(clock.rules().agree_max_s).ok()? * 1000;
        (took_ms <= most_ms).then(|| {
            clock.read(Reading {
                source: ClockSource::Acquirer,
                wall,
                tick_ms: before + took_ms / 2,
            })
        })
    }
}
