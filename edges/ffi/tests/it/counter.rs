//! Make-up at a counter (补登), and the rules that gates go by.

use std::ptr::null;

use tongtu_ffi::api::{
    tt_close, tt_face_open, tt_make_up_begin, tt_next, tt_rules_usual, tt_scan, tt_tap_begin,
    tt_tap_end, tt_told,
};
use tongtu_ffi::code::{TT_ERR_NULL, TT_ERR_SIZE, TT_ERR_STATE, TT_ERR_VALUE, TT_OK};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_ASK_DONE, TT_HEARD, TT_LANG_ZH, TT_MAKE_UP_CLOSE_RAIL, TT_MAKE_UP_RENEW_ENTRY,
    TT_MAKE_UP_WRITE_ENTRY, TT_NO_AMOUNT, TT_POST_COUNTER, TT_POST_ENTRY, TT_POST_EXIT, TT_REFUSED,
    TT_RULE_CHARGE, TtMakeUp, TtSetup, TtTapEnd,
};

use crate::fixture::{
    Flash, Rider, T0, asked, blank_ask, blank_rules, blank_scan_end, blank_tap_end, code, face,
    open, plain_matcher, size, tap, voice, words,
};

fn post(kind: u32, station: &'static std::ffi::CStr) -> impl FnOnce(&mut TtSetup) {
    move |setup| {
        setup.post.kind = kind;
        setup.post.line = c"METRO".as_ptr();
        setup.post.station = station.as_ptr();
        setup.post.vehicle = null();
        setup.post.card_line = [1, 0];
    }
}

fn what(kind: u32, amount_fen: i64) -> TtMakeUp {
    TtMakeUp {
        struct_size: size::<TtMakeUp>(),
        kind,
        amount_fen,
        station: null(),
    }
}

fn make_up(terminal: u64, rider: &mut Rider, what: &TtMakeUp, now: i64) -> TtTapEnd {
    rider.present();
    let mut ask = blank_ask();
    let mut code = unsafe { tt_make_up_begin(terminal, now, what, &raw mut ask) };
    while code == TT_OK && ask.kind != TT_ASK_DONE {
        let answer = rider.transmit(asked(&ask)).unwrap();
        code = unsafe {
            tt_next(
                terminal,
                TT_HEARD,
                answer.as_ptr(),
                answer.len(),
                &raw mut ask,
            )
        };
    }
    assert_eq!(code, TT_OK, "{}", words());
    let mut end = blank_tap_end();
    assert_eq!(unsafe { tt_tap_end(terminal, &raw mut end) }, TT_OK);
    assert_eq!(tt_told(terminal, end.seq), TT_OK);
    end
}

#[test]
fn a_ride_without_its_exit_is_closed_for_what_the_staff_says() {
    let (mut one, mut other) = (Flash::with_room(0), Flash::with_room(0));
    let entry = open(&mut one, post(TT_POST_ENTRY, c"0101"));
    let counter = open(&mut other, post(TT_POST_COUNTER, c"0109"));
    let mut rider = Rider::with(1, 5_000);
    rider.present();
    assert_eq!(tap(entry, &mut rider, T0).outcome, TT_ACCEPTED);
    let end = make_up(
        counter,
        &mut rider,
        &what(TT_MAKE_UP_CLOSE_RAIL, 300),
        T0 + 60,
    );
    assert_eq!((end.outcome, end.say, end.paid_by), (TT_ACCEPTED, 5, 6));
    assert_eq!((end.fare_fen, end.balance_fen), (300, 4_700));
    assert_eq!(voice(counter, TT_LANG_ZH), "补登成功");
    // There is nothing more to make up for.
    let again = make_up(
        counter,
        &mut rider,
        &what(TT_MAKE_UP_CLOSE_RAIL, 300),
        T0 + 120,
    );
    assert_eq!((again.outcome, again.say), (TT_REFUSED, 18));
    tt_close(entry);
    tt_close(counter);
}

#[test]
fn an_entry_is_written_where_the_rider_says_and_renewed_where_the_stay_was_too_long() {
    let (mut one, mut other) = (Flash::with_room(0), Flash::with_room(0));
    let counter = open(&mut one, post(TT_POST_COUNTER, c"0109"));
    let exit = open(&mut other, post(TT_POST_EXIT, c"0109"));
    let mut rider = Rider::with(1, 5_000);
    let mut entered = what(TT_MAKE_UP_WRITE_ENTRY, 0);
    entered.station = c"0101".as_ptr();
    let end = make_up(counter, &mut rider, &entered, T0);
    assert_eq!(end.outcome, TT_ACCEPTED, "{}", end.say);
    let renewed = make_up(
        counter,
        &mut rider,
        &what(TT_MAKE_UP_RENEW_ENTRY, 100),
        T0 + 60,
    );
    assert_eq!((renewed.outcome, renewed.fare_fen), (TT_ACCEPTED, 100));
    rider.present();
    let out = tap(exit, &mut rider, T0 + 300);
    assert_eq!(out.outcome, TT_ACCEPTED);
    assert!(out.fare_fen > 0);
    tt_close(counter);
    tt_close(exit);
}

#[test]
fn what_cannot_be_made_up_for_is_named_before_the_card_is_asked() {
    let mut flash = Flash::with_room(0);
    let counter = open(&mut flash, post(TT_POST_COUNTER, c"0109"));
    let mut ask = blank_ask();
    let cases = [
        (what(0, 1), TT_ERR_VALUE, "kind"),
        (what(TT_MAKE_UP_CLOSE_RAIL, -1), TT_ERR_VALUE, "amount_fen"),
        (
            what(TT_MAKE_UP_RENEW_ENTRY, TT_NO_AMOUNT),
            TT_ERR_VALUE,
            "amount_fen",
        ),
        (what(TT_MAKE_UP_WRITE_ENTRY, 0), TT_ERR_NULL, "what.station"),
    ];
    for (what, expected, name) in cases {
        let code = unsafe { tt_make_up_begin(counter, T0, &raw const what, &raw mut ask) };
        assert_eq!(code, expected, "{name}");
        assert!(words().contains(name), "{name}: {}", words());
    }
    assert_eq!(
        unsafe { tt_make_up_begin(counter, T0, null(), &raw mut ask) },
        TT_ERR_NULL
    );
    let mut small = what(TT_MAKE_UP_CLOSE_RAIL, 1);
    small.struct_size -= 1;
    let code = unsafe { tt_make_up_begin(counter, T0, &raw const small, &raw mut ask) };
    assert_eq!(code, TT_ERR_SIZE);
    tt_close(counter);
}

#[test]
fn counters_serve_cards_alone_and_only_they_make_up() {
    let (mut one, mut other) = (Flash::with_room(0), Flash::with_room(0));
    let counter = open(&mut one, post(TT_POST_COUNTER, c"0109"));
    let bytes = code(1, T0);
    let mut end = blank_scan_end();
    let scanned = unsafe { tt_scan(counter, T0, bytes.as_ptr(), bytes.len(), &raw mut end) };
    assert_eq!(scanned, TT_ERR_STATE);
    let face = face(plain_matcher());
    assert_eq!(
        unsafe { tt_face_open(counter, &raw const face) },
        TT_ERR_STATE
    );
    let bus = open(&mut other, |_| {});
    let mut ask = blank_ask();
    let what = what(TT_MAKE_UP_CLOSE_RAIL, 1);
    let code = unsafe { tt_make_up_begin(bus, T0, &raw const what, &raw mut ask) };
    assert_eq!(code, TT_ERR_STATE);
    // Neither is the worse for it.
    assert_eq!(unsafe { tt_tap_begin(bus, T0, &raw mut ask) }, TT_OK);
    tt_close(counter);
    tt_close(bus);
}

#[test]
fn gates_go_by_the_rules_of_the_setup() {
    let mut rules = blank_rules();
    assert_eq!(unsafe { tt_rules_usual(&raw mut rules) }, TT_OK);
    let exits = |no_entry| {
        let mut rules = rules;
        rules.no_entry = no_entry;
        let mut flash = Flash::with_room(0);
        let exit = open(&mut flash, |setup| {
            post(TT_POST_EXIT, c"0109")(setup);
            setup.rules = &raw const rules;
        });
        let mut rider = Rider::with(1, 50_000);
        rider.present();
        let end = tap(exit, &mut rider, T0);
        tt_close(exit);
        end
    };
    assert_eq!(exits(rules.no_entry).outcome, TT_REFUSED);
    let charged = exits(TT_RULE_CHARGE);
    assert_eq!(charged.outcome, TT_ACCEPTED);
    assert!(charged.fare_fen > 0);
}
