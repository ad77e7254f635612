//! Numbers modulo the order n of the group: private keys, nonces, halves of signatures.
//!
//! Kept as they are, below n. Only signing multiplies here, and everything takes the same time for
//! all values.

use zeroize::DefaultIsZeroes;

use super::limbs::{self, Limbs};
use crate::trial;

/// n.
pub(crate) const N: Limbs = [
    0x53BB_F409_39D5_4123,
    0x7203_DF6B_21C6_052B,
    0xFFFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFE_FFFF_FFFF,
];

/// -1 / n mod 2^64.
const DIGIT: u64 = 0x327F_9E88_7235_0975;

/// 2^512 mod n.
const INTO_FORM: Limbs = [
    0x9011_92AF_7C11_4F20,
    0x3464_504A_DE6F_A2FA,
    0x620F_C84C_3AFF_E0D4,
    0x1EB5_E412_A22B_3D3B,
];

/// A number modulo n.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
// Only for what a failing test says: a scalar may be a secret.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Scalar(Limbs);

impl DefaultIsZeroes for Scalar {}

impl Scalar {
    pub(crate) const ONE: Self = Self([1, 0, 0, 0]);

    /// Takes 32 bytes, the highest first, that are below n.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let limbs = limbs::from_bytes(bytes);
        let (_, below) = limbs::sub(&limbs, &N);
        trial::told(below).then_some(Self(limbs))
    }

    /// Takes 32 bytes modulo n.
    pub(crate) fn reduced(bytes: &[u8; 32]) -> Self {
        Self::reduce(&limbs::from_bytes(bytes))
    }

    /// Takes any 256 bits modulo n: 2^256 < 2n, so that one subtraction is enough.
    pub(crate) fn reduce(limbs: &Limbs) -> Self {
        Self(limbs::below(limbs, false, &N))
    }

    /// 32 bytes, the highest first.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        limbs::to_bytes(&self.0)
    }

    pub(crate) const fn limbs(&self) -> &Limbs {
        &self.0
    }

    /// Whether this is zero, in a time that tells nothing but the answer.
    pub(crate) fn is_zero(&self) -> bool {
        limbs::mask_nonzero(&self.0) == 0
    }

    pub(crate) fn add(&self, other: &Self) -> Self {
        let (sum, carry) = limbs::add(&self.0, &other.0);
        Self(limbs::below(&sum, carry, &N))
    }

    pub(crate) fn sub(&self, other: &Self) -> Self {
        let (difference, borrow) = limbs::sub(&self.0, &other.0);
        let mask = limbs::mask_of(borrow);
        let (sum, _) = limbs::add(&difference, &N.map(|limb| limb & mask));
        Self(sum)
    }

    /// Its odd form, and ones when that is the negative: of a number and n less it, one is odd.
    /// Zero has none: it gives n.
    pub(crate) fn odd(&self) -> (Limbs, u64) {
        let (negative, _) = limbs::sub(&N, &self.0);
        let even = limbs::mask_of(self.0[0] & 1 == 0);
        (limbs::select(even, &negative, &self.0), even)
    }

    /// 1 / x, ready to multiply with; zero for zero. x^(n-2).
    pub(crate) fn invert(&self) -> Factor {
        let x = Factor::of(self);
        let (exponent, _) = limbs::sub(&N, &[2, 0, 0, 0]);
        let mut out = x;
        // The highest bit is the number itself.
        for at in (0..255).rev() {
            out = Factor(montgomery(&out.0, &out.0));
            if limbs::bits(&exponent, at, 1) == 1 {
                out = Factor(montgomery(&out.0, &x.0));
            }
        }
        out
    }
}

/// A number to multiply with: x · 2^256 mod n.
#[derive(Clone, Copy, Default)]
pub(crate) struct Factor(Limbs);

impl DefaultIsZeroes for Factor {}

impl Factor {
    fn of(x: &Scalar) -> Self {
        Self(montgomery(&x.0, &INTO_FORM))
    }

    pub(crate) fn times(&self, x: &Scalar) -> Scalar {
        Scalar(montgomery(&self.0, &x.0))
    }
}

/// a · b / 2^256 mod n.
fn montgomery(a: &Limbs, b: &Limbs) -> Limbs {
    let mut t = limbs::product(a, b);
    let mut pending = false;
    for i in 0..4 {
        let m = t[i].wrapping_mul(DIGIT);
        let mut carry = 0;
        for j in 0..4 {
            (t[i + j], carry) = m.carrying_mul_add(N[j], t[i + j], carry);
        }
        (t[i + 4], pending) = t[i + 4].carrying_add(carry, pending);
    }
    limbs::below(&[t[4], t[5], t[6], t[7]], pending, &N)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::limbs::any_limbs;
    use super::*;

    proptest! {
        #[test]
        fn products_are_those_of_doubling_and_adding(a in any_limbs(), b in any_limbs()) {
            let (a, b) = (Scalar::reduce(&a), Scalar::reduce(&b));
            let mut slow = Scalar::default();
            for at in (0..256).rev() {
                slow = slow.add(&slow);
                if limbs::bits(b.limbs(), at, 1) == 1 {
                    slow = slow.add(&a);
                }
            }
            prop_assert!(Factor::of(&b).times(&a) == slow);
        }

        #[test]
        fn an_inverse_undoes(a in any_limbs()) {
            let a = Scalar::reduce(&a);
            prop_assume!(!a.is_zero());
            prop_assert!(a.invert().times(&a) == Scalar::ONE);
        }

        #[test]
        fn one_of_a_number_and_its_negative_is_odd(a in any_limbs()) {
            let a = Scalar::reduce(&a);
            let (odd, negative) = a.odd();
            prop_assert_eq!(odd[0] & 1, 1);
            if !a.is_zero() {
                let back = Scalar::reduce(&odd);
                let back = match negative {
                    0 => back,
                    _ => Scalar::default().sub(&back),
                };
                prop_assert_eq!(a, back);
            }
        }
    }
}
