//! The pump between two nodes, over ways that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::{get, post};
use tongtu_api::{PumpStep, path};
use tongtu_crypto::sm3::Digested;
use tongtu_http::client::Client;
use tongtu_http::pump::pump;
use tongtu_types::{BusinessDay, Timestamp};

use crate::country::{
    Country, Served, T0, Terminal, after, beijing, credential, day0, entrance, enveloped, link,
    name, nation,
};
use crate::cutter::Cutter;
use crate::wire::serving;

/// A city and the nation above it.
struct Pair {
    nation: Served,
    city: Served,
    terminal: Terminal,
    country: Country,
}

impl Pair {
    async fn new() -> Self {
        let country = Country::new();
        let nation = country.nation().await;
        let city = country.beijing(Some(&nation.url)).await;
        let terminal = Terminal::registered("100000000001", &city).await;
        Self {
            nation,
            city,
            terminal,
            country,
        }
    }

    /// Closes `day` at the city with one ride for the nation: one file waits to go up.
    async fn ride_and_close(&self, day: BusinessDay) {
        let noon = day.start_in_china().plus_s(12 * 3600);
        let rider = self.country.rider_from_guangzhou(noon);
        let ride = self.terminal.ride(&rider, noon, 1);
        let city = self.city.client.at(noon);
        let terminal = self.city.terminal(self.terminal.number).at(noon);
        terminal
            .records_upload(self.terminal.number, &[ride])
            .await
            .unwrap();
        city.at(after(day)).day_close(day).await.unwrap();
    }

    /// Clears `day` at the nation: files wait to come down.
    async fn clear_at_nation(&self, day: BusinessDay) {
        let nation = self.nation.client.at(after(day));
        let closed = nation.day_close(day).await.unwrap();
        assert_eq!(closed.records, 1, "one file came, once: {closed:?}");
        nation.day_settle(day).await.unwrap();
    }
}

#[tokio::test]
async fn does_nothing_when_nothing_waits() {
    let pair = Pair::new().await;
    for _ in 0..2 {
        let report = pair.city.client.pump().await.unwrap();
        assert_eq!(report, Default::default());
        let report = pair.nation.client.pump().await.unwrap();
        assert_eq!(report, Default::default());
    }
}

#[tokio::test]
async fn reports_a_parent_that_is_not_there() {
    let country = Country::new();
    let city = country.beijing(Some("http://127.0.0.1:1")).await;
    let report = city.client.pump().await.unwrap();
    let [problem] = &report.problems[..] else {
        panic!("{report:?}");
    };
    assert_eq!(problem.step, PumpStep::List);
    assert_eq!(problem.code, "client.unreachable");
    assert!(problem.retryable);
}

#[tokio::test]
async fn reports_an_outbox_without_a_way_up() {
    let pair = Pair::new().await;
    pair.ride_and_close(day0()).await;
    let node = pair.city.node.clone();
    let own = node.config().code;
    let clock = tongtu_http::Clock::Simulated;
    let alone = tongtu_http::server::router(node, clock, None, &entrance(own));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    let client = client.acting_as(credential(name(own, "OP-1")), own);
    tokio::spawn(tongtu_http::server::serve(
        listener,
        alone,
        std::future::pending(),
    ));
    let report = client.at(T0).pump().await.unwrap();
    let [problem] = &report.problems[..] else {
        panic!("{report:?}");
    };
    assert_eq!(
        (problem.step, &*problem.code),
        (PumpStep::Outbox, "pump.no_address")
    );
    assert!(!problem.retryable);
}

#[tokio::test]
async fn a_refused_file_does_not_hold_up_the_others() {
    let pair = Pair::new().await;
    let (first, second) = (day0(), day0().next());
    pair.ride_and_close(first).await;
    let waiting = pair.city.node.outbox_waiting().await.unwrap();
    let (_, file, made) = &waiting[0];
    // Somebody put another file there under the same name.
    let mut other = made.bytes().to_vec();
    let digit = other.iter().rposition(u8::is_ascii_digit).unwrap();
    other[digit] = if other[digit] == b'9' { b'8' } else { b'9' };
    let sender = pair.city.node.config().code;
    let envelope = enveloped(sender, nation(), file, &other);
    let there = pair.nation.neighbour(sender);
    let taken = there
        .file_send(sender, file, &Digested::of(other), &envelope)
        .await;
    assert!(taken.is_ok(), "the other file is one, too: {taken:?}");

    pair.ride_and_close(second).await;
    let city = &pair.city.client;
    let report = city.at(after(second)).pump().await.unwrap();
    assert_eq!(report.pushed, 1, "{report:?}");
    let [problem] = &report.problems[..] else {
        panic!("{report:?}");
    };
    assert_eq!(problem.step, PumpStep::Push);
    assert_eq!(problem.file.as_deref(), Some(&*file.to_string()));
    assert!(!problem.retryable);
}

#[tokio::test]
async fn takes_no_file_that_changed_on_its_way() {
    const NAME: &str = "BP260101160000013410000000000001A";
    let list = || async {
        let digest = "00".repeat(32);
        format!(r#"{{"files":[{{"name":"{NAME}","digest":"{digest}","length":4}}]}}"#)
    };
    let confirmed = Arc::new(AtomicBool::new(false));
    let confirm = {
        let confirmed = Arc::clone(&confirmed);
        move || async move { confirmed.store(true, Ordering::Relaxed) }
    };
    let routes = Router::new()
        .route(path::FILES, get(list))
        .route(path::FILE, get(async || "file"))
        .route(path::FILE_CONFIRMATION, post(confirm));
    let parent = serving(routes).await;

    let city = Country::new().beijing(None).await;
    let report = pump(&city.node, &parent, T0).await;
    let [problem] = &report.problems[..] else {
        panic!("{report:?}");
    };
    assert_eq!(problem.step, PumpStep::Fetch);
    assert_eq!(problem.file.as_deref(), Some(NAME));
    assert_eq!(
        (&*problem.code, problem.retryable),
        ("pump.file_altered", true)
    );
    assert_eq!((report.fetched, report.fetched_already), (0, 0));
    assert!(!confirmed.load(Ordering::Relaxed));
    // Nor was it stored: it would have been unreadable, and an alarm.
    assert_eq!(city.node.alarms().await.unwrap(), []);
}

#[tokio::test]
async fn several_at_a_time_do_no_harm() {
    let pair = Pair::new().await;
    pair.ride_and_close(day0()).await;
    let city = pair.city.client.at(after(day0()));
    let reports = tokio::join!(city.pump(), city.pump(), city.pump());
    for report in [&reports.0, &reports.1, &reports.2] {
        assert_eq!(report.as_ref().unwrap().problems, []);
    }
    let pushed = [reports.0, reports.1, reports.2].map(|r| r.unwrap().pushed);
    assert_eq!(pushed.iter().sum::<u64>(), 1, "{pushed:?}");
    pair.clear_at_nation(day0()).await;
    let reports = tokio::join!(city.pump(), city.pump(), city.pump());
    for report in [reports.0, reports.1, reports.2] {
        assert_eq!(report.unwrap().problems, []);
    }
    city.day_settle(day0()).await.unwrap();
}

/// Runs the pump over a way that breaks after `bytes_max` bytes; whether it broke.
async fn pump_over_a_breaking_way(
    pair: &Pair,
    now: Timestamp,
    bytes_max: usize,
    kill: bool,
) -> bool {
    let way = Cutter::new(&pair.nation.url, bytes_max).await;
    let parent = Client::new(&way.url).acting_as(link(beijing()), nation());
    if kill {
        // The node dies the moment the way breaks: nothing after that is done.
        tokio::select! {
            biased;
            () = way.broken() => {}
            report = pump(&pair.city.node, &parent, now) => {
                assert_eq!(report.problems, []);
            }
        }
    } else {
        let report = pump(&pair.city.node, &parent, now).await;
        assert_eq!(report.problems.len(), usize::from(way.is_broken()));
        for problem in &report.problems {
            assert!(problem.retryable, "{problem:?}");
            assert_eq!(problem.code, "client.unreachable");
        }
    }
    way.is_broken()
}

async fn survives_a_way_that_breaks_anywhere(kill: bool) {
    let pair = Pair::new().await;
    let mut day = day0();
    let (mut bytes_max, mut broken) = (0, true);
    let (mut pushed_already, mut fetched_already) = (0, 0);
    while broken {
        let now = after(day);
        pair.ride_and_close(day).await;
        assert_eq!(pair.city.node.outbox_waiting().await.unwrap().len(), 1);
        broken = pump_over_a_breaking_way(&pair, now, bytes_max, kill).await;
        let report = pair.city.client.at(now).pump().await.unwrap();
        assert_eq!(report.problems, [], "broken after {bytes_max}");
        assert_eq!(pair.city.node.outbox_waiting().await.unwrap(), []);
        pushed_already += report.pushed_already;

        pair.clear_at_nation(day).await;
        let code = pair.city.node.config().code;
        let waiting = pair.nation.node.files_waiting(code).await.unwrap().len();
        assert!(waiting > 0);
        broken |= pump_over_a_breaking_way(&pair, now, bytes_max, kill).await;
        let report = pair.city.client.at(now).pump().await.unwrap();
        assert_eq!(report.problems, [], "broken after {bytes_max}");
        assert_eq!(pair.nation.node.files_waiting(code).await.unwrap(), []);
        fetched_already += report.fetched_already;

        let settled = pair.city.client.at(now).day_settle(day).await.unwrap();
        assert_eq!((settled.records, settled.forwarded), (1, 1));
        assert_eq!(pair.city.node.alarms().await.unwrap(), []);
        assert_eq!(pair.nation.node.alarms().await.unwrap(), []);

        day = day.next();
        // Uneven, so that breaks fall into heads and bodies of requests and answers alike.
        bytes_max += 97;
    }
    assert!(bytes_max > 500, "the ways broke at all");
    assert!(
        pushed_already > 0,
        "some way broke between taking and telling"
    );
    assert!(
        fetched_already > 0,
        "some way broke between taking and telling"
    );
}

#[tokio::test]
async fn survives_a_way_that_breaks() {
    survives_a_way_that_breaks_anywhere(false).await;
}

#[tokio::test]
async fn survives_being_killed() {
    survives_a_way_that_breaks_anywhere(true).await;
}
