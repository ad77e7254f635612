//! Terminals for cards: the tap machine, its PSAM, its journal, and the device around it.

use std::sync::Arc;

use tongtu_card::RamMemory;
use tongtu_codec::hex_decode;
use tongtu_fare::Tariff;
use tongtu_journal::{Journal, Limits, SimMedium};
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{Direction, Industry, Institution, Terminal};
use tongtu_sam::{PsamProfile, SoftPsam};
use tongtu_terminal::tap::{
    CardTerminal, Circumstances, Counter, Gate, GroupNotice, ModuleRule, OpenRide, PlainLists,
    Rules, Segmented, Selection, Single, Snapshot, TapEnd, TapPost, TapProfile, Task, Way, drive,
};
use tongtu_terminal::{ChainedRecord, Held, Post as ScanPost, RecordStore as _};
use tongtu_types::{LineCode, StationCode, TerminalNumber, Timestamp, VehicleCode};

use super::wallet::Wallet;
use crate::WorldError;
use crate::books::{AIRPORT_LINE, SUBURB};
use crate::country::{CITIES, Country, NETWORK, NODES, Place};
use crate::hardware::DeviceKind;

/// Where a terminal for cards stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardPlace {
    /// In a bus of one fare.
    Bus {
        /// Its line.
        line: LineCode,
        /// The bus, counted through its city: its terminals are a group.
        bus: usize,
        /// At its rear door.
        is_rear: bool,
    },
    /// In a bus of segmented fares.
    Suburb,
    /// A gate.
    Gate {
        /// The station.
        station: StationCode,
        /// Which way.
        way: Way,
    },
    /// A hand-held terminal at a metro counter.
    HandHeld {
        /// The station.
        station: StationCode,
    },
}

/// What is known of such a terminal before it is switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPost {
    /// Index into [`NODES`].
    pub city: usize,
    /// Its number; that of the terminal for codes where both are in one housing.
    pub number: TerminalNumber,
    /// Serial of its certificate.
    pub serial: [u8; 4],
    /// Where it stands.
    pub place: CardPlace,
    /// Whether it has its number to itself and must be registered.
    pub is_extra: bool,
}

/// The city where transfers count, an index into [`NODES`].
pub const TRANSFERS: usize = CITIES[1];

/// Numbers of terminals for cards alone begin here in each city.
const EXTRA_FROM: usize = 60_001;

/// Every terminal for cards: in each housing of the country's, and some more.
#[must_use]
pub fn card_posts(country: &Country) -> Vec<CardPost> {
    let mut posts = Vec::new();
    for city in CITIES {
        let mut extras = Vec::new();
        let mut bus = 0;
        for post in country.posts.iter().filter(|post| post.city == city) {
            let place = match &post.place {
                Place::Bus { line, .. } => {
                    bus += 1;
                    extras.push(CardPlace::Bus {
                        line: *line,
                        bus,
                        is_rear: true,
                    });
                    CardPlace::Bus {
                        line: *line,
                        bus,
                        is_rear: false,
                    }
                }
                Place::Entry { station } => CardPlace::Gate {
                    station: *station,
                    way: Way::Entry,
                },
                Place::Exit { station } => {
                    extras.push(CardPlace::HandHeld { station: *station });
                    CardPlace::Gate {
                        station: *station,
                        way: Way::Exit,
                    }
                }
            };
            posts.push(CardPost {
                city,
                number: post.number,
                serial: post.serial,
                place,
                is_extra: false,
            });
        }
        extras.push(CardPlace::Suburb);
        let region = NODES[city].institution().city();
        posts.extend(extras.into_iter().zip(EXTRA_FROM..).map(|(place, n)| {
            let number = format!("{region}{n:08}");
            let serial = u32::try_from(n).expect("some dozen terminals");
            CardPost {
                city,
                number: TerminalNumber::parse(&number).expect("twelve digits"),
                serial: serial.to_be_bytes(),
                place,
                is_extra: true,
            }
        }));
    }
    posts
}

impl CardPost {
    /// A terminal of the city's workshop, which stands nowhere.
    #[must_use]
    pub(crate) fn of_workshop(city: usize) -> Self {
        let region = NODES[city].institution().city();
        let station = StationCode::parse("01").expect("a station code");
        Self {
            city,
            number: TerminalNumber::parse(&format!("{region}99000001")).expect("twelve digits"),
            serial: 99_000_001_u32.to_be_bytes(),
            place: CardPlace::HandHeld { station },
            is_extra: true,
        }
    }

    /// The module in it, as its acquirer admitted it.
    #[must_use]
    pub fn psam(&self) -> PsamSerial {
        let mut serial = [0x54; 10];
        serial[4..].copy_from_slice(&terminal_of(self.number).0);
        PsamSerial(serial)
    }

    /// Whether two terminals are in one vehicle.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        match (self.place, other.place) {
            (CardPlace::Bus { bus: a, .. }, CardPlace::Bus { bus: b, .. }) => {
                self.city == other.city && a == b
            }
            _ => false,
        }
    }

    /// What stands around it.
    #[must_use]
    pub const fn device(&self) -> DeviceKind {
        match self.place {
            CardPlace::Bus { .. } | CardPlace::Suburb => DeviceKind::Validator,
            CardPlace::Gate { .. } => DeviceKind::Gate,
            CardPlace::HandHeld { .. } => DeviceKind::HandHeld,
        }
    }

    /// What the scanner in the same housing is to its terminal.
    #[must_use]
    pub fn scan_post(&self) -> ScanPost {
        let network = LineCode::parse(NETWORK).expect("a line code");
        let vehicle = |text: &str| VehicleCode::parse(text).expect("six characters");
        match self.place {
            CardPlace::Bus { line, bus, .. } => ScanPost::Bus {
                line,
                vehicle: vehicle(&format!("B{:05}", bus % 100_000)),
            },
            CardPlace::Suburb => ScanPost::Bus {
                line: LineCode::parse(SUBURB).expect("a line code"),
                vehicle: vehicle("SUBURB"),
            },
            CardPlace::Gate {
                station,
                way: Way::Entry,
            } => ScanPost::Entry { network, station },
            CardPlace::Gate { station, .. } | CardPlace::HandHeld { station } => {
                ScanPost::Exit { network, station }
            }
        }
    }

    /// What the post is to the tap machine; a segmented bus stands at one of its stops.
    fn tap_post(&self, stop: u8) -> TapPost {
        let network = LineCode::parse(NETWORK).expect("a line code");
        match self.place {
            CardPlace::Bus { line, bus, .. } => {
                // Two lines that a card can tell apart, and the same in the whole city.
                let number = match line.as_str() {
                    "B00001" => 1,
                    "B00002" => 2,
                    AIRPORT_LINE => 3,
                    _ => 0,
                };
                let mut vehicle = *b"BUS 0000";
                let digits = format!("{:04}", bus % 10_000);
                vehicle[4..].copy_from_slice(digits.as_bytes());
                TapPost::Single(Single {
                    industry: Industry::BUS,
                    line,
                    card_line: [0, number],
                    stop: [0; 8],
                    vehicle,
                    leaves_trip: self.city == TRANSFERS,
                })
            }
            CardPlace::Suburb => TapPost::Segmented(Segmented {
                line: LineCode::parse(SUBURB).expect("a line code"),
                card_line: [0, 9],
                stop: StationCode::parse(&format!("{stop:02}")).expect("a station code"),
                card_stop: stop,
                direction: Direction::UP,
                vehicle: *b"SUBURB 1",
            }),
            CardPlace::Gate { station, way } => TapPost::Gate(Gate {
                network,
                station,
                card_line: 1,
                way,
            }),
            CardPlace::HandHeld { station } => TapPost::Counter(Counter {
                network,
                station,
                card_line: 1,
            }),
        }
    }
}

/// A terminal that is switched on.
pub struct Machine {
    /// Which it is.
    pub post: CardPost,
    terminal: CardTerminal,
    psam: SoftPsam<RamMemory>,
    journal: Journal<SimMedium>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Machine({})", self.post.number)
    }
}

/// Room for a module's keys and counters.
const MODULE_BYTES: usize = 16 * 1024;

impl Machine {
    /// Switches a terminal on.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when module, journal or terminal do not start.
    pub fn start(country: &Country, post: CardPost) -> Result<Self, WorldError> {
        let city = post.city;
        Self::with_module(country, post, city)
    }

    /// Switches on a terminal in which there is a module that was given to this city, its own or
    /// another one.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when module, journal or terminal do not start.
    pub fn with_module(
        country: &Country,
        post: CardPost,
        given_to: usize,
    ) -> Result<Self, WorldError> {
        let failed = |message: String| {
            WorldError::terminal("starting a card terminal", Timestamp::default(), message)
        };
        let acceptor = Institution::of(NODES[post.city].institution());
        let number = terminal_of(post.number);
        let identity = PsamIdentity {
            serial: post.psam(),
            terminal: number,
            issuer: acceptor,
            receiver: Institution::of(NODES[given_to].institution()),
            ..PsamProfile::test().identity
        };
        let order = u32::from_be_bytes(post.serial);
        let memory = RamMemory::new(MODULE_BYTES);
        let desk = country.keys.module_desk();
        let psam = desk.module(identity, order, Timestamp::default(), memory)?;
        let journal = Journal::recover(SimMedium::new(), Limits::default())
            .map_err(|e| failed(e.to_string()))?;
        let profile = TapProfile {
            acceptor,
            city: acceptor.city(),
            operator: [0; 2],
            software: *b"0.1_260301",
            post: post.tap_post(1),
            module: ModuleRule {
                admitted: vec![post.psam()],
                ..ModuleRule::default()
            },
            selection: Selection::default(),
            rules: rules_of(&post),
        };
        let sam = Arc::new(country.terminal_key(post.number));
        let mut terminal = CardTerminal::recover(profile, nothing(), identity, sam, &journal)
            .map_err(|e| failed(e.to_string()))?;
        terminal.serve_cash(super::cash::accepting(
            country.seed,
            &country.keys,
            post.number,
        )?);
        Ok(Self {
            post,
            terminal,
            psam,
            journal,
        })
    }

    /// Takes the lists that its housing holds.
    pub fn take(&mut self, held: &Arc<Held>) {
        self.terminal.take(Snapshot::of(held));
    }

    /// The bus has come to a stop.
    pub fn stand_at(&mut self, stop: u8) {
        self.terminal.stand_at(self.post.tap_post(stop));
    }

    /// One tap; the rider is told.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when the journal does not note that.
    pub fn tap(
        &mut self,
        card: &mut Wallet,
        task: Task,
        now: Timestamp,
    ) -> Result<TapEnd, WorldError> {
        let circumstances = Circumstances {
            now: Some(now),
            capacity: self.journal.capacity(),
            task,
        };
        let (psam, journal) = (&mut self.psam, &mut self.journal);
        let end = drive(&mut self.terminal, circumstances, card, psam, journal);
        if let Some(ride) = end.outcome.ride() {
            self.terminal
                .told(ride.seq, &mut self.journal)
                .map_err(|e| WorldError::terminal("noting a beep", now, e))?;
        }
        Ok(end)
    }

    /// Hears what another terminal of the vehicle says.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when the notice is none, or the journal fails.
    pub fn note(&mut self, notice: &[u8], now: Timestamp) -> Result<(), WorldError> {
        let notice = GroupNotice::decode(notice)
            .map_err(|e| WorldError::terminal("reading a notice", now, e))?;
        self.terminal
            .note(notice, now, &mut self.journal)
            .map_err(|e| WorldError::terminal("noting a notice", now, e))
    }

    /// Makes grey records of what nobody came back for.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when the journal fails.
    pub fn close_stale(&mut self, now: Timestamp) -> Result<(), WorldError> {
        self.terminal
            .close_stale(now, &mut self.journal)
            .map(|_| ())
            .map_err(|e| WorldError::terminal("closing intents", now, e))
    }

    /// What the acquirer has not acknowledged.
    #[must_use]
    pub fn waiting(&self) -> Vec<ChainedRecord> {
        let stored = self.journal.replay().filter(|stored| !stored.acknowledged);
        stored.map(ChainedRecord::from).collect()
    }

    /// Every record with its number, as it lies in the journal.
    #[must_use]
    pub fn journal(&self) -> Vec<(u64, Vec<u8>)> {
        let stored = self.journal.replay();
        stored
            .map(|stored| (stored.seq, stored.record.to_vec()))
            .collect()
    }

    /// The acquirer has these.
    ///
    /// # Errors
    /// [`WorldError::Terminal`] when the journal fails.
    pub fn acknowledge(&mut self, seqs: &[u64], now: Timestamp) -> Result<(), WorldError> {
        self.journal
            .acknowledge(seqs)
            .map_err(|e| WorldError::terminal("acknowledging", now, e))
    }
}

/// A terminal's number as cards and modules have it.
fn terminal_of(number: TerminalNumber) -> Terminal {
    let digits = hex_decode(number.as_str()).expect("twelve digits");
    Terminal(digits.try_into().expect("twelve digits are six bytes"))
}

/// The rules of a post. Cities differ in what becomes of a ride that was never ended, and in what
/// they ask of cards: Guangzhou the ride before, for transfers, and the sums of month and day at
/// every charge; Beijing the month's sum at its gates, because its buses have no part in it.
fn rules_of(post: &CardPost) -> Rules {
    let open_ride = match post.place {
        // Beijing's riders see the counter; Guangzhou's pay the highest fare with the next ride.
        CardPlace::Gate { .. } if post.city == CITIES[0] => OpenRide::Counter,
        _ => OpenRide::Settle,
    };
    let transfers = post.city == TRANSFERS;
    let is_gate = matches!(post.place, CardPlace::Gate { .. });
    Rules {
        open_ride,
        transfers,
        history: transfers || is_gate,
        ..Rules::default()
    }
}

/// What a terminal holds that has heard nothing yet: it takes nobody's card.
fn nothing() -> Snapshot {
    Snapshot {
        lists: Arc::new(PlainLists::default()),
        tariff: Arc::new(Tariff::default()),
    }
}
