//! `tongtu code verify`.

use std::path::Path;

use tongtu_symbol::{Display, QrEncoder, SymbolEncoder as _, render_png};

use crate::run::{folder, published, tongtu, tongtu_in, transcript};

/// Five seconds after the published codes were made.
const SOON: &str = "1767254405";

#[test]
fn an_accepted_code_passes_all_checks() {
    let a = published("code_a");
    transcript(
        Path::new("."),
        &[
            "code", "verify", &a, "--test", "--now", SOON, "--fare", "2.00",
        ],
        "
$ tongtu code verify ‹332 bytes› --test --now 1767254405 --fare 2.00
T-Union ride code, 332 bytes, from hexadecimal text
at 2026-01-01T08:00:05Z, fare 2.00 CNY

    check                               outcome  reason
1   code type                           passed
2   structure version                   passed
3   lengths                             passed
4   trusted clock, terminal in service  passed
5   certificate format                  passed
6   issuer accepted                     passed
7   certificate expiry                  passed
8   CA key of this index                passed
9   user fields                         passed
10  user certificate expiry             passed
11  validity policy                     passed
12  not from the future                 passed
13  not stale                           passed
14  bytes not seen before               passed
15  CA signature                        passed
16  issuer signature                    passed
17  user signature                      passed
18  not blacklisted                     passed
19  account and second not seen before  passed
20  fare within single-ride limit       passed
21  interval of the account             passed

R00 ACCEPTED
乘车成功 / Welcome
",
    );
}

#[test]
fn a_stale_code_stops_at_its_check_in_chinese() {
    let a = published("code_a");
    let args = [
        "--lang",
        "zh",
        "code",
        "verify",
        &a,
        "--test",
        "--now",
        "1767255001",
    ];
    transcript(
        Path::new("."),
        &args,
        "
$ tongtu --lang zh code verify ‹332 bytes› --test --now 1767255001
交通一卡通乘车二维码，332 字节，来自十六进制文本
时刻 2026-01-01T08:10:01Z，票价 0.00 元

    检查                  结论    原因码
1   码类型标识            通过
2   结构版本              通过
3   长度                  通过
4   可信时钟与终端状态    通过
5   互通证书格式          通过
6   发行机构名单          通过
7   互通证书失效日期      通过
8   中心CA公钥            通过
9   用户证书域字段        通过
10  用户证书过期时间      通过
11  有效时间策略          通过
12  生成时间不超前        通过
13  码未过期              不通过  R13
14  未重复（字节）        未进行
15  互通证书签名          未进行
16  发行机构签名          未进行
17  用户签名              未进行
18  黑名单                未进行
19  未重复（账户与时间）  未进行
20  单次消费金额上限      未进行
21  同账户间隔            未进行

R13 CODE_EXPIRED（验票机编号 0005584）
码已过期，请刷新 / Code expired; refresh the code
exit 1
",
    );
}

#[test]
fn json_has_stable_fields() {
    let a = published("code_a");
    let ran = tongtu(&[
        "code",
        "verify",
        &a,
        "--test",
        "--now",
        "1767255001",
        "--json",
    ]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let answer = ran.json();
    for (field, value) in [
        ("verdict", serde_json::json!("R13")),
        ("name", "CODE_EXPIRED".into()),
        ("accepted", false.into()),
        ("rider_en", "Code expired; refresh the code".into()),
        ("rider_zh", "码已过期，请刷新".into()),
        ("secondary", "0005584".into()),
        ("now", 1_767_255_001.into()),
        ("fare_fen", 0.into()),
        ("form", "hex".into()),
        ("transform", "none".into()),
        ("symbol", serde_json::Value::Null),
        ("kind", "ride_code".into()),
        ("length", 332.into()),
        ("sm3", published("code_a_sm3").into()),
    ] {
        assert_eq!(answer[field], value, "{field}");
    }
    let checks = answer["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 21);
    let check = serde_json::json!({
        "number": 13, "title_en": "not stale", "title_zh": "码未过期",
        "outcome": "failed", "reason": "R13",
    });
    assert_eq!(checks[12], check);
    assert_eq!(
        (&checks[11]["outcome"], &checks[13]["outcome"]),
        (&"passed".into(), &"not_reached".into())
    );
}

#[test]
fn every_form_of_a_code_is_taken() {
    let folder = folder("verify-forms");
    let hex = published("code_b");
    let raw = tongtu_codec::hex_decode(&hex).unwrap();
    let base64 = tongtu_codec::base64_encode(&raw);
    std::fs::write(folder.join("code.bin"), &raw).unwrap();
    std::fs::write(folder.join("code.hex"), format!("{}\n", hex.to_uppercase())).unwrap();
    std::fs::write(folder.join("code.b64"), &base64).unwrap();
    let picture = |payload: &[u8]| {
        let modules = QrEncoder::L.encode(payload).unwrap();
        render_png(&modules, &Display::default())
    };
    std::fs::write(folder.join("code.png"), picture(&raw)).unwrap();
    std::fs::write(folder.join("text.png"), picture(hex.as_bytes())).unwrap();
    let spaced = format!(" {} {}", &hex[..6], &hex[6..]);
    for (argument, stdin, form, transform) in [
        (hex.as_str(), &b""[..], "hex", "none"),
        (&spaced, b"", "hex", "none"),
        (&base64, b"", "base64", "none"),
        ("code.bin", b"", "file", "none"),
        ("code.hex", b"", "file", "hex"),
        ("code.b64", b"", "file", "base64"),
        ("code.png", b"", "image", "none"),
        ("text.png", b"", "image", "hex"),
        ("-", &raw, "stdin", "none"),
        ("-", hex.as_bytes(), "stdin", "hex"),
    ] {
        let args = [
            "code", "verify", argument, "--test", "--now", SOON, "--json",
        ];
        let ran = tongtu_in(&folder, &args, stdin, &[]);
        assert_eq!(ran.code, 0, "{form} {transform}: {}{}", ran.out, ran.err);
        let answer = ran.json();
        assert_eq!(
            (&answer["form"], &answer["transform"]),
            (&form.into(), &transform.into())
        );
        assert_eq!(answer["symbol"].is_null(), form != "image");
    }
}

#[test]
fn moments_are_seconds_or_times_with_a_zone() {
    let a = published("code_a");
    for now in [SOON, "2026-01-01T08:00:05Z", "2026-01-01T16:00:05+08:00"] {
        let ran = tongtu(&["code", "verify", &a, "--test", "--now", now]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let ran = tongtu(&[
        "code",
        "verify",
        &a,
        "--test",
        "--now",
        "2026-01-01T08:00:05",
    ]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("a time with its zone"), "{}", ran.err);
}

#[test]
fn what_is_trusted_decides() {
    let folder = folder("verify-trust");
    let root = tongtu_codec::hex_decode(&published("root")).unwrap();
    std::fs::write(folder.join("01010000.JG02"), root).unwrap();
    std::fs::write(folder.join("root.hex"), published("root")).unwrap();
    std::fs::write(folder.join("national.hex"), published("national_root")).unwrap();
    let mut spoilt = published("root");
    spoilt.replace_range(30..32, "ff");
    std::fs::write(folder.join("spoilt.hex"), spoilt).unwrap();
    let a = published("code_a");
    let check = |trust: &[&str], code: i32, word: &str| {
        let args = [&["code", "verify", &a, "--now", SOON], trust].concat();
        let ran = tongtu_in(&folder, &args, b"", &[]);
        assert_eq!(ran.code, code, "{trust:?}: {}{}", ran.out, ran.err);
        assert!(
            format!("{}{}", ran.out, ran.err).contains(word),
            "{trust:?}: {}",
            ran.out
        );
    };
    check(
        &["--root", "01010000.JG02", "--issuer", "01341000"],
        0,
        "R00 ACCEPTED",
    );
    check(
        &["--root", "root.hex", "--issuer", "01341000"],
        0,
        "R00 ACCEPTED",
    );
    check(
        &["--root", "root.hex", "--issuer", "01345810"],
        1,
        "R05 ISSUER_NOT_ACCEPTED",
    );
    check(
        &["--issuer", "01341000"],
        1,
        "R07 CA_KEY (validator number 0005586)",
    );
    check(&[], 1, "hint: name roots with --root");
    // The same index, another key.
    check(
        &["--root", "national.hex", "--issuer", "01341000"],
        1,
        "R08 CERT_SIGNATURE",
    );
    check(
        &["--root", "spoilt.hex", "--issuer", "01341000"],
        2,
        "no root certificate that verifies",
    );
    check(
        &["--root", "gone.hex", "--issuer", "01341000"],
        2,
        "cannot read `gone.hex`",
    );
    check(&["--test", "--issuer", "1341000"], 2, "8 digits");
    check(&["--test", "--fare", "20.01"], 1, "R14 OVER_LIMIT");
    check(&["--test", "--fare", "-1"], 2, "cannot be negative");
    check(&["--test", "--fare", "1.234"], 2, "amount in yuan");
}

#[test]
fn what_is_no_code_is_named_or_refused_without_repeating_it() {
    let ran = tongtu(&["code", "verify", "TXA1234567", "--test", "--now", SOON]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .starts_with("Tencent ride code, 10 bytes, from text\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("R01 NOT_RIDE_CODE"));
    // A code with a slip of the pen names an account: it is not repeated.
    let slip = format!("{}x", published("code_a"));
    let ran = tongtu(&["code", "verify", &slip, "--test"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "error: the code is neither a file nor hex nor Base64: character 'x' at position 664 is \
         not hexadecimal\n  \
         hint: give hex, Base64, a PNG or JPEG, a file of raw bytes, or `-` for stdin\n"
    );
    for argument in ["", "zz", "no-such.png", "."] {
        let ran = tongtu(&["code", "verify", argument, "--test"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{argument:?}");
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn an_unknown_option_is_no_code() {
    for verb in ["show", "verify"] {
        let ran = tongtu(&["code", verb, "--bogus"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{verb}");
        assert!(
            ran.err.contains("unexpected argument '--bogus'"),
            "{}",
            ran.err
        );
        let ran = tongtu_in(Path::new("."), &["code", verb, "-"], b"81", &[]);
        assert!(!ran.err.contains("unexpected argument"), "{}", ran.err);
    }
}

#[test]
fn what_does_not_fit_is_quoted_as_typed() {
    for (option, value, words) in [
        ("--now", "99999999999999", "out of range"),
        ("--now", "99999999999999999999", "out of range"),
        (
            "--fare",
            "99999999999999999999",
            "99999999999999999999 yuan are more than",
        ),
        ("--fare", "2.005", "length"),
    ] {
        let ran = tongtu(&["code", "verify", "81", "--test", option, value]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{value}");
        assert!(ran.err.contains(&format!("'{value}'")), "{}", ran.err);
        assert!(ran.err.contains(words), "{}", ran.err);
        // No number that nobody typed.
        assert!(!ran.err.contains("999999999999999999 is"), "{}", ran.err);
    }
}
