//! Who rides by card, and what is wrong with some cards.

use tongtu_crypto::Algorithm;
use tongtu_purse::command::Sfi;
use tongtu_purse::field::{Date, Institution, Limit, Serial};
use tongtu_purse::layout::LocalHistory;
use tongtu_purse::profile::{KeyIndex, Profile};
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode};

use super::wallet::Wallet;
use crate::WorldError;
use crate::class::Class;
use crate::country::{CITIES, Country, NODES, STRANGER};
use crate::keys::cash_head;
use crate::seed::Seed;

/// What is wrong with a card from the first day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// Nothing.
    Sound,
    /// Less on it than a bus ride costs.
    Poor,
    /// On the blacklist.
    Blacklisted,
    /// Past its last day.
    Expired,
    /// Before its first day.
    NotStarted,
    /// Of an issuer that is on no list.
    Stranger,
    /// Made by somebody who has no issuer's keys.
    Forged,
    /// Reported lost on the first morning, after a ride.
    Lost,
    /// On the blacklist until the first morning: it had been lost, and is found again.
    Found,
}

impl Flaw {
    /// The flaws that are dealt, in order.
    const DEALT: [Self; 6] = [
        Self::Poor,
        Self::Blacklisted,
        Self::Expired,
        Self::NotStarted,
        Self::Stranger,
        Self::Forged,
    ];

    /// Whether the issuer has ever heard of the card.
    #[must_use]
    pub const fn is_issued(self) -> bool {
        !matches!(self, Self::Stranger | Self::Forged)
    }
}

/// A rider with a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cardholder {
    /// Index into [`NODES`]: the city that issued the card, or that it claims.
    pub home: usize,
    /// The card number.
    pub number: CardNumber,
    /// Which keys it has.
    pub algorithm: Algorithm,
    /// What was put on it beforehand.
    pub loaded: Fen,
    /// What is wrong with it.
    pub flaw: Flaw,
    /// The kind that it says its rider is of.
    pub class: Class,
    /// What was ridden earlier in the month by the sum on the card, and the last day of that.
    pub ridden: Option<(BusinessDay, Fen)>,
    /// How its rider rides.
    pub habit: Habit,
    /// What it pays with.
    pub medium: Medium,
}

/// What a card pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Medium {
    /// An e-purse (电子钱包).
    Purse,
    /// An e-cash (电子现金).
    Cash,
}

/// How a rider rides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// As it comes.
    Plain,
    /// Changes from bus to metro and to buses, within the hour each time.
    Changes,
    /// Changes a moment too late.
    ChangesLate,
    /// Rides all day.
    AllDay,
}

/// Sums of a month at which a discount begins or changes, in each city.
const THRESHOLDS: [&[i64]; 2] = [&[10_000, 15_000, 40_000], &[8_000, 20_000]];

/// One card in so many has a flaw.
const FLAW_EVERY: usize = 10;
/// On a card that cannot pay a bus.
const POOR: Fen = Fen::new(50);

/// Deals so many cards, one city after the other.
#[must_use]
pub fn cardholders(seed: Seed, count: usize, first_day: BusinessDay) -> Vec<Cardholder> {
    let mut dice = seed.dice("cards");
    (0..count)
        .map(|i| {
            let home = CITIES[i % CITIES.len()];
            let region = NODES[home].institution().city();
            // Invented numbers: 311, the city, a day that nobody was born on, a serial.
            let day = first_day.days().rem_euclid(100_000);
            let digits = format!("311{region}00{day:05}{i:05}");
            let is_second = i % (2 * FLAW_EVERY) >= FLAW_EVERY;
            let flaw = match i % FLAW_EVERY {
                4 if is_second => [Flaw::Lost, Flaw::Found][i / FLAW_EVERY / 2 % 2],
                9 if is_second => Flaw::Sound,
                9 => Flaw::DEALT[(i / FLAW_EVERY / 2) % 3],
                4 => Flaw::DEALT[3 + (i / FLAW_EVERY / 2) % 3],
                _ => Flaw::Sound,
            };
            let purse = Fen::new(dice.between(6, 18) * 1000);
            // Somewhat below a threshold, so that the day's rides reach it.
            let threshold = *dice.pick(THRESHOLDS[i % CITIES.len()]);
            let ridden = Fen::new(threshold - dice.between(0, 40) * 10);
            let nth = i / FLAW_EVERY;
            Cardholder {
                home,
                number: CardNumber::parse(&digits).expect("nineteen digits"),
                algorithm: match (flaw, i / 2 % 2) {
                    // A lock names the set of its key before the card does; terminals here name
                    // the older one.
                    (Flaw::Blacklisted | Flaw::Lost, _) | (_, 0) => Algorithm::Tdes,
                    _ => Algorithm::Sm4,
                },
                loaded: if flaw == Flaw::Poor { POOR } else { purse },
                flaw,
                class: match i % FLAW_EVERY {
                    5 | 8 => Class::dealt(nth),
                    // A student who changes, at every other turn.
                    1 if nth % 2 == 1 => Class::Student,
                    _ => Class::Ordinary,
                },
                ridden: match i % FLAW_EVERY {
                    0 | 3 => Some((BusinessDay::from_days(first_day.days() - 1), ridden)),
                    _ => None,
                },
                habit: match i % FLAW_EVERY {
                    1 => [Habit::Changes, Habit::AllDay, Habit::ChangesLate][nth % 3],
                    6 => [Habit::Changes, Habit::ChangesLate][nth % 2],
                    _ => Habit::Plain,
                },
                medium: Medium::Purse,
            }
        })
        .collect()
}

/// One e-cash of so many is a student's.
const CASH_CLASS_EVERY: usize = 4;

/// Deals so many e-cashes, one city after the other, RSA and SM2 in turn; nothing is wrong with
/// any.
#[must_use]
pub fn cash_holders(seed: Seed, count: usize, first_day: BusinessDay) -> Vec<Cardholder> {
    let mut dice = seed.dice("e-cash");
    (0..count)
        .map(|i| {
            let home = CITIES[i % CITIES.len()];
            let region = NODES[home].institution().city();
            // The issuer's head, which has the city in it, a day that nobody was born on, a serial.
            let day = first_day.days().rem_euclid(100_000);
            let digits = format!("{}00{day:05}{i:04}", cash_head(region));
            Cardholder {
                home,
                number: CardNumber::parse(&digits).expect("nineteen digits"),
                algorithm: match i / 2 % 2 {
                    0 => Algorithm::Tdes,
                    _ => Algorithm::Sm4,
                },
                // Enough for a month: an e-cash is loaded by its issuer, not at a counter.
                loaded: Fen::new(dice.between(60, 90) * 1000),
                flaw: Flaw::Sound,
                class: match i % CASH_CLASS_EVERY {
                    // No ride of theirs is free anywhere: an e-cash cannot pay nothing in one tap.
                    3 => Class::Student,
                    _ => Class::Ordinary,
                },
                ridden: None,
                habit: Habit::Plain,
                medium: Medium::Cash,
            }
        })
        .collect()
}

impl Cardholder {
    /// The issuer that the card names.
    #[must_use]
    pub fn issuer(&self) -> Institution {
        match self.flaw {
            Flaw::Stranger => {
                Institution::of(InstitutionCode::parse(STRANGER).expect("eight digits"))
            }
            _ => Institution::of(NODES[self.home].institution()),
        }
    }

    /// The card as it leaves its issuer: a purse empty, an e-cash with money on it.
    ///
    /// # Errors
    /// [`WorldError::Personalising`] when the issuer's desk has no keys for it.
    ///
    /// # Panics
    /// Never: every issuer of the country's cards has a desk.
    pub fn card(&self, country: &Country, index: usize) -> Result<Wallet, WorldError> {
        let chance = country.seed.dice(&format!("card {index}"));
        if self.medium == Medium::Cash {
            let application = super::cash::application(self, country, index)?;
            return Ok(Wallet::with_cash(application, chance));
        }
        let mut profile = Profile::test_with(self.algorithm);
        let issuer = self.issuer();
        profile.public.issuer = issuer;
        (profile.transit.province, profile.transit.city) = (issuer.city(), issuer.city());
        profile.transit.interop = 1;
        profile.transit.kind = self.class.card_kind();
        if let Some((day, sum)) = self.ridden {
            self.put_history(&mut profile, day, sum);
        }
        match self.flaw {
            Flaw::Expired => profile.public.expires = Date([0x20, 0x25, 0x12, 0x31]),
            Flaw::NotStarted => profile.public.starts = Date([0x20, 0x30, 0x01, 0x01]),
            _ => {}
        }
        let serial = Serial::of(&self.number);
        profile.public.serial = serial;
        // Its keys come from the issuer's desk, enciphered for the chip.
        profile.key_sets.clear();
        profile.indexes = vec![KeyIndex::purse(1, self.algorithm, 1)];
        let desk = country.keys.desk(issuer).expect("every issuer has a desk");
        Wallet::personalise(profile, desk, chance, self.flaw == Flaw::Forged)
    }

    /// The city's record with what was ridden before the world began: counter 1 of both books is
    /// the month's.
    fn put_history(&self, profile: &mut Profile, day: BusinessDay, sum: Fen) {
        let sum = u32::try_from(sum.get()).ok().and_then(Limit::new);
        let history = LocalHistory {
            day_1: u16::try_from(day.days()).expect("a day of this century"),
            sum_1: sum.expect("some hundred yuan"),
            ..LocalHistory::blank(profile.transit.city)
        };
        for (sfi, records) in &mut profile.contents {
            if *sfi == Sfi::LOCAL {
                *records = vec![history.sealed()];
            }
        }
    }
}
