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

use std::hint::black_box;
use std::time::{Duration, Instant};

use tap::fixture::{Post, Rider, T0, bus, gate, profile};
use tongtu_crypto::Algorithm;
use tongtu_psam::Psam as _;
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{Answer, Ask, CardLink as _, Tap, Task, Way};

const RUNS: usize = 5_000;

fn main() {
    for (what, post) in [
        ("single ride", bus()),
        ("rail entry", gate("0101", Way::Entry)),
    ] {
        let post = Post::new(1, post);
        let answers = answers(&post);
        let mut times: Vec<_> = (0..RUNS).map(|_| timed(&post, &answers)).collect();
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_nanos();
        println!("{what}: median {} ns, p99 {} ns", at(50), at(99));
    }
}

/// What the world answers in one whole tap.
fn answers(post: &Post) -> Vec<Answer> {
    let mut post = post.clone();
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 3_000);
    rider.present();
    let mut tap = Tap::begin(post.circumstances(T0, Task::Ride));
    let mut answers = vec![Answer::Begin];
    loop {
        let answer = answers.last().unwrap().clone();
        let (next, ask) = tap.handle(&mut post.terminal, answer);
        tap = next;
        answers.push(match ask {
            Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
            Ask::Psam(request) => Answer::Psam(post.psam.ask(&request)),
            Ask::KeepIntent { id, intent } => Answer::Kept(post.store.keep_intent(id, &intent)),
            Ask::DropIntent { id } => Answer::Kept(post.store.drop_intent(id)),
            Ask::Append { record, closes } => {
                Answer::Appended(post.store.append_closing(&record, closes.unwrap()))
            }
            Ask::Done(end) => {
                assert!(end.outcome.ride().is_some());
                return answers;
            }
        });
    }
}

fn timed(post: &Post, answers: &[Answer]) -> Duration {
    let mut terminal = post.terminal.clone();
    let answers = answers.to_vec();
    let begun = Instant::now();
    let mut tap = Tap::begin(post.circumstances(T0, Task::Ride));
    for answer in answers {
        let (next, ask) = tap.handle(&mut terminal, answer);
        tap = next;
        black_box(ask);
    }
    begun.elapsed()
}
