use std::collections::VecDeque;

use super::*;

/// A card that knows which commands come, and answers each by rote.
struct StubCard {
    script: VecDeque<(Vec<u8>, Vec<u8>)>,
}

impl StubCard {
    fn new(script: &[(&[u8], &[u8])]) -> Self {
        let script = script
            .iter()
            .map(|(command, answer)| (command.to_vec(), answer.to_vec()))
            .collect();
        Self { script }
    }
}

impl CardChannel for StubCard {
    fn atr(&self) -> Vec<u8> {
        Vec::new()
    }

    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let (command, answer) = self.script.pop_front().expect("one command more than told");
        assert_eq!(apdu, command);
        Ok(answer)
    }

    fn reset(&mut self) -> Result<(), ReaderError> {
        Ok(())
    }
}

fn check(command: &[u8], script: &[(&[u8], &[u8])], whole: &[u8]) {
    let mut card = StubCard::new(script);
    assert_eq!(card.transmit(command).unwrap(), whole);
    assert!(card.script.is_empty(), "fewer commands than told");
}

#[test]
fn an_answer_that_is_whole_stays_as_it_is() {
    check(
        &[0x00, 0xB0, 0x95, 0x00, 0x00],
        &[(&[0x00, 0xB0, 0x95, 0x00, 0x00], &[1, 2, 0x90, 0x00])],
        &[1, 2, 0x90, 0x00],
    );
}

#[test]
fn announced_bytes_are_collected_on_the_commands_channel() {
    for (cla, again) in [
        (0x00, 0x00),
        (0x80, 0x00),
        (0x84, 0x00),
        (0x83, 0x03),
        (0xC2, 0x42),
    ] {
        check(
            &[cla, 0xCA, 0x00, 0x66, 0x00],
            &[
                (&[cla, 0xCA, 0x00, 0x66, 0x00], &[1, 0x61, 0x02]),
                (&[again, 0xC0, 0x00, 0x00, 0x02], &[2, 3, 0x61, 0x01]),
                (&[again, 0xC0, 0x00, 0x00, 0x01], &[4, 0x90, 0x00]),
            ],
            &[1, 2, 3, 4, 0x90, 0x00],
        );
    }
}

#[test]
fn a_wrong_length_is_asked_again_with_the_right_one() {
    for (command, again) in [
        (vec![0x00, 0x84, 0, 0], vec![0x00, 0x84, 0, 0, 4]),
        (vec![0x00, 0x84, 0, 0, 9], vec![0x00, 0x84, 0, 0, 4]),
        (
            vec![0x80, 0x50, 0, 2, 1, 7],
            vec![0x80, 0x50, 0, 2, 1, 7, 4],
        ),
        (
            vec![0x80, 0x50, 0, 2, 1, 7, 9],
            vec![0x80, 0x50, 0, 2, 1, 7, 4],
        ),
    ] {
        check(
            &command,
            &[
                (&command, &[0x6C, 0x04]),
                (&again, &[1, 2, 3, 4, 0x90, 0x00]),
            ],
            &[1, 2, 3, 4, 0x90, 0x00],
        );
    }
}

#[test]
fn a_card_that_corrects_itself_twice_is_believed_once() {
    check(
        &[0x00, 0x84, 0, 0, 9],
        &[
            (&[0x00, 0x84, 0, 0, 9], &[0x6C, 0x04]),
            (&[0x00, 0x84, 0, 0, 4], &[0x6C, 0x05]),
        ],
        &[0x6C, 0x05],
    );
}

#[test]
fn a_card_that_announces_for_ever_is_given_up() {
    let mut card = StubCard::new(&[
        (&[0x00, 0xC0, 0, 0], &[0x61, 0x10]),
        (&[0x00, 0xC0, 0, 0, 0x10], &[0x61, 0x10]),
    ]);
    let error = card.transmit(&[0x00, 0xC0, 0, 0]).unwrap_err();
    assert!(matches!(error, ReaderError::EndlessAnswer { .. }));
}

#[test]
fn an_answer_without_status_word_is_refused() {
    let mut card = StubCard::new(&[(&[0x00, 0x84, 0, 0], &[0x90])]);
    let error = card.transmit(&[0x00, 0x84, 0, 0]).unwrap_err();
    assert!(matches!(
        error,
        ReaderError::ShortAnswer { length_bytes: 1 }
    ));
}
