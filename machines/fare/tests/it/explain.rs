//! Why a ride costs what it costs, in two languages.

use tongtu_fare::{
    BEIJING, GUANGZHOU, History, Journey, Lang, LastRide, Means, Mode, Ride, Rider, Step, Tally,
};
use tongtu_types::{Fen, LineCode, Timestamp};

use crate::{SMALL, book, ride};

fn check(text: &str, ride: &Ride, en: &str, zh: &str) {
    let quote = book(text).quote(ride).unwrap();
    assert_eq!(quote.explain(Lang::En), en);
    assert_eq!(quote.explain(Lang::Zh), zh);
    let effects = quote.steps.iter().map(|step| step.effect().get()).sum();
    assert_eq!(quote.amount, Fen::new(effects));
}

fn line(code: &str) -> LineCode {
    code.parse().unwrap()
}

#[test]
fn a_ladder_step_by_step() {
    check(
        BEIJING,
        &ride("METRO", "0101", "0123"),
        "Pingguoyuan to Sihui East, 30.44 km by Line 1: 3.00 for the first 6 km, \
         +1.00 for 6–12 km, +2.00 for 12–32 km (1.00 per 10 km); 6.00 in all. \
         Beijing fares, version 1, from 2014-12-28. \
         Part of the distance is derived, not published.",
        "苹果园至四惠东，30.44公里，乘1号线：前6公里3.00元，6至12公里加1.00元，\
         12至32公里加2.00元（每10公里1.00元）；共6.00元。北京票价第1版，2014-12-28起。\
         部分里程为推算值，非公布值。",
    );
}

#[test]
fn a_change_of_lines() {
    check(
        BEIJING,
        &ride("METRO", "0201", "0118"),
        "Xizhimen to Jianguomen, 10.103 km by Line 4 to Xidan, then Line 1: \
         3.00 for the first 6 km, +1.00 for 6–12 km; 4.00 in all. \
         Beijing fares, version 1, from 2014-12-28.",
        "西直门至建国门，10.103公里，乘4号线到西单，再乘1号线：前6公里3.00元，\
         6至12公里加1.00元；共4.00元。北京票价第1版，2014-12-28起。",
    );
}

#[test]
fn a_flat_fare() {
    check(
        GUANGZHOU,
        &Ride::Flat {
            line: line("B00001"),
        },
        "Bus 1 costs 2.00 for every ride; 2.00 in all. Guangzhou fares, version 1, from 2018-01-01.",
        "1路每次2.00元；共2.00元。广州票价第1版，2018-01-01起。",
    );
}

#[test]
fn an_over_stay() {
    let (network, entry, exit) = (line("M"), "A".parse().unwrap(), "B".parse().unwrap());
    check(
        SMALL,
        &Ride::Distance {
            network,
            entry,
            exit,
            stayed_s: 3601,
        },
        "A Station to B Station, 1 km by Line 1: 2.00 for the first 1 km, \
         +3.00 up to the network's highest fare, because 61 min exceed the 60 min allowed; \
         5.00 in all. Alpha fares, version 7, from 2026-01-01.",
        "甲站至乙站，1公里，乘一号线：前1公里2.00元，停留61分钟，超过60分钟，\
         加3.00元至线网最高票价；共5.00元。甲票价第7版，2026-01-01起。",
    );
}

#[test]
fn the_open_step_and_the_published_way() {
    // B to C is 2000 m both ways; the way whose lengths are published is taken.
    let quote = book(SMALL).quote(&ride("M", "A", "C")).unwrap();
    let Step::Path { distance, legs, .. } = &quote.steps[0] else {
        panic!("{:?}", quote.steps)
    };
    assert_eq!((distance.metres, distance.derived_count), (3000, 0));
    assert_eq!(
        legs.iter().map(|leg| leg.metres).collect::<Vec<_>>(),
        [1000, 2000]
    );
    assert_eq!(
        quote.explain(Lang::En),
        "A Station to C Station, 3 km by Line 1 to B Station, then Line 2: \
         2.00 for the first 1 km, +2.00 for 1–2 km (1.00 per 0.5 km), \
         +1.00 beyond 2 km (1.00 per 1 km); 5.00 in all. \
         Alpha fares, version 7, from 2026-01-01."
    );
}

/// Rules put before the small book's flat line.
fn with_rules(records: &str) -> String {
    let text = SMALL.replace("fare-book 1", "fare-book 2");
    text.replace("flat 000001", &format!("{records}\nflat 000001"))
}

fn check_charge(records: &str, journey: &Journey, history: &History, en: &str, zh: &str) {
    let book = book(&with_rules(records));
    let rider = Rider::ordinary(Means::Card, book.city().code);
    let quote = book.explain(journey, &rider, history).unwrap();
    let said = |lang| {
        let text = quote.explain(lang);
        let (steps, _) = text
            .rsplit_once(if lang == Lang::En {
                " Alpha"
            } else {
                "甲票价"
            })
            .unwrap();
        steps.to_owned()
    };
    assert_eq!(said(Lang::En), en);
    assert_eq!(said(Lang::Zh), zh);
}

/// 2026-03-02 10:00 China time.
const MONDAY: Timestamp = Timestamp::new(1_772_416_800);

fn flat() -> Journey {
    let line = line("000001");
    Journey::new(Ride::Flat { line }, MONDAY)
}

#[test]
fn a_month_a_card_and_a_rounding() {
    let mut history = History::default();
    history.counters[0] = Tally {
        period: 202_603,
        sum: 15_200,
    };
    check_charge(
        "counter 1 | month | paid | any\nmeans card | 刷卡优惠 | Card | means=card | 95%\n\
         accumulation m | 月累计优惠 | By the month | any | 1\nfrom 100.00 | 80%\nfrom 150.00 | 50%\n\
         round 0.10 | half-up | any",
        &flat(),
        &history,
        "Bus 1 costs 2.00 for every ride, Card 95%: -0.10, \
         By the month (152.00 this month so far) 50%: -0.95, rounded half up to 0.10: +0.05; \
         1.00 in all.",
        "一路每次2.00元，刷卡优惠按95%计，减0.10元，月累计优惠（当月已累计152.00元）按50%计，减0.95元，\
         以0.10元为单位四舍五入，加0.05元；共1.00元。",
    );
}

#[test]
fn a_transfer_and_a_cap() {
    let last = LastRide {
        line: line("M"),
        mode: Mode::Metro,
        direction: None,
        exit: None,
        begun_at: MONDAY.plus_s(-900),
        paid_at: MONDAY.plus_s(-601),
        paid: Fen::new(300),
        chain_begun_at: MONDAY.plus_s(-900),
        chain: 0,
    };
    let history = History {
        last: Some(last),
        ..History::default()
    };
    check_charge(
        "transfer t | 换乘优惠 | Transfer | after=metro within=5400 | -0.40\n\
         cap c | 封顶 | Cap | any | max 1.50",
        &flat(),
        &history,
        "Bus 1 costs 2.00 for every ride, Transfer (11 min after a metro): -0.40, \
         Cap at most 1.50: -0.10; 1.50 in all.",
        "一路每次2.00元，换乘优惠（距上次乘地铁11分钟），减0.40元，封顶封顶1.50元，减0.10元；共1.50元。",
    );
}

#[test]
fn a_ticket_and_a_missing_exit() {
    let product = "product 1 | 计次票 | Ten rides | any | 18.00 | rides=10";
    let ticket = book(&with_rules(product))
        .product(1)
        .unwrap()
        .ticket(MONDAY);
    let history = History {
        tickets: [Some(ticket), None],
        ..History::default()
    };
    check_charge(
        product,
        &flat(),
        &history,
        "Bus 1 costs 2.00 for every ride, Ten rides pays 2.00 (9 rides left); 0.00 in all.",
        "一路每次2.00元，计次票抵2.00元（余9次）；共0.00元。",
    );
    let missing = Ride::MissingExit {
        line: line("M"),
        entry: "A".parse().unwrap(),
        stayed_s: 20_000,
    };
    check_charge(
        "repair missing-exit | any | farthest | rider | 172800",
        &Journey::new(missing, MONDAY),
        &History::default(),
        "missing exit: 5.00 to the farthest stop left, the rider may correct it within 48 h; \
         5.00 in all.",
        "缺少出站：按至最远站计，5.00元，乘客可在48小时内更正；共5.00元。",
    );
}
