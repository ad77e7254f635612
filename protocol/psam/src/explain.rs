//! A dialogue with a PSAM as a person reads it.
//!
//! Here: every command of the module and its answer. Not here: which module is meant; whoever asks
//! knows that it is one. Factors are a card's number and shown as the other side of a log shows
//! them: in full.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_apdu::{Command, Explanation, Line, Malformed, Response, StatusRow, StatusWord};

use crate::command::{
    COMMANDS, CryptMode, FileNo, KeyPurpose, PURCHASE_DF, ROOT, Request, SelectFile,
};
use crate::layout::{Permit, PsamInfo, PurchaseHead};

/// Explains a command that went to a PSAM, with its answer where there is one; none for what is no
/// command of a module.
#[must_use]
pub fn explain(command: &Command, answer: Option<&Response>) -> Option<Explanation> {
    let info = COMMANDS.iter().find(|info| info.ins == command.ins)?;
    let mut told = Explanation::titled(info.en, info.zh);
    let request = match Request::parse(command) {
        Ok(request) => request,
        Err(Malformed::Class { .. } | Malformed::Instruction { .. }) => return None,
        Err(error) => {
            let value = format!("{error}");
            let line = Line::new("malformed", "格式错误", &command.data, value);
            told.request.push(line);
            return Some(told);
        }
    };
    told.request = asked(&request);
    if let Some(answer) = answer.filter(|answer| answer.sw.is_ok() && !answer.data.is_empty()) {
        told.answer = answered(&request, &answer.data);
    }
    Some(told)
}

/// What a status word means as the answer to this command.
#[must_use]
pub fn meaning(command: &Command, sw: StatusWord) -> Option<&'static StatusRow> {
    let info = COMMANDS.iter().find(|info| info.ins == command.ins)?;
    info.meaning(sw)
}

fn line(en: &str, zh: &str, bytes: &[u8], value: impl Into<String>) -> Line {
    Line::new(en, zh, bytes, value)
}

fn factor_lines(factors: &[[u8; 8]]) -> impl Iterator<Item = Line> + '_ {
    let names = [
        ("card", "用户卡"),
        ("issuer", "发卡机构"),
        ("above the issuer", "上级"),
    ];
    factors.iter().zip(names).map(|(factor, (en, zh))| {
        Line::new(
            format!("factor: {en}"),
            format!("分散因子：{zh}"),
            factor,
            "",
        )
    })
}

fn asked(request: &Request) -> Vec<Line> {
    match request {
        Request::SelectFile(SelectFile::Id(id)) => {
            let name = match *id {
                ROOT => "主目录 root",
                PURCHASE_DF => "消费应用目录 directory of purchases",
                _ => "",
            };
            [line("file", "文件标识", &id.to_be_bytes(), name)].to_vec()
        }
        Request::SelectFile(SelectFile::Name(name)) => [line("name", "名称", name, "")].to_vec(),
        Request::ReadBinary(read) => [
            line("file", "文件", &[read.file.get()], file_name(read.file)),
            line(
                "offset",
                "偏移量",
                &[read.offset],
                format!("{}", read.offset),
            ),
        ]
        .to_vec(),
        Request::GetChallenge(_) | Request::GetResponse(_) => Vec::new(),
        Request::InitPurchase(init) => {
            let head = init
                .head
                .encode()
                .expect("every field is as wide as its value");
            let mut told: Vec<_> = PurchaseHead::describe(&head, 0)
                .into_iter()
                .map(Line::from)
                .collect();
            told.extend(factor_lines(&init.factors));
            told
        }
        Request::CreditPurchase(credit) => [line("MAC2", "MAC2", &credit.mac2, "")].to_vec(),
        Request::DeliverKey(deliver) => {
            let purpose = match deliver.purpose {
                KeyPurpose::TAC => "TAC",
                KeyPurpose::MAC => "MAC",
                KeyPurpose::INTERNAL => "内部认证 internal authentication",
                _ => "",
            };
            let mut told = [
                line("purpose", "密钥用途", &[deliver.purpose.get()], purpose),
                line("key", "密钥标识", &[deliver.key], ""),
            ]
            .to_vec();
            told.extend(factor_lines(&deliver.factors));
            told
        }
        Request::DesCrypt(crypt) => {
            let mode = match crypt.mode {
                CryptMode::Encrypt => "加密 encipher",
                CryptMode::MacLast => "MAC 最后一块 last piece of a MAC",
                CryptMode::EncryptMore => "加密，有后续块 encipher, more follows",
                CryptMode::MacNext => "MAC 下一块 further piece of a MAC",
                CryptMode::MacOnly => "MAC 唯一一块 MAC in one piece",
                CryptMode::MacFirst => "MAC 第一块 first piece of a MAC",
            };
            let data = if crypt.mode.has_iv() {
                "IV, blocks"
            } else {
                "blocks"
            };
            [
                line("mode", "方式", &[crypt.mode.p1()], mode),
                line(data, "数据", &crypt.data, ""),
            ]
            .to_vec()
        }
    }
}

fn file_name(file: FileNo) -> &'static str {
    match file {
        FileNo::SERIAL => "PSAM 序列号 serial number",
        FileNo::TERMINAL => "终端机编号 terminal number",
        FileNo::INFO => "公共应用信息 common data",
        _ => "",
    }
}

fn answered(request: &Request, data: &[u8]) -> Vec<Line> {
    let views = match request {
        Request::InitPurchase(_) => Permit::describe(data, 0),
        Request::ReadBinary(read) if read.file == FileNo::INFO && read.offset == 0 => {
            PsamInfo::describe(data, 0)
        }
        Request::ReadBinary(read) => {
            return [line("contents", "内容", data, file_name(read.file))].to_vec();
        }
        Request::GetChallenge(_) => return [line("random", "随机数", data, "")].to_vec(),
        Request::DesCrypt(crypt) if crypt.mode.is_mac() => {
            return [line("MAC", "MAC", data, "")].to_vec();
        }
        _ => return [line("answer", "应答", data, "")].to_vec(),
    };
    views.into_iter().map(Line::from).collect()
}
