//! First nonces of many signatures by one key (RFC 6979 §3.2, over HMAC-SM3), a signature in each lane.
//!
//! What a nonce goes through is the same for all of them, block by block, so the whole way is a list
//! of [`Step`]s. States go from block to block as words of lanes, and never become bytes between.

use zeroize::Zeroizing;

use super::Block32;
use super::sm3::{START, State, compress};
use super::wiped::Wiped;
use super::words::{MOST_LANES, Sums, in_lanes};

/// One block on the way. `K` and `V` are those of the RFC, `d` the key, `e` the digest.
#[derive(Clone, Copy)]
enum Step {
    /// K into the state that HMAC's inner digest begins with.
    Inner,
    /// K into the state that its outer digest begins with.
    Outer,
    /// V, a one, and of d all but its last byte: the first block of what renews K.
    Renewing,
    /// The last byte of d, and e: its second block.
    Renewed,
    /// V alone: what gives the next V.
    Value,
    /// The inner digest into K.
    IntoKey,
    /// The inner digest into V.
    IntoValue,
}

/// From the first block that differs between signatures on: K and V are renewed, twice with d and e,
/// and V once more is the nonce.
const WAY: [Step; 15] = [
    Step::Renewed,
    Step::IntoKey,
    Step::Inner,
    Step::Outer,
    Step::Value,
    Step::IntoValue,
    Step::Renewing,
    Step::Renewed,
    Step::IntoKey,
    Step::Inner,
    Step::Outer,
    Step::Value,
    Step::IntoValue,
    Step::Value,
    Step::IntoValue,
];

const INNER: u32 = 0x3636_3636;
const OUTER: u32 = 0x5C5C_5C5C;
/// V in the beginning.
const ONES: u32 = 0x0101_0101;
/// The bit after a message.
const MARK: u32 = 0x8000_0000;

/// V, a byte that separates, and of d all but its last byte.
fn first_block(value: &State, separator: u8, d: &Block32) -> [u32; 16] {
    let mut bytes = Zeroizing::new([separator; 32]);
    bytes[1..].copy_from_slice(&d[..31]);
    let mut out = [0; 16];
    out[..8].copy_from_slice(value);
    for (word, bytes) in out[8..].iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    out
}

/// The last byte of d, and e, completed: HMAC's inner digest is over a block more and 97 bytes.
fn second_block(d: &Block32, e: &Block32) -> [u8; 64] {
    let mut out = [0; 64];
    out[0] = d[31];
    out[1..33].copy_from_slice(e);
    out[33] = 0x80;
    out[62..].copy_from_slice(&((64 + 97) * 8u16).to_be_bytes());
    out
}

/// 32 bytes as the only block after one that was taken in.
#[inline(always)]
fn alone<V: Sums>(bytes: &[V; 8]) -> [V; 16] {
    let mut out = [V::splat(0); 16];
    out[..8].copy_from_slice(bytes);
    out[8] = V::splat(MARK);
    out[15] = V::splat((64 + 32) * 8);
    out
}

/// K as HMAC takes it.
#[inline(always)]
fn padded<V: Sums>(key: &[V; 8], with: u32) -> [V; 16] {
    let mut out = [V::splat(with); 16];
    for (word, key) in out.iter_mut().zip(key) {
        *word = word.xor(*key);
    }
    out
}

/// What all lanes have between blocks.
struct Memory<V: Sums> {
    key: Wiped<V, 8>,
    value: Wiped<V, 8>,
    inner: Wiped<V, 8>,
    outer: Wiped<V, 8>,
    state: Wiped<V, 8>,
}

/// The first nonce for each digest, not reduced and not looked at: whoever asked refuses what is not
/// in 1..n.
#[inline(always)]
pub(super) fn nonces_each<V: Sums>(d: &Block32, digests: &[Block32], out: &mut [Block32]) {
    // K is zeros in the beginning, and up to the first digest all are the same.
    let [mut inner, mut outer] = [Zeroizing::new(START), Zeroizing::new(START)];
    compress::<u32>(&mut inner, &mut padded(&[0; 8], INNER));
    compress::<u32>(&mut outer, &mut padded(&[0; 8], OUTER));
    let mut first = Zeroizing::new(first_block(&[ONES; 8], 0, d));
    compress::<u32>(&mut inner, &mut first);
    *first = first_block(&[0; 8], 1, d);

    for (digests, out) in digests.chunks(V::LANES).zip(out.chunks_mut(V::LANES)) {
        let mut second = Zeroizing::new([[0; 64]; MOST_LANES]);
        for (block, e) in second.iter_mut().zip(digests) {
            *block = second_block(d, e);
        }
        let second = Wiped::new(V::blocks(&second.each_ref()));
        let mut memory = Memory {
            key: Wiped::blank(),
            value: Wiped::new([V::splat(ONES); 8]),
            inner: Wiped::blank(),
            outer: Wiped::new(in_lanes(&outer)),
            state: Wiped::new(in_lanes(&inner)),
        };
        for step in WAY {
            take(&mut memory, step, &first, &second);
        }
        let nonces = Wiped::new(V::digests(&memory.value));
        for (out, nonce) in out.iter_mut().zip(nonces.iter()) {
            *out = *nonce;
        }
    }
}

#[inline(always)]
fn take<V: Sums>(memory: &mut Memory<V>, step: Step, first: &[u32; 16], second: &[V; 16]) {
    let mut state = match step {
        Step::Inner | Step::Outer => in_lanes(&START),
        Step::Renewing | Step::Value => *memory.inner,
        Step::Renewed => *memory.state,
        Step::IntoKey | Step::IntoValue => *memory.outer,
    };
    let mut words = match step {
        Step::Inner => padded(&memory.key, INNER),
        Step::Outer => padded(&memory.key, OUTER),
        Step::Renewing => {
            let mut words = in_lanes(first);
            words[..8].copy_from_slice(&*memory.value);
            words
        }
        Step::Renewed => *second,
        Step::Value => alone(&memory.value),
        Step::IntoKey | Step::IntoValue => alone(&memory.state),
    };
    compress(&mut state, &mut words);
    match step {
        Step::Inner => *memory.inner = state,
        Step::Outer => *memory.outer = state,
        Step::Renewing | Step::Renewed | Step::Value => *memory.state = state,
        Step::IntoKey => *memory.key = state,
        Step::IntoValue => *memory.value = state,
    }
}
