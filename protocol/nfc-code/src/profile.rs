//! Under which class and instruction the commands travel, as data.

use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, Command, Malformed};
use tongtu_codec::{DecodeError, Reader};

use crate::{GetChallenge, GetCode, PutResult, ReadResult, UpdateCode};

/// The longest code that any profile may admit, in bytes.
pub const CODE_LEN_LIMIT: u16 = 4096;

/// What a command does, whatever its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// [`GetCode`].
    GetCode,
    /// [`GetChallenge`].
    GetChallenge,
    /// [`UpdateCode`].
    UpdateCode,
    /// [`PutResult`].
    PutResult,
    /// [`ReadResult`].
    ReadResult,
}

impl Operation {
    /// All of them, in the order of a profile's rows.
    pub const ALL: [Self; 5] = [
        Self::GetCode,
        Self::GetChallenge,
        Self::UpdateCode,
        Self::PutResult,
        Self::ReadResult,
    ];

    /// Class and instruction as the command types of this crate have them.
    #[must_use]
    pub const fn canonical(self) -> Row {
        match self {
            Self::GetCode => Row::new(0x80, GetCode::INS),
            Self::GetChallenge => Row::new(0x00, GetChallenge::INS),
            Self::UpdateCode => Row::new(0x84, UpdateCode::INS),
            Self::PutResult => Row::new(0x84, PutResult::INS),
            Self::ReadResult => Row::new(0x80, ReadResult::INS),
        }
    }
}

/// Class and instruction of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Class, without channel bits: `00`, `80`, `04` or `84`.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
}

impl Row {
    /// A row.
    #[must_use]
    pub const fn new(cla: u8, ins: u8) -> Self {
        Self { cla, ins }
    }
}

/// Why a profile does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// More or fewer bytes than a profile has.
    #[error(transparent)]
    Bytes(#[from] DecodeError),
    /// A class that has channel bits or is none of the four.
    #[error("{operation:?} has class {cla:02X}, expected 00, 04, 80 or 84")]
    Class {
        /// Whose row.
        operation: Operation,
        /// The class.
        cla: u8,
    },
    /// An instruction that the card itself answers, or that no APDU may have.
    #[error("{operation:?} has instruction {ins:02X}, which is reserved")]
    Instruction {
        /// Whose row.
        operation: Operation,
        /// The instruction.
        ins: u8,
    },
    /// Two commands under the same class and instruction.
    #[error("{first:?} and {second:?} have the same class and instruction")]
    Ambiguous {
        /// One of them.
        first: Operation,
        /// The other.
        second: Operation,
    },
    /// The longest code is nothing, or longer than any profile may admit.
    #[error("codes of {found} bytes, expected 1 to {CODE_LEN_LIMIT}")]
    CodeLength {
        /// What it says.
        found: u16,
    },
}

/// The command table of one scheme.
///
/// Form: 14 bytes: version 2, longest code 2, then class and instruction of GET CODE, GET
/// CHALLENGE, UPDATE CODE, PUT RESULT, READ RESULT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    version: u16,
    code_len_max: u16,
    rows: [Row; Operation::ALL.len()],
}

impl Profile {
    /// Length in bytes.
    pub const LEN: usize = 4 + 2 * Operation::ALL.len();

    /// A profile; rows in the order of [`Operation::ALL`].
    ///
    /// # Errors
    /// [`ProfileError`] naming the first row that does not hold.
    pub fn new(
        version: u16,
        code_len_max: u16,
        rows: [Row; Operation::ALL.len()],
    ) -> Result<Self, ProfileError> {
        if code_len_max == 0 || code_len_max > CODE_LEN_LIMIT {
            return Err(ProfileError::CodeLength {
                found: code_len_max,
            });
        }
        let named = || Operation::ALL.into_iter().zip(rows);
        for (at, (operation, row)) in named().enumerate() {
            let Row { cla, ins } = row;
            if !matches!(cla, 0x00 | 0x04 | 0x80 | 0x84) {
                return Err(ProfileError::Class { operation, cla });
            }
            // SELECT, MANAGE CHANNEL and GET RESPONSE are the card's; 6X and 9X no one's.
            if matches!(ins, 0xA4 | 0x70 | 0xC0) || matches!(ins >> 4, 6 | 9) {
                return Err(ProfileError::Instruction { operation, ins });
            }
            if let Some((first, _)) = named().take(at).find(|(_, other)| *other == row) {
                return Err(ProfileError::Ambiguous {
                    first,
                    second: operation,
                });
            }
        }
        Ok(Self {
            version,
            code_len_max,
            rows,
        })
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// [`ProfileError`] naming what does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProfileError> {
        let mut reader = Reader::new("Profile", bytes);
        let mut two = |field| -> Result<[u8; 2], DecodeError> {
            let bytes = reader.take(field, 2)?;
            Ok(bytes.try_into().expect("two were taken"))
        };
        let version = u16::from_be_bytes(two("version")?);
        let code_len_max = u16::from_be_bytes(two("code_len_max")?);
        let mut rows = [Row::new(0, 0); Operation::ALL.len()];
        for row in &mut rows {
            let [cla, ins] = two("row")?;
            *row = Row { cla, ins };
        }
        reader.finish()?;
        Self::new(version, code_len_max, rows)
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LEN);
        out.extend(self.version.to_be_bytes());
        out.extend(self.code_len_max.to_be_bytes());
        for row in self.rows {
            out.extend([row.cla, row.ins]);
        }
        out
    }

    /// The protocol's version, as the FCI gives it.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// The longest code that the card takes.
    #[must_use]
    pub fn code_len_max(&self) -> usize {
        usize::from(self.code_len_max)
    }

    /// Reads what a command does, and gives it as this crate's types have it.
    ///
    /// # Errors
    /// [`Malformed::Instruction`] when the table does not have it, [`Malformed::Class`] when
    /// only under another class.
    pub fn undress(&self, command: &Command) -> Result<(Operation, Command), Malformed> {
        const NAME: &str = "NFC ride code";
        let row = Row::new(command.cla, command.ins);
        let mut named = Operation::ALL.into_iter().zip(self.rows);
        if let Some((operation, _)) = named.find(|(_, known)| *known == row) {
            let Row { cla, ins } = operation.canonical();
            let command = Command {
                cla,
                ins,
                ..command.clone()
            };
            return Ok((operation, command));
        }
        if self.rows.iter().any(|known| known.ins == command.ins) {
            return Err(Malformed::Class {
                command: NAME,
                found: command.cla,
            });
        }
        Err(Malformed::Instruction {
            command: NAME,
            found: command.ins,
        })
    }

    /// A command of this crate as it travels under this profile.
    #[must_use]
    pub fn dress(&self, command: Command) -> Command {
        let row = Row::new(command.cla, command.ins);
        let mut named = Operation::ALL.into_iter().zip(self.rows);
        match named.find(|(operation, _)| operation.canonical() == row) {
            Some((_, Row { cla, ins })) => Command {
                cla,
                ins,
                ..command
            },
            None => command,
        }
    }
}

impl Default for Profile {
    /// Version 1.0, codes of up to 512 bytes, the instructions of this crate's types.
    fn default() -> Self {
        Self {
            version: 0x0100,
            code_len_max: 512,
            rows: Operation::ALL.map(Operation::canonical),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> [Row; 5] {
        Profile::default().rows
    }

    #[test]
    fn the_default_holds_and_has_its_length() {
        let profile = Profile::default();
        assert_eq!(profile.encode().len(), Profile::LEN);
        assert_eq!(Profile::decode(&profile.encode()), Ok(profile));
    }

    #[test]
    fn what_a_card_could_not_tell_apart_is_refused() {
        let with = |at: usize, cla, ins| {
            let mut rows = rows();
            rows[at] = Row::new(cla, ins);
            Profile::new(1, 512, rows).map(|_| ())
        };
        assert_eq!(with(0, 0x80, 0x10), Ok(()));
        assert_eq!(
            with(4, 0x80, 0xCA),
            Err(ProfileError::Ambiguous {
                first: Operation::GetCode,
                second: Operation::ReadResult
            })
        );
        assert_eq!(with(4, 0x00, 0xCA), Ok(()), "another class");
        for ins in [0xA4, 0x70, 0xC0, 0x61, 0x90] {
            let operation = Operation::GetCode;
            assert_eq!(
                with(0, 0x80, ins),
                Err(ProfileError::Instruction { operation, ins })
            );
        }
        for cla in [0x01, 0x90, 0xFF] {
            let operation = Operation::GetCode;
            assert_eq!(
                with(0, cla, 0x10),
                Err(ProfileError::Class { operation, cla })
            );
        }
        for found in [0, CODE_LEN_LIMIT + 1] {
            assert_eq!(
                Profile::new(1, found, rows()),
                Err(ProfileError::CodeLength { found })
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(bytes in proptest::collection::vec(any::<u8>(), 10..18)) {
            if let Ok(profile) = Profile::decode(&bytes) {
                prop_assert_eq!(profile.encode(), bytes);
            }
        }

        #[test]
        fn any_profile_that_holds_leads_every_command_there_and_back(
            pairs in proptest::collection::vec((0usize..4, any::<u8>()), 5..=5),
            p1: u8,
        ) {
            let row = |(cla, ins): (usize, u8)| Row::new([0, 4, 0x80, 0x84][cla], ins);
            let rows: Vec<Row> = pairs.into_iter().map(row).collect();
            let rows: [Row; 5] = rows.try_into().expect("five");
            if let Ok(profile) = Profile::new(1, 512, rows) {
                prop_assert_eq!(Profile::decode(&profile.encode()), Ok(profile.clone()));
                for operation in Operation::ALL {
                    let Row { cla, ins } = operation.canonical();
                    let sent = Command::new(cla, ins, p1, 0).with_data([1, 2]);
                    let travels = profile.dress(sent.clone());
                    prop_assert_eq!(profile.undress(&travels), Ok((operation, sent)));
                }
            }
        }
    }
}
