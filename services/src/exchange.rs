//! Exchange: files in from parent and children, files out to them.
//!
//! A file is stored before anything is made of it, once under its sender and name. One that
//! cannot be read is stored too, with the result that the processed-file list (LD) answers.

use tongtu_crypto::sm3::Digested;
use tongtu_exchange_file::{
    BpFile, CdCard, CdFile, CdRecord, ClFile, CqFile, CqRecord, Detail, ExchangeFile, FbFile,
    FileError, FileKind, FileName, LdFile, Record, ResultCode,
};
use tongtu_sql::{BatchRow, ReceivedRow, RepeatedRow, RideRow, Tx};
use tongtu_tap_record::TapRecord;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::cash::card_sequence;
use crate::node::alarm;
use crate::proof::ProofNumber;
use crate::{Node, ServiceError, stored};

/// What became of a file that was sent here. Both are acknowledgements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileReceipt {
    /// It is stored now.
    Stored,
    /// The very same file was here already.
    Already,
}

/// A file that waits for its receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileInfo {
    /// Its name.
    pub name: FileName,
    /// SM3 of its bytes.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
}

/// Kinds that a child sends.
const FROM_CHILD: [FileKind; 2] = [FileKind::CQ, FileKind::CD];

/// Kinds that a parent sends.
const FROM_PARENT: [FileKind; 4] = [FileKind::LD, FileKind::FB, FileKind::CL, FileKind::BP];

impl Node {
    /// Takes a file; the key is (sender, name). Whoever brings it has digested it already, against its
    /// envelope.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the name is there with other content; that also
    /// leaves an alarm.
    pub async fn file_receive(
        &self,
        sender: InstitutionCode,
        name: &FileName,
        file: &Digested<impl AsRef<[u8]>>,
        now: Timestamp,
    ) -> Result<FileReceipt, ServiceError> {
        self.check_kind(sender, name.kind())?;
        let content = self.read_file(sender, name, file.bytes())?;
        let row = ReceivedRow {
            sender: sender.as_str().to_owned(),
            name: name.to_string(),
            kind: name.kind().as_str().to_owned(),
            day: content.day,
            content: file.to_owned(),
            result: i64::from(content.result.get()),
            received_at: now.get(),
        };
        let mut tx = self.store().write().await?;
        if !tx.received_insert(&row).await? {
            let before = tx.received_digest(&row.sender, &row.name).await?;
            let digest = row.content.digest();
            if before.as_deref() == Some(digest) {
                return Ok(FileReceipt::Already);
            }
            let subject = format!("{sender}/{name}/{}", tongtu_codec::hex_encode(digest));
            let message = format!("{sender} sent {name} again with other content; it was refused");
            alarm(&mut tx, "exchange.file_name_reused", subject, message, now).await?;
            tx.commit().await?;
            return Err(ServiceError::FileNameReused { name: *name });
        }
        if FROM_CHILD.contains(&name.kind()) {
            // UNSPECIFIED: nothing says what becomes of a file for a day that is yet to come; it
            // counts as one of the day on which it arrived, so that its rides never wait for it.
            let arrived = self.config().cut_off.day_of(now);
            let due = row.day.min(arrived.days());
            store_lines(&mut tx, &row, due, content.lines).await?;
        } else if content.result != ResultCode::OK {
            let message = format!("{sender} sent {name}, which cannot be read");
            alarm(&mut tx, "exchange.file_unreadable", name, message, now).await?;
        } else if tx
            .day(row.day)
            .await?
            .is_some_and(|day| day.published.is_some())
        {
            // Its lines were never posted: the parent published more than its net position.
            let message = format!("{name} came when its day was settled already");
            alarm(&mut tx, "exchange.file_late", name, message, now).await?;
        }
        tx.commit().await?;
        Ok(FileReceipt::Stored)
    }

    /// The files that wait for a receiver, in the order in which it should take them.
    ///
    /// A member's net position (BP) is the last of a day: who has it has all.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn files_waiting(
        &self,
        receiver: InstitutionCode,
    ) -> Result<Vec<FileInfo>, ServiceError> {
        self.check_neighbour(receiver)?;
        let mut tx = self.store().read().await?;
        let waiting = tx.outgoing_waiting(receiver.as_str()).await?;
        let info = |row: &tongtu_sql::WaitingRow| {
            Ok(FileInfo {
                name: file_name(&row.name)?,
                digest: stored::digest(&row.digest)?,
                length: stored::count(row.length)?,
            })
        };
        waiting.iter().map(info).collect()
    }

    /// The bytes of a file made for a receiver, confirmed or not.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such file.
    pub async fn file_read(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
    ) -> Result<Digested<Vec<u8>>, ServiceError> {
        let mut tx = self.store().read().await?;
        let found = tx
            .outgoing_content(receiver.as_str(), &name.to_string())
            .await?;
        found.ok_or(ServiceError::FileUnknown { name: *name })
    }

    /// Takes the receiver's word that it has a file with this SM3; it waits no longer.
    ///
    /// # Errors
    /// [`ServiceError`], a conflict when the digest is another.
    pub async fn file_confirm(
        &self,
        receiver: InstitutionCode,
        name: &FileName,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let (name, text) = (*name, name.to_string());
        let mut tx = self.store().write().await?;
        let made = tx.outgoing_digest(receiver.as_str(), &text).await?;
        let made = made.ok_or(ServiceError::FileUnknown { name })?;
        if made != digest {
            let message = format!("{receiver} confirmed {name} with another digest");
            alarm(&mut tx, "exchange.file_digest_differs", name, message, now).await?;
            tx.commit().await?;
            return Err(ServiceError::FileDigestDiffers { name });
        }
        tx.outgoing_confirm(receiver.as_str(), &text, now.get())
            .await?;
        Ok(tx.commit().await?)
    }

    /// The files that wait to be sent to the parent: its code, name and bytes.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn outbox_waiting(
        &self,
    ) -> Result<Vec<(InstitutionCode, FileName, Digested<Vec<u8>>)>, ServiceError> {
        let Some(parent) = self.parent() else {
            return Ok(Vec::new());
        };
        let mut tx = self.store().read().await?;
        let mut files = Vec::new();
        for row in tx.outgoing_waiting(parent.as_str()).await? {
            let content = tx.outgoing_content(parent.as_str(), &row.name).await?;
            let content = content.ok_or(ServiceError::Stored { what: "file" })?;
            files.push((parent, file_name(&row.name)?, content));
        }
        Ok(files)
    }

    /// Notes that the parent acknowledged a file of the outbox.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such file.
    pub async fn outbox_confirm(
        &self,
        name: &FileName,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let unknown = ServiceError::FileUnknown { name: *name };
        let Some(parent) = self.parent() else {
            return Err(unknown);
        };
        let (parent, name) = (parent.as_str(), name.to_string());
        let mut tx = self.store().write().await?;
        if tx.outgoing_digest(parent, &name).await?.is_none() {
            return Err(unknown);
        }
        tx.outgoing_confirm(parent, &name, now.get()).await?;
        Ok(tx.commit().await?)
    }

    fn check_neighbour(&self, code: InstitutionCode) -> Result<(), ServiceError> {
        if self.parent() == Some(code) || self.children().contains(&code) {
            return Ok(());
        }
        let node = self.code();
        Err(ServiceError::NeighbourUnknown { code, node })
    }

    fn check_kind(&self, sender: InstitutionCode, kind: FileKind) -> Result<(), ServiceError> {
        self.check_neighbour(sender)?;
        let allowed = if self.parent() == Some(sender) {
            FROM_PARENT.contains(&kind)
        } else {
            FROM_CHILD.contains(&kind)
        };
        if allowed {
            return Ok(());
        }
        let node = self.code();
        Err(ServiceError::FileKind { sender, kind, node })
    }

    /// Reads a file as far as it is needed when it comes.
    fn read_file(
        &self,
        sender: InstitutionCode,
        name: &FileName,
        bytes: &[u8],
    ) -> Result<Content, ServiceError> {
        let read = match name.kind() {
            FileKind::CQ => {
                let read = CqFile::decode(name, bytes);
                return Ok(self.read_rides(sender, name, read, code_row));
            }
            FileKind::CD => {
                let read = CdFile::decode(name, bytes);
                return Ok(self.read_rides(sender, name, read, card_row));
            }
            FileKind::FB => day_of(FbFile::decode(name, bytes)),
            FileKind::CL => day_of(ClFile::decode(name, bytes)),
            FileKind::BP => day_of(BpFile::decode(name, bytes)),
            _ => day_of(LdFile::decode(name, bytes)),
        };
        Ok(Content::read(name, read))
    }

    fn read_rides<R: Record + Detail>(
        &self,
        sender: InstitutionCode,
        name: &FileName,
        read: Result<ExchangeFile<R>, FileError>,
        row: fn(&R) -> RideRow,
    ) -> Content {
        let file = match read {
            Ok(file) => file,
            Err(error) => return Content::read(name, Err(error.result_code())),
        };
        // A record id names its acquirer; whoever could use another's would block its rides.
        let ours = |record: &R| {
            let acquirer = record.main().acquirer;
            let named = record.record_id().acquirer().home();
            let party = self.config().topology.party_at(self.code(), acquirer);
            let below = party.is_ok_and(|party| party.member == sender);
            below && named == acquirer.home()
        };
        let from_sender = file.header.institution.home() == sender;
        if !from_sender || !file.records.iter().all(ours) {
            return Content::read(name, Err(ResultCode::FILE_SENDER));
        }
        let Some(day) = file.header.day else {
            return Content::read(name, Err(ResultCode::FILE_HEADER));
        };
        Content {
            day: day.days(),
            result: ResultCode::OK,
            lines: file.records.iter().map(row).collect(),
        }
    }
}

/// What is needed of a file when it comes.
struct Content {
    day: i64,
    result: ResultCode,
    /// Of a CQ or CD file.
    lines: Vec<RideRow>,
}

impl Content {
    /// A file without rides; one that cannot be read belongs to the day in its name.
    fn read(name: &FileName, read: Result<i64, ResultCode>) -> Self {
        let (day, result) = match read {
            Ok(day) => (day, ResultCode::OK),
            Err(result) => (name.day().days(), result),
        };
        Self {
            day,
            result,
            lines: Vec::new(),
        }
    }
}

fn day_of<R: Record>(file: Result<ExchangeFile<R>, FileError>) -> Result<i64, ResultCode> {
    let file = file.map_err(|error| error.result_code())?;
    let day = file.header.day.ok_or(ResultCode::FILE_HEADER)?;
    Ok(day.days())
}

/// The row of a card ride's line.
fn card_row(record: &CdRecord) -> RideRow {
    let ride = record.ride();
    let at = record.ridden_at();
    let counter = u16::try_from(record.counter()).unwrap_or(u16::MAX);
    let proof = match &record.card {
        CdCard::Purse(_) => ProofNumber::Purse(counter),
        CdCard::Cash(cash) => ProofNumber::Cash {
            sequence: card_sequence(cash.pan_sequence),
            counter,
        },
    };
    RideRow {
        record: ride.record_id.as_str().to_owned(),
        batch: String::new(),
        number: 0,
        acquirer: record.main.acquirer.as_str().to_owned(),
        issuer: record.main.issuer.as_str().to_owned(),
        account: record.card().reveal().to_owned(),
        generated_at: proof.number(),
        scanned_at: at.get(),
        amount: record.main.amount.get(),
        direction: if ride.consumption.get() == 0 { 0 } else { 2 },
        category: format!("{:04}", record.main.mcc.get()),
        line: ride
            .line
            .map_or(String::new(), |line| line.as_str().to_owned()),
        body: None,
    }
}

/// The row of a line of a ride by code or face; whether the line agrees with the record inside
/// is judged later.
fn code_row(record: &CqRecord) -> RideRow {
    let ride = record.ride();
    let proof = if TapRecord::is_one(&ride.ride_record) {
        ProofNumber::Face(ride.scanned_at)
    } else {
        ProofNumber::Code(ride.generated_at)
    };
    RideRow {
        record: ride.record_id.as_str().to_owned(),
        batch: String::new(),
        number: 0,
        acquirer: record.main.acquirer.as_str().to_owned(),
        issuer: record.main.issuer.as_str().to_owned(),
        account: ride.account.reveal().to_owned(),
        generated_at: proof.number(),
        scanned_at: ride.scanned_at.get(),
        amount: record.main.amount.get(),
        // A line says one scan or two; which of two is in the record inside, and entries are
        // not passed on.
        direction: if ride.consumption.get() == 0 { 0 } else { 2 },
        category: format!("{:04}", record.main.mcc.get()),
        line: ride
            .line
            .map_or(String::new(), |line| line.as_str().to_owned()),
        body: None,
    }
}

/// Stores the rides of a CQ or CD file as one batch, lines whose record id is taken apart.
async fn store_lines(
    tx: &mut Tx,
    file: &ReceivedRow,
    due: i64,
    lines: Vec<RideRow>,
) -> Result<(), ServiceError> {
    let batch = BatchRow {
        id: batch_of_file(&file.sender, &file.name),
        sender: file.sender.clone(),
        received_at: file.received_at,
        records: i64::try_from(lines.len()).expect("a file has at most 999 999 records"),
        due,
        day: None,
    };
    tx.batch_insert(&batch).await?;
    let mut rows = Vec::with_capacity(lines.len());
    for (line, number) in lines.into_iter().zip(0..) {
        rows.push(RideRow {
            batch: batch.id.clone(),
            number,
            ..line
        });
    }
    let mut new = tx.rides_insert(&rows).await?;
    // Of several lines with one id the first was stored; each later one is a repetition.
    let repeated: Vec<RepeatedRow> = rows
        .into_iter()
        .filter(|row| !new.remove(&row.record))
        .map(|row| RepeatedRow {
            batch: row.batch,
            number: row.number,
            record: row.record,
        })
        .collect();
    Ok(tx.repeated_insert(&repeated).await?)
}

/// The batch that a file is.
pub(crate) fn batch_of_file(sender: &str, name: &str) -> String {
    format!("file/{sender}/{name}")
}

/// Sender and name of the file that a batch is, if it is one.
pub(crate) fn file_of_batch(batch: &str) -> Option<(&str, &str)> {
    batch.strip_prefix("file/")?.split_once('/')
}

pub(crate) fn file_name(text: &str) -> Result<FileName, ServiceError> {
    FileName::parse(text).map_err(|_| ServiceError::Stored { what: "file name" })
}
