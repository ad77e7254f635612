//! INITIALIZE UPDATE and EXTERNAL AUTHENTICATE (GP 2.3.1 §E.5, GP Amendment D §7.1).

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::{DecodeError, FieldError, Reader};

use crate::ins;
use crate::scp::{CardHalf, SecurityLevel};

/// INITIALIZE UPDATE: `80 50 KVN id 08 challenge 00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitializeUpdate {
    /// Key version; 0 for the first there is.
    pub key_version: u8,
    /// Key identifier; 0 in both protocols.
    pub key_id: u8,
    /// The host's challenge.
    pub host_challenge: [u8; 8],
}

/// The answer to INITIALIZE UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitializeAnswer {
    /// How a host finds the keys.
    pub diversification: [u8; 10],
    /// Version of the keys.
    pub key_version: u8,
    /// What the protocol adds.
    pub card: CardHalf,
}

impl InitializeAnswer {
    /// The bytes of the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.diversification.to_vec();
        out.push(self.key_version);
        match &self.card {
            CardHalf::Scp02 {
                counter,
                challenge,
                cryptogram,
            } => {
                out.push(2);
                out.extend(counter.to_be_bytes());
                out.extend(challenge);
                out.extend(cryptogram);
            }
            CardHalf::Scp03 {
                i,
                challenge,
                cryptogram,
                counter,
            } => {
                out.extend([3, *i]);
                out.extend(challenge);
                out.extend(cryptogram);
                out.extend(counter.iter().flatten());
            }
        }
        out
    }
}

fn array<const N: usize>(
    reader: &mut Reader<'_>,
    field: &'static str,
) -> Result<[u8; N], DecodeError> {
    let mut out = [0; N];
    out.copy_from_slice(reader.take(field, N)?);
    Ok(out)
}

impl CardCommand for InitializeUpdate {
    const NAME: &'static str = "INITIALIZE UPDATE";
    const NAME_ZH: &'static str = "初始化更新";
    const INS: u8 = ins::INITIALIZE_UPDATE;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the card's half of the authentication", "卡端认证数据";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P2 is not 00", "P2 不是 00";
        WRONG_LENGTH => "the challenge is not 8 bytes", "主机随机数不是 8 字节";
        AUTH_BLOCKED => "the keys are blocked by failed tries", "密钥因重试次数用尽而锁定";
        CONDITIONS => "the sequence counter is used up", "序列计数器用尽";
        REFERENCE_NOT_FOUND => "no such key version", "没有该密钥版本";
    };
    type Answer = InitializeAnswer;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        if command.p2 != 0 {
            return Err(check::parameters::<Self>(command, "a key version and 00"));
        }
        let host_challenge = <[u8; 8]>::try_from(&command.data[..])
            .map_err(|_| check::length::<Self>(command, "8"))?;
        Ok(Self {
            key_version: command.p1,
            key_id: command.p2,
            host_challenge,
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x80, Self::INS, self.key_version, self.key_id)
            .with_data(self.host_challenge)
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<InitializeAnswer, DecodeError> {
        let mut reader = Reader::new("initialize_answer", data);
        let diversification = array(&mut reader, "diversification")?;
        let [key_version] = array(&mut reader, "key_version")?;
        let [scp] = array(&mut reader, "scp")?;
        let card = match scp {
            2 => CardHalf::Scp02 {
                counter: u16::from_be_bytes(array(&mut reader, "counter")?),
                challenge: array(&mut reader, "card_challenge")?,
                cryptogram: array(&mut reader, "card_cryptogram")?,
            },
            3 => {
                let [i] = array(&mut reader, "i")?;
                CardHalf::Scp03 {
                    i,
                    challenge: array(&mut reader, "card_challenge")?,
                    cryptogram: array(&mut reader, "card_cryptogram")?,
                    counter: if reader.is_at_end() {
                        None
                    } else {
                        Some(array(&mut reader, "counter")?)
                    },
                }
            }
            byte => {
                let kind = FieldError::Character {
                    at: 0,
                    byte,
                    expected: "02 or 03",
                };
                return Err(reader.error("scp", kind));
            }
        };
        reader.finish()?;
        Ok(InitializeAnswer {
            diversification,
            key_version,
            card,
        })
    }
}

/// EXTERNAL AUTHENTICATE: `84 82 level 00 10 cryptogram MAC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAuthenticate {
    /// The level of the channel.
    pub level: SecurityLevel,
    /// The host's cryptogram.
    pub cryptogram: [u8; 8],
    /// The MAC over header and cryptogram.
    pub mac: [u8; 8],
}

impl CardCommand for ExternalAuthenticate {
    const NAME: &'static str = "EXTERNAL AUTHENTICATE";
    const NAME_ZH: &'static str = "外部认证";
    const INS: u8 = ins::EXTERNAL_AUTHENTICATE;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the channel is open", "安全通道已建立";
        CLA_NOT_SUPPORTED => "CLA is not 84", "CLA 不是 84";
        WRONG_P1P2 => "the protocol has no such level", "协议不支持该安全级别";
        WRONG_LENGTH => "not 16 bytes", "不是 16 字节";
        CONDITIONS => "no INITIALIZE UPDATE before it", "之前没有 INITIALIZE UPDATE";
        AUTH_FAILED => "the host cryptogram is wrong", "主机密文错误";
        SECURITY_STATUS => "the MAC is wrong", "MAC 错误";
    };
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x84])?;
        let level = SecurityLevel::from_byte(command.p1)
            .filter(|_| command.p2 == 0)
            .ok_or_else(|| check::parameters::<Self>(command, "a security level and 00"))?;
        let (cryptogram, mac) = command
            .data
            .split_first_chunk()
            .and_then(|(c, m)| Some((*c, <[u8; 8]>::try_from(m).ok()?)))
            .ok_or_else(|| check::length::<Self>(command, "16"))?;
        Ok(Self {
            level,
            cryptogram,
            mac,
        })
    }

    fn to_command(&self) -> Command {
        Command::new(0x84, Self::INS, self.level.byte(), 0)
            .with_data([self.cryptogram, self.mac].concat())
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        Reader::new("external_authenticate_answer", data).finish()
    }
}
