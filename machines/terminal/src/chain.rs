//! The chain over a terminal's records: each value covers a record and, through the value before
//! it, every record stored earlier.
//!
//! ```text
//! value = SM3("TTCHAIN1" | value before 32 | number 8 | record)      the first after CHAIN_START
//! ```
//!
//! What is here: the value of a record ([`chained`]), what a terminal signs of an upload
//! ([`sealed`]), and the acquirer's side ([`ChainAudit`]).
//! What it shows: that a record was changed, taken out, put in or moved after another record, or
//! an upload, named what follows it. What it cannot show: that the newest records are gone, as
//! long as no one has seen them; and whoever rewrites the whole file writes a chain that holds,
//! which only the acquirer, who has the old one, can tell. The chain has no key: who made a
//! record is said by the record's own signature or code.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_crypto::sm3;
use tongtu_types::TerminalNumber;

use crate::StoredRecord;

/// What stands before the first record of a store.
pub const CHAIN_START: sm3::Digest = [0; 32];

/// The chain's value at a record. UNSPECIFIED: no text that we could read asks for a chain; the
/// form is ours.
#[must_use]
pub fn chained(before: &sm3::Digest, seq: u64, record: &[u8]) -> sm3::Digest {
    sm3::digest_parts(&[b"TTCHAIN1", before, &seq.to_be_bytes(), record])
}

/// What a terminal signs of an upload: whose it is, and the place of each record in the chain.
/// The chain's values name the records. UNSPECIFIED: the form is ours, like the chain's.
///
/// ```text
/// "TTCHUP01" | terminal 12 digits | for each record: number 8 | value before 32 | value 32
/// ```
#[must_use]
pub fn sealed(terminal: TerminalNumber, records: &[ChainedRecord]) -> Vec<u8> {
    let mut out = b"TTCHUP01".to_vec();
    out.extend(terminal.as_str().as_bytes());
    for sent in records {
        out.extend(sent.seq.to_be_bytes());
        out.extend(sent.before);
        out.extend(sent.chain);
    }
    out
}

/// A record as it is uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainedRecord {
    /// The record's number in its store.
    pub seq: u64,
    /// The record's bytes.
    pub record: Vec<u8>,
    /// The chain's value before it.
    pub before: sm3::Digest,
    /// The chain's value at it.
    pub chain: sm3::Digest,
}

impl From<StoredRecord<'_>> for ChainedRecord {
    fn from(stored: StoredRecord<'_>) -> Self {
        Self {
            seq: stored.seq,
            record: stored.record.to_vec(),
            before: stored.before,
            chain: stored.chain,
        }
    }
}

/// What became of a record before the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audited {
    /// It follows on all before it.
    Next,
    /// It was there, the same.
    Again,
    /// It is older than what the audit still knows by value: compare it with the stored one.
    Old,
    /// It is in itself whole; what it follows on has not come yet.
    Ahead,
}

/// Why a terminal's records do not hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFault {
    /// The value is not that of this number, record and value before.
    #[error("record {seq} does not give the chain's value that came with it")]
    Broken {
        /// The record's number.
        seq: u64,
    },
    /// Another record came with this number before.
    #[error("record {seq} came before with another value")]
    Rewritten {
        /// The record's number.
        seq: u64,
    },
    /// The record does not follow on the one that came before it.
    #[error("record {seq} does not follow on record {tip}")]
    Forked {
        /// The record's number.
        seq: u64,
        /// The record that it should have followed on.
        tip: u64,
    },
    /// More records came ahead of a missing one than are kept.
    #[error("record {seq} is ahead of record {missing}, which is missing, with {max} others")]
    TooFarAhead {
        /// The record's number.
        seq: u64,
        /// The lowest number that may be the missing one's.
        missing: u64,
        /// Records kept ahead.
        max: usize,
    },
}

/// Values of records that an audit knows, at most, for comparing a repeat.
const KNOWN_MAX: usize = 1024;
/// Records that an audit keeps ahead of a missing one.
const AHEAD_MAX: usize = 1024;

/// One terminal's chain as its acquirer follows it: in any order, and any record again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainAudit {
    tip: u64,
    value: sm3::Digest,
    known: BTreeMap<u64, sm3::Digest>,
    /// Value before and at each record that does not follow on the tip yet.
    ahead: BTreeMap<u64, (sm3::Digest, sm3::Digest)>,
}

impl Default for ChainAudit {
    fn default() -> Self {
        Self::after(0, CHAIN_START)
    }
}

impl ChainAudit {
    /// An audit that goes on after record `tip`, at which the chain stood at `value`; a new
    /// terminal's is the default.
    #[must_use]
    pub const fn after(tip: u64, value: sm3::Digest) -> Self {
        Self {
            tip,
            value,
            known: BTreeMap::new(),
            ahead: BTreeMap::new(),
        }
    }

    /// An audit taken up again from what was kept: the tip, the values of earlier records that
    /// may come again, and value before and at each record that came ahead of a missing one;
    /// those that follow on the tip are taken at once.
    #[must_use]
    pub fn resume(
        (tip, value): (u64, sm3::Digest),
        known: impl IntoIterator<Item = (u64, sm3::Digest)>,
        ahead: impl IntoIterator<Item = (u64, (sm3::Digest, sm3::Digest))>,
    ) -> Self {
        let mut audit = Self {
            known: known.into_iter().filter(|(seq, _)| *seq <= tip).collect(),
            ahead: ahead.into_iter().filter(|(seq, _)| *seq > tip).collect(),
            ..Self::after(tip, value)
        };
        audit.join();
        audit
    }

    /// The newest record up to which nothing is missing, and the chain's value there.
    #[must_use]
    pub const fn tip(&self) -> (u64, sm3::Digest) {
        (self.tip, self.value)
    }

    /// First and last of the numbers among which at least one record is missing. A number alone
    /// proves nothing, a terminal may leave one out; but what came later follows on a record
    /// that did not come.
    #[must_use]
    pub fn missing(&self) -> Option<(u64, u64)> {
        let (first, _) = self.ahead.first_key_value()?;
        Some((self.tip + 1, first - 1))
    }

    /// Takes a record in.
    ///
    /// # Errors
    /// [`ChainFault`]; the record is then not part of the chain, and the audit is as before.
    pub fn take(&mut self, sent: &ChainedRecord) -> Result<Audited, ChainFault> {
        let seq = sent.seq;
        if chained(&sent.before, seq, &sent.record) != sent.chain {
            return Err(ChainFault::Broken { seq });
        }
        let link = (sent.before, sent.chain);
        if seq <= self.tip {
            return match self.known.get(&seq) {
                Some(value) if *value == sent.chain => Ok(Audited::Again),
                Some(_) => Err(ChainFault::Rewritten { seq }),
                None if seq == self.tip && sent.chain != self.value => {
                    Err(ChainFault::Rewritten { seq })
                }
                None => Ok(Audited::Old),
            };
        }
        if let Some(there) = self.ahead.get(&seq) {
            return if *there == link {
                Ok(Audited::Again)
            } else {
                Err(ChainFault::Rewritten { seq })
            };
        }
        let tip = self.tip;
        if sent.before == self.value {
            self.follow(seq, link)?;
            return Ok(Audited::Next);
        }
        // There is no number for a missing record between the two.
        if seq == tip + 1 {
            return Err(ChainFault::Forked { seq, tip });
        }
        if self.ahead.len() >= AHEAD_MAX {
            return Err(ChainFault::TooFarAhead {
                seq,
                missing: tip + 1,
                max: AHEAD_MAX,
            });
        }
        self.ahead.insert(seq, link);
        Ok(Audited::Ahead)
    }

    /// Goes on to a record that follows on the tip, and to what waited for it.
    fn follow(
        &mut self,
        seq: u64,
        (_, chain): (sm3::Digest, sm3::Digest),
    ) -> Result<(), ChainFault> {
        // What came ahead cannot have come between the tip and what follows on the tip.
        if let Some((early, _)) = self.ahead.range(..seq).next() {
            return Err(ChainFault::Forked {
                seq: *early,
                tip: self.tip,
            });
        }
        self.advance(seq, chain);
        self.join();
        Ok(())
    }

    /// Goes on to what waited for the tip.
    fn join(&mut self) {
        while let Some(entry) = self.ahead.first_entry() {
            let (next, (before, chain)) = (*entry.key(), *entry.get());
            if before != self.value {
                break;
            }
            entry.remove();
            self.advance(next, chain);
        }
    }

    fn advance(&mut self, seq: u64, chain: sm3::Digest) {
        self.tip = seq;
        self.value = chain;
        self.known.insert(seq, chain);
        while self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// Records 1 to `count`, chained.
    fn run(count: u64) -> Vec<ChainedRecord> {
        let mut before = CHAIN_START;
        let next = |seq: u64| {
            let record = vec![0x5A; usize::from(seq.to_be_bytes()[7])];
            let chain = chained(&before, seq, &record);
            let sent = ChainedRecord {
                seq,
                record,
                before,
                chain,
            };
            before = chain;
            sent
        };
        (1..=count).map(next).collect()
    }

    #[test]
    fn the_value_is_sm3_of_label_value_number_and_record() {
        let value = chained(&CHAIN_START, 1, b"record");
        let mut bytes = b"TTCHAIN1".to_vec();
        bytes.extend([0; 32]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend(b"record");
        assert_eq!(value, sm3::digest(&bytes));
    }

    #[test]
    fn a_fork_next_to_the_tip_is_seen_at_once() {
        let records = run(3);
        let mut audit = ChainAudit::default();
        audit.take(&records[0]).unwrap();
        let mut other = records[1].clone();
        other.before = CHAIN_START;
        other.chain = chained(&other.before, 2, &other.record);
        let fork = ChainFault::Forked { seq: 2, tip: 1 };
        assert_eq!(audit.take(&other), Err(fork));
        assert_eq!(audit.take(&records[1]), Ok(Audited::Next));
    }

    #[test]
    fn a_record_ahead_joins_when_the_missing_one_comes() {
        let records = run(4);
        let mut audit = ChainAudit::default();
        audit.take(&records[0]).unwrap();
        assert_eq!(audit.take(&records[3]), Ok(Audited::Ahead));
        assert_eq!(audit.take(&records[3]), Ok(Audited::Again));
        assert_eq!(audit.take(&records[2]), Ok(Audited::Ahead));
        assert_eq!(audit.missing(), Some((2, 2)));
        assert_eq!(audit.take(&records[1]), Ok(Audited::Next));
        assert_eq!((audit.missing(), audit.tip().0), (None, 4));
    }

    #[test]
    fn an_audit_taken_up_again_goes_on_as_if_it_had_not_stopped() {
        let records = run(6);
        let link = |n: usize| (records[n].before, records[n].chain);
        let known = [(1, records[0].chain), (2, records[1].chain)];
        let resumed = || {
            let tip = (2, records[1].chain);
            ChainAudit::resume(tip, known, [(4, link(3)), (5, link(4))])
        };
        let mut whole = ChainAudit::default();
        for n in [0, 1, 3, 4] {
            whole.take(&records[n]).unwrap();
        }
        assert_eq!(resumed(), whole);
        for n in [0, 1, 2, 3, 5] {
            let mut audits = [whole.clone(), resumed()];
            let taken = audits.each_mut().map(|audit| audit.take(&records[n]));
            assert_eq!(taken[0], taken[1], "record {}", n + 1);
            assert_eq!(audits[0], audits[1]);
        }
    }

    #[test]
    fn what_is_signed_names_terminal_and_every_place() {
        let terminal = TerminalNumber::parse("100000000001").unwrap();
        let records = run(2);
        let signed = sealed(terminal, &records);
        assert_eq!(signed.len(), 8 + 12 + 2 * 72);
        assert!(signed.starts_with(b"TTCHUP01100000000001\0\0\0\0\0\0\0\x01"));
        assert!(signed.ends_with(&records[1].chain));
    }

    #[test]
    fn a_number_left_out_is_no_record_missing() {
        let mut records = run(1);
        let before = records[0].chain;
        let chain = chained(&before, 9, b"nine");
        records.push(ChainedRecord {
            seq: 9,
            record: b"nine".to_vec(),
            before,
            chain,
        });
        let mut audit = ChainAudit::default();
        for record in &records {
            assert_eq!(audit.take(record), Ok(Audited::Next));
        }
        assert_eq!(audit.missing(), None);
    }

    #[test]
    fn another_record_under_a_number_that_came_is_a_rewrite() {
        let records = run(3);
        let mut audit = ChainAudit::default();
        for record in &records {
            audit.take(record).unwrap();
        }
        let mut other = records[1].clone();
        other.record = b"cheaper".to_vec();
        assert_eq!(audit.take(&other), Err(ChainFault::Broken { seq: 2 }));
        other.chain = chained(&other.before, 2, &other.record);
        assert_eq!(audit.take(&other), Err(ChainFault::Rewritten { seq: 2 }));
        // An audit that was taken up again knows the value at its tip at least.
        let mut again = ChainAudit::after(2, records[1].chain);
        assert_eq!(again.take(&other), Err(ChainFault::Rewritten { seq: 2 }));
        assert_eq!(again.take(&records[0]), Ok(Audited::Old));
        assert_eq!(again.take(&records[2]), Ok(Audited::Next));
    }

    #[test]
    fn what_waits_for_a_missing_record_is_bounded() {
        let mut records = run(AHEAD_MAX as u64 + 2);
        let last = records.pop().unwrap();
        let mut audit = ChainAudit::default();
        for record in &records[1..] {
            assert_eq!(audit.take(record), Ok(Audited::Ahead));
        }
        let too_far = ChainFault::TooFarAhead {
            seq: last.seq,
            missing: 1,
            max: AHEAD_MAX,
        };
        assert_eq!(audit.take(&last), Err(too_far));
        audit.take(&records[0]).unwrap();
        assert_eq!(audit.take(&last), Ok(Audited::Next));
    }
}
