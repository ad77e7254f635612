//! Power, channels and dispatch, on a card with nothing but its issuer domain and a purse.

use tongtu_apdu::select::{E_PURSE, ISSUER_DOMAIN};

use super::*;
use crate::factory::{Module, Preinstalled};
use crate::memory::RamMemory;

fn card() -> Card<RamMemory> {
    let blueprint = Blueprint {
        applications: vec![Preinstalled {
            module: Module::Purse,
            aid: E_PURSE,
            label: b"MOT_T_EP".to_vec(),
            priority: 1,
            parameters: Vec::new(),
            groups: Vec::new(),
        }],
        ..Blueprint::default()
    };
    Card::manufacture(RamMemory::default(), &blueprint, &mut |out: &mut [u8]| {
        out.fill(0x5A);
    })
    .expect("a plain blueprint")
}

fn send(card: &mut Card<RamMemory>, hex: &str) -> String {
    let apdu = tongtu_codec::hex_decode(&hex.replace(' ', "")).expect("a test writes hex");
    let mut entropy = |out: &mut [u8]| out.fill(0xA5);
    let mut env = Env {
        entropy: &mut entropy,
        interface: Interface::Contact,
    };
    let answer = card.transmit(&mut env, &apdu).expect("power stays");
    tongtu_codec::hex_encode(&answer)
}

#[test]
fn every_byte_string_gets_an_answer() {
    let mut card = card();
    assert_eq!(send(&mut card, ""), "6700");
    assert_eq!(send(&mut card, "00A404"), "6700");
    assert_eq!(send(&mut card, "FF000000"), "6e00");
    assert_eq!(send(&mut card, "01A40400"), "6881");
}

#[test]
fn selects_by_a_part_and_the_next_and_the_issuer_domain_by_nothing() {
    let mut card = card();
    assert!(send(&mut card, "00A4040008A00000063201010500").ends_with("9000"));
    assert!(send(&mut card, "00A4040005A00000063200").ends_with("9000"));
    assert_eq!(send(&mut card, "00A4040205A00000063200"), "6a82");
    assert_eq!(send(&mut card, "00A4040005A0000009FF00"), "6a82");
    assert!(send(&mut card, "00A4040000").ends_with("9000"));
    let isd = tongtu_codec::hex_encode(ISSUER_DOMAIN.as_bytes());
    assert!(send(&mut card, &format!("00A4040008{isd}00")).ends_with("9000"));
}

#[test]
fn the_master_file_is_what_is_selected_after_a_reset_and_no_other_file_has_an_id() {
    let mut card = card();
    let root = send(&mut card, "00A4040000");
    for select in ["00A40000023F00", "00A40000023F0000", "00A4000000"] {
        assert!(send(&mut card, "00A4040008A00000063201010500").ends_with("9000"));
        assert_eq!(send(&mut card, select), root, "{select}");
        assert_eq!(send(&mut card, "805C000204"), "6d00", "not the purse's");
    }
    assert!(send(&mut card, "00A4040008A00000063201010500").ends_with("9000"));
    for (select, sw) in [
        ("00A4000002100100", "6a82"),
        ("00A40000020015", "6a82"),
        ("00A40000013F", "6700"),
        ("00A40000033F0000", "6700"),
        ("00A40002023F00", "6a86"),
        ("80A40000023F00", "6d00"),
    ] {
        assert_eq!(send(&mut card, select), sw, "{select}");
        // A selection that finds nothing leaves the purse selected.
        assert_ne!(send(&mut card, "805C000204"), "6d00", "{select}");
    }
}

#[test]
fn channels_open_and_close() {
    let mut card = card();
    assert_eq!(send(&mut card, "0070000001"), "019000");
    assert_eq!(send(&mut card, "0070000001"), "029000");
    assert!(send(&mut card, "01A4040008A00000063201010500").ends_with("9000"));
    assert_eq!(send(&mut card, "00708001"), "9000");
    assert_eq!(send(&mut card, "00708001"), "6200");
    assert_eq!(send(&mut card, "00708000"), "6a86");
    // A named one, as ISO/IEC 7816-4 has it: no number in the answer, and not twice.
    assert_eq!(send(&mut card, "00700013"), "9000");
    assert!(send(&mut card, "4FA4040008A00000063201010500").ends_with("9000"));
    assert_eq!(send(&mut card, "00700013"), "6a81");
    assert_eq!(send(&mut card, "00700002"), "6a81");
    assert_eq!(send(&mut card, "00700014"), "6a86");
    assert_eq!(send(&mut card, "0070000001"), "019000");
    assert_eq!(send(&mut card, "0070000001"), "039000");
    assert_eq!(send(&mut card, "00708001"), "9000");
    assert_eq!(send(&mut card, "00708014"), "6881");
    assert_eq!(send(&mut card, "01A4040008A00000063201010500"), "6881");
    for _ in 0..16 {
        assert!(send(&mut card, "0070000001").ends_with("9000"));
    }
    assert_eq!(send(&mut card, "0070000001"), "6a81", "twenty are open");
    card.reset();
    assert_eq!(send(&mut card, "02A4040008A00000063201010500"), "6881");
}

#[test]
fn comes_up_again_from_its_memory() {
    let memory = card().power_down();
    let mut again = Card::power_up(memory).expect("a card is in it");
    assert!(send(&mut again, "00A4040008A00000063201010500").ends_with("9000"));
    let error = Card::power_up(RamMemory::default())
        .map(|_| ())
        .expect_err("blank");
    assert_eq!(error, PowerUpError::Memory(OpenError::NotFormatted));
}
