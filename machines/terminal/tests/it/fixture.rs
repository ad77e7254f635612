//! A city with its root, issuer, riders and list key; a terminal in its street; a store.

use std::collections::BTreeMap;

use tongtu_crypto::{SecretKey, sm3};
use tongtu_purse::field::{CardKind, Institution};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{BlackLists, Policy, RideCode, Root, RootTable, UserCertificate, UserTerms};
use tongtu_terminal::lists::{
    AcceptedIssuer, CardKinds, GroupId, InteropRule, IssuerPattern, Parameters, Place, Service,
};
use tongtu_terminal::{
    CHAIN_START, Capacity, CardLists, ListBundle, ListError, ListsMark, OpenEntry, Post, Profile,
    RecordStore, RecoverError, Scan, ScanOutcome, ScanTerminal, Setup, StoreError, StoredRecord,
    chained,
};
use tongtu_types::{CardNumber, Fen, InstitutionCode, TerminalNumber, Timestamp};

/// 2026-01-01T08:00:00Z.
pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

pub(crate) fn institution(code: &str) -> InstitutionCode {
    InstitutionCode::parse(code).unwrap()
}

/// One root, one issuer under it, one acquirer with a list key.
pub(crate) struct City {
    pub(crate) root: Root,
    pub(crate) issuer: IssuerCertificate,
    pub(crate) issuer_key: SecretKey,
    pub(crate) list_key: SecretKey,
}

impl City {
    pub(crate) fn new() -> Self {
        let root_key = key("root");
        let root = Root::self_sign(2, "1240".parse().unwrap(), &root_key).unwrap();
        let issuer_key = key("issuer");
        let application = apply_for_certificate(
            institution("01345810"),
            "1230".parse().unwrap(),
            [0, 0, 1],
            &issuer_key,
        )
        .unwrap();
        let issuer = root.certify(&application, &root_key).unwrap();
        Self {
            root,
            issuer,
            issuer_key,
            list_key: key("list"),
        }
    }

    /// Lists that accept the city's own issuer, with Guangzhou's fares.
    pub(crate) fn bundle(&self, version: u64) -> ListBundle {
        ListBundle {
            acquirer: institution("11345810"),
            version,
            issued_at: T0,
            roots: RootTable::new([self.root.clone()]),
            issuers: [institution("01345810")].into(),
            blacklists: BlackLists::default(),
            fare_books: vec![tongtu_fare::GUANGZHOU.to_string()],
            cards: CardLists::default(),
        }
    }

    /// A rider with a limit of 20 yuan; the number ends the account.
    pub(crate) fn rider(&self, number: u8) -> Rider {
        self.rider_with_limit(number, Fen::new(2000))
    }

    pub(crate) fn rider_with_limit(&self, number: u8, limit: Fen) -> Rider {
        self.rider_of(number, limit, 0)
    }

    pub(crate) fn rider_of(&self, number: u8, limit: Fen, account_type: u8) -> Rider {
        let user_key = key(&format!("rider {number}"));
        let account = CardNumber::parse(&format!("3104581000000000{number:03}")).unwrap();
        let terms = UserTerms {
            issuer_data: b"CHN0000000000001".to_vec(),
            account,
            card_issuer: [0x01, 0x34, 0x58, 0x10],
            platform: [0; 4],
            account_type,
            limit,
            user_key: user_key.public().clone(),
            expires: T0.plus_s(7 * 86_400),
            validity_s: 600,
            extension: Vec::new(),
        };
        let certificate = UserCertificate::issue(&self.issuer, &terms, &self.issuer_key).unwrap();
        Rider {
            account,
            certificate,
            user_key,
        }
    }
}

/// A phone.
pub(crate) struct Rider {
    pub(crate) account: CardNumber,
    pub(crate) certificate: UserCertificate,
    pub(crate) user_key: SecretKey,
}

impl Rider {
    pub(crate) fn code_at(&self, at: Timestamp) -> RideCode {
        self.certificate
            .ride_code_unchecked(at, &self.user_key)
            .unwrap()
    }
}

/// Puts a right digest and a right signature under a changed body.
pub(crate) fn reseal(city: &City, body: &[u8]) -> Vec<u8> {
    let mut out = body.to_vec();
    out.extend(sm3::digest(body));
    out.extend(city.list_key.sign(&out).0);
    out
}

/// Beijing by operator, all of Shenzhen, own elders; parameters of today and of February; three
/// terminals in two groups.
pub(crate) fn card_lists() -> CardLists {
    let mut lists = CardLists {
        blacklist_version: 17,
        ..CardLists::default()
    };
    lists.cities.version = 3;
    lists.cities.noticed_at = T0.plus_s(-86_400);
    let beijing = Institution([0x01, 0x40, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    let shenzhen = Institution([0x05, 0x20, 0x58, 0x40, 0xFF, 0xFF, 0xFF, 0xFF]);
    let own = Institution([0x02, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF]);
    let city = [0, 0, 0xFF, 0xFF, 0, 0, 0, 0];
    for (pattern, kinds, interop) in [
        (
            IssuerPattern::of(beijing),
            CardKinds::ALL,
            InteropRule::Declared,
        ),
        (
            IssuerPattern::new(shenzhen, city),
            CardKinds::ALL,
            InteropRule::Any,
        ),
        (
            IssuerPattern::of(own),
            CardKinds::NONE.with(CardKind::ELDER),
            InteropRule::Declared,
        ),
    ] {
        lists
            .cities
            .accept(pattern, AcceptedIssuer { kinds, interop });
    }
    let january = Parameters {
        from: T0.china().day,
        ..Parameters::DEFAULT
    };
    let february = Parameters {
        from: T0.plus_s(31 * 86_400).china().day,
        retap_s: 8,
        permissions: Parameters::DEFAULT
            .permissions
            .set(CardKind::TEST, Service::Rail, false),
        ..Parameters::DEFAULT
    };
    lists.parameters = vec![january, february];
    for (n, place, number) in [
        (7, Place::Vehicle, 1),
        (8, Place::Vehicle, 1),
        (9, Place::Station, 1),
    ] {
        let terminal = TerminalNumber::parse(&format!("58100000{n:04}")).unwrap();
        lists.groups.put(terminal, GroupId { place, number });
    }
    lists
}

pub(crate) fn profile(post: Post) -> Profile {
    Profile {
        acquirer: institution("11345810"),
        terminal: TerminalNumber::parse("581000000007").unwrap(),
        model: *b"TT-GATE1",
        terminal_id: *b"GZ000007",
        software: *b"0.1_260101",
        serial: [0, 0, 0, 7],
        post,
    }
}

pub(crate) fn bus() -> Post {
    Post::Bus {
        line: "B00001".parse().unwrap(),
        vehicle: "A1234".parse().unwrap(),
    }
}

pub(crate) fn entry(station: &str) -> Post {
    Post::Entry {
        network: "METRO".parse().unwrap(),
        station: station.parse().unwrap(),
    }
}

pub(crate) fn exit(station: &str) -> Post {
    Post::Exit {
        network: "METRO".parse().unwrap(),
        station: station.parse().unwrap(),
    }
}

/// A terminal with its store, as it stands in the street.
pub(crate) struct Street {
    pub(crate) city: City,
    pub(crate) terminal: ScanTerminal,
    pub(crate) store: MemoryStore,
    post: Post,
}

impl Street {
    /// A terminal that took list version 1 at `T0`.
    pub(crate) fn new(post: Post) -> Self {
        let city = City::new();
        let mut street = Self {
            terminal: recover(&city, post, &MemoryStore::default()).unwrap(),
            store: MemoryStore::default(),
            city,
            post,
        };
        street.apply(&street.city.bundle(1)).unwrap();
        street
    }

    pub(crate) fn apply(&mut self, bundle: &ListBundle) -> Result<(), ListError> {
        let bytes = bundle.sign(&self.city.list_key).unwrap();
        self.terminal.apply_lists(&bytes, T0, &mut self.store)
    }

    /// The process ends without a word and starts again from the store.
    pub(crate) fn restart(&mut self) {
        self.terminal = recover(&self.city, self.post, &self.store).unwrap();
        self.apply(&self.city.bundle(1)).unwrap();
    }

    pub(crate) fn scan(&mut self, code: &RideCode, now: Timestamp) -> ScanOutcome {
        self.scan_bytes(code.as_bytes(), Some(now), None)
    }

    pub(crate) fn scan_bytes(
        &mut self,
        bytes: &[u8],
        now: Option<Timestamp>,
        open_entry: Option<OpenEntry>,
    ) -> ScanOutcome {
        let scan = Scan {
            bytes,
            now,
            open_entry,
        };
        self.terminal.scan(scan, &mut self.store)
    }

    /// Scans, and says so to the rider if it is a ride.
    pub(crate) fn ride(&mut self, code: &RideCode, now: Timestamp) -> ScanOutcome {
        let outcome = self.scan(code, now);
        if let Some(ride) = outcome.ride() {
            self.terminal.told(ride.seq, &mut self.store).unwrap();
        }
        outcome
    }
}

pub(crate) fn recover(
    city: &City,
    post: Post,
    store: &dyn RecordStore,
) -> Result<ScanTerminal, RecoverError> {
    let setup = Setup {
        profile: profile(post),
        policy: Policy::default(),
        list_key: city.list_key.public().clone(),
        sam: Box::new(key("sam")),
    };
    ScanTerminal::recover(setup, store)
}

#[derive(Debug, Clone)]
struct Kept {
    record: Vec<u8>,
    before: sm3::Digest,
    chain: sm3::Digest,
    told: bool,
    completed_by: Option<Vec<u8>>,
    acknowledged: bool,
}

/// A store that forgets nothing and fails on demand.
#[derive(Debug, Clone)]
pub(crate) struct MemoryStore {
    records: Vec<Kept>,
    intents: BTreeMap<u64, Vec<u8>>,
    lists: Option<ListsMark>,
    pub(crate) released_below: u64,
    pub(crate) max: u64,
    pub(crate) fails: bool,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            intents: BTreeMap::new(),
            lists: None,
            released_below: 0,
            max: u64::MAX,
            fails: false,
        }
    }
}

impl MemoryStore {
    fn has_room(&self) -> Result<(), StoreError> {
        self.capacity().check()
    }

    fn works(&self) -> Result<(), StoreError> {
        if self.fails {
            return Err(StoreError::Device("out of order".to_string()));
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }
}

fn index(seq: u64) -> usize {
    usize::try_from(seq).unwrap() - 1
}

impl RecordStore for MemoryStore {
    fn next_seq(&self) -> u64 {
        u64::try_from(self.records.len()).unwrap() + 1
    }

    fn append(&mut self, record: &[u8]) -> Result<u64, StoreError> {
        self.works()?;
        self.has_room()?;
        let seq = self.next_seq();
        let before = self.records.last().map_or(CHAIN_START, |kept| kept.chain);
        self.records.push(Kept {
            record: record.to_vec(),
            before,
            chain: chained(&before, seq, record),
            told: false,
            completed_by: None,
            acknowledged: false,
        });
        Ok(seq)
    }

    fn keep_intent(&mut self, id: u64, intent: &[u8]) -> Result<(), StoreError> {
        self.works()?;
        if !self.intents.contains_key(&id) {
            self.has_room()?;
        }
        self.intents.insert(id, intent.to_vec());
        Ok(())
    }

    fn drop_intent(&mut self, id: u64) -> Result<(), StoreError> {
        self.works()?;
        self.intents.remove(&id);
        Ok(())
    }

    fn append_closing(&mut self, record: &[u8], intent: u64) -> Result<u64, StoreError> {
        self.works()?;
        let closed = self.intents.remove(&intent);
        closed.ok_or(StoreError::NoIntent { id: intent })?;
        self.append(record)
    }

    fn intents(&self) -> Box<dyn Iterator<Item = (u64, &[u8])> + '_> {
        Box::new(self.intents.iter().map(|(id, intent)| (*id, &intent[..])))
    }

    fn mark_told(&mut self, seq: u64, completed_by: Option<&[u8]>) -> Result<(), StoreError> {
        self.works()?;
        let kept = &mut self.records[index(seq)];
        kept.told = true;
        kept.completed_by = completed_by.map(<[u8]>::to_vec);
        Ok(())
    }

    fn acknowledge(&mut self, seqs: &[u64]) -> Result<(), StoreError> {
        self.works()?;
        for seq in seqs {
            self.records[index(*seq)].acknowledged = true;
        }
        Ok(())
    }

    fn release(&mut self, below: u64) -> Result<(), StoreError> {
        self.released_below = below;
        self.works()
    }

    fn replay(&self) -> Box<dyn Iterator<Item = StoredRecord<'_>> + '_> {
        Box::new(
            self.records
                .iter()
                .zip(1..)
                .map(|(entry, seq)| StoredRecord {
                    seq,
                    record: &entry.record,
                    before: entry.before,
                    chain: entry.chain,
                    told: entry.told,
                    completed_by: entry.completed_by.as_deref(),
                    acknowledged: entry.acknowledged,
                }),
        )
    }

    fn capacity(&self) -> Capacity {
        let waiting = self.records.iter().filter(|r| !r.acknowledged).count();
        Capacity {
            held: u64::try_from(self.records.len()).unwrap(),
            waiting: u64::try_from(waiting).unwrap(),
            intents: u64::try_from(self.intents.len()).unwrap(),
            max: self.max,
            bytes: 0,
            bytes_max: None,
        }
    }

    fn remember_lists(&mut self, mark: ListsMark) -> Result<(), StoreError> {
        self.works()?;
        self.lists = Some(mark);
        Ok(())
    }

    fn lists_mark(&self) -> Option<ListsMark> {
        self.lists
    }
}
