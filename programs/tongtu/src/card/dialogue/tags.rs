//! Names and values of BER-TLV objects that cards of the field answer with.
//!
//! Here: what the dictionary of the e-cash does not have.

use tongtu_apdu::tlv::Tag;
use tongtu_ecash::element::element;

/// A tag's name in both languages.
pub(super) fn name(tag: Tag) -> Option<(&'static str, &'static str)> {
    let own = NAMES.iter().find(|(number, ..)| *number == tag.value());
    let own = own.map(|(_, en, zh)| (*en, *zh));
    own.or_else(|| element(tag).map(|element| (element.en, element.zh)))
}

/// A value in words; nothing where the bytes say it all.
pub(super) fn value(tag: Tag, value: &[u8]) -> Option<String> {
    Some(element(tag)?.show(value)).filter(|shown| !shown.is_empty())
}

/// By tag. Source: ISO/IEC 7816-4, GP 2.3.1.
const NAMES: &[(u32, &str, &str)] = &[
    (0x06, "object identifier", "对象标识符"),
    (0x42, "issuer identification number", "发卡方标识号"),
    (0x45, "card image number", "卡映像号"),
    (0x60, "card management type and version", "卡管理类型与版本"),
    (0x61, "directory entry", "目录入口"),
    (0x63, "card identification scheme", "卡识别方案"),
    (0x64, "secure channel protocol", "安全通道协议"),
    (0x66, "card data", "卡数据"),
    (0x73, "card recognition data", "卡识别数据"),
    (0x88, "short file identifier", "短文件标识"),
    (0xE3, "registry entry", "注册表项"),
    (
        0x9F0C,
        "issuer's own data: public basic data (0x15)",
        "发卡方自定义数据：公共应用基本信息 (0x15)",
    ),
    (0x9F65, "longest command data field", "命令数据域最大长度"),
    (0x9F7F, "card production life cycle data", "卡生产周期数据"),
];
