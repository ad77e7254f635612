//! SE-SW-30: every command against wrong class, parameters, length and state; nothing changes.

use proptest::prelude::*;
use tongtu_apdu::Command;
use tongtu_card::factory::Channel;

use super::office::{Office, hex, test_keys};

/// A right form of every command that a domain knows: header and data.
const RIGHT: &[(&str, &str)] = &[
    ("80F28002", "4F00"),
    ("80F04080", "A0000000FF"),
    (
        "80E60C00",
        "07A0000006320101 08A000000632010105 00 0100 02C900 00",
    ),
    ("80E80000", "C402AABB"),
    ("80E40000", "4F05A0000000FF"),
    ("80D80081", "30 8810AABB"),
    ("80E20000", "4201AA"),
    ("807A1001", ""),
    ("80780003", ""),
];

/// Header bytes, what is wrong, the status word of both an open channel and none.
const WRONG_HEADERS: &[(&str, &str, u16)] = &[
    ("00F28002", "4F00", 0x6E00),
    ("80F28102", "4F00", 0x6A86),
    ("80F28004", "4F00", 0x6A86),
    ("00F04080", "A0000000FF", 0x6E00),
    ("80F02080", "A0000000FF", 0x6A86),
    ("80F04080", "", 0x6700),
    ("00E60C00", "00", 0x6E00),
    ("80E60100", "00", 0x6A86),
    ("80E60C01", "00", 0x6A86),
    ("80E60E00", "00", 0x6A86),
    ("00E80000", "C400", 0x6E00),
    ("80E84000", "C400", 0x6A86),
    ("80E80000", "", 0x6700),
    ("00E40000", "4F05A0000000FF", 0x6E00),
    ("80E40100", "4F05A0000000FF", 0x6A86),
    ("80E40001", "4F05A0000000FF", 0x6A86),
    ("00D80081", "30", 0x6E00),
    ("80D80080", "30", 0x6A86),
    ("00E20000", "AA", 0x6E00),
    ("80E21800", "AA", 0x6A86),
    ("80E20000", "", 0x6700),
    ("007A1001", "", 0x6E00),
    ("807A2001", "", 0x6A86),
    ("807A1000", "", 0x6A86),
    ("807A1001", "05AA", 0x6700),
    ("80780000", "", 0x6A86),
    ("80780003", "AA", 0x6700),
    ("80420000", "", 0x6D00),
    ("00B00000", "", 0x6D00),
];

#[test]
fn wrong_headers_and_lengths_have_their_status_word_with_and_without_a_channel() {
    for (header, data, sw) in WRONG_HEADERS {
        let mut office = Office::new();
        office.refused(header, &hex(data), *sw);
        office.select(&[]);
        office.refused(header, &hex(data), *sw);
    }
    for (apdu, sw) in [
        ("8450000008 0102030405060708 00", 0x6E00),
        ("8050000108 0102030405060708 00", 0x6A86),
        ("8050000004 01020304 00", 0x6700),
        ("8082010010 01020304050607080102030405060708", 0x6E00),
        ("8482020010 01020304050607080102030405060708", 0x6A86),
        ("848201000F 010203040506070801020304050607", 0x6700),
        ("8482010010 01020304050607080102030405060708", 0x6985),
        ("80CA006601", 0x9000),
        ("0070010000", 0x6A86),
        ("007000000101", 0x6700),
        ("00C0000000", 0x6985),
        ("90CA006600", 0x6E00),
        ("00A4040011 0102030405060708090A0B0C0D0E0F1011", 0x6700),
        ("00A4040100", 0x6A86),
    ] {
        let mut office = Office::new();
        office.select(&[]);
        let answer = office.desk.transmit(&hex(apdu)).unwrap();
        assert_eq!(
            format!("{:04X}", answer.sw.value()),
            format!("{sw:04X}"),
            "{apdu}"
        );
    }
}

#[test]
fn nothing_but_data_is_there_without_a_channel() {
    let mut office = Office::new();
    office.select(&[]);
    for (header, data) in RIGHT {
        office.refused(header, &hex(data), 0x6982);
    }
    office.initialize(0);
    for (header, data) in RIGHT {
        office.refused(header, &hex(data), 0x6982);
    }
}

#[test]
fn a_wrong_mac_on_any_command_is_refused_and_changes_nothing() {
    for (kind, version, level) in [
        (Channel::Scp02, 0x20, 0x01),
        (Channel::Scp02, 0x20, 0x03),
        (Channel::Scp03, 0xFF, 0x01),
        (Channel::Scp03, 0xFF, 0x33),
    ] {
        for (header, data) in RIGHT {
            let mut office = Office::new();
            office.open(version, &test_keys(kind), level).unwrap();
            let [cla, ins, p1, p2] = hex(header)[..] else {
                unreachable!()
            };
            let command = Command::new(cla, ins, p1, p2).with_data(hex(data));
            let mut bad = office.host.as_mut().unwrap().protect(&command).unwrap();
            let at = bad.data.len() - 5;
            bad.data[at] ^= 0x40;
            let before = office.image();
            let answer = office.desk.send(&bad).unwrap();
            assert_eq!((answer.sw.value(), answer.data.len()), (0x6982, 0));
            assert!(office.image() == before);
        }
    }
}

#[test]
fn wrong_data_in_a_channel_is_6a80_and_before_it_6982() {
    for (header, data) in [
        ("80F28002", "5C00"),
        ("80F28002", ""),
        ("80F04080", "A0000000"),
        ("80E60C00", "07A0"),
        ("80E60C00", ""),
        ("80E40000", ""),
        ("80E40000", "4F04A0000000"),
        ("80E40000", "4F05A0000000FF4F05A0000000FE"),
        ("80E40000", "D20130 4F05A0000000FF"),
        ("80D80081", ""),
        ("80D80081", "30"),
        ("80D80081", "308810AA"),
    ] {
        let mut office = Office::new();
        office.refused(header, &hex(data), 0x6A80);
        office.select(&[]);
        office.refused(header, &hex(data), 0x6982);
    }
}

#[test]
fn segments_of_a_chain_follow_one_another() {
    let mut office = Office::new();
    office.select(&[]);
    let mut raw = |text: &str| office.desk.transmit(&hex(text)).unwrap().sw.value();
    assert_eq!(raw("80E48000 024F05"), 0x9000);
    assert_eq!(raw("80CA006600"), 0x6985);
    assert_eq!(raw("80CA006600"), 0x9000, "the chain is gone");
    assert_eq!(raw("80E48000 024F05"), 0x9000);
    assert_eq!(
        raw("80E40000 05A0000000FF"),
        0x6982,
        "whole now, and without a channel"
    );
    let long = format!("80E48000FF{}", "00".repeat(255));
    let answers: Vec<u16> = (0..20).map(|_| raw(&long)).collect();
    assert_eq!(answers[..16], [0x9000; 16]);
    assert_eq!(answers[16], 0x6A84, "longer than any command of ours");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_gets_a_status_word_and_changes_nothing_outside_a_channel(
        apdus in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..40),
    ) {
        let mut office = Office::new();
        office.select(&[]);
        let before = office.image();
        for apdu in apdus {
            // A counter of SCP03 counts every INITIALIZE UPDATE; leave that one out.
            if apdu.get(1) == Some(&0x50) {
                continue;
            }
            let answer = office.desk.transmit(&apdu).unwrap();
            prop_assert!(answer.sw.value() >= 0x6000);
        }
        prop_assert!(office.image() == before);
    }

    #[test]
    fn noise_inside_a_channel_never_breaks_the_card(
        orders in prop::collection::vec(
            (
                prop::sample::select(vec![0xE6u8, 0xE8, 0xE4, 0xD8, 0xE2, 0xF0, 0xF2, 0xCA, 0x7A]),
                prop::sample::select(vec![0x00u8, 0x02, 0x04, 0x08, 0x0C, 0x0E, 0x10, 0x20, 0x40]),
                prop::sample::select(vec![0x00u8, 0x01, 0x02, 0x80, 0x81]),
                prop::collection::vec(any::<u8>(), 0..40),
            ),
            1..30,
        ),
    ) {
        let mut office = Office::new();
        office.open(0, &test_keys(Channel::Scp03), 0x03).unwrap();
        for (ins, p1, p2, data) in orders {
            let command = Command::new(0x80, ins, p1, p2).with_data(data);
            let before = office.image();
            let (_, sw) = office.order(&command);
            prop_assert!(sw >= 0x6000);
            if sw != 0x9000 {
                prop_assert!(office.image() == before, "{:02X} {:02X} {:04X}", ins, p1, sw);
            }
        }
        // It comes up again, and the issuer still gets in.
        office.desk.card.reset();
        office.select(&[]);
        prop_assert!(office.open(0, &test_keys(Channel::Scp03), 0x33) == Ok(()));
    }
}
