//! SM3 (GB/T 32905) in lanes: a message each, and the next as soon as one is done.

use super::words::{MOST_LANES, Words};
use crate::sm3::Digest;

/// The state between blocks.
pub(super) type State = [u32; 8];

/// What came before messages: whole blocks, the same for all.
#[derive(Clone, Copy)]
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
pub(super) fn compress<V: Words>(state: &mut [V; 8], words: &mut [V; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    // Four rounds rename what one would move. The message's words are made in place, each one
    // after its last use. What the round before gives last is added last: rounds wait for each
    // other by six instructions then.
    macro_rules! round {
        ($at:expr, $in:expr, $most:expr, $choose:expr,
         $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {{
            let turned = $a.turn::<12>();
            let ss1 = turned.add(V::splat(TURNED[$at])).add($e).turn::<7>();
            let ss2 = ss1.xor(turned);
            let (now, later) = (words[$in % 16], words[($in + 4) % 16]);
            let tt1 = $most.add($d).add(now.xor(later)).add(ss2);
            let tt2 = $choose.add($h).add(now).add(ss1);
            $b = $b.turn::<9>();
            $d = tt1;
            $f = $f.turn::<19>();
            $h = tt2.xor3(tt2.turn::<9>(), tt2.turn::<17>());
        }};
    }
    macro_rules! expand {
        ($in:expr) => {{
            let sum =
                words[$in % 16].xor3(words[($in + 7) % 16], words[($in + 13) % 16].turn::<15>());
            let spread = sum.xor3(sum.turn::<15>(), sum.turn::<23>());
            words[$in % 16] =
                spread.xor3(words[($in + 3) % 16].turn::<7>(), words[($in + 10) % 16]);
        }};
    }
    macro_rules! early {
        ($in:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
            round!($in, $in, $a.xor3($b, $c), $e.xor3($f, $g), $a $b $c $d $e $f $g $h);
        };
    }
    macro_rules! late {
        ($at:expr, $in:expr, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
            expand!($in + 4);
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
    four_early!(0 4 8);
    // Word 16 enters with round 12.
    expand!(0);
    expand!(1);
    expand!(2);
    expand!(3);
    four_early!(12);
    for from in [16, 32, 48] {
        four_late!(from, 0 4 8 12);
    }
    for (state, word) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *state = state.xor(word);
    }
}

/// A message on its way through a lane.
#[derive(Clone, Copy)]
struct Riding<'a> {
    /// Which of the messages.
    number: usize,
    /// What is left of it in whole blocks.
    rest: &'a [u8],
    /// Its length, and that of what came before it.
    len: u64,
    /// Whether the bit after the message was taken in already.
    is_marked: bool,
}

impl<'a> Riding<'a> {
    /// The next block; the last ones are made in `place`. Whether it was the last.
    #[inline(always)]
    fn next<'b>(&mut self, place: &'b mut [u8; 64]) -> (&'b [u8; 64], bool)
    where
        'a: 'b,
    {
        if let Some((block, rest)) = self.rest.split_first_chunk::<64>() {
            self.rest = rest;
            return (block, false);
        }
        let len = self.rest.len();
        *place = [0; 64];
        place[..len].copy_from_slice(self.rest);
        if !self.is_marked {
            place[len] = 0x80;
            self.is_marked = true;
        }
        self.rest = &[];
        if len < 56 {
            place[56..].copy_from_slice(&self.len.wrapping_mul(8).to_be_bytes());
            return (place, true);
        }
        (place, false)
    }
}

/// The digest of each message, in order; before each of them came the same blocks.
#[inline(always)]
pub(super) fn digest_each<V: Words>(before: &Before, messages: &[&[u8]], out: &mut [Digest]) {
    const IDLE: [u8; 64] = [0; 64];
    let mut waiting = messages.iter().enumerate().map(|(number, message)| Riding {
        number,
        rest: message,
        len: before.len.wrapping_add(message.len() as u64),
        is_marked: false,
    });
    let mut lanes: [Option<Riding<'_>>; MOST_LANES] = [None; MOST_LANES];
    for riding in lanes.iter_mut().take(V::LANES) {
        *riding = waiting.next();
    }
    let mut state = before.state.map(V::splat);
    let mut places = [[0; 64]; MOST_LANES];
    while lanes.iter().any(Option::is_some) {
        let mut blocks = [&IDLE; MOST_LANES];
        let mut is_last = [false; MOST_LANES];
        let given = lanes.iter_mut().zip(places.iter_mut()).take(V::LANES);
        for (lane, (riding, place)) in given.enumerate() {
            if let Some(riding) = riding {
                (blocks[lane], is_last[lane]) = riding.next(place);
            }
        }
        compress(&mut state, &mut V::blocks(&blocks));
        if !is_last.contains(&true) {
            continue;
        }
        // States are taken apart only when a message is done: its lane begins anew.
        let mut states = [[0u32; MOST_LANES]; 8];
        for (state, lanes) in state.iter().zip(states.iter_mut()) {
            state.scatter(&mut lanes[..V::LANES]);
        }
        for lane in 0..V::LANES {
            if !is_last[lane] {
                continue;
            }
            if let Some(done) = lanes[lane] {
                let words = out[done.number].as_chunks_mut::<4>().0;
                for (bytes, state) in words.iter_mut().zip(&states) {
                    *bytes = state[lane].to_be_bytes();
                }
            }
            lanes[lane] = waiting.next();
            for (state, word) in states.iter_mut().zip(before.state) {
                state[lane] = word;
            }
        }
        for (state, lanes) in state.iter_mut().zip(&states) {
            *state = V::gather(&lanes[..V::LANES]);
        }
    }
}
