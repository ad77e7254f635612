//! `tongtu call`: one signed request to a node, for people and scripts.

use std::path::{Path, PathBuf};

use tongtu_callers::CallerName;
use tongtu_config::{ConfigError, CredentialFile, LinkFile, Mode, ReadyCredential, SamFile};
use tongtu_hsm::CustodyError;
use tongtu_http::Credential;
use tongtu_http::client::{Client, ClientError};
use tongtu_types::InstitutionCode;
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};
use crate::lang::{Row, both};
use crate::link;
use crate::report::Report;
use crate::room::passphrase;
use crate::runtime;

pub(crate) const HELP: &[Row] = &[
    ("call", "以某调用方的名义向节点发出一个签名请求，输出应答"),
    ("call/who", "调用方的凭据文件 NAME.caller"),
    ("call/passphrase", PASSPHRASE_ZH),
    ("call/to", "节点地址；默认取凭据文件所载"),
    ("call/node", "节点所属机构代码；默认为调用方所属机构"),
    ("call/method", "HTTP 方法"),
    ("call/path", "路径，可带查询"),
    ("call/body", "JSON 请求体"),
    (
        "call#examples",
        "示例：
  tongtu call --as tongtu-country/beijing/OP-1.caller GET /audit/ledger
  tongtu call --as tongtu-country/beijing/C-1.caller POST /issuer/accounts/31/recharges '{\"recharge_id\": \"1\", \"amount_fen\": 5000}'

应答状态为 2xx 时退出码 0，否则为 1。",
    ),
];

/// The Chinese help of `--passphrase` at each command that has [`As`].
pub(crate) const PASSPHRASE_ZH: &str = "首行为该凭据密钥口令的文件；需要口令而未给出时提示输入";

/// In whose name a command asks.
#[derive(Debug, clap::Args)]
pub(crate) struct As {
    /// Who asks: a credential file, NAME.caller
    #[arg(id = "who", long = "as", value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A file with the passphrase of the credential's key in its first line; otherwise asked for when
    /// needed
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu call --as tongtu-country/beijing/OP-1.caller GET /audit/ledger
  tongtu call --as tongtu-country/beijing/C-1.caller POST /issuer/accounts/31/recharges '{\"recharge_id\": \"1\", \"amount_fen\": 5000}'

Exit code 0 for an answer of 2xx, else 1.")]
pub(crate) struct Args {
    #[command(flatten)]
    who: As,
    /// The node's address; by default the credential file's
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Code of the institution whose node it is; by default the caller's own
    #[arg(long, value_name = "CODE")]
    node: Option<InstitutionCode>,
    /// HTTP method
    #[arg(value_name = "METHOD", value_parser = ["GET", "POST", "PUT"])]
    method: String,
    /// Path, with a query if need be
    #[arg(value_name = "PATH")]
    path: String,
    /// JSON body
    #[arg(value_name = "BODY")]
    body: Option<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    if !args.path.starts_with('/') {
        return Err(
            Failure::usage(both("a path begins with `/`", "路径须以 `/` 开头")).because(&args.path),
        );
    }
    let (client, _) = client(&args.who, args.to.as_deref(), args.node)?;
    let method = args.method.parse().expect("one of three methods");
    let answer = runtime::run(async {
        let called = client.call(method, &args.path, args.body.as_deref());
        called.await.map_err(|error| unanswered(&error))
    })?;
    let (status, body) = answer;
    report.raw(&String::from_utf8_lossy(&body))?;
    if !body.is_empty() {
        report.raw("\n")?;
    }
    Ok(if (200..300).contains(&status) {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// What a credential file holds beside the key, and the passphrase that opened it.
pub(crate) struct Who {
    pub(crate) name: CallerName,
    pub(crate) key_number: u32,
    pub(crate) mode: Mode,
    pub(crate) url: Option<String>,
    pub(crate) store: Option<SamFile>,
    pub(crate) link: Option<LinkFile>,
    pub(crate) words: Option<Zeroizing<String>>,
}

/// What there is to say of a credential file that does not hold.
pub(crate) fn not_held(error: &ConfigError) -> Failure {
    Failure::usage(both("the credential does not hold", "凭据文件有误")).because(error)
}

/// The passphrase does not open the key.
pub(crate) fn wrong_passphrase(file: &Path) -> Failure {
    let name = file.display();
    Failure::refused(both(
        format!("the key of `{name}` does not open with this passphrase"),
        format!("口令不正确，`{name}` 的密钥无法打开"),
    ))
}

/// The passphrase of a credential's key, where it has one.
pub(crate) fn words(who: &As, file: &CredentialFile) -> Result<Option<Zeroizing<String>>, Failure> {
    let name = &file.name;
    if file.asks_passphrase() {
        let asked = both(format!("passphrase of {name}"), format!("{name} 的口令"));
        passphrase::read(who.passphrase.as_deref(), &asked).map(Some)
    } else if who.passphrase.is_some() {
        Err(Failure::usage(both(
            format!("the key of {name} is not under a passphrase that is given here"),
            format!("{name} 的密钥不以此处给出的口令打开"),
        )))
    } else {
        Ok(None)
    }
}

/// Opens a credential; whoever is there is asked for the passphrase.
fn open(who: &As) -> Result<(ReadyCredential, Option<Zeroizing<String>>), Failure> {
    let file = CredentialFile::read(&who.file).map_err(|error| not_held(&error))?;
    let words = words(who, &file)?;
    let typed = words.clone().map(|words| {
        // One that is too short is a wrong one too.
        let protection = passphrase::protection(words, file.mode.mark());
        protection.map_err(|_| wrong_passphrase(&who.file))
    });
    let typed = typed.transpose()?;
    let ready = file.open(&who.file, typed.as_ref());
    let ready = ready.map_err(|error| match &error {
        ConfigError::Custody { source, .. }
            if typed.is_some() && matches!(**source, CustodyError::Protection { .. }) =>
        {
            wrong_passphrase(&who.file)
        }
        error => not_held(error),
    })?;
    Ok((ready, words))
}

/// A client in the name of a credential file, and what else the file holds.
pub(crate) fn client(
    who: &As,
    to: Option<&str>,
    node: Option<InstitutionCode>,
) -> Result<(Client, Who), Failure> {
    let (ready, words) = open(who)?;
    let ReadyCredential {
        name,
        key,
        link,
        file,
    } = ready;
    let key_number = file.key_number;
    let url = to.or(file.url.as_deref()).ok_or_else(|| {
        Failure::usage(both(
            "the credential names no node: give its address with --to",
            "凭据文件未载节点地址：请用 --to 指定",
        ))
    })?;
    let credential = Credential::new(name, key_number, key, runtime::random()?);
    let node = node.unwrap_or(name.institution);
    let client = match link {
        Some(ready) => {
            let own = (!ready.files.certificates.is_empty()).then_some(name.institution);
            // One call is over before the files could change.
            let (known, _) = link::open(ready.files, own)?;
            Client::linked(url, &known, node)
        }
        None => Client::new(url),
    };
    let client = client.acting_as(credential, node);
    let who = Who {
        name,
        key_number,
        mode: file.mode,
        url: file.url,
        store: file.store,
        link: file.link,
        words,
    };
    Ok((client, who))
}

/// What there is to say when a node does not serve a request.
pub(crate) fn unanswered(error: &ClientError) -> Failure {
    let failure = match error {
        ClientError::Refused { .. } => Failure::refused(both("the node refuses", "节点拒绝该请求")),
        _ => Failure::fault(both("the node does not answer", "节点没有应答")),
    };
    failure.because(error)
}
