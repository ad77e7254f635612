//! E-cashes: whole rides at a bus, composite ones at gates by the maker's keys.

use std::ffi::c_void;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::cryptogram::composite_mac;
use tongtu_ecash::test_card;
use tongtu_ffi::api::{
    tt_authority_take, tt_cash_serve, tt_close, tt_close_stale, tt_reason, tt_revocations_take,
    tt_status,
};
use tongtu_ffi::code::{TT_ERR_NULL, TT_ERR_SIZE, TT_ERR_VALUE, TT_OK};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_POST_ENTRY, TT_POST_EXIT, TT_RECOVERED, TT_REFUSED, TT_TORN, TtAuthority,
    TtCash, TtRecordUpdate, TtSetup,
};
use tongtu_types::Timestamp;

use crate::fixture::{
    Flash, Rider, T0, authorities, blank_status, cash, open, serve_cash, tap, words,
};

const BOTH: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

#[test]
fn an_e_cash_of_either_algorithm_pays_a_ride() {
    for algorithm in BOTH {
        let mut flash = Flash::with_room(0);
        let terminal = open(&mut flash, |_| {});
        serve_cash(terminal);
        let mut rider = Rider::with_cash(algorithm);
        rider.present();
        let end = tap(terminal, &mut rider, T0);
        assert_eq!((end.outcome, end.paid_by), (TT_ACCEPTED, 3));
        assert_eq!((end.fare_fen, end.seq), (200, 1));
        let mut status = blank_status();
        assert_eq!(unsafe { tt_status(terminal, T0, &raw mut status) }, TT_OK);
        assert_eq!((status.cash, status.waiting), (1, 1));
        tt_close(terminal);
    }
}

#[test]
fn without_its_rules_or_its_authority_an_e_cash_is_refused() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut rider = Rider::with_cash(Algorithm::Sm4);
    let end = tap(terminal, &mut rider, T0);
    assert_eq!((end.outcome, end.paid_by), (TT_REFUSED, 0));
    let cash = cash();
    assert_eq!(unsafe { tt_cash_serve(terminal, &raw const cash) }, TT_OK);
    rider.present();
    assert_eq!(tap(terminal, &mut rider, T0 + 20).outcome, TT_REFUSED);
    // An authority that comes later is believed from the next tap on.
    serve_cash(terminal);
    rider.present();
    assert_eq!(tap(terminal, &mut rider, T0 + 40).outcome, TT_ACCEPTED);
    tt_close(terminal);
}

#[test]
fn an_issuer_whose_certificate_was_taken_back_is_refused_from_the_next_tap_on() {
    for algorithm in BOTH {
        let mut flash = Flash::with_room(0);
        let terminal = open(&mut flash, |_| {});
        let take = |version, serials: &[[u8; 3]]| {
            let mut count = 0_u8;
            let made = (version, Timestamp::new(T0));
            let list = test_card::revocations(algorithm, made, serials, &mut |out: &mut [u8]| {
                count = count.wrapping_add(1);
                out.fill(count);
            });
            let text = list.text();
            unsafe { tt_revocations_take(terminal, text.as_ptr(), text.len()) }
        };
        // Before its authority's key there is nobody who could have signed it.
        assert_eq!(take(1, &[]), TT_ERR_VALUE);
        assert!(words().contains("whose key is not held"), "{}", words());
        serve_cash(terminal);
        let mut rider = Rider::with_cash(algorithm);
        assert_eq!(take(2, &[[0, 0, 9]]), TT_OK);
        rider.present();
        assert_eq!(tap(terminal, &mut rider, T0).outcome, TT_ACCEPTED);
        assert_eq!(take(3, &[[0, 0, 1]]), TT_OK);
        rider.present();
        let end = tap(terminal, &mut rider, T0 + 2_000);
        assert_eq!((end.outcome, end.seq), (TT_REFUSED, 0));
        let mut why = [0_u8; 200];
        let mut len = 0;
        let code = unsafe { tt_reason(terminal, why.as_mut_ptr().cast(), why.len(), &raw mut len) };
        assert_eq!(code, TT_OK);
        let why = std::str::from_utf8(&why[..len]).unwrap();
        assert!(why.contains("IssuerRevoked"), "{why}");
        assert_eq!(take(2, &[]), TT_ERR_VALUE);
        assert_eq!(
            unsafe { tt_revocations_take(terminal, b"none".as_ptr(), 4) },
            TT_ERR_VALUE
        );
        tt_close(terminal);
    }
}

#[test]
fn an_e_cash_that_was_torn_is_recovered_and_not_charged_twice() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    serve_cash(terminal);
    let mut torn = 0;
    for answers in 1..30 {
        let mut rider = Rider::with_cash(Algorithm::Sm4);
        rider.present();
        rider.torn_after = Some(answers);
        let now = T0 + i64::try_from(answers).unwrap() * 1_000;
        let first = tap(terminal, &mut rider, now);
        if first.outcome == TT_ACCEPTED {
            break;
        }
        rider.present();
        let second = tap(terminal, &mut rider, now + 10);
        assert!(
            matches!(second.outcome, TT_ACCEPTED | TT_RECOVERED),
            "{answers}: {}, {}",
            first.outcome,
            second.outcome
        );
        torn += u32::from(first.outcome == TT_TORN);
        rider.present();
        let third = tap(terminal, &mut rider, now + 200);
        assert_eq!(
            third.balance_fen,
            10_000 - 400,
            "{answers}: {}",
            third.outcome
        );
        let mut closed = 0;
        let code = unsafe { tt_close_stale(terminal, now + 900, &raw mut closed) };
        assert_eq!((code, closed), (TT_OK, 0));
    }
    assert!(torn > 0, "no tap was torn in doubt");
    tt_close(terminal);
}

static MACS: AtomicU32 = AtomicU32::new(0);

/// The keys of the test card's files, as a maker's module would hold them.
unsafe extern "C" fn mac(_: *mut c_void, update: *const TtRecordUpdate, mac: *mut u8) -> i32 {
    let update = unsafe { *update };
    let algorithm = match update.algorithm {
        4 => Algorithm::Sm4,
        _ => Algorithm::Tdes,
    };
    let record = unsafe { std::slice::from_raw_parts(update.record, update.record_len) };
    let key = BlockKey::new(algorithm, test_card::file_key(update.sfi));
    let atc = u16::try_from(update.atc).unwrap();
    let made = composite_mac(&key, atc, update.header, record);
    unsafe { std::slice::from_raw_parts_mut(mac, 4) }.copy_from_slice(&made);
    MACS.fetch_add(1, Ordering::Relaxed);
    0
}

unsafe extern "C" fn no_mac(_: *mut c_void, _: *const TtRecordUpdate, _: *mut u8) -> i32 {
    1
}

fn gate(kind: u32) -> impl FnOnce(&mut TtSetup) {
    move |setup| {
        setup.post.kind = kind;
        setup.post.line = c"METRO".as_ptr();
        setup.post.station = if kind == TT_POST_ENTRY {
            c"0101".as_ptr()
        } else {
            c"0109".as_ptr()
        };
        setup.post.vehicle = null();
        setup.post.card_line = [1, 0];
    }
}

#[test]
fn gates_let_an_e_cash_through_by_the_makers_keys_of_records() {
    for algorithm in BOTH {
        let (mut one, mut other) = (Flash::with_room(0), Flash::with_room(0));
        let entry = open(&mut one, gate(TT_POST_ENTRY));
        let exit = open(&mut other, gate(TT_POST_EXIT));
        let mut keys = cash();
        keys.records.mac = Some(mac);
        for terminal in [entry, exit] {
            serve_cash(terminal);
            assert_eq!(unsafe { tt_cash_serve(terminal, &raw const keys) }, TT_OK);
        }
        let mut rider = Rider::with_cash(algorithm);
        let before = MACS.load(Ordering::Relaxed);
        rider.present();
        assert_eq!(tap(entry, &mut rider, T0).outcome, TT_ACCEPTED);
        rider.present();
        let out = tap(exit, &mut rider, T0 + 900);
        assert_eq!((out.outcome, out.paid_by), (TT_ACCEPTED, 3));
        assert!(out.fare_fen > 0);
        assert!(MACS.load(Ordering::Relaxed) >= before + 2);
        // A maker without the key: the rider is refused, and nothing is charged.
        keys.records.mac = Some(no_mac);
        assert_eq!(unsafe { tt_cash_serve(entry, &raw const keys) }, TT_OK);
        rider.present();
        assert_eq!(tap(entry, &mut rider, T0 + 2_000).outcome, TT_REFUSED);
        tt_close(entry);
        tt_close(exit);
    }
}

#[test]
fn an_authority_that_is_none_is_named() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    type Change = fn(&mut TtAuthority);
    let changes: [(i32, &str, Change); 7] = [
        (TT_ERR_SIZE, "authority", |a| a.struct_size += 1),
        (TT_ERR_VALUE, "kind", |a| a.kind = 3),
        (TT_ERR_VALUE, "index", |a| a.index = 256),
        (TT_ERR_VALUE, "key", |a| a.key_len = 3),
        (TT_ERR_VALUE, "expires", |a| {
            a.expires = [0x20, 0x35, 0x13, 0x31]
        }),
        (TT_ERR_VALUE, "check", |a| a.check_len -= 1),
        (TT_ERR_NULL, "check", |a| a.check = null()),
    ];
    for authority in authorities() {
        for (expected, name, change) in changes {
            let mut plain = authority.plain;
            change(&mut plain);
            let code = unsafe { tt_authority_take(terminal, &raw const plain) };
            assert_eq!(code, expected, "{name}: {}", words());
            assert!(words().contains(name), "{name}: {}", words());
        }
        assert_eq!(
            unsafe { tt_authority_take(terminal, &raw const authority.plain) },
            TT_OK
        );
        let mut older = authority.plain;
        older.version = 0;
        assert_eq!(
            unsafe { tt_authority_take(terminal, &raw const older) },
            TT_ERR_VALUE
        );
    }
    tt_close(terminal);
}

#[test]
fn rules_of_the_e_cash_that_cannot_be_are_named() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    type Change = fn(&mut TtCash);
    let changes: [(i32, &str, Change); 6] = [
        (TT_ERR_SIZE, "cash", |c| c.struct_size = 0),
        (TT_ERR_VALUE, "seed", |c| c.seed = [0; 32]),
        (TT_ERR_VALUE, "issuers", |c| c.issuers = c"62,".as_ptr()),
        (TT_ERR_VALUE, "issuers", |c| c.issuers = c"6a".as_ptr()),
        (TT_ERR_VALUE, "merchant", |c| {
            c.merchant = c"more than twenty letters".as_ptr();
        }),
        (TT_ERR_VALUE, "merchant", |c| c.merchant = c"\n".as_ptr()),
    ];
    for (expected, name, change) in changes {
        let mut plain = cash();
        change(&mut plain);
        let code = unsafe { tt_cash_serve(terminal, &raw const plain) };
        assert_eq!(code, expected, "{name}");
        assert!(words().contains(name), "{name}: {}", words());
    }
    let none: *const TtCash = null_mut();
    assert_eq!(unsafe { tt_cash_serve(terminal, none) }, TT_ERR_NULL);
    tt_close(terminal);
}
