//! Settlement days, and what is read of a node.

use tongtu_api::{self as api, path};
use tongtu_types::BusinessDay;

use super::wire::LONG_TIMEOUT;
use super::{Client, ClientError};

impl Client {
    /// Views a settlement day.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn day_view(&self, day: BusinessDay) -> Result<api::DayView, ClientError> {
        let at = path::day(&day.to_string());
        self.get(path::DAY, at).json().await
    }

    /// Closes a settlement day; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn day_close(&self, day: BusinessDay) -> Result<api::DayView, ClientError> {
        let at = path::day_close(&day.to_string());
        let request = self.post(path::DAY_CLOSE, at);
        request.timeout(LONG_TIMEOUT).json().await
    }

    /// Settles a closed day; safe to repeat.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn day_settle(&self, day: BusinessDay) -> Result<api::DayView, ClientError> {
        let at = path::day_settle(&day.to_string());
        let request = self.post(path::DAY_SETTLE, at);
        request.timeout(LONG_TIMEOUT).json().await
    }

    /// Reads all balances.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ledger_view(&self) -> Result<api::LedgerView, ClientError> {
        let request = self.get(path::AUDIT_LEDGER, path::AUDIT_LEDGER.into());
        request.json().await
    }

    /// Reads all rides of the node in one of its roles.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rides_view(&self, role: api::RideRole) -> Result<Vec<api::RideView>, ClientError> {
        let request = self.get(path::AUDIT_RIDES, path::AUDIT_RIDES.into());
        let request = request.query(&api::RidesQuery { role });
        let api::RidesView { rides } = request.json().await?;
        Ok(rides)
    }

    /// Reads what was refused at upload, and the alarms.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rejected_view(&self) -> Result<api::RejectedView, ClientError> {
        let request = self.get(path::AUDIT_REJECTED, path::AUDIT_REJECTED.into());
        request.json().await
    }

    /// Every exchange file that the node has made, with its receiver.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn files_made(&self) -> Result<Vec<api::MadeFile>, ClientError> {
        let request = self.get(path::AUDIT_FILES, path::AUDIT_FILES.into());
        let api::MadeFilesView { files } = request.json().await?;
        Ok(files)
    }
}
