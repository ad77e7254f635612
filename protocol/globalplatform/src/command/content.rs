//! LOAD and DELETE, and the answer that card content management shares (GP 2.3.1 §11.2, §11.6).

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::select::Aid;
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::{DecodeError, Reader};

use crate::ins;
use crate::receipt::ConfirmationData;

/// The answer of LOAD, INSTALL and DELETE: `00`, or a confirmation with its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ManagementAnswer {
    /// The confirmation, where the operation was delegated.
    pub confirmation: Option<Confirmation>,
}

/// A receipt and what it confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The receipt: a signature.
    pub receipt: Vec<u8>,
    /// What was signed besides the operation.
    pub data: ConfirmationData,
}

impl ManagementAnswer {
    /// The bytes of the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Some(confirmation) = &self.confirmation else {
            return alloc::vec![0];
        };
        let mut value = Vec::new();
        tlv::write_length(confirmation.receipt.len(), &mut value);
        value.extend(&confirmation.receipt);
        value.extend(confirmation.data.encode());
        let mut out = Vec::new();
        tlv::write_length(value.len(), &mut out);
        out.extend(value);
        out
    }

    /// Reads the answer; no bytes are taken as `00`.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field that does not hold.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        if data.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new("confirmation", data);
        let whole = length_of(&mut reader, "length")?;
        if whole == 0 {
            reader.finish()?;
            return Ok(Self::default());
        }
        let len = length_of(&mut reader, "receipt_length")?;
        let receipt = reader.take("receipt", len)?.to_vec();
        let data = ConfirmationData::read(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            confirmation: Some(Confirmation { receipt, data }),
        })
    }
}

/// A BER length.
pub(super) fn length_of(
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<usize, DecodeError> {
    let len = match reader.take_be(field, 1)? {
        0x81 => reader.take_be(field, 1)?,
        0x82 => reader.take_be(field, 2)?,
        short => short,
    };
    Ok(usize::try_from(len).unwrap_or(usize::MAX))
}

/// LOAD: `80 E8 P1 number Lc block 00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The last block.
    pub last: bool,
    /// Number of the block, from 0.
    pub number: u8,
    /// The block.
    pub block: Vec<u8>,
}

impl CardCommand for Load {
    const NAME: &'static str = "LOAD";
    const NAME_ZH: &'static str = "加载";
    const INS: u8 = ins::LOAD;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "taken; the last block's answer may be a confirmation", "已接收；最后一块可返回确认";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 is neither 00 nor 80", "P1 不是 00 或 80";
        WRONG_LENGTH => "no data", "没有数据";
        SECURITY_STATUS => "no channel, or a missing or wrong DAP", "没有安全通道，或 DAP 缺失、错误";
        CONDITIONS => "no INSTALL for load before it, or a block out of its order", "之前没有装载安装，或块次序错误";
        WRONG_DATA => "the load file is not formed so, or has another hash", "加载文件格式或散列错误";
        NO_ROOM => "not enough memory", "存储空间不足";
        MEMORY_FAILURE => "memory failure", "写存储器失败";
    };
    type Answer = ManagementAnswer;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        if !matches!(command.p1, 0 | 0x80) {
            return Err(check::parameters::<Self>(command, "00 or 80, and a number"));
        }
        if command.data.is_empty() {
            return Err(check::length::<Self>(command, "at least 1"));
        }
        Ok(Self {
            last: command.p1 == 0x80,
            number: command.p2,
            block: command.data.clone(),
        })
    }

    fn to_command(&self) -> Command {
        let p1 = if self.last { 0x80 } else { 0 };
        Command::new(0x80, Self::INS, p1, self.number)
            .with_data(self.block.clone())
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<ManagementAnswer, DecodeError> {
        ManagementAnswer::decode(data)
    }
}

const AID: Tag = Tag::new(0x4F);
const CONTROL: Tag = Tag::new(0xB6);
pub(crate) const TOKEN: Tag = Tag::new(0x9E);
const KEY_ID: Tag = Tag::new(0xD0);
const KEY_VERSION: Tag = Tag::new(0xD2);

/// What DELETE deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteTarget {
    /// Applications, domains or load files.
    Objects(Vec<Aid>),
    /// Keys by identifier, version, or both.
    Keys {
        /// Identifier.
        id: Option<u8>,
        /// Version.
        version: Option<u8>,
    },
}

/// DELETE: `80 E4 00 P2 Lc 4F… [B6…] [9E…] 00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// What to delete.
    pub target: DeleteTarget,
    /// And what depends on it (P2 80).
    pub related: bool,
    /// The value of `B6`, for a token.
    pub control: Option<Vec<u8>>,
    /// Delete token, or nothing.
    pub token: Vec<u8>,
}

impl Delete {
    /// Deletes one object.
    #[must_use]
    pub fn object(aid: Aid) -> Self {
        Self {
            target: DeleteTarget::Objects(alloc::vec![aid]),
            related: false,
            control: None,
            token: Vec::new(),
        }
    }

    /// The data field up to the token, as a token covers it.
    #[must_use]
    pub fn fields(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.target {
            DeleteTarget::Objects(aids) => {
                for aid in aids {
                    tlv::write(AID, aid.as_bytes(), &mut out);
                }
            }
            DeleteTarget::Keys { id, version } => {
                for (tag, byte) in [(KEY_ID, id), (KEY_VERSION, version)] {
                    if let Some(byte) = byte {
                        tlv::write(tag, &[*byte], &mut out);
                    }
                }
            }
        }
        if let Some(control) = &self.control {
            tlv::write(CONTROL, control, &mut out);
        }
        out
    }

    /// P2 as it travels.
    #[must_use]
    pub const fn p2(&self) -> u8 {
        if self.related { 0x80 } else { 0 }
    }
}

impl CardCommand for Delete {
    const NAME: &'static str = "DELETE";
    const NAME_ZH: &'static str = "删除";
    const INS: u8 = ins::DELETE;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "deleted, with a confirmation where it was delegated", "已删除；委托管理时返回确认";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 is not 00, or P2 neither 00 nor 80", "P1、P2 错误";
        SECURITY_STATUS => "no channel, no right, or a wrong token", "没有安全通道、无权限或令牌错误";
        CONDITIONS => "something depends on it, or it may not be deleted", "有依赖对象或不允许删除";
        WRONG_DATA => "the data field names nothing that can be deleted", "数据域错误";
        REFERENCE_NOT_FOUND => "no such object or key", "没有该对象或密钥";
        NOT_FOUND => "no such object (other cards)", "没有该对象（其他卡）";
        MEMORY_FAILURE => "memory failure", "写存储器失败";
    };
    type Answer = ManagementAnswer;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let (0, p2 @ (0 | 0x80)) = (command.p1, command.p2) else {
            return Err(check::parameters::<Self>(command, "00, and 00 or 80"));
        };
        let wrong = |offset, expected| Malformed::Data {
            command: Self::NAME,
            offset,
            expected,
        };
        let mut aids = Vec::new();
        let (mut id, mut version, mut control) = (None, None, None);
        let mut token = Vec::new();
        let mut rest = &command.data[..];
        while !rest.is_empty() {
            let offset = command.data.len() - rest.len();
            let (object, next) =
                tlv::read(rest).map_err(|_| wrong(offset, "objects 4F, B6, 9E, D0 or D2"))?;
            rest = next;
            match (object.tag, object.value) {
                (AID, aid) => {
                    aids.push(Aid::parse(aid).map_err(|_| wrong(offset, "an AID"))?);
                }
                (CONTROL, value) => control = Some(value.to_vec()),
                (TOKEN, value) if rest.is_empty() => token = value.to_vec(),
                (KEY_ID, [byte]) => id = Some(*byte),
                (KEY_VERSION, [byte]) => version = Some(*byte),
                _ => return Err(wrong(offset, "objects 4F, B6, 9E, D0 or D2")),
            }
        }
        let target = match (aids.is_empty(), id.is_some() || version.is_some()) {
            (false, false) => DeleteTarget::Objects(aids),
            (true, true) => DeleteTarget::Keys { id, version },
            _ => return Err(wrong(0, "AIDs, or a key")),
        };
        Ok(Self {
            target,
            related: p2 == 0x80,
            control,
            token,
        })
    }

    fn to_command(&self) -> Command {
        let mut data = self.fields();
        if !self.token.is_empty() {
            tlv::write(TOKEN, &self.token, &mut data);
        }
        Command::new(0x80, Self::INS, 0, self.p2())
            .with_data(data)
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<ManagementAnswer, DecodeError> {
        ManagementAnswer::decode(data)
    }
}
