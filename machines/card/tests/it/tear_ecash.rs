//! An e-cash torn out in the middle of a payment, at every byte of every write and of the line.
//!
//! The owner's tests tear the single commands; here the whole payment is torn, and the naive model,
//! which cannot be torn, says what the old state and the new one are.

use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::ecash::Ecash;
use tongtu_testkit::ecash::sequence::{Step, Tap, payment, read, select_ecash};
use tongtu_testkit::tear::{Chip, Exchange, Line, every_cut};

use crate::live::Live;
use crate::model_ecash::pair;

/// What a reader sees of the money: balance, counter, newest log record, and the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen(Vec<Vec<u8>>);

fn looks(model: &Ecash, atc: u16) -> Vec<Vec<u8>> {
    let [high, low] = atc.to_be_bytes();
    vec![
        select_ecash(&model.profile),
        vec![0x80, 0xCA, 0x9F, 0x79, 0x00],
        vec![0x80, 0xCA, 0x9F, 0x36, 0x00],
        read(0x0B, 1),
        read(0x0B, 2),
        vec![0x80, 0x5A, 0, 0, 2, high, low, 8],
    ]
}

fn of_card(chip: &Chip, model: &Ecash, atc: u16) -> Seen {
    let mut live = Live::on(chip);
    Seen(
        looks(model, atc)
            .iter()
            .map(|look| live.send(look))
            .collect(),
    )
}

fn of_model(mut model: Ecash, atc: u16) -> Seen {
    model.reset();
    let looks = looks(&model, atc);
    let answers = looks.iter().map(|look| model.apdu(look, &[]));
    Seen(
        answers
            .map(|answer| answer.expect("its own commands"))
            .collect(),
    )
}

fn bytes(step: &Step) -> Vec<u8> {
    match step {
        Step::Raw(bytes) => bytes.clone(),
        other => panic!("{other:?} in a payment"),
    }
}

/// A payment, and what the model says of the card after each of its commands.
struct Story {
    commands: Vec<Vec<u8>>,
    states: Vec<Seen>,
    atc: u16,
    model: Ecash,
}

impl Story {
    fn of(chip: &Chip, model: &Ecash) -> Self {
        let steps = payment(&model.profile, &Tap::offline(250));
        let commands: Vec<Vec<u8>> = steps.iter().map(bytes).collect();
        let atc = model.state.atc + 1;
        let mut live = Live::on(&chip.copy());
        let mut told = model.clone();
        let mut states = vec![of_model(told.clone(), atc)];
        for command in &commands {
            let answer = live.send(command);
            assert_eq!(told.apdu(command, &answer), Some(answer));
            states.push(of_model(told.clone(), atc));
        }
        assert_eq!(told.state.balance, model.state.balance - 250);
        Self {
            commands,
            states,
            atc,
            model: model.clone(),
        }
    }

    fn seen(&self, chip: &Chip) -> Seen {
        of_card(chip, &self.model, self.atc)
    }
}

/// A card that has paid once before.
fn prepared(algorithm: Algorithm) -> (Chip, Ecash) {
    let (chip, mut model) = pair(algorithm);
    let mut live = Live::on(&chip);
    for step in payment(&model.profile, &Tap::offline(100)) {
        let command = bytes(&step);
        let answer = live.send(&command);
        model.apdu(&command, &answer);
    }
    drop(live);
    model.reset();
    (chip, model)
}

#[test]
fn a_payment_torn_at_every_byte_of_every_write_is_one_of_the_model_s_states() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let (chip, model) = prepared(algorithm);
        let story = Story::of(&chip, &model);
        let mut places = vec![0; story.states.len()];
        let cuts = every_cut(
            &chip,
            |chip| {
                let mut live = Live::on(chip);
                for command in &story.commands {
                    if live.try_send(command).is_none() {
                        break;
                    }
                }
            },
            |cut, chip| {
                let seen = story.seen(chip);
                let place = story.states.iter().position(|state| *state == seen);
                places[place.unwrap_or_else(|| panic!("{cut:?}: no state of the model"))] += 1;
            },
        );
        // Nothing happened; the counter was raised; the money is gone.
        let counts: Vec<i32> = places.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(counts.len(), 3, "{counts:?} of {cuts}");
    }
}

#[test]
fn a_payment_torn_at_every_byte_on_the_line_is_where_the_last_whole_command_left_it() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let (chip, model) = prepared(algorithm);
        let story = Story::of(&chip, &model);
        let mut lost = 0;
        loop {
            let torn = chip.copy();
            let mut live = Live::on(&torn);
            let mut line = Line::breaking_after(lost);
            let mut done = 0;
            let mut broke = false;
            for command in &story.commands {
                let exchange = line.exchange(command, |command| live.send(command));
                done += usize::from(exchange != Exchange::Undelivered);
                broke = !matches!(exchange, Exchange::Answered(_));
                if broke {
                    break;
                }
            }
            drop(live);
            assert_eq!(story.seen(&torn), story.states[done], "after {lost} bytes");
            if !broke {
                break;
            }
            lost += 1;
        }
        assert!(lost > 400, "{lost}");
    }
}
