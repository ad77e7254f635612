//! The e-cash authority: applications, certificates, public keys for terminals.

use tongtu_audit::AuditLine;
use tongtu_codec::hex_encode;
use tongtu_crypto::{SecretKey, SignerFault};
use tongtu_ecash::oda::paper::{AuthorityPaper, IssuerApplication, IssuerPaper, RevocationPaper};
use tongtu_ecash::oda::{Authority, NumberHead, VerifyingKey};
use tongtu_keyring::code::{Cause, KeyAlgorithm, Purpose, Stage};
use tongtu_keyring::{Application, ApplicationLine, KeyNumber, Slot};
use tongtu_keyroom::sim::Survival;
use tongtu_keyroom::{File, Part};
use tongtu_services::keyroom::{Act, CashRefusal, Done, KeyRoom, RoomError, Source};
use tongtu_types::{InstitutionCode, MonthYear};

use super::scene::{DAY, Scene, city, institution};

fn month(text: &str) -> MonthYear {
    text.parse().unwrap()
}

fn head(text: &str) -> NumberHead {
    text.parse().unwrap()
}

/// A key with this index, in use.
fn key(
    scene: &mut Scene,
    purpose: Purpose,
    algorithm: KeyAlgorithm,
    index: u8,
    of: &str,
) -> KeyNumber {
    let (holder, by, custodians) = match of {
        "0000" => ("00000000", "R-01", ["C-01", "C-02"]),
        _ => ("01343010", "P-01", ["H-01", "H-02"]),
    };
    scene.batch += 1;
    let province = match of {
        "0000" => "00000000",
        _ => "00003000",
    };
    let act = Act::Apply(Application {
        batch: scene.batch,
        province: institution(province),
        lines: vec![ApplicationLine {
            holder: institution(holder),
            slot: Slot {
                city: city(of),
                purpose,
                algorithm,
            },
            index,
            from: scene.now,
            until: scene.now.plus_s(3650 * DAY),
        }],
    });
    let key = scene.by(act, &[by]).unwrap().keys[0];
    scene.by(Act::Approve { key }, &["N-01", "N-02"]).unwrap();
    let source = Source::Fresh;
    scene
        .by(Act::Generate { key, source }, &["N-03", "N-04"])
        .unwrap();
    let custody = *scene.room.keys().key(key).unwrap().custody().unwrap();
    scene
        .by(Act::Distribute { key, custody }, &[by, custodians[0]])
        .unwrap();
    let overlap_days = 15;
    scene
        .by(Act::Activate { key, overlap_days }, &custodians)
        .unwrap();
    key
}

fn text(done: Done) -> String {
    String::from_utf8(done.container.unwrap()).unwrap()
}

/// A room with an authority of an algorithm under an index, and the application of an issuer.
fn waiting(
    name: &str,
    algorithm: KeyAlgorithm,
    index: u8,
) -> (Scene, KeyNumber, IssuerApplication) {
    let mut scene = Scene::staffed(name);
    let authority = key(&mut scene, Purpose::CashAuthority, algorithm, index, "0000");
    let own = key(&mut scene, Purpose::CashIssuer, algorithm, 1, "3010");
    let act = Act::ApplyCash {
        key: own,
        head: head("62170100"),
        expires: month("1135"),
    };
    let application = IssuerApplication::parse(&text(scene.by(act, &["H-01"]).unwrap())).unwrap();
    (scene, authority, application)
}

fn approve(application: &IssuerApplication) -> Act {
    Act::ApproveCash {
        application: Box::new(application.clone()),
    }
}

fn refusal(result: Result<Done, RoomError>) -> &'static str {
    match result.unwrap_err() {
        RoomError::Cash(refusal) => refusal.code(),
        other => panic!("{other}"),
    }
}

/// An application by a key that is in no room.
fn by_hand(issuer: &str, of: &str, expires: &str) -> IssuerApplication {
    let key = SecretKey::from_bytes(&[7; 32]).unwrap();
    let public = VerifyingKey::Sm2(key.public().clone());
    let whose = (true, institution(issuer));
    let made = IssuerApplication::made_by(whose, (head(of), month(expires)), public, |body| {
        Ok::<_, SignerFault>(key.sign(body).0.to_vec())
    });
    made.unwrap()
}

#[test]
fn an_issuers_key_is_certified_after_approval_and_stays_in_the_room() {
    for (algorithm, index) in [(KeyAlgorithm::Rsa, 0x05), (KeyAlgorithm::Sm2, 0x59)] {
        let name = format!("cash-{index}");
        let (mut scene, key, application) = waiting(&name, algorithm, index);
        let done = scene.by(approve(&application), &["N-01", "N-02"]).unwrap();
        let certificate = done.certificate.unwrap();
        let done = scene.by(Act::IssueCash { certificate, key }, &["N-03", "N-04"]);
        let paper = IssuerPaper::parse(&text(done.unwrap())).unwrap();
        let done = scene.by(Act::PublishAuthority { key }, &["N-03", "N-04"]);
        let authority = AuthorityPaper::parse(&text(done.unwrap())).unwrap();
        assert_eq!(
            (authority.authority.index, authority.is_test),
            (index, true)
        );
        let opened = paper.verify(&authority.authority).unwrap();
        assert_eq!(opened.key, application.key);
        assert_eq!(opened.serial, [0, 0, 1]);
        // The next process finds it, and the use of the key.
        let room = scene.reopened().unwrap();
        let entry = room.cash().entry(certificate).unwrap();
        assert_eq!(entry.issued(), Some(&(key, paper)));
        assert!(room.keys().key(key).unwrap().used_at().is_some());
        assert_eq!(room.cash(), scene.room.cash());
    }
}

/// The list that an authority's key signs now, which must hold under it.
fn revocations(scene: &mut Scene, key: KeyNumber, authority: &Authority) -> RevocationPaper {
    let done = scene.by(Act::ListCash { key }, &["N-03", "N-04"]).unwrap();
    let list = RevocationPaper::parse(&text(done)).unwrap();
    list.verify(authority).unwrap();
    assert_eq!((list.index, list.is_test), (authority.index, true));
    list
}

#[test]
fn a_certificate_is_taken_back_by_two_supervisors_and_is_on_the_list_until_its_month_is_over() {
    for (algorithm, index) in [(KeyAlgorithm::Rsa, 0x05), (KeyAlgorithm::Sm2, 0x59)] {
        let name = format!("cash-revoked-{index}");
        let (mut scene, key, application) = waiting(&name, algorithm, index);
        let cause = Cause::Compromise;
        let revoke = || Act::RevokeCash {
            certificate: 1,
            cause,
        };
        scene.by(approve(&application), &["N-01", "N-02"]).unwrap();
        let early = scene.by(revoke(), &["S-01", "S-02"]);
        assert_eq!(refusal(early), "cash.not_issued");
        let issue = Act::IssueCash {
            certificate: 1,
            key,
        };
        scene.by(issue, &["N-03", "N-04"]).unwrap();
        let done = scene.by(Act::PublishAuthority { key }, &["N-03", "N-04"]);
        let authority = AuthorityPaper::parse(&text(done.unwrap())).unwrap();
        let authority = authority.authority;
        // The list wants two custodians of the nation.
        let alone = scene.by(Act::ListCash { key }, &["N-03"]);
        assert_eq!(refusal(alone), "cash.officers");
        let before = revocations(&mut scene, key, &authority);
        assert!(before.revoked.is_empty());
        for by in [&["S-01"][..], &["S-01", "N-03"], &["N-01", "N-02"]] {
            assert_eq!(refusal(scene.by(revoke(), by)), "cash.officers");
        }
        scene.by(revoke(), &["S-01", "S-02"]).unwrap();
        let again = scene.by(revoke(), &["S-01", "S-02"]);
        assert_eq!(refusal(again), "cash.not_issued");
        let list = revocations(&mut scene, key, &authority);
        assert!(list.version > before.version);
        let serials: Vec<_> = list.revoked.keys().collect();
        assert_eq!(serials, [&[0, 0, 1]]);
        let other = scene.reopened().unwrap();
        assert_eq!(other.cash().entry(1).unwrap().revoked(), Some(cause));
        assert_eq!(other.cash(), scene.room.cash());
        // The month of the certificate is November 2035; this is December.
        let over = tongtu_types::Timestamp::new(2_081_000_000);
        assert!(scene.room.cash().revoked_of(key, over).is_empty());
        assert_eq!(scene.room.cash().revoked_of(key, scene.now), list.revoked);
        let lines = scene.room.medium().bytes(File::Of(Part::Line));
        for deed in ["cash.revoke", "cash.list"] {
            let deed = deed.as_bytes();
            assert!(lines.windows(deed.len()).any(|part| part == deed));
        }
    }
}

#[test]
fn each_use_of_the_authoritys_key_leaves_its_lines() {
    let (mut scene, key, application) = waiting("cash-lines", KeyAlgorithm::Sm2, 1);
    scene.by(approve(&application), &["N-01", "N-02"]).unwrap();
    let certificate = 1;
    scene
        .by(Act::IssueCash { certificate, key }, &["N-03", "N-04"])
        .unwrap();
    let bytes = scene.room.medium().bytes(File::Of(Part::Line));
    let lines = bytes.chunks(AuditLine::LEN);
    let lines: Vec<_> = lines.map(|line| AuditLine::decode(line).unwrap()).collect();
    let deeds: Vec<String> = lines
        .iter()
        .rev()
        .take(3)
        .map(|l| l.deed.to_string())
        .collect();
    assert_eq!(deeds, ["cash.issue", "cash.issue", "use.sign"]);
    assert!(lines.iter().rev().take(3).all(|line| line.key == key.get()));
}

#[test]
fn only_the_officers_of_each_step_take_it() {
    let (mut scene, key, application) = waiting("cash-officers", KeyAlgorithm::Sm2, 1);
    for by in [&["N-01"][..], &["N-02", "N-01"], &["N-03", "N-04"]] {
        assert_eq!(
            refusal(scene.by(approve(&application), by)),
            "cash.officers"
        );
    }
    scene.by(approve(&application), &["N-01", "N-02"]).unwrap();
    let issue = || Act::IssueCash {
        certificate: 1,
        key,
    };
    for by in [&["N-03"][..], &["N-01", "N-02"], &["H-01", "H-02"]] {
        assert_eq!(refusal(scene.by(issue(), by)), "cash.officers");
    }
    let publish = Act::PublishAuthority { key };
    assert_eq!(
        refusal(scene.by(publish, &["N-01", "N-02"])),
        "cash.officers"
    );
    scene.by(issue(), &["N-03", "N-04"]).unwrap();
    assert_eq!(
        refusal(scene.by(issue(), &["N-03", "N-04"])),
        "cash.not_waiting"
    );
}

#[test]
fn an_issuer_applies_by_its_own_custodian_with_its_own_key() {
    let (mut scene, authority, application) = waiting("cash-own", KeyAlgorithm::Sm2, 1);
    assert_eq!(application.issuer, institution("01343010"));
    let own = scene.room.keys().keys().last().unwrap().number();
    let apply = |key| Act::ApplyCash {
        key,
        head: head("62170101"),
        expires: month("1235"),
    };
    for by in [&["K-01"][..], &["H-01", "H-02"], &["N-03"]] {
        assert_eq!(refusal(scene.by(apply(own), by)), "cash.officers");
    }
    let other = scene.by(apply(authority), &["C-01"]);
    assert!(
        matches!(other, Err(RoomError::WrongKey { .. })),
        "{other:?}"
    );
    let cause = Cause::Compromise;
    scene
        .by(Act::Suspend { key: own, cause }, &["S-01"])
        .unwrap();
    let stopped = scene.by(apply(own), &["H-01"]);
    assert!(
        matches!(stopped, Err(RoomError::WrongKey { .. })),
        "{stopped:?}"
    );
}

#[test]
fn no_two_issuers_have_numbers_in_common() {
    let mut scene = Scene::staffed("cash-heads");
    let by = ["N-01", "N-02"];
    scene
        .by(approve(&by_hand("01343010", "621701", "1235")), &by)
        .unwrap();
    for taken in ["621701", "6217", "62170199"] {
        let other = approve(&by_hand("01343020", taken, "1235"));
        assert_eq!(refusal(scene.by(other, &by)), "cash.taken", "{taken}");
    }
    scene
        .by(approve(&by_hand("01343020", "621702", "1235")), &by)
        .unwrap();
    // The same issuer may have a newer certificate, not the same again.
    scene
        .by(approve(&by_hand("01343010", "621701", "0636")), &by)
        .unwrap();
    let again = approve(&by_hand("01343010", "621701", "1235"));
    assert_eq!(refusal(scene.by(again, &by)), "cash.before");
}

#[test]
fn a_month_that_is_over_or_a_mark_of_the_other_kind_is_not_approved() {
    let mut scene = Scene::staffed("cash-month");
    let by = ["N-01", "N-02"];
    let over = approve(&by_hand("01343010", "621701", "1225"));
    assert_eq!(refusal(scene.by(over, &by)), "cash.over");
    let key = SecretKey::from_bytes(&[7; 32]).unwrap();
    let whose = (false, InstitutionCode::parse("01343010").unwrap());
    let real = IssuerApplication::made_by(
        whose,
        (head("621701"), month("1235")),
        VerifyingKey::Sm2(key.public().clone()),
        |body| Ok::<_, SignerFault>(key.sign(body).0.to_vec()),
    );
    assert_eq!(refusal(scene.by(approve(&real.unwrap()), &by)), "cash.mark");
}

#[test]
fn an_authoritys_key_must_be_in_use_outlive_the_certificate_and_have_an_index_of_its_own() {
    let (mut scene, key, _) = waiting("cash-key", KeyAlgorithm::Sm2, 1);
    let by = ["N-01", "N-02"];
    scene
        .by(approve(&by_hand("01343020", "621702", "1240")), &by)
        .unwrap();
    let issue = |certificate, key| Act::IssueCash { certificate, key };
    let custodians = ["N-03", "N-04"];
    assert_eq!(
        refusal(scene.by(issue(1, key), &custodians)),
        "cash.outlives"
    );
    scene
        .by(approve(&by_hand("01343020", "621703", "1230")), &by)
        .unwrap();
    // Not a key of the authority at all.
    let own = scene.room.keys().keys().last().unwrap().number();
    assert_eq!(
        refusal(scene.by(issue(2, own), &custodians)),
        "cash.no_authority"
    );
    let (purpose, rsa) = (Purpose::CashAuthority, KeyAlgorithm::Rsa);
    let other = self::key(&mut scene, purpose, rsa, 1, "0000");
    assert_eq!(
        refusal(scene.by(issue(2, other), &custodians)),
        "cash.no_authority"
    );
    assert_eq!(refusal(scene.by(issue(2, key), &custodians)), "cash.index");
    let cause = Cause::Compromise;
    let act = Act::Revoke { key: other, cause };
    scene.by(act, &["T-01", "T-02"]).unwrap();
    let act = Act::Suspend { key, cause };
    scene.by(act, &["T-01"]).unwrap();
    assert_eq!(
        scene.room.keys().key(key).unwrap().stage(),
        Stage::Suspended
    );
    assert_eq!(refusal(scene.by(issue(2, key), &custodians)), "cash.use");
    scene.by(Act::Resume { key }, &["T-01", "T-02"]).unwrap();
    scene.by(issue(2, key), &custodians).unwrap();
}

#[test]
fn a_room_whose_certificate_was_changed_does_not_open() {
    let (mut scene, key, application) = waiting("cash-changed", KeyAlgorithm::Sm2, 1);
    scene.by(approve(&application), &["N-01", "N-02"]).unwrap();
    let act = Act::IssueCash {
        certificate: 1,
        key,
    };
    scene.by(act, &["N-03", "N-04"]).unwrap();
    let bytes = scene.room.medium().bytes(File::Of(Part::Cash));
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), 2);
    let wanted = hex_encode(application.text().as_bytes());
    assert!(std::str::from_utf8(lines[0]).unwrap().contains(&wanted));
    for at in [0, lines[0].len() + 20] {
        let disk = scene.room.medium().after_cut(&Survival::Everything);
        let mut other = bytes.clone();
        other[at] ^= 1;
        disk.forge(File::Of(Part::Cash), other);
        assert!(KeyRoom::open(disk).is_err(), "{at}");
    }
}

#[test]
fn refusals_have_codes_that_a_line_takes() {
    let refusal = CashRefusal::Over;
    assert!(tongtu_audit::Word::<30>::parse(refusal.code()).is_ok());
}
