//! The personaliser's book of cards: which number went onto which card, and what became of it.
//!
//! A number is *begun* on a card before the first command that could put it there, and the line is
//! safe before that command goes out; after the last it is *made*. So whatever happens in between, a
//! number that may be on a card is in the book, and goes on with that card alone until the card is
//! said to be *spoiled*. A number that was made is never begun again, and a card that was used never
//! gets another number for the same application.
//!
//! Lines stand one after the other, each with SM3 over itself and the check of the line before. No
//! card number is in them: a name of sixteen bytes stands for it, made by a key in custody, so that
//! whoever has the file cannot try numbers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_crypto::sm3;
use tongtu_types::Timestamp;

use crate::layout::{Application, CardBookHead, CardLine, MAGIC_CARDS, Mark, Step, VERSION};

/// What stands for a card number: sixteen bytes made of it by a key in custody.
pub type CardName = [u8; 16];

/// What a card says of itself before it has a number: its maker's own.
pub type Chip = [u8; 10];

/// Why a book was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookFault {
    /// No head, or another file's.
    #[error("the file is no book of cards: {0}")]
    Head(#[from] tongtu_codec::DecodeError),
    /// Something else than this file, or a form that this program does not know.
    #[error("the file is no book of cards of form {VERSION}")]
    Form,
    /// A test book where a real one is wanted, or the other way round.
    #[error("the book is for {found}, expected one for {expected}")]
    Mark {
        /// What it is for.
        found: Mark,
        /// What it should be for.
        expected: Mark,
    },
    /// A line that is not as it was written.
    #[error("line {line} of the book is not as it was written")]
    Damaged {
        /// Which, from 1.
        line: usize,
    },
    /// A line that contradicts those before it.
    #[error("line {line} of the book: {cause}")]
    Contradicts {
        /// Which, from 1.
        line: usize,
        /// What it contradicts.
        cause: BookError,
    },
}

/// What contradicts the book. No message shows a card number: whoever asked knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// The number is on a card already.
    #[error(
        "this number was made before, on card {}",
        tongtu_codec::hex_encode(chip)
    )]
    MadeTwice {
        /// The card that has it.
        chip: Chip,
    },
    /// The number was begun on another card, which may have it.
    #[error(
        "this number was begun on card {}: it goes on there, or that card is said to be spoiled",
        tongtu_codec::hex_encode(chip)
    )]
    Begun {
        /// The card.
        chip: Chip,
    },
    /// The card was used for another number, or is waste.
    #[error("card {} was used before", tongtu_codec::hex_encode(chip))]
    ChipTwice {
        /// The card.
        chip: Chip,
    },
    /// The card has no number of its own, so that nobody could tell it from others.
    #[error("the card says no number of its own")]
    NoChip,
    /// Nothing was begun on the card.
    #[error("nothing was begun on card {}", tongtu_codec::hex_encode(chip))]
    NotBegun {
        /// The card.
        chip: Chip,
    },
    /// The last line that there can be is written.
    #[error("the book is full")]
    Full,
}

/// What is to happen with a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A line is to be written first.
    New(CardLine),
    /// The book has it: an earlier run was cut off, and this one goes on.
    Resumed,
}

/// Where a number goes: a card has room for one of each application.
type Place = (Chip, Application);

/// Where a card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Used {
    name: CardName,
    step: Step,
}

/// How many stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CardCount {
    /// Numbers that are on a card.
    pub made: usize,
    /// Numbers that were begun and not made.
    pub open: usize,
    /// Numbers whose card became waste.
    pub spoiled: usize,
}

/// Every card that was begun. `decide` changes nothing: what it gives is written, and then applied.
#[derive(Debug, Clone)]
pub struct CardBook {
    mark: Mark,
    places: BTreeMap<Place, Used>,
    /// The card on which a number is, or may be.
    numbers: BTreeMap<CardName, Place>,
    lines: u32,
    last: [u8; 32],
}

impl CardBook {
    /// Bytes of a line in the file.
    pub const LINE_LEN: usize = CardLine::LEN;
    /// Bytes of the head.
    pub const HEAD_LEN: usize = CardBookHead::LEN;

    /// An empty book, and the head that its file begins with.
    ///
    /// # Panics
    /// Never: the head's fields are as wide as their values.
    #[must_use]
    pub fn new(mark: Mark, made_at: Timestamp) -> (Self, Vec<u8>) {
        let head = CardBookHead {
            magic: MAGIC_CARDS,
            version: VERSION,
            mark,
            made_at,
        };
        let head = head.encode().expect("every field is as wide as its value");
        let book = Self {
            mark,
            places: BTreeMap::new(),
            numbers: BTreeMap::new(),
            lines: 0,
            last: sm3::digest(&head),
        };
        (book, head)
    }

    /// Reads a file; and how many of its bytes count. A last line that is shorter than a line was cut
    /// off by a power cut, before anything was done that it says.
    ///
    /// # Errors
    /// [`BookFault`] naming the line.
    pub fn open(bytes: &[u8], expected: Mark) -> Result<(Self, usize), BookFault> {
        let (head, lines) = bytes
            .split_at_checked(Self::HEAD_LEN)
            .unwrap_or((bytes, &[]));
        let read = CardBookHead::decode(head)?;
        if (read.magic, read.version) != (MAGIC_CARDS, VERSION) {
            return Err(BookFault::Form);
        }
        if read.mark != expected {
            return Err(BookFault::Mark {
                found: read.mark,
                expected,
            });
        }
        let (mut book, _) = Self::new(read.mark, read.made_at);
        // The check covers what was written, not what we would write.
        book.last = sm3::digest(head);
        let whole = lines.chunks_exact(Self::LINE_LEN);
        let counted = bytes.len() - whole.remainder().len();
        for (at, bytes) in (1..).zip(whole) {
            let damaged = BookFault::Damaged { line: at };
            let line = CardLine::decode(bytes).map_err(|_| damaged.clone())?;
            if line.check != check(&book.last, &bytes[..Self::LINE_LEN - 32])
                || usize::try_from(line.number).ok() != Some(at)
            {
                return Err(damaged);
            }
            book.admit(line.name, (line.chip, line.application), line.step)
                .map_err(|cause| BookFault::Contradicts { line: at, cause })?;
            book.apply(&line);
        }
        Ok((book, counted))
    }

    /// Where a number stands on this very card; nothing when it was not begun there.
    #[must_use]
    pub fn step(&self, name: CardName, chip: Chip, application: Application) -> Option<Step> {
        let used = self.places.get(&(chip, application));
        used.filter(|used| used.name == name).map(|used| used.step)
    }

    /// A number is to go onto a card.
    ///
    /// # Errors
    /// [`BookError`]: nothing may be sent to the card.
    pub fn begin(
        &self,
        name: CardName,
        chip: Chip,
        application: Application,
        last_four: [u8; 2],
        at: Timestamp,
    ) -> Result<Start, BookError> {
        let same = Used {
            name,
            step: Step::Begun,
        };
        if self.places.get(&(chip, application)) == Some(&same) {
            return Ok(Start::Resumed);
        }
        self.line(name, (chip, application), last_four, Step::Begun, at)
            .map(Start::New)
    }

    /// The card has its number, and everything else.
    ///
    /// # Errors
    /// [`BookError::NotBegun`].
    pub fn made(
        &self,
        chip: Chip,
        application: Application,
        last_four: [u8; 2],
        at: Timestamp,
    ) -> Result<CardLine, BookError> {
        let used = self.used(chip, application)?;
        self.line(used.name, (chip, application), last_four, Step::Made, at)
    }

    /// The card is waste and was destroyed before it was whole; its number may go onto another one.
    ///
    /// # Errors
    /// [`BookError::NotBegun`], also of a number that was made: that is not used again.
    pub fn spoiled(
        &self,
        chip: Chip,
        application: Application,
        at: Timestamp,
    ) -> Result<CardLine, BookError> {
        let used = self.used(chip, application)?;
        self.line(used.name, (chip, application), [0; 2], Step::Spoiled, at)
    }

    fn used(&self, chip: Chip, application: Application) -> Result<&Used, BookError> {
        let used = self.places.get(&(chip, application));
        used.ok_or(BookError::NotBegun { chip })
    }

    fn line(
        &self,
        name: CardName,
        (chip, application): Place,
        last_four: [u8; 2],
        step: Step,
        at: Timestamp,
    ) -> Result<CardLine, BookError> {
        self.admit(name, (chip, application), step)?;
        let mut line = CardLine {
            number: self.lines.checked_add(1).ok_or(BookError::Full)?,
            step,
            application,
            name,
            chip,
            last_four,
            at,
            check: [0; 32],
        };
        let bytes = encoded(&line);
        line.check = check(&self.last, &bytes[..Self::LINE_LEN - 32]);
        Ok(line)
    }

    fn admit(&self, name: CardName, place: Place, step: Step) -> Result<(), BookError> {
        let (chip, _) = place;
        let used = self.places.get(&place);
        if step != Step::Begun {
            let is_open = used
                == Some(&Used {
                    name,
                    step: Step::Begun,
                });
            return if is_open {
                Ok(())
            } else {
                Err(BookError::NotBegun { chip })
            };
        }
        if chip == [0; 10] {
            return Err(BookError::NoChip);
        }
        if let Some(other) = self.numbers.get(&name) {
            let is_made = self
                .places
                .get(other)
                .is_some_and(|used| used.step == Step::Made);
            return Err(if is_made {
                BookError::MadeTwice { chip: other.0 }
            } else {
                BookError::Begun { chip: other.0 }
            });
        }
        // Waste is waste for every application.
        let of_chip = self.of_chip(chip);
        let is_waste = of_chip.into_iter().any(|used| used.step == Step::Spoiled);
        if used.is_some() || is_waste {
            return Err(BookError::ChipTwice { chip });
        }
        Ok(())
    }

    fn of_chip(&self, chip: Chip) -> impl IntoIterator<Item = &Used> {
        let all = Application::ALL.iter();
        all.filter_map(move |application| self.places.get(&(chip, *application)))
    }

    /// Takes a line that is safe in the file.
    pub fn apply(&mut self, line: &CardLine) {
        let CardLine {
            name,
            chip,
            application,
            step,
            ..
        } = *line;
        let place = (chip, application);
        self.places.insert(place, Used { name, step });
        if step == Step::Spoiled {
            self.numbers.remove(&name);
        } else {
            self.numbers.insert(name, place);
        }
        self.lines = line.number;
        self.last = line.check;
    }

    /// Whether it is for tests.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// How many stand where.
    #[must_use]
    pub fn count(&self) -> CardCount {
        let count = |step| {
            self.places
                .values()
                .filter(|used| used.step == step)
                .count()
        };
        CardCount {
            made: count(Step::Made),
            open: count(Step::Begun),
            spoiled: count(Step::Spoiled),
        }
    }

    /// Cards on which something was begun and not ended.
    pub fn open_cards(&self) -> impl Iterator<Item = (Chip, Application)> + '_ {
        let open = self
            .places
            .iter()
            .filter(|(_, used)| used.step == Step::Begun);
        open.map(|(place, _)| *place)
    }
}

/// A line as it stands in the file.
///
/// # Panics
/// Never: its fields are as wide as their values.
#[must_use]
pub fn encoded(line: &CardLine) -> Vec<u8> {
    line.encode().expect("every field is as wide as its value")
}

fn check(last: &[u8; 32], line: &[u8]) -> [u8; 32] {
    sm3::digest_parts(&[last, line])
}
