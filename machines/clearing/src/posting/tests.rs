use super::*;
use tongtu_ledger::Book;
use tongtu_types::{TerminalNumber, Timestamp};

fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

fn day() -> BusinessDay {
    "2026-01-01".parse().unwrap()
}

fn record() -> RecordId {
    let terminal = TerminalNumber::parse("581000000001").unwrap();
    RecordId::compose(code("11345810"), terminal, Timestamp::new(1_767_254_400), 1)
}

fn check(entry: &Entry, expect: &str) {
    let found: Vec<String> = entry
        .postings()
        .iter()
        .map(|p| format!("{} {}", p.account, p.amount))
        .collect();
    let expect: Vec<&str> = expect.trim().lines().map(str::trim).collect();
    assert_eq!(found, expect);
}

fn fees() -> Fees {
    let [fee, acquirer, issuer] = [2_800_000, 1_400_000, 840_000].map(FenE7::new);
    Fees::new(fee, acquirer, issuer).unwrap()
}

#[test]
fn issuer_debits_the_rider_and_owes_the_hub() {
    let mut ride = IssuerRide {
        issuer: code("01341000"),
        hub: code("00000000"),
        day: day(),
        record: record(),
        card: CardNumber::parse("3104100000000000017").unwrap(),
        pocket: Pocket::Account,
        amount: Fen::new(80),
        short: Fen::ZERO,
        issuer_share: fees().issuer_share(),
    };
    let entry = issuer_ride(&ride).unwrap().unwrap();
    check(
        &entry,
        "01341000/settlement/00000000 79.9160000
         01341000/fee-income 0.0840000
         01341000/rider/310410****0017 -80.0000000",
    );
    let id = "ride/issuer/1134581000015810000000012026010116000000001";
    assert_eq!(entry.id().as_str(), id);
    ride.short = Fen::new(50);
    check(
        &issuer_ride(&ride).unwrap().unwrap(),
        "01341000/settlement/00000000 79.9160000
         01341000/fee-income 0.0840000
         01341000/rider/310410****0017 -30.0000000
         01341000/arrears/310410****0017 -50.0000000",
    );
}

#[test]
fn what_left_a_card_and_is_claimed_by_nobody_is_the_riders() {
    let mut ride = IssuerRide {
        issuer: code("01341000"),
        hub: code("00000000"),
        day: day(),
        record: record(),
        card: CardNumber::parse("3104100000000000017").unwrap(),
        pocket: Pocket::Card {
            money: CardMoney::Purse,
            debited: Fen::new(80),
        },
        amount: Fen::new(80),
        short: Fen::ZERO,
        issuer_share: fees().issuer_share(),
    };
    check(
        &issuer_ride(&ride).unwrap().unwrap(),
        "01341000/settlement/00000000 79.9160000
         01341000/fee-income 0.0840000
         01341000/purse/310410****0017 -80.0000000",
    );
    ride.pocket = Pocket::Card {
        money: CardMoney::Cash,
        debited: Fen::new(80),
    };
    ride.amount = Fen::ZERO;
    ride.issuer_share = FenE7::ZERO;
    check(
        &issuer_ride(&ride).unwrap().unwrap(),
        "01341000/e-cash/310410****0017 -80.0000000
         01341000/refund/310410****0017 80.0000000",
    );
}

#[test]
fn acquirer_owes_the_operator_the_gross_amount() {
    let ride = AcquirerRide {
        acquirer: code("11345810"),
        hub: code("30005800"),
        day: day(),
        record: record(),
        line: LineCode::parse("B1").unwrap(),
        amount: Fen::new(80),
        fees: fees(),
    };
    check(
        &acquirer_ride(&ride).unwrap().unwrap(),
        "01345810/settlement/30005800 -79.8600000
         01345810/fee-expense -0.1400000
         01345810/operator-payable/B1 80.0000000",
    );
    let free = AcquirerRide {
        amount: Fen::ZERO,
        fees: Fees::NONE,
        ..ride
    };
    assert_eq!(acquirer_ride(&free), Ok(None));
}

#[test]
fn member_ends_the_day_with_whole_fen() {
    let exact = SumE7::new(798_600_000);
    let (member, hub) = (code("11345810"), code("30005800"));
    let entry = member_rounding(member, hub, day(), exact, Fen::new(80));
    check(
        &entry.unwrap().unwrap(),
        "01345810/settlement/30005800 -0.1400000
         01345810/rounding 0.1400000",
    );
    let nothing = member_rounding(
        member,
        hub,
        day(),
        SumE7::from_fen(Fen::new(3)),
        Fen::new(3),
    );
    assert_eq!(nothing, Ok(None));
}

#[test]
fn recharge_posts_once() {
    let card = CardNumber::parse("3104100000000000017").unwrap();
    let id = EntryId::parse("recharge/1").unwrap();
    let entry = recharge(code("01341000"), card, day(), Fen::new(100), &id);
    let entry = entry.unwrap().unwrap();
    check(
        &entry,
        "01341000/rider/310410****0017 100.0000000
         01341000/recharge-clearing -100.0000000",
    );
    let mut book = Book::new();
    book.post(entry.clone()).unwrap();
    assert!(book.post(entry).unwrap_err().is_already_posted());
}

#[test]
fn amounts_beyond_a_posting_are_refused() {
    let card = CardNumber::parse("3104100000000000017").unwrap();
    let id = EntryId::parse("recharge/1").unwrap();
    let entry = recharge(code("01341000"), card, day(), Fen::new(i64::MAX), &id);
    assert!(matches!(entry, Err(PostingError::Money(_))));
}
