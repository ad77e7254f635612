//! MANAGE CHANNEL, BEGIN and END R-MAC SESSION (GP 2.3.1 §11.7, §E.5.3, §E.5.4).

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::{DecodeError, Reader};

use crate::ins;

/// MANAGE CHANNEL: `00 70 00 00 01` opens, `00 70 80 nn` closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManageChannel {
    /// Opens the next free channel, or the one named (ISO/IEC 7816-4).
    Open(Option<u8>),
    /// Closes a channel.
    Close(u8),
}

impl CardCommand for ManageChannel {
    const NAME: &'static str = "MANAGE CHANNEL";
    const NAME_ZH: &'static str = "管理逻辑通道";
    const INS: u8 = ins::MANAGE_CHANNEL;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "opened, with its number; or closed", "已打开（返回通道号）或已关闭";
        CHANNEL_CLOSED => "it was closed already", "通道已关闭";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 is neither 00 nor 80, or P2 no channel of that", "P1、P2 错误";
        WRONG_LENGTH => "there are data", "有数据域";
        CHANNEL_NOT_SUPPORTED => "no such channel", "不支持该逻辑通道";
        FUNCTION_NOT_SUPPORTED => "no channel is free, or the named one is not", "没有空闲通道，或指定通道已打开";
    };
    /// The number of the channel that was opened; nothing for a close.
    type Answer = Option<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x00])?;
        let request = match (command.p1, command.p2) {
            (0, 0) => Self::Open(None),
            (0, n @ 1..=19) => Self::Open(Some(n)),
            (0x80, n) => Self::Close(n),
            _ => {
                return Err(check::parameters::<Self>(
                    command,
                    "00 and a channel or 00, or 80 and a channel",
                ));
            }
        };
        if !command.data.is_empty() {
            return Err(check::length::<Self>(command, "none"));
        }
        Ok(request)
    }

    fn to_command(&self) -> Command {
        match *self {
            Self::Open(None) => Command::new(0, Self::INS, 0, 0).with_le(1),
            Self::Open(Some(n)) => Command::new(0, Self::INS, 0, n),
            Self::Close(n) => Command::new(0, Self::INS, 0x80, n),
        }
    }

    fn answer(data: &[u8]) -> Result<Option<u8>, DecodeError> {
        let mut reader = Reader::new("manage_channel_answer", data);
        let number = match reader.is_at_end() {
            true => None,
            false => reader.take("channel", 1)?.first().copied(),
        };
        reader.finish()?;
        Ok(number)
    }
}

/// BEGIN R-MAC SESSION: `80 7A P1 01`; answers are protected from the next on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginRMac {
    /// Whether answers are enciphered too (P1 30, SCP03).
    pub encipher: bool,
    /// Data that the host adds, for SCP02.
    pub data: Vec<u8>,
}

impl CardCommand for BeginRMac {
    const NAME: &'static str = "BEGIN R-MAC SESSION";
    const NAME_ZH: &'static str = "开始响应 MAC 会话";
    const INS: u8 = ins::BEGIN_R_MAC;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "answers are protected from now on", "此后响应受保护";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 is not 10 or 30, P2 not 01, or the protocol has none", "P1、P2 错误或协议不支持";
        WRONG_LENGTH => "the data are not as long as they say", "数据长度错误";
        SECURITY_STATUS => "no channel", "没有安全通道";
        CONDITIONS => "such a session is open already", "会话已打开";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let encipher = match (command.p1, command.p2) {
            (0x10, 1) => false,
            (0x30, 1) => true,
            _ => return Err(check::parameters::<Self>(command, "10 or 30, and 01")),
        };
        let data = match &command.data[..] {
            [] => Vec::new(),
            [len, data @ ..] if usize::from(*len) == data.len() && data.len() <= 24 => {
                data.to_vec()
            }
            _ => {
                return Err(check::length::<Self>(
                    command,
                    "a length and at most 24 bytes",
                ));
            }
        };
        Ok(Self { encipher, data })
    }

    fn to_command(&self) -> Command {
        let p1 = if self.encipher { 0x30 } else { 0x10 };
        let command = Command::new(0x80, Self::INS, p1, 1);
        match u8::try_from(self.data.len()) {
            Ok(len) if len != 0 => {
                let mut data = alloc::vec![len];
                data.extend(&self.data);
                command.with_data(data)
            }
            _ => command,
        }
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        Reader::new("begin_r_mac_answer", data).finish()
    }
}

/// END R-MAC SESSION: `80 78 00 03 00`; its own answer is the last one protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndRMac;

impl CardCommand for EndRMac {
    const NAME: &'static str = "END R-MAC SESSION";
    const NAME_ZH: &'static str = "结束响应 MAC 会话";
    const INS: u8 = ins::END_R_MAC;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "answers travel plain from the next on", "此后响应不再受保护";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "not 00 03", "P1、P2 不是 00 03";
        WRONG_LENGTH => "there are data", "有数据域";
        SECURITY_STATUS => "no channel", "没有安全通道";
        CONDITIONS => "no such session is open", "会话未打开";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        if (command.p1, command.p2) != (0, 3) {
            return Err(check::parameters::<Self>(command, "00 03"));
        }
        if !command.data.is_empty() {
            return Err(check::length::<Self>(command, "none"));
        }
        Ok(Self)
    }

    fn to_command(&self) -> Command {
        Command::new(0x80, Self::INS, 0, 3).with_le(0)
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        Reader::new("end_r_mac_answer", data).finish()
    }
}
