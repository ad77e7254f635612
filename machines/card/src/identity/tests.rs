//! Commands against state, certificates, tries, and tears.

use tongtu_codec::hex_decode;
use tongtu_identity::Challenge;
use tongtu_types::{InstitutionCode, MediumId, MediumKind};

use super::*;
use crate::bench::{Bench, is_old_or_new};
use crate::journal::ObjectId;
use crate::registry::AppletKind;
use crate::registry::{ISSUER, MEDIUM_ID};

fn medium() -> MediumId {
    let issuer = InstitutionCode::parse("01341000").unwrap();
    MediumId::compose(MediumKind::EMBEDDED, issuer, 26, 17).unwrap()
}

fn blank() -> Bench {
    Bench::installed(AppletKind::Identity, IDENTITY, &[])
}

/// With medium id, key pair and certificate.
fn complete() -> Bench {
    let mut bench = blank();
    bench.put(ObjectId::new(ISSUER, MEDIUM_ID), &medium().to_packed());
    bench.send(&GenerateKeyPair.to_command()).unwrap();
    let certificate = [0xC5; 300];
    bench
        .personalise(&[(group::CERTIFICATE, &certificate)])
        .unwrap();
    bench
}

fn command(hex: &str) -> Command {
    Command::parse(&hex_decode(&hex.replace(' ', "")).unwrap()).unwrap()
}

fn authenticate() -> InternalAuthenticate {
    let challenge = Challenge::new(&[0x11; 16]).unwrap();
    InternalAuthenticate { challenge }
}

fn verify(pin: &[u8]) -> Command {
    let pin = Pin::from_packed(pin);
    Verify { pin }.to_command()
}

#[test]
fn what_the_card_signs_is_its_medium_and_the_challenge() {
    let mut bench = complete();
    let data = |bench: &mut Bench, command: &Command| bench.send(command).unwrap().data;
    let object = DataObject::PublicKey;
    let key = data(&mut bench, &GetData { object }.to_command());
    let key = GetData::read_public_key(&key).unwrap();
    let answer = data(&mut bench, &authenticate().to_command());
    let signature = InternalAuthenticate::answer(&answer).unwrap();
    let challenge = authenticate().challenge;
    assert_eq!(
        proof::verify(&key, &challenge, &medium(), &signature),
        Ok(())
    );
    let other = Challenge::new(&[0x12; 16]).unwrap();
    assert!(proof::verify(&key, &other, &medium(), &signature).is_err());
    let issuer = InstitutionCode::parse("01341000").unwrap();
    let other = MediumId::compose(MediumKind::EMBEDDED, issuer, 26, 18).unwrap();
    assert!(proof::verify(&key, &challenge, &other, &signature).is_err());
}

#[test]
fn only_the_issuer_makes_room_for_another_key() {
    let mut bench = blank();
    let generate = GenerateKeyPair.to_command();
    let first = bench.send(&generate).unwrap().data;
    let before = bench.image();
    assert_eq!(bench.status(&generate), StatusWord::CONDITIONS);
    assert_eq!(bench.image(), before, "no key is made for nothing");
    bench.personalise(&[(group::CERTIFICATE, &[7])]).unwrap();
    bench.personalise(&[(group::KEY_PAIR, &[])]).unwrap();
    for object in [DataObject::PublicKey, DataObject::Certificate] {
        let get = GetData { object }.to_command();
        assert_eq!(bench.status(&get), StatusWord::REFERENCE_NOT_FOUND);
    }
    assert_eq!(
        bench.status(&authenticate().to_command()),
        StatusWord::CONDITIONS
    );
    let second = bench.send(&generate).unwrap().data;
    assert_ne!(first, second);
    let object = DataObject::Certificate;
    let get = GetData { object }.to_command();
    assert_eq!(bench.status(&get), StatusWord::REFERENCE_NOT_FOUND);
    bench.personalise(&[(group::CERTIFICATE, &[1, 2])]).unwrap();
    assert_eq!(bench.send(&get).unwrap().data, [0x7F, 0x21, 2, 1, 2]);
    assert_eq!(bench.status(&generate), StatusWord::CONDITIONS);
    bench.personalise(&[(group::CERTIFICATE, &[3])]).unwrap();
    assert_eq!(bench.send(&get).unwrap().data, [0x7F, 0x21, 1, 3]);
}

#[test]
fn refused_groups_change_nothing() {
    let refused = |bench: &mut Bench, groups: &[(u16, &[u8])], sw| {
        let before = bench.image();
        let answer = bench.personalise(groups);
        assert_eq!(answer, Err(Halt::Status(sw)), "{groups:02X?}");
        assert_eq!(bench.image(), before);
    };
    let (wrong, unknown) = (StatusWord::WRONG_DATA, StatusWord::REFERENCE_NOT_FOUND);
    let good: (u16, &[u8]) = (group::PIN, &[0x12, 0x34]);
    let mut bench = blank();
    let certificate: (u16, &[u8]) = (group::CERTIFICATE, &[1]);
    refused(&mut bench, &[good, certificate], StatusWord::CONDITIONS);
    let mut bench = complete();
    refused(&mut bench, &[good, (group::CERTIFICATE, &[])], wrong);
    refused(&mut bench, &[good, (group::PIN, &[0x12])], wrong);
    refused(&mut bench, &[good, (group::PIN, &[0x12; 7])], wrong);
    for limit in [&[][..], &[0], &[16], &[3, 3]] {
        refused(&mut bench, &[good, (group::PIN_LIMIT, limit)], wrong);
    }
    refused(&mut bench, &[good, (group::KEY_PAIR, &[0])], wrong);
    refused(&mut bench, &[good, (0x8000, &[1])], unknown);
}

/// State, command, status word; nothing changes.
const REFUSED: &str = "
    blank     90460000          6E00  class of another kind
    blank     00460000          6E00  class of GENERATE
    blank     80460100          6A86
    blank     80460001          6A86
    blank     8046000001AA      6700
    complete  8046000000        6985  a key is there
    nameless  8046000000        6985  a key is there, though no certificate
    blank     00CA7F2100        6E00  class of GET DATA
    blank     80CA7F2200        6A86
    blank     80CA004200        6A86
    blank     80CA7F2101AA      6700
    blank     80CA7F2100        6A88  no certificate yet
    blank     80CA7F4900        6A88  no key yet
    blank     80200000021234    6E00  class of VERIFY
    blank     00200001021234    6A86
    blank     00200100021234    6A86
    blank     0020000001AA      6700
    blank     002000000712345612345612 6700
    blank     00200000021234    6A88  no PIN
    blank     00200000          6A88  no PIN to ask about
    pin       00200000          63C3  not verified yet
    blocked   00200000          6983
    blocked   00200000021234    6983  even the right one
    blank     8088000010AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6E00
    blank     8488000010AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6E00
    complete  0088000110AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6A86
    complete  0088010010AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6A86
    complete  0088000000        6700
    complete  008800000FAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6700
    complete  0088000021AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6700
    blank     0088000010AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6985  no key
    pin       0088000010AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6982  PIN not verified
    blocked   0088000010AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6983
    nameless  0088000010AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA00 6A88  no medium id
    blank     00B0950000        6D00
    blank     80E2000000        6D00
    blank     84E2000000        6E00
    blank     04B0950000        6E00
";

fn in_state(name: &str) -> Bench {
    let pin: (u16, &[u8]) = (group::PIN, &[0x12, 0x34]);
    match name {
        "blank" => blank(),
        "complete" => complete(),
        "nameless" => {
            let mut bench = blank();
            bench.send(&GenerateKeyPair.to_command()).unwrap();
            bench
        }
        "pin" => {
            let mut bench = complete();
            bench.personalise(&[pin]).unwrap();
            bench
        }
        "blocked" => {
            let mut bench = complete();
            bench.personalise(&[pin, (group::PIN_LIMIT, &[1])]).unwrap();
            let sw = bench.status(&verify(&[0x99, 0x99]));
            assert_eq!(sw, StatusWord::tries_left(0));
            bench
        }
        other => panic!("no state {other}"),
    }
}

#[test]
fn every_refusal_has_its_status_word_and_changes_nothing() {
    for row in REFUSED.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let mut bench = in_state(words[0]);
        let before = bench.image();
        let sw = bench.status(&command(words[1]));
        assert_eq!(sw.to_string(), words[2], "{row}");
        assert_eq!(bench.image(), before, "{row}");
    }
}

#[test]
fn a_right_pin_opens_until_the_next_selection_and_gives_the_tries_back() {
    let mut bench = in_state("pin");
    let ask = Verify { pin: None }.to_command();
    assert_eq!(bench.status(&verify(&[0x99; 2])), StatusWord::tries_left(2));
    assert_eq!(bench.status(&verify(&[0x12; 3])), StatusWord::tries_left(1));
    assert_eq!(bench.status(&verify(&[0x12, 0x34])), StatusWord::OK);
    assert_eq!(bench.status(&ask), StatusWord::OK);
    let authenticate = authenticate().to_command();
    assert_eq!(bench.status(&authenticate), StatusWord::OK);
    assert_eq!(bench.status(&verify(&[0x99; 2])), StatusWord::tries_left(2));
    assert_eq!(bench.status(&authenticate), StatusWord::SECURITY_STATUS);
    assert_eq!(bench.status(&verify(&[0x12, 0x34])), StatusWord::OK);
    bench.select();
    assert_eq!(bench.status(&ask), StatusWord::tries_left(3));
    assert_eq!(bench.status(&authenticate), StatusWord::SECURITY_STATUS);
    bench.personalise(&[(group::PIN, &[])]).unwrap();
    assert_eq!(bench.status(&authenticate), StatusWord::OK, "no PIN");
}

#[test]
fn a_new_pin_is_not_opened_by_the_old_one() {
    let mut bench = in_state("pin");
    let ask = Verify { pin: None }.to_command();
    assert_eq!(bench.status(&verify(&[0x12, 0x34])), StatusWord::OK);
    bench.personalise(&[(group::PIN, &[0x55, 0x66])]).unwrap();
    let authenticate = authenticate().to_command();
    assert_eq!(bench.status(&authenticate), StatusWord::SECURITY_STATUS);
    assert_eq!(bench.status(&ask), StatusWord::tries_left(3));
    assert_eq!(bench.status(&verify(&[0x55, 0x66])), StatusWord::OK);
    assert_eq!(bench.status(&authenticate), StatusWord::OK);
}

#[test]
fn personalisation_unblocks_a_pin() {
    let mut bench = in_state("blocked");
    bench.personalise(&[(group::PIN, &[0x55, 0x66])]).unwrap();
    assert_eq!(bench.status(&verify(&[0x55, 0x66])), StatusWord::OK);
}

#[test]
fn a_tear_leaves_the_old_key_with_its_certificate_or_none_or_the_new() {
    let bench = complete();
    let replace = |bench: &mut Bench| {
        let _ = bench.personalise(&[(group::KEY_PAIR, &[])]);
        let _ = bench.send(&GenerateKeyPair.to_command());
    };
    let images = bench.torn_everywhere(replace);
    let mut seen = [0, 0, 0];
    for image in &images {
        let of = |number| image.get(&ObjectId::new(crate::bench::OWNER, number));
        let (Some(private), Some(public)) = (of(PRIVATE), of(PUBLIC)) else {
            assert_eq!(
                (of(PRIVATE), of(PUBLIC), of(CERTIFICATE)),
                (None, None, None)
            );
            seen[0] += 1;
            continue;
        };
        let key = SecretKey::from_bytes(private[..].try_into().unwrap()).unwrap();
        assert_eq!(key.public().to_xy(), public[..], "halves of one pair");
        seen[if of(CERTIFICATE).is_some() { 1 } else { 2 }] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn a_tear_leaves_old_or_new_personalisation() {
    let images = complete().torn_everywhere(|bench| {
        let _ = bench.personalise(&[
            (group::CERTIFICATE, &[0xC6; 200]),
            (group::PIN, &[0x12, 0x34, 0x56]),
            (group::PIN_LIMIT, &[5]),
        ]);
    });
    assert!(is_old_or_new(&images));
}

#[test]
fn a_tear_never_saves_a_try() {
    let tries = |image: &crate::bench::Image| {
        let id = ObjectId::new(crate::bench::OWNER, PIN_LEFT);
        image[&id][0]
    };
    let images = in_state("pin").torn_everywhere(|bench| {
        let _ = bench.send(&verify(&[0x99, 0x99]));
    });
    assert!(is_old_or_new(&images));
    assert_eq!(
        (tries(&images[0]), tries(&images[images.len() - 1])),
        (3, 2)
    );
    let mut bench = in_state("pin");
    bench.status(&verify(&[0x99, 0x99]));
    let images = bench.torn_everywhere(|bench| {
        let _ = bench.send(&verify(&[0x12, 0x34]));
    });
    let seen: Vec<u8> = images.iter().map(tries).collect();
    assert_eq!((seen[0], seen[seen.len() - 1]), (2, 3));
    assert!(seen.iter().all(|left| (1..=3).contains(left)));
    assert!(seen.contains(&1), "the try is taken before the comparison");
}
