//! Keys out of a TEST store: `tongtu card masters`, `card perso --store`, `psam batch`, `pos key`.

use std::fs;
use std::path::Path;

use crate::run::{Ran, folder, tongtu_in};

pub(crate) fn tongtu(folder: &Path, args: &[&str]) -> Ran {
    tongtu_in(folder, args, b"", &[])
}

/// Runs what must succeed, in JSON.
pub(crate) fn done(folder: &Path, args: &[&str]) -> serde_json::Value {
    let ran = tongtu(folder, &[&["--json"], args].concat());
    assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
    ran.json()
}

/// Thirty-two of cards, three of their managers, two keys that certify e-cash cards.
const MASTERS: usize = 37;

/// A folder with a TEST store and the masters of the test city.
fn founded(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    fs::write(folder.join("test.passphrase"), "a passphrase for tests\n").unwrap();
    let masters = done(&folder, &["card", "masters"]);
    assert_eq!(masters.as_array().unwrap().len(), MASTERS);
    folder
}

const NEW: &[&str] = &[
    "psam",
    "batch",
    "new",
    "--out",
    "a.batch",
    "--number",
    "7",
    "--count",
    "3",
    "--now",
    "2026-11-26T08:00:00+08:00",
];

#[test]
fn a_card_and_a_psam_with_keys_out_of_a_store_make_a_ride_together() {
    let folder = founded("perso-store");
    for (profile, number) in [
        ("default", "3104899999900000025"),
        ("sm4", "3104899999900000033"),
    ] {
        let state = format!("{profile}.card");
        let perso = [
            "card",
            "perso",
            "--number",
            number,
            "--state",
            &state,
            "--profile",
            profile,
            "--store",
            "test.keys",
            "--overdraft",
            "20",
        ];
        done(&folder, &perso);
        let out = format!("{profile}.batch");
        let answer = format!("{profile}.answer");
        let batch = [
            "psam", "batch", "new", "--out", &out, "--number", "1", "--count", "1",
        ];
        let made = done(&folder, &batch);
        let key = made["sender_key"].as_str().unwrap();
        let store = format!("terminal-{profile}");
        let run = [
            "psam",
            "batch",
            "run",
            &out,
            "--sender-key",
            key,
            "--into",
            &store,
            "--answer",
            &answer,
        ];
        done(&folder, &run);
        // The terminal finds its module where it keeps it.
        let terminal = folder.join(&store);
        let module = terminal.join("54545053100000000001.psam");
        fs::rename(module, terminal.join("test.psam")).unwrap();
        let tap = [
            "terminal",
            "tap",
            "--state",
            &state,
            "--store",
            &store,
            "--now",
            "2026-11-26T08:00:00+08:00",
        ];
        let tapped = done(&folder, &tap);
        let taps = tapped["taps"].as_array().unwrap();
        assert_eq!(taps.last().unwrap()["outcome"], "accepted", "{tapped}");
        assert_eq!(taps.last().unwrap()["records"][0]["mac2"]["en"], "verified");
        // The published keys themselves are not on that card.
        let load = ["card", "load", "--state", &state, "--amount", "5"];
        assert_eq!(tongtu(&folder, &load).code, 1);
    }
}

/// A card of a profile with purse and e-cash out of the store; what the run said.
fn both_on_a_card(folder: &Path, profile: &str, number: &str) -> serde_json::Value {
    let state = format!("{profile}.card");
    let cash_number = format!("621700{}", &number[6..]);
    let perso = [
        "card",
        "perso",
        "--state",
        &state,
        "--profile",
        profile,
        "--number",
        number,
        "--cash",
        "--cash-number",
        &cash_number,
        "--store",
        "test.keys",
    ];
    done(folder, &perso)
}

#[test]
fn purse_and_e_cash_of_every_profile_are_made_of_a_store_and_served_from_it() {
    let folder = founded("perso-served");
    for (at, profile) in ["default", "sm4", "scp02", "dual"].into_iter().enumerate() {
        let number = format!("31048999999000001{at}0");
        let made = both_on_a_card(&folder, profile, &number);
        assert_eq!(
            (&made["own_keys"], &made["resumed"]),
            (&true.into(), &false.into())
        );
        let state = format!("{profile}.card");
        let kept = ["--state", &state, "--store", "test.keys"];
        for verb in [
            &["card", "load", "--amount", "50"][..],
            &["card", "pay", "--amount", "2"],
            &["card", "pay", "--amount", "3", "--lose-answer"],
            &["card", "load", "--cash", "--amount", "5"],
            &["card", "pay", "--cash", "--amount", "4"],
        ] {
            done(&folder, &[verb, &kept].concat());
        }
        // Nobody has the card's keys but the store.
        for verb in [
            &["card", "load", "--amount", "5"][..],
            &["card", "load", "--cash", "--amount", "5"],
            &["card", "pay", "--amount", "1"],
            &["card", "perso", "--replace"],
        ] {
            let ran = tongtu(&folder, &[verb, &["--state", &state]].concat());
            assert_eq!(ran.code, 1, "{verb:?}: {}", ran.err);
        }
    }
    let book = done(&folder, &["card", "book"]);
    assert_eq!((&book["made"], &book["open"]), (&8.into(), &0.into()));
}

#[test]
fn no_number_goes_onto_two_cards_and_what_was_cut_off_goes_on() {
    let folder = founded("perso-book");
    let perso = |state: &str, rest: &[&str]| {
        let perso = [
            "--json",
            "card",
            "perso",
            "--store",
            "test.keys",
            "--state",
            state,
        ];
        tongtu(&folder, &[&perso[..], rest].concat())
    };
    // A module that the card does not have: the number is begun, and nothing is made.
    let cut = perso("a.card", &["--module", "A000000632010199"]);
    assert_eq!(cut.code, 1, "{}", cut.out);
    let other = perso("b.card", &[]);
    assert_eq!(other.code, 1);
    assert!(other.err.contains("begun on card"), "{}", other.err);
    let again = perso("a.card", &[]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(again.json()["resumed"], true);
    for state in ["a.card", "b.card"] {
        let twice = perso(state, &["--replace"]);
        assert_eq!(twice.code, 1);
        assert!(twice.err.contains("made before"), "{}", twice.err);
    }
    // A card that is given up leaves its number to another one.
    let number = ["--number", "3104899999900000033"];
    let module = ["--module", "A000000632010199"];
    assert_eq!(perso("b.card", &[&number[..], &module].concat()).code, 1);
    let book = done(&folder, &["card", "book"]);
    let chip = book["unfinished"][0]["chip"].as_str().unwrap();
    done(&folder, &["card", "book", "--spoil", chip]);
    assert_eq!(perso("b.card", &number).code, 1);
    assert_eq!(perso("c.card", &number).code, 0);
    let book = done(&folder, &["card", "book"]);
    let counts = (&book["made"], &book["open"], &book["spoiled"]);
    assert_eq!(counts, (&2.into(), &0.into(), &1.into()));
}

/// Bytes of a line in the book of cards.
const LINE: usize = 74;

#[test]
fn a_run_cut_off_between_its_last_two_lines_goes_on() {
    let folder = founded("perso-last-lines");
    let number = "3104899999900000150";
    both_on_a_card(&folder, "default", number);
    // The card is whole and the purse made; that the e-cash is made was never written.
    let file = folder.join("test.keys.cards");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - LINE]).unwrap();
    let book = done(&folder, &["card", "book"]);
    assert_eq!((&book["made"], &book["open"]), (&1.into(), &1.into()));
    let again = both_on_a_card(&folder, "default", number);
    assert_eq!(again["resumed"], true);
    let book = done(&folder, &["card", "book"]);
    assert_eq!((&book["made"], &book["open"]), (&2.into(), &0.into()));
    // Half of that line was written: the same.
    fs::write(&file, &whole[..whole.len() - LINE / 2]).unwrap();
    assert_eq!(both_on_a_card(&folder, "default", number)["resumed"], true);
    // And the card does what it was made for.
    let kept = ["--state", "default.card", "--store", "test.keys"];
    done(
        &folder,
        &[&["card", "load", "--amount", "5"], &kept[..]].concat(),
    );
    let cash = ["card", "load", "--cash", "--amount", "5"];
    done(&folder, &[&cash[..], &kept].concat());
}

#[test]
fn a_byte_changed_in_the_book_of_cards_is_refused_and_named() {
    let folder = founded("perso-bent");
    let perso = ["card", "perso", "--store", "test.keys"];
    done(&folder, &[&perso[..], &["--state", "a.card"]].concat());
    let file = folder.join("test.keys.cards");
    let whole = fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 1 << (at % 8);
        fs::write(&file, bent).unwrap();
        let ran = tongtu(&folder, &["card", "book"]);
        assert_eq!(ran.code, 1, "byte {at}: {}{}", ran.out, ran.err);
        assert!(
            ran.err.contains("test.keys.cards"),
            "byte {at}: {}",
            ran.err
        );
    }
    fs::write(&file, &whole).unwrap();
    done(&folder, &["card", "book"]);
}

#[test]
fn every_psam_of_a_batch_is_accounted_for() {
    let folder = founded("perso-batch");
    let made = done(&folder, NEW);
    assert_eq!((&made["modules"], &made["keys"]), (&3.into(), &10.into()));
    let key = made["sender_key"].as_str().unwrap();
    let verify = ["psam", "batch", "verify", "a.batch", "--sender-key", key];
    let shown = done(&folder, &verify);
    assert_eq!(shown["modules"][2]["terminal"], "100000000003");
    let run = [
        "psam",
        "batch",
        "run",
        "a.batch",
        "--sender-key",
        key,
        "--into",
        "modules",
    ];
    let first = [
        "--answer", "1.answer", "--spoil", "2", "--only", "1", "--only", "2",
    ];
    done(&folder, &[&run[..], &first].concat());
    let account = [
        "psam",
        "batch",
        "answer",
        "--batch",
        "a.batch",
        "--sender-key",
        key,
    ];
    let ran = tongtu(&folder, &[&account[..], &["--answer", "1.answer"]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("missing, 1 cards spoiled"), "{}", ran.out);
    assert!(
        ran.out.ends_with("3 ordered, 1 made, 2 missing\n"),
        "{}",
        ran.out
    );
    let second = ["--answer", "2.answer", "--only", "2", "--only", "3"];
    done(&folder, &[&run[..], &second].concat());
    let both = ["--answer", "1.answer", "--answer", "2.answer"];
    let counted = done(&folder, &[&account[..], &both].concat());
    assert_eq!(
        (&counted["made"], &counted["missing"]),
        (&3.into(), &0.into())
    );
    // The same answer once more would make its modules twice.
    let thrice = [&both[..], &["--answer", "2.answer"]].concat();
    let ran = tongtu(&folder, &[&account[..], &thrice].concat());
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err
            .contains("PSAM 54545053100000000002 was made already"),
        "{}",
        ran.err
    );
    let psam = [
        "psam",
        "show",
        "--state",
        "modules/54545053100000000003.psam",
    ];
    let psam = done(
        &folder,
        &[&psam[..], &["--now", "2026-11-26T08:00:00+08:00"]].concat(),
    );
    assert_eq!(psam["terminal"], "100000000003");
}

#[test]
fn a_batch_that_was_changed_is_refused_and_the_place_is_said() {
    let folder = founded("perso-changed");
    let made = done(&folder, NEW);
    let key = made["sender_key"].as_str().unwrap();
    let mut bytes = fs::read(folder.join("a.batch")).unwrap();
    bytes[64 + 60] ^= 1;
    fs::write(folder.join("b.batch"), &bytes).unwrap();
    for args in [
        &["psam", "batch", "verify", "b.batch", "--sender-key", key][..],
        &["psam", "batch", "show", "b.batch"],
    ] {
        let ran = tongtu(&folder, args);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}");
        assert!(
            ran.err.contains("record 1 is not as it was written"),
            "{}",
            ran.err
        );
    }
    // Another key than the sender's.
    let other = "02".to_owned() + &"11".repeat(32);
    let ran = tongtu(
        &folder,
        &["psam", "batch", "verify", "a.batch", "--sender-key", &other],
    );
    assert!(ran.code == 1 || ran.code == 2, "{}", ran.err);
}

#[test]
fn a_script_has_a_command_a_line_and_no_clear_key() {
    let folder = founded("perso-script");
    done(&folder, NEW);
    let ran = tongtu(
        &folder,
        &["psam", "batch", "show", "a.batch", "--script", "1"],
    );
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<_> = ran.out.lines().collect();
    // A title, five commands for the files, ten keys, and the end.
    assert_eq!(lines.len(), 17);
    assert_eq!(lines[1], "00A40000023F00 => *9000");
    assert!(lines[6].starts_with("80D4000019"), "{}", lines[6]);
    assert_eq!(lines[16], "80DE000005000000010F => *9000");
    assert!(!ran.out.contains("101112131415161718191A1B1C1D1E1F"));
    let ran = tongtu(
        &folder,
        &["psam", "batch", "show", "a.batch", "--script", "4"],
    );
    assert_eq!(ran.code, 2);
}

#[test]
fn a_terminals_master_key_stays_and_its_work_keys_change() {
    let folder = founded("perso-pos");
    for algorithm in ["sm4", "3des"] {
        let name = if algorithm == "sm4" {
            "20010001"
        } else {
            "20010002"
        };
        let new = [
            "pos",
            "key",
            "new",
            "--terminal",
            name,
            "--algorithm",
            algorithm,
            "--out",
        ];
        let out = format!("{name}.injection");
        let first = done(&folder, &[&new[..], &[&out]].concat());
        let second = done(&folder, &[&new[..], &["again", "--no-track"]].concat());
        assert_eq!(first["check"], second["check"]);
        assert_ne!(first["field62"], second["field62"]);
        fs::remove_file(folder.join("again")).unwrap();
        let shown = done(&folder, &["pos", "key", "show", "--file", &out]);
        assert_eq!(shown[0]["check"], first["check"]);
        assert_eq!(shown[0]["terminal"], name);
        let field = first["field62"].as_str().unwrap();
        let shown = done(&folder, &["pos", "key", "show", "--field62", field]);
        assert_eq!(shown["keys"].as_array().unwrap().len(), 3);
    }
    let ran = tongtu(&folder, &["pos", "key", "show", "--field62", "00"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("expected 24, 40 or 60"), "{}", ran.err);
}

#[test]
fn a_store_that_was_made_for_terminals_gets_masters_of_cards_too() {
    let folder = folder("perso-order");
    fs::write(folder.join("test.passphrase"), "a passphrase for tests\n").unwrap();
    let new = ["pos", "key", "new", "--terminal", "20010001", "--out", "a"];
    done(&folder, &new);
    let masters = done(&folder, &["card", "masters"]);
    assert_eq!(masters.as_array().unwrap().len(), MASTERS);
    // A version that nobody made is refused, and nothing is made up.
    let ran = tongtu(&folder, &["card", "masters", "--version", "2"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("in version 2"), "{}", ran.err);
}

#[test]
fn a_wrong_passphrase_opens_no_store() {
    let folder = founded("perso-words");
    fs::write(folder.join("other"), "another passphrase\n").unwrap();
    let ran = tongtu(&folder, &["card", "masters", "--passphrase-file", "other"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("test.keys"), "{}", ran.err);
}

/// What `tongtu audit verify` says of the chain beside the store.
fn uses(folder: &Path) -> serde_json::Value {
    let verify = ["audit", "verify", "test.keys.uses", "test.keys.uses.said"];
    done(folder, &verify)
}

#[test]
fn every_use_of_a_store_for_a_card_is_in_the_chain_beside_it() {
    let folder = founded("uses-told");
    let kept = ["--state", "a.card", "--store", "test.keys"];
    let perso = [&["card", "perso"][..], &kept].concat();
    done(&folder, &perso);
    let made = &uses(&folder)["uses"];
    assert!(made["uses"].as_u64().unwrap() > 10, "{made}");
    let load = [&["card", "load", "--amount", "50"][..], &kept].concat();
    done(&folder, &load);
    let loaded = &uses(&folder)["uses"];
    // MAC1 and MAC2 by the load key, the TAC by its own.
    let more = |what: &str| loaded[what].as_u64().unwrap() - made[what].as_u64().unwrap();
    assert_eq!((more("opened"), more("uses")), (2, 3));
    assert_eq!(
        (&loaded["open"], &loaded["unknown"]),
        (&0.into(), &0.into())
    );
}

/// How many keys a command opened, how often it used keys, and what it said.
fn telling(folder: &Path, args: &[&str]) -> (u64, u64, serde_json::Value) {
    let count = || -> [u64; 2] {
        if !folder.join("test.keys.uses").exists() {
            return [0; 2];
        }
        let found = &uses(folder)["uses"];
        assert_eq!((&found["open"], &found["unknown"]), (&0.into(), &0.into()));
        ["opened", "uses"].map(|what| found[what].as_u64().unwrap())
    };
    let before = count();
    let said = done(folder, args);
    let after = count();
    (after[0] - before[0], after[1] - before[1], said)
}

fn used_by(folder: &Path, args: &[&str]) -> (u64, u64) {
    let (opened, used, _) = telling(folder, args);
    (opened, used)
}

#[test]
fn keys_that_a_command_makes_in_a_store_are_in_the_chain_and_keys_that_were_there_are_not() {
    let folder = folder("uses-made");
    fs::write(folder.join("test.passphrase"), "a passphrase for tests\n").unwrap();
    // Six transport keys and the signing key of a new store; the master key and three work keys, each
    // made and wrapped.
    let new = ["pos", "key", "new", "--terminal", "20010001", "--out"];
    assert_eq!(used_by(&folder, &[&new[..], &["a"]].concat()), (11, 15));
    // The master key is wrapped; two work keys are destroyed, made and wrapped.
    let again = [&new[..], &["b", "--no-track"]].concat();
    assert_eq!(used_by(&folder, &again), (3, 7));
    let masters = ["card", "masters"];
    let (opened, used) = used_by(&folder, &masters);
    // Each master of the issuer's is derived by one of the nation's, which is made besides.
    assert!(opened > 30 && used > opened, "{opened} {used}");
    assert_eq!(used_by(&folder, &masters), (0, 0));
}

#[test]
fn batches_of_psams_and_applications_of_issuers_are_in_the_chain_key_by_key() {
    let folder = founded("uses-batch");
    let new = ["psam", "batch", "new", "--number", "1", "--count", "2"];
    let (opened, used, said) = telling(&folder, &[&new[..], &["--out", "lot"]].concat());
    let keys = said["keys"].as_u64().unwrap();
    // Each master is wrapped once for all modules of the batch, and the batch is signed.
    assert_eq!((opened, used), (keys + 1, keys + 1));
    let apply = ["card", "apply", "--algorithm", "sm2", "--head", "629930"];
    let wanted = ["--expires", "1230", "--application", "issuer.application"];
    assert_eq!(used_by(&folder, &[&apply[..], &wanted].concat()), (1, 1));
}

#[test]
fn no_command_uses_a_store_whose_chain_does_not_hold() {
    let folder = founded("uses-broken");
    let path = folder.join("test.keys.uses");
    let mut lines = fs::read(&path).unwrap();
    lines[192 + 40] ^= 1;
    fs::write(&path, &lines).unwrap();
    let store = fs::read(folder.join("test.keys")).unwrap();
    for args in [
        &["card", "masters", "--version", "1"][..],
        &[
            "pos",
            "key",
            "new",
            "--terminal",
            "20010001",
            "--out",
            "out",
        ],
        &[
            "psam", "batch", "new", "--number", "1", "--count", "1", "--out", "out",
        ],
        &[
            "card",
            "apply",
            "--head",
            "629930",
            "--expires",
            "1230",
            "--application",
            "out",
        ],
    ] {
        let ran = tongtu(&folder, &[&["--lang", "en"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}");
        assert!(ran.err.contains("line 2 was changed"), "{}", ran.err);
        assert!(!folder.join("out").exists(), "{args:?}");
    }
    assert_eq!(fs::read(folder.join("test.keys")).unwrap(), store);
    // Nor is another store made in the place of one that was taken away.
    fs::remove_file(folder.join("test.keys")).unwrap();
    let ran = tongtu(&folder, &["card", "masters"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(!folder.join("test.keys").exists());
}

#[test]
fn a_chain_beside_a_store_that_was_changed_or_cut_is_named_and_the_store_not_used() {
    let folder = founded("uses-changed");
    let kept = ["--state", "a.card", "--store", "test.keys"];
    done(&folder, &[&["card", "perso"][..], &kept].concat());
    let load = [
        &["--lang", "en", "card", "load", "--amount", "5"][..],
        &kept,
    ]
    .concat();
    let path = folder.join("test.keys.uses");
    let said = folder.join("test.keys.uses.said");
    let (lines, details) = (fs::read(&path).unwrap(), fs::read(&said).unwrap());
    let count = lines.len() / 192;
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    for (lines, details, expected) in [
        (
            flipped(&lines, 192 + 40),
            details.clone(),
            "line 2 was changed".to_owned(),
        ),
        (
            lines.clone(),
            flipped(&details, 2 * 112 + 70),
            "line 3: what is said".to_owned(),
        ),
        (
            lines[192..].to_vec(),
            details.clone(),
            "lines 1 to 1 are missing".to_owned(),
        ),
        (
            lines[..lines.len() - 3 * 192].to_vec(),
            details.clone(),
            format!("lines {} to {count} are missing", count - 2),
        ),
        (
            lines.clone(),
            details[..details.len() - 112].to_vec(),
            format!("line {count}: nothing is said"),
        ),
        (
            lines[..lines.len() - 1].to_vec(),
            details[..details.len() - 112].to_vec(),
            format!("line {count} is cut"),
        ),
    ] {
        fs::write(&path, lines).unwrap();
        fs::write(&said, details).unwrap();
        let ran = tongtu(&folder, &load);
        assert_eq!(ran.code, 1, "{expected}: {}", ran.out);
        assert!(ran.err.contains(&expected), "{expected}: {}", ran.err);
    }
    fs::write(&path, &lines).unwrap();
    fs::write(&said, &details).unwrap();
    assert_eq!(tongtu(&folder, &load).code, 0);
}

#[test]
fn a_run_that_was_cut_off_is_closed_by_the_next_one() {
    let folder = founded("uses-cut");
    let kept = ["--state", "a.card", "--store", "test.keys"];
    done(&folder, &[&["card", "perso"][..], &kept].concat());
    let path = folder.join("test.keys.uses");
    let said = folder.join("test.keys.uses.said");
    let (lines, details) = (fs::read(&path).unwrap(), fs::read(&said).unwrap());
    // Where the power may go while the last line is written: the line is there in part or not at all,
    // and what it says is there whole, or in part with no line.
    for (line, detail) in [(0, 0), (0, 50), (0, 112), (100, 112), (191, 112)] {
        fs::write(&path, &lines[..lines.len() - 192 + line]).unwrap();
        fs::write(&said, &details[..details.len() - 112 + detail]).unwrap();
        let load = [&["card", "load", "--amount", "5"][..], &kept].concat();
        done(&folder, &load);
        let found = &uses(&folder)["uses"];
        assert_eq!((&found["unknown"], &found["open"]), (&1.into(), &0.into()));
    }
}
