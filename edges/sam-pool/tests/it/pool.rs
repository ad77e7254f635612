//! Leases and request numbers, with a clock of the test's own.

use tongtu_psam::{PsamAnswer, PsamFault, PsamRequest, PsamSerial};
use tongtu_sam_pool::{ModuleState, Pool, PoolError};

use crate::bench::{chips, modules, purchase};

fn pool(count: u16) -> Pool {
    Pool::new(modules(&chips(count)), 1_000, 7)
}

fn permit(outcome: Result<PsamAnswer, PsamFault>) -> u32 {
    match outcome {
        Ok(PsamAnswer::Permit {
            terminal_sequence, ..
        }) => terminal_sequence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_module_has_one_client_until_the_lease_ends() {
    let pool = pool(2);
    let (first, one) = pool.lease(None, 0).unwrap();
    let (_, two) = pool.lease(None, 0).unwrap();
    assert_ne!(one.serial, two.serial);
    assert_eq!(pool.lease(None, 999), Err(PoolError::Busy));
    let buy = PsamRequest::Purchase(purchase(1));
    pool.ask(first, 1, &buy, 900).unwrap().unwrap();
    let (_, again) = pool.lease(None, 1_000).unwrap();
    assert_eq!(again.serial, two.serial, "the first one asked at 900");
    assert_eq!(pool.lease(None, 1_899), Err(PoolError::Busy));
    assert_eq!(pool.ask(first, 2, &buy, 1_900), Err(PoolError::LeaseLost));
}

#[test]
fn a_module_given_back_is_free_at_once_and_its_old_lease_is_nothing() {
    let pool = pool(1);
    let (lease, _) = pool.lease(None, 0).unwrap();
    pool.release(lease, 1).unwrap();
    assert_eq!(pool.release(lease, 1), Err(PoolError::LeaseLost));
    let (other, _) = pool.lease(None, 1).unwrap();
    assert_ne!(other, lease);
    let buy = PsamRequest::Purchase(purchase(1));
    assert_eq!(pool.ask(lease, 1, &buy, 2), Err(PoolError::LeaseLost));
}

#[test]
fn the_same_number_is_answered_again_and_carried_out_once() {
    let pool = pool(1);
    let (lease, _) = pool.lease(None, 0).unwrap();
    let buy = PsamRequest::Purchase(purchase(1));
    let first = pool.ask(lease, 1, &buy, 0).unwrap();
    assert_eq!(pool.ask(lease, 1, &buy, 0).unwrap(), first);
    let other = PsamRequest::Purchase(purchase(2));
    assert_eq!(pool.ask(lease, 1, &other, 0), Err(PoolError::RequestNumber));
    let second = permit(pool.ask(lease, 2, &buy, 0).unwrap());
    assert_eq!(second, permit(first) + 1);
    assert_eq!(pool.ask(lease, 1, &buy, 0), Err(PoolError::RequestNumber));
}

#[test]
fn a_new_lease_does_not_get_the_answers_of_the_one_before() {
    let pool = pool(1);
    let buy = PsamRequest::Purchase(purchase(1));
    let (lease, _) = pool.lease(None, 0).unwrap();
    let first = permit(pool.ask(lease, 1, &buy, 0).unwrap());
    pool.release(lease, 0).unwrap();
    let (lease, _) = pool.lease(None, 0).unwrap();
    assert_eq!(permit(pool.ask(lease, 1, &buy, 0).unwrap()), first + 1);
}

#[test]
fn the_preferred_module_comes_first_and_otherwise_the_one_longest_unused() {
    let pool = pool(3);
    let serial = |at: usize| pool.modules(0)[at].identity.serial;
    let (second, identity) = pool.lease(Some(serial(1)), 0).unwrap();
    assert_eq!(identity.serial, serial(1));
    let (first, identity) = pool.lease(Some(serial(1)), 0).unwrap();
    assert_eq!(identity.serial, serial(0), "the preferred one is in use");
    pool.release(second, 10).unwrap();
    pool.release(first, 20).unwrap();
    let unknown = PsamSerial([0; 10]);
    assert_eq!(pool.lease(Some(unknown), 30).unwrap().1.serial, serial(2));
    assert_eq!(pool.lease(None, 30).unwrap().1.serial, serial(1));
}

#[test]
fn a_module_out_of_service_rests_before_somebody_gets_it_again() {
    let chips = chips(1);
    let pool = Pool::new(modules(&chips), 1_000, 7);
    let (lease, _) = pool.lease(None, 0).unwrap();
    chips[0].arm(tongtu_testkit::tear::Cut {
        write: 0,
        kept: 0,
        half: tongtu_testkit::tear::Half::Old,
        from_end: false,
    });
    let buy = PsamRequest::Purchase(purchase(1));
    let outcome = pool.ask(lease, 1, &buy, 0).unwrap();
    assert_eq!(outcome, Err(PsamFault::Absent));
    pool.release(lease, 1).unwrap();
    assert_eq!(pool.modules(1)[0].state, ModuleState::Resting);
    assert_eq!(pool.lease(None, 4_999), Err(PoolError::Busy));
    assert!(pool.lease(None, 5_000).is_ok());
}
