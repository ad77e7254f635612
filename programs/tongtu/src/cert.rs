//! `tongtu cert`: certificates other than those of ride codes.

pub(crate) mod link;

use clap::Subcommand;

use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("cert", "证书：节点之间的链路证书"),
    ("cert link", "链路证书：新建、更新"),
];

/// Which certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Link certificates of nodes: new, renew
    #[command(subcommand)]
    Link(link::Command),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Link(command) => link::run(command, report),
    }
}
