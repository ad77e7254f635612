//! CQ: the code rides that an acquirer sends up.
//!
//! UNSPECIFIED: CQ is known only as a kind that is handled together with CD, the consumption
//! detail. We read it as rides by code, with CD's block 0 and block 3 (a code has no purse,
//! so block 2 is not there) and the ride record in block 3's tail.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Ascii, Digits, FieldView, HexDigits, Padded, record};
use tongtu_types::{
    BusinessDay, CardNumber, Fen, InstitutionCode, RecordId, TerminalNumber, Timestamp,
};

use super::Detail;
use crate::encoding::{HexFen, Kept};
use crate::error::{Fault, LineError};
use crate::gb::Gb;
use crate::tail;
use crate::{
    AlgorithmFlag, BalanceKind, CQ_TAIL_MAX, Channel, CqTail, Currency, DiscountKind, FileKind,
    GbText, Mcc, Record, Tail, TailError, TimeOfDay, TradeCode, TradeState,
};

/// The block map (段位图) of a CQ record: blocks 0 and 3. Bit 1, the highest, is block 0.
pub const CQ_BLOCK_MAP: u64 = 0x9000;

record! {
    /// CQ block 0: the trade, as in CD.
    ///
    /// The reserved end has nine bytes as in the bank format.
    pub struct CqMain: 269 {
        [0..3] trade_code: TradeCode as Digits, Impl, "trade code", "交易代码";
        [3..7] block_map: u64 as HexDigits, Impl, "block map", "段位图";
        [7..26] account: Option<CardNumber> as Padded, Impl, "main account", "主账号";
        [26..38] amount: Fen as Digits, Impl, "amount", "交易金额";
        [38..41] currency: Currency as Digits, Impl, "currency", "交易货币";
        [41..51] transmitted: u64 as Digits, Impl, "transmit time, MMDDhhmmss", "交易传输时间";
        [51..57] trace: u64 as Digits, Impl, "trace number", "系统跟踪号";
        [57..63] authorization: String as Ascii, Impl, "authorization code", "授权码";
        [63..67] authorized: u64 as Digits, Impl, "authorization date, MMDD", "授权日期";
        [67..79] reference: u64 as Digits, Impl, "retrieval reference", "检索参考号";
        [79..90] acquirer: InstitutionCode as Padded, Impl, "acquirer", "收单机构标识码";
        [90..101] sender: InstitutionCode as Padded, Impl, "sender", "发送机构标识码";
        [101..105] mcc: Mcc as Digits, Impl, "merchant category", "商户类型";
        [105..113] terminal: String as Ascii, Impl, "terminal id", "受卡机终端标识码";
        [113..128] acceptor: String as Ascii, Impl, "card acceptor id", "受卡方标识码";
        [128..168] acceptor_name: GbText<40> as Gb, Impl, "acceptor name and place", "受卡方名称地址";
        [168..191] original: String as Ascii, Impl, "original trade, zeros if none", "原始交易信息";
        [191..195] reason: u64 as Digits, Impl, "reason code", "报文原因代码";
        [195..196] message_form: u64 as Digits, Impl, "single or dual message", "单双信息标志";
        [196..205] clearing_serial: u64 as Digits, Impl, "clearing serial, zeros going up", "清算流水号";
        [205..216] receiver: InstitutionCode as Padded, Impl, "receiver, the issuer's hub", "接收机构代码";
        [216..227] issuer: InstitutionCode as Padded, Impl, "issuer", "发卡机构代码";
        [227..228] notice: u64 as Digits, Impl, "notice flag", "通知标志";
        [228..230] channel: Channel as Digits, Impl, "channel", "交易发起渠道";
        [230..231] feature: String as Ascii, Impl, "trade feature", "交易特征标识";
        [231..239] hub_reserved: [u8; 8] as Kept, Impl, "reserved for the clearing body", "清算机构保留";
        [239..241] condition: u64 as Digits, Impl, "point-of-service condition", "服务点条件代码";
        [241..253] own_fee: Fen as Digits, Impl, "own fee", "本方手续费";
        [253..254] region: u64 as Digits, Impl, "region flag", "交易地域标志";
        [254..256] eci: u64 as Digits, Impl, "ECI", "电子商务标志";
        [256..258] fee_kind: u64 as Digits, Impl, "special fee kind", "特殊计费类型";
        [258..259] fee_tier: u64 as Digits, Impl, "special fee tier", "特殊计费档次";
        [259..260] initiation: u64 as Digits, Impl, "initiation mode", "交易发起方式";
        [260..269] reserved: [u8; 9] as Kept, Inferred, "reserved", "保留";
    }
}

record! {
    /// CQ block 3: transit extension, as in CD; the tail follows it.
    ///
    /// Names and identity numbers stay empty: personal data is never sent.
    pub struct CqTransit: 146 {
        [0..40] holder_name: GbText<40> as Gb, Impl, "cardholder name, empty", "持卡人姓名";
        [40..42] holder_id_kind: String as Ascii, Impl, "id type, empty", "证件类型";
        [42..72] holder_id: String as Ascii, Impl, "id number, empty", "证件号码";
        [72..76] holder_kind: String as Ascii, Impl, "holder type", "持卡人类型";
        [76..87] acquirer: InstitutionCode as Padded, Impl, "acquirer code", "受理方代码";
        [87..99] acquirer_serial: u64 as Digits, Impl, "acquirer serial", "受理方流水号";
        [99..107] acquirer_day: BusinessDay as Digits, Impl, "acquirer day", "受理日期";
        [107..119] clearing_serial: u64 as Digits, Impl, "clearing serial, zeros going up", "清算流水号";
        [119..123] discount: DiscountKind as Digits, Impl, "discount kind", "优惠类型";
        [123..131] balance_before: Fen as HexFen, Impl, "balance before", "交易前余额";
        [131..139] receivable: Fen as HexFen, Impl, "receivable amount", "应收金额";
        [139..141] state: TradeState as Digits, Impl, "trade state", "交易状态";
        [141..143] algorithm: AlgorithmFlag as Digits, Impl, "algorithm", "算法标识";
        [143..146] organisation: String as Ascii, Impl, "card organisation", "卡组织";
    }
}

/// A CQ record: block 0, block 3 and the tail of a code ride.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CqRecord {
    /// Block 0.
    pub main: CqMain,
    /// Block 3.
    pub transit: CqTransit,
    tail: Tail,
    ride: CqTail,
}

/// What a CQ record says of one ride; the rest of the record follows from it.
///
/// A CD record says the same with another tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CqRide<T = CqTail> {
    /// What the rider pays (实收).
    pub amount: Fen,
    /// The fare before discount (应收).
    pub receivable: Fen,
    /// Which discount made the difference.
    pub discount: DiscountKind,
    /// When the record is sent up.
    pub transmitted_at: Timestamp,
    /// Trace number (系统跟踪号), 6 digits.
    pub trace: u64,
    /// Retrieval reference (检索参考号), 12 digits.
    pub reference: u64,
    /// The acquirer's own serial, 12 digits.
    pub acquirer_serial: u64,
    /// The acquirer's business day.
    pub acquirer_day: BusinessDay,
    /// Acquirer, in its role as one.
    pub acquirer: InstitutionCode,
    /// Who sends the file up.
    pub sender: InstitutionCode,
    /// The issuer's hub.
    pub receiver: InstitutionCode,
    /// Issuer, in its role as one.
    pub issuer: InstitutionCode,
    /// Bus or metro.
    pub mcc: Mcc,
    /// The operator's name, cut to fit.
    pub acceptor_name: String,
    /// The ride itself.
    pub ride: T,
}

impl CqRecord {
    /// Puts the parts together; the tail must be that of a code ride.
    ///
    /// # Errors
    /// [`TailError`] naming the item that is missing, there twice, or does not hold.
    pub fn new(main: CqMain, transit: CqTransit, tail: Tail) -> Result<Self, TailError> {
        let ride = CqTail::read(&tail)?;
        Ok(Self {
            main,
            transit,
            tail,
            ride,
        })
    }

    /// The record of one ride.
    ///
    /// # Errors
    /// [`TailError`] when the ride record does not fit into the tail.
    pub fn from_ride(of: CqRide) -> Result<Self, TailError> {
        let tail = of.ride.to_tail()?;
        Ok(Self {
            main: CqMain {
                trade_code: of.ride.consumption.trade_code(),
                ..main_block(&of, of.ride.account, of.ride.terminal, of.ride.scanned_at)
            },
            transit: transit_block(&of),
            tail,
            ride: of.ride,
        })
    }

    /// The items of the ride.
    #[must_use]
    pub const fn ride(&self) -> &CqTail {
        &self.ride
    }

    /// The tail with all its items, unknown ones too.
    #[must_use]
    pub const fn tail(&self) -> &Tail {
        &self.tail
    }
}

impl Detail for CqRecord {
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
        self.ride.account
    }

    /// A code has none.
    fn counter(&self) -> u64 {
        0
    }

    fn balance_kind(&self) -> BalanceKind {
        BalanceKind::ACCOUNT
    }

    fn ridden(&self) -> (BusinessDay, TimeOfDay) {
        let at = self.ride.scanned_at;
        (at.china().day, TimeOfDay::of(at))
    }
}

/// Block 0 of a ride of that account or card at that time; trade code and map are a code's.
pub(super) fn main_block<T>(
    of: &CqRide<T>,
    account: CardNumber,
    terminal: TerminalNumber,
    at: Timestamp,
) -> CqMain {
    CqMain {
        trade_code: TradeCode::SINGLE,
        block_map: CQ_BLOCK_MAP,
        // Private account numbers may have 20 digits; the field has 19, the tail has them all.
        account: Some(account).filter(|account| account.reveal().len() <= 19),
        amount: of.amount,
        currency: Currency::CNY,
        transmitted: month_on(of.transmitted_at),
        trace: of.trace,
        authorization: "000000".into(),
        authorized: month_on(at) / 1_000_000,
        reference: of.reference,
        acquirer: of.acquirer,
        sender: of.sender,
        mcc: of.mcc,
        // UNSPECIFIED: how 12 digits go into 8; we keep the last ones, the tail has all.
        terminal: terminal.as_str()[4..].into(),
        acceptor: String::new(),
        acceptor_name: GbText::fit(&of.acceptor_name),
        original: "0".repeat(23),
        reason: 0,
        message_form: 0,
        clearing_serial: 0,
        receiver: of.receiver,
        issuer: of.issuer,
        notice: 0,
        channel: Channel::TERMINAL,
        feature: String::new(),
        hub_reserved: [b' '; 8],
        condition: 0,
        own_fee: Fen::ZERO,
        region: 0,
        eci: 0,
        fee_kind: 0,
        fee_tier: 0,
        initiation: 0,
        reserved: [b' '; 9],
    }
}

/// Block 3 of a ride; balance and algorithm are a code's.
pub(super) fn transit_block<T>(of: &CqRide<T>) -> CqTransit {
    CqTransit {
        holder_name: GbText::EMPTY,
        holder_id_kind: String::new(),
        holder_id: String::new(),
        holder_kind: String::new(),
        acquirer: of.acquirer,
        acquirer_serial: of.acquirer_serial,
        acquirer_day: of.acquirer_day,
        clearing_serial: 0,
        discount: of.discount,
        // The terminal does not know the account's balance.
        balance_before: Fen::ZERO,
        receivable: of.receivable,
        state: TradeState::NORMAL,
        algorithm: AlgorithmFlag::SM2,
        organisation: String::new(),
    }
}

/// `MMDDhhmmss` in China, as a number.
fn month_on(at: Timestamp) -> u64 {
    at.china().compact()[4..].parse().expect("ten digits")
}

impl Record for CqRecord {
    const KIND: FileKind = FileKind::CQ;
    const LENS: &'static [usize] = &[CqMain::LEN + CqTransit::LEN];
    const TAIL_MAX: usize = CQ_TAIL_MAX;

    fn decode_parts(fixed: &[u8], tail: &[u8], line: usize) -> Result<Self, LineError> {
        let (main, transit) = fixed.split_at(CqMain::LEN);
        let main = CqMain::decode(main).map_err(|error| LineError::decoding(line, 0, error))?;
        check_block_map(&main, CQ_BLOCK_MAP, line)?;
        let transit = CqTransit::decode(transit)
            .map_err(|error| LineError::decoding(line, CqMain::LEN, error))?;
        Tail::parse(tail)
            .and_then(|tail| Self::new(main, transit, tail))
            .map_err(|error| LineError::tail(line, fixed.len(), error))
    }

    fn encode_parts(
        &self,
        fixed_len: usize,
        line: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LineError> {
        check_block_map(&self.main, CQ_BLOCK_MAP, line)?;
        let start = out.len();
        out.resize(start + fixed_len, b' ');
        let (main, transit) = out[start..].split_at_mut(CqMain::LEN);
        self.main
            .encode_into(main)
            .map_err(|error| LineError::encoding(line, 0, &CqMain::SPEC, error))?;
        self.transit
            .encode_into(transit)
            .map_err(|error| LineError::encoding(line, CqMain::LEN, &CqTransit::SPEC, error))?;
        self.tail
            .encode_into(CQ_TAIL_MAX, out)
            .map_err(|error| LineError::tail(line, fixed_len, error))
    }

    fn describe_parts(fixed: &[u8], tail: &[u8], base: usize) -> Vec<FieldView> {
        let (main, transit) = fixed.split_at(fixed.len().min(CqMain::LEN));
        let mut views = CqMain::describe(main, base);
        views.extend(CqTransit::describe(transit, base + CqMain::LEN));
        views.extend(tail::describe(tail, base + fixed.len()));
        views
    }
}

/// Another map means other blocks, at other places.
pub(super) fn check_block_map(main: &CqMain, expected: u64, line: usize) -> Result<(), LineError> {
    if main.block_map == expected {
        return Ok(());
    }
    let fault = Fault::BlockMap {
        found: main.block_map,
        expected,
    };
    Err(LineError {
        line,
        position: 4,
        record: CqMain::SPEC.name,
        field: "block_map",
        fault,
    })
}
