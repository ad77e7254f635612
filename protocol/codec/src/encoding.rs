//! The encodings of the field's standards, each a type that can be named in a table.

use alloc::string::{String, ToString};

use tongtu_types::{
    BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, LineCode, MonthYear, RecordId,
    StationCode, TerminalNumber, VehicleCode,
};

use crate::FieldError;

/// How a value of type `T` lies in a field of fixed width.
pub trait Encoding<T> {
    /// The letter that the standards use: `B`, `cn`, `n`, `an`, `H`.
    const LETTER: &'static str;

    /// Reads the value from exactly the field's bytes.
    ///
    /// # Errors
    /// [`FieldError`] naming the offender.
    fn decode(bytes: &[u8]) -> Result<T, FieldError>;

    /// Writes the value over exactly the field's bytes.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] when it does not fit; nothing else fails on writing.
    fn encode(value: &T, out: &mut [u8]) -> Result<(), FieldError>;

    /// The value as a person reads it.
    fn show(value: &T) -> String;
}

/// `B`: an unsigned big-endian integer as wide as its field.
#[derive(Debug)]
pub struct Be;

macro_rules! big_endian {
    ($($t:ty),*) => {$(
        impl Encoding<$t> for Be {
            const LETTER: &'static str = "B";

            fn decode(bytes: &[u8]) -> Result<$t, FieldError> {
                let mut value: $t = 0;
                for byte in bytes {
                    value = value.checked_shl(8).unwrap_or(0) | <$t>::from(*byte);
                }
                Ok(value)
            }

            fn encode(value: &$t, out: &mut [u8]) -> Result<(), FieldError> {
                crate::write_be(u64::from(*value), out)
            }

            fn show(value: &$t) -> String {
                value.to_string()
            }
        }
    )*};
}

big_endian!(u8, u16, u32, u64);

/// `B`: bytes that stay bytes.
#[derive(Debug)]
pub struct Raw;

impl<const N: usize> Encoding<[u8; N]> for Raw {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<[u8; N], FieldError> {
        bytes.try_into().map_err(|_| FieldError::Truncated {
            needed: N,
            found: bytes.len(),
        })
    }

    fn encode(value: &[u8; N], out: &mut [u8]) -> Result<(), FieldError> {
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
        crate::hex_encode(value)
    }
}

/// `cn` and packed `n`: two decimal digits a byte, exactly full.
#[derive(Debug)]
pub struct Cn;

/// Unpacks digits; refuses nibbles A to F.
pub(crate) fn unpack(bytes: &[u8]) -> Result<String, FieldError> {
    let mut text = String::with_capacity(bytes.len() * 2);
    for (at, byte) in bytes.iter().enumerate() {
        for nibble in [byte >> 4, byte & 0x0F] {
            if nibble > 9 {
                return Err(FieldError::NotBcd { at, byte: *byte });
            }
            text.push(char::from(b'0' + nibble));
        }
    }
    Ok(text)
}

/// Packs exactly `2 * out.len()` ASCII digits.
pub(crate) fn pack(digits: &str, out: &mut [u8]) -> Result<(), FieldError> {
    let digits = digits.as_bytes();
    if digits.len() != out.len() * 2 {
        return Err(FieldError::TooLong {
            needed: digits.len(),
            width: out.len() * 2,
        });
    }
    for (slot, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *slot = ((pair[0] - b'0') << 4) | (pair[1] - b'0');
    }
    Ok(())
}

impl Encoding<InstitutionCode> for Cn {
    const LETTER: &'static str = "cn";

    fn decode(bytes: &[u8]) -> Result<InstitutionCode, FieldError> {
        Ok(InstitutionCode::parse(&unpack(bytes)?)?)
    }

    fn encode(value: &InstitutionCode, out: &mut [u8]) -> Result<(), FieldError> {
        pack(value.as_str(), out)
    }

    fn show(value: &InstitutionCode) -> String {
        value.to_string()
    }
}

impl Encoding<MonthYear> for Cn {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<MonthYear, FieldError> {
        Ok(unpack(bytes)?.parse()?)
    }

    fn encode(value: &MonthYear, out: &mut [u8]) -> Result<(), FieldError> {
        pack(&value.mmyy(), out)
    }

    fn show(value: &MonthYear) -> String {
        value.to_string()
    }
}

impl Encoding<Fen> for Cn {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<Fen, FieldError> {
        let mut value: i64 = 0;
        for digit in unpack(bytes)?.bytes() {
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(i64::from(digit - b'0')))
                .ok_or(FieldError::TooLong {
                    needed: bytes.len() * 2,
                    width: 18,
                })?;
        }
        Ok(Fen::new(value))
    }

    fn encode(value: &Fen, out: &mut [u8]) -> Result<(), FieldError> {
        let width = out.len() * 2;
        let text = alloc::format!("{:0width$}", value.get());
        if text.len() != width || value.get() < 0 {
            return Err(FieldError::TooLong {
                needed: text.len(),
                width,
            });
        }
        pack(&text, out)
    }

    fn show(value: &Fen) -> String {
        value.to_string()
    }
}

/// A ride code's user account number: 20 nibbles, digits with at most one trailing `F`.
///
/// Written as `0` and 19 digits; a number of 20 digits is written whole. Shorter numbers are
/// zero-filled on the left.
/// Source: QR annex field table; the trailing `F` is accepted because issuers use it.
#[derive(Debug)]
pub struct Cn10;

impl Encoding<CardNumber> for Cn10 {
    const LETTER: &'static str = "cn";

    fn decode(bytes: &[u8]) -> Result<CardNumber, FieldError> {
        if let Some((last, head)) = bytes.split_last()
            && last & 0x0F == 0x0F
        {
            let mut text = unpack(head)?;
            let high = last >> 4;
            if high > 9 {
                return Err(FieldError::NotBcd {
                    at: head.len(),
                    byte: *last,
                });
            }
            text.push(char::from(b'0' + high));
            return Ok(CardNumber::parse(&text)?);
        }
        Ok(CardNumber::parse(&unpack(bytes)?)?)
    }

    fn encode(value: &CardNumber, out: &mut [u8]) -> Result<(), FieldError> {
        let width = out.len() * 2;
        let text = alloc::format!("{:0>width$}", value.reveal());
        pack(&text, out)
    }

    fn show(value: &CardNumber) -> String {
        value.reveal().to_string()
    }
}

/// `n` in text files: ASCII digits, right-aligned, zero-filled.
#[derive(Debug)]
pub struct Digits;

impl Encoding<u64> for Digits {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<u64, FieldError> {
        let mut value: u64 = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if !byte.is_ascii_digit() {
                return Err(FieldError::Character {
                    at,
                    byte: *byte,
                    expected: "a digit",
                });
            }
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(byte - b'0')))
                .ok_or(FieldError::TooLong {
                    needed: bytes.len(),
                    width: 19,
                })?;
        }
        Ok(value)
    }

    fn encode(value: &u64, out: &mut [u8]) -> Result<(), FieldError> {
        let width = out.len();
        let text = alloc::format!("{value:0width$}");
        copy_exact(&text, out)
    }

    fn show(value: &u64) -> String {
        value.to_string()
    }
}

impl Encoding<Fen> for Digits {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<Fen, FieldError> {
        let value = <Self as Encoding<u64>>::decode(bytes)?;
        let value = i64::try_from(value).map_err(|_| FieldError::TooLong {
            needed: bytes.len(),
            width: 18,
        })?;
        Ok(Fen::new(value))
    }

    fn encode(value: &Fen, out: &mut [u8]) -> Result<(), FieldError> {
        let unsigned = u64::try_from(value.get()).map_err(|_| FieldError::TooLong {
            needed: out.len() + 1,
            width: out.len(),
        })?;
        <Self as Encoding<u64>>::encode(&unsigned, out)
    }

    fn show(value: &Fen) -> String {
        value.to_string()
    }
}

impl Encoding<BusinessDay> for Digits {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<BusinessDay, FieldError> {
        Ok(BusinessDay::parse_compact(ascii(bytes)?)?)
    }

    fn encode(value: &BusinessDay, out: &mut [u8]) -> Result<(), FieldError> {
        copy_exact(&value.compact(), out)
    }

    fn show(value: &BusinessDay) -> String {
        value.to_string()
    }
}

/// `an`: ASCII text, left-aligned, space-filled on the right; trailing spaces are no content.
#[derive(Debug)]
pub struct Ascii;

impl Encoding<String> for Ascii {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<String, FieldError> {
        Ok(ascii(bytes)?.trim_end_matches(' ').to_string())
    }

    fn encode(value: &String, out: &mut [u8]) -> Result<(), FieldError> {
        if let Some(at) = value.bytes().position(|b| !(0x20..=0x7E).contains(&b)) {
            let byte = value.as_bytes()[at];
            return Err(FieldError::Character {
                at,
                byte,
                expected: PRINTABLE,
            });
        }
        copy_padded(value, out)
    }

    fn show(value: &String) -> String {
        value.clone()
    }
}

/// `an`: one of our own short values, left-aligned, space-filled on the right.
#[derive(Debug)]
pub struct Padded;

macro_rules! padded {
    ($($t:ty => $text:ident),*) => {$(
        impl Encoding<$t> for Padded {
            const LETTER: &'static str = "an";

            fn decode(bytes: &[u8]) -> Result<$t, FieldError> {
                Ok(<$t>::parse(ascii(bytes)?.trim_end_matches(' '))?)
            }

            fn encode(value: &$t, out: &mut [u8]) -> Result<(), FieldError> {
                copy_padded(value.$text(), out)
            }

            fn show(value: &$t) -> String {
                value.$text().to_string()
            }
        }

        impl Encoding<Option<$t>> for Padded {
            const LETTER: &'static str = "an";

            fn decode(bytes: &[u8]) -> Result<Option<$t>, FieldError> {
                let text = ascii(bytes)?.trim_end_matches(' ');
                if text.is_empty() { Ok(None) } else { Ok(Some(<$t>::parse(text)?)) }
            }

            fn encode(value: &Option<$t>, out: &mut [u8]) -> Result<(), FieldError> {
                copy_padded(value.as_ref().map_or("", |v| v.$text()), out)
            }

            fn show(value: &Option<$t>) -> String {
                value.as_ref().map_or("", |v| v.$text()).to_string()
            }
        }
    )*};
}

padded!(
    InstitutionCode => as_str,
    CardNumber => reveal,
    TerminalNumber => as_str,
    RecordId => as_str,
    LineCode => as_str,
    StationCode => as_str,
    VehicleCode => as_str
);

/// Decimal fen with seven decimals, left-aligned in its field, space-filled: `0.2800000`.
impl Encoding<FenE7> for Padded {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<FenE7, FieldError> {
        Ok(ascii(bytes)?.trim_matches(' ').parse()?)
    }

    fn encode(value: &FenE7, out: &mut [u8]) -> Result<(), FieldError> {
        let text = value.to_string();
        if text.len() <= out.len() || !text.contains('.') {
            return copy_padded(&text, out);
        }
        // A text without its zeros may have been read from a field that is too narrow for them.
        copy_padded(text.trim_end_matches('0').trim_end_matches('.'), out)
    }

    fn show(value: &FenE7) -> String {
        value.to_string()
    }
}

/// `H`: visible upper-case hexadecimal digits, zero-filled on the left.
#[derive(Debug)]
pub struct HexDigits;

impl Encoding<u64> for HexDigits {
    const LETTER: &'static str = "H";

    fn decode(bytes: &[u8]) -> Result<u64, FieldError> {
        let mut value: u64 = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'F' => byte - b'A' + 10,
                _ => {
                    let expected = "an upper-case hexadecimal digit";
                    return Err(FieldError::Character {
                        at,
                        byte: *byte,
                        expected,
                    });
                }
            };
            if value >> 60 != 0 {
                return Err(FieldError::TooLong {
                    needed: bytes.len(),
                    width: 16,
                });
            }
            value = (value << 4) | u64::from(digit);
        }
        Ok(value)
    }

    fn encode(value: &u64, out: &mut [u8]) -> Result<(), FieldError> {
        let width = out.len();
        copy_exact(&alloc::format!("{value:0width$X}"), out)
    }

    fn show(value: &u64) -> String {
        alloc::format!("{value:X}")
    }
}

const PRINTABLE: &str = "printable ASCII";

fn ascii(bytes: &[u8]) -> Result<&str, FieldError> {
    if let Some(at) = bytes.iter().position(|b| !(0x20..=0x7E).contains(b)) {
        return Err(FieldError::Character {
            at,
            byte: bytes[at],
            expected: PRINTABLE,
        });
    }
    Ok(core::str::from_utf8(bytes).expect("printable ASCII is UTF-8"))
}

fn copy_exact(text: &str, out: &mut [u8]) -> Result<(), FieldError> {
    if text.len() != out.len() {
        return Err(FieldError::TooLong {
            needed: text.len(),
            width: out.len(),
        });
    }
    out.copy_from_slice(text.as_bytes());
    Ok(())
}

fn copy_padded(text: &str, out: &mut [u8]) -> Result<(), FieldError> {
    if text.len() > out.len() {
        return Err(FieldError::TooLong {
            needed: text.len(),
            width: out.len(),
        });
    }
    out.fill(b' ');
    out[..text.len()].copy_from_slice(text.as_bytes());
    Ok(())
}
