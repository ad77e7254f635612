//! Papers: one text each, and none that does not hold.

use alloc::string::ToString as _;

use proptest::prelude::*;
use tongtu_crypto::{Algorithm, RsaSecretKey, SecretKey};
use tongtu_types::CardNumber;

use super::*;
use crate::oda::{SigningKey, rsa, sm2};
use crate::test_card;

const ALGORITHMS: [Algorithm; 2] = [Algorithm::Tdes, Algorithm::Sm4];

fn entropy() -> impl FnMut(&mut [u8]) {
    let mut count = 0_u8;
    move |out: &mut [u8]| {
        for byte in out {
            count = count.wrapping_add(37);
            *byte = count;
        }
    }
}

fn sign(key: &SigningKey, body: &[u8]) -> Vec<u8> {
    match key {
        SigningKey::Rsa(key) => RsaSecretKey::sign_pss_sha256(key, body, &mut entropy()),
        SigningKey::Sm2(key) => SecretKey::sign(key, body).0.to_vec(),
    }
}

fn head(text: &str) -> NumberHead {
    text.parse().unwrap()
}

fn application(algorithm: Algorithm) -> IssuerApplication {
    let key = test_card::issuer(algorithm, &mut entropy()).key;
    let issuer = InstitutionCode::parse("01343010").unwrap();
    let wanted = (head("6217001"), "1235".parse().unwrap());
    IssuerApplication::made_by((true, issuer), wanted, key.public(), |body| {
        Ok::<_, ()>(sign(&key, body))
    })
    .unwrap()
}

/// The test authority's certificate of the test issuer, as a paper.
fn certificate(algorithm: Algorithm) -> (IssuerPaper, Authority) {
    let issuer = test_card::issuer(algorithm, &mut entropy());
    let element = |tag| issuer.certificate.get(&tag).cloned();
    let authority = test_card::authorities().into_iter().find(|authority| {
        Some(&Vec::from([authority.index])) == issuer.certificate.get(&tag::CA_INDEX)
    });
    let paper = IssuerPaper {
        is_test: true,
        issuer: InstitutionCode::parse("01343010").unwrap(),
        head: head("621700"),
        expires: "1240".parse().unwrap(),
        serial: [0, 0, 1],
        index: authority.as_ref().unwrap().index,
        certificate: element(tag::ISSUER_CERTIFICATE).unwrap(),
        rest: element(tag::ISSUER_REMAINDER).zip(element(tag::ISSUER_EXPONENT)),
    };
    (paper, authority.unwrap())
}

fn authority(algorithm: Algorithm) -> AuthorityPaper {
    AuthorityPaper {
        is_test: true,
        rid: RID,
        version: 3,
        expires: BusinessDay::parse_compact("20351231").unwrap(),
        authority: certificate(algorithm).1,
    }
}

const MADE: Timestamp = Timestamp::new(1_795_000_000);

fn revocations(algorithm: Algorithm) -> RevocationPaper {
    let serials = [[0, 0, 1], [0, 0, 9], [1, 0, 0]];
    test_card::revocations(algorithm, (7, MADE), &serials, &mut entropy())
}

/// A text of each kind in both algorithms, with what reads it and writes it again.
type Reread = fn(&str) -> Option<String>;
fn texts() -> Vec<(String, Reread)> {
    let mut out: Vec<(String, Reread)> = Vec::new();
    for algorithm in ALGORITHMS {
        out.push((application(algorithm).text(), |text| {
            IssuerApplication::parse(text)
                .ok()
                .map(|paper| paper.text())
        }));
        out.push((certificate(algorithm).0.text(), |text| {
            IssuerPaper::parse(text).ok().map(|paper| paper.text())
        }));
        out.push((authority(algorithm).text(), |text| {
            AuthorityPaper::parse(text).ok().map(|paper| paper.text())
        }));
        out.push((revocations(algorithm).text(), |text| {
            RevocationPaper::parse(text).ok().map(|paper| paper.text())
        }));
    }
    out
}

#[test]
fn every_paper_comes_back() {
    for algorithm in ALGORITHMS {
        let made = application(algorithm);
        assert_eq!(IssuerApplication::parse(&made.text()), Ok(made.clone()));
        assert_eq!(IssuerApplication::parse_words(&made.words()), Ok(made));
        let (made, _) = certificate(algorithm);
        assert_eq!(IssuerPaper::parse(&made.text()), Ok(made));
        let made = authority(algorithm);
        assert_eq!(AuthorityPaper::parse(&made.text()), Ok(made));
        let made = revocations(algorithm);
        assert_eq!(RevocationPaper::parse(&made.text()), Ok(made));
    }
}

#[test]
fn a_list_of_revocations_holds_under_its_own_authority_alone() {
    let (rsa, sm2) = (Algorithm::Tdes, Algorithm::Sm4);
    for (algorithm, other) in [(rsa, sm2), (sm2, rsa)] {
        let (list, own) = (revocations(algorithm), certificate(algorithm).1);
        assert_eq!(list.verify(&own), Ok(()));
        let (found, expected) = (own.index, certificate(other).1.index);
        let refused = PaperError::OtherAuthority { found, expected };
        assert_eq!(list.verify(&certificate(other).1), Err(refused));
        let mut forged = list.clone();
        forged.revoked.remove(&[0, 0, 9]);
        let forged = RevocationPaper::parse(&forged.text()).unwrap();
        assert_eq!(forged.verify(&own), Err(PaperError::Signature));
        let mut forged = list;
        forged.version += 1;
        assert_eq!(forged.verify(&own), Err(PaperError::Signature));
    }
}

#[test]
fn a_certificate_that_is_over_falls_out_of_the_list() {
    let months = [
        ([0, 0, 1], "1026"),
        ([0, 0, 2], "1126"),
        ([0, 0, 3], "1226"),
    ];
    let months = months.map(|(serial, month)| (serial, month.parse().unwrap()));
    let made = RevocationPaper::made_by((true, RID, 3), (1, MADE), months.into(), |_| {
        Ok::<_, ()>(Vec::new())
    });
    // MADE is in November 2026.
    let left: Vec<_> = made.unwrap().revoked.into_keys().collect();
    assert_eq!(left, [[0, 0, 2], [0, 0, 3]]);
}

#[test]
fn every_flipped_bit_of_a_list_of_revocations_is_named_by_its_line() {
    for algorithm in ALGORITHMS {
        let (text, own) = (revocations(algorithm).text(), certificate(algorithm).1);
        let last = text.lines().count();
        let mut line = 1;
        for (at, byte) in text.bytes().enumerate() {
            for bit in 0..8 {
                let mut other = text.clone().into_bytes();
                other[at] ^= 1 << bit;
                let read = text_of(&other).and_then(RevocationPaper::parse);
                let named = match read.and_then(|list| list.verify(&own)) {
                    Err(PaperError::Changed { line } | PaperError::Line { line, .. }) => line,
                    // Capital digits are another writing; all other lines have sums.
                    Err(PaperError::Signature | PaperError::Writing) => last,
                    other => panic!("byte {at} bit {bit}: {other:?}"),
                };
                assert_eq!(named, line, "byte {at} bit {bit}");
            }
            line += usize::from(byte == b'\n');
        }
    }
}

#[test]
fn an_application_with_another_keys_proof_is_none() {
    let (rsa, sm2) = (application(Algorithm::Tdes), application(Algorithm::Sm4));
    let mut other = sm2.clone();
    let key = SecretKey::from_bytes(&[9; 32]).unwrap();
    other.key = VerifyingKey::Sm2(key.public().clone());
    let mut of_rsa = sm2.clone();
    of_rsa.proof = rsa.proof;
    let mut more = sm2;
    more.head = head("621");
    for forged in [other, of_rsa, more] {
        let read = IssuerApplication::parse(&forged.text());
        assert_eq!(read, Err(PaperError::Proof));
    }
}

#[test]
fn a_certificate_holds_under_its_authority_and_says_what_it_says() {
    for algorithm in ALGORITHMS {
        let (paper, authority) = certificate(algorithm);
        let opened = paper.verify(&authority).unwrap();
        let key = test_card::issuer(algorithm, &mut entropy()).key.public();
        assert_eq!(opened.key, key);
        let verdict = |change: &dyn Fn(&mut IssuerPaper)| {
            let mut changed = paper.clone();
            change(&mut changed);
            changed.verify(&authority).unwrap_err()
        };
        let layer = Layer::Issuer;
        let subject = OdaError::Subject { layer };
        assert_eq!(verdict(&|paper| paper.head = head("621701")), subject);
        assert_eq!(verdict(&|paper| paper.serial = [0, 0, 2]), subject);
        let later = "1241".parse().unwrap();
        assert_eq!(verdict(&|paper| paper.expires = later), subject);
        let index = OdaError::UnknownAuthority { index: 9 };
        assert_eq!(verdict(&|paper| paper.index = 9), index);
        let what = "algorithm";
        let form = OdaError::Form { layer, what };
        let turn = |paper: &mut IssuerPaper| {
            paper.rest = match paper.rest {
                Some(_) => None,
                None => Some((Vec::new(), Vec::from([3]))),
            };
        };
        assert_eq!(verdict(&turn), form);
    }
}

#[test]
fn the_elements_of_a_paper_are_those_of_the_card() {
    for algorithm in ALGORITHMS {
        let issuer = test_card::issuer(algorithm, &mut entropy());
        assert_eq!(certificate(algorithm).0.elements(), issuer.certificate);
    }
}

#[test]
fn an_authoritys_key_with_another_check_value_is_none() {
    for algorithm in ALGORITHMS {
        let text = authority(algorithm).text();
        // The lines before the sums, which whoever forges makes anew.
        let (body, _) = text.split_once("sums ").unwrap();
        let (before, check) = body.split_once("check ").unwrap();
        let other = if check.starts_with('0') { "1" } else { "0" };
        let forged = lines::with_sums(format!("{before}check {other}{}", &check[1..]));
        assert_eq!(AuthorityPaper::parse(&forged), Err(PaperError::Check));
        // Of another index it is another key.
        let index = authority(algorithm).authority.index;
        let forged = body.replace(&format!("index {index:02x}"), "index 7f");
        let forged = AuthorityPaper::parse(&lines::with_sums(forged));
        assert_eq!(forged, Err(PaperError::Check));
    }
}

#[test]
fn every_flipped_bit_of_an_authoritys_paper_is_named_by_its_line() {
    for algorithm in ALGORITHMS {
        let text = authority(algorithm).text();
        let mut line = 1;
        for (at, byte) in text.bytes().enumerate() {
            for bit in 0..8 {
                let mut other = text.clone().into_bytes();
                other[at] ^= 1 << bit;
                let read = text_of(&other).and_then(AuthorityPaper::parse);
                let named = match read {
                    Err(PaperError::Changed { line } | PaperError::Line { line, .. }) => line,
                    other => panic!("byte {at} bit {bit}: {other:?}"),
                };
                assert_eq!(named, line, "byte {at} bit {bit}");
            }
            line += usize::from(byte == b'\n');
        }
    }
}

/// Whoever writes a reader elsewhere has this.
#[test]
fn the_sums_of_a_paper_are_the_first_bytes_of_sm3_over_each_line() {
    let text = lines::with_sums("abc\n".into());
    let of_line = hex_encode(&sm3::digest(b"abc\n")[..4]);
    let of_sums = hex_encode(&sm3::digest(of_line.as_bytes())[..4]);
    assert_eq!(text, format!("abc\nsums {of_line} {of_sums}\n"));
    assert_eq!(lines::check_sums(&text), Ok(()));
}

#[test]
fn heads_cover_and_meet() {
    let number = CardNumber::parse(test_card::NUMBER).unwrap();
    for (text, covers) in [("621", true), ("62170000", true), ("6218", false)] {
        assert_eq!(head(text).covers(&number), covers, "{text}");
        assert_eq!(head(text).to_string(), text);
        assert_eq!(NumberHead::of(head(text).bytes()), Ok(head(text)));
    }
    assert_eq!(head("62170").bytes(), [0x62, 0x17, 0x0F, 0xFF]);
    assert!(head("6217").meets(head("62170000")) && head("62170000").meets(head("6217")));
    assert!(!head("62170000").meets(head("62170001")));
    for text in ["", "62", "621700000", "62a", "６２１"] {
        assert!(text.parse::<NumberHead>().is_err(), "{text}");
    }
    for bytes in [
        [0xFF; 4],
        [0x62, 0xF7, 0xFF, 0xFF],
        [0x62, 0xFF, 0xFF, 0xFF],
    ] {
        assert!(NumberHead::of(bytes).is_err(), "{bytes:02X?}");
    }
}

#[test]
fn what_an_authority_signs_elsewhere_is_what_it_signs_itself() {
    let (key, rsa_issuer) = (
        SecretKey::from_bytes(&[5; 32]).unwrap(),
        test_card::issuer(Algorithm::Tdes, &mut entropy()).key,
    );
    let SigningKey::Rsa(by) = &rsa_issuer else {
        panic!("the set has RSA");
    };
    let VerifyingKey::Rsa(public) = test_card::profile(Algorithm::Tdes).signing_key.public() else {
        panic!("the set has RSA");
    };
    let (issuer, expiry, serial) = (head("621700").bytes(), [0x12, 0x35], [0, 0, 7]);
    let itself = rsa::certify_issuer(by, issuer, expiry, serial, &public, &mut entropy());
    let mut sign = |message: &[u8]| by.raw(message, &mut entropy()).ok();
    let by_other = (by.public().len(), &mut sign as &mut rsa::SignElsewhere<'_>);
    let elsewhere = rsa::certify_issuer_by(by_other, issuer, expiry, serial, &public);
    assert_eq!(itself, elsewhere);
    let mut sign = |message: &[u8]| Some(key.sign(message));
    let other = SecretKey::from_bytes(&[6; 32]).unwrap();
    let made = sm2::certify_issuer_by(&mut sign, issuer, expiry, serial, other.public());
    let opened = sm2::open_issuer(key.public(), &made.unwrap()).unwrap();
    assert_eq!((opened.issuer, opened.serial), (issuer, serial));
    let mut none = |_: &[u8]| None;
    let refused = sm2::certify_issuer_by(&mut none, issuer, expiry, serial, other.public());
    let layer = Layer::Issuer;
    assert_eq!(refused, Err(OdaError::Unsigned { layer }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_cut_or_changed_paper_is_another_or_none(
        at in any::<prop::sample::Index>(),
        bit in 0..7_u8,
    ) {
        for (text, reread) in texts() {
            let at = at.index(text.len());
            if let Some(cut) = text.get(..at) {
                prop_assert_eq!(reread(cut), None);
            }
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes)
                && let Some(again) = reread(&changed)
            {
                // What is read is what was written, every byte of it.
                prop_assert_eq!(again, changed);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,120}", tail in "[a-z0-9 \\n]{0,120}") {
        for title in [APPLICATION, CERTIFICATE, AUTHORITY] {
            let longer = format!("{title}\nmark test\n{tail}");
            for text in [&text, &longer] {
                let _ = IssuerApplication::parse(text);
                let _ = IssuerApplication::parse_words(text);
                let _ = IssuerPaper::parse(text);
                let _ = AuthorityPaper::parse(text);
                let _ = RevocationPaper::parse(text);
            }
        }
    }

    #[test]
    fn heads_come_back(text in "[0-9]{3,8}") {
        let head = head(&text);
        prop_assert_eq!(head.digits(), text);
        prop_assert_eq!(NumberHead::of(head.bytes()), Ok(head));
    }
}
