//! SM4 (GB/T 32907) on words, where the box is taken byte by byte: in lanes with keys of their own, and
//! under one key.
//!
//! Some groups of lanes go side by side: a round of one group waits for itself, and others fill the time.

use super::wiped::Wiped;
use super::words::Words;
use super::{Block16, Chain, SM4_CK, SM4_FK};

/// Words on which the box can be taken byte by byte.
pub(crate) trait Boxed: Words {
    /// SM4's box over every byte.
    fn substitute(self) -> Self;
    /// With itself turned by 2, 10, 18 and 24: what follows the box when a block is enciphered.
    #[inline(always)]
    fn diffused(self) -> Self {
        let near = self.turn::<2>().xor3(self.turn::<10>(), self.turn::<18>());
        self.xor3(self.turn::<24>(), near)
    }
    /// The four words of a block of each lane; there are [`Words::LANES`].
    fn load(blocks: &[Block16]) -> [Self; 4];
    /// The blocks again.
    fn store(words: [Self; 4], blocks: &mut [Block16]);
    /// The first lane's.
    fn first(self) -> u32;
}

/// The most lanes that groups side by side have together.
const MOST: usize = 64;

/// The most lanes of a group that has one key.
const MOST_OF_ONE: usize = 8;

/// Lanes of all groups.
const fn lanes<V: Words, const SIDE: usize>() -> usize {
    V::LANES * SIDE
}

/// Groups side by side.
#[derive(Clone, Copy)]
struct Side<V, const SIDE: usize>([V; SIDE]);

impl<V: Words, const SIDE: usize> Default for Side<V, SIDE> {
    #[inline(always)]
    fn default() -> Self {
        Self([V::default(); SIDE])
    }
}

type State<V, const SIDE: usize> = [[V; 4]; SIDE];
type Schedule<V, const SIDE: usize> = Wiped<Side<V, SIDE>, 32>;

/// The keys of all rounds of one key.
pub(crate) type OneSchedule = Wiped<u32, 32>;

/// Where the keys of rounds are.
trait Keys<V, const SIDE: usize> {
    fn of(&self, round: usize) -> [V; SIDE];
}

impl<V: Words, const SIDE: usize> Keys<V, SIDE> for Schedule<V, SIDE> {
    #[inline(always)]
    fn of(&self, round: usize) -> [V; SIDE] {
        self[round].0
    }
}

impl<V: Words, const SIDE: usize> Keys<V, SIDE> for OneSchedule {
    #[inline(always)]
    fn of(&self, round: usize) -> [V; SIDE] {
        [V::splat(self[round]); SIDE]
    }
}

#[inline(always)]
fn load<V: Boxed, const SIDE: usize>(blocks: &[Block16]) -> State<V, SIDE> {
    let mut out = [[V::default(); 4]; SIDE];
    for (out, blocks) in out.iter_mut().zip(blocks.chunks_exact(V::LANES)) {
        *out = V::load(blocks);
    }
    out
}

#[inline(always)]
fn store<V: Boxed, const SIDE: usize>(state: State<V, SIDE>, blocks: &mut [Block16]) {
    let groups = blocks.chunks_exact_mut(V::LANES);
    for (state, blocks) in state.into_iter().zip(groups) {
        V::store(state, blocks);
    }
}

#[inline(always)]
fn schedule<V: Boxed, const SIDE: usize>(mut state: State<V, SIDE>, out: &mut Schedule<V, SIDE>) {
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
            for (key, state) in keys.0.iter_mut().zip(&mut state) {
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
fn encipher<V: Boxed, const SIDE: usize>(
    schedule: &impl Keys<V, SIDE>,
    state: &mut State<V, SIDE>,
) {
    for four in 0..8 {
        for at in 0..4 {
            for (key, state) in schedule.of(4 * four + at).iter().zip(state.iter_mut()) {
                let [a, b, c, d] = core::array::from_fn(|word| (at + word) % 4);
                let word = state[b].xor3(state[c], state[d]).xor(*key).substitute();
                state[a] = state[a].xor(word.diffused());
            }
        }
    }
    for state in state {
        state.reverse();
    }
}

/// Blocks for all lanes where there are fewer; those that are not given are zero.
#[inline(always)]
fn filled<const ROOM: usize>(given: &[Block16]) -> Wiped<Block16, ROOM> {
    let mut out = Wiped::<Block16, ROOM>::blank();
    out[..given.len()].copy_from_slice(given);
    out
}

#[inline(always)]
fn schedule_few<V: Boxed, const SIDE: usize>(keys: &[Block16], out: &mut Schedule<V, SIDE>) {
    let few;
    let keys = match keys.get(..lanes::<V, SIDE>()) {
        Some(keys) => keys,
        None => {
            few = filled::<MOST>(keys);
            &few[..lanes::<V, SIDE>()]
        }
    };
    schedule(load(keys), out);
}

/// The same key in every lane. One group alone would wait for itself and hardly be done before four.
#[inline(always)]
fn schedule_one<V: Boxed, const SIDE: usize>(key: &Block16, out: &mut Schedule<V, SIDE>) {
    let mut words = [V::default(); 4];
    for (word, bytes) in words.iter_mut().zip(key.as_chunks::<4>().0) {
        *word = V::splat(u32::from_be_bytes(*bytes));
    }
    schedule([words; SIDE], out);
}

/// Enciphers at most as many blocks as there are lanes.
#[inline(always)]
fn encipher_few<V: Boxed, const SIDE: usize, const ROOM: usize>(
    schedule: &impl Keys<V, SIDE>,
    data: &mut [Block16],
) {
    const { assert!(lanes::<V, SIDE>() <= ROOM) };
    let mut few = None;
    let blocks = match data.get_mut(..lanes::<V, SIDE>()) {
        Some(blocks) => blocks,
        None => &mut few.insert(filled::<ROOM>(data))[..lanes::<V, SIDE>()],
    };
    let mut state = load::<V, SIDE>(blocks);
    encipher(schedule, &mut state);
    store(state, blocks);
    if let Some(few) = few {
        data.copy_from_slice(&few[..data.len()]);
    }
}

/// Enciphers a block a lane under the lane's key.
#[inline(always)]
pub(super) fn encipher_each<V: Boxed, const SIDE: usize>(keys: &[Block16], data: &mut [Block16]) {
    let lanes = lanes::<V, SIDE>();
    for (keys, data) in keys.chunks(lanes).zip(data.chunks_mut(lanes)) {
        let mut schedule = Schedule::<V, SIDE>::blank();
        schedule_few(keys, &mut schedule);
        encipher_few::<V, SIDE, MOST>(&schedule, data);
    }
}

/// Enciphers every block under the same key.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
#[inline(always)]
pub(super) fn encipher_under<V: Boxed, const SIDE: usize>(key: &Block16, data: &mut [Block16]) {
    let mut schedule = Schedule::<V, SIDE>::blank();
    schedule_one(key, &mut schedule);
    for data in data.chunks_mut(lanes::<V, SIDE>()) {
        encipher_few::<V, SIDE, MOST>(&schedule, data);
    }
}

/// The keys of all rounds, by themselves.
#[inline(always)]
pub(super) fn expand<V: Boxed>(key: &Block16, out: &mut OneSchedule) {
    let mut schedule = Schedule::<V, 1>::blank();
    schedule_one(key, &mut schedule);
    for (key, Side([lanes])) in out.iter_mut().zip(schedule.iter()) {
        *key = lanes.first();
    }
}

/// Enciphers every block with keys of rounds that [`expand`] made: those that one group has lanes for, or
/// fewer, by one group, and more by `SIDE` of them.
#[inline(always)]
pub(super) fn encipher_by<V: Boxed, const SIDE: usize>(keys: &OneSchedule, data: &mut [Block16]) {
    if data.len() <= V::LANES {
        encipher_few::<V, 1, MOST_OF_ONE>(keys, data);
        return;
    }
    for data in data.chunks_mut(lanes::<V, SIDE>()) {
        encipher_few::<V, SIDE, MOST>(keys, data);
    }
}

/// The CBC-MACs of messages under the lanes' keys, from a zero IV.
#[inline(always)]
pub(super) fn mac_each<V: Boxed, const SIDE: usize>(
    keys: &[Block16],
    messages: &[Chain<'_>],
    out: &mut [Block16],
) {
    let lanes = lanes::<V, SIDE>();
    let groups = keys.chunks(lanes).zip(messages.chunks(lanes));
    for ((keys, messages), out) in groups.zip(out.chunks_mut(lanes)) {
        super::touch(messages);
        let mut schedule = Schedule::<V, SIDE>::blank();
        schedule_few(keys, &mut schedule);
        let lens = || messages.iter().map(|message| message.blocks::<16>());
        let (least, most) = (lens().min().unwrap_or(0), lens().max().unwrap_or(0));
        let mut state = [[V::default(); 4]; SIDE];
        for at in 0..most {
            let block = |lane: usize| messages.get(lane).map_or([0; 16], |lane| lane.block(at));
            let mut blocks: [Block16; MOST] = core::array::from_fn(block);
            let next = load::<V, SIDE>(&blocks);
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
