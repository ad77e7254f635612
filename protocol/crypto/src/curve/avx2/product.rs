//! Products of numbers in four lanes, in assembly: nine sums of products stay in registers from the first
//! row to the last, where compilers, who have sixteen registers to keep nine sums and nine factors in,
//! move them to memory and back and take a third as long again.
//!
//! Row i adds limb i of one factor times all of the other's to the sums t(i) to t(i+8). Then t(i) is
//! complete, and is cleared as in `field` of this curve: p is -1 modulo 2^29, so that m, the lowest 29 bits, times
//! p is to be added, and (p + 1) m is 2^64 (1 - 2^32) (1 - 2^160) m. In limbs of 29 bits 2^32 is one limb and
//! three bits: with d(i) = m(i) - 8 m(i-1), what row i adds is d(i) 2^6 to t(i+2), less d(i) 2^21 to t(i+7).
//! The first sum of all then has its place free for the next row's highest.
//!
//! Sums must not be negative, because there is only a shift that fills up with zeros: t(2) to t(16) begin with
//! 2^52, which the one above each lacks. A sum is below 9 (2^29 + 16)^2 + 2^54, far from 2^64.

use core::arch::asm;

use super::vector::Vector;

/// What sums begin with; less than 2^50 + 2^38 is ever taken off.
const LENT: u64 = 1 << 52;

#[repr(C, align(32))]
struct Constants {
    /// 29 bits.
    mask: [u64; 4],
    /// What was lent, less what was lent below.
    lent: [u64; 4],
    /// What was lent to the lowest, below which nothing was.
    lent_first: [u64; 4],
    /// What the highest was not lent.
    owed: [u64; 4],
}

static CONSTANTS: Constants = Constants {
    mask: [(1 << 29) - 1; 4],
    lent: [LENT - (LENT >> 29); 4],
    lent_first: [LENT; 4],
    owed: [LENT >> 29; 4],
};

/// A sum that begins with the limb in ymm9 times one in memory.
macro_rules! begin {
    ($sum:literal $limb:literal) => {
        concat!(
            "vpmuludq ",
            $sum,
            ", ymm9, ",
            $limb,
            "\n",
            "vpaddq ",
            $sum,
            ", ",
            $sum,
            ", ymm14\n",
        )
    };
}

/// Adds the limb in ymm9 times another one to a sum.
macro_rules! add {
    ($sum:literal $limb:literal) => {
        concat!(
            "vpmuludq ymm10, ymm9, ",
            $limb,
            "\n",
            "vpaddq ",
            $sum,
            ", ",
            $sum,
            ", ymm10\n",
        )
    };
}

/// Clears the sum t0. ymm13 holds 8 m of the row before.
macro_rules! clear {
    ($t0:literal $t1:literal $t2:literal $t7:literal) => {
        concat!(
            "vpand ymm11, ",
            $t0,
            ", ymm15\n",
            "vpsrlq ymm10, ",
            $t0,
            ", 29\n",
            "vpaddq ",
            $t1,
            ", ",
            $t1,
            ", ymm10\n",
            "vpsubq ymm12, ymm11, ymm13\n",
            "vpsllq ymm13, ymm11, 3\n",
            "vpsllq ymm11, ymm12, 6\n",
            "vpaddq ",
            $t2,
            ", ",
            $t2,
            ", ymm11\n",
            "vpsllq ymm12, ymm12, 21\n",
            "vpsubq ",
            $t7,
            ", ",
            $t7,
            ", ymm12\n",
        )
    };
}

/// A row of a product after the first.
macro_rules! row {
    ($limb:literal $t0:literal $t1:literal $t2:literal $t3:literal $t4:literal $t5:literal $t6:literal $t7:literal $t8:literal) => {
        concat!(
            "vmovdqa ymm9, ",
            $limb,
            "\n",
            add!($t0 "[{b}]"),
            begin!($t8 "[{b} + 256]"),
            add!($t1 "[{b} + 32]"),
            add!($t2 "[{b} + 64]"),
            add!($t3 "[{b} + 96]"),
            add!($t4 "[{b} + 128]"),
            add!($t5 "[{b} + 160]"),
            add!($t6 "[{b} + 192]"),
            add!($t7 "[{b} + 224]"),
            clear!($t0 $t1 $t2 $t7),
        )
    };
}

/// A limb's square, and the limb doubled in ymm9.
macro_rules! own {
    ($sum:literal $limb:literal) => {
        concat!(
            "vmovdqa ymm9, ",
            $limb,
            "\n",
            add!($sum "ymm9"),
            "vpaddq ymm9, ymm9, ymm9\n",
        )
    };
}

/// Carries into the sum above.
macro_rules! carry {
    ($t0:literal $t1:literal) => {
        concat!(
            "vpsrlq ymm10, ",
            $t0,
            ", 29\n",
            "vpand ",
            $t0,
            ", ",
            $t0,
            ", ymm15\n",
            "vpaddq ",
            $t1,
            ", ",
            $t1,
            ", ymm10\n",
        )
    };
}

/// Constants, and the factor of the first row.
macro_rules! head {
    () => {
        concat!(
            "vmovdqa ymm15, [{c}]\n",
            "vmovdqa ymm14, [{c} + 32]\n",
            "vpxor ymm13, ymm13, ymm13\n",
            "vmovdqa ymm9, [{a}]\n",
        )
    };
}

/// What the last m still adds, and the limbs of t(9) to t(17), which lie in ymm0 to ymm8.
macro_rules! tail {
    () => {
        concat!(
            "vpsllq ymm10, ymm13, 6\n",
            "vpsubq ymm2, ymm2, ymm10\n",
            "vpsllq ymm11, ymm13, 21\n",
            "vpaddq ymm7, ymm7, ymm11\n",
            carry!("ymm0" "ymm1"),
            carry!("ymm1" "ymm2"),
            carry!("ymm2" "ymm3"),
            carry!("ymm3" "ymm4"),
            carry!("ymm4" "ymm5"),
            carry!("ymm5" "ymm6"),
            carry!("ymm6" "ymm7"),
            "vpsrlq ymm8, ymm7, 29\n",
            "vpand ymm7, ymm7, ymm15\n",
            "vpsubq ymm8, ymm8, [{c} + 96]\n",
        )
    };
}

/// Runs lines of assembly that leave nine limbs in ymm0 to ymm8 and change no other memory or flag.
macro_rules! limbs_of {
    ($lines:expr, $($operands:tt)*) => {{
        let (t0, t1, t2, t3, t4, t5, t6, t7, t8);
        // SAFETY: the lines read what the references hold, 288 bytes of factors and 128 of constants, all
        // aligned as vectors are, and write registers only, all of which are named here.
        unsafe {
            asm!(
                $lines,
                $($operands)*
                c = in(reg) &raw const CONSTANTS,
                out("ymm0") t0,
                out("ymm1") t1,
                out("ymm2") t2,
                out("ymm3") t3,
                out("ymm4") t4,
                out("ymm5") t5,
                out("ymm6") t6,
                out("ymm7") t7,
                out("ymm8") t8,
                out("ymm9") _,
                out("ymm10") _,
                out("ymm11") _,
                out("ymm12") _,
                out("ymm13") _,
                out("ymm14") _,
                out("ymm15") _,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        [t0, t1, t2, t3, t4, t5, t6, t7, t8]
    }};
}

/// a · b / 2^261, in limbs of 29 bits; the lower eight limbs of the factors are below 2^29 + 16, the highest
/// below 2^29.
// Three hundred instructions, the same for all lanes that there are: a call costs less than copies.
#[inline(never)]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "it is assembly")]
pub(super) fn mul(a: &[Vector; 9], b: &[Vector; 9]) -> [Vector; 9] {
    limbs_of!(
        concat!(
            head!(),
            "vpmuludq ymm0, ymm9, [{b}]\n",
            "vpmuludq ymm1, ymm9, [{b} + 32]\n",
            "vpmuludq ymm2, ymm9, [{b} + 64]\n",
            "vpaddq ymm2, ymm2, [{c} + 64]\n",
            begin!("ymm3" "[{b} + 96]"),
            begin!("ymm4" "[{b} + 128]"),
            begin!("ymm5" "[{b} + 160]"),
            begin!("ymm6" "[{b} + 192]"),
            begin!("ymm7" "[{b} + 224]"),
            begin!("ymm8" "[{b} + 256]"),
            clear!("ymm0" "ymm1" "ymm2" "ymm7"),
            row!("[{a} + 32]" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7" "ymm8" "ymm0"),
            row!("[{a} + 64]" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7" "ymm8" "ymm0" "ymm1"),
            row!("[{a} + 96]" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7" "ymm8" "ymm0" "ymm1" "ymm2"),
            row!("[{a} + 128]" "ymm4" "ymm5" "ymm6" "ymm7" "ymm8" "ymm0" "ymm1" "ymm2" "ymm3"),
            row!("[{a} + 160]" "ymm5" "ymm6" "ymm7" "ymm8" "ymm0" "ymm1" "ymm2" "ymm3" "ymm4"),
            row!("[{a} + 192]" "ymm6" "ymm7" "ymm8" "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5"),
            row!("[{a} + 224]" "ymm7" "ymm8" "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6"),
            row!("[{a} + 256]" "ymm8" "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7"),
            tail!(),
        ),
        a = in(reg) a,
        b = in(reg) b,
    )
}

/// a · a / 2^261: a row has the limb's square, and its double times the limbs above it.
#[inline(never)]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "it is assembly")]
pub(super) fn square(a: &[Vector; 9]) -> [Vector; 9] {
    limbs_of!(
        concat!(
            head!(),
            "vpmuludq ymm0, ymm9, ymm9\n",
            "vpaddq ymm9, ymm9, ymm9\n",
            "vpmuludq ymm1, ymm9, [{a} + 32]\n",
            "vpmuludq ymm2, ymm9, [{a} + 64]\n",
            "vpaddq ymm2, ymm2, [{c} + 64]\n",
            begin!("ymm3" "[{a} + 96]"),
            begin!("ymm4" "[{a} + 128]"),
            begin!("ymm5" "[{a} + 160]"),
            begin!("ymm6" "[{a} + 192]"),
            begin!("ymm7" "[{a} + 224]"),
            begin!("ymm8" "[{a} + 256]"),
            clear!("ymm0" "ymm1" "ymm2" "ymm7"),
            own!("ymm2" "[{a} + 32]"),
            begin!("ymm0" "[{a} + 256]"),
            add!("ymm3" "[{a} + 64]"),
            add!("ymm4" "[{a} + 96]"),
            add!("ymm5" "[{a} + 128]"),
            add!("ymm6" "[{a} + 160]"),
            add!("ymm7" "[{a} + 192]"),
            add!("ymm8" "[{a} + 224]"),
            clear!("ymm1" "ymm2" "ymm3" "ymm8"),
            own!("ymm4" "[{a} + 64]"),
            begin!("ymm1" "[{a} + 256]"),
            add!("ymm5" "[{a} + 96]"),
            add!("ymm6" "[{a} + 128]"),
            add!("ymm7" "[{a} + 160]"),
            add!("ymm8" "[{a} + 192]"),
            add!("ymm0" "[{a} + 224]"),
            clear!("ymm2" "ymm3" "ymm4" "ymm0"),
            own!("ymm6" "[{a} + 96]"),
            begin!("ymm2" "[{a} + 256]"),
            add!("ymm7" "[{a} + 128]"),
            add!("ymm8" "[{a} + 160]"),
            add!("ymm0" "[{a} + 192]"),
            add!("ymm1" "[{a} + 224]"),
            clear!("ymm3" "ymm4" "ymm5" "ymm1"),
            own!("ymm8" "[{a} + 128]"),
            begin!("ymm3" "[{a} + 256]"),
            add!("ymm0" "[{a} + 160]"),
            add!("ymm1" "[{a} + 192]"),
            add!("ymm2" "[{a} + 224]"),
            clear!("ymm4" "ymm5" "ymm6" "ymm2"),
            own!("ymm1" "[{a} + 160]"),
            begin!("ymm4" "[{a} + 256]"),
            add!("ymm2" "[{a} + 192]"),
            add!("ymm3" "[{a} + 224]"),
            clear!("ymm5" "ymm6" "ymm7" "ymm3"),
            own!("ymm3" "[{a} + 192]"),
            begin!("ymm5" "[{a} + 256]"),
            add!("ymm4" "[{a} + 224]"),
            clear!("ymm6" "ymm7" "ymm8" "ymm4"),
            own!("ymm5" "[{a} + 224]"),
            begin!("ymm6" "[{a} + 256]"),
            clear!("ymm7" "ymm8" "ymm0" "ymm5"),
            "vmovdqa ymm9, [{a} + 256]\n",
            begin!("ymm7" "ymm9"),
            clear!("ymm8" "ymm0" "ymm1" "ymm6"),
            tail!(),
        ),
        a = in(reg) a,
    )
}
