//! A watched custody does what the bare one does, and each use of a key is told before it and after.

use std::cell::RefCell;
use std::rc::Rc;

use tongtu_globalplatform::scp::Protocol;
use tongtu_hsm::{
    Component, Custody, CustodyError, Deed, DomainKeys, Export, Fill, KeyName, KeyPath, Label,
    MacScheme, Mark, SealedCustody, SignScheme, TestKey, Use, Vault as _, Watched, Watcher,
};
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::card::{CHIP, MASTER, flat, opened};
use crate::fixture::{Bench, Stores, label, name};

/// What was told of a use, and of its end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Before(Deed, Label, Vec<u8>),
    Done(Deed, Label, Option<Label>),
    Failed(Deed, Label),
}

/// Keeps everything, and refuses uses of one key.
#[derive(Debug, Clone, Default)]
struct Spy {
    told: Rc<RefCell<Vec<Told>>>,
    refused: Option<Label>,
    refuses_all: bool,
}

impl Spy {
    fn all(&self) -> Vec<Told> {
        self.told.take()
    }
}

impl Watcher for Spy {
    fn before<C: Custody + ?Sized>(&self, custody: &C, used: &Use<'_>) -> Result<(), CustodyError> {
        let label = used.label;
        if self.refuses_all || self.refused == Some(label) {
            return Err(CustodyError::Stays { label });
        }
        assert!(used.name(custody).is_ok_and(|name| name.label == label));
        let about = [&used.factors.concat()[..], used.about].concat();
        let told = Told::Before(used.deed, label, about);
        self.told.borrow_mut().push(told);
        Ok(())
    }

    fn after(&self, used: &Use<'_>, end: Result<(), &CustodyError>) {
        let made = used.made.map(|name| name.label);
        self.told.borrow_mut().push(match end {
            Ok(()) => Told::Done(used.deed, used.label, made),
            Err(_) => Told::Failed(used.deed, used.label),
        });
    }
}

/// Lets everything pass.
struct Nobody;

impl Watcher for Nobody {
    fn before<C: Custody + ?Sized>(&self, _: &C, _: &Use<'_>) -> Result<(), CustodyError> {
        Ok(())
    }
}

/// Stores behind a watcher.
struct WatchedStores(Stores);

impl Bench for WatchedStores {
    fn fresh(&mut self) -> Box<dyn Custody> {
        let made = Box::new(self.0.make(Mark::Test));
        Box::new(Watched::new(made, Nobody))
    }

    fn reopen(&mut self, old: Box<dyn Custody>) -> Box<dyn Custody> {
        drop(old);
        let opened = Box::new(self.0.open().unwrap());
        Box::new(Watched::new(opened, Nobody))
    }
}

mod facts {
    fn run(test: &str, fact: fn(&mut dyn super::Bench)) {
        let stores = super::Stores::new(&test.replace("::", "-"));
        fact(&mut super::WatchedStores(stores));
    }

    crate::suite::facts!(run);
}

fn watched(stores: &mut Stores, spy: &Spy) -> Watched<Box<SealedCustody>, Spy> {
    Watched::new(Box::new(stores.make(Mark::Test)), spy.clone())
}

fn purchase(text: &str) -> KeyName {
    name(text, Purpose::Purchase, KeyAlgorithm::Sm4)
}

fn transport(text: &str) -> KeyName {
    name(text, Purpose::PersoTransport, KeyAlgorithm::Sm4)
}

/// What one use of a key leaves that came to its end.
fn one(deed: Deed, key: &str, about: &[u8], made: Option<&str>) -> [Told; 2] {
    let before = Told::Before(deed, label(key), about.to_vec());
    [before, Told::Done(deed, label(key), made.map(label))]
}

#[test]
fn every_use_is_told_before_it_is_made_and_when_it_ended() {
    let (mut stores, spy) = (Stores::new("watched-told"), Spy::default());
    let mut custody = watched(&mut stores, &spy);
    let dpk = purchase("DPK");
    custody.generate(&dpk).unwrap();
    assert_eq!(spy.all(), one(Deed::Generate, "DPK", &[], Some("DPK")));
    let test = TestKey::new(MASTER.to_vec());
    let check = custody.import_test(&transport("TK"), test).unwrap();
    assert_eq!(spy.all(), one(Deed::ImportTest, "TK", &[], Some("TK")));
    let Check::Kcv(kcv) = check else {
        panic!("{check:?}");
    };
    // The XOR of a key with itself and itself is the key.
    let parts = [MASTER; 3].map(|part| Component::new(part.to_vec(), kcv));
    let second = transport("TK-2");
    custody.import(&second, parts.into(), check).unwrap();
    assert_eq!(spy.all(), one(Deed::Import, "TK-2", &[], Some("TK-2")));
    let path = KeyPath {
        label: dpk.label,
        factors: &[[1; 8]],
    };
    custody.derive(path, &purchase("DPK-1000")).unwrap();
    let about = b"\x01\x01\x01\x01\x01\x01\x01\x01DPK-1000";
    assert_eq!(spy.all(), one(Deed::Derive, "DPK", about, Some("DPK-1000")));
    let mac = custody.mac(path, MacScheme::Tac, b"ride").unwrap();
    let about = b"\x01\x01\x01\x01\x01\x01\x01\x01ride";
    assert_eq!(spy.all(), one(Deed::Mac, "DPK", about, None));
    custody
        .verify_mac(path, MacScheme::Tac, b"ride", &mac)
        .unwrap();
    assert_eq!(spy.all(), one(Deed::VerifyMac, "DPK", about, None));
    custody.lend(dpk.label).unwrap();
    assert_eq!(spy.all(), one(Deed::Lend, "DPK", &[], None));
    let wrapped = custody.wrap(KeyPath::of(dpk.label), label("TK")).unwrap();
    assert_eq!(spy.all(), one(Deed::Wrap, "DPK", b"TK", None));
    let copy = purchase("COPY");
    custody.unwrap(&copy, label("TK"), &wrapped).unwrap();
    assert_eq!(spy.all(), one(Deed::Unwrap, "TK", b"COPY", Some("COPY")));
    let container = custody.export(copy.label, label("TK")).unwrap();
    assert_eq!(spy.all(), one(Deed::Export, "COPY", b"TK", None));
    custody.destroy(copy.label).unwrap();
    assert_eq!(spy.all(), one(Deed::Destroy, "COPY", &[], None));
    custody.take_in(&container, label("TK")).unwrap();
    assert_eq!(spy.all(), one(Deed::TakeIn, "TK", &container, Some("COPY")));
    let signing = name("SIGN", Purpose::RideCode, KeyAlgorithm::Sm2);
    custody.generate(&signing).unwrap();
    spy.all();
    custody
        .sign(signing.label, SignScheme::Sm2, b"message")
        .unwrap();
    assert_eq!(spy.all(), one(Deed::Sign, "SIGN", b"message", None));
}

#[test]
fn what_goes_to_a_card_through_a_channel_is_told_key_by_key() {
    let (mut stores, spy) = (Stores::new("watched-card"), Spy::default());
    let mut custody = watched(&mut stores, &spy);
    let below = |name: KeyName| KeyName {
        bits: 128,
        export: Export::Below,
        ..name
    };
    for name in [
        name("KMC", Purpose::SecurityDomain, KeyAlgorithm::Sm4),
        purchase("DPK"),
        purchase("DLK"),
    ] {
        let key = TestKey::new(MASTER.to_vec());
        custody.import_test(&below(name), key).unwrap();
    }
    spy.all();
    let lot = DomainKeys {
        label: label("KMC"),
        card: None,
    };
    let protocol = Protocol::SM4;
    let blank = flat(protocol, [MASTER; 3]);
    let (session, _card) = opened(&custody, lot, protocol, &blank).unwrap();
    assert_eq!(spy.all(), one(Deed::Channel, "KMC", &CHIP, None));
    let own = DomainKeys {
        card: Some(&CHIP),
        ..lot
    };
    custody.domain_keys(own, &session).unwrap();
    assert_eq!(spy.all(), one(Deed::CardKeys, "KMC", &CHIP, None));
    let paths = ["DPK", "DLK"].map(|text| KeyPath {
        label: label(text),
        factors: &[[2; 8]],
    });
    custody.seal_for(&paths, Fill::Bare, &session).unwrap();
    let about = b"\x02\x02\x02\x02\x02\x02\x02\x02KMC";
    let [first, second] = ["DPK", "DLK"].map(|key| one(Deed::Wrap, key, about, None));
    let both = [&first[0], &second[0], &first[1], &second[1]];
    assert_eq!(spy.all().iter().collect::<Vec<_>>(), both);
    custody.make_pair(KeyAlgorithm::Sm2, &session).unwrap();
    assert_eq!(spy.all(), one(Deed::Pair, "KMC", &[], None));
    // One that is refused keeps all of them from the card.
    let picky = Spy {
        refused: Some(label("DLK")),
        ..spy.clone()
    };
    let bare = {
        drop(custody);
        Box::new(stores.open().unwrap())
    };
    let custody = Watched::new(bare, picky);
    let (session, _card) = opened(&custody, lot, protocol, &blank).unwrap();
    spy.all();
    let refused = custody.seal_for(&paths, Fill::Bare, &session);
    assert!(matches!(refused, Err(CustodyError::Stays { .. })));
    assert_eq!(spy.all(), first[..1]);
}

#[test]
fn a_use_that_failed_is_told_as_failed() {
    let (mut stores, spy) = (Stores::new("watched-failed"), Spy::default());
    let mut custody = watched(&mut stores, &spy);
    let dpk = purchase("DPK");
    custody.generate(&dpk).unwrap();
    spy.all();
    custody.generate(&dpk).unwrap_err();
    let path = KeyPath::of(dpk.label);
    custody
        .verify_mac(path, MacScheme::Tac, b"ride", &[0; 4])
        .unwrap_err();
    custody.take_in(&[0; 3], dpk.label).unwrap_err();
    let told = spy.all();
    let failed = [Deed::Generate, Deed::VerifyMac, Deed::TakeIn];
    let ends = told.iter().skip(1).step_by(2);
    assert!(ends.eq(&failed.map(|deed| Told::Failed(deed, dpk.label))));
}

#[test]
fn a_use_that_is_refused_is_not_made() {
    let (mut stores, spy) = (Stores::new("watched-refused"), Spy::default());
    let mut custody = watched(&mut stores, &spy);
    custody.generate(&purchase("DPK")).unwrap();
    custody.generate(&transport("TK")).unwrap();
    drop(custody);
    spy.all();
    let refusing = Spy {
        refuses_all: true,
        ..spy.clone()
    };
    let mut custody = Watched::new(Box::new(stores.open().unwrap()), refusing);
    let (before, state) = (custody.list().unwrap(), custody.state());
    let [dpk, tk] = ["DPK", "TK"].map(label);
    let fresh = purchase("NEW");
    custody.generate(&fresh).unwrap_err();
    let test = TestKey::new(MASTER.to_vec());
    custody.import_test(&fresh, test).unwrap_err();
    custody.derive(KeyPath::of(dpk), &fresh).unwrap_err();
    let path = KeyPath::of(dpk);
    custody.mac(path, MacScheme::Tac, b"").unwrap_err();
    custody.lend(dpk).unwrap_err();
    custody.wrap(path, tk).unwrap_err();
    custody.export(dpk, tk).unwrap_err();
    custody.destroy(dpk).unwrap_err();
    assert_eq!(custody.list().unwrap(), before);
    assert_eq!(custody.state(), state);
    // It did not come to an end either.
    assert_eq!(spy.all(), []);
}

#[test]
fn looking_at_what_is_public_is_no_use() {
    let (mut stores, spy) = (Stores::new("watched-looked"), Spy::default());
    let mut custody = watched(&mut stores, &spy);
    let signing = name("SIGN", Purpose::RideCode, KeyAlgorithm::Sm2);
    custody.generate(&signing).unwrap();
    let pos = name("TMK", Purpose::PosMaster, KeyAlgorithm::Sm4);
    custody.generate(&pos).unwrap();
    let signed = custody.sign(signing.label, SignScheme::Sm2, b"m").unwrap();
    spy.all();
    custody.list().unwrap();
    custody.check(signing.label).unwrap();
    custody.long_check(pos.label).unwrap();
    custody.public(signing.label).unwrap();
    custody
        .verify(signing.label, SignScheme::Sm2, b"m", &signed)
        .unwrap();
    assert_eq!(spy.all(), []);
}
