//! Targets of crates whose own tests have them as properties of types: the first byte says which.

use tongtu_apdu::{Command, Response, ppse, tlv, trace};
use tongtu_crypto::SecretKey;
use tongtu_ecash::{Afl, Dol, Fci, Iad, oda};
use tongtu_envelope::{Envelope, Kind};
use tongtu_exchange_file::{FileName, describe};
use tongtu_globalplatform::load_file::LoadFile;
use tongtu_globalplatform::{key, recognition};
use tongtu_nfc_code::Profile;
use tongtu_tap_record::TapRecord;

/// The e-purse.
pub(crate) fn purse(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else {
        return;
    };
    match which % 5 {
        0 => crate::purse::record(rest),
        1 => crate::purse::fci(rest),
        2 => {
            if let Ok(command) = Command::parse(rest) {
                crate::purse::command(&command);
            }
        }
        3 => {
            let (command, answer) = halves(rest);
            if let (Ok(command), Ok(answer)) = (Command::parse(command), Response::parse(answer)) {
                crate::purse::explained(&command, &answer);
            }
        }
        _ => {
            let id = rest.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
            crate::purse::data_group(id, rest.get(2..).unwrap_or_default());
        }
    }
}

/// A picture.
pub(crate) fn symbol(bytes: &[u8]) {
    let _ = tongtu_symbol::read_image(bytes);
}

/// All other codecs.
pub(crate) fn others(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else {
        return;
    };
    match which % 6 {
        0 => card(rest),
        1 => explained(rest),
        2 => ecash(rest),
        3 => envelope(rest),
        4 => file(rest),
        _ => record(rest),
    }
}

/// What a length in front says, and the rest.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((len, rest)) = bytes.split_first() else {
        return (&[], &[]);
    };
    rest.split_at(usize::from(*len).min(rest.len()))
}

fn card(bytes: &[u8]) {
    if let Ok(command) = Command::parse(bytes) {
        let written = command.encode().expect("what was read is short");
        assert_eq!(Command::parse(&written), Ok(command));
    }
    let mut rest = bytes;
    while let Ok((_, next)) = tlv::read(rest) {
        assert!(next.len() < rest.len(), "an object has a tag");
        rest = next;
    }
    let _ = ppse::Directory::parse(bytes);
    let _ = LoadFile::parse(bytes);
    let _ = key::read_key_information(bytes);
    let _ = recognition::Recognition::parse(bytes);
    let _ = Profile::decode(bytes);
    if let Ok(text) = core::str::from_utf8(bytes) {
        let _ = trace::parse(text);
    }
}

fn explained(bytes: &[u8]) {
    let (command, answer) = halves(bytes);
    let Ok(command) = Command::parse(command) else {
        return;
    };
    let answer = Response::parse(answer).ok();
    let _ = tongtu_ecash::explain(&command, answer.as_ref());
    let _ = tongtu_globalplatform::explain(&command, answer.as_ref());
}

fn ecash(bytes: &[u8]) {
    let _ = Fci::parse(bytes);
    let _ = Afl::parse(bytes);
    let _ = Dol::parse(bytes);
    let _ = Iad::parse(bytes);
    let authority = SecretKey::from_bytes(&[7; 32]).expect("in range");
    let _ = oda::sm2::open_issuer(authority.public(), bytes);
}

fn envelope(bytes: &[u8]) {
    for kind in [Kind::Request, Kind::File] {
        if let Ok(envelope) = Envelope::read(bytes, kind) {
            assert_eq!(envelope.encode().expect("as wide"), bytes);
            let key = SecretKey::from_bytes(&[7; 32]).expect("in range");
            assert!(envelope.verify(key.public()).is_err());
        }
    }
}

/// A name and the file behind it.
fn file(bytes: &[u8]) {
    let (name, content) = halves(bytes);
    let Some(name) = core::str::from_utf8(name)
        .ok()
        .and_then(|name| FileName::parse(name).ok())
    else {
        return;
    };
    let _ = describe(&name, content);
}

fn record(bytes: &[u8]) {
    if let Ok(record) = TapRecord::decode(bytes) {
        assert_eq!(record.encode().expect("as wide"), bytes);
        let _ = record.check();
    }
    let _ = TapRecord::decode_signed(bytes);
}
