//! No heap growth after start-up: what a tap takes from the heap it gives back, and it takes little.
//!
//! A binary of its own, because the counter is the allocator of everything in the process.
#![expect(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    reason = "an allocator is unsafe to implement; this one only counts and hands on"
)]

#[expect(
    dead_code,
    reason = "shared with the other tests, which use more of it"
)]
#[path = "it/fixture.rs"]
mod fixture;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tongtu_crypto::Algorithm;
use tongtu_ffi::api::{
    tt_ack, tt_close, tt_face_look, tt_face_open, tt_gallery_update, tt_next, tt_pending, tt_scan,
    tt_tap_begin, tt_tap_end, tt_told,
};
use tongtu_ffi::code::{TT_ERR_NONE, TT_OK};
use tongtu_ffi::types::{TT_ACCEPTED, TT_ASK_DONE, TT_HEARD, TT_RECORD_MAX, TT_REFUSED, TtCapture};

use fixture::{Flash, Rider, T0, asked, blank_ask, blank_scan_end, blank_tap_end, open};

/// Counts what this thread takes and gives back while it is told to.
struct Counting;

#[derive(Clone, Copy, Default, Debug)]
struct Count {
    is_on: bool,
    live: isize,
    peak: isize,
    times: usize,
}

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count { is_on: false, live: 0, peak: 0, times: 0 }) };
}

fn count(taken: isize, times: usize) {
    let _ = COUNT.try_with(|cell| {
        let mut count = cell.get();
        if count.is_on {
            count.live += taken;
            count.peak = count.peak.max(count.live);
            count.times += times;
            cell.set(count);
        }
    });
}

fn signed(size: usize) -> isize {
    isize::try_from(size).unwrap_or(isize::MAX)
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(signed(layout.size()), 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-signed(layout.size()), 0);
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may be there at once.
        count(signed(size), 1);
        count(-signed(layout.size()), 0);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the library takes while something runs, on top of what it has.
#[derive(Default, Debug, Clone, Copy)]
struct Meter {
    live: isize,
    peak: isize,
    times: usize,
}

impl Meter {
    /// Runs a call of ours, counted; everything around it is the world's.
    fn call<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let start = Count {
            is_on: true,
            live: self.live,
            peak: self.peak,
            times: self.times,
        };
        COUNT.set(start);
        let value = run();
        let Count {
            live, peak, times, ..
        } = COUNT.replace(Count::default());
        (self.live, self.peak, self.times) = (live, peak, times);
        value
    }

    /// Forgets peak and number, keeps what is live.
    fn reset(&mut self) {
        (self.peak, self.times) = (self.live, 0);
    }
}

fn tap(meter: &mut Meter, terminal: u64, rider: &mut Rider, now: i64) -> u32 {
    rider.present();
    let mut ask = blank_ask();
    let mut code = meter.call(|| unsafe { tt_tap_begin(terminal, now, &mut ask) });
    while code == TT_OK && ask.kind != TT_ASK_DONE {
        let answer = rider.transmit(asked(&ask)).unwrap();
        code = meter.call(|| unsafe {
            tt_next(terminal, TT_HEARD, answer.as_ptr(), answer.len(), &mut ask)
        });
    }
    assert_eq!(code, TT_OK);
    let mut end = blank_tap_end();
    meter.call(|| unsafe { tt_tap_end(terminal, &mut end) });
    if end.seq != 0 {
        assert_eq!(meter.call(|| tt_told(terminal, end.seq)), TT_OK);
    }
    end.outcome
}

/// Everything that waits goes to an acquirer who has it all at once.
fn upload(meter: &mut Meter, terminal: u64) {
    let (mut seq, mut len, mut seqs) = (0, 0, Vec::new());
    let mut record = vec![0; TT_RECORD_MAX];
    loop {
        let code = meter.call(|| unsafe {
            tt_pending(
                terminal,
                seq,
                &mut seq,
                record.as_mut_ptr(),
                record.len(),
                &mut len,
            )
        });
        if code == TT_ERR_NONE {
            break;
        }
        assert_eq!(code, TT_OK);
        seqs.push(seq);
    }
    let code = meter.call(|| unsafe { tt_ack(terminal, seqs.as_ptr(), seqs.len()) });
    assert_eq!(code, TT_OK);
}

/// Bytes beyond what is live that one tap may take at its worst.
const TAP_PEAK_MAX: isize = 8 * 1024;
/// Bytes that one record may keep until the acquirer has it.
const WAITING_MAX: isize = 1024;
/// How often one tap may ask the heap.
const TAP_TIMES_MAX: usize = 200;
/// The same of an e-cash, whose certificates are opened.
const CASH_PEAK_MAX: isize = 32 * 1024;
const CASH_TIMES_MAX: usize = 2_000;
/// Taps before and while it is measured; uploads come after each so many.
const WARM: usize = 400;
const MEASURED: usize = 1_000;
const UPLOAD: usize = 10;

#[test]
fn taps_leave_the_heap_as_it_was() {
    let mut flash = Flash::with_room(4 << 20);
    let terminal = open(&mut flash, |setup| setup.dead_bytes_max = 256 * 1024);
    let mut riders: Vec<Rider> = (0..40).map(|n| Rider::with(n, 90_000)).collect();
    let mut meter = Meter::default();
    let (mut worst_peak, mut worst_times, mut worst_record) = (0, 0, 0);
    let mut marks = Vec::new();
    for number in 0..WARM + MEASURED {
        let now = T0 + i64::try_from(number).unwrap() * 20;
        let rider = &mut riders[number % 40];
        if number % 500 == 499 {
            rider.load(1_000);
        }
        meter.reset();
        let live = meter.live;
        let outcome = tap(&mut meter, terminal, rider, now);
        assert!(matches!(outcome, TT_ACCEPTED | TT_REFUSED), "{outcome}");
        if number >= WARM {
            worst_peak = worst_peak.max(meter.peak - live);
            worst_times = worst_times.max(meter.times);
        }
        if number % UPLOAD == UPLOAD - 1 {
            let waiting = meter.live;
            upload(&mut meter, terminal);
            if number >= WARM {
                let records = isize::try_from(UPLOAD).unwrap();
                worst_record = worst_record.max((waiting - meter.live) / records);
                marks.push(meter.live);
            }
        }
    }
    println!(
        "live after each upload: {} to {} bytes; a tap at its worst: {worst_peak} bytes, \
         {worst_times} allocations; a record that waits: {worst_record} bytes",
        marks.iter().min().unwrap(),
        marks.iter().max().unwrap()
    );
    let (half, rest) = marks.split_at(marks.len() / 2);
    assert!(rest.iter().max() <= half.iter().max(), "grows: {marks:?}");
    assert!(worst_peak <= TAP_PEAK_MAX, "{worst_peak}");
    assert!(worst_times <= TAP_TIMES_MAX, "{worst_times}");
    assert!(worst_record <= WAITING_MAX, "{worst_record}");
    tt_close(terminal);
}

#[test]
fn refused_codes_leave_the_heap_as_it_was() {
    let mut flash = Flash::with_room(1 << 20);
    let terminal = open(&mut flash, |_| {});
    let code = fixture::code(1, T0);
    let mut meter = Meter::default();
    let mut marks = Vec::new();
    for number in 0..60 {
        let mut end = blank_scan_end();
        let now = T0 + 10 + number;
        let done =
            meter.call(|| unsafe { tt_scan(terminal, now, code.as_ptr(), code.len(), &mut end) });
        assert_eq!(done, TT_OK);
        marks.push(meter.live);
    }
    assert!(
        marks[30..].iter().max() <= marks[10..30].iter().max(),
        "{marks:?}"
    );
    tt_close(terminal);
}

#[test]
fn rides_by_code_leave_the_heap_as_it_was() {
    let mut flash = Flash::with_room(4 << 20);
    let terminal = open(&mut flash, |setup| setup.dead_bytes_max = 64 * 1024);
    let mut meter = Meter::default();
    let mut marks = Vec::new();
    // A code is remembered for some 20 minutes; these are three hours. Twenty riders, because
    // the keys of up to 4096 are kept.
    for number in 0..180 {
        let now = T0 + i64::from(number) * 60;
        let code = fixture::code(number % 20, now);
        let mut end = blank_scan_end();
        let done =
            meter.call(|| unsafe { tt_scan(terminal, now, code.as_ptr(), code.len(), &mut end) });
        assert_eq!((done, end.outcome), (TT_OK, TT_ACCEPTED));
        assert_eq!(meter.call(|| tt_told(terminal, end.seq)), TT_OK);
        if number % 10 == 9 {
            upload(&mut meter, terminal);
            marks.push(meter.live);
        }
    }
    println!("live after each upload of rides by code: {marks:?}");
    let (before, after) = marks.split_at(marks.len() / 2);
    assert!(
        after.iter().max() <= before.iter().max(),
        "grows: {marks:?}"
    );
    tt_close(terminal);
}

#[test]
fn taps_of_e_cashes_leave_the_heap_as_it_was() {
    let mut flash = Flash::with_room(4 << 20);
    let terminal = open(&mut flash, |setup| setup.dead_bytes_max = 64 * 1024);
    fixture::serve_cash(terminal);
    let (mut meter, mut now) = (Meter::default(), 0);
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let (mut worst_peak, mut worst_times, mut marks) = (0, 0, Vec::new());
        let mut rider = Rider::with_cash(algorithm);
        for number in 0..240 {
            if number % 40 == 39 {
                // Its money is nearly gone; the next has the same number.
                rider = Rider::with_cash(algorithm);
            }
            meter.reset();
            let live = meter.live;
            let outcome = tap(&mut meter, terminal, &mut rider, T0 + now);
            assert_eq!(outcome, TT_ACCEPTED);
            now += 20;
            if number >= 40 {
                worst_peak = worst_peak.max(meter.peak - live);
                worst_times = worst_times.max(meter.times);
            }
            if number % 10 == 9 {
                upload(&mut meter, terminal);
                marks.push(meter.live);
            }
        }
        println!(
            "live after each upload, {algorithm:?}: {} to {} bytes; a tap at its worst: \
             {worst_peak} bytes, {worst_times} allocations",
            marks.iter().min().unwrap(),
            marks.iter().max().unwrap()
        );
        let (half, rest) = marks.split_at(marks.len() / 2);
        assert!(rest.iter().max() <= half.iter().max(), "grows: {marks:?}");
        assert!(worst_peak <= CASH_PEAK_MAX, "{worst_peak}");
        assert!(worst_times <= CASH_TIMES_MAX, "{worst_times}");
    }
    tt_close(terminal);
}

#[test]
fn looks_at_faces_leave_the_heap_as_it_was() {
    let mut flash = Flash::with_room(4 << 20);
    let terminal = open(&mut flash, |setup| setup.dead_bytes_max = 64 * 1024);
    let face = fixture::face(fixture::plain_matcher());
    assert_eq!(unsafe { tt_face_open(terminal, &raw const face) }, TT_OK);
    // Nine riders with templates of 512 bytes that have little in common.
    let template = |number: u8| -> Vec<u8> {
        let mut state = u32::from(number).wrapping_mul(2_654_435_761);
        let byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(byte).take(512).collect()
    };
    let templates: Vec<Vec<u8>> = (1..10).map(template).collect();
    let until = T0 + 20 * 86_400;
    let riders: Vec<_> = (1..10)
        .zip(&templates)
        .map(|(n, t)| (n, &t[..], until))
        .collect();
    let bytes = fixture::gallery(1, *b"COSINE01", &riders);
    assert_eq!(
        unsafe { tt_gallery_update(terminal, bytes.as_ptr(), bytes.len()) },
        TT_OK
    );
    let mut meter = Meter::default();
    let (mut worst_peak, mut worst_times, mut marks) = (0, 0, Vec::new());
    for number in 0..600_usize {
        let now = T0 + i64::try_from(number).unwrap() * 20;
        let probe = &templates[number % 9];
        let capture = fixture::capture(probe);
        let mut end = fixture::blank_face_end();
        meter.reset();
        let live = meter.live;
        let done =
            meter.call(|| unsafe { tt_face_look(terminal, now, &raw const capture, &mut end) });
        assert_eq!((done, end.outcome), (TT_OK, TT_ACCEPTED), "{}", end.why);
        assert_eq!(meter.call(|| tt_told(terminal, end.seq)), TT_OK);
        if number >= 100 {
            worst_peak = worst_peak.max(meter.peak - live);
            worst_times = worst_times.max(meter.times);
        }
        // Nobody, a spoof, a stranger: nothing is kept of them.
        let before = meter.live;
        for (faces, liveness) in [(0, 1), (1, 2), (3, 1)] {
            let refused = TtCapture {
                faces,
                liveness,
                ..capture
            };
            meter.call(|| unsafe { tt_face_look(terminal, now, &raw const refused, &mut end) });
        }
        assert!(meter.live <= before, "{} of {before}", meter.live);
        if number % 10 == 9 {
            upload(&mut meter, terminal);
            marks.push(meter.live);
        }
    }
    println!(
        "live after each upload of rides by face: {} to {} bytes; a look at its worst: \
         {worst_peak} bytes, {worst_times} allocations",
        marks.iter().min().unwrap(),
        marks.iter().max().unwrap()
    );
    let (half, rest) = marks.split_at(marks.len() / 2);
    assert!(rest.iter().max() <= half.iter().max(), "grows: {marks:?}");
    assert!(worst_peak <= TAP_PEAK_MAX, "{worst_peak}");
    assert!(worst_times <= TAP_TIMES_MAX, "{worst_times}");
    tt_close(terminal);
}
