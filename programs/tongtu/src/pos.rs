//! `tongtu pos`: keys of POS terminals.

pub(crate) mod key;

use clap::Subcommand;

use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("pos", "POS 终端：密钥"),
    ("pos key", "终端主密钥与工作密钥：生成、查看"),
];

/// The nouns.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Master and work keys of terminals: make, show
    #[command(subcommand)]
    Key(key::Command),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Key(command) => key::run(command, report),
    }
}
