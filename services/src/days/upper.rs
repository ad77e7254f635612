//! The parent's result of a day, out of its files.

use tongtu_clearing::{
    ClearingSerial, DayResult, Fees, Mcc, Position, Side, UpperLine, UpperResult,
};
use tongtu_exchange_file::{
    BalanceKind, BpFile, BpRecord, ClFile, ClRecord, ExchangeFile, FbFile, FbRecord, FileKind,
    LdFile, LdRecord, Record, ResultCode,
};
use tongtu_sql::{ReceivedRow, Tx};
use tongtu_types::{BusinessDay, FenE7, InstitutionCode};

use super::publishing::net_position;

use crate::exchange::file_name;
use crate::{Node, ServiceError};

/// What a parent published for us.
pub(super) struct Upper {
    pub(super) hub: InstitutionCode,
    /// The net position that it published.
    position: BpRecord,
    /// Rides that we or ours acquired, settled and not.
    pub(super) feedback: Vec<FbRecord>,
    /// Rides by codes of ours or our members'.
    pub(super) charges: Vec<ClRecord>,
    /// Our own files that it did not take: name and result.
    pub(super) refused_files: Vec<LdRecord>,
}

/// The parent's files of a day, as they came.
pub(super) struct UpperFiles {
    hub: InstitutionCode,
    day: BusinessDay,
    files: Vec<ReceivedRow>,
}

impl Node {
    /// The parent's files of a day; none where there is no parent.
    pub(super) async fn upper_files(
        &self,
        tx: &mut Tx,
        day: BusinessDay,
    ) -> Result<Option<UpperFiles>, ServiceError> {
        let Some(hub) = self.parent() else {
            return Ok(None);
        };
        let mut files = Vec::new();
        for kind in [FileKind::BP, FileKind::FB, FileKind::CL, FileKind::LD] {
            let rows = tx.received_of_day(hub.as_str(), day.days(), kind.as_str());
            files.extend(rows.await?);
        }
        Ok(Some(UpperFiles { hub, day, files }))
    }

    /// The upper hub's lines as the run takes them: those that were settled.
    pub(super) fn upper_result(&self, upper: &Upper) -> Result<UpperResult, ServiceError> {
        let mut lines = Vec::new();
        for line in upper.feedback.iter().filter(|line| is_settled(line)) {
            let fees = fees(line.fee, line.acquirer_share, line.issuer_share)?;
            lines.push(UpperLine {
                serial: serial(line.clearing_serial)?,
                side: Side::Acquired,
                member: self.member_of(line.acquirer)?,
                acquirer: line.acquirer,
                issuer: line.issuer,
                service: category(line.mcc.get())?.service(),
                amount: line.amount,
                fees,
            });
        }
        for line in &upper.charges {
            let line = &line.fixed;
            let fees = fees(line.fee, line.acquirer_share, line.issuer_share)?;
            lines.push(UpperLine {
                serial: serial(line.clearing_serial)?,
                side: Side::Issued,
                member: self.member_of(line.issuer)?,
                acquirer: line.acquirer,
                issuer: line.issuer,
                service: category(line.mcc.get())?.service(),
                amount: line.amount,
                fees,
            });
        }
        let fault = |_| ServiceError::Stored { what: "position" };
        Ok(UpperResult {
            hub: upper.hub,
            net: upper.position.net().map_err(fault)?,
            lines,
        })
    }

    /// Which of our members stands for an institution.
    pub(super) fn member_of(
        &self,
        institution: InstitutionCode,
    ) -> Result<InstitutionCode, ServiceError> {
        let party = self.config().topology.party_at(self.code(), institution)?;
        Ok(party.member)
    }
}

impl UpperFiles {
    /// Reads them; the net position must be there, and be one.
    pub(super) fn read(&self) -> Result<Upper, ServiceError> {
        let missing = || ServiceError::UpperMissing {
            parent: self.hub,
            day: self.day,
        };
        let positions = records(&self.files, BpFile::decode)?;
        let position = <[BpRecord; 1]>::try_from(positions);
        let [position] = position.map_err(|_| missing())?;
        Ok(Upper {
            hub: self.hub,
            position,
            feedback: records(&self.files, FbFile::decode)?,
            charges: records(&self.files, ClFile::decode)?,
            refused_files: records(&self.files, LdFile::decode)?
                .into_iter()
                .filter(|line: &LdRecord| !line.result.is_ok())
                .collect(),
        })
    }
}

impl Upper {
    /// Whether a charge is of a card, so that there is a proof to ask about.
    pub(super) fn has_cards(&self) -> bool {
        let of_card = [BalanceKind::PURSE, BalanceKind::ECASH];
        let mut charges = self.charges.iter();
        charges.any(|line| of_card.contains(&line.fixed.balance_kind))
    }

    /// Whether the lines are all there: they must come to the published income and outgo. The
    /// net position alone would not tell, because what is missing may cancel out.
    pub(super) fn is_whole(&self, result: &DayResult) -> Result<bool, ServiceError> {
        let fault = || ServiceError::Stored { what: "position" };
        let mut sums = Position::default();
        for (key, total) in result.relayed() {
            let (sum, more) = match key.side {
                Side::Acquired => (&mut sums.income, total.income()),
                Side::Issued => (&mut sums.outgo, total.outgo()),
            };
            *sum = sum.checked_add(more).ok_or_else(fault)?;
        }
        Ok(net_position(&sums)? == self.position)
    }
}

/// Whether a feedback line was settled: only then it has a clearing serial. A result code alone
/// does not tell, because a late ride is settled under one.
pub(super) const fn is_settled(line: &FbRecord) -> bool {
    line.clearing_serial != 0
}

/// The records of all good files of one kind.
fn records<R: Record>(
    files: &[ReceivedRow],
    decode: impl Fn(
        &tongtu_exchange_file::FileName,
        &[u8],
    ) -> Result<ExchangeFile<R>, tongtu_exchange_file::FileError>,
) -> Result<Vec<R>, ServiceError> {
    let good = i64::from(ResultCode::OK.get());
    let mut records = Vec::new();
    for file in files {
        if file.kind == R::KIND.as_str() && file.result == good {
            records.extend(decode(&file_name(&file.name)?, file.content.bytes())?.records);
        }
    }
    Ok(records)
}

fn serial(number: u64) -> Result<ClearingSerial, ServiceError> {
    ClearingSerial::new(number).ok_or(ServiceError::Stored { what: "serial" })
}

pub(super) fn fees(fee: FenE7, acquirer: FenE7, issuer: FenE7) -> Result<Fees, ServiceError> {
    Fees::new(fee, acquirer, issuer).map_err(|_| ServiceError::Stored { what: "fee" })
}

fn category(number: u16) -> Result<Mcc, ServiceError> {
    crate::stored::mcc(&format!("{number:04}"))
}
