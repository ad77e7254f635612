//! Numbers that name things: cards and accounts, terminals, records, lines, stations.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::digits::Chars;
use crate::institution::plain_text;
use crate::{InstitutionCode, Timestamp, ValueError};

/// A card number (卡号), or the virtual card number of a ride-code account (用户账户号).
///
/// Form: 1 to 20 digits; a T-Union number has 19. A single leading zero of a 20-digit form
/// is not part of the number. No check digit is verified: real numbers do not all satisfy one.
/// `Display` and `Debug` mask the middle; [`CardNumber::reveal`] shows all.
/// Source: QR annex field table (用户账户号).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardNumber(Chars<20>);

impl CardNumber {
    /// Parses 1 to 20 digits; of exactly 20, one leading zero is dropped.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that is not a digit.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = if text.len() == 20 {
            text.strip_prefix('0').unwrap_or(text)
        } else {
            text
        };
        Chars::parse(
            "card number",
            text.as_bytes(),
            1..=20,
            "1 to 20 digits",
            |b| b.is_ascii_digit(),
        )
        .map(Self)
    }

    /// All digits. Not for logs.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.reveal();
        if digits.len() < 12 {
            return write!(f, "****{}", &digits[digits.len().saturating_sub(2)..]);
        }
        write!(f, "{}****{}", &digits[..6], &digits[digits.len() - 4..])
    }
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CardNumber {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

/// A terminal number (终端机编号): 12 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TerminalNumber(Chars<12>);

impl TerminalNumber {
    /// Parses 12 digits.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that is not a digit.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        Chars::parse(
            "terminal number",
            text.as_bytes(),
            12..=12,
            "12 digits",
            |b| b.is_ascii_digit(),
        )
        .map(Self)
    }

    /// The 12 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

macro_rules! short_code {
    ($(#[$doc:meta])* $t:ident, $what:literal, $n:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $t(Chars<$n>);

        impl $t {
            #[doc = concat!("Parses 1 to ", $n, " printable ASCII characters without a space at either end.")]
            ///
            /// # Errors
            /// [`ValueError`] naming the length or the first character that does not belong.
            pub fn parse(text: &str) -> Result<Self, ValueError> {
                const EXPECTED: &str = concat!("1 to ", $n, " letters, digits or marks");
                Chars::parse($what, text.as_bytes(), 1..=$n, EXPECTED, |b| b.is_ascii_graphic())
                    .map(Self)
            }

            /// The characters.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        plain_text!($t);
    };
}

short_code! {
    /// A line code (线路): up to six characters, as the ride record has room for.
    LineCode, "line code", 6
}
short_code! {
    /// A station or stop code (站点): up to eight characters.
    StationCode, "station code", 8
}
short_code! {
    /// A vehicle code (车辆): up to six characters.
    VehicleCode, "vehicle code", 6
}

/// A ride record's id: acquirer 8, type 4, terminal 12, China time 14, sequence 5.
///
/// Form: 43 digits. Unique for all time: the terminal's clock and its persistent sequence
/// are both in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(Chars<43>);

/// The record type inside a [`RecordId`] of a ride by code.
///
/// UNSPECIFIED: records seen carry `0001`; we read it as "ride by code".
const RECORD_TYPE_RIDE_CODE: &str = "0001";
/// The record type of a ride by card or by face (ours).
const RECORD_TYPE_TAP: &str = "0002";

impl RecordId {
    /// Composes the id of one ride record.
    ///
    /// `sequence` is the terminal's persistent record counter; its last five digits are used.
    #[must_use]
    pub fn compose(
        acquirer: InstitutionCode,
        terminal: TerminalNumber,
        at: Timestamp,
        sequence: u64,
    ) -> Self {
        Self::of_type(RECORD_TYPE_RIDE_CODE, acquirer, terminal, at, sequence)
    }

    /// Composes the id of the record of a ride by card or by face.
    ///
    /// `sequence` is the number that the terminal's module gave, or the terminal's own counter.
    #[must_use]
    pub fn compose_tap(
        acquirer: InstitutionCode,
        terminal: TerminalNumber,
        at: Timestamp,
        sequence: u64,
    ) -> Self {
        Self::of_type(RECORD_TYPE_TAP, acquirer, terminal, at, sequence)
    }

    fn of_type(
        record_type: &str,
        acquirer: InstitutionCode,
        terminal: TerminalNumber,
        at: Timestamp,
        sequence: u64,
    ) -> Self {
        let time = at.china().compact();
        let text: String = alloc::format!(
            "{acquirer}{record_type}{terminal}{time}{:05}",
            sequence % 100_000
        );
        Self::parse(&text).expect("8 + 4 + 12 + 14 + 5 digits")
    }

    /// Parses 43 digits.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that is not a digit.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        Chars::parse("record id", text.as_bytes(), 43..=43, "43 digits", |b| {
            b.is_ascii_digit()
        })
        .map(Self)
    }

    /// The 43 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The acquirer that the id names.
    #[must_use]
    pub fn acquirer(&self) -> InstitutionCode {
        InstitutionCode::parse(&self.as_str()[..8]).expect("digits")
    }

    /// The terminal that the id names.
    #[must_use]
    pub fn terminal(&self) -> TerminalNumber {
        TerminalNumber::parse(&self.as_str()[12..24]).expect("digits")
    }
}

plain_text!(TerminalNumber);
plain_text!(RecordId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_the_middle() {
        let card = CardNumber::parse("03104100000000000017").unwrap();
        assert_eq!(card.reveal(), "3104100000000000017");
        assert_eq!(
            alloc::format!("{card} {card:?}"),
            "310410****0017 310410****0017"
        );
    }

    #[test]
    fn composes_and_parses_a_record_id() {
        let id = RecordId::compose(
            InstitutionCode::parse("11341000").unwrap(),
            TerminalNumber::parse("100000000001").unwrap(),
            Timestamp::new(1_767_254_400),
            100_007,
        );
        assert_eq!(id.as_str(), "1134100000011000000000012026010116000000007");
        assert_eq!(id.acquirer().as_str(), "11341000");
        assert_eq!(id.terminal().as_str(), "100000000001");
    }
}
