//! The personaliser's answer: what became of each module.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use tongtu_crypto::{PublicKey, Signer, sm3};
use tongtu_psam::PsamSerial;
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::frame::{self, FileError};
use crate::layout::{AnswerHead, AnswerLine, MAGIC_ANSWER, Mark, Outcome, VERSION};

/// What became of one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Its number in the batch.
    pub number: u16,
    /// Its serial number.
    pub serial: PsamSerial,
    /// The maker's own number of the card that was used.
    pub chip: [u8; 10],
    /// What became of it.
    pub outcome: Outcome,
}

/// An answer to a batch; several may answer one batch, each for other modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For tests or for real use.
    pub mark: Mark,
    /// The batch's number.
    pub batch: u32,
    /// The batch's city.
    pub city: CityCode,
    /// Who answers.
    pub sender: InstitutionCode,
    /// When it was made.
    pub made_at: Timestamp,
    /// The digest that names the batch.
    pub of: sm3::Digest,
    /// A line for each module that was tried, by number; one that was tried again has several.
    pub lines: Vec<Line>,
}

impl Answer {
    /// The file, signed.
    ///
    /// # Errors
    /// [`FileError`] for an answer that nobody would read, or without a signature.
    pub fn write(&self, signer: &mut dyn Signer) -> Result<Vec<u8>, FileError> {
        self.check()?;
        let head = AnswerHead {
            magic: MAGIC_ANSWER,
            version: VERSION,
            mark: self.mark,
            batch: self.batch,
            city: self.city,
            sender: self.sender,
            made_at: self.made_at,
            count: u16::try_from(self.lines.len()).map_err(|_| self.wrong_count())?,
            of: self.of,
            signer: signer.public().to_compressed(),
        };
        let mut records = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let record = AnswerLine {
                number: line.number,
                serial: line.serial,
                chip: line.chip,
                outcome: line.outcome,
            };
            records.push(record.encode()?);
        }
        frame::write(&head.encode()?, &records, signer).map(|(bytes, _)| bytes)
    }

    /// Reads and verifies a file that this key must have signed.
    ///
    /// # Errors
    /// [`FileError`] naming what does not hold, and where.
    pub fn read(bytes: &[u8], trusted: &PublicKey) -> Result<Self, FileError> {
        frame::begins(bytes, MAGIC_ANSWER, VERSION)?;
        let head = AnswerHead::decode(bytes.get(..AnswerHead::LEN).unwrap_or(bytes))?;
        let count = usize::from(head.count);
        let (records, _) = frame::read(
            bytes,
            AnswerHead::LEN,
            count,
            AnswerLine::LEN,
            &head.signer,
            trusted,
        )?;
        let lines = records.into_iter().map(AnswerLine::decode);
        let lines = lines.map(|line| {
            line.map(|line| Line {
                number: line.number,
                serial: line.serial,
                chip: line.chip,
                outcome: line.outcome,
            })
        });
        let answer = Self {
            mark: head.mark,
            batch: head.batch,
            city: head.city,
            sender: head.sender,
            made_at: head.made_at,
            of: head.of,
            lines: lines.collect::<Result<_, _>>()?,
        };
        answer.check()?;
        Ok(answer)
    }

    const fn wrong_count(&self) -> FileError {
        FileError::Count {
            what: "lines",
            found: self.lines.len(),
            expected: "1 to 65535",
        }
    }

    /// By number, and no module made twice.
    fn check(&self) -> Result<(), FileError> {
        if self.lines.is_empty() {
            return Err(self.wrong_count());
        }
        let mut last = 0;
        let mut made = BTreeSet::new();
        for (at, line) in (1..).zip(&self.lines) {
            if line.number == 0 || line.number < last {
                return Err(FileError::Order {
                    at,
                    found: line.number,
                    expected: "one not below the line before",
                });
            }
            last = line.number;
            if line.outcome == Outcome::Made && !made.insert(line.serial) {
                return Err(FileError::SerialTwice {
                    serial: line.serial,
                });
            }
        }
        Ok(())
    }
}
