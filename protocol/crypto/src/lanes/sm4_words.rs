//! SM4 in lanes of words, for processors that have the box as two instructions.
//!
//! Four groups of lanes go side by side: a round of one group waits for itself, and four fill the
//! time.

use zeroize::Zeroizing;

use super::words::Words;
use super::{Block16, Chain, SM4_CK, SM4_FK};

/// Words on which the box can be taken byte by byte.
pub(crate) trait Boxed: Words {
    /// SM4's box over every byte.
    fn substitute(self) -> Self;
    /// The four words of a block of each lane.
    fn load(blocks: &[Place; 16]) -> [Self; 4];
    /// The blocks again.
    fn store(words: [Self; 4], blocks: &mut [Place; 16]);
}

/// Groups that go side by side.
const SIDE: usize = 4;

/// Lanes of all groups.
pub(super) const LANES: usize = 16 * SIDE;

/// A block of a lane as it is in memory; overwriting it takes two stores and not sixteen.
pub(crate) type Place = [u64; 2];

type Blocks = [[Place; 16]; SIDE];
type State<V> = [[V; 4]; SIDE];
type Schedule<V> = [[V; SIDE]; 32];

#[inline(always)]
fn load<V: Boxed>(blocks: &Blocks) -> State<V> {
    let mut out = [[V::default(); 4]; SIDE];
    for (out, blocks) in out.iter_mut().zip(blocks) {
        *out = V::load(blocks);
    }
    out
}

#[inline(always)]
fn schedule<V: Boxed>(keys: &Blocks) -> Zeroizing<Schedule<V>> {
    let mut state = load::<V>(keys);
    for state in &mut state {
        for (word, fixed) in state.iter_mut().zip(SM4_FK) {
            *word = word.xor(V::splat(fixed));
        }
    }
    let mut out = Zeroizing::new([[V::default(); SIDE]; 32]);
    for (keys, constants) in out
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip(SM4_CK.as_chunks::<4>().0)
    {
        for (at, (keys, constant)) in keys.iter_mut().zip(constants).enumerate() {
            for (key, state) in keys.iter_mut().zip(&mut state) {
                let [a, b, c, d] = core::array::from_fn(|word| (at + word) % 4);
                let sum = state[b].xor3(state[c], state[d]).xor(V::splat(*constant));
                let word = sum.substitute();
                let word = word.xor3(word.turn::<13>(), word.turn::<23>());
                state[a] = state[a].xor(word);
                *key = state[a];
            }
        }
    }
    out
}

#[inline(always)]
fn encipher<V: Boxed>(schedule: &Schedule<V>, state: &mut State<V>) {
    for keys in schedule.as_chunks::<4>().0 {
        for (at, keys) in keys.iter().enumerate() {
            for (key, state) in keys.iter().zip(state.iter_mut()) {
                let [a, b, c, d] = core::array::from_fn(|word| (at + word) % 4);
                let word = state[b].xor3(state[c], state[d]).xor(*key).substitute();
                let near = word.turn::<2>().xor3(word.turn::<10>(), word.turn::<18>());
                state[a] = state[a].xor3(word, word.turn::<24>()).xor(near);
            }
        }
    }
    for state in state {
        state.reverse();
    }
}

/// Up to 64 blocks in places for all lanes; those that are not given are zero.
#[inline(always)]
fn placed(given: impl Fn(usize) -> Block16, count: usize) -> Zeroizing<Blocks> {
    let mut out = Zeroizing::new([[[0; 2]; 16]; SIDE]);
    for (at, place) in out.as_flattened_mut().iter_mut().enumerate().take(count) {
        let given = given(at);
        for (place, half) in place.iter_mut().zip(given.as_chunks::<8>().0) {
            *place = u64::from_ne_bytes(*half);
        }
    }
    out
}

/// The bytes of a place.
#[inline(always)]
fn block_in([low, high]: &Place) -> Block16 {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&low.to_ne_bytes());
    out[8..].copy_from_slice(&high.to_ne_bytes());
    out
}

/// Enciphers a block a lane under the lane's key.
#[inline(always)]
pub(super) fn encipher_each<V: Boxed>(keys: &[Block16], data: &mut [Block16]) {
    for (keys, data) in keys.chunks(LANES).zip(data.chunks_mut(LANES)) {
        let count = keys.len();
        let schedule = schedule::<V>(&placed(|at| keys[at], count));
        let mut places = placed(|at| data[at], count);
        let mut state = load::<V>(&places);
        encipher(&schedule, &mut state);
        for (state, places) in state.into_iter().zip(places.iter_mut()) {
            V::store(state, places);
        }
        for (data, place) in data.iter_mut().zip(places.as_flattened()) {
            *data = block_in(place);
        }
    }
}

/// The CBC-MACs of messages under the lanes' keys, from a zero IV.
#[inline(always)]
pub(super) fn mac_each<V: Boxed>(keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16]) {
    let groups = keys.chunks(LANES).zip(messages.chunks(LANES));
    for ((keys, messages), out) in groups.zip(out.chunks_mut(LANES)) {
        let count = keys.len();
        let schedule = schedule::<V>(&placed(|at| keys[at], count));
        let most = messages.iter().map(|message| message.blocks::<16>()).max();
        let mut state = [[V::default(); 4]; SIDE];
        let mut places = placed(|_| [0; 16], 0);
        for at in 0..most.unwrap_or(0) {
            let next = load::<V>(&placed(|lane| messages[lane].block::<16>(at), count));
            for (state, next) in state.as_flattened_mut().iter_mut().zip(next.as_flattened()) {
                *state = state.xor(*next);
            }
            encipher(&schedule, &mut state);
            let is_last = |lane: usize| messages[lane].blocks::<16>() == at + 1;
            if !(0..count).any(is_last) {
                continue;
            }
            for (state, places) in state.into_iter().zip(places.iter_mut()) {
                V::store(state, places);
            }
            let lanes = out.iter_mut().zip(places.as_flattened());
            for (lane, (out, place)) in lanes.enumerate() {
                if is_last(lane) {
                    *out = block_in(place);
                }
            }
        }
    }
}
