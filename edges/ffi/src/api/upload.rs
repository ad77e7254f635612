//! Records on their way to the acquirer.

use super::{count, time_of};
use crate::fault::guarded;
use crate::raw::{self, Buffer, Out};
use crate::table;

/// Turns torn rides whose cards did not come back in time into grey records (灰记录), and writes how
/// many. Call it every few seconds while nobody taps. Errors: HANDLE, BUSY, NULL, STATE, STORE,
/// SIGNER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_close_stale(terminal: u64, now: i64, closed: *mut u32) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::plain(closed, "closed") }?;
        table::with(terminal, |terminal| {
            out.put(count(terminal.close_stale(time_of(now))?));
            Ok(())
        })
    })
}

/// Writes the oldest record with a number above `after` that the acquirer does not have, and its
/// number; begin with 0. TT_RECORD_MAX bytes hold any. Errors: HANDLE, BUSY, NULL, SHORT (number
/// and length are written), NONE (no more).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_pending(
    terminal: u64,
    after: u64,
    seq: *mut u64,
    buffer: *mut u8,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let seq = unsafe { Out::plain(seq, "seq") }?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer, room, len) }?;
        table::with(terminal, |terminal| {
            let (number, record) = terminal.pending(after)?;
            seq.put(number);
            buffer.put(record)
        })
    })
}

/// The acquirer has these records; they go once nothing needs them any more. Numbers that are not
/// held are passed over. Errors: HANDLE, BUSY, NULL, STORE (they will be sent again).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_ack(terminal: u64, seqs: *const u64, how_many: usize) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let seqs = unsafe { raw::numbers(seqs, how_many, "seqs") }?;
        table::with(terminal, |terminal| terminal.acknowledge(&seqs))
    })
}
