//! Contactless frames as Proxmark lists them, and the APDUs inside (ISO/IEC 14443-4 §7).
//!
//! ```text
//!   Start |     End | Src | Data (! denotes parity error)            | CRC | Annotation
//!  148848 |  170768 | Rdr |02  00  a4  04  00  0e  …  00  e0  42     |  ok |
//! ```
//! Only blocks that carry information are kept; waiting times, acknowledgements and what comes
//! before the card is activated are passed over.

use alloc::vec::Vec;

use super::{Direction, Logged, Trace, line};

/// The frames of a list, and the APDUs that are being put together from them.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The frame whose further lines may follow.
    open: Option<(Direction, Logged)>,
    command: Chain,
    answer: Chain,
}

/// The blocks of one direction so far.
#[derive(Debug, Default)]
struct Chain {
    parts: Option<Logged>,
    /// The last block, to know it when it is sent again.
    last: Vec<u8>,
}

impl Frames {
    /// Takes a line if it is one of a list of frames.
    pub(super) fn take(&mut self, number: usize, text: &str, trace: &mut Trace) -> bool {
        let mut columns = text.split('|');
        let (Some(start), Some(end), Some(source), Some(data)) = (
            columns.next(),
            columns.next(),
            columns.next(),
            columns.next(),
        ) else {
            return false;
        };
        let direction = match source.trim() {
            "Rdr" => Direction::Command,
            "Tag" => Direction::Answer,
            "" if start.trim().is_empty() && end.trim().is_empty() => {
                if let Some((_, open)) = &mut self.open {
                    open.bytes.append(&mut bytes_of(data));
                    return true;
                }
                return false;
            }
            _ => return false,
        };
        self.end(trace);
        let bytes = bytes_of(data);
        self.open = Some((
            direction,
            Logged {
                line: number,
                bytes,
            },
        ));
        true
    }

    /// Closes the open frame: nothing more of it follows.
    pub(super) fn end(&mut self, trace: &mut Trace) {
        if let Some((direction, frame)) = self.open.take() {
            self.frame(direction, &frame, trace);
        }
    }

    fn frame(&mut self, direction: Direction, frame: &Logged, trace: &mut Trace) {
        // REQA and WUPA of type A, REQB and WUPB of type B: the card starts anew.
        if direction == Direction::Command && matches!(*frame.bytes, [0x26 | 0x52] | [0x05, ..]) {
            *self = Self::default();
            trace.reset(frame.line);
            return;
        }
        let Some(pcb) = frame.bytes.first().copied() else {
            return;
        };
        let is_information = pcb & 0xE2 == 0x02;
        if !is_information {
            return;
        }
        let Some(block) = checked(&frame.bytes) else {
            trace.damaged.push(frame.line);
            return;
        };
        let chain = match direction {
            Direction::Command => &mut self.command,
            Direction::Answer => &mut self.answer,
        };
        // The block number alternates, so the same block again is the same block sent again.
        if chain.last == block {
            return;
        }
        chain.last = block.to_vec();
        let prologue = 1 + usize::from(pcb & 0x08 != 0) + usize::from(pcb & 0x04 != 0);
        let information = block.get(prologue..).unwrap_or_default();
        chain
            .parts
            .get_or_insert_with(|| Logged {
                line: frame.line,
                bytes: Vec::new(),
            })
            .bytes
            .extend(information);
        let chained = pcb & 0x10 != 0;
        if !chained && let Some(whole) = chain.parts.take() {
            trace.push(direction, whole);
        }
    }
}

/// The bytes of a cell, `!` for a parity error passed over; none of a short frame such as `26(7)`
/// but the byte itself.
fn bytes_of(cell: &str) -> Vec<u8> {
    let cell = cell.split('(').next().unwrap_or_default();
    line::hex(&cell.replace('!', " "), false).0
}

/// The block without its check bytes, if they hold for type A or type B.
fn checked(frame: &[u8]) -> Option<&[u8]> {
    let (block, check) = frame.split_last_chunk::<2>()?;
    let found = u16::from_le_bytes(*check);
    let a = crc(0x6363, block);
    let b = !crc(0xFFFF, block);
    (found == a || found == b).then_some(block)
}

/// CRC_A and CRC_B before inversion (ISO/IEC 14443-3 annex B).
pub(super) fn crc(start: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(start, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            let shifted = crc >> 1;
            if crc & 1 == 1 {
                shifted ^ 0x8408
            } else {
                shifted
            }
        })
    })
}
