//! The library itself: its numbers, its words.

use core::ffi::c_char;

use tongtu_fare::Lang;

use super::lang_of;
use crate::code::{TT_ERR_VALUE, text};
use crate::fault::{Fault, guarded, last};
use crate::raw::Buffer;
use crate::types::TT_ABI;

/// The number of this library's ABI. A program compares it with the TT_ABI of its header.
#[unsafe(no_mangle)]
pub extern "C" fn tt_abi() -> u32 {
    TT_ABI
}

/// Writes the version of the library, such as `0.1.0`. Errors: NULL, SHORT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_version(buffer: *mut c_char, room: usize, len: *mut usize) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer.cast(), room, len) }?;
        buffer.put_text(env!("CARGO_PKG_VERSION"))
    })
}

/// Writes what a code means, in Chinese or English. Errors: NULL, SHORT, VALUE (no such code or
/// language).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_error_text(
    code: i32,
    lang: u32,
    buffer: *mut c_char,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        let lang = lang_of(lang)?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer.cast(), room, len) }?;
        let words = text(code).ok_or_else(|| Fault::new(TT_ERR_VALUE, format!("code: {code}")))?;
        buffer.put_text(match lang {
            Lang::En => words.0,
            Lang::Zh => words.1,
        })
    })
}

/// Writes what the last fault of this thread was: the code's meaning in the language wanted, then
/// details in English. A fault of this function itself is not remembered. Errors: NULL, SHORT,
/// VALUE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_last_error(
    lang: u32,
    buffer: *mut c_char,
    room: usize,
    len: *mut usize,
) -> i32 {
    let write = || {
        let lang = lang_of(lang)?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer.cast(), room, len) }?;
        buffer.put_text(&last(lang == Lang::En))
    };
    crate::fault::unremembered(write)
}
