//! Chains: one command over several APDUs by bit 8 of P1 (GP 2.3.1 §11.1.3).
//!
//! MAC and encipherment are of the whole command, whose P1 and P2 are those of the last
//! segment; so a host protects first and cuts then, and a card puts together first.

use alloc::vec::Vec;

use tongtu_apdu::{Command, MAX_DATA};

use crate::ins;

/// Bit 8 of P1: more segments follow.
pub const MORE: u8 = 0x80;

/// Whether an instruction may come as a chain.
#[must_use]
pub const fn may_chain(ins: u8) -> bool {
    matches!(ins, ins::DELETE | ins::INSTALL | ins::PUT_KEY)
}

/// The segments of a command; one, when it fits.
#[must_use]
pub fn split(command: &Command) -> Vec<Command> {
    if command.data.len() <= MAX_DATA {
        return alloc::vec![command.clone()];
    }
    let count = command.data.len().div_ceil(MAX_DATA);
    command
        .data
        .chunks(MAX_DATA)
        .enumerate()
        .map(|(i, part)| {
            let mut segment =
                Command::new(command.cla, command.ins, command.p1, command.p2).with_data(part);
            if i + 1 < count {
                segment.p1 |= MORE;
            } else {
                segment.le = command.le;
            }
            segment
        })
        .collect()
}

/// Segments that came so far.
#[derive(Debug, Clone, Default)]
pub struct Chain(Option<Command>);

/// What a segment did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It was kept; the answer is a bare `9000`.
    Kept,
    /// It was the last; this is the whole command.
    Whole(Command),
    /// It does not continue what came before; the chain is gone.
    Broken,
    /// The chain is longer than the card takes; it is gone.
    TooLong,
}

impl Chain {
    /// Takes the next command of the channel; `limit` is the longest data field accepted.
    pub fn take(&mut self, command: Command, limit: usize) -> Step {
        // Of another class than GlobalPlatform's it is no such command, and whoever has it says so.
        let more = command.cla & 0x80 != 0 && may_chain(command.ins) && command.p1 & MORE != 0;
        let Some(mut whole) = self.0.take() else {
            if !more {
                return Step::Whole(command);
            }
            self.0 = Some(command);
            return Step::Kept;
        };
        let same = whole.cla == command.cla
            && whole.ins == command.ins
            && whole.p1 & !MORE == command.p1 & !MORE
            && whole.p2 == command.p2;
        if !same {
            return Step::Broken;
        }
        if whole.data.len() + command.data.len() > limit {
            return Step::TooLong;
        }
        whole.data.extend(&command.data);
        whole.le = command.le;
        whole.p1 = command.p1;
        if more {
            self.0 = Some(whole);
            Step::Kept
        } else {
            Step::Whole(whole)
        }
    }

    /// Whether a chain is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_comes_together() {
        let long = Command::new(0x84, ins::PUT_KEY, 0x20, 1)
            .with_data((0..700u32).map(|i| i.to_be_bytes()[3]).collect::<Vec<_>>())
            .with_le(0);
        let parts = split(&long);
        assert_eq!(parts.len(), 3);
        let mut chain = Chain::default();
        assert_eq!(chain.take(parts[0].clone(), 1000), Step::Kept);
        assert_eq!(chain.take(parts[1].clone(), 1000), Step::Kept);
        assert_eq!(chain.take(parts[2].clone(), 1000), Step::Whole(long));
        assert!(!chain.is_open());
    }

    #[test]
    fn a_command_of_another_class_begins_none() {
        let command = Command::new(0x00, ins::DELETE, MORE, 0).with_data([1]);
        let step = Chain::default().take(command.clone(), 1000);
        assert_eq!(step, Step::Whole(command));
    }

    #[test]
    fn a_stranger_breaks_it_and_a_limit_holds() {
        let first = Command::new(0x80, ins::DELETE, 0x80, 0).with_data([1; 255]);
        let mut chain = Chain::default();
        assert_eq!(chain.take(first.clone(), 1000), Step::Kept);
        let other = Command::new(0x80, ins::DELETE, 0, 0x80).with_data([1]);
        assert_eq!(chain.take(other.clone(), 1000), Step::Broken);
        assert_eq!(chain.take(other.clone(), 1000), Step::Whole(other));
        assert_eq!(chain.take(first.clone(), 300), Step::Kept);
        assert_eq!(chain.take(first, 300), Step::TooLong);
        assert!(!chain.is_open());
    }
}
