//! How long a tap takes at a gate: simulated time by [`Pace`], from the bytes that really go over
//! the line. Nothing sleeps and no clock is read.

use tongtu_crypto::Algorithm;
use tongtu_purse::field::Amount;
use tongtu_purse::profile::{KeyIndex, Wallet};
use tongtu_terminal::tap::{
    Counter, MakeUp, OpenRide, Pace, Refusal, Rules, Single, TapEnd, TapOutcome, TapPost, Task,
    Ticket, Way,
};

use super::cash::fixture::{CashPost, rider as cash_rider};
use super::fixture::{Post, Rider, T0, bus, gate, long_line, profile, segmented};
use super::recovery::tear_paid;

/// The whole tap.
const WITHIN_US: u64 = 300_000;

/// The time of the tap that just ended.
fn taken_us(pace: Pace, rider: &Rider, end: &TapEnd) -> u64 {
    assert_eq!(rider.log.len(), usize::from(end.exchanges.card));
    let log = rider.log.iter();
    let exchanges = log.map(|(command, answer)| (&command[..], &answer[..]));
    pace.tap_us(exchanges, end.exchanges.psam)
}

/// Taps, and what each took.
struct Taken {
    pace: Pace,
    taps: Vec<(&'static str, TapEnd, u64)>,
}

impl Taken {
    const fn at(pace: Pace) -> Self {
        let taps = Vec::new();
        Self { pace, taps }
    }

    fn tap(&mut self, name: &'static str, rider: &mut Rider, post: &mut Post, minutes: i64) {
        self.task(name, rider, post, minutes, Task::Ride);
    }

    fn task(
        &mut self,
        name: &'static str,
        rider: &mut Rider,
        post: &mut Post,
        minutes: i64,
        task: Task,
    ) {
        rider.present();
        let end = post.tap_on(rider, T0.plus_s(minutes * 60), task);
        let is_lock = matches!(
            end.outcome,
            TapOutcome::Refused(Refusal::Blacklisted { locked: true })
        );
        assert!(end.outcome.ride().is_some() || is_lock, "{name}: {end:?}");
        let us = taken_us(self.pace, rider, &end);
        self.taps.push((name, end, us));
    }

    /// The taps as lines; those that took too long stand first.
    fn lines(&self) -> (Vec<String>, Vec<String>) {
        let line = |(name, end, us): &(&str, TapEnd, u64)| {
            let (card, psam) = (end.exchanges.card, end.exchanges.psam);
            format!("{name}: {card} card, {psam} psam, {} ms", us / 1000)
        };
        let is_late = |tap: &&(&str, TapEnd, u64)| tap.2 >= WITHIN_US;
        let late = self.taps.iter().filter(is_late).map(line).collect();
        (late, self.taps.iter().map(line).collect())
    }
}

fn settles() -> Rules {
    Rules {
        open_ride: OpenRide::Settle,
        ..Rules::default()
    }
}

fn long_bus() -> Post {
    let mut long = Post::with_rules(4, segmented(1, 7), settles());
    long.tariff = long_line();
    long.started()
}

fn counter() -> Post {
    let counter = Counter {
        network: "METRO".parse().unwrap(),
        station: "0109".parse().unwrap(),
        card_line: 1,
    };
    Post::new(5, TapPost::Counter(counter))
}

#[test]
fn every_flow_of_a_purse_is_over_in_300_ms_with_a_slow_card_and_a_slow_module() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let mut taken = Taken::at(Pace::SLOW);
        let fresh = || Rider::with(&profile(0x17, algorithm), 5_000);
        taken.tap("bus", &mut fresh(), &mut Post::new(1, bus()), 0);
        let TapPost::Single(single) = bus() else {
            unreachable!()
        };
        let trip = TapPost::Single(Single {
            leaves_trip: true,
            ..single
        });
        taken.tap("bus with trip", &mut fresh(), &mut Post::new(1, trip), 0);

        let mut rider = fresh();
        let mut entry = Post::new(2, gate("0101", Way::Entry));
        let mut exit = Post::new(3, gate("0116", Way::Exit));
        taken.tap("entry", &mut rider, &mut entry, 0);
        let claim = MakeUp::CloseRail {
            amount: Some(Amount::new(400)),
        };
        let mut left = rider.clone();
        taken.task(
            "make-up",
            &mut left,
            &mut counter(),
            20,
            Task::MakeUp(claim),
        );
        taken.tap("exit", &mut rider, &mut exit, 40);

        let (mut rider, mut long) = (fresh(), long_bus());
        taken.tap("boarding", &mut rider, &mut long, 0);
        let mut open = rider.clone();
        let mut other = long.clone();
        other.terminal.stand_at(segmented(1, 8));
        taken.tap("boarding with arrears", &mut open, &mut other, 30);
        long.terminal.stand_at(segmented(3, 7));
        taken.tap("alighting", &mut rider, &mut long, 20);

        let (mut rider, mut post) = (fresh(), Post::new(1, bus()));
        tear_paid(&mut post, &mut rider, T0);
        let (mut again, mut started) = (rider.clone(), post.clone());
        taken.tap("recovery", &mut rider, &mut post, 1);
        started.restart();
        taken.tap("recovery after a restart", &mut again, &mut started, 1);

        let mut made = profile(0x17, algorithm);
        made.ticket = Some((3, 60));
        made.indexes[1] = KeyIndex {
            wallet: Wallet::Ticket,
            ..KeyIndex::purse(2, algorithm, 1)
        };
        let mut post = Post::new(1, bus()).changed(|profile, _| {
            profile.rules.ticket = Some(Ticket {
                key_index: 2,
                units: Amount::new(1),
            });
        });
        taken.tap("ticket", &mut Rider::with(&made, 5_000), &mut post, 0);
        let mut rider = fresh();
        let serial = rider.profile.public.serial.0;
        let mut post = Post::new(1, bus()).changed(|_, lists| {
            lists.blacklist.insert(serial);
        });
        taken.tap("lock", &mut rider, &mut post, 0);
        let (late, all) = taken.lines();
        println!("{algorithm:?} {all:#?}");
        assert!(late.is_empty(), "{algorithm:?} {late:?}");
    }
}

/// An e-cash's rides.
fn cash_rides(pace: Pace, algorithm: Algorithm) -> Taken {
    let mut taken = Taken::at(pace);
    let fresh = || cash_rider(algorithm);
    taken.tap("bus", &mut fresh(), &mut CashPost::new(1, bus()).post, 0);
    let mut rider = fresh();
    let mut entry = CashPost::new(2, gate("0101", Way::Entry)).post;
    let mut exit = CashPost::new(3, gate("0109", Way::Exit)).post;
    taken.tap("entry", &mut rider, &mut entry, 0);
    taken.tap("exit", &mut rider, &mut exit, 40);
    let (mut rider, mut post) = (fresh(), CashPost::with_rules(4, segmented(1, 7), settles()));
    post.post.tariff = long_line();
    let mut post = CashPost::of(post.post.started()).post;
    taken.tap("boarding", &mut rider, &mut post, 0);
    post.terminal.stand_at(segmented(3, 7));
    taken.tap("alighting", &mut rider, &mut post, 20);
    taken
}

#[test]
fn every_flow_of_an_e_cash_is_over_in_300_ms_with_a_slow_card_on_a_line_of_424_kbit() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let (late, all) = cash_rides(Pace::SLOW_ON_424, algorithm).lines();
        println!("{algorithm:?} {all:#?}");
        assert!(late.is_empty(), "{algorithm:?} {late:?}");
    }
}

#[test]
fn an_e_cash_is_late_at_a_gate_whose_reader_stays_at_106_kbit() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let (late, all) = cash_rides(Pace::SLOW, algorithm).lines();
        println!("{algorithm:?} {all:#?}");
        assert!(late.len() >= 4, "{algorithm:?} {late:?}");
    }
}
