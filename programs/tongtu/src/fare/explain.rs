//! `tongtu fare explain`: what a ride costs, and why.

use serde::Serialize;
use tongtu_fare::{
    Direction, Fare, FareBook, History, Journey, LastRide, Measure, Mode, Ride, Rider, Tally,
};
use tongtu_types::{Fen, LineCode, Timestamp};

use super::{RiderArgs, station, words};
use crate::clock;
use crate::exit::{Exit, Failure};
use crate::lang::{Lang, Row, both};
use crate::report::Report;

pub(crate) const HELP: &[Row] = &[
    ("fare explain", "说明一次乘车的票价及其由来，逐步列出"),
    (
        "fare explain/book",
        "规则文件，`-` 表示标准输入，或随程序附带的城市名",
    ),
    ("fare explain/line", "线路或线网代码"),
    (
        "fare explain/from",
        "进站或上车站，代码或站名；只给出它即为缺少出站",
    ),
    (
        "fare explain/to",
        "出站或下车站，代码或站名；只给出它即为缺少进站",
    ),
    ("fare explain/stay", "进出站相隔的分钟数"),
    ("fare explain/direction", "行驶方向"),
    ("fare explain/premium_m", "乘坐商务车厢的米数"),
    ("fare explain/class", "卡种：规则文件中的名称，或卡上的编号"),
    ("fare explain/means", "支付载体"),
    ("fare explain/age", "周岁"),
    (
        "fare explain/home",
        "发卡或发码城市的四位代码，默认为本规则文件的城市",
    ),
    (
        "fare explain/at",
        "付费时刻，Unix 秒或带时区的时间，默认为现在",
    ),
    (
        "fare explain/held",
        "乘车前某累计器的数值，元或次，例如 1=152.00；可重复",
    ),
    (
        "fare explain/after",
        "上一次乘车：线路:分钟[:元]，分钟为其付费至本次上车的间隔",
    ),
    ("fare explain/ticket", "持有此编号的票卡产品，付费时刻起售"),
    ("fare explain/times", "连续乘车的次数，列出每一次的票价"),
    (
        "fare explain#examples",
        "示例：
  tongtu fare explain beijing --line METRO --from 苹果园 --to 四惠东 --held 1=152.00
  tongtu fare explain shenzhen --line METRO --from K0 --to K18.1 --after B00001:30
  tongtu fare explain beijing --line METRO --from 西单 --to 苹果园 --times 40
  tongtu fare explain city.fare --line B1 --class student --json",
    ),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tongtu fare explain beijing --line METRO --from Pingguoyuan --to \"Sihui East\" --held 1=152.00
  tongtu fare explain shenzhen --line METRO --from K0 --to K18.1 --after B00001:30
  tongtu fare explain beijing --line METRO --from Xidan --to Pingguoyuan --times 40
  tongtu fare explain city.fare --line B1 --class student --json")]
pub(crate) struct Args {
    /// The fare book: a file, `-` for stdin, or the name of a city that comes with the program
    #[arg(value_name = "BOOK")]
    book: String,
    /// The code of the line or network
    #[arg(long, value_name = "CODE")]
    line: LineCode,
    /// Where the rider goes in, by code or name; alone it is a ride whose exit is missing
    #[arg(long, value_name = "STATION")]
    from: Option<String>,
    /// Where the rider comes out, by code or name; alone it is a ride whose entry is missing
    #[arg(long, value_name = "STATION")]
    to: Option<String>,
    /// Minutes between entry and exit
    #[arg(long, value_name = "MINUTES", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    stay: u32,
    /// Which way along the line
    #[arg(long, value_enum)]
    direction: Option<DirectionArg>,
    /// Metres ridden in the business carriage
    #[arg(long, value_name = "METRES", default_value_t = 0)]
    premium_m: u32,
    #[command(flatten)]
    rider: RiderArgs,
    /// The moment of the payment: Unix seconds, or a time with its zone; by default now
    #[arg(long, value_name = "T", value_parser = clock::moment, allow_negative_numbers = true)]
    at: Option<Timestamp>,
    /// What a counter holds before the ride, in yuan or rides, such as 1=152.00; may be repeated
    #[arg(long, value_name = "N=SUM", value_parser = held)]
    held: Vec<(u8, String)>,
    /// The ride before: LINE:MINUTES[:YUAN], the minutes from its payment to this boarding
    #[arg(long, value_name = "RIDE", value_parser = after)]
    after: Option<Before>,
    /// The rider holds a ticket of the product with this number, sold at the moment of the payment
    #[arg(long, value_name = "N")]
    ticket: Option<u8>,
    /// Ride so many times, one after the other, and list each fare
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
}

/// A direction, as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DirectionArg {
    Up,
    Down,
}

/// The ride before, as an argument.
#[derive(Debug, Clone, Copy)]
struct Before {
    line: LineCode,
    minutes: i64,
    paid: Fen,
}

fn held(text: &str) -> Result<(u8, String), String> {
    const EXPECTED: &str = "expected a counter's number from 1 to 4, `=`, and yuan or rides";
    let (number, sum) = text.split_once('=').ok_or(EXPECTED)?;
    let number = number.parse().map_err(|_| EXPECTED)?;
    match (1..=4).contains(&number) {
        true => Ok((number, sum.to_owned())),
        false => Err(String::from(EXPECTED)),
    }
}

fn after(text: &str) -> Result<Before, String> {
    const EXPECTED: &str = "expected LINE:MINUTES or LINE:MINUTES:YUAN";
    let parts: Vec<&str> = text.split(':').collect();
    let (line, minutes, paid) = match parts[..] {
        [line, minutes] => (line, minutes, "0"),
        [line, minutes, paid] => (line, minutes, paid),
        _ => return Err(String::from(EXPECTED)),
    };
    let minutes: u32 = minutes.parse().map_err(|_| EXPECTED)?;
    Ok(Before {
        line: line.parse().map_err(|_| EXPECTED)?,
        minutes: minutes.into(),
        paid: paid.parse().map_err(|_| EXPECTED)?,
    })
}

#[derive(Serialize)]
struct StepForm {
    effect_fen: i64,
    text_en: String,
    text_zh: String,
}

/// A fare in JSON; the names of the parts are those of the ride record.
#[derive(Serialize)]
pub(super) struct FareForm {
    amount_fen: i64,
    base_fen: i64,
    discount_fen: i64,
    transfer_fen: i64,
    penalty_fen: i64,
    later: bool,
    version: u32,
}

impl FareForm {
    pub(super) const fn of(fare: &Fare) -> Self {
        Self {
            amount_fen: fare.amount.get(),
            base_fen: fare.base.get(),
            discount_fen: fare.discount.get(),
            transfer_fen: fare.transfer.get(),
            penalty_fen: fare.penalty.get(),
            later: fare.later,
            version: fare.version,
        }
    }
}

#[derive(Serialize)]
struct RideForm {
    #[serde(flatten)]
    fare: FareForm,
    steps: Vec<StepForm>,
    text_en: String,
    text_zh: String,
}

#[derive(Serialize)]
struct Answer {
    city: String,
    effective: String,
    rides: Vec<RideForm>,
}

pub(crate) fn run(args: &Args, report: &mut Report) -> Result<Exit, Failure> {
    let book = super::book(&args.book)?;
    let rider = args.rider.rider(&book)?;
    let journey = journey(args, &book)?;
    let mut history = history(args, &book, &journey)?;
    if journey.at.china().day < book.effective() {
        let effective = book.effective();
        report.note(&both(
            format!("note: the book counts from {effective} on only"),
            format!("注意：该规则文件自 {effective} 起生效"),
        ));
    }
    let mut rides = Vec::new();
    for number in 1..=args.times {
        let quote = book.explain(&journey, &rider, &history).map_err(refused)?;
        let charged = book.charge(&journey, &rider, &history).map_err(refused)?;
        if !report.json() {
            if args.times == 1 {
                print(&quote, report)?;
            } else {
                rides_line(number, &charged.fare, &charged.history, &book, &mut rides);
            }
        }
        if report.json() {
            rides_form(&quote, &mut rides);
        }
        history = charged.history;
    }
    finish(args, report, &book, rides)
}

/// What is kept of a ride until all are charged.
enum Kept {
    Line([String; 6]),
    Form(Box<RideForm>),
}

fn rides_line(number: u32, fare: &Fare, history: &History, book: &FareBook, rides: &mut Vec<Kept>) {
    let counter = book.counters().first();
    let held = counter.map_or_else(String::new, |counter| {
        let sum = history.counters[usize::from(counter.number) - 1].sum;
        match counter.measure {
            Measure::Rides => sum.to_string(),
            Measure::Paid | Measure::Full => Fen::new(sum.into()).to_string(),
        }
    });
    rides.push(Kept::Line([
        number.to_string(),
        fare.base.to_string(),
        fare.discount.to_string(),
        fare.transfer.to_string(),
        fare.amount.to_string(),
        held,
    ]));
}

fn rides_form(quote: &tongtu_fare::Quote, rides: &mut Vec<Kept>) {
    let steps = quote.steps.iter().map(|step| StepForm {
        effect_fen: step.effect().get(),
        text_en: step.explain(tongtu_fare::Lang::En),
        text_zh: step.explain(tongtu_fare::Lang::Zh),
    });
    rides.push(Kept::Form(Box::new(RideForm {
        fare: FareForm::of(&quote.fare),
        steps: steps.collect(),
        text_en: quote.explain(tongtu_fare::Lang::En),
        text_zh: quote.explain(tongtu_fare::Lang::Zh),
    })));
}

fn finish(
    args: &Args,
    report: &mut Report,
    book: &FareBook,
    rides: Vec<Kept>,
) -> Result<Exit, Failure> {
    let (mut lines, mut forms) = (Vec::new(), Vec::new());
    for ride in rides {
        match ride {
            Kept::Line(line) => lines.push(line),
            Kept::Form(form) => forms.push(*form),
        }
    }
    if report.json() {
        report.value(&Answer {
            city: book.city().code.to_string(),
            effective: book.effective().to_string(),
            rides: forms,
        })?;
    } else if args.times > 1 {
        let header = match report.lang() {
            Lang::En => [
                "ride",
                "base ¥",
                "discount ¥",
                "transfer ¥",
                "paid ¥",
                "first counter",
            ],
            Lang::Zh => ["乘次", "基础 ¥", "优惠 ¥", "换乘 ¥", "实付 ¥", "首个累计器"],
        };
        report.table(&header, lines)?;
    }
    Ok(Exit::Done)
}

/// The paragraph, the steps, and how the record splits the amount.
fn print(quote: &tongtu_fare::Quote, report: &mut Report) -> Result<(), Failure> {
    let lang = report.lang();
    report.line(&quote.explain(words(lang)))?;
    report.line("")?;
    let steps = quote
        .steps
        .iter()
        .map(|step| [step.effect().to_string(), step.explain(words(lang))]);
    let header = match lang {
        Lang::En => ["¥", "step"],
        Lang::Zh => ["¥", "步骤"],
    };
    report.table(&header, steps)?;
    report.line("")?;
    let fare = quote.fare;
    let (base, discount, transfer) = (fare.base, fare.discount, fare.transfer);
    let (penalty, amount, version) = (fare.penalty, fare.amount, fare.version);
    report.line(&match lang {
        Lang::En => format!(
            "base {base} - discount {discount} - transfer {transfer} + penalty {penalty} = {amount}; \
             fare version {version}"
        ),
        Lang::Zh => format!(
            "基础 {base} - 优惠 {discount} - 换乘 {transfer} + 补收 {penalty} = {amount}；\
             票价规则第 {version} 版"
        ),
    })?;
    if fare.later {
        report.line(lang.pick(("The back office settles it later.", "由后台稍后结算。")))?;
    }
    Ok(())
}

fn refused(error: tongtu_fare::FareError) -> Failure {
    Failure::refused(both(
        "the book has no fare for the ride",
        "规则文件没有此次乘车的票价",
    ))
    .because(error)
}

fn journey(args: &Args, book: &FareBook) -> Result<Journey, Failure> {
    let line = args.line;
    let find = |text: &Option<String>| {
        let found = text.as_ref().map(|text| station(book, line, text));
        found.transpose()
    };
    let stayed_s = args.stay * 60;
    let ride = match (find(&args.from)?, find(&args.to)?) {
        (Some(entry), Some(exit)) => Ride::Distance {
            network: line,
            entry,
            exit,
            stayed_s,
        },
        (Some(entry), None) => Ride::MissingExit {
            line,
            entry,
            stayed_s,
        },
        (None, Some(exit)) => Ride::MissingEntry { line, exit },
        (None, None) => Ride::Flat { line },
    };
    let mut journey = Journey::new(ride, clock::now_or(args.at));
    journey.direction = args.direction.map(|direction| match direction {
        DirectionArg::Up => Direction::Up,
        DirectionArg::Down => Direction::Down,
    });
    journey.premium_m = args.premium_m;
    Ok(journey)
}

fn history(args: &Args, book: &FareBook, journey: &Journey) -> Result<History, Failure> {
    let mut history = History::default();
    for (number, sum) in &args.held {
        let Some(counter) = book.counter(*number) else {
            return Err(Failure::usage(both(
                format!("the book has no counter {number}"),
                format!("规则文件没有累计器 {number}"),
            )));
        };
        let read = match counter.measure {
            Measure::Rides => sum.parse().ok(),
            Measure::Paid | Measure::Full => {
                let fen: Option<Fen> = sum.parse().ok();
                fen.and_then(|fen| u32::try_from(fen.get()).ok())
            }
        };
        let sum = read.ok_or_else(|| {
            Failure::usage(both(
                format!("`{sum}` is nothing that counter {number} can hold"),
                format!("累计器 {number} 不能为 `{sum}`"),
            ))
        })?;
        history.counters[usize::from(*number) - 1] = Tally {
            period: counter.window.period(journey.at.china().day),
            sum,
        };
    }
    if let Some(before) = args.after {
        let paid_at = journey.begun_at().plus_s(-before.minutes * 60);
        history.last = Some(LastRide {
            line: before.line,
            mode: mode(book, before.line)?,
            direction: None,
            exit: None,
            begun_at: paid_at,
            paid_at,
            paid: before.paid,
            chain_begun_at: paid_at,
            chain: 0,
        });
    }
    if let Some(number) = args.ticket {
        let product = book.product(number).ok_or_else(|| {
            Failure::usage(both(
                format!("the book has no product {number}"),
                format!("规则文件没有票卡产品 {number}"),
            ))
        })?;
        history.tickets[0] = Some(product.ticket(journey.begun_at()));
    }
    Ok(history)
}

fn mode(book: &FareBook, line: LineCode) -> Result<Mode, Failure> {
    let flat = book.flat_line(line).ok().map(|line| line.mode);
    let network = book.network(line).ok().map(tongtu_fare::Network::mode);
    let route = book.route(line).map(tongtu_fare::Route::mode);
    flat.or(network).or(route).ok_or_else(|| {
        Failure::usage(both(
            format!("the book has no line {line}"),
            format!("规则文件没有线路 {line}"),
        ))
    })
}

/// What somebody without a history pays.
pub(super) fn alone(
    book: &FareBook,
    ride: Ride,
    rider: &Rider,
    at: Timestamp,
) -> Result<Fare, tongtu_fare::FareError> {
    let charged = book.charge(&Journey::new(ride, at), rider, &History::default())?;
    Ok(charged.fare)
}
