//! Issuer script commands (发卡行脚本): secure messaging by the issuer's MAC key.
//!
//! The MAC is made by [`crate::cryptogram::script_mac`] over the command, the counter and the
//! request cryptogram of the transaction.

use alloc::vec::Vec;

use tongtu_apdu::check::{head, parameters};
use tongtu_apdu::tlv::Tag;
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::DecodeError;

use super::{sfi_of, with_mac};

/// PUT DATA (设置数据): `04 DA P1 P2 Lc value MAC`: a new value for an element, so a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutData {
    /// The element, one or two bytes.
    pub tag: Tag,
    /// Its new value.
    pub value: Vec<u8>,
    /// The MAC.
    pub mac: [u8; 4],
}

impl CardCommand for PutData {
    const NAME: &'static str = "PUT DATA";
    const NAME_ZH: &'static str = "设置数据";
    const INS: u8 = 0xDA;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the element has its new value", "数据已更新";
        CLA_NOT_SUPPORTED => "CLA is not 04", "CLA 不是 04";
        WRONG_P1P2 => "P1 P2 are no tag", "P1、P2 不是标签";
        WRONG_LENGTH => "no room for a value and a MAC", "长度不足以包含数据和 MAC";
        SECURITY_STATUS => "issuer authentication failed", "发卡行认证失败";
        CONDITIONS => "no transaction that the issuer was asked about", "没有联机交易";
        SM_INCORRECT => "the MAC is wrong", "MAC 错误";
        REFERENCE_NOT_FOUND => "the element cannot be set", "该数据不可设置";
        NO_ROOM => "the card's memory is full", "存储空间不足";
        WRONG_DATA => "the value has another form, or is above the cap", "数据格式错误或超过上限";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x04])?;
        let bytes = match command.p1 {
            0 => &[command.p2][..],
            p1 => &[p1, command.p2],
        };
        let Ok((tag, [])) = Tag::read(bytes) else {
            return Err(parameters::<Self>(command, "one whole tag"));
        };
        let (value, mac) = with_mac::<Self>(command, 1, "a value and 4 bytes of MAC")?;
        Ok(Self {
            tag,
            value: value.to_vec(),
            mac,
        })
    }

    fn to_command(&self) -> Command {
        let [.., p1, p2] = self.tag.value().to_be_bytes();
        Command::new(0x04, Self::INS, p1, p2).with_data([&self.value[..], &self.mac].concat())
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_apdu::check::nothing::<Self>(data)
    }
}

/// UPDATE RECORD (修改记录): `04 DC number (SFI << 3 | 4) Lc record MAC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateRecord {
    /// Short file identifier, 1 to 30.
    pub sfi: u8,
    /// Record number from 1.
    pub number: u8,
    /// The whole new record.
    pub record: Vec<u8>,
    /// The MAC.
    pub mac: [u8; 4],
}

impl CardCommand for UpdateRecord {
    const NAME: &'static str = "UPDATE RECORD";
    const NAME_ZH: &'static str = "修改记录";
    const INS: u8 = 0xDC;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the record is written", "记录已更新";
        CLA_NOT_SUPPORTED => "CLA is not 04", "CLA 不是 04";
        WRONG_P1P2 => "P1 is 00, or P2 no SFI with 100", "P1 为 00，或 P2 不是 SFI 加 100";
        WRONG_LENGTH => "no room for a record and a MAC", "长度不足以包含记录和 MAC";
        SECURITY_STATUS => "issuer authentication failed", "发卡行认证失败";
        CONDITIONS => "no transaction that the issuer was asked about", "没有联机交易";
        SM_INCORRECT => "the MAC is wrong", "MAC 错误";
        NOT_FOUND => "no such file", "没有该文件";
        FILE_TYPE => "the file is written otherwise", "该文件须用其他命令写入";
        RECORD_NOT_FOUND => "no such record", "没有该记录";
        WRONG_DATA => "the record is no template 70", "记录不是模板 70";
        NO_ROOM => "the card's memory is full", "存储空间不足";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x04])?;
        let sfi = sfi_of(command.p2, 4)
            .filter(|_| command.p1 != 0)
            .ok_or_else(|| parameters::<Self>(command, "a number from 1, and SFI with 100"))?;
        let (record, mac) = with_mac::<Self>(command, 1, "a record and 4 bytes of MAC")?;
        Ok(Self {
            sfi,
            number: command.p1,
            record: record.to_vec(),
            mac,
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x04, Self::INS, self.number, self.sfi << 3 | 4)
            .with_data([&self.record[..], &self.mac].concat())
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_apdu::check::nothing::<Self>(data)
    }
}

macro_rules! bare_script {
    ($(#[$doc:meta])* $name:ident, $en:literal, $zh:literal, $ins:literal, $done:literal, $done_zh:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            /// The MAC.
            pub mac: [u8; 4],
        }

        impl CardCommand for $name {
            const NAME: &'static str = $en;
            const NAME_ZH: &'static str = $zh;
            const INS: u8 = $ins;
            const STATUS: &'static [StatusRow] = status_rows! {
                OK => $done, $done_zh;
                CLA_NOT_SUPPORTED => "CLA is not 84", "CLA 不是 84";
                WRONG_P1P2 => "P1 P2 are not 00 00", "P1、P2 不是 00 00";
                WRONG_LENGTH => "not 4 bytes of MAC", "不是 4 字节 MAC";
                SECURITY_STATUS => "issuer authentication failed", "发卡行认证失败";
                CONDITIONS => "not in this state", "状态不允许";
                SM_INCORRECT => "the MAC is wrong", "MAC 错误";
            };
            type Answer = ();

            fn from_command(command: &Command) -> Result<Self, Malformed> {
                head::<Self>(command, &[0x84])?;
                if (command.p1, command.p2) != (0, 0) {
                    return Err(parameters::<Self>(command, "00 00"));
                }
                match with_mac::<Self>(command, 0, "4 bytes of MAC")? {
                    ([], mac) => Ok(Self { mac }),
                    _ => Err(tongtu_apdu::check::length::<Self>(command, "4 bytes of MAC")),
                }
            }

            fn to_command(&self) -> Command {
                Command::new(0x84, Self::INS, 0, 0).with_data(self.mac)
            }

            fn answer(data: &[u8]) -> Result<(), DecodeError> {
                tongtu_apdu::check::nothing::<Self>(data)
            }
        }
    };
}

bare_script! {
    /// APPLICATION BLOCK (应用锁定): `84 1E 00 00 04 MAC`.
    ApplicationBlock, "APPLICATION BLOCK", "应用锁定", 0x1E,
    "the application is blocked", "应用已锁定"
}

bare_script! {
    /// APPLICATION UNBLOCK (应用解锁): `84 18 00 00 04 MAC`.
    ApplicationUnblock, "APPLICATION UNBLOCK", "应用解锁", 0x18,
    "the application works again", "应用已解锁"
}

/// What PIN CHANGE/UNBLOCK does, by P2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinChangeKind {
    /// `00`: the tries are given back.
    Unblock,
    /// `01`: a new PIN, masked by the old one.
    ChangeWithOld,
    /// `02`: a new PIN.
    Change,
}

/// PIN CHANGE/UNBLOCK (PIN 修改/解锁): `84 24 00 P2 Lc [enciphered PIN] MAC`.
#[derive(Clone, PartialEq, Eq)]
pub struct PinChange {
    /// What it does.
    pub kind: PinChangeKind,
    /// What [`crate::cryptogram::wrap_pin`] made; empty for an unblock.
    pub data: Vec<u8>,
    /// The MAC.
    pub mac: [u8; 4],
}

impl core::fmt::Debug for PinChange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PinChange({:?})", self.kind)
    }
}

impl CardCommand for PinChange {
    const NAME: &'static str = "PIN CHANGE/UNBLOCK";
    const NAME_ZH: &'static str = "PIN修改/解锁";
    const INS: u8 = 0x24;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the PIN is changed, its tries are given back", "PIN 已修改或解锁";
        CLA_NOT_SUPPORTED => "CLA is not 84", "CLA 不是 84";
        WRONG_P1P2 => "P1 is not 00, or P2 none of 00, 01, 02", "P1、P2 错误";
        WRONG_LENGTH => "not a MAC, for a change 16 bytes and a MAC", "长度错误";
        SECURITY_STATUS => "issuer authentication failed", "发卡行认证失败";
        CONDITIONS => "no transaction that the issuer was asked about", "没有联机交易";
        SM_INCORRECT => "the MAC is wrong", "MAC 错误";
        WRONG_DATA => "the enciphered PIN does not hold", "PIN 密文错误";
        REFERENCE_NOT_FOUND => "the card has no PIN", "卡内没有 PIN";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x84])?;
        let (kind, len) = match (command.p1, command.p2) {
            (0, 0) => (PinChangeKind::Unblock, 0),
            (0, 1) => (PinChangeKind::ChangeWithOld, 16),
            (0, 2) => (PinChangeKind::Change, 16),
            _ => return Err(parameters::<Self>(command, "00 and 00, 01 or 02")),
        };
        let (data, mac) = with_mac::<Self>(command, len, "0 or 16 bytes and a MAC")?;
        if data.len() != len {
            return Err(tongtu_apdu::check::length::<Self>(
                command,
                "0 or 16 bytes and a MAC",
            ));
        }
        Ok(Self {
            kind,
            data: data.to_vec(),
            mac,
        })
    }

    fn to_command(&self) -> Command {
        let p2 = match self.kind {
            PinChangeKind::Unblock => 0,
            PinChangeKind::ChangeWithOld => 1,
            PinChangeKind::Change => 2,
        };
        Command::new(0x84, Self::INS, 0, p2).with_data([&self.data[..], &self.mac].concat())
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_apdu::check::nothing::<Self>(data)
    }
}
