//! Taps of cards, and what is asked of the PSAM.

use tongtu_purse::field::Amount;
use tongtu_sam::Lost;
use tongtu_terminal::tap::{MakeUp, Say, TapOutcome};

use super::{count, fen_of, light_of, time_of};
use crate::Terminal;
use crate::code::TT_ERR_VALUE;
use crate::fault::{Fault, guarded};
use crate::module::Want;
use crate::raw::{self, Out, Sized32};
use crate::setup::station;
use crate::table;
use crate::terminal::Outward;
use crate::types::{
    TT_ACCEPTED, TT_ASK_CARD, TT_ASK_DONE, TT_ASK_PSAM, TT_ASK_PSAM_RESET, TT_DATA_MAX, TT_HEARD,
    TT_LOST, TT_MAKE_UP_CLOSE_BUS, TT_MAKE_UP_CLOSE_RAIL, TT_MAKE_UP_RENEW_ENTRY,
    TT_MAKE_UP_WRITE_ENTRY, TT_NO_AMOUNT, TT_OUT_OF_SERVICE, TT_RECOVERED, TT_REFUSED, TT_REOPENED,
    TT_TIMEOUT, TT_TORN, TtAsk, TtMakeUp, TtTapEnd,
};

// SAFETY: `repr(C)`, `struct_size` first; numbers only.
unsafe impl Sized32 for TtAsk {}
// SAFETY: the same.
unsafe impl Sized32 for TtTapEnd {}
// SAFETY: the same, and a pointer.
unsafe impl Sized32 for TtMakeUp {}

/// What was heard.
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

/// Runs what asks something, and writes what.
///
/// # Safety
/// As [`Out::sized`].
unsafe fn asking(
    terminal: u64,
    ask: *mut TtAsk,
    run: impl FnOnce(&mut Terminal) -> Result<Outward, Fault>,
) -> i32 {
    guarded(|| {
        // SAFETY: as the caller promises.
        let ask = unsafe { Out::sized(ask, "ask") }?;
        table::with(terminal, |terminal| put_ask(&ask, run(terminal)?))
    })
}

/// Begins to read who the PSAM in the slot is. Writes what is asked first; go on with `tt_next`
/// until TT_ASK_DONE. Also after the PSAM was changed. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a
/// dialogue is under way, or the PSAM is a soft one).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_psam_begin(terminal: u64, ask: *mut TtAsk) -> i32 {
    // SAFETY: as the header demands.
    unsafe { asking(terminal, ask, Terminal::psam_begin) }
}

/// A card is in the field. `now` is the time, or TT_NO_TIME when the clock was never set. Writes
/// what is asked first; go on with `tt_next` until TT_ASK_DONE, then fetch `tt_tap_end`, tell the
/// rider, and call `tt_told`. Errors: HANDLE, BUSY, NULL, SIZE, STATE (a dialogue is under way, or
/// the PSAM was not opened), LISTS (there are none yet).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_tap_begin(terminal: u64, now: i64, ask: *mut TtAsk) -> i32 {
    let begin = |terminal: &mut Terminal| terminal.tap_begin(time_of(now));
    // SAFETY: as the header demands.
    unsafe { asking(terminal, ask, begin) }
}

/// A card with an incomplete ride (补登) is in the field of a counter; everything else as
/// tt_tap_begin. Errors: the same; STATE also where the post is no counter; VALUE (which field, in
/// tt_last_error).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_make_up_begin(
    terminal: u64,
    now: i64,
    what: *const TtMakeUp,
    ask: *mut TtAsk,
) -> i32 {
    let begin = |terminal: &mut Terminal| {
        // SAFETY: as the header demands.
        let what = unsafe { raw::take(what, "what") }?;
        // SAFETY: a NUL-terminated string, or NULL.
        let station = unsafe { raw::text(what.station, "what.station") }?;
        terminal.make_up_begin(time_of(now), make_up(&what, station)?)
    };
    // SAFETY: as the header demands.
    unsafe { asking(terminal, ask, begin) }
}

fn make_up(what: &TtMakeUp, entered: Option<&str>) -> Result<MakeUp, Fault> {
    let wrong = || {
        let amount = what.amount_fen;
        let detail = format!("what.amount_fen: {amount}, expected 0 to {}", u32::MAX);
        Fault::new(TT_ERR_VALUE, detail)
    };
    let claimed = (what.amount_fen != TT_NO_AMOUNT)
        .then(|| u32::try_from(what.amount_fen).map(Amount::new))
        .transpose()
        .map_err(|_| wrong())?;
    let penalty = || claimed.ok_or_else(wrong);
    Ok(match what.kind {
        TT_MAKE_UP_CLOSE_RAIL => MakeUp::CloseRail { amount: claimed },
        TT_MAKE_UP_CLOSE_BUS => MakeUp::CloseBus { amount: claimed },
        TT_MAKE_UP_RENEW_ENTRY => MakeUp::RenewEntry {
            penalty: penalty()?,
        },
        TT_MAKE_UP_WRITE_ENTRY => MakeUp::WriteEntry {
            station: station("what.station", entered)?,
            penalty: penalty()?,
        },
        kind => {
            let detail = format!("what.kind: {kind}, expected 1 to 4");
            return Err(Fault::new(TT_ERR_VALUE, detail));
        }
    })
}

/// Goes on with the dialogue under way: `heard` is TT_HEARD with `len` bytes of `data`, the answer
/// of card or PSAM with the status word last, or TT_LOST or TT_TIMEOUT. Whatever the store must
/// hold is durable before the next ask is written. Faults of card, PSAM and store end a tap and are
/// told by tt_tap_end. Errors: HANDLE, BUSY, NULL, SIZE, VALUE, STATE (no dialogue is under way),
/// SIGNER, PANIC; of a PSAM that is being opened PSAM (it is none, or gone; begin again) and RECOVER
/// (the store holds taps that are none).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_next(
    terminal: u64,
    heard: u32,
    data: *const u8,
    len: usize,
    ask: *mut TtAsk,
) -> i32 {
    let next = |terminal: &mut Terminal| {
        // SAFETY: as the header demands.
        let heard = unsafe { self::heard(heard, data, len) }?;
        terminal.next(heard)
    };
    // SAFETY: as the header demands.
    unsafe { asking(terminal, ask, next) }
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
        Say::NoCards => 21,
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
        paid_by: ride.map_or(0, |ride| ride.record.kind.byte().into()),
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
