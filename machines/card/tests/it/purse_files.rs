//! The e-purse cases of the conformance catalogue that run by themselves, one row a case: selection, files, PIN,
//! authentication, maintenance, errors.
//!
//! A case begins with a fresh test card P1, selected. Where the catalogue leaves the answer to
//! the declaration, the answer here is what we declare.

use tongtu_purse::command::COMMANDS;

use crate::purse::{Bench, run};

#[test]
fn selection() {
    run(&[
        (
            "EP-SEL-01",
            "00A4040008A000000632010105 -> 6F31 8408 A000000632010105 A525 9F080102 9F0C1E 01011000FFFFFFFF 0201 03104899999900000017 20200101 20401231 0000 9000",
        ),
        (
            "EP-SEL-02",
            "00A4040006A00000063201 -> 6F31*9000
            00A4040206A00000063201 -> 6A82",
        ),
        ("EP-SEL-03", "00A4040005A0000009FF -> 6A82"),
        (
            "SELECT otherwise than by name",
            "00A4020002DF01 -> 6A86
            00A4040105A0000009FF -> 6A86
            00A40000021001 -> 6A82
            00A40000033F0000 -> 6700
            00A40000023F00 -> 6F*9000
            805C000204 -> 6D00",
        ),
        (
            "EP-SEL-04",
            "seal 841E0000 -> 9000
            00A4040008A000000632010105 -> 6F31*6283
            00B095001E -> 6985
            805C000204 -> 6985
            init pay 01 0 -> 6985",
        ),
    ]);
}

#[test]
fn files() {
    run(&[
        (
            "EP-FIL-01",
            "00B095001E -> 01011000FFFFFFFF 0201 03104899999900000017 20200101 20401231 0000 9000
            00B0950A0A -> 03104899999900000017 9000",
        ),
        ("EP-FIL-02", "00B0951E01 -> 6B00"),
        (
            "EP-FIL-03",
            "00B0950040 -> 6C1E
            00B0950000 -> *9000",
        ),
        ("EP-FIL-04", "00B0960037 -> 0000*9000"),
        ("EP-FIL-05", "00B097003C -> 00000156 1000 1000 0001 01*9000"),
        ("EP-FIL-06", "00D6950001 00 -> 6982"),
        (
            "EP-FIL-07",
            "seal 04D6951C 0102 -> 9000
            00B0951C02 -> 0102 9000
            seal! 04D6951C 0304 -> 6988
            00B0951C02 -> 0102 9000",
        ),
        (
            "EP-FIL-08",
            "seal 04D6951C 0102 -> 9000
            again 04D6951C 0102 -> 6988",
        ),
        (
            "EP-FIL-09",
            "seal! 04D6951C 01 -> 6988
            seal! 04D6951C 01 -> 6988
            seal! 04D6951C 01 -> 9303
            00B095001E -> 9303
            00A4040008A000000632010105 -> 9303
            reset
            00A4040008A000000632010105 -> 9303",
        ),
        (
            "EP-FIL-10",
            "00B201C417 -> 6A83
            init load 01 64 -> *9000
            finish -> *9000
            00B201C417 -> 0001 000000 00000064 02 000000000001 20261122 093000 9000
            00B20BC400 -> 6A83",
        ),
        (
            "EP-FIL-11",
            "00B09F0001 -> 6A82
            00B201FC00 -> 6A82",
        ),
        (
            "record of a transparent file and the other way round",
            "00B201AC00 -> 6981
            00B0980000 -> 6981",
        ),
        (
            "record by its id",
            "00B202D000 -> 27027D01*9000
            00B209D000 -> 6A83",
        ),
    ]);
}

#[test]
fn the_log_is_cyclic_and_newest_first() {
    let mut bench = Bench::new();
    bench.play_case("EP-FIL-12", "V1");
    for _ in 0..12 {
        bench.play("init pay 01 1 -> *9000\nfinish -> *9000");
    }
    bench.play_case(
        "EP-FIL-12",
        "00B201C417 -> 000C 000000 00000001 06*9000
         00B20AC417 -> 0003 000000 00000001 06*9000
         00B20BC417 -> 6A83",
    );
}

#[test]
fn balance_and_challenge() {
    run(&[
        ("EP-BAL-01", "805C000204 -> 00000000 9000"),
        (
            "EP-CHA-01",
            "challenge 4 -> xxxxxxxx 9000
            challenge 8 -> xxxxxxxxxxxxxxxx 9000
            0084000005 -> 6700",
        ),
    ]);
    let mut bench = Bench::new();
    bench.play_case("EP-BAL-02", "V1");
    bench.play_case(
        "EP-BAL-02",
        "805C000204 -> 00001388 9000
         805C010204 -> 00000000 9000
         805C020204 -> 00000000 9000
         805C030204 -> 00001388 9000
         805C090204 -> 6A86
         805C000104 -> 6A86
         805C000205 -> 6C04",
    );
    let seen: std::collections::BTreeSet<_> = (0..100)
        .map(|_| bench.send(&[0x00, 0x84, 0, 0, 4]))
        .collect();
    assert_eq!(seen.len(), 100, "EP-CHA-01: all different");
}

#[test]
fn pin() {
    run(&[
        ("EP-PIN-01", "0020000003 123456 -> 9000"),
        (
            "EP-PIN-02",
            "0020000003 111111 -> 63C2
            0020000003 111111 -> 63C1
            reset
            00A4040008A000000632010105 -> *9000
            0020000003 111111 -> 63C0
            0020000003 123456 -> 6983",
        ),
        (
            "EP-PIN-03",
            "0020000003 111111 -> 63C2
            0020000003 123456 -> 9000
            0020000003 111111 -> 63C2",
        ),
        (
            "EP-PIN-04",
            "0020000003 111111 -> 63C2
            0020000003 111111 -> 63C1
            0020000003 111111 -> 63C0
            unblock 223344 -> 9000
            0020000003 123456 -> 63C2
            0020000003 223344 -> 9000
            805E010007 223344 FF 556677 -> 9000
            0020000003 223344 -> 63C2
            0020000003 556677 -> 9000
            reload 9999 -> 9000
            0020000002 9999 -> 9000
            reload! 1111 -> 6988
            805E010007 556677 FF 111111 -> 63C2
            805E010005 9999 11 2222 -> 6A80",
        ),
    ]);
}

#[test]
fn authentication() {
    run(&[
        (
            "internal",
            "0088000108 1122334455667788 08 -> xxxxxxxxxxxxxxxx 9000
            0088000208 1122334455667788 08 -> 9403",
        ),
        (
            "external",
            "challenge 8 -> *9000
            external -> 9000
            external -> 6985
            challenge 4 -> *9000
            external -> 6985",
        ),
        (
            "external until it is blocked",
            "challenge 8 -> *9000
            external! -> 63C2
            challenge 8 -> *9000
            external! -> 63C1
            challenge 8 -> *9000
            external! -> 63C0
            challenge 8 -> *9000
            external -> 6983",
        ),
    ]);
}

#[test]
fn maintenance() {
    run(&[
        (
            "EP-MNT-01",
            "seal 841E0000 -> 9000
            805C000204 -> 6985
            seal 84180000 -> 9000
            805C000204 -> 00000000 9000
            seal 84180000 -> 6985",
        ),
        (
            "EP-MNT-02",
            "seal 841E0001 -> 9000
            seal 84180000 -> 9303
            reset
            00A4040008A000000632010105 -> 9303",
        ),
        (
            "EP-MNT-03",
            "seal 84160000 -> 9000
            805C000204 -> 6A81
            reset
            00A4040008A000000632010105 -> 6A81",
        ),
        (
            "EP-MNT-04",
            "seal! 841E0000 -> 6988
            805C000204 -> 00000000 9000",
        ),
        (
            "EP-MNT-05",
            "seal 04D69518 20501231 -> 9000
            00B0951804 -> 20501231 9000
            00A4040008A000000632010105 -> *20501231 0000 9000",
        ),
        (
            "a right MAC sets the count back, even for a refused command",
            "seal! 04D6951C 01 -> 6988
            seal! 04D6951C 01 -> 6988
            seal 04D6951E 01 -> 6B00
            seal! 04D6951C 01 -> 6988",
        ),
    ]);
}

#[test]
fn unknown_instructions_and_classes() {
    run(&[(
        "EP-ERR-01",
        "80FF0000 -> 6D00
         FF000000 -> 6E00
         80B0950000 -> 6E00
         005C000204 -> 6E00
         84DC01D404 00000000 -> 6E00",
    )]);
}

#[test]
fn every_command_refuses_other_parameters_and_lengths_and_changes_nothing() {
    // Header that is right, a data length that is wrong, whether P2 may be anything.
    let rows = [
        ("00B09500", Some(1)),
        ("00D69500", Some(0)),
        ("00B201C4", Some(1)),
        ("00DC01D4", Some(0)),
        ("00E200D0", Some(0)),
        ("00840000", Some(1)),
        ("00880001", Some(7)),
        ("00820001", Some(7)),
        ("00200000", Some(1)),
        ("805E0100", Some(4)),
        ("805E0000", Some(5)),
        ("84240001", Some(11)),
        ("841E0000", Some(3)),
        ("84180000", Some(5)),
        ("84160000", Some(3)),
        ("805C0002", Some(1)),
        ("80500002", Some(10)),
        ("80500102", Some(12)),
        ("80500302", Some(10)),
        ("80500502", Some(12)),
        ("80520000", Some(10)),
        ("80540100", Some(14)),
        ("80540300", Some(12)),
        ("80DC01D0", Some(0)),
        ("805A0002", Some(3)),
    ];
    assert_eq!(rows.len(), COMMANDS.len(), "a row for every command");
    let mut bench = Bench::new();
    let before = bench.objects();
    for (header, wrong_len) in rows {
        let header = tongtu_codec::hex_decode(header).expect("hex");
        let send = |bench: &mut Bench, p1: u8, p2: u8, len: usize| {
            let mut apdu = header.clone();
            (apdu[2], apdu[3]) = (p1, p2);
            if len > 0 {
                apdu.push(u8::try_from(len).expect("short"));
                apdu.extend(vec![0x11; len]);
            }
            let answer = bench.send(&apdu);
            u16::from_be_bytes(*answer.last_chunk().expect("a status word"))
        };
        // EP-ERR-03
        if let Some(len) = wrong_len {
            let sw = send(&mut bench, header[2], header[3], len);
            assert_eq!(sw, 0x6700, "length {len} of {header:02X?}");
        }
        // EP-ERR-02: a P1 and a P2 that none of them has.
        let (p1, p2) = match header[1] {
            0xB0 | 0xD6 => (0x15, header[3]),
            0xB2 | 0xDC | 0xE2 => (header[2], 0xD3),
            0x5A | 0x82 | 0x88 => (0x07, header[3]),
            _ => (0x07, 0x07),
        };
        let sw = send(&mut bench, p1, p2, 8);
        assert_eq!(sw, 0x6A86, "parameters of {header:02X?}");
        // A class of the purse that this instruction does not have.
        let mut apdu = header.clone();
        apdu[0] = if header[0] == 0x84 { 0x00 } else { 0x84 };
        assert_eq!(bench.send(&apdu), [0x6E, 0x00], "class of {header:02X?}");
    }
    assert_eq!(bench.objects(), before, "nothing changed");
}

#[test]
fn no_secret_is_read_and_no_random_comes_twice() {
    let mut bench = Bench::new();
    let secrets: Vec<Vec<u8>> = [0x10u8, 0x20, 0x30, 0xD0]
        .iter()
        .map(|first| (*first..*first + 16).collect())
        .chain([vec![0x12, 0x34, 0x56]])
        .collect();
    let mut seen = Vec::new();
    for sfi in 0..32u8 {
        seen.extend(bench.send(&[0x00, 0xB0, 0x80 | sfi, 0, 0]));
        for number in 0..=32 {
            seen.extend(bench.send(&[0x00, 0xB2, number, sfi << 3 | 4, 0]));
        }
    }
    for secret in &secrets {
        assert!(
            !seen.windows(secret.len()).any(|w| w == &secret[..]),
            "EP-SEC-01"
        );
    }
    let mut randoms = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        let answer = bench.send(&[
            0x80, 0x50, 0x01, 0x02, 11, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 15,
        ]);
        assert!(randoms.insert(answer[11..15].to_vec()), "EP-SEC-03");
    }
}

/// One command of each kind, in the order of the table.
const ONE_OF_EACH: &[&str] = &[
    "00B0950000",
    "00D6950001 00",
    "00B201D400",
    "00DC01D401 00",
    "00E200D001 00",
    "0084000004",
    "0088000108 1122334455667788",
    "0082000108 1122334455667788",
    "0020000003 123456",
    "805E010007 123456 FF 654321",
    "805E000007 123456 11223344",
    "842400010C 1122334455667788 11223344",
    "841E000004 11223344",
    "8418000004 11223344",
    "8416000004 11223344",
    "805C000204",
    "805000020B 01 00000001 000000000001",
    "805200000B 20261122 093000 11223344",
    "805005020B 01 00000000 000000000001",
    "805403000B 20261122 093000 11223344",
    "805001020B 01 00000000 000000000001",
    "805003020B 01 00000000 000000000001",
    "80DC01D001 27",
    "805401000F 00000001 20261122 093000 11223344",
    "805A000602 0001",
];

#[test]
fn a_locked_application_or_card_refuses_every_command_and_changes_nothing() {
    assert_eq!(ONE_OF_EACH.len(), COMMANDS.len());
    for (lock, sw) in [
        ("seal 841E0001 -> 9000", "9303"),
        ("seal 84160000 -> 9000", "6A81"),
        ("seal 841E0000 -> 9000", "6985"),
    ] {
        let mut bench = Bench::new();
        bench.play(lock);
        let before = bench.objects();
        for command in ONE_OF_EACH {
            let maintains = ["0084", "841E", "8418", "8416"]
                .iter()
                .any(|open| command.starts_with(open));
            if sw != "6985" || !maintains {
                bench.play_case(lock, &format!("{command} -> {sw}"));
            }
        }
        assert_eq!(bench.objects(), before, "{lock}");
    }
}

/// What ends an initialised transaction: every command but a cache update that succeeds.
#[test]
fn every_command_between_ends_the_transaction() {
    for command in ONE_OF_EACH {
        for init in ["load", "pay", "ride", "unload"] {
            // The end that follows finds nothing initialised, or what the command initialised.
            let mut bench = Bench::new();
            bench.play(&format!("init {init} 01 0 -> *9000\n{command} -> *"));
            let ends = match init {
                "load" => "805200000B 20261122 093000 00000000",
                "unload" => "805403000B 20261122 093000 00000000",
                _ => "805401000F 00000001 20261122 093000 00000000",
            };
            let initialises_again = match init {
                "load" => command.starts_with("80500002"),
                "unload" => command.starts_with("80500502"),
                _ => command.starts_with("80500102") || command.starts_with("80500302"),
            };
            let sw = if initialises_again { "9302" } else { "6985" };
            bench.play_case(command, &format!("{ends} -> {sw}"));
        }
    }
}
