//! `tongtu fare table`: the fares of a line.

use serde::Serialize;
use tongtu_fare::{FareError, Ride};
use tongtu_types::{LineCode, StationCode, Timestamp};

use super::explain::{FareForm, alone};
use super::{RiderArgs, station, stations, words};
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("fare table", "列出一条线路的票价"),
    (
        "fare table/book",
        "规则文件，`-` 表示标准输入，或随程序附带的城市名",
    ),
    (
        "fare table/line",
        "线路或线网代码；不给出则列出规则文件中的线路",
    ),
    ("fare table/from", "只列出自此站起的票价，代码或站名"),
    ("fare table/class", "卡种：规则文件中的名称，或卡上的编号"),
    ("fare table/means", "支付载体"),
    ("fare table/age", "周岁"),
    (
        "fare table/home",
        "发卡或发码城市的四位代码，默认为本规则文件的城市",
    ),
    (
        "fare table/at",
        "付费时刻，Unix 秒或带时区的时间，默认为现在",
    ),
    (
        "fare table#examples",
        "示例：
  tongtu fare table beijing
  tongtu fare table beijing --line METRO --from 西单
  tongtu fare table nanjing --line METRO --class student --json",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu fare table beijing
  tongtu fare table beijing --line METRO --from Xidan
  tongtu fare table nanjing --line METRO --class student --json")]
pub(crate) struct Args {
    /// The fare book: a file, `-` for stdin, or the name of a city that comes with the program
    #[arg(value_name = "BOOK")]
    book: String,
    /// The code of the line or network; without it the book's lines are listed
    #[arg(long, value_name = "CODE")]
    line: Option<LineCode>,
    /// Only fares from this station, by code or name
    #[arg(long, value_name = "STATION")]
    from: Option<String>,
    #[command(flatten)]
    rider: RiderArgs,
    /// The moment of the payment: Unix seconds, or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment, allow_negative_numbers = true)]
    at: Option<Timestamp>,
}

#[derive(Serialize)]
struct RowForm {
    from: String,
    to: String,
    #[serde(flatten)]
    fare: FareForm,
}

#[derive(Serialize)]
struct LineForm {
    line: String,
    kind: &'static str,
    mode: &'static str,
    name_en: String,
    name_zh: String,
    stations: usize,
    max_fare_fen: i64,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let book = super::book(&args.book)?;
    let Some(line) = args.line else {
        return list(&book, report);
    };
    let rider = args.rider.rider(&book)?;
    let at = clock::now_or(args.at);
    let all = stations(&book, line);
    let from = args.from.as_ref().map(|text| station(&book, line, text));
    let from = from.transpose()?;
    let mut forms = Vec::new();
    let mut rows = Vec::new();
    let lang = words(report.lang());
    if all.is_empty() {
        let fare = alone(&book, Ride::Flat { line }, &rider, at).map_err(refused)?;
        let every = report.lang().pick(("every ride", "每次乘车")).to_owned();
        rows.push([
            every,
            String::new(),
            fare.base.to_string(),
            fare.amount.to_string(),
        ]);
        forms.push(RowForm {
            from: String::new(),
            to: String::new(),
            fare: FareForm::of(&fare),
        });
    }
    let wanted = |code: &StationCode| from.is_none_or(|from| from == *code);
    for (entry, entry_name) in all.iter().filter(|(code, _)| wanted(code)) {
        for (exit, exit_name) in &all {
            let ride = Ride::Distance {
                network: line,
                entry: *entry,
                exit: *exit,
                stayed_s: 0,
            };
            let fare = match alone(&book, ride, &rider, at) {
                Ok(fare) => fare,
                // A table of zones need not have every pair.
                Err(FareError::NoFare { .. }) => continue,
                Err(error) => return Err(refused(error)),
            };
            if report.json() {
                forms.push(RowForm {
                    from: entry.to_string(),
                    to: exit.to_string(),
                    fare: FareForm::of(&fare),
                });
            } else {
                rows.push([
                    format!("{entry} {}", entry_name.in_lang(lang)),
                    format!("{exit} {}", exit_name.in_lang(lang)),
                    fare.base.to_string(),
                    fare.amount.to_string(),
                ]);
            }
        }
    }
    if report.json() {
        report.value(&forms)?;
    } else {
        let header = match report.lang() {
            Lang::En => ["from", "to", "ordinary ¥", "paid ¥"],
            Lang::Zh => ["自", "至", "原价 ¥", "实付 ¥"],
        };
        report.table(&header, rows)?;
    }
    Ok(Exit::Done)
}

/// The lines of a book.
fn list(book: &tongtu_fare::FareBook, report: &mut Report) -> Result<Exit, Failure> {
    let name = |name: &tongtu_fare::Name| {
        let said = |lang| name.in_lang(lang).to_owned();
        (said(tongtu_fare::Lang::En), said(tongtu_fare::Lang::Zh))
    };
    let mut forms = Vec::new();
    let mut push = |line: LineCode, kind, mode: tongtu_fare::Mode, names: (String, String), max| {
        let max: tongtu_types::Fen = max;
        forms.push(LineForm {
            line: line.to_string(),
            kind,
            mode: mode.word(),
            name_en: names.0,
            name_zh: names.1,
            stations: stations(book, line).len(),
            max_fare_fen: max.get(),
        });
    };
    for line in book.flat_lines() {
        push(line.code, "flat", line.mode, name(&line.name), line.fare);
    }
    for network in book.networks() {
        let (code, mode) = (network.code(), network.mode());
        push(
            code,
            "network",
            mode,
            name(network.name()),
            network.fare_max(),
        );
    }
    for route in book.routes() {
        push(
            route.code(),
            "route",
            route.mode(),
            name(route.name()),
            route.fare_max(),
        );
    }
    if report.json() {
        report.value(&forms)?;
        return Ok(Exit::Done);
    }
    let lang = report.lang();
    let header = match lang {
        Lang::En => ["line", "name", "kind", "mode", "stations", "highest ¥"],
        Lang::Zh => ["线路", "名称", "类别", "方式", "车站", "最高 ¥"],
    };
    let rows = forms.iter().map(|form| {
        [
            form.line.clone(),
            lang.pick((&form.name_en, &form.name_zh)).to_owned(),
            form.kind.to_owned(),
            form.mode.to_owned(),
            form.stations.to_string(),
            tongtu_types::Fen::new(form.max_fare_fen).to_string(),
        ]
    });
    report.table(&header, rows)?;
    Ok(Exit::Done)
}

fn refused(error: FareError) -> Failure {
    Failure::refused(both("the book has no such fare", "规则文件没有这样的票价")).because(error)
}
