//! Locks and rates.

use std::net::IpAddr;

use proptest::prelude::*;
use tongtu_callers::{Gate, GateRefusal, LockRules, Locks, Rate, Rates, Role};
use tongtu_envelope::{
    CallerNumber, Draft, Envelope, Kind, WindowRefusal, content_digest, request_digest,
};

use crate::{NOW, caller, key, own};

const LIFE: [u8; 8] = [3; 8];

fn here() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

fn there() -> IpAddr {
    "192.0.2.2".parse().unwrap()
}

fn envelope(message: u8) -> Envelope {
    let draft = Draft {
        kind: Kind::Request,
        sender: own(),
        caller: CallerNumber::parse("OP-1").unwrap(),
        receiver: own(),
        key: 1,
        made_at: NOW,
        life: LIFE,
        message: [message; 16],
        digest: request_digest("GET", "/", &content_digest(b"")),
    };
    draft.seal(&mut key(1)).unwrap()
}

fn gate(rates: Rates) -> Gate {
    Gate::new(own(), LIFE, rates, LockRules::default())
}

#[test]
fn a_request_for_another_node_or_life_is_not_looked_at() {
    let mut gate = gate(Rates::default());
    let mut other = envelope(1);
    other.receiver = "01345810".parse().unwrap();
    let refused = gate.arrive(here(), &other, NOW, 0);
    assert_eq!(refused, Err(GateRefusal::Receiver));
    let mut other = envelope(1);
    other.life = [0; 8];
    let refused = gate.arrive(here(), &other, NOW, 0);
    assert_eq!(refused, Err(GateRefusal::Window(WindowRefusal::Life)));
}

#[test]
fn failed_proofs_lock_their_source_and_not_the_machine_they_name() {
    let mut gate = gate(Rates::default());
    let request = envelope(1);
    for _ in 0..5 {
        assert_eq!(gate.arrive(there(), &request, NOW, 10), Ok(()));
        gate.failed(there(), &request, 10);
    }
    let locked = gate.arrive(there(), &request, NOW, 10);
    assert!(
        matches!(locked, Err(GateRefusal::Locked { .. })),
        "{locked:?}"
    );
    // The machine itself is elsewhere and hears nothing of it.
    assert_eq!(gate.arrive(here(), &request, NOW, 10), Ok(()));
    // Nor does another caller from there.
    let mut other = envelope(2);
    other.caller = CallerNumber::parse("OP-2").unwrap();
    assert_eq!(gate.arrive(there(), &other, NOW, 10), Ok(()));
}

#[test]
fn a_proof_that_holds_takes_the_lock_off() {
    let mut gate = gate(Rates::default());
    let (request, one) = (envelope(1), caller("01341000.OP-1", Role::Operator));
    for _ in 0..30 {
        gate.failed(here(), &request, 0);
    }
    assert!(gate.arrive(here(), &request, NOW, 999).is_err());
    // One proof a second is looked at, however long the lock.
    assert_eq!(gate.arrive(here(), &request, NOW, 1000), Ok(()));
    assert!(gate.arrive(here(), &request, NOW, 1001).is_err());
    assert_eq!(gate.proved(here(), &one, 1001), Ok(()));
    assert_eq!(gate.arrive(here(), &request, NOW, 1002), Ok(()));
}

#[test]
fn locks_double_up_to_the_longest_and_end() {
    let rules = LockRules::default();
    let mut locks = Locks::new(rules);
    let name = "01341000.OP-1".parse().unwrap();
    let mut now_ms = 0;
    for _ in 0..4 {
        locks.failed(here(), name, now_ms);
        assert_eq!(locks.look(here(), name, now_ms), Ok(()));
    }
    for lasts_ms in [1_000, 2_000, 4_000, 8_000] {
        locks.failed(here(), name, now_ms);
        assert!(locks.look(here(), name, now_ms).is_err(), "{lasts_ms}");
        now_ms += lasts_ms;
        assert_eq!(locks.look(here(), name, now_ms), Ok(()), "{lasts_ms}");
    }
    for _ in 0..100 {
        locks.failed(here(), name, now_ms);
    }
    assert_eq!(locks.look(here(), name, now_ms + rules.longest_ms), Ok(()));
    // After a rest it begins from the beginning.
    now_ms += rules.longest_ms + rules.memory_ms + 1;
    locks.failed(here(), name, now_ms);
    assert_eq!(locks.look(here(), name, now_ms), Ok(()));
}

#[test]
fn one_network_of_the_newer_kind_is_one_source() {
    let mut locks = Locks::new(LockRules::default());
    let name = "01341000.OP-1".parse().unwrap();
    for host in 0..5 {
        let source = format!("2001:db8:1:2::{host:x}").parse().unwrap();
        locks.failed(source, name, 0);
    }
    assert!(
        locks
            .look("2001:db8:1:2::ff".parse().unwrap(), name, 1)
            .is_err()
    );
    assert!(
        locks
            .look("2001:db8:1:3::ff".parse().unwrap(), name, 1)
            .is_ok()
    );
}

#[test]
fn memory_of_strangers_is_bounded() {
    let rules = LockRules {
        pairs_max: 8,
        ..LockRules::default()
    };
    let mut locks = Locks::new(rules);
    let name = "01341000.OP-1".parse().unwrap();
    for _ in 0..9 {
        locks.failed(there(), name, 0);
    }
    for host in 0_u8..200 {
        locks.failed(IpAddr::from([198, 51, 100, host]), name, 1);
        assert!(locks.len() <= 8);
    }
    // Whoever failed most is not crowded out.
    assert!(locks.look(there(), name, 2).is_err());
}

#[test]
fn a_rate_is_a_burst_and_then_so_many_a_second() {
    let terminal = Rate { per_s: 2, burst: 3 };
    let mut gate = gate(Rates {
        terminal,
        ..Rates::default()
    });
    let one = caller("01341000.100000000001", Role::Terminal);
    for _ in 0..3 {
        assert_eq!(gate.proved(here(), &one, 0), Ok(()));
    }
    assert_eq!(
        gate.proved(here(), &one, 0),
        Err(GateRefusal::Rate { wait_ms: 500 })
    );
    assert_eq!(
        gate.proved(here(), &one, 499),
        Err(GateRefusal::Rate { wait_ms: 1 })
    );
    assert_eq!(gate.proved(here(), &one, 500), Ok(()));
    assert!(gate.proved(here(), &one, 500).is_err());
    // Another one has its own.
    let other = caller("01341000.100000000002", Role::Terminal);
    assert_eq!(gate.proved(here(), &other, 500), Ok(()));
}

#[test]
fn a_request_comes_through_once() {
    let mut gate = gate(Rates::default());
    assert_eq!(gate.admit(&envelope(1), NOW), Ok(()));
    let again = Err(GateRefusal::Window(WindowRefusal::Replayed));
    assert_eq!(gate.admit(&envelope(1), NOW), again);
    assert_eq!(gate.arrive(here(), &envelope(1), NOW, 0), again);
}

proptest! {
    /// In any time, no more than the burst and the rate over that time.
    #[test]
    fn no_more_comes_through_than_the_rate(
        steps in prop::collection::vec(0_u64..400, 1..200),
        per_s in 1_u32..50,
        burst in 1_u32..20,
    ) {
        let terminal = Rate { per_s, burst };
        let mut gate = gate(Rates { terminal, ..Rates::default() });
        let one = caller("01341000.100000000001", Role::Terminal);
        let (mut now_ms, mut taken) = (0, 0_u64);
        for step in steps {
            now_ms += step;
            taken += u64::from(gate.proved(here(), &one, now_ms).is_ok());
            prop_assert!(taken <= u64::from(burst) + now_ms * u64::from(per_s) / 1000);
        }
    }
}
