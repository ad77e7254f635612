//! The dictionary of data elements, as data: tag, names, form, length.

use alloc::format;
use alloc::string::{String, ToString as _};

use tongtu_apdu::tlv::Tag;
use tongtu_codec::hex_encode;

use crate::{Amount, tag};

/// How the bytes of an element are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `b`: bytes.
    Binary,
    /// `n`: packed digits, zero-filled on the left.
    Digits,
    /// `n12`: an amount in fen.
    Money,
    /// `n6`: a date YYMMDD.
    Date,
    /// `cn`: packed digits, F-filled on the right.
    Number,
    /// `an`, `ans`: text.
    Text,
    /// A data object list.
    List,
    /// Further objects.
    Template,
}

impl Form {
    /// The standards' letter.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Binary => "b",
            Self::Digits | Self::Date => "n",
            Self::Money => "n12",
            Self::Number => "cn",
            Self::Text => "ans",
            Self::List => "DOL",
            Self::Template => "TLV",
        }
    }
}

/// One line of the dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// Its tag.
    pub tag: Tag,
    /// English name.
    pub en: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// Its form.
    pub form: Form,
    /// Fewest bytes.
    pub min: usize,
    /// Most bytes.
    pub max: usize,
}

macro_rules! dictionary {
    ($($tag:ident $form:ident $min:literal..$max:literal $en:literal $zh:literal;)*) => {
        /// Every element that this crate has a name for, by tag.
        pub const DICTIONARY: &[Element] = &[$(Element {
            tag: tag::$tag, en: $en, zh: $zh, form: Form::$form, min: $min, max: $max,
        }),*];
    };
}

dictionary! {
    AID Binary 5..16 "application identifier" "应用标识符";
    LABEL Text 1..16 "application label" "应用标签";
    TRACK2 Binary 1..19 "track 2 equivalent data" "二磁道等价数据";
    PAN Number 1..10 "primary account number" "主账号";
    FCI Template 0..255 "FCI template" "文件控制信息模板";
    RECORD Template 0..255 "record" "记录模板";
    SCRIPT1 Template 0..255 "issuer script, before the final AC" "发卡行脚本模板1";
    SCRIPT2 Template 0..255 "issuer script, after the final AC" "发卡行脚本模板2";
    ANSWER Template 0..255 "answer" "响应报文模板";
    ANSWER_PLAIN Binary 0..255 "answer without tags" "响应报文模板（无标签）";
    AIP Binary 2..2 "application interchange profile" "应用交互特征";
    COMMAND Binary 0..255 "command template" "命令模板";
    DF_NAME Binary 5..16 "DF name" "专用文件名称";
    PRIORITY Binary 1..1 "application priority" "应用优先指示器";
    ARC Text 2..2 "authorisation response code" "授权响应码";
    CDOL1 List 0..252 "card risk management list 1" "卡片风险管理数据对象列表1";
    CDOL2 List 0..252 "card risk management list 2" "卡片风险管理数据对象列表2";
    CVM_LIST Binary 10..252 "cardholder verification methods" "持卡人验证方法列表";
    CA_INDEX Binary 1..1 "CA public key index" "认证中心公钥索引";
    ISSUER_CERTIFICATE Binary 128..248 "issuer public key certificate" "发卡行公钥证书";
    ISSUER_AUTHENTICATION Binary 8..16 "issuer authentication data" "发卡行认证数据";
    ISSUER_REMAINDER Binary 0..248 "issuer public key remainder" "发卡行公钥余数";
    SIGNED_STATIC Binary 67..248 "signed static application data" "签名的静态应用数据";
    AFL Binary 4..252 "application file locator" "应用文件定位器";
    TVR Binary 5..5 "terminal verification results" "终端验证结果";
    DATE Date 3..3 "transaction date" "交易日期";
    TRANSACTION_TYPE Digits 1..1 "transaction type" "交易类型";
    FCI_PROPRIETARY Template 0..255 "FCI proprietary template" "文件控制信息专用模板";
    HOLDER Text 2..26 "cardholder name" "持卡人姓名";
    EXPIRY Date 3..3 "application expiration date" "应用失效日期";
    EFFECTIVE Date 3..3 "application effective date" "应用生效日期";
    ISSUER_COUNTRY Digits 2..2 "issuer country code" "发卡行国家代码";
    CURRENCY Digits 2..2 "transaction currency code" "交易货币代码";
    LANGUAGE Text 2..8 "language preference" "首选语言";
    SERVICE_CODE Digits 2..2 "service code" "服务码";
    PAN_SEQUENCE Digits 1..1 "PAN sequence number" "主账号序列号";
    AMOUNT Money 6..6 "amount, authorised" "授权金额";
    AMOUNT_OTHER Money 6..6 "amount, other" "其他金额";
    USAGE Binary 2..2 "application usage control" "应用用途控制";
    VERSION Binary 2..2 "application version number" "应用版本号";
    IAC_DEFAULT Binary 5..5 "issuer action code, default" "发卡行行为代码（缺省）";
    IAC_DENIAL Binary 5..5 "issuer action code, denial" "发卡行行为代码（拒绝）";
    IAC_ONLINE Binary 5..5 "issuer action code, online" "发卡行行为代码（联机）";
    IAD Binary 0..32 "issuer application data" "发卡行应用数据";
    CODE_TABLE Digits 1..1 "issuer code table index" "发卡行代码表索引";
    PREFERRED_NAME Text 1..16 "application preferred name" "应用首选名称";
    LAST_ONLINE_ATC Binary 2..2 "last online ATC register" "上次联机应用交易序号寄存器";
    PIN_TRIES Binary 1..1 "PIN try counter" "PIN尝试计数器";
    TERMINAL_COUNTRY Digits 2..2 "terminal country code" "终端国家代码";
    TIME Digits 3..3 "transaction time" "交易时间";
    CRYPTOGRAM Binary 8..8 "application cryptogram" "应用密文";
    CID Binary 1..1 "cryptogram information data" "密文信息数据";
    ISSUER_EXPONENT Binary 1..3 "issuer public key exponent" "发卡行公钥指数";
    ATC Binary 2..2 "application transaction counter" "应用交易计数器";
    UNPREDICTABLE Binary 4..4 "unpredictable number" "不可预知数";
    PDOL List 0..252 "processing options list" "处理选项数据对象列表";
    APP_CURRENCY_EMV Digits 2..2 "application currency code (EMV)" "应用货币代码（EMV）";
    CURRENCY_EXPONENT Digits 1..2 "application currency exponent" "应用货币指数";
    ICC_CERTIFICATE Binary 128..248 "ICC public key certificate" "IC卡公钥证书";
    ICC_EXPONENT Binary 1..3 "ICC public key exponent" "IC卡公钥指数";
    ICC_REMAINDER Binary 0..248 "ICC public key remainder" "IC卡公钥余数";
    DDOL List 0..252 "dynamic data authentication list" "动态数据认证数据对象列表";
    SDA_TAGS Binary 0..252 "static data authentication tags" "静态数据认证标签列表";
    SIGNED_DYNAMIC Binary 67..248 "signed dynamic application data" "签名的动态应用数据";
    ICC_DYNAMIC Binary 2..8 "ICC dynamic number" "IC卡动态数";
    LOG_ENTRY Binary 2..2 "transaction log entry" "交易日志入口";
    MERCHANT Text 0..20 "merchant name" "商户名称";
    LOG_FORMAT List 0..252 "transaction log format" "交易日志格式";
    APP_CURRENCY Digits 2..2 "application currency code" "应用货币代码";
    DEFAULT_ACTION Binary 2..6 "application default action" "应用缺省行为";
    AVAILABLE Money 6..6 "available offline amount" "可用脱机消费金额";
    HOLDER_ID Text 1..40 "holder's id number" "持卡人证件号";
    HOLDER_ID_KIND Digits 1..1 "holder's id kind" "持卡人证件类型";
    PRODUCT Binary 16..16 "card product information" "卡产品标识信息";
    TTQ Binary 4..4 "terminal transaction qualifiers" "终端交易属性";
    ADDITIONAL_PROCESSING Binary 4..4 "card additional processing" "卡片附加处理";
    CARD_AUTHENTICATION Binary 1..16 "card authentication related data" "卡片认证相关数据";
    CVM_LIMIT Money 6..6 "card CVM limit" "卡片CVM限额";
    CTQ Binary 2..2 "card transaction qualifiers" "卡片交易属性";
    RESET_THRESHOLD Money 6..6 "e-cash reset threshold" "电子现金重置阈值";
    AUTHORISATION_CODE Text 6..6 "e-cash issuer authorisation code" "电子现金发卡行授权码";
    BALANCE_CAP Money 6..6 "e-cash balance cap" "电子现金余额上限";
    SINGLE_LIMIT Money 6..6 "e-cash limit of one transaction" "电子现金单笔交易限额";
    BALANCE Money 6..6 "e-cash balance" "电子现金余额";
    TERMINAL_ECASH Digits 1..1 "terminal supports e-cash" "电子现金终端支持指示器";
    TERMINAL_LIMIT Money 6..6 "e-cash terminal limit" "电子现金终端交易限额";
    FCI_DISCRETIONARY Template 0..222 "FCI issuer discretionary data" "发卡行自定义数据";
    TRANSPORT Binary 32..32 "transport data" "交通数据";
    SCRIPT_RESULT Binary 5..5 "issuer script result" "发卡行脚本结果";
    LOAD_LOG_ENTRY Binary 2..2 "load log entry" "圈存日志入口";
    LOAD_LOG_FORMAT List 0..252 "load log format" "圈存日志格式";
    COMPOSITE Binary 1..1 "composite indicator" "CAPP交易指示位";
    COMPOSITE_SUPPORT Binary 1..1 "segmented-fare support" "分段扣费应用标识";
    OFFSET_LIMIT Money 6..6 "segmented-fare offset limit" "分段扣费抵扣限额";
    OFFSET_USED Money 6..6 "segmented-fare offset used" "分段扣费已抵扣额";
    SM_SUPPORT Binary 1..1 "domestic algorithm support" "国密算法支持指示器";
}

/// What the dictionary says of a tag.
#[must_use]
pub fn element(tag: Tag) -> Option<&'static Element> {
    DICTIONARY.iter().find(|element| element.tag == tag)
}

/// Whether an element is digits, which a list fits on the left.
#[must_use]
pub fn is_digits(tag: Tag) -> bool {
    matches!(
        element(tag).map(|element| element.form),
        Some(Form::Digits | Form::Money | Form::Date)
    )
}

impl Element {
    /// Whether a value has a length that the element may have.
    #[must_use]
    pub fn fits(&self, value: &[u8]) -> bool {
        (self.min..=self.max).contains(&value.len())
    }

    /// The value as a person reads it; bytes that say nothing more stay hex.
    #[must_use]
    pub fn show(&self, value: &[u8]) -> String {
        let hex = || hex_encode(value).to_uppercase();
        match self.form {
            Form::Money => Amount::decode(value).map_or_else(|_| hex(), |a| a.to_string()),
            Form::Date => match value {
                [y, m, d] => format!("20{y:02X}-{m:02X}-{d:02X}"),
                _ => hex(),
            },
            Form::Text => match core::str::from_utf8(value) {
                Ok(text) if text.chars().all(|c| !c.is_control()) => text.into(),
                _ => hex(),
            },
            Form::Number => {
                let mut digits = hex();
                while digits.ends_with('F') {
                    digits.pop();
                }
                mask(&digits)
            }
            Form::Template => String::new(),
            Form::Binary if self.tag == tag::TRACK2 => {
                let text = hex();
                let (number, rest) = text.split_once('D').unwrap_or((text.as_str(), ""));
                format!("{}D{}", mask(number), "*".repeat(rest.len()))
            }
            Form::Digits | Form::Binary | Form::List => hex(),
        }
    }
}

/// A number with its middle digits hidden, as the house prints card numbers.
fn mask(digits: &str) -> String {
    let len = digits.chars().count();
    digits
        .chars()
        .enumerate()
        .map(|(at, c)| {
            if len >= 13 && (6..len - 4).contains(&at) {
                '*'
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_stands_once_and_has_names_and_a_length() {
        for (i, line) in DICTIONARY.iter().enumerate() {
            assert!(
                DICTIONARY[..i].iter().all(|other| other.tag != line.tag),
                "{} is there twice",
                line.tag
            );
            assert!(!line.en.is_empty() && !line.zh.is_empty() && line.min <= line.max);
            assert_eq!(
                line.form == Form::Template,
                line.tag.is_constructed(),
                "{}",
                line.tag
            );
        }
    }

    #[test]
    fn values_are_shown_and_numbers_are_masked() {
        let show = |tag, hex: &str| {
            element(tag)
                .expect("in the dictionary")
                .show(&tongtu_codec::hex_decode(hex).expect("hex"))
        };
        assert_eq!(show(tag::EXPIRY, "401231"), "2040-12-31");
        assert_eq!(
            show(tag::PAN, "6217000000000000012F"),
            "621700*********0012"
        );
        assert!(!show(tag::TRACK2, "6217000000000000012D40122200000079900F").contains("4012"));
        assert_eq!(show(tag::AUTHORISATION_CODE, "454343303031"), "ECC001");
        assert_eq!(show(tag::AMOUNT, "0A"), "0A");
    }
}
