//! PUT KEY (GP 2.3.1 §11.8).

use alloc::vec::Vec;

use tongtu_apdu::check;
use tongtu_apdu::tlv::write_length;
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, status_rows};
use tongtu_codec::{DecodeError, Reader};

use crate::ins;
use crate::key::{Component, KeyBlock, kind};
use crate::lv::{Fields, put};

/// PUT KEY: `80 D8 old id Lc new block…  00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutKey {
    /// The version to replace; 0 adds.
    pub replace: u8,
    /// Identifier of the first key.
    pub first_id: u8,
    /// Whether there may be several (P2 bit 8).
    pub several: bool,
    /// Version of the keys from now on.
    pub version: u8,
    /// The keys, identifiers counting up.
    pub keys: Vec<KeyBlock>,
}

/// The answer to PUT KEY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutKeyAnswer {
    /// Version of the keys.
    pub version: u8,
    /// The check values that were given, one after the other.
    pub kcvs: Vec<u8>,
}

impl PutKeyAnswer {
    /// The bytes of the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = alloc::vec![self.version];
        out.extend(&self.kcvs);
        out
    }
}

impl CardCommand for PutKey {
    const NAME: &'static str = "PUT KEY";
    const NAME_ZH: &'static str = "写入密钥";
    const INS: u8 = ins::PUT_KEY;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the keys' version and their check values", "密钥版本及校验值";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 above 7F, or no key identifier", "P1、P2 错误";
        SECURITY_STATUS => "no channel, or a check value is wrong", "没有安全通道，或密钥校验值错误";
        CONDITIONS => "the keys are there already", "密钥已存在";
        WRONG_DATA => "no key of a known kind", "密钥格式错误";
        NO_ROOM => "not enough memory", "存储空间不足";
        REFERENCE_NOT_FOUND => "no such version to replace", "没有要替换的密钥版本";
    };
    type Answer = PutKeyAnswer;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let first_id = command.p2 & 0x7F;
        if command.p1 > 0x7F || first_id == 0 {
            return Err(check::parameters::<Self>(
                command,
                "a version up to 7F, and an identifier",
            ));
        }
        let several = command.p2 & 0x80 != 0;
        let mut fields = Fields::new(Self::NAME, &command.data);
        let [version] = *fields.bytes("a key version")?;
        let mut keys = Vec::new();
        while !fields.is_at_end() {
            if !keys.is_empty() && !several {
                return Err(fields.wrong("one key only"));
            }
            keys.push(read_block(&mut fields)?);
        }
        if keys.is_empty() {
            return Err(fields.wrong("at least one key"));
        }
        if keys.len() > usize::from(0x80 - first_id) {
            return Err(fields.wrong("identifiers up to 7F"));
        }
        Ok(Self {
            replace: command.p1,
            first_id,
            several,
            version,
            keys,
        })
    }

    fn to_command(&self) -> Command {
        let mut data = alloc::vec![self.version];
        for key in &self.keys {
            write_block(key, &mut data);
        }
        let p2 = self.first_id | if self.several { 0x80 } else { 0 };
        Command::new(0x80, Self::INS, self.replace, p2)
            .with_data(data)
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<PutKeyAnswer, DecodeError> {
        let mut reader = Reader::new("put_key_answer", data);
        let version = reader.take("version", 1)?.first().copied().unwrap_or(0);
        Ok(PutKeyAnswer {
            version,
            kcvs: reader.rest().to_vec(),
        })
    }
}

/// Components until a length byte, which begins the check value.
fn read_block(fields: &mut Fields<'_>) -> Result<KeyBlock, Malformed> {
    const KCV: &str = "an empty check value or one of three bytes";
    let mut components = Vec::new();
    let mut extended = false;
    loop {
        let before = fields.clone();
        match *fields.bytes("a key component or a check value")? {
            [len] if len < 0x80 && !components.is_empty() => {
                *fields = before;
                break;
            }
            [kind::EXTENDED] => {
                extended = true;
                let [kind] = *fields.bytes("a key type")?;
                let [high, low] = *fields.bytes("a length of two bytes")?;
                let mut value = Vec::new();
                for _ in 0..u16::from_be_bytes([high, low]) {
                    value.push(fields.bytes::<1>("a key value as long as it says")?[0]);
                }
                components.push(Component { kind, value });
            }
            [kind] if kind >= 0x80 => {
                let value = fields.next("a key value as long as it says")?.to_vec();
                components.push(Component { kind, value });
            }
            _ => return Err(before.wrong("a key type of 80 or above")),
        }
    }
    let before = fields.clone();
    let kcv = fields.next(KCV)?.to_vec();
    if !matches!(kcv.len(), 0 | 3) {
        return Err(before.wrong(KCV));
    }
    let qualifiers = if extended {
        let usage = fields.next("key usage")?.to_vec();
        Some((usage, fields.next("key access")?.to_vec()))
    } else {
        None
    };
    Ok(KeyBlock {
        components,
        kcv,
        qualifiers,
    })
}

fn write_block(key: &KeyBlock, out: &mut Vec<u8>) {
    for component in &key.components {
        if key.qualifiers.is_some() {
            out.extend([kind::EXTENDED, component.kind]);
            let len = u16::try_from(component.value.len()).expect("a key is far shorter");
            out.extend(len.to_be_bytes());
        } else {
            out.push(component.kind);
            write_length(component.value.len(), out);
        }
        out.extend(&component.value);
    }
    put(&key.kcv, out);
    if let Some((usage, access)) = &key.qualifiers {
        put(usage, out);
        put(access, out);
    }
}
