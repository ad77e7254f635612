//! Pulling the card out: memory whose power fails at any byte, and a line that breaks at any byte.
//!
//! A [`Chip`] is memory that counts what is written to it and dies where a [`Cut`] says; it knows
//! no card, so that it serves whatever trait a card asks for. [`every_cut`] plays one operation
//! once for every place where it can be cut and hands what is left to a check. [`Line`] is the same
//! for the bytes between reader and card.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the byte holds that was being written when power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Its old value: the cut fell between two bytes.
    Old,
    /// Old and new laid over each other by this mask: bits of the mask are new.
    Mixed(u8),
    /// Neither old nor new.
    Garbage(u8),
}

/// Where power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which write, counted from 0 since [`Chip::arm`].
    pub write: usize,
    /// How many of its bytes are there before the cut; all of them means: right after it.
    pub kept: usize,
    /// What the next byte holds.
    pub half: Half,
    /// Whether this memory writes a range from its last byte to its first.
    pub from_end: bool,
}

#[derive(Clone, Debug)]
struct Cells {
    bytes: Vec<u8>,
    cut: Option<Cut>,
    /// Lengths of the writes since armed.
    writes: Vec<usize>,
    is_dead: bool,
}

/// Power was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead;

/// Memory that can lose its power. Clones are handles to the same memory.
#[derive(Clone, Debug)]
pub struct Chip(Arc<Mutex<Cells>>);

impl Chip {
    /// Blank memory.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self::holding(vec![0xFF; size])
    }

    /// Memory with a content.
    #[must_use]
    pub fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Cells {
            bytes,
            cut: None,
            writes: Vec::new(),
            is_dead: false,
        })))
    }

    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another chip with the same content, alive and unarmed.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::holding(self.bytes())
    }

    /// Everything it holds.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.cells().bytes.clone()
    }

    /// Its size.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cells().bytes.len()
    }

    /// Lets the power fail at a cut; writes are counted from now.
    pub fn arm(&self, cut: Cut) {
        let mut cells = self.cells();
        cells.cut = Some(cut);
        cells.writes.clear();
    }

    /// Lengths of the writes since [`Chip::arm`], or since the beginning.
    #[must_use]
    pub fn writes(&self) -> Vec<usize> {
        self.cells().writes.clone()
    }

    /// Whether its power failed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.cells().is_dead
    }

    /// Gives it power again.
    pub fn revive(&self) {
        let mut cells = self.cells();
        cells.is_dead = false;
        cells.cut = None;
        cells.writes.clear();
    }

    /// Reads.
    pub fn read(&self, at: usize, out: &mut [u8]) {
        out.copy_from_slice(&self.cells().bytes[at..at + out.len()]);
    }

    /// Writes, as far as power lasts.
    ///
    /// # Errors
    /// [`Dead`] when the cut is here, or was before.
    pub fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Dead> {
        let mut cells = self.cells();
        if cells.is_dead {
            return Err(Dead);
        }
        let number = cells.writes.len();
        cells.writes.push(bytes.len());
        let Some(cut) = cells.cut.filter(|cut| cut.write == number) else {
            cells.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            return Ok(());
        };
        for done in 0..bytes.len().min(cut.kept + 1) {
            let index = if cut.from_end {
                bytes.len() - 1 - done
            } else {
                done
            };
            let (old, new) = (cells.bytes[at + index], bytes[index]);
            cells.bytes[at + index] = match cut.half {
                _ if done < cut.kept => new,
                Half::Old => old,
                Half::Mixed(mask) => old & !mask | new & mask,
                Half::Garbage(mask) => new ^ mask,
            };
        }
        cells.is_dead = true;
        Err(Dead)
    }
}

/// Every cut of writes of these lengths: before and after each byte, in the middle of it, and the
/// same for memory that writes backwards.
#[must_use]
pub fn cuts(writes: &[usize]) -> Vec<Cut> {
    let mut out = Vec::new();
    for (write, len) in writes.iter().enumerate() {
        for kept in 0..=*len {
            let cut = |half, from_end| Cut {
                write,
                kept,
                half,
                from_end,
            };
            out.push(cut(Half::Old, false));
            if kept < *len {
                let half = if kept % 2 == 0 {
                    Half::Mixed(0x5A)
                } else {
                    Half::Garbage(0xA5)
                };
                out.push(cut(half, false));
                if kept > 0 {
                    out.push(cut(half, true));
                }
            }
        }
    }
    out
}

/// Plays `operation` on copies of `before`, once whole to learn its writes and then once for every
/// cut; `check` gets each cut and the chip, with power again. Returns how many cuts there were.
///
/// The operation must do the same each time, and must end when its chip dies.
pub fn every_cut(
    before: &Chip,
    mut operation: impl FnMut(&Chip),
    mut check: impl FnMut(Cut, &Chip),
) -> usize {
    let whole = before.copy();
    operation(&whole);
    let cuts = cuts(&whole.writes());
    for cut in &cuts {
        let chip = before.copy();
        chip.arm(*cut);
        operation(&chip);
        assert!(chip.is_dead(), "the operation never came to {cut:?}");
        chip.revive();
        check(*cut, &chip);
    }
    cuts.len()
}

/// What came of one exchange over a line that may break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The command never arrived whole: a card does nothing with a part of one.
    Undelivered,
    /// The card did it; the reader has only the beginning of the answer.
    Unanswered(Vec<u8>),
    /// All went well.
    Answered(Vec<u8>),
}

/// A line that carries so many bytes and then breaks.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    left: usize,
}

impl Line {
    /// A line that breaks after `bytes` in both directions together.
    #[must_use]
    pub const fn breaking_after(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// Sends a command and brings the answer back, as far as it gets.
    pub fn exchange(&mut self, command: &[u8], card: impl FnOnce(&[u8]) -> Vec<u8>) -> Exchange {
        let Some(left) = self.left.checked_sub(command.len()) else {
            self.left = 0;
            return Exchange::Undelivered;
        };
        let mut answer = card(command);
        if answer.len() <= left {
            self.left = left - answer.len();
            return Exchange::Answered(answer);
        }
        answer.truncate(left);
        self.left = 0;
        Exchange::Unanswered(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_every_write_is_cut_before_within_and_after() {
        let before = Chip::holding(vec![0; 8]);
        let mut left = Vec::new();
        let operation = |chip: &Chip| {
            let _ = chip.write(0, &[1, 2]).and_then(|()| chip.write(4, &[3]));
        };
        let count = every_cut(&before, operation, |_, chip| {
            left.push(chip.bytes()[..5].to_vec())
        });
        assert_eq!(count, 9);
        assert_eq!(left[0], [0, 0, 0, 0, 0]);
        assert_eq!(left[1], [0, 0, 0, 0, 0], "1 laid over 0 by 5A");
        assert_eq!(left[2], [1, 0, 0, 0, 0]);
        assert_eq!(left[3], [1, 2 ^ 0xA5, 0, 0, 0]);
        assert_eq!(left[4], [1 ^ 0xA5, 2, 0, 0, 0], "backwards");
        assert_eq!(left[5], [1, 2, 0, 0, 0]);
        assert_eq!(left[8], [1, 2, 0, 0, 3]);
    }

    #[test]
    fn a_dead_chip_writes_nothing_until_it_has_power_again() {
        let chip = Chip::new(4);
        chip.arm(Cut {
            write: 0,
            kept: 1,
            half: Half::Old,
            from_end: false,
        });
        assert_eq!(chip.write(0, &[1, 1]), Err(Dead));
        assert_eq!(chip.write(2, &[1]), Err(Dead));
        assert_eq!(chip.bytes(), [1, 0xFF, 0xFF, 0xFF]);
        chip.revive();
        assert_eq!(chip.write(2, &[1]), Ok(()));
    }

    #[test]
    fn a_line_breaks_at_every_byte_of_both_directions() {
        let outcome = |bytes| Line::breaking_after(bytes).exchange(&[1, 2], |_| vec![0x90, 0x00]);
        assert_eq!(outcome(1), Exchange::Undelivered);
        assert_eq!(outcome(2), Exchange::Unanswered(vec![]));
        assert_eq!(outcome(3), Exchange::Unanswered(vec![0x90]));
        assert_eq!(outcome(4), Exchange::Answered(vec![0x90, 0x00]));
    }
}
