//! What the terminals of one vehicle or station tell each other about torn cards.
//!
//! Here: the notices as values and bytes, and the board on which a terminal pins those of the
//! others. How they travel, and who may send them, is the edge's. Nothing on the board is
//! believed: whatever it says, the card must prove it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use tongtu_codec::{DecodeError, Reader};
use tongtu_purse::field::{Serial, Terminal};
use tongtu_tap_record::{RecordKind, RideKey, TapRecord};
use tongtu_types::Timestamp;

/// Torn cards of other terminals that are remembered; the oldest makes way.
pub const BOARD_MAX: usize = 64;

/// What became of a torn card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The card proved the transaction; whoever says so has its record. The rider may still be
    /// waiting, if the card left before it vouched for itself.
    Recovered,
    /// The rider was let on.
    LetOn,
    /// The card proved that it did not commit.
    NotCommitted,
}

/// What a terminal tells the others of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupNotice {
    /// A card was torn away after it was asked to pay.
    Torn {
        /// The intent: the record as it will be, without TAC.
        record: Box<TapRecord>,
        /// The number by which the card is known before it is asked anything, where that is not
        /// the record's: of an e-cash the one in its FCI.
        number: Option<Serial>,
    },
    /// A torn card came back.
    Settled {
        /// Which transaction.
        ride: RideKey,
        /// Who has settled it.
        by: Terminal,
        /// How.
        how: Settlement,
    },
}

impl GroupNotice {
    const TORN: u8 = 1;
    const SETTLED: u8 = 2;
    const TORN_NUMBER: u8 = 3;
    /// Beside how it was settled: an e-cash.
    const CASH: u8 = 0x10;

    /// The notice as it travels between terminals of one make.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Torn { record, number } => {
                let mut out = match number {
                    None => [Self::TORN].to_vec(),
                    Some(number) => [&[Self::TORN_NUMBER][..], &number.0].concat(),
                };
                out.extend(
                    record
                        .encode()
                        .expect("every field is as wide as its value"),
                );
                out
            }
            Self::Settled { ride, by, how } => {
                let how = match how {
                    Settlement::Recovered => 0,
                    Settlement::NotCommitted => 1,
                    Settlement::LetOn => 2,
                };
                let how = how | if ride.is_cash { Self::CASH } else { 0 };
                [
                    &[Self::SETTLED][..],
                    &ride.serial.0,
                    &ride.sequence.to_be_bytes(),
                    &by.0,
                    &[how],
                ]
                .concat()
            }
        }
    }

    /// Reads a notice.
    ///
    /// # Errors
    /// [`DecodeError`] naming what does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("GroupNotice", bytes);
        let [kind] = fixed(&mut reader, "kind")?;
        match kind {
            Self::TORN => {
                let (record, number) = (TapRecord::decode(reader.rest())?.into(), None);
                Ok(Self::Torn { record, number })
            }
            Self::TORN_NUMBER => {
                let number = Some(Serial(fixed(&mut reader, "number")?));
                let record = TapRecord::decode(reader.rest())?.into();
                Ok(Self::Torn { record, number })
            }
            Self::SETTLED => {
                let serial = Serial(fixed(&mut reader, "serial")?);
                let sequence = u16::from_be_bytes(fixed(&mut reader, "sequence")?);
                let by = Terminal(fixed(&mut reader, "by")?);
                let [byte] = fixed(&mut reader, "how")?;
                let is_cash = byte & Self::CASH != 0;
                let how = match byte & !Self::CASH {
                    0 => Settlement::Recovered,
                    1 => Settlement::NotCommitted,
                    2 => Settlement::LetOn,
                    _ => return Err(unknown("how", 19, byte)),
                };
                if !reader.is_at_end() {
                    return Err(DecodeError {
                        record: "GroupNotice",
                        field: "length",
                        offset: 0,
                        kind: tongtu_codec::FieldError::Trailing {
                            extra: reader.rest().len(),
                        },
                    });
                }
                let ride = RideKey {
                    serial,
                    sequence,
                    is_cash,
                };
                Ok(Self::Settled { ride, by, how })
            }
            byte => Err(unknown("kind", 0, byte)),
        }
    }
}

fn fixed<const N: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<[u8; N], DecodeError> {
    let bytes = reader.take(field, N)?;
    Ok(bytes.try_into().expect("as many as were asked for"))
}

fn unknown(field: &'static str, offset: usize, byte: u8) -> DecodeError {
    DecodeError {
        record: "GroupNotice",
        field,
        offset,
        kind: tongtu_codec::FieldError::Character {
            at: 0,
            byte,
            expected: "a value that this version has",
        },
    }
}

/// The torn cards of the other terminals.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupBoard {
    torn: VecDeque<(Timestamp, Box<TapRecord>)>,
}

impl GroupBoard {
    /// Pins a torn card; a later one of the same card replaces it.
    pub(super) fn pin(&mut self, record: Box<TapRecord>, now: Timestamp) {
        let of = |record: &TapRecord| (record.serial, record.kind == RecordKind::Cash);
        self.torn.retain(|(_, other)| of(other) != of(&record));
        if self.torn.len() == BOARD_MAX {
            self.torn.pop_front();
        }
        self.torn.push_back((now, record));
    }

    /// Keeps the torn cards of these terminals only.
    pub(super) fn keep(&mut self, is_beside: impl Fn(Terminal) -> bool) {
        self.torn.retain(|(_, record)| is_beside(record.terminal));
    }

    /// Takes a transaction off; what was there, and when it was pinned.
    pub(super) fn take_off(&mut self, ride: RideKey) -> Option<(Timestamp, Box<TapRecord>)> {
        let mut torn = self.torn.iter();
        let at = torn.position(|(_, record)| record.ride_key() == Some(ride))?;
        self.torn.remove(at)
    }

    /// The torn transaction of a purse, not older than this.
    pub(super) fn of_card(&self, serial: Serial, not_before: Timestamp) -> Option<&TapRecord> {
        let torn = self.torn.iter();
        let mut torn = torn.filter(|(_, record)| record.kind != RecordKind::Cash);
        torn.find(|(at, record)| record.serial == serial && *at >= not_before)
            .map(|(_, record)| &**record)
    }

    /// The torn payments of e-cashes, not older than this.
    pub(super) fn cashes(&self, not_before: Timestamp) -> impl Iterator<Item = &Box<TapRecord>> {
        let torn = self.torn.iter();
        torn.filter(move |(at, record)| record.kind == RecordKind::Cash && *at >= not_before)
            .map(|(_, record)| record)
    }
}
