//! What a tap costs the terminal itself: the machine alone, fed with the answers that a real
//! card, a module and a store gave once: `cargo bench -p tongtu-terminal --bench tap`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that prints its result"
)]

#[path = "../tests/it/fixture.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod fixture;
#[path = "../tests/it/tap/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use more of it")]
mod tap;

const RUNS: usize = 5_000;

fn main() {
    for (what, replay) in tap::replay::replays() {
        let mut times: Vec<_> = (0..RUNS).map(|_| replay.taken()).collect();
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_nanos();
        println!("{what}: median {} ns, p99 {} ns", at(50), at(99));
    }
}
