//! Rules: when one applies and what it does. Everything here is data of a book.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::{BusinessDay, Fen, LineCode, StationCode, Timestamp};

use crate::rider::words;
use crate::{Direction, LastRide, Means, Mode, Name, Ticket};

/// The kinds of rules, in the order in which they are applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RuleKind {
    /// Adds to the ordinary fare (附加费). All that apply are applied.
    Surcharge,
    /// For a class or an age of riders (优惠政策). The first that applies.
    Concession,
    /// For what is paid with (支付载体优惠). The first that applies.
    Means,
    /// After another ride (换乘优惠). The first that applies.
    Transfer,
    /// By a sum of the rides before (累计优惠). The first that applies.
    Accumulation,
    /// A highest or lowest amount (封顶、保底). All that apply are applied.
    Cap,
}

words! { RuleKind {
    Surcharge = "surcharge", "附加费", "surcharge";
    Concession = "concession", "优惠政策", "concession";
    Means = "means", "支付载体优惠", "means of payment";
    Transfer = "transfer", "换乘优惠", "transfer";
    Accumulation = "accumulation", "累计优惠", "accumulation";
    Cap = "cap", "封顶或保底", "cap";
} }

/// What a rule does to the amount so far. It never goes below zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// So many hundredths of it remain, `95%`.
    Percent(u16),
    /// Less by so much, `-0.40`.
    Less(Fen),
    /// More by so much, `+5.00`.
    More(Fen),
    /// Exactly so much, `=2.00`; `free` is nothing.
    Exactly(Fen),
    /// More by so many times the ordinary fare of the kilometres in the business carriage.
    Premium(u16),
    /// This ride and the one before it cost so much together, `together 3.00`.
    Together(Fen),
    /// Not more than so much, `max 8.00`.
    AtMost(Fen),
    /// Not less than so much, `min 1.00`.
    AtLeast(Fen),
    /// Not more than so much with what the counter holds, `total 1 20.00`.
    TotalAtMost(u8, Fen),
}

/// One rule of a book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Its kind.
    pub kind: RuleKind,
    /// Its key, unique among the book's rules.
    pub key: String,
    /// What people call it.
    pub name: Name,
    /// When it applies.
    pub when: When,
    /// What it does.
    pub action: Action,
}

/// What a rule does: one thing, or by steps of a sum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Always the same.
    Always(Effect),
    /// By what a counter holds *before* the ride: the last tier reached. A ride is never split.
    Tiers {
        /// The counter's number.
        counter: u8,
        /// From which sum on, and what then; by rising sum.
        tiers: Vec<(u32, Effect)>,
    },
}

/// Of what home city the rider is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// The book's own.
    Local,
    /// Another one.
    Visitor,
}

/// On which days.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Days {
    /// On all.
    #[default]
    Any,
    /// On these days of the week; bit 0 is Monday.
    Week(u8),
    /// Monday to Friday, but for what the book's calendar says (工作日).
    Work,
    /// The others (休息日).
    Rest,
}

/// Between which moments of two rides the window of a transfer runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Clock {
    /// From the payment of the last ride to the beginning of this one.
    #[default]
    PaidToBegun,
    /// From the payment of the last ride to that of this one.
    PaidToPaid,
    /// From the beginning of the last ride to that of this one.
    BegunToBegun,
    /// From the beginning of the last ride to the payment of this one.
    BegunToPaid,
    /// From the beginning of the chain's first ride to that of this one.
    ChainToBegun,
}

words! { Clock {
    PaidToBegun = "paid-begun", "上次付费至本次上车", "last payment to this boarding";
    PaidToPaid = "paid-paid", "两次付费之间", "payment to payment";
    BegunToBegun = "begun-begun", "两次上车之间", "boarding to boarding";
    BegunToPaid = "begun-paid", "上次上车至本次付费", "last boarding to this payment";
    ChainToBegun = "chain-begun", "首次上车至本次上车", "first boarding to this boarding";
} }

/// Whether a ride on the line of the last one is a transfer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum SameLine {
    /// It is not.
    #[default]
    No,
    /// In the other direction only.
    Reverse,
    /// It is.
    Yes,
}

words! { SameLine {
    No = "no", "不含同线", "no";
    Reverse = "reverse", "仅限反向", "reverse only";
    Yes = "yes", "含同线", "yes";
} }

/// What a transfer asks of the last ride.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct After {
    /// Modes of the last ride, one bit each.
    pub modes: u8,
    /// Lines of the last ride; none is any.
    pub lines: Vec<LineCode>,
    /// The longest time between, in seconds, inclusive; `None` for any.
    pub within_s: Option<u32>,
    /// Between which moments.
    pub clock: Clock,
    /// How many transfers a chain may have; `None` for any number.
    pub chain_max: Option<u8>,
    /// Whether the same line counts.
    pub same_line: SameLine,
}

/// When something applies. Each part that is there must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct When {
    /// Classes, by the bit of their place in the book; 0 is any.
    pub classes: u32,
    /// Means, one bit each; 0 is any.
    pub means: u8,
    /// Modes, one bit each; 0 is any.
    pub modes: u8,
    /// Lines and networks; none is any.
    pub lines: Vec<LineCode>,
    /// Stops where the ride begins or ends; none is any.
    pub stops: Vec<StationCode>,
    /// Home city.
    pub home: Option<Home>,
    /// Ages in full years, inclusive; whose age is not known is not meant.
    pub ages: Option<(u8, u8)>,
    /// First and last day.
    pub dates: (Option<BusinessDay>, Option<BusinessDay>),
    /// Days.
    pub days: Days,
    /// Times of the day in seconds, from inclusive, to exclusive; none is any.
    pub hours: Vec<(u32, u32)>,
    /// Whether day and hour are those of the payment, not of the beginning.
    pub by_payment: bool,
    /// Whether it holds only where no concession was applied; of means, transfers and
    /// accumulations only.
    pub no_concession: bool,
    /// What the last ride must be; transfers only.
    pub after: Option<After>,
}

/// A ride as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    pub(crate) class: u32,
    pub(crate) means: Means,
    pub(crate) mode: Mode,
    pub(crate) line: LineCode,
    pub(crate) direction: Option<Direction>,
    pub(crate) stops: [Option<StationCode>; 2],
    pub(crate) home: Home,
    pub(crate) age: Option<u8>,
    pub(crate) begun: Moment,
    pub(crate) paid: Moment,
}

/// A moment in China, with what the book's calendar says of its day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) unix_s: i64,
    pub(crate) day: BusinessDay,
    pub(crate) second_of_day: u32,
    pub(crate) work: bool,
}

/// The bit of a value in a mask.
pub(crate) const fn bit(index: usize) -> u8 {
    1 << index
}

pub(crate) const fn mode_bit(mode: Mode) -> u8 {
    bit(mode as usize)
}

pub(crate) const fn means_bit(means: Means) -> u8 {
    bit(means as usize)
}

/// Monday is 0. 1970-01-01 was a Thursday.
pub(crate) fn weekday(day: BusinessDay) -> u8 {
    u8::try_from((day.days() + 3).rem_euclid(7)).expect("a rest of 7 fits")
}

impl When {
    /// Whether everything but what is asked of the last ride holds.
    pub(crate) fn holds(&self, ride: &Occasion) -> bool {
        let moment = if self.by_payment {
            ride.paid
        } else {
            ride.begun
        };
        (self.classes == 0 || self.classes & ride.class != 0)
            && (self.means == 0 || self.means & means_bit(ride.means) != 0)
            && (self.modes == 0 || self.modes & mode_bit(ride.mode) != 0)
            && (self.lines.is_empty() || self.lines.contains(&ride.line))
            && (self.stops.is_empty() || {
                let mut stops = ride.stops.iter().flatten();
                stops.any(|stop| self.stops.contains(stop))
            })
            && self.home.is_none_or(|home| home == ride.home)
            && self
                .ages
                .is_none_or(|(from, to)| ride.age.is_some_and(|age| (from..=to).contains(&age)))
            && self.dates.0.is_none_or(|first| moment.day >= first)
            && self.dates.1.is_none_or(|last| moment.day <= last)
            && match self.days {
                Days::Any => true,
                Days::Week(mask) => mask & (1 << weekday(moment.day)) != 0,
                Days::Work => moment.work,
                Days::Rest => !moment.work,
            }
            && (self.hours.is_empty() || {
                let mut hours = self.hours.iter();
                hours.any(|(from, to)| (*from..*to).contains(&moment.second_of_day))
            })
    }

    /// Whether it holds for this ride after that one: the seconds between the two if so.
    pub(crate) fn holds_after(&self, ride: &Occasion, last: &LastRide) -> Option<u32> {
        let after = self.after.as_ref()?;
        if !self.holds(ride) || after.modes != 0 && after.modes & mode_bit(last.mode) == 0 {
            return None;
        }
        if !after.lines.is_empty() && !after.lines.contains(&last.line) {
            return None;
        }
        if last.line == ride.line {
            let turned = matches!((last.direction, ride.direction), (Some(a), Some(b)) if a != b);
            match after.same_line {
                SameLine::No => return None,
                SameLine::Reverse if !turned => return None,
                SameLine::Reverse | SameLine::Yes => {}
            }
        }
        if after.chain_max.is_some_and(|max| last.chain >= max) {
            return None;
        }
        let (from, to) = match after.clock {
            Clock::PaidToBegun => (last.paid_at, ride.begun),
            Clock::PaidToPaid => (last.paid_at, ride.paid),
            Clock::BegunToBegun => (last.begun_at, ride.begun),
            Clock::BegunToPaid => (last.begun_at, ride.paid),
            Clock::ChainToBegun => (last.chain_begun_at, ride.begun),
        };
        // A last ride that lies in the future is a clock that runs wrong, not a transfer.
        let between_s = u32::try_from(to.unix_s.checked_sub(from.get())?).ok()?;
        let in_time = after.within_s.is_none_or(|within_s| between_s <= within_s);
        in_time.then_some(between_s)
    }
}

/// The window of a counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Window {
    /// A day, China time.
    Day,
    /// A calendar month, China time (自然月).
    Month,
    /// A calendar year, China time.
    Year,
}

words! { Window {
    Day = "day", "当日", "day";
    Month = "month", "当月", "month";
    Year = "year", "当年", "year";
} }

impl Window {
    /// The number of the period in which a day lies: `20260131`, `202601` or `2026`.
    #[must_use]
    pub fn period(self, day: BusinessDay) -> u32 {
        let (y, m, d) = day.ymd();
        let number = match self {
            Self::Day => y * 10_000 + m * 100 + d,
            Self::Month => y * 100 + m,
            Self::Year => y,
        };
        u32::try_from(number).expect("a day has a year from 0 to 9999")
    }
}

/// What a counter counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Measure {
    /// Fen paid, discounts taken off.
    Paid,
    /// Fen of the ordinary fares.
    Full,
    /// Rides.
    Rides,
}

words! { Measure {
    Paid = "paid", "实付金额", "paid";
    Full = "full", "原价金额", "ordinary fares";
    Rides = "rides", "乘次", "rides";
} }

/// A counter (累计) of a book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counter {
    /// Its number, 1 to [`crate::COUNTERS_MAX`]: its place in a history.
    pub number: u8,
    /// How long it counts.
    pub window: Window,
    /// What it counts.
    pub measure: Measure,
    /// Which rides it counts.
    pub when: When,
}

/// A product (票卡产品): a ticket for many rides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// Its number, 1 to 255, as tickets carry it.
    pub number: u8,
    /// What people call it.
    pub name: Name,
    /// Which rides it covers.
    pub when: When,
    /// What it costs.
    pub price: Fen,
    /// Rides on it; `None` for any number.
    pub rides: Option<u16>,
    /// How long it counts from its first ride on, in hours.
    pub hours: Option<u16>,
    /// How long it counts from the day of its sale on, that day included.
    pub days: Option<u16>,
    /// Whether it counts to the end of the calendar month of its sale.
    pub month: bool,
}

impl Product {
    /// A ticket of it, sold at that moment.
    #[must_use]
    pub fn ticket(&self, sold_at: Timestamp) -> Ticket {
        let day = sold_at.china().day;
        let mut until = Timestamp::new(i64::MAX);
        if let Some(days) = self.days {
            let end = BusinessDay::from_days(day.days() + i64::from(days));
            until = until.min(end.start_in_china());
        }
        if self.month {
            let (y, m, _) = day.ymd();
            let (y, m) = if m == 12 { (y + 1, 1) } else { (y, m + 1) };
            // The last month of year 9999 has none after it.
            let end = BusinessDay::from_ymd(y, m, 1);
            until = end.map_or(until, |end| until.min(end.start_in_china()));
        }
        Ticket {
            product: self.number,
            from: sold_at,
            until,
            used: false,
            rides_left: self.rides,
        }
    }
}

/// How amounts are rounded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RoundMode {
    /// To the nearest, the middle upwards (四舍五入).
    HalfUp,
    /// Upwards.
    Up,
    /// Downwards (舍去).
    Down,
}

words! { RoundMode {
    HalfUp = "half-up", "四舍五入", "half up";
    Up = "up", "向上", "up";
    Down = "down", "舍去", "down";
} }

/// A rule of rounding; the book's first that applies counts, without one whole fen half up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rounding {
    /// Which rides.
    pub when: When,
    /// Of what the amount is a multiple.
    pub unit: Fen,
    /// Which way.
    pub mode: RoundMode,
}
