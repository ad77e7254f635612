//! Nonces derived from key and digest (RFC 6979 §3.2, over HMAC-SM3): no randomness can fail, and
//! the same message gives the same signature. The first nonces of many signatures at once are in
//! `lanes`.

use zeroize::Zeroizing;

use super::order::Scalar;
use crate::sm3::HmacKey;
use crate::trial;

/// The nonces for one signature, one after the other.
pub(crate) struct Nonces {
    /// Under the key K: what of it enters every code is computed once.
    mac: HmacKey,
    value: Zeroizing<[u8; 32]>,
    /// Whether one was given already: the state goes on before the next.
    given: bool,
}

impl Nonces {
    /// Of a private key and a digest reduced modulo n.
    pub(crate) fn new(d: &[u8; 32], e: &Scalar) -> Self {
        let mut out = Self {
            mac: under_zeros(),
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
        let mut parts: [&[u8]; 4] = [&self.value[..], &[], &[], &[]];
        parts[1..=more.len()].copy_from_slice(more);
        self.mac = HmacKey::new(&Zeroizing::new(self.mac.mac(&parts))[..]);
        self.go_on();
    }

    fn go_on(&mut self) {
        *self.value = self.mac.mac(&[&self.value[..]]);
    }
}

/// The K that all begin with is public.
#[cfg(feature = "std")]
fn under_zeros() -> HmacKey {
    static ZEROS: std::sync::OnceLock<HmacKey> = std::sync::OnceLock::new();
    ZEROS.get_or_init(|| HmacKey::new(&[0; 32])).clone()
}

#[cfg(not(feature = "std"))]
fn under_zeros() -> HmacKey {
    HmacKey::new(&[0; 32])
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
            self.go_on();
            if let Some(k) = Scalar::from_bytes(&self.value).filter(|k| !trial::told(k.is_zero())) {
                return Some(Zeroizing::new(k));
            }
        }
    }
}
