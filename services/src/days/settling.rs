//! Settling a closed day: run, books, files, in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use tongtu_clearing::posting::to_entries;
use tongtu_clearing::{Command, DayRefusal, DayResult, SetDigest};
use tongtu_sql::{
    DayRow, JudgedRow, OutgoingRow, PositionRow, PublishedDay, ReceivedRow, RepeatedRow,
    SettlementRow, Tx,
};
use tongtu_types::{BusinessDay, Timestamp};

use super::publishing::Publication;
use super::upper::{Upper, UpperFiles};
use super::{files_keep, run, sealed};
use crate::keys::CardKeys;
use crate::node::alarm;
use crate::{Node, ServiceError};

/// What a run reads: all of it frozen.
struct Inputs {
    day: BusinessDay,
    row: DayRow,
    judged: Vec<JudgedRow>,
    repeated: Vec<RepeatedRow>,
    files: BTreeMap<String, ReceivedRow>,
    upper: Option<UpperFiles>,
}

/// What a run makes.
struct Outputs {
    upper: Option<Upper>,
    result: DayResult,
    digest: SetDigest,
    files: Vec<OutgoingRow>,
}

impl Node {
    /// Settles a closed day. A published day is run again and compared.
    pub(super) async fn settle(
        &self,
        day: BusinessDay,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let inputs = Arc::new(self.inputs(day).await?);
        let frozen = Arc::clone(&inputs);
        let outputs = self.compute(move |node| node.outputs(&frozen)).await??;
        let mut book = self.book_of(day, &inputs.row)?;
        let clear = Command::Clear {
            frozen: match book.phase() {
                tongtu_clearing::Phase::Open => {
                    return Err(ServiceError::Stored { what: "day" });
                }
                tongtu_clearing::Phase::Sealed { frozen }
                | tongtu_clearing::Phase::Cleared { frozen, .. }
                | tongtu_clearing::Phase::Published { frozen, .. } => frozen,
            },
            rules: self.config().fee_rules.version(),
            result: outputs.digest,
        };
        let again = match book.decide(clear) {
            Ok(event) => {
                book.apply(&event);
                false
            }
            Err(DayRefusal::AlreadyDone { .. }) => true,
            // On the same rules a published day has one result; another is a fault.
            Err(DayRefusal::Published { day }) if self.same_rules(&inputs.row) => {
                return Err(ServiceError::Day(DayRefusal::ResultDiffers { day }));
            }
            Err(refusal) => return Err(ServiceError::Day(refusal)),
        };
        // Before the transaction, because the lines of the keys' uses have one of their own.
        let keys = match &outputs.upper {
            Some(upper) if !again && self.is_member() => {
                self.keys().fresh(now)?;
                Some(self.card_keys(upper.has_cards(), now).await?)
            }
            _ => None,
        };
        let _books = self.books().lock().await;
        let mut tx = self.store().write().await?;
        if !again {
            let made = (&outputs, keys.as_ref());
            self.publish(&mut tx, &inputs, made, now).await?;
        }
        files_keep(&mut tx, &outputs.files).await?;
        Ok(tx.commit().await?)
    }

    fn same_rules(&self, row: &DayRow) -> bool {
        let rules = i64::from(self.config().fee_rules.version().get());
        row.published.as_ref().is_some_and(|p| p.rules == rules)
    }

    async fn inputs(&self, day: BusinessDay) -> Result<Inputs, ServiceError> {
        let mut tx = self.store().read().await?;
        let row = self.closed_day(&mut tx, day).await?;
        Ok(Inputs {
            day,
            row,
            judged: tx.judged_of_day(day.days()).await?,
            repeated: tx.repeated_of_day(day.days()).await?,
            files: sealed::files_of_day(&mut tx, day).await?,
            upper: self.upper_files(&mut tx, day).await?,
        })
    }

    /// The run itself: from the inputs and the fee rules alone.
    fn outputs(&self, inputs: &Inputs) -> Result<Outputs, ServiceError> {
        let upper = inputs.upper.as_ref().map(UpperFiles::read).transpose()?;
        let result = self.run(inputs.day, &inputs.judged, upper.as_ref())?;
        if let Some(upper) = &upper
            && !upper.is_whole(&result)?
        {
            return Err(ServiceError::UpperMissing {
                parent: upper.hub,
                day: inputs.day,
            });
        }
        let files = self.published_files(&Publication {
            day: inputs.day,
            judged: &inputs.judged,
            repeated: &inputs.repeated,
            files: &inputs.files,
            result: &result,
            upper: upper.as_ref(),
        })?;
        let digest = run::digest(&result);
        Ok(Outputs {
            upper,
            result,
            digest,
            files,
        })
    }

    /// Posts the books and publishes the day.
    async fn publish(
        &self,
        tx: &mut Tx,
        inputs: &Inputs,
        (outputs, keys): (&Outputs, Option<&CardKeys>),
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let (day, result) = (inputs.day, &outputs.result);
        let upper = outputs.upper.as_ref();
        let mut ended = own_ends(inputs, result)?;
        if self.is_member() {
            let made = self.member_day(tx, &inputs.judged, result, upper).await?;
            self.check_charges(tx, upper.zip(keys), &made.charged, now)
                .await?;
            tx.entries_post(&made.entries).await?;
            tx.charged_insert(&made.charged).await?;
            ended.extend(made.ended);
        } else {
            tx.entries_post(&to_entries(result)?).await?;
        }
        tx.settlements_insert(&ended).await?;
        for line in upper.iter().flat_map(|upper| &upper.refused_files) {
            let about = &line.file_name;
            let message = format!("{about} was refused: {:06}", line.result.get());
            alarm(tx, "exchange.file_refused", about, message, now).await?;
        }
        let positions: Vec<PositionRow> = result
            .positions()
            .iter()
            .map(|(member, position)| PositionRow {
                member: member.as_str().to_owned(),
                income: position.income.get().to_string(),
                outgo: position.outgo.get().to_string(),
                net: position.net.get(),
            })
            .collect();
        tx.positions_insert(day.days(), &positions).await?;
        let published = PublishedDay {
            rules: i64::from(self.config().fee_rules.version().get()),
            result: outputs.digest.0.to_vec(),
            hub_fee: result.hub_fee().get().to_string(),
            rounding: result.rounding().get().to_string(),
            control_sum: result.control_sum().get().to_string(),
        };
        if !tx.day_publish(day.days(), &published).await? {
            return Err(ServiceError::Day(DayRefusal::Published { day }));
        }
        Ok(())
    }
}

/// How the rides end that this hub cleared.
fn own_ends(inputs: &Inputs, result: &DayResult) -> Result<Vec<SettlementRow>, ServiceError> {
    let results: BTreeMap<&str, i64> = inputs
        .judged
        .iter()
        .map(|row| (row.judgement.record.as_str(), row.judgement.result))
        .collect();
    let end = |line: &tongtu_clearing::ClearedLine| {
        let record = line.ride.record;
        let missing = ServiceError::Stored { what: "judgement" };
        Ok(SettlementRow {
            record: record.as_str().to_owned(),
            day: inputs.day.days(),
            settled: true,
            result: *results.get(record.as_str()).ok_or(missing)?,
            serial: i64::try_from(line.serial.get()).expect("twelve digits fit 64 bits"),
        })
    };
    result.lines().iter().map(end).collect()
}
