//! The acquirer's lists.

use super::known_time;
use crate::fault::guarded;
use crate::raw;
use crate::table;

/// Takes a list bundle, whole or not at all; the next tap sees it. After a start hand in the bundle
/// taken last once more. Errors: HANDLE, BUSY, NULL, VALUE (no time), LISTS (the lists held stay).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_apply_lists(
    terminal: u64,
    now: i64,
    bundle: *const u8,
    len: usize,
) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let bundle = unsafe { raw::bytes(bundle, len, "bundle") }?;
        table::with(terminal, |terminal| terminal.apply_lists(bundle, now))
    })
}

/// The acquirer said that there are no newer lists. Errors: HANDLE, BUSY, VALUE (no time).
#[unsafe(no_mangle)]
pub extern "C" fn tt_confirm_lists(terminal: u64, now: i64) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        table::with(terminal, |terminal| {
            terminal.confirm_lists(now);
            Ok(())
        })
    })
}
