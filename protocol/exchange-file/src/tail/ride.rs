//! The tails of code rides: what CQ and CL carry so that others can verify again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use tongtu_codec::{Digits, Encoding, FieldError, hex_decode, hex_encode};
use tongtu_types::{
    BusinessDay, CardNumber, LineCode, RecordId, TerminalNumber, Timestamp, ValueError,
};

use super::{CL_TAIL_MAX, CQ_TAIL_MAX, Tail, TailError, TailTag};
use crate::{Consumption, TimeOfDay};

/// The tail of a CQ record: the ride as the terminal wrote it, and what clearing sorts by.
///
/// The items stand beside the ride record so that a hub can route and de-duplicate without
/// reading it; whoever verifies compares them with the record, which alone is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CqTail {
    /// 2001: the whole ride record of the terminal, the raw ride code inside; at most about
    /// 930 bytes, so that the tail stays within [`CQ_TAIL_MAX`].
    pub ride_record: Vec<u8>,
    /// 2002: one scan or two.
    pub consumption: Consumption,
    /// 2003: when the code was scanned.
    pub scanned_at: Timestamp,
    /// 2005: the line, where there is one.
    pub line: Option<LineCode>,
    /// 2009: the terminal.
    pub terminal: TerminalNumber,
    /// 2101: the record's id (ours).
    pub record_id: RecordId,
    /// 2102: when the code was generated (ours); with the account it is unique.
    pub generated_at: Timestamp,
    /// 2103: the rider's account (ours), in full even where the card field is too short.
    pub account: CardNumber,
}

impl CqTail {
    /// Reads the items of a code ride; items with other tags are passed over.
    ///
    /// # Errors
    /// [`TailError`] for an item that is missing, there twice, or does not hold.
    pub fn read(tail: &Tail) -> Result<Self, TailError> {
        tail.check_len(CQ_TAIL_MAX)?;
        Ok(Self {
            ride_record: tail.required(TailTag::RIDE_RECORD, read_hex)?,
            consumption: tail.required(TailTag::CONSUMPTION, read_consumption)?,
            scanned_at: tail.required(TailTag::SCANNED_AT, read_china_time)?,
            line: tail.optional(TailTag::LINE, read_line)?,
            terminal: tail.required(TailTag::TERMINAL, read_terminal)?,
            record_id: tail.required(TailTag::RECORD_ID, read_record_id)?,
            generated_at: tail.required(TailTag::GENERATED_AT, read_unix_time)?,
            account: tail.required(TailTag::ACCOUNT, read_account)?,
        })
    }

    /// The items, in ascending order of their tags.
    ///
    /// # Errors
    /// [`TailError`] when they are longer than [`CQ_TAIL_MAX`] or a time does not fit.
    pub fn to_tail(&self) -> Result<Tail, TailError> {
        let mut tail = Tail::new();
        tail.push(TailTag::RIDE_RECORD, &upper_hex(&self.ride_record))?;
        tail.push(TailTag::CONSUMPTION, &self.consumption.get().to_string())?;
        tail.push(TailTag::SCANNED_AT, &self.scanned_at.china().compact())?;
        if let Some(line) = &self.line {
            tail.push(TailTag::LINE, line.as_str())?;
        }
        tail.push(TailTag::TERMINAL, self.terminal.as_str())?;
        tail.push(TailTag::RECORD_ID, self.record_id.as_str())?;
        tail.push(TailTag::GENERATED_AT, &self.generated_at.get().to_string())?;
        tail.push(TailTag::ACCOUNT, self.account.reveal())?;
        // Reading is the one place that knows what holds.
        Self::read(&tail)?;
        Ok(tail)
    }
}

/// The tail of a CL record: what the issuer needs to verify a code ride before it pays.
///
/// The whole ride record does not fit into [`CL_TAIL_MAX`]; the code does, and it carries the
/// issuer's own signature and the rider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClTail {
    /// 2003: when the code was scanned.
    pub scanned_at: Timestamp,
    /// 2009: the terminal.
    pub terminal: TerminalNumber,
    /// 2101: the record's id (ours).
    pub record_id: RecordId,
    /// 2102: when the code was generated (ours).
    pub generated_at: Timestamp,
    /// 2104: the ride code (ours), 332 to 364 bytes.
    pub ride_code: Vec<u8>,
}

impl ClTail {
    /// Reads the items of a code ride; items with other tags are passed over.
    ///
    /// # Errors
    /// [`TailError`] for an item that is missing, there twice, or does not hold.
    pub fn read(tail: &Tail) -> Result<Self, TailError> {
        tail.check_len(CL_TAIL_MAX)?;
        Ok(Self {
            scanned_at: tail.required(TailTag::SCANNED_AT, read_china_time)?,
            terminal: tail.required(TailTag::TERMINAL, read_terminal)?,
            record_id: tail.required(TailTag::RECORD_ID, read_record_id)?,
            generated_at: tail.required(TailTag::GENERATED_AT, read_unix_time)?,
            ride_code: tail.required(TailTag::RIDE_CODE, read_hex)?,
        })
    }

    /// The items, in ascending order of their tags.
    ///
    /// # Errors
    /// [`TailError`] when they are longer than [`CL_TAIL_MAX`] or a time does not fit.
    pub fn to_tail(&self) -> Result<Tail, TailError> {
        let mut tail = Tail::new();
        tail.push(TailTag::SCANNED_AT, &self.scanned_at.china().compact())?;
        tail.push(TailTag::TERMINAL, self.terminal.as_str())?;
        tail.push(TailTag::RECORD_ID, self.record_id.as_str())?;
        tail.push(TailTag::GENERATED_AT, &self.generated_at.get().to_string())?;
        tail.push(TailTag::RIDE_CODE, &upper_hex(&self.ride_code))?;
        Self::read(&tail)?;
        Ok(tail)
    }
}

/// An item's value as a person reads it.
pub(super) fn show(tag: TailTag, value: &str) -> Result<String, FieldError> {
    Ok(match tag {
        TailTag::RIDE_RECORD | TailTag::RIDE_CODE => {
            alloc::format!("{} bytes {value}", read_hex(value)?.len())
        }
        TailTag::CONSUMPTION => read_consumption(value)?.get().to_string(),
        TailTag::SCANNED_AT => {
            let at = read_china_time(value)?.china();
            alloc::format!("{} {} China time", at.day, at.clock())
        }
        TailTag::LINE => read_line(value)?.to_string(),
        TailTag::TERMINAL => read_terminal(value)?.to_string(),
        TailTag::RECORD_ID => read_record_id(value)?.to_string(),
        TailTag::GENERATED_AT => read_unix_time(value)?.to_string(),
        TailTag::ACCOUNT => read_account(value)?.reveal().to_string(),
        _ => super::card::show(tag, value)?,
    })
}

pub(super) fn upper_hex(bytes: &[u8]) -> String {
    let mut text = hex_encode(bytes);
    text.make_ascii_uppercase();
    text
}

pub(super) fn read_hex(value: &str) -> Result<Vec<u8>, FieldError> {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    if let Some(at) = value.bytes().position(|b| !is_digit(b)) {
        let expected = "an upper-case hexadecimal digit";
        return Err(FieldError::Character {
            at,
            byte: value.as_bytes()[at],
            expected,
        });
    }
    // Nothing but digits is left, so only an odd number of them can be wrong.
    hex_decode(value).map_err(|_| FieldError::Truncated {
        needed: value.len() + 1,
        found: value.len(),
    })
}

fn exactly(value: &str, what: &'static str, len: usize) -> Result<(), FieldError> {
    let expected = match len {
        1 => "1 digit",
        _ => "yyyymmddhhmmss",
    };
    if value.len() == len {
        return Ok(());
    }
    Err(FieldError::Value(ValueError::Length {
        what,
        found: value.len(),
        expected,
    }))
}

pub(super) fn read_consumption(value: &str) -> Result<Consumption, FieldError> {
    exactly(value, "consumption type", 1)?;
    Digits::decode(value.as_bytes())
}

pub(super) fn read_china_time(value: &str) -> Result<Timestamp, FieldError> {
    exactly(value, "scan time", 14)?;
    let (day, time) = value.as_bytes().split_at(8);
    let day: BusinessDay = Digits::decode(day)?;
    let time: TimeOfDay = Digits::decode(time)?;
    Ok(time.on(day))
}

fn read_unix_time(value: &str) -> Result<Timestamp, FieldError> {
    let wrong = |found| ValueError::Range {
        what: "generation time",
        found,
        expected: "Unix seconds in 32 bits, without leading zeros",
    };
    let number: u64 = Digits::decode(value.as_bytes())?;
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let at = Timestamp::new(number);
    // One time, one text: leading zeros or nothing at all would be another.
    if at.as_u32().is_none() || value != number.to_string() {
        return Err(FieldError::Value(wrong(number)));
    }
    Ok(at)
}

pub(super) fn read_line(value: &str) -> Result<LineCode, FieldError> {
    Ok(LineCode::parse(value)?)
}

pub(super) fn read_terminal(value: &str) -> Result<TerminalNumber, FieldError> {
    Ok(TerminalNumber::parse(value)?)
}

pub(super) fn read_record_id(value: &str) -> Result<RecordId, FieldError> {
    Ok(RecordId::parse(value)?)
}

pub(super) fn read_account(value: &str) -> Result<CardNumber, FieldError> {
    Ok(CardNumber::parse(value)?)
}
