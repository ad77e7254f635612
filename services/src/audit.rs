//! Audit: what the books hold, what became of every ride, what was refused.

use tongtu_ledger::{AccountName, SumE7};
use tongtu_ride_code::record::Direction;
use tongtu_sql::{AlarmRow, ChargedRow, RejectedRow, RideEndRow};
use tongtu_types::{BusinessDay, CardNumber, Fen, RecordId, TerminalNumber, Timestamp};

use crate::days::{EVIDENCE, REFUSED};
use crate::{Node, ServiceError, stored};

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
        let balances = self.store().read().await?.balances().await?;
        let add = |sum: SumE7, (_, balance): &(_, SumE7)| sum.checked_add(*balance);
        let sum = balances.iter().try_fold(SumE7::ZERO, add);
        let sum = sum.ok_or(ServiceError::Stored { what: "balance" })?;
        Ok(LedgerView { balances, sum })
    }

    /// Lists rides, in the order of their record ids.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn rides_view(&self, role: RideRole) -> Result<Vec<RideView>, ServiceError> {
        let mut tx = self.store().read().await?;
        if role == RideRole::Issuer {
            return tx.charged_rides().await?.iter().map(charged_view).collect();
        }
        let own = self.code();
        let mut views = Vec::new();
        for row in tx.ride_ends().await? {
            let wanted = match role {
                RideRole::Acquirer => stored::record(&row.record)?.acquirer().home() == own,
                RideRole::Issuer | RideRole::Hub => {
                    let judged = row.judged.as_ref();
                    judged.is_some_and(|(verdict, hub, _)| {
                        *verdict != EVIDENCE && hub == own.as_str()
                    })
                }
            };
            if wanted {
                views.push(ride_view(&row, own.as_str())?);
            }
        }
        Ok(views)
    }

    /// Lists the records refused at upload, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn rejected_uploads(&self) -> Result<Vec<RejectedUpload>, ServiceError> {
        let rows = self.store().read().await?.rejected_uploads().await?;
        let view = |row: RejectedRow| {
            Ok(RejectedUpload {
                terminal: stored::terminal(&row.terminal)?,
                arrived_at: Timestamp::new(row.arrived_at),
                reason: row.reason,
                record: row.body,
            })
        };
        rows.into_iter().map(view).collect()
    }

    /// Lists the alarms, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn alarms(&self) -> Result<Vec<Alarm>, ServiceError> {
        let rows = self.store().read().await?.alarms().await?;
        let view = |row: AlarmRow| Alarm {
            raised_at: Timestamp::new(row.raised_at),
            code: row.code,
            message: row.message,
        };
        Ok(rows.into_iter().map(view).collect())
    }
}

fn charged_view(row: &ChargedRow) -> Result<RideView, ServiceError> {
    Ok(RideView {
        record: stored::record(&row.record)?,
        account: stored::card(&row.account)?,
        generated_at: Timestamp::new(row.generated_at),
        amount: Fen::new(row.amount),
        direction: stored::direction(row.direction)?,
        state: RideState::Settled,
        result: stored::result(row.result)?,
        day: Some(BusinessDay::from_days(row.day)),
        debited: true,
    })
}

fn ride_view(row: &RideEndRow, own: &str) -> Result<RideView, ServiceError> {
    let (state, result) = match (&row.judged, &row.ended) {
        (None, _) => (RideState::Stored, 0),
        (Some((EVIDENCE, _, _)), _) => (RideState::Evidence, 0),
        (Some((REFUSED, _, result)), _) | (_, Some((_, false, result))) => {
            (RideState::Refused, *result)
        }
        (_, Some((_, true, result))) => (RideState::Settled, *result),
        (Some((_, hub, _)), None) if hub == own => (RideState::Stored, 0),
        (Some(_), None) => (RideState::Forwarded, 0),
    };
    let day = row.ended.map(|(day, ..)| day).or(row.sealed);
    Ok(RideView {
        record: stored::record(&row.record)?,
        account: stored::card(&row.account)?,
        generated_at: Timestamp::new(row.generated_at),
        amount: Fen::new(row.amount),
        direction: stored::direction(row.direction)?,
        state,
        result: stored::result(result)?,
        day: day.map(BusinessDay::from_days),
        debited: row.charged,
    })
}
