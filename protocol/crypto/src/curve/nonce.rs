//! Nonces derived from key and digest (RFC 6979 §3.2, over HMAC-SM3): no randomness can fail, and
//! the same message gives the same signature.

use zeroize::Zeroizing;

use super::order::Scalar;
use crate::sm3::HmacKey;

/// The nonces for one signature, one after the other.
pub(crate) struct Nonces {
    key: Zeroizing<[u8; 32]>,
    value: Zeroizing<[u8; 32]>,
    /// Whether one was given already: the state goes on before the next.
    given: bool,
}

impl Nonces {
    /// Of a private key and a digest reduced modulo n.
    pub(crate) fn new(d: &[u8; 32], e: &Scalar) -> Self {
        let mut out = Self {
            key: Zeroizing::new([0; 32]),
            value: Zeroizing::new([1; 32]),
            given: false,
        };
        let e = e.to_bytes();
        for separator in [[0], [1]] {
            out.renew(&[&separator, d, &e]);
        }
        out
    }

    fn renew(&mut self, more: &[&[u8]]) {
        let mac = HmacKey::new(&self.key[..]);
        let mut parts: [&[u8]; 4] = [&self.value[..], &[], &[], &[]];
        parts[1..=more.len()].copy_from_slice(more);
        let key = mac.mac(&parts);
        *self.key = key;
        *self.value = HmacKey::new(&self.key[..]).mac(&[&self.value[..]]);
    }
}

impl Iterator for Nonces {
    type Item = Zeroizing<Scalar>;

    /// The next one in 1..n. How many candidates are refused tells nothing of the one that is not.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.given {
                self.renew(&[&[0]]);
            }
            self.given = true;
            *self.value = HmacKey::new(&self.key[..]).mac(&[&self.value[..]]);
            if let Some(k) = Scalar::from_bytes(&self.value).filter(|k| !k.is_zero()) {
                return Some(Zeroizing::new(k));
            }
        }
    }
}
