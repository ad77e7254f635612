//! `tongtu key custody`: a holder's own custody, where two of its custodians take in the keys that
//! the nation made for it.
//!
//! Here: the commands and their help. What they do stands in `step`, what is shown in `show`.

mod show;
mod step;

use std::path::PathBuf;

use clap::Subcommand;
use tongtu_config::parse_public;
use tongtu_crypto::PublicKey;
use tongtu_keyring::{Check, DeviceName, KeyNumber, OfficerNumber};
use tongtu_types::Timestamp;

use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;
use crate::room::custody::{CustodyArgs, FoundingArgs, MODULE_ZH, PASSPHRASE_ZH};
use crate::room::words;

pub(crate) const HELP: &[Row] = &[
    ("key custody", "持有机构自有的密钥库：新建、接收密钥、查看"),
    ("key custody new", "由持有机构两名保管员共同签名新建密钥库"),
    ("key custody new/dir", "密钥库目录，将新建"),
    ("key custody new/requests", "保管员的登记申请文件，共两份"),
    (
        "key custody new/officers",
        "保管员的密钥文件，与 --request 依次对应",
    ),
    (
        "key custody new/passphrase",
        "首行为该保管员口令的文件，与各 --as 依次对应；未给出则提示输入",
    ),
    (
        "key custody new/centre",
        "密钥中心公钥，压缩点的十六进制；摘录须由其签名",
    ),
    ("key custody new/custody_passphrase", PASSPHRASE_ZH),
    (
        "key custody new/module",
        "密钥库建在 PKCS#11 令牌上：令牌的库文件",
    ),
    ("key custody new/token", "令牌的标签"),
    (
        "key custody new/serial",
        "令牌的序列号；同名令牌不止一个时须给出",
    ),
    (
        "key custody new/wrapping_key",
        "令牌上已有的包装密钥；未给出则新建一个",
    ),
    ("key custody new/device", "密钥库在密钥簿中的载体编号"),
    ("key custody new/production", "生产用密钥库；默认为测试用"),
    ("key custody new/now", "时刻；默认当前时间"),
    (
        "key custody new#examples",
        "示例：
  tongtu key custody new --dir custody --centre 02AB… \\
      --request H-01.request --request H-02.request --as H-01.key --as H-02.key",
    ),
    (
        "key custody show",
        "密钥库概况与其中的密钥；打开时重新核对每一步骤、签名、审计行与审计锚",
    ),
    ("key custody show/dir", "密钥库目录"),
    (
        "key custody show/book",
        "密钥簿摘录；给出后逐把说明用途与阶段",
    ),
    (
        "key custody show#examples",
        "示例：
  tongtu key custody show --dir custody --book keys.book

退出码 1：与留下时不一致，指明文件与记录。",
    ),
    (
        "key custody component",
        "由分量导入密钥，须与摘录中该密钥的校验值一致（两名保管员）",
    ),
    ("key custody component/key", "密钥编号"),
    ("key custody component/check", "整把密钥的校验值"),
    (
        "key custody component/component",
        "分量文件：一行，十六进制分量与其校验值；未给出则逐个提示输入",
    ),
    ("key custody component/book", "密钥簿摘录"),
    (
        "key custody component#examples",
        "示例：
  tongtu key custody component 3 --check 01A2B3 --book keys.book \\
      --component a.component --component b.component --as H-01.key --as H-02.key",
    ),
    (
        "key custody take-in",
        "从密钥容器接收密钥，须与摘录中该密钥的校验值一致（两名保管员）",
    ),
    ("key custody take-in/key", "密钥编号"),
    ("key custody take-in/container", "密钥容器文件"),
    ("key custody take-in/transport", "传输密钥编号"),
    ("key custody take-in/book", "密钥簿摘录"),
    (
        "key custody take-in#examples",
        "示例：
  tongtu key custody take-in 7 --container key-7.container --transport 3 --book keys.book \\
      --as H-01.key --as H-02.key",
    ),
    ("key custody destroy", "销毁已终止的密钥（两名保管员）"),
    ("key custody destroy/key", "密钥编号"),
    ("key custody destroy/book", "密钥簿摘录，其中该密钥已终止"),
    (
        "key custody destroy#examples",
        "示例：
  tongtu key custody destroy 7 --book keys.book --as H-01.key --as H-02.key

此前复制的密钥库文件中仍有该密钥。",
    ),
    ("key custody enter", "增加保管员（两名保管员）"),
    ("key custody enter/request", "新保管员的登记申请文件"),
    (
        "key custody enter#examples",
        "示例：
  tongtu key custody enter H-03.request --as H-01.key --as H-02.key",
    ),
    ("key custody end", "保管员离任（两名保管员；至少留两名）"),
    ("key custody end/number", "离任者的编号"),
    (
        "key custody end#examples",
        "示例：
  tongtu key custody end H-02 --as H-01.key --as H-03.key",
    ),
    (
        "key custody unlock",
        "保管员口令多次错误后解除等待（另两名保管员）",
    ),
    ("key custody unlock/number", "等待中的保管员编号"),
    (
        "key custody unlock#examples",
        "示例：
  tongtu key custody unlock H-02 --as H-01.key --as H-03.key",
    ),
    ("key custody centre", "密钥中心更换签名密钥（两名保管员）"),
    (
        "key custody centre/centre",
        "新的密钥中心公钥，压缩点的十六进制",
    ),
    (
        "key custody centre#examples",
        "示例：
  tongtu key custody centre 02AB… --as H-01.key --as H-02.key",
    ),
    ("key custody commit", "办理审批文件：再签名后生效"),
    ("key custody commit/approval", "以 --out 写出的审批文件"),
    ("key custody commit/component", "密钥分量文件，按分量导入时"),
    ("key custody commit/container", "接收密钥时的密钥容器文件"),
    ("key custody commit/book", "密钥簿摘录，与签名时同一份"),
    (
        "key custody commit#examples",
        "示例：
  tongtu key custody destroy 7 --book keys.book --as H-01.key --out destroy-7.approval
  tongtu key custody commit destroy-7.approval --book keys.book --as H-02.key",
    ),
    ("key custody anchor", "为每个已结束而尚未锚定的日期签名"),
    ("key custody anchor/dir", "密钥库目录"),
    ("key custody anchor/custody_passphrase", PASSPHRASE_ZH),
    ("key custody anchor/module", MODULE_ZH),
    ("key custody anchor/now", "时刻；默认当前时间"),
    (
        "key custody anchor#examples",
        "示例：
  tongtu key custody anchor --dir custody

核验用 `tongtu audit verify custody`。",
    ),
    (
        "key custody mend",
        "上一步骤未完成即中断时收尾：取出无记录的密钥，并留下审计行",
    ),
    ("key custody mend/dir", "密钥库目录"),
    ("key custody mend/custody_passphrase", PASSPHRASE_ZH),
    ("key custody mend/module", MODULE_ZH),
    ("key custody mend/now", "时刻；默认当前时间"),
    (
        "key custody mend#examples",
        "示例：
  tongtu key custody mend --dir custody",
    ),
];

/// The Chinese help of [`Signing`] at each command that has it.
macro_rules! signing_help {
    ($($path:literal),* $(,)?) => {
        &[$(
            (concat!($path, "/dir"), "密钥库目录"),
            (concat!($path, "/officers"), "保管员密钥文件；给出两次"),
            (
                concat!($path, "/passphrase"),
                "首行为该保管员口令的文件，与各 --as 依次对应；未给出则提示输入",
            ),
            (concat!($path, "/custody_passphrase"), PASSPHRASE_ZH),
            (concat!($path, "/module"), MODULE_ZH),
            (
                concat!($path, "/out"),
                "暂不办理：写出已签名的审批文件，交由另一保管员",
            ),
            (concat!($path, "/now"), "时刻；默认当前时间"),
        )*]
    };
}

pub(crate) const SIGNING_HELP: &[Row] = signing_help![
    "key custody component",
    "key custody take-in",
    "key custody destroy",
    "key custody enter",
    "key custody end",
    "key custody unlock",
    "key custody centre",
    "key custody commit",
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Found a holder's custody: two of its custodians sign together
    #[command(after_help = "Examples:
  tongtu key custody new --dir custody --centre 02AB… \\
      --request H-01.request --request H-02.request --as H-01.key --as H-02.key")]
    New(NewArgs),
    /// Show the custody and the keys in it; opening it checks every step, signature, line and anchor
    #[command(after_help = "Examples:
  tongtu key custody show --dir custody --book keys.book

Exit code 1 when it is not as it was left; file and record are named.")]
    Show(ShowArgs),
    /// Bring a key in from its components, if the book has it with this check value: two custodians
    #[command(after_help = "Examples:
  tongtu key custody component 3 --check 01A2B3 --book keys.book \\
      --component a.component --component b.component --as H-01.key --as H-02.key")]
    Component(ComponentArgs),
    /// Bring a key in from a container, if the book has it with this check value: two custodians
    #[command(after_help = "Examples:
  tongtu key custody take-in 7 --container key-7.container --transport 3 --book keys.book \\
      --as H-01.key --as H-02.key")]
    TakeIn(TakeInArgs),
    /// Destroy a key whose life is over by the book: two custodians
    #[command(after_help = "Examples:
  tongtu key custody destroy 7 --book keys.book --as H-01.key --as H-02.key

Copies of the custody's file made before still have it.")]
    Destroy(DestroyArgs),
    /// Enter a further custodian: two custodians
    #[command(after_help = "Examples:
  tongtu key custody enter H-03.request --as H-01.key --as H-02.key")]
    Enter(EnterArgs),
    /// End a custodian's time: two custodians, and two remain
    #[command(after_help = "Examples:
  tongtu key custody end H-02 --as H-01.key --as H-03.key")]
    End(EndArgs),
    /// End a custodian's wait after too many wrong passphrases: two other custodians
    #[command(after_help = "Examples:
  tongtu key custody unlock H-02 --as H-01.key --as H-03.key")]
    Unlock(UnlockArgs),
    /// The key centre signs extracts with another key: two custodians
    #[command(after_help = "Examples:
  tongtu key custody centre 02AB… --as H-01.key --as H-02.key")]
    Centre(CentreArgs),
    /// Carry out an approval that --out wrote, after the second signature
    #[command(after_help = "Examples:
  tongtu key custody destroy 7 --book keys.book --as H-01.key --out destroy-7.approval
  tongtu key custody commit destroy-7.approval --book keys.book --as H-02.key")]
    Commit(CommitArgs),
    /// Sign every day of the audit chain that is over and has no anchor
    #[command(after_help = "Examples:
  tongtu key custody anchor --dir custody

`tongtu audit verify custody` verifies it.")]
    Anchor(OpenArgs),
    /// End a step that was cut off: a key that no step knows is taken out, and a line says so
    #[command(after_help = "Examples:
  tongtu key custody mend --dir custody")]
    Mend(OpenArgs),
}

/// Which custodians sign, and what with.
#[derive(Debug, clap::Args)]
pub(crate) struct Signing {
    /// The custody's folder
    #[arg(long, value_name = "FOLDER", default_value = "custody")]
    dir: PathBuf,
    /// A custodian's key file; given twice
    #[arg(long = "as", value_name = "FILE")]
    officers: Vec<PathBuf>,
    /// A file with the custodian's passphrase in its first line, one for each --as; otherwise asked for
    #[arg(long, value_name = "FILE")]
    passphrase: Vec<PathBuf>,
    #[command(flatten)]
    custody: CustodyArgs,
    /// Do not do it: write the approval, signed so far, for the other custodian
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// The folder, which is made
    #[arg(long, value_name = "FOLDER", default_value = "custody")]
    dir: PathBuf,
    /// A custodian's request; two of them, of one institution
    #[arg(long = "request", value_name = "FILE", required = true)]
    requests: Vec<PathBuf>,
    /// A custodian's key file, in the order of the requests
    #[arg(long = "as", value_name = "FILE", required = true)]
    officers: Vec<PathBuf>,
    /// A file with the custodian's passphrase in its first line, one for each --as; otherwise asked for
    #[arg(long, value_name = "FILE")]
    passphrase: Vec<PathBuf>,
    /// The key centre's key that extracts are signed by, a compressed point in hex
    #[arg(long, value_name = "HEX", value_parser = parse_public)]
    centre: PublicKey,
    #[command(flatten)]
    founding: FoundingArgs,
    /// The custody's name as a device in the key book
    #[arg(long, value_name = "NAME", value_parser = words::device, default_value = "CUSTODY-1")]
    device: DeviceName,
    /// A custody for production; without it, for tests
    #[arg(long)]
    production: bool,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The custody's folder
    #[arg(long, value_name = "FOLDER", default_value = "custody")]
    dir: PathBuf,
    /// The extract of the key book, to say of each key what for and how it stands
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The check value of the whole key
    #[arg(long, value_name = "HEX", value_parser = words::check)]
    check: Check,
    /// A component's file: one line, the component in hex and its check value; otherwise asked for
    #[arg(long, value_name = "FILE")]
    component: Vec<PathBuf>,
    /// The extract of the key book
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TakeInArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The container
    #[arg(long, value_name = "FILE")]
    container: PathBuf,
    /// The transport key's number
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    transport: KeyNumber,
    /// The extract of the key book
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DestroyArgs {
    /// The key's number
    #[arg(value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The extract of the key book, in which its life is over
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EnterArgs {
    /// The new custodian's request
    #[arg(value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EndArgs {
    /// The number of the one who leaves
    #[arg(value_name = "NUMBER", value_parser = words::officer_number)]
    number: OfficerNumber,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UnlockArgs {
    /// The number of the one who waits
    #[arg(value_name = "NUMBER", value_parser = words::officer_number)]
    number: OfficerNumber,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CentreArgs {
    /// The key centre's new key, a compressed point in hex
    #[arg(value_name = "HEX", value_parser = parse_public)]
    centre: PublicKey,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CommitArgs {
    /// The approval, as --out wrote it
    #[arg(value_name = "FILE")]
    approval: PathBuf,
    /// A component's file, for a key of components
    #[arg(long, value_name = "FILE")]
    component: Vec<PathBuf>,
    /// The container, for a key that comes in one
    #[arg(long, value_name = "FILE")]
    container: Option<PathBuf>,
    /// The extract of the key book, the one that was signed for
    #[arg(long, value_name = "FILE")]
    book: Option<PathBuf>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OpenArgs {
    /// The custody's folder
    #[arg(long, value_name = "FOLDER", default_value = "custody")]
    dir: PathBuf,
    #[command(flatten)]
    custody: CustodyArgs,
    /// The moment; by default now
    #[arg(long, value_name = "TIME", value_parser = clock::moment, allow_hyphen_values = true)]
    now: Option<Timestamp>,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => step::new(&args, report),
        Command::Show(args) => show::run(&args.dir, args.book.as_deref(), report),
        Command::Component(args) => step::component(&args, report),
        Command::TakeIn(args) => step::take_in(&args, report),
        Command::Destroy(args) => step::destroy(&args, report),
        Command::Enter(args) => step::enter(&args, report),
        Command::End(args) => step::end(&args, report),
        Command::Unlock(args) => step::unlock(&args, report),
        Command::Centre(args) => step::centre(&args, report),
        Command::Commit(args) => step::commit(&args, report),
        Command::Anchor(args) => step::anchor(&args, report),
        Command::Mend(args) => step::mend(&args, report),
    }
}
