//! The tails of card rides: what CD and CL carry so that others can verify again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tongtu_codec::{Digits, Encoding, FieldError, HexDigits};
use tongtu_types::{Fen, LineCode, RecordId, TerminalNumber, ValueError};

use super::cash::read_cash;
use super::ride::{
    read_consumption, read_hex, read_line, read_record_id, read_terminal, upper_hex,
};
use super::{CL_TAIL_MAX, CQ_TAIL_MAX, CashItems, Tail, TailError, TailTag};
use crate::{Consumption, TradeState};

/// The tail of a CD record: the ride as the terminal wrote it, and what clearing sorts by.
///
/// What the card proved stands in block 2; whoever verifies compares it with the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdTail {
    /// 2001: the whole tap record of the terminal.
    pub ride_record: Vec<u8>,
    /// 2002: one tap or two.
    pub consumption: Consumption,
    /// 2005: the line, where there is one.
    pub line: Option<LineCode>,
    /// 2009: the terminal, as its acquirer numbers it.
    pub terminal: TerminalNumber,
    /// 2101: the record's id (ours).
    pub record_id: RecordId,
    /// What the block of an e-cash does not say; none of a purse.
    pub cash: Option<CashItems>,
}

impl CdTail {
    /// Reads the items of a card ride, of an e-cash or of a purse; items with other tags are
    /// passed over.
    ///
    /// # Errors
    /// [`TailError`] for an item that is missing, there twice, or does not hold.
    pub fn read(tail: &Tail, is_cash: bool) -> Result<Self, TailError> {
        tail.check_len(CQ_TAIL_MAX)?;
        Ok(Self {
            ride_record: tail.required(TailTag::RIDE_RECORD, read_hex)?,
            consumption: tail.required(TailTag::CONSUMPTION, read_consumption)?,
            line: tail.optional(TailTag::LINE, read_line)?,
            terminal: tail.required(TailTag::TERMINAL, read_terminal)?,
            record_id: tail.required(TailTag::RECORD_ID, read_record_id)?,
            cash: is_cash.then(|| CashItems::read(tail)).transpose()?,
        })
    }

    /// The items, in ascending order of their tags.
    ///
    /// # Errors
    /// [`TailError`] when they are longer than [`CQ_TAIL_MAX`].
    pub fn to_tail(&self) -> Result<Tail, TailError> {
        let mut tail = Tail::new();
        tail.push(TailTag::RIDE_RECORD, &upper_hex(&self.ride_record))?;
        tail.push(TailTag::CONSUMPTION, &self.consumption.get().to_string())?;
        if let Some(cash) = &self.cash {
            let at = cash.ridden_at.china().compact();
            tail.push(TailTag::SCANNED_AT, &at)?;
        }
        if let Some(line) = &self.line {
            tail.push(TailTag::LINE, line.as_str())?;
        }
        tail.push(TailTag::TERMINAL, self.terminal.as_str())?;
        tail.push(TailTag::RECORD_ID, self.record_id.as_str())?;
        if let Some(cash) = &self.cash {
            cash.push(&mut tail)?;
        }
        // Reading is the one place that knows what holds.
        Self::read(&tail, self.cash.is_some())?;
        Ok(tail)
    }
}

/// The tail of a CL record of a card ride: what the issuer needs to compute the TAC again.
///
/// Amount, date, time, counter and balance before are in the fixed part.
// UNSPECIFIED: which items a CL tail has for a card is known, their tags are not; these are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClCardTail {
    /// 2002: one tap or two.
    pub consumption: Consumption,
    /// 2009: the terminal, as its acquirer numbers it.
    pub terminal: TerminalNumber,
    /// 2101: the record's id (ours).
    pub record_id: RecordId,
    /// 2111: the terminal number that the card was told.
    pub psam_terminal: u64,
    /// 2112: the PSAM's transaction number.
    pub terminal_serial: u64,
    /// 2113: the trade type that the card was told.
    pub kind: u64,
    /// 2114: the TAC.
    pub tac: u64,
    /// 2115: the version of the key.
    pub key_version: u64,
    /// 2116: the index of the key.
    pub key_index: u64,
    /// 2117: the issuer id that the keys are diversified by.
    pub issuer_id: u64,
    /// 2118: the card's random number.
    pub random: [u8; 8],
    /// 2119: the balance after.
    pub balance_after: Fen,
    /// 2120: the trade state.
    pub state: TradeState,
    /// 2121: what left the card; the amount of the fixed part is what is claimed.
    pub debited: Fen,
}

impl ClCardTail {
    /// Reads the items of a card ride; items with other tags are passed over.
    ///
    /// # Errors
    /// [`TailError`] for an item that is missing, there twice, or does not hold.
    pub fn read(tail: &Tail) -> Result<Self, TailError> {
        tail.check_len(CL_TAIL_MAX)?;
        let number = |tag, len| tail.required(tag, |value| read_number(value, len));
        Ok(Self {
            consumption: tail.required(TailTag::CONSUMPTION, read_consumption)?,
            terminal: tail.required(TailTag::TERMINAL, read_terminal)?,
            record_id: tail.required(TailTag::RECORD_ID, read_record_id)?,
            psam_terminal: number(TailTag::PSAM_TERMINAL, 12)?,
            terminal_serial: number(TailTag::TERMINAL_SERIAL, 8)?,
            kind: number(TailTag::KIND, 2)?,
            tac: number(TailTag::TAC, 8)?,
            key_version: number(TailTag::KEY_VERSION, 2)?,
            key_index: number(TailTag::KEY_INDEX, 2)?,
            issuer_id: number(TailTag::ISSUER_ID, 16)?,
            random: tail.required(TailTag::RANDOM, read_random)?,
            balance_after: tail.required(TailTag::BALANCE_AFTER, read_amount)?,
            state: tail.required(TailTag::STATE, read_state)?,
            debited: tail.required(TailTag::DEBITED, read_amount)?,
        })
    }

    /// The items, in ascending order of their tags.
    ///
    /// # Errors
    /// [`TailError`] when one does not fit its digits.
    pub fn to_tail(&self) -> Result<Tail, TailError> {
        let mut tail = Tail::new();
        let random = core::str::from_utf8(&self.random).unwrap_or_default();
        tail.push(TailTag::CONSUMPTION, &self.consumption.get().to_string())?;
        tail.push(TailTag::TERMINAL, self.terminal.as_str())?;
        tail.push(TailTag::RECORD_ID, self.record_id.as_str())?;
        let mut number =
            |tag, value: u64, len: usize| tail.push(tag, &alloc::format!("{value:0len$X}"));
        number(TailTag::PSAM_TERMINAL, self.psam_terminal, 12)?;
        number(TailTag::TERMINAL_SERIAL, self.terminal_serial, 8)?;
        number(TailTag::KIND, self.kind, 2)?;
        number(TailTag::TAC, self.tac, 8)?;
        number(TailTag::KEY_VERSION, self.key_version, 2)?;
        number(TailTag::KEY_INDEX, self.key_index, 2)?;
        number(TailTag::ISSUER_ID, self.issuer_id, 16)?;
        tail.push(TailTag::RANDOM, random)?;
        let after = u64::try_from(self.balance_after.get()).unwrap_or(u64::MAX);
        tail.push(TailTag::BALANCE_AFTER, &alloc::format!("{after:08X}"))?;
        tail.push(TailTag::STATE, &alloc::format!("{:02}", self.state.get()))?;
        let debited = u64::try_from(self.debited.get()).unwrap_or(u64::MAX);
        tail.push(TailTag::DEBITED, &alloc::format!("{debited:08X}"))?;
        Self::read(&tail)?;
        Ok(tail)
    }
}

/// An item's value as a person reads it; another ride's item as it is.
pub(super) fn show(tag: TailTag, value: &str) -> Result<String, FieldError> {
    let len = match tag {
        TailTag::PSAM_TERMINAL => 12,
        TailTag::TERMINAL_SERIAL | TailTag::TAC => 8,
        TailTag::KIND | TailTag::KEY_VERSION | TailTag::KEY_INDEX | TailTag::TOLD => 2,
        TailTag::ISSUER_ID => 16,
        TailTag::RANDOM => return read_random(value).map(|_| value.to_string()),
        TailTag::BALANCE_AFTER | TailTag::DEBITED => return Ok(read_amount(value)?.to_string()),
        TailTag::STATE => {
            read_state(value)?;
            return Ok(value.to_string());
        }
        TailTag::CASH => {
            read_cash(value)?;
            return Ok(value.to_string());
        }
        _ => return Ok(value.to_string()),
    };
    read_number(value, len)?;
    Ok(value.to_string())
}

/// Exactly so many upper-case hexadecimal digits.
pub(super) fn read_number(value: &str, len: usize) -> Result<u64, FieldError> {
    read_hex(value)?;
    of_len(value, len)?;
    HexDigits::decode(value.as_bytes())
}

pub(super) fn read_amount(value: &str) -> Result<Fen, FieldError> {
    let number = read_number(value, 8)?;
    Ok(Fen::new(i64::try_from(number).expect("eight digits")))
}

fn read_random(value: &str) -> Result<[u8; 8], FieldError> {
    of_len(value, 8)?;
    Ok(value.as_bytes().try_into().expect("eight bytes"))
}

pub(super) fn read_state(value: &str) -> Result<TradeState, FieldError> {
    of_len(value, 2)?;
    Digits::decode(value.as_bytes())
}

fn of_len(value: &str, len: usize) -> Result<(), FieldError> {
    if value.len() == len {
        return Ok(());
    }
    let expected = match len {
        2 => "2 characters",
        8 => "8 characters",
        12 => "12 characters",
        _ => "16 characters",
    };
    Err(FieldError::Value(ValueError::Length {
        what: "item of a card ride",
        found: value.len(),
        expected,
    }))
}
