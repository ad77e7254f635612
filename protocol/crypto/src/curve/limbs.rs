//! Numbers of 256 bits as four limbs of 64, the lowest first.
//!
//! Here: what field and scalar arithmetic share; everything takes the same time for all values,
//! but [`bits`] with its position and what is called `vartime`. Not here: any modulus.

/// A number below 2^256.
pub(crate) type Limbs = [u64; 4];

/// All ones for true, zero for false; opaque to the optimiser, which would else branch on it.
#[inline]
pub(crate) fn mask_of(flag: bool) -> u64 {
    core::hint::black_box(0u64.wrapping_sub(u64::from(flag)))
}

/// Whether any bit is set, as a mask.
#[inline]
pub(crate) fn mask_nonzero(a: &Limbs) -> u64 {
    let any = a[0] | a[1] | a[2] | a[3];
    let top = (any | any.wrapping_neg()) >> 63;
    core::hint::black_box(0u64.wrapping_sub(top))
}

/// `a` where the mask is ones, `b` where it is zero.
#[inline]
pub(crate) fn select(mask: u64, a: &Limbs, b: &Limbs) -> Limbs {
    core::array::from_fn(|i| b[i] ^ (mask & (a[i] ^ b[i])))
}

/// a + b, and whether it left the 256 bits.
#[inline]
pub(crate) fn add(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let (r0, c) = a[0].carrying_add(b[0], false);
    let (r1, c) = a[1].carrying_add(b[1], c);
    let (r2, c) = a[2].carrying_add(b[2], c);
    let (r3, c) = a[3].carrying_add(b[3], c);
    ([r0, r1, r2, r3], c)
}

/// a - b, and whether it went below zero.
#[inline]
pub(crate) fn sub(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let (r0, c) = a[0].borrowing_sub(b[0], false);
    let (r1, c) = a[1].borrowing_sub(b[1], c);
    let (r2, c) = a[2].borrowing_sub(b[2], c);
    let (r3, c) = a[3].borrowing_sub(b[3], c);
    ([r0, r1, r2, r3], c)
}

/// `carry` · 2^256 + `a`, which is below twice the modulus, brought below the modulus.
#[inline]
pub(crate) fn below(a: &Limbs, carry: bool, modulus: &Limbs) -> Limbs {
    let (reduced, borrow) = sub(a, modulus);
    // It was below already when the subtraction borrows and there was no carry to borrow from.
    let keep = u64::from(borrow) & !u64::from(carry) & 1;
    let keep = 0u64.wrapping_sub(keep);
    select(keep, a, &reduced)
}

/// a · b.
#[inline]
pub(crate) fn product(a: &Limbs, b: &Limbs) -> [u64; 8] {
    let mut t = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (t[i + j], carry) = a[j].carrying_mul_add(b[i], t[i + j], carry);
        }
        t[i + 4] = carry;
    }
    t
}

/// a · a, with every cross product computed once.
#[inline]
pub(crate) fn square(a: &Limbs) -> [u64; 8] {
    let (t1, c) = a[0].carrying_mul(a[1], 0);
    let (t2, c) = a[0].carrying_mul(a[2], c);
    let (t3, t4) = a[0].carrying_mul(a[3], c);
    let (t3, c) = a[1].carrying_mul_add(a[2], t3, 0);
    let (t4, t5) = a[1].carrying_mul_add(a[3], t4, c);
    let (t5, t6) = a[2].carrying_mul_add(a[3], t5, 0);

    let t7 = t6 >> 63;
    let t6 = (t6 << 1) | (t5 >> 63);
    let t5 = (t5 << 1) | (t4 >> 63);
    let t4 = (t4 << 1) | (t3 >> 63);
    let t3 = (t3 << 1) | (t2 >> 63);
    let t2 = (t2 << 1) | (t1 >> 63);
    let t1 = t1 << 1;

    let (s0, h0) = a[0].carrying_mul(a[0], 0);
    let (s1, h1) = a[1].carrying_mul(a[1], 0);
    let (s2, h2) = a[2].carrying_mul(a[2], 0);
    let (s3, h3) = a[3].carrying_mul(a[3], 0);
    let (t1, c) = t1.carrying_add(h0, false);
    let (t2, c) = t2.carrying_add(s1, c);
    let (t3, c) = t3.carrying_add(h1, c);
    let (t4, c) = t4.carrying_add(s2, c);
    let (t5, c) = t5.carrying_add(h2, c);
    let (t6, c) = t6.carrying_add(s3, c);
    let (t7, _) = t7.carrying_add(h3, c);
    [s0, t1, t2, t3, t4, t5, t6, t7]
}

/// From 32 bytes, the highest first.
pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Limbs {
    let (words, _) = bytes.as_chunks::<8>();
    core::array::from_fn(|i| u64::from_be_bytes(words[3 - i]))
}

/// Into 32 bytes, the highest first.
pub(crate) fn to_bytes(a: &Limbs) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.chunks_exact_mut(8).zip(a.iter().rev()) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    out
}

/// Up to 32 bits of `a` from bit `at` on; above bit 255 there are zeros. The position is public.
#[inline]
pub(crate) fn bits(a: &Limbs, at: usize, count: u32) -> u64 {
    let (limb, shift) = (at / 64, at % 64);
    let low = a.get(limb).map_or(0, |limb| limb >> shift);
    let high = match (shift, a.get(limb + 1)) {
        (1.., Some(limb)) => limb << (64 - shift),
        _ => 0,
    };
    (low | high) & ((1 << count) - 1)
}

#[cfg(test)]
pub(crate) use tests::any_limbs;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any number, with limbs at their edges far more often than chance gives them.
    pub(crate) fn any_limbs() -> impl Strategy<Value = Limbs> {
        let limb = prop_oneof![
            any::<u64>(),
            Just(0),
            Just(1),
            Just(u64::MAX),
            Just(u64::MAX - 1),
            Just(1 << 63),
            Just(0xFFFF_FFFF_0000_0000),
            Just(0xFFFF_FFFE_FFFF_FFFF),
        ];
        [limb.clone(), limb.clone(), limb.clone(), limb]
    }

    proptest! {
        #[test]
        fn a_square_is_the_product_with_itself(a in any_limbs()) {
            prop_assert_eq!(square(&a), product(&a, &a));
        }

        #[test]
        fn what_is_added_can_be_taken_away(a in any_limbs(), b in any_limbs()) {
            let (sum, carry) = add(&a, &b);
            prop_assert_eq!(sub(&sum, &b), (a, carry));
        }

        #[test]
        fn bytes_hold_all_of_it(a in any_limbs()) {
            prop_assert_eq!(from_bytes(&to_bytes(&a)), a);
        }

        #[test]
        fn windows_of_bits_put_together_give_the_number(a in any_limbs(), width in 1u32..=32) {
            let mut out = [0u64; 4];
            for at in (0..256).step_by(width as usize) {
                let window = bits(&a, at, width);
                for bit in 0..width as usize {
                    if window >> bit & 1 == 1 {
                        prop_assert!(at + bit < 256);
                        out[(at + bit) / 64] |= 1 << ((at + bit) % 64);
                    }
                }
            }
            prop_assert_eq!(out, a);
        }
    }
}
