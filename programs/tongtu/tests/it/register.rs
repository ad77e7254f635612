//! `tongtu cert link` and `tongtu register`: an institution and the nation change certificates.

use std::fs;
use std::path::Path;

use tongtu_config::{LinkFile, write_key};
use tongtu_crypto::SecretKey;

use crate::run::{Ran, folder, tongtu_in};

fn run(folder: &Path, args: &[&str]) -> Ran {
    tongtu_in(folder, args, b"", &[])
}

fn good(folder: &Path, args: &[&str]) -> Ran {
    let ran = run(folder, args);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    ran
}

const BEFORE: &str = r#"
version = 1
published_at = "2026-03-01T00:00:00+08:00"

[[institution]]
code = "01341000"
name_zh = "北京"
name_en = "Beijing"
roles = ["issuer", "acquirer"]
standing = "admitted"
since = "2026-03-01T00:00:00+08:00"
"#;

/// A folder with a key of the nation, and that key's public form.
fn office(name: &str) -> (std::path::PathBuf, String) {
    let folder = folder(name);
    let key = SecretKey::from_bytes(&[7; 32]).unwrap();
    write_key(&folder.join("register.key"), &key).unwrap();
    (folder, LinkFile::key_text(key.public()))
}

const TERM: [&str; 4] = [
    "--from",
    "2026-03-01T00:00:00+08:00",
    "--until",
    "2027-03-01T00:00:00+08:00",
];

#[test]
fn a_certificate_is_made_entered_signed_and_shown() {
    let (folder, key) = office("register-round");
    let new = ["cert", "link", "new", "--institution", "11341000"];
    let made = good(&folder, &[&new[..], &TERM, &["--out", "link.pem"]].concat());
    let (_, entry) = made.out.split_once("\n\n").unwrap();
    assert!(entry.starts_with("[[institution.link]]\n"), "{entry}");
    fs::write(folder.join("one.toml"), format!("{BEFORE}\n{entry}")).unwrap();
    let sign = |text, out, after: &[&str]| {
        let args = ["register", "sign", text, "--test", "--key", "register.key"];
        run(&folder, &[&args[..], &["--out", out], after].concat())
    };
    let signed = sign("one.toml", "one.ttir", &[]);
    assert_eq!((signed.code, signed.err.as_str()), (0, ""));
    assert!(signed.out.contains(&key), "{}", signed.out);
    let shown = good(
        &folder,
        &["register", "show", "one.ttir", "--key", &key, "--toml"],
    );
    assert!(shown.out.contains(entry.trim()), "{}", shown.out);
    // What is shown as text is the text of the same register.
    fs::write(folder.join("again.toml"), &shown.out).unwrap();
    assert_eq!(sign("again.toml", "again.ttir", &[]).code, 0);
    assert_eq!(
        fs::read(folder.join("one.ttir")).unwrap(),
        fs::read(folder.join("again.ttir")).unwrap()
    );

    // The same number again is no next version; the next one is.
    let after = ["--after", "one.ttir"];
    let refused = sign("one.toml", "two.ttir", &after);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("later than 1"), "{}", refused.err);
    let next = shown.out.replace("version = 1", "version = 2");
    let next = next.replace("admitted", "suspended");
    fs::write(folder.join("two.toml"), next).unwrap();
    assert_eq!(sign("two.toml", "two.ttir", &after).code, 0);
    let verify = ["register", "verify", "two.ttir", "--key", &key];
    let verified = good(&folder, &[&["--json"], &verify[..], &after].concat());
    assert_eq!(verified.json()["version"], 2);
    let shown = [
        "--lang", "zh", "register", "show", "two.ttir", "--key", &key,
    ];
    let shown = good(&folder, &shown);
    for word in ["机构登记第 2 版", "北京", "发行机构、受理机构", "暂停"] {
        assert!(shown.out.contains(word), "{word} in {}", shown.out);
    }
}

#[test]
fn a_changed_register_is_refused_and_its_row_named() {
    let (folder, key) = office("register-changed");
    fs::write(folder.join("one.toml"), BEFORE).unwrap();
    let sign = [
        "register",
        "sign",
        "one.toml",
        "--test",
        "--key",
        "register.key",
    ];
    good(&folder, &[&sign[..], &["--out", "one.ttir"]].concat());
    let mut bytes = fs::read(folder.join("one.ttir")).unwrap();
    bytes[60] ^= 1;
    fs::write(folder.join("bent.ttir"), bytes).unwrap();
    let refused = run(&folder, &["register", "verify", "bent.ttir", "--key", &key]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    let words = "row 1 of its institutions was changed";
    assert!(refused.err.contains(words), "{}", refused.err);
    let other = SecretKey::from_bytes(&[8; 32]).unwrap();
    let other = LinkFile::key_text(other.public());
    let refused = run(
        &folder,
        &["register", "verify", "one.ttir", "--key", &other],
    );
    assert_eq!(refused.code, 1);
    let none = run(&folder, &["register", "verify", "one.toml", "--key", &key]);
    assert_eq!(none.code, 2, "{}", none.err);
}

#[test]
fn a_text_that_is_no_register_is_named_with_its_institution() {
    let (folder, _) = office("register-text");
    let sign = |text: &str| {
        let sign = ["register", "sign", "-", "--test", "--key", "register.key"];
        let args = [&sign[..], &["--out", "one.ttir"]].concat();
        let ran = tongtu_in(&folder, &args, text.as_bytes(), &[]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        ran.err
    };
    for (from, to, words) in [
        (
            "admitted",
            "asleep",
            "institution 01341000: standing asleep",
        ),
        ("acquirer", "baker", "institution 01341000: role baker"),
        (
            "version = 1",
            "version = 0",
            "version 0, expected 1 or more",
        ),
        ("since", "sence", "sence"),
    ] {
        let error = sign(&BEFORE.replace(from, to));
        assert!(error.contains(words), "{error}");
    }
    assert!(!folder.join("one.ttir").exists());
}

#[test]
fn a_link_certificate_is_renewed_for_its_own_institution_and_overwrites_nothing() {
    let (folder, _) = office("register-renew");
    let make = |words: &[&str], institution, out| {
        let args = [&["cert", "link"], words, &["--institution", institution]].concat();
        run(&folder, &[&args[..], &TERM, &["--out", out]].concat())
    };
    assert_eq!(make(&["new"], "01341000", "link.pem").code, 0);
    assert_eq!(make(&["new"], "01341000", "link.pem").code, 2, "is there");
    let other = make(&["renew", "link.pem"], "01345810", "next.pem");
    assert_eq!(other.code, 2);
    assert!(
        other.err.contains("does not name 01345810"),
        "{}",
        other.err
    );
    assert_eq!(make(&["renew", "link.pem"], "01341000", "next.pem").code, 0);
    let (old, new) = ("link.pem", "next.pem");
    let read = |file| fs::read(folder.join(file)).unwrap();
    assert_ne!(read(old), read(new));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.join(new)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "readable by its owner alone");
    }
}
