//! A bus terminal over a journal on a simulated device, and riders for it.

use tongtu_crypto::{SecretKey, sm3};
use tongtu_journal::{Journal, JournalError, Limits, SimMedium, Survival};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{BlackLists, Policy, RideCode, Root, RootTable, UserCertificate, UserTerms};
use tongtu_terminal::{
    ListBundle, Post, Profile, RecordStore, Scan, ScanOutcome, ScanTerminal, Setup,
};
use tongtu_types::{CardNumber, Fen, InstitutionCode, TerminalNumber, Timestamp};

/// 2026-01-01T08:00:00Z.
pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

/// Limits small enough for every test to see a rewrite.
pub(crate) const SMALL: Limits = Limits {
    records_max: 100,
    dead_bytes_max: 400,
    bytes_max: 1 << 20,
};

/// Every way a power cut can leave unsynced bytes that the tests try at each tear.
pub(crate) fn survivals() -> Vec<Survival> {
    let sectors = |len, written: &[bool]| Survival::Sectors {
        len,
        written: written.to_vec(),
    };
    vec![
        Survival::Nothing,
        Survival::Everything,
        Survival::Prefix(13),
        sectors(32, &[false, true, true]),
        sectors(32, &[true, false, true, false]),
        sectors(512, &[false]),
    ]
}

pub(crate) fn open(medium: &SimMedium) -> Result<Journal<SimMedium>, JournalError> {
    Journal::recover(medium.clone(), SMALL)
}

/// What a journal holds: number, record, told, acknowledged.
pub(crate) fn held(store: &dyn RecordStore) -> Vec<(u64, Vec<u8>, bool, bool)> {
    store
        .replay()
        .map(|s| (s.seq, s.record.to_vec(), s.told, s.acknowledged))
        .collect()
}

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

fn institution(code: &str) -> InstitutionCode {
    InstitutionCode::parse(code).unwrap()
}

pub(crate) struct City {
    issuer: IssuerCertificate,
    bundle: Vec<u8>,
}

pub(crate) struct Rider {
    certificate: UserCertificate,
    user_key: SecretKey,
}

impl City {
    pub(crate) fn new() -> Self {
        let (root_key, issuer_key) = (key("root"), key("issuer"));
        let root = Root::self_sign(2, "1240".parse().unwrap(), &root_key).unwrap();
        let application = apply_for_certificate(
            institution("01345810"),
            "1230".parse().unwrap(),
            [0, 0, 1],
            &issuer_key,
        )
        .unwrap();
        let issuer = root.certify(&application, &root_key).unwrap();
        let bundle = ListBundle {
            acquirer: institution("11345810"),
            version: 1,
            issued_at: T0,
            roots: RootTable::new([root]),
            issuers: [institution("01345810")].into(),
            blacklists: BlackLists::default(),
            cards: tongtu_terminal::CardLists::default(),
            fare_books: vec![
                "fare-book 1\ncity 5810 | 广州 | Guangzhou\nversion 1\n\
                        effective 2018-01-01\ncurrency CNY\nflat B00001 | 1路 | Bus 1 | 2.00\n"
                    .to_string(),
            ],
        };
        Self {
            issuer,
            bundle: bundle.sign(&key("list")).unwrap(),
        }
    }

    pub(crate) fn rider(&self, number: u8) -> Rider {
        let user_key = key(&format!("rider {number}"));
        let account = CardNumber::parse(&format!("3104581000000000{number:03}")).unwrap();
        let terms = UserTerms {
            issuer_data: b"CHN0000000000001".to_vec(),
            account,
            card_issuer: [0x01, 0x34, 0x58, 0x10],
            platform: [0; 4],
            account_type: 0,
            limit: Fen::new(2000),
            user_key: user_key.public().clone(),
            expires: T0.plus_s(7 * 86_400),
            validity_s: 600,
            extension: Vec::new(),
        };
        Rider {
            certificate: UserCertificate::issue(&self.issuer, &terms, &key("issuer")).unwrap(),
            user_key,
        }
    }

    /// The first lists, signed.
    pub(crate) fn bundle(&self) -> &[u8] {
        &self.bundle
    }

    /// A terminal as it starts: from its store, then with its lists.
    pub(crate) fn start(&self, store: &mut dyn RecordStore) -> ScanTerminal {
        self.start_with(store, &self.bundle)
    }

    /// The same with these lists.
    pub(crate) fn start_with(&self, store: &mut dyn RecordStore, bundle: &[u8]) -> ScanTerminal {
        let profile = Profile {
            acquirer: institution("11345810"),
            terminal: TerminalNumber::parse("581000000007").unwrap(),
            model: *b"TT-BUS01",
            terminal_id: *b"GZ000007",
            software: *b"0.1_260101",
            serial: [0, 0, 0, 7],
            post: Post::Bus {
                line: "B00001".parse().unwrap(),
                vehicle: "A1234".parse().unwrap(),
            },
        };
        let setup = Setup {
            profile,
            policy: Policy::default(),
            list_key: key("list").public().clone(),
            sam: Box::new(key("sam")),
        };
        let mut terminal = ScanTerminal::recover(setup, store).unwrap();
        // A power cut may fall in here too; then the scans say R20.
        let _ = terminal.apply_lists(bundle, T0, store);
        terminal
    }
}

impl Rider {
    pub(crate) fn code_at(&self, at: Timestamp) -> RideCode {
        self.certificate.ride_code(at, &self.user_key).unwrap()
    }
}

pub(crate) fn scan(
    terminal: &mut ScanTerminal,
    store: &mut dyn RecordStore,
    code: &RideCode,
    now: Timestamp,
) -> ScanOutcome {
    let scan = Scan {
        bytes: code.as_bytes(),
        now: Some(now),
        open_entry: None,
    };
    terminal.scan(scan, store)
}
