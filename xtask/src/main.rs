//! `cargo xtask <verb>`: the only automation of this repository.
//!
//! Here: one file per verb, and [`repo`] with what they share (where we are, how cargo is called).
//! Not here: any knowledge of the product. xtask depends on none of its crates and reaches it only
//! by building and running the `tongtu` program.
//! Start at [`VERBS`]; the longest verb is [`test`], the strictest is [`tidy`].
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask talks to the person who typed the command"
)]

mod bench;
mod ci;
mod crash;
mod demo;
mod docs;
mod fuzz;
mod header;
mod hooks;
mod repo;
mod test;
mod tidy;

use std::env;
use std::process::ExitCode;

use anyhow::Result;

use crate::repo::Repo;

/// One verb: what is typed, what it says about itself, what it does.
struct Verb {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(&Repo, Vec<String>) -> Result<ExitCode>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "demo",
        summary: demo::SUMMARY,
        help: demo::HELP,
        run: demo::run,
    },
    Verb {
        name: "test",
        summary: test::SUMMARY,
        help: test::HELP,
        run: test::run,
    },
    Verb {
        name: "ci",
        summary: ci::SUMMARY,
        help: ci::HELP,
        run: ci::run,
    },
    Verb {
        name: "tidy",
        summary: tidy::SUMMARY,
        help: tidy::HELP,
        run: tidy::run,
    },
    Verb {
        name: "docs",
        summary: docs::SUMMARY,
        help: docs::HELP,
        run: docs::run,
    },
    Verb {
        name: "crash",
        summary: crash::SUMMARY,
        help: crash::HELP,
        run: crash::run,
    },
    Verb {
        name: "fuzz",
        summary: fuzz::SUMMARY,
        help: fuzz::HELP,
        run: fuzz::run,
    },
    Verb {
        name: "bench",
        summary: bench::SUMMARY,
        help: bench::HELP,
        run: bench::run,
    },
    Verb {
        name: "hooks",
        summary: hooks::SUMMARY,
        help: hooks::HELP,
        run: hooks::run,
    },
];

/// The command line was not understood. Like every usage error of the product: exit code 2.
const USAGE: u8 = 2;
/// Something went wrong that no argument explains: exit code 3.
const FAULT: u8 = 3;

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    if args.is_empty() {
        print!("{}", overview());
        return ExitCode::from(USAGE);
    }
    let name = args.remove(0);
    match name.as_str() {
        "help" | "--help" | "-h" => match args.first() {
            Some(verb) => print_help(verb),
            None => {
                print!("{}", overview());
                ExitCode::SUCCESS
            }
        },
        _ if asks_for_help(&args) => print_help(&name),
        _ => perform(&name, args),
    }
}

fn perform(name: &str, args: Vec<String>) -> ExitCode {
    let Some(verb) = find(name) else {
        return unknown_verb(name);
    };
    let outcome = Repo::find().and_then(|repo| (verb.run)(&repo, args));
    match outcome {
        Ok(code) => code,
        Err(error) if error.is::<Usage>() => {
            eprintln!("xtask {name}: {error}\ntry: cargo xtask help {name}");
            ExitCode::from(USAGE)
        }
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::from(FAULT)
        }
    }
}

/// `--help` before any `--` is ours; what follows `--` belongs to `tongtu`.
fn asks_for_help(args: &[String]) -> bool {
    args.iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--help" || arg == "-h")
}

fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

fn print_help(name: &str) -> ExitCode {
    let Some(verb) = find(name) else {
        return unknown_verb(name);
    };
    println!("{}\n\n{}", verb.summary, verb.help.trim());
    ExitCode::SUCCESS
}

fn unknown_verb(name: &str) -> ExitCode {
    eprintln!("xtask: there is no verb `{name}`\n");
    eprint!("{}", overview());
    ExitCode::from(USAGE)
}

fn overview() -> String {
    let mut text = String::from("usage: cargo xtask <verb> [arguments]\n\n");
    for verb in VERBS {
        text.push_str(&format!("  {:<6} {}\n", verb.name, verb.summary));
    }
    text.push_str("\ncargo xtask help <verb> says more about one.\n");
    text
}

/// An argument was not understood.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Refuses what a verb without arguments was given.
fn no_arguments(args: &[String]) -> Result<()> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(Usage(format!("unexpected argument `{arg}`")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_verb_is_in_the_overview_and_has_help() {
        let text = overview();
        for verb in VERBS {
            assert!(
                text.contains(verb.name),
                "{} is not in the overview",
                verb.name
            );
            assert!(
                verb.help.contains("usage: cargo xtask"),
                "{} has no usage line",
                verb.name
            );
            assert!(
                !verb.summary.contains('\n'),
                "{}: a summary is one line",
                verb.name
            );
        }
    }

    #[test]
    fn help_after_a_double_dash_belongs_to_the_program() {
        assert!(asks_for_help(&words("--seed 1 --help")));
        assert!(!asks_for_help(&words("-- --help")));
    }

    #[test]
    fn refuses_what_nobody_asked_for() {
        assert!(no_arguments(&words("")).is_ok());
        assert!(
            no_arguments(&words("surprise"))
                .expect_err("one too many")
                .is::<Usage>()
        );
    }
}
