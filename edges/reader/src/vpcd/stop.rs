//! The switch that ends serving, from another thread.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ends [`serve`](super::serve) wherever it is: waiting for the driver, for a command, or at work on
/// one, which is answered first. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    inside: Arc<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    /// The connection at work, so that a wait for its next byte can be ended.
    at_work: Option<TcpStream>,
}

impl Stop {
    /// A switch that is not thrown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws it, once and for all.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        if let Some(stream) = state.at_work.take() {
            // Only the reading side: an answer that is being written still goes out.
            let _ = stream.shutdown(Shutdown::Read);
        }
        self.inside.changed.notify_all();
    }

    /// Whether it was thrown.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Waits until it is thrown, but no longer than this.
    pub(super) fn wait(&self, at_most: Duration) {
        let state = self.state();
        let _ = self
            .inside
            .changed
            .wait_timeout_while(state, at_most, |state| !state.stopped);
    }

    /// Names the connection to end; false if the switch was thrown already.
    pub(super) fn watch(&self, stream: &TcpStream) -> std::io::Result<bool> {
        let mut state = self.state();
        if state.stopped {
            return Ok(false);
        }
        state.at_work = Some(stream.try_clone()?);
        Ok(true)
    }

    /// The connection is done with.
    pub(super) fn release(&self) {
        self.state().at_work = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can leave the state half changed.
        self.inside
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
