//! `tongtu key issuer`: a key with an application, and the root's answer to it.

use std::path::PathBuf;

use clap::Subcommand;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_ride_code::certificate::{CertificateError, apply_for_certificate};
use tongtu_ride_code::layout::CertificateApplication;
use tongtu_types::{InstitutionCode, MonthYear};

use super::file::{self, Role};
use super::{Made, fresh, place, public_hex, secret_hex};
use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    (
        "key issuer new",
        "生成发行机构的测试密钥与证书申请（115 字节）",
    ),
    ("key issuer new/issuer", "发行机构标识，8 位数字"),
    ("key issuer new/expiry", "申请的失效年月 MMYY"),
    (
        "key issuer new/tracking",
        "申请流水号，6 位十六进制；获批后成为证书序列号",
    ),
    ("key issuer new/dir", "写入的目录"),
    ("key issuer new/reveal", "同时显示私钥明文"),
    (
        "key issuer new#examples",
        "示例：
  tongtu key issuer new --issuer 01341000 --expiry 1230 --dir keys
      写入 keys/issuer-01341000-000001.application 与 keys/issuer-01341000-000001.key",
    ),
    (
        "key issuer sign",
        "由测试根核对申请并签发发行机构的测试证书（117 字节）",
    ),
    ("key issuer sign/root", "根证书文件"),
    (
        "key issuer sign/test",
        "声明以测试密钥签发测试证书，必须给出",
    ),
    (
        "key issuer sign/root_key",
        "根的测试密钥文件（tongtu key 生成）",
    ),
    (
        "key issuer sign/application",
        "证书申请文件（115 字节或其十六进制）",
    ),
    ("key issuer sign/dir", "写入的目录"),
    (
        "key issuer sign#examples",
        "示例：
  tongtu key issuer sign --test --root keys/01010000.JG02 --root-key keys/root-02.key \\
      --application keys/issuer-01341000-000001.application --dir keys
      写入 keys/013410000000011230.IG02

生产证书在密钥室签发：`tongtu cert issue`。",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an issuer's test key and its application for a certificate (115 bytes)
    #[command(after_help = "Examples:
  tongtu key issuer new --issuer 01341000 --expiry 1230 --dir keys
      writes keys/issuer-01341000-000001.application and keys/issuer-01341000-000001.key")]
    New(NewArgs),
    /// Let a TEST root check an application and sign the issuer's TEST certificate (117 bytes)
    #[command(after_help = "Examples:
  tongtu key issuer sign --test --root keys/01010000.JG02 --root-key keys/root-02.key \\
      --application keys/issuer-01341000-000001.application --dir keys
      writes keys/013410000000011230.IG02

For production a key room signs: `tongtu cert issue`.")]
    Sign(SignArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Issuer identifier, 8 digits
    #[arg(long, value_name = "ID")]
    issuer: InstitutionCode,
    /// Month of expiry to ask for, MMYY
    #[arg(long, value_name = "MMYY")]
    expiry: MonthYear,
    /// Tracking number, 6 hex digits; the serial of the certificate if it is granted
    #[arg(long, value_name = "HEX", value_parser = tracking, default_value = "000001")]
    tracking: [u8; 3],
    /// The folder to write into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Show the secret key too
    #[arg(long)]
    reveal: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SignArgs {
    /// Say that it is a test certificate, by a test key: it must be said
    #[arg(long, required = true)]
    test: bool,
    /// The root certificate
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// The root's TEST key, as `tongtu key` wrote it
    #[arg(long, value_name = "FILE")]
    root_key: PathBuf,
    /// The application (115 bytes, or their hex)
    #[arg(long, value_name = "FILE")]
    application: PathBuf,
    /// The folder to write into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
}

fn tracking(text: &str) -> Result<[u8; 3], String> {
    let bytes = hex_decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| String::from("expected 6 hex digits"))
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new(&args, report),
        Command::Sign(args) => sign(&args, report),
    }
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let key = fresh()?;
    let bytes = apply_for_certificate(args.issuer, args.expiry, args.tracking, &key)
        .and_then(|application| Ok(application.encode()?))
        .map_err(|error| {
            Failure::fault(both("the application cannot be made", "无法生成证书申请"))
                .because(error)
        })?;
    let stem = format!("issuer-{}-{}", args.issuer, hex_encode(&args.tracking));
    let certificate_file = place(&args.dir, &format!("{stem}.application"))?;
    let key_file = place(&args.dir, &format!("{stem}.key"))?;
    file::all_free(&[&certificate_file, &key_file])?;
    file::write(&key_file, Role::Issuer, &key)?;
    file::write_public(&certificate_file, &bytes)?;
    let made = Made {
        test: true,
        kind: "application",
        public_key: public_hex(&key),
        certificate_hex: Some(hex_encode(&bytes)),
        certificate_file: Some(&certificate_file),
        key_file: Some(&key_file),
        secret: secret_hex(&key, args.reveal),
    };
    made.print(report)?;
    Ok(Exit::Done)
}

fn sign(args: &SignArgs, report: &mut Report) -> Result<Exit, Failure> {
    let root = input::root(&args.root)?;
    let key = file::read(&args.root_key, Role::Root)?;
    let bytes = input::certificate(&args.application, CertificateApplication::LEN)?;
    let application = CertificateApplication::decode(&bytes).map_err(|error| {
        let name = args.application.display();
        Failure::usage(both(
            format!("`{name}` is no application"),
            format!("`{name}` 不是证书申请"),
        ))
        .because(error)
    })?;
    let certificate = root
        .certify(&application, &key)
        .map_err(|error| not_signed(&error))?;
    let bytes = certificate
        .encode()
        .map_err(|error| not_signed(&error.into()))?;
    let certificate_file = place(&args.dir, &certificate.file_name())?;
    file::all_free(&[&certificate_file])?;
    file::write_public(&certificate_file, &bytes)?;
    let made = Made {
        test: args.test,
        kind: "issuer_certificate",
        public_key: hex_encode(&certificate.public_key),
        certificate_hex: Some(hex_encode(&bytes)),
        certificate_file: Some(&certificate_file),
        key_file: None,
        secret: None,
    };
    made.print(report)?;
    Ok(Exit::Done)
}

fn not_signed(error: &CertificateError) -> Failure {
    let what = both("the certificate is not signed", "不予签发证书");
    match error {
        CertificateError::ForeignKey => Failure::usage(what).because(error).hint(both(
            "give the root's own key with --root-key",
            "请用 --root-key 给出该根自己的私钥",
        )),
        _ => Failure::refused(what).because(error),
    }
}
