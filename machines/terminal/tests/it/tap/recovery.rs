//! Torn rides: who completes them, by what, and that nobody pays twice.

use tongtu_crypto::Algorithm;
use tongtu_psam::PsamFault;
use tongtu_tap_record::{Mac2State, Recovery, Stage};
use tongtu_terminal::tap::{
    OpenRide, Refusal, Rules, Say, TapEnd, TapFault, TapOutcome, Task, Unverified, Way,
};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, T0, audit, bus, gate, profile};

fn rider() -> Rider {
    Rider::with(&profile(0x17, Algorithm::Tdes), 5_000)
}

/// Bytes of a whole tap up to, not including, the last so many of the last answer.
fn bytes_before(post: &Post, rider: &Rider, now: Timestamp, last: usize) -> usize {
    let mut rider = rider.clone();
    post.clone().tap(&mut rider, now);
    let all: usize = rider.log.iter().map(|(c, a)| c.len() + a.len()).sum();
    all - last
}

/// A tap whose last answer is lost: the card has paid.
pub(super) fn tear_paid(post: &mut Post, rider: &mut Rider, now: Timestamp) -> TapEnd {
    let bytes = bytes_before(post, rider, now, 4);
    rider.present();
    rider.line = Line::breaking_after(bytes);
    let end = post.tap_on(rider, now, Task::Ride);
    assert!(
        matches!(end.outcome, TapOutcome::Torn { in_doubt: true, .. }),
        "{end:?}"
    );
    end
}

/// A tap whose last command never arrives whole: the card has not paid.
pub(super) fn tear_unpaid(post: &mut Post, rider: &mut Rider, now: Timestamp) -> TapEnd {
    let bytes = bytes_before(post, rider, now, 12);
    rider.present();
    rider.line = Line::breaking_after(bytes);
    let end = post.tap_on(rider, now, Task::Ride);
    assert!(
        matches!(end.outcome, TapOutcome::Torn { in_doubt: true, .. }),
        "{end:?}"
    );
    end
}

#[test]
fn a_paid_ride_is_completed_by_its_proof_and_not_charged_again() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_paid(&mut post, &mut rider, T0);
    let end = post.tap(&mut rider, T0.plus_s(4));
    let record = &end.outcome.ride().unwrap().record;
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)));
    assert_eq!(
        (record.recovery, record.mac2),
        (Recovery::Here, Mac2State::Verified)
    );
    assert_eq!(rider.instructions(), [0xA4, 0x5A, 0xB2]);
    assert_eq!(rider.balance(), 4_800);
    audit("here", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn an_unpaid_ride_begins_anew_in_the_same_tap_and_takes_the_place_of_its_intent() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_unpaid(&mut post, &mut rider, T0);
    let end = post.tap(&mut rider, T0.plus_s(4));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    // Its log shows a load first, which may hide what is looked for.
    assert_eq!(
        rider.instructions(),
        [0xA4, 0x5A, 0xB2, 0xB2, 0xB0, 0x50, 0x54]
    );
    assert_eq!((post.records().len(), post.terminal.open_intents()), (1, 0));
    audit("anew", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn other_riders_are_served_meanwhile_and_the_card_then_vouches_for_itself() {
    let (mut torn, mut post) = (rider(), Post::new(1, bus()));
    let mut other = Rider::with(&profile(0x18, Algorithm::Tdes), 5_000);
    tear_paid(&mut post, &mut torn, T0);
    let end = post.tap(&mut other, T0.plus_s(3));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)));
    let end = post.tap(&mut torn, T0.plus_s(20));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    let of_torn: Vec<_> = post
        .records()
        .into_iter()
        .filter(|r| r.serial == torn.profile.public.serial)
        .map(|r| (r.recovery, r.mac2, r.amount.get(), r.stage))
        .collect();
    assert_eq!(
        of_torn,
        [
            (Recovery::Here, Mac2State::Unverified, 200, Stage::Single),
            (Recovery::Vouch, Mac2State::Verified, 0, Stage::None),
        ]
    );
    audit("vouched", &mut torn, 5_000, &mut [&mut post], T0);
}

#[test]
fn after_a_power_cut_the_intent_is_there_and_the_card_vouches() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_paid(&mut post, &mut rider, T0);
    post.restart();
    assert_eq!(post.terminal.torn().len(), 1);
    let end = post.tap(&mut rider, T0.plus_s(30));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    audit("restarted", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn where_nobody_may_vouch_the_rider_sees_the_staff_and_is_not_charged_again() {
    let rules = Rules {
        unverified: Unverified::Refuse,
        ..Rules::default()
    };
    let (mut rider, mut post) = (rider(), Post::with_rules(1, bus(), rules));
    tear_paid(&mut post, &mut rider, T0);
    post.restart();
    for again in [30, 40] {
        let end = post.tap(&mut rider, T0.plus_s(again));
        assert_eq!(end.outcome, TapOutcome::Refused(Refusal::Unverified));
        assert_eq!(end.prompt.say, Say::SeeStaff);
    }
    assert_eq!(rider.balance(), 4_800);
    audit("refused", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn a_card_torn_while_it_vouches_goes_on_vouching_and_pays_once() {
    for paid in [false, true] {
        let (mut rider, mut post) = (rider(), Post::new(1, bus()));
        tear_paid(&mut post, &mut rider, T0);
        post.restart();
        let now = T0.plus_s(20);
        match paid {
            true => tear_paid(&mut post, &mut rider, now),
            false => tear_unpaid(&mut post, &mut rider, now),
        };
        let end = post.tap(&mut rider, T0.plus_s(30));
        assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
        let ride = end.outcome.ride().unwrap();
        assert_eq!(
            (ride.record.stage, ride.record.amount.get()),
            (Stage::Single, 200)
        );
        assert_eq!(rider.balance(), 4_800);
        audit("vouching", &mut rider, 5_000, &mut [&mut post], T0);
    }
}

#[test]
fn an_intent_that_nobody_comes_back_for_becomes_a_grey_record() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_paid(&mut post, &mut rider, T0);
    assert_eq!(post.close(T0.plus_s(120)).unwrap(), []);
    assert_eq!(post.close(T0.plus_s(121)).unwrap(), [1]);
    assert_eq!(post.records()[0].recovery, Recovery::Grey);
    audit("grey", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn a_rider_who_comes_back_too_late_is_recorded_and_pays_a_new_ride() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_paid(&mut post, &mut rider, T0);
    let end = post.tap(&mut rider, T0.plus_s(1_000));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    assert_eq!(rider.balance(), 4_600);
    audit("late", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn the_oldest_of_too_many_intents_becomes_grey() {
    let rules = Rules {
        intents_max: 2,
        ..Rules::default()
    };
    let mut post = Post::with_rules(1, bus(), rules);
    let mut riders: Vec<_> = (1..=3)
        .map(|n| Rider::with(&profile(n, Algorithm::Tdes), 5_000))
        .collect();
    for (n, rider) in (0..).zip(&mut riders) {
        tear_paid(&mut post, rider, T0.plus_s(10 * n));
    }
    assert_eq!(post.terminal.open_intents(), 2);
    let records = post.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].serial, riders[0].profile.public.serial);
    for rider in &mut riders {
        audit("crowded", rider, 5_000, &mut [&mut post], T0);
    }
}

#[test]
fn a_load_in_between_takes_the_proof_away_but_not_the_ride() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_paid(&mut post, &mut rider, T0);
    rider.top_up(1_000);
    let end = post.tap(&mut rider, T0.plus_s(60));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    assert_eq!(rider.balance(), 5_800);
    audit("loaded", &mut rider, 6_000, &mut [&mut post], T0);
}

#[test]
fn another_terminals_purchase_of_the_same_number_is_not_taken_for_ours() {
    // Torn before it paid; paid elsewhere under the same number and type, even in the same
    // second; back within the window.
    for elsewhere in [0, 20] {
        let (mut rider, mut here) = (rider(), Post::new(1, bus()));
        let mut there = Post::new(2, bus());
        tear_unpaid(&mut here, &mut rider, T0);
        there.tap(&mut rider, T0.plus_s(elsewhere));
        let end = here.tap(&mut rider, T0.plus_s(40));
        assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
        assert_eq!(rider.balance(), 4_600);
        let records = here.records();
        let greys = records.iter().filter(|r| r.recovery == Recovery::Grey);
        assert_eq!(greys.count(), 1);
        audit(
            "same number",
            &mut rider,
            5_000,
            &mut [&mut here, &mut there],
            T0,
        );
    }
}

#[test]
fn an_odd_answer_to_the_debit_is_settled_in_the_same_tap() {
    // The card pays, and its answer says something else: the proof is asked for at once.
    for odd in [
        &[0x6F, 0x00][..],
        &[0x90, 0x00],
        &[1, 2, 3, 0x90, 0x00],
        &[0x65, 0x81],
        &[0x90],
    ] {
        let (mut rider, mut post) = (rider(), Post::new(1, bus()));
        rider.present();
        let mut card = Twisted(&mut rider, odd);
        let end = post.tap_on(&mut card, T0, Task::Ride);
        let record = &end.outcome.ride().unwrap().record;
        assert_eq!(
            (record.recovery, record.mac2),
            (Recovery::Here, Mac2State::Verified)
        );
        audit("odd", &mut rider, 5_000, &mut [&mut post], T0);
    }
}

/// Answers something else to DEBIT, after the card has done it.
struct Twisted<'a>(&'a mut Rider, &'a [u8]);

impl tongtu_terminal::tap::CardLink for Twisted<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, tongtu_terminal::tap::Lost> {
        let answer = self.0.transmit(apdu)?;
        Ok(match apdu[1] {
            0x54 => self.1.to_vec(),
            _ => answer,
        })
    }
}

#[test]
fn a_module_that_goes_away_before_mac2_leaves_a_record_that_says_so() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    post.psam.fails_credit = Some(PsamFault::Absent);
    let end = post.tap(&mut rider, T0);
    let absent = TapOutcome::OutOfService(TapFault::Psam(PsamFault::Absent));
    assert_eq!((end.outcome, end.prompt.say), (absent, Say::OutOfService));
    assert_eq!(post.records()[0].mac2, Mac2State::Unverified);
    post.psam.fails_credit = None;
    let end = post.tap(&mut rider, T0.plus_s(30));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    assert_eq!(rider.balance(), 4_800);
    audit("module", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn a_store_that_fails_after_the_debit_keeps_the_ride_in_its_intent() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_paid(&mut post, &mut rider, T0);
    post.store.fails = true;
    let end = post.tap(&mut rider, T0.plus_s(10));
    assert!(
        matches!(end.outcome, TapOutcome::OutOfService(TapFault::Store(_))),
        "{end:?}"
    );
    post.store.fails = false;
    let end = post.tap(&mut rider, T0.plus_s(20));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    audit("store", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn an_entry_torn_and_paid_lets_in_although_the_card_is_inside() {
    let (mut rider, mut post) = (rider(), Post::new(1, gate("0101", Way::Entry)));
    tear_paid(&mut post, &mut rider, T0);
    let end = post.tap(&mut rider, T0.plus_s(3));
    assert_eq!(end.prompt.say, Say::Enter);
    audit("entry", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn a_gate_that_was_turned_settles_the_torn_ride_and_then_serves_the_other_way() {
    let (mut rider, mut post) = (rider(), Post::new(1, gate("0101", Way::Entry)));
    tear_paid(&mut post, &mut rider, T0);
    post.terminal.stand_at(gate("0101", Way::Exit));
    let end = post.tap(&mut rider, T0.plus_s(60));
    assert_eq!(
        end.outcome.ride().map(|r| r.record.stage),
        Some(Stage::Exit),
        "{end:?}"
    );
    audit("turned", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn a_ride_recorded_but_not_told_before_a_power_cut_is_let_through_without_a_second_one() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    rider.present();
    let circumstances = post.circumstances(T0, Task::Ride);
    let end = tongtu_terminal::tap::drive(
        &mut post.terminal,
        circumstances,
        &mut rider,
        &mut post.psam,
        &mut post.store,
    );
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)));
    post.restart();
    let end = post.tap(&mut rider, T0.plus_s(20));
    assert!(matches!(end.outcome, TapOutcome::Reopened(_)), "{end:?}");
    let end = post.tap(&mut rider, T0.plus_s(40));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    assert_eq!(rider.balance(), 4_600);
}

#[test]
fn ten_torn_taps_of_one_ride_send_the_rider_to_the_staff() {
    let (mut rider, mut post) = (rider(), Post::new(1, bus()));
    tear_paid(&mut post, &mut rider, T0);
    for again in 2..=10u8 {
        rider.present();
        rider.line = Line::breaking_after(100);
        let end = post.tap_on(&mut rider, T0.plus_s(again.into()), Task::Ride);
        let TapOutcome::Torn { tries, .. } = end.outcome else {
            panic!("{end:?}")
        };
        assert_eq!(tries, again);
        let expected = if again == 10 {
            Say::SeeStaff
        } else {
            Say::TapAgain
        };
        assert_eq!(end.prompt.say, expected);
    }
}

#[test]
fn arrears_torn_and_paid_are_recovered_with_their_ride() {
    let rules = Rules {
        open_ride: OpenRide::Settle,
        ..Rules::default()
    };
    let (mut rider, mut post) = (
        rider(),
        Post::with_rules(1, gate("0101", Way::Entry), rules),
    );
    post.tap(&mut rider, T0);
    tear_paid(&mut post, &mut rider, T0.plus_s(600));
    let end = post.tap(&mut rider, T0.plus_s(605));
    assert!(end.outcome.ride().unwrap().record.arrears.get() > 0);
    audit("arrears", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn one_store_holds_rides_of_cards_and_of_codes_and_each_half_finds_its_own() {
    use crate::fixture::{Street, T0, bus as code_bus};
    let mut street = Street::new(code_bus());
    let code = street.city.rider(1).code_at(T0.plus_s(1));
    street.ride(&code, T0.plus_s(2));
    let mut post = Post::new(1, bus());
    post.store = street.store.clone();
    let (mut rider, mut post) = (rider(), post.started());
    post.tap(&mut rider, T0.plus_s(10));
    tear_paid(&mut post, &mut rider, T0.plus_s(60));
    post.restart();
    assert_eq!(post.terminal.open_intents(), 1);
    street.store = post.store.clone();
    street.restart();
    let again = street.scan(&code, T0.plus_s(20));
    assert!(again.ride().is_none(), "the code is known: {again:?}");
    let end = post.tap(&mut rider, T0.plus_s(70));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    audit("side by side", &mut rider, 5_000, &mut [&mut post], T0);
}

#[test]
fn a_record_is_needed_while_its_card_may_come_back_by_it() {
    let mut post = Post::new(1, bus());
    assert_eq!(post.terminal.needed_from(), None, "nothing was ever tapped");
    let mut riders = [0x17, 0x18, 0x19].map(|n| Rider::with(&profile(n, Algorithm::Tdes), 5_000));
    post.tap(&mut riders[0], T0);
    post.tap(&mut riders[1], T0.plus_s(100));
    assert_eq!(post.terminal.needed_from(), Some(1));
    post.tap(&mut riders[2], T0.plus_s(121));
    assert_eq!(
        post.terminal.needed_from(),
        Some(2),
        "120 s are over for the first"
    );
    assert_eq!(post.started().terminal.needed_from(), Some(2));
}
