//! The commands of a module, on a blank one.

use proptest::prelude::*;
use tongtu_apdu::Command;
use tongtu_card::{Memory, Torn};
use tongtu_codec::hex_decode;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_perso::{commands, script};
use tongtu_psam::{CardFactor, Psam as _, PsamAnswer, PsamRequest, PurchaseRequest};
use tongtu_purse::field::{Amount, DateTime, Institution, Kind};
use tongtu_purse::proof::{self, Deal};
use tongtu_sam::{BlankPsam, OpenError, SoftPsam};

use crate::fixture::{PURCHASE, TRANSPORT, module};

/// Memory that may lose its power at a write.
#[derive(Clone)]
struct Cells {
    bytes: Vec<u8>,
    writes_left: Option<usize>,
}

impl Cells {
    fn new() -> Self {
        Self {
            bytes: vec![0xFF; 8192],
            writes_left: None,
        }
    }
}

impl Memory for Cells {
    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        out.copy_from_slice(&self.bytes[at..at + out.len()]);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        if let Some(left) = &mut self.writes_left {
            *left = left.checked_sub(1).ok_or(Torn)?;
        }
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn blank() -> BlankPsam<Cells> {
    BlankPsam::manufacture(Cells::new(), Algorithm::Sm4, TRANSPORT).unwrap()
}

fn all() -> Vec<Command> {
    commands(&module(1)).unwrap()
}

fn send(blank: &mut BlankPsam<Cells>, command: &Command) -> Vec<u8> {
    let answer = blank.transmit(&command.encode().unwrap()).unwrap();
    answer[answer.len() - 2..].to_vec()
}

#[test]
fn a_blank_module_takes_its_script_and_vouches_for_a_purchase() {
    let mut blank = blank();
    for line in script(&module(1)).unwrap().lines().skip(1) {
        let (apdu, expected) = line.split_once(" => *").unwrap();
        let answer = blank.transmit(&hex_decode(apdu).unwrap()).unwrap();
        assert!(answer.ends_with(&hex_decode(expected).unwrap()), "{line}");
    }
    // As it is in its slot: what counts is in its memory.
    let mut module = SoftPsam::power_up(blank.power_down()).unwrap();
    assert_eq!(*module.identity(), crate::fixture::module(1).identity);
    let issuer = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    let card = CardFactor([0x48, 0x99, 0x99, 0x99, 0, 0, 0, 0x17]);
    for (identifier, algorithm) in [(0x00, Algorithm::Tdes), (0x04, Algorithm::Sm4)] {
        let at = DateTime([0x20, 0x26, 0x11, 0x26, 0x08, 0x00, 0x00]);
        let answer = module.ask(&PsamRequest::Purchase(PurchaseRequest {
            random: [1, 2, 3, 4],
            sequence: 7,
            amount: Amount::new(200),
            kind: Kind::PURCHASE,
            at,
            key_version: 1,
            algorithm: identifier,
            card,
            issuer,
        }));
        let Ok(PsamAnswer::Permit {
            terminal_sequence,
            mac1,
        }) = answer
        else {
            panic!("{answer:?}");
        };
        let master = BlockKey::new(algorithm, PURCHASE);
        let key = tongtu_crypto::diversify::levels(&master, &[issuer.0, card.0]);
        let session = proof::purchase_session(&key, [1, 2, 3, 4], 7, terminal_sequence);
        let deal = Deal {
            amount: Amount::new(200),
            kind: Kind::PURCHASE,
            terminal: module.identity().terminal,
        };
        assert_eq!(mac1, deal.purchase_mac1(&session, at));
    }
}

#[test]
fn a_module_that_was_finished_takes_no_further_command() {
    let mut blank = blank();
    for command in all() {
        assert_eq!(send(&mut blank, &command), [0x90, 0x00]);
    }
    for command in all() {
        assert_eq!(send(&mut blank, &command), [0x6D, 0x00]);
    }
    let memory = blank.power_down();
    assert_eq!(BlankPsam::power_up(memory).err(), Some(OpenError::NotBlank));
}

#[test]
fn a_module_is_not_finished_while_something_is_missing() {
    let commands = all();
    let (end, before) = commands.split_last().unwrap();
    for missing in [1, 2, 4] {
        let mut blank = blank();
        for (at, command) in before.iter().enumerate() {
            if at != missing {
                assert_eq!(send(&mut blank, command), [0x90, 0x00]);
            }
        }
        assert_eq!(send(&mut blank, end), [0x69, 0x85], "{missing}");
        assert_eq!(blank.into_module().err(), Some(OpenError::NotAModule));
    }
}

#[test]
fn a_key_that_is_not_the_one_of_its_check_value_is_refused() {
    for at in 6..25 {
        let mut blank = blank();
        for command in all() {
            let mut command = command;
            let is_key = command.ins == 0xD4;
            if is_key {
                command.data[at] ^= 0x10;
            }
            let expected = match is_key {
                true => [0x6A, 0x80],
                false if command.ins == 0xDE => [0x69, 0x85],
                false => [0x90, 0x00],
            };
            assert_eq!(
                send(&mut blank, &command),
                expected,
                "byte {at}: {command:?}"
            );
        }
    }
}

#[test]
fn a_key_for_another_transport_key_is_refused() {
    let mut other = BlankPsam::manufacture(Cells::new(), Algorithm::Sm4, [0x78; 16]).unwrap();
    let keys = all().into_iter().filter(|command| command.ins == 0xD4);
    send(&mut other, &all()[3]);
    for command in keys {
        assert_eq!(send(&mut other, &command), [0x6A, 0x80]);
    }
}

#[test]
fn power_lost_at_any_write_leaves_a_blank_module_or_a_whole_one() {
    let mut whole = 0;
    for writes in 0..40 {
        let mut blank = blank();
        let commands = all();
        for command in &commands[..commands.len() - 1] {
            send(&mut blank, command);
        }
        let mut memory = blank.power_down();
        memory.writes_left = None;
        // Everything before the last command is volatile, so it is sent again after the cut.
        let mut blank = BlankPsam::power_up(Cells {
            writes_left: Some(writes),
            ..memory
        })
        .unwrap();
        for command in &commands[..commands.len() - 1] {
            send(&mut blank, command);
        }
        let last = commands[commands.len() - 1].encode().unwrap();
        let is_done = blank.transmit(&last).is_ok();
        let mut memory = blank.power_down();
        memory.writes_left = None;
        match SoftPsam::power_up(memory.clone()) {
            Ok(module) => {
                whole += 1;
                assert_eq!(module.keys().count(), 2);
                assert!(BlankPsam::power_up(memory).is_err());
            }
            Err(error) => {
                assert_eq!(error, OpenError::NotAModule);
                assert!(!is_done);
                assert!(BlankPsam::power_up(memory).is_ok());
            }
        }
    }
    assert!((1..40).contains(&whole), "{whole}");
}

proptest! {
    #[test]
    fn no_bytes_panic_and_a_blank_module_stays_blank_until_its_end(
        apdus in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                // Commands of the script, each with a byte of its own.
                (0..7_usize, 0..40_usize, any::<u8>()).prop_map(|(at, byte, value)| {
                    let mut apdu = all()[at].encode().unwrap();
                    let len = apdu.len();
                    apdu[byte % len] = value;
                    apdu
                }),
            ],
            0..30,
        )
    ) {
        let mut blank = blank();
        for apdu in &apdus {
            let answer = blank.transmit(apdu).unwrap();
            prop_assert!(answer.len() >= 2);
        }
        // None of these is the end with every part before it.
        let memory = blank.power_down();
        prop_assert_eq!(SoftPsam::power_up(memory).err(), Some(OpenError::NotAModule));
    }
}
