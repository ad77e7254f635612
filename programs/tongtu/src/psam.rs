//! `tongtu psam`: one file per verb.
//!
//! Common to the verbs: the soft module in a file ([`file`]). What a module does is in the crates
//! below.

pub(crate) mod admit;
pub(crate) mod batch;
pub(crate) mod file;
pub(crate) mod pool;
pub(crate) mod serve;
pub(crate) mod show;

use clap::Subcommand;

use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[(
    "psam",
    "PSAM 卡（消费安全存取模块）：虚拟 PSAM、PSAM 池、批次、查看",
)];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put a virtual test PSAM into the virtual reader, for every PC/SC program to use
    Serve(serve::Args),
    /// Lend PSAMs over HTTP to the terminals that are admitted
    Pool(pool::Args),
    /// Admit a terminal to a pool: make its secret, for the pool and for itself
    Admit(admit::Args),
    /// Batches of PSAMs for a personalisation centre: make, verify, personalise, account for
    #[command(subcommand)]
    Batch(batch::Command),
    /// Show a PSAM: serial and terminal number, institutions, dates
    Show(show::Args),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(&args, report),
        Command::Pool(args) => pool::run(&args, report),
        Command::Admit(args) => admit::run(&args, report),
        Command::Batch(command) => batch::run(command, report),
        Command::Show(args) => show::run(&args, report),
    }
}
