//! The e-cash on the card against the naive model: every answer, both logs, the balance.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tongtu_apdu::select::E_CASH;
use tongtu_apdu::tlv;
use tongtu_card::factory::{Blueprint, Group, Module, Preinstalled};
use tongtu_ecash::test_card;
use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::ecash::Ecash;
use tongtu_testkit::ecash::profile::{Dol, Elements, ExtensionFile, Kept, Pin, Profile, told};
use tongtu_testkit::ecash::sequence::{Step, Tap, days, payment, read, read_capp, select_ecash};
use tongtu_testkit::tear::Chip;

use crate::live::{Live, made};
use crate::tear::Dice;

/// Data groups in clear.
pub(crate) type Groups = Vec<(u16, Vec<u8>)>;

/// A tag as the model names it.
fn number(tag: tlv::Tag) -> u16 {
    u16::try_from(tag.value()).expect("tags of the e-cash have two bytes at most")
}

fn objects(bytes: &[u8]) -> Elements {
    tlv::objects(bytes)
        .map(|object| object.expect("our own bytes"))
        .map(|object| (number(object.tag), object.value.to_vec()))
        .collect()
}

/// A data object list, by hand.
fn list(mut bytes: &[u8]) -> Dol {
    let mut out = Dol::new();
    while let [first, rest @ ..] = bytes {
        let (tag, rest) = if first & 0x1F == 0x1F {
            (u16::from_be_bytes([*first, rest[0]]), &rest[1..])
        } else {
            (u16::from(*first), rest)
        };
        out.push((tag, usize::from(rest[0])));
        bytes = &rest[1..];
    }
    out
}

/// The extension files by their table, their keys and their first records.
fn files(table: &[u8], keys: &[u8], first: &dyn Fn(u16) -> Vec<u8>) -> BTreeMap<u8, ExtensionFile> {
    let entries = table.chunks(7).zip(keys.chunks(16));
    entries
        .map(|(entry, key)| {
            let kept = match entry[1] {
                1 => Kept::Variable {
                    size: usize::from(u16::from_be_bytes([entry[5], entry[6]])),
                    record_max: usize::from(entry[4]),
                },
                _ => Kept::Cyclic {
                    records: usize::from(entry[5]),
                    len: usize::from(entry[6]),
                },
            };
            let mut records = Vec::new();
            let mut rest = &first(u16::from(entry[0]))[..];
            while let [len, tail @ ..] = rest {
                let (record, tail) = tail.split_at(usize::from(*len));
                records.push(record.to_vec());
                rest = tail;
            }
            let file = ExtensionFile {
                kept,
                key: key.to_vec(),
                first: records,
            };
            (entry[0], file)
        })
        .collect()
}

/// The model's picture of a card that is made of these groups.
fn profile_of(groups: &Groups, algorithm: Algorithm) -> Profile {
    let group = |id: u16| {
        let found = groups.iter().find(|group| group.0 == id);
        found
            .map(|group| &group.1[..])
            .expect("a group of the test card")
    };
    let group_or_nothing = |id: u16| {
        let found = groups.iter().find(|group| group.0 == id);
        found.map(|group| group.1.clone()).unwrap_or_default()
    };
    let tap = objects(group(0x9203));
    let long = objects(group(0x9104));
    let mut elements = objects(group(0x0D01));
    elements.remove(&0x9F79);
    for tag in [0x82, 0x57, 0x5F34, 0x9F6C] {
        elements.insert(tag, tap[&tag].clone());
    }
    let lists = objects(&objects(group(0x0301))[&0x70]);
    let keys = group(match algorithm {
        Algorithm::Tdes => 0x8000,
        Algorithm::Sm4 => 0x8001,
    });
    Profile {
        aid: E_CASH.as_bytes().to_vec(),
        proprietary: group(0x9103).to_vec(),
        pdol: list(&objects(group(0x9103))[&0x9F38]),
        cdol1: list(&lists[&0x8C]),
        cdol2: list(&lists[&0x8D]),
        algorithm,
        cryptogram_key: keys[..16].to_vec(),
        mac_key: keys[16..32].to_vec(),
        encipher_key: keys[32..48].to_vec(),
        key_index: tap[&0x9F10][1],
        log_format: list(&elements[&0x9F4F]),
        load_log_format: list(&elements[&0xDF4F]),
        elements,
        records: groups
            .iter()
            .filter(|(id, _)| (0x0101..=0x0AFF).contains(id))
            .map(|(id, record)| (id.to_be_bytes().into(), record.clone()))
            .collect(),
        files: files(group(0xA001), group(0x8020), &group_or_nothing),
        support: 0x82,
        pin: Some(Pin {
            block: group(0x8010).to_vec(),
            left: group(0x9010)[0],
            limit: group(0x9010)[1],
        }),
        ddol_len: 4,
        afl: tap[&0x94].clone(),
        long_afl: long[&0x94].clone(),
        signs: true,
        told: told(),
    }
}

/// The groups of the test card.
pub(crate) fn groups(algorithm: Algorithm) -> Groups {
    let ours = match algorithm {
        Algorithm::Tdes => tongtu_crypto::Algorithm::Tdes,
        Algorithm::Sm4 => tongtu_crypto::Algorithm::Sm4,
    };
    let mut dice = Dice::new();
    test_card::groups(ours, &mut |out: &mut [u8]| dice.fill(out))
        .into_iter()
        .map(|group| (group.id, group.value.to_vec()))
        .collect()
}

/// An e-cash as it leaves the factory.
pub(crate) fn ecash(groups: &Groups) -> Preinstalled {
    Preinstalled {
        module: Module::Ecash,
        aid: E_CASH,
        label: b"MOT_T_CASH".to_vec(),
        priority: 1,
        parameters: Vec::new(),
        groups: groups
            .iter()
            .map(|(id, value)| Group {
                id: *id,
                value: value.clone().into(),
            })
            .collect(),
    }
}

/// The same card twice: made by us, and told by the model.
pub(crate) fn pair(algorithm: Algorithm) -> (Chip, Ecash) {
    let groups = groups(algorithm);
    let blueprint = Blueprint {
        applications: vec![ecash(&groups)],
        ..Blueprint::default()
    };
    let chip = made(32 * 1024, &blueprint);
    (chip, Ecash::new(profile_of(&groups, algorithm), 10_000))
}

/// Plays a sequence to both and compares every answer.
fn play(live: &mut Live, model: &mut Ecash, steps: &[Step]) {
    for (at, step) in steps.iter().enumerate() {
        let Some(command) = model.command(step) else {
            live.reset();
            model.reset();
            continue;
        };
        let answer = live.send(&command);
        if let Some(expected) = model.apdu(&command, &answer) {
            assert_eq!(
                tongtu_codec::hex_encode(&answer),
                tongtu_codec::hex_encode(&expected),
                "step {at}, {step:?}: the card, then the model, to {}",
                tongtu_codec::hex_encode(&command)
            );
        }
    }
}

/// Balance, counters, logs and extension files, read from the card.
fn compare(live: &mut Live, model: &mut Ecash) {
    let mut steps = vec![Step::Raw(select_ecash(&model.profile))];
    for tag in told() {
        let [p1, p2] = tag.to_be_bytes();
        steps.push(Step::Raw(vec![0x80, 0xCA, p1, p2, 0x00]));
    }
    for log in [0x0B, 0x0C] {
        steps.extend((1..=11).map(|number| Step::Raw(read(log, number))));
    }
    for (sfi, held) in &model.state.files {
        let is_cyclic = matches!(model.profile.files[sfi].kept, Kept::Cyclic { .. });
        let numbers = 1..=if is_cyclic { 31 } else { 1 };
        steps.extend(numbers.map(|number| Step::Raw(read(*sfi, number))));
        let ids = held
            .records
            .iter()
            .map(|(_, record)| [record[0], record[1]]);
        steps.extend(ids.map(|id| Step::Raw(read_capp(*sfi, Some(id), &[0x5A; 8]))));
    }
    let records = model.state.records.keys();
    steps.extend(records.map(|(sfi, number)| Step::Raw(read(*sfi, *number))));
    let [high, low] = model.state.atc.to_be_bytes();
    steps.push(Step::Raw(vec![0x80, 0x5A, 0, 0, 2, high, low, 8]));
    play(live, model, &steps);
}

fn check(pair: &(Chip, Ecash), steps: &[Step]) {
    let (chip, mut model) = (pair.0.copy(), pair.1.clone());
    let mut live = Live::on(&chip);
    let first = payment(&model.profile, &Tap::offline(1));
    play(&mut live, &mut model, &first);
    assert_eq!(model.state.balance, 9_999);
    play(&mut live, &mut model, steps);
    compare(&mut live, &mut model);
    drop(live);
    model.reset();
    compare(&mut Live::on(&chip), &mut model);
}

fn prepared() -> &'static [(Chip, Ecash); 2] {
    static PAIRS: std::sync::OnceLock<[(Chip, Ecash); 2]> = std::sync::OnceLock::new();
    PAIRS.get_or_init(|| [pair(Algorithm::Tdes), pair(Algorithm::Sm4)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_day_has_the_model_s_answers_and_logs_with_3des(
        steps in days(&prepared()[0].1.profile, 10),
    ) {
        check(&prepared()[0], &steps);
    }

    #[test]
    fn any_day_has_the_model_s_answers_and_logs_with_sm4(
        steps in days(&prepared()[1].1.profile, 10),
    ) {
        check(&prepared()[1], &steps);
    }
}
