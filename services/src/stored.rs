//! Stored texts as the values they are. They were values when they were stored, so anything
//! else is a fault of the store.

use tongtu_clearing::Mcc;
use tongtu_crypto::PublicKey;
use tongtu_ledger::SumE7;
use tongtu_ride_code::record::Direction;
use tongtu_types::{CardNumber, InstitutionCode, LineCode, RecordId, TerminalNumber};

use crate::ServiceError;

const fn fault(what: &'static str) -> ServiceError {
    ServiceError::Stored { what }
}

pub(crate) fn record(text: &str) -> Result<RecordId, ServiceError> {
    RecordId::parse(text).map_err(|_| fault("record id"))
}

pub(crate) fn card(text: &str) -> Result<CardNumber, ServiceError> {
    CardNumber::parse(text).map_err(|_| fault("card number"))
}

pub(crate) fn institution(text: &str) -> Result<InstitutionCode, ServiceError> {
    InstitutionCode::parse(text).map_err(|_| fault("institution code"))
}

pub(crate) fn terminal(text: &str) -> Result<TerminalNumber, ServiceError> {
    TerminalNumber::parse(text).map_err(|_| fault("terminal number"))
}

pub(crate) fn mcc(text: &str) -> Result<Mcc, ServiceError> {
    Mcc::parse(text).map_err(|_| fault("merchant category"))
}

/// The line; empty is none.
pub(crate) fn line(text: &str) -> Result<Option<LineCode>, ServiceError> {
    if text.is_empty() {
        return Ok(None);
    }
    LineCode::parse(text)
        .map(Some)
        .map_err(|_| fault("line code"))
}

pub(crate) fn key(bytes: &[u8]) -> Result<PublicKey, ServiceError> {
    let bytes = bytes.try_into().map_err(|_| fault("public key"))?;
    PublicKey::from_compressed(bytes).map_err(|_| fault("public key"))
}

pub(crate) fn digest(bytes: &[u8]) -> Result<[u8; 32], ServiceError> {
    bytes.try_into().map_err(|_| fault("digest"))
}

pub(crate) fn sum(text: &str) -> Result<SumE7, ServiceError> {
    let number = text.parse().map_err(|_| fault("sum"))?;
    Ok(SumE7::new(number))
}

pub(crate) fn count(number: i64) -> Result<u64, ServiceError> {
    u64::try_from(number).map_err(|_| fault("count"))
}

/// A count as the store has it.
pub(crate) fn number(count: u64) -> Result<i64, ServiceError> {
    i64::try_from(count).map_err(|_| fault("count"))
}

pub(crate) fn account_type(number: i64) -> Result<u8, ServiceError> {
    u8::try_from(number).map_err(|_| fault("account type"))
}

pub(crate) fn result(number: i64) -> Result<u32, ServiceError> {
    u32::try_from(number).map_err(|_| fault("result code"))
}

pub(crate) const fn direction_number(direction: Direction) -> i64 {
    match direction {
        Direction::Single => 0,
        Direction::Entry => 1,
        Direction::Exit => 2,
    }
}

pub(crate) fn direction(number: i64) -> Result<Direction, ServiceError> {
    match number {
        0 => Ok(Direction::Single),
        1 => Ok(Direction::Entry),
        2 => Ok(Direction::Exit),
        _ => Err(fault("direction")),
    }
}
