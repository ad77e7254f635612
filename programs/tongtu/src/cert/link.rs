//! `tongtu cert link`: a node's link certificate, made where it will be used.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_link::{Identity, LinkError, issue};
use tongtu_register::Link;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::clock::{moment, now_or};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::key::file;
use crate::lang::{Lang, Row, both};
use crate::register::LinkText;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    (
        "cert link new",
        "生成链路证书与私钥（P-256，自签名），并给出登记所需的内容",
    ),
    ("cert link new/institution", "机构代码，8 位"),
    ("cert link new/from", "生效时间；默认现在"),
    ("cert link new/until", "失效时间"),
    (
        "cert link new/name",
        "证书中另写入的域名或地址，供不认登记的程序使用；可重复",
    ),
    (
        "cert link new/out",
        "写入的文件（证书与私钥，PEM）；已存在时不覆盖",
    ),
    (
        "cert link new#examples",
        "示例：
  tongtu cert link new --institution 01341000 --until 2027-03-01T00:00:00+08:00 --out link.pem

私钥只在本机生成，不外传；把输出的指纹与期限交给全国机构登记。",
    ),
    (
        "cert link renew",
        "为同一机构生成下一张链路证书；新旧证书在登记中期限重叠，节点不停机切换",
    ),
    ("cert link renew/old", "现用的链路证书文件"),
    ("cert link renew/institution", "机构代码，8 位"),
    ("cert link renew/from", "生效时间；默认现在"),
    ("cert link renew/until", "失效时间"),
    (
        "cert link renew/name",
        "证书中另写入的域名或地址，供不认登记的程序使用；可重复",
    ),
    (
        "cert link renew/out",
        "写入的文件（证书与私钥，PEM）；已存在时不覆盖",
    ),
    (
        "cert link renew#examples",
        "示例：
  tongtu cert link renew link.pem --institution 01341000 --from 2027-02-01T00:00:00+08:00 \\
      --until 2028-03-01T00:00:00+08:00 --out link-2027.pem",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a link certificate with its key (P-256, signed by itself), and what the register needs
    #[command(after_help = "Examples:
  tongtu cert link new --institution 01341000 --until 2027-03-01T00:00:00+08:00 --out link.pem

The key is made here and goes nowhere; fingerprint and term go to the nation's register.")]
    New(NewArgs),
    /// Make the next link certificate of an institution; its term overlaps the old one's
    #[command(after_help = "Examples:
  tongtu cert link renew link.pem --institution 01341000 --from 2027-02-01T00:00:00+08:00 \\
      --until 2028-03-01T00:00:00+08:00 --out link-2027.pem")]
    Renew(RenewArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Institution code, eight digits
    #[arg(long, value_name = "CODE", value_parser = InstitutionCode::parse)]
    institution: InstitutionCode,
    /// First moment of its term; now by default
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Timestamp>,
    /// First moment after its term
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    until: Timestamp,
    /// A further name or address in it, for programs that do not know the register; may be repeated
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// File to write, certificate and key in PEM; not overwritten when it is there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RenewArgs {
    /// The link certificate in use
    #[arg(value_name = "FILE")]
    old: PathBuf,
    #[command(flatten)]
    new: NewArgs,
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => make(&args, None, report),
        Command::Renew(args) => {
            let pem = input::read_file(&args.old)?;
            let old = identity(&pem, args.new.institution).map_err(|error| {
                let name = args.old.display();
                Failure::usage(both(
                    format!("`{name}` is no link certificate of this institution"),
                    format!("`{name}` 不是该机构的链路证书"),
                ))
                .because(error)
            })?;
            make(&args.new, Some(old), report)
        }
    }
}

fn identity(pem: &[u8], institution: InstitutionCode) -> Result<Identity, impl std::error::Error> {
    Identity::from_pem(pem, institution)
}

/// What was made, in JSON.
#[derive(Serialize)]
struct Made<'a> {
    institution: String,
    file: &'a Path,
    link: LinkText,
    /// The certificate that this one follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<String>,
}

fn make(args: &NewArgs, old: Option<Identity>, report: &mut Report) -> Result<Exit, Failure> {
    let institution = args.institution.home();
    let (from, until) = (now_or(args.from), args.until);
    if from >= until {
        return Err(Failure::usage(both(
            "the term ends before it begins",
            "期限在生效之前结束",
        )));
    }
    file::all_free(&[&args.out])?;
    let pem = issue(institution, from, until, &args.name).map_err(|error| match error {
        LinkError::Issue(cause) => {
            Failure::usage(both("no certificate can be made", "无法生成证书")).because(cause)
        }
        error => Failure::fault(both("no certificate can be made", "无法生成证书")).because(error),
    })?;
    let made = identity(pem.as_bytes(), institution).expect("a certificate just made");
    write_secret(&args.out, pem.as_bytes())?;
    let entry = Link {
        institution,
        fingerprint: made.fingerprint(),
        from,
        until,
    };
    let made = Made {
        institution: institution.to_string(),
        file: &args.out,
        link: LinkText::of(&entry),
        follows: old.map(|old| old.fingerprint().to_string()),
    };
    if report.json() {
        report.value(&made)?;
        return Ok(Exit::Done);
    }
    let name = args.out.display();
    report.line(&match report.lang() {
        Lang::En => format!(
            "link certificate and key  {name}\nfor the register, under institution {institution}:\n"
        ),
        Lang::Zh => format!("链路证书与私钥  {name}\n登记内容（机构 {institution}）：\n"),
    })?;
    let LinkText {
        fingerprint,
        from,
        until,
    } = &made.link;
    report.line(&format!(
        "[[institution.link]]\nfingerprint = \"{fingerprint}\"\nfrom = \"{from}\"\nuntil = \"{until}\""
    ))?;
    Ok(Exit::Done)
}

/// Writes a file where none is yet, readable by its owner alone.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error: io::Error| {
        let name = path.display();
        Failure::usage(both(
            format!("cannot write `{name}`"),
            format!("无法写入 `{name}`"),
        ))
        .because(error)
    })
}
