//! `tongtu psam admit`: a client of a pool, and its secret.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tongtu_sam_pool::{Clients, Credential};
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::report::Report;

/// The pool's file with its clients, unless another is named.
pub(super) const CLIENTS: &str = "pool.clients";

pub(crate) const HELP: &[Row] = &[
    (
        "psam admit",
        "为 PSAM 池登记一台终端：生成密钥，写入池与终端各自的文件",
    ),
    ("psam admit/name", "终端的名称：字母、数字、`-`、`.`"),
    ("psam admit/clients", "池的登记文件；不存在时新建"),
    (
        "psam admit/credential",
        "终端的凭据文件；默认为 NAME.psam-client，不得已存在",
    ),
    (
        "psam admit#examples",
        "示例：
  tongtu psam admit gate-1
  tongtu psam admit bus-7 --credential vehicle/bus-7.psam-client

两个文件都含密钥，只允许所有者读取；池在启动时读取登记文件。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu psam admit gate-1
  tongtu psam admit bus-7 --credential vehicle/bus-7.psam-client

Both files hold the secret and are for their owner only; a pool reads its file when it starts.")]
pub(crate) struct Args {
    /// The client's name: letters, digits, `-` and `.`
    #[arg(value_name = "NAME")]
    name: String,
    /// The pool's file with its clients; made when it is not there
    #[arg(long, value_name = "FILE", default_value = CLIENTS)]
    clients: PathBuf,
    /// The client's own file, which must not be there; by default NAME.psam-client
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret)
        .map_err(|error| Failure::fault(both("no randomness", "系统没有随机数")).because(error))?;
    let credential = Credential::new(&args.name, *secret).ok_or_else(|| {
        Failure::usage(both(
            "a name has 1 to 32 letters, digits, `-` or `.`",
            "名称为 1 至 32 个字母、数字、`-` 或 `.`",
        ))
        .because(&args.name)
    })?;
    let there = match fs::read_to_string(&args.clients) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Zeroizing::default(),
        Err(error) => return Err(unusable(&args.clients, &error)),
    };
    let mut clients = Clients::parse(&there).map_err(|error| unusable(&args.clients, &error))?;
    if !clients.admit(credential.clone()) {
        return Err(
            Failure::usage(both("there is a client of that name", "该名称已登记"))
                .because(&args.name),
        );
    }
    let line = Zeroizing::new(credential.danger_line());
    let own = args.credential.clone();
    let own = own.unwrap_or_else(|| PathBuf::from(format!("{}.psam-client", args.name)));
    // The client's first: a client that the pool does not know harms nothing.
    append(&own, &line, true)?;
    append(&args.clients, &line, false)?;
    if report.json() {
        report.value(&serde_json::json!({ "client": args.name, "credential": own }))?;
    } else {
        report.line(&own.display().to_string())?;
    }
    Ok(Exit::Done)
}

/// The credential in a client's file.
pub(crate) fn credential(path: &Path) -> Result<Credential, Failure> {
    let text = fs::read_to_string(path).map_err(|error| unusable(path, &error))?;
    let text = Zeroizing::new(text);
    Credential::parse(&text).map_err(|error| unusable(path, &error))
}

/// Adds a line to a file that is for its owner only.
fn append(path: &Path, line: &str, is_new: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(is_new).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(path).and_then(|mut file| {
        file.write_all(line.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(both(
        "the file with the secret cannot be used",
        "密钥文件不可用",
    ))
    .because(format!("{}: {error}", path.display()))
}
