//! Calls in any order with any arguments: a terminal says no, and never breaks.

use proptest::prelude::*;
use tongtu_ffi::api::{
    tt_ack, tt_apply_lists, tt_blacklist_compact, tt_blacklist_take, tt_cancel, tt_cash_serve,
    tt_clock_now, tt_clock_read, tt_close, tt_close_stale, tt_confirm_lists, tt_coverage,
    tt_face_digits, tt_face_look, tt_face_open, tt_gallery_expire, tt_gallery_keep,
    tt_gallery_restore, tt_gallery_update, tt_gallery_withdraw, tt_make_up_begin, tt_next,
    tt_notice_next, tt_notice_take, tt_pending, tt_prompt_voice, tt_psam_begin, tt_reason, tt_scan,
    tt_status, tt_tap_begin, tt_tap_end, tt_told, tt_upload_answered, tt_upload_begin,
    tt_upload_failed, tt_upload_next,
};
use tongtu_ffi::code::{TT_ERR_BROKEN, TT_ERR_PANIC};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_ASK_CARD, TT_LANG_EN, TT_POST_COUNTER, TT_PSAM_SLOT, TtClock, TtHeard,
    TtMakeUp, TtRecord, TtSource, TtUpload,
};

use crate::fixture::{
    Flash, Rider, T0, asked, blank_ask, blank_face_end, blank_scan_end, blank_status,
    blank_tap_end, bundle, capture, cash, code, face, gallery, open, plain_matcher, serve_cash,
    size, tap, words,
};

#[derive(Debug, Clone)]
struct Call {
    function: u8,
    number: u32,
    now: i64,
    bytes: Vec<u8>,
}

fn any_call() -> impl Strategy<Value = Call> {
    let now = prop_oneof![
        8 => (0..4_000i64).prop_map(|s| T0 + s),
        1 => Just(i64::MIN),
        1 => any::<i64>(),
    ];
    let bytes = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..80),
        1 => Just(code(1, T0)),
        1 => (0..9u64).prop_map(bundle),
        1 => (1..9u64).prop_map(|version| gallery(version, *b"COSINE01", &[(1, b"one", T0 + 900)])),
        1 => Just(b"one".to_vec()),
        2 => Just(vec![0x90, 0x00]),
    ];
    (0..38u8, 0..12u32, now, bytes).prop_map(|(function, number, now, bytes)| Call {
        function,
        number,
        now,
        bytes,
    })
}

/// Makes a call; what it returned.
fn make(terminal: u64, call: &Call, rider: &mut Rider) -> i32 {
    let (now, number) = (call.now, call.number);
    let (at, len) = (call.bytes.as_ptr(), call.bytes.len());
    let (mut buffer, mut got) = ([0; 5_000], 0);
    let (out, room) = (buffer.as_mut_ptr(), buffer.len());
    let got = &raw mut got;
    let seqs = [number.into(), u64::MAX];
    let mut ask = blank_ask();
    unsafe {
        match call.function {
            0 => tt_tap_begin(terminal, now, &raw mut ask),
            1 => {
                let what = TtMakeUp {
                    struct_size: size::<TtMakeUp>(),
                    kind: number % 5,
                    amount_fen: 100,
                    station: c"0101".as_ptr(),
                };
                tt_make_up_begin(terminal, now, &raw const what, &raw mut ask)
            }
            2 => tt_psam_begin(terminal, &raw mut ask),
            // A dialogue goes on: with a card's answer, with junk, with a card that left.
            3..=8 => {
                let code = tt_next(terminal, number % 4, at, len, &raw mut ask);
                if code == 0 && ask.kind == TT_ASK_CARD {
                    let answer = rider.transmit(asked(&ask)).unwrap();
                    tt_next(terminal, 0, answer.as_ptr(), answer.len(), &raw mut ask)
                } else {
                    code
                }
            }
            9 => tt_cancel(terminal),
            10 => tt_tap_end(terminal, &mut blank_tap_end()),
            11 => tt_scan(terminal, now, at, len, &mut blank_scan_end()),
            12 => tt_prompt_voice(terminal, TT_LANG_EN, out.cast(), room, got),
            13 => tt_reason(terminal, out.cast(), room, got),
            14 => tt_told(terminal, number.into()),
            15 => tt_apply_lists(terminal, now, at, len),
            16 => tt_confirm_lists(terminal, now),
            17 => tt_coverage(terminal, now, out, room, got),
            18 => tt_close_stale(terminal, now, &mut 0),
            19 => tt_pending(terminal, number.into(), &mut 0, out, room, got),
            20 => tt_ack(terminal, seqs.as_ptr(), 2),
            21 => tt_notice_next(terminal, out, room, got),
            22 => tt_notice_take(terminal, now, at, len),
            23 => tt_status(terminal, now, &mut blank_status()),
            24 => tt_cash_serve(terminal, &cash()),
            25 => tt_face_open(terminal, &face(plain_matcher())),
            26 => tt_face_look(terminal, now, &capture(&call.bytes), &mut blank_face_end()),
            27 => tt_face_digits(terminal, now, c"0001".as_ptr(), &mut blank_face_end()),
            28 => tt_gallery_update(terminal, at, len),
            29 => tt_gallery_restore(terminal, at, len),
            30 => tt_gallery_keep(terminal, out, room, got),
            31 => tt_gallery_withdraw(terminal, at, len / 16, &mut 0),
            32 => tt_gallery_expire(terminal, now, &mut 0),
            33 => {
                let source = TtSource {
                    struct_size: size::<TtSource>(),
                    bytes: at,
                    len: u64::try_from(len).unwrap(),
                    user: std::ptr::null_mut(),
                    read: None,
                };
                tt_blacklist_take(terminal, now, &raw const source, &mut 0)
            }
            34 => tt_blacklist_compact(terminal, number, &mut 0),
            35 => {
                let mut heard: TtHeard = std::mem::zeroed();
                heard.struct_size = size::<TtHeard>();
                let tick = u64::from(number) * 1_000;
                tt_clock_read(terminal, number % 5, now, tick, &raw mut heard)
            }
            36 => {
                let mut clock: TtClock = std::mem::zeroed();
                clock.struct_size = size::<TtClock>();
                tt_clock_now(terminal, u64::from(number) * 1_000, &raw mut clock)
            }
            _ => {
                let mut upload: TtUpload = std::mem::zeroed();
                upload.struct_size = size::<TtUpload>();
                let mut record: TtRecord = std::mem::zeroed();
                record.struct_size = size::<TtRecord>();
                match number % 4 {
                    0 => tt_upload_begin(terminal, now, &raw mut upload),
                    1 => tt_upload_next(terminal, &raw mut record, out, room, got),
                    2 => tt_upload_answered(terminal, seqs.as_ptr(), 2),
                    _ => tt_upload_failed(terminal, now, &mut 0),
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_calls_breaks_a_terminal(
        kind in 0..3u8,
        calls in proptest::collection::vec(any_call(), 1..60),
    ) {
        let mut flash = Flash::with_room(0);
        let terminal = open(&mut flash, |setup| match kind {
            0 => {}
            1 => setup.psam = TT_PSAM_SLOT,
            _ => {
                setup.post.kind = TT_POST_COUNTER;
                setup.post.line = c"METRO".as_ptr();
                setup.post.station = c"0101".as_ptr();
            }
        });
        let mut rider = Rider::with(1, 50_000);
        rider.present();
        for call in &calls {
            let code = make(terminal, call, &mut rider);
            prop_assert!(!matches!(code, TT_ERR_PANIC | TT_ERR_BROKEN), "{call:?}: {}", words());
        }
        tt_cancel(terminal);
        if kind == 0 {
            serve_cash(terminal);
            // Far enough on for every clock that was read, unless that was beyond all time.
            let mut other = Rider::with(2, 5_000);
            let end = tap(terminal, &mut other, T0 + 5_000);
            let is_sane = |call: &Call| (T0..T0 + 5_000).contains(&call.now) || call.now == i64::MIN;
            if calls.iter().all(is_sane) {
                prop_assert_eq!(end.outcome, TT_ACCEPTED);
            }
        }
        tt_close(terminal);
    }
}
