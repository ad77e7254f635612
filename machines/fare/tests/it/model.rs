//! The engine against a model written from the reference order, in fractions; and what must hold
//! whatever the rules are.

use std::fmt::Write as _;

use proptest::prelude::*;
use tongtu_fare::{
    BEIJING, FareBook, GUANGZHOU, HANGZHOU, History, Journey, LastRide, Means, Mode, NANJING, Ride,
    Rider, SHANGHAI, SHENZHEN, Tally, Ticket,
};
use tongtu_types::{Fen, LineCode, Timestamp};

use crate::book;

const MONDAY: Timestamp = Timestamp::new(1_772_416_800);

/// A rule set with at most one rule of each kind.
#[derive(Debug, Clone)]
struct Set {
    fare: i64,
    surcharge: Option<i64>,
    concession: Option<u32>,
    means: Option<u32>,
    transfer: Option<i64>,
    /// Threshold in fen and percent, two tiers.
    month: Option<[(u32, u32); 2]>,
    most: Option<i64>,
    unit: i64,
}

fn yuan(fen: i64) -> String {
    Fen::new(fen).to_string()
}

impl Set {
    fn text(&self) -> String {
        let mut text = String::from(
            "fare-book 2\ncity 1000 | 甲 | Alpha\nversion 3\neffective 2026-01-01\ncurrency CNY\n\
             counter 1 | month | paid | any\n",
        );
        if let Some(fen) = self.surcharge {
            writeln!(text, "surcharge s | 附 | S | any | +{}", yuan(fen)).unwrap();
        }
        if let Some(percent) = self.concession {
            writeln!(text, "concession c | 惠 | C | any | {percent}%").unwrap();
        }
        if let Some(percent) = self.means {
            writeln!(text, "means m | 卡 | M | means=card | {percent}%").unwrap();
        }
        if let Some(fen) = self.transfer {
            writeln!(text, "transfer t | 换 | T | within=3600 | -{}", yuan(fen)).unwrap();
        }
        if let Some(tiers) = self.month {
            writeln!(text, "accumulation a | 累 | A | any | 1").unwrap();
            for (from, percent) in tiers {
                writeln!(text, "from {} | {percent}%", yuan(from.into())).unwrap();
            }
        }
        if let Some(fen) = self.most {
            writeln!(text, "cap x | 顶 | X | any | max {}", yuan(fen)).unwrap();
        }
        writeln!(text, "round {} | half-up | any", yuan(self.unit)).unwrap();
        writeln!(text, "flat L | 线 | L | {}", yuan(self.fare)).unwrap();
        text
    }

    /// The amount by fractions: so many hundredths of hundredths of hundredths of a fen.
    fn amount(&self, means: Means, after_s: Option<i64>, sum: u32) -> i64 {
        let full = self.fare + self.surcharge.unwrap_or(0);
        let (mut n, mut d) = (i128::from(full), 1_i128);
        let percents = [self.concession, self.means.filter(|_| means == Means::Card)];
        for percent in percents.into_iter().flatten() {
            (n, d) = (n * i128::from(percent), d * 100);
        }
        if after_s.is_some_and(|after_s| (0..=3600).contains(&after_s)) {
            n = (n - i128::from(self.transfer.unwrap_or(0)) * d).max(0);
        }
        let mut tiers = self.month.iter().flatten().rev();
        if let Some((_, percent)) = tiers.find(|(from, _)| sum >= *from) {
            (n, d) = (n * i128::from(*percent), d * 100);
        }
        if let Some(most) = self.most {
            n = n.min(i128::from(most) * d);
        }
        let unit = i128::from(self.unit) * d;
        let rounded = i64::try_from((2 * n + unit) / (2 * unit)).unwrap() * self.unit;
        self.most.map_or(rounded, |most| rounded.min(most))
    }
}

fn set() -> impl Strategy<Value = Set> {
    let some = |range: std::ops::Range<i64>| proptest::option::of(range);
    let percent = || proptest::option::of(0..120_u32);
    let tiers = (0..20_000_u32, 1..20_000_u32, 0..100_u32, 0..100_u32)
        .prop_map(|(from, more, a, b)| [(from, a), (from + more, b)]);
    (
        0..100_000_i64,
        some(0..1000),
        percent(),
        percent(),
        some(0..500),
        proptest::option::of(tiers),
        some(0..2000),
        prop::sample::select(vec![1_i64, 5, 10, 50, 100]),
    )
        .prop_map(
            |(fare, surcharge, concession, means, transfer, month, most, unit)| Set {
                fare,
                surcharge,
                concession,
                means,
                transfer,
                month,
                most,
                unit,
            },
        )
}

fn rider(means: Means) -> Rider {
    Rider::ordinary(means, "1000".parse().unwrap())
}

fn ride() -> Ride {
    Ride::Flat {
        line: "L".parse().unwrap(),
    }
}

/// A history with so much paid this month and a ride so many seconds before.
fn history(sum: u32, after_s: Option<i64>) -> History {
    let mut history = History::default();
    history.counters[0] = Tally {
        period: 202_603,
        sum,
    };
    history.last = after_s.map(|after_s| LastRide {
        line: "K".parse().unwrap(),
        mode: Mode::Bus,
        direction: None,
        exit: None,
        begun_at: MONDAY.plus_s(-after_s),
        paid_at: MONDAY.plus_s(-after_s),
        paid: Fen::new(200),
        chain_begun_at: MONDAY.plus_s(-after_s),
        chain: 0,
    });
    history
}

/// What holds of every charge: split, reasons, history.
fn hold(book: &FareBook, journey: &Journey, rider: &Rider, history: &History) -> Fen {
    let charged = book.charge(journey, rider, history).unwrap();
    let quote = book.explain(journey, rider, history).unwrap();
    let fare = charged.fare;
    assert_eq!(quote.fare, fare);
    assert_eq!(quote.amount, fare.amount);
    let effects: i64 = quote.steps.iter().map(|step| step.effect().get()).sum();
    assert_eq!(effects, fare.amount.get(), "{:#?}", quote.steps);
    let split = fare.base.get() - fare.discount.get() - fare.transfer.get() + fare.penalty.get();
    assert_eq!(split, fare.amount.get());
    assert!(fare.amount >= Fen::ZERO);
    for lang in [tongtu_fare::Lang::Zh, tongtu_fare::Lang::En] {
        assert!(quote.explain(lang).contains(&fare.amount.to_string()));
    }
    fare.amount
}

proptest! {
    #[test]
    fn the_engine_is_the_model(
        set in set(),
        card: bool,
        after_s in proptest::option::of(-100..8000_i64),
        sum in 0..50_000_u32,
    ) {
        let book = book(&set.text());
        let means = if card { Means::Card } else { Means::Code };
        let (journey, history) = (Journey::new(ride(), MONDAY), history(sum, after_s));
        let amount = hold(&book, &journey, &rider(means), &history);
        prop_assert_eq!(amount.get(), set.amount(means, after_s, sum), "{}", set.text());
        let next = book.charge(&journey, &rider(means), &history).unwrap().history;
        prop_assert_eq!(i64::from(next.counters[0].sum), i64::from(sum) + amount.get());
    }

    #[test]
    fn caps_hold(set in set(), sum in 0..50_000_u32) {
        let book = book(&set.text());
        let journey = Journey::new(ride(), MONDAY);
        let amount = hold(&book, &journey, &rider(Means::Card), &history(sum, None));
        prop_assert!(set.most.is_none_or(|most| amount.get() <= most));
    }

    /// By the sum before it alone: two rides that cross a threshold at different places cost the
    /// same.
    #[test]
    fn a_ride_is_never_split(set in set(), sum in 0..50_000_u32, other in 0..50_000_u32) {
        let Some(tiers) = set.month else { return Ok(()) };
        let place = |sum: u32| tiers.iter().filter(|(from, _)| sum >= *from).count();
        if place(sum) == place(other) {
            let (book, journey) = (book(&set.text()), Journey::new(ride(), MONDAY));
            let amount = |sum| hold(&book, &journey, &rider(Means::Card), &history(sum, None));
            prop_assert_eq!(amount(sum), amount(other));
        }
    }

    #[test]
    fn a_day_never_costs_more_than_its_cap(
        cap in 0..3000_i64,
        rides in prop::collection::vec((0..3_usize, 0..20_000_i64), 1..20),
    ) {
        let book = book(&format!(
            "fare-book 2\ncity 1000 | 甲 | Alpha\nversion 3\neffective 2026-01-01\ncurrency CNY\n\
             counter 1 | day | paid | any\ncap d | 顶 | D | any | total 1 {}\n\
             means m | 卡 | M | any | 95%\nround 0.50 | up | any\n\
             flat L0 | 线 | L | 2.00\nflat L1 | 线 | L | 3.15\nflat L2 | 线 | L | 7.00\n",
            yuan(cap)
        ));
        let (mut history, mut paid) = (History::default(), 0);
        for (line, at) in rides {
            let line = format!("L{line}").parse().unwrap();
            let journey = Journey::new(Ride::Flat { line }, MONDAY.plus_s(at));
            paid += hold(&book, &journey, &rider(Means::Card), &history).get();
            history = book.charge(&journey, &rider(Means::Card), &history).unwrap().history;
            prop_assert!(paid <= cap);
        }
    }

    /// In a real city's book, with whatever class, means, age and history: farther is not
    /// cheaper, and nobody pays more than the highest fare.
    #[test]
    fn farther_is_never_cheaper(
        city in 0..4_usize,
        posts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        class in 0..20_u8,
        card: bool,
        age in proptest::option::of(0..100_u8),
        sum in 0..60_000_u32,
        after_s in proptest::option::of(0..10_000_i64),
        local: bool,
    ) {
        let book = book([SHANGHAI, SHENZHEN, HANGZHOU, NANJING][city]);
        let network = "METRO".parse().unwrap();
        let stops = book.route(network).unwrap().stops();
        let [a, b] = [posts.0, posts.1].map(|post| stops[post.index(stops.len())].clone());
        let (near, far) = if a.mark <= b.mark { (a, b) } else { (b, a) };
        let mut rider = rider(if card { Means::Card } else { Means::Code });
        rider.class = tongtu_fare::Class(class);
        rider.age = age;
        if local {
            rider.home = book.city().code;
        }
        let history = history(sum, after_s);
        let to = |stop: &tongtu_fare::Stop| {
            let (entry, exit) = (stops[0].code, stop.code);
            let ride = Ride::Distance { network, entry, exit, stayed_s: 0 };
            hold(&book, &Journey::new(ride, MONDAY), &rider, &history)
        };
        prop_assert!(to(&near) <= to(&far));
        prop_assert!(to(&far) <= book.max_fare(network).unwrap());
    }

    /// Whatever a terminal's clock or a card's files say.
    #[test]
    fn no_moment_and_no_history_is_too_strange(
        city in 0..6_usize,
        at: i64,
        stayed_s: u32,
        paid_at: i64,
        period: u32,
        sum: u32,
        paid: i64,
        chain: u8,
        rides_left in proptest::option::of(any::<u16>()),
        until: i64,
        used: bool,
    ) {
        let text = [BEIJING, GUANGZHOU, SHANGHAI, SHENZHEN, HANGZHOU, NANJING][city];
        let text = text.replace("\nflat B00001", "\nproduct 1 | 票 | T | any | 1.00 | hours=24\nflat B00001");
        let book = book(&text);
        let network: LineCode = "METRO".parse().unwrap();
        let code = match book.network(network) {
            Ok(network) => network.stations()[0].code,
            Err(_) => book.route(network).unwrap().stops()[0].code,
        };
        let mut history = history(0, Some(0));
        history.counters = [Tally { period, sum }; 4];
        if let Some(last) = &mut history.last {
            (last.paid_at, last.begun_at) = (Timestamp::new(paid_at), Timestamp::new(paid_at));
            (last.paid, last.chain) = (Fen::new(paid), chain);
        }
        let (from, until) = (Timestamp::new(i64::MIN), Timestamp::new(until));
        history.tickets[1] = Some(Ticket { product: 1, from, until, used, rides_left });
        let ride = Ride::Distance { network, entry: code, exit: code, stayed_s };
        hold(&book, &Journey::new(ride, Timestamp::new(at)), &rider(Means::Card), &history);
    }

    #[test]
    fn damaged_rules_are_read_or_refused(
        city in 0..4_usize,
        at: prop::sample::Index,
        bit in 0..8_u8,
        cut: bool,
    ) {
        let mut text = [SHANGHAI, SHENZHEN, HANGZHOU, NANJING][city].as_bytes().to_vec();
        let at = at.index(text.len());
        if cut {
            text.truncate(at);
        } else {
            text[at] ^= 1 << bit;
        }
        let _ = FareBook::parse(&text);
    }
}

#[test]
fn every_citys_book_is_whole() {
    for text in [BEIJING, GUANGZHOU, SHANGHAI, SHENZHEN, HANGZHOU, NANJING] {
        let book = book(text);
        assert!(!book.rules().is_empty(), "{:?}", book.city());
    }
}
