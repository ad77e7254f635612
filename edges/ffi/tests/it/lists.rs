//! Bundles and the card blacklist: in memory, on devices, in files; and the report of them.

use std::ffi::{CString, c_void};
use std::ptr::{null, null_mut};

use tongtu_blacklist::{Blacklist, Change, Issue, ListedNumber, Loader, Span, file};
use tongtu_ffi::api::{
    tt_apply_lists, tt_blacklist_compact, tt_blacklist_open, tt_blacklist_take, tt_close,
    tt_coverage, tt_lists_open, tt_status, tt_tap_begin,
};
use tongtu_ffi::code::{
    TT_ERR_BUSY, TT_ERR_LISTS, TT_ERR_NULL, TT_ERR_SHORT, TT_ERR_STATE, TT_ERR_STORE, TT_ERR_VALUE,
    TT_OK,
};
use tongtu_ffi::types::{TT_ACCEPTED, TT_REFUSED, TtMedium, TtSource, TtStatus};
use tongtu_terminal::Coverage;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::fixture::{
    Flash, Rider, T0, blank_ask, blank_status, bundle, key, open, size, tap, try_open, words,
};
use crate::program::Folder;

fn issue(version: u64) -> Issue {
    Issue {
        acquirer: InstitutionCode::parse("11345810").unwrap(),
        version,
        issued_at: Timestamp::new(T0),
    }
}

fn number(rider: &Rider) -> ListedNumber {
    ListedNumber::from_bcd(&rider.serial()).unwrap()
}

fn full(version: u64, riders: &[&Rider]) -> Vec<u8> {
    let spans = riders.iter().map(|rider| Span::single(number(rider)));
    file::full(issue(version), spans, &key("list")).unwrap()
}

fn load(held: &Blacklist, file: &[u8]) -> Blacklist {
    let acquirer = issue(1).acquirer;
    let mut loader = Loader::new(key("list").public().clone(), acquirer, held);
    loader.feed(file).unwrap();
    loader.finish().unwrap()
}

/// A delta that lists one card more.
fn delta(version: u64, base: &Blacklist, rider: &Rider) -> Vec<u8> {
    let change = Change::Listed(Span::single(number(rider)));
    file::delta(issue(version), base.state(), [change], &key("list")).unwrap()
}

fn in_memory(bytes: &[u8]) -> TtSource {
    TtSource {
        struct_size: size::<TtSource>(),
        bytes: bytes.as_ptr(),
        len: u64::try_from(bytes.len()).unwrap(),
        user: null_mut(),
        read: None,
    }
}

/// A file behind a hook; how often it was asked, whether it fails, and who taps meanwhile.
struct Slow<'a> {
    bytes: &'a [u8],
    asked: usize,
    fails: bool,
    taps: Option<(u64, &'a mut Rider)>,
}

impl Slow<'_> {
    fn source(&mut self) -> TtSource {
        TtSource {
            struct_size: size::<TtSource>(),
            bytes: null(),
            len: u64::try_from(self.bytes.len()).unwrap(),
            user: (&raw mut *self).cast(),
            read: Some(slow_read),
        }
    }
}

unsafe extern "C" fn slow_read(user: *mut c_void, at: u64, out: *mut u8, len: usize) -> i32 {
    let slow = unsafe { &mut *user.cast::<Slow<'_>>() };
    slow.asked += 1;
    if slow.fails && slow.asked > 1 {
        return 5;
    }
    if let Some((terminal, rider)) = &mut slow.taps {
        rider.present();
        let now = T0 + i64::try_from(slow.asked).unwrap() * 60;
        assert_eq!(tap(*terminal, rider, now).outcome, TT_ACCEPTED);
        // It is not taken away meanwhile, and one file is taken at a time.
        assert_eq!(tt_close(*terminal), TT_ERR_BUSY);
        assert_eq!(take(*terminal, &in_memory(slow.bytes)).0, TT_ERR_STATE);
    }
    let at = usize::try_from(at).unwrap();
    let out = unsafe { std::slice::from_raw_parts_mut(out, len) };
    out.copy_from_slice(&slow.bytes[at..at + len]);
    0
}

fn take(terminal: u64, source: &TtSource) -> (i32, u64) {
    let mut version = 0;
    let code = unsafe { tt_blacklist_take(terminal, T0, &raw const *source, &raw mut version) };
    (code, version)
}

fn status(terminal: u64) -> TtStatus {
    let mut status = blank_status();
    assert_eq!(unsafe { tt_status(terminal, T0, &raw mut status) }, TT_OK);
    status
}

fn ride(terminal: u64, rider: &mut Rider, now: i64) -> u32 {
    rider.present();
    tap(terminal, rider, now).outcome
}

#[test]
fn a_card_that_is_listed_is_refused_and_another_rides() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let (mut good, mut bad) = (Rider::with(1, 5_000), Rider::with(2, 5_000));
    let file = full(3, &[&bad]);
    assert_eq!(take(terminal, &in_memory(&file)), (TT_OK, 3), "{}", words());
    assert_eq!(ride(terminal, &mut bad, T0), TT_REFUSED);
    assert_eq!(ride(terminal, &mut good, T0 + 10), TT_ACCEPTED);
    assert_eq!(status(terminal).card_blacklist, 3);
    assert_eq!(take(terminal, &in_memory(&file)).0, TT_ERR_LISTS);
    let mut waiting = 9;
    let code = unsafe { tt_blacklist_compact(terminal, 8, &raw mut waiting) };
    assert_eq!((code, waiting), (TT_OK, 0));
    tt_close(terminal);
}

#[test]
fn a_delta_that_is_missing_is_said_and_one_that_fits_is_taken() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let (one, two, mut three) = (
        Rider::with(1, 100),
        Rider::with(2, 100),
        Rider::with(3, 5_000),
    );
    let first = full(1, &[&one]);
    let list = load(&Blacklist::default(), &first);
    let second = delta(2, &list, &two);
    let list = load(&list, &second);
    let third = delta(3, &list, &three);
    assert_eq!(take(terminal, &in_memory(&first)), (TT_OK, 1));
    assert_eq!(take(terminal, &in_memory(&third)).0, TT_ERR_LISTS);
    assert!(words().contains("delta from version 2"), "{}", words());
    assert_eq!(take(terminal, &in_memory(&second)), (TT_OK, 2));
    assert_eq!(take(terminal, &in_memory(&third)), (TT_OK, 3));
    assert_eq!(ride(terminal, &mut three, T0), TT_REFUSED);
    tt_close(terminal);
}

#[test]
fn a_list_lies_on_devices_twice_and_comes_back_after_a_restart() {
    let mut flash = Flash::with_room(0);
    let mut places = [
        Flash::with_room(0),
        Flash::with_room(0),
        Flash::with_room(0),
    ];
    let media: Vec<TtMedium> = places.iter_mut().map(Flash::medium).collect();
    let shelve = |terminal| {
        let (mut version, mut refused) = (0, 9);
        let code = unsafe {
            tt_blacklist_open(
                terminal,
                T0,
                null(),
                media.as_ptr(),
                &raw mut version,
                &raw mut refused,
            )
        };
        assert_eq!(code, TT_OK, "{}", words());
        (version, refused)
    };
    let (one, mut two) = (Rider::with(1, 100), Rider::with(2, 5_000));
    let first = full(1, &[&one]);
    let more = delta(2, &load(&Blacklist::default(), &first), &two);

    let terminal = open(&mut flash, |_| {});
    assert_eq!(shelve(terminal), (0, 0));
    assert_eq!(take(terminal, &in_memory(&first)), (TT_OK, 1));
    assert_eq!(take(terminal, &in_memory(&more)), (TT_OK, 2));
    tt_close(terminal);

    let terminal = open(&mut flash, |_| {});
    assert_eq!(shelve(terminal), (2, 0));
    assert_eq!(ride(terminal, &mut two, T0), TT_REFUSED);
    // A second full file goes into the other slot; when it is bent at rest, the first counts.
    let third = full(5, &[]);
    assert_eq!(take(terminal, &in_memory(&third)), (TT_OK, 5));
    tt_close(terminal);
    let last = places[1].bytes.len() - 1;
    places[1].bytes[last] ^= 1;

    let terminal = open(&mut flash, |_| {});
    let (version, _) = shelve(terminal);
    assert_eq!(version, 2, "the older one with its delta");
    let code = unsafe { tt_blacklist_open(terminal, T0, null(), media.as_ptr(), &mut 0, &mut 0) };
    assert_eq!(code, TT_ERR_STATE, "it has its place");
    tt_close(terminal);
}

#[test]
fn a_file_is_read_piece_by_piece_while_riders_tap() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut rider = Rider::with(1, 90_000);
    // Some 200 kB: single numbers that do not lie together.
    let mut numbers = Vec::new();
    for at in 0..20_000_u32 {
        let mut bcd = [0x09; 10];
        let digits = format!("{:06}", at * 3);
        for (slot, pair) in bcd[7..].iter_mut().zip(digits.as_bytes().chunks(2)) {
            *slot = ((pair[0] - b'0') << 4) | (pair[1] - b'0');
        }
        numbers.push(Span::single(ListedNumber::from_bcd(&bcd).unwrap()));
    }
    let file = file::full(issue(1), numbers, &key("list")).unwrap();
    let mut slow = Slow {
        bytes: &file,
        asked: 0,
        fails: false,
        taps: Some((terminal, &mut rider)),
    };
    let source = slow.source();
    assert_eq!(take(terminal, &source), (TT_OK, 1), "{}", words());
    assert!(slow.asked > 3, "{}", slow.asked);
    assert_eq!(status(terminal).card_blacklist, 1);
    tt_close(terminal);
}

#[test]
fn a_source_that_fails_or_lies_leaves_the_list_and_the_next_file_is_taken() {
    let mut flash = Flash::with_room(0);
    let mut places = [
        Flash::with_room(0),
        Flash::with_room(0),
        Flash::with_room(0),
    ];
    let media: Vec<TtMedium> = places.iter_mut().map(Flash::medium).collect();
    let terminal = open(&mut flash, |_| {});
    let code = unsafe { tt_blacklist_open(terminal, T0, null(), media.as_ptr(), &mut 0, &mut 0) };
    assert_eq!(code, TT_OK);
    let bad = Rider::with(2, 100);
    let file = full(1, &[&bad]);
    let mut slow = Slow {
        bytes: &file,
        asked: 0,
        fails: true,
        taps: None,
    };
    let source = slow.source();
    assert_eq!(take(terminal, &source).0, TT_ERR_STORE);
    for cut in [0, 1, 100, file.len() - 1] {
        assert_eq!(take(terminal, &in_memory(&file[..cut])).0, TT_ERR_LISTS);
    }
    for byte in [0, 40, file.len() - 1] {
        let mut bent = file.clone();
        bent[byte] ^= 1;
        assert_eq!(take(terminal, &in_memory(&bent)).0, TT_ERR_LISTS, "{byte}");
    }
    assert_eq!(status(terminal).card_blacklist, 0);
    for place in &mut places {
        place.fails = 4;
    }
    assert_eq!(take(terminal, &in_memory(&file)).0, TT_ERR_STORE);
    for place in &mut places {
        place.fails = 0;
    }
    assert_eq!(take(terminal, &in_memory(&file)), (TT_OK, 1), "{}", words());
    tt_close(terminal);
}

#[test]
fn sources_and_places_that_cannot_be_are_told() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let file = full(1, &[]);
    let mut none = in_memory(&file);
    none.bytes = null();
    assert_eq!(take(terminal, &none).0, TT_ERR_NULL);
    let mut both = in_memory(&file);
    both.read = Some(slow_read);
    assert_eq!(take(terminal, &both).0, TT_ERR_VALUE);
    let mut endless = in_memory(&file);
    endless.len = u64::MAX;
    assert_eq!(take(terminal, &endless).0, TT_ERR_VALUE);
    let open_at =
        |path, media| unsafe { tt_blacklist_open(terminal, T0, path, media, &mut 0, &mut 0) };
    assert_eq!(open_at(null(), null()), TT_ERR_NULL);
    let mut medium = Flash::with_room(0).medium();
    let media = &raw const medium;
    assert_eq!(open_at(c"/x".as_ptr(), media), TT_ERR_VALUE);
    medium.sync = None;
    assert_eq!(open_at(null(), &raw const medium), TT_ERR_NULL);
    assert_eq!(open_at(c"/no/such/folder/x".as_ptr(), null()), TT_ERR_STORE);
    assert_eq!(take(terminal, &in_memory(&file)), (TT_OK, 1));
    tt_close(terminal);
}

#[test]
fn lists_in_files_come_back_by_themselves() {
    let folder = Folder::make("lists");
    let path = |name: &str| {
        let path = folder.path().join(name);
        CString::new(path.to_str().unwrap()).unwrap()
    };
    let (lists, blacklist) = (path("lists"), path("cards"));
    let mut bad = Rider::with(2, 5_000);
    let mut flash = Flash::with_room(0);
    for start in 0..2 {
        let terminal = try_open(&mut flash, |_| {}).unwrap();
        let code = unsafe { tt_lists_open(terminal, T0, lists.as_ptr()) };
        assert_eq!(code, TT_OK, "{}", words());
        let mut version = 0;
        let code = unsafe {
            tt_blacklist_open(
                terminal,
                T0,
                blacklist.as_ptr(),
                null(),
                &raw mut version,
                &mut 0,
            )
        };
        assert_eq!((code, version), (TT_OK, start), "{}", words());
        if start == 0 {
            let mut ask = blank_ask();
            let code = unsafe { tt_tap_begin(terminal, T0, &raw mut ask) };
            assert_eq!(code, TT_ERR_LISTS);
            let bytes = bundle(1);
            let code = unsafe { tt_apply_lists(terminal, T0, bytes.as_ptr(), bytes.len()) };
            assert_eq!(code, TT_OK);
            let file = full(1, &[&bad]);
            assert_eq!(take(terminal, &in_memory(&file)), (TT_OK, 1));
        }
        assert_eq!(ride(terminal, &mut bad, T0 + start as i64), TT_REFUSED);
        tt_close(terminal);
    }
}

#[test]
fn the_report_of_the_lists_is_the_terminals_own() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let file = full(7, &[]);
    assert_eq!(take(terminal, &in_memory(&file)), (TT_OK, 7));
    let (mut report, mut len) = ([0; 256], 0);
    let code = unsafe { tt_coverage(terminal, T0, report.as_mut_ptr(), 10, &raw mut len) };
    assert_eq!(code, TT_ERR_SHORT);
    let code = unsafe {
        tt_coverage(
            terminal,
            T0,
            report.as_mut_ptr(),
            report.len(),
            &raw mut len,
        )
    };
    assert_eq!(code, TT_OK);
    let report = Coverage::open(&report[..len], key("sam").public()).unwrap();
    assert_eq!((report.version, report.card_blacklist), (1, 7));
    assert_eq!(report.terminal.as_str(), "581000000007");
    let status = status(terminal);
    assert_eq!((status.lists_applied_at, status.lists_fresh_at), (T0, T0));
    assert_eq!((status.codes, status.cities_late), (1, 0));
    tt_close(terminal);
}
