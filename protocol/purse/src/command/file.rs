//! Reading and updating files and records.

use alloc::vec::Vec;

use tongtu_apdu::check::{length, nothing, parameters};
use tongtu_apdu::{Command, Le, Malformed};

use super::{command, with_mac};
use crate::proof::Code;

/// A short file identifier (SFI) of five bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sfi(u8);

impl Sfi {
    /// Public application basic data (公共应用基本信息).
    pub const PUBLIC: Self = Self(0x15);
    /// Holder data (持卡人基本信息).
    pub const HOLDER: Self = Self(0x16);
    /// Management data (管理信息).
    pub const TRANSIT: Self = Self(0x17);
    /// Transaction detail (交易明细).
    pub const TRANSACTIONS: Self = Self(0x18);
    /// Local records (地方预留).
    pub const LOCAL: Self = Self(0x19);
    /// Composite records (复合消费记录).
    pub const COMPOSITE: Self = Self(0x1A);
    /// Trip records (乘车明细).
    pub const TRIPS: Self = Self(0x1E);

    /// The file that the low five bits name; no card has a file 0 or 31.
    #[must_use]
    pub const fn new(sfi: u8) -> Self {
        Self(sfi & 0x1F)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// In bits 8 to 4 of P2, above three bits of meaning.
    const fn in_p2(self) -> u8 {
        self.0 << 3
    }
}

impl core::fmt::Debug for Sfi {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SFI {:02X}", self.0)
    }
}

const BINARY: &str = "P1 80 + SFI";
const RECORD: &str = "a record number and SFI * 8 + 4, or a record id and SFI * 8";

/// SFI of a command on a transparent file, or the error.
fn binary_sfi<C: tongtu_apdu::CardCommand>(command: &Command) -> Result<Sfi, Malformed> {
    if command.p1 & 0xE0 == 0x80 {
        Ok(Sfi::new(command.p1))
    } else {
        Err(parameters::<C>(command, BINARY))
    }
}

/// READ BINARY: `00 B0 (80+SFI) offset Le`; Le 00 asks for all from the offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBinary {
    /// The file.
    pub sfi: Sfi,
    /// First byte.
    pub offset: u8,
    /// How many bytes.
    pub le: Le,
}

command! {
    ReadBinary: "READ BINARY", "读二进制文件", 0xB0, [0x00] -> Vec<u8>;
    status {
        NOT_FOUND => "no such file", "未找到文件";
        FILE_TYPE => "a file of records", "不是二进制文件";
        SECURITY_STATUS => "the right to read is missing", "读权限不满足";
        WRONG_OFFSET => "the offset is outside the file", "偏移量错误";
    }
    read |c| {
        let sfi = binary_sfi::<Self>(c)?;
        match (c.le, &c.data[..]) {
            (Some(le), []) => Ok(Self { sfi, offset: c.p2, le }),
            _ => Err(length::<Self>(c, "Le and no data")),
        }
    }
    write |s| {
        Command::new(0x00, Self::INS, 0x80 | s.sfi.0, s.offset).with_le(s.le.byte())
    }
    answer |data| { Ok(data.to_vec()) }
}

/// UPDATE BINARY: `00 D6` or with secure messaging `04 D6 (80+SFI) offset Lc data [MAC]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateBinary {
    /// The file.
    pub sfi: Sfi,
    /// First byte.
    pub offset: u8,
    /// What is written there.
    pub data: Vec<u8>,
    /// The MAC, with secure messaging.
    pub mac: Option<Code>,
}

/// Data and MAC of an update; the MAC is there exactly with class 04.
fn update_data<C: tongtu_apdu::CardCommand>(
    command: &Command,
) -> Result<(Vec<u8>, Option<Code>), Malformed> {
    let expected = "data, with class 04 and a MAC";
    let (data, mac) = if command.cla == 0x04 {
        with_mac(&command.data)
            .map(|(data, mac)| (data, Some(mac)))
            .ok_or_else(|| length::<C>(command, expected))?
    } else {
        (command.data.clone(), None)
    };
    if data.is_empty() {
        return Err(length::<C>(command, expected));
    }
    Ok((data, mac))
}

fn update_command(mac: Option<Code>, ins: u8, p1: u8, p2: u8, data: &[u8]) -> Command {
    let cla = if mac.is_some() { 0x04 } else { 0x00 };
    let mac = mac.unwrap_or_default();
    let mac = if cla == 0 { &[][..] } else { &mac[..] };
    Command::new(cla, ins, p1, p2).with_data([data, mac].concat())
}

command! {
    UpdateBinary: "UPDATE BINARY", "修改二进制文件", 0xD6, [0x00, 0x04] -> ();
    status {
        NOT_FOUND => "no such file", "未找到文件";
        FILE_TYPE => "a file of records", "不是二进制文件";
        SECURITY_STATUS => "the file is only updated otherwise", "写权限不满足";
        SM_INCORRECT => "the MAC is wrong, or there was no challenge", "安全报文数据项不正确";
        WRONG_OFFSET => "the data do not lie inside the file", "偏移量错误";
    }
    read |c| {
        let sfi = binary_sfi::<Self>(c)?;
        let (data, mac) = update_data::<Self>(c)?;
        Ok(Self { sfi, offset: c.p2, data, mac })
    }
    write |s| { update_command(s.mac, Self::INS, 0x80 | s.sfi.0, s.offset, &s.data) }
    answer |data| { nothing::<Self>(data) }
}

/// How a command names a record.
///
/// UNSPECIFIED: what the identifier is; we take the low byte of the record id, its byte 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordBy {
    /// By number, 1 the first or the newest.
    Number(u8),
    /// By identifier.
    Id(u8),
}

impl RecordBy {
    /// P1 and the low bits of P2.
    const fn parameters(self) -> (u8, u8) {
        match self {
            Self::Number(number) => (number, 4),
            Self::Id(id) => (id, 0),
        }
    }
}

/// SFI and record of a command, or the error.
fn record_of<C: tongtu_apdu::CardCommand>(command: &Command) -> Result<(Sfi, RecordBy), Malformed> {
    let record = match command.p2 & 7 {
        4 => RecordBy::Number(command.p1),
        0 => RecordBy::Id(command.p1),
        _ => return Err(parameters::<C>(command, RECORD)),
    };
    Ok((Sfi::new(command.p2 >> 3), record))
}

/// READ RECORD: `00 B2 number (SFI*8+4) Le`, or by identifier `00 B2 id (SFI*8) Le`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRecord {
    /// The file.
    pub sfi: Sfi,
    /// Which record.
    pub record: RecordBy,
    /// How many bytes; 00 asks for the whole record.
    pub le: Le,
}

command! {
    ReadRecord: "READ RECORD", "读记录", 0xB2, [0x00] -> Vec<u8>;
    status {
        NOT_FOUND => "no such file", "未找到文件";
        FILE_TYPE => "not a file of records", "不是记录文件";
        SECURITY_STATUS => "the right to read is missing", "读权限不满足";
        RECORD_NOT_FOUND => "no such record", "未找到记录";
    }
    read |c| {
        let (sfi, record) = record_of::<Self>(c)?;
        match (c.le, &c.data[..]) {
            (Some(le), []) => Ok(Self { sfi, record, le }),
            _ => Err(length::<Self>(c, "Le and no data")),
        }
    }
    write |s| {
        let (p1, mode) = s.record.parameters();
        Command::new(0x00, Self::INS, p1, s.sfi.in_p2() | mode).with_le(s.le.byte())
    }
    answer |data| { Ok(data.to_vec()) }
}

/// UPDATE RECORD: `00 DC` or with secure messaging `04 DC number (SFI*8+4) Lc data [MAC]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateRecord {
    /// The file.
    pub sfi: Sfi,
    /// Which record.
    pub record: RecordBy,
    /// The whole new record.
    pub data: Vec<u8>,
    /// The MAC, with secure messaging.
    pub mac: Option<Code>,
}

command! {
    UpdateRecord: "UPDATE RECORD", "修改记录", 0xDC, [0x00, 0x04] -> ();
    status {
        NOT_FOUND => "no such file", "未找到文件";
        FILE_TYPE => "not a linear file of records", "不是线性记录文件";
        RECORD_NOT_FOUND => "no such record", "未找到记录";
        SECURITY_STATUS => "the file is only updated otherwise", "写权限不满足";
        SM_INCORRECT => "the MAC is wrong, or there was no challenge", "安全报文数据项不正确";
    }
    read |c| {
        let (sfi, record) = record_of::<Self>(c)?;
        let (data, mac) = update_data::<Self>(c)?;
        Ok(Self { sfi, record, data, mac })
    }
    write |s| {
        let (p1, mode) = s.record.parameters();
        update_command(s.mac, Self::INS, p1, s.sfi.in_p2() | mode, &s.data)
    }
    answer |data| { nothing::<Self>(data) }
}

/// APPEND RECORD: `00 E2` or with secure messaging `04 E2 00 (SFI*8) Lc data [MAC]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendRecord {
    /// The file.
    pub sfi: Sfi,
    /// The new record.
    pub data: Vec<u8>,
    /// The MAC, with secure messaging.
    pub mac: Option<Code>,
}

command! {
    AppendRecord: "APPEND RECORD", "添加记录", 0xE2, [0x00, 0x04] -> ();
    status {
        NOT_FOUND => "no such file", "未找到文件";
        FILE_TYPE => "not a file of records", "不是记录文件";
        SECURITY_STATUS => "the file is only updated otherwise", "写权限不满足";
        SM_INCORRECT => "the MAC is wrong, or there was no challenge", "安全报文数据项不正确";
        NO_ROOM => "the file is full", "存储空间不足";
    }
    read |c| {
        if c.p1 != 0 || c.p2 & 7 != 0 {
            return Err(parameters::<Self>(c, "P1 00 and SFI * 8"));
        }
        let sfi = Sfi::new(c.p2 >> 3);
        let (data, mac) = update_data::<Self>(c)?;
        Ok(Self { sfi, data, mac })
    }
    write |s| { update_command(s.mac, Self::INS, 0, s.sfi.in_p2(), &s.data) }
    answer |data| { nothing::<Self>(data) }
}
