//! `tongtu key room`: a key room is founded, looked at, mended.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_hsm::Mark;
use tongtu_keyring::DeviceName;
use tongtu_keyring::register::{Credential, FOUNDERS};
use tongtu_keyroom::Head;
use tongtu_services::keyroom::{Act, Book, Hands, KeyRoom};
use tongtu_types::Timestamp;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::{Report, Tone};
use crate::room::custody::{self, CustodyArgs, FoundingArgs, MODULE_ZH, PASSPHRASE_ZH};
use crate::room::{self, credential, mark_word};

pub(crate) const HELP: &[Row] = &[
    ("key room", "密钥室：创建、查看、收尾"),
    (
        "key room new",
        "由四名人员创建密钥室：国家密钥管理员、审批员与两名保管员共同签名",
    ),
    ("key room new/room", "密钥室目录，将新建"),
    ("key room new/requests", "创始人员的登记申请文件，共四份"),
    (
        "key room new/officers",
        "创始人员的密钥文件，与 --request 依次对应",
    ),
    (
        "key room new/passphrase",
        "首行为该人员口令的文件，与各 --as 依次对应；未给出则提示输入",
    ),
    ("key room new/custody_passphrase", PASSPHRASE_ZH),
    (
        "key room new/module",
        "密钥库建在 PKCS#11 令牌上：令牌的库文件",
    ),
    ("key room new/token", "令牌的标签"),
    (
        "key room new/serial",
        "令牌的序列号；同名令牌不止一个时须给出",
    ),
    (
        "key room new/wrapping_key",
        "令牌上已有的包装密钥；未给出则新建一个",
    ),
    ("key room new/device", "密钥库在密钥簿中的载体编号"),
    ("key room new/years", "创始人员的有效年数"),
    ("key room new/production", "生产用密钥室；默认为测试用"),
    ("key room new/now", "时刻；默认当前时间"),
    (
        "key room new#examples",
        "示例：
  tongtu key room new --room keyroom \\
      --request N-01.request --request N-02.request --request N-03.request --request N-04.request \\
      --as N-01.key --as N-02.key --as N-03.key --as N-04.key
  tongtu key room new --room keyroom --module /usr/lib/softhsm/libsofthsm2.so --token CENTRE \\
      --pin-file pin.txt --request … --as …",
    ),
    (
        "key room show",
        "密钥室概况；打开时重新核对每一步骤、签名、审计行与审计锚",
    ),
    ("key room show/room", "密钥室目录"),
    (
        "key room show#examples",
        "示例：
  tongtu key room show --room keyroom

退出码 1：与留下时不一致，指明文件与记录。",
    ),
    (
        "key room mend",
        "上一步骤未完成即中断时收尾：取出无记录的密钥，并留下审计行",
    ),
    ("key room mend/room", "密钥室目录"),
    ("key room mend/custody_passphrase", PASSPHRASE_ZH),
    ("key room mend/module", MODULE_ZH),
    ("key room mend/now", "时刻；默认当前时间"),
    (
        "key room mend#examples",
        "示例：
  tongtu key room mend --room keyroom",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Found a key room: four of the nation sign together, a key officer, an approver, two custodians
    #[command(after_help = "Examples:
  tongtu key room new --room keyroom \\
      --request N-01.request --request N-02.request --request N-03.request --request N-04.request \\
      --as N-01.key --as N-02.key --as N-03.key --as N-04.key
  tongtu key room new --room keyroom --module /usr/lib/softhsm/libsofthsm2.so --token CENTRE \\
      --pin-file pin.txt --request … --as …")]
    New(NewArgs),
    /// Show a key room; opening it checks every step, signature, line and anchor again
    #[command(after_help = "Examples:
  tongtu key room show --room keyroom

Exit code 1 when it is not as it was left; file and record are named.")]
    Show(ShowArgs),
    /// End a step that was cut off: keys that no step knows are taken out, and a line says so
    #[command(after_help = "Examples:
  tongtu key room mend --room keyroom")]
    Mend(MendArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The folder, which is made
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// A founder's request; four of them
    #[arg(long = "request", value_name = "FILE", required = true)]
    requests: Vec<PathBuf>,
    /// A founder's key file, in the order of the requests
    #[arg(long = "as", value_name = "FILE", required = true)]
    officers: Vec<PathBuf>,
    /// A file with the founder's passphrase in its first line, one for each --as; otherwise asked for
    #[arg(long, value_name = "FILE")]
    passphrase: Vec<PathBuf>,
    #[command(flatten)]
    founding: FoundingArgs,
    /// The custody's name as a device in the key book
    #[arg(long, value_name = "NAME", value_parser = crate::room::words::device, default_value = "ROOM-1")]
    device: DeviceName,
    /// For how many years the founders are officers
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=10))]
    years: u8,
    /// A room for production; without it, for tests
    #[arg(long)]
    production: bool,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MendArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    #[command(flatten)]
    custody: CustodyArgs,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new(&args, report),
        Command::Show(args) => show(&args.room, report),
        Command::Mend(args) => mend(&args, report),
    }
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    if args.production && args.now.is_some() {
        return Err(room::no_moment());
    }
    let now = clock::now_or(args.now);
    let mark = if args.production {
        Mark::Production
    } else {
        Mark::Test
    };
    let wanted = FOUNDERS.len();
    if args.requests.len() != wanted || args.officers.len() != wanted {
        return Err(Failure::usage(both(
            "a key room has four founders: four --request and four --as",
            "密钥室有四名创始人员：须给出四个 --request 与四个 --as",
        )));
    }
    let until = now.plus_s(i64::from(args.years) * 365 * 86_400);
    let mut founders = Vec::new();
    for (request, key) in args.requests.iter().zip(&args.officers) {
        let request = credential::read_request(request)?;
        if credential::public_of(key)? != request.public_key {
            let name = key.display();
            return Err(Failure::usage(both(
                format!("`{name}` is not the key of the request at its place"),
                format!("`{name}` 与对应的登记申请不符"),
            )));
        }
        founders.push((request, key));
    }
    // The roles have an order, whoever typed them in whichever.
    let place = |role| FOUNDERS.iter().position(|founder| *founder == role);
    let mut order: Vec<usize> = (0..wanted).collect();
    order.sort_by_key(|at| place(founders[*at].0.officer.role));
    let credentials: Vec<Credential> = order
        .iter()
        .map(|at| Credential {
            officer: founders[*at].0.officer,
            public_key: founders[*at].0.public_key,
            from: now,
            until,
        })
        .collect();
    let credentials: [Credential; 4] = credentials.try_into().expect("counted above");
    room::in_new_folder(&args.room, || {
        found(args, (now, mark), credentials, (&order, &founders))
    })?;
    let lang = report.lang();
    if report.json() {
        return show(&args.room, report);
    }
    let name = args.room.display();
    report.toned(
        Tone::Good,
        &match lang {
            Lang::En => format!("founded the {} key room in {name}", mark_word(mark)),
            Lang::Zh => format!("已在 {name} 创建密钥室（{}）", mark_zh(mark)),
        },
    )?;
    show(&args.room, report)
}

pub(super) const fn mark_zh(mark: Mark) -> &'static str {
    match mark {
        Mark::Test => "测试",
        Mark::Production => "生产",
    }
}

/// Makes custody and room, and takes the first step.
fn found(
    args: &NewArgs,
    (now, mark): (Timestamp, Mark),
    credentials: [Credential; 4],
    (order, founders): (&[usize], &[(credential::Request, &PathBuf)]),
) -> Result<(), Failure> {
    let mut room_id = [0; 16];
    room::entropy()(&mut room_id);
    let token = args.founding.token(&room_id)?;
    let head = Head {
        room: room_id,
        mark,
        device: args.device.to_string(),
        token: token.as_ref().map(custody::place_of).transpose()?,
    };
    let failed = |error| room::failure(&args.room, error);
    let mut room = KeyRoom::make_folder(&args.room, head).map_err(failed)?;
    let act = Act::Found(Box::new(credentials));
    let mut approval = room.propose(act, now.plus_s(86_400));
    for at in order {
        let (request, key) = &founders[*at];
        let of_file = args.passphrase.get(*at).map(PathBuf::as_path);
        let opened = credential::Credential::open(key, of_file, (Some("room.found"), mark));
        let mut credential = opened.map_err(|closed| match closed {
            credential::Closed::Passphrase(failure) | credential::Closed::Other(failure) => failure,
        })?;
        credential.sign(&mut approval, request.officer)?;
    }
    let mut custody = args.founding.make(&args.room, mark, token)?;
    let hands = Hands {
        custody: Some(&mut *custody),
        ..Hands::default()
    };
    room.carry_out(&approval, hands, now).map_err(failed)?;
    Ok(())
}

#[derive(Serialize)]
struct ShownToken {
    label: String,
    serial: String,
    wrapping_key: String,
    module: String,
}

#[derive(Serialize)]
struct Shown {
    mark: &'static str,
    device: String,
    /// The token that the custody is on, or `null`.
    token: Option<ShownToken>,
    /// Which room this is; approvals say it.
    room: String,
    steps: u64,
    key_events: u64,
    authority_events: u64,
    officer_events: u64,
    keys: usize,
    certificates: usize,
    officers: usize,
    audit_lines: u64,
    anchors: u32,
    anchored_to: Option<String>,
    /// What was cut off and waits for `key room mend`.
    unfinished: Option<String>,
}

fn show(folder: &Path, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(folder)?;
    let head = room.head();
    let shown = Shown {
        mark: mark_word(head.mark),
        device: head.device.clone(),
        token: head.token.as_ref().map(|token| ShownToken {
            label: token.label.clone(),
            serial: token.serial.clone(),
            wrapping_key: token.wrapping_key.clone(),
            module: token.module.clone(),
        }),
        room: hex_encode(&head.room).to_ascii_lowercase(),
        steps: room.steps(),
        key_events: room.number(Book::Keys),
        authority_events: room.number(Book::Authority),
        officer_events: room.number(Book::Officers),
        keys: room.keys().keys().count(),
        certificates: room.authority().certificates().count(),
        officers: room.officers().members().filter(|m| !m.is_ended()).count(),
        audit_lines: room.log().tip().0,
        anchors: room.log().anchors(),
        anchored_to: room.log().anchored().map(|day| day.compact()),
        unfinished: room.unfinished().map(|intent| intent.deed.clone()),
    };
    if report.json() {
        report.value(&shown)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let row = |en: &str, zh: &str, value: String| vec![lang.pick((en, zh)).to_owned(), value];
    report.rows([
        row("room", "密钥室", shown.room),
        row("made for", "用途", shown.mark.to_owned()),
        row("device", "载体", shown.device),
        row("steps", "步骤", shown.steps.to_string()),
        row("keys", "密钥", shown.keys.to_string()),
        row("certificates", "证书", shown.certificates.to_string()),
        row("officers", "人员", shown.officers.to_string()),
        row("audit lines", "审计行", shown.audit_lines.to_string()),
        row(
            "anchored to",
            "已锚定至",
            shown.anchored_to.unwrap_or_else(|| String::from("-")),
        ),
    ])?;
    if let Some(token) = shown.token {
        let (label, serial, key) = (token.label, token.serial, token.wrapping_key);
        let place = match lang {
            Lang::En => format!("{label}, number {serial}, wrapping key {key}"),
            Lang::Zh => format!("{label}，序列号 {serial}，包装密钥 {key}"),
        };
        report.rows([row("token", "令牌", place)])?;
    }
    if let Some(deed) = shown.unfinished {
        report.toned(
            Tone::Bad,
            &match lang {
                Lang::En => format!("`{deed}` was cut off: `tongtu key room mend` ends it"),
                Lang::Zh => format!("`{deed}` 未完成即中断：请用 `tongtu key room mend` 收尾"),
            },
        )?;
    }
    Ok(Exit::Done)
}

fn mend(args: &MendArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mut room = room::open(&args.room)?;
    let mut custody = custody::open(&room, &args.room, &args.custody)?;
    let now = room::moment(&room, args.now)?;
    room.mend(&mut *custody, now)
        .map_err(|error| room::failure(&args.room, error))?;
    drop(room);
    show(&args.room, report)
}
