//! A card torn out while a purse or an e-cash is installed and personalised through a channel: at
//! every byte of every write, and at every byte on the line. The application is blank or whole, and
//! the back office can begin again.

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE};
use tongtu_card::factory::{Blueprint, TRANSPORT_FILE};
use tongtu_purse::profile::Profile;
use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::tear::{Chip, Line, every_cut};

use crate::live::{Kept, Live, made};
use crate::model_ecash;
use crate::model_registry::Channel;

/// Data of one STORE DATA.
const BLOCK_LEN: usize = 200;

/// After how many cuts the back office begins again once; a prime, so that every kind of cut is
/// met.
const AGAIN: usize = 31;

fn lv(value: &[u8]) -> Vec<u8> {
    let len = u8::try_from(value.len()).expect("a short field");
    [&[len], value].concat()
}

fn fields(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| lv(part)).collect()
}

/// What is put on the card, and made of it.
struct Subject {
    aid: Aid,
    /// Its groups as one stream.
    stream: Vec<u8>,
}

impl Subject {
    fn of(aid: Aid, groups: impl IntoIterator<Item = (u16, Vec<u8>)>) -> Self {
        let mut stream = Vec::new();
        for (id, value) in groups {
            stream.extend(id.to_be_bytes());
            match u8::try_from(value.len()) {
                Ok(len @ 0..=0xFE) => stream.push(len),
                _ => {
                    stream.push(0xFF);
                    let len = u16::try_from(value.len()).expect("a short group");
                    stream.extend(len.to_be_bytes());
                }
            }
            stream.extend(value);
        }
        Self { aid, stream }
    }

    fn purse() -> Self {
        let groups = Profile::test().groups();
        let groups = groups
            .into_iter()
            .map(|group| (group.id, group.value.to_vec()));
        Self::of(E_PURSE, groups)
    }

    fn ecash(algorithm: Algorithm) -> Self {
        Self::of(E_CASH, model_ecash::groups(algorithm))
    }

    /// Installs it; whether power and line lasted.
    fn install(&self, live: Live) -> bool {
        let aid = self.aid.as_bytes();
        let file = TRANSPORT_FILE.as_bytes();
        let data = fields(&[file, aid, aid, &[0x00], &[0xC9, 0x00], &[]]);
        let order = |channel: &mut Channel| channel.order([0x80, 0xE6, 0x0C, 0x00], &data);
        let answer = Channel::over(live, 0, 0x33).and_then(|mut channel| order(&mut channel));
        answer.is_some_and(|(_, sw)| sw == 0x9000)
    }

    /// Personalises it; whether power and line lasted.
    fn personalise(&self, live: Live) -> bool {
        let blocks: Vec<&[u8]> = self.stream.chunks(BLOCK_LEN).collect();
        let run = || {
            let mut channel = Channel::over(live, 0, 0x33)?;
            let to = fields(&[&[], &[], self.aid.as_bytes(), &[], &[], &[]]);
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

    /// What SELECT answers.
    fn selected(&self, chip: &Chip) -> Vec<u8> {
        let select = [&[0x00, 0xA4, 0x04, 0x00][..], &lv(self.aid.as_bytes())].concat();
        Live::on(chip).send(&select)
    }

    /// A card on which it is installed and blank, and one on which it is whole.
    fn blank_and_whole(&self) -> [Chip; 2] {
        let blank = made(32 * 1024, &Blueprint::default());
        assert!(self.install(Live::on(&blank)));
        let (blank, whole) = (blank.copy(), blank.copy());
        assert!(self.personalise(Live::on(&whole)));
        assert_ne!(of_application(&blank), of_application(&whole));
        let [before, after] = [&blank, &whole].map(|chip| self.selected(chip));
        assert!(after.ends_with(&[0x90, 0x00]) && after.len() > before.len());
        [blank, whole]
    }
}

/// What the application keeps; the domain's counters are not its.
fn of_application(chip: &Chip) -> Kept {
    let kept = Live::on(chip).kept();
    let newest = kept.iter().map(|(id, _)| id.owner).max();
    kept.into_iter()
        .filter(|(id, _)| id.owner > 1 && Some(id.owner) == newest)
        .collect()
}

#[test]
fn an_installation_torn_at_every_byte_is_there_or_not_and_can_be_done_again() {
    for subject in [Subject::purse(), Subject::ecash(Algorithm::Sm4)] {
        let before = made(16 * 1024, &Blueprint::default());
        let whole = before.copy();
        assert!(subject.install(Live::on(&whole)));
        let new = subject.selected(&whole);
        assert_eq!(subject.selected(&before), [0x6A, 0x82]);
        let (mut old_count, mut new_count) = (0, 0);
        every_cut(
            &before,
            |chip| _ = subject.install(Live::on(chip)),
            |cut, chip| {
                let found = subject.selected(chip);
                if found == [0x6A, 0x82] {
                    old_count += 1;
                    assert!(subject.install(Live::on(chip)), "{cut:?}: again");
                } else {
                    new_count += 1;
                }
                assert_eq!(subject.selected(chip), new, "{cut:?}");
            },
        );
        assert!(
            old_count > new_count && new_count > 0,
            "{old_count} {new_count}"
        );
    }
}

/// Tears a personalisation at every byte of every write.
fn tear_writes(subject: &Subject) {
    let [before, whole] = subject.blank_and_whole();
    let [old, new] = [&before, &whole].map(of_application);
    let (mut blank, mut made) = (0, 0);
    let cuts = every_cut(
        &before,
        |chip| _ = subject.personalise(Live::on(chip)),
        |cut, chip| {
            let found = of_application(chip);
            if found == old {
                blank += 1;
            } else {
                assert!(found == new, "{cut:?}: between blank and whole");
                made += 1;
            }
            if made == 1 || (blank + made) % AGAIN == 0 {
                assert!(subject.personalise(Live::on(chip)), "{cut:?}: again");
                assert!(of_application(chip) == new, "{cut:?}: again");
            }
        },
    );
    assert!(blank > made && made > 0 && cuts > 3_000, "{blank} {made}");
}

/// Tears a personalisation at every byte on the line.
fn tear_line(subject: &Subject) {
    let [before, whole] = subject.blank_and_whole();
    let [old, new] = [&before, &whole].map(of_application);
    let (mut lost, mut made) = (0, 0);
    loop {
        let chip = before.copy();
        let is_whole = subject.personalise(Live::behind(Line::breaking_after(lost), &chip));
        let found = of_application(&chip);
        if found == new {
            made += 1;
        } else {
            assert!(found == old && made == 0, "after {lost} bytes");
        }
        if is_whole {
            break;
        }
        if lost % AGAIN == 0 {
            assert!(subject.personalise(Live::on(&chip)), "after {lost} bytes");
            assert!(of_application(&chip) == new, "after {lost} bytes: again");
        }
        lost += 1;
    }
    // The last answer was lost, byte by byte, and then was not.
    assert!(lost > subject.stream.len() && made > 1, "{lost} {made}");
}

#[test]
fn a_purse_s_personalisation_torn_at_every_byte_is_whole_or_not_at_all() {
    tear_writes(&Subject::purse());
}

#[test]
fn a_purse_s_personalisation_torn_at_every_byte_on_the_line_is_whole_or_not_at_all() {
    tear_line(&Subject::purse());
}

#[test]
fn an_e_cash_s_personalisation_torn_at_every_byte_is_whole_or_not_at_all() {
    tear_writes(&Subject::ecash(Algorithm::Sm4));
}

#[test]
fn an_e_cash_s_personalisation_torn_at_every_byte_on_the_line_is_whole_or_not_at_all() {
    tear_line(&Subject::ecash(Algorithm::Sm4));
}
