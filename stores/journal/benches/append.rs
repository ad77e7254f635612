//! What storing a record costs on this machine's disk, and opening a full journal:
//! `cargo bench -p tongtu-journal`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that prints its result"
)]

use std::path::PathBuf;
use std::time::Instant;

use tongtu_journal::{FileJournal, Limits};
use tongtu_terminal::RecordStore as _;

fn main() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tongtu-journal-bench");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("journal");
    let record = [0x5A; 620];
    let records = Limits::default().records_max;
    let mut journal = FileJournal::open(&path, Limits::default()).unwrap();
    let mut times: Vec<_> = (0..records)
        .map(|_| {
            let begun = Instant::now();
            let seq = journal.append(&record).unwrap();
            journal.mark_told(seq, None).unwrap();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_micros();
    println!("append and sync: median {} µs, p99 {} µs", at(50), at(99));
    drop(journal);
    let begun = Instant::now();
    let mut journal = FileJournal::open(&path, Limits::default()).unwrap();
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
