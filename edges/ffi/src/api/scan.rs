//! Scans of ride codes.

use tongtu_terminal::ScanOutcome;

use super::{count, fen_of, light_of, time_of};
use crate::fault::guarded;
use crate::raw::{self, Out, Sized32};
use crate::table;
use crate::types::{TT_ACCEPTED, TT_RECOVERED, TT_REFUSED, TtScanEnd};

// SAFETY: `repr(C)`, `struct_size` first; numbers only.
unsafe impl Sized32 for TtScanEnd {}

fn scan_end_of(outcome: &ScanOutcome) -> TtScanEnd {
    let digits = outcome.verdict().code().trim_start_matches('R');
    let prompt = outcome.prompt();
    TtScanEnd {
        struct_size: count(size_of::<TtScanEnd>()),
        outcome: match outcome {
            ScanOutcome::Accepted(_) => TT_ACCEPTED,
            ScanOutcome::Resumed(_) => TT_RECOVERED,
            ScanOutcome::Refused(_) => TT_REFUSED,
        },
        verdict: digits.parse().expect("R and two digits"),
        light: prompt.map_or(0, |prompt| light_of(prompt.light())),
        seq: outcome.ride().map_or(0, |ride| ride.seq),
        fare_fen: fen_of(prompt.and_then(|prompt| prompt.fare)),
    }
}

/// Judges a ride code: the decoder's bytes, never its text. An accepted ride is stored before the
/// function returns; tell the rider and call `tt_told`. A refusal is no error. At a gate that lets
/// out, a rider of whom no gate told that they went in is let out and the fare follows. Errors: HANDLE,
/// BUSY, NULL, SIZE, STATE (a dialogue is under way, or a counter), SIGNER, PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_scan(
    terminal: u64,
    now: i64,
    code: *const u8,
    len: usize,
    end: *mut TtScanEnd,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(end, "end") }?;
        // SAFETY: as the header demands.
        let code = unsafe { raw::bytes(code, len, "code") }?;
        table::with(terminal, |terminal| {
            terminal.scan(code, time_of(now))?;
            out.put(scan_end_of(terminal.scan_end()?));
            Ok(())
        })
    })
}
