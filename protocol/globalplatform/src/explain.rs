//! A GlobalPlatform dialogue as a person reads it.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use tongtu_apdu::select::Aid;
use tongtu_apdu::tlv;
use tongtu_apdu::{CardCommand, Command, Explanation, Line, Malformed, Response};

use crate::command::{
    BeginRMac, Delete, DeleteTarget, EndRMac, Entry, ExternalAuthenticate, GetData, GetStatus,
    InitializeUpdate, Install, Load, ManageChannel, ManagementAnswer, PutKey, Scope, SetStatus,
    StatusTarget, StoreData,
};
use crate::ins;
use crate::key::{KeyInfo, read_key_information};
use crate::life_cycle::{CardState, State};
use crate::privilege::Privileges;
use crate::recognition::Recognition;
use crate::scp::{CardHalf, SecurityLevel};

/// Explains a command that a security domain handles, and its answer; `None` when the
/// instruction is not one of GlobalPlatform's.
///
/// A command under secure messaging is named and its fields are not read: they may be
/// enciphered, and what is shown of a MAC is its bytes. Instruction 50 is also the e-purse's:
/// who explains must know what is selected, or ask here only for eight data bytes.
#[must_use]
pub fn explain(command: &Command, answer: Option<&Response>) -> Option<Explanation> {
    let data = answer
        .filter(|answer| answer.sw.is_ok() || answer.sw.is_warning())
        .map(|answer| &answer.data[..]);
    let mut plain = command.clone();
    plain.cla = match command.cla {
        cla @ (0x40..=0x7F | 0xC0..=0xFF) => cla & 0x80,
        cla => cla & 0x84,
    };
    if plain.cla & 0x04 != 0 && plain.ins != ins::EXTERNAL_AUTHENTICATE {
        return protected(&plain, data);
    }
    Some(match plain.ins {
        ins::INITIALIZE_UPDATE => typed(&plain, data, initialize_update, initialize_answer),
        ins::EXTERNAL_AUTHENTICATE => typed(&plain, data, external_authenticate, nothing),
        ins::GET_DATA => typed(&plain, data, get_data, |request, data| {
            get_data_answer(request, data)
        }),
        ins::GET_STATUS => typed(&plain, data, get_status, get_status_answer),
        ins::SET_STATUS => typed(&plain, data, set_status, nothing),
        ins::INSTALL => typed(&plain, data, install, management_answer),
        ins::LOAD => typed(&plain, data, load, management_answer),
        ins::DELETE => typed(&plain, data, delete, management_answer),
        ins::PUT_KEY => typed(&plain, data, put_key, put_key_answer),
        ins::STORE_DATA => typed(&plain, data, store_data, raw_answer),
        ins::MANAGE_CHANNEL => typed(&plain, data, manage_channel, manage_channel_answer),
        ins::BEGIN_R_MAC => typed(&plain, data, |_: &BeginRMac| Vec::new(), nothing),
        ins::END_R_MAC => typed(&plain, data, |_: &EndRMac| Vec::new(), nothing),
        _ => return None,
    })
}

fn typed<C: CardCommand>(
    command: &Command,
    data: Option<&[u8]>,
    request: impl Fn(&C) -> Vec<Line>,
    answer: impl Fn(&C, &[u8]) -> Vec<Line>,
) -> Explanation {
    let mut out = Explanation::titled(C::NAME, C::NAME_ZH);
    match C::from_command(command) {
        Ok(read) => {
            out.request = request(&read);
            if let Some(data) = data.filter(|data| !data.is_empty()) {
                out.answer = answer(&read, data);
            }
        }
        Err(error) => {
            out.request.push(wrong(&command.data, &error));
            if let Some(data) = data.filter(|data| !data.is_empty()) {
                out.answer.push(Line::new("answer", "响应", data, ""));
            }
        }
    }
    out
}

fn wrong(bytes: &[u8], error: &Malformed) -> Line {
    Line::new("not as defined", "不符合定义", bytes, error.to_string())
}

fn protected(command: &Command, data: Option<&[u8]>) -> Option<Explanation> {
    let (en, zh) = names(command.ins)?;
    let mut out = Explanation::titled(format!("{en}, protected"), format!("{zh}（安全报文）"));
    let (body, mac) = match command.data.split_last_chunk::<8>() {
        Some((body, mac)) => (body, &mac[..]),
        None => (&command.data[..], &[][..]),
    };
    if !body.is_empty() {
        out.request.push(Line::new(
            "data, perhaps enciphered",
            "数据（可能已加密）",
            body,
            "",
        ));
    }
    out.request.push(Line::new("MAC", "MAC", mac, ""));
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        out.answer.push(Line::new(
            "answer, perhaps protected",
            "响应（可能受保护）",
            data,
            "",
        ));
    }
    Some(out)
}

fn names(instruction: u8) -> Option<(&'static str, &'static str)> {
    Some(match instruction {
        ins::GET_DATA => (GetData::NAME, GetData::NAME_ZH),
        ins::GET_STATUS => (GetStatus::NAME, GetStatus::NAME_ZH),
        ins::SET_STATUS => (SetStatus::NAME, SetStatus::NAME_ZH),
        ins::INSTALL => (Install::NAME, Install::NAME_ZH),
        ins::LOAD => (Load::NAME, Load::NAME_ZH),
        ins::DELETE => (Delete::NAME, Delete::NAME_ZH),
        ins::PUT_KEY => (PutKey::NAME, PutKey::NAME_ZH),
        ins::STORE_DATA => (StoreData::NAME, StoreData::NAME_ZH),
        ins::BEGIN_R_MAC => (BeginRMac::NAME, BeginRMac::NAME_ZH),
        ins::END_R_MAC => (EndRMac::NAME, EndRMac::NAME_ZH),
        _ => return None,
    })
}

fn nothing<C>(_: &C, _: &[u8]) -> Vec<Line> {
    Vec::new()
}

fn raw_answer<C>(_: &C, data: &[u8]) -> Vec<Line> {
    alloc::vec![Line::new("data", "数据", data, "")]
}

fn words((en, zh): (&str, &str)) -> String {
    format!("{en} {zh}")
}

fn aid_line(en: &str, zh: &str, aid: &Aid) -> Line {
    Line::new(en, zh, aid.as_bytes(), known(aid))
}

/// AIDs that everyone should recognise.
fn known(aid: &Aid) -> &'static str {
    use tongtu_apdu::select::{E_CASH, E_PURSE, ISSUER_DOMAIN, PPSE};
    match *aid {
        ISSUER_DOMAIN => "issuer domain 主安全域",
        E_PURSE => "e-purse 电子钱包",
        E_CASH => "e-cash 电子现金",
        PPSE => "PPSE 近距离支付系统环境",
        _ => "",
    }
}

fn privileges_line(bytes: &[u8]) -> Line {
    let value = match Privileges::parse(bytes) {
        Ok(set) => {
            let names: Vec<String> = set.iter().map(|p| words(p.names())).collect();
            if names.is_empty() {
                "none 无".to_string()
            } else {
                names.join(", ")
            }
        }
        Err(error) => error.to_string(),
    };
    Line::new("privileges", "权限", bytes, value)
}

fn level_words(level: SecurityLevel) -> String {
    let mut parts = Vec::new();
    for (on, name) in [
        (level.c_mac(), "C-MAC"),
        (level.c_enc(), "C-ENC"),
        (level.r_mac(), "R-MAC"),
        (level.r_enc(), "R-ENC"),
    ] {
        if on {
            parts.push(name);
        }
    }
    if parts.is_empty() {
        "authentication only 仅认证".to_string()
    } else {
        parts.join(" + ")
    }
}

fn initialize_update(request: &InitializeUpdate) -> Vec<Line> {
    let version = match request.key_version {
        0 => "the first there is 首个".to_string(),
        n => format!("{n:02X}"),
    };
    alloc::vec![
        Line::new("key version", "密钥版本", &[request.key_version], version),
        Line::new("host challenge", "主机随机数", &request.host_challenge, ""),
    ]
}

fn initialize_answer(_: &InitializeUpdate, data: &[u8]) -> Vec<Line> {
    let answer = match InitializeUpdate::answer(data) {
        Ok(answer) => answer,
        Err(error) => {
            return alloc::vec![Line::new("answer", "响应", data, error.to_string())];
        }
    };
    let mut out = alloc::vec![
        Line::new("diversification", "分散数据", &answer.diversification, ""),
        Line::new(
            "key version",
            "密钥版本",
            &[answer.key_version],
            format!("{:02X}", answer.key_version),
        ),
    ];
    match &answer.card {
        CardHalf::Scp02 {
            counter,
            challenge,
            cryptogram,
        } => {
            out.push(Line::new("protocol", "协议", &[2], "SCP02"));
            out.push(Line::new(
                "sequence counter",
                "序列计数器",
                &counter.to_be_bytes(),
                counter.to_string(),
            ));
            out.push(Line::new("card challenge", "卡随机数", challenge, ""));
            out.push(Line::new("card cryptogram", "卡密文", cryptogram, ""));
        }
        CardHalf::Scp03 {
            i,
            challenge,
            cryptogram,
            counter,
        } => {
            out.push(Line::new(
                "protocol",
                "协议",
                &[3, *i],
                format!("SCP03 i={i:02X}"),
            ));
            out.push(Line::new("card challenge", "卡随机数", challenge, ""));
            out.push(Line::new("card cryptogram", "卡密文", cryptogram, ""));
            if let Some(counter) = counter {
                out.push(Line::new("sequence counter", "序列计数器", counter, ""));
            }
        }
    }
    out
}

fn external_authenticate(request: &ExternalAuthenticate) -> Vec<Line> {
    alloc::vec![
        Line::new(
            "security level",
            "安全级别",
            &[request.level.byte()],
            level_words(request.level),
        ),
        Line::new("host cryptogram", "主机密文", &request.cryptogram, ""),
        Line::new("MAC", "MAC", &request.mac, ""),
    ]
}

fn data_object(tag: u16) -> (&'static str, &'static str) {
    match tag {
        0x0042 => ("issuer identification number", "发行方标识"),
        0x0045 => ("card image number", "卡映像号"),
        0x0066 => ("card data", "卡数据"),
        0x0067 => ("card capability", "卡能力"),
        0x00E0 => ("key information", "密钥信息"),
        0x00C1 => ("sequence counter", "序列计数器"),
        0x00C2 => ("confirmation counter", "确认计数器"),
        0x00D3 => ("current security level", "当前安全级别"),
        0x2F00 => ("list of applications", "应用列表"),
        0xFF21 => ("memory resources", "存储资源"),
        0x5F50 => ("security domain manager's address", "安全域管理地址"),
        0x9F7F => ("production life cycle (CPLC)", "卡生产周期数据"),
        0xDF20 => ("payment account medium identifier", "支付账户介质识别码"),
        _ => ("data object", "数据对象"),
    }
}

fn get_data(request: &GetData) -> Vec<Line> {
    let (en, zh) = data_object(request.tag);
    alloc::vec![Line::new(
        "object",
        "数据对象",
        &request.tag.to_be_bytes(),
        words((en, zh)),
    )]
}

fn get_data_answer(request: &GetData, data: &[u8]) -> Vec<Line> {
    let (en, zh) = data_object(request.tag);
    let value = if request.whole {
        tlv::read(data).map_or(data, |(object, _)| object.value)
    } else {
        data
    };
    let mut out = alloc::vec![Line::new(en, zh, data, "")];
    match request.tag {
        0x00E0 => {
            for KeyInfo {
                id,
                version,
                components,
            } in read_key_information(value)
            {
                let kinds: Vec<String> = components
                    .iter()
                    .map(|(kind, len)| format!("{} of {len}", key_kind(*kind)))
                    .collect();
                let line = Line::new("key", "密钥", &[id, version], kinds.join(", "));
                out.push(line.deeper(1));
            }
        }
        0x0066 => {
            if let Some(card) = Recognition::parse(value) {
                let protocols: Vec<String> = card
                    .protocols
                    .iter()
                    .map(|[scp, i]| format!("SCP{scp:02X} i={i:02X}"))
                    .collect();
                out.push(
                    Line::new("protocols", "安全通道协议", &[], protocols.join(", ")).deeper(1),
                );
            }
        }
        _ => {}
    }
    out
}

fn key_kind(kind: u8) -> &'static str {
    use crate::key::kind as k;
    match kind {
        k::TDES | 0x81 | 0x82 => "3DES",
        k::AES => "AES",
        k::SM4 => "SM4",
        k::RSA_EXPONENT => "RSA exponent",
        k::RSA_MODULUS => "RSA modulus",
        k::RSA_P | k::RSA_Q => "RSA prime",
        k::ECC_PUBLIC => "public point",
        k::ECC_SECRET => "private scalar",
        k::ECC_CURVE => "curve",
        _ => "other",
    }
}

fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::IssuerDomain => "issuer domain 主安全域",
        Scope::Applications => "applications and domains 应用与安全域",
        Scope::LoadFiles => "load files 加载文件",
        Scope::LoadFilesAndModules => "load files and modules 加载文件与模块",
    }
}

fn get_status(request: &GetStatus) -> Vec<Line> {
    let mut out = alloc::vec![Line::new(
        "scope",
        "范围",
        &[request.scope.byte()],
        scope_words(request.scope),
    )];
    if request.next {
        out.push(Line::new("continues", "续取", &[], ""));
    }
    if !request.part.is_empty() {
        out.push(Line::new("AID begins with", "AID 前缀", &request.part, ""));
    }
    out
}

fn get_status_answer(request: &GetStatus, data: &[u8]) -> Vec<Line> {
    let modules = request.scope == Scope::LoadFilesAndModules;
    let Some(entries) = Entry::read_all(data, request.form, modules) else {
        return alloc::vec![Line::new("list", "列表", data, "not formed so 格式错误")];
    };
    let mut out = Vec::new();
    for entry in entries {
        out.push(aid_line("object", "对象", &entry.aid));
        let state = match (request.scope, CardState::from_byte(entry.state.0)) {
            (Scope::IssuerDomain, Some(card)) => card.names(),
            _ => {
                let domain = entry
                    .privileges
                    .is_some_and(|[first, ..]| first & 0x80 != 0);
                State::names(entry.state, domain)
            }
        };
        out.push(Line::new("state", "状态", &[entry.state.0], words(state)).deeper(1));
        if let Some(bytes) = entry.privileges.filter(|_| !request.scope.is_files()) {
            out.push(privileges_line(&bytes).deeper(1));
        }
        for (en, zh, aid) in [
            ("load file", "加载文件", entry.load_file),
            ("domain", "所属安全域", entry.domain),
        ] {
            if let Some(aid) = aid {
                out.push(aid_line(en, zh, &aid).deeper(1));
            }
        }
        for module in &entry.modules {
            out.push(aid_line("module", "模块", module).deeper(1));
        }
    }
    out
}

fn set_status(request: &SetStatus) -> Vec<Line> {
    let (target, state) = match request.target {
        StatusTarget::Card => (
            "the card 卡",
            CardState::from_byte(request.state).map_or("?".to_string(), |s| words(s.names())),
        ),
        StatusTarget::Application => ("an application or domain 应用或安全域", lock(request.state)),
        StatusTarget::DomainAndApplications => (
            "a domain and all below it 安全域及其下全部对象",
            lock(request.state),
        ),
    };
    let mut out = alloc::vec![
        Line::new("target", "对象", &[], target),
        Line::new("state", "状态", &[request.state], state),
    ];
    out.extend(request.aid.map(|aid| aid_line("AID", "AID", &aid)));
    out
}

fn lock(state: u8) -> String {
    if state & 0x80 != 0 {
        "locked 锁定".to_string()
    } else {
        "as before the lock, or its own 解锁或应用自定义".to_string()
    }
}

fn install(request: &Install) -> Vec<Line> {
    let mut out = Vec::new();
    let [p1, p2] = request.parameters_p1_p2();
    let form = match request {
        Install::Load(load) if load.combined => "load, of a combined operation 组合加载安装",
        Install::Load(_) => "for load 装载",
        Install::Install(i) if i.combined => "end of a combined operation 组合加载安装结束",
        Install::Install(i) if i.selectable => "for install and make selectable 安装并可选择",
        Install::Install(_) => "for install 安装",
        Install::MakeSelectable { .. } => "for make selectable 置为可选择",
        Install::Extradition { .. } => "for extradition 迁移",
        Install::RegistryUpdate { .. } => "for registry update 注册表更新",
        Install::Personalization { .. } => "for personalisation 个人化",
    };
    out.push(Line::new("form", "形式", &[p1, p2], form));
    let mut aid = |en: &str, zh: &str, aid: &Aid| out.push(aid_line(en, zh, aid));
    let mut privileges = &[][..];
    match request {
        Install::Load(load) => {
            aid("load file", "加载文件", &load.load_file);
            if let Some(domain) = &load.domain {
                aid("domain", "安全域", domain);
            }
            if !load.hash.is_empty() {
                out.push(Line::new("hash", "散列", &load.hash, ""));
            }
        }
        Install::Install(i) => {
            aid("load file", "加载文件", &i.load_file);
            aid("module", "模块", &i.module);
            aid("application", "应用", &i.application());
            privileges = &i.privileges;
        }
        Install::MakeSelectable {
            instance,
            privileges: set,
            ..
        } => {
            aid("application", "应用", instance);
            privileges = set;
        }
        Install::Extradition {
            domain, subject, ..
        } => {
            aid("to domain", "目标安全域", domain);
            aid("object", "对象", subject);
        }
        Install::RegistryUpdate {
            domain,
            subject,
            privileges: set,
            ..
        } => {
            if let Some(domain) = domain {
                aid("to domain", "目标安全域", domain);
            }
            if let Some(subject) = subject {
                aid("object", "对象", subject);
            }
            privileges = set;
        }
        Install::Personalization { subject } => aid("application", "应用", subject),
    }
    if !privileges.is_empty() {
        out.push(privileges_line(privileges));
    }
    if !request.parameters().is_empty() {
        out.push(Line::new("parameters", "参数", request.parameters(), ""));
    }
    if !request.token().is_empty() {
        out.push(Line::new("token", "令牌", request.token(), ""));
    }
    out
}

fn load(request: &Load) -> Vec<Line> {
    let last = if request.last {
        "last 最后一块"
    } else {
        ""
    };
    alloc::vec![
        Line::new("number", "块号", &[request.number], last),
        Line::new("block", "数据块", &request.block, ""),
    ]
}

fn delete(request: &Delete) -> Vec<Line> {
    let mut out = Vec::new();
    match &request.target {
        DeleteTarget::Objects(aids) => {
            out.extend(aids.iter().map(|aid| aid_line("object", "对象", aid)));
        }
        DeleteTarget::Keys { id, version } => {
            for (en, zh, byte) in [
                ("key identifier", "密钥标识", id),
                ("key version", "密钥版本", version),
            ] {
                out.extend(byte.map(|byte| Line::new(en, zh, &[byte], "")));
            }
        }
    }
    if request.related {
        out.push(Line::new("and related objects", "及相关对象", &[], ""));
    }
    if !request.token.is_empty() {
        out.push(Line::new("token", "令牌", &request.token, ""));
    }
    out
}

fn put_key(request: &PutKey) -> Vec<Line> {
    let mut out = alloc::vec![Line::new(
        "new key version",
        "新密钥版本",
        &[request.version],
        match request.replace {
            0 => "added 新增".to_string(),
            old => format!("in the place of {old:02X} 替换 {old:02X}"),
        },
    )];
    for (id, key) in (request.first_id..).zip(&request.keys) {
        let kinds: Vec<&str> = key.components.iter().map(|c| key_kind(c.kind)).collect();
        out.push(Line::new("key", "密钥", &[id], kinds.join(", ")));
        if !key.kcv.is_empty() {
            out.push(Line::new("check value", "校验值", &key.kcv, "").deeper(1));
        }
    }
    out
}

fn put_key_answer(_: &PutKey, data: &[u8]) -> Vec<Line> {
    match PutKey::answer(data) {
        Ok(answer) => alloc::vec![
            Line::new("key version", "密钥版本", &[answer.version], ""),
            Line::new("check values", "校验值", &answer.kcvs, ""),
        ],
        Err(error) => alloc::vec![Line::new("answer", "响应", data, error.to_string())],
    }
}

fn store_data(request: &StoreData) -> Vec<Line> {
    use crate::command::StoreFormat;
    let format = match request.format {
        StoreFormat::Free => "no format said 未指明",
        StoreFormat::Dgi => "DGI",
        StoreFormat::Tlv => "BER-TLV",
    };
    let last = if request.last {
        "last 最后一块"
    } else {
        ""
    };
    alloc::vec![
        Line::new("number", "块号", &[request.number], last),
        Line::new("format", "格式", &[request.p1()], format),
        Line::new("data", "数据", &request.data, ""),
    ]
}

fn manage_channel(request: &ManageChannel) -> Vec<Line> {
    alloc::vec![match *request {
        ManageChannel::Open(None) => Line::new("open", "打开", &[], "the next free 下一空闲"),
        ManageChannel::Open(Some(n)) => Line::new("open", "打开", &[n], ""),
        ManageChannel::Close(n) => Line::new("close", "关闭", &[n], ""),
    }]
}

fn manage_channel_answer(_: &ManageChannel, data: &[u8]) -> Vec<Line> {
    alloc::vec![Line::new("channel", "通道号", data, "")]
}

fn management_answer<C>(_: &C, data: &[u8]) -> Vec<Line> {
    match ManagementAnswer::decode(data) {
        Ok(ManagementAnswer { confirmation: None }) => Vec::new(),
        Ok(ManagementAnswer {
            confirmation: Some(confirmation),
        }) => alloc::vec![
            Line::new("receipt", "收条", &confirmation.receipt, ""),
            Line::new(
                "confirmation counter",
                "确认计数器",
                &confirmation.data.counter.to_be_bytes(),
                confirmation.data.counter.to_string(),
            ),
            Line::new(
                "domain's unique data",
                "安全域唯一数据",
                &confirmation.data.sd_unique,
                "",
            ),
        ],
        Err(error) => alloc::vec![Line::new("answer", "响应", data, error.to_string())],
    }
}
