//! A walk through everything that happens: two cards, four terminals, tears, power cuts, waits.

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_terminal::tap::Way;
use tongtu_testkit::tear::Line;

use super::fixture::{CashPost, audit, is_earned, other_rider, rider};
use crate::tap::fixture::{T0, bus, gate};

#[derive(Debug, Clone)]
struct Event {
    is_other: bool,
    post: usize,
    /// The line breaks after so many bytes.
    tear: Option<usize>,
    /// The terminal loses its power afterwards.
    restart: bool,
    /// Seconds until the next.
    wait_s: i64,
}

fn any_event() -> impl Strategy<Value = Event> {
    (
        proptest::bool::weighted(0.2),
        prop_oneof![3 => Just(0usize), 1 => 1..4usize],
        proptest::option::weighted(0.6, prop_oneof![0..2_000usize, 1_050..1_250usize]),
        proptest::bool::weighted(0.3),
        prop_oneof![4 => 2..30i64, 1 => 30..400i64],
    )
        .prop_map(|(is_other, post, tear, restart, wait_s)| Event {
            is_other,
            post,
            tear,
            restart,
            wait_s,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_debit_is_one_recorded_ride(
        is_sm2: bool,
        // The card's log has ten records.
        events in proptest::collection::vec(any_event(), 1..10),
    ) {
        let algorithm = if is_sm2 { Algorithm::Sm4 } else { Algorithm::Tdes };
        let (mut first, mut other) = (rider(algorithm), other_rider(algorithm));
        let places = [bus(), bus(), gate("0101", Way::Entry), gate("0109", Way::Exit)];
        let mut posts: Vec<_> = (1..).zip(places).map(|(n, p)| CashPost::new(n, p)).collect();
        let mut now = T0;
        for event in &events {
            let rider = if event.is_other { &mut other } else { &mut first };
            rider.present();
            if let Some(bytes) = event.tear {
                rider.line = Line::breaking_after(bytes);
            }
            let post = &mut posts[event.post];
            let end = post.tap_on(rider, now);
            if !event.is_other {
                prop_assert!(is_earned(post, algorithm, &end.outcome), "{:?}", end);
            }
            if event.restart {
                post.restart();
            }
            now = now.plus_s(event.wait_s);
            post.post.close(now).unwrap();
        }
        let mut all: Vec<_> = posts.iter_mut().collect();
        audit("walk", algorithm, &mut first, &mut all, now);
    }
}
