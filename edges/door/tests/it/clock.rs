//! The terminal's clock before an acquirer that says what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tongtu_door::{Door, DoorClientError};
use tongtu_http::client::Client;
use tongtu_journal::SimMedium;
use tongtu_terminal::{ClockFault, ClockSource, Trusted};
use tongtu_types::Timestamp;

use crate::line::{Fault, Line};
use crate::{Bench, Served};

/// 2000-01-01T00:00:00Z, what a battery clock says that has no battery.
const Y2000: Timestamp = Timestamp::new(946_684_800);
const HOUR_S: i64 = 3600;

/// A counter that a test turns.
#[derive(Clone, Default)]
struct Ticks {
    ms: Arc<AtomicU64>,
    /// How much each look takes.
    each_ms: u64,
}

impl Ticks {
    fn pass_s(&self, seconds: i64) {
        let ms = u64::try_from(seconds).unwrap() * 1000;
        self.ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn door(&self, bench: &Bench, line: &Line, machine: ClockSource) -> Door {
        let door = bench.door(&SimMedium::new(), Client::new(&line.url));
        let ticks = self.clone();
        let look = move || ticks.ms.fetch_add(ticks.each_ms, Ordering::Relaxed);
        door.with_counter(look, machine)
    }
}

/// The acquirer has no lists, and it says that it is `at`.
fn says(line: &Line, at: Timestamp) {
    let headers = vec![
        ("tongtu-version", String::from("0")),
        ("tongtu-time", at.get().to_string()),
    ];
    line.set(Fault {
        instead: Some((204, headers, vec![])),
        ..Fault::default()
    });
}

async fn ask(door: &Door, wall: Timestamp) {
    door.refresh_card_blacklist(wall).await.unwrap();
}

fn now(door: &Door, wall: Timestamp) -> Timestamp {
    door.time(wall).unwrap().now
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_2000_is_none_until_the_acquirer_says_what_time_it_is() {
    let bench = Bench::new("clock-2000").await;
    let line = Line::to("http://127.0.0.1:1").await;
    let ticks = Ticks::default();
    let door = ticks.door(&bench, &line, ClockSource::Rtc);
    assert_eq!(door.time(Y2000), Err(ClockFault::Unset));
    says(&line, Y2000);
    ask(&door, Y2000).await;
    assert_eq!(
        door.time(Y2000),
        Err(ClockFault::Unset),
        "nor is its 2000 one"
    );
    says(&line, bench.now);
    ask(&door, Y2000).await;
    assert_eq!(now(&door, Y2000), bench.now);
    ticks.pass_s(90);
    assert_eq!(now(&door, Y2000), bench.now.plus_s(90));
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_followed_and_a_jump_of_one_source_is_not() {
    let bench = Bench::new("clock-jump").await;
    let line = Line::to("http://127.0.0.1:1").await;
    let ticks = Ticks::default();
    let door = ticks.door(&bench, &line, ClockSource::Rtc);
    let start = bench.now;
    assert_eq!(now(&door, start), start);
    ticks.pass_s(HOUR_S);
    let hour = start.plus_s(HOUR_S);
    says(&line, hour.plus_s(3));
    ask(&door, hour).await;
    let Trusted {
        now: at,
        unsynced_s,
        is_disputed,
        ..
    } = door.time(hour).unwrap();
    assert_eq!(
        (at, unsynced_s, is_disputed),
        (hour.plus_s(3), Some(0), false)
    );
    for jump in [HOUR_S, -HOUR_S, 300 * 86_400] {
        says(&line, hour.plus_s(jump));
        ask(&door, hour).await;
        let trusted = door.time(hour).unwrap();
        assert_eq!(
            (trusted.now, trusted.is_disputed),
            (hour.plus_s(3), true),
            "{jump}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_that_time_servers_confirm_is_made() {
    let bench = Bench::new("clock-two").await;
    let line = Line::to("http://127.0.0.1:1").await;
    let ticks = Ticks::default();
    let door = ticks.door(&bench, &line, ClockSource::Ntp);
    let (start, right) = (bench.now, bench.now.plus_s(HOUR_S));
    assert_eq!(now(&door, start), start);
    says(&line, right);
    ask(&door, start).await;
    assert_eq!(now(&door, start), start, "one against one");
    assert_eq!(now(&door, right), right, "both say so now");
    assert!(!door.time(right).unwrap().is_disputed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_took_too_long_says_no_time() {
    let bench = Bench::new("clock-slow").await;
    let line = Line::to("http://127.0.0.1:1").await;
    let ticks = Ticks {
        each_ms: 2_001,
        ..Ticks::default()
    };
    let door = ticks.door(&bench, &line, ClockSource::Rtc);
    says(&line, bench.now);
    ask(&door, Y2000).await;
    assert_eq!(door.time(Y2000), Err(ClockFault::Unset));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_without_a_clock_takes_no_ride_and_one_that_heard_the_node_does() {
    let bench = Bench::new("clock-node").await;
    let line = Line::to(bench.acquirer().base_url()).await;
    let ticks = Ticks::default();
    let door = ticks.door(&bench, &line, ClockSource::Rtc);
    let served = Served::new(door).await;
    let code = bench.code_at(bench.now);
    let error = served.client.clock(Y2000).await.unwrap_err();
    let DoorClientError::Refused { status, message } = error else {
        panic!("{error}")
    };
    assert!(status == 503 && message.contains("door.clock"), "{message}");
    let answer = served.client.scan(&code, Y2000).await.unwrap();
    assert_eq!(answer.verdict, "R20");
    // The node's own time is simulated: it is what its caller says it is.
    served.client.refresh_lists(bench.now).await.unwrap();
    let clock = served.client.clock(Y2000).await.unwrap();
    assert_eq!((clock.now_s, clock.is_disputed), (bench.now.get(), false));
    let answer = served.client.scan(&code, Y2000).await.unwrap();
    assert_eq!(answer.verdict, "R00");
    served.stop().await;
}
