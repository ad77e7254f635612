//! Rides by face with a matcher of the maker's; galleries come, lie and go.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null;

use tongtu_ffi::api::{
    tt_close, tt_face_digits, tt_face_look, tt_face_open, tt_gallery_expire, tt_gallery_keep,
    tt_gallery_report, tt_gallery_restore, tt_gallery_update, tt_gallery_withdraw, tt_reason,
    tt_status, tt_told,
};
use tongtu_ffi::code::{
    TT_ERR_BUSY, TT_ERR_LISTS, TT_ERR_NONE, TT_ERR_NULL, TT_ERR_SHORT, TT_ERR_STATE, TT_ERR_VALUE,
    TT_OK,
};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_DIGITS_WANTED, TT_FACE_CONSENT_ENDED, TT_FACE_DIGITS, TT_FACE_ENGINE,
    TT_FACE_FINE, TT_FACE_NO_GALLERY, TT_FACE_NOT_LIVE, TT_FACE_QUALITY, TT_FACE_SEVERAL,
    TT_FACE_TOO_FREQUENT, TT_FACE_UNKNOWN, TT_LANG_EN, TT_LANG_ZH, TT_LIGHT_GREEN, TT_LIVE,
    TT_LIVE_UNDECIDED, TT_NO_TIME, TT_NOBODY, TT_OUT_OF_SERVICE, TT_POST_ENTRY, TT_POST_EXIT,
    TT_RECOVERED, TT_REFUSED, TT_SPOOF_SCREEN, TtCapture, TtFace, TtFaceEnd, TtMatcher, TtTemplate,
};
use tongtu_tap_record::{RecordKind, TapRecord};
use tongtu_terminal::face::GalleryReport;

use crate::fixture::{
    ENGINE, Flash, T0, blank_face_end, blank_status, capture, display, face, gallery, gallery_from,
    key, open, plain_matcher, text, voice, words,
};
use crate::upload::waiting;

const ONE: &[u8] = b"the first rider ";
const TWO: &[u8] = b"another somebody";
/// Half of the bytes are the first rider's.
const HALF: &[u8] = b"the firsXXXXXXXX";
const LATER: i64 = T0 + 90 * 86_400;

/// What the maker's matcher remembers, and what is wrong with it.
#[derive(Default)]
struct Bench {
    compared: Cell<u32>,
    ranked: Cell<u32>,
    /// What it returns instead of doing its work.
    fails: Cell<i32>,
    /// What it writes instead of the score.
    score: Cell<Option<u32>>,
    /// A terminal that it calls from inside, against the rules.
    calls: Cell<u64>,
    called: Cell<i32>,
}

/// How many bytes of ten thousand are the same.
fn likeness(probe: &[u8], other: &[u8]) -> u32 {
    let same = probe.iter().zip(other).filter(|(a, b)| a == b).count();
    u32::try_from(same * 10_000 / probe.len()).unwrap()
}

unsafe extern "C" fn compare(
    user: *mut c_void,
    probe: *const u8,
    probe_len: usize,
    enrolled: *const u8,
    enrolled_len: usize,
    score: *mut u32,
) -> i32 {
    let bench = unsafe { &*user.cast::<Bench>() };
    let probe = unsafe { std::slice::from_raw_parts(probe, probe_len) };
    let enrolled = unsafe { std::slice::from_raw_parts(enrolled, enrolled_len) };
    bench.compared.set(bench.compared.get() + 1);
    if bench.calls.get() != 0 {
        bench.called.set(tt_told(bench.calls.get(), 1));
    }
    unsafe {
        *score = bench
            .score
            .get()
            .unwrap_or_else(|| likeness(probe, enrolled))
    };
    bench.fails.get()
}

unsafe extern "C" fn rank(
    user: *mut c_void,
    probe: *const u8,
    probe_len: usize,
    templates: *const TtTemplate,
    count: usize,
    places: *mut u64,
    scores: *mut u32,
) -> i32 {
    let bench = unsafe { &*user.cast::<Bench>() };
    bench.ranked.set(bench.ranked.get() + 1);
    let probe = unsafe { std::slice::from_raw_parts(probe, probe_len) };
    let templates = unsafe { std::slice::from_raw_parts(templates, count) };
    let mut all: Vec<(u32, u64)> = (0..)
        .zip(templates)
        .map(|(place, of)| {
            let bytes = unsafe { std::slice::from_raw_parts(of.bytes, of.len) };
            (likeness(probe, bytes), place)
        })
        .collect();
    all.sort_by_key(|(score, place)| (u32::MAX - score, *place));
    // The second is the best of another rider, unless the bench lies.
    let (_, first) = all[0];
    if bench.score.get().is_none() {
        let of = |place: u64| templates[usize::try_from(place).unwrap()].handle;
        all.retain(|(_, place)| *place == first || of(*place) != of(first));
    }
    for (at, (score, place)) in all.into_iter().take(2).enumerate() {
        unsafe { *places.add(at) = place };
        unsafe { *scores.add(at) = score };
    }
    bench.fails.get()
}

fn matcher(bench: &Bench) -> TtMatcher {
    TtMatcher {
        user: (&raw const *bench).cast_mut().cast(),
        id: ENGINE,
        compare: Some(compare),
        rank: None,
    }
}

fn put_up(terminal: u64, face: &TtFace) {
    let code = unsafe { tt_face_open(terminal, &raw const *face) };
    assert_eq!(code, TT_OK, "{}", words());
}

fn take(terminal: u64, bytes: &[u8]) -> i32 {
    unsafe { tt_gallery_update(terminal, bytes.as_ptr(), bytes.len()) }
}

fn two(version: u64) -> Vec<u8> {
    gallery(version, ENGINE, &[(1, ONE, LATER), (2, TWO, LATER)])
}

fn look(terminal: u64, capture: &TtCapture, now: i64) -> TtFaceEnd {
    let mut end = blank_face_end();
    let code = unsafe { tt_face_look(terminal, now, &raw const *capture, &raw mut end) };
    assert_eq!(code, TT_OK, "{}", words());
    end
}

fn digits(terminal: u64, digits: &std::ffi::CStr, now: i64) -> TtFaceEnd {
    let mut end = blank_face_end();
    let code = unsafe { tt_face_digits(terminal, now, digits.as_ptr(), &raw mut end) };
    assert_eq!(code, TT_OK, "{}", words());
    end
}

fn kept(terminal: u64) -> Vec<u8> {
    let mut len = 0;
    let code = unsafe { tt_gallery_keep(terminal, std::ptr::null_mut(), 0, &raw mut len) };
    assert_eq!(code, TT_ERR_SHORT);
    let mut bytes = vec![0; len];
    let code = unsafe { tt_gallery_keep(terminal, bytes.as_mut_ptr(), bytes.len(), &raw mut len) };
    assert_eq!((code, len), (TT_OK, bytes.len()));
    bytes
}

#[test]
fn a_face_rides_by_the_makers_matcher_and_is_told_in_two_languages() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    assert_eq!(look(terminal, &capture(ONE), T0).why, TT_FACE_NO_GALLERY);
    assert_eq!(take(terminal, &two(1)), TT_OK, "{}", words());
    let end = look(terminal, &capture(ONE), T0);
    assert_eq!((end.outcome, end.why), (TT_ACCEPTED, TT_FACE_FINE));
    assert_eq!((end.light, end.fare_fen), (TT_LIGHT_GREEN, 200));
    assert_eq!((end.handle, end.consent), ([1; 16], 3));
    assert_eq!(bench.compared.get(), 4, "two riders, two templates each");
    assert_eq!(voice(terminal, TT_LANG_ZH), "乘车成功");
    assert_eq!(display(terminal, TT_LANG_EN), "Welcome\nFare 2.00 yuan");
    assert_eq!(tt_told(terminal, end.seq), TT_OK);
    let again = look(terminal, &capture(ONE), T0 + 10);
    assert_eq!(
        (again.outcome, again.why),
        (TT_REFUSED, TT_FACE_TOO_FREQUENT)
    );
    let records = waiting(terminal);
    let record = TapRecord::decode_signed(&records[0].1).unwrap();
    assert_eq!((records.len(), record.kind), (1, RecordKind::Face));
    let mut status = blank_status();
    assert_eq!(unsafe { tt_status(terminal, T0, &raw mut status) }, TT_OK);
    assert_eq!((status.gallery, status.gallery_riders), (1, 2));
    assert_eq!(
        (status.gallery_until, status.gallery_after),
        (T0 + 15 * 86_400, 1)
    );
    tt_close(terminal);
}

#[test]
fn a_matcher_with_an_index_ranks_the_whole_gallery_at_once() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    let mut fast = matcher(&bench);
    fast.rank = Some(rank);
    put_up(terminal, &face(fast));
    assert_eq!(take(terminal, &two(1)), TT_OK);
    let end = look(terminal, &capture(TWO), T0);
    assert_eq!((end.outcome, end.handle), (TT_ACCEPTED, [2; 16]));
    assert_eq!((bench.ranked.get(), bench.compared.get()), (1, 0));
    bench.score.set(Some(0));
    let end = look(terminal, &capture(b"!another somebod"), T0 + 60);
    assert_eq!(end.outcome, TT_REFUSED);
    bench.fails.set(7);
    let end = look(terminal, &capture(ONE), T0 + 60);
    assert_eq!((end.outcome, end.why), (TT_REFUSED, TT_FACE_ENGINE));
    tt_close(terminal);
}

#[test]
fn nobody_passes_who_is_not_alone_alive_well_seen_and_known() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    assert_eq!(take(terminal, &two(1)), TT_OK);
    let with = |faces, liveness, quality, probe: &[u8]| TtCapture {
        faces,
        liveness,
        quality,
        ..capture(probe)
    };
    let cases = [
        (with(2, TT_LIVE, 90, ONE), TT_FACE_SEVERAL),
        (with(1_000, TT_LIVE, 90, ONE), TT_FACE_SEVERAL),
        (with(1, TT_LIVE, 59, ONE), TT_FACE_QUALITY),
        (with(1, TT_LIVE_UNDECIDED, 90, ONE), TT_FACE_NOT_LIVE),
        (with(1, TT_SPOOF_SCREEN, 90, ONE), TT_FACE_NOT_LIVE),
        (with(1, TT_LIVE, 90, b"nobody"), TT_FACE_UNKNOWN),
    ];
    for (at, (capture, why)) in cases.into_iter().enumerate() {
        let end = look(terminal, &capture, T0);
        assert_eq!(
            (end.outcome, end.why, end.seq),
            (TT_REFUSED, why, 0),
            "{at}"
        );
    }
    let end = look(terminal, &with(0, TT_LIVE, 90, ONE), T0);
    assert_eq!((end.outcome, end.light), (TT_NOBODY, 0));
    let end = look(terminal, &capture(ONE), TT_NO_TIME);
    assert_eq!(end.outcome, TT_OUT_OF_SERVICE);
    let said = text(|buffer, room, len| unsafe { tt_reason(terminal, buffer.cast(), room, len) });
    assert!(!said.is_empty());
    assert!(waiting(terminal).is_empty());
    tt_close(terminal);
}

#[test]
fn whoever_is_only_nearly_alike_gives_the_second_factor() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    let mut asking = face(matcher(&bench));
    asking.ask = 4_000;
    put_up(terminal, &asking);
    assert_eq!(take(terminal, &two(1)), TT_OK);
    let end = look(terminal, &capture(HALF), T0);
    assert_eq!((end.outcome, end.seq), (TT_DIGITS_WANTED, 0));
    assert_eq!(voice(terminal, TT_LANG_ZH), "请输入手机号后四位");
    let wrong = digits(terminal, c"9999", T0 + 1);
    assert_eq!((wrong.why, wrong.again), (TT_FACE_DIGITS, 1));
    let end = digits(terminal, c"0001", T0 + 2);
    assert_eq!((end.outcome, end.handle), (TT_ACCEPTED, [1; 16]));
    // Nobody is waited for now.
    let late = digits(terminal, c"0001", T0 + 3);
    assert_eq!((late.why, late.again), (TT_FACE_DIGITS, 0));
    tt_close(terminal);
}

#[test]
fn a_gallery_lies_sealed_and_whoever_withdrew_is_gone_after_a_restart_too() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    assert_eq!(take(terminal, &two(5)), TT_OK);
    let mut gone = 0;
    let handles = [[1_u8; 16], [9; 16]].concat();
    let code = unsafe { tt_gallery_withdraw(terminal, handles.as_ptr(), 2, &raw mut gone) };
    assert_eq!((code, gone), (TT_OK, 1));
    assert_eq!(look(terminal, &capture(ONE), T0).why, TT_FACE_UNKNOWN);
    let bytes = kept(terminal);
    assert!(!bytes.windows(TWO.len()).any(|window| window == TWO));
    tt_close(terminal);

    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    let restore =
        |bytes: &[u8]| unsafe { tt_gallery_restore(terminal, bytes.as_ptr(), bytes.len()) };
    assert_eq!(restore(&bytes[..bytes.len() - 1]), TT_ERR_LISTS);
    assert_eq!(restore(&two(5)), TT_ERR_LISTS, "the acquirer's is not ours");
    assert_eq!(restore(&bytes), TT_OK, "{}", words());
    // The same list says that nothing is newer, and whoever withdrew stays away, however often.
    for _ in 0..3 {
        assert_eq!(take(terminal, &two(5)), TT_OK, "{}", words());
    }
    assert_eq!(take(terminal, &two(4)), TT_ERR_LISTS, "no older one");
    assert_eq!(look(terminal, &capture(ONE), T0 + 60).why, TT_FACE_UNKNOWN);
    assert_eq!(look(terminal, &capture(TWO), T0 + 60).outcome, TT_ACCEPTED);
    tt_close(terminal);
}

#[test]
fn consent_ends_by_itself() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    let bytes = gallery(1, ENGINE, &[(1, ONE, T0 + 100), (2, TWO, LATER)]);
    assert_eq!(take(terminal, &bytes), TT_OK);
    let end = look(terminal, &capture(ONE), T0 + 100);
    assert_eq!((end.outcome, end.why), (TT_REFUSED, TT_FACE_CONSENT_ENDED));
    let mut gone = 0;
    let code = unsafe { tt_gallery_expire(terminal, T0 + 100, &raw mut gone) };
    assert_eq!((code, gone), (TT_OK, 1));
    let code = unsafe { tt_gallery_expire(terminal, TT_NO_TIME, &raw mut gone) };
    assert_eq!(code, TT_ERR_VALUE);
    assert_eq!(look(terminal, &capture(ONE), T0 + 101).why, TT_FACE_UNKNOWN);
    tt_close(terminal);
}

#[test]
fn a_ride_that_was_not_told_completes_after_a_restart() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    assert_eq!(take(terminal, &two(1)), TT_OK);
    let first = look(terminal, &capture(ONE), T0);
    tt_close(terminal);
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    assert_eq!(take(terminal, &two(1)), TT_OK);
    let end = look(terminal, &capture(ONE), T0 + 20);
    assert_eq!((end.outcome, end.seq), (TT_RECOVERED, first.seq));
    assert_eq!(waiting(terminal).len(), 1);
    tt_close(terminal);
}

#[test]
fn an_update_goes_on_from_the_version_held_and_forgets_in_any_case() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    assert_eq!(take(terminal, &two(5)), TT_OK);
    let gap = gallery_from(6, 7, ENGINE, &[1], &[]);
    assert_eq!(take(terminal, &gap), TT_ERR_LISTS, "6 is missing");
    assert_eq!(look(terminal, &capture(ONE), T0).why, TT_FACE_UNKNOWN);
    let next = gallery_from(5, 6, ENGINE, &[2], &[(3, ONE, LATER)]);
    assert_eq!(take(terminal, &next), TT_OK, "{}", words());
    let end = look(terminal, &capture(ONE), T0);
    assert_eq!((end.outcome, end.handle), (TT_ACCEPTED, [3; 16]));
    let (mut report, mut len) = ([0; 256], 0);
    let code = unsafe {
        tt_gallery_report(
            terminal,
            T0,
            report.as_mut_ptr(),
            report.len(),
            &raw mut len,
        )
    };
    assert_eq!(code, TT_OK);
    let report = GalleryReport::open(&report[..len], key("sam").public()).unwrap();
    assert_eq!((report.version, report.riders), (6, 1));
    // Without a word from the acquirer nobody is known after fifteen days.
    let (mut gone, late) = (0, T0 + 15 * 86_400);
    assert_eq!(look(terminal, &capture(ONE), late).why, TT_FACE_NO_GALLERY);
    let code = unsafe { tt_gallery_expire(terminal, late, &raw mut gone) };
    assert_eq!((code, gone), (TT_OK, 1));
    let mut status = blank_status();
    assert_eq!(unsafe { tt_status(terminal, late, &raw mut status) }, TT_OK);
    assert_eq!((status.gallery_after, status.gallery_riders), (0, 0));
    tt_close(terminal);
}

#[test]
fn a_matcher_that_lies_or_calls_back_harms_nobody() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    put_up(terminal, &face(matcher(&bench)));
    assert_eq!(take(terminal, &two(1)), TT_OK);
    for (fails, score) in [(-5, None), (0, Some(10_001)), (0, Some(u32::MAX))] {
        bench.fails.set(fails);
        bench.score.set(score);
        let end = look(terminal, &capture(ONE), T0);
        assert_eq!((end.outcome, end.why), (TT_REFUSED, TT_FACE_ENGINE));
    }
    bench.fails.set(0);
    bench.score.set(None);
    bench.calls.set(terminal);
    assert_eq!(look(terminal, &capture(ONE), T0).outcome, TT_ACCEPTED);
    assert_eq!(bench.called.get(), TT_ERR_BUSY);
    tt_close(terminal);
}

#[test]
fn settings_that_cannot_be_are_named_and_galleries_of_others_refused() {
    let (bench, mut flash) = (Bench::default(), Flash::with_room(0));
    let terminal = open(&mut flash, |_| {});
    assert_eq!(take(terminal, &two(1)), TT_ERR_STATE);
    type Change = fn(&mut TtFace);
    let changes: [(i32, &str, Change); 6] = [
        (TT_ERR_VALUE, "accept", |f| f.accept = 10_001),
        (TT_ERR_VALUE, "ask", |f| f.ask = u32::MAX),
        (TT_ERR_VALUE, "quality_min", |f| f.quality_min = 101),
        (TT_ERR_VALUE, "digits_tries", |f| f.digits_tries = 256),
        (TT_ERR_VALUE, "seed", |f| f.seed = [0; 32]),
        (TT_ERR_NULL, "matcher", |f| {
            f.matcher.compare = None;
            f.matcher.rank = Some(rank);
        }),
    ];
    for (expected, name, change) in changes {
        let mut plain = face(matcher(&bench));
        change(&mut plain);
        let code = unsafe { tt_face_open(terminal, &raw const plain) };
        assert_eq!(code, expected, "{name}");
        assert!(words().contains(name), "{name}: {}", words());
    }
    put_up(terminal, &face(matcher(&bench)));
    let mut len = 0;
    let code = unsafe { tt_gallery_keep(terminal, std::ptr::null_mut(), 0, &raw mut len) };
    assert_eq!(code, TT_ERR_NONE);
    let other = gallery(1, *b"COSINE01", &[(1, ONE, LATER)]);
    assert_eq!(take(terminal, &other), TT_ERR_LISTS);
    let good = two(1);
    for cut in [0, 1, 44, good.len() - 1] {
        assert_eq!(take(terminal, &good[..cut]), TT_ERR_LISTS, "{cut}");
    }
    assert_eq!(take(terminal, &good), TT_OK);
    let mut end = blank_face_end();
    let mut bad = capture(ONE);
    bad.liveness = 6;
    let code = unsafe { tt_face_look(terminal, T0, &raw const bad, &raw mut end) };
    assert_eq!(code, TT_ERR_VALUE);
    (bad.liveness, bad.quality) = (TT_LIVE, 101);
    let code = unsafe { tt_face_look(terminal, T0, &raw const bad, &raw mut end) };
    assert_eq!(code, TT_ERR_VALUE);
    let code = unsafe { tt_face_digits(terminal, T0, null(), &raw mut end) };
    assert_eq!(code, TT_ERR_NULL);
    tt_close(terminal);
}

#[test]
fn gates_tell_each_other_who_went_in_by_face() {
    let (mut one, mut other) = (Flash::with_room(0), Flash::with_room(0));
    let gate = |kind, station: &'static std::ffi::CStr| {
        move |setup: &mut tongtu_ffi::types::TtSetup| {
            setup.post.kind = kind;
            setup.post.line = c"METRO".as_ptr();
            setup.post.station = station.as_ptr();
            setup.post.vehicle = null();
            setup.post.card_line = [1, 0];
        }
    };
    let entry = open(&mut one, gate(TT_POST_ENTRY, c"0101"));
    let exit = open(&mut other, gate(TT_POST_EXIT, c"0109"));
    let bytes = gallery(1, *b"COSINE01", &[(1, ONE, LATER)]);
    for terminal in [entry, exit] {
        put_up(terminal, &face(plain_matcher()));
        assert_eq!(take(terminal, &bytes), TT_OK, "{}", words());
    }
    assert_eq!(look(entry, &capture(ONE), T0).outcome, TT_ACCEPTED);
    assert_eq!(crate::rides::carry(entry, exit, T0 + 1), 1);
    let out = look(exit, &capture(ONE), T0 + 900);
    assert_eq!((out.outcome, out.light), (TT_ACCEPTED, TT_LIGHT_GREEN));
    assert!(out.fare_fen > 0, "{}", out.fare_fen);
    // The exit tells the others that the rider is out.
    assert_eq!(crate::rides::carry(exit, entry, T0 + 901), 1);
    tt_close(entry);
    tt_close(exit);
}
