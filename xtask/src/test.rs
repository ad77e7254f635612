//! `cargo xtask test`: everything this repository checks, cheapest first.
//!
//! Here: the list of steps, which of them to run, and the table at the end. Not here: what a step
//! needs from the machine ([`bare`], [`leaks`], [`tools`], [`packages`], [`postgres`]) and how two folders are compared ([`repeat`]).
//! Start at [`STEPS`].

mod bare;
mod leaks;
mod packages;
mod postgres;
mod repeat;
mod tools;

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::repo::{Repo, clean, has_pcsclite, must};
use crate::{Usage, tidy};

use packages::Packages;
use postgres::Postgres;

pub(crate) const SUMMARY: &str = "run every check of this repository, cheapest first";

pub(crate) const HELP: &str = "
usage: cargo xtask test [--only STEP,…] [--skip STEP,…] [--strict] [--no-install] [--list]

Runs the steps that --list names, each to its end even when an earlier one failed, and closes with a
table. Without arguments it runs all of them.

  --only STEP     run this step and what it needs; may be repeated, or take a list with commas
  --skip STEP     leave this step out; the same
  --strict        a step that could not run counts as failed (always so when CI is set), and tests
                  that miss a foreign program fail instead of saying that they did not run
  --no-install    never install foreign programs, only say which are missing
  --list          name the steps and end

On Debian-like systems, as root or with a sudo that asks no password, missing foreign programs (zbar,
ZXing, zint, OpenSSL, valgrind, PostgreSQL, pcscd and its tools, Python, Node) are installed with apt-get, and
the packages of kit/foreign with pip and npm into the target folder; where rustup is, it adds the
targets of the steps `bare` and `aarch64`. --no-install prevents all three. A test that needs a card service starts a
private one. PostgreSQL is started privately for the run, in a temporary folder on a free loopback
port, and stopped with it: a server that the machine runs already is never touched. A server named in
TONGTU_TEST_POSTGRES is used instead if you have one for tests.
";

/// How a step ended.
enum Outcome {
    Passed,
    /// Why it could not run here.
    NotRun(String),
}

struct Step {
    name: &'static str,
    what: &'static str,
    /// Steps that `--only` adds because this one is empty without them.
    needs: &'static [&'static str],
    run: fn(&mut Round<'_>) -> Result<Outcome>,
}

const STEPS: &[Step] = &[
    Step {
        name: "tidy",
        what: "the house rules",
        needs: &[],
        run: run_tidy,
    },
    Step {
        name: "fmt",
        what: "rustfmt finds nothing to change",
        needs: &[],
        run: run_fmt,
    },
    Step {
        name: "clippy",
        what: "no warning in any target",
        needs: &[],
        run: run_clippy,
    },
    Step {
        name: "bare",
        what: "protocol and machines build for a processor without a system",
        needs: &[],
        run: run_bare,
    },
    Step {
        name: "aarch64",
        what: "the kernels for aarch64 compile",
        needs: &[],
        run: run_aarch64,
    },
    Step {
        name: "fuzz",
        what: "the targets for a fuzzer compile, and bear their seeds",
        needs: &[],
        run: run_fuzz,
    },
    Step {
        name: "tools",
        what: "foreign programs the tests need",
        needs: &[],
        run: run_tools,
    },
    Step {
        name: "postgres",
        what: "a private server",
        needs: &["tools"],
        run: run_postgres,
    },
    Step {
        name: "tests",
        what: "unit and integration tests",
        needs: &["tools", "postgres"],
        run: run_tests,
    },
    Step {
        name: "card",
        what: "with PC/SC built in, our way out to a card",
        needs: &["tools"],
        run: run_card,
    },
    Step {
        name: "doctests",
        what: "examples in the documentation",
        needs: &[],
        run: run_doctests,
    },
    Step {
        name: "release",
        what: "the release program builds",
        needs: &[],
        run: run_release,
    },
    Step {
        name: "docs",
        what: "made pages are fresh",
        needs: &["release"],
        run: run_docs,
    },
    Step {
        name: "demo",
        what: "two demos of one seed agree byte for byte",
        needs: &["release"],
        run: run_demo,
    },
    Step {
        name: "crash",
        what: "five rounds of kill -9 and audit",
        needs: &["release"],
        run: run_crash,
    },
    Step {
        name: "leaks",
        what: "no secret shows in branches, addresses or times",
        needs: &["tools"],
        run: run_leaks,
    },
];

/// How many riders, from which seed, and how many crash rounds: enough to meet every kind of ride,
/// short enough for every run.
const DEMO_RIDERS: &str = "40";
const DEMO_SEED: &str = "20180601";
const CRASH_ROUNDS: &str = "5";

/// Tells tests that "not run" is a failure.
const STRICT_VARIABLE: &str = "TONGTU_STRICT";
/// Tells tests where a PostgreSQL server is that they may fill and empty.
const POSTGRES_VARIABLE: &str = "TONGTU_TEST_POSTGRES";

/// One run of the chosen steps.
struct Round<'a> {
    repo: &'a Repo,
    strict: bool,
    install: bool,
    packages: Packages,
    postgres: Option<Postgres>,
    release: Option<PathBuf>,
}

/// What the command line asked for.
#[derive(Debug)]
struct Plan {
    steps: BTreeSet<&'static str>,
    strict: bool,
    install: bool,
    list: bool,
}

pub(crate) fn run(repo: &Repo, args: Vec<String>) -> Result<ExitCode> {
    let plan = Plan::parse(
        args,
        env::var_os("CI").is_some_and(|value| !value.is_empty()),
    )?;
    if plan.list {
        for step in STEPS {
            println!("{:<9} {}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Plan {
        steps,
        strict,
        install,
        ..
    } = plan;
    let mut round = Round {
        repo,
        strict,
        install,
        packages: Packages::default(),
        postgres: None,
        release: None,
    };
    let mut report = Report {
        strict,
        rows: Vec::new(),
    };
    for step in STEPS.iter().filter(|step| steps.contains(step.name)) {
        println!("\n=== {}: {}", step.name, step.what);
        let start = Instant::now();
        let result = (step.run)(&mut round);
        match &result {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::NotRun(why)) => println!("{}: not run: {why}", step.name),
            Err(error) => println!("{}: FAILED: {error:#}", step.name),
        }
        report.rows.push((step.name, result, start.elapsed()));
    }
    // A server started for `--only postgres` alone has nobody else to stop it.
    drop(round.postgres.take());
    print!("{}", report.render());
    Ok(if report.failed() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Plan {
    fn parse(args: Vec<String>, in_ci: bool) -> Result<Self> {
        let mut only = BTreeSet::new();
        let mut skip = BTreeSet::new();
        let mut plan = Self {
            steps: BTreeSet::new(),
            strict: in_ci,
            install: true,
            list: false,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (flag, value) = match arg.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (arg.clone(), None),
            };
            match flag.as_str() {
                "--only" => add_steps(&mut only, &flag, value.or_else(|| args.next()))?,
                "--skip" => add_steps(&mut skip, &flag, value.or_else(|| args.next()))?,
                "--strict" if value.is_none() => plan.strict = true,
                "--no-install" if value.is_none() => plan.install = false,
                "--list" if value.is_none() => plan.list = true,
                _ => return Err(Usage(format!("unexpected argument `{arg}`")).into()),
            }
        }
        plan.steps = with_needs(only);
        plan.steps.retain(|name| !skip.contains(name));
        Ok(plan)
    }
}

fn add_steps(
    steps: &mut BTreeSet<&'static str>,
    flag: &str,
    value: Option<String>,
) -> Result<(), Usage> {
    let value = value.ok_or_else(|| Usage(format!("{flag} wants the name of a step")))?;
    for name in value.split(',') {
        let step = STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
            let known: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            Usage(format!(
                "there is no step `{name}`; the steps are {}",
                known.join(", ")
            ))
        })?;
        steps.insert(step.name);
    }
    Ok(())
}

/// All steps if none was named; else those named and what they need, what *that* needs, and so on.
fn with_needs(named: BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    if named.is_empty() {
        return STEPS.iter().map(|step| step.name).collect();
    }
    let mut chosen = named;
    // A step only needs steps listed before it, so one pass from the last to the first is enough.
    for step in STEPS.iter().rev() {
        if chosen.contains(step.name) {
            chosen.extend(step.needs);
        }
    }
    chosen
}

fn run_tidy(round: &mut Round<'_>) -> Result<Outcome> {
    tidy::check(round.repo)?;
    Ok(Outcome::Passed)
}

fn run_fmt(round: &mut Round<'_>) -> Result<Outcome> {
    if !round.repo.has_cargo_subcommand("fmt") {
        return Ok(missing_component("rustfmt"));
    }
    must(round.repo.cargo().args(["fmt", "--all", "--", "--check"]))?;
    Ok(Outcome::Passed)
}

fn run_clippy(round: &mut Round<'_>) -> Result<Outcome> {
    if !round.repo.has_cargo_subcommand("clippy") {
        return Ok(missing_component("clippy"));
    }
    must(round.repo.cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(Outcome::Passed)
}

fn missing_component(name: &str) -> Outcome {
    Outcome::NotRun(format!(
        "{name} is not installed (rustup component add {name})"
    ))
}

fn run_bare(round: &mut Round<'_>) -> Result<Outcome> {
    if let Some(why) = bare::provide(round.repo, bare::VALIDATOR, round.install)? {
        return Ok(Outcome::NotRun(why));
    }
    must(&mut bare::check_floors(round.repo)?)?;
    Ok(Outcome::Passed)
}

fn run_aarch64(round: &mut Round<'_>) -> Result<Outcome> {
    if let Some(why) = bare::provide(round.repo, bare::AARCH64, round.install)? {
        return Ok(Outcome::NotRun(why));
    }
    must(&mut bare::check_kernels(round.repo))?;
    Ok(Outcome::Passed)
}

/// On the compiler of everything else: the engine, which takes a nightly one, is left out.
fn run_fuzz(round: &mut Round<'_>) -> Result<Outcome> {
    for what in [&["check", "--all-targets"], &["test", "--lib"]] {
        let mut command = round.repo.cargo();
        command.args(what);
        command.args(["--manifest-path", "fuzz/Cargo.toml"]);
        command.args(["--no-default-features", "--locked"]);
        must(&mut command)?;
    }
    Ok(Outcome::Passed)
}

fn run_tools(round: &mut Round<'_>) -> Result<Outcome> {
    let mut missing = tools::provide(round.install)?;
    round.packages = packages::provide(round.repo, round.install)?;
    missing.extend(round.packages.missing());
    if missing.is_empty() {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::NotRun(format!("missing: {}", missing.join(", "))))
}

fn run_postgres(round: &mut Round<'_>) -> Result<Outcome> {
    if env::var_os(POSTGRES_VARIABLE).is_some() {
        println!("{POSTGRES_VARIABLE} is set: using that server");
        return Ok(Outcome::Passed);
    }
    let Some(programs) = tools::postgres_folder() else {
        return Ok(Outcome::NotRun(String::from(
            "the server's programs are not installed",
        )));
    };
    let server = Postgres::start(&programs)?;
    println!("listening on 127.0.0.1:{}", server.port());
    round.postgres = Some(server);
    Ok(Outcome::Passed)
}

fn run_tests(round: &mut Round<'_>) -> Result<Outcome> {
    let nextest = round.repo.has_cargo_subcommand("nextest");
    let mut command = round.repo.cargo();
    if nextest {
        command.args([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
        ]);
    } else {
        // Without doc tests, which are a step of their own.
        command.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
        command.args(["--lib", "--bins", "--tests"]);
    }
    round.tell_tests(&mut command);
    if let Some(server) = &round.postgres {
        command.env(POSTGRES_VARIABLE, server.url());
    }
    let result = must(&mut command);
    if let Some(server) = round.postgres.take() {
        server.stop()?;
    }
    result.map(|()| Outcome::Passed)
}

/// The feature is off in every other step, so here is all that sees it: lints, and the tests of the
/// crates that have it.
fn run_card(round: &mut Round<'_>) -> Result<Outcome> {
    if !has_pcsclite() {
        return Ok(Outcome::NotRun(String::from(
            "libpcsclite is not installed",
        )));
    }
    const CRATES: &[&str] = &[
        "--package",
        "tongtu",
        "--package",
        "tongtu-reader",
        "--package",
        "tongtu-sam-pool",
    ];
    const FEATURES: &[&str] = &[
        "--features",
        "tongtu/pcsc,tongtu-reader/pcsc,tongtu-sam-pool/pcsc",
        "--locked",
    ];
    if round.repo.has_cargo_subcommand("clippy") {
        let mut command = round.repo.cargo();
        command.arg("clippy").args(CRATES).args(FEATURES);
        must(command.args(["--all-targets", "--", "-D", "warnings"]))?;
    }
    let mut command = round.repo.cargo();
    command.arg("test").args(CRATES).args(FEATURES);
    command.args(["--no-fail-fast", "--tests", "--", "pcsc"]);
    round.tell_tests(&mut command);
    must(&mut command)?;
    Ok(Outcome::Passed)
}

fn run_doctests(round: &mut Round<'_>) -> Result<Outcome> {
    must(round.repo.cargo().args([
        "test",
        "--doc",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--quiet",
    ]))?;
    Ok(Outcome::Passed)
}

fn run_release(round: &mut Round<'_>) -> Result<Outcome> {
    round.release = Some(round.repo.build_tongtu()?);
    Ok(Outcome::Passed)
}

fn run_docs(round: &mut Round<'_>) -> Result<Outcome> {
    round.program()?;
    crate::docs::run(round.repo, vec![String::from("--check")])?;
    Ok(Outcome::Passed)
}

fn run_demo(round: &mut Round<'_>) -> Result<Outcome> {
    let program = round.program()?;
    let folder = repeat::TempFolder::make("tongtu-repeat")?;
    let outs = ["first", "second"].map(|name| folder.path().join(name));
    for out in &outs {
        must(
            clean(&program)
                .args([
                    "demo",
                    "--riders",
                    DEMO_RIDERS,
                    "--seed",
                    DEMO_SEED,
                    "--out",
                ])
                .arg(out),
        )?;
    }
    let files = repeat::compare(&outs[0], &outs[1])?;
    println!("{files} files, the same in both");
    Ok(Outcome::Passed)
}

fn run_crash(round: &mut Round<'_>) -> Result<Outcome> {
    let program = round.program()?;
    must(clean(program).args(["crash", "--rounds", CRASH_ROUNDS]))?;
    Ok(Outcome::Passed)
}

fn run_leaks(round: &mut Round<'_>) -> Result<Outcome> {
    leaks::run(round.repo)
}

impl Round<'_> {
    /// What tests learn about this run by their environment.
    fn tell_tests(&self, command: &mut Command) {
        // Set or removed, never inherited: the table and the tests must agree on what strict means.
        command.env_remove(STRICT_VARIABLE);
        if self.strict {
            command.env(STRICT_VARIABLE, "1");
        }
        self.packages.tell(command);
    }

    /// The release program, if it was built.
    fn program(&self) -> Result<PathBuf> {
        self.release
            .clone()
            .ok_or_else(|| anyhow!("there is no release program to run"))
    }
}

/// What happened, for the table at the end.
struct Report {
    strict: bool,
    rows: Vec<(&'static str, Result<Outcome>, Duration)>,
}

impl Report {
    fn failed(&self) -> usize {
        self.rows
            .iter()
            .filter(|(_, result, _)| self.counts_as_failed(result))
            .count()
    }

    fn counts_as_failed(&self, result: &Result<Outcome>) -> bool {
        match result {
            Ok(Outcome::Passed) => false,
            Ok(Outcome::NotRun(_)) => self.strict,
            Err(_) => true,
        }
    }

    fn render(&self) -> String {
        let mut text = String::from("\n=== summary\n");
        for (name, result, time) in &self.rows {
            let (word, note) = match result {
                Ok(Outcome::Passed) => ("passed", String::new()),
                Ok(Outcome::NotRun(why)) => ("not run", why.clone()),
                Err(error) => ("FAILED", format!("{error:#}")),
            };
            // A note may hold a whole list; the table shows its first line.
            let note = note.lines().next().unwrap_or_default();
            let row = format!("{name:<9} {word:<8} {:>9}  {note}", seconds(*time));
            text.push_str(row.trim_end());
            text.push('\n');
        }
        let passed = self
            .rows
            .iter()
            .filter(|(_, r, _)| matches!(r, Ok(Outcome::Passed)))
            .count();
        let failed = self.failed();
        let skipped = self.rows.len() - passed - failed;
        text.push_str(&format!("\n{passed} passed, {failed} failed"));
        if skipped > 0 {
            text.push_str(&format!(", {skipped} skipped"));
        }
        text.push('\n');
        text
    }
}

/// A duration as people read it: `0.4 s`, `2 min 05 s`.
fn seconds(time: Duration) -> String {
    if time.as_secs() < 60 {
        return format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100);
    }
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(line: &str) -> Result<Plan> {
        Plan::parse(line.split_whitespace().map(str::to_owned).collect(), false)
    }

    fn chosen(line: &str) -> String {
        let plan = plan(line).expect("a good command line");
        let names: Vec<_> = STEPS
            .iter()
            .map(|step| step.name)
            .filter(|name| plan.steps.contains(name))
            .collect();
        names.join(" ")
    }

    #[test]
    fn runs_everything_unless_told() {
        assert_eq!(plan("").expect("no arguments").steps.len(), STEPS.len());
    }

    #[test]
    fn a_step_brings_what_it_needs() {
        assert_eq!(chosen("--only tests"), "tools postgres tests");
        assert_eq!(chosen("--only demo --only=fmt"), "fmt release demo");
        assert_eq!(chosen("--only tidy,fmt"), "tidy fmt");
        assert_eq!(chosen("--only tests --skip postgres"), "tools tests");
    }

    #[test]
    fn needs_point_backwards() {
        for (at, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                let before = STEPS[..at].iter().any(|earlier| earlier.name == *need);
                assert!(
                    before,
                    "{} needs {need}, which is not listed before it",
                    step.name
                );
            }
        }
    }

    #[test]
    fn refuses_an_unknown_step_and_names_the_known() {
        let error = plan("--only everything")
            .expect_err("no such step")
            .to_string();
        assert!(
            error.contains("everything") && error.contains("clippy"),
            "{error}"
        );
        plan("--only").expect_err("a name is missing");
        plan("--strict=yes").expect_err("a switch takes no value");
    }

    #[test]
    fn ci_is_strict_without_being_told() {
        assert!(!plan("").expect("no arguments").strict);
        assert!(plan("--strict").expect("a switch").strict);
        assert!(Plan::parse(Vec::new(), true).expect("no arguments").strict);
    }

    #[test]
    fn not_run_is_skipped_or_failed_by_strictness() {
        let rows = || {
            vec![
                ("tidy", Ok(Outcome::Passed), Duration::from_millis(440)),
                (
                    "fmt",
                    Ok(Outcome::NotRun(String::from("no rustfmt"))),
                    Duration::ZERO,
                ),
                (
                    "tests",
                    Err(anyhow!("two of them\nand more")),
                    Duration::from_secs(125),
                ),
            ]
        };
        let lenient = Report {
            strict: false,
            rows: rows(),
        }
        .render();
        assert!(
            lenient.ends_with("\n1 passed, 1 failed, 1 skipped\n"),
            "{lenient}"
        );
        assert!(lenient.contains("2 min 05 s  two of them\n"), "{lenient}");
        let strict = Report {
            strict: true,
            rows: rows(),
        };
        assert_eq!(strict.failed(), 2);
        assert!(strict.render().ends_with("\n1 passed, 2 failed\n"));
    }

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(440)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(59)), "59.0 s");
        assert_eq!(seconds(Duration::from_secs(60)), "1 min 00 s");
    }
}
