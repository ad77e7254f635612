//! What the terminals of one vehicle or station tell each other about torn cards, and about riders
//! whom nobody told that they have paid.
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
    /// A ride is recorded, and its rider was perhaps not told: the terminal lost its power
    /// between the one and the other.
    Untold {
        /// The ride's record, with the card's proof.
        record: Box<TapRecord>,
        /// As of a torn card.
        number: Option<Serial>,
    },
    /// A torn card came back, or a rider who was not told.
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
    const UNTOLD: u8 = 4;
    const UNTOLD_NUMBER: u8 = 5;
    /// Beside how it was settled: an e-cash.
    const CASH: u8 = 0x10;

    /// The notice as it travels between terminals of one make.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Torn { record, number } => {
                with_record([Self::TORN, Self::TORN_NUMBER], record, *number)
            }
            Self::Untold { record, number } => {
                with_record([Self::UNTOLD, Self::UNTOLD_NUMBER], record, *number)
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
            Self::TORN | Self::TORN_NUMBER | Self::UNTOLD | Self::UNTOLD_NUMBER => {
                let number = match kind {
                    Self::TORN_NUMBER | Self::UNTOLD_NUMBER => {
                        Some(Serial(fixed(&mut reader, "number")?))
                    }
                    _ => None,
                };
                let record = TapRecord::decode(reader.rest())?.into();
                Ok(match kind {
                    Self::TORN | Self::TORN_NUMBER => Self::Torn { record, number },
                    _ => Self::Untold { record, number },
                })
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

/// A record behind its kind, of which the second one says that a number comes first.
fn with_record(kinds: [u8; 2], record: &TapRecord, number: Option<Serial>) -> Vec<u8> {
    let [without, with] = kinds;
    let mut out = match number {
        None => [without].to_vec(),
        Some(number) => [&[with][..], &number.0].concat(),
    };
    let record = record.encode();
    out.extend(record.expect("every field is as wide as its value"));
    out
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

/// What another terminal said of a card.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    /// When it was torn, as far as is known: heard, or of a ride recorded.
    at: Timestamp,
    pub(super) record: Box<TapRecord>,
    /// It is a ride's own record, and only its rider was not told.
    pub(super) is_untold: bool,
}

impl Pinned {
    fn is_cash(&self) -> bool {
        self.record.kind == RecordKind::Cash
    }
}

/// The torn cards of the other terminals, and their riders who were not told.
#[derive(Debug, Clone, Default)]
pub(super) struct GroupBoard {
    pinned: VecDeque<Pinned>,
    /// Rides on which somebody was let on, so that a notice that comes late lets nobody on again.
    ended: VecDeque<RideKey>,
}

impl GroupBoard {
    /// Pins a torn card; a later one of the same card replaces it.
    pub(super) fn torn(&mut self, record: Box<TapRecord>, now: Timestamp) {
        let (at, is_untold) = (now, false);
        self.pin(Pinned {
            at,
            record,
            is_untold,
        });
    }

    /// Pins a ride whose rider was not told. It never covers what was torn later.
    pub(super) fn untold(&mut self, record: Box<TapRecord>, now: Timestamp) {
        // Told late, it does not last longer; and a clock that is ahead of ours gives it no more.
        let recorded = record.recorded_at.instant().unwrap_or_default();
        let pinned = Pinned {
            at: recorded.min(now),
            record,
            is_untold: true,
        };
        let is_later = |other: &Pinned| {
            let (one, other) = (&pinned.record, &other.record);
            other.serial == one.serial && other.kind == one.kind && other.at > one.at
        };
        if !self.pinned.iter().any(is_later) {
            self.pin(pinned);
        }
    }

    fn pin(&mut self, pinned: Pinned) {
        let ride = pinned.record.ride_key();
        if ride.is_some_and(|ride| self.ended.contains(&ride)) {
            return;
        }
        let of = |pinned: &Pinned| (pinned.record.serial, pinned.is_cash());
        self.pinned.retain(|other| of(other) != of(&pinned));
        if self.pinned.len() == BOARD_MAX {
            self.pinned.pop_front();
        }
        self.pinned.push_back(pinned);
    }

    /// Keeps the cards of these terminals only.
    pub(super) fn keep(&mut self, is_beside: impl Fn(Terminal) -> bool) {
        self.pinned
            .retain(|pinned| is_beside(pinned.record.recorder));
    }

    /// Takes a transaction off; what was there, and when it was pinned.
    pub(super) fn take_off(&mut self, ride: RideKey) -> Option<(Timestamp, Box<TapRecord>)> {
        let mut pinned = self.pinned.iter();
        let at = pinned.position(|pinned| pinned.record.ride_key() == Some(ride))?;
        let pinned = self.pinned.remove(at)?;
        Some((pinned.at, pinned.record))
    }

    /// Somebody was let on, here or elsewhere: whatever comes of this ride lets nobody on.
    pub(super) fn end(&mut self, ride: RideKey) {
        self.take_off(ride);
        if self.ended.contains(&ride) {
            return;
        }
        if self.ended.len() == BOARD_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(ride);
    }

    /// What there is of a purse, not older than this.
    pub(super) fn of_card(&self, serial: Serial, not_before: Timestamp) -> Option<&Pinned> {
        let mut pinned = self.pinned.iter();
        pinned.find(|pinned| {
            !pinned.is_cash() && pinned.record.serial == serial && pinned.at >= not_before
        })
    }

    /// What there is of e-cashes, not older than this.
    pub(super) fn cashes(&self, not_before: Timestamp) -> impl Iterator<Item = &Pinned> {
        let pinned = self.pinned.iter();
        pinned.filter(move |pinned| pinned.is_cash() && pinned.at >= not_before)
    }
}
