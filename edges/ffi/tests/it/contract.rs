//! What the functions promise to callers who make mistakes.

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use tongtu_ffi::api::{
    tt_abi, tt_ack, tt_apply_lists, tt_authority_take, tt_blacklist_compact, tt_blacklist_open,
    tt_blacklist_take, tt_cancel, tt_cash_serve, tt_clock_now, tt_clock_read, tt_clock_rules,
    tt_clock_set_rules, tt_close, tt_close_stale, tt_confirm_lists, tt_coverage, tt_error_text,
    tt_face_digits, tt_face_look, tt_face_open, tt_face_usual, tt_gallery_expire, tt_gallery_keep,
    tt_gallery_report, tt_gallery_restore, tt_gallery_update, tt_gallery_withdraw, tt_last_error,
    tt_lists_open, tt_make_up_begin, tt_next, tt_next_stop, tt_notice_next, tt_notice_take,
    tt_open, tt_pending, tt_prompt_display, tt_prompt_voice, tt_psam_begin, tt_reason,
    tt_revocations_take, tt_rules_usual, tt_scan, tt_status, tt_tap_begin, tt_tap_end, tt_told,
    tt_upload_answered, tt_upload_begin, tt_upload_failed, tt_upload_next, tt_version,
};
use tongtu_ffi::code::{
    TT_ERR_BROKEN, TT_ERR_BUSY, TT_ERR_HANDLE, TT_ERR_LISTS, TT_ERR_NONE, TT_ERR_NULL,
    TT_ERR_RECOVER, TT_ERR_SHORT, TT_ERR_SIGNER, TT_ERR_SIZE, TT_ERR_STATE, TT_ERR_VALUE, TT_OK,
};
use tongtu_ffi::types::{
    TT_ABI, TT_ACCEPTED, TT_ASK_CARD, TT_HEARD, TT_LANG_EN, TT_LANG_ZH, TT_LOST, TtSetup, TtSigner,
};

use crate::fixture::{
    Flash, Rider, T0, asked, blank_ask, blank_face_end, blank_scan_end, blank_status,
    blank_tap_end, bundle, capture, code, key, open, sam_key, setup, size, tap, text, try_open,
    words,
};

#[test]
fn every_function_that_takes_a_pointer_says_when_it_is_null() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut len = 0;
    let codes = unsafe {
        [
            tt_version(null_mut(), 1, &raw mut len),
            tt_version(null_mut(), 0, null_mut()),
            tt_error_text(0, TT_LANG_ZH, null_mut(), 1, &raw mut len),
            tt_last_error(TT_LANG_ZH, null_mut(), 1, &raw mut len),
            tt_open(null(), null_mut()),
            tt_psam_begin(terminal, null_mut()),
            tt_next(terminal, TT_LOST, null(), 0, null_mut()),
            tt_tap_begin(terminal, T0, null_mut()),
            tt_next(terminal, TT_LOST, null(), 0, null_mut()),
            tt_next(terminal, TT_HEARD, null(), 2, &mut blank_ask()),
            tt_tap_end(terminal, null_mut()),
            tt_scan(terminal, T0, null(), 300, &mut blank_scan_end()),
            tt_scan(terminal, T0, null(), 0, null_mut()),
            tt_prompt_voice(terminal, TT_LANG_ZH, null_mut(), 1, &raw mut len),
            tt_prompt_display(terminal, TT_LANG_ZH, null_mut(), 0, null_mut()),
            tt_reason(terminal, null_mut(), 1, &raw mut len),
            tt_apply_lists(terminal, T0, null(), 5),
            tt_next_stop(terminal, null(), 1, 0xAB),
            tt_close_stale(terminal, T0, null_mut()),
            tt_pending(terminal, 0, null_mut(), null_mut(), 0, &raw mut len),
            tt_ack(terminal, null(), 1),
            tt_notice_next(terminal, null_mut(), 1, &raw mut len),
            tt_notice_take(terminal, T0, null(), 1),
            tt_status(terminal, T0, null_mut()),
            tt_rules_usual(null_mut()),
            tt_make_up_begin(terminal, T0, null(), &mut blank_ask()),
            tt_authority_take(terminal, null()),
            tt_revocations_take(terminal, null(), 1),
            tt_cash_serve(terminal, null()),
            tt_face_usual(null_mut()),
            tt_face_open(terminal, null()),
            tt_face_look(terminal, T0, null(), &mut blank_face_end()),
            tt_face_look(terminal, T0, &capture(b"x"), null_mut()),
            tt_face_digits(terminal, T0, null(), &mut blank_face_end()),
            tt_gallery_update(terminal, null(), 1),
            tt_gallery_report(terminal, T0, null_mut(), 1, &raw mut len),
            tt_gallery_restore(terminal, null(), 1),
            tt_gallery_keep(terminal, null_mut(), 1, &raw mut len),
            tt_gallery_withdraw(terminal, null(), 1, &mut 0),
            tt_gallery_withdraw(terminal, null(), 0, null_mut()),
            tt_gallery_expire(terminal, T0, null_mut()),
            tt_lists_open(terminal, T0, null()),
            tt_coverage(terminal, T0, null_mut(), 0, null_mut()),
            tt_blacklist_open(terminal, T0, null(), null(), &mut 0, &mut 0),
            tt_blacklist_open(terminal, T0, c"x".as_ptr(), null(), null_mut(), &mut 0),
            tt_blacklist_open(terminal, T0, c"x".as_ptr(), null(), &mut 0, null_mut()),
            tt_blacklist_take(terminal, T0, null(), &mut 0),
            tt_blacklist_take(terminal, T0, null(), null_mut()),
            tt_blacklist_compact(terminal, 1, null_mut()),
            tt_clock_rules(terminal, null_mut()),
            tt_clock_set_rules(terminal, null(), T0),
            tt_clock_read(terminal, 3, T0, 1, null_mut()),
            tt_clock_now(terminal, 1, null_mut()),
            tt_upload_begin(terminal, T0, null_mut()),
            tt_upload_next(terminal, null_mut(), null_mut(), 0, &raw mut len),
            tt_upload_answered(terminal, null(), 1),
            tt_upload_failed(terminal, T0, null_mut()),
        ]
    };
    for (at, code) in codes.into_iter().enumerate() {
        assert_eq!(code, TT_ERR_NULL, "call {at}");
    }
    // And the terminal is none the worse.
    assert_eq!(
        tap(terminal, &mut Rider::with(1, 5_000), T0).outcome,
        TT_ACCEPTED
    );
    tt_close(terminal);
}

#[test]
fn every_pointer_of_the_setup_that_must_be_there_is_missed() {
    type Change = fn(&mut TtSetup);
    let changes: [(&str, Change); 8] = [
        ("acquirer", |s| s.acquirer = null()),
        ("terminal", |s| s.terminal = null()),
        ("model", |s| s.model = null()),
        ("terminal_id", |s| s.terminal_id = null()),
        ("software", |s| s.software = null()),
        ("post.line", |s| s.post.line = null()),
        ("post.vehicle", |s| s.post.vehicle = null()),
        ("test_key", |s| s.test_key = null()),
    ];
    for (name, change) in changes {
        let code = try_open(&mut Flash::with_room(0), change).unwrap_err();
        assert_eq!(code, TT_ERR_NULL, "{name}");
        assert!(words().contains(name), "{name}: {}", words());
    }
}

#[test]
fn a_setting_that_cannot_be_is_named() {
    type Change = fn(&mut TtSetup);
    let changes: [(&str, Change); 9] = [
        ("acquirer", |s| s.acquirer = c"1134581".as_ptr()),
        ("terminal", |s| s.terminal = c"x".as_ptr()),
        ("model", |s| s.model = c"short".as_ptr()),
        ("software", |s| s.software = c"\xFF23456789a".as_ptr()),
        ("list_key", |s| s.list_key = [7; 33]),
        ("post.kind", |s| s.post.kind = 9),
        ("psam", |s| s.psam = 9),
        ("psam_first_sequence", |s| s.psam_first_sequence = 0),
        ("dead_bytes_max", |s| s.dead_bytes_max = u64::MAX),
    ];
    for (name, change) in changes {
        let code = try_open(&mut Flash::with_room(0), change).unwrap_err();
        assert_eq!(code, TT_ERR_VALUE, "{name}");
        assert!(words().contains(name), "{name}: {}", words());
    }
}

#[test]
fn structs_of_another_size_and_another_abi_are_refused() {
    let mut flash = Flash::with_room(0);
    for off in [0, 1, size::<TtSetup>() - 8, u32::MAX] {
        let code = try_open(&mut flash, |s| s.struct_size = off).unwrap_err();
        assert_eq!(code, TT_ERR_SIZE, "{off}");
    }
    assert_eq!(
        try_open(&mut flash, |s| s.abi = TT_ABI + 1),
        Err(TT_ERR_SIZE)
    );
    let terminal = open(&mut flash, |_| {});
    let mut ask = blank_ask();
    ask.struct_size -= 1;
    let mut end = blank_tap_end();
    end.struct_size += 1;
    let mut scan = blank_scan_end();
    scan.struct_size = 0;
    let mut status = blank_status();
    status.struct_size = 4;
    let codes = unsafe {
        [
            tt_tap_begin(terminal, T0, &raw mut ask),
            tt_psam_begin(terminal, &raw mut ask),
            tt_tap_end(terminal, &raw mut end),
            tt_scan(terminal, T0, null(), 0, &raw mut scan),
            tt_status(terminal, T0, &raw mut status),
        ]
    };
    assert_eq!(codes, [TT_ERR_SIZE; 5]);
    assert_eq!(tt_abi(), TT_ABI);
    tt_close(terminal);
}

#[test]
fn a_buffer_too_short_is_told_the_length_and_nothing_is_written_past_it() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    tap(terminal, &mut Rider::with(1, 5_000), T0);
    let mut len = 0;
    let wanted = "乘车成功".len();
    for room in [0, 1, wanted] {
        let mut buffer = [0x55_u8; 64];
        let at = if room == 0 {
            null_mut()
        } else {
            buffer.as_mut_ptr()
        };
        let code = unsafe { tt_prompt_voice(terminal, TT_LANG_ZH, at.cast(), room, &raw mut len) };
        assert_eq!((code, len), (TT_ERR_SHORT, wanted), "{room}");
        assert_eq!(buffer, [0x55; 64]);
    }
    let mut buffer = [0x55_u8; 64];
    let code = unsafe {
        tt_prompt_voice(
            terminal,
            TT_LANG_ZH,
            buffer.as_mut_ptr().cast(),
            wanted + 1,
            &raw mut len,
        )
    };
    assert_eq!((code, len), (TT_OK, wanted));
    assert_eq!((buffer[wanted], buffer[wanted + 1]), (0, 0x55));
    let (mut seq, mut record) = (0, [0x55_u8; 16]);
    let code = unsafe {
        tt_pending(
            terminal,
            0,
            &raw mut seq,
            record.as_mut_ptr(),
            16,
            &raw mut len,
        )
    };
    assert_eq!((code, seq, record), (TT_ERR_SHORT, 1, [0x55; 16]));
    assert_eq!(len, tongtu_tap_record::SIGNED_LEN);
    tt_close(terminal);
}

#[test]
fn a_handle_that_was_closed_or_never_was_is_found_out() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    assert_eq!(tt_close(terminal), TT_OK);
    let other = open(&mut Flash::with_room(0), |_| {});
    for wrong in [0, 1, terminal, u64::MAX, other ^ (1 << 32), other + 1_000] {
        let mut ask = blank_ask();
        let mut len = 0;
        let codes = unsafe {
            [
                tt_tap_begin(wrong, T0, &raw mut ask),
                tt_scan(wrong, T0, null(), 0, &mut blank_scan_end()),
                tt_reason(wrong, null_mut(), 0, &raw mut len),
                tt_cancel(wrong),
                tt_told(wrong, 1),
                tt_confirm_lists(wrong, T0),
                tt_gallery_expire(wrong, T0, &mut 0),
                tt_face_digits(wrong, T0, c"".as_ptr(), &mut blank_face_end()),
                tt_lists_open(wrong, T0, c"x".as_ptr()),
                tt_blacklist_compact(wrong, 1, &mut 0),
                tt_upload_answered(wrong, null(), 0),
                tt_upload_failed(wrong, T0, &mut 0),
                tt_close(wrong),
            ]
        };
        assert_eq!(codes, [TT_ERR_HANDLE; 13], "{wrong:X}");
    }
    assert_eq!(tt_close(other), TT_OK);
}

#[test]
fn what_is_out_of_order_is_refused_and_the_tap_goes_on() {
    let mut flash = Flash::with_room(0);
    let terminal = try_open(&mut flash, |_| {}).unwrap();
    let mut ask = blank_ask();
    assert_eq!(
        unsafe { tt_tap_begin(terminal, T0, &raw mut ask) },
        TT_ERR_LISTS
    );
    let lists = bundle(1);
    assert_eq!(
        unsafe { tt_apply_lists(terminal, T0, lists.as_ptr(), lists.len()) },
        TT_OK
    );
    assert_eq!(
        unsafe { tt_next(terminal, TT_LOST, null(), 0, &raw mut ask) },
        TT_ERR_STATE
    );
    assert_eq!(
        unsafe { tt_psam_begin(terminal, &raw mut ask) },
        TT_ERR_STATE
    );
    let mut end = blank_tap_end();
    assert_eq!(unsafe { tt_tap_end(terminal, &raw mut end) }, TT_ERR_NONE);
    let mut len = 0;
    assert_eq!(
        unsafe { tt_reason(terminal, null_mut(), 0, &raw mut len) },
        TT_ERR_NONE
    );

    assert_eq!(unsafe { tt_tap_begin(terminal, T0, &raw mut ask) }, TT_OK);
    let mut other = blank_ask();
    let mut scan = blank_scan_end();
    let mut closed = 0;
    let codes = unsafe {
        [
            tt_tap_begin(terminal, T0, &raw mut other),
            tt_scan(terminal, T0, null(), 0, &raw mut scan),
            tt_close_stale(terminal, T0, &raw mut closed),
            tt_next_stop(terminal, c"01".as_ptr(), 1, 0xAB),
        ]
    };
    assert_eq!(codes, [TT_ERR_STATE; 4]);
    assert_eq!(
        unsafe { tt_next(terminal, 7, null(), 0, &raw mut other) },
        TT_ERR_VALUE
    );
    let mut rider = Rider::with(1, 5_000);
    rider.present();
    while ask.kind == TT_ASK_CARD {
        let answer = rider.transmit(asked(&ask)).unwrap();
        unsafe {
            tt_next(
                terminal,
                TT_HEARD,
                answer.as_ptr(),
                answer.len(),
                &raw mut ask,
            )
        };
    }
    assert_eq!(unsafe { tt_tap_end(terminal, &raw mut end) }, TT_OK);
    assert_eq!(end.outcome, TT_ACCEPTED);
    tt_close(terminal);
}

#[test]
fn no_time_and_no_answer_that_a_caller_can_write_breaks_a_terminal() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let lists = bundle(2);
    for now in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        let (mut ask, mut scan, mut status) = (blank_ask(), blank_scan_end(), blank_status());
        let mut closed = 0;
        unsafe {
            assert_eq!(tt_tap_begin(terminal, now, &raw mut ask), TT_OK, "{now}");
            tt_next(terminal, TT_LOST, null(), 0, &raw mut ask);
            let code = tt_scan(terminal, now, [3; 400].as_ptr(), 400, &raw mut scan);
            assert_eq!(code, TT_OK, "{now}");
            assert_eq!(
                tt_close_stale(terminal, now, &raw mut closed),
                TT_OK,
                "{now}"
            );
            let code = tt_status(terminal, now, &raw mut status);
            assert_eq!(code, if now == i64::MIN { TT_ERR_VALUE } else { TT_OK });
            tt_notice_take(terminal, now, [1, 2, 3].as_ptr(), 3);
            tt_apply_lists(terminal, now, lists.as_ptr(), lists.len() - 1);
        }
        tt_confirm_lists(terminal, now);
    }
    // Whatever a card may answer: the tap ends, and the next card is served.
    for len in [0, 1, 2, 3, 100, 300, 70_000] {
        let (mut ask, junk) = (blank_ask(), vec![0x61; len]);
        unsafe { tt_tap_begin(terminal, T0, &raw mut ask) };
        for _ in 0..40 {
            if ask.kind != TT_ASK_CARD {
                break;
            }
            let code = unsafe { tt_next(terminal, TT_HEARD, junk.as_ptr(), len, &raw mut ask) };
            assert_eq!(code, TT_OK, "{len}: {}", words());
        }
        assert_ne!(ask.kind, TT_ASK_CARD, "{len}");
    }
    assert_eq!(
        tap(terminal, &mut Rider::with(1, 5_000), T0).outcome,
        TT_ACCEPTED
    );
    tt_close(terminal);
}

#[test]
fn texts_of_codes_come_in_two_languages() {
    let say = |code, lang| {
        text(|buffer, room, len| unsafe { tt_error_text(code, lang, buffer.cast(), room, len) })
    };
    assert_eq!(
        say(TT_ERR_BUSY, TT_LANG_EN),
        "terminal in use by another call"
    );
    assert_eq!(say(TT_ERR_BUSY, TT_LANG_ZH), "终端正被其他调用占用");
    let mut len = 0;
    for (code, lang) in [(1, TT_LANG_ZH), (-99, TT_LANG_ZH), (0, 2)] {
        let code = unsafe { tt_error_text(code, lang, null_mut(), 0, &raw mut len) };
        assert_eq!(code, TT_ERR_VALUE);
    }
    let version = text(|b, room, len| unsafe { tt_version(b.cast(), room, len) });
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_store_that_is_none_is_not_begun_from() {
    let mut flash = Flash::with_room(0);
    flash.bytes.extend(b"something else entirely");
    assert_eq!(
        try_open(&mut flash, |_| {}),
        Err(TT_ERR_RECOVER),
        "{}",
        words()
    );
    assert_eq!(
        flash.bytes, b"something else entirely",
        "and is left as it was"
    );
}

/// What the hook below was asked to do beside signing, and what came of it.
struct Hook {
    terminal: AtomicU64,
    answer: AtomicI32,
    from_inside: AtomicI32,
}

unsafe extern "C" fn sign(user: *mut c_void, message: *const u8, len: usize, out: *mut u8) -> i32 {
    let hook = unsafe { &*user.cast::<Hook>() };
    let inside = tt_told(hook.terminal.load(Ordering::SeqCst), 1);
    hook.from_inside.store(inside, Ordering::SeqCst);
    let answer = hook.answer.load(Ordering::SeqCst);
    if answer == 0 {
        let message = unsafe { std::slice::from_raw_parts(message, len) };
        let signature = key("sam").sign(message);
        unsafe { std::ptr::copy_nonoverlapping(signature.0.as_ptr(), out, 64) };
    }
    answer
}

fn hooked(hook: &Hook) -> impl Fn(&mut TtSetup) {
    let signer = TtSigner {
        user: std::ptr::from_ref(hook).cast_mut().cast(),
        sign: Some(sign),
    };
    move |setup| (setup.signer, setup.test_key) = (signer, null())
}

#[test]
fn a_call_from_inside_a_hook_is_busy_and_a_hook_that_fails_is_a_power_cut() {
    let hook = Hook {
        terminal: AtomicU64::new(0),
        answer: AtomicI32::new(0),
        from_inside: AtomicI32::new(1),
    };
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, hooked(&hook));
    hook.terminal.store(terminal, Ordering::SeqCst);
    let mut rider = Rider::with(1, 5_000);
    assert_eq!(tap(terminal, &mut rider, T0).outcome, TT_ACCEPTED);
    assert_eq!(hook.from_inside.load(Ordering::SeqCst), TT_ERR_BUSY);

    // The card has paid, and the record cannot be signed.
    hook.answer.store(17, Ordering::SeqCst);
    rider.present();
    let mut ask = blank_ask();
    let mut done = unsafe { tt_tap_begin(terminal, T0 + 60, &raw mut ask) };
    while done == TT_OK && ask.kind == TT_ASK_CARD {
        let answer = rider.transmit(asked(&ask)).unwrap();
        done = unsafe {
            tt_next(
                terminal,
                TT_HEARD,
                answer.as_ptr(),
                answer.len(),
                &raw mut ask,
            )
        };
    }
    assert_eq!(done, TT_ERR_SIGNER);
    assert!(words().contains("17"), "{}", words());
    assert_eq!(tt_told(terminal, 1), TT_ERR_BROKEN);
    assert_eq!(tt_close(terminal), TT_OK);

    hook.answer.store(0, Ordering::SeqCst);
    let hooked = hooked(&hook);
    let terminal = open(&mut flash, |setup| {
        hooked(setup);
        setup.psam_first_sequence = 100;
    });
    rider.present();
    let end = tap(terminal, &mut rider, T0 + 65);
    assert_eq!(end.balance_fen, 4_600, "paid twice for two rides, not more");
    assert_eq!(end.outcome, tongtu_ffi::types::TT_RECOVERED);
    tt_close(terminal);
}

/// Two ends of a conversation between a hook and the test.
struct Gate {
    entered: Sender<()>,
    leave: Receiver<()>,
}

unsafe extern "C" fn slow(user: *mut c_void, message: *const u8, len: usize, out: *mut u8) -> i32 {
    let gate = unsafe { &*user.cast::<Gate>() };
    gate.entered.send(()).unwrap();
    gate.leave.recv().unwrap();
    let message = unsafe { std::slice::from_raw_parts(message, len) };
    let signature = key("sam").sign(message);
    unsafe { std::ptr::copy_nonoverlapping(signature.0.as_ptr(), out, 64) };
    0
}

#[test]
fn a_second_thread_is_told_that_the_terminal_is_busy_and_another_terminal_serves() {
    let ((entered, inside), (leave, left)) = (channel(), channel());
    let gate = Gate {
        entered,
        leave: left,
    };
    let signer = TtSigner {
        user: std::ptr::from_ref(&gate).cast_mut().cast(),
        sign: Some(slow),
    };
    let (mut flash, mut other) = (Flash::with_room(0), Flash::with_room(0));
    let terminal = open(&mut flash, |s| (s.signer, s.test_key) = (signer, null()));
    let second = open(&mut other, |_| {});
    let code = code(1, T0);
    std::thread::scope(|scope| {
        let scanning = scope.spawn(|| {
            let mut end = blank_scan_end();
            let done = unsafe { tt_scan(terminal, T0, code.as_ptr(), code.len(), &raw mut end) };
            (done, end.outcome)
        });
        inside.recv().unwrap();
        assert_eq!(tt_told(terminal, 1), TT_ERR_BUSY);
        assert_eq!(tt_close(terminal), TT_ERR_BUSY);
        assert_eq!(
            tap(second, &mut Rider::with(2, 5_000), T0).outcome,
            TT_ACCEPTED
        );
        leave.send(()).unwrap();
        assert_eq!(scanning.join().unwrap(), (TT_OK, TT_ACCEPTED));
    });
    assert_eq!((tt_close(terminal), tt_close(second)), (TT_OK, TT_OK));
}

#[test]
fn a_journal_in_a_file_is_held_by_one_terminal() {
    let name = format!("tongtu-ffi-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = format!("{}\0", folder.join("journal").display());
    let key = sam_key();
    let mut setup = setup(&key);
    setup.journal = path.as_ptr().cast();
    let (mut first, mut second) = (0, 0);
    assert_eq!(
        unsafe { tt_open(&raw const setup, &raw mut first) },
        TT_OK,
        "{}",
        words()
    );
    let held = unsafe { tt_open(&raw const setup, &raw mut second) };
    assert_eq!((held, second), (tongtu_ffi::code::TT_ERR_STORE, 0));
    assert_eq!(tt_close(first), TT_OK);
    assert_eq!(
        unsafe { tt_open(&raw const setup, &raw mut second) },
        TT_OK,
        "{}",
        words()
    );
    assert_eq!(tt_close(second), TT_OK);
    std::fs::remove_dir_all(folder).unwrap();
}
