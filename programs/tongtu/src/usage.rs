//! What the argument parser says, in the reader's language and form.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::exit::{Exit, Failure};
use crate::lang::{Lang, both};
use crate::report::Report;

/// Prints help and version; turns everything else into a failure.
pub(crate) fn explain(error: &Error, report: &Report) -> Result<Exit, Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Help that nobody reads any more is no failure.
            let _ = error.print();
            return Ok(Exit::Done);
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !report.json() => {
            let _ = error.print();
            return Err(Failure::usage(both("a command is missing", "缺少命令")));
        }
        _ => {}
    }
    let mut failure = Failure::usage(both(
        without_secret(error, english(error)),
        without_secret(error, chinese(error)),
    ));
    for kind in [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ] {
        if let Some(suggested) = text(error, kind) {
            failure = failure.hint(both(
                format!("did you mean `{suggested}`?"),
                format!("您是否想用 `{suggested}`？"),
            ));
        }
    }
    if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) {
        for tip in tips.iter().filter(|_| report.lang() == Lang::En) {
            failure = failure.hint(both(tip.to_string(), ""));
        }
    }
    if let Some(usage) = text(error, ContextKind::Usage) {
        let usage = usage.trim_start_matches("Usage:").trim().to_owned();
        failure = failure.hint(both(format!("usage: {usage}"), format!("用法：{usage}")));
    }
    Err(failure.hint(both(
        "`--help` explains each command and shows examples",
        "`--help` 说明每个命令并给出示例",
    )))
}

/// Options whose values are secrets, or numbers of cards and accounts.
const HIDDEN: [&str; 4] = ["--pin", "--account", "--number", "--blacklist"];

/// The words without the value that they repeat, where that is a PIN or the number of a card:
/// what is said of a wrong argument is kept in logs and scrollback.
fn without_secret(error: &Error, words: String) -> String {
    let arg = text(error, ContextKind::InvalidArg).unwrap_or_default();
    let option = arg.split(' ').next().unwrap_or_default();
    match text(error, ContextKind::InvalidValue) {
        Some(value) if HIDDEN.contains(&option) && !value.is_empty() => words.replace(&value, "…"),
        _ => words,
    }
}

/// Whether a text has as many digits as a card's number has, so that it may be one, mistyped.
pub(crate) fn is_as_long_as_a_number(text: &str) -> bool {
    const DIGITS_MIN: usize = 16;
    text.chars().filter(char::is_ascii_digit).count() >= DIGITS_MIN
}

/// The parser's own first paragraph, without `error:`.
fn english(error: &Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let first = text.split("\n\n").next().unwrap_or_default();
    let lines: Vec<_> = first.lines().map(str::trim).collect();
    lines.join(" ")
}

/// The same in Chinese, made of the parser's facts.
fn chinese(error: &Error) -> String {
    let of = |kind| text(error, kind).unwrap_or_default();
    let arg = of(ContextKind::InvalidArg);
    let value = of(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => format!("没有参数 `{arg}`"),
        ErrorKind::InvalidSubcommand => {
            format!("没有命令 `{}`", of(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingRequiredArgument => format!("缺少必需的参数：{arg}"),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            String::from("缺少命令")
        }
        ErrorKind::ArgumentConflict => {
            format!(
                "参数 `{arg}` 不能与 `{}` 同时使用",
                of(ContextKind::PriorArg)
            )
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("参数 `{arg}` 缺少值"),
        ErrorKind::InvalidValue => format!(
            "参数 `{arg}` 的值 `{value}` 无效，可选：{}",
            of(ContextKind::ValidValue)
        ),
        ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let cause = cause.unwrap_or_default();
            format!("参数 `{arg}` 的值 `{value}` 无效：{cause}")
        }
        ErrorKind::InvalidUtf8 => String::from("参数不是 UTF-8 文本"),
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("参数 `{arg}` 的值的个数不对")
        }
        _ => format!("参数有误：{}", english(error)),
    }
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    Some(match error.get(kind)? {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join("、"),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::Number(number) => number.to_string(),
        _ => return None,
    })
}
