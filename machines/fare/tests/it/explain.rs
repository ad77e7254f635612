//! Why a ride costs what it costs, in two languages.

use tongtu_fare::{BEIJING, GUANGZHOU, Lang, Ride, Step};
use tongtu_types::{Fen, LineCode};

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
