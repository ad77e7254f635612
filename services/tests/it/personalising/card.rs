//! A card and a module with keys out of one custody, and a purchase between them.

use tongtu_apdu::select::{Aid, E_PURSE, Select};
use tongtu_apdu::{CardCommand, Command, Response};
use tongtu_card::factory::{Blueprint, Channel, Issuer, KeySet, TRANSPORT_FILE};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_crypto::{Algorithm, SecretKey, WideCipher, WideKey};
use tongtu_globalplatform::command::{
    ForInstall, InitializeUpdate, Install, StoreData, StoreFormat,
};
use tongtu_globalplatform::scp::{HostChannel, Protocol, SecurityLevel, StaticKeys};
use tongtu_hsm::{Custody as _, KeyPath, MacScheme};
use tongtu_keyring::code::KeyAlgorithm;
use tongtu_perso::{Batch, commands};
use tongtu_psam::command::{PURCHASE_DF, SelectFile};
use tongtu_psam::layout::{Permit, PurchaseHead};
use tongtu_psam::{
    CardFactor, CreditRequest, Psam as _, PsamAnswer, PsamIdentity, PsamRequest, PsamSerial,
    PurchaseRequest,
};
use tongtu_purse::command::{CreditForLoad, Debit, InitLoad, InitPurchase};
use tongtu_purse::field::{Amount, Date, DateTime, Institution, Terminal};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::Profile;
use tongtu_sam::{BlankPsam, SoftPsam};
use tongtu_services::personalising::{
    BatchOrder, CardIssuer, PersonalisingError, Scope, SealedGroup, derive_masters,
    found_test_nation, make_batch, purse_key, seal_purse, verify_purchase_tac,
};
use tongtu_types::{InstitutionCode, Timestamp};

use super::{Room, city, label};

/// The card's three keys: whoever personalises has the first two.
const ENC: [u8; 16] = [0x41; 16];
const MAC: [u8; 16] = [0x42; 16];
const DATA: [u8; 16] = [0x43; 16];
/// What the blank modules of a batch have.
const TRANSPORT: [u8; 16] = [0x77; 16];
const AT: DateTime = DateTime([0x20, 0x26, 0x11, 0x26, 0x08, 0x00, 0x00]);
const TERMINAL: Terminal = Terminal([0x10, 0, 0, 0, 0, 1]);

struct Bench {
    card: Card<RamMemory>,
    count: u8,
}

impl Bench {
    /// A card with nothing but its issuer domain and the load files.
    fn blank(channel: Channel) -> Self {
        let keys = KeySet {
            version: 0x30,
            channel,
            keys: [ENC, MAC, DATA].map(Into::into),
        };
        let blueprint = Blueprint {
            issuer: Issuer {
                key_sets: vec![keys],
                ..Issuer::without_keys()
            },
            ..Blueprint::default()
        };
        let memory = RamMemory::new(64 * 1024);
        let card = Card::manufacture(memory, &blueprint, &mut |out: &mut [u8]| out.fill(3));
        Self {
            card: card.unwrap(),
            count: 0,
        }
    }

    fn send(&mut self, command: &Command) -> Response {
        self.count = self.count.wrapping_add(1);
        let count = self.count;
        let mut random = move |out: &mut [u8]| out.fill(count);
        let mut env = Env {
            entropy: &mut random,
            interface: Interface::Contact,
        };
        let answer = self.card.transmit(&mut env, &command.encode().unwrap());
        Response::parse(&answer.unwrap()).unwrap()
    }

    fn ask<C: CardCommand>(&mut self, command: &C) -> C::Answer {
        let answer = self.send(&command.to_command());
        assert!(answer.sw.is_ok(), "{}: {:?}", C::NAME, answer.sw);
        C::answer(&answer.data).unwrap()
    }

    /// Personalises as a centre does that has no data key: its own is a wrong one.
    fn personalise(&mut self, cipher: WideCipher, groups: &[SealedGroup]) -> bool {
        self.send(&Select::by_name([]).to_command());
        let challenge = [8; 8];
        let update = InitializeUpdate {
            key_version: 0,
            key_id: 0,
            host_challenge: challenge,
        };
        let answer = self.ask(&update);
        let key = |bytes: [u8; 16]| WideKey::new(cipher, &bytes).unwrap();
        let keys = StaticKeys::Scp03 {
            enc: key(ENC),
            mac: key(MAC),
            dek: key([0; 16]),
        };
        let protocol = match cipher {
            WideCipher::Sm4 => Protocol::SM4,
            _ => Protocol::SCP03_70,
        };
        let level = SecurityLevel::FULL;
        let (mut host, command) =
            HostChannel::begin(&keys, protocol, &challenge, &answer, level).unwrap();
        assert!(self.send(&command).sw.is_ok());
        let mut order = |command: &Command| {
            let protected = host.protect(command).unwrap();
            let answer = self.send(&protected);
            host.unprotect(&answer).unwrap().sw.is_ok()
        };
        let install = Install::Install(ForInstall {
            load_file: TRANSPORT_FILE,
            module: E_PURSE,
            instance: Some(E_PURSE),
            privileges: vec![0],
            parameters: vec![0xC9, 0],
            token: Vec::new(),
            selectable: true,
            combined: false,
        });
        assert!(order(&install.to_command()));
        let subject: Aid = E_PURSE;
        assert!(order(&Install::Personalization { subject }.to_command()));
        let mut blocks = Vec::new();
        for group in groups {
            let mut data = group.id.to_be_bytes().to_vec();
            match u8::try_from(group.value.len()) {
                Ok(short) if short < 0xFF => data.push(short),
                _ => {
                    data.push(0xFF);
                    data.extend(u16::try_from(group.value.len()).unwrap().to_be_bytes());
                }
            }
            data.extend(&group.value);
            for block in data.chunks(200) {
                blocks.push((group.is_enciphered, block.to_vec()));
            }
        }
        let count = blocks.len();
        let mut is_taken = true;
        for (at, (enciphered, data)) in blocks.into_iter().enumerate() {
            let store = StoreData {
                last: at + 1 == count,
                enciphered,
                application_dependent: false,
                format: StoreFormat::Dgi,
                answer: false,
                number: u8::try_from(at).unwrap(),
                data,
            };
            is_taken &= order(&store.to_command());
        }
        is_taken
    }
}

/// A custody with the test nation, its city, the card's data key and the modules' transport key.
fn room(name: &str, data: KeyAlgorithm) -> Room {
    let mut room = Room::new(name);
    found_test_nation(&mut room.custody).unwrap();
    derive_masters(&mut room.custody, &issuer(), 1).unwrap();
    room.transport("CARD-DATA", data, DATA);
    room.transport("SAM-LOT", KeyAlgorithm::Sm4, TRANSPORT);
    room
}

fn issuer() -> CardIssuer {
    CardIssuer::of(Profile::test().public.issuer).unwrap()
}

fn order(scope: Scope) -> BatchOrder {
    BatchOrder {
        number: 1,
        city: city(),
        sender: InstitutionCode::parse("01011000").unwrap(),
        made_at: Timestamp::new(1_795_000_000),
        scope,
        version: 1,
        transport: label("SAM-LOT"),
        mac2_failures_max: 15,
    }
}

fn identity() -> PsamIdentity {
    let institution = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    PsamIdentity {
        serial: PsamSerial([0x54, 0x54, 0x50, 0x53, 0x41, 0x4D, 0, 0, 0, 1]),
        terminal: TERMINAL,
        key_index: 1,
        issuer: institution,
        receiver: institution,
        starts: Date([0x20, 0x20, 0x01, 0x01]),
        expires: Date([0x20, 0x40, 0x12, 0x31]),
    }
}

/// The module that a personaliser makes of the batch's file.
fn module(room: &Room, scope: Scope) -> SoftPsam<RamMemory> {
    let mut signer = SecretKey::from_bytes(&[7; 32]).unwrap();
    let batch = make_batch(&room.custody, &order(scope), &[identity()]).unwrap();
    let (file, _) = batch.write(&mut signer).unwrap();
    let (batch, _) = Batch::read(&file, signer.public()).unwrap();
    let memory = RamMemory::new(16 * 1024);
    let mut blank = BlankPsam::manufacture(memory, Algorithm::Sm4, TRANSPORT).unwrap();
    for command in commands(&batch.modules[0]).unwrap() {
        let answer = blank.transmit(&command.encode().unwrap()).unwrap();
        assert!(answer.ends_with(&[0x90, 0x00]), "{command:?}");
    }
    blank.into_module().unwrap()
}

/// Ten yuan onto the card: MAC1 verified and MAC2 made where the masters are.
fn load(bench: &mut Bench, room: &Room, profile: &Profile, algorithm: Algorithm) {
    let init = InitLoad {
        key: 1,
        amount: Amount::new(1000),
        terminal: TERMINAL,
    };
    let answer = bench.ask(&init);
    let [a, b, c, d] = answer.random;
    let [e, f] = answer.sequence.to_be_bytes();
    let block = [a, b, c, d, e, f, 0x80, 0x00];
    let factors = [profile.public.serial.factor()];
    let path = KeyPath {
        label: purse_key(&issuer(), KeyUse::Load, 1, algorithm, 1).unwrap(),
        factors: &factors,
    };
    let deal = [&init.amount.bytes()[..], &[InitLoad::KIND.0], &TERMINAL.0].concat();
    let balance = [&answer.balance.bytes()[..], &deal].concat();
    let scheme = MacScheme::Session { block };
    let custody = &room.custody;
    custody
        .verify_mac(path, scheme, &balance, &answer.mac1)
        .unwrap();
    let mac2 = custody.mac(path, scheme, &[&deal[..], &AT.0].concat());
    bench.ask(&CreditForLoad {
        at: AT,
        mac2: mac2.unwrap().try_into().unwrap(),
    });
}

/// Channel and cipher of a card, its data key's algorithm, and its purse's algorithm.
const CARDS: [(Channel, WideCipher, KeyAlgorithm, Algorithm); 2] = [
    (
        Channel::Scp03,
        WideCipher::Aes128,
        KeyAlgorithm::Aes,
        Algorithm::Tdes,
    ),
    (
        Channel::Sm4,
        WideCipher::Sm4,
        KeyAlgorithm::Sm4,
        Algorithm::Sm4,
    ),
];

#[test]
fn a_card_pays_at_a_module_and_the_tac_verifies_where_the_masters_are() {
    for (channel, cipher, data, algorithm) in CARDS {
        let room = room(&format!("pays-{algorithm:?}"), data);
        let profile = Profile::test_with(algorithm);
        let groups = seal_purse(&room.custody, &profile, 1, label("CARD-DATA")).unwrap();
        let mut bench = Bench::blank(channel);
        assert!(bench.personalise(cipher, &groups));
        bench.send(&Select::by_name(E_PURSE.as_bytes()).to_command());
        load(&mut bench, &room, &profile, algorithm);
        let mut module = module(&room, Scope::Nation);
        let init = InitPurchase {
            key: module.identity().key_index,
            amount: Amount::new(200),
            terminal: module.identity().terminal,
        };
        let begun = bench.ask(&init);
        let permit = module.ask(&PsamRequest::Purchase(PurchaseRequest {
            random: begun.random,
            sequence: begun.sequence,
            amount: init.amount,
            kind: InitPurchase::KIND,
            at: AT,
            key_version: begun.key_version,
            algorithm: begun.algorithm,
            card: CardFactor(profile.public.serial.factor()),
            issuer: profile.public.issuer,
        }));
        let Ok(PsamAnswer::Permit {
            terminal_sequence,
            mac1,
        }) = permit
        else {
            panic!("{permit:?}");
        };
        let paid = bench.ask(&Debit {
            terminal_sequence,
            at: AT,
            mac1,
        });
        let credit = CreditRequest {
            terminal_sequence,
            mac2: paid.mac2,
        };
        assert_eq!(
            module.ask(&PsamRequest::Credit(credit)),
            Ok(PsamAnswer::Credited)
        );
        let master = purse_key(&issuer(), KeyUse::Tac, 1, algorithm, 1).unwrap();
        let verify = |sequence, tac| {
            verify_purchase_tac(
                &room.custody,
                master,
                profile.public.serial,
                &init.deal(),
                sequence,
                AT,
                tac,
            )
        };
        verify(terminal_sequence, paid.tac).unwrap();
        assert!(verify(terminal_sequence + 1, paid.tac).is_err());
        let mut other = paid.tac;
        other[3] ^= 1;
        assert!(verify(terminal_sequence, other).is_err());
    }
}

#[test]
fn a_citys_module_vouches_by_the_card_alone_and_for_its_city_only() {
    let mut room = room("city", KeyAlgorithm::Aes);
    let other = Institution([0x01, 0x01, 0x29, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
    let other = CardIssuer::of(other).unwrap();
    derive_masters(&mut room.custody, &other, 1).unwrap();
    let mut module = module(&room, Scope::City);
    let card = Profile::test().public.serial.factor();
    let mut random = |out: &mut [u8]| out.fill(1);
    let mut send = |command: &Command| {
        let answer = module.transmit(&mut random, &command.encode().unwrap());
        Response::parse(&answer.unwrap()).unwrap()
    };
    send(&SelectFile::Id(PURCHASE_DF).to_command());
    let ask = |factors: Vec<[u8; 8]>| {
        let head = PurchaseHead {
            random: [1, 2, 3, 4],
            sequence: 7,
            amount: Amount::new(200),
            kind: InitPurchase::KIND,
            at: AT,
            key_version: 1,
            algorithm: 0x04,
        };
        tongtu_psam::command::InitPurchase { head, factors }.to_command()
    };
    assert!(!send(&ask(vec![card, issuer().id().0])).sw.is_ok());
    let answer = send(&ask(vec![card]));
    let permit = Permit::decode(&answer.data).unwrap();
    let [_, _, a, b] = permit.terminal_sequence.to_be_bytes();
    let scheme = MacScheme::Session {
        block: [1, 2, 3, 4, 0, 7, a, b],
    };
    let message = [
        &Amount::new(200).bytes()[..],
        &[InitPurchase::KIND.0],
        &TERMINAL.0,
        &AT.0,
    ]
    .concat();
    let factors = [card];
    for (issuer, is_its_own) in [(issuer(), true), (other, false)] {
        let path = KeyPath {
            label: purse_key(&issuer, KeyUse::Purchase, 1, Algorithm::Sm4, 1).unwrap(),
            factors: &factors,
        };
        let verified = room
            .custody
            .verify_mac(path, scheme, &message, &permit.mac1);
        assert_eq!(verified.is_ok(), is_its_own);
    }
}

#[test]
fn no_group_of_a_sealed_purse_has_a_cards_key_in_it() {
    for (_, _, data, algorithm) in CARDS {
        let room = room(&format!("sealed-{algorithm:?}"), data);
        let profile = Profile::test_with(algorithm);
        let groups = seal_purse(&room.custody, &profile, 1, label("CARD-DATA")).unwrap();
        let masters: Vec<_> = [Algorithm::Tdes, Algorithm::Sm4]
            .map(tongtu_purse::profile::test_keys)
            .into();
        let card = profile.clone().for_card(profile.public.serial, &masters);
        let mut enciphered = 0;
        for set in &card.key_sets {
            for entry in set.encode().chunks(19) {
                let key = &entry[..16];
                if key.iter().all(|byte| *byte == 0) {
                    continue;
                }
                enciphered += 1;
                for group in &groups {
                    assert!(
                        !group.value.windows(16).any(|part| part == key),
                        "{group:?}"
                    );
                }
            }
        }
        // The further key of each set is in no key group.
        let sealed = groups.iter().filter(|group| group.is_enciphered).count();
        assert_eq!(sealed, enciphered + 2);
    }
}

#[test]
fn keys_sealed_for_another_card_are_refused_by_the_card() {
    let mut room = room("other", KeyAlgorithm::Aes);
    let other = room.transport("OTHER-DATA", KeyAlgorithm::Aes, [0x44; 16]);
    let groups = seal_purse(&room.custody, &Profile::test(), 1, other).unwrap();
    let mut bench = Bench::blank(Channel::Scp03);
    assert!(!bench.personalise(WideCipher::Aes128, &groups));
}

#[test]
fn a_data_key_of_3des_seals_nothing() {
    let room = room("tdes", KeyAlgorithm::Tdes);
    let refused = seal_purse(&room.custody, &Profile::test(), 1, label("CARD-DATA"));
    assert!(matches!(refused, Err(PersonalisingError::DataKey { .. })));
}

#[test]
fn a_batch_has_no_master_in_the_clear_and_a_citys_batch_has_the_citys() {
    let room = room("batch", KeyAlgorithm::Aes);
    let nation = make_batch(&room.custody, &order(Scope::Nation), &[identity()]).unwrap();
    let own = make_batch(&room.custody, &order(Scope::City), &[identity()]).unwrap();
    let check = |text: &str| room.custody.check(label(text)).unwrap().check;
    for (batch, region, levels) in [(&nation, "0000", 2), (&own, "1000", 1)] {
        let first = &batch.modules[0].keys[0];
        assert_eq!(first.levels, levels);
        let expected = check(&format!("{region}-DPK-3DES-1-V1"));
        assert_eq!(tongtu_keyring::Check::Kcv(first.kcv), expected);
        // Purchases 1 and 2, lock, update, internal: in both algorithms.
        assert_eq!(batch.modules[0].keys.len(), 10);
    }
    let mut signer = SecretKey::from_bytes(&[7; 32]).unwrap();
    let (file, _) = nation.write(&mut signer).unwrap();
    for first in [0x10_u8, 0x18, 0xD0, 0xB0, 0x80] {
        let key: Vec<u8> = (first..first + 16).collect();
        assert!(!file.windows(16).any(|part| part == key), "{first:02X}");
    }
}

#[test]
fn a_batch_wants_masters_and_a_transport_key_that_modules_have() {
    let mut room = Room::new("no-batch");
    room.transport("SAM-LOT", KeyAlgorithm::Aes, TRANSPORT);
    let refused = make_batch(&room.custody, &order(Scope::Nation), &[identity()]);
    assert!(matches!(
        refused,
        Err(PersonalisingError::TransportKey { .. })
    ));
    let mut room = Room::new("no-masters");
    room.transport("SAM-LOT", KeyAlgorithm::Sm4, TRANSPORT);
    let refused = make_batch(&room.custody, &order(Scope::City), &[identity()]);
    assert!(matches!(refused, Err(PersonalisingError::NoMasters { .. })));
}
