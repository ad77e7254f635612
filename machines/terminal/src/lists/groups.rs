//! Which terminals stand together: those of a vehicle or station share what they know of torn
//! cards.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use tongtu_types::TerminalNumber;

use super::ListError;
use super::section::Section;

pub(super) const ENTRY_LEN: usize = 1 + 4 + 6;

/// What the terminals of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Place {
    /// A vehicle.
    Vehicle = 1,
    /// A station.
    Station = 2,
    /// A line.
    Line = 3,
}

/// A group of terminals: its place and its number among the acquirer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId {
    /// What they have in common.
    pub place: Place,
    /// The acquirer's number for it.
    pub number: u32,
}

/// All groups of an acquirer; a terminal is in one at most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    members: BTreeSet<(GroupId, TerminalNumber)>,
    of: BTreeMap<TerminalNumber, GroupId>,
}

impl Groups {
    /// Puts a terminal into a group, out of the one it was in.
    pub fn put(&mut self, terminal: TerminalNumber, group: GroupId) {
        if let Some(before) = self.of.insert(terminal, group) {
            self.members.remove(&(before, terminal));
        }
        self.members.insert((group, terminal));
    }

    /// The terminal's group, if it is in one.
    #[must_use]
    pub fn of(&self, terminal: TerminalNumber) -> Option<GroupId> {
        self.of.get(&terminal).copied()
    }

    /// The other terminals of its group.
    pub fn beside(&self, terminal: TerminalNumber) -> impl Iterator<Item = TerminalNumber> + '_ {
        let group = self.of(terminal);
        let members = group.into_iter().flat_map(|group| self.members_of(group));
        members.filter(move |other| *other != terminal)
    }

    /// The terminals of a group.
    pub fn members_of(&self, group: GroupId) -> impl Iterator<Item = TerminalNumber> + '_ {
        let first = TerminalNumber::parse("000000000000").expect("12 digits");
        self.members
            .range((group, first)..)
            .take_while(move |(of, _)| *of == group)
            .map(|(_, terminal)| *terminal)
    }

    /// How many terminals are in groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether no terminal is in a group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() * ENTRY_LEN);
        for (group, terminal) in &self.members {
            out.push(group.place as u8);
            out.extend(group.number.to_be_bytes());
            let digits = terminal.as_str().as_bytes();
            let nibble = |digit: u8| digit - b'0';
            out.extend(digits.chunks(2).map(|d| (nibble(d[0]) << 4) | nibble(d[1])));
        }
        out
    }

    /// Reads entries, which rise and are whole.
    pub(super) fn read<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Result<Self, ListError> {
        let mut groups = Self::default();
        for (index, bytes) in entries.enumerate() {
            let fault = || ListError::Entry {
                list: Section::Groups.name(),
                index,
            };
            let place = match bytes[0] {
                1 => Place::Vehicle,
                2 => Place::Station,
                3 => Place::Line,
                _ => return Err(fault()),
            };
            let number = u32::from_be_bytes(bytes[1..5].try_into().expect("four bytes"));
            let digits = tongtu_codec::hex_encode(&bytes[5..]);
            let terminal = TerminalNumber::parse(&digits).map_err(|_| fault())?;
            if groups.of(terminal).is_some() {
                return Err(fault());
            }
            groups.put(terminal, GroupId { place, number });
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_in_one_group_and_sees_the_others_of_it() {
        let terminal = |n: u8| TerminalNumber::parse(&format!("{n:012}")).unwrap();
        let vehicle = |number| GroupId {
            place: Place::Vehicle,
            number,
        };
        let mut groups = Groups::default();
        for (n, group) in [(1, 7), (2, 7), (3, 8), (4, 7), (4, 8)] {
            groups.put(terminal(n), vehicle(group));
        }
        let beside = |n| groups.beside(terminal(n)).collect::<Vec<_>>();
        assert_eq!(beside(1), [terminal(2)]);
        assert_eq!(beside(4), [terminal(3)]);
        assert!(beside(9).is_empty());
        let station = GroupId {
            place: Place::Station,
            number: 7,
        };
        assert_eq!(groups.members_of(station).count(), 0);
        assert_eq!(groups.len(), 4);
    }
}
