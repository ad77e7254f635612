//! What hostile bytes may do to this crate, as functions of bytes: no panic, and what is read is written back.
//!
//! A fuzzer is given each of them as it is; `hostile` runs them over generated inputs.

use tongtu_apdu::{Command, Response};
use tongtu_purse::command::{Request, Sfi};
use tongtu_purse::explain::{explain, meaning, record_lines};
use tongtu_purse::fci::{Directory, Fci};
use tongtu_purse::layout::Composite;
use tongtu_purse::perso::Content;

/// A record of any file.
pub(crate) fn record(bytes: &[u8]) {
    assert_eq!(Composite::read(bytes).bytes(), bytes);
    for sfi in 0..32 {
        let _ = record_lines(Sfi::new(sfi), bytes);
    }
}

/// What a card answers to SELECT.
pub(crate) fn fci(bytes: &[u8]) {
    let _ = Directory::parse(bytes);
    if let Ok(fci) = Fci::parse(bytes) {
        let again = Fci::parse(&fci.encode()).expect("what we wrote");
        assert_eq!(again.encode(), fci.encode());
    }
}

/// A command as a card gets it.
pub(crate) fn command(command: &Command) {
    if let Ok(request) = Request::parse(command) {
        let written = request.to_command();
        if !matches!(request, Request::ChangeOverdraft) {
            assert_eq!(written.header(), command.header());
            assert_eq!(&written.data, &command.data);
        }
        assert_eq!(Request::parse(&written), Ok(request));
    }
}

/// A command and its answer, for people.
pub(crate) fn explained(command: &Command, answer: &Response) {
    let _ = explain(command, None);
    let _ = explain(command, Some(answer));
    let _ = meaning(command, answer.sw);
}

/// A data group that a card is personalised with.
pub(crate) fn data_group(id: u16, value: &[u8]) {
    for id in [
        id, 0xB001, 0xA001, 0xB0A0, 0xB0A5, 0xBE1A, 0xBF01, 0xBF02, 0xBF03, 0xBF05,
    ] {
        let _ = Content::read(id, value);
    }
}
