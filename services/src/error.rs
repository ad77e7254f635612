//! Why a call was not done, for any transport.

use tongtu_blacklist::{BlacklistError, ListedNumber};
use tongtu_callers::{CallerName, KeyRefusal};
use tongtu_clearing::posting::PostingError;
use tongtu_clearing::{ClearError, DayRefusal, FeeError, RouteError};
use tongtu_exchange_file::{FileError, FileKind, FileName, NameError, TailError};
use tongtu_psam::PsamSerial;
use tongtu_ride_code::RevocationError;
use tongtu_ride_code::produce::ProduceError;
use tongtu_sql::StoreError;
use tongtu_terminal::ListError;
use tongtu_terminal::face::GalleryError;
use tongtu_types::{
    BusinessDay, CardNumber, Fen, InstitutionCode, RecordId, TerminalNumber, Timestamp,
};

use crate::{FaceError, KeyFault, PaperFault};

/// The kind of an error, from which a transport makes its status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusKind {
    /// What was named is not here.
    NotFound,
    /// Understood, and not done for a reason of the domain.
    Refused,
    /// It contradicts what is here.
    Conflict,
    /// The request itself is not one.
    Invalid,
    /// Not now; the same may work later.
    Unavailable,
    /// A fault of ours.
    Fault,
}

/// Why a call was not done. `Display` is for the caller; what only we should know is the source.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The node does not play the role that the call needs.
    #[error("{node} is no {role}")]
    RoleMissing {
        /// The node.
        node: InstitutionCode,
        /// `issuer` or `acquirer`.
        role: &'static str,
    },
    /// There is no such account.
    #[error("account {account} is unknown")]
    AccountUnknown {
        /// The account.
        account: CardNumber,
    },
    /// The account is there with another key.
    #[error("account {account} is there with another key")]
    AccountKeyDiffers {
        /// The account.
        account: CardNumber,
    },
    /// The account is there with another type.
    #[error("account {account} is there with type {found}, not {asked}")]
    AccountTypeDiffers {
        /// The account.
        account: CardNumber,
        /// Its type.
        found: u8,
        /// The type that was asked for.
        asked: u8,
    },
    /// The account is suspended.
    #[error("account {account} is suspended")]
    AccountSuspended {
        /// The account.
        account: CardNumber,
    },
    /// The account owes money.
    #[error("account {account} owes {owed} yuan")]
    AccountInArrears {
        /// The account.
        account: CardNumber,
        /// How much.
        owed: Fen,
    },
    /// An amount to be paid in that is none.
    #[error("amount {amount} yuan, expected 0.01 to 10000000.00")]
    RechargeAmount {
        /// The amount.
        amount: Fen,
    },
    /// An id of a payment that is none.
    #[error("recharge id of {length} characters, expected 1 to 48 printable ASCII without spaces")]
    RechargeId {
        /// Its length in bytes.
        length: usize,
    },
    /// The id of a payment was used for another one.
    #[error("recharge id was used for another payment")]
    RechargeIdReused,
    /// The user certificate cannot be made.
    #[error("the user certificate cannot be made")]
    Certificate(#[from] ProduceError),
    /// The issuer's own certificate is revoked.
    #[error("the certificate of issuer {issuer} is revoked since {since}")]
    IssuerRevoked {
        /// The issuer.
        issuer: InstitutionCode,
        /// Since when.
        since: Timestamp,
    },
    /// A revocation list is not the root's, or not newer.
    #[error(transparent)]
    Revocations(#[from] RevocationError),
    /// There is no such terminal.
    #[error("terminal {terminal} is not registered")]
    TerminalUnknown {
        /// The terminal.
        terminal: TerminalNumber,
    },
    /// The terminal is there with another key or serial.
    #[error("terminal {terminal} is registered with another key or serial")]
    TerminalKeyDiffers {
        /// The terminal.
        terminal: TerminalNumber,
    },
    /// The PSAM is in another terminal.
    #[error("PSAM {psam} is admitted to terminal {terminal}")]
    PsamElsewhere {
        /// The PSAM.
        psam: PsamSerial,
        /// Where it is.
        terminal: TerminalNumber,
    },
    /// The PSAM is in no terminal.
    #[error("PSAM {psam} is admitted to no terminal")]
    PsamUnknown {
        /// The PSAM.
        psam: PsamSerial,
    },
    /// The list bundle cannot be made.
    #[error("the list bundle cannot be made")]
    Lists(#[from] ListError),
    /// A card that is listed with others or in part, where it must be listed alone or not at all.
    #[error("{number:?} is the first of an entry that is listed in part or within another")]
    CardListed {
        /// The entry's first number.
        number: ListedNumber,
    },
    /// The card blacklist was changed by somebody else at the same time.
    #[error("the card blacklist is being changed")]
    CardListBusy,
    /// A file of the card blacklist cannot be made.
    #[error("the card blacklist's file cannot be made")]
    CardBlacklist(#[from] BlacklistError),
    /// A report of lists is not what the terminal would send.
    #[error("the coverage report does not hold")]
    Coverage(#[source] ListError),
    /// Something about rides by face.
    #[error(transparent)]
    Face(#[from] FaceError),
    /// A key may not be used, or is not here.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// A paper was not taken, or is not here.
    #[error(transparent)]
    Paper(#[from] PaperFault),
    /// A note of keys from a node that is neither the sender's nor below it.
    #[error("a note of keys of {institution}, expected one of {sender} or of a node below it")]
    KeyReportOther {
        /// Whose node brought it.
        sender: InstitutionCode,
        /// Whose it is said to be.
        institution: InstitutionCode,
    },
    /// An institution that is neither this node's parent nor its child.
    #[error("{code} is neither parent nor child of {node}")]
    NeighbourUnknown {
        /// The institution.
        code: InstitutionCode,
        /// The node.
        node: InstitutionCode,
    },
    /// A kind of file that this neighbour does not send.
    #[error("{sender} does not send {kind} files to {node}")]
    FileKind {
        /// The sender.
        sender: InstitutionCode,
        /// The kind.
        kind: FileKind,
        /// The node.
        node: InstitutionCode,
    },
    /// The sender used the name for other content.
    #[error("file {name} was received with other content")]
    FileNameReused {
        /// The name.
        name: FileName,
    },
    /// There is no such caller.
    #[error("caller {name} is unknown")]
    CallerUnknown {
        /// The caller.
        name: CallerName,
    },
    /// The name is another caller's.
    #[error("caller {name} is there with another role, key or accounts")]
    CallerDiffers {
        /// The caller.
        name: CallerName,
    },
    /// A new key did not sign for itself.
    #[error("the new key of caller {name} did not sign for itself")]
    CallerProof {
        /// The caller.
        name: CallerName,
    },
    /// A caller's new key is not taken.
    #[error("the new key is not taken")]
    CallerKey(#[source] KeyRefusal),
    /// The envelope of a file does not hold.
    #[error("the envelope of file {name} does not hold: {fault}")]
    FileEnvelope {
        /// The file.
        name: FileName,
        /// What does not hold.
        fault: &'static str,
    },
    /// There is no such file.
    #[error("file {name} is unknown")]
    FileUnknown {
        /// The name.
        name: FileName,
    },
    /// The receiver confirms other content.
    #[error("file {name} has another digest")]
    FileDigestDiffers {
        /// The name.
        name: FileName,
    },
    /// The chain that came with an upload is not this terminal's: its signature does not verify.
    #[error("chain of an upload of terminal {terminal}, not signed by it")]
    ChainSeal {
        /// The terminal.
        terminal: TerminalNumber,
    },
    /// No chain of this terminal is followed.
    #[error("no chain of terminal {terminal} is followed")]
    ChainUnknown {
        /// The terminal.
        terminal: TerminalNumber,
    },
    /// A reason is none, or too long to be kept.
    #[error("reason of {found} bytes, expected 1 to {max}")]
    ChainReason {
        /// Its length.
        found: usize,
        /// The longest.
        max: usize,
    },
    /// A record's number is none.
    #[error("record number {number}, expected 1 to 9223372036854775807")]
    ChainNumber {
        /// The number.
        number: u64,
    },
    /// A day's command is refused by the day itself.
    #[error("{0}")]
    Day(DayRefusal),
    /// A later day was closed before.
    #[error("day {day} cannot be closed after {last}")]
    DayOutOfOrder {
        /// The day.
        day: BusinessDay,
        /// The last day closed.
        last: BusinessDay,
    },
    /// The parent's result of the day is not here, or not all of it.
    #[error("the result of {parent} for day {day} is not here yet")]
    UpperMissing {
        /// The parent.
        parent: InstitutionCode,
        /// The day.
        day: BusinessDay,
    },
    /// A line of the parent's names a ride that was not passed on to it.
    #[error("{parent} answers serial {serial} for day {day}, which was never passed on")]
    UpperLine {
        /// The parent.
        parent: InstitutionCode,
        /// The day.
        day: BusinessDay,
        /// The acquirer's serial.
        serial: u64,
    },
    /// The run over the day's rides gives no result.
    #[error("day {day} cannot be cleared")]
    Run {
        /// The day.
        day: BusinessDay,
        /// Why.
        source: ClearError,
    },
    /// The fee rules do not give a ride's fees.
    #[error("no fees for record {record}")]
    Fees {
        /// The record.
        record: RecordId,
        /// Why.
        source: FeeError,
    },
    /// A rerun gave other bytes for a file that is published.
    #[error("file {name} was made again with other content")]
    FileDiffers {
        /// The name.
        name: FileName,
    },
    /// The configuration contradicts itself.
    #[error("configuration of {node}: {fault}")]
    Configuration {
        /// The node.
        node: InstitutionCode,
        /// What is wrong, in words.
        fault: String,
    },
    /// An institution is not where it must be.
    #[error("the topology does not hold what is here")]
    Route(#[from] RouteError),
    /// An entry cannot be made.
    #[error("a ledger entry cannot be made")]
    Posting(#[from] PostingError),
    /// A file cannot be written or read again.
    #[error("an exchange file does not hold")]
    File(#[from] FileError),
    /// A file cannot be named.
    #[error("an exchange file cannot be named")]
    FileName(#[from] NameError),
    /// A ride does not fit into a file's line.
    #[error("a ride does not fit into a file")]
    Tail(#[from] TailError),
    /// What the store holds is not what was put there.
    #[error("the store holds a {what} that does not hold")]
    Stored {
        /// What it is.
        what: &'static str,
    },
    /// The store failed.
    #[error("the node's store failed")]
    Store(#[from] StoreError),
    /// A computation was cut off because the node stops.
    #[error("the node is stopping")]
    Stopping,
}

impl From<GalleryError> for ServiceError {
    fn from(error: GalleryError) -> Self {
        Self::Face(FaceError::Gallery(error))
    }
}

impl ServiceError {
    /// The stable code of the variant.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RoleMissing { .. } => "node.role_missing",
            Self::AccountUnknown { .. } => "issuing.account_unknown",
            Self::AccountKeyDiffers { .. } => "issuing.account_key_differs",
            Self::AccountTypeDiffers { .. } => "issuing.account_type_differs",
            Self::AccountSuspended { .. } => "issuing.account_suspended",
            Self::AccountInArrears { .. } => "issuing.account_in_arrears",
            Self::RechargeAmount { .. } => "issuing.recharge_amount",
            Self::RechargeId { .. } => "issuing.recharge_id",
            Self::RechargeIdReused => "issuing.recharge_id_reused",
            Self::Certificate(_) => "issuing.certificate",
            Self::IssuerRevoked { .. } => "issuing.issuer_revoked",
            Self::Revocations(RevocationError::NotNewer { .. }) => "node.revocations_older",
            Self::Revocations(_) => "node.revocations",
            Self::TerminalUnknown { .. } => "acquiring.terminal_unknown",
            Self::TerminalKeyDiffers { .. } => "acquiring.terminal_key_differs",
            Self::PsamElsewhere { .. } => "acquiring.psam_elsewhere",
            Self::PsamUnknown { .. } => "acquiring.psam_unknown",
            Self::Lists(_) => "acquiring.lists",
            Self::CardListed { .. } => "acquiring.card_listed",
            Self::CardListBusy => "acquiring.card_list_busy",
            Self::CardBlacklist(_) => "acquiring.card_blacklist",
            Self::Coverage(_) => "acquiring.coverage",
            Self::Face(error) => error.code(),
            Self::Key(fault) => fault.code(),
            Self::Paper(fault) => fault.code(),
            Self::KeyReportOther { .. } => "node.key_report_other",
            Self::ChainSeal { .. } => "acquiring.chain_seal",
            Self::ChainNumber { .. } => "acquiring.chain_number",
            Self::CallerUnknown { .. } => "callers.unknown",
            Self::CallerDiffers { .. } => "callers.differs",
            Self::CallerProof { .. } => "callers.proof",
            Self::CallerKey(_) => "callers.key",
            Self::FileEnvelope { .. } => "exchange.file_envelope",
            Self::ChainUnknown { .. } => "acquiring.chain_unknown",
            Self::ChainReason { .. } => "acquiring.chain_reason",
            Self::NeighbourUnknown { .. } => "exchange.neighbour_unknown",
            Self::FileKind { .. } => "exchange.file_kind",
            Self::FileNameReused { .. } => "exchange.file_name_reused",
            Self::FileUnknown { .. } => "exchange.file_unknown",
            Self::FileDigestDiffers { .. } => "exchange.file_digest_differs",
            Self::Day(refusal) => refusal.code(),
            Self::DayOutOfOrder { .. } => "clearing.day_out_of_order",
            Self::UpperMissing { .. } => "clearing.upper_missing",
            Self::UpperLine { .. } => "clearing.upper_line",
            Self::Run { .. } => "clearing.run",
            Self::Fees { .. } => "clearing.fees",
            Self::FileDiffers { .. } => "clearing.file_differs",
            Self::Configuration { .. } => "node.configuration",
            Self::Route(_) => "node.route",
            Self::Posting(_) => "node.posting",
            Self::File(_) => "node.file",
            Self::FileName(_) => "node.file_name",
            Self::Tail(_) => "node.tail",
            Self::Stored { .. } => "node.stored",
            Self::Store(_) => "node.store",
            Self::Stopping => "node.stopping",
        }
    }

    /// Whether the very same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            // The missing files may be on their way.
            Self::Run { source, .. } => matches!(source, ClearError::UpperNetDiffers { .. }),
            Self::Day(refusal) => matches!(
                refusal,
                DayRefusal::NotOver { .. } | DayRefusal::TooEarly { .. }
            ),
            other => other.status_kind() == StatusKind::Unavailable,
        }
    }

    /// The kind, from which a transport makes its status.
    #[must_use]
    pub fn status_kind(&self) -> StatusKind {
        match self {
            Self::AccountUnknown { .. }
            | Self::TerminalUnknown { .. }
            | Self::PsamUnknown { .. }
            | Self::ChainUnknown { .. }
            | Self::CallerUnknown { .. }
            | Self::FileUnknown { .. }
            | Self::RoleMissing { .. } => StatusKind::NotFound,
            Self::Revocations(RevocationError::NotNewer { .. }) => StatusKind::Conflict,
            Self::AccountSuspended { .. }
            | Self::IssuerRevoked { .. }
            | Self::Revocations(_)
            | Self::AccountInArrears { .. }
            | Self::Coverage(_)
            | Self::CallerProof { .. }
            | Self::CallerKey(_)
            | Self::FileEnvelope { .. }
            | Self::ChainSeal { .. }
            | Self::NeighbourUnknown { .. }
            | Self::FileKind { .. }
            | Self::UpperLine { .. }
            | Self::Run { .. }
            | Self::KeyReportOther { .. }
            | Self::Fees { .. } => StatusKind::Refused,
            Self::AccountKeyDiffers { .. }
            | Self::AccountTypeDiffers { .. }
            | Self::CardListed { .. }
            | Self::CallerDiffers { .. }
            | Self::RechargeIdReused
            | Self::TerminalKeyDiffers { .. }
            | Self::PsamElsewhere { .. }
            | Self::FileNameReused { .. }
            | Self::FileDigestDiffers { .. }
            | Self::DayOutOfOrder { .. } => StatusKind::Conflict,
            Self::Face(error) => error.status_kind(),
            Self::Key(fault) => fault.status_kind(),
            Self::Paper(fault) => fault.status_kind(),
            Self::RechargeAmount { .. }
            | Self::RechargeId { .. }
            | Self::ChainNumber { .. }
            | Self::ChainReason { .. } => StatusKind::Invalid,
            Self::Day(refusal) => match refusal {
                DayRefusal::NotOver { .. } | DayRefusal::TooEarly { .. } => StatusKind::Refused,
                DayRefusal::ResultDiffers { .. } => StatusKind::Fault,
                _ => StatusKind::Conflict,
            },
            Self::UpperMissing { .. } | Self::CardListBusy | Self::Stopping => {
                StatusKind::Unavailable
            }
            Self::Store(error) if error.is_transient() => StatusKind::Unavailable,
            Self::Certificate(_)
            | Self::Lists(_)
            | Self::CardBlacklist(_)
            | Self::FileDiffers { .. }
            | Self::Configuration { .. }
            | Self::Route(_)
            | Self::Posting(_)
            | Self::File(_)
            | Self::FileName(_)
            | Self::Tail(_)
            | Self::Stored { .. }
            | Self::Store(_) => StatusKind::Fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Two variants under one code could not be told apart by a program.
    #[test]
    fn codes_are_unique_and_name_their_area() {
        let source = include_str!("error.rs");
        let arms = source.lines().filter_map(|line| {
            let (_, code) = line.split_once("=> \"")?;
            code.strip_suffix("\",")
        });
        let codes: Vec<&str> = arms.collect();
        let unique: BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(unique.len(), codes.len());
        assert!(codes.len() > 30, "{codes:?}");
        for code in codes {
            let area = code.split_once('.').unwrap().0;
            assert!(
                [
                    "node",
                    "issuing",
                    "acquiring",
                    "callers",
                    "exchange",
                    "clearing"
                ]
                .contains(&area)
            );
        }
    }
}
