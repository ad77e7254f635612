//! Runs of one hub.

use proptest::prelude::*;
use tongtu_clearing::posting::to_entries;
use tongtu_clearing::{
    ClearError, ClearedInput, ClearingSerial, DayResult, Fees, Party, Run, Service, Side,
    UpperLine, UpperResult, clear, relay,
};
use tongtu_ledger::{AccountKind, AccountName, Book};
use tongtu_types::{Fen, FenE7, RecordId, TerminalNumber, Timestamp};

use crate::model;
use crate::world::{CITIES, NATION, PROVINCE, Ride, code, day, rides, rules, topology};

fn national_run() -> Run {
    Run::new(&topology(), code(NATION), day())
}

/// Every ride of the country at the nation, as if there were no province's hub.
fn at_nation(rides: &[Ride]) -> Vec<ClearedInput> {
    let (topology, rules) = (topology(), rules());
    let mut inputs: Vec<_> = rides
        .iter()
        .map(|ride| ride.at(code(NATION), &topology, &rules))
        .collect();
    // City by city, not province by province, so that the model can name them.
    for input in &mut inputs {
        for party in [&mut input.acquirer, &mut input.issuer] {
            party.member = party.institution.home();
        }
    }
    inputs
}

fn flat_run() -> Run {
    Run {
        members: CITIES.into_iter().map(code).collect(),
        ..national_run()
    }
}

/// The book of a hub after a run, with its balances looked up by kind.
fn balance(result: &DayResult, book: &Book, kind: AccountKind) -> i128 {
    book.balance(&AccountName::new(result.hub(), kind)).get()
}

#[test]
fn worked_sample_of_the_reference() {
    let ride = Ride::new(1, 0, Service::Taxi, 80, 1);
    let (topology, rules) = (topology(), rules());
    let input = ride.at(code(NATION), &topology, &rules);
    let result = clear(&national_run(), [input]).unwrap();
    let position = |member: &str| result.positions()[&code(member)];
    assert_eq!(position(PROVINCE).income.to_string(), "79.8600000");
    assert_eq!(position(PROVINCE).net, Fen::new(80));
    assert_eq!(position("01341000").outgo.to_string(), "79.9160000");
    assert_eq!(position("01341000").net, Fen::new(-80));
    assert_eq!(result.hub_fee().to_string(), "0.0560000");
    assert_eq!(result.rounding().to_string(), "-0.0560000");
    assert_eq!(result.lines()[0].serial.to_string(), "454000000001");
    let mut text = String::new();
    result.write_canonical(&mut text).unwrap();
    let expect = "\
day 2026-01-01 hub 00000000
line 454000000001 1134581000010000000000012026010116000000001 30005800/11345810 01341000/01341000 taxi 80 0.2800000 0.1400000 0.0840000
position 01341000 0 1 0.0000000 79.9160000 -80
position 30005800 1 0 79.8600000 0.0000000 80
hub-fee 0.0560000 rounding -0.0560000
";
    assert_eq!(text, expect);
}

#[test]
fn a_day_without_rides_is_a_day_of_zeros() {
    let result = clear(&national_run(), []).unwrap();
    assert_eq!(result.positions().len(), 2);
    assert!(result.positions().values().all(|p| p.net.is_zero()));
    assert_eq!(to_entries(&result), Ok(vec![]));
}

#[test]
fn serials_follow_acquirer_and_record() {
    let rows = [(1, 0, 5), (0, 1, 9), (2, 0, 1), (0, 2, 3), (1, 2, 4)];
    let rides: Vec<Ride> = rows
        .iter()
        .map(|&(acquirer, issuer, n)| Ride::new(acquirer, issuer, Service::Bus, 100, n))
        .collect();
    let result = clear(&flat_run(), at_nation(&rides)).unwrap();
    let base = ClearingSerial::first_of(day()).get();
    let lines: Vec<(u64, &str, &str)> = result
        .lines()
        .iter()
        .map(|line| {
            let record = line.ride.record.as_str();
            (line.serial.get() - base, &record[..8], &record[38..])
        })
        .collect();
    let expect = [
        (0, "11341000", "00003"),
        (1, "11341000", "00009"),
        (2, "11345810", "00004"),
        (3, "11345810", "00005"),
        (4, "11345840", "00001"),
    ];
    assert_eq!(lines, expect);
    let last = ClearingSerial::new(ClearingSerial::MAX).unwrap();
    let run = Run {
        first_serial: last,
        ..flat_run()
    };
    assert!(clear(&run, at_nation(&rides[..1])).is_ok());
    assert_eq!(
        clear(&run, at_nation(&rides)),
        Err(ClearError::SerialsExhausted)
    );
}

#[test]
fn refuses_inputs_that_cannot_be() {
    let good = at_nation(&[Ride::new(1, 0, Service::Bus, 100, 1)])[0];
    let check = |inputs: Vec<ClearedInput>, expect: &str| {
        let refused = clear(&flat_run(), inputs).unwrap_err();
        let text = format!("{refused:?}");
        assert!(text.starts_with(expect), "{text}");
    };
    check(vec![good, good], "RecordTwice");
    // The same record under the other role form is still the same record.
    let institution = good.acquirer.institution.as_issuer();
    let acquirer = Party {
        institution,
        ..good.acquirer
    };
    check(vec![good, ClearedInput { acquirer, ..good }], "RecordTwice");
    let other = Party {
        institution: code("11341000"),
        ..good.acquirer
    };
    check(
        vec![ClearedInput {
            acquirer: other,
            ..good
        }],
        "AcquirerDiffers",
    );
    let issuer = Party {
        member: code("01349999"),
        ..good.issuer
    };
    check(vec![ClearedInput { issuer, ..good }], "NotMember");
    let amount = Fen::new(-1);
    check(vec![ClearedInput { amount, ..good }], "NegativeAmount");
    let mut second = at_nation(&[Ride::new(1, 0, Service::Bus, 100, 2)])[0];
    second.issuer.member = code("01345840");
    check(vec![good, second], "TwoMembers");
    let huge = |n| ClearedInput {
        amount: Fen::new(i64::MAX),
        ..at_nation(&[Ride::new(1, 0, Service::Bus, 100, n)])[0]
    };
    check(vec![huge(1), huge(2)], "Money");
}

fn upper_line(serial: u64, side: Side, fen: i64) -> UpperLine {
    let [fee, acquirer, issuer] = [2_800_000, 1_400_000, 840_000].map(FenE7::new);
    UpperLine {
        serial: ClearingSerial::new(serial).unwrap(),
        side,
        member: code("01345810"),
        acquirer: code("11345810"),
        issuer: code("01341000"),
        service: Service::Bus,
        amount: Fen::new(fen),
        fees: Fees::new(fee, acquirer, issuer).unwrap(),
    }
}

#[test]
fn relays_only_what_the_upper_hub_published() {
    let run = Run::new(&topology(), code(PROVINCE), day());
    let upper = |net: i64, lines: Vec<UpperLine>| UpperResult {
        hub: code(NATION),
        net: Fen::new(net),
        lines,
    };
    let line = upper_line(1, Side::Acquired, 80);
    let result = relay(&run, [], &upper(80, vec![line])).unwrap();
    let position = result.positions()[&code("01345810")];
    assert_eq!((position.net, position.acquired_count), (Fen::new(80), 1));
    assert_eq!(result.hub_fee().get(), 0, "the fee was the nation's");
    // The nation rounded 0.14 in our favour, and so do we for the city.
    assert_eq!(result.rounding().get(), 0);
    let check = |upper: UpperResult, expect: &str| {
        let refused = relay(&run, [], &upper).unwrap_err();
        let text = format!("{refused:?}");
        assert!(text.starts_with(expect), "{text}");
    };
    check(upper(79, vec![line]), "UpperNetDiffers");
    check(upper(80, vec![line, line]), "UpperLineTwice");
    check(upper(80, vec![]), "UpperNetDiffers");
    let foreign = UpperLine {
        member: code("01341000"),
        ..line
    };
    check(upper(80, vec![foreign]), "NotMember");
    // One serial on either side is a ride between two of our cities by way of the nation.
    let both = vec![line, upper_line(1, Side::Issued, 80)];
    assert!(relay(&run, [], &upper(0, both)).is_ok());
}

#[test]
fn parties_of_one_member_net_inside_it() {
    let party = |institution: &str| Party {
        member: code(PROVINCE),
        institution: code(institution),
    };
    let terminal = TerminalNumber::parse("000000000001").unwrap();
    let input = ClearedInput {
        record: RecordId::compose(code("11345810"), terminal, Timestamp::new(0), 1),
        acquirer: party("11345810"),
        issuer: party("01345840"),
        service: Service::Bus,
        amount: Fen::new(80),
        fees: upper_line(1, Side::Issued, 80).fees,
    };
    let result = clear(&national_run(), [input]).unwrap();
    let position = result.positions()[&code(PROVINCE)];
    assert_eq!(
        position.exact().to_string(),
        "-0.0560000",
        "only the hub's fee"
    );
    assert_eq!(position.net, Fen::ZERO);
}

proptest! {
    #[test]
    fn agrees_with_the_naive_model(rides in rides()) {
        let between: Vec<Ride> = rides
            .into_iter()
            .filter(|r| r.acquirer.as_issuer() != r.issuer)
            .collect();
        let result = clear(&flat_run(), at_nation(&between)).unwrap();
        let cities = model::sums_of_cities(&between);
        let mut sum = 0;
        for (member, position) in result.positions() {
            let none = model::Sums::NONE;
            let sums = cities.get(member.as_str()).copied().unwrap_or(none);
            prop_assert!(sums.income.equals(position.income.get()), "{member}");
            prop_assert!(sums.outgo.equals(position.outgo.get()), "{member}");
            prop_assert_eq!(sums.net(), i128::from(position.net.get()), "{}", member);
            prop_assert!(position.rest().get().abs() <= 10_000_000);
            sum += sums.net() * 10_000_000;
        }
        let hub = result.hub_fee().get() + result.rounding().get();
        prop_assert_eq!(sum + hub, 0);
        prop_assert!(result.hub_fee().get() >= 0);
        let one_fen_each = i128::try_from(CITIES.len()).unwrap() * 10_000_000;
        prop_assert!(result.rounding().get().abs() <= one_fen_each);
        // The pair totals are the same money once more.
        let gross: i128 = result.totals().values().map(|t| t.amount.get()).sum();
        let amounts: i128 = between.iter().map(|r| i128::from(r.amount.get())).sum();
        prop_assert_eq!(gross, amounts * 10_000_000);
        let count: u64 = result.totals().values().map(|t| t.count).sum();
        prop_assert_eq!(count, u64::try_from(between.len()).unwrap());
    }

    #[test]
    fn order_of_inputs_does_not_matter(
        (rides, shuffled) in rides().prop_flat_map(|r| (Just(r.clone()), Just(r).prop_shuffle()))
    ) {
        let result = clear(&flat_run(), at_nation(&rides)).unwrap();
        let again = clear(&flat_run(), at_nation(&shuffled)).unwrap();
        let text = |result: &DayResult| {
            let mut text = String::new();
            result.write_canonical(&mut text).unwrap();
            text
        };
        prop_assert_eq!(text(&result), text(&again));
        prop_assert_eq!(result, again);
    }

    #[test]
    fn the_hubs_book_holds_the_result(rides in rides()) {
        let result = clear(&flat_run(), at_nation(&rides)).unwrap();
        let mut book = Book::new();
        let entries = to_entries(&result).unwrap();
        for entry in &entries {
            book.post(entry.clone()).unwrap();
        }
        for entry in entries {
            prop_assert!(book.post(entry).unwrap_err().is_already_posted());
        }
        prop_assert!(book.trial_balance().is_zero());
        for (member, position) in result.positions() {
            let settlement = balance(&result, &book, AccountKind::Settlement(*member));
            prop_assert_eq!(settlement, i128::from(position.net.get()) * 10_000_000);
        }
        let fee = balance(&result, &book, AccountKind::FeeIncome);
        prop_assert_eq!(fee, result.hub_fee().get());
        let rounding = balance(&result, &book, AccountKind::Rounding);
        prop_assert_eq!(rounding, result.rounding().get());
    }

    #[test]
    fn fees_agree_with_the_naive_model(rides in rides()) {
        let rules = rules();
        for ride in rides {
            let fees = rules.fees(ride.amount, &ride.key()).unwrap();
            let (rate, shares) = model::rate_of(&ride);
            let [fee, acquirer, issuer] = model::split(ride.amount.get(), rate, shares);
            prop_assert!(fee.equals(fees.fee().get().into()));
            prop_assert!(acquirer.equals(fees.acquirer_share().get().into()));
            prop_assert!(issuer.equals(fees.issuer_share().get().into()));
            let rest = fee.minus(acquirer).minus(issuer);
            prop_assert!(rest.equals(fees.hub_share().get().into()));
        }
    }
}
