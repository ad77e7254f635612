//! SE-SW-12, 16, 17: management modes, tokens and their numbers, receipts, DAP.

use tongtu_card::factory::Channel;
use tongtu_crypto::{RsaSecretKey, SecretKey, WideCipher, WideKey, sha2};
use tongtu_globalplatform::command::{Delete, ForInstall, ForLoad, Install, TokenControl};
use tongtu_globalplatform::key::KeyMaterial;
use tongtu_globalplatform::load_file::{Block, Dap, LoadFile};
use tongtu_globalplatform::receipt::{self, Operation};
use tongtu_globalplatform::{signature, token};

use super::content::{applet_file, load};
use super::keys::{aes, put, tdes};
use super::office::{Office, aid, hex, keys, test_keys};
use crate::tear::Dice;

const PROVIDER: &str = "D4D4D4D4D4010101";
const APP: &str = "A0000006320101F1";
const TRANSPORT: &str = "A0000006320101";

fn sign(key: &KeyMaterial, input: &[u8]) -> Vec<u8> {
    let mut dice = Dice::new();
    signature::sign(key, input, &mut |out: &mut [u8]| dice.fill(out)).unwrap()
}

/// What signs on one side and verifies on the other.
fn pairs() -> Vec<(KeyMaterial, KeyMaterial)> {
    let mut dice = Dice::new();
    let mut entropy = |out: &mut [u8]| dice.fill(out);
    let mut rsa = |bits| {
        let secret = RsaSecretKey::generate(bits, &mut entropy).unwrap();
        let public = KeyMaterial::RsaPublic(secret.public().clone());
        (KeyMaterial::RsaSecret(Box::new(secret)), public)
    };
    let (short, long) = (rsa(1024), rsa(2048));
    let sm2 = SecretKey::from_bytes(&[0x21; 32]).unwrap();
    let point = KeyMaterial::Sm2Public(sm2.public().clone());
    let sm4 = || KeyMaterial::Wide(WideKey::new(WideCipher::Sm4, &[4; 16]).unwrap());
    vec![
        (tdes(0x71), tdes(0x71)),
        (aes(0x72), aes(0x72)),
        (sm4(), sm4()),
        short,
        long,
        (KeyMaterial::Sm2Secret(sm2), point),
    ]
}

/// A card whose issuer domain verifies tokens and makes receipts, with a domain of delegated
/// management that has keys of its own; its channel is open.
fn delegated(verify: KeyMaterial, receipts: KeyMaterial) -> Office {
    let mut office = Office::new();
    let command = put(&office, 0, 0x70, 1, &[verify]);
    assert_eq!(office.typed(&command).1, 0x9000);
    let command = put(&office, 0, 0x71, 1, &[receipts]);
    assert_eq!(office.typed(&command).1, 0x9000);
    office.make_domain(PROVIDER, "A0");
    enter(&mut office);
    let command = put(&office, 0, 0x30, 1, &[aes(6), aes(6), aes(6)]);
    assert_eq!(office.typed(&command).1, 0x9000);
    enter(&mut office);
    office
}

/// Opens the provider's channel.
fn enter(office: &mut Office) {
    assert_eq!(office.select(&hex(PROVIDER)), 0x9000);
    if office
        .open(0x30, &keys(Channel::Scp03, &[6; 16]), 0x33)
        .is_err()
    {
        office.open(0, &test_keys(Channel::Scp03), 0x33).unwrap();
    }
}

fn install(number: Option<u8>) -> Install {
    let mut parameters = hex("C900");
    if let Some(number) = number {
        let control = TokenControl {
            sd_id: Some(hex("90958101")),
            image_number: Some(hex("00000001")),
            number: Some(vec![0, number]),
            ..TokenControl::default()
        };
        parameters.extend(control.encode());
    }
    Install::Install(ForInstall {
        load_file: aid(TRANSPORT),
        module: aid(APP),
        instance: Some(aid(APP)),
        privileges: vec![0],
        parameters,
        token: Vec::new(),
        selectable: true,
        combined: false,
    })
}

fn with_token(install: Install, key: &KeyMaterial) -> Install {
    let token = sign(key, &token::for_install(&install));
    install.with_token(token)
}

#[track_caller]
fn sw(office: &mut Office, install: &Install) -> String {
    let before = office.image();
    let (data, sw) = office.typed(install);
    if sw != 0x9000 {
        assert!(data.is_empty() && office.image() == before);
    }
    format!("{sw:04X}")
}

#[test]
fn tokens_of_every_key_are_verified_and_receipts_prove_what_was_done() {
    for ((signer, verifier), (receipt_key, receipt_verifier)) in pairs().into_iter().zip(pairs()) {
        let mut office = delegated(verifier, receipt_key);
        let plain = install(None);
        assert_eq!(sw(&mut office, &plain), "6982", "no token");
        let good = with_token(plain.clone(), &signer);
        let mut bad = good.token().to_vec();
        *bad.last_mut().unwrap() ^= 1;
        assert_eq!(sw(&mut office, &plain.clone().with_token(bad)), "6982");
        let Install::Install(mut other) = good.clone() else {
            unreachable!()
        };
        other.privileges = vec![4];
        assert_eq!(sw(&mut office, &Install::Install(other)), "6982");
        let (answer, status) = office.typed(&good);
        assert_eq!(status, 0x9000);
        let confirmation = receipt::read(&answer).unwrap().expect("a receipt");
        assert_eq!(confirmation.data.counter, 1);
        assert_eq!(confirmation.data.sd_unique, hex("9095810100000001"));
        let operation = Operation::Install {
            load_file: aid(TRANSPORT),
            instance: aid(APP),
        };
        let input = receipt::input(&confirmation.data, &operation);
        signature::verify(&receipt_verifier, &input, &confirmation.receipt).unwrap();
        // Made from the issuer's package, it belongs there; extradition brings it over.
        let extradition = with_token(
            Install::Extradition {
                domain: aid(PROVIDER),
                subject: aid(APP),
                parameters: Vec::new(),
                token: Vec::new(),
            },
            &signer,
        );
        assert_eq!(
            sw(&mut office, &extradition),
            "6982",
            "it is not the provider's to take"
        );
        office.login();
        let own = extradition.with_token(Vec::new());
        assert_eq!(sw(&mut office, &own), "9000");
        enter(&mut office);
        let mut delete = Delete::object(aid(APP));
        delete.token = sign(&signer, &token::for_delete(&delete));
        let (answer, status) = office.typed(&delete);
        assert_eq!(status, 0x9000);
        let confirmation = receipt::read(&answer).unwrap().expect("a receipt");
        assert_eq!(confirmation.data.counter, 2);
        let operation = Operation::Delete { subject: aid(APP) };
        let input = receipt::input(&confirmation.data, &operation);
        signature::verify(&receipt_verifier, &input, &confirmation.receipt).unwrap();
    }
}

#[test]
fn a_token_with_a_number_is_taken_once_and_for_its_domain() {
    let mut office = delegated(aes(1), aes(2));
    let remove = |office: &mut Office| {
        office.login();
        assert_eq!(office.typed(&Delete::object(aid(APP))).1, 0x9000);
        enter(office);
    };
    for (number, expected) in [(5, "9000"), (5, "6985"), (4, "6985"), (6, "9000")] {
        let command = with_token(install(Some(number)), &aes(1));
        assert_eq!(sw(&mut office, &command), expected, "{number}");
        if expected == "9000" {
            remove(&mut office);
        }
    }
    let Install::Install(mut foreign) = install(Some(7)) else {
        unreachable!()
    };
    let control = TokenControl {
        sd_id: Some(hex("11111111")),
        number: Some(vec![7]),
        ..TokenControl::default()
    };
    foreign.parameters = [hex("C900"), control.encode()].concat();
    let command = with_token(Install::Install(foreign), &aes(1));
    assert_eq!(sw(&mut office, &command), "6982");
    // A refused operation does not use up its token.
    let token = with_token(install(Some(8)), &aes(1));
    let Install::Install(mut missing) = token.clone() else {
        unreachable!()
    };
    missing.module = aid("A0000006320101FF");
    missing.token.clear();
    let missing = with_token(Install::Install(missing), &aes(1));
    assert_eq!(sw(&mut office, &missing), "6A88");
    assert_eq!(sw(&mut office, &token), "9000");
}

#[test]
fn without_a_token_key_nothing_is_delegated() {
    let mut office = Office::new();
    office.make_domain(PROVIDER, "A0");
    enter(&mut office);
    let command = with_token(install(None), &aes(1));
    assert_eq!(sw(&mut office, &command), "6985");
}

#[test]
fn authorised_and_general_domains_need_and_take_no_token() {
    for (privileges, expected, with) in [("80C000", "9000", "6985"), ("80", "6982", "6982")] {
        let mut office = Office::new();
        let command = put(&office, 0, 0x70, 1, &[aes(1)]);
        office.typed(&command);
        office.make_domain(PROVIDER, privileges);
        enter(&mut office);
        let command = with_token(install(None), &aes(1));
        assert_eq!(sw(&mut office, &command), with);
        assert_eq!(sw(&mut office, &install(None)), expected);
        // What belongs to others is out of reach.
        let (_, status) = office.typed(&Delete::object(aid(TRANSPORT)));
        assert_eq!(status, 0x6982);
        // A domain under it is its own, and the list shows no more.
        if expected == "9000" {
            office.make_domain("D4D4D4D4D4010199", "80");
            assert_eq!(office.state("D4D4D4D4D4010199").unwrap().1, PROVIDER);
            assert_eq!(office.state(APP), None);
            office.refused("80F28002", &hex("4F00"), 0x6A88);
        }
    }
}

fn dap(signer: &KeyMaterial, hash: &[u8], domain: &str) -> Dap {
    Dap {
        domain: aid(domain),
        signature: sign(signer, hash),
    }
}

#[test]
fn a_load_carries_the_signatures_that_domains_demand() {
    const WARDEN: &str = "D4D4D4D4D4010103";
    for (signer, verifier) in pairs() {
        let code = applet_file(&["D0D1D2D3D4D50101"], 100);
        let hash = sha2::sha256(&code);
        let mut office = Office::new();
        office.make_domain(WARDEN, "C1");
        let try_load = |office: &mut Office, hash: &[u8], daps: Vec<Dap>| {
            office.login();
            let begin = Install::Load(ForLoad {
                load_file: aid("D0D1D2D3D4D501"),
                domain: None,
                hash: hash.to_vec(),
                parameters: Vec::new(),
                token: Vec::new(),
                combined: false,
            });
            assert_eq!(office.typed(&begin).1, 0x9000);
            let image = office.image();
            let file = LoadFile {
                daps,
                block: Block::Plain(&code),
            };
            let sw = load(office, &file.encode(), 200).1;
            assert!(sw == 0x9000 || office.image() == image);
            format!("{sw:04X}")
        };
        let good = || dap(&signer, &hash, WARDEN);
        // It has no key yet.
        assert_eq!(try_load(&mut office, &hash, vec![good()]), "6985");
        office.select(&hex(WARDEN));
        office.open(0, &test_keys(Channel::Scp03), 0x33).unwrap();
        let command = put(&office, 0, 0x73, 1, &[verifier]);
        assert_eq!(office.typed(&command).1, 0x9000);
        assert_eq!(try_load(&mut office, &hash, vec![]), "6982");
        assert_eq!(try_load(&mut office, &[], vec![good()]), "6A80");
        let stranger = dap(&signer, &hash, PROVIDER);
        assert_eq!(try_load(&mut office, &hash, vec![stranger, good()]), "6A88");
        let mut bad = good();
        *bad.signature.last_mut().unwrap() ^= 1;
        assert_eq!(try_load(&mut office, &hash, vec![bad]), "6982");
        let other = dap(&signer, &[0; 32], WARDEN);
        assert_eq!(try_load(&mut office, &hash, vec![other]), "6982");
        assert_eq!(try_load(&mut office, &hash, vec![good()]), "9000");
    }
}

#[test]
fn a_delegated_load_has_a_token_a_hash_and_a_receipt() {
    let mut office = delegated(aes(1), aes(2));
    let code = applet_file(&["D0D1D2D3D4D50101"], 100);
    let begin = |hash: &[u8]| {
        Install::Load(ForLoad {
            load_file: aid("D0D1D2D3D4D501"),
            domain: Some(aid(PROVIDER)),
            hash: hash.to_vec(),
            parameters: Vec::new(),
            token: Vec::new(),
            combined: false,
        })
    };
    let file = LoadFile {
        daps: Vec::new(),
        block: Block::Plain(&code),
    };
    assert_eq!(sw(&mut office, &with_token(begin(&[]), &aes(1))), "6A80");
    assert_eq!(sw(&mut office, &begin(&sha2::sha256(&code))), "6982");
    let good = with_token(begin(&sha2::sha256(&code)), &aes(1));
    assert_eq!(sw(&mut office, &good), "9000");
    let (answer, status) = load(&mut office, &file.encode(), 150);
    assert_eq!(status, 0x9000);
    let confirmation = receipt::read(&answer).unwrap().expect("a receipt");
    let operation = Operation::Load {
        load_file: aid("D0D1D2D3D4D501"),
        domain: aid(PROVIDER),
    };
    let input = receipt::input(&confirmation.data, &operation);
    signature::verify(&aes(2), &input, &confirmation.receipt).unwrap();
    office.login();
    assert_eq!(office.done("80CA00C2", &[]), [0xC2, 2, 0, 1]);
}

#[test]
fn a_combined_load_and_install_has_one_token_over_both() {
    let mut office = delegated(aes(1), aes(2));
    let code = applet_file(&["D0D1D2D3D4D50101"], 100);
    let begin = Install::Load(ForLoad {
        load_file: aid("D0D1D2D3D4D501"),
        domain: Some(aid(PROVIDER)),
        hash: sha2::sha256(&code).to_vec(),
        parameters: Vec::new(),
        token: Vec::new(),
        combined: true,
    });
    let end = Install::Install(ForInstall {
        load_file: aid("D0D1D2D3D4D501"),
        module: aid("D0D1D2D3D4D50101"),
        instance: None,
        privileges: vec![0],
        parameters: hex("C900"),
        token: Vec::new(),
        selectable: true,
        combined: true,
    });
    let file = LoadFile {
        daps: Vec::new(),
        block: Block::Plain(&code),
    };
    let token = sign(&aes(1), &token::for_combined(&begin, &end));
    for (token, expected) in [(vec![0; 16], "6982"), (token, "9000")] {
        assert_eq!(sw(&mut office, &begin), "9000");
        assert_eq!(load(&mut office, &file.encode(), 150).1, 0x9000);
        assert_eq!(sw(&mut office, &end.clone().with_token(token)), expected);
    }
    assert_eq!(office.state("D0D1D2D3D4D50101").unwrap().1, PROVIDER);
}

/// INSTALL [for load] and [for install and make selectable] of one combined operation, no tokens.
fn combined(hash: &[u8], installed_from: &str) -> (Install, Install) {
    let begin = Install::Load(ForLoad {
        load_file: aid("D0D1D2D3D4D501"),
        domain: None,
        hash: hash.to_vec(),
        parameters: Vec::new(),
        token: Vec::new(),
        combined: true,
    });
    let end = Install::Install(ForInstall {
        load_file: aid(installed_from),
        module: aid("D0D1D2D3D4D50101"),
        instance: None,
        privileges: vec![0],
        parameters: hex("C900"),
        token: Vec::new(),
        selectable: true,
        combined: true,
    });
    (begin, end)
}

#[test]
fn a_combined_token_is_over_the_code_too() {
    let mut office = delegated(aes(1), aes(2));
    let (begin, _) = combined(&[], "D0D1D2D3D4D501");
    assert_eq!(sw(&mut office, &begin), "6A80", "no hash");
    let (begin, _) = combined(&[7; 32], "D0D1D2D3D4D501");
    let early = with_token(begin.clone(), &aes(1));
    assert_eq!(
        sw(&mut office, &early),
        "6985",
        "the token comes at the end"
    );
    assert_eq!(sw(&mut office, &begin), "9000");
}

#[test]
fn a_combined_operation_installs_from_what_it_loads() {
    let code = applet_file(&["D0D1D2D3D4D50101"], 100);
    let mut office = Office::new();
    for (from, expected) in [(TRANSPORT, "6A80"), ("D0D1D2D3D4D501", "9000")] {
        let (begin, end) = combined(&[], from);
        assert_eq!(sw(&mut office, &begin), "9000");
        let file = LoadFile {
            daps: Vec::new(),
            block: Block::Plain(&code),
        };
        assert_eq!(load(&mut office, &file.encode(), 150).1, 0x9000);
        assert_eq!(sw(&mut office, &end), expected, "{from}");
    }
}

#[test]
fn a_token_covers_the_fields_in_the_form_that_they_came_in() {
    let mut office = delegated(aes(1), aes(2));
    let mut covered =
        hex("0C0027 07A0000006320101 08A0000006320101F1 8108A0000006320101F1 0100 8102C900");
    covered[2] = u8::try_from(covered.len() - 3).unwrap();
    let token = sign(&aes(1), &covered);
    let data = [&covered[3..], &[16], &token[..]].concat();
    assert_eq!(office.say("80E60C00", &data).1, 0x9000);
}

#[test]
fn what_a_domain_does_to_itself_is_confirmed_by_the_one_it_was_below() {
    let mut office = delegated(aes(1), aes(2));
    let away = Install::Extradition {
        domain: aid(PROVIDER),
        subject: aid(PROVIDER),
        parameters: Vec::new(),
        token: Vec::new(),
    };
    let (answer, status) = office.typed(&with_token(away, &aes(1)));
    assert_eq!(status, 0x9000);
    assert!(receipt::read(&answer).unwrap().is_some());

    let mut office = delegated(aes(1), aes(2));
    let mut delete = Delete::object(aid(PROVIDER));
    delete.token = sign(&aes(1), &token::for_delete(&delete));
    let (answer, status) = office.typed(&delete);
    assert_eq!(status, 0x9000);
    let confirmation = receipt::read(&answer).unwrap().expect("a receipt");
    let operation = Operation::Delete {
        subject: aid(PROVIDER),
    };
    let input = receipt::input(&confirmation.data, &operation);
    signature::verify(&aes(2), &input, &confirmation.receipt).unwrap();
}
