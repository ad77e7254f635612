//! `tongtu cert`: roots and issuer certificates of a key room, for ride codes and e-cashes, and link
//! certificates of nodes.

pub(crate) mod cash;
pub(crate) mod files;
pub(crate) mod link;

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_crypto::sm3;
use tongtu_keyring::ca::Certificate;
use tongtu_keyring::code::Cause;
use tongtu_keyring::{Check, KeyLife, KeyNumber};
use tongtu_ride_code::layout::CertificateApplication;
use tongtu_services::keyroom::Act;
use tongtu_types::{InstitutionCode, MonthYear};

use crate::exit::{Exit, Failure};
use crate::input;
use crate::key::step::plain;
use crate::lang::{Lang, Row, both};
use crate::report::Report;
use crate::room::{self, Signing, words};

pub(crate) const HELP: &[Row] = &[
    (
        "cert",
        "证书：乘车码的根、申请、签发、吊销与终端所用文件；电子现金认证中心；节点的链路证书",
    ),
    ("cert link", "链路证书：新建、更新"),
    (
        "cert root",
        "在密钥库中生成根密钥并自签名（国家两名保管员）",
    ),
    ("cert root/index", "中心CA公钥索引，两位十六进制"),
    ("cert root/expiry", "失效年月 MMYY"),
    (
        "cert root#examples",
        "示例：
  tongtu cert root --index 02 --expiry 1240 --as N-03.key --as N-04.key",
    ),
    ("cert retire", "停用根证书（国家密钥管理员与审批员）"),
    ("cert retire/index", "中心CA公钥索引，两位十六进制"),
    ("cert retire/cause", "原因"),
    (
        "cert retire#examples",
        "示例：
  tongtu cert retire --index 02 --cause business-ended --as N-01.key --as N-02.key",
    ),
    (
        "cert draft",
        "发行机构起草申请，得到证书序列号（持有机构保管员）",
    ),
    ("cert draft/issuer", "发行机构标识，8 位"),
    ("cert draft/index", "签发的根，两位十六进制"),
    ("cert draft/expiry", "失效年月 MMYY"),
    (
        "cert draft#examples",
        "示例：
  tongtu cert draft --issuer 01343010 --index 02 --expiry 1228 --as H-01.key

密钥在密钥室中的，以 tongtu cert apply --key 申请，序列号自动写入。",
    ),
    (
        "cert renew",
        "为同一发行机构起草更新的申请（持有机构保管员）",
    ),
    ("cert renew/certificate", "将被更新的证书编号"),
    ("cert renew/index", "签发的根；默认与原证书相同"),
    ("cert renew/expiry", "失效年月 MMYY"),
    (
        "cert renew#examples",
        "示例：
  tongtu cert renew 1 --expiry 1230 --as H-01.key",
    ),
    ("cert apply", "提交证书申请（持有机构保管员）"),
    ("cert apply/certificate", "证书编号"),
    (
        "cert apply/application",
        "证书申请文件（115 字节或其十六进制）；私钥在别处时",
    ),
    (
        "cert apply/key",
        "密钥簿中该机构的乘车码密钥编号：申请与持钥证明由密钥库生成",
    ),
    (
        "cert apply#examples",
        "示例：
  tongtu cert apply 1 --key 7 --as H-01.key
  tongtu cert apply 1 --application issuer-01343010-000001.application --as H-01.key",
    ),
    ("cert approve", "省级批准（省级密钥管理员与审批员）"),
    ("cert approve/certificate", "证书编号"),
    (
        "cert approve#examples",
        "示例：
  tongtu cert approve 1 --as P-01.key --as P-02.key",
    ),
    (
        "cert refuse",
        "不通过（省级审批员；省级已批准的，由国家审批员）",
    ),
    ("cert refuse/certificate", "证书编号"),
    ("cert refuse/cause", "原因"),
    (
        "cert refuse#examples",
        "示例：
  tongtu cert refuse 1 --as P-02.key",
    ),
    ("cert issue", "由根签发证书（国家两名保管员）"),
    ("cert issue/certificate", "证书编号"),
    (
        "cert issue#examples",
        "示例：
  tongtu cert issue 1 --as N-03.key --as N-04.key",
    ),
    ("cert activate", "启用证书（持有机构两名保管员）"),
    ("cert activate/certificate", "证书编号"),
    (
        "cert activate#examples",
        "示例：
  tongtu cert activate 1 --as H-01.key --as H-02.key",
    ),
    ("cert revoke", "吊销证书（两名监管员）"),
    ("cert revoke/certificate", "证书编号"),
    ("cert revoke/cause", "原因"),
    (
        "cert revoke#examples",
        "示例：
  tongtu cert revoke 1 --cause compromise --as S-01.key --as S-02.key",
    ),
    ("cert list", "列出根证书与发行机构证书"),
    ("cert list/room", "密钥室目录"),
    (
        "cert list#examples",
        "示例：
  tongtu cert list --room keyroom",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a root's key in the custody and let it sign itself: two of the nation's custodians
    #[command(after_help = "Examples:
  tongtu cert root --index 02 --expiry 1240 --as N-03.key --as N-04.key")]
    Root(RootArgs),
    /// Hand a root out no more: the nation's key officer and approver
    #[command(after_help = "Examples:
  tongtu cert retire --index 02 --cause business-ended --as N-01.key --as N-02.key")]
    Retire(RetireArgs),
    /// Begin an issuer's application, which gives it its serial number: a custodian of the issuer
    #[command(after_help = "Examples:
  tongtu cert draft --issuer 01343010 --index 02 --expiry 1228 --as H-01.key

With a key of the room, `tongtu cert apply --key` puts the serial number into the application.")]
    Draft(DraftArgs),
    /// Begin the application for a newer certificate of the same issuer: a custodian of the issuer
    #[command(after_help = "Examples:
  tongtu cert renew 1 --expiry 1230 --as H-01.key")]
    Renew(RenewArgs),
    /// Hand in an application: a custodian of the issuer
    #[command(after_help = "Examples:
  tongtu cert apply 1 --key 7 --as H-01.key
  tongtu cert apply 1 --application issuer-01343010-000001.application --as H-01.key")]
    Apply(ApplyArgs),
    /// Approve at the province: its key officer and approver
    #[command(after_help = "Examples:
  tongtu cert approve 1 --as P-01.key --as P-02.key")]
    Approve(CertificateArgs),
    /// Refuse: the province's approver, or the nation's once the province approved
    #[command(after_help = "Examples:
  tongtu cert refuse 1 --as P-02.key")]
    Refuse(RefuseArgs),
    /// Let the root sign: two of the nation's custodians
    #[command(after_help = "Examples:
  tongtu cert issue 1 --as N-03.key --as N-04.key")]
    Issue(CertificateArgs),
    /// Sign with it from now on: two custodians of the issuer
    #[command(after_help = "Examples:
  tongtu cert activate 1 --as H-01.key --as H-02.key")]
    Activate(CertificateArgs),
    /// Take a certificate away: two supervisors of the authority
    #[command(after_help = "Examples:
  tongtu cert revoke 1 --cause compromise --as S-01.key --as S-02.key")]
    Revoke(RevokeArgs),
    /// List roots and issuer certificates
    #[command(after_help = "Examples:
  tongtu cert list --room keyroom")]
    List(ListArgs),
    /// Write what terminals take: root file, certificates, list of revoked ones
    #[command(after_help = "Examples:
  tongtu cert files --room keyroom --dir for-terminals
      writes roots.4026, 01010000.JG02, 013430100000011228.IG02 and revoked.7")]
    Files(files::Args),
    /// The e-cash authority: applications, certificates of issuers, public keys for terminals
    #[command(subcommand)]
    Cash(cash::Command),
    /// Link certificates of nodes: new, renew
    #[command(subcommand)]
    Link(link::Command),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RootArgs {
    /// CA key index, two hex digits
    #[arg(long, value_name = "HEX", value_parser = words::ca_index)]
    index: u8,
    /// Month of expiry, MMYY
    #[arg(long, value_name = "MMYY")]
    expiry: MonthYear,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RetireArgs {
    /// CA key index, two hex digits
    #[arg(long, value_name = "HEX", value_parser = words::ca_index)]
    index: u8,
    /// Why
    #[arg(long, value_name = "CAUSE", value_parser = words::cause)]
    cause: Cause,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DraftArgs {
    /// The issuer, 8 digits
    #[arg(long, value_name = "ID")]
    issuer: InstitutionCode,
    /// The root that is to sign, two hex digits
    #[arg(long, value_name = "HEX", value_parser = words::ca_index)]
    index: u8,
    /// Month of expiry, MMYY
    #[arg(long, value_name = "MMYY")]
    expiry: MonthYear,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RenewArgs {
    /// The number of the certificate that it follows
    #[arg(value_name = "CERTIFICATE")]
    certificate: u32,
    /// The root that is to sign; by default the same
    #[arg(long, value_name = "HEX", value_parser = words::ca_index)]
    index: Option<u8>,
    /// Month of expiry, MMYY
    #[arg(long, value_name = "MMYY")]
    expiry: MonthYear,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    /// The certificate's number
    #[arg(value_name = "CERTIFICATE")]
    certificate: u32,
    /// The application (115 bytes, or their hex), where the key is elsewhere
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "key",
        conflicts_with = "key"
    )]
    application: Option<PathBuf>,
    /// The issuer's ride-code key in the book: the custody makes the application and its proof
    #[arg(long, value_name = "KEY", value_parser = words::key)]
    key: Option<KeyNumber>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CertificateArgs {
    /// The certificate's number
    #[arg(value_name = "CERTIFICATE")]
    certificate: u32,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RefuseArgs {
    /// The certificate's number
    #[arg(value_name = "CERTIFICATE")]
    certificate: u32,
    /// Why
    #[arg(long, value_name = "CAUSE", value_parser = words::cause, default_value = "application-not-in-order")]
    cause: Cause,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    /// The certificate's number
    #[arg(value_name = "CERTIFICATE")]
    certificate: u32,
    /// Why
    #[arg(long, value_name = "CAUSE", value_parser = words::cause)]
    cause: Cause,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// The key room's folder
    #[arg(long, value_name = "FOLDER", default_value = "keyroom")]
    room: PathBuf,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Root(args) => {
            let (ca_index, expiry) = (args.index, args.expiry);
            plain(Act::IssueRoot { ca_index, expiry }, &args.signing, report)
        }
        Command::Retire(args) => {
            let (ca_index, cause) = (args.index, args.cause);
            plain(Act::RetireRoot { ca_index, cause }, &args.signing, report)
        }
        Command::Draft(args) => {
            let act = Act::Draft {
                issuer: args.issuer,
                ca_index: args.index,
                expiry: args.expiry,
            };
            draft(act, &args.signing, report)
        }
        Command::Renew(args) => renew(&args, report),
        Command::Apply(args) => apply(&args, report),
        Command::Approve(args) => of(&args, report, |certificate| Act::ApproveCertificate {
            certificate,
        }),
        Command::Refuse(args) => {
            let (certificate, cause) = (args.certificate, args.cause);
            let act = Act::RefuseCertificate { certificate, cause };
            plain(act, &args.signing, report)
        }
        Command::Issue(args) => of(&args, report, |certificate| Act::IssueCertificate {
            certificate,
        }),
        Command::Activate(args) => of(&args, report, |certificate| Act::ActivateCertificate {
            certificate,
        }),
        Command::Revoke(args) => {
            let (certificate, cause) = (args.certificate, args.cause);
            let act = Act::RevokeCertificate { certificate, cause };
            plain(act, &args.signing, report)
        }
        Command::List(args) => list(&args, report),
        Command::Files(args) => files::run(&args, report),
        Command::Cash(command) => cash::run(command, report),
        Command::Link(command) => link::run(command, report),
    }
}

fn of(
    args: &CertificateArgs,
    report: &mut Report,
    act: impl FnOnce(u32) -> Act,
) -> Result<Exit, Failure> {
    plain(act(args.certificate), &args.signing, report)
}

/// A draft is of use with its serial number, which the list shows.
fn draft(act: Act, signing: &Signing, report: &mut Report) -> Result<Exit, Failure> {
    let exit = plain(act, signing, report)?;
    if signing.out.is_some() || report.json() {
        return Ok(exit);
    }
    let room = room::open(&signing.room)?;
    let last = room.authority().certificates().last();
    if let Some(last) = last {
        let serial = hex_encode(&last.draft().serial);
        report.line(&match report.lang() {
            Lang::En => format!("  serial number {serial}"),
            Lang::Zh => format!("  证书序列号 {serial}"),
        })?;
    }
    Ok(exit)
}

fn renew(args: &RenewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let act = {
        let room = room::open(&args.signing.room)?;
        let older = room.authority().certificate(args.certificate);
        let number = args.certificate;
        let older = older.ok_or_else(|| {
            Failure::usage(both(
                format!("certificate {number} is not in the book"),
                format!("没有证书 {number}"),
            ))
        })?;
        Act::Draft {
            issuer: older.draft().issuer,
            ca_index: args.index.unwrap_or(older.draft().ca_index),
            expiry: args.expiry,
        }
    };
    draft(act, &args.signing, report)
}

fn apply(args: &ApplyArgs, report: &mut Report) -> Result<Exit, Failure> {
    let certificate = args.certificate;
    let path = match (&args.application, args.key) {
        (Some(path), None) => path,
        (None, Some(key)) => {
            let act = Act::SubmitOf { certificate, key };
            return plain(act, &args.signing, report);
        }
        _ => unreachable!("clap asks for one of them"),
    };
    let bytes = input::certificate(path, CertificateApplication::LEN)?;
    let application = CertificateApplication::decode(&bytes).map_err(|error| {
        let name = path.display();
        Failure::usage(both(
            format!("`{name}` is no application"),
            format!("`{name}` 不是证书申请"),
        ))
        .because(error)
    })?;
    let act = Act::Submit {
        certificate,
        application: Box::new(application),
    };
    plain(act, &args.signing, report)
}

#[derive(Serialize)]
struct Listed {
    roots: Vec<RootForm>,
    certificates: Vec<CertificateForm>,
}

#[derive(Serialize)]
struct RootForm {
    index: String,
    expiry: String,
    file: String,
    live: bool,
}

#[derive(Serialize)]
struct CertificateForm {
    certificate: u32,
    issuer: String,
    serial: String,
    index: String,
    expiry: String,
    stage: &'static str,
    /// The key of the book that it is for; none where the key is elsewhere.
    key: Option<u32>,
}

/// The key of the book that an application is of, by its fingerprint.
fn key_of(room: &room::Room, entry: &Certificate) -> Option<KeyNumber> {
    let public = entry.application()?.public_key;
    let check = Check::Fingerprint(sm3::digest(&public));
    let keys = room.keys().keys();
    let mut found = keys.filter(|life| life.custody().map(|custody| custody.check) == Some(check));
    found.next().map(KeyLife::number)
}

fn list(args: &ListArgs, report: &mut Report) -> Result<Exit, Failure> {
    let room = room::open(&args.room)?;
    let authority = room.authority();
    let now = crate::clock::now_or(None);
    let roots = authority.roots().map(|entry| {
        let certificate = entry.root().certificate();
        RootForm {
            index: format!("{:02X}", certificate.ca_index),
            expiry: certificate.expiry.mmyy(),
            file: entry.root().file_name(),
            live: entry.is_live(now),
        }
    });
    let certificates = authority.certificates().map(|entry| CertificateForm {
        certificate: entry.number(),
        issuer: entry.draft().issuer.to_string(),
        serial: hex_encode(&entry.draft().serial),
        index: format!("{:02X}", entry.draft().ca_index),
        expiry: entry.draft().expiry.mmyy(),
        stage: entry.stage().en(),
        key: key_of(&room, entry).map(KeyNumber::get),
    });
    let listed = Listed {
        roots: roots.collect(),
        certificates: certificates.collect(),
    };
    if report.json() {
        report.value(&listed)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let header = match lang {
        Lang::En => ["root", "month", "file", ""],
        Lang::Zh => ["根", "失效年月", "文件", ""],
    };
    let rows = listed.roots.iter().map(|root| {
        let live = if root.live {
            lang.pick(("live", "有效"))
        } else {
            lang.pick(("ended", "已终止"))
        };
        [
            root.index.clone(),
            root.expiry.clone(),
            root.file.clone(),
            live.to_owned(),
        ]
    });
    report.table(&header, rows)?;
    let header = match lang {
        Lang::En => [
            "certificate",
            "issuer",
            "serial",
            "root",
            "month",
            "stage",
            "key",
        ],
        Lang::Zh => [
            "证书",
            "发行机构",
            "序列号",
            "根",
            "失效年月",
            "状态",
            "密钥",
        ],
    };
    let stages = authority.certificates().map(|entry| entry.stage());
    let rows = listed.certificates.iter().zip(stages).map(|(form, stage)| {
        [
            form.certificate.to_string(),
            form.issuer.clone(),
            form.serial.clone(),
            form.index.clone(),
            form.expiry.clone(),
            lang.pick((stage.en(), stage.zh())).to_owned(),
            form.key
                .map_or_else(|| String::from("-"), |key| key.to_string()),
        ]
    });
    report.table(&header, rows)?;
    Ok(Exit::Done)
}
