//! `tongtu cert cash`: the e-cash authority in a key room, and the papers that it gives out.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_ecash::oda::NumberHead;
use tongtu_ecash::oda::paper::{
    self, AuthorityPaper, IssuerApplication, IssuerPaper, PaperError, RevocationPaper,
};
use tongtu_keyring::KeyNumber;
use tongtu_services::keyroom::{Act, CashEntry};
use tongtu_types::MonthYear;

use super::RevokeArgs;
use crate::exit::{Exit, Failure};
use crate::input;
use crate::key::step::plain;
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::room::{self, Brought, Signing, words};

pub(crate) const HELP: &[Row] = &[
    (
        "cert cash",
        "电子现金认证中心：发卡行公钥的申请、批准、签发、吊销；终端所用的认证中心公钥与吊销列表",
    ),
    (
        "cert cash apply",
        "以密钥室中的发卡行密钥申请，申请与持钥证明由密钥库生成（持有机构保管员）",
    ),
    ("cert cash apply/key", "密钥簿中的电子现金发卡行密钥编号"),
    ("cert cash apply/head", "卡号前缀，3 至 8 位数字"),
    ("cert cash apply/expires", "失效年月 MMYY"),
    ("cert cash apply/application", "写入的申请文件"),
    (
        "cert cash apply#examples",
        "示例：
  tongtu cert cash apply --key 9 --head 629930 --expires 1230 \\
      --application issuer.application --as H-01.key

密钥在测试密钥库中的，以 tongtu card apply 申请。",
    ),
    (
        "cert cash approve",
        "批准发卡行的申请（国家密钥管理员与审批员）",
    ),
    ("cert cash approve/application", "发卡行的申请文件"),
    (
        "cert cash approve#examples",
        "示例：
  tongtu cert cash approve --application issuer.application --as N-01.key --as N-02.key",
    ),
    (
        "cert cash issue",
        "由认证中心密钥签发发卡行公钥证书（国家两名保管员，未参与批准）",
    ),
    ("cert cash issue/certificate", "证书编号"),
    ("cert cash issue/key", "密钥簿中的电子现金认证中心密钥编号"),
    ("cert cash issue/paper", "写入的证书文件"),
    (
        "cert cash issue#examples",
        "示例：
  tongtu cert cash issue 1 --key 8 --paper issuer.certificate --as N-03.key --as N-04.key",
    ),
    (
        "cert cash authority",
        "写出终端所用的认证中心公钥：索引、失效日期、校验值（国家两名保管员）",
    ),
    (
        "cert cash authority/key",
        "密钥簿中的电子现金认证中心密钥编号",
    ),
    ("cert cash authority/paper", "写入的公钥文件"),
    (
        "cert cash authority#examples",
        "示例：
  tongtu cert cash authority --key 8 --paper cash-authority-03 --as N-03.key --as N-04.key",
    ),
    (
        "cert cash revoke",
        "吊销发卡行公钥证书（主管部门两名监管员）",
    ),
    ("cert cash revoke/certificate", "证书编号"),
    ("cert cash revoke/cause", "原因"),
    (
        "cert cash revoke#examples",
        "示例：
  tongtu cert cash revoke 1 --cause compromise --as S-01.key --as S-02.key

终端在取得新的吊销列表（cert cash revocations）后拒绝该发卡行的卡。",
    ),
    (
        "cert cash revocations",
        "由认证中心密钥签发终端所用的吊销列表：索引、证书序列号；已到期的不再列入（国家两名保管员）",
    ),
    (
        "cert cash revocations/key",
        "密钥簿中的电子现金认证中心密钥编号",
    ),
    ("cert cash revocations/paper", "写入的吊销列表文件"),
    (
        "cert cash revocations#examples",
        "示例：
  tongtu cert cash revocations --key 8 --paper cash-revoked-03 --as N-03.key --as N-04.key",
    ),
    ("cert cash list", "列出已批准的申请与已签发的证书"),
    ("cert cash list/room", "密钥室目录"),
    (
        "cert cash list#examples",
        "示例：
  tongtu cert cash list --room keyroom",
    ),
    ("cert cash show", "再次写出密钥室中留存的发卡行公钥证书"),
    ("cert cash show/certificate", "证书编号"),
    ("cert cash show/paper", "写入的证书文件；未给出则显示"),
    ("cert cash show/room", "密钥室目录"),
    (
        "cert cash show#examples",
        "示例：
  tongtu cert cash show 1 --paper issuer.certificate --room keyroom",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Apply with an issuer's key of the room, whose custody makes the proof: a custodian of the issuer
    #[command(after_help = "Examples:
  tongtu cert cash apply --key 9 --head 629930 --expires 1230 \\
      --application issuer.application --as H-01.key

With a key in a TEST store, `tongtu card apply` applies.")]
    Apply(ApplyArgs),
    /// Approve an issuer's application: the nation's key officer and approver
    #[command(after_help = "Examples:
  tongtu cert cash approve --application issuer.application --as N-01.key --as N-02.key")]
    Approve(ApproveArgs),
    /// Let the authority's key sign an issuer's certificate: two of the nation's custodians
    #[command(after_help = "Examples:
  tongtu cert cash issue 1 --key 8 --paper issuer.certificate --as N-03.key --as N-04.key")]
    Issue(IssueArgs),
    /// Write the authority's public key for terminals, with index, last day and check value: two of
    /// the nation's custodians
    #[command(after_help = "Examples:
  tongtu cert cash authority --key 8 --paper cash-authority-03 --as N-03.key --as N-04.key")]
    Authority(AuthorityArgs),
    /// Take an issuer's certificate back: two supervisors of the authority
    #[command(after_help = "Examples:
  tongtu cert cash revoke 1 --cause compromise --as S-01.key --as S-02.key

Terminals refuse the issuer's cards once they have a newer list (cert cash revocations).")]
    Revoke(RevokeArgs),
    /// Let the authority's key sign the list of what was taken back, for terminals; what is over has
    /// fallen out: two of the nation's custodians
    #[command(after_help = "Examples:
  tongtu cert cash revocations --key 8 --paper cash-revoked-03 --as N-03.key --as N-04.key")]
    Revocations(RevocationsArgs),
    /// List approved applications and certificates
    #[command(after_help = "Examples:
  tongtu cert cash list --room keyroom")]
    List(ListArgs),
    /// Write a certificate again that the room has
    #[command(after_help = "Examples:
  tongtu cert cash show 1 --paper issuer.certificate --room keyroom")]
    Show(ShowArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    /// The issuer's e-cash key in the book
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// What its card numbers begin with, 3 to 8 digits
    #[arg(long, value_name = "DIGITS")]
    head: NumberHead,
    /// Month of expiry, MMYY
    #[arg(long, value_name = "MMYY")]
    expires: MonthYear,
    /// The application that is written
    #[arg(long, value_name = "FILE")]
    application: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApproveArgs {
    /// The issuer's application
    #[arg(long, value_name = "FILE")]
    application: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct IssueArgs {
    /// The certificate's number
    #[arg(value_name = "CERTIFICATE")]
    certificate: u32,
    /// The e-cash authority's key in the book
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The certificate that is written
    #[arg(long, value_name = "FILE")]
    paper: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuthorityArgs {
    /// The e-cash authority's key in the book
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The public key that is written
    #[arg(long, value_name = "FILE")]
    paper: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevocationsArgs {
    /// The e-cash authority's key in the book
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    key: KeyNumber,
    /// The list that is written
    #[arg(long, value_name = "FILE")]
    paper: PathBuf,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The certificate's number
    #[arg(value_name = "CERTIFICATE")]
    certificate: u32,
    /// The certificate that is written; without it, it is shown
    #[arg(long, value_name = "FILE")]
    paper: Option<PathBuf>,
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Apply(args) => {
            let act = Act::ApplyCash {
                key: args.key,
                head: args.head,
                expires: args.expires,
            };
            written(act, args.application, &args.signing, report)
        }
        Command::Approve(args) => {
            let application = Box::new(read_application(&args.application)?);
            plain(Act::ApproveCash { application }, &args.signing, report)
        }
        Command::Issue(args) => {
            let (certificate, key) = (args.certificate, args.key);
            let act = Act::IssueCash { certificate, key };
            written(act, args.paper, &args.signing, report)
        }
        Command::Authority(args) => {
            let act = Act::PublishAuthority { key: args.key };
            written(act, args.paper, &args.signing, report)
        }
        Command::Revoke(args) => {
            let (certificate, cause) = (args.certificate, args.cause);
            let act = Act::RevokeCash { certificate, cause };
            plain(act, &args.signing, report)
        }
        Command::Revocations(args) => {
            let act = Act::ListCash { key: args.key };
            written(act, args.paper, &args.signing, report)
        }
        Command::List(args) => list(&args, report),
        Command::Show(args) => show(&args, report),
    }
}

/// Carries out an act of which a paper comes.
fn written(
    act: Act,
    paper: PathBuf,
    signing: &Signing,
    report: &mut Report,
) -> Result<Exit, Failure> {
    let brought = Brought {
        container_out: Some(paper),
        ..Brought::default()
    };
    room::act(act, signing, brought, report)
}

fn read<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, PaperError>,
    (en, zh): (&str, &str),
) -> Result<T, Failure> {
    let bytes = input::read_file(path)?;
    paper::text_of(&bytes).and_then(parse).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no {en}"),
            format!("`{name}` 不是{zh}"),
        ))
        .because(error)
    })
}

fn read_application(path: &Path) -> Result<IssuerApplication, Failure> {
    let what = ("application of an e-cash issuer", "电子现金发卡行的申请");
    read(path, IssuerApplication::parse, what)
}

/// An issuer's certificate.
pub(crate) fn read_certificate(path: &Path) -> Result<IssuerPaper, Failure> {
    let what = ("certificate of an e-cash issuer", "电子现金发卡行公钥证书");
    read(path, IssuerPaper::parse, what)
}

/// An authority's public key.
pub(crate) fn read_authority(path: &Path) -> Result<AuthorityPaper, Failure> {
    let what = ("public key of an e-cash authority", "电子现金认证中心公钥");
    read(path, AuthorityPaper::parse, what)
}

/// A list of issuers' certificates that an authority took back.
pub(crate) fn read_revocations(path: &Path) -> Result<RevocationPaper, Failure> {
    let what = (
        "list of revoked certificates of e-cash issuers",
        "电子现金发卡行证书吊销列表",
    );
    read(path, RevocationPaper::parse, what)
}

#[derive(Serialize)]
struct Listed {
    certificate: u32,
    issuer: String,
    head: String,
    expires: String,
    algorithm: &'static str,
    /// `approved`, `issued` or `revoked`.
    stage: &'static str,
    /// The authority's key that signed, once one did.
    key: Option<u32>,
    /// The index under which terminals know that key.
    index: Option<String>,
    serial: Option<String>,
}

fn form(entry: &CashEntry) -> Listed {
    let application = entry.application();
    let issued = entry.issued();
    Listed {
        certificate: entry.number(),
        issuer: application.issuer.to_string(),
        head: application.head.digits(),
        expires: application.expires.mmyy(),
        algorithm: match application.key {
            tongtu_ecash::oda::VerifyingKey::Rsa(_) => "RSA",
            tongtu_ecash::oda::VerifyingKey::Sm2(_) => "SM2",
        },
        stage: match (issued, entry.revoked()) {
            (_, Some(_)) => "revoked",
            (Some(_), None) => "issued",
            (None, None) => "approved",
        },
        key: issued.map(|(key, _)| key.get()),
        index: issued.map(|(_, paper)| format!("{:02X}", paper.index)),
        serial: issued.map(|(_, paper)| hex_encode(&paper.serial)),
    }
}

fn list(args: &ListArgs, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(&args.room)?;
    let listed: Vec<Listed> = room.cash().entries().iter().map(form).collect();
    if report.json() {
        report.value(&listed)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let header = match lang {
        Lang::En => [
            "certificate",
            "issuer",
            "numbers",
            "month",
            "algorithm",
            "stage",
            "key",
            "index",
        ],
        Lang::Zh => [
            "证书",
            "发卡行",
            "卡号前缀",
            "失效年月",
            "算法",
            "状态",
            "密钥",
            "索引",
        ],
    };
    let rows = listed.into_iter().map(|form| {
        let none = || String::from("-");
        let stage = match form.stage {
            "issued" => lang.pick(("issued", "已签发")),
            "revoked" => lang.pick(("revoked", "已吊销")),
            _ => lang.pick(("approved", "已批准")),
        };
        [
            form.certificate.to_string(),
            form.issuer,
            form.head,
            form.expires,
            form.algorithm.to_owned(),
            stage.to_owned(),
            form.key.map_or_else(none, |key| key.to_string()),
            form.index.unwrap_or_else(none),
        ]
    });
    report.table(&header, rows)?;
    Ok(Exit::Done)
}

fn show(args: &ShowArgs, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(&args.room)?;
    let entry = room.cash().entry(args.certificate);
    let number = args.certificate;
    let entry = entry.ok_or_else(|| {
        Failure::usage(both(
            format!("certificate {number} is not in the e-cash authority's book"),
            format!("电子现金认证中心没有证书 {number}"),
        ))
    })?;
    let (_, paper) = entry.issued().ok_or_else(|| {
        Failure::refused(both(
            format!("certificate {number} is approved, and not issued yet"),
            format!("证书 {number} 已批准，尚未签发"),
        ))
    })?;
    match &args.paper {
        Some(path) => room::write_new(path, paper.text().as_bytes())?,
        None if report.json() => {}
        None => report.raw(&paper.text())?,
    }
    if report.json() {
        report.value(&form(entry))?;
    }
    Ok(Exit::Done)
}
