//! The records of the five kinds.

mod bp;
mod cl;
mod cq;
mod fb;
mod ld;

use tongtu_types::FenE7;

pub use bp::BpRecord;
pub use cl::{ClFixed, ClRecord};
pub use cq::{CQ_BLOCK_MAP, CqMain, CqRecord, CqRide, CqTransit};
pub use fb::FbRecord;
pub use ld::LdRecord;

use crate::{ResultCode, TestFlag};

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
