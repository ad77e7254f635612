//! The commands of a payment: GET PROCESSING OPTIONS, READ RECORD, GET DATA.

use alloc::vec::Vec;

use tongtu_apdu::check::{empty, head, parameters};
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, StatusWord, status_rows};
use tongtu_codec::{DecodeError, FieldError};

use crate::{GpoAnswer, tag};

/// GET PROCESSING OPTIONS (取处理选项): `80 A8 00 00 Lc 83 L values 00`.
///
/// The values are what the PDOL of the FCI asks for. Every one of these raises the counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetProcessingOptions {
    /// The values of the PDOL, in order.
    pub values: Vec<u8>,
}

/// `6972`: the record is set aside for a payment already; seen in public implementations.
const ALREADY_SET_ASIDE: StatusRow = StatusRow {
    sw: StatusWord::new(0x6972),
    en: "this record already has a pre-authorisation",
    zh: "该记录已有未完成的预授权",
};

/// `6974`: a composite payment ends without its record; seen in public implementations.
const RECORD_MISSING: StatusRow = StatusRow {
    sw: StatusWord::new(0x6974),
    en: "the composite payment has no record to write yet",
    zh: "复合交易尚无待写记录",
};

impl CardCommand for GetProcessingOptions {
    const NAME: &'static str = "GET PROCESSING OPTIONS";
    const NAME_ZH: &'static str = "取处理选项";
    const INS: u8 = 0xA8;
    const STATUS: &'static [StatusRow] = {
        const ROWS: &[StatusRow] = status_rows! {
            OK => "the card answers how the payment goes on", "返回交易处理选项";
            CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
            WRONG_P1P2 => "P1 P2 are not 00 00", "P1、P2 不是 00 00";
            WRONG_DATA => "not the template 83, or an amount is no number", "不是模板 83，或金额不合法";
            WRONG_LENGTH => "the values are not as long as the PDOL says", "长度与 PDOL 不符";
            CONDITIONS => "blocked, a second time, counter at its end, no common way to pay, or composite without its record", "应用锁定、重复发送、计数器到顶、无可用交易路径或未先读取复合记录";
        };
        &[
            ROWS[0],
            ROWS[1],
            ROWS[2],
            ROWS[3],
            ROWS[4],
            ROWS[5],
            ALREADY_SET_ASIDE,
        ]
    };
    type Answer = GpoAnswer;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x80])?;
        if (command.p1, command.p2) != (0, 0) {
            return Err(parameters::<Self>(command, "00 00"));
        }
        match tlv::read(&command.data) {
            Ok((object, [])) if object.tag == tag::COMMAND => Ok(Self {
                values: object.value.to_vec(),
            }),
            _ => Err(Malformed::Data {
                command: Self::NAME,
                offset: 0,
                expected: "the template 83 and nothing else",
            }),
        }
    }

    fn to_command(&self) -> Command {
        Command::new(0x80, Self::INS, 0, 0)
            .with_data(tlv::object(tag::COMMAND, &self.values))
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<GpoAnswer, DecodeError> {
        GpoAnswer::parse(data).map_err(|error| match error {
            crate::EcashError::Record(error) => error,
            _ => DecodeError {
                record: Self::NAME,
                field: "answer",
                offset: 0,
                kind: FieldError::Character {
                    at: 0,
                    byte: data.first().copied().unwrap_or(0),
                    expected: "template 77 or 80 with AIP",
                },
            },
        })
    }
}

/// READ RECORD (读记录): `00 B2 number (SFI << 3 | 4) 00`.
///
/// Reading the last record of the AFL is what pays: the card debits before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRecord {
    /// Short file identifier; files have 1 to 30.
    pub sfi: u8,
    /// Record number; records have 1 and on.
    pub number: u8,
}

impl CardCommand for ReadRecord {
    const NAME: &'static str = "READ RECORD";
    const NAME_ZH: &'static str = "读记录";
    const INS: u8 = 0xB2;
    const STATUS: &'static [StatusRow] = {
        const ROWS: &[StatusRow] = status_rows! {
            OK => "the record", "返回记录";
            CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
            WRONG_P1P2 => "the low three bits of P2 are not 100", "P2 低三位不是 100";
            WRONG_LENGTH => "a data field", "带有数据域";
            CONDITIONS => "another channel began a newer transaction", "其他通道已开始新交易";
            NOT_FOUND => "no such file", "没有该文件";
            FILE_TYPE => "records of this file are read by READ CAPP DATA", "该文件须用 READ CAPP DATA 读取";
            RECORD_NOT_FOUND => "no such record", "没有该记录";
        };
        &[
            ROWS[0],
            ROWS[1],
            ROWS[2],
            ROWS[3],
            ROWS[4],
            ROWS[5],
            ROWS[6],
            ROWS[7],
            RECORD_MISSING,
        ]
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x00])?;
        if command.p2 & 7 != 4 {
            return Err(parameters::<Self>(
                command,
                "a record number, and SFI with 100",
            ));
        }
        empty::<Self>(command)?;
        Ok(Self {
            sfi: command.p2 >> 3,
            number: command.p1,
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x00, Self::INS, self.number, self.sfi << 3 | 4).with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// One data object as GET DATA answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataObject {
    /// Its tag.
    pub tag: Tag,
    /// Its value.
    pub value: Vec<u8>,
}

/// GET DATA (取数据): `80 CA P1 P2 00`, the tag in P1 P2.
///
/// P1 P2 that are no whole tag are an element that the card does not have; see
/// [`GetData::status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetData {
    /// The element asked for, one or two bytes.
    pub tag: Tag,
}

impl GetData {
    /// What a card answers to a GET DATA that could not be read.
    #[must_use]
    pub const fn status(malformed: &Malformed) -> StatusWord {
        match malformed {
            Malformed::Parameters { .. } => StatusWord::REFERENCE_NOT_FOUND,
            other => other.status(),
        }
    }
}

impl CardCommand for GetData {
    const NAME: &'static str = "GET DATA";
    const NAME_ZH: &'static str = "取数据";
    const INS: u8 = 0xCA;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the element as an object", "返回数据对象";
        CLA_NOT_SUPPORTED => "CLA is neither 80 nor 00", "CLA 不是 80 或 00";
        WRONG_LENGTH => "a data field", "带有数据域";
        REFERENCE_NOT_FOUND => "no such element, or it is not given out", "没有该数据，或不可读取";
    };
    type Answer = DataObject;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x80, 0x00])?;
        empty::<Self>(command)?;
        let bytes = match command.p1 {
            0 => &[command.p2][..],
            p1 => &[p1, command.p2],
        };
        match Tag::read(bytes) {
            Ok((tag, [])) => Ok(Self { tag }),
            _ => Err(parameters::<Self>(command, "one whole tag")),
        }
    }

    fn to_command(&self) -> Command {
        let [.., p1, p2] = self.tag.value().to_be_bytes();
        Command::new(0x80, Self::INS, p1, p2).with_le(0)
    }

    fn answer(data: &[u8]) -> Result<DataObject, DecodeError> {
        match tlv::read(data) {
            Ok((object, [])) => Ok(DataObject {
                tag: object.tag,
                value: object.value.to_vec(),
            }),
            _ => Err(DecodeError {
                record: Self::NAME,
                field: "object",
                offset: 0,
                kind: FieldError::Truncated {
                    needed: 2,
                    found: data.len(),
                },
            }),
        }
    }
}
