//! The country: nodes, keys, lines, terminals, riders.
//!
//! Two real cities on opposite sides of it: Beijing sits directly under the nation,
//! Guangzhou under its province. Metro lines, distances and fare ladders are the published
//! ones (`tongtu-fare`'s books name their sources); what is added to them is in
//! [`crate::books`]. All keys are test keys: those of
//! the book come from the key room ([`crate::keys`]); phones, terminals and callers make their own, with
//! chance from the seed, and hand in the public half.

use tongtu_crypto::{PublicKey, SecretKey};
use tongtu_fare::FareBook;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{Root, RootTable};
use tongtu_types::{
    BusinessDay, CardNumber, Fen, InstitutionCode, LineCode, StationCode, TerminalNumber,
    VehicleCode,
};

use crate::WorldError;
use crate::books::{self, AIRPORT_LINE};
use crate::cards::{CardPost, Cardholder, people, posts};
use crate::class::Class;
use crate::faces::people::{FaceRider, face_riders};
use crate::faces::plan::{FacePost, face_posts};
use crate::keys::CountryKeys;
use crate::seed::Seed;

/// CA index of the world's root.
pub const CA_INDEX: u8 = 0x02;
/// Single-ride limit that both issuers give their riders.
pub const LIMIT: Fen = Fen::new(2000);
/// Seconds a code is good for.
pub const VALIDITY_S: u16 = 60;
/// Seconds a user certificate is good for.
pub const LIFETIME_S: i64 = 7 * 86_400;

/// What a node is in the demo country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeName {
    /// Institution code, role digit 0.
    pub code: &'static str,
    /// Folder and file name.
    pub id: &'static str,
    /// English name.
    pub en: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// The code of the node above, if any.
    pub parent: Option<&'static str>,
    /// Whether it is a city: issuer, acquirer and city exchange in one.
    pub is_city: bool,
}

impl NodeName {
    /// The institution code as a value.
    #[must_use]
    pub fn institution(&self) -> InstitutionCode {
        InstitutionCode::parse(self.code).expect("the table holds eight digits")
    }
}

/// The four nodes, from the top.
pub const NODES: [NodeName; 4] = [
    NodeName {
        code: "00000000",
        id: "nation",
        en: "National exchange",
        zh: "全国数据交换机构",
        parent: None,
        is_city: false,
    },
    NodeName {
        code: "30005800",
        id: "guangdong",
        en: "Guangdong exchange",
        zh: "广东省数据交换机构",
        parent: Some("00000000"),
        is_city: false,
    },
    NodeName {
        code: "01341000",
        id: "beijing",
        en: "Beijing",
        zh: "北京",
        parent: Some("00000000"),
        is_city: true,
    },
    NodeName {
        code: "01345810",
        id: "guangzhou",
        en: "Guangzhou",
        zh: "广州",
        parent: Some("30005800"),
        is_city: true,
    },
];

/// The two cities, as indices into [`NODES`].
pub const CITIES: [usize; 2] = [2, 3];

/// A neighbour whose codes nobody here has agreed to accept.
pub const STRANGER: &str = "01345840";

/// Where a terminal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On a bus.
    Bus {
        /// Its line.
        line: LineCode,
        /// Its vehicle.
        vehicle: VehicleCode,
    },
    /// At a metro gate, way in.
    Entry {
        /// The station.
        station: StationCode,
    },
    /// At a metro gate, way out.
    Exit {
        /// The station.
        station: StationCode,
    },
}

/// One terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Index into [`NODES`].
    pub city: usize,
    /// Its number.
    pub number: TerminalNumber,
    /// Serial of its certificate.
    pub serial: [u8; 4],
    /// Where it stands.
    pub place: Place,
}

/// One rider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rider {
    /// Index into [`NODES`]: the city that issues the rider's codes.
    pub home: usize,
    /// The virtual card number.
    pub account: CardNumber,
    /// What the rider paid in beforehand.
    pub recharge: Fen,
    /// What the account's type says of the rider.
    pub class: Class,
}

/// One city's side of the country.
#[derive(Debug)]
pub struct City {
    /// Index into [`NODES`].
    pub node: usize,
    /// Its issuer certificate.
    pub certificate: IssuerCertificate,
    /// Its fare book, as text and parsed.
    pub book_text: String,
    /// The same, parsed.
    pub book: FareBook,
}

/// The whole country before its first day.
#[derive(Debug)]
pub struct Country {
    /// The seed that it was made from.
    pub seed: Seed,
    /// Its keys.
    pub keys: CountryKeys,
    /// The national ride-code root.
    pub root: Root,
    /// The two cities, in the order of [`CITIES`].
    pub cities: Vec<City>,
    /// A neighbour's certificate under the same root.
    pub stranger: IssuerCertificate,
    /// Every terminal.
    pub posts: Vec<Post>,
    /// Every rider with a code.
    pub riders: Vec<Rider>,
    /// Every terminal for cards.
    pub card_posts: Vec<CardPost>,
    /// Every rider with a card.
    pub cardholders: Vec<Cardholder>,
    /// Every terminal for faces.
    pub face_posts: Vec<FacePost>,
    /// Every rider by face.
    pub face_riders: Vec<FaceRider>,
}

/// The metro network's line code in every fare book of the country.
pub const NETWORK: &str = "METRO";

impl Country {
    /// Founds the country: its key room first.
    ///
    /// # Errors
    /// [`WorldError`] when the stores of keys cannot be written.
    ///
    /// # Panics
    /// Never: books and numbers are the shipped ones.
    pub fn found(seed: Seed, scale: Scale, first_day: BusinessDay) -> Result<Self, WorldError> {
        let (keys, certified) = CountryKeys::found(seed, first_day)?;
        let books = [books::beijing(), books::guangzhou()];
        let cities: Vec<City> = CITIES
            .into_iter()
            .zip(books)
            .zip(certified.cities)
            .map(|((node, book_text), certificate)| {
                let book = FareBook::parse(book_text.as_bytes())
                    .expect("the shipped book and what is added to it");
                City {
                    node,
                    certificate,
                    book_text,
                    book,
                }
            })
            .collect();
        let posts = cities
            .iter()
            .flat_map(|city| posts_of(city, seed, scale))
            .collect();
        let riders = riders_of(seed, scale.riders, first_day);
        let mut country = Self {
            seed,
            keys,
            root: certified.root,
            cities,
            stranger: certified.stranger,
            posts,
            riders,
            card_posts: Vec::new(),
            cardholders: people::cardholders(seed, scale.cards, first_day),
            face_posts: Vec::new(),
            face_riders: face_riders(seed, scale.faces, first_day),
        };
        if scale.faces > 0 {
            country.face_posts = face_posts(&country);
        }
        let cash = people::cash_holders(seed, scale.cash, first_day);
        country.cardholders.extend(cash);
        if !country.cardholders.is_empty() {
            country.card_posts = posts::card_posts(&country);
        }
        Ok(country)
    }

    /// The roots that terminals and nodes trust.
    #[must_use]
    pub fn roots(&self) -> RootTable {
        RootTable::new([self.root.clone()])
    }

    /// The accepted issuers: both cities, not the neighbour.
    #[must_use]
    pub fn accepted_issuers(&self) -> Vec<InstitutionCode> {
        CITIES
            .iter()
            .map(|node| NODES[*node].institution())
            .collect()
    }

    /// The city of this node index.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn city(&self, node: usize) -> &City {
        self.cities
            .iter()
            .find(|c| c.node == node)
            .expect("asked for a city's node only")
    }

    /// The key that a city's lists for terminals verify under.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn list_key(&self, node: usize) -> &PublicKey {
        self.keys.list_key(node)
    }

    /// A terminal's own key, which its security module made: its acquirer knows the public half.
    #[must_use]
    pub fn terminal_key(&self, number: TerminalNumber) -> SecretKey {
        self.seed.key(&format!("terminal {number}"))
    }

    /// A rider's key, which the phone made: its issuer knows the public half.
    #[must_use]
    pub fn user_key(&self, rider: usize) -> SecretKey {
        self.seed.key(&format!("user {rider}"))
    }
}

/// Two of so many riders with codes are of a class, one in each city.
const CLASS_EVERY: usize = 10;

/// How large the country is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Riders with codes, both cities together.
    pub riders: usize,
    /// Riders with cards that have a purse, both cities together.
    pub cards: usize,
    /// Riders with an e-cash, both cities together.
    pub cash: usize,
    /// Riders by face, both cities together.
    pub faces: usize,
    /// Metro stations with gates in each city, at least two.
    pub stations: usize,
    /// Buses on each of a city's two ordinary lines, at least one.
    pub buses: usize,
}

impl Scale {
    /// The demo's: some hundred riders, half of them with cards, one in ten with an e-cash among
    /// these, one in twenty by face, ten stations and three buses a line in each city.
    #[must_use]
    pub const fn demo(riders: usize) -> Self {
        Self {
            riders: riders - riders / 2 - riders / 20,
            cards: riders / 2 - riders / 10,
            cash: riders / 10,
            faces: riders / 20,
            stations: 10,
            buses: 3,
        }
    }

    /// Small enough that every terminal can be a process of its own; all riders have codes.
    #[must_use]
    pub const fn village(riders: usize) -> Self {
        Self {
            riders,
            cards: 0,
            cash: 0,
            faces: 0,
            stations: 2,
            buses: 1,
        }
    }
}

fn posts_of(city: &City, seed: Seed, scale: Scale) -> Vec<Post> {
    let mut dice = seed.dice(&format!("stations {}", city.node));
    let network = LineCode::parse(NETWORK).expect("a line code");
    let network = city
        .book
        .network(network)
        .expect("every book of ours has its metro");
    let mut stations: Vec<StationCode> = network.stations().iter().map(|s| s.code).collect();
    for i in (1..stations.len()).rev() {
        stations.swap(i, dice.index(i + 1));
    }
    stations.truncate(scale.stations.max(2));
    stations.sort();
    let mut places = Vec::new();
    let buses = scale.buses.max(1);
    for (line, count) in [("B00001", buses), ("B00002", buses), (AIRPORT_LINE, 1)] {
        for n in 1..=count {
            let vehicle = format!("{}{n:02}", &line[2..]);
            places.push(Place::Bus {
                line: LineCode::parse(line).expect("a line code"),
                vehicle: VehicleCode::parse(&vehicle).expect("six characters"),
            });
        }
    }
    for station in stations {
        places.push(Place::Entry { station });
        places.push(Place::Exit { station });
    }
    let region = NODES[city.node].institution().city();
    places
        .into_iter()
        .enumerate()
        .map(|(i, place)| {
            let n = u32::try_from(i + 1).expect("some dozen terminals");
            let number = format!("{region}{n:08}");
            Post {
                city: city.node,
                number: TerminalNumber::parse(&number).expect("twelve digits"),
                serial: n.to_be_bytes(),
                place,
            }
        })
        .collect()
}

fn riders_of(seed: Seed, count: usize, first_day: BusinessDay) -> Vec<Rider> {
    let mut dice = seed.dice("riders");
    (0..count)
        .map(|i| {
            let home = CITIES[i % CITIES.len()];
            // Invented numbers: 310, the city, a day that nobody was born on, a serial.
            let region = NODES[home].institution().city();
            let digits = format!(
                "310{region}00{:05}{i:05}",
                first_day.days().rem_euclid(100_000)
            );
            Rider {
                home,
                account: CardNumber::parse(&digits).expect("nineteen digits"),
                recharge: Fen::new(dice.between(80, 120) * 1000),
                class: match i % CLASS_EVERY {
                    5 | 8 => Class::dealt(i / CLASS_EVERY),
                    _ => Class::Ordinary,
                },
            }
        })
        .collect()
}
