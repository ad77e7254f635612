//! One short log in each style; card numbers are test values.

use proptest::prelude::*;
use tongtu_codec::hex_encode;

use super::*;

/// A trace in a line for each entry: `5: 805c… -> 6: 9000`.
fn shown(log: &str) -> Vec<String> {
    let logged = |logged: &Logged| format!("{}: {}", logged.line, hex_encode(&logged.bytes));
    let entries = parse(log).entries;
    let entries = entries.iter().map(|entry| match entry {
        Entry::Reset { line } => format!("{line}: reset"),
        Entry::Orphan(answer) => format!("? -> {}", logged(answer)),
        Entry::Exchange(Exchange { command, answer }) => match answer {
            Some(answer) => format!("{} -> {}", logged(command), logged(answer)),
            None => format!("{} -> ?", logged(command)),
        },
    });
    entries.collect()
}

fn check(log: &str, expected: &[&str]) {
    assert_eq!(shown(log), expected, "{log}");
    assert_eq!(parse(log).broken, [0; 0], "{log}");
}

#[test]
fn opensc_tool() {
    check(
        "Using reader with a card: Virtual PCD 00 00
Sending: 00 A4 04 00 08 A0 00 00 06 32 01 01 05
Received (SW1=0x90, SW2=0x00):
6F 31 84 08 A0 00 00 06 32 01 01 05 A5 25 9F 08 o1......2....%..
01 02 9F 0C                                     ....
Sending: 80 5C 03 02 04
Received (SW1=0x90, SW2=0x00):
00 00 41 42 ..AB
Sending: 00 B0 95 00 00
Received (SW1=0x6A, SW2=0x82)
",
        &[
            "2: 00a4040008a000000632010105 -> 3: 6f318408a000000632010105a5259f0801029f0c9000",
            "6: 805c030204 -> 7: 000041429000",
            "9: 00b0950000 -> 10: 6a82",
        ],
    );
}

#[test]
fn characters_of_a_dump_that_look_like_hex_are_not_bytes() {
    let log = "Sending: 00 B2 01 C4 17\nReceived (SW1=0x90, SW2=0x00):\n41 42 AB\n";
    check(log, &["1: 00b201c417 -> 2: 41429000"]);
    let log = "Sending: 00 B2 01 C4 17\nReceived (SW1=0x90, SW2=0x00):\n41 42 AB A+\n";
    check(log, &["1: 00b201c417 -> 2: 4142ab9000"]);
}

#[test]
fn the_log_of_opensc() {
    check(
        "P:729; T:0x14 15:19:52.123 [opensc-tool] apdu.c:370:sc_single_transmit: CLA:80, INS:5C, P1:3
P:729; T:0x14 15:19:52.123 [opensc-tool] reader-pcsc.c:298:pcsc_transmit:
Outgoing APDU (5 bytes):
80 5C 03 02 04 .\\...
P:729; T:0x14 15:19:52.142 [opensc-tool] reader-pcsc.c:307:pcsc_transmit:
Incoming APDU (6 bytes):
00 00 0A C3 90 00 ......
P:729; T:0x14 15:19:52.142 [opensc-tool] apdu.c:382:sc_single_transmit: returning with: 0
Outgoing APDU data [    5 bytes] =====================================
00 B0 95 00 1E .....
======================================================================
Incoming APDU data [    2 bytes] =====================================
6A 82 j.
======================================================================
",
        &[
            "3: 805c030204 -> 6: 00000ac39000",
            "9: 00b095001e -> 12: 6a82",
        ],
    );
}

#[test]
fn scriptor_breaks_answers_after_sixteen_bytes() {
    check(
        "Using T=1 protocol
Reading commands from STDIN
reset
> RESET
< OK: 3B 80 80 01 01
00 A4 04 00 08 A0 00 00 06 32 01 01 05
> 00 A4 04 00 08 A0 00 00 06 32 01 01 05
< 6F 31 84 08 A0 00 00 06 32 01 01 05 A5 25 9F 08
01 02 9F 0C 1E 01 01 10 00 FF FF FF FF 02 01 03
90 00 : Normal processing.
> 80 5C 03 02 04
< 00 00 00 64 90 00 : Normal processing.
",
        &[
            "3: reset",
            "6: 00a4040008a000000632010105 -> 8: 6f318408a000000632010105a5259f0801029f0c1e01011000ffffffff0201039000",
            "11: 805c030204 -> 12: 000000649000",
        ],
    );
}

#[test]
fn pcscd_and_pcsc_spy() {
    check(
        "00000012 APDU: 80 5C 03 02 04
00000345 SW: 00 00 0A C3 90 00
",
        &["1: 805c030204 -> 2: 00000ac39000"],
    );
    check(
        "SCardConnect
 i hContext: 0x2F0F3A0B
 => Command successful. (SCARD_S_SUCCESS [0x00000000])  [0.023]
SCarControl
 i hCard: 0x00010001
 i bSendBuffer
 i  0000 41 42 43 44 05                                  ABCD.
 o bRecvBuffer
 => Command successful. (SCARD_S_SUCCESS [0x00000000])  [0.001]
SCardTransmit
 i hCard: 0x00010001
 i bSendBuffer
 i  0000 00 A4 04 00 0E 32 50 41 59 2E 53 59 53 2E 44 44 .....2PAY.SYS.DD
 i  0010 46 30 31                                        F01
 o bRecvLength 0x00000002 (2)
 o bRecvBuffer
 o  0000 6A 82                                           j.
 => Command successful. (SCARD_S_SUCCESS [0x00000000])  [0.017]
",
        &[
            "1: reset",
            "12: 00a404000e325041592e5359532e4444463031 -> 16: 6a82",
        ],
    );
}

#[test]
fn proxmark_apdu_command_old_and_new() {
    check(
        ">>>>[sel ] 00 a4 04 00 08 a0 00 00 06 32 01 01 05
<<<< 67 00
APDU response: 67 00 - Wrong length
[+] >>> 805C030204
[+] <<< 00000AC39000 | .......
[=]  CLA=94, P1P2=0300 (parent-df ), DATA=3F00, LE=00 | APDU 94 A4 03 00 02 3F 00 00 | RSP 67 00  (Wrong length)
",
        &[
            "1: 00a4040008a000000632010105 -> 2: 6700",
            "4: 805c030204 -> 5: 00000ac39000",
            "6: 94a40300023f0000 -> 6: 6700",
        ],
    );
}

/// A frame with its check bytes, as Proxmark lists it, in two lines when it is long.
fn frame(source: &str, block: &str) -> String {
    let mut bytes = tongtu_codec::hex_decode(block).unwrap();
    bytes.extend(frame::crc(0x6363, &bytes).to_le_bytes());
    let cells: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let rows: Vec<String> = cells.chunks(18).map(|row| row.join("  ")).collect();
    rows.iter()
        .enumerate()
        .fold(String::new(), |log, (at, row)| {
            let head = if at == 0 {
                format!("     148848 |     170768 | {source} |")
            } else {
                String::from("            |            |     |")
            };
            format!("{log}{head}{row:<73}|     |\n")
        })
}

#[test]
fn proxmark_frames_are_put_together_and_spoilt_ones_named() {
    let short = "          0 |       1056 | Rdr |26(7)       |     | REQA\n";
    let log = [
        "      Start |        End | Src | Data (! denotes parity error) | CRC | Annotation\n",
        "------------+------------+-----+-------------------------------+-----+-----------\n",
        short,
        &frame("Tag", "0400"),
        &frame("Rdr", "e080"),
        &frame("Rdr", "0200a4040008a00000063201010500"),
        // The card asks for time, then is asked again for what was lost.
        &frame("Tag", "f201"),
        &frame("Rdr", "f201"),
        &frame("Tag", "126f318408a0000006320101"),
        &frame("Rdr", "a3"),
        &frame("Tag", "0305a5009000"),
        &frame("Rdr", "03805c030204"),
        &frame("Rdr", "03805c030204"),
        &frame("Tag", "0200000ac39000"),
        "     148848 |     170768 | Tag |02  00  00  00  64  90  00  00  00 |  !! |\n",
        short,
    ]
    .concat();
    check(
        &log,
        &[
            "3: reset",
            "6: 00a4040008a00000063201010500 -> 9: 6f318408a000000632010105a5009000",
            "12: 805c030204 -> 14: 00000ac39000",
            "16: reset",
        ],
    );
    assert_eq!(parse(&log).damaged, [15]);
}

#[test]
fn other_tools_mark_directions_in_their_own_way() {
    for (command, answer) in [
        (
            "A>> T=1 (4+0000) 805C0302 04",
            "A<< (0004+2) (22ms) 00000AC3 9000",
        ),
        ("C: 80 5C 03 02 04", "R: 00 00 0A C3 90 00"),
        (">> 805c030204", "<< 00000ac39000"),
        (
            "=> 0x80,0x5C,0x03,0x02,0x04",
            "<= 0x00,0x00,0x0A,0xC3,0x90,0x00",
        ),
        ("Command --> 805C030204", "Response <-- 00000AC39000"),
        (
            "DEBUG 12:04:05.1 [smartcard.pcsc:60] SEND: 805c030204",
            "DEBUG RECV: 00000ac39000",
        ),
        (
            "10:00:01 TX: 80:5C:03:02:04",
            "10:00:02 RX: 00:00:0A:C3:90:00",
        ),
        ("发送：805C030204", "接收：00000AC39000"),
        ("-> [80, 5C, 03, 02, 04]", "<- [00, 00, 0A, C3, 90, 00]"),
        ("805C030204 # balance", "00000AC39000"),
    ] {
        let log = format!("{command}\n\n{answer}\n");
        check(&log, &["1: 805c030204 -> 3: 00000ac39000"]);
    }
}

#[test]
fn plain_hex_alternates_unless_a_line_cannot_be_an_answer() {
    check(
        "3B80800101\n00A4040008A00000063201010500\n805C030204\n000000649000\n6A82\n",
        &[
            "1: reset",
            "2: 00a4040008a00000063201010500 -> ?",
            "3: 805c030204 -> 4: 000000649000",
            "? -> 5: 6a82",
        ],
    );
}

#[test]
fn colours_are_passed_over() {
    let log = "\u{1b}[34mSCardTransmit\u{1b}[0m\n\u{1b}[32m i bSendBuffer\u{1b}[0m\n\
               \u{1b}[32m i  0000 80 5C 03 02 04                                  .\\...\u{1b}[0m\n\
               \u{1b}[35m o bRecvBuffer\u{1b}[0m\n\u{1b}[35m o  0000 6A 86     j.\u{1b}[0m\n";
    check(log, &["2: 805c030204 -> 4: 6a86"]);
    check("\u{1b}[", &[]);
}

#[test]
fn a_marked_line_whose_hex_is_broken_is_named_and_left_out() {
    for broken in [
        ">> 805C03020",
        ">> 805C0302Z4",
        ">> 805C??0204",
        "C: 80 5C 03 0 04",
        "C: 80 5C 0Z 02 04",
        "C: 80 5C 03 02 4",
        "Sending: 80 5C 03 02 O4",
        "12:30:01.123 -> 0x805C03020",
        "发送：805C03020",
        "A>> T=1 (4+0000) 805C030Z",
        "SW: 900",
        "R: 00 00 0A C3 9 00",
        "<< 00000AC3 9000000000000Z",
    ] {
        let log = format!(">> 805C030204\n<< 00000AC39000\n\n{broken}\n>> 00B0950000\n");
        let found = parse(&log);
        assert_eq!(found.broken, [4], "{broken}");
        let found: Vec<_> = found.exchanges().map(|found| found.command.line).collect();
        assert_eq!(found, [1, 5], "{broken}");
    }
}

#[test]
fn prose_is_no_broken_hex() {
    for prose in [
        "Sending 125 bytes",
        "Received 261 bytes in 100 ms",
        "C: added",
        "R: 12:30:01",
        "-> 2024-01-01",
        "SW: 9000 as it should be",
        "< 90 00 : Normal processing.",
        "R: 90 00 of the card",
        "R: 00 00 90 00 at 12:00",
        "reader-pcsc.c:284:pcsc_transmit",
        "=> done",
    ] {
        assert_eq!(parse(prose).broken, [0; 0], "{prose}");
    }
}

#[test]
fn prose_is_no_dialogue() {
    let prose =
        "The card was added at 12:30.\nA dead cafe, 2024-01-01.\n<html><b>ff</b>\n\n# 9000\n";
    check(prose, &[]);
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let _ = parse(&text);
    }

    #[test]
    fn no_text_of_the_tools_own_words_panics(
        words in proptest::collection::vec(
            prop_oneof![
                Just("| Rdr |"), Just("| Tag |"), Just("|"), Just("\n"), Just("Received (SW1=0x"),
                Just(", SW2=0x"), Just(")"), Just("Incoming APDU ("), Just("bytes):"), Just("90 00"),
                Just("6F 31 "), Just(">>"), Just("<< "), Just("i bSendBuffer\n"), Just("0000 "),
                Just("发送："), Just("02 00 a4"), Just("!"), Just("SCardTransmit\n"), Just("[("),
                Just("A"), Just("0"), Just(" "),
            ],
            0..60,
        ),
    ) {
        let _ = parse(&words.concat());
    }

    #[test]
    fn every_marked_dialogue_is_found_again(
        pairs in proptest::collection::vec(
            (
                proptest::collection::vec(any::<u8>(), 4..40),
                proptest::collection::vec(any::<u8>(), 2..40),
            ),
            0..8,
        ),
    ) {
        let log: String = pairs
            .iter()
            .map(|(c, r)| format!(">> {}\n<< {}\n", hex_encode(c), hex_encode(r)))
            .collect();
        let found: Vec<_> = parse(&log)
            .exchanges()
            .map(|exchange| {
                let answer = exchange.answer.as_ref().unwrap();
                (exchange.command.bytes.clone(), answer.bytes.clone())
            })
            .collect();
        prop_assert_eq!(found, pairs);
        prop_assert!(parse(&log).broken.is_empty());
    }
}
