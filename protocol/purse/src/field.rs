//! The values of purse files and commands, and how they lie in bytes.
//!
//! What is here: amounts, dates, numbers and codes as a card carries them. Real cards hold
//! blank and unknown contents everywhere, so every byte string of the right length is such a
//! value and is written back as it was; what it means is asked afterwards.

use alloc::format;
use alloc::string::String;
use core::fmt;

use tongtu_codec::hex_encode;
use tongtu_types::{CardNumber, CityCode, Fen, InstitutionCode, Timestamp};

mod code;
mod encoding;

pub use code::{
    BusState, CardKind, Direction, Industry, Kind, LockFlag, RailState, RideFlag, TripKind,
};
pub use encoding::Purse;

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
/// read such a balance as its magnitude below zero.
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

/// What a file says of a person, bytes as they lie: blank or not is all that it prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Personal<const N: usize>(pub [u8; N]);

impl<const N: usize> Personal<N> {
    /// Filled with spaces, as where no holder is known.
    pub const BLANK: Self = Self([0x20; N]);

    /// Whether nothing is said: spaces, zeros or erased memory.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(|byte| matches!(byte, 0x00 | 0x20 | 0xFF))
    }
}

impl<const N: usize> fmt::Display for Personal<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_blank() { "blank" } else { "****" })
    }
}

impl<const N: usize> fmt::Debug for Personal<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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

    /// The instant that it means in China, if there is such a date and time.
    #[must_use]
    pub fn instant(self) -> Option<Timestamp> {
        let day = self.date().day()?;
        let mut seconds = 0;
        for (part, below) in self.time().into_iter().zip([24, 60, 60]) {
            let (high, low) = (i64::from(part >> 4), i64::from(part & 0x0F));
            let value = high * 10 + low;
            if high > 9 || low > 9 || value >= below {
                return None;
            }
            seconds = seconds * 60 + value;
        }
        Some(day.start_in_china().plus_s(seconds))
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
    /// The institution of eight digits, as cards carry it: `FFFFFFFF` behind them.
    #[must_use]
    pub fn of(code: InstitutionCode) -> Self {
        let [a, b, c, d] = pack(code.as_str());
        Self([a, b, c, d, 0xFF, 0xFF, 0xFF, 0xFF])
    }

    /// Its eight digits, the first four bytes, if they are digits.
    #[must_use]
    pub fn code(self) -> Option<InstitutionCode> {
        InstitutionCode::parse(&digits(&self.0[..4])?).ok()
    }

    /// The city, bytes 2 and 3.
    #[must_use]
    pub const fn city(self) -> City {
        let [_, _, a, b, ..] = self.0;
        City([a, b])
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_person_is_not_printed() {
        let name = Personal(*b"Zhang San ");
        assert_eq!(format!("{name} {name:?}"), "**** ****");
        assert_eq!(Personal::<4>::BLANK.to_string(), "blank");
    }

    proptest! {
        #[test]
        fn a_balance_keeps_its_bytes_and_its_top_bit_means_below_zero(bytes: [u8; 4]) {
            let balance = Balance::from_bytes(bytes);
            prop_assert_eq!(balance.bytes(), bytes);
            let magnitude = i64::from(u32::from_be_bytes(bytes) & 0x7FFF_FFFF);
            let signed = if bytes[0] < 0x80 { magnitude } else { -magnitude };
            prop_assert_eq!(balance.fen(), Fen::new(signed));
        }

        #[test]
        fn dates_print_and_never_panic(bytes: [u8; 7]) {
            let _ = (DateTime(bytes).to_string(), DateTime(bytes).date().to_string());
        }

        #[test]
        fn an_instant_is_that_of_its_date_and_time(unix_s in 0..4_000_000_000i64) {
            let at = Timestamp::new(unix_s);
            prop_assert_eq!(DateTime::of(at).instant(), Some(at));
        }

        #[test]
        fn no_bytes_panic(bytes: [u8; 7]) {
            let _ = DateTime(bytes).instant();
        }
    }

    #[test]
    fn amounts_that_a_card_cannot_carry_are_none() {
        assert_eq!(Balance::from_fen(Fen::new(1 << 31)), None);
        assert_eq!(Amount::from_fen(Fen::new(-1)), None);
        assert_eq!(Amount::from_fen(Fen::new(1 << 32)), None);
        assert_eq!(Limit::new(0x0100_0000), None);
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
    fn an_hour_of_25_is_no_instant() {
        let at = DateTime([0x20, 0x26, 0x01, 0x01, 0x25, 0x00, 0x00]);
        assert_eq!(at.instant(), None);
    }

    #[test]
    fn an_institution_is_its_eight_digits_and_filling() {
        let code = InstitutionCode::parse("01021000").expect("eight digits");
        let institution = Institution::of(code);
        assert_eq!(institution.to_string(), "01021000FFFFFFFF");
        assert_eq!(institution.code(), Some(code));
        assert_eq!(Institution([0xFF; 8]).code(), None);
    }

    #[test]
    fn a_serial_hides_in_debug_and_gives_its_factor() {
        let number = CardNumber::parse("3104899999900000017").expect("19 digits");
        let serial = Serial::of(&number);
        assert_eq!(format!("{serial:?}"), "310489****0017");
        assert_eq!(hex_encode(&serial.factor()), "4899999900000017");
    }
}
