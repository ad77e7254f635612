//! `tongtu terminal tap`: a terminal for cards, with the card in a file, and in pcscd's virtual
//! reader, from which it is also pulled away.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::card_serve::Served;
use crate::run::{Ran, folder, tongtu_in};

fn tongtu(folder: &Path, args: &[&str]) -> Ran {
    tongtu_in(folder, args, b"", &[])
}

/// A folder with a card of a profile, loaded with 50.00.
fn loaded(name: &str, profile: &str) -> PathBuf {
    let folder = folder(name);
    Served::start(&folder, "a.card", &["--profile", profile]).end();
    let load = ["card", "load", "--state", "a.card", "--amount", "50"];
    let ran = tongtu(&folder, &load);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    folder
}

fn tap(folder: &Path, at: &str, more: &[&str]) -> Ran {
    let args = ["--json", "terminal", "tap", "--state", "a.card", "--now"];
    tongtu(folder, &[&args, &[at][..], more].concat())
}

/// Outcome, fare and balance of the last tap, in fen.
fn last(answer: &Value) -> (&str, Option<i64>, Option<i64>) {
    let taps = answer["taps"].as_array().unwrap();
    let tap = taps.last().unwrap();
    let prompt = &tap["prompt"];
    let outcome = tap["outcome"].as_str().unwrap();
    (
        outcome,
        prompt["fare_fen"].as_i64(),
        prompt["balance_fen"].as_i64(),
    )
}

/// Stage, recovery and MAC2 of every record that a tap stored.
fn records(answer: &Value) -> Vec<(&str, &str, &str)> {
    let taps = answer["taps"].as_array().unwrap().iter();
    let records = taps.flat_map(|tap| tap["records"].as_array().unwrap());
    records
        .map(|record| {
            let of = |name: &str| record[name]["en"].as_str().unwrap();
            (of("stage"), of("recovery"), of("mac2"))
        })
        .collect()
}

const MORNING: &str = "2026-03-02T08:00:00+08:00";
const NOON: &str = "2026-03-02T12:00:00+08:00";

#[test]
fn a_bus_and_a_metro_ride_pay_what_the_fare_book_says_with_both_algorithms() {
    for profile in ["default", "sm4"] {
        let folder = loaded(&format!("tap-{profile}"), profile);
        let bus = tap(&folder, MORNING, &[]);
        assert_eq!(bus.code, 0, "{}{}", bus.out, bus.err);
        let bus = bus.json();
        assert_eq!(last(&bus), ("accepted", Some(100), Some(4900)));
        assert_eq!(bus["taps"][0]["why"]["amount_fen"], 100);
        let entry = tap(&folder, MORNING, &["--post", "entry", "--station", "0101"]);
        assert_eq!(entry.code, 0, "{}{}", entry.out, entry.err);
        assert_eq!(last(&entry.json()), ("accepted", None, Some(4900)));
        let exit = ["--post", "exit", "--station", "0123"];
        let exit = tap(&folder, "2026-03-02T08:50:00+08:00", &exit);
        assert_eq!(exit.code, 0, "{}{}", exit.out, exit.err);
        let exit = exit.json();
        assert_eq!(last(&exit), ("accepted", Some(600), Some(4300)));
        let why = exit["taps"][0]["why"]["en"].as_str().unwrap();
        assert!(why.starts_with("Pingguoyuan to Sihui East"), "{why}");
        assert_eq!(records(&exit), [("exit", "plain", "verified")]);
        let again = tap(&folder, NOON, &["--post", "exit", "--station", "0123"]);
        assert_eq!(again.code, 1, "{}{}", again.out, again.err);
        assert_eq!(again.json()["taps"][0]["reason"], "NotInside");
    }
}

#[test]
fn a_card_pulled_away_too_early_is_recovered_and_pays_once() {
    let folder = loaded("tap-torn", "default");
    let ran = tap(&folder, MORNING, &["--lose-answer"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let answer = ran.json();
    assert_eq!(answer["taps"][0]["outcome"], "torn_in_doubt");
    assert_eq!(last(&answer), ("recovered", Some(100), Some(4900)));
    assert_eq!(
        records(&answer),
        [("single ride", "recovered here", "verified")]
    );
}

#[test]
fn a_clock_behind_the_records_serves_no_card() {
    let folder = loaded("tap-clock", "default");
    assert_eq!(tap(&folder, NOON, &[]).code, 0);
    let ran = tap(&folder, MORNING, &[]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert_eq!(last(&ran.json()), ("out_of_service", None, None));
}

#[test]
fn a_terminal_says_in_both_languages_what_became_of_a_tap() {
    let folder = loaded("tap-words", "default");
    for (lang, first) in [
        ("en", "Welcome\nFare 1.00 yuan\nBalance 49.00 yuan\n"),
        ("zh", "乘车成功\n金额 1.00 元\n余额 48.00 元\n"),
    ] {
        let args = ["--lang", lang, "terminal", "tap", "--state", "a.card"];
        let ran = tongtu(&folder, &[&args[..], &["--store", lang]].concat());
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(ran.out.starts_with(first), "{}", ran.out);
    }
}

#[cfg(feature = "pcsc")]
mod reader {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};
    use std::time::Duration;

    use serde_json::Value;
    use tongtu_foreign::{CardService, Leashed};

    use super::{last, records};
    use crate::card_foreign::insert;

    const LIMIT: Duration = Duration::from_secs(60);

    /// The test card's number.
    const NUMBER: &str = "3104899999900000017";

    /// No instruction is cut.
    const NONE: u8 = 0;
    /// INITIALIZE, UPDATE CAPP DATA CACHE and DEBIT FOR PURCHASE.
    const INITIALIZE: u8 = 0x50;
    const CACHE: u8 = 0xDC;
    const DEBIT: u8 = 0x54;

    /// A virtual card in a private pcscd's reader, on a line that can be cut.
    struct Field {
        service: CardService,
        serve: Leashed,
        args: [String; 6],
        /// Of the next answer to this instruction only the first byte reaches the reader.
        cuts: Arc<AtomicU8>,
    }

    impl Field {
        fn loaded() -> Option<Self> {
            let mut service = CardService::start()?;
            let line = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = line.local_addr().unwrap().port().to_string();
            let cuts = Arc::new(AtomicU8::new(NONE));
            let (driver, cut) = (service.port(), Arc::clone(&cuts));
            // It ends with the test's process; the card and the reader end before.
            std::thread::spawn(move || {
                for card in line.incoming().flatten() {
                    if let Ok(driver) = TcpStream::connect(("127.0.0.1", driver)) {
                        let _ = carry(driver, card, &cut);
                    }
                }
            });
            let state = service.folder().join("card.state").display().to_string();
            let args = ["card", "serve", "--state", &state, "--port", &port];
            let args = args.map(String::from);
            let serve = insert(&mut service, &args);
            let field = Self {
                service,
                serve,
                args,
                cuts,
            };
            let ran = field.client(&["card", "load", "--amount", "50"]);
            assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
            Some(field)
        }

        /// The card is taken out of the reader and put back.
        fn put_back(self) -> Self {
            let Self {
                mut service,
                serve,
                args,
                ..
            } = self;
            serve.kill();
            let serve = insert(&mut service, &args);
            Self {
                service,
                serve,
                args,
                ..self
            }
        }

        fn client(&self, args: &[&str]) -> tongtu_foreign::Ran {
            let program = env!("CARGO_BIN_EXE_tongtu");
            self.service.run(program, args, b"", LIMIT)
        }

        /// A tap at a post of this kind, through PC/SC.
        fn tap(&self, post: &str, more: &[&str]) -> (i32, Value) {
            self.tap_at(post, post, more)
        }

        /// The same at the terminal with this folder.
        fn tap_at(&self, folder: &str, post: &str, more: &[&str]) -> (i32, Value) {
            let store = self.service.folder().join(folder).display().to_string();
            let args = ["--json", "terminal", "tap", "--reader", CardService::READER];
            let at = ["--post", post, "--store", &store];
            let ran = self.client(&[&args[..], &at, more].concat());
            let answer = serde_json::from_str(&ran.out);
            let answer = answer.unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
            (ran.code, answer)
        }
    }

    /// Carries messages between driver and card until one of them leaves.
    fn carry(mut driver: TcpStream, mut card: TcpStream, cuts: &AtomicU8) -> std::io::Result<()> {
        driver.set_nodelay(true)?;
        card.set_nodelay(true)?;
        loop {
            let message = receive(&mut driver)?;
            send(&mut card, &message)?;
            // Power on, power off and reset are not answered; the ATR (4) and commands are.
            if matches!(message[..], [0..=2]) {
                continue;
            }
            let mut answer = receive(&mut card)?;
            if let [0x80, instruction, ..] = message[..]
                && instruction == cuts.load(Ordering::SeqCst)
            {
                cuts.store(NONE, Ordering::SeqCst);
                answer.truncate(1);
            }
            send(&mut driver, &answer)?;
        }
    }

    fn receive(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
        let mut length = [0; 2];
        from.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        from.read_exact(&mut message)?;
        Ok(message)
    }

    fn send(to: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        to.write_all(&[&length, message].concat())
    }

    #[test]
    fn rides_through_pcscd_pay_and_a_blacklisted_card_is_locked_there() {
        let Some(field) = Field::loaded() else { return };
        let (code, bus) = field.tap("bus", &[]);
        assert_eq!((code, last(&bus)), (0, ("accepted", Some(100), Some(4900))));
        let (code, entry) = field.tap("entry", &["--station", "0101"]);
        assert_eq!((code, last(&entry)), (0, ("accepted", None, Some(4900))));
        let (code, exit) = field.tap("exit", &["--station", "0123"]);
        assert_eq!(
            (code, last(&exit)),
            (0, ("accepted", Some(600), Some(4300)))
        );
        let (code, locked) = field.tap_at("second", "bus", &["--blacklist", NUMBER]);
        assert_eq!((code, last(&locked).0), (1, "refused"));
        let tap = &locked["taps"][0];
        assert_eq!(tap["reason"], "Blacklisted { locked: true }");
        assert_eq!(tap["records"][0]["amount_fen"], 0);
        // The card stays locked where nobody knows of a blacklist.
        let (code, blocked) = field.tap_at("third", "bus", &[]);
        assert_eq!(code, 1);
        assert_eq!(
            blocked["taps"][0]["reason"],
            "Blocked { permanently: true }"
        );
    }

    #[test]
    fn a_card_that_leaves_the_reader_while_it_pays_is_recovered_when_it_is_back() {
        let Some(field) = Field::loaded() else { return };
        field.cuts.store(DEBIT, Ordering::SeqCst);
        let (code, torn) = field.tap("bus", &[]);
        assert_eq!((code, last(&torn).0), (1, "torn_in_doubt"));
        assert_eq!(torn["store"]["intents"], 1);
        let field = field.put_back();
        // Another process: the module cannot verify the old MAC2, so the card vouches for itself.
        let (code, back) = field.tap("bus", &[]);
        assert_eq!(
            (code, last(&back)),
            (0, ("recovered", Some(100), Some(4900)))
        );
        assert_eq!(
            records(&back),
            [
                ("single ride", "recovered here", "not verified"),
                ("no ride", "vouching", "verified")
            ]
        );
        assert_eq!(back["store"]["intents"], 0);
    }

    #[test]
    fn a_card_that_leaves_both_gates_of_a_metro_ride_too_early_pays_it_once() {
        let Some(mut field) = Field::loaded() else {
            return;
        };
        for (post, station, stage, paid) in [
            ("entry", "0101", "entry", (None, Some(5000))),
            ("exit", "0123", "exit", (Some(600), Some(4400))),
        ] {
            let station = ["--station", station];
            // Before the card was asked to pay nothing is in doubt.
            for early in [INITIALIZE, CACHE] {
                field.cuts.store(early, Ordering::SeqCst);
                let (code, torn) = field.tap(post, &station);
                assert_eq!((code, last(&torn).0), (1, "torn"), "{post} {early:02X}");
                assert_eq!(torn["store"]["intents"], 0, "{post} {early:02X}");
                field = field.put_back();
            }
            field.cuts.store(DEBIT, Ordering::SeqCst);
            let (code, torn) = field.tap(post, &station);
            assert_eq!((code, last(&torn).0), (1, "torn_in_doubt"), "{post}");
            field = field.put_back();
            let (code, back) = field.tap(post, &station);
            let (fare, balance) = paid;
            assert_eq!((code, last(&back)), (0, ("recovered", fare, balance)));
            let recovered = (stage, "recovered here", "not verified");
            let vouched = ("no ride", "vouching", "verified");
            assert_eq!(records(&back), [recovered, vouched], "{post}");
            assert_eq!(back["store"]["intents"], 0, "{post}");
        }
        // The card is out, and says so to a terminal that knows nothing of it.
        let (code, again) = field.tap_at("fourth", "exit", &["--station", "0123"]);
        assert_eq!(code, 1);
        assert_eq!(again["taps"][0]["reason"], "NotInside");
    }
}
