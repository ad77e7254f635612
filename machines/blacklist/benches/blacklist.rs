//! What five million listed cards cost: `cargo bench -p tongtu-blacklist`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that prints its result"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use tongtu_blacklist::{Blacklist, Change, Issue, ListedNumber, Loader, MARKS_MAX, Span, file};
use tongtu_crypto::{SecretKey, sm3};
use tongtu_types::{InstitutionCode, Timestamp};

const LOOKUPS: usize = 1_000_000;
const DELTA: usize = 50_000;

fn main() {
    // As wide apart as 20 digits allow, and as one issuer's cards lie: one card in 40.
    report(
        "scattered over all 20 digits",
        10u128.pow(20) / 5_000_000,
        0,
    );
    report("one issuer's, 1 card in 40", 40, 3_104_581_000_000_000_000);
}

fn report(what: &str, step: u128, begin: u128) {
    println!("{MARKS_MAX} numbers, {what}");
    let mut seed = 7;
    let numbers: Vec<u128> = (0..u128::try_from(MARKS_MAX).unwrap())
        .map(|at| begin + at * step + u128::from(random(&mut seed)) % step)
        .collect();
    let all = || numbers.iter().map(|n| Span::single(number(*n)));
    let key = SecretKey::from_bytes(&sm3::digest(b"list")).unwrap();
    let acquirer = InstitutionCode::parse("11345810").unwrap();
    let issued_at = Timestamp::new(1_767_254_400);
    let issue = |version| Issue {
        acquirer,
        version,
        issued_at,
    };
    let load = |held: &Blacklist, bytes: &[u8]| {
        let mut loader = Loader::new(key.public().clone(), acquirer, held);
        for piece in bytes.chunks(1 << 16) {
            loader.feed(piece).unwrap();
        }
        loader.finish().unwrap()
    };

    let before = resident();
    let (list, took) = timed(|| Blacklist::from_spans(1, issued_at, all()).unwrap());
    let grown = resident().saturating_sub(before);
    println!(
        "  built in {} ms; {} KiB counted, {grown} KiB more resident",
        took.as_millis(),
        list.memory_bytes() >> 10,
    );
    lookups("  packed", &list, &numbers, &mut seed);

    let bytes = file::full(issue(1), all(), &key).unwrap();
    let (full, took) = timed(|| load(&Blacklist::default(), &bytes));
    println!(
        "  full file of {} KiB checked and built in {} ms",
        bytes.len() >> 10,
        took.as_millis(),
    );
    drop((bytes, list));

    let changes = numbers.iter().step_by(MARKS_MAX / DELTA).enumerate();
    let changes: Vec<Change> = changes
        .map(|(at, n)| match at % 2 {
            0 => Change::Removed(Span::single(number(*n))),
            _ => Change::Listed(Span::single(number(free(*n, &numbers)))),
        })
        .collect();
    let bytes = file::delta(issue(2), full.state(), changes, &key).unwrap();
    let (mut list, took) = timed(|| load(&full, &bytes));
    drop(full);
    println!(
        "  delta of {} changes checked and taken in {} ms; {} KiB counted",
        list.waiting(),
        took.as_millis(),
        list.memory_bytes() >> 10,
    );
    lookups("  with overlay", &list, &numbers, &mut seed);

    let (before, mut slowest, mut steps) = (resident(), Duration::ZERO, 0);
    let begun = Instant::now();
    while list.waiting() > 0 {
        let (next, took) = timed(|| list.compacted(8));
        list = next;
        slowest = slowest.max(took);
        steps += 1;
    }
    println!(
        "  compacted in {} ms, {steps} steps of 8 chunks, slowest {} µs; {} KiB counted, {} KiB \
         more resident",
        begun.elapsed().as_millis(),
        slowest.as_micros(),
        list.memory_bytes() >> 10,
        resident().saturating_sub(before),
    );
    lookups("  compacted", &list, &numbers, &mut seed);
}

/// The first number above that is not listed.
fn free(number: u128, numbers: &[u128]) -> u128 {
    let mut at = numbers.binary_search(&number).unwrap();
    let mut free = number + 1;
    while numbers.get(at + 1) == Some(&free) {
        (at, free) = (at + 1, free + 1);
    }
    free
}

fn lookups(what: &str, list: &Blacklist, numbers: &[u128], seed: &mut u64) {
    for (kind, add) in [("listed", 0), ("not listed, mostly", 1)] {
        let asked: Vec<ListedNumber> = (0..LOOKUPS)
            .map(|_| {
                let at = usize::try_from(random(seed)).unwrap() % numbers.len();
                number(numbers[at] + add)
            })
            .collect();
        let (hits, all) = timed(|| asked.iter().filter(|n| list.contains(**n)).count());
        let mut each: Vec<Duration> = asked[..100_000]
            .iter()
            .map(|n| timed(|| black_box(list.contains(*n))).1)
            .collect();
        each.sort_unstable();
        println!(
            "{what}, {kind}: {} ns on average, p99.9 {} ns one by one ({hits} hits of {LOOKUPS})",
            all.as_nanos() / u128::try_from(LOOKUPS).unwrap(),
            each[each.len() * 999 / 1000].as_nanos(),
        );
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let out = work();
    (out, begun.elapsed())
}

/// KiB of memory that the system says we have, where it says so.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

fn number(value: u128) -> ListedNumber {
    let text = format!("{value:020}");
    let mut bcd = [0; 10];
    for (slot, pair) in bcd.iter_mut().zip(text.as_bytes().chunks(2)) {
        *slot = ((pair[0] - b'0') << 4) | (pair[1] - b'0');
    }
    ListedNumber::from_bcd(&bcd).unwrap()
}

fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 11
}
