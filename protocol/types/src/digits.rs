//! Fixed-capacity digit strings, so that numbers stay `Copy` and allocation-free.

use crate::ValueError;

/// Up to `N` ASCII characters of one alphabet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Chars<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Chars<N> {
    /// Copies `text` if every byte satisfies `allowed`.
    pub(crate) fn parse(
        what: &'static str,
        text: &[u8],
        lengths: core::ops::RangeInclusive<usize>,
        expected: &'static str,
        allowed: impl Fn(u8) -> bool,
    ) -> Result<Self, ValueError> {
        if !lengths.contains(&text.len()) || text.len() > N {
            return Err(ValueError::Length {
                what,
                found: text.len(),
                expected,
            });
        }
        if let Some(at) = text.iter().position(|b| !allowed(*b)) {
            return Err(ValueError::Character { what, at, expected });
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text);
        let len = u8::try_from(text.len()).expect("no capacity here exceeds 255");
        Ok(Self { len, bytes })
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)])
            .expect("only ASCII characters are admitted by `parse`")
    }
}
