//! How what C hands in becomes values, and values become what C gets.
//!
//! Each function names what it relies on; [`crate::api`] makes the same demands of its callers.
#![expect(
    unsafe_code,
    reason = "pointers of C are read and written here and nowhere else"
)]

use core::ffi::{CStr, c_char};

use crate::code::{TT_ERR_NULL, TT_ERR_SHORT, TT_ERR_SIZE, TT_ERR_VALUE};
use crate::fault::Fault;

/// A struct that begins with its size.
///
/// # Safety
/// The implementing type is `repr(C)`, its first field is the `u32` size, and every pattern of bytes
/// that a caller can write is a value of it.
pub(crate) unsafe trait Sized32: Copy {}

fn is_null(what: &str) -> Fault {
    Fault::new(TT_ERR_NULL, what)
}

/// The struct at `at`, which need not be aligned, if it has the size that it should have.
///
/// # Safety
/// `at` is NULL, or points to a `u32` that is the number of readable bytes from `at` on.
pub(crate) unsafe fn take<T: Sized32>(at: *const T, what: &str) -> Result<T, Fault> {
    // SAFETY: as the caller promises.
    unsafe { check_size(at, what) }?;
    // SAFETY: not NULL, and the caller promises as many bytes as were just compared.
    Ok(unsafe { at.read_unaligned() })
}

/// That the struct at `at` is there and of this library's size.
///
/// # Safety
/// As [`take`].
unsafe fn check_size<T: Sized32>(at: *const T, what: &str) -> Result<(), Fault> {
    if at.is_null() {
        return Err(is_null(what));
    }
    // SAFETY: not NULL; the caller promises a u32 there.
    let found = unsafe { at.cast::<u32>().read_unaligned() };
    let expected = size_of::<T>();
    if usize::try_from(found) != Ok(expected) {
        let detail = format!("{what}: struct_size is {found}, expected {expected}");
        return Err(Fault::new(TT_ERR_SIZE, detail));
    }
    Ok(())
}

/// Where a struct is written to, once it is known to be there.
pub(crate) struct Out<T>(*mut T);

impl<T: Sized32> Out<T> {
    /// Checks the place.
    ///
    /// # Safety
    /// `at` is NULL, or points to a `u32` that is the number of bytes from `at` on that can be
    /// written until the call of C returns.
    pub(crate) unsafe fn sized(at: *mut T, what: &str) -> Result<Self, Fault> {
        // SAFETY: as the caller promises.
        unsafe { check_size(at.cast_const(), what) }?;
        Ok(Self(at))
    }
}

impl<T: Copy> Out<T> {
    /// Checks the place of a plain value.
    ///
    /// # Safety
    /// `at` is NULL, or a `T` can be written there until the call of C returns.
    pub(crate) unsafe fn plain(at: *mut T, what: &str) -> Result<Self, Fault> {
        if at.is_null() {
            return Err(is_null(what));
        }
        Ok(Self(at))
    }

    pub(crate) fn put(&self, value: T) {
        // SAFETY: not NULL, and whoever made this promised that it can be written.
        unsafe { self.0.write_unaligned(value) }
    }
}

/// Bytes of the caller's. `len` 0 needs no pointer.
///
/// # Safety
/// `at` is NULL, or `len` bytes can be read there as long as `'a` lasts and nobody writes them.
pub(crate) unsafe fn bytes<'a>(at: *const u8, len: usize, what: &str) -> Result<&'a [u8], Fault> {
    if len == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(is_null(what));
    }
    if isize::try_from(len).is_err() {
        return Err(Fault::new(TT_ERR_VALUE, format!("{what}: {len} bytes")));
    }
    // SAFETY: not NULL, not longer than any object, and the caller promises the rest.
    Ok(unsafe { core::slice::from_raw_parts(at, len) })
}

/// Numbers of the caller's, which need not be aligned.
///
/// # Safety
/// `at` is NULL, or `len` numbers can be read there.
pub(crate) unsafe fn numbers(at: *const u64, len: usize, what: &str) -> Result<Vec<u64>, Fault> {
    let size = len.saturating_mul(size_of::<u64>());
    // SAFETY: as many bytes as the caller promises numbers; more than fit are refused there.
    let bytes = unsafe { bytes(at.cast(), size, what) }?;
    let (whole, _) = bytes.as_chunks();
    Ok(whole
        .iter()
        .map(|number| u64::from_ne_bytes(*number))
        .collect())
}

/// A text of the caller's, or none for NULL.
///
/// # Safety
/// `at` is NULL, or a NUL-terminated string that stays as it is as long as `'a` lasts.
pub(crate) unsafe fn text<'a>(at: *const c_char, what: &str) -> Result<Option<&'a str>, Fault> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL; the caller promises the NUL.
    let text = unsafe { CStr::from_ptr(at) };
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Fault::new(TT_ERR_VALUE, format!("{what}: not UTF-8"))),
    }
}

/// A buffer of the caller's, and where its length goes.
pub(crate) struct Buffer {
    at: *mut u8,
    room: usize,
    len: Out<usize>,
}

impl Buffer {
    /// Checks the places. A buffer of 0 bytes may be NULL: it asks for the length.
    ///
    /// # Safety
    /// `at` is NULL or `room` bytes can be written there until the call of C returns; `len` is
    /// NULL or a `usize` can.
    pub(crate) unsafe fn new(at: *mut u8, room: usize, len: *mut usize) -> Result<Self, Fault> {
        // SAFETY: as the caller promises.
        let len = unsafe { Out::plain(len, "len") }?;
        if at.is_null() && room > 0 {
            return Err(is_null("buffer"));
        }
        Ok(Self { at, room, len })
    }

    /// Writes bytes if they fit; their number in any case.
    pub(crate) fn put(&self, bytes: &[u8]) -> Result<(), Fault> {
        self.put_with(bytes, 0)
    }

    /// Writes a text with a NUL behind it if both fit; the text's length in any case.
    pub(crate) fn put_text(&self, text: &str) -> Result<(), Fault> {
        self.put_with(text.as_bytes(), 1)
    }

    fn put_with(&self, bytes: &[u8], nul: usize) -> Result<(), Fault> {
        self.len.put(bytes.len());
        let wanted = bytes.len() + nul;
        if wanted > self.room {
            let detail = format!("{} bytes, expected at least {wanted}", self.room);
            return Err(Fault::new(TT_ERR_SHORT, detail));
        }
        if self.at.is_null() {
            return Ok(());
        }
        // SAFETY: `room` bytes can be written, which is as many; they are the caller's own memory,
        // so they do not overlap with ours.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), self.at, bytes.len()) };
        if nul == 1 {
            // SAFETY: one more byte than were copied fits into `room`.
            let end = unsafe { self.at.add(bytes.len()) };
            // SAFETY: the same.
            unsafe { end.write(0) };
        }
        Ok(())
    }
}
