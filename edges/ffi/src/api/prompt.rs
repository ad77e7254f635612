//! What riders hear and see, and that they did.

use core::ffi::c_char;

use super::lang_of;
use crate::fault::guarded;
use crate::raw::Buffer;
use crate::table;

/// Writes what is spoken after the last tap or scan, in TT_LANG_ZH or TT_LANG_EN. Errors: HANDLE,
/// BUSY, NULL, SHORT, VALUE, NONE (nothing ended, or the terminal stays silent).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_prompt_voice(
    terminal: u64,
    lang: u32,
    buffer: *mut c_char,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        let lang = lang_of(lang)?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer.cast(), room, len) }?;
        table::with(terminal, |terminal| buffer.put_text(terminal.voice(lang)?))
    })
}

/// Writes what is shown after the last tap or scan: lines with a line feed between them. Errors: as
/// tt_prompt_voice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_prompt_display(
    terminal: u64,
    lang: u32,
    buffer: *mut c_char,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        let lang = lang_of(lang)?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer.cast(), room, len) }?;
        table::with(terminal, |terminal| {
            buffer.put_text(&terminal.display(lang)?)
        })
    })
}

/// Writes why the last tap or scan ended as it did: English, for logs, its wording may change.
/// Errors: HANDLE, BUSY, NULL, SHORT, NONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_reason(
    terminal: u64,
    buffer: *mut c_char,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer.cast(), room, len) }?;
        table::with(terminal, |terminal| buffer.put_text(&terminal.reason()?))
    })
}

/// The rider was told of the ride with this record: call it after the beep. Until then a restart
/// lets the rider through once more without paying, here or beside, and the record waits two
/// minutes with its upload. Errors: HANDLE, BUSY, STORE.
#[unsafe(no_mangle)]
pub extern "C" fn tt_told(terminal: u64, seq: u64) -> i32 {
    guarded(|| table::with(terminal, |terminal| terminal.told(seq)))
}
