//! The directory follows the registry.

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, PPSE};

use super::*;
use crate::bench::entry;

fn dual() -> Registry {
    let mut registry = Registry::default();
    registry.entries.extend([
        entry(2, AppletKind::Ppse, PPSE, b"2PAY", 0),
        entry(3, AppletKind::Purse, E_PURSE, b"MOT_T_EP", 2),
        entry(4, AppletKind::Ecash, E_CASH, b"MOT_T_CASH", 1),
    ]);
    registry
}

fn listed(registry: &Registry) -> Vec<Aid> {
    let directory = Directory::parse(&fci(registry)).expect("our own bytes");
    directory.entries.iter().map(|entry| entry.aid).collect()
}

#[test]
fn every_change_of_the_registry_shows_at_the_next_selection() {
    let mut registry = dual();
    assert_eq!(listed(&registry), [E_CASH, E_PURSE]);
    registry.entries[2].priority = 3;
    assert_eq!(listed(&registry), [E_PURSE, E_CASH], "priority changed");
    registry.entries[1].state = 0x87;
    assert_eq!(listed(&registry), [E_CASH], "locked");
    registry.entries[1].state = 0x0F;
    assert_eq!(listed(&registry), [E_PURSE, E_CASH], "a state of its own");
    registry.entries[1].state = 0x03;
    assert_eq!(listed(&registry), [E_CASH], "installed only");
    registry.entries.remove(2);
    assert_eq!(listed(&registry), [], "deleted");
    let code = Aid::new(&[0xF0; 8]);
    let code_entry = entry(9, AppletKind::RideCode, code, b"QR", 1);
    registry.entries.push(code_entry);
    assert_eq!(listed(&registry), [code], "installed");
    registry.entries[2].label.clear();
    assert_eq!(listed(&registry), [], "without a label");
    registry.entries[2].label = b"QR".to_vec();
    registry.entries[2].kind = AppletKind::Domain;
    assert_eq!(listed(&registry), [], "a domain");
}

#[test]
fn no_priority_comes_last_and_equals_keep_their_order() {
    let mut registry = dual();
    for entry in &mut registry.entries {
        entry.priority = 0;
    }
    assert_eq!(listed(&registry), [E_PURSE, E_CASH]);
    registry.entries[2].priority = 15;
    assert_eq!(listed(&registry), [E_CASH, E_PURSE]);
    registry.entries[1].priority = 0x81;
    assert_eq!(listed(&registry), [E_PURSE, E_CASH], "the low half counts");
}

#[test]
fn what_one_answer_cannot_carry_is_left_out_lowest_priority_first() {
    let mut registry = Registry::default();
    for number in 1..=12 {
        let aid = Aid::new(&[&[0xA0; 15][..], &[number]].concat());
        let priority = 13 - number;
        let kind = AppletKind::Purse;
        let entry = entry(number.into(), kind, aid, &[b'L'; 16], priority);
        registry.entries.push(entry);
    }
    let bytes = fci(&registry);
    assert!(bytes.len() <= FCI_LEN_MAX && bytes.len() > 200);
    let directory = Directory::parse(&bytes).expect("our own bytes");
    let ranks: Vec<u8> = directory.entries.iter().map(|e| e.priority).collect();
    assert_eq!(ranks, [1, 2, 3, 4, 5]);
}
