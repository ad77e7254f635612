//! `tongtu code issue`, and the way round: issue, read, verify.

use crate::run::{folder, tongtu, tongtu_in};

const AT: &str = "1767254400";

#[test]
fn the_same_keys_and_moment_give_the_same_code_and_say_that_it_is_a_test() {
    let first = tongtu(&["code", "issue", "--test", "--now", AT]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(first.out.trim_end().len(), 664);
    assert!(first.out.starts_with("8101492401010000021201341000"));
    assert_eq!(
        first.err,
        "TEST: made with published keys that everybody has; no real terminal accepts it\n"
    );
    let again = tongtu(&[
        "code",
        "issue",
        "--test",
        "--now",
        "2026-01-01T16:00:00+08:00",
    ]);
    assert_eq!(again.out, first.out);
    let zh = tongtu(&["code", "issue", "--test", "--now", AT, "--lang", "zh"]);
    assert_eq!(
        zh.err,
        "测试：用人人皆知的公开密钥签发，任何真实终端都不会受理\n"
    );
}

#[test]
fn the_terms_are_in_the_code() {
    let ran = tongtu(&[
        "code",
        "issue",
        "--test",
        "--now",
        AT,
        "--json",
        "--account",
        "3104100000000000025",
        "--limit",
        "7.5",
        "--validity",
        "90",
        "--lifetime",
        "86400",
        "--extension",
        "A1b2",
        "--issuer-data",
        "HELLO",
        "--account-type",
        "3",
    ]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answer = ran.json();
    for (field, value) in [
        ("length", serde_json::json!(334)),
        ("generated_at", 1_767_254_400.into()),
        ("valid_until", 1_767_254_490.into()),
        ("certificate_expires", 1_767_340_800.into()),
        (
            "symbol",
            serde_json::json!({"version": 12, "level": "L", "modules": 65, "size_mm": 30}),
        ),
        ("file", serde_json::Value::Null),
        ("test", true.into()),
    ] {
        assert_eq!(answer[field], value, "{field}");
    }
    let code = tongtu_codec::hex_decode(answer["hex"].as_str().unwrap()).unwrap();
    let code = tongtu_ride_code::RideCode::frame(&code).unwrap();
    let user = code.user().unwrap();
    assert_eq!(user.account.reveal(), "3104100000000000025");
    assert_eq!(
        (user.limit_fen, user.validity_s, user.account_type),
        (750, 90, 3)
    );
    assert_eq!(&user.issuer_data, b"HELLO           ");
    assert_eq!(code.extension(), [0xA1, 0xB2]);
    assert_eq!(user.card_issuer, [0x01, 0x34, 0x10, 0x00]);
}

#[test]
fn an_issued_symbol_is_read_and_verified() {
    let folder = folder("issue-round-trip");
    let run = |args: &[&str]| tongtu_in(&folder, args, b"", &[]);
    for (level, version, modules, extra) in [
        ("L", 12, 65, ""),
        ("m", 14, 73, ""),
        (
            "L",
            12,
            65,
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        ),
    ] {
        let issued = run(&[
            "code",
            "issue",
            "--test",
            "--now",
            AT,
            "--out",
            "ride.png",
            "--level",
            level,
            "--size-mm",
            "40",
            "--extension",
            extra,
        ]);
        assert_eq!(issued.code, 0, "{}", issued.err);
        let length = 332 + extra.len() / 2;
        let level = level.to_uppercase();
        assert_eq!(
            issued.out,
            format!(
                "ride.png: {length} bytes as QR version {version}, level {level}, {modules} x \
                 {modules} modules, 40 mm\n"
            )
        );
        let hex = run(&["code", "issue", "--test", "--now", AT, "--extension", extra]);
        let read = run(&["code", "read", "ride.png", "--hex"]);
        assert_eq!((read.code, &read.out), (0, &hex.out));
        let verified = run(&[
            "code", "verify", "ride.png", "--test", "--now", AT, "--json",
        ]);
        assert_eq!(verified.code, 0);
        assert_eq!(verified.json()["symbol"]["version"], version);
    }
}

#[test]
fn files_have_the_form_that_their_name_says() {
    let folder = folder("issue-files");
    let run = |args: &[&str]| tongtu_in(&folder, args, b"", &[]);
    let issued = run(&[
        "code", "issue", "--test", "--now", AT, "--out", "ride.bin", "--lang", "zh",
    ]);
    assert_eq!(issued.out, "ride.bin：332 字节\n");
    let bytes = std::fs::read(folder.join("ride.bin")).unwrap();
    assert_eq!((bytes.len(), bytes[0]), (332, 0x81));
    let issued = run(&[
        "code", "issue", "--test", "--now", AT, "--out", "ride.SVG", "--json",
    ]);
    assert_eq!(issued.json()["file"], "ride.SVG");
    let svg = std::fs::read_to_string(folder.join("ride.SVG")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("交通联合"));
    let refused = run(&["code", "issue", "--test", "--out", "ride.gif"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains(".png, .svg or .bin"),
        "{}",
        refused.err
    );
    let refused = run(&[
        "code",
        "issue",
        "--test",
        "--out",
        "no/such/folder/ride.png",
    ]);
    assert_eq!(refused.code, 2);
    assert!(
        refused
            .err
            .starts_with("error: cannot write `no/such/folder/ride.png`")
    );
}

#[test]
fn the_terminal_window_shows_the_symbol() {
    let dark = tongtu(&["code", "issue", "--test", "--now", AT, "--text"]);
    let lines: Vec<_> = dark.out.lines().collect();
    assert_eq!(lines[0].trim(), "交通联合");
    assert_eq!(lines.len(), 1 + 37);
    assert!(lines[1..].iter().all(|line| line.chars().count() == 73));
    assert!(
        lines[1].chars().all(|c| c == '█'),
        "the light border is drawn"
    );
    let light = [
        "code",
        "issue",
        "--test",
        "--now",
        AT,
        "--text",
        "--background",
        "light",
    ];
    let light = tongtu(&light);
    assert!(light.out.lines().nth(1).unwrap().trim().is_empty());
}

#[test]
fn terms_that_cannot_be_are_refused() {
    for (args, code, word) in [
        (&["--limit", "167772.16"][..], 2, "single-ride limit"),
        (&["--limit", "ten"], 2, "amount in yuan"),
        (&["--validity", "0"], 2, "at least 1 second"),
        (&["--validity", "65536"], 2, "65536"),
        (&["--account", "31041x"], 2, "card number"),
        (&["--extension", "0"], 2, "whole bytes"),
        (
            &["--extension", &"00".repeat(33)],
            2,
            "33 bytes, expected 0 to 32",
        ),
        (&["--issuer-data", "乘客"], 2, "printable ASCII"),
        (
            &["--issuer-data", "seventeen letters"],
            2,
            "issuer data is too long: 17 bytes",
        ),
        (&["--size-mm", "19"], 2, "20..=40 mm"),
        (&["--level", "H"], 2, "possible values: L, M"),
        (
            &["--expires", "2026-01-01T08:00:10Z"],
            1,
            "less than one validity is left",
        ),
        (
            &["--now", "4294967296", "--expires", "4294967295"],
            1,
            "less than one validity",
        ),
        (&["--now", "4294967296"], 2, "32-bit"),
        (
            &["--expires", "1", "--lifetime", "1"],
            2,
            "cannot be used with",
        ),
        (&["--root", "x"], 2, "cannot be used with"),
    ] {
        let mut all = vec!["code", "issue", "--test"];
        if !args.contains(&"--now") {
            all.extend(["--now", AT]);
        }
        all.extend(args);
        let ran = tongtu(&all);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.err.contains(word), "{args:?}: {}", ran.err);
    }
    let ran = tongtu(&["code", "issue"]);
    assert_eq!(ran.code, 2);
    for name in ["--issuer-cert", "--issuer-key", "--user-key", "--account"] {
        assert!(ran.err.contains(name), "{}", ran.err);
    }
}
