//! The packed list: chunks in order, shared by all versions of a list that have them alike.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::algebra::{difference, union};
use crate::chunk::{CHUNK, Chunk, ChunkSpans, Packer};
use crate::number::{ListedNumber, Span};
use crate::overlay::Overlay;

/// A chunk that compaction makes has up to twice the marks of one that a file makes, so that a
/// change here and there does not split it.
const COMPACTED_MAX: usize = 2 * CHUNK;

/// Chunks, each with the number from which on it is responsible; the first has 0.
#[derive(Debug)]
pub(crate) struct Base {
    begins: Vec<ListedNumber>,
    chunks: Vec<Arc<Chunk>>,
    marks: usize,
}

impl Default for Base {
    fn default() -> Self {
        Builder::default().finish()
    }
}

impl Base {
    pub(crate) const fn marks(&self) -> usize {
        self.marks
    }

    pub(crate) fn memory(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.memory()).sum();
        chunks
            + self.begins.capacity() * size_of::<ListedNumber>()
            + self.chunks.capacity() * size_of::<Arc<Chunk>>()
    }

    fn chunk_of(&self, number: ListedNumber) -> usize {
        self.begins.partition_point(|begin| *begin <= number) - 1
    }

    /// Whether the number is listed; allocates nothing.
    pub(crate) fn contains(&self, number: ListedNumber) -> bool {
        let chunk = &self.chunks[self.chunk_of(number)];
        chunk
            .last_to(number.get())
            .and_then(|place| chunk.get(place))
            .is_some_and(|mark| mark.opens || mark.number == number.get())
    }

    /// The spans from `low` on, the first cut there.
    pub(crate) fn spans_from(&self, low: ListedNumber) -> impl Iterator<Item = Span> + Clone + '_ {
        let at = self.chunk_of(low);
        let first = ChunkSpans::from(&self.chunks[at], low);
        let others = self.chunks[at + 1..].iter();
        first
            .chain(others.flat_map(|chunk| ChunkSpans::all(chunk)))
            .filter_map(move |span| span.within(low, ListedNumber::MAX))
    }

    /// A base with the overlay's first changes in it, at most `most` chunks made anew, and the
    /// overlay without them.
    pub(crate) fn compacted(&self, overlay: &Overlay, most: usize) -> (Self, Overlay) {
        let mut rest = overlay.parts();
        let mut made = Parts::default();
        let mut left = most;
        for (at, chunk) in self.chunks.iter().enumerate() {
            let begin = self.begins[at];
            let end = match self.begins.get(at + 1) {
                Some(next) => next.previous().expect("only the first chunk begins at 0"),
                None => ListedNumber::MAX,
            };
            let is_touched = rest.low().is_some_and(|low| low <= end);
            if left == 0 || !is_touched {
                made.keep(begin, Arc::clone(chunk));
                continue;
            }
            left -= 1;
            let (added, removed) = rest.take_to(end);
            let marks = chunk.marks() + 2 * (added.len() + removed.len());
            let chunk_max = if marks <= COMPACTED_MAX { marks } else { CHUNK };
            let kept = difference(ChunkSpans::all(chunk), removed.iter().copied());
            let mut builder = Builder::of(begin, chunk_max.max(1));
            for span in union(kept, added.iter().copied()) {
                builder.push(span);
            }
            builder.pour(&mut made);
        }
        (made.finish(), rest.finish())
    }
}

/// Chunks that are to become a base.
#[derive(Debug, Default)]
struct Parts {
    begins: Vec<ListedNumber>,
    chunks: Vec<Arc<Chunk>>,
    marks: usize,
}

impl Parts {
    /// Takes a chunk; an empty one leaves its numbers to the one before.
    fn keep(&mut self, begin: ListedNumber, chunk: Arc<Chunk>) {
        if chunk.marks() > 0 {
            self.begins.push(begin);
            self.marks += chunk.marks();
            self.chunks.push(chunk);
        }
    }

    fn finish(mut self) -> Base {
        if let Some(first) = self.begins.first_mut() {
            *first = ListedNumber::MIN;
        } else {
            self.begins = vec![ListedNumber::MIN];
            self.chunks = vec![Arc::new(Chunk::default())];
        }
        self.begins.shrink_to_fit();
        self.chunks.shrink_to_fit();
        Base {
            begins: self.begins,
            chunks: self.chunks,
            marks: self.marks,
        }
    }
}

/// Makes a base of rising spans, in one go.
#[derive(Debug)]
pub(crate) struct Builder {
    parts: Parts,
    begin: ListedNumber,
    packer: Packer,
    chunk_max: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self::of(ListedNumber::MIN, CHUNK)
    }
}

impl Builder {
    const fn of(begin: ListedNumber, chunk_max: usize) -> Self {
        Self {
            parts: Parts {
                begins: Vec::new(),
                chunks: Vec::new(),
                marks: 0,
            },
            begin,
            packer: Packer::new(),
            chunk_max,
        }
    }

    /// Adds a span; the caller sees to it that it is above all others.
    pub(crate) fn push(&mut self, span: Span) {
        if self.packer.marks() >= self.chunk_max {
            let chunk = self.packer.finish();
            self.parts.keep(self.begin, Arc::new(chunk));
            self.begin = span.low();
        }
        self.packer.push(span);
    }

    pub(crate) fn marks(&self) -> usize {
        self.parts.marks + self.packer.marks()
    }

    fn pour(mut self, into: &mut Parts) {
        let last = self.packer.finish();
        self.parts.keep(self.begin, Arc::new(last));
        for (begin, chunk) in self.parts.begins.into_iter().zip(self.parts.chunks) {
            into.keep(begin, chunk);
        }
    }

    pub(crate) fn finish(self) -> Base {
        let mut parts = Parts::default();
        self.pour(&mut parts);
        parts.finish()
    }
}
