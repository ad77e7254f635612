//! The e-cash authority as officers type it, and cards of an issuer that it certified.

use serde_json::Value;

use crate::personalising;
use crate::room::Office;

/// A key of the nation's authority under an index, in use.
fn authority(office: &Office, batch: &str, algorithm: &str, index: &str) -> String {
    let apply = [
        "key",
        "apply",
        "--batch",
        batch,
        "--province",
        "00000000",
        "--holder",
        "00000000",
        "--city",
        "0000",
        "--purpose",
        "e-cash-authority",
        "--algorithm",
        algorithm,
        "--index",
        index,
        "--days",
        "3650",
    ];
    let key = office.done(&apply, &["NP-1"])["keys"][0].to_string();
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    office.done(&["key", "generate", &key], &["N-03", "N-04"]);
    let check = office.check(&key);
    let distribute = [
        "key",
        "distribute",
        &key,
        "--device",
        "ROOM-1",
        "--check",
        &check,
    ];
    office.done(&distribute, &["NP-1", "NH-1"]);
    office.done(&["key", "activate", &key], &["NH-1", "NH-2"]);
    key
}

/// Certifies an application, and writes the authority's key.
fn certified(office: &Office, name: &str, key: &str) -> String {
    let application = format!("{name}.application");
    let (paper, public) = (format!("{name}.certificate"), format!("{name}.authority"));
    let approve = ["cert", "cash", "approve", "--application", &application];
    let done = office.done(&approve, &["N-01", "N-02"]);
    let certificate = done["certificate"].to_string();
    let issue = [
        "cert",
        "cash",
        "issue",
        &certificate,
        "--key",
        key,
        "--paper",
        &paper,
    ];
    office.done(&issue, &["N-03", "N-04"]);
    let publish = [
        "cert",
        "cash",
        "authority",
        "--key",
        key,
        "--paper",
        &public,
    ];
    office.done(&publish, &["N-03", "N-04"]);
    certificate
}

#[test]
fn cards_of_a_certified_issuer_are_made_of_its_store_and_pay_under_that_authority_alone() {
    let office = Office::staffed("room-cash").with_nation();
    let folder = &office.folder;
    std::fs::write(folder.join("test.passphrase"), "a passphrase for tests\n").unwrap();
    personalising::done(folder, &["card", "masters"]);
    let mut keys = Vec::new();
    for (batch, algorithm, index, profile, number) in [
        ("1", "rsa", "3", "default", "3104899999900000025"),
        ("2", "sm2", "89", "sm4", "3104899999900000033"),
    ] {
        let key = authority(&office, batch, algorithm, index);
        let application = format!("{algorithm}.application");
        let head = format!("62993{batch}");
        let apply = [
            "card",
            "apply",
            "--algorithm",
            algorithm,
            "--head",
            &head,
            "--expires",
            "1135",
            "--application",
            &application,
        ];
        personalising::done(folder, &apply);
        certified(&office, algorithm, &key);
        let (paper, public) = (
            format!("{algorithm}.certificate"),
            format!("{algorithm}.authority"),
        );
        let state = format!("{algorithm}.card");
        let perso = |cash_number: &str, authority: &str| {
            let args = [
                "--json",
                "card",
                "perso",
                "--state",
                &state,
                "--profile",
                profile,
                "--number",
                number,
                "--store",
                "test.keys",
                "--cash",
                "--cash-number",
                cash_number,
                "--cash-certificate",
                &paper,
                "--cash-authority",
                authority,
            ];
            personalising::tongtu(folder, &args)
        };
        // Another's numbers, and another authority, before a card is touched.
        assert_eq!(perso("6217000000000000012", &public).code, 2);
        let cash_number = format!("{head}0000000000012");
        if algorithm == "sm2" {
            assert_eq!(perso(&cash_number, "rsa.authority").code, 1);
        }
        assert!(!folder.join(&state).exists());
        let made = perso(&cash_number, &public);
        assert_eq!(made.code, 0, "{}{}", made.out, made.err);
        let pay = ["card", "pay", "--cash", "--amount", "3", "--state", &state];
        let paid = personalising::done(folder, &[&pay[..], &["--authority", &public]].concat());
        assert_eq!(
            paid["receipt"]["signature"],
            algorithm.to_uppercase(),
            "{paid}"
        );
        assert_eq!(personalising::tongtu(folder, &pay).code, 1);
        keys.push(key);
    }
    taken_back(&office, &keys);
    let listed = office.json(&["cert", "cash", "list"]);
    let stages: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["stage"])
        .collect();
    assert_eq!(stages, ["revoked", "issued"]);
    // What the room has is what it wrote.
    let show = ["cert", "cash", "show", "1", "--paper", "again"];
    assert_eq!(office.run(&show, false).code, 0);
    let read = |name: &str| std::fs::read_to_string(office.path(name)).unwrap();
    assert_eq!(read("again"), read("rsa.certificate"));
}

/// The nation's supervisors take the first certificate back, and terminals with the new list refuse its
/// cards and no others.
fn taken_back(office: &Office, keys: &[String]) {
    for number in ["T-01", "T-02"] {
        let new = ["key", "officer", "new", "--number", number, "--role"];
        let seat = ["authority-supervisor", "--institution", "00000000"];
        let new = [&new[..], &seat, &["--passphrase", "words"]].concat();
        assert_eq!(office.run(&new, false).code, 0);
        let request = format!("{number}.request");
        office.done(&["key", "officer", "register", &request], &["N-01", "N-02"]);
    }
    let revoke = ["cert", "cash", "revoke", "1", "--cause", "compromise"];
    // Another city's authority.
    let error = office.refused(&revoke, &["S-01", "S-02"]);
    assert!(
        error.contains("two supervisors of the authority"),
        "{error}"
    );
    office.done(&revoke, &["T-01", "T-02"]);
    let list = |key: &str, name: &str| {
        let args = ["cert", "cash", "revocations", "--key", key, "--paper", name];
        office.done(&args, &["N-03", "N-04"]);
        std::fs::read_to_string(office.path(name)).unwrap()
    };
    assert!(list(&keys[0], "rsa.revoked").contains("\nrevoked 000001 1135\n"));
    assert!(!list(&keys[1], "sm2.revoked").contains("\nrevoked "));
    let both = [
        "--authority",
        "rsa.authority",
        "--authority",
        "sm2.authority",
    ];
    let lists = [
        "--revocations",
        "rsa.revoked",
        "--revocations",
        "sm2.revoked",
    ];
    let pay = |state: &str, more: &[&str]| {
        let pay = ["card", "pay", "--cash", "--amount", "3", "--state", state];
        let args = [&pay[..], &both, more, &["--lang", "en"]].concat();
        personalising::tongtu(&office.folder, &args)
    };
    assert_eq!(pay("rsa.card", &[]).code, 0);
    let refused = pay("rsa.card", &lists);
    assert_eq!(refused.code, 1);
    let words = "the issuer's certificate 000001 of authority 03 is revoked";
    assert!(refused.err.contains(words), "{}", refused.err);
    assert_eq!(pay("sm2.card", &lists).code, 0);
    // A list that somebody changed.
    let text = std::fs::read_to_string(office.path("rsa.revoked")).unwrap();
    let bent = text.replace("revoked 000001", "revoked 000003");
    std::fs::write(office.path("bent.revoked"), bent).unwrap();
    let refused = pay("sm2.card", &["--revocations", "bent.revoked"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("line 7 is not as it was written"),
        "{}",
        refused.err
    );
}

#[test]
fn an_issuers_key_in_the_room_is_certified_without_leaving_it() {
    let office = Office::staffed("room-cash-own").with_nation();
    let key = authority(&office, "1", "sm2", "3");
    let apply = [
        "key",
        "apply",
        "--batch",
        "2",
        "--province",
        "00003000",
        "--holder",
        "01343010",
        "--city",
        "3010",
        "--purpose",
        "e-cash-issuer",
        "--algorithm",
        "sm2",
    ];
    let own = office.done(&apply, &["P-01"])["keys"][0].to_string();
    office.activate(&own);
    let apply = [
        "cert",
        "cash",
        "apply",
        "--key",
        &own,
        "--head",
        "629930",
        "--expires",
        "1135",
        "--application",
        "own.application",
    ];
    office.refused(&apply, &["P-01"]);
    office.done(&apply, &["H-01"]);
    // Where officers do not meet, an approval goes from one to the other.
    let approve = [
        "cert",
        "cash",
        "approve",
        "--application",
        "own.application",
        "--out",
        "own.approval",
    ];
    office.done(&approve, &["N-01"]);
    let commit = ["key", "commit", "own.approval"];
    let done = office.done(&commit, &["N-02"]);
    assert_eq!(done["certificate"], 1);
    let issue = |out: &'static [&'static str]| {
        let issue = [
            "cert",
            "cash",
            "issue",
            "1",
            "--key",
            &key,
            "--paper",
            "own.certificate",
        ];
        [&issue[..], out]
            .concat()
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let words = issue(&["--out", "issue.approval"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    office.done(&words, &["N-03"]);
    let commit = [
        "key",
        "commit",
        "issue.approval",
        "--container",
        "own.certificate",
    ];
    office.done(&commit, &["N-04"]);
    let text = std::fs::read_to_string(office.path("own.certificate")).unwrap();
    assert!(
        text.contains("mark test\nissuer 01343010\nhead 629930\n"),
        "{text}"
    );
}
