//! Power taken away to save a guess: whatever can be guessed is paid for before it is judged.
//!
//! Who guesses a MAC or a PIN watches the card and cuts the power when it seems to have been wrong.
//! So a right guess and a wrong one write the same bytes in the same writes until the try is
//! spent, and at every byte before that the card has judged nothing.

use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::ecash::Ecash;
use tongtu_testkit::ecash::sequence::{Step as Cash, Tap, select_ecash};
use tongtu_testkit::purse::terminal::Step;
use tongtu_testkit::sequence::select;
use tongtu_testkit::tear::{Chip, Cut, Half, cuts};

use crate::live::Live;
use crate::model_ecash::pair;
use crate::tear_purse::{composite, perform, spoilt, worn};

/// Plays a right guess and a wrong one, whole and cut at every byte of every write of the wrong
/// one.
fn is_paid_for(what: &str, before: &Chip, right: impl Fn(&Chip), wrong: impl Fn(&Chip)) {
    let whole = |play: &dyn Fn(&Chip)| {
        let chip = before.copy();
        play(&chip);
        (chip.writes(), Live::on(&chip).kept())
    };
    let (writes, spent) = whole(&wrong);
    let (all, new) = whole(&right);
    let old = Live::on(before).kept();
    assert!(
        old != spent && spent != new,
        "{what}: the guess costs something"
    );
    assert!(
        writes.len() < all.len() && all.starts_with(&writes),
        "{what}: {writes:?} of a wrong guess, {all:?} of a right one"
    );
    let torn = |play: &dyn Fn(&Chip), cut: Cut| {
        let chip = before.copy();
        chip.arm(cut);
        play(&chip);
        assert!(chip.is_dead(), "{what}: {cut:?}");
        chip.revive();
        chip
    };
    for cut in cuts(&writes) {
        let (one, other) = (torn(&right, cut), torn(&wrong, cut));
        assert!(
            one.bytes() == other.bytes(),
            "{what}: {cut:?} tells them apart"
        );
    }
    let last = writes.len() - 1;
    let done = Cut {
        write: last,
        kept: writes[last],
        half: Half::Old,
        from_end: false,
    };
    for play in [&right as &dyn Fn(&Chip), &wrong] {
        assert!(Live::on(&torn(play, done)).kept() == spent, "{what}: spent");
    }
}

fn steps(middle: Vec<Step>) -> Vec<Step> {
    [vec![Step::Raw(select())], middle].concat()
}

/// Every guess at a purse.
fn guesses() -> Vec<Vec<Step>> {
    let begun = |what| Step::Initialize(what, 1, 100, [0x31; 6]);
    let sealed = |header, data| vec![Step::Challenge(4), Step::Secured(header, data, true)];
    let pin = vec![0x65, 0x43, 0x21];
    vec![
        vec![begun(0), Step::Finish(true)],
        vec![begun(1), Step::Finish(true)],
        vec![begun(5), Step::Finish(true)],
        vec![begun(3), composite(1, 9), Step::Finish(true)],
        sealed([0x04, 0xD6, 0x95, 24], vec![0x20, 0x50, 0x12, 0x31]),
        sealed([0x04, 0xE2, 0x00, 0xC8], vec![0x33; 48]),
        sealed([0x84, 0x1E, 0x00, 0x00], vec![]),
        sealed([0x84, 0x1E, 0x00, 0x01], vec![]),
        sealed([0x84, 0x16, 0x00, 0x00], vec![]),
        vec![Step::ReloadPin(pin.clone(), true)],
        vec![Step::Challenge(4), Step::UnblockPin(pin, true)],
        vec![Step::Challenge(8), Step::External(1, true)],
        vec![Step::Raw(vec![0x00, 0x20, 0, 0, 3, 0x12, 0x34, 0x56])],
    ]
}

fn play(steps: &[Step]) -> impl Fn(&Chip) {
    let steps = steps.to_vec();
    move |chip| drop(perform(chip, &steps))
}

#[test]
fn a_guess_at_a_purse_is_paid_for_before_it_is_judged() {
    let mut chips = vec![worn(32 * 1024)];
    // After one wrong guess of every kind, so that a right one gives something back.
    let tried = chips[0].copy();
    for guess in [1, 9, 11, 12] {
        let wrong: Vec<Step> = guesses()[guess].iter().map(spoilt).collect();
        perform(&tried, &steps(wrong));
    }
    chips.push(tried);
    for before in chips.iter().map(Chip::copy) {
        for guess in guesses() {
            let right = steps(guess);
            let wrong: Vec<Step> = right.iter().map(spoilt).collect();
            // Without a change of its own, and the count at its start, a right guess ends where it
            // began.
            is_paid_for(&format!("{right:?}"), &before, play(&right), play(&wrong));
        }
    }
}

#[test]
fn a_guess_is_paid_for_while_the_journal_changes_banks() {
    let right = steps(vec![
        Step::Initialize(1, 1, 1, [0x31; 6]),
        Step::Finish(true),
    ]);
    let wrong: Vec<Step> = right.iter().map(spoilt).collect();
    let mut moves = 0;
    // Where a bank is full depends on its size: at the try, or at the payment.
    for size in (0..8).map(|more| 9 * 1024 + 64 * more) {
        let mut chip = worn(size);
        for _ in 0..40 {
            let guessed = chip.copy();
            perform(&guessed, &wrong);
            // End mark and frame of a commit; a move to the other bank has more.
            if guessed.writes().len() > 2 {
                moves += 1;
                is_paid_for("a purchase", &chip, play(&right), play(&wrong));
                break;
            }
            perform(&chip, &right);
            chip = chip.copy();
        }
    }
    assert!(moves > 0);
}

#[test]
fn a_right_mac_after_two_wrong_ones_locks_if_power_goes_before_it_is_judged() {
    let chip = worn(32 * 1024);
    let right = steps(vec![
        Step::Initialize(1, 1, 100, [0x31; 6]),
        Step::Finish(true),
    ]);
    let wrong: Vec<Step> = right.iter().map(spoilt).collect();
    perform(&chip, &wrong);
    perform(&chip, &wrong);
    let before = chip.copy();
    is_paid_for("the last try", &before, play(&right), play(&wrong));
    let answers = perform(&before.copy(), &right);
    assert!(answers.last().expect("answers").ends_with(&[0x90, 0x00]));
    let locked = before.copy();
    perform(&locked, &wrong);
    assert_eq!(Live::on(&locked).send(&select()), [0x93, 0x03]);
    // Given back: a purse that was paid with has three tries again.
    let paid = before.copy();
    perform(&paid, &right);
    perform(&paid, &wrong);
    perform(&paid, &wrong);
    assert!(Live::on(&paid).send(&select()).ends_with(&[0x90, 0x00]));
}

/// Plays steps of an e-cash until power is lost.
fn perform_cash(chip: &Chip, model: &Ecash, steps: &[Cash]) {
    let (mut live, mut model) = (Live::on(chip), model.clone());
    for step in steps {
        let command = model.command(step).expect("no reset");
        let Some(answer) = live.try_send(&command) else {
            break;
        };
        model.apdu(&command, &answer);
    }
}

#[test]
fn a_guess_at_an_e_cash_is_paid_for_before_it_is_judged() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let (chip, model) = pair(algorithm);
        let select = Cash::Raw(select_ecash(&model.profile));
        let mut online = Tap::offline(1);
        online.qualifiers = [0x26, 0x80, 0, 0];
        let block = vec![
            select.clone(),
            Cash::Raw(online.options(&model.profile)),
            Cash::Issuer(true),
            Cash::Script([0x84, 0x1E, 0, 0], vec![], true),
            select.clone(),
        ];
        let record = [&[0x2E, 0x77, 5][..], &[9; 5]].concat();
        for guess in [
            |is_right, _: &[u8]| Cash::Verify(is_right),
            |is_right, record: &[u8]| Cash::Append(0x1A, [7; 16], record.to_vec(), is_right),
            |is_right, _: &[u8]| Cash::Unblock(is_right),
        ] {
            let is_unblock = matches!(guess(true, &record), Cash::Unblock(_));
            let (mut before, mut told) = (chip.copy(), model.clone());
            if is_unblock {
                let mut live = Live::on(&before);
                for step in &block {
                    let command = told.command(step).expect("no reset");
                    let answer = live.send(&command);
                    told.apdu(&command, &answer);
                }
                told.reset();
            }
            before = before.copy();
            let steps = |is_right| vec![select.clone(), guess(is_right, &record)];
            let play = |is_right| {
                let (told, steps) = (told.clone(), steps(is_right));
                move |chip: &Chip| perform_cash(chip, &told, &steps)
            };
            is_paid_for(
                &format!("{:?}", guess(true, &record)),
                &before,
                play(true),
                play(false),
            );
        }
    }
}
