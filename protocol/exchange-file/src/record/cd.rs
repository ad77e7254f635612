//! CD: the card rides that an acquirer sends up.
//!
//! Block 0 and block 3 are CQ's; between them block 2 is what the e-purse proved.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Digits, FieldView, HexDigits, Padded, record};
use tongtu_types::{BusinessDay, CardNumber, Fen, RecordId, Timestamp};

use super::Detail;
use super::cq::{self, CqMain, CqTransit, main_block, transit_block};
use crate::encoding::{HexFen, Kept};
use crate::error::LineError;
use crate::tail;
use crate::{
    AlgorithmFlag, BalanceKind, CQ_TAIL_MAX, CdTail, CqRide, FileKind, Record, Tail, TailError,
    TimeOfDay, TradeState,
};

/// The block map (段位图) of a CD record: blocks 0, 2 and 3, as every sample has it.
pub const CD_BLOCK_MAP: u64 = 0xB000;

record! {
    /// CD block 2: what the e-purse (电子钱包) and the terminal's PSAM proved.
    ///
    /// Enough to compute the TAC again: amount, type, terminal, terminal serial, date and time.
    /// Source: JT/T 978.4-2015 as implemented.
    pub struct CdPurse: 112 {
        [0..20] card: CardNumber as Padded, Impl, "card number", "卡号";
        [20..28] amount: Fen as HexFen, Impl, "amount", "交易金额";
        [28..30] kind: u64 as HexDigits, Impl, "trade type, 06 purse, 09 compound", "交易类型标识";
        [30..42] terminal: u64 as HexDigits, Impl, "terminal number of the PSAM", "终端机编号";
        [42..50] terminal_serial: u64 as HexDigits, Impl, "terminal serial of the PSAM", "终端交易序号";
        [50..58] day: BusinessDay as Digits, Impl, "date, China time", "交易日期";
        [58..64] time: TimeOfDay as Digits, Impl, "time, China time", "交易时间";
        [64..72] tac: u64 as HexDigits, Impl, "TAC", "交易验证码";
        [72..74] key_version: u64 as HexDigits, Impl, "key version", "密钥版本";
        [74..76] key_index: u64 as HexDigits, Impl, "key index", "密钥索引";
        [76..80] counter: u64 as HexDigits, Impl, "card offline counter", "卡脱机交易序号";
        [80..88] balance_after: Fen as HexFen, Impl, "balance after", "交易后余额";
        [88..104] issuer_id: u64 as HexDigits, Impl, "issuer id of the card", "发卡机构标识";
        [104..112] random: [u8; 8] as Kept, Impl, "pseudo-random number of the card", "伪随机数";
    }
}

/// A CD record: block 0, block 2, block 3 and the tail of a card ride.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdRecord {
    /// Block 0, as in CQ.
    pub main: CqMain,
    /// Block 2.
    pub purse: CdPurse,
    /// Block 3, as in CQ.
    pub transit: CqTransit,
    tail: Tail,
    ride: CdTail,
}

/// What a CD record says of one ride; the rest of the record follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdRide {
    /// What a ride by code says too.
    pub trade: CqRide<CdTail>,
    /// What the purse proved. Its amount is the one that moved on the card.
    pub purse: CdPurse,
    /// Balance before (交易前余额).
    pub balance_before: Fen,
    /// The algorithm of the TAC.
    pub algorithm: AlgorithmFlag,
    /// Whether the record is whole, or what is out of the ordinary about it.
    pub state: TradeState,
}

impl CdRecord {
    /// Puts the parts together; the tail must be that of a card ride.
    ///
    /// # Errors
    /// [`TailError`] naming the item that is missing, there twice, or does not hold.
    pub fn new(
        main: CqMain,
        purse: CdPurse,
        transit: CqTransit,
        tail: Tail,
    ) -> Result<Self, TailError> {
        let ride = CdTail::read(&tail)?;
        Ok(Self {
            main,
            purse,
            transit,
            tail,
            ride,
        })
    }

    /// The record of one ride.
    ///
    /// # Errors
    /// [`TailError`] when the ride record does not fit into the tail.
    pub fn from_ride(of: CdRide) -> Result<Self, TailError> {
        let tail = of.trade.ride.to_tail()?;
        let at = of.purse.time.on(of.purse.day);
        let terminal = of.trade.ride.terminal;
        let mut main = main_block(&of.trade, of.purse.card, terminal, at);
        main.trade_code = of.trade.ride.consumption.trade_code();
        main.block_map = CD_BLOCK_MAP;
        let mut transit = transit_block(&of.trade);
        transit.balance_before = of.balance_before;
        transit.algorithm = of.algorithm;
        transit.state = of.state;
        Ok(Self {
            main,
            purse: of.purse,
            transit,
            tail,
            ride: of.trade.ride,
        })
    }

    /// The items of the ride.
    #[must_use]
    pub const fn ride(&self) -> &CdTail {
        &self.ride
    }

    /// The tail with all its items, unknown ones too.
    #[must_use]
    pub const fn tail(&self) -> &Tail {
        &self.tail
    }

    /// When the ride was, as the card was told.
    #[must_use]
    pub fn ridden_at(&self) -> Timestamp {
        self.purse.time.on(self.purse.day)
    }
}

impl Detail for CdRecord {
    fn main(&self) -> &CqMain {
        &self.main
    }

    fn transit(&self) -> &CqTransit {
        &self.transit
    }

    fn record_id(&self) -> RecordId {
        self.ride.record_id
    }

    fn card(&self) -> CardNumber {
        self.purse.card
    }

    fn counter(&self) -> u64 {
        self.purse.counter
    }

    fn balance_kind(&self) -> BalanceKind {
        BalanceKind::PURSE
    }

    fn ridden(&self) -> (BusinessDay, TimeOfDay) {
        (self.purse.day, self.purse.time)
    }
}

const PURSE_FROM: usize = CqMain::LEN;
const TRANSIT_FROM: usize = CqMain::LEN + CdPurse::LEN;

impl Record for CdRecord {
    const KIND: FileKind = FileKind::CD;
    const LENS: &'static [usize] = &[CqMain::LEN + CdPurse::LEN + CqTransit::LEN];
    const TAIL_MAX: usize = CQ_TAIL_MAX;

    fn decode_parts(fixed: &[u8], tail: &[u8], line: usize) -> Result<Self, LineError> {
        let (main, rest) = fixed.split_at(PURSE_FROM);
        let (purse, transit) = rest.split_at(CdPurse::LEN);
        let main = CqMain::decode(main).map_err(|error| LineError::decoding(line, 0, error))?;
        cq::check_block_map(&main, CD_BLOCK_MAP, line)?;
        let purse =
            CdPurse::decode(purse).map_err(|error| LineError::decoding(line, PURSE_FROM, error))?;
        let transit = CqTransit::decode(transit)
            .map_err(|error| LineError::decoding(line, TRANSIT_FROM, error))?;
        Tail::parse(tail)
            .and_then(|tail| Self::new(main, purse, transit, tail))
            .map_err(|error| LineError::tail(line, fixed.len(), error))
    }

    fn encode_parts(
        &self,
        fixed_len: usize,
        line: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LineError> {
        cq::check_block_map(&self.main, CD_BLOCK_MAP, line)?;
        let start = out.len();
        out.resize(start + fixed_len, b' ');
        let (main, rest) = out[start..].split_at_mut(PURSE_FROM);
        let (purse, transit) = rest.split_at_mut(CdPurse::LEN);
        self.main
            .encode_into(main)
            .map_err(|error| LineError::encoding(line, 0, &CqMain::SPEC, error))?;
        self.purse
            .encode_into(purse)
            .map_err(|error| LineError::encoding(line, PURSE_FROM, &CdPurse::SPEC, error))?;
        self.transit
            .encode_into(transit)
            .map_err(|error| LineError::encoding(line, TRANSIT_FROM, &CqTransit::SPEC, error))?;
        self.tail
            .encode_into(CQ_TAIL_MAX, out)
            .map_err(|error| LineError::tail(line, fixed_len, error))
    }

    fn describe_parts(fixed: &[u8], tail: &[u8], base: usize) -> Vec<FieldView> {
        let (main, rest) = fixed.split_at(fixed.len().min(PURSE_FROM));
        let (purse, transit) = rest.split_at(rest.len().min(CdPurse::LEN));
        let mut views = CqMain::describe(main, base);
        views.extend(CdPurse::describe(purse, base + PURSE_FROM));
        views.extend(CqTransit::describe(transit, base + TRANSIT_FROM));
        views.extend(tail::describe(tail, base + fixed.len()));
        views
    }
}

impl CdPurse {
    /// The card's random number as it travels: eight upper-case hexadecimal digits.
    #[must_use]
    pub fn random_of(random: [u8; 4]) -> [u8; 8] {
        let mut text: String = tongtu_codec::hex_encode(&random);
        text.make_ascii_uppercase();
        text.as_bytes()
            .try_into()
            .expect("four bytes are eight digits")
    }
}
