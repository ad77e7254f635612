//! What PPSE (近距离支付系统环境) answers to its SELECT: which applications a card offers.
//!
//! Here: the directory as a value, written canonically and read tolerantly. Not here: which
//! applications are listed (the card decides), and which of them a terminal takes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::Line;
use crate::select::{self, Aid, PPSE};
use crate::tlv::{self, Tag, TlvError};

const FCI: Tag = Tag::new(0x6F);
const NAME: Tag = Tag::new(0x84);
const PROPRIETARY: Tag = Tag::new(0xA5);
const DISCRETIONARY: Tag = Tag::new(0xBF0C);
const ENTRY: Tag = Tag::new(0x61);
const AID: Tag = Tag::new(0x4F);
const LABEL: Tag = Tag::new(0x50);
const PRIORITY: Tag = Tag::new(0x87);

/// The longest FCI that is written: what one answer carries without GET RESPONSE.
///
/// UNSPECIFIED: terminals of this field do not fetch the rest of a directory, so entries that
/// do not fit are left out whole, lowest priority first.
pub const FCI_LEN_MAX: usize = 256;

/// One application in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The AID to select, exactly as listed (`4F`).
    pub aid: Aid,
    /// Its label (`50`), such as `MOT_T_EP`; may be empty.
    pub label: Vec<u8>,
    /// Its priority byte (`87`); in its low half 1 is highest and 0 is none.
    pub priority: Option<u8>,
}

impl DirectoryEntry {
    /// Place in the order of choice: 1 to 15 as the card says, 16 when it says nothing.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self.priority.unwrap_or(0) & 0x0F {
            0 => 16,
            rank => rank,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut value = tlv::object(AID, self.aid.as_bytes());
        if !self.label.is_empty() {
            tlv::write(LABEL, &self.label, &mut value);
        }
        if let Some(priority) = self.priority {
            tlv::write(PRIORITY, &[priority], &mut value);
        }
        tlv::object(ENTRY, &value)
    }

    fn decode(value: &[u8]) -> Option<Self> {
        Some(Self {
            aid: Aid::parse(tlv::find(value, AID).ok()?).ok()?,
            label: tlv::find(value, LABEL).unwrap_or_default().to_vec(),
            priority: tlv::find(value, PRIORITY)
                .ok()
                .and_then(|value| value.first().copied()),
        })
    }
}

/// The directory of contactless applications.
///
/// Form: `6F { 84 name, A5 { BF0C { 61 { 4F AID, 50 label, 87 priority } … } } }`, as seen in
/// public implementations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Its name (`84`), `2PAY.SYS.DDF01`.
    pub name: Aid,
    /// The applications, in the order in which the card lists them.
    pub entries: Vec<DirectoryEntry>,
}

impl Directory {
    /// A directory that lists by priority; among equals the first given comes first.
    #[must_use]
    pub fn by_priority(mut entries: Vec<DirectoryEntry>) -> Self {
        entries.sort_by_key(DirectoryEntry::rank);
        Self {
            name: PPSE,
            entries,
        }
    }

    /// The applications in the order in which a terminal tries them.
    #[must_use]
    pub fn in_order_of_choice(&self) -> Vec<&DirectoryEntry> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|entry| entry.rank());
        entries
    }

    /// The FCI, canonical, at most [`FCI_LEN_MAX`] bytes; entries behind the first that does
    /// not fit are left out with it.
    #[must_use]
    pub fn to_fci(&self) -> Vec<u8> {
        let mut list = Vec::new();
        let mut fci = self.around(&list);
        for entry in &self.entries {
            list.extend(entry.encode());
            let longer = self.around(&list);
            if longer.len() > FCI_LEN_MAX {
                break;
            }
            fci = longer;
        }
        fci
    }

    fn around(&self, list: &[u8]) -> Vec<u8> {
        select::fci(&self.name, &tlv::object(DISCRETIONARY, list))
    }

    /// Reads a directory as cards write it: tags in any order, zero bytes between them, entries
    /// anywhere under `6F`, `A5` and `BF0C`. An entry without a usable AID is passed over, as
    /// a terminal can do nothing with it.
    ///
    /// # Errors
    /// [`TlvError`] when there is no `6F`, or it is cut.
    pub fn parse(fci: &[u8]) -> Result<Self, TlvError> {
        let inside = tlv::find(fci, FCI)?;
        let name = tlv::find(inside, NAME).ok();
        let mut entries = Vec::new();
        collect(inside, &mut |value| {
            entries.extend(DirectoryEntry::decode(value));
        });
        Ok(Self {
            name: name.and_then(|name| Aid::parse(name).ok()).unwrap_or(PPSE),
            entries,
        })
    }

    /// The directory as a person reads it.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let name = String::from_utf8_lossy(self.name.as_bytes());
        let mut out = Vec::new();
        out.push(Line::new("directory", "目录", self.name.as_bytes(), name));
        for entry in &self.entries {
            let label = String::from_utf8_lossy(&entry.label);
            let aid = entry.aid.as_bytes();
            out.push(Line::new("application", "应用", aid, label).deeper(1));
            if let Some(priority) = entry.priority {
                let rank = alloc::format!("{}", priority & 0x0F);
                out.push(Line::new("priority", "优先级", &[priority], rank).deeper(2));
            }
        }
        out
    }
}

/// Hands every entry template on to `found`, wherever the outer templates hold it.
fn collect(bytes: &[u8], found: &mut dyn FnMut(&[u8])) {
    for object in tlv::objects(bytes).map_while(Result::ok) {
        match object.tag {
            ENTRY => found(object.value),
            PROPRIETARY | DISCRETIONARY => collect(object.value, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::{E_CASH, E_PURSE};

    fn entry(aid: Aid, label: &[u8], priority: u8) -> DirectoryEntry {
        DirectoryEntry {
            aid,
            label: label.to_vec(),
            priority: Some(priority),
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        tongtu_codec::hex_decode(&hex.replace(' ', "")).expect("a test writes hex")
    }

    /// Of a published personalisation sample with both applications.
    const DUAL: &str = "6F49 840E325041592E5359532E4444463031 A537 BF0C34 \
        6119 4F08A000000632010106 500A4D4F545F545F43415348 870101 \
        6117 4F08A000000632010105 50084D4F545F545F4550 870102";

    #[test]
    fn a_dual_card_is_written_as_published_whatever_order_it_was_made_in() {
        let cash = entry(E_CASH, b"MOT_T_CASH", 1);
        let purse = entry(E_PURSE, b"MOT_T_EP", 2);
        for list in [
            vec![cash.clone(), purse.clone()],
            vec![purse.clone(), cash.clone()],
        ] {
            assert_eq!(Directory::by_priority(list).to_fci(), bytes(DUAL));
        }
        let read = Directory::parse(&bytes(DUAL)).expect("published");
        assert_eq!(read.entries, [cash, purse]);
    }

    #[test]
    fn reads_what_careless_cards_write() {
        // Other order of tags, padding, no BF0C, an entry without AID, one with a long AID and
        // neither label nor priority.
        let fci = bytes(
            "6F3E A52A 0000 6113 870102 5002 4550 4F0A A0000006320101050001 6104 50024550 00 \
             610A 4F08 A000000632010106 0000 840E325041592E5359532E4444463031",
        );
        let read = Directory::parse(&fci).expect("tolerable");
        let shown: Vec<_> = read
            .in_order_of_choice()
            .iter()
            .map(|e| (e.aid.to_string(), e.label.clone(), e.rank()))
            .collect();
        assert_eq!(
            shown,
            [
                ("A0000006320101050001".to_owned(), b"EP".to_vec(), 2),
                ("A000000632010106".to_owned(), Vec::new(), 16),
            ]
        );
    }

    #[test]
    fn what_is_no_fci_is_refused() {
        let missing = TlvError::Missing { tag: FCI };
        assert_eq!(Directory::parse(&[]), Err(missing));
        assert_eq!(Directory::parse(&bytes("8402A001")), Err(missing));
        let cut = TlvError::Truncated { part: "value" };
        assert_eq!(Directory::parse(&bytes(DUAL)[..40]), Err(cut));
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_end() {
        let aid = |last| Aid::new(&[&[0xA0; 15][..], &[last]].concat());
        let many: Vec<_> = (1..=9).map(|n| entry(aid(n), &[b'L'; 16], n)).collect();
        let fci = Directory::by_priority(many.clone()).to_fci();
        assert!(fci.len() <= FCI_LEN_MAX);
        let read = Directory::parse(&fci).expect("our own");
        assert_eq!(read.entries, many[..5]);
    }

    fn any_entry() -> impl Strategy<Value = DirectoryEntry> {
        (
            proptest::collection::vec(any::<u8>(), 5..=16),
            proptest::collection::vec(any::<u8>(), 0..=16),
            any::<Option<u8>>(),
        )
            .prop_map(|(aid, label, priority)| DirectoryEntry {
                aid: Aid::new(&aid),
                label,
                priority,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            entries in proptest::collection::vec(any_entry(), 0..=5),
        ) {
            let directory = Directory::by_priority(entries);
            prop_assert_eq!(Directory::parse(&directory.to_fci()), Ok(directory));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(directory) = Directory::parse(&bytes) {
                let _ = (directory.lines(), directory.to_fci());
            }
        }
    }
}
