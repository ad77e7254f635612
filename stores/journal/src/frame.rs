//! The journal's bytes: one frame per fact, each with its own checksum.
//!
//! ```text
//! file   "TTJRNL02" | head frame | frames …
//! frame  mark 54h | payload length 3 | kind 1 | seq 8 | durable 8 | payload | CRC-32 4
//! ```
//!
//! All integers are big-endian; the CRC covers everything before it. `durable` is how much of
//! the file was known to be safe on the device when the frame was written: it lets a reader tell
//! a torn end (nothing there was ever promised) from damage to something that was.

/// What every journal begins with.
pub(crate) const MAGIC: [u8; 8] = *b"TTJRNL02";
/// What journals of the version before begin with; they are rewritten when they are opened.
pub(crate) const MAGIC_1: [u8; 8] = *b"TTJRNL01";
/// Longest record or intent.
pub(crate) const RECORD_LEN_MAX: usize = 8192;
/// Longest payload: the longest record and what stands before it.
pub(crate) const PAYLOAD_LEN_MAX: usize = 8 + CHAIN_LEN + RECORD_LEN_MAX;
/// A value of the chain.
pub(crate) const CHAIN_LEN: usize = 32;
/// Most numbers in one acknowledgement frame.
pub(crate) const ACKNOWLEDGED_MAX: usize = 1024;
const _: () = assert!(8 * ACKNOWLEDGED_MAX <= PAYLOAD_LEN_MAX, "a batch fits");

const MARK: u8 = 0x54;
const HEAD_LEN: usize = 1 + 3 + 1 + 8 + 8;
const CRC_LEN: usize = 4;

/// What a frame states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// First in every file; seq is the number the next record gets if none follow, the payload
    /// the chain's value at the last record before it.
    Head = 0,
    /// A record; payload: the chain's value at it 32, the record.
    Record = 1,
    /// The rider was told of record seq; the payload is the code that completed the ride, if it
    /// was another one than the record's.
    Told = 2,
    /// The acquirer has the records whose numbers are the payload, 8 bytes each.
    Acknowledged = 3,
    /// Lists of version seq were taken; payload: SM3 32, Unix seconds 8.
    Lists = 4,
    /// What a card is about to be asked; seq is the intent's id, the payload is it.
    Intent = 5,
    /// The intent with id seq is forgotten; no payload.
    IntentDropped = 6,
    /// A record and the end of its intent; payload: the intent's id 8, the chain's value 32, the
    /// record.
    Closing = 7,
    /// The payload is the chain's value before the next record here, which follows on one that
    /// was released.
    Base = 8,
}

impl Kind {
    const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Head,
            1 => Self::Record,
            2 => Self::Told,
            3 => Self::Acknowledged,
            4 => Self::Lists,
            5 => Self::Intent,
            6 => Self::IntentDropped,
            7 => Self::Closing,
            8 => Self::Base,
            _ => return None,
        })
    }
}

/// One frame, borrowed from the file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    pub(crate) seq: u64,
    pub(crate) durable: u64,
    pub(crate) payload: &'a [u8],
}

/// Why bytes are no whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// The bytes end before the frame does.
    #[error("cut off")]
    CutOff,
    /// The first byte is not a frame's.
    #[error("no frame begins here")]
    Mark,
    /// The length is beyond any frame's.
    #[error("length beyond any frame's")]
    Length,
    /// A kind that this version does not know.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// The checksum is another's.
    #[error("checksum is another's")]
    Checksum,
    /// The content is not what the kind calls for, or not what may follow here.
    #[error("content does not belong here")]
    Content,
    /// The record does not follow on the one before it: a record was changed, taken out or put
    /// in, and its checksum made to fit.
    #[error("the chain over the records does not hold")]
    Chain,
}

impl<'a> Frame<'a> {
    /// Reads the frame at the front of `bytes`, and says how long it is.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<(Self, usize), FrameFault> {
        if bytes.first().is_some_and(|mark| *mark != MARK) {
            return Err(FrameFault::Mark);
        }
        let head: &[u8; HEAD_LEN] = bytes.first_chunk().ok_or(FrameFault::CutOff)?;
        let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().expect("eight"));
        let payload_len = head[1..4].iter().fold(0, |n, b| n << 8 | usize::from(*b));
        if payload_len > PAYLOAD_LEN_MAX {
            return Err(FrameFault::Length);
        }
        let (body, rest) = bytes
            .split_at_checked(HEAD_LEN + payload_len)
            .ok_or(FrameFault::CutOff)?;
        let crc: &[u8; CRC_LEN] = rest.first_chunk().ok_or(FrameFault::CutOff)?;
        if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
            return Err(FrameFault::Checksum);
        }
        let kind = Kind::of(head[4]).ok_or(FrameFault::Kind(head[4]))?;
        let frame = Self {
            kind,
            seq: number(5),
            durable: number(13),
            payload: &body[HEAD_LEN..],
        };
        Ok((frame, body.len() + CRC_LEN))
    }

    /// Writes the frame behind `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        debug_assert!(self.payload.len() <= PAYLOAD_LEN_MAX, "callers split");
        let start = out.len();
        let len = u32::try_from(self.payload.len()).expect("bounded above");
        out.extend((u32::from(MARK) << 24 | len).to_be_bytes());
        out.push(self.kind as u8);
        out.extend(self.seq.to_be_bytes());
        out.extend(self.durable.to_be_bytes());
        out.extend(self.payload);
        let crc = crc32fast::hash(&out[start..]);
        out.extend(crc.to_be_bytes());
    }
}

/// Bytes of a frame with that much payload.
pub(crate) const fn frame_len(payload_len: usize) -> usize {
    HEAD_LEN + payload_len + CRC_LEN
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn round_trips_and_sees_every_flipped_bit() {
        let frame = Frame {
            kind: Kind::Record,
            seq: 7,
            durable: 300,
            payload: b"a record",
        };
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        assert_eq!(bytes.len(), frame_len(8));
        assert_eq!(Frame::read(&bytes), Ok((frame, bytes.len())));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::read(&bad).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert_eq!(Frame::read(&bytes[..len]), Err(FrameFault::CutOff));
        }
    }

    fn kind() -> impl Strategy<Value = Kind> {
        (0..=8u8).prop_map(|byte| Kind::of(byte).unwrap())
    }

    proptest! {
        #[test]
        fn every_frame_round_trips_and_no_part_of_it_is_one(
            kind in kind(),
            seq in any::<u64>(),
            durable in any::<u64>(),
            payload in prop::collection::vec(any::<u8>(), 0..300),
            cut in any::<prop::sample::Index>(),
            bit in any::<prop::sample::Index>(),
        ) {
            let frame = Frame { kind, seq, durable, payload: &payload };
            let mut bytes = Vec::new();
            frame.write(&mut bytes);
            prop_assert_eq!(Frame::read(&bytes), Ok((frame, bytes.len())));
            let part = &bytes[..cut.index(bytes.len())];
            prop_assert_eq!(Frame::read(part), Err(FrameFault::CutOff));
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Frame::read(&bytes).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Frame::read(&bytes);
        }
    }
}
