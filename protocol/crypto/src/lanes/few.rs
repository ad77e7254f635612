//! Few blocks: SM4 under one key or under some, where the lanes of [`super::Kernels`] would be empty for
//! the most part, and DES one by one.

use super::eight::Eight;
use super::sm4_words::{self, OneSchedule};
use super::{Block16, Chain, DesMac, Wiped};
use crate::chain::Way;
use crate::single_des::{SingleDes, TripleDes, folded};
use crate::tdes::TdesKey;

/// What there is for one kind of processor.
pub(crate) struct FewKernels {
    /// What the processor must have.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests say which kernel failed"))]
    pub(super) name: &'static str,
    /// The keys of all rounds.
    pub(super) expand: fn(&Block16, &mut OneSchedule),
    /// Every block under them.
    pub(super) encipher: fn(&OneSchedule, &mut [Block16]),
    /// A block under each key.
    pub(super) each: fn(&[Block16], &mut [Block16]),
    /// The CBC-MAC of each message under its key.
    pub(super) macs: fn(&[Block16], &[Chain<'_>], &mut [Block16]),
}

/// What needs nothing of a processor.
pub(super) static PORTABLE: FewKernels = FewKernels {
    name: "portable",
    expand: |key, out| sm4_words::expand::<Eight>(key, out),
    encipher: |keys, blocks| sm4_words::encipher_by::<Eight, 1>(keys, blocks),
    each: |keys, blocks| sm4_words::encipher_each::<Eight, 1>(keys, blocks),
    macs: |keys, messages, out| sm4_words::mac_each::<Eight, 1>(keys, messages, out),
};

/// The best that this processor has.
pub(super) fn best() -> &'static FewKernels {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Some(kernels) = super::four::ways().last() {
        return kernels;
    }
    #[cfg(all(feature = "std", target_arch = "aarch64", target_endian = "little"))]
    if let Some(kernels) = super::neon::few() {
        return kernels;
    }
    &PORTABLE
}

/// Two-key triple DES of two blocks under each key.
pub(super) fn tdes_each(keys: &[Block16], blocks: &mut [Block16]) {
    for (key, blocks) in keys.iter().zip(blocks) {
        let cipher = TripleDes::new(key);
        for block in blocks.as_chunks_mut().0 {
            cipher.block(Way::Encrypt, block);
        }
    }
}

/// The MAC of each message under its key, in the first eight bytes of its place.
pub(super) fn des_macs(
    kind: DesMac,
    keys: &[Block16],
    messages: &[Chain<'_>],
    out: &mut [Block16],
) {
    for ((key, message), out) in keys.iter().zip(messages).zip(out) {
        let state = match kind {
            DesMac::Folded => SingleDes::new(&folded(key)).chained(&[0; 8], message.0),
            DesMac::Retail => TdesKey::new(*key).retail_mac(&[0; 8], message.0),
        };
        out[..8].copy_from_slice(&state);
    }
}

/// A key of SM4 with the keys of its rounds, overwritten when it goes.
pub(crate) struct Sm4 {
    keys: OneSchedule,
    kernels: &'static FewKernels,
}

impl Sm4 {
    pub(crate) fn new(key: &Block16) -> Self {
        Self::by(best(), key)
    }

    pub(super) fn by(kernels: &'static FewKernels, key: &Block16) -> Self {
        let mut keys = Wiped::blank();
        (kernels.expand)(key, &mut keys);
        Self { keys, kernels }
    }

    /// Enciphers or deciphers one block.
    pub(crate) fn block(&self, way: Way, block: &mut Block16) {
        self.run(way, core::slice::from_mut(block));
    }

    /// Enciphers or deciphers each block for itself.
    pub(crate) fn run(&self, way: Way, blocks: &mut [Block16]) {
        match way {
            Way::Encrypt => (self.kernels.encipher)(&self.keys, blocks),
            Way::Decrypt => {
                // The same with the rounds' keys the other way round.
                let mut keys = self.keys.clone();
                keys.reverse();
                (self.kernels.encipher)(&keys, blocks);
            }
        }
    }
}
