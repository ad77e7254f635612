//! Commands as ISO/IEC 7816-4 and GlobalPlatform name them, for what no application of ours knows.

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, ISSUER_DOMAIN, PPSE};
use tongtu_apdu::tlv::{self, Object, Tag};
use tongtu_apdu::{Command, Explanation, Line, Response};

use super::tags;

/// Instructions by number. Source: ISO/IEC 7816-4 §5.4.2, GP 2.3.1 §11, JR/T 0025.
const INSTRUCTIONS: &[(u8, &str, &str)] = &[
    (0x16, "CARD BLOCK", "卡片锁定"),
    (0x18, "APPLICATION UNBLOCK", "应用解锁"),
    (0x1E, "APPLICATION BLOCK", "应用锁定"),
    (0x20, "VERIFY", "校验密码"),
    (0x24, "PIN CHANGE/UNBLOCK", "密码修改／解锁"),
    (0x50, "INITIALIZE", "交易初始化"),
    (0x52, "CREDIT", "圈存"),
    (0x54, "DEBIT", "扣款"),
    (0x5A, "GET TRANSACTION PROVE", "取交易认证"),
    (0x5C, "GET BALANCE", "查询余额"),
    (0x5E, "CHANGE/RELOAD PIN", "修改／重装密码"),
    (0x70, "MANAGE CHANNEL", "管理逻辑通道"),
    (0x82, "EXTERNAL AUTHENTICATE", "外部认证"),
    (0x84, "GET CHALLENGE", "取随机数"),
    (0x86, "GENERAL AUTHENTICATE", "通用认证"),
    (0x88, "INTERNAL AUTHENTICATE", "内部认证"),
    (0xA4, "SELECT", "选择"),
    (0xA8, "GET PROCESSING OPTIONS", "取处理选项"),
    (0xAE, "GENERATE AC", "生成应用密文"),
    (0xB0, "READ BINARY", "读二进制文件"),
    (0xB2, "READ RECORD", "读记录"),
    (0xC0, "GET RESPONSE", "取应答"),
    (0xCA, "GET DATA", "取数据"),
    (0xCB, "GET DATA", "取数据"),
    (0xD6, "UPDATE BINARY", "写二进制文件"),
    (0xD8, "PUT KEY", "写密钥"),
    (0xDA, "PUT DATA", "写数据"),
    (0xDC, "UPDATE RECORD", "写记录"),
    (0xE2, "APPEND RECORD / STORE DATA", "追加记录／存储数据"),
    (0xE4, "DELETE", "删除"),
    (0xE6, "INSTALL", "安装"),
    (0xE8, "LOAD", "装载"),
    (0xF0, "SET STATUS", "设置状态"),
    (0xF2, "GET STATUS", "取状态"),
];

/// Names of applications, the longest that fits first.
const NAMES: &[(Aid, &str, &str)] = &[
    (
        PPSE,
        "directory of contactless applications (PPSE)",
        "近距离支付系统环境 (PPSE)",
    ),
    (E_PURSE, "T-Union e-purse", "交通联合电子钱包"),
    (E_CASH, "T-Union e-cash", "交通联合电子现金"),
    (ISSUER_DOMAIN, "issuer security domain", "主安全域"),
    (
        Aid::new(&[0xA0, 0x00, 0x00, 0x06, 0x32, 0x4D, 0x4F, 0x54]),
        "T-Union PSAM",
        "交通联合 PSAM",
    ),
    (
        Aid::new(&[0xA0, 0x00, 0x00, 0x00, 0x03, 0x86, 0x98, 0x07, 0x01]),
        "city union card (CJ/T)",
        "住建部城市一卡通",
    ),
    (
        Aid::new(&[0xA0, 0x00, 0x00, 0x03, 0x33]),
        "UnionPay",
        "银联",
    ),
];

/// Explains a command that is an APDU.
pub(super) fn explain(command: &Command, response: Option<&Response>) -> Explanation {
    let named = INSTRUCTIONS.iter().find(|(ins, ..)| *ins == command.ins);
    let mut explanation = match named {
        Some((_, en, zh)) => Explanation::titled(*en, *zh),
        None => Explanation::titled(
            format!("INS {:02X}", command.ins),
            format!("指令 {:02X}", command.ins),
        ),
    };
    let title = format!("{:02X} {:02X}", command.cla, command.ins);
    explanation.request = match (command.ins, command.p1) {
        (0xA4, 0x04) => vec![name_line(&command.data)],
        (0xB0 | 0xD6, p1) if p1 & 0xE0 == 0x80 => {
            let mut lines = vec![
                Line::new("file", "文件", &[p1], format!("SFI {:#04x}", p1 & 0x1F)),
                Line::new("offset", "偏移", &[command.p2], command.p2.to_string()),
            ];
            lines.extend(data_line(command));
            lines
        }
        (0xB2 | 0xDC, number) => {
            let sfi = command.p2 >> 3;
            let mut lines = vec![
                Line::new("record", "记录号", &[number], number.to_string()),
                Line::new("file", "文件", &[command.p2], format!("SFI {sfi:#04x}")),
            ];
            lines.extend(data_line(command));
            lines
        }
        (0xCA, _) => vec![tag_line(&[command.p1, command.p2])],
        _ => {
            let header = command.header();
            let mut lines = vec![Line::new(
                "P1 P2",
                "P1 P2",
                header.get(2..).unwrap_or_default(),
                String::new(),
            )];
            lines.extend(data_line(command));
            lines
        }
    };
    if named.is_none() {
        let line = Line::new("CLA INS", "CLA INS", &[command.cla, command.ins], title);
        explanation.request.insert(0, line);
    }
    if let Some(response) = response {
        explanation.answer = answer(&response.data);
    }
    explanation
}

/// Explains bytes that are no APDU as far as they go.
pub(super) fn unreadable(command: &[u8], response: Option<&Response>) -> Explanation {
    let mut explanation = Explanation::titled("unreadable command", "无法识别的命令");
    explanation
        .request
        .push(Line::new("bytes", "字节", command, ""));
    if let Some(response) = response {
        explanation.answer = answer(&response.data);
    }
    explanation
}

/// An answer as a tree of objects if it is one whole template, else as bytes.
pub(super) fn answer(data: &[u8]) -> Vec<Line> {
    if data.is_empty() {
        return Vec::new();
    }
    let whole = tlv::read(data).ok().filter(|(object, rest)| {
        let known = tags::name(object.tag).is_some();
        known && rest.iter().all(|byte| *byte == 0)
    });
    match whole {
        Some((object, _)) => {
            let mut lines = Vec::new();
            tree(object, 0, &mut lines);
            lines
        }
        None => vec![Line::new("data", "数据", data, text_of(data))],
    }
}

fn tree(object: Object<'_>, depth: usize, lines: &mut Vec<Line>) {
    let (en, zh) = tags::name(object.tag).unwrap_or(("object", "数据对象"));
    let title = |name: &str| format!("{} {name}", object.tag);
    let inside = inside(object);
    let bytes = if inside.is_empty() { object.value } else { &[] };
    let value = match object.tag.value() {
        0x84 | 0x4F => name_of(object.value).map_or_else(|| text_of(object.value), known_name),
        _ if inside.is_empty() => {
            tags::value(object.tag, object.value).unwrap_or_else(|| text_of(object.value))
        }
        _ => String::new(),
    };
    lines.push(Line::new(title(en), title(zh), bytes, value).deeper(depth));
    for object in inside {
        tree(object, depth + 1, lines);
    }
}

/// The objects inside a template, if it holds nothing else.
fn inside(object: Object<'_>) -> Vec<Object<'_>> {
    if !object.tag.is_constructed() {
        return Vec::new();
    }
    let inside: Result<Vec<_>, _> = tlv::objects(object.value).collect();
    inside.unwrap_or_default()
}

fn name_line(aid: &[u8]) -> Line {
    let value = name_of(aid).map_or_else(|| text_of(aid), known_name);
    Line::new("application", "应用", aid, value)
}

/// A name that is the same in both languages would do; a value has one, so both stand in it.
fn known_name((en, zh): (&str, &str)) -> String {
    format!("{zh} {en}")
}

fn name_of(aid: &[u8]) -> Option<(&'static str, &'static str)> {
    if aid.is_empty() {
        return Some(("issuer security domain", "主安全域"));
    }
    let known = NAMES.iter().find(|(known, ..)| {
        aid.starts_with(known.as_bytes()) || (aid.len() >= 5 && known.starts_with(aid))
    });
    known.map(|(_, en, zh)| (*en, *zh))
}

fn tag_line(tag: &[u8]) -> Line {
    // One byte of a tag stands in P2 alone.
    let written = match tag {
        [0, low] => std::slice::from_ref(low),
        _ => tag,
    };
    let name = Tag::read(written).ok().and_then(|(tag, _)| tags::name(tag));
    Line::new(
        "tag",
        "标签",
        tag,
        name.map_or_else(String::new, known_name),
    )
}

fn data_line(command: &Command) -> Option<Line> {
    let data = &command.data;
    (!data.is_empty()).then(|| Line::new("data", "数据", data, text_of(data)))
}

/// Bytes that are printable text, in quotes; else nothing, the hex says it.
fn text_of(bytes: &[u8]) -> String {
    let printable = bytes.len() >= 3 && bytes.iter().all(|byte| (0x20..0x7F).contains(byte));
    if printable {
        format!("\"{}\"", String::from_utf8_lossy(bytes))
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_template_is_bytes() {
        let lines = answer(&[0x00, 0x00, 0x0A, 0xC3]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].bytes, [0x00, 0x00, 0x0A, 0xC3]);
        assert!(answer(&[]).is_empty());
    }

    #[test]
    fn a_template_is_a_tree_and_padding_after_it_is_no_harm() {
        let lines = answer(&[0x6F, 0x05, 0x84, 0x03, b'a', b'b', b'c', 0, 0]);
        let depths: Vec<_> = lines.iter().map(|line| line.depth).collect();
        assert_eq!(depths, [0, 1]);
        assert_eq!(lines[1].value, "\"abc\"");
    }
}
