//! A terminal put up, moved and taken away.

use core::ffi::c_char;

use zeroize::Zeroizing;

use crate::Terminal;
use crate::code::{TT_ERR_NULL, TT_ERR_SIZE, TT_ERR_VALUE};
use crate::fault::{Fault, guarded};
use crate::hooks::{HookMedium, Signer};
use crate::raw::{self, Out, Sized32};
use crate::setup::{Given, GivenModules, GivenPost, GivenRules, direction, station, usual};
use crate::table;
use crate::terminal::Fitted;
use crate::types::{
    TT_ABI, TT_PSAM_SLOT, TT_PSAM_TEST, TT_PSAM_TEST_FLAT, TtMedium, TtModules, TtRules, TtSetup,
};

// SAFETY: `repr(C)`, `struct_size` first; numbers, pointers, and function pointers that may be NULL.
unsafe impl Sized32 for TtSetup {}
// SAFETY: the same.
unsafe impl Sized32 for TtMedium {}
// SAFETY: the same.
unsafe impl Sized32 for TtRules {}
// SAFETY: the same.
unsafe impl Sized32 for TtModules {}

/// Puts a terminal up: opens its store, reads what it holds, and makes its soft PSAM if it has one.
/// Lists come after, by `tt_apply_lists`, and a PSAM in a slot by `tt_psam_begin`. The handle is
/// written to `terminal`; it is a number, never 0, and given away once.
///
/// Errors: NULL, SIZE, VALUE (which setting, in tt_last_error), STORE (also when another process
/// has the journal), RECOVER, PSAM, SIGNER, PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_open(setup: *const TtSetup, terminal: *mut u64) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::plain(terminal, "terminal") }?;
        // SAFETY: as the header demands.
        let setup = unsafe { raw::take(setup, "setup") }?;
        if setup.abi != TT_ABI {
            let detail = format!("setup.abi is {}, expected {TT_ABI}", setup.abi);
            return Err(Fault::new(TT_ERR_SIZE, detail));
        }
        let fitted = match setup.psam {
            TT_PSAM_SLOT => Fitted::Slot,
            TT_PSAM_TEST => Fitted::Test(setup.psam_first_sequence),
            TT_PSAM_TEST_FLAT => Fitted::TestFlat(setup.psam_first_sequence),
            psam => {
                let detail = format!("psam: {psam}, expected 0 to 2");
                return Err(Fault::new(TT_ERR_VALUE, detail));
            }
        };
        // SAFETY: as the header demands of every pointer in a setup.
        let given = unsafe { given(&setup) }?;
        out.put(table::insert(Terminal::open(given.read()?, fitted)?)?);
        Ok(())
    })
}

/// Writes the usual rules. Errors: NULL, SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_rules_usual(rules: *mut TtRules) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(rules, "rules") }?;
        out.put(usual());
        Ok(())
    })
}

/// The setup with its texts, keys and hooks.
///
/// # Safety
/// Every pointer in it is NULL or good, and hooks may be called until the terminal is closed.
unsafe fn given(setup: &TtSetup) -> Result<Given<'_>, Fault> {
    // SAFETY: a NUL-terminated string, or NULL.
    let acquirer = unsafe { raw::text(setup.acquirer, "acquirer") }?;
    // SAFETY: the same.
    let terminal = unsafe { raw::text(setup.terminal, "terminal") }?;
    // SAFETY: the same.
    let model = unsafe { raw::text(setup.model, "model") }?;
    // SAFETY: the same.
    let terminal_id = unsafe { raw::text(setup.terminal_id, "terminal_id") }?;
    // SAFETY: the same.
    let software = unsafe { raw::text(setup.software, "software") }?;
    // SAFETY: the same.
    let line = unsafe { raw::text(setup.post.line, "post.line") }?;
    // SAFETY: the same.
    let station = unsafe { raw::text(setup.post.station, "post.station") }?;
    // SAFETY: the same.
    let vehicle = unsafe { raw::text(setup.post.vehicle, "post.vehicle") }?;
    // SAFETY: the same.
    let journal = unsafe { raw::text(setup.journal, "journal") }?;
    // SAFETY: the hook may be called until the terminal is closed.
    let hook = unsafe { Signer::hook(&setup.signer) };
    let test_key = if setup.test_key.is_null() {
        None
    } else {
        // SAFETY: not NULL, so 32 bytes can be read there.
        let bytes = unsafe { raw::bytes(setup.test_key, 32, "test_key") }?;
        bytes.first_chunk().map(|key| Zeroizing::new(*key))
    };
    let medium = if setup.medium.is_null() {
        None
    } else {
        // SAFETY: not NULL, so there is a struct.
        let hooks = unsafe { raw::take(setup.medium, "medium") }?;
        // SAFETY: the hooks may be called until the terminal is closed.
        let hooks = unsafe { HookMedium::of(&hooks) };
        Some(hooks.ok_or_else(|| Fault::new(TT_ERR_NULL, "a hook of medium"))?)
    };
    let rules = if setup.rules.is_null() {
        None
    } else {
        // SAFETY: not NULL, so there is a struct.
        let plain = unsafe { raw::take(setup.rules, "rules") }?;
        let len = plain.through_count.saturating_mul(2);
        // SAFETY: so many bytes can be read there until the call returns.
        let through = unsafe { raw::bytes(plain.through, len, "rules.through") }?;
        Some(GivenRules { plain, through })
    };
    let modules = if setup.modules.is_null() {
        None
    } else {
        // SAFETY: not NULL, so there is a struct.
        let plain = unsafe { raw::take(setup.modules, "modules") }?;
        let list = |at, count: usize, width: usize, what| {
            // SAFETY: so many bytes can be read there until the call returns.
            unsafe { raw::bytes(at, count.saturating_mul(width), what) }
        };
        let of = (plain.receivers, plain.receivers_count);
        let receivers = list(of.0, of.1, 8, "modules.receivers")?;
        let of = (plain.issuers, plain.issuers_count);
        let issuers = list(of.0, of.1, 8, "modules.issuers")?;
        let of = (plain.key_indexes, plain.key_indexes_count);
        let key_indexes = list(of.0, of.1, 1, "modules.key_indexes")?;
        let of = (plain.admitted, plain.admitted_count);
        let admitted = list(of.0, of.1, 10, "modules.admitted")?;
        Some(GivenModules {
            own_number: plain.own_number,
            receivers,
            issuers,
            key_indexes,
            admitted,
        })
    };
    Ok(Given {
        plain: setup,
        acquirer,
        terminal,
        model,
        terminal_id,
        software,
        post: GivenPost {
            plain: &setup.post,
            line,
            station,
            vehicle,
        },
        hook,
        test_key,
        journal,
        medium,
        rules,
        modules,
    })
}

/// Takes a terminal away and closes its store. A dialogue under way ends as by a power cut: what is
/// durable is, and the ride is recovered when the card comes back. Errors: HANDLE, BUSY.
#[unsafe(no_mangle)]
pub extern "C" fn tt_close(terminal: u64) -> i32 {
    guarded(|| table::remove(terminal))
}

/// A bus of segmented fares came to a stop: its station in the fare book, its number and the
/// direction on cards (0xAB up, 0xBA down). Errors: HANDLE, BUSY, NULL, VALUE, STATE (a dialogue is
/// under way, or another post).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_next_stop(
    terminal: u64,
    stop: *const c_char,
    card_stop: u8,
    direction_code: u8,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let stop = station("stop", unsafe { raw::text(stop, "stop") }?)?;
        let way = direction(direction_code)?;
        table::with(terminal, |terminal| {
            terminal.next_stop(stop, card_stop, way)
        })
    })
}
