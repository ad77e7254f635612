//! From the rows of a feed to the records of a book.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::Fen;

use super::feed::{Feed, LegRule, Price, Timeframe};
use super::text::{codes, plain};
use super::zone::RESERVED;
use super::{GtfsError, Head, Omission};
use crate::{Means, Mode};

const LEGS: &str = "fare_leg_rules.txt";

/// The line of routes that are in no network.
const ALL: &str = "ALL";

/// Numbers of classes for which the feed and the caller have none.
const CLASS_MIN: u8 = 32;

/// Whom and when an amount is for; what is `None` is for all.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Key {
    pub(super) category: Option<String>,
    pub(super) means: Option<Means>,
    /// The timeframe of the beginning, or that of the end.
    pub(super) time: Option<(bool, String)>,
}

/// Amounts of one pair of zones, or of a whole flat line.
type Amounts = BTreeMap<Key, Fen>;

/// A network, or the routes without one, with the rules that speak of it.
pub(super) struct Service<'a> {
    pub(super) code: String,
    name: String,
    mode: Mode,
    pub(super) rules: Vec<&'a LegRule>,
}

/// The book on its way.
pub(super) struct Emit<'a> {
    pub(super) feed: &'a Feed,
    omissions: Vec<Omission>,
    /// Key of each category's class.
    classes: BTreeMap<String, String>,
    /// Code of each area.
    pub(super) areas: BTreeMap<String, String>,
    pub(super) lines: Vec<String>,
    pub(super) rule_count: usize,
}

/// Writes the book.
pub(super) fn book(feed: &Feed, head: &Head) -> Result<(String, Vec<Omission>), GtfsError> {
    let area_ids = feed.areas.iter().map(String::as_str);
    let mut emit = Emit {
        feed,
        omissions: Vec::new(),
        classes: BTreeMap::new(),
        areas: codes(area_ids, 8, "A", &RESERVED),
        lines: Vec::new(),
        rule_count: 0,
    };
    for file in &feed.others {
        emit.omit(file, None, ("rules of joined legs", "联程合并规则"));
    }
    for (file, line) in &feed.extended {
        let what = (
            "a rule with columns beyond the specification",
            "含规范之外列的规则",
        );
        emit.omit(file, Some(*line), what);
    }
    emit.class_records(head);
    let services = emit.services();
    let mut written = Vec::new();
    for service in services {
        if emit.service(&service) {
            written.push(service);
        }
    }
    if written.is_empty() {
        return Err(GtfsError::Nothing);
    }
    for rule in &feed.transfer_rules {
        emit.transfer(rule, &written);
    }
    Ok((emit.text(head), emit.omissions))
}

impl Emit<'_> {
    pub(super) fn omit(
        &mut self,
        file: &'static str,
        line: Option<u32>,
        what: (&'static str, &'static str),
    ) {
        let omission = Omission { file, line, what };
        if !self.omissions.contains(&omission) {
            self.omissions.push(omission);
        }
    }

    fn text(&self, head: &Head) -> String {
        let mut text = String::from(
            "# Made of a feed by GTFS-Fares v2; English names stand in both places.\n",
        );
        for Omission { file, line, what } in &self.omissions {
            let place = line.map_or_else(String::new, |line| format!(", line {line}"));
            text += &format!("# Left out: {file}{place}: {}\n", what.0);
        }
        for (id, code) in self.areas.iter().filter(|(id, code)| id != code) {
            text += &format!("# Area {code} is {}\n", plain(id));
        }
        let (zh, en) = (plain(&head.zh), plain(&head.en));
        let (city, version, effective) = (head.city, head.version, head.effective);
        text += &format!(
            "\nfare-book 2\ncity {city} | {zh} | {en}\nversion {version}\n\
             effective {effective}\ncurrency CNY\n\n"
        );
        for line in &self.lines {
            text += line;
            text.push('\n');
        }
        text
    }

    fn class_records(&mut self, head: &Head) {
        let ids = self.feed.categories.iter().map(|(id, ..)| id.as_str());
        let keys = codes(ids, 24, "class", &["ordinary"]);
        let mut next = CLASS_MIN;
        let mut taken: BTreeSet<u8> = head.classes.values().copied().collect();
        taken.insert(1);
        self.lines
            .push("class ordinary | 普通 | Ordinary | 1".to_owned());
        for (id, name, is_default) in &self.feed.categories {
            if *is_default {
                continue;
            }
            let number = head.classes.get(id).copied().unwrap_or_else(|| {
                while taken.contains(&next) && next < u8::MAX {
                    next += 1;
                }
                taken.insert(next);
                next
            });
            let (key, name) = (&keys[id], plain(name));
            self.lines
                .push(format!("class {key} | {name} | {name} | {number}"));
            self.classes.insert(id.clone(), key.clone());
        }
    }

    /// One of the ordinary amounts where a key has none: the most specific key that takes it in.
    fn amount(amounts: &Amounts, key: &Key) -> Option<Fen> {
        let takes_in = |wider: &Key| {
            (wider.category.is_none() || wider.category == key.category)
                && (wider.means.is_none() || wider.means == key.means)
                && (wider.time.is_none() || wider.time == key.time)
        };
        let wider = amounts.iter().filter(|(wider, _)| takes_in(wider));
        let amount = wider
            .max_by_key(|(wider, _)| wider.parts())
            .map(|(_, fen)| *fen);
        // Nothing said for everybody: the highest of what is said for the ordinary rider.
        amount.or_else(|| {
            let ordinary = amounts.iter().filter(|(key, _)| key.category.is_none());
            ordinary.map(|(_, fen)| *fen).max()
        })
    }

    /// The cheapest amount for each key among rules that match one ride.
    fn amounts<'r>(&mut self, rules: impl Iterator<Item = &'r LegRule>) -> Amounts {
        let rules: Vec<&LegRule> = rules.collect();
        let top = rules.iter().map(|rule| rule.priority).max().unwrap_or(0);
        let mut amounts = Amounts::new();
        for rule in rules {
            if self.feed.has_priority && rule.priority < top {
                continue;
            }
            let time = match (&rule.from_time, &rule.to_time) {
                (None, None) => None,
                (Some(from), None) => Some((false, from.clone())),
                (None, Some(to)) => Some((true, to.clone())),
                (Some(_), Some(_)) => {
                    let what = ("timeframes of both ends of a leg", "同时限定起止时段");
                    self.omit(LEGS, Some(rule.line), what);
                    continue;
                }
            };
            for Price {
                category,
                means,
                amount,
            } in &self.feed.products[&rule.product]
            {
                if *amount < Fen::ZERO {
                    let what = ("a negative fare", "负票价");
                    self.omit(LEGS, Some(rule.line), what);
                    continue;
                }
                let key = Key {
                    category: category.clone(),
                    means: *means,
                    time: time.clone(),
                };
                let held = amounts.entry(key).or_insert(*amount);
                *held = (*held).min(*amount);
            }
        }
        amounts
    }

    /// Writes a service; `false` when nothing of it can be written.
    fn service(&mut self, service: &Service<'_>) -> bool {
        let has_areas = |rule: &&LegRule| rule.from_area.is_some() || rule.to_area.is_some();
        if service.rules.iter().any(has_areas) {
            self.route(service)
        } else {
            self.flat(service)
        }
    }

    fn flat(&mut self, service: &Service<'_>) -> bool {
        let amounts = self.amounts(service.rules.iter().copied());
        let Some(base) = Self::amount(&amounts, &Key::default()) else {
            let line = service.rules.first().map(|rule| rule.line);
            self.omit(
                LEGS,
                line,
                (
                    "a network without a fare for ordinary riders",
                    "线网无普通乘客票价",
                ),
            );
            return false;
        };
        let (code, name, mode) = (&service.code, &service.name, service.mode.word());
        self.lines.push(String::new());
        self.lines
            .push(format!("flat {code} | {name} | {name} | {base}"));
        self.lines.push(format!("mode {mode}"));
        for key in by_parts(amounts.keys()) {
            if key.parts() == 0 {
                continue;
            }
            for when in self.conditions(&key) {
                self.rule_count += 1;
                let (number, amount) = (self.rule_count, amounts[&key]);
                self.lines.push(format!(
                    "concession g{number} | {name} | {name} | line={code}{when} | ={amount}"
                ));
            }
        }
        true
    }

    fn route(&mut self, service: &Service<'_>) -> bool {
        let (zones, has_priority) = (self.zones(service), self.feed.has_priority);
        let mut table: BTreeMap<(&str, &str), Amounts> = BTreeMap::new();
        for from in &zones {
            for to in &zones {
                let rules = service.rules.iter().copied();
                let matching = rules.filter(|rule| from.joined_by(to, rule, has_priority));
                let amounts = self.amounts(matching);
                if !amounts.is_empty() {
                    table.insert((&from.code, &to.code), amounts);
                }
            }
        }
        let stops = self.stops(&zones);
        let (mut named, mut whole) = (0, false);
        for row in &stops {
            named += usize::from(row.starts_with("stop "));
            whole |= row.starts_with("stop * ");
        }
        if named < 2 && !whole || table.is_empty() {
            let line = service.rules.first().map(|rule| rule.line);
            self.omit(
                LEGS,
                line,
                (
                    "a network whose areas have no two stops",
                    "线网区域内不足两站",
                ),
            );
            return false;
        }
        let keys: BTreeSet<Key> = table.values().flat_map(BTreeMap::keys).cloned().collect();
        let (code, name, mode) = (&service.code, &service.name, service.mode.word());
        self.lines.push(String::new());
        self.lines.push(format!("route {code} | {name} | {name}"));
        self.lines.push(format!("mode {mode}"));
        let mut keys = by_parts(keys.iter());
        if keys.last().is_none_or(|key| key.parts() > 0) {
            keys.push(Key::default());
        }
        'tables: for key in keys {
            for when in self.conditions(&key) {
                let rows = Self::pairs(&table, &key);
                if rows.is_empty() {
                    continue;
                }
                // A timeframe of every day and hour is no condition, and nothing comes after it.
                let always = when.is_empty();
                let when = if always { " any" } else { &when };
                self.lines.push(format!("pairs{when}"));
                self.lines.extend(rows);
                if always {
                    break 'tables;
                }
            }
        }
        self.lines.extend(stops);
        true
    }

    /// The rows of one table, both ways in one where they cost the same.
    fn pairs(table: &BTreeMap<(&str, &str), Amounts>, key: &Key) -> Vec<String> {
        let amount = |pair: (&str, &str)| {
            let amounts = table.get(&pair);
            amounts.and_then(|amounts| Self::amount(amounts, key))
        };
        let mut rows = Vec::new();
        for (from, to) in table.keys() {
            let Some(there) = amount((from, to)) else {
                continue;
            };
            if amount((to, from)) != Some(there) {
                rows.push(format!("oneway {from} | {to} | {there}"));
            } else if from <= to {
                rows.push(format!("pair {from} | {to} | {there}"));
            }
        }
        rows
    }

    /// The conditions of a key, one for each row of its timeframe.
    pub(super) fn conditions(&mut self, key: &Key) -> Vec<String> {
        let mut common = String::new();
        if let Some(class) = key.category.as_ref().and_then(|id| self.classes.get(id)) {
            common += &format!(" class={class}");
        }
        if let Some(means) = key.means {
            common += &format!(" means={}", means.word());
        }
        let Some((at_end, group)) = &key.time else {
            return Vec::from([common]);
        };
        let feed = self.feed;
        let by = if *at_end { " by=payment" } else { "" };
        let frames = feed.timeframes.get(group).into_iter().flatten();
        let mut conditions = Vec::new();
        for frame in frames {
            if let Some(when) = self.frame(frame) {
                conditions.push(format!("{common}{when}{by}"));
            }
        }
        conditions
    }

    fn frame(&mut self, frame: &Timeframe) -> Option<String> {
        const FILE: &str = "timeframes.txt";
        let mut when = String::new();
        if let Some((from, to)) = &frame.hours {
            let minute = |time: &str| time.strip_suffix(":00").map(ToOwned::to_owned);
            let (Some(from), Some(to)) = (minute(from), minute(to)) else {
                self.omit(
                    FILE,
                    Some(frame.line),
                    ("a time with seconds", "精确到秒的时刻"),
                );
                return None;
            };
            when += &format!(" hours={from}-{to}");
        }
        let Some(week) = self.feed.services.get(&frame.service) else {
            let what = ("days that calendar.txt does not have", "日历中没有的运行日");
            self.omit(FILE, Some(frame.line), what);
            return None;
        };
        let days: Vec<String> = (1..=7)
            .zip(week)
            .filter(|(_, runs)| **runs)
            .map(|(day, _)| format!("{day}"))
            .collect();
        match days.len() {
            7 => {}
            0 => return None,
            _ => when += &format!(" days={}", days.join(",")),
        }
        Some(when)
    }
}

impl<'a> Emit<'a> {
    /// The networks that some rule speaks of, and the routes without one.
    fn services(&mut self) -> Vec<Service<'a>> {
        let feed = self.feed;
        let ids = feed.networks.keys().map(String::as_str);
        let codes = codes(ids, 6, "N", &[ALL]);
        let listed: BTreeSet<&str> = feed
            .leg_rules
            .iter()
            .filter_map(|rule| rule.network.as_deref())
            .collect();
        let networks = feed
            .networks
            .iter()
            .map(|(id, name)| (Some(id.as_str()), name.as_str()));
        let free = feed.has_free_routes.then_some((None, "All lines"));
        let mut services = Vec::new();
        for (id, name) in networks.chain(free) {
            let speaks = |rule: &&LegRule| match (rule.network.as_deref(), id) {
                (Some(network), Some(id)) => network == id,
                (Some(_), None) => false,
                (None, _) if feed.has_priority => true,
                (None, id) => id.is_none_or(|id| !listed.contains(id)),
            };
            let rules: Vec<&LegRule> = feed.leg_rules.iter().filter(speaks).collect();
            if rules.is_empty() {
                continue;
            }
            let code = id.map_or(ALL, |id| codes[id].as_str()).to_owned();
            if id.is_some_and(|id| id != code) {
                self.lines.push(format!(
                    "# Network {code} is {}",
                    plain(id.unwrap_or_default())
                ));
            }
            services.push(Service {
                code,
                name: plain(name),
                mode: mode(feed, id),
                rules,
            });
        }
        services
    }
}

impl Key {
    /// How many conditions it has.
    fn parts(&self) -> u8 {
        let parts = [
            self.category.is_some(),
            self.means.is_some(),
            self.time.is_some(),
        ];
        parts.into_iter().map(u8::from).sum()
    }
}

/// Keys with more conditions first.
fn by_parts<'k>(keys: impl Iterator<Item = &'k Key>) -> Vec<Key> {
    let mut keys: Vec<Key> = keys.cloned().collect();
    keys.sort_by_key(|key| core::cmp::Reverse(key.parts()));
    keys
}

/// The mode of a network's routes, where they have one that a book knows.
fn mode(feed: &Feed, network: Option<&str>) -> Mode {
    let types = feed.route_types.get(&network.map(ToOwned::to_owned));
    let mut types = types.into_iter().flatten();
    match (types.next().map(String::as_str), types.next()) {
        (Some("0"), None) => Mode::Tram,
        (Some("1"), None) => Mode::Metro,
        (Some("2"), None) => Mode::Rail,
        (Some("4"), None) => Mode::Ferry,
        _ => Mode::Bus,
    }
}
