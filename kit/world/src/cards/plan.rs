//! What riders do with their cards, and what goes wrong: planned before anything moves.
//!
//! Each tap carries what its rider must hear and what the card must pay, in words of the plan:
//! the auditor turns them into money by its own table of fares.

use std::collections::BTreeMap;

use tongtu_terminal::tap::{Say, Way};
use tongtu_types::{BusinessDay, Fen, StationCode, Timestamp};

use super::people::{Flaw, Habit, Medium};
use super::posts::{CardPlace, TRANSFERS};
use super::wallet::Tear;
use crate::books::{AIRPORT_LINE, SUBURB_STOPS};
use crate::country::{CITIES, Country, NODES};
use crate::seed::Dice;

/// What is special about a ride by card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mishap {
    /// Nothing.
    Honest,
    /// Pulled away before the card paid; tapped again at once.
    TornUnpaidBack,
    /// Pulled away after the card paid; tapped again at once.
    TornPaidBack,
    /// The same, tapped again at the bus's other validator, which was told.
    TornPaidBeside,
    /// The same, but the bus's network is down, so that it could not be told.
    TornPaidBesideCut,
    /// Pulled away after the card paid; the rider walks off.
    TornPaidGone,
    /// Pulled away before the card paid; the rider walks off.
    TornUnpaidGone,
    /// Pulled away at an exit gate after the card paid; tapped again at once.
    TornExit,
    /// Left the metro without a tap.
    MissedExit,
    /// Left a segmented bus without a tap.
    MissedAlight,
    /// Stayed in the metro for too long.
    OverStay,
    /// Tapped twice.
    DoubleTap,
    /// Two cards in one hand.
    TwoCards,
    /// Nothing is wrong: changed within the window of transfers.
    Changed,
    /// Nothing is wrong: changed after it.
    ChangedLate,
    /// Nothing is wrong: rode until the cap of the day.
    AllDay,
    /// The card itself is at fault.
    Card(Flaw),
}

impl Mishap {
    /// Every mishap that a ride of a sound card can have, in the order they are dealt.
    const DEALT: [Self; 12] = [
        Self::TornPaidBack,
        Self::TornPaidBeside,
        Self::TornPaidBesideCut,
        Self::TornPaidGone,
        Self::MissedExit,
        Self::OverStay,
        Self::TornUnpaidBack,
        Self::TornUnpaidGone,
        Self::MissedAlight,
        Self::DoubleTap,
        Self::TornExit,
        Self::TwoCards,
    ];

    /// The same for an e-cash.
    const OF_CASH: [Self; 8] = [
        Self::TornPaidBack,
        Self::TornPaidBeside,
        Self::TornPaidBesideCut,
        Self::TornExit,
        Self::TornPaidGone,
        Self::TornUnpaidBack,
        Self::TornUnpaidGone,
        Self::DoubleTap,
    ];

    /// What it is, in English and Chinese.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Honest => ("honest ride", "正常乘车"),
            Self::TornUnpaidBack => (
                "pulled away before paying, tapped again",
                "扣款前移开，原机重刷",
            ),
            Self::TornPaidBack => (
                "pulled away after paying, tapped again",
                "扣款后移开，原机重刷",
            ),
            Self::TornPaidBeside => (
                "pulled away after paying, tapped at the other validator",
                "扣款后移开，换同车另一机刷",
            ),
            Self::TornPaidBesideCut => (
                "the same while the bus's network was down",
                "扣款后移开换机刷，车内网络中断",
            ),
            Self::TornPaidGone => (
                "pulled away after paying, never came back",
                "扣款后移开，未再刷",
            ),
            Self::TornUnpaidGone => (
                "pulled away before paying, never came back",
                "扣款前移开，未再刷",
            ),
            Self::TornExit => (
                "pulled away at the exit gate, tapped again",
                "出站扣款后移开，重刷",
            ),
            Self::MissedExit => ("left the metro without a tap", "地铁出站未刷卡"),
            Self::MissedAlight => ("left the bus without a tap", "分段公交下车未刷卡"),
            Self::OverStay => ("stayed in the metro too long", "地铁内超时"),
            Self::DoubleTap => ("tapped twice", "重复刷卡"),
            Self::TwoCards => ("two cards in one hand", "两张卡同时出示"),
            Self::Changed => ("changed within the hour", "一小时内换乘"),
            Self::ChangedLate => ("changed too late", "换乘超时"),
            Self::AllDay => ("rode all day, up to the cap", "全天乘车，单日封顶"),
            Self::Card(Flaw::Sound) => ("sound card", "正常卡"),
            Self::Card(Flaw::Poor) => ("not enough on the card", "卡内余额不足"),
            Self::Card(Flaw::Blacklisted) => ("blacklisted card", "黑名单卡"),
            Self::Card(Flaw::Expired) => ("expired card", "过期卡"),
            Self::Card(Flaw::NotStarted) => ("card not in use yet", "未启用卡"),
            Self::Card(Flaw::Stranger) => ("card of an issuer on no list", "发卡机构不在名单"),
            Self::Card(Flaw::Forged) => ("forged card", "伪造卡"),
            Self::Card(Flaw::Lost) => ("reported lost in the morning", "上午挂失"),
            Self::Card(Flaw::Found) => ("found again, off the blacklist", "找回后解除挂失"),
        }
    }
}

/// What a card must pay at a tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// A bus of one fare.
    Bus,
    /// A metro ride.
    Metro {
        /// Where it began.
        from: StationCode,
        /// Where it ended.
        to: StationCode,
    },
    /// The dearest ride of the metro: who stayed too long pays it.
    MetroMax,
    /// The dearest ride from a station: where the rider got out is not known.
    MetroFrom {
        /// Where it began.
        from: StationCode,
    },
    /// A ride between two stops of the segmented bus.
    Suburb {
        /// Where it began.
        from: u8,
        /// Where it ended.
        to: u8,
    },
    /// The dearest ride of the segmented bus from a stop.
    SuburbFrom {
        /// Where it began.
        from: u8,
    },
}

/// What a rider does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Taps, and pulls the card away at some moment.
    Tap(Tear),
    /// Has a hand-held terminal close an open metro ride.
    CloseRail,
    /// Puts money on the card.
    Load(Fen),
    /// Holds two cards at the reader.
    TwoCards,
}

/// One thing that a rider does with a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedTap {
    /// When.
    pub at: Timestamp,
    /// Who, an index into the cardholders.
    pub holder: usize,
    /// Where, an index into the terminals for cards.
    pub post: usize,
    /// Where a segmented bus stands.
    pub stop: u8,
    /// What the rider does.
    pub act: Act,
    /// Whether the terminals of the vehicle hear each other.
    pub is_cut_off: bool,
    /// Part of what.
    pub mishap: Mishap,
    /// What the rider must hear; none where no terminal speaks.
    pub say: Option<Say>,
    /// What the card must pay.
    pub due: Due,
    /// Whether what it pays is owed back, because the rider pays again for the same ride.
    pub is_refunded: bool,
    /// Whether what it pays is known only by the card's next ride here.
    pub is_grey: bool,
}

/// A mishap for every so many e-cashes.
const CASH_MISHAP_EVERY: usize = 3;
/// A mishap for every so many cards.
const MISHAP_EVERY: usize = 5;
/// What a poor rider loads.
const TOP_UP: Fen = Fen::new(5000);
/// Seconds that a segmented bus takes from stop to stop, its standing included.
const STOP_S: i64 = 900;
/// Windows far enough apart that no two rides of one card meet.
const WINDOWS: [(i64, i64); 3] = [
    (6 * 3600, 9 * 3600),
    (11 * 3600, 14 * 3600),
    (16 * 3600, 20 * 3600),
];

/// Terminals for cards by city (an index into the nodes) and kind.
struct Posts {
    /// Front and rear of each bus.
    buses: Vec<Vec<[usize; 2]>>,
    suburb: Vec<Option<usize>>,
    /// Entry gate, exit gate and counter of each station.
    stations: Vec<Vec<(StationCode, [usize; 3])>>,
}

impl Posts {
    fn of(country: &Country) -> Self {
        let mut posts = Self {
            buses: vec![Vec::new(); NODES.len()],
            suburb: vec![None; NODES.len()],
            stations: vec![Vec::new(); NODES.len()],
        };
        let all = &country.card_posts;
        for (i, post) in all.iter().enumerate() {
            let find = |wanted: CardPlace| {
                all.iter()
                    .position(|p| p.city == post.city && p.place == wanted)
            };
            match post.place {
                CardPlace::Bus {
                    line,
                    bus,
                    is_rear: false,
                } if line.as_str() != AIRPORT_LINE => {
                    let is_rear = true;
                    if let Some(rear) = find(CardPlace::Bus { line, bus, is_rear }) {
                        posts.buses[post.city].push([i, rear]);
                    }
                }
                CardPlace::Suburb => posts.suburb[post.city] = Some(i),
                CardPlace::Gate {
                    station,
                    way: Way::Entry,
                } => {
                    let way = Way::Exit;
                    let exit = find(CardPlace::Gate { station, way });
                    let counter = find(CardPlace::HandHeld { station });
                    if let (Some(exit), Some(counter)) = (exit, counter) {
                        posts.stations[post.city].push((station, [i, exit, counter]));
                    }
                }
                _ => {}
            }
        }
        posts
    }
}

/// Plans what cards do on one day, after what they did the day before.
#[must_use]
pub fn plan_taps(
    country: &Country,
    yesterday: &[PlannedTap],
    day: BusinessDay,
    n: i64,
) -> Vec<PlannedTap> {
    // An acquirer claims a torn ride only when the card's very next dialogue proves it. Where the
    // card was in another city first nothing is proved, and only its issuer could tell; riders
    // who walked off torn stay in the city for another day.
    let staying: BTreeMap<usize, usize> = yesterday
        .iter()
        .filter(|tap| tap.is_grey)
        .map(|tap| (tap.holder, country.card_posts[tap.post].city))
        .collect();
    let mut dice = country.seed.dice(&format!("taps {n}"));
    let posts = Posts::of(country);
    let offset = usize::try_from(n).unwrap_or(0);
    let mut taps = Vec::new();
    for (index, holder) in country.cardholders.iter().enumerate() {
        let city = if dice.below(10) < 3 {
            CITIES[usize::from(holder.home == CITIES[0])]
        } else {
            holder.home
        };
        let city = staying.get(&index).copied().unwrap_or(city);
        let city = match holder.habit {
            Habit::Plain => city,
            // Transfers and the cap of a day count there.
            Habit::Changes | Habit::ChangesLate | Habit::AllDay => TRANSFERS,
        };
        let mut rider = Rider {
            taps: &mut taps,
            posts: &posts,
            dice: &mut dice,
            city,
            holder: index,
            mishap: Mishap::Honest,
        };
        let mishap = match holder.flaw {
            Flaw::Poor | Flaw::Found if n > 0 => Mishap::Honest,
            // An e-cash counts every dialogue, and the very next one must prove what the torn
            // one did.
            Flaw::Sound if holder.medium == Medium::Cash && staying.contains_key(&index) => {
                Mishap::Honest
            }
            Flaw::Sound if holder.medium == Medium::Cash => match index % CASH_MISHAP_EVERY {
                0 => Mishap::OF_CASH[(index / CASH_MISHAP_EVERY + offset) % Mishap::OF_CASH.len()],
                _ => Mishap::Honest,
            },
            Flaw::Sound if index % MISHAP_EVERY == 2 => {
                Mishap::DEALT[(index / MISHAP_EVERY + offset) % Mishap::DEALT.len()]
            }
            Flaw::Sound => match holder.habit {
                Habit::Plain => Mishap::Honest,
                Habit::Changes => Mishap::Changed,
                Habit::ChangesLate => Mishap::ChangedLate,
                Habit::AllDay => Mishap::AllDay,
            },
            flaw => Mishap::Card(flaw),
        };
        rider.day(day, mishap, n);
    }
    taps.sort_by_key(|tap| (tap.at, tap.holder, tap.post));
    taps
}

/// The morning after: riders of whose last tap nobody knows what it did ride once more there.
#[must_use]
pub fn plan_homecoming<'a>(
    country: &Country,
    days: impl Iterator<Item = &'a [PlannedTap]>,
    day: BusinessDay,
) -> Vec<PlannedTap> {
    let mut open: BTreeMap<(usize, usize), bool> = BTreeMap::new();
    for tap in days.flatten() {
        let city = country.card_posts[tap.post].city;
        if matches!(tap.act, Act::Tap(_)) {
            open.insert((tap.holder, city), tap.is_grey);
        }
    }
    let mut dice = country.seed.dice("homecoming");
    let posts = Posts::of(country);
    let mut taps = Vec::new();
    for ((holder, city), is_open) in open {
        if is_open {
            let mut rider = Rider {
                taps: &mut taps,
                posts: &posts,
                dice: &mut dice,
                city,
                holder,
                mishap: Mishap::Honest,
            };
            let at = rider.within(day, WINDOWS[0]);
            rider.bus(at);
        }
    }
    taps.sort_by_key(|tap| (tap.at, tap.holder, tap.post));
    taps
}

struct Rider<'a> {
    taps: &'a mut Vec<PlannedTap>,
    posts: &'a Posts,
    dice: &'a mut Dice,
    city: usize,
    holder: usize,
    mishap: Mishap,
}

impl Rider<'_> {
    fn within(&mut self, day: BusinessDay, (from, to): (i64, i64)) -> Timestamp {
        day.start_in_china().plus_s(self.dice.between(from, to))
    }

    fn day(&mut self, day: BusinessDay, mishap: Mishap, n: i64) {
        if let Mishap::Card(flaw) = mishap {
            let at = self.within(day, WINDOWS[0]);
            self.mishap = mishap;
            let noon = self.within(day, WINDOWS[1]);
            self.flawed(at, noon, flaw, n);
            if flaw != Flaw::Poor {
                return;
            }
        }
        // Who walks off does so in the evening: what is not known waits overnight.
        let special = match mishap {
            Mishap::TornPaidGone | Mishap::TornUnpaidGone => 2,
            _ => 0,
        };
        let is_all = mishap == Mishap::AllDay;
        let rides = if special == 2 || is_all || self.dice.one_in(3) {
            3
        } else {
            2
        };
        for (i, window) in WINDOWS.into_iter().enumerate().take(rides) {
            let at = self.within(day, window);
            self.mishap = Mishap::Honest;
            match mishap {
                Mishap::Honest => self.ride(at),
                Mishap::Card(_) if i == 0 => {}
                Mishap::MissedAlight if i == special => {
                    self.mishap = mishap;
                    let again = self.within(day, WINDOWS[2]);
                    self.missed_alight(at, again);
                }
                // What was not ended is ended in the evening, and by no such bus before.
                Mishap::MissedAlight if i == 2 => {}
                Mishap::MissedAlight => self.bus(at),
                Mishap::AllDay => {
                    self.mishap = mishap;
                    self.metro_and_bus(at);
                }
                // Still inside.
                Mishap::OverStay if i == 1 => {}
                _ if i == special => {
                    self.mishap = mishap;
                    self.special(at, mishap);
                }
                _ => self.ride(at),
            }
        }
    }

    fn put(&mut self, at: Timestamp, post: usize, act: Act, say: Say, due: Due) -> &mut PlannedTap {
        self.taps.push(PlannedTap {
            at,
            holder: self.holder,
            post,
            stop: 1,
            act,
            is_cut_off: false,
            mishap: self.mishap,
            say: Some(say),
            due,
            is_refunded: false,
            is_grey: false,
        });
        self.taps.last_mut().expect("it was just put there")
    }

    fn tap(&mut self, at: Timestamp, post: usize, say: Say, due: Due) {
        self.put(at, post, Act::Tap(Tear::Never), say, due);
    }

    fn a_bus(&mut self) -> [usize; 2] {
        *self.dice.pick(&self.posts.buses[self.city])
    }

    /// Two different stations.
    fn two_stations(&mut self) -> [(StationCode, [usize; 3]); 2] {
        let stations = &self.posts.stations[self.city];
        let from = self.dice.index(stations.len());
        let mut to = self.dice.index(stations.len());
        if to == from {
            to = (to + 1) % stations.len();
        }
        [stations[from], stations[to]]
    }

    fn ride(&mut self, at: Timestamp) {
        match self.dice.below(20) {
            0..8 => self.bus(at),
            8..11 => self.suburb(at),
            _ => self.metro(at),
        }
    }

    fn bus(&mut self, at: Timestamp) {
        let doors = self.a_bus();
        let door = *self.dice.pick(&doors);
        self.tap(at, door, Say::Paid, Due::Bus);
    }

    fn metro(&mut self, at: Timestamp) {
        let stayed_s = self.dice.between(8 * 60, 70 * 60);
        self.metro_for(at, stayed_s);
    }

    /// When the rider is out again.
    fn metro_for(&mut self, at: Timestamp, stayed_s: i64) -> Timestamp {
        let [(from, [entry, ..]), (to, [_, exit, _])] = self.two_stations();
        self.tap(at, entry, Say::Enter, Due::Nothing);
        let out = at.plus_s(stayed_s);
        self.tap(out, exit, Say::Leave, Due::Metro { from, to });
        out
    }

    /// When the rider is in the bus.
    fn metro_and_bus(&mut self, at: Timestamp) -> Timestamp {
        let stayed_s = self.dice.between(8 * 60, 25 * 60);
        let out = self.metro_for(at, stayed_s);
        let at = out.plus_s(self.dice.between(120, 900));
        self.bus(at);
        at
    }

    /// Bus, metro, bus, and one bus more: beyond the transfers that count in a row.
    fn changes(&mut self, at: Timestamp) {
        self.bus(at);
        let down = at.plus_s(self.dice.between(400, 900));
        let up = self.metro_and_bus(down);
        let at = up.plus_s(self.dice.between(300, 900));
        self.bus(at);
    }

    /// Two buses, and a moment more than an hour between them.
    fn changes_late(&mut self, at: Timestamp) {
        self.bus(at);
        let at = at.plus_s(3600 + self.dice.between(1, 600));
        self.bus(at);
    }

    /// The time, at or after this one, when the bus stands where it can be boarded, and where
    /// that is.
    fn boarding(at: Timestamp) -> (Timestamp, i64, u8) {
        let stops = i64::from(SUBURB_STOPS);
        let slot = at.get().div_euclid(STOP_S);
        let is_last = slot.rem_euclid(stops) == stops - 1;
        let slot = if is_last { slot + 1 } else { slot };
        let at = if is_last { at.plus_s(STOP_S) } else { at };
        let stop = u8::try_from(slot.rem_euclid(stops) + 1).expect("a few stops");
        (at, slot, stop)
    }

    fn board(&mut self, at: Timestamp, due: Due) -> Option<(i64, u8)> {
        let post = self.posts.suburb[self.city]?;
        let (at, slot, stop) = Self::boarding(at);
        let act = Act::Tap(Tear::Never);
        self.put(at, post, act, Say::Boarded, due).stop = stop;
        Some((slot, stop))
    }

    fn alight(&mut self, (slot, from): (i64, u8)) {
        let Some(post) = self.posts.suburb[self.city] else {
            return;
        };
        let left = i64::from(SUBURB_STOPS - from);
        let stops = self.dice.between(1, left);
        // Never so soon after boarding that it looks like the same tap again.
        let at = (slot + stops) * STOP_S + self.dice.between(30, 150);
        let to = from + u8::try_from(stops).expect("a few stops");
        let (act, due) = (Act::Tap(Tear::Never), Due::Suburb { from, to });
        self.put(Timestamp::new(at), post, act, Say::Alighted, due)
            .stop = to;
    }

    fn suburb(&mut self, at: Timestamp) {
        if let Some(boarded) = self.board(at, Due::Nothing) {
            self.alight(boarded);
        }
    }

    fn missed_alight(&mut self, at: Timestamp, again: Timestamp) {
        let Some((_, from)) = self.board(at, Due::Nothing) else {
            return;
        };
        if let Some(boarded) = self.board(again, Due::SuburbFrom { from }) {
            self.alight(boarded);
        }
    }

    fn special(&mut self, at: Timestamp, mishap: Mishap) {
        let [front, rear] = self.a_bus();
        let torn = |tear| Act::Tap(tear);
        let (unpaid, paid) = (torn(Tear::BeforeDebit), torn(Tear::AfterDebit));
        match mishap {
            Mishap::TornUnpaidBack => {
                self.put(at, front, unpaid, Say::TapAgain, Due::Nothing);
                self.tap(at.plus_s(6), front, Say::Paid, Due::Bus);
            }
            Mishap::TornPaidBack => {
                self.put(at, front, paid, Say::TapAgain, Due::Bus);
                self.tap(at.plus_s(8), front, Say::Paid, Due::Nothing);
            }
            Mishap::TornPaidBeside => {
                self.put(at, front, paid, Say::TapAgain, Due::Bus);
                self.tap(at.plus_s(25), rear, Say::Paid, Due::Nothing);
            }
            Mishap::TornPaidBesideCut => {
                let first = self.put(at, front, paid, Say::TapAgain, Due::Bus);
                (first.is_cut_off, first.is_refunded) = (true, true);
                let act = torn(Tear::Never);
                let second = self.put(at.plus_s(25), rear, act, Say::Paid, Due::Bus);
                second.is_cut_off = true;
            }
            Mishap::TornPaidGone => {
                let gone = self.put(at, front, paid, Say::TapAgain, Due::Bus);
                gone.is_grey = true;
            }
            Mishap::TornUnpaidGone => {
                let gone = self.put(at, front, unpaid, Say::TapAgain, Due::Nothing);
                gone.is_grey = true;
            }
            Mishap::TornExit => {
                let [(from, [entry, ..]), (to, [_, exit, _])] = self.two_stations();
                self.tap(at, entry, Say::Enter, Due::Nothing);
                let out = at.plus_s(self.dice.between(10 * 60, 60 * 60));
                self.put(out, exit, paid, Say::TapAgain, Due::Metro { from, to });
                self.tap(out.plus_s(7), exit, Say::Leave, Due::Nothing);
            }
            Mishap::MissedExit => self.missed_exit(at),
            Mishap::OverStay => {
                let [(_, [entry, ..]), (_, [_, exit, _])] = self.two_stations();
                self.tap(at, entry, Say::Enter, Due::Nothing);
                let out = at.plus_s(4 * 3600 + self.dice.between(300, 1500));
                self.tap(out, exit, Say::Leave, Due::MetroMax);
            }
            Mishap::DoubleTap => {
                self.tap(at, front, Say::Paid, Due::Bus);
                self.tap(at.plus_s(2), front, Say::AlreadyTapped, Due::Nothing);
            }
            Mishap::TwoCards => {
                let both = self.put(at, front, Act::TwoCards, Say::TapAgain, Due::Nothing);
                both.say = None;
                self.tap(at.plus_s(4), front, Say::Paid, Due::Bus);
            }
            Mishap::Changed => self.changes(at),
            Mishap::ChangedLate => self.changes_late(at),
            Mishap::Honest | Mishap::AllDay | Mishap::MissedAlight | Mishap::Card(_) => {
                self.ride(at);
            }
        }
    }

    /// In, out without a tap, and in again somewhere else.
    fn missed_exit(&mut self, at: Timestamp) {
        let [(missed, [first, ..]), (from, [entry, _, counter])] = self.two_stations();
        let due = Due::MetroFrom { from: missed };
        self.tap(at, first, Say::Enter, Due::Nothing);
        let mut again = at.plus_s(4200);
        if self.city == CITIES[0] {
            self.tap(again, entry, Say::NotEnded, Due::Nothing);
            let closed = again.plus_s(120);
            self.put(closed, counter, Act::CloseRail, Say::MadeUp, due);
            again = again.plus_s(200);
            self.tap(again, entry, Say::Enter, Due::Nothing);
        } else {
            self.tap(again, entry, Say::Enter, due);
        }
        let stations = &self.posts.stations[self.city];
        let ends: Vec<_> = stations.iter().filter(|s| s.0 != from).collect();
        let (to, [_, exit, _]) = **self.dice.pick(&ends);
        let out = again.plus_s(self.dice.between(600, 1500));
        self.tap(out, exit, Say::Leave, Due::Metro { from, to });
    }

    /// What a card with a flaw comes to.
    fn flawed(&mut self, at: Timestamp, noon: Timestamp, flaw: Flaw, n: i64) {
        let [front, _] = self.a_bus();
        match flaw {
            Flaw::Sound => self.ride(at),
            Flaw::Poor => {
                self.tap(at, front, Say::Insufficient, Due::Nothing);
                let counter = at.plus_s(300);
                let act = Act::Load(TOP_UP);
                self.put(counter, front, act, Say::Paid, Due::Nothing).say = None;
                self.tap(at.plus_s(600), front, Say::Paid, Due::Bus);
            }
            Flaw::Blacklisted => {
                self.tap(at, front, Say::SeeIssuer, Due::Nothing);
                if n == 0 {
                    // Locked by now, and refused for that.
                    self.tap(at.plus_s(40), front, Say::SeeIssuer, Due::Nothing);
                }
            }
            Flaw::Expired => self.tap(at, front, Say::Expired, Due::Nothing),
            Flaw::NotStarted => self.tap(at, front, Say::NotStarted, Due::Nothing),
            Flaw::Stranger => self.tap(at, front, Say::NotAccepted, Due::Nothing),
            Flaw::Forged => self.tap(at, front, Say::SeeStaff, Due::Nothing),
            // Whoever found it rides no further; locked by then, it is refused for ever.
            Flaw::Lost if n == 0 => {
                self.tap(at, front, Say::Paid, Due::Bus);
                self.tap(noon, front, Say::SeeIssuer, Due::Nothing);
                self.tap(noon.plus_s(60), front, Say::SeeIssuer, Due::Nothing);
            }
            Flaw::Lost => self.tap(at, front, Say::SeeIssuer, Due::Nothing),
            Flaw::Found => self.tap(noon, front, Say::Paid, Due::Bus),
        }
    }
}
