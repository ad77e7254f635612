//! SM4 (GB/T 32907) on bit planes: each lane has its own key, schedule included.
//!
//! The box is what it was made of: an affine map, the inverse in GF(2^8), the map again. The
//! inverse is taken in a tower of fields: GF(16) over GF(4) with X^2 = X + w, then Y^2 = Y + 9
//! over GF(16); of all maps into such towers this one takes the fewest gates, 11 before and 13
//! after.

use super::bits::{Bits, Gates, lanes, planes, rows};
use super::wiped::Wiped;
use super::{Block16, Chain, SM4_CK, SM4_FK};

/// One 32-bit word of each lane, leftmost bit first.
type Word<W> = [W; 32];

/// The keys of all rounds.
type Schedule<W> = Wiped<Word<W>, 32>;

/// Product in GF(4) of (high, low) pairs: 3 ANDs, 4 XORs.
#[inline(always)]
fn times4<W: Gates>(a: [W; 2], b: [W; 2]) -> [W; 2] {
    let low = a[1].and(b[1]);
    let cross = a[0].xor(a[1]).and(b[0].xor(b[1]));
    [cross.xor(low), a[0].and(b[0]).xor(low)]
}

/// Product in GF(16), bits from the left.
#[inline(always)]
fn times16<W: Gates>(a: [W; 4], b: [W; 4]) -> [W; 4] {
    let high = times4([a[0], a[1]], [b[0], b[1]]);
    let low = times4([a[2], a[3]], [b[2], b[3]]);
    let cross = times4(
        [a[0].xor(a[2]), a[1].xor(a[3])],
        [b[0].xor(b[2]), b[1].xor(b[3])],
    );
    // high * w: (h, l) becomes (h + l, h).
    [
        cross[0].xor(low[0]),
        cross[1].xor(low[1]),
        low[0].xor(high[0]).xor(high[1]),
        low[1].xor(high[0]),
    ]
}

/// The inverse in GF(16), zero for zero, by way of GF(4), where the inverse is the square.
#[inline(always)]
fn invert16<W: Gates>(x: [W; 4]) -> [W; 4] {
    let (a, b) = ([x[0], x[1]], [x[2], x[3]]);
    let sum = [a[0].xor(b[0]), a[1].xor(b[1])];
    let product = times4(sum, b);
    // w times the square of `a` is `a` with its bits exchanged.
    let norm = [a[1].xor(product[0]), a[0].xor(product[1])];
    let inverse = [norm[0], norm[0].xor(norm[1])];
    let [high, low] = [times4(a, inverse), times4(sum, inverse)];
    [high[0], high[1], low[0], low[1]]
}

#[inline(always)]
fn not<W: Gates>(x: W) -> W {
    x.xor(W::splat(true))
}

/// The map before the inverse, with the change of field.
#[inline(always)]
fn before<W: Gates>(x: [W; 8]) -> [W; 8] {
    let t8 = x[7].xor(x[1]);
    let t9 = x[3].xor(x[2]);
    let t10 = x[6].xor(t8);
    let t11 = x[5].xor(t10);
    let t12 = x[5].xor(x[0]);
    let t13 = t9.xor(t11);
    let t14 = x[3].xor(t11);
    let t15 = x[2].xor(t11);
    let t16 = x[4].xor(t13);
    let t17 = x[6].xor(t9);
    let t18 = t8.xor(t9);
    [not(t16), not(t12), not(x[1]), t14, t15, not(x[2]), t17, t18]
}

/// The change of field back, and the map after the inverse.
#[inline(always)]
fn after<W: Gates>(x: [W; 8]) -> [W; 8] {
    let t8 = x[7].xor(x[1]);
    let t9 = x[6].xor(x[3]);
    let t10 = x[0].xor(t8);
    let t11 = x[6].xor(x[4]);
    let t12 = x[5].xor(t9);
    let t13 = x[7].xor(x[5]);
    let t14 = x[7].xor(x[2]);
    let t15 = x[4].xor(t12);
    let t16 = x[0].xor(t11);
    let t17 = x[2].xor(t11);
    let t18 = x[3].xor(t8);
    let t19 = t10.xor(t15);
    let t20 = t9.xor(t14);
    [
        not(t19),
        not(t20),
        t16,
        not(t17),
        t10,
        t12,
        not(t18),
        not(t13),
    ]
}

/// The box, bits from the left.
#[inline(always)]
pub(super) fn substitute<W: Gates>(x: [W; 8]) -> [W; 8] {
    let [a0, a1, a2, a3, b0, b1, b2, b3] = before(x);
    let (a, b) = ([a0, a1, a2, a3], [b0, b1, b2, b3]);
    let sum = [a0.xor(b0), a1.xor(b1), a2.xor(b2), a3.xor(b3)];
    let product = times16(sum, b);
    // 9 times the square of `a` is linear in its bits.
    let norm = [
        a3.xor(product[0]),
        a2.xor(product[1]),
        a0.xor(a2).xor(product[2]),
        a0.xor(a1).xor(a2).xor(a3).xor(product[3]),
    ];
    let inverse = invert16(norm);
    let [h0, h1, h2, h3] = times16(a, inverse);
    let [l0, l1, l2, l3] = times16(sum, inverse);
    after([h0, h1, h2, h3, l0, l1, l2, l3])
}

/// The boxes over a whole word.
#[inline(always)]
fn substitute_word<W: Bits>(word: &Word<W>) -> Word<W> {
    let mut out = *word;
    for byte in out.as_chunks_mut::<8>().0 {
        *byte = substitute(*byte);
    }
    out
}

/// Adds the sum of a word turned left by each of these; turning planes is wiring.
#[inline(always)]
fn add_turned<W: Bits, const N: usize>(into: &mut Word<W>, word: &Word<W>, turns: [usize; N]) {
    for (at, into) in into.iter_mut().enumerate() {
        for turn in turns {
            *into = into.xor(word[(at + turn) % 32]);
        }
    }
}

/// A block or a key, as four words.
#[inline(always)]
fn words<W: Bits>(lane: impl Fn(usize) -> Block16, count: usize) -> Wiped<Word<W>, 4> {
    let half = |half: usize| planes::<W>(|at| half_of(&lane(at), half), count);
    let halves = [half(0), half(1)];
    Wiped::new(core::array::from_fn(|word| {
        core::array::from_fn(|bit| halves[word / 2][32 * (word % 2) + bit])
    }))
}

fn half_of(bytes: &Block16, half: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[8 * half..8 * half + 8]);
    u64::from_be_bytes(out)
}

/// Whether a bit of a constant is set, counted from the left.
const fn is_set(word: u32, bit: usize) -> bool {
    (word << bit) >> 31 == 1
}

/// The keys of all rounds, of so many lanes.
#[inline(always)]
fn schedule<W: Bits>(key: impl Fn(usize) -> Block16, count: usize) -> Schedule<W> {
    let mut state = words::<W>(key, count);
    for (word, fixed) in state.iter_mut().zip(SM4_FK) {
        for (at, plane) in word.iter_mut().enumerate() {
            *plane = plane.xor(W::splat(is_set(fixed, at)));
        }
    }
    let mut out = Schedule::<W>::blank();
    for (at, key) in out.iter_mut().enumerate() {
        let [a, b, c, d] = core::array::from_fn(|word| (at + word) % 4);
        let mut sum = [W::default(); 32];
        for (bit, sum) in sum.iter_mut().enumerate() {
            let others = state[b][bit].xor(state[c][bit]).xor(state[d][bit]);
            *sum = others.xor(W::splat(is_set(SM4_CK[at], bit)));
        }
        add_turned(&mut state[a], &substitute_word(&sum), [0, 13, 23]);
        *key = state[a];
    }
    out
}

/// Enciphers a block of each lane; the words come out in reverse.
#[inline(always)]
fn encipher<W: Bits>(schedule: &Schedule<W>, state: &mut [Word<W>; 4]) {
    for (at, key) in schedule.iter().enumerate() {
        let [a, b, c, d] = core::array::from_fn(|word| (at + word) % 4);
        let mut sum = [W::default(); 32];
        for (bit, sum) in sum.iter_mut().enumerate() {
            let others = state[b][bit].xor(state[c][bit]).xor(state[d][bit]);
            *sum = others.xor(key[bit]);
        }
        add_turned(&mut state[a], &substitute_word(&sum), [0, 2, 10, 18, 24]);
    }
    state.reverse();
}

/// The blocks as they are.
#[inline(always)]
fn blocks<W: Bits>(
    state: &[Word<W>; 4],
    count: usize,
    mut take: impl FnMut(usize, usize, [u8; 8]),
) {
    for half in 0..2 {
        rows(
            |at| state[2 * half + at / 32][at % 32],
            count,
            |lane, row| take(lane, half, row.to_be_bytes()),
        );
    }
}

/// Enciphers at most as many blocks as there are lanes.
#[inline(always)]
fn encipher_few<W: Bits>(schedule: &Schedule<W>, data: &mut [Block16]) {
    let mut state = words::<W>(|lane| data[lane], data.len());
    encipher(schedule, &mut state);
    blocks(&state, data.len(), |lane, half, bytes| {
        data[lane][8 * half..8 * half + 8].copy_from_slice(&bytes);
    });
}

/// Enciphers a block a lane under the lane's key.
#[inline(always)]
pub(super) fn encipher_each<W: Bits>(keys: &[Block16], data: &mut [Block16]) {
    for (keys, data) in keys.chunks(lanes::<W>()).zip(data.chunks_mut(lanes::<W>())) {
        encipher_few(&schedule::<W>(|lane| keys[lane], keys.len()), data);
    }
}

/// Enciphers every block under the same key. It goes into the lanes like keys of their own: planes made
/// of its bits by choice would be branches on them.
#[inline(always)]
pub(super) fn encipher_under<W: Bits>(key: &Block16, data: &mut [Block16]) {
    let schedule = schedule::<W>(|_| *key, lanes::<W>().min(data.len()));
    for data in data.chunks_mut(lanes::<W>()) {
        encipher_few(&schedule, data);
    }
}

/// The CBC-MACs of messages under the lanes' keys, from a zero IV.
#[inline(always)]
pub(super) fn mac_each<W: Bits>(keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16]) {
    let every = lanes::<W>();
    let groups = keys.chunks(every).zip(messages.chunks(every));
    for ((keys, messages), out) in groups.zip(out.chunks_mut(every)) {
        let count = keys.len();
        let schedule = schedule::<W>(|lane| keys[lane], count);
        let most = messages.iter().map(|message| message.blocks::<16>()).max();
        let mut state = Wiped::<Word<W>, 4>::blank();
        for at in 0..most.unwrap_or(0) {
            let next = words::<W>(|lane| messages[lane].block::<16>(at), count);
            for (state, next) in state.as_flattened_mut().iter_mut().zip(next.as_flattened()) {
                *state = state.xor(*next);
            }
            encipher(&schedule, &mut state);
            let is_last = |lane: usize| messages[lane].blocks::<16>() == at + 1;
            if (0..count).any(is_last) {
                blocks(&state, count, |lane, half, bytes| {
                    if is_last(lane) {
                        out[lane][8 * half..8 * half + 8].copy_from_slice(&bytes);
                    }
                });
            }
        }
    }
}
