//! The chain in uploads: what goes on, what is missing, what does not hold; nothing is lost.

use tongtu_services::{ChainPlace, Node, UploadKind};
use tongtu_terminal::{CHAIN_START, ChainFault, ChainedRecord, chained, sealed};

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, Rider, Tap, Terminal, morning, refused,
};

struct Bench {
    country: Country,
    terminal: Terminal,
    rider: Rider,
}

impl Bench {
    async fn new() -> Self {
        let country = Country::found().await;
        let rider = country.rider(BEIJING_CODE, 1).await;
        let terminal = country.terminal(GUANGZHOU_CODE, 1).await;
        Self {
            country,
            terminal,
            rider,
        }
    }

    fn node(&self) -> &Node {
        self.country.node(GUANGZHOU_CODE)
    }

    fn ride(&self, n: u64, fen: i64) -> Vec<u8> {
        let at = morning().plus_s(60 * i64::try_from(n).unwrap());
        self.terminal.record(Tap::ride(&self.rider, at, n, fen))
    }

    /// Rides 1 to `count`, chained.
    fn rides(&self, count: u64) -> Vec<ChainedRecord> {
        chain(CHAIN_START, (1..=count).map(|n| (n, self.ride(n, 200))))
    }

    async fn send(&self, sent: &[ChainedRecord]) -> Vec<(bool, ChainPlace)> {
        let seal = self.terminal.key.sign(&sealed(self.terminal.number, sent));
        let upload =
            self.node()
                .records_upload_chained(self.terminal.number, sent, &seal, morning());
        let outcomes = upload.await.unwrap();
        let known = |kind: &UploadKind| matches!(kind, UploadKind::Stored | UploadKind::Duplicate);
        let outcome = outcomes.iter().map(|o| (known(&o.kind), o.chain.unwrap()));
        outcome.collect()
    }

    async fn tip(&self) -> (u64, Option<(u64, u64)>, u64, usize) {
        let views = self.node().chains_view().await.unwrap();
        assert_eq!(views.len(), 1);
        let view = &views[0];
        (view.tip, view.missing, view.waiting, view.faults.len())
    }

    async fn alarms(&self) -> Vec<String> {
        let alarms = self.node().alarms().await.unwrap();
        let codes = alarms.into_iter().map(|alarm| alarm.code);
        codes.filter(|code| code.starts_with("chain.")).collect()
    }
}

fn chain(
    mut before: [u8; 32],
    records: impl IntoIterator<Item = (u64, Vec<u8>)>,
) -> Vec<ChainedRecord> {
    let next = |(seq, record): (u64, Vec<u8>)| {
        let chain = chained(&before, seq, &record);
        let sent = ChainedRecord {
            seq,
            record,
            before,
            chain,
        };
        before = chain;
        sent
    };
    records.into_iter().map(next).collect()
}

const NEXT: (bool, ChainPlace) = (true, ChainPlace::Next);
const AGAIN: (bool, ChainPlace) = (true, ChainPlace::Again);
const AHEAD: (bool, ChainPlace) = (true, ChainPlace::Ahead);

#[tokio::test]
async fn an_upload_goes_on_from_the_one_before_and_a_repeat_changes_nothing() {
    let mut bench = Bench::new().await;
    let rides = bench.rides(4);
    assert_eq!(bench.send(&rides[..2]).await, [NEXT, NEXT]);
    assert_eq!(bench.send(&rides[..2]).await, [AGAIN, AGAIN]);
    bench.country.start(GUANGZHOU_CODE, |_| {}).await;
    assert_eq!(bench.send(&rides[1..]).await, [AGAIN, NEXT, NEXT]);
    assert_eq!(bench.tip().await, (4, None, 0, 0));
    let views = bench.node().chains_view().await.unwrap();
    assert_eq!(views[0].value, rides[3].chain);
    assert_eq!(bench.alarms().await, [""; 0]);
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 4);
    let nothing = bench.send(&[]).await;
    assert_eq!(nothing, []);
}

#[tokio::test]
async fn a_gap_is_named_until_the_missing_record_comes() {
    let bench = Bench::new().await;
    let rides = bench.rides(6);
    let sent = [&rides[0], &rides[3], &rides[4]].map(Clone::clone);
    assert_eq!(bench.send(&sent).await, [NEXT, AHEAD, AHEAD]);
    assert_eq!(bench.tip().await, (1, Some((2, 3)), 2, 0));
    assert_eq!(bench.alarms().await, ["chain.missing"]);
    // What waits is stored all the same.
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 3);
    assert_eq!(bench.send(&rides[2..3]).await, [AHEAD]);
    assert_eq!(bench.tip().await, (1, Some((2, 2)), 3, 0));
    assert_eq!(bench.send(&rides[1..2]).await, [NEXT]);
    assert_eq!(bench.tip().await, (5, None, 0, 0));
    assert_eq!(bench.send(&rides[3..]).await, [AGAIN, AGAIN, NEXT]);
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 6);
}

#[tokio::test]
async fn more_may_wait_for_a_missing_record_than_one_audit_holds() {
    let bench = Bench::new().await;
    // What they are is of no matter here.
    let many = chain(
        CHAIN_START,
        (1..=2300).map(|n: u64| (n, n.to_be_bytes().to_vec())),
    );
    assert_eq!(bench.send(&many[..1]).await, [(false, ChainPlace::Next)]);
    let places = bench.send(&many[2..]).await;
    assert!(places.iter().all(|(_, place)| *place == ChainPlace::Ahead));
    assert_eq!(bench.tip().await, (1, Some((2, 2)), 2298, 0));
    assert_eq!(bench.send(&many[1..2]).await, [(false, ChainPlace::Next)]);
    assert_eq!(bench.tip().await, (2300, None, 0, 0));
}

#[tokio::test]
async fn another_record_under_a_number_that_came_is_kept_and_marked() {
    let bench = Bench::new().await;
    let rides = bench.rides(3);
    bench.send(&rides).await;
    let other = chain(rides[0].chain, [(2, bench.ride(77, 100))]);
    let rewritten = ChainPlace::Fault(ChainFault::Rewritten { seq: 2 });
    for _ in 0..2 {
        assert_eq!(bench.send(&other).await, [(true, rewritten)]);
    }
    assert_eq!(bench.tip().await, (3, None, 0, 1));
    assert_eq!(bench.alarms().await, ["chain.rewritten"]);
    let views = bench.node().chains_view().await.unwrap();
    let fault = &views[0].faults[0];
    assert_eq!((fault.number, fault.arrived_at), (2, morning()));
    assert_eq!(fault.reason, "record 2 came before with another value");
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 4);
}

#[tokio::test]
async fn a_fork_and_a_changed_record_are_kept_and_marked_and_the_chain_goes_on() {
    let bench = Bench::new().await;
    let rides = bench.rides(3);
    bench.send(&rides[..1]).await;
    let fork = chain([7; 32], [(2, bench.ride(77, 100))]);
    let forked = ChainPlace::Fault(ChainFault::Forked { seq: 2, tip: 1 });
    assert_eq!(bench.send(&fork).await, [(true, forked)]);
    let mut changed = rides[1].clone();
    changed.record = bench.ride(78, 100);
    let broken = ChainPlace::Fault(ChainFault::Broken { seq: 2 });
    assert_eq!(bench.send(&[changed]).await, [(true, broken)]);
    assert_eq!(bench.alarms().await, ["chain.broken", "chain.forked"]);
    assert_eq!(bench.send(&rides[1..]).await, [NEXT, NEXT]);
    assert_eq!(bench.tip().await, (3, None, 0, 2));
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 5);
}

#[tokio::test]
async fn a_terminal_that_uploaded_without_its_chain_is_followed_from_then_on() {
    let bench = Bench::new().await;
    let rides = bench.rides(5);
    let plain: Vec<_> = rides[..3].iter().map(|sent| sent.record.clone()).collect();
    let upload = bench
        .node()
        .records_upload(bench.terminal.number, &plain, morning());
    let outcomes = upload.await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.chain.is_none()));
    assert_eq!(bench.node().chains_view().await.unwrap(), []);
    assert_eq!(bench.send(&rides[3..]).await, [NEXT, NEXT]);
    assert_eq!(bench.tip().await, (5, None, 0, 0));
    assert_eq!(bench.alarms().await, ["chain.begun_late"]);
    assert_eq!(bench.send(&rides[..1]).await, [(true, ChainPlace::Old)]);
}

#[tokio::test]
async fn a_chain_begun_anew_is_followed_from_its_beginning_and_what_was_before_stays() {
    let mut bench = Bench::new().await;
    let rides = bench.rides(4);
    let sent = [&rides[0], &rides[1], &rides[3]].map(Clone::clone);
    bench.send(&sent).await;
    let now = morning().plus_s(60);
    for (reason, code) in [
        ("  ", "acquiring.chain_reason"),
        (&"x".repeat(501), "acquiring.chain_reason"),
    ] {
        let begun = bench
            .node()
            .chain_begin_anew(bench.terminal.number, reason, now);
        assert_eq!(refused(begun.await), code);
    }
    for later in [0, 7] {
        let node = bench.node();
        let begun =
            node.chain_begin_anew(bench.terminal.number, "board replaced", now.plus_s(later));
        begun.await.unwrap();
        // Once more changes nothing.
        assert_eq!(bench.tip().await, (0, None, 0, 0));
        assert_eq!(bench.node().chains_view().await.unwrap()[0].ended.len(), 1);
    }
    assert_eq!(bench.alarms().await, ["chain.missing", "chain.begun_anew"]);
    bench.country.start(GUANGZHOU_CODE, |_| {}).await;
    let anew = chain(CHAIN_START, (1..=3).map(|n| (n, bench.ride(n + 10, 200))));
    assert_eq!(bench.send(&anew[..1]).await, [NEXT]);
    assert_eq!(bench.send(&anew).await, [AGAIN, NEXT, NEXT]);
    assert_eq!(bench.tip().await, (3, None, 0, 0));
    let views = bench.node().chains_view().await.unwrap();
    let ended = &views[0].ended[0];
    assert_eq!((ended.tip, ended.value, ended.at), (2, rides[1].chain, now));
    assert_eq!(ended.reason, "board replaced");
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 6);
    // A record of the chain before, come late, is kept and does not fit into this one.
    let late = bench.send(&rides[2..3]).await;
    assert!(
        matches!(late[..], [(true, ChainPlace::Fault(_))]),
        "{late:?}"
    );
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 7);
}

#[tokio::test]
async fn a_chain_that_nobody_follows_does_not_begin_anew() {
    let bench = Bench::new().await;
    let node = bench.node();
    let begun = node.chain_begin_anew(bench.terminal.number, "new", morning());
    assert_eq!(refused(begun.await), "acquiring.chain_unknown");
}

#[tokio::test]
async fn a_chain_that_the_terminal_did_not_sign_is_refused_with_all_that_came() {
    let bench = Bench::new().await;
    let other = bench.country.terminal(GUANGZHOU_CODE, 2).await;
    let rides = bench.rides(2);
    let own = bench.terminal.number;
    let message = sealed(own, &rides);
    let seals = [
        other.key.sign(&message),
        bench.terminal.key.sign(&sealed(own, &rides[..1])),
        bench.terminal.key.sign(&sealed(other.number, &rides)),
    ];
    for seal in seals {
        let node = bench.node();
        let upload = node
            .records_upload_chained(own, &rides, &seal, morning())
            .await;
        assert_eq!(refused(upload), "acquiring.chain_seal");
    }
    let mut zero = rides.clone();
    zero[0].seq = 0;
    let seal = bench.terminal.key.sign(&sealed(own, &zero));
    let node = bench.node();
    let upload = node
        .records_upload_chained(own, &zero, &seal, morning())
        .await;
    assert_eq!(refused(upload), "acquiring.chain_number");
    assert_eq!(bench.country.acquired(GUANGZHOU_CODE).await.len(), 0);
    assert_eq!(bench.node().chains_view().await.unwrap(), []);
}
