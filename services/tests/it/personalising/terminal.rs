//! A POS terminal's keys, from the host's custody to the terminal.

use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_hsm::{Custody as _, Mark};
use tongtu_keyring::code::KeyAlgorithm;
use tongtu_pos_key::TerminalKeys;
use tongtu_pos_key::layout::Injection;
use tongtu_services::personalising::{PersonalisingError, TerminalRoom};

use super::{Room, city, label};

const TRANSPORT: [u8; 16] = [0x77; 16];

#[test]
fn a_terminal_takes_its_master_key_and_new_work_keys_at_each_sign_in() {
    for (algorithm, book) in [
        (Algorithm::Tdes, KeyAlgorithm::Tdes),
        (Algorithm::Sm4, KeyAlgorithm::Sm4),
    ] {
        let mut room = Room::new(&format!("pos-{algorithm:?}"));
        let transport = room.transport("INJECT", book, TRANSPORT);
        let mut terminals = TerminalRoom::new(&mut room.custody, city(), Mark::Test);
        terminals.make("20010001", algorithm).unwrap();
        let file = terminals.injection("20010001", transport).unwrap();
        let file = Injection::read_all(&file.encode().unwrap()).unwrap();
        let master = file[0].open(&BlockKey::new(algorithm, TRANSPORT)).unwrap();
        let mut keys = TerminalKeys::new(master);
        let mut seen = Vec::new();
        for with_track in [true, false, true] {
            let field = terminals.sign_in("20010001", with_track).unwrap();
            assert_eq!(field.len(), if with_track { 60 } else { 40 });
            let work = keys.sign_in(&field).unwrap();
            assert_eq!(work.track.is_some(), with_track);
            assert!(!work.mac.is_single);
            seen.extend([work.pin.long_kcv(), work.mac.key.long_kcv()]);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 6);
    }
}

#[test]
fn a_terminal_that_is_there_keeps_its_master_key() {
    let mut room = Room::new("pos-again");
    let mut terminals = TerminalRoom::new(&mut room.custody, city(), Mark::Test);
    terminals.make("20010001", Algorithm::Sm4).unwrap();
    terminals.make("20010001", Algorithm::Sm4).unwrap();
    let other = terminals.make("20010001", Algorithm::Tdes);
    assert!(matches!(other, Err(PersonalisingError::Occupied { .. })));
    assert_eq!(room.custody.list().unwrap().len(), 1);
}

#[test]
fn a_terminal_without_a_master_key_gets_no_work_keys() {
    let mut room = Room::new("pos-none");
    let mut terminals = TerminalRoom::new(&mut room.custody, city(), Mark::Test);
    let refused = terminals.sign_in("20010001", true);
    assert!(matches!(
        refused,
        Err(PersonalisingError::NoTerminal { .. })
    ));
}

#[test]
fn a_master_key_goes_under_a_transport_key_of_its_algorithm_only() {
    let mut room = Room::new("pos-transport");
    let transport = room.transport("INJECT", KeyAlgorithm::Aes, TRANSPORT);
    let mut terminals = TerminalRoom::new(&mut room.custody, city(), Mark::Test);
    terminals.make("20010001", Algorithm::Sm4).unwrap();
    let refused = terminals.injection("20010001", transport);
    assert!(matches!(
        refused,
        Err(PersonalisingError::TransportKey { .. })
    ));
}

#[test]
fn check_values_of_four_bytes_are_for_keys_of_terminals_only() {
    let mut room = Room::new("pos-check");
    let transport = room.transport("INJECT", KeyAlgorithm::Sm4, TRANSPORT);
    assert!(room.custody.long_check(transport).is_err());
    let mut terminals = TerminalRoom::new(&mut room.custody, city(), Mark::Test);
    terminals.make("20010001", Algorithm::Sm4).unwrap();
    assert!(room.custody.long_check(label("TMK-20010001")).is_ok());
}
