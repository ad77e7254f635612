//! The commands, one type each.

use alloc::vec::Vec;
use core::fmt;

use tongtu_apdu::check;
use tongtu_apdu::tlv::{self, Tag};
use tongtu_apdu::{CardCommand, Command, Malformed, StatusRow, StatusWord, status_rows};
use tongtu_codec::{DecodeError, FieldError, Reader};
use tongtu_crypto::{PublicKey, Signature};
use zeroize::Zeroizing;

/// Shortest challenge, in bytes.
pub const CHALLENGE_LEN_MIN: usize = 16;
/// Longest challenge, in bytes.
pub const CHALLENGE_LEN_MAX: usize = 32;

/// The uncompressed point `04 || X || Y`, 65 bytes, as the card gives its key.
#[must_use]
pub fn public_key_point(key: &PublicKey) -> [u8; 65] {
    let mut out = [4; 65];
    out[1..].copy_from_slice(&key.to_xy());
    out
}

fn read_point(record: &'static str, data: &[u8]) -> Result<PublicKey, DecodeError> {
    let mut reader = Reader::new(record, data);
    let form = reader.take("form", 1)?;
    if form != [4] {
        return Err(DecodeError {
            record,
            field: "form",
            offset: 0,
            kind: FieldError::Character {
                at: 0,
                byte: form[0],
                expected: "04, an uncompressed point",
            },
        });
    }
    let xy = reader.take("point", 64)?;
    reader.finish()?;
    let xy = xy.try_into().expect("64 bytes were taken");
    PublicKey::from_xy(xy).map_err(|_| DecodeError {
        record,
        field: "point",
        offset: 1,
        kind: FieldError::Character {
            at: 0,
            byte: xy[0],
            expected: "a point on the SM2 curve",
        },
    })
}

/// GENERATE KEY PAIR (产生密钥对): `80 46 00 00 00`.
///
/// Form: no data; the answer is the public key, `04 || X || Y`. The private key never leaves.
///
/// UNSPECIFIED: anybody may ask for a key pair where there is none, and nobody for another one:
/// whoever came between key and certificate could otherwise make the certificate one of a key that
/// is gone. A lost answer is read with GET DATA. Only the issuer takes a key pair away, together
/// with its certificate ([`crate::group::KEY_PAIR`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerateKeyPair;

impl CardCommand for GenerateKeyPair {
    const NAME: &'static str = "GENERATE KEY PAIR";
    const NAME_ZH: &'static str = "产生密钥对";
    const INS: u8 = 0x46;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "a new key pair is in place", "已产生新密钥对";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "P1 P2 is not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "there is data", "带有数据域";
        CONDITIONS => "a key pair is there; only its issuer takes it away", "已有密钥对，仅发卡方可清除";
        NO_ROOM => "the memory is full", "存储空间不足";
    };
    type Answer = PublicKey;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        check::fixed::<Self>(command, [0, 0], "00 00")?;
        check::empty::<Self>(command)?;
        Ok(Self)
    }

    fn to_command(&self) -> Command {
        Command::new(0x80, Self::INS, 0, 0).with_le(0)
    }

    fn answer(data: &[u8]) -> Result<PublicKey, DecodeError> {
        read_point("GenerateKeyPair", data)
    }
}

/// What GET DATA gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataObject {
    /// The certificate as it was put in (`7F21`).
    Certificate,
    /// The public key (`7F49 { 86 point }`).
    PublicKey,
}

impl DataObject {
    /// Its tag.
    #[must_use]
    pub const fn tag(self) -> Tag {
        match self {
            Self::Certificate => Tag::new(0x7F21),
            Self::PublicKey => Tag::new(0x7F49),
        }
    }
}

/// The point inside [`DataObject::PublicKey`].
const POINT: Tag = Tag::new(0x86);

/// GET DATA (取数据): `80 CA tag 00`.
///
/// Form: the tag in P1 P2; the answer is the whole object with tag and length, over GET
/// RESPONSE when it is long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetData {
    /// Which object.
    pub object: DataObject,
}

impl GetData {
    /// A card's answer about its key.
    #[must_use]
    pub fn public_key_object(key: &PublicKey) -> Vec<u8> {
        let point = tlv::object(POINT, &public_key_point(key));
        tlv::object(DataObject::PublicKey.tag(), &point)
    }

    /// The key in the answer to [`DataObject::PublicKey`].
    ///
    /// # Errors
    /// [`DecodeError`] when there is no point in it.
    pub fn read_public_key(object: &[u8]) -> Result<PublicKey, DecodeError> {
        read_point("GetData", tlv::find_deep(object, POINT).unwrap_or_default())
    }
}

impl CardCommand for GetData {
    const NAME: &'static str = "GET DATA";
    const NAME_ZH: &'static str = "取数据";
    const INS: u8 = 0xCA;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the object", "数据对象";
        CLA_NOT_SUPPORTED => "CLA is not 80", "CLA 不是 80";
        WRONG_P1P2 => "neither 7F21 nor 7F49", "不是 7F21 或 7F49";
        WRONG_LENGTH => "there is data", "带有数据域";
        REFERENCE_NOT_FOUND => "the object is not there yet", "尚无该数据对象";
    };
    type Answer = Vec<u8>;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x80])?;
        let object = match (command.p1, command.p2) {
            (0x7F, 0x21) => DataObject::Certificate,
            (0x7F, 0x49) => DataObject::PublicKey,
            (p1, p2) => {
                return Err(Malformed::Parameters {
                    command: Self::NAME,
                    p1,
                    p2,
                    expected: "7F21 or 7F49",
                });
            }
        };
        check::empty::<Self>(command)?;
        Ok(Self { object })
    }

    fn to_command(&self) -> Command {
        let p2 = match self.object {
            DataObject::Certificate => 0x21,
            DataObject::PublicKey => 0x49,
        };
        Command::new(0x80, Self::INS, 0x7F, p2).with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Ok(data.to_vec())
    }
}

/// A PIN of 4 to 12 digits, packed. Zeroized on drop, not in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// Takes 2 to 6 packed bytes; `None` for any other length.
    #[must_use]
    pub fn from_packed(bytes: &[u8]) -> Option<Self> {
        let fits = (2..=6).contains(&bytes.len());
        fits.then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The packed bytes. Handle as the PIN itself.
    #[must_use]
    pub fn danger_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(****)")
    }
}

/// VERIFY (校验 PIN): `00 20 00 00 [Lc PIN]`.
///
/// Form: 2 to 6 packed bytes as the e-purse takes them; without data the card says how many
/// tries remain, or `9000` when the PIN was verified already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    /// The PIN; none asks only.
    pub pin: Option<Pin>,
}

impl CardCommand for Verify {
    const NAME: &'static str = "VERIFY";
    const NAME_ZH: &'static str = "校验 PIN";
    const INS: u8 = 0x20;
    const STATUS: &'static [StatusRow] = &[
        StatusRow {
            sw: StatusWord::OK,
            en: "verified, until the next selection or another PIN",
            zh: "校验通过，至下次选择或 PIN 更换前有效",
        },
        StatusRow {
            sw: StatusWord::CLA_NOT_SUPPORTED,
            en: "CLA is not 00",
            zh: "CLA 不是 00",
        },
        StatusRow {
            sw: StatusWord::WRONG_P1P2,
            en: "P1 P2 is not 00 00",
            zh: "P1、P2 不是 00 00",
        },
        StatusRow {
            sw: StatusWord::WRONG_LENGTH,
            en: "neither nothing nor 2 to 6 bytes",
            zh: "既非空，也非 2 至 6 字节",
        },
        StatusRow {
            sw: StatusWord::REFERENCE_NOT_FOUND,
            en: "the card has no PIN",
            zh: "卡内没有 PIN",
        },
        StatusRow {
            sw: StatusWord::AUTH_BLOCKED,
            en: "the PIN is blocked",
            zh: "PIN 已锁定",
        },
        StatusRow {
            sw: StatusWord::tries_left(0),
            en: "wrong, or not verified yet; the last digit counts the tries left",
            zh: "错误或尚未校验；末位为剩余次数",
        },
    ];
    type Answer = ();

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x00])?;
        check::fixed::<Self>(command, [0, 0], "00 00")?;
        if command.data.is_empty() {
            return Ok(Self { pin: None });
        }
        match Pin::from_packed(&command.data) {
            Some(pin) => Ok(Self { pin: Some(pin) }),
            None => Err(check::length::<Self>(command, "nothing or 2 to 6")),
        }
    }

    fn to_command(&self) -> Command {
        let data = self.pin.as_ref().map_or(&[][..], Pin::danger_bytes);
        Command::new(0x00, Self::INS, 0, 0).with_data(data)
    }

    fn answer(data: &[u8]) -> Result<(), DecodeError> {
        Reader::new("Verify", data).finish()
    }
}

/// A host's challenge: 16 to 32 unpredictable bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    len: usize,
    bytes: [u8; CHALLENGE_LEN_MAX],
}

impl Challenge {
    /// Takes 16 to 32 bytes; `None` for any other length.
    #[must_use]
    pub fn new(challenge: &[u8]) -> Option<Self> {
        let len = challenge.len();
        if !(CHALLENGE_LEN_MIN..=CHALLENGE_LEN_MAX).contains(&len) {
            return None;
        }
        let mut bytes = [0; CHALLENGE_LEN_MAX];
        bytes[..len].copy_from_slice(challenge);
        Some(Self { len, bytes })
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Challenge({})",
            tongtu_codec::hex_encode(self.as_bytes())
        )
    }
}

/// INTERNAL AUTHENTICATE (内部认证): `00 88 00 00 Lc challenge 00`.
///
/// Form: a challenge of 16 to 32 bytes; the answer is `r || s`, 64 bytes, over what
/// [`crate::proof::message`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InternalAuthenticate {
    /// The host's challenge.
    pub challenge: Challenge,
}

impl CardCommand for InternalAuthenticate {
    const NAME: &'static str = "INTERNAL AUTHENTICATE";
    const NAME_ZH: &'static str = "内部认证";
    const INS: u8 = 0x88;
    const STATUS: &'static [StatusRow] = status_rows! {
        OK => "the signature", "签名";
        CLA_NOT_SUPPORTED => "CLA is not 00", "CLA 不是 00";
        WRONG_P1P2 => "P1 P2 is not 00 00", "P1、P2 不是 00 00";
        WRONG_LENGTH => "the challenge is shorter than 16 or longer than 32 bytes", "挑战不足 16 或超过 32 字节";
        CONDITIONS => "there is no key pair yet", "尚无密钥对";
        AUTH_BLOCKED => "the PIN is blocked", "PIN 已锁定";
        SECURITY_STATUS => "there is a PIN and it was not verified", "未校验 PIN";
        REFERENCE_NOT_FOUND => "the secure element has no medium id yet", "安全单元尚无介质识别码";
    };
    type Answer = Signature;

    fn from_command(command: &Command) -> Result<Self, Malformed> {
        check::head::<Self>(command, &[0x00])?;
        check::fixed::<Self>(command, [0, 0], "00 00")?;
        match Challenge::new(&command.data) {
            Some(challenge) => Ok(Self { challenge }),
            None => Err(check::length::<Self>(command, "16 to 32")),
        }
    }

    fn to_command(&self) -> Command {
        Command::new(0x00, Self::INS, 0, 0)
            .with_data(self.challenge.as_bytes())
            .with_le(0)
    }

    fn answer(data: &[u8]) -> Result<Signature, DecodeError> {
        let mut reader = Reader::new("InternalAuthenticate", data);
        let signature = reader.take("signature", 64)?;
        reader.finish()?;
        Ok(Signature(signature.try_into().expect("64 were taken")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tongtu_apdu::Response;
    use tongtu_crypto::{SecretKey, sm3};

    use super::*;

    fn key() -> SecretKey {
        SecretKey::from_bytes(&sm3::digest(b"identity")).unwrap()
    }

    fn round<C: CardCommand + PartialEq + fmt::Debug>(command: &C) {
        let sent = command.to_command().encode().unwrap();
        let read = Command::parse(&sent).unwrap();
        assert_eq!(C::from_command(&read).as_ref(), Ok(command));
    }

    #[test]
    fn commands_go_there_and_back() {
        round(&GenerateKeyPair);
        round(&Verify { pin: None });
        round(&Verify {
            pin: Pin::from_packed(&[0x12, 0x34, 0x56]),
        });
        for object in [DataObject::Certificate, DataObject::PublicKey] {
            round(&GetData { object });
        }
    }

    #[test]
    fn answers_are_read_and_what_is_no_answer_is_not() {
        let key = key();
        let point = public_key_point(key.public());
        assert_eq!(GenerateKeyPair::answer(&point).as_ref(), Ok(key.public()));
        let object = GetData::public_key_object(key.public());
        assert_eq!(GetData::read_public_key(&object).as_ref(), Ok(key.public()));
        assert!(GetData::read_public_key(&[0x7F, 0x49, 0x00]).is_err());
        let mut wrong = point;
        wrong[0] = 2;
        assert!(GenerateKeyPair::answer(&wrong).is_err());
        assert!(GenerateKeyPair::answer(&[4; 65]).is_err(), "not on curve");
        assert!(GenerateKeyPair::answer(&point[..64]).is_err());
        assert!(InternalAuthenticate::answer(&[1; 63]).is_err());
        assert!(InternalAuthenticate::answer(&[1; 65]).is_err());
        assert!(Verify::answer(&[0]).is_err());
    }

    #[test]
    fn debug_shows_no_pin() {
        let pin = Pin::from_packed(&[0x12, 0x34, 0x56]);
        assert_eq!(format!("{pin:?}"), "Some(Pin(****))");
    }

    proptest! {
        #[test]
        fn a_challenge_goes_there_and_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let fits = (16..=32).contains(&bytes.len());
            prop_assert_eq!(Challenge::new(&bytes).is_some(), fits);
            if let Some(challenge) = Challenge::new(&bytes) {
                prop_assert_eq!(challenge.as_bytes(), &bytes[..]);
                round(&InternalAuthenticate { challenge });
            }
        }

        #[test]
        fn no_command_and_no_answer_panics(
            header: [u8; 4],
            data in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let [cla, ins, p1, p2] = header;
            let command = Command::new(cla, ins, p1, p2).with_data(data.clone());
            let _ = crate::explain(&command, Some(&Response::ok(data.clone())));
            for ins in [0x46, 0xCA, 0x20, 0x88] {
                let command = Command::new(cla & 0x80, ins, 0, 0).with_data(data.clone());
                let _ = crate::explain(&command, Some(&Response::ok(data.clone())));
            }
        }
    }
}
