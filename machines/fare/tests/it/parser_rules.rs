//! What is wrong with the records of format 2, with the line it names.

use tongtu_fare::FareBook;

/// A whole book of format 2; line 7 is where a record is put in.
const HEAD: &str = "fare-book 2\ncity 1000 | 甲 | Alpha\nversion 7\neffective 2026-01-01\n\
                    currency CNY\nclass student | 学生 | Student | 2\n";
const TAIL: &str = "\nflat L1 | 一 | One | 2.00\n";

/// Puts records in and expects this complaint, or none.
fn check(records: &str, complaint: &str) {
    let text = format!("{HEAD}{records}{TAIL}");
    let error = FareBook::parse(text.as_bytes()).err();
    let error = error.map(|error| error.to_string()).unwrap_or_default();
    let error = error.strip_prefix("fare book, line ").unwrap_or(&error);
    assert_eq!(error, complaint, "{records}");
}

#[test]
fn records_of_format_two_are_unknown_to_format_one() {
    let text = format!("{HEAD}{TAIL}").replace("fare-book 2", "fare-book 1");
    let error = FareBook::parse(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "fare book, line 6: found record \"class\", expected `flat`, `network` or the end of the book"
    );
}

#[test]
fn classes_and_days() {
    check(
        "class student | 学生 | S | 3",
        "7: class \"student\" already stands in line 6, expected it once",
    );
    check(
        "class other | 学生 | S | 2",
        "7: number of a class \"other\" already stands in line 6, expected it once",
    );
    check(
        "class a_b | 学生 | S | 3",
        "7: key: found \"a_b\", expected 1 to 24 letters, digits or `-`",
    );
    check(
        "class x | 学生 | S | 256",
        "7: number of the class: found \"256\", expected a number from 0 to 255",
    );
    check(
        "restday 2026-02-30",
        "7: day: found \"2026-02-30\", expected a day that exists, YYYY-MM-DD",
    );
    check(
        "restday 2026-02-01\nworkday 2026-02-01",
        "8: day of the calendar \"2026-02-01\" already stands in line 7, expected it once",
    );
}

#[test]
fn conditions() {
    let with = |when: &str| format!("concession k | 名 | N | {when} | 50%");
    let check = |when: &str, found: &str, expected: &str| {
        let complaint = format!("7: condition: found {found:?}, expected {expected}");
        check(&with(when), &complaint);
    };
    let all = "any, or class=, means=, mode=, line=, stop=, home=, age=, since=, until=, days=, \
               hours=, by=";
    check("", "", all);
    check("sometimes", "sometimes", all);
    check("after=bus", "after=bus", all);
    check("concession=no", "concession=no", all);
    check("means=card means=code", "means=code", "each condition once");
    check("class=elder", "class=elder", "classes declared above");
    check("class=student,", "class=student,", "classes declared above");
    check(
        "means=cash",
        "means=cash",
        "card, code, bank, face or token",
    );
    check("mode=car", "mode=car", "bus, metro, tram, ferry or rail");
    check(
        "line=TOOLONGCODE",
        "line=TOOLONGCODE",
        "codes of lines, networks or routes",
    );
    check("stop=", "stop=", "codes of stations or stops");
    check("home=here", "home=here", "local or visitor");
    for age in ["65", "x-", "10-9", "256-"] {
        check(
            &format!("age={age}"),
            &format!("age={age}"),
            "full years, such as 65- or 6-14",
        );
    }
    check(
        "since=20260101",
        "since=20260101",
        "a day that exists, YYYY-MM-DD",
    );
    check(
        "days=0",
        "days=0",
        "workday, restday, or days of the week such as 1-5 or 6,7",
    );
    check(
        "days=5-1",
        "days=5-1",
        "workday, restday, or days of the week such as 1-5 or 6,7",
    );
    for hours in [
        "7:00-8:00",
        "08:00-08:00",
        "08:00",
        "23:00-24:01",
        "23:60-24:00",
    ] {
        let term = format!("hours={hours}");
        check(&term, &term, "times such as 07:00-08:30, the second later");
    }
    check("by=entry", "by=entry", "payment");
}

#[test]
fn the_day_has_an_end() {
    check("concession k | 名 | N | hours=23:00-24:00 | 50%", "");
}

#[test]
fn conditions_of_a_transfer() {
    let check = |when: &str, expected: &str| {
        let complaint = format!("7: condition: found {when:?}, expected {expected}");
        check(&format!("transfer k | 名 | N | {when} | -1.00"), &complaint);
    };
    check("within=86401", "seconds, at most 86400");
    check("within=-1", "seconds, at most 86400");
    check(
        "clock=start",
        "paid-begun, paid-paid, begun-begun, begun-paid or chain-begun",
    );
    check("chain=256", "transfers in a row, at most 255");
    check("same-line=maybe", "no, reverse or yes");
    check("after=car", "bus, metro, tram, ferry or rail");
}

#[test]
fn effects() {
    let check = |kind: &str, effect: &str, expected: &str| {
        let complaint = format!("7: effect: found {effect:?}, expected {expected}");
        check(&format!("{kind} k | 名 | N | any | {effect}"), &complaint);
    };
    for effect in [
        "",
        "50",
        "1001%",
        "-",
        "-0.001",
        "--1.00",
        "=10000.01",
        "half",
        "多",
    ] {
        check("concession", effect, "N%, -YUAN, +YUAN, =YUAN or free");
    }
    check("means", "together 1.00", "N%, -YUAN, +YUAN, =YUAN or free");
    check(
        "transfer",
        "together",
        "N%, -YUAN, +YUAN, =YUAN, free or together YUAN",
    );
    check("surcharge", "50%", "+YUAN or premium N");
    check("cap", "8.00", "max YUAN, min YUAN or total N YUAN");
    check("cap", "total 8.00", "max YUAN, min YUAN or total N YUAN");
}

#[test]
fn what_is_named_must_be_there() {
    check(
        "concession k | 名 | N | line=L2 | 50%",
        "7: found line L2, expected a flat line, network or route of this book",
    );
    check(
        "transfer k | 名 | N | after-line=L1,L3 | 50%",
        "7: found line L3, expected a flat line, network or route of this book",
    );
    let counter = "expected one declared above that counts what the rule needs";
    check(
        "cap k | 名 | N | any | total 1 8.00",
        &format!("7: found counter 1, {counter}"),
    );
    check(
        "counter 1 | day | rides | any\ncap k | 名 | N | any | total 1 8.00",
        &format!("8: found counter 1, {counter}"),
    );
    check(
        "accumulation k | 名 | N | any | 2\nfrom 0 | 50%",
        &format!("7: found counter 2, {counter}"),
    );
}

#[test]
fn counters_and_their_tiers() {
    check(
        "counter 5 | day | paid | any",
        "7: number of the counter: found \"5\", expected a number from 1 to 4",
    );
    check(
        "counter 1 | week | paid | any",
        "7: window: found \"week\", expected day, month or year",
    );
    check(
        "counter 1 | day | all | any",
        "7: measure: found \"all\", expected paid, full or rides",
    );
    let money = "counter 1 | day | paid | any\naccumulation k | 名 | N | any | 1\n";
    let sum = "expected yuan, or rides, more than in the line before";
    check(
        &format!("{money}from x | 50%"),
        &format!("9: sum: found \"x\", {sum}"),
    );
    check(
        &format!("{money}from 5.00 | 50%\nfrom 5.00 | 40%"),
        &format!("10: sum: found \"5.00\", {sum}"),
    );
    check(
        money.trim_end(),
        "8: found fewer `from` after `accumulation`, expected at least 1",
    );
    let rides = "counter 1 | day | rides | any\naccumulation k | 名 | N | any | 1\n";
    check(
        &format!("{rides}from 5.00 | 50%"),
        &format!("9: sum: found \"5.00\", {sum}"),
    );
}

#[test]
fn a_rules_key_stands_once() {
    check(
        "concession k | 名 | N | any | 50%\nmeans k | 名 | N | any | 50%",
        "8: rule \"k\" already stands in line 7, expected it once",
    );
}

#[test]
fn products_repairs_and_rounding() {
    let terms = "expected rides=N, hours=N, days=N and month, each once, one at least";
    let product = |terms: &str| format!("product 1 | 名 | N | any | 5.00 | {terms}");
    check(&product(""), &format!("7: terms: found \"\", {terms}"));
    check(
        &product("rides=0"),
        &format!("7: terms: found \"rides=0\", {terms}"),
    );
    check(
        &product("hours=1 hours=2"),
        &format!("7: terms: found \"hours=2\", {terms}"),
    );
    check(
        &product("month=2"),
        &format!("7: terms: found \"month=2\", {terms}"),
    );
    check(
        "repair lost | any | free | nobody | 0",
        "7: kind of repair: found \"lost\", expected missing-exit, missing-entry, same-station, gap, \
         late-record, duplicate or clock-drift",
    );
    let charge = "expected ride (of a whole ride), farthest, highest, free, later or =YUAN";
    check(
        "repair missing-exit | any | ride | nobody | 0",
        &format!("7: charge: found \"ride\", {charge}"),
    );
    check(
        "repair gap | any | free | police | 0",
        "7: who may correct: found \"police\", expected rider, acquirer, issuer or nobody",
    );
    check(
        "round 0.00 | up | any",
        "7: unit: found \"0.00\", expected yuan from 0.01 to 10000.00",
    );
    check(
        "round 0.10 | even | any",
        "7: rounding: found \"even\", expected half-up, up or down",
    );
}

#[test]
fn routes() {
    let stops = "stop A | 甲 | A | 1\nstop B | 乙 | B | 2";
    let route = |records: &str| format!("route R | 线 | R\n{records}");
    check(&route(&format!("zones any\ntier inf | 1.00\n{stops}")), "");
    check(
        &route(stops),
        "8: found record \"stop\", expected `ladder`, `segments`, `zones`, `pairs` or `time`",
    );
    check(
        &route("zones any\ntier inf | 1.00"),
        "7: found fewer stops, expected at least 2",
    );
    check(
        &route("zones any\nstop A"),
        "9: found record \"stop\", expected tier",
    );
    check(
        &route("zones any\ntier 2 | 1.00\ntier 2 | 2.00\ntier inf | 3.00"),
        "10: end of the tier: found \"2\", expected more than in the line before",
    );
    check(
        &route("zones any\ntier 2 | 2.00\ntier inf | 1.00"),
        "10: fare: found \"1.00\", expected not less than in the line before",
    );
    check(
        &route("zones any\ntier inf | 1.00\ntime any\ntier inf | 1.00"),
        "10: found record \"time\", expected a table of the kind of the first, or `stop`",
    );
    check(
        &route("pairs any\nstop A"),
        "9: found record \"stop\", expected `pair` or `oneway`",
    );
    check(
        &route("pairs any\npair A | B | 1.00\noneway B | A | 2.00"),
        "10: pair of zones \"B | A\" already stands in line 9, expected it once",
    );
    check(
        &route("zones any\ntier inf | 1.00\nstop A | 甲 | A | x"),
        "10: zone: found \"x\", expected a number from 0 to 4000000",
    );
    check(
        &route("time any\ntier inf | 1.00\nstop A | 甲 | A | 1"),
        "10: place: found \"1\", expected -",
    );
    check(
        &route("zones any\ntier inf | 1.00\nstop A | 甲 | A | 1\nstop A | 甲 | A | 1"),
        "11: stop of this route \"A\" already stands in line 10, expected it once",
    );
    check(
        &format!(
            "{}\nroute R | 线 | R",
            route(&format!("zones any\ntier inf | 1.00\n{stops}"))
        ),
        "12: code of a flat line or network \"R\" already stands in line 7, expected it once",
    );
}

#[test]
fn a_stop_for_all_others_has_no_place() {
    let route =
        |table: &str, place: &str| format!("route R | 线 | R\n{table}\nstop * | 他 | X | {place}");
    check(&route("zones any\ntier inf | 1.00", "1"), "");
    check(&route("time any\ntier inf | 1.00", "-"), "");
    check(&route("pairs any\npair A | A | 1.00", "A"), "");
    let expected = "expected a stop's own code where the fare goes by its place";
    check(
        &route("segments any\ntier inf | 1.00", "1"),
        &format!("10: station code: found \"*\", {expected}"),
    );
}

#[test]
fn modes_paths_and_stays() {
    check(
        "flat L2 | 二 | Two | 2.00\nmode car",
        "8: mode: found \"car\", expected bus, metro, tram, ferry or rail",
    );
    check(
        "network M | 网 | M\npath long",
        "8: path: found \"long\", expected shortest or ridden",
    );
    check(
        "network M | 网 | M\nstay 60 | 5.00",
        "8: charge for an over-stay: found \"5.00\", expected max-fare or +YUAN",
    );
}
