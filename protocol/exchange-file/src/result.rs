//! Result codes: what became of a file or of a record.

use alloc::string::String;
use core::fmt;

use tongtu_codec::{Digits, Encoding, FieldError};
use tongtu_types::ValueError;

use crate::GbText;

/// A result code (错误代码): six digits.
///
/// Form: `00` good, `01xxxx` about a whole file, `02xxxx` about one record. Codes without a
/// name survive a round trip; an ER file may name more.
// UNSPECIFIED: of the official table only 000000, 020002 and 020022 are publicly known; the
// other numbers and all English texts are ours, in the order of the checks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResultCode(u32);

macro_rules! result_codes {
    ($($value:ident = $number:literal, $en:literal, $zh:literal;)*) => {
        impl ResultCode {
            $(
                #[doc = concat!($en, " (", $zh, ").")]
                pub const $value: Self = Self($number);
            )*

            /// Every code that has a name here, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// What it means, in English; `None` for a code without a name here.
            #[must_use]
            pub const fn en(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($en),)*
                    _ => None,
                }
            }

            /// What it means, in Chinese; `None` for a code without a name here.
            #[must_use]
            pub const fn zh(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($zh),)*
                    _ => None,
                }
            }
        }
    };
}

result_codes! {
    OK = 0, "correct", "正确交易";
    FILE_NAME = 10_001, "file name malformed", "文件名错误";
    FILE_VERSION = 10_002, "format version unknown", "文件版本错误";
    FILE_HEADER = 10_003, "header malformed", "文件头错误";
    FILE_COUNT = 10_004, "record count differs from the header", "记录数与文件头不符";
    FILE_LENGTH = 10_005, "record or file length wrong", "记录或文件长度错误";
    FILE_DIGEST = 10_006, "digest differs", "文件摘要不符";
    FILE_SENDER = 10_007, "sender is not the link's", "发送方与链路身份不符";
    FILE_KIND = 10_008, "sender may not send this kind", "无权发送此类文件";
    FILE_REUSED = 10_009, "name already used with other content", "文件名已用于其他内容";
    FILE_LATE = 10_010, "settlement day is closed", "清算日已关闭";
    FORMAT = 20_001, "a field is malformed", "记录格式错误";
    DUPLICATE = 20_002, "duplicate", "交易重复";
    COUNTER_CLASH = 20_003, "same card and counter, other content", "卡计数器重号内容不同";
    ISSUER = 20_004, "issuer or card segment unknown", "发行机构或卡号段未知";
    ACQUIRER = 20_005, "acquirer or merchant category not admitted", "受理机构或商户类型无权";
    TEST_FLAG = 20_006, "test flag differs from the environment", "测试标志与环境不符";
    RIDE_TIME = 20_007, "ride time impossible", "交易时间不合理";
    LATE = 20_008, "ride too old", "交易超期上送";
    AMOUNT = 20_009, "amount outside its limits", "交易金额超限";
    BALANCE = 20_010, "balances or counter do not follow", "余额或计数器不连续";
    TAC = 20_011, "TAC wrong", "交易验证码错误";
    RIDE_CODE = 20_012, "ride code does not verify", "乘车二维码验证失败";
    BLACKLISTED = 20_013, "on the blacklist", "黑名单卡或账户";
    KEY_VERSION = 20_014, "key outside its permit", "密钥超出许可范围";
    DISCOUNT = 20_016, "discount not admitted", "优惠类型或金额不符";
    IMPOSSIBLE_TRAVEL = 20_017, "physically impossible", "时空不可能的交易";
    TRADE_STATE = 20_022, "trade state of block 3 wrong", "段3交易状态有误";
}

impl ResultCode {
    /// The largest number that six digits hold.
    pub const MAX: u32 = 999_999;

    /// Takes a number of at most six digits.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number <= Self::MAX {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this is [`Self::OK`].
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether it speaks of a whole file.
    #[must_use]
    pub const fn is_about_file(self) -> bool {
        self.0 / 10_000 == 1
    }

    /// The error text (错误描述) that records carry: Chinese, empty for a code without a name.
    #[must_use]
    pub fn text(self) -> GbText<40> {
        GbText::fit(self.zh().unwrap_or(""))
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Encoding<ResultCode> for Digits {
    const LETTER: &'static str = "n";

    fn decode(bytes: &[u8]) -> Result<ResultCode, FieldError> {
        let number = <Self as Encoding<u64>>::decode(bytes)?;
        u32::try_from(number)
            .ok()
            .and_then(ResultCode::new)
            .ok_or(FieldError::Value(ValueError::Range {
                what: "result code",
                found: i64::try_from(number).unwrap_or(i64::MAX),
                expected: "six digits",
            }))
    }

    fn encode(value: &ResultCode, out: &mut [u8]) -> Result<(), FieldError> {
        <Self as Encoding<u64>>::encode(&u64::from(value.0), out)
    }

    fn show(value: &ResultCode) -> String {
        match value.en() {
            Some(text) => alloc::format!("{value} {text}"),
            None => alloc::format!("{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_fits_its_field() {
        for code in ResultCode::ALL {
            let zh = code.zh().unwrap();
            assert_eq!(GbText::<40>::new(zh).unwrap().to_string(), zh, "{code}");
            assert!(code.en().unwrap().len() <= 60, "{code}");
        }
    }

    #[test]
    fn numbers_and_texts_are_unique_and_ascending() {
        for pair in ResultCode::ALL.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
        }
        let mut texts: Vec<_> = ResultCode::ALL.iter().map(|code| code.zh()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), ResultCode::ALL.len());
    }

    #[test]
    fn known_official_codes_are_these() {
        for (number, zh) in [
            (0, "正确交易"),
            (20_002, "交易重复"),
            (20_022, "段3交易状态有误"),
        ] {
            assert_eq!(ResultCode::new(number).unwrap().zh(), Some(zh));
        }
    }

    #[test]
    fn a_code_without_a_name_survives() {
        let code: ResultCode = Digits::decode(b"031234").unwrap();
        assert_eq!((code.get(), code.en()), (31_234, None));
        assert!(code.text().is_empty());
        assert_eq!(ResultCode::new(1_000_000), None);
    }
}
