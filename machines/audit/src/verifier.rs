//! Verifying line by line, in memory that does not grow with the chain.

use alloc::vec::Vec;

use tongtu_crypto::sm3;
use tongtu_types::Timestamp;

use crate::anchor::Anchor;
use crate::line::{AuditLine, CHAIN_START, COVERED};
use crate::verify::{
    AnchorFault, AnchorKeys, Fault, LineFault, Link, Verified, check_anchor, check_next,
    check_whole, number_of, walk_anchors,
};

/// Verifies a chain of any length: it says which line it wants, and is handed its bytes.
///
/// Lines are asked for in their order; once one does not hold, others may be asked for again, to
/// name what was done. Anchors are in memory, one for each day.
#[derive(Debug)]
pub struct Verifier {
    state: State,
    anchors: Result<Vec<Anchor>, AnchorFault>,
    /// How many of the anchors were compared with the lines.
    compared: usize,
    /// The first anchor that says of the lines what is not so.
    mismatch: Option<AnchorFault>,
    /// Lines that hold.
    count: u64,
    /// The last of them.
    last: Link,
}

#[derive(Debug)]
enum State {
    /// The lines hold so far.
    Following,
    /// Line `found` stands where line `number` should; whether that comes later is to be seen.
    Seeking { number: u64, found: u64, place: u64 },
    /// Line `found` with that value stands once more after the line before `number`; whether it is
    /// the same is to be seen.
    Recalling {
        number: u64,
        found: u64,
        value: sm3::Digest,
    },
    /// All lines were seen.
    Ended,
    /// They do not hold.
    Faulty(LineFault),
}

impl Verifier {
    /// Nothing seen of the lines; `anchors` one behind the other, and the keys that sign them.
    #[must_use]
    pub fn new(anchors: &[u8], keys: &AnchorKeys) -> Self {
        Self {
            state: State::Following,
            anchors: walk_anchors(anchors, keys),
            compared: 0,
            mismatch: None,
            count: 0,
            last: Link {
                at: Timestamp::new(0),
                value: CHAIN_START,
            },
        }
    }

    /// The place, from 1, whose bytes it wants to be handed; nothing when it has seen enough.
    #[must_use]
    pub const fn wants(&self) -> Option<u64> {
        match &self.state {
            State::Following => Some(self.count.saturating_add(1)),
            State::Seeking { place, .. } => Some(*place),
            State::Recalling { found, .. } => Some(*found),
            State::Ended | State::Faulty(_) => None,
        }
    }

    /// Takes what stands at the place it wants: a line, the rest where the bytes end inside one,
    /// nothing behind the last.
    pub fn take(&mut self, bytes: &[u8]) {
        let next = match &self.state {
            State::Following if bytes.is_empty() => State::Ended,
            State::Following => self.follow(bytes).unwrap_or_else(State::Faulty),
            State::Seeking {
                number,
                found,
                place,
            } => {
                let (number, found) = (*number, *found);
                if bytes.len() != AuditLine::LEN {
                    let (first, last) = (number, found - 1);
                    State::Faulty(LineFault::Missing { first, last })
                } else if number_of(bytes) == number {
                    State::Faulty(LineFault::Swapped { number, found })
                } else {
                    State::Seeking {
                        number,
                        found,
                        place: place.saturating_add(1),
                    }
                }
            }
            State::Recalling {
                number,
                found,
                value,
            } => State::Faulty(if bytes.get(COVERED..) == Some(&value[..]) {
                LineFault::Repeated {
                    number: *found,
                    after: number - 1,
                }
            } else {
                LineFault::Inserted { number: *found }
            }),
            State::Ended | State::Faulty(_) => return,
        };
        self.state = next;
    }

    fn follow(&mut self, line: &[u8]) -> Result<State, LineFault> {
        let number = self.count.saturating_add(1);
        check_whole(number, line)?;
        let found = number_of(line);
        if found > number {
            let place = number.saturating_add(1);
            return Ok(State::Seeking {
                number,
                found,
                place,
            });
        }
        if found < number {
            if found == 0 {
                return Err(LineFault::Inserted { number: found });
            }
            let mut value = CHAIN_START;
            value.copy_from_slice(&line[COVERED..]);
            return Ok(State::Recalling {
                number,
                found,
                value,
            });
        }
        let link = check_next(number, line, self.last.value, self.last.at)?;
        self.compare(Some(&link));
        (self.count, self.last) = (number, link);
        Ok(State::Following)
    }

    /// Compares the anchors that end with the last line, before `next` or at the end of all.
    fn compare(&mut self, next: Option<&Link>) {
        let Ok(anchors) = &self.anchors else { return };
        let last = (self.count > 0).then_some(&self.last);
        for anchor in &anchors[self.compared..] {
            if next.is_some() && anchor.count > self.count {
                return;
            }
            self.compared += 1;
            if self.mismatch.is_none() {
                self.mismatch = check_anchor(anchor, self.count, last, next).err();
            }
        }
    }

    /// What all that it was handed comes to.
    ///
    /// # Errors
    /// [`Fault`] naming the first line that does not hold, or the first day or anchor.
    pub fn finish(mut self) -> Result<Verified, Fault> {
        // Asked before it had seen enough, it goes by what there was.
        while self.wants().is_some() {
            self.take(&[]);
        }
        self.compare(None);
        if let State::Faulty(fault) = self.state {
            return Err(fault.into());
        }
        let anchors = self.anchors?;
        if let Some(fault) = self.mismatch {
            return Err(fault.into());
        }
        let last = anchors.last();
        Ok(Verified {
            lines: self.count,
            value: self.last.value,
            anchors: last.map_or(0, |anchor| anchor.number),
            anchored: last.map(|anchor| anchor.day),
            unanchored: self.count - last.map_or(0, |anchor| anchor.count),
        })
    }
}
