//! A card torn out while a purse is installed and personalised through a channel, at every byte of
//! every write: the purse is blank or whole, and the back office can begin again.

use tongtu_apdu::select::E_PURSE;
use tongtu_card::factory::{Blueprint, TRANSPORT_FILE};
use tongtu_purse::profile::Profile;
use tongtu_testkit::tear::{Chip, every_cut};

use crate::live::{Kept, Live, made};
use crate::model_registry::Channel;

/// Data of one STORE DATA.
const BLOCK_LEN: usize = 200;

fn lv(value: &[u8]) -> Vec<u8> {
    let len = u8::try_from(value.len()).expect("a short field");
    [&[len], value].concat()
}

fn fields(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| lv(part)).collect()
}

/// The test purse's groups as one stream.
fn stream() -> Vec<u8> {
    let mut out = Vec::new();
    for group in Profile::test().groups() {
        out.extend(group.id.to_be_bytes());
        match u8::try_from(group.value.len()) {
            Ok(len @ 0..=0xFE) => out.push(len),
            _ => {
                out.push(0xFF);
                let len = u16::try_from(group.value.len()).expect("a short group");
                out.extend(len.to_be_bytes());
            }
        }
        out.extend(&group.value[..]);
    }
    out
}

/// Installs a purse; whether power lasted.
fn install(chip: &Chip) -> bool {
    let purse = E_PURSE.as_bytes();
    let file = TRANSPORT_FILE.as_bytes();
    let data = fields(&[file, purse, purse, &[0x00], &[0xC9, 0x00], &[]]);
    let order = |channel: &mut Channel| channel.order([0x80, 0xE6, 0x0C, 0x00], &data);
    let answer = Channel::try_to(chip, 0, 0x33).and_then(|mut channel| order(&mut channel));
    answer.is_some_and(|(_, sw)| sw == 0x9000)
}

/// Personalises the purse; whether power lasted.
fn personalise(chip: &Chip) -> bool {
    let stream = stream();
    let blocks: Vec<&[u8]> = stream.chunks(BLOCK_LEN).collect();
    let run = || {
        let mut channel = Channel::try_to(chip, 0, 0x33)?;
        let to = fields(&[&[], &[], E_PURSE.as_bytes(), &[], &[], &[]]);
        let (_, sw) = channel.order([0x80, 0xE6, 0x20, 0x00], &to)?;
        assert_eq!(sw, 0x9000);
        for (number, block) in (0..).zip(&blocks) {
            let last = usize::from(number) + 1 == blocks.len();
            let p1 = if last { 0x88 } else { 0x08 };
            let (_, sw) = channel.order([0x80, 0xE2, p1, number], block)?;
            assert_eq!(sw, 0x9000, "block {number}");
        }
        Some(())
    };
    run().is_some()
}

/// What the purse keeps; the domain's counters are not its.
fn of_purse(chip: &Chip) -> Kept {
    let kept = Live::on(chip).kept();
    let newest = kept.iter().map(|(id, _)| id.owner).max();
    kept.into_iter()
        .filter(|(id, _)| id.owner > 1 && Some(id.owner) == newest)
        .collect()
}

/// What SELECT answers.
fn selected(chip: &Chip) -> Vec<u8> {
    Live::on(chip).send(&tongtu_testkit::sequence::select())
}

#[test]
fn an_installation_torn_at_every_byte_is_there_or_not_and_can_be_done_again() {
    let before = made(16 * 1024, &Blueprint::default());
    let whole = before.copy();
    assert!(install(&whole));
    let new = selected(&whole);
    assert_eq!(selected(&before), [0x6A, 0x82]);
    let (mut old_count, mut new_count) = (0, 0);
    every_cut(
        &before,
        |chip| _ = install(chip),
        |cut, chip| {
            let found = selected(chip);
            if found == [0x6A, 0x82] {
                old_count += 1;
                assert!(install(chip), "{cut:?}: again");
            } else {
                new_count += 1;
            }
            assert_eq!(selected(chip), new, "{cut:?}");
        },
    );
    assert!(
        old_count > new_count && new_count > 0,
        "{old_count} {new_count}"
    );
}

#[test]
fn a_personalisation_torn_at_every_byte_is_whole_or_not_at_all_and_can_be_done_again() {
    let before = made(16 * 1024, &Blueprint::default());
    assert!(install(&before));
    let before = before.copy();
    let whole = before.copy();
    assert!(personalise(&whole));
    let (old, new) = (of_purse(&before), of_purse(&whole));
    assert_ne!(old, new);
    assert!(selected(&whole).len() > selected(&before).len());
    let (mut blank, mut made) = (0, 0);
    let cuts = every_cut(
        &before,
        |chip| _ = personalise(chip),
        |cut, chip| {
            let found = of_purse(chip);
            if found == old {
                blank += 1;
            } else {
                assert!(found == new, "{cut:?}: between blank and whole");
                made += 1;
            }
            assert!(personalise(chip), "{cut:?}: again");
            assert!(of_purse(chip) == new, "{cut:?}: again");
        },
    );
    assert!(blank > made && made > 0 && cuts > 3_000, "{blank} {made}");
}
