//! Lines of the book: one line each, and none that is cut or changed.

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_ecash::oda::SigningKey;
use tongtu_ecash::{tag, test_card};

use super::*;

fn entropy() -> impl FnMut(&mut [u8]) {
    |out: &mut [u8]| out.fill(0x5A)
}

/// An approval and an issue of the test issuer of an algorithm set.
fn events(algorithm: Algorithm) -> [CashEvent; 2] {
    let issuer = test_card::issuer(algorithm, &mut entropy());
    let whose = (true, InstitutionCode::parse("01343010").unwrap());
    let (head, expires) = ("621700".parse().unwrap(), "1240".parse().unwrap());
    let public = issuer.key.public();
    let application = IssuerApplication::made_by(whose, (head, expires), public, |body| {
        Ok::<_, ()>(match &issuer.key {
            SigningKey::Rsa(key) => key.sign_pss_sha256(body, &mut entropy()),
            SigningKey::Sm2(key) => key.sign(body).0.to_vec(),
        })
    });
    let element = |tag| issuer.certificate.get(&tag).cloned();
    let index = element(tag::CA_INDEX).unwrap()[0];
    let authorities = test_card::authorities();
    let by = authorities.iter().find(|by| by.index == index).unwrap();
    let public = match &by.key {
        // Custodies have exponents of three bytes, the test authority one of one.
        VerifyingKey::Rsa(key) => {
            VerifyingKey::Rsa(RsaPublicKey::new(&key.modulus(), &[1, 0, 1]).unwrap())
        }
        VerifyingKey::Sm2(key) => VerifyingKey::Sm2(key.clone()),
    };
    let paper = IssuerPaper {
        is_test: true,
        issuer: whose.1,
        head,
        expires,
        serial: [0, 0, 1],
        index,
        certificate: element(tag::ISSUER_CERTIFICATE).unwrap(),
        rest: element(tag::ISSUER_REMAINDER).zip(element(tag::ISSUER_EXPONENT)),
    };
    [
        CashEvent::Approved {
            certificate: 1,
            application: Box::new(application.unwrap()),
        },
        CashEvent::Issued {
            certificate: 1,
            key: KeyNumber::new(7).unwrap(),
            public,
            paper: Box::new(paper),
        },
    ]
}

#[test]
fn every_event_comes_back_from_its_line() {
    let revoked = Cause::ALL.iter().map(|cause| CashEvent::Revoked {
        certificate: 1,
        cause: *cause,
    });
    let both = [Algorithm::Tdes, Algorithm::Sm4];
    for event in both.into_iter().flat_map(events).chain(revoked) {
        assert_eq!(CashEvent::decode(&event.encode()), Ok(event));
    }
}

#[test]
fn an_event_comes_of_its_act_alone() {
    let [approved, issued] = events(Algorithm::Sm4);
    let [
        CashEvent::Approved {
            application: other, ..
        },
        _,
    ] = events(Algorithm::Tdes)
    else {
        panic!("the first is an approval");
    };
    let CashEvent::Approved { application, .. } = approved.clone() else {
        panic!("the first is an approval");
    };
    let key = |number| KeyNumber::new(number).unwrap();
    let issue = |certificate, number| Act::IssueCash {
        certificate,
        key: key(number),
    };
    assert!(approved.comes_of(&Act::ApproveCash { application }));
    assert!(!approved.comes_of(&Act::ApproveCash { application: other }));
    assert!(issued.comes_of(&issue(1, 7)));
    assert!(!issued.comes_of(&issue(2, 7)) && !issued.comes_of(&issue(1, 8)));
    assert!(!approved.comes_of(&issue(1, 7)));
    let cause = Cause::Compromise;
    let revoked = CashEvent::Revoked {
        certificate: 1,
        cause,
    };
    let revoke = |certificate, cause| Act::RevokeCash { certificate, cause };
    assert!(revoked.comes_of(&revoke(1, cause)) && !revoked.comes_of(&revoke(2, cause)));
    assert!(!revoked.comes_of(&revoke(1, Cause::Misuse)) && !revoked.comes_of(&issue(1, 7)));
}

#[test]
fn an_approval_out_of_its_turn_or_an_issue_of_nothing_is_not_admitted() {
    let (book, keys, at) = (CashBook::default(), KeyBook::new(), Timestamp::new(0));
    let [approved, issued] = events(Algorithm::Sm4);
    let room = (&keys, Mark::Test);
    let nobody = book.admit(&approved, &Signers::System, room, at);
    assert!(matches!(nobody, Err(CashRefusal::Officers { .. })));
    let nothing = book.admit(&issued, &Signers::System, room, at);
    assert_eq!(nothing, Err(CashRefusal::NotWaiting { found: 1 }));
    let revoked = CashEvent::Revoked {
        certificate: 1,
        cause: Cause::Compromise,
    };
    let nothing = book.admit(&revoked, &Signers::System, room, at);
    assert_eq!(nothing, Err(CashRefusal::NotIssued { found: 1 }));
    let CashEvent::Approved { application, .. } = approved else {
        panic!("the first is an approval");
    };
    let later = CashEvent::Approved {
        certificate: 2,
        application,
    };
    let found = book.admit(&later, &Signers::System, room, at);
    assert_eq!(found, Err(CashRefusal::Line));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cut_or_changed_line_is_another_event_or_none(
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        for event in [Algorithm::Tdes, Algorithm::Sm4].into_iter().flat_map(events) {
            let line = event.encode();
            let at = at.index(line.len());
            prop_assert!(CashEvent::decode(&line[..at]).is_err());
            let mut changed = line;
            changed[at] ^= 1 << bit;
            if let Ok(other) = CashEvent::decode(&changed) {
                prop_assert_ne!(other, event);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), tail in "[a-z0-9 ]{0,80}") {
        let _ = CashEvent::decode(&bytes);
        let _ = CashEvent::decode(format!("issued 1 7 {tail}\n").as_bytes());
    }
}
