//! `tongtu fare`: one file per verb.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod import_gtfs;
pub(crate) mod table;

use std::path::Path;

use clap::{Subcommand, ValueEnum};
use tongtu_fare::{FareBook, Means, Name};
use tongtu_types::{CityCode, StationCode};

use crate::exit::{Exit, Failure};
use crate::input;
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[(
    "fare",
    "票价：逐步说明、检查规则文件、列出票价表、导入 GTFS",
)];

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what a ride costs and why, step by step
    Explain(Box<explain::Args>),
    /// Read fare books and say what they hold, or where they are wrong
    Check(check::Args),
    /// Print the fares of a line
    Table(table::Args),
    /// Make a fare book of a GTFS-Fares v2 feed
    ImportGtfs(import_gtfs::Args),
}

pub(crate) fn run(command: Command, report: &mut Report) -> Result<Exit, Failure> {
    match command {
        Command::Explain(args) => explain::run(&args, report),
        Command::Check(args) => check::run(&args, report),
        Command::Table(args) => table::run(&args, report),
        Command::ImportGtfs(args) => import_gtfs::run(&args, report),
    }
}

/// The books that come with the program, by the name to ask for them.
const BOOKS: &[(&str, &str)] = &[
    ("beijing", tongtu_fare::BEIJING),
    ("guangzhou", tongtu_fare::GUANGZHOU),
    ("shanghai", tongtu_fare::SHANGHAI),
    ("shenzhen", tongtu_fare::SHENZHEN),
    ("hangzhou", tongtu_fare::HANGZHOU),
    ("nanjing", tongtu_fare::NANJING),
];

/// What is paid with, as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MeansArg {
    Card,
    Code,
    Bank,
    Face,
    Token,
}

impl From<MeansArg> for Means {
    fn from(means: MeansArg) -> Self {
        match means {
            MeansArg::Card => Self::Card,
            MeansArg::Code => Self::Code,
            MeansArg::Bank => Self::Bank,
            MeansArg::Face => Self::Face,
            MeansArg::Token => Self::Token,
        }
    }
}

/// Who rides; common to the verbs that charge.
#[derive(Debug, clap::Args)]
pub(crate) struct RiderArgs {
    /// The rider's class: its key in the book, or its number on cards
    #[arg(long, value_name = "CLASS", default_value = "1")]
    class: String,
    /// What is paid with
    #[arg(long, value_enum, default_value = "card")]
    means: MeansArg,
    /// The rider's age in full years
    #[arg(long, value_name = "YEARS")]
    age: Option<u8>,
    /// The four digits of the city that issued the card or code; by default the book's
    #[arg(long, value_name = "CODE", value_parser = city)]
    home: Option<CityCode>,
}

impl RiderArgs {
    fn rider(&self, book: &FareBook) -> Result<tongtu_fare::Rider, Failure> {
        let by_key = book.classes().iter().find(|row| row.key == self.class);
        let class = match (by_key, self.class.parse()) {
            (Some(row), _) => row.class,
            (None, Ok(number)) => tongtu_fare::Class(number),
            (None, Err(_)) => {
                let keys: Vec<_> = book.classes().iter().map(|row| row.key.as_str()).collect();
                let class = &self.class;
                return Err(Failure::usage(both(
                    format!("the book has no class `{class}`"),
                    format!("规则文件中没有卡种 `{class}`"),
                ))
                .hint(both(
                    format!("it has: {}", keys.join(", ")),
                    format!("其中有：{}", keys.join("、")),
                )));
            }
        };
        Ok(tongtu_fare::Rider {
            class,
            means: self.means.into(),
            home: self.home.unwrap_or(book.city().code),
            age: self.age,
        })
    }
}

fn city(text: &str) -> Result<CityCode, String> {
    text.parse()
        .map_err(|_| String::from("expected four digits"))
}

/// Reads a book: a file, `-`, or the name of one that comes with the program.
pub(crate) fn book(argument: &str) -> Result<FareBook, Failure> {
    let path = Path::new(argument);
    let known = BOOKS.iter().find(|(name, _)| *name == argument);
    let text = match known.filter(|_| !path.exists()) {
        Some((_, text)) => (*text).to_owned(),
        None => input::read_text(path).map_err(|failure| {
            let names: Vec<_> = BOOKS.iter().map(|(name, _)| *name).collect();
            failure.hint(both(
                format!("books that come with the program: {}", names.join(", ")),
                format!("随程序附带的规则文件：{}", names.join("、")),
            ))
        })?,
    };
    FareBook::parse(text.as_bytes()).map_err(|error| {
        Failure::refused(both(
            format!("`{argument}` is no fare book"),
            format!("`{argument}` 不是票价规则文件"),
        ))
        .because(error)
    })
}

const fn words(lang: Lang) -> tongtu_fare::Lang {
    match lang {
        Lang::Zh => tongtu_fare::Lang::Zh,
        Lang::En => tongtu_fare::Lang::En,
    }
}

/// Codes and names of the stations or stops of a line.
fn stations(book: &FareBook, line: tongtu_types::LineCode) -> Vec<(StationCode, Name)> {
    if let Ok(network) = book.network(line) {
        let stations = network.stations().iter();
        return stations
            .map(|station| (station.code, station.name.clone()))
            .collect();
    }
    let stops = book
        .route(line)
        .map(|route| route.stops())
        .unwrap_or_default();
    stops
        .iter()
        .map(|stop| (stop.code, stop.name.clone()))
        .collect()
}

/// Finds a station by its code or one of its names.
fn station(
    book: &FareBook,
    line: tongtu_types::LineCode,
    text: &str,
) -> Result<StationCode, Failure> {
    let stations = stations(book, line);
    let by_code = stations.iter().find(|(code, _)| code.as_str() == text);
    let is_named = |name: &Name| {
        let langs = [tongtu_fare::Lang::Zh, tongtu_fare::Lang::En];
        langs.iter().any(|lang| name.in_lang(*lang) == text)
    };
    let found = by_code.or_else(|| stations.iter().find(|(_, name)| is_named(name)));
    let found = found.map(|(code, _)| *code).or_else(|| {
        // A route may have a stop that stands for all that it does not name.
        let code = text.parse().ok()?;
        let route = book.route(line)?;
        route.stop(code).map(|_| code)
    });
    found.ok_or_else(|| {
        Failure::usage(both(
            format!("{line} has no station `{text}`"),
            format!("{line} 没有车站 `{text}`"),
        ))
        .hint(both(
            "`tongtu fare table` lists the stations of a line",
            "`tongtu fare table` 可列出线路的车站",
        ))
    })
}
