//! Roots, applications, certificates, revocations; and what a terminal makes of them.

use tongtu_crypto::{SecretKey, SignerFault};
use tongtu_keyring::Signers;
use tongtu_keyring::ca::{
    Authority, CertificateStage, DUTIES, Deed, Event, Refusal, Step, Task, What,
};
use tongtu_keyring::code::Cause;
use tongtu_ride_code::root_file::RootFile;
use tongtu_ride_code::{
    BlackLists, Policy, RecentCodes, RevocationList, RootTable, Scan, UserCertificate, UserTerms,
    Verdict, Verifier,
};
use tongtu_types::{CardNumber, Fen, InstitutionCode};

use crate::fixture::*;
use crate::office::*;

fn issuer() -> InstitutionCode {
    holder_of(city("3010"))
}

/// What a terminal with these roots and this list says to a code made under a certificate.
fn scanned(
    office: &Office,
    number: u32,
    issuer_key: &SecretKey,
    roots: RootTable,
) -> Option<Verdict> {
    let certificate = office.book.certificate(number).unwrap().certificate();
    let user_key = key("rider");
    let terms = UserTerms {
        issuer_data: b"CHN0000000000001".to_vec(),
        account: CardNumber::parse("3104100000000000017").unwrap(),
        card_issuer: [0; 4],
        platform: [0; 4],
        account_type: 1,
        limit: Fen::new(2000),
        user_key: user_key.public().clone(),
        expires: office.now.plus_s(7 * DAY),
        validity_s: 60,
        extension: Vec::new(),
    };
    let user = UserCertificate::issue(certificate.unwrap(), &terms, issuer_key).unwrap();
    let code = user.ride_code(office.now, &user_key).unwrap();
    let blacklists = BlackLists {
        issuer_certificates: office.book.revoked(office.now),
        ..BlackLists::default()
    };
    let issuers = CITIES.map(|row| institution(row.2));
    let mut verifier = Verifier::new(Policy::default(), roots, issuers);
    let scan = Scan {
        bytes: code.as_bytes(),
        now: Some(office.now),
        fare: Fen::new(200),
        enforce_limit: true,
    };
    let recent = RecentCodes::default();
    let verdict = verifier.verify(&scan, &blacklists, &recent, &mut |_| {});
    verdict.err()
}

/// The roots as a terminal reads them from the root file.
fn roots_of_file(office: &Office) -> RootTable {
    let bytes = office.book.root_file().encode().unwrap();
    RootFile::decode(&bytes).unwrap().verify().unwrap()
}

#[test]
fn a_terminal_takes_codes_under_what_was_issued_and_none_under_what_was_revoked() {
    let (mut office, mut device) = Office::with_root();
    let (mine, other) = (key("mine"), key("other"));
    let first = office.certified(issuer(), (2, "1227"), (&mine, &mut device));
    let elsewhere = holder_of(city("5810"));
    let second = office.certified(elsewhere, (2, "1227"), (&other, &mut device));
    let roots = || roots_of_file(&office);
    assert_eq!(scanned(&office, first, &mine, roots()), None);
    assert_eq!(scanned(&office, second, &other, roots()), None);

    office
        .step(first, What::Revoked(Cause::Compromise))
        .unwrap();
    let roots = || roots_of_file(&office);
    let listed = Some(Verdict::Blacklisted);
    assert_eq!(scanned(&office, first, &mine, roots()), listed);
    assert_eq!(scanned(&office, second, &other, roots()), None);
    assert_eq!(
        office.book.revoked(office.now),
        [(issuer(), [0, 0, 1])].into()
    );
    office.wait(3 * 365);
    let none = office.book.revoked(office.now);
    assert!(none.is_empty(), "after its month nobody needs a list");
}

#[test]
fn the_revocation_list_says_since_when_and_a_newer_one_follows_an_older() {
    let (mut office, mut device) = Office::with_root();
    let (mine, other) = (key("mine"), key("other"));
    let first = office.certified(issuer(), (2, "1227"), (&mine, &mut device));
    office.certified(holder_of(city("5810")), (2, "1227"), (&other, &mut device));
    let roots = roots_of_file(&office);
    let list = |office: &Office, device: &mut Device| {
        let bytes = office.book.revocation_list(2, office.now, device).unwrap();
        RevocationList::open(&bytes, &roots).unwrap()
    };
    let empty = list(&office, &mut device);
    assert!(empty.revoked.is_empty());

    office.wait(3);
    let revoked_at = office.now;
    let revoked = What::Revoked(Cause::Compromise);
    office.step(first, revoked).unwrap();
    office.wait(2);
    let one = list(&office, &mut device);
    assert_eq!(one.revoked, [((issuer(), [0, 0, 1]), revoked_at)].into());
    assert_eq!((one.root_ended_at, one.issued_at), (None, office.now));
    assert_eq!(one.check_follows(&empty), Ok(()));

    let retired_at = office.now;
    let by = office.signers(Step::RootRetired, 0);
    let retired = What::RootRetired {
        ca_index: 2,
        cause: Cause::Compromise,
    };
    office.by(0, retired, by).unwrap();
    let last = list(&office, &mut device);
    assert_eq!(last.root_ended_at, Some(retired_at));
    assert_eq!(last.check_follows(&one), Ok(()));

    let foreign = office
        .book
        .revocation_list(2, office.now, &mut Device::new("another"));
    assert_eq!(foreign, Err(Refusal::ForeignSigner { ca_index: 2 }));
    let unknown = office.book.revocation_list(9, office.now, &mut device);
    assert_eq!(unknown, Err(Refusal::NoRoot { ca_index: 9 }));
}

#[test]
fn files_have_the_names_that_terminals_know() {
    let (mut office, mut device) = Office::with_root();
    let key = key("mine");
    office.certified(issuer(), (2, "1227"), (&key, &mut device));
    let names = |files: Vec<(String, Vec<u8>)>| -> Vec<(String, usize)> {
        files.into_iter().map(|(name, b)| (name, b.len())).collect()
    };
    let roots = names(office.book.root_certificates());
    assert_eq!(roots, [(String::from("01010000.JG02"), 144)]);
    let issuers = names(office.book.issuer_certificates(office.now));
    assert_eq!(issuers, [(String::from("013430100000011227.IG02"), 117)]);
}

#[test]
fn several_roots_are_live_and_each_signs_under_its_index() {
    let (mut office, mut device) = Office::with_root();
    let mut newer = Device::new("root 06");
    office.root(6, "1240", &mut newer).unwrap();
    let (a, b) = (key("a"), key("b"));
    let first = office.certified(issuer(), (2, "1227"), (&a, &mut device));
    let elsewhere = holder_of(city("5810"));
    let second = office.certified(elsewhere, (6, "1239"), (&b, &mut newer));
    assert_eq!(scanned(&office, first, &a, roots_of_file(&office)), None);
    assert_eq!(scanned(&office, second, &b, roots_of_file(&office)), None);
    let file = office.book.root_file();
    assert_eq!((file.version, file.entries.len()), (2, 2));
    let one = RootTable::new([office.book.roots().next().unwrap().root().clone()]);
    assert_eq!(scanned(&office, second, &b, one), Some(Verdict::CaKey));
}

#[test]
fn a_root_in_use_goes_only_when_it_is_compromised_and_takes_what_is_under_it_along() {
    let (mut office, mut device) = Office::with_root();
    let key = key("mine");
    let number = office.certified(issuer(), (2, "1227"), (&key, &mut device));
    let retired = |cause| What::RootRetired { ca_index: 2, cause };
    let refused = office.step(0, retired(Cause::Closure)).unwrap_err();
    assert_eq!(refused.code(), "authority.root_in_use");
    let version = office.book.root_file().version;
    office.step(0, retired(Cause::Compromise)).unwrap();
    let file = office.book.root_file();
    assert_eq!((file.version, file.entries.len()), (version + 1, 0));
    assert_eq!(office.book.current(issuer(), office.now), None);
    assert!(office.book.issuer_certificates(office.now).is_empty());
    let roots = roots_of_file(&office);
    assert_eq!(scanned(&office, number, &key, roots), Some(Verdict::CaKey));
    let again = office.root(2, "1240", &mut Device::new("new"));
    assert_eq!(again.unwrap_err().code(), "authority.root_index");
}

#[test]
fn an_application_says_what_was_drafted_and_proves_its_key() {
    let (mut office, mut device) = Office::with_root();
    let taken = key("taken");
    office.certified(holder_of(city("5810")), (2, "1227"), (&taken, &mut device));
    let number = office.draft(issuer(), (2, "1227")).unwrap();
    let good = office.application(number, &key("mine"));
    let make = |issuer, expiry, serial, key: &SecretKey| {
        tongtu_ride_code::certificate::apply_for_certificate(issuer, expiry, serial, key).unwrap()
    };
    let (mine, serial, until) = (key("mine"), good.tracking, good.expiry);
    let mut unproved = good.clone();
    unproved.proof[0] ^= 1;
    let mut service = good.clone();
    service.service_id = [1, 2, 3, 4];
    let root_key = &device.key;
    for (application, code) in [
        (unproved, "authority.invalid"),
        (service, "authority.invalid"),
        (
            make(holder_of(city("3020")), until, serial, &mine),
            "authority.differs",
        ),
        (
            make(issuer(), month("1127"), serial, &mine),
            "authority.differs",
        ),
        (make(issuer(), until, [0, 0, 9], &mine), "authority.differs"),
        (make(issuer(), until, serial, &taken), "authority.key_again"),
        (
            make(issuer(), until, serial, root_key),
            "authority.key_again",
        ),
    ] {
        let refused = office.step(number, What::Submitted(application));
        assert_eq!(refused.unwrap_err().code(), code);
    }
    office.step(number, What::Submitted(good)).unwrap();
}

#[test]
fn a_draft_is_within_scope_and_within_its_root() {
    let (mut office, _) = Office::with_root();
    let nowhere = institution("01349999");
    let refused =
        |office: &mut Office, issuer, terms| office.draft(issuer, terms).unwrap_err().code();
    assert_eq!(
        refused(&mut office, nowhere, (2, "1227")),
        "authority.out_of_scope"
    );
    let acquirer = issuer().as_acquirer();
    assert_eq!(
        refused(&mut office, acquirer, (2, "1227")),
        "authority.not_issuer"
    );
    assert_eq!(
        refused(&mut office, issuer(), (2, "0136")),
        "authority.term"
    );
    assert_eq!(
        refused(&mut office, issuer(), (2, "1225")),
        "authority.past"
    );
    assert_eq!(
        refused(&mut office, issuer(), (6, "1227")),
        "authority.no_root"
    );
    office.wait(11 * 365);
    assert_eq!(
        refused(&mut office, issuer(), (2, "1235")),
        "authority.no_root"
    );
}

#[test]
fn serial_numbers_rise_and_a_refused_one_is_not_given_again() {
    let (mut office, mut device) = Office::with_root();
    let first = office.draft(issuer(), (2, "1227")).unwrap();
    let application = office.application(first, &key("mine"));
    office.step(first, What::Submitted(application)).unwrap();
    office
        .step(first, What::Refused(Cause::Application))
        .unwrap();
    let second = office.certified(issuer(), (2, "1227"), (&key("mine"), &mut device));
    let serial = |office: &Office, number| office.book.certificate(number).unwrap().draft().serial;
    assert_eq!(serial(&office, first), [0, 0, 1]);
    assert_eq!(serial(&office, second), [0, 0, 2]);
    let elsewhere = office.draft(holder_of(city("3020")), (2, "1227")).unwrap();
    assert_eq!(serial(&office, elsewhere), [0, 0, 1]);
}

#[test]
fn a_signer_that_fails_leaves_nothing_behind() {
    let (mut office, mut device) = Office::with_root();
    let number = office.draft(issuer(), (2, "1227")).unwrap();
    let application = office.application(number, &key("mine"));
    office.step(number, What::Submitted(application)).unwrap();
    office.step(number, What::Approved).unwrap();
    let before = office.book.clone();
    for fault in [
        SignerFault::Unreachable,
        SignerFault::Refused,
        SignerFault::Wrong,
    ] {
        device.fault = Some(fault);
        let refused = office.issue(number, &mut device).unwrap_err();
        assert_eq!(refused, Refusal::Signer(fault));
        let root = office.root(7, "1240", &mut device).unwrap_err();
        assert_eq!(root.code(), "authority.key_again", "one key, one root");
    }
    let mut foreign = Device::new("another");
    let refused = office.issue(number, &mut foreign).unwrap_err();
    assert_eq!(refused.code(), "authority.foreign_signer");
    assert_eq!(foreign.asked, 0);
    assert_eq!(office.book, before);
    device.fault = None;
    office.issue(number, &mut device).unwrap();
}

#[test]
fn the_signer_is_not_asked_for_what_is_refused() {
    let (mut office, mut device) = Office::with_root();
    let asked = device.asked;
    let number = office.draft(issuer(), (2, "1227")).unwrap();
    assert_eq!(
        office.issue(number, &mut device).unwrap_err().code(),
        "authority.follows"
    );
    let application = office.application(number, &key("mine"));
    office.step(number, What::Submitted(application)).unwrap();
    office.step(number, What::Approved).unwrap();
    let by = Signers::System;
    let refused = office
        .book
        .issue(number, office.now, by, &mut device, &office.cities);
    assert_eq!(refused.unwrap_err().code(), "authority.duty");
    assert_eq!(device.asked, asked);
}

#[test]
fn a_certificate_that_the_root_did_not_sign_so_is_not_admitted() {
    let (mut office, mut device) = Office::with_root();
    office.certified(issuer(), (2, "1227"), (&key("mine"), &mut device));
    let at = office
        .events
        .iter()
        .position(|event| matches!(event.what, What::Issued(_)))
        .unwrap();
    let spoil = |change: &dyn Fn(&mut tongtu_ride_code::layout::IssuerCertificate)| {
        let mut events = office.events.clone();
        let What::Issued(certificate) = &mut events[at].what else {
            panic!("the event that was found");
        };
        change(certificate);
        let error = Authority::replay(&events, &office.cities).unwrap_err();
        (error.number, error.refusal.code())
    };
    let number = office.events[at].number;
    let invalid = (number, "authority.invalid");
    assert_eq!(spoil(&|c| c.ca_signature[3] ^= 1), invalid);
    assert_eq!(spoil(&|c| c.serial = [9, 9, 9]), invalid);
    assert_eq!(spoil(&|c| c.ca_index = 3), invalid);
    assert_eq!(
        Authority::replay(&office.events, &office.cities).as_ref(),
        Ok(&office.book)
    );
    // Well signed by the root, and not what was applied for.
    let root = office.book.roots().next().unwrap().root();
    let other = tongtu_ride_code::certificate::apply_for_certificate(
        issuer(),
        month("1230"),
        [0, 0, 1],
        &key("mine"),
    );
    let other = root.certify(&other.unwrap(), &device.key).unwrap();
    let differs = (number, "authority.differs");
    assert_eq!(spoil(&|c| *c = other.clone()), differs);
    let stranger = tongtu_ride_code::certificate::apply_for_certificate(
        issuer(),
        month("1227"),
        [0, 0, 1],
        &key("stranger"),
    );
    let stranger = root.certify(&stranger.unwrap(), &device.key).unwrap();
    assert_eq!(spoil(&|c| *c = stranger.clone()), differs);
}

#[test]
fn in_a_renewal_both_certificates_are_good_until_the_older_month_ends() {
    let (mut office, mut device) = Office::with_root();
    let (a, b) = (key("a"), key("b"));
    let old = office.certified(issuer(), (2, "0626"), (&a, &mut device));
    office.wait(150);
    let new = office.certified(issuer(), (2, "0627"), (&b, &mut device));
    let stage = |office: &Office, number| office.book.certificate(number).unwrap().stage();
    assert_eq!(stage(&office, old), CertificateStage::Superseded);
    let newer = office.book.certificate(old).unwrap().superseded_by();
    assert_eq!(newer, Some(new));
    let current = |office: &Office| {
        office
            .book
            .current(issuer(), office.now)
            .map(|c| c.number())
    };
    assert_eq!(current(&office), Some(new));
    assert_eq!(scanned(&office, old, &a, roots_of_file(&office)), None);
    assert_eq!(scanned(&office, new, &b, roots_of_file(&office)), None);
    office.wait(31);
    let late = Some(Verdict::CertExpired);
    assert_eq!(scanned(&office, old, &a, roots_of_file(&office)), late);
    office.settle();
    assert_eq!(stage(&office, old), CertificateStage::Expired);
    assert_eq!(current(&office), Some(new));
}

#[test]
fn the_end_of_a_certificate_is_announced_three_times_and_recorded_once() {
    let (mut office, mut device) = Office::with_root();
    let number = office.certified(issuer(), (2, "1226"), (&key("mine"), &mut device));
    let until = office.book.certificate(number).unwrap().over_at();
    let mut told = Vec::new();
    for _ in 0..400 {
        let due = office.book.due(office.now);
        told.extend(due.iter().map(|due| due.task));
        assert_eq!(office.settle().len(), due.len());
        assert!(office.book.due(office.now).is_empty(), "due again");
        office.wait(1);
    }
    let notice = |days| Task::Notice {
        certificate: number,
        days,
    };
    let expected = [
        notice(180),
        notice(90),
        notice(30),
        Task::Expire {
            certificate: number,
        },
    ];
    assert_eq!(told, expected);
    assert!(until <= office.now);
    assert_eq!(office.book.current(issuer(), office.now), None);
}

/// One step further.
type Way<'a> = dyn Fn(&mut Office, &mut Device) + 'a;

#[test]
fn a_step_after_a_stage_that_is_not_in_its_rows_is_refused() {
    let (mut office, mut device) = Office::with_root();
    let mine = key("mine");
    let drafted = office.draft(issuer(), (2, "1227")).unwrap();
    let application = office.application(drafted, &mine);
    let issued = office.certified(
        holder_of(city("5810")),
        (2, "1227"),
        (&key("x"), &mut device),
    );
    let certificate = office.book.certificate(issued).unwrap().certificate();
    let certificate = certificate.unwrap().clone();
    let steps = [
        What::Submitted(application),
        What::Approved,
        What::Refused(Cause::Application),
        What::Issued(certificate),
        What::Activated { supersedes: None },
        What::Expired,
        What::Revoked(Cause::Misuse),
        What::Noticed { days: 30 },
    ];
    let number = office.draft(holder_of(city("3020")), (2, "1227")).unwrap();
    let own = office.application(number, &key("own"));
    let mut seen = Vec::new();
    let ways: [&Way<'_>; 6] = [
        &|_, _| {},
        &|office, _| office.step(number, What::Submitted(own.clone())).unwrap(),
        &|office, _| office.step(number, What::Approved).unwrap(),
        &|office, device| office.issue(number, device).unwrap(),
        &|office, _| office.activate(number).unwrap(),
        &|office, _| office.step(number, What::Revoked(Cause::Misuse)).unwrap(),
    ];
    for way in ways {
        way(&mut office, &mut device);
        let stage = office.book.certificate(number).unwrap().stage();
        seen.push(stage);
        for what in &steps {
            let step = what.step();
            let refused = office.book.decide(
                Deed {
                    at: office.now,
                    certificate: number,
                    signers: office.signers(step, number),
                    what: what.clone(),
                },
                &office.cities,
            );
            let follows = matches!(refused, Err(Refusal::Follows { .. }));
            let mut rows = DUTIES.iter().filter(|duty| duty.step == step);
            let may = rows.any(|duty| duty.after.contains(&stage));
            assert_eq!(follows, !may, "{step} after {stage}: {refused:?}");
        }
    }
    let reached: std::collections::BTreeSet<_> = seen.into_iter().collect();
    assert_eq!(reached.len(), 6);
}

#[test]
fn every_event_comes_back_from_its_bytes_and_a_cut_one_does_not() {
    let (mut office, mut device) = Office::with_root();
    let first = office.certified(issuer(), (2, "0626"), (&key("a"), &mut device));
    office.wait(60);
    office.settle();
    let second = office.certified(issuer(), (2, "0627"), (&key("b"), &mut device));
    office
        .step(second, What::Revoked(Cause::DeviceLost))
        .unwrap();
    office.wait(130);
    office.settle();
    let refused = office.draft(issuer(), (2, "0628")).unwrap();
    let application = office.application(refused, &key("c"));
    office.step(refused, What::Submitted(application)).unwrap();
    office.step(refused, What::Refused(Cause::Closure)).unwrap();
    assert_eq!(
        office.book.certificate(first).unwrap().stage(),
        CertificateStage::Expired
    );
    office.wait(9 * 365);
    office.settle();
    office.wait(365);
    office.settle();
    let steps: std::collections::BTreeSet<Step> = office
        .events
        .iter()
        .map(|event| event.what.step())
        .collect();
    let missing: Vec<_> = Step::ALL.iter().filter(|s| !steps.contains(s)).collect();
    assert_eq!(missing, [&Step::RootRetired]);
    let mut all = Vec::new();
    for event in &office.events {
        let bytes = event.encode().unwrap();
        assert_eq!(Event::decode(&bytes).as_ref(), Ok(event));
        for cut in 0..bytes.len() {
            assert!(Event::decode(&bytes[..cut]).is_err(), "{event:?} at {cut}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            if let Ok(read) = Event::decode(&flipped) {
                assert_ne!(&read, event);
                assert_eq!(read.encode().unwrap(), flipped);
            }
        }
        all.extend(bytes);
    }
    let stored = Event::decode_all(&all).unwrap();
    let replayed = Authority::replay(&stored, &office.cities).unwrap();
    assert_eq!(replayed, office.book);
    assert!(Event::decode_all(&all[1..]).is_err());
}
