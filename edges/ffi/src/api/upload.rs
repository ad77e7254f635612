//! Records on their way to the acquirer.

use tongtu_terminal::UploadStep;
use tongtu_types::Timestamp;

use super::{count, known_time, time_of};
use crate::fault::guarded;
use crate::raw::{self, Buffer, Out, Sized32};
use crate::table;
use crate::types::{
    TT_NO_TIME, TT_UPLOAD_IDLE, TT_UPLOAD_SEND, TT_UPLOAD_SENT, TT_UPLOAD_WAITING, TtRecord,
    TtUpload,
};

// SAFETY: `repr(C)`, `struct_size` first; numbers only.
unsafe impl Sized32 for TtUpload {}
// SAFETY: the same.
unsafe impl Sized32 for TtRecord {}

/// Turns torn rides whose cards did not come back in time into grey records (灰记录), notes of rides
/// that nobody was told before a restart that it was so, reports a PSAM that is not taken here, and writes
/// how many records that made. Call it every few seconds while nobody taps. Errors: HANDLE, BUSY, NULL, STATE, STORE,
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

/// Says what to do about uploads now, and makes a batch where one is due: at most 64 records, oldest
/// first, one batch at a time, after a failure later and later. Use this or tt_pending with tt_ack.
/// Nothing of it outlasts a restart, and nothing need: what is not acknowledged is sent again. Errors:
/// HANDLE, BUSY, NULL, SIZE, VALUE (no time).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_upload_begin(terminal: u64, now: i64, upload: *mut TtUpload) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(upload, "upload") }?;
        table::with(terminal, |terminal| {
            let (kind, records, until) = match terminal.upload_begin(now) {
                UploadStep::Idle => (TT_UPLOAD_IDLE, 0, None),
                UploadStep::Sent => (TT_UPLOAD_SENT, 0, None),
                UploadStep::Waiting { until } => (TT_UPLOAD_WAITING, 0, Some(until)),
                UploadStep::Send { records } => (TT_UPLOAD_SEND, records.len(), None),
            };
            out.put(TtUpload {
                struct_size: count(size_of::<TtUpload>()),
                kind,
                count: count(records),
                failures: terminal.upload_failures(),
                until: until.map_or(TT_NO_TIME, Timestamp::get),
            });
            Ok(())
        })
    })
}

/// Writes the next record of the batch, and where it stands in the terminal's chain: send both, so
/// that the acquirer sees whether one is missing or was changed. TT_RECORD_MAX bytes hold any. Errors:
/// HANDLE, BUSY, NULL, SIZE, SHORT (it is still the next), NONE (no more).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_upload_next(
    terminal: u64,
    record: *mut TtRecord,
    buffer: *mut u8,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(record, "record") }?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer, room, len) }?;
        table::with(terminal, |terminal| {
            let next = terminal.upload_next()?;
            out.put(TtRecord {
                struct_size: count(size_of::<TtRecord>()),
                seq: next.seq,
                before: next.before,
                chain: next.chain,
            });
            buffer.put(&next.record)?;
            terminal.upload_fetched();
            Ok(())
        })
    })
}

/// The acquirer has the records with these numbers: stored, known before, or refused for good. An
/// answer may be late or come twice; one that names none of the batch that is out leaves it out.
/// Errors: HANDLE, BUSY, NULL, STORE (they will be sent again).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_upload_answered(
    terminal: u64,
    seqs: *const u64,
    how_many: usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let seqs = unsafe { raw::numbers(seqs, how_many, "seqs") }?;
        table::with(terminal, |terminal| terminal.upload_answered(&seqs))
    })
}

/// No answer came, or none that could be read. Writes when the next attempt is due, spread by
/// terminal. Errors: HANDLE, BUSY, NULL, VALUE (no time).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_upload_failed(terminal: u64, now: i64, until: *mut i64) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let until = unsafe { Out::plain(until, "until") }?;
        table::with(terminal, |terminal| {
            until.put(terminal.upload_failed(now).get());
            Ok(())
        })
    })
}
