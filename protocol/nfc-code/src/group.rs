//! Personalisation data groups (DGI).

use alloc::vec::Vec;

use tongtu_crypto::{Algorithm, BlockKey};
use zeroize::Zeroizing;

/// The command table, as [`crate::Profile`] is written.
pub const PROFILE: u16 = 0xA001;
/// A first code.
pub const CODE: u16 = 0xA002;
/// The owner's key, for updates; as [`key`] is written. With it the application is personalised.
pub const UPDATE_KEY: u16 = 0x8001;
/// The key that results are sealed with; as [`key`] is written.
pub const RESULT_KEY: u16 = 0x8002;

/// A key group: algorithm 1 (`00` 3DES, `01` SM4), key 16.
#[must_use]
pub fn key(algorithm: Algorithm, bytes: &[u8; 16]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(17));
    out.push(match algorithm {
        Algorithm::Tdes => 0,
        Algorithm::Sm4 => 1,
    });
    out.extend(bytes);
    out
}

/// Reads a key group; `None` when it is none.
#[must_use]
pub fn read_key(group: &[u8]) -> Option<BlockKey> {
    let (algorithm, bytes) = group.split_first()?;
    let algorithm = match algorithm {
        0 => Algorithm::Tdes,
        1 => Algorithm::Sm4,
        _ => return None,
    };
    let bytes = Zeroizing::new(<[u8; 16]>::try_from(bytes).ok()?);
    Some(BlockKey::new(algorithm, *bytes))
}
