//! A nation and one city with their nodes served, riders and terminals to go with them.

use std::fs;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tongtu_callers::{AccountPrefix, Caller, CallerKey, CallerName, LockRules, Rates, Role};
use tongtu_clearing::{CutOff, FeeRules, Topology, demo};
use tongtu_crypto::{PublicKey, SecretKey, sm3};
use tongtu_envelope::{CallerNumber, Draft, Envelope, Kind, content_digest, request_digest};
use tongtu_exchange_file::FileName;
use tongtu_hsm::{Custody, TestKey, Work};
use tongtu_http::client::{Client, ClientError};
use tongtu_http::server::{Entrance, Exposure, Limits, bind, router_with, serve};
use tongtu_http::{Clock, Credential};
use tongtu_keycentre::{Given, KeyCentre, Store, key_name};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Extract, Slot};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::record::{CATEGORY_BUS, Direction, RideRecord};
use tongtu_ride_code::{Policy, Root, RootTable, UserCertificate, UserTerms, Verdict};
use tongtu_services::faces::{FaceEngines, FaceRules, FaceTerms};
use tongtu_services::{
    AcquirerConfig, FaceConfig, FaceKeys, IssuerConfig, Node, NodeConfig, NodeKeys, ProvedRequest,
};
use tongtu_terminal::face::Cosine;
use tongtu_types::{
    BusinessDay, CardNumber, Fen, InstitutionCode, LineCode, RecordId, TerminalNumber, Timestamp,
};

/// 2026-01-01T08:00:00Z, four in the afternoon in China.
pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

/// Two flat-fare lines.
pub(crate) const FARE_BOOK: &str = "\
fare-book 1
city 1000 | 北京 | Beijing
version 1
effective 2014-12-28
currency CNY
flat B00001 | 示范单一票制1路 | Demo flat-fare bus 1 | 2.00
";

/// The flat fare.
pub(crate) const FARE: Fen = Fen::new(200);

/// The settlement day of everything that happens at [`T0`].
pub(crate) fn day0() -> BusinessDay {
    BusinessDay::from_ymd(2026, 1, 1).unwrap()
}

/// After the cut-off of a day, when it may be closed.
pub(crate) fn after(day: BusinessDay) -> Timestamp {
    day.next().start_in_china().plus_s(4 * 3600)
}

pub(crate) fn nation() -> InstitutionCode {
    InstitutionCode::national()
}

pub(crate) fn beijing() -> InstitutionCode {
    InstitutionCode::parse("01341000").unwrap()
}

pub(crate) fn guangzhou() -> InstitutionCode {
    InstitutionCode::parse("01345810").unwrap()
}

/// The caller of this number at an institution.
pub(crate) fn name(institution: InstitutionCode, number: &str) -> CallerName {
    let number = CallerNumber::parse(number).unwrap();
    CallerName {
        institution,
        number,
    }
}

/// The credential of a caller whose key goes by its name.
pub(crate) fn credential(name: CallerName) -> Credential {
    credential_by(name, 1, key(&name.to_string()))
}

/// The credential of a caller with this key.
pub(crate) fn credential_by(name: CallerName, number: u32, key: SecretKey) -> Credential {
    Credential::new(name, number, Box::new(key), seed())
}

/// Never the same twice.
fn seed() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut seed = [0; 16];
    seed[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    seed
}

/// The credential of an institution's node.
pub(crate) fn link(institution: InstitutionCode) -> Credential {
    credential(name(institution, "node"))
}

/// The envelope of `sender` around a file for `receiver`.
pub(crate) fn enveloped(
    sender: InstitutionCode,
    receiver: InstitutionCode,
    name: &FileName,
    bytes: &[u8],
) -> Envelope {
    let content = sm3::digest(bytes);
    link(sender).file(receiver, name, &content, T0).unwrap()
}

/// A way in that is another one each time, and holds nobody up.
pub(crate) fn entrance(own: InstitutionCode) -> Entrance {
    let mut life = [0; 8];
    life.copy_from_slice(&seed()[8..]);
    Entrance {
        rates: Rates::UNLIMITED,
        locks: LockRules {
            failures: u32::MAX,
            ..LockRules::default()
        },
        ..Entrance::new(life).with_link(link(own))
    }
}

/// A caller whose key goes by its name.
pub(crate) fn caller(name: CallerName, role: Role, accounts: &[&str]) -> Caller {
    let from = Timestamp::new(0);
    let prefix = |text: &&str| AccountPrefix::parse(text).unwrap();
    Caller {
        name,
        role,
        accounts: accounts.iter().map(prefix).collect(),
        from,
        until: None,
        is_disabled: false,
        keys: vec![CallerKey {
            number: 1,
            public: key(&name.to_string()).public().clone(),
            from,
            until: None,
        }],
    }
}

/// One caller of each role, with the digits of a partner's accounts.
pub(crate) fn callers(own: InstitutionCode) -> Vec<Caller> {
    let of = |number, role| caller(name(own, number), role, &[]);
    let mut callers = vec![
        of("OP-1", Role::Operator),
        of("C-1", Role::Clerk),
        of("AU-1", Role::Auditor),
        of("MT-1", Role::Authority),
        of("KM-1", Role::Officer),
        of("KM-2", Role::Officer),
        caller(name(own, "APP"), Role::Partner, &["31041"]),
    ];
    let nodes = [nation(), beijing(), guangzhou()].into_iter();
    let others = nodes.filter(|node| *node != own);
    callers.extend(others.map(|node| caller(name(node, "node"), Role::Node, &[])));
    callers
}

/// Admits a caller, asked for by two officers.
pub(crate) async fn admit(node: &Node, caller: &Caller) {
    for officer in ["KM-1", "KM-2"] {
        let request = asked_by(name(node.config().code, officer));
        node.caller_admit(caller, &request, T0).await.unwrap();
    }
}

/// A request of somebody, as evidence.
pub(crate) fn asked_by(by: CallerName) -> ProvedRequest {
    let mut key = key(&by.to_string());
    let content = b"{}".to_vec();
    let draft = Draft {
        kind: Kind::Request,
        sender: by.institution,
        caller: by.number,
        receiver: by.institution,
        key: 1,
        made_at: T0,
        life: [1; 8],
        message: [2; 16],
        digest: request_digest("POST", "/callers", &content_digest(&content)),
    };
    ProvedRequest {
        key: key.public().clone(),
        method: "POST".into(),
        target: "/callers".into(),
        content,
        envelope: draft.seal(&mut key).unwrap(),
    }
}

/// Status and code of a refusal.
pub(crate) fn status_of(error: &ClientError) -> (u16, &str) {
    match error {
        ClientError::Refused { status, code, .. } => (*status, code),
        other => panic!("not a refusal: {other}"),
    }
}

/// The value of Beijing's key of faces.
const FACES: [u8; 16] = [7; 16];

/// A folder of its own.
fn fresh_folder(what: &str) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("http-{what}-{}-{number}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn slot(of: InstitutionCode, purpose: Purpose, algorithm: KeyAlgorithm) -> Slot {
    Slot {
        city: of.city(),
        purpose,
        algorithm,
    }
}

/// The keys that Beijing seals faces under, for what is made beside its node.
pub(crate) fn face_keys() -> FaceKeys {
    let folder = fresh_folder("faces");
    let mut store = Store::make(&folder, "faces", b"http").unwrap();
    let name = key_name(slot(beijing(), Purpose::FaceSeal, KeyAlgorithm::Sm4), 1, 1);
    let value = TestKey::new(FACES.to_vec());
    store.custody.import_test(&name, value).unwrap();
    let keys = FaceKeys::made_by(&store.custody, name.label).unwrap();
    drop(store);
    let _ = fs::remove_dir_all(&folder);
    keys
}

/// Rides by face under test keys, with the plain matcher.
pub(crate) fn face_config() -> FaceConfig {
    FaceConfig {
        engines: FaceEngines(vec![Arc::new(Cosine)]),
        terms: FaceTerms {
            version: 3,
            zh: "同意以人脸识别方式乘车".into(),
            en: "I consent to rides by face".into(),
        },
        rules: FaceRules::DEFAULT,
    }
}

/// A key that is the same in every run.
pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

/// The centre, and the certificates it gave.
pub(crate) struct Country {
    root: Root,
    root_key: SecretKey,
    /// Beijing's store of keys, the books, and whose signature they have.
    folder: PathBuf,
    extract: Vec<u8>,
    centre: PublicKey,
}

impl Drop for Country {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Country {
    pub(crate) fn new() -> Self {
        let root_key = key("root");
        let root = Root::self_sign(2, "1240".parse().unwrap(), &root_key).unwrap();
        let folder = fresh_folder("keys");
        let at = T0.plus_s(-30 * 86_400);
        let mut centre = KeyCentre::found(&folder, b"http", at, Work::FOR_TESTS).unwrap();
        let mut own = centre.store("beijing").unwrap();
        let mut other = centre.store("guangzhou").unwrap();
        let sm2 = KeyAlgorithm::Sm2;
        let secret = |label: &str| key(label).danger_to_bytes().to_vec();
        for (holder, store, purpose, algorithm, value) in [
            (
                beijing(),
                0,
                Purpose::RideCode,
                sm2,
                secret(beijing().as_str()),
            ),
            (beijing(), 0, Purpose::ListSignature, sm2, secret("lists")),
            (
                beijing(),
                0,
                Purpose::FaceSeal,
                KeyAlgorithm::Sm4,
                FACES.to_vec(),
            ),
            (
                guangzhou(),
                1,
                Purpose::RideCode,
                sm2,
                secret(guangzhou().as_str()),
            ),
        ] {
            if centre.book().cities().province_of(holder.city()).is_none() {
                centre.register(holder.city(), nation()).unwrap();
            }
            let given = Given {
                slot: slot(holder, purpose, algorithm),
                holder,
                days: 3650,
                is_derived: false,
            };
            let store = if store == 0 { &mut own } else { &mut other };
            centre.give_known(&given, store, &value).unwrap();
        }
        let extract = centre.extract().unwrap();
        Self {
            root,
            root_key,
            folder,
            extract,
            centre: centre.extract_key().unwrap(),
        }
    }

    /// A node's keys: Beijing's have a store, which is copied, for one node has one.
    fn keys(&self, code: InstitutionCode) -> Arc<NodeKeys> {
        let custody = (code == beijing()).then(|| {
            let copy = self
                .folder
                .join(format!("{}", fs::read_dir(&self.folder).unwrap().count()));
            fs::create_dir_all(&copy).unwrap();
            for file in ["beijing.store", "beijing.open"] {
                fs::copy(self.folder.join(file), copy.join(file)).unwrap();
            }
            let store = Store::open(&copy, "beijing", b"http").unwrap();
            Box::new(store.custody) as Box<dyn Custody + Send>
        });
        let extract = Extract::open(&self.extract, &self.centre).unwrap();
        Arc::new(NodeKeys::new(code.city(), extract, custody).unwrap())
    }

    fn certify(&self, issuer: InstitutionCode) -> IssuerCertificate {
        let secret = key(issuer.as_str());
        let expiry = "1230".parse().unwrap();
        let application = apply_for_certificate(issuer, expiry, [0, 0, 1], &secret).unwrap();
        self.root.certify(&application, &self.root_key).unwrap()
    }

    fn config(&self, code: InstitutionCode) -> NodeConfig {
        NodeConfig {
            code,
            name_zh: "测试".into(),
            name_en: "Test".into(),
            topology: Topology::parse(demo::TOPOLOGY).unwrap(),
            fee_rules: FeeRules::parse(demo::FEE_RULES).unwrap(),
            cut_off: CutOff::default(),
            policy: Policy::default(),
            roots: RootTable::new([self.root.clone()]),
            accepted_issuers: vec![beijing(), guangzhou()],
            keys: self.keys(code),
            issuer: None,
            acquirer: None,
            faces: None,
        }
    }

    /// Serves the nation's node.
    pub(crate) async fn nation(&self) -> Served {
        Served::new(self.config(nation()), None, Limits::default()).await
    }

    /// Serves Beijing's node, issuer and acquirer.
    pub(crate) async fn beijing(&self, parent: Option<&str>) -> Served {
        self.beijing_with(parent, Limits::default()).await
    }

    pub(crate) async fn beijing_with(&self, parent: Option<&str>, limits: Limits) -> Served {
        let config = self.beijing_config();
        let up = |url| Client::new(url).acting_as(link(beijing()), nation());
        Served::new(config, parent.map(up), limits).await
    }

    /// Serves Beijing's node, which gives so many faces at once.
    pub(crate) async fn beijing_giving(&self, riders_at_once: u32) -> Served {
        let mut config = self.beijing_config();
        config.faces.as_mut().unwrap().rules.riders_at_once = riders_at_once;
        Served::new(config, None, Limits::default()).await
    }

    fn beijing_config(&self) -> NodeConfig {
        NodeConfig {
            issuer: Some(IssuerConfig {
                certificate: self.certify(beijing()),
                limit: Fen::new(2000),
                validity_s: 600,
                lifetime_s: 7 * 86_400,
                platform: [0; 4],
                issuer_data: b"BEIJING".to_vec(),
            }),
            acquirer: Some(AcquirerConfig {
                fare_books: vec![FARE_BOOK.into()],
                cards: tongtu_terminal::CardLists::default(),
            }),
            faces: Some(face_config()),
            ..self.config(beijing())
        }
    }

    /// A rider of Guangzhou with a certificate good at `now`.
    pub(crate) fn rider_from_guangzhou(&self, now: Timestamp) -> Rider {
        let rider = Rider::new("3104581000000000017");
        let terms = UserTerms {
            issuer_data: b"GUANGZHOU".to_vec(),
            account: rider.account,
            card_issuer: [0x01, 0x34, 0x58, 0x10],
            platform: [0; 4],
            account_type: 1,
            limit: Fen::new(2000),
            user_key: rider.key.public().clone(),
            expires: now.plus_s(7 * 86_400),
            validity_s: 600,
            extension: Vec::new(),
        };
        let issuer_key = key(guangzhou().as_str());
        let certificate = self.certify(guangzhou());
        let certificate = UserCertificate::issue(&certificate, &terms, &issuer_key).unwrap();
        Rider {
            certificate: Some(certificate),
            ..rider
        }
    }
}

/// A rider's phone.
pub(crate) struct Rider {
    pub(crate) account: CardNumber,
    pub(crate) key: SecretKey,
    pub(crate) certificate: Option<UserCertificate>,
}

impl Rider {
    pub(crate) fn new(account: &str) -> Self {
        Self {
            account: CardNumber::parse(account).unwrap(),
            key: key(account),
            certificate: None,
        }
    }

    /// A rider with an account at `city`, money on it, and a certificate.
    pub(crate) async fn enrolled(account: &str, city: &Served) -> Self {
        let mut rider = Self::new(account);
        let client = &city.client;
        client
            .account_open(rider.account, rider.key.public())
            .await
            .unwrap();
        client
            .account_recharge(rider.account, account, Fen::new(5000))
            .await
            .unwrap();
        rider.certificate = Some(client.user_certificate_issue(rider.account).await.unwrap());
        rider
    }
}

/// A terminal that accepts whatever it is shown.
pub(crate) struct Terminal {
    pub(crate) number: TerminalNumber,
    pub(crate) serial: [u8; 4],
    pub(crate) key: SecretKey,
}

impl Terminal {
    pub(crate) fn new(number: &str) -> Self {
        Self {
            number: TerminalNumber::parse(number).unwrap(),
            serial: [0, 0, 0, 1],
            key: key(number),
        }
    }

    /// A terminal that `city` knows.
    pub(crate) async fn registered(number: &str, city: &Served) -> Self {
        let terminal = Self::new(number);
        city.client
            .terminal_register(terminal.number, terminal.serial, terminal.key.public())
            .await
            .unwrap();
        terminal
    }

    /// The record of one flat-fare ride at `now`.
    pub(crate) fn ride(&self, rider: &Rider, now: Timestamp, sequence: u64) -> Vec<u8> {
        let certificate = rider.certificate.as_ref().unwrap();
        let code = certificate.ride_code(now, &rider.key).unwrap();
        let acquirer = beijing().as_acquirer();
        let record = RideRecord {
            code: code.as_bytes().to_vec(),
            model: *b"SIM00001",
            terminal_id: *b"00000001",
            software: *b"0000000001",
            id: RecordId::compose(acquirer, self.number, now.plus_s(1), sequence),
            category: CATEGORY_BUS,
            amount: FARE,
            vehicle: None,
            line: LineCode::parse("B00001").unwrap(),
            scanned_at: now.plus_s(1),
            direction: Direction::Single,
            station: None,
            fare_version: 1,
            result: Verdict::Accepted,
            terminal_serial: self.serial,
        };
        record.encode(&self.key).unwrap()
    }
}

/// A node that is served over HTTP on simulated time, with a store of its own.
pub(crate) struct Served {
    pub(crate) node: Node,
    pub(crate) url: String,
    /// An operator's client at [`T0`].
    pub(crate) client: Client,
    pub(crate) folder: PathBuf,
}

impl Served {
    async fn new(config: NodeConfig, parent: Option<Client>, limits: Limits) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let folder = format!("http-{process}-{number}");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&folder).unwrap();
        let store = format!("sqlite:{}", folder.join("node.db").display());
        let store = tongtu_sql::Store::open(&store, &tongtu_sql::Sealing::new(&[7; 32]))
            .await
            .unwrap();
        let own = config.code;
        let node = Node::open(config, store).await.unwrap();
        let late = node.callers_enter(&callers(own), T0).await.unwrap();
        assert_eq!(late, []);

        let address = "127.0.0.1:0".parse().unwrap();
        let listener = bind(address, Exposure::Loopback).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = router_with(
            node.clone(),
            Clock::Simulated,
            parent,
            &entrance(own),
            limits,
        );
        tokio::spawn(serve(listener, router, pending()));
        let client = Client::new(&url).at(T0);
        let client = client.acting_as(credential(name(own, "OP-1")), own);
        Self {
            node,
            url,
            client,
            folder,
        }
    }
}

impl Served {
    /// A client in the name of whoever has this credential.
    pub(crate) fn by(&self, credential: Credential) -> Client {
        let own = self.node.config().code;
        self.client.acting_as(credential, own)
    }

    /// A client in the name of a caller here.
    pub(crate) fn called(&self, number: &str) -> Client {
        self.by(credential(name(self.node.config().code, number)))
    }

    /// A terminal's client.
    pub(crate) fn terminal(&self, number: TerminalNumber) -> Client {
        let name = name(self.node.config().code, number.as_str());
        self.by(credential_by(name, 1, key(number.as_str())))
    }

    /// Another institution's node's client.
    pub(crate) fn neighbour(&self, institution: InstitutionCode) -> Client {
        self.by(link(institution))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // What is left over lies in the build folder and hurts nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
