//! What a tap asks of the lists, and the snapshot that it takes at its beginning.
//!
//! The lists themselves, their files and their signatures are [`crate::lists`]; here is only the
//! seam, and how [`Held`] stands behind it. A tap holds one [`Snapshot`] until it is over, so that
//! no tap sees half of a new list.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use tongtu_blacklist::ListedNumber;
use tongtu_fare::Tariff;
use tongtu_purse::field::{CardKind, Institution, Serial, Terminal};
use tongtu_types::{BusinessDay, TerminalNumber};

use super::outcome::Refusal;
use crate::Held;
use crate::lists::{CardOrigin, NotAccepted, Parameters, Service};

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

    /// Whether a card may be used so on this day, by all that it says of itself.
    ///
    /// # Errors
    /// [`Refusal`], why it may not.
    fn judge(&self, card: &CardOrigin, service: Service, day: BusinessDay) -> Result<(), Refusal>;

    /// The limits of a day, where the lists have any; without, the terminal's own rules count.
    fn parameters(&self, day: BusinessDay) -> Option<&Parameters>;

    /// Whether another terminal stands in one group with this one, so that they share what they
    /// know of torn cards.
    fn are_beside(&self, own: Terminal, other: Terminal) -> bool;

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

impl Snapshot {
    /// The lists and fares that a terminal holds.
    #[must_use]
    pub fn of(held: &Arc<Held>) -> Self {
        Self {
            lists: Arc::<Held>::clone(held),
            tariff: Arc::clone(&held.tariff),
        }
    }
}

impl TapLists for Held {
    fn standing(&self, issuer: Institution) -> Option<Standing> {
        if issuer.city() == self.home() {
            return Some(Standing::Local);
        }
        self.cards().cities.of(issuer).map(|_| Standing::Listed)
    }

    fn judge(&self, card: &CardOrigin, service: Service, day: BusinessDay) -> Result<(), Refusal> {
        let judged = self.cards().cities.judge(self.home(), card);
        judged.map_err(|reason| match reason {
            NotAccepted::Issuer { .. } => Refusal::IssuerNotListed,
            NotAccepted::Kind { kind, .. } => Refusal::KindNotPermitted { kind },
            NotAccepted::NotInteroperable { .. } => Refusal::NotInteroperable,
        })?;
        let kind = card.kind;
        let parameters = self.parameters(day);
        if parameters.is_none_or(|set| set.permissions.allow(kind, service)) {
            Ok(())
        } else {
            Err(Refusal::KindNotPermitted { kind })
        }
    }

    fn parameters(&self, day: BusinessDay) -> Option<&Parameters> {
        let mut sets = self.cards().parameters.iter().rev();
        sets.find(|set| set.from <= day)
    }

    fn are_beside(&self, own: Terminal, other: Terminal) -> bool {
        let groups = &self.cards().groups;
        let group = |terminal| number(terminal).and_then(|number| groups.of(number));
        group(own).is_some_and(|own| group(other) == Some(own))
    }

    fn is_blacklisted(&self, serial: Serial) -> bool {
        // What is not digits cannot be listed.
        let number = ListedNumber::from_bcd(&serial.0);
        number.is_some_and(|number| self.card_blacklist().contains(number))
    }

    fn versions(&self) -> Versions {
        // A record has 32 bits for each; no list comes that often.
        let short = |version: u64| u32::try_from(version).unwrap_or(u32::MAX);
        Versions {
            parameters: short(self.version()),
            white_list: self.cards().cities.version,
            blacklist: short(self.card_blacklist().version()),
        }
    }
}

/// A module's terminal number as lists have it: 12 digits, if it is such.
fn number(Terminal(bytes): Terminal) -> Option<TerminalNumber> {
    let mut digits = [0; 12];
    for (pair, byte) in digits.chunks_mut(2).zip(bytes) {
        pair.copy_from_slice(&[b'0' + (byte >> 4), b'0' + (byte & 0x0F)]);
    }
    TerminalNumber::parse(core::str::from_utf8(&digits).ok()?).ok()
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

    fn judge(&self, card: &CardOrigin, _: Service, _: BusinessDay) -> Result<(), Refusal> {
        if self.standing(card.issuer) != Some(Standing::Local) && card.interop == 0 {
            return Err(Refusal::NotInteroperable);
        }
        let kind = card.kind;
        if self.barred.contains(&kind) {
            return Err(Refusal::KindNotPermitted { kind });
        }
        Ok(())
    }

    fn parameters(&self, _: BusinessDay) -> Option<&Parameters> {
        None
    }

    fn are_beside(&self, _: Terminal, _: Terminal) -> bool {
        true
    }

    fn is_blacklisted(&self, serial: Serial) -> bool {
        self.blacklist.contains(&serial.0)
    }

    fn versions(&self) -> Versions {
        self.versions
    }
}
