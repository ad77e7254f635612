//! What a tap asks of the lists, and the snapshot that it takes at its beginning.
//!
//! The lists themselves, their files and their signatures are elsewhere; here is only the seam.
//! A tap holds one [`Snapshot`] until it is over, so that no tap sees half of a new list.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use tongtu_fare::Tariff;
use tongtu_purse::field::{CardKind, Institution, Serial};

/// How a card's issuer stands with this terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Of this city: its cards need not be interoperable.
    Local,
    /// Of another city, on the list.
    Listed,
}

/// Versions of the lists held, as records name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Versions {
    /// Parameters.
    pub parameters: u32,
    /// List of issuers.
    pub white_list: u32,
    /// Blacklist.
    pub blacklist: u32,
}

/// The lists that a tap asks. Look-ups are exact and allocate nothing.
pub trait TapLists: fmt::Debug + Send + Sync {
    /// How an issuer stands; none is on no list.
    fn standing(&self, issuer: Institution) -> Option<Standing>;

    /// Whether cards of this kind ride here now.
    fn permits(&self, standing: Standing, kind: CardKind) -> bool;

    /// Whether exactly this card is on the blacklist.
    fn is_blacklisted(&self, serial: Serial) -> bool;

    /// Which versions these are.
    fn versions(&self) -> Versions;
}

/// Lists and fares as they are at the beginning of a tap.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The lists.
    pub lists: Arc<dyn TapLists>,
    /// The fare books.
    pub tariff: Arc<Tariff>,
}

/// Small lists that are written down: of a test bench or a single line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlainLists {
    /// Issuers of this city, first four bytes.
    pub local: Vec<[u8; 4]>,
    /// Other issuers, first four bytes.
    pub listed: Vec<[u8; 4]>,
    /// Kinds of cards that do not ride here.
    pub barred: Vec<CardKind>,
    /// Cards that are refused and locked.
    pub blacklist: BTreeSet<[u8; 10]>,
    /// Their versions.
    pub versions: Versions,
}

impl TapLists for PlainLists {
    fn standing(&self, Institution([a, b, c, d, ..]): Institution) -> Option<Standing> {
        let head = [a, b, c, d];
        if self.local.contains(&head) {
            Some(Standing::Local)
        } else {
            self.listed.contains(&head).then_some(Standing::Listed)
        }
    }

    fn permits(&self, _: Standing, kind: CardKind) -> bool {
        !self.barred.contains(&kind)
    }

    fn is_blacklisted(&self, serial: Serial) -> bool {
        self.blacklist.contains(&serial.0)
    }

    fn versions(&self) -> Versions {
        self.versions
    }
}
