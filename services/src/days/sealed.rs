//! The sealed rides of a day, each with the record that is its proof.

use std::collections::BTreeMap;

use tongtu_exchange_file::{CdFile, CdRecord, CqFile, CqRecord, Detail, FileKind, ResultCode};
use tongtu_sql::{ReceivedRow, RideRow, Tx};
use tongtu_types::{BusinessDay, Timestamp};

use crate::exchange::{file_name, file_of_batch};
use crate::{Node, ServiceError};

/// A line of a child's file.
#[derive(Clone)]
pub(super) enum Line {
    /// Of a CQ file: a ride by code or face.
    Code(Box<CqRecord>),
    /// Of a CD file: a ride by card.
    Card(Box<CdRecord>),
}

impl Line {
    pub(super) const fn detail(&self) -> &dyn Detail {
        match self {
            Self::Code(line) => &**line,
            Self::Card(line) => &**line,
        }
    }

    /// The record as the terminal wrote it.
    fn record(&self) -> &[u8] {
        match self {
            Self::Code(line) => &line.ride().ride_record,
            Self::Card(line) => &line.ride().ride_record,
        }
    }
}

/// Where a ride's proof is.
pub(super) enum Source {
    /// A terminal uploaded it here: its record.
    Upload(Vec<u8>),
    /// A file brought it: its line.
    Line(Line),
}

/// A sealed ride.
pub(super) struct Sealed {
    pub(super) row: RideRow,
    pub(super) arrived_at: Timestamp,
    pub(super) source: Source,
}

impl Sealed {
    /// The record as the terminal wrote it.
    pub(super) fn record(&self) -> &[u8] {
        match &self.source {
            Source::Upload(body) => body,
            Source::Line(line) => line.record(),
        }
    }
}

/// The children's files of a day by their batches, good or bad.
pub(super) async fn files_of_day(
    tx: &mut Tx,
    day: BusinessDay,
) -> Result<BTreeMap<String, ReceivedRow>, ServiceError> {
    let mut files = BTreeMap::new();
    for batch in tx.batches_of_day(day.days()).await? {
        if let Some((sender, name)) = file_of_batch(&batch.id) {
            let file = tx.received(sender, name).await?;
            let file = file.ok_or(ServiceError::Stored { what: "file" })?;
            files.insert(batch.id, file);
        }
    }
    Ok(files)
}

/// The records of a file that was good when it came.
pub(super) fn lines_of(file: &ReceivedRow) -> Result<Vec<Line>, ServiceError> {
    if file.result != i64::from(ResultCode::OK.get()) {
        return Ok(Vec::new());
    }
    let name = file_name(&file.name)?;
    if name.kind() == FileKind::CD {
        let lines = CdFile::decode(&name, file.content.bytes())?.records;
        let boxed = lines.into_iter().map(Box::new);
        return Ok(boxed.map(Line::Card).collect());
    }
    let lines = CqFile::decode(&name, file.content.bytes())?.records;
    let boxed = lines.into_iter().map(Box::new);
    Ok(boxed.map(Line::Code).collect())
}

impl Node {
    /// Everything sealed into a day.
    pub(super) async fn sealed(&self, day: BusinessDay) -> Result<Vec<Sealed>, ServiceError> {
        let mut tx = self.store().read().await?;
        let batches = tx.batches_of_day(day.days()).await?;
        let mut files = files_of_day(&mut tx, day).await?;
        let rows = tx.rides_of_day(day.days()).await?;
        drop(tx);
        self.compute(move |_| {
            let arrived: BTreeMap<&str, i64> = batches
                .iter()
                .map(|batch| (batch.id.as_str(), batch.received_at))
                .collect();
            // A batch's rides stand one behind the other, in the order of their places: a file is read
            // when its first one comes, and let go with its last one.
            let (mut of, mut lines) = (String::new(), (0..).zip(Vec::new()));
            rows.into_iter()
                .map(|mut row| {
                    let missing = || ServiceError::Stored { what: "ride" };
                    let at = arrived.get(row.batch.as_str()).copied().unwrap_or_default();
                    let source = match row.body.take() {
                        Some(body) => Source::Upload(body),
                        None => {
                            if row.batch != of {
                                let file = files.remove(&row.batch).ok_or_else(missing)?;
                                lines = (0..).zip(lines_of(&file)?);
                                of.clone_from(&row.batch);
                            }
                            let line = lines.find(|(number, _)| *number == row.number);
                            let (_, line) = line.ok_or_else(missing)?;
                            Source::Line(line)
                        }
                    };
                    Ok(Sealed {
                        row,
                        arrived_at: Timestamp::new(at),
                        source,
                    })
                })
                .collect()
        })
        .await?
    }
}
