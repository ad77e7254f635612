//! Any sequence of steps of the authority agrees with a naive model.

use proptest::prelude::*;
use tongtu_crypto::SecretKey;
use tongtu_keyring::ca::{Authority, Event, What};
use tongtu_keyring::code::Cause;
use tongtu_types::Timestamp;

use crate::fixture::*;
use crate::office::*;

/// What the model knows of a certificate: words in their order, and the month's end.
struct Told {
    issuer: usize,
    until: Timestamp,
    words: Vec<&'static str>,
    notices: Vec<u16>,
}

impl Told {
    fn now(&self) -> &'static str {
        self.words.last().copied().unwrap_or("drafted")
    }
}

const MONTHS: [&str; 4] = ["0326", "0926", "0327", "1228"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_sequence_agrees_with_the_model(
        ops in prop::collection::vec((0..12_u8, 0..8_usize, prop_oneof![4 => 0..3_i64, 1 => 20..90_i64]), 0..60)
    ) {
        let (mut office, mut device) = Office::with_root();
        let mut told: Vec<Told> = Vec::new();
        let mut keys: Vec<SecretKey> = Vec::new();
        for (kind, which, days) in ops {
            office.wait(days);
            let now = office.now;
            if kind < 2 || told.is_empty() {
                let issuer = which % 3;
                let expiry = MONTHS[which % 4];
                let until = month(expiry).ends_before();
                let drafted = office.draft(institution(CITIES[issuer].2), (2, expiry));
                prop_assert_eq!(drafted.is_ok(), now < until, "{:?}", drafted);
                if drafted.is_ok() {
                    told.push(Told { issuer, until, words: vec!["drafted"], notices: vec![] });
                    keys.push(key(&format!("issuer key {}", keys.len())));
                }
                continue;
            }
            if kind == 2 {
                settle(&mut office, &mut told)?;
                continue;
            }
            let at = which % told.len();
            let number = u32::try_from(at + 1).unwrap();
            let (state, over) = (told[at].now(), now >= told[at].until);
            let leader = told.iter().position(|other| {
                other.issuer == told[at].issuer && other.now() == "active"
            });
            let (word, may, taken) = match kind {
                3 | 4 => {
                    let application = office.application(number, &keys[at]);
                    let taken = office.step(number, What::Submitted(application));
                    ("submitted", state == "drafted" && !over, taken)
                }
                5 | 6 => {
                    let taken = office.step(number, What::Approved);
                    ("approved", state == "submitted", taken)
                }
                7 if days == 0 => {
                    let taken = office.step(number, What::Refused(Cause::Application));
                    ("refused", ["submitted", "approved"].contains(&state), taken)
                }
                7 | 8 => {
                    let taken = office.issue(number, &mut device);
                    ("issued", state == "approved" && !over, taken)
                }
                9 | 10 => {
                    let taken = office.activate(number);
                    ("active", state == "issued" && !over, taken)
                }
                _ => {
                    let out = ["issued", "active", "superseded"].contains(&state);
                    let taken = office.step(number, What::Revoked(Cause::Misuse));
                    ("revoked", out, taken)
                }
            };
            prop_assert_eq!(taken.is_ok(), may, "{} after {}: {:?}", word, state, taken);
            if may {
                if let ("active", Some(older)) = (word, leader) {
                    told[older].words.push("superseded");
                }
                told[at].words.push(word);
            }
            agree(&office, &told)?;
        }
        let bytes: Vec<u8> = office.events.iter().flat_map(|e| e.encode().unwrap()).collect();
        let stored = Event::decode_all(&bytes).unwrap();
        let replayed = Authority::replay(&stored, &office.cities);
        prop_assert_eq!(replayed, Ok(office.book));
    }
}

/// What the authority does by itself is what the model thinks is due, and is not due again.
fn settle(office: &mut Office, told: &mut [Told]) -> Result<(), TestCaseError> {
    let now = office.now;
    let mut expected = 0;
    for key in told.iter_mut() {
        let out = ["issued", "active", "superseded"].contains(&key.now());
        if out && now >= key.until {
            key.words.push("expired");
            expected += 1;
        } else if key.now() == "active" {
            let left = key.until.since_s(now);
            let days = [30_u16, 90, 180]
                .into_iter()
                .find(|days| left <= i64::from(*days) * DAY);
            if let Some(days) = days
                && key.notices.iter().all(|given| *given > days)
            {
                key.notices.push(days);
                expected += 1;
            }
        }
    }
    prop_assert_eq!(office.settle().len(), expected);
    prop_assert!(office.book.due(now).is_empty());
    Ok(())
}

fn agree(office: &Office, told: &[Told]) -> Result<(), TestCaseError> {
    let now = office.now;
    for (at, key) in told.iter().enumerate() {
        let entry = office
            .book
            .certificate(u32::try_from(at + 1).unwrap())
            .unwrap();
        let word = match entry.stage().en() {
            "approved by the province" => "approved",
            word => word,
        };
        prop_assert_eq!(word, key.now(), "certificate {}", at + 1);
        let good = ["active", "superseded"].contains(&key.now()) && now < key.until;
        prop_assert_eq!(office.book.is_good(entry, now), good);
        let listed = office.book.revoked(now);
        let serial = (entry.draft().issuer, entry.draft().serial);
        let revoked = key.now() == "revoked" && now < key.until;
        prop_assert_eq!(listed.contains(&serial), revoked);
    }
    let mut serials: Vec<_> = (office.book.certificates())
        .map(|entry| (entry.draft().issuer, entry.draft().serial))
        .collect();
    let before = serials.len();
    serials.sort();
    serials.dedup();
    prop_assert_eq!(serials.len(), before, "a serial number was given twice");
    for (issuer, city) in CITIES.iter().enumerate().take(3) {
        let active = told
            .iter()
            .filter(|key| key.issuer == issuer && key.now() == "active");
        let active: Vec<_> = active.collect();
        prop_assert!(active.len() <= 1);
        let current = office.book.current(institution(city.2), now);
        prop_assert_eq!(current.is_some(), active.iter().any(|key| now < key.until));
    }
    Ok(())
}
