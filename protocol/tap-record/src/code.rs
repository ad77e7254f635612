//! The record's own codes, and how they and a module's number lie in it.
//!
//! These are closed: a byte without a meaning is an error, because whoever counts money by a
//! record must know what it says. A further meaning comes with a further version of the table.

use alloc::string::{String, ToString as _};

use tongtu_apdu::StatusWord;
use tongtu_codec::{Encoding, FieldError, Raw, closed};
use tongtu_psam::PsamSerial;

/// How the record's own values lie in it.
#[derive(Debug)]
pub struct Tap;

closed! {
    /// Version of the record's table. A record says the first version that has its codes, so that
    /// whoever reads version 01 alone refuses only what it would not understand.
    Version as Tap, "version 01 or 02" {
        /// The first.
        One = 0x01, "version 1", "版本 1";
        /// Laid out as the first; it has recovery state 05.
        Two = 0x02, "version 2", "版本 2";
    }
}

closed! {
    /// What a card did.
    RecordKind as Tap, "a kind from 01 to 07" {
        /// The purse paid by a single purchase (type 06).
        Purse = 0x01, "purse, single", "电子钱包消费";
        /// The purse paid by a composite purchase (type 09).
        Composite = 0x02, "purse, composite", "电子钱包复合消费";
        /// The e-cash paid.
        Cash = 0x03, "e-cash", "电子现金消费";
        /// The second ticket (第二票种) paid.
        Ticket = 0x04, "second ticket", "第二票种消费";
        /// A card on the blacklist was locked, or refused to be; no money moved.
        Lock = 0x05, "blacklist lock", "黑名单锁卡";
        /// An incomplete ride was made up for at a counter.
        MakeUp = 0x06, "make-up", "补登";
        /// A ride by face: no card, no code of one.
        Face = 0x07, "face", "人脸乘车";
    }
}

closed! {
    /// Which part of a ride the record is.
    Stage as Tap, "a stage from 00 to 07" {
        /// None: a lock, or a card that only showed that it has a key.
        None = 0x00, "no ride", "非行程";
        /// A whole ride, paid in one tap.
        Single = 0x01, "single ride", "一票制";
        /// Going in.
        Entry = 0x02, "entry", "进站";
        /// Going out.
        Exit = 0x03, "exit", "出站";
        /// Boarding a bus of segmented fares.
        Boarding = 0x04, "boarding", "上车";
        /// Alighting from it.
        Alighting = 0x05, "alighting", "下车";
        /// An entry was written or renewed at a counter; a gate lets out later.
        Renewal = 0x06, "entry renewed", "进站更新";
        /// A ride was ended at a counter.
        Closing = 0x07, "ride closed", "出站更新";
    }
}

closed! {
    /// What is known of MAC2, with which a card shows that it has the key and took the amount.
    Mac2State as Tap, "a MAC2 state from 00 to 03" {
        /// There is none: a lock, an e-cash, an answer that never came.
        None = 0x00, "none", "无";
        /// The module found it right.
        Verified = 0x01, "verified", "验证通过";
        /// It is in the record, but the module could not verify it any more.
        Unverified = 0x02, "not verified", "未验证";
        /// The module found it wrong: the fare is not counted as good.
        Failed = 0x03, "wrong", "验证失败";
    }
}

closed! {
    /// How the record came about.
    Recovery as Tap, "a recovery state from 00 to 05" {
        /// In one piece.
        Plain = 0x00, "plain", "正常";
        /// The card was torn away and proved the transaction to the same terminal later.
        Here = 0x01, "recovered here", "本终端恢复";
        /// The card proved it to another terminal of the group.
        Elsewhere = 0x02, "recovered by another terminal", "他终端恢复";
        /// Grey (灰记录): whether the card was debited is not known; the card's next sequence
        /// number tells.
        Grey = 0x03, "grey", "灰记录";
        /// Not a ride: a card paid nothing to show that it has the key, after a recovery
        /// whose MAC2 could not be verified.
        Vouch = 0x04, "vouching", "验卡";
        /// Not a ride, but what its terminal knows of one that it recorded before: its rider was
        /// never told of it here, nor by another terminal of the group, as far as was heard.
        Untold = 0x05, "rider never told", "未提示乘客";
    }
}

closed! {
    /// What the terminal found of an e-cash's signature over the tap (fDDA).
    CashCheck as Tap, "a check from 00 to 03" {
        /// It was not seen whole: the card left too early.
        None = 0x00, "not verified", "未验证";
        /// Certificates and signature by RSA hold.
        Rsa = 0x01, "RSA holds", "RSA 验证通过";
        /// Certificates and signature by SM2 hold.
        Sm2 = 0x02, "SM2 holds", "SM2 验证通过";
        /// They do not hold: the fare is not counted as good.
        Failed = 0x03, "wrong", "验证失败";
    }
}

closed! {
    /// Whether something was so.
    YesNo as Tap, "00 or 01" {
        /// It was not.
        No = 0x00, "no", "否";
        /// It was.
        Yes = 0x01, "yes", "是";
    }
}

impl From<bool> for YesNo {
    fn from(is_so: bool) -> Self {
        if is_so { Self::Yes } else { Self::No }
    }
}

/// The letters that every record begins with, `TTCR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Magic;

impl Magic {
    /// The four bytes.
    pub const BYTES: [u8; 4] = *b"TTCR";
}

impl Encoding<Magic> for Tap {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<Magic, FieldError> {
        let wrong = bytes.iter().zip(Magic::BYTES).position(|(a, b)| *a != b);
        match wrong {
            Some(at) => Err(FieldError::Character {
                at,
                byte: bytes.get(at).copied().unwrap_or_default(),
                expected: "the letters TTCR",
            }),
            None if bytes.len() == Magic::BYTES.len() => Ok(Magic),
            None => Err(FieldError::Truncated {
                needed: Magic::BYTES.len(),
                found: bytes.len(),
            }),
        }
    }

    fn encode(_: &Magic, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&Magic::BYTES, out)
    }

    fn show(_: &Magic) -> String {
        "TTCR".into()
    }
}

impl Encoding<PsamSerial> for Tap {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<PsamSerial, FieldError> {
        Raw::decode(bytes).map(PsamSerial)
    }

    fn encode(value: &PsamSerial, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&value.0, out)
    }

    fn show(value: &PsamSerial) -> String {
        value.to_string()
    }
}

impl Encoding<StatusWord> for Tap {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<StatusWord, FieldError> {
        Raw::decode(bytes).map(|bytes| StatusWord::new(u16::from_be_bytes(bytes)))
    }

    fn encode(value: &StatusWord, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&value.bytes(), out)
    }

    fn show(value: &StatusWord) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_the_code_of_its_byte_and_no_other_byte_has_one() {
        fn check<T: Copy + PartialEq + core::fmt::Debug>(
            all: &[T],
            byte: impl Fn(T) -> u8,
            of: impl Fn(u8) -> Option<T>,
        ) {
            let known: Vec<u8> = all.iter().map(|value| byte(*value)).collect();
            for value in all {
                assert_eq!(of(byte(*value)), Some(*value));
            }
            for other in (0..=255).filter(|b| !known.contains(b)) {
                assert_eq!(of(other), None, "{other:02X}");
            }
        }
        check(Version::ALL, Version::byte, Version::of);
        check(RecordKind::ALL, RecordKind::byte, RecordKind::of);
        check(Stage::ALL, Stage::byte, Stage::of);
        check(Mac2State::ALL, Mac2State::byte, Mac2State::of);
        check(Recovery::ALL, Recovery::byte, Recovery::of);
        check(CashCheck::ALL, CashCheck::byte, CashCheck::of);
    }
}
