//! A chain read line by line comes to the same as one read as a whole, and holds no less.

use proptest::prelude::*;
use proptest::sample::Index;
use tongtu_audit::{Anchor, AuditLine, AuditLog, Fault};

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
