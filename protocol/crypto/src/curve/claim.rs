//! What a signature claims: that the sum s·G + t·P has a certain x modulo n.
//!
//! No inversion is needed to check it: x is compared as x · z^2 with the sum's numerator. x is below
//! p and known modulo n only, so that x + n is tried too where it is below p.

#[cfg(feature = "std")]
use super::comb::Comb;
use super::field::{Arithmetic, Fe};
use super::limbs;
use super::multiple;
use super::order::{N, Scalar};
use super::point::{Affine, Jacobian};
#[cfg(feature = "std")]
use super::recode::OddDigits;

/// A signature whose numbers are in their ranges, over a digest.
pub(crate) struct Claim {
    /// The generator's factor; not zero.
    pub(crate) s: Scalar,
    /// The key's factor, r + s; not zero.
    pub(crate) t: Scalar,
    /// What the sum's x is modulo n: r - e.
    pub(crate) x: Scalar,
}

impl Claim {
    /// Reads r || s over the digest e; none where r, s or r + s is out of range.
    pub(crate) fn read(e: &[u8; 32], signature: &[u8; 64]) -> Option<Self> {
        let (r, s) = signature.split_first_chunk::<32>()?;
        let r = Scalar::from_bytes(r).filter(|r| !r.is_zero())?;
        let s = Scalar::from_bytes(s.first_chunk()?).filter(|s| !s.is_zero())?;
        let t = r.add(&s);
        let x = r.sub(&Scalar::reduced(e));
        (!t.is_zero()).then_some(Self { s, t, x })
    }

    /// Whether it holds under a key.
    pub(crate) fn holds(&self, key: &Affine) -> bool {
        let sum = multiple::sum_vartime(&self.s, &self.t, key);
        by_best!(k => self.is_met_by(k, &sum))
    }

    /// Whether it holds under a key of which there is a table.
    #[cfg(feature = "std")]
    pub(crate) fn holds_by_table(&self, key: &Comb<8>) -> bool {
        by_best!(k => {
            let mut sum = Jacobian::INFINITY;
            key.add_vartime(k, &mut sum, &OddDigits::of(&self.t));
            multiple::generator().add_vartime(k, &mut sum, &OddDigits::of(&self.s));
            self.is_met_by(k, &sum)
        })
    }

    fn is_met_by(&self, k: impl Arithmetic, sum: &Jacobian) -> bool {
        if sum.is_infinity() {
            return false;
        }
        let zz = k.square(&sum.z);
        let is = |x: &limbs::Limbs| Fe::from_limbs(x).is_some_and(|x| k.mul(&x, &zz) == sum.x);
        is(self.x.limbs()) || self.x_beyond_n().is_some_and(|x| is(&x))
    }

    /// x + n, where that is below 2^256.
    fn x_beyond_n(&self) -> Option<limbs::Limbs> {
        let (sum, carry) = limbs::add(self.x.limbs(), &N);
        (!carry).then_some(sum)
    }
}
