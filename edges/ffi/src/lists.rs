//! What a tap asks of the lists held: the thinnest join of the two that there can be.

use std::sync::Arc;

use tongtu_blacklist::ListedNumber;
use tongtu_purse::field::{CardKind, Institution, Serial};
use tongtu_terminal::lists::Service;
use tongtu_terminal::tap::{Standing, TapLists, TapPost, Versions};
use tongtu_terminal::{Held, Terms};
use tongtu_types::Timestamp;

/// The lists held, for rides of one day and one post.
#[derive(Debug)]
pub(crate) struct DayLists {
    terms: Terms,
    service: Service,
}

impl DayLists {
    pub(crate) fn new(held: &Arc<Held>, now: Timestamp, post: &TapPost) -> Self {
        Self {
            terms: held.terms(now),
            service: match post {
                TapPost::Single(_) => Service::Bus,
                TapPost::Segmented(_) => Service::Segmented,
                TapPost::Gate(_) => Service::Rail,
                TapPost::Counter(_) => Service::MakeUp,
            },
        }
    }
}

impl TapLists for DayLists {
    fn standing(&self, issuer: Institution) -> Option<Standing> {
        let held = self.terms.lists();
        let Institution([_, _, city @ .., _, _, _, _]) = issuer;
        if city == held.home().0 {
            return Some(Standing::Local);
        }
        held.cards().cities.of(issuer).map(|_| Standing::Listed)
    }

    fn permits(&self, _: Standing, kind: CardKind) -> bool {
        self.terms
            .parameters()
            .permissions
            .allow(kind, self.service)
    }

    fn is_blacklisted(&self, serial: Serial) -> bool {
        // A number with letters in it is on no list: lists hold digits.
        let number = ListedNumber::from_bcd(&serial.0);
        number.is_some_and(|number| self.terms.lists().card_blacklist().contains(number))
    }

    fn versions(&self) -> Versions {
        let held = self.terms.lists();
        let short = |version: u64| u32::try_from(version).unwrap_or(u32::MAX);
        Versions {
            parameters: short(held.version()),
            white_list: held.cards().cities.version,
            blacklist: short(held.card_blacklist().version()),
        }
    }
}
