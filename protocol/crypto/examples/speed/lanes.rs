//! Many digests and proofs of cards at once, beside one by one.

use std::hint::black_box;

use tongtu_crypto::mac::SessionKey;
use tongtu_crypto::{
    Algorithm, BlockKey, TacClaim, TacScheme, WideCipher, WideKey, check_tacs, diversify, sm3,
};

use crate::{Row, peers};

/// How many operations a run has.
const COUNT: u32 = 8192;

/// How many digests one after the other.
const DIGESTS: usize = 256;

/// The sets of algorithms, in the order in which rows name them.
const SETS: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

/// Keys, factors and messages, all different.
pub(super) struct Scene {
    master: [u8; 16],
    masters: [BlockKey; 2],
    keys: Vec<[u8; 16]>,
    factors: Vec<[[u8; 8]; 2]>,
    messages: Vec<[u8; 364]>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let seed = |number: u32| sm3::digest(&number.to_be_bytes());
        let key = |number: u32| *seed(number).first_chunk().expect("32 bytes");
        Self {
            master: key(COUNT),
            masters: SETS.map(|set| BlockKey::new(set, key(COUNT))),
            keys: (0..COUNT).map(key).collect(),
            factors: (0..COUNT)
                .map(|number| {
                    let seed = seed(number);
                    [0, 8].map(|at| *seed[at..].first_chunk().expect("32 bytes"))
                })
                .collect(),
            messages: (0..COUNT)
                .map(|number| {
                    let mut out = [0x5A; 364];
                    out[..32].copy_from_slice(&seed(number));
                    out
                })
                .collect(),
        }
    }

    /// TACs of cards two levels below one master, over `len` bytes.
    fn chain(&self, set: usize, len: usize, name: &'static str) -> Row<'_> {
        let master = &self.masters[set];
        let lanes = || self.factors.iter().zip(&self.messages);
        let claims: Vec<TacClaim<'_>> = lanes()
            .map(|(factors, message)| TacClaim {
                master,
                factors,
                scheme: TacScheme::Tac,
                message: &message[..len],
                proof: &[0; 4],
            })
            .collect();
        Row {
            name,
            count: COUNT,
            ours: Box::new(move || drop(black_box(check_tacs(&claims)))),
            theirs: Some(Box::new(move || {
                for (factors, message) in lanes() {
                    let key = peers::below(SETS[set], &self.master, factors);
                    black_box(peers::mac(SETS[set], &key, &message[..len], false));
                }
            })),
        }
    }

    /// One of them after the other.
    fn chain_alone(&self, set: usize, len: usize, name: &'static str) -> Row<'_> {
        let lanes = || self.factors.iter().zip(&self.messages);
        Row {
            ours: Box::new(move || {
                for (factors, message) in lanes() {
                    let key = diversify::levels(&self.masters[set], factors);
                    black_box(SessionKey::for_tac(&key).mac(&message[..len]));
                }
            }),
            ..self.chain(set, len, name)
        }
    }

    /// MACs with a key each that was never used before: what a cryptogram costs.
    fn macs(&self, set: usize, len: usize, name: &'static str) -> Row<'_> {
        let block = [0x11; 16];
        let masters: Vec<BlockKey> = self
            .keys
            .iter()
            .map(|key| BlockKey::new(SETS[set], *key))
            .collect();
        Row {
            name,
            count: COUNT,
            ours: Box::new(move || {
                let claims: Vec<TacClaim<'_>> = masters
                    .iter()
                    .zip(&self.messages)
                    .map(|(master, message)| TacClaim {
                        master,
                        factors: &[],
                        scheme: TacScheme::Cryptogram { block },
                        message: &message[..len],
                        proof: &[0; 8],
                    })
                    .collect();
                drop(black_box(check_tacs(&claims)));
            }),
            theirs: Some(Box::new(move || {
                for (key, message) in self.keys.iter().zip(&self.messages) {
                    let session = peers::encipher(SETS[set], key, &block);
                    black_box(peers::mac(SETS[set], &session, &message[..len], true));
                }
            })),
        }
    }

    /// A block under a key that was never used before.
    fn blocks(&self, set: usize, name: &'static str) -> Row<'_> {
        let block = [0x11; 16];
        Row {
            name,
            count: COUNT,
            ours: Box::new(move || {
                for key in &self.keys {
                    let (key, mut out) = (BlockKey::new(SETS[set], *key), block);
                    key.encrypt_blocks(&mut out).expect("whole blocks");
                    black_box(out);
                }
            }),
            theirs: Some(Box::new(move || {
                for key in &self.keys {
                    black_box(peers::encipher(SETS[set], key, &block));
                }
            })),
        }
    }

    /// A text under SM4's stream, as a record at rest is.
    fn streams(&self, name: &'static str) -> Row<'_> {
        let first = [0x11; 16];
        let key = WideKey::new(WideCipher::Sm4, &self.master).expect("sixteen bytes");
        Row {
            name,
            count: COUNT,
            ours: Box::new(move || {
                for message in &self.messages {
                    let mut text = *message;
                    key.apply_ctr(&first, &mut text);
                    black_box(text);
                }
            }),
            theirs: Some(Box::new(move || {
                for message in &self.messages {
                    let mut text = *message;
                    peers::stream(&self.master, &first, &mut text);
                    black_box(text);
                }
            })),
        }
    }

    fn digests(&self, len: usize, name: &'static str) -> Row<'_> {
        let messages: Vec<&[u8]> = self
            .messages
            .iter()
            .map(|message| &message[..len])
            .collect();
        let again = messages.clone();
        Row {
            name,
            count: COUNT,
            ours: Box::new(move || drop(black_box(sm3::digest_each(&messages)))),
            theirs: Some(Box::new(move || {
                for message in &again {
                    black_box(peers::digest(message));
                }
            })),
        }
    }

    /// One digest after the other.
    fn single(&self, len: usize, name: &'static str) -> Row<'_> {
        let bytes = self.messages.as_flattened();
        let starts = move || {
            (0..DIGESTS)
                .map(move |at| at * 364)
                .map(move |at| &bytes[at..][..len])
        };
        Row {
            name,
            count: u32::try_from(DIGESTS).expect("a few hundred"),
            ours: Box::new(move || {
                for message in starts() {
                    black_box(sm3::digest(message));
                }
            }),
            theirs: Some(Box::new(move || {
                for message in starts() {
                    black_box(peers::digest(message));
                }
            })),
        }
    }
}

pub(super) fn rows(scene: &Scene) -> Vec<Row<'_>> {
    vec![
        scene.digests(364, "SM3, 364 bytes"),
        scene.digests(64, "SM3, 64 bytes"),
        scene.single(32, "SM3, 32 bytes, one call"),
        scene.single(64, "SM3, 64 bytes, one call"),
        scene.single(256, "SM3, 256 bytes, one call"),
        scene.single(4096, "SM3, 4096 bytes, one call"),
        scene.chain(1, 47, "TAC, SM4, 2 levels and 47 bytes (3 blocks)"),
        scene.chain(1, 48, "TAC, SM4, 2 levels and 48 bytes (4 blocks)"),
        scene.chain(1, 22, "TAC, SM4, 2 levels and 22 bytes"),
        scene.chain(0, 48, "TAC, 3DES, 2 levels and 48 bytes"),
        scene.macs(0, 47, "cryptogram, 3DES, key of its own, 47 bytes"),
        scene.macs(1, 47, "cryptogram, SM4, key of its own, 47 bytes"),
        scene.chain_alone(1, 48, "TAC, SM4, 2 levels and 48 bytes, one call"),
        scene.chain_alone(0, 48, "TAC, 3DES, 2 levels and 48 bytes, one call"),
        scene.blocks(1, "SM4, a new key and a block, one call"),
        scene.blocks(0, "3DES, a new key and two blocks, one call"),
        scene.streams("SM4, stream of 364 bytes, one call"),
    ]
}
