//! Words in lanes: one 32-bit word of each lane beside the others'.

/// A word of each lane.
pub(crate) trait Words: Copy + Default {
    /// How many lanes.
    const LANES: usize;

    /// The words of the lanes, of which there are [`Self::LANES`].
    fn gather(lanes: &[u32]) -> Self;
    /// The lanes again.
    fn scatter(self, lanes: &mut [u32]);
    /// Every lane the same.
    fn splat(word: u32) -> Self;
    /// Sum, modulo 2^32.
    fn add(self, other: Self) -> Self;
    /// Exclusive or of three.
    fn xor3(self, b: Self, c: Self) -> Self;
    /// Exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Of each bit, what most of the three say.
    fn most(self, b: Self, c: Self) -> Self;
    /// Of each bit, `then` where it is set, `other` where it is not.
    fn choose(self, then: Self, other: Self) -> Self;
    /// Turned to the left.
    fn turn<const BY: i32>(self) -> Self;
    /// The sixteen words of a block of each lane, most significant byte first.
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16];
}

/// The most lanes that there are.
pub(crate) const MOST_LANES: usize = 16;

/// [`Words::blocks`] for whoever has no better way: word by word.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn blocks_by_word<V: Words>(blocks: &[&[u8; 64]; MOST_LANES]) -> [V; 16] {
    let mut out = [V::default(); 16];
    for (word, out) in out.iter_mut().enumerate() {
        let column = blocks.map(|block| u32::from_be_bytes(block.as_chunks::<4>().0[word]));
        *out = V::gather(&column[..V::LANES]);
    }
    out
}

impl Words for u32 {
    const LANES: usize = 1;

    #[inline(always)]
    fn gather(lanes: &[u32]) -> Self {
        lanes[0]
    }

    #[inline(always)]
    fn scatter(self, lanes: &mut [u32]) {
        lanes[0] = self;
    }

    #[inline(always)]
    fn splat(word: u32) -> Self {
        word
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
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
    fn most(self, b: Self, c: Self) -> Self {
        (self & b) | ((self | b) & c)
    }

    #[inline(always)]
    fn choose(self, then: Self, other: Self) -> Self {
        ((then ^ other) & self) ^ other
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        self.rotate_left(BY.cast_unsigned())
    }

    #[inline(always)]
    fn blocks(blocks: &[&[u8; 64]; MOST_LANES]) -> [Self; 16] {
        let (words, _) = blocks[0].as_chunks::<4>();
        core::array::from_fn(|word| Self::from_be_bytes(words[word]))
    }
}
