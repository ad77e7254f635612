//! A batch: what modules an issuer wants, with keys that only the modules can read.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use tongtu_crypto::{Algorithm, PublicKey, Signer, sm3};
use tongtu_psam::layout::{Finish, KeySlot};
use tongtu_psam::{PsamIdentity, algorithm_of};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::frame::{self, FileError};
use crate::layout::{BatchHead, CHECK_LEN, MAGIC_BATCH, Mark, ModuleRecord, VERSION};

/// The key under which the keys of a batch are enciphered, by what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its check value.
    pub kcv: [u8; 3],
}

impl Transport {
    const fn identifier(self) -> u8 {
        match self.algorithm {
            Algorithm::Tdes => 0x00,
            Algorithm::Sm4 => 0x04,
        }
    }
}

/// One module: who it is to be, how it begins, its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Who it is to be.
    pub identity: PsamIdentity,
    /// How it begins.
    pub finish: Finish,
    /// Its keys, each enciphered.
    pub keys: Vec<KeySlot>,
}

/// A batch of modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// For tests or for real use.
    pub mark: Mark,
    /// Its number at the sender.
    pub number: u32,
    /// The city that the modules are for.
    pub city: CityCode,
    /// Who sends it.
    pub sender: InstitutionCode,
    /// When it was made.
    pub made_at: Timestamp,
    /// Under which key its keys are.
    pub transport: Transport,
    /// The modules, in order.
    pub modules: Vec<Module>,
}

impl Batch {
    /// The file, signed; and the digest that names it.
    ///
    /// # Errors
    /// [`FileError`] for a batch that nobody would read, or without a signature.
    pub fn write(&self, signer: &mut dyn Signer) -> Result<(Vec<u8>, sm3::Digest), FileError> {
        self.check()?;
        let count = u16::try_from(self.modules.len()).map_err(|_| self.wrong_count())?;
        let head = BatchHead {
            magic: MAGIC_BATCH,
            version: VERSION,
            mark: self.mark,
            number: self.number,
            city: self.city,
            sender: self.sender,
            made_at: self.made_at,
            count,
            slots: self.slots()?,
            algorithm: self.transport.identifier(),
            kcv: self.transport.kcv,
            signer: signer.public().to_compressed(),
        };
        let mut records = Vec::with_capacity(self.modules.len());
        for (number, module) in (1..).zip(&self.modules) {
            let PsamIdentity {
                serial,
                terminal,
                key_index,
                issuer,
                receiver,
                starts,
                expires,
            } = module.identity;
            let record = ModuleRecord {
                number,
                serial,
                terminal,
                key_index,
                issuer,
                receiver,
                starts,
                expires,
                first_sequence: module.finish.first_sequence,
                mac2_failures_max: module.finish.mac2_failures_max,
            };
            let mut bytes = record.encode()?;
            for key in &module.keys {
                bytes.extend(key.encode()?);
            }
            records.push(bytes);
        }
        frame::write(&head.encode()?, &records, signer)
    }

    /// Reads and verifies a file that this key must have signed; and the digest that names it.
    ///
    /// # Errors
    /// [`FileError`] naming what does not hold, and where.
    pub fn read(bytes: &[u8], trusted: &PublicKey) -> Result<(Self, sm3::Digest), FileError> {
        frame::begins(bytes, MAGIC_BATCH, VERSION)?;
        let head = BatchHead::decode(bytes.get(..BatchHead::LEN).unwrap_or(bytes))?;
        let count = usize::from(head.count);
        let len = ModuleRecord::LEN + usize::from(head.slots) * KeySlot::LEN;
        let (records, digest) =
            frame::read(bytes, BatchHead::LEN, count, len, &head.signer, trusted)?;
        let algorithm = algorithm_of(head.algorithm)
            .filter(|_| head.algorithm != 0x01)
            .ok_or(FileError::Algorithm {
                found: head.algorithm,
            })?;
        let mut modules = Vec::with_capacity(count);
        for (at, bytes) in (1..).zip(records) {
            let (record, keys) = bytes.split_at(ModuleRecord::LEN);
            let record = ModuleRecord::decode(record)?;
            if usize::from(record.number) != at {
                return Err(FileError::Order {
                    at,
                    found: record.number,
                    expected: "its place",
                });
            }
            let keys = keys.chunks(KeySlot::LEN).map(KeySlot::decode);
            modules.push(Module {
                identity: PsamIdentity {
                    serial: record.serial,
                    terminal: record.terminal,
                    key_index: record.key_index,
                    issuer: record.issuer,
                    receiver: record.receiver,
                    starts: record.starts,
                    expires: record.expires,
                },
                finish: Finish {
                    first_sequence: record.first_sequence,
                    mac2_failures_max: record.mac2_failures_max,
                },
                keys: keys.collect::<Result<_, _>>()?,
            });
        }
        let batch = Self {
            mark: head.mark,
            number: head.number,
            city: head.city,
            sender: head.sender,
            made_at: head.made_at,
            transport: Transport {
                algorithm,
                kcv: head.kcv,
            },
            modules,
        };
        batch.check()?;
        Ok((batch, digest))
    }

    /// How long a file of so many modules with so many keys is.
    #[must_use]
    pub const fn len_of(count: usize, slots: usize) -> usize {
        let record = ModuleRecord::LEN + slots * KeySlot::LEN + CHECK_LEN;
        BatchHead::LEN + count * record + crate::layout::Seal::LEN
    }

    fn slots(&self) -> Result<u8, FileError> {
        let mut counts = self.modules.iter().map(|module| module.keys.len());
        let first = counts.next().ok_or_else(|| self.wrong_count())?;
        let same = counts.all(|count| count == first);
        u8::try_from(first)
            .ok()
            .filter(|slots| same && *slots > 0)
            .ok_or(FileError::Count {
                what: "keys",
                found: first,
                expected: "the same number in each module, 1 to 255",
            })
    }

    const fn wrong_count(&self) -> FileError {
        FileError::Count {
            what: "modules",
            found: self.modules.len(),
            expected: "1 to 65535",
        }
    }

    /// A number that two modules have would make two devices answer to one name.
    fn check(&self) -> Result<(), FileError> {
        self.slots()?;
        let (mut serials, mut terminals) = (BTreeSet::new(), BTreeSet::new());
        for module in &self.modules {
            let PsamIdentity {
                serial, terminal, ..
            } = module.identity;
            if !serials.insert(serial) {
                return Err(FileError::SerialTwice { serial });
            }
            if !terminals.insert(terminal.0) {
                return Err(FileError::TerminalTwice { terminal });
            }
        }
        Ok(())
    }
}
