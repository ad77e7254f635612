//! Everything that a country knows and nothing may show: it follows from the seed, from the
//! cities' stores of keys, and from the files that hold what nodes drew themselves.

use tongtu_crypto::{Algorithm, BlockKey, SecretKey, diversify, sm3};
use tongtu_ecash::cryptogram::{card_factor, file_factor};
use tongtu_ecash::test_card;
use tongtu_hsm::{Custody as _, Label};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_purse::field::{Institution, Serial};
use tongtu_purse::keys::{KEY_ENTRY_LEN, KeySet};
use tongtu_purse::profile::test_keys;
use tongtu_world::Country;
use tongtu_world::callers;
use tongtu_world::cards::people::Medium;
use tongtu_world::country::{CITIES, NODES};
use tongtu_world::faces::face_keys;

use super::scanner::{Kind, Secret};

/// All keys and numbers of a country.
pub(super) fn of_country(country: &Country) -> Vec<Secret> {
    let mut all = numbers(country);
    all.extend(signing_keys(country));
    all.extend(stored_keys(country));
    all.extend(card_keys(country));
    for node in CITIES {
        for number in terminals(country) {
            let key = face_keys(country, node).terminal_key(number);
            all.push(key_named(
                format!("face key of terminal {number}"),
                &key[..],
            ));
        }
    }
    all
}

fn key_named(name: impl Into<String>, bytes: &[u8]) -> Secret {
    Secret::new(name, Kind::Key(bytes.to_vec()))
}

fn terminals(country: &Country) -> Vec<tongtu_types::TerminalNumber> {
    let codes = country.posts.iter().map(|post| post.number);
    let cards = country.card_posts.iter().map(|post| post.number);
    let faces = country.face_posts.iter().map(|post| post.post.number);
    codes.chain(cards).chain(faces).collect()
}

fn numbers(country: &Country) -> Vec<Secret> {
    let riders = country.riders.iter().map(|rider| rider.account);
    let holders = country.cardholders.iter().map(|holder| holder.number);
    let faces = country.face_riders.iter().map(|rider| rider.account);
    let all = riders.chain(holders).chain(faces).enumerate();
    all.map(|(at, number)| {
        let digits = Kind::Digits(number.reveal().to_owned());
        Secret::new(format!("number {at}"), digits)
    })
    .collect()
}

fn signing_keys(country: &Country) -> Vec<Secret> {
    let mut all = Vec::new();
    let mut put = |name: String, key: &SecretKey| {
        all.push(key_named(name, &key.danger_to_bytes()[..]));
    };
    let register = country.keys.danger_register_key().unwrap();
    put("register key".into(), &register);
    for number in terminals(country) {
        put(
            format!("terminal key {number}"),
            &country.terminal_key(number),
        );
    }
    for index in 0..NODES.len() {
        let persons = callers::PERSONS.iter();
        let persons = persons.map(|(number, _)| callers::person(index, number));
        for name in persons.chain([callers::node(index)]) {
            put(format!("caller key {name}"), &callers::key(country, name));
        }
    }
    for rider in 0..country.riders.len() {
        put(format!("user key {rider}"), &country.user_key(rider));
    }
    for rider in 0..country.face_riders.len() {
        let key = country.seed.key(&format!("face account {rider}"));
        put(format!("user key of face {rider}"), &key);
    }
    all
}

/// Every key in the cities' stores: those that sign, masters, the seal of faces.
fn stored_keys(country: &Country) -> Vec<Secret> {
    let mut all = Vec::new();
    for node in CITIES {
        let code = NODES[node].code;
        let open = country.keys.with_store(node, |custody| {
            for info in custody.list().unwrap() {
                let key = custody.danger_test_key(info.name.label).unwrap();
                all.push(key_named(format!("{} of {code}", info.name.label), &key));
                if info.name.slot.algorithm == KeyAlgorithm::Tdes {
                    let halves = key.chunks(8).map(|half| Kind::Half(half.to_vec()));
                    let name = format!("half of {} of {code}", info.name.label);
                    all.extend(halves.map(|half| Secret::new(name.clone(), half)));
                }
            }
        });
        open.unwrap();
    }
    let neighbour = country.keys.neighbour();
    for info in neighbour.custody.list().unwrap() {
        let key = neighbour.custody.danger_test_key(info.name.label);
        all.push(key_named(
            format!("{} of the neighbour", info.name.label),
            &key.unwrap(),
        ));
    }
    assert!(all.len() > 100, "{} keys", all.len());
    all
}

/// The masters of an issuer's desk in one algorithm.
fn masters_of(
    country: &Country,
    issuer: Institution,
    algorithm: Algorithm,
) -> Vec<(Label, Purpose, BlockKey)> {
    let custody = country.keys.desk(issuer).unwrap().custody();
    let expected = match algorithm {
        Algorithm::Tdes => KeyAlgorithm::Tdes,
        Algorithm::Sm4 => KeyAlgorithm::Sm4,
    };
    let known = custody.list().unwrap();
    let known = known.iter().map(|info| info.name);
    let masters = known.filter(|name| {
        name.slot.purpose != Purpose::PersoTransport && name.slot.algorithm == expected
    });
    masters
        .map(|name| {
            let bytes = custody.danger_test_key(name.label).unwrap();
            let bytes = bytes[..].try_into().unwrap();
            (
                name.label,
                name.slot.purpose,
                BlockKey::new(algorithm, bytes),
            )
        })
        .collect()
}

const CASH: [Purpose; 4] = [
    Purpose::CashCryptogram,
    Purpose::CashMac,
    Purpose::CashCipher,
    Purpose::CashFile,
];

/// The published test masters, and the keys of every card, and halves of what is 3DES.
fn card_keys(country: &Country) -> Vec<Secret> {
    let mut all = Vec::new();
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let masters = test_keys(algorithm);
        put_set(&mut all, &format!("master {algorithm:?}"), &masters);
        for (at, holder) in country.cardholders.iter().enumerate() {
            let is_purse = holder.medium == Medium::Purse;
            let factor = if is_purse {
                Serial::of(&holder.number).factor()
            } else if holder.algorithm == algorithm {
                let sequence = test_card::profile(algorithm).sequence;
                card_factor(&holder.number, sequence)
            } else {
                continue;
            };
            for (label, purpose, master) in masters_of(country, holder.issuer(), algorithm) {
                if CASH.contains(&purpose) == is_purse {
                    continue;
                }
                let name = format!("card {at} below {label}");
                if purpose == Purpose::CashFile {
                    for file in test_card::profile(algorithm).files {
                        let sfi = file.entry.sfi;
                        let key = diversify::bytes(&master, &[factor, file_factor(sfi)]);
                        all.push(key_named(format!("file {sfi:02X} of {name}"), &key[..]));
                    }
                }
                let key = diversify::bytes(&master, &[factor]);
                if is_purse && algorithm == Algorithm::Tdes {
                    let halves = key.chunks(8).map(|half| Kind::Half(half.to_vec()));
                    all.extend(halves.map(|half| Secret::new(format!("half of {name}"), half)));
                }
                all.push(key_named(name, &key[..]));
            }
        }
    }
    all
}

pub(super) fn put_set(all: &mut Vec<Secret>, name: &str, keys: &KeySet) {
    for (at, entry) in keys.encode().chunks(KEY_ENTRY_LEN).enumerate() {
        let key = &entry[..16];
        // A key that is not there is zeros; a place of few values says nothing where it is found.
        if !is_telling(key) {
            continue;
        }
        let name = format!("{name} key {at}");
        all.push(key_named(&name, key));
        if keys.algorithm() == Algorithm::Tdes {
            for half in key.chunks(8).filter(|half| is_telling(half)) {
                all.push(Secret::new(
                    format!("half of {name}"),
                    Kind::Half(half.to_vec()),
                ));
            }
        }
    }
}

fn is_telling(bytes: &[u8]) -> bool {
    let mut values = bytes.to_vec();
    values.sort_unstable();
    values.dedup();
    values.len() > 4
}

/// What a store is sealed with, and what is made of that.
pub(super) fn of_store(name: &str, secret: &[u8]) -> Vec<Secret> {
    let mut all = vec![key_named(format!("store key {name}"), secret)];
    for word in ["cipher", "mac"] {
        let key = sm3::hmac(secret, format!("TTDS {word}").as_bytes());
        let len = if word == "cipher" { 16 } else { 32 };
        all.push(key_named(format!("store's {word} key {name}"), &key[..len]));
    }
    all
}
