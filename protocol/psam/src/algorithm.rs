//! Algorithm identifiers (算法标识), the byte with which a card says which key set it uses.

use tongtu_crypto::Algorithm;

/// The algorithm that an identifier means.
///
/// UNSPECIFIED: cards were seen with 00 and 01 for 3DES, and 04 for SM4; any other is no
/// algorithm that we know.
#[must_use]
pub const fn algorithm_of(identifier: u8) -> Option<Algorithm> {
    match identifier {
        0x00 | 0x01 => Some(Algorithm::Tdes),
        0x04 => Some(Algorithm::Sm4),
        _ => None,
    }
}
