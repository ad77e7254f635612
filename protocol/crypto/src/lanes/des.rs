//! DES on bit planes: each lane has its own key, and permutations cost nothing.
//!
//! What is here: two-key triple DES of one block pair a lane, and the two MACs of cards over
//! messages of unequal lengths. The tables are those of FIPS 46-3; the boxes are in
//! `des_boxes`.

use super::bits::{Bits, lanes, planes, rows};
use super::des_boxes::box_of;
use super::wiped::Wiped;
use super::{Block16, Chain, DesMac};

/// Where each bit of the permuted input comes from, counted from 1 at the left.
const IP: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, //
    62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8, //
    57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, //
    61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];

/// Where each bit of what leaves the boxes goes: bit `i` of P is bit `P[i]` of the boxes' output.
const P: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, //
    2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25,
];

const PC1: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, //
    10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, //
    63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, //
    14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];

pub(crate) const PC2: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, //
    23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, //
    41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, //
    44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

pub(crate) const SHIFTS: [u8; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

/// Which bit of the key is which bit of each round's: a schedule on planes is only wiring.
const SCHEDULE: [[u8; 48]; 16] = schedule();

const fn schedule() -> [[u8; 48]; 16] {
    let mut out = [[0; 48]; 16];
    let (mut round, mut turned) = (0, 0);
    while round < 16 {
        turned += SHIFTS[round] as usize;
        let mut at = 0;
        while at < 48 {
            let from = PC2[at] as usize - 1;
            let half = from / 28 * 28;
            out[round][at] = PC1[half + (from - half + turned) % 28] - 1;
            at += 1;
        }
        round += 1;
    }
    out
}

/// Where each output bit of the boxes goes: P the other way round.
pub(crate) const INTO: [u8; 32] = {
    let mut out = [0; 32];
    let mut at = 0u8;
    while at < 32 {
        out[P[at as usize] as usize - 1] = at;
        at += 1;
    }
    out
};

/// Halves of a permuted block.
type Halves<W> = Wiped<[W; 32], 2>;

/// One round: the boxes over one half and the round's key, into the other half.
#[inline(always)]
fn round<W: Bits>(key: &[W; 64], wires: &[u8; 48], from: &[W; 32], into: &mut [W; 32]) {
    macro_rules! through {
        ($($at:tt)*) => {$(
            // Each box looks at its four bits and at one neighbour on either side.
            let mut input = [W::default(); 6];
            for (bit, input) in input.iter_mut().enumerate() {
                let half = from[(4 * $at + bit + 31) % 32];
                *input = half.xor(key[usize::from(wires[6 * $at + bit] & 63)]);
            }
            let output = box_of!($at, input);
            for (bit, output) in output.into_iter().enumerate() {
                let to = &mut into[usize::from(INTO[4 * $at + bit])];
                *to = to.xor(output);
            }
        )*};
    }
    through!(0 1 2 3 4 5 6 7);
}

/// DES without the permutations at either end, which cancel out between two of them.
#[inline(always)]
fn des<W: Bits>(key: &[W; 64], halves: &mut Halves<W>, is_encipher: bool) {
    let [left, right] = &mut **halves;
    for pair in 0..8 {
        let (first, second) = if is_encipher {
            (2 * pair, 2 * pair + 1)
        } else {
            (15 - 2 * pair, 14 - 2 * pair)
        };
        round(key, &SCHEDULE[first], right, left);
        round(key, &SCHEDULE[second], left, right);
    }
    core::mem::swap(left, right);
}

/// Eight bytes of a key or a block as a number.
fn half_of(bytes: &[u8; 16], half: usize) -> u64 {
    let mut out = [0; 8];
    out.copy_from_slice(&bytes[8 * half..8 * half + 8]);
    u64::from_be_bytes(out)
}

/// The blocks permuted, by lanes.
#[inline(always)]
fn permuted<W: Bits>(lanes: impl Fn(usize) -> u64, count: usize) -> Halves<W> {
    let planes = planes::<W>(lanes, count);
    let half = |half: usize| core::array::from_fn(|at| planes[usize::from(IP[32 * half + at]) - 1]);
    Wiped::new([half(0), half(1)])
}

/// The blocks as they are, out of permuted halves.
#[inline(always)]
fn unpermuted<W: Bits>(halves: &Halves<W>, count: usize, take: impl FnMut(usize, u64)) {
    const BACK: [u8; 64] = {
        let mut out = [0; 64];
        let mut at = 0u8;
        while at < 64 {
            out[IP[at as usize] as usize - 1] = at;
            at += 1;
        }
        out
    };
    let plane = |at: usize| {
        let at = usize::from(BACK[at]);
        halves[at / 32][at % 32]
    };
    rows(plane, count, take);
}

/// Enciphers two blocks a lane with two-key triple DES under the lane's key.
#[inline(always)]
pub(super) fn encipher_each<W: Bits>(keys: &[Block16], blocks: &mut [Block16]) {
    for (keys, blocks) in keys
        .chunks(lanes::<W>())
        .zip(blocks.chunks_mut(lanes::<W>()))
    {
        let count = keys.len();
        let outer = planes::<W>(|lane| half_of(&keys[lane], 0), count);
        let inner = planes::<W>(|lane| half_of(&keys[lane], 1), count);
        for half in 0..2 {
            let mut state = permuted::<W>(|lane| half_of(&blocks[lane], half), count);
            des(&outer, &mut state, true);
            des(&inner, &mut state, false);
            des(&outer, &mut state, true);
            unpermuted(&state, count, |lane, block| {
                blocks[lane][8 * half..8 * half + 8].copy_from_slice(&block.to_be_bytes());
            });
        }
    }
}

/// The MACs of messages under the lanes' keys, from a zero IV; the leftmost eight bytes of each
/// place are written.
#[inline(always)]
pub(super) fn mac_each<W: Bits>(
    kind: DesMac,
    keys: &[Block16],
    messages: &[Chain<'_>],
    out: &mut [Block16],
) {
    let every = lanes::<W>();
    let groups = keys.chunks(every).zip(messages.chunks(every));
    for ((keys, messages), out) in groups.zip(out.chunks_mut(every)) {
        super::touch(messages);
        let count = keys.len();
        let key = |half: usize| planes::<W>(|lane| half_of(&keys[lane], half), count);
        let (mut left, right) = (key(0), key(1));
        if matches!(kind, DesMac::Folded) {
            for (left, right) in left.iter_mut().zip(right.iter()) {
                *left = left.xor(*right);
            }
        }
        let most = messages.iter().map(|message| message.blocks::<8>()).max();
        let mut state = Halves::<W>::blank();
        for at in 0..most.unwrap_or(0) {
            let block = |lane: usize| u64::from_be_bytes(messages[lane].block::<8>(at));
            let blocks = permuted::<W>(block, count);
            let planes = state.as_flattened_mut().iter_mut();
            for (state, block) in planes.zip(blocks.as_flattened()) {
                *state = state.xor(*block);
            }
            des(&left, &mut state, true);
            let is_last = |lane: usize| messages[lane].blocks::<8>() == at + 1;
            if !(0..count).any(is_last) {
                continue;
            }
            let mut done = Wiped::new(*state);
            if matches!(kind, DesMac::Retail) {
                des(&right, &mut done, false);
                des(&left, &mut done, true);
            }
            unpermuted(&done, count, |lane, mac| {
                if is_last(lane) {
                    out[lane][..8].copy_from_slice(&mac.to_be_bytes());
                }
            });
        }
    }
}
