//! `tongtu register`: the institution register (机构登记), signed, verified, shown.

mod text;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_config::{LinkFile, parse_public, read_key};
use tongtu_crypto::{PublicKey, sm3};
use tongtu_hsm::{Mark, PublicPart};
use tongtu_keyring::KeyNumber;
use tongtu_register::{Register, RegisterError};
use tongtu_services::keyroom::{Act, Approval, Hands, key_label};
use tongtu_types::Timestamp;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::key::file;
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::room::custody::{CustodyArgs, MODULE_ZH, PASSPHRASE_ZH};
use crate::room::{self, Brought, Room, Signing, words};

pub(crate) use text::LinkText;
use text::{RegisterText, moment_text};

pub(crate) const HELP: &[Row] = &[
    ("register", "机构登记：签发、校验、查看"),
    (
        "register sign",
        "由登记文本生成签名的登记文件；版本只升不降，机构不得消失，退网后不得返回",
    ),
    ("register sign/text", "登记文本（TOML），或 - 表示标准输入"),
    (
        "register sign/by_key",
        "密钥室中用于机构登记的国家密钥编号；由两名国家保管员签发",
    ),
    ("register sign/room", "密钥室目录"),
    ("register sign/officers", "国家保管员的密钥文件，给出两次"),
    (
        "register sign/passphrase",
        "首行为该人员口令的文件，与各 --as 依次对应；未给出则提示输入",
    ),
    ("register sign/custody_passphrase", PASSPHRASE_ZH),
    ("register sign/module", MODULE_ZH),
    ("register sign/now", "时刻；默认当前时间"),
    (
        "register sign/key",
        "测试密钥文件，仅用于测试登记，须与 --test 同时给出",
    ),
    ("register sign/test", "说明这是测试登记"),
    (
        "register sign/approval",
        "暂不签发：写出已签名的审批文件，交由另一保管员（register commit）",
    ),
    ("register sign/out", "写入的登记文件；已存在时不覆盖"),
    ("register sign/after", "上一版登记文件"),
    (
        "register sign#examples",
        "示例：
  tongtu register sign register.toml --by-key 3 --as N-03.key --as N-04.key \\
      --out register-2.ttir --after register.ttir
  tongtu register sign register.toml --by-key 3 --as N-03.key --approval register-2.approval
  tongtu register sign register.toml --test --key register.key --out register.ttir

密钥须为国家持有、用途为 institution-register 且使用中；每次使用留下审计行。",
    ),
    (
        "register commit",
        "办理 register sign --approval 写出的审批文件：另一保管员签名后签发",
    ),
    ("register commit/approval", "审批文件"),
    (
        "register commit/text",
        "登记文本（TOML），须与先签者所签一致",
    ),
    ("register commit/room", "密钥室目录"),
    ("register commit/officers", "国家保管员的密钥文件"),
    (
        "register commit/passphrase",
        "首行为该人员口令的文件，与各 --as 依次对应；未给出则提示输入",
    ),
    ("register commit/custody_passphrase", PASSPHRASE_ZH),
    ("register commit/module", MODULE_ZH),
    ("register commit/now", "时刻；默认当前时间"),
    ("register commit/out", "写入的登记文件；已存在时不覆盖"),
    ("register commit/after", "上一版登记文件"),
    (
        "register commit#examples",
        "示例：
  tongtu register commit register-2.approval register.toml --as N-04.key \\
      --out register-2.ttir --after register.ttir",
    ),
    ("register verify", "校验登记文件的签名，以及与上一版的衔接"),
    ("register verify/file", "登记文件"),
    ("register verify/key", "签名公钥，压缩点的十六进制；可重复"),
    ("register verify/after", "上一版登记文件"),
    (
        "register verify#examples",
        "示例：
  tongtu register verify register-2.ttir --key 02… --after register.ttir

不成立时退出码为 1，并指出被改动的行。",
    ),
    ("register show", "列出登记的机构与链路证书"),
    ("register show/file", "登记文件"),
    ("register show/key", "签名公钥，压缩点的十六进制；可重复"),
    ("register show/toml", "输出登记文本，供编写下一版"),
    (
        "register show#examples",
        "示例：
  tongtu register show register.ttir --key 02…
  tongtu register show register.ttir --key 02… --toml > register.toml",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign a register made of a text: versions rise, nobody vanishes, who left stays out
    #[command(after_help = "Examples:
  tongtu register sign register.toml --by-key 3 --as N-03.key --as N-04.key \\
      --out register-2.ttir --after register.ttir
  tongtu register sign register.toml --by-key 3 --as N-03.key --approval register-2.approval
  tongtu register sign register.toml --test --key register.key --out register.ttir

The key is the nation's, for institution-register, and in use; each use leaves an audit line.")]
    Sign(SignArgs),
    /// Sign a register after the other custodian, who wrote an approval with `register sign --approval`
    #[command(after_help = "Examples:
  tongtu register commit register-2.approval register.toml --as N-04.key \\
      --out register-2.ttir --after register.ttir")]
    Commit(CommitArgs),
    /// Check a register's signature, and that it follows from the version before
    #[command(after_help = "Examples:
  tongtu register verify register-2.ttir --key 02… --after register.ttir

Exit code 1 when it does not hold; the row that was changed is named.")]
    Verify(VerifyArgs),
    /// List institutions and link certificates
    #[command(after_help = "Examples:
  tongtu register show register.ttir --key 02…
  tongtu register show register.ttir --key 02… --toml > register.toml")]
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SignArgs {
    /// The register as text (TOML), or - for stdin
    #[arg(value_name = "FILE")]
    text: PathBuf,
    /// The key of a key room that signs: two of the nation's custodians let it
    #[arg(long, value_name = "KEY", value_parser = words::key, required_unless_present = "key")]
    by_key: Option<KeyNumber>,
    #[command(flatten)]
    console: Console,
    /// A test key's file, for test registers alone: give --test with it
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["by_key", "officers"],
        requires = "test"
    )]
    key: Option<PathBuf>,
    /// Say that it is a test register
    #[arg(long)]
    test: bool,
    /// Do not sign yet: write the approval, signed so far, for the other custodian's `register commit`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "out", "after"])]
    approval: Option<PathBuf>,
    /// Register file to write; not overwritten when it is there
    #[arg(long, value_name = "FILE", required_unless_present = "approval")]
    out: Option<PathBuf>,
    /// Register file of the version before
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CommitArgs {
    /// The approval, as `register sign --approval` wrote it
    #[arg(value_name = "APPROVAL")]
    approval: PathBuf,
    /// The register as text (TOML), the one that was signed for, or - for stdin
    #[arg(value_name = "FILE")]
    text: PathBuf,
    #[command(flatten)]
    console: Console,
    /// Register file to write; not overwritten when it is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Register file of the version before
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
}

/// The key room in which a register is signed, and who sits there.
#[derive(Debug, clap::Args)]
pub(crate) struct Console {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
    /// A custodian's key file; twice where both are here
    #[arg(long = "as", value_name = "FILE")]
    officers: Vec<PathBuf>,
    /// A file with the officer's passphrase in its first line, one for each --as; otherwise asked for
    #[arg(long, value_name = "FILE")]
    passphrase: Vec<PathBuf>,
    #[command(flatten)]
    custody: CustodyArgs,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

impl Console {
    /// The same as other acts have it, with where an approval is written to.
    fn signing(&self, out: Option<PathBuf>) -> Signing {
        Signing {
            room: self.room.clone(),
            officers: self.officers.clone(),
            passphrase: self.passphrase.clone(),
            custody: self.custody.clone(),
            out,
            now: self.now,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Register file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Key that may have signed it, a compressed point in hex; may be repeated
    #[arg(long, value_name = "HEX", required = true, value_parser = parse_public)]
    key: Vec<PublicKey>,
    /// Register file of the version before
    #[arg(long, value_name = "FILE")]
    after: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Register file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Key that may have signed it, a compressed point in hex; may be repeated
    #[arg(long, value_name = "HEX", required = true, value_parser = parse_public)]
    key: Vec<PublicKey>,
    /// Print the register as text, to write the next version from
    #[arg(long)]
    toml: bool,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Sign(args) => sign(&args, report),
        Command::Commit(args) => commit(&args, report),
        Command::Verify(args) => verify(&args, report),
        Command::Show(args) => show(&args, report),
    }
}

/// What was signed or verified, in JSON.
#[derive(Serialize)]
struct Stated {
    version: u64,
    published_at: String,
    institutions: usize,
    links: usize,
    /// The verifying key, where a register was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
}

impl Stated {
    fn of(register: &Register) -> Self {
        Self {
            version: register.version(),
            published_at: moment_text(register.published_at()),
            institutions: register.institutions().count(),
            links: register.links().count(),
            public_key: None,
        }
    }

    fn print(&self, report: &mut Report) -> Result<(), Failure> {
        if report.json() {
            return report.value(self);
        }
        let (version, at) = (self.version, &self.published_at);
        let (institutions, links) = (self.institutions, self.links);
        report.line(&match report.lang() {
            Lang::En => format!(
                "register version {version} of {at}: {institutions} institutions, {links} link certificates"
            ),
            Lang::Zh => format!(
                "机构登记第 {version} 版，{at}：{institutions} 家机构，{links} 张链路证书"
            ),
        })?;
        if let Some(key) = &self.public_key {
            report.line(&match report.lang() {
                Lang::En => format!("public key   {key}"),
                Lang::Zh => format!("公钥      {key}"),
            })?;
        }
        Ok(())
    }
}

fn read_register(text: &Path) -> Result<Register, Failure> {
    let text = input::read_text(text)?;
    RegisterText::parse(&text).map_err(|fault| {
        Failure::usage(both("the text is no register", "文本不是机构登记")).because(fault)
    })
}

fn sign(args: &SignArgs, report: &mut Report) -> Result<Exit, Failure> {
    let register = read_register(&args.text)?;
    if let Some(path) = &args.approval {
        file::all_free(&[path])?;
        let (mut room, now) = room_of(&args.console, args.test)?;
        let key = args.by_key.expect("clap asks for it without --key");
        let approval = propose(&room, &register, key, now)?;
        let signing = args.console.signing(Some(path.clone()));
        let approval = room::sign(&mut room, approval, &signing, now)?;
        return room::finish(room, approval, &signing, Brought::default(), report);
    }
    let out = args.out.as_deref().expect("clap asks for it");
    file::all_free(&[out])?;
    let (bytes, public) = match (&args.key, args.by_key) {
        (Some(path), _) => by_file(&register, path, args.after.as_deref())?,
        (None, Some(key)) => {
            let (room, now) = room_of(&args.console, args.test)?;
            let approval = propose(&room, &register, key, now)?;
            by_room(
                room,
                approval,
                (&register, key),
                &args.console,
                args.after.as_deref(),
            )?
        }
        (None, None) => unreachable!("clap asks for one of them"),
    };
    written(&register, (out, &bytes), &public, report)
}

/// An approval that one custodian wrote: the other signs, and so does the key.
fn commit(args: &CommitArgs, report: &mut Report) -> Result<Exit, Failure> {
    let register = read_register(&args.text)?;
    let approval = room::read_approval(&args.approval)?;
    let name = args.approval.display();
    let Act::SignRegister { key, .. } = approval.act else {
        return Err(Failure::usage(both(
            format!("`{name}` approves no register: `tongtu key commit` carries it out"),
            format!("`{name}` 并非机构登记的审批：请用 `tongtu key commit` 办理"),
        )));
    };
    // Before anybody signs: the other one read another text.
    if approval.act != act_of(&register, key)?.0 {
        return Err(Failure::refused(both(
            format!("`{name}` approves another register than this text"),
            format!("`{name}` 所批准的并非此文本的机构登记"),
        )));
    }
    file::all_free(&[&args.out])?;
    let (room, _) = room_of(&args.console, false)?;
    let whose = (&register, key);
    let (bytes, public) = by_room(room, approval, whose, &args.console, args.after.as_deref())?;
    written(&register, (&args.out, &bytes), &public, report)
}

fn written(
    register: &Register,
    (out, bytes): (&Path, &[u8]),
    public: &PublicKey,
    report: &mut Report,
) -> Result<Exit, Failure> {
    file::write_public(out, bytes)?;
    let mut stated = Stated::of(register);
    stated.public_key = Some(LinkFile::key_text(public));
    stated.print(report)?;
    Ok(Exit::Done)
}

/// A test register, signed with a test key's file.
fn by_file(
    register: &Register,
    path: &Path,
    after: Option<&Path>,
) -> Result<(Vec<u8>, PublicKey), Failure> {
    let mut key = read_key(path).map_err(|error| {
        Failure::usage(both("the key cannot be used", "密钥不可用")).because(error)
    })?;
    let public = key.public().clone();
    if let Some(before) = after {
        follows(register, before, std::slice::from_ref(&public))?;
    }
    let bytes = register
        .sign(&mut key)
        .map_err(|error| not_signed(&error))?;
    Ok((bytes, public))
}

/// The key room, and the moment there.
fn room_of(console: &Console, is_test: bool) -> Result<(Room, Timestamp), Failure> {
    let room = room::open(&console.room)?;
    if is_test && room.mark() == Mark::Production {
        return Err(Failure::refused(both(
            "a production key room signs no test register",
            "生产密钥室不签发测试登记",
        )));
    }
    let now = room::moment(&room, console.now)?;
    Ok((room, now))
}

/// The act by which a register is signed, and the bytes that are.
fn act_of(register: &Register, key: KeyNumber) -> Result<(Act, Vec<u8>), Failure> {
    let unsigned = register
        .signed_bytes()
        .map_err(|error| not_signed(&error))?;
    let act = Act::SignRegister {
        key,
        version: register.version(),
        digest: sm3::digest(&unsigned),
    };
    Ok((act, unsigned))
}

fn propose(
    room: &Room,
    register: &Register,
    key: KeyNumber,
    now: Timestamp,
) -> Result<Approval, Failure> {
    let (act, _) = act_of(register, key)?;
    Ok(room.propose(act, now.plus_s(room::APPROVAL_S)))
}

/// Signed in a key room: its officers approve, the book permits, the custody signs, a line says so.
fn by_room(
    mut room: Room,
    approval: Approval,
    (register, key): (&Register, KeyNumber),
    console: &Console,
    after: Option<&Path>,
) -> Result<(Vec<u8>, PublicKey), Failure> {
    let now = room::moment(&room, console.now)?;
    let (_, unsigned) = act_of(register, key)?;
    let mut custody = room::custody::open(&room, &console.room, &console.custody)?;
    let public = match custody.public(key_label(key)) {
        Ok(PublicPart::Sm2(public)) => public,
        Ok(PublicPart::Rsa(_)) => {
            return Err(Failure::usage(both(
                format!("key {key} is no SM2 key"),
                format!("密钥 {key} 不是 SM2 密钥"),
            )));
        }
        Err(error) => {
            return Err(Failure::refused(both("the custody refuses", "密钥库拒绝")).because(error));
        }
    };
    if let Some(before) = after {
        follows(register, before, std::slice::from_ref(&public))?;
    }
    let approval = room::sign(&mut room, approval, &console.signing(None), now)?;
    let hands = Hands {
        custody: Some(&mut *custody),
        container: Some(unsigned),
        ..Hands::default()
    };
    let done = room
        .carry_out(&approval, hands, now)
        .map_err(|error| room::failure(&console.room, error))?;
    let bytes = done.container.expect("a signature came of it");
    Ok((bytes, public))
}

fn not_signed(error: &RegisterError) -> Failure {
    Failure::fault(both("the register was not signed", "登记未能签名")).because(error)
}

fn verify(args: &VerifyArgs, report: &mut Report) -> Result<Exit, Failure> {
    let register = open(&args.file, &args.key)?;
    if let Some(before) = &args.after {
        follows(&register, before, &args.key)?;
    }
    Stated::of(&register).print(report)?;
    Ok(Exit::Done)
}

fn show(args: &ShowArgs, report: &mut Report) -> Result<Exit, Failure> {
    let register = open(&args.file, &args.key)?;
    let text = RegisterText::of(&register);
    if args.toml {
        report.raw(&text.print())?;
    } else if report.json() {
        report.value(&text)?;
    } else {
        Stated::of(&register).print(report)?;
        text.table(report)?;
    }
    Ok(Exit::Done)
}

fn open(path: &Path, keys: &[PublicKey]) -> Result<Register, Failure> {
    let bytes = input::read_file(path)?;
    Register::open(&bytes, keys).map_err(|error| {
        let name = path.display();
        let what = both(
            format!("`{name}` does not hold"),
            format!("`{name}` 不成立"),
        );
        match error {
            RegisterError::Magic => Failure::usage(what),
            _ => Failure::refused(what),
        }
        .because(error)
    })
}

/// Checks a register against the one before it.
fn follows(register: &Register, before: &Path, keys: &[PublicKey]) -> Result<(), Failure> {
    let before = open(before, keys)?;
    register.check_after(&before).map_err(|error| {
        Failure::refused(both(
            "it does not follow from the version before",
            "与上一版不衔接",
        ))
        .because(error)
    })
}
