//! `tongtu key officer`: officers' keys and the register.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use tongtu_hsm::Mark;
use tongtu_keyring::code::{Cause, Role};
use tongtu_keyring::register::{Credential, Member};
use tongtu_keyring::{Officer, OfficerNumber};
use tongtu_services::keyroom::Act;
use tongtu_types::{InstitutionCode, Timestamp};

use super::place;
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::room::{self, Brought, Signing, credential, passphrase, words};

pub(crate) const HELP: &[Row] = &[
    ("key officer", "人员：生成密钥，登记、更换、注销、结束等待"),
    (
        "key officer new",
        "生成一名人员的签名密钥（口令密封）与登记申请",
    ),
    (
        "key officer new/number",
        "人员编号，1 至 8 位大写字母、数字或连字符",
    ),
    ("key officer new/role", "角色"),
    ("key officer new/institution", "机构代码，8 位"),
    ("key officer new/dir", "写入的目录"),
    (
        "key officer new/passphrase",
        "首行为新口令的文件；未给出则提示输入两次",
    ),
    ("key officer new/production", "生产用；默认为测试用"),
    (
        "key officer new#examples",
        "示例：
  tongtu key officer new --number N-01 --role nation-key-officer --institution 00000000
      写入 N-01.key 与 N-01.request

角色：nation-key-officer、nation-approver、nation-custodian、province-key-officer、
province-approver、holder-custodian、authority-supervisor。",
    ),
    (
        "key officer register",
        "按申请登记人员（国家两名不同角色的人员）",
    ),
    ("key officer register/request", "登记申请文件"),
    ("key officer register/days", "有效天数"),
    (
        "key officer register#examples",
        "示例：
  tongtu key officer register P-01.request --as N-01.key --as N-02.key",
    ),
    (
        "key officer rotate",
        "更换人员密钥（本人旧密钥与国家管理员或审批员）",
    ),
    ("key officer rotate/request", "以新密钥生成的登记申请文件"),
    (
        "key officer rotate#examples",
        "示例：
  tongtu key officer rotate new/P-01.request --as P-01.key --as N-02.key",
    ),
    ("key officer end", "注销人员（国家两名不同角色的人员）"),
    (
        "key officer end/entry",
        "登记号，见 `tongtu key officer list`",
    ),
    ("key officer end/cause", "原因"),
    (
        "key officer end#examples",
        "示例：
  tongtu key officer end 7 --cause business-ended --as N-01.key --as N-02.key",
    ),
    (
        "key officer unlock",
        "结束人员多次口令错误后的等待（国家两名不同角色的人员）",
    ),
    (
        "key officer unlock/entry",
        "登记号，见 `tongtu key officer list`",
    ),
    (
        "key officer unlock#examples",
        "示例：
  tongtu key officer unlock 7 --as N-01.key --as N-02.key",
    ),
    ("key officer list", "列出登记人员"),
    ("key officer list/room", "密钥室目录"),
    ("key officer list/now", "时刻；默认当前时间"),
    (
        "key officer list#examples",
        "示例：
  tongtu key officer list --room keyroom",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an officer's signing key, sealed by a passphrase, and the request to be registered
    #[command(after_help = "Examples:
  tongtu key officer new --number N-01 --role nation-key-officer --institution 00000000
      writes N-01.key and N-01.request

Roles: nation-key-officer, nation-approver, nation-custodian, province-key-officer,
province-approver, holder-custodian, authority-supervisor.")]
    New(NewArgs),
    /// Register an officer by a request: two of the nation in two roles
    #[command(after_help = "Examples:
  tongtu key officer register P-01.request --as N-01.key --as N-02.key")]
    Register(RegisterArgs),
    /// Give an officer another key: the officer with the old one, and the nation's key officer or approver
    #[command(after_help = "Examples:
  tongtu key officer rotate new/P-01.request --as P-01.key --as N-02.key")]
    Rotate(RotateArgs),
    /// End an officer: two of the nation in two roles
    #[command(after_help = "Examples:
  tongtu key officer end 7 --cause business-ended --as N-01.key --as N-02.key")]
    End(EndArgs),
    /// End the wait after too many wrong passphrases of an officer: two of the nation in two roles
    #[command(after_help = "Examples:
  tongtu key officer unlock 7 --as N-01.key --as N-02.key")]
    Unlock(UnlockArgs),
    /// List the register
    #[command(after_help = "Examples:
  tongtu key officer list --room keyroom")]
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The officer's number: 1 to 8 capital letters, digits or hyphens
    #[arg(long, value_name = "NUMBER", value_parser = words::officer_number)]
    number: OfficerNumber,
    /// The role
    #[arg(long, value_name = "ROLE", value_parser = words::role)]
    role: Role,
    /// The institution, 8 digits
    #[arg(long, value_name = "ID")]
    institution: InstitutionCode,
    /// The folder to write into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// A file with the new passphrase in its first line; otherwise asked for twice
    #[arg(long, value_name = "FILE")]
    passphrase: Option<PathBuf>,
    /// For a production room; without it, for tests
    #[arg(long)]
    production: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RegisterArgs {
    /// The request
    #[arg(value_name = "FILE")]
    request: PathBuf,
    /// For how many days
    #[arg(long, value_name = "N", default_value_t = 730, value_parser = clap::value_parser!(u16).range(1..=3653))]
    days: u16,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RotateArgs {
    /// A request made with the new key
    #[arg(value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EndArgs {
    /// The number of the entry, as `tongtu key officer list` shows it
    #[arg(value_name = "ENTRY")]
    entry: u32,
    /// Why
    #[arg(long, value_name = "CAUSE", value_parser = words::cause, default_value = "business-ended")]
    cause: Cause,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UnlockArgs {
    /// The number of the entry, as `tongtu key officer list` shows it
    #[arg(value_name = "ENTRY")]
    entry: u32,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    let nothing = Brought::default();
    match command {
        Command::New(args) => new(&args, report),
        Command::Register(args) => {
            let request = credential::read_request(&args.request)?;
            let from = clock::now_or(args.signing.now);
            let credential = Credential {
                officer: request.officer,
                public_key: request.public_key,
                from,
                until: from.plus_s(i64::from(args.days) * 86_400),
            };
            let act = Act::Register(Box::new(credential));
            room::act(act, &args.signing, nothing, report)
        }
        Command::Rotate(args) => {
            let request = credential::read_request(&args.request)?;
            let entry = {
                let room = room::open(&args.signing.room)?;
                let member = room.officers().find(&request.officer);
                member.map(Member::entry).ok_or_else(|| {
                    Failure::refused(both(
                        format!("{} is not in the register", request.officer),
                        format!("{} 未登记", request.officer),
                    ))
                })?
            };
            let public_key = request.public_key;
            let act = Act::Rotate { entry, public_key };
            room::act(act, &args.signing, nothing, report)
        }
        Command::End(args) => {
            let (entry, cause) = (args.entry, args.cause);
            room::act(Act::End { entry, cause }, &args.signing, nothing, report)
        }
        Command::Unlock(args) => {
            let entry = args.entry;
            room::act(Act::Unlock { entry }, &args.signing, nothing, report)
        }
        Command::List(args) => list(&args, report),
    }
}

#[derive(Serialize)]
struct Made {
    officer: String,
    key_file: PathBuf,
    request_file: PathBuf,
    public_key: String,
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let mark = if args.production {
        Mark::Production
    } else {
        Mark::Test
    };
    let officer = Officer {
        number: args.number,
        role: args.role,
        institution: args.institution,
    };
    let key_file = place(&args.dir, &format!("{}.key", args.number))?;
    let request_file = place(&args.dir, &format!("{}.request", args.number))?;
    super::file::all_free(&[&key_file, &request_file])?;
    let asked = both(
        format!("new passphrase of {}", args.number),
        format!("{} 的新口令", args.number),
    );
    let words = passphrase::read_new(args.passphrase.as_deref(), &asked)?;
    let protection = passphrase::protection(words, mark)?;
    let mut made = credential::Credential::make(&key_file, mark, &protection, args.institution)?;
    let request = made.request(officer)?;
    room::write_new(&request_file, request.as_bytes())?;
    let public_key = tongtu_codec::hex_encode(&made.public()?.to_compressed());
    let made = Made {
        officer: officer.to_string(),
        key_file,
        request_file,
        public_key,
    };
    if report.json() {
        report.value(&made)?;
        return Ok(Exit::Done);
    }
    let (key, request) = (made.key_file.display(), made.request_file.display());
    match report.lang() {
        Lang::En => {
            report.line(&format!("officer  {}", made.officer))?;
            report.line(&format!("key      {key}, sealed"))?;
            report.line(&format!("request  {request}"))?;
        }
        Lang::Zh => {
            report.line(&format!("人员  {}", made.officer))?;
            report.line(&format!("密钥  {key}（已密封）"))?;
            report.line(&format!("申请  {request}"))?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Listed {
    entry: u32,
    number: String,
    role: &'static str,
    institution: String,
    from: i64,
    until: i64,
    /// `active`, `not_yet`, `over`, `waits`, `ended`.
    state: &'static str,
    failures: u8,
    /// Until when no passphrase is looked at, after too many wrong ones.
    waits_until: Option<i64>,
    public_key: String,
}

fn list(args: &ListArgs, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(&args.room)?;
    let now = clock::now_or(args.now);
    let state = |member: &Member| {
        let own = member.credential();
        if member.is_ended() {
            ("ended", "已注销")
        } else if member.is_waiting(now) {
            ("waits", "等待中")
        } else if now < own.from {
            ("not_yet", "未生效")
        } else if now >= own.until {
            ("over", "已过期")
        } else {
            ("active", "有效")
        }
    };
    let members: Vec<&Member> = room.officers().members().collect();
    if report.json() {
        let listed: Vec<Listed> = members
            .iter()
            .map(|member| {
                let own = member.credential();
                Listed {
                    entry: member.entry(),
                    number: own.officer.number.to_string(),
                    role: own.officer.role.en(),
                    institution: own.officer.institution.to_string(),
                    from: own.from.get(),
                    until: own.until.get(),
                    state: state(member).0,
                    failures: member.failures(),
                    waits_until: member.waits_until().map(Timestamp::get),
                    public_key: tongtu_codec::hex_encode(&own.public_key),
                }
            })
            .collect();
        report.value(&listed)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let header = match lang {
        Lang::En => ["entry", "officer", "role", "institution", "until", "state"],
        Lang::Zh => ["登记号", "人员", "角色", "机构", "有效至", "状态"],
    };
    let rows = members.iter().map(|member| {
        let own = member.credential();
        let role = own.officer.role;
        [
            member.entry().to_string(),
            own.officer.number.to_string(),
            lang.pick((role.en(), role.zh())).to_owned(),
            own.officer.institution.to_string(),
            own.until.to_string(),
            lang.pick(state(member)).to_owned(),
        ]
    });
    report.table(&header, rows)?;
    Ok(Exit::Done)
}
