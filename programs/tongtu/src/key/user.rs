//! `tongtu key user`: the signing key of a rider's phone.

use std::path::PathBuf;

use clap::Subcommand;

use super::file::{self, Role};
use super::{Made, fresh, place, public_hex, secret_hex};
use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("key user new", "生成用户的测试签名密钥"),
    (
        "key user new/name",
        "文件名（不含 .key）：字母、数字、- 与 _",
    ),
    ("key user new/dir", "写入的目录"),
    ("key user new/reveal", "同时显示私钥明文"),
    (
        "key user new#examples",
        "示例：
  tongtu key user new --dir keys                写入 keys/user.key
  tongtu key user new --name alice --dir keys   写入 keys/alice.key",
    ),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a user's test signing key
    #[command(after_help = "Examples:
  tongtu key user new --dir keys                writes keys/user.key
  tongtu key user new --name alice --dir keys   writes keys/alice.key")]
    New(NewArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Name of the file without .key: letters, digits, - and _
    #[arg(long, value_name = "NAME", value_parser = name, default_value = "user")]
    name: String,
    /// The folder to write into
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
    /// Show the secret key too
    #[arg(long)]
    reveal: bool,
}

fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=64).contains(&text.len()) && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err(String::from("expected 1 to 64 letters, digits, - or _"))
    }
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new(&args, report),
    }
}

fn new(args: &NewArgs, report: &mut Report) -> Result<Exit, Failure> {
    let key = fresh()?;
    let key_file = place(&args.dir, &format!("{}.key", args.name))?;
    file::all_free(&[&key_file])?;
    file::write(&key_file, Role::User, &key)?;
    let made = Made {
        test: true,
        kind: "user",
        public_key: public_hex(&key),
        certificate_hex: None,
        certificate_file: None,
        key_file: Some(&key_file),
        secret: secret_hex(&key, args.reveal),
    };
    made.print(report)?;
    Ok(Exit::Done)
}
