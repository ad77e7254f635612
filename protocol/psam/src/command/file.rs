//! Selecting, reading, randoms, and the rest of an answer.

use alloc::vec::Vec;

use tongtu_apdu::check::{empty, fixed, length, parameters};
use tongtu_apdu::select::Aid;
use tongtu_apdu::{Command, Le};

use super::command;

/// The module's root (MF).
pub const ROOT: u16 = 0x3F00;

/// The directory with the purchase keys, T-Union's.
pub const PURCHASE_DF: u16 = 0x8011;

/// The same directory by name: `A0 00 00 06 32`, then `MOT.CPSAM01`.
pub const APPLICATION: Aid = Aid::new(&[
    0xA0, 0x00, 0x00, 0x06, 0x32, b'M', b'O', b'T', b'.', b'C', b'P', b'S', b'A', b'M', b'0', b'1',
]);

/// SELECT: `00 A4 00 00 02 id` or `00 A4 04 00 Lc name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectFile {
    /// By file identifier.
    Id(u16),
    /// By name (AID) or its beginning.
    Name(Vec<u8>),
}

command! {
    SelectFile: "SELECT", "选择", 0xA4, 0x00 -> Vec<u8>;
    status {
        NOT_FOUND => "no such directory", "未找到目录";
    }
    read |c| {
        match (c.p1, c.p2, &c.data[..]) {
            (0x00, 0x00, [a, b]) => Ok(Self::Id(u16::from_be_bytes([*a, *b]))),
            (0x00, 0x00, _) => Err(length::<Self>(c, "a file identifier: 02 bytes")),
            (0x04, 0x00, name @ [_, ..]) if name.len() <= 16 => Ok(Self::Name(name.to_vec())),
            (0x04, 0x00, _) => Err(length::<Self>(c, "a name: 01 to 10 bytes")),
            _ => Err(parameters::<Self>(c, "00 00 or 04 00")),
        }
    }
    write |s| {
        match s {
            Self::Id(id) => Command::new(0x00, Self::INS, 0x00, 0).with_data(id.to_be_bytes()),
            Self::Name(name) => Command::new(0x00, Self::INS, 0x04, 0).with_data(name.clone()),
        }
    }
    answer |data| { Ok(data.to_vec()) }
}

/// A transparent file of the module by its short identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileNo(u8);

impl FileNo {
    /// Serial number of the module (PSAM 序列号), in the root.
    pub const SERIAL: Self = Self(0x15);
    /// Terminal number (终端机编号), in the root.
    pub const TERMINAL: Self = Self(0x16);
    /// Common data of the module, in the directory of purchases.
    pub const INFO: Self = Self(0x17);

    /// The file that the low five bits name.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number & 0x1F)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// READ BINARY: `00 B0 (80+file) offset Le`; Le 00 asks for all from the offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBinary {
    /// The file.
    pub file: FileNo,
    /// First byte.
    pub offset: u8,
    /// How many bytes.
    pub le: Le,
}

command! {
    ReadBinary: "READ BINARY", "读二进制文件", 0xB0, 0x00 -> Vec<u8>;
    status {
        NOT_FOUND => "no such file here", "未找到文件";
        WRONG_OFFSET => "the offset is outside the file", "偏移量错误";
    }
    read |c| {
        if c.p1 & 0xE0 != 0x80 {
            return Err(parameters::<Self>(c, "80 + file, and an offset"));
        }
        match (c.le, &c.data[..]) {
            (Some(le), []) => Ok(Self { file: FileNo::new(c.p1), offset: c.p2, le }),
            _ => Err(length::<Self>(c, "Le and no data")),
        }
    }
    write |s| {
        Command::new(0x00, Self::INS, 0x80 | s.file.get(), s.offset).with_le(s.le.byte())
    }
    answer |data| { Ok(data.to_vec()) }
}

/// GET CHALLENGE: `00 84 00 00 04` or `08`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetChallenge {
    /// How many bytes, 4 or 8.
    pub le: Le,
}

command! {
    GetChallenge: "GET CHALLENGE", "取随机数", 0x84, 0x00 -> Vec<u8>;
    status {}
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        empty::<Self>(c)?;
        match c.le {
            Some(le) if matches!(le.byte(), 4 | 8) => Ok(Self { le }),
            _ => Err(length::<Self>(c, "Le 04 or 08")),
        }
    }
    write |s| { Command::new(0x00, Self::INS, 0, 0).with_le(s.le.byte()) }
    answer |data| { Ok(data.to_vec()) }
}

/// GET RESPONSE: `00 C0 00 00 Le`, after `61XX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetResponse {
    /// How many bytes.
    pub le: Le,
}

command! {
    GetResponse: "GET RESPONSE", "取响应", 0xC0, 0x00 -> Vec<u8>;
    status {
        CONDITIONS => "nothing waits", "没有可取的响应";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        match (c.le, &c.data[..]) {
            (Some(le), []) => Ok(Self { le }),
            _ => Err(length::<Self>(c, "Le and no data")),
        }
    }
    write |s| { Command::new(0x00, Self::INS, 0, 0).with_le(s.le.byte()) }
    answer |data| { Ok(data.to_vec()) }
}
