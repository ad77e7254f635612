//! NEON: 128 bits a plane, four words.
//!
//! It belongs to the target: code for aarch64 has it everywhere, and what would not have it is not
//! compiled. That is what each block here relies on. SM2 has no kernel here: the portable one multiplies
//! 64 bits by 64, of which NEON has nothing.
#![expect(unsafe_code, reason = "instructions that the target has")]

use core::arch::aarch64 as arm;

use super::bits::{Bits, Gates, gate_of_plain};
use super::few::FewKernels;
use super::sm4_box::BOX;
use super::sm4_words::{self, Boxed};
use super::words::{MOST_LANES, Sums, Words};
use super::{Block16, Kernels, des, nonces, sm3, sm4_planes};
use crate::sm3::Digest;
use crate::trial::{Kernel, allowed};

const _: () = assert!(cfg!(target_feature = "neon"));

/// 128 bits.
#[derive(Clone, Copy)]
struct Wide(arm::uint32x4_t);

/// An instruction on vectors alone.
macro_rules! neon {
    ($name:ident $([$imm:expr])? ($($arg:expr),*)) => {
        // SAFETY: as the module says; the instruction touches no memory.
        unsafe { arm::$name $(::<{ $imm }>)? ($($arg),*) }
    };
}

impl Default for Wide {
    #[inline(always)]
    fn default() -> Self {
        <Self as Words>::splat(0)
    }
}

impl Wide {
    /// Four numbers, most significant byte first.
    #[inline(always)]
    fn of_block(block: &Block16) -> Self {
        // SAFETY: both have 16 bytes.
        let bytes = unsafe { arm::vld1q_u8(block.as_ptr()) };
        let turned = neon!(vrev32q_u8(bytes));
        Self(neon!(vreinterpretq_u32_u8(turned)))
    }

    /// The bytes of four numbers, most significant first.
    #[inline(always)]
    fn block(self) -> Block16 {
        let mut out = [0; 16];
        let bytes = neon!(vreinterpretq_u8_u32(self.0));
        let turned = neon!(vrev32q_u8(bytes));
        // SAFETY: both have 16 bytes.
        unsafe { arm::vst1q_u8(out.as_mut_ptr(), turned) };
        out
    }

    #[inline(always)]
    fn of_pairs(pairs: arm::uint64x2_t) -> Self {
        Self(neon!(vreinterpretq_u32_u64(pairs)))
    }

    #[inline(always)]
    fn pairs(self) -> arm::uint64x2_t {
        neon!(vreinterpretq_u64_u32(self.0))
    }

    /// A square of four words by four turned: of each vector the word at the same place.
    #[inline(always)]
    fn crossed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let ab_even = Self(neon!(vtrn1q_u32(a.0, b.0))).pairs();
        let ab_odd = Self(neon!(vtrn2q_u32(a.0, b.0))).pairs();
        let cd_even = Self(neon!(vtrn1q_u32(c.0, d.0))).pairs();
        let cd_odd = Self(neon!(vtrn2q_u32(c.0, d.0))).pairs();
        [
            Self::of_pairs(neon!(vtrn1q_u64(ab_even, cd_even))),
            Self::of_pairs(neon!(vtrn1q_u64(ab_odd, cd_odd))),
            Self::of_pairs(neon!(vtrn2q_u64(ab_even, cd_even))),
            Self::of_pairs(neon!(vtrn2q_u64(ab_odd, cd_odd))),
        ]
    }
}

impl Gates for Wide {
    #[inline(always)]
    fn splat(bit: bool) -> Self {
        <Self as Words>::splat(if bit { u32::MAX } else { 0 })
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(neon!(veorq_u32(self.0, other.0)))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(neon!(vandq_u32(self.0, other.0)))
    }
}

impl Bits for Wide {
    const GROUPS: usize = 2;

    #[inline(always)]
    fn gather(groups: &[u64]) -> Self {
        let numbers: &[u64; 2] = groups.first_chunk().expect("two groups");
        // SAFETY: both have 16 bytes.
        Self::of_pairs(unsafe { arm::vld1q_u64(numbers.as_ptr()) })
    }

    #[inline(always)]
    fn scatter(self, groups: &mut [u64]) {
        let numbers: &mut [u64; 2] = groups.first_chunk_mut().expect("two groups");
        // SAFETY: both have 16 bytes.
        unsafe { arm::vst1q_u64(numbers.as_mut_ptr(), self.pairs()) };
    }

    #[inline(always)]
    fn gate<const GATE: i32>(a: Self, b: Self, c: Self) -> Self {
        gate_of_plain!(GATE, a, b, c)
    }
}

/// Turned by a constant: shifted up, and what went out above put in below. Either is an instruction with
/// the number in it, so the numbers that there are stand here.
macro_rules! turned {
    ($word:expr, $by:ident, $($left:literal $right:literal),*) => {{
        const { assert!(matches!($by, $($left)|*)) };
        match $by {
            $($left => {
 let up = neon!(vshlq_n_u32[$left]($word));
 neon!(vsriq_n_u32[$right](up, $word))
 },)*
            _ => $word,
        }
    }};
}

impl Words for Wide {
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self(neon!(vdupq_n_u32(word)))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Words::xor(Words::xor(self, b), c)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Gates::xor(self, other)
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        Self(
            turned!(self.0, BY, 2 30, 7 25, 9 23, 10 22, 12 20, 13 19, 15 17, 17 15, 18 14,
            19 13, 23 9, 24 8),
        )
    }
}

impl Sums for Wide {
    #[inline(always)]
    fn gather(lanes: &[u32]) -> Self {
        let words: &[u32; 4] = lanes.try_into().expect("a word of each lane");
        // SAFETY: both have 16 bytes.
        Self(unsafe { arm::vld1q_u32(words.as_ptr()) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(neon!(vaddq_u32(self.0, other.0)))
    }

    #[inline(always)]
    fn most(self, b: Self, c: Self) -> Self {
        // Where the first two differ, the third says.
        Words::xor(self, b).choose(c, b)
    }

    #[inline(always)]
    fn choose(self, then: Self, other: Self) -> Self {
        Self(neon!(vbslq_u32(self.0, then.0, other.0)))
    }

    #[inline(always)]
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16] {
        let mut out = [Self::default(); 16];
        for (quarter, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let mut rows = [Self::default(); 4];
            for (row, block) in rows.iter_mut().zip(blocks) {
                *row = Self::of_block(&block.as_chunks::<16>().0[quarter]);
            }
            *out = Self::crossed(rows);
        }
        out
    }

    #[inline(always)]
    fn digests(words: &[Self; 8]) -> [Digest; MOST_LANES] {
        let mut out = [[0; 32]; MOST_LANES];
        for (half, words) in words.as_chunks::<4>().0.iter().enumerate() {
            for (row, digest) in Self::crossed(*words).into_iter().zip(&mut out) {
                digest.as_chunks_mut::<16>().0[half] = row.block();
            }
        }
        out
    }
}

impl Boxed for Wide {
    /// The box is looked up in sixteen registers, a quarter of it after the other: a byte that is in none
    /// of a quarter leaves what there is.
    #[inline(always)]
    fn substitute(self) -> Self {
        let bytes = neon!(vreinterpretq_u8_u32(self.0));
        let quarters = BOX.each_ref().map(|quarter| {
            // SAFETY: both have 64 bytes.
            unsafe { arm::vld1q_u8_x4(quarter.as_ptr()) }
        });
        let below = neon!(vdupq_n_u8(64));
        let (mut out, mut at) = (neon!(vqtbl4q_u8(quarters[0], bytes)), bytes);
        for quarter in &quarters[1..] {
            at = neon!(vsubq_u8(at, below));
            out = neon!(vqtbx4q_u8(out, *quarter, at));
        }
        Self(neon!(vreinterpretq_u32_u8(out)))
    }

    #[inline(always)]
    fn load(blocks: &[Block16]) -> [Self; 4] {
        let mut rows = [Self::default(); 4];
        for (row, block) in rows.iter_mut().zip(blocks) {
            *row = Self::of_block(block);
        }
        Self::crossed(rows)
    }

    #[inline(always)]
    fn store(words: [Self; 4], blocks: &mut [Block16]) {
        // Turning a square twice gives it back.
        for (block, words) in blocks.iter_mut().zip(Self::crossed(words)) {
            *block = words.block();
        }
    }

    #[inline(always)]
    fn first(self) -> u32 {
        neon!(vgetq_lane_u32[0](self.0))
    }
}

/// What every such processor has for few blocks. Two groups and the box fill the registers.
pub(super) fn few() -> Option<&'static FewKernels> {
    allowed(Kernel::Neon).then_some(&FEW)
}

static FEW: FewKernels = FewKernels {
    name: "NEON",
    expand: |key, out| sm4_words::expand::<Wide>(key, out),
    encipher: |keys, blocks| sm4_words::encipher_by::<Wide, 2>(keys, blocks),
    each: |keys, blocks| sm4_words::encipher_each::<Wide, 2>(keys, blocks),
    macs: |keys, messages, out| sm4_words::mac_each::<Wide, 2>(keys, messages, out),
};

/// What every such processor has.
pub(super) fn kernels() -> Option<&'static Kernels> {
    allowed(Kernel::Neon).then_some(&KERNELS)
}

static KERNELS: Kernels = Kernels {
    name: "NEON",
    sm3_least: 2,
    hmac_least: 5,
    sm3_each: sm3::digest_each::<Wide>,
    nonces_each: nonces::nonces_each::<Wide>,
    tdes_least: 9,
    tdes_each: des::encipher_each::<Wide>,
    des_macs_least: 24,
    des_macs: des::mac_each::<Wide>,
    sm4_least: 64,
    sm4_each: sm4_planes::encipher_each::<Wide>,
    // As with AVX2, whose planes are twice as wide and its lanes of words as many; not measured.
    sm4_under: None,
    sm4_macs: sm4_planes::mac_each::<Wide>,
};
