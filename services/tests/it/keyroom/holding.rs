//! A holder's own custody: keys come in by two of its custodians, as the nation's book has them.

use proptest::prelude::*;
use tongtu_audit::{AuditLine, Outcome};
use tongtu_crypto::{Algorithm, BlockKey, Signature};
use tongtu_hsm::{Component, Custody as _, SealedCustody, Vault as _};
use tongtu_keyring::code::{Cause, Purpose};
use tongtu_keyring::register::{FAILURES_MAX, WAIT_FIRST_S};
use tongtu_keyring::{Check, Event, Extract, KeyNumber, OfficerNumber};
use tongtu_keyroom::sim::{SimMedium, Survival};
use tongtu_keyroom::{File, Head, Part};
use tongtu_services::NodeKeys;
use tongtu_services::keyroom::{
    Act, Custodian, Hands, Holding, HoldingAct, HoldingApproval, HoldingError, HoldingRefusal,
    Orders, Source, key_label,
};
use tongtu_types::Timestamp;

use super::scene::{DAY, START, Safe, Scene, city, institution, key, officer, secret, slot};

const HOLDER: &str = "01343010";
/// A transport key, of these two components.
const SHARES: [[u8; 16]; 2] = [[0x11; 16], [0x2F; 16]];

fn kcv(bytes: [u8; 16]) -> [u8; 3] {
    BlockKey::new(Algorithm::Sm4, bytes).kcv()
}

fn components() -> Vec<Component> {
    SHARES
        .iter()
        .map(|share| Component::new(share.to_vec(), kcv(*share)))
        .collect()
}

fn whole() -> Check {
    Check::Kcv(kcv([0x11 ^ 0x2F; 16]))
}

fn custodian(number: &str) -> Custodian {
    Custodian {
        number: OfficerNumber::parse(number).unwrap(),
        public_key: secret(number).public().to_compressed(),
    }
}

fn part(disk: &SimMedium, part: Part) -> Vec<u8> {
    disk.bytes(File::Of(part))
}

/// The nation's room, the holder's custody, and what goes from one to the other.
struct Both {
    nation: Scene,
    holding: Holding<SimMedium>,
    safe: Safe,
    custody: SealedCustody,
    transport: KeyNumber,
    now: Timestamp,
}

impl Both {
    /// A custody that was founded; the nation has a transport key for its holder, in use.
    fn founded(name: &str) -> Self {
        let mut nation = Scene::staffed(&format!("holding-{name}"));
        let transport = nation.apply(slot("3010", Purpose::PersoTransport), HOLDER);
        let by = ["N-01", "N-02"];
        nation.by(Act::Approve { key: transport }, &by).unwrap();
        let source = Source::Components(whole());
        let act = Act::Generate {
            key: transport,
            source,
        };
        let approval = nation.approval(act, &["N-03", "N-04"]);
        let hands = Hands {
            custody: Some(&mut nation.custody),
            components: components(),
            ..Hands::default()
        };
        nation.room.carry_out(&approval, hands, START).unwrap();
        nation.hand_over(transport);
        let safe = Safe::new(&format!("holder-{name}"));
        let custody = safe.make();
        let head = Head {
            room: [0x48; 16],
            device: String::from("HSM-C"),
            ..super::scene::head()
        };
        let holding = Holding::make(SimMedium::new(), head).unwrap();
        let mut both = Self {
            nation,
            holding,
            safe,
            custody,
            transport,
            now: START,
        };
        both.act(founding(), &["H-01", "H-02"]).unwrap();
        both
    }

    fn extract(&self) -> Vec<u8> {
        let events = Event::decode_all(&part(self.nation.room.medium(), Part::Key)).unwrap();
        Extract::sign(&events, &[], self.now, &mut secret("centre")).unwrap()
    }

    fn approval(&self, act: HoldingAct, by: &[&str]) -> HoldingApproval {
        let mut approval = self.holding.propose(act, self.now.plus_s(DAY));
        for number in by {
            let mut secret = secret(number);
            let officer = match number.starts_with('H') {
                true => custodian(number).officer(institution(HOLDER)),
                false => officer(number),
            };
            approval.sign(officer, &mut secret).unwrap();
        }
        approval
    }

    fn carry(
        &mut self,
        approval: &HoldingApproval,
        (components, container): (Vec<Component>, Option<Vec<u8>>),
    ) -> Result<(), HoldingError> {
        let extract = self.extract();
        let orders = Orders {
            hands: Hands {
                custody: Some(&mut self.custody),
                components,
                container,
            },
            extract: Some(&extract),
        };
        self.holding.carry_out(approval, orders, self.now)
    }

    fn act(&mut self, act: HoldingAct, by: &[&str]) -> Result<(), HoldingError> {
        let approval = self.approval(act, by);
        self.carry(&approval, (Vec::new(), None))
    }

    fn component(&mut self, by: &[&str]) -> Result<(), HoldingError> {
        let act = HoldingAct::Component {
            key: self.transport,
            check: whole(),
            book: self.now,
        };
        let approval = self.approval(act, by);
        self.carry(&approval, (components(), None))
    }

    /// A key that the nation made for the holder, and its container.
    fn sent(&mut self, purpose: Purpose) -> (KeyNumber, Check, Vec<u8>) {
        let key = self.nation.made(slot("3010", purpose), HOLDER);
        let transport = self.transport;
        let done = self
            .nation
            .by(Act::Export { key, transport }, &["N-03", "N-04"])
            .unwrap();
        (key, done.check.unwrap(), done.container.unwrap())
    }

    fn take_in(
        &mut self,
        (key, check, container): (KeyNumber, Check, Vec<u8>),
    ) -> Result<(), HoldingError> {
        let act = HoldingAct::TakeIn {
            key,
            transport: self.transport,
            check,
            book: self.now,
        };
        let approval = self.approval(act, &["H-01", "H-02"]);
        self.carry(&approval, (Vec::new(), Some(container)))
    }

    fn held(&self) -> Vec<KeyNumber> {
        self.holding.held().map(|(key, _)| key).collect()
    }

    /// The code of what refused, in the last line.
    fn last_word(&self) -> String {
        let lines = part(self.holding.medium(), Part::Line);
        let line = lines.chunks_exact(AuditLine::LEN).last().unwrap();
        let entry = AuditLine::decode(line).unwrap().entry().unwrap();
        match entry.outcome {
            Outcome::Done => String::from("done"),
            Outcome::Refused(word) | Outcome::Failed(word) => word.to_string(),
        }
    }
}

impl Scene {
    fn hand_over(&mut self, key: KeyNumber) {
        let custody = *self.room.keys().key(key).unwrap().custody().unwrap();
        self.by(Act::Distribute { key, custody }, &["P-01", "H-01"])
            .unwrap();
        let overlap_days = 15;
        self.by(Act::Activate { key, overlap_days }, &["H-01", "H-02"])
            .unwrap();
    }
}

fn founding() -> HoldingAct {
    HoldingAct::Found {
        institution: institution(HOLDER),
        centre: secret("centre").public().to_compressed(),
        custodians: ["H-01", "H-02"].map(custodian),
    }
}

#[test]
fn a_holder_takes_in_what_the_nation_made_and_a_node_uses_it() {
    let mut both = Both::founded("takes");
    both.component(&["H-01", "H-02"]).unwrap();
    let sent = both.sent(Purpose::FaceSeal);
    both.take_in(sent.clone()).unwrap();
    assert_eq!(both.held(), [both.transport, sent.0]);
    both.nation.hand_over(sent.0);
    // What the holder has is what the book says, so the node that has this custody starts.
    let extract = Extract::open(&both.extract(), &both.holding.centre().unwrap()).unwrap();
    let reopened = Holding::open(both.holding.medium().clone()).unwrap();
    reopened.check_vault(&both.custody.state()).unwrap();
    assert_eq!(
        reopened.held().collect::<Vec<_>>(),
        both.holding.held().collect::<Vec<_>>()
    );
    assert_eq!(reopened.log(), both.holding.log());
    let Both { custody, .. } = both;
    NodeKeys::new(city("3010"), extract, Some(Box::new(custody))).unwrap();
}

#[test]
fn a_key_is_destroyed_once_its_life_is_over_and_not_before() {
    let mut both = Both::founded("destroys");
    both.component(&["H-01", "H-02"]).unwrap();
    let sent = both.sent(Purpose::Load);
    both.take_in(sent.clone()).unwrap();
    let key = sent.0;
    let destroy = |both: &Both| HoldingAct::Destroy {
        key,
        book: both.now,
    };
    both.act(destroy(&both), &["H-01", "H-02"]).unwrap_err();
    assert_eq!(both.last_word(), "holding.stage");
    let cause = Cause::Compromise;
    let act = Act::Revoke { key, cause };
    both.nation.by(act, &["S-01", "S-02"]).unwrap();
    both.act(destroy(&both), &["H-01", "H-02"]).unwrap();
    assert_eq!(both.held(), [both.transport]);
    assert!(both.custody.check(key_label(key)).is_err());
    // Revoked, it comes in no more.
    both.take_in(sent).unwrap_err();
    assert_eq!(both.last_word(), "holding.stage");
}

#[test]
fn nothing_comes_in_without_two_custodians_of_the_holder() {
    let mut both = Both::founded("two");
    for (by, word) in [
        (&["H-01"][..], "holding.two"),
        (&["H-01", "H-01"], "holding.twice"),
        (&["H-01", "K-01"], "holding.custodian"),
        (&["N-03", "N-04"], "holding.custodian"),
    ] {
        both.component(by).unwrap_err();
        assert_eq!((both.last_word().as_str(), both.held().len()), (word, 0));
    }
    // An approval is good once, and for this custody.
    let act = HoldingAct::Centre(secret("centre").public().to_compressed());
    let approval = both.approval(act, &["H-01", "H-02"]);
    both.carry(&approval, (Vec::new(), None)).unwrap();
    both.carry(&approval, (Vec::new(), None)).unwrap_err();
    assert_eq!(both.last_word(), "holding.stale");
    let other = HoldingApproval {
        custody: [1; 16],
        ..approval
    };
    both.carry(&other, (Vec::new(), None)).unwrap_err();
    assert_eq!(both.last_word(), "holding.custody");
}

#[test]
fn nothing_comes_in_that_the_book_does_not_have_so() {
    let mut both = Both::founded("book");
    both.component(&["H-01", "H-02"]).unwrap();
    let (key, check, container) = both.sent(Purpose::Load);
    let other = both.sent(Purpose::Unload);
    // Another check value than the book's; a container of another key; a bent one.
    both.take_in((key, other.1, container.clone())).unwrap_err();
    assert_eq!(both.last_word(), "holding.check");
    both.take_in((key, check, other.2.clone())).unwrap_err();
    assert_eq!(both.last_word(), "room.container");
    let mut bent = container.clone();
    *bent.last_mut().unwrap() ^= 1;
    both.take_in((key, check, bent)).unwrap_err();
    assert_eq!(both.last_word(), "custody.container");
    both.take_in((super::scene::key(99), check, container.clone()))
        .unwrap_err();
    assert_eq!(both.last_word(), "holding.not_in_book");
    // Of another holder.
    let foreign = both.nation.made(slot("3020", Purpose::Load), "01343020");
    both.take_in((foreign, check, container.clone()))
        .unwrap_err();
    assert_eq!(both.last_word(), "holding.holder");
    // By an extract that is too old.
    let old = HoldingAct::TakeIn {
        key,
        transport: both.transport,
        check,
        book: both.now,
    };
    let extract = both.extract();
    both.now = both.now.plus_s(16 * DAY);
    let approval = both.approval(old, &["H-01", "H-02"]);
    let orders = Orders {
        hands: Hands {
            custody: Some(&mut both.custody),
            container: Some(container.clone()),
            ..Hands::default()
        },
        extract: Some(&extract),
    };
    both.holding
        .carry_out(&approval, orders, both.now)
        .unwrap_err();
    assert_eq!(both.last_word(), "holding.book_over");
    assert_eq!(both.held(), [both.transport]);
    // With the transport key suspended, nothing; after that, the key.
    let (transport, cause) = (both.transport, Cause::Misuse);
    both.nation.now = both.now;
    let act = Act::Suspend {
        key: transport,
        cause,
    };
    both.nation.by(act, &["S-01"]).unwrap();
    both.take_in((key, check, container.clone())).unwrap_err();
    assert_eq!(both.last_word(), "room.use");
    let act = Act::Resume { key: transport };
    both.nation.by(act, &["S-01", "S-02"]).unwrap();
    both.take_in((key, check, container)).unwrap();
}

#[test]
fn custodians_come_and_go_and_two_remain() {
    let mut both = Both::founded("custodians");
    let end = |number: &str| HoldingAct::End(OfficerNumber::parse(number).unwrap());
    both.act(end("H-02"), &["H-01", "H-02"]).unwrap_err();
    assert_eq!(both.last_word(), "holding.last_two");
    // The key of one is not another's, also afterwards.
    let twin = Custodian {
        public_key: custodian("H-01").public_key,
        ..custodian("H-03")
    };
    both.act(HoldingAct::Enter(twin), &["H-01", "H-02"])
        .unwrap_err();
    assert_eq!(both.last_word(), "holding.entered");
    both.act(HoldingAct::Enter(custodian("H-03")), &["H-01", "H-02"])
        .unwrap();
    both.act(end("H-02"), &["H-01", "H-02"]).unwrap();
    both.component(&["H-01", "H-02"]).unwrap_err();
    assert_eq!(both.last_word(), "holding.custodian");
    both.act(HoldingAct::Enter(custodian("H-02")), &["H-01", "H-03"])
        .unwrap_err();
    let numbers = both.holding.custodians().iter();
    let numbers: Vec<_> = numbers.map(|c| c.number.as_str().to_owned()).collect();
    assert_eq!(numbers, ["H-01", "H-03"]);
}

#[test]
fn too_many_wrong_passphrases_make_a_custodian_wait_and_no_signature_waits() {
    let mut both = Both::founded("waits");
    let now = both.now;
    let who = custodian("H-01").officer(institution(HOLDER));
    let other = custodian("H-02").officer(institution(HOLDER));
    let wrong = |both: &mut Both| both.holding.report_passphrase(&who, now);
    let waits = |both: &Both, at| both.holding.admit_passphrase(&who, at);
    for _ in 0..FAILURES_MAX {
        assert!(waits(&both, now).is_ok());
        wrong(&mut both).unwrap();
    }
    let until = now.plus_s(WAIT_FIRST_S);
    let refused = HoldingRefusal::Waits {
        officer: who,
        until,
    };
    assert_eq!(waits(&both, now), Err(refused));
    assert_eq!(waits(&both, until), Ok(()));
    assert!(both.holding.admit_passphrase(&other, now).is_ok());
    // What is typed in a wait is not counted, and leaves no line.
    let lines = both.holding.log().tip();
    assert!(wrong(&mut both).is_err());
    assert_eq!(both.holding.log().tip(), lines);
    // The next process knows of the wait.
    let again = Holding::open(both.holding.medium().clone()).unwrap();
    assert!(again.admit_passphrase(&who, now).is_err());
    // After it, the next one doubles the wait.
    both.holding.report_passphrase(&who, until).unwrap();
    let doubled = until.plus_s(2 * WAIT_FIRST_S);
    assert!(waits(&both, doubled.plus_s(-1)).is_err() && waits(&both, doubled).is_ok());
    // A signature made elsewhere holds all the same, and says who it is.
    both.now = until;
    both.act(HoldingAct::Enter(custodian("H-03")), &["H-01", "H-02"])
        .unwrap();
    assert!(waits(&both, until).is_ok());
}

#[test]
fn two_other_custodians_end_a_wait() {
    let mut both = Both::founded("unlock");
    let who = custodian("H-01").officer(institution(HOLDER));
    let unlock = || HoldingAct::Unlock(OfficerNumber::parse("H-01").unwrap());
    both.act(HoldingAct::Enter(custodian("H-03")), &["H-01", "H-02"])
        .unwrap();
    for _ in 0..FAILURES_MAX {
        both.act(unlock(), &["H-02", "H-03"]).unwrap_err();
        assert_eq!(both.last_word(), "holding.no_wait");
        both.holding.report_passphrase(&who, both.now).unwrap();
    }
    both.act(unlock(), &["H-02", "H-01"]).unwrap_err();
    assert_eq!(both.last_word(), "holding.own_wait");
    both.act(unlock(), &["H-02", "H-03"]).unwrap();
    assert!(both.holding.admit_passphrase(&who, both.now).is_ok());
    let again = Holding::open(both.holding.medium().clone()).unwrap();
    assert!(again.admit_passphrase(&who, both.now).is_ok());
}

#[test]
fn every_flipped_byte_of_the_holders_files_is_named() {
    let mut both = Both::founded("flip");
    both.component(&["H-01", "H-02"]).unwrap();
    both.now = both.now.plus_s(DAY);
    both.holding.anchor(&mut both.custody, both.now).unwrap();
    let disk = both.holding.medium().clone();
    for file in File::ALL {
        let whole = disk.bytes(file);
        for at in 0..whole.len() {
            let copy = disk.after_cut(&Survival::Everything);
            let mut bent = whole.clone();
            bent[at] ^= 1 << (at % 8);
            copy.forge(file, bent);
            let error = Holding::open(copy).expect_err(&format!("{}, byte {at}", file.name()));
            let error = error.to_string();
            let known = [file.name(), "steps", "there is no key room here"];
            assert!(
                known.iter().any(|name| error.contains(name)),
                "{}, byte {at}: {error}",
                file.name()
            );
        }
    }
    let whole = both.safe.bytes();
    drop(both.custody);
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 1 << (at % 8);
        both.safe.put(&bent);
        let named = match both.safe.try_state() {
            Ok(state) => both.holding.check_vault(&state).is_err(),
            Err(_) => true,
        };
        assert!(named, "custody, byte {at}");
    }
}

#[test]
fn a_key_cut_off_while_it_comes_in_is_held_or_not_there_at_all() {
    let mut both = Both::founded("cut");
    both.component(&["H-01", "H-02"]).unwrap();
    let (key, check, container) = both.sent(Purpose::Load);
    let act = HoldingAct::TakeIn {
        key,
        transport: both.transport,
        check,
        book: both.now,
    };
    let approval = both.approval(act, &["H-01", "H-02"]);
    let extract = both.extract();
    let before = both.safe.bytes();
    let now = both.now;
    let carry = |holding: &mut Holding<SimMedium>, custody: &mut SealedCustody| {
        let orders = Orders {
            hands: Hands {
                custody: Some(custody),
                container: Some(container.clone()),
                ..Hands::default()
            },
            extract: Some(&extract),
        };
        holding.carry_out(&approval, orders, now)
    };
    let disk = both.holding.medium().after_cut(&Survival::Everything);
    let cost = {
        let copy = disk.after_cut(&Survival::Everything);
        let mut holding = Holding::open(copy.clone()).unwrap();
        let spent = copy.spent();
        carry(&mut holding, &mut both.custody).unwrap();
        copy.spent() - spent
    };
    drop(both.custody);
    let (mut undone, mut done, mut mended) = (0, 0, 0);
    let mut safe = Safe::new("holder-cut-again");
    for units in (0..cost).step_by(3) {
        safe.put(&before);
        let mut custody = safe.open();
        let copy = disk.after_cut(&Survival::Everything);
        let mut holding = Holding::open(copy.clone()).unwrap();
        copy.set_power(units);
        carry(&mut holding, &mut custody).unwrap_err();
        drop(custody);
        let survival = [
            Survival::Nothing,
            Survival::Everything,
            Survival::Prefix(40),
        ];
        let survival = &survival[usize::try_from(units % 3).unwrap()];
        let mut holding = Holding::open(copy.after_cut(survival)).unwrap();
        let mut custody = safe.open();
        holding.check_vault(&custody.state()).unwrap();
        if holding.unfinished().is_some() {
            holding.mend(&mut custody, now).unwrap();
            mended += 1;
        }
        let is_held = holding.held().any(|(held, _)| held == key);
        assert_eq!(is_held, custody.check(key_label(key)).is_ok(), "{units}");
        if is_held {
            done += 1;
        } else {
            undone += 1;
            carry(&mut holding, &mut custody).unwrap();
        }
        holding.check_vault(&custody.state()).unwrap();
    }
    assert!(
        undone > 10 && done > 10 && mended > 10,
        "{undone} {done} {mended}"
    );
}

fn act() -> impl Strategy<Value = HoldingAct> {
    let number = || (1..=u32::MAX).prop_map(key);
    let moment = || any::<i64>().prop_map(Timestamp::new);
    let check = || {
        prop_oneof![
            any::<[u8; 3]>().prop_map(Check::Kcv),
            any::<[u8; 32]>().prop_map(Check::Fingerprint),
        ]
    };
    prop_oneof![
        Just(founding()),
        (number(), check(), moment()).prop_map(|(key, check, book)| HoldingAct::Component {
            key,
            check,
            book
        }),
        (number(), number(), check(), moment()).prop_map(|(key, transport, check, book)| {
            HoldingAct::TakeIn {
                key,
                transport,
                check,
                book,
            }
        }),
        (number(), moment()).prop_map(|(key, book)| HoldingAct::Destroy { key, book }),
        Just(HoldingAct::Enter(custodian("H-03"))),
        Just(HoldingAct::End(OfficerNumber::parse("H-03").unwrap())),
        Just(HoldingAct::Unlock(OfficerNumber::parse("H-03").unwrap())),
        any::<[u8; 33]>().prop_map(HoldingAct::Centre),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_custody_approval_has_one_text_and_comes_back(
        act in act(),
        custody in any::<[u8; 16]>(),
        acts in any::<u64>(),
        until in any::<i64>(),
        by in prop::collection::vec(any::<[u8; 32]>(), 0..3),
        bit in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        prop_assert_eq!(HoldingAct::parse(&act.to_string()), Ok(act.clone()));
        let until = Timestamp::new(until);
        let mut approval = HoldingApproval { custody, acts, until, act, by: Vec::new() };
        for half in by {
            let signature = Signature([half, half].concat().try_into().unwrap());
            approval.by.push((officer("H-01"), signature));
        }
        let text = approval.text();
        prop_assert_eq!(HoldingApproval::parse(&text), Ok(approval.clone()));
        if let Ok(other) = HoldingApproval::parse(&text[..cut.index(text.len())]) {
            prop_assert_ne!(&other, &approval);
        }
        let mut bytes = text.into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(other) = HoldingApproval::parse(&text)
        {
            prop_assert_ne!(other, approval);
        }
    }

    #[test]
    fn no_custody_text_panics(text in "\\PC{0,200}", tail in "[a-z0-9 .\\n]{0,80}") {
        let _ = HoldingAct::parse(&text);
        let _ = HoldingAct::parse(&format!("key.take-in {tail}"));
        let _ = HoldingApproval::parse(&text);
        let _ = HoldingApproval::parse(&format!("Tongtu custody approval 1\n{tail}"));
    }
}
