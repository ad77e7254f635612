//! Field 62 of a sign-in answer.
//!
//! | 60.3 | PIK | MAK | TDK | bytes |
//! |---|---|---|---|---|
//! | 001 | 8 + 4 | 8 + 4 | | 24 |
//! | 003 | 16 + 4 | 16 + 4 | | 40 |
//! | 004 | 16 + 4 | 16 + 4 | 16 + 4 | 60 |
//!
//! Each key is enciphered under the TMK block for block; four bytes of check value follow.
//! CONFLICT: in a slot of 16 bytes most hosts send a MAK of single length and eight zeros, some a
//! MAK of double length, and one puts the check value right behind the eight bytes. A slot whose
//! second half is zero, or whose last eight bytes are, is of single length.
//! UNSPECIFIED: a field of 84 bytes with keys of triple length is heard of; no layout of it was
//! seen, and it is refused by its length.

use alloc::vec::Vec;
use core::fmt;

use crate::error::KeyError;

/// Which of the work keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPart {
    /// TMK (终端主密钥).
    Master,
    /// PIK: PIN blocks.
    Pin,
    /// MAK: MACs of messages.
    Mac,
    /// TDK: tracks.
    Track,
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Master => "TMK",
            Self::Pin => "PIK",
            Self::Mac => "MAK",
            Self::Track => "TDK",
        })
    }
}

/// The bytes of an enciphered key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Single length: DES only.
    Single([u8; 8]),
    /// Double length.
    Double([u8; 16]),
}

/// A work key, enciphered under the TMK, with its check value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapped {
    /// The enciphered key.
    pub block: Block,
    /// The first four bytes of zeros enciphered under the key.
    pub kcv: [u8; 4],
}

/// How a MAK of single length lies in a slot of 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MacForm {
    /// Key, eight zeros, check value.
    #[default]
    Padded,
    /// Key, check value, eight zeros.
    Early,
}

/// The work keys of one sign-in answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkKeys {
    /// PIK.
    pub pin: Wrapped,
    /// MAK.
    pub mac: Wrapped,
    /// How a MAK of single length lies in a longer slot.
    pub mac_form: MacForm,
    /// TDK, where tracks are enciphered.
    pub track: Option<Wrapped>,
}

const SHORT: usize = 24;
const PAIR: usize = 40;
const ALL: usize = 60;

impl WorkKeys {
    /// Reads field 62.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let wrong = || KeyError::Length { found: bytes.len() };
        if bytes.len() == SHORT {
            let (slots, _) = bytes.as_chunks::<12>();
            let [pin, mac] = slots else {
                return Err(wrong());
            };
            return Ok(Self {
                pin: single(pin),
                mac: single(mac),
                mac_form: MacForm::Padded,
                track: None,
            });
        }
        if ![PAIR, ALL].contains(&bytes.len()) {
            return Err(wrong());
        }
        let (slots, _) = bytes.as_chunks::<20>();
        let (pin, mac, track) = match slots {
            [pin, mac] => (pin, mac, None),
            [pin, mac, track] => (pin, mac, Some(double(track))),
            _ => return Err(wrong()),
        };
        let (mac, mac_form) = match *mac {
            [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0, k, l, m, n]
            | [a, b, c, d, e, f, g, h, k, l, m, n, 0, 0, 0, 0, 0, 0, 0, 0] => {
                let is_padded = mac[8..16] == [0; 8];
                let wrapped = Wrapped {
                    block: Block::Single([a, b, c, d, e, f, g, h]),
                    kcv: [k, l, m, n],
                };
                let form = if is_padded {
                    MacForm::Padded
                } else {
                    MacForm::Early
                };
                (wrapped, form)
            }
            _ => (double(mac), MacForm::Padded),
        };
        Ok(Self {
            pin: double(pin),
            mac,
            mac_form,
            track,
        })
    }

    /// Writes field 62, in the shortest layout in which all of them have a place.
    ///
    /// # Errors
    /// [`KeyError::NoPlace`] for a PIK or TDK of single length beside keys of double length.
    pub fn encode(&self) -> Result<Vec<u8>, KeyError> {
        let mut out = Vec::new();
        if let (Block::Single(pin), Block::Single(mac), None) =
            (self.pin.block, self.mac.block, self.track)
        {
            for (key, kcv) in [(pin, self.pin.kcv), (mac, self.mac.kcv)] {
                out.extend(key);
                out.extend(kcv);
            }
            return Ok(out);
        }
        let len = if self.track.is_some() { ALL } else { PAIR };
        let slots = [
            (KeyPart::Pin, Some(self.pin)),
            (KeyPart::Mac, Some(self.mac)),
            (KeyPart::Track, self.track),
        ];
        for (part, wrapped) in slots {
            let Some(wrapped) = wrapped else { continue };
            match (wrapped.block, part, self.mac_form) {
                (Block::Double(key), ..) => {
                    out.extend(key);
                    out.extend(wrapped.kcv);
                }
                (Block::Single(key), KeyPart::Mac, MacForm::Padded) => {
                    out.extend(key);
                    out.extend([0; 8]);
                    out.extend(wrapped.kcv);
                }
                (Block::Single(key), KeyPart::Mac, MacForm::Early) => {
                    out.extend(key);
                    out.extend(wrapped.kcv);
                    out.extend([0; 8]);
                }
                (Block::Single(_), part, _) => return Err(KeyError::NoPlace { part, len }),
            }
        }
        Ok(out)
    }
}

const fn single(slot: &[u8; 12]) -> Wrapped {
    let [a, b, c, d, e, f, g, h, k, l, m, n] = *slot;
    Wrapped {
        block: Block::Single([a, b, c, d, e, f, g, h]),
        kcv: [k, l, m, n],
    }
}

fn double(slot: &[u8; 20]) -> Wrapped {
    let (key, kcv) = slot.split_at(16);
    Wrapped {
        block: Block::Double(key.try_into().expect("split at sixteen")),
        kcv: kcv.try_into().expect("four of twenty are left"),
    }
}
