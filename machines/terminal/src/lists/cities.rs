//! The city list (城市白名单) for cards: whose cards are accepted here.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_purse::field::{CardKind, City, Institution};
use tongtu_types::Timestamp;

use super::ListError;
use super::section::Section;

pub(super) const FRONT_LEN: usize = 4 + 8;
pub(super) const ENTRY_LEN: usize = 8 + 8 + CardKinds::LEN + 1;

/// Most masks that differ: a look-up tries each.
pub const MASKS_MAX: usize = 8;
/// How long a terminal may take from the notice to the list: 15 days (service rules draft, article
/// 12).
pub const CITIES_DUE_S: i64 = 15 * 86_400;

/// Kinds of cards (卡种类型), as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardKinds([u8; Self::LEN]);

impl CardKinds {
    /// Every kind, named or not.
    pub const ALL: Self = Self([0xFF; Self::LEN]);
    /// No kind.
    pub const NONE: Self = Self([0; Self::LEN]);

    const LEN: usize = 32;

    /// With one kind more.
    #[must_use]
    pub fn with(mut self, kind: CardKind) -> Self {
        self.0[usize::from(kind.0 / 8)] |= 0x80 >> (kind.0 % 8);
        self
    }

    /// Whether a kind is among them.
    #[must_use]
    pub fn has(&self, kind: CardKind) -> bool {
        self.0[usize::from(kind.0 / 8)] & (0x80 >> (kind.0 % 8)) != 0
    }
}

/// What an accepted card must say of itself in file 0x17, bytes 8 and 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum InteropRule {
    /// An interoperability class (互通卡种) other than 0000.
    Declared = 0,
    /// Nothing: the two cities agreed on all cards.
    Any = 1,
}

/// An issuer, or several at once, whose cards are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedIssuer {
    /// The kinds of its cards that are.
    pub kinds: CardKinds,
    /// What they must say of themselves.
    pub interop: InteropRule,
}

/// Which bytes of an issuer identifier count, and what they are.
///
/// The list has eight bytes; mostly the first four count, operator and city, because cards
/// differ in how they fill the rest. That a mask may keep the city alone is for cities that take
/// every operator of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssuerPattern {
    issuer: [u8; 8],
    mask: [u8; 8],
}

impl IssuerPattern {
    /// Operator and city.
    pub const OPERATOR_AND_CITY: [u8; 8] = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

    /// The issuers that agree with `issuer` where `mask` has ones.
    #[must_use]
    pub fn new(issuer: Institution, mask: [u8; 8]) -> Self {
        let issuer = masked(issuer, mask);
        Self { issuer, mask }
    }

    /// All issuers of the same operator and city.
    #[must_use]
    pub fn of(issuer: Institution) -> Self {
        Self::new(issuer, Self::OPERATOR_AND_CITY)
    }

    /// Whether an issuer is one of them.
    #[must_use]
    pub fn fits(&self, issuer: Institution) -> bool {
        masked(issuer, self.mask) == self.issuer
    }
}

fn masked(Institution(issuer): Institution, mask: [u8; 8]) -> [u8; 8] {
    let mut out = issuer;
    for (byte, mask) in out.iter_mut().zip(mask) {
        *byte &= mask;
    }
    out
}

/// What a card says of itself, files 0x15 and 0x17.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardOrigin {
    /// Its issuer, 0x15 bytes 0 to 7.
    pub issuer: Institution,
    /// Its kind, 0x17 byte 10.
    pub kind: CardKind,
    /// Its interoperability class, 0x17 bytes 8 and 9.
    pub interop: u16,
}

/// Where an accepted card is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This city (本地): local rules.
    Local,
    /// Another (异地).
    Elsewhere,
}

/// Why the city list does not let a card in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// No entry is of its issuer.
    #[error("issuer {issuer} is not on the city list")]
    Issuer {
        /// The card's.
        issuer: Institution,
    },
    /// The issuer's cards are accepted, but not of this kind.
    #[error("cards of kind {kind} of issuer {issuer} are not accepted")]
    Kind {
        /// The card's issuer.
        issuer: Institution,
        /// The card's kind.
        kind: CardKind,
    },
    /// The card says that it is not interoperable.
    #[error("card of issuer {issuer} declares interoperability class 0000")]
    NotInteroperable {
        /// The card's issuer.
        issuer: Institution,
    },
}

/// The city list of one version. Empty, it lets local cards in and no others.
///
/// The list comes from the data-exchange body; the acquirer hands it on as it is, and nobody edits
/// it on the way (service rules draft, article 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CityList {
    /// Rises with every list that the data-exchange body sends; 0 is none.
    pub version: u32,
    /// When its notice came: terminals have it [`CITIES_DUE_S`] later.
    pub noticed_at: Timestamp,
    /// By mask, the one with most ones first: the entry that says most decides.
    by_mask: Vec<([u8; 8], Accepted)>,
}

type Accepted = BTreeMap<[u8; 8], AcceptedIssuer>;

impl Default for CityList {
    fn default() -> Self {
        Self::new(0, Timestamp::new(0))
    }
}

impl CityList {
    /// An empty list of that version.
    #[must_use]
    pub const fn new(version: u32, noticed_at: Timestamp) -> Self {
        Self {
            version,
            noticed_at,
            by_mask: Vec::new(),
        }
    }

    /// Accepts issuers; the same pattern again takes the place of the one before.
    pub fn accept(&mut self, pattern: IssuerPattern, accepted: AcceptedIssuer) {
        let ones = |mask: [u8; 8]| u64::from_be_bytes(mask).count_ones();
        let key = |mask: [u8; 8]| (core::cmp::Reverse(ones(mask)), mask);
        let at = self
            .by_mask
            .partition_point(|(mask, _)| key(*mask) < key(pattern.mask));
        if self.by_mask.get(at).is_none_or(|(m, _)| *m != pattern.mask) {
            self.by_mask.insert(at, (pattern.mask, BTreeMap::new()));
        }
        self.by_mask[at].1.insert(pattern.issuer, accepted);
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_mask
            .iter()
            .map(|(_, accepted)| accepted.len())
            .sum()
    }

    /// Whether only local cards are let in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_mask.is_empty()
    }

    /// What the list says of an issuer; of several patterns that fit, the one with most ones.
    #[must_use]
    pub fn of(&self, issuer: Institution) -> Option<&AcceptedIssuer> {
        self.by_mask
            .iter()
            .find_map(|(mask, accepted)| accepted.get(&masked(issuer, *mask)))
    }

    /// Whether a card is let in at a terminal of the city `home`.
    ///
    /// A card of the own city is local whether it is listed or not; if it is, its kind must be
    /// among those listed. What more is asked of local cards is the parameters' business.
    ///
    /// # Errors
    /// [`NotAccepted`].
    pub fn judge(&self, home: City, card: &CardOrigin) -> Result<Origin, NotAccepted> {
        let issuer = card.issuer;
        let listed = self.of(issuer);
        let kind = card.kind;
        if listed.is_some_and(|accepted| !accepted.kinds.has(kind)) {
            return Err(NotAccepted::Kind { issuer, kind });
        }
        if issuer.city() == home {
            return Ok(Origin::Local);
        }
        let accepted = listed.ok_or(NotAccepted::Issuer { issuer })?;
        if accepted.interop == InteropRule::Declared && card.interop == 0 {
            return Err(NotAccepted::NotInteroperable { issuer });
        }
        Ok(Origin::Elsewhere)
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, ListError> {
        if self.by_mask.len() > MASKS_MAX {
            return Err(too_many_masks(self.by_mask.len()));
        }
        let mut out = self.version.to_be_bytes().to_vec();
        out.extend(self.noticed_at.get().to_be_bytes());
        let mut entries = BTreeMap::new();
        for (mask, accepted) in &self.by_mask {
            for (issuer, rule) in accepted {
                entries.insert((issuer, mask), rule);
            }
        }
        for ((issuer, mask), rule) in entries {
            out.extend(issuer);
            out.extend(mask);
            out.extend(rule.kinds.0);
            out.push(rule.interop as u8);
        }
        Ok(out)
    }

    /// Reads front and entries, which rise and are whole.
    pub(super) fn read<'a>(
        front: &[u8; FRONT_LEN],
        entries: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, ListError> {
        let (version, noticed_at) = front.split_first_chunk::<4>().expect("twelve bytes");
        let noticed_at = noticed_at.try_into().expect("twelve less four");
        let noticed_at = Timestamp::new(i64::from_be_bytes(noticed_at));
        let mut list = Self::new(u32::from_be_bytes(*version), noticed_at);
        for (index, bytes) in entries.enumerate() {
            let list_name = Section::Cities.name();
            let fault = ListError::Entry {
                list: list_name,
                index,
            };
            let take = |at: usize| <[u8; 8]>::try_from(&bytes[at..at + 8]).expect("eight bytes");
            let (issuer, mask) = (take(0), take(8));
            let pattern = IssuerPattern::new(Institution(issuer), mask);
            let interop = match bytes[ENTRY_LEN - 1] {
                0 => InteropRule::Declared,
                1 => InteropRule::Any,
                _ => return Err(fault),
            };
            if pattern.issuer != issuer {
                return Err(fault);
            }
            let kinds = bytes[16..16 + CardKinds::LEN].try_into().expect("32 bytes");
            let kinds = CardKinds(kinds);
            list.accept(pattern, AcceptedIssuer { kinds, interop });
            if list.by_mask.len() > MASKS_MAX {
                return Err(too_many_masks(list.by_mask.len()));
            }
        }
        Ok(list)
    }
}

const fn too_many_masks(found: usize) -> ListError {
    ListError::TooMany {
        list: "masks of the city list",
        found,
        max: MASKS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: City = City([0x58, 0x10]);
    const HOME_ISSUER: Institution = issuer(0x0290, 0x5810);
    const BEIJING: Institution = issuer(0x0140, 0x1000);

    const fn issuer(operator: u16, city: u16) -> Institution {
        let [a, b] = operator.to_be_bytes();
        let [c, d] = city.to_be_bytes();
        Institution([a, b, c, d, 0xFF, 0xFF, 0xFF, 0xFF])
    }

    const fn card(issuer: Institution, kind: CardKind, interop: u16) -> CardOrigin {
        CardOrigin {
            issuer,
            kind,
            interop,
        }
    }

    fn accepted(kinds: CardKinds, interop: InteropRule) -> AcceptedIssuer {
        AcceptedIssuer { kinds, interop }
    }

    fn list() -> CityList {
        let mut list = CityList::new(4, Timestamp::new(1_767_254_400));
        let ordinary = CardKinds::NONE
            .with(CardKind::ORDINARY)
            .with(CardKind::STUDENT);
        list.accept(
            IssuerPattern::of(BEIJING),
            accepted(ordinary, InteropRule::Declared),
        );
        list
    }

    #[test]
    fn an_empty_list_lets_local_cards_in_and_no_others() {
        let list = CityList::default();
        let local = card(HOME_ISSUER, CardKind::ORDINARY, 0);
        assert_eq!(list.judge(HOME, &local), Ok(Origin::Local));
        let other = card(BEIJING, CardKind::ORDINARY, 1);
        let expected = Err(NotAccepted::Issuer { issuer: BEIJING });
        assert_eq!(list.judge(HOME, &other), expected);
    }

    #[test]
    fn a_card_from_elsewhere_needs_issuer_kind_and_class() {
        let list = list();
        let judge = |card| list.judge(HOME, &card);
        let ordinary = CardKind::ORDINARY;
        assert_eq!(judge(card(BEIJING, ordinary, 1)), Ok(Origin::Elsewhere));
        let kind = CardKind::ELDER;
        assert_eq!(
            judge(card(BEIJING, kind, 1)),
            Err(NotAccepted::Kind {
                issuer: BEIJING,
                kind
            })
        );
        let issuer = BEIJING;
        assert_eq!(
            judge(card(BEIJING, ordinary, 0)),
            Err(NotAccepted::NotInteroperable { issuer })
        );
        let unknown = self::issuer(0x0141, 0x1000);
        assert_eq!(
            judge(card(unknown, ordinary, 1)),
            Err(NotAccepted::Issuer { issuer: unknown })
        );
    }

    #[test]
    fn only_the_bytes_under_the_mask_count() {
        let filled = Institution([0x01, 0x40, 0x10, 0x00, 0, 0, 0x12, 0x34]);
        assert!(list().of(filled).is_some());
        for at in 0..4 {
            let mut other = filled;
            other.0[at] ^= 1;
            assert!(list().of(other).is_none(), "byte {at}");
        }
    }

    #[test]
    fn of_two_entries_the_one_that_says_more_decides() {
        let mut list = list();
        let city = [0, 0, 0xFF, 0xFF, 0, 0, 0, 0];
        let whole_city = accepted(CardKinds::ALL, InteropRule::Any);
        list.accept(IssuerPattern::new(BEIJING, city), whole_city);
        let elder = |issuer| list.judge(HOME, &card(issuer, CardKind::ELDER, 0));
        assert!(matches!(elder(BEIJING), Err(NotAccepted::Kind { .. })));
        assert_eq!(elder(issuer(0x0999, 0x1000)), Ok(Origin::Elsewhere));
    }

    #[test]
    fn a_listed_local_card_must_be_of_a_listed_kind() {
        let mut list = list();
        let kinds = CardKinds::NONE.with(CardKind::ORDINARY);
        list.accept(
            IssuerPattern::of(HOME_ISSUER),
            accepted(kinds, InteropRule::Declared),
        );
        let judge = |kind| list.judge(HOME, &card(HOME_ISSUER, kind, 0));
        assert_eq!(judge(CardKind::ORDINARY), Ok(Origin::Local));
        assert!(matches!(
            judge(CardKind::TEST),
            Err(NotAccepted::Kind { .. })
        ));
    }

    #[test]
    fn every_kind_has_a_place_of_its_own() {
        for value in 0..=u8::MAX {
            let only = CardKinds::NONE.with(CardKind(value));
            for other in 0..=u8::MAX {
                assert_eq!(only.has(CardKind(other)), other == value);
            }
        }
    }
}
