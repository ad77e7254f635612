//! The field's arithmetic by the instructions of BMI2 and ADX: a multiplication that leaves the flags
//! alone, and two additions with carries of their own, so that a row of products and its sum run
//! beside each other.
//!
//! Here: the five operations of [`Arithmetic`], each some lines of assembly without a branch, which
//! read what they are given and write registers only. Compilers make more than half as much again of
//! the same steps. `unsafe` is in these five functions and nowhere else here.
//!
//! A reduction takes two limbs at once. p = 2^256 - 2^224 - 2^96 + 2^64 - 1 is -1 - 2^96 + 2^64 modulo
//! 2^128, so the digits that clear the two lowest limbs are m0 = t0 and m1 = t1 + m0 - 2^32 m0. With
//! m = m0 + 2^64 m1, what then is left of t + m·p is, above those limbs,
//! m1 + 2^128 m - (m >> 32) - 2^96 m and the carries of limb one: shifts and sums, as in `field`.

use core::arch::asm;

use super::field::{Arithmetic, Fe};
use super::limbs::Limbs;
use crate::trial;

/// A processor that has the instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel(());

impl Kernel {
    /// The kernel, where the processor has what it needs.
    pub(crate) fn here() -> Option<Self> {
        let found = trial::allowed(trial::Kernel::Adx)
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("adx");
        found.then_some(Self(()))
    }
}

/// Adds `a` times a limb of `b` to five limbs, the highest of which takes all that is carried.
macro_rules! row {
    ($at:literal $t0:literal $t1:literal $t2:literal $t3:literal $t4:literal) => {
        concat!(
            "mov rdx, [{b} + ",
            $at,
            "]\n",
            // Also clears both carries.
            "xor {z:e}, {z:e}\n",
            "mulx {y}, {x}, [{a}]\n",
            "adcx {",
            $t0,
            "}, {x}\n",
            "adox {",
            $t1,
            "}, {y}\n",
            "mulx {y}, {x}, [{a} + 8]\n",
            "adcx {",
            $t1,
            "}, {x}\n",
            "adox {",
            $t2,
            "}, {y}\n",
            "mulx {y}, {x}, [{a} + 16]\n",
            "adcx {",
            $t2,
            "}, {x}\n",
            "adox {",
            $t3,
            "}, {y}\n",
            "mulx {y}, {x}, [{a} + 24]\n",
            "adcx {",
            $t3,
            "}, {x}\n",
            "adox {",
            $t4,
            "}, {y}\n",
            "adcx {",
            $t4,
            "}, {z}\n",
        )
    };
}

/// Clears the limbs t0 and t1 by adding a multiple of p; the carry goes to t6, which need not have
/// been anything. rdx holds 32.
macro_rules! reduce_two {
    ($t0:literal $t1:literal $t2:literal $t3:literal $t4:literal $t5:literal $t6:literal) => {
        concat!(
            "shlx {x}, {",
            $t0,
            "}, rdx\n",
            "lea {y}, [{",
            $t1,
            "} + {",
            $t0,
            "}]\n",
            // m1; m0 is t0.
            "sub {y}, {x}\n",
            "mov {",
            $t6,
            ":e}, 0\n",
            "add {",
            $t1,
            "}, {",
            $t0,
            "}\n",
            "adc {",
            $t2,
            "}, {y}\n",
            "adc {",
            $t3,
            "}, 0\n",
            "adc {",
            $t4,
            "}, {",
            $t0,
            "}\n",
            "adc {",
            $t5,
            "}, {y}\n",
            "adc {",
            $t6,
            "}, 0\n",
            // m >> 32 in t0 and y; z is its upper limb with 2^32 m0, in which it has no bits.
            "shrx {",
            $t0,
            "}, {",
            $t0,
            "}, rdx\n",
            "shlx {z}, {y}, rdx\n",
            "shrx {y}, {y}, rdx\n",
            "lea {",
            $t0,
            "}, [{",
            $t0,
            "} + {z}]\n",
            "lea {z}, [{x} + {y}]\n",
            "sub {",
            $t1,
            "}, {x}\n",
            "sbb {",
            $t2,
            "}, {",
            $t0,
            "}\n",
            "sbb {",
            $t3,
            "}, {z}\n",
            "sbb {",
            $t4,
            "}, {",
            $t0,
            "}\n",
            "sbb {",
            $t5,
            "}, {y}\n",
            "sbb {",
            $t6,
            "}, 0\n",
        )
    };
}

/// Takes p off five limbs that are below 2p, where they are not below p; s0 to s3 are for copies.
macro_rules! below_p {
    ($t0:literal $t1:literal $t2:literal $t3:literal $t4:literal, $s0:literal $s1:literal $s2:literal $s3:literal) => {
        concat!(
            "mov {",
            $s0,
            "}, {",
            $t0,
            "}\n",
            "mov {",
            $s1,
            "}, {",
            $t1,
            "}\n",
            "mov {",
            $s2,
            "}, {",
            $t2,
            "}\n",
            "mov {",
            $s3,
            "}, {",
            $t3,
            "}\n",
            "mov rdx, 0xFFFFFFFF00000000\n",
            "mov {z}, 0xFFFFFFFEFFFFFFFF\n",
            "sub {",
            $t0,
            "}, -1\n",
            "sbb {",
            $t1,
            "}, rdx\n",
            "sbb {",
            $t2,
            "}, -1\n",
            "sbb {",
            $t3,
            "}, {z}\n",
            "sbb {",
            $t4,
            "}, 0\n",
            "cmovc {",
            $t0,
            "}, {",
            $s0,
            "}\n",
            "cmovc {",
            $t1,
            "}, {",
            $s1,
            "}\n",
            "cmovc {",
            $t2,
            "}, {",
            $s2,
            "}\n",
            "cmovc {",
            $t3,
            "}, {",
            $s3,
            "}\n",
        )
    };
}

/// Adds p to r0 to r3 where the mask m is ones: p's limbs are all ones, or that less some powers of two.
/// l and h are for them.
macro_rules! add_p_where {
    ($m:literal, $l:literal $h:literal) => {
        concat!(
            "mov {",
            $l,
            "}, {",
            $m,
            "}\n",
            "shl {",
            $l,
            "}, 32\n",
            "lea {",
            $h,
            "}, [{",
            $m,
            "} + {",
            $l,
            "}]\n",
            "add {r0}, {",
            $m,
            "}\n",
            "adc {r1}, {",
            $l,
            "}\n",
            "adc {r2}, {",
            $m,
            "}\n",
            "adc {r3}, {",
            $h,
            "}\n",
        )
    };
}

impl Arithmetic for Kernel {
    #[inline(always)]
    fn mul(self, a: &Fe, b: &Fe) -> Fe {
        Fe(mul(&a.0, &b.0))
    }

    #[inline(always)]
    fn square(self, a: &Fe) -> Fe {
        Fe(square(&a.0))
    }

    #[inline(always)]
    fn add(self, a: &Fe, b: &Fe) -> Fe {
        Fe(add(&a.0, &b.0))
    }

    #[inline(always)]
    fn sub(self, a: &Fe, b: &Fe) -> Fe {
        Fe(sub(&a.0, &b.0))
    }

    #[inline(always)]
    fn half(self, a: &Fe) -> Fe {
        Fe(half(&a.0))
    }
}

/// a · b / 2^256 mod p.
#[inline(always)]
#[expect(unsafe_code, reason = "it is assembly")]
fn mul(a: &Limbs, b: &Limbs) -> Limbs {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: only `Kernel` comes here, which found bmi2 and adx. Read are 32 bytes behind each of
    // two references; nothing is written but the registers that are named.
    unsafe {
        asm!(
            "mov rdx, [{b}]",
            "mulx {t1}, {t0}, [{a}]",
            "mulx {t2}, {x}, [{a} + 8]",
            "add {t1}, {x}",
            "mulx {t3}, {x}, [{a} + 16]",
            "adc {t2}, {x}",
            "mulx {t4}, {x}, [{a} + 24]",
            "adc {t3}, {x}",
            "adc {t4}, 0",
            "mov {t5:e}, 0",
            row!("8" "t1" "t2" "t3" "t4" "t5"),
            "mov edx, 32",
            reduce_two!("t0" "t1" "t2" "t3" "t4" "t5" "t6"),
            row!("16" "t2" "t3" "t4" "t5" "t6"),
            "mov {t0:e}, 0",
            row!("24" "t3" "t4" "t5" "t6" "t0"),
            "mov edx, 32",
            reduce_two!("t2" "t3" "t4" "t5" "t6" "t0" "t1"),
            below_p!("t4" "t5" "t6" "t0" "t1", "t2" "t3" "x" "y"),
            a = in(reg) a.as_ptr(),
            b = in(reg) b.as_ptr(),
            t0 = out(reg) r3,
            t1 = out(reg) _,
            t2 = out(reg) _,
            t3 = out(reg) _,
            t4 = out(reg) r0,
            t5 = out(reg) r1,
            t6 = out(reg) r2,
            x = out(reg) _,
            y = out(reg) _,
            z = out(reg) _,
            out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// a · a / 2^256 mod p, with every cross product computed once.
#[inline(always)]
#[expect(unsafe_code, reason = "it is assembly")]
fn square(a: &Limbs) -> Limbs {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: only `Kernel` comes here, which found bmi2 and adx. Read are 32 bytes behind one
    // reference; nothing is written but the registers that are named.
    unsafe {
        asm!(
            // Cross products.
            "mov rdx, [{a}]",
            "xor {t7:e}, {t7:e}",
            "mulx {t2}, {t1}, [{a} + 8]",
            "mulx {t3}, {x}, [{a} + 16]",
            "adcx {t2}, {x}",
            "mulx {t4}, {x}, [{a} + 24]",
            "adcx {t3}, {x}",
            "mov rdx, [{a} + 8]",
            "adcx {t4}, {t7}",
            "mulx {y}, {x}, [{a} + 16]",
            "adox {t3}, {x}",
            "adox {t4}, {y}",
            "mulx {t5}, {x}, [{a} + 24]",
            "mov rdx, [{a} + 16]",
            "adcx {t4}, {x}",
            "mulx {t6}, {x}, [{a} + 24]",
            "adox {t5}, {x}",
            "adcx {t5}, {t7}",
            "adox {t6}, {t7}",
            "adcx {t6}, {t7}",
            // Twice them, and the squares.
            "mov rdx, [{a}]",
            "xor {t7:e}, {t7:e}",
            "mulx {x}, {t0}, rdx",
            "mov rdx, [{a} + 8]",
            "adcx {t1}, {t1}",
            "adox {t1}, {x}",
            "mulx {y}, {x}, rdx",
            "mov rdx, [{a} + 16]",
            "adcx {t2}, {t2}",
            "adox {t2}, {x}",
            "adcx {t3}, {t3}",
            "adox {t3}, {y}",
            "mulx {y}, {x}, rdx",
            "mov rdx, [{a} + 24]",
            "adcx {t4}, {t4}",
            "adox {t4}, {x}",
            "adcx {t5}, {t5}",
            "adox {t5}, {y}",
            "mulx {y}, {x}, rdx",
            "adcx {t6}, {t6}",
            "adox {t6}, {x}",
            "adcx {t7}, {t7}",
            "adox {t7}, {y}",
            "mov edx, 32",
            reduce_two!("t0" "t1" "t2" "t3" "t4" "t5" "a"),
            "add {t6}, {a}",
            "adc {t7}, 0",
            reduce_two!("t2" "t3" "t4" "t5" "t6" "t7" "a"),
            below_p!("t4" "t5" "t6" "t7" "a", "t2" "t3" "x" "y"),
            a = inout(reg) a.as_ptr() => _,
            t0 = out(reg) _,
            t1 = out(reg) _,
            t2 = out(reg) _,
            t3 = out(reg) _,
            t4 = out(reg) r0,
            t5 = out(reg) r1,
            t6 = out(reg) r2,
            t7 = out(reg) r3,
            x = out(reg) _,
            y = out(reg) _,
            z = out(reg) _,
            out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// a - b mod p.
#[inline(always)]
#[expect(unsafe_code, reason = "it is assembly")]
fn sub(a: &Limbs, b: &Limbs) -> Limbs {
    let [mut r0, mut r1, mut r2, mut r3] = *a;
    // SAFETY: read are 32 bytes behind one reference; nothing is written but the registers that are
    // named.
    unsafe {
        asm!(
            "sub {r0}, [{b}]",
            "sbb {r1}, [{b} + 8]",
            "sbb {r2}, [{b} + 16]",
            "sbb {r3}, [{b} + 24]",
            // p where that went below zero.
            "sbb {m}, {m}",
            add_p_where!("m", "l" "h"),
            r0 = inout(reg) r0,
            r1 = inout(reg) r1,
            r2 = inout(reg) r2,
            r3 = inout(reg) r3,
            b = in(reg) b.as_ptr(),
            m = out(reg) _,
            l = out(reg) _,
            h = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// a + b mod p, as a - (p - b): below zero, and given p back, where a + b is below p.
#[inline(always)]
#[expect(unsafe_code, reason = "it is assembly")]
fn add(a: &Limbs, b: &Limbs) -> Limbs {
    let [mut r0, mut r1, mut r2, mut r3] = *a;
    // SAFETY: read are 32 bytes behind one reference; nothing is written but the registers that are
    // named.
    unsafe {
        asm!(
            "mov {s0}, -1",
            "mov {s1}, 0xFFFFFFFF00000000",
            "mov {s2}, -1",
            "mov {s3}, 0xFFFFFFFEFFFFFFFF",
            "sub {s0}, [{b}]",
            "sbb {s1}, [{b} + 8]",
            "sbb {s2}, [{b} + 16]",
            "sbb {s3}, [{b} + 24]",
            "sub {r0}, {s0}",
            "sbb {r1}, {s1}",
            "sbb {r2}, {s2}",
            "sbb {r3}, {s3}",
            "sbb {s0}, {s0}",
            add_p_where!("s0", "s1" "s3"),
            r0 = inout(reg) r0,
            r1 = inout(reg) r1,
            r2 = inout(reg) r2,
            r3 = inout(reg) r3,
            b = in(reg) b.as_ptr(),
            s0 = out(reg) _,
            s1 = out(reg) _,
            s2 = out(reg) _,
            s3 = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// a / 2 mod p: a, or a + p where a is odd, shifted.
#[inline(always)]
#[expect(unsafe_code, reason = "it is assembly")]
fn half(a: &Limbs) -> Limbs {
    let [mut r0, mut r1, mut r2, mut r3] = *a;
    // SAFETY: nothing is read or written but the registers that are named.
    unsafe {
        asm!(
            "mov {m}, {r0}",
            "and {m}, 1",
            "neg {m}",
            add_p_where!("m", "l" "h"),
            "rcr {r3}, 1",
            "rcr {r2}, 1",
            "rcr {r1}, 1",
            "rcr {r0}, 1",
            r0 = inout(reg) r0,
            r1 = inout(reg) r1,
            r2 = inout(reg) r2,
            r3 = inout(reg) r3,
            m = out(reg) _,
            l = out(reg) _,
            h = out(reg) _,
            options(pure, nomem, nostack),
        );
    }
    [r0, r1, r2, r3]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::field::{P, Portable};
    use super::super::limbs::{any_limbs, below};
    use super::super::multiple;
    use super::super::order::Scalar;
    use super::super::point::Affine;
    use super::*;

    fn any_element() -> impl Strategy<Value = Fe> {
        any_limbs().prop_map(|limbs| Fe(below(&limbs, false, &P)))
    }

    fn any_scalar() -> impl Strategy<Value = Scalar> {
        any_limbs()
            .prop_map(|limbs| Scalar::reduce(&limbs))
            .prop_filter("a scalar is not zero", |scalar| !scalar.is_zero())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn every_operation_is_the_portable_one(a in any_element(), b in any_element()) {
            let Some(k) = Kernel::here() else { return Ok(()) };
            prop_assert_eq!(k.mul(&a, &b), Portable.mul(&a, &b));
            prop_assert_eq!(k.square(&a), Portable.square(&a));
            prop_assert_eq!(k.add(&a, &b), Portable.add(&a, &b));
            prop_assert_eq!(k.sub(&a, &b), Portable.sub(&a, &b));
            prop_assert_eq!(k.half(&a), Portable.half(&a));
        }
    }

    proptest! {
        #[test]
        fn inverses_and_roots_are_the_portable_ones(a in any_element()) {
            let Some(k) = Kernel::here() else { return Ok(()) };
            prop_assert_eq!(k.invert(&a), Portable.invert(&a));
            prop_assert_eq!(k.sqrt(&a), Portable.sqrt(&a));
        }

        #[test]
        fn multiples_are_the_portable_ones(
            s in any_scalar(),
            t in any_scalar(),
            d in any_scalar(),
        ) {
            let Some(k) = Kernel::here() else { return Ok(()) };
            let point = multiple::of_generator_by(k, &d);
            prop_assert!(point == multiple::of_generator_by(Portable, &d));
            let ours = multiple::sum_vartime_by(k, &s, &t, &point);
            let model = multiple::sum_vartime_by(Portable, &s, &t, &point);
            prop_assert_eq!(ours.is_infinity(), model.is_infinity());
            if !model.is_infinity() {
                prop_assert!(ours.to_affine(k) == model.to_affine(Portable));
            }
            prop_assert!(Affine::new(point.x, point.y).is_some());
        }
    }
}
