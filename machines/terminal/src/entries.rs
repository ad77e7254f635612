//! Who is inside: entries that wait for their exit, shared by the gates of one network.

use alloc::collections::BTreeMap;

use tongtu_ride_code::RideCode;
use tongtu_ride_code::record::Direction;
use tongtu_types::{CardNumber, RecordId, StationCode, Timestamp};

use crate::Ride;

/// A ride that began and has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenEntry {
    /// Where the rider went in.
    pub station: StationCode,
    /// When.
    pub at: Timestamp,
    /// The entry's record.
    pub record: RecordId,
}

/// The gate group's shared list of open entries, by account.
///
/// How gates share it is theirs; this is only its content. A second entry replaces the first:
/// the rider can be in one place only, and the first stays in the records as evidence.
#[derive(Debug, Clone, Default)]
pub struct OpenEntries {
    by_account: BTreeMap<CardNumber, OpenEntry>,
}

impl OpenEntries {
    /// The open entry of the account in this code, if any: what to hand to an exit's scan.
    ///
    /// Nothing is verified here; the scan does that before anything comes of it.
    #[must_use]
    pub fn of_code(&self, bytes: &[u8]) -> Option<OpenEntry> {
        let user = RideCode::frame(bytes).ok()?.user().ok()?;
        self.by_account.get(&user.account).copied()
    }

    /// The open entry of an account, if any.
    #[must_use]
    pub fn of_account(&self, account: &CardNumber) -> Option<OpenEntry> {
        self.by_account.get(account).copied()
    }

    /// An account went in; a second entry replaces the first.
    pub fn open(&mut self, account: CardNumber, entry: OpenEntry) {
        self.by_account.insert(account, entry);
    }

    /// An account that was inside is out.
    pub fn close(&mut self, account: &CardNumber) {
        self.by_account.remove(account);
    }

    /// Takes note of a ride: an entry opens, an exit closes the entry it was priced from.
    pub fn note(&mut self, ride: &Ride) {
        match ride.record.direction {
            Direction::Single => {}
            Direction::Entry => {
                if let Some(station) = ride.record.station {
                    let entry = OpenEntry {
                        station,
                        at: ride.record.scanned_at,
                        record: ride.record.id,
                    };
                    self.by_account.insert(ride.account, entry);
                }
            }
            Direction::Exit => {
                let open = self.by_account.get(&ride.account).map(|e| e.record);
                if open.is_some() && open == ride.closes {
                    self.by_account.remove(&ride.account);
                }
            }
        }
    }

    /// How many riders are inside.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_account.len()
    }

    /// Whether no one is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_account.is_empty()
    }
}
