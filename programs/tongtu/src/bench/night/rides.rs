//! The rides of the day: riders with codes, cards with purses and cards with e-cash of both cities,
//! all riding in one.
//!
//! Each rides some times, as people do. Cards of both algorithm sets; their TACs and cryptograms are
//! made by the issuers' own keys.

use std::collections::BTreeMap;

use tongtu_apdu::StatusWord;
use tongtu_codec::hex_decode;
use tongtu_crypto::SecretKey;
use tongtu_ecash::Cvr;
use tongtu_ecash::cryptogram::{card_factor, session_block};
use tongtu_hsm::{Custody as _, LentKey, MacScheme};
use tongtu_http::client::{Client, ClientError};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_psam::PsamSerial;
use tongtu_purse::field::{
    Amount, Balance, CardKind, City, DateTime, Direction, Industry, Institution, Kind, Limit,
    Serial, Terminal, Terminal8,
};
use tongtu_ride_code::UserCertificate;
use tongtu_tap_record::{
    CashCheck, CashProof, Mac2State, Magic, RecordKind, Recovery, Stage, TapRecord, Told, Version,
};
use tongtu_types::{BusinessDay, CardNumber, Fen, LineCode, Timestamp};
use tongtu_world::country::{CITIES, NODES, Scale};
use tongtu_world::{Country, Seed};

use super::super::codes::{BENCH_TERMINAL, certificates, record_at};

/// By what rides are paid: by code, by purse, by e-cash, in turn.
const MEANS: usize = 3;
/// How often each rider and each card rides.
const RIDES_EACH: usize = 4;
/// The rides are spread over so many seconds, from six in the morning.
const SPREAD_S: usize = 43_200;
/// What a ride costs.
const FARE: u32 = 200;
/// What is on a card in the morning, and in an account.
const LOADED: Fen = Fen::new(50_000);
const LINE: &str = "B00001";

/// The country, its cards, and the rides by number.
pub(super) struct Rides {
    pub(super) country: Country,
    pub(super) terminal_key: SecretKey,
    count: usize,
    day: BusinessDay,
    user_keys: Vec<SecretKey>,
    purses: Vec<CardNumber>,
    cash: Vec<CardNumber>,
    keys: BTreeMap<(usize, Purpose, u8), LentKey>,
}

/// The algorithms of cards, as their records have them.
const ALGORITHMS: [(u8, KeyAlgorithm); 2] = [(4, KeyAlgorithm::Sm4), (1, KeyAlgorithm::Tdes)];

impl Rides {
    pub(super) fn of(count: usize) -> Self {
        let day = BusinessDay::from_ymd(2026, 3, 2).expect("a day of the calendar");
        let holders = count.div_ceil(MEANS * RIDES_EACH).max(CITIES.len());
        let country = Country::found(Seed(1), Scale::village(holders), day)
            .expect("the temporary folder takes the country's keys");
        let user_keys = (0..country.riders.len())
            .map(|user| country.user_key(user))
            .collect();
        let numbered = |head: &str| {
            let number = |card| {
                let city = &NODES[home(card)].code[4..];
                let digits = format!("{head}{city}{card:0width$}", width = 15 - head.len());
                CardNumber::parse(&digits).expect("nineteen digits")
            };
            (0..holders).map(number).collect()
        };
        let proving = [Purpose::Tac, Purpose::CashCryptogram];
        let each = |node| proving.map(|purpose| ALGORITHMS.map(|of| (node, purpose, of)));
        let mut keys = BTreeMap::new();
        for (node, purpose, (algorithm, named)) in CITIES.map(each).into_iter().flatten().flatten()
        {
            let label = country.keys.label(node, purpose, named);
            let lent = country
                .keys
                .with_store(node, |store| store.lend(label))
                .expect("the temporary folder takes the city's store")
                .expect("a test store lends its keys");
            keys.insert((node, purpose, algorithm), lent);
        }
        Self {
            terminal_key: country.seed.key("terminal of the bench"),
            country,
            count,
            day,
            user_keys,
            purses: numbered("310"),
            cash: numbered("6299"),
            keys,
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
        self.user_keys.len() + self.purses.len() + self.cash.len()
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
        for (number, card) in self.purses.iter().enumerate() {
            let client = clients[home(number)].at(at);
            client.card_issue(*card).await?;
            let id = format!("bench-card-{number}");
            client.card_load(*card, &id, LOADED).await?;
            tick();
        }
        for (number, card) in self.cash.iter().enumerate() {
            let client = clients[home(number)].at(at);
            client.cash_issue(*card).await?;
            let id = format!("bench-cash-{number}");
            client.cash_load(*card, &id, LOADED).await?;
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
        let tap = match ride % MEANS {
            0 => {
                let rider = ride / MEANS % self.user_keys.len();
                let code = certified[rider].ride_code(at.plus_s(-5), &self.user_keys[rider]);
                let code = code.expect("a fresh certificate");
                return record_at(at, ride, &code, &self.terminal_key);
            }
            1 => self.by_purse(ride, at),
            _ => self.by_cash(ride, at),
        };
        tap.encode_signed(&mut |message| self.terminal_key.sign(message))
            .expect("a record of these values")
    }

    /// A purse's ride, as its terminal wrote it down.
    fn by_purse(&self, ride: usize, at: Timestamp) -> TapRecord {
        let mut record = self.tap(ride, at, &self.purses);
        let key = &self.keys[&(self.home_of(ride), Purpose::Tac, record.algorithm)];
        let factor = record.serial.factor();
        let tac = key.mac(&[factor], MacScheme::Tac, &record.tac_message());
        let tac = tac.expect("a key of TACs");
        record.tac = tac.try_into().expect("four bytes");
        record
    }

    /// An e-cash's ride, as its terminal wrote it down.
    fn by_cash(&self, ride: usize, at: Timestamp) -> TapRecord {
        let mut record = TapRecord {
            kind: RecordKind::Cash,
            mac2: Mac2State::None,
            mac2_code: [0; 4],
            transaction: Kind(0),
            ..self.tap(ride, at, &self.cash)
        };
        let cvr = Cvr([0x90, 0, 0]);
        let [first, second, third] = cvr.0;
        let mut issuer_data = [0; 32];
        issuer_data[..8].copy_from_slice(&[7, 1, 1, 3, first, second, third, record.algorithm]);
        let mut proof = CashProof {
            cryptogram: [0; 8],
            issuer_len: 8,
            issuer_data,
            unpredictable: [0x2B, 0x29, 0xEB, 0xE4],
            tvr: [0; 5],
            cid: 0x40,
            aip: [0x7C, 0],
            pan_sequence: 0,
            currency: [0x01, 0x56],
            country: [0x01, 0x56],
            told: Told(0xFF),
            name_len: 0,
            name: [0; 16],
            expiry: [0x40, 0x12],
            authority: 1,
            check: CashCheck::Sm2,
        };
        let message = proof.cryptogram_message(&record.cash_deal());
        let card = &self.cash[ride / MEANS % self.cash.len()];
        let key = &self.keys[&(
            self.home_of(ride),
            Purpose::CashCryptogram,
            record.algorithm,
        )];
        let scheme = MacScheme::Cryptogram {
            block: session_block(record.sequence),
        };
        let cryptogram = key.mac(
            &[card_factor(card, proof.pan_sequence)],
            scheme,
            &message.expect("a card's own data"),
        );
        let cryptogram = cryptogram.expect("a key of cryptograms");
        proof.cryptogram = cryptogram.try_into().expect("eight bytes");
        record.own = proof.own();
        record
    }

    /// Which city the card of a ride is of.
    fn home_of(&self, ride: usize) -> usize {
        home(ride / MEANS % self.purses.len())
    }

    /// A card's ride without its proof.
    fn tap(&self, ride: usize, at: Timestamp, cards: &[CardNumber]) -> TapRecord {
        let (card, before) = (ride / MEANS % cards.len(), ride / MEANS / cards.len());
        let before = u16::try_from(before).expect("some rides a day");
        let issuer = Institution::of(NODES[home(card)].institution());
        let acceptor = Institution::of(NODES[CITIES[0]].institution());
        let terminal = hex_decode(BENCH_TERMINAL).expect("twelve digits");
        let terminal = Terminal(terminal.try_into().expect("twelve digits"));
        let serial = Serial::of(&cards[card]);
        let (algorithm, _) = ALGORITHMS[card / CITIES.len() % ALGORITHMS.len()];
        let left = |rides: u16| {
            let spent = i64::from(FARE) * i64::from(rides);
            let left = LOADED
                .checked_sub(Fen::new(spent))
                .expect("enough is loaded");
            Balance::from_fen(left).expect("a purse's sum")
        };
        TapRecord {
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
        }
    }
}

/// Which city a card is of.
const fn home(card: usize) -> usize {
    CITIES[card % CITIES.len()]
}
