//! FB: what became of each ride, told to the acquirer.

use tongtu_codec::{Digits, Padded, record};
use tongtu_types::{BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, Timestamp};

use super::{Clearing, Detail, fixed_record};
use crate::encoding::Kept;
use crate::gb::Gb;
use crate::{Channel, GbText, Mcc, ResultCode, TestFlag, TimeOfDay, TradeType};

record! {
    /// FB, clearing feedback (清算反馈): one line per record that the acquirer sent.
    ///
    /// Fees are decimal fen with seven decimals.
    pub struct FbRecord: 361 {
        [0..12] clearing_serial: u64 as Digits, Impl, "clearing serial", "清算流水号";
        [12..24] acquirer_serial: u64 as Digits, Impl, "acquirer serial", "受理方流水号";
        [24..32] acceptance_day: BusinessDay as Digits, Impl, "acceptance day", "受理日期";
        [32..44] reference: u64 as Digits, Impl, "retrieval reference", "检索参考号";
        [44..48] trade_type: TradeType as Digits, Impl, "trade type", "交易类型";
        [48..59] receiver: InstitutionCode as Padded, Impl, "receiving clearing body", "接收清算机构";
        [59..70] issuer: InstitutionCode as Padded, Impl, "issuer", "发卡机构";
        [70..81] acquirer: InstitutionCode as Padded, Impl, "acquirer", "收单机构";
        [81..92] sender: InstitutionCode as Padded, Impl, "sender", "发送机构";
        [92..96] mcc: Mcc as Digits, Impl, "merchant category", "商户类型";
        [96..98] channel: Channel as Digits, Impl, "channel", "交易渠道";
        [98..118] card: CardNumber as Padded, Impl, "card or account", "卡号";
        [118..124] counter: u64 as Digits, Impl, "card counter", "卡计数器";
        [124..136] balance_before: Fen as Digits, Impl, "balance before", "交易前余额";
        [136..148] amount: Fen as Digits, Impl, "amount", "交易金额";
        [148..156] day: BusinessDay as Digits, Impl, "ride day", "交易日期";
        [156..162] time: TimeOfDay as Digits, Impl, "ride time", "交易时间";
        [162..168] result: ResultCode as Digits, Impl, "result code", "错误代码";
        [168..208] text: GbText<40> as Gb, Impl, "result text", "错误描述";
        [208..209] test: TestFlag as Digits, Impl, "test flag", "测试标志";
        [209..237] fee: FenE7 as Padded, Impl, "fee", "手续费";
        [237..265] issuer_share: FenE7 as Padded, Impl, "issuer share", "发卡方分润";
        [265..293] acquirer_share: FenE7 as Padded, Impl, "acquirer share", "收单方分润";
        [293..321] reserved: [u8; 28] as Kept, Impl, "reserved", "保留";
        [321..361] reserved_rest: [u8; 40] as Kept, Impl, "reserved", "保留";
    }
}

impl FbRecord {
    /// The answer to one ride.
    #[must_use]
    pub fn answer(ride: &dyn Detail, clearing: &Clearing) -> Self {
        let (day, time) = ride.ridden();
        let (main, transit) = (ride.main(), ride.transit());
        Self {
            clearing_serial: clearing.serial,
            acquirer_serial: transit.acquirer_serial,
            acceptance_day: transit.acquirer_day,
            reference: main.reference,
            trade_type: ride.trade_type(),
            receiver: main.receiver,
            issuer: main.issuer,
            acquirer: main.acquirer,
            sender: main.sender,
            mcc: main.mcc,
            channel: main.channel,
            card: ride.card(),
            counter: ride.counter(),
            balance_before: transit.balance_before,
            amount: main.amount,
            day,
            time,
            result: clearing.result,
            text: clearing.result.text(),
            test: clearing.test,
            fee: clearing.fee,
            issuer_share: clearing.issuer_share,
            acquirer_share: clearing.acquirer_share,
            reserved: [b' '; 28],
            reserved_rest: [b' '; 40],
        }
    }

    /// When the ride was.
    #[must_use]
    pub fn ridden_at(&self) -> Timestamp {
        self.time.on(self.day)
    }
}

fixed_record!(FbRecord, FB);
