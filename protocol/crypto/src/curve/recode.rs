//! Scalars as digits: odd ones for tables, sparse ones for a key seen once.

use super::limbs::{self, Limbs};
use super::order::Scalar;
use super::point::Affine;

/// A scalar, or n less it, whichever is odd, as odd digits: with d(i) in ±1, ±3, …, ±(2^W - 1),
/// the sum of d(i) · 2^(W·i) is it. No digit is zero, so that whatever walks over them does the
/// same for every scalar.
#[derive(Clone, Copy, Default)]
pub(crate) struct OddDigits<const W: usize> {
    odd: Limbs,
    negative: u64,
}

impl<const W: usize> zeroize::DefaultIsZeroes for OddDigits<W> {}

/// Which entry of a table of odd multiples, and ones where it is to be negated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Digit {
    /// The multiple is twice this and one.
    pub(crate) entry: usize,
    pub(crate) negative: u64,
}

impl<const W: usize> OddDigits<W> {
    /// How many digits there are.
    pub(crate) const COUNT: usize = 256usize.div_ceil(W);
    /// How many odd multiples a table has for one digit.
    pub(crate) const ENTRIES: usize = 1 << (W - 1);

    /// Of a scalar that is not zero.
    pub(crate) fn of(scalar: &Scalar) -> Self {
        let (odd, negative) = scalar.odd();
        Self { odd, negative }
    }

    /// The digit for 2^(W·`at`).
    ///
    /// Below the highest, it is the W + 1 bits from there on, the lowest taken as 1, less 2^W: each
    /// digit's borrow of 2^W is the next one's lowest bit. The highest has nobody to borrow from.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> Digit {
        let width = u32::try_from(W).expect("a window is a few bits");
        let bits = limbs::bits(&self.odd, W * at, width + 1) >> 1;
        let half = 1u64 << (W - 1);
        let last = at + 1 == Self::COUNT;
        // 2·bits + 1 - 2^W: of the upper half as it is, of the lower half the negative.
        let (entry, below) = if last {
            (bits, 0)
        } else {
            let below = limbs::mask_of(bits < half);
            (((bits ^ below) & (half - 1)), below)
        };
        Digit {
            entry: usize::try_from(entry).expect("an entry's number is below 2^W"),
            negative: below ^ self.negative,
        }
    }
}

/// The digit's multiple out of a row, all of which is read.
pub(crate) fn pick(row: &[Affine], digit: Digit) -> Affine {
    let mut out = Affine::default();
    for (number, entry) in row.iter().enumerate() {
        out.or_where(limbs::mask_of(number == digit.entry), entry);
    }
    out.negated_where(digit.negative)
}

/// A public scalar as digits of which few are not zero (wNAF), the lowest first: odd ones between
/// -2^(W-1) and 2^(W-1), of W in a row at most one.
pub(crate) struct Sparse<const W: u32> {
    digits: [i16; 257],
    /// How many digits there are.
    len: usize,
}

impl<const W: u32> Sparse<W> {
    /// The odd multiples that the digits call for: 1, 3, … 2^(W-1) - 1.
    pub(crate) const ENTRIES: usize = 1 << (W - 2);

    pub(crate) fn of_vartime(scalar: &Scalar) -> Self {
        let mut out = Self {
            digits: [0; 257],
            len: 0,
        };
        let limbs = scalar.limbs();
        let mut carry = 0;
        let mut at = 0;
        while at < out.digits.len() {
            // Bits that the carry makes zeros of: ones with it, zeros without.
            let ahead = limbs::bits(limbs, at, 32) ^ (carry * 0xFFFF_FFFF);
            if ahead & 1 == 0 {
                at += ahead.trailing_zeros().min(32) as usize;
                continue;
            }
            let window = limbs::bits(limbs, at, W) + carry;
            carry = window >> (W - 1) & 1;
            let digit =
                i64::try_from(window).expect("a few bits") - i64::from(carry != 0) * (1 << W);
            out.digits[at] = i16::try_from(digit).expect("a few bits");
            out.len = at + 1;
            at += W as usize;
        }
        out
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The digit for 2^`at`: nothing for zero.
    pub(crate) fn at(&self, at: usize) -> Option<Digit> {
        let digit = *self.digits.get(at)?;
        (digit != 0).then(|| Digit {
            entry: usize::from(digit.unsigned_abs() >> 1),
            negative: 0u64.wrapping_sub(u64::from(digit < 0)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_scalar() -> impl Strategy<Value = Scalar> {
        limbs::any_limbs().prop_map(|limbs| Scalar::reduce(&limbs))
    }

    /// 2^`by` times a small signed number, modulo n, by adding.
    fn shifted(digit: Digit, by: usize) -> Scalar {
        let mut value = Scalar::reduce(&[2 * digit.entry as u64 + 1, 0, 0, 0]);
        for _ in 0..by {
            value = value.add(&value);
        }
        match digit.negative {
            0 => value,
            _ => Scalar::default().sub(&value),
        }
    }

    fn sum_of_odd<const W: usize>(scalar: &Scalar) -> Scalar {
        let digits = OddDigits::<W>::of(scalar);
        (0..OddDigits::<W>::COUNT).fold(Scalar::default(), |sum, at| {
            let digit = digits.at(at);
            assert!(digit.entry < OddDigits::<W>::ENTRIES);
            sum.add(&shifted(digit, W * at))
        })
    }

    fn sum_of_sparse<const W: u32>(scalar: &Scalar) -> Scalar {
        let digits = Sparse::<W>::of_vartime(scalar);
        (0..digits.len()).fold(Scalar::default(), |sum, at| match digits.at(at) {
            Some(digit) => {
                assert!(digit.entry < Sparse::<W>::ENTRIES);
                sum.add(&shifted(digit, at))
            }
            None => sum,
        })
    }

    proptest! {
        #[test]
        fn odd_digits_add_up_to_the_scalar(scalar in any_scalar()) {
            prop_assume!(!scalar.is_zero());
            prop_assert!(sum_of_odd::<5>(&scalar) == scalar);
            prop_assert!(sum_of_odd::<8>(&scalar) == scalar);
        }

        #[test]
        fn sparse_digits_add_up_to_the_scalar(scalar in any_scalar()) {
            prop_assert!(sum_of_sparse::<5>(&scalar) == scalar);
            prop_assert!(sum_of_sparse::<12>(&scalar) == scalar);
        }
    }
}
