//! The tables of both files.
//!
//! UNSPECIFIED: issuers and makers of modules agree on such files among themselves, and no text
//! that we could read gives a form. All of it is ours.

use tongtu_codec::{Be, Cn, Raw, closed, record};
use tongtu_crypto::sm3;
use tongtu_psam::PsamSerial;
use tongtu_psam::layout::Psam10;
use tongtu_purse::field::{Date, Institution, Purse, Terminal};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

/// How this crate's own words lie in its records.
#[derive(Debug)]
pub struct Lot;

/// First bytes of a batch.
pub const MAGIC_BATCH: [u8; 4] = *b"TTPB";
/// First bytes of an answer.
pub const MAGIC_ANSWER: [u8; 4] = *b"TTPR";
/// First bytes of a book of cards.
pub const MAGIC_CARDS: [u8; 4] = *b"TTPC";
/// The version of these tables.
pub const VERSION: u8 = 1;
/// Bytes of the check behind each record.
pub const CHECK_LEN: usize = 8;

record! {
    /// Head of a batch of PSAMs.
    pub struct BatchHead: 64 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTPB", "文件标志";
        [4..5] version: u8 as Be, Ours, "version of the tables, 01", "版本";
        [5..6] mark: Mark as Lot, Ours, "for tests or for real use", "测试或生产";
        [6..10] number: u32 as Be, Ours, "number of the batch at its sender", "批次号";
        [10..12] city: CityCode as Cn, Ours, "city that the modules are for", "城市代码";
        [12..16] sender: InstitutionCode as Cn, Ours, "issuer that sends it", "发送机构";
        [16..24] made_at: Timestamp as Be, Ours, "made at, Unix seconds UTC", "制作时间";
        [24..26] count: u16 as Be, Ours, "modules", "PSAM 数量";
        [26..27] slots: u8 as Be, Ours, "keys of each module", "每张密钥数";
        [27..28] algorithm: u8 as Be, Ours,
            "algorithm of the transport key: 00 3DES, 04 SM4", "传输密钥算法标识";
        [28..31] kcv: [u8; 3] as Raw, Ours,
            "check value of the transport key", "传输密钥校验值";
        [31..64] signer: [u8; 33] as Raw, Ours,
            "verifying key of the sender, compressed", "发送方公钥";
    }
}

record! {
    /// One module of a batch; its keys follow, a `KeySlot` each, then a check of 8 bytes: the first
    /// of SM3 over the head and all of these bytes.
    pub struct ModuleRecord: 48 {
        [0..2] number: u16 as Be, Ours, "number in the batch, from 1", "批内序号";
        [2..12] serial: PsamSerial as Psam10, Ours, "serial number of the module", "PSAM 序列号";
        [12..18] terminal: Terminal as Purse, Ours, "terminal number", "终端机编号";
        [18..19] key_index: u8 as Be, Ours, "key index", "密钥索引";
        [19..27] issuer: Institution as Purse, Ours, "issuer of the module", "发行机构";
        [27..35] receiver: Institution as Purse, Ours, "institution that receives it", "接收机构";
        [35..39] starts: Date as Purse, Ours, "first day", "启用日期";
        [39..43] expires: Date as Purse, Ours, "last day", "有效日期";
        [43..47] first_sequence: u32 as Be, Ours,
            "first terminal sequence number", "起始终端交易序号";
        [47..48] mac2_failures_max: u8 as Be, Ours,
            "wrong MAC2 in a row that lock the module", "MAC2 错误上限";
    }
}

record! {
    /// Head of a personaliser's answer.
    pub struct AnswerHead: 91 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTPR", "文件标志";
        [4..5] version: u8 as Be, Ours, "version of the tables, 01", "版本";
        [5..6] mark: Mark as Lot, Ours, "for tests or for real use", "测试或生产";
        [6..10] batch: u32 as Be, Ours, "number of the batch", "批次号";
        [10..12] city: CityCode as Cn, Ours, "city of the batch", "城市代码";
        [12..16] sender: InstitutionCode as Cn, Ours, "personaliser that sends it", "发送机构";
        [16..24] made_at: Timestamp as Be, Ours, "made at, Unix seconds UTC", "制作时间";
        [24..26] count: u16 as Be, Ours, "lines", "行数";
        [26..58] of: sm3::Digest as Raw, Ours,
            "digest in the seal of the batch that it answers", "所应答批次的摘要";
        [58..91] signer: [u8; 33] as Raw, Ours,
            "verifying key of the personaliser, compressed", "个人化机构公钥";
    }
}

record! {
    /// What became of one module; a check of 8 bytes follows, as in a batch.
    pub struct AnswerLine: 23 {
        [0..2] number: u16 as Be, Ours, "number in the batch", "批内序号";
        [2..12] serial: PsamSerial as Psam10, Ours, "serial number of the module", "PSAM 序列号";
        [12..22] chip: [u8; 10] as Raw, Ours,
            "the maker's own number of the card that was used", "卡片制造序列号";
        [22..23] outcome: Outcome as Lot, Ours, "what became of it", "结果";
    }
}

record! {
    /// End of either file: over every byte before it.
    pub struct Seal: 96 {
        [0..32] digest: sm3::Digest as Raw, Ours, "SM3", "摘要";
        [32..96] signature: [u8; 64] as Raw, Ours, "SM2 signature of the sender, r || s", "数字签名";
    }
}

record! {
    /// Head of a personaliser's book of cards.
    pub struct CardBookHead: 14 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTPC", "文件标志";
        [4..5] version: u8 as Be, Ours, "version of the tables, 01", "版本";
        [5..6] mark: Mark as Lot, Ours, "for tests or for real use", "测试或生产";
        [6..14] made_at: Timestamp as Be, Ours, "made at, Unix seconds UTC", "建立时间";
    }
}

record! {
    /// A line of a book of cards: what was done with a card.
    pub struct CardLine: 74 {
        [0..4] number: u32 as Be, Ours, "number of the line, from 1", "行号";
        [4..5] step: Step as Lot, Ours, "what was done", "步骤";
        [5..6] application: Application as Lot, Ours, "application that the number is of", "应用";
        [6..22] name: [u8; 16] as Raw, Ours,
            "what stands for the card number: its CMAC by a key in custody", "卡号的代名";
        [22..32] chip: [u8; 10] as Raw, Ours,
            "the card's own number before it has one (KEYDATA)", "卡片自身编号";
        [32..34] last_four: [u8; 2] as Raw, Ours,
            "last four digits of the card number; zeros of a spoiled card", "卡号末四位";
        [34..42] at: Timestamp as Be, Ours, "done at, Unix seconds UTC", "时间";
        [42..74] check: sm3::Digest as Raw, Ours,
            "SM3 over the check before (of the first line: SM3 of the head) and this line up to here",
            "校验";
    }
}

closed! {
    /// Which application of a card has a number.
    Application as Lot, "01, e-purse, or 02, e-cash" {
        /// The e-purse.
        Purse = 0x01, "e-purse", "电子钱包";
        /// The e-cash.
        Cash = 0x02, "e-cash", "电子现金";
    }
}

closed! {
    /// What was done with a card.
    Step as Lot, "01, begun, 02, made, or 03, spoiled" {
        /// A number is to go onto it.
        Begun = 0x01, "begun", "开始";
        /// It has the number, its data and its keys.
        Made = 0x02, "made", "完成";
        /// It is waste; the number may go onto another one.
        Spoiled = 0x03, "spoiled", "废卡";
    }
}

closed! {
    /// Whether a batch is for tests.
    Mark as Lot, "01, test, or 02, production" {
        /// Its keys may be known to anybody.
        Test = 0x01, "test", "测试";
        /// Its keys are known to nobody.
        Production = 0x02, "production", "生产";
    }
}

closed! {
    /// What became of a module.
    Outcome as Lot, "01, made, or 02, spoiled" {
        /// The module answers as it should.
        Made = 0x01, "made", "成功";
        /// The card is waste; the module is to be made on another one.
        Spoiled = 0x02, "spoiled", "废卡";
    }
}
