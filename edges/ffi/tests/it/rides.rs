//! Taps and scans from the field to the upload.

use std::ffi::CStr;
use std::ptr::null;

use tongtu_ffi::api::{
    tt_ack, tt_close, tt_close_stale, tt_notice_next, tt_notice_take, tt_scan, tt_status,
};
use tongtu_ffi::code::{TT_ERR_NONE, TT_ERR_SHORT, TT_OK};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_LANG_EN, TT_LANG_ZH, TT_LIGHT_GREEN, TT_LIGHT_RED, TT_NO_AMOUNT, TT_NO_TIME,
    TT_OUT_OF_SERVICE, TT_POST_ENTRY, TT_POST_EXIT, TT_RECOVERED, TT_REFUSED, TT_TEXT_MAX, TT_TORN,
    TtSetup,
};
use tongtu_tap_record::{Recovery, TapRecord};

use crate::fixture::{
    Flash, Rider, T0, blank_scan_end, blank_status, code, display, open, tap, tap_silently, voice,
    words,
};
use crate::upload::waiting;

/// Carries every notice from one terminal to another; how many.
pub(crate) fn carry(from: u64, to: u64, now: i64) -> usize {
    let (mut notice, mut len, mut carried) = ([0; TT_TEXT_MAX], 0, 0);
    loop {
        let code = unsafe { tt_notice_next(from, notice.as_mut_ptr(), notice.len(), &raw mut len) };
        if code == TT_ERR_NONE {
            return carried;
        }
        assert_eq!(code, TT_OK);
        let code = unsafe { tt_notice_take(to, now, notice.as_ptr(), len) };
        assert_eq!(code, TT_OK, "{}", words());
        carried += 1;
    }
}

fn held(terminal: u64, now: i64) -> u64 {
    let mut status = blank_status();
    assert_eq!(unsafe { tt_status(terminal, now, &raw mut status) }, TT_OK);
    status.held
}

#[test]
fn a_tap_pays_prompts_in_two_languages_and_waits_for_upload() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let end = tap(terminal, &mut Rider::with(1, 5_000), T0);
    assert_eq!((end.outcome, end.light), (TT_ACCEPTED, TT_LIGHT_GREEN));
    assert_eq!((end.seq, end.stored, end.say), (1, 1, 0));
    assert_eq!((end.fare_fen, end.balance_fen), (200, 4_800));
    assert_eq!(end.serial[9], 1);
    assert_eq!(voice(terminal, TT_LANG_ZH), "乘车成功");
    assert_eq!(voice(terminal, TT_LANG_EN), "Welcome");
    assert_eq!(
        display(terminal, TT_LANG_ZH),
        "乘车成功\n金额 2.00 元\n余额 48.00 元"
    );
    let records = waiting(terminal);
    assert_eq!(records.len(), 1);
    let record = TapRecord::decode_signed(&records[0].1).unwrap();
    assert_eq!(record.serial.0, end.serial);
    assert_eq!(tt_close(terminal), TT_OK);
}

#[test]
fn a_code_rides_once_and_its_second_reading_is_refused() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let code = code(1, T0);
    let scan = |at: i64, bytes: &[u8]| {
        let mut end = blank_scan_end();
        let done = unsafe { tt_scan(terminal, at, bytes.as_ptr(), bytes.len(), &raw mut end) };
        assert_eq!(done, TT_OK, "{}", words());
        end
    };
    let first = scan(T0, &code);
    assert_eq!((first.outcome, first.verdict), (TT_ACCEPTED, 0));
    assert_eq!((first.seq, first.fare_fen), (1, 200));
    assert_eq!(voice(terminal, TT_LANG_ZH), "乘车成功");
    let again = scan(T0 + 10, &code);
    assert_eq!(
        (again.outcome, again.light, again.seq),
        (TT_REFUSED, TT_LIGHT_RED, 0)
    );
    assert_eq!(scan(T0 + 11, b"https://example.com").verdict, 1);
    assert_eq!(voice(terminal, TT_LANG_EN), "Open your ride code");
    tt_close(terminal);
}

#[test]
fn a_torn_ride_is_recovered_after_a_restart_from_the_same_device() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut rider = Rider::with(1, 5_000);
    let whole = tap(terminal, &mut rider, T0);
    // Torn right after the answer to DEBIT was made and before it was heard.
    rider.present();
    rider.torn_after = usize::try_from(whole.card_commands - 1).ok();
    let torn = tap(terminal, &mut rider, T0 + 60);
    assert_eq!((torn.outcome, torn.in_doubt, torn.tries), (TT_TORN, 1, 1));
    assert_eq!(voice(terminal, TT_LANG_ZH), "请重刷");
    assert_eq!(torn.notices, 1);
    tt_close(terminal);

    let terminal = open(&mut flash, |setup| setup.psam_first_sequence = 100);
    rider.present();
    let end = tap(terminal, &mut rider, T0 + 70);
    // The card never got the command, so it rides now, and once.
    assert_eq!((end.outcome, end.balance_fen), (TT_ACCEPTED, 4_600));
    tt_close(terminal);
}

#[test]
fn an_answer_that_was_lost_is_proved_and_not_charged_again() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut rider = Rider::with(1, 5_000);
    let whole = tap(terminal, &mut rider, T0);
    rider.present();
    let commands = usize::try_from(whole.card_commands).unwrap();
    let end = tap_without_last_answer(terminal, &mut rider, T0 + 60, commands);
    assert_eq!((end.outcome, end.in_doubt), (TT_TORN, 1));
    rider.present();
    let end = tap(terminal, &mut rider, T0 + 65);
    assert_eq!((end.outcome, end.balance_fen), (TT_RECOVERED, 4_600));
    assert_eq!(voice(terminal, TT_LANG_EN), "Welcome");
    tt_close(terminal);
}

/// The card does what the last command says, and nobody hears it.
fn tap_without_last_answer(
    terminal: u64,
    rider: &mut Rider,
    now: i64,
    commands: usize,
) -> tongtu_ffi::types::TtTapEnd {
    use tongtu_ffi::api::{tt_next, tt_tap_begin, tt_tap_end};
    use tongtu_ffi::types::{TT_HEARD, TT_LOST};
    let mut ask = crate::fixture::blank_ask();
    assert_eq!(unsafe { tt_tap_begin(terminal, now, &raw mut ask) }, TT_OK);
    for number in 1..=commands {
        let answer = rider.transmit(crate::fixture::asked(&ask)).unwrap();
        let heard = if number < commands { TT_HEARD } else { TT_LOST };
        let code = unsafe { tt_next(terminal, heard, answer.as_ptr(), answer.len(), &raw mut ask) };
        assert_eq!(code, TT_OK);
    }
    let mut end = crate::fixture::blank_tap_end();
    assert_eq!(unsafe { tt_tap_end(terminal, &raw mut end) }, TT_OK);
    end
}

#[test]
fn what_nobody_came_back_for_becomes_a_grey_record() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut rider = Rider::with(1, 5_000);
    let whole = tap(terminal, &mut rider, T0);
    rider.present();
    let commands = usize::try_from(whole.card_commands).unwrap();
    tap_without_last_answer(terminal, &mut rider, T0 + 60, commands);
    let mut closed = 9;
    for (at, expected) in [(T0 + 100, 0), (T0 + 181, 1), (T0 + 182, 0)] {
        let code = unsafe { tt_close_stale(terminal, at, &raw mut closed) };
        assert_eq!((code, closed), (TT_OK, expected));
    }
    assert_eq!(waiting(terminal).len(), 2);
    tt_close(terminal);
}

#[test]
fn a_ride_that_nobody_was_told_of_is_announced_after_a_restart_and_noted_when_nobody_comes() {
    let (mut one, mut two) = (Flash::with_room(0), Flash::with_room(0));
    let first = open(&mut one, |_| {});
    let second = open(&mut two, |_| {});
    tap(first, &mut Rider::with(1, 5_000), T0);
    tap_silently(first, &mut Rider::with(2, 5_000), T0 + 60);
    tt_close(first);
    let first = open(&mut one, |setup| setup.psam_first_sequence = 100);
    assert_eq!(carry(first, second, T0 + 70), 1);
    let mut closed = 9;
    for (at, expected) in [(T0 + 180, 0), (T0 + 181, 1), (T0 + 182, 0)] {
        let code = unsafe { tt_close_stale(first, at, &raw mut closed) };
        assert_eq!((code, closed), (TT_OK, expected));
    }
    let records = waiting(first);
    let of = |at: usize| TapRecord::decode_signed(&records[at].1).unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(of(2).recovery, Recovery::Untold);
    assert_eq!(of(2).ride_key(), of(1).ride_key());
    tt_close(first);
    tt_close(second);
}

#[test]
fn a_notice_goes_from_one_terminal_to_another() {
    let (mut one, mut two) = (Flash::with_room(0), Flash::with_room(0));
    let first = open(&mut one, |_| {});
    let second = open(&mut two, |_| {});
    let mut rider = Rider::with(1, 5_000);
    let whole = tap(first, &mut rider, T0);
    rider.present();
    let commands = usize::try_from(whole.card_commands).unwrap();
    tap_without_last_answer(first, &mut rider, T0 + 60, commands);
    let (mut notice, mut len) = (vec![0; 1024], 0);
    let next = |notice: &mut Vec<u8>, room: usize, len: &mut usize| unsafe {
        tt_notice_next(first, notice.as_mut_ptr(), room, len)
    };
    assert_eq!(next(&mut notice, 10, &mut len), TT_ERR_SHORT);
    assert_eq!(next(&mut notice, 1024, &mut len), TT_OK);
    let taken = unsafe { tt_notice_take(second, T0 + 61, notice.as_ptr(), len) };
    assert_eq!(taken, TT_OK, "{}", words());
    assert_eq!(next(&mut notice, 1024, &mut len), TT_ERR_NONE);
    tt_close(first);
    tt_close(second);
}

#[test]
fn records_go_once_they_are_acknowledged_and_no_restart_needs_them() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut rider = Rider::with(1, 60_000);
    for round in 0..20 {
        rider.present();
        let end = tap(terminal, &mut rider, T0 + round * 300);
        assert_eq!(end.outcome, TT_ACCEPTED);
        let seqs: Vec<u64> = waiting(terminal).iter().map(|(seq, _)| *seq).collect();
        assert_eq!(seqs.len(), 1);
        assert_eq!(
            unsafe { tt_ack(terminal, seqs.as_ptr(), seqs.len()) },
            TT_OK
        );
        // Only the last one, by which the card would be known again.
        assert_eq!(held(terminal, T0), 1, "round {round}");
    }
    tt_close(terminal);
    // After the restart the card is known by it: too soon again.
    let terminal = open(&mut flash, |setup| setup.psam_first_sequence = 100);
    rider.present();
    let end = tap(terminal, &mut rider, T0 + 19 * 300 + 2);
    assert_eq!((end.outcome, end.say), (TT_REFUSED, 8));
    tt_close(terminal);
}

#[test]
fn without_a_clock_the_terminal_says_that_it_cannot_serve() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let end = tap(terminal, &mut Rider::with(1, 5_000), TT_NO_TIME);
    assert_eq!((end.outcome, end.say), (TT_OUT_OF_SERVICE, 20));
    tt_close(terminal);
}

#[test]
fn a_device_that_fails_takes_no_money() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut rider = Rider::with(1, 5_000);
    flash.fails = 5;
    assert_eq!(tap(terminal, &mut rider, T0).outcome, TT_OUT_OF_SERVICE);
    flash.fails = 0;
    tt_close(terminal);
    let terminal = open(&mut flash, |_| {});
    rider.present();
    let end = tap(terminal, &mut rider, T0 + 10);
    assert_eq!((end.outcome, end.balance_fen), (TT_ACCEPTED, 4_800));
    tt_close(terminal);
}

#[test]
fn gates_tell_each_other_who_went_in_by_code() {
    let gate = |kind, station: &'static CStr| {
        move |setup: &mut TtSetup| {
            setup.post.kind = kind;
            setup.post.line = c"METRO".as_ptr();
            setup.post.station = station.as_ptr();
            setup.post.vehicle = null();
            setup.post.card_line = [1, 0];
        }
    };
    let (mut one, mut other) = (Flash::with_room(0), Flash::with_room(0));
    let entry = open(&mut one, gate(TT_POST_ENTRY, c"0101"));
    let exit = open(&mut other, gate(TT_POST_EXIT, c"0109"));
    let scan = |terminal, at: i64| {
        let (bytes, mut end) = (code(1, at), blank_scan_end());
        let done = unsafe { tt_scan(terminal, at, bytes.as_ptr(), bytes.len(), &raw mut end) };
        assert_eq!((done, end.outcome), (TT_OK, TT_ACCEPTED), "{}", words());
        end
    };
    scan(entry, T0);
    assert_eq!(carry(entry, exit, T0 + 1), 1);
    let known = scan(exit, T0 + 900);
    assert!(known.fare_fen > 0);
    assert_eq!(carry(exit, entry, T0 + 901), 1);
    // The same rider once more, and the notice is lost: let out, and the fare follows.
    scan(entry, T0 + 2_000);
    let unknown = scan(exit, T0 + 3_000);
    assert_eq!(unknown.fare_fen, TT_NO_AMOUNT);
    tt_close(entry);
    tt_close(exit);
}
