//! SM3 (GB/T 32905) in lanes: a message each, and the next as soon as one is done.

use zeroize::Zeroize;

use super::words::{MOST_LANES, Sums, in_lanes};
use crate::sm3::Digest;

/// The state between blocks.
pub(super) type State = [u32; 8];

/// What came before messages: whole blocks, the same for all.
#[derive(Clone, Copy, Zeroize)]
pub(crate) struct Before {
    state: State,
    /// How many bytes they had.
    len: u64,
}

impl Before {
    /// Nothing came before.
    pub(crate) const NOTHING: Self = Self {
        state: START,
        len: 0,
    };

    /// These blocks came before.
    pub(crate) fn of(blocks: &[[u8; 64]]) -> Self {
        let mut out = Self::NOTHING;
        for block in blocks {
            compress(&mut out.state, &mut u32::blocks(&[block; MOST_LANES]));
            out.len += 64;
        }
        out
    }
}

/// The state before the first block.
pub(super) const START: State = [
    0x7380_166F,
    0x4914_B2B9,
    0x1724_42D7,
    0xDA8A_0600, //
    0xA96F_30BC,
    0x1631_38AA,
    0xE38D_EE4D,
    0xB0FB_0E4E,
];

/// The constant of each round, turned as far as the round asks.
const TURNED: [u32; 64] = {
    let mut out = [0; 64];
    let mut at = 0u32;
    while at < 64 {
        let constant: u32 = if at < 16 { 0x79CC_4519 } else { 0x7A87_9D8A };
        out[at as usize] = constant.rotate_left(at % 32);
        at += 1;
    }
    out
};

/// Takes a block of each lane into the states.
#[inline(always)]
pub(super) fn compress<V: Sums>(state: &mut [V; 8], words: &mut [V; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    // What rounds wait for is a chain of six operations from ss1 to the next, so everything else is
    // done a round before: the message's words are made one round earlier than they are asked for,
    // each in the place of one after its last use, and added to what becomes d and h.
    let mut d_and_word = d.add(words[0].xor(words[4]));
    let mut h_and_word = h.add(words[0]);
    // Four rounds rename what one would move.
    macro_rules! round {
        ($at:expr, $in:expr, $most:expr, $choose:expr,
         $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {{
            let turned = $a.turn::<12>();
            let sum = turned.add($e).add(V::splat(TURNED[$at]));
            let (most, choose) = ($most.add(d_and_word), $choose.add(h_and_word));
            let ss1 = sum.turn::<7>();
            let tt2 = choose.add(ss1);
            $d = most.add(ss1.xor(turned));
            $b = $b.turn::<9>();
            $f = $f.turn::<19>();
            $h = tt2.spread::<9, 17>();
            let (now, later) = (words[($in + 1) % 16], words[($in + 5) % 16]);
            d_and_word = $c.add(now.xor(later));
            h_and_word = $g.add(now);
        }};
    }
    macro_rules! expand {
        ($in:expr) => {{
            let sum =
                words[$in % 16].xor3(words[($in + 7) % 16], words[($in + 13) % 16].turn::<15>());
            words[$in % 16] = sum
                .spread::<15, 23>()
                .xor3(words[($in + 3) % 16].turn::<7>(), words[($in + 10) % 16]);
        }};
    }
    macro_rules! early {
        ($in:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
            round!($in, $in, $a.xor3($b, $c), $e.xor3($f, $g), $a $b $c $d $e $f $g $h);
        };
    }
    macro_rules! late {
        ($at:expr, $in:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
            expand!($in + 5);
            round!($at, $in, $a.most($b, $c), $e.choose($f, $g), $a $b $c $d $e $f $g $h);
        };
    }
    macro_rules! four_early {
        ($($in:literal)*) => {$(
            early!($in, a b c d e f g h);
            early!($in + 1, d a b c h e f g);
            early!($in + 2, c d a b g h e f);
            early!($in + 3, b c d a f g h e);
        )*};
    }
    macro_rules! four_late {
        ($from:expr, $($in:literal)*) => {$(
            late!($from + $in, $in, a b c d e f g h);
            late!($from + $in + 1, $in + 1, d a b c h e f g);
            late!($from + $in + 2, $in + 2, c d a b g h e f);
            late!($from + $in + 3, $in + 3, b c d a f g h e);
        )*};
    }
    four_early!(0 4);
    // Word 16 is added in round 11, and one more in each round after.
    expand!(0);
    four_early!(8);
    expand!(1);
    expand!(2);
    expand!(3);
    expand!(4);
    four_early!(12);
    for from in [16, 32, 48] {
        four_late!(from, 0 4 8 12);
    }
    for (state, word) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *state = state.xor(word);
    }
}

/// How many blocks a message has, completed.
const fn blocks(message: &[u8]) -> usize {
    (message.len() + 8) / 64 + 1
}

/// The digest of each message, in order; before each of them came the same blocks. Messages of as
/// many blocks go through all lanes together, others one after another's end.
#[inline(always)]
pub(super) fn digest_each<V: Sums>(before: &Before, messages: &[&[u8]], out: &mut [Digest]) {
    let mut endings = [Ending([[0; 64]; 2]); MOST_LANES];
    // Looking after each lane by itself takes a fifth of the time; most come in sets of one length.
    let is_even = |set: &[&[u8]]| {
        let is_like = |message: &&[u8]| blocks(message) == blocks(set[0]);
        set.len() == V::LANES && set.iter().all(is_like)
    };
    let sets = || messages.chunks(V::LANES);
    for (set, out) in sets().zip(out.chunks_mut(V::LANES)) {
        if is_even(set) {
            evenly::<V>(before, set, &mut endings, out);
        }
    }
    let uneven = sets().zip(out.chunks_mut(V::LANES));
    let uneven = uneven.filter(|(set, _)| !is_even(set));
    let each = uneven.flat_map(|(set, out)| set.iter().copied().zip(out));
    unevenly::<V>(before, &mut endings, each);
}

/// The last two blocks of a message, the bit after it and its length included. A message of one block
/// has it second.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Ending([[u8; 64]; 2]);

/// Makes the last blocks of a message of so many bits, of which these bytes are left.
#[inline(always)]
fn end(rest: &[u8], bits: u64, ending: &mut Ending) {
    *ending = Ending([[0; 64]; 2]);
    let bytes = ending.0.as_flattened_mut();
    // Fewer than 56 are left of messages of one block alone.
    let start = if rest.len() < 56 { 64 } else { 0 };
    let end = start + rest.len();
    bytes[start..end].copy_from_slice(rest);
    bytes[end] = 0x80;
    bytes[120..].copy_from_slice(&bits.to_be_bytes());
}

/// What a lane goes through: whole blocks where they are, then those that were made.
#[derive(Clone, Copy)]
struct Parts<'a> {
    beginning: &'a [[u8; 64]],
    /// How many of the ending.
    last: usize,
}

impl<'a> Parts<'a> {
    const NONE: Self = Self {
        beginning: &[],
        last: 0,
    };

    /// The parts of a message, whose last blocks are made.
    #[inline(always)]
    fn of(before: &Before, message: &'a [u8], ending: &mut Ending) -> Self {
        let len = before.len.wrapping_add(message.len() as u64);
        let blocks = blocks(message);
        let beginning = &message.as_chunks::<64>().0[..blocks.saturating_sub(2)];
        let rest = &message[beginning.as_flattened().len()..];
        end(rest, len.wrapping_mul(8), ending);
        Self {
            beginning,
            last: blocks.min(2),
        }
    }

    /// The next blocks that lie one after the other; none after the last.
    #[inline(always)]
    fn ahead<'b>(&self, ending: &'b Ending) -> &'b [[u8; 64]]
    where
        'a: 'b,
    {
        if self.beginning.is_empty() {
            &ending.0[2 - self.last..]
        } else {
            self.beginning
        }
    }
}

/// Blocks of each lane that lie one after the other.
type Ahead<'a> = [&'a [[u8; 64]]; MOST_LANES];

/// Takes so many blocks of each lane.
#[inline(always)]
fn take<V: Sums>(state: &mut [V; 8], ahead: &Ahead<'_>, blocks: usize) {
    for at in 0..blocks {
        let mut next = [&[0; 64]; MOST_LANES];
        for (next, ahead) in next.iter_mut().zip(ahead).take(V::LANES) {
            *next = &ahead[at];
        }
        compress(state, &mut V::blocks(&next));
    }
}

/// A message in each lane, as many blocks each.
#[inline(always)]
fn evenly<V: Sums>(
    before: &Before,
    messages: &[&[u8]],
    endings: &mut [Ending; MOST_LANES],
    out: &mut [Digest],
) {
    let mut beginnings: Ahead<'_> = [&[]; MOST_LANES];
    let mut last = 0;
    let lanes = beginnings.iter_mut().zip(&mut *endings);
    for (message, (beginning, ending)) in messages.iter().zip(lanes) {
        let parts = Parts::of(before, message, ending);
        (*beginning, last) = (parts.beginning, parts.last);
    }
    let mut ends: Ahead<'_> = [&[]; MOST_LANES];
    for (end, ending) in ends.iter_mut().zip(&*endings) {
        *end = &ending.0[2 - last..];
    }
    let mut state = in_lanes(&before.state);
    for ahead in [beginnings, ends] {
        take::<V>(&mut state, &ahead, ahead[0].len());
    }
    for (out, digest) in out.iter_mut().zip(V::digests(&state)) {
        *out = digest;
    }
}

/// Messages of any lengths: the next begins where one is done.
#[inline(always)]
fn unevenly<'a, V: Sums>(
    before: &Before,
    endings: &mut [Ending; MOST_LANES],
    mut waiting: impl Iterator<Item = (&'a [u8], &'a mut Digest)>,
) {
    let mut lanes = [Parts::NONE; MOST_LANES];
    let mut outs = [const { None::<&mut Digest> }; MOST_LANES];
    let start = in_lanes(&before.state);
    let mut state = start;
    let mut steps = 0;
    loop {
        let digests = V::digests(&state);
        let mut renewed = [0; MOST_LANES];
        for lane in 0..V::LANES {
            let parts = &mut lanes[lane];
            if !parts.beginning.is_empty() {
                parts.beginning = &parts.beginning[steps..];
                continue;
            }
            parts.last = parts.last.saturating_sub(steps);
            if parts.last > 0 {
                continue;
            }
            if let Some(out) = outs[lane].take() {
                *out = digests[lane];
            }
            if let Some((message, out)) = waiting.next() {
                *parts = Parts::of(before, message, &mut endings[lane]);
                outs[lane] = Some(out);
                renewed[lane] = u32::MAX;
            }
        }
        let renewed = V::gather(&renewed[..V::LANES]);
        for (state, start) in state.iter_mut().zip(start) {
            *state = renewed.choose(start, *state);
        }
        // As far as no lane ends, all go on without a look at any.
        let mut ahead: Ahead<'_> = [&[]; MOST_LANES];
        let mut shortest: &[[u8; 64]] = &[];
        for lane in 0..V::LANES {
            ahead[lane] = lanes[lane].ahead(&endings[lane]);
            let is_shorter = shortest.is_empty() || ahead[lane].len() < shortest.len();
            if is_shorter && !ahead[lane].is_empty() {
                shortest = ahead[lane];
            }
        }
        steps = shortest.len();
        if steps == 0 {
            return;
        }
        // A lane without a message does for nothing what another does.
        for ahead in &mut ahead {
            if ahead.is_empty() {
                *ahead = shortest;
            }
        }
        take::<V>(&mut state, &ahead, steps);
    }
}
