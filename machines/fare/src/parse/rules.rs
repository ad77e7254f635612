//! The records of format 2 that are rules: classes, calendar, counters, rules of every kind,
//! products, repairs and rounding.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::{BusinessDay, Fen, LineCode};

use super::record::{Reader, Record};
use super::when::{self, Scope, effect};
use super::{ParseError, ParseErrorKind};
use crate::book::ClassRow;
use crate::{
    Action, COUNTERS_MAX, Class, Corrector, Counter, Effect, Measure, Product, Repair,
    RepairCharge, RepairKind, RoundMode, Rounding, Rule, RuleKind, When, Window,
};

/// How many classes a book may have: the bits of a mask.
const CLASSES_MAX: usize = 32;

/// How many rules, products, repairs and roundings a book may have, each.
const ROWS_MAX: usize = 256;

/// The longest time to put a ride right: a year.
const LIMIT_MAX_S: u32 = 366 * 86_400;

/// The longest name of a class or rule in a book, in bytes.
const KEY_MAX_BYTES: usize = 24;

const IN_BOOK: &str = "`flat`, `network`, `route`, `class`, `workday`, `restday`, `counter`, \
     a rule, `product`, `repair`, `round` or the end of the book";

/// What was read of them so far.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) classes: Vec<ClassRow>,
    pub(super) rules: Vec<Rule>,
    pub(super) counters: Vec<Counter>,
    pub(super) products: BTreeMap<u8, Product>,
    pub(super) repairs: Vec<Repair>,
    pub(super) roundings: Vec<Rounding>,
    pub(super) calendar: BTreeMap<BusinessDay, bool>,
    /// The line number of each key, number or day, with the kind of it.
    seen: BTreeMap<(&'static str, String), u32>,
    /// Codes that conditions name, with the line number, to be looked up at the end.
    named: Vec<(LineCode, u32)>,
    /// Counters that rules name, with what they need of it and the line number.
    counted: Vec<(u8, bool, u32)>,
}

impl Rules {
    /// Reads the next record, which is one of these.
    pub(super) fn record(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let Some(record) = reader.peek() else {
            return Ok(());
        };
        match record.keyword {
            "class" => self.class(reader),
            "workday" => self.day(reader, "workday", true),
            "restday" => self.day(reader, "restday", false),
            "counter" => self.counter(reader),
            "product" => self.product(reader),
            "repair" => self.repair(reader),
            "round" => self.round(reader),
            "accumulation" => self.accumulation(reader),
            word => match RuleKind::from_word(word) {
                Some(kind) => self.rule(reader, kind),
                None => Err(record.unexpected(IN_BOOK)),
            },
        }
    }

    /// Looks up what conditions and rules name.
    pub(super) fn check(&self, services: &BTreeMap<LineCode, u32>) -> Result<(), ParseError> {
        for (code, line) in &self.named {
            if !services.contains_key(code) {
                let (line, kind) = (*line, ParseErrorKind::UnknownLine { line: *code });
                return Err(ParseError { line, kind });
            }
        }
        for (number, money, line) in &self.counted {
            let mut counters = self.counters.iter();
            let counter = counters.find(|counter| counter.number == *number);
            let fits = counter.is_some_and(|c| !*money || c.measure != Measure::Rides);
            if !fits {
                let (line, number) = (*line, *number);
                let kind = ParseErrorKind::UnknownCounter { number };
                return Err(ParseError { line, kind });
            }
        }
        Ok(())
    }

    pub(super) fn class_bit(&self, key: &str) -> Option<u32> {
        let place = self.classes.iter().position(|row| row.key == key);
        place.map(|place| 1 << place)
    }

    /// A condition; the lines that it names are looked up at the end of the book.
    pub(super) fn when(&mut self, record: &Record<'_>, field: usize) -> Result<When, ParseError> {
        self.when_in(record, field, Scope::Plain)
    }

    fn when_in(
        &mut self,
        record: &Record<'_>,
        field: usize,
        scope: Scope,
    ) -> Result<When, ParseError> {
        let when = when::when(record, field, self, scope)?;
        let after = when.after.iter().flat_map(|after| &after.lines);
        let codes = when.lines.iter().chain(after);
        self.named.extend(codes.map(|code| (*code, record.line)));
        Ok(when)
    }

    fn once(
        &mut self,
        record: &Record<'_>,
        what: &'static str,
        name: &str,
    ) -> Result<(), ParseError> {
        match self.seen.insert((what, name.to_owned()), record.line) {
            Some(first_line) => Err(record.duplicate(what, first_line)),
            None => Ok(()),
        }
    }

    fn key(&mut self, record: &Record<'_>, what: &'static str) -> Result<String, ParseError> {
        let key = record.fields[0];
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if key.is_empty() || key.len() > KEY_MAX_BYTES || !key.bytes().all(fits) {
            return Err(record.value(0, "key", "1 to 24 letters, digits or `-`"));
        }
        self.once(record, what, key)?;
        Ok(key.to_owned())
    }

    fn class(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("class", "KEY | ZH | EN | NUMBER")?;
        room(&record, self.classes.len(), CLASSES_MAX, "classes")?;
        let key = self.key(&record, "class")?;
        let number = record.number(3, "number of the class", 0..=255)?;
        self.once(&record, "number of a class", record.fields[3])?;
        self.classes.push(ClassRow {
            key,
            name: record.name(1)?,
            class: Class(small(number)),
        });
        Ok(())
    }

    fn day(
        &mut self,
        reader: &mut Reader<'_>,
        keyword: &'static str,
        work: bool,
    ) -> Result<(), ParseError> {
        let record = reader.take(keyword, "YYYY-MM-DD")?;
        let Some(day) = when::day(record.fields[0]) else {
            return Err(record.value(0, "day", "a day that exists, YYYY-MM-DD"));
        };
        self.once(&record, "day of the calendar", record.fields[0])?;
        self.calendar.insert(day, work);
        Ok(())
    }

    fn counter(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("counter", "N | WINDOW | MEASURE | WHEN")?;
        let max = u32::try_from(COUNTERS_MAX).expect("a small number");
        let number = small(record.number(0, "number of the counter", 1..=max)?);
        self.once(&record, "counter", record.fields[0])?;
        let window = Window::from_word(record.fields[1]);
        let window = window.ok_or_else(|| record.value(1, "window", "day, month or year"))?;
        let measure = Measure::from_word(record.fields[2]);
        let measure = measure.ok_or_else(|| record.value(2, "measure", "paid, full or rides"))?;
        let when = self.when(&record, 3)?;
        self.counters.push(Counter {
            number,
            window,
            measure,
            when,
        });
        Ok(())
    }

    fn rule(&mut self, reader: &mut Reader<'_>, kind: RuleKind) -> Result<(), ParseError> {
        let record = reader.take(kind.word(), "KEY | ZH | EN | WHEN | EFFECT")?;
        room(&record, self.rules.len(), ROWS_MAX, "rules")?;
        let key = self.key(&record, "rule")?;
        let scope = match kind {
            RuleKind::Transfer => Scope::Transfer,
            RuleKind::Means | RuleKind::Accumulation => Scope::Later,
            RuleKind::Surcharge | RuleKind::Concession | RuleKind::Cap => Scope::Plain,
        };
        let when = self.when_in(&record, 3, scope)?;
        let effect = effect(&record, 4, kind)?;
        if let Effect::TotalAtMost(counter, _) = effect {
            self.counted.push((counter, true, record.line));
        }
        self.rules.push(Rule {
            kind,
            key,
            name: record.name(1)?,
            when,
            action: Action::Always(effect),
        });
        Ok(())
    }

    fn accumulation(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("accumulation", "KEY | ZH | EN | WHEN | COUNTER")?;
        room(&record, self.rules.len(), ROWS_MAX, "rules")?;
        let key = self.key(&record, "rule")?;
        let when = self.when_in(&record, 3, Scope::Later)?;
        let counter = small(record.number(4, "number of the counter", 1..=255)?);
        // Whether sums are yuan or rides has to be known here.
        let measure = self.counters.iter().find(|held| held.number == counter);
        let Some(measure) = measure.map(|held| held.measure) else {
            return Err(record.error(ParseErrorKind::UnknownCounter { number: counter }));
        };
        let mut tiers: Vec<(u32, Effect)> = Vec::new();
        while reader.peek().is_some_and(|next| next.keyword == "from") {
            let tier = reader.take("from", "SUM | EFFECT")?;
            let sum = match measure {
                Measure::Rides => when::number(tier.fields[0], 1_000_000),
                _ => when::yuan(tier.fields[0]).and_then(|fen| u32::try_from(fen.get()).ok()),
            };
            let rising = |sum: &u32| tiers.last().is_none_or(|(last, _)| last < sum);
            let sum = sum.filter(rising);
            let expected = "yuan, or rides, more than in the line before";
            let sum = sum.ok_or_else(|| tier.value(0, "sum", expected))?;
            tiers.push((sum, effect(&tier, 1, RuleKind::Accumulation)?));
        }
        if tiers.is_empty() {
            let kind = ParseErrorKind::TooFew {
                what: "`from` after `accumulation`",
                min: 1,
            };
            return Err(record.error(kind));
        }
        self.rules.push(Rule {
            kind: RuleKind::Accumulation,
            key,
            name: record.name(1)?,
            when,
            action: Action::Tiers { counter, tiers },
        });
        Ok(())
    }

    fn product(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("product", "N | ZH | EN | WHEN | YUAN | TERMS")?;
        let number = small(record.number(0, "number of the product", 1..=255)?);
        self.once(&record, "product", record.fields[0])?;
        let mut product = Product {
            number,
            name: record.name(1)?,
            when: self.when(&record, 3)?,
            price: record.fare(4)?,
            rides: None,
            hours: None,
            days: None,
            month: false,
        };
        const EXPECTED: &str = "rides=N, hours=N, days=N and month, each once, one at least";
        let wrong = |term: &str| record.part(term, "terms", EXPECTED);
        let mut terms = 0;
        for term in record.fields[5].split_ascii_whitespace() {
            let (key, value) = term.split_once('=').unwrap_or((term, ""));
            let count = || {
                let number = when::number(value, u16::MAX.into()).filter(|number| *number > 0);
                number.and_then(|number| u16::try_from(number).ok())
            };
            let taken = match key {
                "rides" if product.rides.is_none() => count().map(|n| product.rides = Some(n)),
                "hours" if product.hours.is_none() => count().map(|n| product.hours = Some(n)),
                "days" if product.days.is_none() => count().map(|n| product.days = Some(n)),
                "month" if term == "month" && !product.month => {
                    product.month = true;
                    Some(())
                }
                _ => None,
            };
            taken.ok_or_else(|| wrong(term))?;
            terms += 1;
        }
        if terms == 0 {
            return Err(wrong(""));
        }
        self.products.insert(number, product);
        Ok(())
    }

    fn repair(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("repair", "KIND | WHEN | CHARGE | WHO | SECONDS")?;
        room(&record, self.repairs.len(), ROWS_MAX, "repairs")?;
        let kind = RepairKind::from_word(record.fields[0]);
        let kind = kind.ok_or_else(|| {
            let expected = "missing-exit, missing-entry, same-station, gap, late-record, \
                 duplicate or clock-drift";
            record.value(0, "kind of repair", expected)
        })?;
        let when = self.when(&record, 1)?;
        let half = matches!(kind, RepairKind::MissingExit | RepairKind::MissingEntry);
        let charge = match record.fields[2] {
            // Half a ride has no fare of its own.
            "ride" if !half => Some(RepairCharge::Ride),
            "farthest" => Some(RepairCharge::Farthest),
            "highest" => Some(RepairCharge::Highest),
            "free" => Some(RepairCharge::Exactly(Fen::ZERO)),
            "later" => Some(RepairCharge::Later),
            other => {
                let amount = other.strip_prefix('=').and_then(when::yuan);
                amount.map(RepairCharge::Exactly)
            }
        };
        let expected = "ride (of a whole ride), farthest, highest, free, later or =YUAN";
        let charge = charge.ok_or_else(|| record.value(2, "charge", expected))?;
        let corrector = Corrector::from_word(record.fields[3]);
        let expected = "rider, acquirer, issuer or nobody";
        let corrector = corrector.ok_or_else(|| record.value(3, "who may correct", expected))?;
        self.repairs.push(Repair {
            kind,
            when,
            charge,
            corrector,
            limit_s: record.number(4, "seconds", 0..=LIMIT_MAX_S)?,
        });
        Ok(())
    }

    fn round(&mut self, reader: &mut Reader<'_>) -> Result<(), ParseError> {
        let record = reader.take("round", "YUAN | MODE | WHEN")?;
        room(&record, self.roundings.len(), ROWS_MAX, "roundings")?;
        let unit = when::yuan(record.fields[0]).filter(|unit| !unit.is_zero());
        let unit = unit.ok_or_else(|| record.value(0, "unit", "yuan from 0.01 to 10000.00"))?;
        let mode = RoundMode::from_word(record.fields[1]);
        let mode = mode.ok_or_else(|| record.value(1, "rounding", "half-up, up or down"))?;
        let when = self.when(&record, 2)?;
        self.roundings.push(Rounding { when, unit, mode });
        Ok(())
    }
}

fn room(
    record: &Record<'_>,
    held: usize,
    max: usize,
    what: &'static str,
) -> Result<(), ParseError> {
    match held < max {
        true => Ok(()),
        false => Err(record.error(ParseErrorKind::TooMany { what, max })),
    }
}

fn small(number: u32) -> u8 {
    u8::try_from(number).expect("the range was checked to be that of a byte")
}
