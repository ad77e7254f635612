//! Why riders paid what they paid: one fare of every kind that the days had.
//!
//! The reasons are the fare engine's, asked once more with what it is told of each ride; that the
//! amounts are right is the auditor's affair. A fare that is explained otherwise than it was paid
//! is left out here, and found there.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_fare::{
    Class as FareClass, FareBook, History, Journey, Lang, LastRide, Means as Paid, Quote, Ride,
    Rider, RuleKind, Step, Tally, Window,
};
use tongtu_terminal::tap::Say;
use tongtu_types::{Fen, LineCode, StationCode, Timestamp};

use super::{Means, Story, Table, node_name, say, where_};
use crate::books::SUBURB;
use crate::cards::{CardPlace, Due, Medium, TapLog};
use crate::class::Class;
use crate::country::{NETWORK, NODES, Place};

/// A fare and its reasons.
struct Explained {
    city: usize,
    home: usize,
    means: Means,
    class: Class,
    quote: Quote,
}

/// What riders of one kind came to.
#[derive(Default)]
struct Total {
    riders: BTreeSet<usize>,
    rides: usize,
    fen: i64,
}

impl Explained {
    /// What kind of fare it is: what was ridden, and which rules had a say in it.
    fn kind(&self) -> (usize, Means, bool, BTreeSet<&'static str>) {
        let is_bus = matches!(self.quote.steps.first(), Some(Step::Flat { .. }));
        let rules = self.quote.steps.iter().filter_map(|step| match step {
            Step::OverStay { .. } => Some("over-stay"),
            Step::Rule { kind, .. } => Some(match kind {
                RuleKind::Concession => "concession",
                RuleKind::Means => "means",
                RuleKind::Transfer => "transfer",
                RuleKind::Accumulation => "accumulation",
                RuleKind::Cap => "cap",
                RuleKind::Surcharge => "surcharge",
            }),
            _ => None,
        });
        (self.city, self.means, is_bus, rules.collect())
    }
}

impl Story<'_> {
    /// One fare of each kind, with its reasons.
    #[must_use]
    pub fn fares(&self, lang: Lang) -> Table {
        let mut fares = self.explained_codes();
        fares.extend(self.explained_cards());
        fares.extend(self.explained_faces());
        let mut first: BTreeMap<_, Explained> = BTreeMap::new();
        for fare in fares {
            first.entry(fare.kind()).or_insert(fare);
        }
        let rows = first.into_values().map(|fare| {
            let medium = fare.means.name(lang);
            let (en, zh) = fare.class.name();
            let home = node_name(lang, fare.home);
            let rider = format!("{medium} · {} · {home}", say(lang, en, zh));
            vec![
                node_name(lang, fare.city),
                rider,
                fare.quote.amount.to_string(),
                fare.quote.explain(lang),
            ]
        });
        Table {
            title: say(
                lang,
                "Fares explained: one of every kind",
                "票价说明：各类一例",
            ),
            header: [
                ("city", "城市"),
                ("rider", "乘客"),
                ("paid ¥", "实付 ¥"),
                ("why", "缘由"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows: rows.collect(),
        }
    }

    fn explained_codes(&self) -> Vec<Explained> {
        let mut inside: BTreeMap<_, (StationCode, Timestamp)> = BTreeMap::new();
        let mut fares = Vec::new();
        for log in self.logs {
            let (Some(record), post) = (&log.record, &self.country.posts[log.scan.post]) else {
                continue;
            };
            let rider = &self.country.riders[log.scan.rider];
            let key = (post.city, record.account);
            let ride = match &post.place {
                Place::Bus { line, .. } => Ride::Flat { line: *line },
                Place::Entry { station } => {
                    inside.insert(key, (*station, log.scan.at));
                    continue;
                }
                Place::Exit { station } => {
                    let Some((entry, at)) = inside.remove(&key) else {
                        continue;
                    };
                    between(NETWORK, entry, *station, log.scan.at.since_s(at))
                }
            };
            let payer = payer(rider.class, Paid::Code, rider.home);
            let journey = Journey::new(ride, log.scan.at);
            let book = &self.country.city(post.city).book;
            let Ok(quote) = book.explain(&journey, &payer, &History::default()) else {
                continue;
            };
            if quote.amount == record.amount {
                fares.push(Explained {
                    city: post.city,
                    home: rider.home,
                    means: Means::Code,
                    class: rider.class,
                    quote,
                });
            }
        }
        fares
    }

    fn explained_faces(&self) -> Vec<Explained> {
        let mut inside: BTreeMap<usize, (StationCode, Timestamp)> = BTreeMap::new();
        let mut fares = Vec::new();
        for log in self.looks {
            let Some((_, amount)) = log.record else {
                continue;
            };
            let post = &self.country.face_posts[log.look.post].post;
            let ride = match &post.place {
                Place::Bus { line, .. } => Ride::Flat { line: *line },
                Place::Entry { station } => {
                    inside.insert(log.look.rider, (*station, log.look.at));
                    continue;
                }
                Place::Exit { station } => {
                    let Some((entry, at)) = inside.remove(&log.look.rider) else {
                        continue;
                    };
                    between(NETWORK, entry, *station, log.look.at.since_s(at))
                }
            };
            let home = self.country.face_riders[log.look.rider].home;
            let payer = payer(Class::Ordinary, Paid::Face, home);
            let journey = Journey::new(ride, log.look.at);
            let book = &self.country.city(post.city).book;
            let quote = book.explain(&journey, &payer, &History::default());
            if let Some(quote) = quote.ok().filter(|quote| quote.amount == amount) {
                fares.push(Explained {
                    city: post.city,
                    home,
                    means: Means::Face,
                    class: Class::Ordinary,
                    quote,
                });
            }
        }
        fares
    }

    fn explained_cards(&self) -> Vec<Explained> {
        let mut told = Telling::new(self);
        let fares = self.taps.iter().filter_map(|log| told.explain(log));
        fares.collect()
    }

    /// What riders of each class paid, by medium, at home and away.
    #[must_use]
    pub fn classes(&self, lang: Lang) -> Table {
        let mut totals: BTreeMap<(Class, Means, bool), Total> = BTreeMap::new();
        let mut add = |class, means, is_away, rider: usize, fen: Fen| {
            let total = totals.entry((class, means, is_away)).or_default();
            total.riders.insert(rider);
            total.rides += 1;
            total.fen += fen.get();
        };
        let riders = self.country.riders.iter().enumerate();
        let riders: BTreeMap<_, _> = riders.map(|(i, r)| (r.account, (i, r.class))).collect();
        for record in self.settled() {
            let Some((rider, class)) = riders.get(&record.account) else {
                continue;
            };
            let is_away = record.issuer != record.acquirer;
            add(*class, Means::Code, is_away, *rider, record.amount);
        }
        for log in self.taps {
            let holder = &self.country.cardholders[log.tap.holder];
            let is_away = holder.home != self.country.card_posts[log.tap.post].city;
            if log.tap.due != Due::Nothing && !log.tap.is_refunded {
                let means = Means::of(holder);
                add(holder.class, means, is_away, log.tap.holder, log.debit);
            }
        }
        let rows = totals
            .into_iter()
            .map(|((class, means, is_away), total)| {
                let (en, zh) = class.name();
                vec![
                    say(lang, en, zh),
                    means.name(lang),
                    where_(lang, is_away),
                    total.riders.len().to_string(),
                    total.rides.to_string(),
                    Fen::new(total.fen).to_string(),
                ]
            })
            .collect();
        Table {
            title: say(lang, "Rides by class", "各类乘客的乘车"),
            header: [
                ("class", "类别"),
                ("medium", "介质"),
                ("where", "地点"),
                ("riders", "乘客"),
                ("rides", "乘车"),
                ("paid ¥", "实付 ¥"),
            ]
            .map(|(en, zh)| say(lang, en, zh))
            .to_vec(),
            rows,
        }
    }
}

/// Tells what each card had to say to the fare engine, ride after ride.
struct Telling<'a> {
    story: &'a Story<'a>,
    /// By card and city.
    histories: BTreeMap<(usize, usize), History>,
    /// Where and when the ride under way began.
    begun: BTreeMap<usize, (StationCode, Timestamp)>,
}

impl<'a> Telling<'a> {
    fn new(story: &'a Story<'a>) -> Self {
        let mut histories = BTreeMap::new();
        for (index, holder) in story.country.cardholders.iter().enumerate() {
            let Some((day, sum)) = holder.ridden else {
                continue;
            };
            let mut history = History::default();
            history.counters[0] = Tally {
                period: Window::Month.period(day),
                sum: u32::try_from(sum.get()).unwrap_or(u32::MAX),
            };
            histories.insert((index, holder.home), history);
        }
        Self {
            story,
            histories,
            begun: BTreeMap::new(),
        }
    }

    fn explain(&mut self, log: &TapLog) -> Option<Explained> {
        let country = self.story.country;
        let (holder, at) = (log.tap.holder, log.tap.at);
        let post = &country.card_posts[log.tap.post];
        let here = match post.place {
            CardPlace::Gate { station, .. } => Some(station),
            CardPlace::Suburb => StationCode::parse(&format!("{:02}", log.tap.stop)).ok(),
            CardPlace::Bus { .. } | CardPlace::HandHeld { .. } => None,
        };
        if matches!(log.say, Some(Say::Enter | Say::Boarded)) {
            self.begun.insert(holder, (here?, at));
        }
        let through = |network: &str, begun: Option<&(StationCode, Timestamp)>| {
            let (from, began_at) = *begun?;
            Some(between(network, from, here?, at.since_s(began_at)))
        };
        let begun = self.begun.get(&holder);
        let ride = match (log.tap.due, post.place) {
            (Due::Bus, CardPlace::Bus { line, .. }) => Ride::Flat { line },
            (Due::Metro { .. } | Due::MetroMax, _) => through(NETWORK, begun)?,
            (Due::Suburb { .. }, _) => through(SUBURB, begun)?,
            _ => return None,
        };
        let rider = &country.cardholders[holder];
        let book: &FareBook = &country.city(post.city).book;
        let payer = payer(rider.class, Paid::Card, rider.home);
        let history = self.histories.entry((holder, post.city)).or_default();
        let journey = Journey::new(ride, at);
        let quote = book.explain(&journey, &payer, history).ok()?;
        let after = book.charge(&journey, &payer, history).ok()?.history;
        *history = match rider.medium {
            // An e-cash remembers nothing.
            Medium::Cash => History::default(),
            Medium::Purse if rider.home == post.city => after,
            // Of another city's card only its newest trip is known.
            Medium::Purse => History {
                last: after.last.map(|last| LastRide { chain: 0, ..last }),
                ..History::default()
            },
        };
        let is_paid = quote.amount == log.debit;
        is_paid.then_some(Explained {
            city: post.city,
            home: rider.home,
            means: Means::of(rider),
            class: rider.class,
            quote,
        })
    }
}

fn payer(class: Class, means: Paid, home: usize) -> Rider {
    Rider {
        class: FareClass(class.card_kind().0),
        ..Rider::ordinary(means, NODES[home].institution().city())
    }
}

fn between(network: &str, entry: StationCode, exit: StationCode, stayed_s: i64) -> Ride {
    Ride::Distance {
        network: LineCode::parse(network).expect("a line code"),
        entry,
        exit,
        stayed_s: u32::try_from(stayed_s.max(0)).unwrap_or(u32::MAX),
    }
}
