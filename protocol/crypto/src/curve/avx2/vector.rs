//! Vectors of four 64-bit lanes, in and out of memory; rows into columns.

use core::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_cmpeq_epi64, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi64x, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_storeu_si256, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64,
};

/// Four lanes.
pub(super) type Vector = __m256i;

/// Four lanes out of memory.
#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "the vector comes through a pointer")]
pub(super) fn load(from: &[u64; 4]) -> Vector {
    // SAFETY: the reference is good for reading 32 bytes, and no alignment is asked for.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

/// Four lanes into memory.
#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "the vector goes through a pointer")]
pub(super) fn store(vector: Vector) -> [u64; 4] {
    let mut out = [0u64; 4];
    // SAFETY: the array is good for writing 32 bytes, and no alignment is asked for.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), vector) };
    out
}

/// The same number in every lane.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn splat(number: u64) -> Vector {
    _mm256_set1_epi64x(number.cast_signed())
}

/// All ones in the lanes whose bits, the lowest four, are set.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mask_of(bits: u8) -> Vector {
    let own = load(&[1, 2, 4, 8]);
    _mm256_cmpeq_epi64(_mm256_and_si256(splat(u64::from(bits)), own), own)
}

/// Rows into columns.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn transpose([a, b, c, d]: [Vector; 4]) -> [Vector; 4] {
    let (ab_low, ab_high) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (cd_low, cd_high) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
    [
        _mm256_permute2x128_si256::<0x20>(ab_low, cd_low),
        _mm256_permute2x128_si256::<0x20>(ab_high, cd_high),
        _mm256_permute2x128_si256::<0x31>(ab_low, cd_low),
        _mm256_permute2x128_si256::<0x31>(ab_high, cd_high),
    ]
}

/// Four limbs of 64 bits as nine of 29.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn split([a, b, c, d]: [Vector; 4]) -> [Vector; 9] {
    let mask = splat((1 << 29) - 1);
    let or = |x, y| _mm256_and_si256(_mm256_or_si256(x, y), mask);
    [
        _mm256_and_si256(a, mask),
        _mm256_and_si256(_mm256_srli_epi64::<29>(a), mask),
        or(_mm256_srli_epi64::<58>(a), _mm256_slli_epi64::<6>(b)),
        _mm256_and_si256(_mm256_srli_epi64::<23>(b), mask),
        or(_mm256_srli_epi64::<52>(b), _mm256_slli_epi64::<12>(c)),
        _mm256_and_si256(_mm256_srli_epi64::<17>(c), mask),
        or(_mm256_srli_epi64::<46>(c), _mm256_slli_epi64::<18>(d)),
        _mm256_and_si256(_mm256_srli_epi64::<11>(d), mask),
        _mm256_srli_epi64::<40>(d),
    ]
}

/// Nine limbs of 29 bits, of a number below 2^256, as four of 64.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn join([a, b, c, d, e, f, g, h, i]: [Vector; 9]) -> [Vector; 4] {
    let three = |x, y, z| _mm256_or_si256(_mm256_or_si256(x, y), z);
    [
        three(a, _mm256_slli_epi64::<29>(b), _mm256_slli_epi64::<58>(c)),
        three(
            _mm256_srli_epi64::<6>(c),
            _mm256_slli_epi64::<23>(d),
            _mm256_slli_epi64::<52>(e),
        ),
        three(
            _mm256_srli_epi64::<12>(e),
            _mm256_slli_epi64::<17>(f),
            _mm256_slli_epi64::<46>(g),
        ),
        three(
            _mm256_srli_epi64::<18>(g),
            _mm256_slli_epi64::<11>(h),
            _mm256_slli_epi64::<40>(i),
        ),
    ]
}
