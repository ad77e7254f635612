//! What riders by face do, and what they must be told: planned before anything moves.

use std::collections::BTreeMap;

use tongtu_terminal::face::FaceMoment;
use tongtu_types::{BusinessDay, StationCode, Timestamp};

use crate::books::AIRPORT_LINE;
use crate::country::{CITIES, Country, NODES, Place, Post};
use crate::seed::Dice;

/// A terminal that recognises faces, beside one for codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacePost {
    /// What it is as a terminal: its own number, where it stands.
    pub post: Post,
    /// The terminal for codes in the same housing, whose fares it asks.
    pub beside: usize,
}

/// Numbers of face terminals begin here in each city.
const NUMBERS_FROM: usize = 70_001;
/// Stations with face terminals in each city.
const STATIONS: usize = 3;

/// Face terminals: in one bus of each line and at some stations of each city.
#[must_use]
pub fn face_posts(country: &Country) -> Vec<FacePost> {
    let mut posts = Vec::new();
    for city in CITIES {
        let of_city = country.posts.iter().enumerate();
        let mut lines = Vec::new();
        let mut stations: Vec<StationCode> = Vec::new();
        let chosen = of_city
            .filter(|(_, post)| post.city == city)
            .filter(|(_, post)| match &post.place {
                Place::Bus { line, .. } => {
                    let is_new = line.as_str() != AIRPORT_LINE && !lines.contains(line);
                    lines.push(*line);
                    is_new
                }
                Place::Entry { station } => {
                    stations.push(*station);
                    stations.len() <= STATIONS
                }
                Place::Exit { station } => stations
                    .iter()
                    .take(STATIONS)
                    .any(|chosen| chosen == station),
            });
        let region = NODES[city].institution().city();
        for ((beside, post), n) in chosen.zip(NUMBERS_FROM..) {
            let number = format!("{region}{n:08}");
            let serial = u32::try_from(n).expect("some dozen terminals");
            posts.push(FacePost {
                post: Post {
                    number: number.parse().expect("twelve digits"),
                    serial: serial.to_be_bytes(),
                    ..post.clone()
                },
                beside,
            });
        }
    }
    posts
}

/// What is before the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Before {
    /// The rider.
    Rider,
    /// The rider, half turned away; gives the digits when asked.
    Askance,
    /// A picture of the rider.
    Picture,
    /// Somebody who never enrolled.
    Stranger,
    /// The rider and somebody else.
    Two,
    /// The rider, who has withdrawn the consent.
    Withdrawn,
    /// The rider once more, at once.
    Again,
}

impl Before {
    /// What it is, in English and Chinese.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Rider => ("enrolled rider", "已登记乘客"),
            Self::Askance => ("half turned away, gave the digits", "侧脸，输入后四位"),
            Self::Picture => ("a picture", "照片"),
            Self::Stranger => ("not enrolled", "未登记"),
            Self::Two => ("two faces at once", "两人同时"),
            Self::Withdrawn => ("consent withdrawn at noon", "中午撤回同意"),
            Self::Again => ("just passed", "刚刚通过"),
        }
    }

    /// What must be said in the end.
    #[must_use]
    pub const fn moment(self) -> FaceMoment {
        match self {
            Self::Rider | Self::Askance => FaceMoment::Pass,
            Self::Picture | Self::Stranger | Self::Withdrawn => FaceMoment::OtherWay,
            Self::Two => FaceMoment::OneByOne,
            Self::Again => FaceMoment::JustPassed,
        }
    }
}

/// What a look must cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaceDue {
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
}

/// One look of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedLook {
    /// When.
    pub at: Timestamp,
    /// Who, an index into the riders by face.
    pub rider: usize,
    /// Where, an index into the face terminals.
    pub post: usize,
    /// What is before the camera.
    pub before: Before,
    /// What it must cost.
    pub due: FaceDue,
}

/// Seconds in which a rider types four digits.
pub const TYPING_S: i64 = 6;
/// When the first rider withdraws the consent on the first day, seconds after midnight in China.
pub const WITHDRAWN_S: i64 = 12 * 3600;

/// Plans what cameras see on one day.
#[must_use]
pub fn plan_looks(country: &Country, day: BusinessDay, n: i64) -> Vec<PlannedLook> {
    let mut dice = country.seed.dice(&format!("looks {n}"));
    let mut looks = Vec::new();
    for (rider, holder) in country.face_riders.iter().enumerate() {
        let posts: Vec<usize> = (0..country.face_posts.len())
            .filter(|post| country.face_posts[*post].post.city == holder.home)
            .collect();
        let mut rides = Rides {
            country,
            posts,
            dice: &mut dice,
            looks: &mut looks,
            rider,
        };
        rides.day(day, n);
    }
    looks.sort_by_key(|look| (look.at, look.rider));
    one_by_one(&mut looks);
    looks
}

/// Whoever comes while another stands before a terminal waits until it is free.
fn one_by_one(looks: &mut [PlannedLook]) {
    let mut free_at: BTreeMap<usize, Timestamp> = BTreeMap::new();
    for look in looks.iter_mut() {
        let free = free_at.get(&look.post).copied().unwrap_or(look.at);
        look.at = look.at.max(free);
        let busy_s = match look.before {
            Before::Askance => TYPING_S + 1,
            _ => 1,
        };
        free_at.insert(look.post, look.at.plus_s(busy_s));
    }
    looks.sort_by_key(|look| (look.at, look.rider));
}

/// What a look in a bus must cost.
fn bus_due(before: Before) -> FaceDue {
    match before.moment() {
        FaceMoment::Pass => FaceDue::Bus,
        _ => FaceDue::Nothing,
    }
}

struct Rides<'a> {
    country: &'a Country,
    posts: Vec<usize>,
    dice: &'a mut Dice,
    looks: &'a mut Vec<PlannedLook>,
    rider: usize,
}

impl Rides<'_> {
    fn day(&mut self, day: BusinessDay, n: i64) {
        let mut within = |from: i64, to: i64| {
            let at = self.dice.between(from * 3600, to * 3600);
            day.start_in_china().plus_s(at)
        };
        let (morning, later) = (within(7, 9), within(16, 20));
        let after_noon = within(13, 14);
        if self.rider == 0 {
            // The one who withdraws.
            if n == 0 {
                self.bus(morning, Before::Rider);
            }
            self.bus(if n == 0 { after_noon } else { morning }, Before::Withdrawn);
            return;
        }
        let (first, then) = match self.rider % 6 {
            1 => (Before::Askance, None),
            2 => (Before::Picture, Some((20, Before::Rider))),
            3 => (Before::Two, Some((15, Before::Rider))),
            4 => (Before::Rider, Some((12, Before::Again))),
            5 => (Before::Stranger, Some((40, Before::Rider))),
            _ => {
                self.metro(morning);
                self.metro(later);
                return;
            }
        };
        let post = self.bus(morning, first);
        if let Some((after_s, before)) = then {
            let due = bus_due(before);
            self.put(morning.plus_s(after_s), post, before, due);
        }
        self.metro(later);
    }

    fn put(&mut self, at: Timestamp, post: usize, before: Before, due: FaceDue) -> usize {
        self.looks.push(PlannedLook {
            at,
            rider: self.rider,
            post,
            before,
            due,
        });
        post
    }

    fn of(&self, wanted: impl Fn(&Place) -> bool) -> Vec<usize> {
        let place = |post: usize| &self.country.face_posts[post].post.place;
        let posts = self.posts.iter().copied();
        posts.filter(|post| wanted(place(*post))).collect()
    }

    fn bus(&mut self, at: Timestamp, before: Before) -> usize {
        let buses = self.of(|place| matches!(place, Place::Bus { .. }));
        let post = *self.dice.pick(&buses);
        self.put(at, post, before, bus_due(before))
    }

    fn metro(&mut self, at: Timestamp) -> usize {
        let entries = self.of(|place| matches!(place, Place::Entry { .. }));
        let entry = *self.dice.pick(&entries);
        let Place::Entry { station: from } = self.country.face_posts[entry].post.place else {
            return entry;
        };
        let elsewhere =
            |place: &Place| matches!(place, Place::Exit { station } if *station != from);
        let exits = self.of(elsewhere);
        let exit = *self.dice.pick(&exits);
        let Place::Exit { station: to } = self.country.face_posts[exit].post.place else {
            return entry;
        };
        self.put(at, entry, Before::Rider, FaceDue::Nothing);
        let out = at.plus_s(self.dice.between(8 * 60, 70 * 60));
        self.put(out, exit, Before::Rider, FaceDue::Metro { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::country::Scale;
    use crate::seed::Seed;

    #[test]
    fn nobody_comes_while_another_types() {
        let first = BusinessDay::from_ymd(2026, 3, 23).unwrap();
        let scale = Scale {
            faces: 400,
            ..Scale::village(0)
        };
        let country = Country::found(Seed(1), scale, first).unwrap();
        let looks = plan_looks(&country, first, 0);
        assert!(looks.is_sorted_by_key(|look| look.at));
        let mut last: BTreeMap<usize, PlannedLook> = BTreeMap::new();
        for look in looks {
            if let Some(before) = last.insert(look.post, look) {
                let busy_s = match before.before {
                    Before::Askance => TYPING_S,
                    _ => 0,
                };
                assert!(look.at.since_s(before.at) > busy_s, "{before:?} {look:?}");
            }
        }
    }
}
