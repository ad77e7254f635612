//! Settlement days: close, then settle, the same on every node.

use std::collections::BTreeMap;

use tongtu_ledger::SumE7;
use tongtu_types::{BusinessDay, Fen, InstitutionCode, Timestamp};

use crate::{Node, ServiceError};

/// How far a day is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DayPhase {
    /// Records are coming in.
    Open,
    /// No more records; what belongs further up is in the outbox.
    Sealed,
    /// Who owes whom is known here.
    Cleared,
    /// Who owes whom is known to all.
    Published,
}

/// A settlement day of this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayView {
    /// The day.
    pub day: BusinessDay,
    /// How far it is.
    pub phase: DayPhase,
    /// Records sealed into it = evidence + forwarded + settled + refused, once closed and
    /// settled.
    pub records: u64,
    /// Entries of two-scan rides, kept and never cleared.
    pub evidence: u64,
    /// Records that another hub clears.
    pub forwarded: u64,
    /// Records settled here.
    pub settled: u64,
    /// Records refused here, by result code.
    pub refused: BTreeMap<u32, u64>,
    /// The members' net positions, in the order of their codes.
    pub positions: Vec<PositionView>,
    /// The hub's own share of the fees.
    pub hub_fee_e7: SumE7,
    /// What rounding to whole fen left with the hub.
    pub rounding_e7: SumE7,
    /// Net positions + hub fee + rounding − what the upper hub settled: zero.
    pub control_sum_e7: SumE7,
}

/// One member's net position (收支轧差).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PositionView {
    /// The member.
    pub member: InstitutionCode,
    /// Income as acquirer, exact.
    pub income_e7: SumE7,
    /// Outgo as issuer, exact.
    pub outgo_e7: SumE7,
    /// Income − outgo in whole fen: positive is to receive.
    pub net: Fen,
}

impl Node {
    /// Cut-off (日切): seals the day, judges its rides, puts what belongs further up into the
    /// outbox. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], for instance before the day is over.
    pub async fn day_close(
        &self,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<DayView, ServiceError> {
        let _ = (day, now);
        Err(ServiceError::Stopping)
    }

    /// Settles a closed day and publishes its files. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], retryable while the parent's result is not here yet.
    pub async fn day_settle(
        &self,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<DayView, ServiceError> {
        let _ = (day, now);
        Err(ServiceError::Stopping)
    }

    /// Shows a day; one that never was is open and empty.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn day_view(&self, day: BusinessDay) -> Result<DayView, ServiceError> {
        let _ = day;
        Err(ServiceError::Stopping)
    }
}
