//! Exchange files between bodies: names, frames and records (CD, CQ, LD, FB, CL, BP).
//!
//! A file is a name of 33 characters, a format version, a header and one line per record,
//! every line ended by CR LF. Records are `record!` tables, so that a real file which
//! disagrees is answered by changing a row, not a program.
//!
//! ```text
//! CQ260102000000113410000000000001A      name: kind, time, institution, sequence, suffix
//! 01                                     line 1: format version
//! 0000022026010211341000   0417FFF…      line 2: count, day, institution, length, reserved
//! 3009000310410…                         line 3 on: one record each
//! ```
//!
//! What is here: the frame, the six kinds that rides need, the tails of CD, CQ and CL,
//! result codes, a field-by-field description for tools. What is not here: the packets that
//! carry files (4001 to 4008), the rules that give a record its result (`tongtu-clearing`),
//! the ride record inside a CQ or CD tail, storage.
//! Start with [`ExchangeFile`], [`FileName`] and [`CqRecord`].
//!
//! A file that follows the forms is written again byte for byte as it was read. Three
//! liberties are taken on reading and not given back: fees with fewer than seven decimals, fees
//! right-aligned, and a card number of 20 digits with a leading zero, which is not part of it.
//!
//! Source: JT/T 978.4-2015 as publicly implemented; its full text could not be read.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod describe;
mod encoding;
mod error;
mod file;
mod frame;
mod gb;
mod kind;
mod name;
mod number;
mod record;
mod result;
mod tail;

use tongtu_codec::RecordSpec;

pub use describe::{LineView, describe};
pub use encoding::{HexBytes, HexFen, Kept, ShortDay, TimeOfDay};
pub use error::{Fault, FileError, LineError};
pub use file::{
    BpFile, CdFile, ClFile, CqFile, ExchangeFile, FbFile, LdFile, LenientFile, RECORDS_MAX, Record,
    Records,
};
pub use frame::{Header, HeaderDated, HeaderUndated, Version};
pub use gb::GbText;
pub use kind::{Direction, FileKind};
pub use name::{FileName, FileNameTable, NameError, SEQUENCE_MAX, Suffix};
pub use number::{
    AlgorithmFlag, BalanceKind, Channel, Consumption, Currency, DiscountKind, Mcc, PaySide,
    TestFlag, TradeCode, TradeState, TradeType,
};
pub use record::{
    BpRecord, CD_BLOCK_MAP, CD_CASH_BLOCK_MAP, CQ_BLOCK_MAP, CdCard, CdCash, CdPurse, CdRecord,
    CdRide, ClFixed, ClRecord, Clearing, CqMain, CqRecord, CqRide, CqTransit, Detail, FbRecord,
    LdRecord,
};
pub use result::ResultCode;
pub use tail::{
    CL_TAIL_MAX, CQ_TAIL_MAX, CashItems, CdTail, ClCardTail, ClCashTail, ClTail, CqTail,
    TAIL_ITEMS, Tail, TailError, TailFault, TailItem, TailSpec, TailTag,
};

/// Every table of this crate, for the documents.
pub const SPECS: &[RecordSpec] = &[
    FileNameTable::SPEC,
    HeaderDated::SPEC,
    HeaderUndated::SPEC,
    CqMain::SPEC,
    CdPurse::SPEC,
    CdCash::SPEC,
    CqTransit::SPEC,
    LdRecord::SPEC,
    FbRecord::SPEC,
    ClFixed::SPEC,
    BpRecord::SPEC,
];
