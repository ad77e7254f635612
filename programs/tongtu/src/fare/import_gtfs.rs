//! `tongtu fare import-gtfs`: a fare book from a feed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use tongtu_fare::gtfs::{self, FILES, Files, Head, Omission};
use tongtu_types::{BusinessDay, CityCode};

use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("fare import-gtfs", "由 GTFS-Fares v2 数据生成票价规则文件"),
    ("fare import-gtfs/dir", "数据所在文件夹（解开的 zip）"),
    ("fare import-gtfs/city", "城市的四位代码"),
    ("fare import-gtfs/zh", "城市的中文名"),
    ("fare import-gtfs/en", "城市的英文名"),
    ("fare import-gtfs/book_version", "规则文件的版本，1 或更大"),
    ("fare import-gtfs/effective", "生效首日，YYYY-MM-DD"),
    (
        "fare import-gtfs/class",
        "乘客类别在卡上的编号，例如 student=2；可重复",
    ),
    ("fare import-gtfs/out", "写入此文件，而不是标准输出"),
    (
        "fare import-gtfs#examples",
        "示例：
  tongtu fare import-gtfs feed --city 1000 --zh 北京 --en Beijing --effective 2026-01-01
  tongtu fare import-gtfs feed --city 1000 --zh 北京 --en Beijing --effective 2026-01-01 \\
    --class student=2 --class senior=3 --out city.fare

规则文件不能表达的内容会逐条列出并略去；数据有误则指出文件、行与字段。",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu fare import-gtfs feed --city 1000 --zh 北京 --en Beijing --effective 2026-01-01
  tongtu fare import-gtfs feed --city 1000 --zh 北京 --en Beijing --effective 2026-01-01 \\
    --class student=2 --class senior=3 --out city.fare

What a fare book cannot express is named and left out. What is wrong in the feed is an error with
file, line and field.")]
pub(crate) struct Args {
    /// The folder of the feed, unpacked
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The four digits of the city
    #[arg(long, value_name = "CODE", value_parser = super::city)]
    city: CityCode,
    /// The city's Chinese name
    #[arg(long, value_name = "NAME")]
    zh: String,
    /// The city's English name
    #[arg(long, value_name = "NAME")]
    en: String,
    /// The book's version, 1 or more
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    book_version: u32,
    /// The book's first day, YYYY-MM-DD
    #[arg(long, value_name = "DAY", value_parser = day)]
    effective: BusinessDay,
    /// The number that cards carry for a rider category, such as student=2; may be repeated
    #[arg(long, value_name = "ID=N", value_parser = class)]
    class: Vec<(String, u8)>,
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn day(text: &str) -> Result<BusinessDay, String> {
    text.parse()
        .map_err(|_| String::from("expected a day that exists, YYYY-MM-DD"))
}

fn class(text: &str) -> Result<(String, u8), String> {
    const EXPECTED: &str = "expected a category, `=` and a number from 2 to 255";
    let (id, number) = text.split_once('=').ok_or(EXPECTED)?;
    let number: u8 = number.parse().map_err(|_| EXPECTED)?;
    match number >= 2 && !id.is_empty() {
        true => Ok((id.to_owned(), number)),
        false => Err(String::from(EXPECTED)),
    }
}

#[derive(Serialize)]
struct OmissionForm {
    file: &'static str,
    line: Option<u32>,
    what_en: &'static str,
    what_zh: &'static str,
}

#[derive(Serialize)]
struct Answer {
    lines: usize,
    rules: usize,
    omissions: Vec<OmissionForm>,
    /// `null` when it was written to a file.
    text: Option<String>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let mut files = Files::new();
    for name in FILES {
        let path = args.dir.join(name);
        if path.exists() {
            files.insert(name, input::read_file(&path)?);
        }
    }
    let classes: BTreeMap<String, u8> = args.class.iter().cloned().collect();
    let head = Head {
        city: args.city,
        zh: args.zh.clone(),
        en: args.en.clone(),
        version: args.book_version,
        effective: args.effective,
        classes,
    };
    let made = gtfs::import(&files, &head).map_err(|error| {
        let name = args.dir.display();
        Failure::refused(both(
            format!("`{name}` makes no fare book"),
            format!("`{name}` 无法生成票价规则文件"),
        ))
        .because(error)
    })?;
    if let Some(out) = &args.out {
        std::fs::write(out, &made.text).map_err(|error| {
            let name = out.display();
            Failure::usage(both(
                format!("cannot write `{name}`"),
                format!("无法写入 `{name}`"),
            ))
            .because(error)
        })?;
    }
    if report.json() {
        let book = &made.book;
        report.value(&Answer {
            lines: book.flat_lines().count() + book.routes().count(),
            rules: book.rules().len(),
            omissions: made.omissions.iter().map(omission).collect(),
            text: args.out.is_none().then_some(made.text),
        })?;
        return Ok(Exit::Done);
    }
    for Omission { file, line, what } in &made.omissions {
        let place = line.map_or_else(|| (*file).to_owned(), |line| format!("{file}:{line}"));
        report.note(&both(
            format!("left out: {place}: {}", what.0),
            format!("已略去：{place}：{}", what.1),
        ));
    }
    if args.out.is_none() {
        report.raw(&made.text)?;
    }
    Ok(Exit::Done)
}

const fn omission(omission: &Omission) -> OmissionForm {
    OmissionForm {
        file: omission.file,
        line: omission.line,
        what_en: omission.what.0,
        what_zh: omission.what.1,
    }
}
