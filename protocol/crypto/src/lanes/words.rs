//! Words in lanes: one 32-bit word of each lane beside the others'.

use crate::sm3::Digest;

/// A word of each lane.
pub(crate) trait Words: Copy + Default {
    /// How many lanes.
    const LANES: usize;

    /// Every lane the same.
    fn splat(word: u32) -> Self;
    /// Exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Exclusive or of three.
    fn xor3(self, b: Self, c: Self) -> Self;
    /// Turned to the left.
    fn turn<const BY: i32>(self) -> Self;
}

/// Words of which sums are taken, and which come and go as SM3 has them.
pub(crate) trait Sums: Words {
    /// The words of the lanes, of which there are [`Words::LANES`].
    fn gather(lanes: &[u32]) -> Self;
    /// Sum, modulo 2^32.
    fn add(self, other: Self) -> Self;
    /// Of each bit, what most of the three say.
    fn most(self, b: Self, c: Self) -> Self;
    /// Of each bit, `then` where it is set, `other` where it is not.
    fn choose(self, then: Self, other: Self) -> Self;
    /// With itself turned, and turned eight more.
    #[inline(always)]
    fn spread<const BY: i32, const AND_EIGHT: i32>(self) -> Self {
        self.xor3(self.turn::<BY>(), self.turn::<AND_EIGHT>())
    }
    /// The sixteen words of a block of each lane, most significant byte first.
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16];
    /// Of each lane the bytes of these words, most significant first.
    fn digests(words: &[Self; 8]) -> [Digest; MOST_LANES];
}

/// The most lanes that there are: two vectors of sixteen.
pub(crate) const MOST_LANES: usize = 32;

/// The same words in every lane. `map` would be a function of its own, without the instructions.
#[inline(always)]
pub(crate) fn in_lanes<V: Words, const N: usize>(words: &[u32; N]) -> [V; N] {
    let mut out = [V::default(); N];
    for (lanes, word) in out.iter_mut().zip(words) {
        *lanes = V::splat(*word);
    }
    out
}

/// Two side by side: where an instruction waits longer for the one before than a processor needs to
/// begin the next, one does while the other waits. Spelled out, because a closure may become a function
/// without the instructions.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[derive(Clone, Copy, Default)]
pub(crate) struct Two<V>([V; 2]);

#[cfg(all(feature = "std", target_arch = "x86_64"))]
impl<V: Words> Words for Two<V> {
    const LANES: usize = 2 * V::LANES;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self([V::splat(word); 2])
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Self([
            self.0[0].xor3(b.0[0], c.0[0]),
            self.0[1].xor3(b.0[1], c.0[1]),
        ])
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self([self.0[0].xor(other.0[0]), self.0[1].xor(other.0[1])])
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        Self([self.0[0].turn::<BY>(), self.0[1].turn::<BY>()])
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
impl<V: Sums> Sums for Two<V> {
    #[inline(always)]
    fn gather(lanes: &[u32]) -> Self {
        let (first, second) = lanes.split_at(V::LANES);
        Self([V::gather(first), V::gather(second)])
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self([self.0[0].add(other.0[0]), self.0[1].add(other.0[1])])
    }

    #[inline(always)]
    fn most(self, b: Self, c: Self) -> Self {
        Self([
            self.0[0].most(b.0[0], c.0[0]),
            self.0[1].most(b.0[1], c.0[1]),
        ])
    }

    #[inline(always)]
    fn choose(self, then: Self, other: Self) -> Self {
        Self([
            self.0[0].choose(then.0[0], other.0[0]),
            self.0[1].choose(then.0[1], other.0[1]),
        ])
    }

    #[inline(always)]
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16] {
        let mut behind = *blocks;
        behind.rotate_left(V::LANES);
        let (first, second) = (V::blocks(blocks), V::blocks(&behind));
        let mut out = [Self::default(); 16];
        for (out, (first, second)) in out.iter_mut().zip(first.into_iter().zip(second)) {
            *out = Self([first, second]);
        }
        out
    }

    #[inline(always)]
    fn digests(words: &[Self; 8]) -> [Digest; MOST_LANES] {
        let mut halves = [[V::default(); 8]; 2];
        for (at, word) in words.iter().enumerate() {
            for (half, word) in halves.iter_mut().zip(word.0) {
                half[at] = word;
            }
        }
        let mut out = V::digests(&halves[0]);
        out[V::LANES..Self::LANES].copy_from_slice(&V::digests(&halves[1])[..V::LANES]);
        out
    }
}

impl Words for u32 {
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        word
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self ^ b ^ c
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        self.rotate_left(BY.cast_unsigned())
    }
}

impl Sums for u32 {
    #[inline(always)]
    fn gather(lanes: &[u32]) -> Self {
        lanes[0]
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn most(self, b: Self, c: Self) -> Self {
        (self & b) | ((self | b) & c)
    }

    #[inline(always)]
    fn choose(self, then: Self, other: Self) -> Self {
        ((then ^ other) & self) ^ other
    }

    #[inline(always)]
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16] {
        let (words, _) = blocks[0].as_chunks::<4>();
        core::array::from_fn(|word| Self::from_be_bytes(words[word]))
    }

    #[inline(always)]
    fn digests(words: &[Self; 8]) -> [Digest; MOST_LANES] {
        let mut out = [[0; 32]; MOST_LANES];
        for (bytes, word) in out[0].as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *bytes = word.to_be_bytes();
        }
        out
    }
}
