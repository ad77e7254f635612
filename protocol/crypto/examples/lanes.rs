//! How fast many digests and proofs of cards at once are, beside RustCrypto's one by one in the same
//! run: `cargo run --release -p tongtu-crypto --example lanes`.
//!
//! Each line is the median of nine runs on one core, in nanoseconds for one operation: of processor
//! time where the system tells it (Linux), else of the clock. Ours and theirs take turns, so that
//! what else the machine does meanwhile falls on both.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

use std::hint::black_box;
use std::time::Instant;

use tongtu_crypto::mac::{SessionKey, eight_bytes};
use tongtu_crypto::{Algorithm, BlockKey, TacClaim, TacScheme, check_tacs, diversify, sm3};

/// How often each is measured; the middle one counts.
const RUNS: usize = 9;

/// How many operations a run has.
const COUNT: usize = 8192;

/// One thing that is measured: what it is called, and how to do it [`COUNT`] times.
struct Row<'a> {
    name: &'static str,
    ours: Box<dyn FnMut() + 'a>,
    theirs: Box<dyn FnMut() + 'a>,
}

fn main() {
    let head = ["ns for one", "ours", "RustCrypto", "ratio"];
    println!(
        "{:<44} {:>12} {:>12} {:>8}",
        head[0], head[1], head[2], head[3]
    );
    let scene = Scene::new();
    for mut row in rows(&scene) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(time(&mut row.ours));
            theirs.push(time(&mut row.theirs));
        }
        let (ours, theirs) = (median(&mut ours), median(&mut theirs));
        let hundredths = theirs * 100 / ours.max(1);
        let (whole, part) = (hundredths / 100, hundredths % 100);
        println!(
            "{:<44} {ours:>12} {theirs:>12} {whole:>5}.{part:02}",
            row.name
        );
    }
}

/// Nanoseconds for one operation. Processor time comes in ticks, so the work is repeated until it
/// has taken many.
fn time(work: &mut dyn FnMut()) -> u128 {
    const ENOUGH: u128 = 150_000_000;
    let (clock, processor) = (Instant::now(), processor_time());
    let mut done = 0;
    loop {
        work();
        done += u128::try_from(COUNT).expect("a small number");
        let spent = match (processor, processor_time()) {
            (Some(before), Some(after)) => after - before,
            _ => clock.elapsed().as_nanos(),
        };
        if spent >= ENOUGH {
            return spent / done;
        }
    }
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

/// Keys, factors and messages, all different.
struct Scene {
    masters: [BlockKey; 2],
    keys: Vec<[BlockKey; 2]>,
    factors: Vec<[[u8; 8]; 2]>,
    messages: Vec<[u8; 364]>,
}

impl Scene {
    fn new() -> Self {
        let seed = |number: usize| sm3::digest(&number.to_be_bytes());
        let sets = [Algorithm::Tdes, Algorithm::Sm4];
        let keys = |number: usize| {
            let seed = seed(number);
            sets.map(|set| BlockKey::new(set, *seed.first_chunk().expect("32 bytes")))
        };
        Self {
            masters: keys(COUNT),
            keys: (0..COUNT).map(keys).collect(),
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
            ours: Box::new(move || drop(black_box(check_tacs(&claims)))),
            theirs: Box::new(move || {
                for (factors, message) in lanes() {
                    let key = diversify::levels(master, factors);
                    black_box(SessionKey::for_tac(&key).mac(&message[..len]));
                }
            }),
        }
    }

    /// MACs with a key each that was never used before: what a cryptogram costs.
    fn macs(&self, set: usize, len: usize, name: &'static str) -> Row<'_> {
        let lanes = move || {
            self.keys
                .iter()
                .map(move |keys| &keys[set])
                .zip(&self.messages)
        };
        let block = [0x11; 16];
        let claims: Vec<TacClaim<'_>> = lanes()
            .map(|(master, message)| TacClaim {
                master,
                factors: &[],
                scheme: TacScheme::Cryptogram { block },
                message: &message[..len],
                proof: &[0; 8],
            })
            .collect();
        Row {
            name,
            ours: Box::new(move || drop(black_box(check_tacs(&claims)))),
            theirs: Box::new(move || {
                for (key, message) in lanes() {
                    let mut session = block;
                    key.encrypt_blocks(&mut session).expect("whole blocks");
                    let session = BlockKey::new(key.algorithm(), session);
                    black_box(eight_bytes(&session, &[0; 8], &message[..len]));
                }
            }),
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
            ours: Box::new(move || drop(black_box(sm3::digest_each(&messages)))),
            theirs: Box::new(move || {
                for message in &again {
                    black_box(sm3::digest(message));
                }
            }),
        }
    }
}

fn rows(scene: &Scene) -> Vec<Row<'_>> {
    vec![
        scene.digests(364, "SM3, 364 bytes"),
        scene.digests(64, "SM3, 64 bytes"),
        scene.chain(1, 47, "TAC, SM4, 2 levels and 47 bytes (3 blocks)"),
        scene.chain(1, 48, "TAC, SM4, 2 levels and 48 bytes (4 blocks)"),
        scene.chain(1, 22, "TAC, SM4, 2 levels and 22 bytes"),
        scene.chain(0, 48, "TAC, 3DES, 2 levels and 48 bytes"),
        scene.macs(0, 47, "cryptogram, 3DES, key of its own, 47 bytes"),
        scene.macs(1, 47, "cryptogram, SM4, key of its own, 47 bytes"),
    ]
}
