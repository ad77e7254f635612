//! Passing on: CQ and CD files with the rides that another hub clears.

use std::collections::BTreeMap;

use tongtu_crypto::Algorithm;
use tongtu_exchange_file::{
    AlgorithmFlag, CdCard, CdPurse, CdRecord, CdRide, CdTail, Consumption, CqRecord, CqRide,
    CqTail, DiscountKind, ExchangeFile, FileName, Mcc, Record, TimeOfDay, TradeState,
};
use tongtu_ride_code::record::{Direction, RideRecord};
use tongtu_sql::{JudgementRow, OutgoingRow, RideRow};
use tongtu_tap_record::{RecordKind, Recovery, TapRecord};
use tongtu_types::{BusinessDay, Fen, InstitutionCode, Timestamp};

use super::judging::TO_SETTLE;
use super::outgoing;
use super::sealed::{Line, Sealed, Source};
use crate::cash::Ridden;
use crate::taps::Tap;
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
        let mut codes = Files::of(sender, day, 1);
        let mut purses = Files::of(sender, day, 1);
        // Lines of one file have one length, and the numbers of these files come after those of purses.
        let mut cashes: Vec<Box<CdRecord>> = Vec::new();
        for (serial, ride) in rides {
            match self.line(day, serial, ride)? {
                Line::Code(line) => codes.add(*line)?,
                Line::Card(line) => match line.card {
                    CdCard::Purse(_) => purses.add(*line)?,
                    CdCard::Cash(_) => cashes.push(line),
                },
            }
        }
        let (mut made, _) = codes.finish()?;
        let (files, next) = purses.finish()?;
        made.extend(files);
        let mut files = Files::of(sender, day, next);
        for line in cashes {
            files.add(*line)?;
        }
        made.extend(files.finish()?.0);
        let outgoing = |((name, content), place)| outgoing(parent, &name, day, place, content);
        Ok(made.into_iter().zip(1..).map(outgoing).collect())
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
    fn line(&self, day: BusinessDay, serial: i64, sealed: Sealed) -> Result<Line, ServiceError> {
        let row = &sealed.row;
        let body = match sealed.source {
            Source::Line(line) => return Ok(line),
            Source::Upload(body) => body,
        };
        if TapRecord::is_one(&body) {
            return self.tap_line(day, serial, row, body);
        }
        let unreadable = |_| ServiceError::Stored { what: "ride" };
        let record = RideRecord::decode(&body).map_err(unreadable)?;
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
        let trade = self.trade(day, serial, row, tail)?;
        Ok(Line::Code(CqRecord::from_ride(trade)?.into()))
    }

    /// The line of a ride by card, or by face, which goes the way of codes.
    fn tap_line(
        &self,
        day: BusinessDay,
        serial: i64,
        row: &RideRow,
        body: Vec<u8>,
    ) -> Result<Line, ServiceError> {
        let id = stored::record(&row.record)?;
        let read = Tap::read(&body, id.acquirer(), id.terminal());
        let tap = read.map_err(|_| ServiceError::Stored { what: "ride" })?;
        let consumption = if row.direction == 0 {
            Consumption::SINGLE
        } else {
            Consumption::TWO_SCAN
        };
        let line = stored::line(&row.line)?;
        if tap.record.kind == RecordKind::Face {
            let tail = CqTail {
                consumption,
                scanned_at: tap.at,
                line,
                terminal: id.terminal(),
                record_id: id,
                generated_at: tap.at,
                account: tap.card,
                ride_record: body,
            };
            let trade = self.trade(day, serial, row, tail)?;
            return Ok(Line::Code(CqRecord::from_ride(trade)?.into()));
        }
        let record = &tap.record;
        let tail = CdTail {
            ride_record: body,
            consumption,
            line,
            terminal: id.terminal(),
            record_id: id,
            cash: tap.cash.as_ref().map(|cash| {
                let of = Ridden {
                    card: tap.card,
                    at: tap.at,
                };
                cash.items(record, of)
            }),
        };
        let trade = self.trade(day, serial, row, tail)?;
        let block = tap.cash.as_ref().and_then(|cash| cash.block(record));
        let card = block.map_or_else(|| CdCard::Purse(purse(&tap)), CdCard::Cash);
        let state = match record.recovery {
            _ if record.amount.fen() != trade.amount => TradeState::REFUND,
            Recovery::Grey => TradeState::GREY,
            Recovery::Elsewhere => TradeState::RECOVERED,
            _ => TradeState::NORMAL,
        };
        let algorithm = match tap.algorithm() {
            Algorithm::Sm4 => AlgorithmFlag::SM4,
            Algorithm::Tdes => AlgorithmFlag::TRIPLE_DES,
        };
        let ride = CdRide {
            balance_before: unsigned(record.before.fen()),
            trade,
            card,
            algorithm,
            state,
        };
        Ok(Line::Card(CdRecord::from_ride(ride)?.into()))
    }

    /// What every line says of a trade, whatever paid it.
    fn trade<T>(
        &self,
        day: BusinessDay,
        serial: i64,
        row: &RideRow,
        ride: T,
    ) -> Result<CqRide<T>, ServiceError> {
        let serial = u64::try_from(serial).map_err(|_| ServiceError::Stored { what: "serial" })?;
        let (amount, issuer) = (Fen::new(row.amount), stored::institution(&row.issuer)?);
        let mcc = row.category.parse();
        Ok(CqRide {
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
            ride,
        })
    }

    /// The hub that an issuer's city is connected to; its city's own body when there is none.
    fn hub_of(&self, issuer: InstitutionCode) -> InstitutionCode {
        let topology = &self.config().topology;
        let body = topology.member(issuer).map_or(issuer, |m| m.body);
        let parent = topology.body(body).and_then(|body| body.parent);
        parent.unwrap_or(body)
    }
}

/// Files of one kind as they are written: a line is as long as its record and lies in memory many
/// times over, so that no more of them wait than a file has.
struct Files<R> {
    sender: InstitutionCode,
    day: BusinessDay,
    waiting: Vec<R>,
    /// The number of the next file.
    next: u64,
    made: Vec<Made>,
}

/// A file's name and bytes.
type Made = (FileName, Vec<u8>);

impl<R: Record> Files<R> {
    const fn of(sender: InstitutionCode, day: BusinessDay, first: u64) -> Self {
        Self {
            sender,
            day,
            waiting: Vec::new(),
            next: first,
            made: Vec::new(),
        }
    }

    fn add(&mut self, line: R) -> Result<(), ServiceError> {
        self.waiting.push(line);
        if self.waiting.len() == RECORDS_PER_FILE {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), ServiceError> {
        let Self { sender, day, .. } = *self;
        let name = FileName::new(R::KIND, day, TimeOfDay::MIDNIGHT, sender, self.next)?;
        let lines = std::mem::take(&mut self.waiting);
        let content = ExchangeFile::new(name, day, sender, lines).encode()?;
        self.made.push((name, content));
        self.next += 1;
        Ok(())
    }

    /// The files, and the number after them.
    fn finish(mut self) -> Result<(Vec<Made>, u64), ServiceError> {
        if !self.waiting.is_empty() {
            self.write()?;
        }
        Ok((self.made, self.next))
    }
}

/// What a purse proved.
fn purse(tap: &Tap) -> CdPurse {
    let record = &tap.record;
    CdPurse {
        card: tap.card,
        amount: record.amount.fen(),
        kind: record.transaction.0.into(),
        terminal: number(&record.terminal.0),
        terminal_serial: record.terminal_sequence.into(),
        day: tap.at.china().day,
        time: TimeOfDay::of(tap.at),
        tac: number(&record.tac),
        key_version: record.key_version.into(),
        key_index: record.key_index.into(),
        counter: record.sequence.into(),
        balance_after: unsigned(record.after.fen()),
        issuer_id: number(&record.issuer.0),
        random: CdPurse::random_of(record.random),
    }
}

/// Bytes as the number that a file's hexadecimal digits are.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// A balance as files carry it.
// UNSPECIFIED: how a balance below zero lies in eight hexadecimal digits; we write zero, and the
// record in the tail has it.
fn unsigned(balance: Fen) -> Fen {
    Fen::new(balance.get().max(0))
}

#[cfg(test)]
mod tests {
    use tongtu_exchange_file::{BpFile, BpRecord};

    use super::*;

    #[test]
    fn files_are_full_but_the_last_and_numbered_on() {
        let sender = "01341000".parse().unwrap();
        let day = BusinessDay::from_days(20_000);
        let line = |n: usize| {
            let income = Fen::new(i64::try_from(n).unwrap());
            BpRecord::new(income, Fen::ZERO, Fen::ZERO, Fen::ZERO).unwrap()
        };
        for (lines, expect) in [
            (0, vec![]),
            (1, vec![1]),
            (2_000, vec![2_000]),
            (4_001, vec![2_000, 2_000, 1]),
        ] {
            let mut files = Files::of(sender, day, 5);
            for n in 0..lines {
                files.add(line(n)).unwrap();
            }
            let (made, next) = files.finish().unwrap();
            let numbers: Vec<u64> = made.iter().map(|(name, _)| name.sequence()).collect();
            assert_eq!(numbers, (5..next).collect::<Vec<_>>());
            let read: Vec<Vec<BpRecord>> = made
                .iter()
                .map(|(name, content)| BpFile::decode(name, content).unwrap().records)
                .collect();
            assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), expect);
            assert_eq!(read.concat(), (0..lines).map(line).collect::<Vec<_>>());
        }
    }
}
