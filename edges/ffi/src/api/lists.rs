//! The acquirer's lists.

use core::ffi::c_char;
use std::path::Path;

use tongtu_blacklist::Blacklist;
use tongtu_journal::Twin;

use super::{count, known_time};
use crate::code::{TT_ERR_NULL, TT_ERR_STORE, TT_ERR_VALUE};
use crate::fault::{Fault, guarded};
use crate::hooks::{Device, HookMedium, HookSource, Source};
use crate::raw::{self, Buffer, Out, Sized32};
use crate::table;
use crate::terminal::{Kept, fetch, restore};
use crate::types::{TtMedium, TtSource};

// SAFETY: `repr(C)`, `struct_size` first; numbers, pointers, and a function pointer that may be NULL.
unsafe impl Sized32 for TtSource {}

/// Gives list bundles a place in two files, `path`.a and `path`.b, and takes what lies there, if
/// anything does: then after a start you hand in nothing. Errors: HANDLE, BUSY, NULL, VALUE (no
/// time), STORE, LISTS (what lies there is refused, and none is kept).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_lists_open(terminal: u64, now: i64, path: *const c_char) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let path = unsafe { raw::text(path, "path") }?;
        let path = path.ok_or_else(|| Fault::new(TT_ERR_NULL, "path"))?;
        table::with(terminal, |terminal| terminal.open_lists(path, now))
    })
}

/// Takes a list bundle, whole or not at all; the next tap sees it. Without tt_lists_open, hand in the
/// bundle taken last once more after a start. Errors: HANDLE, BUSY, NULL, VALUE (no time), LISTS (the
/// lists held stay), STORE (it counts, but is not in its files: a restart will not have it).
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

/// Writes the signed report of which lists this terminal has, and since when (名单覆盖报告), for the
/// acquirer. Errors: HANDLE, BUSY, NULL, SHORT, VALUE (no time), SIGNER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_coverage(
    terminal: u64,
    now: i64,
    buffer: *mut u8,
    room: usize,
    len: *mut usize,
) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let buffer = unsafe { Buffer::new(buffer, room, len) }?;
        table::with(terminal, |terminal| buffer.put(&terminal.coverage(now)?))
    })
}

/// Gives the card blacklist (黑名单) a place, and takes what lies there: either three files, `path`.a,
/// `path`.b and `path`.deltas, with `media` NULL; or three devices, the third for deltas, with `path`
/// NULL. The full file is kept twice, so that one is always whole. Writes the version that is held
/// now, and to `refused` whether something there was not good, or is missing: fetch it anew. Takes as
/// long as reading the files does. Errors: HANDLE, BUSY, NULL, SIZE, VALUE (no time, or both), STATE
/// (it has its place), STORE (also when another process has the files).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_blacklist_open(
    terminal: u64,
    now: i64,
    path: *const c_char,
    media: *const TtMedium,
    version: *mut u64,
    refused: *mut u32,
) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let version = unsafe { Out::plain(version, "version") }?;
        // SAFETY: as the header demands.
        let refused = unsafe { Out::plain(refused, "refused") }?;
        // SAFETY: as the header demands.
        let path = unsafe { raw::text(path, "path") }?;
        let devices = match (path, media.is_null()) {
            (Some(path), true) => open_files(path)?,
            // SAFETY: not NULL, so there are three.
            (None, false) => unsafe { three(media) }?,
            (None, true) => return Err(Fault::new(TT_ERR_NULL, "path and media")),
            (Some(_), false) => {
                let detail = "media: expected NULL where path is set";
                return Err(Fault::new(TT_ERR_VALUE, detail));
            }
        };
        table::aside(
            terminal,
            |terminal| terminal.list_keys(),
            |(list_key, acquirer)| {
                let kept = shelf(devices)?;
                let (list, why) = restore(&kept, &list_key, acquirer)?;
                Ok::<_, Fault>((kept, list, why))
            },
            |terminal, made| {
                let (kept, list, why) = made?;
                version.put(terminal.shelve_blacklist(Box::new(kept), list, now)?);
                refused.put(u32::from(why.is_some()));
                Ok(())
            },
        )
    })
}

fn at_rest(error: std::io::Error) -> Fault {
    Fault::new(TT_ERR_STORE, format!("card blacklist: {error}"))
}

fn open_files(path: &str) -> Result<[Device; 3], Fault> {
    let open = |suffix: &str| {
        let file = tongtu_journal::FileMedium::open(Path::new(&format!("{path}{suffix}")));
        file.map(Device::File).map_err(at_rest)
    };
    Ok([open(".a")?, open(".b")?, open(".deltas")?])
}

/// Three devices of the maker's.
///
/// # Safety
/// `media` points to three structs as the header demands; their hooks may be called until the
/// terminal is closed.
unsafe fn three(media: *const TtMedium) -> Result<[Device; 3], Fault> {
    let device = |at: usize| {
        // SAFETY: below three, so it is there.
        let plain = unsafe { raw::take(media.wrapping_add(at), "media") }?;
        // SAFETY: the hooks may be called.
        let hooks = unsafe { HookMedium::of(&plain) };
        let hooks = hooks.ok_or_else(|| Fault::new(TT_ERR_NULL, "a hook of media"))?;
        Ok::<_, Fault>(Device::Hooks(hooks))
    };
    Ok([device(0)?, device(1)?, device(2)?])
}

fn shelf([a, b, deltas]: [Device; 3]) -> Result<Kept, Fault> {
    let full = Twin::open([a, b]).map_err(at_rest)?;
    Kept::open(full, deltas).map_err(at_rest)
}

/// Takes a file of the card blacklist, full or delta, and writes the version that is held then. The
/// file is read once, from front to end, while the terminal goes on serving taps: call it from a
/// thread of its own. It counts, in memory and in its place, only when all of it is good. Errors:
/// HANDLE, BUSY, NULL (bytes and read), SIZE, VALUE (no time, both, or longer than memory), STATE
/// (another file is being taken), LISTS (the list held stays; tt_last_error says whether a delta is
/// missing), STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_blacklist_take(
    terminal: u64,
    now: i64,
    source: *const TtSource,
    version: *mut u64,
) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let version = unsafe { Out::plain(version, "version") }?;
        // SAFETY: as the header demands.
        let plain = unsafe { raw::take(source, "source") }?;
        let source = match (plain.read, plain.bytes.is_null()) {
            (Some(read), true) => {
                // SAFETY: it may be called until this function returns.
                Source::Hook(unsafe { HookSource::new(plain.user, read, plain.len) })
            }
            (None, false) => {
                let len = usize::try_from(plain.len).unwrap_or(usize::MAX);
                // SAFETY: as the header demands.
                Source::Bytes(unsafe { raw::bytes(plain.bytes, len, "source.bytes") }?)
            }
            (None, true) => return Err(Fault::new(TT_ERR_NULL, "source.bytes and source.read")),
            (Some(_), false) => {
                let detail = "source.bytes: expected NULL where source.read is set";
                return Err(Fault::new(TT_ERR_VALUE, detail));
            }
        };
        table::aside(
            terminal,
            |terminal| terminal.blacklist_begin(),
            |taking| {
                let mut kept = taking.kept;
                let list: Result<Blacklist, Fault> =
                    fetch(&source, taking.loader, kept.as_deref_mut());
                (kept, list)
            },
            |terminal, (kept, list)| {
                version.put(terminal.blacklist_end(kept, list, now)?);
                Ok(())
            },
        )
    })
}

/// Works changes that wait into the card blacklist, `chunks` pieces at most, and writes how many
/// still wait; for the time between taps, after deltas. The list says the same before and after.
/// Errors: HANDLE, BUSY, NULL, STATE (a dialogue is under way).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_blacklist_compact(
    terminal: u64,
    chunks: u32,
    waiting: *mut u32,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let waiting = unsafe { Out::plain(waiting, "waiting") }?;
        let chunks = usize::try_from(chunks).unwrap_or(usize::MAX);
        table::with(terminal, |terminal| {
            waiting.put(count(terminal.compact_blacklist(chunks)?));
            Ok(())
        })
    })
}
