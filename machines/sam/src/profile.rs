//! What a soft module is made with: who it is, its keys, and what it does after wrong MAC2.

use alloc::vec::Vec;
use core::fmt;

use tongtu_crypto::{Algorithm, BlockKey, diversify};
use tongtu_psam::command::{KeyPurpose, MacKeys};
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{Date, Institution, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::TEST_KEYS;
use zeroize::Zeroizing;

/// What a key of the module is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// Purchases; the key is named by its version.
    Purchase,
    /// DELIVERY KEY with this purpose; the key is named by P2.
    Crypt(KeyPurpose),
}

/// A master key of the module.
///
/// `Debug` shows its check value.
#[derive(Clone)]
pub struct ModuleKey {
    /// What it is for.
    pub role: KeyRole,
    /// Its version, or its identifier in P2.
    pub name: u8,
    /// How many factors lead from it to a card's key, 1 to 3. With 0 it is a card's key itself,
    /// whatever factors are said: test cards have published keys that are not diversified.
    pub levels: u8,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its bytes.
    pub bytes: Zeroizing<[u8; 16]>,
}

impl ModuleKey {
    /// The card's key, from factors listed card first; none for another number of them.
    pub(crate) fn derive(&self, factors: &[[u8; 8]]) -> Option<BlockKey> {
        let master = BlockKey::new(self.algorithm, *self.bytes);
        if self.levels == 0 {
            return Some(master);
        }
        if usize::from(self.levels) != factors.len() {
            return None;
        }
        let outermost_first: Vec<_> = factors.iter().rev().copied().collect();
        Some(diversify::levels(&master, &outermost_first))
    }
}

impl fmt::Debug for ModuleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleKey")
            .field("role", &self.role)
            .field("name", &self.name)
            .field("levels", &self.levels)
            .field("key", &BlockKey::new(self.algorithm, *self.bytes))
            .finish()
    }
}

/// What a soft module is made with.
#[derive(Debug, Clone)]
pub struct PsamProfile {
    /// Who it is.
    pub identity: PsamIdentity,
    /// The first terminal sequence that it gives.
    pub first_sequence: u32,
    /// Wrong MAC2 in a row that lock it.
    pub mac2_failures_max: u8,
    /// Its keys; of two for the same role, name and algorithm the first counts.
    pub keys: Vec<ModuleKey>,
}

/// Wrong MAC2 in a row that lock a module.
///
/// UNSPECIFIED: that modules count and lock is known, their limit is not. Ours is high, because
/// whoever taps a false card a few times must not put a gate out of service.
pub const MAC2_FAILURES_MAX: u8 = 15;

/// Which keys of the card's test set a module holds, and under which role and name.
const HELD: [(KeyRole, KeyUse, u8, [u8; 2]); 5] = {
    const MAC: KeyRole = KeyRole::Crypt(KeyPurpose::MAC);
    const USUAL: MacKeys = MacKeys::USUAL;
    [
        (KeyRole::Purchase, KeyUse::Purchase, 1, [1, 1]),
        (KeyRole::Purchase, KeyUse::Purchase, 2, [2, 2]),
        (
            MAC,
            KeyUse::Maintenance,
            1,
            [USUAL.lock_tdes, USUAL.lock_sm4],
        ),
        (
            MAC,
            KeyUse::QuickUpdate,
            1,
            [USUAL.update_tdes, USUAL.update_sm4],
        ),
        (
            KeyRole::Crypt(KeyPurpose::INTERNAL),
            KeyUse::Internal,
            1,
            [0x01, 0x41],
        ),
    ]
};

/// The 16 bytes `first`, `first + 1`, …, as [`TEST_KEYS`] says them.
fn test_key(first: u8) -> [u8; 16] {
    let mut byte = first;
    [0; 16].map(|_: u8| {
        let this = byte;
        byte = byte.wrapping_add(1);
        this
    })
}

impl PsamProfile {
    /// A module with the published test keys as master keys, two levels above a card.
    #[must_use]
    pub fn test() -> Self {
        Self::test_with(2)
    }

    /// A module for test cards whose keys are the published ones themselves.
    #[must_use]
    pub fn test_flat() -> Self {
        Self::test_with(0)
    }

    fn test_with(levels: u8) -> Self {
        let mut keys = Vec::new();
        for (at, algorithm) in [Algorithm::Tdes, Algorithm::Sm4].into_iter().enumerate() {
            for (role, purpose, version, names) in HELD {
                let run = TEST_KEYS
                    .iter()
                    .find(|(known, number, _)| (*known, *number) == (purpose, version));
                let bytes = run.map(|(_, _, first)| Zeroizing::new(test_key(*first)));
                keys.extend(bytes.map(|bytes| ModuleKey {
                    role,
                    name: names[at],
                    levels,
                    algorithm,
                    bytes,
                }));
            }
        }
        Self {
            identity: PsamIdentity {
                serial: PsamSerial([0x54, 0x54, 0x50, 0x53, 0x41, 0x4D, 0, 0, 0, 0x01]),
                terminal: Terminal([0x10, 0x00, 0x00, 0x00, 0x00, 0x01]),
                key_index: 1,
                issuer: Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]),
                receiver: Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]),
                starts: Date([0x20, 0x20, 0x01, 0x01]),
                expires: Date([0x20, 0x40, 0x12, 0x31]),
            },
            first_sequence: 1,
            mac2_failures_max: MAC2_FAILURES_MAX,
            keys,
        }
    }

    /// The same module as the `number`th of several: its own serial and terminal number.
    #[must_use]
    pub const fn numbered(mut self, number: u16) -> Self {
        let [a, b] = number.to_be_bytes();
        self.identity.serial.0[8] = a;
        self.identity.serial.0[9] = b;
        self.identity.terminal.0[4] = a;
        self.identity.terminal.0[5] = b;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let shown = alloc::format!("{:?}", PsamProfile::test());
        assert!(shown.contains("kcv"), "{shown}");
        assert!(
            !shown.contains("16, 17, 18") && !shown.contains("101112"),
            "{shown}"
        );
    }
}
