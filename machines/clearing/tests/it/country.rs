//! A whole country: cities through a province and the nation, every book of it kept.

use std::collections::HashMap;

use proptest::prelude::*;
use tongtu_clearing::posting::{
    AcquirerRide, IssuerRide, Pocket, acquirer_ride, issuer_ride, member_rounding, to_entries,
};
use tongtu_clearing::{
    ClearedInput, DayResult, Run, Service, Side, Traffic, UpperLine, UpperResult, clear, relay,
};
use tongtu_ledger::{AccountKind, AccountName, Book, Entry, SumE7};
use tongtu_types::{CardNumber, Fen, InstitutionCode, LineCode};

use crate::model;
use crate::world::{CITIES, NATION, PROVINCE, Ride, code, day, rides, rules, topology};

/// The results of a day: the nation's, the province's, and each city's own.
struct Day {
    nation: DayResult,
    province: DayResult,
    local: Vec<DayResult>,
}

/// Sends every ride to the hub that the topology names, clears there and relays downwards.
fn settle(rides: &[Ride]) -> Day {
    let (topology, rules) = (topology(), rules());
    let mut inbox: HashMap<InstitutionCode, Vec<ClearedInput>> = HashMap::new();
    for ride in rides {
        let hub = topology.route(ride.acquirer, ride.issuer).unwrap().hub;
        inbox
            .entry(hub)
            .or_default()
            .push(ride.at(hub, &topology, &rules));
    }
    let mut take = |hub: &str| inbox.remove(&code(hub)).unwrap_or_default();
    let run = |hub: &str| Run::new(&topology, code(hub), day());
    let nation = clear(&run(NATION), take(NATION)).unwrap();
    let upper = UpperResult {
        hub: code(NATION),
        net: nation.positions()[&code(PROVINCE)].net,
        lines: files_for(&nation, code(PROVINCE)),
    };
    let province = relay(&run(PROVINCE), take(PROVINCE), &upper).unwrap();
    let local = CITIES.map(|city| clear(&run(city), take(city)).unwrap());
    assert!(inbox.is_empty());
    Day {
        nation,
        province,
        local: local.into(),
    }
}

/// The lines of a hub's FB and CL files for one of its members.
fn files_for(result: &DayResult, member: InstitutionCode) -> Vec<UpperLine> {
    let mut lines = Vec::new();
    for line in result.lines() {
        let ride = line.ride;
        for (party, side) in [(ride.acquirer, Side::Acquired), (ride.issuer, Side::Issued)] {
            if party.member == member {
                lines.push(UpperLine {
                    serial: line.serial,
                    side,
                    member: party.institution.home(),
                    acquirer: ride.acquirer.institution,
                    issuer: ride.issuer.institution,
                    service: ride.service,
                    amount: ride.amount,
                    fees: ride.fees,
                });
            }
        }
    }
    lines
}

/// What a city in the end receives (or pays) for the day, and from whom.
fn net_of(day: &Day, city: &str) -> (InstitutionCode, SumE7, Fen) {
    let result = if city == CITIES[0] {
        &day.nation
    } else {
        &day.province
    };
    let position = result.positions()[&code(city)];
    (result.hub(), position.exact(), position.net)
}

fn post_all(book: &mut Book, entries: impl IntoIterator<Item = Entry>) {
    for entry in entries {
        book.post(entry).unwrap();
    }
}

fn balance(book: &Book, of: InstitutionCode, kind: AccountKind) -> i128 {
    book.balance(&AccountName::new(of, kind)).get()
}

#[test]
fn two_rides_through_the_country() {
    let rides = [
        Ride::new(1, 0, Service::Taxi, 80, 1),
        Ride::new(2, 1, Service::Taxi, 300, 2),
        Ride::new(0, 0, Service::Bus, 200, 3),
    ];
    let topology = topology();
    let traffic = |ride: &Ride| topology.route(ride.acquirer, ride.issuer).unwrap().traffic;
    let expect = [Traffic::CrossProvince, Traffic::InProvince, Traffic::Local];
    assert_eq!(rides.each_ref().map(traffic), expect);
    let day = settle(&rides);
    // Guangzhou: + 79.86 from Beijing's rider, - (300 - 0.315) for its own in Shenzhen.
    let (_, exact, net) = net_of(&day, CITIES[1]);
    assert_eq!(
        (exact.to_string().as_str(), net),
        ("-219.8250000", Fen::new(-220))
    );
    // Shenzhen: 300 - 1.05 + 0.525.
    let (_, exact, net) = net_of(&day, CITIES[2]);
    assert_eq!(
        (exact.to_string().as_str(), net),
        ("299.4750000", Fen::new(299))
    );
    let (_, _, net) = net_of(&day, CITIES[0]);
    assert_eq!(net, Fen::new(-80));
    assert_eq!(day.province.hub_fee().to_string(), "0.2100000");
    assert_eq!(day.local[0].lines().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_country_sums_to_zero(rides in rides()) {
        let day = settle(&rides);
        let hubs = [&day.nation, &day.province];
        for result in hubs.into_iter().chain(&day.local) {
            prop_assert!(result.control_sum().is_zero());
        }
        // What the cities get, and what stays with the hubs, is nothing together.
        let nets: i128 = CITIES.iter().map(|city| i128::from(net_of(&day, city).2.get())).sum();
        let kept: i128 = hubs.iter().map(|r| r.hub_fee().get() + r.rounding().get()).sum();
        prop_assert_eq!(nets * 10_000_000 + kept, 0);
        // Each city has what the model says, however many hubs the money went through.
        let model = model::sums_of_cities(&rides);
        for city in CITIES {
            let sums = model.get(city).copied().unwrap_or(model::Sums::NONE);
            let (_, exact, rounded) = net_of(&day, city);
            prop_assert!(sums.exact().equals(exact.get()), "{}", city);
            prop_assert_eq!(sums.net(), i128::from(rounded.get()), "{}", city);
        }
        // Local rides move nothing between bodies.
        for local in &day.local {
            prop_assert!(local.positions().values().all(|p| p.net.is_zero()));
            prop_assert!(to_entries(local).unwrap().is_empty());
        }
        // Every ride was settled exactly once.
        let mut settled: Vec<_> = hubs
            .into_iter()
            .chain(&day.local)
            .flat_map(DayResult::lines)
            .map(|line| line.ride.record)
            .collect();
        settled.sort_unstable();
        let mut ridden: Vec<_> = rides.iter().map(|r| r.record).collect();
        ridden.sort_unstable();
        prop_assert_eq!(settled, ridden);
    }

    #[test]
    fn every_book_of_the_country_agrees(rides in rides()) {
        let settled = settle(&rides);
        let (topology, rules) = (topology(), rules());
        let mut book = Book::new();
        post_all(&mut book, to_entries(&settled.nation).unwrap());
        post_all(&mut book, to_entries(&settled.province).unwrap());
        for ride in &rides {
            let traffic = topology.route(ride.acquirer, ride.issuer).unwrap().traffic;
            // A city settles with the hub above it, and a local ride with itself.
            let hub_of = |institution: InstitutionCode| {
                let city = institution.home();
                match traffic {
                    Traffic::Local => city,
                    _ => topology.body(city).and_then(|b| b.parent).unwrap(),
                }
            };
            let fees = ride.fees(&topology, &rules);
            let debit = IssuerRide {
                issuer: ride.issuer,
                hub: hub_of(ride.issuer),
                day: day(),
                record: ride.record,
                card: CardNumber::parse("3104100000000000017").unwrap(),
                pocket: Pocket::Account,
                amount: ride.amount,
                short: Fen::ZERO,
                issuer_share: fees.issuer_share(),
            };
            post_all(&mut book, issuer_ride(&debit).unwrap());
            let credit = AcquirerRide {
                acquirer: ride.acquirer,
                hub: hub_of(ride.acquirer),
                day: day(),
                record: ride.record,
                line: LineCode::parse("B1").unwrap(),
                amount: ride.amount,
                fees,
            };
            post_all(&mut book, acquirer_ride(&credit).unwrap());
        }
        for city in CITIES {
            let (hub, exact, net) = net_of(&settled, city);
            let city = code(city);
            post_all(&mut book, member_rounding(city, hub, day(), exact, net).unwrap());
            // What the city's book says of the hub is what the hub's book says of the city.
            let net = i128::from(net.get()) * 10_000_000;
            prop_assert_eq!(balance(&book, city, AccountKind::Settlement(hub)), -net);
            prop_assert_eq!(balance(&book, hub, AccountKind::Settlement(city)), net);
            prop_assert_eq!(balance(&book, city, AccountKind::Settlement(city)), 0);
        }
        let (nation, province) = (code(NATION), code(PROVINCE));
        let due = settled.nation.positions()[&province].net;
        let due = i128::from(due.get()) * 10_000_000;
        prop_assert_eq!(balance(&book, nation, AccountKind::Settlement(province)), due);
        prop_assert_eq!(balance(&book, province, AccountKind::Settlement(nation)), -due);
        prop_assert_eq!(balance(&book, province, AccountKind::Transit(nation)), 0);
        for result in [&settled.nation, &settled.province] {
            let hub = result.hub();
            let fee = balance(&book, hub, AccountKind::FeeIncome);
            prop_assert_eq!(fee, result.hub_fee().get());
            let rounding = balance(&book, hub, AccountKind::Rounding);
            prop_assert_eq!(rounding, result.rounding().get());
        }
        for owner in CITIES.into_iter().chain([NATION, PROVINCE]) {
            prop_assert!(book.trial_balance_of(code(owner)).is_zero());
        }
    }
}
