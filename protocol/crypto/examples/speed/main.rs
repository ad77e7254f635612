//! How fast the kernels are, beside RustCrypto's in the same run: `cargo xtask bench crypto`.
//!
//! Each line is the median of nine runs on one core, in nanoseconds for one operation: of processor
//! time where the system tells it (Linux), else of the clock. Ours and theirs take turns, so that
//! what else the machine does meanwhile falls on both.
#![expect(clippy::print_stdout, reason = "figures are what it is for")]

mod lanes;
mod peers;
mod sm2;

use std::time::{Duration, Instant};

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
    let (signatures, proofs) = (sm2::Scene::new(), lanes::Scene::new());
    let rows = sm2::rows(&signatures).into_iter();
    for mut row in rows.chain(lanes::rows(&proofs)) {
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

/// Nanoseconds for one of the `count` operations that `work` does, repeated until it takes a while:
/// the system tells processor time by its ticks only.
fn time(count: u32, work: &mut dyn FnMut()) -> u128 {
    const LONG: Duration = Duration::from_millis(200);
    let (clock, processor) = (Instant::now(), processor_time());
    let mut times = 0;
    while clock.elapsed() < LONG || times == 0 {
        work();
        times += 1;
    }
    let spent = match (processor, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => clock.elapsed().as_nanos(),
    };
    spent / (u128::from(count) * times)
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
