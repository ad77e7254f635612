//! Where files of the card blacklist come from.

use core::ffi::c_void;

/// A file of the card blacklist, in memory or behind a hook.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TtSource {
    /// sizeof(tt_source_t).
    pub struct_size: u32,
    /// The file, where it is in memory or mapped into it; NULL where `read` is set.
    pub bytes: *const u8,
    /// Its bytes, in either case.
    pub len: u64,
    /// Handed to `read` as it is.
    pub user: *mut c_void,
    /// Fills `out` with the `len` bytes from `at` on, which are there; 0 if it did. Called from the
    /// thread that called `tt_blacklist_take`, in order, each byte once. NULL where `bytes` is set.
    pub read:
        Option<unsafe extern "C" fn(user: *mut c_void, at: u64, out: *mut u8, len: usize) -> i32>,
}
