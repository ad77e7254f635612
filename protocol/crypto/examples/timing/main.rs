//! Whether a secret shows in the time that its use takes: `cargo xtask test --only leaks`.
//!
//! Two classes of secrets, one always the same and one different each time, are used in an order of
//! chance, and Welch's t says whether the times of the two differ by more than chance (the test that is
//! known as dudect). What disturbs a machine makes single times long, so the longest are cut off at
//! several places. It may also move all times for a while, and make or hide a difference in a try; so a
//! leak is believed when three of five tries show it, all in the same direction.
//!
//! A leak of some sixty nanoseconds or more is planted: a run that does not find them is worth nothing.
//!
//! With `parts` it looks longer, and at one part of a signature after the other (`parts.rs`).
#![expect(clippy::print_stdout, reason = "what was found is what it is for")]
#![expect(clippy::float_arithmetic, reason = "statistics of times, no money")]

mod parts;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use tongtu_crypto::{Algorithm, BlockKey, SecretKey, TacClaim, TacScheme, check_tacs, sm3, trial};

/// How often each try measures, both classes together.
const MEASURES: usize = 8_000;
/// What t must exceed for a try to show a difference. Beyond 4.5 times are usually said to differ; on a
/// quiet machine a leak of one percent gives several dozen.
const SHOWN: f64 = 6.0;
/// What the means must be apart, in nanoseconds, for a difference to be believed. On one processor some
/// builds tell signatures of two fixed secrets apart by a few nanoseconds of 15,000, on another none does
/// (docs/proofs.md). It is printed, and does not fail a run; what is planted is at least twice as much.
const APART_NS: f64 = 25.0;
/// How many tries there are, and how many must show the same.
const TRIES: usize = 5;
const BELIEVED: usize = 3;

/// Secrets that are told apart by nothing but their content: each is copied to the same place.
struct Secrets {
    of_class: [Vec<[u8; 32]>; 2],
}

impl Secrets {
    /// One that stays against any.
    fn new(fixed: [u8; 32]) -> Self {
        Self {
            of_class: [vec![fixed; 512], any_secrets("timing")],
        }
    }

    fn get(&self, class: usize, number: usize) -> [u8; 32] {
        black_box(self.of_class[class][number % 512])
    }
}

/// So many secrets of chance, the same for the same name.
fn any_secrets(name: &str) -> Vec<[u8; 32]> {
    let mut chain = sm3::digest(name.as_bytes());
    let one = |_| {
        chain = sm3::digest(&chain);
        // Below the order whatever follows.
        chain[0] &= 0x7F;
        chain
    };
    (0..512).map(one).collect()
}

/// A secret's use: what of it is prepared unmeasured, then what is measured.
type Use<'a> = &'a mut dyn FnMut(&[u8; 32]) -> u64;

/// Time in the machine's own small steps.
fn timed<R>(action: impl FnOnce() -> R) -> u64 {
    let start = Instant::now();
    black_box(action());
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The class of each measure, by chance but the same in every run.
fn classes(seed: usize, measures: usize) -> Vec<usize> {
    let mut chain = sm3::digest(&seed.to_be_bytes());
    let mut out = Vec::with_capacity(measures);
    while out.len() < measures {
        chain = sm3::digest(&chain);
        out.extend(chain.iter().map(|byte| usize::from(byte & 1)));
    }
    out
}

/// t of the times below several cuts, the largest by its size, with its sign; and how far the means are
/// apart there, in nanoseconds.
fn largest_t(times: &[(usize, u64)]) -> (f64, f64) {
    let mut sorted: Vec<u64> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_unstable();
    let cuts = [30, 50, 70, 80, 90, 95].map(|percent| sorted[sorted.len() * percent / 100]);
    let of_cut = |cut: u64| {
        let of = |class: usize| {
            let kept = times
                .iter()
                .filter(|(of, time)| *of == class && *time <= cut);
            moments(kept.map(|(_, time)| *time))
        };
        let ((n0, mean0, var0), (n1, mean1, var1)) = (of(0), of(1));
        if n0 < 100.0 || n1 < 100.0 {
            return (0.0, 0.0);
        }
        // One step of the clock, where all times are equal.
        let spread = (var0 / n0 + var1 / n1).max(1e-6);
        ((mean0 - mean1) / spread.sqrt(), mean0 - mean1)
    };
    let larger = |a: (f64, f64), b: (f64, f64)| if b.0.abs() > a.0.abs() { b } else { a };
    cuts.map(of_cut).into_iter().fold((0.0, 0.0), larger)
}

/// How many, their mean and variance.
fn moments(times: impl Iterator<Item = u64>) -> (f64, f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for time in times {
        let time = f64::from(u32::try_from(time).unwrap_or(u32::MAX));
        count += 1.0;
        let off = time - mean;
        mean += off / count;
        squares += off * (time - mean);
    }
    (count, mean, squares / f64::max(count - 1.0, 1.0))
}

/// The [`largest_t`] of a try: so many measures, in an order that the seed says.
fn attempt(secrets: &Secrets, seed: usize, measures: usize, of: Use<'_>) -> (f64, f64) {
    let classes = classes(seed, measures).into_iter().enumerate();
    let times: Vec<(usize, u64)> = classes
        .map(|(number, class)| (class, of(&secrets.get(class, number))))
        .collect();
    // The first ones fill caches.
    largest_t(&times[measures / 20..])
}

/// Whether most tries show a difference, and the same; says the t of each.
fn leaks(name: &str, secrets: &Secrets, of: Use<'_>) -> bool {
    let mut ts: Vec<(f64, f64)> = Vec::new();
    let shown = |ts: &[(f64, f64)]| {
        let is_far = |(t, apart): &&(f64, f64)| t.abs() > SHOWN && apart.abs() > APART_NS;
        let above = ts.iter().filter(is_far).filter(|(t, _)| *t > 0.0).count();
        let below = ts.iter().filter(is_far).filter(|(t, _)| *t < 0.0).count();
        above.max(below)
    };
    // Until it is decided whatever the other tries will show.
    while shown(&ts) < BELIEVED && shown(&ts) + TRIES - ts.len() >= BELIEVED {
        ts.push(attempt(secrets, ts.len(), MEASURES, of));
    }
    let found = shown(&ts) >= BELIEVED;
    let ts: Vec<String> = ts
        .iter()
        .map(|(t, apart)| format!("{t:.1} ({apart:.0} ns)"))
        .collect();
    let verdict = if found { "DIFFERS" } else { "no difference" };
    println!("  {name:<44} {verdict:<14} t = {}", ts.join(", "));
    found
}

fn key_of(secret: &[u8; 32]) -> SecretKey {
    SecretKey::from_bytes(secret).expect("in range")
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("parts") {
        parts::show();
        return ExitCode::SUCCESS;
    }
    let mut low = [0; 32];
    low[31] = 3;
    // A secret with hardly a bit set, and one of chance that stays: neither may be told from others.
    let fixed = [
        ("few bits", low),
        ("fixed", sm3::digest(b"fixed").map(|byte| byte & 0x7F)),
    ];
    let mut good = true;
    println!("planted");
    let secrets = Secrets::new(low);
    let mut plant = |secret: &[u8; 32]| {
        let key = key_of(secret);
        timed(|| {
            let signature = key.sign(b"message");
            let zero = |byte: &&u8| black_box(**byte) == 0;
            let zeros = secret.iter().take_while(zero).count();
            // Some twelve cycles for each zero byte, on top of a signature: on the fastest processor well
            // above what is believed.
            (0..zeros * 12).for_each(|step| {
                black_box(step);
            });
            signature
        })
    };
    // Where the machine is so disturbed that most tries miss it, there is another round.
    let name = "a look that ends at the first byte not zero";
    good &= (0..4).any(|_| leaks(name, &secrets, &mut plant));
    for (class, low) in fixed {
        let secrets = Secrets::new(low);
        trial::at_each_level(|level| {
            println!("{class} against any, {level}");
            for (name, of) in USES {
                let mut of = of;
                good &= !leaks(name, &secrets, &mut of);
            }
        });
    }
    println!(
        "{}",
        if good {
            "no difference but the planted"
        } else {
            "A DIFFERENCE, or the planted one unseen"
        }
    );
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is measured of a secret, and the time it took.
type Measured = (&'static str, fn(&[u8; 32]) -> u64);

const USES: [Measured; 5] = [
    ("SM2: a private key read", |secret| timed(|| key_of(secret))),
    ("SM2: one signature", |secret| {
        let key = key_of(secret);
        timed(|| key.sign(b"message"))
    }),
    ("SM2: sixteen signatures in a batch", |secret| {
        let key = key_of(secret);
        timed(|| key.sign_batch(&[&b"message"[..]; 16]))
    }),
    ("HMAC-SM3", |secret| timed(|| sm3::hmac(secret, b"message"))),
    ("64 TACs of SM4 under a secret master", |secret| {
        let master = BlockKey::new(Algorithm::Sm4, secret[16..].try_into().expect("half"));
        let claim = TacClaim {
            master: &master,
            factors: &[[1; 8]],
            scheme: TacScheme::Tac,
            message: b"message",
            proof: &[0; 4],
        };
        let claims = [claim; 64];
        timed(|| check_tacs(&claims))
    }),
];
