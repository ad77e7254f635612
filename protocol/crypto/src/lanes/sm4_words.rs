//! SM4 in lanes of words, for processors that have the box as two instructions.
//!
//! Four groups of lanes go side by side: a round of one group waits for itself, and four fill the
//! time.

use super::wiped::Wiped;
use super::words::Words;
use super::{Block16, Chain, SM4_CK, SM4_FK};

/// Words on which the box can be taken byte by byte.
pub(crate) trait Boxed: Words {
    /// SM4's box over every byte.
    fn substitute(self) -> Self;
    /// The four words of a block of each lane.
    fn load(blocks: &[Block16; 16]) -> [Self; 4];
    /// The blocks again.
    fn store(words: [Self; 4], blocks: &mut [Block16; 16]);
}

/// Groups that go side by side.
const SIDE: usize = 4;

/// Lanes of all groups.
pub(super) const LANES: usize = 16 * SIDE;

type State<V> = [[V; 4]; SIDE];
type Schedule<V> = Wiped<[V; SIDE], 32>;

#[inline(always)]
fn load<V: Boxed>(blocks: &[Block16; LANES]) -> State<V> {
    let mut out = [[V::default(); 4]; SIDE];
    for (out, blocks) in out.iter_mut().zip(blocks.as_chunks::<16>().0) {
        *out = V::load(blocks);
    }
    out
}

#[inline(always)]
fn store<V: Boxed>(state: State<V>, blocks: &mut [Block16; LANES]) {
    let (groups, _) = blocks.as_chunks_mut::<16>();
    for (state, blocks) in state.into_iter().zip(groups) {
        V::store(state, blocks);
    }
}

#[inline(always)]
fn schedule<V: Boxed>(mut state: State<V>, out: &mut Schedule<V>) {
    for state in &mut state {
        for (word, fixed) in state.iter_mut().zip(SM4_FK) {
            *word = word.xor(V::splat(fixed));
        }
    }
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

/// Blocks for all lanes where there are fewer; those that are not given are zero.
fn filled(given: &[Block16]) -> Wiped<Block16, LANES> {
    let mut out = Wiped::<Block16, LANES>::blank();
    out[..given.len()].copy_from_slice(given);
    out
}

#[inline(always)]
fn schedule_few<V: Boxed>(keys: &[Block16], out: &mut Schedule<V>) {
    let few;
    let keys = match keys.first_chunk() {
        Some(keys) => keys,
        None => {
            few = filled(keys);
            &*few
        }
    };
    schedule(load(keys), out);
}

/// The same key in every lane. One group alone would wait for itself and hardly be done before four.
#[inline(always)]
fn schedule_one<V: Boxed>(key: &Block16, out: &mut Schedule<V>) {
    let mut words = [V::default(); 4];
    for (word, bytes) in words.iter_mut().zip(key.as_chunks::<4>().0) {
        *word = V::splat(u32::from_be_bytes(*bytes));
    }
    schedule([words; SIDE], out);
}

/// Enciphers at most as many blocks as there are lanes.
#[inline(always)]
fn encipher_few<V: Boxed>(schedule: &Schedule<V>, data: &mut [Block16]) {
    let mut few = None;
    let blocks = match data.first_chunk_mut() {
        Some(blocks) => blocks,
        None => &mut **few.insert(filled(data)),
    };
    let mut state = load::<V>(blocks);
    encipher(schedule, &mut state);
    store(state, blocks);
    if let Some(few) = few {
        data.copy_from_slice(&few[..data.len()]);
    }
}

/// Enciphers a block a lane under the lane's key.
#[inline(always)]
pub(super) fn encipher_each<V: Boxed>(keys: &[Block16], data: &mut [Block16]) {
    for (keys, data) in keys.chunks(LANES).zip(data.chunks_mut(LANES)) {
        let mut schedule = Schedule::<V>::blank();
        schedule_few(keys, &mut schedule);
        encipher_few(&schedule, data);
    }
}

/// Enciphers every block under the same key.
#[inline(always)]
pub(super) fn encipher_under<V: Boxed>(key: &Block16, data: &mut [Block16]) {
    let mut schedule = Schedule::<V>::blank();
    schedule_one(key, &mut schedule);
    for data in data.chunks_mut(LANES) {
        encipher_few(&schedule, data);
    }
}

/// The CBC-MACs of messages under the lanes' keys, from a zero IV.
#[inline(always)]
pub(super) fn mac_each<V: Boxed>(keys: &[Block16], messages: &[Chain<'_>], out: &mut [Block16]) {
    let groups = keys.chunks(LANES).zip(messages.chunks(LANES));
    for ((keys, messages), out) in groups.zip(out.chunks_mut(LANES)) {
        super::touch(messages);
        let mut schedule = Schedule::<V>::blank();
        schedule_few(keys, &mut schedule);
        let lens = || messages.iter().map(|message| message.blocks::<16>());
        let (least, most) = (lens().min().unwrap_or(0), lens().max().unwrap_or(0));
        let mut state = [[V::default(); 4]; SIDE];
        for at in 0..most {
            let block = |lane: usize| messages.get(lane).map_or([0; 16], |lane| lane.block(at));
            let mut blocks: [Block16; LANES] = core::array::from_fn(block);
            let next = load::<V>(&blocks);
            for (state, next) in state.as_flattened_mut().iter_mut().zip(next.as_flattened()) {
                *state = state.xor(*next);
            }
            encipher(&schedule, &mut state);
            if at + 1 < least {
                continue;
            }
            store(state, &mut blocks);
            for ((len, out), block) in lens().zip(out.iter_mut()).zip(&blocks) {
                if len == at + 1 {
                    *out = *block;
                }
            }
        }
    }
}
