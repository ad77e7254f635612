//! The records of the purse's files, as tables.
//!
//! Certainty: the standard's text (JT/T 978.2) could not be read; offsets come from several
//! public implementations that agree with each other and with real cards.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_codec::{Be, Raw, record};

use crate::field::{
    Amount, Balance, BusState, CardKind, City, Date, DateTime, Direction, Industry, Institution,
    Kind, Limit, LockFlag, Personal, Purse, RailState, RideFlag, Serial, Terminal, Terminal8,
    TripKind,
};

record! {
    /// Public application basic data (公共应用基本信息), file 0x15; also `9F0C` of the FCI.
    ///
    /// CONFLICT: byte 9 is a version in some places and an enable flag in others; 01 is good,
    /// FF means not in use, and readers should warn of anything else.
    pub struct PublicInfo: 30 {
        [0..8] issuer: Institution as Purse, Impl, "issuer identifier", "发卡机构标识";
        [8..9] application_type: u8 as Be, Impl, "application type, 02", "应用类型标识";
        [9..10] application_version: u8 as Be, Impl,
            "application version or enable flag, 01", "应用版本";
        [10..20] serial: Serial as Purse, Impl, "application serial number", "应用序列号";
        [20..24] starts: Date as Purse, Impl, "application start date", "应用启用日期";
        [24..28] expires: Date as Purse, Impl, "application expiry date", "应用有效日期";
        [28..30] issuer_data: [u8; 2] as Raw, Impl, "issuer's own data", "发卡机构自定义";
    }
}

record! {
    /// Holder data (持卡人基本信息), file 0x16.
    pub struct HolderInfo: 55 {
        [0..1] card_type: u8 as Be, Impl, "card type", "卡类型标识";
        [1..2] employee: u8 as Be, Impl, "employee flag", "本行职工标识";
        [2..22] name: Personal<20> as Purse, Impl, "name, GBK", "持卡人姓名";
        [22..54] identity: Personal<32> as Purse, Impl, "identity document number", "证件号码";
        [54..55] identity_kind: u8 as Be, Impl, "kind of identity document", "证件类型";
    }
}

record! {
    /// Management data (管理信息), file 0x17.
    pub struct TransitInfo: 60 {
        [0..4] country: [u8; 4] as Raw, Impl, "country, 00000156", "国家代码";
        [4..6] province: City as Purse, Impl, "province", "省级代码";
        [6..8] city: City as Purse, Impl, "city", "城市代码";
        [8..10] interop: u16 as Be, Impl,
            "interoperability class: 0000 no, 0001 yes", "互通卡种";
        [10..11] kind: CardKind as Purse, Impl, "card kind", "卡种类型";
        [11..60] reserved: [u8; 49] as Raw, Impl, "reserved", "预留";
    }
}

record! {
    /// Transaction detail (交易明细), a record of file 0x18.
    ///
    /// The sequence is the value after the transaction: what INITIALIZE answered, plus one.
    pub struct Transaction: 23 {
        [0..2] sequence: u16 as Be, Impl,
            "online or offline sequence number", "联机或脱机交易序号";
        [2..5] overdraft: Limit as Purse, Impl, "overdraft limit", "透支限额";
        [5..9] amount: Amount as Purse, Impl, "amount", "交易金额";
        [9..10] kind: Kind as Purse, Impl, "transaction type", "交易类型标识";
        [10..16] terminal: Terminal as Purse, Impl, "terminal number", "终端机编号";
        [16..23] at: DateTime as Purse, Impl, "date and time", "交易日期时间";
    }
}

record! {
    /// Rail composite record (轨道复合消费记录), id 2701, record 1 of file 0x1A.
    pub struct RailRecord: 128 {
        [0..2] id: [u8; 2] as Raw, Impl, "record id, 2701", "记录标识";
        [2..3] length: u8 as Be, Impl, "bytes that follow, 7D", "记录长度";
        [3..4] valid: u8 as Be, Impl, "valid flag, 01", "应用有效标识";
        [4..5] flag: RideFlag as Purse, Impl, "transaction flag", "互联互通交易标识";
        [5..6] lock: LockFlag as Purse, Impl, "application lock flag", "互联互通应用锁定标志";
        [6..14] serial: [u8; 8] as Raw, Impl, "transaction serial", "交易流水号";
        [14..15] state: RailState as Purse, Impl, "state", "交易状态";
        [15..17] entry_city: City as Purse, Impl, "entry city", "进站城市代码";
        [17..19] exit_city: City as Purse, Impl, "exit city", "出站城市代码";
        [19..27] entry_institution: Institution as Purse, Impl,
            "entry institution", "进站机构标识";
        [27..35] exit_institution: Institution as Purse, Impl, "exit institution", "出站机构标识";
        [35..43] entry_station: [u8; 8] as Raw, Impl, "entry station", "进站站点";
        [43..51] exit_station: [u8; 8] as Raw, Impl, "exit station", "出站站点";
        [51..59] entry_terminal: Terminal8 as Purse, Impl, "entry terminal", "进站终端编号";
        [59..67] exit_terminal: Terminal8 as Purse, Impl, "exit terminal", "出站终端编号";
        [67..74] entry_at: DateTime as Purse, Impl, "entry time", "进站时间";
        [74..81] exit_at: DateTime as Purse, Impl, "exit time", "出站时间";
        [81..85] marked: Amount as Purse, Impl,
            "marked amount, for fare-evasion recovery", "标注金额";
        [85..86] entry_line: u8 as Be, Impl, "entry line", "进站线路";
        [86..87] exit_line: u8 as Be, Impl, "exit line", "出站线路";
        [87..91] entry_amount: Amount as Purse, Impl, "amount at entry", "进站金额";
        [91..95] entry_balance: Balance as Purse, Impl, "balance at entry", "进站时余额";
        [95..99] exit_amount: Amount as Purse, Impl, "amount at exit", "出站实际金额";
        [99..128] own: [u8; 29] as Raw, Impl, "city's own, or reserved", "城市自定义或预留";
    }
}

record! {
    /// What Shanghai keeps in bytes 99..128 of its rail record.
    ///
    /// The CRC-32 covers bytes 6..124 of the record; no other issuer has it, so it is asked of
    /// nobody else.
    pub struct ShanghaiTail: 29 {
        [0..7] last_at: DateTime as Purse, Impl, "last time", "上次交易时间";
        [7..11] last_device: [u8; 4] as Raw, Impl, "last device", "上次设备";
        [11..14] sum: Limit as Purse, Impl, "accumulated amount", "累计金额";
        [14..16] count: u16 as Be, Impl, "accumulated count", "累计次数";
        [16..21] transfer: [u8; 5] as Raw, Impl, "transfer data", "换乘信息";
        [21..22] entry_flag: u8 as Be, Impl, "entry flag", "进站标志";
        [22..23] exit_flag: u8 as Be, Impl, "exit flag", "出站标志";
        [23..24] inside: u8 as Be, Impl, "55 inside, 66 outside", "进出标志";
        [24..25] reserved: u8 as Be, Impl, "reserved", "预留";
        [25..29] crc: u32 as Be, Impl, "CRC-32 over bytes 6..124", "校验码";
    }
}

record! {
    /// Bus composite record (公交复合消费记录), id 2702, record 2 of file 0x1A.
    pub struct BusRecord: 128 {
        [0..2] id: [u8; 2] as Raw, Impl, "record id, 2702", "记录标识";
        [2..3] length: u8 as Be, Impl, "bytes that follow, 7D", "记录长度";
        [3..4] valid: u8 as Be, Impl, "valid flag, 01", "应用有效标识";
        [4..5] flag: RideFlag as Purse, Impl, "transaction flag", "互联互通交易标识";
        [5..6] lock: LockFlag as Purse, Impl, "application lock flag", "互联互通应用锁定标志";
        [6..14] serial: [u8; 8] as Raw, Impl, "transaction serial", "交易流水号";
        [14..15] state: BusState as Purse, Impl, "state", "交易状态";
        [15..17] on_city: City as Purse, Impl, "boarding city", "上车城市代码";
        [17..25] on_institution: Institution as Purse, Impl,
            "boarding institution", "上车机构标识";
        [25..27] on_operator: [u8; 2] as Raw, Impl, "boarding operator", "上车运营商代码";
        [27..29] on_line: [u8; 2] as Raw, Impl, "boarding line", "上车线路号";
        [29..30] on_station: u8 as Be, Impl, "boarding station", "上车站点";
        [30..38] on_vehicle: [u8; 8] as Raw, Impl, "boarding vehicle", "上车车辆号";
        [38..46] on_terminal: Terminal8 as Purse, Impl, "boarding terminal", "上车终端编号";
        [46..53] on_at: DateTime as Purse, Impl, "boarding time", "上车时间";
        [53..57] marked: Amount as Purse, Impl, "marked amount", "标注金额";
        [57..58] direction: Direction as Purse, Impl, "direction", "方向标识";
        [58..60] off_city: City as Purse, Impl, "alighting city", "下车城市代码";
        [60..68] off_institution: Institution as Purse, Impl,
            "alighting institution", "下车机构标识";
        [68..70] off_operator: [u8; 2] as Raw, Impl, "alighting operator", "下车运营商代码";
        [70..72] off_line: [u8; 2] as Raw, Impl, "alighting line", "下车线路号";
        [72..73] off_station: u8 as Be, Impl, "alighting station", "下车站点";
        [73..81] off_vehicle: [u8; 8] as Raw, Impl, "alighting vehicle", "下车车辆号";
        [81..89] off_terminal: Terminal8 as Purse, Impl, "alighting terminal", "下车终端编号";
        [89..96] off_at: DateTime as Purse, Impl, "alighting time", "下车时间";
        [96..100] amount: Amount as Purse, Impl, "amount", "交易金额";
        [100..102] mileage: u16 as Be, Impl, "mileage", "里程";
        [102..128] own: [u8; 26] as Raw, Impl, "city's own, or reserved", "城市自定义或预留";
    }
}

record! {
    /// Trip record (复合消费/乘车明细), a record of file 0x1E.
    pub struct Trip: 48 {
        [0..1] kind: TripKind as Purse, Impl, "trip type", "交易类型";
        [1..9] terminal: Terminal8 as Purse, Impl, "terminal number", "终端编号";
        [9..10] industry: Industry as Purse, Impl, "industry", "行业代码";
        [10..12] line: [u8; 2] as Raw, Impl, "line", "线路";
        [12..14] station: [u8; 2] as Raw, Impl, "station", "站点";
        [14..16] operator: [u8; 2] as Raw, Impl, "operator", "运营商代码";
        [16..17] reserved: u8 as Be, Impl, "reserved", "预留";
        [17..21] amount: Amount as Purse, Impl, "amount", "交易金额";
        [21..25] balance: Balance as Purse, Impl, "balance after", "交易后余额";
        [25..32] at: DateTime as Purse, Impl, "date and time", "交易日期时间";
        [32..34] city: City as Purse, Impl, "acceptor city", "受理方城市代码";
        [34..42] institution: Institution as Purse, Impl,
            "acceptor institution", "受理方机构标识";
        [42..48] own: [u8; 6] as Raw, Impl, "reserved or the city's own", "预留";
    }
}

record! {
    /// Sums and last ride (累计与换乘记录), record 1 of file 0x19 on cards of a city that keeps
    /// them so.
    ///
    /// UNSPECIFIED: the file is the city's own (地方预留) and the nation says nothing of it; every
    /// city seen has a form of its own, and this one is ours. A counter has the day of the last
    /// ride that it counted, in days since 1970 in China, from which its period follows; a ride
    /// is none where `mode` is zero. The check is the low half of the CRC-32 over bytes 0..46.
    pub struct LocalHistory: 48 {
        [0..1] id: u8 as Be, Ours, "record id, 01", "记录标识";
        [1..2] length: u8 as Be, Ours, "bytes that follow, 2E", "记录长度";
        [2..4] mark: [u8; 2] as Raw, Ours, "whose form it is, TT", "格式标识";
        [4..5] version: u8 as Be, Ours, "version of the form, 01", "格式版本";
        [5..7] city: City as Purse, Ours, "city whose rides they are", "城市代码";
        [7..9] day_1: u16 as Be, Ours, "counter 1: day of its last ride", "累计1日期";
        [9..12] sum_1: Limit as Purse, Ours, "counter 1: fen, or rides", "累计1";
        [12..14] day_2: u16 as Be, Ours, "counter 2: day of its last ride", "累计2日期";
        [14..17] sum_2: Limit as Purse, Ours, "counter 2: fen, or rides", "累计2";
        [17..19] day_3: u16 as Be, Ours, "counter 3: day of its last ride", "累计3日期";
        [19..22] sum_3: Limit as Purse, Ours, "counter 3: fen, or rides", "累计3";
        [22..24] day_4: u16 as Be, Ours, "counter 4: day of its last ride", "累计4日期";
        [24..27] sum_4: Limit as Purse, Ours, "counter 4: fen, or rides", "累计4";
        [27..33] line: [u8; 6] as Raw, Ours, "last ride: line or network, letters", "上次线路";
        [33..34] mode: u8 as Be, Ours,
            "last ride: mode in the high half, direction in the low", "上次方式与方向";
        [34..38] paid_at: u32 as Be, Ours, "last ride: paid, Unix seconds", "上次付费时间";
        [38..40] rode_s: u16 as Be, Ours, "last ride: seconds to the payment", "上次乘车时长";
        [40..42] chain_s: u16 as Be, Ours,
            "seconds from the first ride of its transfers to the payment", "换乘链时长";
        [42..45] paid: Limit as Purse, Ours, "last ride: what was paid", "上次实付";
        [45..46] chain: u8 as Be, Ours, "transfers of its chain", "换乘次数";
        [46..48] check: u16 as Be, Ours, "check", "校验码";
    }
}

/// The tables of files and records, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[
    PublicInfo::SPEC,
    HolderInfo::SPEC,
    TransitInfo::SPEC,
    Transaction::SPEC,
    RailRecord::SPEC,
    ShanghaiTail::SPEC,
    BusRecord::SPEC,
    Trip::SPEC,
    LocalHistory::SPEC,
];

/// The tables of commands, answers and personalisation, for the documents.
pub const COMMAND_SPECS: &[tongtu_codec::RecordSpec] = &[
    crate::command::InitData::SPEC,
    crate::command::LoadInit::SPEC,
    crate::command::PurchaseInit::SPEC,
    crate::command::HostMac::SPEC,
    crate::command::DebitData::SPEC,
    crate::command::DebitAnswer::SPEC,
    crate::command::Proof::SPEC,
    crate::profile::Settings::SPEC,
];

/// Record id of the rail record.
pub const RAIL_ID: [u8; 2] = [0x27, 0x01];
/// Record id of the bus record.
pub const BUS_ID: [u8; 2] = [0x27, 0x02];
/// A third record id, seen in configurations of terminal tests; its use is not known.
pub const TEST_ID: [u8; 2] = [0x27, 0x03];

impl Trip {
    /// The city it happened in: its own field, or the institution's where that is a code of
    /// the acquirer's own.
    #[must_use]
    pub fn place(&self) -> City {
        match self.city.name() {
            Some(_) => self.city,
            None => self.institution.city(),
        }
    }
}

impl RailRecord {
    /// Whether the CRC of a Shanghai record is right; `bytes` is the whole record.
    #[must_use]
    pub fn shanghai_crc_holds(bytes: &[u8; 128]) -> bool {
        let stated = u32::from_be_bytes([bytes[124], bytes[125], bytes[126], bytes[127]]);
        crc32fast::hash(&bytes[6..124]) == stated
    }

    /// Writes the CRC of a Shanghai record into its last four bytes.
    pub fn put_shanghai_crc(bytes: &mut [u8; 128]) {
        let crc = crc32fast::hash(&bytes[6..124]);
        bytes[124..].copy_from_slice(&crc.to_be_bytes());
    }
}

impl LocalHistory {
    const ID: u8 = 0x01;
    const MARK: [u8; 2] = *b"TT";
    const VERSION: u8 = 1;

    /// A record of a city in which nothing was ridden yet.
    #[must_use]
    pub fn blank(city: City) -> Self {
        Self {
            id: Self::ID,
            length: 0x2E,
            mark: Self::MARK,
            version: Self::VERSION,
            city,
            day_1: 0,
            sum_1: Limit::ZERO,
            day_2: 0,
            sum_2: Limit::ZERO,
            day_3: 0,
            sum_3: Limit::ZERO,
            day_4: 0,
            sum_4: Limit::ZERO,
            line: [0; 6],
            mode: 0,
            paid_at: 0,
            rode_s: 0,
            chain_s: 0,
            paid: Limit::ZERO,
            chain: 0,
            check: 0,
        }
    }

    /// Reads record 1 of file 0x19 for a city: what was kept there, or nothing yet where it is
    /// blank or spoilt. None where it is of another form or another city, and not ours to write.
    #[must_use]
    pub fn of_city(city: City, bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let is_blank = bytes[..2] == [Self::ID, 0x2E] && bytes[2..].iter().all(|b| *b == 0);
        if is_blank || bytes.iter().all(|byte| *byte == 0) {
            return Some(Self::blank(city));
        }
        let kept = Self::decode(bytes).ok()?;
        let is_ours = (kept.id, kept.mark, kept.version) == (Self::ID, Self::MARK, Self::VERSION);
        if !is_ours || kept.city != city {
            return None;
        }
        let holds = kept.check == Self::check_of(bytes);
        Some(if holds { kept } else { Self::blank(city) })
    }

    /// The 48 bytes, with their check.
    #[must_use]
    pub fn sealed(&self) -> Vec<u8> {
        let mut bytes = self.encode().expect("every field is as wide as its value");
        let whole: &[u8; Self::LEN] = bytes[..].try_into().expect("the table is so long");
        let check = Self::check_of(whole);
        bytes[Self::LEN - 2..].copy_from_slice(&check.to_be_bytes());
        bytes
    }

    fn check_of(bytes: &[u8; Self::LEN]) -> u16 {
        let [.., high, low] = crc32fast::hash(&bytes[..Self::LEN - 2]).to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

/// A composite record of either known kind, or the bytes of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Composite {
    /// Rail, 2701.
    Rail(Box<RailRecord>),
    /// Bus, 2702.
    Bus(Box<BusRecord>),
    /// Another id or length.
    Other(Vec<u8>),
}

impl Composite {
    /// Reads a record of file 0x1A by its id; what is neither stays bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        if bytes.starts_with(&RAIL_ID)
            && let Ok(rail) = RailRecord::decode(bytes)
        {
            return Self::Rail(rail.into());
        }
        if bytes.starts_with(&BUS_ID)
            && let Ok(bus) = BusRecord::decode(bytes)
        {
            return Self::Bus(bus.into());
        }
        Self::Other(bytes.to_vec())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Rail(rail) => rail.encode().expect("every field is as wide as its value"),
            Self::Bus(bus) => bus.encode().expect("every field is as wide as its value"),
            Self::Other(bytes) => bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CITY: City = City([0x58, 0x10]);

    proptest! {
        #[test]
        fn what_was_sealed_is_read_again_and_a_spoilt_one_begins_anew(
            sums: [u8; 20],
            last: [u8; 19],
            at in 7..LocalHistory::LEN,
            bit in 0..8u8,
        ) {
            let mut bytes = LocalHistory::blank(CITY).encode().expect("as wide");
            bytes[7..27].copy_from_slice(&sums);
            bytes[27..46].copy_from_slice(&last);
            let kept = LocalHistory::decode(&bytes).expect("any content");
            let mut sealed = kept.sealed();
            let read = LocalHistory::of_city(CITY, &sealed).expect("ours");
            prop_assert_eq!(LocalHistory { check: 0, ..read }, kept);
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(LocalHistory::of_city(CITY, &sealed), Some(LocalHistory::blank(CITY)));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = LocalHistory::of_city(CITY, &bytes);
        }
    }

    #[test]
    fn a_blank_record_is_free_and_one_of_another_form_or_city_is_not_ours() {
        let mut blank = [0; 48];
        assert!(LocalHistory::of_city(CITY, &blank).is_some());
        blank[..2].copy_from_slice(&[0x01, 0x2E]);
        assert!(LocalHistory::of_city(CITY, &blank).is_some());
        let elsewhere = LocalHistory::blank(City([0x10, 0x00])).sealed();
        assert_eq!(LocalHistory::of_city(CITY, &elsewhere), None);
        // As the cards of some cities keep year, month and rides.
        blank[3..8].copy_from_slice(&[0x25, 0x06, 0, 1, 1]);
        assert_eq!(LocalHistory::of_city(CITY, &blank), None);
        assert_eq!(LocalHistory::of_city(CITY, &blank[..47]), None);
    }
}
