//! The commands of the online dialogue: cryptograms, challenges and PIN.

use alloc::vec::Vec;

use tongtu_apdu::check::{head, length, parameters};
use tongtu_apdu::tlv;
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::{DecodeError, FieldError, Reader};

use crate::{Cid, CryptogramKind, tag};

/// GENERATE AC (生成应用密文): `80 AE P1 00 Lc values 00`.
///
/// Form: P1 says what the terminal asks for (`00` AAC, `40` TC, `80` ARQC); the values are
/// those of CDOL1 the first time and CDOL2 the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateAc {
    /// What the terminal asks for.
    pub kind: CryptogramKind,
    /// The values of the list, in order.
    pub values: Vec<u8>,
}

/// The answer to GENERATE AC.
///
/// Form: template `80` with CID, ATC, AC, IAD, or `77` with 9F27, 9F36, 9F26, 9F10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateAcAnswer {
    /// What the card decided.
    pub cid: Cid,
    /// Application transaction counter.
    pub atc: u16,
    /// Application cryptogram.
    pub cryptogram: [u8; 8],
    /// Issuer application data.
    pub iad: Vec<u8>,
}

impl GenerateAcAnswer {
    /// The answer as a card sends it, template `80`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from([self.cid.0]);
        out.extend(self.atc.to_be_bytes());
        out.extend(self.cryptogram);
        out.extend(&self.iad);
        tlv::object(tag::ANSWER_PLAIN, &out)
    }

    fn from_objects(body: &[u8]) -> Option<Self> {
        let cid = tlv::find(body, tag::CID).ok()?;
        let atc = tlv::find(body, tag::ATC).ok()?;
        let cryptogram = tlv::find(body, tag::CRYPTOGRAM).ok()?;
        let [cid] = cid.try_into().ok()?;
        Some(Self {
            cid: Cid(cid),
            atc: u16::from_be_bytes(atc.try_into().ok()?),
            cryptogram: cryptogram.try_into().ok()?,
            iad: tlv::find(body, tag::IAD).ok()?.to_vec(),
        })
    }
}

impl CardCommand for GenerateAc {
    const NAME: &'static str = "GENERATE AC";
    const NAME_ZH: &'static str = "生成应用密文";
    const INS: u8 = 0xAE;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the cryptogram", "返回应用密文";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 is none of 00, 40, 80, or P2 is not 00", "P1、P2 错误";
        WRONG_LENGTH => "not as long as the list says", "长度与 CDOL 不符";
        CONDITIONS => "before GET PROCESSING OPTIONS, or a third time", "未取处理选项，或第三次发送";
    };
    type Answer = GenerateAcAnswer;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x80])?;
        let kind = match (command.p1, command.p2) {
            (0x00, 0) => CryptogramKind::Declined,
            (0x40, 0) => CryptogramKind::Approved,
            (0x80, 0) => CryptogramKind::Online,
            _ => return Err(parameters::<Self>(command, "00, 40 or 80 and 00")),
        };
        Ok(Self {
            kind,
            values: command.data.clone(),
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x80, Self::INS, Cid::new(self.kind).0, 0)
            .with_data(self.values.clone())
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<GenerateAcAnswer, DecodeError> {
        if let Some(answer) = tlv::find(data, tag::ANSWER)
            .ok()
            .and_then(GenerateAcAnswer::from_objects)
        {
            return Ok(answer);
        }
        let body = tlv::find(data, tag::ANSWER_PLAIN).unwrap_or_default();
        let mut reader = Reader::new("answer to GENERATE AC", body);
        let [cid] = take(&mut reader, "cid")?;
        let atc = u16::from_be_bytes(take(&mut reader, "atc")?);
        let cryptogram = take(&mut reader, "cryptogram")?;
        Ok(GenerateAcAnswer {
            cid: Cid(cid),
            atc,
            cryptogram,
            iad: reader.rest().to_vec(),
        })
    }
}

fn take<const N: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<[u8; N], DecodeError> {
    let bytes = reader.take(field, N)?;
    Ok(bytes.try_into().expect("the reader took that many"))
}

/// EXTERNAL AUTHENTICATE (外部认证): `00 82 00 00 0A ARPC ARC`: the issuer's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalAuthenticate {
    /// The issuer's cryptogram.
    pub cryptogram: [u8; 8],
    /// Authorisation response code.
    pub arc: [u8; 2],
}

impl CardCommand for ExternalAuthenticate {
    const NAME: &'static str = "EXTERNAL AUTHENTICATE";
    const NAME_ZH: &'static str = "外部认证";
    const INS: u8 = 0x82;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the issuer is authentic", "发卡行认证成功";
        AUTH_FAILED => "the cryptogram is wrong", "发卡行认证失败";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 P2 are not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "not 10 bytes", "不是 10 字节";
        CONDITIONS => "no ARQC before it, or a second time", "此前没有 ARQC，或重复发送";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x00])?;
        if (command.p1, command.p2) != (0, 0) {
            return Err(parameters::<Self>(command, "00 00"));
        }
        let (cryptogram, arc) = command
            .data
            .split_first_chunk::<8>()
            .ok_or_else(|| length::<Self>(command, "10"))?;
        Ok(Self {
            cryptogram: *cryptogram,
            arc: arc.try_into().map_err(|_| length::<Self>(command, "10"))?,
        })
    }

    fn to_command(&self) -> Command {
        let mut data = self.cryptogram.to_vec();
        data.extend(self.arc);
        Command::new(0x00, Self::INS, 0, 0).with_data(data)
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_apdu::check::nothing::<Self>(data)
    }
}

/// INTERNAL AUTHENTICATE (内部认证): `00 88 00 00 Lc values 00`, the values of the DDOL.
///
/// The answer is signed dynamic application data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalAuthenticate {
    /// The values of the DDOL, in order.
    pub values: Vec<u8>,
}

impl CardCommand for InternalAuthenticate {
    const NAME: &'static str = "INTERNAL AUTHENTICATE";
    const NAME_ZH: &'static str = "内部认证";
    const INS: u8 = 0x88;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "signed dynamic application data", "返回签名的动态应用数据";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 P2 are not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "not as long as the DDOL says", "长度与 DDOL 不符";
        CONDITIONS => "before GET PROCESSING OPTIONS, or the card has no key", "未取处理选项，或卡内没有密钥";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x00])?;
        if (command.p1, command.p2) != (0, 0) {
            return Err(parameters::<Self>(command, "00 00"));
        }
        if command.data.is_empty() {
            return Err(length::<Self>(command, "at least 1"));
        }
        Ok(Self {
            values: command.data.clone(),
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x00, Self::INS, 0, 0)
            .with_data(self.values.clone())
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let plain = tlv::find(data, tag::ANSWER_PLAIN);
        let signed = plain.or_else(|_| {
            tlv::find(data, tag::ANSWER).and_then(|body| tlv::find(body, tag::SIGNED_DYNAMIC))
        });
        signed.map(<[u8]>::to_vec).map_err(|_| DecodeError {
            record: Self::NAME,
            field: "signed_dynamic",
            offset: 0,
            kind: FieldError::Truncated {
                needed: 2,
                found: data.len(),
            },
        })
    }
}

/// GET CHALLENGE (取随机数): `00 84 00 00 Le`, four or eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetChallenge {
    /// Bytes asked for, 4 or 8.
    pub len: u8,
}

impl CardCommand for GetChallenge {
    const NAME: &'static str = "GET CHALLENGE";
    const NAME_ZH: &'static str = "取随机数";
    const INS: u8 = 0x84;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "random bytes", "返回随机数";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 P2 are not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "Le is neither 00, 04 nor 08, or there is data", "Le 不是 00、04、08，或带有数据域";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x00])?;
        if (command.p1, command.p2) != (0, 0) {
            return Err(parameters::<Self>(command, "00 00"));
        }
        match (command.data.as_slice(), command.le.map(|le| le.byte())) {
            ([], Some(4)) => Ok(Self { len: 4 }),
            ([], Some(0 | 8)) => Ok(Self { len: 8 }),
            _ => Err(length::<Self>(command, "Le of 00, 04 or 08")),
        }
    }

    fn to_command(&self) -> Command {
        Command::new(0x00, Self::INS, 0, 0).with_le(self.len)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// VERIFY (验证): `00 20 00 80 08 block`: the PIN in clear, `2L`, digits, `F`s.
#[derive(Clone, PartialEq, Eq)]
pub struct Verify {
    /// The PIN block.
    pub block: [u8; 8],
}

impl core::fmt::Debug for Verify {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Verify(…)")
    }
}

impl CardCommand for Verify {
    const NAME: &'static str = "VERIFY";
    const NAME_ZH: &'static str = "验证PIN";
    const INS: u8 = 0x20;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the PIN is right", "PIN 正确";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 P2 are not 00 80", "P1、P2 不是 00 80";
        WRONG_LENGTH => "not 8 bytes", "不是 8 字节";
        AUTH_FAILED => "the PIN is wrong; 63CX counts the tries left", "PIN 错误，63CX 含剩余次数";
        CONDITIONS => "the application is blocked", "应用已锁定";
        AUTH_BLOCKED => "no tries are left", "PIN 已锁定";
        REFERENCE_INVALID => "the card has no PIN", "卡内没有 PIN";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        head::<Self>(command, &[0x00])?;
        if (command.p1, command.p2) != (0, 0x80) {
            return Err(parameters::<Self>(command, "00 80"));
        }
        let block = command.data.as_slice().try_into();
        Ok(Self {
            block: block.map_err(|_| length::<Self>(command, "8"))?,
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x00, Self::INS, 0, 0x80).with_data(self.block)
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        tongtu_apdu::check::nothing::<Self>(data)
    }
}
