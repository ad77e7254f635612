//! Signatures, one by one and in batches.

use std::hint::black_box;

use tongtu_crypto::batch::{KeyShelf, Signed, read_keys, verify_batch};
use tongtu_crypto::{PublicKey, SecretKey, Signature, sm3};

use crate::{Row, peers};

/// Keys, messages and signatures that hold.
pub(super) struct Scene {
    keys: Vec<SecretKey>,
    compressed: Vec<[u8; 33]>,
    messages: Vec<[u8; 64]>,
    digests: Vec<sm3::Digest>,
    signatures: Vec<Signature>,
    peers: Vec<peers::Key>,
    /// Digests and signatures under the first key.
    issued: Vec<(sm3::Digest, Signature)>,
}

/// How many operations a run has: a whole number of batches.
const COUNT: u32 = 512;

impl Scene {
    pub(super) fn new() -> Self {
        let keys: Vec<SecretKey> = (0..COUNT)
            .map(|number| {
                let bytes = sm3::digest(&number.to_be_bytes());
                SecretKey::from_bytes(&bytes).expect("a digest below the order")
            })
            .collect();
        let messages: Vec<[u8; 64]> = (0..COUNT)
            .map(|number| {
                let mut out = [0; 64];
                out[..4].copy_from_slice(&number.to_be_bytes());
                out
            })
            .collect();
        let signed = || keys.iter().zip(&messages);
        Self {
            compressed: keys
                .iter()
                .map(|key| key.public().to_compressed())
                .collect(),
            digests: signed()
                .map(|(key, message)| sm3::digest_parts(&[key.public().z(), message]))
                .collect(),
            signatures: signed().map(|(key, message)| key.sign(message)).collect(),
            peers: keys
                .iter()
                .map(|key| peers::Key::of(&key.danger_to_bytes()))
                .collect(),
            issued: messages
                .iter()
                .map(|message| {
                    let e = sm3::digest_parts(&[keys[0].public().z(), message]);
                    (e, keys[0].sign(message))
                })
                .collect(),
            messages,
            keys,
        }
    }
}

fn verify_all(scene: &Scene) {
    let signed = scene
        .peers
        .iter()
        .zip(&scene.digests)
        .zip(&scene.signatures);
    for ((key, e), signature) in signed {
        assert!(key.verify(e, &signature.0));
    }
}

pub(super) fn rows(scene: &Scene) -> Vec<Row<'_>> {
    let Scene {
        keys,
        compressed,
        messages,
        digests,
        signatures,
        peers,
        issued,
    } = scene;
    let mut shelf = KeyShelf::new(4);
    vec![
        Row {
            name: "SM2 verify, key unknown, one call",
            count: COUNT,
            ours: Box::new(move || {
                for ((key, e), signature) in keys.iter().zip(digests).zip(signatures) {
                    assert!(key.public().verify_digest(e, signature).is_ok());
                }
            }),
            theirs: Some(Box::new(|| verify_all(scene))),
        },
        Row {
            name: "SM2 verify, keys unknown, batch",
            count: COUNT,
            ours: Box::new(move || {
                let batch: Vec<Signed<'_>> = keys
                    .iter()
                    .zip(digests.iter().zip(signatures))
                    .map(|(key, (e, signature))| Signed::over_digest(key.public(), *e, *signature))
                    .collect();
                assert!(verify_batch(&batch).iter().all(Result::is_ok));
            }),
            theirs: Some(Box::new(|| verify_all(scene))),
        },
        Row {
            name: "SM2 verify, recurring key, batch",
            count: COUNT,
            ours: Box::new(move || {
                let batch: Vec<Signed<'_>> = issued
                    .iter()
                    .map(|(e, signature)| Signed::over_digest(keys[0].public(), *e, *signature))
                    .collect();
                assert!(shelf.verify(&batch).iter().all(Result::is_ok));
            }),
            theirs: Some(Box::new(|| verify_all(scene))),
        },
        Row {
            name: "SM2 decompress, with Z, batch",
            count: COUNT,
            ours: Box::new(move || assert!(read_keys(compressed).iter().all(Result::is_ok))),
            theirs: Some(Box::new(move || {
                for key in compressed {
                    black_box(peers::decompress(key));
                }
            })),
        },
        Row {
            name: "SM2 decompress, with Z, one call",
            count: COUNT,
            ours: Box::new(move || {
                for key in compressed {
                    black_box(PublicKey::from_compressed(key).is_ok());
                }
            }),
            theirs: Some(Box::new(move || {
                for key in compressed {
                    black_box(peers::decompress(key));
                }
            })),
        },
        Row {
            name: "SM2 sign, one key, batch",
            count: COUNT,
            ours: Box::new(move || {
                let messages: Vec<&[u8]> = messages.iter().map(|message| &message[..]).collect();
                black_box(keys[0].sign_batch(&messages));
            }),
            theirs: Some(Box::new(move || {
                for (key, e) in peers.iter().zip(digests) {
                    black_box(key.sign(e));
                }
            })),
        },
        Row {
            name: "SM2 sign, one call",
            count: COUNT,
            ours: Box::new(move || {
                for (key, message) in keys.iter().zip(messages) {
                    black_box(key.sign(message));
                }
            }),
            theirs: Some(Box::new(move || {
                for (key, e) in peers.iter().zip(digests) {
                    black_box(key.sign(e));
                }
            })),
        },
    ]
}
