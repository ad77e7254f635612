//! `tongtu completions`: scripts that let a shell complete our commands.

use clap::{CommandFactory as _, ValueEnum};
use serde::Serialize;

use crate::Cli;
use crate::exit::{Exit, Failure};
use crate::lang::{self, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("completions", "输出命令补全脚本"),
    ("completions/shell", "哪种命令行解释器"),
    (
        "completions#examples",
        "示例：
  source <(tongtu completions bash)
  tongtu completions zsh > ~/.zfunc/_tongtu
  tongtu completions fish > ~/.config/fish/completions/tongtu.fish",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  source <(tongtu completions bash)
  tongtu completions zsh > ~/.zfunc/_tongtu
  tongtu completions fish > ~/.config/fish/completions/tongtu.fish")]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Serialize)]
struct Answer {
    shell: Shell,
    script: String,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let mut command = lang::speak(Cli::command(), report.lang());
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "tongtu", &mut script);
    let script = String::from_utf8(script).map_err(|error| {
        Failure::fault(both("the script is not UTF-8", "脚本不是 UTF-8")).because(error)
    })?;
    if report.json() {
        let shell = args.shell;
        report.value(&Answer { shell, script })?;
    } else {
        report.raw(&script)?;
    }
    Ok(Exit::Done)
}
