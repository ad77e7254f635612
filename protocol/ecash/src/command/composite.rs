//! The composite commands (分段扣费): extension records that are written with the debit.
//!
//! Source: seen in public implementations. Record files are of variable records, each with a
//! two-byte id and a length in front, or cyclic. READ CAPP DATA (or READ RECORD of a cyclic
//! file) before GET PROCESSING OPTIONS makes a file current; UPDATE CAPP DATA CACHE after it
//! hands over new records of that file; the read of the last AFL record writes them.

use alloc::vec::Vec;

use tongtu_apdu::check::{head, length, parameters};
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::{DecodeError, FieldError};

use super::{sfi_of, with_mac};

/// READ CAPP DATA (读扩展应用数据): `80 B4 00 (SFI << 3) Lc id [random] 00`.
///
/// With a random of eight bytes a card whose DF61 says so adds a MAC of four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadCappData {
    /// Short file identifier, 1 to 30.
    pub sfi: u8,
    /// Record id.
    pub id: [u8; 2],
    /// The terminal's random, when it wants a MAC.
    pub random: Option<[u8; 8]>,
}

impl CardCommand for ReadCappData {
    const NAME: &'static str = "READ CAPP DATA";
    const NAME_ZH: &'static str = "读扩展应用数据";
    const INS: u8 = 0xB4;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the record, with MAC if asked for", "返回记录";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 is not 00, or P2 no SFI with 000", "P1、P2 错误";
        WRONG_LENGTH => "neither 2 nor 10 bytes", "不是 2 或 10 字节";
        CONDITIONS => "a payment is under way", "交易进行中";
        NOT_FOUND => "no such file", "没有该文件";
        FILE_TYPE => "the file is cyclic", "该文件为循环文件";
        RECORD_NOT_FOUND => "no record with this id", "没有该标识的记录";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x80])?;
        let sfi = sfi_of(command.p2, 0)
            .filter(|_| command.p1 == 0)
            .ok_or_else(|| parameters::<Self>(command, "00 and SFI with 000"))?;
        let wrong = || length::<Self>(command, "2 or 10");
        let (id, random) = command.data.split_first_chunk::<2>().ok_or_else(wrong)?;
        let random = match random {
            [] => None,
            random => Some(random.try_into().map_err(|_| wrong())?),
        };
        Ok(Self {
            sfi,
            id: *id,
            random,
        })
    }

    fn to_command(&self) -> Command {
        let mut data = self.id.to_vec();
        data.extend(self.random.iter().flatten());
        Command::new(0x80, Self::INS, 0, self.sfi << 3)
            .with_data(data)
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// UPDATE CAPP DATA CACHE (修改扩展应用数据缓存): `84 DE 00 (SFI << 3) Lc record MAC`.
///
/// The MAC is [`crate::cryptogram::composite_mac`] by the record's own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateCappCache {
    /// Short file identifier, 1 to 30.
    pub sfi: u8,
    /// The whole new record.
    pub record: Vec<u8>,
    /// The MAC.
    pub mac: [u8; 4],
}

impl CardCommand for UpdateCappCache {
    const NAME: &'static str = "UPDATE CAPP DATA CACHE";
    const NAME_ZH: &'static str = "修改扩展应用数据缓存";
    const INS: u8 = 0xDE;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "kept until the last record is read", "已缓存";
        CLA_NOT_SUPPORTED => "CLA is not 84", "CLA 不是 84";
        WRONG_P1P2 => "P1 is not 00, or P2 no SFI with 000", "P1、P2 错误";
        WRONG_LENGTH => "not as long as the record is", "与记录长度不符";
        CONDITIONS => "no composite payment is under way", "没有进行中的复合交易";
        NOT_FOUND => "no such file", "没有该文件";
        NO_FILE => "the file was not read before the payment", "交易前未读取该文件";
        RECORD_NOT_FOUND => "no record with this id", "没有该标识的记录";
        NO_ROOM => "too many records in one payment", "一次交易的记录过多";
        SM_INCORRECT => "the MAC is wrong", "MAC 错误";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x84])?;
        let sfi = sfi_of(command.p2, 0)
            .filter(|_| command.p1 == 0)
            .ok_or_else(|| parameters::<Self>(command, "00 and SFI with 000"))?;
        let (record, mac) = with_mac::<Self>(command, 1, "a record and 4 bytes of MAC")?;
        Ok(Self {
            sfi,
            record: record.to_vec(),
            mac,
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x84, Self::INS, 0, self.sfi << 3)
            .with_data([&self.record[..], &self.mac].concat())
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_apdu::check::nothing::<Self>(data)
    }
}

/// APPEND RECORD (追加记录): `04 E2 00 (SFI << 3) Lc enciphered key, record, MAC`.
///
/// Opens an application in an extension file: the record gets a key of its own, enciphered by
/// the file's opening key, which also makes the MAC.
#[derive(Clone, PartialEq, Eq)]
pub struct AppendRecord {
    /// Short file identifier, 1 to 30.
    pub sfi: u8,
    /// The record's key, enciphered (ECB) by the file's opening key.
    pub enciphered_key: [u8; 16],
    /// The whole record.
    pub record: Vec<u8>,
    /// The MAC.
    pub mac: [u8; 4],
}

impl core::fmt::Debug for AppendRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "AppendRecord({:02X}, {} bytes)",
            self.sfi,
            self.record.len()
        )
    }
}

impl CardCommand for AppendRecord {
    const NAME: &'static str = "APPEND RECORD";
    const NAME_ZH: &'static str = "追加记录";
    const INS: u8 = 0xE2;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the record is there", "记录已追加";
        CLA_NOT_SUPPORTED => "CLA is not 04", "CLA 不是 04";
        WRONG_P1P2 => "P1 is not 00, or P2 no SFI with 000", "P1、P2 错误";
        WRONG_LENGTH => "no room for key, record and MAC, or not as long as records here are", "长度错误";
        CONDITIONS => "the application is blocked, or a payment is under way", "应用锁定或交易进行中";
        NOT_FOUND => "no such file", "没有该文件";
        SM_INCORRECT => "the MAC is wrong", "MAC 错误";
        WRONG_DATA => "the record is not id, length, data, or its id is taken", "记录格式错误或标识已存在";
        NO_ROOM => "the file is full", "文件已满";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x04])?;
        let sfi = sfi_of(command.p2, 0)
            .filter(|_| command.p1 == 0)
            .ok_or_else(|| parameters::<Self>(command, "00 and SFI with 000"))?;
        const EXPECTED: &str = "16 bytes of key, a record and 4 bytes of MAC";
        let (data, mac) = with_mac::<Self>(command, 17, EXPECTED)?;
        let (key, record) = data
            .split_first_chunk::<16>()
            .ok_or_else(|| length::<Self>(command, EXPECTED))?;
        Ok(Self {
            sfi,
            enciphered_key: *key,
            record: record.to_vec(),
            mac,
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x04, Self::INS, 0, self.sfi << 3)
            .with_data([&self.enciphered_key[..], &self.record, &self.mac].concat())
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_apdu::check::nothing::<Self>(data)
    }
}

/// GET TRANS PROVE (取交易认证): `80 5A 00 00 02 ATC 08`.
///
/// The cryptogram of the last payment that was completed; zeros for a pre-authorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetTransProve {
    /// The counter of the payment asked about.
    pub atc: u16,
}

impl CardCommand for GetTransProve {
    const NAME: &'static str = "GET TRANS PROVE";
    const NAME_ZH: &'static str = "取交易认证";
    const INS: u8 = 0x5A;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the payment was completed; its cryptogram", "交易已完成，返回应用密文";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 P2 are not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "not 2 bytes", "不是 2 字节";
        NO_PROOF => "the last completed payment has another counter", "最近完成的交易不是该序号";
    };
    type Answer = [u8; 8];

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x80])?;
        if (command.p1, command.p2) != (0, 0) {
            return Err(parameters::<Self>(command, "00 00"));
        }
        let atc = command.data.as_slice().try_into();
        Ok(Self {
            atc: u16::from_be_bytes(atc.map_err(|_| length::<Self>(command, "2"))?),
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x80, Self::INS, 0, 0)
            .with_data(self.atc.to_be_bytes())
            .with_le(8)
    }

    fn answer(data: &[u8]) -> Result<[u8; 8], DecodeError> {
        data.try_into().map_err(|_| DecodeError {
            record: Self::NAME,
            field: "cryptogram",
            offset: 0,
            kind: FieldError::Truncated {
                needed: 8,
                found: data.len(),
            },
        })
    }
}
