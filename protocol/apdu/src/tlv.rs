//! BER-TLV (ISO/IEC 8825-1 as ISO/IEC 7816-4 §5.2.2 uses it).
//!
//! Reading is tolerant where real cards are careless ([`Objects`] skips `00` padding between
//! objects, as ISO/IEC 7816-4 allows); writing is canonical: shortest tag and length form.
//! Not here: which tags a format has.

use alloc::vec::Vec;
use core::fmt;

/// A tag of one to three bytes, as it travels: `0x6F`, `0x9F0C`, `0xDF8101`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// A tag by number, leading zeros dropped.
    ///
    /// # Panics
    /// At compile time in a `const`, when the bytes are not one whole tag.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        let bytes = value.to_be_bytes();
        let len = 4 - (value.leading_zeros() / 8) as usize;
        assert!(len >= 1 && len <= 3, "a tag has one to three bytes");
        let mut i = 4 - len;
        let long = bytes[i] & 0x1F == 0x1F;
        assert!(long == (len > 1), "the first byte says whether more follow");
        if long {
            i += 1;
            while i < 4 {
                assert!(
                    (bytes[i] & 0x80 != 0) == (i < 3),
                    "the last byte has bit 8 clear"
                );
                i += 1;
            }
        }
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }

    /// Whether its value is made of further objects.
    #[must_use]
    pub const fn is_constructed(self) -> bool {
        let bytes = self.0.to_be_bytes();
        let first = bytes[4 - self.len()];
        first & 0x20 != 0
    }

    /// Bytes that the tag takes.
    #[must_use]
    pub const fn len(self) -> usize {
        4 - (self.0.leading_zeros() / 8) as usize
    }

    /// Always false: a tag has at least one byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        false
    }

    /// Reads one tag from the front and returns it with what follows.
    ///
    /// # Errors
    /// [`TlvError`] when the bytes end inside it or it is longer than three bytes.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8]), TlvError> {
        let [first, rest @ ..] = bytes else {
            return Err(TlvError::Truncated { part: "tag" });
        };
        let mut value = u32::from(*first);
        if first & 0x1F != 0x1F {
            return Ok((Self(value), rest));
        }
        for (at, byte) in rest.iter().enumerate() {
            if at == 2 {
                return Err(TlvError::LongTag);
            }
            value = value << 8 | u32::from(*byte);
            if byte & 0x80 == 0 {
                return Ok((Self(value), &rest[at + 1..]));
            }
        }
        Err(TlvError::Truncated { part: "tag" })
    }

    /// Appends the tag's bytes.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend(&self.0.to_be_bytes()[4 - self.len()..]);
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

/// Why bytes are not BER-TLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlvError {
    /// The bytes end inside a part.
    #[error("BER-TLV ends inside a {part}")]
    Truncated {
        /// `tag`, `length` or `value`.
        part: &'static str,
    },
    /// A tag of more than three bytes.
    #[error("BER-TLV tag has more than three bytes")]
    LongTag,
    /// A length form other than one byte, `81 xx`, `82 xx xx`.
    #[error("BER-TLV length starts with {found:#04x}, expected 00..7F, 81 or 82")]
    LengthForm {
        /// The byte found.
        found: u8,
    },
    /// The object that a reader needs is not there.
    #[error("BER-TLV object {tag} is missing")]
    Missing {
        /// The tag looked for.
        tag: Tag,
    },
}

/// One data object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<'a> {
    /// Its tag.
    pub tag: Tag,
    /// Its value.
    pub value: &'a [u8],
}

/// Reads a BER length from the front: one byte to 7F, `81 xx`, `82 xx xx`.
///
/// # Errors
/// [`TlvError`] when the bytes end inside it or the form is another.
pub fn read_length(bytes: &[u8]) -> Result<(usize, &[u8]), TlvError> {
    match bytes {
        [short @ 0..=0x7F, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x81, len, rest @ ..] => Ok((usize::from(*len), rest)),
        [0x82, high, low, rest @ ..] => Ok((usize::from(u16::from_be_bytes([*high, *low])), rest)),
        [] | [0x81 | 0x82, ..] => Err(TlvError::Truncated { part: "length" }),
        [found, ..] => Err(TlvError::LengthForm { found: *found }),
    }
}

/// Appends a BER length in its shortest form.
///
/// # Panics
/// When `len` exceeds 65 535; no card object does.
pub fn write_length(len: usize, out: &mut Vec<u8>) {
    let len = u16::try_from(len).expect("no object of a card exceeds 65 535 bytes");
    let [high, low] = len.to_be_bytes();
    match (high, low) {
        (0, 0..=0x7F) => out.push(low),
        (0, _) => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
}

/// Reads one object from the front and returns it with what follows.
///
/// # Errors
/// [`TlvError`] naming the part that does not hold.
pub fn read(bytes: &[u8]) -> Result<(Object<'_>, &[u8]), TlvError> {
    let (tag, rest) = Tag::read(bytes)?;
    let (len, rest) = read_length(rest)?;
    let (value, rest) = rest
        .split_at_checked(len)
        .ok_or(TlvError::Truncated { part: "value" })?;
    Ok((Object { tag, value }, rest))
}

/// Appends one object.
pub fn write(tag: Tag, value: &[u8], out: &mut Vec<u8>) {
    tag.write(out);
    write_length(value.len(), out);
    out.extend(value);
}

/// One object as bytes.
#[must_use]
pub fn object(tag: Tag, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 6);
    write(tag, value, &mut out);
    out
}

/// The objects of a byte string, one after the other; `00` bytes between them are skipped.
///
/// After an error the iteration ends.
#[derive(Debug, Clone)]
pub struct Objects<'a> {
    rest: &'a [u8],
}

/// Begins reading objects.
#[must_use]
pub const fn objects(bytes: &[u8]) -> Objects<'_> {
    Objects { rest: bytes }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Object<'a>, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let [0, rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        match read(self.rest) {
            Ok((object, rest)) => {
                self.rest = rest;
                Some(Ok(object))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

/// The value of the first object with this tag on this level; what stands after it is not read.
///
/// # Errors
/// [`TlvError::Missing`] when there is none; another when the bytes before it do not hold.
pub fn find(bytes: &[u8], tag: Tag) -> Result<&[u8], TlvError> {
    for object in objects(bytes) {
        let object = object?;
        if object.tag == tag {
            return Ok(object.value);
        }
    }
    Err(TlvError::Missing { tag })
}

/// The value of the first object with this tag on any level, outer before inner.
#[must_use]
pub fn find_deep(bytes: &[u8], tag: Tag) -> Option<&[u8]> {
    let level = || objects(bytes).map_while(Result::ok);
    level()
        .find(|object| object.tag == tag)
        .map(|object| object.value)
        .or_else(|| {
            level()
                .filter(|object| object.tag.is_constructed())
                .find_map(|object| find_deep(object.value, tag))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FCI: Tag = Tag::new(0x6F);
    const ISSUER: Tag = Tag::new(0x9F0C);

    fn bytes(hex: &str) -> Vec<u8> {
        tongtu_codec::hex_decode(hex).expect("a test writes hex")
    }

    #[test]
    fn finds_an_object_below_another_and_skips_padding() {
        // The FCI of a card that leaves four zero bytes inside 6F, serial altered.
        let fci = bytes(
            "6F0E8402A001A504 9F0C01AA00000000"
                .replace(' ', "")
                .as_str(),
        );
        assert_eq!(find_deep(&fci, ISSUER), Some(&[0xAA][..]));
        assert_eq!(find(&fci, ISSUER), Err(TlvError::Missing { tag: ISSUER }));
    }

    #[test]
    fn names_the_part_that_is_cut() {
        for (hex, error) in [
            ("9F", TlvError::Truncated { part: "tag" }),
            ("6F", TlvError::Truncated { part: "length" }),
            ("6F81", TlvError::Truncated { part: "length" }),
            ("6F0284", TlvError::Truncated { part: "value" }),
            ("6F80", TlvError::LengthForm { found: 0x80 }),
            ("1F818182", TlvError::LongTag),
        ] {
            assert_eq!(read(&bytes(hex)).map(|_| ()), Err(error), "{hex}");
        }
    }

    #[test]
    fn lengths_take_their_shortest_form() {
        for (len, form) in [(0, "00"), (127, "7f"), (128, "8180"), (256, "820100")] {
            let mut out = Vec::new();
            write_length(len, &mut out);
            assert_eq!(tongtu_codec::hex_encode(&out), form);
            assert_eq!(read_length(&out), Ok((len, &[][..])));
        }
    }

    fn any_tag() -> impl Strategy<Value = Tag> {
        prop_oneof![
            (1u32..0xFF).prop_filter("one byte", |t| t & 0x1F != 0x1F),
            (0x5F01u32..=0x5F7F),
            (0x9F01u32..=0x9F7F),
            (0xBF01u32..=0xBF7F),
            (0xDF8101u32..=0xDF817F),
        ]
        .prop_map(Tag::new)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            list in proptest::collection::vec(
                (any_tag(), proptest::collection::vec(any::<u8>(), 0..300)), 0..5),
        ) {
            let mut out = Vec::new();
            for (tag, value) in &list {
                write(*tag, value, &mut out);
            }
            let read: Vec<_> = objects(&out)
                .map(|o| o.map(|o| (o.tag, o.value.to_vec())))
                .collect::<Result<_, _>>()
                .expect("our own bytes");
            prop_assert_eq!(read, list);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = objects(&bytes).count();
            let _ = find_deep(&bytes, FCI);
        }
    }
}
