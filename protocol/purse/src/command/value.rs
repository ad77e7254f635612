//! Balance, load, unload, purchase, composite purchase, and the proof of a transaction.

use alloc::vec::Vec;

use tongtu_apdu::Command;
use tongtu_apdu::check::{exactly, fixed, length, nothing, parameters, whole};
use tongtu_codec::{Be, Raw, record};

use super::{Sfi, command};
use crate::field::{Amount, Balance, DateTime, Kind, Limit, Purse, Terminal};
use crate::proof::Code;

/// Which balance GET BALANCE asks for, its P1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalanceKind {
    /// `00`: what can be spent, overdraft limit included.
    Spendable,
    /// `01`: the overdraft limit.
    Limit,
    /// `02`: how much of the overdraft is used.
    Overdrawn,
    /// `03`: the money there is, without the overdraft limit.
    Real,
}

impl BalanceKind {
    /// The four kinds, in the order of their P1.
    pub const ALL: [Self; 4] = [Self::Spendable, Self::Limit, Self::Overdrawn, Self::Real];

    /// P1.
    #[must_use]
    pub const fn p1(self) -> u8 {
        match self {
            Self::Spendable => 0,
            Self::Limit => 1,
            Self::Overdrawn => 2,
            Self::Real => 3,
        }
    }
}

/// GET BALANCE: `80 5C P1 02 04`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetBalance {
    /// Which balance.
    pub kind: BalanceKind,
}

command! {
    GetBalance: "GET BALANCE", "读余额", 0x5C, [0x80] -> Balance;
    status {}
    read |c| {
        let kind = BalanceKind::ALL
            .into_iter()
            .find(|kind| (c.p1, c.p2) == (kind.p1(), 2))
            .ok_or_else(|| parameters::<Self>(c, "00 to 03, and 02"))?;
        if c.le.is_none() || !c.data.is_empty() {
            return Err(length::<Self>(c, "Le and no data"));
        }
        Ok(Self { kind })
    }
    write |s| { Command::new(0x80, Self::INS, s.kind.p1(), 2).with_le(4) }
    answer |data| { whole::<Self, 4>("balance", data).map(Balance::from_bytes) }
}

record! {
    /// Answer to INITIALIZE FOR LOAD and FOR UNLOAD.
    pub struct LoadInit: 16 {
        [0..4] balance: Balance as Purse, Impl, "balance before", "余额";
        [4..6] sequence: u16 as Be, Impl, "online sequence number", "联机交易序号";
        [6..7] key_version: u8 as Be, Impl, "key version", "密钥版本号";
        [7..8] algorithm: u8 as Be, Impl, "algorithm identifier", "算法标识";
        [8..12] random: [u8; 4] as Raw, Impl, "random", "伪随机数";
        [12..16] mac1: [u8; 4] as Raw, Impl, "MAC1", "MAC1";
    }
}

record! {
    /// Answer to INITIALIZE FOR PURCHASE and FOR CAPP PURCHASE.
    pub struct PurchaseInit: 15 {
        [0..4] balance: Balance as Purse, Impl, "balance before", "余额";
        [4..6] sequence: u16 as Be, Impl, "offline sequence number", "脱机交易序号";
        [6..9] overdraft: Limit as Purse, Impl, "overdraft limit", "透支限额";
        [9..10] key_version: u8 as Be, Impl, "key version", "密钥版本号";
        [10..11] algorithm: u8 as Be, Impl, "algorithm identifier", "算法标识";
        [11..15] random: [u8; 4] as Raw, Impl, "random", "伪随机数";
    }
}

record! {
    /// Answer to DEBIT: TAC, then MAC2.
    pub struct DebitAnswer: 8 {
        [0..4] tac: [u8; 4] as Raw, Impl, "TAC", "交易验证码";
        [4..8] mac2: [u8; 4] as Raw, Impl, "MAC2", "MAC2";
    }
}

record! {
    /// Answer to GET TRANSACTION PROVE: MAC2, then TAC; the other way round than DEBIT.
    pub struct Proof: 8 {
        [0..4] mac2: [u8; 4] as Raw, Impl, "MAC2", "MAC2";
        [4..8] tac: [u8; 4] as Raw, Impl, "TAC", "交易验证码";
    }
}

record! {
    /// Data field of every INITIALIZE command.
    pub struct InitData: 11 {
        [0..1] key: u8 as Be, Impl, "key index", "密钥索引";
        [1..5] amount: Amount as Purse, Impl, "amount", "交易金额";
        [5..11] terminal: Terminal as Purse, Impl, "terminal number", "终端机编号";
    }
}

const INIT: &str = "key index, amount, terminal: 0B bytes";

macro_rules! init {
    (
        $(#[$doc:meta])* $t:ident, $name:literal, $zh:literal, $p1:literal, $le:literal,
        $answer:ident, $kind:ident; $($row:tt)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $t {
            /// Key index (密钥索引).
            pub key: u8,
            /// Amount.
            pub amount: Amount,
            /// Terminal number.
            pub terminal: Terminal,
        }

        impl $t {
            /// The transaction type that enters every code.
            pub const KIND: Kind = Kind::$kind;

            /// What the codes of this transaction are made over.
            #[must_use]
            pub const fn deal(&self) -> crate::proof::Deal {
                crate::proof::Deal {
                    amount: self.amount,
                    kind: Self::KIND,
                    terminal: self.terminal,
                }
            }
        }

        command! {
            $t: $name, $zh, 0x50, [0x80] -> $answer;
            status { $($row)* }
            read |c| {
                fixed::<Self>(c, [$p1, 2], concat!(stringify!($p1), " and 02"))?;
                let data = exactly::<Self, 11>(c, INIT)?;
                let InitData { key, amount, terminal } =
                    InitData::decode(&data).expect("eleven bytes of any content");
                Ok(Self { key, amount, terminal })
            }
            write |s| {
                let data = InitData { key: s.key, amount: s.amount, terminal: s.terminal };
                Command::new(0x80, Self::INS, $p1, 2)
                    .with_data(data.encode().expect("every field is as wide as its value"))
                    .with_le($le)
            }
            answer |data| { $answer::decode(data) }
        }
    };
}

init! {
    /// INITIALIZE FOR LOAD (圈存初始化): `80 50 00 02 0B key amount terminal 10`.
    InitLoad, "INITIALIZE FOR LOAD", "圈存初始化", 0x00, 0x10, LoadInit, LOAD;
    SECURITY_STATUS => "the PIN must be verified first", "须先验证个人密码";
    COUNTER_AT_MAX => "the online sequence is at its maximum", "联机交易序号达到最大值";
    KEY_INDEX => "no such load key", "密钥索引不支持";
    WRONG_DATA => "the card takes no load of nothing", "不接受零金额圈存";
}
init! {
    /// INITIALIZE FOR UNLOAD (圈提初始化): `80 50 05 02 0B key amount terminal 10`.
    InitUnload, "INITIALIZE FOR UNLOAD", "圈提初始化", 0x05, 0x10, LoadInit, UNLOAD;
    SECURITY_STATUS => "the PIN must be verified first", "须先验证个人密码";
    COUNTER_AT_MAX => "the online sequence is at its maximum", "联机交易序号达到最大值";
    KEY_INDEX => "no such unload key", "密钥索引不支持";
    INSUFFICIENT => "less money than that is there", "余额不足";
}
init! {
    /// INITIALIZE FOR PURCHASE (消费初始化): `80 50 01 02 0B key amount terminal 0F`.
    InitPurchase, "INITIALIZE FOR PURCHASE", "消费初始化", 0x01, 0x0F, PurchaseInit, PURCHASE;
    COUNTER_AT_MAX => "the offline sequence is at its maximum", "脱机交易序号达到最大值";
    KEY_INDEX => "no such purchase key", "密钥索引不支持";
    INSUFFICIENT => "balance and overdraft limit are less than the amount", "余额不足";
}
init! {
    /// INITIALIZE FOR CAPP PURCHASE (复合消费初始化): `80 50 03 02 0B key amount terminal 0F`.
    InitComposite, "INITIALIZE FOR CAPP PURCHASE", "复合消费初始化", 0x03, 0x0F, PurchaseInit,
    COMPOSITE;
    COUNTER_AT_MAX => "the offline sequence is at its maximum", "脱机交易序号达到最大值";
    KEY_INDEX => "no such purchase key", "密钥索引不支持";
    INSUFFICIENT => "balance and overdraft limit are less than the amount", "余额不足";
}

record! {
    /// Data field of CREDIT FOR LOAD and DEBIT FOR UNLOAD.
    pub struct HostMac: 11 {
        [0..7] at: DateTime as Purse, Impl, "date and time", "交易日期时间";
        [7..11] mac2: [u8; 4] as Raw, Impl, "MAC2", "MAC2";
    }
}

macro_rules! host_mac {
    (
        $(#[$doc:meta])* $t:ident, $name:literal, $zh:literal, $ins:literal, $p1:literal,
        $field:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $t {
            /// Date and time, the host's.
            pub at: DateTime,
            /// MAC2, the host's.
            pub mac2: Code,
        }

        command! {
            $t: $name, $zh, $ins, [0x80] -> Code;
            status {
                MAC_INVALID => "MAC2 is wrong; nothing changed", "MAC2 无效";
            }
            read |c| {
                fixed::<Self>(c, [$p1, 0], concat!(stringify!($p1), " and 00"))?;
                let data = exactly::<Self, 11>(c, "date, time, MAC2: 0B bytes")?;
                let HostMac { at, mac2 } =
                    HostMac::decode(&data).expect("eleven bytes of any content");
                Ok(Self { at, mac2 })
            }
            write |s| {
                let data = [&s.at.0[..], &s.mac2].concat();
                Command::new(0x80, Self::INS, $p1, 0).with_data(data).with_le(4)
            }
            answer |data| { whole::<Self, 4>($field, data) }
        }
    };
}

host_mac! {
    /// CREDIT FOR LOAD (圈存): `80 52 00 00 0B date time MAC2 04`, answered with the TAC.
    CreditForLoad, "CREDIT FOR LOAD", "圈存", 0x52, 0x00, "tac"
}
host_mac! {
    /// DEBIT FOR UNLOAD (圈提): `80 54 03 00 0B date time MAC2 04`, answered with MAC3.
    DebitForUnload, "DEBIT FOR UNLOAD", "圈提", 0x54, 0x03, "mac3"
}

record! {
    /// Data field of DEBIT FOR PURCHASE and DEBIT FOR CAPP PURCHASE.
    pub struct DebitData: 15 {
        [0..4] terminal_sequence: u32 as Be, Impl, "terminal's sequence number", "终端交易序号";
        [4..11] at: DateTime as Purse, Impl, "date and time", "交易日期时间";
        [11..15] mac1: [u8; 4] as Raw, Impl, "MAC1", "MAC1";
    }
}

/// DEBIT FOR PURCHASE (消费) or FOR CAPP PURCHASE: `80 54 01 00 0F termseq date time MAC1 08`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debit {
    /// The terminal's sequence number.
    pub terminal_sequence: u32,
    /// Date and time, the terminal's.
    pub at: DateTime,
    /// MAC1, of the terminal's module.
    pub mac1: Code,
}

command! {
    Debit: "DEBIT FOR PURCHASE", "消费", 0x54, [0x80] -> DebitAnswer;
    status {
        MAC_INVALID => "MAC1 is wrong; nothing changed", "MAC1 无效";
    }
    read |c| {
        fixed::<Self>(c, [1, 0], "01 and 00")?;
        let data = exactly::<Self, 15>(c, "terminal sequence, date, time, MAC1: 0F bytes")?;
        let DebitData { terminal_sequence, at, mac1 } =
            DebitData::decode(&data).expect("fifteen bytes of any content");
        Ok(Self { terminal_sequence, at, mac1 })
    }
    write |s| {
        let data = [&s.terminal_sequence.to_be_bytes()[..], &s.at.0, &s.mac1].concat();
        Command::new(0x80, Self::INS, 1, 0).with_data(data).with_le(8)
    }
    answer |data| { DebitAnswer::decode(data) }
}

/// UPDATE CAPP DATA CACHE (更新复合应用数据缓存): `80 DC P1 (SFI*8) Lc data`.
///
/// CONFLICT: P1 is the record's number in some implementations and the low byte of its id in
/// others; for both known records they coincide. 00 appends to a cyclic file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateCache {
    /// The file.
    pub sfi: Sfi,
    /// Record number or low byte of the record id.
    pub record: u8,
    /// The whole record.
    pub data: Vec<u8>,
}

command! {
    UpdateCache: "UPDATE CAPP DATA CACHE", "更新复合应用数据缓存", 0xDC, [0x80] -> ();
    status {
        NOT_FOUND => "no such file, or it is no part of composite purchases",
            "未找到文件，或文件不属于复合应用";
        RECORD_NOT_FOUND => "no such record", "未找到记录";
        WRONG_DATA => "id or length byte disagree with the record", "记录标识或长度不符";
        NO_ROOM => "the cache is full", "缓存空间不足";
    }
    read |c| {
        if c.p2 & 7 != 0 {
            return Err(parameters::<Self>(c, "a record, and SFI * 8"));
        }
        let sfi = Sfi::new(c.p2 >> 3);
        if c.data.is_empty() {
            return Err(length::<Self>(c, "a record"));
        }
        Ok(Self { sfi, record: c.p1, data: c.data.clone() })
    }
    write |s| {
        Command::new(0x80, Self::INS, s.record, s.sfi.get() << 3).with_data(s.data.clone())
    }
    answer |data| { nothing::<Self>(data) }
}

/// GET TRANSACTION PROVE (取交易认证): `80 5A 00 type 02 sequence 08`.
///
/// The sequence is what INITIALIZE answered, plus one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetProof {
    /// Transaction type.
    pub kind: Kind,
    /// Sequence number after the transaction.
    pub sequence: u16,
}

command! {
    GetProof: "GET TRANSACTION PROVE", "取交易认证", 0x5A, [0x80] -> Proof;
    status {
        NO_PROOF => "no such transaction, or not the last one", "所需 MAC 或 TAC 不可用";
    }
    read |c| {
        if c.p1 != 0 {
            return Err(parameters::<Self>(c, "00 and a transaction type"));
        }
        let sequence = exactly::<Self, 2>(c, "a sequence number: 02 bytes")?;
        Ok(Self { kind: Kind(c.p2), sequence: u16::from_be_bytes(sequence) })
    }
    write |s| {
        Command::new(0x80, Self::INS, 0, s.kind.0)
            .with_data(s.sequence.to_be_bytes())
            .with_le(8)
    }
    answer |data| { Proof::decode(data) }
}
