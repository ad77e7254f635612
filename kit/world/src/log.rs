//! What was seen to happen: at the terminals, and afterwards at the nodes.

use std::collections::BTreeMap;

use tongtu_ride_code::Verdict;
use tongtu_ride_code::record::Direction;
use tongtu_types::{
    BusinessDay, CardNumber, Fen, FenE7, InstitutionCode, RecordId, TerminalNumber, Timestamp,
};

use crate::cards::{ObservedCard, ObservedCardRide};
use crate::faces::ObservedFace;
use crate::hardware::Shown;
use crate::plan::PlannedScan;

/// One scan and what the terminal said to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanLog {
    /// What was planned.
    pub scan: PlannedScan,
    /// What the terminal said.
    pub verdict: Verdict,
    /// The record it left, if it accepted.
    pub record: Option<LoggedRecord>,
    /// Whether an earlier record was completed instead of a new one written.
    pub resumed: bool,
    /// What the rider saw and heard; none where the terminal stayed silent, or is in a process of
    /// its own.
    pub shown: Option<Shown>,
    /// Whether the rider went on: through the gate, into the bus.
    pub went_on: bool,
}

/// A record that a terminal said it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRecord {
    /// Its id.
    pub id: RecordId,
    /// The account in the code.
    pub account: CardNumber,
    /// The code's generation time.
    pub generated_at: Timestamp,
    /// Issuer, an index into the nodes.
    pub issuer: usize,
    /// Acquirer, an index into the nodes.
    pub acquirer: usize,
    /// What the terminal charged.
    pub amount: Fen,
    /// Single, entry or exit.
    pub direction: Direction,
    /// Settlement day of the batch that carried it.
    pub settled_on: BusinessDay,
}

/// What a ride became at its acquirer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RideState {
    /// Stored, its day not closed.
    Stored,
    /// An entry or an incomplete ride: kept, never cleared.
    Evidence,
    /// On its way to another hub.
    Forwarded,
    /// Settled.
    Settled,
    /// Refused at clearing.
    Refused,
}

/// A ride as its acquirer's node shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedRide {
    /// Its record.
    pub record: RecordId,
    /// What became of it.
    pub state: RideState,
    /// Result code, six digits; zero when correct.
    pub result: u32,
    /// Its amount.
    pub amount: Fen,
}

/// A member's net position as a hub published it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPosition {
    /// The member.
    pub member: InstitutionCode,
    /// What it is to receive; negative: to pay.
    pub net: Fen,
}

/// One settlement day at one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedDay {
    /// The node, an index into the nodes.
    pub node: usize,
    /// The day.
    pub day: BusinessDay,
    /// Positions of its members.
    pub positions: Vec<ObservedPosition>,
    /// The hub's own fee.
    pub hub_fee: FenE7,
    /// What rounding left.
    pub rounding: FenE7,
    /// The node's own proof: the sum of everything, which must be zero.
    pub control_sum: String,
}

/// A terminal's chain as its acquirer follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedChain {
    /// Whose it is.
    pub terminal: TerminalNumber,
    /// The newest record up to which nothing is missing.
    pub tip: u64,
    /// The chain's value there.
    pub value: Vec<u8>,
    /// First and last of the numbers among which one is missing.
    pub missing: Option<(u64, u64)>,
    /// Records that wait for a missing one.
    pub waiting: u64,
    /// What does not hold.
    pub faults: Vec<String>,
}

/// Everything the nodes were asked afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Rides by acquirer (an index into the nodes).
    pub rides: BTreeMap<usize, Vec<ObservedRide>>,
    /// Records of debits by issuer (an index into the nodes).
    pub debits: BTreeMap<usize, Vec<(RecordId, CardNumber, Fen)>>,
    /// Balance of each rider, in the riders' order.
    pub balances: Vec<Fen>,
    /// Rides by card, by acquirer (an index into the nodes).
    pub card_rides: BTreeMap<usize, Vec<ObservedCardRide>>,
    /// Rides by card as their issuers have them (an index into the nodes).
    pub card_debits: BTreeMap<usize, Vec<ObservedCardRide>>,
    /// Each card, in the cardholders' order.
    pub cards: Vec<ObservedCard>,
    /// Rides by face, by acquirer (an index into the nodes).
    pub face_rides: BTreeMap<usize, Vec<ObservedCardRide>>,
    /// Rides by face as their issuers have them (an index into the nodes).
    pub face_debits: BTreeMap<usize, Vec<ObservedCardRide>>,
    /// Each rider by face, in their order.
    pub faces: Vec<ObservedFace>,
    /// Every node's settled days.
    pub days: Vec<ObservedDay>,
    /// Every balance of each node's ledger, in 10^-7 fen.
    pub ledgers: BTreeMap<usize, Vec<i128>>,
    /// The chains that each acquirer follows (an index into the nodes).
    pub chains: BTreeMap<usize, Vec<ObservedChain>>,
    /// What each city's keys were used for (an index into the nodes).
    pub key_uses: BTreeMap<usize, tongtu_api::KeyUsesView>,
    /// Every record of the terminals that are only for cards, by number, as it lies in the journal.
    pub journals: BTreeMap<TerminalNumber, Vec<(u64, Vec<u8>)>>,
    /// Uploads refused at each acquirer, with the reason.
    pub refused_uploads: BTreeMap<usize, Vec<String>>,
}
