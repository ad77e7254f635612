//! What the terminals of one vehicle or station tell each other.

use super::time_of;
use crate::fault::guarded;
use crate::raw::{self, Buffer};
use crate::table;

/// Writes the oldest notice for the other terminals of the vehicle or station, and forgets it.
/// TT_TEXT_MAX bytes hold any. Errors: HANDLE, BUSY, NULL, SHORT (it stays), NONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_notice_next(
    terminal: u64,
    buffer: *mut u8,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer, room, len) }?;
        table::with(terminal, |terminal| {
            buffer.put(terminal.notice()?)?;
            terminal.notice_gone();
            Ok(())
        })
    })
}

/// Takes a notice of another terminal of the group. Of cards nothing in it is believed: the card must
/// prove it. Of riders by account it is: let in only what your own terminals sent. Errors: HANDLE, BUSY, NULL, VALUE (no notice, no time), STATE, STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_notice_take(
    terminal: u64,
    now: i64,
    notice: *const u8,
    len: usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let notice = unsafe { raw::bytes(notice, len, "notice") }?;
        table::with(terminal, |terminal| {
            terminal.take_notice(notice, time_of(now))
        })
    })
}
