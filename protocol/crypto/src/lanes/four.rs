//! Four words in 128 bits of x86-64, with SM4's box by GFNI or by that of AES: few blocks, or one.
//!
//! SM4's box and that of AES are both affine maps around the inverse in GF(2^8), so one is the other with
//! affine maps before and after it. GFNI has an instruction for a map and for an inverse with a map;
//! `AESENCLAST` has the box of AES, and a map is the sum of what it makes of both halves of a byte, which
//! are looked up in a register.
//!
//! Every vector lives in a function that [`ways`] gives out, and it does so only where the processor said
//! that it has the instructions. That is what each block here relies on.
#![expect(
    unsafe_code,
    reason = "instructions of a processor that was asked for them"
)]

use core::arch::x86_64 as x86;
use core::marker::PhantomData;

use super::few::FewKernels;
use super::sm4_box::{AES_AFTER, SM4_AFTER, SM4_BEFORE, affine};
use super::sm4_words::{self, Boxed, OneSchedule};
use super::words::Words;
use super::{Block16, Chain};
use crate::trial::{Kernel, allowed};

/// 128 bits, and how the box is taken. Made and used only below the functions of [`ways`].
struct Four<B>(x86::__m128i, PhantomData<B>);

impl<B> Clone for Four<B> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Four<B> {}

impl<B> Default for Four<B> {
    #[inline(always)]
    fn default() -> Self {
        // No instruction beyond those of every x86-64: memory is overwritten outside of the functions too.
        // SAFETY: any bytes are a vector, zeros too.
        Self::of(unsafe { core::mem::zeroed() })
    }
}

/// An instruction on vectors alone.
macro_rules! vector {
    ($name:ident $([$imm:expr])? ($($arg:expr),*)) => {
        // SAFETY: as the module says; the instruction touches no memory.
        unsafe { x86::$name $(::<{ $imm }>)? ($($arg),*) }
    };
}

/// Sixteen bytes as a vector.
#[inline(always)]
fn bytes(bytes: &Block16) -> x86::__m128i {
    // SAFETY: as the module says; both have 16 bytes.
    unsafe { x86::_mm_loadu_si128(bytes.as_ptr().cast()) }
}

impl<B> Four<B> {
    #[inline(always)]
    const fn of(vector: x86::__m128i) -> Self {
        Self(vector, PhantomData)
    }

    /// The bytes at these places.
    #[inline(always)]
    fn shuffled(self, places: &Block16) -> Self {
        Self::of(vector!(_mm_shuffle_epi8(self.0, bytes(places))))
    }

    /// Of four vectors the words at the same place, in four vectors.
    #[inline(always)]
    fn crossed([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let ab_low = vector!(_mm_unpacklo_epi32(a.0, b.0));
        let ab_high = vector!(_mm_unpackhi_epi32(a.0, b.0));
        let cd_low = vector!(_mm_unpacklo_epi32(c.0, d.0));
        let cd_high = vector!(_mm_unpackhi_epi32(c.0, d.0));
        [
            Self::of(vector!(_mm_unpacklo_epi64(ab_low, cd_low))),
            Self::of(vector!(_mm_unpackhi_epi64(ab_low, cd_low))),
            Self::of(vector!(_mm_unpacklo_epi64(ab_high, cd_high))),
            Self::of(vector!(_mm_unpackhi_epi64(ab_high, cd_high))),
        ]
    }
}

/// The bytes of each word in the other order.
const TURNED: Block16 = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];

/// Each word turned to the left by so many bytes.
const fn turned_by(count: u8) -> Block16 {
    let mut out = [0; 16];
    let mut at = 0u8;
    while at < 16 {
        // The least byte of a word comes first.
        out[at as usize] = at / 4 * 4 + (at + 4 - count) % 4;
        at += 1;
    }
    out
}

impl<B> Words for Four<B> {
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self::of(vector!(_mm_set1_epi32(word.cast_signed())))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self::of(vector!(_mm_xor_si128(self.0, other.0)))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self.xor(b).xor(c)
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        // No instruction turns words here; two shifts by constants become two instructions.
        let up = vector!(_mm_sll_epi32(self.0, x86::_mm_cvtsi32_si128(BY)));
        let down = vector!(_mm_srl_epi32(self.0, x86::_mm_cvtsi32_si128(32 - BY)));
        Self::of(vector!(_mm_or_si128(up, down)))
    }
}

/// How the box is taken over every byte.
trait Way {
    fn substitute(vector: x86::__m128i) -> x86::__m128i;
}

impl<B: Way> Boxed for Four<B> {
    #[inline(always)]
    fn substitute(self) -> Self {
        Self::of(B::substitute(self.0))
    }

    #[inline(always)]
    fn diffused(self) -> Self {
        // Turning by whole bytes is one instruction: 2, 10 and 18 are turned by 0, 8, 16, and then by 2.
        const EIGHT: Block16 = turned_by(1);
        const SIXTEEN: Block16 = turned_by(2);
        const MOST: Block16 = turned_by(3);
        let whole = self.xor3(self.shuffled(&EIGHT), self.shuffled(&SIXTEEN));
        self.xor3(self.shuffled(&MOST), whole.turn::<2>())
    }

    #[inline(always)]
    fn load(blocks: &[Block16]) -> [Self; 4] {
        let blocks: &[Block16; 4] = blocks.try_into().expect("a block of each lane");
        let [a, b, c, d] = blocks;
        Self::crossed([
            Self::of(bytes(a)).shuffled(&TURNED),
            Self::of(bytes(b)).shuffled(&TURNED),
            Self::of(bytes(c)).shuffled(&TURNED),
            Self::of(bytes(d)).shuffled(&TURNED),
        ])
    }

    #[inline(always)]
    fn store(words: [Self; 4], blocks: &mut [Block16]) {
        // Turning a square twice gives it back.
        for (block, words) in blocks.iter_mut().zip(Self::crossed(words)) {
            let turned = words.shuffled(&TURNED).0;
            // SAFETY: as the module says; both have 16 bytes.
            unsafe { x86::_mm_storeu_si128(block.as_mut_ptr().cast(), turned) };
        }
    }

    #[inline(always)]
    fn first(self) -> u32 {
        vector!(_mm_cvtsi128_si32(self.0)).cast_unsigned()
    }
}

/// By GFNI.
struct Gfni;

impl Way for Gfni {
    #[inline(always)]
    fn substitute(vector: x86::__m128i) -> x86::__m128i {
        const INTO: i64 = SM4_BEFORE.0.cast_signed();
        const OUT_OF: i64 = SM4_AFTER.0.cast_signed();
        const ADD_INTO: i32 = SM4_BEFORE.1 as i32;
        const ADD_OUT_OF: i32 = SM4_AFTER.1 as i32;
        let (into, out_of) = (
            vector!(_mm_set1_epi64x(INTO)),
            vector!(_mm_set1_epi64x(OUT_OF)),
        );
        let mapped = vector!(_mm_gf2p8affine_epi64_epi8[ADD_INTO](vector, into));
        vector!(_mm_gf2p8affineinv_epi64_epi8[ADD_OUT_OF](mapped, out_of))
    }
}

/// By the box of AES.
struct Aes;

/// What a map makes of the low halves of bytes, and of the high ones.
type Halves = [Block16; 2];

/// The byte of an inverse out of that which the box of AES gives: searched for, because it is done once.
const fn before_aes(byte: u8) -> u8 {
    let mut inverse = 0;
    while affine(AES_AFTER, inverse) != byte {
        inverse += 1;
    }
    inverse
}

const BEFORE: Halves = {
    let mut out = [[0; 16]; 2];
    let mut at = 0u8;
    while at < 16 {
        out[0][at as usize] = affine(SM4_BEFORE, at);
        out[1][at as usize] = affine((SM4_BEFORE.0, 0), at << 4);
        at += 1;
    }
    out
};

/// From the box of AES to that of SM4: its map taken back, SM4's own put in its place.
const AFTER: Halves = {
    let (mut out, none) = ([[0; 16]; 2], affine(SM4_AFTER, before_aes(0)));
    let mut at = 0u8;
    while at < 16 {
        out[0][at as usize] = affine(SM4_AFTER, before_aes(at));
        out[1][at as usize] = affine(SM4_AFTER, before_aes(at << 4)) ^ none;
        at += 1;
    }
    out
};

/// Where the rows of a block go before `AESENCLAST` shifts them, so that they are where they were.
const UNSHIFTED: Block16 = [0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3];

impl Aes {
    #[inline(always)]
    fn mapped(vector: x86::__m128i, [low, high]: &Halves) -> x86::__m128i {
        let half = vector!(_mm_set1_epi8(0x0F));
        let lows = vector!(_mm_and_si128(vector, half));
        let highs = vector!(_mm_srli_epi32[4](vector));
        let highs = vector!(_mm_and_si128(highs, half));
        let lows = vector!(_mm_shuffle_epi8(bytes(low), lows));
        let highs = vector!(_mm_shuffle_epi8(bytes(high), highs));
        vector!(_mm_xor_si128(lows, highs))
    }
}

impl Way for Aes {
    #[inline(always)]
    fn substitute(vector: x86::__m128i) -> x86::__m128i {
        let (places, no_key) = (bytes(&UNSHIFTED), vector!(_mm_setzero_si128()));
        let unshifted = vector!(_mm_shuffle_epi8(vector, places));
        let mapped = Self::mapped(unshifted, &BEFORE);
        let boxed = vector!(_mm_aesenclast_si128(mapped, no_key));
        Self::mapped(boxed, &AFTER)
    }
}

/// What this processor has, the last the one to use.
pub(super) fn ways() -> impl Iterator<Item = &'static FewKernels> {
    let has_bytes = std::is_x86_feature_detected!("ssse3");
    let has_aes = has_bytes && allowed(Kernel::AesNi) && std::is_x86_feature_detected!("aes");
    let has_gfni = has_bytes && allowed(Kernel::Gfni) && std::is_x86_feature_detected!("gfni");
    let found = [(has_aes, &BY_AES), (has_gfni, &BY_GFNI)];
    found
        .into_iter()
        .filter_map(|(has, kernels)| has.then_some(kernels))
}

/// A function of this module for callers who asked [`ways`].
macro_rules! asked {
    ($features:literal $name:ident($($arg:ident: $type:ty),*) $body:expr) => {
        fn $name($($arg: $type),*) {
            #[target_feature(enable = $features)]
            fn inside($($arg: $type),*) {
                $body
            }
            // SAFETY: only `ways` gives this function out, after it found the instructions.
            unsafe { inside($($arg),*) }
        }
    };
}

/// All that there is by one way.
macro_rules! kernels {
    ($static:ident, $name:literal, $features:literal, $way:ty) => {
        static $static: FewKernels = {
            asked! {$features expand(key: &Block16, out: &mut OneSchedule)
                sm4_words::expand::<Four<$way>>(key, out)
            }
            asked! {$features encipher(keys: &OneSchedule, blocks: &mut [Block16])
                sm4_words::encipher_by::<Four<$way>, 4>(keys, blocks)
            }
            asked! {$features each(keys: &[Block16], blocks: &mut [Block16])
                sm4_words::encipher_each::<Four<$way>, 4>(keys, blocks)
            }
            asked! {$features macs(keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16])
                sm4_words::mac_each::<Four<$way>, 4>(keys, messages, out)
            }
            FewKernels {
                name: $name,
                expand,
                encipher,
                each,
                macs,
            }
        };
    };
}

kernels!(BY_AES, "AES-NI", "aes,ssse3", Aes);
kernels!(BY_GFNI, "GFNI", "gfni,ssse3", Gfni);
