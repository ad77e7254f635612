//! How long a tap takes at a gate: simulated time, from the bytes that really go over the line.
//!
//! Nothing sleeps and no clock is read; the model's numbers are below, with why. What it leaves
//! out is named too: the mechanics of a gate, and a radio that has to ask for a block again.

use tongtu_crypto::Algorithm;
use tongtu_terminal::tap::{OpenRide, TapEnd, Way};

use super::fixture::{Post, Rider, T0, bus, gate, long_line, profile, segmented};

/// One byte at 106 kbit/s: 13.56 MHz / 128, eight bits and a parity bit, and one bit of pause
/// where type B has its start and stop.
const BYTE_US: u64 = 95;
/// What a block has beside the command or answer: PCB, and CRC of two bytes.
const BLOCK_BYTES: u64 = 3;
/// Between command and answer and before the next command: frame delay of the card, and the
/// reader's own way to the host.
const TURN_US: u64 = 1_000;
/// Finding the card before the first command: REQA, anticollision, select, RATS.
const FIND_US: u64 = 15_000;
/// One exchange with a module in a slot, from 10 to 20 ms; the slow end.
const PSAM_US: u64 = 20_000;
/// One durable write of the journal on flash.
const SYNC_US: u64 = 5_000;
/// What the terminal computes itself; `benches/tap.rs` measures far less.
const CPU_US: u64 = 1_000;
/// The whole tap.
const WITHIN_US: u64 = 300_000;

/// How long a card thinks, from 5 ms for what it only reads to 25 ms for a debit: MAC1, MAC2 and
/// TAC, and a journalled write.
const fn card_us(instruction: u8) -> u64 {
    match instruction {
        0xA4 => 15_000,
        0xB0 | 0xB2 => 5_000,
        0x50 => 15_000,
        0xDC => 10_000,
        0x54 => 25_000,
        _ => 15_000,
    }
}

/// The time of the tap that just ended.
fn taken_us(rider: &Rider, end: &TapEnd) -> u64 {
    let exchanges = rider.log.iter().map(|(command, answer)| {
        let bytes = u64::try_from(command.len() + answer.len()).unwrap();
        card_us(command[1]) + TURN_US + (bytes + 2 * BLOCK_BYTES) * BYTE_US
    });
    let card: u64 = exchanges.sum();
    assert_eq!(rider.log.len(), usize::from(end.exchanges.card));
    // An intent before DEBIT, and the record.
    FIND_US + card + u64::from(end.exchanges.psam) * PSAM_US + 2 * SYNC_US + CPU_US
}

#[test]
fn every_flow_is_over_in_300_ms_with_a_slow_card_and_a_slow_module() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let mut taken = Vec::new();
        let mut tap = |name, rider: &mut Rider, post: &mut Post, minutes: i64| {
            let end = post.tap(rider, T0.plus_s(minutes * 60));
            assert!(end.outcome.ride().is_some(), "{name}: {end:?}");
            taken.push((name, end.exchanges, taken_us(rider, &end)));
        };
        let fresh = || Rider::with(&profile(0x17, algorithm), 5_000);
        tap("bus", &mut fresh(), &mut Post::new(1, bus()), 0);
        let mut rider = fresh();
        let mut entry = Post::new(2, gate("0101", Way::Entry));
        let mut exit = Post::new(3, gate("0116", Way::Exit));
        tap("entry", &mut rider, &mut entry, 0);
        tap("exit", &mut rider, &mut exit, 40);
        let mut rider = fresh();
        let mut long = Post::new(4, segmented(1, 7));
        long.tariff = long_line();
        long.profile.rules.open_ride = OpenRide::Settle;
        let mut long = long.started();
        tap("boarding", &mut rider, &mut long, 0);
        long.terminal.stand_at(segmented(3, 7));
        tap("alighting", &mut rider, &mut long, 20);
        for (name, exchanges, us) in taken {
            let (card, psam, ms) = (exchanges.card, exchanges.psam, us / 1000);
            println!("{algorithm:?} {name}: {card} card, {psam} psam, {ms} ms");
            assert!(us < WITHIN_US, "{algorithm:?} {name}: {us} µs");
        }
    }
}
