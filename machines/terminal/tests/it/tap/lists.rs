//! Taps by the lists that a terminal holds: cities, kinds of cards, limits by day, blacklist.

use tongtu_blacklist::{Blacklist, ListedNumber, Span};
use tongtu_crypto::Algorithm;
use tongtu_purse::field::CardKind;
use tongtu_terminal::tap::{Refusal, Snapshot, TapOutcome, Way};
use tongtu_terminal::{ListBook, ListBundle};
use tongtu_types::Timestamp;

use super::fixture::{Post, Rider, bus, gate, profile};
use crate::fixture::{City, MemoryStore, T0, card_lists, institution};

fn book(city: &City) -> ListBook {
    let acquirer = institution("11345810");
    let mut book = ListBook::new(acquirer, city.list_key.public().clone());
    let bundle = ListBundle {
        cards: card_lists(),
        ..city.bundle(1)
    };
    let bytes = bundle.sign(&city.list_key).unwrap();
    let mut store = MemoryStore::default();
    book.apply_bundle(&bytes, T0, &mut store).unwrap();
    book
}

fn rider(kind: CardKind) -> Rider {
    let mut made = profile(0x17, Algorithm::Tdes);
    made.transit.kind = kind;
    Rider::with(&made, 5_000)
}

fn holding(book: &ListBook, mut post: Post) -> Post {
    post.terminal.take(Snapshot::of(book.held().unwrap()));
    post
}

#[test]
fn the_city_list_decides_which_kinds_of_its_cards_ride_and_the_record_names_it() {
    let book = book(&City::new());
    let mut post = holding(&book, Post::new(1, bus()));
    let end = post.tap(&mut rider(CardKind::ORDINARY), T0.plus_s(1));
    let kind = CardKind::ORDINARY;
    assert_eq!(
        end.outcome,
        TapOutcome::Refused(Refusal::KindNotPermitted { kind })
    );
    let end = post.tap(&mut rider(CardKind::ELDER), T0.plus_s(60));
    let record = &end.outcome.ride().unwrap().record;
    assert_eq!(
        (record.parameters, record.white_list, record.blacklist),
        (1, 3, 0)
    );
}

#[test]
fn the_limits_of_a_day_count_for_the_taps_of_that_day() {
    let book = book(&City::new());
    let february = T0.plus_s(32 * 86_400);
    for (day, taken) in [(T0.plus_s(60), true), (february, false)] {
        let mut post = holding(&book, Post::new(1, bus()));
        let mut rider = rider(CardKind::ELDER);
        let tap = |post: &mut Post, rider: &mut Rider, at: Timestamp| post.tap(rider, at).outcome;
        assert!(tap(&mut post, &mut rider, day).ride().is_some());
        // Seven seconds: more than the five of January, less than the eight of February.
        let again = tap(&mut post, &mut rider, day.plus_s(7));
        assert_eq!(again.ride().is_some(), taken, "{again:?}");
    }
}

#[test]
fn a_card_on_the_blacklist_is_locked_at_any_post() {
    let mut book = book(&City::new());
    let mut rider = rider(CardKind::ELDER);
    let number = rider.profile.public.serial.card_number().unwrap();
    let span = Span::single(ListedNumber::of(&number));
    let list = Blacklist::from_spans(7, T0, [span]).unwrap();
    book.apply_card_blacklist(list, T0.plus_s(1)).unwrap();
    let mut post = holding(&book, Post::new(1, gate("0101", Way::Entry)));
    let end = post.tap(&mut rider, T0.plus_s(60));
    let locked = Refusal::Blacklisted { locked: true };
    assert_eq!(end.outcome, TapOutcome::Refused(locked));
    assert_eq!(post.records()[0].blacklist, 7);
}
