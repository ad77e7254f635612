//! `tongtu`: the one program. Parses arguments, calls the crates below, prints.
//!
//! What is here: the list of commands and how one is run. Each command is a module of its own
//! name with one file per verb: [`code`], [`card`], [`psam`], [`key`], [`cert`], [`audit`], [`fare`],
//! [`docs`], [`completions`]. Common to all of
//! them are the language ([`lang`]), what is printed ([`report`]), how a run ends ([`exit`]) and
//! what is read ([`input`]).
//! What is not here: any rule of the field. Add a command in [`Command`] and its Chinese help in
//! [`lang::TABLES`]; a test names what is missing.

mod audit;
mod bench;
mod call;
mod caller;
mod card;
mod cert;
mod clock;
mod code;
mod completions;
mod core_files;
mod crash;
mod custody;
mod demo;
mod docs;
mod exit;
mod fare;
mod input;
mod key;
mod lang;
mod link;
mod pos;
mod psam;
mod register;
mod report;
mod room;
mod runtime;
mod serve;
mod terminal;
mod test_chain;
mod usage;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::exit::{Exit, Failure};
use crate::lang::Lang;
use crate::report::Report;

/// Tongtu (通途): issue, check and clear the interoperable transport ride code
#[derive(Debug, Parser)]
#[command(
    name = "tongtu",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "Examples:
  tongtu code issue --test                       a ride code made with the published test keys
  tongtu code issue --test --out ride.png        the same as a QR symbol
  tongtu code verify ride.png --test             every check of it, in order
  tongtu help code verify                        what a command can do

Exit codes: 0 done, 1 refused (a code that does not verify, a case that differs),
            2 wrong use (arguments, unreadable input), 3 a fault of ours or the machine."
)]
struct Cli {
    /// Language of texts and help; by default that of LC_ALL, LC_MESSAGES or LANG
    #[arg(
        long,
        global = true,
        value_name = "LANG",
        help_heading = "Common options"
    )]
    lang: Option<Lang>,
    /// Print one JSON document instead of text for people
    #[arg(long, global = true, help_heading = "Common options")]
    json: bool,
    /// Explain this command
    #[arg(short, long, global = true, action = ArgAction::Help, help_heading = "Common options")]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Common options")]
    version: Option<bool>,
    #[command(subcommand)]
    command: Command,
}

/// The commands, in the order in which the help lists them.
#[derive(Debug, Subcommand)]
enum Command {
    /// A small country lives a day: riders, terminals, faults, clearing, audit
    Demo(demo::Args),
    /// Ride codes: issue, show, read, verify, conform
    #[command(subcommand)]
    Code(code::Command),
    /// Cards: a virtual card and reader, reading, APDUs, personalisation, load and payment, traces
    #[command(subcommand)]
    Card(card::Command),
    /// PSAMs, the key modules of terminals: a virtual one, and who one is
    #[command(subcommand)]
    Psam(psam::Command),
    /// POS terminals: their keys
    #[command(subcommand)]
    Pos(pos::Command),
    /// Keys: the steps of keys in a key room, and test keys in files
    #[command(subcommand)]
    Key(key::Command),
    /// Certificates: of ride codes, in a key room; and link certificates of nodes
    #[command(subcommand)]
    Cert(cert::Command),
    /// Audit chains: verify, show, anchor
    #[command(subcommand)]
    Audit(audit::Command),
    /// The institution register: sign, verify, show
    #[command(subcommand)]
    Register(register::Command),
    /// Fares: explain a ride, check fare books, list fares, import GTFS
    #[command(subcommand)]
    Fare(fare::Command),
    /// Run a node, or the whole test country
    Serve(serve::Args),
    /// Run a scan terminal, or tap a card
    Terminal(terminal::Args),
    /// Send one signed request to a node
    Call(call::Args),
    /// Callers of a node: admit, list, renew, disable
    #[command(subcommand)]
    Caller(caller::Command),
    /// Kill nodes and terminals at random points of a day, and audit
    Crash(crash::Args),
    /// Measure: codes verified, records parsed, cards paying, rides charged and cleared
    Bench(bench::Args),
    /// Pages made from the tables that the codecs use
    #[command(subcommand)]
    Docs(docs::Command),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Explain a command
    Help(HelpArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu help
  tongtu help code verify")]
struct HelpArgs {
    /// The command, such as `code verify`
    #[arg(value_name = "COMMAND")]
    path: Vec<String>,
}

fn main() -> ExitCode {
    // Before any key is read. Whether it could be had is asked again by whoever has a log.
    let _ = core_files::shut();
    let args: Vec<OsString> = env::args_os().collect();
    let lang = Lang::choose(&args, |name| env::var(name).ok());
    let mut report = Report::stdout(lang, args.iter().any(|arg| arg == "--json"));
    let exit = match parse(args, lang) {
        Ok(cli) => run(cli.command, &mut report),
        Err(error) => usage::explain(&error, &report),
    };
    report.end(exit)
}

fn parse(args: Vec<OsString>, lang: Lang) -> Result<Cli, clap::Error> {
    let mut matches = lang::speak(Cli::command(), lang).try_get_matches_from(args)?;
    Cli::from_arg_matches_mut(&mut matches)
}

fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args, report),
        Command::Code(command) => code::run(command, report),
        Command::Card(command) => card::run(command, report),
        Command::Psam(command) => psam::run(command, report),
        Command::Pos(command) => pos::run(command, report),
        Command::Key(command) => key::run(command, report),
        Command::Cert(command) => cert::run(command, report),
        Command::Register(command) => register::run(command, report),
        Command::Audit(command) => audit::run(command, report),
        Command::Fare(command) => fare::run(command, report),
        Command::Serve(args) => serve::run(&args, report),
        Command::Terminal(args) => terminal::run(&args, report),
        Command::Call(args) => call::run(&args, report),
        Command::Caller(command) => caller::run(&command, report),
        Command::Crash(args) => crash::run(&args, report),
        Command::Bench(args) => bench::run(&args, report),
        Command::Docs(command) => docs::run(command, report),
        Command::Completions(args) => completions::run(&args, report),
        Command::Help(args) => {
            // The help of a command is what `COMMAND --help` prints.
            let words = [String::from("tongtu")].into_iter().chain(args.path);
            let words = words.chain([String::from("--help")]).map(OsString::from);
            match parse(words.collect(), report.lang()) {
                Ok(_) => Ok(Exit::Done),
                Err(error) => usage::explain(&error, report),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        for lang in [Lang::En, Lang::Zh] {
            lang::speak(Cli::command(), lang).debug_assert();
        }
    }
}
