//! The model by itself, against values that were worked out by hand.

use super::code::{Code, Key, Profile};
use super::identity::Identity;
use super::*;
use crate::cipher::Algorithm;
use crate::purse::tests::hex;

fn shelf() -> Shelf {
    let it = |aid: &[u8], label: &[u8], priority, kind| Application {
        aid: aid.to_vec(),
        label: label.to_vec(),
        priority,
        kind,
    };
    let code = Code {
        update_key: Some(Key(Algorithm::Sm4, vec![0x41; 16])),
        result_key: Some(Key(Algorithm::Tdes, vec![0x42; 16])),
        code: Some(vec![0x81; 300]),
        ..Code::default()
    };
    Shelf::new(
        vec![
            it(DIRECTORY, b"", 0, Kind::Directory),
            it(&hex("F054544E46435152"), b"MOT_T_QR", 1, Kind::Code(code)),
            it(
                &hex("A0000006320101F1"),
                b"",
                0,
                Kind::Identity(Identity::default()),
            ),
        ],
        None,
    )
}

/// `command | what the card showed -> answer`, a line each.
fn play(shelf: &mut Shelf, script: &str) {
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (left, answer) = line.split_once("->").unwrap();
        let (command, seen) = left.split_once('|').unwrap_or((left, ""));
        let answer = (answer.trim() != "?").then(|| hex(answer));
        assert_eq!(shelf.apdu(&hex(command), &hex(seen)), answer, "{line}");
    }
}

#[test]
fn what_is_selected_says_who_it_is() {
    play(
        &mut shelf(),
        "
        80CA000000 -> ?
        00A4040000 -> ?
        00A404000E325041592E5359532E444446303100 -> 6F2E840E325041592E5359532E4444463031 A51C BF0C19 6117 4F08F054544E46435152 50084D4F545F545F5152 870101 9000
        80CA000000 -> 6D00
        84CA000000 -> 6E00
        00A4040008F054544E4643515200 -> 6F1B 8408F054544E46435152 A50F 50084D4F545F545F5152 9F08020100 9000
        00A4040203A0000000 -> 6F11 8408A0000006320101F1 A505 9F08020001 9000
        00A4040203A0000000 -> 6A82
        00A4040100 -> 6A86
        ",
    );
}

#[test]
fn a_long_code_comes_in_pieces_until_something_comes_between() {
    let all = "81".repeat(256);
    play(
        &mut shelf(),
        &format!(
            "
            00A4040008F054544E4643515200 -> 6F1B 8408F054544E46435152 A50F 50084D4F545F545F5152 9F08020100 9000
            80CA000000 -> {all} 612C
            00C0000004 -> 81818181 6128
            0170 -> 6700
            00C0000000 -> {} 9000
            00C0000000 -> 6985
            80CA000000 -> {all} 612C
            0084000008 | 0102030405060708 -> 0102030405060708 9000
            00C0000000 -> 6985
            ",
            "81".repeat(40)
        ),
    );
}

#[test]
fn a_pin_costs_tries_and_a_key_is_final() {
    let mut shelf = shelf();
    let at = 2;
    assert_eq!(
        shelf.store(at, &[(0x8010, hex("1234")), (0x7F21, hex("01"))]),
        Err(0x6985)
    );
    assert_eq!(shelf.store(at, &[(0x8010, hex("1234"))]), Ok(()));
    // The base point of the curve, whose private key is 1.
    let point = "0432C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0";
    play(
        &mut shelf,
        &format!(
            "
            00A4040008A0000006320101F100 -> 6F11 8408A0000006320101F1 A505 9F08020001 9000
            0020000000 -> 63C3
            00200000029999 -> 63C2
            8046000000 | {point} 9000 -> {point} 9000
            8046000000 -> 6985
            80CA7F4900 -> 7F4943 8641 {point} 9000
            80CA7F2100 -> 6A88
            00880000101122334455667788112233445566778800 -> 6982
            00200000021234 -> 9000
            00880000101122334455667788112233445566778800 -> 6A88
            "
        ),
    );
    assert_eq!(shelf.store(at, &[(0x8010, hex("5678"))]), Ok(()));
    play(
        &mut shelf,
        "00880000101122334455667788112233445566778800 -> 6982",
    );
    assert_eq!(shelf.store(at, &[(0x8011, Vec::new())]), Ok(()));
    play(&mut shelf, "80CA7F4900 -> 6A88");
}

#[test]
fn a_table_that_cannot_be_told_apart_is_none() {
    let mut code = Code::default();
    let mut profile = Profile::default();
    assert_eq!(code.store(0xA001, &profile.bytes()), Ok(()));
    profile.rows[4] = profile.rows[0];
    assert_eq!(code.store(0xA001, &profile.bytes()), Err(0x6A80));
    assert_eq!(code.store(0xA001, &profile.bytes()[..13]), Err(0x6A80));
    assert_eq!(code.profile, Profile::default());
}
