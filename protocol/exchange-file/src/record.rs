//! The records of the six kinds.

mod bp;
mod cash;
mod cd;
mod cl;
mod cq;
mod fb;
mod ld;

use tongtu_types::{BusinessDay, CardNumber, FenE7, RecordId};

pub use bp::BpRecord;
pub use cash::{CD_CASH_BLOCK_MAP, CdCash};
pub use cd::{CD_BLOCK_MAP, CdCard, CdPurse, CdRecord, CdRide};
pub use cl::{ClFixed, ClRecord};
pub use cq::{CQ_BLOCK_MAP, CqMain, CqRecord, CqRide, CqTransit};
pub use fb::FbRecord;
pub use ld::LdRecord;

use crate::{BalanceKind, ResultCode, TestFlag, TimeOfDay, TradeType};

/// A detail record, of a code ride or of a card ride: what its answers are made from.
pub trait Detail {
    /// Block 0.
    fn main(&self) -> &CqMain;

    /// Block 3.
    fn transit(&self) -> &CqTransit;

    /// The record's id.
    fn record_id(&self) -> RecordId;

    /// The card or account.
    fn card(&self) -> CardNumber;

    /// The card's counter.
    fn counter(&self) -> u64;

    /// What the amount was taken from.
    fn balance_kind(&self) -> BalanceKind;

    /// Day and time of the ride, China time.
    fn ridden(&self) -> (BusinessDay, TimeOfDay);

    /// The trade type for clearing files; 0 when the trade code is unknown.
    fn trade_type(&self) -> TradeType {
        let known = self.main().trade_code.trade_type();
        known.unwrap_or(TradeType::new(0))
    }
}

/// What clearing says of one ride, the same to both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clearing {
    /// Clearing serial (清算流水号), 12 digits, unique at the hub that gives it.
    pub serial: u64,
    /// What became of the ride.
    pub result: ResultCode,
    /// Live or test.
    pub test: TestFlag,
    /// The whole fee, in fen exact to seven decimals.
    pub fee: FenE7,
    /// The issuer's share of it.
    pub issuer_share: FenE7,
    /// The acquirer's share of it.
    pub acquirer_share: FenE7,
}

/// Makes a table the record of a kind without tails.
macro_rules! fixed_record {
    ($name:ident, $kind:ident) => {
        impl crate::Record for $name {
            const KIND: crate::FileKind = crate::FileKind::$kind;
            const LENS: &'static [usize] = &[Self::LEN];
            const TAIL_MAX: usize = 0;

            fn decode_parts(
                fixed: &[u8],
                _tail: &[u8],
                line: usize,
            ) -> Result<Self, crate::LineError> {
                Self::decode(fixed).map_err(|error| crate::LineError::decoding(line, 0, error))
            }

            fn encode_parts(
                &self,
                fixed_len: usize,
                line: usize,
                out: &mut alloc::vec::Vec<u8>,
            ) -> Result<(), crate::LineError> {
                let start = out.len();
                out.resize(start + fixed_len, b' ');
                self.encode_into(&mut out[start..])
                    .map_err(|error| crate::LineError::encoding(line, 0, &Self::SPEC, error))
            }

            fn describe_parts(
                fixed: &[u8],
                _tail: &[u8],
                base: usize,
            ) -> alloc::vec::Vec<tongtu_codec::FieldView> {
                Self::describe(fixed, base)
            }
        }
    };
}
use fixed_record;
