//! CD: the card rides that an acquirer sends up.
//!
//! Block 0 and block 3 are CQ's; between them is what the card proved: block 2 of an e-purse, or
//! the block of an e-cash.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Digits, FieldView, HexDigits, Padded, record};
use tongtu_types::{BusinessDay, CardNumber, Fen, RecordId, Timestamp};

use super::Detail;
use super::cash::{CD_CASH_BLOCK_MAP, CdCash};
use super::cq::{self, CqMain, CqTransit, main_block, transit_block};
use crate::encoding::{HexFen, Kept};
use crate::error::{Fault, LineError};
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

/// What the card proved, by the kind of money on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CdCard {
    /// Block 2: an e-purse.
    Purse(CdPurse),
    /// The block of an e-cash; card number and time are in the tail.
    Cash(CdCash),
}

impl CdCard {
    const fn block_map(&self) -> u64 {
        match self {
            Self::Purse(_) => CD_BLOCK_MAP,
            Self::Cash(_) => CD_CASH_BLOCK_MAP,
        }
    }

    /// The length of a record's part of fixed length.
    const fn fixed_len(&self) -> usize {
        match self {
            Self::Purse(_) => PURSE_LEN,
            Self::Cash(_) => CASH_LEN,
        }
    }
}

/// A CD record: block 0, the block of purse or e-cash, block 3 and the tail of a card ride.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdRecord {
    /// Block 0, as in CQ.
    pub main: CqMain,
    /// Block 2, or the e-cash's.
    pub card: CdCard,
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
    /// What the card proved. Its amount is the one that moved on the card.
    pub card: CdCard,
    /// Balance before (交易前余额).
    pub balance_before: Fen,
    /// The algorithm of the TAC or cryptogram.
    pub algorithm: AlgorithmFlag,
    /// Whether the record is whole, or what is out of the ordinary about it.
    pub state: TradeState,
}

impl CdRecord {
    /// Puts the parts together; the tail must be that of a card ride, with the items of an
    /// e-cash if it is one.
    ///
    /// # Errors
    /// [`TailError`] naming the item that is missing, there twice, or does not hold.
    pub fn new(
        main: CqMain,
        card: CdCard,
        transit: CqTransit,
        tail: Tail,
    ) -> Result<Self, TailError> {
        let ride = CdTail::read(&tail, matches!(card, CdCard::Cash(_)))?;
        Ok(Self {
            main,
            card,
            transit,
            tail,
            ride,
        })
    }

    /// The record of one ride.
    ///
    /// # Errors
    /// [`TailError`] when the ride record does not fit into the tail, or an e-cash's items are
    /// missing.
    pub fn from_ride(of: CdRide) -> Result<Self, TailError> {
        let tail = of.trade.ride.to_tail()?;
        let ride = CdTail::read(&tail, matches!(of.card, CdCard::Cash(_)))?;
        let (number, at) = card_and_time(&of.card, &ride);
        let mut main = main_block(&of.trade, number, ride.terminal, at);
        main.trade_code = ride.consumption.trade_code();
        main.block_map = of.card.block_map();
        let mut transit = transit_block(&of.trade);
        transit.balance_before = of.balance_before;
        transit.algorithm = of.algorithm;
        transit.state = of.state;
        Ok(Self {
            main,
            card: of.card,
            transit,
            tail,
            ride,
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
        card_and_time(&self.card, &self.ride).1
    }

    /// What left the card.
    #[must_use]
    pub const fn debited(&self) -> Fen {
        match &self.card {
            CdCard::Purse(purse) => purse.amount,
            CdCard::Cash(cash) => cash.amount,
        }
    }
}

fn card_and_time(card: &CdCard, ride: &CdTail) -> (CardNumber, Timestamp) {
    match (card, &ride.cash) {
        (CdCard::Purse(purse), _) => (purse.card, purse.time.on(purse.day)),
        (CdCard::Cash(_), Some(items)) => (items.card, items.ridden_at),
        (CdCard::Cash(_), None) => unreachable!("an e-cash's tail was read with its items"),
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
        card_and_time(&self.card, &self.ride).0
    }

    fn counter(&self) -> u64 {
        match &self.card {
            CdCard::Purse(purse) => purse.counter,
            CdCard::Cash(cash) => cash.atc,
        }
    }

    fn balance_kind(&self) -> BalanceKind {
        match self.card {
            CdCard::Purse(_) => BalanceKind::PURSE,
            CdCard::Cash(_) => BalanceKind::ECASH,
        }
    }

    fn ridden(&self) -> (BusinessDay, TimeOfDay) {
        let at = self.ridden_at();
        (at.china().day, TimeOfDay::of(at))
    }
}

const CARD_FROM: usize = CqMain::LEN;
const PURSE_LEN: usize = CqMain::LEN + CdPurse::LEN + CqTransit::LEN;
const CASH_LEN: usize = CqMain::LEN + CdCash::LEN + CqTransit::LEN;

/// The card's block of a record with a part of fixed length so long.
const fn is_cash_len(fixed_len: usize) -> bool {
    fixed_len == CASH_LEN
}

impl Record for CdRecord {
    const KIND: FileKind = FileKind::CD;
    // UNSPECIFIED: whether one file may have rides by purse and by e-cash. A header has one
    // record length, so ours have either.
    const LENS: &'static [usize] = &[PURSE_LEN, CASH_LEN];
    const TAIL_MAX: usize = CQ_TAIL_MAX;

    fn fixed_len(&self) -> usize {
        self.card.fixed_len()
    }

    fn decode_parts(fixed: &[u8], tail: &[u8], line: usize) -> Result<Self, LineError> {
        let (main, rest) = fixed.split_at(CARD_FROM);
        let main = CqMain::decode(main).map_err(|error| LineError::decoding(line, 0, error))?;
        let is_cash = is_cash_len(fixed.len());
        let map = if is_cash {
            CD_CASH_BLOCK_MAP
        } else {
            CD_BLOCK_MAP
        };
        cq::check_block_map(&main, map, line)?;
        let (card, transit) = rest.split_at(rest.len() - CqTransit::LEN);
        let card = if is_cash {
            CdCash::decode(card).map(CdCard::Cash)
        } else {
            CdPurse::decode(card).map(CdCard::Purse)
        };
        let card = card.map_err(|error| LineError::decoding(line, CARD_FROM, error))?;
        let transit_from = fixed.len() - CqTransit::LEN;
        let transit = CqTransit::decode(transit)
            .map_err(|error| LineError::decoding(line, transit_from, error))?;
        Tail::parse(tail)
            .and_then(|tail| Self::new(main, card, transit, tail))
            .map_err(|error| LineError::tail(line, fixed.len(), error))
    }

    fn encode_parts(
        &self,
        fixed_len: usize,
        line: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LineError> {
        cq::check_block_map(&self.main, self.card.block_map(), line)?;
        let found = self.fixed_len();
        if found != fixed_len {
            let fault = Fault::LineLen {
                found,
                min: fixed_len,
                max: fixed_len,
            };
            return Err(LineError::frame(line, 1, fault));
        }
        let start = out.len();
        out.resize(start + fixed_len, b' ');
        let (main, rest) = out[start..].split_at_mut(CARD_FROM);
        let (card, transit) = rest.split_at_mut(rest.len() - CqTransit::LEN);
        self.main
            .encode_into(main)
            .map_err(|error| LineError::encoding(line, 0, &CqMain::SPEC, error))?;
        match &self.card {
            CdCard::Purse(purse) => purse
                .encode_into(card)
                .map_err(|error| LineError::encoding(line, CARD_FROM, &CdPurse::SPEC, error))?,
            CdCard::Cash(cash) => cash
                .encode_into(card)
                .map_err(|error| LineError::encoding(line, CARD_FROM, &CdCash::SPEC, error))?,
        }
        let transit_from = fixed_len - CqTransit::LEN;
        self.transit
            .encode_into(transit)
            .map_err(|error| LineError::encoding(line, transit_from, &CqTransit::SPEC, error))?;
        self.tail
            .encode_into(CQ_TAIL_MAX, out)
            .map_err(|error| LineError::tail(line, fixed_len, error))
    }

    fn describe_parts(fixed: &[u8], tail: &[u8], base: usize) -> Vec<FieldView> {
        let (main, rest) = fixed.split_at(fixed.len().min(CARD_FROM));
        let mut views = CqMain::describe(main, base);
        let card = if is_cash_len(fixed.len()) {
            let (card, transit) = rest.split_at(CdCash::LEN);
            views.extend(CdCash::describe(card, base + CARD_FROM));
            (CdCash::LEN, transit)
        } else {
            let (card, transit) = rest.split_at(rest.len().min(CdPurse::LEN));
            views.extend(CdPurse::describe(card, base + CARD_FROM));
            (CdPurse::LEN, transit)
        };
        let (card_len, transit) = card;
        views.extend(CqTransit::describe(transit, base + CARD_FROM + card_len));
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
