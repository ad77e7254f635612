//! The institution register, signed by two custodians who never meet.

use serde_json::Value;

use crate::room::{Office, REGISTER};

/// A room with the nation's key for registers in use, and the first custodian's approval of one.
fn approved(name: &str) -> (Office, String, Value) {
    let office = Office::staffed(name).with_nation();
    let key = office.apply_own("1", "institution-register", "sm2");
    office.made(&key);
    office.take_over(&key);
    std::fs::write(office.path("one.toml"), REGISTER).unwrap();
    let first = ["register", "sign", "one.toml", "--by-key", &key];
    let first = [&first[..], &["--approval", "one.approval"]].concat();
    let said = office.done(&first, &["N-03"]);
    (office, key, said)
}

#[test]
fn two_custodians_who_never_meet_sign_a_register_by_way_of_a_file() {
    let (office, key, said) = approved("room-register-file");
    assert_eq!(said["outcome"], "approval");
    assert_eq!(
        said["act"].as_str().unwrap().split(' ').next(),
        Some("register.sign")
    );
    let commit = |text: &'static str, out: &'static str| {
        ["register", "commit", "one.approval", text, "--out", out]
    };
    let good = commit("one.toml", "one.ttir");
    // Nobody signs twice, and nobody else than a custodian.
    for by in ["N-03", "N-01"] {
        office.refused(&good, &[by]);
    }
    // Another text, before anybody signs for it.
    std::fs::write(
        office.path("two.toml"),
        REGISTER.replace("Beijing", "Peking"),
    )
    .unwrap();
    let lines = || office.json(&["key", "room", "show"])["audit_lines"].clone();
    let before = lines();
    let error = office.refused(&commit("two.toml", "two.ttir"), &["N-04"]);
    assert!(
        error.contains("approves another register than this text"),
        "{error}"
    );
    assert_eq!(lines(), before);
    assert!(!office.path("one.ttir").exists() && !office.path("two.ttir").exists());
    let signed = office.done(&good, &["N-04"]);
    let public = signed["public_key"].as_str().unwrap();
    let verify = ["register", "verify", "one.ttir", "--key", public];
    assert_eq!(office.json(&verify)["version"], 1);
    let shown = office.run(&["audit", "show", "--last", "4"], false);
    for word in ["N-03", "N-04", "use.sign", "register.sign"] {
        assert!(shown.out.contains(word), "{word}: {}", shown.out);
    }
    // It was good once.
    std::fs::remove_file(office.path("one.ttir")).unwrap();
    let error = office.refused(&good, &["N-04"]);
    assert!(!error.is_empty() && !office.path("one.ttir").exists());
    // The next one is compared with it by the second custodian.
    office.done(
        &[
            "register",
            "sign",
            "one.toml",
            "--by-key",
            &key,
            "--out",
            "again.ttir",
        ],
        &["N-03", "N-04"],
    );
    let first = ["register", "sign", "one.toml", "--by-key", &key];
    office.done(
        &[&first[..], &["--approval", "two.approval"]].concat(),
        &["N-03"],
    );
    let second = [
        "register",
        "commit",
        "two.approval",
        "one.toml",
        "--out",
        "two.ttir",
    ];
    let error = office.refused(
        &[&second[..], &["--after", "again.ttir"]].concat(),
        &["N-04"],
    );
    assert!(error.contains("does not follow"), "{error}");
}

#[test]
fn an_approval_of_a_register_is_carried_out_with_its_text_alone() {
    let (office, key, _) = approved("room-register-approval");
    let usage = |args: &[&str]| {
        let ran = office.step(args, &["N-04"]);
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        error["error"]["message"].as_str().unwrap().to_owned()
    };
    let error = usage(&["key", "commit", "one.approval"]);
    assert!(error.contains("tongtu register commit"), "{error}");
    let approve = [
        "key",
        "suspend",
        &key,
        "--cause",
        "misuse",
        "--out",
        "other.approval",
    ];
    office.done(&approve, &["S-01"]);
    let commit = [
        "register",
        "commit",
        "other.approval",
        "one.toml",
        "--out",
        "one.ttir",
    ];
    let error = usage(&commit);
    assert!(error.contains("approves no register"), "{error}");
    assert!(!office.path("one.ttir").exists());
}
