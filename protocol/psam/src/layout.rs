//! Files, data fields and answers of a PSAM, as tables.
//!
//! Certainty: no standard's text of the module could be read; offsets come from several public
//! terminals that agree with each other.

use alloc::string::String;

use tongtu_codec::{Be, Encoding, FieldError, Raw, closed, hex_encode, record};
use tongtu_purse::field::{Amount, Date, DateTime, Institution, Kind, Purse, Terminal};

use crate::{PsamIdentity, PsamSerial};

record! {
    /// Common data of the module (PSAM 公共应用信息), file 0x17 of its application.
    pub struct PsamInfo: 25 {
        [0..1] key_index: u8 as Be, Impl, "key index", "密钥索引";
        [1..9] issuer: Institution as Purse, Impl, "issuer of the module", "发行机构";
        [9..17] receiver: Institution as Purse, Impl, "institution that received it", "接收机构";
        [17..21] starts: Date as Purse, Impl, "first day", "启用日期";
        [21..25] expires: Date as Purse, Impl, "last day", "有效日期";
    }
}

record! {
    /// Data field of INIT SAM FOR PURCHASE before the factors: card first, then its issuer.
    pub struct PurchaseHead: 20 {
        [0..4] random: [u8; 4] as Raw, Impl, "random of the card", "用户卡随机数";
        [4..6] sequence: u16 as Be, Impl, "offline sequence number of the card", "用户卡交易序号";
        [6..10] amount: Amount as Purse, Impl, "amount", "交易金额";
        [10..11] kind: Kind as Purse, Impl, "transaction type", "交易类型标识";
        [11..18] at: DateTime as Purse, Impl, "date and time", "交易日期时间";
        [18..19] key_version: u8 as Be, Impl, "key version", "消费密钥版本号";
        [19..20] algorithm: u8 as Be, Impl, "algorithm identifier", "消费密钥算法标识";
    }
}

record! {
    /// Answer to INIT SAM FOR PURCHASE.
    pub struct Permit: 8 {
        [0..4] terminal_sequence: u32 as Be, Impl, "terminal sequence number", "终端交易序号";
        [4..8] mac1: [u8; 4] as Raw, Impl, "MAC1", "MAC1";
    }
}

record! {
    /// The two files of the module's root: serial number (0x15), then terminal number (0x16), as
    /// they are read one after the other.
    pub struct PsamNumbers: 16 {
        [0..10] serial: PsamSerial as Psam10, Impl, "serial number of the module", "PSAM 序列号";
        [10..16] terminal: Terminal as Purse, Impl, "terminal number", "终端机编号";
    }
}

record! {
    /// One key of a module on its way there.
    ///
    /// UNSPECIFIED: makers have forms of their own; this one is ours.
    pub struct KeySlot: 25 {
        [0..1] role: SlotRole as Psam10, Ours, "what asks for it", "用途类别";
        [1..2] purpose: u8 as Be, Ours,
            "purpose in DELIVERY KEY, 00 for purchases", "密钥用途";
        [2..3] index: u8 as Be, Ours,
            "key index; for DELIVERY KEY the key's identifier, P2", "密钥索引";
        [3..4] version: u8 as Be, Ours,
            "key version, by which INIT SAM FOR PURCHASE names it", "密钥版本号";
        [4..5] levels: u8 as Be, Ours,
            "factors from it down to a card's key, 00 to 03", "分散级数";
        [5..6] algorithm: u8 as Be, Ours, "00 3DES, 04 SM4", "算法标识";
        [6..22] key: [u8; 16] as Raw, Ours,
            "the key, enciphered block for block under the transport key", "密钥密文";
        [22..25] kcv: [u8; 3] as Raw, Ours, "its check value", "密钥校验值";
    }
}

record! {
    /// Data field of END PERSONALIZATION.
    pub struct Finish: 5 {
        [0..4] first_sequence: u32 as Be, Ours, "first terminal sequence number", "起始终端交易序号";
        [4..5] mac2_failures_max: u8 as Be, Ours,
            "wrong MAC2 in a row that lock the module", "MAC2 错误上限";
    }
}

closed! {
    /// Which command of a module asks for a key.
    SlotRole as Psam10, "01, purchases, or 02, DELIVERY KEY" {
        /// INIT SAM FOR PURCHASE.
        Purchase = 0x01, "purchases", "消费";
        /// DELIVERY KEY.
        Crypt = 0x02, "DELIVERY KEY", "通用计算";
    }
}

/// The tables of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[
    PsamNumbers::SPEC,
    PsamInfo::SPEC,
    PurchaseHead::SPEC,
    Permit::SPEC,
    KeySlot::SPEC,
    Finish::SPEC,
];

/// How a module's serial number lies in its file.
#[derive(Debug)]
pub struct Psam10;

impl Encoding<PsamSerial> for Psam10 {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<PsamSerial, FieldError> {
        Raw::decode(bytes).map(PsamSerial)
    }

    fn encode(value: &PsamSerial, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&value.0, out)
    }

    fn show(value: &PsamSerial) -> String {
        hex_encode(&value.0).to_ascii_uppercase()
    }
}

impl PsamIdentity {
    /// Put together from the three files.
    #[must_use]
    pub const fn of_files(numbers: &PsamNumbers, info: &PsamInfo) -> Self {
        Self {
            serial: numbers.serial,
            terminal: numbers.terminal,
            key_index: info.key_index,
            issuer: info.issuer,
            receiver: info.receiver,
            starts: info.starts,
            expires: info.expires,
        }
    }

    /// What stands in the files of the root, 0x15 and 0x16.
    #[must_use]
    pub const fn numbers(&self) -> PsamNumbers {
        PsamNumbers {
            serial: self.serial,
            terminal: self.terminal,
        }
    }

    /// What stands in file 0x17 of the application.
    #[must_use]
    pub const fn info(&self) -> PsamInfo {
        PsamInfo {
            key_index: self.key_index,
            issuer: self.issuer,
            receiver: self.receiver,
            starts: self.starts,
            expires: self.expires,
        }
    }
}

#[cfg(test)]
mod tests {
    use tongtu_codec::hex_decode;

    use super::*;

    #[test]
    fn the_sample_of_the_common_data_is_read() {
        let hex = "01 0000000000000001 0000000000000001 20111222 20161220".replace(' ', "");
        let bytes = hex_decode(&hex).expect("hex");
        let info = PsamInfo::decode(&bytes).expect("25 bytes");
        assert_eq!(info.key_index, 1);
        assert_eq!(info.starts.to_string(), "2011-12-22");
        assert_eq!(info.expires.to_string(), "2016-12-20");
        assert_eq!(info.encode().expect("as wide as it is"), bytes[..]);
    }
}
