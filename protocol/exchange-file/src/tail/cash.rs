//! What the tails of rides by e-cash carry beside those of other cards.

use alloc::string::ToString;

use tongtu_codec::FieldError;
use tongtu_types::{CardNumber, Fen, RecordId, TerminalNumber, Timestamp};

use super::card::{read_amount, read_number, read_state};
use super::ride::{read_account, read_china_time, read_consumption, read_record_id, read_terminal};
use super::{CL_TAIL_MAX, Tail, TailError, TailTag};
use crate::{CdCash, Consumption, TradeState};

/// What the e-cash block of a CD record does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashItems {
    /// 2003: when the ride was; the block has the date only.
    pub ridden_at: Timestamp,
    /// 2103: the card number (PAN), in all its digits.
    pub card: CardNumber,
    /// 2119: the balance after.
    pub balance_after: Fen,
    /// 2122: which elements of the cryptogram the card was told, a bit each (ours).
    pub told: u8,
}

impl CashItems {
    pub(super) fn read(tail: &Tail) -> Result<Self, TailError> {
        Ok(Self {
            ridden_at: tail.required(TailTag::SCANNED_AT, read_china_time)?,
            card: tail.required(TailTag::ACCOUNT, read_account)?,
            balance_after: tail.required(TailTag::BALANCE_AFTER, read_amount)?,
            told: tail.required(TailTag::TOLD, read_told)?,
        })
    }

    /// The items after the record's id.
    pub(super) fn push(&self, tail: &mut Tail) -> Result<(), TailError> {
        tail.push(TailTag::ACCOUNT, self.card.reveal())?;
        push_after(tail, self.balance_after)?;
        tail.push(TailTag::TOLD, &alloc::format!("{:02X}", self.told))
    }
}

/// The tail of a CL record of a ride by e-cash: what the issuer needs to verify the cryptogram.
///
/// Counter, time and balance before are in the fixed part.
// UNSPECIFIED: what an issuer is told of an e-cash; we hand on the whole block of the CD record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClCashTail {
    /// 2002: one tap or two.
    pub consumption: Consumption,
    /// 2009: the terminal, as its acquirer numbers it.
    pub terminal: TerminalNumber,
    /// 2101: the record's id (ours).
    pub record_id: RecordId,
    /// 2119: the balance after.
    pub balance_after: Fen,
    /// 2120: the trade state.
    pub state: TradeState,
    /// 2122: which elements of the cryptogram the card was told.
    pub told: u8,
    /// 2123: the e-cash block; its amount is what left the card, the one of the fixed part what
    /// is claimed.
    pub cash: CdCash,
}

impl ClCashTail {
    /// Reads the items of a ride by e-cash; items with other tags are passed over.
    ///
    /// # Errors
    /// [`TailError`] for an item that is missing, there twice, or does not hold.
    pub fn read(tail: &Tail) -> Result<Self, TailError> {
        tail.check_len(CL_TAIL_MAX)?;
        Ok(Self {
            consumption: tail.required(TailTag::CONSUMPTION, read_consumption)?,
            terminal: tail.required(TailTag::TERMINAL, read_terminal)?,
            record_id: tail.required(TailTag::RECORD_ID, read_record_id)?,
            balance_after: tail.required(TailTag::BALANCE_AFTER, read_amount)?,
            state: tail.required(TailTag::STATE, read_state)?,
            told: tail.required(TailTag::TOLD, read_told)?,
            cash: tail.required(TailTag::CASH, read_cash)?,
        })
    }

    /// The items, in ascending order of their tags.
    ///
    /// # Errors
    /// [`TailError`] when one does not fit its digits.
    pub fn to_tail(&self) -> Result<Tail, TailError> {
        let mut tail = Tail::new();
        tail.push(TailTag::CONSUMPTION, &self.consumption.get().to_string())?;
        tail.push(TailTag::TERMINAL, self.terminal.as_str())?;
        tail.push(TailTag::RECORD_ID, self.record_id.as_str())?;
        push_after(&mut tail, self.balance_after)?;
        tail.push(TailTag::STATE, &alloc::format!("{:02}", self.state.get()))?;
        tail.push(TailTag::TOLD, &alloc::format!("{:02X}", self.told))?;
        // A block that does not fit its fields reads back as none.
        let block = self.cash.encode().unwrap_or_default();
        let block = core::str::from_utf8(&block).unwrap_or_default();
        tail.push(TailTag::CASH, block)?;
        Self::read(&tail)?;
        Ok(tail)
    }
}

fn push_after(tail: &mut Tail, after: Fen) -> Result<(), TailError> {
    let after = u64::try_from(after.get()).unwrap_or(u64::MAX);
    tail.push(TailTag::BALANCE_AFTER, &alloc::format!("{after:08X}"))
}

fn read_told(value: &str) -> Result<u8, FieldError> {
    let number = read_number(value, 2)?;
    Ok(u8::try_from(number).expect("two digits"))
}

pub(super) fn read_cash(value: &str) -> Result<CdCash, FieldError> {
    CdCash::decode(value.as_bytes()).map_err(|error| error.kind)
}
