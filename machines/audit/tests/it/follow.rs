//! A chain read line by line comes to the same as one read as a whole, and holds no less.

use proptest::prelude::*;
use proptest::sample::Index;
use tongtu_audit::{
    Anchor, AnchorFault, AuditLine, AuditLog, Fault, LineFault, Verified, Verifier,
};

use crate::chain::*;

/// Follows lines and anchors in the order in which they were written.
fn follow(chain: &Chain) -> Result<AuditLog, Fault> {
    let mut log = AuditLog::new();
    let mut anchors = chain.anchors.chunks(Anchor::LEN).peekable();
    let mut anchor_up_to = |log: &mut AuditLog| -> Result<(), Fault> {
        // Each anchor stands behind as many lines as it says; a damaged one at its place.
        while let Some(bytes) = anchors.peek() {
            let count = Anchor::decode(bytes).map_or(0, |anchor| anchor.count);
            if count > log.tip().0 && log_has_more(log, chain) {
                return Ok(());
            }
            log.follow_anchor(bytes, &keys())?;
            anchors.next();
        }
        Ok(())
    };
    anchor_up_to(&mut log)?;
    for line in chain.lines.chunks(AuditLine::LEN) {
        log.follow(line)?;
        anchor_up_to(&mut log)?;
    }
    Ok(log)
}

fn log_has_more(log: &AuditLog, chain: &Chain) -> bool {
    let lines = chain.lines.len().div_ceil(AuditLine::LEN);
    log.tip().0 < u64::try_from(lines).unwrap()
}

fn days() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(1..5_u64, 1..5).prop_map(|mut days| {
        days.push(0);
        days
    })
}

proptest! {
    #[test]
    fn a_chain_followed_is_a_chain_resumed(days in days()) {
        let chain = Chain::of(&days);
        let resumed = AuditLog::resume(&chain.lines, &chain.anchors, &keys()).unwrap();
        prop_assert_eq!(follow(&chain).unwrap(), resumed);
    }

    #[test]
    fn any_changed_byte_stops_it(days in days(), at in any::<Index>(), flip in 1..=255_u8) {
        let mut changed = Chain::of(&days);
        let lines = changed.lines.len();
        let at = at.index(lines + changed.anchors.len());
        match at.checked_sub(lines) {
            None => changed.lines[at] ^= flip,
            Some(at) => changed.anchors[at] ^= flip,
        }
        prop_assert!(follow(&changed).is_err());
    }

    #[test]
    fn a_line_taken_out_or_moved_stops_it(days in days(), a in any::<Index>(), b in any::<Index>()) {
        let chain = Chain::of(&days);
        let lines = chain.lines.len() / AuditLine::LEN;
        let (a, b) = (a.index(lines) + 1, b.index(lines) + 1);
        let mut cut = chain.clone();
        cut.cut_line(a);
        prop_assert!(follow(&cut).is_err());
        let mut twice = chain.clone();
        let line = twice.line(a);
        twice.put_line(b, &line);
        prop_assert!(follow(&twice).is_err());
    }

    #[test]
    fn a_chain_written_anew_stops_at_its_anchor(days in days(), at in any::<Index>()) {
        let honest = Chain::of(&days);
        let lines = honest.lines.len() / AuditLine::LEN;
        let changed = u64::try_from(at.index(lines) + 1).unwrap();
        let anew = Chain::written(&days, |number| {
            let mut entry = entry(number);
            if number == changed {
                entry.permit = Some(999);
            }
            entry
        });
        let forged = Chain { lines: anew.lines, anchors: honest.anchors };
        prop_assert!(matches!(follow(&forged), Err(Fault::Anchor(_))));
    }

    #[test]
    fn what_does_not_follow_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let chain = Chain::of(&[2, 0]);
        let mut log = follow(&chain).unwrap();
        let before = log.clone();
        prop_assert!(log.follow(&bytes).is_err());
        prop_assert!(log.follow_anchor(&bytes, &keys()).is_err());
        prop_assert_eq!(log, before);
    }
}

/// Hands a verifier what it wants, and notes what that was.
fn asked(chain: &Chain) -> (Vec<u64>, Result<Verified, Fault>) {
    let mut verifier = Verifier::new(&chain.anchors, &keys());
    let mut places = Vec::new();
    while let Some(place) = verifier.wants() {
        places.push(place);
        let from = usize::try_from(place - 1).unwrap() * AuditLine::LEN;
        let rest = chain.lines.get(from..).unwrap_or_default();
        verifier.take(&rest[..rest.len().min(AuditLine::LEN)]);
    }
    (places, verifier.finish())
}

#[test]
fn a_verifier_asks_for_each_line_once_and_in_order() {
    let (places, verified) = asked(&Chain::of(&[4, 3, 2]));
    assert_eq!(places, (1..=10).collect::<Vec<_>>());
    assert_eq!(verified.unwrap().lines, 9);
}

#[test]
fn a_verifier_asks_again_for_what_a_repeated_line_may_repeat() {
    let mut chain = Chain::of(&[4, 3, 2]);
    let line = chain.line(2);
    chain.put_line(6, &line);
    let (places, verified) = asked(&chain);
    assert_eq!(places, [1, 2, 3, 4, 5, 6, 2]);
    let (number, after) = (2, 5);
    let repeated = LineFault::Repeated { number, after };
    assert_eq!(verified, Err(Fault::Line(repeated)));
}

#[test]
fn a_verifier_looks_behind_a_gap_as_far_as_the_line_that_is_gone() {
    let mut chain = Chain::of(&[4, 3, 2]);
    let line = chain.line(2);
    chain.cut_line(2);
    let (places, verified) = asked(&chain);
    assert_eq!(places, (1..=9).collect::<Vec<_>>());
    let (first, last) = (2, 2);
    let missing = LineFault::Missing { first, last };
    assert_eq!(verified, Err(Fault::Line(missing)));
    chain.put_line(5, &line);
    let (places, verified) = asked(&chain);
    assert_eq!(places, [1, 2, 3, 4, 5]);
    let (number, found) = (2, 3);
    let swapped = LineFault::Swapped { number, found };
    assert_eq!(verified, Err(Fault::Line(swapped)));
}

#[test]
fn a_verifier_that_is_stopped_goes_by_what_it_saw() {
    let chain = Chain::of(&[2, 0]);
    let mut verifier = Verifier::new(&chain.anchors, &keys());
    verifier.take(&chain.line(1));
    let truncated = verifier.finish();
    assert!(matches!(
        truncated,
        Err(Fault::Anchor(AnchorFault::Truncated {
            count: 2,
            found: 1,
            ..
        }))
    ));
}
