//! A holder's own custody as its custodians type it: founded, keys taken in, handed to a node.

use serde_json::Value;
use tongtu_codec::hex_decode;
use tongtu_crypto::{PublicKey, sm3};
use tongtu_foreign::SoftToken;
use tongtu_hsm::{Mark, Passphrase, Protection, SealedCustody, Work};
use tongtu_keyring::Extract;
use tongtu_keyring::code::Purpose;
use tongtu_services::NodeKeys;
use tongtu_types::{CityCode, Timestamp};

use crate::extract::of_letters;
use crate::room::Office;
use crate::run::Ran;

const DAY: i64 = 86_400;
const CUSTODIANS: [&str; 2] = ["H-01", "H-02"];

/// A nation's room with a key for extracts, and a holder whose custody is founded.
pub(crate) struct Holder {
    pub(crate) office: Office,
    pub(crate) centre: String,
    extracts: u32,
}

impl Holder {
    pub(crate) fn founded(name: &str, more: &[&str]) -> Self {
        let office = Office::staffed(name).with_nation();
        let files = office.apply_own("1", "file-signature", "sm2");
        office.made(&files);
        office.take_over(&files);
        let mut holder = Self {
            office,
            centre: String::new(),
            extracts: 0,
        };
        let (_, said) = holder.extract_said();
        holder.centre = said["centre"].as_str().unwrap().to_owned();
        let ran = holder.found(more);
        assert_eq!(ran.code, 0, "{}", ran.err);
        holder
    }

    fn found(&self, more: &[&str]) -> Ran {
        let mut args = vec!["key", "custody", "new", "--centre", &self.centre];
        args.extend(["--custody-passphrase", "safe", "--device", "CITY-1"]);
        for (request, key) in [("H-01.request", "H-01.key"), ("H-02.request", "H-02.key")] {
            args.extend(["--request", request, "--as", key, "--passphrase", "words"]);
        }
        args.extend(more);
        self.office.run(&args, true)
    }

    fn extract_said(&mut self) -> (String, Value) {
        self.extracts += 1;
        let name = format!("{}.book", self.extracts);
        let args = ["key", "extract", "--out", &name, "--json"];
        let with = ["--custody-passphrase", "safe"];
        let ran = self.office.run(&[&args[..], &with].concat(), true);
        assert_eq!(ran.code, 0, "{}", ran.err);
        (name, ran.json())
    }

    /// A new extract; its file.
    fn extract(&mut self) -> String {
        self.extract_said().0
    }

    /// A transport key: the nation and the holder have it from the same letters.
    fn transport(&mut self, batch: &str) -> String {
        let key = self.office.apply(batch, "personalisation-transport");
        of_letters(&self.office, &key);
        let book = self.extract();
        let check = self.office.check(&key);
        self.component(&key, &check, &book, &CUSTODIANS, true);
        self.office.hand_over(&key);
        key
    }

    fn component(&self, key: &str, check: &str, book: &str, by: &[&str], is_done: bool) -> Ran {
        let args = ["key", "custody", "component", key, "--check", check];
        let letters = ["--component", "0.component", "--component", "1.component"];
        let ran = self
            .office
            .step(&[&args[..], &letters, &["--book", book]].concat(), by);
        assert_eq!(ran.code == 0, is_done, "{}", ran.err);
        ran
    }

    /// A key that the nation made for the holder, in a container.
    fn sent(&self, batch: &str, purpose: &str, transport: &str) -> (String, String) {
        let key = self.office.apply(batch, purpose);
        self.office.made(&key);
        let container = format!("{key}.container");
        let export = ["key", "export", &key, "--transport", transport];
        self.office.done(
            &[&export[..], &["--container", &container]].concat(),
            &["N-03", "N-04"],
        );
        (key, container)
    }

    /// A key for lists that the nation made, taken in and in use: its number, its digest, and the
    /// extract that says so.
    pub(crate) fn list_key(&mut self) -> [String; 3] {
        let transport = self.transport("2");
        #[rustfmt::skip]
        let apply = [
            "key", "apply", "--batch", "3", "--province", "00003000", "--holder", "01343010",
            "--city", "3010", "--purpose", "list-signature", "--algorithm", "sm2", "--days", "3650",
        ];
        let key = self.office.done(&apply, &["P-01"])["keys"][0].to_string();
        self.office.made(&key);
        let export = ["key", "export", &key, "--transport", &transport];
        let export = [&export[..], &["--container", "list.container"]].concat();
        self.office.done(&export, &["N-03", "N-04"]);
        let book = self.extract();
        let take_in = take_in(&key, "list.container", &transport, &book);
        let done = self.office.done(&take_in, &CUSTODIANS);
        // What `key distribute` asks for.
        assert_eq!(done["device"], "CITY-1");
        let check = done["check"].as_str().unwrap();
        let check = check.strip_prefix("SM3 ").unwrap();
        let distribute = ["key", "distribute", &key, "--device", "CITY-1"];
        let as_made = ["--check", check, "--kind", "test-key-file"];
        let distribute = [&distribute[..], &as_made].concat();
        self.office.done(&distribute, &["P-01", "H-01"]);
        self.office.done(&["key", "activate", &key], &CUSTODIANS);
        [key, check.to_ascii_lowercase(), self.extract()]
    }

    fn show(&self, book: &str) -> Ran {
        let args = ["key", "custody", "show", "--book", book, "--json"];
        self.office.run(&args, false)
    }
}

fn take_in<'a>(
    key: &'a str,
    container: &'a str,
    transport: &'a str,
    book: &'a str,
) -> [&'a str; 10] {
    [
        "key",
        "custody",
        "take-in",
        key,
        "--container",
        container,
        "--transport",
        transport,
        "--book",
        book,
    ]
}

/// The keys of a node of city 3010 with the holder's custody.
pub(crate) fn node(holder: &Holder, book: &str) -> NodeKeys {
    let centre = hex_decode(&holder.centre).unwrap().try_into().unwrap();
    let centre = PublicKey::from_compressed(&centre).unwrap();
    let read = std::fs::read(holder.office.path(book)).unwrap();
    let extract = Extract::open(&read, &centre).unwrap();
    let words = Passphrase::new(String::from("the custody's passphrase")).unwrap();
    let custody = SealedCustody::open(
        &holder.office.path("custody/keys"),
        Mark::Test,
        &Protection::Passphrase(words, Work::USUAL),
        |out: &mut [u8]| out.fill(7),
    );
    let city = CityCode::parse("3010").unwrap();
    NodeKeys::new(city, extract, Some(Box::new(custody.unwrap()))).unwrap()
}

#[test]
fn a_holder_takes_in_its_keys_and_its_node_signs_with_them() {
    let mut holder = Holder::founded("custody-life", &[]);
    let [_, check, book] = holder.list_key();
    let shown = holder.show(&book);
    assert_eq!(shown.code, 0, "{}", shown.err);
    let shown = shown.json();
    assert_eq!(shown["institution"], "01343010");
    assert_eq!(shown["keys"][1]["in_book"]["stage"], "active");
    assert_eq!(shown["keys"][1]["in_book"]["agrees"], true);
    let keys = node(&holder, &book);
    let now = Timestamp::new(holder.office.now);
    let public = keys.public(Purpose::ListSignature, now).unwrap();
    assert!(keys.holds(&public.to_compressed()));
    assert_eq!(
        tongtu_codec::hex_encode(&sm3::digest(&public.to_compressed())),
        check
    );
}

#[test]
fn the_holders_chain_says_who_did_what_and_anybody_verifies_it() {
    let mut holder = Holder::founded("custody-chain", &[]);
    let transport = holder.transport("2");
    let (key, container) = holder.sent("3", "load", &transport);
    let book = holder.extract();
    let take_in = take_in(&key, &container, &transport, &book);
    holder.office.done(&take_in, &CUSTODIANS);
    holder.office.now += DAY;
    let anchor = ["key", "custody", "anchor", "--custody-passphrase", "safe"];
    let ran = holder
        .office
        .run(&[&anchor[..], &["--json"]].concat(), true);
    assert_eq!(ran.json()[0]["day"], "20260101", "{}", ran.err);
    let good = holder.office.json(&["audit", "verify", "custody"]);
    assert_eq!(good["holds"], true);
    let lines = std::fs::read(holder.office.path("custody/audit-lines")).unwrap();
    for word in [
        "custody.found",
        "use.import",
        "key.component",
        "use.take-in",
        "H-01",
        "H-02",
    ] {
        let word = word.as_bytes();
        assert!(lines.windows(word.len()).any(|part| part == word));
    }
    // A changed line: the chain and the custody name it.
    let mut bent = lines.clone();
    bent[192 * 3 + 30] ^= 1;
    std::fs::write(holder.office.path("custody/audit-lines"), bent).unwrap();
    let ran = holder.office.run(&["audit", "verify", "custody"], false);
    assert!(ran.out.contains("line 4 was changed"), "{}", ran.out);
    let ran = holder.show(&book);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("`audit-lines`, record 4"), "{}", ran.err);
}

#[test]
fn what_the_book_or_the_other_custodian_does_not_say_stays_out() {
    let mut holder = Holder::founded("custody-refused", &[]);
    let transport = holder.transport("2");
    let (key, container) = holder.sent("3", "load", &transport);
    let (other, _) = holder.sent("4", "unload", &transport);
    let book = holder.extract();
    let office = &holder.office;
    let good = take_in(&key, &container, &transport, &book);
    let error = office.refused(&good, &["H-01"]);
    assert!(error.contains("two custodians of the holder"), "{error}");
    let error = office.refused(&good, &["H-01", "N-03"]);
    assert!(error.contains("no custodian of this custody"), "{error}");
    // A container of another key, a changed one, an extract of another centre.
    let error = office.refused(&take_in(&other, &container, &transport, &book), &CUSTODIANS);
    assert!(error.contains("the container holds"), "{error}");
    let mut bent = std::fs::read(office.path(&container)).unwrap();
    *bent.last_mut().unwrap() ^= 1;
    std::fs::write(office.path("bent.container"), bent).unwrap();
    let error = office.refused(
        &take_in(&key, "bent.container", &transport, &book),
        &CUSTODIANS,
    );
    assert!(error.contains("the custody refuses"), "{error}");
    let mut bent = std::fs::read(office.path(&book)).unwrap();
    bent[20] ^= 1;
    std::fs::write(office.path("bent.book"), bent).unwrap();
    let error = office.refused(
        &take_in(&key, &container, &transport, "bent.book"),
        &CUSTODIANS,
    );
    assert!(
        error.contains("does not verify under the key centre's key"),
        "{error}"
    );
    let ran = holder.component(&transport, "000000", &book, &CUSTODIANS, false);
    assert!(ran.err.contains("in the custody already"), "{}", ran.err);
    // The wrong passphrase of a custodian leaves a line.
    let wrong = ["--as", "H-01.key", "--passphrase", "wrong"];
    let ran = office.run(&[&good[..], &wrong].concat(), true);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let lines = std::fs::read(office.path("custody/audit-lines")).unwrap();
    let word = b"holding.passphrase";
    assert!(lines.windows(word.len()).any(|part| part == word));
    // Not in use any more, it goes.
    office.done(&good, &CUSTODIANS);
    let destroy = |book: &str| {
        let args = ["key", "custody", "destroy", &key, "--book", book];
        office.step(&args, &CUSTODIANS)
    };
    let ran = destroy(&book);
    assert!(ran.err.contains("whose life is over"), "{}", ran.err);
    let revoke = ["key", "revoke", &key, "--cause", "compromise"];
    office.done(&revoke, &["S-01", "S-02"]);
    let extract = [
        "key",
        "extract",
        "--out",
        "last.book",
        "--custody-passphrase",
        "safe",
    ];
    assert_eq!(office.run(&extract, true).code, 0);
    let ran = destroy("last.book");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        holder.show("last.book").json()["keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn two_custodians_who_never_meet_take_a_key_in_by_way_of_a_file() {
    let mut holder = Holder::founded("custody-file", &[]);
    let transport = holder.transport("2");
    let (key, container) = holder.sent("3", "load", &transport);
    let book = holder.extract();
    let office = &holder.office;
    let good = take_in(&key, &container, &transport, &book);
    let out = [&good[..], &["--out", "in.approval"]].concat();
    assert_eq!(office.done(&out, &["H-01"])["outcome"], "approval");
    let commit = ["key", "custody", "commit", "in.approval", "--book", &book];
    let commit = [&commit[..], &["--container", &container]].concat();
    office.refused(&commit, &["H-01"]);
    assert_eq!(office.done(&commit, &["H-02"])["outcome"], "done");
    let error = office.refused(&commit, &["H-02"]);
    assert!(error.contains("is after"), "{error}");
    // A third custodian, and the first one leaves.
    let new = [
        "key",
        "officer",
        "new",
        "--number",
        "H-03",
        "--role",
        "holder-custodian",
    ];
    let new = [
        &new[..],
        &["--institution", "01343010", "--passphrase", "words"],
    ]
    .concat();
    assert_eq!(office.run(&new, false).code, 0);
    office.done(&["key", "custody", "enter", "H-03.request"], &CUSTODIANS);
    office.done(&["key", "custody", "end", "H-01"], &["H-02", "H-03"]);
    let error = office.refused(&["key", "custody", "end", "H-03"], &["H-02", "H-03"]);
    assert!(error.contains("two custodians remain"), "{error}");
}

#[test]
fn a_custodian_waits_after_five_wrong_passphrases_until_two_others_end_it() {
    let holder = Holder::founded("custody-waits", &[]);
    let office = &holder.office;
    let new = ["key", "officer", "new", "--number", "H-03"];
    let seat = ["--role", "holder-custodian", "--institution", "01343010"];
    let new = [&new[..], &seat, &["--passphrase", "words"]].concat();
    assert_eq!(office.run(&new, false).code, 0);
    office.done(&["key", "custody", "enter", "H-03.request"], &CUSTODIANS);
    let end = ["key", "custody", "end", "H-03"];
    let wrong = ["--as", "H-01.key", "--passphrase", "wrong"];
    for _ in 0..5 {
        let ran = office.run(&[&end[..], &wrong].concat(), true);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("does not open"), "{}", ran.err);
    }
    // The right one is not looked at either, and the others do what they can do without this one.
    let error = office.refused(&end, &CUSTODIANS);
    assert!(error.contains("H-01"), "{error}");
    assert!(
        error.contains("two other custodians can end the wait"),
        "{error}"
    );
    let unlock = ["key", "custody", "unlock", "H-01"];
    let error = office.refused(&unlock, &["H-02"]);
    assert!(error.contains("two custodians of the holder"), "{error}");
    office.done(&unlock, &["H-02", "H-03"]);
    office.done(&end, &CUSTODIANS);
}

#[test]
fn a_custody_is_founded_once_by_two_of_one_holder() {
    let holder = Holder::founded("custody-founding", &[]);
    assert_eq!(holder.found(&[]).code, 2);
    let elsewhere = ["--dir", "second", "--production"];
    let ran = holder.found(&elsewhere);
    assert!(ran.err.contains("--now is for tests"), "{}", ran.err);
    assert!(!holder.office.path("second").exists());
    let mut args = vec!["key", "custody", "new", "--centre", &holder.centre];
    args.extend(["--custody-passphrase", "safe"]);
    for (request, key) in [("H-01.request", "H-01.key"), ("H-02.request", "H-02.key")] {
        args.extend(["--request", request, "--as", key, "--passphrase", "words"]);
    }
    let ran = holder.office.run(&[&args[..], &elsewhere].concat(), false);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let words = "`H-01.key` is an officer's test key, and this is for production";
    assert!(ran.err.contains(words), "{}", ran.err);
    assert!(!holder.office.path("second").exists());
    let mut args = vec![
        "key",
        "custody",
        "new",
        "--dir",
        "second",
        "--centre",
        &holder.centre,
    ];
    args.extend(["--custody-passphrase", "safe"]);
    for (request, key) in [("H-01.request", "H-01.key"), ("N-03.request", "N-03.key")] {
        args.extend(["--request", request, "--as", key, "--passphrase", "words"]);
    }
    let ran = holder.office.run(&args, true);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("no request of a custodian"), "{}", ran.err);
    assert!(!holder.office.path("second").exists());
}

#[test]
fn a_holders_custody_lives_on_a_token_too() {
    let test = "a_holders_custody_lives_on_a_token_too";
    SoftToken::within(&format!("{}::{test}", module_path!()), |token| {
        let module = token.module().display().to_string();
        let mut holder = Holder::founded("custody-token", &[]);
        std::fs::write(holder.office.path("pin"), format!("{}\n", SoftToken::PIN)).unwrap();
        let on = [
            "--dir",
            "held",
            "--module",
            &module,
            "--token",
            SoftToken::LABEL,
        ];
        let mut args = vec!["key", "custody", "new", "--centre", &holder.centre];
        args.extend(["--pin-file", "pin"]);
        for (request, key) in [("H-01.request", "H-01.key"), ("H-02.request", "H-02.key")] {
            args.extend(["--request", request, "--as", key, "--passphrase", "words"]);
        }
        args.extend(on);
        let ran = holder.office.run(&args, true);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let key = holder.office.apply("2", "personalisation-transport");
        of_letters(&holder.office, &key);
        let (book, check) = (holder.extract(), holder.office.check(&key));
        let mut args = vec!["key", "custody", "component", &key, "--check", &check];
        args.extend(["--component", "0.component", "--component", "1.component"]);
        args.extend(["--book", &book, "--dir", "held", "--pin-file", "pin"]);
        for key in ["H-01.key", "H-02.key"] {
            args.extend(["--as", key, "--passphrase", "words"]);
        }
        let ran = holder.office.run(&args, true);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let shown = holder
            .office
            .json(&["key", "custody", "show", "--dir", "held"]);
        assert_eq!(shown["token"], SoftToken::LABEL);
        assert_eq!(shown["keys"][0]["number"].to_string(), key);
    });
}
