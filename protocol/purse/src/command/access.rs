//! Challenge, authentication, PIN, and locking.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq as _;
use tongtu_apdu::check::{exactly, fixed, length, nothing, parameters, whole};
use tongtu_apdu::{Command, Malformed};
use zeroize::Zeroize;

use super::{command, with_mac};
use crate::proof::Code;

/// A PIN (个人密码) of 2 to 6 bytes as it travels: BCD, odd ones completed with `F`.
///
/// Zeroized when dropped; `Debug` shows its length only; comparison is constant-time.
#[derive(Clone, Default)]
pub struct Pin {
    len: u8,
    bytes: [u8; 6],
}

/// The bytes or digits are not a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PIN has {found}, expected 2 to 6 bytes (4 to 12 digits)")]
pub struct PinError {
    /// What was found, in words.
    pub found: &'static str,
}

impl Pin {
    /// Takes 2 to 6 bytes as they travel.
    ///
    /// # Errors
    /// [`PinError`] for another length.
    pub fn new(pin: &[u8]) -> Result<Self, PinError> {
        if !(2..=6).contains(&pin.len()) {
            let found = "another number of bytes";
            return Err(PinError { found });
        }
        let mut bytes = [0; 6];
        for (slot, byte) in bytes.iter_mut().zip(pin) {
            *slot = *byte;
        }
        let len = u8::try_from(pin.len()).expect("at most 6");
        Ok(Self { len, bytes })
    }

    /// Packs 4 to 12 decimal digits.
    ///
    /// # Errors
    /// [`PinError`] for another length or another character.
    pub fn from_digits(digits: &str) -> Result<Self, PinError> {
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            let found = "a character that is no digit";
            return Err(PinError { found });
        }
        if !(4..=12).contains(&digits.len()) {
            let found = "another number of digits";
            return Err(PinError { found });
        }
        let mut packed = [0xFF; 6];
        let len = digits.len().div_ceil(2);
        for (slot, pair) in packed.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let low = pair.get(1).map_or(0x0F, |b| b - b'0');
            *slot = ((pair[0] - b'0') << 4) | low;
        }
        let made = Self::new(packed.get(..len).unwrap_or_default());
        packed.zeroize();
        made
    }

    /// The bytes as they travel.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        (self.len.ct_eq(&other.len) & self.bytes.ct_eq(&other.bytes)).into()
    }
}

impl Eq for Pin {}

impl Drop for Pin {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pin({} bytes)", self.len)
    }
}

/// GET CHALLENGE: `00 84 00 00 04` or `08`. The random is good for the next command only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetChallenge {
    /// Eight bytes instead of four.
    pub long: bool,
}

command! {
    GetChallenge: "GET CHALLENGE", "取随机数", 0x84, [0x00] -> Vec<u8>;
    status {}
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        match (c.le.map(tongtu_apdu::Le::byte), &c.data[..]) {
            (Some(4), []) => Ok(Self { long: false }),
            (Some(8), []) => Ok(Self { long: true }),
            _ => Err(length::<Self>(c, "Le 04 or 08 and no data")),
        }
    }
    write |s| { Command::new(0x00, Self::INS, 0, 0).with_le(if s.long { 8 } else { 4 }) }
    answer |data| {
        if data.len() == 8 {
            return Ok(data.to_vec());
        }
        whole::<Self, 4>("random", data).map(|random| random.to_vec())
    }
}

/// INTERNAL AUTHENTICATE: `00 88 00 kid 08 data 08`; the answer is one block, 16 bytes with SM4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalAuthenticate {
    /// Which key.
    pub key: u8,
    /// What the card enciphers.
    pub data: [u8; 8],
}

command! {
    InternalAuthenticate: "INTERNAL AUTHENTICATE", "内部认证", 0x88, [0x00] -> Vec<u8>;
    status {
        KEY_INDEX => "no such key", "密钥索引不支持";
    }
    read |c| {
        if c.p1 != 0 {
            return Err(parameters::<Self>(c, "00 and a key reference"));
        }
        let data = exactly::<Self, 8>(c, "8 bytes")?;
        Ok(Self { key: c.p2, data })
    }
    write |s| { Command::new(0x00, Self::INS, 0, s.key).with_data(s.data).with_le(0) }
    answer |data| {
        if data.len() == 16 {
            return Ok(data.to_vec());
        }
        whole::<Self, 8>("cryptogram", data).map(|cryptogram| cryptogram.to_vec())
    }
}

/// EXTERNAL AUTHENTICATE: `00 82 00 kid 08 cryptogram`, over the 8-byte challenge just taken.
///
/// Form: one block ([`crate::secure::cryptogram`]), so Lc is 08 with 3DES and 10 with SM4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAuthenticate {
    /// Which key.
    pub key: u8,
    /// The challenge, enciphered.
    pub cryptogram: Vec<u8>,
}

command! {
    ExternalAuthenticate: "EXTERNAL AUTHENTICATE", "外部认证", 0x82, [0x00] -> ();
    status {
        KEY_INDEX => "no such key", "密钥索引不支持";
        AUTH_BLOCKED => "too many failures", "认证方法锁定";
        AUTH_FAILED => "63CX: wrong cryptogram, X tries left", "认证失败，还可试 X 次";
    }
    read |c| {
        if c.p1 != 0 {
            return Err(parameters::<Self>(c, "00 and a key reference"));
        }
        if !matches!(c.data.len(), 8 | 16) {
            return Err(length::<Self>(c, "one block"));
        }
        Ok(Self { key: c.p2, cryptogram: c.data.clone() })
    }
    write |s| { Command::new(0x00, Self::INS, 0, s.key).with_data(&s.cryptogram[..]) }
    answer |data| { nothing::<Self>(data) }
}

/// VERIFY: `00 20 00 00 Lc PIN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyPin {
    /// The PIN.
    pub pin: Pin,
}

command! {
    VerifyPin: "VERIFY", "验证个人密码", 0x20, [0x00] -> ();
    status {
        REFERENCE_NOT_FOUND => "the card has no PIN", "卡上没有密码";
        AUTH_BLOCKED => "the PIN is blocked", "密码锁定";
        AUTH_FAILED => "63CX: wrong PIN, X tries left", "密码错误，还可试 X 次";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        let pin = Pin::new(&c.data).map_err(|_| length::<Self>(c, "2 to 6 bytes"))?;
        Ok(Self { pin })
    }
    write |s| { Command::new(0x00, Self::INS, 0, 0).with_data(s.pin.bytes()) }
    answer |data| { nothing::<Self>(data) }
}

/// CHANGE PIN: `80 5E 01 00 Lc old FF new`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePin {
    /// The PIN so far.
    pub old: Pin,
    /// The PIN from now on.
    pub new: Pin,
}

command! {
    ChangePin: "CHANGE PIN", "修改个人密码", 0x5E, [0x80] -> ();
    status {
        REFERENCE_NOT_FOUND => "the card has no PIN", "卡上没有密码";
        AUTH_BLOCKED => "the PIN is blocked", "密码锁定";
        AUTH_FAILED => "63CX: wrong PIN, X tries left", "密码错误，还可试 X 次";
        WRONG_DATA => "not two PINs with FF between them", "数据域错误";
    }
    read |c| {
        let expected = "old PIN, FF, new PIN";
        fixed::<Self>(c, [1, 0], "01 00")?;
        if !(5..=13).contains(&c.data.len()) {
            return Err(length::<Self>(c, expected));
        }
        let at = c.data.iter().position(|b| *b == 0xFF).unwrap_or(c.data.len());
        let old = c.data.get(..at).and_then(|old| Pin::new(old).ok());
        let new = c.data.get(at + 1..).and_then(|new| Pin::new(new).ok());
        match (old, new) {
            (Some(old), Some(new)) => Ok(Self { old, new }),
            _ => Err(Malformed::Data { command: Self::NAME, offset: at, expected }),
        }
    }
    write |s| {
        let data = [s.old.bytes(), &[0xFF], s.new.bytes()].concat();
        Command::new(0x80, Self::INS, 1, 0).with_data(data)
    }
    answer |data| { nothing::<Self>(data) }
}

/// RELOAD PIN: `80 5E 00 00 Lc PIN MAC`, the MAC with the key for reloading PINs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadPin {
    /// The PIN from now on.
    pub pin: Pin,
    /// The MAC ([`crate::secure::reload_pin_mac`]).
    pub mac: Code,
}

command! {
    ReloadPin: "RELOAD PIN", "重装个人密码", 0x5E, [0x80] -> ();
    status {
        REFERENCE_NOT_FOUND => "the card has no PIN or no key for it", "卡上没有密码或密钥";
        SM_INCORRECT => "the MAC is wrong", "安全报文数据项不正确";
    }
    read |c| {
        let expected = "a PIN and a MAC";
        fixed::<Self>(c, [0, 0], "00 00")?;
        with_mac(&c.data)
            .and_then(|(mut pin, mac)| {
                let read = Pin::new(&pin).ok();
                pin.zeroize();
                Some(Self { pin: read?, mac })
            })
            .ok_or_else(|| length::<Self>(c, expected))
    }
    write |s| {
        let data = [s.pin.bytes(), &s.mac].concat();
        Command::new(0x80, Self::INS, 0, 0).with_data(data)
    }
    answer |data| { nothing::<Self>(data) }
}

/// PIN UNBLOCK: `84 24 00 01 Lc E(PIN) MAC`, both with the key for unblocking PINs.
///
/// Form: one enciphered block, so Lc is 0C with 3DES and 14 with SM4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnblockPin {
    /// The PIN, enciphered ([`crate::secure::encipher`]).
    pub enciphered: Vec<u8>,
    /// The MAC.
    pub mac: Code,
}

command! {
    UnblockPin: "PIN UNBLOCK", "解锁个人密码", 0x24, [0x84] -> ();
    status {
        REFERENCE_NOT_FOUND => "the card has no PIN or no key for it", "卡上没有密码或密钥";
        SM_INCORRECT => "the MAC is wrong, or there was no challenge", "安全报文数据项不正确";
        WRONG_DATA => "the block does not hold a PIN", "数据域错误";
    }
    read |c| {
        let expected = "one enciphered block and a MAC";
        fixed::<Self>(c, [0, 1], "00 01")?;
        match with_mac(&c.data) {
            Some((enciphered, mac)) if matches!(enciphered.len(), 8 | 16) => {
                Ok(Self { enciphered, mac })
            }
            _ => Err(length::<Self>(c, expected)),
        }
    }
    write |s| {
        let data = [&s.enciphered[..], &s.mac].concat();
        Command::new(0x84, Self::INS, 0, 1).with_data(data)
    }
    answer |data| { nothing::<Self>(data) }
}

/// APPLICATION BLOCK: `84 1E 00 P2 04 MAC`; P2 00 until unblocked, 01 for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockApplication {
    /// For ever.
    pub permanently: bool,
    /// The MAC.
    pub mac: Code,
}

command! {
    BlockApplication: "APPLICATION BLOCK", "应用锁定", 0x1E, [0x84] -> ();
    status {
        SM_INCORRECT => "the MAC is wrong, or there was no challenge", "安全报文数据项不正确";
    }
    read |c| {
        let permanently = match (c.p1, c.p2) {
            (0, 0) => false,
            (0, 1) => true,
            _ => return Err(parameters::<Self>(c, "00 and 00 or 01")),
        };
        let mac = exactly::<Self, 4>(c, "a MAC")?;
        Ok(Self { permanently, mac })
    }
    write |s| {
        Command::new(0x84, Self::INS, 0, u8::from(s.permanently)).with_data(s.mac)
    }
    answer |data| { nothing::<Self>(data) }
}

/// APPLICATION UNBLOCK: `84 18 00 00 04 MAC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnblockApplication {
    /// The MAC.
    pub mac: Code,
}

command! {
    UnblockApplication: "APPLICATION UNBLOCK", "应用解锁", 0x18, [0x84] -> ();
    status {
        SM_INCORRECT => "the MAC is wrong, or there was no challenge", "安全报文数据项不正确";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        exactly::<Self, 4>(c, "a MAC").map(|mac| Self { mac })
    }
    write |s| { Command::new(0x84, Self::INS, 0, 0).with_data(s.mac) }
    answer |data| { nothing::<Self>(data) }
}

/// CARD BLOCK: `84 16 00 00 04 MAC`; the whole card, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockCard {
    /// The MAC.
    pub mac: Code,
}

command! {
    BlockCard: "CARD BLOCK", "卡片锁定", 0x16, [0x84] -> ();
    status {
        SM_INCORRECT => "the MAC is wrong, or there was no challenge", "安全报文数据项不正确";
    }
    read |c| {
        fixed::<Self>(c, [0, 0], "00 00")?;
        exactly::<Self, 4>(c, "a MAC").map(|mac| Self { mac })
    }
    write |s| { Command::new(0x84, Self::INS, 0, 0).with_data(s.mac) }
    answer |data| { nothing::<Self>(data) }
}
