//! Bodies at the door.

use serde::{Deserialize, Serialize};

/// `POST /scan`: what the scan head read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanBody {
    /// The decoder's bytes, in hex.
    pub code: String,
    /// The rider's open entry, as the gate group shares it; for exit gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_entry: Option<EntryBody>,
}

/// An open entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryBody {
    /// Station code.
    pub station: String,
    /// When, Unix seconds.
    pub at_s: i64,
    /// The entry's record id.
    pub record: String,
}

/// What the terminal said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanAnswer {
    /// `R00` to `R20`.
    pub verdict: String,
    /// Number of the ride's record: say `told` with it once the rider was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The record's bytes in hex, when the ride was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Whether a ride from before a power cut was completed.
    pub resumed: bool,
    /// What the display shows, in Chinese and English.
    pub display: [String; 2],
}

/// `POST /told`: the rider was told of this ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldBody {
    /// The number that the scan's answer gave.
    pub seq: u64,
}

/// `GET /clock`: what the terminal believes of its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAnswer {
    /// The time, Unix seconds.
    pub now_s: i64,
    /// Seconds since a source last confirmed it; absent when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsynced_s: Option<i64>,
    /// That is too long.
    pub is_unsynced: bool,
    /// A source says something quite different, and no other agrees yet.
    pub is_disputed: bool,
}

/// What came of `POST /upload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadAnswer {
    /// Records that the acquirer acknowledged.
    pub acknowledged: u64,
    /// Records that still wait.
    pub waiting: u64,
}
