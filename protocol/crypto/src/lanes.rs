//! Many of the same at once: kernels that give every lane of a register its own message and key.
//!
//! | | portable | NEON | AVX2 | AVX-512 with GFNI |
//! |---|---|---|---|---|
//! | SM3, nonces | one message | 4 messages | 8 messages | 16 messages, or twice 16 |
//! | SM4 | 64 lanes of planes | 128 | 256 | 64 lanes of words |
//! | DES | 64 lanes of planes | 128 | 256 | 512 |
//!
//! Where there are few, or one, the lanes of `few` serve: four words by NEON, AES-NI or GFNI, eight of
//! portable code.
//!
//! Each algorithm is written once over two traits, `Bits` (a plane of bits) and `Words` (a word of
//! each lane). An instruction set is a module that implements them; those modules alone have unsafe
//! code. What a processor has is asked when it runs, and only with `std`; without, the portable
//! kernels serve, which compile everywhere.
//!
//! Keys are secret here: nothing branches on them or looks up by them. Keys and their copies across
//! lanes are overwritten after use, and so is the stack ([`wipe_stack`]). What is not here: which key
//! and which message belong together ([`crate::tac`]).

mod bits;
mod des;
mod des_boxes;
mod eight;
mod few;
mod nonces;
mod sm3;
#[cfg(all(feature = "std", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod sm4_box;
mod sm4_planes;
mod sm4_words;
mod wiped;
mod words;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx512;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod four;
#[cfg(all(feature = "std", target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(test)]
mod tests;

pub(crate) use self::des::{INTO as DES_INTO, PC2 as DES_PC2, SHIFTS as DES_SHIFTS};
#[cfg(test)]
pub(crate) use self::des_boxes::all as des_boxes_of;
pub(crate) use self::few::Sm4;
pub(crate) use self::sm3::Before;
pub(crate) use self::wiped::{Wiped, wipe_stack};
use crate::sm3::Digest;

/// Sixteen bytes: a key, a block of SM4, two blocks of DES.
pub(crate) type Block16 = [u8; 16];

/// 32 bytes: a private key, a digest, a nonce.
pub(crate) type Block32 = [u8; 32];

/// Which MAC of DES.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DesMac {
    /// Single DES under the halves of the key XORed: a TAC.
    Folded,
    /// ISO/IEC 9797-1 MAC algorithm 3: an application cryptogram.
    Retail,
}

/// A message that goes through a chain of blocks, completed with `80 00…`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain<'a>(pub(crate) &'a [u8]);

impl Chain<'_> {
    /// How many blocks of `N` bytes; at least one.
    const fn blocks<const N: usize>(&self) -> usize {
        self.0.len() / N + 1
    }

    /// A block by its number; zeros after the last.
    #[inline(always)]
    fn block<const N: usize>(&self, at: usize) -> [u8; N] {
        match self.0.get(at * N..) {
            None => [0; N],
            Some(rest) => match rest.first_chunk::<N>() {
                Some(whole) => *whole,
                None => self.completed(rest),
            },
        }
    }

    /// What is left after whole blocks, completed. Where there were some, it is shifted out of the
    /// last `N` bytes: a copy of so few bytes would be a call.
    #[inline(always)]
    fn completed<const N: usize>(&self, rest: &[u8]) -> [u8; N] {
        const { assert!(N <= 16) };
        let mut bytes = [0; 16];
        let mut number = 0x80 << 120 >> (8 * rest.len());
        match self.0.last_chunk::<N>() {
            Some(_) if rest.is_empty() => {}
            Some(last) => {
                bytes[..N].copy_from_slice(last);
                number |= u128::from_be_bytes(bytes) << (8 * (N - rest.len()));
            }
            None => {
                bytes[..rest.len()].copy_from_slice(rest);
                number |= u128::from_be_bytes(bytes);
            }
        }
        let bytes = number.to_be_bytes();
        *bytes.first_chunk().expect("at most sixteen")
    }
}

/// Reads a byte of each message, one after the other: those that are far are all on their way then
/// while keys are made, where each block alone would wait for its own.
#[inline(always)]
fn touch(messages: &[Chain<'_>]) {
    let first = |message: &Chain<'_>| message.0.first().copied().unwrap_or(0);
    core::hint::black_box(messages.iter().fold(0, |sum, message| sum ^ first(message)));
}

/// Every block under the same key.
pub(crate) type UnderOne = fn(&Block16, &mut [Block16]);

/// What there is for one kind of processor. Keys, blocks, messages and places for results stand
/// beside each other in slices of one length.
#[derive(Clone, Copy)]
pub(crate) struct Kernels {
    /// What the processor must have.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests say which kernel failed"))]
    name: &'static str,
    /// From how many messages on it is faster than one after the other.
    sm3_least: usize,
    /// From how many messages under one key on HMAC is.
    hmac_least: usize,
    /// The digest of each message.
    sm3_each: fn(&Before, &[&[u8]], &mut [Digest]),
    /// The first nonce by one private key for each digest.
    nonces_each: fn(&Block32, &[Block32], &mut [Block32]),
    /// From how many keys on it is faster than one after the other.
    tdes_least: usize,
    /// Two-key triple DES of two blocks under each key.
    tdes_each: fn(&[Block16], &mut [Block16]),
    /// From how many messages on it is faster than one after the other.
    des_macs_least: usize,
    /// The MAC of each message, in the first eight bytes of its place.
    des_macs: fn(DesMac, &[Block16], &[Chain<'_>], &mut [Block16]),
    /// From how many blocks or messages under keys of their own on it is faster than the kernels for few.
    sm4_least: usize,
    /// SM4 of a block under each key.
    sm4_each: fn(&[Block16], &mut [Block16]),
    /// SM4 of every block under the same key, and from how many on it is faster than the kernels for few,
    /// with [`wipe_stack`] after it; nothing where it is not.
    sm4_under: Option<(usize, UnderOne)>,
    /// The CBC-MAC of each message under its key.
    sm4_macs: fn(&[Block16], &[Chain<'_>], &mut [Block16]),
}

/// The kernels that need nothing of a processor.
static PORTABLE: Kernels = Kernels {
    name: "portable",
    sm3_least: 0,
    hmac_least: usize::MAX,
    sm3_each: sm3::digest_each::<u32>,
    nonces_each: nonces::nonces_each::<u32>,
    tdes_least: 9,
    tdes_each: des::encipher_each::<u64>,
    des_macs_least: 24,
    des_macs: des::mac_each::<u64>,
    sm4_least: 25,
    sm4_each: sm4_planes::encipher_each::<u64>,
    sm4_under: Some((48, sm4_planes::encipher_under::<u64>)),
    sm4_macs: sm4_planes::mac_each::<u64>,
};

/// The best that this processor has.
fn best() -> &'static Kernels {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Some(kernels) = avx512::kernels().or_else(avx2::kernels) {
        return kernels;
    }
    #[cfg(all(feature = "std", target_arch = "aarch64", target_endian = "little"))]
    if let Some(kernels) = neon::kernels() {
        return kernels;
    }
    &PORTABLE
}

/// The digest of each message, in order; before each came the same blocks. One message in sixteen
/// lanes takes longer than alone, so it and a second go one after the other.
pub(crate) fn sm3_each(before: &Before, messages: &[&[u8]], out: &mut [Digest]) {
    let best = best();
    if messages.len() < best.sm3_least {
        (PORTABLE.sm3_each)(before, messages, out);
    } else {
        (best.sm3_each)(before, messages, out);
    }
}

/// Whether HMACs of so many messages are done sooner by [`sm3_each`], with [`wipe_stack`] after it, than
/// one after the other.
pub(crate) fn hmac_pays(messages: usize) -> bool {
    messages >= best().hmac_least
}

/// The first nonce by private key `d` for each digest, reduced modulo n (RFC 6979 §3.2); it may be out
/// of range.
pub(crate) fn nonces_each(d: &Block32, digests: &[Block32], out: &mut [Block32]) {
    debug_assert_eq!(digests.len(), out.len());
    (best().nonces_each)(d, digests, out);
    wipe_stack();
}

/// One level of diversification, or a session key: the blocks under the keys beside them.
pub(crate) fn encipher_each(algorithm: crate::Algorithm, keys: &[Block16], data: &mut [Block16]) {
    debug_assert_eq!(keys.len(), data.len());
    let (count, best) = (keys.len(), best());
    match algorithm {
        crate::Algorithm::Tdes if count < best.tdes_least => few::tdes_each(keys, data),
        crate::Algorithm::Tdes => (best.tdes_each)(keys, data),
        crate::Algorithm::Sm4 if count < best.sm4_least => (few::best().each)(keys, data),
        crate::Algorithm::Sm4 => (best.sm4_each)(keys, data),
    }
}

/// What enciphers so many blocks under one key of SM4 sooner than [`Sm4`], with [`wipe_stack`] after it.
pub(crate) fn sm4_under(blocks: usize) -> Option<UnderOne> {
    let (least, under) = best().sm4_under?;
    (blocks >= least).then_some(under)
}

/// The MAC of each message under the key beside it, leftmost bytes first.
pub(crate) fn mac_each(
    algorithm: crate::Algorithm,
    kind: DesMac,
    keys: &[Block16],
    messages: &[Chain<'_>],
    out: &mut [Block16],
) {
    debug_assert_eq!(keys.len(), messages.len());
    let (count, best) = (keys.len(), best());
    let des = if count < best.des_macs_least {
        few::des_macs
    } else {
        best.des_macs
    };
    let sm4 = if count < best.sm4_least {
        few::best().macs
    } else {
        best.sm4_macs
    };
    match algorithm {
        crate::Algorithm::Tdes => des(kind, keys, messages, out),
        crate::Algorithm::Sm4 => sm4(keys, messages, out),
    }
}

/// The constants of SM4's key schedule.
const SM4_FK: [u32; 4] = [0xA3B1_BAC6, 0x56AA_3350, 0x677D_9197, 0xB270_22DC];

/// Its other constants: byte `j` of word `i` is `7 (4i + j)`.
const SM4_CK: [u32; 32] = {
    let mut out = [0; 32];
    let (mut at, mut byte) = (0, 0u8);
    while at < 128 {
        out[at / 4] = (out[at / 4] << 8) | byte as u32;
        byte = byte.wrapping_add(7);
        at += 1;
    }
    out
};
