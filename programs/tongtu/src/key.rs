//! `tongtu key`: test keys and certificates, one file per holder.
//!
//! Everything made here is for tests: each secret says so in its first line.

pub(crate) mod file;
pub(crate) mod issuer;
pub(crate) mod root;
pub(crate) mod user;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_crypto::SecretKey;

use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("key", "测试密钥与证书：根、发行机构、用户"),
    ("key root", "根：生成自签名的测试根，或说明一个根证书"),
    ("key issuer", "发行机构：生成密钥与证书申请，或由根签发证书"),
    ("key user", "用户：生成签名密钥"),
];

/// Whose key.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Roots: make a self-signed test root, or explain a root certificate
    #[command(subcommand)]
    Root(root::Command),
    /// Issuers: make a key with an application, or let a root sign the certificate
    #[command(subcommand)]
    Issuer(issuer::Command),
    /// Users: make a signing key
    #[command(subcommand)]
    User(user::Command),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Root(command) => root::run(command, report),
        Command::Issuer(command) => issuer::run(command, report),
        Command::User(command) => user::run(command, report),
    }
}

/// A fresh key from the system's randomness.
fn fresh() -> Result<SecretKey, Failure> {
    let mut failed = None;
    let key = SecretKey::generate(&mut |out: &mut [u8]| {
        if let Err(error) = getrandom::fill(out) {
            // Something in range, so that the drawing ends; the key is thrown away below.
            out.fill(1);
            failed = Some(error);
        }
    });
    match failed {
        None => Ok(key),
        Some(error) => Err(Failure::fault(both(
            "the system gives no randomness",
            "系统无法提供随机数",
        ))
        .because(error)),
    }
}

/// What was made, in JSON.
#[derive(Serialize)]
struct Made<'a> {
    /// Always true at this stage.
    test: bool,
    /// What it is: `root`, `application`, `issuer_certificate`, `user`.
    kind: &'static str,
    /// The verifying key, a compressed point.
    public_key: String,
    /// Certificate or application, or `null`.
    certificate_hex: Option<String>,
    certificate_file: Option<&'a Path>,
    key_file: Option<&'a Path>,
    /// Only with `--reveal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Made<'_> {
    /// Prints the files, then the hex of certificate or key.
    fn print(&self, report: &mut Report) -> Result<(), Failure> {
        if report.json() {
            return report.value(self);
        }
        let lang = report.lang();
        if let Some(path) = self.certificate_file {
            let name = path.display();
            report.line(&match (lang, self.kind) {
                (Lang::En, "application") => format!("application  {name}"),
                (Lang::Zh, "application") => format!("证书申请  {name}"),
                (Lang::En, _) => format!("certificate  {name}"),
                (Lang::Zh, _) => format!("证书      {name}"),
            })?;
        }
        if let Some(path) = self.key_file {
            let name = path.display();
            report.line(&match lang {
                Lang::En => format!("TEST key     {name}"),
                Lang::Zh => format!("测试私钥  {name}"),
            })?;
        }
        report.line(&match lang {
            Lang::En => format!("public key   {}", self.public_key),
            Lang::Zh => format!("公钥      {}", self.public_key),
        })?;
        if let Some(secret) = &self.secret {
            report.line(&match lang {
                Lang::En => format!("SECRET key   {secret}"),
                Lang::Zh => format!("私钥明文  {secret}"),
            })?;
        }
        if let Some(hex) = &self.certificate_hex {
            report.line(hex)?;
        }
        Ok(())
    }
}

fn public_hex(key: &SecretKey) -> String {
    hex_encode(&key.public().to_compressed())
}

fn secret_hex(key: &SecretKey, reveal: bool) -> Option<String> {
    reveal.then(|| hex_encode(&key.danger_to_bytes()[..]))
}

/// A path in the folder, which is made if it is not there.
fn place(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| {
        let folder = folder.display();
        Failure::usage(both(
            format!("cannot make the folder `{folder}`"),
            format!("无法建立目录 `{folder}`"),
        ))
        .because(error)
    })?;
    Ok(folder.join(name))
}
