//! Key rooms as officers type them: from the founding to a revocation, and what is refused.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tongtu_foreign::{openssl, sm2_key_der, sm2_signature_der, tool};

use crate::run::{Ran, folder, tongtu_in};

/// 2026-01-01 08:00:00 in China.
const START: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

/// A folder with a room, its officers' key files, and one passphrase for all of them.
pub(crate) struct Office {
    pub(crate) folder: PathBuf,
    pub(crate) now: i64,
}

const NATION: [(&str, &str); 4] = [
    ("N-01", "nation-key-officer"),
    ("N-02", "nation-approver"),
    ("N-03", "nation-custodian"),
    ("N-04", "nation-custodian"),
];

const OTHERS: [(&str, &str, &str); 6] = [
    ("P-01", "province-key-officer", "00003000"),
    ("P-02", "province-approver", "00003000"),
    ("H-01", "holder-custodian", "01343010"),
    ("H-02", "holder-custodian", "01343010"),
    ("S-01", "authority-supervisor", "00003010"),
    ("S-02", "authority-supervisor", "00003010"),
];

const OWN: [(&str, &str); 4] = [
    ("NP-1", "province-key-officer"),
    ("NP-2", "province-approver"),
    ("NH-1", "holder-custodian"),
    ("NH-2", "holder-custodian"),
];

impl Office {
    /// A room with its four founders.
    fn founded(name: &str) -> Self {
        Self::founded_with(name, "the custody's passphrase", &[])
    }

    /// One whose custody opens with these words, founded with these arguments besides.
    fn founded_with(name: &str, safe: &str, more: &[&str]) -> Self {
        let folder = folder(name);
        std::fs::write(folder.join("words"), "a passphrase for tests\n").unwrap();
        std::fs::write(folder.join("wrong"), "another passphrase\n").unwrap();
        std::fs::write(folder.join("safe"), format!("{safe}\n")).unwrap();
        let office = Self { folder, now: START };
        for (number, role) in NATION {
            office.officer(number, role, "00000000");
        }
        let mut args = vec!["key", "room", "new", "--custody-passphrase", "safe"];
        args.extend(more);
        let files: Vec<_> = NATION
            .iter()
            .map(|(number, _)| (format!("{number}.request"), format!("{number}.key")))
            .collect();
        for (request, key) in &files {
            args.extend(["--request", request, "--as", key, "--passphrase", "words"]);
        }
        let ran = office.run(&args, true);
        assert_eq!(ran.code, 0, "{}", ran.err);
        office
    }

    /// A room with all its officers, its city and one root.
    pub(crate) fn staffed(name: &str) -> Self {
        Self::founded(name).with_officers()
    }

    /// The same, its custody on a token.
    pub(crate) fn staffed_on(name: &str, pin: &str, token: &[&str]) -> Self {
        Self::founded_with(name, pin, token).with_officers()
    }

    fn with_officers(self) -> Self {
        let office = self;
        for (number, role, at) in OTHERS {
            office.officer(number, role, at);
            let request = format!("{number}.request");
            office.done(&["key", "officer", "register", &request], &["N-01", "N-02"]);
        }
        let city = ["key", "city", "3010", "--province", "00003000"];
        office.done(&city, &["N-01", "N-02"]);
        office
    }

    fn officer(&self, number: &str, role: &str, at: &str) {
        let args = [
            "key",
            "officer",
            "new",
            "--number",
            number,
            "--role",
            role,
            "--institution",
            at,
            "--passphrase",
            "words",
        ];
        assert_eq!(self.run(&args, false).code, 0, "{number}");
    }

    pub(crate) fn run(&self, args: &[&str], has_now: bool) -> Ran {
        let now = self.now.to_string();
        let mut all = args.to_vec();
        if has_now {
            all.extend(["--now", &now]);
        }
        tongtu_in(&self.folder, &all, b"", &[])
    }

    /// A step by these officers.
    pub(crate) fn step(&self, args: &[&str], by: &[&str]) -> Ran {
        let keys: Vec<String> = by.iter().map(|number| format!("{number}.key")).collect();
        let mut all = args.to_vec();
        all.push("--json");
        for key in &keys {
            all.extend(["--as", key, "--passphrase", "words"]);
        }
        all.extend(["--custody-passphrase", "safe"]);
        self.run(&all, true)
    }

    pub(crate) fn done(&self, args: &[&str], by: &[&str]) -> Value {
        let ran = self.step(args, by);
        assert_eq!(ran.code, 0, "{args:?} by {by:?}: {}", ran.err);
        ran.json()
    }

    /// The error of a step that is refused.
    pub(crate) fn refused(&self, args: &[&str], by: &[&str]) -> String {
        let ran = self.step(args, by);
        assert_eq!(ran.code, 1, "{args:?} by {by:?}: {}{}", ran.out, ran.err);
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        error["error"]["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        let ran = self.run(&all, false);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran.json()
    }

    /// An application for one key; its number.
    pub(crate) fn apply(&self, batch: &str, purpose: &str) -> String {
        let args = [
            "key",
            "apply",
            "--batch",
            batch,
            "--province",
            "00003000",
            "--holder",
            "01343010",
            "--city",
            "3010",
            "--purpose",
            purpose,
        ];
        self.done(&args, &["P-01"])["keys"][0].to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn stage(&self, key: &str) -> String {
        let shown = self.json(&["key", "show", key]);
        shown["stage"].as_str().unwrap().to_owned()
    }

    /// The check value of a key as `--check` takes it.
    pub(crate) fn check(&self, key: &str) -> String {
        let shown = self.json(&["key", "show", key]);
        let check = shown["check"].as_str().unwrap();
        check.split_once(' ').unwrap().1.to_owned()
    }

    pub(crate) fn activate(&self, key: &str) {
        self.made(key);
        self.hand_over(key);
    }

    /// Approves a key and lets the custody make it.
    pub(crate) fn made(&self, key: &str) {
        self.done(&["key", "approve", key], &["N-01", "N-02"]);
        self.done(&["key", "generate", key], &["N-03", "N-04"]);
    }

    /// The holder gets it and begins to use it.
    pub(crate) fn hand_over(&self, key: &str) {
        self.in_use(key, "HSM-C", (&["P-01", "H-01"], &["H-01", "H-02"]));
    }

    /// The same of a key of the nation's own.
    pub(crate) fn take_over(&self, key: &str) {
        self.in_use(key, "HSM-N", (&["NP-1", "NH-1"], &["NH-1", "NH-2"]));
    }

    fn in_use(&self, key: &str, device: &str, (gets, uses): (&[&str], &[&str])) {
        let check = self.check(key);
        let distribute = ["key", "distribute", key, "--device", device, "--check"];
        self.done(&[&distribute[..], &[&check]].concat(), gets);
        self.done(&["key", "activate", key], uses);
    }

    /// The nation's officers for keys of its own, and its city.
    pub(crate) fn with_nation(self) -> Self {
        let office = self;
        for (number, role) in OWN {
            office.officer(number, role, "00000000");
            let request = format!("{number}.request");
            office.done(&["key", "officer", "register", &request], &["N-01", "N-02"]);
        }
        let city = ["key", "city", "0000", "--province", "00000000"];
        office.done(&city, &["N-01", "N-02"]);
        office
    }

    /// An application for a key of the nation's own; its number.
    pub(crate) fn apply_own(&self, batch: &str, purpose: &str, algorithm: &str) -> String {
        #[rustfmt::skip]
        let args = [
            "key", "apply", "--batch", batch, "--province", "00000000", "--holder", "00000000",
            "--city", "0000", "--purpose", purpose, "--algorithm", algorithm,
        ];
        self.done(&args, &["NP-1"])["keys"][0].to_string()
    }
}

#[test]
fn a_key_lives_from_the_founding_to_its_revocation() {
    let office = Office::staffed("room-life");
    let key = office.apply("1", "purse-purchase");
    assert_eq!(office.stage(&key), "requested");
    office.activate(&key);
    assert_eq!(office.stage(&key), "active");
    let permit = |city: &str, usage: &str| {
        let args = [
            "key",
            "permit",
            &key,
            "--city",
            city,
            "--purpose",
            "purse-purchase",
            "--usage",
            usage,
            "--json",
        ];
        office.run(&args, true)
    };
    assert_eq!(permit("3010", "make").code, 0);
    let elsewhere = permit("3020", "make");
    assert_eq!(elsewhere.code, 1);
    assert_eq!(elsewhere.json()["ground"], "outside its city");
    office.done(&["key", "suspend", &key, "--cause", "misuse"], &["S-01"]);
    assert_eq!(permit("3010", "accept").json()["ground"], "suspended");
    office.done(&["key", "resume", &key], &["S-01", "S-02"]);
    let revoke = ["key", "revoke", &key, "--cause", "compromise"];
    office.done(&revoke, &["S-01", "S-02"]);
    assert_eq!(office.stage(&key), "revoked");
    let listed = office.json(&["key", "list"]);
    assert_eq!(listed[0]["custody"], "HSM");
    let shown = office.json(&["key", "room", "show"]);
    assert_eq!(
        (&shown["officers"], &shown["keys"]),
        (&10.into(), &1.into())
    );
}

#[test]
fn a_key_without_two_persons_does_not_come_about() {
    let office = Office::staffed("room-two");
    let key = office.apply("1", "load");
    for by in [
        &["N-01"][..],
        &["N-01", "N-01"],
        &["N-01", "N-03"],
        &["P-01", "P-02"],
    ] {
        let error = office.refused(&["key", "approve", &key], by);
        assert!(error.contains("approved: "), "{by:?}: {error}");
    }
    assert_eq!(office.stage(&key), "requested");
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    let error = office.refused(&["key", "generate", &key], &["N-03", "N-03"]);
    assert!(
        error.contains("signed twice, expected two persons"),
        "{error}"
    );
    let error = office.refused(&["key", "generate", &key], &["N-03"]);
    assert!(error.contains("1 officers, expected 2"), "{error}");
    // The same key under two numbers is one person too.
    let twin = std::fs::read_to_string(office.path("H-01.request")).unwrap();
    std::fs::write(office.path("twin.request"), twin.replace("H-01", "H-09")).unwrap();
    let ran = office.step(
        &["key", "officer", "register", "twin.request"],
        &["N-01", "N-02"],
    );
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn two_officers_who_never_meet_take_a_step_by_way_of_a_file() {
    let office = Office::staffed("room-file");
    let key = office.apply("1", "load");
    let out = ["key", "approve", &key, "--out", "approve.approval"];
    let written = office.done(&out, &["N-01"]);
    assert_eq!(written["outcome"], "approval");
    assert_eq!(office.stage(&key), "requested");
    let text = std::fs::read_to_string(office.path("approve.approval")).unwrap();
    assert!(
        text.contains(&format!("\nact key.approve {key}\n")),
        "{text}"
    );
    // Whoever changes what it says loses the signature.
    std::fs::write(
        office.path("other.approval"),
        text.replace("approve 1", "approve 2"),
    )
    .unwrap();
    let error = office.refused(&["key", "commit", "other.approval"], &["N-02"]);
    assert!(error.contains("does not verify"), "{error}");
    office.done(&["key", "commit", "approve.approval"], &["N-02"]);
    assert_eq!(office.stage(&key), "approved");
    let error = office.refused(&["key", "commit", "approve.approval"], &["N-02"]);
    assert!(error.contains("is at event"), "{error}");
}

#[test]
fn wrong_passphrases_make_a_console_wait_and_nobody_is_locked_out_for_good() {
    let mut office = Office::staffed("room-wait");
    let tried = |office: &Office, words: &str| {
        let unlock = ["key", "officer", "unlock", "1"];
        let signing = ["--as", "N-02.key", "--passphrase", words];
        let ran = office.run(&[&unlock[..], &signing].concat(), true);
        assert_eq!(ran.code, 1, "{}", ran.err);
        ran.err
    };
    for _ in 0..5 {
        let error = tried(&office, "wrong");
        assert!(error.contains("does not open"), "{error}");
    }
    // The right one is not looked at either: nothing is learnt in a wait.
    for words in ["wrong", "words"] {
        let error = tried(&office, words);
        assert!(error.contains("no passphrase of officer"), "{error}");
    }
    let now = office.now.to_string();
    let listed = office.json(&["key", "officer", "list", "--now", &now]);
    assert_eq!(
        (&listed[1]["number"], &listed[1]["state"]),
        (&"N-02".into(), &"waits".into())
    );
    assert_eq!(listed[1]["waits_until"], office.now + 60);
    let key = office.apply("1", "load");
    let error = office.refused(&["key", "approve", &key], &["N-01", "N-02"]);
    assert!(error.contains("no passphrase of officer"), "{error}");
    // Two others end the wait at once; or it ends.
    office.done(&["key", "officer", "unlock", "2"], &["N-01", "N-03"]);
    for _ in 0..5 {
        tried(&office, "wrong");
    }
    office.now += 60;
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    let listed = office.json(&["key", "officer", "list", "--now", &now]);
    assert_eq!(listed[1]["failures"], 0);
}

#[test]
fn a_key_comes_in_components_and_carries_another_out() {
    let office = Office::staffed("room-components");
    let transport = office.apply("1", "personalisation-transport");
    let made = office.json(&[
        "key",
        "component",
        "new",
        "--count",
        "3",
        "--dir",
        "letters",
    ]);
    assert!(made["components"][0].get("component").is_none());
    let check = made["check"].as_str().unwrap();
    office.done(&["key", "approve", &transport], &["N-01", "N-02"]);
    let import = |check: &str| {
        let args = [
            "key",
            "component",
            "import",
            &transport,
            "--check",
            check,
            "--component",
            "letters/1.component",
            "--component",
            "letters/2.component",
            "--component",
            "letters/3.component",
        ];
        office.step(&args, &["N-03", "N-04"])
    };
    assert_eq!(import("000000").code, 1);
    let ran = import(check);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(office.check(&transport), check);
    office.hand_over(&transport);
    let key = office.apply("2", "load");
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    office.done(&["key", "generate", &key], &["N-03", "N-04"]);
    let export = [
        "key",
        "export",
        &key,
        "--transport",
        &transport,
        "--container",
        "key.container",
    ];
    office.refused(&export, &["N-03", "N-01"]);
    let done = office.done(&export, &["N-03", "N-04"]);
    let container = std::fs::read(office.path("key.container")).unwrap();
    assert!(container.starts_with(b"TTKC"));
    assert_eq!(done["file"], "key.container");
    // It is of another key than the one that is asked for.
    let other = office.apply("3", "unload");
    office.done(&["key", "approve", &other], &["N-01", "N-02"]);
    let take_in = [
        "key",
        "take-in",
        &other,
        "--transport",
        &transport,
        "--container",
        "key.container",
    ];
    office.refused(&take_in, &["N-03", "N-04"]);
    assert_eq!(office.stage(&other), "approved");
    office.done(&["key", "generate", &other], &["N-03", "N-04"]);
}

#[test]
fn terminals_take_the_rooms_files_and_openssl_verifies_them() {
    let office = Office::staffed("room-certificates");
    let custodians = ["N-03", "N-04"];
    office.done(
        &["cert", "root", "--index", "02", "--expiry", "1240"],
        &custodians,
    );
    let draft = [
        "cert", "draft", "--issuer", "01343010", "--index", "02", "--expiry", "1228",
    ];
    assert_eq!(office.done(&draft, &["H-01"])["certificate"], 1);
    let listed = office.json(&["cert", "list"]);
    let serial = listed["certificates"][0]["serial"].as_str().unwrap();
    let new = [
        "key",
        "issuer",
        "new",
        "--issuer",
        "01343010",
        "--expiry",
        "1228",
        "--tracking",
        serial,
    ];
    assert_eq!(office.run(&new, false).code, 0);
    let application = format!("issuer-01343010-{serial}.application");
    let apply = ["cert", "apply", "1", "--application", &application];
    office.done(&apply, &["H-01"]);
    office.done(&["cert", "approve", "1"], &["P-01", "P-02"]);
    office.refused(&["cert", "issue", "1"], &["N-03"]);
    office.done(&["cert", "issue", "1"], &custodians);
    office.done(&["cert", "activate", "1"], &["H-01", "H-02"]);
    let files = [
        "cert",
        "files",
        "--dir",
        "out",
        "--now",
        "2026-01-02T00:00:00Z",
    ];
    let written = office.json(&files);
    assert_eq!(
        (&written["roots"], &written["certificates"]),
        (&1.into(), &1.into())
    );
    let read = |name: &str| std::fs::read(office.path("out").join(name)).unwrap();
    let root = read("01010000.JG02");
    let names: Vec<&str> = written["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let issued = read(names.iter().find(|name| name.ends_with(".IG02")).unwrap());
    assert!(read("roots.4026").windows(144).any(|part| part == root));
    let file = tongtu_ride_code::root_file::RootFile::decode(&read("roots.4026")).unwrap();
    assert_eq!(file.entries.len(), 1);
    if tool("openssl").is_some() {
        let key: [u8; 64] = root[16..80].try_into().unwrap();
        assert!(openssl_verifies(
            &office.folder,
            &key,
            &root[..80],
            &root[80..]
        ));
        // QR annex: the root signs from the certificate's format to the issuer's key.
        let (signed, signature) = (6..53, 53..117);
        assert!(openssl_verifies(
            &office.folder,
            &key,
            &issued[signed.clone()],
            &issued[signature.clone()]
        ));
        let mut bad = issued.clone();
        bad[20] ^= 1;
        assert!(!openssl_verifies(
            &office.folder,
            &key,
            &bad[signed],
            &bad[signature]
        ));
    }
    let revoke = ["cert", "revoke", "1", "--cause", "compromise"];
    office.done(&revoke, &["S-01", "S-02"]);
    let files = [
        "cert",
        "files",
        "--dir",
        "later",
        "--now",
        "2026-01-02T00:00:00Z",
    ];
    assert_eq!(office.json(&files)["revoked"], 1);
    let list = std::fs::read(office.path("later").join("revoked.7")).unwrap();
    assert_eq!(list[..4], [0x01, 0x34, 0x30, 0x10]);
    assert_eq!(list.len(), 7);
}

fn openssl_verifies(folder: &Path, key: &[u8; 64], message: &[u8], signature: &[u8]) -> bool {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let key = write("key.der", &sm2_key_der(key));
    let signature: &[u8; 64] = signature.try_into().unwrap();
    let signature = write("signature.der", &sm2_signature_der(signature));
    let message = write("message", message);
    #[rustfmt::skip]
    let args = [
        "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-rawin",
        "-digest", "sm3", "-pkeyopt", "distid:1234567812345678", "-in", &message,
        "-sigfile", &signature,
    ];
    openssl(&args, &[]).is_some()
}

#[test]
fn anybody_verifies_the_audit_chain_and_a_changed_line_is_named() {
    let mut office = Office::staffed("room-audit");
    office.now += DAY;
    let anchor = ["audit", "anchor", "--custody-passphrase", "safe", "--json"];
    let ran = office.run(&anchor, true);
    assert_eq!(
        (ran.code, &ran.json()[0]["day"]),
        (0, &"20260101".into()),
        "{}",
        ran.err
    );
    let good = office.json(&["audit", "verify", "keyroom"]);
    assert_eq!(
        (&good["holds"], &good["anchors"]),
        (&true.into(), &1.into())
    );
    let files = [
        "keyroom/audit-lines",
        "keyroom/audit-anchors",
        "keyroom/anchor-keys",
    ];
    for file in files {
        let name = file.strip_prefix("keyroom/").unwrap();
        std::fs::copy(office.path(file), office.path(name)).unwrap();
    }
    let mut lines = std::fs::read(office.path("audit-lines")).unwrap();
    lines[192 * 4 + 30] ^= 1;
    std::fs::write(office.path("audit-lines"), &lines).unwrap();
    let verify = [
        "audit",
        "verify",
        "audit-lines",
        "audit-anchors",
        "anchor-keys",
    ];
    let ran = office.run(&verify, false);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (1, "does not hold: audit chain: line 5 was changed\n")
    );
    let zh = [&verify[..], &["--lang", "zh"]].concat();
    assert!(office.run(&zh, false).out.starts_with("不成立："));
    // The room itself does not open with a changed line.
    std::fs::write(office.path("keyroom/audit-lines"), &lines).unwrap();
    let ran = office.run(&["key", "room", "show"], false);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("`audit-lines`, record 5"), "{}", ran.err);
}

#[test]
fn an_older_custody_put_back_is_named() {
    let office = Office::staffed("room-rollback");
    let older = std::fs::read(office.path("keyroom/keys")).unwrap();
    let key = office.apply("1", "load");
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    office.done(&["key", "generate", &key], &["N-03", "N-04"]);
    std::fs::write(office.path("keyroom/keys"), older).unwrap();
    let ran = office.run(&["key", "list"], false);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("an older file was put in its place"),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_due_is_listed_and_what_the_book_does_itself_is_done() {
    let mut office = Office::staffed("room-due");
    let key = office.apply("1", "load");
    office.activate(&key);
    office.now += 1800 * DAY;
    let now = office.now.to_string();
    let due = ["key", "due", "--now", &now];
    let tasks = office.json(&due);
    assert!(
        tasks
            .as_array()
            .unwrap()
            .iter()
            .any(|task| task["task"] == "announce the end, 30 days")
    );
    let settle = ["key", "due", "--now", &now, "--settle"];
    office.json(&settle);
    let left = office.json(&due);
    assert!(
        left.as_array()
            .unwrap()
            .iter()
            .all(|task| task["own"] == false),
        "{left}"
    );
}

#[test]
fn wrong_use_is_explained() {
    let folder = folder("room-none");
    let ran = tongtu_in(&folder, &["key", "list"], b"", &[]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    let ran = tongtu_in(
        &folder,
        &["key", "room", "new", "--request", "a", "--as", "b"],
        b"",
        &[],
    );
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("four founders"), "{}", ran.err);
    // No argument and no variable takes a passphrase.
    let ran = tongtu_in(&folder, &["key", "officer", "new", "--help"], b"", &[]);
    assert!(ran.out.contains("--passphrase <FILE>"), "{}", ran.out);
}

/// A key of the issuer for ride codes that is made and not yet at its holder.
pub(crate) fn ride_code_key(office: &Office, batch: &str, days: &str) -> String {
    let args = [
        "key",
        "apply",
        "--batch",
        batch,
        "--province",
        "00003000",
        "--holder",
        "01343010",
        "--city",
        "3010",
        "--purpose",
        "ride-code-issuing",
        "--algorithm",
        "sm2",
        "--days",
        days,
    ];
    let key = office.done(&args, &["P-01"])["keys"][0].to_string();
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    office.done(&["key", "generate", &key], &["N-03", "N-04"]);
    key
}

/// A certificate of a key of the room, from the draft to its first use.
pub(crate) fn certified(office: &Office, number: &str, key: &str, draft: &[&str]) {
    let drafted = office.done(draft, &["H-01"]);
    assert_eq!(drafted["certificate"].to_string(), number);
    issued(office, number, key);
}

/// The same, from the application on.
fn issued(office: &Office, number: &str, key: &str) {
    office.done(&["cert", "apply", number, "--key", key], &["H-01"]);
    office.done(&["cert", "approve", number], &["P-01", "P-02"]);
    office.done(&["cert", "issue", number], &["N-03", "N-04"]);
    office.done(&["cert", "activate", number], &["H-01", "H-02"]);
}

#[test]
fn an_issuer_applies_with_its_key_in_custody_and_renews_the_same_way() {
    let office = Office::staffed("room-applies");
    let root = ["cert", "root", "--index", "02", "--expiry", "1240"];
    office.done(&root, &["N-03", "N-04"]);
    let older = ride_code_key(&office, "1", "1000");
    let draft = [
        "cert", "draft", "--issuer", "01343010", "--index", "02", "--expiry", "1228",
    ];
    certified(&office, "1", &older, &draft);
    office.hand_over(&older);
    // A key that does something else, or that is not made, proves nothing.
    let load = office.apply("2", "load");
    office.done(&["cert", "renew", "1", "--expiry", "1230"], &["H-01"]);
    let error = office.refused(&["cert", "apply", "2", "--key", &load], &["H-01"]);
    assert!(
        error.contains("expected SM2 for ride-code issuing"),
        "{error}"
    );
    // A key is certified once.
    let error = office.refused(&["cert", "apply", "2", "--key", &older], &["H-01"]);
    assert!(error.contains("already that of"), "{error}");
    let newer = ride_code_key(&office, "3", "1800");
    issued(&office, "2", &newer);
    let overlap = office.check(&newer);
    let distribute = [
        "key",
        "distribute",
        &newer,
        "--device",
        "HSM-C",
        "--check",
        &overlap,
    ];
    office.done(&distribute, &["P-01", "H-01"]);
    let activate = ["key", "activate", &newer, "--overlap", "30"];
    office.done(&activate, &["H-01", "H-02"]);
    assert_eq!(office.stage(&older), "in overlap");
    let listed = office.json(&["cert", "list"]);
    let form = |at: usize| {
        let row = &listed["certificates"][at];
        (row["stage"].clone(), row["key"].to_string())
    };
    assert_eq!(form(0), ("superseded".into(), older.clone()));
    assert_eq!(form(1), ("active".into(), newer));
    // One that only accepts makes no application any more.
    office.done(&["cert", "renew", "2", "--expiry", "1231"], &["H-01"]);
    let error = office.refused(&["cert", "apply", "3", "--key", &older], &["H-01"]);
    assert!(error.contains("in overlap, expected"), "{error}");
}

pub(crate) const REGISTER: &str = r#"
version = 1
published_at = "2026-01-01T00:00:00+08:00"

[[institution]]
code = "01341000"
name_zh = "北京"
name_en = "Beijing"
roles = ["issuer", "acquirer"]
standing = "admitted"
since = "2026-01-01T00:00:00+08:00"
"#;

#[test]
fn the_register_is_signed_by_a_key_in_custody_with_a_permit_and_a_line() {
    let office = Office::staffed("room-register").with_nation();
    let key = office.apply_own("1", "institution-register", "sm2");
    office.made(&key);
    std::fs::write(office.path("one.toml"), REGISTER).unwrap();
    let sign = [
        "register", "sign", "one.toml", "--by-key", &key, "--out", "one.ttir",
    ];
    // Made is not in use: there is no permit yet.
    office.refused(&sign, &["N-03", "N-04"]);
    office.take_over(&key);
    for by in [&["N-03"][..], &["N-01", "N-03"], &["NH-1", "NH-2"]] {
        let error = office.refused(&sign, by);
        assert!(error.contains("two of the nation's custodians"), "{error}");
    }
    assert!(!office.path("one.ttir").exists());
    let signed = office.done(&sign, &["N-03", "N-04"]);
    let public = signed["public_key"].as_str().unwrap();
    let verify = ["register", "verify", "one.ttir", "--key", public];
    assert_eq!(office.json(&verify)["version"], 1);
    // The next version under the same key, and the lines of both uses.
    let next = REGISTER.replace("version = 1", "version = 2");
    std::fs::write(office.path("two.toml"), next).unwrap();
    let sign = [
        "register", "sign", "two.toml", "--by-key", &key, "--out", "two.ttir", "--after",
        "one.ttir",
    ];
    office.done(&sign, &["N-03", "N-04"]);
    let ran = office.run(&["audit", "show", "--last", "3"], false);
    assert!(ran.out.contains("use.sign"), "{}", ran.out);
    assert!(ran.out.contains("register.sign"), "{}", ran.out);
    // What was signed stands when the room is opened again.
    let shown = office.json(&["key", "room", "show"]);
    assert_eq!(shown["unfinished"], Value::Null);
}
