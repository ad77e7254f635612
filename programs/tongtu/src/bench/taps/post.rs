//! Terminals of the bench: with a fare book, a blacklist, a soft module and a journal in memory.

use std::sync::Arc;

use tongtu_blacklist::{Blacklist, ListedNumber, Span};
use tongtu_card::RamMemory;
use tongtu_crypto::{Algorithm, BlockKey, SecretKey};
use tongtu_ecash::cryptogram::composite_mac;
use tongtu_ecash::test_card;
use tongtu_fare::{BEIJING, FareBook, Tariff};
use tongtu_journal::{Journal, Limits, SimMedium};
use tongtu_psam::Psam as _;
use tongtu_purse::field::{Date, Institution, Serial, Terminal};
use tongtu_sam::{PsamProfile, SoftPsam};
use tongtu_terminal::lists::{CardOrigin, Parameters, Service};
use tongtu_terminal::tap::{
    AuthorityKey, AuthorityTable, CardTerminal, Cash, CashRules, Medium, ModuleRule, OpenRide,
    PlainLists, RecordKeys, RecordUpdate, Refusal, Rules, Selection, Snapshot, Standing, TapEnd,
    TapLists, TapPost, TapProfile, Task, Unpredictable, Versions,
};
use tongtu_types::{BusinessDay, Timestamp};

use super::NINE;
use super::script::{Field, Script};
use crate::card::factory;

/// Three stops of a bus of segmented fares, a yuan for every 4 km.
const LONG: &str = "fare-book 1\ncity 1000 | 北京 | Beijing\nversion 1\neffective 2018-01-01\n\
    currency CNY\n\nnetwork LONG | 长线 | Long Line\nstay 14400 | max-fare\n\
    ladder 4000 | 1.00\nstep inf | 4000\n\nline 9 | 9路 | Bus 9\n\
    station 01 | 甲 | A\nstation 02 | 乙 | B\nstation 03 | 丙 | C\n\
    link 01 | 02 | 4000\nlink 02 | 03 | 4000\n";

/// Five million numbers, and one card more.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    plain: PlainLists,
    blacklist: Arc<Blacklist>,
    pub(super) also: Option<Serial>,
}

impl TapLists for Lists {
    fn standing(&self, issuer: Institution) -> Option<Standing> {
        self.plain.standing(issuer)
    }

    fn judge(&self, card: &CardOrigin, service: Service, day: BusinessDay) -> Result<(), Refusal> {
        self.plain.judge(card, service, day)
    }

    fn parameters(&self, _: BusinessDay) -> Option<&Parameters> {
        None
    }

    fn are_beside(&self, own: Terminal, other: Terminal) -> bool {
        self.plain.are_beside(own, other)
    }

    fn is_blacklisted(&self, serial: Serial) -> bool {
        let number = ListedNumber::from_bcd(&serial.0);
        number.is_some_and(|number| self.blacklist.contains(number)) || self.also == Some(serial)
    }

    fn versions(&self) -> Versions {
        self.plain.versions()
    }
}

/// As wide apart as 19 digits allow.
fn blacklist(listed: u128) -> Blacklist {
    let apart = 10_u128.pow(19) / listed;
    let number = |at: u128| {
        let digits = format!("{:020}", at * apart + 1);
        let bcd: [u8; 10] = tongtu_codec::hex_decode(&digits)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .expect("twenty digits");
        ListedNumber::from_bcd(&bcd).expect("digits")
    };
    let spans = (0..listed).map(|at| Span::single(number(at)));
    Blacklist::from_spans(1, NINE, spans).expect("they rise, and are not too many")
}

/// The keys of the test card's files.
#[derive(Debug)]
struct FileKeys;

impl RecordKeys for FileKeys {
    fn mac(&self, update: &RecordUpdate<'_>) -> Option<[u8; 4]> {
        let algorithm = match update.algorithm {
            4 => Algorithm::Sm4,
            _ => Algorithm::Tdes,
        };
        let key = BlockKey::new(algorithm, test_card::file_key(update.sfi));
        Some(composite_mac(
            &key,
            update.atc,
            update.header,
            update.record,
        ))
    }
}

fn cash() -> Cash {
    const RID: [u8; 5] = [0xA0, 0, 0, 6, 0x32];
    let mut authorities = AuthorityTable::default();
    for authority in test_card::authorities() {
        let key = AuthorityKey {
            rid: RID,
            version: 1,
            expires: Date([0x20, 0x35, 0x12, 0x31]),
            check: AuthorityKey::check_value(RID, &authority),
            authority,
        };
        authorities.take(key).expect("its check value is its own");
    }
    Cash {
        rules: CashRules {
            issuers: vec!["6217".into()],
            ..CashRules::default()
        },
        authorities: Arc::new(authorities),
        records: Some(Arc::new(FileKeys)),
        unpredictable: Unpredictable::new([1; 32]),
    }
}

/// What terminals of the bench have in common.
pub(super) struct City {
    lists: Lists,
    metro: Arc<Tariff>,
    long: Arc<Tariff>,
    signer: Arc<SecretKey>,
}

fn tariff(book: &str) -> Arc<Tariff> {
    let mut tariff = Tariff::default();
    let book = FareBook::parse(book.as_bytes()).expect("the program's own book");
    tariff.adopt(book).expect("the first of its city");
    Arc::new(tariff)
}

impl City {
    pub(super) fn new(listed: u128) -> Self {
        let purse = factory::Profile::Default.purse();
        let Institution([a, b, c, d, ..]) = purse.public.issuer;
        let plain = PlainLists {
            local: vec![[a, b, c, d]],
            ..PlainLists::default()
        };
        let digest = tongtu_crypto::sm3::digest(b"terminal of the bench");
        Self {
            lists: Lists {
                plain,
                blacklist: Arc::new(blacklist(listed)),
                also: None,
            },
            metro: tariff(BEIJING),
            long: tariff(LONG),
            signer: Arc::new(SecretKey::from_bytes(&digest).expect("a number below the order")),
        }
    }
}

/// A terminal with its module and its journal.
pub(super) struct Post {
    pub(super) terminal: CardTerminal,
    pub(super) psam: SoftPsam<RamMemory>,
    pub(super) store: Journal<SimMedium>,
    pub(super) medium: SimMedium,
    profile: TapProfile,
    held: Snapshot,
    signer: Arc<SecretKey>,
}

impl Post {
    pub(super) fn new(city: &City, number: u16, post: TapPost) -> Self {
        Self::with(city, number, post, |_, _| {})
    }

    pub(super) fn with(
        city: &City,
        number: u16,
        post: TapPost,
        change: impl FnOnce(&mut TapProfile, &mut Lists),
    ) -> Self {
        let purse = factory::Profile::Default.purse();
        let mut lists = city.lists.clone();
        let mut profile = TapProfile {
            acceptor: purse.public.issuer,
            city: purse.transit.city,
            operator: [0, 1],
            software: *b"tongtu-tap",
            post,
            module: ModuleRule::default(),
            selection: Selection::default(),
            rules: Rules {
                open_ride: OpenRide::Settle,
                ..Rules::default()
            },
        };
        change(&mut profile, &mut lists);
        let is_long = matches!(post, TapPost::Segmented(_));
        let held = Snapshot {
            lists: Arc::new(lists),
            tariff: Arc::clone(if is_long { &city.long } else { &city.metro }),
        };
        let module = PsamProfile::test_flat().numbered(number);
        let psam = SoftPsam::manufacture(RamMemory::default(), &module);
        let psam = psam.expect("the profile of a test module");
        let medium = SimMedium::new();
        let store = Journal::recover(medium.clone(), Limits::default()).expect("an empty journal");
        let signer = Arc::clone(&city.signer);
        Self {
            terminal: start(&profile, &held, &psam, &signer, &store),
            psam,
            store,
            medium,
            profile,
            held,
            signer,
        }
    }

    pub(super) fn serving_cash(mut self) -> Self {
        self.profile.selection = Selection {
            first: Medium::Cash,
            ..Selection::default()
        };
        self.terminal = start(
            &self.profile,
            &self.held,
            &self.psam,
            &self.signer,
            &self.store,
        );
        self.terminal.serve_cash(cash());
        self
    }

    pub(super) fn restart(&mut self) {
        self.psam.reset();
        self.terminal = start(
            &self.profile,
            &self.held,
            &self.psam,
            &self.signer,
            &self.store,
        );
    }

    /// A tap that leads to what is measured, or is torn.
    pub(super) fn tap(&mut self, field: &mut Field<'_>, now: Timestamp, task: Task) -> TapEnd {
        Script::play(self, field, now, task).1
    }
}

fn start(
    profile: &TapProfile,
    held: &Snapshot,
    psam: &SoftPsam<RamMemory>,
    signer: &Arc<SecretKey>,
    store: &Journal<SimMedium>,
) -> CardTerminal {
    let sam = Arc::clone(signer);
    CardTerminal::recover(profile.clone(), held.clone(), *psam.identity(), sam, store)
        .expect("a journal of its own")
}
