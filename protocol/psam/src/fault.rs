//! Why a PSAM did not do what it was asked.

use tongtu_apdu::StatusWord;
use tongtu_codec::DecodeError;
use tongtu_purse::field::Date;

use crate::{PsamRequest, PsamSerial};

/// Why a PSAM did not do what it was asked.
///
/// A terminal goes on serving after some of these and out of service after others:
/// [`PsamFault::is_out_of_service`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PsamFault {
    /// MAC2 is not the one of the latest purchase (`9302`): the card has no key.
    #[error("PSAM: MAC2 is wrong, expected that of the latest purchase")]
    Mac2 {
        /// Tries that remain before the module locks, if it tells.
        tries_left: Option<u8>,
    },
    /// MAC2 can no longer be verified: the module knows its latest purchase only, and another
    /// one, a reset or a verification came after. Nothing is known of the MAC2.
    #[error("PSAM: the purchase {asked:08X} is not the one whose MAC2 is awaited")]
    Superseded {
        /// Terminal sequence whose MAC2 was to be verified.
        asked: u32,
        /// Terminal sequence whose MAC2 the module awaits, if any and known.
        awaited: Option<u32>,
    },
    /// No key of that version and algorithm (`9403`).
    #[error("PSAM: no key of version {version:02X}, algorithm {algorithm:02X}")]
    Key {
        /// Key version; 0 where the terminal names a key of its own choice.
        version: u8,
        /// Algorithm identifier.
        algorithm: u8,
    },
    /// The day is outside the module's dates.
    #[error("PSAM: {day} is outside its dates, expected {starts} to {expires}")]
    Dates {
        /// The day of the transaction.
        day: Date,
        /// First day.
        starts: Date,
        /// Last day.
        expires: Date,
    },
    /// The terminal sequence is at its maximum (`9402`): the module is used up.
    #[error("PSAM: its terminal sequence is at the maximum")]
    Exhausted,
    /// The module locked itself, usually after too many wrong MAC2 (`9303`).
    #[error("PSAM: locked")]
    Locked,
    /// The module could not write its memory (`6581`): nothing was given away.
    #[error("PSAM: memory failure")]
    Memory,
    /// Any other status word.
    #[error("PSAM: {command} was answered {sw}, expected 9000")]
    Refused {
        /// The command.
        command: &'static str,
        /// The status word.
        sw: StatusWord,
    },
    /// An answer that cannot be read.
    #[error("PSAM: answer to {command}: {cause}")]
    Malformed {
        /// The command.
        command: &'static str,
        /// The field that does not hold.
        cause: DecodeError,
    },
    /// The request cannot be put to a module: its data is too long, or says what no module knows.
    #[error("PSAM: {what}, expected {expected}")]
    Request {
        /// What is wrong.
        what: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// There is no module, or it went away; whether it did what it was asked is not known.
    #[error("PSAM: absent or gone")]
    Absent,
    /// No answer in time; whether it did what it was asked is not known.
    #[error("PSAM: no answer within {waited_ms} ms")]
    Timeout {
        /// How long was waited.
        waited_ms: u32,
    },
    /// Another module is in the slot than the one whose identity was read.
    #[error("PSAM: {found} is in the slot, expected {expected}")]
    Replaced {
        /// Serial number there.
        found: PsamSerial,
        /// Serial number read earlier.
        expected: PsamSerial,
    },
    /// The module gave a terminal sequence that is not above its last one: it was copied or set
    /// back, and nothing it says may be used.
    #[error("PSAM: terminal sequence {found:08X}, expected one above {last:08X}")]
    Sequence {
        /// What it gave.
        found: u32,
        /// What it gave before.
        last: u32,
    },
    /// A pool answered something that is no answer.
    #[error("PSAM pool: {what}")]
    Pool {
        /// What came instead.
        what: &'static str,
    },
    /// A pool no longer keeps this module for us; the identity read earlier is no longer ours.
    #[error("PSAM: the lease is lost")]
    LeaseLost,
    /// A pool has no module free.
    #[error("PSAM: every module of the pool is in use")]
    Busy,
}

impl PsamFault {
    /// What a status word means as the answer to a command that served this request.
    ///
    /// UNSPECIFIED: which word a module answers when no purchase is awaited; public terminals
    /// treat 6985 so.
    #[must_use]
    pub fn of_status(request: &PsamRequest, command: &'static str, sw: StatusWord) -> Self {
        match (sw, request) {
            (StatusWord::MAC_INVALID, PsamRequest::Credit(_)) => Self::Mac2 { tries_left: None },
            (StatusWord::CONDITIONS, PsamRequest::Credit(credit)) => Self::Superseded {
                asked: credit.terminal_sequence,
                awaited: None,
            },
            (sw, PsamRequest::Credit(_)) if sw.tries().is_some() => Self::Mac2 {
                tries_left: sw.tries(),
            },
            (StatusWord::PERMANENTLY_LOCKED, _) => Self::Locked,
            (StatusWord::COUNTER_AT_MAX, _) => Self::Exhausted,
            (StatusWord::MEMORY_FAILURE, _) => Self::Memory,
            (StatusWord::KEY_INDEX | StatusWord::REFERENCE_NOT_FOUND, request) => {
                let (version, algorithm) = match request {
                    PsamRequest::Purchase(purchase) => (purchase.key_version, purchase.algorithm),
                    PsamRequest::Lock(lock) => (0, lock.algorithm),
                    PsamRequest::UpdateMac(update) => (0, update.algorithm),
                    PsamRequest::Credit(_) => (0, 0),
                };
                Self::Key { version, algorithm }
            }
            (sw, _) => Self::Refused { command, sw },
        }
    }

    /// Whether no card can be served until the module was looked at again: by its driver, which
    /// resets or leases one, or by a person.
    ///
    /// [`PsamFault::Mac2`] blames the card, [`PsamFault::Superseded`] the order of events, a
    /// [`PsamFault::Key`] this card's key version, [`PsamFault::Busy`] and
    /// [`PsamFault::Timeout`] the moment.
    #[must_use]
    pub const fn is_out_of_service(&self) -> bool {
        match self {
            Self::Mac2 { tries_left } => matches!(tries_left, Some(0)),
            Self::Superseded { .. }
            | Self::Key { .. }
            | Self::Request { .. }
            | Self::Timeout { .. }
            | Self::Busy => false,
            Self::Dates { .. }
            | Self::Exhausted
            | Self::Locked
            | Self::Memory
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Absent
            | Self::Replaced { .. }
            | Self::Sequence { .. }
            | Self::Pool { .. }
            | Self::LeaseLost => true,
        }
    }
}
