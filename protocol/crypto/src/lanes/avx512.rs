//! AVX-512, with GFNI for SM4: 512 bits a plane, sixteen words.
//!
//! Every vector lives in a function that [`kernels`] gives out, and it does so only where the
//! processor said that it has the instructions. That is what each block here relies on.
#![expect(
    unsafe_code,
    reason = "instructions of a processor that was asked for them"
)]

use core::arch::x86_64 as x86;
use std::sync::OnceLock;

use super::bits::{Bits, Gates};
use super::sm4_box::{SM4_AFTER, SM4_BEFORE};
use super::sm4_words::Boxed;
use super::words::{MOST_LANES, Sums, Two, Words};
use super::{Before, Block16, Block32, Chain, DesMac, Kernels, des, nonces, sm3, sm4_words};
use crate::sm3::Digest;
use crate::trial::{Kernel, allowed};

/// 512 bits. Made and used only below the functions of [`kernels`].
#[derive(Clone, Copy)]
struct Wide(x86::__m512i);

impl Default for Wide {
    #[inline(always)]
    fn default() -> Self {
        // No instruction of the set: memory is also overwritten where its functions do not reach.
        // SAFETY: any bytes are a vector, zeros too.
        Self(unsafe { core::mem::zeroed() })
    }
}

/// An instruction on vectors alone.
macro_rules! wide {
    ($name:ident $([$imm:expr])? ($($arg:expr),*)) => {
        // SAFETY: as the module says; the instruction touches no memory.
        Wide(unsafe { x86::$name $(::<{ $imm }>)? ($($arg),*) })
    };
}

impl Wide {
    /// Eight numbers of 64 bits.
    #[inline(always)]
    fn of(numbers: [u64; 8]) -> Self {
        // SAFETY: as the module says; both have 64 bytes, and any bytes are a vector.
        Self(unsafe { x86::_mm512_loadu_si512(numbers.as_ptr().cast()) })
    }

    /// The eight numbers.
    #[inline(always)]
    fn numbers(self) -> [u64; 8] {
        let mut out = [0u64; 8];
        // SAFETY: as the module says; the place has 64 bytes.
        unsafe { x86::_mm512_storeu_si512(out.as_mut_ptr().cast(), self.0) };
        out
    }

    /// Two digests side by side.
    #[inline(always)]
    fn two_digests(self) -> [Digest; 2] {
        let mut out = [[0; 32]; 2];
        // SAFETY: as the module says; the place has 64 bytes.
        unsafe { x86::_mm512_storeu_si512(out.as_mut_ptr().cast(), self.0) };
        out
    }

    /// Four blocks side by side.
    #[inline(always)]
    fn of_blocks(blocks: &[Block16; 4]) -> Self {
        // SAFETY: as the module says; both have 64 bytes.
        Self(unsafe { x86::_mm512_loadu_si512(blocks.as_ptr().cast()) })
    }

    /// Sixteen numbers, the order of whose bytes is turned.
    #[inline(always)]
    fn turned_bytes(self) -> Self {
        const TURN: [u64; 8] = {
            let (low, high) = (0x0405_0607_0001_0203, 0x0C0D_0E0F_0809_0A0B);
            [low, high, low, high, low, high, low, high]
        };
        wide!(_mm512_shuffle_epi8(self.0, Self::of(TURN).0))
    }

    /// Of four vectors of blocks, the words at the same place in each block, in four vectors: a
    /// block's words stay in the quarter of the vector where the block is.
    #[inline(always)]
    fn crossed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let ab_low = wide!(_mm512_unpacklo_epi32(a.0, b.0));
        let ab_high = wide!(_mm512_unpackhi_epi32(a.0, b.0));
        let cd_low = wide!(_mm512_unpacklo_epi32(c.0, d.0));
        let cd_high = wide!(_mm512_unpackhi_epi32(c.0, d.0));
        [
            wide!(_mm512_unpacklo_epi64(ab_low.0, cd_low.0)),
            wide!(_mm512_unpackhi_epi64(ab_low.0, cd_low.0)),
            wide!(_mm512_unpacklo_epi64(ab_high.0, cd_high.0)),
            wide!(_mm512_unpackhi_epi64(ab_high.0, cd_high.0)),
        ]
    }

    /// The same for the quarters of four vectors: a square of them turned.
    #[inline(always)]
    fn crossed_quarters([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let ab_low = wide!(_mm512_shuffle_i32x4[0x44](a.0, b.0));
        let ab_high = wide!(_mm512_shuffle_i32x4[0xEE](a.0, b.0));
        let cd_low = wide!(_mm512_shuffle_i32x4[0x44](c.0, d.0));
        let cd_high = wide!(_mm512_shuffle_i32x4[0xEE](c.0, d.0));
        [
            wide!(_mm512_shuffle_i32x4[0x88](ab_low.0, cd_low.0)),
            wide!(_mm512_shuffle_i32x4[0xDD](ab_low.0, cd_low.0)),
            wide!(_mm512_shuffle_i32x4[0x88](ab_high.0, cd_high.0)),
            wide!(_mm512_shuffle_i32x4[0xDD](ab_high.0, cd_high.0)),
        ]
    }
}

impl Gates for Wide {
    #[inline(always)]
    fn splat(bit: bool) -> Self {
        wide!(_mm512_set1_epi64(if bit { -1 } else { 0 }))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        wide!(_mm512_xor_si512(self.0, other.0))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        wide!(_mm512_and_si512(self.0, other.0))
    }
}

impl Bits for Wide {
    const GROUPS: usize = 8;

    #[inline(always)]
    fn gather(groups: &[u64]) -> Self {
        Self::of(core::array::from_fn(|at| groups[at]))
    }

    #[inline(always)]
    fn scatter(self, groups: &mut [u64]) {
        groups.copy_from_slice(&self.numbers());
    }

    #[inline(always)]
    fn gate<const GATE: i32>(a: Self, b: Self, c: Self) -> Self {
        wide!(_mm512_ternarylogic_epi64[GATE](a.0, b.0, c.0))
    }
}

impl Words for Wide {
    const LANES: usize = 16;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        wide!(_mm512_set1_epi32(word.cast_signed()))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        wide!(_mm512_ternarylogic_epi32[0x96](self.0, b.0, c.0))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        wide!(_mm512_xor_si512(self.0, other.0))
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        wide!(_mm512_rol_epi32[BY](self.0))
    }
}

impl Sums for Wide {
    #[inline(always)]
    fn gather(lanes: &[u32]) -> Self {
        let words: &[u32; 16] = lanes.try_into().expect("a word of each lane");
        // SAFETY: as the module says; both have 64 bytes.
        Self(unsafe { x86::_mm512_loadu_si512(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        wide!(_mm512_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    fn most(self, b: Self, c: Self) -> Self {
        wide!(_mm512_ternarylogic_epi32[0xE8](self.0, b.0, c.0))
    }

    #[inline(always)]
    fn choose(self, then: Self, other: Self) -> Self {
        wide!(_mm512_ternarylogic_epi32[0xCA](self.0, then.0, other.0))
    }

    #[inline(always)]
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16] {
        // Squares of four lanes by four words, then squares of those.
        let mut squares = [[Self::default(); 4]; 4];
        for (square, blocks) in squares.iter_mut().zip(blocks.as_chunks::<4>().0) {
            for (row, block) in square.iter_mut().zip(blocks) {
                // SAFETY: as the module says; both have 64 bytes.
                let words = unsafe { x86::_mm512_loadu_si512(block.as_ptr().cast()) };
                *row = Self(words).turned_bytes();
            }
            *square = Self::crossed(*square);
        }
        let mut out = [Self::default(); 16];
        for word in 0..4 {
            let [a, b, c, d] = squares;
            let column = Self::crossed_quarters([a[word], b[word], c[word], d[word]]);
            for (quarter, words) in column.into_iter().enumerate() {
                out[4 * quarter + word] = words;
            }
        }
        out
    }

    #[inline(always)]
    fn digests(words: &[Self; 8]) -> [Digest; MOST_LANES] {
        let [a, b, c, d, e, f, g, h] = *words;
        // Sixteen bytes of the lanes 4q + i each, in quarter q of row i.
        let rows = Self::crossed([a, b, c, d]).into_iter();
        let rows = rows.zip(Self::crossed([e, f, g, h]));
        let low = Self::of([0, 1, 8, 9, 2, 3, 10, 11]);
        let high = Self::of([4, 5, 12, 13, 6, 7, 14, 15]);
        let mut out = [[0; 32]; MOST_LANES];
        for (row, (first, second)) in rows.enumerate() {
            let (first, second) = (first.turned_bytes(), second.turned_bytes());
            let low = wide!(_mm512_permutex2var_epi64(first.0, low.0, second.0));
            let high = wide!(_mm512_permutex2var_epi64(first.0, high.0, second.0));
            [out[row], out[4 + row]] = low.two_digests();
            [out[8 + row], out[12 + row]] = high.two_digests();
        }
        out
    }
}

impl Boxed for Wide {
    #[inline(always)]
    fn substitute(self) -> Self {
        // Into the field of the instruction by one affine map, and out of its inverse by another.
        const ADD_INTO: i32 = SM4_BEFORE.1 as i32;
        const ADD_OUT_OF: i32 = SM4_AFTER.1 as i32;
        let (into, out_of) = (Self::of([SM4_BEFORE.0; 8]), Self::of([SM4_AFTER.0; 8]));
        let mapped = wide!(_mm512_gf2p8affine_epi64_epi8[ADD_INTO](self.0, into.0));
        wide!(_mm512_gf2p8affineinv_epi64_epi8[ADD_OUT_OF](
            mapped.0, out_of.0
        ))
    }

    #[inline(always)]
    fn load(blocks: &[Block16]) -> [Self; 4] {
        let (fours, _) = blocks.as_chunks::<4>();
        let mut rows = [Self::default(); 4];
        for (row, four) in rows.iter_mut().zip(fours) {
            *row = Self::of_blocks(four).turned_bytes();
        }
        Self::crossed(rows)
    }

    #[inline(always)]
    fn store(words: [Self; 4], blocks: &mut [Block16]) {
        let (fours, _) = blocks.as_chunks_mut::<4>();
        // Turning a square twice gives it back, quarter by quarter.
        for (four, words) in fours.iter_mut().zip(Self::crossed(words)) {
            // SAFETY: as the module says; both have 64 bytes.
            unsafe { x86::_mm512_storeu_si512(four.as_mut_ptr().cast(), words.turned_bytes().0) };
        }
    }

    #[inline(always)]
    fn first(self) -> u32 {
        // SAFETY: as the module says; the instruction touches no memory.
        unsafe { x86::_mm512_cvtsi512_si32(self.0) }.cast_unsigned()
    }
}

/// What this processor has, if it has all that is needed here; the last is the one to use.
pub(super) fn ways() -> Option<[&'static Kernels; 2]> {
    let has_words =
        std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512bw");
    let has_box = std::is_x86_feature_detected!("gfni");
    let has_all = allowed(Kernel::Avx512) && has_words && has_box;
    has_all.then(|| match *TWO_PAY.get_or_init(two_pay) {
        true => [&KERNELS, &KERNELS_OF_TWO],
        false => [&KERNELS_OF_TWO, &KERNELS],
    })
}

/// The one to use, if this processor has all that is needed here.
pub(super) fn kernels() -> Option<&'static Kernels> {
    ways().map(|[_, best]| best)
}

static TWO_PAY: OnceLock<bool> = OnceLock::new();

/// Whether SM3 takes two vectors side by side. A round is a chain of eight additions, turns and sums of
/// bits. From Zen 5 on (AMD's family 1Ah) such an instruction waits two cycles for the one before, and
/// four begin in a cycle, or two that turn, so that most of the time nothing would be done; Zen 4 waits
/// one, begins two, and has enough to do with one vector.
fn two_pay() -> bool {
    let (maker, version) = (x86::__cpuid(0), x86::__cpuid(1));
    let name = [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes);
    let family = match (version.eax >> 8) & 0xF {
        0xF => 0xF + ((version.eax >> 20) & 0xFF),
        family => family,
    };
    name.as_flattened() == b"AuthenticAMD" && family >= 0x1A
}

/// A function of this module for callers who asked [`kernels`].
macro_rules! asked {
    ($name:ident($($arg:ident: $type:ty),*) $body:expr) => {
        fn $name($($arg: $type),*) {
            #[target_feature(enable = "avx512f,avx512bw,gfni")]
            fn inside($($arg: $type),*) {
                $body
            }
            // SAFETY: only `kernels` gives this function out, after it found the instructions.
            unsafe { inside($($arg),*) }
        }
    };
}

static KERNELS: Kernels = Kernels {
    name: "AVX-512, GFNI",
    sm3_least: 3,
    hmac_least: 5,
    sm3_each,
    nonces_each,
    tdes_least: 6,
    tdes_each,
    des_macs_least: 16,
    des_macs,
    sm4_least: 1,
    sm4_each,
    sm4_under: Some((64, sm4_under)),
    sm4_macs,
};

static KERNELS_OF_TWO: Kernels = Kernels {
    name: "AVX-512, GFNI, two side by side",
    sm3_each: sm3_each_by_two,
    nonces_each: nonces_each_by_two,
    ..KERNELS
};

asked!(sm3_each(before: &Before, messages: &[&[u8]], out: &mut [Digest])
    sm3::digest_each::<Wide>(before, messages, out));
asked!(nonces_each(d: &Block32, digests: &[Block32], out: &mut [Block32])
    nonces::nonces_each::<Wide>(d, digests, out));
asked!(sm3_each_of_two(before: &Before, messages: &[&[u8]], out: &mut [Digest])
    sm3::digest_each::<Two<Wide>>(before, messages, out));
asked!(nonces_each_of_two(d: &Block32, digests: &[Block32], out: &mut [Block32])
    nonces::nonces_each::<Two<Wide>>(d, digests, out));

/// Those that fill one vector at most go into one.
fn sm3_each_by_two(before: &Before, messages: &[&[u8]], out: &mut [Digest]) {
    let each = if messages.len() <= <Wide as Words>::LANES {
        sm3_each
    } else {
        sm3_each_of_two
    };
    each(before, messages, out);
}

fn nonces_each_by_two(d: &Block32, digests: &[Block32], out: &mut [Block32]) {
    let each = if digests.len() <= <Wide as Words>::LANES {
        nonces_each
    } else {
        nonces_each_of_two
    };
    each(d, digests, out);
}

asked!(tdes_each(keys: &[Block16], blocks: &mut [Block16]) des::encipher_each::<Wide>(keys, blocks));
asked!(des_macs(kind: DesMac, keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16])
    des::mac_each::<Wide>(kind, keys, messages, out));
asked!(sm4_each(keys: &[Block16], blocks: &mut [Block16])
    sm4_words::encipher_each::<Wide, 4>(keys, blocks));
asked!(sm4_under(key: &Block16, blocks: &mut [Block16])
    sm4_words::encipher_under::<Wide, 4>(key, blocks));
asked!(sm4_macs(keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16])
    sm4_words::mac_each::<Wide, 4>(keys, messages, out));
