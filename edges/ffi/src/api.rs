//! The functions that C calls. Each checks what it is given and hands it to [`Terminal`].
//!
//! Rules for all of them, unless a function says otherwise:
//!
//! * What is returned is TT_OK or one of the TT_ERR codes; `tt_last_error` has words for the last
//!   fault of the calling thread. After a fault nothing has changed that is not said.
//! * A terminal serves one call at a time, from any thread. A second one at the same time, and one
//!   from inside a hook, gets TT_ERR_BUSY at once. Different terminals do not disturb each other.
//! * Buffers are the caller's; `len` gets the length that there is, also when it does not fit
//!   (TT_ERR_SHORT). Texts are UTF-8 with a NUL behind, which `len` does not count; a buffer of 0
//!   bytes may be NULL.
//! * Times are Unix seconds, amounts are fen.
#![expect(unsafe_code, reason = "functions that C calls take pointers of C")]
#![expect(
    clippy::missing_safety_doc,
    reason = "all have the same demands, said once in the header: pointers are NULL or good for \
              their length until the function returns, strings end with a NUL"
)]

use core::ffi::c_char;

use tongtu_fare::Lang;
use tongtu_sam::Lost;
use tongtu_terminal::tap::{Say, TapOutcome};
use tongtu_terminal::{Fill, Light, ScanOutcome};
use tongtu_types::{Fen, Timestamp};
use zeroize::Zeroizing;

use crate::Terminal;
use crate::code::{TT_ERR_NULL, TT_ERR_SIZE, TT_ERR_VALUE, text};
use crate::fault::{Fault, guarded, last};
use crate::hooks::{HookMedium, Signer};
use crate::module::Want;
use crate::raw::{self, Buffer, Out, Sized32};
use crate::setup::{Given, GivenPost, direction, station};
use crate::table;
use crate::terminal::{Fitted, Outward};
use crate::types::{
    TT_ABI, TT_ACCEPTED, TT_ASK_CARD, TT_ASK_DONE, TT_ASK_PSAM, TT_ASK_PSAM_RESET, TT_DATA_MAX,
    TT_HEARD, TT_LANG_EN, TT_LANG_ZH, TT_LIGHT_AMBER, TT_LIGHT_GREEN, TT_LIGHT_RED, TT_LOST,
    TT_NO_AMOUNT, TT_NO_TIME, TT_OUT_OF_SERVICE, TT_PSAM_SLOT, TT_PSAM_TEST, TT_PSAM_TEST_FLAT,
    TT_RECOVERED, TT_REFUSED, TT_REOPENED, TT_TIMEOUT, TT_TORN, TtAsk, TtMedium, TtScanEnd,
    TtSetup, TtStatus, TtTapEnd,
};

// SAFETY: `repr(C)`, `struct_size` first; numbers, pointers, and function pointers that may be NULL.
unsafe impl Sized32 for TtSetup {}
// SAFETY: the same.
unsafe impl Sized32 for TtMedium {}
// SAFETY: the same; numbers only.
unsafe impl Sized32 for TtAsk {}
// SAFETY: the same; numbers only.
unsafe impl Sized32 for TtTapEnd {}
// SAFETY: the same; numbers only.
unsafe impl Sized32 for TtScanEnd {}
// SAFETY: the same; numbers only.
unsafe impl Sized32 for TtStatus {}

fn lang_of(lang: u32) -> Result<Lang, Fault> {
    match lang {
        TT_LANG_ZH => Ok(Lang::Zh),
        TT_LANG_EN => Ok(Lang::En),
        _ => Err(Fault::new(
            TT_ERR_VALUE,
            format!("lang: {lang}, expected 0 or 1"),
        )),
    }
}

fn time_of(now: i64) -> Option<Timestamp> {
    (now != TT_NO_TIME).then(|| Timestamp::new(now))
}

fn known_time(now: i64) -> Result<Timestamp, Fault> {
    time_of(now).ok_or_else(|| Fault::new(TT_ERR_VALUE, "now: TT_NO_TIME, expected a time"))
}

fn fen_of(amount: Option<Fen>) -> i64 {
    amount.map_or(TT_NO_AMOUNT, Fen::get)
}

const fn light_of(light: Light) -> u32 {
    match light {
        Light::Green => TT_LIGHT_GREEN,
        Light::Amber => TT_LIGHT_AMBER,
        Light::Red => TT_LIGHT_RED,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

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
    })
}

/// Takes a terminal away and closes its store. A dialogue under way ends as by a power cut: what is
/// durable is, and the ride is recovered when the card comes back. Errors: HANDLE, BUSY.
#[unsafe(no_mangle)]
pub extern "C" fn tt_close(terminal: u64) -> i32 {
    guarded(|| table::remove(terminal))
}

/// What was heard, as the three functions that go on take it.
///
/// # Safety
/// As [`raw::bytes`].
unsafe fn heard(state: u32, data: *const u8, len: usize) -> Result<Result<Vec<u8>, Lost>, Fault> {
    match state {
        TT_HEARD => {
            // SAFETY: as the caller promises.
            let bytes = unsafe { raw::bytes(data, len, "data") }?;
            Ok(Ok(bytes.to_vec()))
        }
        TT_LOST => Ok(Err(Lost::Gone)),
        // How long was waited is the maker's to say; it is for logs only.
        TT_TIMEOUT => Ok(Err(Lost::Timeout { waited_ms: 0 })),
        _ => Err(Fault::new(
            TT_ERR_VALUE,
            format!("heard: {state}, expected 0 to 2"),
        )),
    }
}

fn put_ask(out: &Out<TtAsk>, outward: Outward) -> Result<(), Fault> {
    let (kind, bytes) = match outward {
        Outward::Card(apdu) => (TT_ASK_CARD, apdu),
        Outward::Psam(Want::Command(apdu)) => (TT_ASK_PSAM, apdu),
        Outward::Psam(Want::Reset) => (TT_ASK_PSAM_RESET, Vec::new()),
        Outward::Done => (TT_ASK_DONE, Vec::new()),
    };
    let mut data = [0; TT_DATA_MAX];
    let place = data.get_mut(..bytes.len());
    place
        .expect("no command APDU is longer")
        .copy_from_slice(&bytes);
    out.put(TtAsk {
        struct_size: count(size_of::<TtAsk>()),
        kind,
        len: count(bytes.len()),
        data,
    });
    Ok(())
}

/// Begins to read who the PSAM in the slot is. Writes what is asked first; go on with
/// `tt_psam_next` until TT_ASK_DONE. Also after the PSAM was changed. Errors: HANDLE, BUSY, NULL,
/// SIZE, STATE (a dialogue is under way, or the PSAM is a soft one).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_psam_begin(terminal: u64, ask: *mut TtAsk) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let ask = unsafe { Out::sized(ask, "ask") }?;
        table::with(terminal, |terminal| put_ask(&ask, terminal.psam_begin()?))
    })
}

/// Goes on with what the PSAM answered: `heard` is TT_HEARD with `len` bytes of `data`, status word
/// last, or TT_LOST or TT_TIMEOUT. Errors: as tt_psam_begin; PSAM: it is none, or gone; begin
/// again. RECOVER: the store holds taps that are none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_psam_next(
    terminal: u64,
    heard: u32,
    data: *const u8,
    len: usize,
    ask: *mut TtAsk,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let ask = unsafe { Out::sized(ask, "ask") }?;
        // SAFETY: as the header demands.
        let heard = unsafe { self::heard(heard, data, len) }?;
        table::with(terminal, |terminal| {
            put_ask(&ask, terminal.psam_next(heard)?)
        })
    })
}

/// A card is in the field. `now` is the time, or TT_NO_TIME when the clock was never set. Writes
/// what is asked first; go on with `tt_tap_next` until TT_ASK_DONE, then fetch `tt_tap_end`, tell
/// the rider, and call `tt_told`. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a dialogue is under way,
/// or the PSAM was not opened), LISTS (there are none yet).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_tap_begin(terminal: u64, now: i64, ask: *mut TtAsk) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let ask = unsafe { Out::sized(ask, "ask") }?;
        table::with(terminal, |terminal| {
            put_ask(&ask, terminal.tap_begin(time_of(now))?)
        })
    })
}

/// Goes on with what the card or the PSAM answered, as tt_psam_next. Whatever the store must hold
/// is durable before the next ask is written. Faults of card, PSAM and store end the tap and are
/// told by tt_tap_end. Errors: HANDLE, BUSY, NULL, SIZE, VALUE, STATE (no tap is under way),
/// SIGNER, PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_tap_next(
    terminal: u64,
    heard: u32,
    data: *const u8,
    len: usize,
    ask: *mut TtAsk,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let ask = unsafe { Out::sized(ask, "ask") }?;
        // SAFETY: as the header demands.
        let heard = unsafe { self::heard(heard, data, len) }?;
        table::with(terminal, |terminal| {
            put_ask(&ask, terminal.tap_next(heard)?)
        })
    })
}

/// Drops the dialogue under way, of a tap or of opening the PSAM; the ride, if the card paid for
/// it, is recovered when the card comes back. Prefer TT_LOST, which also gives a prompt. Errors:
/// HANDLE, BUSY, STATE.
#[unsafe(no_mangle)]
pub extern "C" fn tt_cancel(terminal: u64) -> i32 {
    guarded(|| table::with(terminal, Terminal::cancel))
}

const fn say_of(say: Say) -> u32 {
    match say {
        Say::Paid => 0,
        Say::Enter => 1,
        Say::Leave => 2,
        Say::Boarded => 3,
        Say::Alighted => 4,
        Say::MadeUp => 5,
        Say::TapAgain => 6,
        Say::SeeStaff => 7,
        Say::AlreadyTapped => 8,
        Say::Insufficient => 9,
        Say::SeeIssuer => 10,
        Say::NotAccepted => 11,
        Say::NotStarted => 12,
        Say::Expired => 13,
        Say::Damaged => 14,
        Say::NotEnded => 15,
        Say::NoEntry => 16,
        Say::OverStay => 17,
        Say::NothingToMakeUp => 18,
        Say::OtherWay => 19,
        // A sentence of a later version: whatever it is, no ride.
        _ => 20,
    }
}

fn tap_end_of(terminal: &Terminal) -> Result<TtTapEnd, Fault> {
    let end = terminal.tap_end()?;
    let (outcome, in_doubt, tries) = match &end.outcome {
        TapOutcome::Accepted(_) => (TT_ACCEPTED, false, 0),
        TapOutcome::Recovered(_) => (TT_RECOVERED, false, 0),
        TapOutcome::Reopened(_) => (TT_REOPENED, false, 0),
        TapOutcome::Refused(_) => (TT_REFUSED, false, 0),
        TapOutcome::Torn { in_doubt, tries } => (TT_TORN, *in_doubt, *tries),
        TapOutcome::OutOfService(_) => (TT_OUT_OF_SERVICE, false, 0),
    };
    let ride = end.outcome.ride();
    Ok(TtTapEnd {
        struct_size: count(size_of::<TtTapEnd>()),
        outcome,
        light: light_of(end.prompt.light()),
        say: say_of(end.prompt.say),
        seq: ride.map_or(0, |ride| ride.seq),
        fare_fen: fen_of(end.prompt.fare),
        balance_fen: fen_of(end.prompt.balance),
        serial: ride.map_or([0; 10], |ride| ride.record.serial.0),
        in_doubt: u8::from(in_doubt),
        tries,
        stored: count(end.stored.len()),
        notices: count(terminal.notices()),
        card_commands: u32::from(end.exchanges.card),
        psam_requests: u32::from(end.exchanges.psam),
    })
}

/// Writes how the last tap ended. Errors: HANDLE, BUSY, NULL, SIZE, NONE (a scan came after, or
/// there was no tap).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_tap_end(terminal: u64, end: *mut TtTapEnd) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(end, "end") }?;
        table::with(terminal, |terminal| {
            out.put(tap_end_of(terminal)?);
            Ok(())
        })
    })
}

fn scan_end_of(outcome: &ScanOutcome) -> TtScanEnd {
    let digits = outcome.verdict().code().trim_start_matches('R');
    let prompt = outcome.prompt();
    TtScanEnd {
        struct_size: count(size_of::<TtScanEnd>()),
        outcome: match outcome {
            ScanOutcome::Accepted(_) => TT_ACCEPTED,
            ScanOutcome::Resumed(_) => TT_RECOVERED,
            ScanOutcome::Refused(_) => TT_REFUSED,
        },
        verdict: digits.parse().expect("R and two digits"),
        light: prompt.map_or(0, |prompt| light_of(prompt.light())),
        seq: outcome.ride().map_or(0, |ride| ride.seq),
        fare_fen: fen_of(prompt.and_then(|prompt| prompt.fare)),
    }
}

/// Judges a ride code: the decoder's bytes, never its text. An accepted ride is stored before the
/// function returns; tell the rider and call `tt_told`. A refusal is no error. At a gate that lets
/// out, this version knows no entries: the rider is let out and the fare follows. Errors: HANDLE,
/// BUSY, NULL, SIZE, STATE (a tap is under way), SIGNER, PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_scan(
    terminal: u64,
    now: i64,
    code: *const u8,
    len: usize,
    end: *mut TtScanEnd,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(end, "end") }?;
        // SAFETY: as the header demands.
        let code = unsafe { raw::bytes(code, len, "code") }?;
        table::with(terminal, |terminal| {
            terminal.scan(code, time_of(now))?;
            out.put(scan_end_of(terminal.scan_end()?));
            Ok(())
        })
    })
}

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
/// lets the rider through once more without paying. Errors: HANDLE, BUSY, STORE.
#[unsafe(no_mangle)]
pub extern "C" fn tt_told(terminal: u64, seq: u64) -> i32 {
    guarded(|| table::with(terminal, |terminal| terminal.told(seq)))
}

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
        let stop = station(unsafe { raw::text(stop, "stop") }?)?;
        let way = direction(direction_code)?;
        table::with(terminal, |terminal| {
            terminal.next_stop(stop, card_stop, way)
        })
    })
}

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
            buffer.put(&terminal.notice()?)?;
            terminal.notice_gone();
            Ok(())
        })
    })
}

/// Takes a notice of another terminal of the group. Nothing in it is believed: the card must prove
/// it. Errors: HANDLE, BUSY, NULL, VALUE (no notice, no time), STATE, STORE.
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

/// Writes how the terminal stands. Errors: HANDLE, BUSY, NULL, SIZE, VALUE (no time).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_status(terminal: u64, now: i64, status: *mut TtStatus) -> i32 {
    guarded(|| {
        let now = known_time(now)?;
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(status, "status") }?;
        table::with(terminal, |terminal| {
            let lists = terminal.lists_status(now);
            let (outlook, capacity) = (terminal.outlook(), terminal.store().capacity());
            out.put(TtStatus {
                struct_size: count(size_of::<TtStatus>()),
                cards: u32::from(terminal.serves_cards()),
                lists_version: lists.version.unwrap_or(0),
                lists_issued_at: lists.issued_at.map_or(TT_NO_TIME, Timestamp::get),
                lists_overdue: u32::from(lists.overdue),
                blacklist_stale: u32::from(lists.blacklist_stale),
                held: capacity.held,
                waiting: capacity.waiting,
                intents: capacity.intents,
                room: outlook.records,
                fill: match outlook.fill {
                    Fill::Fine => 0,
                    Fill::Low => 1,
                    Fill::Urgent => 2,
                    Fill::Full => 3,
                },
            });
            Ok(())
        })
    })
}
