//! `tongtu card trace explain`.

use std::path::Path;
use std::time::Duration;

use tongtu_foreign::{CardService, run_within, tool};

use crate::card_foreign::Card;
use crate::run::{folder, tongtu, tongtu_in};

/// A dialogue in the style of opensc-tool; the card's serial is altered.
const LOG: &str = "Using reader with a card: Virtual PCD 00 00
Sending: 00 A4 04 00 08 A0 00 00 06 32 01 01 05
Received (SW1=0x90, SW2=0x00):
6F 31 84 08 A0 00 00 06 32 01 01 05 A5 25 9F 08 o1......2....%..
01 02 9F 0C 1E 01 01 10 00 FF FF FF FF 02 01 03 ................
10 51 70 01 99 99 00 00 17 20 19 07 18 20 40 12 .Qp...... ... @.
31 00 00                                        1..
Sending: 80 5C 03 02 04
Received (SW1=0x61, SW2=0x04)
Sending: 00 C0 00 00 04
Received (SW1=0x90, SW2=0x00):
00 00 0A C3 ....
Sending: 00 EE 01 02
Received (SW1=0x6D, SW2=0x00)
";

#[test]
fn each_command_is_named_for_the_application_that_is_selected() {
    let folder = folder("card-trace");
    std::fs::write(folder.join("log"), LOG).unwrap();
    let ran = tongtu_in(
        &folder,
        &["card", "trace", "explain", "log", "--short"],
        b"",
        &[],
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ran.out);
    assert!(
        lines[0].starts_with("    2  SELECT · e-purse · 9000 "),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].contains("GET BALANCE · e-purse · 6104 "),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].contains("GET BALANCE · e-purse · 9000 "),
        "{}",
        lines[2]
    );
    assert!(
        lines[3].contains("INS EE") && lines[3].contains("6D00"),
        "{}",
        lines[3]
    );
    let zh = ["card", "trace", "explain", "log", "--lang", "zh"];
    let zh = tongtu_in(&folder, &zh, b"", &[]);
    for word in ["选择", "电子钱包", "余额", "9000 正常"] {
        assert!(zh.out.contains(word), "{word} in {}", zh.out);
    }
}

#[test]
fn programs_get_every_field() {
    let args = ["--json", "card", "trace", "explain", "-"];
    let ran = tongtu_in(Path::new("."), &args, LOG.as_bytes(), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answer = ran.json();
    let entries = answer["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4);
    let select = &entries[0];
    assert_eq!(
        (
            &select["entry"],
            &select["line"],
            &select["application"],
            &select["status"]
        ),
        (
            &"exchange".into(),
            &2.into(),
            &"purse".into(),
            &"9000".into()
        )
    );
    assert!(
        select["answer"]
            .as_array()
            .is_some_and(|lines| lines.len() > 3),
        "{select}"
    );
    assert_eq!(entries[2]["answer_bytes"], "00000ac39000");
}

#[test]
fn a_file_without_a_dialogue_is_wrong_use() {
    let args = ["card", "trace", "explain", "-"];
    let ran = tongtu_in(Path::new("."), &args, b"Dear diary,\n", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err
            .starts_with("error: no command and no answer is in the log"),
        "{}",
        ran.err
    );
    assert_eq!(tongtu(&["card", "trace", "explain", "missing.log"]).code, 2);
}

#[test]
fn a_line_whose_hex_is_broken_is_named() {
    const LOG: &str = ">> 805C030204\n<< 00000AC39000\n>> 805C0302Z4\n<< 00 00 0A C3 9 00\n";
    let explain = |log: &str, args: &[&str]| {
        let args = [&["card", "trace", "explain", "-", "--short"], args].concat();
        tongtu_in(Path::new("."), &args, log.as_bytes(), &[])
    };
    for (lang, named) in [
        ("en", "left out, the hex is broken: lines 3, 4\n"),
        ("zh", "十六进制有误，已略去：第 3, 4 行\n"),
    ] {
        let ran = explain(LOG, &["--lang", lang]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.ends_with(named), "{}", ran.out);
        assert_eq!(ran.out.lines().count(), 2, "{}", ran.out);
    }
    let answer = explain(LOG, &["--json"]).json();
    assert_eq!(answer["broken_lines"], serde_json::json!([3, 4]));
    assert_eq!(answer["damaged_lines"], serde_json::json!([]));
    // A log of nothing else says where it breaks.
    let ran = explain("C: 805C03020\n", &["--lang", "en"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.err.contains("broken: lines 1\n"), "{}", ran.err);
}

#[test]
fn what_foreign_tools_write_is_found_whole() {
    const LIMIT: Duration = Duration::from_secs(60);
    const PURSE: &str = "00A4040008A000000632010105";
    const BALANCE: &str = "805C030204";
    let (Some(opensc), Some(scriptor)) = (tool("opensc-tool"), tool("scriptor")) else {
        return;
    };
    let Some(card) = Card::fresh(&[]) else { return };
    let ask = |debug: bool| {
        let mut command = card.service.command(&opensc);
        command.args([
            "-r",
            "0",
            "-c",
            "default",
            "-s",
            PURSE,
            "-s",
            BALANCE,
            "-s",
            "00B2010C00",
        ]);
        if debug {
            command.env("OPENSC_DEBUG", "9");
        }
        run_within(LIMIT, &mut command, b"")
    };
    let script = format!("reset\n{PURSE}\n{BALANCE}\n00B2010C00\nexit\n");
    let scripted = card.service.run(
        &scriptor,
        ["-r", CardService::READER],
        script.as_bytes(),
        LIMIT,
    );
    for (name, log) in [
        ("opensc-tool", ask(false).good()),
        ("OpenSC's log", ask(true).err),
        ("scriptor", scripted.good()),
    ] {
        let args = ["--json", "card", "trace", "explain", "-"];
        let ran = tongtu_in(Path::new("."), &args, log.as_bytes(), &[]);
        assert_eq!(ran.code, 0, "{name}: {}\n{log}", ran.err);
        let answer = ran.json();
        assert_eq!(answer["broken_lines"], serde_json::json!([]), "{name}");
        let entries = answer["entries"].as_array().unwrap();
        let ours = entries.iter().filter(|entry| {
            let command = entry["command"].as_str().unwrap_or_default();
            [PURSE, BALANCE, "00B2010C00"]
                .iter()
                .any(|sent| command.eq_ignore_ascii_case(sent))
        });
        let told: Vec<_> = ours
            .map(|entry| {
                let status = entry["status"].as_str().unwrap();
                let whole = entry["answer_bytes"].as_str().unwrap().len();
                (entry["application"].as_str().unwrap(), status, whole)
            })
            .collect();
        // The whole FCI of 51 bytes came through, the balance of 4, and a status word alone.
        assert_eq!(
            told,
            [
                ("purse", "9000", 106),
                ("purse", "9000", 12),
                ("purse", "6A82", 4)
            ],
            "{name}: {log}"
        );
    }
}

#[test]
fn a_log_that_windows_wrote_reads_like_any_other() {
    let folder = folder("trace-windows");
    let text = "805C030204\r\n000013889000\r\n";
    let utf16 = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let marked = "\u{FEFF}".encode_utf16().chain(text.encode_utf16());
        marked.flat_map(bytes).collect()
    };
    for log in [
        [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        utf16(u16::to_le_bytes),
        utf16(u16::to_be_bytes),
    ] {
        std::fs::write(folder.join("a.log"), log).unwrap();
        let ran = tongtu_in(
            &folder,
            &["card", "trace", "explain", "--short", "a.log"],
            b"",
            &[],
        );
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(
            ran.out.trim(),
            "1  GET BALANCE · unknown application · 9000 done"
        );
    }
}
