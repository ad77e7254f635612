//! Settlement days: close, then settle, the same on every node.
//!
//! Closing seals what arrived, judges every ride of it and puts what another hub clears into the
//! outbox. Settling clears the rest, takes in the parent's result, posts the books and publishes
//! files to the children. Both read only what is frozen, so that each can be repeated: it then
//! changes nothing, and says so loudly if it would have made other bytes.
//!
//! Start with `judging`, then `run`; `upper` reads the parent's files, `publishing` writes ours,
//! `member` keeps the books of a city's institution.

mod forwarding;
mod greys;
mod judging;
mod looking;
mod member;
mod publishing;
mod run;
mod sealed;
mod settling;
mod untold;
mod upper;

use std::collections::BTreeMap;

use tongtu_clearing::{
    Command, DayEvent, DayRefusal, Frozen, Outcome, RuleVersion, SetDigest, SettlementDay,
};
use tongtu_crypto::sm3::{self, Digested};
use tongtu_ledger::SumE7;
use tongtu_sql::{BatchRow, DayRow, OutgoingRow, Tx};
use tongtu_types::{BusinessDay, Fen, InstitutionCode, Timestamp};

pub(crate) use judging::{EVIDENCE, REFUSED};

use crate::node::alarm;
use crate::{Node, ServiceError, exchange, stored};

/// How far a day is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DayPhase {
    /// Records are coming in.
    Open,
    /// No more records; what belongs further up is in the outbox.
    Sealed,
    /// Who owes whom is known here.
    Cleared,
    /// Who owes whom is known to all.
    Published,
}

/// A settlement day of this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayView {
    /// The day.
    pub day: BusinessDay,
    /// How far it is.
    pub phase: DayPhase,
    /// Records sealed into it = evidence + forwarded + settled + refused, once closed and
    /// settled.
    pub records: u64,
    /// Entries of two-scan rides, kept and never cleared.
    pub evidence: u64,
    /// Records that another hub clears.
    pub forwarded: u64,
    /// Records settled here.
    pub settled: u64,
    /// Records refused here, by result code.
    pub refused: BTreeMap<u32, u64>,
    /// The members' net positions, in the order of their codes.
    pub positions: Vec<PositionView>,
    /// The hub's own share of the fees.
    pub hub_fee_e7: SumE7,
    /// What rounding to whole fen left with the hub.
    pub rounding_e7: SumE7,
    /// Net positions + hub fee + rounding − what the upper hub settled: zero.
    pub control_sum_e7: SumE7,
}

/// One member's net position (收支轧差).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PositionView {
    /// The member.
    pub member: InstitutionCode,
    /// Income as acquirer, exact.
    pub income_e7: SumE7,
    /// Outgo as issuer, exact.
    pub outgo_e7: SumE7,
    /// Income − outgo in whole fen: positive is to receive.
    pub net: Fen,
}

impl Node {
    /// Cut-off (日切): seals the day, judges its rides, puts what belongs further up into the
    /// outbox. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], for instance before the day is over.
    pub async fn day_close(
        &self,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<DayView, ServiceError> {
        let _days = self.days().lock().await;
        self.seal(day, now).await?;
        let judged = self.judge(day, now).await;
        let judged = self.noting(judged).await;
        self.alarmed(judged, day, now).await?;
        self.day_view(day).await
    }

    /// Settles a closed day and publishes its files. Repeated, it changes nothing.
    ///
    /// # Errors
    /// [`ServiceError`], retryable while the parent's result is not here yet.
    pub async fn day_settle(
        &self,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<DayView, ServiceError> {
        let _days = self.days().lock().await;
        let settled = self.settle(day, now).await;
        let settled = self.noting(settled).await;
        self.alarmed(settled, day, now).await?;
        self.day_view(day).await
    }

    /// Shows a day; one that never was is open and empty.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn day_view(&self, day: BusinessDay) -> Result<DayView, ServiceError> {
        let mut tx = self.store().read().await?;
        let mut view = DayView::open(day);
        let Some(row) = tx.day(day.days()).await? else {
            return Ok(view);
        };
        view.phase = DayPhase::Sealed;
        view.records = stored::count(row.records)?;
        let tally = tx.day_tally(day.days(), self.code().as_str()).await?;
        view.evidence = stored::count(tally.evidence)?;
        view.forwarded = stored::count(tally.forwarded)?;
        for (result, count) in tally.refused {
            let count = stored::count(count)?;
            view.refused.insert(stored::result(result)?, count);
        }
        if tally.repeated > 0 {
            let repeated = view.refused.entry(Outcome::Duplicate.code()).or_default();
            *repeated += stored::count(tally.repeated)?;
        }
        let Some(published) = row.published else {
            return Ok(view);
        };
        view.phase = DayPhase::Published;
        view.settled = stored::count(tally.own)?;
        for row in tx.positions(day.days()).await? {
            view.positions.push(PositionView {
                member: stored::institution(&row.member)?,
                income_e7: stored::sum(&row.income)?,
                outgo_e7: stored::sum(&row.outgo)?,
                net: Fen::new(row.net),
            });
        }
        view.hub_fee_e7 = stored::sum(&published.hub_fee)?;
        view.rounding_e7 = stored::sum(&published.rounding)?;
        view.control_sum_e7 = stored::sum(&published.control_sum)?;
        Ok(view)
    }

    /// Seals a day: everything that arrived before its end and has no day yet is now of this
    /// one. The arrival alone decides, however late the day is closed; a file that a child made
    /// for the day arrives after its end and counts by the day in its header.
    async fn seal(&self, day: BusinessDay, now: Timestamp) -> Result<(), ServiceError> {
        let mut tx = self.store().write().await?;
        if tx.day(day.days()).await?.is_some() {
            return Ok(());
        }
        if let Some(last) = tx.day_last().await?.filter(|last| *last > day.days()) {
            let last = BusinessDay::from_days(last);
            return Err(ServiceError::DayOutOfOrder { day, last });
        }
        // First of all, so that of two programs on one store only one goes on.
        if !tx.day_insert(day.days()).await? {
            return Ok(());
        }
        self.resolve_greys(&mut tx, day, now).await?;
        tx.batches_seal(day.days()).await?;
        let frozen = frozen(&tx.batches_of_day(day.days()).await?)?;
        let book = SettlementDay::open(day, self.config().cut_off);
        let seal = Command::Seal { frozen, now };
        book.decide(seal).map_err(ServiceError::Day)?;
        let records = i64::try_from(frozen.records).expect("a day's records fit 64 bits");
        tx.day_freeze(day.days(), records, &frozen.digest.0).await?;
        Ok(tx.commit().await?)
    }

    /// Raises an alarm when a step would have made other results than it made before.
    async fn alarmed(
        &self,
        done: Result<(), ServiceError>,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let differs = match &done {
            Err(error @ ServiceError::FileDiffers { .. }) => Some(error),
            Err(error @ ServiceError::Day(DayRefusal::ResultDiffers { .. })) => Some(error),
            _ => None,
        };
        if let Some(error) = differs {
            let mut tx = self.store().write().await?;
            alarm(&mut tx, error.code(), day, error.to_string(), now).await?;
            tx.commit().await?;
        }
        done
    }

    /// The settlement day as the book of days has it.
    fn book_of(&self, day: BusinessDay, row: &DayRow) -> Result<SettlementDay, ServiceError> {
        let mut book = SettlementDay::open(day, self.config().cut_off);
        let frozen = Frozen {
            digest: SetDigest(stored::digest(&row.frozen)?),
            records: stored::count(row.records)?,
        };
        book.apply(&DayEvent::Sealed { frozen });
        if let Some(published) = &row.published {
            let rules = u32::try_from(published.rules);
            let rules = rules.map_err(|_| ServiceError::Stored { what: "version" })?;
            book.apply(&DayEvent::Cleared {
                rules: RuleVersion::new(rules),
                result: SetDigest(stored::digest(&published.result)?),
            });
            book.apply(&DayEvent::Published);
        }
        Ok(book)
    }

    /// The row of a day that is closed.
    async fn closed_day(&self, tx: &mut Tx, day: BusinessDay) -> Result<DayRow, ServiceError> {
        let row = tx.day(day.days()).await?.filter(|row| row.judged);
        let expected = "closed";
        row.ok_or(ServiceError::Day(DayRefusal::TooEarly { day, expected }))
    }
}

impl DayView {
    fn open(day: BusinessDay) -> Self {
        Self {
            day,
            phase: DayPhase::Open,
            records: 0,
            evidence: 0,
            forwarded: 0,
            settled: 0,
            refused: BTreeMap::new(),
            positions: Vec::new(),
            hub_fee_e7: SumE7::ZERO,
            rounding_e7: SumE7::ZERO,
            control_sum_e7: SumE7::ZERO,
        }
    }
}

/// The sealed set: a batch's id and its count stand for its records, which never change.
fn frozen(batches: &[BatchRow]) -> Result<Frozen, ServiceError> {
    let mut text = String::new();
    let mut records = 0;
    for batch in batches {
        text.push_str(&format!("{} {}\n", batch.id, batch.records));
        records += stored::count(batch.records)?;
    }
    let digest = SetDigest(sm3::digest(text.as_bytes()));
    Ok(Frozen { digest, records })
}

/// Stores files that are not there yet; those that are must be the same.
async fn files_keep(tx: &mut Tx, files: &[OutgoingRow]) -> Result<(), ServiceError> {
    for file in files {
        if tx.outgoing_insert(file).await? {
            continue;
        }
        let there = tx.outgoing_digest(&file.receiver, &file.name).await?;
        if there.as_deref() != Some(file.content.digest()) {
            let name = exchange::file_name(&file.name)?;
            return Err(ServiceError::FileDiffers { name });
        }
    }
    Ok(())
}

/// A file to be handed out.
fn outgoing(
    receiver: InstitutionCode,
    name: &tongtu_exchange_file::FileName,
    day: BusinessDay,
    place: usize,
    content: Vec<u8>,
) -> OutgoingRow {
    OutgoingRow {
        receiver: receiver.as_str().to_owned(),
        name: name.to_string(),
        day: day.days(),
        place: i64::try_from(place).expect("a day has few files"),
        content: Digested::of(content),
    }
}
