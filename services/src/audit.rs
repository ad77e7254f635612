//! Audit: what the books hold, what became of every ride, what was refused.

use tongtu_ledger::{AccountName, SumE7};
use tongtu_ride_code::record::Direction;
use tongtu_types::{BusinessDay, CardNumber, Fen, RecordId, TerminalNumber, Timestamp};

use crate::{Node, ServiceError};

/// Every balance of this node's books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerView {
    /// Accounts in the order of their names.
    pub balances: Vec<(AccountName, SumE7)>,
    /// Their sum: zero, or the books are wrong.
    pub sum: SumE7,
}

/// In which role a node is asked about its rides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RideRole {
    /// Rides by our codes that we were charged for.
    Issuer,
    /// Rides that our terminals uploaded.
    Acquirer,
    /// Rides that this hub clears, and those it refused.
    Hub,
}

/// How far a ride is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RideState {
    /// It is durable here.
    Stored,
    /// It is kept and never cleared, as entries are.
    Evidence,
    /// Another hub clears it and has not answered yet.
    Forwarded,
    /// It is settled.
    Settled,
    /// It is not settled, see the result.
    Refused,
}

/// One ride and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RideView {
    /// The record's id.
    pub record: RecordId,
    /// The rider's account.
    pub account: CardNumber,
    /// When the code was generated.
    pub generated_at: Timestamp,
    /// The amount; zero at entry.
    pub amount: Fen,
    /// Which scan of the ride. An issuer is told one scan or two, not which: two is shown as
    /// the exit, because entries are never cleared.
    pub direction: Direction,
    /// How far it is.
    pub state: RideState,
    /// The result code; 0 is none yet, or good.
    pub result: u32,
    /// The settlement day, once there is one.
    pub day: Option<BusinessDay>,
    /// Whether our rider was debited.
    pub debited: bool,
}

/// A record that was refused at upload, kept as evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectedUpload {
    /// The uploading terminal.
    pub terminal: TerminalNumber,
    /// When it came.
    pub arrived_at: Timestamp,
    /// What did not hold.
    pub reason: String,
    /// The record as it came.
    pub record: Vec<u8>,
}

/// Something that somebody should look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// When it was raised.
    pub raised_at: Timestamp,
    /// Stable word for programs.
    pub code: String,
    /// What happened, for people.
    pub message: String,
}

impl Node {
    /// Adds up the books.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn ledger_view(&self) -> Result<LedgerView, ServiceError> {
        Err(ServiceError::Unfinished)
    }

    /// Lists rides, in the order of their record ids.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn rides_view(&self, role: RideRole) -> Result<Vec<RideView>, ServiceError> {
        let _ = role;
        Err(ServiceError::Unfinished)
    }

    /// Lists the records refused at upload, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn rejected_uploads(&self) -> Result<Vec<RejectedUpload>, ServiceError> {
        Err(ServiceError::Unfinished)
    }

    /// Lists the alarms, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn alarms(&self) -> Result<Vec<Alarm>, ServiceError> {
        Err(ServiceError::Unfinished)
    }
}
