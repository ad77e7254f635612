//! Encodings that only exchange files have: short days, times of day, kept text, hex amounts.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Digits, Encoding, FieldError, HexDigits, hex_decode, hex_encode};
use tongtu_types::{BusinessDay, Fen, Timestamp, ValueError};

/// A time of day, China time, as fixed-width files carry it: `hhmmss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// The beginning of the day; the time in names of files that a nightly batch makes.
    pub const MIDNIGHT: Self = Self(0);

    /// Hour 0 to 23, minute and second 0 to 59.
    #[must_use]
    pub const fn new(hour: u32, minute: u32, second: u32) -> Option<Self> {
        if hour < 24 && minute < 60 && second < 60 {
            Some(Self(hour * 3600 + minute * 60 + second))
        } else {
            None
        }
    }

    /// The time of day in China at an instant.
    #[must_use]
    pub fn of(at: Timestamp) -> Self {
        let (hour, minute, second) = at.china().hms();
        let part = |value: i64| u32::try_from(value).expect("a part of a day is 0 to 59");
        Self(part(hour) * 3600 + part(minute) * 60 + part(second))
    }

    /// Seconds since midnight.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// The instant at this time on `day`, China time.
    #[must_use]
    pub fn on(self, day: BusinessDay) -> Timestamp {
        day.start_in_china().plus_s(i64::from(self.0))
    }

    /// `hhmmss` as a number, as the files write it.
    const fn number(self) -> u32 {
        self.0 / 3600 * 10_000 + self.0 / 60 % 60 * 100 + self.0 % 60
    }
}

impl Encoding<TimeOfDay> for Digits {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<TimeOfDay, FieldError> {
        let number = <Self as Encoding<u64>>::decode(bytes)?;
        let parts = u32::try_from(number).ok();
        let time = parts.and_then(|n| TimeOfDay::new(n / 10_000, n / 100 % 100, n % 100));
        time.ok_or(FieldError::Value(ValueError::Range {
            what: "time of day",
            found: i64::try_from(number).unwrap_or(i64::MAX),
            expected: "hhmmss, 000000 to 235959",
        }))
    }

    fn encode(value: &TimeOfDay, out: &mut [u8]) -> Result<(), FieldError> {
        <Self as Encoding<u64>>::encode(&u64::from(value.number()), out)
    }

    fn show(value: &TimeOfDay) -> String {
        let number = value.number();
        alloc::format!(
            "{:02}:{:02}:{:02}",
            number / 10_000,
            number / 100 % 100,
            number % 100
        )
    }
}

/// `n6`: a day as `yymmdd`, years 2000 to 2099.
#[derive(Debug)]
pub struct ShortDay;

impl Encoding<BusinessDay> for ShortDay {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<BusinessDay, FieldError> {
        let number = <Digits as Encoding<u64>>::decode(bytes)?;
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let day = if number <= 999_999 {
            BusinessDay::from_ymd(2000 + number / 10_000, number / 100 % 100, number % 100)
        } else {
            None
        };
        day.ok_or(FieldError::Value(ValueError::Range {
            what: "day",
            found: number,
            expected: "yymmdd, a day that exists",
        }))
    }

    fn encode(value: &BusinessDay, out: &mut [u8]) -> Result<(), FieldError> {
        let (year, month, day) = value.ymd();
        let short = (2000..=2099)
            .contains(&year)
            .then(|| (year - 2000) * 10_000 + month * 100 + day)
            .and_then(|number| u64::try_from(number).ok())
            .ok_or(FieldError::Value(ValueError::Range {
                what: "year",
                found: year,
                expected: "2000 to 2099",
            }))?;
        <Digits as Encoding<u64>>::encode(&short, out)
    }

    fn show(value: &BusinessDay) -> String {
        alloc::format!("{value}")
    }
}

/// Bytes of a text line kept exactly as they came: reserved fields, fields whose use is unknown.
///
/// Anything but a line break goes in and comes out unchanged.
#[derive(Debug)]
pub struct Kept;

/// Refuses the two bytes that would end a line.
pub(crate) fn no_line_break(bytes: &[u8]) -> Result<(), FieldError> {
    match bytes.iter().position(|b| matches!(b, b'\r' | b'\n')) {
        Some(at) => Err(FieldError::Character {
            at,
            byte: bytes[at],
            expected: "no line break inside a field",
        }),
        None => Ok(()),
    }
}

impl<const N: usize> Encoding<[u8; N]> for Kept {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<[u8; N], FieldError> {
        no_line_break(bytes)?;
        bytes.try_into().map_err(|_| FieldError::Truncated {
            needed: N,
            found: bytes.len(),
        })
    }

    fn encode(value: &[u8; N], out: &mut [u8]) -> Result<(), FieldError> {
        no_line_break(value)?;
        if out.len() != N {
            return Err(FieldError::TooLong {
                needed: N,
                width: out.len(),
            });
        }
        out.copy_from_slice(value);
        Ok(())
    }

    fn show(value: &[u8; N]) -> String {
        String::from_utf8_lossy(value).trim_end_matches(' ').into()
    }
}

/// `H`: an amount in fen as visible upper-case hexadecimal digits.
#[derive(Debug)]
pub struct HexFen;

impl Encoding<Fen> for HexFen {
    const LETTER: &'static str = "H";

    fn decode(bytes: &[u8]) -> Result<Fen, FieldError> {
        let value = <HexDigits as Encoding<u64>>::decode(bytes)?;
        let value = i64::try_from(value).map_err(|_| FieldError::TooLong {
            needed: bytes.len(),
            width: 15,
        })?;
        Ok(Fen::new(value))
    }

    fn encode(value: &Fen, out: &mut [u8]) -> Result<(), FieldError> {
        let unsigned = u64::try_from(value.get()).map_err(|_| FieldError::TooLong {
            needed: out.len() + 1,
            width: out.len(),
        })?;
        <HexDigits as Encoding<u64>>::encode(&unsigned, out)
    }

    fn show(value: &Fen) -> String {
        alloc::format!("{value}")
    }
}

/// `H`: bytes as visible upper-case hexadecimal digits, two for each; where a field has room for
/// more bytes than there are, spaces follow.
#[derive(Debug)]
pub struct HexBytes;

/// Upper-case digits of whole bytes; no spaces.
fn hex_bytes(text: &[u8]) -> Result<Vec<u8>, FieldError> {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    if let Some(at) = text.iter().position(|b| !is_digit(*b)) {
        return Err(FieldError::Character {
            at,
            byte: text[at],
            expected: "an upper-case hexadecimal digit",
        });
    }
    let text = core::str::from_utf8(text).expect("hexadecimal digits are ASCII");
    // Nothing but digits is left, so only an odd number of them can be wrong.
    hex_decode(text).map_err(|_| FieldError::Truncated {
        needed: text.len() + 1,
        found: text.len(),
    })
}

fn write_hex(bytes: &[u8], out: &mut [u8]) -> Result<(), FieldError> {
    let mut text = hex_encode(bytes);
    text.make_ascii_uppercase();
    let too_long = FieldError::TooLong {
        needed: text.len(),
        width: out.len(),
    };
    let (digits, rest) = out.split_at_mut_checked(text.len()).ok_or(too_long)?;
    digits.copy_from_slice(text.as_bytes());
    rest.fill(b' ');
    Ok(())
}

impl<const N: usize> Encoding<[u8; N]> for HexBytes {
    const LETTER: &'static str = "H";

    fn decode(bytes: &[u8]) -> Result<[u8; N], FieldError> {
        let found = hex_bytes(bytes)?;
        found.try_into().map_err(|_| FieldError::Truncated {
            needed: N * 2,
            found: bytes.len(),
        })
    }

    fn encode(value: &[u8; N], out: &mut [u8]) -> Result<(), FieldError> {
        write_hex(value, out)
    }

    fn show(value: &[u8; N]) -> String {
        hex_encode(value)
    }
}

impl Encoding<Vec<u8>> for HexBytes {
    const LETTER: &'static str = "H";

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, FieldError> {
        let end = bytes.iter().rposition(|b| *b != b' ');
        hex_bytes(&bytes[..end.map_or(0, |last| last + 1)])
    }

    fn encode(value: &Vec<u8>, out: &mut [u8]) -> Result<(), FieldError> {
        write_hex(value, out)
    }

    fn show(value: &Vec<u8>) -> String {
        hex_encode(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_times_that_exist() {
        for text in ["000000", "235959", "120501"] {
            let time: TimeOfDay = Digits::decode(text.as_bytes()).unwrap();
            let mut out = [0; 6];
            Digits::encode(&time, &mut out).unwrap();
            assert_eq!(out, text.as_bytes());
        }
        for text in ["240000", "006000", "000060", "00:000"] {
            assert!(
                <Digits as Encoding<TimeOfDay>>::decode(text.as_bytes()).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_on_a_day_is_china_time() {
        let at = Timestamp::new(1_767_254_405);
        let day = at.china().day;
        assert_eq!(TimeOfDay::of(at).on(day), at);
        assert_eq!(Digits::show(&TimeOfDay::of(at)), "16:00:05");
    }

    #[test]
    fn short_days_are_of_this_century() {
        let day = ShortDay::decode(b"260102").unwrap();
        assert_eq!(day.compact(), "20260102");
        let mut out = [0; 6];
        assert!(ShortDay::encode(&BusinessDay::from_ymd(1999, 1, 2).unwrap(), &mut out).is_err());
        assert!(ShortDay::decode(b"260230").is_err());
    }

    #[test]
    fn a_kept_field_cannot_break_its_line() {
        let mut out = [0; 2];
        assert!(Kept::encode(b"\r ", &mut out).is_err());
        assert!(<Kept as Encoding<[u8; 2]>>::decode(b" \n").is_err());
        assert_eq!(Kept::decode(b"\xFF\x00").as_ref(), Ok(b"\xFF\x00"));
    }

    #[test]
    fn hex_amounts_are_fen() {
        assert_eq!(HexFen::decode(b"000000C8"), Ok(Fen::new(200)));
        let mut out = [0; 8];
        assert!(HexFen::encode(&Fen::new(-1), &mut out).is_err());
        assert!(HexFen::encode(&Fen::new(1 << 32), &mut out).is_err());
    }
}
