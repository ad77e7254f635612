//! Our own way out through PC/SC, to our own card.

use std::env;
use std::time::Duration;

use tongtu_foreign::{CardService, run_within};
use tongtu_reader::{
    CardChannel as _, ReaderError, connect, measure_round_trips, readers, wait_for_card,
};

use crate::foreign::Inserted;

/// Set in the process that is a client of the private service.
const CLIENT: &str = "TONGTU_READER_TEST_CLIENT";

/// Runs the same test again as a client of a service: the client library reads its setting from the
/// environment, which a process cannot safely change for itself.
fn as_client_of(service: &CardService, test: &str) -> String {
    let mut command = service.command(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(CLIENT, "1");
    run_within(Duration::from_secs(60), &mut command, b"").good()
}

fn is_client() -> bool {
    env::var_os(CLIENT).is_some()
}

#[test]
fn a_card_behind_pcsc_answers_whole() {
    if !is_client() {
        let Some(inserted) = Inserted::start() else {
            return;
        };
        println!(
            "{}",
            as_client_of(&inserted.service, "pcsc::a_card_behind_pcsc_answers_whole")
        );
        return;
    }
    assert!(
        readers()
            .unwrap()
            .iter()
            .any(|name| name == CardService::READER)
    );
    let wanted = Some("Tongtu Test");
    let reader = wait_for_card(wanted, Duration::from_secs(20)).unwrap();
    assert_eq!(reader, CardService::READER);
    let mut card = connect(wanted).unwrap();
    assert_eq!(card.reader(), CardService::READER);
    assert_eq!(card.atr(), [0x3B, 0x80, 0x80, 0x01, 0x01]);
    let challenge = card.transmit(&[0x00, 0x84, 0x00, 0x00, 0x08]).unwrap();
    assert_eq!(challenge, [1, 2, 3, 4, 5, 6, 7, 8, 0x90, 0x00]);
    let recognition = card.transmit(&[0x80, 0xCA, 0x00, 0x66, 0x20]).unwrap();
    assert_eq!(recognition, [0x66, 0x02, 0x73, 0x00, 0x90, 0x00]);
    card.reset().unwrap();
    assert_eq!(card.exchange(&[0x00, 0xB0, 0, 0, 0]).unwrap(), [0x6A, 0x82]);
    let absent = connect(Some("no such reader")).unwrap_err().to_string();
    assert!(absent.contains(CardService::READER), "{absent}");

    let times = measure_round_trips(&mut card, &[0x80, 0xCA, 0x00, 0x66, 0x00], 200).unwrap();
    assert_eq!(times.count(), 200);
    println!(
        "round trip through pcscd: median {:?}, 99 of 100 within {:?}",
        times.percentile(50),
        times.percentile(99)
    );
}

#[test]
fn another_programs_reset_is_told_once() {
    if !is_client() {
        let Some(inserted) = Inserted::start() else {
            return;
        };
        let _ = as_client_of(
            &inserted.service,
            "pcsc::another_programs_reset_is_told_once",
        );
        return;
    }
    let mut ours = connect(None).unwrap();
    let mut other = connect(None).unwrap();
    other.reset().unwrap();
    let error = ours.exchange(&[0x00, 0xB0, 0, 0, 0]).unwrap_err();
    assert!(matches!(error, ReaderError::CardReset { .. }), "{error}");
    assert_eq!(ours.exchange(&[0x00, 0xB0, 0, 0, 0]).unwrap(), [0x6A, 0x82]);
}

#[test]
fn an_empty_reader_and_a_missing_service_have_names() {
    if is_client() {
        let error = match env::var("TONGTU_READER_TEST_EMPTY") {
            Ok(_) => {
                let error = connect(None).unwrap_err();
                assert!(matches!(error, ReaderError::NoCard { .. }), "{error}");
                wait_for_card(None, Duration::from_millis(1)).unwrap_err()
            }
            Err(_) => readers().unwrap_err(),
        };
        println!("told: {error}");
        return;
    }
    let Some(service) = CardService::start() else {
        return;
    };
    let test = "pcsc::an_empty_reader_and_a_missing_service_have_names";
    let ask = |service: &CardService, empty: bool| {
        let mut command = service.command(env::current_exe().unwrap());
        command
            .args(["--exact", test, "--nocapture"])
            .env(CLIENT, "1");
        if empty {
            command.env("TONGTU_READER_TEST_EMPTY", "1");
        } else {
            command.env("PCSCLITE_CSOCK_NAME", service.folder().join("nobody"));
        }
        run_within(Duration::from_secs(60), &mut command, b"").good()
    };
    let said = ask(&service, true);
    assert!(said.contains("told: no card in any reader"), "{said}");
    let said = ask(&service, false);
    assert!(
        said.contains("told: the PC/SC service does not run"),
        "{said}"
    );
}
