//! The rides of the day: riders with codes and cards with purses of both cities, all riding in one.
//!
//! Each rides some times, as people do. Cards of both algorithm sets; their TACs are made by the
//! issuers' own keys.

use std::collections::BTreeMap;

use tongtu_apdu::StatusWord;
use tongtu_codec::hex_decode;
use tongtu_crypto::SecretKey;
use tongtu_hsm::{Custody as _, LentKey, MacScheme};
use tongtu_http::client::{Client, ClientError};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_psam::PsamSerial;
use tongtu_purse::field::{
    Amount, Balance, CardKind, City, DateTime, Direction, Industry, Institution, Kind, Limit,
    Serial, Terminal, Terminal8,
};
use tongtu_ride_code::UserCertificate;
use tongtu_tap_record::{Mac2State, Magic, RecordKind, Recovery, Stage, TapRecord, Version};
use tongtu_types::{BusinessDay, CardNumber, Fen, LineCode, Timestamp};
use tongtu_world::country::{CITIES, NODES, Scale};
use tongtu_world::{Country, Seed};

use super::super::codes::{BENCH_TERMINAL, certificates, record_at};

/// How often each rider and each card rides.
const RIDES_EACH: usize = 4;
/// The rides are spread over so many seconds, from six in the morning.
const SPREAD_S: usize = 43_200;
/// What a ride costs.
const FARE: u32 = 200;
/// What is on a card in the morning, and in an account.
const LOADED: Fen = Fen::new(50_000);
const LINE: &str = "B00001";

/// The country, its cards, and the rides by number: even ones by code, odd ones by card.
pub(super) struct Rides {
    pub(super) country: Country,
    pub(super) terminal_key: SecretKey,
    count: usize,
    day: BusinessDay,
    user_keys: Vec<SecretKey>,
    cards: Vec<CardNumber>,
    tac_keys: BTreeMap<(usize, u8), LentKey>,
}

/// The algorithms of cards, as their records have them.
const ALGORITHMS: [(u8, KeyAlgorithm); 2] = [(4, KeyAlgorithm::Sm4), (0, KeyAlgorithm::Tdes)];

impl Rides {
    pub(super) fn of(count: usize) -> Self {
        let day = BusinessDay::from_ymd(2026, 3, 2).expect("a day of the calendar");
        let riders = count.div_ceil(2).div_ceil(RIDES_EACH).max(CITIES.len());
        let country = Country::found(Seed(1), Scale::village(riders), day)
            .expect("the temporary folder takes the country's keys");
        let user_keys = (0..country.riders.len())
            .map(|user| country.user_key(user))
            .collect();
        let cards = (0..(count / 2).div_ceil(RIDES_EACH).max(CITIES.len()))
            .map(|card| {
                let city = &NODES[home(card)].code[4..];
                CardNumber::parse(&format!("310{city}9{card:011}")).expect("nineteen digits")
            })
            .collect();
        let mut tac_keys = BTreeMap::new();
        for node in CITIES {
            for (algorithm, named) in ALGORITHMS {
                let label = country.keys.label(node, Purpose::Tac, named);
                let lent = country
                    .keys
                    .with_store(node, |store| store.lend(label))
                    .expect("the temporary folder takes the city's store")
                    .expect("a test store lends its keys");
                tac_keys.insert((node, algorithm), lent);
            }
        }
        Self {
            terminal_key: country.seed.key("terminal of the bench"),
            country,
            count,
            day,
            user_keys,
            cards,
            tac_keys,
        }
    }

    pub(super) const fn day(&self) -> BusinessDay {
        self.day
    }

    /// Before the first ride.
    pub(super) fn before(&self) -> Timestamp {
        self.day.start_in_china().plus_s(5 * 3600)
    }

    /// After the last one.
    pub(super) fn after(&self) -> Timestamp {
        self.day.start_in_china().plus_s(19 * 3600)
    }

    /// Accounts and cards.
    pub(super) fn holders(&self) -> usize {
        self.user_keys.len() + self.cards.len()
    }

    /// Opens accounts and issues cards, with money on them.
    pub(super) async fn prepare(
        &self,
        clients: &[Client],
        tick: &mut dyn FnMut(),
    ) -> Result<(), ClientError> {
        let at = self.before();
        for ((rider, key), number) in self.country.riders.iter().zip(&self.user_keys).zip(0..) {
            let client = clients[rider.home].at(at);
            client.account_open(rider.account, key.public()).await?;
            let id = format!("bench-{number}");
            client.account_recharge(rider.account, &id, LOADED).await?;
            tick();
        }
        for (number, card) in self.cards.iter().enumerate() {
            let client = clients[home(number)].at(at);
            client.card_issue(*card).await?;
            let id = format!("bench-card-{number}");
            client.card_load(*card, &id, LOADED).await?;
            tick();
        }
        Ok(())
    }

    /// The riders' certificates of the day.
    pub(super) fn certified(&self) -> Vec<UserCertificate> {
        certificates(&self.country, &self.user_keys, self.before())
    }

    /// The record of a ride.
    pub(super) fn record(&self, ride: usize, certified: &[UserCertificate]) -> Vec<u8> {
        let after_s = ride * SPREAD_S / self.count;
        let after_s = i64::try_from(after_s).expect("half a day");
        let at = self.day.start_in_china().plus_s(6 * 3600 + after_s);
        if ride.is_multiple_of(2) {
            let rider = ride / 2 % self.user_keys.len();
            let code = certified[rider].ride_code(at.plus_s(-5), &self.user_keys[rider]);
            let code = code.expect("a fresh certificate");
            return record_at(at, ride, &code, &self.terminal_key);
        }
        let tap = self.tap(ride, at);
        tap.encode_signed(&mut |message| self.terminal_key.sign(message))
            .expect("a record of these values")
    }

    /// A card's ride, as its terminal wrote it down.
    fn tap(&self, ride: usize, at: Timestamp) -> TapRecord {
        let (card, before) = (ride / 2 % self.cards.len(), ride / 2 / self.cards.len());
        let before = u16::try_from(before).expect("some rides a day");
        let issuer = Institution::of(NODES[home(card)].institution());
        let acceptor = Institution::of(NODES[CITIES[0]].institution());
        let terminal = hex_decode(BENCH_TERMINAL).expect("twelve digits");
        let terminal = Terminal(terminal.try_into().expect("twelve digits"));
        let serial = Serial::of(&self.cards[card]);
        let (algorithm, _) = ALGORITHMS[card / CITIES.len() % ALGORITHMS.len()];
        let left = |rides: u16| {
            let spent = i64::from(FARE) * i64::from(rides);
            let left = LOADED
                .checked_sub(Fen::new(spent))
                .expect("enough is loaded");
            Balance::from_fen(left).expect("a purse's sum")
        };
        let mut record = TapRecord {
            magic: Magic,
            version: Version::One,
            kind: RecordKind::Purse,
            stage: Stage::Single,
            mac2: Mac2State::Verified,
            recovery: Recovery::Plain,
            status: StatusWord::OK,
            acceptor,
            city: acceptor.city(),
            psam: PsamSerial([1; 10]),
            terminal,
            terminal_sequence: u32::try_from(ride).expect("some million") + 1,
            at: DateTime::of(at),
            recorder: terminal,
            recorded_at: DateTime::of(at),
            serial,
            issuer,
            card_city: issuer.city(),
            interop: 1,
            card_kind: CardKind::ORDINARY,
            sequence: before + 1,
            transaction: Kind::PURCHASE,
            key_index: 1,
            key_version: 1,
            algorithm,
            random: [1, 2, 3, 4],
            amount: Amount::new(FARE),
            before: left(before),
            after: left(before + 1),
            overdraft: Limit::ZERO,
            tac: [0; 4],
            mac2_code: [1; 4],
            base: Amount::new(FARE),
            discount: Amount::ZERO,
            transfer: Amount::ZERO,
            penalty: Amount::ZERO,
            arrears: Amount::ZERO,
            marked: Amount::ZERO,
            industry: Industry::BUS,
            operator: [0; 2],
            line: LineCode::parse(LINE).expect("a line code"),
            station: [0; 8],
            direction: Direction(0),
            vehicle: *b"BUS 1\0\0\0",
            origin_institution: Institution([0; 8]),
            origin_city: City([0; 2]),
            origin_line: [0; 2],
            origin_station: [0; 8],
            origin_terminal: Terminal8([0; 8]),
            origin_at: DateTime([0; 7]),
            software: tongtu_config::SOFTWARE,
            fares: 1,
            parameters: 1,
            white_list: 1,
            blacklist: 1,
            own: [0; 80],
        };
        let key = &self.tac_keys[&(home(card), algorithm)];
        let tac = key.mac(&[serial.factor()], MacScheme::Tac, &record.tac_message());
        let tac = tac.expect("a key of TACs");
        record.tac = tac.try_into().expect("four bytes");
        record
    }
}

/// Which city a card is of.
const fn home(card: usize) -> usize {
    CITIES[card % CITIES.len()]
}
