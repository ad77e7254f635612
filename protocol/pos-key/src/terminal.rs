//! A terminal's side: its master key, and the work keys that it believes.

use alloc::vec::Vec;
use core::fmt;

use tongtu_crypto::{Algorithm, BlockKey};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::KeyError;
use crate::field::{Block, KeyPart, WorkKeys, Wrapped};

/// A custodian's part of a TMK (密钥分量), with the check value on the letter. Zeroized on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Component {
    bytes: [u8; 16],
    #[zeroize(skip)]
    kcv: [u8; 4],
}

impl Component {
    /// What one custodian types.
    #[must_use]
    pub const fn new(bytes: [u8; 16], kcv: [u8; 4]) -> Self {
        Self { bytes, kcv }
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Component(16 bytes)")
    }
}

/// The master key of all components: their XOR, verified.
///
/// # Errors
/// [`KeyError`] naming the component, or the whole, that is not what was announced.
pub fn combine(
    algorithm: Algorithm,
    components: &[Component],
    expected: [u8; 4],
) -> Result<BlockKey, KeyError> {
    let found = components.len();
    let mut sum = Zeroizing::new([0; 16]);
    for (number, component) in (1..).zip(components) {
        let one = BlockKey::new(algorithm, component.bytes);
        if !tongtu_crypto::equal(&one.long_kcv(), &component.kcv) {
            return Err(KeyError::Component { number });
        }
        for (slot, byte) in sum.iter_mut().zip(component.bytes) {
            *slot ^= byte;
        }
    }
    if !(2..=9).contains(&found) || *sum == [0; 16] {
        return Err(KeyError::Components { found });
    }
    let key = BlockKey::new(algorithm, *sum);
    if tongtu_crypto::equal(&key.long_kcv(), &expected) {
        Ok(key)
    } else {
        Err(KeyError::CheckValue {
            part: KeyPart::Master,
        })
    }
}

/// A MAK: with a single length, MACs are made by single DES.
#[derive(Debug)]
pub struct MacKey {
    /// The key; one of single length stands in it twice, which is the same cipher.
    pub key: BlockKey,
    /// Whether it has a single length.
    pub is_single: bool,
}

/// Work keys that were believed. `Debug` shows check values.
#[derive(Debug)]
pub struct Opened {
    /// PIK.
    pub pin: BlockKey,
    /// MAK.
    pub mac: MacKey,
    /// TDK, if there is one.
    pub track: Option<BlockKey>,
}

/// A terminal's keys.
#[derive(Debug)]
pub struct TerminalKeys {
    master: BlockKey,
    work: Option<Opened>,
}

impl TerminalKeys {
    /// A terminal with a master key, before its first sign-in.
    #[must_use]
    pub const fn new(master: BlockKey) -> Self {
        Self { master, work: None }
    }

    /// Takes the work keys of a sign-in answer: all of them, or none and the old ones are gone,
    /// because the host has forgotten those.
    ///
    /// # Errors
    /// [`KeyError`] naming the key that is not what was announced.
    pub fn sign_in(&mut self, field62: &[u8]) -> Result<&Opened, KeyError> {
        self.work = None;
        let opened = WorkKeys::decode(field62)?.open(&self.master)?;
        Ok(self.work.insert(opened))
    }

    /// The work keys, after a sign-in.
    #[must_use]
    pub const fn work(&self) -> Option<&Opened> {
        self.work.as_ref()
    }
}

impl WorkKeys {
    /// Opens and verifies the keys under a master key.
    ///
    /// # Errors
    /// [`KeyError`] naming the key that is not what was announced.
    pub fn open(&self, master: &BlockKey) -> Result<Opened, KeyError> {
        let open = |part, wrapped| opened(master, part, wrapped);
        let (pin, _) = open(KeyPart::Pin, &self.pin)?;
        let (mac, is_single) = open(KeyPart::Mac, &self.mac)?;
        let track = self.track.as_ref();
        let track = track.map(|wrapped| open(KeyPart::Track, wrapped));
        Ok(Opened {
            pin,
            mac: MacKey {
                key: mac,
                is_single,
            },
            track: track.transpose()?.map(|(key, _)| key),
        })
    }
}

fn opened(
    master: &BlockKey,
    part: KeyPart,
    wrapped: &Wrapped,
) -> Result<(BlockKey, bool), KeyError> {
    let algorithm = master.algorithm();
    let (mut bytes, is_single) = match wrapped.block {
        Block::Double(key) => (Zeroizing::new(Vec::from(key)), false),
        Block::Single(_) if algorithm == Algorithm::Sm4 => {
            return Err(KeyError::Single { part });
        }
        Block::Single(key) => (Zeroizing::new(Vec::from(key)), true),
    };
    master
        .decrypt_blocks(&mut bytes)
        .expect("eight bytes are a block of DES, sixteen are blocks of either");
    let mut key = Zeroizing::new([0; 16]);
    for (slot, byte) in key.iter_mut().zip(bytes.iter().cycle()) {
        *slot = *byte;
    }
    let key = BlockKey::new(algorithm, *key);
    if tongtu_crypto::equal(&key.long_kcv(), &wrapped.kcv) {
        Ok((key, is_single))
    } else {
        Err(KeyError::CheckValue { part })
    }
}
