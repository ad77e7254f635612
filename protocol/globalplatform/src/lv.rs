//! Length-value fields of INSTALL and of receipts.
//!
//! A length is one byte up to 7F, `81 xx` or `82 xx xx`; 128 is also taken as the single byte
//! `80` (GP 2.3.1 §11.1.5). Written in the shortest BER form.

use alloc::vec::Vec;

use tongtu_apdu::{Malformed, tlv};

/// Reads fields of one command's data from the front.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    command: &'static str,
    whole: usize,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(command: &'static str, data: &'a [u8]) -> Self {
        Self {
            command,
            whole: data.len(),
            rest: data,
        }
    }

    /// Bytes read so far.
    pub(crate) const fn offset(&self) -> usize {
        self.whole - self.rest.len()
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn wrong(&self, expected: &'static str) -> Malformed {
        Malformed::Data {
            command: self.command,
            offset: self.offset(),
            expected,
        }
    }

    /// The next field.
    pub(crate) fn next(&mut self, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let (value, rest) = take(self.rest).ok_or_else(|| self.wrong(expected))?;
        self.rest = rest;
        Ok(value)
    }

    /// The next bytes, as many as said.
    pub(crate) fn bytes<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<&'a [u8; N], Malformed> {
        let (value, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| self.wrong(expected))?;
        self.rest = rest;
        Ok(value)
    }

    /// Says that everything must have been read.
    pub(crate) const fn finish(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.wrong("nothing more"))
        }
    }
}

/// One field from the front and what follows it.
pub(crate) fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes {
        [0x80, rest @ ..] => (128, rest),
        _ => tlv::read_length(bytes).ok()?,
    };
    rest.split_at_checked(len)
}

/// Appends one field.
pub(crate) fn put(value: &[u8], out: &mut Vec<u8>) {
    tlv::write_length(value.len(), out);
    out.extend(value);
}

/// An AID of a field, 5 to 16 bytes.
pub(crate) fn aid(
    fields: &mut Fields<'_>,
    expected: &'static str,
) -> Result<tongtu_apdu::select::Aid, Malformed> {
    let wrong = fields.wrong(expected);
    tongtu_apdu::select::Aid::parse(fields.next(expected)?).map_err(|_| wrong)
}

/// An AID of a field, or nothing when it is empty.
pub(crate) fn optional_aid(
    fields: &mut Fields<'_>,
    expected: &'static str,
) -> Result<Option<tongtu_apdu::select::Aid>, Malformed> {
    let wrong = fields.wrong(expected);
    match fields.next(expected)? {
        [] => Ok(None),
        bytes => tongtu_apdu::select::Aid::parse(bytes)
            .map(Some)
            .map_err(|_| wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hundred_and_twenty_eight_has_two_forms() {
        for head in [&[0x80][..], &[0x81, 0x80]] {
            let mut bytes = head.to_vec();
            bytes.extend([7; 129]);
            assert_eq!(take(&bytes), Some((&[7; 128][..], &[7][..])));
        }
        assert_eq!(take(&[0x83, 0, 0, 0]), None);
        assert_eq!(take(&[2, 1]), None);
        assert_eq!(take(&[]), None);
    }
}
