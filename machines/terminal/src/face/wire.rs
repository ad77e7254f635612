//! Fields of galleries and what belongs to them, written and read.

use alloc::vec::Vec;

use tongtu_codec::{DecodeError, EncodeError, Encoding, Reader, hex_decode, hex_encode};
use tongtu_types::{TerminalNumber, Timestamp};

/// Writes a value over the bytes of its field.
pub(super) fn put<E: Encoding<T>, T>(
    field: &'static str,
    value: &T,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    E::encode(value, out).map_err(|kind| EncodeError {
        record: "Gallery",
        field,
        kind,
    })
}

/// Appends a value in a field of so many bytes.
pub(super) fn push<E: Encoding<T>, T>(
    field: &'static str,
    value: &T,
    len: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.resize(start + len, 0);
    put::<E, T>(field, value, &mut out[start..])
}

/// Reads a value from a field of so many bytes.
pub(super) fn field<E: Encoding<T>, T>(
    reader: &mut Reader<'_>,
    name: &'static str,
    len: usize,
) -> Result<T, DecodeError> {
    let bytes = reader.take(name, len)?;
    E::decode(bytes).map_err(|kind| reader.error(name, kind))
}

/// Reads an instant of 8 bytes.
pub(super) fn instant(
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<Timestamp, DecodeError> {
    let bytes = array(reader.take(field, 8)?);
    Ok(Timestamp::new(i64::from_be_bytes(bytes)))
}

/// Reads a count of 4 bytes.
pub(super) fn count(reader: &mut Reader<'_>, field: &'static str) -> Result<usize, DecodeError> {
    Ok(usize::try_from(reader.take_be(field, 4)?).unwrap_or(usize::MAX))
}

/// Bytes of the length that the reader was asked for.
pub(super) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("the reader took so many")
}

/// A terminal number's twelve digits in six bytes.
pub(super) fn bcd(terminal: TerminalNumber) -> [u8; 6] {
    let digits = hex_decode(terminal.as_str()).expect("digits are hex digits");
    digits.try_into().expect("12 digits")
}

/// The terminal number of six bytes; none when one of them is no two digits.
pub(super) fn terminal(bytes: [u8; 6]) -> Option<TerminalNumber> {
    TerminalNumber::parse(&hex_encode(&bytes)).ok()
}
