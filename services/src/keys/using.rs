//! Every use of a node's keys, under a line of an audit chain in the node's store.
//!
//! ```text
//! permit ──▶ line "use.open", durable ──▶ sign, prove … ──▶ line "use.close": how many, and over what
//! ```
//! A line for each use would put a chain in which one waits for the other into every certificate and
//! every proof of a night. So a key is opened by a line before its first use and closed by another a
//! minute later at most ([`OPEN_S`]); uses in between are counted in memory. After a crash the next
//! start closes what was open, and says that nobody knows how often it was used.
//!
//! What is here: [`Opened`], without which nothing in custody can be used, and the node's chain. What
//! is not here: the form of lines (`tongtu-audit`), and what a refused use leaves ([`super::noting`]).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tongtu_audit::{
    Anchor, AnchorKeys, AuditLine, AuditLog, KeyUse, UseEnd, UseTally, UsedKey, Word,
};
use tongtu_crypto::{PublicKey, sm3};
use tongtu_hsm::{KeyInfo, Label};
use tongtu_keyring::code::Usage;
use tongtu_keyring::{KeyNumber, Permit};
use tongtu_sql::{KeyUseRow, Tx};
use tongtu_types::Timestamp;

use super::KeyFault;
use crate::{Node, ServiceError, stored};

/// A key is closed at the latest so long after it was opened, by the first call after that.
// UNSPECIFIED: no text that we could read says how uses of keys are told; a minute is ours.
pub const OPEN_S: i64 = 60;

/// So many lines are given out at a time.
const AT_A_TIME: i64 = 2000;

/// Keys that are open, by the line that opened each.
type Shared = Arc<Mutex<BTreeMap<u64, OpenKey>>>;

#[derive(Debug)]
struct OpenKey {
    key: UsedKey,
    at: Timestamp,
    tally: UseTally,
    /// How many calls may still use it.
    holders: usize,
    /// Open for one run only, and closed when that ends.
    is_run: bool,
    /// Being closed: nobody takes it any more.
    is_closing: bool,
}

impl OpenKey {
    /// Whether a call at this moment may still go under it. A clock that was set back opens anew.
    const fn is_fresh(&self, now: Timestamp) -> bool {
        let age_s = now.since_s(self.at);
        -OPEN_S < age_s && age_s < OPEN_S
    }
}

/// The chain of a node, and what is open in it.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Where the chain ends; nothing when that is to be read from the store first.
    chain: tokio::sync::Mutex<Option<AuditLog>>,
    open: Shared,
}

/// That a key in custody may be used: by which permit, and what it is called there.
pub(crate) struct Allowed {
    pub(super) permit: Permit,
    pub(super) info: KeyInfo,
}

impl Allowed {
    fn used_key(&self) -> UsedKey {
        let permit = &self.permit;
        let key = UsedKey {
            city: permit.city(),
            purpose: permit.purpose().byte(),
            ..used_key(permit.key(), &self.info, permit.rests_on())
        };
        UsedKey {
            usage: permit.usage().byte(),
            ..key
        }
    }
}

/// A key as it is used to accept what was made with it, by the book up to an event.
pub(super) fn used_key(key: KeyNumber, info: &KeyInfo, event: u64) -> UsedKey {
    let label = info.name.label;
    UsedKey {
        key: Some(key.get()),
        city: info.name.slot.city,
        purpose: info.name.slot.purpose.byte(),
        usage: Usage::Accept.byte(),
        version: info.name.version,
        label: Word::parse(label.as_str()).expect("a label is a word of 24 characters at most"),
        permit: Some(event).filter(|event| *event != 0),
    }
}

/// A key that a line of the chain opened: the one thing by which a custody can be used here.
pub(crate) struct Opened {
    line: u64,
    open: Shared,
    pub(super) key: KeyNumber,
    pub(super) label: Label,
    pub(super) at: Timestamp,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({}, line {})", self.label, self.line)
    }
}

impl Opened {
    /// Which key it is.
    pub(crate) const fn key(&self) -> KeyNumber {
        self.key
    }

    /// Counts a use that is about to be made.
    pub(super) fn used(&self, deed: &str, about: &[u8]) {
        self.used_all(&[UseTally::digest(deed, &[], about)]);
    }

    pub(super) fn used_all(&self, digests: &[sm3::Digest]) {
        if let Some(open) = held(&self.open).get_mut(&self.line) {
            for digest in digests {
                open.tally.used(digest);
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(open) = held(&self.open).get_mut(&self.line) {
            open.holders -= 1;
        }
    }
}

/// Whoever panicked holding it had counted or not; either is whole.
fn held(open: &Shared) -> MutexGuard<'_, BTreeMap<u64, OpenKey>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is done to the chain in one go.
#[derive(Clone, Copy)]
enum Closing {
    /// What is over.
    Over,
    /// Runs that ended.
    Runs,
    /// Everything that nobody uses.
    All,
}

impl Uses {
    /// A key that is open already.
    fn take(&self, key: &UsedKey, now: Timestamp) -> Option<u64> {
        let mut open = held(&self.open);
        let mut newest_first = open.iter_mut().rev();
        let (line, open) = newest_first.find(|(_, open)| {
            open.key == *key && !open.is_run && !open.is_closing && open.is_fresh(now)
        })?;
        open.holders += 1;
        Some(*line)
    }

    fn has(&self, which: Closing, now: Timestamp) -> bool {
        held(&self.open)
            .values()
            .any(|open| is_over(open, which, now))
    }

    /// What is to be closed now; nobody takes it from here on.
    fn close(&self, which: Closing, now: Timestamp) -> Vec<(u64, UsedKey, UseEnd)> {
        let mut ended = Vec::new();
        for (line, open) in held(&self.open).iter_mut() {
            open.is_closing = is_over(open, which, now);
            if open.is_closing {
                let (count, sum) = open.tally.total();
                ended.push((*line, open.key, UseEnd::Counted(count, sum)));
            }
        }
        ended
    }
}

fn is_over(open: &OpenKey, which: Closing, now: Timestamp) -> bool {
    open.holders == 0
        && match which {
            Closing::Over => open.is_run || !open.is_fresh(now),
            Closing::Runs => open.is_run,
            Closing::All => true,
        }
}

/// A piece of a node's chain, for whoever verifies it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyUses {
    /// Lines one behind the other, and what is said of each in full.
    pub lines: Vec<([u8; AuditLine::LEN], [u8; KeyUse::LEN])>,
    /// Every anchor of the chain.
    pub anchors: Vec<[u8; Anchor::LEN]>,
    /// The public keys of anchors, by their numbers in the key book.
    pub anchor_keys: Vec<(u32, PublicKey)>,
}

impl Node {
    /// Opens a key for one use, under a line that is durable when this returns.
    pub(crate) async fn key_open(
        &self,
        allowed: Allowed,
        now: Timestamp,
    ) -> Result<Opened, ServiceError> {
        let key = allowed.used_key();
        let Allowed { permit, info } = allowed;
        let line = match self.uses().take(&key, now) {
            Some(line) => line,
            None => self.key_line(key, now).await?,
        };
        Ok(self.opened(line, (permit.key(), &info), permit.at()))
    }

    async fn key_line(&self, key: UsedKey, now: Timestamp) -> Result<u64, ServiceError> {
        let mut chain = self.uses().chain.lock().await;
        // Whoever waited here for the same key finds it open.
        if let Some(line) = self.uses().take(&key, now) {
            return Ok(line);
        }
        let lines = self
            .lines_write(&mut chain, Closing::Over, (&[key], false), now)
            .await?;
        Ok(lines[0])
    }

    /// Opens keys for one run, each under a line of its own.
    pub(super) async fn keys_open_for_run(
        &self,
        keys: &[(KeyNumber, KeyInfo, UsedKey)],
        now: Timestamp,
    ) -> Result<Vec<Opened>, ServiceError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let used: Vec<UsedKey> = keys.iter().map(|(_, _, used)| *used).collect();
        let mut chain = self.uses().chain.lock().await;
        let lines = self
            .lines_write(&mut chain, Closing::Over, (&used, true), now)
            .await?;
        let opened = lines.into_iter().zip(keys);
        let opened = opened.map(|(line, (key, info, _))| self.opened(line, (*key, info), now));
        Ok(opened.collect())
    }

    fn opened(&self, line: u64, (key, info): (KeyNumber, &KeyInfo), at: Timestamp) -> Opened {
        Opened {
            line,
            open: Arc::clone(&self.uses().open),
            key,
            label: info.name.label,
            at,
        }
    }

    /// Closes what a run had open that has ended.
    pub(crate) async fn key_runs_close(&self) -> Result<(), ServiceError> {
        let start = Timestamp::new(0);
        if !self.uses().has(Closing::Runs, start) {
            return Ok(());
        }
        let mut chain = self.uses().chain.lock().await;
        self.lines_write(&mut chain, Closing::Runs, (&[], false), start)
            .await?;
        Ok(())
    }

    /// Closes keys that were open long enough and what a crash left open, and anchors days that are
    /// over. To be called when a node starts and every minute.
    ///
    /// # Errors
    /// [`ServiceError`]; what was not done is done by the next call.
    pub async fn key_uses_keep(&self, now: Timestamp) -> Result<(), ServiceError> {
        {
            let mut chain = self.uses().chain.lock().await;
            if chain.is_none() || self.uses().has(Closing::Over, now) {
                self.lines_write(&mut chain, Closing::Over, (&[], false), now)
                    .await?;
            }
        }
        self.key_uses_anchor(now).await
    }

    /// Closes every key that is open, where a node stops in good order.
    ///
    /// # Errors
    /// [`ServiceError`]; the next start then closes them, and does not know how often they were used.
    pub async fn key_uses_end(&self, now: Timestamp) -> Result<(), ServiceError> {
        let mut chain = self.uses().chain.lock().await;
        if self.uses().has(Closing::All, now) {
            self.lines_write(&mut chain, Closing::All, (&[], false), now)
                .await?;
        }
        Ok(())
    }

    /// Closes and opens, in one transaction; gives the lines that opened.
    async fn lines_write(
        &self,
        chain: &mut Option<AuditLog>,
        closing: Closing,
        (opening, is_run): (&[UsedKey], bool),
        now: Timestamp,
    ) -> Result<Vec<u64>, ServiceError> {
        let mut tx = self.store().write().await?;
        // Until this is committed it is not known where the chain ends.
        let (mut log, lost) = match chain.take() {
            Some(log) => (log, Vec::new()),
            None => self.chain_read(&mut tx).await?,
        };
        let at = now.max(log.earliest());
        let who = (self.code(), Word::parse("node").expect("a short word"));
        let mut ended = self.uses().close(closing, now);
        let closed: Vec<u64> = ended.iter().map(|(line, ..)| *line).collect();
        ended.extend(
            lost.into_iter()
                .map(|(line, key)| (line, key, UseEnd::Lost)),
        );
        for (line, key, end) in ended {
            let made = log.close_key((line, &key), end, who, at);
            keep(&mut tx, made.map_err(KeyFault::Line)?).await?;
            tx.key_open_delete(stored::number(line)?).await?;
        }
        let mut lines = Vec::new();
        for key in opening {
            let (line, detail) = log.open_key(key, who, at).map_err(KeyFault::Line)?;
            lines.push(line.number);
            let number = stored::number(line.number)?;
            keep(&mut tx, (line, detail)).await?;
            tx.key_open_insert(number).await?;
        }
        tx.commit().await?;
        *chain = Some(log);
        let mut open = held(&self.uses().open);
        open.retain(|line, _| !closed.contains(line));
        open.extend(lines.iter().zip(opening).map(|(line, key)| {
            let open = OpenKey {
                key: *key,
                at: now,
                tally: UseTally::new(),
                holders: 1,
                is_run,
                is_closing: false,
            };
            (*line, open)
        }));
        Ok(lines)
    }

    /// Where the chain in the store ends, and what is open there that nobody here uses.
    async fn chain_read(
        &self,
        tx: &mut Tx,
    ) -> Result<(AuditLog, Vec<(u64, UsedKey)>), ServiceError> {
        let anchor = tx.key_use_anchor_last().await?;
        let day = anchor.as_ref().map_or(i64::MIN, |row| row.day);
        let ends = tx.key_use_day_ends(day).await?;
        let keys: AnchorKeys = anchor_keys(tx).await?.into_iter().collect();
        let anchor = anchor.as_ref().map(|row| &row.anchor[..]);
        let log = AuditLog::resume_at(anchor, &ends, &keys).map_err(KeyFault::Chain)?;
        let mut known = BTreeSet::new();
        let mut lost = Vec::new();
        let rows = tx.keys_open().await?;
        let mut open = held(&self.uses().open);
        for row in rows {
            let line = stored::count(row.number)?;
            known.insert(line);
            if !open.contains_key(&line) {
                let detail = KeyUse::decode(&row.detail);
                let detail = detail.map_err(|_| ServiceError::Stored { what: "key use" })?;
                lost.push((line, detail.used_key()));
            }
        }
        // Closed by a commit of which nobody heard.
        open.retain(|line, _| known.contains(line));
        Ok((log, lost))
    }

    /// Signs an anchor for each day that is over, where the node has a key for anchors.
    async fn key_uses_anchor(&self, now: Timestamp) -> Result<(), ServiceError> {
        let due = |log: &AuditLog| log.anchor_due(now).is_some();
        if !self.uses().chain.lock().await.as_ref().is_some_and(due) {
            return Ok(());
        }
        let Some((allowed, public)) = self.keys().allow_anchors(now)? else {
            return Ok(());
        };
        let number = allowed.permit.key();
        let opened = self.key_open(allowed, now).await?;
        let mut signer = self.keys().signer(&opened, public.clone());
        let mut chain = self.uses().chain.lock().await;
        let Some(mut log) = chain.take() else {
            return Ok(());
        };
        let mut tx = self.store().write().await?;
        while let Some(day) = log.anchor_due(now) {
            let anchor = log.anchor(day, now, (number.get(), &mut signer));
            let anchor = anchor.map_err(KeyFault::Line)?;
            let row = tongtu_sql::KeyUseAnchorRow {
                number: anchor.number.into(),
                day: anchor.day.days(),
                anchor: anchor.encode().map_err(encoded)?.to_vec(),
            };
            let key = (i64::from(number.get()), &public.to_compressed()[..]);
            tx.key_use_anchor_insert(&row, key).await?;
        }
        tx.commit().await?;
        *chain = Some(log);
        drop(chain);
        self.keys().noted_use(number, now);
        self.noting(Ok(())).await
    }

    /// Lines of the chain after one, as many as are given at a time, with every anchor.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn key_uses(&self, after: u64) -> Result<KeyUses, ServiceError> {
        let mut tx = self.store().read().await?;
        let mut uses = KeyUses::default();
        let fault = |_| ServiceError::Stored { what: "key use" };
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        for row in tx.key_uses(after, AT_A_TIME).await? {
            let line = row.line.try_into().map_err(fault)?;
            uses.lines
                .push((line, row.detail.try_into().map_err(fault)?));
        }
        for row in tx.key_use_anchors().await? {
            uses.anchors.push(row.anchor.try_into().map_err(fault)?);
        }
        uses.anchor_keys = anchor_keys(&mut tx).await?;
        Ok(uses)
    }
}

async fn anchor_keys(tx: &mut Tx) -> Result<Vec<(u32, PublicKey)>, ServiceError> {
    let rows = tx.key_use_anchor_keys().await?;
    let one = |(number, public): &(i64, Vec<u8>)| {
        let number = u32::try_from(*number);
        let number = number.map_err(|_| ServiceError::Stored { what: "anchor key" })?;
        Ok((number, stored::key(public)?))
    };
    rows.iter().map(one).collect()
}

async fn keep(tx: &mut Tx, (line, detail): (AuditLine, KeyUse)) -> Result<(), ServiceError> {
    let row = KeyUseRow {
        number: stored::number(line.number)?,
        day: line.at.china().day.days(),
        line: line.encode().map_err(encoded)?.to_vec(),
        detail: detail.encode().map_err(encoded)?.to_vec(),
    };
    Ok(tx.key_use_insert(&row).await?)
}

fn encoded(error: tongtu_codec::EncodeError) -> KeyFault {
    KeyFault::Line(error.into())
}
