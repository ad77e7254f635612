//! Lists of cards: versions, files that lead to the newest, and who has which.

use tongtu_blacklist::{Blacklist, Head, Kind, ListedNumber, Loader, Span};
use tongtu_services::{CoverageView, Node};
use tongtu_terminal::lists::{CITIES_DUE_S, CityList, Parameters};
use tongtu_terminal::{Coverage, ListBundle};
use tongtu_types::{CardNumber, Timestamp};

use crate::country::{Country, GUANGZHOU_CODE, NATION, Terminal, code, key, morning, refused};

fn number(n: u32) -> ListedNumber {
    ListedNumber::of(&CardNumber::parse(&format!("310458109999{n:07}")).unwrap())
}

fn one(n: u32) -> Span {
    Span::single(number(n))
}

fn span(low: u32, high: u32) -> Span {
    Span::new(number(low), number(high)).unwrap()
}

/// Brings a list up to date; says whether it was by a delta.
async fn follow(country: &Country, held: &Blacklist) -> Option<(Blacklist, bool)> {
    let node = country.node(GUANGZHOU_CODE);
    let file = node
        .card_blacklist_current(held.version(), morning())
        .await
        .unwrap()?;
    let list_key = key("list 01345810");
    let mut loader = Loader::new(list_key.public().clone(), code("11345810"), held);
    loader.feed(&file).unwrap();
    let head = Head::open(file.first_chunk().unwrap(), list_key.public()).unwrap();
    Some((
        loader.finish().unwrap(),
        matches!(head.kind, Kind::Delta { .. }),
    ))
}

#[tokio::test]
async fn every_version_leads_to_the_newest_and_gives_the_same_list() {
    let country = Country::found().await;
    let node = country.node(GUANGZHOU_CODE);
    let nothing = Blacklist::default();
    assert!(follow(&country, &nothing).await.is_none());
    let mut lists = vec![nothing];
    for (listed, removed, version) in [
        (vec![one(1), span(10, 19), one(30)], vec![], 1),
        (vec![one(2)], vec![span(10, 19)], 2),
        // A piece of what was taken off, and all of what was put on.
        (vec![span(12, 14), one(7)], vec![one(2)], 3),
        // The same again changes nothing.
        (vec![span(12, 14), one(7)], vec![one(2)], 3),
        (vec![span(10, 11)], vec![one(1), one(30)], 4),
        (vec![one(30)], vec![], 5),
    ] {
        let now = morning().plus_s(version);
        let answer = node.card_blacklist_change(&listed, &removed, now).await;
        assert_eq!(answer.unwrap(), u64::try_from(version).unwrap());
        let mut newest: Option<Blacklist> = None;
        for held in &lists {
            let Some((list, by_delta)) = follow(&country, held).await else {
                continue;
            };
            assert_eq!(by_delta, held.version() > 0);
            assert_eq!(list.issued_at(), now);
            let spans = |list: &Blacklist| list.spans_from(ListedNumber::MIN).collect::<Vec<_>>();
            if let Some(newest) = &newest {
                assert_eq!(list.state(), newest.state());
                assert_eq!(spans(&list), spans(newest));
            }
            newest = Some(list);
        }
        lists.extend(newest);
    }
    let newest = lists.last().unwrap();
    let all: Vec<Span> = newest.spans_from(ListedNumber::MIN).collect();
    // 10 to 11 and 12 to 14 touch.
    assert_eq!(all, [one(7), span(10, 14), one(30)]);
    assert!(follow(&country, newest).await.is_none());
}

#[tokio::test]
async fn a_change_of_the_card_blacklist_is_a_new_bundle_that_names_it() {
    let mut country = Country::found().await;
    let node = country.node(GUANGZHOU_CODE);
    let bundle = async |country: &Country, after| {
        let node = country.node(GUANGZHOU_CODE);
        let bytes = node.lists_current(after, morning()).await.unwrap()?;
        Some(ListBundle::open(&bytes, key("list 01345810").public()).unwrap())
    };
    assert_eq!(
        bundle(&country, 0).await.unwrap().cards.blacklist_version,
        0
    );
    node.card_blacklist_change(&[one(1)], &[], morning())
        .await
        .unwrap();
    let second = bundle(&country, 1).await.unwrap();
    assert_eq!((second.version, second.cards.blacklist_version), (2, 1));
    country.start(GUANGZHOU_CODE, |_| {}).await;
    assert!(
        bundle(&country, 2).await.is_none(),
        "a restart changes nothing"
    );
    let cities = CityList::new(3, morning());
    let new = cities.clone();
    country
        .start(GUANGZHOU_CODE, |config| {
            config.acquirer.as_mut().unwrap().cards.cities = new;
        })
        .await;
    let third = bundle(&country, 2).await.unwrap();
    assert_eq!((third.version, third.cards.blacklist_version), (3, 1));
    assert_eq!(third.cards.cities, cities);
}

#[tokio::test]
async fn an_entry_is_listed_alone_or_not_at_all() {
    let country = Country::found().await;
    let node = country.node(GUANGZHOU_CODE);
    let change = async |listed: &[Span], removed: &[Span]| {
        node.card_blacklist_change(listed, removed, morning()).await
    };
    change(&[span(10, 19), one(30)], &[]).await.unwrap();
    let conflict = "acquiring.card_listed";
    for listed in [
        span(5, 10),
        span(19, 25),
        one(15),
        span(5, 25),
        span(10, 18),
    ] {
        assert_eq!(refused(change(&[one(1), listed], &[]).await), conflict);
    }
    for removed in [one(10), span(10, 18), span(5, 25)] {
        assert_eq!(refused(change(&[one(1)], &[removed]).await), conflict);
    }
    assert_eq!(refused(change(&[span(1, 3), one(3)], &[]).await), conflict);
    let (list, _) = follow(&country, &Blacklist::default()).await.unwrap();
    assert_eq!((list.version(), list.numbers()), (1, 11), "nothing of it");
    assert_eq!(change(&[], &[one(99)]).await.unwrap(), 1);
    let nation = country.node(NATION);
    let role = "node.role_missing";
    assert_eq!(
        refused(nation.card_blacklist_current(0, morning()).await),
        role
    );
    let none = nation.card_blacklist_change(&[], &[], morning()).await;
    assert_eq!(refused(none), role);
}

#[tokio::test]
async fn lists_that_no_terminal_would_take_stop_the_node() {
    let country = Country::found().await;
    let mut config = country.node(GUANGZHOU_CODE).config().clone();
    let acquirer = config.acquirer.as_mut().unwrap();
    acquirer.cards.parameters = vec![Parameters::DEFAULT; 2];
    let store =
        tongtu_sql::Store::open("sqlite::memory:", &tongtu_sql::Sealing::new(&[7; 32])).await;
    let error = Node::open(config, store.unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "node.configuration");
    assert!(error.to_string().contains("parameters entry 1"), "{error}");
}

fn report(terminal: &Terminal, at: Timestamp, cities: u32, since: Timestamp) -> Coverage {
    Coverage {
        acquirer: code("11345810"),
        terminal: terminal.number,
        at,
        version: 5,
        digest: [1; 32],
        applied_at: since,
        cities,
        cities_applied_at: since,
        card_blacklist: 17,
        card_blacklist_applied_at: since,
        parameters_from: at.china().day,
        fare_version: 1,
    }
}

#[tokio::test]
async fn terminals_without_the_city_list_are_overdue_15_days_after_the_notice() {
    let mut country = Country::found().await;
    let notice = morning();
    country
        .start(GUANGZHOU_CODE, |config| {
            let cities = CityList::new(3, notice);
            config.acquirer.as_mut().unwrap().cards.cities = cities;
        })
        .await;
    let mut terminals = Vec::new();
    for n in 1..=3 {
        terminals.push(country.terminal(GUANGZHOU_CODE, n).await);
    }
    let node = country.node(GUANGZHOU_CODE);
    let send = async |terminal: &Terminal, coverage: Coverage| {
        let report = coverage.sign(&terminal.key).unwrap();
        node.coverage_report(terminal.number, &report).await
    };
    let day = |n: i64| notice.plus_s(n * 86_400);
    send(&terminals[0], report(&terminals[0], day(2), 3, day(1)))
        .await
        .unwrap();
    send(&terminals[1], report(&terminals[1], day(2), 2, day(-9)))
        .await
        .unwrap();
    let overdue = async |now| -> Vec<bool> {
        let views = node.coverage_view(now).await.unwrap();
        views.into_iter().map(|view| view.overdue).collect()
    };
    let due = notice.plus_s(CITIES_DUE_S);
    assert_eq!(overdue(due).await, [false, false, false]);
    assert_eq!(overdue(due.plus_s(1)).await, [false, true, true]);

    // Restarted, a terminal no longer knows since when it has the list; the node does.
    send(&terminals[0], report(&terminals[0], day(20), 3, day(19)))
        .await
        .unwrap();
    // An old report that was held up changes nothing.
    send(&terminals[0], report(&terminals[0], day(3), 2, day(1)))
        .await
        .unwrap();
    let views = node.coverage_view(day(20)).await.unwrap();
    let expected = CoverageView {
        terminal: terminals[0].number,
        reported_at: Some(day(20)),
        version: 5,
        cities: 3,
        cities_since: Some(day(1)),
        card_blacklist: 17,
        overdue: false,
        lags: vec![],
    };
    assert_eq!(views[0], expected);
    assert_eq!((views[2].reported_at, views[2].version), (None, 0));
    send(&terminals[1], report(&terminals[1], day(21), 3, day(21)))
        .await
        .unwrap();
    assert_eq!(overdue(day(21)).await, [false, false, true]);
}

#[tokio::test]
async fn a_report_is_taken_from_its_own_terminal_only() {
    let country = Country::found().await;
    let terminals = [
        country.terminal(GUANGZHOU_CODE, 1).await,
        country.terminal(GUANGZHOU_CODE, 2).await,
    ];
    let node = country.node(GUANGZHOU_CODE);
    let [own, other] = &terminals;
    let coverage = report(own, morning(), 1, morning());
    let good = coverage.sign(&own.key).unwrap();
    let mut bent = good.clone();
    bent[30] ^= 1;
    let for_other = coverage.sign(&other.key).unwrap();
    let elsewhere = Coverage {
        acquirer: code("11341000"),
        ..coverage
    };
    let elsewhere = elsewhere.sign(&own.key).unwrap();
    for (terminal, bytes) in [
        (own, &bent),
        (own, &for_other),
        (other, &for_other),
        (own, &elsewhere),
        (own, &Vec::new()),
    ] {
        let answer = node.coverage_report(terminal.number, bytes).await;
        assert_eq!(refused(answer), "acquiring.coverage");
    }
    let unknown = Terminal {
        number: "581000009999".parse().unwrap(),
        city: String::new(),
        serial: [0; 4],
        key: key("unknown"),
    };
    let answer = node.coverage_report(unknown.number, &good).await;
    assert_eq!(refused(answer), "acquiring.terminal_unknown");
    node.coverage_report(own.number, &good).await.unwrap();
    let views = node.coverage_view(morning()).await.unwrap();
    assert_eq!(views.iter().filter(|v| v.reported_at.is_some()).count(), 1);
}
