//! A TEST store each of whose keys is opened by an audit line before it is used.
//!
//! Beside the store lie the lines (`test.keys.uses`), and what is said in full of each
//! (`test.keys.uses.said`); `tongtu audit verify` reads both. The form is that of a node's chain: a run
//! opens a key when it first uses or makes it and closes it when it ends, with how often and over
//! what. A run that was cut off is closed by the next one, which does not know how often.
//!
//! What is said of a line is written before the line, and that before the key is used. So after a
//! power cut there is one more said than there are lines at most; whatever else is missing was taken
//! away. Lines and what is said cut off together at the end are not seen: a TEST store has no anchors.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use tongtu_audit::{
    AnchorKeys, AuditLine, AuditLog, KeyUse, UseEnd, UseReader, UseTally, UsedKey, Word,
};
use tongtu_card_file::LineFile;
use tongtu_hsm::{
    Custody, CustodyError, Deed, KeyName, Label, SealedCustody, Use, Watched, Watcher,
};
use tongtu_keyring::code::Usage;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::clock;
use crate::exit::Failure;
use crate::lang::both;

/// A store, and the chain beside it.
pub(crate) type UsedCustody = Watched<Box<SealedCustody>, UseChain>;

/// The chain beside a store, which is told of each use.
pub(crate) struct UseChain {
    chain: RefCell<Chain>,
}

/// The chain in its files.
struct Chain {
    path: PathBuf,
    lines: LineFile,
    said: LineFile,
    log: AuditLog,
    open: BTreeMap<Label, (u64, UsedKey, UseTally)>,
}

/// What stands behind a store's name for its lines, and for what is said of them.
const LINES: &str = ".uses";
const SAID: &str = ".uses.said";

fn beside(store: &Path, tail: &str) -> PathBuf {
    let mut path = store.as_os_str().to_os_string();
    path.push(tail);
    path.into()
}

/// A TEST store is nobody's, and whoever runs a command has no name.
fn who() -> (InstitutionCode, Word<12>) {
    let actor = Word::parse("test-store").expect("a short word");
    (InstitutionCode::national(), actor)
}

impl UseChain {
    /// Goes on with the chain beside this store; one that is not there is begun.
    pub(super) fn open(store: &Path) -> Result<Self, Failure> {
        let mut chain = Chain::open(store)?;
        chain.close_lost().map_err(|error| unusable(&error))?;
        let chain = RefCell::new(chain);
        Ok(Self { chain })
    }

    /// A store that tells this chain of each use.
    pub(super) fn of(self, custody: SealedCustody) -> UsedCustody {
        Watched::new(Box::new(custody), self)
    }
}

impl Watcher for UseChain {
    fn before<C: Custody + ?Sized>(&self, custody: &C, used: &Use<'_>) -> Result<(), CustodyError> {
        let label = used.label;
        let deed = match used.deed {
            // What a lent key does is not seen from here.
            Deed::Lend => return Err(CustodyError::Stays { label }),
            // As a node tells them.
            Deed::VerifyMac => Deed::Mac,
            Deed::ImportTest => Deed::Import,
            deed => deed,
        };
        let mut chain = self.chain.borrow_mut();
        if !chain.open.contains_key(&label) {
            chain.open_key(&used.name(custody)?)?;
        }
        let mut tally = RefMut::filter_map(chain, |chain| chain.open.get_mut(&label))
            .map_err(|_| CustodyError::Unknown { label })?;
        let digest = UseTally::digest(deed.word(), used.factors, used.about);
        tally.2.used(&digest);
        Ok(())
    }
}

impl Drop for UseChain {
    fn drop(&mut self) {
        // What is not closed here the next run closes, and does not know how often it was used.
        let _ = self.chain.get_mut().close_all();
    }
}

impl Chain {
    fn open(store: &Path) -> Result<Self, Failure> {
        let path = beside(store, LINES);
        let read = |path: &Path| LineFile::open_or_make(path, &[]).map_err(|e| unusable(&e));
        let (mut lines, mut held) = read(&path)?;
        let (mut said, mut details) = read(&beside(store, SAID))?;
        let count = held.len() / AuditLine::LEN;
        let told = details.len() / KeyUse::LEN;
        if told > count + 1 {
            return Err(broken(
                &path,
                &format!("lines {} to {told} are missing", count + 1),
            ));
        }
        // What a run was cut off in: its line, or what it says of it.
        if held.len() % AuditLine::LEN > 0 && told <= count {
            let number = count + 1;
            return Err(broken(&path, &format!("line {number} is cut")));
        }
        let torn = [
            held.len() > count * AuditLine::LEN,
            details.len() > count * KeyUse::LEN,
        ];
        held.truncate(count * AuditLine::LEN);
        details.truncate(count * KeyUse::LEN);
        let log = AuditLog::resume(&held, &[], &AnchorKeys::new());
        let log = log.map_err(|fault| broken(&path, &fault.to_string()))?;
        let mut reader = UseReader::new();
        let mut rest = &details[..];
        for line in held.chunks_exact(AuditLine::LEN) {
            let line = AuditLine::decode(line);
            let line = line.map_err(|fault| broken(&path, &fault.to_string()))?;
            let detail;
            (detail, rest) = rest.split_at(rest.len().min(KeyUse::LEN));
            let taken = reader.take(&line, detail);
            taken.map_err(|fault| broken(&path, &fault.to_string()))?;
        }
        let found = reader.finish(rest);
        let found = found.map_err(|fault| broken(&path, &fault.to_string()))?;
        let open = found.open.into_iter().map(|(line, key)| {
            let label = Label::parse(key.label.as_str());
            let label = label.map_err(|fault| broken(&path, &fault.to_string()))?;
            Ok((label, (line, key, UseTally::new())))
        });
        let open = open.collect::<Result<_, Failure>>()?;
        // Only of a chain that holds is anything taken away.
        if torn[0] {
            lines.cut(held.len()).map_err(|error| unusable(&error))?;
        }
        if torn[1] {
            said.cut(details.len()).map_err(|error| unusable(&error))?;
        }
        Ok(Self {
            path,
            lines,
            said,
            log,
            open,
        })
    }

    fn now(&self) -> Timestamp {
        clock::now_or(None).max(self.log.earliest())
    }

    fn open_key(&mut self, name: &KeyName) -> Result<(), CustodyError> {
        let key = UsedKey {
            key: None,
            city: name.slot.city,
            purpose: name.slot.purpose.byte(),
            // A run makes and verifies with the same key.
            usage: Usage::Make.byte(),
            version: name.version,
            label: Word::parse(name.label.as_str()).expect("a label is a word of 24 characters"),
            permit: None,
        };
        let mut log = self.log.clone();
        let made = log.open_key(&key, who(), self.now());
        let made = made.map_err(|refusal| self.unwritten(refusal))?;
        let line = made.0.number;
        self.write(log, &made)?;
        self.open.insert(name.label, (line, key, UseTally::new()));
        Ok(())
    }

    /// Closes what an earlier run left open.
    fn close_lost(&mut self) -> Result<(), CustodyError> {
        self.close(|_| UseEnd::Lost)
    }

    fn close_all(&mut self) -> Result<(), CustodyError> {
        self.close(|tally| {
            let (count, sum) = tally.total();
            UseEnd::Counted(count, sum)
        })
    }

    fn close(&mut self, end: impl Fn(&UseTally) -> UseEnd) -> Result<(), CustodyError> {
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_unstable_by_key(|(line, ..)| *line);
        for (line, key, tally) in open {
            let mut log = self.log.clone();
            let made = log.close_key((line, &key), end(&tally), who(), self.now());
            let made = made.map_err(|refusal| self.unwritten(refusal))?;
            self.write(log, &made)?;
        }
        Ok(())
    }

    fn write(&mut self, log: AuditLog, made: &(AuditLine, KeyUse)) -> Result<(), CustodyError> {
        let (line, detail) = made;
        let detail = detail.encode().map_err(|error| self.unwritten(error))?;
        let line = line.encode().map_err(|error| self.unwritten(error))?;
        let said = self.said.append(&detail);
        said.map_err(|error| self.unwritten(error))?;
        let written = self.lines.append(&line);
        written.map_err(|error| self.unwritten(error))?;
        self.log = log;
        Ok(())
    }

    fn unwritten(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> CustodyError {
        CustodyError::Io {
            doing: "write the line of a use to",
            path: self.path.display().to_string(),
            source: io::Error::other(error),
        }
    }
}

fn unusable(error: &dyn fmt::Display) -> Failure {
    Failure::refused(both(
        "the chain of key uses beside the store is not used",
        "无法使用密钥库旁的密钥使用审计链",
    ))
    .because(error)
}

fn broken(path: &Path, fault: &str) -> Failure {
    unusable(&format!("{}: {fault}", path.display())).hint(both(
        "`tongtu audit verify` says where it was changed; without its chain no key of this store is used",
        "`tongtu audit verify` 可指明改动之处；审计链不成立时不使用该库的密钥",
    ))
}
