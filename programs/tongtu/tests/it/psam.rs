//! `tongtu psam serve` with a driver that the test plays, and `tongtu psam show`.

use std::fs;

use crate::card_serve::Served;
use crate::run::{folder, tongtu_in, transcript};

const SELECT: [u8; 7] = [0x00, 0xA4, 0x00, 0x00, 0x02, 0x80, 0x11];

/// INIT SAM FOR PURCHASE, 1 January 2026.
fn initialize() -> Vec<u8> {
    let mut apdu = vec![0x80, 0x70, 0x00, 0x00, 0x24];
    apdu.extend([
        0xA1, 0xB2, 0xC3, 0xD4, 0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0x09,
    ]);
    apdu.extend([0x20, 0x26, 0x01, 0x01, 0x08, 0x00, 0x00, 0x01, 0x00]);
    apdu.extend([0x48, 0x99, 0x99, 0x99, 0x00, 0x00, 0x00, 0x17]);
    apdu.extend([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x08]);
    apdu
}

#[test]
fn a_killed_psam_gives_no_sequence_twice() {
    let folder = folder("psam-serve");
    for life in 0..4_u32 {
        let mut served = Served::start_of("psam", &folder, "a.psam", &["--number", "7"]);
        served.power_on();
        served.transmit(&SELECT).unwrap();
        for ride in 0..3 {
            let answer = served.transmit(&initialize()).unwrap();
            assert_eq!(answer.len(), 10, "{answer:02X?}");
            let number = u32::from_be_bytes(answer[..4].try_into().unwrap());
            // One more was asked for in every life before, and its answer not waited for.
            let least = 1 + life * 3 + ride;
            assert!((least..=least + life).contains(&number), "{number}");
        }
        served.send_only(&initialize());
        served.end();
    }
}

#[test]
fn a_psam_is_shown_as_a_terminal_reads_it() {
    let folder = folder("psam-show");
    let served = Served::start_of("psam", &folder, "b.psam", &["--number", "7"]);
    served.end();
    let head = fs::read(folder.join("b.psam")).unwrap();
    assert!(head.starts_with(b"Tongtu TEST card, version 1; profile psam; "));
    let at = ["--now", "2026-01-01T08:00:00+08:00"];
    transcript(
        &folder,
        &[&["psam", "show", "--state", "b.psam"][..], &at].concat(),
        "
$ tongtu psam show --state b.psam --now 2026-01-01T08:00:00+08:00
serial number    54545053414D00000007
terminal number  100000000007
key index        01
issuer           01011000FFFFFFFF Beijing
receiver         01011000FFFFFFFF Beijing
dates            2020-01-01 – 2040-12-31
today            in service
",
    );
    let late = ["--now", "2041-01-01T08:00:00+08:00"];
    let args = [&["--json", "psam", "show", "--state", "b.psam"][..], &late].concat();
    let ran = tongtu_in(&folder, &args, b"", &[]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(ran.json()["in_service"], false);
    assert_eq!(ran.json()["terminal"], "100000000007");
}

#[test]
fn what_is_no_psam_is_said_to_be_none() {
    let folder = folder("psam-none");
    let ran = tongtu_in(&folder, &["psam", "show", "--state", "no.psam"], b"", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err
            .contains("`tongtu psam serve --state FILE` makes one"),
        "{}",
        ran.err
    );
    Served::start(&folder, "a.card", &[]).end();
    let ran = tongtu_in(&folder, &["psam", "show", "--state", "a.card"], b"", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("a.card holds no PSAM"), "{}", ran.err);
}
