//! What a scan costs, from the scanner's bytes to the stored record, with a store that costs
//! nothing: `cargo bench -p tongtu-terminal`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that prints its result"
)]

#[path = "../tests/it/fixture.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod fixture;

use std::hint::black_box;
use std::time::{Duration, Instant};

use fixture::{Street, T0, bus};
use tongtu_ride_code::{RideCode, Verdict};
use tongtu_types::Timestamp;

const RUNS: u32 = 200;

fn main() {
    let mut cold = Vec::new();
    let mut issuer = Vec::new();
    let mut user = Vec::new();
    let mut refused = Vec::new();
    let mut street = Street::new(bus());
    for run in 0..RUNS {
        if run % 100 == 0 {
            street = Street::new(bus());
        }
        let number = u8::try_from(run % 100 + 1).unwrap();
        let code = |at: Timestamp| street.city.rider(number).code_at(at);
        let first = code(T0.plus_s(1));
        let fresh = code(T0.plus_s(5));
        let mut forged = code(T0.plus_s(9)).as_bytes().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        // A terminal of its own has seen neither issuer nor rider.
        let mut new = Street::new(bus());
        cold.push(timed(&mut new, &first, T0.plus_s(2)));
        let took = timed(&mut street, &first, T0.plus_s(2));
        if run % 100 > 0 {
            issuer.push(took);
        }
        user.push(timed(&mut street, &fresh, T0.plus_s(6)));
        let begun = Instant::now();
        let outcome = street.scan_bytes(&forged, Some(T0.plus_s(10)), None);
        refused.push(begun.elapsed());
        assert_eq!(outcome.verdict(), Verdict::UserSignature);
    }
    for (what, times) in [
        ("cold: three verifications, one signature", &mut cold),
        ("issuer cached: two and one", &mut issuer),
        ("user cached: one and one", &mut user),
        ("user cached, refused: one and none", &mut refused),
    ] {
        times.sort_unstable();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
        println!("{what}: median {} µs, p99 {} µs", at(50), at(99));
    }
}

fn timed(street: &mut Street, code: &RideCode, now: Timestamp) -> Duration {
    let begun = Instant::now();
    let outcome = black_box(street.scan(code, now));
    let took = begun.elapsed();
    assert_eq!(outcome.verdict(), Verdict::Accepted);
    took
}
