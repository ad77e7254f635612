//! The demo country as nodes with stores of their own: nation, province, three cities.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::keys::Keys;
use tongtu_clearing::{CutOff, FeeRules, Topology, demo};
use tongtu_crypto::{SecretKey, sm3};
use tongtu_exchange_file::FileName;
use tongtu_fare::{BEIJING, GUANGZHOU};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::record::{CATEGORY_BUS, Direction, RideRecord};
use tongtu_ride_code::{Policy, Root, RootTable, UserCertificate, Verdict};
use tongtu_services::{
    AcquirerConfig, DayView, FileReceipt, IssuerConfig, Node, NodeConfig, RideRole, RideView,
    ServiceError, TerminalRegistration, UploadKind,
};
use tongtu_sql::Store;
use tongtu_terminal::CardLists;
use tongtu_types::{
    BusinessDay, CardNumber, Fen, InstitutionCode, LineCode, RecordId, TerminalNumber, Timestamp,
};

pub(crate) const NATION: &str = "00000000";
pub(crate) const PROVINCE: &str = "30005800";
pub(crate) const BEIJING_CODE: &str = "01341000";
pub(crate) const GUANGZHOU_CODE: &str = "01345810";
pub(crate) const SHENZHEN_CODE: &str = "01345840";
pub(crate) const CITIES: [&str; 3] = [BEIJING_CODE, GUANGZHOU_CODE, SHENZHEN_CODE];
/// The nodes from the cities upwards: the order in which days are closed.
const UPWARDS: [&str; 5] = [
    BEIJING_CODE,
    GUANGZHOU_CODE,
    SHENZHEN_CODE,
    PROVINCE,
    NATION,
];

static NEXT: AtomicU32 = AtomicU32::new(0);

pub(crate) fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

/// 2026-01-01.
pub(crate) fn day() -> BusinessDay {
    "2026-01-01".parse().unwrap()
}

/// 2026-01-01 08:00 in China.
pub(crate) fn morning() -> Timestamp {
    day().start_in_china().plus_s(8 * 3600)
}

/// Ten minutes after the cut-off of a day.
pub(crate) fn night(day: BusinessDay) -> Timestamp {
    CutOff::default().end_of(day).plus_s(600)
}

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

/// A country with its folder; nodes are opened on files there.
pub(crate) struct Country {
    folder: PathBuf,
    pub(crate) keys: Keys,
    root_key: SecretKey,
    root: Root,
    nodes: Vec<(InstitutionCode, Node)>,
}

impl Country {
    pub(crate) async fn found() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tongtu-services-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let root_key = key("root");
        let root = Root::self_sign(2, "1240".parse().unwrap(), &root_key).unwrap();
        let mut country = Self {
            keys: Keys::new(&folder),
            folder,
            root_key,
            root,
            nodes: Vec::new(),
        };
        for text in UPWARDS {
            country.start(text, |_| {}).await;
        }
        country
    }

    /// Opens a node on its file, with a changed configuration; an older one is forgotten.
    pub(crate) async fn start(&mut self, text: &str, change: impl FnOnce(&mut NodeConfig)) {
        // The older one goes first: a store of keys has one holder.
        self.nodes.retain(|(found, _)| *found != code(text));
        let mut config = self.config(text);
        change(&mut config);
        let store = Store::open(&self.url(text), &tongtu_sql::Sealing::new(&[7; 32]))
            .await
            .unwrap();
        let node = Node::open(config, store).await.unwrap();
        self.nodes.push((code(text), node));
    }

    /// Stops a node, so that its store of keys is free.
    pub(crate) fn stop(&mut self, text: &str) {
        self.nodes.retain(|(found, _)| *found != code(text));
    }

    /// Gives every node newer books.
    pub(crate) fn renew(&self, extract: &tongtu_keyring::Extract) {
        for node in self.nodes() {
            node.keys().renew(extract.clone()).unwrap();
        }
    }

    pub(crate) fn url(&self, text: &str) -> String {
        format!("sqlite:{}", self.folder.join(text).display())
    }

    pub(crate) fn config(&self, text: &str) -> NodeConfig {
        let is_city = CITIES.contains(&text);
        NodeConfig {
            code: code(text),
            name_zh: "通途".into(),
            name_en: "Tongtu".into(),
            topology: Topology::parse(demo::TOPOLOGY).unwrap(),
            fee_rules: FeeRules::parse(demo::FEE_RULES).unwrap(),
            cut_off: CutOff::default(),
            policy: Policy::default(),
            roots: RootTable::new([self.root.clone()]),
            accepted_issuers: CITIES.map(code).to_vec(),
            keys: Arc::new(self.keys.of(text)),
            issuer: is_city.then(|| self.issuer(text)),
            acquirer: is_city.then(|| AcquirerConfig {
                fare_books: vec![
                    if text == BEIJING_CODE {
                        BEIJING
                    } else {
                        GUANGZHOU
                    }
                    .into(),
                ],
                cards: CardLists::default(),
            }),
            faces: None,
        }
    }

    fn issuer(&self, text: &str) -> IssuerConfig {
        let issuer_key = key(&format!("issuer {text}"));
        let expiry = "1230".parse().unwrap();
        let application =
            apply_for_certificate(code(text), expiry, [0, 0, 1], &issuer_key).unwrap();
        IssuerConfig {
            certificate: self.root.certify(&application, &self.root_key).unwrap(),
            limit: Fen::new(2000),
            validity_s: 600,
            lifetime_s: 30 * 86_400,
            platform: [0; 4],
            issuer_data: b"TONGTU".to_vec(),
        }
    }

    pub(crate) fn node(&self, text: &str) -> &Node {
        let found = self.nodes.iter().find(|(found, _)| *found == code(text));
        &found.unwrap().1
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        UPWARDS.iter().map(|text| self.node(text))
    }

    /// A rider of a city with 50 yuan and a certificate.
    pub(crate) async fn rider(&self, city: &str, number: u32) -> Rider {
        self.rider_of(city, number, 1).await
    }

    /// A rider whose account has this type.
    pub(crate) async fn rider_of(&self, city: &str, number: u32, account_type: u8) -> Rider {
        let account = format!("310{}{number:012}", &city[4..]);
        let account = CardNumber::parse(&account).unwrap();
        let phone = key(&format!("phone {city} {number}"));
        let node = self.node(city);
        let now = morning().plus_s(-3600);
        node.account_open_as(account, phone.public(), account_type, now)
            .await
            .unwrap();
        let id = format!("first-{number}");
        node.account_recharge(account, &id, Fen::new(5000), now)
            .await
            .unwrap();
        let certificate = node.user_certificate_issue(account, now).await.unwrap();
        Rider {
            account,
            phone,
            certificate,
        }
    }

    /// A registered terminal of a city.
    pub(crate) async fn terminal(&self, city: &str, number: u32) -> Terminal {
        let terminal = Terminal::new(city, number);
        let registration = terminal.registration();
        self.node(city)
            .terminal_register(registration, morning())
            .await
            .unwrap();
        terminal
    }

    /// Uploads records that must all be stored.
    pub(crate) async fn upload(&self, terminal: &Terminal, records: &[Vec<u8>], now: Timestamp) {
        let node = self.node(&terminal.city);
        let outcomes = node
            .records_upload(terminal.number, records, now)
            .await
            .unwrap();
        for outcome in outcomes {
            assert_eq!(outcome.kind, UploadKind::Stored);
        }
    }

    /// Carries what a node has for its parent, in the night after a day.
    async fn carry_up(&self, text: &str, day: BusinessDay) {
        let node = self.node(text);
        let now = night(day);
        for (parent, name, file) in node.outbox_waiting().await.unwrap() {
            let parent = self.node(parent.as_str());
            parent
                .file_receive(code(text), &name, &file, now)
                .await
                .unwrap();
            node.outbox_confirm(&name, now).await.unwrap();
        }
    }

    /// Carries what a node has for a child; gives the names, in order.
    pub(crate) async fn carry_down(&self, from: &str, to: &str) -> Vec<FileName> {
        self.carry_down_after(from, to, day()).await
    }

    async fn carry_down_after(&self, from: &str, to: &str, day: BusinessDay) -> Vec<FileName> {
        let (parent, child) = (self.node(from), self.node(to));
        let now = night(day);
        let mut names = Vec::new();
        for file in parent.files_waiting(code(to)).await.unwrap() {
            let read = parent.file_read(code(to), &file.name).await.unwrap();
            assert_eq!(*read.digest(), file.digest);
            assert_eq!(u64::try_from(read.bytes().len()).unwrap(), file.length);
            let receipt = child.file_receive(code(from), &file.name, &read, now).await;
            assert_eq!(receipt.unwrap(), FileReceipt::Stored);
            let confirmed = parent.file_confirm(code(to), &file.name, file.digest, now);
            confirmed.await.unwrap();
            names.push(file.name);
        }
        names
    }

    /// Closes a day everywhere, from the cities upwards.
    pub(crate) async fn close(&self, day: BusinessDay) {
        for text in UPWARDS {
            self.node(text).day_close(day, night(day)).await.unwrap();
            self.carry_up(text, day).await;
        }
    }

    /// Settles a closed day everywhere, from the nation downwards.
    pub(crate) async fn settle(&self, day: BusinessDay) {
        self.settle_at(NATION, day).await;
        self.carry_down_after(NATION, PROVINCE, day).await;
        self.carry_down_after(NATION, BEIJING_CODE, day).await;
        self.settle_at(PROVINCE, day).await;
        self.carry_down_after(PROVINCE, GUANGZHOU_CODE, day).await;
        self.carry_down_after(PROVINCE, SHENZHEN_CODE, day).await;
        for city in CITIES {
            self.settle_at(city, day).await;
        }
    }

    pub(crate) async fn settle_at(&self, text: &str, day: BusinessDay) -> DayView {
        self.node(text)
            .day_settle(day, night(day).plus_s(3600))
            .await
            .unwrap()
    }

    /// What must hold on every node at any time, and in the whole country when days are done.
    pub(crate) async fn audit(&self) {
        let mut settled = Vec::new();
        for node in self.nodes() {
            let ledger = node.ledger_view().await.unwrap();
            assert!(ledger.sum.is_zero(), "{}", node.config().code);
            for ride in node.rides_view(RideRole::Hub).await.unwrap() {
                if ride.state == tongtu_services::RideState::Settled {
                    settled.push(ride.record);
                }
            }
        }
        let mut debited = Vec::new();
        for city in CITIES {
            let rides = self.node(city).rides_view(RideRole::Issuer).await.unwrap();
            debited.extend(rides.into_iter().map(|ride| ride.record));
        }
        settled.sort_unstable();
        debited.sort_unstable();
        assert_eq!(
            settled, debited,
            "settled once by one hub, debited once by one issuer"
        );
        assert!(settled.windows(2).all(|pair| pair[0] != pair[1]));
    }

    pub(crate) async fn balance(&self, city: &str, rider: &Rider) -> Fen {
        let view = self.node(city).account_view(rider.account).await.unwrap();
        view.balance
    }

    /// The rides that a city's terminals uploaded.
    pub(crate) async fn acquired(&self, city: &str) -> Vec<RideView> {
        self.node(city)
            .rides_view(RideRole::Acquirer)
            .await
            .unwrap()
    }

    /// All balances of a node's books as lines of text.
    pub(crate) async fn books(&self, text: &str) -> Vec<String> {
        let ledger = self.node(text).ledger_view().await.unwrap();
        let line = |(name, sum): &(tongtu_ledger::AccountName, tongtu_ledger::SumE7)| {
            format!("{} {sum}", name.key())
        };
        ledger.balances.iter().map(line).collect()
    }
}

impl Drop for Country {
    fn drop(&mut self) {
        // A leftover in the folder for temporary files is no reason to fail a test.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A rider with a phone.
pub(crate) struct Rider {
    pub(crate) account: CardNumber,
    pub(crate) phone: SecretKey,
    pub(crate) certificate: UserCertificate,
}

impl Rider {
    pub(crate) fn code_at(&self, at: Timestamp) -> Vec<u8> {
        let code = self.certificate.ride_code(at, &self.phone).unwrap();
        code.as_bytes().to_vec()
    }
}

/// A terminal as far as clearing sees it: it signs records.
pub(crate) struct Terminal {
    pub(crate) city: String,
    pub(crate) number: TerminalNumber,
    pub(crate) serial: [u8; 4],
    pub(crate) key: SecretKey,
}

/// What happened at a terminal.
pub(crate) struct Tap {
    pub(crate) code: Vec<u8>,
    pub(crate) at: Timestamp,
    pub(crate) sequence: u64,
    pub(crate) fen: i64,
    pub(crate) direction: Direction,
}

impl Tap {
    /// A ride of one scan, five seconds after the code was made.
    pub(crate) fn ride(rider: &Rider, at: Timestamp, sequence: u64, fen: i64) -> Self {
        Self {
            code: rider.code_at(at.plus_s(-5)),
            at,
            sequence,
            fen,
            direction: Direction::Single,
        }
    }
}

impl Terminal {
    pub(crate) fn new(city: &str, number: u32) -> Self {
        Self {
            city: city.into(),
            number: TerminalNumber::parse(&format!("{}{number:08}", &city[4..])).unwrap(),
            serial: number.to_be_bytes(),
            key: key(&format!("terminal {city} {number}")),
        }
    }

    pub(crate) fn registration(&self) -> TerminalRegistration {
        TerminalRegistration {
            terminal: self.number,
            serial: self.serial,
            public_key: self.key.public().clone(),
        }
    }

    pub(crate) fn content(&self, tap: Tap) -> RideRecord {
        let acquirer = code(&self.city).as_acquirer();
        RideRecord {
            code: tap.code,
            model: *b"TT-BUS01",
            terminal_id: *b"BUS00001",
            software: *b"0.1_260101",
            id: RecordId::compose(acquirer, self.number, tap.at, tap.sequence),
            category: CATEGORY_BUS,
            amount: Fen::new(tap.fen),
            vehicle: None,
            line: LineCode::parse("B1").unwrap(),
            scanned_at: tap.at,
            direction: tap.direction,
            station: None,
            fare_version: 1,
            result: Verdict::Accepted,
            terminal_serial: self.serial,
        }
    }

    pub(crate) fn record(&self, tap: Tap) -> Vec<u8> {
        self.content(tap).encode(&self.key).unwrap()
    }
}

/// The stable code of an error.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> &'static str {
    result.unwrap_err().code()
}
