//! E-cashes of the conformance profile, and terminals that take them.

use std::sync::Arc;

use tongtu_apdu::select::{E_CASH, Select};
use tongtu_card::factory::{Module, Preinstalled};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::command::{GetData, ReadRecord};
use tongtu_ecash::cryptogram::{card_key, composite_mac};
use tongtu_ecash::perso::{self, Profile};
use tongtu_ecash::{Amount, log, tag, test_card};
use tongtu_purse::field::{Date, Serial};
use tongtu_tap_record::{CashCheck, RecordKind, Recovery, TapRecord};
use tongtu_terminal::tap::{
    AuthorityKey, AuthorityTable, Cash, CashRules, Rules, TapEnd, TapOutcome, TapPost, Task,
    Unpredictable,
};
use tongtu_terminal::tap::{RecordKeys, RecordUpdate};
use tongtu_types::{CardNumber, Timestamp};

use crate::tap::card::{Dice, Rider};
use crate::tap::fixture::{Post, profile};

pub(crate) const RID: [u8; 5] = [0xA0, 0, 0, 6, 0x32];
pub(crate) const BOTH: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

pub(crate) fn pan() -> Serial {
    Serial::of(&CardNumber::parse(test_card::NUMBER).unwrap())
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

pub(crate) fn authority_keys() -> Vec<AuthorityKey> {
    let authorities = test_card::authorities().into_iter();
    authorities
        .map(|authority| AuthorityKey {
            rid: RID,
            version: 1,
            expires: Date([0x20, 0x35, 0x12, 0x31]),
            check: AuthorityKey::check_value(RID, &authority),
            authority,
        })
        .collect()
}

pub(crate) fn table(keys: Vec<AuthorityKey>) -> Arc<AuthorityTable> {
    let mut table = AuthorityTable::default();
    for key in keys {
        table.take(key).unwrap();
    }
    Arc::new(table)
}

pub(crate) fn cash(seed: u8) -> Cash {
    Cash {
        rules: CashRules {
            issuers: vec!["6217".into()],
            ..CashRules::default()
        },
        authorities: table(authority_keys()),
        records: Some(Arc::new(FileKeys)),
        unpredictable: Unpredictable::new([seed; 32]),
    }
}

/// A terminal that takes the e-cash.
#[derive(Clone)]
pub(crate) struct CashPost {
    pub(crate) post: Post,
    pub(crate) cash: Cash,
    starts: u8,
}

impl CashPost {
    pub(crate) fn new(number: u8, post: TapPost) -> Self {
        Self::of(Post::new(number, post))
    }

    pub(crate) fn with_rules(number: u8, post: TapPost, rules: Rules) -> Self {
        Self::of(Post::with_rules(number, post, rules))
    }

    pub(crate) fn of(mut post: Post) -> Self {
        let cash = cash(1);
        post.terminal.serve_cash(cash.clone());
        Self {
            post,
            cash,
            starts: 1,
        }
    }

    /// The same with other authorities, rules or keys.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut Cash)) -> Self {
        change(&mut self.cash);
        self.post.terminal.serve_cash(self.cash.clone());
        self
    }

    /// Power off and on; the seed is a fresh one.
    pub(crate) fn restart(&mut self) {
        self.post.restart();
        self.starts += 1;
        self.cash.unpredictable = Unpredictable::new([self.starts; 32]);
        self.post.terminal.serve_cash(self.cash.clone());
    }

    pub(crate) fn tap(&mut self, rider: &mut Rider, now: Timestamp) -> TapEnd {
        self.post.tap(rider, now)
    }

    pub(crate) fn tap_on(
        &mut self,
        rider: &mut dyn tongtu_terminal::tap::CardLink,
        now: Timestamp,
    ) -> TapEnd {
        self.post.tap_on(rider, now, Task::Ride)
    }
}

/// An e-cash of the conformance profile, changed.
pub(crate) fn application(algorithm: Algorithm, change: impl FnOnce(&mut Profile)) -> Preinstalled {
    let mut dice = Dice::new();
    let mut entropy = |out: &mut [u8]| dice.fill(out);
    let mut profile = test_card::profile(algorithm);
    change(&mut profile);
    let issuer = test_card::issuer(algorithm, &mut entropy);
    let groups = perso::groups(&profile, &issuer, &mut entropy).unwrap();
    Preinstalled {
        module: Module::Ecash,
        aid: E_CASH,
        label: b"MOT_T_CASH".to_vec(),
        priority: 1,
        parameters: Vec::new(),
        groups: groups.into_iter().map(Into::into).collect(),
    }
}

pub(crate) fn rider(algorithm: Algorithm) -> Rider {
    rider_with(algorithm, |_| {})
}

pub(crate) fn rider_with(algorithm: Algorithm, change: impl FnOnce(&mut Profile)) -> Rider {
    let applications = vec![application(algorithm, change)];
    Rider::of(applications, &profile(0x17, Algorithm::Tdes), 0)
}

/// A card of somebody else.
pub(crate) fn other_rider(algorithm: Algorithm) -> Rider {
    rider_with(algorithm, |profile| {
        profile.number = "6217000000000000020".parse().unwrap();
        if let Some(transport) = &mut profile.transport {
            transport.number = "3104990000000000020".parse().unwrap();
        }
    })
}

/// What the card has, and what it has paid: counter and amount of its log, oldest first.
pub(crate) fn seen(rider: &mut Rider) -> (i64, Vec<(u16, i64)>) {
    rider.present();
    rider.call(&Select::by_name(E_CASH.as_bytes())).unwrap();
    let balance = rider.call(&GetData { tag: tag::BALANCE }).unwrap();
    let balance = Amount::decode(&balance.value).unwrap().fen().get();
    let mut paid = Vec::new();
    for number in 1..=10 {
        let read = ReadRecord { sfi: 0x0B, number };
        let Ok(bytes) = rider.call(&read) else { break };
        let values = log::usual_format().split(&bytes).unwrap();
        let atc: [u8; 2] = values[&tag::ATC].as_slice().try_into().unwrap();
        let amount = Amount::decode(&values[&tag::AMOUNT]).unwrap();
        paid.push((u16::from_be_bytes(atc), amount.fen().get()));
    }
    paid.reverse();
    (balance, paid)
}

/// The key by which the issuer verifies cryptograms.
pub(crate) fn issuer_key(algorithm: Algorithm) -> BlockKey {
    let [master, _, _] = test_card::master_keys(algorithm);
    let number = CardNumber::parse(test_card::NUMBER).unwrap();
    card_key(&master, &number, 0)
}

/// What must hold after everything: every debit of the card is one ride in somebody's records,
/// nothing else is, each with a cryptogram that its issuer takes; and the money agrees.
pub(crate) fn audit(
    what: &str,
    algorithm: Algorithm,
    rider: &mut Rider,
    posts: &mut [&mut CashPost],
    now: Timestamp,
) {
    let (balance, paid) = seen(rider);
    let key = issuer_key(algorithm);
    let (mut rides, mut greys) = (Vec::new(), Vec::new());
    for post in posts {
        post.post.close(now.plus_s(100_000)).unwrap();
        assert_eq!(post.post.terminal.open_intents(), 0, "{what}: open");
        for record in post.post.records() {
            if record.kind == RecordKind::Lock || record.serial != pan() {
                continue;
            }
            assert_eq!(record.check(), Ok(()), "{what}");
            assert_eq!(record.cryptogram_holds(&key), Ok(true), "{what}: TC");
            let is_paid = paid.iter().any(|(atc, _)| *atc == record.sequence);
            if record.recovery == Recovery::Grey && !is_paid {
                // The issuer: the card's log has no such payment.
                continue;
            }
            let ride = (record.sequence, record.amount.fen().get());
            match record.recovery {
                // What was noted of a ride is none.
                Recovery::Untold => {}
                Recovery::Grey => greys.push(ride),
                _ => rides.push(ride),
            }
        }
    }
    // A grey record of a payment that another terminal recovered is the same ride.
    greys.retain(|grey| !rides.contains(grey));
    rides.extend(greys);
    rides.sort_unstable();
    assert_eq!(rides, paid, "{what}: rides recorded and debits of the card");
    let total: i64 = paid.iter().map(|(_, amount)| amount).sum();
    assert_eq!(balance, 10_000 - total, "{what}: money");
}

/// Whether whoever was let on has a stored record whose signature and cryptogram hold.
pub(crate) fn is_earned(post: &CashPost, algorithm: Algorithm, outcome: &TapOutcome) -> bool {
    let key = issuer_key(algorithm);
    let holds = |record: &TapRecord| record.cryptogram_holds(&key) == Ok(true);
    is_signed(post, outcome) && outcome.ride().is_none_or(|ride| holds(&ride.record))
}

/// Whether whoever was let on has a stored record whose signature holds.
pub(crate) fn is_signed(post: &CashPost, outcome: &TapOutcome) -> bool {
    let Some(ride) = outcome.ride() else {
        return true;
    };
    let record = &ride.record;
    let check = record.cash().map(|proof| proof.check);
    post.post.records().contains(record)
        && record.recovery != Recovery::Grey
        && matches!(check, Ok(CashCheck::Rsa | CashCheck::Sm2))
}
