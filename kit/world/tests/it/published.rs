//! No key that anybody can read in this repository is a key of the country.

use std::collections::BTreeSet;
use std::path::Path;

use tongtu_codec::hex_encode;
use tongtu_crypto::{Algorithm, BlockKey, diversify, sm3};
use tongtu_ecash::oda::{SigningKey, VerifyingKey};
use tongtu_ecash::test_card;
use tongtu_hsm::Custody as _;
use tongtu_keyring::{Check, Extract};
use tongtu_purse::field::Institution;
use tongtu_purse::profile::{TEST_KEYS, test_keys};
use tongtu_sam::PsamProfile;
use tongtu_types::InstitutionCode;
use tongtu_world::cards::cash;
use tongtu_world::cards::people::cash_holders;
use tongtu_world::country::{CITIES, NODES, STRANGER, Scale};
use tongtu_world::{Country, Seed};

use crate::first_day;

const BOTH: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

/// What is known of keys that everybody knows.
#[derive(Default)]
struct Published {
    /// Check values of block keys and digests of public keys, as books and stores have them.
    checks: BTreeSet<Check>,
    /// Sixteen bytes of each: a block key, or the beginning of a secret, a modulus or a point.
    bytes: BTreeSet<[u8; 16]>,
}

impl Published {
    fn block(&mut self, key: [u8; 16]) {
        for algorithm in BOTH {
            let master = BlockKey::new(algorithm, key);
            self.checks.insert(Check::Kcv(master.kcv()));
            for issuer in issuers() {
                let below = diversify::one_level(&master, &issuer.0);
                self.checks.insert(Check::Kcv(below.kcv()));
            }
        }
        self.bytes.insert(key);
    }

    fn start(&mut self, bytes: &[u8]) {
        self.bytes.insert(*bytes.first_chunk().unwrap());
    }

    fn public(&mut self, key: &VerifyingKey) {
        let travelling = match key {
            VerifyingKey::Rsa(key) => {
                self.start(&key.modulus());
                [key.modulus(), key.exponent()].concat()
            }
            VerifyingKey::Sm2(key) => {
                self.start(&key.to_xy());
                key.to_compressed().to_vec()
            }
        };
        self.checks
            .insert(Check::Fingerprint(sm3::digest(&travelling)));
    }

    fn signing(&mut self, key: &SigningKey) {
        self.public(&key.public());
        match key {
            SigningKey::Rsa(key) => {
                for prime in key.danger_primes() {
                    self.start(&prime);
                }
            }
            SigningKey::Sm2(key) => self.start(&key.danger_to_bytes()[..]),
        }
    }
}

fn issuers() -> Vec<Institution> {
    let codes = CITIES.map(|node| NODES[node].code);
    let codes = codes.into_iter().chain([STRANGER]);
    codes
        .map(|code| Institution::of(InstitutionCode::parse(code).unwrap()))
        .collect()
}

/// Runs of sixteen bytes, as the published test keys are.
fn run(first: u8) -> [u8; 16] {
    core::array::from_fn(|at| first.wrapping_add(u8::try_from(at).unwrap()))
}

fn published() -> Published {
    let mut known = Published::default();
    // Purses and modules, masters of the e-cash, blank cards and modules: runs of sixteen.
    let purses = TEST_KEYS.iter().map(|(_, _, first)| *first);
    for first in purses.chain([0x40, 0x50, 0x60, 0x70]) {
        known.block(run(first));
    }
    // The NFC ride code of test cards.
    for byte in [0xC0, 0xE0] {
        known.block([byte; 16]);
    }
    for algorithm in BOTH {
        let mut entropy = |out: &mut [u8]| out.fill(0x5A);
        let issuer = test_card::issuer(algorithm, &mut entropy);
        known.signing(&issuer.key);
        let profile = test_card::profile(algorithm);
        known.signing(&profile.signing_key);
        for key in [
            profile.keys.cryptogram,
            profile.keys.mac,
            profile.keys.encipher,
        ] {
            known.block(key);
        }
        for file in &profile.files {
            known.block(file.key);
        }
    }
    for authority in test_card::authorities() {
        known.public(&authority.key);
    }
    for byte in [0x11, 0x22, 0x33] {
        known.start(&[byte; 32]);
    }
    known
}

#[test]
fn what_is_called_published_is_what_the_test_cards_and_modules_have() {
    let known = published();
    for algorithm in BOTH {
        let set = test_keys(algorithm);
        for (use_, version, _) in TEST_KEYS {
            let key = set.key(*use_, *version).unwrap();
            assert!(known.checks.contains(&Check::Kcv(key.kcv())));
        }
        for key in test_card::master_keys(algorithm) {
            assert!(known.checks.contains(&Check::Kcv(key.kcv())));
        }
    }
    for held in PsamProfile::test().keys {
        assert!(known.bytes.contains(&*held.bytes));
    }
}

#[test]
fn no_published_key_is_in_a_book_a_store_or_a_custody_of_the_country() {
    let known = published();
    let country = Country::found(Seed(1), Scale::village(0), first_day()).unwrap();
    let extract = Extract::open(&country.keys.extract, &country.keys.centre).unwrap();
    let mut count = 0;
    let mut look = |what: &dyn std::fmt::Display, check: &Check| {
        assert!(!known.checks.contains(check), "{what}");
        count += 1;
    };
    for life in extract.book().keys() {
        let slot = life.request().slot;
        look(&slot, &life.custody().unwrap().check);
    }
    for issuer in issuers() {
        let desk = country.keys.desk(issuer).unwrap();
        for info in desk.custody().list().unwrap() {
            look(&info.name.label, &info.check);
        }
    }
    for info in country.keys.module_desk().custody().list().unwrap() {
        look(&info.name.label, &info.check);
    }
    for node in CITIES {
        let stored = country.keys.with_store(node, |store| store.list().unwrap());
        for info in stored.unwrap() {
            look(&info.name.label, &info.check);
        }
    }
    for info in country.keys.neighbour().custody.list().unwrap() {
        look(&info.name.label, &info.check);
    }
    assert!(count > 250, "{count} keys");
}

#[test]
fn no_published_key_is_in_a_file_of_the_countrys_keys() {
    let known = published();
    let country = Country::found(Seed(1), Scale::village(0), first_day()).unwrap();
    let folder = crate::Scratch::new("published");
    country.keys.write_room(&folder.0).unwrap();
    country.keys.write_cash(&folder.0).unwrap();
    country.keys.write_audit(&folder.0).unwrap();
    for (node, place) in NODES.iter().enumerate() {
        country.keys.write(node, &folder.0, place.id).unwrap();
    }
    let text: BTreeSet<String> = known.bytes.iter().map(|bytes| hex_encode(bytes)).collect();
    let mut files = 0;
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_key = |window: &[u8]| known.bytes.contains(window);
        assert!(!bytes.windows(16).any(is_key), "{}", path.display());
        let hex = bytes
            .windows(32)
            .filter(|w| w.iter().all(u8::is_ascii_hexdigit));
        let mut words = hex.filter_map(|w| std::str::from_utf8(w).ok());
        let found = words.find(|word| text.contains(&word.to_ascii_lowercase()));
        assert_eq!(found, None, "{}", path.display());
        files += 1;
    }
    assert!(files > 15, "{files} files");
    assert!(Path::new(&folder.0).join("cash-authority-03").exists());
}

#[test]
fn no_published_key_is_on_an_e_cash_and_no_two_cards_share_one() {
    let known = published();
    let country = Country::found(Seed(1), Scale::village(0), first_day()).unwrap();
    let mut seen = BTreeSet::new();
    for (index, holder) in cash_holders(Seed(1), 4, first_day()).iter().enumerate() {
        let card = cash::application(holder, &country, index).unwrap();
        let secrets = card.groups.iter();
        let secrets = secrets.filter(|group| (0x8000..0x9000).contains(&group.id));
        let mut keys = 0;
        for group in secrets.filter(|group| group.id != 0x8010) {
            let chunks = match group.id {
                // A key of RSA or SM2 is told by its beginning.
                0x8040 | 0x8204 | 0x8205 => &group.value[..16],
                _ => &group.value[..],
            };
            for key in chunks.as_chunks::<16>().0 {
                assert!(!known.bytes.contains(key), "group {:04X}", group.id);
                assert!(seen.insert(*key), "group {:04X}", group.id);
                keys += 1;
            }
        }
        assert!(keys >= 13, "{keys} keys");
    }
}
