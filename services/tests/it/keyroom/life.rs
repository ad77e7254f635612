//! The life of keys and certificates as officers live it.

use tongtu_audit::{AuditLine, Outcome};
use tongtu_hsm::{Component, Custody as _, KeyPath, MacScheme};
use tongtu_keyring::code::{Cause, Ground, Purpose, Stage, Usage};
use tongtu_keyring::{Check, Use};
use tongtu_keyroom::{File, Part};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::{Root, layout::IssuerCertificate};
use tongtu_services::keyroom::{Act, Filed, Hands, OnBehalf, Source, key_label, parse_anchor_key};
use tongtu_services::keys::KeyNoteKind;
use tongtu_services::{KeyNote, KeyReport};
use tongtu_types::MonthYear;

use super::scene::{DAY, Scene, institution, secret, slot};

fn month(text: &str) -> MonthYear {
    text.parse().unwrap()
}

#[test]
fn a_key_lives_from_its_application_to_its_revocation() {
    let mut scene = Scene::staffed("life");
    let key = scene.active(Purpose::Purchase);
    let asked = Use {
        city: slot("3010", Purpose::Purchase).city,
        purpose: Purpose::Purchase,
        usage: Usage::Make,
    };
    assert!(scene.room.permit(key, asked, scene.now).is_ok());
    let path = KeyPath::of(key_label(key));
    scene.custody.mac(path, MacScheme::Tac, b"a ride").unwrap();
    let cause = Cause::Misuse;
    scene.by(Act::Suspend { key, cause }, &["S-01"]).unwrap();
    assert!(scene.room.permit(key, asked, scene.now).is_err());
    scene.by(Act::Resume { key }, &["S-01", "S-02"]).unwrap();
    let cause = Cause::Compromise;
    scene
        .by(Act::Revoke { key, cause }, &["S-01", "S-02"])
        .unwrap();
    let reopened = scene.reopened().unwrap();
    assert_eq!(reopened.keys(), scene.room.keys());
    assert_eq!(reopened.keys().key(key).unwrap().stage(), Stage::Revoked);
    assert_eq!(reopened.log(), scene.room.log());
}

#[test]
fn components_make_the_key_whose_check_value_was_approved() {
    let mut scene = Scene::staffed("components");
    let key = scene.apply(slot("3010", Purpose::PersoTransport), "01343010");
    scene.by(Act::Approve { key }, &["N-01", "N-02"]).unwrap();
    let shares = [[0x11; 16], [0x2F; 16]];
    let whole: Vec<u8> = shares[0]
        .iter()
        .zip(shares[1])
        .map(|(a, b)| a ^ b)
        .collect();
    let kcv = |bytes: &[u8]| {
        let bytes = <[u8; 16]>::try_from(bytes).unwrap();
        tongtu_crypto::BlockKey::new(tongtu_crypto::Algorithm::Sm4, bytes).kcv()
    };
    let check = Check::Kcv(kcv(&whole));
    let components = |wrong: bool| {
        shares
            .iter()
            .map(|share| {
                let mut value = kcv(share);
                value[0] ^= u8::from(wrong);
                Component::new(share.to_vec(), value)
            })
            .collect::<Vec<_>>()
    };
    let source = Source::Components(check);
    for (is_wrong, is_done) in [(true, false), (false, true)] {
        let approval = scene.approval(Act::Generate { key, source }, &["N-03", "N-04"]);
        let hands = Hands {
            custody: Some(&mut scene.custody),
            components: components(is_wrong),
            container: None,
        };
        let done = scene.room.carry_out(&approval, hands, scene.now);
        assert_eq!(done.is_ok(), is_done, "{done:?}");
    }
    let made = scene.room.keys().key(key).unwrap().custody().unwrap();
    assert_eq!(made.check, check);
    assert!(scene.reopened().is_ok());
}

#[test]
fn a_key_leaves_in_a_container_and_comes_into_another_custody() {
    let mut scene = Scene::staffed("container");
    let transport = scene.active(Purpose::PersoTransport);
    let key = scene.made(slot("3010", Purpose::Load), "01343010");
    let done = scene
        .by(Act::Export { key, transport }, &["N-03", "N-04"])
        .unwrap();
    let container = done.container.unwrap();
    // An export leaves no event after the first of a day, and is good once all the same.
    let again = scene.approval(Act::Export { key, transport }, &["N-03", "N-04"]);
    scene.carry(&again).unwrap();
    assert_eq!(scene.carry(&again).unwrap_err().code(), "approval.used");
    let mut swapped = again.clone();
    swapped.by.swap(0, 1);
    assert_eq!(scene.carry(&swapped).unwrap_err().code(), "approval.used");
    let mut next = scene.reopened().unwrap();
    let hands = Hands {
        custody: Some(&mut scene.custody),
        ..Hands::default()
    };
    let used = next.carry_out(&again, hands, scene.now).unwrap_err();
    assert_eq!(used.code(), "approval.used");
    // The holder's custody: it has the transport key under the same label.
    let mut holder = super::scene::Safe::new("holder");
    drop(holder.make());
    let mut custody = holder.open();
    let name = scene.custody.check(key_label(transport)).unwrap().name;
    assert!(custody.take_in(&container, key_label(transport)).is_err());
    let value = [0x3A; 16];
    drop(custody.import_test(&name, tongtu_hsm::TestKey::new(value.to_vec())));
    // Another transport key does not open it.
    assert!(custody.take_in(&container, key_label(transport)).is_err());
    // Back where it came from there is one of that label already.
    assert!(
        scene
            .custody
            .take_in(&container, key_label(transport))
            .is_err()
    );
    scene.now = scene.now.plus_s(60);
    let one = scene.by(Act::Export { key, transport }, &["N-03", "N-01"]);
    assert_eq!(one.unwrap_err().code(), "room.custodians");
}

#[test]
fn certificates_come_from_an_application_and_are_revoked() {
    let mut scene = Scene::staffed("certificates");
    let (ca_index, expiry) = (0x02, month("1240"));
    scene
        .by(Act::IssueRoot { ca_index, expiry }, &["N-03", "N-04"])
        .unwrap();
    let issuer = institution("01343010");
    let draft = Act::Draft {
        issuer,
        ca_index,
        expiry: month("1228"),
    };
    let number = scene.by(draft, &["H-01"]).unwrap().certificate.unwrap();
    let serial = scene
        .room
        .authority()
        .certificate(number)
        .unwrap()
        .draft()
        .serial;
    let application =
        apply_for_certificate(issuer, month("1228"), serial, &secret("issuer")).unwrap();
    let submit = Act::Submit {
        certificate: number,
        application: Box::new(application),
    };
    scene.by(submit, &["H-01"]).unwrap();
    let certificate = number;
    scene
        .by(Act::ApproveCertificate { certificate }, &["P-01", "P-02"])
        .unwrap();
    scene
        .by(Act::IssueCertificate { certificate }, &["N-03", "N-04"])
        .unwrap();
    scene
        .by(Act::ActivateCertificate { certificate }, &["H-01", "H-02"])
        .unwrap();
    let room = scene.reopened().unwrap();
    let roots = room.authority().root_certificates();
    let root = Root::verify(&roots[0].1).unwrap();
    let issued = room.authority().issuer_certificates(scene.now);
    let read = IssuerCertificate::decode(&issued[0].1).unwrap();
    assert_eq!(
        (read.issuer, root.file_name().as_str()),
        (issuer, "01010000.JG02")
    );
    let cause = Cause::Compromise;
    scene
        .by(
            Act::RevokeCertificate { certificate, cause },
            &["S-01", "S-02"],
        )
        .unwrap();
    assert_eq!(scene.room.authority().revoked(scene.now).len(), 1);
    assert!(scene.reopened().is_ok());
}

#[test]
fn each_day_is_anchored_and_anybody_can_verify_it() {
    let mut scene = Scene::staffed("anchors");
    scene.active(Purpose::Purchase);
    assert!(
        scene
            .room
            .anchor(&mut scene.custody, scene.now)
            .unwrap()
            .is_empty()
    );
    for _ in 0..3 {
        scene.now = scene.now.plus_s(DAY);
        assert_eq!(
            scene
                .room
                .anchor(&mut scene.custody, scene.now)
                .unwrap()
                .len(),
            1
        );
    }
    let medium = scene.room.medium();
    let of = |part| medium.bytes(File::Of(part));
    let text = String::from_utf8(of(Part::AnchorKey)).unwrap();
    let keys = text
        .lines()
        .map(|line| parse_anchor_key(line).unwrap())
        .collect();
    let verified = tongtu_audit::verify(&of(Part::Line), &of(Part::Anchor), &keys).unwrap();
    assert_eq!((verified.anchors, verified.unanchored), (3, 1));
    assert!(scene.reopened().is_ok());
}

#[test]
fn anchors_are_signed_with_the_books_key_once_it_is_in_use() {
    let mut scene = Scene::staffed("anchor-key");
    let key = scene.own(Purpose::AuditAnchor);
    scene.now = scene.now.plus_s(DAY);
    let anchors = scene.room.anchor(&mut scene.custody, scene.now).unwrap();
    assert_eq!(anchors[0].key, key.get());
    assert_eq!(
        scene.room.keys().key(key).unwrap().used_at(),
        Some(scene.now)
    );
    assert!(scene.reopened().is_ok());
}

#[test]
fn every_use_of_a_key_has_a_line_with_who_and_which() {
    let mut scene = Scene::staffed("uses");
    let key = scene.made(slot("3010", Purpose::Load), "01343010");
    let lines = scene.room.medium().bytes(File::Of(Part::Line));
    let entries: Vec<_> = lines
        .chunks(AuditLine::LEN)
        .map(|line| AuditLine::decode(line).unwrap().entry().unwrap())
        .collect();
    let of = |deed: &str| {
        let found = entries.iter().filter(|entry| entry.deed.as_str() == deed);
        found
            .map(|e| (e.actor.to_string(), e.key, e.outcome == Outcome::Done))
            .collect::<Vec<_>>()
    };
    let number = Some(key.get());
    let line = |actor: &str, key| (String::from(actor), key, true);
    assert_eq!(
        of("use.generate"),
        [line("N-01", None), line("N-03", number)]
    );
    assert_eq!(
        of("key.generate"),
        [line("N-03", number), line("N-04", number)]
    );
    assert_eq!(
        of("key.approve"),
        [line("N-01", number), line("N-02", number)]
    );
    assert_eq!(of("room.found").len(), 4);
}

#[test]
fn a_service_uses_keys_by_the_room_and_each_use_has_its_line() {
    let mut scene = Scene::staffed("service");
    let key = scene.active(Purpose::Purchase);
    let who = OnBehalf {
        institution: institution("01343010"),
        actor: tongtu_audit::Word::parse("perso").unwrap(),
        permit: Some(1),
    };
    let below = tongtu_hsm::KeyName {
        label: tongtu_hsm::Label::parse("CARD-1").unwrap(),
        ..scene.custody.check(key_label(key)).unwrap().name
    };
    let path = KeyPath {
        label: key_label(key),
        factors: &[[7; 8]],
    };
    let derive = |scene: &mut Scene| {
        let (custody, now) = (&mut scene.custody, scene.now);
        let deed = ("derive", &[below.label][..]);
        scene.room.use_keys(deed, who, custody, now, |custody| {
            custody.derive(path, &below)
        })
    };
    let lines = scene.room.log().tip().0;
    derive(&mut scene).unwrap();
    assert_eq!(scene.room.log().tip().0, lines + 1);
    assert!(scene.reopened().is_ok());
    // Again there is one, which stays.
    assert_eq!(derive(&mut scene).unwrap_err().code(), "custody");
    assert!(scene.custody.check(below.label).is_ok());
    assert!(scene.reopened().is_ok());
    // What fails leaves nothing but its line.
    let other = tongtu_hsm::Label::parse("CARD-2").unwrap();
    let (custody, now) = (&mut scene.custody, scene.now);
    let failed = scene
        .room
        .use_keys(("derive", &[other]), who, custody, now, |custody| {
            custody.derive(
                path,
                &tongtu_hsm::KeyName {
                    label: other,
                    ..below
                },
            )?;
            custody.destroy(key_label(tongtu_keyring::KeyNumber::new(99).unwrap()))
        });
    assert!(failed.is_err());
    assert!(scene.custody.check(other).is_err());
    assert!(scene.reopened().is_ok());
}

#[test]
fn a_note_of_a_node_is_filed_once_also_after_the_room_was_opened_again() {
    let mut scene = Scene::staffed("notes");
    let key = scene.active(Purpose::Purchase);
    let asked = Use {
        city: slot("3010", Purpose::Purchase).city,
        purpose: Purpose::Purchase,
        usage: Usage::Make,
    };
    let holder = institution("01343010");
    let note = |key, kind| {
        let at = scene.now.plus_s(-3600);
        let note = KeyNote {
            key,
            asked,
            at,
            kind,
        };
        KeyReport::of(holder, note)
    };
    let used = note(Some(key), KeyNoteKind::Used);
    let misused = note(Some(key), KeyNoteKind::Refused(Ground::OutsideCity));
    let unknown = note(None, KeyNoteKind::Refused(Ground::Unknown));
    let now = scene.now;
    let cause = Cause::Misuse;
    let before = scene.room.keys().last_number();
    assert_eq!(scene.room.file_note(&used, now).unwrap(), Filed::Event);
    // The book would grant it now: the line alone says that it was refused once.
    assert_eq!(scene.room.file_note(&misused, now).unwrap(), Filed::Line);
    assert_eq!(scene.room.file_note(&unknown, now).unwrap(), Filed::Line);
    scene.by(Act::Suspend { key, cause }, &["S-01"]).unwrap();
    let now = scene.now;
    let suspended = KeyNoteKind::Refused(Ground::Suspended);
    let suspended = KeyReport::of(
        holder,
        KeyNote {
            key: Some(key),
            asked,
            at: now,
            kind: suspended,
        },
    );
    assert_eq!(scene.room.file_note(&suspended, now).unwrap(), Filed::Event);
    let filed = [used, misused, unknown, suspended];
    let (events, lines) = (scene.room.keys().last_number(), scene.room.log().clone());
    assert_eq!(events, before + 3);
    let mut room = scene.reopened().unwrap();
    for report in &filed {
        assert_eq!(room.file_note(report, now).unwrap(), Filed::Before);
    }
    assert_eq!((room.keys().last_number(), room.log()), (events, &lines));
}
