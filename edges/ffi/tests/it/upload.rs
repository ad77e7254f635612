//! Records on their way: one by one, or in batches with their chain.

use tongtu_ffi::api::{
    tt_close, tt_pending, tt_status, tt_upload_answered, tt_upload_begin, tt_upload_failed,
    tt_upload_next,
};
use tongtu_ffi::code::{TT_ERR_NONE, TT_ERR_NULL, TT_ERR_SHORT, TT_ERR_VALUE, TT_OK};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_NO_TIME, TT_RECORD_MAX, TT_UPLOAD_IDLE, TT_UPLOAD_SEND, TT_UPLOAD_SENT,
    TT_UPLOAD_WAITING, TtRecord, TtUpload,
};
use tongtu_terminal::{CHAIN_START, chained};

use crate::fixture::{Flash, Rider, T0, blank_status, open, size, tap, words};

/// Every record that waits, with its number.
pub(crate) fn waiting(terminal: u64) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    let (mut after, mut len) = (0, 0);
    loop {
        let mut record = vec![0; TT_RECORD_MAX];
        let code = unsafe {
            tt_pending(
                terminal,
                after,
                &raw mut after,
                record.as_mut_ptr(),
                record.len(),
                &raw mut len,
            )
        };
        if code == TT_ERR_NONE {
            return found;
        }
        assert_eq!(code, TT_OK);
        record.truncate(len);
        found.push((after, record));
    }
}

fn begin(terminal: u64, now: i64) -> TtUpload {
    let mut upload = TtUpload {
        struct_size: size::<TtUpload>(),
        kind: 9,
        count: 9,
        failures: 9,
        until: 9,
    };
    let code = unsafe { tt_upload_begin(terminal, now, &raw mut upload) };
    assert_eq!(code, TT_OK, "{}", words());
    upload
}

fn next(terminal: u64, room: usize) -> (i32, TtRecord, Vec<u8>) {
    let mut record = TtRecord {
        struct_size: size::<TtRecord>(),
        seq: 0,
        before: [0; 32],
        chain: [0; 32],
    };
    let (mut bytes, mut len) = (vec![0; room], 0);
    let code = unsafe {
        tt_upload_next(
            terminal,
            &raw mut record,
            bytes.as_mut_ptr(),
            room,
            &raw mut len,
        )
    };
    bytes.truncate(len);
    (code, record, bytes)
}

fn fetch(terminal: u64) -> Vec<(TtRecord, Vec<u8>)> {
    let mut batch = Vec::new();
    loop {
        match next(terminal, TT_RECORD_MAX) {
            (TT_OK, record, bytes) => batch.push((record, bytes)),
            (code, ..) => {
                assert_eq!(code, TT_ERR_NONE);
                return batch;
            }
        }
    }
}

fn answered(terminal: u64, seqs: &[u64]) {
    let code = unsafe { tt_upload_answered(terminal, seqs.as_ptr(), seqs.len()) };
    assert_eq!(code, TT_OK, "{}", words());
}

fn rides(terminal: u64, how_many: u8) {
    for number in 0..how_many {
        let now = T0 + i64::from(number) * 10;
        let end = tap(terminal, &mut Rider::with(number, 5_000), now);
        assert_eq!(end.outcome, TT_ACCEPTED);
    }
}

#[test]
fn a_batch_goes_out_with_its_chain_and_is_let_go_when_it_is_answered() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    assert_eq!(begin(terminal, T0).kind, TT_UPLOAD_IDLE);
    rides(terminal, 3);
    let upload = begin(terminal, T0 + 100);
    assert_eq!((upload.kind, upload.count), (TT_UPLOAD_SEND, 3));
    // A buffer that is too short leaves the record the next one.
    assert_eq!(next(terminal, 5).0, TT_ERR_SHORT);
    let batch = fetch(terminal);
    assert_eq!(batch.len(), 3);
    let mut before = CHAIN_START;
    for (record, bytes) in &batch {
        assert_eq!(record.before, before);
        before = chained(&before, record.seq, bytes);
        assert_eq!(record.chain, before);
    }
    assert_eq!(begin(terminal, T0 + 101).kind, TT_UPLOAD_SENT);
    answered(terminal, &[1, 2, 3]);
    assert_eq!(begin(terminal, T0 + 102).kind, TT_UPLOAD_IDLE);
    assert!(waiting(terminal).is_empty());
    tt_close(terminal);
}

#[test]
fn a_failure_waits_longer_each_time_and_the_same_records_go_out_again() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    rides(terminal, 2);
    let (mut now, mut waits) = (T0 + 100, Vec::new());
    for failures in 0..5 {
        let upload = begin(terminal, now);
        assert_eq!((upload.kind, upload.failures), (TT_UPLOAD_SEND, failures));
        assert_eq!(fetch(terminal).len(), 2);
        let mut until = 0;
        let code = unsafe { tt_upload_failed(terminal, now, &raw mut until) };
        assert_eq!(code, TT_OK);
        let early = begin(terminal, until - 1);
        assert_eq!((early.kind, early.until), (TT_UPLOAD_WAITING, until));
        waits.push(until - now);
        now = until;
    }
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert_eq!(begin(terminal, now).kind, TT_UPLOAD_SEND);
    // An answer about one of them ends the batch; the other goes out anew.
    answered(terminal, &[1]);
    let upload = begin(terminal, now);
    assert_eq!((upload.kind, upload.count), (TT_UPLOAD_SEND, 1));
    assert_eq!(fetch(terminal)[0].0.seq, 2);
    // What was never sent is not acknowledged.
    answered(terminal, &[77]);
    assert_eq!(begin(terminal, now).kind, TT_UPLOAD_SENT);
    tt_close(terminal);
}

#[test]
fn the_outlook_counts_cards_and_says_how_many_days_are_left() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |setup| setup.records_max = 30);
    let mut status = blank_status();
    let out = &raw mut status;
    assert_eq!(unsafe { tt_status(terminal, T0, out) }, TT_OK);
    assert_eq!((status.days_left, status.room, status.fill), (-1, 30, 0));
    rides(terminal, 10);
    assert_eq!(unsafe { tt_status(terminal, T0, out) }, TT_OK);
    assert_eq!((status.days_left, status.room, status.fill), (2, 20, 1));
    assert!(status.room_bytes > 0);
    // And after a restart.
    tt_close(terminal);
    let terminal = open(&mut flash, |setup| setup.records_max = 30);
    assert_eq!(unsafe { tt_status(terminal, T0, out) }, TT_OK);
    assert_eq!((status.days_left, status.fill), (2, 1));
    tt_close(terminal);
}

#[test]
fn times_and_pointers_that_are_none_are_told() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let null = std::ptr::null_mut();
    let mut upload = begin(terminal, T0);
    let out = &raw mut upload;
    assert_eq!(
        unsafe { tt_upload_begin(terminal, TT_NO_TIME, out) },
        TT_ERR_VALUE
    );
    assert_eq!(
        unsafe { tt_upload_begin(terminal, T0, std::ptr::null_mut()) },
        TT_ERR_NULL
    );
    assert_eq!(unsafe { tt_upload_failed(terminal, T0, null) }, TT_ERR_NULL);
    assert_eq!(
        unsafe { tt_upload_answered(terminal, std::ptr::null(), 1) },
        TT_ERR_NULL
    );
    assert_eq!(next(terminal, 10).0, TT_ERR_NONE);
    tt_close(terminal);
}
