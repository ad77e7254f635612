//! What a terminal is told when it is put up, from what C says to what the machines take.

use std::path::Path;
use std::sync::Arc;

use tongtu_crypto::{PublicKey, SecretKey};
use tongtu_journal::{FileMedium, Limits};
use tongtu_purse::field::{City, Direction, Industry, Institution};
use tongtu_ride_code::Policy;
use tongtu_terminal::tap::{Counter, Gate, Segmented, Single, TapPost, TapProfile, Way};
use tongtu_terminal::{Post, Profile, Sam, Setup};
use tongtu_types::{InstitutionCode, LineCode, StationCode, TerminalNumber, VehicleCode};
use zeroize::Zeroizing;

use crate::code::{TT_ERR_NULL, TT_ERR_STORE, TT_ERR_VALUE};
use crate::fault::Fault;
use crate::hooks::{Device, HookMedium, Signer};
use crate::types::{
    TT_POST_BUS, TT_POST_COUNTER, TT_POST_ENTRY, TT_POST_EXIT, TT_POST_SEGMENTED, TtPost, TtSetup,
};

mod modules;
mod rules;

pub(crate) use modules::GivenModules;
use rules::ByRules;
pub(crate) use rules::{GivenRules, usual};

/// A setup with its texts; pointers are gone.
pub(crate) struct Given<'a> {
    pub(crate) plain: &'a TtSetup,
    pub(crate) acquirer: Option<&'a str>,
    pub(crate) terminal: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) terminal_id: Option<&'a str>,
    pub(crate) software: Option<&'a str>,
    pub(crate) post: GivenPost<'a>,
    pub(crate) hook: Option<Signer>,
    pub(crate) test_key: Option<Zeroizing<[u8; 32]>>,
    pub(crate) journal: Option<&'a str>,
    pub(crate) medium: Option<HookMedium>,
    pub(crate) rules: Option<GivenRules<'a>>,
    pub(crate) modules: Option<GivenModules<'a>>,
}

/// A post with its texts.
pub(crate) struct GivenPost<'a> {
    pub(crate) plain: &'a TtPost,
    pub(crate) line: Option<&'a str>,
    pub(crate) station: Option<&'a str>,
    pub(crate) vehicle: Option<&'a str>,
}

/// What the machines take.
pub(crate) struct Parts {
    pub(crate) setup: Setup,
    pub(crate) tap: TapProfile,
    pub(crate) sam: Arc<dyn Sam>,
    pub(crate) device: Device,
    pub(crate) limits: Limits,
}

pub(crate) fn wrong(setting: &str, what: impl std::fmt::Display) -> Fault {
    Fault::new(TT_ERR_VALUE, format!("{setting}: {what}"))
}

pub(crate) fn there<'a>(setting: &str, text: Option<&'a str>) -> Result<&'a str, Fault> {
    text.ok_or_else(|| Fault::new(TT_ERR_NULL, setting))
}

/// A text of so many printable characters.
pub(crate) fn printable<const N: usize>(
    setting: &str,
    text: Option<&str>,
) -> Result<[u8; N], Fault> {
    let text = there(setting, text)?;
    let bytes = <[u8; N]>::try_from(text.as_bytes());
    let is_good = |bytes: &[u8; N]| bytes.iter().all(|b| (0x20..0x7F).contains(b));
    let bytes = bytes.ok().filter(is_good);
    bytes.ok_or_else(|| wrong(setting, format!("expected {N} printable characters")))
}

fn line(text: Option<&str>) -> Result<LineCode, Fault> {
    let text = there("post.line", text)?;
    LineCode::parse(text).map_err(|error| wrong("post.line", error))
}

/// A station or stop.
pub(crate) fn station(setting: &str, text: Option<&str>) -> Result<StationCode, Fault> {
    let text = there(setting, text)?;
    StationCode::parse(text).map_err(|error| wrong(setting, error))
}

fn vehicle(text: Option<&str>) -> Result<VehicleCode, Fault> {
    let text = there("post.vehicle", text)?;
    VehicleCode::parse(text).map_err(|error| wrong("post.vehicle", error))
}

/// A bus's direction, as cards have it.
pub(crate) fn direction(byte: u8) -> Result<Direction, Fault> {
    let direction = Direction(byte);
    match direction {
        Direction::UP | Direction::DOWN => Ok(direction),
        _ => Err(wrong("post.direction", "expected 0xAB or 0xBA")),
    }
}

impl GivenPost<'_> {
    fn read(&self, leaves_trip: bool) -> Result<(Post, TapPost), Fault> {
        let plain = self.plain;
        let line = line(self.line)?;
        Ok(match plain.kind {
            TT_POST_BUS => (
                Post::Bus {
                    line,
                    vehicle: vehicle(self.vehicle)?,
                },
                TapPost::Single(Single {
                    industry: Industry::BUS,
                    line,
                    card_line: plain.card_line,
                    stop: plain.card_place,
                    vehicle: plain.card_vehicle,
                    leaves_trip,
                }),
            ),
            TT_POST_SEGMENTED => (
                Post::Bus {
                    line,
                    vehicle: vehicle(self.vehicle)?,
                },
                TapPost::Segmented(Segmented {
                    line,
                    card_line: plain.card_line,
                    stop: station("post.station", self.station)?,
                    card_stop: plain.card_stop,
                    direction: direction(plain.direction)?,
                    vehicle: plain.card_vehicle,
                }),
            ),
            TT_POST_COUNTER => {
                let (network, station) = (line, station("post.station", self.station)?);
                let [card_line, _] = plain.card_line;
                let counter = Counter {
                    network,
                    station,
                    card_line,
                };
                // No code is scanned there and no face looked at, so what it would mean says nothing.
                (Post::Exit { network, station }, TapPost::Counter(counter))
            }
            TT_POST_ENTRY | TT_POST_EXIT => {
                let (network, station) = (line, station("post.station", self.station)?);
                let [card_line, _] = plain.card_line;
                let gate = |way| {
                    TapPost::Gate(Gate {
                        network,
                        station,
                        card_line,
                        way,
                    })
                };
                if plain.kind == TT_POST_ENTRY {
                    (Post::Entry { network, station }, gate(Way::Entry))
                } else {
                    (Post::Exit { network, station }, gate(Way::Exit))
                }
            }
            kind => return Err(wrong("post.kind", format!("{kind}, expected 1 to 5"))),
        })
    }
}

impl Given<'_> {
    pub(crate) fn read(self) -> Result<Parts, Fault> {
        let plain = self.plain;
        let acquirer = there("acquirer", self.acquirer)?;
        let acquirer = InstitutionCode::parse(acquirer).map_err(|e| wrong("acquirer", e))?;
        let terminal = there("terminal", self.terminal)?;
        let terminal = TerminalNumber::parse(terminal).map_err(|e| wrong("terminal", e))?;
        let software = printable("software", self.software)?;
        let given = self.rules.as_ref().map(GivenRules::read).transpose()?;
        let ByRules {
            rules,
            selection,
            leaves_trip,
        } = given.unwrap_or_default();
        let (post, tap_post) = self.post.read(leaves_trip)?;
        let module = self.modules.map(|modules| modules.read(terminal));
        let module = module.transpose()?.unwrap_or_default();
        let list_key = PublicKey::from_compressed(&plain.list_key);
        let list_key = list_key.map_err(|error| wrong("list_key", error))?;
        let signer = match (self.hook, self.test_key) {
            (Some(hook), None) => hook,
            (None, Some(key)) => {
                Signer::Test(SecretKey::from_bytes(&key).map_err(|e| wrong("test_key", e))?)
            }
            (None, None) => return Err(Fault::new(TT_ERR_NULL, "signer.sign and test_key")),
            (Some(_), Some(_)) => {
                return Err(wrong("test_key", "expected NULL where signer.sign is set"));
            }
        };
        let sam: Arc<dyn Sam> = Arc::new(signer);
        let limits = limits(plain)?;
        // Last, because it may make a file.
        let device = match (self.journal, self.medium) {
            (Some(path), None) => FileMedium::open(Path::new(path)).map(Device::File),
            (None, Some(hooks)) => Ok(Device::Hooks(hooks)),
            (None, None) => return Err(Fault::new(TT_ERR_NULL, "journal and medium")),
            (Some(_), Some(_)) => {
                return Err(wrong("medium", "expected NULL where journal is set"));
            }
        };
        let device = device.map_err(|e| Fault::new(TT_ERR_STORE, format!("journal: {e}")))?;
        Ok(Parts {
            setup: Setup {
                profile: Profile {
                    acquirer,
                    terminal,
                    model: printable("model", self.model)?,
                    terminal_id: printable("terminal_id", self.terminal_id)?,
                    software,
                    serial: plain.serial,
                    post,
                },
                policy: Policy::default(),
                list_key,
                sam: Box::new(Arc::clone(&sam)),
            },
            tap: TapProfile {
                acceptor: Institution(plain.acceptor),
                city: City(plain.city),
                operator: plain.operator_code,
                software,
                post: tap_post,
                module,
                selection,
                rules,
            },
            sam,
            device,
            limits,
        })
    }
}

fn limits(plain: &TtSetup) -> Result<Limits, Fault> {
    let usual = Limits::default();
    let or = |said: u64, usual: u64| if said == 0 { usual } else { said };
    let limits = Limits {
        records_max: or(plain.records_max, usual.records_max),
        dead_bytes_max: or(plain.dead_bytes_max, usual.dead_bytes_max),
        bytes_max: or(plain.bytes_max, usual.bytes_max),
    };
    if limits.dead_bytes_max >= limits.bytes_max {
        return Err(wrong("dead_bytes_max", "expected less than bytes_max"));
    }
    Ok(limits)
}
