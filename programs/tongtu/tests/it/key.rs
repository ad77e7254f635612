//! `tongtu key`: from an empty folder to a code that verifies.

use std::path::Path;

use crate::run::{Ran, folder, published, tongtu_in};

fn run(folder: &Path, args: &[&str]) -> Ran {
    tongtu_in(folder, args, b"", &[])
}

/// Makes a whole chain in a folder.
fn chain(folder: &Path) {
    for args in [
        &["key", "root", "new", "--index", "1A", "--expiry", "1240"][..],
        &[
            "key", "issuer", "new", "--issuer", "01345810", "--expiry", "1230",
        ],
        &[
            "key",
            "issuer",
            "sign",
            "--test",
            "--root",
            "01010000.JG1A",
            "--root-key",
            "root-1A.key",
            "--application",
            "issuer-01345810-000001.application",
        ],
        &["key", "user", "new"],
    ] {
        let ran = run(folder, args);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    }
}

const ISSUE: [&str; 10] = [
    "code",
    "issue",
    "--issuer-cert",
    "013458100000011230.IG1A",
    "--issuer-key",
    "issuer-01345810-000001.key",
    "--user-key",
    "user.key",
    "--account",
    "3104581000000000017",
];

#[test]
fn a_chain_of_own_keys_issues_codes_that_verify() {
    let folder = folder("key-chain");
    chain(&folder);
    let more = [
        "--root",
        "01010000.JG1A",
        "--now",
        "1767254400",
        "--out",
        "ride.png",
    ];
    let ran = run(&folder, &[&ISSUE[..], &more].concat());
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (0, ""),
        "no TEST note: these are not the published keys"
    );
    let verify = ["code", "verify", "ride.png", "--now", "1767254405"];
    let trust = ["--root", "01010000.JG1A", "--issuer", "01345810"];
    let ran = run(&folder, &[&verify[..], &trust].concat());
    assert!(
        ran.code == 0 && ran.out.contains("R00 ACCEPTED"),
        "{}",
        ran.out
    );
    let ran = run(
        &folder,
        &[&verify[..], &["--test", "--issuer", "01345810"]].concat(),
    );
    assert!(
        ran.code == 1 && ran.out.contains("R07 CA_KEY"),
        "{}",
        ran.out
    );
    for (file, len) in [
        ("01010000.JG1A", 144),
        ("issuer-01345810-000001.application", 115),
        ("013458100000011230.IG1A", 117),
    ] {
        assert_eq!(
            std::fs::read(folder.join(file)).unwrap().len(),
            len,
            "{file}"
        );
    }
}

#[test]
fn secrets_are_marked_kept_private_and_shown_only_when_asked() {
    let folder = folder("key-secrets");
    chain(&folder);
    for (file, role) in [
        ("root-1A.key", "root"),
        ("issuer-01345810-000001.key", "issuer"),
        ("user.key", "user"),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(
            text.starts_with(&format!("TONGTU TEST KEY\nrole: {role}\npublic: ")),
            "{file}"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = folder.join(file).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
    let secret_of = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix("secret: ").map(str::to_owned))
            .unwrap()
    };
    let quiet = run(&folder, &["key", "user", "new", "--name", "quiet"]);
    assert!(
        !quiet.out.contains(&secret_of("quiet.key")),
        "{}",
        quiet.out
    );
    let quiet = run(
        &folder,
        &["key", "user", "new", "--name", "quiet-json", "--json"],
    );
    assert!(quiet.json().get("secret").is_none());
    let loud = run(
        &folder,
        &["key", "user", "new", "--name", "loud", "--reveal"],
    );
    assert!(loud.out.contains(&secret_of("loud.key")), "{}", loud.out);
    let loud = run(
        &folder,
        &[
            "key",
            "user",
            "new",
            "--name",
            "loud-json",
            "--reveal",
            "--json",
        ],
    );
    let answer = loud.json();
    assert_eq!(answer["secret"], secret_of("loud-json.key"));
    assert_eq!(
        (&answer["test"], &answer["kind"]),
        (&true.into(), &"user".into())
    );
    assert!(answer["certificate_hex"].is_null());
    assert_eq!(answer["key_file"], "./loud-json.key");
    assert_eq!(answer["public_key"].as_str().unwrap().len(), 66);
}

#[test]
fn nothing_is_overwritten() {
    let folder = folder("key-overwrite");
    chain(&folder);
    let before = std::fs::read(folder.join("root-1A.key")).unwrap();
    let ran = run(
        &folder,
        &["key", "root", "new", "--index", "1A", "--expiry", "1240"],
    );
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "error: `./01010000.JG1A` is there already and is not overwritten\n  \
         hint: choose another folder with --dir, or move the file away\n"
    );
    // With only the key there, the certificate is not written either.
    std::fs::remove_file(folder.join("01010000.JG1A")).unwrap();
    let ran = run(
        &folder,
        &[
            "key", "root", "new", "--index", "1A", "--expiry", "1240", "--lang", "zh",
        ],
    );
    assert!(
        ran.code == 2
            && ran
                .err
                .starts_with("错误：`./root-1A.key` 已存在，不会覆盖\n  提示：")
    );
    assert!(!folder.join("01010000.JG1A").exists());
    assert_eq!(std::fs::read(folder.join("root-1A.key")).unwrap(), before);
}

#[test]
fn a_root_is_explained_and_its_signature_checked() {
    let folder = folder("key-show");
    std::fs::write(folder.join("national.hex"), published("national_root")).unwrap();
    let ran = run(&folder, &["key", "root", "show", "national.hex"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for line in [
        "10..11   CA key index                                02                                2\n",
        "11..13   expiry MMYY                                 1240                              2040-12\n",
        "\nits own signature holds\n",
    ] {
        assert!(ran.out.contains(line), "{line:?} in {}", ran.out);
    }
    let mut spoilt = published("national_root");
    spoilt.replace_range(22..24, "11");
    std::fs::write(folder.join("spoilt.hex"), spoilt).unwrap();
    let ran = run(
        &folder,
        &["key", "root", "show", "spoilt.hex", "--lang", "zh"],
    );
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .contains("未通过校验：certificate: the root's own signature does not verify"),
        "{}",
        ran.out
    );
    let answer = run(&folder, &["key", "root", "show", "spoilt.hex", "--json"]).json();
    assert_eq!(answer["verifies"], false);
    assert_eq!(answer["fields"].as_array().unwrap().len(), 10);
    let ran = run(&folder, &["key", "root", "show", "gone.hex"]);
    assert_eq!(ran.code, 2);
    std::fs::write(folder.join("short.hex"), "2101").unwrap();
    let ran = run(&folder, &["key", "root", "show", "short.hex"]);
    assert!(
        ran.code == 2 && ran.err.contains("expected 144"),
        "{}",
        ran.err
    );
}

#[test]
fn keys_and_certificates_that_do_not_belong_together_are_refused() {
    let folder = folder("key-foreign");
    chain(&folder);
    let other = folder.join("other");
    std::fs::create_dir(&other).unwrap();
    chain(&other);
    let check = |args: &[&str], code: i32, word: &str| {
        let ran = run(&folder, args);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (code, ""),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.err.contains(word), "{args:?}: {}", ran.err);
    };
    let replaced = |at: usize, value| {
        let mut args = ISSUE.to_vec();
        args[at] = value;
        args
    };
    check(
        &replaced(5, "other/issuer-01345810-000001.key"),
        2,
        "not the one in the issuer",
    );
    check(
        &replaced(5, "user.key"),
        2,
        "a role `user`, expected `issuer`",
    );
    check(&replaced(5, "013458100000011230.IG1A"), 2, "not UTF-8");
    check(&replaced(3, "user.key"), 2, "expected 117");
    let root = ["--root", "other/01010000.JG1A"];
    check(
        &[&ISSUE[..], &root].concat(),
        1,
        "does not hold under this root",
    );
    let sign = |key, application| {
        [
            "key",
            "issuer",
            "sign",
            "--test",
            "--root",
            "01010000.JG1A",
            "--root-key",
            key,
            "--application",
            application,
            "--dir",
            "signed",
        ]
    };
    let application = "issuer-01345810-000001.application";
    check(
        &sign("other/root-1A.key", application),
        2,
        "does not belong to this root",
    );
    check(
        &sign("root-1A.key", "013458100000011230.IG1A"),
        2,
        "expected 115",
    );
    // An application whose proof does not hold, and one that asks for too long a term.
    let mut bytes = std::fs::read(folder.join(application)).unwrap();
    bytes[114] ^= 1;
    std::fs::write(folder.join("forged.application"), &bytes).unwrap();
    check(
        &sign("root-1A.key", "forged.application"),
        1,
        "applicant's signature",
    );
    let ran = run(
        &folder,
        &[
            "key",
            "issuer",
            "new",
            "--issuer",
            "01345810",
            "--expiry",
            "0141",
            "--tracking",
            "0a0b0c",
        ],
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    check(
        &sign("root-1A.key", "issuer-01345810-0a0b0c.application"),
        1,
        "after the root's 2040-12",
    );
}

#[test]
fn arguments_are_checked() {
    let folder = folder("key-arguments");
    for args in [
        &["key", "root", "new", "--index", "100", "--expiry", "1240"][..],
        &["key", "root", "new", "--index", "+1", "--expiry", "1240"],
        &["key", "root", "new", "--index", "02", "--expiry", "1340"],
        &[
            "key",
            "issuer",
            "new",
            "--issuer",
            "01345810",
            "--expiry",
            "1230",
            "--tracking",
            "01",
        ],
        &["key", "user", "new", "--name", "../user"],
        &["key", "user", "new", "--name", ""],
    ] {
        let ran = run(&folder, args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
    }
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        0,
        "nothing was written"
    );
}

#[test]
fn keys_of_nodes_and_of_the_command_line_are_one_kind_of_file() {
    let folder = folder("key-one-form");
    chain(&folder);
    // What is made here serves as a terminal's or a node's key …
    for file in ["user.key", "issuer-01345810-000001.key"] {
        let key = tongtu_config::read_key(&folder.join(file)).unwrap();
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let public = tongtu_codec::hex_encode(&key.public().to_compressed());
        assert!(text.contains(&format!("\npublic: {public}\n")), "{file}");
    }
    // … and what a node keeps signs here, though it says no role.
    let issuer = tongtu_config::read_key(&folder.join("issuer-01345810-000001.key")).unwrap();
    tongtu_config::write_key(&folder.join("issuer.key"), &issuer).unwrap();
    let mut args = ISSUE;
    args[5] = "issuer.key";
    let issue = |args: &[&str]| run(&folder, &[args, &["--now", "1767254400"]].concat());
    let ran = issue(&args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        issue(&ISSUE).out,
        "the same key signs the same code"
    );
    // A key that says it is somebody else's does not.
    args[5] = "user.key";
    let ran = issue(&args);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("key of a role `user`, expected `issuer`"),
        "{}",
        ran.err
    );
}

#[test]
fn a_node_of_the_test_country_has_the_keys_of_its_book_in_a_store_only() {
    let folder = folder("key-country");
    let day = tongtu_types::BusinessDay::from_ymd(2026, 3, 2).unwrap();
    let scale = tongtu_world::country::Scale::village(0);
    let country = tongtu_world::Country::found(tongtu_world::Seed(1), scale, day).unwrap();
    let clock = tongtu_config::ClockKind::System;
    let links = tongtu_world::links::Links::make(&country).unwrap();
    tongtu_world::hosting::write_settings(
        &country,
        &folder,
        &[7300, 7301, 7302, 7303],
        clock,
        &links,
    )
    .unwrap();
    let beijing = folder.join("beijing");
    // What its persons call with, and it itself: no key of the book.
    let callers = tongtu_world::callers::PERSONS.iter();
    let callers = callers.map(|(number, _)| format!("{number}.key"));
    let callers: Vec<String> = callers.chain(["link.key".to_owned()]).collect();
    let mut stores = 0;
    for entry in std::fs::read_dir(&beijing).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if callers.contains(&name) {
            continue;
        }
        assert!(!bytes.starts_with(b"TONGTU TEST KEY"), "{}", path.display());
        stores += usize::from(path.ends_with("keys.store"));
    }
    assert_eq!(stores, 1);
    // A node that does not say that it is for tests does not take a test store.
    let file = beijing.join("node.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, settings.replace("mode = \"test\"\n", "")).unwrap();
    let refused = tongtu_config::NodeFile::load(&file)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("keys.store") && refused.contains("test store"),
        "{refused}"
    );
}

#[test]
fn test_keys_sign_when_it_is_said_and_no_store_of_keys_stands_in_for_one() {
    use tongtu_hsm::{Mark, Protection, SealedCustody};
    let folder = folder("key-production");
    chain(&folder);
    #[rustfmt::skip]
    let sign = [
        "key", "issuer", "sign", "--root", "01010000.JG1A", "--root-key", "root-1A.key",
        "--application", "issuer-01345810-000001.application", "--dir", "again",
    ];
    let ran = run(&folder, &sign);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--test"), "{}", ran.err);
    assert!(!folder.join("again").exists());
    std::fs::write(folder.join("opener"), [0x5A; 32]).unwrap();
    let opener = Protection::KeyFile(folder.join("opener"));
    let path = folder.join("real.keys");
    let fill = |out: &mut [u8]| out.fill(7);
    drop(SealedCustody::make(&path, Mark::Production, &opener, fill).unwrap());
    // In the place of the root's key, of the issuer's, of the user's, of a store for a batch.
    let sign = [&sign[..6], &["real.keys"], &sign[7..], &["--test"]].concat();
    let mut by_issuer = ISSUE;
    by_issuer[5] = "real.keys";
    let mut by_user = ISSUE;
    by_user[7] = "real.keys";
    for args in [&sign[..], &by_issuer, &by_user] {
        let ran = run(&folder, args);
        assert_eq!(ran.code, 1, "{args:?}: {}", ran.err);
        let words = "`real.keys` is a production store of keys";
        assert!(ran.err.contains(words), "{args:?}: {}", ran.err);
    }
    std::fs::write(folder.join("words"), "a passphrase for tests\n").unwrap();
    let stores = ["--store", "real.keys", "--passphrase-file", "words"];
    #[rustfmt::skip]
    let rows = [
        &["card", "masters"][..],
        &["psam", "batch", "new", "--out", "out", "--number", "1", "--count", "1"],
        &["pos", "key", "new", "--terminal", "00000001", "--out", "out"],
    ];
    for args in rows {
        let ran = run(&folder, &[args, &stores].concat());
        assert_eq!(ran.code, 1, "{args:?}: {}", ran.err);
        assert!(ran.err.contains("production"), "{args:?}: {}", ran.err);
        assert!(!folder.join("out").exists());
    }
}
