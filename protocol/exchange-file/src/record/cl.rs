//! CL: what the issuer must pay for, with what it needs to verify each ride.

use alloc::vec::Vec;

use tongtu_codec::{Digits, FieldError, FieldView, Padded, record};
use tongtu_types::{BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, Timestamp};

use super::{CdCard, CdCash, CdPurse, CdRecord, Clearing, CqRecord, Detail};
use crate::encoding::Kept;
use crate::error::{Fault, LineError};
use crate::gb::Gb;
use crate::tail;
use crate::{
    AlgorithmFlag, BalanceKind, CL_TAIL_MAX, CashItems, Channel, ClCardTail, ClCashTail, ClTail,
    FileKind, GbText, Mcc, Record, ResultCode, Tail, TailError, TestFlag, TimeOfDay, TradeType,
};

record! {
    /// CL, offline consumption clearing detail (脱机消费清算明细): the part of fixed length.
    ///
    /// Fees are decimal fen with seven decimals. A tail follows.
    /// Source: JT/T 978.4-2015 §6.2.2.2 as implemented.
    pub struct ClFixed: 335 {
        [0..12] clearing_serial: u64 as Digits, Impl, "clearing serial", "清算流水号";
        [12..24] acquirer_serial: u64 as Digits, Impl, "acquirer serial", "受理方流水号";
        [24..32] acceptance_day: BusinessDay as Digits, Impl, "acceptance day", "受理日期";
        [32..44] reference: u64 as Digits, Impl, "retrieval reference", "检索参考号";
        [44..48] trade_type: TradeType as Digits, Impl, "trade type", "交易类型";
        [48..59] acquirer: InstitutionCode as Padded, Impl, "acquirer", "收单机构";
        [59..70] acquirer_code: InstitutionCode as Padded, Impl, "acquirer code", "受理方代码";
        [70..81] issuer: InstitutionCode as Padded, Impl, "issuer company", "发卡地通卡公司";
        [81..92] receiver: InstitutionCode as Padded, Impl, "receiver", "接收机构";
        [92..103] sender: InstitutionCode as Padded, Impl, "sender", "发送机构";
        [103..107] mcc: Mcc as Digits, Impl, "merchant category", "商户类型";
        [107..109] channel: Channel as Digits, Impl, "channel", "交易渠道";
        [109..129] card: CardNumber as Padded, Impl, "card or account", "卡号";
        [129..135] counter: u64 as Digits, Impl, "card counter", "卡计数器";
        [135..147] balance_before: Fen as Digits, Impl, "balance before", "交易前余额";
        [147..159] amount: Fen as Digits, Impl, "amount", "交易金额";
        [159..167] day: BusinessDay as Digits, Impl, "ride day", "交易日期";
        [167..173] time: TimeOfDay as Digits, Impl, "ride time", "交易时间";
        [173..174] balance_kind: BalanceKind as Digits, Impl, "balance kind", "余额类型";
        [174..176] algorithm: AlgorithmFlag as Digits, Impl, "algorithm", "算法标识";
        [176..182] result: ResultCode as Digits, Impl, "result code", "错误代码";
        [182..222] text: GbText<40> as Gb, Impl, "result text", "错误描述";
        [222..223] test: TestFlag as Digits, Impl, "test flag", "测试标志";
        [223..251] fee: FenE7 as Padded, Impl, "fee", "手续费";
        [251..279] issuer_share: FenE7 as Padded, Impl, "issuer share", "发卡方分润";
        [279..307] acquirer_share: FenE7 as Padded, Impl, "acquirer share", "收单方分润";
        [307..325] reserved: [u8; 18] as Kept, Impl, "reserved", "保留";
        [325..335] reserved_rest: [u8; 10] as Kept, Impl, "reserved, absent in the short form", "保留";
    }
}

// CONFLICT: one implementation has 28 reserved bytes before the tail, another starts the tail
// after 18; we write 28 and read both, by the record length in the header.
const SHORT_LEN: usize = 325;

/// A CL record: the fixed part and its tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClRecord {
    /// The part of fixed length.
    pub fixed: ClFixed,
    /// The tail, whatever it holds: a code ride's is read with [`ClRecord::ride`], that of a ride
    /// by purse with [`ClRecord::card_ride`], by e-cash with [`ClRecord::cash_ride`].
    pub tail: Tail,
}

impl ClRecord {
    /// The notice of one code ride to its issuer; `ride_code` is the raw code, 332 to 364 bytes.
    ///
    /// # Errors
    /// [`TailError`] when the code does not fit into the tail.
    pub fn notice(
        ride: &CqRecord,
        ride_code: &[u8],
        clearing: &Clearing,
    ) -> Result<Self, TailError> {
        let items = ride.ride();
        let tail = ClTail {
            scanned_at: items.scanned_at,
            terminal: items.terminal,
            record_id: items.record_id,
            generated_at: items.generated_at,
            ride_code: ride_code.to_vec(),
        };
        Ok(Self {
            fixed: fixed(ride, clearing),
            tail: tail.to_tail()?,
        })
    }

    /// The notice of one card ride to the card's issuer.
    ///
    /// # Errors
    /// [`TailError`] when an item does not fit into the tail.
    pub fn notice_of_card(ride: &CdRecord, clearing: &Clearing) -> Result<Self, TailError> {
        let tail = match (&ride.card, &ride.ride().cash) {
            (CdCard::Purse(purse), _) => purse_tail(ride, purse),
            (CdCard::Cash(cash), Some(items)) => cash_tail(ride, cash, items),
            (CdCard::Cash(_), None) => unreachable!("an e-cash's tail was read with its items"),
        };
        Ok(Self {
            fixed: fixed(ride, clearing),
            tail: tail?,
        })
    }

    /// The tail as that of a code ride.
    ///
    /// # Errors
    /// [`TailError`] when it is another's, for instance that of a card ride.
    pub fn ride(&self) -> Result<ClTail, TailError> {
        ClTail::read(&self.tail)
    }

    /// The tail as that of a ride by purse.
    ///
    /// # Errors
    /// [`TailError`] when it is another's, for instance that of a code ride.
    pub fn card_ride(&self) -> Result<ClCardTail, TailError> {
        ClCardTail::read(&self.tail)
    }

    /// The tail as that of a ride by e-cash.
    ///
    /// # Errors
    /// [`TailError`] when it is another's, for instance that of a ride by purse.
    pub fn cash_ride(&self) -> Result<ClCashTail, TailError> {
        ClCashTail::read(&self.tail)
    }

    /// When the ride was.
    #[must_use]
    pub fn ridden_at(&self) -> Timestamp {
        self.fixed.time.on(self.fixed.day)
    }
}

fn cash_tail(ride: &CdRecord, cash: &CdCash, items: &CashItems) -> Result<Tail, TailError> {
    let of = ride.ride();
    let tail = ClCashTail {
        consumption: of.consumption,
        terminal: of.terminal,
        record_id: of.record_id,
        balance_after: items.balance_after,
        state: ride.transit.state,
        told: items.told,
        cash: cash.clone(),
    };
    tail.to_tail()
}

fn purse_tail(ride: &CdRecord, purse: &CdPurse) -> Result<Tail, TailError> {
    let tail = ClCardTail {
        terminal: ride.ride().terminal,
        consumption: ride.ride().consumption,
        record_id: ride.ride().record_id,
        psam_terminal: purse.terminal,
        terminal_serial: purse.terminal_serial,
        kind: purse.kind,
        tac: purse.tac,
        key_version: purse.key_version,
        key_index: purse.key_index,
        issuer_id: purse.issuer_id,
        random: purse.random,
        balance_after: purse.balance_after,
        state: ride.transit.state,
        debited: purse.amount,
    };
    tail.to_tail()
}

/// The fixed part, from whichever ride.
fn fixed(ride: &dyn Detail, clearing: &Clearing) -> ClFixed {
    let (day, time) = ride.ridden();
    let (main, transit) = (ride.main(), ride.transit());
    ClFixed {
        clearing_serial: clearing.serial,
        acquirer_serial: transit.acquirer_serial,
        acceptance_day: transit.acquirer_day,
        reference: main.reference,
        trade_type: ride.trade_type(),
        acquirer: main.acquirer,
        acquirer_code: transit.acquirer,
        issuer: main.issuer,
        receiver: main.receiver,
        sender: main.sender,
        mcc: main.mcc,
        channel: main.channel,
        card: ride.card(),
        counter: ride.counter(),
        balance_before: transit.balance_before,
        amount: main.amount,
        day,
        time,
        balance_kind: ride.balance_kind(),
        algorithm: transit.algorithm,
        result: clearing.result,
        text: clearing.result.text(),
        test: clearing.test,
        fee: clearing.fee,
        issuer_share: clearing.issuer_share,
        acquirer_share: clearing.acquirer_share,
        reserved: [b' '; 18],
        reserved_rest: [b' '; 10],
    }
}

impl Record for ClRecord {
    const KIND: FileKind = FileKind::CL;
    const LENS: &'static [usize] = &[ClFixed::LEN, SHORT_LEN];
    const TAIL_MAX: usize = CL_TAIL_MAX;

    fn decode_parts(fixed: &[u8], tail: &[u8], line: usize) -> Result<Self, LineError> {
        let mut whole = [b' '; ClFixed::LEN];
        whole[..fixed.len()].copy_from_slice(fixed);
        Ok(Self {
            fixed: ClFixed::decode(&whole).map_err(|error| LineError::decoding(line, 0, error))?,
            tail: Tail::parse(tail).map_err(|error| LineError::tail(line, fixed.len(), error))?,
        })
    }

    fn encode_parts(
        &self,
        fixed_len: usize,
        line: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LineError> {
        let start = out.len();
        out.resize(start + ClFixed::LEN, b' ');
        self.fixed
            .encode_into(&mut out[start..])
            .map_err(|error| LineError::encoding(line, 0, &ClFixed::SPEC, error))?;
        if out[start + fixed_len..].iter().any(|b| *b != b' ') {
            return Err(LineError {
                line,
                position: fixed_len + 1,
                record: ClFixed::SPEC.name,
                field: "reserved_rest",
                fault: Fault::Field(FieldError::TooLong {
                    needed: 10,
                    width: 0,
                }),
            });
        }
        out.truncate(start + fixed_len);
        self.tail
            .encode_into(CL_TAIL_MAX, out)
            .map_err(|error| LineError::tail(line, fixed_len, error))
    }

    fn describe_parts(fixed: &[u8], tail: &[u8], base: usize) -> Vec<FieldView> {
        let mut views = ClFixed::describe(fixed, base);
        views.extend(tail::describe(tail, base + fixed.len()));
        views
    }
}
