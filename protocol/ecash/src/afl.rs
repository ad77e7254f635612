//! The application file locator (AFL, 应用文件定位器): which records a terminal reads.

use alloc::vec::Vec;

use crate::EcashError;

/// One range of records of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AflEntry {
    /// Short file identifier, 1 to 30.
    pub sfi: u8,
    /// Number of the first record, from 1.
    pub first: u8,
    /// Number of the last record.
    pub last: u8,
    /// How many records from the first on are signed data.
    pub signed: u8,
}

/// The list of ranges, in reading order; four bytes each, at most 63.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Afl(Vec<AflEntry>);

impl Afl {
    /// A list of ranges.
    ///
    /// # Errors
    /// [`EcashError::Value`] naming the byte that EMV book 3 §10.2 forbids.
    pub fn new(entries: impl IntoIterator<Item = AflEntry>) -> Result<Self, EcashError> {
        let entries: Vec<_> = entries.into_iter().collect();
        for entry in &entries {
            let value = |what, found, expected| EcashError::Value {
                what,
                found,
                expected,
            };
            if !(1..=30).contains(&entry.sfi) {
                return Err(value("SFI of AFL", entry.sfi, "1 to 30"));
            }
            if entry.first == 0 {
                return Err(value("first record of AFL", 0, "1 or more"));
            }
            if entry.last < entry.first {
                return Err(value(
                    "last record of AFL",
                    entry.last,
                    "not below the first",
                ));
            }
            if u16::from(entry.signed) > u16::from(entry.last - entry.first) + 1 {
                return Err(value(
                    "signed records of AFL",
                    entry.signed,
                    "not more than the range has",
                ));
            }
        }
        Ok(Self(entries))
    }

    /// Reads a list.
    ///
    /// # Errors
    /// [`EcashError`] when the bytes are not whole ranges or a range does not hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, EcashError> {
        let (ranges, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() || ranges.len() > 63 {
            return Err(EcashError::Length {
                what: "AFL",
                found: bytes.len(),
                expected: "a multiple of 4, at most 252",
            });
        }
        if let Some([sfi, ..]) = ranges.iter().find(|[sfi, ..]| sfi & 7 != 0) {
            return Err(EcashError::Value {
                what: "SFI byte of AFL",
                found: *sfi,
                expected: "the SFI in the high five bits, zeros below",
            });
        }
        Self::new(ranges.iter().map(|[sfi, first, last, signed]| AflEntry {
            sfi: sfi >> 3,
            first: *first,
            last: *last,
            signed: *signed,
        }))
    }

    /// The bytes of the list.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|entry| [entry.sfi << 3, entry.first, entry.last, entry.signed])
            .collect()
    }

    /// The ranges in order.
    #[must_use]
    pub fn entries(&self) -> &[AflEntry] {
        &self.0
    }

    /// Every record in reading order: SFI, number, and whether it is signed data.
    pub fn records(&self) -> impl Iterator<Item = (u8, u8, bool)> + '_ {
        self.0.iter().flat_map(|entry| {
            (entry.first..=entry.last)
                .map(|number| (entry.sfi, number, number - entry.first < entry.signed))
        })
    }

    /// SFI and number of the record that is read last; reading it commits the payment.
    #[must_use]
    pub fn last_record(&self) -> Option<(u8, u8)> {
        self.0.last().map(|entry| (entry.sfi, entry.last))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_lists_of_real_cards_go_there_and_back() {
        for (hex, records, signed, last) in [
            ("100102003801050128010100", 8, 1, (5, 1)),
            ("10010400280101003801050148010200", 12, 1, (9, 2)),
        ] {
            let bytes = tongtu_codec::hex_decode(hex).expect("hex");
            let afl = Afl::parse(&bytes).expect("seen on a card");
            assert_eq!(afl.encode(), bytes);
            assert_eq!(afl.records().count(), records);
            assert_eq!(afl.records().filter(|r| r.2).count(), signed);
            assert_eq!(afl.last_record(), Some(last));
        }
    }

    #[test]
    fn forbidden_ranges_are_refused() {
        for hex in [
            "10010201FF",
            "00010100",
            "F9010100",
            "10000100",
            "10020100",
            "10010203",
        ] {
            let bytes = tongtu_codec::hex_decode(hex).expect("hex");
            assert!(Afl::parse(&bytes).is_err(), "{hex}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_back(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(afl) = Afl::parse(&bytes) {
                prop_assert_eq!(afl.encode(), bytes);
                let _ = afl.records().count();
            }
        }
    }
}
