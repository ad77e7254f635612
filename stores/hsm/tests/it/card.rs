//! Channels to cards: keys of a card's domain and of its applications, against published check values
//! and OpenSSL, and what does not leave.

use tongtu_apdu::select::ISSUER_DOMAIN;
use tongtu_codec::hex_encode;
use tongtu_crypto::{TdesKey, WideCipher, WideKey};
use tongtu_foreign::{openssl, tool};
use tongtu_globalplatform::command::InitializeAnswer;
use tongtu_globalplatform::diversify::{self, Scheme};
use tongtu_globalplatform::key::KeyMaterial;
use tongtu_globalplatform::scp::{
    CardChannel, Offer, OfferInput, Protocol, SecurityLevel, StaticKeys,
};
use tongtu_hsm::{
    CardSession, Custody, CustodyError, DomainKeys, Export, Fill, KeyName, KeyPath, Label, Mark,
    Opening, PairPart, PublicPart, SealedCustody, TestKey,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::fixture::{Stores, label, name};

/// 40 to 4F: what published check values are of.
pub(crate) const MASTER: [u8; 16] = *b"@ABCDEFGHIJKLMNO";
/// 00 to 09.
pub(crate) const CHIP: [u8; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

const PROTOCOLS: [Protocol; 3] = [Protocol::SCP02_15, Protocol::SCP03_70, Protocol::SM4];

const fn algorithm(protocol: Protocol) -> KeyAlgorithm {
    match protocol {
        Protocol::Scp02(_) => KeyAlgorithm::Tdes,
        Protocol::SM4 => KeyAlgorithm::Sm4,
        Protocol::Scp03(_) => KeyAlgorithm::Aes,
    }
}

pub(crate) fn flat(protocol: Protocol, keys: [[u8; 16]; 3]) -> StaticKeys {
    let [enc, mac, dek] = keys;
    let wide = |cipher| {
        let [enc, mac, dek] = keys.map(|key| WideKey::new(cipher, &key).unwrap());
        StaticKeys::Scp03 { enc, mac, dek }
    };
    match algorithm(protocol) {
        KeyAlgorithm::Tdes => StaticKeys::Scp02 {
            enc: TdesKey::new(enc),
            mac: TdesKey::new(mac),
            dek: TdesKey::new(dek),
        },
        KeyAlgorithm::Sm4 => wide(WideCipher::Sm4),
        _ => wide(WideCipher::Aes128),
    }
}

/// A card's answer and the rest of its side.
fn offered(protocol: Protocol, keys: &StaticKeys) -> (Offer, InitializeAnswer) {
    let input = OfferInput {
        keys,
        protocol,
        key_version: 0x30,
        diversification: CHIP,
        counter: 1,
        aid: ISSUER_DOMAIN,
        host_challenge: [7; 8],
    };
    Offer::make(&input, &mut |out: &mut [u8]| out.fill(9)).unwrap()
}

pub(crate) fn opened(
    custody: &dyn Custody,
    keys: DomainKeys<'_>,
    protocol: Protocol,
    card: &StaticKeys,
) -> Result<(CardSession, CardChannel), CustodyError> {
    let (offer, answer) = offered(protocol, card);
    let opening = Opening {
        protocol,
        host_challenge: [7; 8],
        answer: &answer,
        level: SecurityLevel::C_ENC,
    };
    let (session, command) = custody.open_channel(keys, &opening)?;
    Ok((session, offer.authenticate(&command).unwrap()))
}

fn keep(custody: &mut SealedCustody, text: &str, purpose: Purpose, of: KeyAlgorithm) -> Label {
    let name = KeyName {
        bits: 128,
        export: Export::Below,
        ..name(text, purpose, of)
    };
    let key = TestKey::new(MASTER.to_vec());
    custody.import_test(&name, key).unwrap();
    name.label
}

fn by_openssl(of: KeyAlgorithm, block: &[u8]) -> Vec<u8> {
    let cipher = match of {
        KeyAlgorithm::Tdes => "-des-ede",
        KeyAlgorithm::Sm4 => "-sm4-ecb",
        _ => "-aes-128-ecb",
    };
    let key = hex_encode(&MASTER);
    openssl(&["enc", "-e", "-nopad", cipher, "-K", &key], block).unwrap()
}

/// The keys of a card as PUT KEY carries them, read at the card.
fn own_keys(
    custody: &SealedCustody,
    master: Label,
    session: &CardSession,
    card: &CardChannel,
) -> [KeyMaterial; 3] {
    let keys = DomainKeys {
        label: master,
        card: Some(&CHIP),
    };
    let blocks = custody.domain_keys(keys, session).unwrap();
    blocks.map(|block| KeyMaterial::from_block(&block, card.dek()).unwrap())
}

#[test]
fn a_cards_scp02_keys_have_the_published_check_values_and_open_its_channel() {
    let mut stores = Stores::new("card-scp02");
    let mut custody = stores.make(Mark::Test);
    let protocol = Protocol::SCP02_15;
    let of = KeyAlgorithm::Tdes;
    let master = keep(&mut custody, "KMC", Purpose::SecurityDomain, of);
    let lot = DomainKeys {
        label: master,
        card: None,
    };
    let blank = flat(protocol, [MASTER; 3]);
    let (session, card) = opened(&custody, lot, protocol, &blank).unwrap();
    let keys = own_keys(&custody, master, &session, &card);
    let found = keys.map(|key| hex_encode(&key.kcv().unwrap()).to_uppercase());
    assert_eq!(found, ["C33013", "6F4CA6", "BB8179"]);
    let own = diversify::scp02(Scheme::Emv, &TdesKey::new(MASTER), &CHIP);
    let own_card = DomainKeys {
        label: master,
        card: Some(&CHIP),
    };
    assert!(opened(&custody, own_card, protocol, &own).is_ok());
    // Another card's keys, and those of the lot.
    for wrong in [Some(&[1; 10]), None] {
        let keys = DomainKeys {
            label: master,
            card: wrong,
        };
        let refused = opened(&custody, keys, protocol, &own).map(drop);
        assert!(
            matches!(refused, Err(CustodyError::Channel { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn openssl_derives_the_same_keys_of_domains_and_e_cash_cards() {
    if tool("openssl").is_none() {
        return;
    }
    let mut stores = Stores::new("card-openssl");
    let mut custody = stores.make(Mark::Test);
    // 6217000000000000012 with sequence number 00: the last sixteen digits.
    let factor = [0, 0, 0, 0, 0, 0, 0x12, 0];
    let both = [factor, factor.map(|byte: u8| !byte)].concat();
    for protocol in PROTOCOLS {
        let of = algorithm(protocol);
        let text = format!("KMC-{}", of.en().to_uppercase());
        let master = keep(&mut custody, &text, Purpose::SecurityDomain, of);
        let lot = DomainKeys {
            label: master,
            card: None,
        };
        let blank = flat(protocol, [MASTER; 3]);
        let (session, card) = opened(&custody, lot, protocol, &blank).unwrap();
        let keys = own_keys(&custody, master, &session, &card);
        for (number, key) in (1_u8..).zip(&keys) {
            let block = [&CHIP[4..], &[0xF0, number], &CHIP[4..], &[0x0F, number]];
            let expected = by_openssl(of, &block.concat());
            assert_eq!(key.components()[0].1, expected, "{of} {number}");
        }
        if of == KeyAlgorithm::Aes {
            continue;
        }
        let text = format!("MKAC-{}", of.en().to_uppercase());
        let cash = keep(&mut custody, &text, Purpose::CashCryptogram, of);
        let path = KeyPath {
            label: cash,
            factors: &[factor],
        };
        let sealed = custody
            .seal_for(&[path, path], Fill::Bare, &session)
            .unwrap();
        let clear = card.dek().decrypt(&sealed.bytes).unwrap();
        let expected = by_openssl(of, &both);
        assert_eq!(clear[..], [&expected[..], &expected].concat(), "{of}");
    }
}

#[test]
fn what_stays_is_not_sealed_for_a_card_and_what_is_no_domain_key_opens_none() {
    let mut stores = Stores::new("card-stays");
    let mut custody = stores.make(Mark::Test);
    let protocol = Protocol::SCP03_70;
    let of = KeyAlgorithm::Aes;
    let master = keep(&mut custody, "KMC", Purpose::SecurityDomain, of);
    let cash = keep(
        &mut custody,
        "MKAC",
        Purpose::CashCryptogram,
        KeyAlgorithm::Sm4,
    );
    let lot = DomainKeys {
        label: master,
        card: None,
    };
    let blank = flat(protocol, [MASTER; 3]);
    let (session, _) = opened(&custody, lot, protocol, &blank).unwrap();
    // The masters themselves, which leave as what is below them only.
    let refused = custody.domain_keys(lot, &session).map(drop);
    assert!(matches!(refused, Err(CustodyError::Stays { .. })));
    let path = KeyPath::of(cash);
    let refused = custody.seal_for(&[path], Fill::Bare, &session).map(drop);
    assert!(matches!(refused, Err(CustodyError::Stays { .. })));
    let other = DomainKeys {
        label: cash,
        card: None,
    };
    let refused = opened(&custody, other, protocol, &blank).map(drop);
    assert!(matches!(refused, Err(CustodyError::Purpose { .. })));
    let nobody = DomainKeys {
        label: label("NOBODY"),
        card: None,
    };
    let refused = opened(&custody, nobody, protocol, &blank).map(drop);
    assert!(matches!(refused, Err(CustodyError::Unknown { .. })));
}

#[test]
fn a_cards_own_pair_is_readable_at_the_card_only() {
    let mut stores = Stores::new("card-pair");
    let mut custody = stores.make(Mark::Test);
    let protocol = Protocol::SM4;
    let master = keep(
        &mut custody,
        "KMC",
        Purpose::SecurityDomain,
        KeyAlgorithm::Sm4,
    );
    let lot = DomainKeys {
        label: master,
        card: None,
    };
    let (session, card) = opened(&custody, lot, protocol, &flat(protocol, [MASTER; 3])).unwrap();
    let before = custody.list().unwrap().len();
    let pair = custody.make_pair(KeyAlgorithm::Sm2, &session).unwrap();
    let [(PairPart::Sm2, sealed)] = &pair.parts[..] else {
        panic!("one scalar");
    };
    let clear = card.dek().decrypt(sealed).unwrap();
    let scalar = tongtu_crypto::padding::unpad(&clear).unwrap();
    let key = tongtu_crypto::SecretKey::from_bytes(scalar.try_into().unwrap()).unwrap();
    assert_eq!(pair.public, PublicPart::Sm2(key.public().clone()));
    assert_eq!(custody.list().unwrap().len(), before);
    assert!(custody.make_pair(KeyAlgorithm::Sm4, &session).is_err());
}
