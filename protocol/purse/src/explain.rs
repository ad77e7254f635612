//! A dialogue with an e-purse as a person reads it.
//!
//! Here: every command of the purse and its answer, the files and records that they carry, and
//! FCI and directory. Not here: which application is selected; whoever asks knows that, or
//! SELECT's answer says it. PINs are not shown.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_apdu::select::{Aid, E_CASH, E_PURSE, PPSE};
use tongtu_apdu::tlv::Tag;
use tongtu_apdu::{
    Command, CommandInfo, Explanation, Line, Malformed, Response, StatusRow, StatusWord,
};
use tongtu_codec::FieldView;

use crate::command::{
    COMMANDS, DebitAnswer, DebitData, HostMac, InitData, LoadInit, Proof, PurchaseInit, RecordBy,
    Request, Sfi,
};
use crate::fci::{self, Application, Fci, Node};
use crate::field::{Balance, Kind};
use crate::layout::{
    BUS_ID, BusRecord, HolderInfo, PublicInfo, RAIL_ID, RailRecord, ShanghaiTail, Transaction,
    TransitInfo, Trip,
};
use crate::profile::file_name;

/// Explains a command that went to a purse, with its answer where there is one.
///
/// None for what is no command of a purse: another instruction, or a SELECT that neither names
/// nor finds a purse or the directory.
#[must_use]
pub fn explain(command: &Command, answer: Option<&Response>) -> Option<Explanation> {
    let data = answer
        .filter(|answer| answer.sw.is_ok() || answer.sw.is_warning())
        .map(|answer| &answer.data[..]);
    let plain = plain(command);
    if plain.cla == 0 && plain.ins == 0xA4 {
        return select(&plain, data.unwrap_or_default());
    }
    let request = match Request::parse(&plain) {
        Ok(request) => request,
        Err(Malformed::Class { .. } | Malformed::Instruction { .. }) => return None,
        Err(error) => return malformed(&plain, &error),
    };
    let Some(info) = request.info() else {
        return Some(Explanation::titled(
            "change of the overdraft limit (a passbook's)",
            "修改透支限额（存折）",
        ));
    };
    let mut told = Explanation::titled(info.en, info.zh);
    told.request = asked(&request);
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        told.answer = answered(&request, data);
    }
    Some(told)
}

/// What a status word means as the answer to this command.
#[must_use]
pub fn meaning(command: &Command, sw: StatusWord) -> Option<&'static StatusRow> {
    let plain = plain(command);
    let info = match Request::parse(&plain) {
        Ok(request) => request.info()?,
        Err(_) => *by_instruction(&plain)?,
    };
    let key = match sw.tries() {
        Some(_) => StatusWord::AUTH_FAILED,
        None => sw,
    };
    info.meaning(key)
}

/// The command as on the basic channel.
fn plain(command: &Command) -> Command {
    let mut plain = command.clone();
    if matches!(command.cla, 0x00..=0x07 | 0x80..=0x87) {
        plain.cla &= 0xFC;
    }
    plain
}

fn by_instruction(command: &Command) -> Option<&'static CommandInfo> {
    COMMANDS.iter().find(|info| info.ins == command.ins)
}

fn malformed(command: &Command, error: &Malformed) -> Option<Explanation> {
    let info = by_instruction(command)?;
    let mut told = Explanation::titled(info.en, info.zh);
    let value = format!("{error}");
    told.request
        .push(Line::new("malformed", "格式错误", &command.data, value));
    Some(told)
}

fn lines(views: Vec<FieldView>) -> Vec<Line> {
    views.into_iter().map(Line::from).collect()
}

fn line(en: &str, zh: &str, bytes: &[u8], value: impl Into<String>) -> Line {
    Line::new(en, zh, bytes, value)
}

fn file(sfi: Sfi) -> Line {
    let name = file_name(sfi).map_or_else(String::new, |name| format!("{} {}", name.zh, name.en));
    line("file", "文件", &[sfi.get()], name)
}

fn record(by: RecordBy) -> Line {
    match by {
        RecordBy::Number(number) => line("record", "记录号", &[number], format!("{number}")),
        RecordBy::Id(id) => line("record by id", "记录标识", &[id], ""),
    }
}

fn mac(mac: Option<&[u8; 4]>) -> Option<Line> {
    mac.map(|mac| line("MAC", "MAC", mac, ""))
}

fn hidden(en: &str, zh: &str, len: usize) -> Line {
    line(en, zh, &[], format!("{len} bytes, not shown"))
}

fn init(
    kind: Kind,
    key: u8,
    amount: crate::field::Amount,
    terminal: crate::field::Terminal,
) -> Vec<Line> {
    let data = InitData {
        key,
        amount,
        terminal,
    };
    let bytes = data.encode().expect("every field is as wide as its value");
    let mut told = [line(
        "transaction type",
        "交易类型标识",
        &[],
        format!("{kind}"),
    )]
    .to_vec();
    told.extend(lines(InitData::describe(&bytes, 0)));
    told
}

/// The parts of a command.
fn asked(request: &Request) -> Vec<Line> {
    let command = request.to_command();
    let data = &command.data[..];
    match request {
        Request::ReadBinary(read) => {
            let mut told = [file(read.sfi)].to_vec();
            if read.offset != 0 {
                told.push(line(
                    "offset",
                    "偏移量",
                    &[read.offset],
                    format!("{}", read.offset),
                ));
            }
            told
        }
        Request::UpdateBinary(update) => {
            let mut told = [file(update.sfi)].to_vec();
            told.extend(part(update.sfi, update.offset, &update.data));
            told.extend(mac(update.mac.as_ref()));
            told
        }
        Request::ReadRecord(read) => [file(read.sfi), record(read.record)].to_vec(),
        Request::UpdateRecord(update) => {
            let mut told = [file(update.sfi), record(update.record)].to_vec();
            told.extend(record_lines(update.sfi, &update.data));
            told.extend(mac(update.mac.as_ref()));
            told
        }
        Request::AppendRecord(append) => {
            let mut told = [file(append.sfi)].to_vec();
            told.extend(record_lines(append.sfi, &append.data));
            told.extend(mac(append.mac.as_ref()));
            told
        }
        Request::UpdateCache(update) => {
            let mut told = [file(update.sfi)].to_vec();
            told.push(line("record", "记录号", &[update.record], ""));
            told.extend(record_lines(update.sfi, &update.data));
            told
        }
        Request::GetChallenge(_) | Request::ChangeOverdraft => Vec::new(),
        Request::InternalAuthenticate(auth) => [
            line("key", "密钥索引", &[auth.key], ""),
            line("data", "数据", &auth.data, ""),
        ]
        .to_vec(),
        Request::ExternalAuthenticate(auth) => [
            line("key", "密钥索引", &[auth.key], ""),
            line("cryptogram", "密文", &auth.cryptogram, ""),
        ]
        .to_vec(),
        Request::VerifyPin(verify) => {
            [hidden("PIN", "个人密码", verify.pin.bytes().len())].to_vec()
        }
        Request::ChangePin(change) => [
            hidden("old PIN", "原密码", change.old.bytes().len()),
            hidden("new PIN", "新密码", change.new.bytes().len()),
        ]
        .to_vec(),
        Request::ReloadPin(reload) => {
            let mut told = [hidden("PIN", "个人密码", reload.pin.bytes().len())].to_vec();
            told.extend(mac(Some(&reload.mac)));
            told
        }
        Request::UnblockPin(unblock) => {
            let mut told = [line("enciphered PIN", "密码密文", &unblock.enciphered, "")].to_vec();
            told.extend(mac(Some(&unblock.mac)));
            told
        }
        Request::BlockApplication(block) => {
            let value = if block.permanently {
                "永久 for ever"
            } else {
                "临时 until unblocked"
            };
            let mut told = [line("how long", "方式", &[command.p2], value)].to_vec();
            told.extend(mac(Some(&block.mac)));
            told
        }
        Request::UnblockApplication(_) | Request::BlockCard(_) => {
            [line("MAC", "MAC", data, "")].to_vec()
        }
        Request::GetBalance(get) => {
            let value = match get.kind.p1() {
                0 => "含透支限额 with the overdraft limit",
                1 => "透支限额 the overdraft limit",
                2 => "已透支 overdrawn",
                _ => "不含透支限额 without the overdraft limit",
            };
            [line("which balance", "余额种类", &[command.p1], value)].to_vec()
        }
        Request::InitLoad(i) => init(i.deal().kind, i.key, i.amount, i.terminal),
        Request::InitUnload(i) => init(i.deal().kind, i.key, i.amount, i.terminal),
        Request::InitPurchase(i) => init(i.deal().kind, i.key, i.amount, i.terminal),
        Request::InitComposite(i) => init(i.deal().kind, i.key, i.amount, i.terminal),
        Request::CreditForLoad(_) | Request::DebitForUnload(_) => lines(HostMac::describe(data, 0)),
        Request::Debit(_) => lines(DebitData::describe(data, 0)),
        Request::GetProof(get) => [
            line(
                "transaction type",
                "交易类型标识",
                &[get.kind.0],
                format!("{}", get.kind),
            ),
            line(
                "sequence after it",
                "交易后序号",
                &get.sequence.to_be_bytes(),
                format!("{}", get.sequence),
            ),
        ]
        .to_vec(),
    }
}

/// The parts of an answer.
fn answered(request: &Request, data: &[u8]) -> Vec<Line> {
    let told = match request {
        Request::ReadBinary(read) => part(read.sfi, read.offset, data),
        Request::ReadRecord(read) => record_lines(read.sfi, data),
        Request::GetChallenge(_) => [line("random", "随机数", data, "")].to_vec(),
        Request::InternalAuthenticate(_) => [line("cryptogram", "密文", data, "")].to_vec(),
        Request::GetBalance(_) => match <[u8; 4]>::try_from(data) {
            Ok(bytes) => {
                let fen = Balance::from_bytes(bytes).fen();
                [line("balance", "余额", data, format!("{fen}"))].to_vec()
            }
            Err(_) => Vec::new(),
        },
        Request::InitLoad(_) | Request::InitUnload(_) => lines(LoadInit::describe(data, 0)),
        Request::InitPurchase(_) | Request::InitComposite(_) => {
            lines(PurchaseInit::describe(data, 0))
        }
        Request::CreditForLoad(_) => [line("TAC", "交易验证码", data, "")].to_vec(),
        Request::DebitForUnload(_) => [line("MAC3", "MAC3", data, "")].to_vec(),
        Request::Debit(_) => lines(DebitAnswer::describe(data, 0)),
        Request::GetProof(_) => lines(Proof::describe(data, 0)),
        _ => Vec::new(),
    };
    if told.is_empty() {
        return [line("answer", "应答", data, "")].to_vec();
    }
    told
}

/// The contents of a transparent file from an offset on.
fn part(sfi: Sfi, offset: u8, data: &[u8]) -> Vec<Line> {
    let whole = match sfi {
        _ if offset != 0 => Vec::new(),
        Sfi::PUBLIC => lines(PublicInfo::describe(data, 0)),
        Sfi::HOLDER => lines(HolderInfo::describe(data, 0)),
        Sfi::TRANSIT => lines(TransitInfo::describe(data, 0)),
        _ => Vec::new(),
    };
    if whole.is_empty() {
        return [line("contents", "内容", data, "")].to_vec();
    }
    whole
}

/// A record of a file.
#[must_use]
pub fn record_lines(sfi: Sfi, data: &[u8]) -> Vec<Line> {
    match sfi {
        Sfi::TRANSACTIONS if data.len() == Transaction::LEN => {
            lines(Transaction::describe(data, 0))
        }
        Sfi::TRIPS if data.len() == Trip::LEN => lines(Trip::describe(data, 0)),
        Sfi::COMPOSITE if data.starts_with(&RAIL_ID) => {
            let mut told = lines(RailRecord::describe(data, 0));
            if let Ok(record) = <&[u8; 128]>::try_from(data)
                && RailRecord::shanghai_crc_holds(record)
            {
                let tail = ShanghaiTail::describe(&record[99..], 99);
                told.extend(lines(tail).into_iter().map(|line| line.deeper(1)));
            }
            told
        }
        Sfi::COMPOSITE if data.starts_with(&BUS_ID) => lines(BusRecord::describe(data, 0)),
        _ => [line("record", "记录", data, "")].to_vec(),
    }
}

/// Names of AIDs of this field.
fn aid_name(aid: &[u8]) -> String {
    let named = [
        (PPSE, "PPSE", "近距离支付系统环境"),
        (E_PURSE, "e-purse", "电子钱包"),
        (E_CASH, "e-cash", "电子现金"),
    ];
    named
        .iter()
        .find(|(known, _, _)| aid.starts_with(known.as_bytes()))
        .map_or_else(String::new, |(_, en, zh)| format!("{zh} {en}"))
}

fn select(command: &Command, data: &[u8]) -> Option<Explanation> {
    let found = Fci::parse(data).ok();
    let names = |aid: &[u8], known: Aid| aid.starts_with(known.as_bytes());
    let is_ours = match &found {
        Some(fci) => {
            fci.application() == Application::Purse
                || fci.application() == Application::Other
                    && [PPSE, E_PURSE]
                        .iter()
                        .any(|known| names(fci.aid().as_bytes(), *known))
        }
        None => names(&command.data, E_PURSE) || names(&command.data, PPSE),
    };
    if !is_ours {
        return None;
    }
    let mut told = Explanation::titled("SELECT", "选择");
    let name = aid_name(&command.data);
    told.request
        .push(line("AID", "应用标识", &command.data, name));
    if let Some(fci) = &found {
        node_lines(fci.nodes(), 0, &mut told.answer);
    }
    Some(told)
}

fn tag_name(tag: Tag) -> (&'static str, &'static str) {
    match tag {
        fci::FCI => ("FCI template", "文件控制信息"),
        fci::NAME => ("name (AID)", "应用标识"),
        fci::PROPRIETARY => ("the application's own data", "专用数据"),
        fci::LABEL => ("label", "应用标签"),
        fci::PRIORITY => ("priority", "应用优先级"),
        fci::VERSION => ("application version", "应用版本"),
        fci::DISPLAY_NAME => ("display name", "应用首选名称"),
        fci::ISSUER_DATA => ("public application basic data", "公共应用基本信息"),
        fci::PDOL => ("PDOL", "处理选项数据对象列表"),
        fci::DISCRETIONARY => ("issuer's discretionary data", "发卡行自定义数据"),
        fci::ENTRY => ("application", "应用"),
        fci::ENTRY_AID => ("AID", "应用标识"),
        _ => ("object", "数据对象"),
    }
}

fn node_lines(nodes: &[Node], depth: usize, out: &mut Vec<Line>) {
    for node in nodes {
        match node {
            Node::Padding(len) => {
                let value = format!("{len}");
                out.push(line("zero padding", "补零", &[], value).deeper(depth));
            }
            Node::Template(tag, below) => {
                let (en, zh) = tag_name(*tag);
                out.push(Line::new(format!("{tag} {en}"), zh, &[], "").deeper(depth));
                node_lines(below, depth + 1, out);
            }
            Node::Object(tag, value) => {
                let (en, zh) = tag_name(*tag);
                let text = match *tag {
                    fci::LABEL | fci::DISPLAY_NAME => fci::ascii(value),
                    fci::NAME | fci::ENTRY_AID => aid_name(value),
                    _ => String::new(),
                };
                out.push(Line::new(format!("{tag} {en}"), zh, value, text).deeper(depth));
                if *tag == fci::ISSUER_DATA {
                    let views = lines(PublicInfo::describe(value, 0));
                    out.extend(views.into_iter().map(|line| line.deeper(depth + 1)));
                }
            }
        }
    }
}
