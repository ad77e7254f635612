//! `tongtu card trace`: recorded dialogues.

pub(crate) mod explain;

use clap::Subcommand;

use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[("card trace", "记录下来的卡片对话：说明")];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Explain a log of APDUs, whatever tool wrote it
    Explain(explain::Args),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Explain(args) => explain::run(&args, report),
    }
}
