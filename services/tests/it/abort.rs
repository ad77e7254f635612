//! Every step is cut off at every point where it waits, repeated, and made twice: the country
//! comes to the same end.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use tongtu_services::{Node, RideState};
use tongtu_types::Fen;

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, SHENZHEN_CODE, Tap, Terminal, code,
    day, morning, night,
};

/// How often a step was cut off.
static CUTS: AtomicU32 = AtomicU32::new(0);

/// Lets a future run for so many polls, then drops it wherever it is.
struct CutOff<F> {
    future: Pin<Box<F>>,
    polls_left: usize,
}

impl<F: Future> Future for CutOff<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

/// Runs a step cut off after one poll, after two and so on until it ends; then once more.
async fn torture<F: Future>(step: impl Fn() -> F) -> F::Output {
    for polls_left in 1.. {
        let cut = CutOff {
            future: Box::pin(step()),
            polls_left,
        };
        if cut.await.is_some() {
            break;
        }
        CUTS.fetch_add(1, Ordering::Relaxed);
    }
    step().await
}

async fn carry_up(country: &Country, text: &str) {
    let (node, now) = (country.node(text), night(day()));
    for (parent, name, file) in node.outbox_waiting().await.unwrap() {
        let parent = country.node(parent.as_str());
        torture(|| parent.file_receive(code(text), &name, &file, now))
            .await
            .unwrap();
        torture(|| node.outbox_confirm(&name, now)).await.unwrap();
    }
}

async fn carry_down(country: &Country, from: &str, to: &str) {
    let (parent, child, now) = (country.node(from), country.node(to), night(day()));
    for file in parent.files_waiting(code(to)).await.unwrap() {
        let read = parent.file_read(code(to), &file.name).await.unwrap();
        let receive = || child.file_receive(code(from), &file.name, &read, now);
        torture(receive).await.unwrap();
        let confirm = || parent.file_confirm(code(to), &file.name, file.digest, now);
        torture(confirm).await.unwrap();
    }
}

async fn settle(node: &Node) {
    torture(|| node.day_settle(day(), night(day())))
        .await
        .unwrap();
}

async fn upload(country: &Country, terminal: &Terminal, records: &[Vec<u8>]) {
    let node = country.node(&terminal.city);
    let upload = || node.records_upload(terminal.number, records, morning().plus_s(10_000));
    torture(upload).await.unwrap();
}

#[tokio::test]
async fn a_day_survives_being_cut_off_anywhere() {
    let mut country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let guang = country.rider(GUANGZHOU_CODE, 1).await;
    let node = country.node(BEIJING_CODE);
    let pay = || node.account_recharge(bei.account, "again", Fen::new(100), morning());
    torture(pay).await.unwrap();
    for city in [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE] {
        let terminal = country.terminal(city, 1).await;
        let t = morning();
        let records = [
            terminal.record(Tap::ride(&bei, t.plus_s(terminal_offset(city)), 1, 200)),
            terminal.record(Tap::ride(&guang, t.plus_s(terminal_offset(city)), 2, 300)),
        ];
        upload(&country, &terminal, &records).await;
    }
    let upwards = [
        BEIJING_CODE,
        GUANGZHOU_CODE,
        SHENZHEN_CODE,
        PROVINCE,
        NATION,
    ];
    for text in upwards {
        let node = country.node(text);
        torture(|| node.day_close(day(), night(day())))
            .await
            .unwrap();
        carry_up(&country, text).await;
    }
    // A restart between any two steps: memory is empty, the files are as they are.
    for text in upwards {
        country.start(text, |_| {}).await;
    }
    settle(country.node(NATION)).await;
    carry_down(&country, NATION, PROVINCE).await;
    carry_down(&country, NATION, BEIJING_CODE).await;
    settle(country.node(PROVINCE)).await;
    carry_down(&country, PROVINCE, GUANGZHOU_CODE).await;
    carry_down(&country, PROVINCE, SHENZHEN_CODE).await;
    for city in [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE] {
        settle(country.node(city)).await;
    }
    country.audit().await;
    let balance = country.balance(BEIJING_CODE, &bei).await;
    assert_eq!(balance, Fen::new(5100 - 600));
    let balance = country.balance(GUANGZHOU_CODE, &guang).await;
    assert_eq!(balance, Fen::new(5000 - 900));
    for city in [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE] {
        let rides = country.acquired(city).await;
        assert_eq!(rides.len(), 2);
        assert!(rides.iter().all(|ride| ride.state == RideState::Settled));
        assert_eq!(country.node(city).alarms().await.unwrap(), []);
    }
    // A step that never waits is never cut off, and this test would show nothing.
    let cuts = CUTS.load(Ordering::Relaxed);
    assert!(cuts > 100, "{cuts} cuts");
}

/// Each city's rides are at another time, so that each has a code of its own.
fn terminal_offset(city: &str) -> i64 {
    match city {
        BEIJING_CODE => 0,
        GUANGZHOU_CODE => 3600,
        _ => 7200,
    }
}
