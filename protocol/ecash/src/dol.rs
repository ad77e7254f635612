//! Data object lists (DOL, 数据对象列表): which elements, and how long, stand in a row.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_apdu::tlv::{Tag, TlvError};

use crate::{EcashError, element};

/// Values by tag: what a terminal knows, what a card holds.
pub type Values = BTreeMap<Tag, Vec<u8>>;

/// One line of a list: an element and the length it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DolEntry {
    /// The element.
    pub tag: Tag,
    /// Its length in bytes.
    pub len: u8,
}

/// A data object list: tags with lengths, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dol(Vec<DolEntry>);

impl Dol {
    /// A list of entries.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = (Tag, u8)>) -> Self {
        Self(
            entries
                .into_iter()
                .map(|(tag, len)| DolEntry { tag, len })
                .collect(),
        )
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`EcashError`] when it ends inside a tag or before a length, or a tag is zero.
    pub fn parse(mut bytes: &[u8]) -> Result<Self, EcashError> {
        const WHAT: &str = "data object list";
        let mut entries = Vec::new();
        while !bytes.is_empty() {
            if bytes[0] == 0 {
                return Err(EcashError::Value {
                    what: "tag in a data object list",
                    found: 0,
                    expected: "a tag",
                });
            }
            let (tag, rest) = Tag::read(bytes).map_err(EcashError::tlv(WHAT))?;
            let (len, rest) = rest
                .split_first()
                .ok_or(TlvError::Truncated { part: "length" })
                .map_err(EcashError::tlv(WHAT))?;
            entries.push(DolEntry { tag, len: *len });
            bytes = rest;
        }
        Ok(Self(entries))
    }

    /// The bytes of the list.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.0 {
            entry.tag.write(&mut out);
            out.push(entry.len);
        }
        out
    }

    /// The entries in order.
    #[must_use]
    pub fn entries(&self) -> &[DolEntry] {
        &self.0
    }

    /// Whether the list names an element.
    #[must_use]
    pub fn names(&self, tag: Tag) -> bool {
        self.0.iter().any(|entry| entry.tag == tag)
    }

    /// The length of the data that the list describes.
    #[must_use]
    pub fn data_len(&self) -> usize {
        self.0.iter().map(|entry| usize::from(entry.len)).sum()
    }

    /// Writes the data that the list asks for, in order.
    ///
    /// An element that nobody knows is zeros of its length; one of another length is fitted
    /// as EMV book 3 §5.4 says: digits are cut and zero-filled on the left, everything else
    /// is cut and zero-filled on the right.
    #[must_use]
    pub fn fill(&self, values: &Values) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data_len());
        for entry in &self.0 {
            let value = values.get(&entry.tag).map_or(&[][..], Vec::as_slice);
            let len = usize::from(entry.len);
            let missing = core::iter::repeat_n(0, len.saturating_sub(value.len()));
            if element::is_digits(entry.tag) {
                out.extend(missing);
                out.extend(&value[value.len().saturating_sub(len)..]);
            } else {
                out.extend(&value[..value.len().min(len)]);
                out.extend(missing);
            }
        }
        out
    }

    /// Takes data apart that was filled by this list.
    ///
    /// # Errors
    /// [`EcashError::Length`] when the data is longer or shorter than the list says.
    pub fn split(&self, mut data: &[u8]) -> Result<Values, EcashError> {
        let found = data.len();
        let wrong = EcashError::Length {
            what: "data of a data object list",
            found,
            expected: "the sum of the list's lengths",
        };
        let mut values = Values::new();
        for entry in &self.0 {
            let Some((value, rest)) = data.split_at_checked(usize::from(entry.len)) else {
                return Err(wrong);
            };
            values.insert(entry.tag, value.to_vec());
            data = rest;
        }
        if data.is_empty() {
            Ok(values)
        } else {
            Err(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tag;

    #[test]
    fn the_pdol_of_a_real_card_goes_there_and_back() {
        let bytes = tongtu_codec::hex_decode(
            "DF60019F66049F02069F03069F1A0295055F2A029A039C019F21039F3704",
        )
        .expect("hex");
        let dol = Dol::parse(&bytes).expect("a list seen on a card");
        assert_eq!(dol.encode(), bytes);
        assert_eq!((dol.entries().len(), dol.data_len()), (11, 37));
        assert!(dol.names(tag::COMPOSITE) && !dol.names(tag::SM_SUPPORT));
    }

    #[test]
    fn values_are_fitted_left_or_right_as_their_form_says() {
        let dol = Dol::new([(tag::AMOUNT, 6), (tag::TTQ, 4), (tag::UNPREDICTABLE, 2)]);
        let values = Values::from([
            (tag::AMOUNT, vec![0x12, 0x34]),
            (tag::TTQ, vec![0x26]),
            (tag::UNPREDICTABLE, vec![1, 2, 3, 4]),
        ]);
        assert_eq!(
            dol.fill(&values),
            [0, 0, 0, 0, 0x12, 0x34, 0x26, 0, 0, 0, 1, 2]
        );
    }

    #[test]
    fn data_of_another_length_is_refused() {
        let dol = Dol::new([(tag::AMOUNT, 6)]);
        for len in [0, 5, 7] {
            assert!(dol.split(&vec![0; len]).is_err(), "{len}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_back(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            data in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            if let Ok(dol) = Dol::parse(&bytes) {
                prop_assert_eq!(dol.encode(), bytes);
                prop_assert_eq!(dol.fill(&Values::new()).len(), dol.data_len());
                if let Ok(values) = dol.split(&data)
                    && values.len() == dol.entries().len()
                {
                    prop_assert_eq!(dol.fill(&values), data);
                }
            }
        }
    }
}
