//! `tongtu caller`: admit, list, renew and disable callers of a node, and what was done with them.

pub(crate) mod key;

use std::path::PathBuf;

use clap::Subcommand;
use tongtu_api::CallerActView;
use tongtu_callers::{CallerName, Role, rotation_message};
use tongtu_codec::hex_encode;
use tongtu_config::{CredentialFile, Mode, parse_public, write_key};
use tongtu_crypto::PublicKey;
use tongtu_envelope::{Envelope, Kind};
use tongtu_services::{ActVerifier, CallerAct, ProvedRequest};
use tongtu_types::Timestamp;

use crate::call::{As, PASSPHRASE_ZH, client, unanswered};
use crate::exit::{Exit, Failure};
use crate::key::fresh;
use crate::lang::{Row, both};
use crate::report::Report;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    ("caller", "调用方：登记、列出、换钥、停用"),
    (
        "caller add",
        "登记一个调用方：登记已有公钥；仅测试时可代为生成密钥与凭据文件",
    ),
    ("caller add/who", "密钥管理员的凭据文件"),
    (
        "caller add/name",
        "调用方编号；其他机构的写作 机构代码.编号",
    ),
    ("caller add/role", "角色"),
    ("caller add/accounts", "合作系统获准的账户号前几位；可重复"),
    (
        "caller add/public_key",
        "已有公钥（压缩点，十六进制）；不再生成密钥",
    ),
    ("caller add/dir", "密钥与凭据文件所在文件夹"),
    ("caller add/passphrase", PASSPHRASE_ZH),
    ("caller add/to", "节点地址；默认取凭据文件所载"),
    (
        "caller add#examples",
        "示例：
  tongtu caller add --as KM-1.caller C-2 clerk --public-key 02AB…
  tongtu caller add --as KM-1.caller 09990000.APP partner --accounts 3101

公钥由本人以 `tongtu caller key new` 生成。",
    ),
    ("caller list", "列出调用方及其密钥"),
    ("caller list/who", "凭据文件：密钥管理员、审计员或主管部门"),
    ("caller list/passphrase", PASSPHRASE_ZH),
    ("caller list/to", "节点地址；默认取凭据文件所载"),
    (
        "caller list#examples",
        "示例：
  tongtu caller list --as KM-1.caller",
    ),
    ("caller acts", "列出调用方变更，逐行核验链与签名"),
    ("caller acts/who", "凭据文件：密钥管理员、审计员或主管部门"),
    ("caller acts/passphrase", PASSPHRASE_ZH),
    ("caller acts/to", "节点地址；默认取凭据文件所载"),
    (
        "caller acts#examples",
        "示例：
  tongtu caller acts --as AU-1.caller

退出码 1：不符，指明第一行。链尾若被删去，由留存上次链尾者发现。",
    ),
    ("caller rotate", "更换自己的密钥；旧密钥在并行期内仍有效"),
    ("caller rotate/who", "自己的凭据文件；换钥后改写"),
    ("caller rotate/overlap_s", "旧密钥还有效多少秒"),
    ("caller rotate/passphrase", PASSPHRASE_ZH),
    ("caller rotate/to", "节点地址；默认取凭据文件所载"),
    (
        "caller rotate#examples",
        "示例：
  tongtu caller rotate --as C-2.caller
  tongtu caller rotate --as C-2.caller --overlap-s 0     旧密钥可能泄露：立即失效",
    ),
    ("caller disable", "立即停用一个调用方，或恢复"),
    ("caller disable/who", "密钥管理员的凭据文件"),
    (
        "caller disable/name",
        "调用方编号；其他机构的写作 机构代码.编号",
    ),
    ("caller disable/allow", "恢复，而不是停用"),
    ("caller disable/passphrase", PASSPHRASE_ZH),
    ("caller disable/to", "节点地址；默认取凭据文件所载"),
    (
        "caller disable#examples",
        "示例：
  tongtu caller disable --as KM-1.caller C-2
  tongtu caller disable --as KM-1.caller C-2 --allow",
    ),
];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Admit a caller with a key that is there; for tests only, make key and credential file too
    #[command(after_help = "Examples:
  tongtu caller add --as KM-1.caller C-2 clerk --public-key 02AB…
  tongtu caller add --as KM-1.caller 09990000.APP partner --accounts 3101

Whoever it is makes the key: `tongtu caller key new`.")]
    Add(AddArgs),
    /// A caller's own sealed key: make it, change its passphrase
    #[command(subcommand)]
    Key(key::Command),
    /// List callers and their keys
    #[command(after_help = "Examples:
  tongtu caller list --as KM-1.caller")]
    List(ListArgs),
    /// Show what was done with callers, with every line and every signature verified
    #[command(after_help = "Examples:
  tongtu caller acts --as AU-1.caller

Exit code 1 when it does not hold; the first line is named. That lines at the end are gone is seen by
whoever kept the head of before.")]
    Acts(ListArgs),
    /// Renew one's own key; the old one holds for the overlap
    #[command(after_help = "Examples:
  tongtu caller rotate --as C-2.caller
  tongtu caller rotate --as C-2.caller --overlap-s 0     somebody may know the old one")]
    Rotate(RotateArgs),
    /// Disable a caller at once, or allow it again
    #[command(after_help = "Examples:
  tongtu caller disable --as KM-1.caller C-2
  tongtu caller disable --as KM-1.caller C-2 --allow")]
    Disable(DisableArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    who: As,
    /// The caller's number; of another institution CODE.NUMBER
    #[arg(value_name = "NAME")]
    name: String,
    /// The role
    #[arg(value_name = "ROLE", value_parser = clap::value_parser!(Role))]
    role: Role,
    /// First digits of the accounts that a partner is admitted for; may be repeated
    #[arg(long, value_name = "DIGITS")]
    accounts: Vec<String>,
    /// A key that is there: a compressed public key in hex; no key is made then
    #[arg(long, value_name = "HEX")]
    public_key: Option<String>,
    /// Folder for key and credential file
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The node's address; by default the credential file's
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    who: As,
    /// The node's address; by default the credential file's
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    who: As,
    /// For how many seconds the old key still holds
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    overlap_s: i64,
    /// The node's address; by default the credential file's
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DisableArgs {
    #[command(flatten)]
    who: As,
    /// The caller's number; of another institution CODE.NUMBER
    #[arg(value_name = "NAME")]
    name: String,
    /// Allow it again instead
    #[arg(long)]
    allow: bool,
    /// The node's address; by default the credential file's
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

pub(crate) fn run(command: &Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => add(args, report),
        Command::Key(command) => key::run(command, report),
        Command::List(args) => list(args, report),
        Command::Acts(args) => acts(args, report),
        Command::Rotate(args) => rotate(args, report),
        Command::Disable(args) => disable(args, report),
    }
}

fn act_of(view: &CallerActView) -> Result<CallerAct, &'static str> {
    let request = view.request.as_ref().map(|request| {
        let (method, target) = request
            .target
            .split_once(' ')
            .ok_or("a target has no method")?;
        let envelope = Envelope::read(&request.envelope.0, Kind::Request);
        let envelope = envelope.map_err(|_| "an envelope cannot be read")?;
        let key = request.public_key.0.as_slice().try_into();
        let key = key.map_err(|_| "a public key is not 33 bytes")?;
        Ok::<_, &'static str>(ProvedRequest {
            key: PublicKey::from_compressed(key).map_err(|_| "a public key is no point")?,
            method: method.to_owned(),
            target: target.to_owned(),
            content: request.content.0.clone(),
            envelope,
        })
    });
    Ok(CallerAct {
        line: view.line.0.clone(),
        request: request.transpose()?,
    })
}

/// A name in full: a number alone is one of the same institution.
fn full(name: &str, own: CallerName) -> Result<CallerName, Failure> {
    let text = if name.contains('.') {
        name.to_owned()
    } else {
        format!("{}.{name}", own.institution)
    };
    text.parse()
        .map_err(|error| Failure::usage(both("no caller's name", "不是调用方名称")).because(error))
}

fn not_written(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(both("cannot write the credential", "无法写出凭据")).because(error)
}

fn add(args: &AddArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (client, ready) = client(&args.who, args.to.as_deref(), None)?;
    let name = full(&args.name, ready.name)?;
    let public = match &args.public_key {
        Some(hex) => given(hex)?,
        None if ready.mode == Mode::Production => {
            return Err(Failure::usage(both(
                "in production nobody makes another's key: give --public-key",
                "生产环境中不得代他人生成密钥：请用 --public-key 给出公钥",
            ))
            .hint(both(
                "whoever it is makes one with `tongtu caller key new`",
                "由本人用 `tongtu caller key new` 生成",
            )));
        }
        None => {
            // Both files before the admission: nobody is admitted with a key that is nowhere.
            let key = fresh()?;
            let number = name.number.as_str();
            let key_file = format!("{number}.key");
            write_key(&args.dir.join(&key_file), &key).map_err(|e| not_written(&e))?;
            let file = CredentialFile {
                name: name.to_string(),
                key_number: 1,
                mode: Mode::Test,
                key: Some(key_file),
                url: args.to.clone().or(ready.url),
                store: None,
                link: match &ready.link {
                    Some(link) => {
                        let is_own = name.institution == ready.name.institution;
                        let link = link.moved(&args.who.file, is_own);
                        Some(link.map_err(|e| not_written(&e))?)
                    }
                    None => None,
                },
            };
            let place = args.dir.join(format!("{number}.caller"));
            file.save(&place).map_err(|e| not_written(&e))?;
            key.public().clone()
        }
    };
    let awaits = runtime::run(async {
        let admitted = client.caller_admit(name, args.role, &public, &args.accounts);
        admitted.await.map_err(|error| unanswered(&error))
    })?;
    let key = hex_encode(&public.to_compressed());
    if report.json() {
        let name = name.to_string();
        let value = serde_json::json!({ "caller": name, "public_key": key, "awaits": awaits });
        report.value(&value)?;
    } else {
        report.line(&format!("{name}  {}  {key}", args.role))?;
        if awaits {
            let accounts = args.accounts.iter();
            let accounts: String = accounts.map(|a| format!(" --accounts {a}")).collect();
            let again = format!(
                "add --as FILE {name} {}{accounts} --public-key {key}",
                args.role
            );
            second_officer(report, &again)?;
        }
    }
    Ok(Exit::Done)
}

/// Says what a second officer is to do.
fn second_officer(report: &mut Report, again: &str) -> Result<(), Failure> {
    let lang = report.lang();
    let awaits = both(
        "waits for a second officer, who asks for the same within a week:",
        "等待第二名密钥管理员一周内提出同一请求：",
    );
    report.line(awaits.of(lang))?;
    report.line(&format!("  tongtu caller {again}"))?;
    Ok(())
}

fn given(hex: &str) -> Result<PublicKey, Failure> {
    parse_public(hex).map_err(|_| {
        Failure::usage(both(
            "the public key is not 33 bytes of a compressed SM2 point in hex",
            "公钥不是 33 字节压缩 SM2 点的十六进制",
        ))
    })
}

fn list(args: &ListArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (client, _) = client(&args.who, args.to.as_deref(), None)?;
    let view = runtime::run(async {
        let view = client.callers_view().await;
        view.map_err(|error| unanswered(&error))
    })?;
    if report.json() {
        report.value(&view)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let heads = [
        both("caller", "调用方"),
        both("role", "角色"),
        both("keys", "密钥"),
        both("state", "状态"),
    ];
    let heads: Vec<&str> = heads.iter().map(|head| head.of(lang)).collect();
    let (on, off) = (both("may call", "可用"), both("disabled", "停用"));
    let rows = view.callers.iter().map(|caller| {
        let keys = caller.keys.iter().map(|key| match key.until_s {
            Some(until_s) => format!("{} (-{until_s})", key.key),
            None => key.key.to_string(),
        });
        let keys: Vec<String> = keys.collect();
        let state = if caller.disabled { &off } else { &on };
        vec![
            caller.caller.clone(),
            caller.role.clone(),
            keys.join(", "),
            state.of(lang).to_owned(),
        ]
    });
    report.table(&heads, rows)?;
    if !view.awaiting.is_empty() {
        let heads = [
            both("awaits a second officer", "待第二名密钥管理员确认"),
            both("asked by", "提出者"),
            both("at", "时间"),
        ];
        let heads: Vec<&str> = heads.iter().map(|head| head.of(lang)).collect();
        let rows = view.awaiting.iter().map(|one| {
            let at = Timestamp::new(one.asked_at_s).to_string();
            vec![one.act.clone(), one.asked_by.clone(), at]
        });
        report.line("")?;
        report.table(&heads, rows)?;
    }
    Ok(Exit::Done)
}

/// Fetches what was done with callers and verifies all of it.
fn acts(args: &ListArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (client, _) = client(&args.who, args.to.as_deref(), None)?;
    let views = runtime::run(async {
        let views = client.caller_acts().await;
        views.map_err(|error| unanswered(&error))
    })?;
    let failed = || Failure::refused(both("the acts do not hold", "变更记录不符"));
    let mut verifier = ActVerifier::default();
    let mut lines = Vec::new();
    for view in &views {
        let act = act_of(view).map_err(|error| failed().because(error))?;
        let line = verifier.follow(&act);
        lines.push((line.map_err(|error| failed().because(error))?, view));
    }
    if report.json() {
        report.value(&views)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let heads = [
        both("no.", "序号"),
        both("at", "时间"),
        both("who", "操作者"),
        both("deed", "操作"),
        both("request", "请求"),
    ];
    let heads: Vec<&str> = heads.iter().map(|head| head.of(lang)).collect();
    let rows = lines.iter().map(|(line, view)| {
        let request = view.request.as_ref().map(|request| {
            let content = String::from_utf8_lossy(&request.content.0);
            format!("{} {content}", request.target)
        });
        vec![
            line.number.to_string(),
            line.at.to_string(),
            format!("{}.{}", line.institution, line.actor),
            line.deed.to_string(),
            request.unwrap_or_default(),
        ]
    });
    report.table(&heads, rows)?;
    if let Some((line, _)) = lines.last() {
        let head = hex_encode(&line.value);
        let said = both(
            format!("holds up to its head {head}; keep that, the next time begins there"),
            format!("核验无误，链尾 {head}；请留存，以备下次比对"),
        );
        report.line(said.of(lang))?;
    }
    Ok(Exit::Done)
}

fn rotate(args: &RotateArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (client, ready) = client(&args.who, args.to.as_deref(), None)?;
    let number = ready.key_number.saturating_add(1);
    let mut new = key::Next::make(&args.who.file, &ready, number)?;
    let public = new.public();
    let proof = new.sign(&rotation_message(ready.name, number, &public))?;
    // Key and credential before the request: whatever happens, the key that the node took is here.
    new.keep()?;
    let taken = runtime::run(async {
        let taken = client.caller_rotate(ready.name, &public, &proof, args.overlap_s);
        Ok::<_, Failure>(taken.await)
    })?;
    let taken = taken.map_err(|error| new.given_up(&error))?;
    // One's own key waits for nobody.
    let taken = taken.unwrap_or(number);
    new.take_over(taken)?;
    if report.json() {
        report.value(&serde_json::json!({ "caller": ready.name.to_string(), "key": taken }))?;
    } else {
        report.line(&format!("{}  {taken}", ready.name))?;
    }
    Ok(Exit::Done)
}

fn disable(args: &DisableArgs, report: &mut Report) -> Result<Exit, Failure> {
    let (client, ready) = client(&args.who, args.to.as_deref(), None)?;
    let name = full(&args.name, ready.name)?;
    let awaits = runtime::run(async {
        let done = client.caller_disable(name, !args.allow);
        done.await.map_err(|error| unanswered(&error))
    })?;
    if report.json() {
        let name = name.to_string();
        let is_disabled = !args.allow || awaits;
        let value =
            serde_json::json!({ "caller": name, "disabled": is_disabled, "awaits": awaits });
        report.value(&value)?;
    } else if awaits {
        second_officer(report, &format!("disable --as FILE {name} --allow"))?;
    } else {
        let word = if args.allow {
            both("may call", "可用")
        } else {
            both("disabled", "停用")
        };
        report.line(&format!("{name}  {}", word.of(report.lang())))?;
    }
    Ok(Exit::Done)
}
