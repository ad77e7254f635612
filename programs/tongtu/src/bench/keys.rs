//! Verifying proofs of cards, on one core: under a key in memory, under one that a custody lends
//! for a run, and under one that is opened for each proof.

use std::hint::black_box;

use tongtu_crypto::mac::SessionKey;
use tongtu_crypto::{Algorithm, BlockKey, diversify};
use tongtu_hsm::{Custody as _, KeyPath, MacScheme};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::BusinessDay;
use tongtu_world::country::{CITIES, Scale};
use tongtu_world::{Country, Seed};

use super::{Figure, figure};

/// Proofs in one measurement.
const PROOFS: usize = 20_000;

/// Deal, sequence and time, as a TAC covers them.
const MESSAGE: [u8; 22] = [0x5A; 22];

pub(super) fn measure(runs: u32) -> Vec<Figure> {
    let day = BusinessDay::from_ymd(2026, 3, 2).expect("a day of the calendar");
    let country = Country::found(Seed(1), Scale::village(0), day)
        .expect("the temporary folder takes the country's keys");
    let city = CITIES[0];
    let label = country.keys.label(city, Purpose::Tac, KeyAlgorithm::Sm4);
    let factors: Vec<[u8; 8]> = (0..PROOFS)
        .map(|card| u64::try_from(card).unwrap_or(0).to_be_bytes())
        .collect();
    let measured = country.keys.with_store(city, |custody| {
        let bare = BlockKey::new(Algorithm::Sm4, [0x3B; 16]);
        let in_memory = figure(
            "TACs of cards, SM4, key in memory",
            "卡交易验证码（SM4，密钥在内存中）",
            runs,
            PROOFS,
            || {
                for factor in &factors {
                    let key = diversify::levels(&bare, &[*factor]);
                    black_box(SessionKey::for_tac(&key).mac(&MESSAGE));
                }
            },
        );
        let lent = custody.lend(label).expect("a sealed store lends");
        let for_a_run = figure(
            "TACs of cards, SM4, key lent for a run",
            "卡交易验证码（SM4，密钥按批借出）",
            runs,
            PROOFS,
            || {
                for factor in &factors {
                    let made = lent.mac(&[*factor], MacScheme::Tac, &MESSAGE);
                    black_box(made.expect("a key of TACs"));
                }
            },
        );
        let for_each = figure(
            "TACs of cards, SM4, key opened for each",
            "卡交易验证码（SM4，每次开封密钥）",
            runs,
            PROOFS,
            || {
                for factor in &factors {
                    let factors = &[*factor];
                    let made = custody.mac(KeyPath { label, factors }, MacScheme::Tac, &MESSAGE);
                    black_box(made.expect("a key of TACs"));
                }
            },
        );
        vec![in_memory, for_a_run, for_each]
    });
    measured.expect("the temporary folder takes the city's store")
}
