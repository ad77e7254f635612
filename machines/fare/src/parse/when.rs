//! Conditions and effects: the two small languages inside a rule's fields.

use alloc::vec::Vec;

use tongtu_types::{BusinessDay, Fen, LineCode};

use super::record::Record;
use super::rules::Rules;
use super::{ParseError, ParseErrorKind};
use crate::rule::{bit, means_bit, mode_bit};
use crate::{After, Clock, Days, Effect, FARE_MAX, Home, Means, Mode, RuleKind, SameLine, When};

const CONDITIONS: &str = "any, or class=, means=, mode=, line=, stop=, home=, age=, since=, \
     until=, days=, hours=, by=";
const LATER_CONDITIONS: &str = "any, concession=no, class=, means=, mode=, line=, stop=, home=, \
     age=, since=, until=, days=, hours=, by=";
const TRANSFER_CONDITIONS: &str = "after=, after-line=, within=, clock=, chain=, same-line= or \
     what a rule of means has";

/// The longest window of a transfer, in seconds: a day.
const WITHIN_MAX_S: u32 = 86_400;

/// How many conditions a rule may have.
const TERMS_MAX: usize = 16;

/// How many values a condition may list.
const VALUES_MAX: usize = 64;

/// Which conditions a record may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those of the ride and the rider.
    Plain,
    /// Also whether a concession was applied before.
    Later,
    /// Also the ride before, which it always asks for.
    Transfer,
}

impl Scope {
    const fn expected(self) -> &'static str {
        match self {
            Self::Plain => CONDITIONS,
            Self::Later => LATER_CONDITIONS,
            Self::Transfer => TRANSFER_CONDITIONS,
        }
    }
}

/// Reads a condition.
pub(super) fn when(
    record: &Record<'_>,
    field: usize,
    rules: &Rules,
    scope: Scope,
) -> Result<When, ParseError> {
    let (expected, transfer) = (scope.expected(), scope == Scope::Transfer);
    let mut when = When::default();
    let mut after = After {
        modes: 0,
        lines: Vec::new(),
        within_s: None,
        clock: Clock::default(),
        chain_max: None,
        same_line: SameLine::default(),
    };
    let text = record.fields[field];
    let wrong = |term: &str, expected| record.part(term, "condition", expected);
    let mut seen: Vec<&str> = Vec::new();
    for term in text.split_ascii_whitespace().filter(|_| text != "any") {
        let (key, value) = term.split_once('=').ok_or_else(|| wrong(term, expected))?;
        if seen.contains(&key) {
            return Err(wrong(term, "each condition once"));
        }
        if seen.len() == TERMS_MAX || value.split(',').count() > VALUES_MAX {
            return Err(wrong(term, "at most 16 conditions of 64 values"));
        }
        seen.push(key);
        if transfer {
            match after_term(&mut after, key, value) {
                Some(Ok(())) => continue,
                Some(Err(expected)) => return Err(wrong(term, expected)),
                None => {}
            }
        }
        if (key, value) == ("concession", "no") && scope != Scope::Plain {
            when.no_concession = true;
            continue;
        }
        match term_of(&mut when, key, value, rules) {
            Some(Ok(())) => {}
            Some(Err(expected)) => return Err(wrong(term, expected)),
            None => return Err(wrong(term, expected)),
        }
    }
    if text.is_empty() {
        return Err(wrong(text, expected));
    }
    when.after = transfer.then_some(after);
    Ok(when)
}

type Taken = Option<Result<(), &'static str>>;

/// Takes a condition; `None` when its key is unknown, else what would have been expected.
fn term_of(when: &mut When, key: &str, value: &str, rules: &Rules) -> Taken {
    Some(match key {
        "class" => mask(value, |word| rules.class_bit(word))
            .map(|mask| when.classes = mask)
            .ok_or("classes declared above"),
        "means" => mask(value, |word| {
            Means::from_word(word).map(|m| means_bit(m).into())
        })
        .map(|mask| when.means = low(mask))
        .ok_or("card, code, bank, face or token"),
        "mode" => modes(value)
            .map(|mask| when.modes = mask)
            .ok_or("bus, metro, tram, ferry or rail"),
        "line" => lines(value)
            .map(|lines| when.lines = lines)
            .ok_or("codes of lines, networks or routes"),
        "stop" => value
            .split(',')
            .map(|code| code.parse().ok())
            .collect::<Option<_>>()
            .map(|stops| when.stops = stops)
            .ok_or("codes of stations or stops"),
        "home" => home(value)
            .map(|home| when.home = Some(home))
            .ok_or("local or visitor"),
        "age" => range(value)
            .map(|ages| when.ages = Some(ages))
            .ok_or("full years, such as 65- or 6-14"),
        "since" => day(value)
            .map(|day| when.dates.0 = Some(day))
            .ok_or("a day that exists, YYYY-MM-DD"),
        "until" => day(value)
            .map(|day| when.dates.1 = Some(day))
            .ok_or("a day that exists, YYYY-MM-DD"),
        "days" => days(value)
            .map(|days| when.days = days)
            .ok_or("workday, restday, or days of the week such as 1-5 or 6,7"),
        "hours" => value
            .split(',')
            .map(hours)
            .collect::<Option<_>>()
            .map(|hours| when.hours = hours)
            .ok_or("times such as 07:00-08:30, the second later"),
        "by" => (value == "payment")
            .then(|| when.by_payment = true)
            .ok_or("payment"),
        _ => return None,
    })
}

fn after_term(after: &mut After, key: &str, value: &str) -> Taken {
    Some(match key {
        "after" => modes(value)
            .map(|modes| after.modes = modes)
            .ok_or("bus, metro, tram, ferry or rail"),
        "after-line" => lines(value)
            .map(|lines| after.lines = lines)
            .ok_or("codes of lines, networks or routes"),
        "within" => number(value, WITHIN_MAX_S)
            .map(|within_s| after.within_s = Some(within_s))
            .ok_or("seconds, at most 86400"),
        "clock" => Clock::from_word(value)
            .map(|clock| after.clock = clock)
            .ok_or("paid-begun, paid-paid, begun-begun, begun-paid or chain-begun"),
        "chain" => number(value, u8::MAX.into())
            .map(|max| after.chain_max = u8::try_from(max).ok())
            .ok_or("transfers in a row, at most 255"),
        "same-line" => SameLine::from_word(value)
            .map(|same_line| after.same_line = same_line)
            .ok_or("no, reverse or yes"),
        _ => return None,
    })
}

/// The effect of a rule of that kind.
pub(super) fn effect(
    record: &Record<'_>,
    field: usize,
    kind: RuleKind,
) -> Result<Effect, ParseError> {
    let text = record.fields[field];
    let (expected, effect) = match kind {
        RuleKind::Surcharge => ("+YUAN or premium N", surcharge(text)),
        RuleKind::Cap => ("max YUAN, min YUAN or total N YUAN", cap(text)),
        RuleKind::Transfer => {
            let expected = "N%, -YUAN, +YUAN, =YUAN, free or together YUAN";
            let together = text.strip_prefix("together ").and_then(yuan);
            (
                expected,
                together.map(Effect::Together).or_else(|| plain(text)),
            )
        }
        _ => ("N%, -YUAN, +YUAN, =YUAN or free", plain(text)),
    };
    effect.ok_or_else(|| record.value(field, "effect", expected))
}

fn plain(text: &str) -> Option<Effect> {
    if text == "free" {
        return Some(Effect::Exactly(Fen::ZERO));
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent = number(percent, 1000)?;
        return u16::try_from(percent).ok().map(Effect::Percent);
    }
    let (sign, amount) = text.split_at_checked(1)?;
    let amount = yuan(amount)?;
    match sign {
        "-" => Some(Effect::Less(amount)),
        "+" => Some(Effect::More(amount)),
        "=" => Some(Effect::Exactly(amount)),
        _ => None,
    }
}

fn surcharge(text: &str) -> Option<Effect> {
    if let Some(times) = text.strip_prefix("premium ") {
        let times = number(times.trim_ascii(), 100)?;
        return u16::try_from(times).ok().map(Effect::Premium);
    }
    text.strip_prefix('+').and_then(yuan).map(Effect::More)
}

fn cap(text: &str) -> Option<Effect> {
    let (word, rest) = text.split_once(' ')?;
    let rest = rest.trim_ascii();
    match word {
        "max" => yuan(rest).map(Effect::AtMost),
        "min" => yuan(rest).map(Effect::AtLeast),
        "total" => {
            let (counter, amount) = rest.split_once(' ')?;
            let counter = u8::try_from(number(counter, 255)?).ok()?;
            Some(Effect::TotalAtMost(counter, yuan(amount.trim_ascii())?))
        }
        _ => None,
    }
}

/// Yuan from 0.00 to the highest fare that a book may name, without a sign.
pub(super) fn yuan(text: &str) -> Option<Fen> {
    let fare: Fen = text.parse().ok()?;
    let unsigned = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit());
    (unsigned && fare <= FARE_MAX).then_some(fare)
}

/// A day as `YYYY-MM-DD`.
pub(super) fn day(text: &str) -> Option<BusinessDay> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// Digits alone, up to a number.
pub(super) fn number(text: &str, max: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.then(|| text.parse().ok()).flatten()?;
    (number <= max).then_some(number)
}

fn mask(value: &str, bit: impl Fn(&str) -> Option<u32>) -> Option<u32> {
    let mut bits = value.split(',').map(bit);
    bits.try_fold(0, |mask, bit| Some(mask | bit?))
}

fn low(mask: u32) -> u8 {
    u8::try_from(mask & 0xFF).expect("eight bits fit")
}

fn modes(value: &str) -> Option<u8> {
    mask(value, |word| {
        Mode::from_word(word).map(|mode| mode_bit(mode).into())
    })
    .map(low)
}

fn lines(value: &str) -> Option<Vec<LineCode>> {
    value.split(',').map(|code| code.parse().ok()).collect()
}

fn home(value: &str) -> Option<Home> {
    match value {
        "local" => Some(Home::Local),
        "visitor" => Some(Home::Visitor),
        _ => None,
    }
}

fn range(value: &str) -> Option<(u8, u8)> {
    let (from, to) = value.split_once('-')?;
    let age = |text: &str| number(text, 255).and_then(|age| u8::try_from(age).ok());
    let from = age(from)?;
    let to = if to.is_empty() { u8::MAX } else { age(to)? };
    (from <= to).then_some((from, to))
}

fn days(value: &str) -> Option<Days> {
    match value {
        "workday" => return Some(Days::Work),
        "restday" => return Some(Days::Rest),
        _ => {}
    }
    let day = |text: &str| number(text, 7).filter(|day| *day > 0);
    let mut week = 0;
    for part in value.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        for day in day(from)?..=day(to)? {
            week |= bit(usize::try_from(day - 1).ok()?);
        }
    }
    (week != 0).then_some(Days::Week(week))
}

fn hours(text: &str) -> Option<(u32, u32)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (clock(from)?, clock(to)?);
    (from < to).then_some((from, to))
}

/// Seconds of the day at `HH:MM`; 24:00 is the end of it.
fn clock(text: &str) -> Option<u32> {
    let (h, m) = text.split_once(':')?;
    if h.len() != 2 || m.len() != 2 {
        return None;
    }
    let seconds = number(h, 24)? * 3600 + number(m, 59)? * 60;
    (seconds <= 86_400).then_some(seconds)
}

impl Record<'_> {
    /// Complains of a part of a field.
    pub(super) fn part(
        &self,
        part: &str,
        name: &'static str,
        expected: &'static str,
    ) -> ParseError {
        self.error(ParseErrorKind::Value {
            field: name,
            found: super::record::shorten(part),
            expected,
        })
    }
}
