//! Publishing: LD, FB, CL and BP files for the children of a hub.

use std::collections::BTreeMap;

use tongtu_clearing::{ClearedLine, DayResult, Outcome, Position};
use tongtu_exchange_file::{
    BpRecord, ClRecord, Clearing, CqRecord, ExchangeFile, FbRecord, FileName, LdRecord, Record,
    ResultCode, TailTag, TestFlag, TimeOfDay,
};
use tongtu_ride_code::record::RideRecord;
use tongtu_sql::{JudgedRow, OutgoingRow, ReceivedRow, RepeatedRow};
use tongtu_tap_record::TapRecord;
use tongtu_types::{BusinessDay, Fen, FenE7, InstitutionCode, RecordId};

use super::forwarding::RECORDS_PER_FILE;
use super::judging::REFUSED;
use super::outgoing;
use super::sealed::{Line, lines_of};
use super::upper::Upper;
use crate::{Node, ServiceError, stored};

/// What is handed out to one child.
#[derive(Default)]
struct Handout {
    list: Vec<LdRecord>,
    feedback: Vec<FbRecord>,
    charges: Vec<ClRecord>,
}

/// What the files of a day are made of.
pub(super) struct Publication<'a> {
    pub(super) day: BusinessDay,
    pub(super) judged: &'a [JudgedRow],
    pub(super) repeated: &'a [RepeatedRow],
    /// The children's files by their batches.
    pub(super) files: &'a BTreeMap<String, ReceivedRow>,
    pub(super) result: &'a DayResult,
    pub(super) upper: Option<&'a Upper>,
}

impl Node {
    /// All files of a day, the net position last for every child.
    pub(super) fn published_files(
        &self,
        of: &Publication<'_>,
    ) -> Result<Vec<OutgoingRow>, ServiceError> {
        let none = |child: &InstitutionCode| (*child, Handout::default());
        let mut handouts: BTreeMap<_, _> = self.children().iter().map(none).collect();
        self.answer_files(of, &mut handouts)?;
        self.answer_rides(of, &mut handouts)?;
        self.hand_on(of, &mut handouts)?;
        let mut files = Vec::new();
        for (child, handout) in handouts {
            let position = of.result.positions().get(&child).copied();
            let position = position.unwrap_or_default();
            files.extend(handout.files(child, of.day, &position)?);
        }
        Ok(files)
    }

    /// LD: every CQ file that was sealed into the day gets its answer.
    fn answer_files(
        &self,
        of: &Publication<'_>,
        handouts: &mut BTreeMap<InstitutionCode, Handout>,
    ) -> Result<(), ServiceError> {
        // By batch id, that is by sender and name.
        for file in of.files.values() {
            let sender = stored::institution(&file.sender)?;
            let Some(handout) = handouts.get_mut(&sender) else {
                continue;
            };
            let result = ResultCode::new(stored::result(file.result)?).unwrap_or(ResultCode::OK);
            let line = u64::try_from(handout.list.len()).expect("a list fits memory") + 1;
            let answer = LdRecord::answer(1, line, &file.name, result);
            handout.list.push(answer);
        }
        Ok(())
    }

    /// FB for every ride that a child sent and that ends here, CL for every one settled.
    fn answer_rides(
        &self,
        of: &Publication<'_>,
        handouts: &mut BTreeMap<InstitutionCode, Handout>,
    ) -> Result<(), ServiceError> {
        let settled: BTreeMap<RecordId, &ClearedLine> = of
            .result
            .lines()
            .iter()
            .map(|line| (line.ride.record, line))
            .collect();
        let mut ends: BTreeMap<(&str, i64), Clearing> = BTreeMap::new();
        for row in of.judged {
            let record = stored::record(&row.judgement.record)?;
            let result = stored::result(row.judgement.result)?;
            let clearing = match settled.get(&record) {
                Some(line) => clearing(line, result),
                None if row.judgement.verdict == REFUSED => refusal(result),
                None => continue,
            };
            ends.insert((&row.batch, row.number), clearing);
        }
        // UNSPECIFIED: whether a record that was refused may be sent again is nowhere said; we
        // answer every repetition as one, whatever became of the first.
        for row in of.repeated {
            let clearing = refusal(Outcome::Duplicate.code());
            ends.insert((&row.batch, row.number), clearing);
        }
        for (batch, file) in of.files {
            for (line, number) in lines_of(file)?.iter().zip(0..) {
                if let Some(clearing) = ends.get(&(batch.as_str(), number)) {
                    self.answer_ride(line, clearing, handouts)?;
                }
            }
        }
        Ok(())
    }

    fn answer_ride(
        &self,
        line: &Line,
        clearing: &Clearing,
        handouts: &mut BTreeMap<InstitutionCode, Handout>,
    ) -> Result<(), ServiceError> {
        let detail = line.detail();
        let acquirer = self.member_of(detail.main().acquirer)?;
        if let Some(handout) = handouts.get_mut(&acquirer) {
            handout.feedback.push(FbRecord::answer(detail, clearing));
        }
        if clearing.serial == 0 {
            return Ok(());
        }
        let issuer = self.member_of(detail.main().issuer)?;
        if let Some(handout) = handouts.get_mut(&issuer) {
            handout.charges.push(notice(line, clearing)?);
        }
        Ok(())
    }

    /// The parent's lines go on to the children as they came.
    fn hand_on(
        &self,
        of: &Publication<'_>,
        handouts: &mut BTreeMap<InstitutionCode, Handout>,
    ) -> Result<(), ServiceError> {
        let Some(upper) = of.upper else {
            return Ok(());
        };
        for line in &upper.feedback {
            if let Some(handout) = handouts.get_mut(&self.member_of(line.acquirer)?) {
                handout.feedback.push(line.clone());
            }
        }
        for line in &upper.charges {
            if let Some(handout) = handouts.get_mut(&self.member_of(line.fixed.issuer)?) {
                handout.charges.push(line.clone());
            }
        }
        Ok(())
    }
}

impl Handout {
    fn files(
        mut self,
        child: InstitutionCode,
        day: BusinessDay,
        position: &Position,
    ) -> Result<Vec<OutgoingRow>, ServiceError> {
        // An order of their own, not that of arrival.
        self.feedback.sort_by_key(|line| {
            let key = (line.acquirer, line.acceptance_day, line.acquirer_serial);
            (line.clearing_serial, key)
        });
        self.charges.sort_by_key(|line| line.fixed.clearing_serial);
        let mut files = Vec::new();
        let made = Files { child, day };
        if !self.list.is_empty() {
            made.add(self.list, &mut files)?;
        }
        if !self.feedback.is_empty() {
            made.add(self.feedback, &mut files)?;
        }
        if !self.charges.is_empty() {
            made.add(self.charges, &mut files)?;
        }
        let position = net_position(position)?;
        made.add(vec![position], &mut files)?;
        Ok(files)
    }
}

struct Files {
    child: InstitutionCode,
    day: BusinessDay,
}

impl Files {
    fn add<R: Record>(
        &self,
        records: Vec<R>,
        files: &mut Vec<OutgoingRow>,
    ) -> Result<(), ServiceError> {
        let Self { child, day } = *self;
        let name = FileName::new(R::KIND, day, TimeOfDay::MIDNIGHT, child, 1)?;
        let whole = ExchangeFile::new(name, day, child, records);
        for file in whole.split(RECORDS_PER_FILE)? {
            let content = file.encode()?;
            files.push(outgoing(child, &file.name, day, files.len(), content));
        }
        Ok(())
    }
}

fn clearing(line: &ClearedLine, result: u32) -> Clearing {
    let fees = line.ride.fees;
    Clearing {
        serial: line.serial.get(),
        result: code(result),
        test: TestFlag::LIVE,
        fee: fees.fee(),
        issuer_share: fees.issuer_share(),
        acquirer_share: fees.acquirer_share(),
    }
}

/// Of a ride that is not settled: no serial, no fees.
fn refusal(result: u32) -> Clearing {
    Clearing {
        serial: 0,
        result: code(result),
        test: TestFlag::LIVE,
        fee: FenE7::ZERO,
        issuer_share: FenE7::ZERO,
        acquirer_share: FenE7::ZERO,
    }
}

fn code(result: u32) -> ResultCode {
    ResultCode::new(result).expect("outcomes have six digits")
}

/// The notice to the issuer. One item more than others read: one scan or two, so that the
/// issuer can tell its rider what the debit was for.
fn notice(line: &Line, clearing: &Clearing) -> Result<ClRecord, ServiceError> {
    let line = match line {
        Line::Code(line) => line,
        Line::Card(line) => return Ok(ClRecord::notice_of_card(line, clearing)?),
    };
    let proof = proof_of(line)?;
    let mut notice = ClRecord::notice(line, &proof, clearing)?;
    let consumption = line.ride().consumption.get().to_string();
    notice.tail.push(TailTag::CONSUMPTION, &consumption)?;
    Ok(notice)
}

/// What an issuer verifies a ride of a CQ line by: the code, or of a ride by face the whole
/// record, which has nothing else.
fn proof_of(line: &CqRecord) -> Result<Vec<u8>, ServiceError> {
    let bytes = &line.ride().ride_record;
    if TapRecord::is_one(bytes) {
        return Ok(bytes.clone());
    }
    let record = RideRecord::decode(bytes);
    let record = record.map_err(|_| ServiceError::Stored { what: "ride" })?;
    Ok(record.code)
}

/// The line of a net position.
///
/// Income and outgo are the sums of the FB and CL lines, rounded once; see
/// [`Position::rounded`].
pub(super) fn net_position(position: &Position) -> Result<BpRecord, ServiceError> {
    let fault = || ServiceError::Stored { what: "position" };
    let (income, outgo) = position.rounded().map_err(|_| fault())?;
    BpRecord::new(income, outgo, Fen::ZERO, Fen::ZERO).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use tongtu_ledger::SumE7;

    use super::*;

    #[test]
    fn income_and_outgo_are_rounded_each() {
        let line = |income: i128, outgo: i128| {
            let position = Position {
                income: SumE7::new(income),
                outgo: SumE7::new(outgo),
                ..Position::default()
            };
            let line = net_position(&position).unwrap();
            [line.income, line.outgo, line.net().unwrap()].map(Fen::get)
        };
        let half = 5_000_000;
        assert_eq!(line(0, 0), [0, 0, 0]);
        assert_eq!(line(half, half - 1), [0, 0, 0]);
        assert_eq!(line(half + 1, 3 * half), [1, 2, -1]);
        // The exact difference is 0.8 fen; the published one 0: 79.6 is 80, and so is 80.4.
        assert_eq!(line(804_000_000, 796_000_000), [80, 80, 0]);
        assert_eq!(line(798_600_000, 0), [80, 0, 80]);
    }
}
