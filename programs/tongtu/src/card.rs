//! `tongtu card`: one file per verb.
//!
//! Common to the verbs: where the card is ([`place`]), the virtual card in a file ([`virtual_card`]),
//! what a dialogue says in words ([`dialogue`]). Rules of cards are in the crates below.

pub(crate) mod apdu;
pub(crate) mod apply;
pub(crate) mod book;
mod cash_load;
mod dialogue;
pub(crate) mod factory;
mod kept;
pub(crate) mod load;
mod management;
pub(crate) mod masters;
pub(crate) mod pay;
pub(crate) mod perso;
pub(crate) mod place;
pub(crate) mod read;
mod replay;
mod script;
pub(crate) mod serve;
mod snapshot;
mod tap;
pub(crate) mod trace;
mod transaction;
mod virtual_card;

use clap::Subcommand;

pub(crate) use place::no_card;
pub(crate) use virtual_card::unusable;

use crate::exit::{Exit, Failure};
use crate::lang::Row;
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[(
    "card",
    "交通卡：虚拟卡、读卡、APDU、个人化、充值与消费、日志说明",
)];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put a virtual test card into the virtual reader, for every PC/SC program to use
    Serve(serve::Args),
    /// Read a card: number, city, balance, trips, transactions, e-cash
    Read(read::Args),
    /// Talk to a card: prompt, script, expectations, everything explained
    Apdu(apdu::Args),
    /// Personalise a test card: a purse with its data and test keys, through a secure channel
    Perso(Box<perso::Args>),
    /// Masters of an issuer's cards in a TEST key store: derive them from the nation's, list them
    Masters(masters::Args),
    /// Apply for the certificate of an issuer's e-cash key in a TEST key store
    Apply(apply::Args),
    /// The personaliser's book: cards made, not finished, spoiled
    Book(book::Args),
    /// Put money on a test card, as the issuer's host does
    Load(Box<load::Args>),
    /// Pay with a test card: a purchase, an entry, an exit
    Pay(Box<pay::Args>),
    /// Recorded dialogues: explain
    #[command(subcommand)]
    Trace(trace::Command),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(&args, report),
        Command::Read(args) => read::run(&args, report),
        Command::Apdu(args) => apdu::run(&args, report),
        Command::Perso(args) => perso::run(&args, report),
        Command::Masters(args) => masters::run(&args, report),
        Command::Apply(args) => apply::run(&args, report),
        Command::Book(args) => book::run(&args, report),
        Command::Load(args) => load::run(&args, report),
        Command::Pay(args) => pay::run(&args, report),
        Command::Trace(command) => trace::run(command, report),
    }
}
