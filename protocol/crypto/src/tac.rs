//! Checking proofs of cards by the thousand: TACs of the e-purse, cryptograms of the e-cash.
//!
//! A proof takes a key diversified down to the card and a MAC under it, so nothing is shared
//! between two cards but the master. What is shared is the work: every claim of a batch is a lane of
//! the kernels in `lanes`, with its own key.

use alloc::vec::Vec;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::lanes::{self, Block16, Chain, DesMac};
use crate::symmetric::{Algorithm, BlockKey};
use crate::trial;

/// How a card makes a proof with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TacScheme {
    /// Four bytes as [`crate::mac::SessionKey::for_tac`] makes them: a TAC.
    Tac,
    /// Eight bytes of [`crate::mac::eight_bytes`] from a zero IV, under this block enciphered: an
    /// application cryptogram, whose session key comes of the card's counter.
    Cryptogram {
        /// The counter and its complement.
        block: [u8; 16],
    },
}

/// What a card is said to have proved.
#[derive(Debug, Clone, Copy)]
pub struct TacClaim<'a> {
    /// The key at the top, with its algorithm.
    pub master: &'a BlockKey,
    /// From there down to the card (分散因子), as [`crate::diversify::levels`] takes them.
    pub factors: &'a [[u8; 8]],
    /// How the proof was made.
    pub scheme: TacScheme,
    /// What it was made over.
    pub message: &'a [u8],
    /// The proof: four bytes of a TAC, eight of a cryptogram.
    pub proof: &'a [u8],
}

/// What came of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TacVerdict {
    /// The card's key made it.
    Holds,
    /// It did not, or the proof has another length.
    Wrong,
}

/// Claims that go together. Memory in use follows from this, not from how many claims there are.
const TOGETHER: usize = 512;

impl TacClaim<'_> {
    /// What must be the same in claims that go together, and then what should be alike.
    fn kind(&self) -> (Algorithm, bool, usize, usize) {
        let algorithm = self.master.algorithm();
        let is_tac = self.scheme == TacScheme::Tac;
        let blocks = self.message.len() / algorithm.block_len();
        (algorithm, is_tac, self.factors.len(), blocks)
    }
}

/// Checks each claim, and answers in their order.
///
/// The time tells how many claims there are of which algorithm, scheme, levels and length, and
/// nothing of keys, messages and proofs. Beside the verdicts it takes a number for each claim and
/// 60 KiB; keys of cards are overwritten before it returns.
#[must_use]
pub fn check_tacs(claims: &[TacClaim<'_>]) -> Vec<TacVerdict> {
    let mut verdicts = Vec::new();
    verdicts.resize(claims.len(), TacVerdict::Wrong);
    let mut order: Vec<usize> = (0..claims.len()).collect();
    order.sort_by_key(|at| claims[*at].kind());
    let alike = |a: &usize, b: &usize| {
        let ((a, a_tac, a_levels, _), (b, b_tac, b_levels, _)) =
            (claims[*a].kind(), claims[*b].kind());
        (a, a_tac, a_levels) == (b, b_tac, b_levels)
    };
    let mut room = Room::new(claims.len().min(TOGETHER));
    for group in order.chunk_by(alike) {
        for together in group.chunks(TOGETHER) {
            let of_lane = |lane: usize| &claims[together[lane]];
            let macs = room.macs(of_lane, together.len());
            for (at, mac) in together.iter().zip(macs) {
                let claim = &claims[*at];
                let is_same = match claim.scheme {
                    TacScheme::Tac => starts_with::<4>(mac, claim.proof),
                    TacScheme::Cryptogram { .. } => starts_with::<8>(mac, claim.proof),
                };
                if trial::told(is_same) {
                    verdicts[*at] = TacVerdict::Holds;
                }
            }
            lanes::wipe_stack();
        }
    }
    verdicts
}

/// Whether a MAC's first `N` bytes, up to eight, are the proof, in a time that tells nothing; as one
/// number, because bytes one by one would take longer than a block of the MAC.
fn starts_with<const N: usize>(mac: &Block16, proof: &[u8]) -> bool {
    let Ok(proof) = <&[u8; N]>::try_from(proof) else {
        return false;
    };
    let number = |bytes: &[u8]| {
        let mut out = [0; 8];
        out[..N].copy_from_slice(&bytes[..N]);
        u64::from_ne_bytes(out)
    };
    number(mac).ct_eq(&number(proof)).into()
}

/// Room for the keys of claims that go together, and for what becomes of them.
struct Room {
    keys: Zeroizing<Vec<Block16>>,
    data: Zeroizing<Vec<Block16>>,
    macs: Zeroizing<Vec<Block16>>,
}

impl Room {
    fn new(lanes: usize) -> Self {
        let room = || Zeroizing::new(alloc::vec![[0; 16]; lanes]);
        Self {
            keys: room(),
            data: room(),
            macs: room(),
        }
    }

    /// The MAC that each of these claims should have; they are alike in all but key and content.
    fn macs<'a, 'c: 'a>(
        &mut self,
        claim: impl Fn(usize) -> &'a TacClaim<'c>,
        count: usize,
    ) -> &[Block16] {
        let algorithm = claim(0).master.algorithm();
        let levels = claim(0).factors.len();
        let mut keys = &mut self.keys[..count];
        let mut data = &mut self.data[..count];
        for (lane, key) in keys.iter_mut().enumerate() {
            *key = *claim(lane).master.bytes();
        }
        for level in 0..levels {
            for (lane, block) in data.iter_mut().enumerate() {
                let factor = u64::from_be_bytes(claim(lane).factors[level]);
                block[..8].copy_from_slice(&factor.to_be_bytes());
                block[8..].copy_from_slice(&(!factor).to_be_bytes());
            }
            lanes::encipher_each(algorithm, keys, data);
            core::mem::swap(&mut keys, &mut data);
        }
        let mut kind = DesMac::Folded;
        if matches!(claim(0).scheme, TacScheme::Cryptogram { .. }) {
            kind = DesMac::Retail;
            for (lane, place) in data.iter_mut().enumerate() {
                if let TacScheme::Cryptogram { block } = claim(lane).scheme {
                    *place = block;
                }
            }
            lanes::encipher_each(algorithm, keys, data);
            core::mem::swap(&mut keys, &mut data);
        }
        let messages: Vec<Chain<'_>> = (0..count).map(|lane| Chain(claim(lane).message)).collect();
        let macs = &mut self.macs[..count];
        lanes::mac_each(algorithm, kind, keys, &messages, macs);
        macs
    }
}
