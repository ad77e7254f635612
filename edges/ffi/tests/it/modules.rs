//! Which PSAMs a terminal takes money with.

use std::ptr::null;

use tongtu_ffi::api::{tt_close, tt_close_stale};
use tongtu_ffi::code::{TT_ERR_VALUE, TT_OK};
use tongtu_ffi::types::{TT_ACCEPTED, TT_LANG_EN, TT_LANG_ZH, TT_OUT_OF_SERVICE, TtModules};

use crate::fixture::{Flash, Rider, T0, open, size, tap, try_open, voice, words};
use crate::upload::waiting;

/// Nothing is said but the city.
fn modules() -> TtModules {
    TtModules {
        struct_size: size::<TtModules>(),
        own_number: 0,
        receivers: null(),
        receivers_count: 0,
        issuers: null(),
        issuers_count: 0,
        key_indexes: null(),
        key_indexes_count: 0,
        admitted: null(),
        admitted_count: 0,
    }
}

/// A tap at a terminal that is told so of modules; what it stored then.
fn told(said: &TtModules) -> (u32, u32, Vec<Vec<u8>>) {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |setup| setup.modules = &raw const *said);
    let end = tap(terminal, &mut Rider::with(1, 5_000), T0);
    if end.outcome == TT_OUT_OF_SERVICE {
        assert_eq!(voice(terminal, TT_LANG_ZH), "暂停刷卡，请扫码");
        assert_eq!(voice(terminal, TT_LANG_EN), "No cards now, use a code");
    }
    let mut closed = 9;
    for _ in 0..2 {
        let code = unsafe { tt_close_stale(terminal, T0 + 60, &raw mut closed) };
        assert_eq!(code, TT_OK);
    }
    assert_eq!(closed, 0, "once is enough");
    let records = waiting(terminal)
        .into_iter()
        .map(|(_, record)| record)
        .collect();
    tt_close(terminal);
    (end.outcome, end.say, records)
}

#[test]
fn a_module_that_is_not_the_terminals_serves_no_card_and_is_reported() {
    let (foreign, index, serial) = ([0x11; 8], [9], [0x22; 10]);
    let rules = [
        TtModules {
            receivers: foreign.as_ptr(),
            receivers_count: 1,
            ..modules()
        },
        TtModules {
            issuers: foreign.as_ptr(),
            issuers_count: 1,
            ..modules()
        },
        TtModules {
            key_indexes: index.as_ptr(),
            key_indexes_count: 1,
            ..modules()
        },
        TtModules {
            admitted: serial.as_ptr(),
            admitted_count: 1,
            ..modules()
        },
        TtModules {
            own_number: 1,
            ..modules()
        },
    ];
    for (said, fault) in rules.iter().zip(1..) {
        let (outcome, say, records) = told(said);
        assert_eq!((outcome, say), (TT_OUT_OF_SERVICE, 21));
        assert_eq!(records.len(), 1);
        assert_eq!(records[0][..6], [b'T', b'T', b'M', b'R', 1, fault]);
    }
    let (outcome, _, records) = told(&modules());
    assert_eq!((outcome, records.len()), (TT_ACCEPTED, 1));
}

#[test]
fn what_is_said_of_modules_is_checked() {
    let mut flash = Flash::with_room(0);
    let said = TtModules {
        own_number: 2,
        ..modules()
    };
    let opened = try_open(&mut flash, |setup| setup.modules = &raw const said);
    assert_eq!(opened, Err(TT_ERR_VALUE));
    assert!(words().contains("modules.own_number"), "{}", words());
}
