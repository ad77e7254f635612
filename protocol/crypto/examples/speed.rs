//! How fast the kernels are, beside RustCrypto's in the same run: `cargo xtask bench crypto`.
//!
//! Each line is the median of nine runs on one core, in nanoseconds for one operation: of processor
//! time where the system tells it (Linux), else of the clock. Ours and theirs take turns, so that
//! what else the machine does meanwhile falls on both.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

mod peers;

use std::hint::black_box;
use std::time::Instant;

use tongtu_crypto::{PublicKey, SecretKey, Signature, sm3};

/// How often each is measured; the middle one counts.
const RUNS: usize = 9;

/// One thing that is measured: what it is called, and how to do it `count` times.
struct Row<'a> {
    name: &'static str,
    count: u32,
    ours: Box<dyn FnMut() + 'a>,
    theirs: Option<Box<dyn FnMut() + 'a>>,
}

fn main() {
    let only: Vec<String> = std::env::args().skip(1).collect();
    println!(
        "{:<44} {:>12} {:>12} {:>8}",
        "ns for one", "ours", "RustCrypto", "ratio"
    );
    let scene = Scene::new();
    for mut row in rows(&scene) {
        if !only.is_empty() && !only.iter().any(|word| row.name.contains(word.as_str())) {
            continue;
        }
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for _ in 0..RUNS {
            ours.push(time(row.count, &mut row.ours));
            if let Some(peer) = &mut row.theirs {
                theirs.push(time(row.count, peer));
            }
        }
        let ours = median(&mut ours);
        match row.theirs {
            Some(_) => {
                let theirs = median(&mut theirs);
                let hundredths = theirs * 100 / ours.max(1);
                println!(
                    "{:<44} {ours:>12} {theirs:>12} {:>5}.{:02}",
                    row.name,
                    hundredths / 100,
                    hundredths % 100
                );
            }
            None => println!("{:<44} {ours:>12}", row.name),
        }
    }
}

fn time(count: u32, work: &mut dyn FnMut()) -> u128 {
    let (clock, processor) = (Instant::now(), processor_time());
    work();
    let spent = match (processor, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => clock.elapsed().as_nanos(),
    };
    spent / u128::from(count)
}

/// How many nanoseconds this thread has run on a processor.
fn processor_time() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

fn median(times: &mut [u128]) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Keys, messages and signatures that hold.
struct Scene {
    keys: Vec<SecretKey>,
    compressed: Vec<[u8; 33]>,
    messages: Vec<[u8; 64]>,
    digests: Vec<sm3::Digest>,
    signatures: Vec<Signature>,
    peers: Vec<peers::Key>,
}

/// How many operations a run has: a whole number of batches.
const COUNT: u32 = 512;

impl Scene {
    fn new() -> Self {
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
            messages,
            keys,
        }
    }
}

fn rows(scene: &Scene) -> Vec<Row<'_>> {
    let Scene {
        keys,
        compressed,
        messages,
        digests,
        signatures,
        peers,
    } = scene;
    vec![
        Row {
            name: "SM2 verify, key unknown, one call",
            count: COUNT,
            ours: Box::new(move || {
                for ((key, e), signature) in keys.iter().zip(digests).zip(signatures) {
                    assert!(key.public().verify_digest(e, signature).is_ok());
                }
            }),
            theirs: Some(Box::new(move || {
                for ((key, e), signature) in peers.iter().zip(digests).zip(signatures) {
                    assert!(key.verify(e, &signature.0));
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
