//! Passing on: CQ files with the rides that another hub clears.

use std::collections::BTreeMap;

use tongtu_exchange_file::{
    Consumption, CqFile, CqRecord, CqRide, CqTail, DiscountKind, FileKind, FileName, Mcc, TimeOfDay,
};
use tongtu_ride_code::record::{Direction, RideRecord};
use tongtu_sql::{JudgementRow, OutgoingRow};
use tongtu_types::{BusinessDay, Fen, InstitutionCode, Timestamp};

use super::judging::TO_SETTLE;
use super::outgoing;
use super::sealed::{Sealed, Source};
use crate::{Node, ServiceError, stored};

/// Records per file: a file of so many is a few megabytes, and one that is damaged costs little.
pub(super) const RECORDS_PER_FILE: usize = 2_000;

impl Node {
    /// The files for the parent, in the order of record ids; none where nothing is passed on.
    pub(super) fn forwarded_files(
        &self,
        day: BusinessDay,
        sealed: Vec<Sealed>,
        judgements: &[JudgementRow],
    ) -> Result<Vec<OutgoingRow>, ServiceError> {
        let own = self.code();
        let Some(parent) = self.parent() else {
            return Ok(Vec::new());
        };
        let mut serials: BTreeMap<&str, i64> = BTreeMap::new();
        for row in judgements {
            if row.verdict == TO_SETTLE && row.hub != own.as_str() {
                serials.insert(&row.record, row.serial);
            }
        }
        let mut rides: Vec<(i64, Sealed)> = sealed
            .into_iter()
            .filter_map(|ride| {
                let serial = serials.get(ride.row.record.as_str())?;
                Some((*serial, ride))
            })
            .collect();
        rides.sort_by(|(_, a), (_, b)| a.row.record.cmp(&b.row.record));
        let sender = self.sender();
        let mut files = Vec::new();
        let mut rides = rides.into_iter();
        for place in 1.. {
            let records = rides
                .by_ref()
                .take(RECORDS_PER_FILE)
                .map(|(serial, ride)| self.cq_record(day, serial, ride))
                .collect::<Result<Vec<_>, _>>()?;
            if records.is_empty() {
                break;
            }
            let sequence = u64::try_from(place).expect("a day has few files");
            let name = FileName::new(FileKind::CQ, day, TimeOfDay::MIDNIGHT, sender, sequence)?;
            let content = CqFile::new(name, day, sender, records).encode()?;
            files.push(outgoing(parent, &name, day, place, content));
        }
        Ok(files)
    }

    /// This node as a sender of CQ files: a city in its role as acquirer, a hub as it is.
    fn sender(&self) -> InstitutionCode {
        if self.is_member() {
            self.code().as_acquirer()
        } else {
            self.code()
        }
    }

    /// The line of a ride: one that came in a line goes on as it came.
    fn cq_record(
        &self,
        day: BusinessDay,
        serial: i64,
        sealed: Sealed,
    ) -> Result<CqRecord, ServiceError> {
        let row = &sealed.row;
        let body = match sealed.source {
            Source::Line(line) => return Ok(*line),
            Source::Upload(body) => body,
        };
        let unreadable = |_| ServiceError::Stored { what: "ride" };
        let record = RideRecord::decode(&body).map_err(unreadable)?;
        let serial = u64::try_from(serial).map_err(|_| ServiceError::Stored { what: "serial" })?;
        let (amount, issuer) = (Fen::new(row.amount), stored::institution(&row.issuer)?);
        let mcc = row.category.parse();
        let tail = CqTail {
            consumption: match record.direction {
                Direction::Single => Consumption::SINGLE,
                Direction::Entry | Direction::Exit => Consumption::TWO_SCAN,
            },
            scanned_at: record.scanned_at,
            line: Some(record.line),
            terminal: record.id.terminal(),
            record_id: record.id,
            generated_at: Timestamp::new(row.generated_at),
            account: stored::card(&row.account)?,
            ride_record: body,
        };
        let ride = CqRide {
            amount,
            receivable: amount,
            discount: DiscountKind::NONE,
            // Not the clock's time: the same day gives the same bytes whenever it is made.
            transmitted_at: self.config().cut_off.end_of(day),
            trace: serial % 1_000_000,
            reference: serial,
            acquirer_serial: serial,
            acquirer_day: day,
            acquirer: self.sender(),
            sender: self.sender(),
            receiver: self.hub_of(issuer),
            issuer,
            mcc: Mcc::new(mcc.map_err(|_| ServiceError::Stored { what: "category" })?),
            acceptor_name: self.config().name_zh.clone(),
            ride: tail,
        };
        Ok(CqRecord::from_ride(ride)?)
    }

    /// The hub that an issuer's city is connected to; its city's own body when there is none.
    fn hub_of(&self, issuer: InstitutionCode) -> InstitutionCode {
        let topology = &self.config().topology;
        let body = topology.member(issuer).map_or(issuer, |m| m.body);
        let parent = topology.body(body).and_then(|body| body.parent);
        parent.unwrap_or(body)
    }
}
