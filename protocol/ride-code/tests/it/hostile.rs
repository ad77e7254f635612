//! Every flipped bit, every truncation, every extension, and a million random inputs.

use proptest::prelude::*;
use tongtu_ride_code::{RideCode, Verdict};

use crate::fixture::{Fixture, T0};
use crate::targets;

#[test]
fn every_single_bit_flip_is_refused() {
    for extension in [vec![], (0x20..0x40).collect()] {
        let mut fixture = Fixture::new();
        fixture.terms.extension = extension;
        let good = fixture.code_at(T0).as_bytes().to_vec();
        assert_eq!(fixture.scan(&good, T0), Verdict::Accepted);
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(fixture.scan(&bytes, T0), Verdict::Accepted, "bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let mut fixture = Fixture::new();
    let good = fixture.code_at(T0).as_bytes().to_vec();
    for len in 0..good.len() {
        assert_ne!(
            fixture.scan(&good[..len], T0),
            Verdict::Accepted,
            "first {len} bytes"
        );
    }
    let mut longer = good.clone();
    for byte in 0..=64u8 {
        longer.push(byte);
        assert_ne!(
            fixture.scan(&longer, T0),
            Verdict::Accepted,
            "{} bytes",
            longer.len()
        );
        // Also with lengths made to agree, as far as a byte can.
        let mut patched = longer.clone();
        let body = u16::try_from(patched.len() - 3).unwrap();
        patched[1..3].copy_from_slice(&body.to_be_bytes());
        patched[197] = u8::try_from(patched.len() - 332).unwrap();
        assert_ne!(
            fixture.scan(&patched, T0),
            Verdict::Accepted,
            "{} bytes",
            patched.len()
        );
    }
}

/// A small generator of its own: a million inputs should not cost a million shrinkable trees.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> usize {
        usize::try_from(self.next() % n).unwrap()
    }
}

#[test]
fn a_million_random_inputs_neither_panic_nor_pass() {
    let good = Fixture::new().code_at(T0).as_bytes().to_vec();
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let mut buffer = Vec::with_capacity(512);
    for round in 0..1_000_000u32 {
        buffer.clear();
        if round % 16 != 1 {
            // Pure noise of any length, half of it with a believable lead.
            let len = noise.below(400);
            while buffer.len() < len {
                buffer.extend(noise.next().to_le_bytes());
            }
            buffer.truncate(len);
            if round % 4 == 0 && len > 2 {
                buffer[0] = 0x81;
                buffer[1..3].copy_from_slice(&u16::try_from(len - 3).unwrap_or(0).to_be_bytes());
                if len > 197 {
                    buffer[197] = u8::try_from(len.saturating_sub(332) & 0xFF).unwrap();
                }
            }
        } else {
            // A genuine code, spoilt in a few places before the signatures.
            buffer.extend(&good);
            for _ in 0..=noise.below(3) {
                let at = noise.below(198);
                buffer[at] ^= u8::try_from(noise.next() % 255).unwrap() + 1;
            }
        }
        targets::scan(&buffer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_parser_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        targets::parse(&bytes);
    }

    #[test]
    fn bits_that_are_turned_and_signed_again_have_one_verdict_alone_and_together(
        at in 0..332usize,
        bits in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut turned = vec![0; at];
        turned.extend(bits);
        targets::scan_signed_again(&turned);
    }

    #[test]
    fn framing_keeps_every_byte(tail in proptest::collection::vec(any::<u8>(), 329..=361)) {
        let mut bytes = vec![0x81];
        bytes.extend(u16::try_from(tail.len()).unwrap().to_be_bytes());
        bytes.extend(&tail);
        bytes.truncate(364);
        let body = u16::try_from(bytes.len() - 3).unwrap();
        bytes[1..3].copy_from_slice(&body.to_be_bytes());
        bytes[197] = u8::try_from(bytes.len() - 332).unwrap();
        let code = RideCode::frame(&bytes).unwrap();
        prop_assert_eq!(code.as_bytes(), &bytes[..]);
        prop_assert_eq!(code.extension().len(), bytes.len() - 332);
    }
}
