//! SM3 (GB/T 32905) and HMAC-SM3.

use alloc::vec;
use alloc::vec::Vec;

use ::sm3::Digest as _;
use zeroize::Zeroizing;

use crate::lanes::{self, Before, Wiped};

/// A digest: 32 bytes.
pub type Digest = [u8; 32];

/// SM3 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    ::sm3::Sm3::digest(bytes).into()
}

/// SM3 of several parts one after the other, without joining them first.
#[must_use]
pub fn digest_parts(parts: &[&[u8]]) -> Digest {
    let mut state = ::sm3::Sm3::new();
    for part in parts {
        state.update(part);
    }
    state.finalize().into()
}

/// SM3 of each message, in order; the messages go side by side, however their lengths differ.
#[must_use]
pub fn digest_each(messages: &[&[u8]]) -> Vec<Digest> {
    digest_each_after(&Before::NOTHING, messages)
}

/// The same, where the first of these came before every message, or each before its own.
pub(crate) fn digest_each_with(first: &[&[u8]], messages: &[&[u8]]) -> Vec<Digest> {
    let firsts = || first.iter().cycle().zip(messages);
    let lens: usize = firsts()
        .map(|(first, message)| first.len() + message.len())
        .sum();
    let mut joined = Vec::with_capacity(lens);
    for (first, message) in firsts() {
        joined.extend_from_slice(first);
        joined.extend_from_slice(message);
    }
    let mut rest = &joined[..];
    let mut parts = Vec::with_capacity(messages.len());
    for (first, message) in firsts() {
        let (part, after) = rest.split_at(first.len() + message.len());
        parts.push(part);
        rest = after;
    }
    digest_each(&parts)
}

/// The same, where the same blocks came before each message.
pub(crate) fn digest_each_after(before: &Before, messages: &[&[u8]]) -> Vec<Digest> {
    let mut out = vec![[0; 32]; messages.len()];
    lanes::sm3_each(before, messages, &mut out);
    out
}

/// SM3 of what comes piece by piece.
#[derive(Clone, Default)]
pub struct Hasher(::sm3::Sm3);

impl Hasher {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// SM3 of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest {
        self.0.finalize().into()
    }
}

impl core::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hasher").finish_non_exhaustive()
    }
}

/// HMAC-SM3 (RFC 2104 over SM3) of `message`.
#[must_use]
pub fn hmac(key: &[u8], message: &[u8]) -> Digest {
    HmacKey::new(key).mac(&[message])
}

/// A key of HMAC-SM3 for many messages: what of it enters each of them is computed once.
///
/// Its memory is a secret like the key's; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct HmacKey {
    /// As both begin with it, for lanes, whose states are not those of single digests.
    padded: Wiped<u8, 64>,
    inner: Hasher,
    outer: Hasher,
}

/// What the padded key is XORed with before the inner digest, and before the outer.
const MASKS: [u8; 2] = [0x36, 0x5C];

impl HmacKey {
    /// Takes a key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut padded = Wiped::<u8, 64>::blank();
        if key.len() > padded.len() {
            padded[..32].copy_from_slice(&digest(key));
        } else {
            padded[..key.len()].copy_from_slice(key);
        }
        let [inner, outer] = MASKS.map(|mask| {
            let mut hasher = Hasher::new();
            hasher.update(&masked(&padded, mask)[..]);
            hasher
        });
        Self {
            padded,
            inner,
            outer,
        }
    }

    /// HMAC-SM3 of several parts one after the other, without joining them first.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> Digest {
        let mut inner = self.inner.clone();
        for part in parts {
            inner.update(part);
        }
        let mut outer = self.outer.clone();
        outer.update(&inner.finish());
        outer.finish()
    }

    /// HMAC-SM3 of each message, in order; the messages go side by side, however their lengths differ.
    #[must_use]
    pub fn mac_each(&self, messages: &[&[u8]]) -> Vec<Digest> {
        if !lanes::hmac_pays(messages.len()) {
            return messages.iter().map(|one| self.mac(&[one])).collect();
        }
        let [inner, outer] =
            MASKS.map(|mask| Zeroizing::new(Before::of(&[*masked(&self.padded, mask)])));
        let digests = digest_each_after(&inner, messages);
        let digests: Vec<&[u8]> = digests.iter().map(|digest| &digest[..]).collect();
        let out = digest_each_after(&outer, &digests);
        lanes::wipe_stack();
        out
    }
}

fn masked(padded: &[u8; 64], mask: u8) -> Wiped<u8, 64> {
    Wiped::new(padded.map(|byte| byte ^ mask))
}

impl core::fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HmacKey").finish_non_exhaustive()
    }
}

/// Bytes with their SM3, which whoever has both need not compute again: there is no other way to make
/// one than to digest the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digested<B> {
    bytes: B,
    digest: Digest,
}

impl<B: AsRef<[u8]>> Digested<B> {
    /// Digests these bytes.
    #[must_use]
    pub fn of(bytes: B) -> Self {
        let digest = digest(bytes.as_ref());
        Self { bytes, digest }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Their SM3.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The bytes as whoever digested them had them.
    #[must_use]
    pub fn into_bytes(self) -> B {
        self.bytes
    }

    /// The same with bytes of its own.
    #[must_use]
    pub fn to_owned(&self) -> Digested<Vec<u8>> {
        Digested {
            bytes: self.bytes().to_vec(),
            digest: self.digest,
        }
    }
}

impl<B: AsRef<[u8]>> core::fmt::Debug for Digested<B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What the bytes hold may be nobody's business.
        write!(f, "Digested({} bytes)", self.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn digested_bytes_keep_their_digest_and_do_not_print() {
        let digested = Digested::of(b"bytes");
        let owned = digested.to_owned();
        assert_eq!(owned.digest(), &digest(b"bytes"));
        assert_eq!(format!("{owned:?}"), "Digested(5 bytes)");
        assert_eq!(owned.into_bytes(), b"bytes");
    }
}
