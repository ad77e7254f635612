//! GET DATA and STORE DATA (GP 2.3.1 §11.3, §11.11).

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::DecodeError;

use crate::ins;

/// GET DATA: `80 CA tag [5C …] 00`. With class 80 the whole object comes back, with class 00
/// its value only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetData {
    /// Whether the answer begins with tag and length (class 80).
    pub whole: bool,
    /// The tag, P1 P2.
    pub tag: u16,
    /// A tag list, for the list of applications.
    pub list: Vec<u8>,
}

impl GetData {
    /// Asks for a whole object.
    #[must_use]
    pub const fn of(tag: u16) -> Self {
        Self {
            whole: true,
            tag,
            list: Vec::new(),
        }
    }
}

impl CardCommand for GetData {
    const NAME: &'static str = "GET DATA";
    const NAME_ZH: &'static str = "取数据";
    const INS: u8 = ins::GET_DATA;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the object (class 80), or its value (class 00)", "数据对象（CLA 80）或其值（CLA 00）";
        CLA_NOT_SUPPORTED => "CLA is neither 00 nor 80", "CLA 不是 00 或 80";
        WRONG_DATA => "the tag list is wrong", "标签列表错误";
        CONDITIONS => "the card is terminated and does not tell this", "卡已终止";
        REFERENCE_NOT_FOUND => "no such object", "没有该数据对象";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80, 0x00])?;
        Ok(Self {
            whole: command.cla == 0x80,
            tag: u16::from_be_bytes([command.p1, command.p2]),
            list: command.data.clone(),
        })
    }

    fn to_command(&self) -> Command {
        let [p1, p2] = self.tag.to_be_bytes();
        let cla = if self.whole { 0x80 } else { 0 };
        Command::new(cla, Self::INS, p1, p2)
            .with_data(self.list.clone())
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// What the data of STORE DATA are made of (P1 bits 18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFormat {
    /// Nothing said.
    Free,
    /// Data grouping identifiers.
    Dgi,
    /// BER-TLV objects.
    Tlv,
}

/// STORE DATA: `80 E2 P1 number Lc data`.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreData {
    /// The last block.
    pub last: bool,
    /// All values are enciphered under the data key (P1 bits 60).
    pub enciphered: bool,
    /// What is enciphered is the application's matter (P1 bits 20).
    pub application_dependent: bool,
    /// What the data are made of.
    pub format: StoreFormat,
    /// An answer is expected (P1 bit 01).
    pub answer: bool,
    /// Number of the block, from 0.
    pub number: u8,
    /// The block.
    pub data: Vec<u8>,
}

impl core::fmt::Debug for StoreData {
    /// The data may be keys in clear: only their length.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StoreData")
            .field("p1", &self.p1())
            .field("number", &self.number)
            .field("len", &self.data.len())
            .finish()
    }
}

impl StoreData {
    /// P1 as it travels.
    #[must_use]
    pub const fn p1(&self) -> u8 {
        let format = match self.format {
            StoreFormat::Free => 0x00,
            StoreFormat::Dgi => 0x08,
            StoreFormat::Tlv => 0x10,
        };
        let secrecy = match (self.enciphered, self.application_dependent) {
            (true, _) => 0x60,
            (false, true) => 0x20,
            (false, false) => 0x00,
        };
        let last = if self.last { 0x80 } else { 0 };
        last | secrecy | format | if self.answer { 1 } else { 0 }
    }
}

impl CardCommand for StoreData {
    const NAME: &'static str = "STORE DATA";
    const NAME_ZH: &'static str = "存储数据";
    const INS: u8 = ins::STORE_DATA;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "stored", "已存储";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "a reserved bit of P1", "P1 保留位";
        WRONG_LENGTH => "wrong length", "长度错误";
        SECURITY_STATUS => "no channel, or a level too low", "没有安全通道或级别不足";
        CONDITIONS => "there is no one to take it, or it cannot be written again", "使用条件不满足";
        WRONG_DATA => "data or block number wrong", "数据或块号错误";
        FUNCTION_NOT_SUPPORTED => "the application takes no personalisation", "应用不支持个人化";
        NO_ROOM => "not enough memory", "存储空间不足";
        REFERENCE_NOT_FOUND => "no such object", "没有该数据对象";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let p1 = command.p1;
        let format = match p1 & 0x18 {
            0x00 => StoreFormat::Free,
            0x08 => StoreFormat::Dgi,
            0x10 => StoreFormat::Tlv,
            _ => return Err(check::parameters::<Self>(command, "one format")),
        };
        if p1 & 0x06 != 0 || p1 & 0x60 == 0x40 {
            return Err(check::parameters::<Self>(command, "no reserved bits"));
        }
        if command.data.is_empty() {
            return Err(check::length::<Self>(command, "at least 1"));
        }
        Ok(Self {
            last: p1 & 0x80 != 0,
            enciphered: p1 & 0x60 == 0x60,
            application_dependent: p1 & 0x60 == 0x20,
            format,
            answer: p1 & 1 != 0,
            number: command.p2,
            data: command.data.clone(),
        })
    }

    fn to_command(&self) -> Command {
        let command =
            Command::new(0x80, Self::INS, self.p1(), self.number).with_data(self.data.clone());
        if self.answer {
            command.with_le(0)
        } else {
            command
        }
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}
