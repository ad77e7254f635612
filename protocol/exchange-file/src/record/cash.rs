//! The block of the e-cash (电子现金) in a CD record: what the card's cryptogram was made over.
//!
//! Fields in the order of the bank's IC card data (field 55), as one implementation has them.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Ascii, Digits, HexDigits, record};
use tongtu_types::{BusinessDay, Fen};

use crate::Currency;
use crate::encoding::{HexBytes, ShortDay};

/// The block map (段位图) of a CD record of an e-cash.
// UNSPECIFIED: no sample shows such a record, so neither the bit of this block nor its place is
// known. Blocks 0 to 3 have their bits; we take the next one, block 4, and put the block where
// that of the purse is, because the tail ends block 3. A real file is answered here.
pub const CD_CASH_BLOCK_MAP: u64 = 0x9800;

record! {
    /// The e-cash block of a CD record (电子现金段).
    ///
    /// Enough to compute the cryptogram again, with the elements that the card was told, which
    /// the tail names.
    ///
    /// UNSPECIFIED: the columns and their widths are those of one implementation, two of whose
    /// labels are shifted by one, so the order of the last four is uncertain.
    pub struct CdCash: 245 {
        [0..16] cryptogram: [u8; 8] as HexBytes, Impl, "application cryptogram (9F26)", "应用密文";
        [16..19] entry_mode: u64 as Digits, Impl, "entry mode", "服务点输入方式";
        [19..22] pan_sequence: u64 as Digits, Impl, "PAN sequence number (5F34)", "卡序列号";
        [22..23] reader: u64 as Digits, Impl, "reading ability of the terminal", "终端读取能力";
        [23..24] condition: u64 as Digits, Impl, "condition of the card", "IC卡条件代码";
        [24..30] capability: [u8; 3] as HexBytes, Impl, "terminal capabilities (9F33)", "终端性能";
        [30..40] tvr: [u8; 5] as HexBytes, Impl,
            "terminal verification results (95)", "终端验证结果";
        [40..48] unpredictable: [u8; 4] as HexBytes, Impl,
            "unpredictable number (9F37)", "不可预知数";
        [48..56] device: String as Ascii, Impl, "serial of the interface device", "接口设备序列号";
        [56..120] issuer_data: Vec<u8> as HexBytes, Impl,
            "issuer application data (9F10)", "发卡行应用数据";
        [120..124] atc: u64 as HexDigits, Impl, "transaction counter (9F36)", "应用交易计数器";
        [124..128] aip: [u8; 2] as HexBytes, Impl, "interchange profile (82)", "应用交互特征";
        [128..134] day: BusinessDay as ShortDay, Impl, "date that the card was told", "交易日期";
        [134..137] country: u64 as Digits, Impl, "terminal country (9F1A)", "终端国家代码";
        [137..139] response: String as Ascii, Impl, "authorisation response", "授权响应码";
        [139..141] kind: u64 as HexDigits, Impl, "transaction type (9C)", "交易类型";
        [141..153] amount: Fen as Digits, Impl, "amount authorised (9F02)", "授权金额";
        [153..156] currency: Currency as Digits, Impl, "currency (5F2A)", "交易货币代码";
        [156..157] check: u64 as Digits, Impl, "cryptogram check result", "应用密文校验结果";
        [157..161] expiry: u64 as Digits, Impl, "month of expiry, YYMM", "卡有效期";
        [161..163] information: u64 as HexDigits, Impl,
            "cryptogram information (9F27)", "应用信息数据";
        [163..175] other: Fen as Digits, Impl, "other amount (9F03)", "其他金额";
        [175..181] cvm: [u8; 3] as HexBytes, Impl,
            "cardholder verification results (9F34)", "持卡人验证方法结果";
        [181..183] terminal_type: u64 as Digits, Impl, "terminal type (9F35)", "终端类型";
        [183..215] name: Vec<u8> as HexBytes, Impl, "AID (84)", "专用文件名称";
        [215..219] counter: u64 as Digits, Impl, "terminal's counter (9F41)", "交易序列计数器";
        [219..225] authorization: String as Ascii, Impl,
            "issuer's authorisation code (9F74)", "电子现金发卡行授权码";
        [225..241] product: String as Ascii, Impl, "product of the card (9F63)", "卡产品标识信息";
        [241..245] version: u64 as HexDigits, Impl, "application version (9F08)", "应用版本号";
    }
}

impl CdCash {
    /// Contactless, and no PIN can be entered.
    // UNSPECIFIED: what a transit terminal writes into the fields of bank terminals; these are
    // the values that bank networks have for an unattended contactless reader.
    pub const ENTRY_MODE: u64 = 72;
    /// A contactless reader.
    pub const READER: u64 = 6;
    /// Unattended and offline only.
    pub const TERMINAL_TYPE: u64 = 26;
    /// Approved offline.
    pub const RESPONSE: &str = "Y1";
    /// No terminal can check a cryptogram.
    pub const UNCHECKED: u64 = 0;
}
