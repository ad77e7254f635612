//! Whose key module (PSAM) a terminal takes money with, and the report of one that it does not.
//!
//! A module of another city would take money with that city's keys, and under its terminal number.
//! So a terminal compares what the module says of itself with what it was told when it was put up,
//! serves no card with a module that is not its own, and says so in a report that travels among its
//! records. Codes and faces need no module and go on.
//!
//! What a module says of itself is not signed: whoever makes a false module can say anything. That
//! it has the city's keys is shown by the cards, which take no MAC1 but theirs.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Be, DecodeError, Raw, record};
use tongtu_crypto::{PublicKey, Signature};
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{City, Date, Institution, Purse, Terminal};
use tongtu_types::{TerminalNumber, Timestamp};

use super::profile::TapProfile;

/// Which modules a terminal takes (模块准入). Its own city is always asked for; everything else
/// only where something is said.
///
/// UNSPECIFIED: what a city writes as issuer and receiver of its modules. Receivers are institutions
/// as cards carry them, so the city is in bytes 2 and 3; a city that writes otherwise says its
/// receivers here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleRule {
    /// The receivers (应用接收者标识) whose modules are taken; none, those of the terminal's city.
    pub receivers: Vec<Institution>,
    /// The issuers (应用发行者标识) whose modules are taken; none, every issuer's.
    pub issuers: Vec<Institution>,
    /// The key indexes (密钥索引号) that the city was given; none, every index.
    pub key_indexes: Vec<u8>,
    /// The modules that the acquirer admitted to this terminal; none, every module.
    pub admitted: Vec<PsamSerial>,
    /// The terminal number that a module here speaks for; none, any.
    pub terminal: Option<Terminal>,
}

/// Why a terminal takes no money with a module. The first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleFault {
    /// It was given to another city.
    #[error("PSAM {serial} was given to {found}, expected one of city {}", hex(expected.0))]
    City {
        /// The module.
        serial: PsamSerial,
        /// Its receiver.
        found: Institution,
        /// The terminal's city.
        expected: City,
    },
    /// Another issuer's.
    #[error("PSAM {serial} is of issuer {found}, which is not one of this terminal's")]
    Issuer {
        /// The module.
        serial: PsamSerial,
        /// Its issuer.
        found: Institution,
    },
    /// It uses keys that the city was not given.
    #[error("PSAM {serial} has key index {found:02X}, which is not one of this terminal's")]
    KeyIndex {
        /// The module.
        serial: PsamSerial,
        /// Its key index.
        found: u8,
    },
    /// The acquirer did not admit it to this terminal.
    #[error("PSAM {serial} was not admitted to this terminal")]
    NotAdmitted {
        /// The module.
        serial: PsamSerial,
    },
    /// It speaks for another terminal: it was moved.
    #[error("PSAM {serial} speaks for terminal {}, expected {}", hex(found.0), hex(expected.0))]
    Moved {
        /// The module.
        serial: PsamSerial,
        /// The terminal that it speaks for.
        found: Terminal,
        /// The terminal that it is in.
        expected: Terminal,
    },
}

fn hex<const N: usize>(bytes: [u8; N]) -> String {
    tongtu_codec::hex_encode(&bytes)
}

impl ModuleFault {
    /// Its number in reports.
    #[must_use]
    pub const fn number(&self) -> u8 {
        match self {
            Self::City { .. } => 1,
            Self::Issuer { .. } => 2,
            Self::KeyIndex { .. } => 3,
            Self::NotAdmitted { .. } => 4,
            Self::Moved { .. } => 5,
        }
    }
}

impl ModuleRule {
    /// The same for modules that speak for this terminal only.
    #[must_use]
    pub fn of_terminal(self, number: TerminalNumber) -> Self {
        let terminal = Some(Terminal(crate::coverage::bcd(number)));
        Self { terminal, ..self }
    }

    /// Whether a terminal of this city may take money with a module.
    ///
    /// # Errors
    /// [`ModuleFault`], why it may not.
    pub fn judge(&self, module: &PsamIdentity, city: City) -> Result<(), ModuleFault> {
        let serial = module.serial;
        let found = module.receiver;
        let received = if self.receivers.is_empty() {
            found.city() == city
        } else {
            self.receivers.contains(&found)
        };
        if !received {
            let expected = city;
            return Err(ModuleFault::City {
                serial,
                found,
                expected,
            });
        }
        let said = |all: &[Institution], one| all.is_empty() || all.contains(&one);
        if !said(&self.issuers, module.issuer) {
            let found = module.issuer;
            return Err(ModuleFault::Issuer { serial, found });
        }
        let found = module.key_index;
        if !self.key_indexes.is_empty() && !self.key_indexes.contains(&found) {
            return Err(ModuleFault::KeyIndex { serial, found });
        }
        if !self.admitted.is_empty() && !self.admitted.contains(&serial) {
            return Err(ModuleFault::NotAdmitted { serial });
        }
        match self.terminal {
            Some(expected) if expected != module.terminal => Err(ModuleFault::Moved {
                serial,
                found: module.terminal,
                expected,
            }),
            _ => Ok(()),
        }
    }
}

record! {
    /// A terminal's report of a module that it takes no money with (模块拒用报告), before its
    /// signature.
    pub struct ModuleReportRecord: 79 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTMR", "标识";
        [4..5] format: u8 as Be, Ours, "format, 01", "格式";
        [5..6] fault: u8 as Be, Ours, "1 city, 2 issuer, 3 key index, 4 not admitted, 5 moved", "原因";
        [6..14] at: u64 as Be, Ours, "when it was found, Unix seconds", "发现时间";
        [14..22] acceptor: Institution as Purse, Ours, "acceptor of the terminal", "受理机构";
        [22..28] terminal: Terminal as Purse, Ours, "the terminal; zeroes where it has no number of its own", "终端机编号";
        [28..38] psam: [u8; 10] as Raw, Ours, "serial number of the module", "PSAM卡号";
        [38..44] speaks_for: Terminal as Purse, Ours, "terminal number in the module", "PSAM终端机编号";
        [44..45] key_index: u8 as Be, Ours, "key index", "密钥索引号";
        [45..53] issuer: Institution as Purse, Ours, "issuer of the module", "应用发行者标识";
        [53..61] receiver: Institution as Purse, Ours, "receiver of the module", "应用接收者标识";
        [61..65] starts: Date as Purse, Ours, "first day of the module", "应用启用日期";
        [65..69] expires: Date as Purse, Ours, "last day of the module", "应用有效日期";
        [69..79] software: [u8; 10] as Raw, Ours, "software version of the terminal", "软件版本";
    }
}

const MAGIC: [u8; 4] = *b"TTMR";
const FORMAT: u8 = 1;
const SIGNATURE_LEN: usize = 64;

/// What a terminal tells its acquirer of a module that it takes no money with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleReport(ModuleReportRecord);

/// Why bytes are no report of a module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleReportError {
    /// A field is cut off or malformed.
    #[error("module report: {0}")]
    Decode(#[from] DecodeError),
    /// Another format, or a fault that has no meaning.
    #[error("module report: {field} is {found}, expected {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it says.
        found: u8,
        /// What was expected.
        expected: &'static str,
    },
    /// The signature is not the terminal's.
    #[error("signature of the module report does not verify under the terminal's key")]
    Signature,
}

impl ModuleReport {
    pub(super) fn new(
        profile: &TapProfile,
        module: &PsamIdentity,
        fault: &ModuleFault,
        at: Timestamp,
    ) -> Self {
        Self(ModuleReportRecord {
            magic: MAGIC,
            format: FORMAT,
            fault: fault.number(),
            // A clock before 1970 is not set.
            at: u64::try_from(at.get()).unwrap_or(0),
            acceptor: profile.acceptor,
            terminal: profile.module.terminal.unwrap_or(Terminal([0; 6])),
            psam: module.serial.0,
            speaks_for: module.terminal,
            key_index: module.key_index,
            issuer: module.issuer,
            receiver: module.receiver,
            starts: module.starts,
            expires: module.expires,
            software: profile.software,
        })
    }

    /// Its bytes without the signature.
    pub(super) fn encode(&self) -> Vec<u8> {
        self.0
            .encode()
            .expect("every field is as wide as its value")
    }

    /// Whether these bytes of a store or an upload begin as a report does.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Reads a report; the signature is not looked at.
    ///
    /// # Errors
    /// [`ModuleReportError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ModuleReportError> {
        let end = bytes.len().saturating_sub(SIGNATURE_LEN);
        let record = ModuleReportRecord::decode(&bytes[..end])?;
        let fields = [
            ("format", record.format, record.format == FORMAT, "1"),
            (
                "fault",
                record.fault,
                (1..=5).contains(&record.fault),
                "1 to 5",
            ),
        ];
        for (field, found, holds, expected) in fields {
            if !holds {
                return Err(ModuleReportError::Field {
                    field,
                    found,
                    expected,
                });
            }
        }
        Ok(Self(record))
    }

    /// Checks a report under the terminal's key, then reads it.
    ///
    /// # Errors
    /// [`ModuleReportError::Signature`] when it is not the terminal's, others when it is malformed.
    pub fn open(bytes: &[u8], terminal_key: &PublicKey) -> Result<Self, ModuleReportError> {
        let parts = bytes.split_last_chunk::<SIGNATURE_LEN>();
        let (signed, signature) = parts.ok_or(ModuleReportError::Signature)?;
        let verified = terminal_key.verify(signed, &Signature(*signature));
        verified.map_err(|_| ModuleReportError::Signature)?;
        Self::read(bytes)
    }

    /// The module.
    #[must_use]
    pub const fn psam(&self) -> PsamSerial {
        PsamSerial(self.0.psam)
    }

    /// What is wrong with it, as [`ModuleFault::number`] has it.
    #[must_use]
    pub const fn fault(&self) -> u8 {
        self.0.fault
    }

    /// The table, for who shows it.
    #[must_use]
    pub const fn record(&self) -> &ModuleReportRecord {
        &self.0
    }
}
