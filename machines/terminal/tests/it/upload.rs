//! Records leave only when acknowledged; failures wait longer each time.

use tongtu_terminal::{Backoff, RecordStore as _, Upload, UploadStep};
use tongtu_types::TerminalNumber;

use crate::fixture::{Street, T0, bus};

fn ridden(rides: u8) -> (Street, Upload) {
    let mut street = Street::new(bus());
    for number in 1..=rides {
        street.ride(&street.city.rider(number).code_at(T0), T0);
    }
    let number = street.terminal.profile().terminal;
    (street, Upload::new(number, 2, Backoff::default()))
}

fn sent(step: UploadStep) -> Vec<u64> {
    match step {
        UploadStep::Send { records } => records.iter().map(|sent| sent.seq).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn batches_go_out_in_order_until_nothing_waits() {
    let (mut street, mut upload) = ridden(3);
    assert_eq!(street.terminal.pending(9, &street.store).len(), 3);
    assert_eq!(sent(upload.poll(T0, &street.store)), [1, 2]);
    assert_eq!(upload.poll(T0, &street.store), UploadStep::Sent);
    assert_eq!(
        street.store.capacity().waiting,
        3,
        "sent is not acknowledged"
    );
    let (terminal, store) = (&mut street.terminal, &mut street.store);
    upload.answered(2, terminal, store).unwrap();
    assert_eq!(sent(upload.poll(T0, store)), [3]);
    upload.answered(1, terminal, store).unwrap();
    assert_eq!(upload.poll(T0, store), UploadStep::Idle);
    assert_eq!(store.capacity().waiting, 0);
}

#[test]
fn an_answer_for_a_part_acknowledges_that_part() {
    let (mut street, mut upload) = ridden(3);
    sent(upload.poll(T0, &street.store));
    let (terminal, store) = (&mut street.terminal, &mut street.store);
    upload.answered(1, terminal, store).unwrap();
    assert_eq!(sent(upload.poll(T0, store)), [2, 3]);
}

/// The answer was lost, not the upload: the same bytes go out again and are acknowledged once.
#[test]
fn a_lost_answer_sends_the_same_records_again() {
    let (mut street, mut upload) = ridden(2);
    let UploadStep::Send { records } = upload.poll(T0, &street.store) else {
        panic!("nothing to send");
    };
    let until = upload.failed(T0);
    assert_eq!(
        upload.poll(until.plus_s(-1), &street.store),
        UploadStep::Waiting { until }
    );
    let again = upload.poll(until, &street.store);
    assert_eq!(again, UploadStep::Send { records });
    let (terminal, store) = (&mut street.terminal, &mut street.store);
    upload.answered(2, terminal, store).unwrap();
    terminal.acknowledge(&[1, 2], store).unwrap();
    assert_eq!(upload.poll(until, store), UploadStep::Idle);
    assert_eq!(upload.failures(), 0);
}

#[test]
fn waits_double_up_to_a_limit_and_differ_between_terminals() {
    let backoff = Backoff::default();
    let number = |n: u32| TerminalNumber::parse(&format!("{n:012}")).unwrap();
    for (failures, full) in [
        (1, 2),
        (2, 4),
        (3, 8),
        (8, 256),
        (9, 300),
        (4_000_000_000, 300),
    ] {
        for n in 0..50 {
            let delay = backoff.delay_s(failures, number(n));
            assert!(
                delay <= full && delay >= full - full / 4,
                "{failures}: {delay}"
            );
        }
    }
    let delays: std::collections::BTreeSet<_> =
        (0..50).map(|n| backoff.delay_s(9, number(n))).collect();
    assert!(delays.len() > 20, "a city does not come back in one second");
}

#[test]
fn a_clock_that_jumps_back_does_not_hold_records() {
    let (street, mut upload) = ridden(1);
    upload.poll(T0, &street.store);
    upload.failed(T0.plus_s(1_000_000));
    assert_eq!(sent(upload.poll(T0, &street.store)), [1]);
}
