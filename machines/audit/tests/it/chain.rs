//! A chain of several days with its anchors, as bytes.

use tongtu_audit::{
    Anchor, AnchorKeys, AuditLine, AuditLog, Entry, Fault, Outcome, Verified, Word, verify,
};
use tongtu_crypto::{PublicKey, SecretKey, sm3};
use tongtu_types::{InstitutionCode, Timestamp};

pub(crate) const DAY: i64 = 86_400;
/// 2026-01-01 00:00:00 in China.
pub(crate) const START: Timestamp = Timestamp::new(1_767_196_800);

pub(crate) fn key() -> SecretKey {
    SecretKey::from_bytes(&[0x21; 32]).unwrap()
}

pub(crate) fn public() -> PublicKey {
    key().public().clone()
}

/// The number of that key.
pub(crate) const KEY: u32 = 77;

pub(crate) fn keys() -> AnchorKeys {
    [(KEY, public())].into()
}

pub(crate) fn entry(number: u64) -> Entry {
    let reason = Word::parse("keyring.outside_city").unwrap();
    Entry {
        institution: InstitutionCode::parse("01343010").unwrap(),
        actor: Word::parse("issuer-node").unwrap(),
        deed: Word::parse("sign").unwrap(),
        key: (!number.is_multiple_of(3)).then_some(7),
        permit: (!number.is_multiple_of(3)).then_some(40 + number),
        outcome: match number % 5 {
            4 => Outcome::Refused(reason),
            3 => Outcome::Failed(Word::parse("hsm.unreachable").unwrap()),
            _ => Outcome::Done,
        },
        about: Some(sm3::digest(&number.to_be_bytes())),
    }
}

/// Lines and anchors in their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) lines: Vec<u8>,
    pub(crate) anchors: Vec<u8>,
}

impl Chain {
    /// A chain with so many lines on each day; every day but the last is anchored.
    pub(crate) fn of(days: &[u64]) -> Self {
        Self::written(days, entry)
    }

    /// The same, but for what its lines say.
    pub(crate) fn written(days: &[u64], entry: impl Fn(u64) -> Entry) -> Self {
        let mut chain = Self::default();
        let mut log = AuditLog::new();
        let mut now = START;
        for (at, count) in days.iter().enumerate() {
            if at > 0 {
                let day = now.china().day;
                now = now.plus_s(DAY);
                let anchor = log.anchor(day, now, (KEY, &mut key())).unwrap();
                chain.anchors.extend(anchor.encode().unwrap());
            }
            for second in 0..*count {
                let at = now.plus_s(i64::try_from(second).unwrap() * 60);
                let line = log.append(&entry(log.tip().0 + 1), at).unwrap();
                chain.lines.extend(line.encode().unwrap());
            }
        }
        chain
    }

    pub(crate) fn verify(&self) -> Result<Verified, Fault> {
        verify(&self.lines, &self.anchors, &keys())
    }

    pub(crate) fn line(&self, number: usize) -> Vec<u8> {
        let from = (number - 1) * AuditLine::LEN;
        self.lines[from..from + AuditLine::LEN].to_vec()
    }

    pub(crate) fn cut_line(&mut self, number: usize) {
        let from = (number - 1) * AuditLine::LEN;
        self.lines.drain(from..from + AuditLine::LEN);
    }

    pub(crate) fn put_line(&mut self, before: usize, line: &[u8]) {
        let from = (before - 1) * AuditLine::LEN;
        self.lines.splice(from..from, line.iter().copied());
    }

    pub(crate) fn cut_anchor(&mut self, number: usize) -> Vec<u8> {
        let from = (number - 1) * Anchor::LEN;
        self.anchors.drain(from..from + Anchor::LEN).collect()
    }

    pub(crate) fn put_anchor(&mut self, before: usize, anchor: &[u8]) {
        let from = (before - 1) * Anchor::LEN;
        self.anchors.splice(from..from, anchor.iter().copied());
    }
}
