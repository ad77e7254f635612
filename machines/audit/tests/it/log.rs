//! Writing: order of days and anchors, signers that fail, going on after a restart.

use tongtu_audit::{AnchorFault, AuditLog, Fault, LineFault, LogRefusal};
use tongtu_crypto::{PublicKey, SecretKey, Signature, Signer, SignerFault};
use tongtu_types::Timestamp;

use crate::chain::*;

#[test]
fn a_day_is_anchored_when_it_is_over_and_then_closed() {
    let mut log = AuditLog::new();
    log.append(&entry(1), START).unwrap();
    let day = START.china().day;
    assert_eq!(log.anchor_due(START), None);
    let early = log.anchor(day, START, (KEY, &mut key()));
    assert!(matches!(early, Err(LogRefusal::DayNotOver { .. })));
    let later = START.plus_s(DAY);
    assert_eq!(log.anchor_due(later), Some(day));
    log.anchor(day, later, (KEY, &mut key())).unwrap();
    assert_eq!(log.anchor_due(later), None);
    let late = log.append(&entry(2), START.plus_s(DAY - 1));
    assert!(
        matches!(late, Err(LogRefusal::DayAnchored { .. })),
        "{late:?}"
    );
    log.append(&entry(2), later).unwrap();
}

#[test]
fn lines_go_on_while_an_anchor_is_late_and_days_are_anchored_in_order() {
    let mut log = AuditLog::new();
    let days: Vec<_> = (0..3)
        .map(|day| {
            let at = START.plus_s(day * DAY);
            log.append(&entry(1), at).unwrap();
            at.china().day
        })
        .collect();
    let now = START.plus_s(3 * DAY);
    assert_eq!(log.unanchored(), days);
    let skip = log.anchor(days[1], now, (KEY, &mut key()));
    let expected = LogRefusal::AnchorOrder {
        day: days[1],
        expected: days[0],
    };
    assert_eq!(skip, Err(expected));
    let counts: Vec<u64> = days
        .iter()
        .map(|day| log.anchor(*day, now, (KEY, &mut key())).unwrap().count)
        .collect();
    assert_eq!(counts, [1, 2, 3]);
}

#[test]
fn a_quiet_day_may_have_an_anchor_too() {
    let mut log = AuditLog::new();
    let day = START.china().day;
    let empty = log
        .anchor(day, START.plus_s(DAY), (KEY, &mut key()))
        .unwrap();
    assert_eq!((empty.count, empty.head), (0, [0; 32]));
    let line = log.append(&entry(1), START.plus_s(DAY)).unwrap();
    let mut anchors = empty.encode().unwrap();
    for quiet in 1..4 {
        let day = START.plus_s(quiet * DAY).china().day;
        let anchor = log.anchor(day, START.plus_s((quiet + 1) * DAY), (KEY, &mut key()));
        anchors.extend(anchor.unwrap().encode().unwrap());
    }
    let chain = Chain {
        lines: line.encode().unwrap(),
        anchors,
    };
    let verified = chain.verify().unwrap();
    assert_eq!((verified.anchors, verified.unanchored), (4, 0));
}

#[test]
fn time_does_not_go_back() {
    let mut log = AuditLog::new();
    log.append(&entry(1), START).unwrap();
    let back = log.append(&entry(2), START.plus_s(-1));
    let expected = LogRefusal::BackInTime {
        at: START.plus_s(-1),
        last: START,
    };
    assert_eq!(back, Err(expected));
    log.append(&entry(2), START).unwrap();
    let before_all = AuditLog::new().append(&entry(1), Timestamp::new(-5));
    assert!(before_all.is_err());
}

struct Broken(SignerFault);

impl Signer for Broken {
    fn public(&self) -> PublicKey {
        public()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
        match self.0 {
            SignerFault::Wrong => Ok(key().sign(&message[1..])),
            fault => Err(fault),
        }
    }
}

#[test]
fn a_signer_that_fails_leaves_the_day_to_be_anchored_later() {
    let mut log = AuditLog::new();
    log.append(&entry(1), START).unwrap();
    let (day, now) = (START.china().day, START.plus_s(DAY));
    for fault in [
        SignerFault::Unreachable,
        SignerFault::Refused,
        SignerFault::Wrong,
    ] {
        let before = log.clone();
        let refused = log.anchor(day, now, (KEY, &mut Broken(fault)));
        assert_eq!(refused, Err(LogRefusal::Signer(fault)));
        assert_eq!(log, before);
    }
    log.anchor(day, now, (KEY, &mut key())).unwrap();
}

#[test]
fn the_anchor_key_is_renewed_and_what_the_older_one_signed_stays_signed() {
    let mut log = AuditLog::new();
    let mut chain = Chain::default();
    let newer = || SecretKey::from_bytes(&[0x33; 32]).unwrap();
    for (day, number) in [(0, KEY), (1, KEY + 1)] {
        let at = START.plus_s(day * DAY);
        let line = log.append(&entry(1), at).unwrap();
        chain.lines.extend(line.encode().unwrap());
        let mut signing = if number == KEY { key() } else { newer() };
        let day = at.china().day;
        let anchor = log.anchor(day, at.plus_s(DAY), (number, &mut signing));
        chain.anchors.extend(anchor.unwrap().encode().unwrap());
    }
    let mut keys = keys();
    let unknown = AnchorFault::Key {
        number: 2,
        key: KEY + 1,
    };
    assert_eq!(chain.verify(), Err(Fault::Anchor(unknown)));
    keys.insert(KEY + 1, newer().public().clone());
    let verified = tongtu_audit::verify(&chain.lines, &chain.anchors, &keys);
    assert_eq!(verified.unwrap().anchors, 2);
}

#[test]
fn a_restart_goes_on_where_the_files_end() {
    for days in [&[][..], &[3], &[3, 2], &[3, 0, 2], &[0, 0, 1], &[2, 2, 0]] {
        let chain = Chain::of(days);
        let mut log = AuditLog::resume(&chain.lines, &chain.anchors, &keys()).unwrap();
        let lines: u64 = days.iter().sum();
        assert_eq!(log.tip().0, lines, "{days:?}");
        let mut longer = chain;
        let now = START.plus_s(10 * DAY);
        while let Some(day) = log.anchor_due(now) {
            let anchor = log.anchor(day, now, (KEY, &mut key())).unwrap();
            longer.anchors.extend(anchor.encode().unwrap());
        }
        let line = log.append(&entry(lines + 1), now).unwrap();
        longer.lines.extend(line.encode().unwrap());
        let verified = longer.verify().unwrap();
        assert_eq!(
            (verified.lines, verified.unanchored),
            (lines + 1, 1),
            "{days:?}"
        );
    }
}

#[test]
fn a_chain_that_does_not_hold_is_not_gone_on_with() {
    let mut chain = Chain::of(&[3, 2]);
    chain.lines[200] ^= 1;
    let resumed = AuditLog::resume(&chain.lines, &chain.anchors, &keys());
    let changed = LineFault::Changed { number: 2 };
    assert_eq!(resumed, Err(Fault::Line(changed)));
}
