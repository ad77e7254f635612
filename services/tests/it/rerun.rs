//! Days are repeated without harm, and refuse what cannot be.

use std::collections::BTreeMap;

use tongtu_clearing::{FeeRules, demo};
use tongtu_exchange_file::{FileKind, FileName, TimeOfDay};
use tongtu_services::{DayPhase, StatusKind};

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, SHENZHEN_CODE, Tap, code, day,
    morning, night, refused,
};

/// Some rides everywhere, not yet closed.
async fn busy() -> Country {
    let country = Country::found().await;
    let mut sequence = 0;
    let cities = [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE];
    let mut riders = Vec::new();
    for city in cities {
        riders.push(country.rider(city, 1).await);
    }
    for city in cities {
        let terminal = country.terminal(city, 1).await;
        let mut records = Vec::new();
        for rider in &riders {
            sequence += 1;
            let at = morning().plus_s(i64::try_from(sequence).unwrap() * 60);
            records.push(terminal.record(Tap::ride(rider, at, sequence, 201)));
        }
        country
            .upload(&terminal, &records, morning().plus_s(1800))
            .await;
    }
    country
}

/// Every file that any node made for another, with its bytes.
async fn files(country: &Country) -> BTreeMap<(String, String), Vec<u8>> {
    let pairs = [
        (BEIJING_CODE, NATION, FileKind::CQ, "11341000"),
        (GUANGZHOU_CODE, PROVINCE, FileKind::CQ, "11345810"),
        (SHENZHEN_CODE, PROVINCE, FileKind::CQ, "11345840"),
        (PROVINCE, NATION, FileKind::CQ, PROVINCE),
    ];
    let mut wanted: Vec<(&str, &str, FileKind, &str)> = pairs.to_vec();
    for (from, to) in [
        (NATION, BEIJING_CODE),
        (NATION, PROVINCE),
        (PROVINCE, GUANGZHOU_CODE),
        (PROVINCE, SHENZHEN_CODE),
    ] {
        for kind in [FileKind::LD, FileKind::FB, FileKind::CL, FileKind::BP] {
            wanted.push((from, to, kind, to));
        }
    }
    let mut found = BTreeMap::new();
    for (from, to, kind, named) in wanted {
        let name = FileName::new(kind, day(), TimeOfDay::MIDNIGHT, code(named), 1).unwrap();
        let file = country.node(from).file_read(code(to), &name).await.unwrap();
        found.insert((from.to_owned(), name.to_string()), file.into_bytes());
    }
    found
}

#[tokio::test]
async fn a_rerun_gives_the_same_bytes() {
    let country = busy().await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    let before = files(&country).await;
    assert_eq!(before.len(), 20);
    let mut books = Vec::new();
    for node in country.nodes() {
        books.push(node.ledger_view().await.unwrap());
    }
    for node in country.nodes() {
        let view = node.day_view(day()).await.unwrap();
        // Later, and in another order.
        let now = night(day()).plus_s(50_000);
        assert_eq!(node.day_settle(day(), now).await.unwrap(), view);
        assert_eq!(node.day_close(day(), now).await.unwrap(), view);
        assert_eq!(node.day_settle(day(), now).await.unwrap(), view);
    }
    assert_eq!(files(&country).await, before);
    for (node, before) in country.nodes().zip(books) {
        assert_eq!(node.ledger_view().await.unwrap(), before);
        assert_eq!(node.alarms().await.unwrap(), []);
        assert_eq!(node.outbox_waiting().await.unwrap(), []);
    }
    country.audit().await;
}

/// Two countries with the same rides, uploaded in another order, make the same files.
#[tokio::test]
async fn the_order_of_arrival_does_not_matter() {
    let one = busy().await;
    one.close(day()).await;
    one.settle(day()).await;
    let two = Country::found().await;
    let mut riders = Vec::new();
    for city in [SHENZHEN_CODE, GUANGZHOU_CODE, BEIJING_CODE] {
        riders.push(two.rider(city, 1).await);
    }
    riders.reverse();
    let cities = [
        (SHENZHEN_CODE, 7_u64),
        (BEIJING_CODE, 1),
        (GUANGZHOU_CODE, 4),
    ];
    for (city, first) in cities {
        let terminal = two.terminal(city, 1).await;
        for (rider, sequence) in riders.iter().zip([first, first + 1, first + 2]).rev() {
            let at = morning().plus_s(i64::try_from(sequence).unwrap() * 60);
            let record = terminal.record(Tap::ride(rider, at, sequence, 201));
            two.upload(&terminal, &[record], morning().plus_s(1800))
                .await;
        }
    }
    two.close(day()).await;
    two.settle(day()).await;
    assert_eq!(files(&one).await, files(&two).await);
}

#[tokio::test]
async fn steps_come_in_their_order() {
    let country = busy().await;
    let city = country.node(GUANGZHOU_CODE);
    let early = city
        .day_close(day(), night(day()).plus_s(-601))
        .await
        .unwrap_err();
    assert_eq!(early.code(), "clearing.day_not_over");
    assert!(early.retryable());
    let view = city.day_view(day()).await.unwrap();
    assert_eq!(
        (view.phase, view.records),
        (DayPhase::Open, 0),
        "nothing was sealed"
    );
    let early = city.day_settle(day(), night(day())).await.unwrap_err();
    assert_eq!(
        (early.code(), early.retryable()),
        ("clearing.day_too_early", true)
    );
    city.day_close(day(), night(day())).await.unwrap();
    let early = city.day_settle(day(), night(day())).await.unwrap_err();
    assert_eq!(early.code(), "clearing.upper_missing");
    assert_eq!(early.status_kind(), StatusKind::Unavailable);
    assert!(early.retryable());
    let (yesterday, now) = (
        tongtu_types::BusinessDay::from_days(day().days() - 1),
        night(day()),
    );
    let past = city.day_close(yesterday, now).await;
    assert_eq!(refused(past), "clearing.day_out_of_order");
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
}

/// The net position alone is not the parent's result: its lines must give it.
#[tokio::test]
async fn half_a_result_is_not_settled() {
    let country = busy().await;
    country.close(day()).await;
    country.settle_at(NATION, day()).await;
    let (nation, city) = (country.node(NATION), country.node(BEIJING_CODE));
    let (to, now) = (code(BEIJING_CODE), night(day()));
    let mut files = nation.files_waiting(to).await.unwrap();
    assert_eq!(
        files.last().unwrap().name.kind(),
        FileKind::BP,
        "the net position comes last"
    );
    files.reverse();
    for file in files {
        let early = city.day_settle(day(), now).await.unwrap_err();
        assert!(early.retryable(), "{early}");
        let read = nation.file_read(to, &file.name).await.unwrap();
        city.file_receive(code(NATION), &file.name, &read, now)
            .await
            .unwrap();
        if file.name.kind() == FileKind::FB {
            break;
        }
    }
    city.day_settle(day(), now).await.unwrap();
    // The list of processed files was left out: it moves no money, but it is missed.
    assert_eq!(city.alarms().await.unwrap(), []);
    for file in nation.files_waiting(to).await.unwrap() {
        let read = nation.file_read(to, &file.name).await.unwrap();
        city.file_receive(code(NATION), &file.name, &read, now)
            .await
            .unwrap();
    }
    let alarms = city.alarms().await.unwrap();
    assert_eq!(
        (alarms.len(), &alarms[0].code[..]),
        (1, "exchange.file_late")
    );
}

#[tokio::test]
async fn a_published_day_keeps_its_rules() {
    let mut country = busy().await;
    country.close(day()).await;
    country.settle(day()).await;
    let other = demo::FEE_RULES.replace("0.35%", "0.40%");
    let newer = other.replace("version 1\n", "version 2\n");
    for (rules, expect) in [
        (newer, "clearing.day_published"),
        (other, "clearing.day_result_differs"),
    ] {
        let rules = FeeRules::parse(&rules).unwrap();
        country
            .start(NATION, |config| config.fee_rules = rules)
            .await;
        let answer = country.node(NATION).day_settle(day(), night(day())).await;
        assert_eq!(refused(answer), expect);
    }
    let alarms = country.node(NATION).alarms().await.unwrap();
    assert_eq!(
        alarms.len(),
        1,
        "only the same rules with another result are a fault"
    );
    country.start(NATION, |_| {}).await;
    country.settle_at(NATION, day()).await;
}
