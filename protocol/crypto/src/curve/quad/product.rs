//! The product of the four lanes, in the order in which a processor with two multipliers of latency four can
//! begin its steps.
//!
//! Compilers put first what needs fewest registers, and the five digits of the reduction, which wait for each
//! other, come last; so it took 57 cycles, of which the multipliers need 35. Here a column is summed when the
//! digits below it are known, lower and upper halves of products apart, and columns that no digit waits for fill
//! the gaps: 37 cycles, and 8 for the carries.

use core::arch::asm;
use core::arch::x86_64::__m256i;

/// One step as a line of assembly.
macro_rules! step {
    // t = a · b, the lower 52 bits, or what is above them.
    (first_low $t:ident $a:ident $b:ident) => {
        concat!(step!(@ "vpxorq" $t $t $t), step!(low $t $a $b))
    };
    (first_high $t:ident $a:ident $b:ident) => {
        concat!(step!(@ "vpxorq" $t $t $t), step!(high $t $a $b))
    };
    // t = t + a · b.
    (low $t:ident $a:ident $b:ident) => { step!(@ "vpmadd52luq" $t $a $b) };
    (high $t:ident $a:ident $b:ident) => { step!(@ "vpmadd52huq" $t $a $b) };
    (add $t:ident $a:ident $b:ident) => { step!(@ "vpaddq" $t $a $b) };
    (sub $t:ident $a:ident $b:ident) => { step!(@ "vpsubq" $t $a $b) };
    (and $t:ident $a:ident $b:ident) => { step!(@ "vpandq" $t $a $b) };
    // What goes to the next limb.
    (carry $t:ident $a:ident) => {
        concat!("vpsraq {", stringify!($t), ":y}, {", stringify!($a), ":y}, 52\n")
    };
    (@ $name:literal $t:ident $a:ident $b:ident) => {
        concat!(
            $name, " {", stringify!($t), ":y}, {", stringify!($a), ":y}, {", stringify!($b), ":y}\n",
        )
    };
}

macro_rules! steps {
    ($($name:ident $($operand:ident)+;)+) => { concat!($(step!($name $($operand)+)),+) };
}

/// a · b / 2^260, by limbs of 52 bits; the limbs of what comes out are not carried into each other.
///
/// The reduction adds m·p five times, where m is the lowest limb, and drops that limb. (p + 1) / 2^52 =
/// 2^204 - 2^172 - 2^44 + 2^12, so that two constants do: `low` for its lowest limb, a 2^52 too much, which
/// is taken off the next limb as m itself; `high` for its highest.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
#[expect(unsafe_code, reason = "it is assembly")]
pub(super) fn product(
    a: &[__m256i; 5],
    b: &[__m256i; 5],
    mask: __m256i,
    low: __m256i,
    high: __m256i,
) -> [__m256i; 5] {
    let [a0, a1, a2, a3, a4] = *a;
    let [b0, b1, b2, b3, b4] = *b;
    // All have the type of a vector, or they would be named as longer ones.
    let mut t = [a0; 14];
    let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13] = &mut t;
    // SAFETY: the function asks for the instructions. Nothing is read or written but the registers that
    // are named.
    unsafe {
        asm!(
            steps! {
                first_low t0 a0 b1; first_high t1 a0 b1; first_low t2 a0 b2; first_low t3 a0 b4;
                first_high t4 a0 b2; first_high t5 a0 b4; first_low t6 a0 b0;
                first_high t7 a0 b0; low t0 a1 b0; first_low t8 a0 b3; high t1 a1 b0;
                first_high t9 a0 b3; low t2 a1 b1; low t3 a1 b3; high t4 a1 b1; high t5 a1 b3;
                and t10 t6 mask; carry t6 t6; add t7 t0 t7; low t8 a1 b2; first_low t0 a1 b4;
                add t7 t7 t6; sub t1 t1 t10; high t9 a1 b2; first_high t6 a1 b4; low t7 t10 low;
                low t2 a2 b0; high t1 t10 low; low t3 a2 b2; high t4 a2 b0; high t5 a2 b2;
                low t8 a2 b1; high t9 a2 b1; and t11 t7 mask; carry t7 t7; low t0 a2 b3;
                high t6 a2 b3; add t2 t2 t1; low t3 a3 b1; first_low t1 a2 b4; add t2 t2 t7;
                sub t4 t4 t11; high t5 a3 b1; first_high t7 a2 b4; low t2 t11 low; low t8 a3 b0;
                high t4 t11 low; high t9 a3 b0; low t3 a4 b0; low t0 a3 b2; high t5 a4 b0;
                high t6 a3 b2; and t12 t2 mask; carry t2 t2; low t1 a3 b3; first_low t13 a3 b4;
                add t8 t8 t4; sub t9 t9 t12; high t7 a3 b3; first_high t4 a3 b4; add t8 t8 t2;
                low t3 t10 high; high t9 t12 low; low t8 t12 low; high t5 t10 high;
                low t0 a4 b1; high t6 a4 b1; low t1 a4 b2; low t13 a4 b3; add t3 t3 t9;
                high t7 a4 b2; first_low t9 a4 b4; and t10 t8 mask; carry t8 t8; high t4 a4 b3;
                first_high t2 a4 b4; add t3 t3 t8; sub t5 t5 t10; low t0 t11 high;
                high t6 t11 high; low t3 t10 low; high t5 t10 low; low t1 t12 high;
                high t7 t12 high; low t13 t10 high; high t4 t10 high; add t5 t0 t5; carry t0 t3;
                and t3 t3 mask; add t5 t5 t0; sub t6 t6 t3; low t9 t3 high; high t2 t3 high;
                low t5 t3 low; high t6 t3 low; add t13 t13 t7; add t9 t9 t4; add t6 t1 t6;
            },
            a0 = in(zmm_reg) a0, a1 = in(zmm_reg) a1, a2 = in(zmm_reg) a2,
            a3 = in(zmm_reg) a3, a4 = in(zmm_reg) a4,
            b0 = in(zmm_reg) b0, b1 = in(zmm_reg) b1, b2 = in(zmm_reg) b2,
            b3 = in(zmm_reg) b3, b4 = in(zmm_reg) b4,
            mask = in(zmm_reg) mask, low = in(zmm_reg) low, high = in(zmm_reg) high,
            t0 = out(zmm_reg) *t0, t1 = out(zmm_reg) *t1, t2 = out(zmm_reg) *t2, t3 = out(zmm_reg) *t3,
            t4 = out(zmm_reg) *t4, t5 = out(zmm_reg) *t5, t6 = out(zmm_reg) *t6, t7 = out(zmm_reg) *t7,
            t8 = out(zmm_reg) *t8, t9 = out(zmm_reg) *t9, t10 = out(zmm_reg) *t10,
            t11 = out(zmm_reg) *t11, t12 = out(zmm_reg) *t12, t13 = out(zmm_reg) *t13,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    [*t5, *t6, *t13, *t9, *t2]
}
