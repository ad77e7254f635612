//! Vectors of eight 64-bit lanes, in and out of memory; rows into columns.

use core::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_and_si512, _mm512_loadu_epi64, _mm512_or_si512,
    _mm512_set1_epi64, _mm512_shuffle_i64x2, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_storeu_epi64, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use crate::curve::lanes::Packed;

/// Eight lanes.
pub(super) type Vector = __m512i;

/// Eight lanes out of memory.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the vector comes through a pointer")]
pub(super) fn load(from: &[u64; 8]) -> Vector {
    // SAFETY: the reference is good for reading 64 bytes, and no alignment is asked for.
    unsafe { _mm512_loadu_epi64(from.as_ptr().cast()) }
}

/// Eight lanes into memory.
#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the vector goes through a pointer")]
pub(super) fn store(vector: Vector) -> [u64; 8] {
    let mut out = [0u64; 8];
    // SAFETY: the array is good for writing 64 bytes, and no alignment is asked for.
    unsafe { _mm512_storeu_epi64(out.as_mut_ptr().cast(), vector) };
    out
}

/// Asks for a point that will be loaded.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn ask_for(point: &Packed) {
    _mm_prefetch::<_MM_HINT_T0>(point.0.as_ptr().cast());
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn splat(number: u64) -> Vector {
    _mm512_set1_epi64(number.cast_signed())
}

/// Rows into columns.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(rows: [Vector; 8]) -> [Vector; 8] {
    let low = |at: usize| _mm512_unpacklo_epi64(rows[at], rows[at + 1]);
    let high = |at: usize| _mm512_unpackhi_epi64(rows[at], rows[at + 1]);
    let [c0, c2, c4, c6] = blocks([low(0), low(2), low(4), low(6)]);
    let [c1, c3, c5, c7] = blocks([high(0), high(2), high(4), high(6)]);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

/// The same for a matrix of four by four blocks of two lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn blocks([a, b, c, d]: [Vector; 4]) -> [Vector; 4] {
    let even_ab = _mm512_shuffle_i64x2::<0x88>(a, b);
    let even_cd = _mm512_shuffle_i64x2::<0x88>(c, d);
    let odd_ab = _mm512_shuffle_i64x2::<0xDD>(a, b);
    let odd_cd = _mm512_shuffle_i64x2::<0xDD>(c, d);
    [
        _mm512_shuffle_i64x2::<0x88>(even_ab, even_cd),
        _mm512_shuffle_i64x2::<0x88>(odd_ab, odd_cd),
        _mm512_shuffle_i64x2::<0xDD>(even_ab, even_cd),
        _mm512_shuffle_i64x2::<0xDD>(odd_ab, odd_cd),
    ]
}

/// Four limbs of 64 bits as five of 52.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn split([a, b, c, d]: [Vector; 4]) -> [Vector; 5] {
    let mask = splat((1 << 52) - 1);
    let or = |x, y| _mm512_and_si512(_mm512_or_si512(x, y), mask);
    [
        _mm512_and_si512(a, mask),
        or(_mm512_srli_epi64::<52>(a), _mm512_slli_epi64::<12>(b)),
        or(_mm512_srli_epi64::<40>(b), _mm512_slli_epi64::<24>(c)),
        or(_mm512_srli_epi64::<28>(c), _mm512_slli_epi64::<36>(d)),
        _mm512_srli_epi64::<16>(d),
    ]
}

/// The same for one number.
pub(super) fn split_number([a, b, c, d]: &[u64; 4]) -> [u64; 5] {
    const MASK: u64 = (1 << 52) - 1;
    [
        a & MASK,
        (a >> 52 | b << 12) & MASK,
        (b >> 40 | c << 24) & MASK,
        (c >> 28 | d << 36) & MASK,
        d >> 16,
    ]
}

/// Five limbs of 52 bits, of a number below 2^256, as four of 64.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn join([a, b, c, d, e]: [Vector; 5]) -> [Vector; 4] {
    [
        _mm512_or_si512(a, _mm512_slli_epi64::<52>(b)),
        _mm512_or_si512(_mm512_srli_epi64::<12>(b), _mm512_slli_epi64::<40>(c)),
        _mm512_or_si512(_mm512_srli_epi64::<24>(c), _mm512_slli_epi64::<28>(d)),
        _mm512_or_si512(_mm512_srli_epi64::<36>(d), _mm512_slli_epi64::<16>(e)),
    ]
}
