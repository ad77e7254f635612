//! The shape of a typed command: one type per command, with its table of status words.

use tongtu_codec::DecodeError;

use crate::{ApduError, Command, StatusWord};

/// One row of a command's status-word table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRow {
    /// The status word.
    pub sw: StatusWord,
    /// When the card answers so, in English.
    pub en: &'static str,
    /// When the card answers so, in Chinese.
    pub zh: &'static str,
}

/// Writes a status-word table: `status_rows! { OK => "done", "完成"; … }`, with the names of
/// [`StatusWord`]'s constants.
#[macro_export]
macro_rules! status_rows {
    ($($sw:ident => $en:literal, $zh:literal;)*) => {
        &[$($crate::StatusRow { sw: $crate::StatusWord::$sw, en: $en, zh: $zh }),*]
    };
}

/// Which part of a command is not as its definition says; each has one status word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not this command's class.
    #[error("{command}: CLA {found:02X} is not its class")]
    Class {
        /// The command.
        command: &'static str,
        /// What was found.
        found: u8,
    },
    /// Not this command's instruction.
    #[error("{command}: INS {found:02X} is not its instruction")]
    Instruction {
        /// The command.
        command: &'static str,
        /// What was found.
        found: u8,
    },
    /// P1 or P2 has a value that the command does not have.
    #[error("{command}: P1 P2 {p1:02X} {p2:02X}, expected {expected}")]
    Parameters {
        /// The command.
        command: &'static str,
        /// P1 found.
        p1: u8,
        /// P2 found.
        p2: u8,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// The data field (Lc) or Le has a length that the command does not have.
    #[error("{command}: {found} data bytes, expected {expected}")]
    Length {
        /// The command.
        command: &'static str,
        /// Data bytes found.
        found: usize,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// The data field does not hold what it should.
    #[error("{command}: data field at byte {offset}: expected {expected}")]
    Data {
        /// The command.
        command: &'static str,
        /// Offset of the offender in the data field.
        offset: usize,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A record in the data field could not be read.
    #[error("{command}: {cause}")]
    Record {
        /// The command.
        command: &'static str,
        /// The field that does not hold.
        cause: DecodeError,
    },
    /// The bytes are not a short command APDU.
    #[error(transparent)]
    Apdu(#[from] ApduError),
}

impl Malformed {
    /// The status word that a card answers.
    #[must_use]
    pub const fn status(&self) -> StatusWord {
        match self {
            Self::Class { .. } => StatusWord::CLA_NOT_SUPPORTED,
            Self::Instruction { .. } => StatusWord::INS_NOT_SUPPORTED,
            Self::Parameters { .. } => StatusWord::WRONG_P1P2,
            Self::Length { .. } | Self::Apdu(_) => StatusWord::WRONG_LENGTH,
            Self::Data { .. } | Self::Record { .. } => StatusWord::WRONG_DATA,
        }
    }
}

/// One command of one application, as a type.
///
/// Both sides use it: the card reads it with [`CardCommand::from_command`] and writes its
/// [`CardCommand::Answer`]; a terminal writes [`CardCommand::to_command`] and reads the answer
/// with [`CardCommand::answer`]. The class byte's channel bits are cleared before a card reads
/// a command, and secure messaging is checked by whoever has the key.
pub trait CardCommand: Sized {
    /// The command's name in the standards' English.
    const NAME: &'static str;
    /// The command's name in the standards' Chinese.
    const NAME_ZH: &'static str;
    /// The instruction byte.
    const INS: u8;
    /// The status words that the command may answer with, in order of precedence.
    const STATUS: &'static [StatusRow];
    /// What a card answers with `9000`.
    type Answer;

    /// Reads the command from an APDU.
    ///
    /// # Errors
    /// [`Malformed`] naming the first part that is not as defined, in the order class,
    /// instruction, P1 P2, length, data.
    fn from_command(command: &Command) -> Result<Self, Malformed>;

    /// The command as an APDU on the basic channel.
    fn to_command(&self) -> Command;

    /// Reads the data of a `9000` answer.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field that does not hold.
    fn answer(data: &[u8]) -> Result<Self::Answer, DecodeError>;
}

/// What is known of one command without its contents.
#[derive(Debug, Clone, Copy)]
pub struct CommandInfo {
    /// Name in the standards' English.
    pub en: &'static str,
    /// Name in the standards' Chinese.
    pub zh: &'static str,
    /// Instruction byte.
    pub ins: u8,
    /// Status words in order of precedence, after success.
    pub status: &'static [StatusRow],
}

impl CommandInfo {
    /// What is known of the command `C`.
    #[must_use]
    pub const fn of<C: CardCommand>() -> Self {
        Self {
            en: C::NAME,
            zh: C::NAME_ZH,
            ins: C::INS,
            status: C::STATUS,
        }
    }

    /// What a status word means as an answer to this command, if its table has it.
    #[must_use]
    pub fn meaning(&self, sw: StatusWord) -> Option<&'static StatusRow> {
        self.status.iter().find(|row| row.sw == sw)
    }
}
