//! `tongtu key`: the steps of keys in a key room, and test keys in files.
//!
//! `root`, `issuer` and `user` make test keys, one file per holder: each secret says so in its
//! first line. Everything else is a key room's, where officers sign for each step.

pub(crate) mod component;
pub(crate) mod custody;
pub(crate) mod extract;
pub(crate) mod file;
pub(crate) mod issuer;
pub(crate) mod look;
pub(crate) mod notes;
pub(crate) mod officer;
pub(crate) mod room;
pub(crate) mod root;
pub(crate) mod step;
pub(crate) mod user;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use tongtu_codec::hex_encode;
use tongtu_crypto::SecretKey;
use tongtu_services::keyroom::Act;

use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("key", "密钥：密钥室中的各步骤，以及测试密钥与证书"),
    ("key root", "测试根：生成自签名的测试根，或说明一个根证书"),
    (
        "key issuer",
        "测试发行机构：生成密钥与证书申请，或由根签发证书",
    ),
    ("key user", "测试用户：生成签名密钥"),
];

/// What is done to keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Key rooms: found one, show it, end a step that was cut off
    #[command(subcommand)]
    Room(room::Command),
    /// Officers: make a key; register, rotate, end, unlock, list
    #[command(subcommand)]
    Officer(officer::Command),
    /// Register a city with its province: the nation's key officer and approver
    #[command(after_help = "Examples:
  tongtu key city 3010 --province 00003000 --as N-01.key --as N-02.key")]
    City(step::CityArgs),
    /// Apply for keys of a city: the province's key officer
    #[command(after_help = "Examples:
  tongtu key apply --batch 1 --province 00003000 --holder 01343010 --city 3010 \\
      --purpose purse-purchase --purpose load --as P-01.key")]
    Apply(step::ApplyArgs),
    /// Approve an application: the nation's key officer and approver
    #[command(after_help = "Examples:
  tongtu key approve 7 --as N-01.key --as N-02.key")]
    Approve(step::KeyArgs),
    /// Do not approve an application: the nation's approver
    #[command(after_help = "Examples:
  tongtu key reject 7 --as N-02.key")]
    Reject(step::RejectArgs),
    /// Make a key in the custody: two of the nation's custodians who did not approve it
    #[command(after_help = "Examples:
  tongtu key generate 7 --as N-03.key --as N-04.key
  tongtu key generate 8 --derived 2 --as N-03.key --as N-04.key")]
    Generate(step::GenerateArgs),
    /// Components of a key: make them, or bring a key in from them
    #[command(subcommand)]
    Component(component::Command),
    /// Bring a key in from a container: two of the nation's custodians
    #[command(after_help = "Examples:
  tongtu key take-in 7 --container key-7.container --transport 3 --as N-03.key --as N-04.key")]
    TakeIn(step::TakeInArgs),
    /// Hand a key out in a container under a transport key: two of the nation's custodians
    #[command(after_help = "Examples:
  tongtu key export 7 --transport 3 --container key-7.container --as N-03.key --as N-04.key")]
    Export(step::ExportArgs),
    /// Record that a key arrived: the province's key officer and the holder's custodian
    #[command(after_help = "Examples:
  tongtu key distribute 7 --device HSM-C --check 01A2B3 --as P-01.key --as H-01.key")]
    Distribute(step::DistributeArgs),
    /// Begin to use a key: two of the holder's custodians
    #[command(after_help = "Examples:
  tongtu key activate 7 --as H-01.key --as H-02.key")]
    Activate(step::ActivateArgs),
    /// Record that nothing follows on refused uses: the authority's supervisor
    #[command(after_help = "Examples:
  tongtu key review 7 --as S-01.key")]
    Review(step::KeyArgs),
    /// Stop a key for a time: the authority's supervisor
    #[command(after_help = "Examples:
  tongtu key suspend 7 --cause misuse --as S-01.key")]
    Suspend(step::CauseArgs),
    /// Let a suspended key go on: two of the authority's supervisors
    #[command(after_help = "Examples:
  tongtu key resume 7 --as S-01.key --as S-02.key")]
    Resume(step::KeyArgs),
    /// Take a key away: two of the authority's supervisors
    #[command(after_help = "Examples:
  tongtu key revoke 7 --cause compromise --as S-01.key --as S-02.key")]
    Revoke(step::CauseArgs),
    /// Clean up a key that nobody used for twelve months: the province's key officer and approver
    #[command(after_help = "Examples:
  tongtu key withdraw 7 --as P-01.key --as P-02.key")]
    Withdraw(step::KeyArgs),
    /// Carry out an approval that --out wrote, after further signatures
    #[command(after_help = "Examples:
  tongtu key approve 7 --as N-01.key --out approve-7.approval
  tongtu key commit approve-7.approval --as N-02.key

An approval is text that can be read; it ends with whatever happens next in its book, or after a day.")]
    Commit(step::CommitArgs),
    /// List the keys of the book
    #[command(after_help = "Examples:
  tongtu key list --room keyroom --city 3010")]
    List(look::ListArgs),
    /// Explain one key: application, term, device, check value, stage
    #[command(after_help = "Examples:
  tongtu key show 7 --room keyroom")]
    Show(look::ShowArgs),
    /// List what is due: announcements, ends, unused keys, reviews
    #[command(after_help = "Examples:
  tongtu key due --room keyroom
  tongtu key due --room keyroom --settle")]
    Due(look::DueArgs),
    /// File what nodes noted of keys in the book, each note once
    #[command(after_help = "Examples:
  tongtu call --as OP-1.caller GET /key-notes > notes.json
  tongtu key notes notes.json --room keyroom")]
    Notes(notes::Args),
    /// Write both books as nodes take them, signed with the nation's key for files that is in use
    #[command(after_help = "Examples:
  tongtu key extract --room keyroom --out keys.book

Nodes use no key by an extract of more than 15 days: one a week is enough, also when nothing happened.")]
    Extract(extract::Args),
    /// Ask whether a key may be used for a city and purpose
    #[command(after_help = "Examples:
  tongtu key permit 7 --city 3010 --purpose purse-purchase --usage make

Exit code 1 when it may not; the ground is named.")]
    Permit(look::PermitArgs),
    /// A holder's own custody: found it, take keys in, look at it
    #[command(subcommand)]
    Custody(custody::Command),
    /// Test roots: make a self-signed one, or explain a root certificate
    #[command(subcommand)]
    Root(root::Command),
    /// Test issuers: make a key with an application, or let a root sign the certificate
    #[command(subcommand)]
    Issuer(issuer::Command),
    /// Test users: make a signing key
    #[command(subcommand)]
    User(user::Command),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    use step::{of_cause, of_key};
    match command {
        Command::Room(command) => room::run(command, report),
        Command::Officer(command) => officer::run(command, report),
        Command::City(args) => step::city(&args, report),
        Command::Apply(args) => step::apply(&args, report),
        Command::Approve(args) => of_key(|key| Act::Approve { key }, &args, report),
        Command::Reject(args) => step::reject(&args, report),
        Command::Generate(args) => step::generate(&args, report),
        Command::Component(command) => component::run(command, report),
        Command::TakeIn(args) => step::take_in(&args, report),
        Command::Export(args) => step::export(&args, report),
        Command::Distribute(args) => step::distribute(&args, report),
        Command::Activate(args) => step::activate(&args, report),
        Command::Review(args) => of_key(|key| Act::Review { key }, &args, report),
        Command::Suspend(args) => of_cause(|key, cause| Act::Suspend { key, cause }, &args, report),
        Command::Resume(args) => of_key(|key| Act::Resume { key }, &args, report),
        Command::Revoke(args) => of_cause(|key, cause| Act::Revoke { key, cause }, &args, report),
        Command::Withdraw(args) => of_key(|key| Act::Withdraw { key }, &args, report),
        Command::Commit(args) => step::commit(&args, report),
        Command::List(args) => look::list(&args, report),
        Command::Show(args) => look::show(&args, report),
        Command::Due(args) => look::due(&args, report),
        Command::Notes(args) => notes::run(&args, report),
        Command::Extract(args) => extract::run(&args, report),
        Command::Permit(args) => look::permit(&args, report),
        Command::Custody(command) => custody::run(command, report),
        Command::Root(command) => root::run(command, report),
        Command::Issuer(command) => issuer::run(command, report),
        Command::User(command) => user::run(command, report),
    }
}

/// A fresh key from the system's randomness.
pub(crate) fn fresh() -> Result<SecretKey, Failure> {
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
pub(crate) fn place(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
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
