//! `tongtu audit` on a chain longer than the memory that it may have.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use tongtu_audit::{AuditLine, AuditLog, Entry, Outcome, Word};
use tongtu_crypto::SecretKey;
use tongtu_foreign::{Ran, leash, run_within};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::run::folder;

/// More than 64 MiB of lines.
const LINES: u64 = 350_000;
/// What the program may have of memory of its own.
const LIMIT_KIB: u64 = 24 * 1024;

/// Two anchored days and the morning of a third, as three files.
fn write_chain(folder: &Path) {
    let mut key = SecretKey::from_bytes(&[0x21; 32]).unwrap();
    let entry = Entry {
        institution: InstitutionCode::parse("01343010").unwrap(),
        actor: Word::parse("issuer-node").unwrap(),
        deed: Word::parse("sign").unwrap(),
        key: Some(7),
        permit: Some(40),
        outcome: Outcome::Done,
        about: None,
    };
    let start = Timestamp::new(1_767_196_800);
    let mut lines = BufWriter::new(File::create(folder.join("audit-lines")).unwrap());
    let mut anchors = Vec::new();
    let mut log = AuditLog::new();
    for number in 0..LINES {
        let day = i64::try_from(number / (LINES * 2 / 5)).unwrap();
        let at = start.plus_s(day * 86_400);
        if let Some(due) = log.anchor_due(at) {
            let anchor = log.anchor(due, at, (77, &mut key)).unwrap();
            anchors.extend(anchor.encode().unwrap());
        }
        let line = log.append(&entry, at).unwrap();
        lines.write_all(&line.encode().unwrap()).unwrap();
    }
    lines.flush().unwrap();
    std::fs::write(folder.join("audit-anchors"), anchors).unwrap();
    let public = tongtu_codec::hex_encode(&key.public().to_compressed());
    std::fs::write(folder.join("anchor-keys"), format!("77 {public}\n")).unwrap();
}

/// Runs the program in a shell that limits its memory.
fn verify(folder: &Path) -> Ran {
    let script = format!("ulimit -d {LIMIT_KIB}; exec \"$0\" \"$@\"");
    let mut command = leash("sh");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_tongtu")])
        .args(["--lang", "en", "audit", "verify", "."])
        .current_dir(folder);
    run_within(Duration::from_secs(300), &mut command, b"")
}

/// Changes the file from a place on.
fn patch(path: &Path, at: u64, change: impl FnOnce(&mut [u8; AuditLine::LEN])) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut line = [0; AuditLine::LEN];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut line).unwrap();
    change(&mut line);
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&line).unwrap();
}

#[test]
fn a_chain_longer_than_memory_is_verified_and_its_fault_is_named() {
    let folder = folder("audit-long");
    write_chain(&folder);
    let path = folder.join("audit-lines");
    let len = path.metadata().unwrap().len();
    // More than is read of any other file, and more than twice the memory.
    assert!(len > 64 << 20, "{len} bytes");

    let ran = verify(&folder);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            "holds: 350000 lines\n  anchored to 20260102; 70000 lines behind the last anchor\n"
        ),
        "{}",
        ran.err
    );

    // Near the end a line of long ago stands again: it is asked for once more.
    let line = u64::try_from(AuditLine::LEN).unwrap();
    let mut old = [0; AuditLine::LEN];
    patch(&path, 99 * line, |bytes| old = *bytes);
    patch(&path, (LINES - 2) * line, |bytes| *bytes = old);
    let ran = verify(&folder);
    let expected = format!(
        "does not hold: audit chain: line 100 stands once more after line {}\n",
        LINES - 2
    );
    assert_eq!((ran.code, ran.out), (1, expected), "{}", ran.err);
    std::fs::remove_dir_all(&folder).unwrap();
}
