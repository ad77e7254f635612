//! `tongtu psam batch`: batches of PSAMs for a personalisation centre, and its answers.
//!
//! Common to the verbs: reading files by a key that is trusted ([`read_batch`]). What the files are
//! is in `tongtu-perso`.

pub(crate) mod answer;
pub(crate) mod new;
pub(crate) mod run;
pub(crate) mod show;

use std::path::Path;

use clap::Subcommand;
use tongtu_crypto::{PublicKey, SecretKey, sm3};
use tongtu_perso::Batch;

use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[(
    "psam batch",
    "PSAM 批次：制作、查看、核验、虚拟个人化、应答与清点",
)];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a batch of PSAMs, their keys enciphered in a TEST key store, and sign it
    New(Box<new::Args>),
    /// Explain a batch, or print the commands of one of its modules
    Show(show::Args),
    /// Verify a batch by the key of its sender
    Verify(show::VerifyArgs),
    /// Personalise virtual PSAMs by a batch, as a personalisation centre does, and answer it
    Run(run::Args),
    /// Account for every PSAM of batches by the answers to them
    Answer(answer::Args),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new::run(&args, report),
        Command::Show(args) => show::run(&args, report),
        Command::Verify(args) => show::verify(&args, report),
        Command::Run(args) => run::run(&args, report),
        Command::Answer(args) => answer::run(&args, report),
    }
}

/// A batch that this key signed, and the digest that names it.
fn read_batch(path: &Path, trusted: &PublicKey) -> Result<(Batch, sm3::Digest), Failure> {
    let bytes = input::read_file(path)?;
    Batch::read(&bytes, trusted).map_err(|error| not_taken(path, &error))
}

/// The key of the virtual personalisation centre, published, for tests only.
fn test_personaliser() -> SecretKey {
    SecretKey::from_bytes(&[0x54; 32]).expect("a repeated small byte is in range")
}

fn not_taken(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::refused(both("the file is not taken", "不接受该文件"))
        .because(format!("{}: {error}", path.display()))
}

/// Writes a new file; one that is there stays as it is.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| {
        Failure::usage(both("the file cannot be written", "无法写入文件"))
            .because(format!("{}: {error}", path.display()))
    })
}
