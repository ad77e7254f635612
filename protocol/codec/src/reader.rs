//! Reading bytes from the front, with names for what is read.

use crate::{DecodeError, FieldError};

/// Reads a byte string from the front; every failure names record, field and offset.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    record: &'static str,
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Begins at the first byte of `bytes`; `record` names it in errors.
    #[must_use]
    pub const fn new(record: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            record,
            bytes,
            offset: 0,
        }
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.offset..]
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.offset == self.bytes.len()
    }

    /// Takes the next `len` bytes.
    ///
    /// # Errors
    /// [`FieldError::Truncated`] when fewer remain.
    pub fn take(&mut self, field: &'static str, len: usize) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        if rest.len() < len {
            let kind = FieldError::Truncated {
                needed: len,
                found: rest.len(),
            };
            return Err(self.error(field, kind));
        }
        self.offset += len;
        Ok(&rest[..len])
    }

    /// Takes an unsigned big-endian number of `len` bytes, at most eight.
    ///
    /// # Errors
    /// [`FieldError::Truncated`] when fewer remain.
    pub fn take_be(&mut self, field: &'static str, len: usize) -> Result<u64, DecodeError> {
        debug_assert!(len <= 8, "a u64 has eight bytes");
        let bytes = self.take(field, len)?;
        Ok(bytes
            .iter()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// Says that everything must have been read.
    ///
    /// # Errors
    /// [`FieldError::Trailing`] when bytes remain.
    pub fn finish(self) -> Result<(), DecodeError> {
        let extra = self.rest().len();
        if extra == 0 {
            Ok(())
        } else {
            Err(self.error("end", FieldError::Trailing { extra }))
        }
    }

    /// An error at the present offset.
    #[must_use]
    pub const fn error(&self, field: &'static str, kind: FieldError) -> DecodeError {
        DecodeError {
            record: self.record,
            field,
            offset: self.offset,
            kind,
        }
    }
}

/// Writes `value` big-endian over all of `out`.
///
/// # Errors
/// [`FieldError::TooLong`] when it needs more bytes than `out` has.
pub fn write_be(value: u64, out: &mut [u8]) -> Result<(), FieldError> {
    let width = out.len();
    let bytes = value.to_be_bytes();
    let needed = bytes.len() - bytes.iter().take_while(|b| **b == 0).count();
    if needed > width {
        return Err(FieldError::TooLong { needed, width });
    }
    for (slot, byte) in out
        .iter_mut()
        .rev()
        .zip(bytes.iter().rev().chain(core::iter::repeat(&0)))
    {
        *slot = *byte;
    }
    Ok(())
}
