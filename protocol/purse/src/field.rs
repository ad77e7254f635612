//! The values of purse files and commands, and how they lie in bytes.
//!
//! What is here: amounts, dates, numbers and codes as a card carries them. Real cards hold
//! blank and unknown contents everywhere, so every byte string of the right length is such a
//! value and is written back as it was; what it means is asked afterwards.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;

use tongtu_codec::{Encoding, FieldError, hex_encode};
use tongtu_types::{CardNumber, CityCode, Fen, Timestamp};

/// An amount as a card carries it: 0 to 2³²-1 fen.
///
/// Form: 4 bytes, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u32);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many fen.
    #[must_use]
    pub const fn new(fen: u32) -> Self {
        Self(fen)
    }

    /// The number of fen.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// As money.
    #[must_use]
    pub fn fen(self) -> Fen {
        Fen::new(i64::from(self.0))
    }

    /// From money, if it is neither negative nor too large.
    #[must_use]
    pub fn from_fen(fen: Fen) -> Option<Self> {
        u32::try_from(fen.get()).ok().map(Self)
    }

    /// The 4 bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fen(), f)
    }
}

/// An overdraft limit (透支限额): 0 to 2²⁴-1 fen.
///
/// Form: 3 bytes, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Limit(u32);

impl Limit {
    /// No overdraft.
    pub const ZERO: Self = Self(0);

    /// So many fen, if they fit 3 bytes.
    #[must_use]
    pub const fn new(fen: u32) -> Option<Self> {
        if fen > 0x00FF_FFFF {
            None
        } else {
            Some(Self(fen))
        }
    }

    /// As money.
    #[must_use]
    pub fn fen(self) -> Fen {
        Fen::new(i64::from(self.0))
    }

    /// The 3 bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// From 3 bytes.
    #[must_use]
    pub const fn from_bytes([a, b, c]: [u8; 3]) -> Self {
        Self(u32::from_be_bytes([0, a, b, c]))
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fen(), f)
    }
}

/// A balance (余额) as a card answers it, 4 bytes that enter MACs as they are.
///
/// UNSPECIFIED: some cards set the top bit in overdraft, and readers mask it for display. We
/// read and write such a balance as its magnitude below zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Balance([u8; 4]);

impl Balance {
    const OVERDRAWN: u32 = 0x8000_0000;

    /// The bytes as they travel.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        self.0
    }

    /// From the bytes as they travel.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The money there is; below zero in overdraft.
    #[must_use]
    pub fn fen(self) -> Fen {
        let value = u32::from_be_bytes(self.0);
        let magnitude = i64::from(value & !Self::OVERDRAWN);
        Fen::new(if value & Self::OVERDRAWN == 0 {
            magnitude
        } else {
            -magnitude
        })
    }

    /// A balance of so much money, if its magnitude fits 31 bits.
    #[must_use]
    pub fn from_fen(fen: Fen) -> Option<Self> {
        let magnitude = u32::try_from(fen.get().unsigned_abs()).ok()?;
        if magnitude & Self::OVERDRAWN != 0 {
            return None;
        }
        let sign = if fen.get() < 0 { Self::OVERDRAWN } else { 0 };
        Some(Self((magnitude | sign).to_be_bytes()))
    }
}

impl fmt::Debug for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.fen(), f)
    }
}

/// A date `YYYYMMDD` as 4 bytes BCD; blank and impossible ones stay what they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(pub [u8; 4]);

/// A date and a time `YYYYMMDDhhmmss` as 7 bytes BCD.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DateTime(pub [u8; 7]);

fn digits(bytes: &[u8]) -> Option<String> {
    let text = hex_encode(bytes);
    text.bytes().all(|b| b.is_ascii_digit()).then_some(text)
}

fn pack<const N: usize>(text: &str) -> [u8; N] {
    let bytes = tongtu_codec::hex_decode(text).expect("decimal digits are hex digits");
    bytes
        .try_into()
        .expect("the caller's format has 2 N digits")
}

impl Date {
    /// The day it means, if there is such a day.
    #[must_use]
    pub fn day(self) -> Option<tongtu_types::BusinessDay> {
        tongtu_types::BusinessDay::parse_compact(&digits(&self.0)?).ok()
    }

    /// The date of a day.
    #[must_use]
    pub fn of(day: tongtu_types::BusinessDay) -> Self {
        Self(pack(&day.compact()))
    }
}

impl DateTime {
    /// The date and time in China of an instant.
    #[must_use]
    pub fn of(instant: Timestamp) -> Self {
        Self(pack(&instant.china().compact()))
    }

    /// The date.
    #[must_use]
    pub const fn date(self) -> Date {
        let [a, b, c, d, ..] = self.0;
        Date([a, b, c, d])
    }

    /// The time of day, 3 bytes BCD.
    #[must_use]
    pub const fn time(self) -> [u8; 3] {
        let [.., h, m, s] = self.0;
        [h, m, s]
    }

    /// From a date and a time of day.
    #[must_use]
    pub const fn new(date: Date, time: [u8; 3]) -> Self {
        let ([a, b, c, d], [h, m, s]) = (date.0, time);
        Self([a, b, c, d, h, m, s])
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.day(), self.0) {
            (Some(day), _) => fmt::Display::fmt(&day, f),
            (None, [0, 0, 0, 0]) => f.write_str("-"),
            _ => f.write_str(&hex_encode(&self.0)),
        }
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = hex_encode(&self.time());
        match self.date().day() {
            Some(day) => write!(f, "{day} {}:{}:{}", &time[..2], &time[2..4], &time[4..]),
            None if self.0 == [0; 7] => f.write_str("-"),
            None => f.write_str(&hex_encode(&self.0)),
        }
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex_encode(&self.0).to_ascii_uppercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

opaque! {
    /// A terminal number (终端机编号) of 6 opaque bytes, usually BCD digits.
    Terminal, 6
}
opaque! {
    /// A terminal number in its 8-byte field: two zero bytes, then the six.
    Terminal8, 8
}
opaque! {
    /// An issuer, acquirer or acceptor (机构标识): operator 2, city 2, then usually `FFFFFFFF`.
    ///
    /// Compared as raw bytes; bytes 2 and 3 are the city on every card seen.
    Institution, 8
}
opaque! {
    /// A city code (城市代码), two BCD bytes.
    City, 2
}

impl From<Terminal> for Terminal8 {
    fn from(Terminal([a, b, c, d, e, f]): Terminal) -> Self {
        Self([0, 0, a, b, c, d, e, f])
    }
}

impl Terminal8 {
    /// The six bytes behind the padding.
    #[must_use]
    pub const fn number(self) -> Terminal {
        let [_, _, a, b, c, d, e, f] = self.0;
        Terminal([a, b, c, d, e, f])
    }
}

impl Institution {
    /// The city, bytes 2 and 3.
    #[must_use]
    pub const fn city(self) -> City {
        let [_, _, a, b, ..] = self.0;
        City([a, b])
    }

    /// The first four bytes, in which lists compare institutions.
    #[must_use]
    pub const fn short(self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d]
    }
}

impl City {
    /// Its code, if it is four digits.
    #[must_use]
    pub fn code(self) -> Option<CityCode> {
        CityCode::parse(&digits(&self.0)?).ok()
    }

    /// Its names, if it has any here.
    #[must_use]
    pub fn name(self) -> Option<crate::city::Name> {
        crate::city::city(self.0)
    }
}

/// The application serial number (应用序列号): `0` and the card number's 19 digits, 10 bytes.
///
/// `Debug` masks it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Serial(pub [u8; 10]);

impl Serial {
    /// The card number, if these are digits.
    #[must_use]
    pub fn card_number(self) -> Option<CardNumber> {
        CardNumber::parse(&digits(&self.0)?).ok()
    }

    /// The serial of a card number of at most 20 digits.
    #[must_use]
    pub fn of(number: &CardNumber) -> Self {
        Self(pack(&format!("{:0>20}", number.reveal())))
    }

    /// The diversification factor (分散因子): the last 16 digits.
    #[must_use]
    pub const fn factor(self) -> [u8; 8] {
        let [_, _, a, b, c, d, e, f, g, h] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.card_number() {
            Some(number) => fmt::Display::fmt(&number, f),
            None => f.write_str("Serial(not digits)"),
        }
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident {
        $($constant:ident = $value:literal, $en:literal, $zh:literal;)*
    }) => {
        $(#[$doc])*
        ///
        /// Unknown values stay what they are.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u8);

        impl $name {
            $(
                #[doc = concat!($en, " (", $zh, ").")]
                pub const $constant: Self = Self($value);
            )*

            /// Every value that has a name.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];

            /// English and Chinese name, if it has them.
            #[must_use]
            pub const fn name(self) -> Option<crate::city::Name> {
                match self.0 {
                    $($value => Some(crate::city::Name { en: $en, zh: $zh }),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => write!(f, "{:02X} {} {}", self.0, name.zh, name.en),
                    None => write!(f, "{:02X}", self.0),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

codes! {
    /// Transaction type (交易类型标识).
    Kind {
        PASSBOOK_LOAD = 0x01, "passbook load", "存折圈存";
        LOAD = 0x02, "load", "圈存";
        UNLOAD = 0x03, "unload", "圈提";
        WITHDRAWAL = 0x04, "passbook withdrawal", "存折取款";
        PASSBOOK_PURCHASE = 0x05, "passbook purchase", "存折消费";
        PURCHASE = 0x06, "purchase", "消费";
        OVERDRAFT_CHANGE = 0x07, "overdraft limit changed", "修改透支限额";
        CREDIT_PURCHASE = 0x08, "credit purchase", "信用消费";
        COMPOSITE = 0x09, "composite purchase", "复合消费";
    }
}
codes! {
    /// Trip type (行程类型), first byte of a trip record.
    TripKind {
        INITIAL = 0x00, "blank", "初始";
        CASH_ENTRY = 0x01, "e-cash entry", "电子现金进站";
        CASH_EXIT = 0x02, "e-cash exit", "电子现金出站";
        ENTRY = 0x03, "entry", "进站";
        EXIT = 0x04, "exit", "出站";
        CASH_SINGLE = 0x05, "e-cash single fare", "电子现金一票制";
        SINGLE = 0x06, "single fare", "一票制";
        CASH_MAKE_UP = 0x07, "e-cash make-up", "电子现金补登";
        MAKE_UP = 0x08, "make-up", "补登";
        CASH_TOP_UP = 0x09, "e-cash top-up", "电子现金充值";
        TOP_UP = 0x0A, "top-up", "充值";
        LOCK = 0x12, "locked", "锁卡";
    }
}
codes! {
    /// Industry (行业) of a trip.
    ///
    /// CONFLICT: one tool takes 01 for bus; every dump and three implementations say rail.
    Industry {
        RAIL = 0x01, "rail", "轨道交通";
        BUS = 0x02, "bus", "公共汽电车";
        FERRY = 0x03, "urban ferry", "城市轮渡";
        TAXI = 0x04, "taxi", "出租车";
        CAR_RENTAL = 0x05, "car rental", "汽车租赁";
        BICYCLE = 0x06, "public bicycle", "公共自行车";
        PARKING = 0x07, "parking", "停车";
        COACH = 0x08, "coach", "长途客运";
        SHIP = 0x09, "ship", "水路客运";
        HIGH_SPEED = 0x0A, "high-speed rail", "高铁";
        AVIATION = 0x0B, "aviation", "民航";
        TOLL = 0x0C, "expressway toll", "高速公路收费";
        SUBURBAN = 0x0E, "suburban rail", "市郊铁路";
    }
}
codes! {
    /// Card kind (卡种类型).
    CardKind {
        UNSTATED = 0x00, "not stated", "未说明";
        ORDINARY = 0x01, "ordinary", "普通卡";
        STUDENT = 0x02, "student", "学生卡";
        ELDER = 0x03, "elder", "老人卡";
        TEST = 0x04, "test", "测试卡";
        MILITARY = 0x05, "military", "军人卡";
    }
}
codes! {
    /// State of a rail record (轨道交通状态).
    RailState {
        INITIAL = 0x00, "blank", "初始";
        ENTERED = 0x01, "entered", "已进站";
        EXITED = 0x02, "exited", "已出站";
        ENTRY_UPDATED = 0x03, "entry updated", "进站更新";
        EXIT_UPDATED = 0x04, "exit updated", "出站更新";
    }
}
codes! {
    /// State of a bus record (公交状态).
    BusState {
        INITIAL = 0x00, "blank", "初始";
        ON_BOARD = 0x01, "on board", "已上车";
        ALIGHTED = 0x02, "alighted", "已下车";
    }
}
codes! {
    /// Transaction flag (交易标识) of a composite record.
    RideFlag {
        NONE = 0x00, "none", "无";
        SEGMENTED = 0x01, "segmented", "分段";
        PRE_AUTHORISED = 0x02, "pre-authorised", "预授权";
    }
}
codes! {
    /// Application lock flag (应用锁定标志) of a composite record.
    LockFlag {
        FREE = 0x00, "free", "未锁定";
        LOCKED = 0x01, "locked", "锁定";
    }
}
codes! {
    /// Direction (方向) of a bus.
    Direction {
        UP = 0xAB, "up", "上行";
        DOWN = 0xBA, "down", "下行";
    }
}

/// How purse values lie in records: as wide as their field.
#[derive(Debug)]
pub struct Purse;

macro_rules! fixed {
    ($letter:literal: $($t:ident [$len:literal] |$v:ident| $show:expr;)*) => {$(
        impl Encoding<$t> for Purse {
            const LETTER: &'static str = $letter;

            fn decode(bytes: &[u8]) -> Result<$t, FieldError> {
                let bytes: [u8; $len] = bytes.try_into().map_err(|_| FieldError::Truncated {
                    needed: $len,
                    found: bytes.len(),
                })?;
                Ok($t(bytes))
            }

            fn encode(value: &$t, out: &mut [u8]) -> Result<(), FieldError> {
                if out.len() != $len {
                    return Err(FieldError::TooLong { needed: $len, width: out.len() });
                }
                out.copy_from_slice(&value.0);
                Ok(())
            }

            fn show($v: &$t) -> String {
                $show
            }
        }
    )*};
}

fn named(code: String, name: Option<crate::city::Name>) -> String {
    match name {
        Some(name) => format!("{code} {} {}", name.zh, name.en),
        None => code,
    }
}

fixed! { "cn":
    Date [4] |v| v.to_string();
    DateTime [7] |v| v.to_string();
    City [2] |v| named(v.to_string(), v.name());
    Serial [10] |v| v.card_number().map_or_else(|| hex_encode(&v.0), |n| n.reveal().to_string());
}
fixed! { "B":
    Terminal [6] |v| v.to_string();
    Terminal8 [8] |v| v.to_string();
    Institution [8] |v| named(v.to_string(), v.city().name());
    Balance [4] |v| v.fen().to_string();
}

impl Encoding<Amount> for Purse {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Amount, FieldError> {
        <tongtu_codec::Be as Encoding<u32>>::decode(bytes).map(Amount)
    }

    fn encode(value: &Amount, out: &mut [u8]) -> Result<(), FieldError> {
        tongtu_codec::write_be(u64::from(value.0), out)
    }

    fn show(value: &Amount) -> String {
        value.fen().to_string()
    }
}

impl Encoding<Limit> for Purse {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Limit, FieldError> {
        let bytes: [u8; 3] = bytes.try_into().map_err(|_| FieldError::Truncated {
            needed: 3,
            found: bytes.len(),
        })?;
        Ok(Limit::from_bytes(bytes))
    }

    fn encode(value: &Limit, out: &mut [u8]) -> Result<(), FieldError> {
        tongtu_codec::write_be(u64::from(value.0), out)
    }

    fn show(value: &Limit) -> String {
        value.fen().to_string()
    }
}

macro_rules! code_encoding {
    ($($t:ident),*) => {$(
        impl Encoding<$t> for Purse {
            const LETTER: &'static str = "B";

            fn decode(bytes: &[u8]) -> Result<$t, FieldError> {
                <tongtu_codec::Be as Encoding<u8>>::decode(bytes).map($t)
            }

            fn encode(value: &$t, out: &mut [u8]) -> Result<(), FieldError> {
                tongtu_codec::write_be(u64::from(value.0), out)
            }

            fn show(value: &$t) -> String {
                value.to_string()
            }
        }
    )*};
}

code_encoding!(
    Kind, TripKind, Industry, CardKind, RailState, BusState, RideFlag, LockFlag, Direction
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_balance_is_its_money_and_back(magnitude in 0u32..0x8000_0000, negative: bool) {
            let fen = i64::from(magnitude) * if negative { -1 } else { 1 };
            let balance = Balance::from_fen(Fen::new(fen)).expect("31 bits");
            prop_assert_eq!(balance.fen(), Fen::new(fen));
            prop_assert_eq!(Balance::from_bytes(balance.bytes()), balance);
        }

        #[test]
        fn dates_print_and_never_panic(bytes: [u8; 7]) {
            let _ = (DateTime(bytes).to_string(), DateTime(bytes).date().to_string());
        }
    }

    #[test]
    fn amounts_that_a_card_cannot_carry_are_none() {
        assert_eq!(Amount::from_fen(Fen::new(-1)), None);
        assert_eq!(Amount::from_fen(Fen::new(1 << 32)), None);
        assert_eq!(Limit::new(0x0100_0000), None);
        assert_eq!(Balance::from_fen(Fen::new(1 << 31)), None);
    }

    #[test]
    fn a_date_and_time_is_an_instant_in_china() {
        let at = DateTime::of(Timestamp::new(1_767_254_400));
        assert_eq!(at.0, [0x20, 0x26, 0x01, 0x01, 0x16, 0x00, 0x00]);
        assert_eq!(at.to_string(), "2026-01-01 16:00:00");
        assert_eq!(DateTime([0; 7]).to_string(), "-");
        assert_eq!(Date([0x20, 0x25, 0x02, 0x30]).to_string(), "20250230");
    }

    #[test]
    fn a_serial_hides_in_debug_and_gives_its_factor() {
        let number = CardNumber::parse("3104899999900000017").expect("19 digits");
        let serial = Serial::of(&number);
        assert_eq!(format!("{serial:?}"), "310489****0017");
        assert_eq!(hex_encode(&serial.factor()), "4899999900000017");
    }
}
