//! `tongtu fare check`: what fare books hold, where they are wrong, and what to look at again.

use serde::Serialize;
use tongtu_fare::{Action, Effect, FareBook, RepairKind, Rule, RuleKind, When};

use super::words;
use crate::exit::{Exit, Failure};
use crate::lang::{Both, Lang, Row, both};
use crate::report::{Report, Tone};

pub(crate) const HELP: &[Row] = &[
    ("fare check", "读取规则文件，说明其内容，或指出错误所在"),
    (
        "fare check/books",
        "规则文件，`-` 表示标准输入，或随程序附带的城市名",
    ),
    (
        "fare check#examples",
        "示例：
  tongtu fare check city.fare
  tongtu fare check beijing guangzhou --json

规则文件有误则退出码为 1。提醒不是错误。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu fare check city.fare
  tongtu fare check beijing guangzhou --json

The exit code is 1 when a book is wrong. Advice is no error.")]
pub(crate) struct Args {
    /// Fare books: files, `-` for stdin, or names of cities that come with the program
    #[arg(value_name = "BOOK", required = true)]
    books: Vec<String>,
}

#[derive(Serialize)]
struct BookForm {
    book: String,
    ok: bool,
    error: Option<String>,
    city: Option<String>,
    version: Option<u32>,
    effective: Option<String>,
    lines: usize,
    rules: usize,
    advice: Vec<AdviceForm>,
}

#[derive(Serialize)]
struct AdviceForm {
    en: String,
    zh: String,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let mut forms = Vec::new();
    let mut exit = Exit::Done;
    for name in &args.books {
        let read = super::book(name);
        let read = match read {
            Err(failure) if failure.kind() == crate::exit::Kind::Refused => {
                exit = Exit::Refused;
                Err(failure.message(report.lang()))
            }
            // A file that cannot be read is no answer about a book.
            Err(failure) => return Err(failure),
            Ok(book) => Ok(book),
        };
        if report.json() {
            forms.push(form(name, &read));
            continue;
        }
        match &read {
            Ok(book) => print(book, report)?,
            Err(error) => report.toned(Tone::Bad, error)?,
        }
    }
    if report.json() {
        report.value(&forms)?;
    }
    Ok(exit)
}

fn lines(book: &FareBook) -> usize {
    book.flat_lines().count() + book.networks().count() + book.routes().count()
}

fn form(name: &str, read: &Result<FareBook, String>) -> BookForm {
    let book = read.as_ref().ok();
    let advice = book.map(advice).unwrap_or_default();
    BookForm {
        book: name.to_owned(),
        ok: read.is_ok(),
        error: read.as_ref().err().cloned(),
        city: book.map(|book| book.city().code.to_string()),
        version: book.map(FareBook::version),
        effective: book.map(|book| book.effective().to_string()),
        lines: book.map_or(0, lines),
        rules: book.map_or(0, |book| book.rules().len()),
        advice: advice
            .iter()
            .map(|advice| AdviceForm {
                en: advice.of(Lang::En).to_owned(),
                zh: advice.of(Lang::Zh).to_owned(),
            })
            .collect(),
    }
}

fn print(book: &FareBook, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    let city = book.city().name.in_lang(words(lang));
    let (version, effective) = (book.version(), book.effective());
    let (lines, rules) = (lines(book), book.rules().len());
    report.toned(
        Tone::Good,
        &match lang {
            Lang::En => format!(
                "{city}: version {version}, from {effective}; {lines} lines and networks, {rules} rules"
            ),
            Lang::Zh => format!(
                "{city}：第 {version} 版，{effective} 起；{lines} 条线路与线网，{rules} 条规则"
            ),
        },
    )?;
    let mut rows = Vec::new();
    for rule in book.rules() {
        rows.push([
            lang.pick(rule.kind.name()).to_owned(),
            rule.key.clone(),
            rule.name.in_lang(words(lang)).to_owned(),
        ]);
    }
    report.rows(rows)?;
    for advice in advice(book) {
        report.line(&format!("  {}", advice.of(lang)))?;
    }
    Ok(())
}

/// What is no error but may not be meant.
fn advice(book: &FareBook) -> Vec<Both> {
    let mut advice = Vec::new();
    for (index, rule) in book.rules().iter().enumerate() {
        let key = &rule.key;
        if rule.when.home.is_some() {
            advice.push(both(
                format!("`{key}` asks for the home city; the draft service rules (§25) ask for the same terms for all"),
                format!("`{key}` 区分发卡城市；管理办法征求意见稿第二十五条提倡同等优惠"),
            ));
        }
        let mut before = book.rules()[..index].iter();
        if let Some(first) = before.find(|first| hides(first, rule)) {
            let first = &first.key;
            advice.push(both(
                format!("`{key}` never applies: `{first}` before it always does"),
                format!("`{key}` 永不适用：其前的 `{first}` 总是适用"),
            ));
        }
    }
    for counter in book.counters() {
        let used = book.rules().iter().any(|rule| match &rule.action {
            Action::Tiers {
                counter: number, ..
            } => *number == counter.number,
            Action::Always(Effect::TotalAtMost(number, _)) => *number == counter.number,
            Action::Always(_) => false,
        });
        if !used {
            let number = counter.number;
            advice.push(both(
                format!("counter {number} is counted and never used"),
                format!("累计器 {number} 未被使用"),
            ));
        }
    }
    let two_taps = book.networks().next().is_some() || book.routes().next().is_some();
    for kind in [RepairKind::MissingExit, RepairKind::MissingEntry] {
        if two_taps && !book.repairs().iter().any(|repair| repair.kind == kind) {
            let (en, zh) = kind.name();
            advice.push(both(
                format!("nothing is said of a ride with a {en}"),
                format!("未规定{zh}的乘车如何计费"),
            ));
        }
    }
    advice
}

/// Whether the first, of the same kind, applies to every ride, so that the second never does.
fn hides(first: &Rule, second: &Rule) -> bool {
    let one_counts = !matches!(first.kind, RuleKind::Surcharge | RuleKind::Cap);
    let always = first.when == When::default();
    let effective = matches!(first.action, Action::Always(_));
    one_counts && always && effective && first.kind == second.kind
}
