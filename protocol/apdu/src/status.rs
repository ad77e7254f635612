//! Status words: what a card answers when it has nothing else to say, or besides it.

use alloc::borrow::Cow;
use core::fmt;

/// A status word (状态字) SW1 SW2. Values without a name survive a round trip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusWord(u16);

macro_rules! status_words {
    ($($name:ident = $number:literal, $en:literal, $zh:literal;)*) => {
        impl StatusWord {
            $(
                #[doc = concat!($en, " (", $zh, ").")]
                pub const $name: Self = Self($number);
            )*

            /// Every status word that has a name here.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            const fn text(self) -> Option<(&'static str, &'static str)> {
                match self.0 {
                    $($number => Some(($en, $zh)),)*
                    _ => None,
                }
            }
        }
    };
}

status_words! {
    OK = 0x9000, "done", "正常";
    CORRUPTED = 0x6281, "part of the data may be corrupted", "回送数据可能错误";
    END_OF_FILE = 0x6282, "end of file before Le bytes", "文件长度小于 Le";
    BLOCKED_FILE = 0x6283, "selected file or application is blocked", "选择的文件或应用被锁定";
    WRONG_FCI = 0x6284, "FCI not formatted as expected", "FCI 格式与 P2 不符";
    CHANNEL_CLOSED = 0x6200, "nothing changed (channel was closed already)", "状态未变（通道已关闭）";
    AUTH_FAILED = 0x6300, "authentication failed", "认证失败";
    MORE_DATA = 0x6310, "more data available", "还有数据";
    NO_DIAGNOSIS = 0x6400, "nothing changed", "状态未改变";
    MEMORY_FAILURE = 0x6581, "memory failure", "写存储器失败";
    WRONG_LENGTH = 0x6700, "wrong length", "长度错误";
    CHANNEL_NOT_SUPPORTED = 0x6881, "logical channel not supported", "不支持逻辑通道";
    SM_NOT_SUPPORTED = 0x6882, "secure messaging not supported", "不支持安全报文";
    NOT_HANDLED = 0x6900, "command cannot be handled", "不能处理";
    NOT_ACCEPTED = 0x6901, "command not accepted in this state", "命令不接受（无效状态）";
    FILE_TYPE = 0x6981, "command does not fit the file's kind", "命令与文件结构不相容";
    SECURITY_STATUS = 0x6982, "security status not satisfied", "安全状态不满足";
    AUTH_BLOCKED = 0x6983, "authentication method blocked", "认证方法锁定";
    REFERENCE_INVALID = 0x6984, "reference data invalidated", "引用数据无效";
    CONDITIONS = 0x6985, "conditions of use not satisfied", "使用条件不满足";
    NO_FILE = 0x6986, "no current file", "没有选择当前文件";
    SM_MISSING = 0x6987, "secure-messaging object missing", "安全报文数据项丢失";
    SM_INCORRECT = 0x6988, "secure-messaging MAC wrong", "安全报文数据项不正确";
    WRONG_DATA = 0x6A80, "data field wrong", "数据域参数错误";
    FUNCTION_NOT_SUPPORTED = 0x6A81, "function not supported, or card or application locked", "功能不支持，或卡、应用锁定";
    NOT_FOUND = 0x6A82, "file or application not found", "未找到文件或应用";
    RECORD_NOT_FOUND = 0x6A83, "record not found", "未找到记录";
    NO_ROOM = 0x6A84, "not enough memory", "存储空间不足";
    WRONG_P1P2 = 0x6A86, "P1 P2 wrong", "P1、P2 错误";
    REFERENCE_NOT_FOUND = 0x6A88, "referenced data not found", "未找到引用数据";
    ALREADY_EXISTS = 0x6A89, "it exists already", "已存在";
    WRONG_OFFSET = 0x6B00, "offset outside the file", "偏移量错误";
    INS_NOT_SUPPORTED = 0x6D00, "instruction not supported", "INS 不支持";
    CLA_NOT_SUPPORTED = 0x6E00, "class not supported", "CLA 不支持";
    UNKNOWN = 0x6F00, "no precise diagnosis", "数据无效";
    INSUFFICIENT_OLD = 0x9301, "balance insufficient (older cards)", "资金不足（旧）";
    MAC_INVALID = 0x9302, "MAC invalid", "MAC 无效";
    PERMANENTLY_LOCKED = 0x9303, "application permanently locked", "应用永久锁定";
    INSUFFICIENT = 0x9401, "balance insufficient", "余额不足";
    COUNTER_AT_MAX = 0x9402, "transaction counter at its maximum", "交易计数器达到最大值";
    KEY_INDEX = 0x9403, "key index not supported", "密钥索引不支持";
    NO_PROOF = 0x9406, "required MAC or TAC not available", "所需 MAC 不可用";
    WRONG_DATA_OLD = 0x9484, "algorithm not supported (deprecated form)", "算法不支持（旧）";
    KEY_CHECK_OLD = 0x9485, "key check value wrong (deprecated form)", "密钥校验值错误（旧）";
}

impl StatusWord {
    /// A status word by number.
    #[must_use]
    pub const fn new(value: u16) -> Self {
        Self(value)
    }

    /// `63CX`: failed, `left` tries remain (at most 15 can be said).
    #[must_use]
    pub const fn tries_left(left: u8) -> Self {
        let left = if left > 15 { 15 } else { left };
        Self(0x63C0 | left as u16)
    }

    /// `61XX`: `len` more bytes wait for GET RESPONSE; 256 or more is said as `6100`.
    #[must_use]
    pub fn more(len: usize) -> Self {
        Self(0x6100 | u16::from(u8::try_from(len).unwrap_or(0)))
    }

    /// `6CXX`: repeat with this Le; 256 is said as `6C00`.
    #[must_use]
    pub fn wrong_le(len: usize) -> Self {
        Self(0x6C00 | u16::from(u8::try_from(len).unwrap_or(0)))
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// SW1 and SW2.
    #[must_use]
    pub const fn bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Whether this is `9000`.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0x9000
    }

    /// Whether this is a warning, `62XX` or `63XX`: the command was carried out, with a remark.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self.0 >> 8, 0x62 | 0x63)
    }

    /// Tries that remain, if this is `63CX`.
    #[must_use]
    pub fn tries(self) -> Option<u8> {
        let [sw1, sw2] = self.bytes();
        (sw1 == 0x63 && sw2 >> 4 == 0xC).then_some(sw2 & 0x0F)
    }

    /// What it means, in English.
    #[must_use]
    pub fn en(self) -> Cow<'static, str> {
        self.words().0
    }

    /// What it means, in Chinese.
    #[must_use]
    pub fn zh(self) -> Cow<'static, str> {
        self.words().1
    }

    fn words(self) -> (Cow<'static, str>, Cow<'static, str>) {
        use alloc::format;
        if let Some((en, zh)) = self.text() {
            return (en.into(), zh.into());
        }
        let [sw1, sw2] = self.bytes();
        match (sw1, sw2) {
            (0x61, n) => (
                format!(
                    "{} more bytes by GET RESPONSE",
                    crate::Le::from_byte(n).max()
                )
                .into(),
                format!(
                    "还有 {} 字节，用 GET RESPONSE 取",
                    crate::Le::from_byte(n).max()
                )
                .into(),
            ),
            (0x6C, n) => (
                format!(
                    "wrong Le, {} bytes are there",
                    crate::Le::from_byte(n).max()
                )
                .into(),
                format!("Le 错误，实际 {} 字节", crate::Le::from_byte(n).max()).into(),
            ),
            (0x63, n) if n >> 4 == 0xC => (
                format!("failed, {} tries left", n & 0x0F).into(),
                format!("失败，还可重试 {} 次", n & 0x0F).into(),
            ),
            _ => ("unknown status word".into(), "未知状态字".into()),
        }
    }
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SW {:04X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_own_number_and_words() {
        for (i, sw) in StatusWord::ALL.iter().enumerate() {
            assert!(!StatusWord::ALL[..i].contains(sw), "{sw} is there twice");
            assert!(!sw.en().is_empty() && !sw.zh().is_empty());
        }
    }

    #[test]
    fn the_families_say_their_number() {
        assert_eq!(StatusWord::tries_left(2).value(), 0x63C2);
        assert_eq!(StatusWord::tries_left(200).tries(), Some(15));
        assert_eq!(StatusWord::AUTH_FAILED.tries(), None);
        assert_eq!(StatusWord::more(256).value(), 0x6100);
        assert_eq!(
            StatusWord::wrong_le(0x1E).en(),
            "wrong Le, 30 bytes are there"
        );
        assert_eq!(StatusWord::new(0x1234).zh(), "未知状态字");
    }
}
