//! The e-purse on the card against the naive model: every answer, every file.

use proptest::prelude::*;
use tongtu_card::journal::{Batch, Nvm, ObjectId};
use tongtu_purse::field::Limit;
use tongtu_purse::perso;
use tongtu_purse::profile::{KeyIndex, Profile as Ours, Wallet};
use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::purse::Purse;
use tongtu_testkit::purse::profile::{File, Profile};
use tongtu_testkit::purse::terminal::{Step, Terminal};
use tongtu_testkit::sequence::{dialogues, select};
use tongtu_testkit::tear::Chip;

use crate::live::{Live, purse_chip};
use crate::tear::Cells;

/// The same card twice: made by us, and told by the model.
fn pair_of(ours: &Ours, mut told: Profile) -> (Chip, Profile) {
    // Whose card it is stands in its files; that is data, like the keys.
    for group in ours.groups() {
        let sfi = match group.id {
            perso::PUBLIC => 0x15,
            perso::HOLDER => 0x16,
            perso::TRANSIT => 0x17,
            _ => continue,
        };
        told.files
            .insert(sfi, File::Transparent(group.value.to_vec()));
    }
    (purse_chip(32 * 1024, ours), told)
}

fn pair(algorithm: Algorithm) -> (Chip, Profile) {
    let ours = match algorithm {
        Algorithm::Tdes => tongtu_crypto::Algorithm::Tdes,
        Algorithm::Sm4 => tongtu_crypto::Algorithm::Sm4,
    };
    pair_of(&Ours::test_with(ours), Profile::test(algorithm))
}

/// A card with an overdraft limit, and loads only after the PIN.
fn strict_pair() -> (Chip, Profile) {
    let mut ours = Ours::test();
    ours.settings.overdraft = Limit::from_bytes([0x00, 0x13, 0x88]);
    ours.settings.pin_for_load = 1;
    let mut told = Profile::test(Algorithm::Tdes);
    told.overdraft = 5_000;
    told.pin_for_load = true;
    pair_of(&ours, told)
}

/// A card with an overdraft limit, and a second ticket at key index 3: of so many, so many at
/// most. Without one the index leads nowhere.
fn ticket_pair(ticket: Option<(u32, u32)>) -> (Chip, Profile) {
    let mut ours = Ours::test();
    ours.settings.overdraft = Limit::from_bytes([0x00, 0x00, 0x64]);
    ours.ticket = ticket;
    ours.indexes.push(KeyIndex {
        wallet: Wallet::Ticket,
        ..KeyIndex::purse(3, tongtu_crypto::Algorithm::Tdes, 1)
    });
    let ticket = ticket.map(|(count, max)| (i64::from(count), i64::from(max)));
    let mut told = Profile::test(Algorithm::Tdes).with_ticket(3, ticket);
    told.overdraft = 100;
    pair_of(&ours, told)
}

/// Where a purse keeps its state, and its two sequences there: 65 000 payments would be too many
/// for a test.
const STATE: ObjectId = ObjectId::new(2, 1);
const SEQUENCES: std::ops::Range<usize> = 9..13;

/// Sets the online and the offline sequence of a card.
fn wear(chip: &Chip, [online, offline]: [u16; 2]) {
    let mut nvm = Nvm::open(Cells(chip.clone())).expect("a card is on the chip");
    let mut state = nvm.get(STATE).expect("a purse has a state").to_vec();
    assert_eq!(state[SEQUENCES], [0; 4], "a new card");
    state[SEQUENCES].copy_from_slice(&[online.to_be_bytes(), offline.to_be_bytes()].concat());
    let mut batch = Batch::default();
    batch.put(STATE, state);
    nvm.commit(batch).expect("it is no longer than before");
    chip.revive();
}

/// Plays a sequence to both and compares every answer.
fn play(live: &mut Live, purse: &mut Purse, terminal: &mut Terminal, steps: &[Step]) {
    for (at, step) in steps.iter().enumerate() {
        let Some(command) = terminal.command(step) else {
            live.reset();
            purse.reset();
            continue;
        };
        let answer = live.send(&command);
        if let Some(expected) = purse.apdu(&command, &answer) {
            assert_eq!(
                shown(&answer),
                shown(&expected),
                "step {at}, {step:?}: the card, then the model, to {}",
                shown(&command)
            );
        }
        terminal.saw(&command, &answer);
    }
}

fn shown(bytes: &[u8]) -> String {
    tongtu_codec::hex_encode(bytes)
}

/// Every file, read from the card and laid beside the model's.
fn compare_files(live: &mut Live, purse: &Purse) {
    let selected = live.send(&select());
    if !selected.ends_with(&[0x90, 0x00]) {
        return;
    }
    for (sfi, file) in &purse.state.files {
        match file {
            File::Transparent(bytes) => {
                let answer = live.send(&[0x00, 0xB0, 0x80 | sfi, 0, 0]);
                assert_eq!(answer, [&bytes[..], &[0x90, 0x00]].concat(), "{sfi:02X}");
            }
            File::Linear { records, .. } | File::Cyclic { records, .. } => {
                for (number, record) in (1..).zip(records) {
                    let answer = live.send(&[0x00, 0xB2, number, sfi << 3 | 4, 0]);
                    let expected = [&record[..], &[0x90, 0x00]].concat();
                    assert_eq!(answer, expected, "{sfi:02X} {number}");
                }
                let number = u8::try_from(records.len() + 1).expect("few records");
                let answer = live.send(&[0x00, 0xB2, number, sfi << 3 | 4, 0]);
                assert_eq!(answer, [0x6A, 0x83], "{sfi:02X} {number}");
            }
        }
    }
}

fn check(pair: (Chip, Profile), steps: &[Step]) {
    check_worn(pair, [0, 0], steps);
}

/// The same on a card whose sequences have come so far.
fn check_worn((chip, profile): (Chip, Profile), sequences: [u16; 2], steps: &[Step]) {
    wear(&chip, sequences);
    let mut live = Live::on(&chip);
    let mut purse = Purse::new(profile.clone());
    [purse.state.online, purse.state.offline] = sequences;
    let mut terminal = Terminal::new(profile);
    let funds = [
        Step::Raw(select()),
        Step::Raw(vec![0x00, 0x20, 0x00, 0x00, 0x03, 0x12, 0x34, 0x56]),
        Step::Initialize(0, 1, 50_000, [0x11; 6]),
        Step::Finish(true),
    ];
    play(&mut live, &mut purse, &mut terminal, &funds);
    assert_eq!(purse.state.value, 50_000);
    play(&mut live, &mut purse, &mut terminal, steps);
    compare_files(&mut live, &purse);
    drop(live);
    purse.reset();
    let mut live = Live::on(&chip);
    compare_files(&mut live, &purse);
    compare_values(&mut live, &mut purse, &mut terminal);
}

/// What is left of money, ticket and sequences, by the answers to initialisations.
fn compare_values(live: &mut Live, purse: &mut Purse, terminal: &mut Terminal) {
    let mut steps = vec![Step::Raw(select())];
    for index in [1, 3] {
        steps.extend([0, 1, 3, 5].map(|what| Step::Initialize(what, index, 0, [0; 6])));
    }
    play(live, purse, terminal, &steps);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_has_the_model_s_answers_and_files_with_3des(steps in dialogues(25)) {
        check(pair(Algorithm::Tdes), &steps);
    }

    #[test]
    fn any_sequence_has_the_model_s_answers_and_files_with_sm4(steps in dialogues(25)) {
        check(pair(Algorithm::Sm4), &steps);
    }

    #[test]
    fn any_sequence_has_the_model_s_answers_with_an_overdraft_and_a_pin(steps in dialogues(25)) {
        check(strict_pair(), &steps);
    }

    #[test]
    fn any_sequence_has_the_model_s_answers_with_a_second_ticket(
        there in any::<bool>(),
        steps in dialogues(25),
    ) {
        check(ticket_pair(there.then_some((40, 300))), &steps);
    }

    #[test]
    fn any_sequence_has_the_model_s_answers_when_the_sequences_end(
        online in 0xFFFB_u16..0xFFFF,
        offline in 0xFFFB_u16..=0xFFFF,
        steps in dialogues(25),
    ) {
        check_worn(ticket_pair(Some((40, 300))), [online, offline], &steps);
    }
}

#[test]
fn two_channels_do_not_spend_one_balance_twice() {
    let (chip, profile) = pair(Algorithm::Tdes);
    let mut live = Live::on(&chip);
    let mut terminal = Terminal::new(profile);
    let on = |step| Step::On(1, Box::new(step));
    let pay = Step::Initialize(1, 1, 1_000, [0x22; 6]);
    for (step, sw) in [
        (Step::Raw(select()), 0x9000_u16),
        (Step::Initialize(0, 1, 1_000, [0x11; 6]), 0x9000),
        (Step::Finish(true), 0x9000),
        (Step::Raw(vec![0x00, 0x70, 0x00, 0x00, 0x01]), 0x9000),
        (on(Step::Raw(select())), 0x9000),
        (pay.clone(), 0x9000),
        (on(pay), 0x9000),
        (Step::Finish(true), 0x9000),
        (on(Step::Finish(true)), 0x6985),
    ] {
        let command = terminal.command(&step).expect("no reset");
        let answer = live.send(&command);
        assert!(
            answer.ends_with(&sw.to_be_bytes()),
            "{step:?}: {answer:02X?}"
        );
        terminal.saw(&command, &answer);
    }
    let balance = live.send(&[0x80, 0x5C, 0x03, 0x02, 0x04]);
    assert_eq!(balance, [0, 0, 0, 0, 0x90, 0x00]);
}

#[test]
fn what_goes_past_the_purse_ends_its_transaction_and_its_challenge() {
    let (chip, profile) = pair(Algorithm::Tdes);
    for past in [
        vec![0x00, 0xC0, 0x00, 0x00, 0x00],
        vec![0x00, 0x70, 0x00, 0x00, 0x01],
        vec![0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x09, 0xFF],
    ] {
        for (start, end, sw) in [
            (
                Step::Initialize(1, 1, 0, [0; 6]),
                Step::Finish(true),
                [0x69, 0x85],
            ),
            (
                Step::Challenge(4),
                Step::Secured([0x04, 0xD6, 0x95, 28], vec![1], true),
                [0x69, 0x88],
            ),
        ] {
            let mut live = Live::on(&chip.copy());
            let mut terminal = Terminal::new(profile.clone());
            for (step, sw) in [
                (Step::Raw(select()), [0x90, 0x00]),
                (start, [0x90, 0x00]),
                (Step::Raw(past.clone()), [0, 0]),
                (end, sw),
            ] {
                let command = terminal.command(&step).expect("no reset");
                let answer = live.send(&command);
                assert!(
                    sw == [0, 0] || answer.ends_with(&sw),
                    "{past:02X?}, {step:?}"
                );
                terminal.saw(&command, &answer);
            }
        }
    }
}
