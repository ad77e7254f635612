//! A ride in, an amount and its reasons out.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::{BusinessDay, Fen, LineCode, StationCode};

use crate::{
    Certainty, Corrector, Distance, Effect, Extent, Fare, Lang, Leg, Measure, Mode, Name, OverStay,
    RepairCharge, RepairKind, RoundMode, RuleKind, Rung, Window,
};

/// A ride to be priced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Ride {
    /// A ride on a flat-fare line, one tap.
    Flat {
        /// The line.
        line: LineCode,
    },
    /// A ride through a network priced by distance, entry and exit known.
    ///
    /// UNSPECIFIED: an exit where the rider went in; we charge the base fare, as for 0 m, unless
    /// the book has a `repair same-station`.
    Distance {
        /// The network, or the line with two taps.
        network: LineCode,
        /// Where the rider went in.
        entry: StationCode,
        /// Where the rider came out.
        exit: StationCode,
        /// Seconds between the two.
        stayed_s: u32,
    },
    /// A ride whose exit or alighting never came.
    MissingExit {
        /// The network or line.
        line: LineCode,
        /// Where the rider went in.
        entry: StationCode,
        /// Seconds since then.
        stayed_s: u32,
    },
    /// A ride whose entry or boarding is not known.
    MissingEntry {
        /// The network or line.
        line: LineCode,
        /// Where the rider came out.
        exit: StationCode,
    },
}

impl Ride {
    /// The line or network.
    #[must_use]
    pub const fn line(&self) -> LineCode {
        match self {
            Self::Flat { line }
            | Self::Distance { network: line, .. }
            | Self::MissingExit { line, .. }
            | Self::MissingEntry { line, .. } => *line,
        }
    }

    /// Seconds between beginning and charge.
    #[must_use]
    pub const fn stayed_s(&self) -> u32 {
        match self {
            Self::Distance { stayed_s, .. } | Self::MissingExit { stayed_s, .. } => *stayed_s,
            Self::Flat { .. } | Self::MissingEntry { .. } => 0,
        }
    }

    /// Where it began and where it ended, as far as that is known.
    #[must_use]
    pub const fn ends(&self) -> (Option<StationCode>, Option<StationCode>) {
        match self {
            Self::Distance { entry, exit, .. } => (Some(*entry), Some(*exit)),
            Self::MissingExit { entry, .. } => (Some(*entry), None),
            Self::MissingEntry { exit, .. } => (None, Some(*exit)),
            Self::Flat { .. } => (None, None),
        }
    }
}

/// One reason for an amount; the effects of all reasons add up to it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Step {
    /// The line has one fare.
    Flat {
        /// The line.
        line: Name,
        /// Its fare.
        fare: Fen,
    },
    /// The shortest path was found. Costs nothing by itself.
    Path {
        /// Where the ride begins.
        entry: Name,
        /// Where it ends.
        exit: Name,
        /// How long the path is.
        distance: Distance,
        /// The lines it uses, in order.
        legs: Vec<Leg>,
    },
    /// The base fare of the ladder.
    Base {
        /// How far it carries, in metres.
        upto_m: u32,
        /// The base fare.
        fare: Fen,
    },
    /// A step of the ladder that the ride enters.
    Rung(Rung),
    /// The rider stayed too long.
    OverStay {
        /// Seconds stayed.
        stayed_s: u32,
        /// Seconds allowed.
        limit_s: u32,
        /// What that costs.
        charge: OverStay,
        /// What it adds; up to the network's highest fare, or a fixed amount.
        fare: Fen,
    },
    /// A fare looked up in a table of a route.
    Table {
        /// The route.
        line: Name,
        /// Where the ride begins.
        entry: Name,
        /// Where it ends.
        exit: Name,
        /// What the fare goes by.
        extent: Extent,
        /// The fare.
        fare: Fen,
    },
    /// The highest fare holds although the path ridden is longer.
    Highest {
        /// What it takes off.
        fare: Fen,
    },
    /// The ride is not whole.
    Repair {
        /// How.
        kind: RepairKind,
        /// What is charged.
        charge: RepairCharge,
        /// Who may put it right.
        corrector: Corrector,
        /// For how long, in seconds.
        limit_s: u32,
        /// What that comes to.
        fare: Fen,
    },
    /// A ticket pays the ordinary fare.
    Ticket {
        /// The product.
        name: Name,
        /// Rides left after this one, where they are counted.
        rides_left: Option<u16>,
        /// What it takes off.
        fare: Fen,
    },
    /// A rule was applied.
    Rule {
        /// Its kind.
        kind: RuleKind,
        /// Its name.
        name: Name,
        /// What it does.
        effect: Effect,
        /// Because of what.
        given: Given,
        /// What it added; negative when it took off.
        fare: Fen,
    },
    /// The amount was rounded.
    Round {
        /// Of what it is a multiple.
        unit: Fen,
        /// Which way.
        mode: RoundMode,
        /// What that added.
        fare: Fen,
    },
}

/// What of the history made a rule apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// Nothing of it.
    Nothing,
    /// The ride before.
    After {
        /// Its mode.
        mode: Mode,
        /// How many seconds ago, by the rule's clock.
        between_s: u32,
    },
    /// A sum before this ride.
    Sum {
        /// Of which window.
        window: Window,
        /// Of what.
        measure: Measure,
        /// The sum.
        sum: u32,
        /// The threshold that it has reached.
        from: u32,
    },
}

/// What a ride costs, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quote {
    /// The fare: the sum of the steps' effects.
    pub amount: Fen,
    /// The reasons, in the order they were applied.
    pub steps: Vec<Step>,
    /// The city whose book was asked.
    pub city: Name,
    /// The book's version.
    pub version: u32,
    /// The book's first day.
    pub effective: BusinessDay,
    /// The same amount, split as the ride record carries it.
    pub fare: Fare,
}

impl Step {
    /// Says the step in words.
    #[must_use]
    pub fn explain(&self, lang: Lang) -> String {
        crate::words::step(self, lang)
    }

    /// What the step adds to the amount.
    #[must_use]
    pub const fn effect(&self) -> Fen {
        match self {
            Self::Path { .. } => Fen::ZERO,
            Self::Flat { fare, .. }
            | Self::Base { fare, .. }
            | Self::OverStay { fare, .. }
            | Self::Table { fare, .. }
            | Self::Highest { fare }
            | Self::Repair { fare, .. }
            | Self::Ticket { fare, .. }
            | Self::Rule { fare, .. }
            | Self::Round { fare, .. } => *fare,
            Self::Rung(rung) => rung.fare,
        }
    }
}

impl Quote {
    /// Says in one paragraph why the ride costs what it costs.
    #[must_use]
    pub fn explain(&self, lang: Lang) -> String {
        crate::words::explain(self, lang)
    }

    /// Published only if every distance that the amount rests on is; a flat fare rests on none.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        let derived = |step: &Step| match step {
            Step::Path { distance, .. } => distance.certainty() == Certainty::Derived,
            _ => false,
        };
        if self.steps.iter().any(derived) {
            Certainty::Derived
        } else {
            Certainty::Published
        }
    }
}
