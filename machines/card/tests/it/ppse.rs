//! The directory of a whole card, as a terminal reads it.

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, PPSE};
use tongtu_card::factory::{Module, Preinstalled};
use tongtu_codec::hex_encode;
use tongtu_nfc_code::NFC_CODE;
use tongtu_purse::fci::Directory;

use crate::desk::{Desk, application};

/// What an entry runs does not matter here; the ride code asks for nothing at installation.
fn listed(aid: Aid, label: &str, priority: u8) -> Preinstalled {
    application(Module::RideCode, aid, (label, priority), &[])
}

fn directory() -> Preinstalled {
    application(Module::Ppse, PPSE, ("", 0), &[])
}

#[test]
fn a_dual_card_answers_the_published_bytes() {
    let purse = listed(E_PURSE, "MOT_T_EP", 2);
    let cash = listed(E_CASH, "MOT_T_CASH", 1);
    let mut desk = Desk::with(vec![directory(), purse, cash]);
    // Of a published personalisation sample; a real dual card begins the same.
    let expected = concat!(
        "6f49840e325041592e5359532e4444463031a537bf0c34",
        "61194f08a000000632010106500a4d4f545f545f43415348870101",
        "61174f08a00000063201010550084d4f545f545f4550870102",
    );
    assert_eq!(hex_encode(&desk.select(PPSE)), expected);
}

#[test]
fn a_single_application_is_listed_with_its_whole_instance_aid() {
    let tail = [0x10, 0x00, 0x91, 0x56, 0x00, 0x00, 0x00, 0x01];
    let instance = Aid::new(&[E_PURSE.as_bytes(), &tail].concat());
    for (priority, last) in [(2, "870102"), (1, "870101")] {
        let purse = listed(instance, "MOT_T_EP", priority);
        let mut desk = Desk::with(vec![purse, directory()]);
        let fci = hex_encode(&desk.select(PPSE));
        let expected = concat!(
            "6f36840e325041592e5359532e4444463031a524bf0c21",
            "611f4f10a000000632010105100091560000000150084d4f545f545f4550",
        );
        assert_eq!(fci, format!("{expected}{last}"));
    }
}

#[test]
fn a_card_that_offers_nothing_answers_an_empty_directory() {
    let hidden = listed(E_PURSE, "", 1);
    let mut desk = Desk::with(vec![directory(), hidden]);
    let fci = desk.select(PPSE);
    assert_eq!(
        hex_encode(&fci),
        "6f15840e325041592e5359532e4444463031a503bf0c00"
    );
    assert_eq!(Directory::parse(&fci), Ok(Directory::default()));
}

#[test]
fn the_ride_code_stands_among_the_payment_applications_by_priority() {
    let mut desk = Desk::with(vec![
        listed(E_PURSE, "MOT_T_EP", 3),
        listed(NFC_CODE, "MOT_T_QR", 1),
        listed(E_CASH, "MOT_T_CASH", 2),
        directory(),
    ]);
    let directory = Directory::parse(&desk.select(PPSE)).unwrap();
    let order: Vec<Aid> = directory.entries.iter().map(|entry| entry.aid).collect();
    assert_eq!(order, [NFC_CODE, E_CASH, E_PURSE]);
    for aid in order {
        desk.select(aid);
    }
}

#[test]
fn every_other_command_is_refused_and_changes_nothing() {
    let mut desk = Desk::with(vec![directory(), listed(E_PURSE, "MOT_T_EP", 1)]);
    let before = desk.image();
    for (apdu, sw) in [
        ("00b0950000", "6d00"),
        ("80ca9f3600", "6d00"),
        ("80e20000021234", "6d00"),
        ("84e2000000", "6e00"),
        ("04b0950000", "6e00"),
        ("90b0950000", "6e00"),
        ("00a404010e325041592e5359532e4444463031", "6a86"),
        ("00a4040011325041592e5359532e444446303100000000", "6700"),
        ("00a404000e325041592e5359532e4444463032", "6a82"),
        ("00c0000000", "6985"),
    ] {
        desk.select(PPSE);
        let apdu = tongtu_codec::hex_decode(apdu).unwrap();
        let answer = desk.transmit(&apdu).unwrap();
        assert_eq!(answer.sw.to_string().to_lowercase(), sw, "{apdu:02X?}");
        assert_eq!(answer.data, [], "{apdu:02X?}");
        assert_eq!(desk.image(), before);
    }
}
