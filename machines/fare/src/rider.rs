//! Who rides, what was ridden, and with which means: what a charge is worked out from.

use tongtu_types::{CityCode, Fen, StationCode, Timestamp};

use crate::Ride;

/// Gives an enum of the field its words in a book and in two languages, and its bit in a mask.
macro_rules! words {
    ($t:ident { $($variant:ident = $word:literal, $zh:literal, $en:literal;)+ }) => {
        impl $t {
            /// All of them, in the order of their bits.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in a book.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Its name, English first.
            #[must_use]
            pub const fn name(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($en, $zh)),+ }
            }

            /// Finds it by its word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }
    };
}
pub(crate) use words;

/// The kind of vehicle (交通方式); transfer rules speak of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mode {
    /// A bus.
    Bus,
    /// A metro.
    Metro,
    /// A tram.
    Tram,
    /// A ferry.
    Ferry,
    /// A suburban train.
    Rail,
}

words! { Mode {
    Bus = "bus", "公交", "bus";
    Metro = "metro", "地铁", "metro";
    Tram = "tram", "有轨电车", "tram";
    Ferry = "ferry", "轮渡", "ferry";
    Rail = "rail", "市域铁路", "rail";
} }

/// What the rider pays with (支付载体).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Means {
    /// A transport card, or one in a phone.
    Card,
    /// A ride code.
    Code,
    /// A bank card at the gate.
    Bank,
    /// The rider's face.
    Face,
    /// A single ticket.
    Token,
}

words! { Means {
    Card = "card", "交通卡", "card";
    Code = "code", "乘车码", "ride code";
    Bank = "bank", "银行卡", "bank card";
    Face = "face", "刷脸", "face";
    Token = "token", "单程票", "single ticket";
} }

/// Which way along a line (上下行).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// In the order in which the book lists the stops (上行).
    Up,
    /// Against it (下行).
    Down,
}

words! { Direction {
    Up = "up", "上行", "up";
    Down = "down", "下行", "down";
} }

impl Direction {
    /// The way back.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// A class of riders (卡种), by the number that a card's own files carry for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Class(pub u8);

impl Class {
    /// Ordinary (普通卡).
    pub const ORDINARY: Self = Self(1);
    /// Student (学生卡).
    pub const STUDENT: Self = Self(2);
    /// Elder (老年卡).
    pub const ELDER: Self = Self(3);
    /// Military (军人卡).
    pub const MILITARY: Self = Self(5);

    /// The highest number that means the same in every city; what is above is a city's own, and
    /// another city's card of such a class rides as an ordinary one.
    ///
    /// UNSPECIFIED: 01 to 05 are what cards of several cities were seen to agree on.
    pub const COMMON_MAX: Self = Self(5);
}

/// The rider, as the card's files or the account say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rider {
    /// The class.
    pub class: Class,
    /// What is paid with.
    pub means: Means,
    /// The city that issued the card or code.
    pub home: CityCode,
    /// The age in full years, where it is known.
    pub age: Option<u8>,
}

impl Rider {
    /// An ordinary rider of unknown age.
    #[must_use]
    pub const fn ordinary(means: Means, home: CityCode) -> Self {
        Self {
            class: Class::ORDINARY,
            means,
            home,
            age: None,
        }
    }
}

/// How many stations on the way a [`Journey`] can name.
pub const VIA_MAX: usize = 4;

/// A ride with what surrounds it, to be charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Journey {
    /// What was ridden.
    pub ride: Ride,
    /// The moment of the charge: the exit, or the only tap.
    pub at: Timestamp,
    /// Which way along the line, where it is known.
    pub direction: Option<Direction>,
    /// Stations that the rider was seen at on the way, in order; they count where a network is
    /// priced by the path ridden.
    pub via: [Option<StationCode>; VIA_MAX],
    /// Metres ridden in a business carriage (商务车厢).
    pub premium_m: u32,
}

impl Journey {
    /// A ride of which nothing else is known.
    #[must_use]
    pub const fn new(ride: Ride, at: Timestamp) -> Self {
        Self {
            ride,
            at,
            direction: None,
            via: [None; VIA_MAX],
            premium_m: 0,
        }
    }

    /// When the rider began: the entry, or the only tap.
    #[must_use]
    pub fn begun_at(&self) -> Timestamp {
        self.at.plus_s(-i64::from(self.ride.stayed_s()))
    }
}

/// What a journey costs, split as the ride record carries it:
/// `amount = base - discount - transfer + penalty`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fare {
    /// What the rider pays.
    pub amount: Fen,
    /// The ordinary fare with its surcharges (基础票价).
    pub base: Fen,
    /// What concessions, means, accumulation, tickets, caps and rounding take off (优惠); negative
    /// where a minimum or the rounding adds.
    pub discount: Fen,
    /// What a transfer takes off (换乘优惠).
    pub transfer: Fen,
    /// What an over-stay or a missing tap adds to the base (补收).
    pub penalty: Fen,
    /// Whether the amount is open: the back office settles it later.
    pub later: bool,
    /// The version of the book (票价规则版本).
    pub version: u32,
}
