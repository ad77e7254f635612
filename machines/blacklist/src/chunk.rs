//! A few thousand marks, packed: the piece of a list that is made anew as a whole.
//!
//! A single number is one mark; a range is two, of which the first *opens* it. So a number is in
//! the chunk if the last mark not above it is the number itself or opens a range.
//!
//! Marks lie in blocks of up to [`BLOCK`]. A block states its first number; each mark is its
//! distance from there and the bit that says whether it opens, as wide as the block needs. So
//! numbers that lie close take few bits, and scattered ones about 53 each.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::number::{ListedNumber, Span};

/// Most marks in a block.
const BLOCK: usize = 128;
/// Marks after which a chunk ends, unless a range is open.
pub(crate) const CHUNK: usize = 4096;

const WORD: usize = 64;

/// One end of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) number: u128,
    pub(crate) opens: bool,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    /// Its first word.
    word: u32,
    len: u8,
    /// Bits of a mark, at most 64.
    width: u8,
}

/// Where a mark lies in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    block: usize,
    at: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// First number of each block.
    firsts: Box<[u128]>,
    blocks: Box<[Block]>,
    words: Box<[u64]>,
    marks: usize,
}

impl Chunk {
    /// How many marks there are.
    pub(crate) const fn marks(&self) -> usize {
        self.marks
    }

    /// Bytes it takes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.firsts)
            + size_of_val(&*self.blocks)
            + size_of_val(&*self.words)
    }

    pub(crate) fn get(&self, place: Place) -> Option<Mark> {
        let block = self.blocks.get(place.block)?;
        (place.at < usize::from(block.len)).then(|| {
            let value = self.value(*block, place.at);
            Mark {
                number: self.firsts[place.block] + u128::from(value >> 1),
                opens: value & 1 == 1,
            }
        })
    }

    /// The place after `place`, perhaps beyond the last mark.
    pub(crate) fn after(&self, place: Place) -> Place {
        let len = self
            .blocks
            .get(place.block)
            .map_or(0, |b| usize::from(b.len));
        if place.at + 1 < len {
            Place {
                at: place.at + 1,
                ..place
            }
        } else {
            Place {
                block: place.block + 1,
                at: 0,
            }
        }
    }

    /// The last mark not above the number.
    pub(crate) fn last_to(&self, number: u128) -> Option<Place> {
        let block_at = self
            .firsts
            .partition_point(|first| *first <= number)
            .checked_sub(1)?;
        let block = self.blocks[block_at];
        let offset = number - self.firsts[block_at];
        // The first mark of a block has distance 0, so one is found.
        let (mut low, mut high) = (0, usize::from(block.len));
        while high - low > 1 {
            let middle = low.midpoint(high);
            if u128::from(self.value(block, middle) >> 1) <= offset {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(Place {
            block: block_at,
            at: low,
        })
    }

    fn value(&self, block: Block, at: usize) -> u64 {
        let width = usize::from(block.width);
        let bit = at * width;
        let word = usize::try_from(block.word).expect("a place in memory") + bit / WORD;
        let low = u128::from(self.words.get(word).copied().unwrap_or(0));
        let high = u128::from(self.words.get(word + 1).copied().unwrap_or(0));
        let shifted = (high << WORD | low) >> (bit % WORD);
        u64::try_from(shifted & ((1 << width) - 1)).expect("at most 64 bits wide")
    }
}

/// Packs rising marks.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// Marks of the block that is not closed yet: distance and whether it opens.
    open: Vec<u64>,
    first: u128,
    firsts: Vec<u128>,
    blocks: Vec<Block>,
    words: Vec<u64>,
    marks: usize,
}

impl Packer {
    pub(crate) const fn new() -> Self {
        Self {
            open: Vec::new(),
            first: 0,
            firsts: Vec::new(),
            blocks: Vec::new(),
            words: Vec::new(),
            marks: 0,
        }
    }

    pub(crate) const fn marks(&self) -> usize {
        self.marks
    }

    /// Adds a span above all that are there.
    pub(crate) fn push(&mut self, span: Span) {
        let (low, high) = (span.low().get(), span.high().get());
        self.mark(low, low != high);
        if low != high {
            self.mark(high, false);
        }
    }

    fn mark(&mut self, number: u128, opens: bool) {
        let fits = |packer: &Self| {
            let offset = u64::try_from(number - packer.first).ok()?;
            offset.checked_mul(2)
        };
        if self.open.is_empty() {
            self.first = number;
        }
        let doubled = match fits(self) {
            Some(doubled) if self.open.len() < BLOCK => doubled,
            _ => {
                self.close();
                self.first = number;
                0
            }
        };
        self.open.push(doubled | u64::from(opens));
        self.marks += 1;
    }

    fn close(&mut self) {
        let Some(widest) = self.open.iter().max() else {
            return;
        };
        let width = WORD - usize::try_from(widest.leading_zeros()).expect("at most 64");
        self.firsts.push(self.first);
        self.blocks.push(Block {
            word: u32::try_from(self.words.len()).expect("a chunk is small"),
            len: u8::try_from(self.open.len()).expect("at most 128"),
            width: u8::try_from(width).expect("at most 64"),
        });
        let begin = self.words.len();
        let words = (self.open.len() * width).div_ceil(WORD);
        self.words.resize(begin + words, 0);
        for (at, value) in self.open.drain(..).enumerate() {
            let bit = at * width;
            let (word, shift) = (begin + bit / WORD, bit % WORD);
            if width == 0 {
                continue;
            }
            self.words[word] |= value << shift;
            if shift + width > WORD {
                self.words[word + 1] |= value >> (WORD - shift);
            }
        }
    }

    /// The chunk; the packer begins anew.
    pub(crate) fn finish(&mut self) -> Chunk {
        self.close();
        let done = core::mem::take(self);
        Chunk {
            firsts: done.firsts.into(),
            blocks: done.blocks.into(),
            words: done.words.into(),
            marks: done.marks,
        }
    }
}

/// All spans from a place on, which is not the end of a range.
#[derive(Debug, Clone)]
pub(crate) struct ChunkSpans<'a> {
    chunk: &'a Chunk,
    place: Place,
}

impl<'a> ChunkSpans<'a> {
    pub(crate) const fn all(chunk: &'a Chunk) -> Self {
        let place = Place { block: 0, at: 0 };
        Self { chunk, place }
    }

    /// From the span on that has `low` or is the first above it.
    pub(crate) fn from(chunk: &'a Chunk, low: ListedNumber) -> Self {
        let Some(last) = chunk.last_to(low.get()) else {
            return Self::all(chunk);
        };
        let mark = chunk.get(last).expect("found a moment ago");
        let place = if chunk.closes(last) && mark.number == low.get() {
            chunk.before(last)
        } else if mark.opens || mark.number == low.get() {
            last
        } else {
            chunk.after(last)
        };
        Self { chunk, place }
    }
}

impl Chunk {
    /// The place before one that is not the first.
    fn before(&self, place: Place) -> Place {
        match place.at.checked_sub(1) {
            Some(at) => Place { at, ..place },
            None => {
                let block = place.block - 1;
                let at = usize::from(self.blocks[block].len) - 1;
                Place { block, at }
            }
        }
    }

    /// Whether the mark there closes a range.
    fn closes(&self, place: Place) -> bool {
        let is_first = place == Place::default();
        !is_first && self.get(self.before(place)).is_some_and(|mark| mark.opens)
    }
}

impl Iterator for ChunkSpans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let low = self.chunk.get(self.place)?;
        self.place = self.chunk.after(self.place);
        let mut high = low;
        if low.opens {
            high = self
                .chunk
                .get(self.place)
                .expect("a range ends in its chunk");
            self.place = self.chunk.after(self.place);
        }
        Span::new(
            ListedNumber::new(low.number),
            ListedNumber::new(high.number),
        )
    }
}
