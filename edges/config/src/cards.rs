//! What an acquirer's terminals are told of cards, as a file that a person can write.

use std::path::Path;

use serde::Deserialize;
use tongtu_codec::hex_decode;
use tongtu_purse::field::{Amount, CardKind, Institution};
use tongtu_terminal::CardLists;
use tongtu_terminal::lists::{
    AcceptedIssuer, CardKinds, CityList, GroupId, InteropRule, IssuerPattern, Parameters, Place,
    Service, Unverified,
};
use tongtu_types::{BusinessDay, TerminalNumber, Timestamp};

use crate::{ConfigError, parse_toml, setting};

/// `cards.toml`: city list, parameters, groups of terminals. Everything may be left out; without
/// a city list only local cards are taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardsFile {
    /// The city list (城市名单), as the data-exchange body sent it.
    #[serde(default)]
    pub cities: Option<CitiesFile>,
    /// Sets of parameters, by rising first day.
    #[serde(default)]
    pub parameters: Vec<ParametersFile>,
    /// Groups of terminals.
    #[serde(default)]
    pub groups: Vec<GroupFile>,
}

/// `[cities]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CitiesFile {
    /// Rises with every list.
    pub version: u32,
    /// When the notice of it came, Unix seconds.
    pub noticed_at_s: i64,
    /// Who is accepted.
    #[serde(default)]
    pub accept: Vec<AcceptFile>,
}

/// `[[cities.accept]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptFile {
    /// Issuer identifier, eight bytes in hex.
    pub issuer: String,
    /// Which of its bits count, eight bytes in hex; operator and city where nothing is said.
    #[serde(default)]
    pub mask: Option<String>,
    /// Kinds of cards; all where nothing is said.
    #[serde(default)]
    pub kinds: Option<Vec<u8>>,
    /// Whether cards are taken that declare no interoperability.
    #[serde(default)]
    pub undeclared: bool,
}

/// `[[parameters]]`; what is left out has the usual value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the parameter of the same name")]
pub struct ParametersFile {
    pub from: String,
    pub retap_s: Option<u16>,
    pub balance_max_fen: Option<u32>,
    pub balance_low_fen: Option<u32>,
    pub window_s: Option<u16>,
    pub window_tries: Option<u8>,
    pub grey_after_s: Option<u16>,
    pub intents_max: Option<u8>,
    pub refuse_unverified: Option<bool>,
    pub clock_least_s: Option<i64>,
    pub clock_back_s: Option<u16>,
    pub clock_sync_s: Option<u32>,
    /// Which kinds of cards may not use which services.
    #[serde(default)]
    pub deny: Vec<DenyFile>,
}

/// An entry of `deny`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyFile {
    /// The kind of card.
    pub kind: u8,
    /// `bus`, `segmented`, `rail`, `make-up`, `cash`.
    pub services: Vec<String>,
}

/// `[[groups]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupFile {
    /// `vehicle`, `station` or `line`.
    pub place: String,
    /// The acquirer's number for it.
    pub number: u32,
    /// Terminal numbers, 12 digits each.
    pub terminals: Vec<String>,
}

impl CardsFile {
    /// Reads the lists.
    ///
    /// # Errors
    /// [`ConfigError`] naming file and setting.
    pub fn load(path: &Path) -> Result<CardLists, ConfigError> {
        let file: Self = parse_toml(path)?;
        let mut lists = CardLists::default();
        if let Some(cities) = &file.cities {
            lists.cities = setting(path, "cities.accept", cities.resolve())?;
        }
        for set in &file.parameters {
            let set = setting(path, "parameters", set.resolve())?;
            if lists
                .parameters
                .last()
                .is_some_and(|last| last.from >= set.from)
            {
                let fault = Err("first days do not rise");
                return setting(path, "parameters.from", fault);
            }
            lists.parameters.push(set);
        }
        for group in &file.groups {
            let id = setting(path, "groups.place", group.id())?;
            for number in &group.terminals {
                let parsed = TerminalNumber::parse(number);
                let terminal = setting(path, "groups.terminals", parsed)?;
                if lists.groups.of(terminal).is_some() {
                    let fault = format!("terminal {terminal} is in two groups");
                    return setting(path, "groups.terminals", Err(fault));
                }
                lists.groups.put(terminal, id);
            }
        }
        Ok(lists)
    }
}

fn eight(text: &str) -> Result<[u8; 8], String> {
    let bytes = hex_decode(text).map_err(|error| error.to_string())?;
    let found = bytes.len();
    bytes
        .try_into()
        .map_err(|_| format!("{found} bytes, expected 8"))
}

impl CitiesFile {
    fn resolve(&self) -> Result<CityList, String> {
        let mut list = CityList::new(self.version, Timestamp::new(self.noticed_at_s));
        for accept in &self.accept {
            let issuer = Institution(eight(&accept.issuer)?);
            let mask = accept.mask.as_deref().map(eight).transpose()?;
            let mask = mask.unwrap_or(IssuerPattern::OPERATOR_AND_CITY);
            let kinds = accept.kinds.as_ref().map_or(CardKinds::ALL, |kinds| {
                let kinds = kinds.iter().map(|kind| CardKind(*kind));
                kinds.fold(CardKinds::NONE, CardKinds::with)
            });
            let interop = if accept.undeclared {
                InteropRule::Any
            } else {
                InteropRule::Declared
            };
            list.accept(
                IssuerPattern::new(issuer, mask),
                AcceptedIssuer { kinds, interop },
            );
        }
        Ok(list)
    }
}

impl ParametersFile {
    fn resolve(&self) -> Result<Parameters, String> {
        let usual = Parameters::DEFAULT;
        let mut permissions = usual.permissions;
        for deny in &self.deny {
            for service in &deny.services {
                let service = match service.as_str() {
                    "bus" => Service::Bus,
                    "segmented" => Service::Segmented,
                    "rail" => Service::Rail,
                    "make-up" => Service::MakeUp,
                    "cash" => Service::Cash,
                    other => {
                        return Err(format!(
                            "service {other:?}, expected bus, segmented, rail, make-up or cash"
                        ));
                    }
                };
                permissions = permissions.set(CardKind(deny.kind), service, false);
            }
        }
        let from: BusinessDay = self.from.parse().map_err(|e| format!("from: {e}"))?;
        let intents_max = self.intents_max.unwrap_or(usual.intents_max);
        if intents_max == 0 {
            return Err("intents_max 0, expected at least 1".to_owned());
        }
        Ok(Parameters {
            from,
            retap_s: self.retap_s.unwrap_or(usual.retap_s),
            balance_max: self.balance_max_fen.map_or(usual.balance_max, Amount::new),
            balance_low: self.balance_low_fen.map_or(usual.balance_low, Amount::new),
            window_s: self.window_s.unwrap_or(usual.window_s),
            window_tries: self.window_tries.unwrap_or(usual.window_tries),
            grey_after_s: self.grey_after_s.unwrap_or(usual.grey_after_s),
            intents_max,
            unverified: match self.refuse_unverified {
                Some(true) => Unverified::Refuse,
                Some(false) | None => usual.unverified,
            },
            clock_least: self.clock_least_s.map_or(usual.clock_least, Timestamp::new),
            clock_back_s: self.clock_back_s.unwrap_or(usual.clock_back_s),
            clock_sync_s: self.clock_sync_s.unwrap_or(usual.clock_sync_s),
            permissions,
        })
    }
}

impl GroupFile {
    fn id(&self) -> Result<GroupId, String> {
        let place = match self.place.as_str() {
            "vehicle" => Place::Vehicle,
            "station" => Place::Station,
            "line" => Place::Line,
            other => return Err(format!("{other:?}, expected vehicle, station or line")),
        };
        let number = self.number;
        Ok(GroupId { place, number })
    }
}

#[cfg(test)]
mod tests {
    use tongtu_purse::field::City;
    use tongtu_terminal::lists::{CardOrigin, NotAccepted, Origin};

    use super::*;

    const CARDS: &str = r#"
        [cities]
        version = 3
        noticed_at_s = 1767168000
        [[cities.accept]]
        issuer = "01401000FFFFFFFF"
        kinds = [1, 2]
        [[cities.accept]]
        issuer = "0000584000000000"
        mask = "0000FFFF00000000"
        undeclared = true

        [[parameters]]
        from = "2026-01-01"
        [[parameters]]
        from = "2026-02-01"
        retap_s = 8
        refuse_unverified = true
        deny = [{ kind = 4, services = ["rail", "cash"] }]

        [[groups]]
        place = "vehicle"
        number = 7
        terminals = ["581000000001", "581000000002"]
    "#;

    fn load(name: &str, text: &str) -> Result<CardLists, ConfigError> {
        let file = format!("tongtu-cards-{name}-{}.toml", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).unwrap();
        let lists = CardsFile::load(&path);
        std::fs::remove_file(&path).unwrap();
        lists
    }

    #[test]
    fn a_file_says_who_rides() {
        let lists = load("good", CARDS).unwrap();
        assert_eq!(lists.cities.version, 3);
        let judge = |issuer: [u8; 8], kind, interop| {
            let card = CardOrigin {
                issuer: Institution(issuer),
                kind,
                interop,
            };
            lists.cities.judge(City([0x58, 0x10]), &card)
        };
        let beijing = [0x01, 0x40, 0x10, 0x00, 0, 0, 0, 0];
        assert_eq!(judge(beijing, CardKind::ORDINARY, 1), Ok(Origin::Elsewhere));
        let elder = judge(beijing, CardKind::ELDER, 1);
        assert!(matches!(elder, Err(NotAccepted::Kind { .. })));
        let shenzhen = [0x09, 0x99, 0x58, 0x40, 1, 2, 3, 4];
        assert_eq!(judge(shenzhen, CardKind::ELDER, 0), Ok(Origin::Elsewhere));
        let [first, second] = &lists.parameters[..] else {
            panic!("two sets");
        };
        assert_eq!(first.retap_s, Parameters::DEFAULT.retap_s);
        assert_eq!((second.retap_s, second.unverified), (8, Unverified::Refuse));
        let allow = |service| second.permissions.allow(CardKind::TEST, service);
        assert!(allow(Service::Bus) && !allow(Service::Rail) && !allow(Service::Cash));
        assert_eq!(lists.groups.len(), 2);
    }

    #[test]
    fn an_empty_file_is_the_empty_lists() {
        assert_eq!(load("empty", "").unwrap(), CardLists::default());
    }

    #[test]
    fn a_fault_is_named() {
        for (name, from, to, expected) in [
            ("issuer", "01401000FFFFFFFF", "0140", "2 bytes, expected 8"),
            ("mask", "0000FFFF00000000", "zz", "cities.accept: "),
            ("day", "2026-02-01", "2026-02-30", "from: "),
            (
                "order",
                "2026-02-01",
                "2026-01-01",
                "first days do not rise",
            ),
            ("service", "\"cash\"", "\"taxi\"", "service \"taxi\""),
            ("place", "\"vehicle\"", "\"ship\"", "\"ship\", expected"),
            ("twice", "0000002\"", "0000001\"", "is in two groups"),
            ("terminal", "581000000002", "58", "groups.terminals: "),
            ("unknown", "retap_s", "retap", "unknown field"),
        ] {
            assert!(CARDS.contains(from), "{name}");
            let error = load(name, &CARDS.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }
}
