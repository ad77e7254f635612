//! How long one command and its answer take.

use std::time::{Duration, Instant};

use crate::channel::CardChannel;
use crate::error::ReaderError;

/// What was measured, shortest to longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundTrips {
    sorted: Vec<Duration>,
}

impl RoundTrips {
    /// How many were measured.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The time that `percent` of 100 commands did not exceed; zero when none was measured.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let at = last * usize::from(percent.min(100)) / 100;
        self.sorted.get(at).copied().unwrap_or_default()
    }
}

/// Sends one command again and again and takes the time of each, the first one left out: it pays
/// for what the reader prepares once.
///
/// # Errors
/// [`ReaderError`] of the first command that got no answer.
pub fn measure_round_trips(
    card: &mut dyn CardChannel,
    apdu: &[u8],
    count: usize,
) -> Result<RoundTrips, ReaderError> {
    card.exchange(apdu)?;
    let mut sorted = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        card.exchange(apdu)?;
        sorted.push(start.elapsed());
    }
    sorted.sort_unstable();
    Ok(RoundTrips { sorted })
}
