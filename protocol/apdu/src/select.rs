//! Application identifiers and SELECT (ISO/IEC 7816-4 §11.1.1), for every application.

use alloc::vec::Vec;
use core::fmt;

use tongtu_codec::DecodeError;

use crate::tlv::{self, Tag};
use crate::{CardCommand, Command, Malformed, StatusRow, status_rows};

/// An application identifier (应用标识符, AID): 5 to 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aid {
    len: u8,
    bytes: [u8; 16],
}

/// The bytes are not 5 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("AID has {found} bytes, expected 5 to 16")]
pub struct AidError {
    /// Bytes there.
    pub found: usize,
}

impl Aid {
    /// An AID written in the code.
    ///
    /// # Panics
    /// At compile time in a `const`, when there are not 5 to 16 bytes.
    #[must_use]
    pub const fn new(aid: &[u8]) -> Self {
        assert!(
            aid.len() >= 5 && aid.len() <= 16,
            "an AID has 5 to 16 bytes"
        );
        let mut bytes = [0; 16];
        let mut i = 0;
        while i < aid.len() {
            bytes[i] = aid[i];
            i += 1;
        }
        // At most 16 by the assertion above; const code has no `try_from`.
        let [.., len] = aid.len().to_be_bytes();
        Self { len, bytes }
    }

    /// Reads an AID of 5 to 16 bytes.
    ///
    /// # Errors
    /// [`AidError`] for any other length.
    pub fn parse(aid: &[u8]) -> Result<Self, AidError> {
        if (5..=16).contains(&aid.len()) {
            Ok(Self::new(aid))
        } else {
            Err(AidError { found: aid.len() })
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether a SELECT by `part` means this application: `part` is the AID or its beginning.
    #[must_use]
    pub fn starts_with(&self, part: &[u8]) -> bool {
        self.as_bytes().starts_with(part)
    }
}

impl fmt::Display for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.as_bytes() {
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aid({self})")
    }
}

/// The directory of contactless applications, PPSE (近距离支付系统环境), `2PAY.SYS.DDF01`.
pub const PPSE: Aid = Aid::new(b"2PAY.SYS.DDF01");

/// The e-purse (电子钱包), AID of the application and of its module.
pub const E_PURSE: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x06, 0x32, 0x01, 0x01, 0x05]);

/// The e-cash (电子现金), AID of the application and of its module.
pub const E_CASH: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x06, 0x32, 0x01, 0x01, 0x06]);

/// The default issuer security domain (主安全域).
pub const ISSUER_DOMAIN: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]);

/// FCI as every application writes it: `6F { 84 name, A5 { proprietary } }`.
#[must_use]
pub fn fci(name: &Aid, proprietary: &[u8]) -> Vec<u8> {
    let mut value = tlv::object(Tag::new(0x84), name.as_bytes());
    tlv::write(Tag::new(0xA5), proprietary, &mut value);
    tlv::object(Tag::new(0x6F), &value)
}

/// Which of several matches a SELECT by a part of an AID means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// The first, or the only one (P2 `00`).
    First,
    /// The next after the one that is selected (P2 `02`).
    Next,
}

/// SELECT by name: `00 A4 04 P2 [Lc AID] [Le]`.
///
/// Form: the data field is an AID or its beginning, 0 to 16 bytes; none means the issuer
/// security domain (GP 2.3.1 §11.9). The answer is FCI, read by whoever knows the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// The AID or its beginning.
    pub name: Vec<u8>,
    /// First or next.
    pub occurrence: Occurrence,
}

impl Select {
    /// Selects the first application whose AID begins so.
    #[must_use]
    pub fn by_name(name: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            occurrence: Occurrence::First,
        }
    }
}

impl CardCommand for Select {
    const NAME: &'static str = "SELECT";
    const NAME_ZH: &'static str = "选择";
    const INS: u8 = 0xA4;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "selected", "已选择";
        BLOCKED_FILE => "the application or the card is blocked; FCI may be there", "应用或卡被锁定";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 is not 04, or P2 neither 00 nor 02", "P1、P2 错误";
        WRONG_LENGTH => "more than 16 bytes", "多于 16 字节";
        NOT_FOUND => "no such application, or it cannot be selected", "没有该应用";
        FUNCTION_NOT_SUPPORTED => "the card is locked", "卡已锁定";
        PERMANENTLY_LOCKED => "the application is permanently locked", "应用永久锁定";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        if command.cla != 0 {
            return Err(Malformed::Class {
                command: Self::NAME,
                found: command.cla,
            });
        }
        if command.ins != Self::INS {
            return Err(Malformed::Instruction {
                command: Self::NAME,
                found: command.ins,
            });
        }
        let occurrence = match (command.p1, command.p2) {
            (4, 0) => Occurrence::First,
            (4, 2) => Occurrence::Next,
            (p1, p2) => {
                return Err(Malformed::Parameters {
                    command: Self::NAME,
                    p1,
                    p2,
                    expected: "04 and 00 or 02",
                });
            }
        };
        if command.data.len() > 16 {
            return Err(Malformed::Length {
                command: Self::NAME,
                found: command.data.len(),
                expected: "at most 16",
            });
        }
        Ok(Self {
            name: command.data.clone(),
            occurrence,
        })
    }

    fn to_command(&self) -> Command {
        let p2 = match self.occurrence {
            Occurrence::First => 0,
            Occurrence::Next => 2,
        };
        Command::new(0, Self::INS, 4, p2)
            .with_data(self.name.clone())
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// The file id of a card's root, the master file (主文件, MF).
pub const MASTER_FILE: u16 = 0x3F00;

/// SELECT by file id: `00 A4 00 00 [02 id] [Le]`, as readers send it to see whether there is a card
/// of this kind at all.
///
/// Form: no data mean the master file (ISO/IEC 7816-4 §11.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectFile {
    /// The file's id.
    pub id: u16,
}

impl CardCommand for SelectFile {
    const NAME: &'static str = "SELECT by file id";
    const NAME_ZH: &'static str = "按文件标识符选择";
    const INS: u8 = Select::INS;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "selected", "已选择";
        BLOCKED_FILE => "the card is blocked; FCI may be there", "卡被锁定";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 or P2 is not 00", "P1、P2 错误";
        WRONG_LENGTH => "the data are not an id of two bytes", "数据不是两字节的标识符";
        NOT_FOUND => "no file has this id", "没有该文件";
        FUNCTION_NOT_SUPPORTED => "the card is locked", "卡已锁定";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        if command.cla != 0 {
            return Err(Malformed::Class {
                command: Self::NAME,
                found: command.cla,
            });
        }
        if command.ins != Self::INS {
            return Err(Malformed::Instruction {
                command: Self::NAME,
                found: command.ins,
            });
        }
        if (command.p1, command.p2) != (0, 0) {
            return Err(Malformed::Parameters {
                command: Self::NAME,
                p1: command.p1,
                p2: command.p2,
                expected: "00 and 00",
            });
        }
        match *command.data {
            [] => Ok(Self { id: MASTER_FILE }),
            [high, low] => Ok(Self {
                id: u16::from_be_bytes([high, low]),
            }),
            _ => Err(Malformed::Length {
                command: Self::NAME,
                found: command.data.len(),
                expected: "0 or 2",
            }),
        }
    }

    fn to_command(&self) -> Command {
        Command::new(0, Self::INS, 0, 0)
            .with_data(self.id.to_be_bytes())
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StatusWord;

    #[test]
    fn select_by_file_id_goes_there_and_back_and_refuses_in_order() {
        let root = SelectFile { id: MASTER_FILE };
        let mut command = root.to_command();
        assert_eq!(command.encode(), Ok(vec![0, 0xA4, 0, 0, 2, 0x3F, 0x00, 0]));
        assert_eq!(SelectFile::from_command(&command), Ok(root));
        command.data.clear();
        assert_eq!(SelectFile::from_command(&command), Ok(root), "no id");
        let status = |c: &Command| SelectFile::from_command(c).map_err(|wrong| wrong.status());
        for len in [1, 3, 16] {
            command.data = vec![0x3F; len];
            assert_eq!(status(&command), Err(StatusWord::WRONG_LENGTH));
        }
        command.p2 = 2;
        assert_eq!(status(&command), Err(StatusWord::WRONG_P1P2));
        command.cla = 0x84;
        assert_eq!(status(&command), Err(StatusWord::CLA_NOT_SUPPORTED));
    }

    #[test]
    fn an_aid_has_five_to_sixteen_bytes() {
        assert_eq!(Aid::parse(&[0; 4]), Err(AidError { found: 4 }));
        assert_eq!(Aid::parse(&[0; 17]), Err(AidError { found: 17 }));
        assert_eq!(E_PURSE.to_string(), "A000000632010105");
        assert!(E_PURSE.starts_with(&[]) && !E_PURSE.starts_with(E_CASH.as_bytes()));
    }

    #[test]
    fn select_goes_there_and_back_and_refuses_in_order() {
        for select in [
            Select::by_name(E_PURSE.as_bytes()),
            Select {
                name: Vec::new(),
                occurrence: Occurrence::Next,
            },
        ] {
            assert_eq!(Select::from_command(&select.to_command()), Ok(select));
        }
        let mut wrong = Select::by_name(vec![0; 17]).to_command();
        let status = |c: &Command| Select::from_command(c).expect_err("it is wrong").status();
        assert_eq!(status(&wrong), StatusWord::WRONG_LENGTH);
        wrong.p1 = 0;
        assert_eq!(status(&wrong), StatusWord::WRONG_P1P2);
        wrong.cla = 0x80;
        assert_eq!(status(&wrong), StatusWord::CLA_NOT_SUPPORTED);
    }
}
