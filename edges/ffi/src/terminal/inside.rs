//! Who is inside a network, of those who ride by account: by code or by face.
//!
//! A card says itself where it went in; an account does not. So a gate that lets in tells the gates
//! that let out, over the same notices as of torn cards. What is known is in memory only: after a
//! restart, or where a notice was lost, a rider is let out and the fare follows.
//!
//! ```text
//! 81 | account | at 8 | station | record id 43     went in
//! 82 | account                                     went out
//! ```
//!
//! Account and station have their length in front, one byte.

use std::collections::VecDeque;

use tongtu_terminal::{OpenEntries, OpenEntry};
use tongtu_types::{CardNumber, InstitutionCode, RecordId, StationCode, Timestamp};

use crate::code::TT_ERR_VALUE;
use crate::fault::Fault;

/// Riders that are known to be inside; the one who went in first makes way.
const INSIDE_MAX: usize = 16 * 1024;
const WENT_IN: u8 = 0x81;
const WENT_OUT: u8 = 0x82;

/// A rider who went in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    In(CardNumber, OpenEntry),
    Out(CardNumber),
}

impl Passage {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        let push = |out: &mut Vec<u8>, text: &str| {
            out.push(u8::try_from(text.len()).expect("a number or a station has few characters"));
            out.extend(text.as_bytes());
        };
        match self {
            Self::Out(account) => {
                out.push(WENT_OUT);
                push(&mut out, account.reveal());
            }
            Self::In(account, entry) => {
                out.push(WENT_IN);
                push(&mut out, account.reveal());
                out.extend(entry.at.get().to_be_bytes());
                push(&mut out, entry.station.as_str());
                out.extend(entry.record.as_str().as_bytes());
            }
        }
        out
    }

    /// Reads a passage; none where the notice is of another kind.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some((kind, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        match *kind {
            WENT_OUT => Self::read_out(rest),
            WENT_IN => Self::read_in(rest),
            _ => return Ok(None),
        }
        .map(Some)
        .ok_or_else(|| Fault::new(TT_ERR_VALUE, "notice: no passage of a rider"))
    }

    fn read_out(rest: &[u8]) -> Option<Self> {
        let (account, rest) = text(rest)?;
        let account = CardNumber::parse(account).ok()?;
        rest.is_empty().then_some(Self::Out(account))
    }

    fn read_in(rest: &[u8]) -> Option<Self> {
        let (account, rest) = text(rest)?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (station, record) = text(rest)?;
        let entry = OpenEntry {
            station: StationCode::parse(station).ok()?,
            at: Timestamp::new(i64::from_be_bytes(*at)),
            record: RecordId::parse(std::str::from_utf8(record).ok()?).ok()?,
        };
        Some(Self::In(CardNumber::parse(account).ok()?, entry))
    }
}

/// A text with its length in front, and what comes behind it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

/// Who is inside.
#[derive(Debug, Default)]
pub(super) struct Inside {
    entries: OpenEntries,
    /// In the order of their coming; with some who are out already.
    order: VecDeque<CardNumber>,
}

impl Inside {
    pub(super) const fn entries(&self) -> &OpenEntries {
        &self.entries
    }

    /// Takes note of a passage of another gate; only those of this acquirer.
    pub(super) fn take(
        &mut self,
        passage: Passage,
        acquirer: InstitutionCode,
    ) -> Result<(), Fault> {
        match passage {
            Passage::In(account, entry) => {
                let found = entry.record.acquirer();
                if found != acquirer {
                    let detail = format!("notice: of acquirer {found}, expected {acquirer}");
                    return Err(Fault::new(TT_ERR_VALUE, detail));
                }
                self.order.retain(|known| *known != account);
                if self.order.len() == INSIDE_MAX
                    && let Some(first) = self.order.pop_front()
                {
                    self.entries.close(&first);
                }
                self.order.push_back(account);
                self.entries.open(account, entry);
            }
            Passage::Out(account) => self.out(&account),
        }
        Ok(())
    }

    /// A rider is out.
    pub(super) fn out(&mut self, account: &CardNumber) {
        self.order.retain(|known| known != account);
        self.entries.close(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: usize) -> CardNumber {
        CardNumber::parse(&format!("31045810{number:011}")).unwrap()
    }

    fn came_in(number: usize) -> Passage {
        let acquirer = InstitutionCode::parse("11345810").unwrap();
        let terminal = "581000000007".parse().unwrap();
        let at = Timestamp::new(1_767_254_400);
        let entry = OpenEntry {
            station: StationCode::parse("0101").unwrap(),
            at,
            record: RecordId::compose(acquirer, terminal, at, 1),
        };
        Passage::In(account(number), entry)
    }

    #[test]
    fn a_passage_reads_back_and_one_that_is_cut_or_longer_does_not() {
        for passage in [came_in(1), Passage::Out(account(1))] {
            let mut bytes = passage.encode();
            assert_eq!(Passage::decode(&bytes), Ok(Some(passage)));
            for cut in 1..bytes.len() {
                assert!(Passage::decode(&bytes[..cut]).is_err(), "{cut}");
            }
            bytes.push(0);
            assert!(Passage::decode(&bytes).is_err());
        }
        assert_eq!(Passage::decode(&[]), Ok(None));
        assert_eq!(Passage::decode(&[1, 2]), Ok(None));
    }

    #[test]
    fn whoever_went_in_first_makes_way_and_a_foreign_gate_is_not_heard() {
        let acquirer = InstitutionCode::parse("11345810").unwrap();
        let mut inside = Inside::default();
        for number in 0..=INSIDE_MAX {
            inside.order.push_back(account(number));
            if number == INSIDE_MAX {
                inside.order.pop_back();
            }
            let Passage::In(who, entry) = came_in(number) else {
                unreachable!("made so");
            };
            if number < INSIDE_MAX {
                inside.entries.open(who, entry);
            } else {
                inside.take(came_in(number), acquirer).unwrap();
            }
        }
        assert_eq!(inside.entries.len(), INSIDE_MAX);
        assert!(inside.entries.of_account(&account(0)).is_none());
        inside.take(Passage::Out(account(5)), acquirer).unwrap();
        assert!(inside.entries.of_account(&account(5)).is_none());
        let other = InstitutionCode::parse("11341000").unwrap();
        inside.take(came_in(5), other).unwrap_err();
    }
}
