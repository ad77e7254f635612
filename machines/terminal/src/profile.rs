//! Which terminal this is: its numbers, where it stands, and what signs its records.

use alloc::boxed::Box;

use tongtu_crypto::{PublicKey, SecretKey, Signature};
use tongtu_ride_code::Policy;
use tongtu_ride_code::record::{CATEGORY_BUS, CATEGORY_METRO, Direction};
use tongtu_types::{InstitutionCode, LineCode, StationCode, TerminalNumber, VehicleCode};

/// What a terminal is told once, when it is put up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The acquirer (受理机构), role digit 1.
    pub acquirer: InstitutionCode,
    /// The terminal's number.
    pub terminal: TerminalNumber,
    /// Maker and model, 8 printable characters.
    pub model: [u8; 8],
    /// Terminal-side identifier, 8 printable characters.
    pub terminal_id: [u8; 8],
    /// Software version, 10 printable characters, `2.1_yymmdd`.
    pub software: [u8; 10],
    /// Serial of the terminal's certificate.
    pub serial: [u8; 4],
    /// Where it stands.
    pub post: Post,
}

/// Where a terminal stands, and so what a scan at it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Post {
    /// In a bus: one scan pays the line's flat fare.
    Bus {
        /// The line.
        line: LineCode,
        /// The vehicle.
        vehicle: VehicleCode,
    },
    /// At an entry gate: the first of two scans, costs nothing yet.
    Entry {
        /// The network.
        network: LineCode,
        /// The station.
        station: StationCode,
    },
    /// At an exit gate: the second of two scans pays by distance.
    Exit {
        /// The network.
        network: LineCode,
        /// The station.
        station: StationCode,
    },
}

impl Post {
    /// What a record made here says of its direction.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match self {
            Self::Bus { .. } => Direction::Single,
            Self::Entry { .. } => Direction::Entry,
            Self::Exit { .. } => Direction::Exit,
        }
    }

    /// The line or network.
    #[must_use]
    pub const fn line(&self) -> LineCode {
        match self {
            Self::Bus { line, .. } => *line,
            Self::Entry { network, .. } | Self::Exit { network, .. } => *network,
        }
    }

    /// The station of a gate.
    #[must_use]
    pub const fn station(&self) -> Option<StationCode> {
        match self {
            Self::Bus { .. } => None,
            Self::Entry { station, .. } | Self::Exit { station, .. } => Some(*station),
        }
    }

    /// The vehicle of a bus terminal.
    #[must_use]
    pub const fn vehicle(&self) -> Option<VehicleCode> {
        match self {
            Self::Bus { vehicle, .. } => Some(*vehicle),
            Self::Entry { .. } | Self::Exit { .. } => None,
        }
    }

    /// Merchant category of records made here.
    #[must_use]
    pub const fn category(&self) -> [u8; 4] {
        match self {
            Self::Bus { .. } => CATEGORY_BUS,
            Self::Entry { .. } | Self::Exit { .. } => CATEGORY_METRO,
        }
    }
}

/// The terminal's secure access module (SAM): signs records with a key that never leaves it.
pub trait Sam: Send + Sync {
    /// Signs `message` under the default identifier; the same message may be signed again.
    fn sign(&self, message: &[u8]) -> Signature;
}

impl Sam for SecretKey {
    fn sign(&self, message: &[u8]) -> Signature {
        Self::sign(self, message)
    }
}

impl<S: Sam + ?Sized> Sam for alloc::sync::Arc<S> {
    fn sign(&self, message: &[u8]) -> Signature {
        (**self).sign(message)
    }
}

/// Everything a terminal needs beside lists and store.
pub struct Setup {
    /// Which terminal it is.
    pub profile: Profile,
    /// Its settings for judging codes.
    pub policy: Policy,
    /// The acquirer's list key: the only one whose lists are taken.
    pub list_key: PublicKey,
    /// What signs its records.
    pub sam: Box<dyn Sam>,
}

impl core::fmt::Debug for Setup {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Setup")
            .field("profile", &self.profile)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
