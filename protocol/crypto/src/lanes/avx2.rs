//! AVX2: 256 bits a plane, eight words.
//!
//! Every vector lives in a function that [`kernels`] gives out, and it does so only where the
//! processor said that it has the instructions. That is what each block here relies on.
#![expect(
    unsafe_code,
    reason = "instructions of a processor that was asked for them"
)]

use core::arch::x86_64 as x86;

use super::bits::{Bits, Gates, gate_of_plain};
use super::words::{MOST_LANES, Sums, Words};
use super::{Before, Block16, Block32, Chain, DesMac, Kernels, des, nonces, sm3, sm4_planes};
use crate::sm3::Digest;
use crate::trial::{Kernel, allowed};

/// 256 bits. Made and used only below the functions of [`kernels`].
#[derive(Clone, Copy)]
struct Wide(x86::__m256i);

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
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        wide!(_mm256_or_si256(self.0, other.0))
    }

    #[inline(always)]
    fn of_digest(bytes: &Digest) -> Self {
        // SAFETY: as the module says; both have 32 bytes.
        Self(unsafe { x86::_mm256_loadu_si256(bytes.as_ptr().cast()) })
    }

    #[inline(always)]
    fn digest(self) -> Digest {
        let mut out = [0; 32];
        // SAFETY: as the module says; both have 32 bytes.
        unsafe { x86::_mm256_storeu_si256(out.as_mut_ptr().cast(), self.0) };
        out
    }

    /// Eight numbers, the order of whose bytes is turned.
    #[inline(always)]
    fn turned_bytes(self) -> Self {
        const TURN: [u64; 4] = {
            let (low, high) = (0x0405_0607_0001_0203, 0x0C0D_0E0F_0809_0A0B);
            [low, high, low, high]
        };
        wide!(_mm256_shuffle_epi8(self.0, <Self as Bits>::gather(&TURN).0))
    }

    /// A square of eight words by eight turned: of each vector the word at the same place.
    #[inline(always)]
    fn crossed(rows: [Self; 8]) -> [Self; 8] {
        // Squares of four by four in both halves of vectors first, then those.
        let mut squares = [[Self::default(); 4]; 2];
        for (square, rows) in squares.iter_mut().zip(rows.as_chunks::<4>().0) {
            let [a, b, c, d] = *rows;
            let ab_low = wide!(_mm256_unpacklo_epi32(a.0, b.0));
            let ab_high = wide!(_mm256_unpackhi_epi32(a.0, b.0));
            let cd_low = wide!(_mm256_unpacklo_epi32(c.0, d.0));
            let cd_high = wide!(_mm256_unpackhi_epi32(c.0, d.0));
            *square = [
                wide!(_mm256_unpacklo_epi64(ab_low.0, cd_low.0)),
                wide!(_mm256_unpackhi_epi64(ab_low.0, cd_low.0)),
                wide!(_mm256_unpacklo_epi64(ab_high.0, cd_high.0)),
                wide!(_mm256_unpackhi_epi64(ab_high.0, cd_high.0)),
            ];
        }
        let [first, second] = squares;
        let mut out = [Self::default(); 8];
        for at in 0..4 {
            out[at] = wide!(_mm256_permute2x128_si256[0x20](first[at].0, second[at].0));
            out[4 + at] = wide!(_mm256_permute2x128_si256[0x31](first[at].0, second[at].0));
        }
        out
    }
}

impl Gates for Wide {
    #[inline(always)]
    fn splat(bit: bool) -> Self {
        wide!(_mm256_set1_epi64x(if bit { -1 } else { 0 }))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        wide!(_mm256_xor_si256(self.0, other.0))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        wide!(_mm256_and_si256(self.0, other.0))
    }
}

impl Bits for Wide {
    const GROUPS: usize = 4;

    #[inline(always)]
    fn gather(groups: &[u64]) -> Self {
        let numbers: &[u64; 4] = groups.first_chunk().expect("four groups");
        // SAFETY: as the module says; both have 32 bytes.
        Self(unsafe { x86::_mm256_loadu_si256(numbers.as_ptr().cast()) })
    }

    #[inline(always)]
    fn scatter(self, groups: &mut [u64]) {
        let numbers: &mut [u64; 4] = groups.first_chunk_mut().expect("four groups");
        // SAFETY: as the module says; both have 32 bytes.
        unsafe { x86::_mm256_storeu_si256(numbers.as_mut_ptr().cast(), self.0) };
    }

    #[inline(always)]
    fn gate<const GATE: i32>(a: Self, b: Self, c: Self) -> Self {
        gate_of_plain!(GATE, a, b, c)
    }
}

impl Words for Wide {
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        wide!(_mm256_set1_epi32(word.cast_signed()))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Words::xor(Words::xor(self, b), c)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        wide!(_mm256_xor_si256(self.0, other.0))
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        // No instruction turns words here; two shifts by constants become two instructions.
        let up = wide!(_mm256_sll_epi32(self.0, x86::_mm_cvtsi32_si128(BY)));
        let down = wide!(_mm256_srl_epi32(self.0, x86::_mm_cvtsi32_si128(32 - BY)));
        up.or(down)
    }
}

impl Sums for Wide {
    #[inline(always)]
    fn gather(lanes: &[u32]) -> Self {
        let words: &[u32; 8] = lanes.try_into().expect("a word of each lane");
        // SAFETY: as the module says; both have 32 bytes.
        Self(unsafe { x86::_mm256_loadu_si256(words.as_ptr().cast()) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        wide!(_mm256_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    fn most(self, b: Self, c: Self) -> Self {
        self.and(b).or(self.or(b).and(c))
    }

    #[inline(always)]
    fn choose(self, then: Self, other: Self) -> Self {
        Words::xor(Words::xor(then, other).and(self), other)
    }

    #[inline(always)]
    fn spread<const BY: i32, const AND_EIGHT: i32>(self) -> Self {
        // Turning by eight moves bytes only, one instruction instead of three.
        const EIGHT: [u64; 4] = {
            let (low, high) = (0x0605_0407_0201_0003, 0x0E0D_0C0F_0A09_080B);
            [low, high, low, high]
        };
        const { assert!(AND_EIGHT == BY + 8) };
        let eight = wide!(_mm256_shuffle_epi8(
            self.0,
            <Self as Bits>::gather(&EIGHT).0
        ));
        Words::xor(Words::xor(self, eight).turn::<BY>(), self)
    }

    #[inline(always)]
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16] {
        let mut out = [Self::default(); 16];
        for (half, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let mut rows = [Self::default(); 8];
            for (row, block) in rows.iter_mut().zip(blocks) {
                *row = Self::of_digest(&block.as_chunks::<32>().0[half]).turned_bytes();
            }
            *out = Self::crossed(rows);
        }
        out
    }

    #[inline(always)]
    fn digests(words: &[Self; 8]) -> [Digest; MOST_LANES] {
        let mut out = [[0; 32]; MOST_LANES];
        for (row, digest) in Self::crossed(*words).into_iter().zip(&mut out) {
            *digest = row.turned_bytes().digest();
        }
        out
    }
}

/// What this processor has, if it has all that is needed here.
pub(super) fn kernels() -> Option<&'static Kernels> {
    let found = allowed(Kernel::Avx2) && std::is_x86_feature_detected!("avx2");
    found.then_some(&KERNELS)
}

/// A function of this module for callers who asked [`kernels`].
macro_rules! asked {
    ($name:ident($($arg:ident: $type:ty),*) $body:expr) => {
        fn $name($($arg: $type),*) {
            #[target_feature(enable = "avx2")]
            fn inside($($arg: $type),*) {
                $body
            }
            // SAFETY: only `kernels` gives this function out, after it found the instructions.
            unsafe { inside($($arg),*) }
        }
    };
}

static KERNELS: Kernels = Kernels {
    name: "AVX2",
    sm3_least: 2,
    hmac_least: 5,
    sm3_each,
    nonces_each,
    tdes_least: 9,
    tdes_each,
    des_macs_least: 20,
    des_macs,
    sm4_least: 192,
    sm4_each,
    // Four lanes by AES-NI, which whoever has AVX2 has too, are as fast as these planes.
    sm4_under: None,
    sm4_macs,
};

asked!(sm3_each(before: &Before, messages: &[&[u8]], out: &mut [Digest])
    sm3::digest_each::<Wide>(before, messages, out));
asked!(nonces_each(d: &Block32, digests: &[Block32], out: &mut [Block32])
    nonces::nonces_each::<Wide>(d, digests, out));
asked!(tdes_each(keys: &[Block16], blocks: &mut [Block16]) des::encipher_each::<Wide>(keys, blocks));
asked!(des_macs(kind: DesMac, keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16])
    des::mac_each::<Wide>(kind, keys, messages, out));
asked!(sm4_each(keys: &[Block16], blocks: &mut [Block16])
    sm4_planes::encipher_each::<Wide>(keys, blocks));
asked!(sm4_macs(keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16])
    sm4_planes::mac_each::<Wide>(keys, messages, out));
