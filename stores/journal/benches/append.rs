//! What storing a record costs on this machine's disk and without one, what a tap's intent adds,
//! what a full journal needs in memory, and opening it: `cargo bench -p tongtu-journal`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that prints its result"
)]

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tongtu_journal::{FileJournal, FileMedium, Journal, Limits, Medium, ReplaceError};
use tongtu_terminal::RecordStore;

const RECORD: [u8; 620] = [0x5A; 620];
const INTENT: [u8; 200] = [0x5A; 200];

/// A device that costs nothing and keeps nothing: what is left is the journal's own work.
#[derive(Debug)]
struct NoMedium;

impl Medium for NoMedium {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn replace(&mut self, _: &[u8]) -> Result<(), ReplaceError> {
        Ok(())
    }
}

/// A file that is never synced, to fill it fast.
#[derive(Debug)]
struct Unsynced(FileMedium);

impl Medium for Unsynced {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        self.0.read_all()
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        self.0.replace(bytes)
    }
}

/// Memory of this process in KiB, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn scan(journal: &mut dyn RecordStore) {
    let seq = journal.append(&RECORD).unwrap();
    journal.mark_told(seq, None).unwrap();
}

fn tap(journal: &mut dyn RecordStore) {
    journal.keep_intent(7, &INTENT).unwrap();
    let seq = journal.append_closing(&RECORD, 7).unwrap();
    journal.mark_told(seq, None).unwrap();
}

fn time(what: &str, journal: &mut dyn RecordStore, count: u64, one: impl Fn(&mut dyn RecordStore)) {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            one(journal);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("{what}: median {} µs, p99 {} µs", at(50), at(99));
}

fn main() {
    let limits = Limits::default();
    let records = limits.records_max;
    let before = resident_kib();
    let mut journal = Journal::recover(NoMedium, limits).unwrap();
    time("append without a disk", &mut journal, records / 2, scan);
    time("intent and append, no disk", &mut journal, records / 2, tap);
    let full = resident_kib();
    if let (Some(before), Some(full)) = (before, full) {
        let bytes = (full - before) * 1024 / records;
        println!("memory of {records} records of 620 bytes: {bytes} bytes each");
    }
    // A day in, a day out, again and again: what is held stays the same.
    for round in 0..50 {
        let next = journal.next_seq();
        let oldest = next - records;
        let day: Vec<u64> = (oldest..oldest + records / 4).collect();
        journal.acknowledge(&day).unwrap();
        journal.release(oldest + records / 4).unwrap();
        (0..records / 4).for_each(|_| tap(&mut journal));
        if let (0 | 24 | 49, Some(kib)) = (round, resident_kib()) {
            println!("memory after {} such days: {kib} KiB", round + 1);
        }
    }
    drop(journal);

    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tongtu-journal-bench");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("journal");
    let mut journal = FileJournal::open(&path, limits).unwrap();
    time("append and sync", &mut journal, 500, scan);
    time("intent, append and two syncs", &mut journal, 500, tap);
    drop(journal);
    let medium = Unsynced(FileMedium::open(&path).unwrap());
    let mut journal = Journal::recover(medium, limits).unwrap();
    (1000..records).for_each(|_| scan(&mut journal));
    drop(journal);
    let begun = Instant::now();
    let mut journal = FileJournal::open(&path, limits).unwrap();
    println!(
        "open with {records} records: {} ms",
        begun.elapsed().as_millis()
    );
    let all: Vec<u64> = (1..=records).collect();
    let begun = Instant::now();
    journal.acknowledge(&all).unwrap();
    journal.release(records).unwrap();
    println!(
        "acknowledge all and rewrite: {} ms",
        begun.elapsed().as_millis()
    );
    drop(journal);
    std::fs::remove_dir_all(&folder).unwrap();
}
