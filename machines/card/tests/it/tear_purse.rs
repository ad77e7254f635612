//! The card torn out in the middle of load, purchase, composite purchase and maintenance: at every
//! byte of every internal write, and at every byte on the line.
//!
//! After each tear the card is in the old state or in the new one, or in the old one with the try
//! spent that a MAC costs; what it answers fits that state; the proof is there exactly when the
//! money moved, with the codes that were lost; and the terminal that gets no proof can do the
//! transaction again.

use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::purse::profile::Profile;
use tongtu_testkit::purse::terminal::{Step, Terminal};
use tongtu_testkit::sequence::select;
use tongtu_testkit::tear::{Chip, Exchange, Line, every_cut};

use crate::live::{Kept, Live, purse_chip};

/// What one transaction is, seen from outside.
struct Deal {
    name: &'static str,
    steps: Vec<Step>,
    /// Transaction type, for the proof.
    kind: u8,
}

pub(crate) fn composite(low: u8, fill: u8) -> Step {
    let mut record = vec![0x27, low, 0x7D, 0x01];
    record.resize(128, fill);
    record[5] = 0;
    Step::Cache(low, 0xD0, record)
}

fn deals() -> Vec<Deal> {
    let deal = |name, kind, middle: Vec<Step>, what, amount| Deal {
        name,
        kind,
        steps: [
            vec![
                Step::Raw(select()),
                Step::Initialize(what, 1, amount, [0x31; 6]),
            ],
            middle,
            vec![Step::Finish(true)],
        ]
        .concat(),
    };
    vec![
        deal("load", 0x02, vec![], 0, 5_000),
        deal("purchase", 0x06, vec![], 1, 200),
        deal("unload", 0x03, vec![], 5, 100),
        deal(
            "composite purchase of nothing",
            0x09,
            vec![composite(1, 7)],
            3,
            0,
        ),
        deal(
            "composite purchase",
            0x09,
            vec![
                composite(1, 9),
                composite(2, 3),
                Step::Cache(0, 0xF0, vec![0x5A; 48]),
            ],
            3,
            300,
        ),
    ]
}

/// Everything that a reader can see, as a list of answers.
fn visible(chip: &Chip) -> Vec<Vec<u8>> {
    let mut live = Live::on(chip);
    let mut commands = vec![select()];
    commands.extend((0..4).map(|p1| vec![0x80, 0x5C, p1, 0x02, 0x04]));
    commands.extend((0x15..=0x17).map(|sfi| vec![0x00, 0xB0, 0x80 | sfi, 0, 0]));
    for (sfi, count) in [(0x18, 10), (0x19, 4), (0x1A, 4), (0x1E, 3)] {
        commands.extend((1..=count).map(|number| vec![0x00, 0xB2, number, sfi << 3 | 4, 0]));
    }
    let mut initialise = vec![0x80, 0x50, 0x01, 0x02, 0x0B, 0x01];
    initialise.extend([0; 10]);
    commands.push(initialise.clone());
    initialise[2] = 0x00;
    commands.push(initialise);
    commands.iter().map(|command| live.send(command)).collect()
}

/// Plays steps until power is lost; the answers there were.
pub(crate) fn perform(chip: &Chip, steps: &[Step]) -> Vec<Vec<u8>> {
    let mut live = Live::on(chip);
    let mut terminal = Terminal::new(Profile::test(Algorithm::Tdes));
    let mut answers = Vec::new();
    for step in steps {
        let command = terminal.command(step).expect("no reset in a deal");
        let Some(answer) = live.try_send(&command) else {
            break;
        };
        terminal.saw(&command, &answer);
        answers.push(answer);
    }
    answers
}

/// A deal, and the two states around it.
struct Story {
    old: (Kept, Vec<Vec<u8>>),
    new: (Kept, Vec<Vec<u8>>),
    /// The old state after a wrong MAC.
    spent: Kept,
    prove: Vec<u8>,
    proof: Vec<u8>,
    steps: Vec<Step>,
    after: Chip,
}

fn state(chip: &Chip) -> (Kept, Vec<Vec<u8>>) {
    (Live::on(chip).kept(), visible(chip))
}

impl Story {
    fn of(before: &Chip, deal: &Deal) -> Self {
        let after = before.copy();
        let answers = perform(&after, &deal.steps);
        assert_eq!(answers.len(), deal.steps.len());
        for answer in &answers {
            assert!(
                answer.ends_with(&[0x90, 0x00]),
                "{}: {answer:02X?}",
                deal.name
            );
        }
        let sequence = u16::from_be_bytes([answers[1][4], answers[1][5]]) + 1;
        let mut prove = vec![0x80, 0x5A, 0x00, deal.kind, 0x02];
        prove.extend(sequence.to_be_bytes());
        prove.push(0x08);
        let mut live = Live::on(&after);
        live.send(&select());
        let proof = live.send(&prove);
        if deal.kind != 0x03 && deal.kind != 0x02 {
            let last = answers.last().expect("there are answers");
            assert_eq!(proof[..4], last[4..8], "MAC2 is that of the debit");
            assert_eq!(proof[4..8], last[..4], "TAC is that of the debit");
        }
        let wrong = before.copy();
        let (_, begun) = deal.steps.split_last().expect("there are steps");
        perform(&wrong, &[begun, &[Step::Finish(false)]].concat());
        Self {
            spent: Live::on(&wrong).kept(),
            old: state(before),
            new: state(&after),
            prove,
            proof,
            steps: deal.steps.clone(),
            after,
        }
    }

    /// Whether the money moved; fails unless all is old or all is new.
    fn moved(&self, what: &str, chip: &Chip) -> bool {
        let found = Live::on(chip).kept();
        let moved = found == self.new.0;
        assert!(
            moved || found == self.old.0 || found == self.spent,
            "{what}: between old and new"
        );
        let expected = if moved { &self.new.1 } else { &self.old.1 };
        assert_eq!(visible(chip), *expected, "{what}: answers of another state");
        moved
    }

    /// The terminal's recovery: the proof, or the deal again.
    fn recover(&self, what: &str, chip: &Chip) {
        let moved = self.moved(what, chip);
        for _ in 0..2 {
            let mut live = Live::on(chip);
            live.send(&select());
            let expected = if moved {
                &self.proof[..]
            } else {
                &[0x94, 0x06]
            };
            assert_eq!(live.send(&self.prove), expected, "{what}");
        }
        if !moved {
            perform(chip, &self.steps);
            assert_eq!(Live::on(chip).kept(), self.new.0, "{what}: done again");
        }
    }
}

/// A purse with some history, on a chip where the journal's banks are soon full.
pub(crate) fn worn(size: usize) -> Chip {
    let chip = purse_chip(size, &tongtu_purse::profile::Profile::test());
    perform(
        &chip,
        &[
            Step::Raw(select()),
            Step::Initialize(0, 1, 20_000, [0x11; 6]),
            Step::Finish(true),
        ],
    );
    chip
}

#[test]
fn every_transaction_torn_at_every_byte_of_every_write_is_old_or_new() {
    let mut before = worn(32 * 1024);
    for deal in deals() {
        let story = Story::of(&before, &deal);
        let (mut stayed, mut moved, mut paid) = (0, 0, 0);
        let cuts = every_cut(
            &before,
            |chip| drop(perform(chip, &deal.steps)),
            |cut, chip| {
                let what = format!("{} {cut:?}", deal.name);
                paid += usize::from(Live::on(chip).kept() == story.spent);
                if story.moved(&what, chip) {
                    moved += 1;
                } else {
                    stayed += 1;
                }
                story.recover(&what, chip);
            },
        );
        assert!(
            stayed > cuts / 2 && moved > 0 && paid > 0,
            "{}: {stayed} {moved} {paid}",
            deal.name
        );
        before = story.after;
    }
}

#[test]
fn purchases_torn_while_the_journal_changes_banks_are_old_or_new() {
    let mut chip = worn(9 * 1024);
    let deal = &deals()[1];
    let mut moves = 0;
    while moves < 2 {
        let story = Story::of(&chip, deal);
        let whole = chip.copy();
        perform(&whole, &deal.steps);
        if whole.writes().len() > 2 {
            moves += 1;
            every_cut(
                &chip,
                |chip| drop(perform(chip, &deal.steps)),
                |cut, chip| story.recover(&format!("{cut:?}"), chip),
            );
        }
        chip = story.after;
    }
}

#[test]
fn every_transaction_torn_at_every_byte_on_the_line_is_old_or_new() {
    let mut before = worn(32 * 1024);
    for deal in deals() {
        let story = Story::of(&before, &deal);
        let mut lost = 0;
        loop {
            let chip = before.copy();
            let mut live = Live::on(&chip);
            let mut terminal = Terminal::new(Profile::test(Algorithm::Tdes));
            let mut line = Line::breaking_after(lost);
            let mut is_last_done = false;
            let mut broke = false;
            for (at, step) in deal.steps.iter().enumerate() {
                let command = terminal.command(step).expect("no reset in a deal");
                let exchange = line.exchange(&command, |command| live.send(command));
                is_last_done = at + 1 == deal.steps.len() && exchange != Exchange::Undelivered;
                match exchange {
                    Exchange::Answered(answer) => terminal.saw(&command, &answer),
                    _ => {
                        broke = true;
                        break;
                    }
                }
            }
            drop(live);
            let what = format!("{} after {lost} bytes", deal.name);
            assert_eq!(story.moved(&what, &chip), is_last_done, "{what}");
            story.recover(&what, &chip);
            if !broke {
                break;
            }
            lost += 1;
        }
        assert!(lost > 60, "{}: {lost}", deal.name);
        before = story.after;
    }
}

/// A step with its MAC, cryptogram or PIN wrong.
pub(crate) fn spoilt(step: &Step) -> Step {
    match step.clone() {
        Step::Finish(_) => Step::Finish(false),
        Step::Secured(header, data, _) => Step::Secured(header, data, false),
        Step::ReloadPin(pin, _) => Step::ReloadPin(pin, false),
        Step::UnblockPin(pin, _) => Step::UnblockPin(pin, false),
        Step::External(key, _) => Step::External(key, false),
        Step::Raw(mut bytes) if bytes.starts_with(&[0x00, 0x20]) => {
            bytes[5] ^= 0x11;
            Step::Raw(bytes)
        }
        other => other,
    }
}

#[test]
fn maintenance_torn_at_every_byte_of_every_write_is_old_or_new() {
    let chip = worn(32 * 1024);
    let sealed = |header, data| vec![Step::Challenge(4), Step::Secured(header, data, true)];
    let mut record = vec![0x27, 0x02, 0x7D, 0x01];
    record.resize(128, 0x44);
    for steps in [
        sealed([0x04, 0xD6, 0x95, 24], vec![0x20, 0x50, 0x12, 0x31]),
        sealed([0x04, 0xDC, 0x02, 0xD4], record),
        sealed([0x04, 0xE2, 0x00, 0xC8], vec![0x33; 48]),
        sealed([0x84, 0x1E, 0x00, 0x00], vec![]),
        sealed([0x84, 0x1E, 0x00, 0x01], vec![]),
        vec![Step::ReloadPin(vec![0x65, 0x43, 0x21], true)],
        vec![
            Step::Challenge(4),
            Step::UnblockPin(vec![0x65, 0x43, 0x21], true),
        ],
    ] {
        let steps = [vec![Step::Raw(select())], steps].concat();
        let after = chip.copy();
        perform(&after, &steps);
        let (old, new) = (Live::on(&chip).kept(), Live::on(&after).kept());
        assert_ne!(old, new, "{steps:?} changed nothing");
        let wrong = chip.copy();
        perform(&wrong, &steps.iter().map(spoilt).collect::<Vec<_>>());
        let spent = Live::on(&wrong).kept();
        let (mut stayed, mut changed) = (0, 0);
        every_cut(
            &chip,
            |chip| drop(perform(chip, &steps)),
            |cut, chip| match Live::on(chip).kept() {
                found if found == old || found == spent => stayed += 1,
                found if found == new => changed += 1,
                _ => panic!("{cut:?} of {steps:?}: between old and new"),
            },
        );
        assert!(stayed > changed && changed > 0);
    }
}
