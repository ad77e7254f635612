//! Rides that are not whole, and what a book says of each kind.

use tongtu_types::Fen;

use crate::When;
use crate::rider::words;

/// How a ride can fail to be whole (不完整交易).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RepairKind {
    /// The exit or alighting is not known.
    MissingExit,
    /// The entry or boarding is not known.
    MissingEntry,
    /// Out where the rider went in.
    SameStation,
    /// Entry and exit are of different operators that are not joined.
    Gap,
    /// A record came after a later one.
    LateRecord,
    /// A record came twice.
    Duplicate,
    /// The clocks of two terminals disagree.
    ClockDrift,
}

words! { RepairKind {
    MissingExit = "missing-exit", "缺少出站", "missing exit";
    MissingEntry = "missing-entry", "缺少进站", "missing entry";
    SameStation = "same-station", "同站进出", "same-station exit";
    Gap = "gap", "跨运营方断点", "gap between operators";
    LateRecord = "late-record", "迟到记录", "late record";
    Duplicate = "duplicate", "重复记录", "duplicate record";
    ClockDrift = "clock-drift", "时钟偏差", "clock drift";
} }

/// What a ride costs that is not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepairCharge {
    /// As any ride: the ordinary fare and every rule.
    Ride,
    /// The fare to the farthest stop that is left in the direction, without discounts; the
    /// stop is assumed, not known.
    Farthest,
    /// The highest fare of the line or network, without discounts.
    Highest,
    /// So much.
    Exactly(Fen),
    /// Nothing now; the back office settles it.
    Later,
}

/// Who may put it right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Corrector {
    /// The rider, by telling the missing stop.
    Rider,
    /// The acquirer at the place of use.
    Acquirer,
    /// The issuer.
    Issuer,
    /// Nobody.
    Nobody,
}

words! { Corrector {
    Rider = "rider", "乘客", "the rider";
    Acquirer = "acquirer", "受理机构", "the acquirer";
    Issuer = "issuer", "发行机构", "the issuer";
    Nobody = "nobody", "不可更正", "nobody";
} }

/// One row: what is done about one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repair {
    /// Which kind.
    pub kind: RepairKind,
    /// Which rides.
    pub when: When,
    /// What it costs.
    pub charge: RepairCharge,
    /// Who may put it right.
    pub corrector: Corrector,
    /// How long, in seconds: for [`RepairKind::SameStation`] the longest stay that it holds for,
    /// for [`RepairKind::ClockDrift`] the drift that is forgiven, else the time to put it right.
    pub limit_s: u32,
}

/// What a stay beyond its limit costs (超时).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OverStay {
    /// The network's highest fare instead of the ride's, without discounts: `max-fare`.
    ///
    /// UNSPECIFIED: whether discounts apply to it; the notices speak of the highest fare only.
    MaxFare,
    /// So much more than the ride, which keeps its discounts: `+5.00`.
    More(Fen),
}
