//! The book of cards: no number twice, and what a power cut or somebody else did to its file.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tongtu_perso::{
    Application, BookError, BookFault, CardBook, CardCount, Chip, Mark, Start, encoded,
};
use tongtu_types::Timestamp;

const AT: Timestamp = Timestamp::new(1_790_000_000);
const PURSE: Application = Application::Purse;
const FOUR: [u8; 2] = [0x12, 0x34];

const fn name(number: u8) -> [u8; 16] {
    [number; 16]
}

const fn chip(number: u8) -> Chip {
    let mut chip = [0xC0; 10];
    chip[9] = number;
    chip
}

/// A book with its file.
struct Kept {
    book: CardBook,
    file: Vec<u8>,
}

impl Kept {
    fn new() -> Self {
        let (book, file) = CardBook::new(Mark::Test, AT);
        Self { book, file }
    }

    fn begin(&mut self, number: u8, card: u8) -> Result<bool, BookError> {
        match self.book.begin(name(number), chip(card), PURSE, FOUR, AT)? {
            Start::New(line) => {
                self.file.extend(encoded(&line));
                self.book.apply(&line);
                Ok(true)
            }
            Start::Resumed => Ok(false),
        }
    }

    fn made(&mut self, card: u8) -> Result<(), BookError> {
        let line = self.book.made(chip(card), PURSE, FOUR, AT)?;
        self.file.extend(encoded(&line));
        self.book.apply(&line);
        Ok(())
    }

    fn spoiled(&mut self, card: u8) -> Result<(), BookError> {
        let line = self.book.spoiled(chip(card), PURSE, AT)?;
        self.file.extend(encoded(&line));
        self.book.apply(&line);
        Ok(())
    }
}

#[test]
fn a_number_that_was_made_is_never_begun_again() {
    let mut kept = Kept::new();
    assert_eq!(kept.begin(1, 1), Ok(true));
    kept.made(1).unwrap();
    let twice = BookError::MadeTwice { chip: chip(1) };
    assert_eq!(kept.begin(1, 2), Err(twice));
    assert_eq!(kept.begin(1, 1), Err(twice));
    assert_eq!(kept.made(1), Err(BookError::NotBegun { chip: chip(1) }));
    assert_eq!(kept.spoiled(1), Err(BookError::NotBegun { chip: chip(1) }));
}

#[test]
fn a_run_that_was_cut_off_goes_on_with_the_same_card_only() {
    let mut kept = Kept::new();
    kept.begin(1, 1).unwrap();
    let (mut after, whole) = CardBook::open(&kept.file, Mark::Test).unwrap();
    assert_eq!(whole, kept.file.len());
    let resumed = after.begin(name(1), chip(1), PURSE, FOUR, AT);
    assert_eq!(resumed, Ok(Start::Resumed));
    let begun = BookError::Begun { chip: chip(1) };
    assert_eq!(after.begin(name(1), chip(2), PURSE, FOUR, AT), Err(begun));
    assert_eq!(after.open_cards().collect::<Vec<_>>(), [(chip(1), PURSE)]);
    let line = after.made(chip(1), PURSE, FOUR, AT).unwrap();
    after.apply(&line);
    let count = CardCount {
        made: 1,
        ..CardCount::default()
    };
    assert_eq!(after.count(), count);
}

#[test]
fn a_spoiled_card_gives_its_number_back_and_is_never_used_again() {
    let mut kept = Kept::new();
    kept.begin(1, 1).unwrap();
    kept.spoiled(1).unwrap();
    assert_eq!(
        kept.begin(2, 1),
        Err(BookError::ChipTwice { chip: chip(1) })
    );
    assert_eq!(kept.begin(1, 2), Ok(true));
    kept.made(2).unwrap();
    let count = CardCount {
        made: 1,
        open: 0,
        spoiled: 1,
    };
    assert_eq!(kept.book.count(), count);
}

#[test]
fn a_card_has_a_number_of_each_application_until_it_is_waste() {
    let mut kept = Kept::new();
    kept.begin(1, 1).unwrap();
    kept.begin(2, 2).unwrap();
    let cash = |book: &CardBook, card| book.begin(name(9), chip(card), Application::Cash, FOUR, AT);
    assert!(matches!(cash(&kept.book, 1), Ok(Start::New(_))));
    kept.spoiled(1).unwrap();
    let waste = BookError::ChipTwice { chip: chip(1) };
    assert_eq!(cash(&kept.book, 1), Err(waste));
    assert!(matches!(cash(&kept.book, 2), Ok(Start::New(_))));
}

#[test]
fn a_card_without_a_number_of_its_own_is_refused() {
    let (book, _) = CardBook::new(Mark::Test, AT);
    let refused = book.begin(name(1), [0; 10], PURSE, FOUR, AT);
    assert_eq!(refused, Err(BookError::NoChip));
}

#[test]
fn a_test_book_is_no_production_book() {
    let (_, file) = CardBook::new(Mark::Test, AT);
    let fault = BookFault::Mark {
        found: Mark::Test,
        expected: Mark::Production,
    };
    assert_eq!(CardBook::open(&file, Mark::Production).err(), Some(fault));
}

/// What is done with a card: begun with a number, made, or spoiled.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Begin(u8, u8),
    Made(u8),
    Spoiled(u8),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => (0..5_u8, 0..6_u8).prop_map(|(number, card)| Deed::Begin(number, card)),
        2 => (0..6_u8).prop_map(Deed::Made),
        1 => (0..6_u8).prop_map(Deed::Spoiled),
    ];
    proptest::collection::vec(deed, 0..40)
}

proptest! {
    /// The clause as a model of its own: who is made stays, and one number is on one card.
    #[test]
    fn whatever_is_tried_no_number_is_on_two_cards(deeds in deeds()) {
        let mut kept = Kept::new();
        let mut on: BTreeMap<u8, u8> = BTreeMap::new();
        let (mut made, mut used) = (BTreeMap::new(), BTreeSet::new());
        for deed in deeds {
            match deed {
                Deed::Begin(number, card) => {
                    let goes_on = on.get(&card) == Some(&number);
                    let is_free = !made.contains_key(&number)
                        && !on.values().any(|other| *other == number)
                        && !used.contains(&card);
                    let found = kept.begin(number, card);
                    prop_assert_eq!(found.is_ok(), goes_on || is_free);
                    if found.is_ok() {
                        on.insert(card, number);
                        used.insert(card);
                    }
                }
                Deed::Made(card) => {
                    let found = kept.made(card);
                    prop_assert_eq!(found.is_ok(), on.contains_key(&card));
                    if let Some(number) = on.remove(&card) {
                        prop_assert_eq!(made.insert(number, card), None);
                    }
                }
                Deed::Spoiled(card) => {
                    let found = kept.spoiled(card);
                    prop_assert_eq!(found.is_ok(), on.remove(&card).is_some());
                }
            }
            let count = kept.book.count();
            prop_assert_eq!((count.made, count.open), (made.len(), on.len()));
        }
        let (again, whole) = CardBook::open(&kept.file, Mark::Test).unwrap();
        prop_assert_eq!(whole, kept.file.len());
        prop_assert_eq!(again.count(), kept.book.count());
    }

    #[test]
    fn a_file_that_was_cut_off_is_the_book_before_the_last_line(
        deeds in deeds(), cut in any::<prop::sample::Index>()
    ) {
        let mut kept = Kept::new();
        for deed in deeds {
            let _ = match deed {
                Deed::Begin(number, card) => kept.begin(number, card).map(drop),
                Deed::Made(card) => kept.made(card),
                Deed::Spoiled(card) => kept.spoiled(card),
            };
        }
        let len = cut.index(kept.file.len() + 1);
        match CardBook::open(&kept.file[..len], Mark::Test) {
            Ok((_, whole)) => {
                prop_assert!(len >= CardBook::HEAD_LEN && whole <= len);
                prop_assert_eq!((whole - CardBook::HEAD_LEN) % CardBook::LINE_LEN, 0);
                prop_assert!(len - whole < CardBook::LINE_LEN);
            }
            Err(_) => prop_assert!(len < CardBook::HEAD_LEN),
        }
    }

    #[test]
    fn a_changed_byte_of_a_line_is_found(cards in 1..6_u8, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut kept = Kept::new();
        for card in 0..cards {
            kept.begin(card, card).unwrap();
        }
        let at = at.index(kept.file.len());
        kept.file[at] ^= 1 << bit;
        prop_assert!(CardBook::open(&kept.file, Mark::Test).is_err(), "byte {}", at);
    }
}
