//! Eight words out of plain numbers, with SM4's box as gates: what serves where a processor has nothing
//! better for few blocks.

use super::Block16;
use super::sm4_planes::substitute;
use super::sm4_words::Boxed;
use super::words::Words;

/// A word of each of eight lanes.
#[derive(Clone, Copy, Default)]
pub(super) struct Eight([u32; 8]);

impl Eight {
    #[inline(always)]
    fn each(self, map: impl Fn(u32) -> u32) -> Self {
        Self(self.0.map(map))
    }

    #[inline(always)]
    fn with(mut self, other: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word ^= other;
        }
        self
    }

    /// Of each byte place, eight bytes of the lanes and eight bits of each, turned: afterwards the first
    /// number has the first bit of all bytes, and so on. Twice is nothing.
    #[inline(always)]
    fn turned(mut self) -> Self {
        for (width, mask) in [(4, 0x0F0F_0F0F), (2, 0x3333_3333), (1, 0x5555_5555)] {
            for pair in self.0.chunks_exact_mut(2 * width) {
                let (upper, lower) = pair.split_at_mut(width);
                for (up, low) in upper.iter_mut().zip(lower) {
                    let moved = (*up ^ (*low >> width)) & mask;
                    *up ^= moved;
                    *low ^= moved << width;
                }
            }
        }
        self
    }
}

impl Words for Eight {
    const LANES: usize = 8;

    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self([word; 8])
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self.with(other)
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self.with(b).with(c)
    }

    #[inline(always)]
    fn turn<const BY: i32>(self) -> Self {
        self.each(|word| word.rotate_left(BY.cast_unsigned()))
    }
}

impl Boxed for Eight {
    #[inline(always)]
    fn substitute(self) -> Self {
        Self(substitute(self.turned().0)).turned()
    }

    #[inline(always)]
    fn load(blocks: &[Block16]) -> [Self; 4] {
        let mut out = [Self::default(); 4];
        for (lane, block) in blocks.iter().enumerate() {
            for (words, bytes) in out.iter_mut().zip(block.as_chunks::<4>().0) {
                words.0[lane] = u32::from_be_bytes(*bytes);
            }
        }
        out
    }

    #[inline(always)]
    fn store(words: [Self; 4], blocks: &mut [Block16]) {
        for (lane, block) in blocks.iter_mut().enumerate() {
            for (words, bytes) in words.iter().zip(block.as_chunks_mut::<4>().0) {
                *bytes = words.0[lane].to_be_bytes();
            }
        }
    }

    #[inline(always)]
    fn first(self) -> u32 {
        self.0[0]
    }
}
