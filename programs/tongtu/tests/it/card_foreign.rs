//! The virtual card under pcscd, used by software we did not write.
//!
//! Each test has a pcscd, a card and a state file of its own. What the scripts in `card_foreign/` ask
//! is said there; here is only what they are run with.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tongtu_foreign::{CardService, Leashed, python, tool};

/// For a script with a few hundred commands and RSA keys to make, on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) const SELECT_ISSUER_DOMAIN: &str = "00A4040008A000000151000000";

/// A card in the reader of a private service.
pub(crate) struct Card {
    serve: Leashed,
    pub(crate) service: CardService,
    args: Vec<String>,
}

impl Card {
    /// A fresh card; `None` after saying what is missing.
    pub(crate) fn fresh(extra: &[&str]) -> Option<Self> {
        let mut service = CardService::start()?;
        let state = service.folder().join("card.state").display().to_string();
        let port = service.port().to_string();
        let args = ["card", "serve", "--state", &state, "--port", &port];
        let args = args.iter().chain(extra).map(|&arg| arg.to_owned());
        let args: Vec<String> = args.collect();
        let serve = insert(&mut service, &args);
        Some(Self {
            serve,
            service,
            args,
        })
    }

    /// Kills the card's process as a power cut would, and starts it again on the same state.
    pub(crate) fn cut_power(self) -> Self {
        let Self {
            serve,
            mut service,
            args,
        } = self;
        serve.kill();
        let serve = insert(&mut service, &args);
        Self {
            serve,
            service,
            args,
        }
    }

    /// Runs a foreign program to its good end and says what it wrote.
    pub(crate) fn run(&self, program: impl AsRef<Path>, args: &[&str], stdin: &str) -> String {
        let program = program.as_ref();
        let ran = self.service.run(program, args, stdin.as_bytes(), LIMIT);
        ran.good()
    }

    /// Runs one task of `host.py`.
    pub(crate) fn host(&self, python: &Path, task: &str) -> String {
        let script = script("host.py");
        self.run(python, &["-B", &script, task], "")
    }
}

/// Starts a card's process and waits until its card is in the reader.
pub(crate) fn insert(service: &mut CardService, args: &[String]) -> Leashed {
    let log = fs::File::create(service.folder().join("serve.log")).unwrap();
    let mut command = service.command(env!("CARGO_BIN_EXE_tongtu"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    let mut serve = Leashed::start(&mut command);
    if let Err(error) = service.wait_for_card(|| serve.ended().is_none()) {
        let said = fs::read_to_string(service.folder().join("serve.log")).unwrap();
        panic!("{error}\ntongtu {:?}: {said}", serve.ended());
    }
    serve
}

pub(crate) fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/card_foreign");
    folder.join(name).display().to_string()
}

#[test]
fn opensc_talks_to_the_card() {
    let Some(card) = Card::fresh(&[]) else { return };
    let listed = card.run("opensc-tool", &["-l"], "");
    let row = listed.lines().find(|row| row.contains(CardService::READER));
    assert!(row.is_some_and(|row| row.contains("Yes")), "{listed}");
    let atr = card.run("opensc-tool", &["-r", "0", "-a"], "");
    assert!(atr.trim().starts_with("3b:"), "{atr}");
    // Once as it is, once behind the dozen foreign SELECTs that opensc tries first.
    for driver in [&["-c", "default"][..], &[]] {
        let command = ["-r", "0", "-s", SELECT_ISSUER_DOMAIN];
        let said = card.run("opensc-tool", &[&command, driver].concat(), "");
        assert_eq!(said.matches("SW1=0x90, SW2=0x00").count(), 1, "{said}");
    }
}

#[test]
fn a_card_that_was_killed_comes_back_into_its_reader() {
    let Some(mut card) = Card::fresh(&[]) else {
        return;
    };
    for _ in 0..3 {
        let args = ["-r", "0", "-c", "default", "-s", SELECT_ISSUER_DOMAIN];
        let said = card.run("opensc-tool", &args, "");
        assert!(said.contains("SW1=0x90, SW2=0x00"), "{said}");
        card = card.cut_power();
    }
}

#[test]
fn scriptor_and_pcsc_scan_talk_to_the_card() {
    let (Some(_), Some(_)) = (tool("scriptor"), tool("pcsc_scan")) else {
        return;
    };
    let Some(card) = Card::fresh(&[]) else { return };
    let script = format!("reset\n{SELECT_ISSUER_DOMAIN}\n00B0\n{SELECT_ISSUER_DOMAIN}\nexit\n");
    let said = card.run("scriptor", &["-r", CardService::READER], &script);
    assert_eq!(said.matches("Normal processing.").count(), 2, "{said}");
    // The one that is no command does not take the card away.
    let scanned = card.service.run("pcsc_scan", ["-n", "-t", "1"], b"", LIMIT);
    assert!(scanned.out.contains(CardService::READER), "{scanned:?}");
    assert!(scanned.out.contains("Card inserted"), "{scanned:?}");
    assert!(scanned.out.contains("ATR: 3B"), "{scanned:?}");
}

#[test]
fn a_round_trip_through_pcscd_takes_milliseconds_at_most() {
    let Some(python) = python() else { return };
    let Some(card) = Card::fresh(&[]) else { return };
    let said = card.host(&python, "round_trips");
    let (_, rest) = said.split_once("median ").unwrap();
    let (whole_ms, _) = rest.split_once('.').unwrap();
    // 40 ms and more would be a delayed acknowledgement on the driver's connection.
    assert!(whole_ms.parse::<u32>().unwrap() < 20, "{said}");
    println!("{said}");
}
