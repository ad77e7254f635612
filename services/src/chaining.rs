//! The chains over terminals' records: does what a terminal uploads go on from what it uploaded?
//!
//! A record is stored, or refused, for what it is; here is only its place in its terminal's chain.
//! A record that does not fit is kept all the same, marked, and somebody is told: that records are
//! missing, came in two forms or were changed is for people to judge, and a terminal that lost its
//! memory must still get rid of honest rides.

use std::collections::BTreeMap;

use tongtu_crypto::{Signature, sm3};
use tongtu_sql::{ChainEndedRow, ChainLinkRow, ChainRow, Tx};
use tongtu_terminal::{
    Audited, CHAIN_START, ChainAudit, ChainFault, ChainedRecord, chained, sealed,
};
use tongtu_types::{TerminalNumber, Timestamp};

use crate::acquiring::UploadOutcome;
use crate::node::alarm;
use crate::{Node, ServiceError, stored};

/// Where a record stands in its terminal's chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChainPlace {
    /// It follows on all before it.
    Next,
    /// It was there, the same.
    Again,
    /// It is older than the chain is followed here.
    Old,
    /// One before it has not come yet.
    Ahead,
    /// It does not hold; kept all the same.
    Fault(ChainFault),
}

/// A terminal's chain as it is followed here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainView {
    /// The terminal.
    pub terminal: TerminalNumber,
    /// The newest record up to which nothing is missing; 0 is none.
    pub tip: u64,
    /// The chain's value there.
    pub value: sm3::Digest,
    /// First and last of the numbers among which at least one record is missing.
    pub missing: Option<(u64, u64)>,
    /// How many records wait for a missing one.
    pub waiting: u64,
    /// Records that do not hold.
    pub faults: Vec<ChainFaultView>,
    /// The terminal's chains that are followed no further, the oldest first.
    pub ended: Vec<ChainEnded>,
}

/// A chain that is followed no further, because its terminal's memory was replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainEnded {
    /// How far it was followed.
    pub tip: u64,
    /// The chain's value there.
    pub value: sm3::Digest,
    /// When another began.
    pub at: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

/// The longest reason, in bytes.
const REASON_MAX: usize = 500;

/// A record that does not fit into its terminal's chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainFaultView {
    /// Its number.
    pub number: u64,
    /// Its SM3.
    pub record: sm3::Digest,
    /// When it came.
    pub arrived_at: Timestamp,
    /// What does not hold.
    pub reason: String,
}

impl Node {
    /// Takes a terminal's records with their places in its chain, signed by the terminal; see
    /// [`Node::records_upload`].
    ///
    /// # Errors
    /// [`ServiceError`], [`ServiceError::ChainSeal`] when the chain is not the terminal's; then
    /// nothing is acknowledged and the terminal sends again.
    pub async fn records_upload_chained(
        &self,
        terminal: TerminalNumber,
        records: &[ChainedRecord],
        seal: &Signature,
        now: Timestamp,
    ) -> Result<Vec<UploadOutcome>, ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().read().await?;
        let row = tx.terminal(terminal.as_str()).await?;
        drop(tx);
        let row = row.ok_or(ServiceError::TerminalUnknown { terminal })?;
        let key = stored::key(&row.public_key)?;
        key.verify(&sealed(terminal, records), seal)
            .map_err(|_| ServiceError::ChainSeal { terminal })?;
        for sent in records {
            number(sent.seq)?;
        }
        let bytes: Vec<Vec<u8>> = records.iter().map(|sent| sent.record.clone()).collect();
        self.upload(terminal, &bytes, Some(records), now).await
    }

    /// Follows a terminal's chain from its beginning again, because the terminal's memory was
    /// replaced. All that came before stays, with its places and faults, and with when and why
    /// another chain began. While nothing came of the new one, once more changes nothing.
    ///
    /// An operator's word, never a terminal's: whoever may begin a chain anew can leave rides out.
    ///
    /// # Errors
    /// [`ServiceError`], not found for a terminal whose chain is not followed.
    pub async fn chain_begin_anew(
        &self,
        terminal: TerminalNumber,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        self.acquirer()?;
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > REASON_MAX {
            let (found, max) = (reason.len(), REASON_MAX);
            return Err(ServiceError::ChainReason { found, max });
        }
        let mut tx = self.store().write().await?;
        let chain = tx.chain_take(terminal.as_str()).await?;
        let chain = chain.ok_or(ServiceError::ChainUnknown { terminal })?;
        let is_new = chain.era > 0 && chain.tip == 0 && tx.chain_is_empty(&chain).await?;
        if !is_new {
            let message = format!(
                "terminal {terminal}: its chain begins anew; it was followed to record {}: {reason}",
                chain.tip
            );
            let subject = format!("{terminal}/{}", chain.era + 1);
            let ended = ChainEndedRow {
                chain,
                ended_at: now.get(),
                reason: reason.to_owned(),
            };
            tx.chain_anew(&ended, &CHAIN_START).await?;
            alarm(&mut tx, "chain.begun_anew", subject, message, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The chains of all terminals that uploaded with one, by terminal.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn chains_view(&self) -> Result<Vec<ChainView>, ServiceError> {
        self.acquirer()?;
        let mut tx = self.store().read().await?;
        let mut views = BTreeMap::new();
        for row in tx.chains().await? {
            let (tip, value) = (stored::count(row.tip)?, digest(&row.value)?);
            let view = ChainView {
                terminal: stored::terminal(&row.terminal)?,
                tip,
                value,
                missing: None,
                waiting: 0,
                faults: Vec::new(),
                ended: Vec::new(),
            };
            views.insert(row.terminal, view);
        }
        for row in tx.chains_ended().await? {
            let view = views.get_mut(&row.chain.terminal);
            view.ok_or(fault("ended chain"))?.ended.push(ChainEnded {
                tip: stored::count(row.chain.tip)?,
                value: digest(&row.chain.value)?,
                at: Timestamp::new(row.ended_at),
                reason: row.reason,
            });
        }
        for link in tx.chain_links_open().await? {
            let view = views.get_mut(&link.terminal).ok_or(fault("chain link"))?;
            let number = stored::count(link.number)?;
            match link.fault {
                None => {
                    view.waiting += 1;
                    let gap = (view.tip + 1, number.saturating_sub(1));
                    view.missing = view.missing.or(Some(gap));
                }
                Some(reason) => view.faults.push(ChainFaultView {
                    number,
                    record: digest(&link.record)?,
                    arrived_at: Timestamp::new(link.arrived_at),
                    reason,
                }),
            }
        }
        Ok(views.into_values().collect())
    }
}

/// Follows a terminal's chain over what it sent, and says where each record stands.
pub(crate) async fn follow(
    tx: &mut Tx,
    terminal: TerminalNumber,
    sent: &[ChainedRecord],
    now: Timestamp,
) -> Result<Vec<ChainPlace>, ServiceError> {
    let numbers = || sent.iter().map(|sent| sent.seq);
    let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else {
        return Ok(Vec::new());
    };
    let (first, last) = (number(first)?, number(last)?);
    let row = take(tx, terminal, sent, now).await?;
    let [follow, wait] = tx.chain_links(&row, first, last).await?;
    let known = known(&follow)?;
    let tip = (stored::count(row.tip)?, digest(&row.value)?);
    let mut audit = ChainAudit::resume(tip, known.clone(), waiting(&wait)?);
    let mut places = Vec::new();
    let mut links = Vec::new();
    for sent in sent {
        let place = place(&mut audit, sent, &known);
        let (state, reason) = match place {
            ChainPlace::Next => (0, None),
            ChainPlace::Ahead => (1, None),
            ChainPlace::Fault(fault) => (2, Some(fault.to_string())),
            ChainPlace::Again | ChainPlace::Old => {
                places.push(place);
                continue;
            }
        };
        links.push(ChainLinkRow {
            terminal: terminal.as_str().to_owned(),
            number: number(sent.seq)?,
            value: sent.chain.to_vec(),
            record: sm3::digest(&sent.record).to_vec(),
            prior: sent.before.to_vec(),
            arrived_at: now.get(),
            state,
            fault: reason,
            era: row.era,
        });
        places.push(place);
    }
    tx.chain_links_insert(&links).await?;
    let mut reached = tip;
    while audit.tip() != reached {
        reached = audit.tip();
        tx.chain_advance(&ChainRow {
            terminal: terminal.as_str().to_owned(),
            tip: number(reached.0)?,
            value: reached.1.to_vec(),
            era: row.era,
        })
        .await?;
        // More may wait than one audit holds.
        let [_, wait] = tx.chain_links(&row, 0, 0).await?;
        audit = ChainAudit::resume(reached, [], waiting(&wait)?);
    }
    raise(tx, terminal, &places, &audit, now).await?;
    Ok(places)
}

fn place(
    audit: &mut ChainAudit,
    sent: &ChainedRecord,
    known: &BTreeMap<u64, sm3::Digest>,
) -> ChainPlace {
    match audit.take(sent) {
        Ok(Audited::Next) => ChainPlace::Next,
        Ok(Audited::Again) => ChainPlace::Again,
        // Here nothing is forgotten.
        Ok(Audited::Old) => match known.get(&sent.seq) {
            Some(value) if *value == sent.chain => ChainPlace::Again,
            Some(_) => ChainPlace::Fault(ChainFault::Rewritten { seq: sent.seq }),
            None => ChainPlace::Old,
        },
        // And there is room for all.
        Ok(Audited::Ahead) | Err(ChainFault::TooFarAhead { .. }) => ChainPlace::Ahead,
        Err(fault) => ChainPlace::Fault(fault),
    }
}

/// The chain as far as it is followed; for a terminal's first upload, where it begins.
async fn take(
    tx: &mut Tx,
    terminal: TerminalNumber,
    sent: &[ChainedRecord],
    now: Timestamp,
) -> Result<ChainRow, ServiceError> {
    if let Some(row) = tx.chain_take(terminal.as_str()).await? {
        return Ok(row);
    }
    let holds = |s: &&ChainedRecord| chained(&s.before, s.seq, &s.record) == s.chain;
    let earliest = sent.iter().filter(holds).min_by_key(|s| s.seq);
    // A terminal that uploaded before its acquirer followed chains is followed from here on.
    let late = earliest.filter(|s| s.seq > 1 && s.before != CHAIN_START);
    let (tip, value) = match late {
        Some(first) => (number(first.seq)? - 1, first.before),
        None => (0, CHAIN_START),
    };
    let row = ChainRow {
        terminal: terminal.as_str().to_owned(),
        tip,
        value: value.to_vec(),
        era: 0,
    };
    if !tx.chain_begin(&row).await? {
        // Another upload of the same terminal was first.
        let there = tx.chain_take(terminal.as_str()).await?;
        return there.ok_or(fault("chain"));
    }
    if let Some(first) = late {
        let message = format!(
            "terminal {terminal}: its chain is followed from record {} on; those before it came \
             without their chain, or not at all",
            first.seq
        );
        alarm(tx, "chain.begun_late", terminal, message, now).await?;
    }
    Ok(row)
}

/// Tells somebody of what does not hold, and of what is missing.
async fn raise(
    tx: &mut Tx,
    terminal: TerminalNumber,
    places: &[ChainPlace],
    audit: &ChainAudit,
    now: Timestamp,
) -> Result<(), ServiceError> {
    for place in places {
        let ChainPlace::Fault(fault) = place else {
            continue;
        };
        let (code, seq) = match fault {
            ChainFault::Broken { seq } => ("chain.broken", *seq),
            ChainFault::Rewritten { seq } => ("chain.rewritten", *seq),
            ChainFault::Forked { seq, .. } => ("chain.forked", *seq),
            // There is no other; a new one is not to be passed over.
            _ => ("chain.fault", 0),
        };
        let message = format!("terminal {terminal}: {fault}");
        alarm(tx, code, format!("{terminal}/{seq}"), message, now).await?;
    }
    if let Some((first, last)) = audit.missing() {
        let message = format!(
            "terminal {terminal}: at least one of the records {first} to {last} did not come, \
             but later ones did"
        );
        let subject = format!("{terminal}/{first}");
        alarm(tx, "chain.missing", subject, message, now).await?;
    }
    Ok(())
}

fn known(rows: &[ChainLinkRow]) -> Result<BTreeMap<u64, sm3::Digest>, ServiceError> {
    let one = |row: &ChainLinkRow| Ok((stored::count(row.number)?, digest(&row.value)?));
    rows.iter().map(one).collect()
}

/// Value before and at each record, by number.
type Waiting = BTreeMap<u64, (sm3::Digest, sm3::Digest)>;

fn waiting(rows: &[ChainLinkRow]) -> Result<Waiting, ServiceError> {
    let one = |row: &ChainLinkRow| {
        let link = (digest(&row.prior)?, digest(&row.value)?);
        Ok((stored::count(row.number)?, link))
    };
    rows.iter().map(one).collect()
}

fn digest(bytes: &[u8]) -> Result<sm3::Digest, ServiceError> {
    bytes.try_into().map_err(|_| fault("chain value"))
}

/// A record's number; there is no record 0.
fn number(seq: u64) -> Result<i64, ServiceError> {
    let number = i64::try_from(seq).ok().filter(|number| *number > 0);
    number.ok_or(ServiceError::ChainNumber { number: seq })
}

const fn fault(what: &'static str) -> ServiceError {
    ServiceError::Stored { what }
}
