//! The property of every test that tears, and the walk that looks for what breaks it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_purse::layout::Transaction;
use tongtu_tap_record::{Mac2State, RecordKind, Recovery};
use tongtu_terminal::tap::{GroupNotice, TapOutcome, Task, Way};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, T0, bus, gate, profile};

/// What the property is: every debit of the card is one ride in somebody's records, nothing
/// else is, and the money agrees.
pub(crate) fn audit(
    what: &str,
    rider: &mut Rider,
    loaded: i64,
    posts: &mut [&mut Post],
    now: Timestamp,
) {
    for post in posts.iter_mut() {
        post.close(now.plus_s(100_000)).unwrap();
        assert_eq!(
            post.terminal.open_intents(),
            0,
            "{what}: an intent stays open"
        );
    }
    let debits = rider.debits();
    audit_log(what, rider, &debits, loaded, posts);
}

/// The same against a log of the card that was kept from the beginning.
pub(crate) fn audit_log(
    what: &str,
    rider: &mut Rider,
    debits: &[Transaction],
    loaded: i64,
    posts: &[&mut Post],
) {
    let key = rider.tac_key();
    let mut rides: Vec<(u16, i64)> = Vec::new();
    let serial = rider.profile.public.serial;
    for record in posts.iter().flat_map(|post| post.records()) {
        if record.kind == RecordKind::Lock || record.serial != serial {
            continue;
        }
        assert_eq!(record.check(), Ok(()), "{what}");
        let detail = debits.iter().find(|d| {
            d.sequence == record.sequence + 1 && d.terminal == record.terminal && d.at == record.at
        });
        if record.recovery == Recovery::Grey {
            // The back office: the card's next number tells, and so does its log here.
            if detail.is_none() {
                continue;
            }
        } else {
            let detail = detail.unwrap_or_else(|| panic!("{what}: a ride that no card paid"));
            assert_eq!(detail.amount, record.amount, "{what}");
            assert!(record.tac_holds(&key), "{what}: TAC");
            assert_ne!(record.mac2, Mac2State::Failed, "{what}");
        }
        rides.push((record.sequence, record.amount.fen().get()));
    }
    rides.sort_unstable();
    rides.dedup();
    let paid: Vec<_> = debits
        .iter()
        .map(|d| (d.sequence - 1, d.amount.fen().get()))
        .collect();
    assert_eq!(rides, paid, "{what}: rides recorded and debits of the card");
    let total: i64 = rides.iter().map(|(_, amount)| amount).sum();
    assert_eq!(rider.balance(), loaded - total, "{what}: money");
}

/// One thing that happens.
#[derive(Debug, Clone)]
struct Event {
    rider: usize,
    post: usize,
    /// The line breaks after so many bytes.
    tear: Option<usize>,
    /// The terminal loses its power afterwards.
    restart: bool,
    /// The group's network carries what there is to say.
    delivered: bool,
    /// A load at somebody's counter in between.
    loads: bool,
    /// Seconds until the next.
    wait_s: i64,
}

fn any_event() -> impl Strategy<Value = Event> {
    (
        (0..2usize, 0..4usize),
        proptest::option::weighted(0.6, prop_oneof![0..600usize, 100..220usize, 440..480usize]),
        (proptest::bool::weighted(0.3), proptest::bool::weighted(0.7)),
        proptest::bool::weighted(0.1),
        prop_oneof![4 => 2..30i64, 1 => 30..400i64],
    )
        .prop_map(
            |((rider, post), tear, (restart, delivered), loads, wait_s)| Event {
                rider,
                post,
                tear,
                restart,
                delivered,
                loads,
                wait_s,
            },
        )
}

/// Two riders, two terminals of one bus, a gate in and a gate out.
struct World {
    riders: Vec<Rider>,
    loaded: Vec<i64>,
    logs: Vec<BTreeMap<u16, Transaction>>,
    posts: Vec<Post>,
    now: Timestamp,
}

impl World {
    fn new() -> Self {
        Self {
            riders: [0x17, 0x18]
                .map(|last| Rider::with(&profile(last, Algorithm::Tdes), 20_000))
                .into(),
            loaded: vec![20_000; 2],
            logs: vec![BTreeMap::new(); 2],
            posts: vec![
                Post::new(1, bus()),
                Post::new(2, bus()),
                Post::new(3, gate("0101", Way::Entry)),
                Post::new(4, gate("0109", Way::Exit)),
            ],
            now: T0,
        }
    }

    fn happens(&mut self, event: &Event) -> TapOutcome {
        let rider = &mut self.riders[event.rider];
        if event.loads {
            rider.top_up(100);
            self.loaded[event.rider] += 100;
        }
        rider.present();
        if let Some(bytes) = event.tear {
            rider.line = Line::breaking_after(bytes);
        }
        let post = &mut self.posts[event.post];
        let end = post.tap_on(rider, self.now, Task::Ride);
        if let Some(ride) = end.outcome.ride() {
            let records = post.records();
            let vouched = records.iter().any(|r| {
                r.serial == ride.record.serial
                    && r.recovery == Recovery::Vouch
                    && r.mac2 == Mac2State::Verified
            });
            assert!(
                ride.record.mac2 == Mac2State::Verified || vouched,
                "{end:?}"
            );
        }
        if event.restart {
            post.restart();
        }
        if event.delivered && event.post < 2 {
            let other = &mut self.posts[1 - event.post];
            other.note(&end.notices, self.now);
        }
        for detail in rider.debits() {
            self.logs[event.rider].insert(detail.sequence, detail);
        }
        self.now = self.now.plus_s(event.wait_s);
        if let Some(post) = self
            .posts
            .iter_mut()
            .find(|post| post.terminal.open_intents() > 1)
        {
            post.close(self.now).unwrap();
        }
        end.outcome
    }

    fn audit(mut self) {
        let later = self.now.plus_s(100_000);
        for post in &mut self.posts {
            post.close(later).unwrap();
            assert_eq!(post.terminal.open_intents(), 0);
        }
        let posts: Vec<_> = self.posts.iter_mut().collect();
        for ((rider, log), loaded) in self.riders.iter_mut().zip(&self.logs).zip(&self.loaded) {
            let debits: Vec<_> = log.values().cloned().collect();
            audit_log("walk", rider, &debits, *loaded, &posts);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_happens_every_debit_is_one_ride_in_the_records(
        events in proptest::collection::vec(any_event(), 1..24),
    ) {
        let mut world = World::new();
        for event in &events {
            world.happens(event);
        }
        world.audit();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn with_the_network_up_nobody_who_comes_back_in_time_pays_twice(
        events in proptest::collection::vec(any_event(), 2..16),
    ) {
        let mut world = World::new();
        let mut let_on = BTreeSet::new();
        for event in events {
            let event = Event {
                post: event.post % 2,
                restart: false,
                delivered: true,
                ..event
            };
            let serial = world.riders[event.rider].profile.public.serial.0;
            if let Some(ride) = world.happens(&event).ride() {
                let_on.insert((serial, ride.record.sequence));
            }
        }
        for (rider, log) in world.riders.iter().zip(&world.logs) {
            let serial = rider.profile.public.serial.0;
            // A card that vouches pays nothing, and may be torn away from that too.
            let paid = log.values().filter(|detail| detail.amount.get() > 0);
            let rides: Vec<_> = paid
                .map(|detail| (detail.sequence - 1, seconds(detail)))
                .collect();
            for pair in rides.windows(2) {
                let [(sequence, at), (_, next)] = pair else { unreachable!() };
                let in_time = next - at <= 120;
                let was_let_on = let_on.contains(&(serial, *sequence));
                prop_assert!(!in_time || was_let_on, "{sequence} paid and not let on");
            }
        }
        world.audit();
    }
}

/// Seconds of the day of a transaction.
fn seconds(detail: &Transaction) -> i64 {
    let [h, m, s] = detail
        .at
        .time()
        .map(|bcd| i64::from(bcd >> 4) * 10 + i64::from(bcd & 15));
    (h * 60 + m) * 60 + s
}

#[test]
fn a_notice_of_ones_own_torn_card_is_nothing_new() {
    let mut post = Post::new(1, bus());
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 5_000);
    let torn = super::recovery::tear_paid(&mut post, &mut rider, T0);
    assert!(matches!(torn.notices[..], [GroupNotice::Torn { .. }]));
    post.note(&torn.notices, T0);
    let end = post.tap(&mut rider, T0.plus_s(3));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
}
