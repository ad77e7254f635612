//! `tongtu key list|show|due|permit|settle`: what the key book says.

use std::path::PathBuf;

use serde::Serialize;
use tongtu_keyring::code::{Purpose, Usage};
use tongtu_keyring::{KeyLife, KeyNumber, Task, Use, ca};
use tongtu_types::{CityCode, Timestamp};

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};
use crate::room::{self, words};

pub(crate) const HELP: &[Row] = &[
    ("key list", "列出密钥簿中的密钥"),
    ("key list/room", "密钥室目录"),
    ("key list/city", "只列此城市"),
    (
        "key list#examples",
        "示例：
  tongtu key list --room keyroom --city 3010",
    ),
    ("key show", "说明一把密钥：申请、有效期、载体、校验值、状态"),
    ("key show/key", "密钥编号"),
    ("key show/room", "密钥室目录"),
    (
        "key show#examples",
        "示例：
  tongtu key show 7 --room keyroom",
    ),
    ("key due", "列出待办：到期通知、退役、长期未使用、核查"),
    ("key due/room", "密钥室目录"),
    ("key due/now", "时刻；默认当前时间"),
    ("key due/settle", "办理密钥簿自身的事项"),
    (
        "key due#examples",
        "示例：
  tongtu key due --room keyroom
  tongtu key due --room keyroom --settle",
    ),
    ("key permit", "询问许可：密钥可否用于此城市与用途"),
    ("key permit/key", "密钥编号"),
    ("key permit/city", "城市代码，4 位"),
    ("key permit/purpose", "用途"),
    ("key permit/usage", "make 产生，或 accept 受理"),
    ("key permit/room", "密钥室目录"),
    (
        "key permit/report",
        "被拒绝的使用记入密钥簿，交主管部门核查",
    ),
    ("key permit/now", "时刻；默认当前时间"),
    (
        "key permit#examples",
        "示例：
  tongtu key permit 7 --city 3010 --purpose purse-purchase --usage make

退出码 1：不予许可，并说明原因。",
    ),
];

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// Keys of this city alone
    #[arg(long, value_name = "CITY")]
    city: Option<CityCode>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DueArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// Do what the books do themselves
    #[arg(long)]
    settle: bool,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PermitArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// For which city
    #[arg(long, value_name = "CITY")]
    city: CityCode,
    /// For what
    #[arg(long, value_name = "PURPOSE", value_parser = words::purpose)]
    purpose: Purpose,
    /// make or accept
    #[arg(long, value_name = "USAGE", value_parser = words::usage, default_value = "make")]
    usage: Usage,
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// Keep a refused use in the book, for the authority to look at
    #[arg(long)]
    report: bool,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

#[derive(Serialize)]
struct KeyForm {
    key: u32,
    city: String,
    purpose: &'static str,
    algorithm: &'static str,
    index: u8,
    version: u8,
    province: String,
    holder: String,
    from: i64,
    until: i64,
    stage: &'static str,
    device: Option<String>,
    custody: Option<&'static str>,
    check: Option<String>,
    activated_at: Option<i64>,
    used_at: Option<i64>,
    superseded_by: Option<u32>,
}

fn form(life: &KeyLife) -> KeyForm {
    let request = life.request();
    KeyForm {
        key: life.number().get(),
        city: request.slot.city.to_string(),
        purpose: request.slot.purpose.en(),
        algorithm: request.slot.algorithm.en(),
        index: request.index,
        version: request.version,
        province: request.province.to_string(),
        holder: request.holder.to_string(),
        from: request.from.get(),
        until: request.until.get(),
        stage: life.stage().en(),
        device: life.custody().map(|custody| custody.device.to_string()),
        custody: life.custody().map(|custody| custody.kind.en()),
        check: life.custody().map(|custody| custody.check.to_string()),
        activated_at: life.activated_at().map(Timestamp::get),
        used_at: life.used_at().map(Timestamp::get),
        superseded_by: life.superseded().map(|newer| newer.by.get()),
    }
}

pub(crate) fn list(args: &ListArgs, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(&args.room)?;
    let keys = room.keys().keys();
    let wanted = |life: &&KeyLife| {
        args.city
            .is_none_or(|city| life.request().slot.city == city)
    };
    let keys: Vec<&KeyLife> = keys.filter(wanted).collect();
    if report.json() {
        let forms: Vec<KeyForm> = keys.into_iter().map(form).collect();
        report.value(&forms)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let header = match lang {
        Lang::En => [
            "key",
            "city",
            "for",
            "algorithm",
            "version",
            "until",
            "stage",
            "check value",
        ],
        Lang::Zh => [
            "密钥",
            "城市",
            "用途",
            "算法",
            "版本",
            "失效时间",
            "状态",
            "校验值",
        ],
    };
    let rows = keys.into_iter().map(|life| {
        let request = life.request();
        let (purpose, stage) = (request.slot.purpose, life.stage());
        let check = life.custody().map(|custody| custody.check.to_string());
        [
            life.number().to_string(),
            request.slot.city.to_string(),
            lang.pick((purpose.en(), purpose.zh())).to_owned(),
            request.slot.algorithm.to_string(),
            request.version.to_string(),
            request.until.to_string(),
            lang.pick((stage.en(), stage.zh())).to_owned(),
            check.map_or_else(|| String::from("-"), |check| brief(&check)),
        ]
    });
    report.table(&header, rows)?;
    Ok(Exit::Done)
}

/// A digest's beginning is enough for the eye.
fn brief(check: &str) -> String {
    match check.char_indices().nth(20) {
        None => check.to_owned(),
        Some((at, _)) => format!("{}…", &check[..at]),
    }
}

fn unknown(key: KeyNumber) -> Failure {
    Failure::usage(both(
        format!("key {key} is not in the book"),
        format!("密钥簿中没有密钥 {key}"),
    ))
}

pub(crate) fn show(args: &ShowArgs, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(&args.room)?;
    let life = room.keys().key(args.key).ok_or_else(|| unknown(args.key))?;
    let form = form(life);
    if report.json() {
        report.value(&form)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let request = life.request();
    let (purpose, stage) = (request.slot.purpose, life.stage());
    let row = |en: &str, zh: &str, value: String| vec![lang.pick((en, zh)).to_owned(), value];
    let moment = |at: Option<Timestamp>| at.map_or_else(|| String::from("-"), |at| at.to_string());
    let custody = life.custody().map_or_else(
        || String::from("-"),
        |custody| {
            let kind = lang.pick((custody.kind.en(), custody.kind.zh()));
            format!("{}, {kind}", custody.device)
        },
    );
    report.rows([
        row("key", "密钥", form.key.to_string()),
        row("city", "城市", form.city),
        row(
            "for",
            "用途",
            lang.pick((purpose.en(), purpose.zh())).to_owned(),
        ),
        row("algorithm", "算法", form.algorithm.to_owned()),
        row(
            "index, version",
            "索引、版本",
            format!("{}, {}", form.index, form.version),
        ),
        row("province", "省级机构", form.province),
        row("holder", "持有机构", form.holder),
        row("from", "生效时间", request.from.to_string()),
        row("until", "失效时间", request.until.to_string()),
        row(
            "stage",
            "状态",
            lang.pick((stage.en(), stage.zh())).to_owned(),
        ),
        row("device", "载体", custody),
        row(
            "check value",
            "校验值",
            form.check.unwrap_or_else(|| String::from("-")),
        ),
        row("activated", "启用时间", moment(life.activated_at())),
        row("last used", "最近使用", moment(life.used_at())),
    ])?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct DueForm {
    /// `key`, `root` or `certificate`.
    of: &'static str,
    number: u32,
    task: String,
    since: i64,
    /// Whether the book does it itself with `--settle`.
    own: bool,
}

pub(crate) fn due(args: &DueArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mut room = room::open(&args.room)?;
    let now = clock::now_or(args.now);
    let lang = report.lang();
    let mut forms = Vec::new();
    for due in room.keys().due(now) {
        forms.push(DueForm {
            of: "key",
            number: due.key.get(),
            task: task_words(due.task, if report.json() { Lang::En } else { lang }),
            since: due.since.get(),
            own: due.task.own_step().is_some(),
        });
    }
    for due in room.authority().due(now) {
        let (of, number, task) = match due.task {
            ca::Task::NoticeRoot { ca_index, days } => {
                let words = both(
                    format!("announce the end, {days} days"),
                    format!("到期通知，{days} 天"),
                );
                ("root", u32::from(ca_index), words)
            }
            ca::Task::ExpireRoot { ca_index } => (
                "root",
                u32::from(ca_index),
                both("record the end", "登记过期"),
            ),
            ca::Task::Notice { certificate, days } => {
                let words = both(
                    format!("announce the end, {days} days"),
                    format!("到期通知，{days} 天"),
                );
                ("certificate", certificate, words)
            }
            ca::Task::Expire { certificate } => (
                "certificate",
                certificate,
                both("record the end", "登记过期"),
            ),
        };
        let speak = if report.json() { Lang::En } else { lang };
        forms.push(DueForm {
            of,
            number,
            task: task.of(speak).to_owned(),
            since: due.since.get(),
            own: true,
        });
    }
    if args.settle {
        let now = room::moment(&room, args.now)?;
        let settled = room.settle(now);
        settled.map_err(|error| room::failure(&args.room, error))?;
    }
    if report.json() {
        report.value(&forms)?;
        return Ok(Exit::Done);
    }
    if forms.is_empty() {
        report.say(&both("nothing is due", "无待办事项"))?;
    }
    let rows = forms.iter().map(|form| {
        let of = match form.of {
            "key" => lang.pick(("key", "密钥")),
            "root" => lang.pick(("root", "根证书")),
            _ => lang.pick(("certificate", "证书")),
        };
        let done = match (form.own, args.settle) {
            (true, true) => lang.pick(("done", "已办理")),
            (true, false) => lang.pick(("by the book", "由簿自身办理")),
            (false, _) => lang.pick(("by officers", "由人员办理")),
        };
        [
            format!("{of} {}", form.number),
            form.task.clone(),
            Timestamp::new(form.since).to_string(),
            done.to_owned(),
        ]
    });
    report.rows(rows)?;
    Ok(Exit::Done)
}

fn task_words(task: Task, lang: Lang) -> String {
    let words = match task {
        Task::Notice { days } => both(
            format!("announce the end, {days} days"),
            format!("到期通知，{days} 天"),
        ),
        Task::Retire => both("record the end", "登记退役"),
        Task::FlagUnused => both("mark as unused", "标记长期未使用"),
        Task::Withdraw => both("withdraw, or use again", "清理收回，或恢复使用"),
        Task::Review { uses } => both(
            format!("review {uses} refused uses"),
            format!("核查 {uses} 次违规使用"),
        ),
    };
    words.of(lang).to_owned()
}

#[derive(Serialize)]
struct PermitForm {
    permitted: bool,
    key: u32,
    /// The event of the book that the answer rests on.
    rests_on: Option<u64>,
    /// Why not.
    ground: Option<&'static str>,
    reported: bool,
}

pub(crate) fn permit(args: &PermitArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mut room = room::open(&args.room)?;
    let now = clock::now_or(args.now);
    let asked = Use {
        city: args.city,
        purpose: args.purpose,
        usage: args.usage,
    };
    let lang = report.lang();
    match room.permit(args.key, asked, now) {
        Ok(permit) => {
            if report.json() {
                report.value(&PermitForm {
                    permitted: true,
                    key: args.key.get(),
                    rests_on: Some(permit.rests_on()),
                    ground: None,
                    reported: false,
                })?;
            } else {
                let event = permit.rests_on();
                let line = match lang {
                    Lang::En => format!("permitted, by the book up to event {event}"),
                    Lang::Zh => format!("许可，依据密钥簿至事件 {event}"),
                };
                report.toned(Tone::Good, &line)?;
            }
            Ok(Exit::Done)
        }
        Err(refused) => {
            if args.report {
                let now = room::moment(&room, args.now)?;
                let kept = room.report(&refused, now);
                kept.map_err(|error| room::failure(&args.room, error))?;
            }
            if report.json() {
                report.value(&PermitForm {
                    permitted: false,
                    key: args.key.get(),
                    rests_on: None,
                    ground: Some(refused.ground.en()),
                    reported: args.report,
                })?;
            } else {
                let ground = lang.pick((refused.ground.en(), refused.ground.zh()));
                let line = match lang {
                    Lang::En => format!("not permitted: {ground}"),
                    Lang::Zh => format!("不予许可：{ground}"),
                };
                report.toned(Tone::Bad, &line)?;
            }
            Ok(Exit::Refused)
        }
    }
}
