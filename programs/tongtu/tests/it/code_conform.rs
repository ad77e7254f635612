//! `tongtu code conform`: what it says of files; the vectors themselves are in `vectors`.

use serde_json::{Value, json};

use crate::run::{Ran, folder, published, tongtu_in};

fn file(cases: Value) -> Value {
    json!({
        "context": {
            "roots": [{"index": "02", "cert_hex": published("root")}],
            "accepted_issuers": ["01341000"],
        },
        "cases": cases,
    })
}

fn conform(name: &str, file: &Value, more: &[&str]) -> Ran {
    let folder = folder(&format!("conform-{name}"));
    std::fs::write(folder.join("cases.json"), file.to_string()).unwrap();
    let args = [&["code", "conform", "cases.json"], more].concat();
    tongtu_in(&folder, &args, b"", &[])
}

fn two_cases() -> Value {
    let a = published("code_a");
    file(json!([
        {"name": "honest", "expect": "R00", "now": 1_767_254_405, "fare_fen": 200, "hex": a},
        {"name": "stale", "expect": "R00", "now": 1_767_255_001, "fare_fen": 200, "hex": a},
    ]))
}

#[test]
fn a_wrong_expectation_is_named() {
    let ran = conform("differs", &two_cases(), &[]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(
        ran.out,
        "case    expected  got  result
honest  R00       R00  agrees
stale   R00       R13  DIFFERS

differs: stale: expected R00 ACCEPTED, got R13 CODE_EXPIRED
2 cases: 1 as expected, 1 different
"
    );
    let ran = conform("differs-zh", &two_cases(), &["--lang", "zh"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.out,
        "用例    预期  实际  结果
honest  R00   R00   相符
stale   R00   R13   不符

不符：stale：预期 R00 ACCEPTED，实际 R13 CODE_EXPIRED
共 2 个用例：1 个相符，1 个不符
"
    );
}

#[test]
fn json_has_stable_fields() {
    let ran = conform("json", &two_cases(), &["--json"]);
    assert_eq!(ran.code, 1);
    let expected = json!({
        "total": 2, "agree": 1, "differ": 1, "roots_not_loaded": [], "previous_refused": [],
        "cases": [
            {"name": "honest", "expected": "R00", "got": "R00", "agrees": true},
            {"name": "stale", "expected": "R00", "got": "R13", "agrees": false},
        ],
    });
    assert_eq!(ran.json(), expected);
}

#[test]
fn roots_that_do_not_hold_are_reported_and_not_loaded() {
    let a = published("code_a");
    let case = json!({"expect": "R07", "now": 1_767_254_405, "hex": a});
    let mut spoilt = published("root");
    spoilt.replace_range(40..42, "00");
    for (roots, reason) in [
        (json!([{"index": 2, "cert_hex": spoilt}]), "SM2 curve"),
        (json!([{"index": 2, "cert_hex": "21"}]), "RootCertificate"),
        (
            json!([{"index": 3, "cert_hex": published("root")}]),
            "listed under index 03, the certificate says 02",
        ),
    ] {
        let file = json!({
            "context": {"roots": roots, "accepted_issuers": ["01341000"]}, "cases": [case],
        });
        let ran = conform("roots", &file, &[]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let line = ran
            .out
            .lines()
            .find(|line| line.starts_with("root not loaded: "));
        let line = line.unwrap_or_default();
        assert!(
            line.contains("context.roots[0]") && line.contains(reason),
            "{}",
            ran.out
        );
        let answer = conform("roots-json", &file, &["--json"]).json();
        assert_eq!(answer["roots_not_loaded"][0]["at"], "context.roots[0]");
    }
}

#[test]
fn without_a_context_the_product_decides() {
    // No lists: the issuer is unknown. No clock: out of service.
    let a = published("code_a");
    let file = json!({"cases": [
        {"expect": "R05", "now": 1_767_254_405, "hex": a},
        {"expect": "R20", "hex": a},
        {"expect": "R20", "now": null, "hex": a},
    ]});
    let ran = conform("bare", &file, &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("cases[1]"),
        "a case without a name is called by its place"
    );
}

#[test]
fn only_what_was_accepted_before_is_remembered() {
    let a = published("code_a");
    let mut forged = a.clone();
    forged.replace_range(2 * 331.., if a.ends_with("00") { "01" } else { "00" });
    // Each is scanned before the honest code, which is R18 only if the same bytes were accepted.
    for (earlier, at, fare, expect, complaint) in [
        (a.as_str(), 1_767_254_401, 200, "R18", ""),
        (a.as_str(), 1_767_255_001, 200, "R00", "R13 CODE_EXPIRED"),
        (a.as_str(), 1_767_254_401, 2001, "R14", "R14 OVER_LIMIT"),
        (forged.as_str(), 1_767_254_401, 200, "R00", "R16 "),
        ("0102", 1_767_254_401, 200, "R00", "R01 "),
    ] {
        let context = json!({"previous": [{"hex": earlier, "at": at}]});
        let case = json!({"name": "x", "expect": expect, "now": 1_767_254_405, "fare_fen": fare,
                          "hex": a, "context": context});
        let ran = conform("previous", &file(json!([case])), &[]);
        assert_eq!(ran.code, 0, "a complaint fails nothing: {}", ran.out);
        let line = ran.out.lines().find(|line| line.contains("refused"));
        let expected = "earlier code refused, not remembered: cases[0].context.previous[0]: ";
        match line.map(|line| line.strip_prefix(expected)) {
            None => assert_eq!(complaint, "", "{}", ran.out),
            Some(reason) => {
                let reason = reason.unwrap();
                assert!(
                    !complaint.is_empty() && reason.starts_with(complaint),
                    "{reason}"
                );
            }
        }
    }
}

#[test]
fn codes_before_all_cases_are_complained_of_once() {
    let a = published("code_a");
    let mut file = file(json!([
        {"expect": "R00", "now": 1_767_254_405, "hex": a},
        {"expect": "R00", "now": 1_767_254_406, "hex": a},
    ]));
    file["context"]["previous"] = json!([{"hex": "0102", "at": 1_767_254_401}]);
    let answer = conform("previous-shared", &file, &["--json"]).json();
    assert_eq!(answer["differ"], 0);
    assert_eq!(answer["previous_refused"].as_array().unwrap().len(), 1);
    assert_eq!(answer["previous_refused"][0]["at"], "context.previous[0]");
}

#[test]
fn of_two_roots_of_one_index_the_later_counts() {
    let a = published("code_a");
    let made = folder("conform-roots-other");
    let args = ["key", "root", "new", "--index", "02", "--expiry", "1240"];
    assert_eq!(tongtu_in(&made, &args, b"", &[]).code, 0);
    let other = std::fs::read(made.join("01010000.JG02")).unwrap();
    let other = json!({"index": 2, "cert_hex": tongtu_codec::hex_encode(&other)});
    let ours = json!({"index": 2, "cert_hex": published("root")});
    for (roots, expect) in [([&other, &ours], "R00"), ([&ours, &other], "R08")] {
        let mut file = file(json!([{"expect": expect, "now": 1_767_254_405, "hex": a}]));
        file["context"]["roots"] = json!(roots);
        let ran = conform("roots-twice", &file, &[]);
        assert_eq!(ran.code, 0, "{}", ran.out);
        let line = "root not loaded: context.roots[0]: context.roots[1] has the same index 02 and \
                    counts";
        assert!(ran.out.contains(line), "{}", ran.out);
    }
}

#[test]
fn a_wrong_file_is_wrong_use_and_says_where() {
    let a = published("code_a");
    for (file, word) in [
        (json!([]), "expected an object"),
        (file(json!([])), "cases: there are none"),
        (
            file(json!([{"expect": "R00", "hex": "xy"}])),
            "cases[0].hex: character 'x'",
        ),
        (
            file(json!([{"expect": "R00", "hex": a, "fare": 1, "context": {"skew": 1}}])),
            "unknown keys: cases[0].context.skew, cases[0].fare",
        ),
    ] {
        let ran = conform("wrong", &file, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{file}");
        assert!(ran.err.contains(word), "{}", ran.err);
        assert!(ran.err.contains("hint: "), "{}", ran.err);
    }
    let folder = folder("conform-unreadable");
    std::fs::write(folder.join("latin.json"), b"{\"cases\": \"\xE9\"}").unwrap();
    for (args, word) in [
        (["code", "conform", "gone.json"], "cannot read `gone.json`"),
        (["code", "conform", "latin.json"], "not UTF-8"),
    ] {
        let ran = tongtu_in(&folder, &args, b"", &[]);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(word), "{}", ran.err);
    }
    let deep = "[".repeat(100_000);
    let ran = tongtu_in(&folder, &["code", "conform", "-"], deep.as_bytes(), &[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}
