//! MACs over updates and results, bound to a challenge of the card.

use alloc::vec::Vec;

use tongtu_crypto::{BlockKey, equal, mac, sm3};

/// A card's challenge, good for the command that follows it.
pub type Challenge = [u8; 8];

/// A MAC of eight bytes.
pub type Mac = [u8; 8];

/// What a MAC is for; one made for one purpose does not hold for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An update by the code's owner.
    Update,
    /// A result by a terminal.
    Result,
}

/// The MAC: IV zero, over purpose 1, length of the body 2, challenge 8, body.
///
/// The length stands in front, so that no message is the beginning of another; the profile's
/// classes and instructions are not in it. 3DES keys make a retail MAC, SM4 keys a CBC-MAC
/// (`mac::eight_bytes`).
///
/// # Panics
/// When the body exceeds 65 535 bytes; no command here does.
#[must_use]
pub fn mac_of(key: &BlockKey, purpose: Purpose, challenge: &Challenge, body: &[u8]) -> Mac {
    let len = u16::try_from(body.len()).expect("no code and no result is that long");
    let mut message = Vec::with_capacity(11 + body.len());
    message.push(match purpose {
        Purpose::Update => 1,
        Purpose::Result => 2,
    });
    message.extend(len.to_be_bytes());
    message.extend(challenge);
    message.extend(body);
    mac::eight_bytes(key, &[0; 8], &message)
}

/// Whether the MAC holds, in a time that tells nothing.
#[must_use]
pub fn holds(
    key: &BlockKey,
    purpose: Purpose,
    challenge: &Challenge,
    body: &[u8],
    mac: &Mac,
) -> bool {
    equal(&mac_of(key, purpose, challenge, body), mac)
}

/// How a result names its code: the first eight bytes of SM3 over all of the code's bytes.
#[must_use]
pub fn code_reference(code: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sm3::digest(code);
    [a, b, c, d, e, f, g, h]
}
